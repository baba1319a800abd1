//! `iguazu tap`: events as they arrive, and what becomes of them under the contracts in force.

mod arrivals;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::ChainId;
use iguazu_transform::{Catalog, Payload, Record};
use serde::Serialize;

use super::condition::{Conditions, Field, Found, text, time};
use super::judge::{Outcome, judge};
use super::present::{Reader, say, say_json_line, shown};
use super::{Answer, Common, lake};
use arrivals::{Arrivals, Arrived};

/// What conditions on events may be about.
const FIELDS: [Field; 11] = [
    text("stream"),
    text("shard"),
    text("sequence"),
    text("table"),
    text("contract"),
    text("id"),
    text("type"),
    text("reason"),
    text("path"),
    time("time"),
    time("arrival"),
];

/// Records that are read at once.
const PAGE: usize = 500;
/// How long it waits before it looks again.
const PAUSE: Duration = Duration::from_millis(200);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each document of a record is a line: its shard, sequence number and sub number, then its table, type, id and time, or
why it is refused. It is judged here once more and changes nothing, so it is also shown where ingest is behind. Secrets
are taken from the environment, as by `iguazu up`.

Conditions: FIELD=VALUE and FIELD!=VALUE; for time and arrival also >= and <=. All of them must hold.
Fields: stream, shard, sequence, table (or contract), id, type, reason, path, time, arrival.

Examples:
  iguazu tap
  iguazu tap --refused --where table=orders
  iguazu tap --from start --limit 20 --json")]
pub struct Args {
    /// Where to begin: at what arrives from now on, or at the oldest record that is kept.
    #[arg(long, value_enum, default_value_t = From::Now)]
    from: From,
    /// Stop after so many documents.
    #[arg(long, value_name = "DOCUMENTS")]
    limit: Option<u64>,
    /// Only documents that meet this condition; may be given several times.
    #[arg(long = "where", value_name = "CONDITION")]
    conditions: Vec<String>,
    /// Only documents that are refused.
    #[arg(long, conflicts_with = "accepted")]
    refused: bool,
    /// Only documents that are accepted.
    #[arg(long)]
    accepted: bool,
    /// Go on waiting at the end; from now on, it always does.
    #[arg(long)]
    follow: bool,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum From {
    /// At what arrives from now on.
    Now,
    /// At the oldest record that is kept.
    Start,
}

/// What became of a document, as a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Line {
    stream: String,
    shard: String,
    sequence: String,
    sub: u32,
    arrival: String,
    accepted: bool,
    table: Option<String>,
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    time: Option<String>,
    reason: Option<String>,
    detail: Option<String>,
    path: Option<String>,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let conditions = Conditions::read(&args.conditions, &FIELDS)?;
    let catalog = Arc::new(lake::catalog(&common.folder)?);
    let source = arrivals::open(&common.folder)?;
    let position = if args.from == From::Now { source.end()? } else { 0 };
    let wanted = Wanted {
        conditions,
        only: if args.refused || args.accepted { Some(args.accepted) } else { None },
        left: args.limit.unwrap_or(u64::MAX),
    };
    let json = common.json;
    let tell = move |line: &Line| if json { say_json_line(line) } else { say(&as_text(line)) };
    let follow = args.follow || args.from == From::Now;
    lake::block_on(tap(&source, &catalog, position, wanted, follow, SystemHost, tell))??;
    Ok(ExitCode::SUCCESS)
}

/// Which documents are told, and how many more.
struct Wanted {
    conditions: Conditions,
    only: Option<bool>,
    left: u64,
}

