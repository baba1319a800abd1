//! What is wrong with a document, and where.

/// Why a text is not a JSON document that we take. Positions count bytes from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is not JSON.
    #[error("byte {byte}: {problem}")]
    Syntax {
        /// Where it shows.
        byte: usize,
        /// What is wrong.
        problem: &'static str,
    },
    /// A number that no double holds.
    #[error("byte {byte}: the number is beyond the range of a double")]
    Range {
        /// Where it begins.
        byte: usize,
    },
    /// It nests too deeply.
    #[error("byte {byte}: nested deeper than {limit} levels")]
    Depth {
        /// Where the first level too many begins.
        byte: usize,
        /// The limit.
        limit: usize,
    },
}
