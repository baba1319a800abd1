//! The calls of the Kinesis API that the mapping makes.

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::types::ShardIteratorType;
use bytes::Bytes;
use iguazu_lake::ids::Timestamp;
use iguazu_setup::chain_of;

/// A shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its id.
    pub id: String,
    /// Those that it came of: one after a split, two after a merge.
    pub parents: Vec<String>,
    /// Whether it takes no more records.
    pub closed: bool,
}

impl Shard {
    /// The number in its id.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id.rsplit('-').next().and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

/// A record.
#[derive(Clone, Debug)]
pub struct Read {
    /// Its sequence number.
    pub sequence: String,
    /// When it arrived.
    pub arrival: Timestamp,
    /// Its partition key.
    pub partition_key: String,
    /// What it holds.
    pub data: Bytes,
}

/// A stream.
#[derive(Clone, Debug)]
pub struct Stream {
    client: Client,
    name: String,
    arn: String,
}

impl Stream {
    /// A stream.
    #[must_use]
    pub fn new(client: Client, name: &str, arn: &str) -> Self {
        Self { client, name: name.to_owned(), arn: arn.to_owned() }
    }

    /// Its ARN.
    #[must_use]
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// All its shards.
    ///
    /// # Errors
    /// Where the call fails.
    pub async fn shards(&self) -> Result<Vec<Shard>, String> {
        let mut shards = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let request = match &next {
                Some(token) => self.client.list_shards().next_token(token),
                None => self.client.list_shards().stream_name(&self.name),
            };
            let page = request.send().await.map_err(|error| chain_of(&error))?;
            shards.extend(page.shards().iter().map(|shard| {
                Shard {
                    id: shard.shard_id().to_owned(),
                    parents: [shard.parent_shard_id(), shard.adjacent_parent_shard_id()]
                        .into_iter()
                        .flatten()
                        .map(str::to_owned)
                        .collect(),
                    closed: shard.sequence_number_range().is_some_and(|range| range.ending_sequence_number().is_some()),
                }
            }));
            next = page.next_token().map(str::to_owned);
            if next.is_none() {
                return Ok(shards);
            }
        }
    }

    /// Whether a shard takes no more records.
    ///
    /// # Errors
    /// Where the call fails.
    pub async fn is_closed(&self, shard: &str) -> Result<bool, String> {
        Ok(self.shards().await?.iter().any(|of| of.id == shard && of.closed))
    }

    /// Records of a shard after a sequence number, or from its beginning; none where there are none yet.
    ///
    /// # Errors
    /// Where a call fails.
    pub async fn after(&self, shard: &str, sequence: Option<&str>, limit: i32) -> Result<Vec<Read>, String> {
        let request = self.client.get_shard_iterator().stream_name(&self.name).shard_id(shard);
        let request = match sequence {
            Some(sequence) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).starting_sequence_number(sequence)
            }
            None => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
        };
        let iterator = request.send().await.map_err(|error| chain_of(&error))?.shard_iterator;
        let iterator = iterator.ok_or("the answer has no iterator")?;
        let page = self.client.get_records().shard_iterator(iterator).limit(limit).send().await;
        let page = page.map_err(|error| chain_of(&error))?;
        page.records.into_iter().map(read).collect()
    }
}

fn read(record: aws_sdk_kinesis::types::Record) -> Result<Read, String> {
    let arrival = record.approximate_arrival_timestamp.ok_or("a record has no time of arrival")?;
    Ok(Read {
        sequence: record.sequence_number,
        arrival: Timestamp::from_millis(arrival.to_millis().map_err(|error| chain_of(&error))?),
        partition_key: record.partition_key.ok_or("a record has no partition key")?,
        data: Bytes::from(record.data.into_inner()),
    })
}
