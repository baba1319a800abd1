//! The report: a bill for each size with its arithmetic, what lies beside it, what one of each carries, and one line for
//! scripts at the end.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::bill::{self, Basis, Line, total};
use super::prices::List;
use super::scale::{Options, Reckoned};
use super::world::Observed;
use crate::Failure;

/// Ages of a table that are looked at, in days.
const AGES: [f64; 4] = [1.0, 30.0, 90.0, 365.0];
/// Events of a terabyte are so many millions, for events of so many bytes.
fn millions_of_a_terabyte(event_bytes: f64) -> f64 {
    1e12 / event_bytes / 1e6
}

/// Prints everything.
///
/// # Errors
/// Where a size is missing.
pub fn print(results: &[Reckoned], list: &List, options: &Options, as_json: bool) -> Result<(), Failure> {
    let [low, one, half, high] = results else { return Err("a size is missing".into()) };
    if as_json {
        println!("{}", serde_json::to_string_pretty(&document(results, list, options))?);
    } else {
        foreword(one, list, options);
        for reckoned in [low, one, high] {
            bill_of(reckoned);
        }
        beside(&[low, one, high]);
        scaling(half, high);
        ages(&[low, one, high], list);
        capacity(one, list);
        assumptions(list);
    }
    result(low, one, high);
    Ok(())
}

fn profile() -> &'static str {
    if cfg!(debug_assertions) { "development: CPU time is too high" } else { "optimised" }
}

fn foreword(one: &Reckoned, list: &List, options: &Options) {
    let known: BTreeSet<_> = list.prices.all().into_iter().map(|(_, price)| price.known.as_str()).collect();
    println!("{} Known as of: {}.", list.about, known.into_iter().collect::<Vec<_>>().join(", "));
    println!(
        "Events of {:.0} bytes of JSON (a full shard is 1,000 of them a second, {:.2} MB/s: the records are its limit),\n\
         3 in 100 from one of the two days before, 1 in 100 a copy, ids at random. A batch is gathered for {} s at most,\n\
         compaction is dispatched every {} minutes. Build: {}. Bases: counted and measured by this program,\n\
         projected to a table of {} days, or assumed (below).",
        one.volume.event_bytes,
        one.volume.event_bytes * 1_000.0 / 1e6,
        options.window_s,
        options.schedule_s / 60,
        profile(),
        options.age_days
    );
}

/// A figure with as many digits as it takes to see it.
fn figure(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size >= 1_000.0 => format!("{value:.0}"),
        size if size >= 10.0 => format!("{value:.1}"),
        size if size >= 0.01 => format!("{value:.3}"),
        _ => format!("{value:.6}"),
    }
}

const fn basis(basis: Basis) -> &'static str {
    match basis {
        Basis::Counted => "counted",
        Basis::Measured => "measured",
        Basis::Projected => "projected",
        Basis::Assumed => "assumed",
    }
}

fn lines(lines: &[Line]) {
    for Line { what, basis: of, quantity, price, usd, unit } in lines {
        let price = format!("{price:.10}");
        let price = price.trim_end_matches('0').trim_end_matches('.');
        println!("  {what:<36} {:<10} {:>12} x {price:<12} = {usd:>10.6}  {unit}", basis(*of), figure(*quantity));
    }
}

fn bill_of(reckoned: &Reckoned) {
    let sum = total(&reckoned.pipeline);
    println!("\n{}, dollars for a million events", reckoned.scale.says());
    lines(&reckoned.pipeline);
    println!(
        "  {:<36} {:>40} {sum:>10.6}  ({:.2} for a TB of events)",
        "the pipeline, without the stream",
        "",
        sum * millions_of_a_terabyte(reckoned.volume.event_bytes)
    );
    for stream in &reckoned.streams {
        lines(stream);
    }
    lines(&reckoned.kept);
}

