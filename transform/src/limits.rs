//! The limits, each with a name and a value. Input beyond one of them is quarantined, never cut to fit.

use std::time::Duration;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a record, a document and a batch may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a record as it was delivered. Streams keep Kinesis' default limit, which is the same.
    pub record_bytes_max: usize,
    /// Bytes that all compressed payloads of one record may expand to, together.
    pub decompressed_bytes_max: usize,
    /// Documents in one record, the bad ones included.
    pub events_per_record_max: usize,
    /// Levels of arrays and objects in a document; its own braces are the first.
    pub json_depth_max: usize,
    /// Members of a document's outermost object: their index is the only part of it that costs more memory than
    /// its text.
    pub members_per_event_max: usize,
    /// Bytes of an event's type, in UTF-8.
    pub event_type_bytes_max: usize,
    /// How long before the arrival of its record an event may have happened.
    pub event_time_past_max: Duration,
    /// How long after the arrival of its record an event may claim to happen: clocks disagree.
    pub event_time_future_max: Duration,
    /// Dates of a batch that get a file of their own; the surplus shares one.
    pub dates_per_batch_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes_max: MIB,
            decompressed_bytes_max: 16 * MIB,
            events_per_record_max: 10_000,
            json_depth_max: 64,
            members_per_event_max: 10_000,
            event_type_bytes_max: 256,
            event_time_past_max: 3660 * DAY,
            event_time_future_max: DAY,
            dates_per_batch_max: 8,
        }
    }
}
