//! One event from its deliveries to the roll-ups that count it.
//!
//! Every raw file that may hold the event is asked, by the part of it where the event's placement lies; then the live files
//! of its bucket whose ids and times leave room for it; then the roll-up files of its windows. Nothing is guessed: what is
//! said of the event was read in a file.

mod told;

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use iguazu_compact::state::Span;
use iguazu_lake::ids::{EventId, TableName, Timestamp};
use iguazu_lake::ports::{Ledger, Objects};
use iguazu_transform::contract::{Contract, Keep, Rollup};
use serde::Serialize;

use crate::deliveries::{DeliveredFile, Deliveries, Shard, deliveries};
use crate::error::AuditError;
use crate::file::{File, Named, fetch, guarded, unreadable};
use crate::finding::{Finding, Findings, Problem};
use crate::model::{Copies, Copy, Places};
use crate::rows::{Ids, text};
use crate::sums::{self, Sums};
use crate::value::{Cell, GroupKey};
use crate::view::{Live, View, view};

pub use told::{Fate, TableTrace, Trace, TracedDelivery, TracedGroup, TracedRow};

/// Files that are fetched ahead.
const AHEAD: usize = 8;

/// Traces an event through all tables.
///
/// # Errors
/// Where a port fails, or a text of the ledger is not understood.
pub async fn trace<O: Objects, L: Ledger>(
    objects: &O,
    ledger: &L,
    contracts: &[Arc<Contract>],
    id: EventId,
) -> Result<Trace, AuditError> {
    let mut views = Vec::new();
    for contract in contracts {
        views.push((contract, view(objects, contract).await?));
    }
    let mut delivered = deliveries(ledger).await?;
    delivered.find_shrunk(objects).await?;
    let mut findings = Findings::default();
    let mut tables = Vec::new();
    for (contract, view) in &views {
        let tracing = Tracing { objects, contract, view, id };
        let copies = tracing.copies(&delivered, &mut findings).await?;
        if !copies.is_empty() {
            tables.push(tracing.table(copies, &mut findings).await?);
        }
    }
    Ok(Trace { id: id.to_string(), tables, findings: findings.finish() })
}

/// An event that is being traced through a table.
struct Tracing<'a, O> {
    objects: &'a O,
    contract: &'a Contract,
    view: &'a View,
    id: EventId,
}

/// A copy that was found in a raw file.
struct Found {
    copy: Copy,
    kind: String,
    n: u64,
    key: String,
    taken: bool,
}

/// All copies that were found.
#[derive(Default)]
struct Copied {
    copies: Vec<Found>,
    places: Places,
}

