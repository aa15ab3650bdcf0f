//! Which part of a list or of data is asked for, and the envelope it comes in (REFERENCE A4).

use axum::http::{StatusCode, Uri};
use axum::response::Response;
use quire_protocol::shapes::bulk::search::{Order, Search};
use serde_json::{Map, Value, json};

use super::answer;
use super::refusal::{Refusal, Requirement};
use crate::http::query::Pairs;

/// Items of a page when nobody says.
const PAGE: u64 = 1000;
/// Items of a page of a list, of logs or of rejects at most.
pub(in crate::http) const MAX_ITEMS: u64 = 1000;
/// Rows of a page of data at most.
pub(in crate::http) const MAX_ROWS: u64 = 50_000;

/// A part of a list or of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// The first, from 0.
    pub offset: u64,
    /// How many at most.
    pub limit: u64,
    /// Whether the number of all is told.
    pub told: bool,
}

/// What a page says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// What was asked for.
    pub window: Window,
    /// How many there are in all.
    pub total: u64,
}

impl Window {
    /// Of rows.
    pub(super) fn of_rows(uri: &Uri) -> Result<Self, Refusal> {
        Self::read(&mut pairs(uri)?, MAX_ROWS)
    }

    /// Of the items of a list whose pages the service makes.
    pub(super) fn of_items(uri: &Uri) -> Result<Self, Refusal> {
        Self::read(&mut pairs(uri)?, MAX_ITEMS)
    }

    fn read(pairs: &mut Pairs, most: u64) -> Result<Self, Refusal> {
        let limit = whole(pairs, "limit", 1, most)?.unwrap_or(PAGE);
        let offset = whole(pairs, "offset", 0, u64::MAX)?.unwrap_or(0);
        let told = match pairs.take("totalResults") {
            None => true,
            Some(text) if text.eq_ignore_ascii_case("true") => true,
            Some(text) if text.eq_ignore_ascii_case("false") => false,
            Some(other) => return Err(Refusal::parameter("totalResults", &other, Requirement::Boolean)),
        };
        Ok(Self { offset, limit, told })
    }
}

impl Extent {
    /// How many are on the page.
    pub(super) fn count(self) -> u64 {
        self.window.limit.min(self.total.saturating_sub(self.window.offset))
    }

    fn has_more(self) -> bool {
        self.window.offset.saturating_add(self.count()) < self.total
    }

    /// The members of the envelope beside `items`, in their order.
    pub(super) fn members(self) -> Map<String, Value> {
        let total = self.window.told.then(|| ("totalResults", self.total.into()));
        let others = [
            ("limit", self.window.limit.into()),
            ("offset", self.window.offset.into()),
            ("count", self.count().into()),
            ("hasMore", self.has_more().into()),
        ];
        total.into_iter().chain(others).map(|(name, value): (&str, Value)| (name.to_owned(), value)).collect()
    }

    /// A page of a list as an answer.
    pub(super) fn page(self, items: Vec<Map<String, Value>>) -> Response {
        let mut envelope = Map::new();
        envelope.insert("items".to_owned(), items.into_iter().map(Value::Object).collect());
        envelope.append(&mut self.members());
        answer::json(StatusCode::OK, &Value::Object(envelope))
    }
}

/// What is asked of a list.
#[derive(Debug)]
pub(super) struct Listing {
    window: Window,
    search: Option<Search>,
    order: Option<Order>,
}

impl Listing {
    /// Reads a query. What is known to no list is ignored, as `links` is.
    pub(super) fn of(uri: &Uri) -> Result<Self, Refusal> {
        let mut pairs = pairs(uri)?;
        let window = Window::read(&mut pairs, MAX_ITEMS)?;
        let search = pairs.take("q").map(|text| {
            Search::parse(&text).map_err(|_| Refusal::parameter("q", &text, Requirement::Search))
        });
        let order = pairs.take("orderBy").map(|text| {
            Order::parse(&text).map_err(|_| Refusal::parameter("orderBy", &text, Requirement::Order))
        });
        Ok(Self { window, search: search.transpose()?, order: order.transpose()? })
    }

    /// The page of a list.
    pub(super) fn page(self, mut items: Vec<Map<String, Value>>) -> Response {
        if let Some(search) = self.search {
            items.retain(|item| search.matches(item));
        }
        if let Some(order) = self.order {
            order.sort(&mut items);
        }
        let extent = Extent { window: self.window, total: items.len() as u64 };
        let first = usize::try_from(self.window.offset).unwrap_or(usize::MAX);
        let most = usize::try_from(self.window.limit).unwrap_or(usize::MAX);
        extent.page(items.into_iter().skip(first).take(most).collect())
    }
}

