use std::collections::HashMap;
use std::time::Duration;

use super::*;

/// Nothing in the environment.
fn nothing(_: &str) -> Option<OsString> {
    None
}

fn loader(flags: Layer, file: Option<PathBuf>, variables: &[(&str, &str)]) -> Result<Loader, ConfigError> {
    let map: HashMap<&str, &str> = variables.iter().copied().collect();
    Loader::new(flags, file, &|name| map.get(name).map(OsString::from))
}

fn from_file(text: &str) -> Result<Config, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, text).unwrap();
    let loaded = Loader::new(Layer::default(), Some(path), &nothing).unwrap().load();
    let shown = |error: ConfigError| error.to_string().replace(&format!("{}/", folder.path().display()), "");
    loaded.map_err(shown)
}

fn flags(api: &str) -> Layer {
    let api = Some(Given { value: api.parse().unwrap(), source: Source::Flag("--api") });
    Layer { api, ..Layer::default() }
}

#[test]
fn flag_over_environment_over_file_over_default() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "api = '127.0.0.1:1'\npeer = '[::]:1'\nname = 'file'\ndiscovery = false\n")
        .unwrap();
    let variables = [("QUIRE_API", "127.0.0.1:2"), ("QUIRE_PEER", "[::]:2"), ("QUIRE_CONNECT", "a:1, b:2,")];
    let config = loader(flags("127.0.0.1:3"), Some(path.clone()), &variables).unwrap().load().unwrap();
    assert_eq!(config.api.port(), 3);
    assert_eq!(config.source("api"), &Source::Flag("--api"));
    assert_eq!(config.peer.port(), 2);
    assert_eq!(config.source("peer"), &Source::Environment("QUIRE_PEER"));
    assert_eq!(config.name, "file");
    assert_eq!(config.source("name"), &Source::File { path, line: 3, column: 1 });
    assert!(!config.discovery);
    assert_eq!(config.connect, ["a:1", "b:2"]);
    assert_eq!(config.log_format, LogFormat::Text);
    assert_eq!(config.source("log_format"), &Source::Default);
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = from_file("").unwrap();
    assert_eq!((config.api, config.peer), (DEFAULT_API, DEFAULT_PEER));
    assert!(config.discovery && !config.name.is_empty() && config.data_dir.ends_with("quire"));
    assert_eq!((config.api_auth, config.log), (ApiAuth::SameUser, tracing::Level::INFO));
}

#[test]
fn api_is_an_address_or_a_table() {
    let forms = [
        "api = '127.0.0.1:9'\n'api.hosts' = ['Books.Example']\n'api.allow_uids' = [7, 0x8]",
        "[api]\naddress = '127.0.0.1:9'\nauth = 'same-user'\nhosts = ['books.example']\nallow_uids = [7, 8]",
        "api.address = '127.0.0.1:9'\napi.hosts = ['books.example']\napi.allow_uids = [7, 8]",
    ];
    for form in forms {
        let config = from_file(form).unwrap();
        assert_eq!((config.api.port(), config.api_allow_uids), (9, vec![7, 8]), "{form}");
        assert_eq!(config.api_hosts, ["books.example"]);
    }
}

#[test]
fn a_bad_file_is_refused_with_its_place() {
    let cases = [
        ("colour = 'red'", "c.toml:1:1: there is no key \"colour\""),
        ("name = 'a'\r\n\r\n  peers = 1", "c.toml:3:3: there is no key \"peers\""),
        ("[api]\nport = 3", "c.toml:2:1: there is no key \"api.port\""),
        ("[discovery]\non = true", "true or false belongs here, not a value of type table"),
        ("discovery = 'yes'", "c.toml:1:13: true or false belongs here, not a value of type string"),
        ("name = 7", "c.toml:1:8: a string in quotes"),
        ("name = ''", "c.toml:1:8: is empty"),
        ("connect = 'a:1'", "a list in [ ]"),
        ("connect = [\n 'a:1',\n 'b']", "c.toml:3:2: \"b\" is not HOST:PORT"),
        ("api = 'localhost'", "c.toml:1:7: \"localhost\" is not an address"),
        ("encrypt = 'yes'", "c.toml:1:11: true or false belongs here"),
        ("encrypt_key = 'cloud'", "is no place for a key"),
        ("log = 'loud'", "is not a log level"),
        ("api.auth = 'none'", "is not a way to authenticate"),
        ("api.allow_uids = [-1]", "is not a user id"),
        ("api.hosts = ['*.x']", "is not a host name"),
        ("'api.hosts' = []\n[api]\nhosts = []", "is set twice"),
        ("name = 'a'\nname = 'b'", "c.toml:2:1: duplicate key"),
        ("name = 'a\nb", "c.toml:1:"),
        ("[api", "c.toml:1:"),
    ];
    for (text, expected) in cases {
        let error = from_file(text).unwrap_err();
        assert!(error.contains(expected) && error.starts_with("c.toml:"), "{text:?} gave {error:?}");
    }
    eprintln!("inputs passed: bad configuration files {0} of {0}", cases.len());
}

