//! A small lake in memory, without faults but for a death at a call that is counted, or a pause at every call.

#![expect(clippy::panic, clippy::unwrap_used, reason = "these are tests, though in functions of their own")]
#![allow(dead_code, reason = "each test uses a part of it")]

use std::future::Future;
use std::ops::Range;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use iguazu_compact::arrange::Sizes;
use iguazu_compact::epoch::Epochs;
use iguazu_compact::plan::Budget;
use iguazu_compact::publish::Manifest;
use iguazu_compact::state::codec::{self, PartitionFiles, VersionBody};
use iguazu_compact::state::{State, Written};
use iguazu_compact::{Compactor, Ran, Settings};
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Ingest};
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::version::VersionPart;
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{
    ETag, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};
use iguazu_lake::retry::RetryPolicy;
use iguazu_sim::live::{Sums, add_sums, read_sums, sums};
use iguazu_sim::payloads::{ARRIVAL, CATALOG, POOL, POOL_SIZE, TABLES};
use iguazu_sim::plain::{Line, SimFormat};
use iguazu_sim::truth::best;
use iguazu_transform::{Contract, Payload, Record};

/// When a process dies at a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Before the request leaves it.
    Before(usize),
    /// When the request has been applied, and before the answer comes.
    After(usize),
}

/// The ports of one process, which may die at a call, or be made to wait at each.
#[derive(Clone)]
pub struct Ports {
    pub objects: Arc<MemoryObjects>,
    pub ledger: Arc<MemoryLedger>,
    death: Option<Death>,
    waits: bool,
    calls: Arc<AtomicUsize>,
    dead: Arc<AtomicBool>,
}

struct Wait(bool);

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Ports {
    fn new(lake: &Lake, death: Option<Death>, waits: bool) -> Self {
        let (objects, ledger) = (Arc::clone(&lake.objects), Arc::clone(&lake.ledger));
        Self { objects, ledger, death, waits, calls: Arc::default(), dead: Arc::default() }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, PortError>>) -> Result<T, PortError> {
        if self.waits {
            Wait(false).await;
        }
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        if self.death == Some(Death::Before(number)) {
            self.dead.store(true, Ordering::Relaxed);
        }
        if self.dead.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let answer = call.await;
        if self.death == Some(Death::After(number)) {
            self.dead.store(true, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        answer
    }
}

impl Objects for Ports {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        self.call(Objects::get(&*self.objects, key)).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        self.call(self.objects.get_range(key, range)).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        self.call(self.objects.put(key, bytes)).await
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        self.call(Objects::put_if_absent(&*self.objects, key, bytes)).await
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        self.call(self.objects.put_if_match(key, bytes, etag)).await
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        self.call(self.objects.list(prefix, after, limit)).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.call(self.objects.delete(key)).await
    }
}

impl Ledger for Ports {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        self.call(Ledger::get(&*self.ledger, chain, n)).await
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        self.call(Ledger::put_if_absent(&*self.ledger, chain, row)).await
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        self.call(self.ledger.newest(chain)).await
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        self.call(self.ledger.scan_after(chain, after, limit)).await
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        self.call(self.ledger.shrink(chain, stub)).await
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        self.call(self.ledger.register(chain)).await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        self.call(self.ledger.registry(after, limit)).await
    }
}

/// A machine on which no pause ever ends, because nothing fails here that would be tried again.
#[derive(Clone)]
pub struct Machine {
    now: Arc<AtomicI64>,
    random: Arc<AtomicU64>,
}

impl Host for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::Relaxed))
    }

    fn sleep(&self, _: Duration) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    fn random(&self) -> u64 {
        self.random.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }
}

/// The lake.
pub struct Lake {
    pub objects: Arc<MemoryObjects>,
    pub ledger: Arc<MemoryLedger>,
    pub machine: Machine,
    pub settings: Settings,
}

pub type SmallCompactor = Compactor<Ports, Ports, Machine, SimFormat>;

/// How long replaced files stay.
pub const GRACE: Duration = Duration::from_secs(60);

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub rows: Vec<String>,
    pub sums: Vec<Sums>,
}

