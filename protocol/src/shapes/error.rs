//! The error body of ASP.NET Web API (`HttpError`), as data, as JSON and as XML (REFERENCE D8).

use serde_json::{Map, Value, json};

use super::forms::FormError;
use super::json::JsonError;
use super::xml::{encoded_name, push_text};
use super::{MAX_MESSAGE, cut};

/// An answer that is an error. The names of its members are fixed by Web API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpError {
    /// The HTTP status.
    pub status: u16,
    /// `Message`.
    pub message: String,
    /// `MessageDetail`, left out where there is none.
    pub detail: Option<String>,
    /// `ModelState`: for each place in the request what is wrong with it; left out where it is empty.
    pub model_state: Vec<(String, Vec<String>)>,
}

impl HttpError {
    /// An error of any status with a message and nothing else.
    pub fn new(status: u16, message: impl Into<String>) -> HttpError {
        HttpError { status, message: message.into(), detail: None, model_state: Vec::new() }
    }

    /// 400 for a body that does not fit the model.
    pub fn invalid(model_state: Vec<(String, Vec<String>)>) -> HttpError {
        HttpError { model_state, ..HttpError::new(400, "The request is invalid.") }
    }

    /// 400 for one place in the model: the key is the name of the action's parameter and the path in it.
    pub fn invalid_member(parameter: &str, path: &str, message: impl Into<String>) -> HttpError {
        let dot = if path.is_empty() || path.starts_with('[') { "" } else { "." };
        HttpError::invalid(vec![(format!("{parameter}{dot}{path}"), vec![message.into()])])
    }

    /// 400 for a body that is not JSON.
    pub fn invalid_json(parameter: &str, error: &JsonError) -> HttpError {
        let path = match error {
            JsonError::Syntax { path, .. } => path,
            JsonError::Encoding { .. } => "",
        };
        HttpError::invalid_member(parameter, path, error.to_string())
    }

    /// 400 for a form that cannot be read.
    pub fn invalid_form(parameter: &str, error: &FormError) -> HttpError {
        HttpError::invalid_member(parameter, "", error.to_string())
    }

    /// 401. The caller adds the `WWW-Authenticate` header.
    pub fn unauthorized() -> HttpError {
        HttpError::new(401, "Authorization has been denied for this request.")
    }

    /// 404 for an address whose first part names no controller.
    pub fn no_controller(uri: &str, controller: &str) -> HttpError {
        let name = cut(controller, MAX_MESSAGE);
        let detail = format!("No type was found that matches the controller named '{name}'.");
        HttpError::not_found(uri, Some(detail))
    }

    /// 404 for an address of a controller that has no action there.
    pub fn no_action(uri: &str, controller: &str) -> HttpError {
        let name = cut(controller, MAX_MESSAGE);
        let detail = format!("No action was found on the controller '{name}' that matches the request.");
        HttpError::not_found(uri, Some(detail))
    }

    /// 404 for an address that no route serves.
    pub fn not_found(uri: &str, detail: Option<String>) -> HttpError {
        let uri = cut(uri, MAX_MESSAGE);
        let message = format!("No HTTP resource was found that matches the request URI '{uri}'.");
        HttpError { detail, ..HttpError::new(404, message) }
    }

    /// 405. The caller adds the `Allow` header.
    pub fn method_not_allowed(method: &str) -> HttpError {
        let method = cut(method, MAX_MESSAGE);
        HttpError::new(405, format!("The requested resource does not support http method '{method}'."))
    }

    /// 415 for that content type, or for none.
    pub fn unsupported_media(content_type: Option<&str>) -> HttpError {
        let message = match content_type {
            Some(media) => format!(
                "The request entity's media type '{}' is not supported for this resource.",
                cut(media, MAX_MESSAGE)
            ),
            None => {
                "The request contains an entity body but no Content-Type header. The inferred media type \
                     'application/octet-stream' is not supported for this resource."
                    .to_owned()
            }
        };
        HttpError::new(415, message)
    }

    /// 500, which says nothing of the cause.
    pub fn internal() -> HttpError {
        HttpError::new(500, "An error has occurred.")
    }

    /// The JSON body. Control characters are escaped, also those that JSON would allow.
    pub fn to_json(&self) -> Vec<u8> {
        let mut body = Map::new();
        body.insert("Message".to_owned(), json!(self.message));
        if let Some(detail) = &self.detail {
            body.insert("MessageDetail".to_owned(), json!(detail));
        }
        if !self.model_state.is_empty() {
            let state = self.model_state.iter().map(|(key, messages)| (key.clone(), json!(messages)));
            body.insert("ModelState".to_owned(), Value::Object(state.collect()));
        }
        escape_controls(&Value::Object(body).to_string()).into_bytes()
    }

    /// The XML body: the members as elements without namespace and in the order of the JSON body, the messages of
    /// one place joined by a blank.
    pub fn to_xml(&self) -> String {
        let mut xml = "<Error>".to_owned();
        element("Message", &self.message, &mut xml);
        if let Some(detail) = &self.detail {
            element("MessageDetail", detail, &mut xml);
        }
        if !self.model_state.is_empty() {
            xml.push_str("<ModelState>");
            for (key, messages) in &self.model_state {
                element(key, &messages.join(" "), &mut xml);
            }
            xml.push_str("</ModelState>");
        }
        xml.push_str("</Error>");
        xml
    }
}

