//! A function: its containers, and what befalls them.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use tokio::sync::Semaphore;

use super::container::{Container, Image};
use crate::background::spawn;
use crate::chaos::{Mishap, Plan, plan};
use crate::guardian::{Guardian, Signal};
use crate::proxy::Weather;
use crate::tally::What;

/// How long a woken process has to answer before it is killed.
const LATE_ANSWER_MAX: Duration = Duration::from_secs(20);

/// Which counters a function has.
#[derive(Clone, Copy, Debug)]
pub struct Counters {
    /// Invocations.
    pub invocations: What,
    /// Kills.
    pub kills: What,
    /// Freezes.
    pub freezes: What,
}

/// How an invocation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failed {
    /// The function said so.
    Error(String),
    /// There was no answer in time.
    TimedOut,
    /// The process ended.
    Exited,
}

/// What happened while an invocation was waited for.
enum Came {
    Answer(Result<Bytes, String>),
    End,
    Mishap,
    Limit,
}

/// A function.
pub struct Function {
    image: Image,
    counters: Counters,
    limit: Duration,
    logs: PathBuf,
    guardian: Arc<Guardian>,
    weather: Arc<Weather>,
    concurrency: Semaphore,
    invocations: AtomicU64,
    containers: AtomicU64,
    idle: Mutex<Vec<Arc<Container>>>,
    all: Mutex<Vec<Arc<Container>>>,
}

/// How a function is set.
pub struct Settings {
    /// What its containers are started from.
    pub image: Image,
    /// What is counted.
    pub counters: Counters,
    /// How long an invocation may take.
    pub limit: Duration,
    /// How many may be under way at once.
    pub concurrency: usize,
    /// Where containers' output goes.
    pub logs: PathBuf,
}

fn held<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Function {
    /// A function without a container.
    #[must_use]
    pub fn new(settings: Settings, guardian: Arc<Guardian>, weather: Arc<Weather>) -> Self {
        let Settings { image, counters, limit, concurrency, logs } = settings;
        Self {
            image,
            counters,
            limit,
            logs,
            guardian,
            weather,
            concurrency: Semaphore::new(concurrency),
            invocations: AtomicU64::new(0),
            containers: AtomicU64::new(0),
            idle: Mutex::default(),
            all: Mutex::default(),
        }
    }

    /// The function's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.image.function
    }

    /// Invokes it, and lets happen what is to happen to this invocation.
    ///
    /// # Errors
    /// Where the invocation failed.
    pub async fn invoke(self: &Arc<Self>, payload: Bytes) -> Result<Bytes, Failed> {
        let _permit = self.concurrency.acquire().await.map_err(|_| Failed::Exited)?;
        let number = self.invocations.fetch_add(1, Ordering::Relaxed);
        self.weather.tally.add(self.counters.invocations);
        let mut plan = plan(self.weather.seed, self.name(), number);
        if self.weather.calm.load(Ordering::Relaxed) {
            plan.mishap = None;
        }
        let container = self.container().await.map_err(|error| Failed::Error(format!("no container: {error}")))?;
        let told = match plan.mishap {
            Some(Mishap::Hurry(limit)) => limit,
            _ => self.limit,
        };
        let request = format!("{}-{number}", self.name());
        let mut answer = container.hand(request, payload, SystemHost.now().plus(told));
        let (moment, mishap) = match plan.mishap {
            Some(Mishap::Kill(moment) | Mishap::Freeze(moment) | Mishap::Hurry(moment)) => (moment, true),
            None => (self.limit, false),
        };
        let came = tokio::select! {
            Ok(answer) = &mut answer => Came::Answer(answer),
            () = container.ended() => Came::End,
            () = SystemHost.sleep(moment) => if mishap { Came::Mishap } else { Came::Limit },
        };
        match came {
            Came::Answer(answer) => self.answered(container, answer),
            Came::End => Err(Failed::Exited),
            // The answer may have come just now.
            Came::Mishap | Came::Limit if !container.give_up() => match answer.await {
                Ok(answer) => self.answered(container, answer),
                Err(_) => Err(Failed::Exited),
            },
            Came::Mishap => Err(self.befall(container, plan)),
            Came::Limit => Err(self.freeze(container, plan)),
        }
    }

    fn answered(&self, container: Arc<Container>, answer: Result<Bytes, String>) -> Result<Bytes, Failed> {
        held(&self.idle).push(container);
        answer.map_err(|error| {
            self.weather.tally.add(What::Errors);
            Failed::Error(error)
        })
    }

    fn befall(self: &Arc<Self>, container: Arc<Container>, plan: Plan) -> Failed {
        if !matches!(plan.mishap, Some(Mishap::Kill(_))) {
            return self.freeze(container, plan);
        }
        self.weather.tally.add(self.counters.kills);
        signal(&container, Signal::Kill);
        Failed::Exited
    }

    /// Stops the process where it is; later it goes on, and finds that nobody wants its answer.
    fn freeze(self: &Arc<Self>, container: Arc<Container>, plan: Plan) -> Failed {
        let tally = &self.weather.tally;
        tally.add(self.counters.freezes);
        tally.add(What::Timeouts);
        signal(&container, Signal::Stop);
        let function = Arc::clone(self);
        spawn(async move {
            let mut late = container.late_answers();
            SystemHost.sleep(plan.frozen).await;
            signal(&container, Signal::Continue);
            function.weather.tally.add(What::Wakes);
            let answered = tokio::select! {
                answered = late.wait_for(|late| *late > 0) => answered.is_ok(),
                () = container.ended() => false,
                () = SystemHost.sleep(LATE_ANSWER_MAX) => false,
            };
            if answered && plan.used_again && late.borrow().eq(&1) {
                function.weather.tally.add(What::UsedAgain);
                held(&function.idle).push(container);
            } else {
                signal(&container, Signal::Kill);
            }
        });
        Failed::TimedOut
    }

    /// A container that is free, or a new one.
    async fn container(&self) -> io::Result<Arc<Container>> {
        loop {
            match held(&self.idle).pop() {
                Some(container) if container.has_ended() => {}
                Some(container) => return Ok(container),
                None => break,
            }
        }
        let number = self.containers.fetch_add(1, Ordering::Relaxed);
        let (guardian, tally) = (Arc::clone(&self.guardian), Arc::clone(&self.weather.tally));
        let container = Container::start(&self.image, number, &self.logs, guardian, tally).await?;
        self.weather.tally.add(What::Containers);
        let container = Arc::new(container);
        held(&self.all).push(Arc::clone(&container));
        Ok(container)
    }

    /// Ends all containers, frozen ones too.
    pub async fn end(&self) {
        let all = std::mem::take(&mut *held(&self.all));
        for container in &all {
            signal(container, Signal::Kill);
        }
        for container in &all {
            container.ended().await;
        }
    }
}

fn signal(container: &Container, signal: Signal) {
    if let Err(error) = container.signal(signal) {
        eprintln!("{}: {signal}: {error}", container.name);
    }
}
