//! How answers look: tables for people, JSON for programs, and an excerpt of the file where a text is wrong.
//!
//! Rules:
//! - Whoever reads standard output may close it when they have seen enough; that is no error.
//! - What events say is shown without its control characters: a terminal would act on them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{ErrorKind, Write};

use comfy_table::{Cell, ContentArrangement, Table, presets};
use miette::{Context, Diagnostic, GraphicalReportHandler, GraphicalTheme, IntoDiagnostic, NamedSource, SourceSpan};
use serde::Serialize;

/// Whether somebody still reads what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// They do.
    Listens,
    /// They have closed their end.
    Left,
}

/// Writes a part of the answer to standard output.
///
/// # Errors
/// Where it cannot be written, other than that nobody reads it any more.
pub fn say(text: &str) -> miette::Result<Reader> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(Reader::Listens),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Reader::Left),
        Err(error) => Err(error).into_diagnostic().wrap_err("standard output cannot be written"),
    }
}

/// Writes the answer as one document of JSON.
///
/// # Errors
/// As [`say`].
pub fn say_json(answer: &impl Serialize) -> miette::Result<Reader> {
    let text = serde_json::to_string_pretty(answer).into_diagnostic().wrap_err("the answer cannot be put in JSON")?;
    say(&format!("{text}\n"))
}

/// Writes one line of JSON, where an answer has one for each item.
///
/// # Errors
/// As [`say`].
pub fn say_json_line(item: &impl Serialize) -> miette::Result<Reader> {
    let text = serde_json::to_string(item).into_diagnostic().wrap_err("the answer cannot be put in JSON")?;
    say(&format!("{text}\n"))
}

/// A table with these heads.
pub fn table<const COLUMNS: usize>(heads: [&str; COLUMNS]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table.set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(heads.map(Cell::new));
    table
}

/// A text of an event as a terminal may show it: control characters are spelled out.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(hidden) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if hidden(letter) { plain.extend(letter.escape_default()) } else { plain.push(letter) }
    }
    Cow::Owned(plain)
}

/// Control characters, and those that change the direction of what stands around them.
fn hidden(letter: char) -> bool {
    letter.is_control() || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Bytes as a person reads them: as text, if they are such, and otherwise in hexadecimal digits, 16 to a line.
pub fn legible(bytes: &[u8]) -> String {
    let plain = |letter: char| matches!(letter, '\n' | '\t') || !hidden(letter);
    match std::str::from_utf8(bytes) {
        Ok(text) if text.chars().all(plain) => text.to_owned(),
        _ => hexadecimal(bytes),
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 5);
    for (line, row) in bytes.chunks(16).enumerate() {
        let digits: Vec<_> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let letters: String =
            row.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect();
        // Writing to a string does not fail.
        let _ = writeln!(text, "{:08x}  {:<47}  {letters}", line * 16, digits.join(" "));
    }
    text.truncate(text.trim_end().len());
    text
}

/// What is wrong at a place of a text.
#[derive(Debug, Diagnostic, thiserror::Error)]
#[error("{problem}")]
pub struct Excerpt {
    problem: String,
    #[source_code]
    text: NamedSource<String>,
    #[label("here")]
    at: SourceSpan,
    #[help]
    help: Option<String>,
}

impl Excerpt {
    /// What is wrong at a line and a character of it, both from 1, and what to do about it.
    pub fn new(file: &str, text: &str, line: usize, column: usize, problem: String, help: Option<String>) -> Self {
        let begin: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
        let rest = text.get(begin..).unwrap_or_default().split('\n').next().unwrap_or_default();
        let within = rest.char_indices().nth(column.saturating_sub(1)).map_or(rest.len(), |(at, _)| at);
        let length = rest.get(within..).unwrap_or_default().trim_end().len();
        let at = SourceSpan::new((begin + within).into(), length);
        Self { problem, text: NamedSource::new(file, text.to_owned()), at, help }
    }

    /// The excerpt as text; in colours, if somebody looks at it.
    pub fn render(&self, colours: bool) -> String {
        let theme = if colours { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
        let mut text = String::new();
        // Writing to a string does not fail; without an excerpt, the problem alone is said.
        match GraphicalReportHandler::new_themed(theme).with_width(120).render_report(&mut text, self) {
            Ok(()) => text,
            Err(_) => self.problem.clone(),
        }
    }
}

/// `1 row`, `2 rows`.
pub fn counted(count: u64, one: &str, several: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {several}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_on_is_spelled_out() {
        assert_eq!(shown("order.placed ä"), "order.placed ä");
        assert_eq!(shown("a\u{1b}[2J\nb\u{202e}c"), "a\\u{1b}[2J\\nb\\u{202e}c");
    }

    #[test]
    fn bytes_are_shown_as_text_where_they_are_text() {
        assert_eq!(legible(b"{\"id\":\n1}"), "{\"id\":\n1}");
        assert_eq!(legible("ä".as_bytes()), "ä");
        assert_eq!(legible(b"\x1f\x8bA"), "00000000  1f 8b 41                                         ..A");
        assert_eq!(legible(b"a\x1b[31m"), "00000000  61 1b 5b 33 31 6d                                a.[31m");
    }

    #[test]
    fn an_excerpt_shows_the_line_and_what_to_do() {
        let text = "table = \"orders\"\nverzion = 1\n";
        let excerpt = Excerpt::new("orders.toml", text, 2, 1, "no such key".into(), Some("write version".into()));
        let rendered = excerpt.render(false);
        for part in ["no such key", "orders.toml:2:1", "verzion = 1", "here", "write version"] {
            assert!(rendered.contains(part), "{part:?} is not in\n{rendered}");
        }
    }

    #[test]
    fn an_excerpt_of_a_place_that_is_not_there_does_not_panic() {
        for (text, line, column) in [("", 1, 1), ("a", 9, 9), ("ä\n", 1, 5), ("a\nb", 0, 0)] {
            assert!(Excerpt::new("f", text, line, column, "p".into(), None).render(false).contains('p'));
        }
    }
}
