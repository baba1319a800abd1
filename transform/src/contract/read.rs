//! From the text of a contract to the contract, or to everything that is wrong with it.
//!
//! Rules:
//! - It is total: every text gives a contract or problems. Nothing recurses by the text's nesting beyond
//!   [`super::types::TYPE_DEPTH_MAX`] and what the TOML parser allows, and every count has a limit.
//! - A problem with one field does not hide those of the others, and causes none elsewhere.
//! - A key that means nothing is a problem: it is a slip of the pen, or it means something to another version.
//!
//! Deliberately absent: how several contracts share out the types of event, which is told once all are read.

use iguazu_lake::ids::TableName;
use toml::de::DeTable;

use super::problem::{Complaint, ContractErrors, quoted};
use super::words::{DUPLICATE_KEYS, KEEPS, UNKNOWN_FIELDS};
use super::{Contract, DuplicateKeys, EventLimits, Keep, Rollup, TypePattern, UnknownFields, quantity, relations};
use node::{Node, Place, Reader, Table};

mod column;
pub(super) mod envelope;
mod filter;
mod guard;
mod literal;
mod node;
mod rollup;

/// Bytes of a contract's text.
pub const CONTRACT_BYTES_MAX: usize = 1 << 20;
/// Columns of a contract.
pub const COLUMNS_MAX: usize = 1000;
/// Patterns of types of a contract.
pub const TYPES_MAX: usize = 1000;
/// Filters of a contract.
pub const FILTERS_MAX: usize = 100;
/// Roll-ups of a contract.
pub const ROLLUPS_MAX: usize = 50;
/// Bytes of a pattern of types, and the most that `limits.type_bytes` can allow.
pub const TYPE_BYTES_MAX: usize = 1024;
/// The most that `limits.depth` can allow.
pub const DEPTH_MAX: usize = 128;
/// The most that `limits.event_bytes` and `limits.string_bytes` can allow.
pub const EVENT_BYTES_MAX: usize = 64 << 20;
/// The most days that `limits.past` and `limits.future` can allow, about a hundred years.
pub const TIME_DAYS_MAX: u64 = 36_600;
/// The most that `limits.dates_per_batch` can allow.
pub const DATES_PER_BATCH_MAX: usize = 366;

const KEYS: [&str; 14] = [
    "table",
    "version",
    "description",
    "types",
    "default",
    "envelope",
    "unknown_fields",
    "duplicate_keys",
    "partition_by",
    "keep",
    "limits",
    "column",
    "filter",
    "rollup",
];

impl Contract {
    /// Reads a contract. `file` is only what problems call it.
    ///
    /// # Errors
    /// Where the text is no sound contract: everything that is wrong with it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ContractErrors> {
        let mut reader = Reader::new(file, text);
        let start = Place { start: 0, end: 0, field: String::new() };
        if text.len() > CONTRACT_BYTES_MAX {
            let problem = format!("the contract has {} bytes, the limit is {CONTRACT_BYTES_MAX}", text.len());
            reader.add(&start, Complaint::new(problem));
            return reader.finish(None);
        }
        if let Some(at) = guard::too_many_dots(text) {
            let problem = format!("a key has more than {} dots", guard::KEY_DOTS_MAX);
            reader.add(&Place { start: at.saturating_sub(1), ..start }, Complaint::new(problem));
            return reader.finish(None);
        }
        let (document, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            let span = error.span().unwrap_or(0..0);
            let place = Place { start: span.start, end: span.end, field: String::new() };
            reader.add(&place, Complaint::new(format!("this is not TOML: {}", error.message())));
        }
        // What the parser recovered has holes, and complaints about those would only distract.
        let built = if errors.is_empty() { contract(&mut reader, &Table::root(document.get_ref())) } else { None };
        reader.finish(built)
    }
}

fn contract(reader: &mut Reader<'_>, root: &Table<'_, '_>) -> Option<Contract> {
    reader.known_keys(root, "a contract", &KEYS);
    let table = reader.required(root, "table", "the table's name");
    let table: Option<TableName> = table.and_then(|node| {
        let name: TableName = reader.parsed(&node, "the table's name")?;
        if name.to_string() == relations::QUARANTINE {
            let problem = format!("{name} is the table of what is no valid event, of all tables");
            reader.add(&node.place, Complaint::new(problem).suggest("choose another name"));
            return None;
        }
        Some(name)
    });
    let version = reader.required(root, "version", "a whole number that counts up from 1");
    let version = version.and_then(|node| reader.integer(&node, 1, i32::MAX as u64));
    let default = reader.flag(root, "default", false);
    let types = types(reader, root, default);
    let envelope = envelope::envelope(reader, root);
    let unknown_fields = root.get("unknown_fields").and_then(|node| reader.word(&node, &UNKNOWN_FIELDS));
    let duplicate_keys = root.get("duplicate_keys").and_then(|node| reader.word(&node, &DUPLICATE_KEYS));
    let keep = root.get("keep").and_then(|node| reader.word(&node, &KEEPS));
    let partition_by_type = partition_by_type(reader, root);
    let limits = limits(reader, root);
    let description = reader.description(root);
    let mut declared = Vec::new();
    let tables = reader.tables(root, "column", COLUMNS_MAX);
    let columns: Vec<_> = tables.into_iter().filter_map(|table| column::column(reader, table, &mut declared)).collect();
    column::protect(reader, &columns, &declared);
    let tables = reader.tables(root, "filter", FILTERS_MAX);
    let filters = tables.iter().filter_map(|table| filter::filter(reader, table)).collect();
    let mut rollups: Vec<Rollup> = Vec::new();
    for each in reader.tables(root, "rollup", ROLLUPS_MAX) {
        rollups.extend(rollup::rollup(reader, each, table.as_ref(), &declared, &rollups));
    }
    Some(Contract {
        table: table?,
        version: u32::try_from(version?).ok()?,
        description,
        types,
        default,
        envelope,
        unknown_fields: unknown_fields.unwrap_or(UnknownFields::Keep),
        duplicate_keys: duplicate_keys.unwrap_or(DuplicateKeys::Reject),
        limits,
        partition_by_type,
        keep: keep.unwrap_or(Keep::Latest),
        columns,
        filters,
        rollups,
    })
}

