//! What must hold for any input: one function a target, each panics where it does not.
//!
//! - [`invocation`]: the bytes that Lambda hands over, down to the bytes of Parquet files.
//! - [`kpl`]: the bytes of one record, and aggregates made of pieces of them.
//! - [`mutate`]: a seeded mutator, for a bounded run of the same functions without instrumentation.
//!
//! libFuzzer drives the same two functions from the workspace of its own in `libfuzzer/`, where every crate is
//! instrumented. Here they are plain code, so that an ordinary test run tries some thousands of inputs too.

#![expect(clippy::panic, reason = "a fuzz target reports by panicking")]

pub mod mutate;

use std::sync::LazyLock;

use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_lake::commit::Counts;
use iguazu_lake::ids::{AttemptId, ChainId, RowNumber, SequenceSet, StreamId, TableName, Timestamp};
use iguazu_lake::keys::DataFile;
use iguazu_transform::unpack::unpack;
use iguazu_transform::{
    Batch, Catalog, Contract, FileFormat, Limits, Output, Parquet, Payload, Reason, Record, Secrets, Source,
    kpl as format,
};

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
