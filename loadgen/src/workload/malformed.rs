//! Bad documents and bad records, of every kind that a producer can send, each with the reason that it must end under
//! in quarantine.
//!
//! A kind is a candidate until the transform has judged samples of it: which kinds a contract leaves room for depends
//! on all of it, such as on what is looked at first. A kind that does not end as it says is not sent, so the reasons are
//! those that are asserted here, and never merely what the transform said.
//!
//! Reasons that no producer can cause are absent: those about the invocation (`base64`, `event_id_malformed`,
//! `record_malformed`), and `record_too_large`, since a stream takes no such record.

use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use iguazu_transform::Limits;
use iguazu_transform::contract::{DuplicateKeys, Source, Test, TimeFormat, UnknownFields};
use iguazu_transform::kpl;
use md5::{Digest, Md5};

use super::node::{Node, quoted};
use super::pack;
use super::table::{Event, Table};
use super::value::unfitting;

/// A kind of bad input.
#[derive(Clone, Debug)]
pub struct Malformation {
    /// The reason that it ends under.
    pub code: &'static str,
    /// How it is made of a good document.
    pub way: Way,
    /// How often it is sent, against the others. Large ones are rare.
    pub weight: u32,
}

/// How a bad document is made of a good one.
#[derive(Clone, Debug)]
pub enum Way {
    /// Another value stands at a place.
    Put(Vec<String>, String),
    /// The event happened so many milliseconds later, or earlier.
    Shift(i64),
    /// Nothing stands at a place.
    Remove(Vec<String>),
    /// A member is named twice, with the same value.
    Twice(String),
    /// The last byte is cut off.
    Cut,
    /// A byte of it is no UTF-8.
    NotUtf8,
    /// It is an array.
    Array,
    /// It is much longer.
    Longer(usize),
    /// It is in a record of its own that is bad as a whole.
    Record(RecordWay),
}

/// How a whole record is bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordWay {
    /// Nothing but white space.
    Blank,
    /// An aggregate with another sum.
    KplChecksum,
    /// An aggregate that is no message.
    KplProtobuf,
    /// An aggregate of nothing.
    KplEmpty,
    /// gzip without its end.
    GzipCut,
    /// zstd without its end.
    ZstdCut,
    /// zstd with a dictionary.
    ZstdDictionary,
    /// zstd with too large a window.
    ZstdWindow,
    /// zstd that says that it is too large.
    ZstdLarge,
    /// Too many documents.
    TooMany,
}

impl Malformation {
    fn new(code: &'static str, way: Way) -> Self {
        Self { code, way, weight: 100 }
    }

    fn rare(code: &'static str, way: Way) -> Self {
        Self { code, way, weight: 1 }
    }

    /// Whether its document is a record of its own.
    #[must_use]
    pub fn is_record(&self) -> bool {
        matches!(self.way, Way::Record(_))
    }

    /// The bytes of a bad document, or of a bad record.
    #[must_use]
    pub fn bytes(&self, table: &Table, event: &Event) -> Bytes {
        let shifted = |millis: i64| Timestamp::from_micros(event.time.micros().saturating_add(millis * 1_000));
        let event = match self.way {
            Way::Shift(millis) => Event { time: shifted(millis), ..*event },
            Way::Longer(bytes) => Event { bytes, ..*event },
            _ => *event,
        };
        let mut node = table.draft(&event).node;
        match &self.way {
            Way::Put(place, json) => {
                node.put(place, json);
            }
            Way::Remove(place) => node.remove(place),
            _ => {}
        }
        let text = node.text();
        let good = text.strip_suffix('}').unwrap_or(&text);
        match &self.way {
            Way::Put(..) | Way::Shift(_) | Way::Remove(_) | Way::Longer(_) => text.into(),
            Way::Twice(member) => {
                let value = node.member(member).map_or_else(|| "null".to_owned(), Node::text);
                format!("{good},{}:{value}}}", quoted(member)).into()
            }
            Way::Cut => good.to_owned().into(),
            Way::NotUtf8 => [good.as_bytes(), b",\"\xFF\":1}"].concat().into(),
            Way::Array => format!("[{text}]").into(),
            Way::Record(way) => way.bytes(&text, event.number),
        }
    }
}

