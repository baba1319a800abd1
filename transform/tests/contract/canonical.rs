//! A contract's text reads back as the contract, and no text makes the reader panic.

use std::time::Duration;

use iguazu_transform::contract::{
    Column, ColumnType, Contract, DatePart, DuplicateKeys, Envelope, EventLimits, Filter, Keep, Literal, Measure,
    MeasureKind, Name, Rollup, Source, Step, StructField, Test, TimeFormat, TypePattern, UnknownFields, Window,
};
use proptest::prelude::*;
use proptest::sample::select;

use crate::support::{ORDERS, orders, parse};

fn json(text: &str) -> Literal {
    Literal(serde_json::Value::from(text).to_string())
}

fn pointer() -> impl Strategy<Value = String> {
    prop::collection::vec("\\PC{0,6}", 1..4)
        .prop_map(|names| names.iter().map(|name| format!("/{}", name.replace('~', "~0").replace('/', "~1"))).collect())
}

fn time_format() -> impl Strategy<Value = TimeFormat> {
    select(vec![
        TimeFormat::Rfc3339,
        TimeFormat::EpochSeconds,
        TimeFormat::EpochMillis,
        TimeFormat::EpochMicros,
        TimeFormat::Pattern("%d/%m/%Y %H:%M".to_owned()),
        TimeFormat::Pattern("%Y-%m-%d \"\\ %%".to_owned()),
    ])
}

fn scalar() -> impl Strategy<Value = ColumnType> {
    prop_oneof![
        select(vec![
            ColumnType::String,
            ColumnType::Int32,
            ColumnType::Int64,
            ColumnType::Float64,
            ColumnType::Boolean,
            ColumnType::Date,
            ColumnType::Timestamp,
            ColumnType::Json,
        ]),
        (1_u8..=38)
            .prop_flat_map(|precision| (Just(precision), 0..=precision))
            .prop_map(|(precision, scale)| ColumnType::Decimal { precision, scale }),
    ]
}

fn kind() -> impl Strategy<Value = ColumnType> {
    scalar().prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(|kind| ColumnType::List(Box::new(kind))),
            prop::collection::vec((inner, "\\PC{0,6}", any::<bool>()), 1..4).prop_map(|fields| {
                let field = |(at, (kind, member, plain)): (usize, (ColumnType, String, bool))| {
                    let name: Name = format!("f{at}").parse().unwrap();
                    // Members are told apart by their beginnings.
                    let member = if plain { name.to_string() } else { format!("{at}{member}") };
                    StructField { name, member, kind }
                };
                ColumnType::Struct(fields.into_iter().enumerate().map(field).collect())
            }),
        ]
    })
}

/// A value of the type, where it is written as a scalar.
fn value(kind: &ColumnType) -> Option<BoxedStrategy<Literal>> {
    Some(match kind {
        ColumnType::String => "\\PC{0,12}|[\\x00-\\x7f]{0,4}".prop_map(|text| json(&text)).boxed(),
        ColumnType::Int32 => any::<i32>().prop_map(|number| Literal(number.to_string())).boxed(),
        ColumnType::Int64 => any::<i64>().prop_map(|number| Literal(number.to_string())).boxed(),
        ColumnType::Decimal { precision: 3.., scale: 2.. } => Just(Literal("0.10".to_owned())).boxed(),
        ColumnType::Float64 => select(vec!["0.1", "1e5", "-1.5E+300", "123456789012345678"])
            .prop_map(|text| Literal(text.to_owned()))
            .boxed(),
        ColumnType::Boolean => any::<bool>().prop_map(|flag| Literal(flag.to_string())).boxed(),
        ColumnType::Date => Just(json("2026-11-21")).boxed(),
        ColumnType::Timestamp => Just(json("2026-11-21T12:30:00Z")).boxed(),
        _ => return None,
    })
}

