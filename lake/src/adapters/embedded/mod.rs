//! Both ports on one machine: objects in a folder of the local disk, the ledger in a SQLite file.
//!
//! Rules:
//! - What was answered survives a power cut: the file, its name, and the folders above it are on the disk first.
//! - Several instances and several processes may use one folder and one file at once.
//! - The work blocks, so it runs on tokio's blocking threads and is awaited there. A future that is dropped does
//!   not stop it: a write that was begun may still land. To the port that is an answer that nobody heard, which
//!   is what *maybe applied* means, and the caller reads back as after any other lost reply.
//!
//! Deliberately absent: network file systems (their locks and their flushes do not hold what is needed here),
//! and systems whose folders cannot be flushed, Windows among them.

mod disk;
mod fault;
mod sqlite;
mod walk;

pub use disk::DiskObjects;
pub use sqlite::SqliteLedger;

use crate::ports::{Fault, PortError};

/// Runs blocking work to its end on a thread that may block.
async fn blocking<T, F>(call: &'static str, work: F) -> Result<T, PortError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, PortError> + Send + 'static,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        // Blocking work can be cancelled only before it has begun: the runtime is shutting down.
        Err(error) if error.is_cancelled() => {
            Err(PortError::NotApplied(Fault::lasting(call, "the runtime is shutting down").caused_by(error)))
        }
        Err(error) => Err(PortError::MaybeApplied(Fault::lasting(call, "the work panicked").caused_by(error))),
    }
}
