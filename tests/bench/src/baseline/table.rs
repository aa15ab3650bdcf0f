//! The baseline's one table: a marking a row, with the time it was last written.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, OptionalExtension, Result, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// As durable as the daemon's answers: WAL, and an fsync for every commit.
const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS marking
        (guid TEXT PRIMARY KEY, body TEXT NOT NULL, updated_at INTEGER NOT NULL, is_local INTEGER NOT NULL);
    CREATE INDEX IF NOT EXISTS marking_by_time ON marking (updated_at);
";

/// The last writer wins, by its time, over the whole object.
const UPSERT: &str = "
    INSERT INTO marking VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (guid) DO UPDATE
        SET body = excluded.body, updated_at = excluded.updated_at, is_local = excluded.is_local
        WHERE excluded.updated_at > marking.updated_at
";

/// How many rows an answer to a poll holds.
const PAGE: usize = 1_000;

/// A row as it travels.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// Microseconds since 1970, unique at the server that took the write.
    pub updated_at: u64,
    /// The whole object.
    pub marking: Value,
}

/// The table and what the server knows of the others.
pub struct Table {
    connection: Connection,
    last: u64,
    seen: BTreeMap<String, u64>,
}

impl Table {
    /// Opens or makes the database in `folder`.
    pub fn open(folder: &Path) -> Result<Self> {
        let connection = Connection::open(folder.join("markings.sqlite"))?;
        connection.execute_batch(SCHEMA)?;
        let newest = "SELECT coalesce(max(updated_at), 0) FROM marking WHERE is_local";
        let last = connection.query_row(newest, [], |row| row.get::<_, i64>(0))?.unsigned_abs();
        Ok(Self { connection, last, seen: BTreeMap::new() })
    }

    /// Takes what an application wrote, now; returns the time of the last of them.
    pub fn write(&mut self, markings: &[Value]) -> Result<u64> {
        let transaction = self.connection.transaction()?;
        for marking in markings {
            self.last = now().max(self.last + 1);
            upsert(&transaction, marking, self.last, true)?;
        }
        transaction.commit()?;
        Ok(self.last)
    }

    /// Takes what another server has, up to its time `until`.
    pub fn apply(&mut self, from: &str, until: u64, rows: &[Row]) -> Result<()> {
        let transaction = self.connection.transaction()?;
        for row in rows {
            upsert(&transaction, &row.marking, row.updated_at, false)?;
        }
        transaction.commit()?;
        self.seen.insert(from.to_owned(), until);
        Ok(())
    }

    /// A page of what applications wrote here after `since`.
    pub fn changes(&self, since: u64) -> Result<Vec<Row>> {
        let mut statement = self.connection.prepare_cached(
            "SELECT updated_at, body FROM marking WHERE updated_at > ?1 AND is_local ORDER BY updated_at LIMIT ?2",
        )?;
        let rows = statement.query_map(params![since.cast_signed(), PAGE.cast_signed()], |row| {
            Ok(Row {
                updated_at: row.get::<_, i64>(0)?.unsigned_abs(),
                marking: parsed(&row.get::<_, String>(1)?),
            })
        })?;
        rows.collect()
    }

    /// One marking.
    pub fn one(&self, guid: &str) -> Result<Option<String>> {
        let mut statement = self.connection.prepare_cached("SELECT body FROM marking WHERE guid = ?1")?;
        statement.query_row([guid], |row| row.get(0)).optional()
    }

    /// Every marking.
    pub fn all(&self) -> Result<Vec<Value>> {
        let mut statement = self.connection.prepare_cached("SELECT body FROM marking")?;
        let rows = statement.query_map([], |row| Ok(parsed(&row.get::<_, String>(0)?)))?;
        rows.collect()
    }

    /// The last local time, and those seen from others.
    pub fn clock(&self, name: &str) -> BTreeMap<String, u64> {
        let own = (name.to_owned(), self.last);
        self.seen
            .iter()
            .map(|(name, seen)| (name.clone(), *seen))
            .chain([own])
            .filter(|(_, time)| *time > 0)
            .collect()
    }
}

fn upsert(connection: &Connection, marking: &Value, updated_at: u64, is_local: bool) -> Result<()> {
    let guid = marking["syncGuid"].as_str().unwrap_or_default();
    let mut statement = connection.prepare_cached(UPSERT)?;
    statement.execute(params![guid, marking.to_string(), updated_at.cast_signed(), is_local]).map(|_| ())
}

fn parsed(body: &str) -> Value {
    serde_json::from_str(body).unwrap_or_default()
}

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
