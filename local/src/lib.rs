//! The whole pipeline in one process, and the command line.

pub mod cli;
