//! A case: events, and what must become of them.

use std::path::{Path, PathBuf};

use iguazu_lake::ids::{ChainId, SequenceNumber, Timestamp};
use iguazu_transform::{Catalog, Payload, Record};
use miette::{Context, IntoDiagnostic, miette};

use super::Difference;
use super::json::{Members, canonical};
use super::row::{Cells, cells, line};
use crate::cli::condition::instant;
use crate::cli::judge::{Outcome, judge};

const EVENTS: &str = ".in.ndjson";
const EXPECTED: &str = ".expected.ndjson";
/// What a remark begins with that says when the events behind it arrive.
const ARRIVED: &str = "# arrived ";

/// A case.
#[derive(Clone, Debug)]
pub struct Case {
    /// Where the events are.
    pub events_file: PathBuf,
    /// Where it stands what must become of them.
    pub expected_file: PathBuf,
    events: Vec<Event>,
}

/// An event of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Event {
    line: usize,
    arrived: Timestamp,
    text: String,
}

/// What became of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    line: usize,
    cells: Cells,
}

/// The cases of a folder, by their names; none where there is no such folder.
///
/// # Errors
/// Where a file of it cannot be read, or is no case's.
pub fn of_folder(folder: &Path) -> miette::Result<Vec<Case>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let unreadable = || format!("{}: cannot be read", folder.display());
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).into_diagnostic().wrap_err_with(unreadable)? {
        let name = entry.into_diagnostic().wrap_err_with(unreadable)?.file_name();
        names.extend(name.into_string());
    }
    names.sort();
    for name in names.iter().filter_map(|name| name.strip_suffix(EXPECTED)) {
        if !names.contains(&format!("{name}{EVENTS}")) {
            let help = format!("the events of this case belong into {name}{EVENTS}");
            return Err(miette!(help = help, "{}: has no events", folder.join(format!("{name}{EXPECTED}")).display()));
        }
    }
    names.iter().filter_map(|name| name.strip_suffix(EVENTS)).map(|name| Case::read(folder, name)).collect()
}

fn text_of(path: &Path) -> miette::Result<String> {
    std::fs::read_to_string(path).into_diagnostic().wrap_err_with(|| format!("{}: cannot be read", path.display()))
}

impl Case {
    fn read(folder: &Path, name: &str) -> miette::Result<Self> {
        let events_file = folder.join(format!("{name}{EVENTS}"));
        let events = events(&events_file.display().to_string(), &text_of(&events_file)?)?;
        Ok(Self { events_file, expected_file: folder.join(format!("{name}{EXPECTED}")), events })
    }

    /// What becomes of its events.
    ///
    /// # Errors
    /// On a fault of the program.
    pub fn outcomes(&self, catalog: &Catalog) -> miette::Result<Vec<Found>> {
        let chain: ChainId = "shard.test.0.shardId-000000000000".parse().into_diagnostic()?;
        let mut found = Vec::new();
        for event in &self.events {
            let record = Record {
                sequence: SequenceNumber::from(event.line as u64),
                arrival: event.arrived,
                payload: Payload::Data(event.text.clone().into()),
            };
            for outcome in judge(catalog, &chain, &record)? {
                let table = match &outcome {
                    Outcome::Accepted(event) => event.table.as_str(),
                    Outcome::Refused(_) => "",
                };
                let contracts = catalog.tables().iter().map(|table| table.contract());
                let contract = contracts.into_iter().find(|contract| contract.table.to_string() == table);
                found.push(Found { line: event.line, cells: cells(&outcome, contract) });
            }
        }
        Ok(found)
    }

