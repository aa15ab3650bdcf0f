//! Tokens, anchors, and the windows between them.

use super::*;

#[tokio::test]
async fn a_window_never_changes_and_is_the_same_everywhere() {
    let (a, b) = both().await;
    for id in 0..7 {
        put(&a, json!({"type": "t", "id": id.to_string(), "title": format!("t{id}")})).await;
    }
    let window = token(&a, None, false).await;
    assert_eq!(page(&a, &window, 0, 100).total, 7);
    put(&a, json!({"type": "t", "id": "3", "title": "later"})).await;
    put(&a, json!({"type": "t", "id": "9", "title": "new"})).await;
    a.remove_node(tenant(), NodeName::Key(NodeKey { ty: "t".into(), id: "4".into() }), None).await.unwrap();
    exchange(&a, &b).await;
    put(&b, json!({"type": "t", "id": "10", "title": "b"})).await;
    let wanted = ["t0", "t1", "t2", "t3", "t4", "t5", "t6"];
    for engine in [&a, &b] {
        let pages: Vec<WindowPage> = (0..3).map(|n| page(engine, &window, 3 * n, 3)).collect();
        assert_eq!(pages.iter().map(|page| page.nodes.len()).collect::<Vec<_>>(), [3, 3, 1]);
        let mut seen: Vec<&str> = pages.iter().flat_map(titles).collect();
        seen.sort_unstable();
        assert_eq!(seen, wanted);
        assert!(pages[0].removed.is_empty());
        let again = page(engine, &window, 0, 3);
        assert_eq!(again.nodes, pages[0].nodes);
    }
    assert_eq!(page(&a, &window, 0, 7).nodes, page(&b, &window, 0, 7).nodes, "in the same order");
}

#[tokio::test]
async fn anchors_say_what_is_missing_wherever_they_are_shown() {
    let (a, b) = both().await;
    put(&a, json!({"type": "t", "id": "1", "title": "1"})).await;
    exchange(&a, &b).await;
    for short in [false, true] {
        let here = token(&a, None, short).await;
        assert_eq!(anchor(&here).len() == 16, short);
        exchange(&a, &b).await;
        let nothing = token(&b, Some(anchor(&here)), false).await;
        assert_eq!(page(&b, &nothing, 0, 9).total, 0, "b has what a had");
        let title = format!("b{short}");
        put(&b, json!({"type": "t", "id": "b", "title": title})).await;
        let ahead = token(&b, Some(anchor(&here)), false).await;
        assert_eq!(titles(&page(&b, &ahead, 0, 9)), [title.as_str()]);
        // a has not heard of what this anchor covers: it has nothing to add, and promises no more than it has.
        let behind = token(&a, Some(anchor(&ahead)), false).await;
        assert_eq!(page(&a, &behind, 0, 9).total, 0);
        exchange(&b, &a).await;
        let caught_up = token(&a, Some(anchor(&behind)), false).await;
        assert_eq!(titles(&page(&a, &caught_up, 0, 9)), [title.as_str()]);
    }
    for none in [None, Some(""), Some("sample string 9"), Some("0000000000000000"), Some("ffff")] {
        let whole = token(&a, none, false).await;
        assert_eq!(page(&a, &whole, 0, 9).total, 2, "{none:?}");
        assert_eq!(whole["requestedAnchorHex"], json!(none), "as it came");
    }
}

#[tokio::test]
async fn what_went_is_said_and_what_came_and_went() {
    let a = Engine::in_memory("a").unwrap();
    put(&a, json!({"type": "t", "id": "1", "nodeId": guid(1)})).await;
    let before = token(&a, None, false).await;
    a.remove_node(tenant(), NodeName::Guid(guid(1)), None).await.unwrap();
    let after = token(&a, Some(anchor(&before)), false).await;
    let page = page(&a, &after, 0, 9);
    assert_eq!((page.nodes.len(), page.total, page.removed), (0, 0, vec![guid(1)]));
}

#[tokio::test]
async fn a_token_is_kept_as_it_is_and_the_last_one_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let a = Engine::open(dir.path(), "a").unwrap();
    let sent =
        object(json!({"syncTokenId": guid(9), "userId": guid(1), "applicationId": guid(2), "options": "x"}));
    let ask = |sent: Map<String, Value>| TokenPut {
        space: tenant(),
        sent,
        fresh: guid(8),
        now: NOW.into(),
        short: false,
    };
    let first = a.put_token(ask(sent.clone())).await.unwrap();
    put(&a, json!({"type": "t", "id": "1"})).await;
    assert_eq!(a.put_token(ask(sent.clone())).await.unwrap(), first);
    let mut other = sent.clone();
    other.insert("options".into(), json!("y"));
    assert!(matches!(a.put_token(ask(other.clone())).await, Err(EngineError::Taken(_))));
    other.insert("syncTokenId".into(), json!(guid(10)));
    let last = a.put_token(ask(other)).await.unwrap();
    a.stop().await;
    drop(a);
    let a = Engine::open(dir.path(), "a").unwrap();
    assert_eq!(a.last_token(&tenant(), &guid(1), &guid(2)).unwrap(), Some(last));
    assert_eq!(a.last_token(&tenant(), &guid(1), &guid(3)).unwrap(), None);
    assert_eq!(page(&a, &first, 0, 9).total, 0);
    assert!(a.window_page(Some(&tenant()), &guid(77), 0, 9).unwrap().is_none());
    assert!(a.window_page(None, &guid(9), 0, 9).unwrap().is_some());
}

