//! Raw files as ingest writes them, of rows that look random and are the same every time.

use std::fmt::Write as _;
use std::future::Future;
use std::ops::Range;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};

use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use bytes::Bytes;
use iguazu_compact::ParquetTables;
use iguazu_compact::error::CompactError;
use iguazu_compact::format::{NewFile, Ranges, TableFormat as _};
use iguazu_compact::keep::RowRef;
use iguazu_compact::parquet::Input;
use iguazu_compact::state::{LiveFile, Written};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::{AttemptId, EventId, RowNumber, Timestamp};
use iguazu_transform::contract::ColumnType;
use iguazu_transform::{Batch, Catalog, Contract, Limits, Parquet, Payload, Record, Secrets, Source};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use uuid::Uuid;

/// A column of every type.
pub const EVERY_TYPE: &str = "
a_string string
an_int32 int32
an_int64 int64
a_float64 float64
a_decimal_of_9 decimal(9,2)
a_decimal_of_38 decimal(38,10)
a_boolean boolean
a_date date
a_timestamp timestamp
a_json json
strings list<string>
lists list<list<int32>>
a_struct struct<x: int32, name: string, price: decimal(20,6), at: timestamp>
structs list<struct<x: int32, name: string>>
few string
";

/// A contract of columns, each a name and a type, and what else its text says.
pub fn contract(columns: &str, more: &str) -> Arc<Contract> {
    let mut text = "table = 'every'\nversion = 3\ntypes = ['*']\n".to_owned();
    for (name, kind) in columns.lines().filter_map(|line| line.split_once(' ')) {
        write!(text, "[[column]]\nname = '{name}'\npath = '/{name}'\ntype = '{kind}'\n").unwrap();
    }
    Arc::new(Contract::parse("every.toml", &(text + more)).unwrap())
}

/// SplitMix64.
pub struct Draws(pub u64);

impl Draws {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn id(&mut self) -> EventId {
        EventId::new(Uuid::from_u64_pair(self.next(), self.next()))
    }
}

