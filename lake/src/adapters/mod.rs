//! The adapters of the two ports.
//!
//! - [`memory`]: for tests and simulations.
//! - `embedded`: the local disk and a SQLite file (feature `embedded`).
//! - `aws`: S3 and DynamoDB (feature `aws`).
//!
//! And the machine as the [`Host`](crate::host::Host): `system` (feature `system`).

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod memory;
#[cfg(feature = "system")]
pub mod system;
