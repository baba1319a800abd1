//! The local adapters pass the suites, alone and several at once, and keep what only they promise.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests: a panic is a finding"
)]

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use iguazu_conformance::ledger::{ROWS_EACH, write_rows};
use iguazu_conformance::objects::{STEPS_EACH, count_steps};
use iguazu_conformance::samples::{key, prefix, row, shard};
use iguazu_conformance::several::Several;
use iguazu_conformance::{ledger_suite, objects_suite};
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};
use iguazu_lake::ids::RowNumber;
use iguazu_lake::keys::KeyPrefix;
use iguazu_lake::ports::{Fault, Ledger, Objects, PortError, PutIfAbsent, PutRow};
use rusqlite::Connection;
use tempfile::TempDir;

/// Hands out adapters, each on a place of its own below one folder that goes away in the end.
struct Places {
    folder: TempDir,
    used: AtomicUsize,
}

impl Places {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), used: AtomicUsize::new(0) }
    }

    fn next(&self) -> std::path::PathBuf {
        self.folder.path().join(self.used.fetch_add(1, Ordering::Relaxed).to_string())
    }
}

/// The fault of a call that changed nothing and never will.
fn lasting<T: std::fmt::Debug>(answer: Result<T, PortError>) -> Fault {
    match answer.unwrap_err() {
        PortError::NotApplied(fault) if !fault.retryable => fault,
        error => panic!("it is lasting, and nothing was applied: {error}"),
    }
}

