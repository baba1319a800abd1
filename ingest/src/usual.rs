//! The usual invocation, read where it stands: one pass over the payload, and one buffer for what its base64 holds.
//!
//! The types of `aws_lambda_events` make a record's every field a value of its own, which costs more than all that
//! is done with the records afterwards. What is not exactly as Lambda writes it is not judged here: [`read`] gives
//! nothing, and the types, or else the salvage, have the word. So this reader never has to be lenient, and where it
//! gives something, the types would give the same; a fuzz target holds it to that.

use std::ops::Range;

use base64_simd::STANDARD;
use bytes::Bytes;
use iguazu_lake::ids::{SequenceNumber, ShardId, StreamName, Timestamp};
use iguazu_transform::json::{Cursor, Span};
use iguazu_transform::{Payload, Record};

use crate::invocation::{Source, stream_of_arn};

/// Levels of what nobody here reads.
const DEPTH_MAX: usize = 8;
/// What a record's envelope has in bytes, at least; it only sizes memory.
const ENVELOPE_BYTES: usize = 480;

/// A value of a record that differs from that of the record before it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    PartitionKey,
    Sequence,
    Data,
    Arrival,
    /// The sequence number once more, within `eventID`.
    SequenceAgain,
}

/// How a record is written: what stands before each of its values, and behind the last. Lambda writes every record of
/// an invocation alike, so one that was read says how to read the next: what stands between its values is compared as
/// a whole.
#[derive(Default)]
struct Mould<'p> {
    pieces: Vec<(&'p [u8], Value)>,
    end: &'p [u8],
    source: usize,
}

/// A record before its data has a place to be.
struct Entry {
    source: usize,
    sequence: SequenceNumber,
    arrival: Timestamp,
    data: Range<usize>,
}

/// The fields of a record that say something.
#[derive(Default)]
struct Fields {
    event_id: Option<Span>,
    arn: Option<Span>,
    sequence: Option<Span>,
    data: Option<Span>,
    partition_key: Option<Span>,
    arrival: Option<(Timestamp, Range<usize>)>,
}

struct Reader<'p> {
    payload: &'p [u8],
    cursor: Cursor<'p>,
    /// What the data of all records decodes to, one behind the other.
    arena: Vec<u8>,
    entries: Vec<Entry>,
    /// The sources so far, with the texts that they were read from: an invocation has one, as a rule.
    sources: Vec<(&'p [u8], &'p [u8], Source)>,
    /// The form of the record before.
    mould: Option<Mould<'p>>,
}

/// The records of an invocation by source, or nothing if it is not exactly as Lambda writes it.
pub(crate) fn read(payload: &[u8]) -> Option<Vec<(Source, Vec<Record>)>> {
    let mut reader = Reader {
        payload,
        cursor: Cursor::new(payload),
        // More than it can hold: what is not written to is not backed by memory, and an allocator that was given back a
        // large block keeps blocks of that size at hand instead of asking the system for zeroed pages every time.
        arena: Vec::with_capacity(payload.len() * 2),
        entries: Vec::with_capacity(payload.len() / (2 * ENVELOPE_BYTES)),
        sources: Vec::new(),
        mould: None,
    };
    reader.whole()?;
    let data = Bytes::from(reader.arena);
    let mut shards: Vec<_> = reader.sources.into_iter().map(|(.., source)| (source, Vec::new())).collect();
    if let [(_, records)] = &mut *shards {
        records.reserve_exact(reader.entries.len());
    }
    for Entry { source, sequence, arrival, data: range } in reader.entries {
        let payload = Payload::Data(data.slice(range));
        shards.get_mut(source)?.1.push(Record { sequence, arrival, payload });
    }
    Some(shards)
}