impl Lake {
    pub fn new() -> Self {
        let settings = Settings {
            budget: Budget { rows_max: 4, bytes_max: 1 << 20, files_max: 64 },
            sizes: Sizes { target_bytes: 400, fan: 2 },
            grace: GRACE,
            deadline_margin: Duration::ZERO,
            root: "s3://lake".to_owned(),
            ..Settings::default()
        };
        let machine = Machine { now: Arc::new(AtomicI64::new(ARRIVAL.micros())), random: Arc::new(AtomicU64::new(1)) };
        Self { objects: Arc::default(), ledger: Arc::default(), machine, settings }
    }

    pub fn deadline(&self) -> Timestamp {
        self.machine.now().plus(Duration::from_secs(600))
    }

    pub fn pass(&self, time: Duration) {
        self.machine.now.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// A compactor in a new process.
    pub fn compactor(&self, death: Option<Death>, waits: bool) -> SmallCompactor {
        let ports = Ports::new(self, death, waits);
        Compactor::new(ports.clone(), ports, self.machine.clone(), SimFormat::Plain, self.settings.clone())
    }

    /// Ingests a batch of deliveries: their places in the shard and their payloads, which are copies of few events.
    pub fn ingest(&self, shard: usize, records: &[(u64, usize)]) {
        let ports = Ports::new(self, None, false);
        let settings = iguazu_ingest::Settings {
            catalog: Arc::clone(&CATALOG),
            output_bytes_max: 1 << 20,
            deadline_margin: Duration::ZERO,
            partial_responses: true,
            retry: RetryPolicy::default(),
        };
        let streams = FixedStreams { created_ms: 1 };
        let ingest = Ingest::new(ports.clone(), ports, self.machine.clone(), streams, SimFormat::Plain, settings);
        let records = records.iter().map(|&(place, payload)| Record {
            sequence: (place + 1).into(),
            arrival: ARRIVAL.plus(Duration::from_millis(place * 7 + shard as u64)),
            payload: Payload::Data(POOL[POOL_SIZE + payload].data.clone()),
        });
        let source = ("orders".parse().unwrap(), format!("shardId-{shard:012}").parse().unwrap());
        let invocation = Invocation { shards: [(source, records.collect())].into(), unidentified: None };
        let handled = finish(ingest.handle(invocation, self.deadline()));
        assert!(handled.answer.is_ok());
    }

    /// Begins another epoch of a table.
    pub async fn change(&self, ports: &Ports, contract: &Contract, buckets: u32) {
        let (retry, deadline) = (RetryPolicy::default(), self.deadline());
        let epochs = Epochs { ledger: ports, host: &self.machine, retry, deadline };
        epochs.change(&contract.table, buckets).await.unwrap();
    }

    pub fn ports(&self, death: Option<Death>) -> Ports {
        Ports::new(self, death, false)
    }

    /// The newest epoch of a table, and its buckets.
    pub fn epoch(&self, contract: &Contract) -> Option<(u32, u32)> {
        let chain = ChainId::Epochs { table: contract.table.clone() };
        let row = finish(self.ledger.newest(&chain)).unwrap()?;
        let body: codec::EpochBody = codec::decode(|| "an epoch".to_owned(), row.body.as_bytes()).unwrap();
        Some((u32::try_from(row.n.get()).unwrap(), body.buckets))
    }

    /// Every bucket of every table runs until nothing is left.
    pub fn compact(&self) {
        let compactor = self.compactor(None, false);
        for contract in TABLES.iter() {
            let mut bucket = 0;
            while bucket < self.epoch(contract).map_or(1, |(_, buckets)| buckets) {
                let ran = finish(compactor.run(contract, bucket, self.deadline()));
                bucket += u32::from(!ended(&ran));
            }
        }
    }

    fn get(&self, key: &ObjectKey) -> Bytes {
        finish(Objects::get(&*self.objects, key)).unwrap().unwrap_or_else(|| panic!("{key} is gone")).bytes
    }

    /// The keys that begin with a prefix.
    pub fn keys(&self, prefix: &str) -> Vec<ObjectKey> {
        let keys = finish(self.objects.list(&KeyPrefix::everything(), None, usize::MAX)).unwrap();
        keys.into_iter().filter(|key| key.as_str().starts_with(prefix)).collect()
    }

    /// What raw says that a table has to hold.
    pub fn truth(&self, contract: &Contract) -> Content {
        let files = self.keys(&format!("raw/{}/", contract.table));
        let lines: Vec<_> = files.iter().flat_map(|key| SimFormat::lines(&self.get(key)).unwrap()).collect();
        let best = best(contract.keep, &lines);
        content(
            best.into_values(),
            contract
                .rollups
                .iter()
                .map(|rollup| {
                    let best = iguazu_sim::truth::best(contract.keep, &lines);
                    sums(rollup, best.into_values())
                })
                .collect(),
        )
    }

    /// What the newest versions of a table hold.
    pub fn content(&self, contract: &Contract) -> Content {
        let table = &contract.table;
        let (mut lines, mut said) = (Vec::new(), vec![Sums::new(); contract.rollups.len()]);
        for (chain, n) in self.versions(contract) {
            let row = codec::row(&finish(Ledger::get(&*self.ledger, &chain, n)).unwrap().unwrap()).unwrap();
            let VersionBody::Version { state: sum, .. } = row.body else { panic!("{n} of {chain} is no version") };
            let own = Written { n, attempt: row.attempt, ordinal: 0 };
            let key = own.object(&chain, table, VersionPart::State).key();
            let state: State = codec::state(key.as_str(), &self.get(&key), &sum).unwrap();
            state.conserved().unwrap();
            for (partition, entry) in &state.partitions {
                let key = entry.object.partition(&chain, table);
                let files: PartitionFiles = codec::read(key.as_str(), &self.get(&key), &entry.sha256).unwrap();
                for file in files.files {
                    lines.extend(SimFormat::lines(&self.get(&file.written.data(&chain, table, partition))).unwrap());
                    for (rollup, said) in file.rollups.iter().zip(&mut said) {
                        let key = file.written.rollup(&chain, table, partition, &rollup.rollup);
                        add_sums(said, &read_sums(&self.get(&key)).unwrap());
                    }
                }
            }
        }
        content(&lines, said)
    }

    /// What the manifests of the newest epoch of a table name.
    pub fn published(&self, contract: &Contract) -> Content {
        let epoch = self.epoch(contract).map_or(0, |(epoch, _)| epoch);
        let table = &contract.table;
        let files = |folder: String| {
            let manifests = self.keys(&folder).into_iter();
            manifests.flat_map(|key| Manifest::parse("s3://lake", &self.get(&key)).unwrap().files).collect::<Vec<_>>()
        };
        let events = files(format!("tables/{table}/events/epoch={epoch}/"));
        let lines: Vec<_> = events.iter().flat_map(|key| SimFormat::lines(&self.get(key)).unwrap()).collect();
        let said = contract.rollups.iter().map(|rollup| {
            let mut said = Sums::new();
            for file in files(format!("tables/{table}/rollups/{}/epoch={epoch}/", rollup.name)) {
                add_sums(&mut said, &read_sums(&self.get(&file)).unwrap());
            }
            said
        });
        content(&lines, said.collect())
    }

    fn versions(&self, contract: &Contract) -> Vec<(ChainId, RowNumber)> {
        let Some((epoch, buckets)) = self.epoch(contract) else { return Vec::new() };
        let chains = (0..buckets).map(|bucket| ChainId::Bucket { table: contract.table.clone(), epoch, bucket });
        chains.filter_map(|chain| Some((chain.clone(), finish(self.ledger.newest(&chain)).unwrap()?.n))).collect()
    }

    /// All tables hold and publish what raw says.
    pub fn assert_true(&self, when: &str) {
        for contract in TABLES.iter() {
            let truth = self.truth(contract);
            assert_eq!(self.content(contract), truth, "{}: {when}", contract.table);
            assert_eq!(self.published(contract), truth, "what is published of {}: {when}", contract.table);
        }
    }
}

fn content<'a>(lines: impl IntoIterator<Item = &'a Line>, sums: Vec<Sums>) -> Content {
    let mut rows: Vec<_> = lines.into_iter().map(|line| format!("{line:?}")).collect();
    rows.sort_unstable();
    Content { rows, sums }
}

/// Whether a run that nothing disturbed left something for the next.
pub fn ended(ran: &Ran) -> bool {
    match &ran.answer {
        Ok(finished) => finished.more,
        Err(error) => panic!("a run that nothing disturbed failed: {error}"),
    }
}

/// Runs a future until it ends, or until it waits for what never comes.
pub fn run<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(ended) => Some(ended),
        Poll::Pending => None,
    }
}

/// Runs a future that waits for nothing.
pub fn finish<T>(future: impl Future<Output = T>) -> T {
    run(future).unwrap_or_else(|| panic!("memory makes nobody wait"))
}