impl RecordWay {
    fn bytes(self, text: &str, number: u64) -> Bytes {
        const ZSTD: [u8; 4] = [0x28, 0xB5, 0x2F, 0xFD];
        let framed = |header: &[u8]| Bytes::from([&ZSTD[..], header, text.as_bytes()].concat());
        let cut = |whole: Bytes| whole.slice(..whole.len().saturating_sub(5));
        match self {
            // The mark is in the blanks.
            Self::Blank => {
                let blanks = (0..u64::BITS).map(|bit| if number >> bit & 1 == 0 { b' ' } else { b'\t' });
                blanks.collect::<Vec<_>>().into()
            }
            Self::KplChecksum => {
                let mut whole = kpl::aggregate(&[("key", text.as_bytes())]).to_vec();
                if let Some(last) = whole.last_mut() {
                    *last ^= 1;
                }
                whole.into()
            }
            // Field 3 says that it is longer than what is left.
            Self::KplProtobuf => sealed(&[&[0x1A, 0xFF, 0xFF, 0x7F][..], text.as_bytes()].concat()),
            // Field 1 is a partition key, and there is no record that uses it.
            Self::KplEmpty => sealed(&[&[0x0A, 16][..], format!("{number:016x}").as_bytes()].concat()),
            Self::GzipCut => cut(pack::gzip(text.as_bytes())),
            Self::ZstdCut => cut(pack::zstd(text.as_bytes())),
            Self::ZstdDictionary => framed(&[0x01, 0x50, 7]),
            Self::ZstdWindow => framed(&[0x00, 17 << 3]),
            Self::ZstdLarge => framed(&[&[0xA0][..], &(512_u32 << 20).to_le_bytes()].concat()),
            Self::TooMany => {
                let lines = Limits::default().events_per_record_max;
                format!("\"{number}\"\n{}", "0\n".repeat(lines)).into()
            }
        }
    }
}

/// A KPL aggregate of this message.
fn sealed(message: &[u8]) -> Bytes {
    [&kpl::MAGIC[..], message, &Md5::digest(message)[..]].concat().into()
}

/// The kinds of bad record.
#[must_use]
pub fn records() -> Vec<Malformation> {
    let record = |code, way| Malformation::new(code, Way::Record(way));
    vec![
        record("empty_record", RecordWay::Blank),
        record("kpl_checksum", RecordWay::KplChecksum),
        record("kpl_protobuf", RecordWay::KplProtobuf),
        record("kpl_empty", RecordWay::KplEmpty),
        record("gzip_damaged", RecordWay::GzipCut),
        record("zstd_damaged", RecordWay::ZstdCut),
        record("zstd_dictionary", RecordWay::ZstdDictionary),
        record("zstd_window", RecordWay::ZstdWindow),
        record("output_too_large", RecordWay::ZstdLarge),
        Malformation::rare("too_many_events", Way::Record(RecordWay::TooMany)),
    ]
}

/// The kinds of bad document that a table's contract may leave room for. Several may have one reason: the first of them
/// that ends as it says is taken.
#[must_use]
pub fn candidates(table: &Table) -> Vec<Malformation> {
    let contract = table.contract();
    let aside = vec!["aside".to_owned()];
    let depth = contract.limits.depth_max;
    let members: Vec<_> =
        (0..=Limits::default().members_per_object_max).map(|member| format!("\"m{member}\":0")).collect();
    let mut kinds = vec![
        Malformation::new("json_syntax", Way::Cut),
        Malformation::new("not_utf8", Way::NotUtf8),
        Malformation::new("not_an_object", Way::Array),
        Malformation::new(
            "too_deep",
            Way::Put(aside.clone(), format!("{}{}", "[".repeat(depth + 1), "]".repeat(depth + 1))),
        ),
        Malformation::new("number_out_of_range", Way::Put(aside.clone(), "1e999".to_owned())),
        Malformation::rare("too_many_members", Way::Put(aside.clone(), format!("{{{}}}", members.join(",")))),
    ];
    kinds.extend(envelope(table));
    kinds.extend(columns(table));
    for filter in &contract.filters {
        let place = filter.path.tokens().to_vec();
        let failing = match (&filter.test, filter.keep) {
            (Test::Present, true) => Way::Remove(place),
            (Test::In(_), true) => Way::Put(place, "\"none of these\"".to_owned()),
            (Test::Present, false) => Way::Put(place, "true".to_owned()),
            (Test::In(values), false) => {
                Way::Put(place, values.first().map_or_else(String::new, |value| value.0.clone()))
            }
        };
        kinds.push(Malformation::new("filtered", failing));
    }
    if contract.unknown_fields == UnknownFields::Quarantine {
        kinds.push(Malformation::new("unknown_field", Way::Put(aside, "1".to_owned())));
    }
    if contract.duplicate_keys == DuplicateKeys::Reject {
        let outermost = contract.envelope.kind.tokens().first().cloned();
        kinds.extend(outermost.map(|member| Malformation::new("duplicate_key", Way::Twice(member))));
    }
    let large = contract.limits.event_bytes_max.saturating_add(1);
    if large <= 512 << 10 {
        kinds.push(Malformation::rare("event_too_large", Way::Longer(large)));
    }
    kinds
}

