//! A decision holds only if nothing it read has changed, and all of it is written or nothing.

use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};

use arm::{Error, ErrorKind};
use resources::ResourceGroup;
use store::{Holder, ObjectType, Store, Transaction};
use vault::{Edit, VaultChange};

use crate::world::{
    Engine, ITEM, SUBSCRIPTION, clear, edit_item, entry, group, item, ledger, object, operation, tenant,
    vault, vault_id,
};

on_every_engine!(
    a_decision_is_made_again_when_what_it_read_has_changed,
    what_was_not_there_may_not_come,
    a_range_has_no_phantoms,
    what_is_made_of_a_range_is_that_of_now,
    a_rehearsed_decision_writes_nothing,
    a_second_key_finds_all_and_is_part_of_the_condition,
    what_decisions_about_access_read_is_part_of_the_condition,
    objects_are_part_of_the_condition,
    of_many_writers_none_loses_what_another_wrote,
    a_decision_that_is_never_left_alone_is_given_up,
    state_and_ledger_are_written_together_or_not_at_all,
    a_refusal_is_kept_when_the_decision_fails_and_nothing_else_is,
    a_decision_sees_its_own_writes_and_nobody_elses,
    a_change_must_start_from_what_is_stored,
);

fn put(store: &Store, group: &ResourceGroup) {
    store
        .transact(|tx| {
            tx.record(entry("put"));
            tx.put(group)
        })
        .unwrap();
}

/// Runs a decision, and something else between its reading and its commit. Returns how often it was made.
fn raced<T: PartialEq + std::fmt::Debug>(
    store: &Store,
    read: impl Fn(&mut Transaction) -> arm::Result<T>,
    meanwhile: impl Fn(&Store),
) -> (usize, Vec<T>) {
    let mut seen = Vec::new();
    store
        .transact(|tx| {
            seen.push(read(tx)?);
            if seen.len() == 1 {
                meanwhile(store);
            }
            tx.put(&operation("raced"))
        })
        .unwrap();
    (seen.len(), seen)
}

fn a_decision_is_made_again_when_what_it_read_has_changed(engine: Engine) {
    let (store, _world) = engine.store();
    put(&store, &group("rg", "westeurope"));
    let id = group("rg", "westeurope").id;
    let read = |tx: &mut Transaction| Ok(tx.resource::<ResourceGroup>(&id)?.unwrap().location.to_string());
    let (times, seen) = raced(&store, read, |store| put(store, &group("rg", "northeurope")));
    assert_eq!((times, seen), (2, vec!["westeurope".to_string(), "northeurope".into()]));
    // Written again with the same content, it is another revision all the same.
    let (times, _) = raced(&store, read, |store| put(store, &group("rg", "northeurope")));
    assert_eq!(times, 2);
    // What was not read may change.
    let (times, _) = raced(&store, read, |store| put(store, &group("other", "northeurope")));
    assert_eq!(times, 1);
    assert_eq!(store.retries(), 2);
}

fn what_was_not_there_may_not_come(engine: Engine) {
    let (store, _world) = engine.store();
    let id = group("rg", "westeurope").id;
    let absent = |tx: &mut Transaction| Ok(tx.resource::<ResourceGroup>(&id)?.is_none());
    let (times, seen) = raced(&store, absent, |store| put(store, &group("RG", "westeurope")));
    assert_eq!((times, seen), (2, vec![true, false]));
}

