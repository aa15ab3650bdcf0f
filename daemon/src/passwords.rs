//! Passwords that callers show by Basic: how one is read, kept and checked. Apps (`api.apps`) and users of the Bulk
//! shapes (`bulk.users`) share it, so that all guessing together costs one core and one check's memory.

pub mod basic;
pub mod stored;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use self::stored::StoredPassword;
use crate::random;

/// Passwords that are checked at one time: each takes a core and 19 MiB.
const CHECKS: usize = 1;
/// Requests that wait for a check: about a second's work. Guessing does not pile up behind those who have logged in.
const WAITING: usize = 64;
/// Right passwords that are remembered; there are rarely more callers than this.
const RIGHT: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// Wrong ones that are remembered, apart from the right ones, which guessing must not drive out: an app that repeats an
/// old password costs nothing.
const WRONG: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

type Proof = [u8; blake3::OUT_LEN];

/// What somebody claims.
pub struct Claim {
    /// Who they say they are, told apart from everybody else.
    pub who: String,
    /// The password of whom they say they are; of a nobody, one that no password has and that costs as much.
    pub stored: StoredPassword,
    /// The password that they show.
    pub password: Zeroizing<String>,
}

/// What became of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Right,
    /// It does not.
    Wrong,
    /// Too many wait for an answer.
    Busy,
}

/// Checks claims; shared by everybody who is asked for a password.
#[derive(Debug, Clone)]
pub struct Logins(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Of this process: what is remembered is worth nothing without it.
    key: [u8; blake3::KEY_LEN],
    right: Mutex<LruCache<Proof, ()>>,
    wrong: Mutex<LruCache<Proof, ()>>,
    checks: Arc<Semaphore>,
    places: Semaphore,
}

impl Default for Logins {
    fn default() -> Self {
        Self(Arc::new(Shared {
            key: random::bytes(),
            right: Mutex::new(LruCache::new(RIGHT)),
            wrong: Mutex::new(LruCache::new(WRONG)),
            checks: Arc::new(Semaphore::new(CHECKS)),
            places: Semaphore::new(CHECKS + WAITING),
        }))
    }
}

impl Logins {
    /// Whether a claim holds. The first time it takes as long as its hash costs, then microseconds.
    pub async fn check(&self, claim: Claim) -> Verdict {
        let proof = self.proof(&claim);
        if let Some(verdict) = self.remembered(&proof) {
            return verdict;
        }
        let Ok(_place) = self.0.places.try_acquire() else {
            tracing::warn!("too many passwords are waiting to be checked, one is refused");
            return Verdict::Busy;
        };
        let Ok(permit) = Arc::clone(&self.0.checks).acquire_owned().await else { return Verdict::Busy };
        // Whoever came first with the same one may have been answered while this one waited.
        if let Some(verdict) = self.remembered(&proof) {
            return verdict;
        }
        // The work goes on when the caller does not wait: its place is free only after it.
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            claim.stored.is(&claim.password)
        });
        let Ok(right) = checked.await else { return Verdict::Busy };
        let kept = if right { &self.0.right } else { &self.0.wrong };
        kept.lock().unwrap_or_else(PoisonError::into_inner).put(proof, ());
        if right { Verdict::Right } else { Verdict::Wrong }
    }

    fn remembered(&self, proof: &Proof) -> Option<Verdict> {
        let has = |kept: &Mutex<LruCache<Proof, ()>>| {
            kept.lock().unwrap_or_else(PoisonError::into_inner).get(proof).is_some()
        };
        match () {
            () if has(&self.0.right) => Some(Verdict::Right),
            () if has(&self.0.wrong) => Some(Verdict::Wrong),
            () => None,
        }
    }

    /// A changed password, or another decoy, is another proof: nothing needs to be forgotten.
    fn proof(&self, claim: &Claim) -> Proof {
        let mut hasher = blake3::Hasher::new_keyed(&self.0.key);
        for part in [claim.who.as_str(), claim.password.as_str(), &claim.stored.to_string()] {
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

#[cfg(test)]
pub(crate) mod tests;
