//! The tag by which a device is recognised by those who know its key, and by nobody else.

use std::fmt;

/// Bytes of random salt. Eight make the same tag practically never appear twice.
const SALT: usize = 8;

/// Bytes of keyed hash. A chance match costs one dial that fails, so eight are plenty.
const MARK: usize = 8;

/// Characters of a written tag.
const WRITTEN: usize = 2 * (SALT + MARK);

/// A salt and the start of the hash of that salt, keyed with a device's public key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag {
    salt: [u8; SALT],
    mark: [u8; MARK],
}

impl Tag {
    /// Whether the device with this X25519 static public key made the tag, as far as a hint can tell.
    pub fn matches(&self, public: &[u8; 32]) -> bool {
        mark(public, &self.salt) == self.mark
    }

    /// A tag of this device, with a new salt. Fails only when the system has no randomness.
    pub(super) fn fresh(public: &[u8; 32]) -> Result<Self, getrandom::Error> {
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)?;
        Ok(Self { salt, mark: mark(public, &salt) })
    }

    /// Reads what [`fmt::Display`] wrote; `None` for anything else.
    pub(super) fn parse(written: &[u8]) -> Option<Self> {
        if written.len() != WRITTEN {
            return None;
        }
        let bytes = data_encoding::HEXLOWER_PERMISSIVE.decode(written).ok()?;
        let (salt, mark) = bytes.split_at(SALT);
        Some(Self { salt: salt.try_into().ok()?, mark: mark.try_into().ok()? })
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = &data_encoding::HEXLOWER;
        write!(f, "{}{}", hex.encode(&self.salt), hex.encode(&self.mark))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

fn mark(public: &[u8; 32], salt: &[u8; SALT]) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark.copy_from_slice(&blake3::keyed_hash(public, salt).as_bytes()[..MARK]);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_key_matches() {
        let tag = Tag::fresh(&[7; 32]).unwrap();
        assert!(tag.matches(&[7; 32]));
        assert!(!tag.matches(&[8; 32]));
    }

    #[test]
    fn two_tags_of_one_key_have_nothing_in_common() {
        let (a, b) = (Tag::fresh(&[7; 32]).unwrap(), Tag::fresh(&[7; 32]).unwrap());
        assert_ne!(a.salt, b.salt);
        assert_ne!(a.mark, b.mark);
    }

    #[test]
    fn the_written_form_is_the_same_in_every_version() {
        let tag = Tag { salt: [1; SALT], mark: mark(&[7; 32], &[1; SALT]) };
        assert_eq!(tag.to_string(), "010101010101010115b31d73c6b9f183");
        assert_eq!(Tag::parse(tag.to_string().as_bytes()), Some(tag));
    }

    #[test]
    fn a_damaged_tag_is_none() {
        for written in ["", "0", "zz0101010101010115b31d73c6b9f183", &"0".repeat(31), &"0".repeat(33)] {
            assert_eq!(Tag::parse(written.as_bytes()), None, "{written}");
        }
        assert_eq!(Tag::parse(&[0xff; WRITTEN]), None);
    }
}
