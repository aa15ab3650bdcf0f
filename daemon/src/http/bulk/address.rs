//! Which object, definition or sync a path means. The router has brought the fixed parts of the path to their documented
//! spelling by then.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use quire_protocol::shapes::bulk::object::{Object, whole};

use super::refusal::{Refusal, Requirement};
use crate::bulk::{Named, Way};
use crate::http::endpoint::segments;

/// Parts before the resource: `/api/bulk/2.0`.
const BASE: usize = 3;

/// The longest path below that: `customObjects/7/exports/1/data`.
const LONGEST: usize = 5;

/// An object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Of(pub Object);

/// The exports, or the imports, of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ways(pub Object, pub Way);

/// A definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition(pub Named);

/// The number of a sync, or of what is numbered below an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(pub u64);

/// A path below an object.
struct Below<'a> {
    object: Object,
    /// What follows the object.
    rest: Vec<&'a str>,
}

impl<'a> Below<'a> {
    fn of(path: &'a str) -> Result<Self, Refusal> {
        let mut parts = segments(path).skip(BASE).take(LONGEST);
        let word = parts.next().unwrap_or_default();
        let object = if word.eq_ignore_ascii_case(Object::CustomObject(1).word()) {
            Object::CustomObject(id("parentId", parts.next().unwrap_or_default())?)
        } else {
            Object::named(word).ok_or_else(Refusal::not_found)?
        };
        Ok(Self { object, rest: parts.collect() })
    }

    fn way(&self) -> Result<Way, Refusal> {
        match self.rest.first() {
            Some(&"exports") => Ok(Way::Export),
            Some(&"imports") => Ok(Way::Import),
            _ => Err(Refusal::not_found()),
        }
    }
}

/// A number in a path. One that nothing ever has is not found, like any other that nothing has.
fn id(parameter: &'static str, text: &str) -> Result<u64, Refusal> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match whole(text) {
        Some(number) => Ok(number),
        None if digits => Err(Refusal::not_found()),
        None => Err(Refusal::parameter(parameter, text, Requirement::Id)),
    }
}

impl Of {
    fn at(path: &str) -> Result<Self, Refusal> {
        Ok(Self(Below::of(path)?.object))
    }
}

impl Ways {
    fn at(path: &str) -> Result<Self, Refusal> {
        let below = Below::of(path)?;
        Ok(Self(below.object, below.way()?))
    }
}

impl Definition {
    fn at(path: &str) -> Result<Self, Refusal> {
        let below = Below::of(path)?;
        let id = id("id", below.rest.get(1).copied().unwrap_or_default())?;
        Ok(Self(Named { object: below.object, way: below.way()?, id }))
    }
}

impl Number {
    /// Of the part that stands where a number does: `syncs/{id}`, `customObjects/{parentId}`, `{object}/fields/{id}`.
    fn at(path: &str) -> Result<Self, Refusal> {
        let parts: Vec<&str> = segments(path).skip(BASE).take(LONGEST).collect();
        match parts[..] {
            ["customObjects", parent] => Ok(Self(id("parentId", parent)?)),
            ["syncs", number, ..] | ["customObjects", _, _, number] | [_, _, number] => {
                Ok(Self(id("id", number)?))
            }
            _ => Err(Refusal::not_found()),
        }
    }
}

macro_rules! from_path {
    ($($name:ident),*) => {$(
        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = Refusal;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
                Self::at(parts.uri.path())
            }
        }
    )*};
}

from_path!(Of, Ways, Definition, Number);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::response::IntoResponse;

    fn status<T>(result: Result<T, Refusal>) -> u16 {
        result.map_or_else(|refusal| refusal.into_response().status().as_u16(), |_| 200)
    }

    #[test]
    fn definitions_are_found_by_object_way_and_number() {
        let of = |path: &str| Definition::at(path).unwrap().0;
        let named = |object, way, id| Named { object, way, id };
        assert_eq!(of("/api/bulk/2.0/ACTIVITIES/exports/7"), named(Object::Activities, Way::Export, 7));
        assert_eq!(
            of("/api/bulk/2.0/customObjects/3/imports/9/data"),
            named(Object::CustomObject(3), Way::Import, 9)
        );
        assert_eq!(Ways::at("/api/bulk/2.0/contacts/imports").unwrap(), Ways(Object::Contacts, Way::Import));
        assert_eq!(Of::at("/api/bulk/2.0/markings/fields/1").unwrap(), Of(Object::Markings));
    }

    #[test]
    fn what_is_no_number_is_400_and_what_is_nothings_number_404() {
        for (id, wanted) in [
            ("1", 200),
            ("sandwich", 400),
            ("-1", 400),
            ("1.5", 400),
            ("%31", 400),
            ("0", 404),
            ("99999999999999999999", 404),
        ] {
            assert_eq!(
                status(Definition::at(&format!("/api/bulk/2.0/contacts/exports/{id}"))),
                wanted,
                "{id}"
            );
            assert_eq!(status(Of::at(&format!("/api/bulk/2.0/customObjects/{id}/fields"))), wanted, "{id}");
            assert_eq!(status(Number::at(&format!("/api/bulk/2.0/syncs/{id}/logs"))), wanted, "{id}");
        }
    }

    #[test]
    fn objects_that_are_not_served_are_not_found() {
        for object in ["accounts", "emailAddresses", "opportunities", "events"] {
            assert_eq!(status(Of::at(&format!("/api/bulk/2.0/{object}/fields"))), 404, "{object}");
        }
        assert_eq!(status(Ways::at("/api/bulk/2.0/contacts/lists")), 404);
        assert_eq!(status(Definition::at("/api/bulk/2.0")), 404);
    }

    #[test]
    fn numbers_stand_where_their_resource_has_them() {
        let of = |path: &str| Number::at(&format!("/api/bulk/2.0/{path}")).unwrap().0;
        assert_eq!(of("syncs/66100"), 66100);
        assert_eq!(of("syncs/66100/data"), 66100);
        assert_eq!(of("customObjects/7"), 7);
        assert_eq!(of("customObjects/7/fields/12"), 12);
        assert_eq!(of("contacts/fields/3"), 3);
        assert_eq!(status(Number::at("/api/bulk/2.0/contacts")), 404);
    }
}
