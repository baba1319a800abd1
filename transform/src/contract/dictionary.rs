//! The data dictionary: a contract in Markdown, for the people who query the table.
//!
//! What comes from a contract is escaped, so that no description and no path can make up a heading, a link or a row.

use std::fmt::{self, Write};

use super::arrow::system_kind;
use super::quantity::{bytes_text, duration_text};
use super::relations::system_comment;
use super::{
    Column, Contract, DuplicateKeys, Envelope, Filter, Keep, MeasureKind, Pointer, REST_COLUMN, Rollup, SYSTEM_COLUMNS,
    Source, Step, Test, UnknownFields,
};

impl Contract {
    /// The table's data dictionary.
    #[must_use]
    pub fn dictionary(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = dictionary(&mut text, self);
        text
    }
}

/// Text in which nothing is markup.
fn plain(text: &str) -> String {
    // Some characters only mean something where a line begins.
    const ANYWHERE: &str = "\\`*_[]<>|~&";
    const FIRST: &str = "#+-=";
    let mut escaped = String::new();
    for (at, c) in text.split_whitespace().collect::<Vec<_>>().join(" ").chars().enumerate() {
        if ANYWHERE.contains(c) || (at == 0 && FIRST.contains(c)) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    // So does a number with a dot or a bracket behind it.
    let digits = escaped.bytes().take_while(u8::is_ascii_digit).count();
    if digits > 0 && escaped[digits..].starts_with(['.', ')']) {
        escaped.insert(digits, '\\');
    }
    escaped
}

/// A text as code. Within a table a bar ends the cell even in code, unless it is escaped.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

fn codes<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    items.iter().map(|item| code(&write(item))).collect::<Vec<_>>().join(", ")
}

fn dictionary(out: &mut String, it: &Contract) -> fmt::Result {
    writeln!(out, "# {}\n\nVersion {} of the contract.", it.table, it.version)?;
    if !it.description.is_empty() {
        writeln!(out, "\n{}", plain(&it.description))?;
    }
    events(out, it)?;
    columns(out, it)?;
    filters(out, &it.filters)?;
    rollups(out, it)?;
    limits(out, it)
}

fn events(out: &mut String, it: &Contract) -> fmt::Result {
    out.write_str("\n## Events\n\n")?;
    if !it.types.is_empty() {
        writeln!(out, "- Types: {}", codes(&it.types, |pattern| pattern.as_str().to_owned()))?;
    }
    if it.default {
        out.write_str("- Types that no other table takes are taken too.\n")?;
    }
    envelope(out, &it.envelope)?;
    let unknown = match it.unknown_fields {
        UnknownFields::Keep => "are kept as JSON in `data`",
        UnknownFields::Ignore => "are dropped",
        UnknownFields::Quarantine => "send the event to quarantine",
    };
    writeln!(out, "- Members that no column holds {unknown}.")?;
    out.write_str(match it.duplicate_keys {
        DuplicateKeys::Reject => "- An object that names a member twice sends the event to quarantine.\n",
        DuplicateKeys::Last => "- Where an object names a member twice, the last one counts.\n",
    })?;
    out.write_str(match it.keep {
        Keep::Latest => "- Of several copies of an event, the one with the latest event time is kept.\n",
        Keep::First => "- Of several copies of an event, the one that arrived first is kept.\n",
    })?;
    let by_type = if it.partition_by_type { " and by type of event" } else { "" };
    writeln!(out, "- Partitioned by day{by_type}.")
}

fn envelope(out: &mut String, it: &Envelope) -> fmt::Result {
    let namespace = it.id_namespace.map(|uuid| code(&uuid.to_string()));
    let hashed = match (namespace, it.id.len()) {
        (Some(namespace), 1) => format!(", a UUID, or hashed to one under {namespace}"),
        (Some(namespace), _) => format!(", hashed together to a UUID under {namespace}"),
        (None, _) => ", a UUID".to_owned(),
    };
    writeln!(out, "- Id: {}{hashed}", codes(&it.id, Pointer::to_string))?;
    writeln!(out, "- Type: {}", code(&it.kind.to_string()))?;
    writeln!(out, "- Time: {}, written as {}", code(&it.time.to_string()), code(it.time_format.as_str()))
}

