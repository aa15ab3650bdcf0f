//! `POST /api/nodes`: one node a request, one connection, the next when the last is answered.

use super::plain::{KEPT, PARSED, kept, parsed};
use super::{Sides, Store};
use crate::failure::Outcome;
use crate::figure::Figure;
use crate::forest::node;
use crate::http::Client;
use crate::measure::REPEATS;
use crate::measure::write::{REQUESTS, Repeat, WARM_UP, figures, timed_repeat};
use crate::subject::timed;

/// Of new nodes.
pub const NEW: [Figure; 3] = [Figure::NodeWriteRate, Figure::NodeWriteP50, Figure::NodeWriteP99];
/// Of nodes that are there.
pub const EDITED: [Figure; 3] = [Figure::NodeEditRate, Figure::NodeEditP50, Figure::NodeEditP99];

const PATH: &str = "/api/nodes";
/// From one edited node to the next: no neighbours, and none twice before all were.
const STRIDE: usize = 37;

/// Revisions that no other measure wrote.
const EDITED_FROM: usize = 1_000_000;

/// Nodes that the store does not have.
pub fn new(store: &mut Store) -> Outcome<Sides> {
    let count = store.count;
    rounds(store, &NEW, &|number| node(count + number, 0))
}

/// Whole nodes, as an app has them, of which one property is another.
pub fn edited(store: &mut Store) -> Outcome<Sides> {
    let count = store.count;
    rounds(store, &EDITED, &|number| node(number * STRIDE % count, EDITED_FROM + number))
}

fn rounds(store: &mut Store, names: &[Figure], body: &dyn Fn(usize) -> String) -> Outcome<Sides> {
    let mut bodies = (0..).map(body);
    let first: Vec<String> = bodies.by_ref().take(WARM_UP).collect();
    let mut said = Vec::new();
    for body in &first {
        said = store.client.demand("POST", PATH, body.as_bytes())?.body;
    }
    let plain = store.plain(&[("node", said)])?;
    let (mut client, kept, parsed) = (plain.client()?, kept("node"), parsed("node"));
    repeat(&mut client, &kept, &first)?;
    repeat(&mut client, &parsed, &first)?;
    let mut sides = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..REPEATS {
        let bodies: Vec<String> = bodies.by_ref().take(REQUESTS).collect();
        sides[0].push(repeat(&mut store.client, PATH, &bodies)?);
        sides[1].push(repeat(&mut client, &kept, &bodies)?);
        sides[2].push(repeat(&mut client, &parsed, &bodies)?);
    }
    let [own, kept, parsed] = sides.map(|repeats| figures(names, &repeats));
    let named = [(KEPT, kept), (PARSED, parsed)].into_iter();
    let beside = named.flat_map(|(name, taken)| {
        taken.into_iter().map(move |(figure, spread)| (figure, (name, spread.median)))
    });
    Ok((own, beside.collect()))
}

fn repeat(client: &mut Client, path: &str, bodies: &[String]) -> Outcome<Repeat> {
    timed_repeat(bodies.iter(), |body| {
        timed(|| client.demand("POST", path, body.as_bytes())).map(|(time, _)| time)
    })
}
