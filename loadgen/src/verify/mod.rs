//! Whether the lake holds what was sent: nothing lost, nothing twice, every sum right.
//!
//! - [`drain`] waits until the pipeline has nothing left to do.
//! - [`acked`] is what the stream said that it took, [`lake`] reads what the lake holds, [`judge`] compares.

pub mod acked;
pub mod drain;
pub mod findings;
pub mod judge;
pub mod lake;
pub mod proof;

use iguazu_audit::deliveries::Deliveries;
use iguazu_audit::{AuditError, deliveries, held, view};
use iguazu_lake::ports::{Ledger, Objects};
use serde::{Deserialize, Serialize};

use crate::oracle::Oracle;
use acked::Acked;
use findings::{Findings, Kind};

/// What came out.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// What was sent and is not there.
    pub loss: u64,
    /// What is there more than once.
    pub duplicates: u64,
    /// Whether every row says what it must, and every cell of every roll-up.
    pub sums_equal: bool,
    /// Events that were sent.
    pub events: u64,
    /// Rows of raw and of quarantine.
    pub deliveries: u64,
    /// Of those, the ones that were never acknowledged.
    pub unacknowledged: u64,
    /// Bad documents that are in quarantine.
    pub quarantined: u64,
    /// Cells of roll-ups that were compared.
    pub cells: u64,
    /// Roll-ups that were not, because they are by stream or shard.
    pub not_compared: Vec<String>,
    /// What is wrong.
    pub findings: Findings,
}

impl Verdict {
    /// Whether all is well.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.findings.is_empty()
    }

    /// The line that programs look for. Not every finding is a loss, a duplicate or a sum, and all of them are counted
    /// in it: it says no more than the exit code.
    #[must_use]
    pub fn line(&self) -> String {
        let Self { loss, duplicates, sums_equal, events, deliveries, quarantined, .. } = self;
        let findings = self.findings.total();
        format!(
            "RESULT loadgen loss={loss} duplicates={duplicates} sums_equal={sums_equal} findings={findings} \
             events={events} deliveries={deliveries} quarantined={quarantined}"
        )
    }
}

/// Why nothing can be said.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The lake cannot be read.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// Rows have shrunk.
    #[error(
        "{stubs} rows of the chain {chain} have shrunk to stubs and say no more what they held; verify a run before the \
         retention of its stream is over"
    )]
    Stubs {
        /// The chain.
        chain: String,
        /// How many.
        stubs: u64,
    },
}

/// Compares the lake with what it must hold. `show` is told what is being done.
///
/// # Errors
/// Where the lake cannot be read.
pub async fn verify<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    oracle: &Oracle,
    acked: &Acked,
    mut show: impl FnMut(&str),
) -> Result<Verdict, VerifyError> {
    let mut findings = Findings::default();
    let delivered = deliveries(ledger).await?;
    for finding in &delivered.findings {
        findings.add(Kind::Damaged, finding);
    }
    let of_stream = judge_deliveries(objects, &delivered, oracle, acked, &mut findings, &mut show).await?;
    let mut cells = 0;
    for table in &oracle.tables {
        let name = table.contract.table.to_string();
        show(&format!("the rows and roll-ups of the table {name}"));
        let view = view(objects, &table.contract).await?;
        let held_ids = lake::ids(objects, &view, &mut findings).await?;
        judge::ids(&name, &table.ids, &held_ids, &mut findings);
        judge::sums(table, &held(objects, &table.contract, &view).await?, &mut findings);
        cells += table.expected.rollups.values().map(|groups| groups.len() as u64).sum::<u64>();
    }
    Ok(Verdict {
        loss: findings.count(Kind::Lost),
        duplicates: findings.count(Kind::Doubled),
        sums_equal: findings.count(Kind::Sum) == 0,
        events: oracle.tables.iter().map(|table| table.events).sum(),
        deliveries: of_stream.rows,
        unacknowledged: of_stream.others,
        quarantined: of_stream.refused,
        cells,
        not_compared: oracle.tables.iter().flat_map(|table| table.left_out.clone()).collect(),
        findings,
    })
}

/// What the shards of the runs' streams hold.
#[derive(Clone, Copy, Debug, Default)]
struct OfStream {
    rows: u64,
    others: u64,
    refused: u64,
}

async fn judge_deliveries<O: Objects>(
    objects: &O,
    delivered: &Deliveries,
    oracle: &Oracle,
    acked: &Acked,
    findings: &mut Findings,
    show: &mut impl FnMut(&str),
) -> Result<OfStream, VerifyError> {
    let mut of_stream = OfStream::default();
    let mut refused = Vec::new();
    let none = Vec::new();
    let mut unseen: std::collections::BTreeSet<_> = acked.shards.keys().collect();
    for shard in &delivered.shards {
        let place = (shard.stream.name.to_string(), shard.shard.clone());
        if !acked.shards.keys().any(|(stream, _)| *stream == place.0) {
            continue;
        }
        if shard.stubs > 0 {
            return Err(VerifyError::Stubs { chain: shard.chain.to_string(), stubs: shard.stubs });
        }
        show(&format!("the deliveries of {}", shard.shard));
        let held = lake::shard(objects, shard, findings).await?;
        let acked = acked.shards.get(&place).unwrap_or(&none);
        of_stream.rows += held.deliveries.len() as u64;
        of_stream.others += judge::deliveries(&place.1.to_string(), acked, &held.deliveries, findings);
        refused.extend(held.refused);
        unseen.remove(&place);
    }
    for (stream, shard) in unseen {
        let place = (stream.clone(), shard.clone());
        judge::deliveries(&shard.to_string(), acked.shards.get(&place).unwrap_or(&none), &[], findings);
    }
    of_stream.refused = judge::refused(oracle, &refused, findings);
    Ok(of_stream)
}
