#![allow(clippy::unwrap_used)]
use super::*;
use crate::apps::App;
use crate::http::token::ApiToken;
use crate::passwords::tests::cheap;
use axum::http::Request;

fn rules() -> Rules {
    Rules {
        hosts: vec!["Box.local".into(), "sync.example:443".into()],
        ..Rules::of(7470, 1000, TokenFile::fixed(ApiToken::random().unwrap()))
    }
}

fn head(method: &str, target: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn verdict(method: &str, target: &str, headers: &[(&str, &str)]) -> u16 {
    check(&head(method, target, headers), &rules()).map_or_else(|r| r.status().as_u16(), |_| 200)
}

#[test]
fn exactly_one_host_that_is_ours() {
    let ours = [
        "127.0.0.1",
        "127.0.0.1:7470",
        "localhost",
        "LOCALHOST:7470",
        "[::1]",
        "[::1]:7470",
        "box.LOCAL",
        "box.local:7470",
        "sync.example:443",
    ];
    for host in ours {
        assert_eq!(verdict("GET", "/v1/status", &[("host", host)]), 200, "{host}");
    }
    let foreign = [
        "evil.com",
        "rebind.test:7470",
        "0.0.0.0:7470",
        "0.0.0.0",
        "127.1",
        "127.1:7470",
        "2130706433",
        "localhost.",
        "localhost.:7470",
        "x.localhost",
        "localhost:7471",
        "localhost:",
        "localhost:07470",
        "localhost:+7470",
        "localhost:80",
        "127.0.0.1:7470:7470",
        "::1",
        "[::1",
        "[::1]x",
        "[0:0:0:0:0:0:0:1]",
        "[::ffff:127.0.0.1]",
        "",
        " ",
        "localhost, evil.com",
        "evil@localhost",
        "localhost/",
        "127.0.0.1.evil.com",
        "sync.example",
        "sync.example:7470",
        "box.local:443",
        "127.0.0.2",
        "0x7f.1",
        "localhost%00",
        "ⓛocalhost",
    ];
    for host in foreign {
        assert_eq!(verdict("GET", "/v1/status", &[("host", host)]), 421, "{host}");
    }
    assert_eq!(verdict("GET", "/", &[]), 400);
    assert_eq!(verdict("GET", "/", &[("host", "localhost"), ("host", "localhost")]), 400);
    assert_eq!(verdict("GET", "/", &[("host", "localhost"), ("host", "evil.com")]), 400);
}

#[test]
fn http_1_0_without_a_host_does_not_name_us() {
    let mut parts = head("GET", "/", &[]);
    parts.version = Version::HTTP_10;
    assert_eq!(check(&parts, &rules()), Err(Refusal::HostForeign));
}

#[test]
fn an_absolute_target_is_checked_too() {
    let host = [("host", "localhost:7470")];
    assert_eq!(verdict("GET", "http://evil.com/v1/status", &host), 421);
    assert_eq!(verdict("GET", "http://a@localhost:7470/v1/status", &host), 421);
    assert_eq!(verdict("GET", "http://127.0.0.1:7470/v1/status", &host), 200);
    assert_eq!(verdict("GET", "http://localhost/v1/status", &[("host", "evil.com")]), 421);
    assert_eq!(verdict("CONNECT", "localhost:7470", &host), 400);
}

#[test]
fn foreign_origins_are_refused_on_every_method() {
    let own =
        ["http://127.0.0.1:7470", "http://localhost:7470", "http://[::1]:7470", "http://box.local:7470"];
    let foreign = [
        "http://evil.com",
        "null",
        "",
        "http://localhost:9999",
        "http://localhost",
        "https://localhost:7470",
        "file://",
        "http://localhost:7470/",
        "http://localhost:7470, http://evil.com",
        "HTTP://localhost:7470",
        "http://localhost:7470.evil.com",
        "http://evil.localhost:7470",
        "app://localhost:7470",
    ];
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"] {
        for origin in own {
            assert_eq!(verdict(method, "/", &[("host", "localhost"), ("origin", origin)]), 200, "{origin}");
        }
        for origin in foreign {
            let headers = [("host", "localhost:7470"), ("origin", origin)];
            assert_eq!(verdict(method, "/api/nodes", &headers), 403, "{method} {origin}");
        }
    }
    let two = [("host", "localhost"), ("origin", "http://localhost:7470"), ("origin", "http://evil.com")];
    assert_eq!(verdict("GET", "/", &two), 403);
}

