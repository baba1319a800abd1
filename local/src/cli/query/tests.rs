//! What DuckDB says of a lake that was really ingested and compacted. It is installed by `make duckdb`.

use super::*;
use crate::cli::world::{World, broken, damaged, event};

fn program() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv-duckdb/bin/duckdb");
    assert!(installed.is_file(), "these tests ask DuckDB: install it by `make duckdb`");
    installed
}

/// A lake with two events, one of them delivered twice, and two records that were refused.
fn world() -> World {
    let good = |n: u64, of: u64, amount: &str| (n, event(of, amount).into_bytes());
    World::with(&[good(1, 1, "1.10"), good(2, 2, "2.25"), good(3, 1, "1.10"), broken(4), damaged(5)])
}

fn asked(world: &World, sql: &str, format: Format) -> (bool, String, String) {
    let opened = lake::open(&world.folder).unwrap();
    let root = absolute(&world.folder.lake()).unwrap();
    let files = world.run(files(&opened.objects, &opened.ledger, &opened.contracts, &root)).unwrap();
    let session = Session::new(&program(), &views::script(&views(&files)), Some(sql), format).unwrap();
    world.run(session.output())
}

fn answer(world: &World, sql: &str) -> String {
    let (succeeded, answer, complaint) = asked(world, sql, Format::Csv);
    assert!(succeeded, "{complaint}");
    answer
}

#[test]
fn every_view_answers_with_what_is_in_the_lake() {
    let world = world();
    world.compact();
    for (sql, expected) in [
        (
            "SELECT amount, event_time FROM orders ORDER BY 1",
            "amount,event_time\n1.10,2026-11-21 12:00:00+00\n2.25,2026-11-21 12:00:00+00\n",
        ),
        ("SELECT count(*) AS n FROM orders_raw", "n\n3\n"),
        (
            "SELECT * FROM orders_hourly",
            "window_start,event_type,count,sum_amount\n2026-11-21 12:00:00+00,order.placed,2,3.35\n",
        ),
        ("SELECT reason, path FROM quarantine ORDER BY 1", "reason,path\ncolumn_missing,/amount\nnot_utf8,NULL\n"),
    ] {
        assert_eq!(answer(&world, sql), expected, "{sql}");
    }
}

#[test]
fn the_sums_of_a_roll_up_are_those_of_its_table() {
    let world = world();
    for n in 10..20 {
        // A version for each, so that the roll-up has several files.
        world.ingest("orders", &[(n, event(n, &format!("{n}.01")).into_bytes())]);
        world.compact();
    }
    let sums = "SELECT date_trunc('hour', event_time) AS window_start, event_type, count(*) AS \"count\", sum(amount) AS sum_amount FROM orders GROUP BY ALL";
    assert_eq!(answer(&world, "SELECT * FROM orders_hourly"), answer(&world, sums));
}

#[test]
fn a_table_that_has_nothing_has_its_columns_all_the_same() {
    let world = World::with(&[]);
    assert_eq!(answer(&world, "SELECT count(amount) AS n, sum(amount) AS s FROM orders"), "n,s\n0,NULL\n");
    assert_eq!(answer(&world, "SELECT event_type, sum_amount FROM orders_hourly"), "event_type,sum_amount\n");
    assert_eq!(answer(&world, "SELECT count(payload) AS n FROM quarantine"), "n\n0\n");
    let described =
        answer(&world, "SELECT column_type FROM (DESCRIBE orders) WHERE column_name IN ('amount', 'event_time')");
    assert_eq!(described, "column_type\nTIMESTAMP WITH TIME ZONE\n\"DECIMAL(18,2)\"\n");
}

#[test]
fn answers_are_json_if_asked_for_and_a_wrong_question_fails() {
    let world = world();
    world.compact();
    let (succeeded, answer, _) = asked(&world, "SELECT amount FROM orders ORDER BY 1", Format::Json);
    let expected = json!([{ "amount": "1.10" }, { "amount": "2.25" }]);
    assert_eq!((succeeded, serde_json::from_str::<serde_json::Value>(&answer).unwrap()), (true, expected));
    let (succeeded, answer, complaint) = asked(&world, "SELECT nothing FROM orders", Format::Table);
    assert_eq!((succeeded, answer.as_str()), (false, ""));
    assert!(complaint.contains("nothing"), "{complaint}");
}

#[test]
fn columns_of_a_newer_contract_are_null_in_older_files() {
    let world = world();
    world.compact();
    let newer = crate::cli::world::CONTRACT.replace("version = 1", "version = 2").replace(
        "[[rollup]]\nname = \"hourly\"",
        "[[column]]\nname = \"note\"\npath = \"/note\"\ntype = \"string\"\n\n[[rollup]]\nname = \"daily\"\nwindow = \"day\"\n\n[[rollup]]\nname = \"hourly\"",
    );
    std::fs::write(world.folder.contracts().join("orders.toml"), newer).unwrap();
    assert_eq!(answer(&world, "SELECT count(*) AS n, count(note) AS notes FROM orders"), "n,notes\n2,0\n");
    let opened = lake::open(&world.folder).unwrap();
    let files = world.run(files(&opened.objects, &opened.ledger, &opened.contracts, Path::new("/lake"))).unwrap();
    assert_eq!(files.incomplete(), [("orders_daily".to_owned(), 1)], "a new roll-up says nothing of older files");
}

#[test]
fn a_snapshot_of_which_a_part_is_missing_is_not_asked() {
    let world = world();
    world.compact();
    let state = world.folder.lake().join("state/orders");
    std::fs::remove_dir_all(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    let opened = lake::open(&world.folder).unwrap();
    let error = world.run(files(&opened.objects, &opened.ledger, &opened.contracts, Path::new("/lake"))).unwrap_err();
    assert!(error.to_string().starts_with("the snapshot of the table orders cannot be read whole: "), "{error}");
}
