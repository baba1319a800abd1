//! A data folder as a pipeline leaves it, for tests: events of which some were refused, and a table made of the others.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::AsArray;
use iguazu_audit::Folder;
use iguazu_compact::{Compactor, ParquetTables};
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Ingest, Settings};
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::commit::{Body, codec};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{SequenceNumber, Timestamp};
use iguazu_lake::keys::Area;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_lake::retry::RetryPolicy;
use iguazu_transform::{Catalog, Contract, Limits, Parquet, Payload, Record, Secrets};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

/// The contract under which everything is ingested.
pub const CONTRACT: &str = r#"
table = "orders"
version = 1
types = ["order.*"]

[[column]]
name = "amount"
path = "/amount"
type = "decimal(18,2)"
required = true

[[rollup]]
name = "hourly"
window = "hour"
by = ["event_type"]
sum = ["amount"]
"#;

/// Takes the amount from another place as well, which a contract that is to follow the first one may.
pub const MENDED: [(&str, &str); 2] =
    [("version = 1", "version = 2"), ("path = \"/amount\"", "path = [\"/amount\", \"/total\"]")];

/// The contract with some of its text replaced.
pub fn catalog(changes: &[(&str, &str)]) -> Arc<Catalog> {
    let text = changes.iter().fold(CONTRACT.to_owned(), |text, (from, to)| text.replace(from, to));
    let contract = Contract::parse("orders.toml", &text).unwrap();
    Arc::new(Catalog::new(vec![contract], &Secrets::default(), Limits::default()).unwrap())
}

/// A record: its sequence number and its bytes.
pub type Sent = (u64, Vec<u8>);

/// An event whose number is also that of its id.
pub fn event(n: u64, amount: &str) -> String {
    format!(
        r#"{{"id":"00000000-0000-4000-8000-{n:012x}","type":"order.placed","time":"2026-11-21T12:00:00Z","amount":{amount}}}"#
    )
}

/// An event whose amount is not where the first contract looks for it.
pub fn misplaced(n: u64) -> String {
    event(n, "1.5").replace("amount", "total")
}

/// The same as a record.
pub fn broken(n: u64) -> Sent {
    (n, misplaced(n).into_bytes())
}

/// What no contract takes.
pub fn damaged(n: u64) -> Sent {
    (n, b"{\xff".to_vec())
}

pub struct World {
    runtime: tokio::runtime::Runtime,
    pub objects: DiskObjects,
    pub ledger: SqliteLedger,
    pub folder: Folder,
    _kept: tempfile::TempDir,
}

impl World {
    /// A lake into which these records were ingested under the first contract.
    pub fn with(records: &[Sent]) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = Folder::at(kept.path().join("it's [a] folder"));
        std::fs::create_dir_all(folder.contracts()).unwrap();
        std::fs::write(folder.contracts().join("orders.toml"), CONTRACT).unwrap();
        let world = Self {
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            objects: DiskObjects::open(folder.lake()).unwrap(),
            ledger: SqliteLedger::open(folder.ledger()).unwrap(),
            folder,
            _kept: kept,
        };
        world.ingest("orders", records);
        world
    }

    pub fn run<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Ingests records of a stream under the first contract.
    pub fn ingest(&self, stream: &str, records: &[Sent]) {
        let settings = Settings {
            catalog: catalog(&[]),
            output_bytes_max: 64 << 20,
            deadline_margin: Duration::from_secs(1),
            partial_responses: true,
            retry: RetryPolicy::default(),
        };
        let streams = FixedStreams { created_ms: 7 };
        let ingest = Ingest::new(&self.objects, &self.ledger, SystemHost, streams, Parquet, settings);
        let record = |(n, bytes): &Sent| Record {
            sequence: SequenceNumber::from(*n),
            arrival: Timestamp::from_millis(1_795_262_400_000 + i64::try_from(*n).unwrap() * 1_000),
            payload: Payload::Data(bytes.clone().into()),
        };
        let records: Vec<_> = records.iter().map(record).collect();
        if records.is_empty() {
            return;
        }
        let source = (stream.parse().unwrap(), "shardId-000000000000".parse().unwrap());
        let invocation = Invocation { shards: BTreeMap::from([(source, records)]), unidentified: None };
        let deadline = SystemHost.now().plus(Duration::from_secs(900));
        self.run(ingest.handle(invocation, deadline)).answer.unwrap();
    }

    /// Makes the table of what was ingested.
    pub fn compact(&self) {
        let settings = iguazu_compact::Settings::default();
        let compactor = Compactor::new(&self.objects, &self.ledger, SystemHost, ParquetTables, settings);
        let contract = Arc::new(Contract::parse("orders.toml", CONTRACT).unwrap());
        let deadline = SystemHost.now().plus(Duration::from_secs(900));
        let ran = self.run(Box::pin(compactor.run(&contract, 0, deadline)));
        assert!(!ran.answer.unwrap().more);
    }

    /// The ids of the events in raw files, as often as they were delivered, and the rows of all chains.
    pub fn held(&self) -> (Vec<String>, usize) {
        let (mut ids, mut rows) = (Vec::new(), 0);
        for chain in self.run(self.ledger.registry(None, 100)).unwrap() {
            for stored in self.run(self.ledger.scan_after(&chain, None, 1_000)).unwrap() {
                rows += 1;
                let row = codec::decode(&stored).unwrap();
                let Body::Commit(commit) = row.body else { continue };
                for file in commit.files.iter().filter(|file| file.area != Area::Quarantine) {
                    let key = file.data_file(&chain, row.n, row.attempt).key();
                    let bytes = self.run(self.objects.get(&key)).unwrap().unwrap().bytes;
                    for batch in ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap() {
                        let batch = batch.unwrap();
                        let column = batch.column_by_name("event_id").unwrap().as_string::<i32>();
                        ids.extend(column.iter().flatten().map(str::to_owned));
                    }
                }
            }
        }
        ids.sort();
        (ids, rows)
    }
}
