//! The `quire` program: arguments, then a command, then an exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    quire_daemon::cli::run(std::env::args_os())
}
