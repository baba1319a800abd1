//! What is said, and how a command ends, where it cannot be carried out or the answer is "no".

use std::path::Path;

use super::*;
use world::{World, broken};

/// How a command line ends: its exit code and, where it could not be carried out, what is said and what to do.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Carried(u8),
    Failed(String, String),
    Misused(String),
}

fn end(data: &Path, arguments: &[&str]) -> End {
    let typed = ["iguazu", "--data", data.to_str().unwrap()].into_iter().chain(arguments.iter().copied());
    match Cli::try_parse_from(typed) {
        Err(error) => {
            assert_eq!(error.exit_code(), i32::from(FAILED));
            let said = error.to_string();
            End::Misused(said.lines().next().unwrap_or_default().to_owned())
        }
        Ok(cli) => match carry_out(cli) {
            Ok(code) => End::Carried(if code == ExitCode::SUCCESS { 0 } else { u8::from(code == ExitCode::from(NO)) }),
            Err(error) => {
                let help = error.help().map(|help| help.to_string()).unwrap_or_default();
                End::Failed(error.to_string(), help)
            }
        },
    }
}

#[test]
fn every_command_line_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_teaches_by_examples() {
    let mut cli = Cli::command();
    cli.build();
    for command in ["query", "tap"] {
        let help = cli.find_subcommand(command).unwrap().clone().render_long_help().to_string();
        assert!(help.contains("Examples:\n"), "{command}: {help}");
    }
    for group in ["contract", "quarantine"] {
        for command in cli.find_subcommand(group).unwrap().get_subcommands().filter(|of| of.get_name() != "help") {
            let help = command.clone().render_long_help().to_string();
            assert!(help.contains("Examples:\n"), "{group} {}: {help}", command.get_name());
        }
    }
}

#[test]
fn a_command_that_is_not_said_rightly_says_what_is_missing() {
    let data = Path::new("nowhere");
    for (arguments, expected) in [
        (&["contract", "check"][..], "error: the following required arguments were not provided:"),
        (&["contract", "infer", "samples"], "error: the following required arguments were not provided:"),
        (
            &["contract", "infer", "--table", "No!", "-"],
            "error: invalid value 'No!' for '--table <NAME>': not a table name: the character at position 0 is not allowed; expected a lower-case letter, then up to 63 of [a-z0-9_]",
        ),
        (&["quarantine", "replay"], "error: the following required arguments were not provided:"),
        (&["query", "--csv", "--json", "SELECT 1"], "error: the argument '--csv' cannot be used with '--json'"),
        (&["query", "--csv", "--athena"], "error: the argument '--csv' cannot be used with '--athena'"),
        (&["tap", "--refused", "--accepted"], "error: the argument '--refused' cannot be used with '--accepted'"),
        (&["tap", "--from", "yesterday"], "error: invalid value 'yesterday' for '--from <FROM>'"),
    ] {
        assert_eq!(end(data, arguments), End::Misused(expected.to_owned()), "{arguments:?}");
    }
}

#[test]
fn a_folder_without_a_pipeline_says_how_to_get_one() {
    let missing =
        "there is no data folder nowhere; `iguazu up --data nowhere` makes one, or name another one by --data";
    for arguments in [
        &["query", "SELECT 1"][..],
        &["query", "--show-views"],
        &["query", "--athena"],
        &["quarantine", "list"],
        &["quarantine", "show", "a/b/1/0"],
        &["quarantine", "replay", "--where", "reason=filtered"],
        &["tap"],
    ] {
        assert_eq!(
            end(Path::new("nowhere"), arguments),
            End::Failed(missing.to_owned(), String::new()),
            "{arguments:?}"
        );
    }
    let empty = tempfile::tempdir().unwrap();
    let path = empty.path().display();
    let End::Failed(said, help) = end(empty.path(), &["tap"]) else { panic!("an empty folder has no stream") };
    assert_eq!(said, format!("{path} has no stream: there is no {path}/stream.sqlite"));
    assert_eq!(help, format!("`iguazu up --data {path}` makes one, or name another folder by --data"));
}

