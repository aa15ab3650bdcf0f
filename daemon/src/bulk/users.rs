//! Who may call the Bulk shapes: users of the configuration, told apart by Basic (REFERENCE A1). Without users anybody
//! who reached the socket may, under whatever name was sent (contract 6).

use std::sync::{Arc, PoisonError, RwLock};

use crate::passwords::basic::{self, Credentials};
use crate::passwords::stored::{MAX_PASSWORD_BYTES, StoredPassword};
use crate::passwords::{Claim, Logins, Verdict};

/// The name of a caller who says none, where there are no users; the vendor's examples have one like it.
pub const NOBODY: &str = "API.User";
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

    fn who(&self) -> String {
        named(&self.site, &self.name)
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
    logins: Logins,
}

impl Users {
    /// Starts with these users, whose passwords are checked by `logins`.
    #[must_use]
    pub fn new(users: Vec<User>, logins: Logins) -> Self {
        Self(Arc::new(Shared { book: RwLock::new(Arc::new(Book::new(users))), logins }))
    }

    /// Puts other users in force, from the next request on.
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
        let found = book.find(&credentials);
        let stored = found.map(|user| &user.password).or(book.decoy.as_ref())?;
        let who = found.map_or_else(|| named(&credentials.site, &credentials.user), User::who);
        let claim = Claim { who, stored: stored.clone(), password: credentials.password.clone() };
        let verdict = self.0.logins.check(claim).await;
        found.filter(|_| verdict == Verdict::Right).map(known)
    }

    fn load(&self) -> Arc<Book> {
        Arc::clone(&self.0.book.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Some users. A change of users is another book.
#[derive(Debug)]
struct Book {
    users: Vec<User>,
    decoy: Option<StoredPassword>,
}

impl Book {
    fn new(users: Vec<User>) -> Self {
        let decoy = users.first().map(|user| user.password.decoy());
        Self { users, decoy }
    }

    /// The user of exactly that site before the one of any site.
    fn find(&self, sent: &Credentials) -> Option<&User> {
        let exact = self.users.iter().find(|user| user.is(&sent.user, &sent.site));
        exact.or_else(|| self.users.iter().find(|user| user.is(&sent.user, "")))
    }
}

/// Neither name nor site has a `\` or `:`.
fn named(site: &str, user: &str) -> String {
    format!("bulk:{site}\\{user}")
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
