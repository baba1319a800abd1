//! The report: tables to read, and one line for scripts at the end.

use crate::incremental::{Found, NEW_ROWS};
use crate::raw::Input;
use crate::{Checked, Took};

/// Dollars, us-east-1.
const GET: f64 = 0.40e-6;
const PUT: f64 = 5.0e-6;
const WRITE_UNIT: f64 = 0.625e-6;
const READ_UNIT: f64 = 0.125e-6;
const GB_SECOND: f64 = 0.000_013_333_4;
const INVOCATION: f64 = 0.20e-6;
/// Memory of which Lambda gives one CPU.
const CPU_GB: f64 = 1.769;
/// What a raw file holds of an event's bytes is ingest's; what the ledger takes of a run: the tail and the rows of its
/// chains are read, the version is written, with a state object and one for the partition beside it.
const LEDGER_READS: f64 = 8.0;
const LEDGER_WRITES: f64 = 2.0;
const STATE_PUTS: f64 = 3.0;

/// What is measured.
pub fn input(input: &Input) {
    println!(
        "{} raw files of {} events each, {:.0} bytes an event",
        input.files,
        input.rows / input.files,
        input.bytes as f64 / input.rows as f64
    );
}

/// Both sides.
pub fn sides(ours: &Took, duckdb: &Took, checked: &Checked) {
    println!("both wrote {} rows of {} events, and {} groups of sums", checked.rows, checked.distinct, checked.groups);
    println!(
        "\n{:<10} {:>9} {:>9} {:>10} {:>12} {:>14}",
        "", "wall s", "CPU s", "peak MB", "output MB", "µs CPU/event"
    );
    for (name, took) in [("iguazu", ours), ("DuckDB", duckdb)] {
        println!(
            "{name:<10} {:>9.2} {:>9.2} {:>10.0} {:>12.1} {:>14.2}",
            took.wall_s,
            took.cpu_s,
            took.peak_bytes as f64 / 1e6,
            took.said.bytes as f64 / 1e6,
            took.cpu_s * 1e6 / checked.rows as f64
        );
    }
}

/// The incremental run, the price, and the line for scripts.
pub fn result(ours: &Took, duckdb: &Took, found: &Found, input: &Input) {
    let share = found.read_bytes as f64 / found.table_bytes as f64;
    println!(
        "\n{NEW_ROWS} new events against {} live files of {:.1} MB: {} found, {:.2} MB read in {} requests, {:.2} % of \
         the table, {:.0} ms of CPU",
        found.files,
        found.table_bytes as f64 / 1e6,
        found.held,
        found.read_bytes as f64 / 1e6,
        found.requests,
        share * 100.0,
        found.seconds * 1e3
    );
    let usd = price(ours, input);
    println!(
        "RESULT bench-compact cpu_vs_duckdb={:.2} mem_vs_duckdb={:.2} wall_vs_duckdb={:.2} \
         incremental_read_share={share:.4} usd_per_million={usd:.6}",
        ours.cpu_s / duckdb.cpu_s,
        ours.peak_bytes as f64 / duckdb.peak_bytes as f64,
        ours.wall_s / duckdb.wall_s
    );
}

/// What a million events cost to compact once, by the run that was measured.
fn price(ours: &Took, input: &Input) -> f64 {
    let millions = input.rows as f64 / 1e6;
    let outputs = (ours.said.bytes as f64 / f64::from(128 << 20)).round().max(1.0);
    let gets = input.files as f64 + STATE_PUTS;
    // Each data file has the file of its roll-up beside it.
    let puts = 2.0 * outputs + STATE_PUTS;
    let memory_gb = (ours.peak_bytes as f64 * 1.25 / 1e9).max(CPU_GB);
    // A function of more memory has more CPUs; work for one takes as long.
    let compute = ours.cpu_s * memory_gb * GB_SECOND;
    let requests = gets * GET + puts * PUT;
    let ledger = LEDGER_READS * READ_UNIT + LEDGER_WRITES * WRITE_UNIT;
    let total = compute + requests + ledger + INVOCATION;
    println!(
        "\nread {:.0} and written {:.0} bytes an event; {gets:.0} GET, {puts:.0} PUT, {:.0} ledger requests a run of {:.1} \
         million events\nper million: compute {:.1} s × {memory_gb:.2} GB × ${GB_SECOND} = ${:.5}; S3 ${:.5}; ledger and \
         invocation ${:.6}",
        input.bytes as f64 / input.rows as f64,
        ours.said.bytes as f64 / input.rows as f64,
        LEDGER_READS + LEDGER_WRITES,
        millions,
        ours.cpu_s / millions,
        compute / millions,
        requests / millions,
        (ledger + INVOCATION) / millions
    );
    total / millions
}