#[tokio::test]
async fn a_window_shows_the_middle_of_a_long_history() {
    let (a, b) = both().await;
    let mut windows = Vec::new();
    for n in 0..100 {
        put(&a, json!({"type": "t", "id": "1", "title": n.to_string()})).await;
        if n % 30 == 10 {
            windows.push((n.to_string(), token(&a, None, false).await));
        }
    }
    exchange(&a, &b).await;
    for (title, token) in &windows {
        for engine in [&a, &b] {
            assert_eq!(titles(&page(engine, token, 0, 9)), [title.as_str()]);
        }
    }
}

#[tokio::test]
async fn a_window_begins_where_its_anchor_stood_when_it_was_made() {
    let (a, b) = both().await;
    put(&a, json!({"type": "t", "id": "1", "title": "1"})).await;
    let first = token(&a, None, true).await;
    // b has not heard of that short anchor: it means that nothing is had, and goes on meaning that.
    let unknown = token(&b, Some(anchor(&first)), false).await;
    exchange(&b, &a).await;
    for (engine, total) in [(&b, 0), (&a, 0)] {
        assert_eq!(page(engine, &unknown, 0, 9).total, total);
    }
    exchange(&a, &b).await;
    put(&b, json!({"type": "t", "id": "2", "title": "2"})).await;
    let known = token(&b, Some(anchor(&first)), false).await;
    assert_eq!(titles(&page(&b, &known, 0, 9)), ["2"]);
}

#[tokio::test]
async fn a_token_id_is_one_tenants() {
    let a = Engine::in_memory("a").unwrap();
    let ask = |space: Space| TokenPut {
        space,
        sent: object(json!({"syncTokenId": guid(9)})),
        fresh: guid(8),
        now: NOW.into(),
        short: false,
    };
    a.put_token(ask(tenant())).await.unwrap();
    let other = Space::parse(&format!("tenant:{}", guid(3))).unwrap();
    assert!(matches!(a.put_token(ask(other)).await, Err(EngineError::Taken(_))));
}

#[tokio::test]
async fn the_last_thousand_tokens_are_known() {
    let a = Engine::in_memory("a").unwrap();
    let ask = |user: u8| TokenPut {
        space: tenant(),
        sent: object(json!({"userId": guid(user), "applicationId": guid(2)})),
        fresh: uuid::Uuid::new_v4().to_string(),
        now: NOW.into(),
        short: false,
    };
    let first = a.put_token(ask(1)).await.unwrap();
    for _ in 1..1000 {
        a.put_token(ask(7)).await.unwrap();
    }
    assert_eq!(a.last_token(&tenant(), &guid(1), &guid(2)).unwrap(), Some(first));
    a.put_token(ask(7)).await.unwrap();
    assert_eq!(a.last_token(&tenant(), &guid(1), &guid(2)).unwrap(), None);
}

#[tokio::test]
async fn a_window_that_is_not_all_here_is_not_shown() {
    let [a, b, c] = ["a", "b", "c"].map(|name| Engine::in_memory(name).unwrap());
    for (one, other) in [(&a, &b), (&a, &c), (&b, &c)] {
        trust(one, other).await;
    }
    put(&c, json!({"type": "t", "id": "1", "title": "1"})).await;
    exchange(&c, &a).await;
    let made = token(&a, None, false).await;
    let own = a.mirror().log;
    let segments = a.fetch(&tenant(), &a.clock(&Space::account(0)).unwrap_or_default(), 1 << 30).unwrap();
    let of_token = segments.into_iter().filter(|(log, _)| *log == own);
    let of_token: Vec<_> = of_token.map(|(log, bytes)| (tenant(), log, bytes)).collect();
    b.ingest(a.card().id(), of_token).await.unwrap();
    let early = b.window_page(Some(&tenant()), id(&made), 0, 9);
    assert!(matches!(early, Err(EngineError::Behind)), "{early:?}");
    exchange(&a, &b).await;
    assert_eq!(titles(&page(&b, &made, 0, 9)), ["1"]);
}
