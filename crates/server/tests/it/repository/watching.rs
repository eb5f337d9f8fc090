//! What is out of the ordinary freezes an item, and a frozen one destroys nothing.

use jiff::SignedDuration;
use mua::alert::AlertRule;
use vault::{Freeze, ProtectedItem};

use super::keeping::{set_policy, use_policy};
use super::world::{ITEM, World, item_id};
use crate::harness::ALICE;

fn hours(hours: i64) -> SignedDuration {
    SignedDuration::from_hours(hours)
}

fn watch(world: &World) {
    server::watching::watch(world.server.running.app()).unwrap();
}

fn item(world: &World) -> ProtectedItem {
    world.server.stored(item_id(ITEM).as_str()).unwrap()
}

fn frozen(world: &World) -> Option<Freeze> {
    item(world).frozen
}

/// A repository that is backed up, with this many packs, which was looked at; and their places.
async fn backed_up(packs: u32) -> (World, Vec<String>) {
    let world = World::in_a_group().await;
    set_policy(&world, "p", 30);
    use_policy(&world, "p");
    world.post("/config", b"config").await;
    world.store_as("keys", b"key").await;
    let mut places = Vec::new();
    for pack in 0..packs {
        places.push(world.store_as("data", &pack.to_be_bytes().repeat(64)).await);
    }
    world.store_as("index", &[7; 700]).await;
    world.store_as("snapshots", b"snapshot").await;
    world.server.advance(hours(25));
    watch(&world);
    (world, places)
}

#[tokio::test]
async fn packs_that_go_alone_freeze_the_item_and_nothing_is_destroyed_until_it_is_thawed() {
    let (world, packs) = backed_up(20).await;
    for pack in &packs[..6] {
        assert_eq!(world.delete(pack).await.status, 200);
    }
    assert_eq!(frozen(&world), None, "clients do not wait for it");
    watch(&world);
    let why = frozen(&world).unwrap().why.join(" ");
    assert!(why.contains("6 packs of 1536 bytes were deleted while the indexes"), "{why}");
    // It is told once, and clients are told why they cannot go on. Backups do.
    watch(&world);
    assert_eq!(world.alerts(AlertRule::ItemFrozen), 1);
    let refused = world.delete(&packs[7]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("is frozen") && refused.text().contains("thaw"), "{}", refused.text());
    assert_eq!(
        world.delete("/data/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa").await.status,
        200
    );
    let lock = world.store_as("locks", b"lock").await;
    assert_eq!(world.delete(&lock).await.status, 200);
    world.store_as("data", b"new").await;
    world.store_as("snapshots", b"another").await;
    assert!(world.metrics().await.contains("countersign_frozen_items 1"));

    // Years later everything is there, also when the item was deleted.
    world.server.advance(hours(24 * 1000));
    server::freeing::free(world.server.running.app()).unwrap();
    world.store().finish_purges().unwrap();
    assert_eq!((world.files("data").len(), world.points().len()), (21, 2));
    let alice = world.server.as_(ALICE);
    alice.delete(item_id(ITEM).as_str()).await.expect(202);
    world.server.advance(hours(24 * 1000));
    server::purging::purge(world.server.running.app()).unwrap();
    let shown = alice.get(item_id(ITEM).as_str()).await.expect(200);
    assert!(shown["frozen"]["reasons"][0].as_str().unwrap().contains("6 packs"), "{shown}");

    let thaw = format!("{}/thaw", item_id(ITEM));
    alice.post(&thaw, serde_json::Value::Null).await.expect(200);
    assert_eq!(alice.get(item_id(ITEM).as_str()).await.status, 404, "its time was over");
    assert_eq!(world.alerts(AlertRule::WeakerProtection), 1);
}

#[tokio::test]
async fn what_was_thawed_is_watched_anew() {
    let (world, packs) = backed_up(20).await;
    for pack in &packs[..6] {
        world.delete(pack).await;
    }
    watch(&world);
    assert!(frozen(&world).is_some());
    let (alice, thaw) = (world.server.as_(ALICE), format!("{}/thaw", item_id(ITEM)));
    alice.post(&thaw, serde_json::Value::Null).await.expect(200);
    assert_eq!(alice.post(&thaw, serde_json::Value::Null).await.code(), "UserErrorItemNotFrozen");
    watch(&world);
    watch(&world);
    assert_eq!(frozen(&world), None);
    for pack in &packs[6..11] {
        assert_eq!(world.delete(pack).await.status, 200);
    }
    watch(&world);
    assert!(frozen(&world).is_some());
}

#[tokio::test]
async fn an_honest_prune_and_a_retry_freeze_nothing() {
    let (world, packs) = backed_up(40).await;
    let old_index = super::world::place("index", &[7; 700]);
    world.store_as("data", b"repacked").await;
    world.store_as("index", &[8; 700]).await;
    world.delete(&old_index).await;
    for pack in &packs[..8] {
        world.delete(pack).await;
    }
    watch(&world);
    // An answer that was lost: deleted, and sent again.
    for pack in &packs[8..30] {
        world.delete(pack).await;
    }
    for pack in 8..30_u32 {
        world.store_as("data", &pack.to_be_bytes().repeat(64)).await;
    }
    watch(&world);
    assert_eq!(frozen(&world), None);
}

#[tokio::test]
async fn whoever_tries_to_delete_the_config_freezes_the_item() {
    let (world, _) = backed_up(1).await;
    let refused = world.delete("/config").await;
    assert_eq!(refused.status, 403, "{}", refused.text());
    let why = frozen(&world).unwrap().why;
    assert_eq!(why, ["a backup client tried to delete the config without a security PIN"]);
    assert_eq!(world.delete("/config").await.status, 403);
    assert_eq!(world.alerts(AlertRule::ItemFrozen), 1);
    assert_eq!(world.get("/config").await.bytes, b"config");
}

#[tokio::test]
async fn silence_is_told_once_and_ends() {
    let (world, _) = backed_up(1).await;
    world.server.advance(hours(23) - SignedDuration::from_mins(1));
    watch(&world);
    assert_eq!(world.alerts(AlertRule::RecoveryPointsMissed), 0);
    world.server.advance(SignedDuration::from_mins(2));
    for _ in 0..2 {
        watch(&world);
        assert_eq!(world.alerts(AlertRule::RecoveryPointsMissed), 1);
    }
    assert!(world.metrics().await.contains("countersign_silent_items 1"));
    assert_eq!(frozen(&world), None);
    world.store_as("snapshots", b"another").await;
    watch(&world);
    assert!(world.metrics().await.contains("countersign_silent_items 0"));
    world.server.advance(hours(49));
    watch(&world);
    assert_eq!(world.alerts(AlertRule::RecoveryPointsMissed), 2);
}