fn a_range_has_no_phantoms(engine: Engine) {
    let (store, _world) = engine.store();
    let scope = arm::ResourceId::parse(SUBSCRIPTION).unwrap();
    for name in ["a", "b"] {
        put(&store, &group(name, "westeurope"));
    }
    let count = |tx: &mut Transaction| Ok(tx.below::<ResourceGroup>(&scope)?.len());
    // One more.
    let (_, seen) = raced(&store, count, |store| put(store, &group("c", "westeurope")));
    assert_eq!(seen, [2, 3]);
    // One less; also when it is not the youngest.
    let delete = |store: &Store| {
        let delete = |tx: &mut Transaction| {
            tx.record(entry("delete"));
            tx.delete::<ResourceGroup>(group("a", "westeurope").id.folded());
            Ok(())
        };
        store.transact(delete).unwrap();
    };
    let (_, seen) = raced(&store, count, delete);
    assert_eq!(seen, [3, 2]);
    // One changed, and one exchanged for another: as many as before.
    let (_, seen) = raced(&store, count, |store| put(store, &group("b", "northeurope")));
    assert_eq!(seen, [2, 2]);
    let exchange = |store: &Store| {
        let exchange = |tx: &mut Transaction| {
            tx.record(entry("exchange"));
            tx.delete::<ResourceGroup>(group("c", "westeurope").id.folded());
            tx.put(&group("d", "westeurope"))
        };
        store.transact(exchange).unwrap();
    };
    let (_, seen) = raced(&store, count, exchange);
    assert_eq!(seen, [2, 2]);
    // Another kind, and another scope, are no matter.
    let (_, seen) = raced(&store, count, |store| {
        store.transact(|tx| tx.put(&operation("x"))).unwrap();
    });
    assert_eq!(seen, [2]);
}

/// It is made once while nothing changes, and again after each change: an arrival, another content, an end.
fn what_is_made_of_a_range_is_that_of_now(engine: Engine) {
    let (store, world) = engine.store();
    let scope = arm::ResourceId::parse(SUBSCRIPTION).unwrap();
    let (made, read_again) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let names = |store: &Store| {
        let read = |tx: &mut Transaction| {
            let part = |group: ResourceGroup| {
                read_again.fetch_add(1, Ordering::Relaxed);
                format!("{} {}", group.id.name(), group.location)
            };
            tx.made_below(&scope, part, |all| {
                made.fetch_add(1, Ordering::Relaxed);
                all
            })
        };
        store.transact(read).unwrap().to_vec()
    };
    assert_eq!(names(&store), [""; 0]);
    put(&store, &group("a", "westeurope"));
    put(&store, &group("b", "westeurope"));
    for _ in 0..3 {
        assert_eq!(names(&store), ["a westeurope", "b westeurope"]);
    }
    assert_eq!(made.load(Ordering::Relaxed), 2, "once for each state");
    assert_eq!(read_again.load(Ordering::Relaxed), 2);
    put(&store, &group("a", "northeurope"));
    assert_eq!(names(&store), ["a northeurope", "b westeurope"]);
    assert_eq!(read_again.load(Ordering::Relaxed), 3, "only the one that changed");
    let remove = |name: &str| {
        let id = group(name, "westeurope").id;
        store
            .transact(|tx| {
                tx.record(entry("delete"));
                tx.delete::<ResourceGroup>(id.folded());
                Ok(())
            })
            .unwrap();
    };
    remove("a");
    assert_eq!(names(&store), ["b westeurope"]);
    put(&store, &group("a", "northeurope"));
    remove("b");
    assert_eq!(names(&store), ["a northeurope"]);
    // Other things may change, and another store of the same database sees the same.
    let before = made.load(Ordering::Relaxed);
    store.transact(|tx| tx.put(&operation("other"))).unwrap();
    assert_eq!(names(&store), ["a northeurope"]);
    assert_eq!(made.load(Ordering::Relaxed), before);
    // It is part of the condition.
    let read =
        |tx: &mut Transaction| Ok(tx.made_below(&scope, |_: ResourceGroup| (), |all| all.len())?.to_string());
    let (times, seen) = raced(&store, read, |store| put(store, &group("c", "westeurope")));
    assert_eq!((times, seen), (2, vec!["1".to_string(), "2".into()]));
    drop(store);
    assert_eq!(names(&world.open()), ["a northeurope", "c westeurope"]);
}