    /// Writes what came out as what is expected; says whether that changed the file.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn bless(&self, found: &[Found]) -> miette::Result<bool> {
        let text: String = found.iter().map(|found| format!("{}\n", line(&found.cells))).collect();
        if self.expected_file.is_file() && text_of(&self.expected_file)? == text {
            return Ok(false);
        }
        let written = std::fs::write(&self.expected_file, text).into_diagnostic();
        written.wrap_err_with(|| format!("{}: cannot be written", self.expected_file.display()))?;
        Ok(true)
    }

    /// What came out otherwise than it is expected.
    ///
    /// # Errors
    /// Where it is not said what is expected, or not in JSON.
    pub fn differences(&self, found: &[Found]) -> miette::Result<Vec<Difference>> {
        if !self.expected_file.is_file() {
            let help = "write what must become of each event there, or have it written by --bless and look at it";
            return Err(miette!(help = help, "{}: is not there", self.expected_file.display()));
        }
        let text = text_of(&self.expected_file)?;
        let mut differences = Vec::new();
        let difference = |line, column, expected, found| Difference {
            file: self.events_file.display().to_string(),
            line,
            column,
            expected,
            found,
        };
        let mut rest = found.iter();
        for (number, expected) in numbered(&text).filter(|(_, line)| !line.starts_with('#')) {
            let wanted = self.expected(number, expected)?;
            match rest.next() {
                None => {
                    let last = self.events.last().map_or(0, |event| event.line);
                    differences.push(difference(last, None, Some(expected.to_owned()), None));
                }
                Some(found) if kind(&wanted) != kind(&spelled(&found.cells)?) => {
                    let (expected, come) = (expected.to_owned(), line(&found.cells));
                    differences.push(difference(found.line, None, Some(expected), Some(come)));
                }
                Some(found) => {
                    let apart = apart(&wanted, &spelled(&found.cells)?);
                    differences.extend(apart.into_iter().map(|(column, expected, come)| {
                        difference(found.line, Some(column), Some(expected), Some(come))
                    }));
                }
            }
        }
        differences.extend(rest.map(|found| difference(found.line, None, None, Some(line(&found.cells)))));
        Ok(differences)
    }

    /// A line of expectations, each value in its one spelling.
    fn expected(&self, number: usize, text: &str) -> miette::Result<Cells> {
        let file = self.expected_file.display();
        let help = "a line is {\"table\":…, and columns} or {\"quarantined\":…,\"path\":…}";
        let members: Members<'_> = serde_json::from_str(text)
            .map_err(|error| miette!(help = help, "{file}:{number}:{}: this is no JSON object", error.column()))?;
        let first = members.0.first().map(|(name, _)| name.as_str());
        if !matches!(first, Some("table" | "quarantined")) {
            return Err(miette!(help = help, "{file}:{number}: it begins with neither table nor quarantined"));
        }
        let spell = |(name, value)| canonical(value).map(|value| (name, value));
        let cells: serde_json::Result<Cells> = members.0.into_iter().map(spell).collect();
        cells.map_err(|error| miette!(help = help, "{file}:{number}: {error}"))
    }
}

/// Cells with each value in its one spelling.
fn spelled(cells: &Cells) -> miette::Result<Cells> {
    let members: Members<'_> = Members(
        cells
            .iter()
            .map(|(name, value)| Ok((name.clone(), serde_json::from_str(value)?)))
            .collect::<serde_json::Result<_>>()
            .into_diagnostic()?,
    );
    members.0.into_iter().map(|(name, value)| Ok((name, canonical(value).into_diagnostic()?))).collect()
}

/// Whether it is in a table, and in which, or in quarantine.
fn kind(cells: &Cells) -> Option<(&str, Option<&str>)> {
    let (name, value) = cells.first()?;
    Some((name, (name == "table").then_some(value.as_str())))
}

/// The columns that differ: expected, found. What is left out is null.
fn apart(expected: &Cells, found: &Cells) -> Vec<(String, String, String)> {
    // The first member says what the line is, and a column may have the same name.
    let value = |cells: &Cells, name: &str| {
        let first = cells.first().filter(|(first, _)| first == name && first == "quarantined");
        let of = first.or_else(|| cells.iter().skip(1).find(|(known, _)| known == name));
        of.map_or_else(|| "null".to_owned(), |(_, value)| value.clone())
    };
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in expected.iter().chain(found) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let values = names.into_iter().map(|name| (name.to_owned(), value(expected, name), value(found, name)));
    values.filter(|(_, expected, found)| expected != found).collect()
}

/// The lines that hold something, from 1.
fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty())
}

fn events(file: &str, text: &str) -> miette::Result<Vec<Event>> {
    let mut arrived = None;
    let mut events = Vec::new();
    for (line, text) in numbered(text) {
        if let Some(time) = text.strip_prefix(ARRIVED) {
            let read = instant(time.trim());
            let help = "write for example `# arrived 2026-11-21T12:30:00Z`";
            arrived = Some(read.ok_or_else(|| miette!(help = help, "{file}:{line}: this is no time of arrival"))?);
        } else if !text.starts_with('#') {
            let help = "begin the file with a line such as `# arrived 2026-11-21T12:30:00Z`";
            let missing = || miette!(help = help, "{file}:{line}: it is not said when the event arrives");
            events.push(Event { line, arrived: arrived.ok_or_else(missing)?, text: text.to_owned() });
        }
    }
    Ok(events)
}
