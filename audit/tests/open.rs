//! What is said of data folders that cannot be opened.

#![expect(clippy::unwrap_used, reason = "these are tests: a panic is a finding")]

use std::fs;

use iguazu_audit::{Folder, OpenError, catalog, open};
use iguazu_lake::adapters::embedded::{DiskObjects, SqliteLedger};

const HASHED: &str = r#"
table = "people"
version = 1
types = ["*"]

[[column]]
name = "email"
path = "/email"
type = "string"
steps = [{ hmac_sha256 = "pepper" }]
"#;

fn made() -> (tempfile::TempDir, Folder) {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path().join("data"));
    DiskObjects::open(folder.lake()).unwrap();
    SqliteLedger::open(folder.ledger()).unwrap();
    (place, folder)
}

#[test]
fn a_folder_that_is_not_there_is_not_made_and_the_error_says_who_makes_one() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path().join("data"));
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::NoFolder { .. }));
    assert!(error.to_string().contains("`iguazu up --data"), "{error}");
    assert!(!folder.path().exists());
}

#[test]
fn a_folder_of_something_else_holds_no_pipeline() {
    let place = tempfile::tempdir().unwrap();
    let folder = Folder::at(place.path());
    let error = open(&folder).unwrap_err();
    assert!(matches!(error, OpenError::NoPipeline { missing: "ledger.sqlite", .. }), "{error}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn without_contracts_the_built_in_one_is_in_force() {
    let (_place, folder) = made();
    let (_, _, contracts) = open(&folder).unwrap();
    let tables: Vec<_> = contracts.iter().map(|contract| contract.table.to_string()).collect();
    assert_eq!(tables, ["events"]);
}

#[test]
fn every_problem_of_damaged_contracts_is_told_with_its_file() {
    let (_place, folder) = made();
    fs::create_dir(folder.contracts()).unwrap();
    fs::write(folder.contracts().join("a.toml"), "table = 7").unwrap();
    fs::write(folder.contracts().join("b.toml"), "= nothing").unwrap();
    let text = open(&folder).unwrap_err().to_string();
    assert!(text.contains("a.toml") && text.contains("b.toml"), "{text}");
}

#[test]
fn who_reads_needs_no_secret_and_who_decodes_is_told_which_one_is_missing() {
    let (_place, folder) = made();
    fs::create_dir(folder.contracts()).unwrap();
    fs::write(folder.contracts().join("people.toml"), HASHED).unwrap();
    assert_eq!(open(&folder).unwrap().2.len(), 1);
    let error = catalog(&folder, &[]).unwrap_err().to_string();
    assert!(error.contains("IGUAZU_SECRET_PEPPER"), "{error}");
    let variables = [
        ("IGUAZU_SECRET_PEPPER".to_owned(), "sixteen bytes and more".to_owned()),
        ("IGUAZU_DATA".to_owned(), "elsewhere".to_owned()),
    ];
    assert_eq!(catalog(&folder, &variables).unwrap().tables().len(), 1);
}
