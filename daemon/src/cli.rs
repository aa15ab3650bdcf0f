//! The commands, their options and exit codes. What each does is in `cli/`.

mod app;
mod backup;
mod client;
mod conflicts;
mod demo;
mod doctor;
mod entries;
mod open;
mod output;
mod pair;
mod peers;
mod progress;
mod recovery;
mod serve;
mod spaces;
mod status;
mod token;
mod unpair;
mod user;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::config::{ConfigError, Given, Layer, Loader, LogFormat, Source, value};
use client::{Client, ClientError};

/// 0 done · 1 failed · 2 wrong usage · 3 no daemon is running.
const FAILED: u8 = 1;
const WRONG_USAGE: u8 = 2;
const NO_DAEMON: u8 = 3;

#[derive(Debug, Parser)]
#[command(
    name = "quire",
    version,
    about = "Keeps the markings of reading apps the same on all your devices, without a server",
    after_help = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no daemon is running.",
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the daemon in the foreground
    ///
    /// Apps on this machine call it on --api, other devices on --peer. Each option can also be set in the
    /// configuration file (the option's name with `_`) or in the environment (QUIRE_ and the option's name
    /// in capitals with `_`); a flag wins over the environment, the environment over the file.
    /// QUIRE_LOG sets how much is logged on stderr: error, warn, info (the default), debug or trace.
    ///
    /// `encrypt = true` in the file (or QUIRE_ENCRYPT) encrypts everything that is kept, an existing store at the
    /// next start; `encrypt = false` decrypts it. `encrypt_key` says where the key lies: `keystore` (of the
    /// platform), `file` (in the data folder: protects a copy of the database alone), or `auto`, the first that
    /// works when the store is encrypted. A key that lies elsewhere is moved at the next start. What is not set leaves
    /// a store as it is.
    Serve(ServeArgs),
    /// Show on this machine what Quire does, with two daemons of its own
    ///
    /// Starts two daemons with data folders of their own, lets them find each other by mDNS and pair, sends
    /// the documented sample and then a live marking to one, shows both arriving at the other, edits the
    /// same marking on both while they are cut off from each other, reconnects them and shows the merge.
    /// Your own daemon and data are not touched. Without --once both keep running until Ctrl-C; their
    /// data folders are removed at the end.
    Demo(DemoArgs),
    /// Show what the running daemon says about itself
    Status(ReadArgs),
    /// List the paired devices, whether they are connected, and how much they have yet to receive
    Peers(ReadArgs),
    /// Pair with another device: without CODE show an invitation, with CODE accept one
    ///
    /// Run `quire pair` on one device and `quire pair CODE` on the other. The inviting side waits until
    /// somebody has paired or the invitation has expired (exit code 1). With --json it prints the
    /// invitation on one line and, once paired, the new peer on the next.
    Pair(PairArgs),
    /// Remove a device, for all that share anything with it
    ///
    /// What it wrote so far stays, as far as this device has it; what it writes from now on is set aside everywhere.
    /// With --adopt, given for a device that is removed already, what was set aside of it is taken in after all.
    /// A removed device that is not yours to keep may hold a copy of all it had: nothing can take that back.
    Unpair(UnpairArgs),
    /// The key on paper that is above your devices: make it, or use it against a thief
    ///
    /// Two devices that remove each other are both out for the rest. Who holds the 24 words decides: `use` throws
    /// devices out whatever they have ruled, and whom they had removed is back.
    #[command(subcommand)]
    Recovery(RecoveryCommand),
    /// List the spaces that are held, with their clocks
    Spaces(ReadArgs),
    /// Look for what is wrong with the running daemon, and say what to do about it
    Doctor(ReadArgs),
    /// List values that were set at the same time on several devices, and which of them holds
    Conflicts(ReadArgs),
    /// Give apps passwords of their own: add, list or remove apps of the configuration file
    ///
    /// With `api.auth = "required"` each caller of the documented shapes shows one of these passwords: as
    /// `Authorization: Basic` with NAME:PASSWORD, also with COMPANY\ before it. Web pages and apps in a web view call
    /// with the password of an app to which their origin was granted, whatever `api.auth` says. A daemon that follows
    /// the file takes a change without a restart. Comments and order of the file stay.
    #[command(subcommand)]
    App(app::AppCommand),
    /// Say who may call the Bulk shapes (`/api/bulk/2.0`): add, list or remove users of the configuration file
    ///
    /// As long as there are no users, the Bulk shapes ask for no password. With users, callers send
    /// `Authorization: Basic` with SITE\USER:PASSWORD or USER:PASSWORD. A daemon that follows the file takes a change
    /// without a restart. Comments and order of the file stay.
    #[command(subcommand)]
    User(user::UserCommand),
    /// Replace the API token, which programs need for `/v1`
    #[command(subcommand)]
    Token(token::TokenCommand),
    /// Open the dashboard of the running daemon in the browser
    ///
    /// By a link that works once, within a minute. The browser then keeps a cookie that is as good as the API token for
    /// the dashboard, until the daemon ends or the token is replaced.
    Open(open::OpenArgs),
    /// Write everything the running daemon keeps to an encrypted file, as of one moment
    ///
    /// The file holds the device's keys too, encrypted by your passphrase (Argon2id, XChaCha20-Poly1305): without the
    /// passphrase nobody reads it, you neither. Exported rows and uploads of the Bulk shapes that no sync has taken are
    /// not in it. The passphrase is asked for, or read from --passphrase-file or the standard input.
    Backup(BackupArgs),
    /// Put a backup into a data folder on which no daemon runs
    ///
    /// All of the file is verified before anything is changed. A daemon that starts on it is a new installation under
    /// the same pairings: it begins a new log by itself, and what was written since the backup comes back from peers.
    /// Never run this device's old folder beside it as another device: both hold the same device keys.
    Restore(RestoreArgs),
    /// Print the OpenAPI document of everything the daemon serves; none needs to run
    Openapi,
}

