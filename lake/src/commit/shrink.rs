//! Consumed rows shrink to stubs: the number stays taken for ever, what it said is forgotten.

use super::codec::{self, CodecError};
use super::row::{Body, Row};
use crate::host::Host;
use crate::ids::{ChainId, RowNumber, Timestamp};
use crate::ports::{Ledger, PortError};
use crate::retry::RetryPolicy;

/// Rows in one scan.
const PAGE: usize = 100;

/// Why rows were not shrunk. What was shrunk before stays so, and the next call goes on.
#[derive(Debug, thiserror::Error)]
pub enum ShrinkError {
    /// A port failed for longer than the retries last.
    #[error("the ledger could not be read or written")]
    Port(#[from] PortError),
    /// A row is of a later version.
    #[error("a row of the ledger is not understood")]
    Codec(#[from] CodecError),
}

/// Shrinks the oldest rows of a chain above `after`, as long as `consumed` says so; returns how many. What is at or below
/// `after` is known to have shrunk.
///
/// A row may shrink when every consumer has passed it and its records are past the stream's retention: then
/// nobody can deliver them again but a writer that slept all the while, and it has passed its deadline. Only a
/// prefix of the chain shrinks, so that a search that meets a stub knows that there is nothing before it.
///
/// # Errors
/// Where the ledger fails, or holds a row that this program does not know.
pub async fn shrink_consumed<L: Ledger, H: Host>(
    ledger: &L,
    host: &H,
    retry: &RetryPolicy,
    deadline: Timestamp,
    chain: &ChainId,
    mut after: Option<RowNumber>,
    consumed: impl Fn(&Row) -> bool,
) -> Result<u64, ShrinkError> {
    let mut shrunk = 0;
    loop {
        let rows = retry.run(host, deadline, |_| ledger.scan_after(chain, after, PAGE)).await?;
        let Some(last) = rows.last().map(|row| row.n) else { return Ok(shrunk) };
        for stored in rows {
            let row = codec::decode(&stored)?;
            match &row.body {
                Body::Stub(_) => {}
                Body::Commit(_) if consumed(&row) => {
                    let stub = codec::encode(&row.stub())?;
                    retry.run(host, deadline, |_| ledger.shrink(chain, &stub)).await?;
                    shrunk += 1;
                }
                Body::Commit(_) | Body::Closed(_) => return Ok(shrunk),
            }
        }
        after = Some(last);
    }
}
