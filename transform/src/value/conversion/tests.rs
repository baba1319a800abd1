use super::*;
use crate::contract::TimeFormat;
use crate::value::Side;
use proptest::prelude::*;

const DECIMAL: ColumnType = ColumnType::Decimal { precision: 6, scale: 2 };

fn convert(kind: &ColumnType, steps: &[Step], scalar: Scalar<'_>) -> Result<String, Misfit> {
    let mut secrets = Secrets::new();
    secrets.insert("pepper".parse().unwrap(), b"sixteen bytes...").unwrap();
    let conversion = Conversion::compile(kind, steps, &secrets).unwrap();
    conversion.apply(scalar, 100, &mut Scratch::new()).map(|value| format!("{value:?}"))
}

fn kind(found: &'static str, expected: &'static str) -> Result<String, Misfit> {
    Err(Misfit::Kind { found, expected })
}

fn is(text: &str) -> Result<String, Misfit> {
    Ok(text.to_owned())
}

#[test]
fn without_steps_a_column_takes_its_own_json_type_only() {
    use ColumnType::{Boolean, Date, Float64, Int32, Int64, Json, String, Timestamp};
    use Scalar::{Array, Boolean as Bool, Number, Object, Text};
    let list = ColumnType::List(Box::new(Int32));
    let time = Text("1970-01-01T00:00:01Z");
    for (column, scalar, expected) in [
        (&String, Text("12"), is("Text(\"12\")")),
        (&String, Number("12"), kind("a number", "a string")),
        (&String, Bool(true), kind("a boolean", "a string")),
        (&String, Array, kind("an array", "a string")),
        (&Int32, Number("12"), is("Integer(12)")),
        (&Int32, Number("2147483648"), Err(Misfit::OutOfRange { range: "an int32" })),
        (&Int64, Number("2147483648"), is("Integer(2147483648)")),
        (&Int64, Number("1.5"), Err(Misfit::NotWhole)),
        (&Int64, Text("12"), kind("a string", "a number")),
        (&Int64, Bool(true), kind("a boolean", "a number")),
        (&Float64, Number("0.1"), is("Float(0.1)")),
        (&Float64, Text("0.1"), kind("a string", "a number")),
        (&DECIMAL, Number("12.3"), is("Decimal(1230)")),
        (&DECIMAL, Number("12.345"), Err(Misfit::TooManyDigits { side: Side::Behind, limit: 2 })),
        (&DECIMAL, Number("12345"), Err(Misfit::TooManyDigits { side: Side::Before, limit: 4 })),
        (&Boolean, Bool(false), is("Boolean(false)")),
        (&Boolean, Text("false"), kind("a string", "a boolean")),
        (&Boolean, Number("0"), kind("a number", "a boolean")),
        (&Date, Text("1970-01-02"), is("Date(1)")),
        (&Date, Text("1969-12-31"), is("Date(-1)")),
        (&Date, Text("1970-1-2"), Err(Misfit::NotADate)),
        (&Date, Text("2026-02-29"), Err(Misfit::NotADate)),
        (&Date, time, Err(Misfit::NotADate)),
        (&Date, Number("1"), kind("a number", "a date as a string")),
        (&Timestamp, time, is("Time(1000000)")),
        (&Timestamp, Number("1"), kind("a number", "a time as a string")),
        (&Timestamp, Text("1970-01-01"), Err(Misfit::NotATime { expected: rfc3339::RFC3339 })),
        (&list, Number("1"), kind("a number", "an array")),
        (&ColumnType::Struct(vec![]), Array, kind("an array", "an object")),
        (&Json, Object, kind("an object", "any JSON, as it is written")),
    ] {
        assert_eq!(convert(column, &[], scalar), expected, "{column:?} {scalar:?}");
        let plain = Conversion::of(column).apply(scalar, 100, &mut Scratch::new()).map(|value| format!("{value:?}"));
        assert_eq!(plain, expected, "{column:?} {scalar:?}");
    }
}