#[test]
fn other_sites_are_refused() {
    for (site, status) in [
        ("same-origin", 200),
        ("none", 200),
        ("cross-site", 403),
        ("same-site", 403),
        ("", 403),
        ("None", 403),
    ] {
        assert_eq!(verdict("GET", "/", &[("host", "localhost"), ("sec-fetch-site", site)]), status, "{site}");
    }
    let two = [("host", "localhost"), ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")];
    assert_eq!(verdict("GET", "/", &two), 403);
}

#[test]
fn preflights_are_refused_even_without_an_origin() {
    let private = [("host", "localhost"), ("access-control-request-private-network", "true")];
    assert_eq!(verdict("OPTIONS", "/api/nodes", &private), 403);
    assert_eq!(verdict("OPTIONS", "/api/nodes", &[("host", "localhost")]), 200);
}

#[test]
fn new_rules_are_in_force_at_once() {
    let shared = SharedRules::new(rules());
    let reader = shared.clone();
    shared.store(Rules { port: 1, ..rules() });
    assert_eq!(reader.load().port, 1);
}

#[test]
fn a_granted_origin_comes_in_to_the_documented_shapes_alone() {
    let origins = vec!["app://-".to_owned(), "https://example.test".to_owned()];
    let app = App { name: "a".into(), password: cheap("first secret"), spaces: vec![], origins };
    let rules = Rules { apps: Apps::new(&[app]), ..rules() };
    let told = |method: &str, path: &str, headers: &[(&str, &str)]| {
        let mut all = vec![("host", "localhost")];
        all.extend_from_slice(headers);
        check(&head(method, path, &all), &rules)
    };
    let from = |origin| [("origin", origin), ("sec-fetch-site", "cross-site")];
    for path in ["/api/nodes", "/id", "/API/Bulk/2.0/syncs", "/api/none"] {
        let granted = Passage::Granted("app://-".parse().unwrap());
        assert_eq!(told("GET", path, &from("app://-")), Ok(granted.clone()), "{path}");
        assert_eq!(told("OPTIONS", path, &from("app://-")), Ok(granted), "{path}");
        let mut asks = from("app://-").to_vec();
        asks.push(("access-control-request-method", "POST"));
        assert_eq!(told("OPTIONS", path, &asks), Ok(Passage::Preflight("app://-".parse().unwrap())));
    }
    for path in ["/", "/v1/status", "/metrics", "/help", "/healthz"] {
        assert_eq!(told("GET", path, &from("app://-")), Err(Refusal::OriginForeign), "{path}");
    }
    for origin in
        ["null", "app://-/", "APP://-", "app://", "https://example.test:8443", "http://example.test"]
    {
        assert_eq!(told("GET", "/api/nodes", &from(origin)), Err(Refusal::OriginForeign), "{origin}");
    }
    let two = [("origin", "app://-"), ("origin", "https://example.test")];
    assert_eq!(told("GET", "/api/nodes", &two), Err(Refusal::OriginForeign));
    let site = [("sec-fetch-site", "cross-site")];
    assert_eq!(told("GET", "/api/nodes", &site), Err(Refusal::SiteForeign));
    let host = [("host", "evil.test"), ("origin", "app://-")];
    assert_eq!(check(&head("GET", "/api/nodes", &host), &rules), Err(Refusal::HostForeign));
}
