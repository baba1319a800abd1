//! What must hold for any input: one function a target, each panics where it does not.
//!
//! - [`invocation`]: the bytes that Lambda hands over, down to the bytes of Parquet files.
//! - [`kpl`]: the bytes of one record, and aggregates made of pieces of them.
//! - [`event`]: a document, judged by contracts that use everything that a contract can say.
//! - [`differential`]: a document as a part of an event, held against another reader: the same documents, the same
//!   values.
//! - [`contract`]: the text of a contract, and all that comes of it.
//! - [`mutate`]: a seeded mutator, for a bounded run of the same functions without instrumentation.
//!
//! libFuzzer drives the same functions from the workspace of its own in `libfuzzer/`, where every crate is
//! instrumented. Here they are plain code, so that an ordinary test run tries some thousands of inputs too.

#![expect(clippy::panic, reason = "a fuzz target reports by panicking")]

pub mod mutate;

use std::collections::BTreeMap;
use std::sync::LazyLock;

use arrow::array::AsArray;
use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_lake::commit::Counts;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceSet, StreamId, TableName, Timestamp};
use iguazu_lake::keys::DataFile;
use iguazu_transform::contract::{Column, ColumnType, DuplicateKeys, SYSTEM_COLUMNS, Source as ColumnSource, compare};
use iguazu_transform::unpack::unpack;
use iguazu_transform::{
    Batch, Catalog, Contract, FileFormat, Limits, Output, Parquet, Payload, Reason, Record, Secrets, Source,
    kpl as format,
};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::value::RawValue;

/// Limits that short inputs can reach.
fn limits() -> Limits {
    Limits {
        record_bytes_max: 64 << 10,
        decompressed_bytes_max: 256 << 10,
        events_per_record_max: 64,
        members_per_object_max: 32,
        quarantine_dates_max: 2,
    }
}

/// Contracts that use everything that a contract can say, with limits that short inputs can reach, and the built-in
/// one for the rest.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let read = |file: &str, text: &str| Contract::parse(file, text).unwrap_or_else(|error| panic!("{error}"));
    let mut built_in = Contract::built_in(table());
    built_in.limits.depth_max = 16;
    built_in.limits.type_bytes_max = 32;
    built_in.limits.dates_per_batch_max = 2;
    let contracts = vec![
        built_in,
        read("everything.toml", include_str!("everything.toml")),
        read("cloudevents.toml", include_str!("cloudevents.toml")),
    ];
    let mut secrets = Secrets::default();
    for contract in &contracts {
        for name in contract.secrets() {
            secrets.insert(name.clone(), &[7; 32]).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    Catalog::new(contracts, &secrets, limits()).unwrap_or_else(|error| panic!("{error}"))
});

fn table() -> TableName {
    "events".parse().unwrap_or_else(|error| panic!("a constant: {error}"))
}

/// A payload of Lambda: whatever it holds, each record with an identity becomes rows, once, and the same again.
pub fn invocation(data: &[u8]) {
    let (Ok(first), again) = (Invocation::parse(data), Invocation::parse(data)) else { return };
    let again = again.unwrap_or_else(|error| panic!("refused the second time: {error}"));
    assert_eq!((&first.shards, &first.unidentified), (&again.shards, &again.unidentified), "parsed differently");
    let types = Invocation::parse_leniently(data).unwrap_or_else(|error| panic!("refused by the types: {error}"));
    assert_eq!((&first.shards, &first.unidentified), (&types.shards, &types.unidentified), "the types read another");
    let parsed: usize = first.shards.values().map(Vec::len).sum();
    if let (Some(records), None) = (records_in(data), &first.unidentified) {
        assert_eq!(parsed, records, "a record was lost between the payload and the shards");
    }
    for ((stream, shard), records) in first.shards {
        let chain = ChainId::Shard { stream: StreamId { name: stream, created_ms: 0 }, shard };
        check_records(&Source { chain }, records);
    }
}

/// How many records a payload lists, by a parser that knows nothing of them.
fn records_in(data: &[u8]) -> Option<usize> {
    let value: serde_json::Value = serde_json::from_slice(data).ok()?;
    value.get("Records")?.as_array().map(Vec::len)
}