#[test]
fn encryption_is_on_off_or_as_it_was() {
    let of = |text: &str| from_file(text).map(|config| (config.encrypt, config.encrypt_key)).unwrap();
    assert_eq!(of(""), (None, Choice::Auto));
    assert_eq!(of("encrypt = true\nencrypt_key = 'file'"), (Some(true), Choice::File));
    assert_eq!(of("encrypt = false\nencrypt_key = 'keystore'"), (Some(false), Choice::KeyStore));
    let variables = [("QUIRE_ENCRYPT", "on"), ("QUIRE_ENCRYPT_KEY", "file")];
    let config = loader(Layer::default(), None, &variables).unwrap().load().unwrap();
    assert_eq!((config.encrypt, config.encrypt_key), (Some(true), Choice::File));
    assert_eq!(config.source("encrypt"), &Source::Environment("QUIRE_ENCRYPT"));
}

/// The hash of some password.
const HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzYWx0$MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTI";

#[test]
fn bulk_has_callbacks_storage_and_users() {
    let none = from_file("").unwrap();
    assert_eq!(none.bulk_callbacks, Allowed::default());
    assert_eq!((none.bulk_storage, none.bulk_users.len()), (4 * 1024 * 1024 * 1024, 0));
    let text = format!(
        "[bulk]\ncallbacks = ['10.0.0.0/8', 'Hooks.example']\nstorage = '500 MiB'\n[[bulk.users]]\nname = 'bob'\n\
         site = 'Acme'\npassword = '{HASH}'\n[[bulk.users]]\nname = 'bob'\nsite = ''\npassword = '{HASH}'\n"
    );
    let config = from_file(&text).unwrap();
    assert!(config.bulk_callbacks.has_host("hooks.example"));
    assert!(!config.bulk_callbacks.has_address("127.0.0.1".parse().unwrap()));
    assert_eq!(config.bulk_storage, 500 << 20);
    let users: Vec<_> =
        config.bulk_users.iter().map(|user| (user.name.as_str(), user.site.as_str())).collect();
    assert_eq!(users, [("bob", "Acme"), ("bob", "")]);
    assert!(matches!(config.source("bulk.users"), Source::File { line: 4, .. }));
    let empty = from_file("bulk.callbacks = []\nbulk.storage = 1_000").unwrap();
    assert_eq!((empty.bulk_callbacks, empty.bulk_storage), (Allowed::new(Vec::new()), 1000));
}

#[test]
fn bulk_in_the_environment_wins_over_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "[bulk]\ncallbacks = ['a.example']\nstorage = 1\n").unwrap();
    let variables = [("QUIRE_BULK_CALLBACKS", "::1, 10.0.0.5"), ("QUIRE_BULK_STORAGE", "2TiB")];
    let config = loader(Layer::default(), Some(path), &variables).unwrap().load().unwrap();
    assert!(config.bulk_callbacks.has_address("10.0.0.5".parse().unwrap()));
    assert!(!config.bulk_callbacks.has_host("a.example"));
    assert_eq!(
        (config.bulk_storage, config.source("bulk.storage")),
        (2 << 40, &Source::Environment("QUIRE_BULK_STORAGE"))
    );
    for (name, bad) in [("QUIRE_BULK_CALLBACKS", "10.0.0.1/8"), ("QUIRE_BULK_STORAGE", "much")] {
        let error = loader(Layer::default(), None, &[(name, bad)]).unwrap_err().to_string();
        assert!(error.starts_with(name), "{error}");
    }
}

