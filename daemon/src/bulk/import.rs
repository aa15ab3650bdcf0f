//! Running an import: staged rows become edits, some hundred in each transaction, which also says how far the import is.
//! So after a crash it goes on with the first row that is not there, and none is there twice.

use std::collections::{BTreeSet, HashMap};
use std::io::BufReader;
use std::sync::Arc;

use quire_protocol::shapes::bulk::date::stamp;
use quire_protocol::shapes::bulk::definition::Column;
use quire_protocol::shapes::bulk::field::Field;
use quire_protocol::shapes::bulk::object::Object;
use quire_protocol::shapes::bulk::rule::UpdateRule;
use serde_json::{Map, Value, json};

use super::contents::Contents;
use super::custom;
use super::definition::Named;
use super::error::{BulkError, Result};
use super::files::read_line;
use super::inner::Inner;
use super::limits::{
    CHUNK_BYTES, CHUNK_ROWS, MAX_REJECT, MAX_REJECTED_VALUE, MAX_REJECTS, MAX_UNKNOWN_FIELDS,
    MAX_UNKNOWN_NAME,
};
use super::log::{Code, Item, Severity};
use super::shelf::{self, Row};
use super::sync::{Progress, Status, Sync};
use super::worker::Outcome;
use crate::engine::{ImportPut, Imported, RecordsOf};

/// Runs an import to its end, from the row on that it had come to.
pub(super) async fn run(inner: &Arc<Inner>, sync: Sync, named: Named, fields: &[Field]) -> Outcome {
    let id = sync.id;
    let done = rows(inner, sync, named, fields).await;
    let (now, so_far) = (inner.now(), inner.registry().sync(id).ok().cloned());
    match (done, so_far) {
        (Ok(false), _) => Outcome::Stopped,
        (Ok(true), Some(sync)) => ended(&sync, named.object, now),
        (Err(error), sync) => Outcome::failed(now, "import", &error, sync.map(|sync| sync.progress)),
        (Ok(true), None) => Outcome::Stopped,
    }
}

fn ended(sync: &Sync, object: Object, now: i64) -> Outcome {
    let Progress { rows, created, updated, rejected, .. } = sync.progress;
    let mut logs = vec![Code::STAGED.count(sync.staged_rows(), now)];
    logs.extend(sync.unknown.iter().map(|name| Code::IGNORED.with(&[name], now).as_(Severity::Warning)));
    if rows == 0 {
        logs.push(Code::NOTHING.count(0, now).as_(Severity::Warning));
        return Outcome::Ended { status: Status::Warning, logs, exported: None };
    }
    let (new, old) = codes(object);
    logs.extend([Code::READY.count(0, now), new.count(created, now), old.count(updated, now)]);
    logs.push(Code::PROCESSED.count(rows, now));
    let weight = if rejected > 0 { Severity::Warning } else { Severity::Information };
    logs.push(Code::REJECTED.count(rejected, now).as_(weight));
    logs.push(Code::FIELDS_REJECTED.count(rejected, now).as_(weight));
    let status = if rejected > 0 || !sync.unknown.is_empty() { Status::Warning } else { Status::Success };
    Outcome::Ended { status, logs, exported: None }
}

/// Markings are told of as custom objects: no documented code names them.
fn codes(object: Object) -> (Code, Code) {
    match object {
        Object::Contacts => (Code::CONTACTS_CREATED, Code::CONTACTS_UPDATED),
        Object::Activities => (Code::ACTIVITIES_CREATED, Code::CUSTOM_UPDATED),
        Object::Markings | Object::CustomObject(_) => (Code::CUSTOM_CREATED, Code::CUSTOM_UPDATED),
    }
}

