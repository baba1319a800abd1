//! What a commit costs: requests counted at the ports, not timed.
//!
//! The production handler commits batches of real Parquet through counting adapters over memory. Each line is one
//! invocation; the last line is for scripts.

use std::future::Future;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Ingest, Settings};
use iguazu_lake::adapters::memory::{MemoryLedger, MemoryObjects};
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, RowNumber, SequenceNumber, Timestamp};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::{
    ETag, Ledger, Object, Objects, PortError, PutIfAbsent, PutIfMatch, PutRow, Shrunk, StoredRow,
};
use iguazu_lake::retry::RetryPolicy;
use iguazu_sim::payloads::{ARRIVAL, table};
use iguazu_transform::{Catalog, Limits, Parquet, Payload, Record};

/// Requests of one kind each.
#[derive(Default)]
struct Counts {
    ledger_writes: AtomicU64,
    ledger_reads: AtomicU64,
    registrations: AtomicU64,
    object_puts: AtomicU64,
    object_gets: AtomicU64,
    row_bytes: AtomicU64,
}

/// The counts of one invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Cost {
    writes: u64,
    reads: u64,
    registrations: u64,
    puts: u64,
    gets: u64,
    row_bytes: u64,
}

impl Counts {
    fn take(&self) -> Cost {
        let take = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        Cost {
            writes: take(&self.ledger_writes),
            reads: take(&self.ledger_reads),
            registrations: take(&self.registrations),
            puts: take(&self.object_puts),
            gets: take(&self.object_gets),
            row_bytes: take(&self.row_bytes),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[derive(Clone, Default)]
struct Counted(Arc<(Counts, MemoryObjects, MemoryLedger)>);

impl Objects for Counted {
    async fn get(&self, key: &ObjectKey) -> Result<Option<Object>, PortError> {
        count(&self.0.0.object_gets);
        self.0.1.get(key).await
    }

    async fn get_range(&self, key: &ObjectKey, range: std::ops::Range<u64>) -> Result<Option<Bytes>, PortError> {
        count(&self.0.0.object_gets);
        self.0.1.get_range(key, range).await
    }

    async fn put(&self, key: &ObjectKey, bytes: Bytes) -> Result<ETag, PortError> {
        count(&self.0.0.object_puts);
        self.0.1.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &ObjectKey, bytes: Bytes) -> Result<PutIfAbsent, PortError> {
        count(&self.0.0.object_puts);
        self.0.1.put_if_absent(key, bytes).await
    }

    async fn put_if_match(&self, key: &ObjectKey, bytes: Bytes, etag: &ETag) -> Result<PutIfMatch, PortError> {
        count(&self.0.0.object_puts);
        self.0.1.put_if_match(key, bytes, etag).await
    }

    async fn list(
        &self,
        prefix: &KeyPrefix,
        after: Option<&ObjectKey>,
        limit: usize,
    ) -> Result<Vec<ObjectKey>, PortError> {
        count(&self.0.0.object_puts);
        self.0.1.list(prefix, after, limit).await
    }

    async fn delete(&self, key: &ObjectKey) -> Result<(), PortError> {
        self.0.1.delete(key).await
    }
}

impl Ledger for Counted {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        count(&self.0.0.ledger_reads);
        self.0.2.get(chain, n).await
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        count(&self.0.0.ledger_writes);
        // As DynamoDB counts: names and values of chain, number, attempt and body.
        let bytes = 5 + chain.to_string().len() + 1 + 20 + 7 + 32 + 4 + row.body.len();
        self.0.0.row_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.0.2.put_if_absent(chain, row).await
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        count(&self.0.0.ledger_reads);
        self.0.2.newest(chain).await
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        count(&self.0.0.ledger_reads);
        self.0.2.scan_after(chain, after, limit).await
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        count(&self.0.0.ledger_writes);
        self.0.2.shrink(chain, stub).await
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        count(&self.0.0.registrations);
        self.0.2.register(chain).await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        count(&self.0.0.ledger_reads);
        self.0.2.registry(after, limit).await
    }
}

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

fn invoke(ports: &Counted, container: &Container, what: &str, invocation: Invocation) -> Result<Cost, String> {
    let deadline = ARRIVAL.plus(Duration::from_secs(60));
    let handled = {
        let mut future = pin!(container.handle(invocation, deadline));
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(handled) => handled,
            Poll::Pending => return Err(format!("{what}: memory does not make anyone wait")),
        }
    };
    handled.answer.map_err(|error| format!("{what}: {error}"))?;
    let cost = ports.0.0.take();
    println!(
        "{what:<52} {:>6} {:>6} {:>9} {:>6} {:>6} {:>9}",
        cost.writes, cost.reads, cost.registrations, cost.puts, cost.gets, cost.row_bytes
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
    ports.0.0.take();
    let replay = container(&ports, 1_000);
    invoke(&ports, &replay, "cold container, a batch of 300 rows ago again", batch(0..1_000, 1))?;

    let ok = (warm.writes, warm.reads, warm.puts, warm.gets) == (1, 0, 1, 0)
        && (dates.writes, dates.puts) == (1, 3)
        && (cold.writes, cold.reads, cold.puts, cold.gets) == (1, 1, 1, 0)
        && (again.writes, again.reads, again.puts, again.gets) == (0, 0, 0, 0)
        && (cold_again.writes, cold_again.reads, cold_again.puts, cold_again.gets) == (0, 1, 0, 0);
    println!(
        "RESULT bench-commit warm_writes={} warm_reads={} warm_puts={} cold_writes={} cold_reads={} cold_puts={} \
         again_reads={} again_puts={} again_gets={} row_bytes={}",
        warm.writes,
        warm.reads,
        warm.puts,
        cold.writes,
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
