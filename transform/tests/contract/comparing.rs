//! What one version of a contract may change.

use iguazu_transform::contract::compare::Effect;
use iguazu_transform::contract::{Contract, compare};

use crate::support::{ORDERS, parse};

/// What a replacement in the example, made version 4, does: each change as `effect field: reason`.
fn changes(from: &str, to: &str) -> Vec<String> {
    assert!(ORDERS.contains(from), "{from}");
    changed(&parse(ORDERS), &ORDERS.replacen(from, to, 1).replacen("version = 3", "version = 4", 1))
}

fn changed(old: &Contract, text: &str) -> Vec<String> {
    let comparison = compare(old, &parse(text));
    let told = comparison.changes.iter().filter(|change| change.field != "version").map(|change| {
        let effect = match change.effect {
            Effect::None => "same",
            Effect::Additive => "adds",
            Effect::Breaking => "breaks",
        };
        format!("{effect} {}: {}", change.field, change.reason)
    });
    told.collect()
}

const COLUMN: &str = "[[column]]\nname = \"extra\"\npath = \"/extra\"\ntype = \"string\"\n";
const FILTERS: &str = "# Which events the table does not take after all";

#[test]
fn what_may_follow() {
    let column = |more: &str| changes(FILTERS, &format!("{COLUMN}{more}\n{FILTERS}"));
    assert_eq!(column(""), ["adds column \"extra\": is new: rows of before hold null"]);
    assert_eq!(column("default = \"x\""), ["adds column \"extra\": is new: rows of before do not hold its value"]);
    for (from, to, told) in [
        ("Orders of the", "All orders of the", "same description: was reworded"),
        ("\"ISO 4217\"", "\"Three letters\"", "same column \"currency\".description: was reworded"),
        ("\"order.paid\", ", "\"order.paid\", \"x\", ", "adds types: x is new: its events come here from now on"),
        ("default = false\n", "default = true\n", "adds default: the table now takes what no other one takes"),
        (
            "string_bytes = \"64 KiB\"",
            "string_bytes = \"1 MiB\"",
            "adds limits.string_bytes: was 64 KiB, is 1 MiB: more events are taken",
        ),
        (
            "future = \"36 hours\"",
            "future = \"2 days\"",
            "adds limits.future: was 36 hours, is 2 days: more events are taken",
        ),
        (
            "dates_per_batch = 16",
            "dates_per_batch = 8",
            "same limits.dates_per_batch: was 16, is 8: only into how many files a batch is cut",
        ),
        (
            "duplicate_keys = \"reject\"",
            "duplicate_keys = \"last\"",
            "adds duplicate_keys: was reject, is last: more events are taken",
        ),
        (
            "required = true  ",
            "required = false  ",
            "adds column \"order_id\".required: is no longer required: it may hold null",
        ),
        (
            "required = true  ",
            "default = \"-\"  ",
            "adds column \"order_id\".required: is no longer required: it may hold its default",
        ),
        (
            "\"/order/total\"]",
            "\"/order/total\", \"/sum\"]",
            "adds column \"amount\".path: looks in more places, where those of before hold nothing",
        ),
        (
            "[[filter]]\ndrop = { path = \"/test\", present = true }\n",
            "",
            "adds filter: drop = { path = \"/test\", present = true } is gone: more events are taken",
        ),
        (
            "name = \"gifts\"",
            "name = \"gifts\"\ndescription = \"new\"",
            "same rollup \"gifts\".description: was reworded",
        ),
        (
            "[[rollup]]\nname = \"gifts\"",
            "[[rollup]]\nname = \"all\"\nwindow = \"day\"\n[[rollup]]\nname = \"gifts\"",
            "adds rollup \"all\": is new",
        ),
    ] {
        assert_eq!(changes(from, to), [told]);
    }
}