#[test]
fn a_cast_takes_what_says_the_same() {
    use ColumnType::{Boolean, Float64, Int64, String, Timestamp};
    use Scalar::{Boolean as Bool, Number, Object, Text};
    use Step::{Cast, Lower, Trim};
    let epoch = || Step::ParseTime(TimeFormat::EpochSeconds);
    for (column, steps, scalar, expected) in [
        (&String, vec![Cast], Number("1.10"), is("Text(\"1.10\")")),
        (&String, vec![Cast, Lower], Number("1E3"), is("Text(\"1e3\")")),
        (&String, vec![Cast], Bool(true), is("Text(\"true\")")),
        (&String, vec![Cast], Object, kind("an object", "a string")),
        (&Int64, vec![Cast], Text("12"), is("Integer(12)")),
        (&Int64, vec![Cast], Text("1e3"), is("Integer(1000)")),
        (&Int64, vec![Cast], Text(" 12"), Err(Misfit::NotANumber)),
        (&Int64, vec![Cast], Text("012"), Err(Misfit::NotANumber)),
        (&Int64, vec![Cast], Text(""), Err(Misfit::NotANumber)),
        (&Int64, vec![Trim, Cast], Text(" 12\u{2003}"), is("Integer(12)")),
        (&Int64, vec![Trim, Cast], Number("12"), is("Integer(12)")),
        (&Int64, vec![Cast], Bool(true), kind("a boolean", "a number")),
        (&DECIMAL, vec![Cast], Text("12.30"), is("Decimal(1230)")),
        (&Float64, vec![Cast], Text("NaN"), Err(Misfit::NotANumber)),
        (&Boolean, vec![Cast], Text("true"), is("Boolean(true)")),
        (&Boolean, vec![Cast], Text("True"), Err(Misfit::NotABoolean)),
        (&Boolean, vec![Lower, Cast], Text("True"), is("Boolean(true)")),
        (&Boolean, vec![Cast], Number("1"), kind("a number", "a boolean")),
        (&Timestamp, vec![epoch()], Number("1.5"), is("Time(1500000)")),
        (&Timestamp, vec![epoch()], Text("1.5"), kind("a string", "a number")),
        (&Timestamp, vec![Cast, epoch()], Text("1.5"), is("Time(1500000)")),
        (&Timestamp, vec![Trim, Cast, epoch()], Text(" 1.5"), is("Time(1500000)")),
    ] {
        assert_eq!(convert(column, &steps, scalar), expected, "{column:?} {steps:?} {scalar:?}");
    }
}

#[test]
fn steps_are_done_in_their_order() {
    use ColumnType::{Date, Int32, String};
    use Scalar::{Array, Number, Text};
    use Step::{Lower, Redact, Trim, Upper, UrlHost};
    let truncate = |chars| Step::Truncate { chars };
    let hmac = || Step::HmacSha256 { secret: "pepper".parse().unwrap() };
    let part = |part| Step::DatePart(part);
    let pattern = |text: &str| Step::ParseTime(TimeFormat::Pattern(text.to_owned()));
    let saturday = Text("2026-11-21T23:30:00-01:00");
    for (column, steps, scalar, expected) in [
        (&String, vec![Trim, truncate(2)], Text("  äbc"), is("Text(\"äb\")")),
        (&String, vec![truncate(2), Trim], Text("  äbc"), is("Text(\"\")")),
        (&String, vec![Upper], Text("straße"), is("Text(\"STRASSE\")")),
        (&String, vec![Lower], Text("ΑΣ"), is("Text(\"ασ\")")),
        (&String, vec![UrlHost], Text("https://U@Example.com:1/"), is("Text(\"example.com\")")),
        (&String, vec![UrlHost], Text("example.com"), Err(Misfit::NotAUrl)),
        (&String, vec![Trim], Number("1"), kind("a number", "a string")),
        (&String, vec![Redact], Text("secret"), is("Text(\"[redacted]\")")),
        (&String, vec![Redact], Number("1"), is("Text(\"[redacted]\")")),
        (&String, vec![Redact], Array, is("Text(\"[redacted]\")")),
        (&String, vec![hmac(), truncate(0x10)], Text("a"), is("Text(\"3a6e513724eaa2ad\")")),
        (&Date, vec![truncate(10)], saturday, is("Date(20778)")),
        (&Date, vec![Step::ParseTime(TimeFormat::Rfc3339)], saturday, is("Date(20779)")),
        (&Date, vec![Step::ParseTime(TimeFormat::EpochMicros)], Number("-1"), is("Date(-1)")),
        (&Date, vec![pattern("%d.%m.%Y")], Text("21.11.2026"), is("Date(20778)")),
        (&Int32, vec![part(DatePart::Weekday)], saturday, is("Integer(7)")),
        (&Int32, vec![part(DatePart::Hour)], saturday, is("Integer(0)")),
        (&Int32, vec![Trim, pattern("%Y-%m-%d"), part(DatePart::Quarter)], Text(" 2026-11-21"), is("Integer(4)")),
    ] {
        assert_eq!(convert(column, &steps, scalar), expected, "{column:?} {steps:?} {scalar:?}");
    }
}

