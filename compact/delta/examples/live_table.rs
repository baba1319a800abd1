//! A table that other people's readers may read while it is compacted: `live_table <folder>`.
//!
//! Round by round, deliveries are committed as ingest commits them, and every bucket is compacted and published, to
//! manifests, to the snapshot and to the Delta logs. What a bucket holds after a round is in `oracle/<bucket>/<round>.json`
//! before the round begins, so a reader finds it there whenever it reads. Every few rounds the writer waits until the
//! reader has counted on in `loops`. At the end there is `done`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is a part of a test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use iguazu_compact::arrange::Sizes;
use iguazu_compact::{Compactor, ParquetTables, Settings};
use iguazu_delta::DeltaPublisher;
use iguazu_lake::adapters::embedded::DiskObjects;
use iguazu_lake::adapters::memory::MemoryLedger;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Commit, FileEntry, Row, codec};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, EventId, RowNumber, SequenceNumber, SequenceRange, SequenceSet, Timestamp};
use iguazu_lake::keys::DataFile;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Payload, Record, Secrets, Source};
use serde_json::json;

const CONTRACT: &str = r#"
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
"#;

const BUCKETS: u32 = 2;
const ROUNDS: u64 = 40;
const DELIVERIES: u64 = 300;
/// A reader never sees the writer go on by more than twice as many rounds during a loop.
const ROUNDS_UNWATCHED: u64 = 4;
const ROUND: Duration = Duration::from_secs(60);
const GRACE: Duration = Duration::from_secs(600);
/// The second at which 2026-11-21 begins.
const FIRST_DAY: i64 = 1_795_219_200;
const DAYS: u64 = 3;

/// A machine whose clock goes on by a millisecond with every look, and by what it is to sleep.
#[derive(Clone, Debug)]
struct Machine(Arc<(AtomicI64, AtomicU64)>);

impl Machine {
    fn new() -> Self {
        Self(Arc::new((AtomicI64::new((FIRST_DAY + 10 * 86_400) * 1_000_000), AtomicU64::new(1))))
    }