impl<'p> Reader<'p> {
    /// `{"Records":[…]}` and nothing else.
    fn whole(&mut self) -> Option<()> {
        self.byte(b'{')?;
        if self.name()? != b"Records" {
            return None;
        }
        self.byte(b'[')?;
        if self.cursor.peek()? == b']' {
            self.byte(b']')?;
        } else {
            loop {
                if self.as_before().is_none() {
                    self.record()?;
                }
                match self.cursor.take()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.byte(b'}')?;
        self.cursor.at_end().then_some(())
    }

    /// A record that is written like the one before it.
    fn as_before(&mut self) -> Option<()> {
        let mould = self.mould.as_ref()?;
        let start = self.cursor.at();
        let payload = self.payload;
        let mut at = start;
        let (mut sequence, mut data, mut arrival) = (None, None, None);
        for &(piece, value) in &mould.pieces {
            let rest = payload.get(at..)?.strip_prefix(piece)?;
            at += piece.len();
            let length = match value {
                Value::Arrival => rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'.'))?,
                Value::SequenceAgain => rest.starts_with(sequence?).then(|| sequence.map_or(0, <[u8]>::len))?,
                _ => memchr::memchr(b'"', rest)?,
            };
            let text = rest.get(..length)?;
            match value {
                Value::PartitionKey => plain(text).then_some(())?,
                Value::Sequence => sequence = Some(text),
                Value::Data => data = Some(text),
                Value::Arrival => arrival = Some(millis(text)?),
                Value::SequenceAgain => {}
            }
            at += length;
        }
        payload.get(at..)?.strip_prefix(mould.end)?;
        let source = mould.source;
        self.cursor = self.cursor.moved(at + mould.end.len());
        let taken = self.push(source, sequence?, data?, arrival?);
        if taken.is_none() {
            self.cursor = self.cursor.moved(start);
        }
        taken
    }

