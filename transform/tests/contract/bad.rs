//! Every problem that a contract can have, with the exact words in which it is told: `tests/golden/contract.problems`.
//!
//! The file holds cases: a title behind `===`, the text of a contract, `---`, and the problems, a line each. A text
//! without a table gets [`HEAD`] in front, so that lines count from 4 on.

use crate::support::problems;

const HEAD: &str = "table = \"t\"\nversion = 1\ntypes = [\"a\"]\n";
const CASES: &str = include_str!("../golden/contract.problems");

/// Titles, texts and problems.
fn cases() -> Vec<(&'static str, &'static str, &'static str)> {
    let mut cases = Vec::new();
    for case in CASES.split("=== ").skip(1) {
        let (title, rest) = case.split_once('\n').unwrap();
        let (text, problems) = rest.split_once("---\n").unwrap();
        cases.push((title, text, problems));
    }
    cases
}

fn found(text: &str) -> String {
    let whole = if text.contains("table =") { text.to_owned() } else { format!("{HEAD}{text}") };
    problems(&whole).iter().map(|problem| format!("{problem}\n")).collect()
}

#[test]
fn every_problem_is_told_in_these_words() {
    for (title, text, expected) in cases() {
        assert_eq!(found(text), expected, "{title}");
        assert!(!expected.is_empty(), "{title}: nothing is wrong");
    }
}

/// Writes the problems of the cases into their file; run by hand, and read what changed.
#[test]
#[ignore = "it writes into the source tree"]
fn write_the_problems() {
    let mut all = String::new();
    for (title, text, _) in cases() {
        all += &format!("=== {title}\n{text}---\n{}", found(text));
    }
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/contract.problems"), all).unwrap();
}

#[test]
fn more_problems_than_anyone_reads_are_counted() {
    let text = format!("{HEAD}{}", (0..250).map(|at| format!("x{at} = 1\n")).collect::<String>());
    let problems = problems(&text);
    assert_eq!(problems.len(), 101);
    assert_eq!(problems[100], "and 150 more");
}

#[test]
fn what_is_too_much_is_refused() {
    let many = |table: &str, count: usize| format!("{HEAD}{}", format!("[[{table}]]\n").repeat(count));
    let last = |text: &str| problems(text).pop().unwrap();
    assert_eq!(last(&many("column", 1001)), "c.toml:4:1: column: it has 1001 elements, the limit is 1000");
    assert_eq!(last(&many("filter", 101)), "c.toml:4:1: filter: it has 101 elements, the limit is 100");
    assert_eq!(last(&many("rollup", 51)), "c.toml:4:1: rollup: it has 51 elements, the limit is 50");
    let long = format!("{HEAD}#{}", "x".repeat(1 << 20));
    assert_eq!(last(&long), "c.toml:1:1: the contract has 1048615 bytes, the limit is 1048576");
    let description = format!("{HEAD}description = \"{}\"", "x".repeat(10_001));
    assert_eq!(last(&description), "c.toml:4:15: description: it has 10001 bytes, the limit is 10000");
}
