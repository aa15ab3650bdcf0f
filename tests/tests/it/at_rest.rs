//! What lies in the data folder: encrypted by a real key store, private, and refused when it is something else.

use quire_tests::app::App;
use quire_tests::process::{Daemon, Options};
use quire_tests::sample::{With, guid, marking};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// High enough in entropy that no compression hides it.
const CANARY: &str = "kQ7#vZ2!xM9@pL4$wB8%nR1^cT6&yH3*";

fn with(name: &str, variables: &[(&str, &str)]) -> Options {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Options::named(name).with_environment(variables.iter().map(own).collect())
}

/// Files below a folder that hold the text.
fn files_with(folder: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(files_with(&entry, text));
        } else if std::fs::read(&entry).unwrap_or_default().windows(text.len()).any(|p| p == text.as_bytes())
        {
            found.push(entry.display().to_string());
        }
    }
    found
}

/// X12: what a person wrote stands nowhere in the folder or in a log, and no secret in any log.
#[test]
fn an_encrypted_folder_holds_no_word_of_what_was_written() {
    for encrypt in ["false", "true"] {
        let options = with(
            "desk",
            &[("QUIRE_ENCRYPT", encrypt), ("QUIRE_ENCRYPT_KEY", "file"), ("QUIRE_LOG", "trace")],
        );
        let mut desk = Daemon::start(options);
        for _ in 0..20 {
            let secrets = serde_json::json!({
                "AccountId": 3, "Email": format!("{CANARY}@example"), "Password": CANARY,
                "PasswordHash": CANARY, "SecurityStamp": CANARY
            });
            let mut app = App::new(3, 1);
            let request = app.request(&[marking(&guid()).with("note", CANARY)]).with("Account", secrets);
            app.sync_with(&desk, &request);
        }
        let basic = "Basic a1E3I3ZaMiF4TTlAcEw0JA==";
        desk.request("GET", "/api/bulk/2.0/exports", &[("Authorization", basic)], None);
        let status = desk.get("/v1/status").expect(200).json();
        assert_eq!(status["encrypted"], encrypt == "true");
        // As it lies while it runs, with its journal, and closed.
        let running = files_with(&desk.data(), CANARY);
        desk.stop();
        let found = [running, files_with(&desk.data(), CANARY)].concat();
        assert_eq!(found.is_empty(), encrypt == "true", "{found:?}: the search finds what is there");
        let key = std::fs::read_to_string(desk.data().join("key")).unwrap_or_default();
        let log = desk.log();
        let secrets = [CANARY, desk.token(), basic, key.split(' ').nth(1).unwrap_or(CANARY).trim()];
        for secret in secrets {
            assert!(!log.contains(secret), "a log at trace says {secret}");
        }
    }
    eprintln!("inputs passed: canaries 2 of 2");
}