/// Tells what becomes of the documents behind a position, until enough were told, nobody listens, or, unless it is to
/// follow, nothing more is there.
async fn tap<A: Arrivals, H: Host>(
    source: &A,
    catalog: &Catalog,
    mut position: u64,
    mut wanted: Wanted,
    follow: bool,
    host: H,
    mut tell: impl FnMut(&Line) -> miette::Result<Reader>,
) -> miette::Result<()> {
    while wanted.left > 0 {
        let page = source.after(position, PAGE)?;
        if page.is_empty() {
            if !follow {
                return Ok(());
            }
            host.sleep(PAUSE).await;
        }
        for arrived in page {
            position = arrived.position;
            for line in lines(catalog, &arrived, &wanted)? {
                if tell(&line)? == Reader::Left {
                    return Ok(());
                }
                wanted.left -= 1;
                if wanted.left == 0 {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// What became of the documents of a record, those that nobody asked for left out.
fn lines(catalog: &Catalog, arrived: &Arrived, wanted: &Wanted) -> miette::Result<Vec<Line>> {
    let chain = ChainId::Shard { stream: arrived.stream.clone(), shard: arrived.shard.clone() };
    let payload = Payload::Data(arrived.data.clone());
    let record = Record { sequence: arrived.sequence, arrival: arrived.arrival, payload };
    let mut lines = Vec::new();
    for outcome in judge(catalog, &chain, &record)? {
        let told = wanted.only.is_none_or(|accepted| accepted == matches!(outcome, Outcome::Accepted(_)));
        let line = line(arrived, &outcome);
        if told && wanted.conditions.hold(|field| found(&line, arrived, &outcome, field)) {
            lines.push(line);
        }
    }
    Ok(lines)
}

fn line(arrived: &Arrived, outcome: &Outcome) -> Line {
    let line = Line {
        stream: arrived.stream.name.to_string(),
        shard: arrived.shard.to_string(),
        sequence: arrived.sequence.to_string(),
        sub: outcome.sub(),
        arrival: arrived.arrival.to_string(),
        accepted: false,
        table: None,
        id: None,
        kind: None,
        time: None,
        reason: None,
        detail: None,
        path: None,
    };
    match outcome {
        Outcome::Accepted(event) => Line {
            accepted: true,
            table: Some(event.table.clone()),
            id: Some(event.id.clone()),
            kind: Some(event.kind.clone()),
            time: Some(event.time.to_string()),
            ..line
        },
        Outcome::Refused(row) => Line {
            table: row.contract.clone(),
            reason: Some(row.reason.clone()),
            detail: Some(row.detail.clone()),
            path: row.path.clone(),
            ..line
        },
    }
}

/// What a line has in a field of [`FIELDS`].
fn found<'a>(line: &'a Line, arrived: &Arrived, outcome: &Outcome, field: &str) -> Found<'a> {
    let text = |text: &'a Option<String>| Found::Text(text.as_deref().unwrap_or_default());
    match (field, outcome) {
        ("stream", _) => Found::Text(&line.stream),
        ("shard", _) => Found::Text(&line.shard),
        ("sequence", _) => Found::Text(&line.sequence),
        ("table" | "contract", _) => text(&line.table),
        ("id", _) => text(&line.id),
        ("type", _) => text(&line.kind),
        ("reason", _) => text(&line.reason),
        ("path", _) => text(&line.path),
        ("time", Outcome::Accepted(event)) => Found::Time(Some(event.time)),
        ("time", Outcome::Refused(_)) => Found::Time(None),
        _ => Found::Time(Some(arrived.arrival)),
    }
}

fn as_text(line: &Line) -> String {
    let place = format!("{} {} {}/{}", line.arrival, line.shard, line.sequence, line.sub);
    let text = |text: &Option<String>| shown(text.as_deref().unwrap_or("-")).into_owned();
    if line.accepted {
        let (table, kind, id, time) = (text(&line.table), text(&line.kind), text(&line.id), text(&line.time));
        return format!("{place} accepted {table} {kind} {id} {time}\n");
    }
    let (reason, table, path) = (text(&line.reason), text(&line.table), text(&line.path));
    format!("{place} REFUSED {reason} {table} {path}: {}\n", text(&line.detail))
}

#[cfg(test)]
mod tests;
