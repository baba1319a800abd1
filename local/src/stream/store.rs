//! The file: its schema, and reading it. Writing is [`super::writer`]'s.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::ids::{StreamName, Timestamp};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, params};
use thiserror::Error;

use super::topology::{Shard, Stream, Streams, TopologyError};

/// The version of the schema that this program writes.
const VERSION: i64 = 1;
/// How long a call waits for another connection.
const BUSY_WAIT: Duration = Duration::from_secs(10);

const SCHEMA: &str = "
    CREATE TABLE streams (
        name TEXT NOT NULL PRIMARY KEY,
        created_ms INTEGER NOT NULL,
        retention_hours INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE shards (
        key INTEGER PRIMARY KEY,
        stream TEXT NOT NULL,
        number INTEGER NOT NULL,
        parent INTEGER,
        other_parent INTEGER,
        first_hash BLOB NOT NULL,
        last_hash BLOB NOT NULL,
        opened INTEGER NOT NULL,
        closed INTEGER,
        UNIQUE (stream, number)
    ) STRICT;
    CREATE TABLE records (
        position INTEGER PRIMARY KEY,
        shard INTEGER NOT NULL,
        arrival_us INTEGER NOT NULL,
        partition_key TEXT NOT NULL,
        data BLOB NOT NULL
    ) STRICT;
    CREATE INDEX records_of_shard ON records (shard, position);
    CREATE TABLE checkpoints (
        shard INTEGER PRIMARY KEY,
        position INTEGER NOT NULL,
        pending TEXT NOT NULL
    ) STRICT;
    PRAGMA user_version = 1;
";

/// What can go wrong with the store.
#[derive(Debug, Error)]
pub enum StreamError {
    /// There is no such stream.
    #[error("there is no stream {0}")]
    NoStream(StreamName),
    /// There is one already.
    #[error("there is a stream {0} already")]
    Exists(StreamName),
    /// The shards cannot be changed as asked.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// The file is not what it should be.
    #[error("{path}: {problem}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// SQLite failed.
    #[error("the store of the stream failed while {doing}")]
    Sqlite {
        /// What was tried.
        doing: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// The transaction failed, so nothing of it is there (if it failed at its very end, all of it may be).
    #[error("the store of the stream could not be written: {cause}")]
    Unwritten {
        /// Why.
        cause: String,
    },
    /// The writer is gone: it stopped, or could not go on.
    #[error("the store of the stream takes nothing any more: the process is stopping")]
    Stopped,
}

/// Says what was tried when SQLite fails.
pub(super) fn sqlite(doing: &'static str) -> impl Fn(rusqlite::Error) -> StreamError {
    move |source| StreamError::Sqlite { doing, source }
}

/// The key of each shard in the store.
pub type Keys = BTreeMap<(StreamName, u32), i64>;

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its position.
    pub position: u64,
    /// When it arrived.
    pub arrival: Timestamp,
    /// Its partition key.
    pub partition_key: String,
    /// What was put.
    pub data: Bytes,
}

/// How far the mapping has come in a shard.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checkpoint {
    /// Everything up to here is done.
    pub position: u64,
    /// What the mapping wants to remember of what comes next, as its own text.
    pub pending: String,
}

/// How far a shard is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The stream.
    pub stream: StreamName,
    /// When it was created.
    pub created_ms: u64,
    /// The shard.
    pub shard: u32,
    /// Whether it takes records still.
    pub open: bool,
    /// The newest position, or that of the checkpoint if nothing is newer.
    pub newest: u64,
    /// The position of the mapping's checkpoint.
    pub checkpoint: u64,
    /// Records beyond the checkpoint.
    pub behind_records: u64,
    /// When the oldest of them arrived.
    pub behind_since: Option<Timestamp>,
}

/// What a page may hold. A page holds one record at least, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageLimits {
    /// Records.
    pub records: usize,
    /// Bytes of data and partition keys.
    pub bytes: usize,
}