#[derive(Debug, Args)]
struct FolderArgs {
    /// Folder for everything the daemon keeps [default: quire in the platform's data folder]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file, TOML [default: quire/config.toml in the platform's configuration folder]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Where apps call; port 0 picks a free one [default: 127.0.0.1:7470]
    ///
    /// An address that other machines reach needs `api.auth = "required"` in the configuration file, an app password
    /// for each caller (`quire app add`), and the names that callers use in `api.hosts`.
    #[arg(long, value_name = "ADDR", value_parser = value::address)]
    api: Option<SocketAddr>,
    /// Where other devices call; port 0 picks a free one [default: [::]:7471, IPv6 and IPv4]
    #[arg(long, value_name = "ADDR", value_parser = value::address)]
    peer: Option<SocketAddr>,
    /// What other devices show for this one [default: the host name]
    #[arg(long, value_name = "NAME", value_parser = value::name)]
    name: Option<String>,
    /// Do not look for other devices by mDNS, and do not announce this one
    #[arg(long)]
    no_discovery: bool,
    /// Try this peer address too (repeatable)
    #[arg(long, value_name = "HOST:PORT", value_parser = value::connect)]
    connect: Vec<String>,
    /// How log lines are written: text or json [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = value::log_format)]
    log_format: Option<LogFormat>,
}

#[derive(Debug, Args)]
struct DemoArgs {
    /// Stop at the end: exit code 0 when all of it held, 1 with the reason when not
    #[arg(long)]
    once: bool,
}

