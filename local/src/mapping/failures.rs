//! What the mapping gave up: one file per batch, in the form of Lambda's on-failure objects on S3, the whole invocation
//! included, so that it can be driven again under its original ids.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use iguazu_ingest::redrive::invocation_of;
use iguazu_lake::ids::Timestamp;
use serde_json::json;

use super::cursor::GivenUp;
use super::payload::{self, Source};
use crate::endpoint::shapes::arn;
use crate::stream::{Stored, sequence, topology};

/// Writes a batch that is given up, durably. The same batch again replaces its file.
///
/// # Errors
/// Where it cannot be written; then the batch must not be passed over.
pub fn keep(
    folder: &Path,
    source: &Source,
    records: &[Stored],
    why: GivenUp,
    tries: u32,
    now: Timestamp,
) -> io::Result<PathBuf> {
    let (Some(first), Some(last)) = (records.first(), records.last()) else { return Ok(folder.to_owned()) };
    let number = |record: &Stored| sequence::text(source.created_ms, source.shard, record.position);
    let (shard, payload) = (topology::name(source.shard), payload::of(source, records));
    let condition = match why {
        GivenUp::Retries => "RetryAttemptsExhausted",
        GivenUp::Age => "EventAgeExceeded",
    };
    let text = json!({
        "version": "1.0",
        "timestamp": now.to_string(),
        "requestContext": { "functionArn": "iguazu-ingest", "condition": condition, "approximateInvokeCount": tries },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "KinesisBatchInfo": {
            "shardId": shard,
            "startSequenceNumber": number(first),
            "endSequenceNumber": number(last),
            "approximateArrivalOfFirstRecord": first.arrival.to_string(),
            "approximateArrivalOfLastRecord": last.arrival.to_string(),
            "batchSize": records.len(),
            "streamArn": arn(&source.stream),
        },
        "payload": String::from_utf8_lossy(&payload),
    })
    .to_string();
    fs::create_dir_all(folder)?;
    let name = format!("{}.{shard}.{:020}-{:020}.json", source.stream, first.position, last.position);
    let (path, half) = (folder.join(&name), folder.join(format!("{name}.part")));
    let mut file = File::create(&half)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(&half, &path)?;
    File::open(folder)?.sync_all()?;
    Ok(path)
}

/// The files of what was given up, oldest first. No folder, no files.
///
/// # Errors
/// Where the folder cannot be read.
pub fn list(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    Ok(paths)
}

/// The invocation of a file.
///
/// # Errors
/// Where the file cannot be read or holds none.
pub fn read(path: &Path) -> io::Result<String> {
    let none = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    invocation_of(&fs::read(path)?).map(Cow::into_owned).map_err(none)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn what_was_given_up_is_the_whole_invocation_and_the_same_again_is_the_same_file() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("failures");
        let source = Source { stream: "orders".parse().unwrap(), created_ms: 1_000, shard: 2 };
        let record = Stored {
            position: 5,
            arrival: Timestamp::from_millis(2_000),
            partition_key: "k".into(),
            data: Bytes::from_static(b"{}"),
        };
        let records = [record];
        assert_eq!(list(&folder).unwrap(), Vec::<PathBuf>::new());
        for _ in 0..2 {
            keep(&folder, &source, &records, GivenUp::Age, 3, Timestamp::from_millis(9_000)).unwrap();
        }
        let kept = list(&folder).unwrap();
        assert_eq!(kept.len(), 1);
        assert_eq!(read(&kept[0]).unwrap(), payload::of(&source, &records));
    }
}
