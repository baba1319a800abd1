//! `iguazu top`: the status, again and again.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use iguazu_lake::adapters::system::SystemHost;
use iguazu_lake::host::Host;
use miette::IntoDiagnostic;

use super::{Answer, Common, lake, progress, status};

/// Moves to the corner of a terminal; what is left there is cleared line by line, so that nothing flickers.
const CORNER: &str = "\x1b[H";
const REST_OF_LINE: &str = "\x1b[K\n";
const BELOW: &str = "\x1b[J";

/// Shows the status again and again, until Ctrl-C: what was delivered, accepted, refused and compacted, and how far
/// everything is behind. With --json, a line for each look.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  iguazu top\n  iguazu top --every 5s\n  iguazu top --json --times 1")]
pub struct Args {
    /// From one look to the next.
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration, value_name = "TIME")]
    every: Duration,
    /// How often to look; without it, until Ctrl-C.
    #[arg(long, value_name = "N")]
    times: Option<u64>,
}

pub fn run(common: &Common, args: Args) -> Answer {
    let mut out = std::io::stdout();
    let mut looks = 0;
    loop {
        let read = status::read(common)?;
        let mapping = progress::read(&common.folder)?;
        let text = status::shown_with(&read, &mapping, common.json)?;
        let text = if common.json { one_line(&text)? } else { framed(&text, out.is_terminal()) };
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        if written.is_err() {
            // Whoever read it has seen enough.
            return Ok(ExitCode::SUCCESS);
        }
        looks += 1;
        if args.times.is_some_and(|times| looks >= times) {
            return Ok(ExitCode::SUCCESS);
        }
        lake::block_on(SystemHost.sleep(args.every))?;
    }
}

fn one_line(text: &str) -> miette::Result<String> {
    let value: serde_json::Value = serde_json::from_str(text).into_diagnostic()?;
    Ok(format!("{value}\n"))
}

/// The status under the time; in a terminal, in the place of the one before.
fn framed(text: &str, terminal: bool) -> String {
    let text = format!("{}\n\n{text}", SystemHost.now());
    if !terminal {
        return format!("{text}\n");
    }
    let lines: String = text.lines().flat_map(|line| [line, REST_OF_LINE]).collect();
    format!("{CORNER}{lines}{BELOW}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_is_overwritten_and_a_file_goes_on() {
        assert!(framed("a\nb\n", true).starts_with(CORNER) && framed("a\nb\n", true).ends_with(BELOW));
        assert!(!framed("a\nb\n", false).contains('\x1b'));
    }

    #[test]
    fn for_programs_each_look_is_a_line() {
        assert_eq!(one_line("{\n  \"a\": [1,\n 2]\n}").unwrap(), "{\"a\":[1,2]}\n");
    }
}
