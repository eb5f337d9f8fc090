//! The checks themselves: a history or a ledger with one thing changed in it must be found to be wrong.

use std::collections::BTreeSet;

use ledger::{Entry, Verdict};
use serde_json::json;

use crate::check::Case;
use crate::estate;
use crate::history::Event;
use crate::run::play;

/// Entries and events of a run, and what was changed in them.
type Lie = fn(&mut Vec<Event>, &mut Vec<Entry>) -> bool;

fn done(entry: &Entry) -> bool {
    entry.verdict == Verdict::Done
}

/// The place of the last entry that is so.
fn last(entries: &[Entry], so: impl Fn(&Entry) -> bool) -> Option<usize> {
    entries.iter().rposition(so)
}

fn answered(events: &mut [Event], so: impl Fn(&Event) -> bool) -> Option<&mut Event> {
    events.iter_mut().rev().find(|event| event.answer.is_some() && so(event))
}

fn set_status(event: Option<&mut Event>, status: u16) -> bool {
    let answer = event.and_then(|event| event.answer.as_mut());
    answer.map(|answer| answer.status = status).is_some()
}

const LIES: [(&str, Lie); 12] = [
    ("it was acknowledged, and is not in the ledger", |events, ledger| {
        let acknowledged: BTreeSet<_> =
            events.iter().filter(|e| e.status() == 201).filter_map(|e| e.correlation).collect();
        last(ledger, |e| done(e) && acknowledged.contains(&e.correlation)).map(|n| ledger.remove(n)).is_some()
    }),
    ("it was done more than once", |_, ledger| {
        let found = last(ledger, |e| done(e) && e.operation.ends_with("/backupPolicies/write"));
        found.map(|n| ledger.insert(n, ledger[n].clone())).is_some()
    }),
    ("it was refused, and yet done", |events, ledger| {
        let done: BTreeSet<_> = ledger.iter().filter(|e| done(e)).map(|e| e.correlation).collect();
        set_status(answered(events, |e| e.correlation.is_some_and(|id| done.contains(&id))), 403)
    }),
    ("the ledger does not say so once", |_, ledger| {
        last(ledger, |e| !done(e) && e.facts.contains_key("guard")).map(|n| ledger.remove(n)).is_some()
    }),
    ("was sent later and comes before it", |events, ledger| {
        let answered: BTreeSet<_> =
            events.iter().filter(|e| e.answer.is_some()).filter_map(|e| e.correlation).collect();
        let found = last(ledger, |e| answered.contains(&e.correlation));
        found.map(|n| ledger.remove(n)).map(|entry| ledger.insert(ledger.len() / 2, entry)).is_some()
    }),
    ("a critical operation with no consent", |_, ledger| {
        last(ledger, |e| !e.consent.is_empty()).map(|n| ledger[n].consent.clear()).is_some()
    }),
    ("does not hold", |_, ledger| {
        let critical =
            last(ledger, |e| !e.consent.is_empty()).map(|n| ledger[n].consent[0].assignment.clone());
        let Some(name) = critical.and_then(|id| id.rsplit('/').next().map(String::from)) else {
            return false;
        };
        // Nobody gave that right.
        let gives = |e: &Entry| {
            let decides = e.operation.ends_with("/stages/write") && e.target.contains(&name);
            done(e)
                && (decides || e.operation.ends_with("roleAssignments/write") && e.target.ends_with(&name))
        };
        let before = ledger.len();
        ledger.retain(|e| !gives(e));
        ledger.len() < before
    }),
    ("a deletion without an unlock", |_, ledger| {
        let deletion =
            last(ledger, |e| !e.consent.is_empty() && e.operation.ends_with("protectedItems/delete"));
        let Some(target) = deletion.map(|n| ledger[n].target.clone()) else { return false };
        let before = ledger.len();
        ledger.retain(|e| e.facts.get("unlocked") != Some(&target));
        ledger.len() < before
    }),
    ("a request was decided twice", |_, ledger| {
        let decision = last(ledger, |e| done(e) && e.operation.ends_with("/stages/write"));
        decision.map(|n| ledger.push(ledger[n].clone())).is_some()
    }),
    ("it was allowed after it was revoked", |events, _| {
        // All of them: one alone may have crossed with what gave him the right.
        let is_refused = |e: &&mut Event| e.who == estate::BOB.name && e.method == "GET" && e.status() == 403;
        let refused: Vec<_> = events.iter_mut().filter(is_refused).collect();
        let lies = refused.into_iter().map(|event| set_status(Some(event), 200));
        lies.count() > 0
    }),
    ("with a credential that was taken away", |events, ledger| {
        let revoked = ledger.iter().find(|e| e.operation.ends_with("repositoryCredentials/delete"));
        let Some(user) = revoked.and_then(|entry| entry.facts.get("userName").cloned()) else { return false };
        let stored = answered(events, |e| e.path.starts_with("/repositories/") && e.succeeded());
        stored.map(|event| event.who = user).is_some()
    }),
    ("an error of the server's own", |events, _| {
        let event = answered(events, |e| e.path.starts_with(&estate::config()));
        event.and_then(|e| e.answer.as_mut()).map(|a| (a.status, a.body) = (500, json!({}))).is_some()
    }),
];

#[test]
fn every_lie_is_found_out() {
    let cases: Vec<Case> = [5, 6, 7].map(|seed| play(seed, false).case).into();
    for case in &cases {
        let mut honest = Case::new(case.events.clone(), case.ledger.clone());
        honest.check();
        assert_eq!(honest.wrong, Vec::<String>::new());
    }
    for (what, lie) in LIES {
        let lied = cases.iter().find_map(|case| {
            let (mut events, mut ledger) = (case.events.clone(), case.ledger.clone());
            lie(&mut events, &mut ledger).then(|| Case::new(events, ledger))
        });
        let mut case = lied.unwrap_or_else(|| panic!("there is nothing to lie about: {what}"));
        case.check();
        assert!(case.wrong.iter().any(|wrong| wrong.contains(what)), "{what}: {:?}", case.wrong);
    }
}
