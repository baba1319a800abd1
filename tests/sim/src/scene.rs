//! The scene of a schedule: everything that the seed decides before anything happens.

use crate::compacting::CompactionScene;
use crate::draw::{Actor, Draws};

/// A second of virtual time, in microseconds.
pub const SECOND: u64 = 1_000_000;
/// A day of virtual time.
pub const DAY: u64 = 86_400 * SECOND;
/// When faults end, so that the world can come to rest.
pub const QUIET_FROM: u64 = 90 * SECOND;
/// How long Lambda lets an invocation run.
pub const TIMEOUT: u64 = 10 * SECOND;
/// When consumed rows have shrunk, records have expired, and the days-old zombies wake.
pub const AFTER_DAYS: u64 = 3 * DAY;

/// One event source mapping.
#[derive(Clone, Debug)]
pub struct MappingScene {
    /// Its parallelization factor.
    pub lanes: u64,
    /// Whether it starts at LATEST, to be reset to TRIM_HORIZON later.
    pub from_latest: bool,
    /// Whether it filters records out until it is reset.
    pub filtered: bool,
    /// When it begins.
    pub starts_at: u64,
    /// When it is set back to TRIM_HORIZON, if ever.
    pub reset_at: Option<u64>,
    /// Whether it gives batches up after some failures.
    pub gives_up: bool,
}

/// The scene.
#[derive(Clone, Debug)]
pub struct Scene {
    /// Shards at the beginning.
    pub shards: usize,
    /// Records that producers send to each of them.
    pub records_per_shard: u64,
    /// Whether all shards number their records alike.
    pub same_sequences: bool,
    /// How many digits precede the counting ones in a sequence number.
    pub sequence_prefix: usize,
    /// When a shard is split or two are merged, if ever.
    pub reshard_at: Option<u64>,
    /// The mappings.
    pub mappings: Vec<MappingScene>,
    /// Whether the mappings understand partial responses.
    pub partial_responses: bool,
    /// The most records of a batch.
    pub batch_max: u64,
    /// Decoded bytes after which a commit is closed.
    pub output_bytes_max: usize,
    /// Faults per thousand calls.
    pub storm: u64,
    /// Whether files are Parquet.
    pub parquet: bool,
    /// Whether invocations go through their JSON.
    pub through_json: bool,
    /// Runs of the sweep.
    pub sweeps: u64,
    /// Whether the sweep runs once more when nothing moves.
    pub swept_at_rest: bool,
    /// Whether the schedule goes on days later.
    pub days: bool,
    /// What is compacted, if anything is.
    pub compaction: Option<CompactionScene>,
}

impl Scene {
    /// The scene of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut draws = Draws::new(seed, Actor::SCENE);
        let shards = draws.between(1, 2) as usize;
        let second = draws.one_in(5);
        let mappings = (0..=u64::from(second)).map(|_| mapping(&mut draws)).collect();
        let mut scene = Self {
            shards,
            records_per_shard: draws.between(1, 7),
            same_sequences: draws.one_in(3),
            sequence_prefix: [0, 0, 0, 0, 0, 0, 36, 109][draws.index(8)],
            reshard_at: draws.one_in(4).then(|| draws.between(SECOND, 20 * SECOND)),
            mappings,
            partial_responses: !draws.one_in(4),
            batch_max: draws.between(1, 6),
            output_bytes_max: if draws.one_in(4) { 200 } else { 1 << 20 },
            storm: [0, 20, 60, 120, 200][draws.index(5)],
            parquet: draws.one_in(400),
            through_json: draws.one_in(32),
            sweeps: draws.between(0, 2),
            swept_at_rest: draws.one_in(2),
            days: draws.one_in(4),
            compaction: None,
        };
        if !scene.parquet {
            scene.compaction = CompactionScene::new(seed);
        }
        scene
    }
}

fn mapping(draws: &mut Draws) -> MappingScene {
    let late = draws.one_in(5);
    let reset = late || draws.one_in(6);
    MappingScene {
        lanes: if draws.one_in(3) { draws.between(2, 4) } else { 1 },
        from_latest: late,
        filtered: reset && draws.one_in(3),
        starts_at: if late { draws.between(2 * SECOND, 15 * SECOND) } else { 0 },
        reset_at: reset.then(|| draws.between(20 * SECOND, 60 * SECOND)),
        gives_up: draws.one_in(6),
    }
}
