//! The JSON Schema (2020-12) of a table's events, for producers who want to know before they send.
//!
//! Rules:
//! - An event that fits it and says nothing that only a description can tell is taken.
//! - It may refuse what is taken, since a producer should rather be strict: where a column's path leads through an
//!   object, the schema asks for an object, and a number in a text is asked for as it stands after the steps.
//! - A column that is not required may be missing or null. Where it looks in several places, one of them must hold a
//!   value if it is required.
//! - What a schema cannot say stands in a description: digits of a decimal, bytes of a text, the age of an event.
//! - A number that readers of JSON would round is left to the description too.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::quantity::{bytes_text, duration_text};
use super::{
    Column, ColumnType, Contract, Envelope, Filter, Literal, Pointer, Source, Step, StructField, Test, TimeFormat,
    TypePattern, UnknownFields,
};

/// Elements of an array that a schema spells out one by one.
const POSITIONS_MAX: usize = 32;
/// Digits up to which a bound is exact in every reader of JSON.
const EXACT_DIGITS_MAX: u8 = 15;

impl Contract {
    /// The JSON Schema of the table's events.
    #[must_use]
    pub fn json_schema(&self) -> Value {
        let mut root = Node::default();
        self.put_envelope(&mut root);
        let mut choices = Vec::new();
        for column in &self.columns {
            let Source::Paths(paths) = &column.source else { continue };
            let schema = self.column(column, !column.required || paths.len() > 1);
            for path in paths {
                root.put(path, schema.clone(), column.required && paths.len() == 1);
            }
            if column.required && paths.len() > 1 {
                choices.push(json!({ "anyOf": paths.iter().map(present).collect::<Vec<_>>() }));
            }
        }
        for filter in &self.filters {
            root.put(&filter.path, filter_schema(filter), filter.keep);
        }
        let mut schema = root.schema(self.unknown_fields == UnknownFields::Quarantine, true);
        let title = format!("{} version {}", self.table, self.version);
        schema.insert("$schema".into(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("$id".into(), json!(format!("urn:iguazu:contract:{}:{}", self.table, self.version)));
        schema.insert("title".into(), json!(title));
        schema.insert("description".into(), json!(self.about()));
        if !choices.is_empty() {
            schema.insert("allOf".into(), Value::Array(choices));
        }
        Value::Object(schema)
    }

    /// What the schema cannot say of the event as a whole.
    fn about(&self) -> String {
        let limits = &self.limits;
        let mut sentences = vec![self.description.clone()];
        sentences.push(format!(
            "At most {} and {} levels of arrays and objects.",
            bytes_text(limits.event_bytes_max),
            limits.depth_max
        ));
        let (past, future) = (duration_text(limits.time_past_max), duration_text(limits.time_future_max));
        sentences.push(format!("The event happened at most {past} before and {future} after it arrives."));
        if self.duplicate_keys == super::DuplicateKeys::Reject {
            sentences.push("No object names a member twice.".to_owned());
        }
        sentences.extend(self.filters.iter().map(|filter| format!("Filter: {filter}.")));
        prose(&sentences)
    }

    fn put_envelope(&self, root: &mut Node) {
        let Envelope { id, id_namespace, kind, time, time_format } = &self.envelope;
        let id_schema = if id_namespace.is_none() {
            json!({ "type": "string", "format": "uuid", "description": "The event's UUID." })
        } else {
            json!({ "type": "string", "minLength": 1, "description": "Of the event's id; copies of an event share it." })
        };
        for part in id {
            root.put(part, id_schema.clone(), true);
        }
        root.put(kind, self.kind(), true);
        let mut schema = time_schema(time_format);
        schema.insert("description".into(), json!(format!("When it happened. {}", time_words(time_format))));
        root.put(time, Value::Object(schema), true);
    }

    fn kind(&self) -> Value {
        let bytes = self.limits.type_bytes_max;
        let mut schema = object(json!({ "type": "string", "minLength": 1, "maxLength": bytes }));
        schema.insert("description".into(), json!(format!("The type of event, at most {bytes} bytes.")));
        let names: Option<Vec<&str>> = self.types.iter().map(TypePattern::name).collect();
        match names {
            // Which types no other table takes, this contract does not know.
            _ if self.default => {}
            Some(names) => {
                schema.insert("enum".into(), json!(names));
            }
            None => {
                let patterns: Vec<_> = self.types.iter().map(|it| regex(it.as_str())).collect();
                schema.insert("pattern".into(), json!(format!("^({})$", patterns.join("|"))));
            }
        }
        Value::Object(schema)
    }

    fn column(&self, column: &Column, nullable: bool) -> Value {
        let mut words = vec![column.description.clone()];
        let mut schema = object(self.value(column, &mut words));
        if nullable {
            or_null(&mut schema);
        }
        let words = prose(&words);
        if !words.is_empty() {
            schema.insert("description".into(), json!(words));
        }
        if let Some(default) = column.default.as_ref().and_then(exact) {
            schema.insert("default".into(), default);
        }
        Value::Object(schema)
    }

    /// What a column takes, before its steps.
    fn value(&self, column: &Column, words: &mut Vec<String>) -> Value {
        let steps = &column.steps;
        if steps.first() == Some(&Step::Redact) {
            words.push("Any value: it is not kept.".to_owned());
            return json!({});
        }
        let parse = steps.iter().find_map(|step| match step {
            Step::ParseTime(format) => Some(format.clone()),
            _ => None,
        });
        let parse =
            parse.or_else(|| steps.iter().any(|step| matches!(step, Step::DatePart(_))).then_some(TimeFormat::Rfc3339));
        if let Some(format) = parse {
            words.push(time_words(&format));
            return Value::Object(time_schema(&format));
        }
        let closed = self.unknown_fields == UnknownFields::Quarantine;
        let mut schema = object(kind_schema(&column.kind, closed, words));
        if steps.contains(&Step::Cast) {
            schema = cast(&column.kind, schema);
        }
        if column.kind == ColumnType::String {
            let limit = self.limits.string_bytes_max;
            let after = if steps.is_empty() { "" } else { " after its steps" };
            words.push(format!("At most {} in UTF-8{after}.", bytes_text(limit)));
            // A character has at least one byte.
            if steps.is_empty() {
                schema.insert("maxLength".into(), json!(limit));
            }
        }
        Value::Object(schema)
    }
}

/// Sentences one after the other, each with its full stop.
fn prose(sentences: &[String]) -> String {
    let mut all = String::new();
    for sentence in sentences.iter().map(|sentence| sentence.trim()).filter(|sentence| !sentence.is_empty()) {
        let space = if all.is_empty() { "" } else { " " };
        let stop = if sentence.ends_with(['.', '!', '?']) { "" } else { "." };
        all = format!("{all}{space}{sentence}{stop}");
    }
    all
}

/// A literal, unless it is a number that readers of JSON would round.
fn exact(literal: &Literal) -> Option<Value> {
    let number = literal.0.starts_with(|c: char| c == '-' || c.is_ascii_digit());
    let digits = literal.0.bytes().filter(u8::is_ascii_digit).count();
    let rounded = number && (digits > EXACT_DIGITS_MAX.into() || literal.0.contains(['e', 'E']));
    if rounded { None } else { serde_json::from_str(&literal.0).ok() }
}

/// What a filter asks of its place; anything, where a value in it would be rounded.
fn filter_schema(filter: &Filter) -> Value {
    match (&filter.test, filter.keep) {
        (Test::Present, true) => json!({ "not": { "type": "null" } }),
        (Test::Present, false) => json!({ "type": "null" }),
        (Test::In(values), keep) => match values.iter().map(exact).collect::<Option<Vec<_>>>() {
            Some(values) if keep => json!({ "enum": values }),
            Some(values) => json!({ "not": { "enum": values } }),
            None => json!({}),
        },
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

/// Lets a schema take null as well.
fn or_null(schema: &mut Map<String, Value>) {
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push(json!("null")),
        Some(Value::String(kind)) => {
            let types = json!([kind, "null"]);
            schema.insert("type".into(), types);
        }
        _ => {}
    }
}

fn time_schema(format: &TimeFormat) -> Map<String, Value> {
    object(match format {
        TimeFormat::Rfc3339 => json!({ "type": "string", "format": "date-time" }),
        TimeFormat::EpochSeconds | TimeFormat::EpochMillis | TimeFormat::EpochMicros => {
            json!({ "type": ["number", "string"], "pattern": "^-?[0-9]+(\\.[0-9]+)?$" })
        }
        TimeFormat::Pattern(_) => json!({ "type": "string", "minLength": 1 }),
    })
}

fn time_words(format: &TimeFormat) -> String {
    match format {
        TimeFormat::Rfc3339 => "Written as RFC 3339, with an offset.".to_owned(),
        TimeFormat::EpochSeconds => "Seconds since 1970, with up to six digits behind the point.".to_owned(),
        TimeFormat::EpochMillis => "Milliseconds since 1970, with up to three digits behind the point.".to_owned(),
        TimeFormat::EpochMicros => "Microseconds since 1970, a whole number.".to_owned(),
        TimeFormat::Pattern(pattern) => {
            format!("Written as strftime writes {pattern}, in UTC unless it names an offset.")
        }
    }
}

fn kind_schema(kind: &ColumnType, closed: bool, words: &mut Vec<String>) -> Value {
    match kind {
        ColumnType::String => json!({ "type": "string" }),
        ColumnType::Int32 => json!({ "type": "integer", "minimum": i32::MIN, "maximum": i32::MAX }),
        ColumnType::Int64 => json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }),
        ColumnType::Float64 => json!({ "type": "number" }),
        ColumnType::Decimal { precision, scale } => decimal(*precision, *scale, words),
        ColumnType::Boolean => json!({ "type": "boolean" }),
        ColumnType::Date => json!({ "type": "string", "format": "date" }),
        ColumnType::Timestamp => json!({ "type": "string", "format": "date-time" }),
        ColumnType::Json => json!({}),
        ColumnType::List(element) => json!({ "type": "array", "items": inner(element, closed, words) }),
        ColumnType::Struct(fields) => {
            let field = |field: &StructField| {
                let mut own = Vec::new();
                (field.member.clone(), described(inner(&field.kind, closed, &mut own), own))
            };
            let properties: Map<_, _> = fields.iter().map(field).collect();
            let mut schema = object(json!({ "type": "object", "properties": properties }));
            if closed {
                schema.insert("additionalProperties".into(), json!(false));
            }
            Value::Object(schema)
        }
    }
}

fn inner(kind: &ColumnType, closed: bool, words: &mut Vec<String>) -> Value {
    let mut schema = object(kind_schema(kind, closed, words));
    or_null(&mut schema);
    Value::Object(schema)
}

fn described(schema: Value, words: Vec<String>) -> Value {
    let mut schema = object(schema);
    if !words.is_empty() {
        schema.insert("description".into(), json!(prose(&words)));
    }
    Value::Object(schema)
}

/// A decimal's bounds. Its digits behind the point are told in words: `multipleOf` is judged in floats by most.
fn decimal(precision: u8, scale: u8, words: &mut Vec<String>) -> Value {
    let before = precision.saturating_sub(scale);
    words.push(format!("A number with at most {before} digits before the point and {scale} behind it."));
    let bound = 10_i64.checked_pow(before.into()).filter(|_| before <= EXACT_DIGITS_MAX);
    match bound {
        Some(bound) => json!({ "type": "number", "exclusiveMinimum": -bound, "exclusiveMaximum": bound }),
        None => json!({ "type": "number" }),
    }
}

/// What a column takes too, where it takes what another JSON type says.
fn cast(kind: &ColumnType, mut schema: Map<String, Value>) -> Map<String, Value> {
    let (types, pattern) = match kind {
        ColumnType::String => (json!(["string", "number", "boolean"]), None),
        ColumnType::Int32 | ColumnType::Int64 => (json!(["integer", "string"]), Some("^-?[0-9]+$")),
        ColumnType::Float64 | ColumnType::Decimal { .. } => {
            (json!(["number", "string"]), Some("^-?[0-9]+(\\.[0-9]+)?([eE][+-]?[0-9]+)?$"))
        }
        ColumnType::Boolean => (json!(["boolean", "string"]), Some("^(true|false)$")),
        _ => return schema,
    };
    schema.insert("type".into(), types);
    if let Some(pattern) = pattern {
        schema.insert("pattern".into(), json!(pattern));
    }
    schema
}

/// A pattern of types as a regular expression.
fn regex(pattern: &str) -> String {
    let mut regex = String::new();
    for c in pattern.chars() {
        match c {
            // A dot of a regular expression is any character but those that end a line.
            '*' => regex.push_str("[\\s\\S]*"),
            '\\' | '^' | '$' | '.' | '|' | '?' | '+' | '(' | ')' | '[' | ']' | '{' | '}' | '/' => {
                regex.push('\\');
                regex.push(c);
            }
            c => regex.push(c),
        }
    }
    regex
}

/// The schema of a document that holds something else than null there.
fn present(path: &Pointer) -> Value {
    let innermost = json!({ "not": { "type": "null" } });
    path.tokens()
        .iter()
        .rev()
        .fold(innermost, |inner, name| json!({ "properties": { name: inner }, "required": [name] }))
}

/// What is known of a place in an event.
#[derive(Default)]
struct Node {
    /// What columns and the envelope ask of it.
    leaves: Vec<Value>,
    required: bool,
    members: BTreeMap<String, Node>,
}

impl Node {
    fn put(&mut self, path: &Pointer, schema: Value, required: bool) {
        let mut node = self;
        for name in path.tokens() {
            node = node.members.entry(name.clone()).or_default();
            node.required |= required;
        }
        if !node.leaves.contains(&schema) {
            node.leaves.push(schema);
        }
    }

