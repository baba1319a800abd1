//! The two ports and the host, as the world offers them to production code.
//!
//! Every call is handed to the world, which decides when it is applied, when it is answered, and what the answer
//! says. A future that is dropped takes nothing back: its request is on its way.

use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{
    ETag, Fault as PortFault, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};

use crate::world::World;

/// The world, shared by everything that runs in it. One thread uses it.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(crate) fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call to a port.
#[derive(Clone, Debug)]
pub enum Request {
    /// Read an object.
    Get(ObjectKey),
    /// Read a part of an object.
    GetRange(ObjectKey, Range<u64>),
    /// Create an object.
    PutIfAbsent(ObjectKey, Bytes),
    /// Replace an object.
    PutIfMatch(ObjectKey, Bytes, ETag),
    /// Delete an object.
    Delete(ObjectKey),
    /// List objects.
    List(KeyPrefix, Option<ObjectKey>, usize),
    /// Read a row.
    GetRow(ChainId, RowNumber),
    /// Write a row.
    PutRow(ChainId, StoredRow),
    /// Read the newest row.
    Newest(ChainId),
    /// Read rows.
    Scan(ChainId, Option<RowNumber>, usize),
    /// Shrink a row.
    Shrink(ChainId, StoredRow),
    /// Enter a chain in the registry.
    Register(ChainId),
    /// Read the registry.
    Registry(Option<ChainId>, usize),
}

/// The answer to a call that went well.
#[derive(Clone, Debug)]
pub enum Answer {
    /// To a read of an object.
    Object(Option<Object>),
    /// To a read of a part.
    Range(Option<Bytes>),
    /// To a replacement.
    PutIfMatch(PutIfMatch),
    /// To a read of the registry.
    Chains(Vec<ChainId>),
    /// To a creation.
    PutIfAbsent(PutIfAbsent),
    /// To a listing.
    Keys(Vec<ObjectKey>),
    /// To a read of a row.
    Row(Option<StoredRow>),
    /// To a scan.
    Rows(Vec<StoredRow>),
    /// To a write of a row.
    PutRow(PutRow),
    /// To a shrinking.
    Shrunk(Shrunk),
    /// To what has no answer.
    Unit,
}

impl Request {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_read(&self) -> bool {
        match self {
            Self::Get(_) | Self::GetRange(..) | Self::List(..) => true,
            Self::GetRow(..) | Self::Newest(_) | Self::Scan(..) | Self::Registry(..) => true,
            Self::PutIfAbsent(..) | Self::PutIfMatch(..) | Self::Delete(_) => false,
            Self::PutRow(..) | Self::Shrink(..) | Self::Register(_) => false,
        }
    }

    /// Its name, for timelines.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Get(_) => "get object",
            Self::GetRange(..) => "get part of object",
            Self::PutIfAbsent(..) => "put object",
            Self::PutIfMatch(..) => "replace object",
            Self::Delete(_) => "delete object",
            Self::List(..) => "list objects",
            Self::GetRow(..) => "read row",
            Self::PutRow(..) => "put row",
            Self::Newest(_) => "read newest row",
            Self::Scan(..) => "scan rows",
            Self::Shrink(..) => "shrink row",
            Self::Register(_) => "register chain",
            Self::Registry(..) => "read registry",
        }
    }
}

struct Call {
    shared: Shared,
    request: Option<Request>,
    id: usize,
}

impl Future for Call {
    type Output = Result<Answer, PortError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut world = this.shared.lock();
        match this.request.take() {
            Some(request) => {
                this.id = world.submit(request, context.waker().clone());
                Poll::Pending
            }
            None => world.take_reply(this.id, context.waker()).map_or(Poll::Pending, Poll::Ready),
        }
    }
}

/// The ports of the world.
#[derive(Clone)]
pub struct SimPorts(pub Shared);

impl SimPorts {
    async fn call<T>(&self, request: Request, take: fn(Answer) -> Option<T>) -> Result<T, PortError> {
        let answer = Call { shared: self.0.clone(), request: Some(request), id: 0 }.await?;
        take(answer).ok_or_else(|| absent("an answer of another kind"))
    }
}

fn absent(what: &'static str) -> PortError {
    PortError::NotApplied(PortFault::lasting("sim", what))
}

impl Objects for SimPorts {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        self.call(Request::Get(key.clone()), |answer| match answer {
            Answer::Object(object) => Some(object),
            _ => None,
        })
        .await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        self.call(Request::GetRange(key.clone(), range), |answer| match answer {
            Answer::Range(bytes) => Some(bytes),
            _ => None,
        })
        .await
    }

    async fn put(&self, _: &ObjectKey, _: Bytes) -> Result<ETag, PortError> {
        Err(absent("nothing that runs here overwrites objects"))
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        self.call(Request::PutIfAbsent(key.clone(), bytes), |answer| match answer {
            Answer::PutIfAbsent(put) => Some(put),
            _ => None,
        })
        .await
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        self.call(Request::PutIfMatch(key.clone(), bytes, etag.clone()), |answer| match answer {
            Answer::PutIfMatch(put) => Some(put),
            _ => None,
        })
        .await
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        self.call(Request::List(prefix.clone(), after.cloned(), limit), |answer| match answer {
            Answer::Keys(keys) => Some(keys),
            _ => None,
        })
        .await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.call(Request::Delete(key.clone()), |answer| matches!(answer, Answer::Unit).then_some(())).await
    }
}

fn row(answer: Answer) -> Option<Option<StoredRow>> {
    match answer {
        Answer::Row(row) => Some(row),
        _ => None,
    }
}

impl Ledger for SimPorts {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        self.call(Request::GetRow(chain.clone(), n), row).await
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        self.call(Request::PutRow(chain.clone(), row.clone()), |answer| match answer {
            Answer::PutRow(put) => Some(put),
            _ => None,
        })
        .await
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        self.call(Request::Newest(chain.clone()), row).await
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        self.call(Request::Scan(chain.clone(), after, limit), |answer| match answer {
            Answer::Rows(rows) => Some(rows),
            _ => None,
        })
        .await
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        self.call(Request::Shrink(chain.clone(), stub.clone()), |answer| match answer {
            Answer::Shrunk(shrunk) => Some(shrunk),
            _ => None,
        })
        .await
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        self.call(Request::Register(chain.clone()), |answer| matches!(answer, Answer::Unit).then_some(())).await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        self.call(Request::Registry(after.cloned(), limit), |answer| match answer {
            Answer::Chains(chains) => Some(chains),
            _ => None,
        })
        .await
    }
}

/// The host of the world: its clock is that of the container whose task is running.
#[derive(Clone)]
pub struct SimHost(pub Shared);

impl Host for SimHost {
    fn now(&self) -> Timestamp {
        self.0.lock().clock()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        Sleep { shared: self.0.clone(), duration, until: None }
    }

    fn random(&self) -> u64 {
        self.0.lock().random()
    }
}

struct Sleep {
    shared: Shared,
    duration: Duration,
    until: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let mut world = this.shared.lock();
        match this.until {
            None => {
                this.until = Some(world.wake_after(this.duration, context.waker().clone()));
                Poll::Pending
            }
            Some(until) if world.now() >= until => Poll::Ready(()),
            Some(_) => Poll::Pending,
        }
    }
}
