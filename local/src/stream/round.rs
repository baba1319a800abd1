//! What the commands of one transaction do.

use std::collections::BTreeMap;
use std::time::Duration;

use iguazu_lake::ids::{StreamName, Timestamp};
use rusqlite::{Transaction, params};

use super::limits::Limits;
use super::store::{Checkpoint, StreamError, signed, sqlite};
use super::topology::{Shard, Stream};
use super::writer::{Answer, Change, Command, Entry, Known, Placed, PutReply, Refused, Reply};

/// Records of a shard that one round of trimming deletes, so that nobody waits long behind it.
const TRIM_MAX: i64 = 20_000;

/// The commands of one transaction. When a statement fails, SQLite may have given up the whole transaction, so nothing
/// that comes behind it may be tried.
pub(super) struct Round<'a, 'c> {
    pub(super) transaction: Option<&'a Transaction<'c>>,
    pub(super) known: &'a mut Known,
    pub(super) next: &'a mut u64,
    pub(super) limits: &'a mut Option<Limits>,
    pub(super) broken: Option<String>,
}

/// Answers with what was done, unless the transaction failed.
fn later<T: Send + 'static>(reply: Reply<T>, done: Result<T, StreamError>) -> Answer {
    Box::new(move |committed| {
        // Whoever asked may have gone.
        let _ = reply.send(committed.and(done));
    })
}

impl Round<'_, '_> {
    /// Carries a command out; the answer waits for the commit.
    pub(super) fn carry_out(&mut self, command: Command) -> Answer {
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
            Command::Agree { committed, reply } => {
                later(reply, self.unless_broken(|round, within| round.agree(within, &committed)))
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

    fn agree(
        &mut self,
        within: &Transaction<'_>,
        committed: &BTreeMap<(StreamName, u32), u64>,
    ) -> Result<u64, StreamError> {
        let newest = committed.values().copied().max().unwrap_or(0);
        *self.next = (*self.next).max(newest + 1);
        let mut moved = 0;
        for (shard, key) in &self.known.keys {
            let position = committed.get(shard).copied().unwrap_or(0);
            // The end of a shard that was closed, and what was forgotten since, leave no records in between.
            let rows = within
                .execute(
                    "UPDATE checkpoints SET position = ?2, pending = '' WHERE shard = ?1 AND position > ?2
                     AND EXISTS (SELECT 1 FROM records WHERE shard = ?1 AND records.position > ?2
                                 AND records.position <= checkpoints.position)",
                    params![key, signed(position)],
                )
                .map_err(sqlite("comparing checkpoints with the ledger"))?;
            moved += rows as u64;
        }
        Ok(moved)
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