    /// The form of a record that was read.
    fn mould_of(&self, fields: &Fields, source: usize, start: usize) -> Option<Mould<'p>> {
        let span = |span: Option<Span>| span.map(|span| span.start..span.end);
        let (event_id, sequence) = (span(fields.event_id)?, span(fields.sequence)?);
        let again = event_id.end - sequence.len()..event_id.end;
        let mut values = [
            (span(fields.partition_key)?, Value::PartitionKey),
            (sequence, Value::Sequence),
            (span(fields.data)?, Value::Data),
            (fields.arrival.as_ref()?.1.clone(), Value::Arrival),
            (again, Value::SequenceAgain),
        ];
        values.sort_unstable_by_key(|(place, _)| place.start);
        let mut pieces = Vec::with_capacity(values.len());
        let mut at = start;
        for (place, value) in values {
            pieces.push((self.payload.get(at..place.start)?, value));
            at = place.end;
        }
        let known = |value| pieces.iter().position(|(_, other)| *other == value);
        // The number is compared with the one that was read, so it must come behind it.
        (known(Value::Sequence) < known(Value::SequenceAgain)).then_some(())?;
        Some(Mould { pieces, end: self.payload.get(at..self.cursor.at())?, source })
    }

    fn record(&mut self) -> Option<()> {
        self.cursor.peek()?;
        let start = self.cursor.at();
        let mut fields = Fields::default();
        let mut seen = 0_u32;
        self.object(|reader, name| {
            // Every field has a bit: one that comes twice is not for this reader to judge.
            let bit = match name {
                b"kinesis" => {
                    reader.kinesis(&mut fields)?;
                    1
                }
                b"eventID" => {
                    fields.event_id = Some(reader.text()?);
                    2
                }
                b"eventSourceARN" => {
                    fields.arn = Some(reader.text()?);
                    4
                }
                b"eventSource" => reader.text().map(|_| 8)?,
                b"eventVersion" => reader.text().map(|_| 16)?,
                b"eventName" => reader.text().map(|_| 32)?,
                b"invokeIdentityArn" => reader.text().map(|_| 64)?,
                b"awsRegion" => reader.text().map(|_| 128)?,
                _ => return None,
            };
            let fresh = seen & bit == 0;
            seen |= bit;
            fresh.then_some(())
        })?;
        let source = self.take(&fields)?;
        self.mould = self.mould_of(&fields, source, start);
        Some(())
    }

    fn kinesis(&mut self, fields: &mut Fields) -> Option<()> {
        let mut seen = 0_u32;
        self.object(|reader, name| {
            let bit = match name {
                b"data" => {
                    fields.data = Some(reader.base64()?);
                    1
                }
                b"sequenceNumber" => {
                    fields.sequence = Some(reader.text()?);
                    2
                }
                b"approximateArrivalTimestamp" => {
                    fields.arrival = Some(reader.seconds()?);
                    4
                }
                b"partitionKey" => {
                    fields.partition_key = Some(reader.any_text()?);
                    8
                }
                b"kinesisSchemaVersion" => reader.text().map(|_| 16)?,
                _ => return None,
            };
            let fresh = seen & bit == 0;
            seen |= bit;
            fresh.then_some(())
        })?;
        // All five are there, as Lambda writes them.
        (seen == 31).then_some(())
    }

    /// Takes a record, and says which source it is of.
    fn take(&mut self, fields: &Fields) -> Option<usize> {
        let raw = |span: Option<Span>| span.map(|span| span.raw(self.payload));
        let (event_id, arn, sequence) = (raw(fields.event_id)?, raw(fields.arn)?, raw(fields.sequence)?);
        // `shardId-000000000000:4954…`, with the very number that the record has.
        let shard = event_id.strip_suffix(sequence)?.strip_suffix(b":")?;
        let source = match self.sources.iter().position(|known| (known.0, known.1) == (arn, shard)) {
            Some(known) => known,
            None => {
                let stream: StreamName = stream_of_arn(std::str::from_utf8(arn).ok()?)?;
                let shard_id: ShardId = std::str::from_utf8(shard).ok()?.parse().ok()?;
                let source = (stream, shard_id);
                // Two texts may name one source.
                self.sources.iter().position(|known| known.2 == source).unwrap_or_else(|| {
                    self.sources.push((arn, shard, source));
                    self.sources.len() - 1
                })
            }
        };
        let (data, (arrival, _)) = (raw(fields.data)?, fields.arrival.as_ref()?);
        self.push(source, sequence, data, *arrival)?;
        Some(source)
    }

    fn push(&mut self, source: usize, sequence: &[u8], base64: &[u8], arrival: Timestamp) -> Option<()> {
        let sequence = std::str::from_utf8(sequence).ok()?.parse().ok()?;
        let start = self.arena.len();
        STANDARD.decode_append(base64, &mut self.arena).ok()?;
        self.entries.push(Entry { source, sequence, arrival, data: start..self.arena.len() });
        Some(())
    }

    /// An object, member by member. The names that matter here hold no escapes.
    fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.byte(b'{')?;
        if self.cursor.peek()? == b'}' {
            return self.byte(b'}');
        }
        loop {
            let name = self.name()?;
            member(self, name)?;
            match self.cursor.take()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.cursor.take()? == byte).then_some(())
    }

    fn name(&mut self) -> Option<&'p [u8]> {
        let name = self.cursor.name().ok()?;
        (!name.escaped).then(|| name.raw(self.payload))
    }

    /// A text without escapes, of ASCII: one that says what it spells as it stands.
    fn text(&mut self) -> Option<Span> {
        self.byte(b'"')?;
        let span = self.cursor.string().ok()?;
        (!span.escaped && span.is_ascii(self.payload)).then_some(span)
    }

    /// A text that nobody reads. Escapes are for the types to judge.
    fn any_text(&mut self) -> Option<Span> {
        self.byte(b'"')?;
        let span = self.cursor.string().ok()?;
        (!span.escaped && std::str::from_utf8(span.raw(self.payload)).is_ok()).then_some(span)
    }

    /// A text that should be base64: it ends at the next quote, and what is in it the decoder judges.
    fn base64(&mut self) -> Option<Span> {
        self.byte(b'"')?;
        let start = self.cursor.at();
        let end = start + memchr::memchr(b'"', self.payload.get(start..)?)?;
        self.cursor = self.cursor.moved(end + 1);
        Some(Span { start, end, escaped: false })
    }

    /// A time of arrival, and where it stands.
    fn seconds(&mut self) -> Option<(Timestamp, Range<usize>)> {
        self.cursor.peek()?;
        let start = self.cursor.at();
        self.cursor.skip(DEPTH_MAX).ok()?;
        let place = start..self.cursor.at();
        Some((millis(self.payload.get(place.clone())?)?, place))
    }
}

