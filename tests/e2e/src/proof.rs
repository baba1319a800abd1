//! Whether the lake holds what was sent, read without a proxy on the way: by the load generator's own verification, which
//! knows what was sent, and by the audit, which knows what was delivered.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use iguazu_audit::verify::{Options as Audit, verify};
use iguazu_setup::{chain_of, contracts};
use tokio::process::Command;

use crate::servers::{BUCKET, LEDGER_TABLE, REGION};
use crate::world::World;

/// The exit code of the load generator where the lake does not hold what it must.
const NO: i32 = 1;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proven {
    /// What was sent and is not there.
    pub loss: u64,
    /// What is there more than once.
    pub duplicates: u64,
    /// Whether all sums are right.
    pub sums_equal: bool,
    /// All that is wrong, that which is neither of these included.
    pub findings: u64,
    /// Events that were sent.
    pub events: u64,
    /// Rows of raw and of quarantine.
    pub deliveries: u64,
    /// What is wrong, a line for each that is told.
    pub told: Vec<String>,
}

/// Waits until nothing is left to do, and compares.
///
/// # Errors
/// Where the lake cannot be read, or does not drain.
pub async fn prove(world: &World, loadgen: &Path, folder: &Path, wait: Duration) -> Result<Proven, String> {
    let mut proven = by_what_was_sent(world, loadgen, folder, wait).await?;
    let problems = by_what_was_delivered(world, &folder.join("contracts")).await?;
    proven.findings += problems.len() as u64;
    proven.told.extend(problems);
    Ok(proven)
}

async fn by_what_was_sent(world: &World, loadgen: &Path, folder: &Path, wait: Duration) -> Result<Proven, String> {
    let log = folder.join("verify.log");
    let told = |error: std::io::Error| format!("{}: {error}", loadgen.display());
    let output = Command::new(loadgen)
        .env_clear()
        .envs([("AWS_REGION", REGION), ("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")])
        .env("AWS_ENDPOINT_URL_S3", format!("http://{}", world.servers.s3.address))
        .env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", world.servers.dynamodb))
        .env("IGUAZU_S3_PATH_STYLE", "true")
        .arg("verify")
        .arg("--run")
        .arg(folder.join("run"))
        .args(["--bucket", BUCKET, "--ledger-table", LEDGER_TABLE, "--contracts"])
        .arg(folder.join("contracts"))
        .args(["--wait", &wait.as_secs().to_string()])
        .process_group(world.guardian.group())
        .stdin(Stdio::null())
        .output()
        .await
        .map_err(told)?;
    std::fs::write(&log, &output.stderr).map_err(|error| format!("{}: {error}", log.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let code = output.status.code();
    if !matches!(code, Some(0 | NO)) {
        return Err(format!("the verification ended by {}: see {}", output.status, log.display()));
    }
    let proven = read(&text).ok_or_else(|| format!("the verification has no result: {text}"))?;
    if (code == Some(0)) == (proven.findings == 0) {
        Ok(proven)
    } else {
        Err(format!("the verification ended by {} and says otherwise: {text}", output.status))
    }
}

/// What the verification wrote: lines about what is wrong, and the result as the last one.
fn read(text: &str) -> Option<Proven> {
    let result = text.lines().find_map(|line| line.strip_prefix("RESULT loadgen "))?;
    let field = |name: &str| result.split(' ').find_map(|field| field.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| field(name)?.parse().ok();
    let findings = number("findings")?;
    Some(Proven {
        loss: number("loss")?,
        duplicates: number("duplicates")?,
        sums_equal: field("sums_equal")?.parse().ok()?,
        findings,
        events: number("events")?,
        deliveries: number("deliveries")?,
        told: if findings == 0 { Vec::new() } else { text.lines().map(str::to_owned).collect() },
    })
}

async fn by_what_was_delivered(world: &World, folder: &Path) -> Result<Vec<String>, String> {
    let texts = contracts::read_folder(&folder.display().to_string())?;
    let contracts = contracts::parse(&texts).map_err(|problems| problems.join("; "))?;
    let contracts: Vec<_> = contracts.into_iter().map(Arc::new).collect();
    let (objects, ledger) = (world.servers.objects(), world.servers.ledger());
    let audited = verify(&objects, &ledger, &contracts, &Audit::default(), &mut |_| {}).await;
    let audited = audited.map_err(|error| chain_of(&error))?;
    Ok(audited.findings.iter().map(|finding| format!("{finding:?}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_read_from_its_line() {
        let line =
            "RESULT loadgen loss=3 duplicates=0 sums_equal=false findings=4 events=9 deliveries=12 quarantined=1";
        let proven = read(&format!("lost: an event\n{line}\n")).unwrap();
        assert_eq!((proven.loss, proven.duplicates, proven.sums_equal, proven.findings), (3, 0, false, 4));
        assert_eq!((proven.events, proven.deliveries), (9, 12));
        assert_eq!(proven.told, ["lost: an event", line]);
        assert_eq!(read("nothing of the kind"), None);
        assert_eq!(read("RESULT loadgen loss=many"), None);
    }
}
