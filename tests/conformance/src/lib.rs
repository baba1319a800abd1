//! One suite per port. Every adapter passes the whole of it, and a broken one does not.
//!
//! A suite is a list of sentences, each a function that is handed a fresh adapter and panics if what it says is not
//! so. They follow the ports' documentation line by line, the races included: who promises that of many callers
//! one succeeds is taken at its word. [`broken`] holds adapters that must not pass, each with one fault, so that the
//! suites themselves are under test.
//!
//! Deliberately absent: everything that only one adapter promises. That is in the tests of the adapter.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "these are tests: a panic is a finding, and a race needs tasks of its own"
)]

pub mod broken;
pub mod ledger;
pub mod objects;
pub mod race;
pub mod samples;
pub mod several;
pub mod stand_ins;
pub mod wire;

pub use ledger::ledger_suite;
pub use objects::objects_suite;

/// Runs sentences one after the other, each on a fresh adapter, and says which one is running: when a sentence
/// panics, it is the last one that was named.
macro_rules! sentences {
    ($fresh:expr; $($module:ident::$sentence:ident),+ $(,)?) => {
        $(
            println!("{}", stringify!($sentence).replace('_', " "));
            $module::$sentence($fresh().await).await;
        )+
    };
}
pub(crate) use sentences;
