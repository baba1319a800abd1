//! The ledger: chains of rows, written by put-if-absent and never deleted.

use std::future::Future;
use std::sync::Arc;

use super::PortError;
use crate::ids::{AttemptId, ChainId, RowNumber};

/// A row as the ledger holds it. What the body says is the business of the chain's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// Its number in the chain.
    pub n: RowNumber,
    /// Who wrote it.
    pub attempt: AttemptId,
    /// What it says, in a versioned text.
    pub body: String,
}

/// What became of a put-if-absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PutRow {
    /// The row was written by this very call.
    Applied,
    /// The number was taken; this is the row that is there. It may be the caller's own, written by an earlier
    /// call whose reply was lost: the attempt tells.
    Occupied(StoredRow),
}

/// What became of a request to shrink a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shrunk {
    /// The row has the shorter body now.
    Done,
    /// There is no row of that number by that attempt; nothing was changed.
    NoSuchRow,
}

/// A strongly consistent store of chains. Every read sees every write that was answered before the read began.
///
/// Deliberately absent: deleting a row, and overwriting one by another attempt.
pub trait Ledger: Send + Sync {
    /// The row of a chain by its number.
    fn get(&self, chain: &ChainId, n: RowNumber) -> impl Future<Output = Result<Option<StoredRow>, PortError>> + Send;

    /// Writes a row if its number is free. The ledger does not look for gaps: that is the chain's rule.
    fn put_if_absent(&self, chain: &ChainId, row: &StoredRow)
    -> impl Future<Output = Result<PutRow, PortError>> + Send;

    /// The row with the highest number.
    fn newest(&self, chain: &ChainId) -> impl Future<Output = Result<Option<StoredRow>, PortError>> + Send;

    /// Up to `limit` rows with numbers above `after` (all of them above nothing), ascending.
    fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<StoredRow>, PortError>> + Send;

    /// Replaces the body of a row that everyone has consumed, if `stub.n` is there by `stub.attempt`.
    fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> impl Future<Output = Result<Shrunk, PortError>> + Send;

    /// Enters a chain in the registry. Entering it again changes nothing.
    fn register(&self, chain: &ChainId) -> impl Future<Output = Result<(), PortError>> + Send;

    /// Up to `limit` registered chains whose text is above that of `after`, ascending by text.
    fn registry(
        &self,
        after: Option<&ChainId>,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<ChainId>, PortError>> + Send;
}

/// A ledger that is shared is the same ledger.
macro_rules! shared_ledger {
    ($shared:ty) => {
        impl<L: Ledger> Ledger for $shared {
            fn get(
                &self,
                chain: &ChainId,
                n: RowNumber,
            ) -> impl Future<Output = Result<Option<StoredRow>, PortError>> + Send {
                (**self).get(chain, n)
            }

            fn put_if_absent(
                &self,
                chain: &ChainId,
                row: &StoredRow,
            ) -> impl Future<Output = Result<PutRow, PortError>> + Send {
                (**self).put_if_absent(chain, row)
            }

            fn newest(&self, chain: &ChainId) -> impl Future<Output = Result<Option<StoredRow>, PortError>> + Send {
                (**self).newest(chain)
            }

            fn scan_after(
                &self,
                chain: &ChainId,
                after: Option<RowNumber>,
                limit: usize,
            ) -> impl Future<Output = Result<Vec<StoredRow>, PortError>> + Send {
                (**self).scan_after(chain, after, limit)
            }

            fn shrink(
                &self,
                chain: &ChainId,
                stub: &StoredRow,
            ) -> impl Future<Output = Result<Shrunk, PortError>> + Send {
                (**self).shrink(chain, stub)
            }

            fn register(&self, chain: &ChainId) -> impl Future<Output = Result<(), PortError>> + Send {
                (**self).register(chain)
            }

            fn registry(
                &self,
                after: Option<&ChainId>,
                limit: usize,
            ) -> impl Future<Output = Result<Vec<ChainId>, PortError>> + Send {
                (**self).registry(after, limit)
            }
        }
    };
}

shared_ledger!(&L);
shared_ledger!(Arc<L>);
