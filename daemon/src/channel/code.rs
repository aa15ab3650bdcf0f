//! The code that a person reads on one device and types on the other, and the key made from it.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::{Zeroize, Zeroizing};

use super::error::ChannelError;
use super::handshake::INVITATION_ID;

/// Crockford's base 32: no I, L, O, U.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters of randomness: 60 bits, out of reach for the five minutes an invitation lives.
const RANDOM: usize = 12;
/// With the check character.
const LENGTH: usize = RANDOM + 1;
/// Argon2id memory in KiB: 64 MiB makes a guess dear for a graphics card and is still free on a phone.
const MEMORY_KIB: u32 = 64 * 1024;
/// Argon2id passes.
const PASSES: u32 = 2;

/// A pairing code: 12 random characters and one check character. Shown 4-4-5.
pub struct Code([u8; LENGTH]);

/// Why a text is no code. Found before anything is sent, so it tells nothing about the other device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodeError {
    /// Too few or too many characters.
    #[error("a pairing code has {LENGTH} letters and digits")]
    Length,
    /// A character that no code has.
    #[error("{0:?} is in no pairing code")]
    Character(char),
    /// The check character does not fit: something is mistyped.
    #[error("the pairing code is mistyped; compare it once more")]
    Check,
}

impl Code {
    /// A new code from the system's randomness.
    ///
    /// # Errors
    /// [`ChannelError::Random`].
    pub fn generate() -> Result<Self, ChannelError> {
        let mut random = Zeroizing::new([0; RANDOM]);
        getrandom::fill(random.as_mut()).map_err(ChannelError::Random)?;
        let mut values = Zeroizing::new([0; LENGTH]);
        for (value, byte) in values.iter_mut().zip(random.iter()) {
            *value = byte % 32;
        }
        values[RANDOM] = check(&values[..RANDOM]);
        Ok(Self(values.map(|value| ALPHABET[usize::from(value)])))
    }

    /// Reads what a person typed: any case, blanks and hyphens anywhere, O for 0, I and L for 1.
    ///
    /// # Errors
    /// [`CodeError`] with what to mend.
    pub fn parse(text: &str) -> Result<Self, CodeError> {
        let mut values = Zeroizing::new([0; LENGTH]);
        let mut count = 0;
        for character in text.chars().filter(|c| !c.is_whitespace() && *c != '-') {
            let value = value(character).ok_or(CodeError::Character(character))?;
            *values.get_mut(count).ok_or(CodeError::Length)? = value;
            count += 1;
        }
        if count != LENGTH {
            return Err(CodeError::Length);
        }
        if values[RANDOM] != check(&values[..RANDOM]) {
            return Err(CodeError::Check);
        }
        Ok(Self(values.map(|value| ALPHABET[usize::from(value)])))
    }
}

impl Drop for Code {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, character) in self.0.iter().enumerate() {
            if index == 4 || index == 8 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*character))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code").finish_non_exhaustive()
    }
}

/// The pre-shared key of a pairing: Argon2id of the 13 characters, upper case and without separators, salted
/// with the invitation's id. Takes tenths of a second and 64 MiB: not for an async thread.
///
/// # Errors
/// [`ChannelError::Kdf`] when the memory is not to be had.
pub fn psk(code: &Code, id: &[u8; INVITATION_ID]) -> Result<Zeroizing<[u8; 32]>, ChannelError> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, Some(32)).map_err(|_| ChannelError::Kdf)?;
    let mut key = Zeroizing::new([0; 32]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(&code.0, id, key.as_mut())
        .map_err(|_| ChannelError::Kdf)?;
    Ok(key)
}

fn value(character: char) -> Option<u8> {
    let plain = match character.to_ascii_uppercase() {
        'O' => '0',
        'I' | 'L' => '1',
        other => other,
    };
    ALPHABET.iter().zip(0..).find(|(known, _)| char::from(**known) == plain).map(|(_, value)| value)
}

/// A weighted sum over the field of 32 elements. The weights are different powers of a generator, so every
/// single wrong character and every exchange of two characters is seen.
fn check(values: &[u8]) -> u8 {
    values.iter().fold(0, |sum, value| times_generator(sum ^ value))
}

/// Times x modulo x^5 + x^2 + 1.
fn times_generator(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 0b10_0000 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn shows_four_four_five_and_reads_itself_back() {
        let shown = Code::generate().unwrap().to_string();
        let lengths: Vec<usize> = shown.split('-').map(str::len).collect();
        assert_eq!(lengths, [4, 4, 5]);
        assert_eq!(Code::parse(&shown).unwrap().to_string(), shown);
        assert_eq!(format!("{:?}", Code::parse(&shown).unwrap()), "Code { .. }");
    }

    #[test]
    fn forgives_what_people_type() {
        let values = [0, 1, 1, 10, 0, 0, 0, 0, 31, 0, 1, 0];
        let last = char::from(ALPHABET[usize::from(check(&values))]);
        let typed = format!(" oiLa -o0-O0 zO\tl 0{last}").to_lowercase();
        assert_eq!(Code::parse(&typed).unwrap().0[..RANDOM], *b"011A0000Z010");
    }

    #[test]
    fn sees_every_wrong_and_every_exchanged_character() {
        let good = Code::generate().unwrap();
        for at in 0..LENGTH {
            for other in ALPHABET {
                let mut bad = good.0;
                bad[at] = *other;
                let read = Code::parse(std::str::from_utf8(&bad).unwrap());
                assert_eq!(read.is_ok(), *other == good.0[at]);
            }
            for with in 0..at {
                let mut bad = good.0;
                bad.swap(at, with);
                let read = Code::parse(std::str::from_utf8(&bad).unwrap());
                assert_eq!(read.is_ok(), good.0[at] == good.0[with]);
            }
        }
    }

    #[test]
    fn says_what_is_wrong() {
        assert_eq!(Code::parse("").unwrap_err(), CodeError::Length);
        assert_eq!(Code::parse(&"0".repeat(1_000_000)).unwrap_err(), CodeError::Length);
        assert_eq!(Code::parse("0000-0000-0000U").unwrap_err(), CodeError::Character('U'));
        assert_eq!(Code::parse("0000-0000-00001").unwrap_err(), CodeError::Check);
        assert_eq!(Code::parse("ééééééééééééé").unwrap_err(), CodeError::Character('é'));
    }

    /// Both ends must derive the same key for years: this pins the parameters.
    #[test]
    fn the_key_is_pinned() {
        let key = psk(&Code::parse("0000-0000-00000").unwrap(), &[7; INVITATION_ID]).unwrap();
        let again = psk(&Code::parse("ooooooooooooo").unwrap(), &[7; INVITATION_ID]).unwrap();
        assert_eq!(*key, *again);
        assert_eq!(
            data_encoding::HEXLOWER.encode(key.as_ref()),
            "3e38eac475fc9d8656a9bd1cabf84f10bb891045f60e5b0f24cc319970109413"
        );
    }
}