const CONTENT: Bytes = Bytes::from_static(b"content");

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_disk_passes_the_suite() {
    let places = Places::new();
    objects_suite(|| async { DiskObjects::open(places.next()).unwrap() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_instances_on_one_folder_pass_the_suite() {
    let places = Places::new();
    objects_suite(|| async {
        let folder = places.next();
        Several::new(vec![DiskObjects::open(&folder).unwrap(), DiskObjects::open(&folder).unwrap()])
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_ledger_passes_the_suite() {
    let places = Places::new();
    ledger_suite(|| async { SqliteLedger::open(places.next()).unwrap() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_instances_on_one_ledger_file_pass_the_suite() {
    let places = Places::new();
    ledger_suite(|| async {
        let file = places.next();
        Several::new(vec![SqliteLedger::open(&file).unwrap(), SqliteLedger::open(&file).unwrap()])
    })
    .await;
}

#[tokio::test]
async fn what_was_answered_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let (disk, file) = (folder.path().join("a/b/objects"), folder.path().join("ledger.db"));
    let objects = DiskObjects::open(&disk).unwrap();
    let etag = objects.put(&key("raw/t/x"), CONTENT).await.unwrap();
    drop(objects);
    let found = DiskObjects::open(&disk).unwrap().get(&key("raw/t/x")).await.unwrap().unwrap();
    assert_eq!((found.bytes, found.etag), (CONTENT, etag));

    let ledger = SqliteLedger::open(&file).unwrap();
    assert_eq!(ledger.put_if_absent(&shard(), &row(0, 1)).await.unwrap(), PutRow::Applied);
    ledger.register(&shard()).await.unwrap();
    drop(ledger);
    let ledger = SqliteLedger::open(&file).unwrap();
    assert_eq!(ledger.newest(&shard()).await.unwrap(), Some(row(0, 1)));
    assert_eq!(ledger.registry(None, 10).await.unwrap(), [shard()]);
}

#[tokio::test]
async fn leftovers_are_invisible_and_go_when_nobody_else_has_the_folder_open() {
    let folder = tempfile::tempdir().unwrap();
    let objects = DiskObjects::open(folder.path()).unwrap();
    objects.put(&key("a/b"), CONTENT).await.unwrap();
    let leftover = folder.path().join(".tmp/1.0");
    fs::write(&leftover, "half a f").unwrap();
    let second = DiskObjects::open(folder.path()).unwrap();
    assert!(leftover.exists(), "it may be in use by the first instance");
    assert_eq!(second.list(&KeyPrefix::everything(), None, 10).await.unwrap(), [key("a/b")]);
    drop((objects, second));
    let objects = DiskObjects::open(folder.path()).unwrap();
    assert!(!leftover.exists());
    assert_eq!(objects.list(&KeyPrefix::everything(), None, 10).await.unwrap(), [key("a/b")]);
    objects.put_if_absent(&key("a/b"), CONTENT).await.unwrap();
    objects.put_if_absent(&key("a/c"), CONTENT).await.unwrap();
    assert_eq!(fs::read_dir(folder.path().join(".tmp")).unwrap().count(), 0, "no call leaves anything behind");
}

#[tokio::test]
async fn an_object_and_a_folder_of_one_name_are_a_lasting_fault() {
    let folder = tempfile::tempdir().unwrap();
    let objects = DiskObjects::open(folder.path()).unwrap();
    let etag = objects.put(&key("a"), CONTENT).await.unwrap();
    for below in ["a/b", "a/b/c"] {
        assert!(lasting(objects.put(&key(below), CONTENT).await).detail.contains("an object has the name"));
        lasting(objects.put_if_absent(&key(below), CONTENT).await);
        assert_eq!(objects.get(&key(below)).await.unwrap(), None);
        objects.delete(&key(below)).await.unwrap();
    }
    objects.put(&key("d/e/f"), CONTENT).await.unwrap();
    for above in ["d", "d/e"] {
        assert!(lasting(objects.put(&key(above), CONTENT).await).detail.contains("a folder has the name"));
        lasting(objects.put_if_absent(&key(above), CONTENT).await);
        objects.put_if_match(&key(above), CONTENT, &etag).await.unwrap();
        assert_eq!(objects.get(&key(above)).await.unwrap(), None);
        assert_eq!(objects.get_range(&key(above), 0..1).await.unwrap(), None);
        objects.delete(&key(above)).await.unwrap();
    }
    assert_eq!(objects.list(&KeyPrefix::everything(), None, 10).await.unwrap(), [key("a"), key("d/e/f")]);
}

#[cfg(unix)]
#[tokio::test]
async fn symbolic_links_are_not_followed() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::write(elsewhere.path().join("secret"), "secret").unwrap();
    let objects = DiskObjects::open(folder.path()).unwrap();
    objects.put(&key("a"), CONTENT).await.unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), folder.path().join("way")).unwrap();
    std::os::unix::fs::symlink(elsewhere.path().join("secret"), folder.path().join("file")).unwrap();
    for name in ["way", "way/secret", "way/new", "file"] {
        lasting(objects.get(&key(name)).await);
        lasting(objects.put(&key(name), CONTENT).await);
        lasting(objects.put_if_absent(&key(name), CONTENT).await);
        lasting(objects.delete(&key(name)).await);
    }
    assert_eq!(objects.list(&KeyPrefix::everything(), None, 10).await.unwrap(), [key("a")]);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
    assert_eq!(fs::read(elsewhere.path().join("secret")).unwrap(), b"secret");
}

#[tokio::test]
async fn a_folder_that_was_removed_by_hand_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let objects = DiskObjects::open(folder.path()).unwrap();
    objects.put(&key("a/b/c"), CONTENT).await.unwrap();
    fs::remove_dir_all(folder.path().join("a")).unwrap();
    assert_eq!(objects.list(&prefix("a/"), None, 10).await.unwrap(), []);
    let error = objects.put_if_absent(&key("a/b/c"), CONTENT).await.unwrap_err();
    assert!(matches!(&error, PortError::NotApplied(fault) if fault.retryable), "{error}");
    assert!(matches!(objects.put_if_absent(&key("a/b/c"), CONTENT).await.unwrap(), PutIfAbsent::Created(_)));
}

#[tokio::test]
async fn a_ledger_in_use_can_be_read_and_written_by_others() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ledger.db");
    let ledger = SqliteLedger::open(&file).unwrap();
    ledger.put_if_absent(&shard(), &row(0, 1)).await.unwrap();
    let other = Connection::open(&file).unwrap();
    let read = |n: u64| {
        let query = "SELECT chain || ' ' || attempt || ' ' || body FROM rows WHERE n = ?1";
        other.query_row(query, [n], |row| row.get::<_, String>(0)).unwrap()
    };
    let row = row(0, 1);
    assert_eq!(read(0), format!("{} {} {}", shard(), row.attempt, row.body));
    // A reader in the middle of its reading holds nobody up.
    other.execute_batch("BEGIN; SELECT count(*) FROM rows;").unwrap();
    ledger.register(&shard()).await.unwrap();
    other.execute_batch("COMMIT").unwrap();
    other.execute("INSERT INTO rows VALUES (?1, 1, ?2, 'x')", [shard().to_string(), row.attempt.to_string()]).unwrap();
    assert_eq!(ledger.newest(&shard()).await.unwrap().unwrap().n, RowNumber::new(1));
}

#[tokio::test]
async fn what_is_no_ledger_of_this_version_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("newer.db");
    drop(SqliteLedger::open(&newer).unwrap());
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 2).unwrap();
    let fault = lasting(SqliteLedger::open(&newer).map(drop));
    assert!(fault.detail.contains("its version is 2, this program knows 1"), "{}", fault.detail);

    let foreign = folder.path().join("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    assert!(lasting(SqliteLedger::open(&foreign).map(drop)).detail.contains("something else"));

    let text = folder.path().join("text.db");
    fs::write(&text, "not a database, but long enough to be looked at as one".repeat(100)).unwrap();
    assert!(lasting(SqliteLedger::open(&text).map(drop)).detail.contains("no database"));
    lasting(SqliteLedger::open(folder.path().join("no/such/folder.db")).map(drop));
}

#[tokio::test]
async fn a_row_number_that_does_not_fit_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let ledger = SqliteLedger::open(folder.path().join("ledger.db")).unwrap();
    let n = i64::MAX.unsigned_abs() + 1;
    lasting(ledger.put_if_absent(&shard(), &row(n, 1)).await);
    assert_eq!(ledger.get(&shard(), RowNumber::new(n)).await.unwrap(), None);
    assert_eq!(ledger.newest(&shard()).await.unwrap(), None);
}

/// Where the processes of the race find their folder.
const PLACE: &str = "IGUAZU_CONFORMANCE_PLACE";

#[tokio::test]
#[ignore = "it is one of the processes of the race below, which starts it"]
async fn one_process_of_the_race() {
    let place = std::env::var(PLACE).unwrap();
    let place = Path::new(&place);
    let (objects, ledger) =
        (DiskObjects::open(place.join("objects")).unwrap(), SqliteLedger::open(place.join("ledger.db")).unwrap());
    write_rows(&ledger, std::process::id().into()).await;
    count_steps(&objects, &key("counter")).await;
}

#[tokio::test]
async fn processes_that_race_lose_nothing() {
    const PROCESSES: usize = 4;
    let place = tempfile::tempdir().unwrap();
    let objects = DiskObjects::open(place.path().join("objects")).unwrap();
    let ledger = SqliteLedger::open(place.path().join("ledger.db")).unwrap();
    objects.put(&key("counter"), Bytes::from_static(b"0")).await.unwrap();
    let start = |_| {
        Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "one_process_of_the_race"])
            .env(PLACE, place.path())
            .stdout(std::process::Stdio::null())
            .spawn()
            .unwrap()
    };
    let processes: Vec<_> = (0..PROCESSES).map(start).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let rows = ledger.scan_after(&shard(), None, usize::MAX).await.unwrap();
    let numbers: Vec<_> = rows.iter().map(|row| row.n.get()).collect();
    assert_eq!(numbers, (0..PROCESSES as u64 * ROWS_EACH).collect::<Vec<_>>());
    let count = objects.get(&key("counter")).await.unwrap().unwrap().bytes;
    assert_eq!(count, (PROCESSES * STEPS_EACH).to_string());
}
