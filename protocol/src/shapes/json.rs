//! Reads JSON as Json.NET does: strictly first, which is fast, and leniently where that fails.
//!
//! The lenient reader also takes a byte order mark, comments, single quotes, unquoted names, trailing commas, raw
//! control characters in strings, and text after the value. Of duplicate members the last value wins, in the place
//! of the first. Both readers are linear in the input.

mod decode;
mod lenient;
mod locate;

pub use decode::decode;
pub use locate::placed;

use serde_json::Value;
use thiserror::Error;

/// The deepest nesting that is read: Web API's own `MaxDepth`. It also bounds the stack of every later walk.
pub const MAX_DEPTH: usize = 256;

/// Why a body is not a JSON value.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum JsonError {
    /// The text is not JSON, in the words of Json.NET.
    #[error("{message} Path '{path}', line {line}, position {position}.")]
    Syntax {
        /// What was met.
        message: String,
        /// The member in which it was met, as in `Markings[0].note`; empty at the root.
        path: String,
        /// The line, from 1.
        line: usize,
        /// UTF-16 units since the start of that line.
        position: usize,
    },
    /// The bytes are not text in the stated encoding.
    #[error("The body is not valid {charset} text at byte {at}.")]
    Encoding {
        /// The encoding in which it was read.
        charset: &'static str,
        /// The first byte that does not fit.
        at: usize,
    },
}

/// Reads one JSON value from UTF-8 bytes. A body without any value is null, as Web API has it.
///
/// # Errors
/// [`JsonError`] for text that even Json.NET refuses, for more than [`MAX_DEPTH`] levels, for a number that no
/// double can hold, for `NaN`, and for bytes that are not UTF-8.
pub fn parse(bytes: &[u8]) -> Result<Value, JsonError> {
    match serde_json::from_slice(bytes) {
        Ok(value) => Ok(value),
        Err(_) => lenient::read(&decode::utf8(bytes)?),
    }
}

/// [`parse`] for text that is already decoded.
///
/// # Errors
/// As [`parse`].
pub fn parse_text(text: &str) -> Result<Value, JsonError> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        Err(_) => lenient::read(text),
    }
}

#[cfg(test)]
mod tests;
