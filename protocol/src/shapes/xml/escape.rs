//! Text as .NET's `XmlWriter` escapes it when it does not check characters (REFERENCE D5).

/// Appends text content. Carriage returns and what XML forbids become references, since a reader would lose the
/// former and the latter must not make an answer impossible.
pub(super) fn push_text(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '\t' | '\n' => out.push(c),
            c if is_forbidden(c) || c == '\r' => out.push_str(&format!("&#x{:X};", u32::from(c))),
            c => out.push(c),
        }
    }
}

/// Whether XML 1.0 forbids the character, even as a reference.
pub(super) fn is_forbidden(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{B}' | '\u{C}' | '\u{E}'..='\u{1F}' | '\u{FFFE}' | '\u{FFFF}')
}
