//! `iguazu quarantine replay`: what was refused goes through the contracts in force once more, by the very handler that
//! ingests, into the same ledger and lake.
//!
//! Rules:
//! - A refused document is sent as a record of a stream of its own: the original stream's name and the [fingerprint] of
//!   the contracts in force. Its shard and its time of arrival are the original ones, and its sequence number is the
//!   original one with the sub number behind it. So the commit protocol itself tells what was replayed before: the same
//!   replay under the same contracts finds every record in a row, whoever repeats it and however many do so at once.
//! - Under other contracts it is another stream. What an earlier replay got in is then delivered again, and is one event
//!   in its table nevertheless, by its id.
//! - What a replay refused again is in quarantine under the replay's stream. It stands for its original, which is what is
//!   sent, so that replays of replays do not multiply.
//!
//! Why so is in docs/adr/0018-a-replay-is-a-stream.md.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use iguazu_ingest::invocation::Invocation;
use iguazu_ingest::{FixedStreams, Ingest};
use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::checksum::Sha256Sum;
use iguazu_lake::host::Host;
use iguazu_lake::ids::{ChainId, SequenceNumber, ShardId, StreamId, StreamName};
use iguazu_lake::keys::Area;
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::{Batch, Catalog, Parquet, Payload, Record, Source};
use miette::{Context, IntoDiagnostic, miette};
use serde::Serialize;

use super::rows::{Row, decode};
use super::{FIELDS, store};
use crate::cli::condition::Conditions;
use crate::cli::present::{counted, say, say_json};
use crate::cli::{Answer, Common, lake};
use crate::pipeline::ingest_settings;

/// What stands between the name of the original stream and the fingerprint.
const MARK: &str = ".replay-";
/// Hexadecimal digits of a fingerprint.
const FINGERPRINT_DIGITS: usize = 16;
/// Characters that a stream's name may have.
const NAME_CHARS_MAX: usize = 128;
/// Digits that the sub number takes behind the sequence number, so that no two pairs join to the same digits.
const SUB_DIGITS: usize = 10;
/// Records and bytes of one commit, about as many as Lambda hands over.
const RECORDS_MAX: usize = 1_000;
const BYTES_MAX: usize = 4 << 20;
/// How long one commit may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Mend the contract first, and start `iguazu up` with it, so that it is in force: it may take more types or paths, ask for
fewer columns, have wider limits or fewer filters (`iguazu contract diff` tells whether it may follow). Secrets
are taken from the environment, as by `iguazu up`. Doing it twice, or twice at once, is safe: what was replayed under
the same contracts is recognised, and an event that comes in twice is one event in its table.

Examples:
  iguazu quarantine replay --where reason=column_missing --where table=orders --dry-run
  iguazu quarantine replay --where reason=column_missing --where table=orders")]
pub struct Args {
    /// Only rows that meet this condition, as for `list`; may be given several times.
    #[arg(long = "where", value_name = "CONDITION", required = true)]
    conditions: Vec<String>,
    /// Only say what would become of them.
    #[arg(long)]
    dry_run: bool,
}

/// What a replay did, or would do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Which contracts it went through.
    pub fingerprint: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Refused documents that were sent.
    pub sent: u64,
    /// Of these, those that an earlier replay under these contracts had sent.
    pub already: u64,
    /// Documents that are in their tables now.
    pub accepted: u64,
    /// Documents that were refused again.
    pub refused: u64,
    /// Why the contracts in force refuse documents of what was sent, those of earlier replays included.
    pub reasons: BTreeMap<String, u64>,
    /// Rows that stand for an original which is no longer there.
    pub gone: u64,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let conditions = Conditions::read(&args.conditions, &FIELDS)?;
    let opened = lake::open(&common.folder)?;
    let catalog = Arc::new(lake::catalog(&common.folder)?);
    let replay = Replay { objects: &opened.objects, ledger: &opened.ledger, host: SystemHost, catalog };
    let replayed = lake::block_on(Box::pin(replay.run(&conditions, args.dry_run)))??;
    if common.json { say_json(&replayed) } else { say(&as_text(&replayed)) }.map(|_| ExitCode::SUCCESS)
}

/// Which document a row of quarantine is about: the stream that replays are named after, the shard, and the joined
/// number.
type Origin = (StreamId, ShardId, String);

/// What replays.
pub struct Replay<'a, O, L, H> {
    pub objects: &'a O,
    pub ledger: &'a L,
    pub host: H,
    pub catalog: Arc<Catalog>,
}

