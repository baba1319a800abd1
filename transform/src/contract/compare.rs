//! Whether one version of a contract may follow another.
//!
//! The files of all versions are read as one table. So a version may follow if every row that was written before still
//! means under it what it meant, and every event that was taken before would still be taken.
//!
//! Rules:
//! - Each difference is a change of its own, with what it does and why.
//! - What cannot be told safe breaks. A type is never widened: a file keeps the type that it was written with, and
//!   Athena reads every file by the table's.
//! - Where an order says nothing, as among types, filters and roll-ups, it is not compared.

use std::fmt::{self, Display};

use super::{Column, Contract, Filter, Rollup, Source, TypePattern, UnknownFields, quantity};

/// What a change does to readers and producers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Nothing that data or queries could notice.
    None,
    /// The table gains; nothing that was there changes.
    Additive,
    /// Rows, queries or producers of before are no longer right.
    Breaking,
}

/// A difference of two contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The field, as the contract has it.
    pub field: String,
    /// What it does.
    pub effect: Effect,
    /// What changed, and why that has this effect.
    pub reason: String,
}

/// Every difference of two contracts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    title: String,
    /// The differences, in the order in which a contract is written.
    pub changes: Vec<Change>,
}

impl Comparison {
    /// Whether the new contract may follow the old one.
    #[must_use]
    pub fn may_follow(&self) -> bool {
        self.breaking().next().is_none()
    }

    /// The changes that break.
    pub fn breaking(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.effect == Effect::Breaking)
    }

    fn add(&mut self, field: impl Display, effect: Effect, reason: impl Display) {
        self.changes.push(Change { field: field.to_string(), effect, reason: reason.to_string() });
    }

    fn breaks(&mut self, field: impl Display, reason: impl Display) {
        self.add(field, Effect::Breaking, reason);
    }

    /// A choice whose every change breaks.
    fn fixed<T: PartialEq>(&mut self, field: impl Display, old: T, new: T, show: impl Fn(&T) -> String, why: &str) {
        if old != new {
            self.breaks(field, format!("was {}, is {}: {why}", show(&old), show(&new)));
        }
    }

    fn description(&mut self, field: impl Display, old: &str, new: &str) {
        if old != new {
            self.add(field, Effect::None, "was reworded");
        }
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (all, breaking) = (self.changes.len(), self.breaking().count());
        match (all, breaking) {
            (0, _) => write!(f, "{}: nothing changed", self.title)?,
            (_, 0) => write!(f, "{}: may follow, {all} {}", self.title, plural(all))?,
            _ => write!(f, "{}: may not follow, {breaking} of {all} {} break", self.title, plural(all))?,
        }
        for change in &self.changes {
            let effect = match change.effect {
                Effect::None => "same  ",
                Effect::Additive => "adds  ",
                Effect::Breaking => "breaks",
            };
            write!(f, "\n  {effect}  {}: {}", change.field, change.reason)?;
        }
        Ok(())
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "change" } else { "changes" }
}

/// Compares a contract with the one that is to follow it.
#[must_use]
pub fn compare(old: &Contract, new: &Contract) -> Comparison {
    let title = format!("{}: version {} to {}", new.table, old.version, new.version);
    let mut all = Comparison { title, changes: Vec::new() };
    all.fixed("table", &old.table, &new.table, |table| table.to_string(), "another table has a contract of its own");
    all.description("description", &old.description, &new.description);
    types(&mut all, old, new);
    envelope(&mut all, old, new);
    judgement(&mut all, old, new);
    limits(&mut all, old, new);
    columns(&mut all, old, new);
    filters(&mut all, &old.filters, &new.filters);
    rollups(&mut all, &old.rollups, &new.rollups);
    version(&mut all, old, new);
    all
}

/// A row says which version judged it, so a version is one contract for ever.
fn version(all: &mut Comparison, old: &Contract, new: &Contract) {
    let reason = format!("was {}, is {}", old.version, new.version);
    if new.version < old.version {
        all.breaks("version", format!("{reason}: versions count up"));
    } else if new.version == old.version && !all.changes.is_empty() {
        all.breaks(
            "version",
            format!("is still {}: rows say which version judged them, so a change is a new one", old.version),
        );
    } else if new.version > old.version {
        all.add("version", Effect::None, reason);
    }
}

fn types(all: &mut Comparison, old: &Contract, new: &Contract) {
    // A star stands for itself here, and only a star matches one: so what matches a pattern's text matches whatever
    // that pattern does.
    let covered = |types: &[TypePattern], pattern: &TypePattern| types.iter().any(|it| it.matches(pattern.as_str()));
    for pattern in old.types.iter().filter(|pattern| !new.types.contains(pattern)) {
        if covered(&new.types, pattern) {
            all.add("types", Effect::None, format!("{pattern} is gone, and another pattern covers it"));
        } else {
            all.breaks("types", format!("{pattern} is gone: its events would go elsewhere from now on"));
        }
    }
    for pattern in new.types.iter().filter(|pattern| !old.types.contains(pattern)) {
        if covered(&old.types, pattern) {
            all.add("types", Effect::None, format!("{pattern} is new, and another pattern covered it"));
        } else {
            all.add("types", Effect::Additive, format!("{pattern} is new: its events come here from now on"));
        }
    }
    match (old.default, new.default) {
        (false, true) => all.add("default", Effect::Additive, "the table now takes what no other one takes"),
        (true, false) => all.breaks("default", "the table no longer takes what no other one takes"),
        _ => {}
    }
}

