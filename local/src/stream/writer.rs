//! The thread that writes, and the handle that commands go through.

use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{StreamName, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::{oneshot, watch};

use super::limits::Limits;
use super::store::{self, Checkpoint, Keys, StreamError, signed, sqlite};
use super::topology::{Shard, Stream, Streams};

/// Commands that share a transaction, at most.
const GROUP_MAX: usize = 256;
/// Commands that wait, at most: beyond that, those who put wait with them.
const QUEUE_MAX: usize = 1_024;
/// Records that one round of trimming deletes, so that nobody waits long behind it.
const TRIM_MAX: i64 = 20_000;

/// A record to put.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Where it goes.
    pub hash: u128,
    /// Its partition key.
    pub partition_key: String,
    /// Its data.
    pub data: Bytes,
}

/// Where a record was put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The shard.
    pub shard: u32,
    /// Its position.
    pub position: u64,
}

/// A record that was not put, because its shard has had enough for this second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The shard.
    pub shard: u32,
}

/// What became of each record of a put, and the stream's creation time.
pub type PutReply = (u64, Vec<Result<Placed, Refused>>);

type Reply<T> = oneshot::Sender<Result<T, StreamError>>;

enum Command {
    Put { stream: StreamName, entries: Vec<Entry>, now: Timestamp, reply: Reply<PutReply> },
    Create { stream: StreamName, shards: u32, retention_hours: u32, now: Timestamp, reply: Reply<()> },
    Change { stream: StreamName, change: Change, reply: Reply<()> },
    Checkpoint { shard: i64, checkpoint: Checkpoint, reply: Reply<()> },
    Trim { now: Timestamp, reply: Reply<u64> },
}

/// A change of a stream.
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// Split a shard.
    Split {
        /// The shard.
        shard: u32,
        /// Where its second half begins.
        at: u128,
    },
    /// Merge two adjacent shards.
    Merge {
        /// One of them.
        shard: u32,
        /// The other.
        adjacent: u32,
    },
    /// Double or halve the open shards.
    Scale {
        /// How many there shall be.
        target: u32,
    },
    /// Keep records for so long.
    Retention {
        /// In hours.
        hours: u32,
    },
}

/// The streams as they are now, with the key of each shard in the store.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The streams.
    pub streams: Streams,
    /// The key of each shard.
    pub keys: Keys,
}

/// The handle of the writing thread. It stops when the last handle is gone.
#[derive(Clone, Debug)]
pub struct Writer {
    commands: mpsc::SyncSender<Command>,
    known: Arc<RwLock<Arc<Known>>>,
    newest: watch::Receiver<u64>,
}

struct Thread {
    connection: Connection,
    known: Known,
    shared: Arc<RwLock<Arc<Known>>>,
    next: u64,
    newest: watch::Sender<u64>,
    limits: Option<Limits>,
}

impl Writer {
    /// Opens the store, which is made if need be, and starts the thread. `limited`: shards take no more than Kinesis'
    /// take.
    ///
    /// # Errors
    /// Where the file cannot be opened or is none of ours.
    pub fn open(path: &Path, limited: bool) -> Result<(Self, JoinHandle<()>), StreamError> {
        let connection = store::create(path)?;
        let (streams, keys) = store::streams(&connection)?;
        let newest = store::newest(&connection)?;
        let known = Known { streams, keys };
        let shared = Arc::new(RwLock::new(Arc::new(known.clone())));
        let (send, receive) = mpsc::sync_channel(QUEUE_MAX);
        let (tell, told) = watch::channel(newest);
        let limits = limited.then(Limits::default);
        let thread = Thread { connection, known, shared: Arc::clone(&shared), next: newest + 1, newest: tell, limits };
        let handle = std::thread::Builder::new()
            .name("stream-writer".to_owned())
            .spawn(move || thread.run(&receive))
            .map_err(|error| StreamError::File {
            path: path.to_owned(),
            problem: format!("no thread could be started to write it: {error}"),
        })?;
        Ok((Self { commands: send, known: shared, newest: told }, handle))
    }

    /// The streams as they are now.
    #[must_use]
    pub fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Tells the newest position whenever something was written.
    #[must_use]
    pub fn newest(&self) -> watch::Receiver<u64> {
        self.newest.clone()
    }

