//! The columns of a compacted file.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use iguazu_transform::contract::{Contract, SYSTEM_COLUMNS};

use super::foreign;
use super::input::{Input, decoded};
use crate::error::CompactError;

/// The columns that files of these inputs have: the contract's, then the others by their names. Texts are views, which
/// is what they are decoded to; Parquet makes no difference.
pub(super) fn united(contract: &Contract, inputs: &[Input]) -> Result<SchemaRef, CompactError> {
    let own = contract.arrow_schema();
    let mut fields: Vec<Field> = own.fields().iter().map(in_table).collect();
    let mut others: BTreeMap<&str, Field> = BTreeMap::new();
    for input in inputs {
        for field in input.schema().fields() {
            let name = field.name().as_str();
            let known = fields.iter().find(|known| known.name() == name).or_else(|| others.get(name));
            match known {
                Some(known) => fits(known, field)?,
                None => drop(others.insert(name, in_table(field))),
            }
        }
        for name in SYSTEM_COLUMNS {
            input.schema().index_of(name).map_err(|_| foreign(format!("it has no column `{name}`")))?;
        }
    }
    fields.extend(others.into_values());
    Ok(Arc::new(Schema::new(fields)))
}

/// The columns of the contract's own may be null in a table: files of before they were named have none of them.
fn in_table(field: &Arc<Field>) -> Field {
    let system = SYSTEM_COLUMNS.contains(&field.name().as_str());
    Field::new(field.name(), decoded(field.data_type()), !system)
}

fn fits(known: &Field, found: &Field) -> Result<(), CompactError> {
    if !known.data_type().equals_datatype(found.data_type()) {
        let (name, known, found) = (known.name(), said(known.data_type()), said(found.data_type()));
        return Err(foreign(format!("its column `{name}` is {found}, and that of the table is {known}")));
    }
    Ok(())
}

fn said(kind: &DataType) -> String {
    if *kind == DataType::Utf8View { "Utf8".to_owned() } else { kind.to_string() }
}
