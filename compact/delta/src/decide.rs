//! What a commit says: a function of the versions that are published and of what the log holds.
//!
//! Rules:
//! - The log holds of a bucket exactly the files of one of its versions, which its `txn` names. It never goes back.
//! - A bucket whose files others have taken over is closed: its `txn` is the greatest number that there is, so that a
//!   late publisher of it finds nothing to do.
//! - What is left of files that were live is removed in the commit that adds what replaces them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::Datelike;
use iguazu_compact::publish::VersionView;
use iguazu_compact::state::LiveFile;
use iguazu_lake::ids::{ChainId, TableName, Timestamp};
use iguazu_lake::keys::version::{TablePartition, VersionObject, VersionPart};
use iguazu_lake::keys::{KeyPrefix, ObjectKey};

use crate::error::DeltaError;

/// The version of a bucket that others have taken over.
pub(crate) const CLOSED: i64 = i64::MAX;

/// A file that is to be live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) partition: TablePartition,
    pub(crate) bytes: u64,
    pub(crate) rows: u64,
    pub(crate) event_time: Option<(Timestamp, Timestamp)>,
    /// When the version was committed.
    pub(crate) at: Timestamp,
}

/// A file that the log holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) chain: ChainId,
    pub(crate) partition: TablePartition,
    pub(crate) bytes: i64,
}

/// What a log holds, as far as it matters here. Files by their paths below the root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) files: BTreeMap<String, Held>,
    pub(crate) through: BTreeMap<ChainId, i64>,
}

/// What a commit changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Change {
    pub(crate) add: BTreeMap<String, Target>,
    pub(crate) remove: BTreeMap<String, Held>,
    pub(crate) through: BTreeMap<ChainId, i64>,
}

/// What is to be published in one commit, checked.
#[derive(Clone, Debug)]
pub(crate) struct Wanted<'a> {
    views: BTreeMap<&'a ChainId, &'a VersionView>,
    replaces: BTreeSet<&'a ChainId>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn new(
        table: &TableName,
        views: impl IntoIterator<Item = &'a VersionView>,
        replaces: impl IntoIterator<Item = &'a ChainId>,
    ) -> Result<Self, DeltaError> {
        let misplaced = |chain: &ChainId, problem| DeltaError::Misplaced { chain: chain.clone(), problem };
        let epoch_of = |chain: &ChainId| match chain {
            ChainId::Bucket { table: of, epoch, .. } if of == table => Ok(*epoch),
            _ => Err(misplaced(chain, "it is no bucket of the contract's table")),
        };
        let mut newest: BTreeMap<&ChainId, &VersionView> = BTreeMap::new();
        let mut least = None;
        for view in views {
            let epoch = epoch_of(&view.chain)?;
            if view.table != *table || through(view) == CLOSED {
                return Err(misplaced(&view.chain, "its version is not one of the contract's table"));
            }
            least = Some(least.map_or(epoch, |least: u32| least.min(epoch)));
            let kept = newest.entry(&view.chain).or_insert(view);
            if kept.n < view.n {
                *kept = view;
            }
        }
        let replaces: BTreeSet<_> = replaces.into_iter().collect();
        for chain in &replaces {
            let epoch = epoch_of(chain)?;
            if least.is_none_or(|least| epoch >= least) {
                return Err(misplaced(chain, "only buckets of a later epoch can take its files over"));
            }
        }
        Ok(Self { views: newest, replaces })
    }

    /// The chains whose `txn` decides.
    pub(crate) fn chains(&self) -> impl Iterator<Item = &'a ChainId> {
        self.views.keys().chain(&self.replaces).copied()
    }

    /// The roll-ups that its files have.
    pub(crate) fn rollups(&self) -> BTreeSet<&'a TableName> {
        let partitions = self.views.values().flat_map(|view| view.partitions.values());
        let files = partitions.flat_map(|(_, files)| files);
        files.flat_map(|file| file.rollups.iter().map(|rollup| &rollup.rollup)).collect()
    }

    /// What a log that holds this is to be told; nothing, if it knows already.
    pub(crate) fn change(&self, root: &KeyPrefix, rollup: Option<&TableName>, held: &Holdings) -> Option<Change> {
        let known = |chain: &ChainId| held.through.get(chain).copied();
        let mut change = Change::default();
        for view in self.views.values().filter(|view| known(&view.chain).is_none_or(|known| known < through(view))) {
            change.through.insert(view.chain.clone(), through(view));
            change.add.extend(targets(view, root, rollup));
        }
        for chain in self.replaces.iter().filter(|chain| known(chain) != Some(CLOSED)) {
            change.through.insert((*chain).clone(), CLOSED);
        }
        if change.through.is_empty() {
            return None;
        }
        for (path, file) in held.files.iter().filter(|(_, file)| change.through.contains_key(&file.chain)) {
            if change.add.remove(path).is_none() {
                change.remove.insert(path.clone(), file.clone());
            }
        }
        Some(change)
    }
}