fn types(reader: &mut Reader<'_>, root: &Table<'_, '_>, default: bool) -> Vec<TypePattern> {
    const EXPECTED: &str = "a list of types of event such as \"order.placed\" or \"order.*\"";
    let mut types: Vec<TypePattern> = Vec::new();
    let node = root.get("types");
    let nodes = node.iter().flat_map(|node| reader.list(node, EXPECTED, TYPES_MAX)).collect::<Vec<_>>();
    for each in &nodes {
        let Some(text) = reader.text(each, "a type of event", TYPE_BYTES_MAX) else { continue };
        match TypePattern::new(text) {
            None => reader.add(&each.place, Complaint::new("it is empty").expected("a type of event")),
            Some(pattern) if types.contains(&pattern) => {
                reader.add(&each.place, Complaint::new(format!("{} is listed twice", quoted(text))));
            }
            Some(pattern) => types.push(pattern),
        }
    }
    if nodes.is_empty() && !default {
        let place = node.map_or_else(|| Place { field: "types".into(), ..root.place.clone() }, |node| node.place);
        let complaint = Complaint::new("the table takes no type of event").expected(EXPECTED);
        reader.add(&place, complaint.suggest("with default = true it takes what no other table takes"));
    }
    types
}

fn partition_by_type(reader: &mut Reader<'_>, root: &Table<'_, '_>) -> bool {
    const EXPECTED: &str = "[\"day\"] or [\"day\", \"event_type\"]";
    let Some(node) = root.get("partition_by") else { return false };
    let nodes = reader.list(&node, EXPECTED, usize::MAX);
    let words: Vec<_> = nodes.iter().map(Node::as_text).collect();
    match words.as_slice() {
        [Some("day")] => false,
        [Some("day"), Some("event_type")] => true,
        _ => {
            if matches!(node.value, toml::de::DeValue::Array(_)) {
                let complaint = Complaint::new("tables are not partitioned so").expected(EXPECTED);
                reader.add(&node.place, complaint);
            }
            false
        }
    }
}

fn limits(reader: &mut Reader<'_>, root: &Table<'_, '_>) -> EventLimits {
    const KEYS: [&str; 7] = ["depth", "event_bytes", "string_bytes", "type_bytes", "past", "future", "dates_per_batch"];
    let mut limits = EventLimits::default();
    let table = root.get("limits").and_then(|node| reader.table(&node, "a table of limits"));
    let Some(table) = table else { return limits };
    reader.known_keys(&table, "the limits", &KEYS);
    let mut count = |limit: &mut usize, key: &str, most: usize| {
        let read = table.get(key).and_then(|node| reader.integer(&node, 1, most as u64));
        *limit = read.map_or(*limit, |number| number as usize);
    };
    count(&mut limits.depth_max, "depth", DEPTH_MAX);
    count(&mut limits.dates_per_batch_max, "dates_per_batch", DATES_PER_BATCH_MAX);
    for (limit, key, most) in [
        (&mut limits.event_bytes_max, "event_bytes", EVENT_BYTES_MAX),
        (&mut limits.string_bytes_max, "string_bytes", EVENT_BYTES_MAX),
        (&mut limits.type_bytes_max, "type_bytes", TYPE_BYTES_MAX),
    ] {
        *limit = table.get(key).and_then(|node| size(reader, &node, most)).unwrap_or(*limit);
    }
    for (limit, key) in [(&mut limits.time_past_max, "past"), (&mut limits.time_future_max, "future")] {
        *limit = table.get(key).and_then(|node| duration(reader, &node)).unwrap_or(*limit);
    }
    limits
}

fn size(reader: &mut Reader<'_>, node: &Node<'_, '_>, most: usize) -> Option<usize> {
    let Some(text) = node.as_text() else {
        return reader.integer(node, 1, most as u64).map(|bytes| bytes as usize);
    };
    let bytes = quantity::bytes(text).and_then(|bytes| usize::try_from(bytes).ok());
    let fits = bytes.filter(|bytes| (1..=most).contains(bytes));
    if fits.is_none() {
        let problem = if bytes.is_some() { "is not within the bounds" } else { "is no size" };
        let most = quantity::bytes_text(most);
        let expected = format!("bytes, or a text such as \"64 KiB\", up to {most}");
        reader.add(&node.place, Complaint::new(format!("{} {problem}", quoted(text))).expected(expected));
    }
    fits
}

fn duration(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Option<std::time::Duration> {
    let expected = format!("a text such as \"36 hours\" or \"10 days\", up to {TIME_DAYS_MAX} days");
    let text = reader.text(node, &expected, 64)?;
    let read = quantity::duration(text);
    let fits = read.filter(|duration| duration.as_secs() <= TIME_DAYS_MAX * 86_400);
    if fits.is_none() {
        let problem = if read.is_some() { "is too long" } else { "is no duration" };
        reader.add(&node.place, Complaint::new(format!("{} {problem}", quoted(text))).expected(expected));
    }
    fits
}
