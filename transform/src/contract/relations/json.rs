//! The relations as a deployment reads them: JSON with a version.

use serde_json::{Value, json};

use super::{
    Field, INPUT_FORMAT, OUTPUT_FORMAT, Property, Relations, Role, SERDE, TableRelation, ViewRelation, quarantine,
};
use crate::contract::Contract;

/// All that a deployment makes known of its tables, and the quarantine of all of them.
#[must_use]
pub fn catalog<'c>(contracts: impl Iterator<Item = &'c Contract>) -> Value {
    let (mut tables, mut views) = (Vec::new(), Vec::new());
    for Relations { table, raw, view, rollups } in contracts.map(Contract::relations) {
        tables.extend([table.to_json(), raw.to_json()]);
        views.push(view.to_json());
        for (parts, sums) in rollups {
            tables.push(parts.to_json());
            views.push(sums.to_json());
        }
    }
    tables.push(quarantine().to_json());
    json!({
        "v": 1,
        "serde": SERDE,
        "input_format": INPUT_FORMAT,
        "output_format": OUTPUT_FORMAT,
        "tables": tables,
        "views": views,
    })
}

impl TableRelation {
    /// The table as a deployment reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let role = match self.role {
            Role::Events => "events",
            Role::Raw => "raw",
            Role::RollupParts => "rollup_parts",
            Role::Quarantine => "quarantine",
        };
        let texts = self.properties.iter().filter_map(|(name, property)| match property {
            Property::Text(text) => Some((name.clone(), json!(text))),
            Property::Years => None,
        });
        json!({
            "name": self.name,
            "role": role,
            "description": self.description,
            "columns": self.columns.iter().map(Field::to_json).collect::<Vec<_>>(),
            "partition_keys": self.partition_keys.iter().map(Field::to_json).collect::<Vec<_>>(),
            "folder": self.folder,
            "by_epoch": self.by_epoch,
            "template": self.template,
            "parameters": texts.collect::<serde_json::Map<_, _>>(),
        })
    }
}

impl ViewRelation {
    /// The view as a deployment reads it: columns have Hive's types, which Glue keeps, and those of queries.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let column = |(field, _): &(Field, String)| {
            json!({
                "name": field.name,
                "type": field.kind.glue(),
                "sql_type": field.kind.sql(),
                "comment": field.comment,
            })
        };
        json!({
            "name": self.name,
            "of": self.of,
            "columns": self.columns.iter().map(column).collect::<Vec<_>>(),
            "query": self.query(None),
        })
    }
}

impl Field {
    fn to_json(&self) -> Value {
        json!({ "name": self.name, "type": self.kind.glue(), "comment": self.comment })
    }
}
