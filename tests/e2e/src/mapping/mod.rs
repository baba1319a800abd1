//! The event source mapping: from the shards of the stream to ingest, by the Kinesis API.
//!
//! What a batch's outcome means for what comes next is decided by the cursor of the mapping on one machine; here it is
//! fed from Kinesis. Checkpoints live as long as the process.
//!
//! - [`given_up`]: what it gives up, and how that comes back.
//! - [`stream`]: the calls of the Kinesis API.
//! - [`shard`]: a poller of one shard.

pub mod given_up;
pub mod shard;
pub mod stream;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_local::mapping::Settings;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::given_up::GivenUp;
use self::shard::{Poller, Progress};
use self::stream::{Shard, Stream};
use crate::chaos::{gives_up, second_poller};
use crate::lambda::function::Function;
use crate::proxy::Weather;
use crate::tally::What;

/// How often it is looked for new shards.
const LOOK: Duration = Duration::from_millis(700);

/// A wrong thing that the mapping does on purpose, to show that the proof finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defect {
    /// None.
    None,
    /// It takes so many failed batches for done.
    Lose(u64),
}

/// The mapping of a stream to a function.
pub struct Mapping {
    stream: Stream,
    function: Arc<Function>,
    weather: Arc<Weather>,
    settings: Settings,
    defect: Mutex<Defect>,
    given_up: Arc<GivenUp>,
    failed: AtomicU64,
    progress: Mutex<BTreeMap<String, Progress>>,
    /// How often all was to be looked at again.
    look: AtomicU64,
    /// At which of these looks the stream was listed last, and how many shards were left to begin.
    listed: Mutex<Option<(u64, usize)>>,
}

/// How far the pollers have come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Shards that are known.
    pub shards: usize,
    /// Those that are read to their end.
    pub ended: usize,
    /// Those that have records left, or may have.
    pub behind: usize,
    /// Those that are not begun yet, by a list of the stream that was asked for since all was to be looked at again; nothing
    /// where there is no such list, since a shard that was made at the very end may be in none before.
    pub waiting: Option<usize>,
    /// Batches that were given up and are not driven again yet.
    pub given_up: u64,
    /// Records that were read.
    pub read: u64,
}

impl Standing {
    /// Whether all there was has been handed to the function and done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.behind == 0 && self.waiting == Some(0) && self.given_up == 0
    }
}

impl Mapping {
    /// A mapping.
    #[must_use]
    pub fn new(
        stream: Stream,
        function: Arc<Function>,
        weather: Arc<Weather>,
        given_up: Arc<GivenUp>,
        defect: Defect,
    ) -> Arc<Self> {
        let settings = Settings { batch_window: Duration::from_millis(600), ..Settings::default() };
        Arc::new(Self {
            stream,
            function,
            weather,
            settings,
            defect: Mutex::new(defect),
            given_up,
            failed: AtomicU64::new(0),
            progress: Mutex::default(),
            look: AtomicU64::new(0),
            listed: Mutex::default(),
        })
    }

    /// How far it has come.
    #[must_use]
    pub fn standing(&self) -> Standing {
        let look = self.look.load(Ordering::SeqCst);
        let listed = *self.listed.lock().unwrap_or_else(PoisonError::into_inner);
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        Standing {
            waiting: listed.filter(|(at, _)| *at == look).map(|(_, waiting)| waiting),
            shards: progress.len(),
            ended: progress.values().filter(|shard| shard.ended).count(),
            behind: progress.values().filter(|shard| !shard.ended && shard.looks_empty < 2).count(),
            given_up: self.given_up.left(),
            read: progress.values().map(|shard| shard.read).sum(),
        }
    }

    /// Notes that all has to be looked at again before a shard counts as read.
    pub fn look_again(&self) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        progress.values_mut().for_each(|shard| shard.looks_empty = 0);
        self.look.fetch_add(1, Ordering::SeqCst);
    }

    /// Runs until `stop` says so.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let (mut begun, mut pollers) = (BTreeSet::new(), JoinSet::new());
        while !*stop.borrow() {
            let look = self.look.load(Ordering::SeqCst);
            match self.stream.shards().await {
                Ok(shards) => {
                    self.count(&shards);
                    for shard in self.ready(&shards, &begun) {
                        begun.insert(shard.id.clone());
                        self.begin(shard, &mut pollers, &stop);
                    }
                    let waiting = shards.iter().filter(|shard| !begun.contains(&shard.id)).count();
                    *self.listed.lock().unwrap_or_else(PoisonError::into_inner) = Some((look, waiting));
                }
                Err(problem) => eprintln!("the shards cannot be listed, and are asked for again: {problem}"),
            }
            SystemHost.sleep(LOOK).await;
        }
        while pollers.join_next().await.is_some() {}
    }

    fn begin(self: &Arc<Self>, shard: Shard, pollers: &mut JoinSet<()>, stop: &watch::Receiver<bool>) {
        let progress = Progress::default();
        self.progress.lock().unwrap_or_else(PoisonError::into_inner).insert(shard.id.clone(), progress);
        // A second poller would bring what the defect is to lose.
        let sound = *self.defect.lock().unwrap_or_else(PoisonError::into_inner) == Defect::None;
        let second = second_poller(self.weather.seed, shard.number()).filter(|_| sound);
        let poller = |is_second| Poller::new(Arc::clone(self), shard.id.clone(), is_second, stop.clone());
        let first = poller(false);
        pollers.spawn(async move { first.run().await });
        if let Some(after) = second {
            let poller = poller(true);
            pollers.spawn(async move {
                SystemHost.sleep(after).await;
                poller.run().await;
            });
        }
    }

    /// Shards that are not polled yet and whose parents are read to the end. A parent that is not listed is gone.
    fn ready(&self, shards: &[Shard], begun: &BTreeSet<String>) -> Vec<Shard> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let read = |parent: &String| {
            let listed = shards.iter().any(|shard| shard.id == *parent);
            !listed || progress.get(parent).is_some_and(|parent| parent.ended)
        };
        let ready = |shard: &&Shard| !begun.contains(&shard.id) && shard.parents.iter().all(read);
        shards.iter().filter(ready).cloned().collect()
    }

    fn count(&self, shards: &[Shard]) {
        let by_parents = |count: usize| shards.iter().filter(|shard| shard.parents.len() == count).count() as u64;
        self.weather.tally.set(What::Splits, by_parents(1) / 2);
        self.weather.tally.set(What::Merges, by_parents(2));
    }

    fn note(&self, shard: &str, change: impl FnOnce(&mut Progress)) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = progress.get_mut(shard) {
            change(progress);
        }
    }

    /// Whether a batch that has failed is to be given up.
    fn gives_up(&self) -> bool {
        let sound = *self.defect.lock().unwrap_or_else(PoisonError::into_inner) == Defect::None;
        sound && gives_up(self.weather.seed, self.failed.fetch_add(1, Ordering::Relaxed))
    }

    /// Whether a failed batch is to be taken for done.
    fn loses(&self) -> bool {
        let mut defect = self.defect.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *defect {
            Defect::Lose(left) if *left > 0 => {
                *left -= 1;
                true
            }
            _ => false,
        }
    }
}
