//! What an open channel carries, costs and survives.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Waker};

use super::super::frame::Rekey;
use super::*;

const MANY: usize = 1_000;

/// Messages whose sizes and bytes look random and are the same in every run.
fn messages(seed: u64) -> impl Iterator<Item = Vec<u8>> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    (0..MANY).map(move |_| {
        let most = [10, 200, 5_000, 70_000, 200_000][next() % 5];
        vec![next() as u8; next() % most]
    })
}

async fn send_all(mut sender: ChannelSender, seed: u64) -> ChannelSender {
    for message in messages(seed) {
        sender.send(&message).await.unwrap();
    }
    sender
}

async fn receive_all(mut receiver: ChannelReceiver, seed: u64) -> ChannelReceiver {
    for message in messages(seed) {
        assert!(receiver.recv().await.unwrap().unwrap() == message);
    }
    receiver
}

async fn both_ways_at_once(near: Channel, far: Channel) {
    let ((near_out, near_in), (far_out, far_in)) = (near.split(), far.split());
    let (near_out, far_out, near_in, far_in) = tokio::join!(
        tokio::spawn(send_all(near_out, 1)),
        tokio::spawn(send_all(far_out, 2)),
        tokio::spawn(receive_all(near_in, 2)),
        tokio::spawn(receive_all(far_in, 1)),
    );
    near_out.unwrap().close().await.unwrap();
    far_out.unwrap().close().await.unwrap();
    assert!(near_in.unwrap().recv().await.unwrap().is_none());
    assert!(far_in.unwrap().recv().await.unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_both_ways_at_once() {
    let (near, far) = session().await;
    both_ways_at_once(near, far).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_keys_change_in_step() {
    for rekey in [
        Rekey { frames: 7, bytes: u64::MAX, age: u64::MAX },
        Rekey { frames: u64::MAX, bytes: 100_000, age: 1 },
    ] {
        let (mut near, mut far) = session().await;
        near.set_rekey(rekey);
        far.set_rekey(rekey);
        both_ways_at_once(near, far).await;
    }
}

#[tokio::test]
async fn a_key_changed_on_one_side_only_ends_the_channel() {
    let (mut near, mut far) = session().await;
    near.set_rekey(Rekey { frames: 3, bytes: u64::MAX, age: u64::MAX });
    for _ in 0..4 {
        near.send(b"x").await.unwrap();
    }
    // The confirmation was the first of the three frames, before the threshold was set.
    for _ in 0..2 {
        far.recv().await.unwrap();
    }
    assert!(matches!(far.recv().await, Err(ChannelError::Forged)));
    assert!(matches!(far.recv().await, Err(ChannelError::Closed)));
}

#[tokio::test]
async fn the_largest_message_passes_and_a_larger_one_is_refused() {
    let (near, far) = session().await;
    let ((mut sender, _near_in), (_far_out, mut receiver)) = (near.split(), far.split());
    let sending = tokio::spawn(async move {
        for size in [MAX_MESSAGE + 1, 3 << 20] {
            let refused = sender.send(&vec![0; size]).await;
            assert!(matches!(refused, Err(ChannelError::TooLarge { .. })), "{refused:?}");
        }
        let refused = sender.send_batch(&[vec![1], vec![0; 3 << 20]]).await;
        assert!(matches!(refused, Err(ChannelError::TooLarge { .. })));
        sender.send(&vec![7; MAX_MESSAGE]).await.unwrap();
        sender
    });
    assert!(receiver.recv().await.unwrap().unwrap() == vec![7; MAX_MESSAGE]);
    drop(sending.await.unwrap());
    assert!(receiver.recv().await.unwrap().is_none());
}

/// Passes bytes on in both directions and counts them; after `limit` from the dialer it cuts the line.
async fn relayed(limit: usize) -> (TcpStream, TcpStream, Arc<AtomicUsize>) {
    let (near, mut relay_near) = sockets().await;
    let (mut relay_far, far) = sockets().await;
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        let (mut near_in, mut near_out) = relay_near.split();
        let (mut far_in, mut far_out) = relay_far.split();
        let there = async {
            let mut byte = [0; 1];
            while counted.load(Ordering::SeqCst) < limit && near_in.read_exact(&mut byte).await.is_ok() {
                counted.fetch_add(1, Ordering::SeqCst);
                far_out.write_all(&byte).await.unwrap();
            }
        };
        let back = async {
            let _ = tokio::io::copy(&mut far_in, &mut near_out).await;
            std::future::pending::<()>().await;
        };
        tokio::select! { () = there => {}, () = back => {} }
    });
    (near, far, count)
}

#[tokio::test]
async fn a_hundred_bytes_cost_at_most_twenty_more() {
    let (near, far, count) = relayed(usize::MAX).await;
    let (mut near, mut far) = session_over(near, far).await;
    let before = count.load(Ordering::SeqCst);
    assert_eq!(before, 2 + 1 + 96 + 18);
    for _ in 0..MANY {
        near.send(&[5; 100]).await.unwrap();
        far.recv().await.unwrap().unwrap();
    }
    assert_eq!(count.load(Ordering::SeqCst) - before, MANY * (100 + 2 + 16 + 1));
    let before = count.load(Ordering::SeqCst);
    near.send(&[5; 199]).await.unwrap();
    far.recv().await.unwrap().unwrap();
    assert_eq!(count.load(Ordering::SeqCst) - before, 199 + 2 + 16 + 2);
}

#[tokio::test]
async fn a_cut_inside_a_message_is_told_from_an_end() {
    const FRAME: usize = 2 + 1 + 100 + 16;
    const START: usize = 2 + 1 + 96 + 18;
    for cut in [1, 2, 60, FRAME - 1] {
        let (near, far, _) = relayed(START + FRAME + cut).await;
        let (mut near, mut far) = session_over(near, far).await;
        near.send(&[1; 100]).await.unwrap();
        // The relay may be gone before all of it is taken.
        let _ = near.send(&[2; 100]).await;
        assert_eq!(far.recv().await.unwrap().unwrap(), [1; 100]);
        assert!(matches!(far.recv().await, Err(ChannelError::Cut)));
    }
}

#[tokio::test]
async fn a_cancelled_send_tears_nothing() {
    let (near, far) = session().await;
    let ((mut sender, _near_in), (_far_out, mut receiver)) = (near.split(), far.split());
    let mut context = Context::from_waker(Waker::noop());
    let mut sent = 0_u8;
    let mut cancelled = 0;
    while cancelled < 3 {
        let message = vec![sent; 1_000_000];
        cancelled += usize::from(pin!(sender.send(&message)).poll(&mut context).is_pending());
        sent += 1;
    }
    let rest = tokio::spawn(async move { sender.close().await });
    for expected in 0..sent {
        assert!(receiver.recv().await.unwrap().unwrap() == vec![expected; 1_000_000]);
    }
    assert!(receiver.recv().await.unwrap().is_none());
    rest.await.unwrap().unwrap();
}
