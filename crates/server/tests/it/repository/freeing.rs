//! What becomes of deleted objects: pinned bytes stay, the others go at the second.

use jiff::SignedDuration;
use server::foresight::{Findings, Foresight, Tally, look};
use store::{Database, Inspector, ObjectType};
use vault::{Feature, RecoveryPoint, SoftDelete, Vault, VaultChange};

use super::keeping::{set_policy, use_policy};
use super::world::{ITEM, VAULT, World, hash, item_id, vault_id};

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
    let honest: [(&str, &[u8]); 3] = [("data", b"pack"), ("index", b"index"), ("snapshots", b"snapshot")];
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
    // A later point, that needs none of it.
    world.store_as("snapshots", b"later").await;
    // Day 30, and an hour in which the point could still have been extended.
    world.server.advance(days(15) - SignedDuration::from_secs(2));
    free(&world);
    assert!(all(&world, true));
    assert_eq!(world.points().len(), 2);
    world.server.advance(SignedDuration::from_secs(1));
    free(&world);
    assert!(all(&world, false));
    assert_eq!(world.points().len(), 1);
    assert!(there(&world, "keys", b"key"), "a key stays as long as there is anything that it opens");
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
    world.store_as("snapshots", b"newer").await;
    free(&world);
    assert!(!there(&world, "data", b"pack") && there(&world, "snapshots", b"snapshot"));
    assert_eq!(world.points().len(), 2);
}

/// Backups that stopped in silence never end with nothing.
#[tokio::test]
async fn the_newest_point_stays_whatever_its_time() {
    let world = World::new().await;
    set_policy(&world, "p", 30);
    use_policy(&world, "p");
    let places = [
        world.store_as("keys", b"key").await,
        world.store_as("data", b"pack").await,
        world.store_as("snapshots", b"snapshot").await,
    ];
    for place in &places {
        assert_eq!(world.delete(place).await.status, 200);
    }
    world.server.advance(days(1000));
    free(&world);
    assert!(there(&world, "data", b"pack") && there(&world, "keys", b"key"));
    assert_eq!(view(&world, b"snapshot", "/data/").await, (200, format!("[\"{}\"]", hash(b"pack"))));
}

/// What a view of a point answers.
async fn view(world: &World, snapshot: &[u8], place: &str) -> (u16, String) {
    let path = format!("{}@{}{place}", world.base(), hash(snapshot));
    let request = world.server.request("GET", &path).basic_auth(ITEM, Some(super::world::SECRET));
    let got = world.send(request).await;
    (got.status, got.text())
}

/// A snapshot whose point is over and that is sent again is not mistaken for the point that it was.
#[tokio::test]
async fn a_snapshot_that_comes_back_after_its_purge_is_a_new_point() {
    let world = World::new().await;
    set_policy(&world, "p", 30);
    use_policy(&world, "p");
    let first = world.store_as("snapshots", b"snapshot").await;
    assert_eq!(world.delete(&first).await.status, 200);
    world.server.advance(days(29));
    world.store_as("snapshots", b"newer").await;
    world.server.advance(days(2));
    let (status, text) = view(&world, b"snapshot", "/data/").await;
    assert_eq!(status, 404);
    assert!(text.contains("the retention of this recovery point ended"), "{text}");
    free(&world);
    assert_eq!(world.points().len(), 1);
    world.store_as("data", b"pack").await;
    world.store_as("snapshots", b"snapshot").await;
    let points = world.points();
    let again = points.iter().find(|point| point.snapshot == hash(b"snapshot")).unwrap();
    assert_eq!(again.retain_until, Some(world.server.now() + days(30)));
    assert_eq!(view(&world, b"snapshot", "/data/").await.0, 200);
}

/// The view shows as much of what was deleted before the point as the purge leaves, also where soft delete is off.
#[tokio::test]
async fn the_view_goes_by_the_window_of_the_purge() {
    for (state, hours, seen) in [
        (Feature::Disabled, 24, true),
        (Feature::Disabled, 26, false),
        (Feature::Enabled, 26, true),
        (Feature::Enabled, 14 * 24, true),
        (Feature::Enabled, 14 * 24 + 2, false),
    ] {
        let world = World::new().await;
        set_policy(&world, "p", 60);
        use_policy(&world, "p");
        world.apply(|tx| {
            let before: Vault = tx.resource(&vault_id())?.unwrap();
            let soft_delete = SoftDelete { state, ..before.soft_delete };
            VaultChange::vault(Some(before.clone()), Vault { soft_delete, ..before })
        });
        let pack = world.store_as("data", b"pack").await;
        assert_eq!(world.delete(&pack).await.status, 200);
        world.server.advance(SignedDuration::from_hours(hours));
        world.store_as("snapshots", b"snapshot").await;
        world.server.advance(days(20));
        for _ in 0..2 {
            let (status, packs) = view(&world, b"snapshot", "/data/").await;
            assert_eq!((status, packs.contains(&hash(b"pack"))), (200, seen), "{state:?} {hours}");
            free(&world);
            assert_eq!(there(&world, "data", b"pack"), seen, "{state:?} {hours}");
        }
    }
}

