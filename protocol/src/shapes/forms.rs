//! `application/x-www-form-urlencoded` as a JSON value (REFERENCE D7), for a reader that finds members in any letter
//! case and takes text for numbers, booleans, GUIDs and dates.
//!
//! A form has no types, so what a name is follows from how it is written:
//! - `a=1` is a text; `a=1&a=2` and `a[]=1` are lists of texts. Under one name a nested value wins over a text.
//! - `a.b` and `a[b]` are the member `b` of `a`. In brackets dots are part of the name. Names that differ only in
//!   letter case are the same; the first spelling stays.
//! - `a[0]` is an entry of a list, where digits are all that is in the brackets. Entries are ordered by their
//!   numbers; gaps close up, so that nothing sent is lost, where the original stops at the first gap. The texts
//!   `a.index`, which MVC's pages send along, are left out. Where there are other members too, `a` is an object and
//!   the numbers are names.
//! - A list each of whose entries has a text `Key` and a `Value` and nothing else is a dictionary: an object of
//!   these. The last of equal keys wins.

mod node;
mod path;

use std::borrow::Cow;

use serde_json::{Map, Value};
use thiserror::Error;

use self::node::Node;
use self::path::Path;
use super::cut;

/// The names of a form: ASP.NET's own `MaxHttpCollectionKeys`.
pub const MAX_KEYS: usize = 1000;

/// The steps of one name. The deepest documented member, `nodes[0].refs[0].Value.Type`, is six steps down, and a form
/// of [`MAX_KEYS`] names of this depth is still a small tree. It also bounds the stack.
pub const MAX_DEPTH: usize = 32;

/// How much of a refused name a message shows, in characters.
const MAX_SHOWN: usize = 60;

/// Why a form is not read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FormError {
    /// More than [`MAX_KEYS`] names, in the words of .NET.
    #[error("The number of keys in a NameValueCollection has exceeded the limit of '{MAX_KEYS}'.")]
    TooManyKeys,
    /// A name of more than [`MAX_DEPTH`] steps.
    #[error("The key '{key}' has more than {MAX_DEPTH} levels.")]
    TooDeep {
        /// The beginning of the name.
        key: String,
    },
    /// A `[` without its `]`, in the words of .NET.
    #[error("The key is invalid JQuery syntax because it is missing a closing bracket. Key '{key}'.")]
    Unclosed {
        /// The beginning of the name.
        key: String,
    },
}

/// Reads a form. One without names is `{}`. Time and memory are linear in the text but for sorting the names.
///
/// # Errors
/// [`FormError`] for too many names, too deep ones, and unclosed brackets; all other text is a form.
pub fn read(text: &str) -> Result<Value, FormError> {
    let mut root = Node::default();
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    for (at, pair) in pairs.enumerate() {
        if at == MAX_KEYS {
            return Err(FormError::TooManyKeys);
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name);
        let path = Path::parse(&name).map_err(|fault| fault.of(cut(&name, MAX_SHOWN)))?;
        if !path.steps.is_empty() {
            root.insert(&path, decode(value).into_owned());
        }
    }
    Ok(if root.is_empty() { Value::Object(Map::new()) } else { root.into_value() })
}

/// `+` is a blank and `%` with two hexadecimal digits a byte of UTF-8; any other `%` is itself, as in .NET.
fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['+', '%']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let escaped = if *first == b'%' { escape(after) } else { None };
        rest = match escaped {
            Some((_, after)) => after,
            None => after,
        };
        bytes.push(match (escaped, first) {
            (Some((byte, _)), _) => byte,
            (None, b'+') => b' ',
            (None, other) => *other,
        });
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

/// The byte that two hexadecimal digits say, and what follows them.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let digit = |at: usize| text.get(at).and_then(|b| char::from(*b).to_digit(16));
    let byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
    Some((byte, text.get(2..)?))
}

#[cfg(test)]
mod tests;