/// The `txn` of a version.
fn through(view: &VersionView) -> i64 {
    i64::try_from(view.n.get()).unwrap_or(CLOSED)
}

/// The files of a version that a log names, by their paths.
fn targets(view: &VersionView, root: &KeyPrefix, rollup: Option<&TableName>) -> BTreeMap<String, Target> {
    let files =
        view.partitions.iter().flat_map(|(partition, (_, files))| files.iter().map(move |file| (partition, file)));
    let targets = files.filter_map(|(partition, file)| {
        let (key, target) = match rollup {
            None => event_file(view, partition, file),
            Some(rollup) => rollup_file(view, partition, file, rollup)?,
        };
        let path = key.as_str().strip_prefix(root.as_str())?.to_owned();
        (target.rows > 0).then_some((path, target))
    });
    targets.collect()
}

fn event_file(view: &VersionView, partition: &TablePartition, file: &LiveFile) -> (ObjectKey, Target) {
    let (rows, bytes, event_time) = (file.rows, file.bytes, file.event_time);
    let target = Target { partition: partition.clone(), bytes, rows, event_time, at: view.at };
    (file.written.data(&view.chain, &view.table, partition), target)
}

fn rollup_file(
    view: &VersionView,
    partition: &TablePartition,
    file: &LiveFile,
    rollup: &TableName,
) -> Option<(ObjectKey, Target)> {
    let of = file.rollups.iter().find(|of| of.rollup == *rollup)?;
    let target = Target { partition: partition.clone(), bytes: of.bytes, rows: of.rows, event_time: None, at: view.at };
    Some((file.written.rollup(&view.chain, &view.table, partition, rollup), target))
}

impl Held {
    /// A file of a log by its path, if it is one of this table that compaction has written.
    pub(crate) fn parse(root: &KeyPrefix, path: &str, bytes: i64) -> Option<Self> {
        let key: ObjectKey = format!("{root}{path}").parse().ok()?;
        let VersionObject { part, chain, .. } = VersionObject::parse(&key).ok()?;
        match part {
            VersionPart::Data { partition, .. } | VersionPart::Rollup { partition, .. } => {
                Some(Self { chain, partition, bytes })
            }
            VersionPart::State | VersionPart::Partition { .. } => None,
        }
    }
}

/// Whether a time is one that every reader can write as text.
pub(crate) fn is_plain_time(time: Timestamp) -> bool {
    time.date().is_some_and(|date| (1..=9999).contains(&date.year()))
}

#[cfg(test)]
mod tests {
    use iguazu_compact::state::Written;
    use iguazu_lake::checksum::Sha256Sum;
    use iguazu_lake::ids::{AttemptId, RowNumber};
    use iguazu_lake::keys::Partition;
    use proptest::prelude::*;

    use super::*;

    const BUCKETS: u32 = 3;

    fn table() -> TableName {
        "orders".parse().unwrap()
    }

    fn chain(epoch: u32, bucket: u32) -> ChainId {
        ChainId::Bucket { table: table(), epoch, bucket }
    }

    /// A version with some of the files that there were up to it: which ones is as good as random, and always the same.
    fn view(epoch: u32, bucket: u32, n: u64) -> VersionView {
        let mut partitions = BTreeMap::new();
        for k in (0..=n).filter(|k| (k * 7 + n * 3 + u64::from(bucket)) % 5 < 3) {
            let day = if k % 3 == 0 { Partition::Mixed } else { Partition::of(Timestamp::EPOCH) };
            let partition = TablePartition { day, kind: None };
            let file = LiveFile {
                written: Written { n: RowNumber::new(k), attempt: AttemptId::from_u128(1), ordinal: 0 },
                // Some have no rows, and are no business of a log's.
                rows: k % 4,
                bytes: 10,
                sha256: Sha256Sum::of(b""),
                event_time: None,
                ids: None,
                index: None,
                rollups: Vec::new(),
            };
            partitions.entry(partition).or_insert((RowNumber::new(k), Vec::new())).1.push(file);
        }
        let n = RowNumber::new(n);
        VersionView { chain: chain(epoch, bucket), table: table(), n, at: Timestamp::EPOCH, partitions }
    }