fn steps(kind: &ColumnType) -> BoxedStrategy<Vec<Step>> {
    let text = vec![
        Step::Trim,
        Step::Lower,
        Step::Upper,
        Step::Truncate { chars: 20 },
        Step::HmacSha256 { secret: "a_secret".parse().unwrap() },
    ];
    match kind {
        ColumnType::String => prop::collection::vec(select(text), 0..4).boxed(),
        ColumnType::Int32 | ColumnType::Int64 => {
            use DatePart::{Day, Hour, Minute, Month, Quarter, Weekday, Year};
            let parts = select(vec![Year, Quarter, Month, Day, Hour, Minute, Weekday]).prop_map(Step::DatePart);
            prop_oneof![Just(vec![]), Just(vec![Step::Cast]), parts.prop_map(|part| vec![part])].boxed()
        }
        ColumnType::Timestamp => time_format().prop_map(|format| vec![Step::ParseTime(format)]).boxed(),
        ColumnType::Float64 | ColumnType::Decimal { .. } | ColumnType::Boolean => Just(vec![Step::Cast]).boxed(),
        _ => Just(vec![]).boxed(),
    }
}

/// A column. Its name is given to it later.
fn column() -> impl Strategy<Value = Column> {
    kind().prop_flat_map(|kind| {
        let literal = || value(&kind).map_or_else(|| Just(None).boxed(), |it| it.prop_map(Some).boxed());
        let paths = prop::collection::btree_set(pointer(), 1..3);
        (paths, literal(), literal(), 0..4, steps(&kind), "\\PC{0,12}", Just(kind.clone())).prop_map(
            |(paths, constant, default, variant, steps, description, kind)| {
                let paths = Source::Paths(paths.iter().map(|text| text.parse().unwrap()).collect());
                let name = "x".parse().unwrap();
                let plain = Column { name, source: paths, kind, required: false, default: None, steps, description };
                match (variant, constant) {
                    (0, Some(constant)) => Column { source: Source::Constant(constant), steps: vec![], ..plain },
                    (1, _) => Column { required: true, ..plain },
                    (2, _) => Column { default, ..plain },
                    _ => plain,
                }
            },
        )
    })
}

fn filter() -> impl Strategy<Value = Filter> {
    let literal = prop_oneof!["\\PC{0,8}".prop_map(|text| json(&text)), Just(Literal("1.50".to_owned()))];
    let test = prop_oneof![Just(Test::Present), prop::collection::vec(literal, 1..4).prop_map(Test::In)];
    (pointer(), test, any::<bool>()).prop_map(|(path, test, keep)| Filter { path: path.parse().unwrap(), test, keep })
}

fn limits() -> impl Strategy<Value = EventLimits> {
    let seconds = || (0_u64..=36_600 * 86_400).prop_map(Duration::from_secs);
    (1_usize..=128, 1_usize..=64 << 20, 1_usize..=64 << 20, 1_usize..=1024, seconds(), seconds(), 1_usize..=366)
        .prop_map(
            |(depth_max, event_bytes_max, string_bytes_max, type_bytes_max, time_past_max, time_future_max, dates)| {
                EventLimits {
                    depth_max,
                    event_bytes_max,
                    string_bytes_max,
                    type_bytes_max,
                    time_past_max,
                    time_future_max,
                    dates_per_batch_max: dates,
                }
            },
        )
}

fn envelope() -> impl Strategy<Value = Envelope> {
    let uuid = any::<u128>().prop_map(uuid::Uuid::from_u128);
    let own = (pointer(), prop::option::of(uuid), time_format()).prop_map(|(id, id_namespace, time_format)| {
        // Under names of their own, so that none stands within another.
        let at = |name: &str| format!("/{name}{id}").parse().unwrap();
        Envelope { id: vec![at("i")], id_namespace, kind: at("k"), time: at("t"), time_format }
    });
    prop_oneof![own, Just(Envelope::iguazu()), Just(Envelope::cloudevents()), Just(Envelope::segment())]
}

