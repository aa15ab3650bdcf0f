//! What the machine itself can do, taken in the same run: no subject can be faster than the steps it is made of.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::StatusCode;
use axum::routing::post;
use redb::{Database, TableDefinition};

use crate::failure::{Context, Outcome, unusable};
use crate::http::Client;
use crate::server::{Kept, Server};
use crate::statistics::{Spread, percentile, sorted};
use crate::workload::Workload;

const APPENDS: usize = 2_000;
const COMMITS: u64 = 1_000;
const ECHOES: usize = 5_000;
const RESTED: usize = 100;
/// As long as the measure of one field lets the link fall silent.
const REST: Duration = Duration::from_millis(20);
/// Calls of each kind before the first one counts.
const WARM_UP: usize = 100;
/// About the size of one edit's record.
const RECORD: [u8; 150] = [0x5a; 150];
const COMMITTED: TableDefinition<u64, &[u8]> = TableDefinition::new("committed");
/// The level of the published comparison.
const ZSTD_LEVEL: i32 = 3;

/// The latencies of one step, in microseconds.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// Half of the calls are faster.
    pub p50: f64,
    /// All but one in a hundred are faster.
    pub p99: f64,
    /// The average, which a rate is made of.
    pub mean: f64,
}

/// The machine's figures.
pub struct Limits {
    /// 150 bytes appended and fdatasynced.
    pub append: Step,
    /// 150 bytes committed by redb.
    pub commit: Step,
    /// One marking echoed by axum over a kept-alive connection.
    pub echo: Step,
    /// The least that a durable answer takes: axum appends one marking to a file, fdatasyncs and answers.
    pub durable: Step,
    /// The same a moment after the one before, as a person's edits are: disk and processor have gone to rest.
    pub durable_rested: Step,
    /// Seconds to write and fdatasync the 10,000 markings.
    pub write_input_s: f64,
    /// Seconds to compress them.
    pub compress_input_s: f64,
    /// Their size, in MB.
    pub input_mb: f64,
    /// Their compressed size, in MB.
    pub compressed_mb: f64,
}

impl Limits {
    /// Of several takes the middle value of each figure: the disk of a machine that also does other things answers now
    /// from its cache and now not.
    pub fn middle(takes: &[Self]) -> Self {
        let value = |of: &dyn Fn(&Self) -> f64| Spread::of(takes.iter().map(of)).median;
        let step = |of: &dyn Fn(&Self) -> Step| Step {
            p50: value(&|limits| of(limits).p50),
            p99: value(&|limits| of(limits).p99),
            mean: value(&|limits| of(limits).mean),
        };
        Self {
            append: step(&|limits| limits.append),
            commit: step(&|limits| limits.commit),
            echo: step(&|limits| limits.echo),
            durable: step(&|limits| limits.durable),
            durable_rested: step(&|limits| limits.durable_rested),
            write_input_s: value(&|limits| limits.write_input_s),
            compress_input_s: value(&|limits| limits.compress_input_s),
            input_mb: value(&|limits| limits.input_mb),
            compressed_mb: value(&|limits| limits.compressed_mb),
        }
    }

    /// Takes all of them, with files in `work`.
    pub fn take(work: &Path, workload: &Workload) -> Outcome<Self> {
        let input =
            workload.loaded().iter().map(|marking| marking.json.as_str()).collect::<Vec<_>>().join("\n");
        let start = Instant::now();
        let compressed =
            zstd::bulk::compress(input.as_bytes(), ZSTD_LEVEL).while_doing("compress the input")?;
        let compress_input_s = start.elapsed().as_secs_f64();
        Ok(Self {
            append: append(&work.join("limit-append"))?,
            commit: commit(&work.join("limit-redb"))?,
            echo: served(None, ECHOES, &workload.markings[0].json)?,
            durable: served(Some(&work.join("limit-durable")), APPENDS, &workload.markings[0].json)?,
            durable_rested: rested(&work.join("limit-rested"), &workload.markings[0].json)?,
            write_input_s: write_once(&work.join("limit-write"), input.as_bytes())?,
            compress_input_s,
            input_mb: input.len() as f64 / 1e6,
            compressed_mb: compressed.len() as f64 / 1e6,
        })
    }

