//! KPL aggregates: many user records in one record of the stream.
//!
//! ```text
//! F3 89 9A C2 | AggregatedRecord (protobuf) | MD5 of the protobuf part, 16 bytes
//! ```
//!
//! What begins with the magic number is an aggregate here, even with a wrong sum: the magic number is not valid
//! UTF-8, so it can be no document, and "damaged aggregate" is the more helpful answer. Partition keys and tags
//! are not read: they chose the shard, and the events speak for themselves.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use prost::Message;

use crate::reason::Reason;

/// What every aggregate begins with.
pub const MAGIC: [u8; 4] = [0xF3, 0x89, 0x9A, 0xC2];
const SUM_BYTES: usize = 16;

/// An aggregate as it is read. Only what is used is decoded: what is skipped can neither fail nor take memory.
/// Bytes instead of messages, so that a megabyte of empty entries does not become a hundred.
#[derive(Clone, PartialEq, Message)]
struct Entries {
    #[prost(bytes = "bytes", repeated, tag = "3")]
    records: Vec<Bytes>,
}

/// An entry as it is read. The data is required, once; read as repeated, so that none and two are noticed
/// where protobuf itself would make up the one and drop the other.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(bytes = "bytes", repeated, tag = "3")]
    data: Vec<Bytes>,
}

/// An aggregate as it is written.
#[derive(Clone, PartialEq, Message)]
struct AggregatedRecord {
    #[prost(string, repeated, tag = "1")]
    partition_key_table: Vec<String>,
    #[prost(string, repeated, tag = "2")]
    explicit_hash_key_table: Vec<String>,
    #[prost(message, repeated, tag = "3")]
    records: Vec<UserRecord>,
}

#[derive(Clone, PartialEq, Message)]
struct UserRecord {
    #[prost(uint64, required, tag = "1")]
    partition_key_index: u64,
    #[prost(uint64, optional, tag = "2")]
    explicit_hash_key_index: Option<u64>,
    #[prost(bytes = "bytes", required, tag = "3")]
    data: Bytes,
    #[prost(message, repeated, tag = "4")]
    tags: Vec<Tag>,
}

#[derive(Clone, PartialEq, Message)]
struct Tag {
    #[prost(string, required, tag = "1")]
    key: String,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// Whether the record claims to be an aggregate.
#[must_use]
pub fn is_aggregate(record: &[u8]) -> bool {
    record.starts_with(&MAGIC)
}

/// The data of the user records in an aggregate, in order, without copying them.
///
/// # Errors
/// Where it is damaged, is no valid message, or holds nothing or more than `records_max` records.
pub fn disaggregate(record: &Bytes, records_max: usize) -> Result<Vec<Bytes>, Reason> {
    let body_end = record.len().checked_sub(SUM_BYTES).filter(|&end| end >= MAGIC.len()).ok_or(Reason::KplChecksum)?;
    let body = record.slice(MAGIC.len()..body_end);
    if Md5::digest(&body)[..] != record[body_end..] {
        return Err(Reason::KplChecksum);
    }
    let entries = Entries::decode(body).map_err(|_| Reason::KplProtobuf)?.records;
    if entries.is_empty() {
        return Err(Reason::KplEmpty);
    }
    if entries.len() > records_max {
        return Err(Reason::TooManyEvents { limit: records_max });
    }
    entries.into_iter().map(data_of).collect()
}

fn data_of(entry: Bytes) -> Result<Bytes, Reason> {
    let mut data = Entry::decode(entry).map_err(|_| Reason::KplProtobuf)?.data;
    match (data.pop(), data.is_empty()) {
        (Some(only), true) => Ok(only),
        _ => Err(Reason::KplProtobuf),
    }
}

/// The aggregate of some user records, each a partition key and its data, as the Kinesis Producer Library writes
/// it: equal keys share an entry of the table. For load generators, simulations and tests.
#[must_use]
pub fn aggregate(records: &[(&str, &[u8])]) -> Bytes {
    let mut keys = BTreeMap::new();
    let mut message = AggregatedRecord::default();
    for &(key, data) in records {
        let index = *keys.entry(key).or_insert_with(|| {
            message.partition_key_table.push(key.to_owned());
            message.partition_key_table.len() as u64 - 1
        });
        message.records.push(UserRecord {
            partition_key_index: index,
            explicit_hash_key_index: None,
            data: Bytes::copy_from_slice(data),
            tags: Vec::new(),
        });
    }
    seal(&message.encode_to_vec())
}

/// The magic number, the message and its sum.
fn seal(body: &[u8]) -> Bytes {
    let mut record = BytesMut::with_capacity(MAGIC.len() + body.len() + SUM_BYTES);
    record.extend_from_slice(&MAGIC);
    record.extend_from_slice(body);
    record.extend_from_slice(&Md5::digest(body));
    record.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_was_aggregated_comes_apart_again(
            records in prop::collection::vec(("[a-c]{0,3}", prop::collection::vec(any::<u8>(), 0..50)), 1..20),
        ) {
            let borrowed: Vec<_> = records.iter().map(|(key, data)| (key.as_str(), data.as_slice())).collect();
            let expected: Vec<_> = records.iter().map(|(_, data)| Bytes::copy_from_slice(data)).collect();
            prop_assert_eq!(disaggregate(&aggregate(&borrowed), 20), Ok(expected));
        }

        #[test]
        fn a_flipped_bit_behind_the_magic_number_is_a_wrong_sum(
            data in prop::collection::vec(any::<u8>(), 0..50),
            bit: prop::sample::Index,
        ) {
            let mut record = aggregate(&[("key", &data)]).to_vec();
            let bit = MAGIC.len() * 8 + bit.index((record.len() - MAGIC.len()) * 8);
            record[bit / 8] ^= 1 << (bit % 8);
            prop_assert_eq!(disaggregate(&record.into(), 20), Err(Reason::KplChecksum));
        }

        #[test]
        fn no_message_makes_the_decoder_panic(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = disaggregate(&seal(&body), 20);
        }
    }

