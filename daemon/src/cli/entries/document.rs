//! The text of a configuration file with entries of a list changed and everything else as it was: order, comments, blanks.

use std::fmt;

use toml_edit::{Array, ArrayOfTables, DocumentMut, InlineTable, Item, Table, TableLike, Value, value};

use crate::bulk::users::same_site;

/// A list of the configuration that commands write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum List {
    /// `bulk.users`.
    Users,
    /// `api.apps`.
    Apps,
}

impl List {
    fn section(self) -> &'static str {
        match self {
            Self::Users => "bulk",
            Self::Apps => "api",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Apps => "apps",
        }
    }

    /// Also as one quoted key at the top, which the file may use (`"bulk.users" = […]`), and must where the section is a
    /// value of its own (`api = "127.0.0.1:7470"`).
    fn quoted(self) -> &'static str {
        match self {
            Self::Users => "bulk.users",
            Self::Apps => "api.apps",
        }
    }
}

/// One entry: how it is found, and what it is to say.
#[derive(Debug, Default)]
pub(in crate::cli) struct Entry<'a> {
    /// Its name.
    pub(in crate::cli) name: &'a str,
    /// Its site, where entries have one; empty for none.
    pub(in crate::cli) site: &'a str,
    /// Its password's hash, as text.
    pub(in crate::cli) password: String,
    /// Lists of texts that it is to have and no longer to have, when empty.
    pub(in crate::cli) lists: Vec<(&'static str, Vec<String>)>,
}

/// A configuration file that can be changed.
pub(in crate::cli) struct Document(DocumentMut);

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Set {
    /// It is new.
    Added,
    /// It was there.
    Changed,
}

/// Why nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{}` in it is something else than a list of entries", .0.quoted())]
pub(in crate::cli) struct Unsuitable(List);

impl Document {
    /// Reads the text; `None` if it is no TOML.
    pub(super) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    /// Adds an entry, or changes what the one of that name and site says.
    pub(super) fn set(&mut self, list: List, entry: &Entry<'_>) -> Result<Set, Unsuitable> {
        let all = self.list(list)?;
        let mut present = None;
        each(all, |found| {
            if entry.is(found) && present.is_none() {
                entry.say(found);
                present = Some(Set::Changed);
            }
        });
        match present {
            Some(changed) => Ok(changed),
            None => entry.add(all).ok_or(Unsuitable(list)),
        }
    }

    /// Removes the entry of that name and site; false if there is none.
    pub(super) fn remove(&mut self, list: List, entry: &Entry<'_>) -> bool {
        let Some(all) = self.existing(list) else { return false };
        let before = count(all);
        match all {
            Item::ArrayOfTables(tables) => tables.retain(|found| !entry.is(found)),
            Item::Value(Value::Array(array)) => {
                array.retain(|found| !found.as_inline_table().is_some_and(|found| entry.is(found)));
            }
            _ => {}
        }
        count(all) < before
    }

    fn existing(&mut self, list: List) -> Option<&mut Item> {
        let root = self.0.as_table_mut();
        if root.contains_key(list.quoted()) {
            return root.get_mut(list.quoted());
        }
        root.get_mut(list.section())?.as_table_like_mut()?.get_mut(list.key())
    }

