//! What one invocation did: for the operator's metrics, and for proof that the simulation reached every branch.

use iguazu_lake::commit::{Counts, Tally};
use iguazu_lake::ids::Timestamp;
use serde_json::json;

/// What one invocation did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Records that the invocation held.
    pub offered: u64,
    /// What was committed by this invocation.
    pub counts: Counts,
    /// Records that a row held already.
    pub trimmed: u64,
    /// Commits.
    pub commits: u64,
    /// Files that were stored for these commits, and their bytes.
    pub files: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Rows whose attempt had to be renamed because its name was taken.
    pub attempts_renamed: u64,
    /// Commits that the budget cut short.
    pub cut_short: u64,
    /// Whether the invocation stopped because its time was nearly over.
    pub stopped: bool,
    /// From the beginning of the invocation to its last commit.
    pub commit_latency_ms: u64,
    /// From the arrival of the oldest committed record in Kinesis to its commit.
    pub lag_ms: u64,
    /// How the protocol went.
    pub tally: Tally,
}

impl Report {
    /// Adds how one shard's commit went.
    pub(crate) fn add_tally(&mut self, tally: &Tally) {
        let sum = &mut self.tally;
        sum.warm_starts += tally.warm_starts;
        sum.newest_reads += tally.newest_reads;
        sum.row_reads += tally.row_reads;
        sum.id_reads += tally.id_reads;
        sum.id_reads_gone += tally.id_reads_gone;
        sum.proven_by_digest += tally.proven_by_digest;
        sum.proven_by_files += tally.proven_by_files;
        sum.committed_late += tally.committed_late;
        sum.committed += tally.committed;
        sum.conflicts += tally.conflicts;
        sum.read_backs += tally.read_backs;
        self.trimmed += tally.proven_by_digest + tally.proven_by_files;
    }

    /// Adds what was committed.
    pub(crate) fn add_counts(&mut self, counts: &Counts) {
        self.counts.records += counts.records;
        self.counts.delivered += counts.delivered;
        self.counts.accepted += counts.accepted;
        self.counts.quarantined += counts.quarantined;
    }

    /// The report as one line of CloudWatch's embedded metric format, with `function` as the dimension.
    #[must_use]
    pub fn embedded_metrics(&self, now: Timestamp, namespace: &str, function: &str, failed: bool) -> String {
        let metric = |name: &str, unit: &str| json!({ "Name": name, "Unit": unit });
        json!({
            "_aws": {
                "Timestamp": now.millis(),
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": [["function"]],
                    "Metrics": [
                        metric("offered_records", "Count"),
                        metric("delivered", "Count"),
                        metric("accepted", "Count"),
                        metric("quarantined", "Count"),
                        metric("trimmed", "Count"),
                        metric("commits", "Count"),
                        metric("conflicts", "Count"),
                        metric("failures", "Count"),
                        metric("files", "Count"),
                        metric("bytes", "Bytes"),
                        metric("commit_latency", "Milliseconds"),
                        metric("lag", "Milliseconds"),
                    ],
                }],
            },
            "function": function,
            "offered_records": self.offered,
            "delivered": self.counts.delivered,
            "accepted": self.counts.accepted,
            "quarantined": self.counts.quarantined,
            "trimmed": self.trimmed,
            "commits": self.commits,
            "conflicts": self.tally.conflicts,
            "failures": u64::from(failed),
            "files": self.files,
            "bytes": self.bytes,
            "commit_latency": self.commit_latency_ms,
            "lag": self.lag_ms,
        })
        .to_string()
    }
}
