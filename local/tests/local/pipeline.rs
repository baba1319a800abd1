//! The pipeline as a whole, in this process.

use std::net::TcpListener;
use std::time::Duration;

use iguazu_audit::Folder;
use iguazu_compact::arrange::Sizes;
use iguazu_lake::adapters::embedded::SqliteLedger;
use iguazu_lake::ids::ChainId;
use iguazu_lake::ports::Ledger;
use iguazu_local::mapping;
use iguazu_local::pipeline::{self, HeldError, PipelineError, Schedule, Settings};
use iguazu_local::stream::{Reader, StreamError};

fn settings(folder: &Folder) -> Settings {
    Settings {
        folder: folder.clone(),
        listen: "127.0.0.1:0".parse().unwrap(),
        streams: vec!["events".parse().unwrap()],
        shards: 2,
        retention_hours: 24,
        shard_limits: false,
        contracts: None,
        table: None,
        secrets: iguazu_transform::Secrets::default(),
        mapping: mapping::Settings::default(),
        schedule: Schedule {
            compact_every: Duration::from_millis(50),
            sweep_every: Duration::from_millis(50),
            grace: Duration::from_secs(3_600),
        },
        buckets: 1,
        sizes: Sizes::default(),
    }
}

#[test]
fn it_starts_stops_and_starts_again_over_the_same_folder() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::at(root.path().join("data"));
    for _ in 0..2 {
        let running = pipeline::start(&settings(&folder)).unwrap();
        let address = std::fs::read_to_string(folder.address()).unwrap();
        assert_eq!(address, format!("http://{}\n", running.address));
        assert!(std::net::TcpStream::connect(running.address).is_ok());
        running.stop();
        assert!(!folder.address().exists());
    }
    let (streams, _) = Reader::open(&folder.stream()).unwrap().streams().unwrap();
    assert_eq!(streams.len(), 1);
}

#[test]
fn what_it_needs_and_cannot_have_is_told_and_nothing_runs() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::at(root.path().join("data"));
    let running = pipeline::start(&settings(&folder)).unwrap();
    let refused = pipeline::start(&settings(&folder)).err().unwrap();
    assert!(matches!(refused, PipelineError::Held(HeldError::InUse { .. })), "{refused}");
    running.stop();

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let refused = pipeline::start(&Settings { listen, ..settings(&folder) }).err().unwrap();
    assert!(matches!(refused, PipelineError::Listen { .. }), "{refused}");
    drop(taken);

    let contracts = root.path().join("contracts");
    let refused = pipeline::start(&Settings { contracts: Some(contracts), ..settings(&folder) }).err().unwrap();
    assert!(matches!(refused, PipelineError::Contracts(_)), "{refused}");

    // A page in the middle of the file and its head are not as they were written.
    let bytes = std::fs::read(folder.stream()).unwrap();
    std::fs::write(folder.stream(), vec![0xAB; bytes.len()]).unwrap();
    let refused = pipeline::start(&settings(&folder)).err().unwrap();
    assert!(matches!(refused, PipelineError::Stream { source: StreamError::Sqlite { .. }, .. }), "{refused}");
    std::fs::write(folder.stream(), bytes).unwrap();
    pipeline::start(&settings(&folder)).unwrap().stop();
}

#[test]
fn a_lake_without_its_ledger_or_a_table_without_its_contract_is_not_taken_for_a_new_one() {
    let root = tempfile::tempdir().unwrap();
    let folder = Folder::at(root.path().join("data"));
    let contracts = root.path().join("contracts");
    std::fs::create_dir_all(&contracts).unwrap();
    std::fs::write(contracts.join("orders.toml"), "table = \"orders\"\nversion = 1\ntypes = [\"order.*\"]\n").unwrap();
    let given = Settings { contracts: Some(contracts), ..settings(&folder) };
    pipeline::start(&given).unwrap().stop();
    let chain = ChainId::Bucket { table: "orders".parse().unwrap(), epoch: 0, bucket: 0 };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let ledger = SqliteLedger::open(folder.ledger()).unwrap();
    runtime.block_on(ledger.register(&chain)).unwrap();
    drop(ledger);

    std::fs::remove_dir_all(folder.contracts()).unwrap();
    let refused = pipeline::start(&settings(&folder)).err().unwrap();
    assert!(matches!(refused, PipelineError::NoContract { .. }), "{refused}");
    assert!(!folder.table().exists(), "a start that is refused changes nothing");
    pipeline::start(&given).unwrap().stop();
    assert!(folder.contracts().join("orders.toml").exists());

    std::fs::create_dir_all(folder.lake().join("raw/orders")).unwrap();
    std::fs::rename(folder.ledger(), folder.path().join("elsewhere")).unwrap();
    let refused = pipeline::start(&settings(&folder)).err().unwrap();
    assert!(matches!(refused, PipelineError::LedgerGone { .. }), "{refused}");
}
