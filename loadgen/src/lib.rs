//! Loads a stream, knows what the lake must hold, and proves that it does.
//!
//! ```text
//! seed ──▶ Documents ──▶ Records ──▶ send ──▶ stream ──▶ … ──▶ lake
//!              │                       │                        │
//!              │                    run.json, acks.bin          │
//!              ▼                       ▼                        ▼
//!           oracle ─────────────▶ verify: loss, duplicates, sums ──▶ RESULT
//! ```
//!
//! - [`plan`]: what a run is to send; [`workload`], [`documents`] and [`records`] make it, and make it again.
//! - [`send`]: the open loop that sends it, whatever the endpoint does meanwhile.
//! - [`run_file`] and [`acks`]: what a run leaves behind.
//! - [`oracle`]: what the lake must hold, from the plan and the number of records that were sent.
//! - [`verify`]: whether it does.
//! - [`report`]: how it went, as a page.
//!
//! Rules:
//! - What is sent is a function of the plan alone. What happened on the way is recorded and never decides what is
//!   expected, but for how many records were sent at all.
//! - A record whose reply was lost is sent again. That gives deliveries more, never an event more.
//! - What the oracle knows by itself (how many events, which ids, which reasons, which sums in total) is compared with
//!   the lake without the transform; single cells of roll-ups and single values are compared by way of it.

pub mod acks;
pub mod cli;
pub mod documents;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod records;
pub mod report;
pub mod run_file;
pub mod send;
pub mod share;
pub mod verify;
pub mod workload;
