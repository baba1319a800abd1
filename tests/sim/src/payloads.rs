//! What producers send: a fixed pool of record payloads, good and bad, with the rows that each must give.
//!
//! The pool is made once a process. What a payload must give is what the transform gives for it alone: whether
//! that is right is the transform's own tests' business, the simulation asks whether it arrives once and whole.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use iguazu_lake::ids::{ChainId, SequenceNumber, Timestamp};
use iguazu_transform::contract::{Rollup, Window};
use iguazu_transform::{Batch, Catalog, Contract, Counts, Limits, Payload, Record, Secrets, Source, kpl};

use crate::plain::{SeenRow, SimFormat};

/// When records arrive in the simulation: noon of some day.
pub const ARRIVAL: Timestamp = Timestamp::from_millis(1_767_268_800_000);

/// A payload and what must come of it.
#[derive(Debug)]
pub struct Sample {
    /// The record's bytes.
    pub data: Bytes,
    /// The rows, by sub number.
    pub rows: Vec<SeenRow>,
    /// The same, counted.
    pub counts: Counts,
}

/// All payloads. Some are bad, every eighth holds several events, and some events belong to a table of their own. Behind
/// them are copies: few events, each in several forms.
pub static POOL: LazyLock<Vec<Sample>> = LazyLock::new(|| (0..POOL_SIZE + COPIES).map(sample).collect());

/// How many there are, the copies not included.
pub const POOL_SIZE: usize = 256;
/// Events that there are copies of: the first half of them of one table, the others of the other.
const COPIED: usize = 12;
/// How many copies there are.
pub const COPIES: usize = COPIED * COPY_TIMES.len();

/// When the copies of an event happened: at the same time with the same and with other content, an hour later, on other
/// days, at the very end of one, and weeks before.
const COPY_TIMES: [(&str, u32); 8] = [
    ("2025-12-27T10:00:00Z", 1),
    ("2025-12-27T10:00:00Z", 1),
    ("2025-12-27T10:00:00Z", 2),
    ("2025-12-27T11:30:00Z", 3),
    ("2025-12-28T09:00:00Z", 1),
    ("2025-12-26T23:59:59.999999Z", 4),
    ("2025-12-31T00:00:00Z", 5),
    ("2025-12-01T12:00:00Z", 6),
];

/// The tables: one by the built-in contract, and one with columns of its own that an event can miss.
pub static CATALOG: LazyLock<Arc<Catalog>> = LazyLock::new(|| {
    let orders = Contract::parse("orders.toml", include_str!("orders.toml")).unwrap_or_else(|error| panic!("{error}"));
    let mut events = Contract::built_in(table());
    // So that some files of raw hold several dates.
    events.limits.dates_per_batch_max = 2;
    let name = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("a constant"));
    events.rollups = vec![Rollup {
        name: name("by_type"),
        window: Window::Hour,
        by: vec![name("event_type")],
        measures: Vec::new(),
        description: String::new(),
    }];
    let contracts = vec![events, orders];
    Arc::new(Catalog::new(contracts, &Secrets::default(), Limits::default()).unwrap_or_else(|error| panic!("{error}")))
});

/// The contracts of the tables.
pub static TABLES: LazyLock<Vec<Arc<Contract>>> =
    LazyLock::new(|| CATALOG.tables().iter().map(|table| Arc::new(table.contract().clone())).collect());

fn copy(number: usize) -> Vec<u8> {
    let (event, (time, n)) = (number % COPIED, COPY_TIMES[number / COPIED]);
    let kind = match event {
        event if event < COPIED / 2 => format!("t{}", n % 2),
        _ if n.is_multiple_of(2) => "order.return".to_owned(),
        _ => "order".to_owned(),
    };
    let id = format!("00000000-0000-4000-9000-{event:012x}");
    let text = format!(r#"{{"id":"{id}","type":"{kind}","time":"{time}","n":{n}}}"#);
    if number / COPIED == 2 {
        // Twice in one record, with another content: nothing but the place in it tells which is kept.
        return format!("{text}\n{}", text.replace("\"n\":2", "\"n\":4")).into_bytes();
    }
    text.into_bytes()
}

fn event(number: usize) -> String {
    let day = 27 + number % 3;
    // Every sixteenth belongs to the table of orders, and every 32nd of all has no value for its column.
    let (kind, n) = match number % 32 {
        1 => ("order".to_owned(), number.to_string()),
        17 => ("order".to_owned(), format!("\"{number}\"")),
        _ => (format!("t{}", number % 5), number.to_string()),
    };
    format!(
        r#"{{"id":"00000000-0000-4000-8000-{number:012x}","type":"{kind}","time":"2025-12-{day}T10:00:00Z","n":{n}}}"#
    )
}

fn payload(number: usize) -> Vec<u8> {
    if number >= POOL_SIZE {
        return copy(number - POOL_SIZE);
    }
    let two = format!("{}\n{}", event(number), event(number + 10_000));
    match number % 32 {
        7 => Vec::new(),
        15 => b"{\"id\":1".to_vec(),
        23 => vec![0x1f, 0x8b, 8, 0, 0],
        31 => event(number).replace("2025-12-", "9999-12-").into_bytes(),
        3 | 19 => two.into_bytes(),
        11 => format!("{}\nnot json", event(number)).into_bytes(),
        27 => kpl::aggregate(&[("a", event(number).as_bytes()), ("b", event(number + 10_000).as_bytes())]).to_vec(),
        _ => event(number).into_bytes(),
    }
}

fn sample(number: usize) -> Sample {
    let data = Bytes::from(payload(number));
    let mut batch = Batch::new(&CATALOG);
    batch.push(&Record { sequence: SequenceNumber::from(0), arrival: ARRIVAL, payload: Payload::Data(data.clone()) });
    let chain: ChainId = "shard.pool.0.shardId-0".parse().unwrap_or_else(|_| unreachable!("a constant"));
    let output =
        batch.finish(&Source { chain }, &SimFormat::Plain).unwrap_or_else(|error| panic!("payload {number}: {error}"));
    let mut rows: Vec<_> = output.files.iter().filter_map(|file| SimFormat::rows(&file.bytes)).flatten().collect();
    rows.sort_by_key(|(_, row)| *row);
    Sample { data, rows: rows.into_iter().map(|(_, row)| row).collect(), counts: output.counts }
}

/// The table of the built-in contract.
#[must_use]
pub fn table() -> iguazu_lake::ids::TableName {
    "events".parse().unwrap_or_else(|_| unreachable!("a constant"))
}
