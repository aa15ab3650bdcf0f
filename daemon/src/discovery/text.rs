//! The TXT record: `v=1`, `t=` the tag, and `p=1` while an invitation is live. Nothing else.

use super::Tag;

/// Bytes of a TXT record that are looked at. Ours has 44; the rest is room for later versions, and
/// whoever sends more does not speak to us.
const MAX_TEXT: usize = 400;

/// The only version known. A later one may mean its keys differently, so it is not guessed at.
const VERSION: &[u8] = b"1";

/// What a TXT record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) tag: Tag,
    pub(super) pairing: bool,
}

impl Text {
    /// The keys and values to advertise.
    pub(super) fn properties(&self) -> Vec<(&'static str, String)> {
        let mut properties = vec![("v", "1".to_owned()), ("t", self.tag.to_string())];
        if self.pairing {
            properties.push(("p", "1".to_owned()));
        }
        properties
    }

    /// Reads keys and values in their order; `None` when they are too long or not ours. Of a repeated
    /// key the first counts, as RFC 6763 section 6.4 demands; keys have no case.
    pub(super) fn parse<'a>(properties: impl Iterator<Item = (&'a str, Option<&'a [u8]>)>) -> Option<Self> {
        let (mut version, mut tag, mut pairing) = (None, None, None);
        let mut length = 0_usize;
        for (key, value) in properties {
            // One byte of length, and one for the equals sign.
            length = length.saturating_add(2 + key.len() + value.map_or(0, <[u8]>::len));
            if length > MAX_TEXT {
                return None;
            }
            match key.as_bytes() {
                b"v" | b"V" => version = version.or(Some(value)),
                b"t" | b"T" => tag = tag.or(Some(value)),
                b"p" | b"P" => pairing = pairing.or(Some(value)),
                _ => {}
            }
        }
        if version.flatten() != Some(VERSION) {
            return None;
        }
        Some(Self { tag: Tag::parse(tag.flatten()?)?, pairing: pairing.flatten() == Some(b"1") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(properties: &[(&str, &[u8])]) -> Option<Text> {
        Text::parse(properties.iter().map(|(key, value)| (*key, Some(*value))))
    }

    fn text(pairing: bool) -> Text {
        Text { tag: Tag::fresh(&[7; 32]).unwrap(), pairing }
    }

    #[test]
    fn what_is_said_is_heard() {
        for said in [text(false), text(true)] {
            let properties = said.properties();
            let heard = Text::parse(properties.iter().map(|(k, v)| (*k, Some(v.as_bytes()))));
            assert_eq!(heard, Some(said));
        }
    }

    #[test]
    fn missing_and_unknown_are_refused() {
        let tag = text(false).tag.to_string();
        let tag = tag.as_bytes();
        assert_eq!(parse(&[]), None);
        assert_eq!(parse(&[("t", tag)]), None);
        assert_eq!(parse(&[("v", b"1")]), None);
        assert_eq!(parse(&[("v", b"2"), ("t", tag)]), None);
        assert_eq!(parse(&[("v", b"1"), ("t", b"00xx")]), None);
        assert_eq!(parse(&[("v", b"1"), ("t", &[0xff; 32])]), None);
        assert_eq!(Text::parse([("v", None), ("t", Some(tag))].into_iter()), None);
        assert_eq!(Text::parse([("v", Some(&b"1"[..])), ("t", None)].into_iter()), None);
    }

    #[test]
    fn the_first_of_a_repeated_key_counts() {
        let (one, other) = (text(false).tag, text(false).tag.to_string());
        let written = one.to_string();
        let heard =
            parse(&[("v", b"1"), ("V", b"9"), ("T", written.as_bytes()), ("t", other.as_bytes())]).unwrap();
        assert_eq!(heard.tag, one);
        let key_without_value = [("v", None), ("v", Some(&b"1"[..])), ("t", Some(written.as_bytes()))];
        assert_eq!(Text::parse(key_without_value.into_iter()), None);
    }

    #[test]
    fn only_p_1_means_pairing() {
        let tag = text(false).tag.to_string();
        for (value, pairing) in [(&b"1"[..], true), (b"0", false), (b"", false), (b"11", false)] {
            let heard = parse(&[("v", b"1"), ("t", tag.as_bytes()), ("p", value)]).unwrap();
            assert_eq!(heard.pairing, pairing);
        }
    }

    #[test]
    fn a_long_record_is_refused_wherever_the_length_is() {
        let tag = text(false).tag.to_string();
        let ours: [(&str, &[u8]); 2] = [("v", b"1"), ("t", tag.as_bytes())];
        let spent = 2 + 1 + 1 + 2 + 1 + tag.len();
        let fits = vec![b'x'; MAX_TEXT - spent - 2 - 1];
        let long = vec![b'x'; fits.len() + 1];
        assert!(parse(&[ours[0], ours[1], ("x", &fits)]).is_some());
        assert!(parse(&[ours[0], ours[1], ("x", &long)]).is_none());
        assert!(parse(&[("x", &long), ours[0], ours[1]]).is_none());
        let many = vec![("", &b""[..]); 9000];
        assert!(parse(&many).is_none());
    }
}
