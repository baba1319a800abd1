//! A column: its name, where its values come from, their type, and what is done to them.

use toml::de::DeValue;

use super::super::problem::{Complaint, listed, quoted};
use super::super::types;
use super::super::words::DATE_PARTS;
use super::super::{
    Column, ColumnType, Literal, Name, PARTITION_COLUMNS, Pointer, REST_COLUMN, SYSTEM_COLUMNS, SecretName, Source,
    Step, TYPE_PARTITION,
};
use super::envelope::time_format;
use super::literal::literal;
use super::node::{Node, Place, Reader, Table};
use crate::value::{check_literal, check_steps};

/// Places that one column looks in.
const PATHS_MAX: usize = 16;
/// Steps of one column.
const STEPS_MAX: usize = 16;
const TYPE_BYTES_MAX: usize = 16 << 10;

const KEYS: [&str; 8] = ["name", "path", "constant", "type", "required", "default", "steps", "description"];
const PLAIN_STEPS: [(&str, Step); 6] = [
    ("trim", Step::Trim),
    ("lower", Step::Lower),
    ("upper", Step::Upper),
    ("cast", Step::Cast),
    ("url_host", Step::UrlHost),
    ("redact", Step::Redact),
];
const STEP_TABLES: [(&str, &str); 4] = [
    ("truncate", "{ truncate = 20 }"),
    ("parse_time", "{ parse_time = \"epoch_millis\" }"),
    ("date_part", "{ date_part = \"hour\" }"),
    ("hmac_sha256", "{ hmac_sha256 = \"name_of_a_secret\" }"),
];

/// What roll-ups need to know of a column, as far as it could be read.
pub(super) struct Declared {
    pub(super) name: Name,
    pub(super) kind: Option<ColumnType>,
    pub(super) place: Place,
}

/// Reads a column. `before` holds those in front of it, and this one is put behind them.
pub(super) fn column(reader: &mut Reader<'_>, table: Table<'_, '_>, before: &mut Vec<Declared>) -> Option<Column> {
    let table = match table.get("name").and_then(|node| node.as_text()) {
        Some(name) => table.renamed(format!("column {}", quoted(name))),
        None => table,
    };
    reader.known_keys(&table, "a column", &KEYS);
    let name = reader.required(&table, "name", "the column's name").and_then(|node| name(reader, &node, before));
    let kind = reader.required(&table, "type", types::EXPECTED).and_then(|node| kind(reader, &node));
    if let Some(name) = &name {
        before.push(Declared { name: name.clone(), kind: kind.clone(), place: table.place.clone() });
    }
    let source = source(reader, &table, kind.as_ref());
    let required = reader.flag(&table, "required", false);
    let default = table.get("default").and_then(|node| value(reader, &node, kind.as_ref()));
    let steps = steps(reader, &table, kind.as_ref());
    agree(reader, &table, required);
    let description = reader.description(&table);
    Some(Column { name: name?, source: source?, kind: kind?, required, default, steps, description })
}

fn name(reader: &mut Reader<'_>, node: &Node<'_, '_>, before: &[Declared]) -> Option<Name> {
    let name: Name = reader.parsed(node, "the column's name")?;
    let text = name.as_str();
    let whose = if SYSTEM_COLUMNS.contains(&text) {
        Some("every table has a column of this name")
    } else if text == REST_COLUMN {
        Some("it is the column of what no column holds")
    } else if PARTITION_COLUMNS.contains(&text) || text == TYPE_PARTITION {
        Some("tables are partitioned under this name")
    } else if before.iter().any(|other| other.name == name) {
        Some("a column before it has the same name")
    } else {
        None
    };
    match whose {
        None => Some(name),
        Some(whose) => {
            reader
                .add(&node.place, Complaint::new(format!("{}: {whose}", quoted(text))).suggest("choose another name"));
            None
        }
    }
}

