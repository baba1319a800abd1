//! The statements that make a snapshot's tables, roll-ups, deliveries and quarantine known to DuckDB.
//!
//! Rules:
//! - A view has the columns of its contract, in their order, also where no file has them yet: each begins with an empty
//!   relation that has them all. Columns of other versions of the contract stand behind them.
//! - Names and paths are quoted; nothing of a contract or of a folder's name is read as SQL.
//! - A roll-up adds up what its files say, as the view for Athena does: a sum of which a part is too large for its column
//!   is null as a whole, rather than wrong.

use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use iguazu_transform::Contract;
use iguazu_transform::contract::relations::QUARANTINE;
use iguazu_transform::contract::{MeasureKind, ROLLUP_COLUMNS, Rollup};
use iguazu_transform::parquet::QUARANTINE_SCHEMA;

/// The files of a table, as of one snapshot.
#[derive(Clone, Debug)]
pub struct TableFiles {
    /// The table.
    pub contract: Arc<Contract>,
    /// Those that hold its events.
    pub live: Vec<PathBuf>,
    /// What the roll-ups say of them, in the order of the contract's roll-ups.
    pub rollups: Vec<RollupFiles>,
    /// Every delivery.
    pub raw: Vec<PathBuf>,
}

/// What a roll-up says of the live files.
#[derive(Clone, Debug, Default)]
pub struct RollupFiles {
    /// Its files, one for each live file that it says something of.
    pub parts: Vec<PathBuf>,
    /// Live files of which it says nothing, because they were written before the contract had it.
    pub absent: usize,
}

/// The files of all tables, and those of quarantine.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// By the order of the contracts.
    pub tables: Vec<TableFiles>,
    /// What was refused.
    pub quarantine: Vec<PathBuf>,
}

impl Files {
    /// The roll-ups that say nothing of some live files, and of how many.
    pub fn incomplete(&self) -> Vec<(String, usize)> {
        let mut incomplete = Vec::new();
        for table in &self.tables {
            let rollups = table.contract.rollups.iter().zip(&table.rollups).filter(|(_, of)| of.absent > 0);
            incomplete
                .extend(rollups.map(|(rollup, of)| (format!("{}_{}", table.contract.table, rollup.name), of.absent)));
        }
        incomplete
    }
}

/// A view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name.
    pub name: String,
    /// The statement that makes it.
    pub statement: String,
}

/// The views of files. Where the name of a view is also that of a table, the table has it.
pub fn views(files: &Files) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    let mut add = |name: String, query: String| {
        if !views.iter().any(|view| view.name == name) {
            let statement = format!("CREATE VIEW {} AS {query};", identifier(&name));
            views.push(View { name, statement });
        }
    };
    for table in &files.tables {
        add(table.contract.table.to_string(), relation(&table.contract.arrow_schema(), &table.live));
    }
    add(QUARANTINE.to_owned(), relation(&QUARANTINE_SCHEMA, &files.quarantine));
    for TableFiles { contract, rollups, raw, .. } in &files.tables {
        let table = &contract.table;
        for (rollup, of) in contract.rollups.iter().zip(rollups) {
            add(
                format!("{table}_{}", rollup.name),
                sums(contract, rollup, &relation(&contract.rollup_schema(rollup), &of.parts)),
            );
        }
        add(format!("{table}_raw"), relation(&contract.arrow_schema(), raw));
    }
    views
}

/// Everything that DuckDB is told before it is asked. Times are shown in UTC, as they are everywhere in the lake.
pub fn script(views: &[View]) -> String {
    let statements = views.iter().map(|view| format!("{}\n", view.statement));
    std::iter::once("SET TimeZone = 'UTC';\n".to_owned()).chain(statements).collect()
}

/// A name as SQL has it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL has it.
fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The rows of some files, with at least these columns.
fn relation(schema: &Schema, files: &[PathBuf]) -> String {
    let columns: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| format!("NULL::{} AS {}", duckdb_type(field.data_type()), identifier(field.name())))
        .collect();
    let mut query = format!("SELECT * FROM (SELECT {} WHERE false)", columns.join(", "));
    if !files.is_empty() {
        let paths: Vec<_> = files.iter().map(|path| literal(&path.to_string_lossy())).collect();
        // Writing to a string does not fail.
        let _ = write!(
            query,
            " UNION ALL BY NAME SELECT * FROM read_parquet([{}], union_by_name = true, hive_partitioning = false)",
            paths.join(", ")
        );
    }
    query
}

fn duckdb_type(kind: &DataType) -> String {
    match kind {
        DataType::Int32 => "INTEGER".to_owned(),
        DataType::Int64 => "BIGINT".to_owned(),
        DataType::Float64 => "DOUBLE".to_owned(),
        DataType::Decimal128(precision, scale) => format!("DECIMAL({precision},{scale})"),
        DataType::Boolean => "BOOLEAN".to_owned(),
        DataType::Date32 => "DATE".to_owned(),
        DataType::Timestamp(..) => "TIMESTAMPTZ".to_owned(),
        DataType::Binary => "BLOB".to_owned(),
        DataType::List(element) => format!("{}[]", duckdb_type(element.data_type())),
        DataType::Struct(fields) => {
            let fields =
                fields.iter().map(|field| format!("{} {}", identifier(field.name()), duckdb_type(field.data_type())));
            format!("STRUCT({})", fields.collect::<Vec<_>>().join(", "))
        }
        // Texts, and JSON as text.
        _ => "VARCHAR".to_owned(),
    }
}

