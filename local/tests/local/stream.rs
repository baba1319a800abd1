//! The stream's store: what was answered is there, in order, also for the next process.

use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use iguazu_local::stream::store::PageLimits;
use iguazu_local::stream::writer::Change;
use iguazu_local::stream::{Checkpoint, Entry, Reader, StreamError, Writer, topology};
use tempfile::TempDir;

pub const EVERYTHING: PageLimits = PageLimits { records: 1_000_000, bytes: usize::MAX };
pub const NOW: Timestamp = Timestamp::from_millis(1_795_219_200_000);

pub fn entry(key: &str, data: &str) -> Entry {
    Entry { hash: topology::hash(key), partition_key: key.to_owned(), data: Bytes::from(data.to_owned()) }
}

/// A store with the stream `events` of so many shards.
pub async fn store(shards: u32, limited: bool) -> (TempDir, Writer) {
    let folder = tempfile::tempdir().unwrap();
    let (writer, _) = Writer::open(&folder.path().join("stream.sqlite"), limited).unwrap();
    writer.create("events".parse().unwrap(), shards, 24, NOW).await.unwrap();
    (folder, writer)
}

fn reader(folder: &TempDir) -> Reader {
    Reader::open(&folder.path().join("stream.sqlite")).unwrap()
}

fn texts(reader: &Reader, shard: i64) -> Vec<String> {
    let page = reader.page(shard, 0, u64::MAX, EVERYTHING).unwrap();
    page.into_iter().map(|record| String::from_utf8(record.data.to_vec()).unwrap()).collect()
}

#[tokio::test]
async fn what_was_answered_is_there_in_the_order_of_the_answers_also_for_the_next_process() {
    let (folder, writer) = store(1, false).await;
    let stream: iguazu_lake::ids::StreamName = "events".parse().unwrap();
    let mut placed = Vec::new();
    for round in 0..5 {
        let entries = (0..3).map(|n| entry("k", &format!("{round}.{n}"))).collect();
        let (_, answers) = writer.put(stream.clone(), entries, NOW).await.unwrap();
        placed.extend(answers.into_iter().map(|answer| answer.unwrap().position));
    }
    assert!(placed.is_sorted(), "{placed:?}");
    let all: Vec<_> = (0..5).flat_map(|round| (0..3).map(move |n| format!("{round}.{n}"))).collect();
    assert_eq!(texts(&reader(&folder), 1), all);
    let known = writer.known();
    drop(writer);

    let (again, _) = Writer::open(&folder.path().join("stream.sqlite"), false).unwrap();
    assert_eq!(again.known().streams, known.streams);
    let (_, answers) = again.put(stream, vec![entry("k", "later")], NOW).await.unwrap();
    assert!(answers[0].unwrap().position > placed[14], "positions never come again");
    assert_eq!(texts(&reader(&folder), 1).len(), 16);
}

