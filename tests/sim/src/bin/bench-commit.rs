//! What a commit costs: requests counted at the ports, not timed.
//!
//! The production handler commits batches of real Parquet through counting adapters over memory. Each line is one
//! invocation; the last line is for scripts.

use std::future::Future;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Ingest, Settings};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{SequenceNumber, Timestamp};
use iguazu_lake::retry::RetryPolicy;
use iguazu_sim::counted::{Counted, Counts};
use iguazu_sim::payloads::{ARRIVAL, table};
use iguazu_transform::{Catalog, Limits, Parquet, Payload, Record};

/// A host whose time stands still.
struct Still(Mutex<u64>);

impl Host for Still {
    fn now(&self) -> Timestamp {
        ARRIVAL
    }

    fn sleep(&self, _: Duration) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    fn random(&self) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *state += 1;
        *state
    }
}

type Container = Ingest<Counted, Counted, Still, FixedStreams, Parquet>;

fn container(ports: &Counted, number: u64) -> Container {
    let settings = Settings {
        catalog: Arc::new(Catalog::built_in(table(), Limits::default())),
        output_bytes_max: 64 << 20,
        deadline_margin: Duration::from_secs(1),
        partial_responses: true,
        retry: RetryPolicy::default(),
    };
    let host = Still(Mutex::new(number << 32));
    Ingest::new(ports.clone(), ports.clone(), host, FixedStreams { created_ms: 1_767_225_600_000 }, Parquet, settings)
}

/// A batch of records with sequence numbers as long as Kinesis' own, spread over so many dates.
fn batch(numbers: std::ops::Range<u64>, dates: u64) -> Invocation {
    let records = numbers.map(|n| {
        let day = 1 + n % dates;
        let event = format!(
            r#"{{"id":"00000000-0000-4000-8000-{n:012x}","type":"order_placed","time":"2025-12-{day:02}T10:00:00Z","n":{n}}}"#
        );
        let sequence = format!("4960338271490256856085590{n:031}").parse().unwrap_or_else(|_| SequenceNumber::from(n));
        Record { sequence, arrival: ARRIVAL, payload: Payload::Data(event.into()) }
    });
    let source = ("orders".parse(), "shardId-000000000000".parse());
    match source {
        (Ok(stream), Ok(shard)) => {
            Invocation { shards: [((stream, shard), records.collect())].into(), unidentified: None }
        }
        _ => Invocation::default(),
    }
}

fn invoke(ports: &Counted, container: &Container, what: &str, invocation: Invocation) -> Result<Counts, String> {
    let deadline = ARRIVAL.plus(Duration::from_secs(60));
    let handled = {
        let mut future = pin!(container.handle(invocation, deadline));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(handled) => handled,
            Poll::Pending => return Err(format!("{what}: memory does not make anyone wait")),
        }
    };
    handled.answer.map_err(|error| format!("{what}: {error}"))?;
    let cost = ports.take();
    println!(
        "{what:<52} {:>6} {:>6} {:>9} {:>6} {:>6} {:>9}",
        cost.row_writes, cost.reads, cost.registrations, cost.puts, cost.gets, cost.row_bytes
    );
    Ok(cost)
}

fn bench() -> Result<(), String> {
    println!(
        "{:<52} {:>6} {:>6} {:>9} {:>6} {:>6} {:>9}",
        "invocation", "writes", "reads", "registry", "PUTs", "GETs", "row bytes"
    );
    let ports = Counted::default();
    let first = container(&ports, 1);
    invoke(&ports, &first, "cold container, the shard's first batch", batch(0..1_000, 1))?;
    let warm = invoke(&ports, &first, "warm container", batch(1_000..2_000, 1))?;
    let dates = invoke(&ports, &first, "warm container, three dates", batch(2_000..3_000, 3))?;
    let again = invoke(&ports, &first, "warm container, the same batch again", batch(2_000..3_000, 3))?;
    let second = container(&ports, 2);
    let cold = invoke(&ports, &second, "cold container", batch(3_000..4_000, 1))?;
    let third = container(&ports, 3);
    let cold_again = invoke(&ports, &third, "cold container, the same batch again", batch(3_000..4_000, 1))?;
    invoke(&ports, &third, "warm container, a longer batch that begins with it", batch(3_000..5_000, 1))?;
    invoke(&ports, &third, "warm container, half of a batch again (bisected)", batch(4_000..4_500, 1))?;
    for n in 5..300 {
        let commit = container(&ports, n);
        let handled = pin!(commit.handle(batch(n * 1_000..n * 1_000 + 10, 1), ARRIVAL.plus(Duration::from_secs(60))));
        let mut handled = handled;
        if handled.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            return Err("memory does not make anyone wait".to_owned());
        }
    }
    ports.take();
    let replay = container(&ports, 1_000);
    invoke(&ports, &replay, "cold container, a batch of 300 rows ago again", batch(0..1_000, 1))?;

    let ok = (warm.row_writes, warm.reads, warm.puts, warm.gets) == (1, 0, 1, 0)
        && (dates.row_writes, dates.puts) == (1, 3)
        && (cold.row_writes, cold.reads, cold.puts, cold.gets) == (1, 1, 1, 0)
        && (again.row_writes, again.reads, again.puts, again.gets) == (0, 0, 0, 0)
        && (cold_again.row_writes, cold_again.reads, cold_again.puts, cold_again.gets) == (0, 1, 0, 0);
    println!(
        "RESULT bench-commit warm_writes={} warm_reads={} warm_puts={} cold_writes={} cold_reads={} cold_puts={} \
         again_reads={} again_puts={} again_gets={} row_bytes={}",
        warm.row_writes,
        warm.reads,
        warm.puts,
        cold.row_writes,
        cold.reads,
        cold.puts,
        cold_again.reads,
        cold_again.puts,
        cold_again.gets,
        warm.row_bytes
    );
    if ok { Ok(()) } else { Err("a commit costs more than it should".to_owned()) }
}

fn main() -> ExitCode {
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("bench-commit: {problem}");
            ExitCode::FAILURE
        }
    }
}
