//! What comes from the contract of the example, as golden texts.

use arrow::datatypes::{DataType, TimeUnit};
use iguazu_transform::contract::Contract;
use iguazu_transform::contract::ddl::{LakeLocation, LocationError};
use iguazu_transform::contract::relations;
use serde_json::Value;

use crate::support::{ORDERS, lake, orders, parse};

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap() + "\n"
}

fn schema_text(contract: &Contract) -> String {
    let line = |field: &arrow::datatypes::FieldRef| {
        format!("{} {} {}\n", field.name(), field.data_type(), if field.is_nullable() { "null" } else { "not null" })
    };
    contract.arrow_schema().fields().iter().map(line).collect()
}

fn texts() -> [(&'static str, String); 6] {
    let orders = orders();
    [
        ("orders.sql", orders.ddl(&lake()).to_string()),
        ("../../../terraform/examples/complete/tables.json", pretty(&relations::catalog(std::iter::once(&orders)))),
        ("orders.schema.json", pretty(&orders.json_schema())),
        ("orders.md", orders.dictionary()),
        ("orders.columns", schema_text(&orders)),
        ("orders.canonical.toml", orders.to_toml()),
    ]
}

#[test]
fn the_example_reads_and_gives_the_texts_that_were_read_by_a_person() {
    let golden = [
        include_str!("../golden/orders.sql"),
        include_str!("../../../terraform/examples/complete/tables.json"),
        include_str!("../golden/orders.schema.json"),
        include_str!("../golden/orders.md"),
        include_str!("../golden/orders.columns"),
        include_str!("../golden/orders.canonical.toml"),
    ];
    for ((name, text), golden) in texts().into_iter().zip(golden) {
        assert_eq!(text, golden, "{name}");
    }
}

/// Writes the golden texts; run by hand, and read what changed.
#[test]
#[ignore = "it writes into the source tree"]
fn write_the_golden_texts() {
    for (name, text) in texts() {
        std::fs::write(format!("{}/tests/golden/{name}", env!("CARGO_MANIFEST_DIR")), text).unwrap();
    }
}

#[test]
fn a_column_is_null_only_where_an_event_may_have_no_value() {
    let schema = orders().arrow_schema();
    let nullable = |name: &str| schema.field_with_name(name).unwrap().is_nullable();
    assert!(!nullable("order_id") && !nullable("currency") && !nullable("region") && !nullable("data"));
    assert!(nullable("tags") && nullable("context"));
    let kind = |name: &str| schema.field_with_name(name).unwrap().data_type().clone();
    assert_eq!(kind("amount"), DataType::Decimal128(18, 2));
    assert_eq!(kind("placed_at"), DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())));
    let DataType::List(element) = kind("tags") else { panic!("tags is no list") };
    assert_eq!((element.name().as_str(), element.is_nullable()), ("element", true));
}

#[test]
fn a_type_is_said_to_glue_without_quotes_and_to_queries_in_their_own_words() {
    let table = orders().relations().table;
    let items = table.columns.iter().find(|field| field.name == "items").unwrap();
    assert_eq!(items.kind.hive(), "array<struct<`sku`:string,`quantity`:int,`unit_price`:decimal(10,2)>>");
    assert_eq!(items.kind.glue(), "array<struct<sku:string,quantity:int,unit_price:decimal(10,2)>>");
    assert_eq!(items.kind.sql(), "array(row(\"sku\" varchar,\"quantity\" integer,\"unit_price\" decimal(10,2)))");
    let payload = relations::quarantine().columns.into_iter().find(|field| field.name == "payload").unwrap();
    assert_eq!((payload.kind.hive(), payload.kind.sql()), ("binary".to_owned(), "varbinary".to_owned()));
}

#[test]
fn a_view_names_its_relation_without_a_database_unless_it_is_given_one() {
    let view = &orders().relations().rollups[1].1;
    let query = |from: &str| {
        format!(
            "SELECT\n  \"window_start\",\n  \"is_gift\",\n  sum(\"count\") AS \"count\"\nFROM {from}\nGROUP BY \"window_start\", \"is_gift\""
        )
    };
    assert_eq!(view.query(None), query("\"orders_gifts_parts\""));
    assert_eq!(view.query(Some("lake")), query("\"lake\".\"orders_gifts_parts\""));
}

#[test]
fn what_is_not_kept_has_no_column() {
    for (word, kept) in [("keep", true), ("ignore", false), ("quarantine", false)] {
        let contract = parse(&ORDERS.replace("unknown_fields = \"keep\"", &format!("unknown_fields = \"{word}\"")));
        assert_eq!(contract.arrow_schema().field_with_name("data").is_ok(), kept);
        assert_eq!(contract.ddl(&lake()).table.contains("`data` string"), kept);
        let closed = contract.json_schema().get("additionalProperties") == Some(&Value::Bool(false));
        assert_eq!(closed, word == "quarantine");
    }
}