/// Reads the store. Every reader has a connection of its own, also in another process.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the file for reading.
    ///
    /// # Errors
    /// Where it is not there, or is not a store of ours.
    pub fn open(path: &Path) -> Result<Self, StreamError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(sqlite("opening the file"))?;
        connection.busy_timeout(BUSY_WAIT).map_err(sqlite("opening the file"))?;
        connection.pragma_update(None, "query_only", true).map_err(sqlite("opening the file"))?;
        match version(&connection)? {
            VERSION => Ok(Self { connection }),
            other => Err(refused(path, other)),
        }
    }

    /// Records of a shard after a position and up to another, in order.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn page(&self, shard: i64, after: u64, until: u64, limits: PageLimits) -> Result<Vec<Stored>, StreamError> {
        let failed = sqlite("reading records");
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT position, arrival_us, partition_key, data FROM records
                 WHERE shard = ?1 AND position > ?2 AND position <= ?3 ORDER BY position LIMIT ?4",
            )
            .map_err(&failed)?;
        let mut rows = statement
            .query(params![shard, signed(after), signed(until), i64::try_from(limits.records).unwrap_or(i64::MAX)])
            .map_err(&failed)?;
        let (mut page, mut bytes) = (Vec::new(), 0);
        while let Some(row) = rows.next().map_err(&failed)? {
            let stored = stored(row).map_err(&failed)?;
            bytes += stored.data.len() + stored.partition_key.len();
            if bytes > limits.bytes && !page.is_empty() {
                break;
            }
            page.push(stored);
        }
        Ok(page)
    }

    /// The first position of a shard whose record arrived then or later, if there is one.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn since(&self, shard: i64, time: Timestamp) -> Result<Option<u64>, StreamError> {
        let sql = "SELECT min(position) FROM records WHERE shard = ?1 AND arrival_us >= ?2";
        let found: Option<i64> = self
            .connection
            .query_row(sql, params![shard, time.micros()], |row| row.get(0))
            .map_err(sqlite("looking for a time of arrival"))?;
        Ok(found.map(unsigned))
    }

    /// The newest position of all.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn newest(&self) -> Result<u64, StreamError> {
        newest(&self.connection)
    }

    /// The streams, and the key of each shard.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn streams(&self) -> Result<(Streams, Keys), StreamError> {
        streams(&self.connection)
    }

    /// The mapping's checkpoint in a shard.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn checkpoint(&self, shard: i64) -> Result<Checkpoint, StreamError> {
        let sql = "SELECT position, pending FROM checkpoints WHERE shard = ?1";
        let read = |row: &Row<'_>| Ok(Checkpoint { position: unsigned(row.get(0)?), pending: row.get(1)? });
        let found = self.connection.query_row(sql, [shard], read).optional();
        Ok(found.map_err(sqlite("reading a checkpoint"))?.unwrap_or_default())
    }

    /// How far each shard is behind.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn progress(&self) -> Result<Vec<Progress>, StreamError> {
        let failed = sqlite("counting what is behind");
        let (streams, keys) = self.streams()?;
        let mut all = Vec::new();
        for ((name, number), key) in keys {
            let Some((stream, shard)) = streams.get(&name).and_then(|of| Some((of, of.shards.get(&number)?))) else {
                continue;
            };
            let checkpoint = self.checkpoint(key)?.position;
            let sql = "SELECT count(*), max(position), min(position) FROM records WHERE shard = ?1 AND position > ?2";
            let (behind, newest, oldest): (i64, Option<i64>, Option<i64>) = self
                .connection
                .query_row(sql, params![key, signed(checkpoint)], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
                .map_err(&failed)?;
            let arrival = "SELECT arrival_us FROM records WHERE position = ?1";
            let since: Option<i64> = match oldest {
                Some(oldest) => {
                    self.connection.query_row(arrival, [oldest], |row| row.get(0)).optional().map_err(&failed)?
                }
                None => None,
            };
            all.push(Progress {
                stream: name,
                created_ms: stream.created_ms,
                shard: number,
                open: shard.closed.is_none(),
                newest: newest.map_or(checkpoint, unsigned),
                checkpoint,
                behind_records: unsigned(behind),
                behind_since: since.map(Timestamp::from_micros),
            });
        }
        Ok(all)
    }
}

fn stored(row: &Row<'_>) -> rusqlite::Result<Stored> {
    Ok(Stored {
        position: unsigned(row.get(0)?),
        arrival: Timestamp::from_micros(row.get(1)?),
        partition_key: row.get(2)?,
        data: Bytes::from(row.get::<_, Vec<u8>>(3)?),
    })
}

