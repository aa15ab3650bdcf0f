//! `quire token`: the API token of a data folder.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use clap::Subcommand;

use super::{Failure, FolderArgs, output};
use crate::folder;
use crate::http::token::ApiToken;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Put a new API token into the file; a running daemon refuses the old one at once
    ///
    /// Programs that use `/v1` read the file again. Browsers that `quire open` let in are out. No daemon needs to run.
    Rotate(FolderArgs),
}

/// Does what was asked.
pub(super) fn run(command: &TokenCommand) -> Result<(), Failure> {
    let TokenCommand::Rotate(args) = command;
    let data = args.data_dir()?;
    check(&data)?;
    let path = folder::token_file(&data);
    ApiToken::create(&path).map_err(|error| Failure::Said(error.to_string()))?;
    Ok(output::line(format_args!("{} holds a new API token; the old one is refused.", path.display()))?)
}

/// A token that belongs to another user than the folder's would be one that the daemon refuses.
fn check(data: &Path) -> Result<(), Failure> {
    let about = data
        .metadata()
        .map_err(|source| Failure::Said(format!("there is no data folder {}: {source}", data.display())))?;
    if !about.is_dir() {
        return Err(Failure::Said(format!("{} is no folder", data.display())));
    }
    if about.uid() != rustix::process::geteuid().as_raw() {
        let why = format!(
            "the data folder {} belongs to user {}; run this as that user",
            data.display(),
            about.uid()
        );
        return Err(Failure::Said(why));
    }
    Ok(())
}
