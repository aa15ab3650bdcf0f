//! The page of version 1 of the API of field apps, as its original has one (REFERENCE B1).

use super::html::Html;
use crate::http::endpoint::{Endpoint, Group};
use crate::http::endpoints::{messages, nodes, tokens};
use crate::http::tenant::HEADER;

/// What field apps ask.
const GROUPS: [&Group; 3] = [&tokens::GROUP, &nodes::GROUP, &messages::GROUP];

/// Every status that is answered there.
const STATUSES: [(u16, &str); 15] = [
    (200, "OK: the request was successful."),
    (201, "Created: a request to create a resource was successful, and what it made is on the disk."),
    (400, "Bad Request: the request cannot be understood; the body says which place is wrong."),
    (401, "Unauthorized: the caller's user cannot be told, and the bearer token is missing or wrong."),
    (403, "Forbidden: a process of another user or a web page of another origin is calling."),
    (404, "Not Found: there is no such resource."),
    (408, "Request Timeout: the body did not arrive in time."),
    (409, "Conflict: the id is in use with other content."),
    (413, "Request Entity Too Large: the body is larger than is taken."),
    (415, "Unsupported Media Type: bodies are JSON, XML or forms."),
    (421, "Misdirected Request: the request is for another host."),
    (431, "Request Header Fields Too Large."),
    (500, "Internal Server Error: the log of the daemon says why."),
    (503, "Service Unavailable: try again later."),
    (507, "Insufficient Storage: the disk is full, nothing was written."),
];

pub(super) fn version() -> Html {
    let mut page = Html::new("Cyan API, version 1");
    page.raw("<p><a href=\"/help\">Help Page Home</a></p>\n");
    page.paragraph(
        "What field apps ask, in JSON, XML or forms; answered in JSON or XML, as the request wants it.",
    );
    page.heading("Status codes");
    let rows: Vec<_> =
        STATUSES.iter().map(|(status, about)| [status.to_string(), (*about).to_owned()]).collect();
    page.table(["Status", "Description"], &rows);
    page.heading("Headers");
    page.paragraph("Every request should contain:");
    page.table(["Name", "Value", "Description"], &headers());
    for group in GROUPS {
        page.heading(group.name).paragraph(group.about);
        page.raw("<ul>\n");
        for endpoint in group.endpoints {
            item(&mut page, endpoint);
        }
        page.raw("</ul>\n");
    }
    page
}

fn headers() -> [[String; 3]; 5] {
    let kept = "Taken and not looked at: a process of the daemon's user needs nothing more.";
    [
        ["Authorization", "`Basic {base64(username:password)}`", kept],
        ["X-Api-Version", "`1`", "Taken and not looked at: there is one version."],
        [HEADER, "The tenant's GUID or key", "Names the tenant where the body or the query names none."],
        ["Content-Type", "The media type of the body", "Needed where there is a body."],
        ["Accept", "The media type of the answer", "As the body if it is left out, else JSON."],
    ]
    .map(|row| row.map(str::to_owned))
}

fn item(page: &mut Html, endpoint: &Endpoint) {
    page.raw("<li><a href=\"/help/api/1/").text(&endpoint.friendly_id()).raw("\">");
    page.text(endpoint.verb.name()).raw(" ").text(&endpoint.shown());
    page.raw("</a>: ").prose(endpoint.summary).raw("</li>\n");
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_statuses_are_those_that_are_answered() {
        let endpoints = GROUPS.iter().flat_map(|group| group.endpoints);
        let answered: BTreeSet<u16> =
            endpoints.flat_map(|endpoint| endpoint.replies()).map(|reply| reply.status).collect();
        assert_eq!(STATUSES.map(|(status, _)| status).into_iter().collect::<BTreeSet<_>>(), answered);
    }

    #[test]
    fn every_endpoint_of_field_apps_is_linked() {
        let page = version().finish();
        for endpoint in GROUPS.iter().flat_map(|group| group.endpoints) {
            assert!(page.contains(&format!("href=\"/help/api/1/{}\"", endpoint.friendly_id())));
        }
        for header in ["Authorization", "X-Api-Version", "X-Cyan-TenantAccessKey"] {
            assert!(page.contains(header), "{header}");
        }
    }
}
