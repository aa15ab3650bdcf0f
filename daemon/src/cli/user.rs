//! `quire user`: who may call the Bulk shapes, written into the configuration file.

mod document;
mod file;
pub(super) mod prompt;

use clap::{Args, Subcommand};

use self::document::Set;
use self::file::ConfigFile;
use super::{Failure, output};
use crate::bulk::users::password::{PasswordError, StoredPassword};
use crate::config::{Loader, value};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Add a user, or give one that is there a new password
    ///
    /// The password is asked twice on a terminal, else it is the first line of standard input. It has 8 characters
    /// at least and 1024 bytes at most; only its argon2id hash is kept.
    Add(UserArgs),
    /// List the users that the configuration file names
    List(FileArgs),
    /// Remove a user; without any left, the Bulk shapes ask for no password again
    Remove(UserArgs),
}

#[derive(Debug, Args)]
pub(super) struct UserArgs {
    /// The user name, without `:` and `\`
    #[arg(value_name = "NAME", value_parser = value::user_name)]
    name: String,
    /// The site (company) before the `\`, in any letter case [default: whatever the caller says]
    #[arg(long, value_name = "SITE", default_value = "", hide_default_value = true, value_parser = value::site)]
    site: String,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
pub(super) struct FileArgs {
    /// Configuration file, TOML [default: QUIRE_CONFIG, else quire/config.toml in the platform's configuration folder]
    #[arg(long, value_name = "FILE")]
    config: Option<std::path::PathBuf>,
}

/// Does what was asked, in the file that `quire serve` would read.
pub(super) fn run(command: UserCommand) -> Result<(), Failure> {
    match command {
        UserCommand::Add(args) => add(&args),
        UserCommand::List(args) => list(&args),
        UserCommand::Remove(args) => remove(&args),
    }
}

fn add(args: &UserArgs) -> Result<(), Failure> {
    // Before the password is asked: what cannot be written need not be typed.
    let loader = args.file.loader()?;
    let path = loader.file().ok_or_else(no_file)?;
    ConfigFile::open(path)?.document()?;
    let password = StoredPassword::of(&prompt::password()?)?;
    let file = ConfigFile::open(path)?;
    let mut document = file.document()?;
    let set = document.set(&args.name, &args.site, &password).map_err(|why| file.cannot(why))?;
    file.replace(&document.to_string())?;
    let done = match set {
        Set::Added => "Added the user",
        Set::Changed => "Changed the password of the user",
    };
    Ok(output::line(format_args!("{done} {} in {}.", args.shown(), file.shown()))?)
}

fn remove(args: &UserArgs) -> Result<(), Failure> {
    let loader = args.file.loader()?;
    let path = loader.file().ok_or_else(no_file)?;
    let missing = |shown: &str| Failure::Said(format!("there is no user {} in {shown}", args.shown()));
    if !path.exists() {
        return Err(missing(&path.display().to_string()));
    }
    let file = ConfigFile::open(path)?;
    let mut document = file.document()?;
    if !document.remove(&args.name, &args.site) {
        return Err(missing(&file.shown()));
    }
    file.replace(&document.to_string())?;
    Ok(output::line(format_args!("Removed the user {} from {}.", args.shown(), file.shown()))?)
}

fn list(args: &FileArgs) -> Result<(), Failure> {
    let users = args.loader()?.file_users()?;
    if users.is_empty() {
        return Ok(output::line("No users; the Bulk shapes ask for no password.")?);
    }
    let site = |site: &str| if site.is_empty() { "(any)".to_owned() } else { site.to_owned() };
    let rows: Vec<_> = users.iter().map(|user| vec![user.name.clone(), site(&user.site)]).collect();
    Ok(output::table(&["NAME", "SITE"], &rows)?)
}

impl FileArgs {
    fn loader(&self) -> Result<Loader, Failure> {
        let variable = |name: &str| std::env::var_os(name);
        Ok(Loader::new(crate::config::Layer::default(), self.config.clone(), &variable)?)
    }
}

impl UserArgs {
    fn shown(&self) -> String {
        if self.site.is_empty() { self.name.clone() } else { format!("{}\\{}", self.site, self.name) }
    }
}

fn no_file() -> Failure {
    Failure::Said("there is no home folder, so no default configuration file; say --config FILE".to_owned())
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        Self::Said(error.to_string())
    }
}
