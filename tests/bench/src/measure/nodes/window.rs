//! `POST /api/syncTokens` and `GET /api/sync`: a window of all nodes, page by page, and one page of it again and again.

use std::time::Instant;

use serde::Deserialize;
use serde_json::json;

use super::plain::{SAID, TOKEN_AND_PAGE, said};
use super::{Sides, Store};
use crate::failure::{Outcome, unusable};
use crate::figure::{Figure, Taken};
use crate::forest::TENANT;
use crate::http::{Answer, Client};
use crate::measure::REPEATS;
use crate::measure::write::timed_repeat;
use crate::statistics::Spread;
use crate::subject::timed;

/// What this measure yields.
pub const FIGURES: [Figure; 5] = [
    Figure::WindowFirst,
    Figure::WindowPageRate,
    Figure::WindowNodeRate,
    Figure::WindowByteRate,
    Figure::SmallPageRate,
];

/// Nodes of a page, where nobody asks for another number.
pub const PAGE: usize = 1_000;
/// Nodes of the page that is asked for again and again.
const SMALL_PAGE: usize = 100;
/// How often in one repeat: a page is worth a hundred nodes.
const REQUESTS: usize = 500;

/// What is of use in a token.
#[derive(Deserialize)]
pub struct Token {
    #[serde(rename = "syncTokenId")]
    id: String,
    /// Where its window ends.
    #[serde(rename = "currentDatabaseAnchorHex")]
    pub anchor: String,
}

/// What is of use in a page.
#[derive(Deserialize)]
pub struct Head {
    #[serde(rename = "recordCount")]
    records: usize,
    /// Nodes of the whole window.
    #[serde(rename = "totalCount")]
    pub total: usize,
}

/// One way through a window.
struct Way {
    first_ms: f64,
    /// Of the pages after the first.
    seconds: f64,
    pages: usize,
    nodes: usize,
    bytes: usize,
}

/// What a way met, for the reference to say again.
struct Met {
    token: Answer,
    page: Answer,
}

/// The token of all that came after an anchor.
pub fn token(client: &mut Client, anchor: Option<&str>) -> Outcome<Answer> {
    let body = json!({ "tenantId": TENANT, "requestedAnchorHex": anchor }).to_string();
    client.demand("POST", "/api/syncTokens", body.as_bytes())
}

/// A page of a token's window.
pub fn page(client: &mut Client, token: &Token, size: usize, number: usize) -> Outcome<Answer> {
    let path = format!("/api/sync?syncTokenId={}&pageSize={size}&pageNumber={number}", token.id);
    client.demand("GET", &path, b"")
}

/// With a new token each time: what the daemon keeps of a window, it keeps for its token.
pub fn measure(store: &mut Store) -> Outcome<Sides> {
    let (mut own, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        let (way, met) = through(store)?;
        plain.push(repeated(store, &way, met)?);
        own.push(way);
    }
    let mut beside = Vec::new();
    for (figure, spread) in figures(&plain) {
        let name = if figure == Figure::WindowFirst { TOKEN_AND_PAGE } else { SAID };
        beside.push((figure, (name, spread.median)));
    }
    let (mut taken, (small, plain)) = (figures(&own), one_page(store)?);
    taken.push((Figure::SmallPageRate, small));
    beside.push((Figure::SmallPageRate, (SAID, plain.median)));
    Ok((taken, beside))
}

fn figures(ways: &[Way]) -> Taken {
    let spread = |of: fn(&Way) -> f64| Spread::of(ways.iter().map(of));
    vec![
        (Figure::WindowFirst, spread(|way| way.first_ms)),
        (Figure::WindowPageRate, spread(|way| way.pages as f64 / way.seconds)),
        (Figure::WindowNodeRate, spread(|way| way.nodes as f64 / way.seconds)),
        (Figure::WindowByteRate, spread(|way| way.bytes as f64 / 1e6 / way.seconds)),
    ]
}

fn through(store: &mut Store) -> Outcome<(Way, Met)> {
    let client = &mut store.client;
    let start = Instant::now();
    let made = token(client, None)?;
    let token: Token = made.json("a token")?;
    let first = page(client, &token, PAGE, 1)?;
    let first_ms = start.elapsed().as_secs_f64() * 1e3;
    let head: Head = first.json("a page")?;
    if head.total != store.count {
        return Err(unusable("the window", format!("has {} of {} nodes", head.total, store.count)));
    }
    let pages = head.total.div_ceil(PAGE) - 1;
    let mut way = Way { first_ms, seconds: 0.0, pages, nodes: 0, bytes: 0 };
    for number in 0..pages {
        let (time, answer) = timed(|| page(client, &token, PAGE, number + 2))?;
        way.seconds += time.as_secs_f64();
        way.nodes += answer.json::<Head>("a page")?.records;
        way.bytes += answer.body.len();
    }
    if way.nodes + head.records != store.count {
        return Err(unusable("the window", format!("its pages have {} nodes", way.nodes + head.records)));
    }
    Ok((way, Met { token: made, page: first }))
}

/// One page in the middle of the window, repeatedly: its rate, and that of the reference.
fn one_page(store: &mut Store) -> Outcome<(Spread, Spread)> {
    let token: Token = token(&mut store.client, None)?.json("a token")?;
    let number = store.count / SMALL_PAGE / 2;
    let answer = page(&mut store.client, &token, SMALL_PAGE, number)?;
    if answer.json::<Head>("a page")?.records != SMALL_PAGE {
        return Err(unusable("a small page", "not of the size that was asked for"));
    }
    let plain = store.plain(&[("page", answer.body)])?;
    let (mut client, said) = (plain.client()?, said("page"));
    let (mut own, mut beside) = (Vec::new(), Vec::new());
    // The first round is the warm-up.
    for _ in 0..=REPEATS {
        own.push(rate(|| page(&mut store.client, &token, SMALL_PAGE, number))?);
        beside.push(rate(|| client.demand("GET", &said, b""))?);
    }
    let warm = |rates: Vec<f64>| Spread::of(rates.into_iter().skip(1));
    Ok((warm(own), warm(beside)))
}

fn rate(mut call: impl FnMut() -> Outcome<Answer>) -> Outcome<f64> {
    timed_repeat(0..REQUESTS, |_| timed(&mut call).map(|(time, _)| time)).map(|repeat| repeat.rate)
}

/// The same way at the reference, where every page is the first one.
fn repeated(store: &Store, way: &Way, met: Met) -> Outcome<Way> {
    let size = met.page.body.len();
    let plain = store.plain(&[("token", met.token.body), ("page", met.page.body)])?;
    let mut client = plain.client()?;
    let first_ms = plain.token_and_page()? / 1e3;
    let mut again = Way { first_ms, seconds: 0.0, nodes: way.pages * PAGE, bytes: way.pages * size, ..*way };
    for _ in 0..way.pages {
        let (time, _) = timed(|| client.demand("GET", &said("page"), b""))?;
        again.seconds += time.as_secs_f64();
    }
    Ok(again)
}
