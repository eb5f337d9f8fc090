//! What happened in a repository since a place in the order of its commits, and what of it is kept.

use jiff::SignedDuration;
use store::{Object, ObjectType, Store};
use vault::watch::{Flow, Moves, Traffic};

use crate::purging::hide;
use crate::world::{Engine, ITEM, now, save};

on_every_engine!(traffic_is_counted_from_a_place_on, what_is_kept_is_listed_in_order_deleted_or_not,);

fn traffic(store: &Store, after: u64) -> Traffic {
    store.transact(|tx| tx.traffic(ITEM, after)).unwrap()
}

fn flow(objects: u64, bytes: u64) -> Flow {
    Flow { objects, bytes }
}

fn traffic_is_counted_from_a_place_on(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    assert_eq!(traffic(&store, 0), Traffic::default());
    let [one, two] = [b"one".as_slice(), b"twoo"].map(|bytes| save(&store, ObjectType::Data, bytes).unwrap());
    save(&store, ObjectType::Snapshots, b"snapshot").unwrap();
    save(&store, ObjectType::Locks, b"lock").unwrap();
    let first = traffic(&store, 0);
    assert_eq!(first.data, Moves { arrived: flow(2, 7), ..Moves::default() });
    assert_eq!(first.snapshots.arrived, flow(1, 8));
    assert_eq!(traffic(&store, first.last), Traffic { last: first.last, ..Traffic::default() });
    // One goes for good, and one comes back.
    for object in [&one, &two] {
        hide(&store, ObjectType::Data, object, now());
    }
    save(&store, ObjectType::Data, b"one").unwrap();
    let next = traffic(&store, first.last);
    assert_eq!(next.data, Moves { arrived: flow(1, 3), deleted: flow(2, 7), lost: flow(1, 4) });
    assert_eq!((next.index, next.keys, next.snapshots), Default::default());
    assert!(next.last > first.last);
    let all = traffic(&store, 0);
    assert_eq!((all.data.arrived, all.data.deleted, all.last), (flow(3, 10), flow(2, 7), next.last));
    assert_eq!(store.transact(|tx| tx.traffic("another", 0)).unwrap(), Traffic::default());
    assert_eq!(store.transact(|tx| tx.alive(ITEM, ObjectType::Data)).unwrap(), 1);
}

fn what_is_kept_is_listed_in_order_deleted_or_not(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let packs: Vec<Object> =
        [b"1", b"2", b"3"].iter().map(|bytes| save(&store, ObjectType::Data, *bytes).unwrap()).collect();
    hide(&store, ObjectType::Data, &packs[1], now() - SignedDuration::from_hours(24 * 365));
    let names = |after, limit| {
        let kept = store.transact(|tx| tx.kept_in_order(ITEM, ObjectType::Data, after, limit)).unwrap();
        let names: Vec<String> = kept.iter().map(|(_, object)| object.name.clone()).collect();
        (names, kept.last().map(|(sequence, _)| *sequence))
    };
    let all: Vec<String> = packs.iter().map(|pack| pack.name.clone()).collect();
    assert_eq!(names(0, 10).0, all);
    let (first, behind) = names(0, 2);
    assert_eq!(first, all[..2]);
    assert_eq!(names(behind.unwrap(), 2).0, all[2..]);
}