/// The parts of a roll-up, added up.
fn sums(contract: &Contract, rollup: &Rollup, parts: &str) -> String {
    let schema = contract.rollup_schema(rollup);
    let [window_start, count, overflowed] = ROLLUP_COLUMNS;
    let groups: Vec<_> =
        std::iter::once(window_start).chain(rollup.by.iter().map(|name| name.as_str())).map(identifier).collect();
    let mut columns = groups.clone();
    let count = identifier(count);
    columns.push(format!("sum({count})::BIGINT AS {count}"));
    for measure in &rollup.measures {
        let name = identifier(measure.name.as_str());
        columns.push(match measure.kind {
            MeasureKind::Sum => {
                let text = literal(measure.name.as_str());
                let too_large = format!("list_contains(string_split({}, ','), {text})", identifier(overflowed));
                // DuckDB adds decimals modulo 2^128 without a word, so a sum near that is refused by a rougher one.
                let scale = match schema.field_with_name(measure.name.as_str()).map(Field::data_type) {
                    Ok(DataType::Decimal128(_, scale)) => i32::from(*scale),
                    _ => 0,
                };
                let near = format!("abs(sum({name}::DOUBLE)) >= 1.6e{}", 38 - scale);
                let refusal = literal(&format!("the sum {} has too many digits for DuckDB", measure.name.as_str()));
                format!(
                    "CASE WHEN count(*) FILTER (WHERE {too_large}) > 0 THEN NULL WHEN {near} THEN error({refusal}) \
                     ELSE sum({name}) END AS {name}"
                )
            }
            MeasureKind::Min => format!("min({name}) AS {name}"),
            MeasureKind::Max => format!("max({name}) AS {name}"),
        });
    }
    format!("SELECT {} FROM ({parts}) GROUP BY {}", columns.join(", "), groups.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTRACT: &str = r#"
table = "orders"
version = 1
types = ["order.*"]

[[column]]
name = "amount"
path = "/amount"
type = "decimal(18,2)"

[[column]]
name = "items"
path = "/items"
type = "list<struct<sku: string, quantity: int32>>"

[[rollup]]
name = "hourly"
window = "hour"
by = ["event_type"]
sum = ["amount"]
max = { largest = "amount" }
"#;

    fn files() -> Files {
        let contract = Arc::new(Contract::parse("orders.toml", CONTRACT).unwrap());
        let live = vec![PathBuf::from("/lake/it's \"here\"/a.parquet")];
        let table = TableFiles { contract, live, rollups: vec![RollupFiles::default()], raw: vec![] };
        Files { tables: vec![table], quarantine: vec![] }
    }

    #[test]
    fn every_table_roll_up_and_the_quarantine_is_a_view() {
        let views = views(&files());
        let names: Vec<_> = views.iter().map(|view| view.name.as_str()).collect();
        assert_eq!(names, ["orders", "quarantine", "orders_hourly", "orders_raw"]);
        let begin = "CREATE VIEW \"orders\" AS SELECT * FROM (SELECT NULL::VARCHAR AS \"event_id\", ";
        assert!(views[0].statement.starts_with(begin), "{}", views[0].statement);
        let end = "NULL::VARCHAR AS \"data\", NULL::DECIMAL(18,2) AS \"amount\", \
                   NULL::STRUCT(\"sku\" VARCHAR, \"quantity\" INTEGER)[] AS \"items\" WHERE false) UNION ALL BY NAME \
                   SELECT * FROM read_parquet(['/lake/it''s \"here\"/a.parquet'], union_by_name = true, \
                   hive_partitioning = false);";
        assert!(views[0].statement.ends_with(end), "{}", views[0].statement);
        assert!(views[3].statement.ends_with(" AS \"items\" WHERE false);"), "{}", views[3].statement);
    }

    #[test]
    fn a_roll_up_adds_up_its_files() {
        let views = views(&files());
        let expected = "CREATE VIEW \"orders_hourly\" AS SELECT \"window_start\", \"event_type\", \
            sum(\"count\")::BIGINT AS \"count\", \
            CASE WHEN count(*) FILTER (WHERE list_contains(string_split(\"overflowed\", ','), 'sum_amount')) > 0 \
            THEN NULL WHEN abs(sum(\"sum_amount\"::DOUBLE)) >= 1.6e36 \
            THEN error('the sum sum_amount has too many digits for DuckDB') ELSE sum(\"sum_amount\") END AS \"sum_amount\", max(\"largest\") AS \"largest\" FROM (SELECT * FROM \
            (SELECT NULL::TIMESTAMPTZ AS \"window_start\", NULL::VARCHAR AS \"event_type\", NULL::BIGINT AS \"count\", \
            NULL::DECIMAL(38,2) AS \"sum_amount\", NULL::DECIMAL(18,2) AS \"largest\", NULL::VARCHAR AS \"overflowed\" \
            WHERE false)) GROUP BY \"window_start\", \"event_type\";";
        assert_eq!(views[2].statement, expected);
    }

    #[test]
    fn a_table_keeps_its_name_where_a_view_would_have_the_same() {
        let mut files = files();
        let text = CONTRACT.replace("table = \"orders\"", "table = \"orders_raw\"").replace("order.*", "raw.*");
        let contract = Arc::new(Contract::parse("orders_raw.toml", &text).unwrap());
        files.tables.push(TableFiles { contract, live: vec![], rollups: vec![RollupFiles::default()], raw: vec![] });
        let views = views(&files);
        let named: Vec<_> = views.iter().filter(|view| view.name == "orders_raw").collect();
        assert_eq!(named.len(), 1);
    }
}
