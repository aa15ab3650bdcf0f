//! What the Bulk service asks of the engine.
#![allow(clippy::unwrap_used, missing_docs)]

use quire_daemon::engine::{Engine, EngineError};

fn row(name: &str, value: Option<&str>) -> (Vec<u8>, Option<Vec<u8>>) {
    (name.into(), value.map(Into::into))
}

fn names(engine: &Engine, prefix: &str, after: Option<&str>, limit: usize) -> Vec<String> {
    let rows = engine.shelf(prefix.as_bytes(), after.map(str::as_bytes), limit).unwrap();
    rows.into_iter().map(|(name, _)| String::from_utf8(name).unwrap()).collect()
}

#[tokio::test]
async fn the_shelf_keeps_rows_in_the_order_of_their_names() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), "desk").unwrap();
    let rows = ["b/2", "a/1", "b/1", "b/10", "c"].map(|name| row(name, Some(name)));
    engine.shelve(rows.to_vec()).await.unwrap();
    assert_eq!(names(&engine, "", None, 10), ["a/1", "b/1", "b/10", "b/2", "c"]);
    assert_eq!(names(&engine, "b/", None, 2), ["b/1", "b/10"]);
    assert_eq!(names(&engine, "b/", Some("b/10"), 2), ["b/2"]);
    assert_eq!(names(&engine, "b/", Some("a"), 1), ["b/1"]);
    assert!(names(&engine, "b/", Some("c"), 9).is_empty() && names(&engine, "", None, 0).is_empty());

    engine.shelve(vec![row("b/1", None), row("nothing", None), row("c", Some("new"))]).await.unwrap();
    engine.stop().await;
    drop(engine);
    let engine = Engine::open(folder.path(), "desk").unwrap();
    assert_eq!(names(&engine, "", None, 10), ["a/1", "b/10", "b/2", "c"]);
    assert_eq!(engine.shelf(b"c", None, 1).unwrap(), [(b"c".to_vec(), b"new".to_vec())]);
}

#[tokio::test]
async fn rows_beyond_the_bounds_are_refused_and_the_others_with_them() {
    let engine = Engine::in_memory("desk").unwrap();
    let whole = vec![7; quire_daemon::replica::MAX_SHELF_VALUE];
    engine.shelve(vec![(b"large".to_vec(), Some(whole.clone()))]).await.unwrap();
    assert_eq!(engine.shelf(b"large", None, 1).unwrap()[0].1, whole);
    let long = vec![b'n'; quire_daemon::replica::MAX_SHELF_NAME + 1];
    let larger = vec![7; quire_daemon::replica::MAX_SHELF_VALUE + 1];
    for bad in [(long, None), (b"larger".to_vec(), Some(larger))] {
        let refused = engine.shelve(vec![row("small", Some("")), bad]).await;
        assert!(matches!(refused, Err(EngineError::Member(_))));
    }
    assert_eq!(names(&engine, "", None, 9), ["large"]);
}
