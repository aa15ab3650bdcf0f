//! What an app may do with one space.

use std::fmt;

use quire_protocol::id::Space;
use quire_protocol::identity::Rights;

/// A space and what an app may do with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The space.
    pub space: Space,
    /// To read, or to read and write.
    pub rights: Rights,
}

impl Grant {
    /// To read and write.
    pub const BOTH: Rights = Rights(Rights::READ.0 | Rights::WRITE.0);

    /// Reads `SPACE`, `SPACE:r` or `SPACE:rw`, such as `account:3` or `tenant:087a4be1-37eb-4c62-8484-39e603c2f6bd:r`.
    ///
    /// # Errors
    /// What is wrong with it, and what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, rights) = match text.rsplit_once(':') {
            Some((name, "r" | "read")) => (name, Rights::READ),
            Some((name, "rw" | "write")) => (name, Self::BOTH),
            _ => (text, Self::BOTH),
        };
        match Space::parse(name) {
            Some(space) => Ok(Self { space, rights }),
            None => Err(format!(
                "{text:?} is no space, such as account:3, account:3:r (to read alone) or tenant:GUID"
            )),
        }
    }

    /// `r` or `rw`.
    #[must_use]
    pub fn letters(&self) -> &'static str {
        if self.rights.allow(Rights::WRITE) { "rw" } else { "r" }
    }
}

/// As it is read.
impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.space, self.letters())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_grant_is_a_space_and_letters() {
        let guid = "tenant:087a4be1-37eb-4c62-8484-39e603c2f6bd";
        for (text, shown) in [
            ("account:3", "account:3:rw".to_owned()),
            ("account:-3:rw", "account:-3:rw".to_owned()),
            ("account:3:r", "account:3:r".to_owned()),
            ("account:3:read", "account:3:r".to_owned()),
            (guid, format!("{guid}:rw")),
            (&format!("{guid}:write"), format!("{guid}:rw")),
        ] {
            let grant = Grant::parse(text).unwrap();
            assert_eq!(grant.to_string(), shown, "{text}");
            assert_eq!(Grant::parse(&shown).unwrap(), grant);
        }
        for bad in [
            "",
            "account",
            "account:",
            "account:03",
            "account:3:",
            "account:3:admin",
            "account:3:rr",
            "r",
            "*",
        ] {
            assert!(Grant::parse(bad).unwrap_err().contains("no space"), "{bad}");
        }
    }
}
