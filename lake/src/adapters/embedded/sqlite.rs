//! The ledger in a SQLite file.
//!
//! - Write-ahead log with `synchronous = FULL`: what was answered survives a power cut. Another process, or a person
//!   with the `sqlite3` shell, may read while the file is in use, and another process may write.
//! - Every change is one transaction that holds SQLite's write lock from its first statement on, so a row is looked
//!   for and written in one step.
//! - The file's `user_version` is the version of the schema. A newer one than this program knows is refused, and so
//!   is a file that holds somebody else's tables.
//! - SQLite's integers are signed: row numbers end at `i64::MAX` here.
//!
//! One connection for everything: an ingest writes a row per batch, far below what one connection carries.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use super::blocking;
use crate::ids::{ChainId, RowNumber};
use crate::ports::{Fault, Ledger, PortError, PutRow, Shrunk, StoredRow};

/// The version of the schema that this program writes.
const VERSION: i64 = 1;

/// How long a call waits for another process to finish its transaction.
const BUSY_WAIT: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE rows (
        chain TEXT NOT NULL,
        n INTEGER NOT NULL,
        attempt TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (chain, n)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE registry (chain TEXT NOT NULL PRIMARY KEY) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
";

/// The ledger of one SQLite file.
#[derive(Clone, Debug)]
pub struct SqliteLedger {
    connection: Arc<Mutex<Connection>>,
}

impl SqliteLedger {
    /// Opens the file, which is created if need be. Blocks.
    ///
    /// # Errors
    /// Where the file cannot be opened, is no ledger, or was written by a newer program.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, PortError> {
        let call = "sqlite open";
        let path = path.as_ref();
        let about = path.display().to_string();
        let failed = |error| before(call, &about, error);
        let mut connection = Connection::open(path).map_err(failed)?;
        connection.busy_timeout(BUSY_WAIT).map_err(failed)?;
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)).map_err(failed)?;
        if mode != "wal" {
            return Err(refused(call, format!("{about}: the file system takes no write-ahead log, only {mode:?}")));
        }
        connection.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let version: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(failed)?;
        let tables: i64 =
            transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
        match version {
            VERSION => {}
            0 if tables == 0 => transaction.execute_batch(SCHEMA).map_err(failed)?,
            0 => return Err(refused(call, format!("{about}: it holds tables of something else than a ledger"))),
            _ => {
                return Err(refused(
                    call,
                    format!("{about}: its version is {version}, this program knows {VERSION}; use the newer program"),
                ));
            }
        }
        transaction.commit().map_err(|error| during_commit(call, &about, error))?;
        Ok(Self { connection: Arc::new(Mutex::new(connection)) })
    }

    /// Runs a read.
    async fn read<T, F>(&self, call: &'static str, about: String, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        blocking(call, move || {
            let connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            work(&connection).map_err(|error| before(call, &about, error))
        })
        .await
    }

    /// Runs a change in one transaction that nobody else's comes between.
    async fn change<T, F>(&self, call: &'static str, about: String, work: F) -> Result<T, PortError>
    where
        T: Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, rusqlite::Error> + Send + 'static,
    {
        let connection = Arc::clone(&self.connection);
        blocking(call, move || {
            // A panic elsewhere has rolled its transaction back.
            let mut connection = connection.lock().unwrap_or_else(PoisonError::into_inner);
            let transaction = connection
                .transaction_with_behavior(TransactionBehavior::Immediate)
                .map_err(|error| before(call, &about, error))?;
            let answer = work(&transaction).map_err(|error| before(call, &about, error))?;
            transaction.commit().map_err(|error| during_commit(call, &about, error))?;
            Ok(answer)
        })
        .await
    }
}

fn refused(call: &'static str, detail: String) -> PortError {
    PortError::NotApplied(Fault::lasting(call, detail))
}