#[test]
fn a_bad_bulk_section_is_refused_with_its_place_and_without_the_password() {
    let user = |rest: &str| format!("[[bulk.users]]\n{rest}\n");
    let twice = user(&format!("name = 'a'\nsite = 'S'\npassword = '{HASH}'"));
    let cases = [
        ("[bulk]\ncallback = []".to_owned(), "c.toml:2:1: there is no key \"bulk.callback\""),
        ("[bulk]\ncallbacks = ['x', 'http://x']".to_owned(), "c.toml:2:19: \"http://x\" is not an address"),
        ("[bulk]\nstorage = -1".to_owned(), "c.toml:2:11: -1 is not a number of bytes"),
        ("[bulk]\nstorage = '4 apples'".to_owned(), "c.toml:2:11: \"4 apples\" is not a number of bytes"),
        ("[bulk]\nstorage = '99999999999TiB'".to_owned(), "is not a number of bytes"),
        ("[bulk]\nstorage = 1.5".to_owned(), "a number of bytes, or a string"),
        ("bulk = 3".to_owned(), "c.toml:1:1: there is no key \"bulk\""),
        ("[bulk]\nusers = 'bob'".to_owned(), "c.toml:2:9: [[bulk.users]] belongs here"),
        ("[bulk]\nusers = ['bob']".to_owned(), "c.toml:2:10: { name"),
        (user("name = 'a'"), "c.toml:1:1: the user \"a\" has no password"),
        (user("name = 'a:b'"), "c.toml:2:8: a user name has no `:`"),
        (user("name = ''"), "c.toml:2:8: is empty"),
        (user("name = 'a'\nsite = 'b\\c'"), "c.toml:3:8: a site has no"),
        (user("name = 'a'\npasword = 'hunter2hunter2'"), "c.toml:3:1: a user has no key \"pasword\""),
        (
            user("name = 'a'\npassword = 'hunter2hunter2'"),
            "c.toml:3:12: is not the argon2id hash of a password",
        ),
        (user("name = 'a'\npassword = 7"), "c.toml:3:12: a string in quotes"),
        (user(&format!("password = '{HASH}'")), "c.toml:1:1: a user has no name"),
        (
            format!("{twice}{}", twice.replace("'S'", "'s'")),
            "c.toml:5:1: the user \"a\" of site \"s\" is set twice",
        ),
    ];
    for (text, expected) in cases {
        let error = from_file(&text).unwrap_err();
        assert!(error.contains(expected) && error.starts_with("c.toml:"), "{text:?} gave {error:?}");
        assert!(!error.contains("hunter2") && !error.contains("argon2id$"), "{error}");
    }
}

#[test]
fn what_is_no_file_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |path: &Path| {
        let loader = Loader::new(Layer::default(), Some(path.to_owned()), &nothing).unwrap();
        loader.load().unwrap_err().to_string()
    };
    assert!(refused(folder.path()).contains("not a regular file"));
    assert!(refused(&folder.path().join("none")).contains("No such file"));
    let fifo = folder.path().join("fifo");
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    assert!(refused(&fifo).contains("not a regular file"));
    let big = folder.path().join("big");
    std::fs::File::create(&big).unwrap().set_len(1 << 30).unwrap();
    assert!(refused(&big).contains("larger than"));
    let binary = folder.path().join("binary");
    std::fs::write(&binary, b"name = 'a'\nname = '\xff'").unwrap();
    assert!(refused(&binary).contains("binary:2:9: is not UTF-8"));
    eprintln!("inputs passed: configuration files that are none 5 of 5");
}

#[test]
fn a_file_that_everybody_may_write_is_remarked() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "name = 'a'\n").unwrap();
    for (mode, remarks) in [(0o600, 0), (0o644, 0), (0o646, 1), (0o666, 1)] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        let config = Loader::new(Layer::default(), Some(path.clone()), &nothing).unwrap().load().unwrap();
        assert_eq!(config.remarks().len(), remarks, "{mode:o}");
    }
}

#[test]
fn a_bad_variable_is_named() {
    let error = loader(Layer::default(), None, &[("QUIRE_NO_DISCOVERY", "maybe")]).unwrap_err();
    assert_eq!(error.to_string(), "QUIRE_NO_DISCOVERY: \"maybe\" is neither true nor false");
    loader(Layer::default(), None, &[("QUIRE_API", "")]).unwrap();
}

