//! Objects and their bytes: every row has its bytes, and what is given up goes.

use std::fs;
use std::sync::Barrier;

use store::{Checksum, Holder, Object, ObjectType, Store, StoreError, Transaction};
use vault::Edit;

use crate::world::{Engine, ITEM, edit_item, file, item, named_item, now, object, save, upload, vault_id};

on_every_engine!(
    an_upload_is_nothing_until_it_is_kept,
    a_checksum_stays_with_its_bytes,
    bytes_of_another_length_are_not_handed_out,
    order_is_a_sequence_and_lists_come_in_pages,
    stored_bytes_count_once_and_as_long_as_they_are_kept,
    bytes_are_removed_only_when_no_row_and_no_upload_needs_them,
    locks_that_come_and_go_at_once_never_lose_bytes_that_a_row_needs,
    a_repository_that_is_given_up_loses_its_rows_at_once_and_its_bytes_for_good,
    a_repository_waits_for_the_upload_that_is_just_being_decided,
    a_short_name_is_never_used_again,
    an_object_needs_a_repository,
);

const DATA: ObjectType = ObjectType::Data;

fn drop_item(store: &Store) {
    store.transact(|tx| edit_item(tx, Edit::delete(item(ITEM)))).unwrap();
}

fn readable(store: &Store, object: &Object) -> bool {
    store.blobs().open_object(ITEM, DATA, &object.content, object.size).is_ok()
}

fn an_upload_is_nothing_until_it_is_kept(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let temporary = || world.unfinished().len();
    let finished = upload(&store, DATA, b"bytes");
    assert_eq!((finished.hash.as_str(), finished.size), (object(b"bytes").name.as_str(), 5));
    assert_eq!((temporary(), readable(&store, &object(b"bytes"))), (1, false));
    drop(finished);
    assert_eq!(temporary(), 0);
    drop(upload(&store, DATA, b"bytes").keep().unwrap());
    assert_eq!((temporary(), readable(&store, &object(b"bytes"))), (0, true));
}

fn a_checksum_stays_with_its_bytes(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    assert_eq!(upload(&store, DATA, b"bytes").checksum, Checksum::of(b"bytes"));
    let object = save(&store, DATA, b"bytes").unwrap();
    assert_eq!(object.checksum, Some(Checksum::of(b"bytes")));
    store
        .transact(|tx| {
            tx.tombstone_object(ITEM, DATA, &object.name, now(), "test");
            Ok(())
        })
        .unwrap();
    save(&store, DATA, b"bytes").unwrap();
    let other = save(&store, DATA, b"others").unwrap();
    let found = |object: &Object| {
        let alive = store.transact(|tx| tx.object(ITEM, DATA, &object.name)).unwrap().unwrap();
        let (listed, _) = store.transact(|tx| tx.objects(ITEM, DATA, 0, 10)).unwrap();
        assert!(listed.contains(&alive));
        // Of several lifetimes the first one.
        let kept = store.transact(|tx| tx.kept_in_order(ITEM, DATA, 0, 10)).unwrap();
        let kept = kept.into_iter().map(|(_, kept)| kept).find(|kept| kept.name == object.name).unwrap();
        assert_eq!(kept.checksum, alive.checksum);
        alive.checksum
    };
    assert_eq!((found(&object), found(&other)), (object.checksum, other.checksum));
    store
        .transact(|tx| {
            tx.drop_checksum(ITEM, DATA, &object);
            Ok(())
        })
        .unwrap();
    assert_eq!((found(&object), found(&other)), (None, other.checksum));
}

fn bytes_of_another_length_are_not_handed_out(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let object = save(&store, DATA, b"bytes").unwrap();
    assert!(readable(&store, &object));
    for damaged in ["byte", "bytes!"] {
        fs::write(file(world.path(), DATA, &object), damaged).unwrap();
        let opened = store.blobs().open_object(ITEM, DATA, &object.content, object.size);
        assert!(matches!(opened, Err(StoreError::Corrupt(_))));
    }
    fs::remove_file(file(world.path(), DATA, &object)).unwrap();
    let opened = store.blobs().open_object(ITEM, DATA, &object.content, object.size);
    assert!(matches!(opened, Err(StoreError::Io(..))));
}

