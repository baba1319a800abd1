//! The adapters of the two ports.
//!
//! - [`memory`]: for tests and simulations.
//! - `embedded`: the local disk and a SQLite file (feature `embedded`).
//! - `aws`: S3 and DynamoDB (feature `aws`).

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod memory;
