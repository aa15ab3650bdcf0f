//! Documented paths are the same in any letter case and with a slash more (REFERENCE D2, fact 9). Our own API has one
//! spelling.

use axum::http::Uri;
use axum::http::uri::PathAndQuery;

use super::endpoint::{segments, variable};
use super::endpoints;

/// The first parts of the paths that are documented elsewhere, and of the help pages that are (REFERENCE D10).
const DOCUMENTED: [&str; 3] = ["api", "id", "help"];

/// The longest path that is looked at, in parts; documented ones have eight at most.
const MAX_SEGMENTS: usize = 16;

/// True for paths that may be spelled in other ways.
pub fn is_documented(path: &str) -> bool {
    segments(path)
        .next()
        .is_some_and(|first| DOCUMENTED.iter().any(|known| first.eq_ignore_ascii_case(known)))
}

/// The address in its documented spelling. What stands in the place of a variable keeps its own. `None` when it is
/// spelled so already, or is of no documented endpoint.
pub fn documented(uri: &Uri) -> Option<Uri> {
    if !is_documented(uri.path()) {
        return None;
    }
    let asked: Vec<&str> = segments(uri.path()).take(MAX_SEGMENTS).collect();
    let path = respelled(&asked, endpoints::all().map(|endpoint| endpoint.path))?;
    if path == uri.path() {
        return None;
    }
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    // Only letter case and slashes of a valid URI have changed: it is one still.
    let path_and_query = PathAndQuery::try_from(path + &query).ok()?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

/// Of several templates that fit the one counts whose fixed parts come first, as for the router.
fn respelled<'a>(asked: &[&str], templates: impl Iterator<Item = &'a str>) -> Option<String> {
    let fixed = |template: &&str| segments(template).map(|part| variable(part).is_none()).collect::<Vec<_>>();
    let template = templates.filter(|template| fits(template, asked)).max_by_key(fixed)?;
    let pairs = segments(template).zip(asked);
    let parts = pairs.map(|(part, asked)| if variable(part).is_some() { asked } else { part });
    Some(parts.flat_map(|part| ["/", part]).collect())
}

fn fits(template: &str, asked: &[&str]) -> bool {
    let same = |(part, asked): (&str, &&str)| variable(part).is_some() || part.eq_ignore_ascii_case(asked);
    segments(template).count() == asked.len() && segments(template).zip(asked).all(same)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn shapes_are_found_however_they_are_spelled() {
        const PATH: &str = "/api/synchronization/synchronize";
        for spelled in [
            "/API/Synchronization/SYNCHRONIZE",
            "/api/synchronization/synchronize/",
            "//api//synchronization/synchronize//",
        ] {
            assert_eq!(documented(&spelled.parse().unwrap()).unwrap(), PATH, "{spelled}");
        }
        assert_eq!(documented(&PATH.parse().unwrap()), None);
        let asked = "http://localhost:1/Api/Synchronization/Synchronize/?Y=%2F/Z".parse().unwrap();
        assert_eq!(documented(&asked).unwrap(), format!("http://localhost:1{PATH}?Y=%2F/Z").as_str());
    }

    #[test]
    fn our_own_paths_and_unknown_ones_are_left_alone() {
        let long = "/api/".to_owned() + &"x/".repeat(MAX_SEGMENTS * 2);
        for path in ["/v1/Markings/", "/", "/V1//status", "/apiary/x", "*", "/API/X", &long] {
            assert_eq!(documented(&path.parse().unwrap()), None, "{path}");
        }
    }

    #[test]
    fn variable_parts_keep_their_case_and_fixed_parts_come_first() {
        let templates = ["/api/{object}/exports", "/api/contacts/{list}", "/api/syncTokens"];
        let of = |path: &str| respelled(&segments(path).collect::<Vec<_>>(), templates.into_iter());
        assert_eq!(of("/API/Nodes/EXPORTS").unwrap(), "/api/Nodes/exports");
        assert_eq!(of("/api/CONTACTS/Exports").unwrap(), "/api/contacts/Exports");
        assert_eq!(of("/API//SYNCTOKENS/").unwrap(), "/api/syncTokens");
        assert_eq!(of("/api/contacts/exports/more"), None);
        assert_eq!(of("/api"), None);
    }
}
