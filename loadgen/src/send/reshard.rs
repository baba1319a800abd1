//! Splits and merges of shards while records are sent.
//!
//! Splits and merges take turns, so that the number of shards stays about what it was. The next one waits until the
//! stream is active again.

use std::time::Duration;

use aws_sdk_kinesis::types::{Shard, StreamStatus};
use futures_util::Stream;
use futures_util::stream::unfold;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;

use super::client::{Kinesis, what};
use crate::random::Draw;

/// How long a stream may take to become active again, in looks of a quarter of a second.
const LOOKS_MAX: u32 = 480;

/// What was done, every so many seconds, for as long as somebody listens.
pub fn every(seconds: u64, seed: u64, kinesis: Kinesis) -> impl Stream<Item = String> {
    unfold(0, move |turn| {
        let kinesis = kinesis.clone();
        async move {
            SystemHost.sleep(Duration::from_secs(seconds)).await;
            let mut draw = Draw::of(seed, "reshard", turn);
            let done = change(&kinesis, turn % 2 == 0, &mut draw).await;
            Some((done.unwrap_or_else(|problem| format!("failed: {problem}")), turn + 1))
        }
    })
}

async fn change(kinesis: &Kinesis, split: bool, draw: &mut Draw) -> Result<String, String> {
    let shards = open_shards(kinesis).await?;
    let done = if split { split_one(kinesis, &shards, draw).await? } else { merge_two(kinesis, &shards, draw).await? };
    for _ in 0..LOOKS_MAX {
        let summary = kinesis.client().describe_stream_summary().stream_name(kinesis.stream()).send().await;
        let summary = summary.map_err(|error| what(&error))?;
        let status = summary.stream_description_summary().map(|summary| summary.stream_status().clone());
        if status == Some(StreamStatus::Active) {
            return Ok(done);
        }
        SystemHost.sleep(Duration::from_millis(250)).await;
    }
    Err(format!("{done}, and the stream was not active two minutes later"))
}

/// A shard that takes records, with the first and the last of its hash keys.
struct Open {
    id: String,
    first: u128,
    last: u128,
}

async fn open_shards(kinesis: &Kinesis) -> Result<Vec<Open>, String> {
    let mut shards = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let request = match &next {
            Some(token) => kinesis.client().list_shards().next_token(token),
            None => kinesis.client().list_shards().stream_name(kinesis.stream()),
        };
        let answer = request.send().await.map_err(|error| what(&error))?;
        shards.extend(answer.shards().iter().filter_map(open));
        next = answer.next_token().map(str::to_owned);
        if next.is_none() {
            shards.sort_by_key(|shard| shard.first);
            return Ok(shards);
        }
    }
}

fn open(shard: &Shard) -> Option<Open> {
    let closed = shard.sequence_number_range().is_some_and(|range| range.ending_sequence_number().is_some());
    let keys = shard.hash_key_range()?;
    let (first, last) = (keys.starting_hash_key().parse().ok()?, keys.ending_hash_key().parse().ok()?);
    (!closed).then(|| Open { id: shard.shard_id().to_owned(), first, last })
}

async fn split_one(kinesis: &Kinesis, shards: &[Open], draw: &mut Draw) -> Result<String, String> {
    let wide: Vec<_> = shards.iter().filter_map(|shard| Some((shard, middle(shard)?))).collect();
    let (shard, middle) = draw.one_of(&wide).ok_or("the stream has no open shard of more than one hash key")?;
    let request = kinesis.client().split_shard().stream_name(kinesis.stream()).shard_to_split(&shard.id);
    request.new_starting_hash_key(middle.to_string()).send().await.map_err(|error| what(&error))?;
    Ok(format!("split {}", shard.id))
}

/// Where the second half of a shard begins; nothing where it has only one hash key, which cannot be split.
fn middle(shard: &Open) -> Option<u128> {
    (shard.first < shard.last).then(|| shard.first + (shard.last - shard.first) / 2 + 1)
}

async fn merge_two(kinesis: &Kinesis, shards: &[Open], draw: &mut Draw) -> Result<String, String> {
    let neighbours: Vec<_> =
        shards.windows(2).filter(|pair| pair[0].last.checked_add(1) == Some(pair[1].first)).collect();
    let Some([one, other]) = draw.one_of(&neighbours) else { return Err("no two open shards are neighbours".into()) };
    let request = kinesis.client().merge_shards().stream_name(kinesis.stream()).shard_to_merge(&one.id);
    request.adjacent_shard_to_merge(&other.id).send().await.map_err(|error| what(&error))?;
    Ok(format!("merged {} and {}", one.id, other.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_halves_of_a_shard_hold_keys_and_a_shard_of_one_key_has_no_halves() {
        let of = |first, last| middle(&Open { id: "shardId-000000000000".into(), first, last });
        assert_eq!(of(0, u128::MAX), Some(1 << 127));
        assert_eq!([of(0, 1), of(4, 6), of(u128::MAX - 1, u128::MAX)], [Some(1), Some(6), Some(u128::MAX)]);
        assert_eq!([of(0, 0), of(u128::MAX, u128::MAX), of(9, 3)], [None, None, None]);
    }
}