    fn pass(&self, duration: Duration) {
        self.0.0.fetch_add(i64::try_from(duration.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

impl Host for Machine {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.0.fetch_add(1_000, Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        if duration >= ROUND {
            // An alarm, and no pause between two tries.
            return std::future::pending().await;
        }
        self.pass(duration);
        tokio::task::yield_now().await;
    }

    fn random(&self) -> u64 {
        mixed(self.0.1.fetch_add(1, Ordering::Relaxed))
    }
}

fn mixed(n: u64) -> u64 {
    let n = n.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ (n >> 31)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    n ^ (n >> 29)
}

/// A delivery of an event; its position among all is its sequence number and the second of its arrival.
#[derive(Clone, Copy)]
struct Delivery {
    event: u64,
    /// Seconds since the first day.
    time: u64,
    cents: u64,
}

impl Delivery {
    /// Half of them are of new events, the others of known ones: sent again as they were, or changed, which may move
    /// them to another day.
    fn next(position: u64, before: &[Self]) -> Self {
        let (which, drawn) = (mixed(3 * position), mixed(3 * position + 1));
        let fresh = Self { event: position, time: drawn % (DAYS * 86_400), cents: 1 + (drawn >> 32) % 100_000 };
        if before.is_empty() || which % 2 == 0 {
            return fresh;
        }
        let known = before[usize::try_from(drawn % before.len() as u64).unwrap()];
        if which % 4 == 1 { known } else { Self { event: known.event, ..fresh } }
    }

    fn id(&self) -> String {
        format!("{:08x}-0000-4000-8000-{:012x}", mixed(self.event) >> 32, self.event)
    }

    fn bucket(&self) -> u32 {
        let id: EventId = self.id().parse().unwrap();
        u32::try_from(id.placement() >> (u64::BITS - BUCKETS.ilog2())).unwrap()
    }

    fn at(&self) -> Timestamp {
        Timestamp::from_micros((FIRST_DAY + i64::try_from(self.time).unwrap()) * 1_000_000)
    }

    fn record(&self, sequence: SequenceNumber, position: u64) -> Record {
        let text = format!(
            r#"{{"id":"{}","type":"order.placed","time":"{}","amount":{}.{:02},"shop":"{}-{}"}}"#,
            self.id(),
            self.at(),
            self.cents / 100,
            self.cents % 100,
            self.bucket(),
            self.event % 5,
        );
        let arrival = (FIRST_DAY + 10 * 86_400 + i64::try_from(position).unwrap()) * 1_000_000;
        Record { sequence, arrival: Timestamp::from_micros(arrival), payload: Payload::Data(text.into()) }
    }
}

/// What a bucket holds of these deliveries, by brute force: of each event the one that happened last, and of equal ones
/// the first to arrive, which differ in nothing that is compared.
fn oracle(deliveries: &[Delivery], bucket: u32) -> serde_json::Value {
    let mut kept: BTreeMap<u64, Delivery> = BTreeMap::new();
    for delivery in deliveries.iter().filter(|delivery| delivery.bucket() == bucket) {
        let best = kept.entry(delivery.event).or_insert(*delivery);
        if delivery.time > best.time {
            *best = *delivery;
        }
    }
    let mut hours: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    for delivery in kept.values() {
        let hour = hours.entry(delivery.at().micros() / 3_600_000_000).or_default();
        *hour = (hour.0 + 1, hour.1 + delivery.cents);
    }
    json!({
        "rows": kept.len(),
        "ids": kept.keys().sum::<u64>(),
        "cents": kept.values().map(|delivery| delivery.cents).sum::<u64>(),
        "hours": hours,
    })
}

/// Commits deliveries as ingest does.
async fn ingest(
    objects: &DiskObjects,
    ledger: &MemoryLedger,
    host: &Machine,
    contract: &Contract,
    deliveries: &[(u64, Delivery)],
) {
    let chain: ChainId = "shard.orders.1795219200000.shardId-000000000000".parse().unwrap();
    let secrets = Secrets::default();
    let catalog = Catalog::new(vec![contract.clone()], &secrets, Limits::default()).unwrap();
    let mut batch = Batch::new(&catalog);
    let mut numbers = Vec::new();
    for (position, delivery) in deliveries {
        let sequence: SequenceNumber = (position + 1).to_string().parse().unwrap();
        batch.push(&delivery.record(sequence, *position));
        numbers.push(sequence);
    }
    let set: SequenceSet = numbers.iter().copied().collect();
    let output = batch.finish(&Source { chain: chain.clone() }, &Parquet).unwrap();
    assert_eq!(output.counts.quarantined, 0);
    let n = ledger.newest(&chain).await.unwrap().map_or(RowNumber::FIRST, |row| row.n.next());
    let attempt = AttemptId::fresh(host);
    let mut files = Vec::new();
    for file in output.files {
        files.push(FileEntry {
            area: file.area.clone(),
            partition: file.partition,
            rows: file.rows,
            bytes: file.bytes.len() as u64,
            event_time: file.event_time,
            sha256: Sha256Sum::of(&file.bytes),
        });
        let place = DataFile { area: file.area, partition: file.partition, chain: chain.clone(), n, attempt };
        objects.put(&place.key(), file.bytes).await.unwrap();
    }
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
    ledger.register(&chain).await.unwrap();
    ledger.put_if_absent(&chain, &codec::encode(&Row { n, attempt, body }).unwrap()).await.unwrap();
}

/// Whole or not at all.
fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let beside = path.with_extension("new");
    std::fs::write(&beside, text).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

/// Waits until the reader has read once more.
fn watched(folder: &Path, seen: u64) -> u64 {
    for _ in 0..6_000 {
        let loops = std::fs::read_to_string(folder.join("loops")).ok().and_then(|text| text.trim().parse().ok());
        if let Some(loops) = loops.filter(|&loops| loops > seen) {
            return loops;
        }
        #[expect(clippy::disallowed_methods, reason = "another process is waited for, and nothing else is to be done")]
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody reads")
}

#[tokio::main]
async fn main() {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| panic!("expected: live_table <folder>")));
    let objects = Arc::new(DiskObjects::open(&folder).unwrap());
    let folder = folder.canonicalize().unwrap();
    let (ledger, host) = (MemoryLedger::default(), Machine::new());
    let contract = Arc::new(Contract::parse("orders.toml", CONTRACT).unwrap());
    let settings = Settings {
        first_buckets: BUCKETS,
        sizes: Sizes { target_bytes: 48 << 10, fan: 3 },
        grace: GRACE,
        root: format!("file://{}", folder.display()),
        ..Settings::default()
    };
    let publisher = DeltaPublisher::new(objects.clone(), host.clone());
    let compactor = Compactor::publishing(&*objects, &ledger, host.clone(), ParquetTables, publisher, settings);
    let later = || host.now().plus(Duration::from_secs(900));
    let mut deliveries: Vec<Delivery> = Vec::new();
    let (mut loops, mut swept, mut replaced, mut versions) = (0, 0, 0, 0);
    for round in 1..=ROUNDS {
        let mut new = Vec::new();
        for position in deliveries.len() as u64..deliveries.len() as u64 + DELIVERIES {
            let delivery = Delivery::next(position, &deliveries);
            deliveries.push(delivery);
            new.push((position, delivery));
        }
        for bucket in 0..BUCKETS {
            let path = folder.join(format!("oracle/{bucket}/{round}.json"));
            write(&path, &oracle(&deliveries, bucket).to_string());
        }
        ingest(&objects, &ledger, &host, &contract, &new).await;
        for bucket in 0..BUCKETS {
            loop {
                let ran = compactor.run(&contract, bucket, later()).await;
                versions += ran.report.published;
                if !ran.answer.unwrap().more {
                    break;
                }
            }
        }
        let answer = compactor.sweep(&contract, later()).await.unwrap();
        (swept, replaced) = (swept + answer.superseded, replaced + answer.replaced);
        host.pass(ROUND);
        if round % ROUNDS_UNWATCHED == 0 {
            loops = watched(&folder, loops);
        }
    }
    write(&folder.join("done"), &ROUNDS.to_string());
    println!("writer: {ROUNDS} rounds, {versions} versions published, {} objects swept", swept + replaced);
}
