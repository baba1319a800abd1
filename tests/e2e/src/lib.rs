//! The deployed functions over the real wire protocols, with everything that can go wrong on the way.
//!
//! ```text
//! loadgen ──▶ proxy ──▶ Kinesis ◀── proxy ◀── mapping ──▶ ingest ─┐        ┌─▶ proxy ─▶ S3
//!                                               schedule ──▶ compact ──────┴─▶ proxy ─▶ DynamoDB
//!                                                                                 ▲
//!                                     loadgen verify, audit ──── without a proxy ─┘
//! ```
//!
//! - [`servers`]: what is taken for AWS. [`proxy`] stands in front of each, [`faults`] decides what it does.
//! - [`lambda`]: Lambda around the real programs. [`chaos`] decides what befalls them.
//! - [`mapping`]: from the stream to ingest.
//! - [`world`] puts it together, [`run`] drives it, [`proof`] and [`report`] say what came of it.
//!
//! Decisions are functions of the seed. When things happen is up to the machine, so two runs of one seed differ; what they
//! must prove does not.

pub mod background;
pub mod chaos;
pub mod control;
pub mod faults;
pub mod guardian;
pub mod lambda;
pub mod load;
pub mod logs;
pub mod mapping;
pub mod options;
pub mod proof;
pub mod proxy;
pub mod report;
pub mod run;
pub mod servers;
pub mod tally;
pub mod world;
