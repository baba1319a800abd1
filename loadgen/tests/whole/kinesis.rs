//! A small Kinesis: shards, records, splits and merges, and the faults that a producer meets.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What goes wrong with a request of records, by its number from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// All of it is done, and the answer is an error.
    LostReply,
    /// Every other record is refused as too many.
    ThrottledInPart,
    /// Every other record fails.
    FailedInPart,
    /// All of it is refused as too many.
    Throttled,
    /// Nothing is done, and the answer is an error.
    Broken,
    /// There is no such stream.
    NoStream,
}

/// A record that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub shard: String,
    pub sequence: u64,
    pub data: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Shard {
    first: u128,
    last: u128,
    open: bool,
}

#[derive(Default)]
pub struct Stream {
    shards: Vec<Shard>,
    pub records: Vec<Stored>,
    faults: BTreeMap<u64, Fault>,
    pub requests: u64,
    pub largest: usize,
    pub splits: u64,
}

/// A stream and where it is reached.
#[derive(Clone)]
pub struct Fake {
    stream: Arc<Mutex<Stream>>,
}

impl Fake {
    /// A stream of so many shards, with faults.
    pub fn new(shards: u128, faults: &[(u64, Fault)]) -> Self {
        let width = u128::MAX / shards;
        let of = |at: u128| Shard {
            first: at * width,
            last: if at + 1 == shards { u128::MAX } else { (at + 1) * width - 1 },
            open: true,
        };
        let stream = Stream {
            shards: (0..shards).map(of).collect(),
            faults: faults.iter().copied().collect(),
            ..Stream::default()
        };
        Self { stream: Arc::new(Mutex::new(stream)) }
    }

    pub fn stream(&self) -> MutexGuard<'_, Stream> {
        self.stream.lock().unwrap()
    }

    /// Serves the stream on a listener until the test ends.
    pub fn serve(&self, listener: TcpListener) {
        let app = Router::new().route("/", post(answer)).with_state(self.clone());
        let serving = async move { axum::serve(listener, app).await.unwrap() };
        #[expect(clippy::disallowed_methods, reason = "the server of a test lives as long as the test")]
        drop(tokio::spawn(serving));
    }

    /// Serves it on a port of its own.
    pub async fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        self.serve(listener);
        format!("http://{address}")
    }
}

async fn answer(State(fake): State<Fake>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let target = headers.get("x-amz-target").unwrap().to_str().unwrap().to_owned();
    let request: Value = serde_json::from_slice(&body).unwrap();
    let mut stream = fake.stream();
    let (status, answer) = match target.rsplit('.').next().unwrap() {
        "PutRecords" => stream.put(&request),
        "ListShards" => (StatusCode::OK, stream.list()),
        "SplitShard" => (StatusCode::OK, stream.split(&request)),
        "MergeShards" => (StatusCode::OK, stream.merge(&request)),
        "DescribeStreamSummary" => (StatusCode::OK, summary()),
        other => panic!("{other}"),
    };
    (status, answer.to_string())
}

fn error(code: &str) -> Value {
    json!({"__type": code, "message": "by request of the test"})
}

fn summary() -> Value {
    json!({"StreamDescriptionSummary": {
        "StreamName": "events", "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/events",
        "StreamStatus": "ACTIVE", "RetentionPeriodHours": 24, "StreamCreationTimestamp": 1_700_000_000,
        "EnhancedMonitoring": [], "OpenShardCount": 1,
    }})
}

fn id(shard: usize) -> String {
    format!("shardId-{shard:012}")
}

