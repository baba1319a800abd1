//! "Sometimes" counters: proof that each kind of fault and each branch of the protocol was reached.

use iguazu_ingest::report::Report;

use crate::faults::Fault;

/// What happened, beside the faults, that a run of many seeds must have seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "the names are the documentation: each is printed as it stands")]
pub enum Event {
    // The scene.
    ShardSplit,
    ShardsMerged,
    SameSequenceInTwoShards,
    ProducerRetried,
    PutRecordsPartial,
    LanesTwoToFour,
    TwoMappings,
    StartedAtLatest,
    ResetToTrimHorizon,
    FilteredMapping,
    MappingWithoutPartialResponses,
    BadRecord,
    SeveralEventsInRecord,
    ParquetFiles,
    PayloadThroughJson,
    // The mapping and its containers.
    PartialResponse,
    InvocationTimedOut,
    ZombieWoke,
    ZombieBesideNewInvocation,
    ClockSlow,
    ClockFast,
    Redriven,
    // The protocol.
    FirstRow,
    WarmStart,
    ColdRead,
    RowRead,
    ProvenByDigest,
    ProvenByFiles,
    CommittedLate,
    LostTheRace,
    ReadBackOwnRow,
    CutShort,
    StoppedBeforeDeadline,
    PutFoundOwnObject,
    // The sweep.
    SweptOrphan,
    SweptUndecided,
    StubbedRow,
    CollidedWithStub,
    // Compaction.
    VersionCommitted,
    VersionConflict,
    VersionReadBack,
    CopyDropped,
    RowReplaced,
    RollupRestated,
    FilesMerged,
    FilesCopied,
    SealedFileRewritten,
    PartitionEmptied,
    MovedToAnotherPartition,
    RowTakenInPart,
    RowsLeft,
    LanesApart,
    CompactionStopped,
    NoSuchBucket,
    // Epochs.
    EpochChanged,
    BucketClosed,
    EmptyBucketClosed,
    FilesSeeded,
    SeedTakenInPart,
    EpochTookOver,
    // Publication and readers.
    ManifestReplaced,
    ManifestNewerAlready,
    PublishedLate,
    ReplacedByAnother,
    ManifestRead,
    SnapshotRead,
    ReaderDuringChange,
    ReaderSawEpochChange,
    // The sweep of tables.
    SweptVersionOrphan,
    SweptVersionUndecided,
    SweptReplaced,
    SweptPastEpoch,
}

impl Event {
    const COUNT: usize = Self::SweptPastEpoch as usize + 1;
}

const NAMES: [&str; Event::COUNT] = [
    "shard_split",
    "shards_merged",
    "same_sequence_in_two_shards",
    "producer_retried",
    "put_records_partial",
    "lanes_two_to_four",
    "two_mappings",
    "started_at_latest",
    "reset_to_trim_horizon",
    "filtered_mapping",
    "mapping_without_partial_responses",
    "bad_record",
    "several_events_in_record",
    "parquet_files",
    "payload_through_json",
    "partial_response",
    "invocation_timed_out",
    "zombie_woke",
    "zombie_beside_new_invocation",
    "clock_slow",
    "clock_fast",
    "redriven",
    "first_row",
    "warm_start",
    "cold_read",
    "row_read",
    "proven_by_digest",
    "proven_by_files",
    "committed_late",
    "lost_the_race",
    "read_back_own_row",
    "cut_short",
    "stopped_before_deadline",
    "put_found_own_object",
    "swept_orphan",
    "swept_undecided",
    "stubbed_row",
    "collided_with_stub",
    "version_committed",
    "version_conflict",
    "version_read_back",
    "copy_dropped",
    "row_replaced",
    "rollup_restated",
    "files_merged",
    "files_copied",
    "sealed_file_rewritten",
    "partition_emptied",
    "moved_to_another_partition",
    "row_taken_in_part",
    "rows_left",
    "lanes_apart",
    "compaction_stopped",
    "no_such_bucket",
    "epoch_changed",
    "bucket_closed",
    "empty_bucket_closed",
    "files_seeded",
    "seed_taken_in_part",
    "epoch_took_over",
    "manifest_replaced",
    "manifest_newer_already",
    "published_late",
    "replaced_by_another",
    "manifest_read",
    "snapshot_read",
    "reader_during_change",
    "reader_saw_epoch_change",
    "swept_version_orphan",
    "swept_version_undecided",
    "swept_replaced",
    "swept_past_epoch",
];

/// How often each thing happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counters {
    faults: [u64; Fault::ALL.len()],
    events: [u64; Event::COUNT],
}

impl Default for Counters {
    fn default() -> Self {
        Self { faults: [0; Fault::ALL.len()], events: [0; Event::COUNT] }
    }
}

impl Counters {
    /// Counts a fault.
    pub fn fault(&mut self, fault: Fault) {
        self.faults[fault as usize] += 1;
    }

    /// Counts something else, `times` times.
    pub fn add(&mut self, event: Event, times: u64) {
        self.events[event as usize] += times;
    }

    /// Counts something else.
    pub fn event(&mut self, event: Event) {
        self.add(event, 1);
    }

    /// Counts the branches that one invocation took.
    pub fn report(&mut self, report: &Report) {
        let tally = &report.tally;
        self.add(Event::WarmStart, tally.warm_starts);
        self.add(Event::ColdRead, tally.newest_reads);
        self.add(Event::RowRead, tally.row_reads);
        self.add(Event::ProvenByDigest, tally.proven_by_digest);
        self.add(Event::ProvenByFiles, tally.proven_by_files);
        self.add(Event::CommittedLate, tally.committed_late);
        self.add(Event::LostTheRace, tally.conflicts);
        self.add(Event::ReadBackOwnRow, tally.read_backs);
        self.add(Event::CutShort, report.cut_short);
        self.add(Event::StoppedBeforeDeadline, u64::from(report.stopped));
    }

    /// Adds another run's counts.
    pub fn merge(&mut self, other: &Self) {
        self.faults.iter_mut().zip(&other.faults).for_each(|(sum, count)| *sum += count);
        self.events.iter_mut().zip(&other.events).for_each(|(sum, count)| *sum += count);
    }

    /// Every count by its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        let faults = Fault::ALL.iter().map(|fault| (fault.name(), self.faults[*fault as usize]));
        faults.chain(NAMES.iter().copied().zip(self.events.iter().copied()))
    }

    /// How many things never happened.
    #[must_use]
    pub fn zeros(&self) -> usize {
        self.named().filter(|(_, count)| *count == 0).count()
    }
}
