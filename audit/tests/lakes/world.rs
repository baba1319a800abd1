//! Lakes in memory, filled as ingest fills them, and compacted by the real compactor.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use iguazu_audit::verify::{Delivered, TableVerified};
use iguazu_audit::{Finding, Options, Problem, Verified, View, verify, view};
use iguazu_compact::{Compactor, ParquetTables, Settings};
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, FileEntry, Row, codec as rows};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceNumber, SequenceRange, SequenceSet, Timestamp};
use iguazu_lake::keys::version::Published;
use iguazu_lake::keys::{DataFile, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Payload, Record, Secrets, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

pub const ORDERS: &str = r#"
table = "orders"
version = 1
types = ["order.*"]
keep = "latest"
partition_by = ["day", "event_type"]

[[column]]
name = "amount"
path = "/amount"
type = "decimal(18,2)"

[[column]]
name = "shop"
path = "/shop"
type = "string"

[[column]]
name = "weight"
path = "/weight"
type = "float64"

[[column]]
name = "items"
path = "/items"
type = "list<struct<sku: string, quantity: int32>>"

[[rollup]]
name = "hourly"
window = "hour"
by = ["shop", "event_type"]
sum = ["amount"]
max = ["amount"]

[[rollup]]
name = "weights"
window = "month"
by = ["weight"]
min = ["shop"]
"#;

/// The second at which 2026-11-21 begins.
pub const FIRST_DAY: i64 = 1_795_219_200;

pub fn contract(changes: &[(&str, &str)]) -> Arc<Contract> {
    let text = changes.iter().fold(ORDERS.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    Arc::new(Contract::parse("orders.toml", &text).unwrap())
}

/// A host whose clock goes on by a microsecond with every look, and whose sleep never ends.
#[derive(Debug)]
pub struct TestHost(AtomicI64, AtomicU64);

impl Host for &TestHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1, Ordering::Relaxed))
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }

    fn random(&self) -> u64 {
        let n = self.1.fetch_add(1, Ordering::Relaxed);
        n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
    }
}

/// Runs a future that waits for nothing.
pub fn block<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing in memory is waited for"),
    }
}

/// A delivery: the text of a document, and when it arrived, in seconds since the first day.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub text: String,
    pub arrival: u32,
}

pub fn id(event: u32) -> String {
    format!("{:08x}-0000-4000-8000-{event:012x}", event.wrapping_mul(2_654_435_761))
}

/// An order of an event, so many seconds after the first day began.
pub fn order(event: u32, seconds: u32, cents: u32) -> Delivery {
    let time = Timestamp::from_micros((FIRST_DAY + i64::from(seconds)) * 1_000_000);
    let kind = if event.is_multiple_of(5) { "order.paid" } else { "order.placed" };
    let text = format!(
        r#"{{"id":"{}","type":"{kind}","time":"{time}","amount":{}.{:02},"shop":"s{}","weight":{}.5,"items":[{{"sku":"a{event}","quantity":{}}},null],"note":{event}}}"#,
        id(event),
        cents / 100,
        cents % 100,
        event % 3,
        event % 2,
        event % 7,
    );
    Delivery { text, arrival: 86_400 + seconds }
}

pub fn bad(arrival: u32) -> Delivery {
    Delivery { text: "no JSON".to_owned(), arrival }
}

pub struct Lake {
    pub objects: MemoryObjects,
    pub ledger: MemoryLedger,
    pub host: TestHost,
    /// The sequence number of the next record, of whatever shard.
    next: AtomicU64,
}

pub fn shard(of: u8) -> ChainId {
    format!("shard.orders.1795219200000.shardId-{of:012}").parse().unwrap()
}

impl Lake {
    pub fn new() -> Self {
        Self {
            objects: MemoryObjects::default(),
            ledger: MemoryLedger::default(),
            host: TestHost(AtomicI64::new((FIRST_DAY + 10 * 86_400) * 1_000_000), AtomicU64::new(1)),
            next: AtomicU64::new(1),
        }
    }

