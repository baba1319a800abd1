//! A roll-up: a table of sums, by time window and group.

use iguazu_lake::ids::TableName;
use toml::de::DeValue;

use super::super::problem::{Complaint, listed, quoted};
use super::super::words::{MEASURES, WINDOWS};
use super::super::{
    ColumnType, Measure, MeasureKind, Name, PARTITION_COLUMNS, ROLLUP_COLUMNS, Rollup, TYPE_PARTITION, Window,
};
use super::column::Declared;
use super::node::{Node, Reader, Table};

/// Columns that a group is a combination of.
const BY_MAX: usize = 16;
/// Measures of each kind.
const MEASURES_MAX: usize = 100;

const KEYS: [&str; 7] = ["name", "window", "by", "sum", "min", "max", "description"];
/// The system columns that a roll-up may group by: they have few values.
const BY_SYSTEM: [&str; 3] = ["event_type", "stream", "shard"];

/// Reads a roll-up of the table with these columns; `before` holds those in front of it.
pub(super) fn rollup(
    reader: &mut Reader<'_>,
    table: Table<'_, '_>,
    of: Option<&TableName>,
    columns: &[Declared],
    before: &[Rollup],
) -> Option<Rollup> {
    let table = match table.get("name").and_then(|node| node.as_text()) {
        Some(name) => table.renamed(format!("rollup {}", quoted(name))),
        None => table,
    };
    reader.known_keys(&table, "a roll-up", &KEYS);
    let name = reader.required(&table, "name", "the roll-up's name").and_then(|node| name(reader, &node, of, before));
    let window: Option<Window> =
        reader.required(&table, "window", "hour, day or month").and_then(|node| reader.word(&node, &WINDOWS));
    let by = by(reader, &table, columns);
    let mut measures: Vec<Measure> = Vec::new();
    for (key, kind) in MEASURES {
        if let Some(node) = table.get(key) {
            read_measures(reader, &node, kind, columns, &by, &mut measures);
        }
    }
    let description = reader.description(&table);
    Some(Rollup { name: name?, window: window?, by, measures, description })
}

fn name(reader: &mut Reader<'_>, node: &Node<'_, '_>, of: Option<&TableName>, before: &[Rollup]) -> Option<Name> {
    let name: Name = reader.parsed(node, "the roll-up's name")?;
    if before.iter().any(|other| other.name == name) {
        reader.add(&node.place, Complaint::new(format!("a roll-up before it is named {name} too")));
        return None;
    }
    // Statements make tables and views of these names beside the roll-ups'.
    if ["raw", "view", "parts"].contains(&name.as_str()) || name.as_str().ends_with("_parts") {
        let problem = format!("{name} is not for roll-ups: other tables and views of the table are named so");
        reader.add(&node.place, Complaint::new(problem).suggest("choose another name"));
        return None;
    }
    if let Some(Err(error)) = of.map(|table| format!("{table}_{name}").parse::<TableName>()) {
        let problem = format!("a roll-up's table is named by both names: {error}");
        reader.add(&node.place, Complaint::new(problem).suggest("choose a shorter name"));
        return None;
    }
    Some(name)
}

fn by(reader: &mut Reader<'_>, table: &Table<'_, '_>, columns: &[Declared]) -> Vec<Name> {
    let Some(node) = table.get("by") else { return Vec::new() };
    let nodes = reader.list(&node, "a list of columns", BY_MAX);
    let mut by: Vec<Name> = Vec::new();
    for node in nodes {
        let Some(name) = reader.parsed::<Name>(&node, "a column") else { continue };
        if by.contains(&name) {
            reader.add(&node.place, Complaint::new(format!("it names {name} twice")));
            continue;
        }
        if ROLLUP_COLUMNS.contains(&name.as_str()) {
            let complaint = Complaint::new(format!("every roll-up has a column {name} of its own"));
            reader.add(&node.place, complaint.suggest("give the column another name"));
            continue;
        }
        if !BY_SYSTEM.contains(&name.as_str()) {
            let Some(column) = known(reader, &node, &name, columns, &BY_SYSTEM) else { continue };
            if let Some(kind @ (ColumnType::List(_) | ColumnType::Struct(_) | ColumnType::Json)) = &column.kind {
                let complaint = Complaint::new(format!("column {name} is of type {kind}, which makes no groups"));
                reader.add(&node.place, complaint.expected("a column of single values"));
            }
        }
        by.push(name);
    }
    by
}

