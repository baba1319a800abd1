//! A small lake to publish: versions of buckets with files that are real, if tiny.

#![allow(dead_code, reason = "every program that shares it uses a part")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
    new_null_array,
};
use arrow::datatypes::{DataType, SchemaRef};
use bytes::Bytes;
use deltalake_core::DeltaTable;
use deltalake_core::logstore::{StorageConfig, default_logstore};
use iguazu_compact::publish::VersionView;
use iguazu_compact::state::{LiveFile, RollupFile, Written};
use iguazu_delta::PortStore;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, Timestamp};
use iguazu_lake::keys::version::TablePartition;
use iguazu_lake::keys::{KeyPrefix, ObjectKey, Partition};
use iguazu_lake::ports::Objects;
use iguazu_transform::contract::Contract;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use parquet::arrow::ArrowWriter;
use url::Url;

pub const CONTRACT: &str = r#"
table = "orders"
version = 1
description = "Orders of the web shop."
types = ["*"]

[[column]]
name = "amount"
path = "/amount"
type = "decimal(18,2)"

[[rollup]]
name = "daily"
window = "day"
by = ["event_type"]
sum = ["amount"]
"#;

/// The microsecond at which 2026-11-21 begins.
const DAY: i64 = 1_795_219_200_000_000;
const DAY_MICROS: i64 = 86_400_000_000;

pub fn contract() -> Contract {
    Contract::parse("orders.toml", CONTRACT).unwrap()
}

/// A machine whose clock counts the questions, and whose pauses are none.
#[derive(Debug, Default)]
pub struct Still(AtomicU64);

impl Host for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(DAY + 1_000 * self.random().cast_signed())
    }

    async fn sleep(&self, _: Duration) {
        tokio::task::yield_now().await;
    }

    fn random(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

pub const NEVER: Timestamp = Timestamp::from_micros(i64::MAX);

pub fn chain(epoch: u32, bucket: u32) -> ChainId {
    ChainId::Bucket { table: "orders".parse().unwrap(), epoch, bucket }
}

/// The versions whose files are live in version `n`: the newest two, and an old one that stays for ever.
fn live_in(n: u64) -> BTreeSet<u64> {
    BTreeSet::from([0, n.saturating_sub(1), n])
}

fn partition_of(k: u64) -> TablePartition {
    let day = match k % 4 {
        3 => Partition::Mixed,
        day => Partition::of(Timestamp::from_micros(DAY + day.cast_signed() * DAY_MICROS)),
    };
    TablePartition { day, kind: None }
}

fn times_of(epoch: u32, bucket: u32, k: u64) -> Vec<i64> {
    let day = DAY + (k % 4).cast_signed() * DAY_MICROS;
    let first = i64::from(epoch) * 10_000_000 + i64::from(bucket) * 1_000_000 + k.cast_signed() * 1_000;
    (0..=k.cast_signed()).map(|row| day + first + row).collect()
}

fn parquet_of(schema: &SchemaRef, columns: Vec<ArrayRef>) -> Bytes {
    let batch = RecordBatch::try_new(Arc::clone(schema), columns).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, Arc::clone(schema), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes.into()
}

fn events_of(contract: &Contract, epoch: u32, bucket: u32, k: u64) -> Bytes {
    let (schema, times) = (contract.arrow_schema(), times_of(epoch, bucket, k));
    let column = |field: &arrow::datatypes::Field| -> ArrayRef {
        match (field.name().as_str(), field.data_type()) {
            ("amount", _) => {
                let cents = times.iter().enumerate().map(|(at, _)| 1_000 + at as i128);
                Arc::new(Decimal128Array::from_iter_values(cents).with_precision_and_scale(18, 2).unwrap())
            }
            (_, DataType::Timestamp(..)) => {
                Arc::new(TimestampMicrosecondArray::from(times.clone()).with_timezone("UTC"))
            }
            (_, DataType::Int32) => Arc::new(Int32Array::from(vec![1; times.len()])),
            ("data", _) => Arc::new(StringArray::from(vec!["{}"; times.len()])),
            (name, DataType::Utf8) => {
                Arc::new(StringArray::from_iter_values(times.iter().map(|time| format!("{name} {time}"))))
            }
            (name, kind) => panic!("no values for {name} of type {kind}"),
        }
    };
    parquet_of(&schema, schema.fields().iter().map(|field| column(field)).collect())
}

fn daily_of(contract: &Contract, k: u64) -> Bytes {
    let schema = contract.rollup_schema(&contract.rollups[0]);
    let day = DAY + (k % 4).cast_signed() * DAY_MICROS;
    let count = k.cast_signed() + 1;
    let sum = (0..count).map(|at| 1_000 + i128::from(at)).sum::<i128>();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(TimestampMicrosecondArray::from(vec![day]).with_timezone("UTC")),
        Arc::new(StringArray::from(vec!["order.placed"])),
        Arc::new(Int64Array::from(vec![count])),
        Arc::new(Decimal128Array::from(vec![sum]).with_precision_and_scale(38, 2).unwrap()),
        new_null_array(&DataType::Utf8, 1),
    ];
    parquet_of(&schema, columns)
}