fn envelope(all: &mut Comparison, old: &Contract, new: &Contract) {
    const COPIES: &str = "copies of an event would no longer meet in one id";
    let (was, is) = (&old.envelope, &new.envelope);
    let ids = |ids: &&Vec<super::Pointer>| ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(" with ");
    all.fixed("envelope.id", &was.id, &is.id, ids, COPIES);
    match (was.id_namespace, is.id_namespace) {
        (None, Some(_)) => {
            let reason = "ids that are no UUID are hashed now, and were refused; UUIDs stay what they are";
            all.add("envelope.id_namespace", Effect::Additive, reason);
        }
        (Some(_), None) => all.breaks("envelope.id_namespace", "ids that are no UUID would be refused"),
        (was, is) => {
            let show = |it: &Option<uuid::Uuid>| it.map_or_else(String::new, |uuid| uuid.to_string());
            all.fixed("envelope.id_namespace", was, is, show, COPIES);
        }
    }
    all.fixed("envelope.type", &was.kind, &is.kind, |it| it.to_string(), "producers write it where it was");
    let why = "events of before would fall on other days";
    all.fixed("envelope.time", &was.time, &is.time, |it| it.to_string(), why);
    all.fixed("envelope.time_format", &was.time_format, &is.time_format, |it| it.to_string(), why);
}

fn judgement(all: &mut Comparison, old: &Contract, new: &Contract) {
    use UnknownFields::{Ignore, Keep, Quarantine};
    let words = format!("was {}, is {}", old.unknown_fields, new.unknown_fields);
    match (old.unknown_fields, new.unknown_fields) {
        (was, is) if was == is => {}
        (Keep, _) => all.breaks("unknown_fields", format!("{words}: the column data is lost")),
        (_, Keep) => {
            let why = "the column data would come before the others, and no row of before has it";
            all.breaks("unknown_fields", format!("{words}: {why}"));
        }
        (_, Quarantine) => all.breaks("unknown_fields", format!("{words}: events that were taken would be refused")),
        (_, Ignore) => all.add("unknown_fields", Effect::Additive, format!("{words}: more events are taken")),
    }
    match (old.duplicate_keys, new.duplicate_keys) {
        (was, is) if was == is => {}
        (was, is @ super::DuplicateKeys::Last) => {
            all.add("duplicate_keys", Effect::Additive, format!("was {was}, is {is}: more events are taken"));
        }
        (was, is) => {
            all.breaks("duplicate_keys", format!("was {was}, is {is}: events that were taken would be refused"));
        }
    }
    let partitions = |by_type: &bool| if *by_type { "day and event_type" } else { "day" }.to_owned();
    let why = "the files of before lie in other folders";
    all.fixed("partition_by", old.partition_by_type, new.partition_by_type, partitions, why);
    let why = "the copies that were given up are gone, so that old and new rows would follow different rules";
    all.fixed("keep", old.keep, new.keep, |keep| keep.to_string(), why);
}

fn limits(all: &mut Comparison, old: &Contract, new: &Contract) {
    let (was, is) = (&old.limits, &new.limits);
    limit(all, "depth", was.depth_max, is.depth_max, |it| it.to_string());
    limit(all, "event_bytes", was.event_bytes_max, is.event_bytes_max, quantity::bytes_text);
    limit(all, "string_bytes", was.string_bytes_max, is.string_bytes_max, quantity::bytes_text);
    limit(all, "type_bytes", was.type_bytes_max, is.type_bytes_max, quantity::bytes_text);
    limit(all, "past", was.time_past_max, is.time_past_max, quantity::duration_text);
    limit(all, "future", was.time_future_max, is.time_future_max, quantity::duration_text);
    let (was, is) = (was.dates_per_batch_max, is.dates_per_batch_max);
    if was != is {
        let reason = format!("was {was}, is {is}: only into how many files a batch is cut");
        all.add("limits.dates_per_batch", Effect::None, reason);
    }
}

fn limit<T: PartialOrd + Copy>(all: &mut Comparison, name: &str, was: T, is: T, show: impl Fn(T) -> String) {
    let (field, words) = (format!("limits.{name}"), format!("was {}, is {}", show(was), show(is)));
    if is > was {
        all.add(field, Effect::Additive, format!("{words}: more events are taken"));
    } else if is < was {
        all.breaks(field, format!("{words}: events that were taken would be refused"));
    }
}

