//! Syncs: what a client says of one.

use std::fmt::{Display, Formatter};

use serde_json::{Map, Value};

use super::failure::{Failure, Sent};
use super::object::{Object, whole};

/// Characters of the address of what is synced, and of a callback.
pub const MAX_URI: usize = 2048;
/// Characters of the id of a peer.
pub const MAX_PEER: usize = 128;
/// What addresses may begin with, in lower case.
const BASE: [&str; 3] = ["api", "bulk", "2.0"];

/// What is synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instance {
    /// A definition of an export or an import.
    Definition {
        /// Of which object.
        object: Object,
        /// Whether it is an import.
        is_import: bool,
        /// Its number.
        id: u64,
    },
    /// Another device, by the id that was sent.
    Peer(String),
}

impl Instance {
    /// Reads `/activities/exports/7`, `/customObjects/3/imports/8` or `/peers/ID`: words in any letter case, slashes
    /// doubled or missing at the ends, with or without `/api/bulk/2.0` before it. `None` for anything else.
    #[must_use]
    pub fn parse(uri: &str) -> Option<Instance> {
        if uri.chars().nth(MAX_URI).is_some() {
            return None;
        }
        let parts: Vec<&str> = uri.trim().split('/').filter(|part| !part.is_empty()).collect();
        let has_base =
            parts.len() > BASE.len() && parts.iter().zip(BASE).all(|(a, b)| a.eq_ignore_ascii_case(b));
        match parts.get(if has_base { BASE.len() } else { 0 }..)? {
            [word, id] if word.eq_ignore_ascii_case("peers") => {
                id.chars().nth(MAX_PEER).is_none().then(|| Instance::Peer((*id).to_owned()))
            }
            [object, kind, id] => definition(Object::named(object)?, kind, id),
            [word, number, kind, id] if word.eq_ignore_ascii_case("customObjects") => {
                definition(Object::custom(number)?, kind, id)
            }
            _ => None,
        }
    }
}

fn definition(object: Object, kind: &str, id: &str) -> Option<Instance> {
    let is_import = kind.eq_ignore_ascii_case("imports");
    let is_known = is_import || kind.eq_ignore_ascii_case("exports");
    whole(id).filter(|_| is_known).map(|id| Instance::Definition { object, is_import, id })
}

impl Display for Instance {
    /// Its address: `/activities/exports/7`.
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Instance::Definition { object, is_import, id } => {
                write!(f, "{object}/{}/{id}", if *is_import { "imports" } else { "exports" })
            }
            Instance::Peer(id) => write!(f, "/peers/{id}"),
        }
    }
}

/// What a client said of a sync.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncDraft {
    /// What is synced (`syncedInstanceUri`).
    pub instance: Instance,
    /// Who is called when it is done (`callbackUrl`, also written `callbackURL`), as it was sent.
    pub callback_url: Option<String>,
}

impl SyncDraft {
    /// Reads the body of a `POST /syncs` (REFERENCE A3): members in any letter case, unknown ones ignored, null as good as
    /// absent. Whether what is synced exists is not asked here.
    ///
    /// # Errors
    /// Every [`Failure`] that there is, at least one.
    pub fn read(sent: &Map<String, Value>) -> Result<SyncDraft, Vec<Failure>> {
        let mut sent = Sent::new(sent);
        let uri = sent.needed("syncedInstanceUri", MAX_URI);
        let instance = uri.and_then(Instance::parse);
        if let (Some(uri), None) = (uri, &instance) {
            let constraint =
                "Must be the URI of an export, an import or a peer, such as /activities/exports/7";
            sent.fail("syncedInstanceUri", &uri.into(), constraint);
        }
        let is_blank = sent.get("callbackUrl").is_some_and(|url| url == "");
        let callback_url = if is_blank { None } else { sent.text("callbackUrl", MAX_URI) };
        match instance {
            Some(instance) => {
                sent.done(SyncDraft { instance, callback_url: callback_url.map(str::to_owned) })
            }
            None => Err(sent.failures),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(body: Value) -> Result<SyncDraft, Vec<Failure>> {
        SyncDraft::read(body.as_object().unwrap())
    }

    #[test]
    fn the_documented_example_is_read() {
        let draft = read(json!({
            "syncedInstanceUri": "/activities/exports/7", "callbackURL": "http://www.example.com", "status": 0,
        }));
        let draft = draft.unwrap();
        let instance = Instance::Definition { object: Object::Activities, is_import: false, id: 7 };
        assert_eq!(
            (draft.instance.to_string().as_str(), &draft.instance),
            ("/activities/exports/7", &instance)
        );
        assert_eq!(draft.callback_url.as_deref(), Some("http://www.example.com"));
        for callback in [json!(null), json!("")] {
            let body = json!({"SYNCEDINSTANCEURI": "activities/exports/7", "callbackUrl": callback});
            assert_eq!(read(body).unwrap(), SyncDraft { instance: instance.clone(), callback_url: None });
        }
    }

    #[test]
    fn addresses_are_read_as_clients_write_them() {
        for (uri, shown) in [
            ("/API/Bulk/2.0//Contacts/Imports/12/", "/contacts/imports/12"),
            ("/customobjects/3/exports/4", "/customObjects/3/exports/4"),
            ("/peers/a-B_9", "/peers/a-B_9"),
            ("api/bulk/2.0/PEERS/x", "/peers/x"),
        ] {
            assert_eq!(Instance::parse(uri).unwrap().to_string(), shown);
        }
        for uri in [
            "",
            "/",
            "/activities/exports",
            "/activities/exports/0",
            "/activities/exports/x",
            "/activities/syncs/1",
            "/accounts/exports/1",
            "/customObjects/exports/1",
            "/customObjects/0/exports/1",
            "/peers",
            "/peers/",
            "/api/bulk/2.0",
            "/activities/exports/7/data",
            "/api/bulk/1.0/activities/exports/7",
            "http://x/activities/exports/7",
        ] {
            assert_eq!(Instance::parse(uri), None, "{uri}");
        }
        assert_eq!(Instance::parse(&format!("/peers/{}", "a".repeat(MAX_PEER + 1))), None);
    }

    #[test]
    fn every_failure_is_told() {
        let named = |body: Value| -> Vec<String> {
            read(body).unwrap_err().into_iter().map(|failure| failure.field).collect()
        };
        assert_eq!(named(json!({})), ["syncedInstanceUri"]);
        assert_eq!(
            named(json!({"syncedInstanceUri": 7, "callbackUrl": {}})),
            ["syncedInstanceUri", "callbackUrl"]
        );
        assert_eq!(named(json!({"syncedInstanceUri": "/a/b/c"})), ["syncedInstanceUri"]);
        let long = "x".repeat(MAX_URI + 1);
        let body = json!({"syncedInstanceUri": "/activities/exports/7", "callbackUrl": long});
        assert_eq!(named(body), ["callbackUrl"]);
    }

    proptest! {
        #[test]
        fn what_is_read_is_shown_and_read_again(text in "(/|api|bulk|2.0|peers|contacts|customObjects|imports|7){0,8}|.*") {
            if let Some(instance) = Instance::parse(&text) {
                prop_assert_eq!(Instance::parse(&instance.to_string()), Some(instance));
            }
        }
    }
}
