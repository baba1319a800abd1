//! How fast invocations become Parquet on one core: Iguazu's transform, the straightforward Rust way and the usual
//! Python Lambda, on the same input.
//!
//! Rules:
//! - Everything runs in one run on one core, in rounds that take turns, and only ratios within a round are compared.
//! - No side is timed before all sides were shown to write the same rows.
//! - CPU time is measured, not a clock's. Figures are reported, none is written down here. Only the memory of an
//!   invocation has a limit, because a function that needs more than it has fails.
//!
//! Deliberately absent: requests (`bench-commit` counts them) and cold starts.

mod generate;
mod kinds;
mod machine;
mod options;
mod ours;
mod peak;
mod python;
mod random;
mod report;
mod rounds;
mod straightforward;
mod table;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bytes::Bytes;

use crate::generate::Invocation;
use crate::options::{Options, Task};
use crate::ours::Ours;
use crate::python::Python;
use crate::report::Size;
use crate::rounds::Side;
use crate::table::{Layout, SCHEMA};
use crate::verify::Rows;

/// Why there is no result. Nobody decides by it.
type Failure = Box<dyn std::error::Error>;

/// How many invocations there are, each with other events.
const INVOCATIONS: u64 = 4;

fn main() -> ExitCode {
    let done = options::read(std::env::args_os().skip(1)).and_then(|options| match &options.task {
        Task::Bench => bench(&options),
        Task::Peak(invocation) => peak(invocation),
        Task::Profile { times, layout } => profile(*times, *layout),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench-transform: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn bench(options: &Options) -> Result<(), Failure> {
    let core = machine::pin().map_err(|error| format!("cannot keep to one core: {error}"))?;
    let invocations: Vec<_> = (0..INVOCATIONS).map(generate::invocation).collect();
    report::input(core, options.rounds, &invocations);
    let folder = tempfile::tempdir()?;
    let paths = store(folder.path(), &invocations)?;
    let mut python = Python::start(&options.python, &paths)?;
    let mut results = Vec::new();
    for layout in Layout::ALL {
        let sizes = verify(&invocations, &mut python, layout)?;
        let rounds = rounds::run(&invocations, &mut python, layout, options.rounds)?;
        report::layout(layout, &rounds, &sizes);
        results.push(rounds);
    }
    let peak = peak::measure_apart(&paths[0])?;
    let [same, own] = results.try_into().map_err(|_| "one result for each layout")?;
    report::result(&same, &own, peak);
    if peak.bytes > peak::PEAK_BYTES_MAX {
        return Err(format!("{} bytes of memory, the limit is {}", peak.bytes, peak::PEAK_BYTES_MAX).into());
    }
    Ok(())
}

fn store(folder: &Path, invocations: &[Invocation]) -> Result<Vec<PathBuf>, Failure> {
    let write = |(number, invocation): (usize, &Invocation)| {
        let path = folder.join(format!("invocation-{number}.json"));
        std::fs::write(&path, &invocation.json)?;
        Ok(path)
    };
    invocations.iter().enumerate().map(write).collect()
}

/// Shows that all sides write the rows that were sent; what their files take.
fn verify(invocations: &[Invocation], python: &mut Python, layout: Layout) -> Result<[Size; 3], Failure> {
    let ours = Ours::start(layout)?;
    let all: Vec<_> = SCHEMA.fields().iter().map(|field| field.name().as_str()).collect();
    let straightforward: Vec<_> =
        all.iter().copied().filter(|column| !straightforward::WRONG.contains(column)).collect();
    let mut sizes = [Size::default(); 3];
    for (number, invocation) in invocations.iter().enumerate() {
        let mut written = Vec::new();
        for side in Side::ALL {
            let files: Vec<Bytes> = match side {
                Side::Ours => ours.transform(&invocation.json)?,
                Side::Rust => straightforward::transform(&invocation.json, layout)?,
                Side::Python => python.files(number, layout)?,
            };
            sizes[side as usize].add(invocation.truth.rows, &files);
            let problem = |error| format!("{}, layout {}, invocation {number}: {error}", side.name(), layout.name());
            let columns = &all;
            let rows = Rows::read(&files, columns).map_err(problem)?;
            rows.check(&invocation.truth).map_err(problem)?;
            written.push(rows);
        }
        let [ours, rust, python] = written.as_slice() else { return Err("rows of each side".into()) };
        for (side, rows, columns) in
            [(Side::Ours, ours, all.as_slice()), (Side::Rust, rust, straightforward.as_slice())]
        {
            let problem = |error| format!("{}, layout {}, invocation {number}: {error}", side.name(), layout.name());
            rows.compare(python, columns).map_err(problem)?;
        }
    }
    Ok(sizes)
}

/// What this process is for when it is the one whose memory is measured.
fn peak(invocation: &Path) -> Result<(), Failure> {
    println!("{}", serde_json::to_string(&peak::measure(invocation)?)?);
    Ok(())
}

/// Nothing but our transform, for a profiler to look at.
fn profile(times: usize, layout: Layout) -> Result<(), Failure> {
    let ours = Ours::start(layout)?;
    let invocation = generate::invocation(0);
    let (mut bytes, mut took) = (0, std::time::Duration::ZERO);
    for _ in 0..times {
        let (files, one) = machine::timed(|| ours.transform(&invocation.json));
        bytes += files?.iter().map(Bytes::len).sum::<usize>();
        took += one;
    }
    let events = invocation.truth.rows * times;
    println!("{events} events, {bytes} bytes of Parquet, {:.0} events/s", events as f64 / took.as_secs_f64());
    Ok(())
}