    /// Commits deliveries as ingest does, as the next row of a shard's chain. Returns the number of the first record.
    pub fn ingest(&self, contract: &Contract, of: u8, deliveries: &[Delivery]) -> u64 {
        let first = self.next.fetch_add(deliveries.len() as u64, Ordering::Relaxed);
        self.ingest_as(contract, of, first, deliveries);
        first
    }

    /// The same with sequence numbers from `first` on.
    pub fn ingest_as(&self, contract: &Contract, of: u8, first: u64, deliveries: &[Delivery]) {
        let chain = shard(of);
        let secrets = Secrets::default();
        let catalog = Catalog::new(vec![contract.clone()], &secrets, Limits::default()).unwrap();
        let mut batch = Batch::new(&catalog);
        let mut numbers: Vec<SequenceNumber> = Vec::new();
        for (sequence, delivery) in (first..).zip(deliveries) {
            let sequence = sequence.to_string().parse().unwrap();
            numbers.push(sequence);
            let arrival = Timestamp::from_micros((FIRST_DAY + i64::from(delivery.arrival)) * 1_000_000);
            batch.push(&Record { sequence, arrival, payload: Payload::Data(delivery.text.clone().into()) });
        }
        let output = batch.finish(&Source { chain: chain.clone() }, &Parquet).unwrap();
        let before = block(self.ledger.newest(&chain)).unwrap().map(|row| rows::decode(&row).unwrap());
        let n = before.as_ref().map_or(RowNumber::FIRST, |row| row.n.next());
        let attempt = AttemptId::fresh(&&self.host);
        let mut files = Vec::new();
        for file in output.files {
            let entry = FileEntry {
                area: file.area.clone(),
                partition: file.partition,
                rows: file.rows,
                bytes: file.bytes.len() as u64,
                event_time: file.event_time,
                sha256: Sha256Sum::of(&file.bytes),
            };
            let place = DataFile { area: file.area, partition: file.partition, chain: chain.clone(), n, attempt };
            block(self.objects.put(&place.key(), file.bytes)).unwrap();
            files.push(entry);
        }
        let set: SequenceSet = numbers.iter().copied().collect();
        let range = set.range().unwrap();
        let to = before.and_then(|row| row.to()).map_or(range.last(), |to| to.later_in_shard(range.last()));
        self.commit(&chain, n, attempt, range, to, files, output.counts, &set);
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a commit")]
    fn commit(
        &self,
        chain: &ChainId,
        n: RowNumber,
        attempt: AttemptId,
        range: SequenceRange,
        to: SequenceNumber,
        files: Vec<FileEntry>,
        counts: iguazu_transform::Counts,
        set: &SequenceSet,
    ) {
        let digest = SequenceSet::digest_of(set.as_slice());
        let body = Body::Commit(Commit { range, to, late: false, earlier: None, files, counts, digest });
        block(self.ledger.register(chain)).unwrap();
        block(self.ledger.put_if_absent(chain, &rows::encode(&Row { n, attempt, body }).unwrap())).unwrap();
    }

    pub fn compactor(&self, settings: Settings) -> Compactor<&MemoryObjects, &MemoryLedger, &TestHost, ParquetTables> {
        let settings = Settings { root: "s3://lake".to_owned(), versions_max: 64, ..settings };
        Compactor::new(&self.objects, &self.ledger, &self.host, ParquetTables, settings)
    }

    pub fn deadline(&self) -> Timestamp {
        (&self.host).now().plus(Duration::from_secs(900))
    }

    /// Compacts and publishes some buckets of the newest epoch, of so many in the first one.
    pub fn compact_some(&self, contract: &Arc<Contract>, first_buckets: u32, which: impl Fn(u32) -> bool) {
        self.compact_by(contract, Settings { first_buckets, ..Settings::default() }, which);
    }

    pub fn compact_by(&self, contract: &Arc<Contract>, settings: Settings, which: impl Fn(u32) -> bool) {
        let compactor = self.compactor(settings);
        for _ in 0..100 {
            let epoch = block(compactor.epoch(contract, self.deadline())).unwrap();
            let mut more = false;
            for bucket in (0..epoch.buckets).filter(|bucket| which(*bucket)) {
                more |= block(compactor.run(contract, bucket, self.deadline())).answer.unwrap().more;
            }
            if !more {
                return;
            }
        }
        panic!("compaction does not come to an end");
    }

    pub fn compact(&self, contract: &Arc<Contract>, first_buckets: u32) {
        self.compact_some(contract, first_buckets, |_| true);
    }

    pub fn view(&self, contract: &Contract) -> View {
        block(view(&self.objects, contract)).unwrap()
    }

    pub fn verified(&self, contract: &Arc<Contract>) -> Verified {
        self.verified_by(contract, &Options::default())
    }

    pub fn verified_by(&self, contract: &Arc<Contract>, options: &Options) -> Verified {
        block(verify(&self.objects, &self.ledger, std::slice::from_ref(contract), options, &mut |_| ())).unwrap()
    }

    /// What is wrong with the lake, by kind, each once. It is the same however the lake is gone through.
    pub fn problems(&self, contract: &Arc<Contract>) -> Vec<Problem> {
        let whole = self.verified(contract).findings;
        let parts = self.verified_by(contract, &Options { pass_rows: 3, ..Options::default() }).findings;
        assert_eq!(parts, whole);
        let mut problems: Vec<_> = whole.iter().map(|finding| finding.problem).collect();
        problems.sort_unstable();
        problems.dedup();
        problems
    }

    pub fn read(&self, key: &ObjectKey) -> Bytes {
        block(self.objects.get(key)).unwrap().unwrap_or_else(|| panic!("{key} is gone")).bytes
    }

    /// Changes a byte in the middle of an object.
    pub fn damage(&self, key: &ObjectKey) {
        let mut bytes = self.read(key).to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        block(self.objects.put(key, bytes.into())).unwrap();
    }

    /// What is published of a table as a whole: its snapshot, and how far each of so many buckets of an epoch is noted to be.
    pub fn published(&self, contract: &Contract, epoch: u32, buckets: u32) -> Vec<(ObjectKey, Bytes)> {
        let table = &contract.table;
        let chains = (0..buckets).map(|bucket| ChainId::Bucket { table: table.clone(), epoch, bucket });
        let keys = chains.map(|chain| Published::Through { chain }.key(table));
        let keys = std::iter::once(Published::Snapshot.key(table)).chain(keys);
        keys.map(|key| (key.clone(), self.read(&key))).collect()
    }

    /// Puts objects back as they were.
    pub fn restore(&self, objects: &[(ObjectKey, Bytes)]) {
        for (key, bytes) in objects {
            block(self.objects.put(key, bytes.clone())).unwrap();
        }
    }

    pub fn delete(&self, key: &ObjectKey) {
        block(self.objects.delete(key)).unwrap();
    }

    /// Shrinks a row of a shard's chain; returns the files that it named.
    pub fn shrink(&self, of: u8, n: u64) -> Vec<ObjectKey> {
        let files = self.files_of(of, n);
        let (chain, n) = (shard(of), RowNumber::new(n));
        let row = rows::decode(&block(self.ledger.get(&chain, n)).unwrap().unwrap()).unwrap();
        block(self.ledger.shrink(&chain, &rows::encode(&row.stub()).unwrap())).unwrap();
        files
    }

    /// The files that a row names.
    pub fn files_of(&self, of: u8, n: u64) -> Vec<ObjectKey> {
        let (chain, n) = (shard(of), RowNumber::new(n));
        let row = rows::decode(&block(self.ledger.get(&chain, n)).unwrap().unwrap()).unwrap();
        let Body::Commit(commit) = &row.body else { panic!("{row:?}") };
        commit.files.iter().map(|file| file.data_file(&chain, n, row.attempt).key()).collect()
    }

    pub fn rows_of(&self, key: &ObjectKey) -> RecordBatch {
        let reader = ParquetRecordBatchReaderBuilder::try_new(self.read(key)).unwrap().build().unwrap();
        let batches: Vec<_> = reader.map(Result::unwrap).collect();
        concat_batches(&batches[0].schema(), &batches).unwrap()
    }
}

/// What is told of a lake in two lines, for a test to state in full.
pub fn told(verified: &Verified) -> (Delivered, &TableVerified, &[Finding]) {
    (verified.delivered, &verified.tables[0], &verified.findings)
}