/// Of a point of which it is not certain where in the order it is, it is not certain what it needs.
#[tokio::test]
async fn a_point_without_a_place_keeps_everything() {
    let world = World::new().await;
    set_policy(&world, "p", 1);
    use_policy(&world, "p");
    let pack = world.store_as("data", b"pack").await;
    assert_eq!(world.delete(&pack).await.status, 200);
    world.server.advance(days(20));
    world.store_as("snapshots", b"newest").await;
    world.apply(|tx| {
        let now = world.server.now();
        assert!(tx.arrival(ITEM, ObjectType::Snapshots, "lost", now)?.is_none());
        Ok(VaultChange::recovery_point(RecoveryPoint {
            at: now,
            id: item_id(ITEM).child("recoveryPoints/lost")?,
            label: None,
            policy: None,
            repository: ITEM.into(),
            retain_until: Some(now + days(1)),
            snapshot: "lost".into(),
            written_by: ITEM.into(),
        }))
    });
    free(&world);
    assert!(there(&world, "data", b"pack"));
    // When it is over, another one being the newest, it needs nothing.
    world.server.advance(days(3));
    world.store_as("snapshots", b"newer still").await;
    free(&world);
    assert!(!there(&world, "data", b"pack"));
}

/// What the next purge would find of the item, as it is seen beside the running server.
fn foresee(world: &World) -> Findings {
    let inspector = Inspector::open(world.server.folder.path(), &Database::Sqlite).unwrap();
    let items = look(&mut inspector.rehearse(), Some(VAULT), world.server.now()).unwrap();
    items.into_iter().find(|found| found.item == item_id(ITEM)).unwrap().findings.unwrap()
}

fn tally(objects: u64, bytes: u64) -> Tally {
    Tally { objects, bytes }
}

#[tokio::test]
async fn what_is_foretold_is_what_happens() {
    let world = World::new().await;
    set_policy(&world, "p", 30);
    use_policy(&world, "p");
    let start = world.server.now();
    let (pack, snapshot) =
        (world.store_as("data", b"pack").await, world.store_as("snapshots", b"first").await);
    let key = world.store_as("keys", b"the key").await;
    for place in [&pack, &snapshot, &key] {
        assert_eq!(world.delete(place).await.status, 200);
    }
    let recent = foresee(&world);
    let pinned = |findings: &Findings| -> Vec<_> {
        let shown =
            |pinned: &server::foresight::Pinned| (pinned.point.snapshot.clone(), pinned.until, pinned.tally);
        findings.pinned.iter().map(shown).collect()
    };
    // The newest one never ends, as long as it is that.
    assert_eq!(pinned(&recent), [(hash(b"first"), None, tally(3, 16))]);
    assert_eq!((recent.removed, recent.recent, recent.ending.len()), (tally(0, 0), tally(0, 0), 0));
    world.server.advance(days(16));
    world.store_as("snapshots", b"second").await;
    let garbage = world.store_as("data", b"garbage").await;
    assert_eq!(world.delete(&garbage).await.status, 200);
    let before = foresee(&world);
    let until = Some(start + days(30));
    assert_eq!(pinned(&before), [(hash(b"second"), None, tally(1, 7)), (hash(b"first"), until, tally(2, 9))]);
    assert_eq!(before.recent, tally(1, 7));
    assert_eq!(before.recent_until, Some(world.server.now() + days(14) + SignedDuration::from_hours(1)));
    // Day 31: the first point is over, and the garbage is a day from being so.
    world.server.advance(days(15));
    let foretold = foresee(&world);
    assert_eq!(foretold, foresee(&world), "looking changes nothing");
    assert_eq!((foretold.removed, foretold.ending.clone()), (tally(3, 16), vec![hash(b"first")]));
    free(&world);
    let entry = world.server.ledger().pop().unwrap();
    assert!(entry.operation.ends_with("/repository/purge"), "{}", entry.operation);
    for (fact, value) in [("objects", "3"), ("bytes", "16"), ("recoveryPoints", "1")] {
        assert_eq!(entry.facts[fact], value, "{fact}");
    }
    let after = foresee(&world);
    assert_eq!((after.removed, after.ending.len(), after.pinned.clone()), (tally(0, 0), 0, foretold.pinned));
    // An item that is left alone says why.
    let deletion = vault::Deletion { at: start, by: "test".into(), until: start + days(100) };
    world.edit_item(|item| Some(vault::ProtectedItem { deletion: Some(deletion.clone()), ..item }));
    let seen = |vault: &str| world.store().transact(|tx| look(tx, Some(vault), world.server.now())).unwrap();
    let left: Vec<Foresight> = seen(&vault_id().to_string().to_uppercase());
    let why = left.iter().find_map(|found| found.findings.as_ref().err()).unwrap();
    assert!(why.contains("undeleted"), "{why}");
    assert_eq!((left.len(), seen("another").len()), (2, 0));
}
