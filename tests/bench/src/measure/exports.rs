//! A store of 1,000,000 reading activities, exported by the Bulk shapes and downloaded; beside it, in the same run, a plain
//! copy of the same rows out of redb. Then an import of markings.

mod copy;
mod import;
mod sync;

use std::fmt::Write;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::json;

use self::sync::{BASE, define, run};
use super::Bench;
use crate::failure::{Outcome, unusable};
use crate::figure::{Figure, Figures, Taken};
use crate::http::{Answer, Client};
use crate::statistics::Spread;
use crate::subject::{ACCOUNT, Kind, Subject, timed};

/// Activities in the store. Fewer, by [`COUNT_SETTING`], are for trying out: the table's titles then say too much.
const COUNT: usize = 1_000_000;
const COUNT_SETTING: &str = "QUIRE_BENCH_ACTIVITIES";
/// Activities in one request of the load.
const BATCH: usize = 10_000;
/// The most rows of one page (REFERENCE A7).
const PAGE: usize = 50_000;
/// How long the daemon is left alone before its memory counts as that of rest.
const REST: Duration = Duration::from_secs(10);
/// The application that loads.
const LOADER: u32 = 1;
/// What the copy out of redb is made of.
const COPIED: &str = "redb, all rows copied";

const LOAD: [Figure; 2] = [Figure::ActivityLoadRate, Figure::ActivityRest];
const EXPORT: [Figure; 5] = [
    Figure::ExportMemory,
    Figure::ExportRate,
    Figure::DownloadMemory,
    Figure::DownloadJsonRate,
    Figure::DownloadCsvRate,
];

/// Of the daemon; what fails does not stop the rest.
pub fn measure(bench: &Bench, figures: &mut Figures) {
    figures.keep(&[Figure::ImportRate], import::measure(bench));
    let mut store = match Store::start(bench) {
        Ok(store) => store,
        Err(failure) => return figures.keep(&LOAD, Err(failure)),
    };
    let loaded = store.load();
    let is_loaded = loaded.is_ok();
    figures.keep(&LOAD, loaded);
    if is_loaded {
        figures.keep(&EXPORT, store.export());
        match store.copied() {
            Ok(rate) => figures.keep_beside(vec![
                (Figure::ExportRate, (COPIED, rate)),
                (Figure::DownloadJsonRate, (COPIED, rate)),
                (Figure::DownloadCsvRate, (COPIED, rate)),
            ]),
            Err(failure) => eprintln!("exports: no copy out of redb: {failure}"),
        }
    }
}

/// A store and who speaks to it.
struct Store {
    subject: Box<dyn Subject>,
    client: Client,
    count: usize,
    /// Resident memory at rest, in MB.
    rest: f64,
}

impl Store {
    fn start(bench: &Bench) -> Outcome<Self> {
        let subject = bench.lab.fresh(Kind::Quire, "exports")?;
        let client = subject.client()?;
        Ok(Self { subject, client, count: count(), rest: 0.0 })
    }

    fn load(&mut self) -> Outcome<Taken> {
        let (mut seconds, mut cursor) = (0.0, None);
        for begin in (0..self.count).step_by(BATCH) {
            let body = request(begin..self.count.min(begin + BATCH), cursor.as_deref());
            let call = || self.client.demand("POST", "/api/synchronization/synchronize", body.as_bytes());
            let (time, answer) = timed(call)?;
            cursor = Some(answer.json::<Synchronized>("synchronize")?.result.cursor);
            seconds += time.as_secs_f64();
        }
        std::thread::sleep(REST);
        self.rest = self.subject.process().resident_mb()?;
        Ok(vec![
            (Figure::ActivityLoadRate, Spread::once(self.count as f64 / seconds)),
            (Figure::ActivityRest, Spread::once(self.rest)),
        ])
    }

    fn export(&mut self) -> Outcome<Taken> {
        let fields = json!({
            "ActivityId": "{{Activity.Id}}", "ActivityType": "{{Activity.Type}}",
            "ActivityDate": "{{Activity.CreatedAt}}", "AssetId": "{{Activity.Asset.Id}}",
            "ContactId": "{{Activity.Contact.Id}}", "Device": "{{Activity.Device}}",
            "syncGuid": "{{Activity.Field(syncGuid)}}", "chapterId": "{{Activity.Field(chapterId)}}",
            "CharIndexStart": "{{Activity.Field(CharIndexStart)}}",
        });
        let definition =
            define(&mut self.client, "activities/exports", &json!({ "name": "all", "fields": fields }))?;
        self.subject.process().forget_peak()?;
        let (time, sync) = timed(|| run(&mut self.client, &definition))?;
        let peak = self.subject.process().peak_mb()?;
        self.subject.process().forget_peak()?;
        let json = self.download(&sync, None)?;
        let csv = self.download(&sync, Some("text/csv"))?;
        let loaded = self.subject.process().peak_mb()?;
        let rate = |time: Duration| Spread::once(self.count as f64 / time.as_secs_f64());
        Ok(vec![
            (Figure::ExportMemory, Spread::once(peak - self.rest)),
            (Figure::ExportRate, rate(time)),
            (Figure::DownloadMemory, Spread::once(loaded - self.rest)),
            (Figure::DownloadJsonRate, rate(json)),
            (Figure::DownloadCsvRate, rate(csv)),
        ])
    }