fn beside(results: &[&Reckoned]) {
    println!("\nBeside others, dollars for a million events");
    print!("{:<58}", "");
    results.iter().for_each(|reckoned| print!(" {:>24}", reckoned.scale.name));
    println!();
    type Sum<'a> = (&'a str, fn(&Reckoned) -> f64);
    let rows: [Sum<'_>; 9] = [
        ("the pipeline, without the stream", |of| total(&of.pipeline)),
        ("Firehose to Parquet by date, an event a record", |of| total(&of.firehose[0])),
        ("Firehose, records filled to 5 KB by the producers", |of| total(&of.firehose[1])),
        ("a conditional write to DynamoDB for each event", |of| total(&of.dynamodb)),
        ("the stream, provisioned, with 7 days of retention", |of| total(&of.streams[0])),
        ("the stream, on demand, with 7 days of retention", |of| total(&of.streams[1])),
        ("the pipeline and a provisioned stream", |of| total(&of.pipeline) + total(&of.streams[0])),
        ("Firehose (an event a record) and a provisioned stream", |of| total(&of.firehose[0]) + total(&of.streams[0])),
        ("dollars a month: the pipeline and a provisioned stream", |of| {
            (total(&of.pipeline) + total(&of.streams[0])) * of.volume.rate * bill::MONTH_S / 1e6
        }),
    ];
    for (what, sum) in rows {
        print!("{what:<58}");
        results.iter().for_each(|reckoned| print!(" {:>24.4}", sum(reckoned)));
        println!();
    }
    println!("Firehose drops no copies and adds up nothing; a write to DynamoDB for each event is only the write.");
    println!("\nFirehose at a full shard, dollars for a million events");
    if let Some(one) = results.get(1) {
        lines(&one.firehose[0]);
    }
}