fn a_rehearsed_decision_writes_nothing(engine: Engine) {
    let (store, _world) = engine.store();
    for fails in [false, true] {
        let outcome = store.transact(|tx| {
            tx.rehearse();
            tx.put(&group("rg", "westeurope"))?;
            tx.record(entry("put"));
            tx.record_refusal(entry("refused"));
            let id = group("rg", "westeurope").id;
            assert!(tx.resource::<ResourceGroup>(&id)?.is_some(), "it sees what it would write");
            if fails { Err(Error::invalid("No", "no")) } else { Ok(()) }
        });
        assert_eq!(outcome.is_err(), fails);
        assert!(ledger(&store).is_empty());
        assert!(store.transact(|tx| tx.all::<ResourceGroup>()).unwrap().is_empty());
    }
}

fn a_second_key_finds_all_and_is_part_of_the_condition(engine: Engine) {
    let (store, _world) = engine.store();
    let add = |store: &Store, id: u128, domain: &str| {
        let add = |tx: &mut Transaction| {
            tx.record(entry("tenant"));
            tx.put(&tenant(id, domain))
        };
        store.transact(add).unwrap();
    };
    add(&store, 1, "a.example");
    let found = |tx: &mut Transaction| Ok(tx.find::<directory::Tenant>("a.example")?.len());
    let (_, seen) = raced(&store, found, |store| add(store, 2, "a.example"));
    assert_eq!(seen, [1, 2]);
    // One that gets another second key leaves.
    let (_, seen) = raced(&store, found, |store| add(store, 1, "b.example"));
    assert_eq!(seen, [2, 1]);
    let (_, seen) = raced(&store, found, |store| add(store, 3, "c.example"));
    assert_eq!(seen, [1]);
}

fn what_decisions_about_access_read_is_part_of_the_condition(engine: Engine) {
    let (store, _world) = engine.store();
    let tenants = |tx: &mut Transaction| Ok(tx.access()?.tenants().count());
    let (_, seen) = raced(&store, tenants, |store| {
        let add = |tx: &mut Transaction| {
            tx.record(entry("tenant"));
            tx.put(&tenant(1, "a.example"))
        };
        store.transact(add).unwrap();
    });
    assert_eq!(seen, [0, 1]);
    let (_, seen) = raced(&store, tenants, |store| put(store, &group("rg", "westeurope")));
    assert_eq!(seen, [1]);
}

