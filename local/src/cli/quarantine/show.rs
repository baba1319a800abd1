//! `iguazu quarantine show`: one row, whole.

use std::process::ExitCode;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use iguazu_lake::ports::{Ledger, Objects};
use miette::miette;
use serde_json::json;

use super::rows::{Row, RowId};
use super::store;
use crate::cli::present::{legible, say, say_json, shown};
use crate::cli::{Answer, Common, lake};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
The row is named by the id that `quarantine list --rows` prints, or by its four parts. The payload is printed as text,
or in hexadecimal digits where it is none; with --json it is in Base64 as well.

Examples:
  iguazu quarantine show orders.1767225600000/shardId-000000000000/49590338271490256608/0
  iguazu quarantine show orders shardId-000000000000 49590338271490256608 0")]
pub struct Args {
    /// STREAM/SHARD/SEQUENCE/SUB, or these four one by one.
    #[arg(required = true, num_args = 1..=4, value_name = "ID")]
    id: Vec<String>,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let id: RowId = args.id.join("/").parse()?;
    let opened = lake::open(&common.folder)?;
    let row = lake::block_on(find(&opened.objects, &opened.ledger, &id))??;
    if common.json { say_json(&as_json(&row)) } else { say(&as_text(&row)) }.map(|_| ExitCode::SUCCESS)
}

async fn find<O: Objects, L: Ledger>(objects: &O, ledger: &L, id: &RowId) -> miette::Result<Row> {
    for file in store::files(ledger).await? {
        let found = store::rows(objects, &file).await?.into_iter().find(|row| id.names(row));
        if let Some(row) = found {
            return Ok(row);
        }
    }
    Err(miette!(help = "`iguazu quarantine list --rows` lists the ids", "no row of quarantine is called {id}"))
}

fn as_json(row: &Row) -> serde_json::Value {
    json!({
        "id": row.id().to_string(),
        "reason": row.reason,
        "detail": row.detail,
        "arrival": row.arrival.to_string(),
        "stream": row.stream,
        "shard": row.shard,
        "sequence": row.sequence,
        "sub": row.sub,
        "contract": row.contract,
        "contract_version": row.contract_version,
        "path": row.path,
        "found": row.found,
        "payload": std::str::from_utf8(&row.payload).ok(),
        "payload_base64": STANDARD.encode(&row.payload),
    })
}

fn as_text(row: &Row) -> String {
    let judged = row.contract.as_ref().map_or_else(
        || "none was asked".to_owned(),
        |contract| format!("{contract}, version {}", row.contract_version),
    );
    let lines = [
        ("reason", row.reason.clone()),
        ("detail", shown(&row.detail).into_owned()),
        ("contract", judged),
        ("path", shown(row.path.as_deref().unwrap_or("-")).into_owned()),
        ("found", row.found.clone().unwrap_or_else(|| "-".to_owned())),
        ("arrival", row.arrival.to_string()),
        ("stream", row.stream.clone()),
        ("shard", row.shard.clone()),
        ("sequence", row.sequence.clone()),
        ("sub", row.sub.to_string()),
        ("payload", format!("{} bytes", row.payload.len())),
    ];
    let lines: String = lines.iter().map(|(name, value)| format!("{name:<9} {value}\n")).collect();
    format!("{lines}\n{}\n", legible(&row.payload))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::world::{World, broken, damaged};

    #[test]
    fn a_row_is_shown_whole_by_its_id_or_its_parts() {
        let world = World::with(&[broken(1), damaged(2)]);
        for id in ["orders.7/shardId-000000000000/1/0", "orders/shardId-000000000000/1/0"] {
            let row = world.run(find(&world.objects, &world.ledger, &id.parse().unwrap())).unwrap();
            let text = as_text(&row);
            for part in [
                "reason    column_missing",
                "contract  orders, version 1",
                "path      /amount",
                "sequence  1",
                "\"total\":1.5",
            ] {
                assert!(text.contains(part), "{part} is not in\n{text}");
            }
            assert_eq!(as_json(&row)["payload"], String::from_utf8(broken(1).1).unwrap());
        }
    }

    #[test]
    fn a_payload_that_is_no_text_is_shown_in_digits() {
        let world = World::with(&[damaged(2)]);
        let id = "orders/shardId-000000000000/2/0".parse().unwrap();
        let row = world.run(find(&world.objects, &world.ledger, &id)).unwrap();
        assert!(as_text(&row).contains("00000000  7b ff"), "{}", as_text(&row));
        assert_eq!((&as_json(&row)["payload"], &as_json(&row)["payload_base64"]), (&json!(null), &json!("e/8=")));
    }

    #[test]
    fn a_row_that_is_not_there_is_said_to_be_missing() {
        let world = World::with(&[]);
        let id = "orders/shardId-000000000000/9/0".parse().unwrap();
        let error = world.run(find(&world.objects, &world.ledger, &id)).unwrap_err();
        assert_eq!(error.to_string(), "no row of quarantine is called orders/shardId-000000000000/9/0");
        assert_eq!(error.help().unwrap().to_string(), "`iguazu quarantine list --rows` lists the ids");
    }
}