impl<O: Objects, L: Ledger, H: Host> Replay<'_, O, L, H> {
    /// Replays the rows that meet the conditions.
    ///
    /// # Errors
    /// Where the lake cannot be read or written. What was committed until then is recognised the next time.
    pub async fn run(&self, conditions: &Conditions, dry_run: bool) -> miette::Result<Replayed> {
        let fingerprint = fingerprint(&self.catalog);
        let files = store::files(self.ledger).await?;
        let mut wanted: BTreeSet<Origin> = BTreeSet::new();
        for file in &files {
            for row in store::rows(self.objects, file).await? {
                if conditions.hold(|field| row.field(field)) {
                    wanted.insert(origin(&row)?);
                }
            }
        }
        let mut replayed = Replayed { fingerprint, dry_run, ..Replayed::default() };
        for file in &files {
            if wanted.is_empty() {
                break;
            }
            let mut records: BTreeMap<(StreamId, ShardId), Vec<Record>> = BTreeMap::new();
            for row in store::rows(self.objects, file).await? {
                // What a replay refused stands for its original.
                if is_replay(&row) {
                    continue;
                }
                let origin = origin(&row)?;
                if wanted.remove(&origin) {
                    let (stream, shard, joined) = origin;
                    let sequence = joined.parse().into_diagnostic()?;
                    let record = Record { sequence, arrival: row.arrival, payload: Payload::Data(row.payload) };
                    records.entry((stream, shard)).or_default().push(record);
                }
            }
            for ((stream, shard), records) in records {
                for part in parts(records) {
                    self.send(&stream, &shard, part, &mut replayed).await?;
                }
            }
        }
        replayed.gone = wanted.len() as u64;
        Ok(replayed)
    }

    /// Sends records of a shard, and counts what became of them.
    async fn send(
        &self,
        stream: &StreamId,
        shard: &ShardId,
        mut records: Vec<Record>,
        replayed: &mut Replayed,
    ) -> miette::Result<()> {
        let name: StreamName = format!("{}{MARK}{}", stream.name, replayed.fingerprint).parse().into_diagnostic()?;
        let id = StreamId { name: name.clone(), created_ms: stream.created_ms };
        replayed.sent += records.len() as u64;
        let accepted = self.judge(&ChainId::Shard { stream: id, shard: shard.clone() }, &records, replayed)?;
        if replayed.dry_run {
            replayed.accepted += accepted;
            replayed.refused = replayed.reasons.values().sum();
            return Ok(());
        }
        let settings = ingest_settings(self.catalog.clone());
        let streams = FixedStreams { created_ms: stream.created_ms };
        let ingest = Ingest::new(self.objects, self.ledger, &self.host, streams, Parquet, settings);
        while !records.is_empty() {
            let shards = BTreeMap::from([((name.clone(), shard.clone()), records.clone())]);
            let deadline = self.host.now().plus(PATIENCE);
            let handled = Box::pin(ingest.handle(Invocation { shards, unidentified: None }, deadline)).await;
            replayed.already += handled.report.trimmed;
            replayed.accepted += handled.report.counts.accepted;
            replayed.refused += handled.report.counts.quarantined;
            let answer = handled.answer.into_diagnostic();
            let answer =
                answer.wrap_err("a commit failed; what was committed before it is recognised the next time")?;
            let left = answer.batch_item_failures.first().and_then(|item| item.item_identifier.as_ref()?.parse().ok());
            let left: Option<SequenceNumber> = left;
            records.retain(|record| left.is_some_and(|left| record.sequence.cmp_in_shard(&left).is_ge()));
        }
        Ok(())
    }

    /// What the contracts say of records: how many documents they take, and in `replayed` why they refuse the others.
    fn judge(&self, chain: &ChainId, records: &[Record], replayed: &mut Replayed) -> miette::Result<u64> {
        let mut batch = Batch::expecting(records.len(), &self.catalog);
        for record in records {
            batch.push(record);
        }
        let output = batch.finish(&Source { chain: chain.clone() }, &Parquet).into_diagnostic()?;
        for file in output.files.into_iter().filter(|file| file.area == Area::Quarantine) {
            for row in decode(file.bytes)? {
                *replayed.reasons.entry(row.reason).or_default() += 1;
            }
        }
        Ok(output.counts.accepted)
    }
}

