//! The whole pipeline in one process, and what the command line of it does.
