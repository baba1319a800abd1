//! The input: invocations of a Lambda function as its Kinesis event source mapping sends them.
//!
//! Rules:
//! - The bytes are a function of the seed: no clock, no entropy.
//! - An invocation is as full as Lambda's limit lets it be, and holds the records of one shard, one event each.
//! - What must come out is counted while it is made, so that the sides are not only compared with one another.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Duration, TimeZone as _, Utc};

use crate::kinds::{KINDS, Kind, Shape};
use crate::random::Random;

/// The payload of a synchronous invocation, at most.
pub const INVOCATION_BYTES_MAX: usize = 6_000_000;
/// The stream's name, which is the end of the records' ARN.
pub const STREAM_NAME: &str = "events";
/// When the stream was created. No record says so; a function learns it once, when it starts.
pub const STREAM_CREATED_MS: i64 = 1_767_225_600_000;
/// The shard of all records.
pub const SHARD: &str = "shardId-000000000003";

/// An invocation, and what a transform must make of it.
pub struct Invocation {
    /// The payload.
    pub json: Vec<u8>,
    /// What is in it.
    pub truth: Truth,
}

/// What was generated.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// Events, copies included.
    pub rows: usize,
    /// Which event came under which sequence number.
    pub deliveries: BTreeSet<(String, String)>,
    /// The amounts together, in cents.
    pub amount_cents: i128,
    /// The quantities together.
    pub quantity: i64,
    /// Bytes of the events' own JSON.
    pub event_bytes: usize,
}

/// An event, kept for a while to be sent again.
#[derive(Clone)]
pub struct Event {
    id: String,
    user: String,
    /// The document.
    pub json: String,
    amount_cents: i128,
    quantity: i64,
}

/// The invocation of a number. Different numbers give different events.
pub fn invocation(number: u64) -> Invocation {
    let mut random = Random::new(0x1A2B_3C4D ^ (number << 32));
    let noon = Utc.with_ymd_and_hms(2026, 11, 20, 12, 0, 0).single().unwrap_or(DateTime::UNIX_EPOCH);
    let mut arrival = noon + Duration::minutes(number as i64);
    // As long as Kinesis' own, and like those with a part that counts and a part that is time.
    let mut sequence = 2_538_361_571_095_921_575_989_136_588_898_u128 + (u128::from(number) << 96);
    let mut json = Vec::with_capacity(INVOCATION_BYTES_MAX);
    json.extend_from_slice(b"{\"Records\":[");
    let mut truth = Truth::default();
    let mut recent = Vec::<Event>::new();
    loop {
        arrival += Duration::milliseconds(random.below(6) as i64);
        sequence += (u128::from(1 + random.below(3)) << 80) + u128::from(random.below(1 << 42));
        let copy = random.per_mille(10) && !recent.is_empty();
        let event = if copy { random.one_of(&recent).clone() } else { event(&mut random, arrival) };
        let sequence = format!("4959033827149025660855969{sequence:031}");
        let record = envelope(&event, SHARD, &sequence, arrival);
        if json.len() + record.len() + 3 > INVOCATION_BYTES_MAX {
            break;
        }
        if truth.rows > 0 {
            json.push(b',');
        }
        json.extend_from_slice(record.as_bytes());
        truth.rows += 1;
        truth.amount_cents += event.amount_cents;
        truth.quantity += event.quantity;
        truth.event_bytes += event.json.len();
        truth.deliveries.insert((event.id.clone(), sequence));
        recent.push(event);
    }
    json.extend_from_slice(b"]}");
    Invocation { json, truth }
}

/// A record as AWS writes it.
pub fn envelope(event: &Event, shard: &str, sequence: &str, arrival: DateTime<Utc>) -> String {
    let data = STANDARD.encode(&event.json);
    let (seconds, millis) = (arrival.timestamp(), arrival.timestamp_subsec_millis());
    format!(
        r#"{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":"{}","sequenceNumber":"{sequence}","data":"{data}","approximateArrivalTimestamp":{seconds}.{millis:03}}},"eventSource":"aws:kinesis","eventVersion":"1.0","eventID":"{shard}:{sequence}","eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/ingest","awsRegion":"eu-west-1","eventSourceARN":"arn:aws:kinesis:eu-west-1:123456789012:stream/{STREAM_NAME}"}}"#,
        event.user
    )
}

