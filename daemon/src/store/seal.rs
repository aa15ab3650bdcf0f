//! How a value rests: with a tag, which shows rot, or encrypted, which shows it as well.
//!
//! Either way a value is bound to its row's key, so one that was moved to another row is damage. An encrypted value is
//! as [`crate::sealed`] has it, bound to the row's key.

use std::borrow::Cow;

use chacha20poly1305::XChaCha20Poly1305;
use zeroize::Zeroizing;

use super::{Result, StoreError, keys};
use crate::sealed::{self, KEY, Secret};

const TAG: usize = 8;

/// Names of what is derived from a data key, so that none of its uses meets another.
const ROWS: &str = "quire 2026-11-22 values of rows";
const JOURNAL: &str = "quire 2026-11-22 tags of a journal of encrypted rows";

/// How the values of one store rest.
pub(super) enum Seal {
    /// As they are, with a tag. Its key is beside the rows: it guards against rot, not against somebody with the file.
    Tagged(Secret),
    /// Encrypted.
    Encrypted(Box<Encrypted>),
}

/// What is made of a data key.
pub(super) struct Encrypted {
    cipher: XChaCha20Poly1305,
    journal: Secret,
}

impl Seal {
    /// Tags under this key.
    pub(super) fn tagged(key: [u8; KEY]) -> Seal {
        Seal::Tagged(Zeroizing::new(key))
    }

    /// Encryption under this data key.
    pub(super) fn encrypted(data_key: &Secret) -> Seal {
        let derived = |context: &str| Zeroizing::new(blake3::derive_key(context, &data_key[..]));
        let cipher = sealed::cipher(&derived(ROWS));
        Seal::Encrypted(Box::new(Encrypted { cipher, journal: derived(JOURNAL) }))
    }

    pub(super) fn is_encrypted(&self) -> bool {
        matches!(self, Seal::Encrypted(_))
    }

    /// The key that the journal derives its own from.
    pub(super) fn journal_key(&self) -> &[u8; KEY] {
        match self {
            Seal::Tagged(key) => key,
            Seal::Encrypted(encrypted) => &encrypted.journal,
        }
    }

    /// A value as it rests.
    pub(super) fn close(&self, key: &[u8], value: &[u8]) -> Result<Vec<u8>> {
        match self {
            Seal::Tagged(tag_key) => {
                let mut out = Vec::with_capacity(value.len() + TAG);
                out.extend_from_slice(value);
                out.extend_from_slice(&tag(tag_key, key, value));
                Ok(out)
            }
            Seal::Encrypted(encrypted) => {
                let too_long = || StoreError::Refused("a value is too long to be encrypted".into());
                sealed::close(&encrypted.cipher, key, value).ok_or_else(too_long)
            }
        }
    }

    /// A value as it was.
    pub(super) fn open<'a>(&self, key: &[u8], rests: &'a [u8]) -> Result<Cow<'a, [u8]>> {
        let damaged = || StoreError::Damaged(keys::describe(key));
        match self {
            Seal::Tagged(tag_key) => {
                let at = rests.len().checked_sub(TAG).ok_or_else(damaged)?;
                let (value, kept) = rests.split_at(at);
                if tag(tag_key, key, value) == kept { Ok(Cow::Borrowed(value)) } else { Err(damaged()) }
            }
            Seal::Encrypted(encrypted) => {
                sealed::open(&encrypted.cipher, key, rests).map(Cow::Owned).ok_or_else(damaged)
            }
        }
    }
}

fn tag(tag_key: &[u8; KEY], key: &[u8], value: &[u8]) -> [u8; TAG] {
    let mut hasher = blake3::Hasher::new_keyed(tag_key);
    hasher.update(&(key.len() as u32).to_be_bytes());
    hasher.update(key);
    hasher.update(value);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&hasher.finalize().as_bytes()[..TAG]);
    tag
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn both() -> [Seal; 2] {
        [Seal::tagged([1; KEY]), Seal::encrypted(&Zeroizing::new([1; KEY]))]
    }

    #[test]
    fn what_is_closed_opens_and_nothing_else_does() {
        for seal in both() {
            for value in [&b""[..], b"a note", &[7; 5000]] {
                let rests = seal.close(b"m1", value).unwrap();
                assert_eq!(seal.open(b"m1", &rests).unwrap(), value);
                assert!(seal.open(b"m2", &rests).is_err(), "moved to another row");
                for bit in 0..rests.len().min(100) * 8 {
                    let mut damaged = rests.clone();
                    damaged[bit / 8] ^= 1 << (bit % 8);
                    assert!(seal.open(b"m1", &damaged).is_err(), "bit {bit}");
                }
                for length in 0..rests.len().min(100) {
                    assert!(seal.open(b"m1", &rests[..length]).is_err(), "cut to {length}");
                }
            }
        }
    }

    #[test]
    fn an_encrypted_value_says_nothing_and_is_never_the_same_twice() {
        let [_, seal] = both();
        let (one, other) = (seal.close(b"m1", b"a secret").unwrap(), seal.close(b"m1", b"a secret").unwrap());
        assert_ne!(one, other);
        assert!(!one.windows(6).any(|part| part == b"secret"));
    }

    #[test]
    fn another_key_opens_nothing() {
        let rests = Seal::encrypted(&Zeroizing::new([1; KEY])).close(b"m1", b"a").unwrap();
        assert!(Seal::encrypted(&Zeroizing::new([2; KEY])).open(b"m1", &rests).is_err());
    }
}
