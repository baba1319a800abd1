//! The chain: a linear log in the ledger, and the only thing in the system that decides anything.
//!
//! Whoever writes row `n` has committed; everyone else sees the row and starts again from there. The rules:
//! - Rows are written by put-if-absent on `(chain, n)`, and `n` is the newest row's number plus one.
//! - A row names its attempt, fresh for each try at each `n`, so a lost reply is told from a lost race by reading.
//! - Row numbers are never reused and rows never deleted. A row that everyone has consumed may shrink to a stub,
//!   but a writer that wakes up with an old `n` must still collide with it.
//! - A chain is in the registry before its first row, so a consumer that reads the registry misses no row.
//!
//! Ingest's shards and compaction's versions are both chains. What a row says is theirs.

use crate::host::Host;
use crate::ids::{AttemptId, ChainId, RowNumber, Timestamp};
use crate::ports::{Ledger, PortError, PutRow, StoredRow};
use crate::retry::RetryPolicy;

/// What became of an attempt to write a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appended {
    /// The row is the attempt's own: it has committed.
    Won {
        /// Whether that was only learnt by reading the row back, an earlier reply having been lost.
        read_back: bool,
    },
    /// Another attempt has the number: this one has written nothing and never will.
    Lost(StoredRow),
}

/// Reads the answer to a put-if-absent. The row in the ledger decides, not the way of the answer.
#[must_use]
pub fn verdict(attempt: AttemptId, answer: PutRow) -> Appended {
    match answer {
        PutRow::Applied => Appended::Won { read_back: false },
        PutRow::Occupied(row) if row.attempt == attempt => Appended::Won { read_back: true },
        PutRow::Occupied(row) => Appended::Lost(row),
    }
}

/// Tries to commit a row, entering the chain in the registry first if it is the chain's first row.
///
/// # Errors
/// A port's error that outlasted the retries. After *maybe applied* the row may be there, now or later.
pub async fn append<L: Ledger, H: Host>(
    ledger: &L,
    host: &H,
    retry: &RetryPolicy,
    deadline: Timestamp,
    chain: &ChainId,
    row: &StoredRow,
) -> Result<Appended, PortError> {
    if row.n == RowNumber::FIRST {
        retry.run(host, deadline, |_| ledger.register(chain)).await?;
    }
    let answer = retry.run(host, deadline, |_| ledger.put_if_absent(chain, row)).await?;
    Ok(verdict(row.attempt, answer))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(attempt: u128) -> StoredRow {
        StoredRow { n: RowNumber::new(3), attempt: AttemptId::from_u128(attempt), body: String::new() }
    }

    #[test]
    fn the_row_that_is_there_decides() {
        let mine = AttemptId::from_u128(1);
        assert_eq!(verdict(mine, PutRow::Applied), Appended::Won { read_back: false });
        assert_eq!(verdict(mine, PutRow::Occupied(row(1))), Appended::Won { read_back: true });
        assert_eq!(verdict(mine, PutRow::Occupied(row(2))), Appended::Lost(row(2)));
    }
}