/// All rows; false when the daemon stops.
async fn rows(inner: &Arc<Inner>, mut sync: Sync, named: Named, fields: &[Field]) -> Result<bool> {
    let plan = Plan::of(inner, &sync, named, fields)?;
    let mut first = 0;
    for staged in sync.staged.clone() {
        let skip = sync.progress.rows.saturating_sub(first).min(staged.left());
        first += staged.left();
        let mut lines = open(inner, staged.upload, staged.done + skip).await?;
        loop {
            if inner.is_stopping() {
                return Ok(false);
            }
            let (back, chunk) = read_chunk(lines).await?;
            lines = back;
            if chunk.is_empty() {
                break;
            }
            sync = plan.import(inner, sync, chunk).await?;
        }
    }
    Ok(true)
}

type Lines = BufReader<Contents>;

async fn open(inner: &Arc<Inner>, upload: u64, skip: u64) -> Result<Lines> {
    let files = inner.files.clone();
    blocking(move || {
        let mut lines = BufReader::new(files.open(&files.upload(upload))?);
        let mut line = Vec::new();
        for _ in 0..skip {
            read_line(&mut lines, &mut line)?;
        }
        Ok(lines)
    })
    .await
}

async fn read_chunk(mut lines: Lines) -> Result<(Lines, Vec<Map<String, Value>>)> {
    blocking(move || {
        let (mut chunk, mut bytes, mut line) = (Vec::new(), 0, Vec::new());
        while chunk.len() < CHUNK_ROWS && bytes < CHUNK_BYTES && read_line(&mut lines, &mut line)? {
            bytes += line.len();
            chunk.push(serde_json::from_slice(&line)?);
        }
        Ok((lines, chunk))
    })
    .await
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(|_| BulkError::Busy)??)
}

/// What the definition says of each row.
struct Plan {
    into: RecordsOf,
    columns: Vec<Column>,
    /// Keys by the names of fields in lower case, of which no two are the same.
    keys: HashMap<String, String>,
    identifier: Option<String>,
    rules: Vec<(String, UpdateRule)>,
    all_matches: bool,
}

impl Plan {
    fn of(inner: &Inner, sync: &Sync, named: Named, fields: &[Field]) -> Result<Plan> {
        let draft =
            sync.draft.as_ref().ok_or_else(|| BulkError::Failed("the sync has no definition".into()))?;
        let columns = draft.columns(named.object, fields).map_err(BulkError::Invalid)?;
        let key =
            |name: &str| columns.iter().find(|column| column.name == name).map(|column| column.key.clone());
        Ok(Plan {
            into: custom::records(inner, named.object)?,
            identifier: draft.identifier.as_deref().and_then(key),
            rules: columns.iter().map(|column| (column.key.clone(), draft.rule_of(&column.name))).collect(),
            all_matches: draft.is_updating_multiple_matched_records,
            keys: columns.iter().map(|column| (column.name.to_lowercase(), column.key.clone())).collect(),
            columns,
        })
    }

    /// Imports some rows; gives the sync as it is then.
    async fn import(
        &self,
        inner: &Arc<Inner>,
        mut sync: Sync,
        chunk: Vec<Map<String, Value>>,
    ) -> Result<Sync> {
        let rows = chunk.iter().map(|row| self.by_key(row, &mut sync.unknown)).collect();
        let names: Vec<(String, String)> =
            self.columns.iter().map(|column| (column.key.clone(), column.name.clone())).collect();
        let (first, seed) = (sync.progress.rows, sync.id.to_be_bytes().to_vec());
        let before = sync.clone();
        let shelve = Box::new(move |done: &[Imported]| told(&before, &names, &chunk, done));
        let put = ImportPut {
            into: self.into.clone(),
            identifier: self.identifier.clone(),
            rules: self.rules.clone(),
            all_matches: self.all_matches,
            first,
            seed,
            rows,
            now: stamp(inner.now()),
            shelve,
        };
        let done = inner.engine.import(put).await?;
        let sync = counted(&sync, &done);
        inner.registry().syncs.insert(sync.id, sync.clone());
        Ok(sync)
    }

