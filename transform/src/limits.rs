//! The limits of records, each with a name and a value. Input beyond one of them is quarantined, never cut to fit. The
//! limits of an event are its contract's: [`EventLimits`](crate::contract::EventLimits).

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// What a record and a document may cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a record as it was delivered. Streams keep Kinesis' default limit, which is the same.
    pub record_bytes_max: usize,
    /// Bytes that all compressed payloads of one record may expand to, together.
    pub decompressed_bytes_max: usize,
    /// Documents in one record, the bad ones included.
    pub events_per_record_max: usize,
    /// Members of one object, wherever in a document it stands: their names are looked at together, and are the only
    /// part of a document that costs memory beside its text.
    pub members_per_object_max: usize,
    /// Dates of a batch that get a file of quarantined input of their own; the surplus shares one.
    pub quarantine_dates_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes_max: MIB,
            decompressed_bytes_max: 16 * MIB,
            events_per_record_max: 10_000,
            members_per_object_max: 10_000,
            quarantine_dates_max: 8,
        }
    }
}
