//! What code asks of the machine that it runs on: the time, a pause, and randomness.
//!
//! Nothing in the core reads a clock or draws a random number in any other way, so the same code runs on AWS,
//! on one machine, and in a simulation that controls both.

use std::future::Future;
use std::time::Duration;

use crate::ids::Timestamp;

/// The machine, as the core sees it.
pub trait Host: Send + Sync {
    /// The machine's clock. Clocks of different machines disagree: never compare instants of two of them to
    /// decide whether something is committed.
    fn now(&self) -> Timestamp;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send;

    /// 64 bits that nobody else draws.
    fn random(&self) -> u64;
}

impl<H: Host> Host for &H {
    fn now(&self) -> Timestamp {
        (**self).now()
    }

    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send {
        (**self).sleep(duration)
    }

    fn random(&self) -> u64 {
        (**self).random()
    }
}
