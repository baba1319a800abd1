//! What was seen, as a bill for a million events. Pure.
//!
//! Each line says where its quantity comes from: requests that were counted, CPU time that was measured, or an
//! assumption. What costs the same whatever comes is spread over the events of a month at the rate that was simulated.

use serde::Serialize;

use super::ask::Asked;
use super::prices::{Assumed, List, Price};
use super::world::{Observed, Plan, Work};

/// Seconds of a month, as AWS reckons it: 730 hours.
pub const MONTH_S: f64 = 730.0 * 3_600.0;
/// Memory of which Lambda gives one CPU.
const CPU_MB: f64 = 1_769.0;
const DAY_S: f64 = 86_400.0;
/// How large compaction makes files.
const TARGET_BYTES: f64 = 134_217_728.0;
/// Between two housekeepings.
const HOUSEKEEPING_S: f64 = 6.0 * 3_600.0;
/// Functions that a housekeeping invokes, itself included: a sweep, and what shrinks rows.
const HOUSEKEEPING_INVOCATIONS: f64 = 3.0;
/// What GB means in prices.
pub const GB: f64 = 1_073_741_824.0;

/// Where a quantity comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Basis {
    /// Requests, bytes or names that this program counted.
    Counted,
    /// CPU time that it measured.
    Measured,
    /// Reckoned from counts and measurements, for a larger table than was simulated.
    Projected,
    /// An assumption.
    Assumed,
}

/// A line of a bill, for a million events.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// What is paid for.
    pub what: &'static str,
    /// Where the quantity comes from.
    pub basis: Basis,
    /// How many.
    pub quantity: f64,
    /// Of what.
    pub unit: String,
    /// What one costs.
    pub price: f64,
    /// In dollars.
    pub usd: f64,
}

/// A line.
pub fn line(what: &'static str, basis: Basis, quantity: f64, price: &Price) -> Line {
    Line { what, basis, quantity, unit: price.unit.clone(), price: price.usd / price.per, usd: price.of(quantity) }
}

/// The sum of a bill.
pub fn total(lines: &[Line]) -> f64 {
    lines.iter().map(|line| line.usd).sum()
}

/// How long something waits for S3 and DynamoDB, and the CPU time of its requests, both assumed, in seconds.
fn assumed_seconds(assumed: &Assumed, work: &Work, overlap: f64) -> f64 {
    let counts = &work.counts;
    let requests = counts.gets + counts.puts + counts.lists + counts.deletes + counts.reads + counts.row_writes;
    let waits = counts.gets as f64 * assumed.get_ms.value
        + (counts.puts + counts.lists + counts.deletes) as f64 * assumed.put_ms.value
        + (counts.reads + counts.row_writes) as f64 * assumed.ledger_ms.value;
    let moved = (counts.bytes_got + counts.bytes_put) as f64 / (assumed.mb_per_second.value * 1e6);
    waits / 1e3 / overlap + moved + requests as f64 * assumed.cpu_ms_per_request.value / 1e3
}

/// GB-seconds of so many seconds of CPU time, in a function of so much memory. With less memory than a CPU's there is
/// less of the CPU; with more of it, one thread is no quicker.
pub fn gb_seconds(memory_mb: f64, cpu_s: f64) -> f64 {
    memory_mb / 1_024.0 * cpu_s * (CPU_MB / memory_mb).max(1.0)
}

/// A function, its memory, and how many of its requests wait at once.
struct Function<'a> {
    work: &'a Work,
    memory_mb: f64,
    overlap: f64,
    share: f64,
}

impl Function<'_> {
    fn measured(&self) -> f64 {
        gb_seconds(self.memory_mb, self.work.cpu_s) * self.share
    }

    fn assumed(&self, assumed: &Assumed) -> f64 {
        self.memory_mb / 1_024.0 * assumed_seconds(assumed, self.work, self.overlap) * self.share
    }
}

/// The functions, ingest first.
fn functions<'a>(seen: &'a Observed, assumed: &Assumed) -> [Function<'a>; 5] {
    let worker_mb = assumed.worker_memory_mb.value;
    // The files of a commit are put side by side.
    let ingest_overlap = (seen.ingest.counts.puts as f64 / seen.ingest.invocations).max(1.0);
    let function = |work, memory_mb, overlap, share| Function { work, memory_mb, overlap, share };
    [
        function(&seen.ingest, assumed.ingest_memory_mb.value, ingest_overlap, 1.0),
        function(&seen.dispatch, assumed.dispatcher_memory_mb.value, 1.0, 1.0),
        function(&seen.compact, worker_mb, assumed.overlap.value, 1.0),
        function(&seen.others, worker_mb, assumed.overlap.value, 1.0),
        function(&seen.housekeeping, worker_mb, 1.0, seen.housekeeping_share),
    ]
}