#[test]
fn a_real_key_store_keeps_the_key_and_without_it_nothing_opens() {
    for program in ["dbus-run-session", "gnome-keyring-daemon"] {
        if Command::new(program)
            .arg("--version")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_err()
        {
            eprintln!(
                "SKIPPED: the key store was NOT tested, there is no {program} (Debian: dbus, gnome-keyring)"
            );
            return;
        }
    }
    let (home, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let folder = data.path().join("data");
    let first = in_session(home.path(), true, &folder, &[("QUIRE_ENCRYPT", "true")]);
    assert!(first.contains("\"keyPlace\":\"keystore\""), "{first}");
    assert!(!folder.join("key").exists());
    let again = in_session(home.path(), true, &folder, &[]);
    assert!(again.contains("\"keyPlace\":\"keystore\""), "{again}");
    // Another user's key store, empty; then none at all.
    let other = tempfile::tempdir().unwrap();
    for refused in
        [in_session(other.path(), true, &folder, &[]), in_session(home.path(), false, &folder, &[])]
    {
        assert!(refused.contains("ended with 1") && refused.contains("encrypted"), "{refused}");
        assert!(!folder.join("key").exists(), "no file instead");
    }
    let off = in_session(home.path(), true, &folder, &[("QUIRE_ENCRYPT", "false")]);
    assert!(off.contains("\"keyPlace\":null"), "{off}");
}

/// Runs a daemon in a D-Bus session of its own, with or without a key store there; gives its status, or how it ended and
/// why.
fn in_session(home: &Path, has_keys: bool, folder: &Path, variables: &[(&str, &str)]) -> String {
    const SCRIPT: &str = r#"
        if [ "$1" = yes ]; then
            printf 'password\n' | gnome-keyring-daemon --unlock --components=secrets >/dev/null 2>&1
        else
            unset DBUS_SESSION_BUS_ADDRESS; export XDG_RUNTIME_DIR=$HOME
        fi
        "$2" serve --api 127.0.0.1:0 --peer 127.0.0.1:0 --no-discovery --data-dir "$3" 2>"$HOME/log" &
        pid=$!
        for i in $(seq 1 1500); do
            [ -e "$3/ready.json" ] && break
            kill -0 $pid 2>/dev/null || break
            sleep 0.02
        done
        if [ -e "$3/ready.json" ]; then
            api=$(sed 's/.*"api":"\([^"]*\)".*/\1/' "$3/ready.json")
            curl -s -H "Authorization: Bearer $(cat "$3/api-token")" "$api/v1/status"
            kill $pid
        fi
        wait $pid
        echo "ended with $?"
        cat "$HOME/log"
    "#;
    std::fs::create_dir_all(home.join(".cache")).unwrap();
    let mut session = Command::new("dbus-run-session");
    session.args(["--", "bash", "-c", SCRIPT, "bash", if has_keys { "yes" } else { "no" }]);
    session.arg(quire_tests::process::binary()).arg(folder);
    session.env("HOME", home).env_remove("XDG_RUNTIME_DIR").env_remove("XDG_DATA_HOME");
    session.envs(variables.iter().copied()).stdin(Stdio::null());
    let Output { stdout, .. } = session.output().expect("dbus-run-session runs");
    String::from_utf8_lossy(&stdout).into_owned()
}

/// Everything in the folder is its owner's alone, whatever the umask, and what was opened up is closed again.
#[test]
fn the_folder_is_private_and_is_made_so_again() {
    let mut desk = Daemon::start(with("desk", &[("QUIRE_ENCRYPT", "true"), ("QUIRE_ENCRYPT_KEY", "file")]));
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let data = desk.data();
    let check = |when: &str| {
        for entry in std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap()) {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o077;
            assert_eq!(mode, 0, "{} {when}", entry.path().display());
        }
    };
    check("while it runs");
    desk.kill9();
    check("after a crash");
    for name in ["quire.redb", "quire.journal", "boot-token", "key"] {
        let open = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(desk.data().join(name), open).unwrap_or_else(|e| panic!("{name}: {e}"));
    }
    desk.restart();
    for name in ["quire.redb", "boot-token", "key"] {
        let mode = desk.data().join(name).metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    assert!(desk.log().contains("was open to others (mode 666)"));
}

/// S6, S7: what lies where the store should be and is none, or cannot be used. Exit code 1, the file named, and left as it
/// is.
#[test]
fn what_is_no_store_is_named_and_left_alone() {
    let mut desk = Daemon::named("desk");
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    desk.stop();
    let right = std::fs::read(desk.data().join("quire.redb")).unwrap();
    let newer = of_a_newer_version(&desk.data().join("quire.redb"));
    let mut header = right.clone();
    header[..64].fill(0xff);
    let files: [(&str, Vec<u8>); 6] = [
        ("nothing in it", Vec::new()),
        ("no database", b"this is no database at all, but a text of some length".repeat(200)),
        ("zeros", vec![0; 65_536]),
        ("half of one", right[..right.len() / 2].to_vec()),
        ("a damaged head", header),
        ("of a newer Quire", newer),
    ];
    let mut passed = 0;
    for (what, bytes) in &files {
        let (folder, path) = lookalike(&desk.data());
        std::fs::write(&path, bytes).unwrap();
        let said = refused(folder.path());
        let is_named = said.contains("quire.redb") || said.contains("update");
        assert!(is_named, "{what}: {said}");
        // redb marks a database as opened; what is in it is as it was.
        let is_kept = std::fs::read(&path).unwrap() == *bytes
            || refused(folder.path()).lines().last() == said.lines().last();
        assert!(is_kept, "{what}: the file was changed; {said}");
        passed += 1;
    }
    for (what, command) in [("a link", "ln -s /dev/null"), ("a pipe", "mkfifo"), ("a folder", "mkdir")] {
        let (folder, path) = lookalike(&desk.data());
        let made = Command::new("sh").arg("-c").arg(format!("{command} {}", path.display())).status();
        assert!(made.unwrap().success());
        let said = refused(folder.path());
        assert!(said.contains("quire.redb"), "{what}: {said}");
        passed += 1;
    }
    eprintln!("inputs passed: files that are no store {passed} of {passed}");
}

/// A folder as that one, without its store; and where that would be.
fn lookalike(data: &Path) -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::copy(data.join("boot-token"), folder.path().join("boot-token")).unwrap();
    let path = folder.path().join("quire.redb");
    (folder, path)
}

fn refused(folder: &Path) -> String {
    let output = Options::named("desk").command(folder).output().expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(!said.contains("panicked at"), "{said}");
    said
}

/// A store whose row of the format says more than this version knows.
fn of_a_newer_version(path: &Path) -> Vec<u8> {
    use quire_daemon::store::{Result, Store};
    let copy = tempfile::tempdir().unwrap();
    let newer = copy.path().join("quire.redb");
    std::fs::copy(path, &newer).unwrap();
    let store = Store::open(&newer).unwrap();
    let done: Result<()> = store.write(|rows| rows.put(b"mformat", &u32::MAX.to_be_bytes()));
    done.unwrap();
    drop(store);
    std::fs::read(newer).unwrap()
}
