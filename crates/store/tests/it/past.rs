//! What a recovery point sees of its repository: the rule, on every engine, and the pages of its lists.

use jiff::{SignedDuration, Timestamp};
use store::{Object, ObjectType, Past, Store};
use vault::purge_rule::{Deleted, Instant, Lifetime, ObjectKind, capture_window};

use crate::world::{Engine, ITEM, now, object};

on_every_engine!(
    a_point_sees_what_the_rule_says,
    an_object_with_several_lifetimes_is_seen_once,
    a_list_of_the_past_comes_in_pages,
    an_arrival_is_found_by_its_time,
);

const WINDOW: SignedDuration = SignedDuration::from_hours(24 * 14);

fn days(days: i64) -> Timestamp {
    now() + SignedDuration::from_hours(24 * days)
}

fn put(store: &Store, object_type: ObjectType, bytes: &[u8], at: Timestamp) -> Object {
    let object = Object { at, ..object(bytes) };
    store.transact(|tx| tx.put_object(ITEM, object_type, &object)).unwrap();
    object
}

fn hide(store: &Store, object_type: ObjectType, object: &Object, at: Timestamp) {
    let hide = |tx: &mut store::Transaction| {
        tx.tombstone_object(ITEM, object_type, &object.name, at, "test");
        Ok(())
    };
    store.transact(hide).unwrap();
}

fn names(store: &Store, past: &Past, object_type: ObjectType) -> Vec<String> {
    let (page, next) = store.transact(|tx| tx.objects_at(past, ITEM, object_type, 0, 1000)).unwrap();
    assert_eq!(next, None);
    page.into_iter().map(|object| object.name).collect()
}

/// Every order of creation, deletion and point, and every age of the deletion, compared with the rule.
fn a_point_sees_what_the_rule_says(engine: Engine) {
    let types = [
        (ObjectType::Config, ObjectKind::Config),
        (ObjectType::Data, ObjectKind::Content),
        (ObjectType::Index, ObjectKind::Content),
        (ObjectType::Keys, ObjectKind::Key),
        (ObjectType::Snapshots, ObjectKind::Snapshot),
    ];
    let (store, _world) = engine.store_with_item();
    let mut sequence = 0;
    let mut next = || {
        sequence += 1;
        sequence
    };
    let mut lifetimes = Vec::new();
    for (object_type, kind) in types {
        // Deletions: long before the point, just outside the window, at its edge, inside; and one that comes later.
        for (number, deleted_at) in [None, Some(0), Some(5), Some(6), Some(19)].into_iter().enumerate() {
            let object = put(&store, object_type, &[1, u8::try_from(number).unwrap()], days(0));
            let created = next();
            let deleted = deleted_at.map(|day| {
                let at = if day == 5 { days(6) - SignedDuration::from_micros(1) } else { days(day) };
                hide(&store, object_type, &object, at);
                Deleted { sequence: next(), at }
            });
            lifetimes.push((object_type, kind, object, Lifetime { created, deleted }));
        }
    }
    let at = days(20);
    put(&store, ObjectType::Snapshots, b"the point", at);
    let point = Instant { sequence: next(), at };
    for (object_type, kind) in types {
        let later = put(&store, object_type, b"later", at);
        let created = next();
        lifetimes.push((object_type, kind, later, Lifetime { created, deleted: None }));
        let alive = lifetimes.iter_mut().find(|(of, _, _, l)| *of == object_type && l.deleted.is_none());
        let (_, _, object, lifetime) = alive.unwrap();
        hide(&store, object_type, object, at);
        lifetime.deleted = Some(Deleted { sequence: next(), at });
    }
    let past = Past::new(point, WINDOW);
    let mut seen = 0;
    for (object_type, kind, object, lifetime) in &lifetimes {
        let wanted = point.sees(*kind, lifetime, WINDOW);
        seen += usize::from(wanted);
        let listed = names(&store, &past, *object_type).contains(&object.name);
        assert_eq!(listed, wanted, "{object_type:?} {lifetime:?}");
        let found = store.transact(|tx| tx.object_at(&past, ITEM, *object_type, &object.name)).unwrap();
        assert_eq!(found, wanted.then(|| object.clone()), "{object_type:?} {lifetime:?}");
    }
    // One of each type that was alive, and two more of packs, indexes and keys.
    assert_eq!(seen, 5 + 3 * 2);
    assert_eq!(names(&store, &past, ObjectType::Locks), Vec::<String>::new());
    assert_eq!(capture_window(14), WINDOW);
}

fn an_object_with_several_lifetimes_is_seen_once(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let data = ObjectType::Data;
    let again = put(&store, data, b"again", days(0));
    hide(&store, data, &again, days(1));
    let between = put(&store, data, b"between", days(1));
    for day in 18..20 {
        put(&store, data, b"again", days(day));
        hide(&store, data, &again, days(day));
    }
    put(&store, data, b"again", days(20));
    let past = Past::new(Instant { sequence: 8, at: days(20) }, WINDOW);
    // The lifetime that ended long before is not seen; of the three others the first one is.
    assert_eq!(names(&store, &past, data), [between.name, again.name.clone()]);
    let found = store.transact(|tx| tx.object_at(&past, ITEM, data, &again.name)).unwrap();
    assert_eq!(found.map(|object| object.at), Some(days(18)));
    let long_ago = Past::new(Instant { sequence: 1, at: days(0) }, WINDOW);
    assert_eq!(names(&store, &long_ago, data), [again.name]);
}

fn a_list_of_the_past_comes_in_pages(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let data = ObjectType::Data;
    let objects: Vec<Object> = (0..7_u8).map(|n| put(&store, data, &[n], days(0))).collect();
    let past = Past::new(Instant { sequence: 7, at: days(0) }, WINDOW);
    let (mut seen, mut after) = (Vec::new(), Some(0));
    while let Some(cursor) = after {
        let (page, next) = store.transact(|tx| tx.objects_at(&past, ITEM, data, cursor, 3)).unwrap();
        assert!(page.len() <= 3);
        seen.extend(page);
        after = next;
        // Whatever is written and deleted in between makes no difference.
        put(&store, data, &[100, u8::try_from(seen.len()).unwrap()], days(1));
        for object in objects.iter().skip(seen.len() - 1).take(2) {
            hide(&store, data, object, days(1));
        }
    }
    assert_eq!(seen, objects);
}

fn an_arrival_is_found_by_its_time(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let snapshots = ObjectType::Snapshots;
    put(&store, ObjectType::Data, b"snapshot", days(0));
    let snapshot = put(&store, snapshots, b"snapshot", days(1));
    hide(&store, snapshots, &snapshot, days(2));
    put(&store, snapshots, b"snapshot", days(3));
    let arrival = |name: &str, at| {
        let found = store.transact(|tx| tx.arrival(ITEM, snapshots, name, at)).unwrap();
        let all = store.transact(|tx| tx.arrivals(ITEM, snapshots)).unwrap();
        assert_eq!(all.find(name, at), found);
        found
    };
    for (sequence, day) in [(2, 1), (4, 3)] {
        let instant = Instant { sequence, at: days(day) };
        assert_eq!(arrival(&snapshot.name, days(day)), Some(instant));
    }
    assert_eq!(arrival(&snapshot.name, days(2)), None);
    assert_eq!(arrival(&object(b"none").name, days(1)), None);
}