/// How long an invocation of ingest takes, and a run of a bucket: CPU time and waiting.
pub fn seconds_each(seen: &Observed, assumed: &Assumed) -> (f64, f64) {
    let [ingest, _, compact, ..] = functions(seen, assumed);
    let each = |function: &Function<'_>| {
        (function.work.cpu_s + assumed_seconds(assumed, function.work, function.overlap)) / function.work.invocations
    };
    (each(&ingest), each(&compact))
}

/// The bill of the pipeline, without the stream and without what is kept. `age_days` says how old the table is.
pub fn pipeline(plan: &Plan, seen: &Observed, asked: &Asked, age_days: f64, list: &List) -> Vec<Line> {
    let (prices, assumed) = (&list.prices, &list.assumed);
    let million = 1e6 / seen.events as f64;
    let [ingest, rest @ ..] = functions(seen, assumed);
    let housekeeping = seen.seconds / HOUSEKEEPING_S * HOUSEKEEPING_INVOCATIONS;
    let compaction = seen.dispatch.invocations + seen.compact.invocations + seen.others.invocations + housekeeping;
    let schedules = seen.dispatch.invocations + seen.seconds / HOUSEKEEPING_S;
    let share = seen.housekeeping_share;
    let of = |count: fn(&Work) -> u64| -> f64 {
        let works = [&seen.dispatch, &seen.compact, &seen.others];
        works.iter().map(|work| count(work)).sum::<u64>() as f64 + count(&seen.housekeeping) as f64 * share
    };
    let puts = of(|work| work.counts.puts + work.counts.lists);
    let gets = of(|work| work.counts.gets);
    let log_bytes = seen.ingest.log_bytes
        + seen.compact.log_bytes
        + seen.others.log_bytes
        + assumed.log_bytes.value * (seen.ingest.invocations + compaction);
    let s3 = (seen.ingest.counts.puts + seen.ingest.counts.gets) as f64 + puts + gets;
    let measured: f64 = rest.iter().map(Function::measured).sum();
    let waiting: f64 = rest.iter().map(|function| function.assumed(assumed)).sum();
    use Basis::{Assumed as Guess, Counted, Measured};
    let mut lines = vec![
        line("Lambda: ingest, invocations", Counted, seen.ingest.invocations * million, &prices.lambda_request),
        line("Lambda: ingest, CPU time", Measured, ingest.measured() * million, &prices.lambda_gb_second),
        line("Lambda: ingest, waiting", Guess, ingest.assumed(assumed) * million, &prices.lambda_gb_second),
        line("Lambda: compaction, invocations", Counted, compaction * million, &prices.lambda_request),
        line("Lambda: compaction, CPU time", Measured, measured * million, &prices.lambda_gb_second),
        line("Lambda: compaction, waiting", Guess, waiting * million, &prices.lambda_gb_second),
        line("S3: files of ingest", Counted, seen.ingest.counts.puts as f64 * million, &prices.s3_put),
        line("S3: what compaction stores and lists", Counted, puts * million, &prices.s3_put),
        line("S3: what compaction reads", Counted, gets * million, &prices.s3_get),
        line(
            "DynamoDB: rows of ingest",
            Counted,
            seen.ingest.counts.write_units as f64 * million,
            &prices.dynamodb_write,
        ),
        line(
            "DynamoDB: versions, stubs",
            Counted,
            of(|work| work.counts.write_units) * million,
            &prices.dynamodb_write,
        ),
        line(
            "DynamoDB: reads",
            Counted,
            (of(|work| work.counts.read_units) + seen.ingest.counts.read_units as f64) * million,
            &prices.dynamodb_read,
        ),
    ];
    lines.extend(finding(plan, seen, asked, age_days, list));
    lines.extend([
        line("EventBridge Scheduler", Counted, schedules * million, &prices.schedule),
        line("KMS: requests", Guess, s3 * assumed.kms_share.value * million, &prices.kms_request),
        line("CloudWatch: logs", Counted, log_bytes / GB * million, &prices.log_gb),
    ]);
    lines.extend(by_the_month(seen, list));
    lines
}