/// The bytes of a record: taken apart without a panic, and aggregates of their pieces come apart to the same.
pub fn kpl(data: &[u8]) {
    let limits = limits();
    check_record(data);
    let Some((&head, rest)) = data.split_first() else { return };
    // The first byte says how long the pieces are, and which bit flips.
    let pieces: Vec<&[u8]> = rest.chunks(usize::from(head % 61) + 1).take(limits.events_per_record_max).collect();
    if pieces.is_empty() {
        return;
    }
    let keyed: Vec<_> = pieces.iter().zip(["a", "b", "c"].iter().cycle()).map(|(&piece, &key)| (key, piece)).collect();
    let aggregate = format::aggregate(&keyed);
    let expected: Vec<Bytes> = pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect();
    assert_eq!(format::disaggregate(&aggregate, pieces.len()), Ok(expected), "an aggregate came apart to another");
    check_record(&aggregate);
    let mut flipped = aggregate.to_vec();
    let bit = usize::from(head) * 31 % (flipped.len() * 8);
    flipped[bit / 8] ^= 1 << (bit % 8);
    if format::is_aggregate(&flipped) {
        let answer = format::disaggregate(&flipped.into(), pieces.len());
        assert_eq!(answer, Err(Reason::KplChecksum), "bit {bit} flipped and nobody noticed");
    }
}

/// A document that is judged by contracts: it becomes one row, whichever it is.
pub fn event(data: &[u8]) {
    check_record(data);
}

/// The text of a contract: refused with places that exist, or a contract of which everything else can be made.
pub fn contract(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let contract = match Contract::parse("fuzz.toml", text) {
        Ok(contract) => contract,
        Err(errors) => {
            assert!(!errors.problems.is_empty(), "refused without a problem");
            let lines = text.lines().count().max(1);
            for problem in &errors.problems {
                assert!((1..=lines + 1).contains(&problem.line), "line {} of {lines}", problem.line);
            }
            return;
        }
    };
    let again = Contract::parse("again.toml", &contract.to_toml());
    assert_eq!(again.as_ref().map_err(ToString::to_string), Ok(&contract), "the text of a contract says another");
    assert!(contract.arrow_schema().fields().len() >= contract.columns.len());
    assert!(!contract.dictionary().is_empty() && contract.json_schema().is_object());
    assert!(compare(&contract, &contract).may_follow(), "a contract may not follow itself");
    let mut secrets = Secrets::default();
    for name in contract.secrets() {
        secrets.insert(name.clone(), &[7; 32]).unwrap_or_else(|error| panic!("{error}"));
    }
    Catalog::new(vec![contract], &secrets, limits()).unwrap_or_else(|error| panic!("a sound contract: {error}"));
}

/// Levels of a document that both readers take: the other one's bound, less those that are put around it.
const DIFFERENTIAL_DEPTH_MAX: usize = 120;
/// Places of a document whose values are compared.
const PLACES_MAX: usize = 40;

/// A document as a member of an event, with a column for every place in it: taken exactly if serde_json takes it, and
/// with the very values that serde_json finds.
pub fn differential(data: &[u8]) {
    if data.contains(&b'\n') || data.iter().filter(|byte| b"[{".contains(byte)).count() > DIFFERENTIAL_DEPTH_MAX {
        // Lines are documents of their own, and beyond its depth the other reader refuses what is valid.
        return;
    }
    let theirs: Result<serde_json::Value, _> = serde_json::from_slice(data);
    let mut places = Vec::new();
    if theirs.is_ok() {
        let text = std::str::from_utf8(data).unwrap_or_else(|_| panic!("the other reader took what is no text"));
        list_places(text.trim_matches(BLANKS), "/x".to_owned(), &mut places);
    }
    let catalog = catalog_of_places(&places);
    let head = r#"{"id":"00000000-0000-4000-8000-000000000001","type":"t","time":"2026-11-21T11:59:00Z","x":"#;
    let document = [head.as_bytes(), data, b"}"].concat();
    let arrival = Timestamp::from_millis(1_795_262_400_000);
    let record = Record { sequence: 1.into(), arrival, payload: Payload::Data(document.into()) };
    let mut batch = Batch::new(&catalog);
    let pushed = batch.push(&record);
    assert_eq!(pushed.accepted == 1, theirs.is_ok(), "one reader took what the other refused: {theirs:?}");
    if theirs.is_err() {
        return;
    }
    let chain = "shard.fuzz.0.shardId-0".parse().unwrap_or_else(|error| panic!("a constant: {error}"));
    let output = batch.finish(&Source { chain }, &Parquet).unwrap_or_else(|error| panic!("{error}"));
    let found = json_columns(&output.files[0].bytes);
    for ((path, value), found) in places.iter().zip(found) {
        assert_eq!(found.as_deref(), (value != "null").then_some(value.as_str()), "the value at {path}");
    }
}

const BLANKS: [char; 4] = [' ', '\t', '\r', '\n'];

