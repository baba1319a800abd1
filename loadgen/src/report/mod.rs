//! `report.json` and `report.html`: how a run went, and what the lake came to.
//!
//! The page needs nothing but itself: its charts are SVG within it.

mod charts;
pub mod cost;
mod page;

use serde::Serialize;

use crate::run_file::{Ending, Run, RunFileError, RunFolder};
use crate::verify::proof::Proof;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// It cannot be written.
    #[error(transparent)]
    File(#[from] RunFileError),
    /// A chart cannot be drawn.
    #[error("the chart of {chart} cannot be drawn: {problem}; this is a fault of the program")]
    Chart {
        /// Which.
        chart: &'static str,
        /// Why.
        problem: String,
    },
}

#[derive(Serialize)]
struct Report<'r> {
    run: &'r Run,
    verify: Option<&'r Proof>,
    cost: Vec<cost::Item>,
}

/// Writes both files to the folder of the run.
///
/// # Errors
/// Where they cannot be written.
pub fn write(folder: &RunFolder, run: &Run, verify: Option<&Proof>) -> Result<(), ReportError> {
    let report = Report { run, verify, cost: cost::estimate(run, verify) };
    folder.write_json("report.json", &report)?;
    folder.write_text("report.html", &page::page(run, verify, &report.cost)?)?;
    Ok(())
}

/// A run in one line.
#[must_use]
pub fn summary(run: &Run) -> String {
    let counts = &run.counts;
    let ending = match run.ending {
        Ending::Complete => "all of it was sent",
        Ending::Interrupted => "it was interrupted",
        Ending::Refused => "it was refused",
        Ending::GaveUp => "it gave up, because nothing was taken any more",
    };
    let seconds = run.ended.since(run.started).as_secs_f64();
    format!(
        "{} documents in {} records were acknowledged in {seconds:.1} s ({ending}); {} records were sent again, {} \
         throttled, {} requests unanswered; p50 {:.1} ms, p99 {:.1} ms, max {:.1} ms",
        counts.documents,
        counts.acknowledged,
        counts.resent,
        counts.throttled,
        counts.unanswered,
        run.latency.p50 as f64 / 1e3,
        run.latency.p99 as f64 / 1e3,
        run.latency.max as f64 / 1e3,
    )
}