fn columns(out: &mut String, it: &Contract) -> fmt::Result {
    out.write_str("\n## Columns\n\n| Column | Type | Null | From | Steps | Description |\n")?;
    out.write_str("| --- | --- | --- | --- | --- | --- |\n")?;
    let rest = (it.unknown_fields == UnknownFields::Keep).then_some(REST_COLUMN);
    for name in SYSTEM_COLUMNS.into_iter().chain(rest) {
        let kind = system_kind(name).to_string();
        writeln!(out, "| {} | {} | no | | | {} |", code(name), code(&kind), plain(system_comment(name)))?;
    }
    it.columns.iter().try_for_each(|it| column(out, it))
}

fn column(out: &mut String, it: &Column) -> fmt::Result {
    let null = match (&it.default, &it.source) {
        (Some(default), _) => format!("no: {} in its place", code(&default.0)),
        (None, Source::Constant(_)) => "no".to_owned(),
        (None, Source::Paths(_)) if it.required => "no: required".to_owned(),
        (None, Source::Paths(_)) => "yes".to_owned(),
    };
    let from = match &it.source {
        Source::Paths(paths) => paths.iter().map(|path| code(&path.to_string())).collect::<Vec<_>>().join(", else "),
        Source::Constant(constant) => format!("always {}", code(&constant.0)),
    };
    let (name, kind) = (code(it.name.as_str()), code(&it.kind.to_string()));
    let steps = codes(&it.steps, Step::to_string);
    writeln!(out, "| {name} | {kind} | {null} | {from} | {steps} | {} |", plain(&it.description))
}

fn filters(out: &mut String, filters: &[Filter]) -> fmt::Result {
    if filters.is_empty() {
        return Ok(());
    }
    out.write_str("\n## Filters\n\nAn event is taken if it passes all of them; any other goes to quarantine.\n\n")?;
    for filter in filters {
        let path = code(&filter.path.to_string());
        match (&filter.test, filter.keep) {
            (Test::Present, true) => writeln!(out, "- {path} is present.")?,
            (Test::Present, false) => writeln!(out, "- {path} is absent or null.")?,
            (Test::In(values), true) => writeln!(out, "- {path} is one of {}.", codes(values, |it| it.0.clone()))?,
            (Test::In(values), false) => writeln!(out, "- {path} is none of {}.", codes(values, |it| it.0.clone()))?,
        }
    }
    Ok(())
}

fn rollups(out: &mut String, it: &Contract) -> fmt::Result {
    if it.rollups.is_empty() {
        return Ok(());
    }
    out.write_str("\n## Roll-ups\n")?;
    it.rollups.iter().try_for_each(|rollup| one_rollup(out, it, rollup))
}

fn one_rollup(out: &mut String, it: &Contract, rollup: &Rollup) -> fmt::Result {
    writeln!(out, "\n### {}_{}\n", it.table, rollup.name)?;
    if !rollup.description.is_empty() {
        writeln!(out, "{}\n", plain(&rollup.description))?;
    }
    let by = if rollup.by.is_empty() { "nothing else".to_owned() } else { codes(&rollup.by, |name| name.to_string()) };
    writeln!(out, "- Per {} of event time, and by {by}.\n- `count`: the number of events.", rollup.window)?;
    for measure in &rollup.measures {
        let what = match measure.kind {
            MeasureKind::Sum => "the sum",
            MeasureKind::Min => "the least",
            MeasureKind::Max => "the greatest",
        };
        writeln!(out, "- {}: {what} of {}.", code(measure.name.as_str()), code(measure.column.as_str()))?;
    }
    Ok(())
}

fn limits(out: &mut String, it: &Contract) -> fmt::Result {
    let limits = &it.limits;
    out.write_str(
        "\n## Limits\n\nAn event beyond one of the first six goes to quarantine.\n\n| Limit | Value |\n| --- | --- |\n",
    )?;
    writeln!(out, "| Levels of arrays and objects | {} |", limits.depth_max)?;
    writeln!(out, "| Size of an event | {} |", bytes_text(limits.event_bytes_max))?;
    writeln!(out, "| Size of a text in a column | {} |", bytes_text(limits.string_bytes_max))?;
    writeln!(out, "| Size of the type | {} |", bytes_text(limits.type_bytes_max))?;
    writeln!(out, "| Event time before arrival | {} |", duration_text(limits.time_past_max))?;
    writeln!(out, "| Event time after arrival | {} |", duration_text(limits.time_future_max))?;
    writeln!(out, "| Dates of a batch with files of their own | {} |", limits.dates_per_batch_max)
}