#[derive(Debug, Args)]
struct ReadArgs {
    #[command(flatten)]
    folder: FolderArgs,
    /// Print the daemon's answer as JSON, for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct PairArgs {
    /// The code, or the whole quire: address, that the other device shows
    code: Option<String>,
    /// Where the other device is, if it cannot be found by itself
    #[arg(long, value_name = "HOST:PORT", value_parser = value::connect, requires = "code")]
    at: Option<String>,
    /// Share this space alone, with these rights: account:3, account:3=read or account:3=read,write,invite,admin
    /// (repeatable) [default: the other is a device of yours and shares everything]
    #[arg(long, value_name = "SPACE[=RIGHTS]", conflicts_with = "code")]
    space: Vec<String>,
    #[command(flatten)]
    read: ReadArgs,
}

#[derive(Debug, Args)]
struct UnpairArgs {
    /// Its name, where only one device has it, or its id: see `quire peers`
    device: String,
    /// Take in what was set aside of a device that is removed already (by its id)
    #[arg(long)]
    adopt: bool,
    /// DEVICE is this one: take it out, destroy its keys and all that it keeps, and end the daemon
    #[arg(long, conflicts_with = "adopt")]
    leave: bool,
    /// Leave also when no other device has all that is here
    #[arg(long, requires = "leave")]
    even_if_lost: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Debug, Args)]
struct BackupArgs {
    /// The file to write; it must not exist
    file: PathBuf,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    #[command(flatten)]
    folder: FolderArgs,
}

#[derive(Debug, Subcommand)]
enum RecoveryCommand {
    /// Make the key and print its 24 words, once: they are kept nowhere
    New(FolderArgs),
    /// Throw devices out with the 24 words, which are read from standard input
    Use {
        /// The devices, by id or, where only one has it, by name
        #[arg(long, value_name = "DEVICE", required = true)]
        expel: Vec<String>,
        #[command(flatten)]
        folder: FolderArgs,
    },
}

#[derive(Debug, Args)]
struct RestoreArgs {
    /// The backup
    file: PathBuf,
    /// Read the passphrase from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
    /// Put it in the place of a store that is there; the old one is kept as quire.redb.before-restore-N
    #[arg(long)]
    replace: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

/// Why a command ended without having done its work.
#[derive(Debug, thiserror::Error)]
enum Failure {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The daemon that was asked.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The daemon that was to run.
    #[error(transparent)]
    Start(#[from] crate::daemon::StartError),
    /// The backup.
    #[error(transparent)]
    Backup(#[from] crate::backup::BackupError),
    /// Standard output.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
    /// Anything else, in words.
    #[error("{0}")]
    Said(String),
}

impl Failure {
    fn exit_code(&self) -> u8 {
        match self {
            Self::Config(_) => WRONG_USAGE,
            Self::Client(ClientError::NoDaemon { .. }) => NO_DAEMON,
            // Whoever read the output has seen enough, as `head` does.
            Self::Output(error) if error.kind() == std::io::ErrorKind::BrokenPipe => 0,
            Self::Client(_) | Self::Start(_) | Self::Backup(_) | Self::Output(_) | Self::Said(_) => FAILED,
        }
    }
}

/// Runs the command that the arguments (with the program's name first) ask for.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody left to tell when this fails.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(WRONG_USAGE));
        }
    };
    let done = match cli.command {
        Command::Serve(args) => args.loader().and_then(serve::run),
        Command::Demo(args) => demo::run(args.once),
        Command::Status(args) => args.client().and_then(|client| status::run(&client, args.json)),
        Command::Peers(args) => args.client().and_then(|client| peers::run(&client, args.json)),
        Command::Pair(args) => args.read.client().and_then(|client| pair::run(&client, &args)),
        Command::Unpair(args) => args.folder.client().and_then(|client| unpair::run(&client, &args)),
        Command::Recovery(RecoveryCommand::New(folder)) => {
            folder.client().and_then(|client| recovery::new(&client))
        }
        Command::Recovery(RecoveryCommand::Use { expel, folder }) => {
            folder.client().and_then(|client| recovery::expel(&client, &expel))
        }
        Command::Spaces(args) => args.client().and_then(|client| spaces::run(&client, args.json)),
        Command::Doctor(args) => args.client().and_then(|client| doctor::run(&client, args.json)),
        Command::Conflicts(args) => args.client().and_then(|client| conflicts::run(&client, args.json)),
        Command::App(command) => app::run(command),
        Command::User(command) => user::run(command),
        Command::Token(command) => token::run(&command),
        Command::Open(args) => args.read.client().and_then(|client| open::run(&client, &args)),
        Command::Backup(args) => args.run(),
        Command::Restore(args) => args.run(),
        Command::Openapi => output::document(&crate::http::openapi::text()).map_err(Failure::from),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let code = failure.exit_code();
            if code != 0 {
                output::complain(&failure.to_string());
            }
            ExitCode::from(code)
        }
    }
}

