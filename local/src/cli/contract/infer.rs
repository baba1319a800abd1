//! `iguazu contract infer`: a draft from samples.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use iguazu_lake::ids::TableName;
use iguazu_transform::contract::infer;
use miette::{IntoDiagnostic, miette};
use serde_json::json;
use serde_json::value::RawValue;

use crate::cli::present::{say, say_json};
use crate::cli::{Answer, Common};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
A file holds one JSON object after the other: one, one per line, or several, however they are laid out. Each column has
the narrowest type that holds every sample exactly. Read the draft before you use it: it knows what the samples hold,
and not what they mean.

Examples:
  iguazu contract infer --table orders samples/*.json > contracts/orders.toml
  zcat events.ndjson.gz | head -1000 | iguazu contract infer --table orders -")]
pub struct Args {
    /// The table that the contract is to describe.
    #[arg(long, value_name = "NAME")]
    table: TableName,
    /// Files of sample events; - is standard input.
    #[arg(required = true, value_name = "SAMPLES")]
    samples: Vec<PathBuf>,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let mut texts = Vec::new();
    for path in &args.samples {
        texts.push((path.display().to_string(), text(path)?));
    }
    let draft = draft(&args.table, &texts)?;
    if common.json {
        say_json(&json!({ "table": args.table.to_string(), "contract": draft }))?;
    } else {
        say(&draft)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn text(path: &Path) -> miette::Result<String> {
    let read = if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let help = "samples are JSON in UTF-8, one object after the other";
    read.map_err(|error| miette!(help = help, "{}: cannot be read: {error}", path.display()))
}

/// The text of a contract by the samples of some files.
fn draft(table: &TableName, texts: &[(String, String)]) -> miette::Result<String> {
    let mut samples: Vec<&[u8]> = Vec::new();
    for (file, text) in texts {
        for sample in serde_json::Deserializer::from_str(text).into_iter::<&RawValue>() {
            let sample = sample.map_err(|error| {
                let (line, column) = (error.line(), error.column());
                let help = "samples are JSON, one object after the other";
                miette!(help = help, "{file}:{line}:{column}: this is not JSON")
            })?;
            samples.push(sample.get().as_bytes());
        }
    }
    Ok(infer(table, &samples).into_diagnostic()?.to_toml())
}

#[cfg(test)]
mod tests {
    use super::*;
    use iguazu_transform::Contract;

    const SAMPLE: &str = r#"{"id":"00000000-0000-4000-8000-000000000001","type":"order.placed","time":"2026-11-21T12:00:00Z","amount":1.50}"#;

    fn of(texts: &[&str]) -> miette::Result<String> {
        let texts: Vec<_> = texts.iter().map(|text| ("samples".to_owned(), (*text).to_owned())).collect();
        draft(&"orders".parse().unwrap(), &texts)
    }

    #[test]
    fn samples_may_be_laid_out_in_any_way() {
        let spread = SAMPLE.replace(',', ",\n  ");
        let alike =
            [of(&[SAMPLE, SAMPLE]), of(&[&format!("{SAMPLE}\n\n{SAMPLE}\n")]), of(&[&format!("{spread}{spread}")])];
        let texts: Vec<_> = alike.into_iter().map(Result::unwrap).collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
        let contract = Contract::parse("draft", &texts[0]).unwrap();
        assert_eq!((contract.table.to_string().as_str(), contract.columns[0].name.as_str()), ("orders", "amount"));
    }

    #[test]
    fn what_is_no_sample_is_said_with_its_place() {
        assert_eq!(of(&["{\"a\":1}\n{\"a\":"]).unwrap_err().to_string(), "samples:2:5: this is not JSON");
        assert_eq!(of(&["\n"]).unwrap_err().to_string(), "there are no samples");
        assert!(of(&["[1]"]).unwrap_err().to_string().starts_with("sample 1 is no JSON object"));
        assert!(of(&["{\"a\":1}"]).unwrap_err().to_string().starts_with("no member of every sample could be the id"));
    }
}
