//! Secrets that are sent must be found nowhere (security study, X12): markers in every secret field and credential, then a
//! search through the folder, the log at its most talkative, and everything that is answered.

use quire_tests::bulk::basic;
use quire_tests::config::Config;
use quire_tests::inside::Inside;
use quire_tests::process::{Daemon, SYNCHRONIZE, quire};
use quire_tests::proxy::Proxy;
use quire_tests::sample::{With, guid, marking};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// 32 bytes that nothing else contains.
fn marker(name: &str) -> String {
    format!("{name}{}", guid().replace('-', "")).chars().take(32).collect()
}

fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        match entry.path() {
            path if path.is_dir() => files(&path, all),
            path => all.push(path),
        }
    }
}

fn holds(bytes: &[u8], secret: &str) -> bool {
    bytes.windows(secret.len()).any(|part| part == secret.as_bytes())
}

/// One for each place that a secret is sent in.
fn secrets() -> [String; 6] {
    ["pass", "hash", "stamp", "basic", "query", "bearer"].map(marker)
}

/// Sends them in every form that a caller could; what is answered repeats none.
fn send_everywhere(desk: &Daemon, secrets: &[String; 6], right: &str) {
    let [pass, hash, stamp, sent, query, bearer] = secrets;
    let ask = |method: &str, target: &str, authorization: &str, kind: &str, body: &str| {
        let headers = [("Authorization", authorization), ("Content-Type", kind)];
        let answer = desk.anonymous(method, target, &headers, (method != "GET").then_some(body.as_bytes()));
        for secret in secrets {
            assert!(!holds(&answer.body, secret), "{method} {target} repeats {secret}: {}", answer.text());
            assert!(!format!("{:?}", answer.headers).contains(secret.as_str()), "{method} {target}");
        }
        answer.status
    };
    let account = |value: &dyn Fn(&str) -> Value| {
        json!({ "AccountId": 3, "Email": "a@b.test", "Password": value(pass), "PasswordHash": value(hash),
            "SecurityStamp": value(stamp), "password": value(pass), "PASSWORDHASH": value(hash) })
    };
    let forms: [&dyn Fn(&str) -> Value; 4] = [
        &|text| json!(text),
        &|text| json!([text]),
        &|text| json!({ "a": text }),
        &|text| json!({ text: 1 }),
    ];
    for form in forms {
        let body = json!({ "Account": account(form), "Markings": [marking(&guid())] }).to_string();
        ask("POST", SYNCHRONIZE, right, "application/json", &body);
        ask("POST", SYNCHRONIZE, right, "application/json", &body[..body.len() - 1]);
        ask("POST", "/api/synchronization/registerDevice", right, "application/json", &body);
        ask("POST", "/api/bulk/2.0/contacts/imports", right, "application/json", &account(form).to_string());
    }
    let fields = format!(
        "Account.AccountId=3&Account.Password={pass}&Account.PasswordHash={hash}&Account.SecurityStamp={stamp}"
    );
    ask("POST", SYNCHRONIZE, right, "application/x-www-form-urlencoded", &fields);
    let xml = format!(
        "<SynchronizationModel><Account><AccountId>3</AccountId><Password>{pass}</Password><PasswordHash>{hash}</PasswordHash></Account></SynchronizationModel>"
    );
    ask("POST", SYNCHRONIZE, right, "application/xml", &xml);
    for (path, credentials) in [
        ("/api/nodes".to_owned(), basic("reader", sent)),
        ("/api/nodes".to_owned(), basic(sent, "x")),
        ("/api/bulk/2.0/syncs".to_owned(), basic(&format!("{sent}\\reader"), sent)),
        ("/v1/status".to_owned(), format!("Bearer {bearer}")),
        (format!("/v1/status?token={query}"), String::new()),
        ("/id".to_owned(), basic("reader", sent)),
    ] {
        assert_eq!(ask("GET", &path, &credentials, "", ""), 401, "{path}");
    }
}

#[test]
fn x12_no_secret_that_was_sent_is_found_anywhere() {
    let config = Config::new("[api]\nauth = 'required'\nhosts = ['desk.test']\n");
    let password = config.app_password("reader", &[]);
    let right = basic("reader", &password);
    let options = config.options("desk").with_environment(vec![("QUIRE_LOG".into(), "trace".into())]);
    let mut desk = Daemon::start(options);
    let secrets = secrets();

    send_everywhere(&desk, &secrets, &right);

    let token = desk.token().to_owned();
    let all: Vec<&str> =
        secrets.iter().map(String::as_str).chain([password.as_str(), token.as_str()]).collect();
    let mut looked = 0;
    for path in [
        "/metrics",
        "/openapi.json",
        "/help",
        "/v1/status",
        "/v1/spaces",
        "/v1/conflicts",
        "/v1/peers",
        "/v1/markings?account=3",
        "/api/synchronization/downloadInitialContent?accountId=3",
        "/",
        "/dashboard.js",
    ] {
        let answer = desk.get(path);
        for secret in &all {
            assert!(!holds(&answer.body, secret), "{path} tells {secret}");
            looked += 1;
        }
    }
    let pulled = desk.post(SYNCHRONIZE, &json!({ "Account": { "AccountId": 3 } })).expect(200);
    assert!(!all.iter().any(|secret| holds(&pulled.body, secret)), "{}", pulled.text());
    desk.stop();
    let mut kept = Vec::new();
    files(&desk.data(), &mut kept);
    kept.push(config.path());
    for file in kept {
        let bytes = std::fs::read(&file).unwrap();
        for secret in &all {
            let own = file.ends_with("api-token") && *secret == token;
            assert!(own || !holds(&bytes, secret), "{} holds {secret}", file.display());
            looked += 1;
        }
    }
    let log = desk.log();
    for secret in &all {
        assert!(!log.contains(secret), "the log holds {secret}");
        looked += 1;
    }
    eprintln!("inputs passed: X12 {looked} of {looked}");
}

