//! JSON, strictly as RFC 8259 has it, read where it stands.
//!
//! [`Cursor`] passes over tokens and says where they are; nothing is copied and no tree of values is made. Whoever
//! wants a value takes it from the text by its [`Span`].
//!
//! It is written by hand because the parsers at hand make a value of everything that they pass, and because what
//! is let through here must be exactly what the grammar allows: a fuzz target holds it against serde_json, document
//! by document and value by value. Rules:
//! - The text is UTF-8; whoever makes a cursor has seen to it, or asks [`Span::is_ascii`].
//! - Beyond the grammar two things are refused, because no reader of the lake could make sense of them: an escape of
//!   half a surrogate pair, and a number beyond the range of a double.
//! - No recursion follows the input, no read is out of bounds, and there is no `unsafe`.

mod cursor;
mod fault;
mod text;

pub(crate) use cursor::END_OF_LEVEL;
pub use cursor::{Cursor, Kind};
pub use fault::Fault;
pub(crate) use text::Mark;
pub use text::{Span, decoded};
