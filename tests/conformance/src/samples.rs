//! Chains, rows and keys to test with.

use iguazu_lake::ids::{AttemptId, ChainId, RowNumber};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};
use iguazu_lake::ports::StoredRow;

/// A chain by its text.
#[must_use]
pub fn chain(text: &str) -> ChainId {
    text.parse().expect("a sample is well formed")
}

/// The chain of a shard.
#[must_use]
pub fn shard() -> ChainId {
    chain("shard.orders.1763683200000.shardId-000000000000")
}

/// A row of an attempt, with a body that names both.
#[must_use]
pub fn row(n: u64, attempt: u128) -> StoredRow {
    let body = format!("{{\"v\":1,\"said\":\"row {n} by {attempt} \u{1f30a} \\\"'\"}}");
    StoredRow { n: RowNumber::new(n), attempt: AttemptId::from_u128(attempt), body }
}

/// A key by its text.
#[must_use]
pub fn key(text: &str) -> ObjectKey {
    text.parse().expect("a sample is well formed")
}

/// A prefix by its text.
#[must_use]
pub fn prefix(text: &str) -> KeyPrefix {
    text.parse().expect("a sample is well formed")
}
