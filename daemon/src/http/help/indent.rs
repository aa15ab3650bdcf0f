//! XML of our own writers with a line for each element, as help pages show it (REFERENCE D5). Text and empty elements stay
//! as they are.

/// Columns of one level.
const STEP: usize = 2;

/// The document, re-indented. Its writers escape `<` and `>` wherever they are no markup, and mix no text with elements.
pub(super) fn indented(xml: &str) -> String {
    let mut out = String::with_capacity(xml.len() * 2);
    let mut depth = 0_usize;
    // Whether what was last is a start tag, or text after it: then the end tag goes on the same line.
    let mut open = false;
    for piece in xml.split_inclusive('>') {
        let (text, tag) = piece.split_at(piece.find('<').unwrap_or(piece.len()));
        out.push_str(text);
        let ends = tag.starts_with("</");
        if ends {
            depth = depth.saturating_sub(1);
        }
        let same_line = ends && open || out.is_empty();
        if !same_line {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', depth * STEP));
        }
        out.push_str(tag);
        open = !ends && !tag.ends_with("/>");
        if open {
            depth += 1;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use quire_protocol::shapes::contract::{Contract, PUT_DATA_DELETE, SYNC_TOKEN};
    use quire_protocol::shapes::xml;

    #[test]
    fn documents_look_as_documented() {
        let documented: [(&Contract, &str, &str); 2] = [
            (
                &SYNC_TOKEN,
                include_str!("../../../../tests/fixtures/shapes/sync-token.json"),
                include_str!("../../../../tests/fixtures/shapes/sync-token.xml"),
            ),
            (
                &PUT_DATA_DELETE,
                include_str!("../../../../tests/fixtures/shapes/put-data-delete.json"),
                include_str!("../../../../tests/fixtures/shapes/put-data-delete.xml"),
            ),
        ];
        for (contract, json, xml) in documented {
            let members = serde_json::from_str(json).unwrap();
            assert_eq!(indented(&xml::write(contract, &members)).trim(), xml.trim());
        }
    }

    #[test]
    fn what_is_within_an_element_stays() {
        assert_eq!(
            indented("<a><b></b><c>x &gt; y</c><d /></a>"),
            "<a>\n  <b></b>\n  <c>x &gt; y</c>\n  <d />\n</a>"
        );
        for odd in ["", "text", "</a></a>", "<a>"] {
            indented(odd);
        }
    }
}
