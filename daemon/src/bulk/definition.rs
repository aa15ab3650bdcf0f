//! A definition of an export or an import: what a client said, and what became of it here.

use std::fmt::{Display, Formatter};

use quire_protocol::shapes::bulk::date::stamp;
use quire_protocol::shapes::bulk::definition::Draft;
use quire_protocol::shapes::bulk::object::{Object, whole};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Caller;

/// Exports or imports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Way {
    /// Data goes out.
    Export,
    /// Data comes in.
    Import,
}

impl Way {
    /// The part of a path.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Way::Export => "exports",
            Way::Import => "imports",
        }
    }
}

/// What names a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Named {
    /// Of which object.
    pub object: Object,
    /// Which way.
    pub way: Way,
    /// Its number, from 1 on, for its object and way.
    pub id: u64,
}

impl Display for Named {
    /// Its URI: `/activities/exports/7`.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}/{}", self.object, self.way.word(), self.id)
    }
}

impl From<Named> for String {
    fn from(named: Named) -> String {
        named.to_string()
    }
}

impl TryFrom<String> for Named {
    type Error = String;

    fn try_from(uri: String) -> Result<Named, String> {
        read(&uri).ok_or_else(|| format!("'{uri}' names no definition"))
    }
}

/// Reads what [`Named`] is displayed as.
fn read(uri: &str) -> Option<Named> {
    let parts: Vec<&str> = uri.split('/').skip(1).collect();
    let (object, way, id) = match parts[..] {
        ["customObjects", number, way, id] => (Object::custom(number)?, way, id),
        [object, way, id] => (Object::named(object)?, way, id),
        _ => return None,
    };
    let way = [Way::Export, Way::Import].into_iter().find(|known| known.word() == way)?;
    Some(Named { object, way, id: whole(id)? })
}

/// Who did something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// The site, empty when none was told.
    #[serde(default)]
    pub site: String,
    /// The user.
    pub by: String,
    /// Milliseconds since 1970.
    pub at: i64,
}

impl Stamp {
    pub fn new(caller: &Caller, at: i64) -> Stamp {
        Stamp { site: caller.site.clone(), by: caller.user.clone(), at }
    }

    /// Whether this caller may read what its author ran: everybody where users need not be known.
    pub fn is_of(&self, caller: &Caller) -> bool {
        !caller.known || (self.site.eq_ignore_ascii_case(&caller.site) && self.by == caller.user)
    }
}

/// Rows that wait for a sync.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Staged {
    /// Number of the upload, which names its file.
    pub upload: u64,
    pub rows: u64,
    /// Rows that a sync which failed had imported: they are not done again, since somebody may have edited what they made.
    #[serde(default)]
    pub done: u64,
    pub bytes: u64,
    /// When it came, in milliseconds since 1970.
    pub at: i64,
    /// Who uploaded it.
    pub by: String,
}

impl Staged {
    /// Rows that are still to be imported.
    pub fn left(&self) -> u64 {
        self.rows.saturating_sub(self.done)
    }
}

/// A definition as it is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Definition {
    pub named: Named,
    pub draft: Draft,
    pub created: Stamp,
    pub updated: Stamp,
    /// When it was last made, changed, staged for or synced: `autoDeleteDuration` counts from here.
    pub used_at: i64,
    /// Imports only: what waits for the next sync.
    #[serde(default)]
    pub staged: Vec<Staged>,
}

impl Definition {
    /// As it is answered.
    pub fn shown(&self, bytes: u64) -> Map<String, Value> {
        let mut shown = self.draft.shown(self.named.way == Way::Import);
        let mut tell = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        tell("kbUsed", bytes.div_ceil(1024).into());
        tell("uri", self.named.to_string().into());
        tell("createdBy", self.created.by.as_str().into());
        tell("createdAt", stamp(self.created.at).into());
        tell("updatedBy", self.updated.by.as_str().into());
        tell("updatedAt", stamp(self.updated.at).into());
        shown
    }

    pub fn staged_bytes(&self) -> u64 {
        self.staged.iter().map(|staged| staged.bytes).sum()
    }

    /// Staged rows that have outlived their time, and the others. They are kept as long as what a sync leaves.
    pub fn staging_by_age(&self, now: i64) -> (Vec<Staged>, Vec<Staged>) {
        let kept = self.draft.retention(true).milliseconds();
        self.staged.iter().cloned().partition(|staged| now.saturating_sub(staged.at) >= kept)
    }

    pub fn has_old_staging(&self, now: i64) -> bool {
        !self.staging_by_age(now).0.is_empty()
    }

    /// Whether nobody used it for as long as it was to be kept.
    pub fn is_outlived(&self, now: i64) -> bool {
        self.draft
            .auto_delete
            .as_ref()
            .is_some_and(|span| now.saturating_sub(self.used_at) >= span.milliseconds())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_uri_names_its_definition() {
        for uri in ["/activities/exports/7", "/customObjects/12/imports/1", "/markings/imports/3"] {
            let named = Named::try_from(uri.to_owned()).unwrap();
            assert_eq!(String::from(named), uri);
        }
        for other in [
            "",
            "/",
            "/activities/exports",
            "/activities/exports/0",
            "/accounts/exports/1",
            "activities/exports/7",
        ] {
            assert!(Named::try_from(other.to_owned()).is_err(), "{other}");
        }
    }

    #[test]
    fn only_known_callers_are_told_apart() {
        let caller = |user: &str, known| Caller { site: "Site".into(), user: user.into(), known };
        let stamp = Stamp::new(&caller("a", true), 0);
        assert!(stamp.is_of(&caller("a", true)));
        assert!(!stamp.is_of(&caller("b", true)));
        assert!(stamp.is_of(&caller("b", false)));
    }
}
