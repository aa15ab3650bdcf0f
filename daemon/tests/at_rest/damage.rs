//! S5: a store that rots, under the whole engine. What is answered is right and all there, or it is an error that says so.

use super::*;

/// Damaged stores, half of them encrypted.
const FLIPS: usize = 1_000;
const ZEROED: usize = 1_000;
const CUTS: usize = 200;
/// Flips in stores that were cut off by a crash, which redb repairs, and whose journal is put in.
const CRASHED: usize = 80;
/// Few with long values: many pages and little to compare.
const MARKINGS: u8 = 15;
const AFTER_A_CRASH: &str = "flipped bits after a crash";
/// A page of redb.
const PAGE: usize = 4096;

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut value = *state;
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A folder in memory, where there is one: syncs are many and mean nothing here.
fn quick_folder() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

#[derive(Default, Debug)]
struct Tally {
    right: usize,
    refused: usize,
    unread: usize,
    wrong: Vec<String>,
}

/// What an engine makes of a damaged store.
async fn look(
    folder: &Path,
    (bytes, journal): (&[u8], Option<&[u8]>),
    wanted: &[Value],
    what: String,
    tally: &mut Tally,
) {
    let store = folder.join("quire.redb");
    // Another file each time, as a failing one may be held by a thread that still ends.
    let _ = std::fs::remove_file(&store);
    let _ = std::fs::remove_file(folder.join("quire.journal"));
    std::fs::write(&store, bytes).unwrap();
    if let Some(journal) = journal {
        std::fs::write(folder.join("quire.journal"), journal).unwrap();
    }
    let engine = match open(folder, None) {
        Ok(engine) => engine,
        Err(error) => {
            let words = error.to_string();
            assert!(
                words.contains("backup") || words.contains("key"),
                "{what}: what to do is not said: {words}"
            );
            tally.refused += 1;
            return;
        }
    };
    match all(&engine) {
        Ok(found) if found == wanted => tally.right += 1,
        Ok(found) => {
            let false_ones = found.iter().filter(|row| !wanted.contains(row)).count();
            let (found, wanted) = (found.len(), wanted.len());
            tally.wrong.push(format!("{what}: {found} of {wanted} rows, {false_ones} of them false"));
        }
        Err(_) => tally.unread += 1,
    }
    close(engine).await;
}

fn random(state: &mut u64, below: usize) -> usize {
    usize::try_from(next(state) % below as u64).unwrap()
}

/// Some 3 KB that nothing makes shorter.
fn text(state: &mut u64) -> String {
    (0..150).map(|_| format!("{:016x}", next(state))).collect()
}

async fn damaged(encrypt: bool, state: &mut u64) {
    let folder = quick_folder();
    let engine = open(folder.path(), Some(encrypt)).unwrap();
    for guid in 1..=MARKINGS {
        assert!(add_value(&engine, guid, &text(state)).await.unwrap());
    }
    let wanted = all(&engine).unwrap();
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let crashed = (read("quire.redb"), read("quire.journal"));
    close(engine).await;
    let whole = read("quire.redb");
    // Damage to what was never written is none.
    let used: Vec<usize> = (0..whole.len())
        .step_by(PAGE)
        .filter(|at| whole[*at..(at + PAGE).min(whole.len())].iter().any(|byte| *byte != 0))
        .collect();
    let kind = if encrypt { "encrypted" } else { "plain" };
    let mut told = Vec::new();
    for (name, count) in
        [("flipped bits", FLIPS), ("zeroed pages", ZEROED), ("cuts", CUTS), (AFTER_A_CRASH, CRASHED)]
    {
        let (mut tally, count, start) = (Tally::default(), count / 2, std::time::Instant::now());
        for _ in 0..count {
            let is_crashed = name == AFTER_A_CRASH;
            let mut bytes = if is_crashed { crashed.0.clone() } else { whole.clone() };
            let within = used[random(state, used.len())] + random(state, PAGE);
            let at = if name == "cuts" { random(state, whole.len()) } else { within.min(whole.len() - 1) };
            match name {
                "flipped bits" | AFTER_A_CRASH => bytes[at] ^= 1 << random(state, 8),
                "zeroed pages" => {
                    let page = at / PAGE * PAGE;
                    let end = (page + PAGE).min(whole.len());
                    bytes[page..end].fill(0);
                }
                _ => bytes.truncate(at),
            }
            let journal = is_crashed.then_some(&crashed.1[..]);
            look(folder.path(), (&bytes, journal), &wanted, format!("{kind} {name} at {at}"), &mut tally)
                .await;
        }
        // The hook is silent: what is wrong must be said here.
        tally.wrong.iter().for_each(|wrong| eprintln!("WRONG: {wrong}"));
        assert_eq!(tally.wrong, Vec::<String>::new(), "{kind} {name}");
        let Tally { right, refused, unread, .. } = tally;
        told.push(format!("{name}: {right} right, {refused} refused at the start, {unread} when read"));
        let took = start.elapsed();
        eprintln!("inputs passed: {kind} store, {name} {count} of {count}, in {took:.1?}");
    }
    eprintln!("{kind} store of {} bytes: {}", whole.len(), told.join("; "));
}