    /// One paragraph.
    pub fn describe(&self) -> String {
        format!(
            "Append and fdatasync of 150 bytes: p50 {:.0} µs, p99 {:.0} µs. One redb commit of 150 bytes: p50 {:.0} µs. \
             axum keep-alive echo of a marking: p50 {:.0} µs, {:.0} a second; with append and fdatasync before the \
             answer: p50 {:.0} µs, {:.0} a second, and {:.0} µs when {} ms pass between two. The 10,000 markings are {:.1} MB; zstd -3 \
             makes {:.2} MB of them in {:.2} s; writing and fdatasyncing them takes {:.3} s.",
            self.append.p50,
            self.append.p99,
            self.commit.p50,
            self.echo.p50,
            1e6 / self.echo.mean,
            self.durable.p50,
            1e6 / self.durable.mean,
            self.durable_rested.p50,
            REST.as_millis(),
            self.input_mb,
            self.compressed_mb,
            self.compress_input_s,
            self.write_input_s
        )
    }
}

fn step(count: usize, mut call: impl FnMut() -> Outcome<()>) -> Outcome<Step> {
    for _ in 0..WARM_UP {
        call()?;
    }
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        call()?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(summed_up(times))
}

fn summed_up(times: Vec<f64>) -> Step {
    let times = sorted(times);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    Step { p50: percentile(&times, 50), p99: percentile(&times, 99), mean }
}

fn append(path: &Path) -> Outcome<Step> {
    let mut file = File::create(path).while_doing("create a file")?;
    let result = step(APPENDS, || {
        file.write_all(&RECORD).while_doing("append")?;
        file.sync_data().while_doing("fdatasync")
    });
    fs::remove_file(path).while_doing("remove a file")?;
    result
}

fn write_once(path: &Path, input: &[u8]) -> Outcome<f64> {
    let start = Instant::now();
    let mut file = File::create(path).while_doing("create a file")?;
    file.write_all(input).while_doing("write the input")?;
    file.sync_data().while_doing("fdatasync")?;
    let seconds = start.elapsed().as_secs_f64();
    fs::remove_file(path).while_doing("remove a file")?;
    Ok(seconds)
}

fn commit(path: &Path) -> Outcome<Step> {
    let _ = fs::remove_file(path);
    let database = Database::create(path).map_err(|error| unusable("create a redb file", error))?;
    let mut key = 0;
    let count = usize::try_from(COMMITS).unwrap_or(WARM_UP);
    let result = step(count, || {
        key += 1;
        commit_one(&database, key).map_err(|error| unusable("commit", error))
    });
    drop(database);
    fs::remove_file(path).while_doing("remove a file")?;
    result
}

fn commit_one(database: &Database, key: u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    transaction.open_table(COMMITTED)?.insert(key, RECORD.as_slice())?;
    Ok(transaction.commit()?)
}

/// What axum takes for one marking: to echo it, or to append it to a file, sync and answer.
fn served(file: Option<&Path>, count: usize, marking: &str) -> Outcome<Step> {
    let (server, route) = start(file)?;
    let mut client = Client::connect(&server.address, None)?;
    step(count, || client.demand("POST", route, marking.as_bytes()).map(|_| ()))
}

fn rested(file: &Path, marking: &str) -> Outcome<Step> {
    let (server, route) = start(Some(file))?;
    let mut client = Client::connect(&server.address, None)?;
    let mut times = Vec::with_capacity(RESTED);
    for _ in 0..RESTED {
        std::thread::sleep(REST);
        let start = Instant::now();
        client.demand("POST", route, marking.as_bytes())?;
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
    Ok(summed_up(times))
}

fn start(file: Option<&Path>) -> Outcome<(Server, &'static str)> {
    let Some(file) = file else {
        return Ok((Server::start(Router::new().route("/echo", post(async |body: String| body)))?, "/echo"));
    };
    let kept = Kept::create(file)?;
    let keep = async move |body: String| match kept.append(body.as_bytes()) {
        Ok(()) => StatusCode::OK,
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    Ok((Server::start(Router::new().route("/keep", post(keep)))?, "/keep"))
}
