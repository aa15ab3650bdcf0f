//! Who may call the Bulk shapes and read what: users of the configuration, and discovery.

use quire_tests::app::App;
use quire_tests::bulk::basic;
use quire_tests::config::Config;
use quire_tests::http::Response;
use quire_tests::process::{Daemon, quire};
use quire_tests::sample::{guid, marking};
use serde_json::json;
use std::io::Write;
use std::process::Stdio;

/// A refusal in the page's words.
fn assert_says(answer: &Response, status: u16, sentence: &str) {
    assert_eq!((answer.status, answer.json()), (status, json!(sentence)));
}

/// Adds a user to a configuration file, as a person would: the password is typed.
fn add_user(config: &Config, name: &str, site: &str, password: &str) {
    let mut command = quire(["user", "add", name, "--site", site, "--config"]);
    command.arg(config.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(format!("{password}\n").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn status_401_is_for_whoever_is_no_user() {
    let config = Config::new("");
    add_user(&config, "anna", "Site", "pässword:1");
    let written = std::fs::read_to_string(config.path()).unwrap();
    assert!(written.contains("argon2") && !written.contains("pässword"), "{written}");
    let desk = Daemon::start(config.options("desk"));
    let bulk = desk.bulk();

    for refused in [
        bulk.get("/syncs"),
        bulk.named(r"Site\anna", "wrong").get("/syncs"),
        bulk.named(r"Elsewhere\anna", "pässword:1").get("/syncs"),
        bulk.named("anna", "").post("/activities/exports", &json!({})),
        bulk.request("GET", "/syncs", &[("Authorization", "Bearer x")], None),
        bulk.request("GET", "/syncs", &[("Authorization", "Basic !!")], None),
    ] {
        assert_says(&refused, 401, "Not authenticated.");
        assert_eq!(refused.header("www-authenticate"), Some("Basic realm=\"quire\""));
    }
    let right = bulk.named(r"Site\anna", "pässword:1");
    right.get("/syncs").expect(200);
    let lower = basic(r"site\anna", "pässword:1").replacen("Basic", "basic", 1);
    assert_eq!(bulk.request("GET", "/syncs", &[("authorization", &lower)], None).status, 200);
    let made =
        right.post("/activities/exports", &json!({ "name": "n", "fields": { "id": "{{Activity.Id}}" } }));
    assert_eq!(made.expect(201).json()["createdBy"], "anna");

    let id = |authorization: &str| desk.anonymous("GET", "/id", &[("Authorization", authorization)], None);
    assert_says(&id(&basic(r"Site\anna", "wrong")), 200, "Not authenticated.");
    assert_says(&desk.anonymous("GET", "/id", &[], None), 200, "Not authenticated.");
    let found = id(&basic(r"Site\anna", "pässword:1")).expect(200).json();
    assert_eq!((&found["site"]["name"], &found["user"]["username"]), (&json!("Site"), &json!("anna")));
}

#[test]
fn without_users_anybody_is_told_where_the_shapes_are() {
    let desk = Daemon::named("desk");
    let base = format!("http://{}", desk.api());
    for headers in [vec![], vec![("Authorization", basic(r"COMP\user", "pw"))]] {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let found = desk.anonymous("GET", "/id", &headers, None).expect(200).json();
        assert_eq!(found["urls"]["base"].as_str().map(|url| url.trim_end_matches('/')), Some(base.as_str()));
        let rest = found["urls"]["apis"]["rest"]["bulk"].as_str().unwrap();
        assert!(rest.ends_with("/{version}/"), "the version is for the client to fill in: {rest}");
        let filled = rest.replace("{version}", "2.0").replace(&base, "");
        desk.anonymous("GET", &format!("{filled}syncs"), &[], None).expect(200);
        assert!(found["site"]["id"].is_number() && found["user"]["id"].is_number(), "{found}");
    }
}

#[test]
fn status_403_keeps_data_to_the_user_who_ran_the_export() {
    let config = Config::new("");
    for (name, password) in [("anna", "password one"), ("otto", "password two")] {
        add_user(&config, name, "Site", password);
    }
    let desk = Daemon::start(config.options("desk"));
    App::new(3, 1).sync(&desk, &[marking(&guid())]);
    let (anna, otto) =
        (desk.bulk().named(r"Site\anna", "password one"), desk.bulk().named(r"Site\otto", "password two"));
    let definition = anna.export("markings", &[("id", "Id")], None);
    let sync = anna.run(&definition, "success");
    for of in [&sync, &definition] {
        assert_says(&otto.get(&format!("{of}/data")), 403, "Forbidden.");
        assert_says(&otto.delete(&format!("{of}/data")), 403, "Forbidden.");
        assert_eq!(anna.rows(of).len(), 1);
    }
    otto.get(&sync).expect(200);
    // What he ran is his, of whose definition it may be.
    assert_eq!(otto.rows(&otto.run(&definition, "success")).len(), 1);
}