    /// The list, made where it is missing.
    fn list(&mut self, list: List) -> Result<&mut Item, Unsuitable> {
        let root = self.0.as_table_mut();
        let is_value = root.get(list.section()).is_some_and(|section| section.as_str().is_some());
        if is_value || root.contains_key(list.quoted()) {
            return Ok(root.entry(list.quoted()).or_insert(Item::Value(Array::new().into())));
        }
        let section = root.entry(list.section()).or_insert_with(implicit);
        // Within `{ }` there can be no section.
        let none = if section.is_inline_table() {
            Item::Value(Array::new().into())
        } else {
            Item::ArrayOfTables(ArrayOfTables::new())
        };
        Ok(section.as_table_like_mut().ok_or(Unsuitable(list))?.entry(list.key()).or_insert(none))
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

impl Entry<'_> {
    fn is(&self, found: &dyn TableLike) -> bool {
        let text = |key| found.get(key).and_then(Item::as_str).unwrap_or_default();
        text("name") == self.name && same_site(text("site"), self.site)
    }

    fn add(&self, all: &mut Item) -> Option<Set> {
        match all {
            Item::ArrayOfTables(tables) => {
                let mut table = Table::new();
                self.fill(&mut table);
                tables.push(table);
            }
            Item::Value(Value::Array(array)) => {
                let mut table = InlineTable::new();
                self.fill(&mut table);
                array.push(table);
            }
            _ => return None,
        }
        Some(Set::Added)
    }

    fn fill(&self, new: &mut dyn TableLike) {
        new.insert("name", value(self.name));
        if !self.site.is_empty() {
            new.insert("site", value(self.site));
        }
        self.say(new);
    }

    fn say(&self, entry: &mut dyn TableLike) {
        entry.insert("password", value(&self.password));
        for (key, texts) in &self.lists {
            match texts.is_empty() {
                true => drop(entry.remove(key)),
                false => drop(entry.insert(key, value(texts.iter().collect::<Array>()))),
            }
        }
    }
}

fn each(all: &mut Item, mut change: impl FnMut(&mut dyn TableLike)) {
    match all {
        Item::ArrayOfTables(tables) => tables.iter_mut().for_each(|table| change(table)),
        Item::Value(Value::Array(array)) => {
            array.iter_mut().filter_map(Value::as_inline_table_mut).for_each(|table| change(table));
        }
        _ => {}
    }
}

fn count(all: &Item) -> usize {
    match all {
        Item::ArrayOfTables(tables) => tables.len(),
        Item::Value(Value::Array(array)) => array.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

    fn user<'a>(name: &'a str, site: &'a str) -> Entry<'a> {
        Entry { name, site, password: HASH.to_owned(), lists: Vec::new() }
    }

    fn set(text: &str, name: &str, site: &str) -> (Set, String) {
        let mut document = Document::parse(text).unwrap();
        let set = document.set(List::Users, &user(name, site)).unwrap();
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
        assert!(
            !document.remove(List::Users, &user("c", ""))
                && !document.remove(List::Users, &user("a", "site"))
        );
        assert!(document.remove(List::Users, &user("a", "")));
        let left = "name = 'desk'\n\n# of b\n[[bulk.users]]\nname = 'b'\npassword = 'y'\n";
        assert_eq!(document.to_string(), left);
        assert!(
            document.remove(List::Users, &user("b", "")) && !document.remove(List::Users, &user("b", ""))
        );
        assert_eq!(document.to_string(), "name = 'desk'\n");
        let mut inline = Document::parse("bulk.users = [{ name = 'a' }, { name = 'b' }]\n").unwrap();
        assert!(inline.remove(List::Users, &user("a", "")));
        assert!(inline.to_string().contains("'b'") && !inline.to_string().contains("'a'"));
        assert!(!Document::parse("bulk = 3").unwrap().remove(List::Users, &user("a", "")));
    }

    #[test]
    fn what_is_no_list_of_users_is_left_alone() {
        for text in ["bulk = 3", "bulk.users = 'x'", "[bulk.users]\na = 1"] {
            let mut document = Document::parse(text).unwrap();
            let done = document.set(List::Users, &user("a", ""));
            assert_eq!(done, Err(Unsuitable(List::Users)), "{text}");
        }
        assert!(Document::parse("a = ").is_none());
    }

    #[test]
    fn an_app_says_what_it_is_told_and_no_more() {
        let app = |spaces: &[&str], origins: &[&str]| Entry {
            name: "reader",
            password: HASH.to_owned(),
            lists: vec![
                ("spaces", spaces.iter().map(ToString::to_string).collect()),
                ("origins", origins.iter().map(ToString::to_string).collect()),
            ],
            ..Entry::default()
        };
        for text in [
            "",
            "api = '127.0.0.1:7470'\n\n[bulk]\nstorage = 5\n",
            "[api]\nhosts = []\n",
            "api = { hosts = [] }\n",
            "'api.apps' = []\n",
        ] {
            let mut document = Document::parse(text).unwrap();
            assert_eq!(document.set(List::Apps, &app(&["account:3:r"], &["app://-"])), Ok(Set::Added));
            let path = std::path::Path::new("c.toml");
            crate::config::check_text(path, &document.to_string()).unwrap();
            assert!(document.to_string().contains("account:3:r"), "{document}");
            assert_eq!(document.set(List::Apps, &app(&[], &[])), Ok(Set::Changed));
            assert!(!document.to_string().contains("spaces"), "{document}");
            crate::config::check_text(path, &document.to_string()).unwrap();
            assert!(document.remove(List::Apps, &app(&[], &[])), "{document}");
        }
    }
}
