//! Text and names as XML can hold them, the way .NET writes both (REFERENCE D5, D8).

use std::fmt::Write;
use std::ops::RangeInclusive;

/// Appends text as the content of an element. `<`, `>` and `&` are entities. CR is `&#xD;`, since a reader makes LF
/// of a raw one. So are other control characters but TAB and LF; XML 1.0 has no place for most of them, yet .NET
/// writes and reads them in this form.
pub fn text(text: &str, xml: &mut String) {
    xml.reserve(text.len());
    for c in text.chars() {
        match c {
            '<' => xml.push_str("&lt;"),
            '>' => xml.push_str("&gt;"),
            '&' => xml.push_str("&amp;"),
            '\t' | '\n' => xml.push(c),
            '\u{FFFE}' | '\u{FFFF}' => reference(c, xml),
            c if c.is_control() => reference(c, xml),
            c => xml.push(c),
        }
    }
}

fn reference(c: char, xml: &mut String) {
    // Writing to a String cannot fail.
    let _ = write!(xml, "&#x{:X};", u32::from(c));
}

/// The name of an element for any text, as `XmlConvert.EncodeLocalName` makes it: what a name cannot hold is its
/// code in `_x005B_`, and so is an underscore that would look like the beginning of one. An empty text, which .NET
/// refuses, is `_`.
///
/// Letters of other scripts than Latin, basic Greek and Cyrillic, kana, Han and Hangul are codes too. Readers undo
/// that as well; it saves the tables of XML 1.0's fourth edition.
pub fn local_name(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        let fits = if at == 0 { starts_name(c) } else { continues_name(c) };
        let rest = text.get(at + c.len_utf8()..).unwrap_or_default();
        if fits && !(c == '_' && looks_encoded(rest)) {
            name.push(c);
        } else {
            let code = u32::from(c);
            let width = if code > 0xFFFF { 8 } else { 4 };
            // Writing to a String cannot fail.
            let _ = write!(name, "_x{code:0width$X}_");
        }
    }
    if name.is_empty() {
        name.push('_');
    }
    name
}

fn continues_name(c: char) -> bool {
    starts_name(c) || c.is_ascii_digit() || matches!(c, '.' | '-' | '\u{B7}')
}

/// Ranges of the letters that the fourth edition of XML 1.0 lists; by far not all.
const LETTERS: [RangeInclusive<char>; 18] = [
    'A'..='Z',
    'a'..='z',
    '\u{C0}'..='\u{D6}',
    '\u{D8}'..='\u{F6}',
    '\u{F8}'..='\u{131}',
    '\u{134}'..='\u{13E}',
    '\u{141}'..='\u{148}',
    '\u{14A}'..='\u{17E}',
    '\u{388}'..='\u{38A}',
    '\u{38E}'..='\u{3A1}',
    '\u{3A3}'..='\u{3CE}',
    '\u{401}'..='\u{40C}',
    '\u{40E}'..='\u{44F}',
    '\u{451}'..='\u{45C}',
    '\u{3041}'..='\u{3094}',
    '\u{30A1}'..='\u{30FA}',
    '\u{4E00}'..='\u{9FA5}',
    '\u{AC00}'..='\u{D7A3}',
];

fn starts_name(c: char) -> bool {
    c == '_' || LETTERS.iter().any(|letters| letters.contains(&c))
}

/// Whether what follows an underscore is `x`, four or eight hexadecimal digits, and an underscore.
fn looks_encoded(rest: &str) -> bool {
    let [b'x' | b'X', digits @ ..] = rest.as_bytes() else { return false };
    [4, 8]
        .into_iter()
        .any(|count| digits.get(count) == Some(&b'_') && digits.iter().take(count).all(u8::is_ascii_hexdigit))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    fn escaped(raw: &str) -> String {
        let mut xml = String::new();
        text(raw, &mut xml);
        xml
    }

    /// `XmlConvert.DecodeName`.
    fn decoded(name: &str) -> String {
        let mut text = String::new();
        let mut rest = name;
        while let Some(c) = rest.chars().next() {
            rest = &rest[c.len_utf8()..];
            if c == '_' && looks_encoded(rest) {
                let (code, after) = rest[1..].split_once('_').unwrap();
                text.push(char::from_u32(u32::from_str_radix(code, 16).unwrap()).unwrap());
                rest = after;
            } else {
                text.push(c);
            }
        }
        text
    }

    #[test]
    fn text_is_escaped_as_dot_net_does() {
        assert_eq!(escaped("a < b && \"c\" > 'd'"), "a &lt; b &amp;&amp; \"c\" &gt; 'd'");
        assert_eq!(escaped("a\r\n\tb"), "a&#xD;\n\tb");
        assert_eq!(escaped("\0\u{1}\u{1b}\u{7f}\u{85}\u{FFFF}"), "&#x0;&#x1;&#x1B;&#x7F;&#x85;&#xFFFF;");
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
            ("_x41_ _xyz1_", "_x41__x0020__xyz1_"),
            ("größe", "größe"),
            ("😀", "_x0001F600_"),
            ("", "_"),
        ] {
            assert_eq!(local_name(text), name, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn names_are_names_and_come_back(text in "(.|_x00|_){1,12}") {
            let name = local_name(&text);
            prop_assert!(name.chars().next().is_some_and(starts_name) && name.chars().all(continues_name));
            prop_assert_eq!(decoded(&name), text);
        }

        #[test]
        fn escaped_text_has_no_mark_up(text in ".*") {
            let xml = escaped(&text);
            prop_assert!(!xml.contains(['<', '>', '\r']));
            prop_assert!(xml.len() <= 10 * text.len());
        }
    }
}
