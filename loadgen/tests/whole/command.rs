//! The program itself: what it writes, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

use iguazu_loadgen::workload::shop;

use crate::kinesis::{Fake, Fault};

fn loadgen(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen")).current_dir(folder).args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    // Lines are wrapped to the width of a terminal.
    let text = String::from_utf8_lossy(&output.stderr).replace(['|', '\n'], " ");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_contracts_of_the_workload_are_written_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let output = loadgen(folder.path(), &["contracts", "of/shop"]);
    assert_eq!(output.status.code(), Some(0));
    for (file, text) in shop::contracts() {
        assert_eq!(std::fs::read_to_string(folder.path().join("of/shop").join(file)).unwrap(), text);
    }
}

#[test]
fn what_cannot_be_carried_out_ends_with_2_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["verify", "--data", "nowhere"][..], "name the folder that `loadgen run` wrote with --run"),
        (&["run", "--data", "nowhere"], "start `iguazu up` first"),
        (&["run", "--events", "1", "--kpl", "0.6", "--gzip", "0.6"], "come to more than 1"),
        (&["run", "--events", "1", "--malformed", "0.95"], "the limit is 0.9"),
        (&["run", "--events", "1", "--contracts", "nowhere"], "nowhere: cannot be read"),
        (&["run", "--events", "1", "--again", "3"], "expected a share from 0 to 1"),
    ] {
        let output = loadgen(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(said(&output).contains(expected), "{arguments:?}: {}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_reads_the_answer_may_leave_before_it_comes() {
    let folder = tempfile::tempdir().unwrap();
    let endpoint = Fake::new(1, &[]).start().await;
    let run = ["run", "--endpoint", &endpoint, "--events", "50", "--rate", "100000"];
    for arguments in [&["contracts"][..], &run, &["report"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
        let output = command.current_dir(folder.path()).args(arguments).stdout(writer).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", said(&output));
        assert!(!said(&output).contains("panicked"), "{arguments:?}: {}", said(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_leaves_its_files_and_is_not_replaced_by_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let fake = Fake::new(2, &[(1, Fault::FailedInPart)]);
    let endpoint = fake.start().await;
    let arguments = ["run", "--endpoint", &endpoint, "--events", "500", "--rate", "100000"];
    let output = loadgen(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for file in ["run.json", "acks.bin", "report.json", "report.html"] {
        assert!(folder.path().join("loadgen-run").join(file).is_file(), "{file}");
    }
    let output = loadgen(folder.path(), &arguments);
    assert!(output.status.code() == Some(2) && said(&output).contains("--overwrite"), "{}", said(&output));
    let output = loadgen(folder.path(), &["report"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
