//! The pollers: a task per shard, begun when its parents are read to the end.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
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

/// Connections that all pollers share: one each would be as many open files as there are shards.
const READERS: usize = 4;

/// The mapping of every stream of a store to a function.
pub struct Mapping<F> {
    function: F,
    settings: Settings,
    writer: Writer,
    readers: Vec<Mutex<Reader>>,
    failures: PathBuf,
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
    /// A mapping of the store at `store`, which `writer` writes. What is given up is kept in the folder `failures`.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(
        function: F,
        settings: Settings,
        writer: Writer,
        store: &Path,
        failures: PathBuf,
    ) -> Result<Self, StreamError> {
        let readers = (0..READERS).map(|_| Ok(Mutex::new(Reader::open(store)?))).collect::<Result<_, StreamError>>()?;
        Ok(Self { function, settings, writer, readers, failures })
    }

    /// Reads the store by the connection of a shard.
    fn read<T>(&self, shard: i64, work: impl FnOnce(&Reader) -> Result<T, StreamError>) -> Result<T, StreamError> {
        let index = usize::try_from(shard).unwrap_or(0) % self.readers.len();
        // A reader holds nothing that a panic elsewhere could leave half changed.
        work(&self.readers[index].lock().unwrap_or_else(PoisonError::into_inner))
    }

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
                    // Its shard would stand still and look as if nothing arrived, so the whole mapping ends for it.
                    tracing::error!(%error, "a poller died");
                    return;
                }
            }
        }
        while tasks.join_next().await.is_some() {}
    }

    /// Shards that are not polled yet and whose parents are read to the end.
    fn ready(&self, begun: &BTreeSet<i64>) -> Result<Vec<ShardTask>, StreamError> {
        let known = self.writer.known();
        let mut ready = Vec::new();
        for ((name, number), key) in &known.keys {
            let Some(shard) = known.streams.get(name).and_then(|stream| stream.shards.get(number)) else { continue };
            if begun.contains(key) {
                continue;
            }
            let read = |parent: &u32| self.read_to_the_end(&known, name, *parent);
            if shard.parents.iter().map(read).all(|read| matches!(read, Ok(true))) {
                let created_ms = known.streams.get(name).map_or(0, |stream| stream.created_ms);
                let source = Source { stream: name.clone(), created_ms, shard: *number };
                ready.push(ShardTask { source, key: *key, closed: shard.closed });
            }
        }
        Ok(ready)
    }

    fn read_to_the_end(&self, known: &Known, stream: &StreamName, shard: u32) -> Result<bool, StreamError> {
        let found = || {
            let closed = known.streams.get(stream)?.shards.get(&shard)?.closed?;
            Some((closed, *known.keys.get(&(stream.clone(), shard))?))
        };
        match found() {
            Some((closed, key)) => Ok(self.read(key, |reader| reader.checkpoint(key))?.position >= closed),
            None => Ok(false),
        }
    }

    async fn poll(&self, mut task: ShardTask, mut stop: Stop) {
        let mut cursor = loop {
            match self.read(task.key, |reader| reader.checkpoint(task.key)) {
                Ok(checkpoint) => break Cursor::of(&checkpoint),
                Err(error) => tracing::error!(%error, shard = task.source.shard, "the checkpoint cannot be read"),
            }
            pause(STORE_WAIT, &mut stop).await;
            if *stop.borrow() {
                return;
            }
        };
        let mut news = self.writer.newest();
        while !*stop.borrow() {
            news.mark_unchanged();
            let page = match self.page(&task, &cursor) {
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
                self.page(&task, &cursor).unwrap_or(page)
            };
            self.batch(&task, &mut cursor, page, &mut stop).await;
        }
    }

    /// What comes next, as far as one payload reaches.
    fn page(&self, task: &ShardTask, cursor: &Cursor) -> Result<Vec<Stored>, StreamError> {
        let limits =
            PageLimits { records: self.settings.batch_records_max, bytes: self.settings.payload_bytes_max / 4 * 3 };
        let until = cursor.until().unwrap_or(u64::MAX);
        let mut page = self.read(task.key, |reader| reader.page(task.key, cursor.position, until, limits))?;
        let sizes = page.iter().map(|record| (record.partition_key.len(), record.data.len()));
        page.truncate(payload::fitting(sizes, self.settings.payload_bytes_max));
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
        // A panic of the handler is a failed invocation, as on Lambda, and must not end the shard.
        let invoked = AssertUnwindSafe(self.function.invoke(text, deadline)).catch_unwind().await;
        match invoked.unwrap_or_else(|_| Err("the handler panicked".to_owned())) {
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

/// Waits, unless the process is to stop.
async fn pause(time: Duration, stop: &mut Stop) {
    tokio::select! {
        _ = stop.changed() => {}
        () = SystemHost.sleep(time) => {}
    }
}