#[test]
fn an_open_address_needs_app_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "").unwrap();
    let load = |api: &str| loader(flags(api), Some(path.clone()), &[]).unwrap().load();
    for api in ["0.0.0.0:7470", "[::]:7470", "192.168.1.2:0"] {
        let error = load(api).unwrap_err().to_string();
        assert!(error.starts_with("--api: ") && error.contains("required"), "{error}");
    }
    load("[::1]:0").unwrap();
    let open = from_file("[api]\naddress = '0.0.0.0:1'\nauth = 'required'").unwrap();
    assert!(open.remarks()[0].contains("quire app add"), "{:?}", open.remarks());
}

#[test]
fn a_relative_data_folder_is_seen_from_the_file() {
    let config = from_file("data_dir = 'data'").unwrap();
    let file = config.file().unwrap().to_owned();
    assert_eq!(config.data_dir, file.parent().unwrap().join("data"));
}

#[test]
fn readers_need_no_more_than_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "nonsense").unwrap();
    let with = loader(Layer::default(), Some(path.clone()), &[("QUIRE_DATA_DIR", "/d")]).unwrap();
    assert_eq!(with.data_dir().unwrap(), Path::new("/d"));
    loader(Layer::default(), Some(path), &[]).unwrap().data_dir().unwrap_err();
}

#[test]
fn names_and_addresses() {
    for good in ["nas:1", "nas.local:7471", "10.0.0.1:65535", "[fd00::1]:7471", "[fe80::1%eth0]:1"] {
        value::connect(good).unwrap();
    }
    for bad in
        ["nas", "nas:", "nas:0", "nas:65536", "nas:+1", ":1", "fd00::1:7471", "a b:1", "[x]:1", "a..b:1"]
    {
        value::connect(bad).unwrap_err();
    }
    assert_eq!(value::name("  desk ").unwrap(), "desk");
    for bad in ["", " ", "a\u{1b}b", "a\u{202e}", &"x".repeat(129)] {
        value::name(bad).unwrap_err();
    }
}

/// What the watcher sends next; a minute is for machines that are very busy.
fn next(reloads: &mut tokio::sync::mpsc::Receiver<Reload>) -> Reload {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let next = async { tokio::time::timeout(Duration::from_secs(60), reloads.recv()).await };
    runtime.block_on(next).unwrap().unwrap()
}

#[test]
fn a_changed_file_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("c.toml");
    std::fs::write(&path, "name = 'one'\n").unwrap();
    let config = Loader::new(Layer::default(), Some(path.clone()), &nothing).unwrap().load().unwrap();
    let (tx, mut reloads) = tokio::sync::mpsc::channel(8);
    let _watch = watch(&config, tx).unwrap();

    std::fs::write(
        &path,
        "name = 'two'\npeer = '[::]:9'\nconnect = ['a:1']\n[bulk]\nstorage = 7\ncallbacks = []\n",
    )
    .unwrap();
    let Reload::Changed { config: now, restart } = next(&mut reloads) else { panic!("refused") };
    assert_eq!((now.name.as_str(), now.connect.len()), ("two", 1));
    assert_eq!((now.bulk_storage, &now.bulk_callbacks), (7, &Allowed::new(Vec::new())));
    assert_eq!((now.peer, restart), (DEFAULT_PEER, vec!["peer"]));

    std::fs::write(&path, "name = 3\n").unwrap();
    let Reload::Refused(error) = next(&mut reloads) else { panic!("taken") };
    assert!(error.to_string().contains("c.toml:1:8"), "{error}");

    // Editors write a new file and put it in the place of the old one.
    let new = folder.path().join("c.toml~");
    let user = format!("[[bulk.users]]\nname = 'bob'\npassword = '{HASH}'\n");
    std::fs::write(&new, format!("name = 'three'\n{user}")).unwrap();
    std::fs::rename(&new, &path).unwrap();
    let Reload::Changed { config: now, restart } = next(&mut reloads) else { panic!("refused") };
    assert_eq!((now.name.as_str(), now.connect.len(), restart.len()), ("three", 0, 0));
    assert_eq!((now.bulk_users.len(), now.bulk_storage), (1, DEFAULT_BULK_STORAGE));

    std::fs::write(&path, "name = 'three'\n").unwrap();
    let Reload::Changed { config: now, .. } = next(&mut reloads) else { panic!("refused") };
    assert!(now.bulk_users.is_empty());
}
