//! `iguazu trace`: one event from its deliveries to the roll-ups that count it.
//!
//! Exit code 1 where nobody has delivered it, or something about it is wrong.

use std::fmt::Write as _;
use std::process::ExitCode;

use iguazu_audit::trace::{Fate, TableTrace, TracedDelivery, TracedGroup};
use iguazu_audit::{Trace, open, trace};
use iguazu_lake::ids::EventId;
use miette::{IntoDiagnostic, WrapErr};
use serde_json::Value;

use super::{Answer, Common, NO, present};

#[derive(clap::Args)]
pub struct Args {
    /// The event: the UUID that its producer gave it, or that the contract makes of its id.
    #[arg(value_name = "UUID")]
    id: EventId,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let (objects, ledger, contracts) = open(&common.folder).into_diagnostic()?;
    let work = trace(&objects, &ledger, &contracts, args.id);
    let trace = super::lake::block_on(work)?.into_diagnostic().wrap_err("the event could not be traced")?;
    if common.json {
        present::say_json(&trace)?;
    } else {
        present::say(&shown(&trace))?;
    }
    let well = !trace.tables.is_empty() && trace.findings.is_empty();
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(NO) })
}

/// What is known of the event, for people. Writing to a string does not fail.
fn shown(trace: &Trace) -> String {
    let mut text = format!("event {}\n", trace.id);
    if trace.tables.is_empty() {
        text.push_str(
            "Nobody has delivered it to a table. It may be on its way (`iguazu status`), or it was refused \
             (`iguazu quarantine`).\n",
        );
    }
    for table in &trace.tables {
        shown_table(table, &mut text);
    }
    if !trace.findings.is_empty() {
        let _ = write!(text, "\n{}", super::verify::findings(&trace.findings));
    }
    text
}

fn shown_table(table: &TableTrace, text: &mut String) {
    let copies = table.deliveries.len();
    let _ = writeln!(text, "\ntable {}: {copies} deliver{}", table.table, if copies == 1 { "y" } else { "ies" });
    for delivery in &table.deliveries {
        shown_delivery(delivery, text);
    }
    match &table.live {
        Some(live) => {
            let _ = writeln!(
                text,
                "\n  in the table\n    file        {}\n    partition   {}\n    bucket      {}\n    version     {} (version {} is read)",
                live.file, live.partition, live.bucket, live.version, live.read_version
            );
        }
        None if table.deliveries.iter().all(|delivery| delivery.fate == Fate::Pending) => {
            text.push_str("\n  in the table: not compacted yet\n");
        }
        None => text.push_str("\n  in the table: NOT FOUND, although its bucket has taken it\n"),
    }
    for group in &table.groups {
        shown_group(group, text);
    }
}

fn shown_delivery(delivery: &TracedDelivery, text: &mut String) {
    let fate = match &delivery.fate {
        Fate::Kept => "kept".to_owned(),
        Fate::Dropped { why } => format!("dropped: {why}"),
        Fate::Pending => "not compacted yet".to_owned(),
    };
    let TracedDelivery { stream, shard, sequence, sub, event_type, event_time, arrival_time, row, file, .. } = delivery;
    let _ = writeln!(
        text,
        "\n  {fate}\n    stream      {stream}\n    shard       {shard}\n    sequence    {sequence}, event {sub} of the record\n    \
         type        {event_type}\n    happened    {event_time}\n    arrived     {arrival_time}\n    committed   row {row} of the shard\n    \
         raw file    {file}"
    );
}

fn shown_group(group: &TracedGroup, text: &mut String) {
    let value = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let _ = writeln!(text, "\n  counted in {}\n    window      {}", group.rollup, group.window_start);
    for (name, of) in &group.by {
        let _ = writeln!(text, "    {name:<11} {}", value(of));
    }
    let _ = writeln!(text, "    count       {}", group.count);
    for (name, of) in &group.measures {
        let _ = writeln!(text, "    {name:<11} {}", value(of));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_that_nobody_delivered_is_said_not_to_have_been() {
        let trace = Trace { id: "67e55044".to_owned(), tables: Vec::new(), findings: Vec::new() };
        assert!(shown(&trace).contains("Nobody has delivered it"));
    }

    #[test]
    fn each_delivery_is_shown_with_its_fate() {
        let delivery = TracedDelivery {
            stream: "orders.1".to_owned(),
            shard: "shardId-000000000000".to_owned(),
            sequence: "7".to_owned(),
            sub: 0,
            event_type: "order".to_owned(),
            event_time: "2026-11-21T00:00:00Z".to_owned(),
            arrival_time: "2026-11-21T00:00:01Z".to_owned(),
            row: 3,
            file: "raw/orders/file".to_owned(),
            fate: Fate::Dropped { why: "it came late".to_owned() },
        };
        let table =
            TableTrace { table: "orders".to_owned(), deliveries: vec![delivery], live: None, groups: Vec::new() };
        let text = shown(&Trace { id: "67e55044".to_owned(), tables: vec![table], findings: Vec::new() });
        assert!(text.contains("1 delivery\n") && text.contains("  dropped: it came late\n"), "{text}");
        assert!(text.contains("row 3 of the shard") && text.contains("NOT FOUND"), "{text}");
    }
}