#[test]
fn damage_is_never_taken_for_data() {
    let given = std::env::var("QUIRE_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    eprintln!("QUIRE_SEED={seed}");
    // redb panics on damage; thousands of those lines help nobody.
    std::panic::set_hook(Box::new(|panic| {
        if panic.location().is_none_or(|location| !location.file().contains("redb")) {
            eprintln!("{panic}");
        }
    }));
    std::thread::scope(|scope| {
        for encrypt in [true, false] {
            scope.spawn(move || {
                let runtime =
                    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
                runtime.unwrap().block_on(damaged(encrypt, &mut (seed ^ u64::from(encrypt))));
            });
        }
    });
    let _ = std::panic::take_hook();
}

/// A store that is too long to be checked when it is opened is looked through while it is used. Here every page but the
/// first rots under the open engine.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn from_damage_on_that_is_found_nothing_is_confirmed() {
    use std::os::unix::fs::FileExt as _;
    let folder = quick_folder();
    let engine = open(folder.path(), None).unwrap();
    let mut state = 1;
    // What is not read at the start must not lie beside what is.
    for guid in 1..=MARKINGS {
        assert!(add_value(&engine, guid, &text(&mut state)).await.unwrap());
    }
    engine.look_through().unwrap();
    close(engine).await;
    let engine = open(folder.path(), None).unwrap();
    assert!(engine.is_usable().await);
    let file = std::fs::OpenOptions::new().write(true).open(folder.path().join("quire.redb")).unwrap();
    for page in 1..file.metadata().unwrap().len() / PAGE as u64 {
        file.write_all_at(&[0x5a; PAGE], page * PAGE as u64).unwrap();
    }
    engine.look_through().unwrap_err();
    assert!(!engine.is_usable().await);
    let refused = add_value(&engine, 200, "c").await.unwrap_err();
    assert!(matches!(&refused, EngineError::Store(StoreError::ReadOnly(_))), "{refused}");
    assert!(refused.to_string().contains("backup"), "{refused}");
    close(engine).await;
}

/// The same for a store that is really that long, in which nobody reads what is damaged.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_store_is_looked_through_beside_everything_else() {
    use quire_daemon::store::keys::{Key, Kind};
    use quire_daemon::store::{Result, Store};
    const LONG: usize = 1024 * 1024;
    let folder = quick_folder();
    let path = folder.path().join("quire.redb");
    let engine = open(folder.path(), None).unwrap();
    add(&engine, 1, "a").await;
    close(engine).await;
    let store = Store::open(&path).unwrap();
    let fill: Result<()> = store.write(|rows| {
        rows.bypass_journal();
        (0..70).try_for_each(|n| rows.put(&Key::of(Kind::Shelf).bytes(&[n]), &vec![0xA5; LONG]))
    });
    fill.unwrap();
    drop(store);
    let engine = open(folder.path(), None).unwrap();
    engine.look_through().unwrap();
    assert!(engine.is_usable().await);
    close(engine).await;

    let mut bytes = std::fs::read(&path).unwrap();
    let at = bytes
        .chunks(PAGE)
        .position(|page| page.iter().all(|byte| *byte == 0xA5))
        .map(|page| page * PAGE)
        .unwrap();
    bytes[at] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let engine = open(folder.path(), None).unwrap();
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while engine.is_usable().await {
        assert!(std::time::Instant::now() < deadline, "nobody looked");
        tokio::task::yield_now().await;
    }
    let refused = add_value(&engine, 2, "c").await.unwrap_err();
    assert!(matches!(&refused, EngineError::Store(StoreError::ReadOnly(_))), "{refused}");
    assert_eq!(all(&engine).unwrap().len(), 1, "what is whole is read");
    close(engine).await;
}