#[test]
fn what_breaks() {
    for (from, to, told) in [
        (
            "table = \"orders\"",
            "table = \"sales\"",
            "table: was orders, is sales: another table has a contract of its own",
        ),
        ("\"order.paid\", ", "", "types: order.paid is gone: its events would go elsewhere from now on"),
        (
            "preset = \"segment\"",
            "id = \"/id\"\nid_namespace = \"ee3ab175-f95c-5476-93de-041fbdcf3fcb\"",
            "envelope.id: was /messageId, is /id: copies of an event would no longer meet in one id",
        ),
        ("preset = \"segment\"", "id = \"/messageId\"", "envelope.id_namespace: ids that are no UUID would be refused"),
        (
            "preset = \"segment\"",
            "preset = \"segment\"\nid_namespace = \"oid\"",
            "envelope.id_namespace: was ee3ab175-f95c-5476-93de-041fbdcf3fcb, is 6ba7b812-9dad-11d1-80b4-00c04fd430c8: copies of an event would no longer meet in one id",
        ),
        (
            "type = \"/event\"",
            "type = \"/type\"",
            "envelope.type: was /event, is /type: producers write it where it was",
        ),
        (
            "time = \"/sentAt\"",
            "time = \"/at\"",
            "envelope.time: was /sentAt, is /at: events of before would fall on other days",
        ),
        (
            "time_format = \"epoch_millis\"",
            "time_format = \"epoch_micros\"",
            "envelope.time_format: was epoch_millis, is epoch_micros: events of before would fall on other days",
        ),
        (
            "unknown_fields = \"keep\"",
            "unknown_fields = \"ignore\"",
            "unknown_fields: was keep, is ignore: the column data is lost",
        ),
        (
            "keep = \"latest\"",
            "keep = \"first\"",
            "keep: was latest, is first: the copies that were given up are gone, so that old and new rows would follow different rules",
        ),
        (
            "partition_by = [\"day\", \"event_type\"]",
            "partition_by = [\"day\"]",
            "partition_by: was day and event_type, is day: the files of before lie in other folders",
        ),
        (
            "event_bytes = \"1 MiB\"",
            "event_bytes = \"1 KiB\"",
            "limits.event_bytes: was 1 MiB, is 1 KiB: events that were taken would be refused",
        ),
        (
            "type = \"int32\"",
            "type = \"int64\"",
            "column \"hour_of_day\".type: was int32, is int64: the files of before hold the old type, and Athena reads every file by the table's",
        ),
        (
            "path = \"/order/id\"",
            "path = \"/id\"",
            "column \"order_id\".path: its values come from elsewhere: those of before mean something else",
        ),
        (
            "constant = \"eu\"",
            "constant = \"us\"",
            "column \"region\".constant: was \"eu\", is \"us\": values of before and after would not mean the same",
        ),
        (
            "default = \"EUR\"",
            "default = \"USD\"",
            "column \"currency\".default: was \"EUR\", is \"USD\": a missing value would mean two things",
        ),
        ("default = \"EUR\"", "", "column \"currency\".default: is gone: rows of before hold \"EUR\" in its place"),
        (
            "path = \"/order/tags\"",
            "path = \"/order/tags\"\nrequired = true",
            "column \"tags\".required: is required now: events that were taken would be refused",
        ),
        (
            "steps = [\"trim\", \"upper\"]",
            "steps = [\"trim\"]",
            "column \"currency\".steps: was [\"trim\", \"upper\"], is [\"trim\"]: values of before and after would not mean the same",
        ),
        (
            "name = \"tags\"",
            "name = \"labels\"",
            "column \"tags\": is gone, and \"labels\" takes its values: rows and queries of before have the old name",
        ),
        (
            "window = \"day\"",
            "window = \"month\"",
            "rollup \"gifts\": was changed: its sums of before are of other groups or measures; give the new one a name of its own",
        ),
        (
            "[[rollup]]\nname = \"gifts\"",
            "[[rollup]]\nname = \"presents\"",
            "rollup \"gifts\": is gone: queries of before ask for it",
        ),
        (
            FILTERS,
            "[[filter]]\nkeep = { path = \"/a\", present = true }\n#",
            "filter: keep = { path = \"/a\", present = true } is new: events that were taken would be refused",
        ),
    ] {
        assert_eq!(changes(from, to).first(), Some(&format!("breaks {told}")));
    }
    let required = changes(FILTERS, &format!("{COLUMN}required = true\n{FILTERS}"));
    assert_eq!(required, ["breaks column \"extra\": is new and required: events that were taken would be refused"]);
    let amid = changes("[[column]]\nname = \"amount\"", &format!("{COLUMN}[[column]]\nname = \"amount\""));
    assert_eq!(amid, ["breaks column \"extra\": is new and stands between those of before: a new column is put last"]);
    let (first, second) = ("[[column]]\nname = \"a\"\npath = \"/a\"\ntype = \"string\"\n", COLUMN);
    let head = "table = \"t\"\nversion = 1\ndefault = true\n";
    let old = parse(&format!("{head}{first}{second}"));
    let swapped = changed(&old, &format!("{}{second}{first}", head.replace('1', "2")));
    assert_eq!(swapped, ["breaks column \"extra\": stands in front of a column that it stood behind"]);
}

