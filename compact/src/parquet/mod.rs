//! The tables' files: Parquet, each written and asked one column at a time.
//!
//! ```text
//! [row groups] [locators] [directories][bloom filters] [page index] [footer]
//!                          ╰──────── index ─────────╯   ╰───── tail ──────╯
//! ```
//!
//! Rules:
//! - A compacted file has the columns of the contract, all of its own nullable, and behind them whatever column an input
//!   has that the contract has not: nothing is lost because a contract forgot it.
//! - Rows are in the order of their event times. One column is in memory decoded, and of that only the inputs that rows
//!   still to come need.
//! - Which ids a file holds is told by its [`ids`] sections, a thousandth of which is read for a new event. They are not
//!   trusted: what they claim is confirmed by the ids themselves.
//! - The bytes are a function of the contract, the inputs and the recipes.
//!
//! The reader panics on some malformed files. So nothing is read here whose checksum was not verified, but for the parts
//! that [`TableFormat::find`] reads of files which this module wrote.

mod assemble;
mod copy;
mod find;
mod gather;
pub mod ids;
mod input;
mod layout;
mod locate;
mod pages;
mod schema;
mod sparse;
mod write;

use std::sync::Arc;

use bytes::Bytes;
use iguazu_lake::ids::EventId;
use iguazu_transform::contract::Contract;

pub use input::Input;
pub(crate) use layout::rollup as rollup_properties;

use crate::error::CompactError;
use crate::format::{Held, Keys, NewFile, Ranges, Recipe, TableFormat};
use crate::keep::Delivery;
use crate::state::LiveFile;

/// The tables' file format.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParquetTables;

impl TableFormat for ParquetTables {
    type Input = Input;

    fn open(&self, _contract: &Arc<Contract>, bytes: Bytes) -> Result<Input, CompactError> {
        Input::open(bytes)
    }

    fn keys(&self, contract: &Arc<Contract>, input: &Input) -> Result<Keys, CompactError> {
        input.keys(contract.partition_by_type)
    }

    fn deliveries(&self, input: &Input, rows: &[u32]) -> Result<Vec<Delivery>, CompactError> {
        input.deliveries(rows)
    }

    async fn find<R: Ranges>(&self, reader: &R, file: &LiveFile, ids: &[EventId]) -> Result<Vec<Held>, CompactError> {
        find::find(reader, file, ids).await
    }

    fn write(
        &self,
        contract: &Arc<Contract>,
        inputs: &[Input],
        recipes: &[Recipe],
    ) -> Result<Vec<NewFile>, CompactError> {
        write::write(contract, inputs, recipes)
    }
}

fn foreign(problem: impl Into<String>) -> CompactError {
    CompactError::Foreign { problem: problem.into() }
}