fn columns(all: &mut Comparison, old: &Contract, new: &Contract) {
    let find = |columns: &[Column], name: &super::Name| columns.iter().position(|column| column.name == *name);
    let mut behind = 0;
    for was in &old.columns {
        let field = format!("column \"{}\"", was.name);
        match find(&new.columns, &was.name) {
            None => all.breaks(field, dropped(was, old, new)),
            Some(at) => {
                if at < behind {
                    all.breaks(&field, "stands in front of a column that it stood behind");
                }
                behind = behind.max(at);
                if let Some(is) = new.columns.get(at) {
                    column(all, &field, was, is);
                }
            }
        }
    }
    for (at, is) in new.columns.iter().enumerate().filter(|(_, is)| find(&old.columns, &is.name).is_none()) {
        let (effect, reason) = added(is, at < behind);
        all.add(format!("column \"{}\"", is.name), effect, reason);
    }
}

fn dropped(was: &Column, old: &Contract, new: &Contract) -> String {
    let heir = new.columns.iter().find(|is| {
        is.source == was.source && is.kind == was.kind && !old.columns.iter().any(|other| other.name == is.name)
    });
    match heir {
        Some(heir) => {
            format!("is gone, and \"{}\" takes its values: rows and queries of before have the old name", heir.name)
        }
        None => "is gone: queries of before ask for it".to_owned(),
    }
}

fn added(is: &Column, amid: bool) -> (Effect, String) {
    if is.required {
        (Effect::Breaking, "is new and required: events that were taken would be refused".to_owned())
    } else if amid {
        (Effect::Breaking, "is new and stands between those of before: a new column is put last".to_owned())
    } else if is.nullable() {
        (Effect::Additive, "is new: rows of before hold null".to_owned())
    } else {
        (Effect::Additive, "is new: rows of before do not hold its value".to_owned())
    }
}

fn column(all: &mut Comparison, field: &str, was: &Column, is: &Column) {
    let why = "the files of before hold the old type, and Athena reads every file by the table's";
    all.fixed(format!("{field}.type"), &was.kind, &is.kind, |kind| kind.to_string(), why);
    source(all, field, was, is);
    nulls(all, field, was, is);
    let steps = |steps: &&Vec<super::Step>| {
        format!("[{}]", steps.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    };
    let why = "values of before and after would not mean the same";
    all.fixed(format!("{field}.steps"), &was.steps, &is.steps, steps, why);
    all.description(format!("{field}.description"), &was.description, &is.description);
}

fn source(all: &mut Comparison, field: &str, was: &Column, is: &Column) {
    match (&was.source, &is.source) {
        (old, new) if old == new => {}
        (Source::Paths(old), Source::Paths(new)) if new.starts_with(old) => {
            let reason = "looks in more places, where those of before hold nothing";
            all.add(format!("{field}.path"), Effect::Additive, reason);
        }
        (Source::Constant(old), Source::Constant(new)) => {
            let reason = format!("was {}, is {}: values of before and after would not mean the same", old.0, new.0);
            all.breaks(format!("{field}.constant"), reason);
        }
        _ => all.breaks(format!("{field}.path"), "its values come from elsewhere: those of before mean something else"),
    }
}

/// What becomes of an event without a value.
fn nulls(all: &mut Comparison, field: &str, was: &Column, is: &Column) {
    if is.required && !was.required {
        all.breaks(format!("{field}.required"), "is required now: events that were taken would be refused");
    } else if was.required && !is.required {
        let now = if is.default.is_some() { "its default" } else { "null" };
        all.add(format!("{field}.required"), Effect::Additive, format!("is no longer required: it may hold {now}"));
    }
    let field = format!("{field}.default");
    match (&was.default, &is.default) {
        (old, new) if old == new => {}
        // Nobody was without a value before, so the default says nothing about rows of before.
        (None, Some(_)) if was.required => {}
        (None, Some(new)) => all.breaks(field, format!("is {} now: rows of before hold null in its place", new.0)),
        (Some(old), None) => all.breaks(field, format!("is gone: rows of before hold {} in its place", old.0)),
        (Some(old), Some(new)) => {
            all.breaks(field, format!("was {}, is {}: a missing value would mean two things", old.0, new.0));
        }
        (None, None) => {}
    }
}

fn filters(all: &mut Comparison, old: &[Filter], new: &[Filter]) {
    for filter in old.iter().filter(|filter| !new.contains(filter)) {
        all.add("filter", Effect::Additive, format!("{filter} is gone: more events are taken"));
    }
    for filter in new.iter().filter(|filter| !old.contains(filter)) {
        all.breaks("filter", format!("{filter} is new: events that were taken would be refused"));
    }
}

fn rollups(all: &mut Comparison, old: &[Rollup], new: &[Rollup]) {
    for was in old {
        let field = format!("rollup \"{}\"", was.name);
        let Some(is) = new.iter().find(|is| is.name == was.name) else {
            all.breaks(field, "is gone: queries of before ask for it");
            continue;
        };
        let same = Rollup { description: was.description.clone(), ..is.clone() };
        if same != *was {
            all.breaks(
                &field,
                "was changed: its sums of before are of other groups or measures; give the new one a name of its own",
            );
        }
        all.description(format!("{field}.description"), &was.description, &is.description);
    }
    for is in new.iter().filter(|is| !old.iter().any(|was| was.name == is.name)) {
        all.add(format!("rollup \"{}\"", is.name), Effect::Additive, "is new");
    }
}
