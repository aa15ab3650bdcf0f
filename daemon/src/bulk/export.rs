//! Running an export: the records of one snapshot, those that the filter wants, as rows of a file.

use std::ops::ControlFlow;
use std::sync::Arc;

use quire_protocol::shapes::bulk::definition::Column;
use quire_protocol::shapes::bulk::field::{self, Field};
use quire_protocol::shapes::bulk::filter::Filter;
use quire_protocol::shapes::bulk::object::Object;
use quire_protocol::shapes::bulk::text::text_of;
use serde_json::{Map, Value};

use super::custom;
use super::definition::Named;
use super::error::{BulkError, Result};
use super::files::NewFile;
use super::inner::Inner;
use super::limits::{INDEX_EVERY, MAX_ACTIVITIES};
use super::log::{Code, Severity};
use super::sync::{Exported, Status, Sync};
use super::uploads::Reserved;
use super::worker::Outcome;

/// Bytes between two looks at whether there is room for more: at most so many are too many for a moment.
const LOOK_EVERY: u64 = 1024 * 1024;

/// Runs an export to its end. Blocks on the disk.
pub(super) fn run(inner: &Arc<Inner>, sync: &Sync, named: Named, fields: &[Field]) -> Outcome {
    match rows(inner, sync, named, fields) {
        Ok(None) => Outcome::Stopped,
        Ok(Some(exported)) => ended(inner, exported),
        Err(error) => Outcome::failed(inner.now(), "export", &error, None),
    }
}

fn ended(inner: &Inner, exported: Exported) -> Outcome {
    let now = inner.now();
    let mut logs = vec![Code::EXPORTED.count(exported.rows, now)];
    let status = if exported.rows == 0 {
        logs.push(Code::NOTHING.count(0, now).as_(Severity::Warning));
        Status::Warning
    } else {
        Status::Success
    };
    Outcome::Ended { status, logs, exported: Some(exported) }
}

/// The rows, in their file; `None` when the daemon stops.
fn rows(inner: &Arc<Inner>, sync: &Sync, named: Named, fields: &[Field]) -> Result<Option<Exported>> {
    let draft = sync.draft.as_ref().ok_or_else(|| BulkError::Failed("the sync has no definition".into()))?;
    let columns = draft.columns(named.object, fields).map_err(BulkError::Invalid)?;
    let filter = draft.filter(named.object, fields).map_err(BulkError::Invalid)?;
    let bound = if named.object == Object::Activities { MAX_ACTIVITIES } else { u64::MAX };
    let most = draft.max_records.map_or(bound, |records| records.min(bound));
    let mut output = Output::create(inner, sync.id, &columns)?;
    let mut failed = None;
    inner.engine.records(&custom::records(inner, named.object)?, &mut |record| {
        if inner.is_stopping() || output.rows >= most {
            return ControlFlow::Break(());
        }
        if !wants(filter.as_ref(), &record) {
            return ControlFlow::Continue(());
        }
        match output.add(&columns, &record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    match failed {
        None if !inner.is_stopping() => output.keep().map(Some),
        stopped_or_failed => stopped_or_failed.map_or(Ok(None), Err),
    }
}

fn wants(filter: Option<&Filter>, record: &Map<String, Value>) -> bool {
    filter.is_none_or(|filter| filter.matches(record))
}

/// The fields by which a definition of an object is read.
pub(super) async fn fields_of(inner: &Arc<Inner>, object: Object) -> Result<Vec<Field>> {
    match object {
        Object::CustomObject(_) => custom::fields(inner, object).await,
        _ => Ok(field::fields(object)),
    }
}

/// The files that are being written.
struct Output {
    rows_file: NewFile,
    index: NewFile,
    reserved: Reserved,
    sync: u64,
    looked: u64,
    rows: u64,
    line: Vec<u8>,
}

impl Output {
    fn create(inner: &Arc<Inner>, sync: u64, columns: &[Column]) -> Result<Output> {
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let mut rows_file = inner.files.create(inner.files.rows(sync))?;
        rows_file.line(&serde_json::to_vec(&names).map_err(std::io::Error::from)?)?;
        let index = inner.files.create(inner.files.index(sync))?;
        let reserved = Reserved::none(inner);
        Ok(Output { rows_file, index, reserved, sync, looked: 0, rows: 0, line: Vec::new() })
    }

    fn add(&mut self, columns: &[Column], record: &Map<String, Value>) -> Result<()> {
        if self.rows > 0 && self.rows.is_multiple_of(INDEX_EVERY) {
            self.index.raw(&self.rows_file.bytes.to_be_bytes())?;
        }
        self.line.clear();
        for column in columns {
            self.line.push(if self.line.is_empty() { b'[' } else { b',' });
            let value = record.get(&column.key).unwrap_or(&Value::Null);
            serde_json::to_writer(&mut self.line, &text_of(value)).map_err(std::io::Error::from)?;
        }
        self.line.push(b']');
        self.rows_file.line(&self.line)?;
        self.rows += 1;
        if self.rows_file.bytes >= self.looked {
            self.looked = self.rows_file.bytes + LOOK_EVERY;
            self.reserved.grow(self.rows_file.bytes)?;
            self.reserved.note_rows(self.sync, self.rows);
        }
        Ok(())
    }

    fn keep(mut self) -> Result<Exported> {
        self.reserved.grow(self.rows_file.bytes + self.index.bytes)?;
        // The rows last: an index without rows goes at the next start.
        let index = self.index.keep()?;
        let bytes = self.rows_file.keep()? + index;
        Ok(Exported { rows: self.rows, bytes, kept: true })
    }
}
