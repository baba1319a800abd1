//! Whether the lake holds what was sent, read without a proxy on the way.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use iguazu_audit::verify::{Options, verify as audit};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_loadgen::oracle::{Part, oracle};
use iguazu_loadgen::run_file::RunFolder;
use iguazu_loadgen::verify::acked::Acked;
use iguazu_loadgen::verify::drain::drain;
use iguazu_loadgen::verify::{Verdict, verify};
use iguazu_loadgen::workload::Workload;
use iguazu_setup::{chain_of, contracts};
use iguazu_transform::Secrets;

use crate::servers::Servers;

/// What was found.
#[derive(Debug)]
pub struct Proven {
    /// By what was sent.
    pub verdict: Verdict,
    /// By what the raw files hold: a line for each thing that is wrong.
    pub findings: Vec<String>,
}

/// Waits until nothing is left to do, and compares.
///
/// # Errors
/// Where the lake cannot be read, or does not drain.
pub async fn prove(servers: &Servers, run: &Path, wait: Duration) -> Result<Proven, String> {
    let (objects, ledger) = (servers.objects(), servers.ledger());
    let folder = RunFolder::at(run);
    let run = folder.read().map_err(|error| chain_of(&error))?;
    if !run.undecided.is_empty() {
        return Err(format!("{} records were never acknowledged", run.undecided.len()));
    }
    let told = |problems: Vec<String>| problems.join("; ");
    let catalog = contracts::compile(&run.contracts, &Secrets::default()).map_err(told)?;
    let contracts = contracts::parse(&run.contracts).map_err(told)?;
    let workload = Workload::new(run.plan.clone(), contracts.clone(), &catalog).map_err(|error| chain_of(&error))?;
    let part = Part { workload: &workload, records: run.records };
    let oracle = oracle(&[part], &catalog, |_, _| {}).map_err(|error| chain_of(&error))?;
    let mut acked = Acked::default();
    acked.add(&folder, &run, &oracle.documents[0]).map_err(|error| chain_of(&error))?;
    let drained = drain((&objects, &ledger, &SystemHost), &contracts, &acked, wait, |_| {}).await;
    drained.map_err(|error| chain_of(&error))?;
    let verdict = verify(&objects, &ledger, &oracle, &acked, |_| {}).await.map_err(|error| chain_of(&error))?;
    let contracts: Vec<_> = contracts.into_iter().map(Arc::new).collect();
    let audited = audit(&objects, &ledger, &contracts, &Options::default(), &mut |_| {}).await;
    let audited = audited.map_err(|error| chain_of(&error))?;
    let findings = audited.findings.iter().map(|finding| format!("{finding:?}")).collect();
    Ok(Proven { verdict, findings })
}
