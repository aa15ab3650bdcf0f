//! The page of one endpoint.

use serde_json::Value;

use super::html::Html;
use super::sample;
use crate::http::endpoint::{Body, Endpoint, Parameter, Place, Reply, Schema};

/// Deeper references than any definition of ours has.
const MAX_TYPE_DEPTH: usize = 4;

pub(super) fn page(endpoint: &Endpoint) -> Html {
    let mut page = Html::new(&format!("{} {}", endpoint.verb.name(), endpoint.shown()));
    page.raw("<p><a href=\"/help\">Help Page Home</a></p>\n");
    page.paragraph(&format!("{}.", endpoint.summary)).paragraph(endpoint.description);
    request(&mut page, endpoint);
    response(&mut page, endpoint);
    page
}

fn request(page: &mut Html, endpoint: &Endpoint) {
    page.heading("Request Information");
    parameters(page, "URI Parameters", endpoint, |place| place != Place::Header);
    if endpoint.parameters.iter().any(|parameter| parameter.place == Place::Header) {
        parameters(page, "Header Fields", endpoint, |place| place == Place::Header);
    }
    page.subheading("Body Parameters");
    let Some(body) = endpoint.request else {
        page.paragraph("None.");
        return;
    };
    members(page, body);
    page.subheading("Request Formats");
    samples(page, body);
}

fn parameters(page: &mut Html, title: &str, endpoint: &Endpoint, here: fn(Place) -> bool) {
    page.subheading(title);
    let rows: Vec<_> =
        endpoint.parameters.iter().filter(|parameter| here(parameter.place)).map(parameter).collect();
    if rows.is_empty() {
        page.paragraph("None.");
    } else {
        page.table(["Name", "Description", "Type", "Additional information"], &rows);
    }
}

fn parameter(told: &Parameter) -> [String; 4] {
    let needed = if told.required { "Required" } else { "Optional" };
    [told.name.to_owned(), told.about.to_owned(), told.form.words(), needed.to_owned()]
}

fn response(page: &mut Html, endpoint: &Endpoint) {
    page.heading("Response Information");
    let replies = endpoint.replies();
    let row = |reply: &Reply| {
        let types = reply.body.map_or_else(String::new, |body| body.media.types().join(", "));
        [reply.status.to_string(), reply.about.to_owned(), types]
    };
    page.table(["Status", "Description", "Media types"], &replies.iter().map(row).collect::<Vec<_>>());
    // Refusals all look the same: one is enough.
    let done = replies.iter().filter(|reply| reply.status < 300);
    let refused = replies.iter().find(|reply| reply.status == 400);
    for reply in done.chain(refused) {
        let Some(body) = reply.body else { continue };
        page.subheading(&format!("Resource Description, {}", reply.status));
        members(page, body);
        page.subheading(&format!("Response Formats, {}", reply.status));
        samples(page, body);
    }
}

fn members(page: &mut Html, body: Body) {
    let definition = body.schema.definition();
    let Some(properties) = definition["properties"].as_object() else {
        page.paragraph(body.schema.name());
        return;
    };
    let list = if matches!(body.schema, Schema::Contracts(_)) { "List of " } else { "" };
    page.paragraph(&format!("{list}{}", body.schema.name()));
    let needed = |name: &str| {
        let required = definition["required"].as_array();
        required.is_some_and(|names| names.iter().any(|required| required == name))
    };
    let row = |(name, told): (&String, &Value)| {
        let about = told["description"].as_str().unwrap_or_default().to_owned();
        let more = if needed(name) { "Required" } else { "" };
        [name.clone(), about, type_words(told, MAX_TYPE_DEPTH), more.to_owned()]
    };
    let rows: Vec<_> = properties.iter().map(row).collect();
    page.table(["Name", "Description", "Type", "Additional information"], &rows);
}

/// What a schema takes, for people.
fn type_words(told: &Value, depth: usize) -> String {
    let Some(deeper) = depth.checked_sub(1) else { return "any JSON".to_owned() };
    if let Some(named) = told["$ref"].as_str() {
        return named.rsplit('/').next().unwrap_or_default().to_owned();
    }
    let either = told["oneOf"].as_array().or_else(|| told["type"].as_array());
    if let Some(either) = either {
        let word = |one: &Value| match one.as_str() {
            Some("array") => array_words(told, deeper),
            Some(name) => name.to_owned(),
            None => type_words(one, deeper),
        };
        return either.iter().map(word).collect::<Vec<_>>().join(" or ");
    }
    match told["type"].as_str() {
        Some("array") => array_words(told, deeper),
        Some(name) => name.to_owned(),
        None => "any JSON".to_owned(),
    }
}

fn array_words(told: &Value, depth: usize) -> String {
    format!("list of {}", type_words(&told["items"], depth))
}

fn samples(page: &mut Html, body: Body) {
    for media in body.media.types() {
        page.raw("<h4>").text(media).raw("</h4>\n");
        match sample::text(body.schema, media) {
            Ok(text) => page.listing(&text),
            Err(why) => page.paragraph(&format!("Sample not available. {why}")),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::endpoints::{all, synchronization};
    use serde_json::json;

    #[test]
    fn types_are_told_in_words() {
        let of = |told: Value| type_words(&told, MAX_TYPE_DEPTH);
        assert_eq!(
            of(json!({ "type": ["array", "null"], "items": { "$ref": "#/x/Book" } })),
            "list of Book or null"
        );
        assert_eq!(of(json!({ "oneOf": [{ "$ref": "#/x/Book" }, { "type": "null" }] })), "Book or null");
        assert_eq!(of(json!({})), "any JSON");
    }

    #[test]
    fn a_page_tells_everything_about_its_endpoint() {
        for endpoint in all() {
            let page = page(endpoint).finish();
            let about =
                [endpoint.path.trim_start_matches('/'), "Request Information", "Response Information"];
            let names = endpoint.parameters.iter().map(|parameter| parameter.name);
            for part in about.into_iter().chain(names) {
                assert!(page.contains(part), "{}: {part}", endpoint.path);
            }
        }
        let page = page(&synchronization::SYNCHRONIZE).finish();
        for part in ["LastSyncTimestamp", "list of Marking or null", "text/json", "selectionParentOuterHtml"]
        {
            assert!(page.contains(part), "{part}");
        }
    }
}
