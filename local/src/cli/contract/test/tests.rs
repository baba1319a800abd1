//! Tests of tests: a folder of contracts with a case, and what is said of it.

use std::fs;

use super::*;

const ORDERS: &str = r#"
table = "orders"
version = 1
types = ["order.*"]

[[column]]
name = "amount"
path = "/amount"
type = "decimal(18,2)"
required = true

[[column]]
name = "table"
path = "/table"
type = "int32"

[[column]]
name = "customer"
path = "/customer"
type = "struct<name: string, tags: list<string>>"
"#;

const SALES: &str = "table = \"sales\"\nversion = 1\ntypes = [\"sale.*\"]\n";

const EVENTS: &str = r#"# arrived 2026-11-21T12:30:00Z
{"id":"00000000-0000-4000-8000-000000000001","type":"order.placed","time":"2026-11-21T12:00:00Z","amount":12.3,"table":7,"customer":{"name":"A","tags":["b"]},"x":{"y":[1.50]}}
{"id":"00000000-0000-4000-8000-000000000002","type":"order.placed","time":"2026-11-21T12:00:00.5Z"}

# A remark.
{"id":"00000000-0000-4000-8000-000000000003","type":"sale.made","time":"2026-11-21T12:00:00Z"}
no JSON
"#;

const EXPECTED: &str = r#"{"table":"orders","event_id":"00000000-0000-4000-8000-000000000001","event_type":"order.placed","event_time":"2026-11-21T12:00:00Z","data":{"x":{"y":[1.50]}},"amount":12.30,"table":7,"customer":{"name":"A","tags":["b"]}}
{"quarantined":"column_missing","path":"/amount"}
{"table":"sales","event_id":"00000000-0000-4000-8000-000000000003","event_type":"sale.made","event_time":"2026-11-21T12:00:00Z","data":{}}
{"quarantined":"json_syntax"}
"#;

/// A folder with two contracts, and a case of the first of them.
fn folder(events: &str, expected: Option<&str>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::write(path.join("orders.toml"), ORDERS).unwrap();
    fs::write(path.join("sales.toml"), SALES).unwrap();
    fs::create_dir(path.join("orders.tests")).unwrap();
    fs::write(path.join("orders.tests/all.in.ndjson"), events).unwrap();
    if let Some(expected) = expected {
        fs::write(path.join("orders.tests/all.expected.ndjson"), expected).unwrap();
    }
    folder
}

fn tested(folder: &tempfile::TempDir) -> miette::Result<Tested> {
    test(&[folder.path().to_owned()], false)
}

/// Line, column, expected and found of a difference.
type Apart = (usize, Option<String>, Option<String>, Option<String>);

fn apart(expected: &str) -> Vec<Apart> {
    let differences = tested(&folder(EVENTS, Some(expected))).unwrap().differences;
    differences.into_iter().map(|of| (of.line, of.column, of.expected, of.found)).collect()
}

#[test]
fn what_is_written_anew_passes_from_then_on() {
    let folder = folder(EVENTS, None);
    let blessed = test(&[folder.path().to_owned()], true).unwrap();
    assert_eq!((blessed.cases, blessed.events, blessed.blessed.len()), (1, 4, 1));
    let written = fs::read_to_string(folder.path().join("orders.tests/all.expected.ndjson")).unwrap();
    assert_eq!(written, EXPECTED);
    let tested = tested(&folder).unwrap();
    assert_eq!((tested.differences, tested.untested.len()), (vec![], 1));
    assert!(test(&[folder.path().join("orders.toml")], true).unwrap().blessed.is_empty(), "it is the same by then");
}

#[test]
fn values_are_compared_and_not_their_spelling() {
    let spread = EXPECTED.replace("12.30", "12.3").replace("\"amount\":", "  \"amount\" : ").replace("1.50", "1.5");
    assert_eq!(apart(&format!("# A remark.\n{spread}")), []);
}

#[test]
fn a_difference_says_where_and_what() {
    let some = |text: &str| Some(text.to_owned());
    let other = EXPECTED.replace("12.30", "12.31").replace("\"path\":\"/amount\"", "\"path\":\"/other\"");
    assert_eq!(
        apart(&other),
        [(2, some("amount"), some("12.31"), some("12.3")), (3, some("path"), some("\"/other\""), some("\"/amount\"")),]
    );
    assert_eq!(apart(&EXPECTED.replace(",\"table\":7", "")), [(2, some("table"), some("null"), some("7"))]);
    assert_eq!(
        apart(&EXPECTED.replace("json_syntax", "not_utf8")),
        [(7, some("quarantined"), some("\"not_utf8\""), some("\"json_syntax\""))]
    );
    assert_eq!(
        apart(&EXPECTED.replace("{\"quarantined\":\"json_syntax\"}", "{\"table\":\"orders\"}")),
        [(7, None, some("{\"table\":\"orders\"}"), some("{\"quarantined\":\"json_syntax\"}"))]
    );
}

#[test]
fn lines_that_are_missing_or_too_many_are_differences() {
    let lines: Vec<_> = EXPECTED.lines().collect();
    assert_eq!(apart(&lines[..3].join("\n")), [(7, None, None, Some(lines[3].to_owned()))]);
    let more = format!("{EXPECTED}{{\"quarantined\":\"filtered\"}}\n");
    assert_eq!(apart(&more), [(7, None, Some("{\"quarantined\":\"filtered\"}".to_owned()), None)]);
}

#[test]
fn what_is_no_test_is_said_with_what_to_do() {
    let error = |events: &str, expected: Option<&str>| {
        let folder = folder(events, expected);
        let text = tested(&folder).unwrap_err().to_string();
        text.replace(&format!("{}/orders.tests/", folder.path().display()), "")
    };
    assert_eq!(error(EVENTS, None), "all.expected.ndjson: is not there");
    assert_eq!(error(EVENTS, Some("{\"table\":")), "all.expected.ndjson:1:9: this is no JSON object");
    assert_eq!(
        error(EVENTS, Some("\n{\"a\":1}")),
        "all.expected.ndjson:2: it begins with neither table nor quarantined"
    );
    assert_eq!(error("{}\n", None), "all.in.ndjson:1: it is not said when the event arrives");
    assert_eq!(error("# arrived soon\n{}\n", None), "all.in.ndjson:1: this is no time of arrival");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("sales.toml"), SALES).unwrap();
    let error = tested(&folder).unwrap_err().to_string();
    assert_eq!(error, format!("there are no tests beside {}/sales.toml", folder.path().display()));
}

#[test]
fn the_example_of_the_repository_passes() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let tested = test(&[contracts], false).unwrap();
    assert_eq!(tested.differences, []);
    assert!(tested.events >= 10, "{tested:?}");
}