/// An event that arrives at a time.
pub fn event(random: &mut Random, arrival: DateTime<Utc>) -> Event {
    let kind = kind(random);
    let time = happened(random, arrival).to_string();
    of_kind(random, kind, &time)
}

/// An event of a kind that happened at a time.
pub fn of_kind(random: &mut Random, kind: &Kind, time: &str) -> Event {
    let id = uuid::Builder::from_random_bytes(bytes(random)).into_uuid().hyphenated().to_string();
    let user_number = random.skewed(60_000);
    // A user keeps a country, a tier and a device, as people do.
    let mut habits = Random::new(user_number);
    let country = habits.one_of(&["DE", "DE", "DE", "AT", "CH", "NL", "FR", "FR", "PL", "SE", "DK", "IT", "ES"]);
    let tier = habits.one_of(&["free", "free", "free", "plus", "plus", "premium"]);
    let (source, os, model) = habits.one_of(DEVICES);
    let language = habits.one_of(&["de", "de", "en", "fr", "nl"]);
    let user = format!("usr_{:016x}", habits.bits());
    let session = Random::new(user_number << 20 | random.below(2)).bits();
    let ip = habits.below(1 << 24);

    let mut json = String::with_capacity(700);
    // Writing into a string does not fail.
    let mut put = |text: std::fmt::Arguments<'_>| json.write_fmt(text).unwrap_or_default();
    put(format_args!(r#"{{"id":"{id}","type":"{}","time":"{time}","#, kind.name));
    put(format_args!(r#""source":"{source}","user":{{"id":"{user}","country":"{country}","tier":"{tier}"}},"#));
    put(format_args!(r#""context":{{"ip":"{}","#, std::net::Ipv4Addr::from(0x0A00_0000 | ip as u32)));
    put(format_args!(r#""session":"{session:016x}{user_number:016x}","device":{{"os":"{os}","model":"{model}"}},"#));
    put(format_args!(r#""locale":"{language}-{country}""#));
    if kind.url {
        let (page, campaign) = (random.skewed(5_000), random.below(12));
        put(format_args!(r#","url":"https://www.shop.example/p/{page}?utm_campaign=autumn-{campaign}""#));
    }
    put(format_args!("}}"));
    let amount = if kind.money { 199 + random.skewed(90_000) } else { 0 };
    if kind.money {
        let currency = if *country == "CH" { "CHF" } else { "EUR" };
        put(format_args!(r#","amount":{}.{:02},"currency":"{currency}""#, amount / 100, amount % 100));
    }
    let quantity = if kind.quantity { 1 + random.skewed(9) } else { 0 };
    if kind.quantity {
        put(format_args!(r#","quantity":{quantity}"#));
    }
    json.push_str(r#","properties":"#);
    object(random, &mut json, kind.properties);
    json.push('}');
    Event { id, user, json, amount_cents: amount.into(), quantity: quantity as i64 }
}

const DEVICES: &[(&str, &str, &str)] = &[
    ("web", "Windows 11", "Chrome 142"),
    ("web", "macOS 26.1", "Safari 26"),
    ("web", "Windows 11", "Firefox 145"),
    ("ios", "iOS 26.1", "iPhone17,2"),
    ("ios", "iOS 25.7", "iPhone15,4"),
    ("android", "Android 16", "Pixel 10"),
    ("android", "Android 15", "SM-S931B"),
    ("android", "Android 14", "Redmi Note 13"),
];

/// One of the kinds, each as often as it should be.
pub fn kind(random: &mut Random) -> &'static Kind {
    let mut place = random.below(KINDS.iter().map(|kind| u64::from(kind.weight)).sum());
    for kind in KINDS {
        match place.checked_sub(kind.weight.into()) {
            Some(rest) => place = rest,
            None => return kind,
        }
    }
    &KINDS[0]
}

/// Most events are seconds old when they arrive; three in a hundred are from one of the two dates before.
fn happened(random: &mut Random, arrival: DateTime<Utc>) -> impl std::fmt::Display {
    let late = if random.per_mille(30) { Duration::days(1 + random.below(2) as i64) } else { Duration::zero() };
    let age = Duration::milliseconds(40 + random.skewed(20_000) as i64);
    (arrival - late - age).format("%Y-%m-%dT%H:%M:%S%.3fZ")
}

fn bytes(random: &mut Random) -> [u8; 16] {
    ((u128::from(random.bits()) << 64) | u128::from(random.bits())).to_be_bytes()
}

const WORDS: &[&str] = &[
    "the",
    "new",
    "autumn",
    "sale",
    "best",
    "trail",
    "running",
    "shoes",
    "for",
    "men",
    "women",
    "kids",
    "waterproof",
    "light",
    "jacket",
    "with",
    "hood",
    "and",
    "free",
    "delivery",
    "in",
    "two",
    "days",
    "very",
    "happy",
    "size",
    "fits",
    "not",
    "as",
    "expected",
    "colour",
    "blue",
    "again",
    "would",
    "buy",
    "quality",
    "Größe",
    "café",
    "naïve",
    "3€",
    r#"\"top\""#,
    r"a\\b",
    "größer",
    "Ærø",
    "🎉",
];

fn object(random: &mut Random, json: &mut String, members: &[(&str, Shape)]) {
    for (place, (name, shape)) in members.iter().enumerate() {
        json.push(if place == 0 { '{' } else { ',' });
        write!(json, r#""{name}":"#).unwrap_or_default();
        value(random, json, shape);
    }
    json.push('}');
}

fn value(random: &mut Random, json: &mut String, shape: &Shape) {
    let written = match shape {
        Shape::Word(words) => write!(json, r#""{}""#, random.one_of(words)),
        Shape::Int(low, high) => write!(json, "{}", low + random.below(high - low + 1)),
        &Shape::Hex(digits) => {
            let number = u128::from_be_bytes(bytes(random)) >> (128 - 4 * digits);
            write!(json, r#""{number:0digits$x}""#)
        }
        Shape::Key(prefix, end) => write!(json, r#""{prefix}{}""#, random.skewed(*end)),
        Shape::Flag => write!(json, "{}", random.per_mille(500)),
        Shape::Prose(count) => {
            let words: Vec<_> = (0..*count).map(|_| *random.one_of(WORDS)).collect();
            write!(json, r#""{}""#, words.join(" "))
        }
        Shape::Object(members) => {
            object(random, json, members);
            Ok(())
        }
        Shape::List(words, max) => {
            let start = random.below(words.len() as u64) as usize;
            let count = random.below(1 + *max as u64) as usize;
            let chosen: Vec<_> =
                words.iter().cycle().skip(start).take(count).map(|word| format!(r#""{word}""#)).collect();
            write!(json, "[{}]", chosen.join(","))
        }
    };
    written.unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invocation_is_the_same_every_time_full_and_of_events_of_the_usual_size() {
        let once = invocation(1);
        assert_eq!(once.json, invocation(1).json);
        assert_ne!(once.json, invocation(2).json);
        assert!((INVOCATION_BYTES_MAX - 2_000..=INVOCATION_BYTES_MAX).contains(&once.json.len()));
        let size = once.truth.event_bytes / once.truth.rows;
        assert!((570..=610).contains(&size), "{size} bytes an event");
        assert_eq!(once.truth.deliveries.len(), once.truth.rows);
    }

    #[test]
    fn an_event_in_a_hundred_comes_twice() {
        let truth = invocation(1).truth;
        let ids: BTreeSet<_> = truth.deliveries.iter().map(|(id, _)| id).collect();
        let copies = truth.rows - ids.len();
        assert!((truth.rows / 200..truth.rows / 50).contains(&copies), "{copies} copies");
    }
}
