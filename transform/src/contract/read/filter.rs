//! A filter: which events the table takes, or which it does not.

use toml::de::DeValue;

use super::super::problem::Complaint;
use super::super::{Filter, Literal, Pointer, Test};
use super::literal::literal;
use super::node::{Reader, Table};

/// Values that one filter looks for.
const VALUES_MAX: usize = 1000;

/// Reads a filter.
pub(super) fn filter(reader: &mut Reader<'_>, table: &Table<'_, '_>) -> Option<Filter> {
    const EXPECTED: &str = "a test such as { path = \"/env\", in = [\"prod\"] }";
    reader.known_keys(table, "a filter", &["keep", "drop"]);
    let (node, keep) = match (table.get("keep"), table.get("drop")) {
        (Some(node), None) => (node, true),
        (None, Some(node)) => (node, false),
        (Some(_), Some(node)) => {
            let complaint = Complaint::new("a filter keeps or drops, and not both");
            reader.add(&node.place, complaint.suggest("make two filters of it"));
            return None;
        }
        (None, None) => {
            let complaint = Complaint::new("it neither keeps nor drops anything");
            reader.add(&table.place, complaint.expected(format!("keep or drop, with {EXPECTED}")));
            return None;
        }
    };
    let test = reader.table(&node, EXPECTED)?;
    reader.known_keys(&test, "a test", &["path", "in", "present"]);
    let path = reader.required(&test, "path", "a JSON pointer such as /env");
    let path: Option<Pointer> = path.and_then(|node| reader.parsed(&node, "a JSON pointer such as /env"));
    let looked_for = test_of(reader, &test, keep);
    Some(Filter { path: path?, test: looked_for?, keep })
}

fn test_of(reader: &mut Reader<'_>, test: &Table<'_, '_>, keep: bool) -> Option<Test> {
    match (test.get("in"), test.get("present")) {
        (Some(node), None) => {
            let nodes = reader.list(&node, "a list of values", VALUES_MAX);
            if matches!(node.value, DeValue::Array(values) if values.is_empty()) {
                let problem = if keep { "no value is in it, so it keeps nothing" } else { "no value is in it" };
                reader.add(&node.place, Complaint::new(problem).expected("at least one value"));
            }
            let values: Vec<Literal> = nodes.iter().filter_map(|node| literal(reader, node)).collect();
            (!values.is_empty()).then_some(Test::In(values))
        }
        (None, Some(node)) => match node.value {
            DeValue::Boolean(true) => Some(Test::Present),
            DeValue::Boolean(false) => {
                let other = if keep { "drop" } else { "keep" };
                let complaint = Complaint::new("a test for what is absent is the other kind of filter");
                reader.add(&node.place, complaint.suggest(format!("write {other} = {{ …, present = true }}")));
                None
            }
            _ => {
                reader.add(&node.place, Complaint::new("it is no test").expected("true"));
                None
            }
        },
        (Some(_), Some(node)) => {
            let complaint = Complaint::new("a test looks for values or for presence, and not both");
            reader.add(&node.place, complaint.suggest("drop in or present"));
            None
        }
        (None, None) => {
            reader.add(&test.place, Complaint::new("it tests nothing").expected("in = [values] or present = true"));
            None
        }
    }
}