    /// Puts records, all but those of shards that have had enough.
    ///
    /// # Errors
    /// Where there is no such stream, or the store failed: then none was put, unless it failed at the very end.
    pub async fn put(&self, stream: StreamName, entries: Vec<Entry>, now: Timestamp) -> Result<PutReply, StreamError> {
        self.ask(|reply| Command::Put { stream, entries, now, reply }).await
    }

    /// Creates a stream.
    ///
    /// # Errors
    /// Where there is one, or the store failed.
    pub async fn create(
        &self,
        stream: StreamName,
        shards: u32,
        retention_hours: u32,
        now: Timestamp,
    ) -> Result<(), StreamError> {
        self.ask(|reply| Command::Create { stream, shards, retention_hours, now, reply }).await
    }

    /// Creates a stream, and blocks until it is there: for a start, outside of any runtime.
    ///
    /// # Errors
    /// Where there is one, or the store failed.
    pub fn create_now(
        &self,
        stream: StreamName,
        shards: u32,
        retention_hours: u32,
        now: Timestamp,
    ) -> Result<(), StreamError> {
        let (reply, answer) = oneshot::channel();
        let command = Command::Create { stream, shards, retention_hours, now, reply };
        self.commands.send(command).map_err(|_| StreamError::Stopped)?;
        answer.blocking_recv().map_err(|_| StreamError::Stopped)?
    }

    /// Changes a stream.
    ///
    /// # Errors
    /// Where it cannot be changed like this, or the store failed.
    pub async fn change(&self, stream: StreamName, change: Change) -> Result<(), StreamError> {
        self.ask(|reply| Command::Change { stream, change, reply }).await
    }

    /// Moves the mapping's checkpoint.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn checkpoint(&self, shard: i64, checkpoint: Checkpoint) -> Result<(), StreamError> {
        self.ask(|reply| Command::Checkpoint { shard, checkpoint, reply }).await
    }

    /// Deletes records that were consumed and are older than their retention. Returns how many; call again if any.
    ///
    /// # Errors
    /// Where the store failed.
    pub async fn trim(&self, now: Timestamp) -> Result<u64, StreamError> {
        self.ask(|reply| Command::Trim { now, reply }).await
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, StreamError> {
        let (reply, answer) = oneshot::channel();
        let mut command = command(reply);
        // The queue is short of being full but when the disk cannot keep up; then waiting here is the point.
        loop {
            match self.commands.try_send(command) {
                Ok(()) => break,
                Err(mpsc::TrySendError::Disconnected(_)) => return Err(StreamError::Stopped),
                Err(mpsc::TrySendError::Full(back)) => command = back,
            }
            SystemHost.sleep(Duration::from_millis(2)).await;
        }
        answer.await.map_err(|_| StreamError::Stopped)?
    }
}

/// An answer that waits for the commit.
type Answer = Box<dyn FnOnce(Result<(), StreamError>) + Send>;

impl Thread {
    fn run(mut self, commands: &mpsc::Receiver<Command>) {
        while let Ok(first) = commands.recv() {
            let more = std::iter::from_fn(|| commands.try_recv().ok()).take(GROUP_MAX - 1);
            let group = std::iter::once(first).chain(more).collect();
            self.commit(group);
        }
    }

    /// Carries commands out in one transaction, and answers them once it is on the disk.
    fn commit(&mut self, group: Vec<Command>) {
        let mut known = self.known.clone();
        let mut next = self.next;
        let mut answers: Vec<Answer> = Vec::with_capacity(group.len());
        let begun = self.connection.transaction_with_behavior(TransactionBehavior::Immediate);
        let (transaction, broken) = match begun {
            Ok(transaction) => (Some(transaction), None),
            Err(error) => (None, Some(error.to_string())),
        };
        let transaction = transaction.as_ref();
        let mut round = Round { transaction, known: &mut known, next: &mut next, limits: &mut self.limits, broken };
        answers.extend(group.into_iter().map(|command| round.carry_out(command)));
        let mut broken = round.broken;
        if broken.is_none() {
            let committed = transaction.map_or(Ok(()), |transaction| transaction.execute_batch("COMMIT"));
            broken = committed.err().map(|error| error.to_string());
        }
        // A position that was given out once is not given out again, whether or not it was written.
        self.next = next;
        match &broken {
            None => {
                self.known = known;
                *self.shared.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(self.known.clone());
                let _ = self.newest.send(next - 1);
            }
            Some(cause) => tracing::error!(cause, "nothing was written to the stream; those who put may try again"),
        }
        for answer in answers {
            answer(broken.clone().map_or(Ok(()), |cause| Err(StreamError::Unwritten { cause })));
        }
    }
}

