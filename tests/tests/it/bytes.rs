//! What one changed field costs on the wire between two daemons, whatever the size of the store.

use quire_tests::app::App;
use quire_tests::process::Daemon;
use quire_tests::proxy::{Proxy, Traffic};
use quire_tests::sample::{MARKINGS_ACCOUNT, With, generated};
use quire_tests::wait::{PATIENCE, eventually};
use serde_json::Value;
use std::time::Duration;

/// Markings in the smaller and in the larger store.
const FEW: usize = 1_000;
const MANY: usize = 50_000;

/// Markings in one request while the store is filled.
const BATCH: usize = 2_500;

/// Bytes that one changed field may cost, both ways, everything included.
const MOST_BYTES: u64 = 500;

/// Edits measured in each store; the median counts, because something else may be said in between.
const EDITS: usize = 9;

/// Filling may take this long on a slow machine; it is not what is measured.
const FILLING: Duration = Duration::from_secs(300);

/// When nothing passes for this long, the exchange is over.
const SILENCE: Duration = Duration::from_millis(150);

#[test]
fn one_changed_field_costs_the_same_in_a_small_and_in_a_large_store() {
    let (desk, phone) = (Daemon::named("desk"), Daemon::named("phone"));
    let way = Proxy::to(desk.peer_address());
    desk.pair_through(&phone, way.address());
    let markings = generated(MANY);
    let mut app = App::new(MARKINGS_ACCOUNT, 1);

    fill(&desk, &phone, &mut app, &markings[..FEW]);
    let few = measure(&desk, &phone, &way, &mut app, &markings[FEW / 2]);
    fill(&desk, &phone, &mut app, &markings[FEW..]);
    let many = measure(&desk, &phone, &way, &mut app, &markings[MANY / 2]);

    eprintln!("one changed field: {few:?} with {FEW} markings, {many:?} with {MANY}");
    for traffic in [&few, &many] {
        assert!(traffic.bytes() < MOST_BYTES, "{traffic:?}");
        assert_eq!(traffic.turns(), 1, "a change and its acknowledgement, one round trip: {traffic:?}");
    }
    assert!(few.bytes().abs_diff(many.bytes()) * 10 <= few.bytes(), "not the same within 10 %");
}

fn fill(desk: &Daemon, phone: &Daemon, app: &mut App, markings: &[Value]) {
    for batch in markings.chunks(BATCH) {
        app.sync(desk, batch);
    }
    desk.wait_in_step_within(phone, "account:3", FILLING);
    desk.wait_acknowledged_by(phone);
}

/// The median traffic of one changed field of that marking.
fn measure(desk: &Daemon, phone: &Daemon, way: &Proxy, app: &mut App, marking: &Value) -> Traffic {
    let guid = marking["syncGuid"].as_str().expect("a guid");
    let mut measured: Vec<Traffic> = (0..EDITS)
        .map(|number| {
            way.wait_quiet(SILENCE);
            way.reset();
            let color = format!("#{number:06x}");
            app.sync(desk, &[marking.clone().with("color", color.as_str())]);
            eventually("the edit", PATIENCE, || {
                (phone.marking(guid)?["color"] == color.as_str()).then_some(())
            });
            desk.wait_acknowledged_by(phone);
            way.wait_quiet(SILENCE)
        })
        .collect();
    measured.sort_by_key(Traffic::bytes);
    measured.swap_remove(EDITS / 2)
}
