//! What the transform promises, through its public surface alone: records in, Parquet files out, rows read back.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what makes records and reads rows back for a test fails by failing the test"
)]

mod bad_input;
mod batches;
mod files;
mod good_input;
mod support;
mod tables;
mod types;
