//! What a table holds: its live files, row by row, and what its roll-up files add up to.
//!
//! Rules:
//! - Every file that is named is held against its checksum before it is decoded, and against what its list says of it.
//! - A file's roll-ups are held against the file's own rows. So a sum that has too many digits to be shown is known to be
//!   one.
//! - It is done in passes over parts of all placements, so that memory is bounded by the rows of a part. A bucket that lies
//!   within one part is read once. What is said of whole files is said in the pass in which their bucket begins, and files
//!   that are no good then are left out of the passes behind it.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt};
use iguazu_compact::state::Span;
use iguazu_lake::ids::{EventId, TableName, Timestamp};
use iguazu_lake::keys::ObjectKey;
use iguazu_lake::keys::version::{TablePartition, TypeKey};
use iguazu_lake::ports::Objects;
use iguazu_transform::contract::{Contract, Rollup};

use crate::compare::compare_file;
use crate::content::{Fingerprint, Prints};
use crate::error::AuditError;
use crate::file::{File, Named, fetch, fetch_again, guarded, unreadable};
use crate::finding::{Finding, Findings, Problem};
use crate::model::{EventPrints, Print};
use crate::rows::{Ids, Times, text};
use crate::sums::{self, Rollups, Sums};
use crate::value::{Cell, GroupKey};
use crate::view::{Live, View};

/// Live files that are fetched ahead: one is decoded while the other is read.
const AHEAD: usize = 2;
/// Rows of a table that one pass keeps in mind.
pub(crate) const PASS_ROWS: u64 = 1 << 21;

/// What a table holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// The table.
    pub table: TableName,
    /// Rows of its live files.
    pub rows: u64,
    /// Distinct events among them.
    pub events: u64,
    /// What the rows say together, as in [`Expected`](crate::model::Expected).
    pub rows_fingerprint: Fingerprint,
    /// Where the rows came from together.
    pub origins_fingerprint: Fingerprint,
    /// The sums over all roll-up files.
    pub rollups: Rollups,
    /// How many files say nothing for a roll-up of the contract, because they were written before it was there.
    pub rollups_absent: BTreeMap<String, u64>,
    /// What is wrong with single files, and with rows in them.
    pub findings: Vec<Finding>,
}

/// The parts of all placements that are gone through one after the other for so many rows.
pub(crate) fn passes(rows: u64, pass_rows: u64) -> impl Iterator<Item = Span> {
    let passes = rows.div_ceil(pass_rows.max(1)).max(1).next_power_of_two();
    let passes = u32::try_from(passes).unwrap_or(1 << 31);
    (0..passes).map(move |pass| Span::of_bucket(pass, passes))
}

/// Reads all that a table holds.
///
/// # Errors
/// Where the store fails.
pub async fn held<O: Objects>(objects: &O, contract: &Contract, view: &View) -> Result<Held, AuditError> {
    let rows = view.files().map(|live| live.file.rows).sum();
    let mut all = Held::nothing(view);
    let mut findings = Findings::default();
    findings.extend(view.findings.iter().cloned());
    let mut bad = BTreeSet::new();
    for span in passes(rows, PASS_ROWS) {
        let (held, _) = pass(objects, contract, view, span, &mut bad, &mut || ()).await?;
        findings.extend(all.merge(held));
    }
    all.findings = findings.finish();
    Ok(all)
}

