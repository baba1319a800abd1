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
    arrival: Option<Timestamp>,
}

struct Reader<'p> {
    payload: &'p [u8],
    cursor: Cursor<'p>,
    /// What the data of all records decodes to, one behind the other.
    arena: Vec<u8>,
    entries: Vec<Entry>,
    /// The sources so far, with the texts that they were read from: an invocation has one, as a rule.
    sources: Vec<(&'p [u8], &'p [u8], Source)>,
}

/// The records of an invocation by source, or nothing if it is not exactly as Lambda writes it.
pub(crate) fn read(payload: &[u8]) -> Option<Vec<(Source, Vec<Record>)>> {
    let mut reader = Reader {
        payload,
        cursor: Cursor::new(payload),
        arena: Vec::with_capacity(payload.len() / 4 * 3),
        entries: Vec::with_capacity(payload.len() / (2 * ENVELOPE_BYTES)),
        sources: Vec::new(),
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
                self.record()?;
                match self.cursor.next()? {
                    b',' => {}
                    b']' => break,
                    _ => return None,
                }
            }
        }
        self.byte(b'}')?;
        self.cursor.at_end().then_some(())
    }

    fn record(&mut self) -> Option<()> {
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
        self.take(&fields)
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
                b"partitionKey" => reader.any_text().map(|()| 8)?,
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

    fn take(&mut self, fields: &Fields) -> Option<()> {
        let raw = |span: Option<Span>| span.map(|span| span.raw(self.payload));
        let (event_id, arn, sequence) = (raw(fields.event_id)?, raw(fields.arn)?, raw(fields.sequence)?);
        // `shardId-000000000000:4954…`, with the very number that the record has.
        let shard = event_id.strip_suffix(sequence)?.strip_suffix(b":")?;
        let source = match self.sources.iter().position(|known| (known.0, known.1) == (arn, shard)) {
            Some(known) => known,
            None => {
                let stream: StreamName = stream_of_arn(std::str::from_utf8(arn).ok()?)?;
                let shard_id: ShardId = std::str::from_utf8(shard).ok()?.parse().ok()?;
                self.sources.push((arn, shard, (stream, shard_id)));
                self.sources.len() - 1
            }
        };
        let sequence = std::str::from_utf8(sequence).ok()?.parse().ok()?;
        let base64 = raw(fields.data)?;
        let start = self.arena.len();
        STANDARD.decode_append(base64, &mut self.arena).ok()?;
        self.entries.push(Entry { source, sequence, arrival: fields.arrival?, data: start..self.arena.len() });
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
            match self.cursor.next()? {
                b',' => {}
                b'}' => return Some(()),
                _ => return None,
            }
        }
    }

    fn byte(&mut self, byte: u8) -> Option<()> {
        (self.cursor.next()? == byte).then_some(())
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
    fn any_text(&mut self) -> Option<()> {
        self.byte(b'"')?;
        let span = self.cursor.string().ok()?;
        (!span.escaped && std::str::from_utf8(span.raw(self.payload)).is_ok()).then_some(())
    }

    /// A text that should be base64: it ends at the next quote, and what is in it the decoder judges.
    fn base64(&mut self) -> Option<Span> {
        self.byte(b'"')?;
        let start = self.cursor.at();
        let end = start + memchr::memchr(b'"', self.payload.get(start..)?)?;
        self.cursor = self.cursor.moved(end + 1);
        Some(Span { start, end, escaped: false })
    }

    /// Seconds since 1970 with up to three digits behind the point, as Lambda writes a time of arrival.
    fn seconds(&mut self) -> Option<Timestamp> {
        self.cursor.peek()?;
        let start = self.cursor.at();
        self.cursor.skip(DEPTH_MAX).ok()?;
        let number = self.payload.get(start..self.cursor.at())?;
        let (whole, fraction) = match number.iter().position(|&byte| byte == b'.') {
            Some(point) => (&number[..point], &number[point + 1..]),
            None => (number, &[][..]),
        };
        if whole.len() > 11 || fraction.len() > 3 {
            return None;
        }
        let digits = whole.iter().chain(fraction).chain(std::iter::repeat_n(&b'0', 3 - fraction.len()));
        let mut millis = 0_i64;
        for digit in digits {
            millis = millis * 10 + i64::from(digit.is_ascii_digit().then(|| digit - b'0')?);
        }
        Some(Timestamp::from_millis(millis))
    }
}