fn known<'c>(
    reader: &mut Reader<'_>,
    node: &Node<'_, '_>,
    name: &Name,
    columns: &'c [Declared],
    others: &[&str],
) -> Option<&'c Declared> {
    let column = columns.iter().find(|column| column.name == *name);
    if column.is_none() {
        let names = || columns.iter().map(|column| column.name.as_str()).chain(others.iter().copied());
        let mut complaint = Complaint::new(format!("there is no column {name}"));
        if !others.is_empty() {
            complaint = complaint.expected(format!("a column of the contract, {}", listed(others.iter().copied())));
        }
        reader.add(&node.place, complaint.did_you_mean(name.as_str(), names()));
    }
    column
}

fn read_measures(
    reader: &mut Reader<'_>,
    node: &Node<'_, '_>,
    kind: MeasureKind,
    columns: &[Declared],
    by: &[Name],
    measures: &mut Vec<Measure>,
) {
    let named: Vec<(Option<&str>, Node<'_, '_>)> = match node.value {
        DeValue::Table(members) if members.len() <= MEASURES_MAX => {
            let table = reader.table(node, "");
            table.iter().flat_map(Table::in_order).map(|(name, node)| (Some(name), node)).collect()
        }
        _ => {
            let expected = format!("a list of up to {MEASURES_MAX} columns, or a table {{ name = \"column\" }}");
            let nodes = reader.list(node, &expected, MEASURES_MAX);
            nodes.into_iter().map(|node| (None, node)).collect()
        }
    };
    for (name, node) in named {
        if let Some(measure) = measure(reader, name, &node, kind, columns) {
            let name = measure.name.as_str();
            let taken = ROLLUP_COLUMNS.contains(&name)
                || PARTITION_COLUMNS.contains(&name)
                || name == TYPE_PARTITION
                || by.contains(&measure.name)
                || measures.iter().any(|other| other.name == measure.name);
            if taken {
                let complaint = Complaint::new(format!("the roll-up has a column {} already", measure.name));
                reader.add(
                    &node.place,
                    complaint.suggest(format!("name it: {kind} = {{ name = \"{}\" }}", measure.column)),
                );
            } else {
                measures.push(measure);
            }
        }
    }
}

fn measure(
    reader: &mut Reader<'_>,
    name: Option<&str>,
    node: &Node<'_, '_>,
    kind: MeasureKind,
    columns: &[Declared],
) -> Option<Measure> {
    let column: Name = reader.parsed(node, "a column")?;
    let declared = known(reader, node, &column, columns, &[])?;
    if let Some(found) = declared.kind.as_ref().filter(|found| !fits(kind, found)) {
        let (problem, expected) = match kind {
            MeasureKind::Sum => ("is not summed exactly", "int32, int64 or decimal"),
            _ => ("has no order", "a text, a number, a date or a timestamp"),
        };
        let complaint = Complaint::new(format!("column {column} is of type {found}, which {problem}"));
        reader.add(&node.place, complaint.expected(expected));
        return None;
    }
    let text = name.map_or_else(|| format!("{kind}_{column}"), str::to_owned);
    match text.parse() {
        Ok(name) => Some(Measure { name, column, kind }),
        Err(error) => {
            let complaint = Complaint::new(format!("a measure cannot be named {}: {error}", quoted(&text)));
            reader.add(&node.place, complaint.suggest(format!("name it: {kind} = {{ name = \"{column}\" }}")));
            None
        }
    }
}

fn fits(measure: MeasureKind, kind: &ColumnType) -> bool {
    use ColumnType as T;
    match measure {
        MeasureKind::Sum => matches!(kind, T::Int32 | T::Int64 | T::Decimal { .. }),
        MeasureKind::Min | MeasureKind::Max => !matches!(kind, T::Boolean | T::Json | T::List(_) | T::Struct(_)),
    }
}
