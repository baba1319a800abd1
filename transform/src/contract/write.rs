//! A contract's text in its one canonical form, which reads back as the same contract.
//!
//! Rules:
//! - Every choice is spelled out, defaults and presets too, so that the text says the same to a later version.
//! - Measures are written by kind, sums first; a contract that was read has them in this order already.
//!
//! The built-in contract has a text as well, for people to look at. It does not read back: its version, 0, is no
//! other contract's.

use std::fmt::{self, Write};

use super::quantity::{bytes_text, duration_text};
use super::read::envelope::NAMESPACES;
use super::words::MEASURES;
use super::{Column, Contract, Envelope, Filter, Literal, Measure, MeasureKind, Pointer, Rollup, Source, Step, Test};

impl Contract {
    /// The contract's canonical text.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = contract(&mut text, self);
        text
    }
}

/// A text in quotes, as TOML has them: JSON's escapes are TOML's, but for one character more.
pub(super) fn text(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn literal(literal: &Literal) -> String {
    literal.0.replace('\u{7f}', "\\u007F")
}

fn list<T>(items: &[T], write: impl Fn(&T) -> String) -> String {
    format!("[{}]", items.iter().map(write).collect::<Vec<_>>().join(", "))
}

fn pointers(pointers: &[Pointer]) -> String {
    let write = |pointer: &Pointer| text(&pointer.to_string());
    match pointers {
        [one] => write(one),
        several => list(several, write),
    }
}

fn described(out: &mut String, description: &str) -> fmt::Result {
    if description.is_empty() { Ok(()) } else { writeln!(out, "description = {}", text(description)) }
}

fn contract(out: &mut String, it: &Contract) -> fmt::Result {
    writeln!(out, "table = {}\nversion = {}", text(&it.table.to_string()), it.version)?;
    described(out, &it.description)?;
    writeln!(out, "types = {}", list(&it.types, |pattern| text(pattern.as_str())))?;
    writeln!(out, "default = {}", it.default)?;
    writeln!(out, "unknown_fields = \"{}\"", it.unknown_fields)?;
    writeln!(out, "duplicate_keys = \"{}\"", it.duplicate_keys)?;
    let partitions = if it.partition_by_type { "[\"day\", \"event_type\"]" } else { "[\"day\"]" };
    writeln!(out, "partition_by = {partitions}\nkeep = \"{}\"", it.keep)?;
    envelope(out, &it.envelope)?;
    let limits = &it.limits;
    writeln!(out, "\n[limits]\ndepth = {}", limits.depth_max)?;
    writeln!(out, "event_bytes = \"{}\"", bytes_text(limits.event_bytes_max))?;
    writeln!(out, "string_bytes = \"{}\"", bytes_text(limits.string_bytes_max))?;
    writeln!(out, "type_bytes = {}", limits.type_bytes_max)?;
    writeln!(out, "past = \"{}\"", duration_text(limits.time_past_max))?;
    writeln!(out, "future = \"{}\"", duration_text(limits.time_future_max))?;
    writeln!(out, "dates_per_batch = {}", limits.dates_per_batch_max)?;
    it.columns.iter().try_for_each(|it| column(out, it))?;
    it.filters.iter().try_for_each(|it| filter(out, it))?;
    it.rollups.iter().try_for_each(|it| rollup(out, it))
}

fn envelope(out: &mut String, it: &Envelope) -> fmt::Result {
    writeln!(out, "\n[envelope]\nid = {}", pointers(&it.id))?;
    if let Some(namespace) = it.id_namespace {
        let named = NAMESPACES.iter().find(|(_, uuid)| *uuid == namespace);
        let name = named.map_or_else(|| namespace.to_string(), |(name, _)| (*name).to_owned());
        writeln!(out, "id_namespace = \"{name}\"")?;
    }
    writeln!(out, "type = {}\ntime = {}", text(&it.kind.to_string()), text(&it.time.to_string()))?;
    writeln!(out, "time_format = {}", text(it.time_format.as_str()))
}

fn column(out: &mut String, it: &Column) -> fmt::Result {
    writeln!(out, "\n[[column]]\nname = \"{}\"", it.name)?;
    match &it.source {
        Source::Paths(paths) => writeln!(out, "path = {}", pointers(paths))?,
        Source::Constant(constant) => writeln!(out, "constant = {}", literal(constant))?,
    }
    writeln!(out, "type = {}", text(&it.kind.to_string()))?;
    if it.required {
        writeln!(out, "required = true")?;
    }
    if let Some(default) = &it.default {
        writeln!(out, "default = {}", literal(default))?;
    }
    if !it.steps.is_empty() {
        writeln!(out, "steps = {}", list(&it.steps, Step::to_string))?;
    }
    described(out, &it.description)
}

/// As a contract has it.
impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trim => f.write_str("\"trim\""),
            Self::Lower => f.write_str("\"lower\""),
            Self::Upper => f.write_str("\"upper\""),
            Self::Truncate { chars } => write!(f, "{{ truncate = {chars} }}"),
            Self::Cast => f.write_str("\"cast\""),
            Self::ParseTime(format) => write!(f, "{{ parse_time = {} }}", text(format.as_str())),
            Self::DatePart(part) => write!(f, "{{ date_part = \"{part}\" }}"),
            Self::UrlHost => f.write_str("\"url_host\""),
            Self::HmacSha256 { secret } => write!(f, "{{ hmac_sha256 = \"{secret}\" }}"),
            Self::Redact => f.write_str("\"redact\""),
        }
    }
}

fn filter(out: &mut String, it: &Filter) -> fmt::Result {
    writeln!(out, "\n[[filter]]\n{it}")
}

/// As a contract has it.
impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.keep { "keep" } else { "drop" };
        write!(f, "{word} = {{ path = {}, ", text(&self.path.to_string()))?;
        match &self.test {
            Test::Present => f.write_str("present = true }"),
            Test::In(values) => write!(f, "in = {} }}", list(values, literal)),
        }
    }
}

fn rollup(out: &mut String, it: &Rollup) -> fmt::Result {
    writeln!(out, "\n[[rollup]]\nname = \"{}\"\nwindow = \"{}\"", it.name, it.window)?;
    if !it.by.is_empty() {
        writeln!(out, "by = {}", list(&it.by, |name| format!("\"{name}\"")))?;
    }
    for (word, kind) in MEASURES {
        let measures: Vec<_> = it.measures.iter().filter(|measure| measure.kind == kind).collect();
        if !measures.is_empty() {
            writeln!(out, "{word} = {}", measures_of(kind, &measures))?;
        }
    }
    described(out, &it.description)
}

/// The list of columns, where the measures have the names that it gives them; otherwise a table of names.
fn measures_of(kind: MeasureKind, measures: &[&Measure]) -> String {
    if measures.iter().all(|it| it.name.as_str() == format!("{kind}_{}", it.column)) {
        return list(measures, |it| format!("\"{}\"", it.column));
    }
    let pairs: Vec<_> = measures.iter().map(|it| format!("{} = \"{}\"", it.name, it.column)).collect();
    format!("{{ {} }}", pairs.join(", "))
}