impl<O: Objects> Tracing<'_, O> {
    fn point(&self) -> Span {
        Span { first: self.id.placement(), last: self.id.placement() }
    }

    /// The event's copies in the raw files.
    async fn copies(&self, delivered: &Deliveries, findings: &mut Findings) -> Result<Copied, AuditError> {
        let objects = self.objects;
        let files =
            delivered.shards.iter().flat_map(|shard| shard.raw(&self.view.table).map(move |file| (shard, file)));
        let reads = files.map(|(shard, file)| async move {
            let named = Named { key: &file.key, bytes: file.bytes, sha256: &file.sha256 };
            fetch(objects, named).await.map(|fetched| (shard, file, fetched))
        });
        let mut reads = stream::iter(reads).buffered(AHEAD);
        let mut found = Copied::default();
        while let Some(read) = reads.next().await {
            let (shard, file, fetched) = read?;
            let looked = match fetched {
                Ok(bytes) => guarded(|| self.look(shard, file, &File::open(bytes)?, &mut found))
                    .map_err(|problem| unreadable(&file.key, problem)),
                Err(finding) => Err(finding),
            };
            if let Err(finding) = looked {
                findings.push(finding);
            }
        }
        Ok(found)
    }

    /// Looks for the event in a raw file: first at its ids, and where it is there at all else.
    fn look(&self, shard: &Shard, file: &DeliveredFile, opened: &File, found: &mut Copied) -> Result<(), String> {
        if !has(opened, self.point(), self.id)? {
            return Ok(());
        }
        let taken = self.view.taken(&shard.chain, file.n, file.ordinal);
        let taken = taken.iter().any(|span| span.holds(self.id.placement()));
        let columns = ["event_id", "event_type", "event_time", "arrival_time", "stream", "shard", "sequence", "sub"];
        for batch in opened.near(Some(&columns), self.point())? {
            let batch = batch?;
            let (ids, copies) = (Ids::of(&batch)?, Copies::of(&batch)?);
            let kinds = batch.column_by_name("event_type");
            for row in 0..batch.num_rows() {
                if ids.id(row)? == self.id {
                    let copy = copies.copy(&mut found.places, row)?;
                    let kind = kinds.and_then(|kinds| text(kinds, row)).unwrap_or_default().to_owned();
                    found.copies.push(Found { copy, kind, n: file.n.get(), key: file.key.to_string(), taken });
                }
            }
        }
        Ok(())
    }

    async fn table(&self, found: Copied, findings: &mut Findings) -> Result<TableTrace, AuditError> {
        let Copied { mut copies, places } = found;
        let rule = self.contract.keep;
        copies.sort_by(|a, b| places.rank(rule, &a.copy, &b.copy));
        let best = copies.iter().position(|copy| copy.taken);
        let kept = best.and_then(|best| copies.get(best)).map(|kept| kept.copy);
        let (live, row) = match kept {
            Some(kept) => self.live(&kept, &places, findings).await?.unzip(),
            None => (None, None),
        };
        let groups = match row {
            Some(groups) => self.groups(groups, findings).await?,
            None => Vec::new(),
        };
        let deliveries = copies.iter().enumerate().map(|(at, found)| {
            let (stream, shard) = places.get(found.copy.place);
            let fate = match kept {
                _ if !found.taken => Fate::Pending,
                Some(_) if Some(at) == best => Fate::Kept,
                Some(kept) => Fate::Dropped { why: why(rule, &found.copy, &kept) },
                None => Fate::Pending,
            };
            TracedDelivery {
                stream: stream.to_owned(),
                shard: shard.to_owned(),
                sequence: found.copy.sequence.to_string(),
                sub: found.copy.sub,
                event_type: found.kind.clone(),
                event_time: found.copy.event_time.to_string(),
                arrival_time: found.copy.arrival.to_string(),
                row: found.n,
                file: found.key.clone(),
                fate,
            }
        });
        Ok(TableTrace { table: self.view.table.to_string(), deliveries: deliveries.collect(), live, groups })
    }

    /// The live row of the event, and the groups of the roll-ups that it is in. Where the file that holds it should be by
    /// the copy that is kept does not, all files of the bucket are asked before it is said to be lost.
    async fn live(
        &self,
        kept: &Copy,
        places: &Places,
        findings: &mut Findings,
    ) -> Result<Option<(TracedRow, Vec<GroupKey>)>, AuditError> {
        let id = self.id;
        let may = |live: &&Live| live.file.ids.is_some_and(|(least, greatest)| least <= id && id <= greatest);
        let near = |live: &&Live| {
            live.file.event_time.is_some_and(|(from, to)| from <= kept.event_time && kept.event_time <= to)
        };
        let files: Vec<_> = self.view.files().filter(|live| live.span.holds(id.placement())).filter(may).collect();
        let (first, others): (Vec<&Live>, Vec<&Live>) = files.into_iter().partition(near);
        for live in first.into_iter().chain(others) {
            let named = Named { key: &live.key, bytes: live.file.bytes, sha256: &live.file.sha256 };
            let row = match fetch(self.objects, named).await? {
                Ok(bytes) => {
                    guarded(|| self.row(&File::open(bytes)?)).map_err(|problem| unreadable(&live.key, problem))
                }
                Err(finding) => Err(finding),
            };
            match row {
                Ok(Some((copy, mut seen, groups))) => {
                    let place = |places: &Places, copy: &Copy| {
                        let (stream, shard) = places.get(copy.place);
                        format!("{stream}, shard {shard}, sequence {}, sub {}", copy.sequence, copy.sub)
                    };
                    let (wanted, found) = (place(places, kept), place(&mut seen, &copy));
                    if wanted != found {
                        let place = format!("{}, event {id}", self.view.table);
                        findings.push(Finding::new(Problem::OtherCopy, place, wanted, found));
                    }
                    return Ok(Some((self.traced(live), groups)));
                }
                Ok(None) => {}
                Err(finding) => findings.push(finding),
            }
        }
        let place = format!("{}, event {id}", self.view.table);
        findings.push(Finding::new(Problem::LostEvent, place, "the event in a live file of its bucket", "in none"));
        Ok(None)
    }

    fn traced(&self, live: &Live) -> TracedRow {
        let read = self.view.versions.iter().find(|version| version.bucket == live.bucket);
        TracedRow {
            file: live.key.to_string(),
            bucket: live.bucket,
            version: live.file.written.n.get(),
            read_version: read.map_or(0, |version| version.n.get()),
            partition: live.partition.to_string(),
        }
    }

    /// The event's row of a live file, with the group of each roll-up.
    fn row(&self, file: &File) -> Result<Option<(Copy, Places, Vec<GroupKey>)>, String> {
        let mut start = 0;
        for batch in file.columns(&["event_id"])? {
            let batch = batch?;
            let ids = Ids::of(&batch)?;
            for row in 0..batch.num_rows() {
                if ids.id(row)? == self.id {
                    return self.whole_row(file, start + row).map(Some);
                }
            }
            start += batch.num_rows();
        }
        Ok(None)
    }

    fn whole_row(&self, file: &File, row: usize) -> Result<(Copy, Places, Vec<GroupKey>), String> {
        let batch = file.read(None, Some(row..row + 1))?.next().ok_or("it has fewer rows than it says")??;
        let mut places = Places::default();
        let copy = Copies::of(&batch)?.copy(&mut places, 0)?;
        let mut sums = Sums::new(&self.contract.rollups);
        let columns = sums.columns(&batch)?;
        sums.share(&columns, 0)?;
        Ok((copy, places, sums.keys()))
    }

    /// What the table holds of these groups, by all roll-up files of their windows.
    async fn groups(&self, keys: Vec<GroupKey>, findings: &mut Findings) -> Result<Vec<TracedGroup>, AuditError> {
        let mut traced = Vec::new();
        for (rollup, key) in self.contract.rollups.iter().zip(keys) {
            if let Some(cell) = self.cell(rollup, &key, findings).await? {
                traced.push(group(&self.view.table, rollup, &key, cell));
            }
        }
        Ok(traced)
    }

    async fn cell(&self, rollup: &Rollup, key: &GroupKey, findings: &mut Findings) -> Result<Option<Cell>, AuditError> {
        let in_window = |time: Timestamp| sums::window_start(rollup.window, time.micros());
        let mut total: Option<Cell> = None;
        for live in self.view.files() {
            let near = live
                .file
                .event_time
                .is_some_and(|(from, to)| in_window(from) <= key.window_start && key.window_start <= in_window(to));
            let named = live.file.rollups.iter().zip(&live.rollups);
            let of = named.into_iter().find(|(of, _)| of.rollup.to_string() == rollup.name.as_str());
            let Some((of, object)) = of.filter(|_| near) else { continue };
            let cells = match fetch(self.objects, Named { key: object, bytes: of.bytes, sha256: &of.sha256 }).await? {
                Ok(bytes) => guarded(|| {
                    let mut cells = BTreeMap::new();
                    for batch in File::open(bytes)?.all()? {
                        sums::read(rollup, &batch?, &mut cells)?;
                    }
                    Ok(cells)
                })
                .map_err(|problem| unreadable(object, problem)),
                Err(finding) => Err(finding),
            };
            match (cells.map(|mut cells| cells.remove(key)), &mut total) {
                (Ok(Some(cell)), Some(total)) => total.add(cell),
                (Ok(cell), None) => total = cell,
                (Ok(None), Some(_)) => {}
                (Err(finding), _) => findings.push(finding),
            }
        }
        Ok(total)
    }
}

