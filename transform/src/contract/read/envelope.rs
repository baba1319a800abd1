//! The envelope: a preset, or where id, type and time stand.

use toml::de::DeValue;
use uuid::Uuid;

use super::super::problem::{Complaint, listed, quoted};
use super::super::words::TIME_FORMATS;
use super::super::{Envelope, Pointer, TimeFormat};
use super::node::{Node, Reader, Table};
use crate::value::TimeReader;

/// Parts of an id.
const ID_PARTS_MAX: usize = 8;
const PATTERN_BYTES_MAX: usize = 200;

/// What ids of CloudEvents are hashed under: the UUIDv5 of `https://cloudevents.io/id` as a URL. It never changes,
/// since copies of an event that arrive years apart must meet in one id.
pub const CLOUDEVENTS_NAMESPACE: Uuid = Uuid::from_u128(0xe494_57fc_5c37_5fe3_822b_4f08_8be1_64ea);
/// What ids of Segment's messages are hashed under where they are no UUID: the UUIDv5 of
/// `https://segment.com/messageId` as a URL. It never changes either.
pub const SEGMENT_NAMESPACE: Uuid = Uuid::from_u128(0xee3a_b175_f95c_5476_93de_041f_bdcf_3fcb);

const PRESETS: [&str; 3] = ["iguazu", "cloudevents", "segment"];

/// The namespaces of RFC 9562, which have names.
pub(in super::super) const NAMESPACES: [(&str, Uuid); 4] = [
    ("dns", Uuid::NAMESPACE_DNS),
    ("url", Uuid::NAMESPACE_URL),
    ("oid", Uuid::NAMESPACE_OID),
    ("x500", Uuid::NAMESPACE_X500),
];

const KEYS: [&str; 6] = ["preset", "id", "id_namespace", "type", "time", "time_format"];

impl Envelope {
    /// The built-in envelope: `id`, `type` and `time`, the id a UUID, the time as RFC 3339 has it.
    #[must_use]
    pub fn iguazu() -> Self {
        Self {
            id: vec![Pointer::of(["id"])],
            id_namespace: None,
            kind: Pointer::of(["type"]),
            time: Pointer::of(["time"]),
            time_format: TimeFormat::Rfc3339,
        }
    }

    /// The envelope of CloudEvents in JSON, where `source` and `id` together name an event.
    #[must_use]
    pub fn cloudevents() -> Self {
        let id = vec![Pointer::of(["source"]), Pointer::of(["id"])];
        Self { id, id_namespace: Some(CLOUDEVENTS_NAMESPACE), ..Self::iguazu() }
    }

    /// The envelope of Segment's messages.
    #[must_use]
    pub fn segment() -> Self {
        Self {
            id: vec![Pointer::of(["messageId"])],
            id_namespace: Some(SEGMENT_NAMESPACE),
            time: Pointer::of(["timestamp"]),
            ..Self::iguazu()
        }
    }
}

/// Reads the envelope; the built-in one where the contract says nothing.
pub(super) fn envelope(reader: &mut Reader<'_>, root: &Table<'_, '_>) -> Envelope {
    let Some(node) = root.get("envelope") else { return Envelope::iguazu() };
    if let DeValue::String(_) = node.value {
        return preset(reader, &node);
    }
    let expected =
        format!("a table with {}, or one of the presets {}", listed(["id", "type", "time"]), listed(PRESETS));
    let Some(table) = reader.table(&node, &expected) else { return Envelope::iguazu() };
    reader.known_keys(&table, "an envelope", &KEYS);
    let base = table.get("preset").map_or_else(Envelope::iguazu, |node| preset(reader, &node));
    let read = Envelope {
        id: ids(reader, &table).unwrap_or(base.id),
        id_namespace: table.get("id_namespace").map_or(base.id_namespace, |node| namespace(reader, &node)),
        kind: pointer(reader, &table, "type").unwrap_or(base.kind),
        time: pointer(reader, &table, "time").unwrap_or(base.time),
        time_format: table.get("time_format").and_then(|it| time_format(reader, &it)).unwrap_or(base.time_format),
    };
    check(reader, &table, &read);
    read
}

