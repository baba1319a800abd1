//! Reads what the lake holds: deliveries, ids of events, what is in quarantine.
//!
//! A file is decoded only if it is there and has its recorded checksum; anything else is a finding, and the rest is read.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int32Type;
use bytes::Bytes;
use iguazu_audit::deliveries::{DeliveredFile, Shard};
use iguazu_audit::{AuditError, View};
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::SequenceNumber;
use iguazu_lake::keys::{Area, ObjectKey};
use iguazu_lake::ports::Objects;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::findings::{Findings, Kind};
use crate::oracle::{event_ids, mark};

/// A row of quarantine: the hash of what it keeps, and its reason.
pub type Refused = (u128, String);

/// A delivery within a shard: its record, and its position in that.
pub type Delivery = (SequenceNumber, u32);

/// What a shard's files hold.
#[derive(Debug, Default)]
pub struct Held {
    /// Every row of raw and of quarantine, in order.
    pub deliveries: Vec<Delivery>,
    /// The rows of quarantine.
    pub refused: Vec<Refused>,
}

/// Reads all files of a shard.
///
/// # Errors
/// Where the store fails.
pub async fn shard<O: Objects>(objects: &O, shard: &Shard, findings: &mut Findings) -> Result<Held, AuditError> {
    let mut held = Held::default();
    for file in &shard.files {
        let Some(bytes) = fetch(objects, &file.key, &file.sha256, findings).await? else { continue };
        let before = held.deliveries.len() as u64;
        match read(file, bytes, &mut held) {
            Ok(()) => {
                let rows = held.deliveries.len() as u64 - before;
                if rows != file.rows {
                    findings
                        .add(Kind::Damaged, format!("{}: {} rows are recorded, it has {rows}", file.key, file.rows));
                }
            }
            Err(problem) => findings.add(Kind::Damaged, format!("{}: {problem}", file.key)),
        }
    }
    held.deliveries.sort_unstable_by(|a, b| a.0.cmp_in_shard(&b.0).then(a.1.cmp(&b.1)));
    Ok(held)
}

fn read(file: &DeliveredFile, bytes: Bytes, held: &mut Held) -> Result<(), String> {
    let is_raw = matches!(file.area, Area::Raw(_));
    let columns: &[&str] = if is_raw { &["sequence", "sub"] } else { &["sequence", "sub", "reason", "payload"] };
    for rows in batches(bytes, columns)? {
        let text = |name| rows.column_by_name(name).and_then(|column| column.as_string_opt::<i32>());
        let sequences = text("sequence").ok_or("it has no column `sequence`")?;
        let subs = rows.column_by_name("sub").and_then(|column| column.as_primitive_opt::<Int32Type>());
        let subs = subs.ok_or("it has no column `sub`")?;
        for row in 0..rows.num_rows() {
            let sequence = sequences.value(row).parse().map_err(|_| format!("row {row} has no sequence number"))?;
            held.deliveries.push((sequence, u32::try_from(subs.value(row)).unwrap_or(u32::MAX)));
        }
        if !is_raw {
            let reasons = text("reason").ok_or("it has no column `reason`")?;
            let payloads = rows.column_by_name("payload").and_then(|column| column.as_binary_opt::<i32>());
            let payloads = payloads.ok_or("it has no column `payload`")?;
            let refused = (0..rows.num_rows()).map(|row| (mark(payloads.value(row)), reasons.value(row).to_owned()));
            held.refused.extend(refused);
        }
    }
    Ok(())
}

/// The ids in the live files of a table, in order, each as often as it is there.
///
/// # Errors
/// Where the store fails.
pub async fn ids<O: Objects>(objects: &O, view: &View, findings: &mut Findings) -> Result<Vec<u128>, AuditError> {
    let mut ids = Vec::new();
    for live in view.files() {
        let Some(bytes) = fetch(objects, &live.key, &live.file.sha256, findings).await? else { continue };
        let read = batches(bytes, &["event_id"]).and_then(|read| {
            read.iter().try_for_each(|rows| {
                ids.extend(event_ids(rows).map_err(|error| error.to_string())?.map(|id| id.uuid().as_u128()));
                Ok(())
            })
        });
        if let Err(problem) = read {
            findings.add(Kind::Damaged, format!("{}: {problem}", live.key));
        }
    }
    ids.sort_unstable();
    Ok(ids)
}

async fn fetch<O: Objects>(
    objects: &O,
    key: &ObjectKey,
    sha256: &Sha256Sum,
    findings: &mut Findings,
) -> Result<Option<Bytes>, AuditError> {
    let object = objects.get(key).await;
    let object = object.map_err(|source| AuditError::Port { doing: "reading an object", source })?;
    match object {
        None => findings.add(Kind::Damaged, format!("{key}: it is named and is not there")),
        Some(object) if Sha256Sum::of(&object.bytes) != *sha256 => {
            findings.add(Kind::Damaged, format!("{key}: its checksum is not the recorded one"));
        }
        Some(object) => return Ok(Some(object.bytes)),
    }
    Ok(None)
}

fn batches(bytes: Bytes, columns: &[&str]) -> Result<Vec<RecordBatch>, String> {
    let wrong = |error: parquet::errors::ParquetError| format!("it cannot be read: {error}");
    let builder = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(wrong)?;
    let schema = builder.schema().clone();
    let at = |name: &&str| schema.index_of(name).map_err(|_| format!("it has no column `{name}`"));
    let at = columns.iter().map(at).collect::<Result<Vec<_>, _>>()?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), at);
    let reader = builder.with_projection(mask).build().map_err(wrong)?;
    reader.map(|rows| rows.map_err(|error| format!("it cannot be read: {error}"))).collect()
}
