//! The page.

use std::fmt::Display;

use super::charts::{BLUE, Line, ORANGE, RED, over_time};
use super::cost::Item;
use super::{ReportError, summary};
use crate::run_file::{Run, Second};
use crate::verify::proof::Proof;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222}\
 table{border-collapse:collapse;margin:.5rem 0 1.5rem}td,th{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top;\
 border-bottom:1px solid #ddd}td.n,th.n{text-align:right}svg{max-width:100%;height:auto}.no{color:#b00}.yes{color:#070}\
 .bar{background:#1f77b4;height:.7rem}";

/// The whole page.
pub fn page(run: &Run, proof: Option<&Proof>, cost: &[Item]) -> Result<String, ReportError> {
    let mut page = Page::default();
    page.push("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/><title>Load of ");
    page.text(&run.stream);
    page.push(&format!("</title><style>{STYLE}</style></head><body>\n"));
    page.heading(1, format!("Load of the stream {}", run.stream));
    page.paragraph(summary(run));
    if let Some(proof) = proof {
        verdict(&mut page, proof);
    }
    charts(&mut page, run)?;
    shards(&mut page, run);
    events(&mut page, run);
    if let Some(proof) = proof {
        lake(&mut page, run, proof)?;
    }
    costs(&mut page, cost, proof.is_some());
    plan(&mut page, run);
    page.push("</body></html>\n");
    Ok(page.0)
}

/// HTML in the making.
#[derive(Default)]
struct Page(String);

impl Page {
    fn push(&mut self, html: &str) {
        self.0.push_str(html);
    }

    fn text(&mut self, text: impl Display) {
        self.0.push_str(&escaped(&text.to_string()));
    }

    fn heading(&mut self, level: u8, text: impl Display) {
        self.push(&format!("<h{level}>{}</h{level}>\n", escaped(&text.to_string())));
    }

    fn paragraph(&mut self, text: impl Display) {
        self.push(&format!("<p>{}</p>\n", escaped(&text.to_string())));
    }

    /// A table. Columns but the first hold numbers, where `numbers` says so.
    fn table(&mut self, head: &[&str], rows: &[Vec<String>], numbers: bool) {
        let class = |at: usize| if numbers && at > 0 { " class=\"n\"" } else { "" };
        self.push("<table><tr>");
        for (at, name) in head.iter().enumerate() {
            self.push(&format!("<th{}>{}</th>", class(at), escaped(name)));
        }
        self.push("</tr>\n");
        for row in rows {
            self.push("<tr>");
            for (at, cell) in row.iter().enumerate() {
                self.push(&format!("<td{}>{}</td>", class(at), escaped(cell)));
            }
            self.push("</tr>\n");
        }
        self.push("</table>\n");
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn verdict(page: &mut Page, proof: &Proof) {
    let verdict = &proof.verdict;
    let (class, word) = if verdict.holds() { ("yes", "holds") } else { ("no", "does not hold") };
    page.heading(2, "What the lake holds");
    page.push(&format!(
        "<p class=\"{class}\"><b>The proof {word}.</b> <code>{}</code></p>\n",
        escaped(&verdict.line())
    ));
    let lines: Vec<_> = verdict.findings.lines().into_iter().map(|line| vec![line]).collect();
    if !lines.is_empty() {
        page.table(&["what is wrong"], &lines, false);
    }
}

fn charts(page: &mut Page, run: &Run) -> Result<(), ReportError> {
    let points = |value: fn(&Second) -> f64| {
        run.seconds.iter().map(|second| (second.at as f64 + 0.5, value(second))).collect::<Vec<_>>()
    };
    let line = |name, color, value| Line { name, color, points: points(value) };
    page.heading(2, "Throughput");
    let lines = [
        line("documents", BLUE, |second| second.counts.documents as f64),
        line("records", ORANGE, |second| second.counts.acknowledged as f64),
    ];
    page.push(&over_time("throughput", "a second", &lines, &run.outages)?);
    page.heading(2, "Latency");
    page.paragraph(
        "From when an event was to be sent to its acknowledgement, of what was acknowledged in each second.",
    );
    let lines = [
        line("p50", BLUE, |second| second.latency.p50 as f64 / 1e3),
        line("p99", ORANGE, |second| second.latency.p99 as f64 / 1e3),
        line("max", RED, |second| second.latency.max as f64 / 1e3),
    ];
    page.push(&over_time("latency", "milliseconds", &lines, &run.outages)?);
    page.heading(2, "Sent again");
    let lines = [
        line("resent", BLUE, |second| second.counts.resent as f64),
        line("throttled", ORANGE, |second| second.counts.throttled as f64),
        line("failed", RED, |second| second.counts.failed as f64),
    ];
    page.push(&over_time("what was sent again", "records a second", &lines, &run.outages)?);
    Ok(())
}

fn shards(page: &mut Page, run: &Run) {
    page.heading(2, "Shards");
    let most = run.shards.values().map(|load| load.records).max().unwrap_or_default().max(1);
    page.push("<table><tr><th>shard</th><th class=\"n\">records</th><th class=\"n\">MB</th><th></th></tr>\n");
    for (shard, load) in &run.shards {
        let width = load.records * 100 / most;
        page.push(&format!(
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{:.2}</td><td style=\"width:20rem\">\
             <div class=\"bar\" style=\"width:{width}%\"></div></td></tr>\n",
            escaped(shard),
            load.records,
            load.bytes as f64 / 1e6
        ));
    }
    page.push("</table>\n");
}

fn events(page: &mut Page, run: &Run) {
    page.heading(2, "Outages and changes of shards");
    if run.outages.is_empty() && run.reshards.is_empty() {
        page.paragraph("None.");
        return;
    }
    let at = |micros: u64| format!("{:.1} s", micros as f64 / 1e6);
    let mut rows: Vec<_> = run
        .outages
        .iter()
        .map(|outage| {
            let to = outage.to.map_or_else(|| "the end".to_owned(), at);
            (outage.from, vec![at(outage.from), format!("no answer until {to}: {}", outage.problem)])
        })
        .collect();
    rows.extend(run.reshards.iter().map(|reshard| (reshard.at, vec![at(reshard.at), reshard.what.clone()])));
    rows.sort();
    let rows: Vec<_> = rows.into_iter().map(|(_, row)| row).collect();
    page.table(&["after", "what"], &rows, false);
}

fn lake(page: &mut Page, run: &Run, proof: &Proof) -> Result<(), ReportError> {
    let lake = &proof.lake;
    page.heading(2, "The lake");
    page.paragraph(format!(
        "{} commits of ingest wrote {} raw files of {:.2} MB and {} files of quarantine. When the verification began, the \
         pipeline took {:.1} s more to drain.",
        lake.commits,
        lake.raw.0,
        lake.raw.1 as f64 / 1e6,
        lake.quarantine.0,
        proof.waited_ms as f64 / 1e3
    ));
    let rows: Vec<_> = lake
        .tables
        .iter()
        .map(|table| {
            let mean = table.bytes as f64 / 1e6 / table.files.max(1) as f64;
            vec![
                table.table.clone(),
                table.rows.to_string(),
                table.files.to_string(),
                format!("{mean:.2}"),
                table.rollup_files.to_string(),
                table.versions.to_string(),
            ]
        })
        .collect();
    page.table(&["table", "rows", "files", "MB a file", "roll-up files", "versions"], &rows, true);
    for table in &lake.tables {
        let points = |value: fn(&crate::verify::proof::Fresh) -> u64| {
            let at = |at: iguazu_lake::ids::Timestamp| at.since(run.started).as_secs_f64();
            table.freshness.iter().map(|fresh| (at(fresh.at), value(fresh) as f64 / 1e3)).collect::<Vec<_>>()
        };
        page.heading(3, format!("Freshness of {}", table.table));
        page.paragraph("How long before the commit of a version the newest and the oldest of its rows had arrived.");
        let lines = [
            Line { name: "newest", color: BLUE, points: points(|fresh| fresh.newest_ms) },
            Line { name: "oldest", color: ORANGE, points: points(|fresh| fresh.oldest_ms) },
        ];
        page.push(&over_time("freshness", "seconds", &lines, &[])?);
    }
    Ok(())
}

fn costs(page: &mut Page, cost: &[Item], whole: bool) {
    page.heading(2, "What it would cost on AWS");
    page.paragraph(if whole {
        "In us-east-1, from counted requests. Reads and the time of compaction are not in it."
    } else {
        "The stream alone: `loadgen verify` adds what the lake costs."
    });
    let rows: Vec<_> = cost
        .iter()
        .map(|item| {
            let count = if item.count < 100.0 { format!("{:.2}", item.count) } else { format!("{:.0}", item.count) };
            vec![item.what.to_owned(), count, format!("{:.6}", item.dollars), item.basis.to_owned()]
        })
        .collect();
    page.table(&["what", "count", "dollars", "basis"], &rows, false);
    page.paragraph(format!("Together {:.6} dollars.", cost.iter().map(|item| item.dollars).sum::<f64>()));
}

fn plan(page: &mut Page, run: &Run) {
    page.heading(2, "What was to be sent");
    let plan = &run.plan;
    let rows = [
        ("seed", plan.seed.to_string()),
        ("events", plan.events.to_string()),
        ("events a second", plan.rate.to_string()),
        ("sent again as they are", plan.again.to_string()),
        ("sent again with other values", plan.revised.to_string()),
        ("late, by up to hours", format!("{}, {}", plan.late, plan.late_hours)),
        ("out of order", plan.disordered.to_string()),
        ("malformed", plan.malformed.to_string()),
        ("KPL, gzip, zstd, lines", format!("{}, {}, {}, {}", plan.kpl, plan.gzip, plan.zstd, plan.lines)),
        ("documents a record, at most", plan.documents_per_record.to_string()),
        ("partition keys, skew in hundredths", format!("{}, {}", plan.keys, plan.skew_percent)),
        ("bytes an event", plan.bytes.to_string()),
        ("begun", run.started.to_string()),
        ("ended", run.ended.to_string()),
    ];
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    page.table(&["option", "value"], &rows, false);
}