fn order_is_a_sequence_and_lists_come_in_pages(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let names: Vec<String> = (0..7_u8).map(|n| save(&store, DATA, &[n]).unwrap().name).collect();
    let revive = |name: &str| {
        store
            .transact(|tx| {
                tx.tombstone_object(ITEM, DATA, name, now(), "test");
                Ok(())
            })
            .unwrap();
        save(&store, DATA, &[0]).unwrap();
    };
    revive(&names[0]);
    let (mut seen, mut after) = (Vec::new(), Some(0));
    while let Some(cursor) = after {
        let (page, next) = store.transact(|tx| tx.objects(ITEM, DATA, cursor, 3)).unwrap();
        assert!(page.len() <= 3);
        seen.extend(page.into_iter().map(|object| object.name));
        after = next;
    }
    // What came back comes last.
    let mut wanted = names[1..].to_vec();
    wanted.push(names[0].clone());
    assert_eq!(seen, wanted);
    assert_eq!(crate::world::alive(&store), (7, 7));
    assert_eq!(store.transact(|tx| tx.objects(ITEM, ObjectType::Keys, 0, 3)), Ok((vec![], None)));
}

fn stored_bytes_count_once_and_as_long_as_they_are_kept(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let stored = || {
        let [one, all] = [Holder::repository(ITEM), Holder::below(&vault_id())];
        let [one, all] = [one, all].map(|holder| store.transact(|tx| tx.stored(&holder)).unwrap());
        assert_eq!(one, all);
        one
    };
    let hide = |object_type, name: &str| {
        store
            .transact(|tx| {
                tx.tombstone_object(ITEM, object_type, name, now(), "test");
                Ok(())
            })
            .unwrap();
    };
    assert_eq!(stored(), 0);
    let pack = save(&store, DATA, b"12345").unwrap();
    save(&store, ObjectType::Index, b"123").unwrap();
    assert_eq!(stored(), 8);
    for _ in 0..2 {
        hide(DATA, &pack.name);
        assert_eq!(stored(), 8, "what was deleted is kept");
        save(&store, DATA, b"12345").unwrap();
        assert_eq!(stored(), 8, "what comes back takes no more room");
    }
    // The same bytes as something else, and a config that takes the place of another.
    save(&store, ObjectType::Keys, b"123").unwrap();
    assert_eq!(stored(), 11);
    let config = |bytes: &[u8]| Object { name: "config".into(), ..object(bytes) };
    for (bytes, sum) in [(b"1234".as_slice(), 15), (b"12", 17), (b"1234", 17)] {
        store.transact(|tx| tx.put_object(ITEM, ObjectType::Config, &config(bytes))).unwrap();
        assert_eq!(stored(), sum);
        hide(ObjectType::Config, "config");
    }
    let lock = save(&store, ObjectType::Locks, b"lock").unwrap();
    assert_eq!(stored(), 17);
    let forget = |tx: &mut Transaction| {
        tx.forget_lock(ITEM, &lock.name);
        Ok(())
    };
    store.transact(forget).unwrap();
    assert_eq!(stored(), 17);
    assert_eq!(store.transact(|tx| tx.stored(&Holder::repository("none"))), Ok(0));
    drop_item(&store);
    assert_eq!(stored(), 0);
}