#[test]
fn a_text_is_measured_behind_its_steps() {
    let text = "ä".repeat(51);
    let long = Err(Misfit::TooLong { bytes: 102, limit: 100 });
    assert_eq!(convert(&ColumnType::String, &[], Scalar::Text(&text)), long);
    assert!(convert(&ColumnType::String, &[Step::Truncate { chars: 50 }], Scalar::Text(&text)).is_ok());
    let digits = "1".repeat(101);
    let long = Err(Misfit::TooLong { bytes: 101, limit: 100 });
    assert_eq!(convert(&ColumnType::String, &[Step::Cast], Scalar::Number(&digits)), long);
}

#[test]
fn what_cannot_be_compiled_is_named() {
    let hmac = Step::HmacSha256 { secret: "salt".parse().unwrap() };
    let unknown = Conversion::compile(&ColumnType::String, &[hmac], &Secrets::new());
    assert_eq!(
        unknown.err().map(|error| error.to_string()),
        Some("the secret salt is not there; hand it in, or correct its name in the contract".to_owned())
    );
    let misplaced = Conversion::compile(&ColumnType::Json, &[Step::Trim], &Secrets::new());
    assert_eq!(
        misplaced.err().map(|error| error.to_string()),
        Some("step 1: a column of type json takes no steps; remove them".to_owned())
    );
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        Just(Step::Trim),
        Just(Step::Lower),
        Just(Step::Upper),
        (0_u32..12).prop_map(|chars| Step::Truncate { chars }),
        Just(Step::Cast),
        Just(Step::ParseTime(TimeFormat::Rfc3339)),
        Just(Step::ParseTime(TimeFormat::EpochMillis)),
        Just(Step::ParseTime(TimeFormat::Pattern("%Y-%m-%d".to_owned()))),
        Just(Step::DatePart(DatePart::Minute)),
        Just(Step::UrlHost),
        Just(Step::HmacSha256 { secret: "pepper".parse().unwrap() }),
        Just(Step::Redact),
    ]
}

fn any_kind() -> impl Strategy<Value = ColumnType> {
    prop_oneof![
        Just(ColumnType::String),
        Just(ColumnType::Int32),
        Just(ColumnType::Int64),
        Just(ColumnType::Float64),
        Just(DECIMAL),
        Just(ColumnType::Boolean),
        Just(ColumnType::Date),
        Just(ColumnType::Timestamp),
        Just(ColumnType::Json),
    ]
}

fn is_of(kind: &ColumnType, value: Value<'_>) -> bool {
    match (kind, value) {
        (ColumnType::Int32, Value::Integer(value)) => i32::try_from(value).is_ok(),
        (ColumnType::Float64, Value::Float(value)) => value.is_finite(),
        (ColumnType::Decimal { precision, .. }, Value::Decimal(value)) => {
            value.unsigned_abs() < 10_u128.pow(u32::from(*precision))
        }
        pair => matches!(
            pair,
            (ColumnType::String, Value::Text(_))
                | (ColumnType::Int64, Value::Integer(_))
                | (ColumnType::Boolean, Value::Boolean(_))
                | (ColumnType::Date, Value::Date(_))
                | (ColumnType::Timestamp, Value::Time(_))
        ),
    }
}

proptest! {
    #[test]
    fn steps_compile_exactly_if_they_pass_the_check_and_give_the_columns_type(
        kind in any_kind(),
        steps in prop::collection::vec(any_step(), 0..4),
        text in prop_oneof!["\\PC{0,20}", "-?[0-9]{1,12}", "true|false", "2026-11-2[0-9](T12:30:00Z)?", "https://[a-z]{1,8}/"],
        token in "-?(0|[1-9][0-9]{0,14})(\\.[0-9]{1,3})?",
    ) {
        let mut secrets = Secrets::new();
        secrets.insert("pepper".parse().unwrap(), b"sixteen bytes...").unwrap();
        let compiled = Conversion::compile(&kind, &steps, &secrets);
        match (crate::value::check_steps(&kind, &steps), compiled) {
            (Ok(()), Ok(conversion)) => {
                let mut scratch = Scratch::new();
                let scalars = [
                    Scalar::Text(&text), Scalar::Number(&token), Scalar::Boolean(true), Scalar::Array, Scalar::Object,
                ];
                for scalar in scalars {
                    if let Ok(value) = conversion.apply(scalar, 100, &mut scratch) {
                        prop_assert!(is_of(&kind, value), "{:?} {:?} {:?}", kind, steps, value);
                    }
                }
            }
            (Err(problem), Err(error)) => {
                prop_assert_eq!(ConversionError::Step(problem.clone()), error);
                prop_assert!(problem.step < steps.len());
            }
            (check, compiled) => prop_assert!(false, "{:?} {:?}", check, compiled),
        }
    }
}
