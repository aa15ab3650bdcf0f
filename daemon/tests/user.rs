//! `quire user`: the configuration file it writes, what it asks and what it answers.
#![allow(clippy::unwrap_used)]

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn quire(program: &str) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("QUIRE_") {
            command.env_remove(name);
        }
    }
    command
}

/// Runs `quire user` with a password on its standard input.
fn user(file: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = quire(env!("CARGO_BIN_EXE_quire"))
        .arg("user")
        .args(arguments)
        .arg("--config")
        .arg(file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that asks for nothing may have ended.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shown(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", said(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

fn in_folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("quire").join("config.toml");
    (folder, file)
}

#[test]
fn users_are_added_changed_listed_and_removed() {
    let (_folder, file) = in_folder();
    assert!(shown(&user(&file, &["list"], "")).contains("No users"));
    let added = shown(&user(&file, &["add", "bob", "--site", "Acme"], "first secret\n"));
    assert_eq!(added, format!("Added the user Acme\\bob in {}.\n", file.display()));
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    shown(&user(&file, &["add", "eve"], "other secret\r\nsecond line\n"));
    let before = std::fs::read_to_string(&file).unwrap();
    assert!(before.contains("$argon2id$v=19$m=19456,t=2,p=1$") && !before.contains("secret"), "{before}");

    let changed = shown(&user(&file, &["add", "bob", "--site", "ACME"], "second secret"));
    assert!(changed.starts_with("Changed the password of the user ACME\\bob"), "{changed}");
    let after = std::fs::read_to_string(&file).unwrap();
    assert!(before != after && after.lines().count() == before.lines().count());

    let list = shown(&user(&file, &["list"], ""));
    let rows: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows, [["NAME", "SITE"], ["bob", "Acme"], ["eve", "(any)"]]);

    shown(&user(&file, &["remove", "bob", "--site", "acme"], ""));
    let again = user(&file, &["remove", "bob", "--site", "acme"], "");
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("there is no user acme\\bob"), "{}", said(&again));
    shown(&user(&file, &["remove", "eve"], ""));
    assert!(shown(&user(&file, &["list"], "")).contains("No users"));
    let names: Vec<_> = file.parent().unwrap().read_dir().unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(names, ["config.toml"]);
}

#[test]
fn the_file_keeps_its_comments_mode_and_link() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.toml"), folder.path().join("link.toml"));
    let text = "# mine\nname = 'desk'   # here\n\n[api]\nhosts = [ 'a' ]\n";
    std::fs::write(&real, text).unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    shown(&user(&link, &["add", "bob"], "first secret\n"));
    assert!(std::fs::read_to_string(&real).unwrap().starts_with(text));
    assert_eq!(mode(&real), 0o640);
    assert!(link.is_symlink());
    shown(&user(&link, &["remove", "bob"], ""));
    assert_eq!(std::fs::read_to_string(&real).unwrap().trim_end(), text.trim_end());
}

#[test]
fn what_cannot_be_done_says_why_and_changes_nothing() {
    let (folder, file) = in_folder();
    for (password, words) in
        [("short\n", "at least 8"), ("\n", "at least 8"), (&*"x".repeat(2_000), "at most 1024 bytes")]
    {
        let output = user(&file, &["add", "bob"], password);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(words) && !said(&output).contains("xxx"), "{}", said(&output));
    }
    assert!(!file.exists());
    for arguments in [
        &["add"][..],
        &["add", "a:b"],
        &["add", ""],
        &["add", "bob", "a secret"],
        &["add", "b", "--site", "a\\"],
        &[],
    ] {
        let output = user(&file, arguments, "first secret\n");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
    }
    let bad = folder.path().join("bad.toml");
    for (text, place) in
        [("name = 'a'\ncolour = 'red'\n", "bad.toml:2:1: there is no key"), ("a = [", "bad.toml:1:")]
    {
        std::fs::write(&bad, text).unwrap();
        let output = user(&bad, &["add", "bob"], "first secret\n");
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(place), "{}", said(&output));
        assert_eq!(std::fs::read_to_string(&bad).unwrap(), text);
    }
    let output = user(folder.path(), &["list"], "");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn a_password_in_the_file_is_mended_by_adding_the_user() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("c.toml");
    std::fs::write(&file, "[[bulk.users]]\nname = 'bob'\npassword = 'hunter2hunter2'\n").unwrap();
    let list = user(&file, &["list"], "");
    assert_eq!(list.status.code(), Some(2));
    assert!(said(&list).contains("c.toml:3:12") && !said(&list).contains("hunter2"), "{}", said(&list));
    shown(&user(&file, &["add", "bob"], "first secret\n"));
    shown(&user(&file, &["list"], ""));
}

#[test]
fn the_file_is_the_one_that_serve_would_read() {
    let folder = tempfile::tempdir().unwrap();
    let run = |name: &str, value: &Path| {
        let mut command = quire(env!("CARGO_BIN_EXE_quire"));
        let output =
            command.args(["user", "remove", "bob"]).env(name, value).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        said(&output)
    };
    let named = folder.path().join("named.toml");
    assert!(run("QUIRE_CONFIG", &named).contains(named.to_str().unwrap()));
    let standard = folder.path().join("quire").join("config.toml");
    let standard_said = run("XDG_CONFIG_HOME", folder.path());
    assert!(
        cfg!(target_os = "macos") || standard_said.contains(standard.to_str().unwrap()),
        "{standard_said}"
    );
}

/// What `quire user add` shows on a terminal of its own, which `script` makes, when this is typed at each question.
fn on_a_terminal(file: &Path, typed: &[&str]) -> Option<(String, bool)> {
    let line = format!("{} user add bob --config {}", env!("CARGO_BIN_EXE_quire"), file.display());
    let mut child = quire("script")
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut byte) = (String::new(), [0]);
    let mut typed = typed.iter();
    while output.read(&mut byte).unwrap_or(0) > 0 {
        seen.push(char::from(byte[0]));
        if seen.ends_with(": ")
            && let Some(line) = typed.next()
        {
            input.write_all(line.as_bytes()).unwrap();
        }
    }
    Some((seen, child.wait().unwrap().success()))
}

#[test]
fn a_terminal_is_asked_twice_and_shows_nothing() {
    let (_folder, file) = in_folder();
    let Some((seen, done)) = on_a_terminal(&file, &["first secret\n", "first secret\n"]) else {
        eprintln!("SKIPPED: there is no `script` to make a terminal");
        return;
    };
    assert!(done && seen.contains("Added the user bob") && !seen.contains("secret"), "{seen}");
    let (seen, done) = on_a_terminal(&file, &["first secret\n", "other secret\n"]).unwrap();
    assert!(!done && seen.contains("the two are not the same") && !seen.contains("secret"), "{seen}");
    let (seen, done) = on_a_terminal(&file, &["first sec\u{3}"]).unwrap();
    assert!(!done && seen.contains("no password was given"), "{seen}");
}
