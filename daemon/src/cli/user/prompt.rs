//! A new password from whoever is there: asked twice without echo on a terminal, else the first line of the input.

use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal as _, Write as _};
use std::path::Path;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};
use zeroize::Zeroizing;

use super::super::Failure;
use crate::passwords::stored::MAX_PASSWORD_BYTES;

/// With a line end, and one byte that shows that there is more.
const MAX_LINE_BYTES: u64 = MAX_PASSWORD_BYTES as u64 + 3;

/// The password.
pub(super) fn password() -> Result<Zeroizing<String>, Failure> {
    typed("Password", true)
}

/// A passphrase: a new one is asked for twice.
pub(in crate::cli) fn passphrase(is_new: bool) -> Result<Zeroizing<String>, Failure> {
    typed("Passphrase", is_new)
}

/// The first line of a file.
pub(in crate::cli) fn from_file(path: &Path) -> Result<Zeroizing<String>, Failure> {
    let file = File::open(path);
    let file = file.map_err(|error| Failure::Said(format!("cannot read {}: {error}", path.display())))?;
    line_of(BufReader::new(file))
}

fn typed(what: &'static str, is_new: bool) -> Result<Zeroizing<String>, Failure> {
    if !io::stdin().is_terminal() {
        return line();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(unread)?;
    let typed = runtime.block_on(async {
        // Without echo, a killed program would leave a terminal that shows nothing.
        let mut interrupt = signal(SignalKind::interrupt()).map_err(unread)?;
        let quiet = Quiet::start().map_err(unread)?;
        let typed = tokio::select! {
            typed = tokio::task::spawn_blocking(move || asked(what, is_new)) => typed,
            _ = interrupt.recv() => return Err(Failure::Said("no password was given".to_owned())),
        };
        drop(quiet);
        typed.map_err(|error| unread(error.into()))?
    });
    // The thread may still wait for a line.
    runtime.shutdown_background();
    typed
}

fn asked(what: &str, is_new: bool) -> Result<Zeroizing<String>, Failure> {
    ask(&format!("{what}: ")).map_err(unread)?;
    let first = line()?;
    if is_new {
        ask("\nAgain: ").map_err(unread)?;
        if line()? != first {
            return Err(Failure::Said("the two are not the same".to_owned()));
        }
    }
    ask("\n").map_err(unread)?;
    Ok(first)
}

/// On stderr, as the output is for results.
fn ask(words: &str) -> io::Result<()> {
    let mut error = io::stderr();
    error.write_all(words.as_bytes())?;
    error.flush()
}

fn unread(error: io::Error) -> Failure {
    Failure::Said(format!("cannot read the password: {error}"))
}

/// A line without its end.
fn line() -> Result<Zeroizing<String>, Failure> {
    line_of(io::stdin().lock())
}

fn line_of(from: impl BufRead) -> Result<Zeroizing<String>, Failure> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(MAX_LINE_BYTES).unwrap_or_default()));
    from.take(MAX_LINE_BYTES).read_until(b'\n', &mut bytes).map_err(unread)?;
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|_| Failure::Said("the password is not UTF-8".to_owned()))?;
    let text = text.strip_suffix('\n').unwrap_or(text);
    Ok(Zeroizing::new(text.strip_suffix('\r').unwrap_or(text).to_owned()))
}

/// The terminal does not show what is typed until this is dropped.
struct Quiet(Termios);

impl Quiet {
    fn start() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self(before))
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // Nothing else could be done about it.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.0);
    }
}