#[tokio::test]
async fn many_who_put_at_once_each_get_all_of_theirs() {
    let (folder, writer) = store(3, false).await;
    let put = |who: u32| {
        let writer = writer.clone();
        async move {
            for round in 0..20 {
                let entries = (0..5).map(|n| entry(&format!("{who}"), &format!("{who}.{round}.{n}"))).collect();
                writer.put("events".parse().unwrap(), entries, NOW).await.unwrap();
            }
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    (0..16).for_each(|who| drop(tasks.spawn(put(who))));
    tasks.join_all().await;
    let reader = reader(&folder);
    let (_, keys) = reader.streams().unwrap();
    let mut all: Vec<_> = keys.values().flat_map(|key| texts(&reader, *key)).collect();
    for who in 0..16 {
        let shard =
            keys.values().find(|key| texts(&reader, **key).iter().any(|text| text.starts_with(&format!("{who}."))));
        let own: Vec<_> =
            texts(&reader, *shard.unwrap()).into_iter().filter(|text| text.starts_with(&format!("{who}."))).collect();
        let sent: Vec<_> = (0..20).flat_map(|round| (0..5).map(move |n| format!("{who}.{round}.{n}"))).collect();
        assert_eq!(own, sent, "one producer's records of one key stay in order");
    }
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 16 * 20 * 5);
}

#[tokio::test]
async fn a_page_ends_at_its_limits_and_holds_one_record_at_least() {
    let (folder, writer) = store(1, false).await;
    let entries = (0..10).map(|n| entry("k", &"x".repeat(100 * n))).collect();
    writer.put("events".parse().unwrap(), entries, NOW).await.unwrap();
    let reader = reader(&folder);
    let page = |records, bytes| reader.page(1, 0, u64::MAX, PageLimits { records, bytes }).unwrap().len();
    assert_eq!((page(4, usize::MAX), page(100, 310), page(100, 1)), (4, 3, 1));
    let all = reader.page(1, 0, u64::MAX, EVERYTHING).unwrap();
    let middle = reader.page(1, all[2].position, all[5].position, EVERYTHING).unwrap();
    assert_eq!(middle, all[3..=5]);
}

#[tokio::test]
async fn only_what_is_old_and_consumed_is_forgotten() {
    let (folder, writer) = store(1, false).await;
    let stream: iguazu_lake::ids::StreamName = "events".parse().unwrap();
    let at = |hours: i64| Timestamp::from_millis(NOW.millis() + hours * 3_600_000);
    for hours in [0, 1, 2, 30] {
        writer.put(stream.clone(), vec![entry("k", &hours.to_string())], at(hours)).await.unwrap();
    }
    assert_eq!(writer.trim(at(100)).await.unwrap(), 0, "nothing was consumed");
    let second = reader(&folder).page(1, 0, u64::MAX, EVERYTHING).unwrap()[1].position;
    writer.checkpoint(1, Checkpoint { position: second, pending: String::new() }).await.unwrap();
    assert_eq!(writer.trim(at(20)).await.unwrap(), 0, "nothing is old");
    assert_eq!(writer.trim(at(100)).await.unwrap(), 2);
    assert_eq!(texts(&reader(&folder), 1), ["2", "30"]);
    writer.checkpoint(1, Checkpoint { position: second - 1, pending: String::new() }).await.unwrap();
    assert_eq!(reader(&folder).checkpoint(1).unwrap().position, second, "a checkpoint does not go back");
}

#[tokio::test]
async fn progress_counts_what_is_behind_the_checkpoint() {
    let (folder, writer) = store(2, false).await;
    let entries = (0..100).map(|n| entry(&n.to_string(), "{}")).collect();
    writer.put("events".parse().unwrap(), entries, NOW).await.unwrap();
    let before = reader(&folder).progress().unwrap();
    assert_eq!(before.iter().map(|shard| shard.behind_records).sum::<u64>(), 100);
    assert!(before.iter().all(|shard| shard.open && shard.behind_since == Some(NOW)));
    writer.checkpoint(1, Checkpoint { position: before[0].newest, pending: String::new() }).await.unwrap();
    let after = &reader(&folder).progress().unwrap()[0];
    assert_eq!((after.behind_records, after.behind_since, after.newest), (0, None, before[0].newest));
}

#[tokio::test]
async fn a_shard_with_limits_refuses_what_is_beyond_them_and_nothing_else() {
    let (_folder, writer) = store(1, true).await;
    let entries = (0..1_200).map(|n| entry(&n.to_string(), "{}")).collect();
    let (_, answers) = writer.put("events".parse().unwrap(), entries, NOW).await.unwrap();
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1_000);
}

#[tokio::test]
async fn a_refused_change_changes_nothing_for_those_in_the_same_transaction() {
    let (folder, writer) = store(1, false).await;
    let stream: iguazu_lake::ids::StreamName = "events".parse().unwrap();
    let (put, split, none) = tokio::join!(
        writer.put(stream.clone(), vec![entry("k", "here")], NOW),
        writer.change(stream.clone(), Change::Split { shard: 9, at: 5 }),
        writer.put("nowhere".parse().unwrap(), vec![entry("k", "there")], NOW),
    );
    assert!(put.is_ok());
    assert!(matches!(split, Err(StreamError::Topology(topology::TopologyError::NoShard(9)))));
    assert!(matches!(none, Err(StreamError::NoStream(_))));
    assert_eq!(texts(&reader(&folder), 1), ["here"]);
}

