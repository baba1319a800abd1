//! `iguazu quarantine list`: by reason, contract and path; or row by row.

use std::collections::BTreeMap;
use std::process::ExitCode;

use iguazu_lake::ids::Timestamp;
use iguazu_lake::ports::{Ledger, Objects};
use serde::Serialize;

use super::rows::{Row, RowId};
use super::{FIELDS, store};
use crate::cli::condition::Conditions;
use crate::cli::present::{counted, say, say_json, shown, table};
use crate::cli::{Answer, Common, lake};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Conditions: FIELD=VALUE and FIELD!=VALUE; for arrival also >= and <=. All of them must hold.
Fields: reason, table (or contract), stream, shard, sequence, path, found, arrival.
What a replay refused again is a row of its own, of the replay's stream.

Examples:
  iguazu quarantine list
  iguazu quarantine list --where table=orders --where 'arrival>=2026-11-21'
  iguazu quarantine list --rows --where reason=column_kind --limit 20")]
pub struct Args {
    /// Only rows that meet this condition; may be given several times.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// One line for each row, with the id that `show` takes, instead of one for each reason.
    #[arg(long)]
    rows: bool,
    /// How many lines at most; by reason the most frequent ones, by row the newest ones.
    #[arg(long, default_value_t = 100, value_name = "LINES")]
    limit: usize,
}

/// Rows that are here for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    reason: String,
    contract: Option<String>,
    path: Option<String>,
    count: u64,
    first_arrival: String,
    last_arrival: String,
}

/// A row without its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    id: String,
    #[serde(flatten)]
    parts: RowId,
    arrival: String,
    reason: String,
    contract: Option<String>,
    path: Option<String>,
    detail: String,
    bytes: usize,
    #[serde(skip)]
    at: Timestamp,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let conditions = Conditions::read(&args.conditions, &FIELDS)?;
    let opened = lake::open(&common.folder)?;
    if args.rows {
        let (lines, all) = lake::block_on(lines(&opened.objects, &opened.ledger, &conditions, args.limit))??;
        return if common.json { say_json(&lines).map(|_| ExitCode::SUCCESS) } else { say_lines(&lines, all) };
    }
    let (groups, all) = lake::block_on(groups(&opened.objects, &opened.ledger, &conditions))??;
    let groups = groups.get(..args.limit.min(groups.len())).unwrap_or_default();
    if common.json { say_json(&groups).map(|_| ExitCode::SUCCESS) } else { say_groups(groups, all) }
}

/// The rows that meet the conditions by why they are here, the most frequent reason first, and how many they are.
async fn groups<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    conditions: &Conditions,
) -> miette::Result<(Vec<Group>, u64)> {
    type Why = (String, Option<String>, Option<String>);
    let mut found: BTreeMap<Why, (u64, Timestamp, Timestamp)> = BTreeMap::new();
    for file in store::files(ledger).await? {
        for row in store::rows(objects, &file).await? {
            if conditions.hold(|field| row.field(field)) {
                let Row { reason, contract, path, arrival, .. } = row;
                let cell = found.entry((reason, contract, path)).or_insert((0, arrival, arrival));
                *cell = (cell.0 + 1, cell.1.min(arrival), cell.2.max(arrival));
            }
        }
    }
    let all = found.values().map(|(count, ..)| count).sum();
    let mut groups: Vec<_> = found
        .into_iter()
        .map(|((reason, contract, path), (count, first, last))| Group {
            reason,
            contract,
            path,
            count,
            first_arrival: first.to_string(),
            last_arrival: last.to_string(),
        })
        .collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.count));
    Ok((groups, all))
}

/// The newest rows that meet the conditions, and how many do in all.
async fn lines<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    conditions: &Conditions,
    limit: usize,
) -> miette::Result<(Vec<Line>, u64)> {
    let newest = |lines: &mut Vec<Line>| {
        lines.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.parts.cmp(&b.parts)));
        lines.truncate(limit);
    };
    let (mut lines, mut all) = (Vec::new(), 0);
    for file in store::files(ledger).await? {
        for row in store::rows(objects, &file).await? {
            if conditions.hold(|field| row.field(field)) {
                all += 1;
                lines.push(line(row));
            }
        }
        // So that memory is bounded by the limit and one file.
        newest(&mut lines);
    }
    Ok((lines, all))
}

