//! Contracts, through their public surface alone: what is read, what is refused and how, and what comes from one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "what makes contracts for a test fails by failing the test")]

mod bad;
mod canonical;
mod comparing;
mod decoding;
mod inferring;
mod outputs;
mod support;
