//! The mapping over a real store: every record is handed over until it is done, whatever the function answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use iguazu_ingest::invocation::Invocation;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::Timestamp;
use iguazu_local::mapping::poll::Mapping;
use iguazu_local::mapping::{Function, Settings, failures};
use iguazu_local::stream::writer::Change;
use iguazu_local::stream::{Reader, Writer};
use iguazu_transform::Payload;
use serde_json::json;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::stream::{NOW, entry, store};

/// A batch as a function sees it: the shard, and the sequence number and text of each record.
type Batch = (String, Vec<(String, String)>);

/// What a function answers to a batch.
type Script = dyn Fn(&Batch) -> Result<String, String> + Send + Sync;

/// A function that answers by what it is told to, and remembers all it was handed.
#[derive(Clone)]
struct Scripted {
    answer: Arc<Script>,
    seen: Arc<Mutex<Vec<Batch>>>,
}

impl Scripted {
    fn new(answer: impl Fn(&Batch) -> Result<String, String> + Send + Sync + 'static) -> Self {
        Self { answer: Arc::new(answer), seen: Arc::default() }
    }

    /// How often each text was in a batch that was answered with plain success.
    fn done(&self) -> BTreeMap<String, usize> {
        let mut done = BTreeMap::new();
        for batch in
            self.seen.lock().unwrap().iter().filter(|batch| (self.answer)(batch).is_ok_and(|text| text == "{}"))
        {
            for (_, text) in &batch.1 {
                *done.entry(text.clone()).or_insert(0) += 1;
            }
        }
        done
    }
}

impl Function for Scripted {
    async fn invoke(&self, payload: Bytes, _deadline: Timestamp) -> Result<Bytes, String> {
        let invocation = Invocation::parse(&payload).unwrap();
        let ((_, shard), records) = invocation.shards.into_iter().next().unwrap();
        let text = |payload: &Payload| match payload {
            Payload::Data(data) => String::from_utf8(data.to_vec()).unwrap(),
            _ => panic!("data that cannot be read"),
        };
        let records = records.iter().map(|record| (record.sequence.to_string(), text(&record.payload))).collect();
        let batch = (shard.to_string(), records);
        let answer = (self.answer)(&batch);
        self.seen.lock().unwrap().push(batch);
        answer.map(Bytes::from)
    }
}

fn settings() -> Settings {
    Settings { batch_records_max: 8, batch_window: Duration::from_millis(1), ..Settings::default() }
}

/// Runs the mapping until nothing is behind.
async fn drain(folder: &TempDir, writer: &Writer, function: &Scripted, settings: Settings) {
    let path = folder.path().join("stream.sqlite");
    let failures = folder.path().join("failures");
    let mapping = Mapping::new(function.clone(), settings, writer.clone(), &path, failures).unwrap();
    let (stop, stopping) = watch::channel(false);
    let mut running = JoinSet::new();
    running.spawn(mapping.run(stopping));
    let reader = Reader::open(&path).unwrap();
    // A bound that only a defect reaches.
    for _ in 0..6_000 {
        let progress = reader.progress().unwrap();
        let read =
            |shard: &iguazu_local::stream::Progress| shard.behind_records == 0 && (shard.open || shard.checkpoint > 0);
        if progress.iter().all(read) {
            stop.send(true).unwrap();
            running.join_all().await;
            return;
        }
        SystemHost.sleep(Duration::from_millis(10)).await;
    }
    panic!("the mapping does not come to an end: {:?}", reader.progress().unwrap());
}