/// What it takes to find copies in a table of some age whose ids are random.
pub fn finding(plan: &Plan, seen: &Observed, asked: &Asked, age_days: f64, list: &List) -> [Line; 3] {
    let (prices, assumed) = (&list.prices, &list.assumed);
    let million = 1e6 / seen.events as f64;
    let (gets, bytes, cpu_s) = a_version(plan, seen, asked, age_days);
    let memory_mb = assumed.worker_memory_mb.value;
    let versions = seen.versions as f64;
    let waiting = memory_mb / 1_024.0 * version_waits(gets, bytes, assumed);
    let cpu = gb_seconds(memory_mb, cpu_s);
    use Basis::Projected;
    [
        line("finding copies: GETs", Projected, gets * versions * million, &prices.s3_get),
        line("finding copies: CPU time", Projected, cpu * versions * million, &prices.lambda_gb_second),
        line("finding copies: reading", Projected, waiting * versions * million, &prices.lambda_gb_second),
    ]
}

/// What a version of a bucket asks of a table of some age: requests, bytes and CPU seconds.
fn a_version(plan: &Plan, seen: &Observed, asked: &Asked, age_days: f64) -> (f64, f64, f64) {
    let buckets = f64::from(plan.buckets);
    let rows = seen.events as f64 / seen.seconds * DAY_S * age_days / buckets;
    let ids = seen.events as f64 / seen.versions as f64;
    asked.table(rows, ids, file_bytes(seen, asked))
}

/// How large the files of a table become: a day is in as many as it was when whole days were simulated, and else they are
/// as large as the target.
fn file_bytes(seen: &Observed, asked: &Asked) -> f64 {
    if seen.seconds < DAY_S {
        return TARGET_BYTES;
    }
    let of_a_day = seen.events as f64 / seen.seconds * DAY_S * asked.bytes as f64 / asked.rows as f64;
    of_a_day * asked.live_days as f64 / asked.live_files as f64
}

fn version_waits(gets: f64, bytes: f64, assumed: &Assumed) -> f64 {
    gets * (assumed.get_ms.value / assumed.overlap.value + assumed.cpu_ms_per_request.value) / 1e3
        + bytes / (assumed.mb_per_second.value * 1e6)
}

/// How many seconds a bucket takes between two dispatches, for a table of some age.
pub fn bucket_seconds(plan: &Plan, seen: &Observed, asked: &Asked, age_days: f64, list: &List) -> f64 {
    let assumed = &list.assumed;
    let (gets, bytes, cpu_s) = a_version(plan, seen, asked, age_days);
    let dispatches = seen.dispatch.invocations * f64::from(plan.buckets);
    let finding = (cpu_s + version_waits(gets, bytes, assumed)) * seen.versions as f64;
    let [_, _, compact, ..] = functions(seen, assumed);
    let rest = compact.work.cpu_s + assumed_seconds(assumed, compact.work, compact.overlap);
    (finding + rest) / dispatches
}

/// What costs the same whatever comes.
fn by_the_month(seen: &Observed, list: &List) -> [Line; 4] {
    let (prices, assumed) = (&list.prices, &list.assumed);
    let months = 1e6 / (seen.events as f64 / seen.seconds * MONTH_S);
    [
        line("CloudWatch: metrics", Basis::Counted, seen.metrics as f64 * months, &prices.metric_month),
        line("CloudWatch: alarms", Basis::Assumed, assumed.alarms.value * months, &prices.alarm_month),
        line("CloudWatch: dashboard", Basis::Assumed, assumed.dashboards.value * months, &prices.dashboard_month),
        line("KMS: keys", Basis::Assumed, assumed.kms_keys.value * months, &prices.kms_key_month),
    ]
}

/// What a month of keeping a million events costs.
pub fn kept(seen: &Observed, list: &List) -> [Line; 2] {
    let gb = |bytes_per_event: f64| bytes_per_event * 1e6 / GB;
    let raw = seen.raw_bytes as f64 / seen.events as f64;
    [
        line("S3: raw, each month", Basis::Counted, gb(raw), &list.prices.s3_gb_month),
        line("S3: the table, each month", Basis::Counted, gb(seen.table_bytes_per_event), &list.prices.s3_gb_month),
    ]
}

#[cfg(test)]
mod tests {
    use iguazu_sim::counted::Counts;

