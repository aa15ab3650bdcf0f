//! Numbers for applications that ask for one (`registerDevice`, REFERENCE C1). Cursors belong to them, so that no two
//! devices may share one.

use super::Batch;
use crate::engine::EngineError;
use crate::store::keys::{Key, Kind};
use crate::store::{Result, Rows};

/// Numbers below are left to apps that choose their own: those count from 1.
const FIRST: i64 = 1 << 20;

/// Numbers that are tried: with a billion of them the second is needed only where somebody fills the store with them.
const TRIES: u32 = 64;

impl Batch<'_, '_> {
    /// The number of a device: always the same for one, nobody else's.
    pub fn register(&mut self, device: &str) -> Result<i64, EngineError> {
        for attempt in 0..TRIES {
            let (number, name) = candidate(device, attempt);
            let key = Key::of(Kind::Application).signed(number);
            match self.rows.get(&key)? {
                Some(holder) if holder == name => return Ok(number),
                Some(_) => {}
                None if self.has_cursor(number)? => {}
                None => {
                    self.rows.put(&key, &name)?;
                    return Ok(number);
                }
            }
        }
        Err(EngineError::Taken("no free AccountApplicationId was found".to_owned()))
    }

    /// Whether an application of that number has synchronized.
    fn has_cursor(&self, application: i64) -> Result<bool> {
        let from = Key::of(Kind::Cursor).signed(application);
        Ok(self.rows.last(&from, &from.end())?.is_some_and(|(key, _)| key.starts_with(&from)))
    }
}

/// A number to try for a device, and the device's name.
fn candidate(device: &str, attempt: u32) -> (i64, [u8; 16]) {
    let name = blake3::derive_key("quire application 1", device.as_bytes());
    let number = blake3::keyed_hash(&name, &attempt.to_be_bytes());
    let [a, b, c, d, ..] = *number.as_bytes();
    let number = i64::from(u32::from_be_bytes([a, b, c, d]) >> 1).max(FIRST);
    let mut short = [0; 16];
    short.copy_from_slice(&name[..16]);
    (number, short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_positive_ints_above_those_that_apps_choose() {
        for attempt in 0..1_000 {
            let (number, name) = candidate("a", attempt);
            assert!((FIRST..=i64::from(i32::MAX)).contains(&number));
            assert_eq!((number, name), candidate("a", attempt));
        }
        assert_ne!(candidate("a", 0), candidate("b", 0));
    }
}
