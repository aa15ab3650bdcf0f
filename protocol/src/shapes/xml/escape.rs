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

/// Any text as an XML name, by .NET's `XmlConvert.EncodeLocalName`: a character that cannot be in one becomes
/// `_xHHHH_`, and so does the `_` of what already looks so.
pub fn encoded_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let plain = starts_name(c) || (at > 0 && (c.is_ascii_digit() || matches!(c, '-' | '.')));
        if plain || (c == '_' && unit_at(&text[at..]).is_none()) {
            name.push(c);
            continue;
        }
        match u32::from(c) {
            code @ 0x10000.. => name.push_str(&format!("_x{code:08X}_")),
            code => name.push_str(&format!("_x{code:04X}_")),
        }
    }
    name
}

/// Letters that every edition of XML takes at the start of a name; .NET escapes those beyond 16 bits.
fn starts_name(c: char) -> bool {
    let in_range = matches!(c,
        'A'..='Z' | 'a'..='z' | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{131}'
        | '\u{388}'..='\u{3CE}' | '\u{401}'..='\u{481}' | '\u{5D0}'..='\u{5EA}' | '\u{621}'..='\u{64A}'
        | '\u{3041}'..='\u{3094}' | '\u{30A1}'..='\u{30FA}' | '\u{4E00}'..='\u{9FA5}' | '\u{AC00}'..='\u{D7A3}');
    in_range && c.is_alphabetic()
}

/// The text that [`encoded_name`] made this name of.
pub(super) fn decoded_name(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let (c, length) = unit_at(rest).unwrap_or((c, c.len_utf8()));
        text.push(c);
        rest = &rest[length..];
    }
    text
}

/// The character that an escape at the start stands for, and the length of the escape.
fn unit_at(text: &str) -> Option<(char, usize)> {
    let escape = text.strip_prefix("_x")?;
    let digits = escape.bytes().take_while(u8::is_ascii_hexdigit).count();
    let hex =
        escape.get(..digits).filter(|_| matches!(digits, 4 | 8) && escape[digits..].starts_with('_'))?;
    let c = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
    Some((c, digits + 3))
}