impl Stream {
    fn put(&mut self, request: &Value) -> (StatusCode, Value) {
        let fault = self.faults.get(&self.requests).copied();
        self.requests += 1;
        let records = request["Records"].as_array().unwrap();
        let sizes = records.iter().map(|record| STANDARD.decode(record["Data"].as_str().unwrap()).unwrap().len());
        self.largest = self.largest.max(records.len());
        assert!(records.len() <= 500 && sizes.sum::<usize>() <= 5 << 20, "more than a request takes");
        match fault {
            Some(Fault::Throttled) => {
                return (StatusCode::BAD_REQUEST, error("ProvisionedThroughputExceededException"));
            }
            Some(Fault::NoStream) => return (StatusCode::BAD_REQUEST, error("ResourceNotFoundException")),
            Some(Fault::Broken) => return (StatusCode::INTERNAL_SERVER_ERROR, error("InternalFailure")),
            _ => {}
        }
        let mut entries = Vec::new();
        for (at, record) in records.iter().enumerate() {
            let refused = match fault {
                Some(Fault::ThrottledInPart) if at % 2 == 0 => Some("ProvisionedThroughputExceededException"),
                Some(Fault::FailedInPart) if at % 2 == 0 => Some("InternalFailure"),
                _ => None,
            };
            entries.push(match refused {
                Some(code) => json!({"ErrorCode": code, "ErrorMessage": "by request of the test"}),
                None => {
                    let stored = self.store(record);
                    json!({"ShardId": stored.shard, "SequenceNumber": stored.sequence.to_string()})
                }
            });
        }
        if fault == Some(Fault::LostReply) {
            return (StatusCode::INTERNAL_SERVER_ERROR, error("InternalFailure"));
        }
        let failed = entries.iter().filter(|entry| entry.get("ErrorCode").is_some()).count();
        (StatusCode::OK, json!({"FailedRecordCount": failed, "Records": entries}))
    }

    fn store(&mut self, record: &Value) -> Stored {
        let key = record["PartitionKey"].as_str().unwrap();
        // Any hash will do that spreads keys.
        let hash = key.bytes().fold(7_u128, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
        });
        let shard =
            self.shards.iter().position(|shard| shard.open && (shard.first..=shard.last).contains(&hash)).unwrap();
        let data = STANDARD.decode(record["Data"].as_str().unwrap()).unwrap();
        let stored = Stored { shard: id(shard), sequence: 1 + self.records.len() as u64 * 7, data };
        self.records.push(stored.clone());
        stored
    }

    fn list(&self) -> Value {
        let shards = self.shards.iter().enumerate().map(|(at, shard)| {
            let mut range = json!({"StartingSequenceNumber": "1"});
            if !shard.open {
                range["EndingSequenceNumber"] = json!("9");
            }
            json!({"ShardId": id(at), "SequenceNumberRange": range, "HashKeyRange": {
                "StartingHashKey": shard.first.to_string(), "EndingHashKey": shard.last.to_string(),
            }})
        });
        json!({"Shards": shards.collect::<Vec<_>>()})
    }

    fn at(&self, request: &Value, field: &str) -> usize {
        let wanted = request[field].as_str().unwrap();
        (0..self.shards.len()).find(|&shard| id(shard) == wanted).unwrap()
    }

    fn split(&mut self, request: &Value) -> Value {
        let at = self.at(request, "ShardToSplit");
        let middle: u128 = request["NewStartingHashKey"].as_str().unwrap().parse().unwrap();
        let Shard { first, last, .. } = self.shards[at];
        assert!(self.shards[at].open && first < middle && middle <= last);
        self.splits += 1;
        self.shards[at].open = false;
        self.shards.push(Shard { first, last: middle - 1, open: true });
        self.shards.push(Shard { first: middle, last, open: true });
        json!({})
    }

    fn merge(&mut self, request: &Value) -> Value {
        let (one, other) = (self.at(request, "ShardToMerge"), self.at(request, "AdjacentShardToMerge"));
        assert!(self.shards[one].open && self.shards[other].open);
        assert_eq!(self.shards[one].last + 1, self.shards[other].first);
        let (first, last) = (self.shards[one].first, self.shards[other].last);
        self.shards[one].open = false;
        self.shards[other].open = false;
        self.shards.push(Shard { first, last, open: true });
        json!({})
    }
}