#[test]
fn types_that_are_patterns_cannot_be_listed_as_partitions() {
    let listed = parse(&ORDERS.replace(", \"order.return.*\"", "")).ddl(&lake()).table;
    assert!(listed.contains("'projection.type_key.values' = 'order.placed,order.paid,order.shipped'"), "{listed}");
    assert!(orders().ddl(&lake()).table.contains("'projection.type_key.type' = 'injected'"));
}

#[test]
fn a_comment_cannot_leave_its_quotes() {
    let text = ORDERS.replace("ISO 4217", "it's \\\\' a\\n`back`; DROP TABLE x; --");
    let ddl = parse(&text).ddl(&lake()).table;
    assert!(ddl.contains(r"`currency` string COMMENT 'it\'s \\\' a `back`; DROP TABLE x; --',"), "{ddl}");
    let long = parse(&ORDERS.replace("ISO 4217", &"é".repeat(300))).ddl(&lake()).table;
    assert!(long.contains(&format!("'{}…'", "é".repeat(254))), "{long}");
}

#[test]
fn a_description_is_no_markup() {
    let text = ORDERS.replace("ISO 4217", "a | b <b> [x](y) # `z` *w*").replace("Orders of", "# Orders\\n\\n- of");
    let dictionary = parse(&text).dictionary();
    assert!(dictionary.contains(r"a \| b \<b\> \[x\](y) # \`z\` \*w\* |"), "{dictionary}");
    assert!(dictionary.contains("\n\\# Orders - of the web shop"), "{dictionary}");
    let text = ORDERS.replace("Orders of", "12. of");
    assert!(parse(&text).dictionary().contains("\n12\\. of the web shop"));
}

#[test]
fn a_location_that_could_leave_the_statement_is_refused() {
    let location = |database, root, years| LakeLocation::new(database, root, years).map(|_| ());
    assert_eq!(location("a", "s3://b", 2024..=2024), Ok(()));
    assert_eq!(location("A`", "s3://b", 2024..=2024), Err(LocationError::Database));
    for root in ["b", "https://b", "s3://", "s3:///b", "s3://b/'", "s3://b/$x", "s3://b//c"] {
        assert_eq!(location("a", root, 2024..=2024), Err(LocationError::Root), "{root}");
    }
    let reversed = std::ops::RangeInclusive::new(2025, 2024);
    assert_eq!(location("a", "s3://b", reversed), Err(LocationError::Years));
    assert_eq!(location("a", "s3://b", 0..=2024), Err(LocationError::Years));
}

#[test]
fn a_place_in_an_array_is_described_as_one() {
    let text = "table = \"t\"\nversion = 1\ndefault = true\n\
        [[column]]\nname = \"a\"\npath = \"/list/1/x\"\ntype = \"string\"\nrequired = true\n";
    let schema = parse(text).json_schema();
    let list = &schema["properties"]["list"];
    assert_eq!(list["type"], serde_json::json!(["object", "array"]));
    assert_eq!(list["prefixItems"][0], Value::Bool(true));
    assert_eq!(list["prefixItems"][1]["required"], serde_json::json!(["x"]));
    assert_eq!(list["properties"]["1"]["required"], serde_json::json!(["x"]));
}

#[test]
fn a_filter_is_asked_for_unless_its_numbers_would_be_rounded() {
    let schema = |filter: &str| {
        parse(&format!("table = \"t\"\nversion = 1\ndefault = true\n[[filter]]\n{filter}\n")).json_schema()
    };
    let kept = schema("keep = { path = \"/a/b\", in = [1.50, \"x\"] }");
    assert_eq!(kept["properties"]["a"]["properties"]["b"], serde_json::json!({ "enum": [1.5, "x"] }));
    assert_eq!(kept["properties"]["a"]["required"], serde_json::json!(["b"]));
    assert!(kept["required"].as_array().unwrap().contains(&Value::from("a")));
    let dropped = schema("drop = { path = \"/a\", present = true }");
    assert_eq!(dropped["properties"]["a"], serde_json::json!({ "type": "null" }));
    let long = schema("keep = { path = \"/a\", in = [0.12345678901234567] }");
    assert_eq!(long["properties"]["a"], serde_json::json!({}));
    assert!(long["description"].as_str().unwrap().contains("0.12345678901234567"));
}

#[test]
fn what_the_guide_shows_is_a_contract() {
    const HEAD: &str = "table = \"t\"\nversion = 1\ndefault = true\n";
    const COLUMNS: &str = "[[column]]\nname = \"amount\"\npath = \"/a\"\ntype = \"int64\"\n\
        [[column]]\nname = \"currency\"\npath = \"/c\"\ntype = \"string\"\n";
    let guide = include_str!("../../../docs/CONTRACTS.md");
    let blocks: Vec<_> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 7);
    for block in blocks {
        let columns = if block.contains("[[rollup]]") { COLUMNS } else { "" };
        let whole = block.contains("table =");
        parse(&if whole { block.to_owned() } else { format!("{HEAD}{columns}{block}") });
    }
}
