//! The page that lists all endpoints.

use super::html::Html;
use crate::http::endpoint::{Endpoint, Group};
use crate::http::endpoints::{self, GROUPS};

pub(super) fn index() -> Html {
    let mut page = Html::new("Quire Web API Help Page");
    page.paragraph(
        "Every endpoint of this daemon. `/v1` needs `Authorization: Bearer` with the content of the API token file; the \
         documented shapes need nothing more than to be called by a process of the daemon's user, or an app password where \
         `api.auth` is `required`.",
    );
    page.raw("<p>For programs: <a href=\"")
        .text(endpoints::help::OPENAPI.path)
        .raw("\">OpenAPI</a>. For field apps: <a href=\"");
    page.text(endpoints::help::VERSION.path).raw("\">Cyan API, version 1</a>.</p>\n");
    for group in GROUPS {
        section(&mut page, group);
    }
    page
}

fn section(page: &mut Html, group: &Group) {
    page.heading(group.name).paragraph(group.about);
    page.raw("<table>\n<thead><tr><th>API</th><th>Description</th></tr></thead>\n<tbody>\n");
    for endpoint in group.endpoints {
        row(page, endpoint);
    }
    page.raw("</tbody>\n</table>\n");
}

fn row(page: &mut Html, endpoint: &Endpoint) {
    page.raw("<tr><td><a href=\"/help/api/").text(&endpoint.friendly_id()).raw("\">");
    page.text(endpoint.verb.name()).raw(" ").text(&endpoint.shown());
    page.raw("</a></td><td>").prose(endpoint.summary).raw("</td></tr>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::endpoints::all;

    #[test]
    fn every_endpoint_is_listed_with_a_link_that_is_an_address() {
        let page = index().finish();
        for endpoint in all() {
            let id = endpoint.friendly_id();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
            assert!(id.chars().all(plain), "{id}");
            assert!(page.contains(&format!("href=\"/help/api/{id}\"")), "{id}");
        }
    }
}
