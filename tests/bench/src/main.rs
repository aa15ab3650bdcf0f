//! The benchmark: drives the real binary over real sockets, beside what the machine can do and what a small SQLite and
//! REST server does in the same run. Knows the daemon by its command line and HTTP only.

mod baseline;
mod failure;
mod figure;
mod forest;
mod http;
mod limits;
mod machine;
mod measure;
mod process;
mod proxy;
mod quire;
mod report;
mod server;
mod statistics;
mod subject;
mod workload;

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::failure::{Context, Outcome};
use crate::limits::Limits;
use crate::machine::Machine;
use crate::measure::{Bench, Measure};
use crate::report::Report;
use crate::subject::{Kind, Lab};
use crate::workload::{LOADED, MANY, SPARE, Workload};

#[derive(Parser)]
#[command(about = "Measures quire and prints a table in markdown")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure.
    Run(Run),
    /// Serve as the baseline (started by `run`).
    #[cfg(feature = "baseline")]
    BaselineServer {
        /// Where the database is.
        #[arg(long)]
        folder: PathBuf,
        /// Its name in other servers' clocks.
        #[arg(long)]
        name: String,
    },
}

#[derive(Args)]
struct Run {
    /// The daemon's binary.
    #[arg(long)]
    quire: PathBuf,
    /// A folder for markings and stores, on a disk like the one a user has.
    #[arg(long)]
    work: PathBuf,
    /// The generator of the markings.
    #[arg(long)]
    generator: PathBuf,
    /// Only these measures (comma separated); all by default.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Measure>,
    /// Leave the baseline out.
    #[arg(long)]
    no_baseline: bool,
    /// Leave the daemon out.
    #[arg(long)]
    no_quire: bool,
    /// Put the table between the markers of this document.
    #[arg(long)]
    write: Option<PathBuf>,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Run(arguments) => run(&arguments),
        #[cfg(feature = "baseline")]
        Command::BaselineServer { folder, name } => baseline::server::serve(&folder, &name),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("bench: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Run) -> Outcome<()> {
    fs::create_dir_all(&arguments.work).while_doing("make the work folder")?;
    let needs_many = arguments.only.is_empty() || arguments.only.contains(&Measure::Idle);
    let count = if needs_many { MANY } else { LOADED + SPARE };
    let workload = Workload::prepare(&arguments.generator, &arguments.work, count)?;
    let machine = Machine::look(&arguments.work);
    let take_limits = || Limits::take(&arguments.work, &workload);
    let before = take_limits()?;
    let lab = Lab { quire: arguments.quire.clone(), work: arguments.work.clone() };
    let bench = Bench { lab: &lab, workload: &workload, chosen: &arguments.only };
    let figures =
        |kind, is_left_out: bool| if is_left_out { figure::Figures::default() } else { bench.run(kind) };
    let baseline = figures(Kind::Baseline, arguments.no_baseline);
    let between = take_limits()?;
    let quire = figures(Kind::Quire, arguments.no_quire);
    let limits = Limits::middle(&[before, between, take_limits()?]);
    let report = Report { quire: &quire, baseline: &baseline, limits: &limits };
    publish(arguments, &text(&report, &machine, &limits))
}

fn text(report: &Report, machine: &Machine, limits: &Limits) -> String {
    let (met, demanded) = report.verdict();
    format!(
        "{}\n{}\n{met} of {demanded} demands met.\n\nMachine: {}\n\nIts limits in this run: {}\n",
        report.table(),
        report.failures(),
        machine.describe(),
        limits.describe()
    )
}

fn publish(arguments: &Run, text: &str) -> Outcome<()> {
    println!("{text}");
    let Some(path) = &arguments.write else { return Ok(()) };
    let document = fs::read_to_string(path).while_doing("read the document")?;
    fs::write(path, report::replace(&document, text)?).while_doing("write the document")
}
