//! The files that a shard's rows name: each is there and whole, holds as many rows as is recorded, all of this shard, and no
//! delivery is in two places of them.

use std::collections::BTreeSet;

use arrow::array::RecordBatch;
use futures_util::stream::{self, StreamExt};
use iguazu_compact::state::Span;
use iguazu_lake::ids::SequenceNumber;
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::ports::Objects;
use xxhash_rust::xxh3::xxh3_128;

use super::{AHEAD, Work};
use crate::deliveries::{DeliveredFile, Shard};
use crate::error::AuditError;
use crate::file::{File, Named, fetch, guarded, unreadable};
use crate::finding::{Finding, Findings, Problem, TOLD_MAX};
use crate::rows::Origins;

/// Deliveries that are kept in mind at a time.
const DELIVERIES_MAX: u64 = 1 << 23;
const ORIGIN: [&str; 4] = ["stream", "shard", "sequence", "sub"];

/// A delivery by the hash of its id, with the file that holds it.
type Seen = (u128, u32);

/// Looks at the files of a shard. Those that cannot be read are entered in `unread`.
pub(super) async fn check<O: Objects>(
    objects: &O,
    shard: &Shard,
    files: &[&DeliveredFile],
    work: &mut Work<'_>,
    findings: &mut Findings,
    unread: &mut BTreeSet<ObjectKey>,
) -> Result<(), AuditError> {
    let rows: u64 = files.iter().map(|file| file.rows).sum();
    // A part of the ids in each pass. All but the first read again, which only shards of very many records need.
    let passes = u32::try_from(rows.div_ceil(DELIVERIES_MAX).max(1).next_power_of_two()).unwrap_or(1 << 31);
    for pass in 0..passes {
        let part = Span::of_bucket(pass, passes);
        let mut seen: Vec<Seen> = Vec::new();
        let reads = files.iter().map(|file| async move {
            fetch(objects, Named { key: &file.key, bytes: file.bytes, sha256: &file.sha256 }).await
        });
        let mut reads = stream::iter(reads).buffered(AHEAD);
        for (at, file) in (0..).zip(files) {
            let Some(fetched) = reads.next().await else { break };
            let looked = match fetched? {
                Ok(bytes) => guarded(|| look(shard, file, &File::open(bytes)?, part, at, &mut seen))
                    .map_err(|problem| unreadable(&file.key, problem)),
                Err(finding) => Err(finding),
            };
            if pass == 0 {
                match looked {
                    Ok(found) => findings.extend(found),
                    Err(finding) => {
                        findings.push(finding);
                        unread.insert(file.key.clone());
                    }
                }
                work.done();
            }
        }
        doubled(objects, shard, files, seen, findings).await?;
    }
    Ok(())
}

fn hash(sequence: &SequenceNumber, sub: i32) -> u128 {
    let mut buffer = [0; SequenceNumber::DIGITS_MAX];
    let mut id = sequence.encode(&mut buffer).as_bytes().to_vec();
    id.push(b'.');
    id.extend_from_slice(&sub.to_le_bytes());
    xxh3_128(&id)
}

/// Notes the deliveries of a file, and says what is wrong with it.
fn look(
    shard: &Shard,
    file: &DeliveredFile,
    opened: &File,
    part: Span,
    at: u32,
    seen: &mut Vec<Seen>,
) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    let stream = format!("{}.{}", shard.stream.name, shard.stream.created_ms);
    let name = shard.shard.to_string();
    let mut rows = 0;
    let mut strange = None;
    for batch in opened.columns(&ORIGIN)? {
        let batch: RecordBatch = batch?;
        let origins = Origins::of(&batch)?;
        for row in 0..batch.num_rows() {
            rows += 1;
            if origins.stream(row) != stream || origins.shard(row) != name {
                strange = Some(format!("a row of {}, shard {}", origins.stream(row), origins.shard(row)));
            }
            let id = hash(&origins.sequence(row)?, origins.sub(row));
            if part.holds((id >> 64) as u64) {
                seen.push((id, at));
            }
        }
    }
    if rows != file.rows {
        let (expected, found) = (format!("{} rows", file.rows), format!("{rows} rows"));
        findings.push(Finding::new(Problem::Rows, &file.key, expected, found));
    }
    if let Some(strange) = strange {
        let expected = format!("rows of {stream}, shard {name}");
        findings.push(Finding::new(Problem::Misplaced, &file.key, expected, strange));
    }
    Ok(findings)
}

/// Tells which deliveries are in two places.
async fn doubled<O: Objects>(
    objects: &O,
    shard: &Shard,
    files: &[&DeliveredFile],
    mut seen: Vec<Seen>,
    findings: &mut Findings,
) -> Result<(), AuditError> {
    seen.sort_unstable();
    for (at, twice) in seen.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1).enumerate() {
        let mut places: Vec<_> =
            twice.iter().filter_map(|(_, at)| files.get(*at as usize)).map(|file| file.key.to_string()).collect();
        places.dedup();
        // More are not told one by one anyway.
        let sequence = match files.get(twice[0].1 as usize) {
            Some(file) if at < TOLD_MAX => find(objects, file, twice[0].0).await?,
            _ => None,
        };
        let id = sequence.unwrap_or_else(|| "a delivery".to_owned());
        let place = format!("{}, {id}", shard.chain);
        let found = format!("{} times, in {}", twice.len(), places.join(" and "));
        findings.push(Finding::new(Problem::DoubledDelivery, place, "once in raw and quarantine", found));
    }
    Ok(())
}

/// What a delivery is called whose hash is known.
async fn find<O: Objects>(objects: &O, file: &DeliveredFile, wanted: u128) -> Result<Option<String>, AuditError> {
    let named = Named { key: &file.key, bytes: file.bytes, sha256: &file.sha256 };
    let Ok(bytes) = fetch(objects, named).await? else { return Ok(None) };
    let found = guarded(|| {
        for batch in File::open(bytes)?.columns(&ORIGIN)? {
            let batch = batch?;
            let origins = Origins::of(&batch)?;
            for row in 0..batch.num_rows() {
                let (sequence, sub) = (origins.sequence(row)?, origins.sub(row));
                if hash(&sequence, sub) == wanted {
                    return Ok(Some(format!("sequence {sequence}, sub {sub}")));
                }
            }
        }
        Ok(None)
    });
    Ok(found.ok().flatten())
}