fn objects_are_part_of_the_condition(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let data = ObjectType::Data;
    let one = object(b"one");
    let add = |store: &Store, bytes: &[u8]| {
        let object = object(bytes);
        store.transact(|tx| tx.put_object(ITEM, data, &object)).unwrap();
    };
    let hide = |store: &Store, bytes: &[u8]| {
        let hide = |tx: &mut Transaction| {
            tx.tombstone_object(ITEM, data, &object(bytes).name, crate::world::now(), "test");
            Ok(())
        };
        store.transact(hide).unwrap();
    };
    let alive = |tx: &mut Transaction| Ok(tx.object(ITEM, data, &one.name)?.is_some());
    let known = |tx: &mut Transaction| tx.object_known(ITEM, data, &one.name);
    let room = |tx: &mut Transaction| tx.has_room(ITEM, data, 2);
    assert_eq!(raced(&store, alive, |store| add(store, b"one")).1, [false, true]);
    assert_eq!(raced(&store, alive, |store| add(store, b"two")).1, [true]);
    assert_eq!(raced(&store, alive, |store| hide(store, b"one")).1, [true, false]);
    // Gone and come again in between is another lifetime.
    add(&store, b"one");
    let again = |store: &Store| {
        hide(store, b"one");
        add(store, b"one");
    };
    assert_eq!(raced(&store, alive, again).1, [true, true]);
    assert_eq!(raced(&store, known, |store| hide(store, b"one")).1, [true]);
    // There is one: there is room for two, until a second and a third come. The number does not matter otherwise.
    assert_eq!(raced(&store, room, |store| hide(store, b"two")).1, [true]);
    assert_eq!(raced(&store, room, |store| add(store, b"two")).1, [true]);
    assert_eq!(raced(&store, room, |store| add(store, b"one")).1, [true, false]);
    // As many bytes as there are, and one more, fit until more are stored; less does not change it.
    let item = Holder::repository(ITEM);
    let stored = store.transact(|tx| tx.stored(&item)).unwrap();
    let space = |tx: &mut Transaction| tx.has_space(&item, stored + 4, 3);
    assert_eq!(raced(&store, space, |store| add(store, b"1")).1, [true]);
    assert_eq!(raced(&store, space, |store| hide(store, b"1")).1, [true]);
    assert_eq!(raced(&store, space, |store| add(store, b"2")).1, [true, false]);
    let below = Holder::below(&vault_id());
    let space = |tx: &mut Transaction| tx.has_space(&below, stored + 2, 0);
    assert_eq!(raced(&store, space, |store| add(store, b"1")).1, [true], "it was counted before");
    assert_eq!(raced(&store, space, |store| add(store, b"3")).1, [true, false]);
    let fresh = |tx: &mut Transaction| tx.object_known(ITEM, data, &object(b"new").name);
    let flash = |store: &Store| {
        add(store, b"new");
        hide(store, b"new");
    };
    assert_eq!(raced(&store, fresh, flash).1, [false, true]);
}

fn of_many_writers_none_loses_what_another_wrote(engine: Engine) {
    let (store, world) = engine.store();
    put(&store, &group("rg", "westeurope"));
    let (threads, rounds) = (4, 25);
    let barrier = Barrier::new(threads);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (store, barrier) = (&store, &barrier);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..rounds {
                    let add = |tx: &mut Transaction| {
                        let id = group("rg", "westeurope").id;
                        let mut group: ResourceGroup = tx.resource(&id)?.unwrap();
                        group.tags.insert(format!("{thread}-{round}"), String::new());
                        tx.record(entry("tag"));
                        tx.put(&group)
                    };
                    // Given up after many attempts, it may be asked for again.
                    while let Err(error) = store.transact(add) {
                        assert_eq!(error.kind, ErrorKind::Unavailable);
                    }
                }
            });
        }
    });
    let id = group("rg", "westeurope").id;
    let tags = store.transact(|tx| Ok(tx.resource::<ResourceGroup>(&id)?.unwrap().tags.len())).unwrap();
    assert_eq!(tags, threads * rounds);
    assert_eq!(ledger(&store).len(), threads * rounds + 1);
    assert!(world.verify().is_ok());
}

fn a_decision_that_is_never_left_alone_is_given_up(engine: Engine) {
    let (store, _world) = engine.store();
    let mut times = 0;
    let refused = store
        .transact(|tx| {
            times += 1;
            tx.get::<vault::Operation>("contested")?;
            store.transact(|tx| tx.put(&operation("contested")))?;
            tx.put(&operation("mine"))
        })
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Unavailable);
    assert!(times > 3);
    assert_eq!(store.transact(|tx| Ok(tx.get::<vault::Operation>("mine")?.is_none())), Ok(true));
}

