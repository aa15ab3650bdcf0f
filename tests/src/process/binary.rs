//! Where the `quire` program is.

use std::path::PathBuf;
use std::process::Command;

/// The program under test: `QUIRE_BIN`, else the one of the same build profile as this test.
///
/// # Panics
/// When there is none, telling how to build it.
pub fn binary() -> PathBuf {
    if let Some(given) = std::env::var_os("QUIRE_BIN") {
        return existing(given.into());
    }
    let test = std::env::current_exe().expect("the path of this test");
    // target/PROFILE/deps/TEST-HASH -> target/PROFILE/quire
    let profile = test.ancestors().nth(2).expect("a test lives two folders below its profile");
    existing(profile.join(format!("quire{}", std::env::consts::EXE_SUFFIX)))
}

fn existing(path: PathBuf) -> PathBuf {
    assert!(
        path.is_file(),
        "there is no {}. Build it first: cargo build --workspace --bins (or name one in QUIRE_BIN)",
        path.display()
    );
    path
}

/// The program with these arguments, ready to run.
pub fn quire<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Command {
    let mut command = Command::new(binary());
    command.args(arguments).stdin(std::process::Stdio::null());
    command
}
