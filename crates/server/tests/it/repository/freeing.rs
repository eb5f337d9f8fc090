//! What becomes of deleted objects: pinned bytes stay, the others go at the second.

use jiff::SignedDuration;

use super::keeping::{set_policy, use_policy};
use super::world::{World, hash};

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn free(world: &World) {
    server::freeing::free(world.server.running.app()).unwrap();
    world.store().finish_purges().unwrap();
}

fn there(world: &World, folder: &str, bytes: &[u8]) -> bool {
    world.files(folder).iter().any(|file| file.ends_with(hash(bytes)))
}

/// Everything is deleted by somebody with the client's credential: what a retained point needs stays on the disk until the
/// point is over, and is gone at the second.
#[tokio::test]
async fn whoever_deletes_everything_destroys_nothing_that_is_retained() {
    let world = World::new().await;
    set_policy(&world, "p", 30);
    use_policy(&world, "p");
    world.post("/config", b"config").await;
    let key = world.store_as("keys", b"key").await;
    let pack = world.store_as("data", b"pack").await;
    let index = world.store_as("index", b"index").await;
    let snapshot = world.store_as("snapshots", b"snapshot").await;
    // What the attacker adds after the point is nobody's need.
    world.server.advance(days(1));
    let garbage = world.store_as("data", b"garbage").await;
    for place in [&snapshot, &index, &pack, &key, &garbage] {
        assert_eq!(world.delete(place).await.status, 200);
    }
    let honest: [(&str, &[u8]); 4] =
        [("keys", b"key"), ("data", b"pack"), ("index", b"index"), ("snapshots", b"snapshot")];
    let all = |world: &World, there_: bool| {
        honest.iter().all(|(folder, bytes)| there(world, folder, bytes) == there_)
    };
    // The window of 14 days and an hour, to the second.
    world.server.advance(days(14) + SignedDuration::from_hours(1));
    free(&world);
    assert!(all(&world, true) && there(&world, "data", b"garbage"));
    world.server.advance(SignedDuration::from_secs(1));
    free(&world);
    assert!(all(&world, true) && !there(&world, "data", b"garbage"));
    // Day 30, and an hour in which the point could still have been extended.
    world.server.advance(days(15) - SignedDuration::from_secs(2));
    free(&world);
    assert!(all(&world, true));
    assert_eq!(world.points().len(), 1);
    world.server.advance(SignedDuration::from_secs(1));
    free(&world);
    assert!(all(&world, false));
    assert_eq!(world.points().len(), 0);
    assert_eq!(world.get("/config").await.status, 200);
}

/// A backup goes by an index that it loaded before: what is deleted under it, shortly before its snapshot arrives, is part
/// of its point.
#[tokio::test]
async fn what_is_deleted_under_a_running_backup_stays_for_its_point() {
    let world = World::new().await;
    set_policy(&world, "p", 60);
    use_policy(&world, "p");
    world.post("/config", b"config").await;
    let places = [
        world.store_as("keys", b"key").await,
        world.store_as("data", b"pack").await,
        world.store_as("index", b"index").await,
    ];
    for place in &places {
        assert_eq!(world.delete(place).await.status, 200);
    }
    world.server.advance(SignedDuration::from_hours(1));
    world.store_as("snapshots", b"snapshot").await;
    world.server.advance(days(40));
    free(&world);
    assert!(
        there(&world, "keys", b"key") && there(&world, "data", b"pack") && there(&world, "index", b"index")
    );
    // The point is over, and its snapshot is not deleted: the point stays, and what was deleted under it goes.
    world.server.advance(days(21));
    free(&world);
    assert!(!there(&world, "data", b"pack") && there(&world, "snapshots", b"snapshot"));
    assert_eq!(world.points().len(), 1);
}
