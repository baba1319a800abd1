//! The text of a commit: a JSON object in each line, in the same bytes for the same commit.

use std::collections::BTreeMap;

use chrono::Datelike;
use deltalake_core::kernel::StructType;
use iguazu_lake::ids::{ChainId, Timestamp};
use iguazu_lake::keys::Partition;
use iguazu_lake::keys::version::TablePartition;
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::decide::{Change, Held, Target, is_plain_time};
use crate::schema::Table;

/// The versions of the protocol that a reader and a writer of these tables must know: no more than files and columns.
const READER_MIN: u32 = 1;
const WRITER_MIN: u32 = 2;
const ENGINE: &str = concat!("iguazu/", env!("CARGO_PKG_VERSION"));

/// What tells a table from one of the same name that was there before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Birth {
    pub(crate) id: String,
    pub(crate) at_ms: Option<i64>,
}

impl Birth {
    /// A table that begins now.
    pub(crate) fn now(now: Timestamp, random: [u64; 2]) -> Self {
        let id = Uuid::from_u64_pair(random[0], random[1]);
        Self {
            id: uuid::Builder::from_random_bytes(id.into_bytes()).into_uuid().to_string(),
            at_ms: Some(now.millis()),
        }
    }
}

/// The text of a commit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Commit {
    text: String,
}

impl Commit {
    fn line(&mut self, kind: &str, action: Value) {
        let line = Value::Object(Map::from_iter([(kind.to_owned(), action)]));
        self.text.push_str(&line.to_string());
        self.text.push('\n');
    }

    pub(crate) fn into_bytes(self) -> bytes::Bytes {
        self.text.into()
    }

    /// Who commits what, for people who read the history.
    pub(crate) fn info(&mut self, now: Timestamp, read_version: Option<u64>, through: &BTreeMap<ChainId, i64>) {
        let versions: Map<_, _> = through.iter().map(|(chain, n)| (chain.to_string(), json!(n.to_string()))).collect();
        let mut info = json!({
            "timestamp": now.millis(),
            "operation": "PUBLISH",
            "operationParameters": versions,
            "isBlindAppend": false,
            "engineInfo": ENGINE,
        });
        if let (Some(version), Some(info)) = (read_version, info.as_object_mut()) {
            info.insert("readVersion".to_owned(), json!(version));
        }
        self.line("commitInfo", info);
    }

    pub(crate) fn protocol(&mut self) {
        self.line("protocol", json!({ "minReaderVersion": READER_MIN, "minWriterVersion": WRITER_MIN }));
    }

    pub(crate) fn table(
        &mut self,
        table: &Table,
        birth: &Birth,
        columns: &StructType,
    ) -> Result<(), serde_json::Error> {
        let mut action = json!({
            "id": birth.id,
            "name": table.name,
            "format": { "provider": "parquet", "options": {} },
            "schemaString": serde_json::to_string(columns)?,
            "partitionColumns": table.partitions,
            "configuration": {},
        });
        if let Some(action) = action.as_object_mut() {
            if !table.description.is_empty() {
                action.insert("description".to_owned(), json!(table.description));
            }
            if let Some(at_ms) = birth.at_ms {
                action.insert("createdTime".to_owned(), json!(at_ms));
            }
        }
        self.line("metaData", action);
        Ok(())
    }

    pub(crate) fn change(&mut self, table: &Table, change: &Change, now: Timestamp) {
        for (path, Held { partition, bytes, .. }) in &change.remove {
            self.line(
                "remove",
                json!({
                    "path": path,
                    "deletionTimestamp": now.millis(),
                    "dataChange": true,
                    "extendedFileMetadata": true,
                    "partitionValues": partition_values(table, partition),
                    "size": bytes,
                }),
            );
        }
        for (path, target) in &change.add {
            self.line(
                "add",
                json!({
                    "path": path,
                    "partitionValues": partition_values(table, &target.partition),
                    "size": target.bytes,
                    "modificationTime": target.at.millis(),
                    "dataChange": true,
                    "stats": stats(target).to_string(),
                }),
            );
        }
        for (chain, version) in &change.through {
            let action = json!({ "appId": chain.to_string(), "version": version, "lastUpdated": now.millis() });
            self.line("txn", action);
        }
    }
}

/// A partition of several days is one of no day: its values are null.
fn partition_values(table: &Table, partition: &TablePartition) -> Value {
    let date = match partition.day {
        Partition::Day(date) => Some(date),
        Partition::Mixed => None,
    };
    let days = [
        date.map(|it| it.year().to_string()),
        date.map(|it| it.month().to_string()),
        date.map(|it| it.day().to_string()),
    ];
    let kind = partition.kind.as_ref().map(ToString::to_string);
    let values = days.into_iter().chain([kind]);
    Value::Object(
        table.partitions.iter().map(|name| (*name).to_owned()).zip(values.map(|value| json!(value))).collect(),
    )
}

/// What readers skip files by. Times are exact, since some engines answer a `max` from them.
fn stats(target: &Target) -> Value {
    let mut stats = json!({ "numRecords": target.rows });
    if let (Some((least, greatest)), Some(all)) = (target.event_time, stats.as_object_mut())
        && is_plain_time(least)
        && is_plain_time(greatest)
    {
        all.insert("minValues".to_owned(), json!({ "event_time": least.to_string() }));
        all.insert("maxValues".to_owned(), json!({ "event_time": greatest.to_string() }));
        all.insert("nullCount".to_owned(), json!({ "event_time": 0 }));
    }
    stats
}

#[cfg(test)]
mod tests {
    use iguazu_lake::keys::version::TypeKey;
    use iguazu_transform::contract::Contract;

    use super::*;

    fn of(partition_by_type: bool, partition: &TablePartition) -> Value {
        let contract = Contract { partition_by_type, ..Contract::built_in("events".parse().unwrap()) };
        partition_values(&Table::events(&contract).unwrap(), partition)
    }

    #[test]
    fn a_partition_is_told_by_the_columns_that_the_table_has() {
        let day = Partition::of(Timestamp::from_micros(1_772_841_600_000_000));
        let typed = TablePartition { day, kind: Some(TypeKey::of("order.placed")) };
        let march = json!({ "year": "2026", "month": "3", "day": "7" });
        assert_eq!(of(false, &typed), march);
        assert_eq!(of(true, &typed), json!({ "year": "2026", "month": "3", "day": "7", "type_key": "order.placed" }));
        let mixed = TablePartition { day: Partition::Mixed, kind: Some(TypeKey::of("a")) };
        assert_eq!(of(true, &mixed), json!({ "year": null, "month": null, "day": null, "type_key": "a" }));
    }

    #[test]
    fn times_that_a_reader_may_not_be_able_to_read_are_left_out() {
        let target = |first: i64, last: i64| Target {
            partition: TablePartition { day: Partition::Mixed, kind: None },
            bytes: 1,
            rows: 2,
            event_time: Some((Timestamp::from_micros(first), Timestamp::from_micros(last))),
            at: Timestamp::EPOCH,
        };
        let plain = stats(&target(-1, 1));
        assert_eq!(plain["minValues"]["event_time"], "1969-12-31T23:59:59.999999Z");
        assert_eq!(plain["maxValues"]["event_time"], "1970-01-01T00:00:00.000001Z");
        assert_eq!(stats(&target(0, i64::MAX)), json!({ "numRecords": 2 }));
    }
}
