//! What a mapping gave up, driven again: the requests for it, and the object that Lambda leaves on S3.
//!
//! A mapping with an on-failure destination on S3 writes what it gives up as an object that holds the whole invocation.
//! S3 tells the function of it, or an operator does by hand:
//!
//! ```json
//! {"Records":[{"eventSource":"aws:s3","s3":{"bucket":{"name":"failures"},"object":{"key":"aws/lambda/…"}}}]}
//! {"redrive":{"bucket":"failures","key":"aws/lambda/…"}}
//! ```
//!
//! The records keep the ids that they had, so to drive them again twice changes nothing.

use std::borrow::Cow;
use std::fmt;

use iguazu_lake::ids::Timestamp;
use memchr::memmem;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use crate::error::IngestError;

/// The largest event that S3 sends. An invocation that is larger is not looked into.
const REQUEST_BYTES_MAX: usize = 1 << 20;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The bucket.
    pub bucket: String,
    /// The key.
    pub key: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}/{}", self.bucket, self.key)
    }
}

/// The objects that an event asks to drive again; nothing if it is another event.
#[must_use]
pub fn places(event: &[u8]) -> Option<Vec<Place>> {
    // Whatever a producer writes is inside of a text of the event, where a quote has a backslash before it.
    let may_be = event.len() <= REQUEST_BYTES_MAX
        && (memmem::find(event, b"\"aws:s3\"").is_some() || memmem::find(event, b"\"redrive\"").is_some());
    if !may_be {
        return None;
    }
    match serde_json::from_slice(event).ok()? {
        Request::ByHand { redrive } => Some(vec![redrive]),
        Request::Notification { records } => {
            let of_s3 = !records.is_empty() && records.iter().all(|record| record.source == "aws:s3");
            of_s3.then(|| records.into_iter().map(|record| record.s3.into()).collect())
        }
    }
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
    ByHand {
        redrive: Place,
    },
    Notification {
        #[serde(rename = "Records")]
        records: Vec<Notice>,
    },
}

#[derive(Deserialize)]
struct Notice {
    #[serde(rename = "eventSource")]
    source: String,
    s3: Entity,
}

#[derive(Deserialize)]
struct Entity {
    bucket: BucketName,
    object: EncodedKey,
}

#[derive(Deserialize)]
struct BucketName {
    name: String,
}

#[derive(Deserialize)]
struct EncodedKey {
    key: String,
}

impl From<Entity> for Place {
    /// Keys are encoded as in a form: a space is a plus.
    fn from(entity: Entity) -> Self {
        let spaced = entity.object.key.replace('+', " ");
        let key = percent_decode_str(&spaced).decode_utf8_lossy().into_owned();
        Self { bucket: entity.bucket.name, key }
    }
}

/// The invocation in what a mapping gave up.
///
/// # Errors
/// Where the object holds none. An object without it is one of another kind of destination or of a function that was
/// invoked asynchronously: both keep no records.
pub fn invocation_of<'a>(object: &'a [u8]) -> Result<Cow<'a, str>, IngestError> {
    #[derive(Deserialize)]
    struct GivenUp<'a> {
        #[serde(borrow)]
        payload: &'a RawValue,
    }
    let problem = |problem: &str| IngestError::NotGivenUp { problem: problem.to_owned() };
    if object.trim_ascii_start().first() != Some(&b'{') {
        return Err(problem("it is no JSON object"));
    }
    let given_up: GivenUp<'a> =
        serde_json::from_slice(object).map_err(|_| problem("it has no member `payload`, or is not whole"))?;
    let payload = given_up.payload.get();
    // The text of the invocation, or the invocation itself.
    match payload.as_bytes().first() {
        Some(b'"') => serde_json::from_str(payload).map(Cow::Owned).map_err(|_| problem("its payload is no text")),
        Some(b'{') => Ok(Cow::Borrowed(payload)),
        _ => Err(problem("its payload is no invocation")),
    }
}

/// What came of driving objects again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Redriven {
    /// Objects whose records are all committed now.
    pub redriven: u64,
    /// Objects of which that cannot be said.
    pub redrive_failures: u64,
    /// Records that were committed by it.
    pub committed: u64,
    /// Records that a row held already.
    pub held_already: u64,
}

impl Redriven {
    /// The same as a line of CloudWatch's embedded metric format, with `function` as the dimension.
    #[must_use]
    pub fn embedded_metrics(&self, now: Timestamp, namespace: &str, function: &str) -> String {
        json!({
            "_aws": {
                "Timestamp": now.millis(),
                "CloudWatchMetrics": [{
                    "Namespace": namespace,
                    "Dimensions": [["function"]],
                    "Metrics": [
                        { "Name": "redriven", "Unit": "Count" },
                        { "Name": "redrive_failures", "Unit": "Count" },
                    ],
                }],
            },
            "function": function,
            "redriven": self.redriven,
            "redrive_failures": self.redrive_failures,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(bucket: &str, key: &str) -> Place {
        Place { bucket: bucket.into(), key: key.into() }
    }

    #[test]
    fn a_notification_of_s3_and_a_request_by_hand_name_objects() {
        let notification = json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": "failures", "arn": "arn:aws:s3:::failures" },
                    "object": { "key": "aws/lambda/a+b%3Ac%2B.json", "size": 7 } },
        }] });
        assert_eq!(
            places(notification.to_string().as_bytes()),
            Some(vec![place("failures", "aws/lambda/a b:c+.json")])
        );
        let by_hand = br#"{"redrive":{"bucket":"failures","key":"a+b"}}"#;
        assert_eq!(places(by_hand), Some(vec![place("failures", "a+b")]));
    }

    #[test]
    fn nothing_else_does() {
        let kinesis = json!({ "Records": [{
            "eventSource": "aws:kinesis", "s3": { "bucket": { "name": "x" }, "object": { "key": "y" } },
            "kinesis": { "partitionKey": "\"aws:s3\" \"redrive\"" },
        }] });
        for event in [
            kinesis.to_string(),
            r#"{"Records":[],"why":"aws:s3"}"#.to_owned(),
            r#"{"redrive":{"bucket":"b","key":"k","x":1}}"#.to_owned(),
            r#"["redrive"]"#.to_owned(),
            r#"{"redrive"#.to_owned(),
            String::new(),
        ] {
            assert_eq!(places(event.as_bytes()), None, "{event}");
        }
    }

    #[test]
    fn an_invocation_is_read_as_a_text_and_as_it_is() {
        assert_eq!(invocation_of(br#"{"version":"1.0","payload":"{\"Records\":[]}"}"#).unwrap(), r#"{"Records":[]}"#);
        assert_eq!(invocation_of(br#" {"payload": {"Records":[]}}"#).unwrap(), r#"{"Records":[]}"#);
        for object in [&b"[]"[..], b"", b"{}", br#"{"payload":7}"#, br#"{"payload":"{}""#, b"\xff{}"] {
            assert!(invocation_of(object).is_err(), "{object:?}");
        }
    }
}