fn line(row: Row) -> Line {
    let id = row.id();
    Line {
        id: id.to_string(),
        parts: id,
        arrival: row.arrival.to_string(),
        reason: row.reason,
        contract: row.contract,
        path: row.path,
        detail: row.detail,
        bytes: row.payload.len(),
        at: row.arrival,
    }
}

fn say_groups(groups: &[Group], all: u64) -> Answer {
    let mut lines = table(["REASON", "CONTRACT", "PATH", "COUNT", "FIRST ARRIVAL", "LAST ARRIVAL"]);
    for group in groups {
        lines.add_row([
            &group.reason,
            group.contract.as_deref().unwrap_or("-"),
            &shown(group.path.as_deref().unwrap_or("-")),
            &group.count.to_string(),
            &group.first_arrival,
            &group.last_arrival,
        ]);
    }
    let rows = counted(all, "row", "rows");
    let text = if groups.is_empty() {
        "Nothing is in quarantine that meets this.\n".to_owned()
    } else {
        format!("{lines}\n{rows}\n")
    };
    say(&text).map(|_| ExitCode::SUCCESS)
}

fn say_lines(rows: &[Line], all: u64) -> Answer {
    if rows.is_empty() {
        return say("Nothing is in quarantine that meets this.\n").map(|_| ExitCode::SUCCESS);
    }
    let mut lines = table(["ARRIVAL", "REASON", "CONTRACT", "PATH", "BYTES", "ID"]);
    for row in rows {
        lines.add_row([
            &row.arrival,
            &row.reason,
            row.contract.as_deref().unwrap_or("-"),
            &shown(row.path.as_deref().unwrap_or("-")),
            &row.bytes.to_string(),
            &row.id,
        ]);
    }
    let text = format!(
        "{lines}\n{} of {}; `iguazu quarantine show ID` shows one whole\n",
        rows.len(),
        counted(all, "row", "rows")
    );
    say(&text).map(|_| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::world::{World, broken, damaged};

    fn conditions(texts: &[&str]) -> Conditions {
        let texts: Vec<_> = texts.iter().map(ToString::to_string).collect();
        Conditions::read(&texts, &FIELDS).unwrap()
    }

    #[test]
    fn what_was_refused_is_grouped_by_why() {
        let world = World::with(&[broken(1), broken(2), damaged(3)]);
        let listed = world.run(groups(&world.objects, &world.ledger, &Conditions::default())).unwrap();
        let seen: Vec<_> = listed
            .0
            .iter()
            .map(|of| (of.reason.as_str(), of.contract.as_deref(), of.path.as_deref(), of.count))
            .collect();
        let expected = [("column_missing", Some("orders"), Some("/amount"), 2), ("not_utf8", None, None, 1)];
        assert_eq!((seen.as_slice(), listed.1), (expected.as_slice(), 3));
        assert!(listed.0[0].first_arrival < listed.0[0].last_arrival);
    }

    #[test]
    fn rows_are_listed_newest_first_and_counted_beyond_the_limit() {
        let world = World::with(&[broken(1), broken(2), damaged(3)]);
        let listed = |texts: &[&str], limit| {
            let conditions = conditions(texts);
            let (lines, all) = world.run(lines(&world.objects, &world.ledger, &conditions, limit)).unwrap();
            (lines.into_iter().map(|line| line.parts.sequence).collect::<Vec<_>>(), all)
        };
        assert_eq!(listed(&[], 2), (vec!["3".to_owned(), "2".to_owned()], 3));
        assert_eq!(listed(&["reason=column_missing"], 9), (vec!["2".to_owned(), "1".to_owned()], 2));
        assert_eq!(listed(&["contract="], 9), (vec!["3".to_owned()], 1));
        assert_eq!(listed(&["stream=others"], 9), (vec![], 0));
    }
}
