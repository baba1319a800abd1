//! The rows of quarantine: out of their files, and by their ids.

use std::fmt;
use std::str::FromStr;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use bytes::Bytes;
use iguazu_lake::ids::{IdError, SequenceNumber, ShardId, StreamId, StreamName, Timestamp};
use miette::{Context, IntoDiagnostic, miette};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Serialize;

use super::super::condition::Found;

/// A row of quarantine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The code of why it is here.
    pub reason: String,
    /// Why, in words.
    pub detail: String,
    /// When its record arrived.
    pub arrival: Timestamp,
    /// The stream's name and creation time.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// The sequence number of its record.
    pub sequence: String,
    /// Which document of the record it is, from 0.
    pub sub: u32,
    /// The table whose contract judged it.
    pub contract: Option<String>,
    /// The version of that contract.
    pub contract_version: i32,
    /// Which place of the contract it is about.
    pub path: Option<String>,
    /// What kind of value was found there.
    pub found: Option<String>,
    /// Its bytes as they were delivered.
    pub payload: Bytes,
}

/// What a delivery is named by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RowId {
    /// The stream's name, with or without its creation time.
    pub stream: String,
    /// The shard.
    pub shard: String,
    /// The sequence number.
    pub sequence: String,
    /// Which document of the record.
    pub sub: u32,
}

impl Row {
    /// Its id.
    pub fn id(&self) -> RowId {
        let (stream, shard, sequence) = (self.stream.clone(), self.shard.clone(), self.sequence.clone());
        RowId { stream, shard, sequence, sub: self.sub }
    }

    /// What it has in a field of [`super::FIELDS`].
    pub fn field(&self, name: &'static str) -> Found<'_> {
        match name {
            "reason" => Found::Text(&self.reason),
            "table" | "contract" => Found::Text(self.contract.as_deref().unwrap_or_default()),
            "stream" => Found::Either(name_of(&self.stream), &self.stream),
            "shard" => Found::Text(&self.shard),
            "sequence" => Found::Text(&self.sequence),
            "path" => Found::Text(self.path.as_deref().unwrap_or_default()),
            "found" => Found::Text(self.found.as_deref().unwrap_or_default()),
            _ => Found::Time(Some(self.arrival)),
        }
    }

    /// The stream, the shard and the sequence number, parsed.
    ///
    /// # Errors
    /// Where one of them is no such thing.
    pub fn origin(&self) -> Result<(StreamId, ShardId, SequenceNumber), IdError> {
        let name: StreamName = name_of(&self.stream).parse()?;
        let created_ms = self.stream.rsplit_once('.').and_then(|(_, created)| created.parse().ok()).unwrap_or_default();
        Ok((StreamId { name, created_ms }, self.shard.parse()?, self.sequence.parse()?))
    }
}

/// A stream's name without its creation time.
fn name_of(stream: &str) -> &str {
    stream.rsplit_once('.').map_or(stream, |(name, _)| name)
}

impl RowId {
    /// Whether it names this row.
    pub fn names(&self, row: &Row) -> bool {
        let stream = self.stream == row.stream || self.stream == name_of(&row.stream);
        stream && self.shard == row.shard && self.sequence == row.sequence && self.sub == row.sub
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.stream, self.shard, self.sequence, self.sub)
    }
}

impl FromStr for RowId {
    type Err = miette::Report;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts: Vec<_> = text.split('/').collect();
        let id = match parts.as_slice() {
            [stream, shard, sequence, sub] if [stream, shard, sequence].iter().all(|part| !part.is_empty()) => {
                sub.parse().ok().map(|sub| Self {
                    stream: (*stream).to_owned(),
                    shard: (*shard).to_owned(),
                    sequence: (*sequence).to_owned(),
                    sub,
                })
            }
            _ => None,
        };
        let help = "write STREAM/SHARD/SEQUENCE/SUB, as `iguazu quarantine list --rows` prints it";
        id.ok_or_else(|| miette!(help = help, "{text:?} is no id of a row of quarantine"))
    }
}

/// The rows of a file, in its order. The caller knows that the file is as it was written.
///
/// # Errors
/// Where it is no file of quarantine.
pub fn decode(file: Bytes) -> miette::Result<Vec<Row>> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|builder| builder.build());
    let mut rows = Vec::new();
    for batch in reader.into_diagnostic().wrap_err("a file of quarantine cannot be read")? {
        let batch = batch.into_diagnostic().wrap_err("a file of quarantine cannot be read")?;
        for at in 0..batch.num_rows() {
            rows.push(
                row(&batch, at).ok_or_else(|| miette!("a file of quarantine lacks a column that all of them have"))?,
            );
        }
    }
    Ok(rows)
}

fn row(batch: &RecordBatch, at: usize) -> Option<Row> {
    let optional = |name: &str| {
        let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
        column.is_valid(at).then(|| column.value(at).to_owned())
    };
    let number = |name: &str| Some(batch.column_by_name(name)?.as_primitive_opt::<Int32Type>()?.value(at));
    let arrival = batch.column_by_name("arrival_time")?.as_primitive_opt::<TimestampMicrosecondType>()?.value(at);
    let payload = batch.column_by_name("payload")?.as_binary_opt::<i32>()?.value(at);
    Some(Row {
        reason: optional("reason")?,
        detail: optional("detail")?,
        arrival: Timestamp::from_micros(arrival),
        stream: optional("stream")?,
        shard: optional("shard")?,
        sequence: optional("sequence")?,
        sub: u32::try_from(number("sub")?).ok()?,
        contract: optional("contract"),
        contract_version: number("contract_version")?,
        path: optional("path"),
        found: optional("found"),
        // A copy, so that one row does not keep its whole file.
        payload: Bytes::copy_from_slice(payload),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let text = "orders.eu.1767225600000/shardId-000000000003/49590338271490256608/2";
        let id: RowId = text.parse().unwrap();
        assert_eq!((id.stream.as_str(), id.sub, id.to_string().as_str()), ("orders.eu.1767225600000", 2, text));
        for text in ["", "a/b/c", "a/b/c/d", "a//1/0", "a/b/1/-1", "a/b/1/0/0"] {
            let error = text.parse::<RowId>().unwrap_err();
            assert_eq!(error.to_string(), format!("{text:?} is no id of a row of quarantine"));
        }
    }
}
