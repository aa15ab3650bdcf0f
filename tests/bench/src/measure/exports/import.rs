//! An import of 10,000 markings into an empty store: staging and sync together.

use std::time::Instant;

use serde_json::{Map, Value, json};

use super::sync::{BASE, define, run};
use crate::failure::{Outcome, unusable};
use crate::figure::{Figure, Taken};
use crate::measure::{Bench, REPEATS};
use crate::statistics::Spread;
use crate::subject::Kind;
use crate::workload::Marking;

/// Rows of one upload: some megabytes, as clients send them.
const UPLOAD: usize = 2_500;
/// The daemon's own number of a marking, which no import may bring.
const ROW: &str = "id";

/// What is imported, as one uploads it.
struct Rows {
    definition: Value,
    uploads: Vec<String>,
}

/// In rows a second.
pub fn measure(bench: &Bench) -> Outcome<Taken> {
    let rows = Rows::of(bench.workload.loaded())?;
    let rates = (0..REPEATS).map(|_| rate(bench, &rows));
    Ok(vec![(Figure::ImportRate, Spread::of(rates.collect::<Outcome<Vec<_>>>()?))])
}

fn rate(bench: &Bench, rows: &Rows) -> Outcome<f64> {
    let subject = bench.lab.fresh(Kind::Quire, "imports")?;
    let mut client = subject.client()?;
    let definition = define(&mut client, "markings/imports", &rows.definition)?;
    let begin = Instant::now();
    for upload in &rows.uploads {
        client.demand("POST", &format!("{BASE}{definition}/data"), upload.as_bytes())?;
    }
    run(&mut client, &definition)?;
    Ok(bench.workload.loaded().len() as f64 / begin.elapsed().as_secs_f64())
}

impl Rows {
    fn of(markings: &[Marking]) -> Outcome<Self> {
        let rows = markings.iter().map(row).collect::<Outcome<Vec<_>>>()?;
        let names = rows.iter().flat_map(Map::keys);
        let fields: Map<String, Value> =
            names.map(|name| (name.clone(), format!("{{{{Marking.Field({name})}}}}").into())).collect();
        let definition = json!({ "name": "all", "fields": fields, "identifierFieldName": "syncGuid" });
        Ok(Self { definition, uploads: rows.chunks(UPLOAD).map(|rows| json!(rows).to_string()).collect() })
    }
}

/// The members that may be written.
fn row(marking: &Marking) -> Outcome<Map<String, Value>> {
    let mut row: Map<String, Value> =
        serde_json::from_str(&marking.json).map_err(|error| unusable("a generated marking", error))?;
    row.remove(ROW);
    Ok(row)
}