    /// A row by the keys of its fields. Names are compared without letter case.
    fn by_key(&self, row: &Map<String, Value>, unknown: &mut BTreeSet<String>) -> Map<String, Value> {
        let mut by_key = Map::new();
        for (name, value) in row {
            match self.keys.get(&name.to_lowercase()) {
                Some(key) => {
                    by_key.insert(key.clone(), value.clone());
                }
                None if unknown.len() < MAX_UNKNOWN_FIELDS => {
                    unknown.insert(name.chars().take(MAX_UNKNOWN_NAME).collect());
                }
                None => {}
            }
        }
        by_key
    }
}

/// The sync after these rows.
fn counted(before: &Sync, done: &[Imported]) -> Sync {
    let mut sync = before.clone();
    let progress = &mut sync.progress;
    for outcome in done {
        progress.rows += 1;
        match outcome {
            Imported::Created => progress.created += 1,
            Imported::Updated => progress.updated += 1,
            Imported::Unchanged => progress.unchanged += 1,
            Imported::Rejected { .. } => progress.rejected += 1,
        }
    }
    sync.rejects = progress.rejected.min(MAX_REJECTS);
    sync
}

/// What the shelf says after these rows: the sync, and each row that was rejected.
fn told(
    before: &Sync,
    names: &[(String, String)],
    rows: &[Map<String, Value>],
    done: &[Imported],
) -> Vec<Row> {
    let after = counted(before, done);
    let mut place = before.rejects;
    let mut told: Vec<Row> = shelf::put(shelf::sync(after.id), &after).into_iter().collect();
    for ((index, row), outcome) in (before.progress.rows..).zip(rows).zip(done) {
        let Imported::Rejected { code, message, keys } = outcome else { continue };
        if place >= MAX_REJECTS {
            break;
        }
        let of_key =
            |key: &String| names.iter().find(|(known, _)| known == key).map(|(_, name)| name.as_str());
        let fields: Vec<&str> = keys.iter().filter_map(of_key).collect();
        let reject = json!({
            "fieldValues": shortened(row),
            "message": message,
            "statusCode": code,
            "recordIndex": index,
            "invalidFields": fields,
        });
        told.extend(shelf::put(shelf::reject(after.id, place), &reject));
        place += 1;
    }
    told
}

/// A row with its long values cut, and without its last members if it is still too long: the client has it whole.
fn shortened(row: &Map<String, Value>) -> Map<String, Value> {
    let (mut short, mut bytes) = (Map::new(), 0);
    for (name, value) in row {
        let (name, value) = (cut(name), short_value(value));
        bytes += name.len() + value.as_str().map_or(0, str::len);
        if bytes > MAX_REJECT {
            break;
        }
        short.insert(name, value);
    }
    short
}

fn short_value(value: &Value) -> Value {
    match value {
        Value::String(text) => cut(text).into(),
        Value::Array(_) | Value::Object(_) => cut(&value.to_string()).into(),
        other => other.clone(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_REJECTED_VALUE).collect()
}

/// What an import that failed had done.
pub(super) fn done_so_far(progress: Progress, now: i64) -> Item {
    Code::PROCESSED.count(progress.rows, now)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rejected_row_is_repeated_in_short() {
        let list: Vec<u32> = (0..100_000).collect();
        let mut row = json!({ "a": "b", "n": 1, "long": "é".repeat(5_000), "list": list });
        for i in 0..1_000 {
            row[format!("member {i}")] = "x".repeat(100).into();
        }
        let short = shortened(row.as_object().unwrap());
        assert_eq!((&short["a"], &short["n"]), (&json!("b"), &json!(1)));
        assert_eq!(short["long"], "é".repeat(MAX_REJECTED_VALUE));
        assert_eq!(short["list"].as_str().unwrap().len(), MAX_REJECTED_VALUE);
        assert!(Value::from(short).to_string().len() < 2 * MAX_REJECT);
    }
}