/// Opens the file for writing, and makes it if need be.
pub(super) fn create(path: &Path) -> Result<Connection, StreamError> {
    let failed = sqlite("opening the file");
    let mut connection = Connection::open(path).map_err(&failed)?;
    connection.busy_timeout(BUSY_WAIT).map_err(&failed)?;
    connection.query_row("PRAGMA journal_mode = WAL", [], |_| Ok(())).map_err(&failed)?;
    connection.pragma_update(None, "synchronous", "FULL").map_err(&failed)?;
    let transaction = connection.transaction().map_err(&failed)?;
    let tables: i64 =
        transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(&failed)?;
    match version(&transaction)? {
        VERSION => {}
        0 if tables == 0 => transaction.execute_batch(SCHEMA).map_err(&failed)?,
        other => return Err(refused(path, other)),
    }
    transaction.commit().map_err(&failed)?;
    Ok(connection)
}

fn version(connection: &Connection) -> Result<i64, StreamError> {
    connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(sqlite("opening the file"))
}

fn refused(path: &Path, version: i64) -> StreamError {
    let problem = match version {
        0 => "it holds something else than the records of a stream; choose another data folder".to_owned(),
        _ => format!("its version is {version}, this program knows {VERSION}; use the newer program"),
    };
    StreamError::File { path: path.to_owned(), problem }
}

/// The newest position that anything has: a record, a border of a shard, or a checkpoint, which outlives records.
pub(super) fn newest(connection: &Connection) -> Result<u64, StreamError> {
    let sql = "SELECT max(
        coalesce((SELECT max(position) FROM records), 0), coalesce((SELECT max(opened) FROM shards), 0),
        coalesce((SELECT max(closed) FROM shards), 0), coalesce((SELECT max(position) FROM checkpoints), 0))";
    let newest = connection.query_row(sql, [], |row| row.get(0)).map_err(sqlite("looking for the newest record"))?;
    Ok(unsigned(newest))
}

pub(super) fn streams(connection: &Connection) -> Result<(Streams, Keys), StreamError> {
    let failed = sqlite("reading the streams");
    let (mut streams, mut keys) = (Streams::new(), BTreeMap::new());
    let mut statement =
        connection.prepare_cached("SELECT name, created_ms, retention_hours FROM streams").map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let name = name(row, 0).map_err(&failed)?;
        let created_ms = unsigned(row.get(1).map_err(&failed)?);
        let retention_hours = row.get(2).map_err(&failed)?;
        streams.insert(name.clone(), Stream { name, created_ms, retention_hours, shards: BTreeMap::new() });
    }
    let sql = "SELECT key, stream, number, parent, other_parent, first_hash, last_hash, opened, closed FROM shards";
    let mut statement = connection.prepare_cached(sql).map_err(&failed)?;
    let mut rows = statement.query([]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let (key, name, shard) = shard(row).map_err(&failed)?;
        keys.insert((name.clone(), shard.number), key);
        if let Some(stream) = streams.get_mut(&name) {
            stream.shards.insert(shard.number, shard);
        }
    }
    Ok((streams, keys))
}

fn shard(row: &Row<'_>) -> rusqlite::Result<(i64, StreamName, Shard)> {
    let parents = [row.get::<_, Option<u32>>(3)?, row.get(4)?].into_iter().flatten().collect();
    let shard = Shard {
        number: row.get(2)?,
        parents,
        first_hash: u128::from_be_bytes(row.get(5)?),
        last_hash: u128::from_be_bytes(row.get(6)?),
        opened: unsigned(row.get(7)?),
        closed: row.get::<_, Option<i64>>(8)?.map(unsigned),
    };
    Ok((row.get(0)?, name(row, 1)?, shard))
}

fn name(row: &Row<'_>, column: usize) -> rusqlite::Result<StreamName> {
    row.get::<_, String>(column)?.parse().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, Box::new(error))
    })
}

/// SQLite's integers are signed; positions begin at 1 and do not get that far.
pub(super) fn signed(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

pub(super) fn unsigned(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}
