//! The whole pipeline in one process: endpoint, mapping, ingest, compaction and sweep over one data folder.
//!
//! Every part has threads of its own, named after it, so that one does not starve another and an operator can see what
//! takes the time: `endpoint`, `stream-writer`, `ingest`, `compact`.
//!
//! All that is remembered is in the data folder, and each part can be killed at any moment: the stream is durable before
//! a put is answered, checkpoints follow commits, and what comes twice is known by the ledger.

mod agreement;
mod compaction;
mod contracts;
mod function;
mod held;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use iguazu_audit::Folder;
use iguazu_compact::arrange::Sizes;
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{StreamName, TableName};
use iguazu_lake::ports::PortError;
use iguazu_transform::Secrets;
use thiserror::Error;
use tokio::runtime::Runtime;
use tokio::sync::watch;

use self::agreement::Committed;
pub use self::compaction::Schedule;
pub use self::contracts::{Contracts, ContractsError};
pub use self::function::{InProcess, ingest, settings as ingest_settings};
pub use self::held::{Held, HeldError};

use crate::endpoint;
use crate::endpoint::operations::Endpoint;
use crate::mapping::{self, poll::Mapping};
use crate::stream::{StreamError, Writer};

/// How the pipeline is set.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where everything is kept.
    pub folder: Folder,
    /// Where the endpoint listens.
    pub listen: SocketAddr,
    /// Streams that are made if they are not there.
    pub streams: Vec<StreamName>,
    /// Shards of a stream that is made.
    pub shards: u32,
    /// Hours that a stream keeps records at least.
    pub retention_hours: u32,
    /// Whether shards take no more than Kinesis' take.
    pub shard_limits: bool,
    /// The folder of contracts, or none: those of the last start, or else the built-in one.
    pub contracts: Option<std::path::PathBuf>,
    /// The table of the built-in contract; without it, that of the last start, or `events`.
    pub table: Option<TableName>,
    /// The secrets that contracts name.
    pub secrets: Secrets,
    /// The mapping.
    pub mapping: mapping::Settings,
    /// When what is compacted and swept.
    pub schedule: Schedule,
    /// Buckets of a new table.
    pub buckets: u32,
    /// How files are merged.
    pub sizes: Sizes,
}

