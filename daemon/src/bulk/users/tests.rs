use data_encoding::BASE64;

use super::*;
use crate::passwords::tests::cheap;

fn user(name: &str, site: &str, password: &str) -> User {
    User { name: name.to_owned(), site: site.to_owned(), password: cheap(password) }
}

fn basic(text: &str) -> Vec<u8> {
    format!("Basic {}", BASE64.encode(text.as_bytes())).into_bytes()
}

fn caller(site: &str, user: &str, known: bool) -> Caller {
    Caller { site: site.to_owned(), user: user.to_owned(), known }
}

async fn come(users: &Users, text: &str) -> Option<Caller> {
    users.authenticate(Some(&basic(text))).await
}

#[tokio::test]
async fn without_users_everybody_is_who_they_say() {
    let users = Users::new(Vec::new(), Logins::default());
    assert!(!users.are_configured());
    assert_eq!(come(&users, r"ACME\bob:x").await, Some(caller("ACME", "bob", false)));
    assert_eq!(come(&users, "bob:").await, Some(caller("", "bob", false)));
    let long = "x".repeat(10_000);
    let nobodies = [None, Some("Bearer abc"), Some("Basic %"), Some("")];
    for header in nobodies {
        assert_eq!(users.authenticate(header.map(str::as_bytes)).await, Some(Caller::nobody()), "{header:?}");
    }
    assert_eq!(come(&users, r"ACME\:x").await, Some(Caller::nobody()));
    assert_eq!(come(&users, &format!("{long}:x")).await, Some(Caller::nobody()));
}

#[tokio::test]
async fn users_are_known_by_site_name_and_password() {
    let users = Users::new(
        vec![user("bob", "Acme", "first secret"), user("eve", "", "other secret")],
        Logins::default(),
    );
    assert!(users.are_configured());
    for good in [r"Acme\bob:first secret", r"ACME\bob:first secret", r"acme\bob:first secret"] {
        assert_eq!(come(&users, good).await, Some(caller("Acme", "bob", true)), "{good}");
    }
    for good in ["eve:other secret", r"Anything\eve:other secret", r"\eve:other secret"] {
        assert_eq!(come(&users, good).await, Some(caller("", "eve", true)), "{good}");
    }
    let bad = [
        "bob:first secret",
        r"Other\bob:first secret",
        r"Acme\Bob:first secret",
        r"Acme\bob:first secres",
        r"Acme\bob:",
        r"Acme\bob:other secret",
        r"Acme\nobody:first secret",
        ":",
    ];
    for bad in bad {
        assert_eq!(come(&users, bad).await, None, "{bad}");
        assert_eq!(come(&users, bad).await, None, "{bad}");
    }
    assert_eq!(users.authenticate(None).await, None);
    assert_eq!(users.authenticate(Some(b"Bearer abc")).await, None);
    assert_eq!(come(&users, &format!(r"Acme\bob:{}", "x".repeat(MAX_PASSWORD_BYTES + 1))).await, None);
}

#[tokio::test]
async fn the_user_of_a_site_comes_before_the_one_of_any() {
    let users = Users::new(
        vec![user("bob", "", "any secret"), user("bob", "Acme", "acme secret")],
        Logins::default(),
    );
    assert_eq!(come(&users, r"acme\bob:acme secret").await, Some(caller("Acme", "bob", true)));
    assert_eq!(come(&users, r"acme\bob:any secret").await, None);
    assert_eq!(come(&users, r"else\bob:any secret").await, Some(caller("", "bob", true)));
}

#[tokio::test]
async fn a_change_of_users_is_in_force_at_once() {
    let users = Users::new(vec![user("bob", "", "first secret")], Logins::default());
    let shared = users.clone();
    assert!(come(&shared, "bob:first secret").await.is_some());
    users.store(vec![user("bob", "", "second secret")]);
    assert_eq!(come(&shared, "bob:first secret").await, None);
    assert!(come(&shared, "bob:second secret").await.is_some());
    users.store(Vec::new());
    assert_eq!(come(&shared, "bob:first secret").await, Some(caller("", "bob", false)));
}

#[tokio::test]
async fn no_debug_output_has_a_secret() {
    let users = Users::new(vec![user("bob", "", "first secret")], Logins::default());
    come(&users, "bob:first secret").await.unwrap();
    let shown = format!("{:?}", users.load().users);
    assert!(!shown.contains("argon2id") && !shown.contains("secret"), "{shown}");
}