/// A value as an event has it.
fn value(kind: &ColumnType, draws: &mut Draws) -> String {
    if draws.below(5) == 0 {
        return "null".to_owned();
    }
    let list = |kind: &ColumnType, draws: &mut Draws| {
        let values: Vec<_> = (0..draws.below(4)).map(|_| value(kind, draws)).collect();
        format!("[{}]", values.join(","))
    };
    match kind {
        ColumnType::String => match draws.below(3) {
            0 => format!("\"{}\"", draws.below(9)),
            _ => format!("\"text of some length {}\"", draws.below(40)),
        },
        ColumnType::Json => format!("{{\"n\": {}}}", draws.below(1_000)),
        ColumnType::Int32 => (draws.next() as i32).to_string(),
        ColumnType::Int64 => (draws.next() as i64).to_string(),
        ColumnType::Float64 => format!("{:e}", draws.next() as i64 as f64 / 1e9),
        ColumnType::Decimal { precision, scale } => {
            let digits = format!("{:038}", u128::from(draws.next()) << 60 | u128::from(draws.next() >> 4));
            let (whole, behind) = (usize::from(precision - scale), usize::from(*scale));
            let sign = if draws.below(2) == 0 { "-" } else { "" };
            let (a, b) = (&digits[38 - whole - behind..38 - behind], &digits[38 - behind..]);
            let point = if behind > 0 { "." } else { "" };
            format!("{sign}{}{point}{b}", a.trim_start_matches('0').parse::<u128>().unwrap_or(0))
        }
        ColumnType::Boolean => (draws.below(2) == 0).to_string(),
        ColumnType::Date => format!("\"20{:02}-0{}-1{}\"", draws.below(90) + 10, draws.below(9) + 1, draws.below(9)),
        ColumnType::Timestamp => {
            format!("\"2026-11-2{}T1{}:30:00.{}5Z\"", draws.below(9), draws.below(9), draws.below(9))
        }
        ColumnType::List(kind) => list(kind, draws),
        ColumnType::Struct(fields) => {
            let members: Vec<_> =
                fields.iter().map(|field| format!("\"{}\":{}", field.member, value(&field.kind, draws))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// A raw file of rows; their ids, types and times are drawn as well as their values.
pub fn raw(contract: &Contract, rows: usize, draws: &mut Draws) -> Bytes {
    let ids: Vec<_> = (0..rows).map(|_| draws.id()).collect();
    raw_of(contract, &ids, draws)
}

/// A raw file of these events.
pub fn raw_of(contract: &Contract, ids: &[EventId], draws: &mut Draws) -> Bytes {
    let catalog = Catalog::new(vec![contract.clone()], &Secrets::default(), Limits::default()).unwrap();
    let mut batch = Batch::new(&catalog);
    let arrival = 1_795_262_400_000 + draws.below(1_000) as i64;
    for (at, id) in ids.iter().enumerate() {
        let time = chrono::DateTime::from_timestamp_millis(arrival - draws.below(4_000_000) as i64).unwrap();
        let kind = ["order.placed", "order.paid", "any type, with spaces"][draws.below(3) as usize];
        let mut text = format!("{{\"id\":\"{id}\",\"type\":\"{kind}\",\"time\":\"{}\"", time.to_rfc3339());
        for column in &contract.columns {
            write!(text, ",\"{}\":{}", column.name, value(&column.kind, draws)).unwrap();
        }
        text.push_str(",\"left\":1}");
        let sequence = (draws.below(1 << 40) << 20 | at as u64).into();
        let payload = Payload::Data(text.into_bytes().into());
        batch.push(&Record { sequence, arrival: Timestamp::from_millis(arrival + at as i64), payload });
    }
    let shard = format!("shard.orders.1767225600000.shardId-00000000000{}", draws.below(3));
    let output = batch.finish(&Source { chain: shard.parse().unwrap() }, &Parquet).unwrap();
    assert_eq!(output.counts.accepted, ids.len() as u64, "{:?}", output.counts);
    assert_eq!(output.files.len(), 1);
    output.files[0].bytes.clone()
}

/// All rows of a file, as any reader reads them.
pub fn read(bytes: &Bytes) -> RecordBatch {
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes.clone()).unwrap();
    let schema = builder.schema().clone();
    let batches: Vec<_> = builder.build().unwrap().map(Result::unwrap).collect();
    concat_batches(&schema, &batches).unwrap()
}

pub fn open(contract: &Arc<Contract>, files: &[Bytes]) -> Vec<Input> {
    files.iter().map(|bytes| ParquetTables.open(contract, bytes.clone()).unwrap()).collect()
}

/// All rows of the inputs, in the order of their times.
pub fn by_time(contract: &Arc<Contract>, inputs: &[Input]) -> Vec<RowRef> {
    let mut rows = Vec::new();
    for (input, number) in inputs.iter().zip(0..) {
        let keys = ParquetTables.keys(contract, input).unwrap();
        rows.extend(keys.rows.iter().zip(0..).map(|(key, row)| (key.copy.event_time, RowRef { input: number, row })));
    }
    rows.sort_unstable();
    rows.into_iter().map(|row| row.1).collect()
}

pub fn live(file: &NewFile) -> LiveFile {
    LiveFile {
        written: Written { n: RowNumber::new(0), attempt: AttemptId::from_u128(0), ordinal: 0 },
        rows: file.rows,
        bytes: file.bytes.len() as u64,
        sha256: Sha256Sum::of(&file.bytes),
        event_time: file.event_time,
        ids: file.ids,
        index: file.index,
        rollups: Vec::new(),
    }
}

/// A file in memory that counts what is read of it.
pub struct Counted(pub Bytes, pub AtomicU64);

impl Ranges for Counted {
    async fn read(&self, range: Range<u64>) -> Result<Bytes, CompactError> {
        self.1.fetch_add(range.end - range.start, Ordering::Relaxed);
        Ok(self.0.slice(range.start as usize..range.end as usize))
    }
}

/// All that is waited for is in memory.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut context) {
            return done;
        }
    }
}
