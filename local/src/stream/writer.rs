//! The thread that writes, and the handle that commands go through.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{StreamName, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use tokio::sync::{Semaphore, oneshot, watch};

use super::limits::Limits;
use super::round::Round;
use super::store::{self, Checkpoint, Keys, StreamError};
use super::topology::Streams;

/// Commands that share a transaction, at most.
const GROUP_MAX: usize = 256;
/// Commands that wait, at most: beyond that, those who put wait with them.
const QUEUE_MAX: usize = 1_024;
/// KiB of records that wait, at most.
const WAITING_KIB_MAX: u32 = 64 << 10;

/// A record to put.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it goes.
    pub hash: u128,
    /// Its partition key.
    pub partition_key: String,
    /// Its data.
    pub data: Bytes,
}

/// Where a record was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The shard.
    pub shard: u32,
    /// Its position.
    pub position: u64,
}

/// A record that was not put, because its shard has had enough for this second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The shard.
    pub shard: u32,
}

/// What became of each record of a put, and the stream's creation time.
pub type PutReply = (u64, Vec<Result<Placed, Refused>>);

pub(super) type Reply<T> = oneshot::Sender<Result<T, StreamError>>;

/// What the thread is asked to do.
pub(super) enum Command {
    Put { stream: StreamName, entries: Vec<Entry>, now: Timestamp, reply: Reply<PutReply> },
    Create { stream: StreamName, shards: u32, retention_hours: u32, now: Timestamp, reply: Reply<()> },
    Change { stream: StreamName, change: Change, reply: Reply<()> },
    Checkpoint { shard: i64, checkpoint: Checkpoint, reply: Reply<()> },
    Trim { now: Timestamp, reply: Reply<u64> },
    Agree { committed: BTreeMap<(StreamName, u32), u64>, reply: Reply<u64> },
}

/// A change of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Split a shard.
    Split {
        /// The shard.
        shard: u32,
        /// Where its second half begins.
        at: u128,
    },
    /// Merge two adjacent shards.
    Merge {
        /// One of them.
        shard: u32,
        /// The other.
        adjacent: u32,
    },
    /// Double or halve the open shards.
    Scale {
        /// How many there shall be.
        target: u32,
    },
    /// Keep records for so long.
    Retention {
        /// In hours.
        hours: u32,
    },
}

/// The streams as they are now, with the key of each shard in the store.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The streams.
    pub streams: Streams,
    /// The key of each shard.
    pub keys: Keys,
}

/// The handle of the writing thread. It stops when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Writer {
    commands: mpsc::SyncSender<Command>,
    known: Arc<RwLock<Arc<Known>>>,
    newest: watch::Receiver<u64>,
    /// Permits for what waits, a KiB each.
    waiting: Arc<Semaphore>,
}

struct Thread {
    connection: Connection,
    known: Known,
    shared: Arc<RwLock<Arc<Known>>>,
    next: u64,
    newest: watch::Sender<u64>,
    limits: Option<Limits>,
}

impl Writer {
    /// Opens the store, which is made if need be, and starts the thread. `limited`: shards take no more than Kinesis'
    /// take.
    ///
    /// # Errors
    /// Where the file cannot be opened or is none of ours.
    pub fn open(path: &Path, limited: bool) -> Result<(Self, JoinHandle<()>), StreamError> {
        let connection = store::create(path)?;
        let (streams, keys) = store::streams(&connection)?;
        let newest = store::newest(&connection)?;
        let known = Known { streams, keys };
        let shared = Arc::new(RwLock::new(Arc::new(known.clone())));
        let (send, receive) = mpsc::sync_channel(QUEUE_MAX);
        let (tell, told) = watch::channel(newest);
        let limits = limited.then(Limits::default);
        let thread = Thread { connection, known, shared: Arc::clone(&shared), next: newest + 1, newest: tell, limits };
        let handle = std::thread::Builder::new()
            .name("stream-writer".to_owned())
            .spawn(move || thread.run(&receive))
            .map_err(|error| StreamError::File {
            path: path.to_owned(),
            problem: format!("no thread could be started to write it: {error}"),
        })?;
        let waiting = Arc::new(Semaphore::new(WAITING_KIB_MAX as usize));
        Ok((Self { commands: send, known: shared, newest: told, waiting }, handle))
    }