/// Whether a text within quotes is one that says what it spells as it stands.
fn plain(text: &[u8]) -> bool {
    let sound = std::str::from_utf8(text).is_ok();
    sound && text.iter().all(|&byte| byte >= b' ' && byte != b'\\')
}

/// Seconds since 1970 with up to three digits behind the point, as Lambda writes a time of arrival. Read digit by
/// digit, since a float between text and milliseconds has been seen to make 4 ms of `.4`.
pub(crate) fn millis(number: &[u8]) -> Option<Timestamp> {
    let (whole, fraction) = match number.iter().position(|&byte| byte == b'.') {
        Some(point) => (number.get(..point)?, number.get(point + 1..).filter(|fraction| !fraction.is_empty())?),
        None => (number, &[][..]),
    };
    let leading_zero = whole.len() > 1 && whole.first() == Some(&b'0');
    if whole.is_empty() || leading_zero || whole.len() > 11 || fraction.len() > 3 {
        return None;
    }
    let digits = whole.iter().chain(fraction).chain(std::iter::repeat_n(&b'0', 3 - fraction.len()));
    let mut millis = 0_i64;
    for digit in digits {
        millis = millis * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
    }
    Some(Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::Invocation;

    /// A record as Lambda writes it, with these values.
    fn record(n: u64, key: &str, data: &str, arrival: &str) -> String {
        let sequence = format!("49590338271490256608559692538361571095921575989136{n:06}");
        format!(
            r#"{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":"{key}","sequenceNumber":"{sequence}","data":"{data}","approximateArrivalTimestamp":{arrival}}},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"shardId-000000000003:{sequence}","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::000000000000:role/ingest","awsRegion":"eu-central-1","eventSourceARN":"arn:aws:kinesis:eu-central-1:000000000000:stream/orders"}}"#
        )
    }

    fn event(records: &[String]) -> String {
        format!("{{\"Records\":[{}]}}", records.join(","))
    }

    /// What is read here is what the types read.
    #[track_caller]
    fn assert_usual(payload: &str) -> Vec<(Source, Vec<Record>)> {
        let read = read(payload.as_bytes()).expect("the usual form");
        let types = Invocation::parse_leniently(payload.as_bytes()).expect("the usual form");
        assert_eq!(read.iter().cloned().collect::<std::collections::BTreeMap<_, _>>(), types.shards);
        assert_eq!(types.unidentified, None);
        read
    }

    #[test]
    fn records_as_lambda_writes_them_are_read() {
        let shards = assert_usual(&event(&[
            record(1, "key", "e30=", "1795262400.123"),
            record(2, "", "", "0"),
            record(3, "schlüssel", "eyJhIjoxfQ==", "1795262400.4"),
            record(4, "a longer key", "AAAA", "1795262400"),
        ]));
        let [(source, records)] = shards.as_slice() else { panic!("{shards:?}") };
        assert_eq!((source.0.to_string(), source.1.to_string()), ("orders".into(), "shardId-000000000003".into()));
        let data: Vec<_> = records
            .iter()
            .map(|record| match &record.payload {
                Payload::Data(data) => data.to_vec(),
                Payload::Undecodable { .. } => panic!("the data is sound"),
            })
            .collect();
        assert_eq!(data, [b"{}".to_vec(), vec![], b"{\"a\":1}".to_vec(), vec![0, 0, 0]]);
        let arrivals: Vec<_> = records.iter().map(|record| record.arrival.millis()).collect();
        assert_eq!(arrivals, [1_795_262_400_123, 0, 1_795_262_400_400, 1_795_262_400_000]);
        assert_eq!(assert_usual("{\"Records\":[]}"), []);
    }

    #[test]
    fn a_time_of_arrival_is_the_millisecond_that_it_says() {
        for (fraction, millis) in [(".4", 400), (".040", 40), (".50", 500), (".900", 900), (".007", 7), (".999", 999)] {
            let payload = event(&[record(1, "k", "e30=", &format!("1795262400{fraction}"))]);
            assert_eq!(assert_usual(&payload)[0].1[0].arrival.millis(), 1_795_262_400_000 + millis, "{fraction}");
        }
    }

    #[test]
    fn other_forms_of_the_same_are_read_too() {
        let one = record(1, "k", "e30=", "1795262400.123");
        let two = record(2, "k", "e30=", "1795262401");
        let other_shard = two.replace("000003:", "000004:");
        assert_eq!(assert_usual(&format!(" {{ \"Records\" : [ {one} ,\n{two} ] }} ")).len(), 1);
        assert_eq!(assert_usual(&event(&[one.clone(), other_shard, record(3, "k", "e30=", "1")])).len(), 2);
        // One stream under two names of it.
        let consumer = two.replace("stream/orders", "stream/orders/consumer/c:1");
        assert_eq!(assert_usual(&event(&[one.clone(), consumer, record(3, "k", "e30=", "1")]))[0].1.len(), 3);
        // A record that is written otherwise, between two that are alike.
        let ends = record(3, "k", "e30=", "1");
        let mixed = event(&[one.clone(), two.replace("\"eventVersion\":\"1.0\",", ""), ends.clone()]);
        assert_eq!(assert_usual(&mixed)[0].1.len(), 3);
        assert_eq!(assert_usual(&event(&[one, two, ends]))[0].1.len(), 3);
    }

    #[test]
    fn what_lambda_does_not_write_is_left_to_others() {
        let good = record(1, "k", "e30=", "1795262400.123");
        let changed = |old: &str, new: &str| event(&[good.clone(), record(2, "k", "e30=", "1").replace(old, new)]);
        for payload in [
            changed("e30=", "e30"),
            changed("e30=", "e3 0="),
            changed("e30=", "e31="),
            changed("e30=", "e30=\\n"),
            changed("\"k\"", "\"\\u006b\""),
            changed("\"k\"", "null"),
            changed("\"1.0\",\"partitionKey\"", "\"1.0\",\"more\":1,\"partitionKey\""),
            changed("shardId-000000000003:4", "shardId-000000000003:5"),
            changed("shardId-000000000003:4", "shardId:000000000003:4"),
            changed(":stream/orders", ":table/orders"),
            changed("\"awsRegion\"", "\"kinesis\""),
            changed("Timestamp\":1}", "Timestamp\":01}"),
            changed("Timestamp\":1}", "Timestamp\":1.2345}"),
            changed("Timestamp\":1}", "Timestamp\":1e3}"),
            changed("Timestamp\":1}", "Timestamp\":-1}"),
            changed("Timestamp\":1}", "Timestamp\":1.}"),
            changed("Timestamp\":1}", "Timestamp\":\"1\"}"),
            event(std::slice::from_ref(&good)) + "x",
            event(std::slice::from_ref(&good)).replace("\"Records\"", "\"records\""),
            format!("[{}]", event(std::slice::from_ref(&good))),
            event(std::slice::from_ref(&good))[..300].to_owned(),
            String::new(),
        ] {
            assert!(read(payload.as_bytes()).is_none(), "{payload}");
        }
        let mut latin = event(&[good.replace("\"k\"", "\"~\"")]).into_bytes();
        let at = latin.iter().position(|&byte| byte == b'~').unwrap();
        latin[at] = 0xE4;
        assert!(read(&latin).is_none());
    }
}
