//! Entries of the ledger by what they concern and whether they raise an alert, against what a reader of all of it finds.

use arm::ResourceId;
use ledger::{Consent, Entry, Verdict};
use mua::CriticalOperation;
use store::{Mark, Store};

use crate::world::{Engine, SUBSCRIPTION, entry};

on_every_engine!(what_is_found_is_what_a_reader_of_all_finds);

mod between_servers {
    on_servers!(entries_of_another_server_are_found);

    use super::*;

    fn entries_of_another_server_are_found(engine: Engine) {
        let (first, world) = engine.store();
        let (second, _folder) = world.another();
        for round in 0..5 {
            let (writes, reads) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
            write(writes, round * 7..round * 7 + 7);
            assert_agrees(reads);
            assert_agrees(writes);
        }
    }
}

fn place(name: &str) -> String {
    format!("{SUBSCRIPTION}/resourceGroups/rg/providers/{name}")
}

const VAULTS: [&str; 3] = [
    "Microsoft.RecoveryServices/vaults/One",
    "Microsoft.RecoveryServices/vaults/two",
    "Microsoft.DataProtection/backupVaults/three",
];
const GUARD: &str = "Microsoft.DataProtection/resourceGuards/g";

/// The entry with a number: about one vault or about none, with a guard's consent or refused, or not.
fn numbered(number: usize) -> Entry {
    let mut entry = entry(&format!("number {number}"));
    if let Some(vault) = VAULTS.get(number % 5) {
        entry.target = place(vault);
    }
    if number.is_multiple_of(3) {
        entry.target.push_str("/backupPolicies/p");
    }
    if number.is_multiple_of(7) {
        entry.consent = vec![Consent {
            operation: "x".into(),
            request: "r".into(),
            guard: place(GUARD).to_uppercase(),
            holder: "h".into(),
            assignment: "a".into(),
            expires: None,
        }];
    }
    if number.is_multiple_of(11) {
        entry.operation = CriticalOperation::ALL[0].name();
        entry.verdict = Verdict::Refused;
        entry.facts.insert("guard".into(), place(GUARD));
    }
    entry
}

fn write(store: &Store, numbers: std::ops::Range<usize>) {
    let record = |tx: &mut store::Transaction| {
        numbers.clone().for_each(|number| tx.record(numbered(number)));
        Ok(())
    };
    store.transact(record).unwrap();
}

/// A mark, and what of an entry it means.
type Question = (Mark, Box<dyn Fn(&Entry) -> bool>);

/// Every one that somebody may ask.
fn questions() -> Vec<Question> {
    let mut all: Vec<Question> = Vec::new();
    let refused = |entry: &Entry| entry.verdict == Verdict::Refused;
    let subscription = ResourceId::parse(SUBSCRIPTION).unwrap();
    assert_eq!(Mark::about(&subscription), None);
    for name in VAULTS.into_iter().chain([GUARD, "Microsoft.RecoveryServices/vaults/nobody"]) {
        let id = place(name).to_lowercase();
        let says = move |text: &str| text.to_lowercase().starts_with(&id);
        let concerns = move |entry: &Entry| {
            says(&entry.target)
                || entry.consent.iter().any(|consent| says(&consent.guard))
                || entry.facts.get("guard").is_some_and(|guard| says(guard))
        };
        let scope = ResourceId::parse(&place(name)).unwrap();
        let of_scope = concerns.clone();
        all.push((Mark::alarm(&scope), Box::new(move |entry| refused(entry) && of_scope(entry))));
        let below = scope.child("backupPolicies/p").unwrap();
        assert_eq!(Mark::about(&below), Mark::about(&scope));
        all.push((Mark::about(&scope).unwrap(), Box::new(concerns)));
    }
    all.push((Mark::alarm(&subscription), Box::new(refused)));
    all
}