/// A version of a bucket; its files are put where they belong. Their rows are counted by the version that wrote them.
pub async fn version<O: Objects>(objects: &O, epoch: u32, bucket: u32, n: u64) -> VersionView {
    let (contract, chain) = (contract(), chain(epoch, bucket));
    let mut partitions: BTreeMap<TablePartition, (RowNumber, Vec<LiveFile>)> = BTreeMap::new();
    for k in live_in(n) {
        let partition = partition_of(k);
        let attempt = AttemptId::from_u128(u128::from(k) << 64 | u128::from(bucket));
        let written = Written { n: RowNumber::new(k), attempt, ordinal: 0 };
        let (events, daily) = (events_of(&contract, epoch, bucket, k), daily_of(&contract, k));
        let times = times_of(epoch, bucket, k);
        let (first, last) = (times[0], times[times.len() - 1]);
        let rollup = contract.rollups[0].name.as_str().parse().unwrap();
        objects.put(&written.data(&chain, &contract.table, &partition), events.clone()).await.unwrap();
        objects.put(&written.rollup(&chain, &contract.table, &partition, &rollup), daily.clone()).await.unwrap();
        let file = LiveFile {
            written,
            rows: times.len() as u64,
            bytes: events.len() as u64,
            sha256: Sha256Sum::of(&events),
            event_time: Some((Timestamp::from_micros(first), Timestamp::from_micros(last))),
            ids: None,
            index: None,
            rollups: vec![RollupFile { rollup, rows: 1, bytes: daily.len() as u64, sha256: Sha256Sum::of(&daily) }],
        };
        let (changed, files) = partitions.entry(partition).or_insert((RowNumber::new(k), Vec::new()));
        *changed = RowNumber::new(k);
        files.push(file);
    }
    // A partition that was emptied: its file has no rows, and is no business of a log's.
    let empty = Written { n: RowNumber::new(n), attempt: AttemptId::from_u128(7), ordinal: 1 };
    let day = Partition::of(Timestamp::from_micros(DAY - DAY_MICROS));
    let file = LiveFile {
        written: empty,
        rows: 0,
        bytes: 100,
        sha256: Sha256Sum::of(b""),
        event_time: None,
        ids: None,
        index: None,
        rollups: Vec::new(),
    };
    partitions.insert(TablePartition { day, kind: None }, (RowNumber::new(n), vec![file]));
    let at = Timestamp::from_micros(DAY + n.cast_signed() * 60_000_000);
    VersionView { chain, table: contract.table, n: RowNumber::new(n), at, partitions }
}

/// The keys of the files that a version has rows in.
pub fn data_keys(view: &VersionView) -> BTreeSet<ObjectKey> {
    let files =
        view.partitions.iter().flat_map(|(partition, (_, files))| files.iter().map(move |file| (partition, file)));
    files
        .filter(|(_, file)| file.rows > 0)
        .map(|(partition, file)| file.written.data(&view.chain, &view.table, partition))
        .collect()
}

/// The keys of the roll-up's files of a version.
pub fn daily_keys(view: &VersionView) -> BTreeSet<ObjectKey> {
    let files =
        view.partitions.iter().flat_map(|(partition, (_, files))| files.iter().map(move |file| (partition, file)));
    let daily = files.flat_map(|(partition, file)| {
        file.rollups.iter().map(move |of| file.written.rollup(&view.chain, &view.table, partition, &of.rollup))
    });
    daily.collect()
}

pub fn events_root() -> KeyPrefix {
    KeyPrefix::data(&"orders".parse().unwrap())
}

pub fn daily_root() -> KeyPrefix {
    KeyPrefix::rollup(&"orders".parse().unwrap(), &"daily".parse().unwrap())
}

/// A table as a reader of its log sees it.
pub async fn open<O: Objects + 'static>(objects: &Arc<O>, root: &KeyPrefix) -> DeltaTable {
    let whole = PortStore::new(Arc::clone(objects));
    let below = Arc::new(PrefixStore::new(whole.clone(), Path::from(root.as_str())));
    let address = Url::parse(&format!("lake:///{root}")).unwrap();
    let mut table = DeltaTable::new(default_logstore(below, Arc::new(whole), &address, &StorageConfig::default()));
    table.load().await.unwrap();
    table
}

/// The keys that a log names.
pub async fn live<O: Objects + 'static>(objects: &Arc<O>, root: &KeyPrefix) -> BTreeSet<ObjectKey> {
    let table = open(objects, root).await;
    let files: Vec<_> = table.snapshot().unwrap().log_data().iter().map(|file| file.path().into_owned()).collect();
    let keys: BTreeSet<_> = files.iter().map(|path| format!("{root}{path}").parse().unwrap()).collect();
    assert_eq!(keys.len(), files.len(), "no file is live twice");
    keys
}
