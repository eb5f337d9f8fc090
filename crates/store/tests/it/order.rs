//! Lists come in the order of their keys' bytes, whatever the database's own idea of an alphabet, and pages of them
//! fit together while others write.

use std::collections::BTreeSet;

use arm::ResourceId;
use resources::ResourceGroup;
use store::{ObjectType, Store, Transaction};

use crate::world::{Engine, ITEM, SUBSCRIPTION, entry, group, now, operation, save};

on_every_engine!(
    keys_are_ordered_by_their_bytes,
    ids_are_the_same_in_any_case_and_no_neighbour_is_below_another,
    text_may_be_anything,
    pages_of_objects_fit_together_while_others_write,
    pages_of_the_ledger_fit_together_while_others_write,
);

fn ids(store: &Store) -> Vec<String> {
    let all = store.transact(|tx| tx.all::<vault::Operation>()).unwrap();
    all.into_iter().map(|operation| operation.id).collect()
}

fn keys_are_ordered_by_their_bytes(engine: Engine) {
    let (store, _world) = engine.store();
    let mut keys = [
        "a",
        "A",
        "b",
        "B",
        "a-b",
        "a_b",
        "ab",
        "aB",
        "a b",
        "a.b",
        "a/b",
        "a0b",
        "-",
        "_",
        "~",
        " ",
        "0",
        "9",
        "10",
        "é",
        "e",
        "f",
        "ß",
        "ss",
        "z",
        "Z",
        "ä",
        "日本",
        "😀",
        "\u{10fffe}",
        "I",
        "ı",
        "i",
        "İ",
    ];
    for key in keys {
        store.transact(|tx| tx.put(&operation(key))).unwrap();
    }
    keys.sort_unstable();
    assert_eq!(ids(&store), keys);
}

fn ids_are_the_same_in_any_case_and_no_neighbour_is_below_another(engine: Engine) {
    let (store, _world) = engine.store();
    let put = |name: &str| {
        let put = |tx: &mut Transaction| {
            tx.record(entry("put"));
            tx.put(&group(name, "westeurope"))
        };
        store.transact(put).unwrap();
    };
    for name in ["rg", "rg-1", "rg_1", "RG-2", "rg0", "rg.1", "Rg1"] {
        put(name);
    }
    put("RG_1");
    let scope =
        ResourceId::parse(&SUBSCRIPTION.to_uppercase().replace("SUBSCRIPTIONS", "subscriptions")).unwrap();
    let found = store.transact(|tx| tx.below::<ResourceGroup>(&scope)).unwrap();
    let names: Vec<&str> = found.iter().map(|group| group.id.name()).collect();
    assert_eq!(names, ["rg", "rg-1", "RG-2", "rg.1", "rg0", "Rg1", "RG_1"]);
    // Nothing is below `rg`, though others begin like it.
    let below = store.transact(|tx| tx.below::<ResourceGroup>(&group("rg", "x").id)).unwrap();
    assert_eq!(below.len(), 0);
}

/// What people send is looked for as it is, and found or not.
fn text_may_be_anything(engine: Engine) {
    let (store, _world) = engine.store();
    for odd in ["%", "_", "'", "\\", "$1", "\u{feff}", "\r\n", "a\u{301}"] {
        store.transact(|tx| tx.put(&operation(odd))).unwrap();
        let found = store.transact(|tx| tx.get::<vault::Operation>(odd)).unwrap();
        assert_eq!(found.map(|found| found.id), Some(odd.to_string()));
    }
    for absent in ["\0", "a\0b", "á", ""] {
        let found = store.transact(|tx| {
            assert_eq!(tx.find::<directory::Tenant>(absent)?.len(), 0);
            assert!(tx.object(ITEM, ObjectType::Data, absent)?.is_none());
            let found = tx.get::<vault::Operation>(absent)?;
            // What was looked for is part of the condition of a commit, too.
            tx.put(&operation("looked"))?;
            Ok(found)
        });
        assert_eq!(found, Ok(None), "{absent:?}");
    }
}

fn pages_of_objects_fit_together_while_others_write(engine: Engine) {
    let (store, _world) = engine.store_with_item();
    let data = ObjectType::Data;
    let names: Vec<String> = (0..20_u8).map(|n| save(&store, data, &[n]).unwrap().name).collect();
    let (mut seen, mut after, mut page_number) = (Vec::new(), Some(0), 0_usize);
    while let Some(cursor) = after {
        let (page, next) = store.transact(|tx| tx.objects(ITEM, data, cursor, 3)).unwrap();
        seen.extend(page.into_iter().map(|object| object.name));
        after = next;
        // One that was seen goes, one that was not goes, and a new one comes.
        if page_number < 3 {
            for gone in [page_number, 19 - page_number] {
                let hide = |tx: &mut Transaction| {
                    tx.tombstone_object(ITEM, data, &names[gone], now(), "test");
                    Ok(())
                };
                store.transact(hide).unwrap();
            }
            save(&store, data, &[100 + page_number as u8]).unwrap();
        }
        page_number += 1;
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!(once.len(), seen.len(), "none twice");
    let always_alive = &names[3..17];
    assert!(always_alive.iter().all(|name| once.contains(name)), "all that were there from first to last");
    assert_eq!(seen.len(), 3 + always_alive.len() + 3);
}

fn pages_of_the_ledger_fit_together_while_others_write(engine: Engine) {
    let (store, world) = engine.store();
    let say = |what: usize| {
        store
            .transact(|tx| {
                tx.record(entry(&what.to_string()));
                Ok(())
            })
            .unwrap();
    };
    (0..10).for_each(say);
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = store.transact(|tx| tx.ledger_back(before, 4)).unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.sequence);
        seen.extend(page.into_iter().map(|entry| entry.operation));
        say(100);
    }
    let backwards: Vec<String> = (0..10).rev().map(|n| n.to_string()).collect();
    assert_eq!(seen, backwards);
    assert_eq!(world.verify().unwrap().size, 13);
}
