//! What an app does that comes back: a token since its last anchor, and the page of what little changed.

use super::plain::TOKEN_AND_PAGE;
use super::window::{Head, PAGE, Token, page, token};
use super::{Sides, Store};
use crate::failure::{Outcome, unusable};
use crate::figure::Figure;
use crate::forest::node;
use crate::http::Answer;
use crate::measure::REPEATS;
use crate::statistics::{Spread, percentile, sorted};
use crate::subject::timed;

/// Nodes that changed since the anchor.
const CHANGED: usize = 10;
/// Windows in one repeat.
const WINDOWS: usize = 100;
/// From one changed node to the next.
const STRIDE: usize = 101;

/// The time of token and page together; the changes between are not in it.
pub fn measure(store: &mut Store) -> Outcome<Sides> {
    let made = token(&mut store.client, None)?;
    let mut last: Token = made.json("a token")?;
    let (mut own, mut beside) = (Vec::new(), Vec::new());
    for repeat in 0..REPEATS {
        let (mut times, mut said) = (Vec::with_capacity(WINDOWS), None);
        for window in 0..WINDOWS {
            change(store, repeat * WINDOWS + window)?;
            let (time, next, answers) = look(store, &last)?;
            times.push(time);
            (last, said) = (next, Some(answers));
        }
        own.push(percentile(&sorted(times), 50));
        let (token, page) = said.ok_or_else(|| unusable("small windows", "none"))?;
        let plain = store.plain(&[("token", token.body), ("page", page.body)])?;
        beside.push(plain.token_and_page()?);
    }
    let plain = (TOKEN_AND_PAGE, Spread::of(beside).median);
    Ok((vec![(Figure::SmallWindowP50, Spread::of(own))], vec![(Figure::SmallWindowP50, plain)]))
}

fn change(store: &mut Store, turn: usize) -> Outcome<()> {
    let count = store.count;
    let numbers = (0..CHANGED).map(|number| turn * CHANGED + number);
    let nodes: Vec<_> = numbers.map(|number| node(number * STRIDE % count, 1 + turn)).collect();
    store.put(&nodes).map(|_| ())
}

/// In microseconds, with the token for the next time and both answers.
fn look(store: &mut Store, last: &Token) -> Outcome<(f64, Token, (Answer, Answer))> {
    let client = &mut store.client;
    let (time, (made, next, first)) = timed(|| {
        let made = token(client, Some(&last.anchor))?;
        let next: Token = made.json("a token")?;
        let first = page(client, &next, PAGE, 1)?;
        Ok((made, next, first))
    })?;
    let total = first.json::<Head>("a page")?.total;
    if total != CHANGED {
        return Err(unusable("a small window", format!("has {total} of {CHANGED} nodes")));
    }
    Ok((time.as_secs_f64() * 1e6, next, (made, first)))
}
