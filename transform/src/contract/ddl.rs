//! What Athena and Glue are told of a table: statements, each to be run by itself.
//!
//! Rules:
//! - What there is to tell is in [`super::relations`]; here it is put into words, and into its place.
//! - Events and roll-ups are those of one epoch, in which the number of buckets is one and the same. A change of that
//!   number is seen when the statements of the next epoch are run.
//! - Names are quoted, and comments are single-quoted with backslash escapes, as Hive's grammar has it.

use std::fmt;
use std::ops::RangeInclusive;

use super::Contract;
use super::relations::{self, Field, Property, TableRelation, ViewRelation};

/// Where the lake is, for the statements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LakeLocation {
    database: String,
    root: String,
    years: RangeInclusive<u16>,
    epoch: u32,
}

/// What cannot be the location of a lake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// The database has another name.
    #[error("a database is named by 1 to 128 characters of [a-z0-9_]")]
    Database,
    /// The root has another form.
    #[error("the lake's root is written s3://bucket or s3://bucket/prefix, with characters of [a-zA-Z0-9_.=/-]")]
    Root,
    /// The years are none.
    #[error("the years go from an earlier one to a later one, within 1 to 9999")]
    Years,
}

impl LakeLocation {
    /// The lake of a Glue database below `s3://bucket/prefix`, with events of these years. Athena looks for each
    /// day of them, so there should be no more than needed.
    ///
    /// # Errors
    /// Where one of them has another form.
    pub fn new(database: &str, root: &str, years: RangeInclusive<u16>) -> Result<Self, LocationError> {
        let named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if database.is_empty() || database.len() > 128 || !database.chars().all(named) {
            return Err(LocationError::Database);
        }
        let root = root.trim_end_matches('/');
        let path = root.strip_prefix("s3://").ok_or(LocationError::Root)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "_.=/-".contains(c);
        if path.is_empty() || path.starts_with('/') || path.contains("//") || !path.chars().all(allowed) {
            return Err(LocationError::Root);
        }
        if years.is_empty() || *years.start() == 0 || *years.end() > 9999 {
            return Err(LocationError::Years);
        }
        Ok(Self { database: database.to_owned(), root: root.to_owned(), years, epoch: 0 })
    }

    /// The same lake, with the events and roll-ups of this epoch.
    #[must_use]
    pub fn at_epoch(self, epoch: u32) -> Self {
        Self { epoch, ..self }
    }
}

/// The statements for a table, in the order in which they are to be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ddl {
    /// The table of events.
    pub table: String,
    /// The table of deliveries.
    pub raw: String,
    /// The view for people.
    pub view: String,
    /// The table of each roll-up's parts, and the view that adds them up.
    pub rollups: Vec<(String, String)>,
}

impl fmt::Display for Ddl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{};\n\n{};\n\n{};\n", self.table, self.raw, self.view)?;
        self.rollups.iter().try_for_each(|(parts, view)| write!(f, "\n{parts};\n\n{view};\n"))
    }
}

impl Contract {
    /// The statements that make the table known to Athena.
    #[must_use]
    pub fn ddl(&self, lake: &LakeLocation) -> Ddl {
        let relations = self.relations();
        let rollups = relations.rollups.iter().map(|(parts, sums)| (lake.table(parts), lake.view(sums)));
        Ddl {
            table: lake.table(&relations.table),
            raw: lake.table(&relations.raw),
            view: lake.view(&relations.view),
            rollups: rollups.collect(),
        }
    }
}

impl LakeLocation {
    /// The statement that makes the quarantine of all tables known to Athena.
    #[must_use]
    pub fn quarantine(&self) -> String {
        self.table(&relations::quarantine())
    }

    fn table(&self, it: &TableRelation) -> String {
        let Self { database, root, .. } = self;
        let columns: Vec<_> = it.columns.iter().map(line).collect();
        let keys: Vec<_> = it.partition_keys.iter().map(|key| format!("`{}` {}", key.name, key.kind.hive())).collect();
        let epoch = if it.by_epoch { format!("/epoch={}", self.epoch) } else { String::new() };
        let folder = format!("{root}/{}{epoch}/", it.folder);
        let mut properties: Vec<_> = it.properties.iter().map(|(name, value)| self.property(name, value)).collect();
        properties.push(format!("  'storage.location.template' = '{folder}{}'", it.template));
        [
            format!("CREATE EXTERNAL TABLE IF NOT EXISTS `{database}`.`{}` (", it.name),
            columns.join(",\n"),
            ")".to_owned(),
            format!("COMMENT {}", quoted(&it.description)),
            format!("PARTITIONED BY ({})", keys.join(", ")),
            format!("ROW FORMAT SERDE '{}'", relations::SERDE),
            format!("STORED AS INPUTFORMAT '{}'", relations::INPUT_FORMAT),
            format!("OUTPUTFORMAT '{}'", relations::OUTPUT_FORMAT),
            format!("LOCATION '{folder}'"),
            "TBLPROPERTIES (".to_owned(),
            properties.join(",\n"),
            ")".to_owned(),
        ]
        .join("\n")
    }

    fn property(&self, name: &str, property: &Property) -> String {
        match property {
            Property::Text(text) => format!("  '{name}' = '{text}'"),
            Property::Years => format!("  '{name}' = '{:04},{:04}'", self.years.start(), self.years.end()),
        }
    }

    /// In a view, names are quoted as SQL has it.
    fn view(&self, it: &ViewRelation) -> String {
        let query = it.query(Some(&self.database));
        format!("CREATE OR REPLACE VIEW \"{}\".\"{}\" AS\n{query}", self.database, it.name)
    }
}

fn line(field: &Field) -> String {
    let comment = if field.comment.is_empty() { String::new() } else { format!(" COMMENT {}", quoted(&field.comment)) };
    format!("  `{}` {}{comment}", field.name, field.kind.hive())
}

/// A Hive string.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}
