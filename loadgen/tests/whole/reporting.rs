//! The page of a run: whole, well-formed, and without anything from elsewhere.

use std::collections::BTreeMap;
use std::path::Path;

use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::ids::Timestamp;
use iguazu_loadgen::acks;
use iguazu_loadgen::records::Records;
use iguazu_loadgen::report;
use iguazu_loadgen::run_file::{Counts, Ending, Latency, Outage, Reshard, Run, RunFolder, Second, ShardLoad, VERSION};
use iguazu_loadgen::verify::Verdict;
use iguazu_loadgen::verify::findings::{Findings, Kind};
use iguazu_loadgen::verify::proof::{Fresh, LakeNumbers, Proof, TableNumbers};
use iguazu_loadgen::workload::{Workload, shop};
use iguazu_setup::contracts::{compile, parse};
use iguazu_transform::Secrets;

use crate::sending::{plan, start};

fn run() -> Run {
    let counts = |n| Counts { acknowledged: n, documents: 2 * n, bytes: 600 * n, requests: 3, ..Counts::default() };
    let latency = Latency { p50: 1_000, p90: 2_000, p99: 3_000, p999: 4_000, max: 5_000 };
    Run {
        version: VERSION,
        stream: "events".into(),
        endpoint: None,
        plan: plan(100),
        contracts: shop::contracts(),
        started: start(),
        ended: Timestamp::from_millis(start().millis() + 3_000),
        ending: Ending::Complete,
        records: 100,
        undecided: Vec::new(),
        counts: counts(100),
        latency,
        seconds: (0..3).map(|at| Second { at, counts: counts(33), latency }).collect(),
        shards: BTreeMap::from([("shardId-000000000000".to_owned(), ShardLoad { records: 100, bytes: 60_000 })]),
        outages: vec![Outage { from: 500_000, to: None, problem: "refused <by> \"the\" & endpoint".into() }],
        reshards: vec![Reshard { at: 1_000_000, what: "split shardId-000000000000".into() }],
    }
}

fn proof() -> Proof {
    let mut findings = Findings::default();
    findings.add(Kind::Lost, "orders: the event <x> is lost");
    Proof {
        waited_ms: 1_500,
        verdict: Verdict {
            loss: 1,
            duplicates: 0,
            sums_equal: true,
            events: 100,
            deliveries: 100,
            unacknowledged: 0,
            quarantined: 0,
            cells: 7,
            not_compared: Vec::new(),
            findings,
        },
        lake: LakeNumbers {
            commits: 4,
            raw: (4, 40_000),
            quarantine: (1, 1_000),
            tables: vec![TableNumbers {
                table: "orders".into(),
                versions: 2,
                rows: 99,
                files: 2,
                bytes: 30_000,
                rollup_files: 4,
                freshness: vec![Fresh { at: start(), newest_ms: 20, oldest_ms: 900 }],
            }],
            objects: BTreeMap::from([("raw".to_owned(), 4), ("data".to_owned(), 2)]),
        },
    }
}

/// Whether every element is closed in order, by a reader that knows only tags.
fn check(html: &str) {
    let mut open = Vec::new();
    let mut rest = html;
    while let Some((_, behind)) = rest.split_once('<') {
        let (tag, behind) = behind.split_once('>').unwrap();
        rest = behind;
        assert!(!tag.contains('<'), "{tag}");
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name.to_owned()));
        } else if !tag.ends_with('/') && !tag.starts_with('!') && !tag.starts_with('?') {
            open.push(tag.split_whitespace().next().unwrap().to_owned());
        }
    }
    assert_eq!(open, Vec::<String>::new());
}

#[test]
fn the_page_is_well_formed_and_needs_nothing_but_itself() {
    let folder = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(folder.path());
    folder.create().unwrap();
    for proof in [None, Some(proof())] {
        report::write(&folder, &run(), proof.as_ref()).unwrap();
        let page = std::fs::read_to_string(folder.file("report.html")).unwrap();
        check(&page);
        assert!(!page.contains("<script") && !page.contains(" src=") && !page.contains("url("));
        assert!(page.contains("refused &lt;by&gt; &quot;the&quot; &amp; endpoint"));
        assert_eq!(page.matches("<svg").count(), if proof.is_some() { 4 } else { 3 });
        assert_eq!(page.contains("does not hold"), proof.is_some());
    }
    assert!(folder.read_json::<serde_json::Value>("report.json").unwrap().is_some());
}

#[test]
fn a_run_reads_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let folder = RunFolder::at(folder.path());
    folder.write(&run()).unwrap();
    assert_eq!(folder.read().unwrap(), run());
    folder.write(&Run { version: 9, ..run() }).unwrap();
    assert!(folder.read().unwrap_err().to_string().contains("version 9"));
    assert!(folder.read_json::<Proof>("verify.json").unwrap().is_none());
}

#[test]
fn a_cost_is_estimated_of_what_was_counted() {
    let items = report::cost::estimate(&run(), Some(&proof()));
    let dollars = |what: &str| items.iter().find(|item| item.what.contains(what)).map(|item| item.dollars).unwrap();
    assert_eq!(dollars("PUTs of ingest"), 5.0 * 5.0 / 1e6);
    assert_eq!(dollars("DynamoDB"), 6.0 / 1e6 * 0.625);
    assert_eq!(dollars("units of 25 KB"), 100.0 / 1e6 * 0.014);
    assert_eq!(report::cost::estimate(&run(), None).len(), 2);
}

/// A run that was recorded once. Whoever changes what a plan sends, or how a run is written down, changes what verifying it
/// would say: then the version of run.json goes up, and this run stays as it is.
#[test]
fn a_run_of_version_1_reads_as_ever_and_its_documents_are_made_again_byte_for_byte() {
    const SHA256: &str = "70aad0d7b5c896c2e530eacb5082e35bdb8bb7a3690f1dbf10e879277390daad";
    let folder = RunFolder::at(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/run.v1")));
    let run = folder.read().unwrap();
    assert_eq!((run.plan.seed, run.plan.events, run.ending), (42, 200, Ending::Complete));
    let mut acked = Vec::new();
    let entries = acks::read(std::fs::File::open(folder.acks()).unwrap(), |ack| acked.push(ack)).unwrap();
    acked.sort_by_key(|ack| ack.record);
    assert_eq!((entries, run.counts.acknowledged), (run.records, run.records));
    assert_eq!(acked[0].shard.to_string(), "shardId-000000000000");
    let catalog = compile(&run.contracts, &Secrets::default()).unwrap();
    let workload = Workload::new(run.plan.clone(), parse(&run.contracts).unwrap(), &catalog).unwrap();
    let mut bytes = Vec::new();
    for document in Records::of(&workload).flat_map(|record| record.documents) {
        bytes.extend_from_slice(&document.bytes);
    }
    assert_eq!((bytes.len(), Sha256Sum::of(&bytes).to_string()), (136_277, SHA256.to_owned()));
}
