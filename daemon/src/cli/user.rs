//! `quire user`: who may call the Bulk shapes, written into the configuration file.

pub(super) mod prompt;

use clap::{Args, Subcommand};

use super::entries::{ConfigFile, Entry, FileArgs, List, Set};
use super::{Failure, output};
use crate::config::value;
use crate::passwords::stored::{PasswordError, StoredPassword};

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
    ConfigFile::open(&args.file.path()?)?.document()?;
    let password = StoredPassword::of(&prompt::password()?)?;
    let entry = Entry { password: password.to_string(), ..args.entry() };
    let (set, shown) = args.file.set(List::Users, &entry)?;
    let done = match set {
        Set::Added => "Added the user",
        Set::Changed => "Changed the password of the user",
    };
    Ok(output::line(format_args!("{done} {} in {shown}.", args.shown()))?)
}

fn remove(args: &UserArgs) -> Result<(), Failure> {
    let shown = args.file.remove(List::Users, &args.entry(), &format!("user {}", args.shown()))?;
    Ok(output::line(format_args!("Removed the user {} from {shown}.", args.shown()))?)
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

impl UserArgs {
    fn entry(&self) -> Entry<'_> {
        Entry { name: &self.name, site: &self.site, ..Entry::default() }
    }

    fn shown(&self) -> String {
        if self.site.is_empty() { self.name.clone() } else { format!("{}\\{}", self.site, self.name) }
    }
}

impl From<PasswordError> for Failure {
    fn from(error: PasswordError) -> Self {
        Self::Said(error.to_string())
    }
}
