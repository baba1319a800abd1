//! A deterministic world with faults, in which the production code of Iguazu runs unchanged.
//!
//! - [`schedule::run`] runs one seed: shards, producers, the event source mapping, containers, the stores with
//!   every outcome that a call can have, and the checks of the invariants.
//! - [`shrink::shrink`] reduces a failing seed to the faults that matter.
//! - [`counted`]: ports over memory that count what AWS would bill, for what measures costs.
//! - [`counters`] prove that every kind of fault and every branch was reached.
//!
//! Rules: one thread, discrete-event time, one seed. Every random decision is keyed by the seed, the actor and
//! the actor's own counter. The same seed gives the same timeline to the byte.

#![expect(clippy::panic, reason = "the simulation is a test: it stops where its own assumptions fail")]

mod calls;
mod checks;
pub mod compacting;
pub mod counted;
pub mod counters;
pub mod draw;
pub mod faults;
mod kinesis;
pub mod live;
mod mapping;
pub mod payloads;
pub mod plain;
pub mod ports;
mod readers;
mod rest;
pub mod scene;
pub mod schedule;
pub mod shrink;
mod tables;
pub mod truth;
pub mod world;

pub use checks::Violation;
