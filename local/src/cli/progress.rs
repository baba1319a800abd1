//! How far the mapping has come in each shard, as `status` and `top` show it.

use iguazu_audit::Folder;
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use miette::{IntoDiagnostic, WrapErr};

use super::status::{Mapping, ShardProgress};
use crate::mapping::failures;
use crate::stream::{Reader, sequence, topology};

/// The progress of every shard of the stream's store, and what was given up.
pub(super) fn read(folder: &Folder) -> miette::Result<Mapping> {
    let given_up = failures::list(&folder.failures()).into_diagnostic().wrap_err("the failures cannot be read")?.len();
    let path = folder.stream();
    if !path.exists() {
        return Ok(Mapping { progress: None, given_up });
    }
    let about = || format!("the stream in {} cannot be read", path.display());
    let found = Reader::open(&path).and_then(|reader| reader.progress()).into_diagnostic().wrap_err_with(about)?;
    let now = SystemHost.now();
    let shown = |progress: crate::stream::Progress| {
        let number = |position| sequence::text(progress.created_ms, progress.shard, position);
        ShardProgress {
            stream: progress.stream.to_string(),
            shard: topology::name(progress.shard),
            newest: (progress.newest > 0).then(|| number(progress.newest)),
            checkpoint: (progress.checkpoint > 0).then(|| number(progress.checkpoint)),
            behind_records: progress.behind_records,
            behind_seconds: progress.behind_since.map_or(0.0, |since| now.since(since).as_secs_f64()),
        }
    };
    Ok(Mapping { progress: Some(found.into_iter().map(shown).collect()), given_up })
}