#[test]
fn a_pattern_may_take_the_place_of_what_it_covers() {
    assert_eq!(
        changes("\"order.placed\", \"order.paid\", \"order.shipped\", \"order.return.*\"", "\"order.*\""),
        [
            "same types: order.placed is gone, and another pattern covers it",
            "same types: order.paid is gone, and another pattern covers it",
            "same types: order.shipped is gone, and another pattern covers it",
            "same types: order.return.* is gone, and another pattern covers it",
            "adds types: order.* is new: its events come here from now on",
        ]
    );
}

#[test]
fn what_is_ignored_may_not_be_refused_nor_kept_later() {
    let with = |word: &str, version: u32| {
        format!("table = \"t\"\nversion = {version}\ndefault = true\nunknown_fields = \"{word}\"\n")
    };
    let told = |from: &str, to: &str| changed(&parse(&with(from, 1)), &with(to, 2));
    let keep = "the column data would come before the others, and no row of before has it";
    assert_eq!(told("ignore", "keep"), [format!("breaks unknown_fields: was ignore, is keep: {keep}")]);
    let refused = "breaks unknown_fields: was ignore, is quarantine: events that were taken would be refused";
    assert_eq!(told("ignore", "quarantine"), [refused]);
    assert_eq!(told("quarantine", "ignore"), ["adds unknown_fields: was quarantine, is ignore: more events are taken"]);
}

#[test]
fn a_change_is_a_new_version() {
    let orders = parse(ORDERS);
    let with = |version: u32, text: &str| {
        let text = ORDERS.replace("version = 3", &format!("version = {version}")).replace("ISO 4217", text);
        compare(&orders, &parse(&text))
    };
    assert!(with(3, "ISO 4217").may_follow() && with(3, "ISO 4217").changes.is_empty());
    assert!(with(4, "ISO 4217").may_follow());
    assert!(with(9, "other").may_follow());
    assert!(!with(3, "other").may_follow());
    assert!(!with(2, "ISO 4217").may_follow());
}

#[test]
fn a_comparison_reads_well_on_a_terminal() {
    let text = ORDERS
        .replace("version = 3", "version = 4")
        .replace("type = \"int32\"", "type = \"int64\"")
        .replace("ISO 4217", "other")
        .replace(FILTERS, &format!("{COLUMN}{FILTERS}"));
    assert_eq!(
        compare(&parse(ORDERS), &parse(&text)).to_string(),
        "orders: version 3 to 4: may not follow, 1 of 4 changes break\n  \
         same    column \"currency\".description: was reworded\n  \
         breaks  column \"hour_of_day\".type: was int32, is int64: the files of before hold the old type, and Athena reads every file by the table's\n  \
         adds    column \"extra\": is new: rows of before hold null\n  \
         same    version: was 3, is 4"
    );
    assert_eq!(compare(&parse(ORDERS), &parse(ORDERS)).to_string(), "orders: version 3 to 3: nothing changed");
}
