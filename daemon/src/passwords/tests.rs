#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use super::*;

/// A hash that costs next to nothing, so that many can be checked.
pub(crate) fn cheap(password: &str) -> StoredPassword {
    use argon2::password_hash::PasswordHasher as _;
    let params = argon2::Params::new(8, 1, 1, None).unwrap();
    let argon2 = argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params);
    let salt: [u8; 16] = random::bytes();
    let hash = argon2.hash_password_with_salt(password.as_bytes(), &salt).unwrap();
    StoredPassword::parse(&hash.to_string()).unwrap()
}

fn claim(stored: &StoredPassword, password: &str) -> Claim {
    Claim { who: "bob".to_owned(), stored: stored.clone(), password: Zeroizing::new(password.to_owned()) }
}

#[tokio::test]
async fn what_was_checked_is_remembered_right_and_wrong_apart() {
    let stored = StoredPassword::of("correct horse").unwrap();
    let logins = Logins::default();
    assert_eq!(logins.check(claim(&stored, "correct horse")).await, Verdict::Right);
    assert_eq!(logins.check(claim(&stored, "correct horsf")).await, Verdict::Wrong);
    assert_eq!((logins.0.right.lock().unwrap().len(), logins.0.wrong.lock().unwrap().len()), (1, 1));
    // No place for a check is needed any more.
    let _checks = logins.0.checks.acquire().await.unwrap();
    let began = Instant::now();
    for _ in 0..100 {
        assert_eq!(logins.check(claim(&stored, "correct horse")).await, Verdict::Right);
        assert_eq!(logins.check(claim(&stored, "correct horsf")).await, Verdict::Wrong);
    }
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn a_changed_password_is_asked_for_again() {
    let logins = Logins::default();
    assert_eq!(logins.check(claim(&cheap("first secret"), "first secret")).await, Verdict::Right);
    assert_eq!(logins.check(claim(&cheap("second secret"), "first secret")).await, Verdict::Wrong);
    let decoy = cheap("first secret").decoy();
    assert_eq!(logins.check(claim(&decoy, "first secret")).await, Verdict::Wrong);
}

#[tokio::test]
async fn guessing_drives_out_nobody_and_takes_one_place_at_a_time() {
    let stored = cheap("first secret");
    let logins = Logins::default();
    assert_eq!(logins.check(claim(&stored, "first secret")).await, Verdict::Right);
    for guess in 0..WRONG.get() + 10 {
        assert_eq!(logins.check(claim(&stored, &format!("guess {guess}"))).await, Verdict::Wrong);
    }
    assert_eq!(logins.0.wrong.lock().unwrap().len(), WRONG.get());
    let checks = logins.0.checks.acquire().await.unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..CHECKS + WAITING {
        let (logins, claim) = (logins.clone(), claim(&stored, &format!("new guess {number}")));
        waiting.spawn(async move { logins.check(claim).await });
    }
    while logins.0.places.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(logins.check(claim(&stored, "one more")).await, Verdict::Busy);
    assert_eq!(logins.check(claim(&stored, "first secret")).await, Verdict::Right, "known before");
    drop(checks);
    while let Some(done) = waiting.join_next().await {
        assert_eq!(done.unwrap(), Verdict::Wrong);
    }
}