fn envelope(table: &Table) -> Vec<Malformation> {
    let contract = table.contract();
    let [id, kind, time] = table.envelope().map(<[String]>::to_vec);
    let put = |code, place: &Vec<String>, json: &str| Malformation::new(code, Way::Put(place.clone(), json.to_owned()));
    let millis = |limit: std::time::Duration| i64::try_from(limit.as_millis()).unwrap_or(i64::MAX / 2_000);
    const MONTH_MS: i64 = 30 * 86_400_000;
    let mut kinds = vec![
        Malformation::new("id_missing", Way::Remove(id.clone())),
        Malformation::new("type_missing", Way::Remove(kind.clone())),
        Malformation::new("time_missing", Way::Remove(time.clone())),
        put("id_not_a_string", &id, "{}"),
        put("type_not_a_string", &kind, "7"),
        put("time_kind", &time, "{}"),
        put("id_not_a_uuid", &id, "\"no uuid\""),
        put("type_empty", &kind, "\"\""),
        put("type_unknown", &kind, "\"nobody takes this\""),
        // A month more than the limit: the document is made some time before it arrives.
        Malformation::new("time_too_old", Way::Shift(-millis(contract.limits.time_past_max) - MONTH_MS)),
        Malformation::new("time_too_new", Way::Shift(millis(contract.limits.time_future_max) + MONTH_MS)),
    ];
    let long = "x".repeat(contract.limits.type_bytes_max + 1);
    for pattern in contract.types.iter().filter(|pattern| pattern.name().is_none()) {
        kinds.push(put("type_too_long", &kind, &quoted(&pattern.as_str().replacen('*', &long, 1).replace('*', "x"))));
    }
    kinds.push(put("type_too_long", &kind, &quoted(&long)));
    match &contract.envelope.time_format {
        TimeFormat::Rfc3339 => kinds.extend([
            put("time_malformed", &time, "\"yesterday\""),
            put("time_leap_second", &time, "\"2026-06-30T23:59:60Z\""),
            put("time_too_precise", &time, "\"2026-06-30T23:59:58.1234567Z\""),
        ]),
        TimeFormat::EpochSeconds | TimeFormat::EpochMillis | TimeFormat::EpochMicros => kinds.extend([
            put("time_out_of_range", &time, "99999999999999999999"),
            put("time_too_precise", &time, "1.1234567"),
        ]),
        TimeFormat::Pattern(_) => kinds.push(put("time_malformed", &time, "\"yesterday\"")),
    }
    kinds
}

fn columns(table: &Table) -> Vec<Malformation> {
    let contract = table.contract();
    let mut kinds = Vec::new();
    for column in &contract.columns {
        let Source::Paths(paths) = &column.source else { continue };
        let Some(place) = paths.first().map(|path| path.tokens().to_vec()) else { continue };
        for (code, json) in unfitting(column, contract.limits.string_bytes_max) {
            let way = Way::Put(place.clone(), json);
            let large = code == "column_too_long";
            kinds.push(if large { Malformation::rare(code, way) } else { Malformation::new(code, way) });
        }
        if column.required && paths.len() == 1 {
            kinds.push(Malformation::new("column_missing", Way::Remove(place.clone())));
        }
        // A text where an object is looked for, of which a column hides a part.
        if let Some((_, parent)) = place.split_last().filter(|(_, parent)| !parent.is_empty()) {
            kinds.push(Malformation::new("hidden_within", Way::Put(parent.to_vec(), "\"in the clear\"".to_owned())));
        }
    }
    kinds
}