/// Roll-ups of whatever columns allow it.
fn rollups(columns: &[Column], window: Window) -> Vec<Rollup> {
    let groups =
        columns.iter().filter(|it| !matches!(it.kind, ColumnType::List(_) | ColumnType::Struct(_) | ColumnType::Json));
    let by: Vec<Name> = groups.map(|it| it.name.clone()).take(2).chain(["event_type".parse().unwrap()]).collect();
    let numbers = columns.iter().filter(|it| matches!(it.kind, ColumnType::Int64 | ColumnType::Decimal { .. }));
    let measures = [MeasureKind::Sum, MeasureKind::Min, MeasureKind::Max].into_iter().flat_map(|kind| {
        let measure = move |(at, it): (usize, &Column)| {
            // Min has names of its own.
            let name = if kind == MeasureKind::Min { format!("m{at}") } else { format!("{kind}_{}", it.name) };
            Measure { name: name.parse().unwrap(), column: it.name.clone(), kind }
        };
        numbers.clone().enumerate().map(measure).collect::<Vec<_>>()
    });
    vec![
        Rollup { name: "one".parse().unwrap(), window, by, measures: measures.collect(), description: "d".into() },
        Rollup { name: "two".parse().unwrap(), window, by: vec![], measures: vec![], description: String::new() },
    ]
}