fn fault(call: &'static str, about: &str, error: rusqlite::Error) -> Fault {
    let (meaning, retryable) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => ("another process holds the lock", true),
        Some(ErrorCode::DiskFull) => ("the disk is full; free some space", true),
        Some(ErrorCode::PermissionDenied | ErrorCode::ReadOnly | ErrorCode::CannotOpen) => {
            ("permission denied; the file and its folder must be readable and writable by this process", false)
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => ("the file is no database, or is damaged", false),
        Some(ErrorCode::TooBig) => ("the row is too large", false),
        Some(ErrorCode::SystemIoFailure) => ("the file system failed", true),
        Some(_) => ("the database failed", false),
        // Not SQLite's but of reading a value: the file holds what no ledger writes.
        None => ("a row has another form than a ledger's", false),
    };
    let detail = format!("{about}: {meaning}");
    if retryable { Fault::passing(call, detail) } else { Fault::lasting(call, detail) }.caused_by(error)
}

/// The error of a read, or of a step before the commit: the transaction is rolled back, then or at the next open.
fn before(call: &'static str, about: &str, error: rusqlite::Error) -> PortError {
    PortError::NotApplied(fault(call, about, error))
}

/// The error of a commit. A lock that is held and a disk that is full come before the mark that commits; after a
/// failure of the device the mark may be on the disk nevertheless.
fn during_commit(call: &'static str, about: &str, error: rusqlite::Error) -> PortError {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::DiskFull) => before(call, about, error),
        _ => PortError::MaybeApplied(fault(call, about, error)),
    }
}

/// A row number as SQLite has it; none above `i64::MAX` is ever there.
fn signed(n: RowNumber) -> Option<i64> {
    i64::try_from(n.get()).ok()
}

fn place(chain: &ChainId, n: RowNumber) -> String {
    format!("row {n} of {chain}")
}