fn pairs(uri: &Uri) -> Result<Pairs, Refusal> {
    let unreadable = |_| Refusal::member("query", json!(uri.query()), "Must be names and values");
    Pairs::of(uri).map_err(unreadable)
}

fn whole(pairs: &mut Pairs, name: &'static str, least: u64, most: u64) -> Result<Option<u64>, Refusal> {
    let Some(text) = pairs.take(name) else { return Ok(None) };
    let number = text.trim().parse().ok().filter(|number| (least..=most).contains(number));
    // What is echoed as a bound must be a number that others read exactly.
    let most = most.min(i64::MAX as u64);
    number.map(Some).ok_or_else(|| Refusal::parameter(name, &text, Requirement::Integer(least, most)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::http::bulk::testing::{json_of, text};
    use axum::response::IntoResponse;

    fn listing(query: &str) -> Result<Listing, Refusal> {
        Listing::of(&format!("/api/bulk/2.0/exports?{query}").parse().unwrap())
    }

    fn items(count: usize) -> Vec<Map<String, Value>> {
        let item = |at: usize| json!({ "name": format!("n{}", count - at), "at": at });
        (0..count).map(|at| item(at).as_object().unwrap().clone()).collect()
    }

    async fn page(query: &str, count: usize) -> Value {
        json_of(listing(query).unwrap().page(items(count))).await
    }

    #[tokio::test]
    async fn every_page_says_what_it_is_a_page_of() {
        let told = text(listing("").unwrap().page(vec![])).await;
        let wanted = r#"{"items":[],"totalResults":0,"limit":1000,"offset":0,"count":0,"hasMore":false}"#;
        assert_eq!(told, wanted);
        let told = page("LIMIT=2&offset=1&links=x&other=1", 4).await;
        assert_eq!(told["items"].as_array().unwrap().len(), 2);
        assert_eq!(told["items"][0]["at"], 1);
        assert_eq!((&told["count"], &told["hasMore"]), (&json!(2), &json!(true)));
        let last = page("limit=2&offset=2&totalResults=false", 4).await;
        assert_eq!((&last["hasMore"], last.get("totalResults")), (&json!(false), None));
        let beyond = page("offset=18446744073709551615", 4).await;
        assert_eq!(
            (&beyond["count"], &beyond["hasMore"], &beyond["totalResults"]),
            (&json!(0), &json!(false), &json!(4))
        );
    }

    #[tokio::test]
    async fn lists_are_searched_and_then_sorted_and_then_cut() {
        let told = page("q=name!=%27n2%27&orderBy=name%20DESC&limit=2", 4).await;
        let names: Vec<&Value> = told["items"].as_array().unwrap().iter().map(|item| &item["name"]).collect();
        assert_eq!(names, ["n4", "n3"]);
        assert_eq!((&told["totalResults"], &told["hasMore"]), (&json!(3), &json!(true)));
        let told = page("q=%22name=*3%22", 4).await;
        assert_eq!(told["totalResults"], 1);
    }

    #[tokio::test]
    async fn what_is_out_of_range_is_refused_with_its_range() {
        for (query, requirement) in [
            ("limit=0", json!({ "type": "IntegerRequirement", "minimum": 1, "maximum": 1000 })),
            ("limit=1001", json!({ "type": "IntegerRequirement", "minimum": 1, "maximum": 1000 })),
            ("Offset=-1", json!({ "type": "IntegerRequirement", "minimum": 0, "maximum": i64::MAX })),
            ("totalResults=maybe", json!({ "type": "BooleanRequirement" })),
            ("q=%3D", json!({ "type": "SearchRequirement" })),
            ("orderBy=name%20UP", json!({ "type": "OrderRequirement" })),
        ] {
            let response = listing(query).unwrap_err().into_response();
            assert_eq!(response.status(), 400, "{query}");
            let told = json_of(response).await;
            assert_eq!(told[0]["type"], "EndpointParameterError");
            assert_eq!(told[0]["requirement"], requirement, "{query}");
        }
        let rows = |query: &str| Window::of_rows(&format!("/x?{query}").parse().unwrap());
        assert_eq!(rows("limit=50000&offset=7").unwrap(), Window { offset: 7, limit: 50_000, told: true });
        assert!(rows("limit=50001").is_err());
        assert_eq!(rows("").unwrap().limit, 1000);
    }
}
