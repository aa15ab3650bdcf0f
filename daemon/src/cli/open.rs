//! `quire open`: the dashboard in the browser, by a link that works once.

use std::process::{Command, Stdio};

use clap::Args;
use serde_json::{Value, json};

use super::client::Client;
use super::{Failure, ReadArgs, output};

/// What opens an address the way the desktop does.
const OPENER: &str = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };

#[derive(Debug, Args)]
pub(super) struct OpenArgs {
    /// Print the link instead of opening it
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    pub(super) read: ReadArgs,
}

/// Asks for a link, and opens or prints it.
pub(super) fn run(client: &Client, args: &OpenArgs) -> Result<(), Failure> {
    let answer = client.post("/v1/links", &json!({}))?;
    if args.read.json {
        return Ok(output::json(&answer)?);
    }
    let url = answer.get("url").and_then(Value::as_str).unwrap_or_default();
    if !args.print && opens(url) {
        return Ok(output::line("The dashboard opens in the browser.")?);
    }
    if !args.print {
        output::remark("No browser could be opened. Follow this link within a minute; it works once:");
    }
    Ok(output::line(url)?)
}

fn opens(url: &str) -> bool {
    let mut command = Command::new(OPENER);
    command.arg(url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