#[tokio::test]
async fn a_store_that_cannot_be_written_answers_so_and_goes_on_when_it_can() {
    let (folder, writer) = store(1, false).await;
    let stream: iguazu_lake::ids::StreamName = "events".parse().unwrap();
    let other = rusqlite::Connection::open(folder.path().join("stream.sqlite")).unwrap();
    // As on a full disk, SQLite gives up in the middle of the transaction.
    other.execute_batch("CREATE TRIGGER full BEFORE INSERT ON records WHEN NEW.partition_key = 'last' BEGIN SELECT RAISE(ROLLBACK, 'disk is full'); END").unwrap();
    let (put, created) = tokio::join!(
        writer.put(stream.clone(), vec![entry("k", "1"), entry("last", "2"), entry("k", "3")], NOW),
        writer.create("others".parse().unwrap(), 1, 24, NOW),
    );
    let refused = put.unwrap_err();
    assert!(matches!(&refused, StreamError::Sqlite { .. } | StreamError::Unwritten { .. }), "{refused:?}");
    assert_eq!(texts(&reader(&folder), 1), Vec::<String>::new(), "nothing of it is there");
    let (streams, _) = reader(&folder).streams().unwrap();
    assert_eq!(streams.len(), writer.known().streams.len(), "what is told is what is there");
    assert_eq!(created.is_ok(), streams.len() == 2);
    other.execute_batch("DROP TRIGGER full").unwrap();
    writer.put(stream, vec![entry("last", "4")], NOW).await.unwrap();
    assert_eq!(texts(&reader(&folder), 1), ["4"]);
}

#[test]
fn a_file_of_something_else_or_of_a_newer_program_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream.sqlite");
    let file = rusqlite::Connection::open(&path).unwrap();
    file.execute_batch("CREATE TABLE other (a)").unwrap();
    let refused = Writer::open(&path, false).unwrap_err().to_string();
    assert!(refused.ends_with("it holds something else than the records of a stream; choose another data folder"));
    file.execute_batch("PRAGMA user_version = 7").unwrap();
    let newer = Writer::open(&path, false).unwrap_err().to_string();
    assert!(newer.ends_with("its version is 7, this program knows 1; use the newer program"), "{newer}");
    drop(file);
    std::fs::write(&path, "no database at all, but long enough to look at").unwrap();
    assert!(matches!(Writer::open(&path, false).unwrap_err(), StreamError::Sqlite { .. }));
}

#[test]
fn a_store_that_was_restored_agrees_with_the_ledger_before_anything_is_put() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("stream.sqlite");
    let (writer, _) = Writer::open(&path, false).unwrap();
    let stream: iguazu_lake::ids::StreamName = "events".parse().unwrap();
    writer.create_now(stream.clone(), 1, 24, NOW).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let put = |text: &str| {
        let (_, placed) = runtime.block_on(writer.put(stream.clone(), vec![entry("k", text)], NOW)).unwrap();
        placed[0].unwrap().position
    };
    let (first, second) = (put("1"), put("2"));
    runtime.block_on(writer.checkpoint(1, Checkpoint { position: second, pending: String::new() })).unwrap();
    let committed = |position| [((stream.clone(), 0), position)].into();

    assert_eq!(writer.agree_now(committed(second)).unwrap(), 0);
    assert_eq!(reader(&folder).checkpoint(1).unwrap().position, second);
    // The ledger is older: the second record is in no row of it, and has to be handed over once more.
    assert_eq!(writer.agree_now(committed(first)).unwrap(), 1);
    assert_eq!(reader(&folder).checkpoint(1).unwrap().position, first);
    // The store is older: what rows have committed is not given out again.
    assert_eq!(writer.agree_now(committed(900)).unwrap(), 0);
    assert!(put("3") > 900);
    // The end of a closed shard is no record, and stays.
    runtime.block_on(writer.change(stream.clone(), Change::Split { shard: 0, at: 7 })).unwrap();
    let end = writer.known().streams[&stream].shards[&0].closed.unwrap();
    let last = put("child") - 1;
    assert!(end <= last);
    runtime.block_on(writer.checkpoint(1, Checkpoint { position: end, pending: String::new() })).unwrap();
    assert_eq!(writer.agree_now(committed(end - 1)).unwrap(), 0);
}