#[test]
fn what_cannot_be_read_is_said_with_what_to_do() {
    let world = World::with(&[broken(1)]);
    let folder = world.folder.path();
    let failed = |said: &str, help: &str| End::Failed(said.to_owned(), help.to_owned());
    for (arguments, expected) in [
        (
            &["quarantine", "list", "--where", "raeson=x"][..],
            failed(
                "--where \"raeson=x\" is no condition: there is no field \"raeson\"",
                "the fields are reason, table, contract, stream, shard, sequence, path, found, arrival",
            ),
        ),
        (
            &["quarantine", "show", "1"],
            failed(
                "\"1\" is no id of a row of quarantine",
                "write STREAM/SHARD/SEQUENCE/SUB, as `iguazu quarantine list --rows` prints it",
            ),
        ),
        (
            &["query", "--duckdb", "no/such/duckdb", "SELECT 1"],
            failed(
                "there is no DuckDB at no/such/duckdb",
                "name the program itself by --duckdb or IGUAZU_DUCKDB, or leave both out to have it looked for",
            ),
        ),
        (
            &["query", "--athena", "--root", "file:///tmp"],
            failed(
                "the lake's root is written s3://bucket or s3://bucket/prefix, with characters of [a-zA-Z0-9_.=/-]",
                "for example --database lake --root s3://my-lake/prod --years 2024-2030",
            ),
        ),
        (
            &["contract", "check", "no/such.toml"],
            failed(
                "no/such.toml: cannot be read: No such file or directory (os error 2)",
                "name the file of a contract, <table>.toml, or a folder of them",
            ),
        ),
    ] {
        assert_eq!(end(folder, arguments), expected, "{arguments:?}");
    }
}

#[test]
fn a_damaged_contract_is_shown_by_whoever_meets_it() {
    let world = World::with(&[]);
    let file = world.folder.contracts().join("orders.toml");
    std::fs::write(&file, "table = \"orders\"\nversion = 0\n").unwrap();
    let path = file.to_str().unwrap();
    for arguments in [&["query", "SELECT 1"][..], &["quarantine", "list"], &["tap"]] {
        let End::Failed(said, _) = end(world.folder.path(), arguments) else { panic!("{arguments:?} took it") };
        let expected = format!("the contracts in {} have ", world.folder.contracts().display());
        assert!(said.starts_with(&expected) && said.contains(":2:11: version: "), "{arguments:?}: {said}");
    }
    for arguments in [&["contract", "docs", path][..], &["contract", "ddl", path], &["contract", "diff", path, path]] {
        let End::Failed(said, help) = end(world.folder.path(), arguments) else { panic!("{arguments:?} took it") };
        assert_eq!(said, format!("2 problems in {path}"), "{arguments:?}");
        assert_eq!(help, "`iguazu contract check` tells the same; docs/CONTRACTS.md is the reference");
    }
    assert_eq!(end(world.folder.path(), &["contract", "check", path]), End::Carried(NO));
    assert_eq!(end(world.folder.path(), &["contract", "check", path, "--json"]), End::Carried(NO));
}

#[test]
fn a_file_of_quarantine_that_is_damaged_or_gone_is_not_decoded() {
    let world = World::with(&[broken(1)]);
    let files = world.run(crate::cli::quarantine::files(&world.ledger)).unwrap();
    let key = files[0].key.clone();
    let path = world.folder.lake().join(key.as_str());
    let failure = || match end(world.folder.path(), &["quarantine", "list"]) {
        End::Failed(said, help) => (said, help),
        other => panic!("{other:?}"),
    };
    std::fs::write(&path, b"PAR1").unwrap();
    let (said, help) = failure();
    assert!(said.starts_with(&format!("{key} is not as it was committed: its SHA-256 is ")), "{said}");
    assert_eq!(help, "`iguazu verify` tells what else is not as it was committed");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(failure().0, format!("{key} is gone, and the ledger names it"));
}

#[test]
fn whether_a_contract_may_follow_is_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let old = write("old.toml", world::CONTRACT.to_owned());
    let mended = world::MENDED.iter().fold(world::CONTRACT.to_owned(), |text, (from, to)| text.replace(from, to));
    let mended = write("mended.toml", mended);
    let stepped =
        world::CONTRACT.replace("version = 1", "version = 2").replace("required = true", "steps = [\"cast\"]");
    let stepped = write("stepped.toml", stepped);
    assert_eq!(end(folder.path(), &["contract", "diff", &old, &mended]), End::Carried(0));
    assert_eq!(end(folder.path(), &["contract", "diff", &old, &stepped]), End::Carried(NO), "steps are what rows mean");
    assert_eq!(end(folder.path(), &["contract", "diff", "--json", &mended, &old]), End::Carried(NO));
}

#[test]
fn commands_that_find_nothing_succeed() {
    let world = World::with(&[]);
    for arguments in [
        &["quarantine", "list"][..],
        &["quarantine", "list", "--rows"],
        &["quarantine", "list", "--json"],
        &["quarantine", "replay", "--where", "reason=filtered"],
        &["query", "--show-views"],
        &["query", "--athena", "--database", "lake", "--root", "s3://my-lake", "SELECT 1"],
    ] {
        assert_eq!(end(world.folder.path(), arguments), End::Carried(0), "{arguments:?}");
    }
}
