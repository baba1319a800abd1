//! A lake in memory, a machine under control, and the event of a mapping as Lambda hands it over.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{Either, pending, ready};
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Handled, Ingest, IngestError, Settings};
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::commit::{Body, Row, codec};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::invariants;
use iguazu_lake::keys::{Area, DataFile, KeyPrefix, ObjectKey};
use iguazu_lake::ports::{
    ETag, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};
use iguazu_lake::retry::RetryPolicy;
use iguazu_transform::{Catalog, Limits, Parquet};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

pub const SHARD: &str = "shardId-000000000003";
/// 2026-11-21T12:00:00.123Z, as the event has it.
pub const ARRIVAL: &str = "1795262400.123";

/// A sequence number of today's width.
pub fn sequence(n: u64) -> String {
    format!("49590338271490256608559692538361571095921575989136{n:06}")
}

pub fn id(n: u64) -> String {
    format!("00000000-0000-4000-8000-{n:012x}")
}

/// A valid document.
pub fn event(n: u64) -> String {
    format!(r#"{{"id":"{}","type":"order","time":"2026-11-21T11:59:00Z","n":{n}}}"#, id(n))
}

pub fn base64(data: impl AsRef<[u8]>) -> String {
    STANDARD.encode(data)
}

pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(text: &[u8]) -> Vec<u8> {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.include_checksum(true).unwrap();
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

/// A record of the event. Each member is given as the JSON text of its value; an empty text leaves it out.
pub struct EventRecord {
    pub event_id: String,
    pub arn: String,
    pub sequence: String,
    pub data: String,
    pub arrival: String,
}

impl EventRecord {
    pub fn new(shard: &str, n: u64, data: impl AsRef<[u8]>) -> Self {
        let sequence = sequence(n);
        Self {
            event_id: format!("\"{shard}:{sequence}\""),
            arn: "\"arn:aws:kinesis:eu-central-1:000000000000:stream/orders\"".to_owned(),
            sequence: format!("\"{sequence}\""),
            data: format!("\"{}\"", base64(data)),
            arrival: ARRIVAL.to_owned(),
        }
    }

    pub fn text(&self) -> String {
        let members = |members: &[(&str, &str)]| {
            let given = members.iter().filter(|(_, value)| !value.is_empty());
            given.map(|(name, value)| format!("\"{name}\":{value}")).collect::<Vec<_>>().join(",")
        };
        let kinesis = members(&[
            ("kinesisSchemaVersion", "\"1.0\""),
            ("partitionKey", "\"k\""),
            ("sequenceNumber", &self.sequence),
            ("data", &self.data),
            ("approximateArrivalTimestamp", &self.arrival),
        ]);
        let record = members(&[
            ("kinesis", &format!("{{{kinesis}}}")),
            ("eventSource", "\"aws:kinesis\""),
            ("eventVersion", "\"1.0\""),
            ("eventID", &self.event_id),
            ("eventName", "\"aws:kinesis:record\""),
            ("invokeIdentityArn", "\"arn:aws:iam::000000000000:role/ingest\""),
            ("awsRegion", "\"eu-central-1\""),
            ("eventSourceARN", &self.arn),
        ]);
        format!("{{{record}}}")
    }
}

/// A record whose number is also that of its event.
pub fn good(n: u64) -> String {
    EventRecord::new(SHARD, n, event(n)).text()
}

/// The event of these records.
pub fn payload(records: &[String]) -> Vec<u8> {
    format!("{{\"Records\":[{}]}}", records.join(",")).into_bytes()
}

/// A row of the lake: where it came from, and the event's id or why it is in quarantine and its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub shard: String,
    pub sequence: String,
    pub sub: i32,
    pub outcome: Result<String, (String, Vec<u8>)>,
}

pub fn seen(shard: &str, n: u64, sub: i32, outcome: Result<String, (&str, &[u8])>) -> Seen {
    let outcome = outcome.map_err(|(reason, original)| (reason.to_owned(), original.to_vec()));
    Seen { shard: shard.to_owned(), sequence: sequence(n), sub, outcome }
}

pub fn accepted(n: u64) -> Seen {
    seen(SHARD, n, 0, Ok(id(n)))
}

pub fn refused(n: u64, reason: &str, original: impl AsRef<[u8]>) -> Seen {
    seen(SHARD, n, 0, Err((reason, original.as_ref())))
}

/// A clock that stands still, sleep that never ends, and numbers that are never drawn twice.
#[derive(Debug, Default)]
pub struct Machine {
    micros: AtomicI64,
    drawn: AtomicU64,
}

impl Host for Shared<Machine> {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.micros.load(Ordering::Relaxed))
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        if duration.is_zero() { Either::Left(ready(())) } else { Either::Right(pending()) }
    }

    fn random(&self) -> u64 {
        self.0.drawn.fetch_add(1, Ordering::Relaxed)
    }
}

/// The stores outlive a handler, as they outlive a container.
#[derive(Debug, Default)]
pub struct Shared<T>(Arc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Objects for Shared<MemoryObjects> {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        self.0.get(key).await
    }

    async fn get_range(&self, key: &ObjectKey, range: Range<u64>) -> Result<Option<Bytes>, PortError> {
        self.0.get_range(key, range).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        self.0.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        self.0.put_if_absent(key, bytes).await
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        self.0.put_if_match(key, bytes, etag).await
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        self.0.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.0.delete(key).await
    }
}

