//! Compaction, publication and the sweep on a schedule.

use std::sync::Arc;
use std::time::Duration;

use iguazu_compact::{CompactError, Compactor, ParquetTables, Ran};
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::retry::RetryPolicy;
use iguazu_lake::sweep::{SweepBounds, sweep_orphans};
use iguazu_setup::chain_of;
use iguazu_transform::Contract;
use tokio::sync::watch;

use super::Settings;
use crate::stream::Writer;

/// How long one run may take before it makes room for the others.
const RUN_MAX: Duration = Duration::from_secs(120);
/// How long before its deadline a run stops.
const DEADLINE_MARGIN: Duration = Duration::from_secs(10);
/// How long a stream may hold records that are given to nobody any more, before rows of the ledger may shrink.
const STREAM_RETENTION_MAX: Duration = Duration::from_secs(8_760 * 3_600);
/// Keys in one listing of the sweep.
const SWEEP_PAGE: usize = 1_000;

/// When what is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// From one compaction to the next.
    pub compact_every: Duration,
    /// From one sweep to the next.
    pub sweep_every: Duration,
    /// How long a replaced file stays for its readers.
    pub grace: Duration,
}

/// The compactor of all tables.
pub(super) struct Compaction {
    compactor: Compactor<DiskObjects, SqliteLedger, SystemHost, ParquetTables>,
    objects: DiskObjects,
    ledger: SqliteLedger,
    contracts: Vec<Arc<Contract>>,
    writer: Writer,
    schedule: Schedule,
}

impl Compaction {
    pub(super) fn new(
        settings: &Settings,
        objects: DiskObjects,
        ledger: SqliteLedger,
        contracts: Vec<Arc<Contract>>,
        writer: Writer,
    ) -> Self {
        let root = settings.folder.lake();
        let root = root.canonicalize().unwrap_or(root);
        let compactor = Compactor::new(
            objects.clone(),
            ledger.clone(),
            SystemHost,
            ParquetTables,
            iguazu_compact::Settings {
                first_buckets: settings.buckets,
                sizes: settings.sizes,
                grace: settings.schedule.grace,
                deadline_margin: DEADLINE_MARGIN,
                root: format!("file://{}", root.display()),
                ..iguazu_compact::Settings::default()
            },
        );
        Self { compactor, objects, ledger, contracts, writer, schedule: settings.schedule }
    }

    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut swept = SystemHost.now();
        let mut orphans = [None, None];
        while !*stop.borrow() {
            let begun = SystemHost.now();
            let more = self.compact(&stop).await;
            if SystemHost.now().since(swept) >= self.schedule.sweep_every && !*stop.borrow() {
                self.sweep(&mut orphans).await;
                swept = SystemHost.now();
            }
            let rest = self.schedule.compact_every.saturating_sub(SystemHost.now().since(begun));
            let rest = if more { Duration::ZERO } else { rest };
            tokio::select! {
                _ = stop.changed() => {}
                () = SystemHost.sleep(rest.max(Duration::from_millis(10))) => {}
            }
        }
    }

    fn deadline() -> Timestamp {
        SystemHost.now().plus(RUN_MAX)
    }

    /// One run for each bucket of each table; returns whether anything is left. A busy bucket waits for the others.
    async fn compact(&self, stop: &watch::Receiver<bool>) -> bool {
        let mut more = false;
        for contract in &self.contracts {
            let table = &contract.table;
            let epoch = match self.compactor.epoch(contract, Self::deadline()).await {
                Ok(epoch) => epoch,
                Err(error) => {
                    tracing::error!(%table, error = chain_of(&error), "the buckets cannot be read");
                    continue;
                }
            };
            for bucket in 0..epoch.buckets {
                if *stop.borrow() {
                    return false;
                }
                more |= self.bucket(contract, bucket).await;
            }
            match self.compactor.balance(contract, Self::deadline()).await {
                Ok(balance) => {
                    for imbalance in &balance.imbalances {
                        tracing::error!(%table, %imbalance, "the table is out of balance (I10)");
                    }
                }
                Err(error) => tracing::error!(%table, error = chain_of(&error), "the balance cannot be drawn"),
            }
        }
        if let Err(error) = self.compactor.publish_deliveries(Self::deadline()).await {
            tracing::error!(error = chain_of(&error), "deliveries cannot be published");
        }
        more
    }

    /// Compacts one bucket; returns whether something is left.
    async fn bucket(&self, contract: &Arc<Contract>, bucket: u32) -> bool {
        let table = &contract.table;
        let Ran { answer, report } = self.compactor.run(contract, bucket, Self::deadline()).await;
        if report.versions > 0 {
            tracing::info!(
                %table,
                bucket,
                versions = report.versions,
                rows_taken = report.rows_taken,
                rows_admitted = report.rows_admitted,
                duplicates = report.duplicates,
                replaced = report.replaced,
                files_written = report.files_written,
                bytes_written = report.bytes_written,
                lag_ms = report.lag_ms,
                "compacted"
            );
        }
        match answer {
            Ok(finished) => finished.more,
            Err(error) => {
                tracing::error!(%table, bucket, error = chain_of(&error), "a bucket cannot be compacted");
                false
            }
        }
    }

    /// `orphans` says where the listing of each folder goes on, if one sweep did not reach its end.
    async fn sweep(&self, orphans: &mut [Option<ObjectKey>; 2]) {
        let failed = |what: &str, error: &CompactError| tracing::error!(error = chain_of(error), "{what}");
        for contract in &self.contracts {
            match self.compactor.sweep(contract, Self::deadline()).await {
                Ok(swept) => tracing::info!(table = %contract.table, ?swept, "swept"),
                Err(error) => failed("a table cannot be swept", &error),
            }
        }
        if let Err(error) = self.compactor.shrink(&self.contracts, STREAM_RETENTION_MAX, Self::deadline()).await {
            failed("rows cannot be shrunk", &error);
        }
        for (prefix, after) in [KeyPrefix::raw(), KeyPrefix::quarantine()].into_iter().zip(orphans) {
            let bounds = SweepBounds { page: SWEEP_PAGE, deadline: Self::deadline(), retry: RetryPolicy::default() };
            match sweep_orphans(&self.objects, &self.ledger, &SystemHost, &prefix, after.take(), &bounds).await {
                Ok((swept, rest)) => {
                    *after = rest;
                    tracing::info!(folder = prefix.as_str(), ?swept, "orphans swept");
                }
                Err(error) => tracing::error!(error = chain_of(&error), "orphans cannot be swept"),
            }
        }
        loop {
            match self.writer.trim(SystemHost.now()).await {
                Ok(0) => break,
                Ok(records) => tracing::info!(records, "the stream has forgotten old records"),
                Err(error) => {
                    tracing::error!(error = chain_of(&error), "old records cannot be deleted");
                    break;
                }
            }
        }
    }
}