/// Reads what a table holds within a part of all placements, event by event. `bad` are the files that earlier passes have
/// found to be no good. `done` is told of each file.
pub(crate) async fn pass<O: Objects>(
    objects: &O,
    contract: &Contract,
    view: &View,
    span: Span,
    bad: &mut BTreeSet<ObjectKey>,
    done: &mut (dyn FnMut() + Send),
) -> Result<(Held, EventPrints), AuditError> {
    let (prints, findings) = (EventPrints::new(), Findings::default());
    let mut pass = Pass { contract, span, part: Held::nothing(view), prints, findings };
    let near = view.files().filter(|live| live.span.common(&span).is_some());
    let reads = near.map(|live| async move {
        let named = Named { key: &live.key, bytes: live.file.bytes, sha256: &live.file.sha256 };
        let fetched = if span.holds(live.span.first) {
            fetch(objects, named).await?.map(Some)
        } else {
            Ok(fetch_again(objects, &live.key).await?)
        };
        Ok::<_, AuditError>((live, fetched))
    });
    let mut reads = stream::iter(reads).buffered(AHEAD);
    while let Some(read) = reads.next().await {
        let (live, fetched) = read?;
        let whole = span.holds(live.span.first);
        let sums = match fetched {
            Ok(Some(bytes)) if !bad.contains(&live.key) => guarded(|| pass.file(live, &File::open(bytes)?, whole))
                .map_err(|problem| unreadable(&live.key, problem)),
            Ok(_) => Ok(None),
            Err(finding) => Err(finding),
        };
        match sums {
            Ok(Some(sums)) => pass.rollups(objects, live, &sums).await?,
            Ok(None) => {}
            Err(finding) => {
                bad.insert(live.key.clone());
                pass.findings.push(finding);
            }
        }
        done();
    }
    drop(reads);
    let Pass { mut part, prints, findings, .. } = pass;
    part.events = prints.len() as u64;
    part.findings = findings.finish();
    Ok((part, prints))
}

impl Held {
    pub(crate) fn nothing(view: &View) -> Self {
        Self {
            table: view.table.clone(),
            rows: 0,
            events: 0,
            rows_fingerprint: Fingerprint::default(),
            origins_fingerprint: Fingerprint::default(),
            rollups: Rollups::new(),
            rollups_absent: BTreeMap::new(),
            findings: Vec::new(),
        }
    }

    /// Takes another part; gives its findings back.
    pub(crate) fn merge(&mut self, part: Self) -> Vec<Finding> {
        self.rows += part.rows;
        self.events += part.events;
        self.rows_fingerprint.add(part.rows_fingerprint);
        self.origins_fingerprint.add(part.origins_fingerprint);
        sums::merge(&mut self.rollups, part.rollups);
        part.rollups_absent
            .into_iter()
            .for_each(|(name, files)| *self.rollups_absent.entry(name).or_default() += files);
        part.findings
    }
}

/// A pass in the making.
struct Pass<'a> {
    contract: &'a Contract,
    span: Span,
    part: Held,
    prints: EventPrints,
    findings: Findings,
}

/// What a file says of all its rows together.
#[derive(Default)]
struct Extent {
    rows: u64,
    times: Option<(Timestamp, Timestamp)>,
    ids: Option<(EventId, EventId)>,
    misplaced: Option<String>,
}

fn wider<T: Ord + Copy>(known: Option<(T, T)>, value: T) -> Option<(T, T)> {
    Some(known.map_or((value, value), |(least, greatest)| (least.min(value), greatest.max(value))))
}

