//! What contracts do: which table an event goes to, what its columns hold, what is kept of the rest, and why it is
//! refused. Contracts are written as their files have them, and outcomes in full.

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use iguazu_lake::ids::Timestamp;
use iguazu_lake::keys::{Area, Partition};
use iguazu_transform::contract::SYSTEM_COLUMNS;
use iguazu_transform::{Catalog, CatalogError, Contract, Limits, Secrets};

use crate::support::{ARRIVAL, id, output_by, read, record};

/// The columns of an event that every table has.
const SYSTEM: usize = SYSTEM_COLUMNS.len();
/// An event's own, without the braces.
const MEMBERS: &str = r#""id":"00000000-0000-0000-0000-000000000001","type":"order","time":"2026-11-21T11:59:00Z""#;

/// A contract from behind its table's name and version.
fn contract(table: &str, rest: &str) -> Contract {
    let text = format!("table = \"{table}\"\nversion = 3\n{rest}");
    match Contract::parse("contract.toml", &text) {
        Ok(contract) => contract,
        Err(errors) => panic!("{errors}\nin\n{text}"),
    }
}

fn compiled(contracts: Vec<Contract>) -> Result<Catalog, CatalogError> {
    let mut secrets = Secrets::new();
    secrets.insert("pepper".parse().unwrap(), b"0123456789abcdef").unwrap();
    Catalog::new(contracts, &secrets, Limits::default())
}

fn catalog(contracts: &[(&str, &str)]) -> Catalog {
    compiled(contracts.iter().map(|(table, rest)| contract(table, rest)).collect()).unwrap()
}

/// The table `orders`, which takes events of the type `order`.
fn orders(rest: &str) -> Catalog {
    catalog(&[("orders", &format!("types = [\"order\"]\n{rest}"))])
}

/// The same with columns, each `name|path|type` and then perhaps lines of its own.
fn orders_of(head: &str, columns: &[&str]) -> Catalog {
    orders(&format!("{head}\n{}", columns.iter().map(|column| column_of(column)).collect::<String>()))
}

fn column_of(column: &str) -> String {
    let mut parts = column.splitn(4, '|').map(str::trim);
    let (name, path, kind) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
    let path = if path.is_empty() { String::new() } else { format!("path = {path}\n") };
    let rest = parts.next().unwrap_or_default();
    format!("[[column]]\nname = \"{name}\"\n{path}type = '{kind}'\n{rest}\n")
}

/// An event of the type `order` with members more.
fn order(members: &str) -> String {
    let comma = if members.is_empty() { "" } else { "," };
    format!("{{{MEMBERS}{comma}{members}}}")
}

/// What became of a document: `<table>: <column>=<value> …`, or `<reason> <path> <found> by <table> <version>`.
fn told(catalog: &Catalog, document: &str) -> String {
    let mut all = all_told(catalog, &[document]);
    assert_eq!(all.len(), 1, "one document, one row");
    all.remove(0)
}

/// What became of documents, in their order.
fn all_told<S: AsRef<str>>(catalog: &Catalog, documents: &[S]) -> Vec<String> {
    let records: Vec<_> = (0..).zip(documents).map(|(at, document)| record(at, document.as_ref())).collect();
    let mut rows = Vec::new();
    for file in output_by(catalog, &records).files {
        for batch in read(&file.bytes) {
            let sequences = batch.column_by_name("sequence").unwrap().as_string::<i32>();
            for row in 0..batch.num_rows() {
                let sequence: u64 = sequences.value(row).parse().unwrap();
                rows.push((
                    sequence,
                    match &file.area {
                        Area::Raw(table) => format!("{table}:{}", columns_of(&batch, row)),
                        Area::Quarantine => refusal_of(&batch, row),
                    },
                ));
            }
        }
    }
    rows.sort();
    rows.into_iter().map(|(_, row)| row).collect()
}

fn columns_of(batch: &RecordBatch, row: usize) -> String {
    let schema = batch.schema();
    let columns = schema.fields().iter().zip(batch.columns()).skip(SYSTEM);
    columns.map(|(field, array)| format!(" {}={}", field.name(), spelled(array, row))).collect()
}

fn refusal_of(batch: &RecordBatch, row: usize) -> String {
    let text = |name: &str| {
        let array = batch.column_by_name(name).unwrap();
        if array.is_null(row) { "-" } else { array.as_string::<i32>().value(row) }
    };
    let version = batch.column_by_name("contract_version").unwrap().as_primitive::<Int32Type>().value(row);
    let judge = format!("{} {version}", text("contract"));
    format!("{} {} {} by {judge}", text("reason"), text("path"), text("found"))
}

/// A value for people to read.
fn spelled(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "null".to_owned();
    }
    match array.data_type() {
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::Int32 => array.as_primitive::<Int32Type>().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => array.as_primitive::<Float64Type>().value(row).to_string(),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Date32 => array.as_primitive::<Date32Type>().value_as_date(row).unwrap().to_string(),
        DataType::Timestamp(..) => {
            Timestamp::from_micros(array.as_primitive::<TimestampMicrosecondType>().value(row)).to_string()
        }
        DataType::List(_) => {
            let elements = array.as_list::<i32>().value(row);
            format!("[{}]", (0..elements.len()).map(|at| spelled(&elements, at)).collect::<Vec<_>>().join(","))
        }
        DataType::Struct(_) => {
            let fields = array.as_struct().columns().iter();
            format!("({})", fields.map(|field| spelled(field, row)).collect::<Vec<_>>().join(","))
        }
        other => panic!("no column is of the type {other}"),
    }
}