fn bytes_are_removed_only_when_no_row_and_no_upload_needs_them(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let discard = |object: &Object| store.discard(ITEM, DATA, &object.content).unwrap();
    // A row refers to them, alive or not.
    let kept = save(&store, DATA, b"kept").unwrap();
    assert!(!discard(&kept) && readable(&store, &kept));
    store
        .transact(|tx| {
            tx.tombstone_object(ITEM, DATA, &kept.name, now(), "test");
            Ok(())
        })
        .unwrap();
    assert!(!discard(&kept) && readable(&store, &kept));
    // An upload is about to.
    let object = object(b"contested");
    let first = upload(&store, DATA, b"contested").keep().unwrap();
    let second = upload(&store, ObjectType::Data, b"contested").keep().unwrap();
    drop(first);
    assert!(!discard(&object) && readable(&store, &object));
    drop(second);
    assert!(discard(&object) && !file(world.path(), DATA, &object).exists());
    assert!(discard(&object), "gone is gone");
    // The config's bytes do not have its name.
    let config = Object { name: "config".into(), ..crate::world::object(b"config") };
    drop(upload(&store, ObjectType::Config, b"config").keep().unwrap());
    store.transact(|tx| tx.put_object(ITEM, ObjectType::Config, &config)).unwrap();
    assert!(!store.discard(ITEM, ObjectType::Config, &config.content).unwrap());
}

fn locks_that_come_and_go_at_once_never_lose_bytes_that_a_row_needs(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let locks = ObjectType::Locks;
    let barrier = Barrier::new(3);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                barrier.wait();
                for _ in 0..100 {
                    save(&store, locks, b"lock").unwrap();
                }
            });
        }
        scope.spawn(|| {
            barrier.wait();
            for _ in 0..200 {
                store
                    .transact(|tx| {
                        tx.forget_lock(ITEM, &object(b"lock").name);
                        Ok(())
                    })
                    .unwrap();
                store.discard(ITEM, locks, &object(b"lock").content).unwrap();
            }
        });
    });
    let alive = store.transact(|tx| tx.object(ITEM, locks, &object(b"lock").name)).unwrap();
    assert!(alive.is_none() || file(world.path(), locks, &object(b"lock")).exists());
}

fn a_repository_that_is_given_up_loses_its_rows_at_once_and_its_bytes_for_good(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let object = save(&store, DATA, b"bytes").unwrap();
    drop_item(&store);
    assert_eq!(store.transact(|tx| tx.objects(ITEM, DATA, 0, 10)), Ok((vec![], None)));
    assert_eq!(store.transact(|tx| tx.object_known(ITEM, DATA, &object.name)), Ok(false));
    store.finish_purges().unwrap();
    assert!(!world.path().join("repositories").join(ITEM).exists());
    // Late uploads have nowhere to go, neither on the disk nor in the database.
    assert!(upload(&store, DATA, b"late").keep().is_err());
    assert!(store.transact(|tx| tx.put_object(ITEM, DATA, &object)).is_err());
    assert!(!world.path().join("repositories").join(ITEM).exists());
}

fn a_repository_waits_for_the_upload_that_is_just_being_decided(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let kept = upload(&store, DATA, b"bytes").keep().unwrap();
    drop_item(&store);
    store.finish_purges().unwrap();
    assert!(file(world.path(), DATA, &object(b"bytes")).exists());
    drop(kept);
    store.finish_purges().unwrap();
    assert!(!world.path().join("repositories").join(ITEM).exists());
}

fn a_short_name_is_never_used_again(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let another = || Edit::create(named_item("another", ITEM));
    assert!(store.transact(|tx| edit_item(tx, another())).is_err(), "while it is used");
    drop_item(&store);
    assert!(store.transact(|tx| edit_item(tx, another())).is_err(), "while its bytes go");
    store.finish_purges().unwrap();
    assert!(store.transact(|tx| edit_item(tx, another())).is_err(), "ever");
    let fresh = Edit::create(named_item("another", "fresh"));
    assert!(store.transact(|tx| edit_item(tx, fresh.clone())).is_ok());
}

fn an_object_needs_a_repository(engine: Engine) {
    let (store, world) = engine.store();
    assert!(store.transact(|tx| tx.put_object(ITEM, DATA, &object(b"x"))).is_err());
    // A batch that fails leaves the writer as it was.
    assert!(store.transact(|tx| edit_item(tx, Edit::create(item(ITEM)))).is_ok());
    assert!(save(&store, DATA, b"x").is_ok());
    assert!(world.verify().is_ok());
}