/// Requests of a million events, by their names.
fn requests(seen: &Observed) -> [(&'static str, f64); 7] {
    let million = 1e6 / seen.events as f64;
    let works = [seen.dispatch, seen.compact, seen.others];
    let of = |count: fn(&iguazu_sim::counted::Counts) -> u64| -> f64 {
        works.iter().map(|work| count(&work.counts)).sum::<u64>() as f64 * million
    };
    [
        ("ingest: PUTs", seen.ingest.counts.puts as f64 * million),
        ("ingest: write units", seen.ingest.counts.write_units as f64 * million),
        ("compaction: PUTs", of(|counts| counts.puts)),
        ("compaction: GETs", of(|counts| counts.gets)),
        ("compaction: MB read", of(|counts| counts.bytes_got) / 1e6),
        ("compaction: write units", of(|counts| counts.write_units)),
        ("compaction: read units", of(|counts| counts.read_units)),
    ]
}

/// What grows with the buckets, from two sizes.
fn scaling(half: &Reckoned, high: &Reckoned) {
    let buckets = [half, high].map(|of| f64::from(of.scale.plan.buckets));
    println!(
        "\n1,000 shards are {} times what was simulated: {} shards and as many buckets. For a million events:",
        high.scale.times, high.scale.plan.shards
    );
    println!("  {:<28} {:>14} {:>14} {:>22}", "", "4 and 4", "8 and 8", "each bucket more adds");
    for ((what, half), (_, high)) in requests(&half.seen).into_iter().zip(requests(&high.seen)) {
        let more = (high - half) / (buckets[1] - buckets[0]);
        println!("  {what:<28} {:>14} {:>14} {:>22}", figure(half), figure(high), figure(more));
    }
    let sums = [half, high].map(|of| total(&of.pipeline));
    let more = (sums[1] - sums[0]) / (buckets[1] - buckets[0]);
    println!("  {:<28} {:>14.6} {:>14.6} {:>22.6}", "dollars", sums[0], sums[1], more);
    println!("Every bucket reads every raw file, so what a bucket reads grows with the shards of its table.");
}

fn ages(results: &[&Reckoned], list: &List) {
    println!(
        "\nFinding copies, by the age of a table whose ids are random: dollars for a million events, and how long a"
    );
    println!("bucket is busy between two dispatches, all included. Ids that begin with a clock leave old files out.");
    for reckoned in results {
        let plan = &reckoned.scale.plan;
        let (seen, asked) = (&reckoned.seen, &reckoned.asked);
        print!("  {:<24}", reckoned.scale.name);
        for age in AGES {
            let usd = total(&bill::finding(plan, seen, asked, age, list));
            let busy = bill::bucket_seconds(plan, seen, asked, age, list);
            print!("  {age:>4.0} days {usd:>9.6} {busy:>6.1} s");
        }
        println!("  of {} s", plan.schedule_s);
    }
}

/// What one of each carries at a full shard.
struct Capacity {
    invocation_s: f64,
    batch_events: f64,
    batch_s: f64,
    ingest_cpu_us: f64,
    compact_cpu_us: f64,
    raw_bytes: f64,
    days_fit: f64,
    shards_of_a_table: f64,
}

fn capacity_of(one: &Reckoned, list: &List) -> Capacity {
    let (seen, plan) = (&one.seen, &one.scale.plan);
    let (invocation_s, _) = bill::seconds_each(seen, &list.assumed);
    let batch_events = seen.events as f64 / seen.ingest.invocations;
    let raw_bytes = seen.raw_bytes as f64 / seen.events as f64;
    let busy = |age| bill::bucket_seconds(plan, seen, &one.asked, age, list);
    let (now, each) = (busy(1.0), (busy(101.0) - busy(1.0)) / 100.0);
    Capacity {
        invocation_s,
        batch_events,
        batch_s: batch_events / plan.rate,
        ingest_cpu_us: seen.ingest.cpu_s / seen.events as f64 * 1e6,
        compact_cpu_us: seen.compact.cpu_s / seen.events as f64 * 1e6,
        raw_bytes,
        days_fit: 1.0 + (plan.schedule_s as f64 - now) / each,
        shards_of_a_table: list.assumed.mb_per_second.value * 1e6 / raw_bytes / plan.rate,
    }
}

fn capacity(one: &Reckoned, list: &List) {
    let of = capacity_of(one, list);
    println!("\nWhat one of each carries, at a full shard");
    println!(
        "  ingest: {:.0} events an invocation, every {:.2} s; it takes {:.2} s, so its container is busy for {:.0}%",
        of.batch_events,
        of.batch_s,
        of.invocation_s,
        of.invocation_s / of.batch_s * 100.0
    );
    println!("  CPU time of an event: {:.2} us in ingest, {:.2} us in compaction", of.ingest_cpu_us, of.compact_cpu_us);
    println!(
        "  an event is {:.0} bytes as JSON, {:.0} in raw, {:.0} in the table",
        one.volume.event_bytes, of.raw_bytes, one.seen.table_bytes_per_event
    );
    println!("  a bucket keeps up with a full shard until its table is {:.0} days old, if ids are random", of.days_fit);
    println!(
        "  a table takes no more than {:.0} full shards, however many buckets it has: each of them reads all raw files",
        of.shards_of_a_table
    );
}

fn assumptions(list: &List) {
    println!("\nAssumed");
    for (name, assumption) in list.assumed.all() {
        println!("  {name:<22} {:>8}  {}", assumption.value, assumption.why);
    }
}

fn document(results: &[Reckoned], list: &List, options: &Options) -> Value {
    let of = |reckoned: &Reckoned| {
        let requests: Vec<_> = requests(&reckoned.seen).into();
        json!({
            "scale": reckoned.scale,
            "simulated": {
                "seconds": reckoned.seen.seconds,
                "events": reckoned.seen.events,
                "event_bytes": reckoned.volume.event_bytes,
                "raw_bytes_per_event": reckoned.volume.delivered_bytes,
                "table_bytes_per_event": reckoned.seen.table_bytes_per_event,
                "metrics": reckoned.seen.metrics,
                "versions": reckoned.seen.versions,
            },
            "requests_per_million": requests.into_iter().map(|(name, count)| (name.to_owned(), json!(count)))
                .collect::<serde_json::Map<_, _>>(),
            "asked": reckoned.asked,
            "pipeline": reckoned.pipeline,
            "stream_provisioned": reckoned.streams[0],
            "stream_on_demand": reckoned.streams[1],
            "firehose": reckoned.firehose[0],
            "firehose_filled": reckoned.firehose[1],
            "dynamodb_per_event": reckoned.dynamodb,
            "kept": reckoned.kept,
        })
    };
    json!({
        "build": profile(),
        "options": options,
        "results": results.iter().map(of).collect::<Vec<_>>(),
        "prices": list,
    })
}

fn result(low: &Reckoned, one: &Reckoned, high: &Reckoned) {
    print!("RESULT cost");
    for of in [one, low, high] {
        let suffix = of.scale.suffix;
        let stream = total(&of.streams[0]);
        print!(
            " usd_per_million{suffix}={:.6} firehose_usd_per_million{suffix}={:.6} \
             usd_per_million_with_stream{suffix}={:.6} usd_per_tb{suffix}={:.3}",
            total(&of.pipeline),
            total(&of.firehose[0]),
            total(&of.pipeline) + stream,
            total(&of.pipeline) * millions_of_a_terabyte(of.volume.event_bytes)
        );
    }
    println!(
        " ddb_per_event_usd_per_million={:.6} build={}",
        total(&one.dynamodb),
        if cfg!(debug_assertions) { "development" } else { "optimised" }
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_show_their_size_and_no_more() {
        assert_eq!(
            ["12346", "12.3", "0.012", "0.000012", "0"],
            [12_345.6, 12.34, 0.012_3, 0.000_012_3, 0.0].map(figure).map(|text| text.leak() as &str)
        );
    }

    #[test]
    fn a_terabyte_is_a_thousand_million_events_of_a_kilobyte() {
        assert_eq!(millions_of_a_terabyte(1_000.0), 1_000.0);
    }
}