/// The contracts in force by their canonical texts, so that a comment changes nothing.
fn fingerprint(catalog: &Catalog) -> String {
    let texts: Vec<_> = catalog.tables().iter().map(|table| table.contract().to_toml()).collect();
    let sum = Sha256Sum::of(texts.join("\n").as_bytes()).to_string();
    sum.get(..FINGERPRINT_DIGITS).unwrap_or_default().to_owned()
}

/// The name of the original stream out of that of a replay.
fn replayed_name(name: &str) -> Option<&str> {
    let (original, fingerprint) = name.rsplit_once(MARK)?;
    let digits = fingerprint.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (fingerprint.len() == FINGERPRINT_DIGITS && digits && !original.is_empty()).then_some(original)
}

fn is_replay(row: &Row) -> bool {
    let name = row.stream.rsplit_once('.').map_or(row.stream.as_str(), |(name, _)| name);
    replayed_name(name).is_some()
}

/// What replays of a stream are named after: its name or, where no room would be left for the fingerprint, a hash of it.
fn base(name: &str) -> String {
    if name.len() + MARK.len() + FINGERPRINT_DIGITS <= NAME_CHARS_MAX {
        return name.to_owned();
    }
    Sha256Sum::of(name.as_bytes()).to_string()
}

/// The sequence number with the sub number behind it.
fn joined(sequence: &SequenceNumber, sub: u32) -> String {
    let digits = format!("{sequence}{sub:0SUB_DIGITS$}");
    let plain = digits.trim_start_matches('0');
    if plain.is_empty() { "0".to_owned() } else { plain.to_owned() }
}

fn origin(row: &Row) -> miette::Result<Origin> {
    let unreadable = || format!("the row {} of quarantine is not named as deliveries are", row.id());
    let (stream, shard, sequence) = row.origin().into_diagnostic().wrap_err_with(unreadable)?;
    let name = stream.name.to_string();
    let created_ms = stream.created_ms;
    if let Some(original) = replayed_name(&name) {
        let name = original.parse().into_diagnostic()?;
        return Ok((StreamId { name, created_ms }, shard, sequence.to_string()));
    }
    let joined = joined(&sequence, row.sub);
    if joined.parse::<SequenceNumber>().is_err() {
        return Err(miette!(
            help = "leave it out by another condition",
            "the row {} of quarantine cannot be replayed: its sequence number and its sub number have {} digits \
             together, and a sequence number has 129 at most",
            row.id(),
            joined.len()
        ));
    }
    let name = base(&name).parse().into_diagnostic()?;
    Ok((StreamId { name, created_ms }, shard, joined))
}

/// Records in parts that a commit takes.
fn parts(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut parts: Vec<Vec<Record>> = Vec::new();
    let mut bytes = 0;
    for record in records {
        let size = match &record.payload {
            Payload::Data(bytes) | Payload::Undecodable { original: bytes, .. } => bytes.len(),
        };
        match parts.last_mut() {
            Some(part) if part.len() < RECORDS_MAX && bytes + size <= BYTES_MAX => {
                bytes += size;
                part.push(record);
            }
            _ => {
                bytes = size;
                parts.push(vec![record]);
            }
        }
    }
    parts
}

fn as_text(replayed: &Replayed) -> String {
    let Replayed { dry_run, sent, already, accepted, refused, reasons, gone, fingerprint } = replayed;
    if *sent == 0 && *gone == 0 {
        return "Nothing is in quarantine that meets this.\n".to_owned();
    }
    let rows = counted(*sent, "row", "rows");
    let mut text = if *dry_run {
        format!("{rows} would go through the contracts in force ({fingerprint}); nothing was written\n")
    } else {
        format!("{rows} went through the contracts in force ({fingerprint})\n")
    };
    if !dry_run {
        text.push_str(&format!("  {already:>9}  replayed before under these contracts\n"));
    }
    text.push_str(&format!("  {accepted:>9}  accepted\n  {refused:>9}  refused again\n"));
    let refusing = reasons.iter().map(|(reason, count)| format!("    {count:>9}  {reason}\n"));
    if !reasons.is_empty() {
        text.push_str("the contracts refuse of them, by reason:\n");
        text.extend(refusing);
    }
    if *gone > 0 {
        text.push_str(&format!(
            "{} not sent: the original is no longer in quarantine\n",
            counted(*gone, "row was", "rows were")
        ));
    }
    text
}

#[cfg(test)]
mod tests;
