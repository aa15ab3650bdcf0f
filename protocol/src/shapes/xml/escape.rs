//! Text and names as XML can hold them: as .NET's `XmlWriter` writes them when it does not check characters, and as
//! `XmlConvert` encodes names (REFERENCE D5, D8).

/// Appends text content. Carriage returns and what XML forbids become references, since a reader would lose the
/// former and the latter must not make an answer impossible.
pub(crate) fn push_text(out: &mut String, text: &str) {
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
/// `_xHHHH_`, and so does the `_` of what already looks so. Letters of other scripts than those of [`starts_name`] are
/// codes too; readers undo that as well, and it saves the tables of XML 1.0's fourth edition.
pub fn encoded_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let plain = if at == 0 { starts_name(c) } else { goes_on(c) };
        if plain || (c == '_' && !looks_encoded(&text[at..])) {
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

/// What stands as it is behind the start of a name.
fn goes_on(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit() || matches!(c, '-' | '.')
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
    let hex = code_at(text)?;
    let c = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
    Some((c, hex.len() + "_x_".len()))
}

/// Whether a reader might take the beginning for an escape once the rest is written: what becomes an escape begins with
/// `_` too, which .NET overlooks, so that such a name of its comes back as another text.
fn looks_encoded(text: &str) -> bool {
    digits_at(text).is_some_and(|(_, rest)| rest.starts_with(|c| !goes_on(c)))
}

/// The digits of `_xHHHH_` or `_xHHHHHHHH_` at the start.
fn code_at(text: &str) -> Option<&str> {
    digits_at(text).filter(|(_, rest)| rest.starts_with('_')).map(|(digits, _)| digits)
}

/// The digits of `_xHHHH` or `_xHHHHHHHH` at the start, and what follows.
fn digits_at(text: &str) -> Option<(&str, &str)> {
    let escape = text.strip_prefix("_x").or_else(|| text.strip_prefix("_X"))?;
    let digits = escape.bytes().take_while(u8::is_ascii_hexdigit).count();
    escape.split_at_checked(digits).filter(|_| matches!(digits, 4 | 8))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn escaped(raw: &str) -> String {
        let mut xml = String::new();
        push_text(&mut xml, raw);
        xml
    }

    #[test]
    fn text_is_escaped_as_dot_net_does() {
        assert_eq!(escaped("a < b && \"c\" > 'd'"), "a &lt; b &amp;&amp; \"c\" &gt; 'd'");
        assert_eq!(escaped("a\r\n\tb"), "a&#xD;\n\tb");
        assert_eq!(escaped("\0\u{1}\u{1b}\u{7f}\u{85}\u{FFFF}"), "&#x0;&#x1;&#x1B;\u{7f}\u{85}&#xFFFF;");
        assert_eq!(escaped("]]>ä😀"), "]]&gt;ä😀");
    }

    #[test]
    fn names_are_encoded_as_dot_net_does() {
        for (text, name) in [
            ("syncTokenRepresentation.tenantId", "syncTokenRepresentation.tenantId"),
            ("model.Markings[0].note", "model.Markings_x005B_0_x005D_.note"),
            ("0a", "_x0030_a"),
            (".a", "_x002E_a"),
            ("-a-", "_x002D_a-"),
            ("a b:c", "a_x0020_b_x003A_c"),
            ("a\u{1}\r", "a_x0001__x000D_"),
            ("_x0041_", "_x005F_x0041_"),
            ("_x0041_x0042_", "_x005F_x0041_x005F_x0042_"),
            ("_X00000041_", "_x005F_X00000041_"),
            ("_xD800_", "_x005F_xD800_"),
            ("_x00A0 ", "_x005F_x00A0_x0020_"),
            ("_x00A0-", "_x00A0-"),
            ("_x41_ _xyz1_", "_x41__x0020__xyz1_"),
            ("größe", "größe"),
            ("😀", "_x0001F600_"),
        ] {
            assert_eq!(encoded_name(text), name, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn names_are_names_and_come_back(text in "(.|_x00|_){1,12}") {
            let name = encoded_name(&text);
            let fits = |c: char| starts_name(c) || c.is_ascii_digit() || matches!(c, '_' | '-' | '.');
            prop_assert!(name.chars().all(fits));
            prop_assert!(!name.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '.')));
            prop_assert_eq!(decoded_name(&name), text);
        }

        #[test]
        fn escaped_text_has_no_mark_up(text in ".*") {
            let xml = escaped(&text);
            prop_assert!(!xml.contains(['<', '>', '\r']));
            prop_assert!(xml.len() <= 10 * text.len());
        }
    }
}