fn kind(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Option<ColumnType> {
    let text = reader.text(node, types::EXPECTED, TYPE_BYTES_MAX)?;
    match text.parse::<ColumnType>() {
        Ok(kind) => Some(kind),
        Err(error) => {
            let mut complaint = Complaint::new(format!("{} is no type: {}", quoted(text), error.problem));
            complaint.suggestion = error.suggestion;
            reader.add(&node.place, complaint.expected(types::EXPECTED));
            None
        }
    }
}

fn source(reader: &mut Reader<'_>, table: &Table<'_, '_>, kind: Option<&ColumnType>) -> Option<Source> {
    const EXPECTED: &str = "a JSON pointer such as /user/id, or a list of them";
    match (table.get("path"), table.get("constant")) {
        (Some(path), None) => {
            let nodes = reader.one_or_list(&path, EXPECTED, PATHS_MAX);
            let paths: Vec<Pointer> = nodes.iter().filter_map(|node| reader.parsed(node, EXPECTED)).collect();
            for (at, pointer) in paths.iter().enumerate() {
                if paths.iter().take(at).any(|other| other == pointer) {
                    reader.add(&path.place, Complaint::new(format!("it names {pointer} twice")));
                }
            }
            (!paths.is_empty()).then_some(Source::Paths(paths))
        }
        (None, Some(constant)) => value(reader, &constant, kind).map(Source::Constant),
        (Some(_), Some(constant)) => {
            let complaint = Complaint::new("the column has a path too, and its values come from one of them");
            reader.add(&constant.place, complaint.suggest("drop path or constant"));
            None
        }
        (None, None) => {
            let place = Place { field: table.place.inner("path"), ..table.place.clone() };
            let complaint = Complaint::new("it is missing");
            reader.add(&place, complaint.expected(format!("{EXPECTED}, or a constant in its place")));
            None
        }
    }
}

/// A literal of the column's type.
fn value(reader: &mut Reader<'_>, node: &Node<'_, '_>, kind: Option<&ColumnType>) -> Option<Literal> {
    let literal = literal(reader, node)?;
    if let Some(Err(problem)) = kind.map(|kind| check_literal(kind, &literal)) {
        reader.add(&node.place, Complaint::new(problem));
    }
    Some(literal)
}

/// What contradicts itself.
fn agree(reader: &mut Reader<'_>, table: &Table<'_, '_>, required: bool) {
    let constant = table.get("constant").is_some();
    if let (Some(node), true) = (table.get("required"), required) {
        if table.get("default").is_some() {
            let complaint = Complaint::new("the column has a default, so that it is never missing");
            reader.add(&node.place, complaint.suggest("drop required or default"));
        } else if constant {
            let complaint = Complaint::new("the column is a constant, which is never missing");
            reader.add(&node.place, complaint.suggest("drop required"));
        }
    }
    if constant {
        for key in ["default", "steps"] {
            if let Some(node) = table.get(key) {
                let complaint = Complaint::new("the column is a constant, which stands in the table as it is");
                reader.add(&node.place, complaint.suggest(format!("drop {key}")));
            }
        }
    }
}

fn steps(reader: &mut Reader<'_>, table: &Table<'_, '_>, kind: Option<&ColumnType>) -> Vec<Step> {
    let Some(list) = table.get("steps") else { return Vec::new() };
    let nodes = reader.list(&list, "a list of steps", STEPS_MAX);
    let steps: Vec<Step> = nodes.iter().filter_map(|node| step(reader, node)).collect();
    // Where one could not be read, what the others make of a value is not known.
    let Some(kind) = kind.filter(|_| steps.len() == nodes.len()) else { return steps };
    if let Err(wrong) = check_steps(kind, &steps) {
        let place = nodes.get(wrong.step).map_or(&list.place, |node| &node.place);
        reader.add(place, Complaint::new(wrong.problem));
    }
    steps
}

fn step_words() -> String {
    let plain = PLAIN_STEPS.iter().map(|(word, _)| format!("\"{word}\""));
    let words: Vec<_> = plain.chain(STEP_TABLES.iter().map(|(_, example)| (*example).to_owned())).collect();
    listed(words.iter().map(String::as_str))
}

fn step(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Option<Step> {
    if let DeValue::Table(_) = node.value {
        return step_table(reader, node);
    }
    let Some(word) = node.as_text() else {
        reader.add(&node.place, Complaint::new("it is no step").expected(step_words()));
        return None;
    };
    let step = PLAIN_STEPS.iter().find(|(name, _)| *name == word).map(|(_, step)| step.clone());
    if step.is_none() {
        let complaint = Complaint::new(format!("there is no step {}", quoted(word))).expected(step_words());
        let complaint = match STEP_TABLES.iter().find(|(name, _)| *name == word) {
            Some((_, example)) => complaint.suggest(format!("it is written {example}")),
            None => complaint.did_you_mean(word, PLAIN_STEPS.iter().map(|it| it.0).chain(STEP_TABLES.map(|it| it.0))),
        };
        reader.add(&node.place, complaint);
    }
    step
}

fn step_table(reader: &mut Reader<'_>, node: &Node<'_, '_>) -> Option<Step> {
    let table = reader.table(node, "a step")?;
    let members = table.in_order();
    let [(word, value)] = members.as_slice() else {
        let problem = format!("it has {} keys", members.len());
        reader.add(&node.place, Complaint::new(problem).expected("one, the step's name"));
        return None;
    };
    match *word {
        "truncate" => reader.integer(value, 1, 1 << 24).map(|chars| Step::Truncate { chars: chars as u32 }),
        "parse_time" => time_format(reader, value).map(Step::ParseTime),
        "date_part" => reader.word(value, &DATE_PARTS).map(Step::DatePart),
        "hmac_sha256" => {
            reader.parsed::<SecretName>(value, "the name of a secret").map(|secret| Step::HmacSha256 { secret })
        }
        _ => {
            let complaint = Complaint::new(format!("there is no step {} with a value", quoted(word)));
            let complaint = match PLAIN_STEPS.iter().find(|(name, _)| name == word) {
                Some((name, _)) => complaint.suggest(format!("it is written \"{name}\"")),
                None => complaint.expected(step_words()).did_you_mean(word, STEP_TABLES.map(|it| it.0)),
            };
            reader.add(&node.place, complaint);
            None
        }
    }
}

/// Complains where a column takes in plain, within an object or an array, what another one hashes or redacts. It would
/// be easy to overlook; to take the very same place twice is plain to see, and left alone.
pub(super) fn protect(reader: &mut Reader<'_>, columns: &[Column], declared: &[Declared]) {
    let hides = |column: &&Column| column.steps.iter().any(|it| matches!(it, Step::HmacSha256 { .. } | Step::Redact));
    for hidden in columns.iter().filter(hides) {
        for path in paths(hidden) {
            for plain in columns.iter().filter(|column| !hides(column)) {
                let around = paths(plain).iter().find(|outer| outer.contains(path) && *outer != path);
                let place = declared.iter().find(|it| it.name == plain.name).map(|it| &it.place);
                if let (Some(outer), Some(place)) = (around, place) {
                    let problem =
                        format!("it takes {outer}, and with it {path}, which column {} does not reveal", hidden.name);
                    reader.add(place, Complaint::new(problem).suggest("take the members that you need one by one"));
                }
            }
        }
    }
}

fn paths(column: &Column) -> &[Pointer] {
    match &column.source {
        Source::Paths(paths) => paths,
        Source::Constant(_) => &[],
    }
}
