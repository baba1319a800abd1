//! What the operations do.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_lake::ids::StreamName;
use serde::Serialize;
use serde_json::{Value, json};

use super::shapes::{
    Described, arn, described, entry, hash_key, iterator_at, missing, page_of_shards, read_iterator, result,
    shard_number, stream_name, stream_of, summary_of,
};
use super::wire::{
    Arguments, Blob, Codec, Moment, PutEntry, PutRecord, PutRecords, PutRecordsAnswer, PutResult, Refusal,
};
use crate::stream::store::PageLimits;
use crate::stream::writer::Change;
use crate::stream::{Reader, Shard, Stream, StreamError, Writer, sequence, topology};

/// Records of one put.
const PUT_RECORDS_MAX: usize = 500;
/// Bytes of one put.
const PUT_BYTES_MAX: usize = 5 << 20;
/// What one `GetRecords` gives.
const GET: PageLimits = PageLimits { records: 10_000, bytes: 10 << 20 };
/// Shards of a stream that is made by the API.
const SHARDS_MAX: u32 = 1_000;
/// Hours that records are kept, at least and at most.
const RETENTION_HOURS: std::ops::RangeInclusive<u32> = 24..=8_760;

/// The endpoint.
pub struct Endpoint {
    writer: Writer,
    reader: Mutex<Reader>,
    retention_hours: u32,
}

/// A record as it is given.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GivenRecord {
    sequence_number: String,
    approximate_arrival_timestamp: Moment,
    data: Blob,
    partition_key: String,
}

/// The answer to `GetRecords`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetRecordsAnswer {
    records: Vec<GivenRecord>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_shard_iterator: Option<String>,
    millis_behind_latest: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    child_shards: Vec<Value>,
}

