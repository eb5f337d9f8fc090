//! Deleted objects that nobody needs: their rows go with a commit, their bytes afterwards, and nothing else does.

use jiff::{SignedDuration, Timestamp};
use store::{Object, ObjectType, Purged, Store};
use vault::purge_rule::{Instant, Needs, capture_window};

use crate::world::{Engine, ITEM, edit_item, entry, file, item, now, object, save, upload};

on_every_engine!(
    deleted_objects_are_purged_at_the_second_and_their_bytes_with_them,
    what_a_protected_point_needs_stays,
    bytes_that_another_lifetime_has_stay,
    bytes_that_are_just_being_sent_again_stay,
    a_purge_goes_page_by_page,
    a_snapshot_that_comes_back_during_its_purge_is_not_gone,
    a_repository_that_is_given_up_takes_its_list_along,
);

const DATA: ObjectType = ObjectType::Data;

pub fn hide(store: &Store, object_type: ObjectType, object: &Object, at: Timestamp) {
    store
        .transact(|tx| {
            tx.tombstone_object(ITEM, object_type, &object.name, at, "test");
            Ok(())
        })
        .unwrap();
}

fn needs(points: &[(u64, Timestamp)]) -> Needs {
    let points = points.iter().map(|(sequence, at)| Instant { sequence: *sequence, at: *at });
    Needs::of(points, capture_window(14))
}

/// When what is deleted now may be purged.
fn over() -> Timestamp {
    now() + SignedDuration::from_hours(14 * 24 + 1) + SignedDuration::from_secs(1)
}

pub fn purge(store: &Store, needs: &Needs, at: Timestamp, after: i64, limit: u32) -> Purged {
    store
        .transact(|tx| {
            tx.record(entry("purge"));
            tx.purge_deleted(ITEM, needs, at, after, limit)
        })
        .unwrap()
}

pub fn purge_all(store: &Store, at: Timestamp) -> Purged {
    purge(store, &needs(&[]), at, 0, 1000)
}

fn known(store: &Store, object: &Object) -> bool {
    store.transact(|tx| tx.object_known(ITEM, DATA, &object.name)).unwrap()
}

fn deleted_objects_are_purged_at_the_second_and_their_bytes_with_them(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let [gone, live] = [b"gone", b"live"].map(|bytes| save(&store, DATA, bytes).unwrap());
    hide(&store, DATA, &gone, now());
    let second = SignedDuration::from_secs(1);
    assert_eq!(purge_all(&store, over() - second), Purged::default());
    store.finish_purges().unwrap();
    assert!(known(&store, &gone) && file(world.path(), DATA, &gone).exists());
    assert_eq!(purge_all(&store, over()), Purged { objects: 1, bytes: 4, ..Purged::default() });
    store.finish_purges().unwrap();
    assert!(!known(&store, &gone) && !file(world.path(), DATA, &gone).exists());
    assert!(known(&store, &live) && file(world.path(), DATA, &live).exists(), "what is live stays");
    assert_eq!(purge_all(&store, over() + second), Purged::default());
}

fn what_a_protected_point_needs_stays(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let before = save(&store, DATA, b"before").unwrap();
    let snapshot = save(&store, ObjectType::Snapshots, b"snapshot").unwrap();
    let after = save(&store, DATA, b"after").unwrap();
    let key = save(&store, ObjectType::Keys, b"key").unwrap();
    for (object_type, object) in
        [(DATA, &before), (ObjectType::Snapshots, &snapshot), (DATA, &after), (ObjectType::Keys, &key)]
    {
        hide(&store, object_type, object, now());
    }
    let there = |object_type, object| file(world.path(), object_type, object).exists();
    // The snapshot's is the second commit.
    assert_eq!(purge(&store, &needs(&[(2, now())]), over(), 0, 1000).objects, 1);
    store.finish_purges().unwrap();
    assert!(there(DATA, &before) && there(ObjectType::Snapshots, &snapshot) && there(ObjectType::Keys, &key));
    assert!(!there(DATA, &after), "what came after the point is nobody's need");
    assert_eq!(purge_all(&store, over()).objects, 3);
    store.finish_purges().unwrap();
    assert!(
        !there(DATA, &before) && !there(ObjectType::Snapshots, &snapshot) && !there(ObjectType::Keys, &key)
    );
}

