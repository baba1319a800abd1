//! Everything that was to be sent arrives, whatever the stream does, and what was acknowledged is written down.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use iguazu_lake::ids::Timestamp;
use iguazu_loadgen::acks::{self, Ack, AckWriter, AcksError};
use iguazu_loadgen::plan::Plan;
use iguazu_loadgen::records::{Outgoing, Records};
use iguazu_loadgen::run_file::Ending;
use iguazu_loadgen::send::client::{Kinesis, Target};
use iguazu_loadgen::send::{Progress, Sent, Settings, Stops, send};
use iguazu_loadgen::workload::{Workload, shop};
use iguazu_setup::contracts::{compile, parse};
use iguazu_transform::{Catalog, Secrets};
use tokio::net::TcpSocket;

use crate::kinesis::{Fake, Fault, Stream};

/// 2026-11-21T12:00:00Z
pub fn start() -> Timestamp {
    Timestamp::from_millis(1_795_262_400_000)
}

pub fn workload(plan: Plan) -> (Workload, Catalog) {
    let texts = shop::contracts();
    let catalog = compile(&texts, &Secrets::default()).unwrap();
    (Workload::new(plan, parse(&texts).unwrap(), &catalog).unwrap(), catalog)
}

/// A load that is due at once.
pub fn plan(events: u64) -> Plan {
    Plan { rate: 10_000_000, ..Plan::usual(events, start()) }
}

fn settings() -> Settings {
    Settings { concurrency: 4, give_up: Duration::from_secs(60), reshard: None }
}

fn never() -> Stops {
    Box::pin(futures_util::stream::pending())
}

async fn sent_to(
    endpoint: String,
    workload: &Workload,
    settings: Settings,
    stops: Stops,
    show: impl FnMut(Progress),
) -> Result<(Sent, Vec<Ack>), AcksError> {
    let target = Target { stream: "events".into(), endpoint: Some(endpoint), region: None };
    let kinesis = Kinesis::connect(&target).await;
    let writer = AckWriter::new(Vec::new()).unwrap();
    let (sent, file) = send(workload, kinesis, settings, writer, stops, show).await?;
    let mut acks = Vec::new();
    acks::read(&file[..], |ack| acks.push(ack)).unwrap();
    Ok((sent, acks))
}

/// Sends a load to a stream with faults.
pub async fn sent(fake: &Fake, workload: &Workload) -> (Sent, Vec<Ack>) {
    sent_to(fake.start().await, workload, settings(), never(), |_| {}).await.unwrap()
}

/// An address that nobody else gets, and where nobody listens until this one does.
fn silent() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    (socket, endpoint)
}

/// Each acknowledgement names the place of its record, and each record has one.
fn check(fake: &Fake, records: &[Outgoing], acks: &[Ack]) {
    let stream = fake.stream();
    let stored: BTreeMap<_, _> = stream
        .records
        .iter()
        .map(|record| ((record.shard.clone(), record.sequence.to_string()), &record.data))
        .collect();
    let mut numbers: Vec<_> = acks.iter().map(|ack| ack.record).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..records.len() as u64).collect::<Vec<_>>());
    for ack in acks {
        let place = (ack.shard.to_string(), ack.sequence.to_string());
        assert_eq!(stored[&place][..], records[ack.record as usize].data[..]);
    }
}

#[tokio::test]
async fn all_records_arrive_once_at_a_stream_without_faults() {
    let (workload, _) = workload(plan(3_000));
    let records: Vec<_> = Records::of(&workload).collect();
    let fake = Fake::new(4, &[]);
    let (sent, acks) = sent(&fake, &workload).await;
    check(&fake, &records, &acks);
    assert_eq!(fake.stream().records.len(), records.len());
    assert_eq!((sent.ending, sent.undecided, sent.counts.resent), (Ending::Complete, vec![], 0));
    assert_eq!(sent.counts.documents, records.iter().map(|record| record.documents.len() as u64).sum::<u64>());
    assert_eq!(sent.shards.len(), 4);
    assert_eq!(sent.shards.values().map(|load| load.records).sum::<u64>(), records.len() as u64);
}

#[tokio::test]
async fn of_a_request_that_was_taken_in_part_only_the_rest_is_sent_again() {
    let (workload, _) = workload(plan(3_000));
    let records: Vec<_> = Records::of(&workload).collect();
    let fake = Fake::new(2, &[(0, Fault::ThrottledInPart), (1, Fault::FailedInPart), (3, Fault::Throttled)]);
    let (sent, acks) = sent(&fake, &workload).await;
    check(&fake, &records, &acks);
    assert_eq!(fake.stream().records.len(), records.len());
    let counts = sent.counts;
    assert!(counts.throttled > 0 && counts.failed > 0);
    assert_eq!(counts.resent, counts.throttled + counts.failed);
    assert_eq!((counts.unanswered, sent.outages.len()), (0, 0));
}

