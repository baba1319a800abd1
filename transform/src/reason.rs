//! Why something is in quarantine.
//!
//! [`Reason::code`] is part of the persisted format and of dashboards: a code never changes its meaning and is
//! never used again for another. The text says what is wrong, where, which limit it met and how to mend it. It
//! reaches logs, so it holds positions, limits and the paths that the contract names, and nothing of the input itself,
//! not even the names of its members.

use std::time::Duration;

use crate::value::Misfit;

/// A member that every event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Member {
    /// What its copies share.
    Id,
    /// What kind of event it is.
    Type,
    /// When it happened.
    Time,
}

/// Why a record or a document is no event. Positions count bytes from 0 within the document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// There is nothing in it but white space.
    #[error("the payload is empty or blank; send one JSON object per event")]
    EmptyRecord,
    /// The record is larger than a stream with the default limit takes.
    #[error("the record has {bytes} bytes, the limit is {limit}; split it or compress it")]
    RecordTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The invocation's `data` is not base64.
    #[error("the invocation's data is not standard base64; hand the record over as the stream delivered it")]
    Base64,
    /// The invocation's `eventID` is not `<shard>:<sequence number>`.
    #[error("the invocation's eventID is not <shard>:<sequence number>; hand it over as the stream delivered it")]
    EventIdMalformed,
    /// A field of the invocation's record is missing or of another kind.
    #[error("the invocation's record is incomplete or malformed; hand it over as the stream delivered it")]
    RecordMalformed,
    /// The record begins like a KPL aggregate, but its MD5 sum is wrong or missing.
    #[error("the record begins like a KPL aggregate but its MD5 trailer does not match; it was damaged or cut")]
    KplChecksum,
    /// The sum of a KPL aggregate is right, but its content is not.
    #[error("the KPL aggregate is not a valid AggregatedRecord message; update or mend the producer's library")]
    KplProtobuf,
    /// A KPL aggregate of nothing.
    #[error("the KPL aggregate holds no records; do not send empty aggregates")]
    KplEmpty,
    /// The payload begins like gzip and does not decompress to its end.
    #[error("the gzip payload is cut, damaged or followed by other bytes; send whole gzip members and nothing else")]
    GzipDamaged,
    /// The payload begins like zstd and does not decompress to its end.
    #[error("the zstd payload is cut, damaged or followed by other bytes; send whole zstd frames and nothing else")]
    ZstdDamaged,
    /// The payload needs a dictionary.
    #[error("the zstd payload needs a dictionary, and none is known here; compress without one")]
    ZstdDictionary,
    /// The payload asks for more memory than it may expand to.
    #[error("the zstd payload declares a window above the limit of {limit} bytes; compress with a smaller window")]
    ZstdWindow {
        /// The limit.
        limit: u64,
    },
    /// The record expands to too much.
    #[error("the record decompresses to more than {limit} bytes; put fewer events into one record")]
    OutputTooLarge {
        /// The limit.
        limit: usize,
    },
    /// The record holds too many documents.
    #[error("the record holds more than {limit} events; put fewer events into one record")]
    TooManyEvents {
        /// The limit.
        limit: usize,
    },
    /// The document is larger than its table takes.
    #[error("the event has {bytes} bytes, the limit is {limit}; send less, or raise limits.event_bytes")]
    EventTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The document is not text.
    #[error("not UTF-8 at byte {byte}; send JSON in UTF-8, compressed with gzip or zstd if at all")]
    NotUtf8 {
        /// Where the first wrong sequence begins.
        byte: usize,
    },
    /// The document nests too many arrays and objects.
    #[error("nested deeper than {limit} levels at byte {byte}; flatten the event")]
    TooDeep {
        /// Where the first level too many begins.
        byte: usize,
        /// The limit.
        limit: usize,
    },
    /// A number that no double holds; other readers would see infinity.
    #[error("the number at byte {byte} is beyond the range of a double; send it as a string")]
    NumberOutOfRange {
        /// Where it begins.
        byte: usize,
    },
    /// Not JSON as RFC 8259 has it.
    #[error("not JSON near byte {byte}: {problem}; send one RFC 8259 object per event")]
    JsonSyntax {
        /// Where it shows, give or take a byte: the parser sometimes looks one ahead.
        byte: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A valid document, but not an object.
    #[error("the document is {found}, not an object; send one JSON object per event")]
    NotAnObject {
        /// What it is.
        found: &'static str,
    },
    /// The outermost object has too many members.
    #[error("the object has more than {limit} members; nest them or split the event")]
    TooManyMembers {
        /// The limit.
        limit: usize,
    },
    /// The outermost object names a member twice; which one counts is anyone's guess.
    #[error("the member at byte {byte} has the name of an earlier one; name each member once")]
    DuplicateKey {
        /// Where the later one begins.
        byte: usize,
    },
    /// A member that every event has is not there.
    #[error("{path} is missing; every event has an id, a type and a time")]
    Missing {
        /// Which one.
        member: Member,
        /// Where it should stand.
        path: String,
    },
    /// A member that is a string in every event is something else.
    #[error("{path} is {found}, not a string; send it as one")]
    NotAString {
        /// Which one.
        member: Member,
        /// Where it stands.
        path: String,
        /// What it is.
        found: &'static str,
    },
    /// The id has another form.
    #[error(
        "{path} is not a UUID of the form 8-4-4-4-12 hexadecimal digits; give each event one, or have the contract \
         hash its ids"
    )]
    IdNotAUuid {
        /// Where it stands.
        path: String,
    },
    /// The type is the empty string.
    #[error("{path} is empty; name the event's type")]
    TypeEmpty {
        /// Where it stands.
        path: String,
    },
    /// The type is longer than any name.
    #[error("{path} has {bytes} bytes, the limit is {limit}; use a shorter name")]
    TypeTooLong {
        /// Where it stands.
        path: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// No table takes events of this type.
    #[error("no contract takes events of the type at {path}; add it to the types of one, or make a table the default")]
    TypeUnknown {
        /// Where it stands.
        path: String,
    },
    /// The time is not one.
    #[error("the value at {path} {misfit}")]
    TimeUnfit {
        /// Where it stands.
        path: String,
        /// What it is.
        found: &'static str,
        /// Why.
        misfit: Misfit,
    },
    /// The event happened too long before its record arrived.
    #[error(
        "{path} is more than {} days before the record's arrival; correct the producer's clock or unit",
        days(limit)
    )]
    TimeTooOld {
        /// Where it stands.
        path: String,
        /// The limit.
        limit: Duration,
    },
    /// The event claims to happen too long after its record arrived.
    #[error(
        "{path} is more than {} days after the record's arrival; correct the producer's clock or unit",
        days(limit)
    )]
    TimeTooNew {
        /// Where it stands.
        path: String,
        /// The limit.
        limit: Duration,
    },
    /// A filter of its table's contract does not let it pass.
    #[error("the contract's filter on {path} does not take the event; it is kept here, and a replay asks again")]
    Filtered {
        /// Where the filter looks.
        path: String,
    },
    /// A column that every event of its table fills has no value.
    #[error("the column {column} has no value at {path}, and it is required; send one")]
    ColumnMissing {
        /// The column.
        column: String,
        /// Where its value should stand.
        path: String,
    },
    /// A value does not fit its column.
    #[error("the value at {path}, for the column {column}, {misfit}")]
    ColumnUnfit {
        /// The column.
        column: String,
        /// Where the value stands.
        path: String,
        /// What it is.
        found: &'static str,
        /// Why it does not fit.
        misfit: Misfit,
    },
    /// Something else than an object stands where a column hides a part of one, and would be kept in the clear.
    #[error(
        "the value at byte {byte} should be an object, of which a column hides a part; send one, since anything else \
         would be kept in the clear"
    )]
    HiddenWithin {
        /// Where it begins.
        byte: usize,
    },
    /// The event has a member that no column holds, and its table takes none such.
    #[error("no column holds the member at byte {byte}; give it one, or have the contract keep or ignore the unknown")]
    UnknownField {
        /// Where it begins.
        byte: usize,
    },
}