/// The places of a document with what is written there, as the other reader takes it apart. Of members of one name the
/// last counts.
fn list_places(text: &str, path: String, places: &mut Vec<(String, String)>) {
    if places.len() == PLACES_MAX || path.matches('/').count() > 30 {
        return;
    }
    places.push((path.clone(), text.to_owned()));
    match text.as_bytes().first() {
        Some(b'[') => {
            let elements: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"));
            for (index, element) in elements.into_iter().enumerate() {
                list_places(element.get(), format!("{path}/{index}"), places);
            }
        }
        Some(b'{') => {
            let members: BTreeMap<String, &RawValue> =
                serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}"));
            for (name, member) in members {
                let token = name.replace('~', "~0").replace('/', "~1");
                list_places(member.get(), format!("{path}/{token}"), places);
            }
        }
        _ => {}
    }
}

fn catalog_of_places(places: &[(String, String)]) -> Catalog {
    let mut contract = Contract::built_in(table());
    contract.duplicate_keys = DuplicateKeys::Last;
    contract.limits.depth_max = 2 * DIFFERENTIAL_DEPTH_MAX;
    contract.columns = (0..)
        .zip(places)
        .map(|(number, (path, _))| Column {
            name: format!("c{number}").parse().unwrap_or_else(|error| panic!("{error}")),
            source: ColumnSource::Paths(vec![path.parse().unwrap_or_else(|error| panic!("{path}: {error}"))]),
            kind: ColumnType::Json,
            required: false,
            default: None,
            steps: Vec::new(),
            description: String::new(),
        })
        .collect();
    let limits = Limits::default();
    Catalog::new(vec![contract], &Secrets::default(), limits).unwrap_or_else(|error| panic!("{error}"))
}

/// The columns behind the one of what no column holds, of the only row of a file.
fn json_columns(file: &Bytes) -> Vec<Option<String>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file.clone()).and_then(|builder| builder.build());
    let mut reader = reader.unwrap_or_else(|error| panic!("our own file: {error}"));
    let Some(Ok(batch)) = reader.next() else { panic!("our own file has no row") };
    let columns = batch.columns().iter().skip(SYSTEM_COLUMNS.len() + 1);
    columns.map(|column| column.as_string::<i32>().iter().next().flatten().map(str::to_owned)).collect()
}

fn check_record(data: &[u8]) {
    let bytes = Bytes::copy_from_slice(data);
    let limits = limits();
    match unpack(&bytes, &limits) {
        Ok(parts) => assert!((1..=limits.events_per_record_max).contains(&parts.len()), "{} parts", parts.len()),
        Err(reason) => assert!(!reason.detail().is_empty()),
    }
    let chain = "shard.fuzz.0.shardId-0".parse().unwrap_or_else(|error| panic!("a constant: {error}"));
    let arrival = Timestamp::from_millis(1_795_262_400_000);
    check_records(&Source { chain }, vec![Record { sequence: 1.into(), arrival, payload: Payload::Data(bytes) }]);
}

/// Records of one shard to files, as the driver does it: in order, each sequence number once.
fn check_records(source: &Source, mut records: Vec<Record>) {
    records.sort_by(|left, right| left.sequence.cmp_in_shard(&right.sequence));
    records.dedup_by_key(|record| record.sequence);
    let output = files_of(source, &records);
    assert_eq!(files_of(source, &records), output, "the same records gave other files");

    let Counts { delivered, accepted, quarantined, .. } = output.counts;
    assert_eq!(output.counts.records, records.len() as u64);
    assert_eq!(delivered, accepted + quarantined, "events are not conserved");
    assert_eq!(output.files.iter().map(|file| file.rows).sum::<u64>(), delivered, "rows are not conserved");
    let offered: SequenceSet = records.iter().map(|record| record.sequence).collect();
    let mut found = Vec::new();
    for file in &output.files {
        let sequences = Parquet.sequences(&file.bytes).unwrap_or_else(|error| panic!("our own file: {error}"));
        found.extend_from_slice(sequences.as_slice());
        let name = DataFile {
            area: file.area.clone(),
            partition: file.partition,
            chain: source.chain.clone(),
            n: RowNumber::FIRST,
            attempt: AttemptId::from_u128(0),
        };
        assert_eq!(DataFile::parse(&name.key()).as_ref(), Ok(&name), "the sweep could not read the file's name");
    }
    assert_eq!(found.into_iter().collect::<SequenceSet>(), offered, "files do not hold exactly what was offered");
}

fn files_of(source: &Source, records: &[Record]) -> Output {
    let mut batch = Batch::new(&CATALOG);
    for record in records {
        let pushed = batch.push(record);
        assert!(pushed.accepted + pushed.quarantined >= 1, "record {} left no row", record.sequence);
    }
    batch.finish(source, &Parquet).unwrap_or_else(|error| panic!("data made the format fail: {error}"))
}
