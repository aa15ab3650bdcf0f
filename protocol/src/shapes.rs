//! The documented HTTP shapes: bytes of an app to domain words and back. A foreign quirk stops here.

pub mod body;
pub mod coerce;
pub mod date;
pub mod error;
pub mod escape;
pub mod forms;
pub mod json;
mod media;
pub mod model;
pub mod negotiation;

/// The longest message about bad input, in characters: enough to find the place, too little to echo a body.
pub const MAX_MESSAGE: usize = 200;

/// The text cut to `max` characters, ending in an ellipsis where something was cut.
pub(crate) fn cut(text: &str, max: usize) -> String {
    if text.chars().nth(max).is_none() {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}