async fn put(writer: &Writer, from: usize, to: usize) {
    let entries = (from..to).map(|n| entry(&n.to_string(), &format!("{n}"))).collect();
    writer.put("events".parse().unwrap(), entries, NOW).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_record_is_handed_over_once_and_in_order_where_nothing_fails() {
    let (folder, writer) = store(2, false).await;
    put(&writer, 0, 200).await;
    let function = Scripted::new(|_| Ok("{}".into()));
    drain(&folder, &writer, &function, settings()).await;
    let done = function.done();
    assert_eq!((done.len(), done.values().max()), (200, Some(&1)));
    let seen = function.seen.lock().unwrap();
    assert!(seen.iter().all(|(_, records)| records.len() <= 8));
    for shard in ["shardId-000000000000", "shardId-000000000001"] {
        let of = seen.iter().filter(|(of, _)| of == shard).flat_map(|(_, records)| records);
        assert!(of.map(|(sequence, _)| sequence).is_sorted());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_bad_record_is_given_up_alone_and_kept_and_all_others_are_done() {
    let (folder, writer) = store(1, false).await;
    put(&writer, 0, 40).await;
    let poison = |batch: &Batch| batch.1.iter().any(|(_, text)| text == "17");
    let function = Scripted::new(move |batch| if poison(batch) { Err("it broke".into()) } else { Ok("{}".into()) });
    drain(&folder, &writer, &function, Settings { retries_max: Some(1), ..settings() }).await;
    let done = function.done();
    assert_eq!((done.len(), done.contains_key("17")), (39, false));
    let kept = failures::list(&folder.path().join("failures")).unwrap();
    assert_eq!(kept.len(), 1);
    let invocation = Invocation::parse(failures::read(&kept[0]).unwrap().as_bytes()).unwrap();
    assert_eq!(invocation.shards.values().map(Vec::len).sum::<usize>(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_partial_answer_repeats_nothing_that_is_done() {
    let (folder, writer) = store(1, false).await;
    put(&writer, 0, 40).await;
    // It takes three records of a batch at most.
    let function = Scripted::new(|batch| match batch.1.get(3) {
        Some((sequence, _)) => Ok(json!({ "batchItemFailures": [{ "itemIdentifier": sequence }] }).to_string()),
        None => Ok("{}".into()),
    });
    drain(&folder, &writer, &function, settings()).await;
    let seen = function.seen.lock().unwrap();
    let taken: Vec<_> =
        seen.iter().flat_map(|(_, records)| records.iter().take(3)).map(|(_, text)| text.clone()).collect();
    assert_eq!(taken, (0..40).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_begin_when_their_parents_are_read_to_the_end() {
    let (folder, writer) = store(1, false).await;
    let stream: iguazu_lake::ids::StreamName = "events".parse().unwrap();
    put(&writer, 0, 30).await;
    writer.change(stream.clone(), Change::Split { shard: 0, at: u128::MAX / 2 }).await.unwrap();
    put(&writer, 30, 60).await;
    writer.change(stream.clone(), Change::Merge { shard: 1, adjacent: 2 }).await.unwrap();
    put(&writer, 60, 90).await;
    let function = Scripted::new(|_| Ok("{}".into()));
    drain(&folder, &writer, &function, settings()).await;
    assert_eq!(function.done().len(), 90);
    let seen = function.seen.lock().unwrap();
    let generation = |shard: &str| match shard.as_bytes()[shard.len() - 1] {
        b'0' => 0,
        b'1' | b'2' => 1,
        _ => 2,
    };
    assert!(seen.iter().map(|(shard, _)| generation(shard)).is_sorted(), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_next_process_goes_on_from_the_checkpoint() {
    let (folder, writer) = store(1, false).await;
    put(&writer, 0, 20).await;
    let first = Scripted::new(|_| Ok("{}".into()));
    drain(&folder, &writer, &first, settings()).await;
    drop(writer);
    let (writer, _) = Writer::open(&folder.path().join("stream.sqlite"), false).unwrap();
    put(&writer, 20, 25).await;
    let second = Scripted::new(|_| Ok("{}".into()));
    drain(&folder, &writer, &second, settings()).await;
    assert_eq!(second.done().into_keys().collect::<Vec<_>>(), ["20", "21", "22", "23", "24"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_old_is_kept_and_not_tried() {
    let (folder, writer) = store(1, false).await;
    // They arrived long before the clock of this machine.
    let entries = (0..5).map(|n| entry("k", &n.to_string())).collect();
    writer.put("events".parse().unwrap(), entries, Timestamp::from_millis(1_000)).await.unwrap();
    let function = Scripted::new(|_| Ok("{}".into()));
    let settings = Settings { record_age_max: Some(Duration::from_secs(3_600)), ..settings() };
    drain(&folder, &writer, &function, settings).await;
    assert_eq!(function.seen.lock().unwrap().len(), 0);
    assert_eq!(failures::list(&folder.path().join("failures")).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_panics_has_failed_and_the_shard_goes_on() {
    let (folder, writer) = store(1, false).await;
    put(&writer, 0, 20).await;
    let panics = |batch: &Batch| batch.1.iter().any(|(_, text)| text == "7");
    let function = Scripted::new(move |batch| if panics(batch) { panic!("a defect") } else { Ok("{}".into()) });
    drain(&folder, &writer, &function, Settings { retries_max: Some(0), ..settings() }).await;
    let handed: std::collections::BTreeSet<_> =
        function.seen.lock().unwrap().iter().flat_map(|batch| batch.1.iter().map(|(_, text)| text.clone())).collect();
    assert_eq!((handed.len(), handed.contains("7")), (19, false));
    assert_eq!(failures::list(&folder.path().join("failures")).unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn children_begin_although_a_checkpoint_of_their_parent_could_not_be_kept() {
    let (folder, writer) = store(1, false).await;
    put(&writer, 0, 10).await;
    writer.change("events".parse().unwrap(), Change::Split { shard: 0, at: u128::MAX / 2 }).await.unwrap();
    put(&writer, 10, 20).await;
    let other = rusqlite::Connection::open(folder.path().join("stream.sqlite")).unwrap();
    // The parent's checkpoint cannot be kept until somebody says so.
    other
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE INSERT ON checkpoints WHEN NEW.shard = 1 AND NOT EXISTS (SELECT * FROM looked)
             BEGIN SELECT RAISE(ABORT, 'no'); END;
             CREATE TABLE looked (n INTEGER);",
        )
        .unwrap();
    let function = Scripted::new(move |_| Ok("{}".into()));
    let looking = {
        let function = function.clone();
        let path = folder.path().join("stream.sqlite");
        std::thread::spawn(move || {
            // Until the parent's records were handed over more than once it is refused, and then taken.
            let other = rusqlite::Connection::open(path).unwrap();
            while function.seen.lock().unwrap().len() < 2 {
                std::thread::yield_now();
            }
            other.busy_timeout(Duration::from_secs(10)).unwrap();
            other.execute_batch("INSERT INTO looked VALUES (1)").unwrap();
        })
    };
    drain(&folder, &writer, &function, settings()).await;
    looking.join().unwrap();
    assert_eq!(function.done().len(), 20);
}