#[tokio::test]
async fn a_lost_reply_gives_deliveries_more_and_no_event_more() {
    let (workload, _) = workload(plan(3_000));
    let records: Vec<_> = Records::of(&workload).collect();
    let fake = Fake::new(2, &[(0, Fault::LostReply), (2, Fault::Broken), (4, Fault::LostReply)]);
    let (sent, acks) = sent(&fake, &workload).await;
    check(&fake, &records, &acks);
    assert!(fake.stream().records.len() > records.len());
    assert_eq!(sent.counts.acknowledged, records.len() as u64);
    assert!(sent.counts.unanswered >= 3 && !sent.outages.is_empty());
}

#[tokio::test]
async fn an_endpoint_that_comes_late_is_waited_for() {
    let (workload, _) = workload(plan(500));
    let records: Vec<_> = Records::of(&workload).collect();
    let fake = Fake::new(1, &[]);
    let (socket, endpoint) = silent();
    let mut socket = Some(socket);
    // One request at a time: none is left that failed before the endpoint came and is heard of only afterwards.
    let settings = Settings { concurrency: 1, ..settings() };
    let show = |progress: Progress| {
        if progress.down
            && let Some(socket) = socket.take()
        {
            fake.serve(socket.listen(1_024).unwrap());
        }
    };
    let (sent, acks) = sent_to(endpoint, &workload, settings, never(), show).await.unwrap();
    check(&fake, &records, &acks);
    assert_eq!(sent.outages.len(), 1);
    // Latency counts from when a record was due, and progress is first shown after a fifth of a second.
    assert!(sent.outages[0].to.is_some() && sent.latency.max >= 200_000);
}

#[tokio::test]
async fn a_run_is_given_up_where_nothing_is_ever_taken_and_says_what_is_undecided() {
    let (workload, _) = workload(plan(500));
    let (_socket, endpoint) = silent();
    let settings = Settings { give_up: Duration::from_millis(300), ..settings() };
    let (sent, acks) = sent_to(endpoint, &workload, settings, never(), |_| {}).await.unwrap();
    assert_eq!((sent.ending, acks), (Ending::GaveUp, vec![]));
    assert_eq!(sent.undecided, (0..sent.records).collect::<Vec<_>>());
    assert!(sent.records > 0);
}

#[tokio::test]
async fn a_stream_that_refuses_ends_the_run_and_what_it_took_before_is_written_down() {
    let (workload, _) = workload(plan(3_000));
    let fake = Fake::new(1, &[(3, Fault::NoStream)]);
    let settings = Settings { concurrency: 1, ..settings() };
    let (sent, acks) = sent_to(fake.start().await, &workload, settings, never(), |_| {}).await.unwrap();
    assert_eq!(sent.ending, Ending::Refused);
    assert!(sent.refusal.unwrap().starts_with("ResourceNotFoundException"));
    assert_eq!((acks.len(), fake.stream().records.len()), (sent.counts.acknowledged as usize, acks.len()));
    assert_eq!(sent.undecided.len() as u64, sent.records - sent.counts.acknowledged);
    assert!(!acks.is_empty() && !sent.undecided.is_empty());
}

#[tokio::test]
async fn an_interrupted_run_finishes_what_it_began() {
    let (workload, _) = workload(Plan { rate: 2_000, ..plan(1_000_000) });
    let fake = Fake::new(1, &[]);
    let after = |wait: u64| async move {
        tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(wait)).await;
    };
    let stops: Stops = Box::pin(futures_util::stream::once(after(400)).chain(futures_util::stream::pending()));
    let (sent, acks) = sent_to(fake.start().await, &workload, settings(), stops, |_| {}).await.unwrap();
    let begun: Vec<_> = Records::of(&workload).take(sent.records as usize).collect();
    check(&fake, &begun, &acks);
    assert_eq!((sent.ending, sent.undecided), (Ending::Interrupted, vec![]));
    assert!(sent.records > 0);
}

#[tokio::test]
async fn shards_are_split_and_merged_while_records_are_sent() {
    let (workload, _) = workload(Plan { rate: 400, ..plan(1_000_000) });
    let fake = Fake::new(2, &[]);
    let settings = Settings { reshard: Some(1), ..settings() };
    // The next split is asked for once the merge before it was written down. The stream begins with two shards and the
    // first split adds two, so whatever has a number from 4 on came of the merge.
    let enough = |stream: &Stream| {
        stream.splits >= 2 && stream.records.iter().any(|record| record.shard.as_str() >= "shardId-000000000004")
    };
    let watched = fake.clone();
    let resharded = async move {
        while !enough(&watched.stream()) {
            tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_millis(10)).await;
        }
    };
    let stops: Stops = Box::pin(futures_util::stream::once(resharded).chain(futures_util::stream::pending()));
    let (sent, acks) = sent_to(fake.start().await, &workload, settings, stops, |_| {}).await.unwrap();
    let begun: Vec<_> = Records::of(&workload).take(sent.records as usize).collect();
    check(&fake, &begun, &acks);
    assert_eq!(sent.ending, Ending::Interrupted);
    let done: Vec<_> = sent.reshards.iter().map(|reshard| reshard.what.split(' ').next().unwrap()).collect();
    assert!(done.starts_with(&["split", "merged"]), "{:?}", sent.reshards);
}
