//! Several servers on one database behave as one.

use std::collections::BTreeMap;
use std::sync::Barrier;

use arm::{Error, ErrorKind};
use directory::Tenant;
use resources::ResourceGroup;
use store::{Store, Transaction};
use vault::Edit;

use crate::world::{
    Engine, ITEM, edit_item, entry, group, item, ledger, object, operation, save, tenant, upload,
};

on_servers!(
    what_one_commits_the_next_decision_of_the_other_sees,
    a_decision_is_made_again_when_another_server_changed_what_it_read,
    of_two_approvers_one_stays,
    of_many_servers_none_loses_what_another_wrote,
    a_server_that_ends_takes_nothing_along,
    a_server_with_another_folder_of_repositories_is_refused,
    bytes_that_another_server_is_about_to_refer_to_stay,
    unfinished_uploads_of_servers_that_live_are_left_alone,
);

fn add_tenant(store: &Store, id: u128) {
    let add = |tx: &mut Transaction| {
        tx.record(entry("tenant"));
        tx.put(&tenant(id, "a.example"))
    };
    store.transact(add).unwrap();
}

fn what_one_commits_the_next_decision_of_the_other_sees(engine: Engine) {
    let (first, world) = engine.store();
    let (second, _folder) = world.another();
    let known = |store: &Store| store.transact(|tx| Ok(tx.access()?.tenants().count())).unwrap();
    for round in 0..10 {
        assert_eq!((known(&first), known(&second)), (2 * round, 2 * round));
        add_tenant(&first, 2 * round as u128);
        assert_eq!((known(&second), known(&first)), (2 * round + 1, 2 * round + 1));
        add_tenant(&second, 2 * round as u128 + 1);
    }
    // What has gone is gone, too.
    let remove = |tx: &mut Transaction| {
        tx.record(entry("removed"));
        let found: Vec<Tenant> = tx.all()?;
        tx.delete::<Tenant>(&found[0].id.to_string());
        Ok(())
    };
    first.transact(remove).unwrap();
    assert_eq!(known(&second), 19);
    assert!(world.verify().is_ok());
}

fn a_decision_is_made_again_when_another_server_changed_what_it_read(engine: Engine) {
    let (first, world) = engine.store();
    let (second, _folder) = world.another();
    let mut seen = Vec::new();
    let decided = first.transact(|tx| {
        seen.push((tx.access()?.tenants().count(), tx.get::<vault::Operation>("x")?.is_some()));
        match seen.len() {
            1 => add_tenant(&second, 1),
            2 => second.transact(|tx| tx.put(&operation("x")))?,
            _ => {}
        }
        tx.put(&operation("mine"))
    });
    assert_eq!((decided, seen), (Ok(()), vec![(0, false), (1, false), (1, true)]));
    assert_eq!((first.retries(), second.retries()), (2, 0));
}

/// Each may leave only if the other stays; each reads both and writes only its own.
fn of_two_approvers_one_stays(engine: Engine) {
    let (first, world) = engine.store();
    let (second, _folder) = world.another();
    for _ in 0..20 {
        for name in ["one", "two"] {
            first.transact(|tx| tx.put(&operation(name))).unwrap();
        }
        let barrier = Barrier::new(2);
        let leave = |store: &Store, name: &str| {
            let mut first_time = true;
            store.transact(|tx| {
                let (one, two) = (
                    tx.get::<vault::Operation>("one")?.is_some(),
                    tx.get::<vault::Operation>("two")?.is_some(),
                );
                // Both have read before either writes.
                if std::mem::take(&mut first_time) {
                    barrier.wait();
                }
                if !(one && two) {
                    return Err(Error::forbidden("Last", "the last one stays"));
                }
                tx.delete::<vault::Operation>(name);
                Ok(())
            })
        };
        let left = std::thread::scope(|scope| {
            let other = scope.spawn(|| leave(&second, "two"));
            [leave(&first, "one"), other.join().unwrap()]
        });
        assert_eq!(left.iter().filter(|left| left.is_ok()).count(), 1, "{left:?}");
        assert!(
            left.iter().all(|left| left.as_ref().err().is_none_or(|error| error.code == "Last")),
            "{left:?}"
        );
    }
}