/// The commands of one transaction. When a statement fails, SQLite may have given up the whole transaction, so nothing
/// that comes behind it may be tried.
struct Round<'a, 'c> {
    transaction: Option<&'a Transaction<'c>>,
    known: &'a mut Known,
    next: &'a mut u64,
    limits: &'a mut Option<Limits>,
    broken: Option<String>,
}

/// Answers with what was done, unless the transaction failed.
fn later<T: Send + 'static>(reply: Reply<T>, done: Result<T, StreamError>) -> Answer {
    Box::new(move |committed| {
        // Whoever asked may have gone.
        let _ = reply.send(committed.and(done));
    })
}

impl Round<'_, '_> {
    fn carry_out(&mut self, command: Command) -> Answer {
        match command {
            Command::Put { stream, entries, now, reply } => {
                later(reply, self.unless_broken(|round, within| round.put(within, &stream, &entries, now)))
            }
            Command::Create { stream, shards, retention_hours, now, reply } => later(
                reply,
                self.unless_broken(|round, within| round.create(within, stream, shards, retention_hours, now)),
            ),
            Command::Change { stream, change, reply } => {
                later(reply, self.unless_broken(|round, within| round.change(within, &stream, change)))
            }
            Command::Checkpoint { shard, checkpoint, reply } => {
                later(reply, self.unless_broken(|_, within| move_checkpoint(within, shard, &checkpoint)))
            }
            Command::Trim { now, reply } => later(reply, self.unless_broken(|round, within| round.trim(within, now))),
        }
    }

    fn unless_broken<T>(
        &mut self,
        work: impl FnOnce(&mut Self, &Transaction<'_>) -> Result<T, StreamError>,
    ) -> Result<T, StreamError> {
        let (Some(transaction), None) = (self.transaction, &self.broken) else {
            return Err(StreamError::Unwritten { cause: self.broken.clone().unwrap_or_default() });
        };
        let done = work(self, transaction);
        if let Err(StreamError::Sqlite { doing, source }) = &done {
            self.broken = Some(format!("{doing}: {source}"));
        }
        done
    }

    fn position(&mut self) -> u64 {
        let position = *self.next;
        *self.next += 1;
        position
    }

    fn put(
        &mut self,
        within: &Transaction<'_>,
        name: &StreamName,
        entries: &[Entry],
        now: Timestamp,
    ) -> Result<PutReply, StreamError> {
        let failed = sqlite("writing records");
        let stream = self.known.streams.get(name).ok_or_else(|| StreamError::NoStream(name.clone()))?;
        let created_ms = stream.created_ms;
        let mut insert = within
            .prepare_cached(
                "INSERT INTO records (position, shard, arrival_us, partition_key, data) VALUES (?1, ?2, ?3, ?4, ?5)",
            )
            .map_err(&failed)?;
        let mut placed = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some((shard, key)) = stream.shard_of(entry.hash).and_then(|shard| {
                let key = self.known.keys.get(&(name.clone(), shard.number))?;
                Some((shard.number, *key))
            }) else {
                return Err(StreamError::NoStream(name.clone()));
            };
            let bytes = (entry.data.len() + entry.partition_key.len()) as u64;
            if self.limits.as_mut().is_some_and(|limits| !limits.take(key, bytes, now)) {
                placed.push(Err(Refused { shard }));
                continue;
            }
            let position = *self.next;
            *self.next += 1;
            insert
                .execute(params![signed(position), key, now.micros(), entry.partition_key, &entry.data[..]])
                .map_err(&failed)?;
            placed.push(Ok(Placed { shard, position }));
        }
        Ok((created_ms, placed))
    }