impl Pass<'_> {
    /// Takes the rows of a file. Where all of it is looked at, the roll-ups of its rows come back.
    fn file(&mut self, live: &Live, file: &File, whole: bool) -> Result<Option<Rollups>, String> {
        let mut sums = Sums::new(&self.contract.rollups);
        let mut extent = Extent::default();
        for batch in file.all()? {
            let batch = batch?;
            let (ids, times) = (Ids::of(&batch)?, Times::of(&batch)?);
            let kinds = batch.column_by_name("event_type");
            let mut prints = Prints::of(&batch);
            let columns = sums.columns(&batch)?;
            for row in 0..batch.num_rows() {
                let id = ids.id(row)?;
                if whole {
                    let kind = kinds.and_then(|kinds| text(kinds, row));
                    extent.see(live, id, times.happened(row), kind);
                    let share = sums.share(&columns, row)?;
                    sums.add(share)?;
                }
                if self.span.holds(id.placement()) {
                    let print = Print { content: prints.content(row)?, origin: prints.origin(row)? };
                    self.row(live, id, print);
                }
            }
        }
        if !whole {
            return Ok(None);
        }
        self.extent(live, &extent);
        Ok(Some(sums.finish()))
    }

    fn row(&mut self, live: &Live, id: EventId, print: Print) {
        self.part.rows += 1;
        self.part.rows_fingerprint.add(print.content);
        self.part.origins_fingerprint.add(print.origin);
        if self.prints.insert(id, print).is_some() {
            let place = format!("{}, event {id}", self.part.table);
            let found = format!("another one in {}", live.key);
            self.findings.push(Finding::new(Problem::DuplicateEvent, place, "one row in the live files", found));
        }
    }

    /// Holds what a file's list says of it against its rows: readers skip files by that.
    fn extent(&mut self, live: &Live, found: &Extent) {
        let key = &live.key;
        if found.rows != live.file.rows {
            let (expected, found) = (format!("{} rows", live.file.rows), format!("{} rows", found.rows));
            self.findings.push(Finding::new(Problem::Rows, key, expected, found));
        }
        if found.times != live.file.event_time || found.ids != live.file.ids {
            let said = |times: &Option<(Timestamp, Timestamp)>| {
                times.map_or_else(|| "no times".to_owned(), |(least, greatest)| format!("{least} to {greatest}"))
            };
            let (expected, times) = (said(&live.file.event_time), said(&found.times));
            let found = if found.times == live.file.event_time { "other ids at its ends".to_owned() } else { times };
            self.findings.push(Finding::new(Problem::Misplaced, key, expected, found));
        }
        if let Some(misplaced) = &found.misplaced {
            let expected = format!("rows of {} and bucket {}", live.partition, live.bucket);
            self.findings.push(Finding::new(Problem::Misplaced, key, expected, misplaced));
        }
    }

    /// Reads the roll-ups of a file, and holds them against those of its rows.
    async fn rollups<O: Objects>(&mut self, objects: &O, live: &Live, wanted: &Rollups) -> Result<(), AuditError> {
        for (of, key) in live.file.rollups.iter().zip(&live.rollups) {
            let bytes = match fetch(objects, Named { key, bytes: of.bytes, sha256: &of.sha256 }).await? {
                Ok(bytes) => bytes,
                Err(finding) => {
                    self.findings.push(finding);
                    continue;
                }
            };
            let name = of.rollup.to_string();
            let known = self.contract.rollups.iter().find(|rollup| rollup.name.as_str() == name);
            // A roll-up that the contract has no more is as good as it ever was, and nobody says what it should be.
            let Some(rollup) = known else { continue };
            match guarded(|| cells(rollup, &File::open(bytes)?, of.rows)) {
                Ok(cells) => {
                    let none = BTreeMap::new();
                    let wanted = wanted.get(&name).unwrap_or(&none);
                    compare_file(key.as_str(), wanted, &cells, &mut self.findings);
                    sums::merge(&mut self.part.rollups, Rollups::from([(name, cells)]));
                }
                Err(problem) => self.findings.push(unreadable(key, problem)),
            }
        }
        self.absent(live);
        Ok(())
    }

    fn absent(&mut self, live: &Live) {
        let said = |rollup: &Rollup| live.file.rollups.iter().any(|of| of.rollup.to_string() == rollup.name.as_str());
        for rollup in self.contract.rollups.iter().filter(|rollup| live.file.rows > 0 && !said(rollup)) {
            *self.part.rollups_absent.entry(rollup.name.to_string()).or_default() += 1;
            let expected = format!("the roll-up `{}` of its {} rows", rollup.name, live.file.rows);
            let found = "none: it was written before the contract had the roll-up, and until it is written anew the \
                         roll-up leaves its rows out";
            self.findings.push(Finding::new(Problem::RollupAbsent, &live.key, expected, found));
        }
    }
}

impl Extent {
    fn see(&mut self, live: &Live, id: EventId, happened: Timestamp, kind: Option<&str>) {
        self.rows += 1;
        self.times = wider(self.times, happened);
        self.ids = wider(self.ids, id);
        if self.misplaced.is_some() {
            return;
        }
        let day = TablePartition::of(happened).day;
        let by_kind = live.partition.kind.as_ref().is_none_or(|key| kind.is_some_and(|kind| TypeKey::of(kind) == *key));
        if day != live.partition.day || !by_kind || !live.span.holds(id.placement()) {
            self.misplaced = Some(format!("event {id} of {happened}"));
        }
    }
}

/// The cells of a roll-up's file.
fn cells(rollup: &Rollup, file: &File, rows: u64) -> Result<BTreeMap<GroupKey, Cell>, String> {
    if file.rows() != rows {
        return Err(format!("it has {} rows, and {rows} are recorded", file.rows()));
    }
    let mut cells = BTreeMap::new();
    for batch in file.all()? {
        sums::read(rollup, &batch?, &mut cells)?;
    }
    Ok(cells)
}
