//! Apps with a password of their own (`api.apps`): who they are, which spaces they may read and write, and from which
//! web origins they may call. Such a grant is this daemon's alone and is never replicated.

mod grant;
pub mod origin;

use std::sync::Arc;

pub use grant::Grant;
use quire_protocol::id::Space;
use quire_protocol::identity::Rights;

use crate::passwords::basic::{self, Credentials};
use crate::passwords::stored::{MAX_PASSWORD_BYTES, StoredPassword};
use crate::passwords::{Claim, Logins, Verdict};

/// An app of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// The name, compared as it stands.
    pub name: String,
    /// The hash of the password.
    pub password: StoredPassword,
    /// What it may read and write; empty for everything.
    pub spaces: Vec<Grant>,
    /// The web origins that may call in its name.
    pub origins: Vec<String>,
}

impl App {
    /// Whether there are spaces that it may not touch.
    #[must_use]
    pub fn is_restricted(&self) -> bool {
        !self.spaces.is_empty()
    }

    /// Whether it may do that with a space.
    #[must_use]
    pub fn may(&self, space: &Space, rights: Rights) -> bool {
        !self.is_restricted()
            || self.spaces.iter().any(|grant| grant.space == *space && grant.rights.allow(rights))
    }

    /// Whether it may call from pages of that origin.
    #[must_use]
    pub fn is_from(&self, origin: &str) -> bool {
        self.origins.iter().any(|own| own == origin)
    }
}

/// What an `Authorization` header came to.
#[derive(Debug, Clone)]
pub enum Shown {
    /// The password of this app.
    App(Arc<App>),
    /// Nothing, or nothing that holds.
    Nothing,
    /// Too many passwords are waiting to be checked.
    Busy,
}

/// The apps of the configuration. A change of them is another one.
#[derive(Debug, Clone, Default)]
pub struct Apps {
    all: Vec<Arc<App>>,
    decoy: Option<StoredPassword>,
}

impl Apps {
    /// These apps.
    #[must_use]
    pub fn new(apps: &[App]) -> Self {
        let decoy = apps.first().map(|app| app.password.decoy());
        Self { all: apps.iter().cloned().map(Arc::new).collect(), decoy }
    }

    /// Whether some app may call from pages of that origin.
    #[must_use]
    pub fn grant_origin(&self, origin: &str) -> bool {
        self.all.iter().any(|app| app.is_from(origin))
    }

    /// Which app sends this `Authorization` header: `NAME:PASSWORD`, also with `ANYTHING\` before it (none: no header).
    pub async fn shown(&self, logins: &Logins, authorization: Option<&[u8]>) -> Shown {
        let sent = authorization.and_then(basic::parse);
        let Some(sent) = sent.filter(|sent| sent.password.len() <= MAX_PASSWORD_BYTES) else {
            return Shown::Nothing;
        };
        let app = self.all.iter().find(|app| app.name == sent.user);
        let Some(claim) = self.claim(app, &sent) else { return Shown::Nothing };
        match (app, logins.check(claim).await) {
            (_, Verdict::Busy) => Shown::Busy,
            (Some(app), Verdict::Right) => Shown::App(Arc::clone(app)),
            _ => Shown::Nothing,
        }
    }

    /// The claim of a stranger costs as much as that of an app, so that the time tells nobody who is known.
    fn claim(&self, app: Option<&Arc<App>>, sent: &Credentials) -> Option<Claim> {
        let stored = app.map(|app| &app.password).or(self.decoy.as_ref())?;
        let who = format!("app:{}", sent.user);
        Some(Claim { who, stored: stored.clone(), password: sent.password.clone() })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use data_encoding::BASE64;

    use super::*;
    use crate::passwords::tests::cheap;

    fn app(name: &str, password: &str, spaces: &[&str]) -> App {
        let spaces = spaces.iter().map(|text| Grant::parse(text).unwrap()).collect();
        App { name: name.into(), password: cheap(password), spaces, origins: vec!["app://-".into()] }
    }

    async fn shown(apps: &Apps, logins: &Logins, text: &str) -> Option<String> {
        let header = format!("Basic {}", BASE64.encode(text.as_bytes()));
        match apps.shown(logins, Some(header.as_bytes())).await {
            Shown::App(app) => Some(app.name.clone()),
            _ => None,
        }
    }

    #[tokio::test]
    async fn an_app_is_known_by_name_and_password_whatever_the_company() {
        let logins = Logins::default();
        let apps = Apps::new(&[app("reader", "first secret", &[]), app("desk", "other secret", &[])]);
        for good in ["reader:first secret", r"ACME\reader:first secret", r"\reader:first secret"] {
            assert_eq!(shown(&apps, &logins, good).await.as_deref(), Some("reader"), "{good}");
        }
        for bad in
            ["reader:other secret", "Reader:first secret", "reader:", ":first secret", "nobody:first secret"]
        {
            assert_eq!(shown(&apps, &logins, bad).await, None, "{bad}");
        }
        for header in [None, Some("Bearer abc"), Some("Basic %"), Some(r"Basic YVxiIGM=")] {
            let answer = apps.shown(&logins, header.map(str::as_bytes)).await;
            assert!(matches!(answer, Shown::Nothing), "{header:?}");
        }
        assert_eq!(shown(&Apps::default(), &logins, "reader:first secret").await, None);
    }

    #[test]
    fn an_app_may_touch_its_spaces_and_no_other() {
        let (three, four) = (Space::account(3), Space::account(4));
        let some = app("a", "first secret", &["account:3:r", "account:5"]);
        assert!(some.may(&three, Rights::READ) && !some.may(&three, Rights::WRITE));
        assert!(some.may(&Space::account(5), Rights::WRITE) && !some.may(&four, Rights::READ));
        assert!(app("b", "first secret", &[]).may(&four, Rights::WRITE));
    }
}