/// Why the pipeline cannot run.
#[derive(Debug, Error)]
pub enum PipelineError {
    /// The folder is in use or cannot be had.
    #[error(transparent)]
    Held(#[from] HeldError),
    /// The contracts are no good.
    #[error(transparent)]
    Contracts(#[from] ContractsError),
    /// The stream's store cannot be opened.
    #[error("the stream in {path} cannot be opened")]
    Stream {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: StreamError,
    },
    /// The ledger or the lake cannot be opened.
    #[error("{path} cannot be opened")]
    Lake {
        /// The file or folder.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: PortError,
    },
    /// There are files, and nothing that says which of them count.
    #[error("the lake holds files, and its ledger {path} is gone")]
    LedgerGone {
        /// Where it should be.
        path: std::path::PathBuf,
    },
    /// A table has lost its contract.
    #[error("the ledger has versions of the table {table}, and no contract in {folder} describes it")]
    NoContract {
        /// The table.
        table: TableName,
        /// Where contracts are kept.
        folder: std::path::PathBuf,
    },
    /// The port cannot be had.
    #[error("the endpoint cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something of the machine failed.
    #[error("{doing}")]
    Machine {
        /// What was tried.
        doing: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// A pipeline that runs.
pub struct Running {
    /// Where the endpoint listens.
    pub address: SocketAddr,
    /// The tables.
    pub tables: Vec<TableName>,
    folder: Folder,
    stop: watch::Sender<bool>,
    threads: Vec<(&'static str, JoinHandle<()>)>,
    _held: Held,
}

fn machine(doing: &'static str) -> impl Fn(io::Error) -> PipelineError {
    move |source| PipelineError::Machine { doing, source }
}

/// Starts the pipeline.
///
/// # Errors
/// Where something that it needs cannot be had. Nothing runs then.
pub fn start(settings: &Settings) -> Result<Running, PipelineError> {
    let folder = &settings.folder;
    let held = Held::take(folder)?;
    let contracts =
        Contracts::in_force(folder, settings.contracts.as_deref(), settings.table.as_ref(), &settings.secrets)?;
    if agreement::ledger_is_gone(folder) {
        return Err(PipelineError::LedgerGone { path: folder.ledger() });
    }
    let at = |path: std::path::PathBuf| move |source| PipelineError::Lake { path, source };
    let objects = DiskObjects::open(folder.lake()).map_err(at(folder.lake()))?;
    let ledger = SqliteLedger::open(folder.ledger()).map_err(at(folder.ledger()))?;
    let stream_error = |source| PipelineError::Stream { path: folder.stream(), source };
    let (writer, writing) = Writer::open(&folder.stream(), settings.shard_limits).map_err(stream_error)?;
    let listening = |source| PipelineError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).map_err(listening)?;
    listener.set_nonblocking(true).map_err(listening)?;
    let address = listener.local_addr().map_err(listening)?;
    let served = Endpoint::new(writer.clone(), &folder.stream(), settings.retention_hours).map_err(stream_error)?;
    let (ingesting, compacting, serving) = (runtime("ingest", 2)?, runtime("compact", 1)?, runtime("endpoint", 2)?);
    let committed = compacting.block_on(agreement::committed(&ledger, &writer.known()));
    agree(folder, committed.map_err(at(folder.ledger()))?, &contracts, &writer)?;
    make_streams(settings, &writer).map_err(stream_error)?;

    let function = InProcess::new(ingest(objects.clone(), ledger.clone(), contracts.catalog.clone(), writer.clone()));
    let mapping = Mapping::new(function, settings.mapping, writer.clone(), &folder.stream(), folder.failures())
        .map_err(stream_error)?;
    let compaction = compaction::Compaction::new(settings, objects, ledger, contracts.contracts.clone(), writer);
    // Everything that is needed is there, so the start is good, and what it changes for the next one may be written.
    contracts.keep()?;
    let text = format!("http://{address}\n");
    std::fs::write(folder.address(), text).map_err(machine("the address cannot be written to the data folder"))?;

    let (stop, stopping) = watch::channel(false);
    let tables = contracts.contracts.iter().map(|contract| contract.table.clone()).collect();
    let mut running = Running {
        address,
        tables,
        folder: folder.clone(),
        stop,
        threads: vec![("stream-writer", writing)],
        _held: held,
    };
    let (mapping_stop, compaction_stop) = (stopping.clone(), stopping.clone());
    let begun = (|| {
        running.threads.push(("ingest", thread("ingest", ingesting, move || mapping.run(mapping_stop))?));
        running.threads.push(("compact", thread("compact", compacting, move || compaction.run(compaction_stop))?));
        running.threads.push(("endpoint", thread("endpoint", serving, move || serve(listener, served, stopping))?));
        Ok(())
    })();
    match begun {
        Ok(()) => Ok(running),
        Err(error) => {
            running.stop();
            Err(error)
        }
    }
}

/// Makes the stream agree with what the ledger holds, and sees that each of its tables has a contract.
fn agree(folder: &Folder, held: Committed, contracts: &Contracts, writer: &Writer) -> Result<(), PipelineError> {
    let described = |table: &TableName| contracts.contracts.iter().any(|contract| contract.table == *table);
    if let Some(table) = held.tables.iter().find(|table| !described(table)) {
        return Err(PipelineError::NoContract { table: table.clone(), folder: folder.contracts() });
    }
    let stream_error = |source| PipelineError::Stream { path: folder.stream(), source };
    let moved = writer.agree_now(held.positions).map_err(stream_error)?;
    if moved > 0 {
        tracing::warn!(shards = moved, "checkpoints were beyond what the ledger holds, and are moved back");
    }
    Ok(())
}

impl Running {
    /// The name of a part that has ended although nobody told it to. The others are of no use then.
    #[must_use]
    pub fn ended(&self) -> Option<&'static str> {
        self.threads.iter().find(|(_, thread)| thread.is_finished()).map(|(name, _)| *name)
    }

    /// Ends the pipeline: what is under way is finished, and nothing new is begun.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        for (part, thread) in self.threads {
            if thread.join().is_err() {
                tracing::error!(part, "a part of the pipeline had died");
            }
        }
        // Whoever looks for it knows then that nobody listens; after a kill it is found out by trying.
        let _ = std::fs::remove_file(self.folder.address());
    }
}

fn make_streams(settings: &Settings, writer: &Writer) -> Result<(), StreamError> {
    let known = writer.known();
    let wanted = settings.streams.iter().filter(|name| !known.streams.contains_key(*name));
    for name in wanted {
        writer.create_now(name.clone(), settings.shards, settings.retention_hours, SystemHost.now())?;
    }
    Ok(())
}

fn runtime(name: &'static str, workers: usize) -> Result<Runtime, PipelineError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .thread_name(name)
        .enable_all()
        .build()
        .map_err(machine("no threads can be started"))
}

/// A thread that runs `work` to its end. What `work` spawns runs on the workers of the runtime.
fn thread<F: Future<Output = ()>>(
    name: &'static str,
    runtime: Runtime,
    work: impl FnOnce() -> F + Send + 'static,
) -> Result<JoinHandle<()>, PipelineError> {
    let run = move || runtime.block_on(work());
    std::thread::Builder::new().name(name.to_owned()).spawn(run).map_err(machine("no threads can be started"))
}

async fn serve(listener: TcpListener, endpoint: Endpoint, mut stop: watch::Receiver<bool>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => {
            tracing::error!(%error, "the endpoint cannot listen");
            return;
        }
    };
    let router = endpoint::router(Arc::new(endpoint));
    let mut ending = stop.clone();
    let serving = axum::serve(listener, router).with_graceful_shutdown(async move {
        let _ = ending.wait_for(|stop| *stop).await;
    });
    // Connections that are kept alive would keep the process alive too.
    let grace = async {
        let _ = stop.wait_for(|stop| *stop).await;
        SystemHost.sleep(Duration::from_secs(2)).await;
    };
    tokio::select! {
        served = serving => {
            if let Err(error) = served {
                tracing::error!(%error, "the endpoint failed");
            }
        }
        () = grace => {}
    }
}
