//! Which JSON is taken: what RFC 8259 has as grammar, in UTF-8, with escapes that spell text and numbers that a double
//! can be near to. Every document of the corpus is judged by another reader, and by a batch that it is part of an
//! event of.

#![expect(clippy::unwrap_used, reason = "what makes a record for a test fails by failing the test")]

mod corpus;

use bytes::Bytes;
use corpus::{Document, documents};
use iguazu_lake::ids::{SequenceNumber, Timestamp};
use iguazu_transform::{Batch, Catalog, Limits, Payload, Record};

/// How many events and how many rows in quarantine a record of these bytes becomes.
fn judge(bytes: Vec<u8>) -> (u64, u64) {
    let catalog = Catalog::built_in("events".parse().unwrap(), Limits::default());
    let arrival = Timestamp::from_millis(1_795_264_200_000);
    let record = Record { sequence: SequenceNumber::from(1), arrival, payload: Payload::Data(Bytes::from(bytes)) };
    let pushed = Batch::new(&catalog).push(&record);
    (pushed.accepted, pushed.quarantined)
}

/// An event with a document spliced in between these two texts.
fn event(before: &str, document: &Document, after: &str) -> Vec<u8> {
    [before.as_bytes(), &document.bytes, after.as_bytes()].concat()
}

fn assert_judged_alike(before: &str, after: &str) {
    for document in documents() {
        let (accepted, quarantined) = judge(event(before, &document, after));
        if document.valid {
            assert_eq!((accepted, quarantined), (1, 0), "{} is valid", document.name);
        } else {
            // More than one row where its line feeds let its lines stand for documents of their own.
            assert!(accepted == 0 && quarantined > 0, "{} is not valid", document.name);
        }
    }
}

const ID: &str = r#""id":"67e55044-10b1-426f-9247-bb680e5fe0c8""#;
const TYPE_AND_TIME: &str = r#""type":"order.placed","time":"2026-11-21T12:30:00Z""#;

#[test]
fn another_reader_judges_the_corpus_alike() {
    for document in documents() {
        let value = serde_json::from_slice::<serde_json::Value>(&document.bytes);
        assert_eq!(value.is_ok(), document.valid, "{}: {value:?}", document.name);
    }
}

#[test]
fn an_event_is_taken_exactly_if_its_unknown_member_is_valid() {
    assert_judged_alike(&format!("{{{ID},\"x\":"), &format!(",{TYPE_AND_TIME}}}"));
}

#[test]
fn an_event_is_taken_exactly_if_its_properties_are_valid() {
    assert_judged_alike(&format!("{{{ID},{TYPE_AND_TIME},\"properties\":"), "}");
}

#[test]
fn an_event_is_taken_exactly_if_an_element_deep_within_is_valid() {
    assert_judged_alike(&format!("{{{ID},{TYPE_AND_TIME},\"x\":[{{\"y\":[0, "), "\t]}]}");
}

#[test]
fn no_document_of_the_corpus_is_an_event_by_itself() {
    for document in documents() {
        assert_eq!(judge(document.bytes).0, 0, "{}", document.name);
    }
}

#[test]
fn the_corpus_is_as_large_as_it_should_be_and_names_each_document_once() {
    let documents = documents();
    let valid = documents.iter().filter(|document| document.valid).count();
    assert!(valid >= 100, "{valid} valid");
    assert!(documents.len() - valid >= 200, "{} invalid", documents.len() - valid);
    let mut names: Vec<_> = documents.iter().map(|document| &document.name).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
}