/// Any sound contract.
pub fn contract() -> impl Strategy<Value = Contract> {
    let types = prop::collection::btree_set("\\PC{1,8}", 1..4);
    let choices = (
        select(vec![UnknownFields::Keep, UnknownFields::Ignore, UnknownFields::Quarantine]),
        select(vec![DuplicateKeys::Reject, DuplicateKeys::Last]),
        select(vec![Keep::Latest, Keep::First]),
        select(vec![Window::Hour, Window::Day, Window::Month]),
        any::<(bool, bool)>(),
    );
    let lists = (prop::collection::vec(column(), 0..6), prop::collection::vec(filter(), 0..3));
    (1_u32..=i32::MAX as u32, "\\PC{0,20}", types, envelope(), limits(), choices, lists).prop_map(
        |(version, description, types, envelope, limits, choices, (mut columns, filters))| {
            for (at, column) in columns.iter_mut().enumerate() {
                column.name = format!("c{at}").parse().unwrap();
                // Under members of their own, so that none takes in plain what another hashes.
                if let Source::Paths(paths) = &mut column.source {
                    paths.iter_mut().for_each(|path| *path = format!("/c{at}{path}").parse().unwrap());
                }
            }
            let (unknown_fields, duplicate_keys, keep, window, (default, partition_by_type)) = choices;
            Contract {
                table: "orders".parse().unwrap(),
                version,
                description,
                types: types.iter().filter_map(|text| TypePattern::new(text)).collect(),
                default,
                envelope,
                unknown_fields,
                duplicate_keys,
                limits,
                partition_by_type,
                keep,
                rollups: rollups(&columns, window),
                columns,
                filters,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_text_of_a_contract_reads_back_as_the_contract(contract in contract()) {
        let text = contract.to_toml();
        match Contract::parse("c.toml", &text) {
            Ok(read) => prop_assert_eq!(&read, &contract, "{}", text),
            Err(errors) => prop_assert!(false, "{errors}\nin\n{text}"),
        }
        // Whatever it says, the rest can be made of it.
        let lake = crate::support::lake();
        let _ = (contract.arrow_schema(), contract.ddl(&lake), contract.json_schema(), contract.dictionary());
        let same = iguazu_transform::contract::compare(&contract, &contract);
        prop_assert!(same.changes.is_empty(), "{}", same);
    }

    #[test]
    fn the_text_of_a_type_reads_back_as_the_type(kind in kind()) {
        prop_assert_eq!(kind.to_string().parse::<ColumnType>(), Ok(kind));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in "\\PC{0,200}", lines in "([a-z]{1,5}|\\[\\[?|\\]\\]?|[=.,{}\"'\n #0-9-]){0,80}") {
        let _ = (Contract::parse("c.toml", &text), Contract::parse("c.toml", &lines));
        let _ = (text.parse::<ColumnType>(), lines.parse::<ColumnType>());
    }

    #[test]
    fn no_change_of_a_contract_makes_the_reader_panic(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, "(\\PC|[\\[\\]{}=\"'.,\n]){0,4}"), 1..6),
    ) {
        let mut text: Vec<char> = ORDERS.chars().collect();
        for (at, removed, put) in cuts {
            let at = at.index(text.len());
            let end = (at + removed).min(text.len());
            text.splice(at..end, put.chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(errors) = Contract::parse("c.toml", &text) {
            prop_assert!(!errors.problems.is_empty());
            prop_assert!(errors.problems.iter().all(|it| it.line > 0 && it.column > 0 && !it.problem.is_empty()));
        }
    }

    #[test]
    fn no_change_of_a_type_makes_its_parser_panic(text in "(list<|struct<|decimal\\(|[a-z]{1,3}: |int64|\"|>|,|\\)|[0-9]|\\PC){0,40}") {
        let _ = text.parse::<ColumnType>();
    }
}

#[test]
fn nesting_without_end_is_refused_and_overflows_nothing() {
    let types = format!("{}int32{}", "list<".repeat(100_000), ">".repeat(100_000));
    assert!(types.parse::<ColumnType>().is_err());
    let key = vec!["a"; 79].join(".");
    for text in [
        "a = ".to_owned() + &"[".repeat(400_000),
        "a = ".to_owned() + &"{a = ".repeat(150_000),
        vec!["a"; 400_000].join("."),
        format!("[{}]", vec!["a"; 400_000].join(".")),
        format!("{key} = {{ ").repeat(80) + "z = 1" + &"}".repeat(80),
    ] {
        assert!(Contract::parse("c.toml", &text).is_err());
    }
}

#[test]
fn the_example_is_its_own_canonical_text_once_it_was_read() {
    assert_eq!(parse(&orders().to_toml()), orders());
}

#[test]
fn numbers_keep_their_digits() {
    let default = |number: &str| {
        let text = format!(
            "table = \"t\"\nversion = 1\ndefault = true\n[[column]]\nname = \"a\"\npath = \"/a\"\n\
             type = \"decimal(38,10)\"\ndefault = {number}\n"
        );
        parse(&text).columns[0].default.clone().unwrap().0
    };
    for (written, kept) in [
        ("12.30", "12.30"),
        ("0.1", "0.1"),
        ("1234567890123456789012345678.0000000001", "1234567890123456789012345678.0000000001"),
        ("1_000", "1000"),
        ("+5", "5"),
        ("0x1F", "31"),
        ("99999999999999999999999999", "99999999999999999999999999"),
    ] {
        assert_eq!(default(written), kept);
    }
}

#[test]
fn the_namespaces_never_change() {
    let of = |url: &[u8]| Some(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, url));
    assert_eq!(Envelope::cloudevents().id_namespace, of(b"https://cloudevents.io/id"));
    assert_eq!(Envelope::segment().id_namespace, of(b"https://segment.com/messageId"));
    assert_eq!(of(b"https://cloudevents.io/id").unwrap().to_string(), "e49457fc-5c37-5fe3-822b-4f088be164ea");
    assert_eq!(of(b"https://segment.com/messageId").unwrap().to_string(), "ee3ab175-f95c-5476-93de-041fbdcf3fcb");
}

#[test]
fn presets_can_be_a_word_or_have_exceptions() {
    let with = |envelope: &str| parse(&format!("table = \"t\"\nversion = 1\ndefault = true\n{envelope}\n")).envelope;
    assert_eq!(with(""), Envelope::iguazu());
    assert_eq!(with("envelope = \"iguazu\""), Envelope::iguazu());
    assert_eq!(with("envelope = \"cloudevents\""), Envelope::cloudevents());
    assert_eq!(with("[envelope]\npreset = \"segment\""), Envelope::segment());
    let own =
        with("[envelope]\npreset = \"segment\"\nid = [\"/a\", \"/b\"]\nid_namespace = \"dns\"\ntime_format = \"%s\"");
    assert_eq!(own.id.len(), 2);
    assert_eq!(own.id_namespace, Some(uuid::Uuid::NAMESPACE_DNS));
    assert_eq!(own.kind, Envelope::segment().kind);
    assert_eq!(own.time_format, TimeFormat::Pattern("%s".to_owned()));
}