impl Endpoint {
    /// An endpoint of the store at `path`, which `writer` writes.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub fn new(writer: Writer, path: &Path, retention_hours: u32) -> Result<Self, StreamError> {
        Ok(Self { writer, reader: Mutex::new(Reader::open(path)?), retention_hours })
    }

    /// Carries an operation out.
    ///
    /// # Errors
    /// Where it is refused.
    pub async fn perform(&self, operation: &str, codec: Codec, body: &[u8]) -> Result<Vec<u8>, Refusal> {
        match operation {
            "PutRecords" => return codec.write(&self.put_records(codec.read(body)?).await?),
            "PutRecord" => return codec.write(&self.put_record(codec.read(body)?).await?),
            _ => {}
        }
        let arguments: Arguments = codec.read(body)?;
        match operation {
            "GetRecords" => codec.write(&self.get_records(&arguments)?),
            "GetShardIterator" => codec.write(&self.shard_iterator(&arguments)?),
            "DescribeStream" => codec.write(&self.describe(&arguments)?),
            "DescribeStreamSummary" => codec.write(&self.summary(&arguments)?),
            "ListShards" => codec.write(&self.list_shards(&arguments)?),
            "ListStreams" => codec.write(&self.list_streams(&arguments)),
            "DescribeLimits" => codec.write(&self.limits()),
            "CreateStream" => self.create(&arguments).await,
            "SplitShard" => self.split(&arguments).await,
            "MergeShards" => self.merge(&arguments).await,
            "UpdateShardCount" => codec.write(&self.scale(&arguments).await?),
            "IncreaseStreamRetentionPeriod" | "DecreaseStreamRetentionPeriod" => self.retain(&arguments).await,
            _ => Err(Refusal::unknown_operation(format!("{operation} is not carried out by this endpoint"))),
        }
    }

    async fn put_records(&self, put: PutRecords) -> Result<PutRecordsAnswer, Refusal> {
        let stream = stream_name(put.stream_name.as_deref(), put.stream_arn.as_deref())?;
        if put.records.is_empty() || put.records.len() > PUT_RECORDS_MAX {
            let found = put.records.len();
            return Err(Refusal::argument(format!("{found} records: a put takes 1 to {PUT_RECORDS_MAX}")));
        }
        let bytes: usize = put.records.iter().map(|entry| entry.data.0.len() + entry.partition_key.len()).sum();
        if bytes > PUT_BYTES_MAX {
            return Err(Refusal::argument(format!("{bytes} bytes: a put takes {PUT_BYTES_MAX}")));
        }
        let entries = put.records.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let (created, placed) = self.writer.put(stream.clone(), entries, SystemHost.now()).await?;
        let records: Vec<_> = placed.into_iter().map(|placed| result(&stream, created, placed)).collect();
        let failed = records.iter().filter(|record| record.error_code.is_some()).count();
        Ok(PutRecordsAnswer { failed_record_count: failed, records, encryption_type: "NONE" })
    }

    async fn put_record(&self, put: PutRecord) -> Result<PutResult, Refusal> {
        let stream = stream_name(put.stream_name.as_deref(), put.stream_arn.as_deref())?;
        let PutRecord { data, partition_key, explicit_hash_key, .. } = put;
        let entries = vec![entry(PutEntry { data, partition_key, explicit_hash_key })?];
        let (created, placed) = self.writer.put(stream.clone(), entries, SystemHost.now()).await?;
        let placed = placed.into_iter().next().ok_or_else(|| Refusal::internal("the record was not placed"))?;
        let result = result(&stream, created, placed);
        match (result.error_code, result.error_message) {
            (Some(kind), message) => Err(Refusal::new(kind, message.unwrap_or_default())),
            (None, message) => Ok(PutResult { error_message: message, ..result }),
        }
    }

    fn get_records(&self, arguments: &Arguments) -> Result<GetRecordsAnswer, Refusal> {
        let iterator = arguments.shard_iterator.as_deref().ok_or_else(|| missing("ShardIterator"))?;
        let (name, number, after) = read_iterator(iterator)?;
        let (stream, shard, key) = self.shard(&name, &topology::name(number))?;
        let limits = PageLimits { records: arguments.limit.unwrap_or(GET.records).clamp(1, GET.records), ..GET };
        let page = self.read(|reader| reader.page(key, after, u64::MAX, limits))?;
        let reached = page.last().map_or(after, |record| record.position);
        let newer = self.read(|reader| reader.page(key, reached, u64::MAX, PageLimits { records: 1, bytes: 1 }))?;
        let behind = newer.first().map_or(0, |record| SystemHost.now().since(record.arrival).as_millis());
        let ended = shard.closed.is_some() && newer.is_empty();
        let children = stream.shards.values().filter(|child| ended && child.parents.contains(&number));
        let records = page.into_iter().map(|record| GivenRecord {
            sequence_number: sequence::text(stream.created_ms, number, record.position),
            approximate_arrival_timestamp: Moment(record.arrival),
            data: Blob(record.data),
            partition_key: record.partition_key,
        });
        Ok(GetRecordsAnswer {
            records: records.collect(),
            next_shard_iterator: (!ended).then(|| iterator_at(&name, number, reached)),
            millis_behind_latest: u64::try_from(behind).unwrap_or(u64::MAX),
            child_shards: children.map(|child| described(&stream, child)).collect(),
        })
    }

    fn shard_iterator(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        let name = stream_of(arguments)?;
        let shard = arguments.shard_id.as_deref().ok_or_else(|| missing("ShardId"))?;
        let (stream, shard, key) = self.shard(&name, shard)?;
        let starting = || {
            let text = arguments.starting_sequence_number.as_deref();
            let text = text.ok_or_else(|| missing("StartingSequenceNumber"))?;
            sequence::position(stream.created_ms, shard.number, text).ok_or_else(|| {
                Refusal::argument(format!("{text} is no sequence number of {} in stream {name}", shard.name()))
            })
        };
        let after = match arguments.shard_iterator_type.as_deref() {
            Some("TRIM_HORIZON") => 0,
            Some("LATEST") => self.read(Reader::newest)?,
            Some("AT_SEQUENCE_NUMBER") => starting()?.saturating_sub(1),
            Some("AFTER_SEQUENCE_NUMBER") => starting()?,
            Some("AT_TIMESTAMP") => {
                let Moment(time) = arguments.timestamp.ok_or_else(|| missing("Timestamp"))?;
                let found = self.read(|reader| reader.since(key, time))?;
                found.map_or_else(|| self.read(Reader::newest), |position| Ok(position.saturating_sub(1)))?
            }
            other => {
                return Err(Refusal::argument(format!(
                    "the shard iterator type is {}: expected TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, \
                     AFTER_SEQUENCE_NUMBER or AT_TIMESTAMP",
                    other.unwrap_or("missing")
                )));
            }
        };
        Ok(json!({ "ShardIterator": iterator_at(&name, shard.number, after) }))
    }

    fn describe(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        // The SDKs read the time of creation as a number of seconds in either protocol's shape of a number.
        let stream = self.stream(&stream_of(arguments)?)?;
        let (shards, more) = page_of_shards(&stream, arguments.exclusive_start_shard_id.as_deref(), arguments.limit)?;
        let Described { mut fields, .. } = summary_of(&stream);
        fields.insert("Shards".to_owned(), shards.into());
        fields.insert("HasMoreShards".to_owned(), more.into());
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of our time fit a double")]
        fields.insert("StreamCreationTimestamp".to_owned(), (stream.created_ms as f64 / 1_000.0).into());
        Ok(json!({ "StreamDescription": fields }))
    }

    fn summary(&self, arguments: &Arguments) -> Result<impl Serialize + use<>, Refusal> {
        #[derive(Serialize)]
        struct Answer {
            #[serde(rename = "StreamDescriptionSummary")]
            summary: Described,
        }
        Ok(Answer { summary: summary_of(&*self.stream(&stream_of(arguments)?)?) })
    }

    fn list_shards(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        let (name, start) = match &arguments.next_token {
            Some(token) => {
                let (name, number, _) = read_iterator(token)?;
                (name, Some(topology::name(number)))
            }
            None => (stream_of(arguments)?, arguments.exclusive_start_shard_id.clone()),
        };
        let stream = self.stream(&name)?;
        let (shards, more) = page_of_shards(&stream, start.as_deref(), arguments.max_results)?;
        let last = shards.last().and_then(|shard| topology::number(shard["ShardId"].as_str()?));
        match last.filter(|_| more) {
            Some(last) => Ok(json!({ "Shards": shards, "NextToken": iterator_at(&name, last, 0) })),
            None => Ok(json!({ "Shards": shards })),
        }
    }

    fn list_streams(&self, arguments: &Arguments) -> Value {
        let known = self.writer.known();
        let start = arguments.next_token.as_deref().or(arguments.exclusive_start_stream_name.as_deref());
        let names = known.streams.keys().map(ToString::to_string);
        let mut names: Vec<_> = names.filter(|name| start.is_none_or(|start| name.as_str() > start)).collect();
        let limit = arguments.limit.unwrap_or(100).clamp(1, 10_000);
        let more = names.len() > limit;
        names.truncate(limit);
        json!({ "StreamNames": names, "HasMoreStreams": more })
    }

    fn limits(&self) -> Value {
        let known = self.writer.known();
        let open: usize = known.streams.values().map(|stream| stream.open().len()).sum();
        json!({ "ShardLimit": SHARDS_MAX, "OpenShardCount": open, "OnDemandStreamCount": 0, "OnDemandStreamCountLimit": 0 })
    }

    async fn create(&self, arguments: &Arguments) -> Result<Vec<u8>, Refusal> {
        let name = stream_of(arguments)?;
        let shards = arguments.shard_count.unwrap_or(1);
        if !(1..=SHARDS_MAX).contains(&shards) {
            return Err(Refusal::argument(format!("{shards} shards: expected 1 to {SHARDS_MAX}")));
        }
        self.writer.create(name, shards, self.retention_hours, SystemHost.now()).await?;
        Ok(Vec::new())
    }

    async fn split(&self, arguments: &Arguments) -> Result<Vec<u8>, Refusal> {
        let shard = shard_number("ShardToSplit", arguments.shard_to_split.as_deref())?;
        let at = arguments.new_starting_hash_key.as_deref().ok_or_else(|| missing("NewStartingHashKey"))?;
        let at = hash_key("NewStartingHashKey", at)?;
        self.writer.change(stream_of(arguments)?, Change::Split { shard, at }).await?;
        Ok(Vec::new())
    }

    async fn merge(&self, arguments: &Arguments) -> Result<Vec<u8>, Refusal> {
        let shard = shard_number("ShardToMerge", arguments.shard_to_merge.as_deref())?;
        let adjacent = shard_number("AdjacentShardToMerge", arguments.adjacent_shard_to_merge.as_deref())?;
        self.writer.change(stream_of(arguments)?, Change::Merge { shard, adjacent }).await?;
        Ok(Vec::new())
    }

    async fn scale(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        let name = stream_of(arguments)?;
        let open = self.stream(&name)?.open().len();
        let target = arguments.target_shard_count.ok_or_else(|| missing("TargetShardCount"))?;
        self.writer.change(name.clone(), Change::Scale { target }).await?;
        Ok(json!({
            "StreamName": name.to_string(),
            "StreamARN": arn(&name),
            "CurrentShardCount": open,
            "TargetShardCount": target,
        }))
    }

    async fn retain(&self, arguments: &Arguments) -> Result<Vec<u8>, Refusal> {
        let hours = arguments.retention_period_hours.ok_or_else(|| missing("RetentionPeriodHours"))?;
        if !RETENTION_HOURS.contains(&hours) {
            return Err(Refusal::argument(format!("{hours} hours: expected 24 to 8760")));
        }
        self.writer.change(stream_of(arguments)?, Change::Retention { hours }).await?;
        Ok(Vec::new())
    }

    fn stream(&self, name: &StreamName) -> Result<Box<Stream>, Refusal> {
        let known = self.writer.known();
        let stream = known.streams.get(name).ok_or_else(|| StreamError::NoStream(name.clone()))?;
        Ok(Box::new(stream.clone()))
    }

    fn shard(&self, name: &StreamName, shard: &str) -> Result<(Stream, Shard, i64), Refusal> {
        let known = self.writer.known();
        let found = || {
            let stream = known.streams.get(name)?;
            let number = topology::number(shard)?;
            let key = known.keys.get(&(name.clone(), number))?;
            Some((stream.clone(), stream.shards.get(&number)?.clone(), *key))
        };
        let absent = || Refusal::new("ResourceNotFoundException", format!("stream {name} has no shard {shard}"));
        found().ok_or_else(absent)
    }

    fn read<T>(&self, work: impl FnOnce(&Reader) -> Result<T, StreamError>) -> Result<T, Refusal> {
        Ok(work(&self.reader.lock().unwrap_or_else(PoisonError::into_inner))?)
    }
}