fn state_and_ledger_are_written_together_or_not_at_all(engine: Engine) {
    let (store, _world) = engine.store();
    let id = group("rg", "westeurope").id;
    let exists = || store.transact(|tx| Ok(tx.resource::<ResourceGroup>(&id)?.is_some())).unwrap();
    // A change that says nothing is not written.
    let silent = store.transact(|tx| tx.put(&group("rg", "westeurope"))).unwrap_err();
    assert_eq!(silent.kind, ErrorKind::Internal);
    assert!(!exists());
    // A decision that fails writes nothing, and what it said is forgotten.
    let failed = store.transact::<()>(|tx| {
        tx.put(&group("rg", "westeurope"))?;
        tx.record(entry("done"));
        Err(Error::forbidden("No", "no"))
    });
    assert_eq!(failed.unwrap_err().code, "No");
    assert!(!exists());
    assert_eq!(ledger(&store), [""; 0]);
    // Nor is an entry left by an attempt that had to be repeated.
    let mut times = 0;
    store
        .transact(|tx| {
            times += 1;
            tx.get::<vault::Operation>("contested")?;
            if times < 3 {
                store.transact(|tx| tx.put(&operation("contested")))?;
            }
            tx.record(entry("done"));
            tx.put(&group("rg", "westeurope"))
        })
        .unwrap();
    assert_eq!((times, exists(), ledger(&store)), (3, true, vec!["done".to_string()]));
}

fn a_refusal_is_kept_when_the_decision_fails_and_nothing_else_is(engine: Engine) {
    let (store, world) = engine.store();
    let refused = store.transact::<()>(|tx| {
        tx.put(&group("rg", "westeurope"))?;
        tx.record(entry("done"));
        tx.record_refusal(entry("refused"));
        Err(Error::forbidden("No", "no"))
    });
    assert_eq!(refused.unwrap_err().code, "No");
    assert_eq!(ledger(&store), ["refused"]);
    let id = group("rg", "westeurope").id;
    assert_eq!(store.transact(|tx| Ok(tx.resource::<ResourceGroup>(&id)?.is_none())), Ok(true));
    // A refusal, too, is decided by what is still so when it is written down.
    let mut times = 0;
    let allowed = store.transact(|tx| {
        times += 1;
        let forbidden = tx.get::<vault::Operation>("permission")?.is_none();
        if times == 1 {
            store.transact(|tx| tx.put(&operation("permission")))?;
        }
        if forbidden {
            tx.record_refusal(entry("refused again"));
            return Err(Error::forbidden("No", "no"));
        }
        Ok(())
    });
    assert_eq!((allowed, times), (Ok(()), 2));
    assert_eq!(ledger(&store), ["refused"]);
    assert!(world.verify().is_ok());
}

fn a_decision_sees_its_own_writes_and_nobody_elses(engine: Engine) {
    let (store, _world) = engine.store();
    store
        .transact(|tx| {
            tx.put(&operation("mine"))?;
            assert!(tx.get::<vault::Operation>("mine")?.is_some());
            tx.delete::<vault::Operation>("mine");
            assert!(tx.get::<vault::Operation>("mine")?.is_none());
            Ok(())
        })
        .unwrap();
    store
        .transact(|tx| {
            assert!(tx.get::<vault::Operation>("first")?.is_none());
            store.transact(|tx| tx.put(&operation("second")))?;
            assert!(tx.get::<vault::Operation>("second")?.is_none(), "a later state");
            Ok(())
        })
        .unwrap();
}

fn a_change_must_start_from_what_is_stored(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let mut renamed = item(ITEM);
    renamed.friendly_name = "renamed".into();
    for edit in [
        Edit::create(item(ITEM)),
        Edit::replace(renamed.clone(), item(ITEM)),
        Edit::delete(renamed.clone()),
        Edit::replace(item("missing"), renamed.clone()),
        Edit::replace(item(ITEM), crate::world::named_item("other", ITEM)),
    ] {
        let refused = store.transact(|tx| edit_item(tx, edit.clone())).unwrap_err();
        assert_eq!(refused.kind, ErrorKind::Internal, "{edit:?}");
    }
    store.transact(|tx| edit_item(tx, Edit::replace(item(ITEM), renamed.clone()))).unwrap();
    // A vault's change needs its entry as well.
    let change = || clear(VaultChange::vault(None, vault()).unwrap());
    assert!(store.transact(|tx| tx.apply(change())).is_err());
}
