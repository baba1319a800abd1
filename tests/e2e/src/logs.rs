//! What the containers wrote.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What their logs hold.
#[derive(Debug, Default)]
pub struct Logs {
    /// How often each message was logged as an error, by function.
    pub errors: BTreeMap<(String, String), u64>,
    /// Commits of ingest that met another's.
    pub conflicts: u64,
    /// What was written to standard error, a line for each.
    pub stderr: Vec<String>,
}

/// Reads the logs of a folder.
///
/// # Errors
/// Where the folder cannot be read.
pub fn read(folder: &Path) -> std::io::Result<Logs> {
    let mut logs = Logs::default();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let function = name.rsplit_once('-').map_or(name.as_str(), |(function, _)| function);
        if path.extension().is_some_and(|extension| extension == "err") {
            logs.stderr.extend(text.lines().map(|line| format!("{name}: {line}")));
            continue;
        }
        // A process that is killed in the middle of a line leaves half of one.
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .for_each(|line| logs.take(function, &line));
    }
    Ok(logs)
}

impl Logs {
    fn take(&mut self, function: &str, line: &Value) {
        if line["level"] == "ERROR" {
            let message = line["fields"]["message"].as_str().unwrap_or("without a message");
            *self.errors.entry((function.to_owned(), message.to_owned())).or_default() += 1;
        }
        if function == "ingest" && line.get("_aws").is_some() {
            self.conflicts += line["conflicts"].as_u64().unwrap_or(0);
        }
    }
}
