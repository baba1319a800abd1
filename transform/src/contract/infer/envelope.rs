//! Where samples have their id, type and time.

use uuid::Uuid;

use super::super::{Envelope, Pointer, TimeFormat};
use super::InferError;
use super::leaves::{Guess, Leaf, Leaves};

const ID_NAMES: [&str; 8] = ["id", "event_id", "eventid", "uuid", "messageid", "message_id", "guid", "insert_id"];
const TYPE_NAMES: [&str; 9] =
    ["type", "event_type", "eventtype", "event", "event_name", "eventname", "kind", "action", "name"];
const TIME_NAMES: [&str; 10] = [
    "time",
    "timestamp",
    "event_time",
    "eventtime",
    "ts",
    "occurred_at",
    "occurredat",
    "created_at",
    "createdat",
    "date",
];

/// Whole numbers that are plausible as times, from 2001 to 2286.
const EPOCHS: [(i64, i64, TimeFormat); 3] = [
    (1_000_000_000, 9_999_999_999, TimeFormat::EpochSeconds),
    (1_000_000_000_000, 9_999_999_999_999, TimeFormat::EpochMillis),
    (1_000_000_000_000_000, 9_999_999_999_999_999, TimeFormat::EpochMicros),
];

/// Finds the envelope: a known one, or the members that look most like its parts.
pub(super) fn find(leaves: &Leaves) -> Result<Envelope, InferError> {
    let mut known = vec![Envelope::segment(), Envelope::iguazu()];
    if has(leaves, &Pointer::of(["specversion"])) {
        known.insert(0, Envelope::cloudevents());
    }
    if let Some(envelope) = known.into_iter().find(|envelope| fits(leaves, envelope)) {
        return Ok(envelope);
    }
    let everywhere: Vec<&Leaf> = leaves.in_order().into_iter().filter(|leaf| leaf.present == leaves.samples).collect();
    let uuid = |leaf: &&Leaf| leaf.all_uuids && leaf.distinct;
    let other = |leaf: &&Leaf| leaf.distinct && leaf.guess == Guess::Text && rank(leaf, &ID_NAMES).is_some();
    let id =
        best(&everywhere, &ID_NAMES, uuid).or_else(|| best(&everywhere, &ID_NAMES, other)).ok_or(InferError::NoId)?;
    let text = |leaf: &&Leaf| leaf.guess == Guess::Text && rank(leaf, &TYPE_NAMES).is_some() && leaf.path != id.path;
    let kind = best(&everywhere, &TYPE_NAMES, text).ok_or(InferError::NoType)?;
    let moment = |leaf: &&Leaf| time_format(leaf).is_some();
    let time = best(&everywhere, &TIME_NAMES, moment).ok_or(InferError::NoTime)?;
    Ok(Envelope {
        id: vec![id.path.clone()],
        id_namespace: (!id.all_uuids).then_some(Uuid::NAMESPACE_URL),
        kind: kind.path.clone(),
        time: time.path.clone(),
        time_format: time_format(time).unwrap_or(TimeFormat::Rfc3339),
    })
}

fn has(leaves: &Leaves, path: &Pointer) -> bool {
    leaves.find(path).is_some_and(|leaf| leaf.present == leaves.samples)
}

/// Whether every sample has what a known envelope asks for.
fn fits(leaves: &Leaves, envelope: &Envelope) -> bool {
    let text = |path: &Pointer| {
        has(leaves, path)
            && leaves.find(path).is_some_and(|leaf| matches!(leaf.guess, Guess::Text | Guess::Date | Guess::Timestamp))
    };
    let id = |path: &Pointer| {
        text(path) && (envelope.id_namespace.is_some() || leaves.find(path).is_some_and(|leaf| leaf.all_uuids))
    };
    envelope.id.iter().all(id)
        && text(&envelope.kind)
        && has(leaves, &envelope.time)
        && leaves.find(&envelope.time).is_some_and(|leaf| leaf.guess == Guess::Timestamp)
}

/// How a member's values are times, if they are.
fn time_format(leaf: &Leaf) -> Option<TimeFormat> {
    match (&leaf.guess, leaf.numbers) {
        (Guess::Timestamp, _) => Some(TimeFormat::Rfc3339),
        (Guess::Int { .. }, Some((least, greatest))) => {
            let epoch = EPOCHS.iter().find(|(from, to, _)| least >= *from && greatest <= *to);
            epoch.map(|(_, _, format)| format.clone())
        }
        _ => None,
    }
}

/// Which of the names a member has, wherever it stands.
fn rank(leaf: &Leaf, names: &[&str]) -> Option<usize> {
    let name = leaf.path.tokens().last()?.to_lowercase();
    names.iter().position(|known| *known == name)
}

/// The fitting member whose name says most, the outermost of those, the first of those.
fn best<'l>(leaves: &[&'l Leaf], names: &[&str], fits: impl Fn(&&Leaf) -> bool) -> Option<&'l Leaf> {
    let fitting = leaves.iter().filter(|leaf| fits(leaf));
    let best = fitting.min_by_key(|leaf| (rank(leaf, names).unwrap_or(names.len()), leaf.path.tokens().len()));
    best.copied()
}