impl Copied {
    fn is_empty(&self) -> bool {
        self.copies.is_empty()
    }
}

/// Whether a file holds an event, by its ids alone.
fn has(file: &File, span: Span, id: EventId) -> Result<bool, String> {
    for batch in file.near(Some(&["event_id"]), span)? {
        let batch = batch?;
        let ids = Ids::of(&batch)?;
        for row in 0..batch.num_rows() {
            if ids.id(row)? == id {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn group(table: &TableName, rollup: &Rollup, key: &GroupKey, cell: Cell) -> TracedGroup {
    TracedGroup {
        rollup: format!("{table}_{}", rollup.name),
        window_start: key.window_start.to_string(),
        by: rollup.by.iter().zip(&key.by).map(|(name, value)| (name.to_string(), json(value))).collect(),
        count: cell.count,
        measures: rollup
            .measures
            .iter()
            .zip(&cell.measures)
            .map(|(measure, value)| (measure.name.to_string(), json(value)))
            .collect(),
    }
}

fn json(value: &impl Serialize) -> serde_json::Value {
    // Texts, numbers and nothing: all of it is JSON.
    serde_json::to_value(value).unwrap_or_default()
}

/// By what the copy that is kept is better.
fn why(rule: Keep, copy: &Copy, kept: &Copy) -> String {
    let later_event = || format!("the copy that is kept has the later event time {}", kept.event_time);
    let earlier_arrival = || format!("the copy that is kept arrived earlier, at {}", kept.arrival);
    match rule {
        Keep::Latest if copy.event_time != kept.event_time => later_event(),
        Keep::Latest if copy.arrival != kept.arrival => format!("of the same event time, {}", earlier_arrival()),
        Keep::First if copy.arrival != kept.arrival => earlier_arrival(),
        Keep::First if copy.event_time != kept.event_time => {
            format!(
                "it arrived at the same time, and the copy that is kept has the earlier event time {}",
                kept.event_time
            )
        }
        _ => "its times are those of the copy that is kept, whose delivery id is the lesser".to_owned(),
    }
}