    /// Commits what is wanted, if it is news, and checks what every commit keeps to.
    fn commit(held: &mut Holdings, views: &[VersionView], replaces: &[ChainId]) -> bool {
        let (root, wanted) = (KeyPrefix::data(&table()), Wanted::new(&table(), views, replaces).unwrap());
        let Some(change) = wanted.change(&root, None, held) else { return false };
        for (path, file) in &change.remove {
            assert_eq!(held.files.remove(path).as_ref(), Some(file), "what is removed was there");
        }
        for (path, target) in &change.add {
            assert!(target.rows > 0);
            let file = Held::parse(&root, path, 10).unwrap();
            assert!(held.files.insert(path.clone(), file).is_none(), "what is added was not there");
        }
        for (chain, through) in change.through {
            assert!(held.through.insert(chain, through).is_none_or(|before| before < through), "nothing goes back");
        }
        assert_eq!(wanted.change(&root, None, held), None, "what is known is not told again");
        true
    }

    fn held_by(views: impl IntoIterator<Item = VersionView>) -> BTreeSet<String> {
        let root = KeyPrefix::data(&table());
        views.into_iter().flat_map(|view| targets(&view, &root, None).into_keys()).collect()
    }

    proptest! {
        #[test]
        fn whatever_the_order_a_log_holds_the_newest_versions_that_it_was_told(
            told in prop::collection::vec((0..BUCKETS, 0_u64..30), 0..40),
        ) {
            let (mut held, mut newest) = (Holdings::default(), BTreeMap::new());
            for (bucket, n) in told {
                let news = newest.get(&bucket).is_none_or(|newest| *newest < n);
                prop_assert_eq!(commit(&mut held, &[view(0, bucket, n)], &[]), news);
                if news {
                    newest.insert(bucket, n);
                }
                let expected = held_by(newest.iter().map(|(bucket, n)| view(0, *bucket, *n)));
                prop_assert_eq!(held.files.keys().cloned().collect::<BTreeSet<_>>(), expected);
            }
        }

        #[test]
        fn after_a_takeover_nothing_of_the_epoch_before_comes_back(
            before in prop::collection::vec((0..BUCKETS, 0_u64..30), 0..10),
            ends in prop::collection::vec(0_u64..30, BUCKETS as usize * 2),
            after in prop::collection::vec((0..2_u32, 0..BUCKETS, 0_u64..30), 0..20),
        ) {
            let mut held = Holdings::default();
            for (bucket, n) in before {
                commit(&mut held, &[view(0, bucket, n)], &[]);
            }
            let mut newest: BTreeMap<u32, u64> = (0_u32..).zip(ends).collect();
            let views: Vec<_> = newest.iter().map(|(bucket, n)| view(1, *bucket, *n)).collect();
            let replaces: Vec<_> = (0..BUCKETS).map(|bucket| chain(0, bucket)).collect();
            prop_assert!(commit(&mut held, &views, &replaces));
            for (epoch, bucket, n) in after {
                if commit(&mut held, &[view(epoch, bucket, n)], &[]) {
                    prop_assert_eq!(epoch, 1);
                    newest.insert(bucket, n);
                }
                let expected = held_by(newest.iter().map(|(bucket, n)| view(1, *bucket, *n)));
                prop_assert_eq!(held.files.keys().cloned().collect::<BTreeSet<_>>(), expected);
            }
        }
    }

    #[test]
    fn of_two_versions_of_a_bucket_the_newer_one_is_published() {
        let mut held = Holdings::default();
        assert!(commit(&mut held, &[view(0, 0, 9), view(0, 0, 4)], &[]));
        assert_eq!(held.files.into_keys().collect::<BTreeSet<_>>(), held_by([view(0, 0, 9)]));
    }

    #[test]
    fn only_what_compaction_names_so_is_a_file_of_ours() {
        let root = KeyPrefix::data(&table());
        let name = "bucket.orders.0.1.000000000007.00000000000000000000000000000abc.00000.parquet";
        let held = Held::parse(&root, &format!("year=2026/month=11/day=21/{name}"), 5).unwrap();
        assert_eq!((held.chain, held.bytes), (chain(0, 1), 5));
        assert!(Held::parse(&root, &format!("mixed/type_key=a.b/{name}"), 5).is_some());
        for path in [name, "part-00000.parquet", "../mixed/x", &format!("mixed/{}", name.replace("orders", "others"))] {
            assert_eq!(Held::parse(&root, path, 5), None, "{path}");
        }
    }
}
