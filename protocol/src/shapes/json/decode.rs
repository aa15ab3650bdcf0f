//! The bytes of a body as text.

use std::borrow::Cow;

use super::JsonError;

/// The body as text by its `charset` parameter: UTF-8, or UTF-16 by its byte order mark (little-endian without
/// one). As in Web API, a charset that is not known means UTF-8. A byte order mark is left out.
///
/// # Errors
/// [`JsonError::Encoding`] for bytes that are no text in that encoding.
pub fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, str>, JsonError> {
    let charset = charset.unwrap_or("").trim().trim_matches('"').to_ascii_lowercase();
    match (charset.as_str(), bytes) {
        ("utf-16be" | "unicodefffe", _) => utf16(bytes, u16::from_be_bytes),
        ("utf-16", [0xFE, 0xFF, ..]) | ("", [0xFE, 0xFF, ..]) => utf16(bytes, u16::from_be_bytes),
        ("utf-16" | "utf-16le" | "unicode", _) | ("", [0xFF, 0xFE, ..]) => utf16(bytes, u16::from_le_bytes),
        _ => utf8(bytes),
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<Cow<'_, str>, JsonError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text.strip_prefix('\u{FEFF}').unwrap_or(text))),
        Err(error) => Err(JsonError::Encoding { charset: "utf-8", at: error.valid_up_to() }),
    }
}

fn utf16<'a>(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Result<Cow<'a, str>, JsonError> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(JsonError::Encoding { charset: "utf-16", at: bytes.len() - 1 });
    }
    let mut text = String::with_capacity(bytes.len());
    let mut at = 0;
    for unit in char::decode_utf16(pairs.iter().copied().map(unit)) {
        let c = unit.map_err(|_| JsonError::Encoding { charset: "utf-16", at })?;
        if at > 0 || c != '\u{FEFF}' {
            text.push(c);
        }
        at += 2 * c.len_utf16();
    }
    Ok(Cow::Owned(text))
}