/// Holds documents, each the members of an order, against what becomes of them.
#[track_caller]
fn assert_told(catalog: &Catalog, cases: &[(&str, &str)]) {
    for (members, expected) in cases {
        assert_eq!(&told(catalog, &order(members)), expected, "{members}");
    }
}

mod routing {
    use super::*;

    fn of_type(kind: &str) -> String {
        order("").replace(r#""type":"order""#, &format!(r#""type":{kind}"#))
    }

    #[test]
    fn a_name_comes_before_a_pattern_and_a_pattern_before_the_default() {
        let catalog = catalog(&[
            ("anything", "default = true"),
            ("orders", "types = [\"order.*\"]"),
            ("paid", "types = [\"order.paid\", \"invoice.paid\"]"),
            ("returns", "types = [\"order.return.*\"]"),
        ]);
        for (kind, table) in [
            (r#""order.paid""#, "paid: data={}"),
            (r#""invoice.paid""#, "paid: data={}"),
            (r#""order.p\u0061id""#, "paid: data={}"),
            (r#""order.return.sent""#, "returns: data={}"),
            (r#""order.return""#, "orders: data={}"),
            (r#""order.""#, "orders: data={}"),
            (r#""order""#, "anything: data={}"),
            (r#""Order.paid""#, "anything: data={}"),
            (r#""""#, "type_empty /type a string by anything 3"),
            ("7", "type_not_a_string /type a number by anything 3"),
            ("null", "type_missing /type - by anything 3"),
        ] {
            assert_eq!(told(&catalog, &of_type(kind)), table, "{kind}");
        }
    }

    #[test]
    fn what_no_table_takes_is_told_by_its_type() {
        let one = orders("");
        assert_eq!(told(&one, &of_type(r#""invoice""#)), "type_unknown /type - by orders 3");
        assert_eq!(told(&one, &of_type("[]")), "type_not_a_string /type an array by orders 3");
        assert_eq!(told(&one, "{}"), "type_missing /type - by orders 3");
        let two = catalog(&[("orders", "types = [\"order\"]"), ("visits", "types = [\"visit\"]")]);
        assert_eq!(told(&two, &of_type(r#""invoice""#)), "type_unknown /type - by - 0");
        assert_eq!(told(&two, "{}"), "type_missing /type - by - 0");
    }

    #[test]
    fn the_length_of_a_type_is_the_tables_to_limit() {
        let catalog = catalog(&[
            ("long", "types = [\"long.*\"]\n[limits]\ntype_bytes = 12"),
            ("short", "default = true\n[limits]\ntype_bytes = 6"),
        ]);
        assert_eq!(told(&catalog, &of_type(r#""long.enough.""#)), "long: data={}");
        assert_eq!(told(&catalog, &of_type(r#""long.enough.x""#)), "type_too_long /type a string by long 3");
        assert_eq!(told(&catalog, &of_type(r#""üü\u00fc""#)), "short: data={}");
        assert_eq!(told(&catalog, &of_type(r#""üüüx""#)), "type_too_long /type a string by short 3");
    }

    #[test]
    fn tables_may_have_the_type_at_different_places() {
        let tables = [
            ("clicks", "types = [\"click\"]"),
            (
                "tracks",
                "types = [\"track\", \"order\"]\nunknown_fields = \"ignore\"\n[envelope]\ntype = \"/meta/event\"",
            ),
        ];
        let both = catalog(&tables);
        assert_eq!(told(&both, &of_type(r#""click""#)), "clicks: data={}");
        assert_eq!(told(&both, &order(r#""meta":{"event":"track"}"#)), "tracks:");
        assert_eq!(told(&both, &order(r#""meta":{"event":"x"}"#)), "type_unknown /type - by - 0");
        // The tables are asked in the order of their names.
        let doubly = of_type(r#""click","meta":{"event":"track"}"#);
        assert_eq!(told(&both, &doubly), r#"clicks: data={"meta":{"event":"track"}}"#);
        // Where there is a default, an event without a type is told by its place.
        let rest = catalog(&[tables[0], tables[1], ("rest", "default = true\n[envelope]\ntype = \"/kind\"")]);
        assert_eq!(told(&rest, &order(r#""kind":"x""#)), r#"rest: data={"type":"order"}"#);
        assert_eq!(told(&rest, &order("")), "type_missing /kind - by rest 3");
    }

    #[test]
    fn a_batch_has_files_per_table_sorted_by_table_then_date() {
        let catalog = catalog(&[
            ("b", "types = [\"b\"]\nunknown_fields = \"ignore\""),
            ("a", "types = [\"a\"]\n[limits]\ndates_per_batch = 1"),
            ("c", "types = [\"c\"]"),
        ]);
        let event = |number, kind: &str, day: u32| {
            let time = format!("2026-11-{day}T11:00:00Z");
            record(number, format!(r#"{{"id":"{}","type":"{kind}","time":"{time}"}}"#, id(number.into())))
        };
        let records = [
            event(1, "b", 21),
            event(2, "a", 20),
            event(3, "x", 20),
            event(4, "a", 21),
            event(5, "b", 20),
            event(6, "a", 21),
            event(7, "b", 21),
        ];
        let output = output_by(&catalog, &records);
        let day = |day: i64| {
            Partition::Day(Timestamp::from_millis(ARRIVAL.millis() - (21 - day) * 86_400_000).date().unwrap())
        };
        let raw = |table: &str| Area::Raw(table.parse().unwrap());
        let files: Vec<_> = output.files.iter().map(|file| (file.area.clone(), file.partition, file.rows)).collect();
        assert_eq!(
            files,
            [
                (raw("a"), day(21), 2),
                (raw("a"), Partition::Mixed, 1),
                (raw("b"), day(20), 1),
                (raw("b"), day(21), 2),
                (Area::Quarantine, day(21), 1),
            ]
        );
        let columns = |at: usize| {
            let batch = read(&output.files[at].bytes).remove(0);
            batch.schema().fields().iter().skip(SYSTEM).map(|field| field.name().clone()).collect::<Vec<_>>()
        };
        assert_eq!((columns(0), columns(2)), (vec!["data".to_owned()], vec![]));
    }
}

mod filters {
    use super::*;

    #[test]
    fn an_event_is_taken_if_every_filter_lets_it_pass() {
        let catalog = orders(
            "[[filter]]\nkeep = { path = \"/env\", in = [\"prod\", 1, 2.50, true] }\n\
             [[filter]]\ndrop = { path = \"/test/by\", present = true }",
        );
        let refused = |path: &str| format!("filtered {path} - by orders 3");
        let taken = |members: &str| format!("orders: data={{{members}}}");
        for members in [
            r#""env":"prod""#,
            r#""env":"pr\u006fd""#,
            r#""env":1"#,
            r#""env":10e-1"#,
            r#""env":2.5"#,
            r#""env":true"#,
            r#""env":"prod","test":{"by":null}"#,
            r#""env":"prod","test":1"#,
        ] {
            assert_told(&catalog, &[(members, &taken(members))]);
        }
        for members in [
            "",
            r#""env":"PROD""#,
            r#""env":"1""#,
            r#""env":false"#,
            r#""env":["prod"]"#,
            r#""env":null"#,
            r#""env":1.1"#,
        ] {
            assert_told(&catalog, &[(members, &refused("/env"))]);
        }
        for value in ["0", "\"\"", "false", "{}", "[]"] {
            assert_told(&catalog, &[(&format!(r#""env":1,"test":{{"by":{value}}}"#), &refused("/test/by"))]);
        }
    }

    #[test]
    fn what_a_filter_looks_at_is_no_unknown_field() {
        let filter = "[[filter]]\nkeep = { path = \"/env\", in = [\"prod\"] }";
        let strict = orders(&format!("unknown_fields = \"quarantine\"\n{filter}"));
        assert_told(&strict, &[(r#""env":"prod""#, "orders:"), (r#""env":"dev""#, "filtered /env - by orders 3")]);
    }
}

mod values {
    use super::*;

    #[test]
    fn a_column_takes_the_first_of_its_places_that_holds_something() {
        let catalog = orders_of("", &[r#"amount | ["/a", "/b/c", "/d/0"] | int64 | default = -1"#]);
        assert_told(
            &catalog,
            &[
                (r#""a":1"#, "orders: data={} amount=1"),
                (r#""b":{"c":2}"#, "orders: data={} amount=2"),
                (r#""d":[3]"#, "orders: data={} amount=3"),
                (r#""a":null,"d":[3]"#, "orders: data={} amount=3"),
                (r#""a":null"#, "orders: data={} amount=-1"),
                ("", "orders: data={} amount=-1"),
                // The first that holds something counts, also where it does not fit.
                (r#""a":"x","b":{"c":2}"#, "column_kind /a a string by orders 3"),
            ],
        );
    }

    #[test]
    fn a_value_that_was_passed_by_is_kept() {
        let catalog = orders_of("", &[r#"amount | ["/a", "/b"] | int64"#, r#"other | "/b" | json"#]);
        assert_told(
            &catalog,
            &[(r#""a":1,"b":2"#, "orders: data={} amount=1 other=2"), (r#""b":2"#, "orders: data={} amount=2 other=2")],
        );
        let alone = orders_of("", &[r#"amount | ["/a", "/b", "/c"] | int64"#]);
        assert_told(
            &alone,
            &[
                (r#""a":1,"b":2"#, r#"orders: data={"b":2} amount=1"#),
                (r#""c":3,"b":2"#, r#"orders: data={"c":3} amount=2"#),
            ],
        );
        let strict = orders_of("unknown_fields = \"quarantine\"", &[r#"amount | ["/a", "/b"] | int64"#]);
        assert_told(
            &strict,
            &[(r#""a":1,"b":2"#, "unknown_field - - by orders 3"), (r#""a":null,"b":2"#, "orders: amount=2")],
        );
    }

    #[test]
    fn defaults_and_constants_go_through_no_step() {
        let catalog = orders_of(
            "unknown_fields = \"ignore\"",
            &[
                "currency | '/c' | string | default = 'eur'\nsteps = ['upper']",
                "amount | '/a' | decimal(6,2) | default = 1.5",
                "due | '/d' | date | default = '2026-02-03'",
                "region | | string | constant = 'eu'",
                "share | | float64 | constant = 0.25",
                "at | | timestamp | constant = 2026-01-02T03:04:05Z",
                "on | | boolean | constant = true",
            ],
        );
        let same = "region=eu share=0.25 at=2026-01-02T03:04:05.000000Z on=true";
        assert_told(
            &catalog,
            &[
                ("", &format!("orders: currency=eur amount=1.50 due=2026-02-03 {same}")),
                (
                    r#""c":"usd","a":2,"d":"2026-11-21","region":"us""#,
                    &format!("orders: currency=USD amount=2.00 due=2026-11-21 {same}"),
                ),
            ],
        );
    }

    #[test]
    fn each_step_does_what_it_says() {
        for (kind, steps, value, expected) in [
            ("string", "'trim'", r#"" a b\n""#, "a b"),
            ("string", "'lower'", r#""ÄB""#, "äb"),
            ("string", "'upper'", r#""straße""#, "STRASSE"),
            ("string", "{ truncate = 2 }", r#""ä😀x""#, "ä😀"),
            ("string", "'cast'", "1.50", "1.50"),
            ("string", "'cast'", "true", "true"),
            ("string", "'cast', 'upper'", "1e5", "1E5"),
            ("string", "'url_host'", r#""https://me@Shop.Example:80/x""#, "shop.example"),
            ("string", "'redact'", r#"{"card":[4111]}"#, "[redacted]"),
            ("string", "'trim', 'lower', { hmac_sha256 = 'pepper' }", r#"" Ada@Example.com""#, HMAC),
            ("int64", "'cast'", r#""12""#, "12"),
            ("int32", "'trim', 'cast'", r#"" -7 ""#, "-7"),
            ("decimal(6,2)", "'cast'", r#""1.5e1""#, "15.00"),
            ("float64", "'cast'", r#""0.5""#, "0.5"),
            ("boolean", "'lower', 'cast'", r#""TRUE""#, "true"),
            ("timestamp", "{ parse_time = 'epoch_millis' }", "1500", "1970-01-01T00:00:01.500000Z"),
            ("timestamp", "'cast', { parse_time = 'epoch_seconds' }", r#""1.5""#, "1970-01-01T00:00:01.500000Z"),
            ("timestamp", "{ parse_time = '%d.%m.%Y %H:%M' }", r#""02.01.1970 03:04""#, "1970-01-02T03:04:00.000000Z"),
            ("date", "{ parse_time = 'epoch_micros' }", "-1", "1969-12-31"),
            ("date", "{ truncate = 10 }", r#""2026-11-21 13:00""#, "2026-11-21"),
            ("int32", "{ date_part = 'hour' }", r#""2026-11-21T01:30:00+02:00""#, "23"),
            ("int64", "{ parse_time = 'epoch_seconds' }, { date_part = 'weekday' }", "0", "4"),
        ] {
            let catalog = orders_of("unknown_fields = 'ignore'", &[&format!("v | '/v' | {kind} | steps = [{steps}]")]);
            assert_told(&catalog, &[(&format!(r#""v":{value}"#), &format!("orders: v={expected}"))]);
            assert_told(&catalog, &[(r#""v":null"#, "orders: v=null")]);
        }
    }

    /// Of `ada@example.com` under the secret.
    const HMAC: &str = "512383176ce1b4c279ee430548cf07ec0b58efa588517b611c1f0da6d2b9e577";

    #[test]
    fn lists_structs_and_json_hold_nulls_and_names_of_their_own() {
        let catalog = orders_of(
            "",
            &[
                "tags | '/tags' | list<string>",
                r#"items | '/items' | list<struct<sku: string, "unitPrice" as price: decimal(5,2), more: json>>"#,
            ],
        );
        assert_told(
            &catalog,
            &[
                (r#""tags":[],"items":[]"#, "orders: data={} tags=[] items=[]"),
                (r#""tags":["a",null]"#, "orders: data={} tags=[a,null] items=null"),
                (
                    r#""items":[{"unitPrice":1.5,"sku":"x"},null,{},{"more":{"a": 1},"sku":null}]"#,
                    r#"orders: data={} tags=null items=[(x,1.50,null),null,(null,null,null),(null,null,{"a": 1})]"#,
                ),
                (r#""items":[{"more":null}]"#, "orders: data={} tags=null items=[(null,null,null)]"),
            ],
        );
    }
}

mod misfits {
    use super::*;

    #[test]
    fn a_column_that_is_required_is_missing_by_its_first_place() {
        let catalog = orders_of("", &["a | ['/x/a', '/a'] | string | required = true"]);
        assert_told(
            &catalog,
            &[
                (r#""a":"""#, "orders: data={} a="),
                ("", "column_missing /x/a - by orders 3"),
                (r#""x":{"a":null},"a":null"#, "column_missing /x/a - by orders 3"),
                (r#""x":[{"a":"1"}]"#, "column_missing /x/a - by orders 3"),
            ],
        );
    }

    #[test]
    fn a_value_that_does_not_fit_is_told_by_place_and_kind() {
        for (kind, steps, value, expected) in [
            ("string", "", "1", "column_kind /v a number"),
            ("string", "", "{}", "column_kind /v an object"),
            ("string", "'url_host'", r#""/cart""#, "column_not_a_url /v a string"),
            ("int32", "", "2147483648", "column_out_of_range /v a number"),
            ("int64", "", "9223372036854775808", "column_out_of_range /v a number"),
            ("int64", "", "1.5", "column_not_whole /v a number"),
            ("int64", "", r#""1""#, "column_kind /v a string"),
            ("int64", "'cast'", r#""one""#, "column_not_a_number /v a string"),
            ("decimal(4,2)", "", "100", "column_too_many_digits /v a number"),
            ("decimal(4,2)", "", "1.234", "column_too_many_digits /v a number"),
            ("float64", "", "true", "column_kind /v a boolean"),
            ("boolean", "", "0", "column_kind /v a number"),
            ("boolean", "'cast'", r#""yes""#, "column_not_a_boolean /v a string"),
            ("date", "", r#""2026-02-29""#, "column_not_a_date /v a string"),
            ("timestamp", "", r#""2026-11-21""#, "column_not_a_time /v a string"),
            ("timestamp", "", r#""2016-12-31T23:59:60Z""#, "column_leap_second /v a string"),
            ("timestamp", "", r#""2026-11-21T12:00:00.0000001Z""#, "column_too_precise /v a string"),
            ("list<int32>", "", "1", "column_kind /v a number"),
            ("list<int32>", "", "[1,2.5]", "column_not_whole /v/1 a number"),
            ("struct<a: string>", "", "[]", "column_kind /v an array"),
            (
                r#"list<struct<a: int32, "b/~" as b: list<date>>>"#,
                "",
                r#"[{},{"b/~":[null,"x"]}]"#,
                "column_not_a_date /v/1/b~1~0/1 a string",
            ),
        ] {
            let catalog = orders_of("", &[&format!("v | '/v' | {kind} | steps = [{steps}]")]);
            assert_told(&catalog, &[(&format!(r#""v":{value}"#), &format!("{expected} by orders 3"))]);
        }
    }

    #[test]
    fn an_event_whose_last_column_does_not_fit_leaves_no_trace_in_its_neighbours() {
        let columns = [
            "text | '/t' | string",
            "list | '/l' | list<list<int32>>",
            "object | '/o' | struct<a: list<string>, b: json>",
            "flag | '/f' | boolean",
            "number | '/n' | decimal(20,3)",
            "last | '/z' | date",
        ];
        for head in ["", "unknown_fields = 'ignore'"] {
            let catalog = orders_of(head, &columns);
            let members = |n: usize, last: &str| {
                let list = vec![format!("[{n},null]"); n % 3].join(",");
                order(&format!(
                    r#""t":"t{n}","l":[{list}],"o":{{"a":["{n}"],"b":[{n}]}},"f":{},"n":{n}.5,"z":{last},"x":{n}"#,
                    n.is_multiple_of(2)
                ))
            };
            let good = |n: usize| members(n, r#""2026-11-21""#);
            // Each is bad by its last column, but for one that is so in the midst of a list.
            let bad =
                [members(7, "7"), members(8, r#""x""#), good(10).replace("[10,null]", r#"[10,"x"]"#), members(5, "[]")];
            let mixed: Vec<_> = (0..40).flat_map(|n| [bad[n % 4].clone(), good(n), bad[(n + 1) % 4].clone()]).collect();
            let clean: Vec<_> = (0..40).map(good).collect();
            let mut taken = all_told(&catalog, &mixed);
            taken.retain(|told| told.starts_with("orders:"));
            assert_eq!(taken, all_told(&catalog, &clean));
        }
    }
}

mod unknown_fields {
    use super::*;

    const COLUMNS: [&str; 3] =
        ["a | '/in/a' | int64", "point | '/point' | struct<x: int64>", "items | '/items' | list<struct<x: int64>>"];

    #[test]
    fn nothing_where_columns_look_for_more_is_no_unknown_field() {
        let refusing = orders_of("unknown_fields = 'quarantine'", &["key | '/user/a' | string"]);
        for nothing in [r#""user":null"#, r#""user":{}"#, r#""user":{"a":null}"#, ""] {
            let kept = told(&refusing, &order(nothing));
            assert!(kept.starts_with("orders: key="), "{nothing}: {kept}");
        }
        for something in [r#""user":7"#, r#""user":[]"#, r#""user":{"b":null}"#, r#""b":null"#] {
            assert_eq!(told(&refusing, &order(something)), "unknown_field - - by orders 3", "{something}");
        }
    }

    #[test]
    fn what_a_column_hides_is_not_kept_beside_it() {
        let hiding = orders_of("", &["key | ['/a', '/user/b'] | string | steps = ['redact']"]);
        let told = |members: &str| told(&hiding, &order(members));
        assert_eq!(told(r#""a":"x","user":{"b":"y","c":1}"#), r#"orders: data={"user":{"c":1}} key=[redacted]"#);
        assert_eq!(told(r#""a":"x","user":null"#), r#"orders: data={"user":null} key=[redacted]"#);
        assert_eq!(told(r#""a":"x","user":["y"]"#), "hidden_within - - by orders 3");
        assert_eq!(told(r#""user":"y""#), "hidden_within - - by orders 3");
    }

    #[test]
    fn what_no_column_holds_is_kept_byte_for_byte_and_without_what_one_holds() {
        let catalog = orders_of("", &COLUMNS);
        let same = "point=null items=null";
        assert_told(
            &catalog,
            &[
                (r#""in":{"a":1}"#, &format!("orders: data={{}} a=1 {same}")),
                (
                    r#""in" : { "b" : 2.0 , "a":1,"c":[ ] }, "x":"\u0041""#,
                    &format!(r#"orders: data={{"in":{{"b":2.0,"c":[ ]}},"x":"\u0041"}} a=1 {same}"#),
                ),
                (r#""in":{}"#, &format!(r#"orders: data={{"in":{{}}}} a=null {same}"#)),
                (r#""in":7"#, &format!(r#"orders: data={{"in":7}} a=null {same}"#)),
                (r#""in":null"#, &format!(r#"orders: data={{"in":null}} a=null {same}"#)),
                (r#""in":[{"a":1}]"#, &format!(r#"orders: data={{"in":[{{"a":1}}]}} a=null {same}"#)),
            ],
        );
    }

    #[test]
    fn a_value_that_its_column_holds_in_part_is_kept_whole() {
        let catalog = orders_of("", &COLUMNS);
        assert_told(
            &catalog,
            &[
                (r#""point":{"x":1}"#, "orders: data={} a=null point=(1) items=null"),
                (r#""point":{"x":1, "y":2}"#, r#"orders: data={"point":{"x":1, "y":2}} a=null point=(1) items=null"#),
                (
                    r#""items":[{"x":1},{"y":null}]"#,
                    r#"orders: data={"items":[{"x":1},{"y":null}]} a=null point=null items=[(1),(null)]"#,
                ),
            ],
        );
        // A partly held value of one event is none of the next.
        let both = [order(r#""point":{"x":1,"y":2}"#), order(r#""point":{"x":1}"#)];
        assert_eq!(all_told(&catalog, &both)[1], "orders: data={} a=null point=(1) items=null");
    }

    #[test]
    fn what_no_column_holds_is_ignored_where_the_contract_says_so() {
        let catalog = orders_of("unknown_fields = 'ignore'", &COLUMNS);
        assert_told(
            &catalog,
            &[(r#""in":{"a":1,"b":2},"x":1,"point":{"y":1}"#, "orders: a=1 point=(null) items=null")],
        );
    }

    #[test]
    fn what_no_column_holds_is_refused_where_the_contract_says_so() {
        let catalog = orders_of("unknown_fields = 'quarantine'", &COLUMNS);
        let refused = "unknown_field - - by orders 3";
        assert_told(
            &catalog,
            &[
                (
                    r#""in":{"a":1},"point":{"x":1},"items":[{"x":1},{},null]"#,
                    "orders: a=1 point=(1) items=[(1),(null),null]",
                ),
                (r#""x":null"#, refused),
                (r#""in":{"a":1,"b":2}"#, refused),
                (r#""in":{}"#, "orders: a=null point=null items=null"),
                (r#""in":1"#, refused),
                (r#""point":{"x":1,"y":2}"#, refused),
                (r#""items":[{"x":1},{"y":1}]"#, refused),
            ],
        );
        assert_told(&catalog, &[("", "orders: a=null point=null items=null")]);
    }

    #[test]
    fn an_array_is_kept_unless_columns_hold_all_of_it() {
        let catalog = orders_of("", &["first | '/l/0' | int64", "second | '/l/1' | int64"]);
        assert_told(
            &catalog,
            &[
                (r#""l":[1,2]"#, "orders: data={} first=1 second=2"),
                (r#""l":[1]"#, "orders: data={} first=1 second=null"),
                (r#""l":[1,2, 3]"#, r#"orders: data={"l":[1,2, 3]} first=1 second=2"#),
                (r#""l":[]"#, r#"orders: data={"l":[]} first=null second=null"#),
                (r#""l":{"0":1,"x":2}"#, r#"orders: data={"l":{"x":2}} first=1 second=null"#),
            ],
        );
    }
}

mod duplicate_keys {
    use super::*;

    const COLUMNS: [&str; 2] = ["a | '/in/a' | int64", "point | '/point' | struct<x: int64>"];

    #[test]
    fn an_object_that_names_a_member_twice_is_refused_wherever_it_stands() {
        let catalog = orders_of("unknown_fields = 'ignore'", &COLUMNS);
        let refused = "duplicate_key - - by orders 3";
        assert_told(
            &catalog,
            &[
                (r#""x":1,"\u0078":1"#, refused),
                (r#""type":"order""#, refused),
                (r#""in":{"a":1,"a":1}"#, refused),
                (r#""point":{"x":1,"x":1}"#, refused),
                (r#""deep":[[{"y":{"z":0,"z":0}}]]"#, refused),
                (r#""in":{"x":1},"x":{"in":1}"#, "orders: a=null point=null"),
            ],
        );
    }

    #[test]
    fn the_last_of_a_name_counts_where_the_contract_says_so() {
        let catalog = orders_of("duplicate_keys = 'last'", &COLUMNS);
        assert_told(
            &catalog,
            &[
                (r#""in":{"a":1,"a":2}"#, "orders: data={} a=2 point=null"),
                (r#""in":{"a":1},"in":{"a":2}"#, "orders: data={} a=2 point=null"),
                (r#""in":{"a":1},"in":{"b":2}"#, r#"orders: data={"in":{"b":2}} a=null point=null"#),
                (r#""in":{"a":"x"},"in":7"#, r#"orders: data={"in":7} a=null point=null"#),
                (r#""point":{"x":"no","x":2}"#, "orders: data={} a=null point=(2)"),
                (r#""x":1,"y":0,"\u0078":2"#, r#"orders: data={"y":0,"\u0078":2} a=null point=null"#),
                (r#""in":{"b":1,"a":1,"b":2}"#, r#"orders: data={"in":{"b":2}} a=1 point=null"#),
                // What nobody looks into is one value, and kept as it is.
                (r#""x":{"y":1,"y":2}"#, r#"orders: data={"x":{"y":1,"y":2}} a=null point=null"#),
                (r#""type":"order","time":"2026-11-21T11:58:00Z""#, "orders: data={} a=null point=null"),
                (r#""type":"other""#, "type_unknown /type - by orders 3"),
            ],
        );
        let strict = orders_of("duplicate_keys = 'last'\nunknown_fields = 'quarantine'", &COLUMNS);
        assert_told(&strict, &[(r#""in":{"b":1},"in":{"a":2}"#, "orders: a=2 point=null")]);
    }

    #[test]
    fn each_table_has_its_own_say() {
        let catalog =
            catalog(&[("orders", "types = [\"order\"]"), ("visits", "types = [\"visit\"]\nduplicate_keys = \"last\"")]);
        let twice = order(r#""x":1,"x":2"#);
        assert_eq!(told(&catalog, &twice), "duplicate_key - - by orders 3");
        assert_eq!(told(&catalog, &twice.replace("order", "visit")), r#"visits: data={"x":2}"#);
    }
}

mod envelopes {
    use super::*;

    /// The id, the type and the time of an event.
    fn taken(catalog: &Catalog, document: &str) -> [String; 3] {
        let output = output_by(catalog, &[record(1, document)]);
        assert_eq!(output.counts.accepted, 1, "{}", told(catalog, document));
        let batch = read(&output.files[0].bytes).remove(0);
        ["event_id", "event_type", "event_time"].map(|name| spelled(batch.column_by_name(name).unwrap(), 0))
    }

    const TIME: &str = "2026-11-21T11:59:00Z";

    fn cloud_event(source: &str, id: &str) -> String {
        format!(r#"{{"specversion":"1.0","source":{source},"id":{id},"type":"order","time":"{TIME}"}}"#)
    }

    #[test]
    fn a_cloud_event_is_known_by_its_source_and_id_together() {
        let catalog = orders("envelope = \"cloudevents\"");
        let event = cloud_event(r#""/shop""#, r#""7""#);
        let [id, kind, time] = taken(&catalog, &event);
        assert_eq!(
            (&*id, &*kind, &*time),
            ("384e65f7-0fe2-5b53-9e72-ec5fd1b5fdb1", "order", "2026-11-21T11:59:00.000000Z")
        );
        // What cannot be read back from the hash is kept.
        assert_eq!(told(&catalog, &event), r#"orders: data={"specversion":"1.0","source":"/shop","id":"7"}"#);
        let other = taken(&catalog, &cloud_event(r#""/sho""#, r#""p7""#));
        assert_ne!(other[0], id);
        // Also an id that is a UUID is only half of an event's name.
        let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_ne!(taken(&catalog, &cloud_event(r#""/shop""#, &format!("\"{uuid}\"")))[0], uuid);
        assert_eq!(told(&catalog, &cloud_event("null", r#""7""#)), "id_missing /source - by orders 3");
        assert_eq!(told(&catalog, &cloud_event(r#""/shop""#, "[]")), "id_not_a_string /id an array by orders 3");
    }

    #[test]
    fn a_message_of_segments_keeps_its_uuid_and_another_id_is_hashed() {
        let catalog = orders("envelope = \"segment\"");
        let message = |id: &str| format!(r#"{{"messageId":{id},"type":"order","timestamp":"{TIME}"}}"#);
        let uuid = "67e55044-10b1-426f-9247-bb680e5fe0c8";
        assert_eq!(taken(&catalog, &message(&format!("\"{uuid}\"")))[0], uuid);
        assert_eq!(taken(&catalog, &message(r#""m-1""#))[0], "6712680e-6724-5ce9-9a0a-b85f5e8e00ad");
        assert_eq!(taken(&catalog, &message("12"))[0], taken(&catalog, &message(r#""12""#))[0]);
        assert_eq!(told(&catalog, &message(r#""m-1""#)), r#"orders: data={"messageId":"m-1"}"#);
        assert_eq!(told(&catalog, &message("1.5")), "id_not_a_string /messageId a number by orders 3");
        assert_eq!(told(&catalog, &message("null")), "id_missing /messageId - by orders 3");
    }

    #[test]
    fn an_id_that_is_hashed_is_no_unknown_field() {
        let columns = ["version | '/specversion' | string"];
        let catalog = orders_of("envelope = \"cloudevents\"\nunknown_fields = \"quarantine\"", &columns);
        assert_eq!(told(&catalog, &cloud_event(r#""/shop""#, r#""7""#)), "orders: version=1.0");
        let catalog = orders("envelope = \"segment\"\nunknown_fields = \"quarantine\"");
        assert_eq!(told(&catalog, &format!(r#"{{"messageId":"m","type":"order","timestamp":"{TIME}"}}"#)), "orders:");
    }

    #[test]
    fn an_id_that_a_column_holds_is_not_kept_again() {
        let catalog = orders_of("envelope = \"segment\"", &["message | '/messageId' | string"]);
        let message = format!(r#"{{"messageId":"m","type":"order","timestamp":"{TIME}"}}"#);
        assert_eq!(told(&catalog, &message), "orders: data={} message=m");
    }

    #[test]
    fn without_a_namespace_an_id_is_a_uuid() {
        let catalog = orders("[envelope]\nid = \"/meta/id\"");
        let event = |id: &str| order(&format!(r#""meta":{{"id":{id},"n":1}}"#));
        assert_eq!(
            taken(&catalog, &event(r#""67E55044-10B1-426F-9247-BB680E5FE0C8""#))[0],
            "67e55044-10b1-426f-9247-bb680e5fe0c8"
        );
        assert_eq!(told(&catalog, &event("\"x\"")), "id_not_a_uuid /meta/id a string by orders 3");
        assert_eq!(told(&catalog, &event("1")), "id_not_a_string /meta/id a number by orders 3");
    }

    #[test]
    fn a_time_is_read_as_the_contract_says() {
        let event = |time: &str| order("").replace(r#""2026-11-21T11:59:00Z""#, time);
        for (format, time, expected) in [
            ("epoch_seconds", "1795262340", "2026-11-21T11:59:00.000000Z"),
            ("epoch_seconds", "1795262340.25", "2026-11-21T11:59:00.250000Z"),
            ("epoch_millis", "1795262340000", "2026-11-21T11:59:00.000000Z"),
            ("epoch_millis", "1.79526234e12", "2026-11-21T11:59:00.000000Z"),
            ("epoch_micros", "1795262340000001", "2026-11-21T11:59:00.000001Z"),
            ("%d/%m/%Y %H:%M", r#""21/11/2026 11:59""#, "2026-11-21T11:59:00.000000Z"),
        ] {
            let catalog = orders(&format!("[envelope]\ntime_format = \"{format}\""));
            assert_eq!(taken(&catalog, &event(time))[2], expected, "{format} {time}");
        }
        for (format, time, expected) in [
            ("epoch_seconds", r#""1795262340""#, "time_kind /time a string"),
            ("epoch_seconds", "1795262340.0000001", "time_too_precise /time a number"),
            ("epoch_seconds", "1795262340000", "time_out_of_range /time a number"),
            ("epoch_millis", "1795262340", "time_too_old /time -"),
            ("epoch_millis", "1795362340000000", "time_out_of_range /time a number"),
            ("epoch_micros", "1795262340000.5", "time_too_precise /time a number"),
            ("epoch_micros", "1895262340000000", "time_too_new /time -"),
            ("%d/%m/%Y %H:%M", r#""2026-11-21T11:59:00Z""#, "time_malformed /time a string"),
        ] {
            let catalog = orders(&format!("[envelope]\ntime_format = \"{format}\""));
            assert_eq!(told(&catalog, &event(time)), format!("{expected} by orders 3"), "{format} {time}");
        }
    }
}

mod limits {
    use super::*;

    /// Two tables, of which only one has limits.
    fn limited(limits: &str) -> Catalog {
        catalog(&[
            ("orders", &format!("types = [\"order\"]\n[limits]\n{limits}\n{}", column_of("text | '/text' | string"))),
            ("visits", &format!("types = [\"visit\"]\n{}", column_of("text | '/text' | string"))),
        ])
    }

    #[track_caller]
    fn assert_limited(limits: &str, within: &str, beyond: &str, expected: &str) {
        let catalog = limited(limits);
        let taken = |document: &str, table: &str| told(&catalog, document).starts_with(&format!("{table}: "));
        assert!(taken(within, "orders"), "{}", told(&catalog, within));
        assert_eq!(told(&catalog, beyond), expected);
        let visit = beyond.replace("order", "visit");
        assert!(taken(&visit, "visits"), "{}", told(&catalog, &visit));
    }

    #[test]
    fn each_table_has_limits_of_its_own() {
        assert_limited("depth = 3", &order(r#""a":[[1]]"#), &order(r#""a":[[{}]]"#), "too_deep - - by orders 3");
        let (within, beyond) = (order(r#""text":"x""#), order(r#""text":"xx""#));
        let bytes = format!("event_bytes = {}", within.len());
        assert_limited(&bytes, &within, &beyond, "event_too_large - - by orders 3");
        let (within, beyond) = (order(r#""text":"\u00fcx""#), order(r#""text":"üü""#));
        assert_limited("string_bytes = 3", &within, &beyond, "column_too_long /text a string by orders 3");
        let at = |time: &str| order("").replace("2026-11-21T11:59:00Z", time);
        assert_limited(
            "past = \"2 hours\"",
            &at("2026-11-21T10:00:00Z"),
            &at("2026-11-21T09:59:59.999999Z"),
            "time_too_old /time - by orders 3",
        );
        assert_limited(
            "future = \"2 hours\"",
            &at("2026-11-21T14:00:00Z"),
            &at("2026-11-21T14:00:00.000001Z"),
            "time_too_new /time - by orders 3",
        );
    }

    #[test]
    fn what_is_beyond_every_tables_limits_is_judged_by_none() {
        let catalog = catalog(&[
            ("orders", "types = [\"order\"]\n[limits]\ndepth = 2\nevent_bytes = 200"),
            ("visits", "types = [\"visit\"]\n[limits]\ndepth = 3\nevent_bytes = 150"),
        ]);
        assert_eq!(told(&catalog, &order(r#""a":[[[]]]"#)), "too_deep - - by - 0");
        assert_eq!(told(&catalog, &order(&format!(r#""a":"{}""#, "x".repeat(200)))), "event_too_large - - by - 0");
    }
}

mod catalogs {
    use super::*;

    fn refused(contracts: &[(&str, &str)]) -> String {
        let error = compiled(contracts.iter().map(|(table, rest)| contract(table, rest)).collect()).unwrap_err();
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{error}{cause}")
    }

    #[test]
    fn contracts_that_contradict_each_other_are_refused() {
        assert_eq!(refused(&[]), "there is no contract; leave the contracts out altogether to use the built-in one");
        assert_eq!(
            refused(&[("a", "types = [\"x\"]"), ("b", "types = [\"y\"]"), ("a", "types = [\"z\"]")]),
            "two contracts describe the table a; give one of them another name"
        );
        assert_eq!(
            refused(&[("b", "default = true"), ("a", "default = true")]),
            "the tables a and b are both the default; only one can take what no other takes"
        );
        for pattern in ["x", "x.*"] {
            let types = format!("types = [\"{pattern}\"]");
            assert_eq!(
                refused(&[("b", &types), ("a", &types)]),
                format!("the tables a and b both take events of the type {pattern}; an event belongs to one table")
            );
        }
        // At another place it is another type.
        let elsewhere = [("a", "types = [\"x\"]"), ("b", "types = [\"x\"]\n[envelope]\ntype = \"/event\"")];
        assert!(compiled(elsewhere.map(|(table, rest)| contract(table, rest)).into()).is_ok());
    }

    #[test]
    fn a_secret_that_is_not_there_is_named_with_its_column() {
        let rest =
            format!("types = [\"x\"]\n{}", column_of("key | '/k' | string | steps = [{ hmac_sha256 = 'salt' }]"));
        assert_eq!(
            refused(&[("orders", &rest)]),
            "the column key of the table orders cannot be filled: \
             the secret salt is not there; hand it in, or correct its name in the contract"
        );
    }
}
