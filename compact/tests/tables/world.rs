//! A lake in memory, filled as ingest fills it, and what must come of it by brute force.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use iguazu_compact::publish::{Manifest, Snapshot};
use iguazu_compact::state::codec::{self, PartitionFiles, VersionBody};
use iguazu_compact::state::{LiveFile, State, Written};
use iguazu_compact::{Compactor, ParquetTables, Settings};
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, FileEntry, Row, codec as rows};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceNumber, SequenceRange, SequenceSet, Timestamp};
use iguazu_lake::keys::version::{Published, TablePartition, VersionPart};
use iguazu_lake::keys::{DataFile, KeyPrefix, ObjectKey};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Payload, Record, Secrets, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

pub const ROOT: &str = "s3://lake/prefix";

const ORDERS: &str = r#"
table = "orders"
version = 1
types = ["order.*"]
keep = "latest"

[[column]]
name = "amount"
path = "/amount"
type = "decimal(18,2)"

[[column]]
name = "shop"
path = "/shop"
type = "string"

[[rollup]]
name = "hourly"
window = "hour"
by = ["shop", "event_type"]
sum = ["amount"]
max = ["amount"]
"#;

pub fn contract(changes: &[(&str, &str)]) -> Arc<Contract> {
    let text = changes.iter().fold(ORDERS.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "{from}");
        text.replace(from, to)
    });
    Arc::new(Contract::parse("orders.toml", &text).unwrap())
}

/// A host whose clock goes on by a microsecond with every look, and whose sleep never ends.
#[derive(Debug)]
pub struct TestHost {
    now: AtomicI64,
    random: AtomicU64,
}

impl TestHost {
    pub fn new(seed: u64) -> Self {
        Self { now: AtomicI64::new(1_767_225_600_000_000), random: AtomicU64::new(seed << 32) }
    }

    pub fn pass(&self, duration: Duration) {
        self.now.fetch_add(duration.as_micros() as i64, Ordering::Relaxed);
    }
}

impl Host for &TestHost {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.fetch_add(1, Ordering::Relaxed))
    }

    async fn sleep(&self, _: Duration) {
        std::future::pending::<()>().await;
    }

    fn random(&self) -> u64 {
        let n = self.random.fetch_add(1, Ordering::Relaxed);
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

/// A delivery: which event, when, what, and where it came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    pub event: u16,
    /// Seconds since the tests' first day.
    pub time: u32,
    pub cents: i32,
    pub shop: u8,
    pub arrival: u32,
    pub shard: u8,
}

pub struct Lake {
    pub objects: MemoryObjects,
    pub ledger: MemoryLedger,
    pub host: TestHost,
}

pub type TestCompactor<'a> = Compactor<&'a MemoryObjects, &'a MemoryLedger, &'a TestHost, ParquetTables>;

const FIRST_DAY: i64 = 1_767_225_600;

fn shard(of: u8) -> ChainId {
    format!("shard.orders.1767225600000.shardId-{of:012}").parse().unwrap()
}

impl Lake {
    pub fn new(seed: u64) -> Self {
        Self { objects: MemoryObjects::default(), ledger: MemoryLedger::default(), host: TestHost::new(seed) }
    }

    /// Commits deliveries as ingest does: a row for each shard that they came by. A delivery's sequence number is its
    /// position among all, so that it is the same however they are batched.
    pub fn ingest(&self, contract: &Contract, deliveries: &[(usize, Delivery)]) {
        let secrets = Secrets::default();
        let catalog = Catalog::new(vec![contract.clone()], &secrets, Limits::default()).unwrap();
        let shards: BTreeSet<u8> = deliveries.iter().map(|(_, delivery)| delivery.shard).collect();
        for of in shards {
            let mut batch = Batch::new(&catalog);
            let mut numbers = Vec::new();
            for (position, delivery) in deliveries.iter().filter(|(_, delivery)| delivery.shard == of) {
                let sequence: SequenceNumber = (position + 1).to_string().parse().unwrap();
                numbers.push(sequence);
                batch.push(&record(sequence, delivery));
            }
            self.commit(&shard(of), batch, &numbers);
        }
    }