fn preset(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Envelope {
    match node.as_text() {
        Some("cloudevents") => Envelope::cloudevents(),
        Some("segment") => Envelope::segment(),
        Some("iguazu") => Envelope::iguazu(),
        Some(other) => {
            let complaint = Complaint::new(format!("there is no preset {}", quoted(other)));
            reader.add(&node.place, complaint.expected(listed(PRESETS)).did_you_mean(other, PRESETS));
            Envelope::iguazu()
        }
        None => {
            reader.add(&node.place, Complaint::new("it is no text").expected(listed(PRESETS)));
            Envelope::iguazu()
        }
    }
}

fn ids(reader: &mut Reader<'_>, table: &Table<'_, '_>) -> Option<Vec<Pointer>> {
    const EXPECTED: &str = "a JSON pointer such as /id, or a list of them";
    let node = table.get("id")?;
    let nodes = reader.one_or_list(&node, EXPECTED, ID_PARTS_MAX);
    let parts: Vec<Pointer> = nodes.iter().filter_map(|node| reader.parsed(node, EXPECTED)).collect();
    for (at, part) in parts.iter().enumerate() {
        if parts.iter().take(at).any(|other| other == part) {
            reader.add(&node.place, Complaint::new(format!("it names {part} twice")));
        }
    }
    (!parts.is_empty()).then_some(parts)
}

fn pointer(reader: &mut Reader<'_>, table: &Table<'_, '_>, key: &str) -> Option<Pointer> {
    let node = table.get(key)?;
    reader.parsed(&node, "a JSON pointer such as /time")
}

fn namespace(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Option<Uuid> {
    let names = || NAMESPACES.iter().map(|(name, _)| *name);
    let expected = format!("a UUID, or {}", listed(names()));
    let text = reader.text(node, &expected, 64)?;
    let named = NAMESPACES.iter().find(|(name, _)| *name == text).map(|(_, uuid)| *uuid);
    let read = named.or_else(|| Uuid::try_parse(text).ok());
    if read.is_none() {
        let complaint = Complaint::new(format!("{} is no namespace", quoted(text)));
        reader.add(&node.place, complaint.expected(expected).did_you_mean(text, names()));
    }
    read
}

/// Reads a time format: a name, or a pattern in the syntax of chrono.
pub(super) fn time_format(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Option<TimeFormat> {
    let names = || TIME_FORMATS.iter().map(|(name, _)| *name);
    let expected = format!("{}, or a pattern such as %Y-%m-%d %H:%M:%S", names().collect::<Vec<_>>().join(", "));
    let text = reader.text(node, &expected, PATTERN_BYTES_MAX)?;
    if let Some((_, format)) = TIME_FORMATS.iter().find(|(name, _)| *name == text) {
        return Some(format.clone());
    }
    if text.contains('%') {
        let format = TimeFormat::Pattern(text.to_owned());
        let refused = TimeReader::new(&format).err();
        let sound = refused.is_none().then_some(format);
        if let Some(problem) = refused {
            reader.add(&node.place, Complaint::new(format!("{} is no time format: {problem}", quoted(text))));
        }
        return sound;
    }
    let complaint = Complaint::new(format!("{} is no time format", quoted(text))).expected(expected);
    reader.add(&node.place, complaint.did_you_mean(text, names()));
    None
}

/// What the parts must be to each other.
fn check(reader: &mut Reader<'_>, table: &Table<'_, '_>, envelope: &Envelope) {
    if envelope.id.len() > 1 && envelope.id_namespace.is_none() {
        let complaint = Complaint::new("an id in parts is hashed, and no namespace is given")
            .suggest("add id_namespace, a UUID of your own or \"url\"");
        reader.add(&table.place, complaint);
    }
    let parts: Vec<_> = envelope.id.iter().chain([&envelope.kind, &envelope.time]).collect();
    for outer in &parts {
        if let Some(inner) = parts.iter().find(|inner| outer.contains(inner) && inner != &outer) {
            let problem = format!("{inner} stands within {outer}, and both are to be values");
            reader.add(&table.place, Complaint::new(problem));
        }
    }
}
