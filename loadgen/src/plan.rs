//! What a run is to send: everything that its documents depend on, so that they can be made again.

use iguazu_lake::ids::Timestamp;
use serde::{Deserialize, Serialize};

use crate::share::Share;

/// The shape of a load. Every field has an option of the command line, which says what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// All randomness comes from it.
    pub seed: u64,
    /// Events, duplicates and bad documents not counted.
    pub events: u64,
    /// Events a second.
    pub rate: u64,
    /// When the first event happens.
    pub start: Timestamp,
    /// Events that are sent again as they are.
    pub again: Share,
    /// Events that are sent again with a later time and other values.
    pub revised: Share,
    /// Events that happened hours or days before they are sent.
    pub late: Share,
    /// How late, at most.
    pub late_hours: u32,
    /// Events that happened up to a minute before they are sent.
    pub disordered: Share,
    /// Bad documents, of all that are sent.
    pub malformed: Share,
    /// Records that are KPL aggregates.
    pub kpl: Share,
    /// Records that are gzip.
    pub gzip: Share,
    /// Records that are zstd.
    pub zstd: Share,
    /// Records of several lines.
    pub lines: Share,
    /// Documents in one record, at most.
    pub documents_per_record: u32,
    /// Partition keys.
    pub keys: u32,
    /// How much some are preferred, in hundredths.
    pub skew_percent: u32,
    /// Bytes of an event.
    pub bytes: u32,
}

impl Plan {
    /// The usual load of so many events, which happen from `start` on.
    #[must_use]
    pub fn usual(events: u64, start: Timestamp) -> Self {
        let share = |percent: u32| Share::of_million(percent * 10_000);
        Self {
            seed: 1,
            events,
            rate: 1_000,
            start: Timestamp::from_millis(start.millis()),
            again: share(2),
            revised: share(1),
            late: share(2),
            late_hours: 72,
            disordered: share(10),
            malformed: share(1),
            kpl: share(5),
            gzip: share(5),
            zstd: share(5),
            lines: share(5),
            documents_per_record: 20,
            keys: 100,
            skew_percent: 100,
            bytes: 590,
        }
    }

    /// When an event is due, in microseconds since the start of the run.
    #[must_use]
    pub fn due_micros(&self, event: u64) -> u64 {
        let micros = u128::from(event) * 1_000_000 / u128::from(self.rate.max(1));
        u64::try_from(micros).unwrap_or(u64::MAX)
    }
}