impl Ledger for Shared<MemoryLedger> {
    async fn get(&self, chain: &ChainId, n: iguazu_lake::ids::RowNumber) -> Result<Option<StoredRow>, PortError> {
        self.0.get(chain, n).await
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        self.0.put_if_absent(chain, row).await
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        self.0.newest(chain).await
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<iguazu_lake::ids::RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        self.0.scan_after(chain, after, limit).await
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        self.0.shrink(chain, stub).await
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        self.0.register(chain).await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        self.0.registry(after, limit).await
    }
}

pub type Handler = Ingest<Shared<MemoryObjects>, Shared<MemoryLedger>, Shared<Machine>, FixedStreams, Parquet>;

/// The stores, the machine, and the settings of every handler.
pub struct Lake {
    pub objects: Shared<MemoryObjects>,
    pub ledger: Shared<MemoryLedger>,
    pub machine: Shared<Machine>,
    pub settings: Settings,
}

fn at_once<T>(future: impl Future<Output = T>) -> T {
    future.now_or_never().expect("memory answers at once, and nothing else is waited for")
}

impl Lake {
    pub fn new() -> Self {
        let machine = Shared::<Machine>::default();
        machine.0.micros.store(1_795_262_401_000_000, Ordering::Relaxed);
        let settings = Settings {
            catalog: Arc::new(Catalog::built_in("events".parse().unwrap(), Limits::default())),
            output_bytes_max: 64 << 20,
            deadline_margin: Duration::from_secs(3),
            partial_responses: false,
            retry: RetryPolicy::default(),
        };
        Self { objects: Shared::default(), ledger: Shared::default(), machine, settings }
    }

    /// A cold container.
    pub fn handler(&self) -> Handler {
        let streams = FixedStreams { created_ms: 1_767_225_600_000 };
        let (objects, ledger, machine) = (self.objects.clone(), self.ledger.clone(), self.machine.clone());
        Ingest::new(objects, ledger, machine, streams, Parquet, self.settings.clone())
    }

    /// Hands a payload to a handler, with a minute to go.
    pub fn deliver(&self, handler: &Handler, payload: &[u8]) -> Result<Handled, IngestError> {
        let deadline = self.machine.now().plus(Duration::from_secs(60));
        Invocation::parse(payload).map(|invocation| at_once(handler.handle(invocation, deadline)))
    }

    pub fn deliver_at(&self, handler: &Handler, payload: &[u8], deadline: Timestamp) -> Handled {
        at_once(handler.handle(Invocation::parse(payload).unwrap(), deadline))
    }

    pub fn object_count(&self) -> usize {
        at_once(self.objects.list(&KeyPrefix::everything(), None, usize::MAX)).unwrap().len()
    }

    pub fn chains(&self) -> Vec<ChainId> {
        at_once(self.ledger.registry(None, usize::MAX)).unwrap()
    }

    /// The keys of all committed files.
    pub fn keys(&self) -> Vec<String> {
        let mut keys = Vec::new();
        self.each_file(|file, _| keys.push(file.key().to_string()));
        keys
    }

    /// The rows of all committed files, in the order of their deliveries.
    pub fn rows(&self) -> Vec<Seen> {
        let mut rows = Vec::new();
        self.each_file(|file, bytes| rows.extend(rows_of(&file.area, bytes)));
        rows.sort();
        rows
    }

    /// Goes through what the ledger names, and checks I1, I5 and I10 on the way.
    fn each_file(&self, mut take: impl FnMut(&DataFile, &Bytes)) {
        for chain in self.chains() {
            let mut previous: Option<Row> = None;
            for stored in at_once(self.ledger.scan_after(&chain, None, usize::MAX)).unwrap() {
                let row = codec::decode(&stored).unwrap();
                invariants::follows(previous.as_ref(), &row).unwrap();
                let Body::Commit(commit) = &row.body else { panic!("no other rows are written here") };
                invariants::conserved(&commit.counts).unwrap();
                for entry in &commit.files {
                    let file = entry.data_file(&chain, row.n, row.attempt);
                    assert_eq!(DataFile::parse(&file.key()).as_ref(), Ok(&file), "the sweep can read every name");
                    let object = at_once(self.objects.get(&file.key())).unwrap().expect("a committed file exists");
                    assert_eq!(Sha256Sum::of(&object.bytes), entry.sha256);
                    take(&file, &object.bytes);
                }
                previous = Some(row);
            }
        }
    }
}

fn rows_of(area: &Area, file: &Bytes) -> Vec<Seen> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in reader.map(Result::unwrap) {
        let text = |name: &str, row| batch.column_by_name(name).unwrap().as_string::<i32>().value(row).to_owned();
        let sub = batch.column_by_name("sub").unwrap().as_primitive::<Int32Type>();
        rows.extend((0..batch.num_rows()).map(|row| Seen {
            shard: text("shard", row),
            sequence: text("sequence", row),
            sub: sub.value(row),
            outcome: match area {
                Area::Raw(_) => Ok(text("event_id", row)),
                Area::Quarantine => {
                    let original = batch.column_by_name("payload").unwrap().as_binary::<i32>().value(row).to_vec();
                    Err((text("reason", row), original))
                }
            },
        }));
    }
    rows
}
