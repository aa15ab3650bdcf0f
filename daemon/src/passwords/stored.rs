//! A password as the configuration keeps it: the PHC string of its argon2id hash, never the password.

use std::fmt;

use argon2::password_hash::phc::{Output, Salt};
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{ARGON2ID_IDENT, Algorithm, Argon2, Params, PasswordHash, Version};

use crate::random;

/// Argon2id memory in KiB: OWASP's first choice (19 MiB), some 20 ms of one core.
pub const MEMORY_KIB: u32 = 19 * 1024;
/// Argon2id passes that go with it.
pub const PASSES: u32 = 2;
/// Argon2id lanes that go with it.
pub const LANES: u32 = 1;
/// Fewer can be guessed even against argon2id (NIST SP 800-63B 5.1.1.1).
pub const MIN_PASSWORD_CHARS: usize = 8;
/// Longer than any pass phrase; a header field could hold 64 KiB.
pub const MAX_PASSWORD_BYTES: usize = 1024;
/// The most memory that a hash made elsewhere may cost at each log-in; one is checked at one time.
const MAX_MEMORY_KIB: u32 = 256 * 1024;
/// The most passes and lanes that a hash made elsewhere may cost: well under a second each.
const MAX_PASSES: u32 = 16;
const MAX_LANES: u32 = 16;
/// OWASP's and this program's own length of a hash.
const HASH_BYTES: usize = 32;
const SALT_BYTES: usize = 16;

/// The argon2id hash of a password, with its salt and cost. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct StoredPassword(PasswordHash);

/// Why there is no hash of a new password. It says nothing of the password but its length.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Easy to guess.
    #[error("a password has at least {MIN_PASSWORD_CHARS} characters")]
    Short,
    /// Longer than what is ever compared.
    #[error("a password has at most {MAX_PASSWORD_BYTES} bytes")]
    Long,
    /// The system has no memory for it.
    #[error("cannot hash the password: {0}")]
    Hash(argon2::password_hash::Error),
}

impl StoredPassword {
    /// Hashes a new password with a salt of its own. Takes some 20 ms and 19 MiB.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub fn of(password: &str) -> Result<Self, PasswordError> {
        if password.chars().count() < MIN_PASSWORD_CHARS {
            return Err(PasswordError::Short);
        }
        if password.len() > MAX_PASSWORD_BYTES {
            return Err(PasswordError::Long);
        }
        let salt = random::bytes::<SALT_BYTES>();
        let hashed = argon2().hash_password_with_salt(password.as_bytes(), &salt);
        hashed.map(Self).map_err(PasswordError::Hash)
    }

    /// Reads a PHC string.
    ///
    /// # Errors
    /// What is wrong with it, in words that do not repeat it: it may be the password itself.
    pub fn parse(text: &str) -> Result<Self, String> {
        let not_one = "is not the argon2id hash of a password (a PHC string); `quire user add NAME` and `quire app add NAME` write one";
        let hash = PasswordHash::new(text).map_err(|_| not_one.to_owned())?;
        let params = Params::try_from(&hash).map_err(|_| not_one.to_owned())?;
        let whole = hash.algorithm == ARGON2ID_IDENT && hash.salt.is_some() && hash.hash.is_some();
        if !whole || hash.version.is_some_and(|version| Version::try_from(version).is_err()) {
            return Err(not_one.to_owned());
        }
        if params.m_cost() > MAX_MEMORY_KIB || params.t_cost() > MAX_PASSES || params.p_cost() > MAX_LANES {
            return Err(format!(
                "is a hash that costs too much at each log-in; m={MAX_MEMORY_KIB}, t={MAX_PASSES}, p={MAX_LANES} is the most"
            ));
        }
        Ok(Self(hash))
    }

    /// A hash that costs as much as this one and that no password has: what a stranger's is compared with, so that
    /// the time tells nobody who is known.
    #[must_use]
    pub fn decoy(&self) -> Self {
        let salt = Salt::new(&random::bytes::<SALT_BYTES>()).ok();
        let hash = Output::new(&random::bytes::<HASH_BYTES>()).ok();
        Self(PasswordHash { salt, hash, ..self.0.clone() })
    }

    /// Whether this is the password. Takes as long as the hash costs, whatever the answer.
    #[must_use]
    pub fn is(&self, password: &str) -> bool {
        argon2().verify_password(password.as_bytes(), &self.0).is_ok()
    }
}

/// The PHC string.
impl fmt::Display for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for StoredPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StoredPassword(…)")
    }
}

/// With the cost of new hashes; a stored one is checked at its own.
fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(HASH_BYTES)).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_hash_has_the_recommended_cost_and_reads_back() {
        let hash = StoredPassword::of("correct horse").unwrap();
        let text = hash.to_string();
        assert!(text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{text}");
        let again = StoredPassword::parse(&text).unwrap();
        assert_eq!(again, hash);
        assert!(again.is("correct horse") && !again.is("correct horsf") && !again.is(""));
        assert!(!again.decoy().is("correct horse"));
        assert_eq!(format!("{hash:?}"), "StoredPassword(…)");
        assert_ne!(StoredPassword::of("correct horse").unwrap(), hash, "each has a salt of its own");
    }

    #[test]
    fn short_and_long_passwords_are_refused() {
        assert_eq!(StoredPassword::of("sevenäö"), Err(PasswordError::Short));
        StoredPassword::of("eightäöü").unwrap();
        StoredPassword::of(&"x".repeat(MAX_PASSWORD_BYTES)).unwrap();
        assert_eq!(StoredPassword::of(&"x".repeat(MAX_PASSWORD_BYTES + 1)), Err(PasswordError::Long));
    }

    #[test]
    fn what_is_no_hash_is_refused_without_repeating_it() {
        let salt = "c29tZXNhbHRzYWx0";
        let hash = "MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";
        let cases = [
            "hunter2hunter2".to_owned(),
            "$argon2id$".to_owned(),
            format!("$argon2i$v=19$m=19456,t=2,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=19456,t=2,p=1${salt}"),
            format!("$argon2id$v=18$m=19456,t=2,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=1,t=2,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=4194304,t=2,p=1${salt}${hash}"),
            format!("$argon2id$v=19$m=19456,t=1000,p=1${salt}${hash}"),
            "$2b$12$abcdefghijklmnopqrstuv".to_owned(),
        ];
        for case in cases {
            let reason = StoredPassword::parse(&case).unwrap_err();
            assert!(reason.contains("hash"), "{reason}");
            assert!(!reason.contains(&case) && !reason.contains(salt), "{reason}");
        }
        StoredPassword::parse(&format!("$argon2id$v=19$m=19456,t=2,p=1${salt}${hash}")).unwrap();
    }
}
