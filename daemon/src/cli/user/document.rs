//! The text of a configuration file with its users changed and everything else as it was: order, comments, blanks.

use std::fmt;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use crate::bulk::users::password::StoredPassword;
use crate::bulk::users::same_site;

/// Also as one quoted key at the top, which the file may use (`"bulk.users" = […]`).
const QUOTED: &str = "bulk.users";

/// A configuration file that can be changed.
pub(super) struct Document(DocumentMut);

/// What became of a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Set {
    Added,
    Changed,
}

/// Why nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`bulk` or `bulk.users` in it is something else than a section of users")]
pub(super) struct Unsuitable;

impl Document {
    /// Reads the text; `None` if it is no TOML.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Adds a user, or changes the password of the one of that name and site.
    pub(super) fn set(
        &mut self,
        name: &str,
        site: &str,
        password: &StoredPassword,
    ) -> Result<Set, Unsuitable> {
        let users = self.users()?;
        let mut present = None;
        each(users, |user| {
            if is(user, name, site) && present.is_none() {
                user.insert("password", value(password.to_string()));
                present = Some(Set::Changed);
            }
        });
        match present {
            Some(changed) => Ok(changed),
            None => add(users, name, site, password),
        }
    }

    /// Removes the user of that name and site; false if there is none.
    pub(super) fn remove(&mut self, name: &str, site: &str) -> bool {
        let Some(users) = self.existing_users() else { return false };
        let before = count(users);
        match users {
            Item::ArrayOfTables(tables) => tables.retain(|user| !is(user, name, site)),
            Item::Value(Value::Array(array)) => {
                array.retain(|user| !user.as_inline_table().is_some_and(|user| is(user, name, site)));
            }
            _ => {}
        }
        count(users) < before
    }

    fn existing_users(&mut self) -> Option<&mut Item> {
        let root = self.0.as_table_mut();
        if root.contains_key(QUOTED) {
            return root.get_mut(QUOTED);
        }
        root.get_mut("bulk")?.as_table_like_mut()?.get_mut("users")
    }