/// A limit as people think of it; a part of a day is shown as a fraction.
fn days(limit: &Duration) -> f64 {
    limit.as_secs_f64() / 86_400.0
}

impl Reason {
    /// The stable name, for the `reason` column, metrics and alarms.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmptyRecord => "empty_record",
            Self::RecordTooLarge { .. } => "record_too_large",
            Self::Base64 => "base64",
            Self::EventIdMalformed => "event_id_malformed",
            Self::RecordMalformed => "record_malformed",
            Self::KplChecksum => "kpl_checksum",
            Self::KplProtobuf => "kpl_protobuf",
            Self::KplEmpty => "kpl_empty",
            Self::GzipDamaged => "gzip_damaged",
            Self::ZstdDamaged => "zstd_damaged",
            Self::ZstdDictionary => "zstd_dictionary",
            Self::ZstdWindow { .. } => "zstd_window",
            Self::OutputTooLarge { .. } => "output_too_large",
            Self::TooManyEvents { .. } => "too_many_events",
            Self::EventTooLarge { .. } => "event_too_large",
            Self::NotUtf8 { .. } => "not_utf8",
            Self::TooDeep { .. } => "too_deep",
            Self::NumberOutOfRange { .. } => "number_out_of_range",
            Self::JsonSyntax { .. } => "json_syntax",
            Self::NotAnObject { .. } => "not_an_object",
            Self::TooManyMembers { .. } => "too_many_members",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::Missing { member: Member::Id, .. } => "id_missing",
            Self::Missing { member: Member::Type, .. } => "type_missing",
            Self::Missing { member: Member::Time, .. } => "time_missing",
            Self::NotAString { member: Member::Id, .. } => "id_not_a_string",
            Self::NotAString { member: Member::Type, .. } => "type_not_a_string",
            Self::NotAString { member: Member::Time, .. } => "time_kind",
            Self::IdNotAUuid { .. } => "id_not_a_uuid",
            Self::TypeEmpty { .. } => "type_empty",
            Self::TypeTooLong { .. } => "type_too_long",
            Self::TypeUnknown { .. } => "type_unknown",
            Self::TimeUnfit { misfit, .. } => match misfit {
                Misfit::Kind { .. } => "time_kind",
                Misfit::LeapSecond => "time_leap_second",
                Misfit::TooPrecise => "time_too_precise",
                Misfit::OutOfRange { .. } => "time_out_of_range",
                _ => "time_malformed",
            },
            Self::TimeTooOld { .. } => "time_too_old",
            Self::TimeTooNew { .. } => "time_too_new",
            Self::Filtered { .. } => "filtered",
            Self::ColumnMissing { .. } => "column_missing",
            Self::ColumnUnfit { misfit, .. } => match misfit {
                Misfit::Kind { .. } => "column_kind",
                Misfit::NotANumber => "column_not_a_number",
                Misfit::NotABoolean => "column_not_a_boolean",
                Misfit::NotWhole => "column_not_whole",
                Misfit::OutOfRange { .. } => "column_out_of_range",
                Misfit::TooManyDigits { .. } => "column_too_many_digits",
                Misfit::TooPrecise => "column_too_precise",
                Misfit::NotADate => "column_not_a_date",
                Misfit::NotATime { .. } => "column_not_a_time",
                Misfit::LeapSecond => "column_leap_second",
                Misfit::NotAUrl => "column_not_a_url",
                Misfit::TooLong { .. } => "column_too_long",
            },
            Self::HiddenWithin { .. } => "hidden_within",
            Self::UnknownField { .. } => "unknown_field",
        }
    }

    /// Which place of the contract it is about, as a JSON pointer.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Missing { path, .. }
            | Self::NotAString { path, .. }
            | Self::IdNotAUuid { path }
            | Self::TypeEmpty { path }
            | Self::TypeTooLong { path, .. }
            | Self::TypeUnknown { path }
            | Self::TimeUnfit { path, .. }
            | Self::TimeTooOld { path, .. }
            | Self::TimeTooNew { path, .. }
            | Self::Filtered { path }
            | Self::ColumnMissing { path, .. }
            | Self::ColumnUnfit { path, .. } => Some(path),
            _ => None,
        }
    }

    /// What kind of value was found, where one was found that does not fit.
    #[must_use]
    pub const fn found(&self) -> Option<&'static str> {
        match self {
            Self::NotAnObject { found }
            | Self::NotAString { found, .. }
            | Self::TimeUnfit { found, .. }
            | Self::ColumnUnfit { found, .. } => Some(found),
            Self::IdNotAUuid { .. } | Self::TypeEmpty { .. } | Self::TypeTooLong { .. } => Some("a string"),
            _ => None,
        }
    }

    /// The text of the `detail` column.
    #[must_use]
    pub fn detail(&self) -> String {
        self.to_string()
    }
}