    #[test]
    fn the_bytes_are_those_of_the_published_format() {
        // 0A: field 1, a string. 1A: field 3, a message; in it 08: field 1, a varint, and 1A: field 3, bytes.
        let body = [0x0A, 1, b'k', 0x1A, 5, 0x08, 0, 0x1A, 1, b'x', 0x1A, 5, 0x08, 0, 0x1A, 1, b'y'];
        assert_eq!(aggregate(&[("k", b"x"), ("k", b"y")]), seal(&body));
    }

    #[test]
    fn the_bytes_are_those_of_another_implementation() {
        // Written by the `aws_kinesis_agg` package for Python, of ("k", "x"), ("l", "yy") and ("k", "").
        let expected = "f3899ac20a016b0a016c1a0508001a01781a0608011a0279791a0408001a00459a985ddb3b8d436c49bc193c120b09";
        let record = aggregate(&[("k", b"x"), ("l", b"yy"), ("k", b"")]);
        assert_eq!(record.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), expected);
        assert_eq!(disaggregate(&record, 3), Ok(["x", "yy", ""].map(Bytes::from).to_vec()));
    }

    #[test]
    fn hash_keys_tags_and_unknown_fields_are_passed_over() {
        let message = AggregatedRecord {
            partition_key_table: vec!["k".into()],
            explicit_hash_key_table: vec!["1".into()],
            records: vec![UserRecord {
                partition_key_index: 7,
                explicit_hash_key_index: Some(0),
                data: Bytes::from_static(b"x"),
                tags: vec![Tag { key: "a".into(), value: Some("b".into()) }],
            }],
        };
        let mut body = message.encode_to_vec();
        body.extend_from_slice(&[0x7A, 1, 0]);
        assert_eq!(disaggregate(&seal(&body), 1), Ok(vec![Bytes::from_static(b"x")]));
    }

    #[test]
    fn an_aggregate_that_holds_no_data_once_is_refused() {
        let refused = |record: &[u8]| disaggregate(&Bytes::copy_from_slice(record), 2);
        assert_eq!(refused(&MAGIC), Err(Reason::KplChecksum));
        assert_eq!(refused(&[&MAGIC[..], &[0; 15]].concat()), Err(Reason::KplChecksum));
        assert_eq!(refused(&seal(b"")), Err(Reason::KplEmpty));
        assert_eq!(refused(&aggregate(&[])), Err(Reason::KplEmpty));
        assert_eq!(refused(&seal(&[0xFF])), Err(Reason::KplProtobuf));
        assert_eq!(refused(&seal(&[0x1A, 0])), Err(Reason::KplProtobuf));
        assert_eq!(refused(&seal(&[0x1A, 6, 0x1A, 1, b'x', 0x1A, 1, b'y'])), Err(Reason::KplProtobuf));
        assert_eq!(refused(&aggregate(&[("k", &b"x"[..]); 3])), Err(Reason::TooManyEvents { limit: 2 }));
    }
}
