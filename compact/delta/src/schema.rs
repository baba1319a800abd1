//! The tables that Delta logs are of: where they lie, what they are called, and their columns.
//!
//! Rules:
//! - The columns are those of the contract and then those of the partitions, which no file holds.
//! - Only the system columns, the window and the count are never null. A file of before may lack any other.
//! - A table only gains columns: an older contract takes none away, and no contract changes a type.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use deltalake_core::kernel::engine::arrow_conversion::TryIntoKernel;
use deltalake_core::kernel::{StructField, StructType};
use iguazu_lake::ids::TableName;
use iguazu_lake::keys::KeyPrefix;
use iguazu_transform::contract::{Contract, PARTITION_COLUMNS, ROLLUP_COLUMNS, Rollup, SYSTEM_COLUMNS, TYPE_PARTITION};

use crate::error::DeltaError;

/// A table that has a log.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    /// Where it lies.
    pub(crate) root: KeyPrefix,
    /// The roll-up, where it is one.
    pub(crate) rollup: Option<TableName>,
    /// What people call it.
    pub(crate) name: String,
    /// What it is, for people.
    pub(crate) description: String,
    /// The names of its partitions.
    pub(crate) partitions: Vec<&'static str>,
    /// Its columns, those of the partitions last.
    pub(crate) columns: StructType,
}

impl Table {
    /// The table of the events.
    pub(crate) fn events(contract: &Contract) -> Result<Self, DeltaError> {
        let root = KeyPrefix::data(&contract.table);
        let name = contract.table.to_string();
        Self::new(root, None, name, contract, &contract.description, contract.arrow_schema())
    }

    /// The table of a roll-up.
    pub(crate) fn rollup(contract: &Contract, name: &TableName, rollup: &Rollup) -> Result<Self, DeltaError> {
        let root = KeyPrefix::rollup(&contract.table, name);
        let full = format!("{}_{name}", contract.table);
        let columns = contract.rollup_schema(rollup);
        Self::new(root, Some(name.clone()), full, contract, &rollup.description, columns)
    }

    fn new(
        root: KeyPrefix,
        rollup: Option<TableName>,
        name: String,
        contract: &Contract,
        description: &str,
        schema: SchemaRef,
    ) -> Result<Self, DeltaError> {
        let by_type = contract.partition_by_type.then_some(TYPE_PARTITION);
        let days = PARTITION_COLUMNS.map(|name| Field::new(name, DataType::Int32, true));
        let types = by_type.map(|name| Field::new(name, DataType::Utf8, true));
        let always = |field: &Field| match rollup {
            None => SYSTEM_COLUMNS.contains(&field.name().as_str()),
            Some(_) => ROLLUP_COLUMNS.contains(&field.name().as_str()) && !field.is_nullable(),
        };
        let own = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(!always(field)));
        let all = Schema::new(own.chain(days).chain(types).map(Arc::new).collect::<Vec<_>>());
        let columns: Result<StructType, _> = (&all).try_into_kernel();
        let columns = columns.map_err(|source| DeltaError::Columns { root: root.clone(), source })?;
        let partitions = PARTITION_COLUMNS.into_iter().chain(by_type).collect();
        Ok(Self { root, rollup, name, description: description.to_owned(), partitions, columns })
    }

    /// The columns of the log's table with what this one has more, if it has more.
    pub(crate) fn grown(&self, current: &StructType, partitions: &[String]) -> Result<Option<StructType>, DeltaError> {
        let other = |problem| DeltaError::Schema { root: self.root.clone(), problem };
        if partitions != self.partitions {
            return Err(other(format!("it is partitioned by {partitions:?}, the contract's by {:?}", self.partitions)));
        }
        let mut new: Vec<&StructField> = Vec::new();
        for field in self.columns.fields() {
            match current.field(field.name()) {
                None => new.push(field),
                Some(found) if found.data_type() == field.data_type() => {}
                Some(found) => {
                    return Err(other(format!(
                        "column {} is of type {}, the contract's of type {}",
                        field.name(),
                        found.data_type(),
                        field.data_type()
                    )));
                }
            }
        }
        if new.is_empty() {
            return Ok(None);
        }
        let of_partition = |field: &&StructField| self.partitions.contains(&field.name().as_str());
        let before = current.fields().filter(|field| !of_partition(field));
        let all = before.chain(new).chain(current.fields().filter(of_partition));
        StructType::try_new(all.cloned()).map(Some).map_err(|error| other(error.to_string()))
    }
}