fn of_many_servers_none_loses_what_another_wrote(engine: Engine) {
    let (first, world) = engine.store();
    first
        .transact(|tx| {
            tx.record(entry("put"));
            tx.put(&group("rg", "westeurope"))
        })
        .unwrap();
    let ((second, _second), (third, _third)) = (world.another(), world.another());
    let (threads, rounds) = (2, 15);
    std::thread::scope(|scope| {
        for (number, store) in [&first, &second, &third].into_iter().enumerate() {
            for thread in 0..threads {
                scope.spawn(move || {
                    for round in 0..rounds {
                        let add = |tx: &mut Transaction| {
                            let id = group("rg", "westeurope").id;
                            let mut group: ResourceGroup = tx.resource(&id)?.unwrap();
                            group.tags.insert(format!("{number}-{thread}-{round}"), String::new());
                            tx.record(entry("tag"));
                            tx.put(&group)
                        };
                        // Given up after many attempts, it may be asked for again.
                        while let Err(error) = store.transact(add) {
                            assert_eq!(error.kind, ErrorKind::Unavailable, "{error:?}");
                        }
                    }
                });
            }
        }
    });
    let id = group("rg", "westeurope").id;
    let found: ResourceGroup = second.transact(|tx| tx.resource(&id)).unwrap().unwrap();
    assert_eq!(found.tags.len(), 3 * threads * rounds);
    assert_eq!(ledger(&first).len(), 3 * threads * rounds + 1);
    assert_eq!(world.verify().unwrap().size as usize, 3 * threads * rounds + 1);
}

fn a_server_that_ends_takes_nothing_along(engine: Engine) {
    let (first, world) = engine.store();
    let (second, _folder) = world.another();
    first.transact(|tx| edit_item(tx, Edit::create(item(ITEM)))).unwrap();
    let saved = save(&first, store::ObjectType::Data, b"bytes").unwrap();
    first.close();
    drop(first);
    // Its neighbour goes on, and one that starts again finds everything.
    save(&second, store::ObjectType::Data, b"more").unwrap();
    let again = world.open();
    for store in [&second, &again] {
        assert_eq!(crate::world::alive(store), (2, 9));
        assert!(store.blobs().open_object(ITEM, store::ObjectType::Data, &saved.content, 5).is_ok());
    }
    assert_eq!(ledger(&again), ["item"]);
}

fn bytes_that_another_server_is_about_to_refer_to_stay(engine: Engine) {
    let (first, world) = engine.store_with_item();
    let (second, _folder) = world.another();
    let data = store::ObjectType::Data;
    let object = object(b"contested");
    let kept = upload(&first, data, b"contested").keep().unwrap();
    assert!(!second.discard(ITEM, data, &object.content).unwrap(), "the other is just deciding");
    first.transact(|tx| tx.put_object(ITEM, data, &object)).unwrap();
    drop(kept);
    assert!(!second.discard(ITEM, data, &object.content).unwrap(), "a row refers to them");
    assert!(second.blobs().open_object(ITEM, data, &object.content, object.size).is_ok());
    // And without either, they go.
    drop(upload(&first, data, b"unwanted").keep().unwrap());
    assert!(second.discard(ITEM, data, &crate::world::object(b"unwanted").content).unwrap());
}

fn unfinished_uploads_of_servers_that_live_are_left_alone(engine: Engine) {
    let (first, world) = engine.store_with_item();
    let data = store::ObjectType::Data;
    let mut slow = first.blobs().begin(ITEM, data, "slow").unwrap();
    slow.write(&[b"begun, "]).unwrap();
    // Others come and go meanwhile.
    let (second, folder) = world.another();
    drop((second, folder));
    std::fs::write(world.path().join("repositories/.uploads/lost"), "as a crash leaves it").unwrap();
    let (third, _folder) = world.another();
    slow.write(&[b"ended"]).unwrap();
    let kept = slow.finish().unwrap().keep().unwrap();
    let whole = object(b"begun, ended");
    first.transact(|tx| tx.put_object(ITEM, data, &whole)).unwrap();
    drop(kept);
    assert!(third.blobs().open_object(ITEM, data, &whole.content, whole.size).is_ok());
    assert_eq!(world.unfinished(), BTreeMap::new());
}

fn a_server_with_another_folder_of_repositories_is_refused(engine: Engine) {
    let (first, world) = engine.store();
    let (a, b) = (uuid::Uuid::from_u128(1), uuid::Uuid::from_u128(2));
    first.check_repositories(a).unwrap();
    first.check_repositories(b).unwrap();
    let (second, _folder) = world.another();
    second.check_repositories(b).unwrap();
    // Empty, or another database's: it is not ours.
    let elsewhere = tempfile::tempdir().unwrap();
    let stray = world.open_elsewhere(elsewhere.path());
    for _ in 0..2 {
        let refused = stray.check_repositories(b).unwrap_err();
        assert!(matches!(refused, store::StoreError::ForeignRepositories { id, .. } if id == a), "{refused}");
        assert!(refused.to_string().contains("--repositories"), "{refused}");
        std::fs::write(elsewhere.path().join("repositories/.id"), b.to_string()).unwrap();
    }
    // A copy that somebody vouched for.
    std::fs::write(elsewhere.path().join("repositories/.id"), format!("{a}\n")).unwrap();
    stray.check_repositories(b).unwrap();
}