/// The output of a command for that folder, whatever its exit code.
fn said(arguments: &[&str], data: &Path) -> Vec<u8> {
    let output = quire(arguments.iter().copied()).arg("--data-dir").arg(data).output().unwrap();
    [output.stdout, output.stderr].concat()
}

/// Values rest compressed and travel encrypted, so a search through the bytes alone would find nothing in any case: what
/// people may see is searched as well, and found where it should be and nowhere else.
#[test]
fn x12_no_secret_is_in_what_rests_compressed_or_travels_or_is_backed_up() {
    let config = Config::new("[api]\nauth = 'required'\n");
    let password = config.app_password("reader", &[]);
    let right = basic("reader", &password);
    let trace = vec![("QUIRE_LOG".to_owned(), "trace".to_owned())];
    let mut desk = Daemon::start(config.options("desk").with_environment(trace));
    let mut phone = Daemon::named("phone");
    let secrets = secrets();
    let way = Proxy::recording(desk.peer_address());
    let invitation = desk.invite(&json!({}));
    phone.accept(&invitation, way.address()).expect(201);
    send_everywhere(&desk, &secrets, &right);
    let (open, key) = (marker("open"), guid());
    let items = [marking(&key).with("note", open.clone()).with("color", "red")];
    let body = json!({ "Account": { "AccountId": 3, "Password": secrets[0] }, "Markings": items });
    let headers = [("Authorization", right.as_str()), ("Content-Type", "application/json")];
    desk.anonymous("POST", SYNCHRONIZE, &headers, Some(body.to_string().as_bytes())).expect(200);
    eventually("what may be seen, at the phone", PATIENCE, || phone.marking(&key));
    // An edit, so that a document is kept whole.
    phone.patch(&format!("/v1/markings/{key}"), &json!({ "color": "blue" }), &[]).expect(200);
    eventually("and back", PATIENCE, || (desk.marking(&key)?["color"] == "blue").then_some(()));

    let folder = tempfile::tempdir().unwrap();
    let (file, restored, pass) =
        (folder.path().join("backup"), folder.path().join("data"), folder.path().join("pass"));
    std::fs::write(&pass, "a passphrase of many words\n").unwrap();
    let [file_name, pass] = [&file, &pass].map(|path| path.to_str().unwrap());
    said(&["backup", file_name, "--passphrase-file", pass], &desk.data());
    said(&["restore", file_name, "--passphrase-file", pass], &restored);
    let told = [said(&["doctor"], &desk.data()), said(&["doctor", "--json"], &desk.data())].concat();
    desk.stop();
    phone.stop();

    let mut all: Vec<&str> = secrets.iter().map(String::as_str).collect();
    let code = invitation["code"].as_str().unwrap();
    all.extend([password.as_str(), desk.token(), phone.token(), code]);
    let mut looked = 0;
    let outside = [
        ("the wire", way.recorded(), false),
        ("the backup", std::fs::read(&file).unwrap(), false),
        ("what doctor says", told, false),
        ("the log", [desk.log(), phone.log()].concat().into_bytes(), true),
    ];
    for (what, bytes, may_name) in outside {
        assert!(bytes.len() > 100, "{what} is empty: {}", String::from_utf8_lossy(&bytes));
        for secret in &all {
            assert!(!holds(&bytes, secret), "{what} holds {secret}");
            looked += 1;
        }
        assert!(may_name || !holds(&bytes, &open), "{what} holds what only the two may see");
    }
    for data in [desk.data(), phone.data(), restored] {
        let inside = Inside::of(&data);
        assert!(inside.records > 1 && inside.documents > 0, "{} records", inside.records);
        assert!(!inside.places_of(&open).is_empty(), "this search finds nothing in {}", data.display());
        for secret in &all {
            assert_eq!(inside.places_of(secret), [""; 0], "{secret} in {}", data.display());
            looked += 1;
        }
    }
    eprintln!("inputs passed: X12 inflated {looked} of {looked}");
}
