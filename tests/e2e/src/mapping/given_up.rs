//! What the mapping gives up: kept on S3 as Lambda keeps it, and driven again when S3 tells ingest of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use iguazu_setup::chain_of;
use serde_json::json;

use crate::background::spawn;
use crate::lambda::function::Function;
use crate::servers::FAILURES;
use crate::tally::{Tally, What};

/// How often S3's notice is delivered; then an operator does it by hand.
const NOTICES: u32 = 3;
/// How long after a failure it is tried again.
const AGAIN: Duration = Duration::from_millis(500);

/// Where batches go that are given up, and who drives them again.
pub struct GivenUp {
    objects: Client,
    function: Arc<Function>,
    tally: Arc<Tally>,
    left: AtomicU64,
}

/// A batch that is given up.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    /// The stream.
    pub stream_arn: &'a str,
    /// The shard.
    pub shard: &'a str,
    /// The first sequence number.
    pub first: &'a str,
    /// The last one.
    pub last: &'a str,
    /// How many records.
    pub records: usize,
    /// The whole invocation.
    pub invocation: &'a Bytes,
}

impl GivenUp {
    /// Nothing is given up yet. The objects are Lambda's own affair, so no proxy stands in front of them.
    #[must_use]
    pub fn new(objects: Client, function: Arc<Function>, tally: Arc<Tally>) -> Arc<Self> {
        Arc::new(Self { objects, function, tally, left: AtomicU64::new(0) })
    }

    /// How many batches are not driven again yet.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::SeqCst)
    }

    /// Keeps a batch, and has it driven again. Only then may the mapping pass it.
    ///
    /// # Errors
    /// Where it cannot be kept.
    pub async fn keep(self: &Arc<Self>, batch: Batch<'_>) -> Result<(), String> {
        // As a key on S3 may be: with characters that its notices write otherwise.
        let key = format!("aws/lambda/kept here/{}/{}-{}", batch.shard, batch.first, batch.last);
        let put = self.objects.put_object().bucket(FAILURES).key(&key).body(ByteStream::from(object(batch)));
        put.send().await.map_err(|error| chain_of(&error))?;
        self.left.fetch_add(1, Ordering::SeqCst);
        let given_up = Arc::clone(self);
        spawn(async move {
            for tries in 0.. {
                if given_up.function.invoke(request(&key, tries < NOTICES)).await.is_ok() {
                    break;
                }
                given_up.tally.add(What::AsyncRetries);
                SystemHost.sleep(AGAIN).await;
            }
            given_up.tally.add(What::Redriven);
            given_up.left.fetch_sub(1, Ordering::SeqCst);
        });
        Ok(())
    }
}

/// The object, as a mapping with an on-failure destination on S3 writes it.
fn object(batch: Batch<'_>) -> Bytes {
    let text = json!({
        "version": "1.0",
        "timestamp": SystemHost.now().to_string(),
        "requestContext": {
            "requestId": "00000000-0000-4000-8000-000000000000",
            "functionArn": "arn:aws:lambda:us-east-1:000000000000:function:ingest",
            "condition": "RetryAttemptsExhausted",
            "approximateInvokeCount": 1,
        },
        "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
        "KinesisBatchInfo": {
            "shardId": batch.shard,
            "startSequenceNumber": batch.first,
            "endSequenceNumber": batch.last,
            "batchSize": batch.records,
            "streamArn": batch.stream_arn,
        },
        "payload": String::from_utf8_lossy(batch.invocation),
    });
    Bytes::from(text.to_string())
}

/// S3's notice of an object, or what an operator asks for by hand.
fn request(key: &str, is_notice: bool) -> Bytes {
    let request = if is_notice {
        // S3 writes keys as a form does.
        let key = key.replace(' ', "+");
        json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": { "s3SchemaVersion": "1.0", "bucket": { "name": FAILURES }, "object": { "key": key } },
        }] })
    } else {
        json!({ "redrive": { "bucket": FAILURES, "key": key } })
    };
    Bytes::from(request.to_string())
}

#[cfg(test)]
mod tests {
    use iguazu_ingest::redrive::{Place, invocation_of, places};

    use super::*;

    #[test]
    fn ingest_finds_the_object_by_either_request_and_the_invocation_in_it() {
        let key = "aws/lambda/kept here/shardId-000000000001/1-2";
        let place = Place { bucket: FAILURES.to_owned(), key: key.to_owned() };
        for is_notice in [true, false] {
            assert_eq!(places(&request(key, is_notice)), Some(vec![place.clone()]));
        }
        let invocation = Bytes::from_static(br#"{"Records":[]}"#);
        let shard = "shardId-000000000001";
        let batch = Batch { stream_arn: "arn", shard, first: "1", last: "2", records: 2, invocation: &invocation };
        assert_eq!(invocation_of(&object(batch)).unwrap().as_bytes(), invocation);
    }
}
