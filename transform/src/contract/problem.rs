//! What is wrong with a contract's text, said so that it can be mended without reading the code.
//!
//! Rules:
//! - A problem names the file, the line, the column, the field, what is wrong, what was expected and, where it can be
//!   guessed, what was meant.
//! - A reading reports every problem that it finds, up to [`PROBLEMS_MAX`].
//! - A contract is written by its operators and holds no event and no secret, so problems may quote it; what they
//!   quote is cut to a line's length.

use std::fmt;

/// Problems that are told one by one; of those beyond, only the number is.
pub const PROBLEMS_MAX: usize = 100;

/// Characters of a contract's text that a problem quotes.
const QUOTE_CHARS_MAX: usize = 80;

/// One problem of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as the reader was told.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// The field: `limits.depth`, `column "amount".type`, `column[2].name` of the second one. Empty where the text is
    /// no TOML.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What would be right.
    pub expected: Option<String>,
    /// What to do instead, or what was meant.
    pub suggestion: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: ", self.file, self.line, self.column)?;
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.problem)?;
        if let Some(expected) = &self.expected {
            write!(f, "; expected {expected}")?;
        }
        self.suggestion.as_ref().map_or(Ok(()), |suggestion| write!(f, "; {suggestion}"))
    }
}

/// Every problem of a contract, in the order of its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractErrors {
    /// The first [`PROBLEMS_MAX`] that were found, at least one.
    pub problems: Vec<Problem>,
    /// How many more there are.
    pub more: usize,
}

impl fmt::Display for ContractErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.problems.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        if self.more > 0 { write!(f, "\nand {} more", self.more) } else { Ok(()) }
    }
}

impl std::error::Error for ContractErrors {}

/// A problem before it is known where.
#[derive(Debug)]
pub(super) struct Complaint {
    pub(super) problem: String,
    pub(super) expected: Option<String>,
    pub(super) suggestion: Option<String>,
}

impl Complaint {
    pub(super) fn new(problem: impl Into<String>) -> Self {
        Self { problem: problem.into(), expected: None, suggestion: None }
    }

    pub(super) fn expected(self, expected: impl Into<String>) -> Self {
        Self { expected: Some(expected.into()), ..self }
    }

    pub(super) fn suggest(self, suggestion: impl Into<String>) -> Self {
        Self { suggestion: Some(suggestion.into()), ..self }
    }

    /// Suggests the known word that looks most like this one, if any does.
    pub(super) fn did_you_mean<'w>(self, word: &str, known: impl IntoIterator<Item = &'w str>) -> Self {
        match nearest(word, known) {
            Some(known) => self.suggest(format!("did you mean `{known}`?")),
            None => self,
        }
    }
}

/// The known word that a person may have meant.
fn nearest<'w>(word: &str, known: impl IntoIterator<Item = &'w str>) -> Option<&'w str> {
    // The comparison takes the product of both lengths, and a word this long is no slip of a known one.
    const WORD_BYTES_MAX: usize = 64;
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let word = word.to_lowercase();
    let likeness = |known: &str| strsim::jaro_winkler(&word, known);
    let best = known.into_iter().map(|known| (likeness(known), known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, known)| known)
}

/// The text in quotes, cut to a bearable length, without anything that would break the line.
pub(super) fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(QUOTE_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}

/// `a, b or c`.
pub(super) fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    let words: Vec<_> = words.into_iter().collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => words.concat(),
    }
}
