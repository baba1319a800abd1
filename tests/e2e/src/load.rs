//! The load generator, as a process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use tokio::process::{Child, Command};

use crate::options::Options;
use crate::servers::{REGION, STREAM};
use crate::world::World;

/// Writes the contracts of the load to a folder.
///
/// # Errors
/// Where the load generator cannot do it.
pub async fn contracts(program: &Path, folder: &Path) -> Result<(), String> {
    let done = Command::new(program).arg("contracts").arg(folder).stdout(Stdio::null()).status().await;
    let done = done.map_err(|error| format!("{}: {error}", program.display()))?;
    if done.success() { Ok(()) } else { Err(format!("the contracts cannot be written: {done}")) }
}

/// Begins to send, through the proxy.
///
/// # Errors
/// Where the load generator does not start.
pub fn begin(program: &Path, options: &Options, run: &Path, world: &World) -> Result<Child, String> {
    let log = log(options);
    let told = |error: std::io::Error| format!("{}: {error}", program.display());
    let out = File::create(&log).map_err(told)?;
    Command::new(program)
        .env_clear()
        .env("AWS_REGION", REGION)
        .arg("run")
        .args(["--stream", STREAM, "--endpoint"])
        .arg(format!("http://{}", world.kinesis))
        .args(["--rate", &options.rate.to_string()])
        .args(["--seconds", &options.load_seconds().to_string()])
        .args(["--seed", &options.seed.to_string()])
        .args(["--reshard", &options.reshard.to_string()])
        .args(["--malformed", "0.02", "--again", "0.03", "--revised", "0.02", "--late", "0.03", "--late-hours", "24"])
        .arg("--out")
        .arg(run)
        .process_group(world.guardian.group())
        .stdin(Stdio::null())
        .stdout(out.try_clone().map_err(told)?)
        .stderr(out)
        .spawn()
        .map_err(told)
}

/// Where it writes what it says.
#[must_use]
pub fn log(options: &Options) -> PathBuf {
    options.out.join("loadgen.log")
}

/// What its end means.
///
/// # Errors
/// Where it did not end well.
pub fn judge(status: ExitStatus, options: &Options) -> Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("the load ended by {status}: see {}", log(options).display())) }
}
