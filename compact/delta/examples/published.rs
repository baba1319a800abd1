//! Publishes a table and a roll-up of it into a folder, for other people's readers: `published <folder>`. What they are
//! to find is in `expected.json`.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "this is a part of a test")]

#[path = "../tests/lake/mod.rs"]
mod lake;

use std::collections::BTreeMap;
use std::sync::Arc;

use iguazu_compact::publish::VersionView;
use iguazu_delta::{Publication, publish};
use iguazu_lake::adapters::embedded::DiskObjects;
use iguazu_lake::ids::Timestamp;
use serde_json::{Value, json};

/// More commits than there are between two checkpoints. No file of the last versions is of the mixed partition: Polars
/// takes partitions from the folders that files lie in, and refuses a table with a folder of another kind.
const VERSIONS: u64 = 15;

#[tokio::main]
async fn main() {
    let folder = std::env::args().nth(1).unwrap_or_else(|| panic!("expected: published <folder>"));
    let objects = Arc::new(DiskObjects::open(&folder).unwrap());
    let (host, contract) = (lake::Still::default(), lake::contract());
    let mut newest: BTreeMap<u32, VersionView> = BTreeMap::new();
    for n in 0..VERSIONS {
        // One bucket is a version behind, so that both have files that the other has not.
        for bucket in (0..2).filter(|bucket| n + u64::from(*bucket) < VERSIONS) {
            let view = lake::version(&*objects, 0, bucket, n).await;
            let wanted = Publication { views: std::slice::from_ref(&view), replaces: &[] };
            publish(&objects, &host, lake::NEVER, &contract, wanted).await.unwrap();
            newest.insert(bucket, view);
        }
    }
    let text = serde_json::to_string_pretty(&expected(&newest)).unwrap();
    std::fs::write(std::path::Path::new(&folder).join("expected.json"), text).unwrap();
}

/// Of what the files of a version hold by the way in which they are made: a file's rows are worth 10.00, 10.01, …
fn expected(newest: &BTreeMap<u32, VersionView>) -> Value {
    let (mut files, mut rows, mut cents) = (0, 0, 0);
    let mut days: BTreeMap<String, u64> = BTreeMap::new();
    let mut times: Vec<Timestamp> = Vec::new();
    for (partition, (_, live)) in newest.values().flat_map(|view| &view.partitions) {
        for file in live.iter().filter(|file| file.rows > 0) {
            files += 1;
            rows += file.rows;
            cents += (0..file.rows).map(|at| 1_000 + at).sum::<u64>();
            *days.entry(partition.to_string()).or_default() += file.rows;
            times.extend(file.event_time.into_iter().flat_map(|(least, greatest)| [least, greatest]));
        }
    }
    let (first, last) = (times.iter().min().unwrap().micros(), times.iter().max().unwrap().micros());
    json!({
        "events": { "files": files, "rows": rows, "cents": cents, "first": first, "last": last, "days": days },
        "daily": { "files": files, "rows": files, "count": rows, "cents": cents },
    })
}
