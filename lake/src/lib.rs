//! The lake: what every other part of Iguazu stands on.
//!
//! Responsible for the ids, the object keys, the chain (the one primitive that decides anything), the
//! ingest commit as a pure state machine, and the two ports with their adapters.
//!
//! Rules of this crate:
//! - What decides does not await: [`commit::decide`], [`chain::verdict`] and [`sweep::judge`] are pure and total.
//! - Clocks and randomness come in through [`host::Host`].
//! - A port's error says whether the thing happened ([`ports::PortError`]).
//!
//! Deliberately absent: anything that knows what an event looks like, and anything that knows of Lambda.

pub mod adapters;
pub mod chain;
pub mod checksum;
pub mod commit;
pub mod host;
pub mod ids;
pub mod invariants;
pub mod keys;
pub mod ports;
pub mod retry;
pub mod sweep;