fn bytes_that_another_lifetime_has_stay(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let pack = save(&store, DATA, b"pack").unwrap();
    hide(&store, DATA, &pack, now());
    save(&store, DATA, b"pack").unwrap();
    assert_eq!(purge_all(&store, over()).objects, 1);
    store.finish_purges().unwrap();
    assert!(known(&store, &pack) && file(world.path(), DATA, &pack).exists());
    // The last lifetime takes them along.
    hide(&store, DATA, &pack, now());
    assert_eq!(purge_all(&store, over()).objects, 1);
    store.finish_purges().unwrap();
    assert!(!file(world.path(), DATA, &pack).exists());
}

fn bytes_that_are_just_being_sent_again_stay(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let pack = save(&store, DATA, b"pack").unwrap();
    hide(&store, DATA, &pack, now());
    let kept = upload(&store, DATA, b"pack").keep().unwrap();
    assert_eq!(purge_all(&store, over()).objects, 1);
    store.finish_purges().unwrap();
    assert!(file(world.path(), DATA, &pack).exists());
    // Nobody wants them after all: they were still on the list.
    drop(kept);
    store.finish_purges().unwrap();
    assert!(!file(world.path(), DATA, &pack).exists());
}

fn a_purge_goes_page_by_page(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let packs: Vec<Object> = (0..5_u8).map(|number| save(&store, DATA, &[number]).unwrap()).collect();
    for pack in &packs {
        hide(&store, DATA, pack, now());
    }
    let (mut after, mut pages) = (Some(0), Vec::new());
    while let Some(from) = after {
        let purged = purge(&store, &needs(&[]), over(), from, 2);
        pages.push(purged.objects);
        after = purged.next;
    }
    assert_eq!(pages, [2, 2, 1]);
    store.finish_purges().unwrap();
    assert!(packs.iter().all(|pack| !file(world.path(), DATA, pack).exists()));
}

fn a_repository_that_is_given_up_takes_its_list_along(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let pack = save(&store, DATA, b"pack").unwrap();
    hide(&store, DATA, &pack, now());
    let kept = upload(&store, DATA, b"pack").keep().unwrap();
    assert_eq!(purge_all(&store, over()).objects, 1);
    store.transact(|tx| edit_item(tx, vault::Edit::delete(item(ITEM)))).unwrap();
    drop(kept);
    store.finish_purges().unwrap();
    assert!(!file(world.path(), DATA, &object(b"pack")).exists());
    assert!(!world.path().join("repositories").join(ITEM).exists());
}

fn a_snapshot_that_comes_back_during_its_purge_is_not_gone(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let snapshots = ObjectType::Snapshots;
    let [back, gone, twice] =
        [b"back", b"gone", b"twic"].map(|bytes| save(&store, snapshots, bytes).unwrap());
    hide(&store, snapshots, &twice, now());
    save(&store, snapshots, b"twic").unwrap();
    for snapshot in [&back, &gone, &twice] {
        hide(&store, snapshots, snapshot, now());
    }
    let mut attempts = 0;
    let purged = store.transact(|tx| {
        tx.record(entry("purge"));
        let purged = tx.purge_deleted(ITEM, &needs(&[]), over(), 0, 1000)?;
        attempts += 1;
        if attempts == 1 {
            save(&store, snapshots, b"back").unwrap();
        }
        // Deleted again it is none of those that were to go.
        if attempts == 2 {
            let again = save(&store, snapshots, b"gone").unwrap();
            hide(&store, snapshots, &again, over());
        }
        Ok(purged)
    });
    let purged = purged.unwrap();
    assert_eq!((attempts, purged.objects), (3, 4));
    assert_eq!(purged.snapshots, [twice.name], "of the others there is a lifetime");
}
