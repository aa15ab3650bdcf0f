//! Who may call the Bulk shapes: users of the configuration, told apart by Basic (REFERENCE A1). Without users anybody
//! who reached the socket may, under whatever name was sent (contract 6).

mod basic;
pub mod password;

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use lru::LruCache;
use tokio::sync::Semaphore;

use self::basic::Credentials;
use self::password::{MAX_PASSWORD_BYTES, StoredPassword};
use crate::random;

/// The name of a caller who says none, where there are no users; the vendor's examples have one like it.
pub const NOBODY: &str = "API.User";
/// Passwords that are checked at one time: each takes a core and 19 MiB.
const CHECKS: usize = 2;
/// Requests that wait for a check: about a second's work. Guessing does not pile up behind those who have logged in.
const WAITING: usize = 64;
/// Log-ins that are remembered; there are rarely more users than this.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1024).unwrap();
/// The longest name that is taken as sent; it is kept as `createdBy` of everything its owner makes.
const MAX_SENT_BYTES: usize = 256;

/// Whoever sent a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Caller {
    /// The site: of a known caller as the configuration spells it (empty for a user of any site), else as sent.
    pub site: String,
    /// The name, `createdBy` of what the caller makes.
    pub user: String,
    /// Whether a password has shown it.
    pub known: bool,
}

impl Caller {
    /// Who says nothing.
    #[must_use]
    pub fn nobody() -> Self {
        Self { site: String::new(), user: NOBODY.to_owned(), known: false }
    }
}

/// A user of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name, compared as it stands.
    pub name: String,
    /// The site, compared without letter case; empty for any.
    pub site: String,
    /// The hash of the password.
    pub password: StoredPassword,
}

impl User {
    /// Whether both mean the same entry of the configuration.
    #[must_use]
    pub fn is(&self, name: &str, site: &str) -> bool {
        self.name == name && same_site(&self.site, site)
    }
}

/// Whether two spellings mean the same site.
#[must_use]
pub fn same_site(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// The users, shared by every request and replaceable while they run.
#[derive(Debug, Clone)]
pub struct Users(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    book: RwLock<Arc<Book>>,
    checks: Arc<Semaphore>,
    places: Semaphore,
}

impl Users {
    /// Starts with these users.
    #[must_use]
    pub fn new(users: Vec<User>) -> Self {
        Self(Arc::new(Shared {
            book: RwLock::new(Arc::new(Book::new(users))),
            checks: Arc::new(Semaphore::new(CHECKS)),
            places: Semaphore::new(CHECKS + WAITING),
        }))
    }

    /// Puts other users in force, from the next request on, and forgets every log-in.
    pub fn store(&self, users: Vec<User>) {
        *self.0.book.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(Book::new(users));
    }

    /// Whether there are any; without, nobody is refused.
    #[must_use]
    pub fn are_configured(&self) -> bool {
        !self.load().users.is_empty()
    }

    /// Who sends this `Authorization` header (none: no header); `None` if users are configured and it is none of
    /// them. A first right log-in takes as long as its hash costs, the next ones microseconds. When too many wait
    /// for that, the next is refused.
    pub async fn authenticate(&self, authorization: Option<&[u8]>) -> Option<Caller> {
        let book = self.load();
        let credentials = authorization.and_then(basic::parse);
        if book.users.is_empty() {
            return Some(credentials.map_or_else(Caller::nobody, as_sent));
        }
        let credentials = credentials.filter(|sent| sent.password.len() <= MAX_PASSWORD_BYTES)?;
        if let Some(caller) = book.remembered(&credentials) {
            return Some(caller);
        }
        self.check(book, credentials).await
    }

    async fn check(&self, book: Arc<Book>, credentials: Credentials) -> Option<Caller> {
        let Ok(_place) = self.0.places.try_acquire() else {
            tracing::warn!("too many Bulk log-ins at one time, one is refused");
            return None;
        };
        let permit = Arc::clone(&self.0.checks).acquire_owned().await.ok()?;
        // Whoever came first with the same password may have been found right while this one waited.
        if let Some(caller) = book.remembered(&credentials) {
            return Some(caller);
        }
        // The work goes on when the caller does not wait: its place is free only after it.
        let checked = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            book.check(&credentials)
        });
        checked.await.ok()?
    }

    fn load(&self) -> Arc<Book> {
        Arc::clone(&self.0.book.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Some users and who of them has logged in. A change of users is another book.
#[derive(Debug)]
struct Book {
    users: Vec<User>,
    decoy: Option<StoredPassword>,
    key: [u8; blake3::KEY_LEN],
    seen: Mutex<LruCache<[u8; blake3::OUT_LEN], ()>>,
}

impl Book {
    fn new(users: Vec<User>) -> Self {
        let decoy = users.first().map(|user| user.password.decoy());
        Self { users, decoy, key: random::bytes(), seen: Mutex::new(LruCache::new(REMEMBERED)) }
    }

    /// The user of exactly that site before the one of any site.
    fn find(&self, sent: &Credentials) -> Option<&User> {
        let exact = self.users.iter().find(|user| user.is(&sent.user, &sent.site));
        exact.or_else(|| self.users.iter().find(|user| user.is(&sent.user, "")))
    }

    fn remembered(&self, sent: &Credentials) -> Option<Caller> {
        let user = self.find(sent)?;
        let proof = self.proof(user, sent);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(&proof).map(|()| known(user))
    }

    fn check(&self, sent: &Credentials) -> Option<Caller> {
        let user = self.find(sent);
        let password = user.map(|user| &user.password).or(self.decoy.as_ref())?;
        let right = password.is(&sent.password);
        let user = user.filter(|_| right)?;
        let proof = self.proof(user, sent);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).put(proof, ());
        Some(known(user))
    }

    /// What is remembered of a log-in: worth nothing without this process's key.
    fn proof(&self, user: &User, sent: &Credentials) -> [u8; blake3::OUT_LEN] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in [&user.site, &user.name, sent.password.as_str(), &user.password.to_string()] {
            hasher.update(&part.len().to_le_bytes());
            hasher.update(part.as_bytes());
        }
        *hasher.finalize().as_bytes()
    }
}

fn known(user: &User) -> Caller {
    Caller { site: user.site.clone(), user: user.name.clone(), known: true }
}

fn as_sent(sent: Credentials) -> Caller {
    if sent.user.is_empty() || sent.user.len() + sent.site.len() > MAX_SENT_BYTES {
        return Caller::nobody();
    }
    Caller { site: sent.site.clone(), user: sent.user.clone(), known: false }
}

#[cfg(test)]
mod tests;
