//! The helper against programs that are no daemon.

use super::*;
use std::process::Command;

#[test]
fn options_become_arguments() {
    let options = Options::named("desk").connecting_to("127.0.0.1:9");
    // Only the arguments are looked at: the program need not have been built.
    if std::panic::catch_unwind(binary).is_err() {
        return;
    }
    let command = options.command(Path::new("folder"));
    let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
    let expected = "serve --api 127.0.0.1:0 --peer 127.0.0.1:0 --name desk --data-dir folder --no-discovery \
                    --connect 127.0.0.1:9";
    assert_eq!(arguments.join(" "), expected);
}

#[test]
fn an_address_may_have_a_scheme() {
    assert_eq!(address("http://127.0.0.1:7470"), address("127.0.0.1:7470"));
    assert_eq!(address("[::1]:7471").port(), 7471);
}

#[test]
fn ready_is_taken_from_this_very_process() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("data")).expect("a folder");
    let path = folder.path().join("data").join("ready.json");
    std::fs::write(&path, r#"{"pid":1,"name":"left behind"}"#).expect("an old file");
    let script = r#"printf '{"pid":%d,"name":"new"}' $$ > "$0.next"; mv "$0.next" "$0"; exec sleep 60"#;
    let mut child = Command::new("sh").arg("-c").arg(script).arg(&path).spawn().expect("a shell");
    let ready = wait_ready(&mut child, folder.path());
    child.kill().expect("SIGKILL");
    child.wait().expect("its end");
    assert_eq!(ready["name"], "new");
}

#[test]
#[should_panic(expected = "before it was ready\nthe reason")]
fn an_early_end_shows_the_log() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("log"), "the reason\n").expect("a log");
    let mut child = Command::new("false").spawn().expect("a program that fails");
    wait_ready(&mut child, folder.path());
}

#[test]
fn a_long_log_is_cut_to_its_end() {
    let log: String = (0..100).map(|line| format!("{line}\n")).collect();
    assert!(tail(&log).starts_with("40\n") && tail(&log).ends_with("99"));
    assert_eq!(tail("one"), "one");
}
