//! `quire app`: apps with passwords of their own, written into the configuration file.

use clap::{Args, Subcommand};
use data_encoding::BASE32_NOPAD;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::entries::{Entry, FileArgs, List, Set};
use super::{Failure, output};
use crate::apps::{App, Grant, origin};
use crate::config::value;
use crate::passwords::stored::StoredPassword;
use crate::random;

/// 160 bits: 32 letters and digits without a rest, out of reach of guessing without the hash too.
const PASSWORD_BYTES: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum AppCommand {
    /// Add an app, and print its new password: alone on standard output, this once
    ///
    /// An app that is there gets a new password, and these spaces and origins in the place of its old ones. The file
    /// keeps only the argon2id hash of the password.
    Add(AddArgs),
    /// List the apps that the configuration file names, without their passwords
    List(ListArgs),
    /// Remove an app; its password is refused from then on
    Remove(RemoveArgs),
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    /// The app's name, without `:` and `\`
    #[arg(value_name = "NAME", value_parser = value::app_name)]
    name: String,
    /// A space that it may read and write; with `:r` behind it read alone (repeatable) [default: all of them]
    ///
    /// Such as account:3, account:3:r or tenant:GUID. The Bulk shapes, which cover all accounts, then stay closed to it.
    #[arg(long, value_name = "SPACE[:RIGHTS]", value_parser = Grant::parse)]
    space: Vec<Grant>,
    /// A web origin from which it may call, exactly as browsers send it, such as app://- or tauri://localhost (repeatable)
    #[arg(long, value_name = "ORIGIN", value_parser = origin::parse)]
    origin: Vec<String>,
    #[command(flatten)]
    file: FileArgs,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// The app's name
    #[arg(value_name = "NAME", value_parser = value::app_name)]
    name: String,
    #[command(flatten)]
    file: FileArgs,
}

/// Does what was asked, in the file that `quire serve` would read.
pub(super) fn run(command: AppCommand) -> Result<(), Failure> {
    match command {
        AppCommand::Add(args) => add(&args),
        AppCommand::List(args) => list(&args),
        AppCommand::Remove(args) => remove(&args),
    }
}

fn add(args: &AddArgs) -> Result<(), Failure> {
    let password = new_password();
    let hash = StoredPassword::of(&password)?;
    let texts = |all: &[Grant]| all.iter().map(ToString::to_string).collect();
    let entry = Entry {
        name: &args.name,
        password: hash.to_string(),
        lists: vec![("spaces", texts(&args.space)), ("origins", args.origin.clone())],
        ..Entry::default()
    };
    let (set, shown) = args.file.set(List::Apps, &entry)?;
    let done = match set {
        Set::Added => "Added the app",
        Set::Changed => "Gave a new password to the app",
    };
    output::remark(&format!("{done} {} in {shown}. This is its password; it is not shown again:", args.name));
    Ok(output::line(password.as_str())?)
}

fn new_password() -> Zeroizing<String> {
    let bytes = Zeroizing::new(random::bytes::<PASSWORD_BYTES>());
    Zeroizing::new(BASE32_NOPAD.encode(bytes.as_slice()).to_ascii_lowercase())
}

fn remove(args: &RemoveArgs) -> Result<(), Failure> {
    let entry = Entry { name: &args.name, ..Entry::default() };
    let shown = args.file.remove(List::Apps, &entry, &format!("app {}", args.name))?;
    Ok(output::line(format_args!("Removed the app {} from {shown}.", args.name))?)
}

fn list(args: &ListArgs) -> Result<(), Failure> {
    let apps = args.file.loader()?.file_apps()?;
    if args.json {
        return Ok(output::json(&Value::from(apps.iter().map(told).collect::<Vec<_>>()))?);
    }
    if apps.is_empty() {
        return Ok(output::line("No apps.")?);
    }
    let joined = |all: Vec<String>, none: &str| if all.is_empty() { none.to_owned() } else { all.join(" ") };
    let row = |app: &App| {
        let spaces = app.spaces.iter().map(ToString::to_string).collect();
        vec![app.name.clone(), joined(spaces, "(all)"), joined(app.origins.clone(), "")]
    };
    Ok(output::table(&["NAME", "SPACES", "ORIGINS"], &apps.iter().map(row).collect::<Vec<_>>())?)
}

/// `spaces` is null for all of them.
fn told(app: &App) -> Value {
    let grant = |grant: &Grant| json!({ "space": grant.space.as_str(), "rights": grant.letters() });
    let spaces = app.is_restricted().then(|| app.spaces.iter().map(grant).collect::<Vec<_>>());
    json!({ "name": app.name, "spaces": spaces, "origins": app.origins })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_never_the_same() {
        let (one, other) = (new_password(), new_password());
        assert_eq!(one.len(), 32);
        assert!(one.bytes().all(|b| b.is_ascii_lowercase() || (b'2'..=b'7').contains(&b)) && one != other);
    }
}