    /// The list of users, made where it is missing.
    fn users(&mut self) -> Result<&mut Item, Unsuitable> {
        let root = self.0.as_table_mut();
        if root.contains_key(QUOTED) {
            return root.get_mut(QUOTED).ok_or(Unsuitable);
        }
        let bulk = root.entry("bulk").or_insert_with(implicit);
        // Within `{ }` there can be no section.
        let none = if bulk.is_inline_table() {
            Item::Value(Array::new().into())
        } else {
            Item::ArrayOfTables(ArrayOfTables::new())
        };
        Ok(bulk.as_table_like_mut().ok_or(Unsuitable)?.entry("users").or_insert(none))
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A table without a heading of its own: `[[bulk.users]]` says enough.
fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

fn add(users: &mut Item, name: &str, site: &str, password: &StoredPassword) -> Result<Set, Unsuitable> {
    match users {
        Item::ArrayOfTables(tables) => {
            let mut table = Table::new();
            fill(&mut table, name, site, password);
            tables.push(table);
        }
        Item::Value(Value::Array(array)) => {
            let mut table = InlineTable::new();
            fill(&mut table, name, site, password);
            array.push(table);
        }
        _ => return Err(Unsuitable),
    }
    Ok(Set::Added)
}

fn fill(user: &mut dyn TableLike, name: &str, site: &str, password: &StoredPassword) {
    user.insert("name", value(name));
    if !site.is_empty() {
        user.insert("site", value(site));
    }
    user.insert("password", value(password.to_string()));
}

fn each(users: &mut Item, mut change: impl FnMut(&mut dyn TableLike)) {
    match users {
        Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| change(table)),
        Item::Value(Value::Array(array)) => {
            array.iter_mut().filter_map(Value::as_inline_table_mut).for_each(|table| change(table));
        }
        _ => {}
    }
}

fn count(users: &Item) -> usize {
    match users {
        Item::ArrayOfTables(tables) => tables.len(),
        Item::Value(Value::Array(array)) => array.len(),
        _ => 0,
    }
}

fn is(user: &dyn TableLike, name: &str, site: &str) -> bool {
    let text = |key| user.get(key).and_then(Item::as_str).unwrap_or_default();
    text("name") == name && same_site(text("site"), site)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

    fn set(text: &str, name: &str, site: &str) -> (Set, String) {
        let mut document = Document::parse(text).unwrap();
        let set = document.set(name, site, &StoredPassword::parse(HASH).unwrap()).unwrap();
        (set, document.to_string().replace(HASH, "HASH"))
    }

    #[test]
    fn a_user_is_added_where_there_is_room() {
        let bob = "name = \"bob\"\npassword = \"HASH\"\n";
        let cases = [
            ("", format!("[[bulk.users]]\n{bob}")),
            (
                "# mine\nname = 'desk' # here\n",
                format!("# mine\nname = 'desk' # here\n\n[[bulk.users]]\n{bob}"),
            ),
            (
                "[bulk]\nstorage = 5\n\n[api]\nhosts = []\n",
                format!("[bulk]\nstorage = 5\n\n[[bulk.users]]\n{bob}\n[api]\nhosts = []\n"),
            ),
            (
                "bulk = { storage = 5 }\n",
                "bulk = { storage = 5 , users = [{ name = \"bob\", password = \"HASH\" }] }\n".to_owned(),
            ),
            (
                "\"bulk.users\" = []\n",
                "\"bulk.users\" = [{ name = \"bob\", password = \"HASH\" }]\n".to_owned(),
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(set(text, "bob", ""), (Set::Added, expected), "{text:?}");
        }
        for text in ["bulk.storage = 5\n", "[bulk]\nusers = []\n", "bulk = { users = [] }\n"] {
            let (done, after) = set(text, "bob", "Acme");
            assert_eq!(done, Set::Added);
            let path = std::path::Path::new("c.toml");
            crate::config::check_text(path, &after.replace("HASH", HASH)).unwrap();
            assert_eq!(set(&after, "bob", "ACME"), (Set::Changed, after));
        }
    }

    #[test]
    fn a_password_is_changed_in_its_place() {
        let text = "# a\n[[bulk.users]]\nname = 'bob' # him\nsite = 'Acme'\npassword = 'plain text'\n\n\
                    # b\n[[bulk.users]]\nname = 'bob'\npassword = 'x'\n# end\n";
        let (done, after) = set(text, "bob", "ACME");
        assert_eq!((done, after), (Set::Changed, text.replace("'plain text'", "\"HASH\"")));
        let (done, after) = set(text, "bob", "");
        assert_eq!((done, after), (Set::Changed, text.replace("'x'", "\"HASH\"")));
        assert_eq!(set(text, "Bob", "").0, Set::Added);
    }

    #[test]
    fn a_user_is_removed_and_nothing_else() {
        let text = "name = 'desk'\n[[bulk.users]]\nname = 'a'\npassword = 'x'\n\n# of b\n[[bulk.users]]\nname = 'b'\npassword = 'y'\n";
        let mut document = Document::parse(text).unwrap();
        assert!(!document.remove("c", "") && !document.remove("a", "site"));
        assert!(document.remove("a", ""));
        let left = "name = 'desk'\n\n# of b\n[[bulk.users]]\nname = 'b'\npassword = 'y'\n";
        assert_eq!(document.to_string(), left);
        assert!(document.remove("b", "") && !document.remove("b", ""));
        assert_eq!(document.to_string(), "name = 'desk'\n");
        let mut inline = Document::parse("bulk.users = [{ name = 'a' }, { name = 'b' }]\n").unwrap();
        assert!(inline.remove("a", ""));
        assert!(inline.to_string().contains("'b'") && !inline.to_string().contains("'a'"));
        assert!(!Document::parse("bulk = 3").unwrap().remove("a", ""));
    }

    #[test]
    fn what_is_no_list_of_users_is_left_alone() {
        for text in ["bulk = 3", "bulk.users = 'x'", "[bulk.users]\na = 1"] {
            let mut document = Document::parse(text).unwrap();
            assert_eq!(
                document.set("a", "", &StoredPassword::parse(HASH).unwrap()),
                Err(Unsuitable),
                "{text}"
            );
        }
        assert!(Document::parse("a = ").is_none());
    }
}