    /// The streams as they are now.
    #[must_use]
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the newest position whenever something was written.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }

    /// Puts records, all but those of shards that have had enough.
    ///
    /// # Errors
    /// Where there is no such stream, or the store failed: then none was put, unless it failed at the very end.
    pub async fn put(&self, stream: StreamName, entries: Vec<Entry>, now: Timestamp) -> Result<PutReply, StreamError> {
        let bytes: usize = entries.iter().map(|entry| entry.data.len() + entry.partition_key.len()).sum();
        let kib = u32::try_from(bytes / 1_024 + 1).unwrap_or(u32::MAX).min(WAITING_KIB_MAX);
        // Held until the answer is there: what waits is bounded by its bytes too.
        let _held = self.waiting.acquire_many(kib).await.map_err(|_| StreamError::Stopped)?;
        self.ask(|reply| Command::Put { stream, entries, now, reply }).await
    }

    /// Creates a stream.
    ///
    /// # Errors
    /// Where there is one, or the store failed.
    pub async fn create(
        &self,
        stream: StreamName,
        shards: u32,
        retention_hours: u32,
        now: Timestamp,
    ) -> Result<(), StreamError> {
        self.ask(|reply| Command::Create { stream, shards, retention_hours, now, reply }).await
    }

    /// Creates a stream, and blocks until it is there: for a start, outside of any runtime.
    ///
    /// # Errors
    /// Where there is one, or the store failed.
    pub fn create_now(
        &self,
        stream: StreamName,
        shards: u32,
        retention_hours: u32,
        now: Timestamp,
    ) -> Result<(), StreamError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Create { stream, shards, retention_hours, now, reply };
        self.commands.send(command).map_err(|_| StreamError::Stopped)?;
        answer.blocking_recv().map_err(|_| StreamError::Stopped)?
    }

    /// Makes the store agree with what was committed of each shard, and blocks until it does: no position up to there is
    /// given out again, and no checkpoint is beyond records that are not committed. Returns how many were moved back.
    ///
    /// # Errors
    /// Where the store failed.
    pub fn agree_now(&self, committed: BTreeMap<(StreamName, u32), u64>) -> Result<u64, StreamError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Agree { committed, reply }).map_err(|_| StreamError::Stopped)?;
        answer.blocking_recv().map_err(|_| StreamError::Stopped)?
    }

    /// Changes a stream.
    ///
    /// # Errors
    /// Where it cannot be changed like this, or the store failed.
    pub async fn change(&self, stream: StreamName, change: Change) -> Result<(), StreamError> {
        self.ask(|reply| Command::Change { stream, change, reply }).await
    }

    /// Moves the mapping's checkpoint.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn checkpoint(&self, shard: i64, checkpoint: Checkpoint) -> Result<(), StreamError> {
        self.ask(|reply| Command::Checkpoint { shard, checkpoint, reply }).await
    }

    /// Deletes records that were consumed and are older than their retention. Returns how many; call again if any.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn trim(&self, now: Timestamp) -> Result<u64, StreamError> {
        self.ask(|reply| Command::Trim { now, reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StreamError> {
        let (reply, answer) = oneshot::channel();
        let mut command = command(reply);
        // The queue is short of being full but when the disk cannot keep up; then waiting here is the point.
        loop {
            match self.commands.try_send(command) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(StreamError::Stopped),
                Err(mpsc::TrySendError::Full(back)) => command = back,
            }
            SystemHost.sleep(Duration::from_millis(2)).await;
        }
        answer.await.map_err(|_| StreamError::Stopped)?
    }
}

/// An answer that waits for the commit.
pub(super) type Answer = Box<dyn FnOnce(Result<(), StreamError>) + Send>;

impl Thread {
    fn run(mut self, commands: &mpsc::Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let more = std::iter::from_fn(|| commands.try_recv().ok()).take(GROUP_MAX - 1);
            let group = std::iter::once(first).chain(more).collect();
            self.commit(group);
        }
    }

    /// Carries commands out in one transaction, and answers them once it is on the disk.
    fn commit(&mut self, group: Vec<Command>) {
        let mut known = self.known.clone();
        let (answers, broken) = self.attempt(&mut known, group);
        match &broken {
            None => {
                self.publish(known);
                let _ = self.newest.send(self.next - 1);
            }
            Some(cause) => {
                tracing::error!(cause, "nothing was written to the stream; those who put may try again");
                // A commit that failed may have been made after all, so what is known is what the file says.
                if let Ok((streams, keys)) = store::streams(&self.connection) {
                    self.publish(Known { streams, keys });
                }
            }
        }
        for answer in answers {
            answer(broken.clone().map_or(Ok(()), |cause| Err(StreamError::Unwritten { cause })));
        }
    }

    fn publish(&mut self, known: Known) {
        self.known = known;
        *self.shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(self.known.clone());
    }

    /// The answers that the commands are to get if nothing broke, and what broke if something did: then nothing of them
    /// was written. A position that was given out once is not given out again either way.
    fn attempt(&mut self, known: &mut Known, group: Vec<Command>) -> (Vec<Answer>, Option<String>) {
        let Self { connection, next, limits, .. } = self;
        let begun = connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let (transaction, broken) = match begun {
            Ok(transaction) => (Some(transaction), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let mut round = Round { transaction: transaction.as_ref(), known, next, limits, broken };
        let answers = group.into_iter().map(|command| round.carry_out(command)).collect();
        let mut broken = round.broken;
        if broken.is_none() {
            let committed = transaction.map_or(Ok(()), Transaction::commit);
            broken = committed.err().map(|error| error.to_string());
        }
        (answers, broken)
    }
}