/// `<name>text</name>`, or `<name />` for no text. What has no name, which .NET refuses, is `_`.
fn element(name: &str, text: &str, xml: &mut String) {
    let name = if name.is_empty() { "_".to_owned() } else { encoded_name(name) };
    if text.is_empty() {
        xml.push_str(&format!("<{name} />"));
        return;
    }
    xml.push_str(&format!("<{name}>"));
    push_text(xml, text);
    xml.push_str(&format!("</{name}>"));
}

/// Outside strings compact JSON has no such character, so that escaping the whole text is right.
fn escape_controls(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn text(error: &HttpError) -> String {
        String::from_utf8(error.to_json()).unwrap()
    }

    #[test]
    fn bodies_are_those_of_web_api() {
        let nope = HttpError::invalid_member(
            "syncTokenRepresentation",
            "tenantId",
            "Error converting value \"nope\"",
        );
        assert_eq!(
            text(&nope),
            r#"{"Message":"The request is invalid.","ModelState":{"syncTokenRepresentation.tenantId":["Error converting value \"nope\""]}}"#
        );
        let missing =
            HttpError::not_found("http://127.0.0.1:7470/api/x", Some("No type was found.".to_owned()));
        assert_eq!(
            text(&missing),
            r#"{"Message":"No HTTP resource was found that matches the request URI 'http://127.0.0.1:7470/api/x'.","MessageDetail":"No type was found."}"#
        );
        assert_eq!(
            text(&HttpError::method_not_allowed("DELETE")),
            r#"{"Message":"The requested resource does not support http method 'DELETE'."}"#
        );
        assert_eq!(
            text(&HttpError::unsupported_media(Some("x/y"))),
            r#"{"Message":"The request entity's media type 'x/y' is not supported for this resource."}"#
        );
        assert!(
            text(&HttpError::unsupported_media(None))
                .contains("no Content-Type header. The inferred media type 'app")
        );
        assert_eq!(text(&HttpError::internal()), r#"{"Message":"An error has occurred."}"#);
    }

    #[test]
    fn xml_bodies_are_those_of_web_api() {
        let two = vec!["first message".to_owned(), "second message".to_owned()];
        assert_eq!(
            HttpError::invalid(vec![("syncTokenRepresentation.tenantId".to_owned(), two)]).to_xml(),
            "<Error><Message>The request is invalid.</Message><ModelState><syncTokenRepresentation.tenantId>first message \
             second message</syncTokenRepresentation.tenantId></ModelState></Error>"
        );
        let entry = HttpError::invalid_member("body", "nodes[0].props", "1 < 2 & \"3\"\r\n\u{1}");
        assert_eq!(
            entry.to_xml(),
            "<Error><Message>The request is invalid.</Message><ModelState><body.nodes_x005B_0_x005D_.props>1 &lt; 2 \
             &amp; \"3\"&#xD;\n&#x1;</body.nodes_x005B_0_x005D_.props></ModelState></Error>"
        );
        assert_eq!(
            HttpError::no_controller("http://h/a?b&c", "x").to_xml(),
            "<Error><Message>No HTTP resource was found that matches the request URI 'http://h/a?b&amp;c'.</Message>\
             <MessageDetail>No type was found that matches the controller named 'x'.</MessageDetail></Error>"
        );
        assert_eq!(
            HttpError::invalid(vec![("m".to_owned(), Vec::new())]).to_xml(),
            "<Error><Message>The request is invalid.</Message><ModelState><m /></ModelState></Error>"
        );
    }

    #[test]
    fn refusals_are_in_the_words_of_web_api() {
        assert_eq!(
            text(&HttpError::unauthorized()),
            r#"{"Message":"Authorization has been denied for this request."}"#
        );
        assert_eq!(HttpError::unauthorized().status, 401);
        let action = HttpError::no_action("http://h/api/nodes/1/2", "Nodes");
        assert_eq!(action.status, 404);
        assert_eq!(
            action.detail.as_deref(),
            Some("No action was found on the controller 'Nodes' that matches the request.")
        );
        let form = HttpError::invalid_form("nodeRepresentation", &FormError::TooManyKeys);
        assert_eq!((form.status, form.model_state[0].0.as_str()), (400, "nodeRepresentation"));
        assert!(form.model_state[0].1[0].contains("limit of '1000'"));
    }

    #[test]
    fn a_key_joins_parameter_and_path() {
        let key = |path| HttpError::invalid_member("m", path, "x").model_state.remove(0).0;
        assert_eq!([key(""), key("a.b"), key("[0]")], ["m", "m.a.b", "m[0]"]);
        let error = super::super::json::parse(b"{a:{b:?").unwrap_err();
        assert_eq!(HttpError::invalid_json("m", &error).model_state[0].0, "m.a.b");
    }

    #[test]
    fn control_characters_are_escaped_and_read_back() {
        let hostile = "\u{0}\n\u{1b}[31m\u{7f}\u{85}\u{9b}\u{2028}é😀";
        let json = text(&HttpError::new(400, hostile));
        assert!(!json.chars().any(char::is_control));
        let back: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(back["Message"], hostile);
    }
}