    fn commit(&self, chain: &ChainId, batch: Batch<'_>, numbers: &[SequenceNumber]) {
        let output = batch.finish(&Source { chain: chain.clone() }, &Parquet).unwrap();
        assert_eq!(output.counts.quarantined, 0);
        let n = block(self.ledger.newest(chain)).unwrap().map_or(RowNumber::FIRST, |row| row.n.next());
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
        let range = SequenceRange::new(set.as_slice()[0], *set.as_slice().last().unwrap()).unwrap();
        let body = Body::Commit(Commit {
            range,
            to: range.last(),
            late: false,
            earlier: None,
            files,
            counts: output.counts,
            digest: SequenceSet::digest_of(set.as_slice()),
        });
        block(self.ledger.register(chain)).unwrap();
        block(self.ledger.put_if_absent(chain, &rows::encode(&Row { n, attempt, body }).unwrap())).unwrap();
    }

    pub fn compactor(&self, settings: Settings) -> TestCompactor<'_> {
        let settings = Settings { root: ROOT.to_owned(), ..settings };
        Compactor::new(&self.objects, &self.ledger, &self.host, ParquetTables, settings)
    }

    pub fn deadline(&self) -> Timestamp {
        (&self.host).now().plus(Duration::from_secs(900))
    }

    pub fn read(&self, key: &ObjectKey) -> Bytes {
        block(self.objects.get(key)).unwrap().unwrap_or_else(|| panic!("{key} is gone")).bytes
    }

    pub fn keys(&self) -> Vec<ObjectKey> {
        block(self.objects.list(&KeyPrefix::everything(), None, usize::MAX)).unwrap()
    }

    pub fn snapshot(&self, contract: &Contract) -> Snapshot {
        let key = Published::Snapshot.key(&contract.table);
        Snapshot::read("snapshot", &self.read(&key)).unwrap()
    }

    /// Every live file of the snapshot, with its bucket's chain and partition.
    pub fn live(&self, contract: &Contract) -> Vec<(ChainId, TablePartition, LiveFile)> {
        let snapshot = self.snapshot(contract);
        let mut live = Vec::new();
        for (bucket, entry) in snapshot.versions(snapshot.current) {
            let table = contract.table.clone();
            let chain = ChainId::Bucket { table: table.clone(), epoch: snapshot.current, bucket };
            let state = self.state(contract, &chain, entry.n);
            for (partition, of) in &state.partitions {
                let key = of.object.partition(&chain, &table);
                let files: PartitionFiles = codec::read(key.as_str(), &self.read(&key), &of.sha256).unwrap();
                live.extend(files.files.into_iter().map(|file| (chain.clone(), partition.clone(), file)));
            }
        }
        live
    }

    pub fn state(&self, contract: &Contract, chain: &ChainId, n: RowNumber) -> State {
        let row = codec::row(&block(self.ledger.get(chain, n)).unwrap().unwrap()).unwrap();
        let VersionBody::Version { state, .. } = row.body else { panic!("{row:?}") };
        let written = Written { n, attempt: row.attempt, ordinal: 0 };
        let key = written.object(chain, &contract.table, VersionPart::State).key();
        codec::state(key.as_str(), &self.read(&key), &state).unwrap()
    }

    /// What a reader of the snapshot sees: every event with its day, and every roll-up group.
    pub fn seen(&self, contract: &Contract) -> Seen {
        let mut seen = Seen::default();
        for (chain, partition, file) in self.live(contract) {
            let bytes = self.read(&file.written.data(&chain, &contract.table, &partition));
            assert_eq!(Sha256Sum::of(&bytes), file.sha256);
            let mut last = i64::MIN;
            for batch in batches(bytes) {
                for event in events(&batch) {
                    assert!(event.1 >= last, "rows are in the order of event time");
                    last = event.1;
                    seen.add(&partition, event);
                }
            }
            for rollup in &file.rollups {
                let key = file.written.rollup(&chain, &contract.table, &partition, &rollup.rollup);
                batches(self.read(&key)).iter().for_each(|batch| seen.sum(batch));
            }
        }
        seen
    }

    /// What a reader of the manifests of an epoch sees, which is to be the same.
    pub fn seen_by_manifests(&self, contract: &Contract, epoch: u32) -> Seen {
        let mut seen = Seen::default();
        for key in self.keys() {
            let text = key.as_str().to_owned();
            let Some(rest) = text.strip_prefix(&format!("tables/{}/", contract.table)) else { continue };
            let files = || Manifest::parse(ROOT, &self.read(&key)).unwrap().files;
            if let Some(partition) = rest.strip_prefix(&format!("events/epoch={epoch}/")) {
                let partition: TablePartition = partition.rsplit_once('/').unwrap().0.parse().unwrap();
                for batch in files().into_iter().flat_map(|file| batches(self.read(&file))) {
                    events(&batch).into_iter().for_each(|event| seen.add(&partition, event));
                }
            } else if rest.starts_with(&format!("rollups/hourly/epoch={epoch}/")) {
                files().into_iter().flat_map(|file| batches(self.read(&file))).for_each(|batch| seen.sum(&batch));
            }
        }
        seen
    }
}

