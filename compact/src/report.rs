//! What a run did: for metrics, and for proof that every branch was reached.

use iguazu_lake::ids::{TableName, Timestamp};
use serde_json::{Map, Value, json};

use crate::conserve::Balance;

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Versions that it committed.
    pub versions: u64,
    /// Versions that another run committed first.
    pub conflicts: u64,
    /// Versions that were learnt to be its own by reading them back.
    pub read_backs: u64,
    /// Raw files that it took.
    pub files_read: u64,
    /// Bytes of them.
    pub raw_bytes: u64,
    /// Rows that it took.
    pub rows_taken: u64,
    /// Rows that it admitted as new, those that replaced a live one included.
    pub rows_admitted: u64,
    /// Copies that it dropped, live ones that were replaced included.
    pub duplicates: u64,
    /// Live rows that a better copy replaced.
    pub replaced: u64,
    /// Roll-up files that were written anew because a row was replaced.
    pub restated: u64,
    /// Live files that were asked for ids.
    pub files_asked: u64,
    /// Bytes that asking them took.
    pub bytes_asked: u64,
    /// Requests that asking them took.
    pub requests_asked: u64,
    /// Live files that were written anew.
    pub files_rewritten: u64,
    /// Of these, how many only to be merged.
    pub files_merged: u64,
    /// Of these, how many were copied without being decoded.
    pub files_copied: u64,
    /// Bytes of live files that were read whole.
    pub bytes_reread: u64,
    /// Data files written.
    pub files_written: u64,
    /// Their bytes.
    pub bytes_written: u64,
    /// Roll-up files written, and groups with a sum that does not fit its column.
    pub rollups_written: u64,
    /// Sums that do not fit their columns.
    pub overflows: u64,
    /// Files that were taken over from the epoch before.
    pub seeded: u64,
    /// Buckets of the epoch before that it closed.
    pub closed: u64,
    /// Manifests that it replaced.
    pub manifests: u64,
    /// Manifests that were newer already.
    pub manifests_newer: u64,
    /// Versions that it published, or found to be unpublished by an earlier run.
    pub published: u64,
    /// GET requests to the object store, but for those that asked for ids.
    pub gets: u64,
    /// PUT requests.
    pub puts: u64,
    /// Requests to the ledger.
    pub ledger: u64,
    /// Rows of raw that are left for the next run.
    pub rows_left: u64,
    /// How old the oldest row was that it took, in milliseconds, when it was committed.
    pub lag_ms: u64,
    /// Whether it stopped for the deadline.
    pub stopped: bool,
}

impl Report {
    /// Bytes written for each byte of raw that was taken.
    #[must_use]
    pub fn write_amplification(&self) -> Option<f64> {
        (self.raw_bytes > 0).then(|| self.bytes_written as f64 / self.raw_bytes as f64)
    }
}

impl Report {
    /// The report as one line of CloudWatch's embedded metric format.
    #[must_use]
    pub fn embedded_metrics(
        &self,
        now: Timestamp,
        namespace: &str,
        function: &str,
        table: &TableName,
        failed: bool,
    ) -> String {
        let count = |name, value: u64| (name, "Count", json!(value));
        let mut metrics = vec![
            ("lag", "Milliseconds", json!(self.lag_ms)),
            count("rows_left", self.rows_left),
            count("versions", self.versions),
            count("conflicts", self.conflicts),
            count("failures", u64::from(failed)),
            count("rows_taken", self.rows_taken),
            count("duplicates", self.duplicates),
            count("replaced", self.replaced),
            count("restated", self.restated),
            count("overflows", self.overflows),
            count("files_read", self.files_read),
            count("files_written", self.files_written),
            ("bytes_read", "Bytes", json!(self.raw_bytes + self.bytes_reread + self.bytes_asked)),
            ("bytes_written", "Bytes", json!(self.bytes_written)),
        ];
        metrics.extend(self.write_amplification().map(|times| ("write_amplification", "None", json!(times))));
        embedded(now, namespace, function, table, &metrics)
    }
}

/// The balance of a table as one line of the same format.
#[must_use]
pub fn balance_metrics(
    balance: &Balance,
    now: Timestamp,
    namespace: &str,
    function: &str,
    table: &TableName,
) -> String {
    let metrics = [
        ("imbalances", "Count", json!(balance.imbalances.len())),
        ("live_rows", "Count", json!(balance.live)),
        ("taken_rows", "Count", json!(balance.taken)),
        ("duplicate_rows", "Count", json!(balance.duplicates)),
    ];
    embedded(now, namespace, function, table, &metrics)
}

fn embedded(
    now: Timestamp,
    namespace: &str,
    function: &str,
    table: &TableName,
    metrics: &[(&str, &str, Value)],
) -> String {
    let named: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let mut line = Map::new();
    line.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.millis(),
            "CloudWatchMetrics": [
                { "Namespace": namespace, "Dimensions": [["function", "table"]], "Metrics": named }
            ],
        }),
    );
    line.insert("function".to_owned(), json!(function));
    line.insert("table".to_owned(), json!(table));
    line.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), value.clone())));
    Value::Object(line).to_string()
}
