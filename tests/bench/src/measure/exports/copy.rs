//! The reference: every row of a copy of the stopped daemon's store, read and written to another file by redb alone.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};

use crate::failure::{Context, Outcome, unusable};

/// The daemon's file, and the one table in it.
const FILE: &str = "quire.redb";
const ROWS: TableDefinition<&[u8], &[u8]> = TableDefinition::new("rows");

/// How long it takes to copy all rows of the store in `folder` and commit them. Leaves no file behind.
pub fn all_rows(folder: &Path) -> Outcome<Duration> {
    let (from, to) = (folder.with_extension("from"), folder.with_extension("to"));
    fs::copy(folder.join(FILE), &from).while_doing("copy the store")?;
    let _ = fs::remove_file(&to);
    let taken = copy(&from, &to).map_err(|error| unusable("copy rows", error));
    for file in [from, to] {
        fs::remove_file(file).while_doing("remove a copy")?;
    }
    taken
}

fn copy(from: &Path, to: &Path) -> Result<Duration, redb::Error> {
    let (from, to) = (Database::open(from)?, Database::create(to)?);
    let begin = Instant::now();
    let rows = from.begin_read()?.open_table(ROWS)?;
    let transaction = to.begin_write()?;
    {
        let mut copied = transaction.open_table(ROWS)?;
        for row in rows.iter()? {
            let (key, value) = row?;
            copied.insert(key.value(), value.value())?;
        }
    }
    transaction.commit()?;
    Ok(begin.elapsed())
}
