//! Real pages in a real Chromium (security study, H6): of another origin, under names that lead here, and of an origin
//! that was granted to an app.

use quire_tests::app::App;
use quire_tests::browser::{self, Site};
use quire_tests::config::Config;
use quire_tests::process::{Daemon, quire};
use quire_tests::sample::{guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};

const ATTACK: &str = include_str!("localhost_browser/attack.js");
const GRANTED: &str = include_str!("localhost_browser/granted.js");

fn is_missing() -> bool {
    let missing = browser::missing();
    if let Some(why) = &missing {
        eprintln!("SKIPPED: real pages were NOT tried: {why}");
    }
    missing.is_some()
}

fn page(script: &str, values: &[(&str, Value)]) -> String {
    let values = values.iter().map(|(name, value)| format!("const {name} = {value};\n"));
    format!("<!DOCTYPE html><title>x</title><body><script>{}{script}</script>", values.collect::<String>())
}

fn state(desk: &Daemon) -> (Option<Value>, Vec<Value>, Value, Value) {
    let spaces = desk.get("/v1/spaces").expect(200).json();
    (desk.clock("account:3"), desk.markings(3), spaces, desk.get("/v1/conflicts").expect(200).json())
}

#[test]
fn h6_a_page_of_another_origin_writes_nothing_and_reads_nothing() {
    if is_missing() {
        return;
    }
    let config = Config::new("");
    let site = Site::start();
    // A grant to somebody else changes nothing for this page.
    config.app("reader", &["--origin", &site.origin("granted.test")]);
    let desk = Daemon::start(config.options("victim"));
    App::new(3, 1).sync(&desk, &[marking(&guid()), marking(&guid())]);
    let before = state(&desk);
    let port = desk.api().port();
    let bases: Vec<String> = ["127.0.0.1", "localhost", "0.0.0.0", "rebind.test", "evil.test"]
        .iter()
        .map(|name| format!("http://{name}:{port}"))
        .collect();
    let mut count = 0;
    // A page of another server on this machine is of the same site, but not of the same origin.
    for (name, bases) in [("evil.test", &bases[..]), ("localhost", &bases[..2])] {
        let values = [("BASES", json!(bases)), ("MARKING", marking(&guid()))];
        let results = site.visit(name, page(ATTACK, &values));
        for result in results.as_array().unwrap() {
            let outcome = result[1].as_str().unwrap();
            let hidden = ["blocked", "opaque", "sent", "loaded", "no answer"].contains(&outcome);
            let is_element = result[0].as_str().is_some_and(|name| name.starts_with("frame"));
            assert!(hidden && (outcome != "loaded" || is_element), "from {name}: {result}");
            count += 1;
        }
    }
    assert_eq!(state(&desk), before);
    assert!(count > 200, "{count} tries");

    // After rebinding, the page's own name leads here: whatever it asks for is refused by that name.
    for name in ["rebind.test", "evil.test", "0.0.0.0"] {
        for path in ["/api/nodes", "/openapi.json", "/healthz"] {
            let shown = browser::dump(&format!("http://{name}:{port}{path}"));
            assert!(shown.contains("another host"), "{name}{path}: {shown}");
            count += 1;
        }
    }
    assert_eq!(state(&desk), before);
    eprintln!("inputs passed: H6 {count} of {count}");
}

#[test]
fn a_page_of_a_granted_origin_reads_with_its_password_and_no_further() {
    if is_missing() {
        return;
    }
    let site = Site::start();
    for auth in ["same-user", "required"] {
        let config = Config::new(&format!("[api]\nauth = '{auth}'\n"));
        let password = config.app("reader", &["--origin", &site.origin("granted.test")]);
        let desk = Daemon::start(config.options("desk"));
        let guid = guid();
        let base = json!(format!("http://127.0.0.1:{}", desk.api().port()));
        let values = [("BASE", base), ("PASSWORD", json!(password)), ("MARKING", marking(&guid))];
        let granted = site.visit("granted.test", page(GRANTED, &values));
        let of = |results: &Value, name: &str| {
            let found = results.as_array().unwrap().iter().find(|result| result[0] == name).unwrap().clone();
            (found[1].as_u64().unwrap(), found[2].as_str().unwrap().to_owned())
        };
        assert_eq!(of(&granted, "nodes"), (200, "[]".to_owned()), "{auth}: {granted}");
        assert_eq!(of(&granted, "sync").0, 200, "{granted}");
        assert!(desk.marking(&guid).is_some());
        assert_eq!(of(&granted, "without password").0, 401, "{granted}");
        assert_eq!(of(&granted, "wrong password").0, 401, "{granted}");
        for closed in ["status", "page", "help", "private header", "cookies"] {
            assert_eq!(of(&granted, closed).0, 0, "{closed}: {granted}");
        }
        // The same page from elsewhere, with the same password.
        let clock = desk.clock("account:3");
        let foreign = site.visit("evil.test", page(GRANTED, &values));
        for result in foreign.as_array().unwrap() {
            assert_eq!(result[1], 0, "{auth}: {result}");
        }
        assert_eq!(desk.clock("account:3"), clock);
        config.remove_app("reader");
        eventually("the grant to be gone", PATIENCE, || {
            let origin = site.origin("granted.test");
            let headers = [("Origin", origin.as_str()), ("Authorization", password.as_str())];
            (desk.anonymous("GET", "/api/nodes", &headers, None).status == 403).then_some(())
        });
        eprintln!("inputs passed: granted origin, {auth} 19 of 19");
    }
}

#[test]
fn the_dashboard_shows_names_as_text() {
    if is_missing() {
        return;
    }
    let config = Config::new("");
    let mut options = config.options("<img src=x onerror=document.title='owned'>");
    options.name = "<b>desk</b><script>document.title='owned'</script>".to_owned();
    let desk = Daemon::start(options);
    let output = quire(["open", "--print", "--data-dir"]).arg(desk.data()).output().unwrap();
    let link = String::from_utf8(output.stdout).unwrap();
    let shown = browser::dump(link.trim());
    assert!(shown.contains("&lt;b&gt;desk&lt;/b&gt;&lt;script&gt;"), "{shown}");
    assert!(shown.contains("<title>Quire</title>") && shown.contains(desk.device_id()), "{shown}");
    assert!(shown.contains("No other device is paired yet"), "{shown}");
}