    fn create(
        &mut self,
        within: &Transaction<'_>,
        name: StreamName,
        shards: u32,
        hours: u32,
        now: Timestamp,
    ) -> Result<(), StreamError> {
        if self.known.streams.contains_key(&name) {
            return Err(StreamError::Exists(name));
        }
        let created_ms = u64::try_from(now.millis()).unwrap_or(0);
        let stream = Stream::new(name.clone(), created_ms, hours, shards, self.position());
        within
            .execute(
                "INSERT INTO streams (name, created_ms, retention_hours) VALUES (?1, ?2, ?3)",
                params![name.to_string(), signed(stream.created_ms), hours],
            )
            .map_err(sqlite("creating a stream"))?;
        self.keep(within, stream)
    }

    fn change(&mut self, within: &Transaction<'_>, name: &StreamName, change: Change) -> Result<(), StreamError> {
        let position = self.position();
        let mut stream = self.known.streams.get(name).cloned().ok_or_else(|| StreamError::NoStream(name.clone()))?;
        match change {
            Change::Split { shard, at } => stream.split(shard, at, position)?,
            Change::Merge { shard, adjacent } => stream.merge(shard, adjacent, position)?,
            Change::Scale { target } => stream.scale(target, position)?,
            Change::Retention { hours } => {
                stream.retention_hours = hours;
                within
                    .execute(
                        "UPDATE streams SET retention_hours = ?2 WHERE name = ?1",
                        params![name.to_string(), hours],
                    )
                    .map_err(sqlite("changing the retention"))?;
            }
        }
        self.keep(within, stream)
    }

    /// Writes the shards of a stream as they are now.
    fn keep(&mut self, within: &Transaction<'_>, stream: Stream) -> Result<(), StreamError> {
        for shard in stream.shards.values() {
            let id = (stream.name.clone(), shard.number);
            match self.known.keys.get(&id) {
                Some(key) => {
                    within
                        .execute("UPDATE shards SET closed = ?2 WHERE key = ?1", params![key, shard.closed.map(signed)])
                        .map_err(sqlite("closing a shard"))?;
                }
                None => {
                    let key = enter(within, &stream.name, shard)?;
                    self.known.keys.insert(id, key);
                }
            }
        }
        self.known.streams.insert(stream.name.clone(), stream);
        Ok(())
    }

    fn trim(&self, within: &Transaction<'_>, now: Timestamp) -> Result<u64, StreamError> {
        let mut trimmed = 0;
        for ((name, _), key) in &self.known.keys {
            let hours = self.known.streams.get(name).map_or(u32::MAX, |stream| stream.retention_hours);
            let before = now.minus(Duration::from_secs(u64::from(hours) * 3_600));
            let rows = within
                .execute(
                    "DELETE FROM records WHERE position IN (
                         SELECT position FROM records WHERE shard = ?1 AND arrival_us < ?2
                         AND position <= coalesce((SELECT position FROM checkpoints WHERE shard = ?1), 0)
                         ORDER BY position LIMIT ?3)",
                    params![key, before.micros(), TRIM_MAX],
                )
                .map_err(sqlite("deleting old records"))?;
            trimmed += rows as u64;
        }
        Ok(trimmed)
    }
}

fn enter(within: &Transaction<'_>, stream: &StreamName, shard: &Shard) -> Result<i64, StreamError> {
    within
        .execute(
            "INSERT INTO shards (stream, number, parent, other_parent, first_hash, last_hash, opened)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                stream.to_string(),
                shard.number,
                shard.parents.first(),
                shard.parents.get(1),
                shard.first_hash.to_be_bytes(),
                shard.last_hash.to_be_bytes(),
                signed(shard.opened),
            ],
        )
        .map_err(sqlite("opening a shard"))?;
    Ok(within.last_insert_rowid())
}

fn move_checkpoint(within: &Transaction<'_>, shard: i64, checkpoint: &Checkpoint) -> Result<(), StreamError> {
    within
        .execute(
            "INSERT INTO checkpoints (shard, position, pending) VALUES (?1, ?2, ?3)
             ON CONFLICT (shard) DO UPDATE SET position = max(position, excluded.position), pending = excluded.pending",
            params![shard, signed(checkpoint.position), checkpoint.pending],
        )
        .map_err(sqlite("moving a checkpoint"))?;
    Ok(())
}
