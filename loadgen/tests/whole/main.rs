//! From sending to the verdict: against a stream of our own, and a lake that is filled as the pipeline fills it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "these are tests: a panic is a finding")]

mod command;
mod kinesis;
mod lake;
mod proving;
mod reporting;
mod sending;