fn record(sequence: SequenceNumber, delivery: &Delivery) -> Record {
    let Delivery { event, time, cents, shop, arrival, .. } = *delivery;
    let instant = Timestamp::from_micros((FIRST_DAY + i64::from(time)) * 1_000_000);
    let (sign, cents) = (if cents < 0 { "-" } else { "" }, cents.unsigned_abs());
    let text = format!(
        r#"{{"id":"{:08x}-0000-4000-8000-{:012x}","type":"order.placed","time":"{instant}","amount":{sign}{}.{:02},"shop":"s{shop}"}}"#,
        u32::from(event).wrapping_mul(2_654_435_761),
        event,
        cents / 100,
        cents % 100,
    );
    Record {
        sequence,
        arrival: Timestamp::from_micros((FIRST_DAY + 10 * 86_400 + i64::from(arrival)) * 1_000_000),
        payload: Payload::Data(text.into()),
    }
}

fn batches(file: Bytes) -> Vec<RecordBatch> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    reader.map(Result::unwrap).collect()
}

type Event = (String, i64, i128, String, String, String);

fn events(batch: &RecordBatch) -> Vec<Event> {
    let text = |name: &str, row| batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
    let times = batch.column_by_name("event_time").unwrap().as_primitive::<TimestampMicrosecondType>();
    let amounts = batch.column_by_name("amount").unwrap().as_primitive::<Decimal128Type>();
    (0..batch.num_rows())
        .map(|row| {
            let (shard, sequence) = (text("shard", row), text("sequence", row));
            (text("event_id", row), times.value(row), amounts.value(row), text("shop", row), shard, sequence)
        })
        .collect()
}

/// What there is to be seen of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// By event: where it stands, and the row.
    pub events: BTreeMap<String, (TablePartition, Event)>,
    /// By window and shop: count, sum and maximum.
    pub sums: BTreeMap<(i64, String), (i64, i128, i128)>,
}

impl Seen {
    fn add(&mut self, partition: &TablePartition, event: Event) {
        let twice = self.events.insert(event.0.clone(), (partition.clone(), event));
        assert_eq!(twice, None, "an event is live twice");
    }

    fn sum(&mut self, batch: &RecordBatch) {
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let windows = column("window_start").as_primitive::<TimestampMicrosecondType>();
        let shops = column("shop").as_string::<i32>();
        let counts = column("count").as_primitive::<Int64Type>();
        let sums = column("sum_amount").as_primitive::<Decimal128Type>();
        let greatest = column("max_amount").as_primitive::<Decimal128Type>();
        for row in 0..batch.num_rows() {
            let group = (windows.value(row), shops.value(row).to_owned());
            let cell = self.sums.entry(group).or_insert((0, 0, i128::MIN));
            cell.0 += counts.value(row);
            cell.1 += sums.value(row);
            cell.2 = cell.2.max(greatest.value(row));
        }
    }
}

/// What must be seen, by brute force.
pub fn expected(deliveries: &[Delivery], latest: bool) -> Seen {
    let mut best: BTreeMap<u16, usize> = BTreeMap::new();
    let rank = |at: usize| {
        let of = &deliveries[at];
        let (time, arrival) = (i64::from(of.time), i64::from(of.arrival));
        let times = if latest { (-time, arrival) } else { (arrival, time) };
        (times, of.shard, at)
    };
    for (at, delivery) in deliveries.iter().enumerate() {
        let kept = best.entry(delivery.event).or_insert(at);
        if rank(at) < rank(*kept) {
            *kept = at;
        }
    }
    let mut seen = Seen::default();
    for (event, at) in best {
        let of = &deliveries[at];
        let micros = (FIRST_DAY + i64::from(of.time)) * 1_000_000;
        let id = format!("{:08x}-0000-4000-8000-{event:012x}", u32::from(event).wrapping_mul(2_654_435_761));
        let (shop, amount) = (format!("s{}", of.shop), i128::from(of.cents));
        let row = (id.clone(), micros, amount, shop.clone(), format!("shardId-{:012}", of.shard), (at + 1).to_string());
        seen.events.insert(id, (TablePartition::of(Timestamp::from_micros(micros)), row));
        let window = micros - micros.rem_euclid(3_600_000_000);
        let cell = seen.sums.entry((window, shop)).or_insert((0, 0, i128::MIN));
        *cell = (cell.0 + 1, cell.1 + amount, cell.2.max(amount));
    }
    seen
}