/// Parses a column's text.
fn parsed<T: std::str::FromStr>(row: &Row<'_>, column: usize) -> Result<T, rusqlite::Error>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    row.get_ref(column)?.as_str()?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// The row of the columns `n, attempt, body`.
fn stored(row: &Row<'_>) -> Result<StoredRow, rusqlite::Error> {
    Ok(StoredRow { n: RowNumber::new(row.get(0)?), attempt: parsed(row, 1)?, body: row.get(2)? })
}

fn find(connection: &Connection, chain: &str, n: i64) -> Result<Option<StoredRow>, rusqlite::Error> {
    connection
        .prepare_cached("SELECT n, attempt, body FROM rows WHERE chain = ?1 AND n = ?2")?
        .query_row(params![chain, n], stored)
        .optional()
}

impl Ledger for SqliteLedger {
    async fn get(&self, chain: &ChainId, n: RowNumber) -> Result<Option<StoredRow>, PortError> {
        let Some(number) = signed(n) else { return Ok(None) };
        let text = chain.to_string();
        self.read("sqlite get", place(chain, n), move |connection| find(connection, &text, number)).await
    }

    async fn put_if_absent(&self, chain: &ChainId, row: &StoredRow) -> Result<PutRow, PortError> {
        let call = "sqlite put_if_absent";
        let about = place(chain, row.n);
        let Some(number) = signed(row.n) else {
            return Err(refused(call, format!("{about}: a row number in SQLite is at most {}", i64::MAX)));
        };
        let (text, row) = (chain.to_string(), row.clone());
        self.change(call, about, move |transaction| {
            let written = transaction
                .prepare_cached(
                    "INSERT INTO rows (chain, n, attempt, body) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
                )?
                .execute(params![text, number, row.attempt.to_string(), row.body])?;
            if written == 1 {
                return Ok(PutRow::Applied);
            }
            find(transaction, &text, number)?.map(PutRow::Occupied).ok_or(rusqlite::Error::QueryReturnedNoRows)
        })
        .await
    }

    async fn newest(&self, chain: &ChainId) -> Result<Option<StoredRow>, PortError> {
        let text = chain.to_string();
        self.read("sqlite newest", text.clone(), move |connection| {
            connection
                .prepare_cached("SELECT n, attempt, body FROM rows WHERE chain = ?1 ORDER BY n DESC LIMIT 1")?
                .query_row([&text], stored)
                .optional()
        })
        .await
    }

    async fn scan_after(
        &self,
        chain: &ChainId,
        after: Option<RowNumber>,
        limit: usize,
    ) -> Result<Vec<StoredRow>, PortError> {
        let text = chain.to_string();
        // Below every row: their numbers begin at nought.
        let after = after.map_or(-1, |after| signed(after).unwrap_or(i64::MAX));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("sqlite scan_after", text.clone(), move |connection| {
            connection
                .prepare_cached("SELECT n, attempt, body FROM rows WHERE chain = ?1 AND n > ?2 ORDER BY n LIMIT ?3")?
                .query_map(params![text, after, limit], stored)?
                .collect()
        })
        .await
    }

    async fn shrink(&self, chain: &ChainId, stub: &StoredRow) -> Result<Shrunk, PortError> {
        let Some(number) = signed(stub.n) else { return Ok(Shrunk::NoSuchRow) };
        let (text, stub) = (chain.to_string(), stub.clone());
        self.change("sqlite shrink", place(chain, stub.n), move |transaction| {
            let changed = transaction
                .prepare_cached("UPDATE rows SET body = ?4 WHERE chain = ?1 AND n = ?2 AND attempt = ?3")?
                .execute(params![text, number, stub.attempt.to_string(), stub.body])?;
            Ok(if changed == 0 { Shrunk::NoSuchRow } else { Shrunk::Done })
        })
        .await
    }

    async fn register(&self, chain: &ChainId) -> Result<(), PortError> {
        let text = chain.to_string();
        self.change("sqlite register", text.clone(), move |transaction| {
            transaction
                .prepare_cached("INSERT INTO registry (chain) VALUES (?1) ON CONFLICT DO NOTHING")?
                .execute([&text])
                .map(|_| ())
        })
        .await
    }

    async fn registry(&self, after: Option<&ChainId>, limit: usize) -> Result<Vec<ChainId>, PortError> {
        // Below every chain: no chain's text is empty.
        let after = after.map_or_else(String::new, ChainId::to_string);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.read("sqlite registry", "the registry".to_owned(), move |connection| {
            connection
                .prepare_cached("SELECT chain FROM registry WHERE chain > ?1 ORDER BY chain LIMIT ?2")?
                .query_map(params![after, limit], |row| parsed(row, 0))?
                .collect()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> rusqlite::Error {
        rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
    }

    #[test]
    fn every_failure_says_whether_it_happened_and_whether_to_try_again() {
        use rusqlite::ffi;
        // The code; whether a commit may have happened despite it; whether another try has any hope.
        let expected = [
            (ffi::SQLITE_BUSY, false, true),
            (ffi::SQLITE_LOCKED, false, true),
            (ffi::SQLITE_FULL, false, true),
            (ffi::SQLITE_IOERR, true, true),
            (ffi::SQLITE_IOERR_FSYNC, true, true),
            (ffi::SQLITE_PERM, true, false),
            (ffi::SQLITE_READONLY, true, false),
            (ffi::SQLITE_CANTOPEN, true, false),
            (ffi::SQLITE_CORRUPT, true, false),
            (ffi::SQLITE_NOTADB, true, false),
            (ffi::SQLITE_TOOBIG, true, false),
            (ffi::SQLITE_ERROR, true, false),
        ];
        for (code, maybe, retryable) in expected {
            let error = during_commit("sqlite put", "a row", failure(code));
            assert_eq!(matches!(error, PortError::MaybeApplied(_)), maybe, "{code}: {error}");
            assert_eq!(error.fault().retryable, retryable, "{code}: {error}");
            assert!(matches!(before("sqlite put", "a row", failure(code)), PortError::NotApplied(_)), "{code}");
        }
    }
}
