//! `iguazu contract diff`: whether a new version may follow.

use std::path::PathBuf;
use std::process::ExitCode;

use iguazu_transform::contract::compare::Effect;
use iguazu_transform::contract::{Comparison, compare};
use serde_json::json;

use super::source;
use crate::cli::present::{say, say_json};
use crate::cli::{Answer, Common, NO};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each difference is told with what it does: `same` is noticed by nobody, `adds` gives the table something more, and
`breaks` would make rows, queries or producers of before wrong. The exit code is 1 where NEW may not follow OLD, so that
a build can stop there.

Examples:
  iguazu contract diff orders.toml contracts/orders.toml
  git show main:contracts/orders.toml > /tmp/old.toml && iguazu contract diff /tmp/old.toml contracts/orders.toml")]
pub struct Args {
    /// The version that is in force.
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The version that is to follow it.
    #[arg(value_name = "NEW")]
    new: PathBuf,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let (old, new) = (source::one(&args.old)?, source::one(&args.new)?);
    let comparison = compare(&old, &new);
    if common.json {
        say_json(&as_json(&comparison))?
    } else {
        say(&format!("{comparison}\n"))?
    };
    Ok(ExitCode::from(if comparison.may_follow() { 0 } else { NO }))
}

fn as_json(comparison: &Comparison) -> serde_json::Value {
    let changes = comparison.changes.iter().map(|change| {
        let effect = match change.effect {
            Effect::None => "same",
            Effect::Additive => "adds",
            Effect::Breaking => "breaks",
        };
        json!({ "field": change.field, "effect": effect, "reason": change.reason })
    });
    json!({ "may_follow": comparison.may_follow(), "changes": changes.collect::<Vec<_>>() })
}
