//! The report: tables to read, and one line for scripts at the end.

use bytes::Bytes;

use crate::generate::Invocation;
use crate::peak::Peak;
use crate::rounds::{Round, Side, advantage, speed};
use crate::table::Layout;

/// What the files of a side take, over all invocations.
#[derive(Clone, Copy, Debug, Default)]
pub struct Size {
    rows: usize,
    files: usize,
    bytes: usize,
    invocations: usize,
}

impl Size {
    /// Adds an invocation.
    pub fn add(&mut self, rows: usize, files: &[Bytes]) {
        self.rows += rows;
        self.files += files.len();
        self.bytes += files.iter().map(Bytes::len).sum::<usize>();
        self.invocations += 1;
    }
}

/// What is measured.
pub fn input(core: usize, rounds: usize, invocations: &[Invocation]) {
    let rows: usize = invocations.iter().map(|invocation| invocation.truth.rows).sum();
    let events: usize = invocations.iter().map(|invocation| invocation.truth.event_bytes).sum();
    let bytes: usize = invocations.iter().map(|invocation| invocation.json.len()).sum();
    let count = invocations.len();
    println!(
        "{count} invocations of {} events on average, {} bytes of JSON each and {} in its record; core {core}, \
         {rounds} rounds",
        rows / count,
        events / rows,
        bytes / rows
    );
}

/// What a layout gave.
pub fn layout(layout: Layout, rounds: &[Round], sizes: &[Size; 3]) {
    let what = match layout {
        Layout::Same => "same layout: one file an invocation",
        Layout::Own => "own layout: iguazu a file per date, the others a file per event type and date",
    };
    println!(
        "\n{what}\n{:<26} {:>10} {:>10} {:>10} {:>13} {:>9} {:>12}",
        "", "events/s", "slowest", "fastest", "ms/invocation", "files", "bytes/event"
    );
    for side in Side::ALL {
        let (speed, size) = (speed(rounds, side), sizes[side as usize]);
        let rows = size.rows as f64;
        println!(
            "{:<26} {:>10.0} {:>10.0} {:>10.0} {:>13.1} {:>9.1} {:>12.1}",
            side.name(),
            speed.median,
            speed.min,
            speed.max,
            1_000.0 * rows / size.invocations as f64 / speed.median,
            size.files as f64 / size.invocations as f64,
            size.bytes as f64 / rows
        );
    }
    for over in [Side::Rust, Side::Python] {
        let ratio = advantage(rounds, over);
        println!("iguazu / {:<36} {:>7.2} ({:.2} to {:.2})", over.name(), ratio.median, ratio.min, ratio.max);
    }
}

/// The memory, and the line for scripts.
pub fn result(same: &[Round], own: &[Round], peak: Peak) {
    let mb = |bytes: u64| bytes as f64 / 1e6;
    println!(
        "\nmemory of a process that transforms one invocation: {:.1} MB at its peak, {:.1} MB with the invocation \
         alone",
        mb(peak.bytes),
        mb(peak.before_bytes)
    );
    println!(
        "RESULT bench-transform events_per_s={:.0} same_vs_rust={:.2} same_vs_python={:.2} own_vs_rust={:.2} \
         own_vs_python={:.2} peak_mb={:.1}",
        speed(own, Side::Ours).median,
        advantage(same, Side::Rust).median,
        advantage(same, Side::Python).median,
        advantage(own, Side::Rust).median,
        advantage(own, Side::Python).median,
        mb(peak.bytes)
    );
}
