//! Values of a TOML text with their place in it, and the readings that every field needs. Each reading that fails
//! leaves a problem behind and yields nothing, so that the next field is read all the same.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::problem::{Complaint, ContractErrors, PROBLEMS_MAX, Problem, listed, quoted};
use super::super::words::Words;

/// A reading of a text, and what it found wrong.
pub(super) struct Reader<'t> {
    file: &'t str,
    text: &'t str,
    /// Each with the position in the text that it is ordered by.
    problems: Vec<(usize, Problem)>,
    more: usize,
}

/// A value, where it stands, and which field it is.
#[derive(Clone)]
pub(super) struct Node<'a, 't> {
    pub(super) value: &'a DeValue<'t>,
    pub(super) place: Place,
}

/// Where something stands, and which field it is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) field: String,
}

/// A table, where it stands, and which field it is.
#[derive(Clone)]
pub(super) struct Table<'a, 't> {
    members: &'a DeTable<'t>,
    pub(super) place: Place,
}

impl Place {
    pub(super) fn inner(&self, name: &str) -> String {
        if self.field.is_empty() { name.to_owned() } else { format!("{}.{name}", self.field) }
    }
}

impl<'a, 't> Node<'a, 't> {
    fn new(value: &'a Spanned<DeValue<'t>>, field: String) -> Self {
        let span = value.span();
        Self { value: value.get_ref(), place: Place { start: span.start, end: span.end, field } }
    }

    pub(super) fn as_text(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }
}

impl<'a, 't> Table<'a, 't> {
    pub(super) fn root(members: &'a DeTable<'t>) -> Self {
        Self { members, place: Place { start: 0, end: 0, field: String::new() } }
    }

    /// Calls the table's fields by another name from now on.
    pub(super) fn renamed(mut self, field: String) -> Self {
        self.place.field = field;
        self
    }

    pub(super) fn get(&self, key: &str) -> Option<Node<'a, 't>> {
        self.members.get(key).map(|value| Node::new(value, self.place.inner(key)))
    }

    /// Its members in the order of the text.
    pub(super) fn in_order(&self) -> Vec<(&'a str, Node<'a, 't>)> {
        let mut members: Vec<_> = self.members.iter().map(|(key, value)| (key.span().start, key, value)).collect();
        members.sort_by_key(|(start, _, _)| *start);
        let named = members.into_iter().map(|(_, key, value)| {
            let key: &'a str = key.get_ref();
            (key, Node::new(value, self.place.inner(key)))
        });
        named.collect()
    }
}