    /// Pointers have a limited number of names, and this goes no deeper than they do.
    fn schema(&self, closed: bool, root: bool) -> Map<String, Value> {
        let mut all = self.leaves.clone();
        if !self.members.is_empty() {
            // Where a column takes the whole of it, its members are all known.
            let within = self.within(closed && self.leaves.is_empty(), root || self.required);
            all.push(Value::Object(within));
        }
        match all.len() {
            1 => all.pop().map(object).unwrap_or_default(),
            _ => object(json!({ "allOf": all })),
        }
    }

    fn within(&self, closed: bool, required: bool) -> Map<String, Value> {
        let properties: Map<_, _> =
            self.members.iter().map(|(name, node)| (name.clone(), Value::Object(node.schema(closed, false)))).collect();
        let named: Vec<_> = self.members.iter().filter(|(_, node)| node.required).map(|(name, _)| name).collect();
        let mut schema = Map::new();
        let mut types = vec![json!("object")];
        if let Some(positions) = self.positions() {
            types.push(json!("array"));
            schema.insert("prefixItems".into(), json!(positions));
        }
        if !required {
            types.push(json!("null"));
        }
        let types = if types.len() == 1 { json!("object") } else { Value::Array(types) };
        schema.insert("type".into(), types);
        if !named.is_empty() {
            schema.insert("required".into(), json!(named));
        }
        if closed {
            schema.insert("additionalProperties".into(), json!(false));
        }
        schema.insert("properties".into(), Value::Object(properties));
        schema
    }

    /// The elements, where every name may be a position in an array too.
    fn positions(&self) -> Option<Vec<Value>> {
        let position = |name: &String| name.parse::<usize>().ok().filter(|at| at.to_string() == *name);
        let positions: Option<Vec<_>> = self.members.keys().map(position).collect();
        let last = positions?.into_iter().max().filter(|last| *last < POSITIONS_MAX)?;
        let element = |at: usize| match self.members.get(&at.to_string()) {
            Some(node) => Value::Object(node.schema(false, false)),
            None => json!(true),
        };
        Some((0..=last).map(element).collect())
    }
}
