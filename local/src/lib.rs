//! The whole pipeline in one process, and the command line.

pub mod cli;
pub mod endpoint;
pub mod mapping;
pub mod pipeline;
pub mod stream;
