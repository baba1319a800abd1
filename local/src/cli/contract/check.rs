//! `iguazu contract check`: everything that is wrong, where, and what was meant.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::source::{self, File, Reading};
use crate::cli::present::{counted, say, say_json};
use crate::cli::{Answer, Common, NO};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
All contracts that are given are also taken together, as those of one deployment: no two may describe one table, take
the same type of event, or take what no other takes. Secrets need not be set. The exit code is 1 where something is
wrong.

Examples:
  iguazu contract check contracts/
  iguazu contract check contracts/orders.toml --json")]
pub struct Args {
    /// Contracts, or folders of contracts.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let files = source::files(&args.paths)?;
    let checked = check(&files);
    if common.json {
        say_json(&checked.as_json())?;
    } else {
        say(&checked.as_text(&files, std::io::stdout().is_terminal()))?;
    }
    Ok(ExitCode::from(if checked.is_sound() { 0 } else { NO }))
}

/// What a check came to.
#[derive(Debug)]
struct Checked {
    reading: Reading,
    contradiction: Option<String>,
}

fn check(files: &[File]) -> Checked {
    let reading = source::read(files);
    let together = if reading.sound.is_empty() { None } else { source::together(&reading.sound).err() };
    Checked { contradiction: together.as_ref().map(source::contradiction), reading }
}

impl Checked {
    fn is_sound(&self) -> bool {
        self.reading.problems.is_empty() && self.contradiction.is_none()
    }

    fn as_text(&self, files: &[File], colours: bool) -> String {
        let mut text = String::new();
        for problem in &self.reading.problems {
            text.push_str(&source::excerpt(problem, files).render(colours));
            text.push('\n');
        }
        if self.reading.more > 0 {
            text.push_str(&format!("and {} more\n", counted(self.reading.more as u64, "problem", "problems")));
        }
        text.extend(self.contradiction.iter().map(|problem| format!("{problem}\n")));
        for sound in &self.reading.sound {
            let of = &sound.contract;
            let columns = counted(of.columns.len() as u64, "column", "columns");
            text.push_str(&format!("{}: table {}, version {}, {columns}: sound\n", sound.file, of.table, of.version));
        }
        text
    }

    fn as_json(&self) -> serde_json::Value {
        let contracts = self.reading.sound.iter().map(|sound| {
            let of = &sound.contract;
            json!({ "file": sound.file, "table": of.table.to_string(), "version": of.version })
        });
        let problems = self.reading.problems.iter().map(|problem| {
            json!({
                "file": problem.file,
                "line": problem.line,
                "column": problem.column,
                "field": problem.field,
                "problem": problem.problem,
                "expected": problem.expected,
                "suggestion": problem.suggestion,
            })
        });
        json!({
            "sound": self.is_sound(),
            "contracts": contracts.collect::<Vec<_>>(),
            "problems": problems.collect::<Vec<_>>(),
            "more_problems": self.reading.more,
            "contradiction": self.contradiction,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        File { name: name.to_owned(), text: text.to_owned() }
    }

    const ORDERS: &str = "table = \"orders\"\nversion = 1\ntypes = [\"order.*\"]\n";

    #[test]
    fn every_problem_is_shown_where_it_is() {
        let text =
            format!("{ORDERS}\n[[column]]\nname = \"amount\"\npath = \"/amount\"\ntype = \"strng\"\nrequird = true\n");
        let files = [file("orders.toml", &text), file("others.toml", "table = 1\n")];
        let checked = check(&files);
        assert!(!checked.is_sound());
        let shown = checked.as_text(&files, false);
        for part in [
            "orders.toml:8:",
            "type = \"strng\"",
            "did you mean `string`?",
            "orders.toml:9:1",
            "did you mean `required`?",
            "others.toml:1:",
        ] {
            assert!(shown.contains(part), "{part} is not in\n{shown}");
        }
        let json = checked.as_json();
        assert_eq!((&json["problems"][0]["line"], &json["problems"][0]["file"]), (&json!(8), &json!("orders.toml")));
    }

    #[test]
    fn contracts_are_also_taken_together() {
        let files =
            [file("a.toml", ORDERS), file("b.toml", &ORDERS.replace("table = \"orders\"", "table = \"sales\""))];
        let checked = check(&files);
        let expected = "the contracts do not fit together: the tables orders and sales both take events of the type \
                        order.*; an event belongs to one table";
        assert_eq!((checked.is_sound(), checked.contradiction.as_deref()), (false, Some(expected)));
        let apart = check(&files[..1]);
        assert!(apart.is_sound());
        assert_eq!(apart.as_text(&files, false), "a.toml: table orders, version 1, 0 columns: sound\n");
    }

    #[test]
    fn secrets_need_not_be_set() {
        let text = format!(
            "{ORDERS}\n[[column]]\nname = \"k\"\npath = \"/k\"\ntype = \"string\"\nsteps = [{{ hmac_sha256 = \"s\" }}]\n"
        );
        assert!(check(&[file("orders.toml", &text)]).is_sound());
    }
}