/// What a value is, for people.
fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl<'t> Reader<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, problems: Vec::new(), more: 0 }
    }

    pub(super) fn add(&mut self, place: &Place, complaint: Complaint) {
        if self.problems.len() == PROBLEMS_MAX {
            self.more += 1;
            return;
        }
        let before = self.text.get(..place.start).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let Complaint { problem, expected, suggestion } = complaint;
        let problem = Problem {
            file: self.file.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
            field: place.field.clone(),
            problem,
            expected,
            suggestion,
        };
        self.problems.push((place.start, problem));
    }

    /// What was built, unless something was wrong.
    pub(super) fn finish<T>(mut self, built: Option<T>) -> Result<T, ContractErrors> {
        match built {
            Some(built) if self.problems.is_empty() => Ok(built),
            _ => {
                self.problems.sort_by_key(|(start, _)| *start);
                let problems = self.problems.into_iter().map(|(_, problem)| problem).collect();
                Err(ContractErrors { problems, more: self.more })
            }
        }
    }

    /// The text as it stands in the file.
    pub(super) fn source(&self, place: &Place) -> &'t str {
        self.text.get(place.start..place.end).unwrap_or_default()
    }

    /// Complains of keys that mean nothing.
    pub(super) fn known_keys(&mut self, table: &Table<'_, '_>, what: &str, known: &[&str]) {
        for key in table.members.keys().filter(|key| !known.contains(&&**key.get_ref())) {
            let name: &str = key.get_ref();
            let field = table.place.inner(quoted(name).trim_matches('"'));
            let complaint = Complaint::new(format!("there is no such key in {what}"))
                .expected(listed(known.iter().copied()))
                .did_you_mean(name, known.iter().copied());
            self.add(&Place { start: key.span().start, end: key.span().end, field }, complaint);
        }
    }

    fn other_kind(&mut self, node: &Node<'_, '_>, expected: &str) {
        self.add(&node.place, Complaint::new(format!("it is {}", kind(node.value))).expected(expected));
    }

    /// A member that must be there.
    pub(super) fn required<'a, 'd>(
        &mut self,
        table: &Table<'a, 'd>,
        key: &str,
        expected: &str,
    ) -> Option<Node<'a, 'd>> {
        let node = table.get(key);
        if node.is_none() {
            let place = Place { field: table.place.inner(key), ..table.place.clone() };
            self.add(&place, Complaint::new("it is missing").expected(expected));
        }
        node
    }

    pub(super) fn text<'a>(&mut self, node: &Node<'a, '_>, expected: &str, bytes_max: usize) -> Option<&'a str> {
        match node.as_text() {
            None => self.other_kind(node, expected),
            Some(text) if text.len() > bytes_max => {
                let problem = format!("it has {} bytes, the limit is {bytes_max}", text.len());
                self.add(&node.place, Complaint::new(problem));
            }
            Some(text) => return Some(text),
        }
        None
    }

    pub(super) fn flag(&mut self, table: &Table<'_, '_>, key: &str, default: bool) -> bool {
        let Some(node) = table.get(key) else { return default };
        match node.value {
            DeValue::Boolean(flag) => *flag,
            _ => {
                self.other_kind(&node, "true or false");
                default
            }
        }
    }

    /// A text for people, empty where there is none.
    pub(super) fn description(&mut self, table: &Table<'_, '_>) -> String {
        const DESCRIPTION_BYTES_MAX: usize = 10_000;
        let node = table.get("description");
        let text = node.and_then(|node| self.text(&node, "a text for people", DESCRIPTION_BYTES_MAX));
        text.unwrap_or_default().to_owned()
    }

    /// A whole number within bounds, both included.
    pub(super) fn integer(&mut self, node: &Node<'_, '_>, from: u64, to: u64) -> Option<u64> {
        let expected = format!("a whole number from {from} to {to}");
        let DeValue::Integer(integer) = node.value else {
            self.other_kind(node, &expected);
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number = number.filter(|number| (from..=to).contains(number));
        if number.is_none() {
            let found = self.source(&node.place).to_owned();
            self.add(&node.place, Complaint::new(format!("it is {found}")).expected(expected));
        }
        number
    }

    /// One of a few words.
    pub(super) fn word<T: Clone, const N: usize>(&mut self, node: &Node<'_, '_>, words: &Words<T, N>) -> Option<T> {
        let known = || words.iter().map(|(word, _)| *word);
        let Some(text) = node.as_text() else {
            self.other_kind(node, &listed(known()));
            return None;
        };
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| value.clone());
        if found.is_none() {
            let complaint = Complaint::new(format!("{} is none of its words", quoted(text)));
            self.add(&node.place, complaint.expected(listed(known())).did_you_mean(text, known()));
        }
        found
    }

    /// The elements of a list of bounded length.
    pub(super) fn list<'a, 'd>(&mut self, node: &Node<'a, 'd>, expected: &str, most: usize) -> Vec<Node<'a, 'd>> {
        let DeValue::Array(array) = node.value else {
            self.other_kind(node, expected);
            return Vec::new();
        };
        if array.len() > most {
            let problem = format!("it has {} elements, the limit is {most}", array.len());
            self.add(&node.place, Complaint::new(problem));
            return Vec::new();
        }
        let element = |(at, value)| Node::new(value, format!("{}[{}]", node.place.field, at + 1));
        array.iter().enumerate().map(element).collect()
    }

    /// The elements of a list, or the one value in place of a list of one.
    pub(super) fn one_or_list<'a, 'd>(
        &mut self,
        node: &Node<'a, 'd>,
        expected: &str,
        most: usize,
    ) -> Vec<Node<'a, 'd>> {
        match node.value {
            DeValue::Array(_) => {
                let found = self.list(node, expected, most);
                if matches!(node.value, DeValue::Array(array) if array.is_empty()) {
                    self.add(&node.place, Complaint::new("the list is empty").expected(expected));
                }
                found
            }
            _ => vec![node.clone()],
        }
    }

    pub(super) fn table<'a, 'd>(&mut self, node: &Node<'a, 'd>, expected: &str) -> Option<Table<'a, 'd>> {
        match node.value {
            DeValue::Table(members) => Some(Table { members, place: node.place.clone() }),
            _ => {
                self.other_kind(node, expected);
                None
            }
        }
    }

    /// The tables that are written `[[key]]`.
    pub(super) fn tables<'a, 'd>(&mut self, root: &Table<'a, 'd>, key: &str, most: usize) -> Vec<Table<'a, 'd>> {
        let expected = format!("tables written [[{key}]]");
        let Some(node) = root.get(key) else { return Vec::new() };
        let nodes = self.list(&node, &expected, most);
        nodes.iter().filter_map(|node| self.table(node, &expected)).collect()
    }

    /// A text that reads as something.
    pub(super) fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(
        &mut self,
        node: &Node<'_, '_>,
        expected: &str,
    ) -> Option<T> {
        const TEXT_BYTES_MAX: usize = 4096;
        let text = self.text(node, expected, TEXT_BYTES_MAX)?;
        let parsed = text.parse();
        if let Err(error) = &parsed {
            self.add(&node.place, Complaint::new(format!("{}: {error}", quoted(text))));
        }
        parsed.ok()
    }
}
