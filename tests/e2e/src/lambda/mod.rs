//! Lambda, as far as the functions can tell.
//!
//! ```text
//! poller, schedule ──▶ Function ──an event──▶ Container: runtime API ◀──next, response── a process
//!                          ▲                                                               │
//!                          └──── event invocations, tried again twice ◀──── Service ◀──────┘
//! ```
//!
//! - [`function`]: the containers of one function, and what befalls them.
//! - [`container`]: a process, and the runtime API that it talks to.
//! - [`service`]: the two calls of Lambda's own API that the functions make.

pub mod container;
pub mod function;
pub mod service;