    /// The time of all pages.
    fn download(&mut self, sync: &str, accept: Option<&'static str>) -> Outcome<Duration> {
        let mut client = self.subject.client()?.accepting(accept);
        let (mut time, mut rows) = (Duration::ZERO, 0);
        for offset in (0..self.count).step_by(PAGE) {
            let path = format!("{BASE}{sync}/data?limit={PAGE}&offset={offset}");
            let begin = Instant::now();
            let answer = client.demand("GET", &path, b"")?;
            time += begin.elapsed();
            rows += rows_of(&answer, accept)?;
        }
        if rows == self.count {
            Ok(time)
        } else {
            Err(unusable("an export", format!("{rows} of {} rows", self.count)))
        }
    }

    /// Rows a second, of the daemon's file when it has ended.
    fn copied(&mut self) -> Outcome<f64> {
        let folder = self.subject.folder().to_owned();
        self.subject.process().stop()?;
        let time = copy::all_rows(&folder)?;
        Ok(self.count as f64 / time.as_secs_f64())
    }
}

fn rows_of(answer: &Answer, accept: Option<&str>) -> Outcome<usize> {
    if accept.is_some() {
        let lines = answer.body.iter().filter(|byte| **byte == b'\n').count();
        return Ok(lines.saturating_sub(1));
    }
    Ok(answer.json::<Page>("a page")?.count)
}

#[derive(Deserialize)]
struct Page {
    count: usize,
}

#[derive(Deserialize)]
struct Synchronized {
    #[serde(rename = "Result")]
    result: Cursor,
}

#[derive(Deserialize)]
struct Cursor {
    #[serde(rename = "CurrentSyncTimestamp")]
    cursor: String,
}

fn count() -> usize {
    let asked = std::env::var(COUNT_SETTING).ok().and_then(|text| text.parse::<usize>().ok());
    let count = asked.unwrap_or(COUNT).max(1);
    if count != COUNT {
        eprintln!("exports: {count} instead of {COUNT}");
    }
    count
}

/// The documented request with some activities: where in which book somebody read, and when.
fn request(numbers: std::ops::Range<usize>, cursor: Option<&str>) -> String {
    let mut items = String::new();
    for number in numbers {
        let (book, chapter) = (number / 500 + 1, number % 500 / 20 + 1);
        let comma = if items.is_empty() { "" } else { "," };
        let _ = write!(
            items,
            r#"{comma}{{"syncGuid":"00000000-0000-4000-8000-{number:012x}","AccountId":{ACCOUNT},"bookID":{book},"chapterId":"chap_{chapter:03}.xhtml","CharIndexStart":{},"actionType":2,"Timestamp":"2026-03-{:02}T{:02}:{:02}:{:02}.{:07}-05:00"}}"#,
            number * 37 % 60_000,
            number / 86_400 % 28 + 1,
            number / 3_600 % 24,
            number / 60 % 60,
            number % 60,
            number * 7_919 % 10_000_000,
        );
    }
    json_request(&items, cursor)
}

fn json_request(items: &str, cursor: Option<&str>) -> String {
    let cursor = cursor.map_or_else(|| "null".to_owned(), |cursor| format!("{cursor:?}"));
    format!(
        r#"{{"Account":{{"AccountId":{ACCOUNT}}},"AccountApplicationId":{LOADER},"ApplicationType":1,"LastSyncTimestamp":{cursor},"EPubHistoryActivities":[{items}]}}"#
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::request;
    use serde_json::Value;

    #[test]
    fn a_request_is_json_with_its_activities() {
        let request: Value = serde_json::from_str(&request(3..5, Some("2026-01-01T00:00:00.01Z"))).unwrap();
        assert_eq!(request["EPubHistoryActivities"].as_array().unwrap().len(), 2);
        assert_eq!(request["EPubHistoryActivities"][1]["syncGuid"], "00000000-0000-4000-8000-000000000004");
        assert_eq!(request["LastSyncTimestamp"], "2026-01-01T00:00:00.01Z");
    }
}