impl FolderArgs {
    fn layer(&self) -> Layer {
        let absolute = |path: &PathBuf| std::path::absolute(path).unwrap_or_else(|_| path.clone());
        Layer { data_dir: flag("--data-dir", self.data_dir.as_ref().map(absolute)), ..Layer::default() }
    }

    fn loader(&self) -> Result<Loader, Failure> {
        Ok(Loader::new(self.layer(), self.config.clone(), &|name| std::env::var_os(name))?)
    }

    /// The folder that a daemon with these options has.
    fn data_dir(&self) -> Result<PathBuf, Failure> {
        Ok(self.loader()?.data_dir()?)
    }

    /// The daemon that runs on it.
    fn client(&self) -> Result<Client, Failure> {
        Ok(Client::of_folder(&self.data_dir()?)?)
    }
}

impl ServeArgs {
    fn loader(self) -> Result<Loader, Failure> {
        let layer = Layer {
            api: flag("--api", self.api),
            peer: flag("--peer", self.peer),
            name: flag("--name", self.name),
            discovery: flag("--no-discovery", self.no_discovery.then_some(false)),
            connect: flag("--connect", Some(self.connect).filter(|list| !list.is_empty())),
            log_format: flag("--log-format", self.log_format),
            ..self.folder.layer()
        };
        Ok(Loader::new(layer, self.folder.config, &|name| std::env::var_os(name))?)
    }
}

impl ReadArgs {
    fn client(&self) -> Result<Client, Failure> {
        self.folder.client()
    }
}

impl BackupArgs {
    fn run(self) -> Result<(), Failure> {
        let client = self.folder.client()?;
        let passphrase = backup::passphrase(self.passphrase_file.as_deref(), true)?;
        backup::backup(&client, &self.file, &passphrase)
    }
}

impl RestoreArgs {
    fn run(self) -> Result<(), Failure> {
        private();
        let loader = self.folder.loader()?;
        let told =
            backup::Restore { from: self.file, replace: self.replace, passphrase_file: self.passphrase_file };
        backup::restore(&loader, &told)
    }
}

/// Nothing that is made from here on is for others to read.
fn private() {
    rustix::process::umask(rustix::fs::Mode::RWXG.union(rustix::fs::Mode::RWXO));
}

fn flag<T>(name: &'static str, value: Option<T>) -> Option<Given<T>> {
    value.map(|value| Given { value, source: Source::Flag(name) })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_configuration_with_their_names() {
        let line = "quire serve --api 127.0.0.1:0 --no-discovery --connect a:1 --connect b:2 --data-dir /d";
        let Command::Serve(args) = Cli::try_parse_from(line.split(' ')).unwrap().command else {
            panic!("not serve")
        };
        let config = args.loader().unwrap().load().unwrap();
        assert_eq!(config.connect, ["a:1", "b:2"]);
        assert!(!config.discovery);
        assert_eq!(config.source("discovery"), &Source::Flag("--no-discovery"));
        assert_eq!(config.source("data_dir"), &Source::Flag("--data-dir"));
    }

    #[test]
    fn wrong_usage_is_told_apart() {
        for line in
            ["quire serve --api here", "quire nonsense", "quire serve --connect x", "quire pair --at a:1"]
        {
            let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}
