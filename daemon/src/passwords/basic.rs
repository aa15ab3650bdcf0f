//! Who an `Authorization: Basic` header says is calling (REFERENCE A1).

use data_encoding::BASE64;
use zeroize::{Zeroize, Zeroizing};

/// What a header says; wiped when dropped.
pub struct Credentials {
    /// What stands before the first `\`; empty without one.
    pub site: String,
    /// The name.
    pub user: String,
    /// The password.
    pub password: Zeroizing<String>,
}

/// Reads `Basic base64(site\user:password)`: the scheme in any letter case, the site up to the first `\` of what
/// stands before the first `:`. Without `\` the site is empty. `None` for anything else.
#[must_use]
pub fn parse(authorization: &[u8]) -> Option<Credentials> {
    let space = authorization.iter().position(|byte| *byte == b' ')?;
    let (scheme, encoded) = authorization.split_at_checked(space)?;
    if !scheme.eq_ignore_ascii_case(b"basic") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64.decode(encoded.trim_ascii()).ok()?);
    let text = text(&decoded);
    let (who, password) = text.split_once(':')?;
    let (site, user) = who.split_once('\\').unwrap_or(("", who));
    Some(Credentials {
        site: site.to_owned(),
        user: user.to_owned(),
        password: Zeroizing::new(password.to_owned()),
    })
}

/// Browsers and old clients send Latin-1 where the text has no other characters; every byte is one then.
fn text(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    })
}

impl Drop for Credentials {
    fn drop(&mut self) {
        self.site.zeroize();
        self.user.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Option<(String, String, String)> {
        let header = format!("Basic {}", BASE64.encode(bytes));
        let found = parse(header.as_bytes())?;
        Some((found.site.clone(), found.user.clone(), found.password.to_string()))
    }

    fn parts(site: &str, user: &str, password: &str) -> Option<(String, String, String)> {
        Some((site.to_owned(), user.to_owned(), password.to_owned()))
    }

    #[test]
    fn site_user_and_password_are_split_at_the_first_of_each() {
        assert_eq!(read(br"COMP\user:pw"), parts("COMP", "user", "pw"));
        assert_eq!(read(br"a\b\c:d:e\f"), parts("a", r"b\c", r"d:e\f"));
        assert_eq!(read(b"user:"), parts("", "user", ""));
        assert_eq!(read(br"user:a\b"), parts("", "user", r"a\b"));
        assert_eq!(read(b":"), parts("", "", ""));
        assert_eq!(read(r"É\ü:ß".as_bytes()), parts("É", "ü", "ß"));
        assert_eq!(read(b"\xc9\\\xfc:\xdf"), parts("É", "ü", "ß"));
        assert_eq!(read(br"a\b"), None);
        assert_eq!(read(b""), None);
    }

    #[test]
    fn the_scheme_has_any_case_and_nothing_else_is_read() {
        for good in ["Basic YTpi", "basic YTpi", "BASIC  YTpi ", "bAsIc YTpi"] {
            assert!(parse(good.as_bytes()).is_some(), "{good}");
        }
        let bad = [
            "",
            "Basic",
            "Basic ",
            "BasicYTpi",
            "Bearer YTpi",
            "Basic YTpi YTpi",
            "Basic YTp",
            "Basic *",
            "Basic a-_=",
        ];
        for bad in bad {
            assert!(parse(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
            read(&bytes);
        }
    }
}