#[track_caller]
fn assert_agrees(store: &Store) {
    let whole: Vec<Entry> = store.transact(|tx| tx.ledger(0, u32::MAX)).unwrap();
    let end = whole.len() as u64;
    for (mark, means) in questions() {
        for before in [None, Some(0), Some(1), Some(end / 2), Some(end), Some(end + 5)] {
            let expected: Vec<u64> = whole
                .iter()
                .rev()
                .filter(|entry| before.is_none_or(|before| entry.sequence < before) && means(entry))
                .map(|entry| entry.sequence)
                .collect();
            for limit in [1, 4, 1000] {
                let (mut found, mut at) = (Vec::new(), before);
                loop {
                    let (entries, next) = store.transact(|tx| tx.marked(Some(&mark), at, limit)).unwrap();
                    assert!(entries.len() <= limit);
                    found.extend(entries.iter().map(|entry| entry.sequence));
                    at = next;
                    if at.is_none() {
                        break;
                    }
                }
                assert_eq!(found, expected, "{mark:?} before {before:?}, {limit} at a time");
            }
        }
    }
}

fn what_is_found_is_what_a_reader_of_all_finds(engine: Engine) {
    let (store, world) = engine.store();
    assert_agrees(&store);
    let mut written = 0;
    // Pages end within what is covered and at its ends; 500 entries are read at a time.
    for more in [1, 1, 3, 50, 0, 445, 1, 600] {
        write(&store, written..written + more);
        written += more;
        assert_agrees(&store);
    }
    drop(store);
    assert_agrees(&world.open());
}

/// In memory only: what it counts is the same on every engine, and there are many entries.
#[test]
fn one_question_looks_only_so_far_back() {
    let (store, _world) = Engine::Memory.store();
    let rare = place("Microsoft.RecoveryServices/vaults/rare");
    let record = |target: String, count: usize| {
        for _ in 0..count.div_ceil(1000) {
            let some = |tx: &mut store::Transaction| {
                for _ in 0..count.min(1000) {
                    tx.record(Entry { target: target.clone(), ..entry("said") });
                }
                Ok(())
            };
            store.transact(some).unwrap();
        }
    };
    let rare_id = ResourceId::parse(&rare).unwrap();
    let mark = Mark::about(&rare_id).unwrap();
    let ask = |before| {
        let (found, next) = store.transact(|tx| tx.marked(Some(&mark), before, 10)).unwrap();
        (found.into_iter().map(|entry| entry.sequence).collect::<Vec<u64>>(), next)
    };
    // Nobody pushes an alert out of sight, though: however much else is done, the newest ones are the first to be found.
    let refused = numbered(11);
    store
        .transact(|tx| {
            tx.record(Entry { target: rare.clone(), ..refused.clone() });
            Ok(())
        })
        .unwrap();
    record("/".into(), 12_000);
    for place in [SUBSCRIPTION, &rare, &place(GUARD)] {
        let mark = Mark::alarm(&ResourceId::parse(place).unwrap());
        let (found, next) = store.transact(|tx| tx.marked(Some(&mark), None, 10)).unwrap();
        assert_eq!((found.len(), found[0].sequence, next), (1, 0, None), "{place}");
    }
    let (found, next) = ask(None);
    assert!(found.is_empty(), "12,000 entries back");
    assert!(next.is_some_and(|next| (1..=2_001).contains(&next)), "{next:?}");
    assert_eq!(ask(next), (vec![0], None), "whoever goes on finds it");
    // The index grows with the ledger and loses what is old.
    record(rare.clone(), 1);
    assert_eq!(ask(None).0, [12_001]);
    record("/".into(), 9_000);
    assert_eq!(ask(None).0, [12_001]);
    record("/".into(), 3_000);
    let (found, next) = ask(None);
    assert!(found.is_empty(), "it is 12,000 entries back, too");
    assert_eq!(ask(next), (vec![12_001], Some(next.unwrap() - 10_000)), "{next:?}");
    assert_eq!(ask(Some(next.unwrap() - 10_000)), (vec![0], None));
}
