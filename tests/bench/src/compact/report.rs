//! The report: tables to read, and one line for scripts at the end.

use crate::incremental::Added;
use crate::raw::{FILE_ROWS, Input, PRESENT};
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

/// The incremental runs, the price, and the line for scripts.
pub fn result(ours: &Took, duckdb: &Took, again: &Added, later: &Added, input: &Input) {
    println!("\n{FILE_ROWS} events more, of which the table of {} files has {PRESENT}:", again.table_files);
    added("as they were", again);
    added("with later times", later);
    let usd = price(ours, input);
    println!(
        "RESULT bench-compact cpu_vs_duckdb={:.2} mem_vs_duckdb={:.2} wall_vs_duckdb={:.2} \
         incremental_read_share={:.4} usd_per_million={usd:.6}",
        ours.cpu_s / duckdb.cpu_s,
        ours.peak_bytes as f64 / duckdb.peak_bytes as f64,
        ours.wall_s / duckdb.wall_s,
        again.share()
    );
}

fn added(what: &str, run: &Added) {
    let Added { table_bytes, took, .. } = run;
    let said = &took.said;
    println!(
        "  {what}: read {:.2} MB of the table's {:.1}, {:.2} % ({:.2} asked, {:.2} whole), and wrote {:.1} MB; {} files \
         were written anew; {} GET, {} PUT, {} ledger requests; {:.2} s of CPU, at most {:.0} MB",
        (said.bytes_asked + said.bytes_reread) as f64 / 1e6,
        *table_bytes as f64 / 1e6,
        run.share() * 100.0,
        said.bytes_asked as f64 / 1e6,
        said.bytes_reread as f64 / 1e6,
        said.bytes as f64 / 1e6,
        said.files_rewritten,
        said.gets,
        said.puts,
        said.ledger,
        took.cpu_s,
        took.peak_bytes as f64 / 1e6,
    );
}

/// What a million events cost to compact once, by the run that was measured.
fn price(ours: &Took, input: &Input) -> f64 {
    let said = &ours.said;
    let millions = said.rows as f64 / 1e6;
    // A function of more memory has more CPUs; work for one takes as long.
    let memory_gb = (ours.peak_bytes as f64 * 1.25 / 1e9).max(CPU_GB);
    let compute = ours.cpu_s * memory_gb * GB_SECOND;
    let requests = said.gets as f64 * GET + said.puts as f64 * PUT;
    // Each request as a write, which is the dearest, and what the rows take that are read besides.
    let read_units = (input.row_bytes as f64 / 4096.0).ceil();
    let ledger = said.ledger as f64 * WRITE_UNIT + read_units * READ_UNIT;
    let total = compute + requests + ledger + INVOCATION;
    println!(
        "\na run of {millions:.1} million events read {:.1} and wrote {:.1} bytes an event, by {} GET, {} PUT and {} ledger \
         requests",
        said.raw_bytes as f64 / said.rows as f64,
        said.bytes as f64 / said.rows as f64,
        said.gets,
        said.puts,
        said.ledger,
    );
    println!(
        "per million: ${:.6} = compute {:.2} s x {memory_gb:.2} GB x ${GB_SECOND} = ${:.6}, S3 {:.1} GET x ${GET:.7} + {:.1} \
         PUT x ${PUT:.6} = ${:.6}, ledger {:.1} x ${WRITE_UNIT:.8} + {:.1} read units x ${READ_UNIT:.9} = ${:.6}, \
         invocation ${:.8}",
        total / millions,
        ours.cpu_s / millions,
        compute / millions,
        said.gets as f64 / millions,
        said.puts as f64 / millions,
        requests / millions,
        said.ledger as f64 / millions,
        read_units / millions,
        ledger / millions,
        INVOCATION / millions
    );
    total / millions
}
