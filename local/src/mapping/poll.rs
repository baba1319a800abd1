//! The pollers: a task per shard, begun when its parents are read to the end.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::StreamName;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::cursor::{Cursor, GivenUp, Item, Next, Outcome};
use super::failures;
use super::payload::{self, Source};
use super::{Function, Settings};
use crate::stream::store::PageLimits;
use crate::stream::writer::Known;
use crate::stream::{Reader, Stored, StreamError, Writer};

/// How long a store that fails is left alone.
const STORE_WAIT: Duration = Duration::from_secs(1);
/// How often it is looked whether there are new shards, if nothing else says so.
const LOOK: Duration = Duration::from_millis(250);

/// The mapping of every stream of a store to a function.
pub struct Mapping<F> {
    /// Where batches go.
    pub function: F,
    /// How it is set.
    pub settings: Settings,
    /// The store's writer, for checkpoints.
    pub writer: Writer,
    /// The store's file.
    pub store: PathBuf,
    /// Where batches go that are given up.
    pub failures: PathBuf,
}

/// A shard, and where it is kept.
struct ShardTask {
    source: Source,
    key: i64,
    closed: Option<u64>,
}

/// Whether the process is to stop.
type Stop = watch::Receiver<bool>;

impl<F: Function> Mapping<F> {
    /// Runs until `stop` says so; a batch that is under way is finished first.
    pub async fn run(self, stop: Stop) {
        let mapping = Arc::new(self);
        let (mut begun, mut tasks) = (BTreeSet::new(), JoinSet::new());
        let (mut news, mut stopping) = (mapping.writer.newest(), stop.clone());
        while !*stopping.borrow() {
            match mapping.ready(&begun) {
                Ok(ready) => {
                    for task in ready {
                        begun.insert(task.key);
                        let (mapping, stop) = (Arc::clone(&mapping), stop.clone());
                        tasks.spawn(async move { mapping.poll(task, stop).await });
                    }
                }
                Err(error) => tracing::error!(%error, "the shards cannot be read"),
            }
            tokio::select! {
                _ = stopping.changed() => {}
                _ = news.changed() => SystemHost.sleep(LOOK).await,
                () = SystemHost.sleep(LOOK * 4) => {}
            }
            while let Some(ended) = tasks.try_join_next() {
                if let Err(error) = ended {
                    tracing::error!(%error, "a poller died; the process has to be started again");
                }
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Shards that are not polled yet and whose parents are read to the end.
    fn ready(&self, begun: &BTreeSet<i64>) -> Result<Vec<ShardTask>, StreamError> {
        let known = self.writer.known();
        let mut reader = None;
        let mut ready = Vec::new();
        for ((name, number), key) in &known.keys {
            let Some(shard) = known.streams.get(name).and_then(|stream| stream.shards.get(number)) else { continue };
            if begun.contains(key) {
                continue;
            }
            let reader = match &mut reader {
                Some(reader) => reader,
                none => none.insert(Reader::open(&self.store)?),
            };
            let read = |parent: &u32| read_to_the_end(&known, reader, name, *parent);
            if shard.parents.iter().map(read).all(|read| matches!(read, Ok(true))) {
                let created_ms = known.streams.get(name).map_or(0, |stream| stream.created_ms);
                let source = Source { stream: name.clone(), created_ms, shard: *number };
                ready.push(ShardTask { source, key: *key, closed: shard.closed });
            }
        }
        Ok(ready)
    }

    async fn poll(&self, mut task: ShardTask, mut stop: Stop) {
        let opened = Reader::open(&self.store).and_then(|reader| {
            let checkpoint = reader.checkpoint(task.key)?;
            Ok((reader, Cursor::of(&checkpoint)))
        });
        let (reader, mut cursor) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(%error, shard = task.source.shard, "the shard cannot be polled");
                return;
            }
        };
        let mut news = self.writer.newest();
        while !*stop.borrow() {
            news.mark_unchanged();
            let page = match self.page(&reader, &task, &cursor) {
                Ok(page) => page,
                Err(error) => {
                    tracing::error!(%error, shard = task.source.shard, "the shard cannot be read");
                    pause(STORE_WAIT, &mut stop).await;
                    continue;
                }
            };
            if page.is_empty() {
                if self.nothing_there(&mut task, &mut cursor).await {
                    return;
                }
                tokio::select! {
                    _ = stop.changed() => {}
                    _ = news.changed() => {}
                    () = SystemHost.sleep(LOOK * 4) => {}
                }
                continue;
            }
            let page = if self.full(&page) || cursor.until().is_some() {
                page
            } else {
                pause(self.settings.batch_window, &mut stop).await;
                self.page(&reader, &task, &cursor).unwrap_or(page)
            };
            self.batch(&task, &mut cursor, page, &mut stop).await;
        }
    }

    /// What comes next, as far as one payload reaches.
    fn page(&self, reader: &Reader, task: &ShardTask, cursor: &Cursor) -> Result<Vec<Stored>, StreamError> {
        let limits =
            PageLimits { records: self.settings.batch_records_max, bytes: self.settings.payload_bytes_max / 4 * 3 };
        let mut page = reader.page(task.key, cursor.position, cursor.until().unwrap_or(u64::MAX), limits)?;
        page.truncate(payload::fitting(&page, self.settings.payload_bytes_max));
        Ok(page)
    }

    /// Whether a batch takes (nearly) no more.
    fn full(&self, page: &[Stored]) -> bool {
        let bytes: usize = page.iter().map(|record| record.data.len() + 400).sum();
        page.len() >= self.settings.batch_records_max || bytes >= self.settings.payload_bytes_max / 8 * 5
    }

    /// Nothing is there: returns whether the shard is read to its end.
    async fn nothing_there(&self, task: &mut ShardTask, cursor: &mut Cursor) -> bool {
        if cursor.until().is_some() {
            cursor.nothing_left();
            return false;
        }
        let known = self.writer.known();
        let Source { stream, shard, .. } = &task.source;
        let closed = known.streams.get(stream).and_then(|stream| stream.shards.get(shard)?.closed);
        // Records may have come between the look at the page and the closing; so it is looked at once more first.
        let seen = std::mem::replace(&mut task.closed, closed);
        let (Some(closed), true) = (closed, seen.is_some()) else { return false };
        // The children wait for the checkpoint, so the end is reached when it is kept, and not before.
        cursor.pass(closed);
        self.save(task, cursor).await
    }

    /// Takes a batch through the function.
    async fn batch(&self, task: &ShardTask, cursor: &mut Cursor, mut page: Vec<Stored>, stop: &mut Stop) {
        let item = |record: &Stored| Item { position: record.position, arrival: record.arrival };
        let mut items: Vec<_> = page.iter().map(item).collect();
        let expired = Cursor::expired(&items, SystemHost.now(), &self.settings);
        if expired > 0 {
            if !self.give_up(task, &page[..expired], GivenUp::Age, cursor.failures(), stop).await {
                return;
            }
            cursor.pass(items[expired - 1].position);
            page.drain(..expired);
            items.drain(..expired);
            self.save(task, cursor).await;
        }
        if page.is_empty() {
            return;
        }
        let outcome = self.invoke(task, &page).await;
        match cursor.note(&items, outcome, &self.settings) {
            Next::GoOn => {
                self.save(task, cursor).await;
            }
            Next::Wait(wait) => {
                self.save(task, cursor).await;
                pause(wait, stop).await;
            }
            Next::GiveUp => {
                if self.give_up(task, &page, GivenUp::Retries, cursor.failures(), stop).await {
                    cursor.pass(items[items.len() - 1].position);
                }
                self.save(task, cursor).await;
            }
        }
    }

    async fn invoke(&self, task: &ShardTask, page: &[Stored]) -> Outcome {
        let text = payload::of(&task.source, page);
        let deadline = SystemHost.now().plus(self.settings.timeout);
        match self.function.invoke(text, deadline).await {
            Ok(answer) => payload::outcome(&task.source, page, &answer, self.settings.partial_answers),
            Err(error) => {
                tracing::error!(error, shard = task.source.shard, records = page.len(), "an invocation failed");
                Outcome::Failed
            }
        }
    }

    /// Keeps a batch that is given up; returns whether it may be passed over.
    async fn give_up(&self, task: &ShardTask, page: &[Stored], why: GivenUp, tries: u32, stop: &mut Stop) -> bool {
        match failures::keep(&self.failures, &task.source, page, why, tries, SystemHost.now()) {
            Ok(path) => {
                tracing::error!(records = page.len(), why = ?why, file = %path.display(), "a batch was given up");
                true
            }
            Err(error) => {
                tracing::error!(%error, "a batch that is given up cannot be kept, so it is tried again");
                pause(STORE_WAIT, stop).await;
                false
            }
        }
    }

    /// Keeps how far it has come; returns whether that is kept. If not, what it would have spared is done again after
    /// a restart, and changes nothing.
    async fn save(&self, task: &ShardTask, cursor: &Cursor) -> bool {
        let kept = self.writer.checkpoint(task.key, cursor.checkpoint()).await;
        if let Err(error) = &kept {
            tracing::error!(%error, shard = task.source.shard, "the checkpoint cannot be moved");
        }
        kept.is_ok()
    }
}

fn read_to_the_end(known: &Known, reader: &Reader, stream: &StreamName, shard: u32) -> Result<bool, StreamError> {
    let found = || {
        let closed = known.streams.get(stream)?.shards.get(&shard)?.closed?;
        Some((closed, *known.keys.get(&(stream.clone(), shard))?))
    };
    match found() {
        Some((closed, key)) => Ok(reader.checkpoint(key)?.position >= closed),
        None => Ok(false),
    }
}

/// Waits, unless the process is to stop.
async fn pause(time: Duration, stop: &mut Stop) {
    tokio::select! {
        _ = stop.changed() => {}
        () = SystemHost.sleep(time) => {}
    }
}