    use super::super::prices;
    use super::*;

    const PLAN: Plan =
        Plan { shards: 1, buckets: 1, rate: 1_000.0, window_s: 30, schedule_s: 300, before: 0, counted: 1 };
    const ASKED: Asked = Asked {
        rows: 1_000_000,
        bytes: 100_000_000,
        ids: 1_000,
        gets: 1,
        bytes_got: 2_000_000,
        cpu_s: 0.01,
        live_files: 1,
        live_days: 1,
    };

    fn work(n: u64) -> Work {
        let counts = Counts {
            gets: 7 * n,
            puts: 5 * n,
            lists: n,
            write_units: 3 * n,
            reads: n,
            read_units: 2 * n,
            row_writes: n,
            ..Counts::default()
        };
        Work { invocations: n as f64, cpu_s: n as f64, counts, log_bytes: 100.0 * n as f64 }
    }

    fn seen(n: u64) -> Observed {
        Observed {
            seconds: 300.0 * n as f64,
            events: 300_000 * n,
            event_bytes: 0,
            ingest: work(n),
            dispatch: work(n),
            compact: work(n),
            others: work(n),
            housekeeping: work(n),
            housekeeping_share: 1.0,
            metrics: 30,
            raw_bytes: 30_000_000 * n,
            raw_files: n,
            versions: n,
            table_bytes_per_event: 100.0,
        }
    }

    fn bill(seen: &Observed) -> Vec<Line> {
        pipeline(&PLAN, seen, &ASKED, 30.0, &prices::read().unwrap())
    }

    fn of(lines: &[Line], what: &str) -> f64 {
        lines.iter().find(|line| line.what == what).unwrap().usd
    }

    #[test]
    fn a_bill_for_a_million_events_does_not_depend_on_how_long_was_looked() {
        for (once, twice) in bill(&seen(1)).iter().zip(bill(&seen(2))) {
            assert!((once.usd - twice.usd).abs() < 1e-12, "{}: {} and {}", once.what, once.usd, twice.usd);
        }
    }

    #[test]
    fn twice_the_requests_cost_twice_as_much() {
        let mut more = seen(1);
        more.ingest.counts.puts *= 2;
        more.ingest.counts.write_units *= 2;
        let (before, after) = (bill(&seen(1)), bill(&more));
        for what in ["S3: files of ingest", "DynamoDB: rows of ingest"] {
            assert!((of(&after, what) - 2.0 * of(&before, what)).abs() < 1e-12, "{what}");
        }
        assert!(total(&after) > total(&before));
        assert_eq!(of(&after, "S3: what compaction reads"), of(&before, "S3: what compaction reads"));
    }

    #[test]
    fn every_line_is_its_quantity_times_its_price() {
        for line in bill(&seen(1)) {
            assert!((line.quantity * line.price - line.usd).abs() <= 1e-9 * line.usd, "{}", line.what);
            assert!(line.usd > 0.0, "{}", line.what);
        }
    }

    #[test]
    fn known_requests_cost_what_the_list_says() {
        // 5 puts for 300,000 events are 16.7 for a million, at five dollars for a million.
        assert!((of(&bill(&seen(1)), "S3: files of ingest") - 5.0 / 0.3 * 5e-6).abs() < 1e-12);
        // 30 metrics of 30 cents over 2,628 million events a month.
        assert!((of(&bill(&seen(1)), "CloudWatch: metrics") - 9.0 / 2_628.0).abs() < 1e-9);
    }

    #[test]
    fn less_memory_than_a_cpu_has_makes_slower_and_not_cheaper() {
        assert!((gb_seconds(1_769.0, 1.0) - 1_769.0 / 1_024.0).abs() < 1e-12);
        assert_eq!(gb_seconds(256.0, 1.0), gb_seconds(1_769.0, 1.0));
        assert!(gb_seconds(3_538.0, 1.0) > gb_seconds(1_769.0, 1.0));
    }

    #[test]
    fn an_older_table_takes_longer_in_proportion() {
        let list = prices::read().unwrap();
        let at = |days| total(&finding(&PLAN, &seen(1), &ASKED, days, &list));
        assert!((at(60.0) / at(30.0) - 2.0).abs() < 1e-9);
        assert!(
            bucket_seconds(&PLAN, &seen(1), &ASKED, 60.0, &list) > bucket_seconds(&PLAN, &seen(1), &ASKED, 30.0, &list)
        );
    }
}
