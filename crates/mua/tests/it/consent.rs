//! Who may do what with whose consent: every critical step against every situation, told as tables.

use std::collections::BTreeMap;

use arm::ResourceId;
use mua::{
    Consent, CriticalOperation, GuardAnswer, GuardQuestion, Missing, Presented, Protection, Refusal, Unlock,
    VaultKind, clear,
};
use vault::{Immutability, VaultChange};

use crate::world::*;

/// What a refusal says is missing, in a word.
fn missing(refusal: &Refusal) -> &'static str {
    match refusal.missing {
        Missing::Request => "request",
        Missing::Unlock => "unlock",
        Missing::Right { .. } => "right",
        Missing::Window => "window",
        Missing::Guard { .. } => "guard",
    }
}

/// The consent that goes along with a step: its guard request, or the unlock that a step by DELETE needs.
fn consent(step: &Step) -> (Vec<ResourceId>, Vec<Unlock>) {
    match step.operation.consent() {
        Consent::InRequest => (vec![request(step.operation)], Vec::new()),
        Consent::ByUnlock => {
            let change = (step.change)();
            let target = change.target().unwrap();
            let unlock =
                World::new([ALICE_GUEST]).unlock(&[request(step.operation)], Some(target)).unwrap().unwrap();
            (Vec::new(), vec![unlock])
        }
    }
}

/// (situation, the guard's side, whether consent goes along, what is missing or how many permits there are)
#[test]
fn every_critical_step_in_every_situation() {
    for step in CRITICAL {
        in_every_situation(step);
    }
}

fn in_every_situation(step: &Step) {
    let how = match step.operation.consent() {
        Consent::InRequest => "request",
        Consent::ByUnlock => "unlock",
    };
    let exempt = if step.operation.is_mandatory() { Err("right") } else { Ok(0) };
    let exempt_bare = if step.operation.is_mandatory() { Err(how) } else { Ok(0) };
    let excluding = |operators: &[u128]| World {
        guard: Some(guard([step.operation])),
        ..World::new(operators.iter().copied())
    };
    let gone = || World { guard: None, ..World::new([ALICE, ALICE_GUEST]) };
    let table: [(&str, World, bool, Result<usize, &str>); 9] = [
        ("nothing was asked for", World::new([]), false, Err(how)),
        ("only the id is sent", World::new([]), true, Err("right")),
        ("somebody else may consent", World::new([MALLORY]), true, Err("right")),
        ("the right is there, the id is not", World::new([ALICE_GUEST]), false, Err(how)),
        ("consent", World::new([ALICE_GUEST]), true, Ok(1)),
        ("excluded", excluding(&[]), false, exempt_bare),
        ("excluded, and the id sent all the same", excluding(&[]), true, exempt),
        ("the guard is gone", gone(), true, Err("guard")),
        ("the guard is gone, and no id is sent", gone(), false, Err("guard")),
    ];
    let (requests, unlocks) = consent(step);
    for (situation, world, with_consent, expected) in table {
        let (requests, unlocks) = match with_consent {
            true => (requests.as_slice(), unlocks.as_slice()),
            false => (&[][..], &[][..]),
        };
        let decided = world.clear((step.change)(), requests, unlocks);
        let found = match &decided {
            Ok(clearance) => Ok(clearance.permits().len()),
            Err(refusal) => Err(missing(refusal)),
        };
        assert_eq!(found, expected, "{}: {situation}", step.name);
        if let Err(refusal) = decided {
            assert_eq!(refusal.operation, step.operation, "{}: {situation}", step.name);
            assert_eq!(refusal.guard, id(GUARD));
        }
    }
}

#[test]
fn without_mua_nobody_is_asked() {
    for step in CRITICAL {
        let presented = Presented { callers: &[caller(ALICE)], requests: &[], unlocks: &[] };
        let ask = |_: &GuardQuestion| -> GuardAnswer { panic!("nobody is to be asked") };
        let clearance = clear((step.change)(), VaultKind::RecoveryServices, None, &presented, &ask, now());
        let clearance = clearance.unwrap().unwrap();
        assert!(clearance.permits().is_empty() && clearance.consumes().is_empty(), "{}", step.name);
    }
}

#[test]
fn a_permit_says_exactly_what_may_happen() {
    for step in CRITICAL {
        let (requests, unlocks) = consent(step);
        let change = (step.change)();
        let clearance = World::new([ALICE_GUEST]).clear(change.clone(), &requests, &unlocks).unwrap();
        let [permit] = clearance.permits() else { panic!("{}: one permit", step.name) };
        assert_eq!(permit.operation(), step.operation);
        assert_eq!(permit.request(), &request(step.operation));
        assert_eq!(permit.guard(), &id(GUARD));
        assert_eq!(Some(permit.target()), change.target());
        assert_eq!(permit.change(), change.digest());
        assert_eq!(permit.caller(), &caller(ALICE));
        assert_eq!(permit.holder(), &caller(ALICE_GUEST));
        assert_eq!(permit.right(), &right(&caller(ALICE_GUEST)));
        let used: Vec<String> = unlocks.iter().map(Unlock::key).collect();
        assert_eq!(clearance.consumes(), used, "{}", step.name);
        assert_eq!(clearance.into_change(), change);
    }
}

#[test]
fn one_request_that_is_several_operations_needs_consent_to_each() {
    let change = || {
        let mut from = vault();
        from.immutability = Immutability::Unlocked;
        settings(from, |vault| {
            vault.immutability = Immutability::Disabled;
            vault.soft_delete.retention_days = 14;
            vault.encryption = None;
        })
    };
    let all = [
        CriticalOperation::DisableSoftDelete,
        CriticalOperation::ReduceImmutability,
        CriticalOperation::ModifyEncryption,
    ];
    let world = World::new([ALICE_GUEST]);
    for left_out in all {
        let requests: Vec<ResourceId> = all.into_iter().filter(|o| *o != left_out).map(request).collect();
        let refusal = world.clear(change(), &requests, &[]).unwrap_err();
        assert_eq!((refusal.operation, missing(&refusal)), (left_out, "request"));
    }
    let clearance = world.clear(change(), &all.map(request), &[]).unwrap();
    let permitted: Vec<CriticalOperation> = clearance.permits().iter().map(mua::Permit::operation).collect();
    assert_eq!(permitted, all);
}

#[test]
fn the_right_counts_under_any_object_id_that_a_token_proves() {
    let step = &CRITICAL[0];
    let requests = [request(step.operation)];
    for (callers, operator, allowed) in [
        (vec![ALICE], ALICE, true),
        (vec![ALICE], ALICE_GUEST, false),
        (vec![ALICE, ALICE_GUEST], ALICE_GUEST, true),
        (vec![ALICE, ALICE_GUEST], MALLORY, false),
    ] {
        let callers: Vec<_> = callers.into_iter().map(caller).collect();
        let decided = World::new([operator]).clear_as(&callers, (step.change)(), &requests, &[], now());
        assert_eq!(decided.is_ok(), allowed, "{callers:?} with {operator:x}");
    }
}

#[test]
fn guard_requests_that_make_no_sense_are_a_bad_request() {
    let good = request(CriticalOperation::DisableSoftDelete);
    let strange = [
        below(OTHER_GUARD, "disableSoftDeleteRequests/default"),
        below(GUARD, "disableSoftDeleteRequests/mine"),
        below(GUARD, "disableSoftDeleteRequests"),
        below(GUARD, "makeCoffeeRequests/default"),
        // A kind of the other sort of vault.
        below(GUARD, "dppReduceSoftDeleteSecurityRequests/default"),
        id(GUARD),
        ResourceId::root(),
    ];
    let decide = |requests: &[ResourceId]| {
        let presented = Presented { callers: &[caller(ALICE)], requests, unlocks: &[] };
        let world = World::new([ALICE]);
        clear(
            (CRITICAL[0].change)(),
            VaultKind::RecoveryServices,
            Some(&proxy(GUARD)),
            &presented,
            &|question| world.answer(question),
            now(),
        )
    };
    for odd in strange {
        let error = decide(&[good.clone(), odd.clone()]).unwrap_err();
        assert_eq!(error.code, "UserErrorInvalidResourceGuardOperationRequest", "{odd}");
    }
    // What is merely not needed is harmless, and ids compare without case.
    let shouted = id(&good.as_str().to_ascii_uppercase());
    let unneeded = request(CriticalOperation::Restore);
    assert_eq!(decide(&[unneeded, shouted]).unwrap().unwrap().permits().len(), 1);
}

/// What the vault's side believes of an answer is checked there, so that a guard on another host, or one that
/// somebody made up, can do no more than refuse.
#[test]
fn an_answer_that_does_not_fit_the_question_grants_nothing() {
    let (operation, asked) = (CriticalOperation::DisableSoftDelete, caller(ALICE));
    let granted_to = |who: u128| Protection::Granted { holder: caller(who), right: right(&caller(who)) };
    let known = |guard: &str, words: Vec<(CriticalOperation, Protection)>| GuardAnswer::Known {
        guard: id(guard),
        description: None,
        protection: BTreeMap::from_iter(words),
    };
    let answers = [
        ("it does not answer", GuardAnswer::Unavailable { why: "timed out".into() }, "guard"),
        ("another guard grants", known(OTHER_GUARD, vec![(operation, granted_to(ALICE))]), "guard"),
        ("another guard exempts", known(OTHER_GUARD, vec![(operation, Protection::Exempt)]), "guard"),
        ("no word on the operation", known(GUARD, vec![]), "right"),
        (
            "a word on another operation",
            known(GUARD, vec![(CriticalOperation::Restore, granted_to(ALICE))]),
            "right",
        ),
        ("granted to somebody else", known(GUARD, vec![(operation, granted_to(MALLORY))]), "right"),
        (
            "exempt, although nobody can exempt it",
            known(GUARD, vec![(operation, Protection::Exempt)]),
            "right",
        ),
    ];
    for (what, answer, expected) in answers {
        let presented = Presented {
            callers: std::slice::from_ref(&asked),
            requests: &[request(operation)],
            unlocks: &[],
        };
        let decided = clear(
            (CRITICAL[0].change)(),
            VaultKind::RecoveryServices,
            Some(&proxy(GUARD)),
            &presented,
            &|_| answer.clone(),
            now(),
        );
        let refusal = decided.unwrap().unwrap_err();
        assert_eq!(missing(&refusal), expected, "{what}");
    }
}

#[test]
fn a_guard_answers_for_itself_alone() {
    let question = |guard: &str| GuardQuestion {
        guard: id(guard),
        operations: vec![CriticalOperation::RemoveMua, CriticalOperation::Restore],
        holders: vec![caller(ALICE)],
    };
    let world = World { guard: Some(guard([CriticalOperation::Restore])), ..World::new([]) };
    assert!(matches!(world.answer(&question(OTHER_GUARD)), GuardAnswer::Unavailable { .. }));
    let GuardAnswer::Known { protection, description, .. } = world.answer(&question(GUARD)) else {
        panic!("it exists")
    };
    assert_eq!(description.as_deref(), Some("Ask sam@fabsec.example"));
    assert_eq!(protection[&CriticalOperation::Restore], Protection::Exempt);
    let action = CriticalOperation::RemoveMua.guard_action();
    assert_eq!(protection[&CriticalOperation::RemoveMua], Protection::Denied { action });
}

#[test]
fn a_refusal_explains_itself() {
    let refusal =
        World::new([]).clear((CRITICAL[0].change)(), &[request(CRITICAL[0].operation)], &[]).unwrap_err();
    let error = refusal.into_error();
    assert_eq!(error.code, "LinkedAuthorizationFailed");
    for part in [
        "disable soft delete",
        GUARD,
        "resourceGuards/disableSoftDeleteRequests/action",
        "Ask sam@fabsec.example",
        "soft delete goes from Enabled to Disabled",
    ] {
        assert!(error.message.contains(part), "{part} in: {}", error.message);
    }
}

#[test]
fn strengthening_needs_nobody_even_when_the_guard_is_gone() {
    let gone = World { guard: None, ..World::new([]) };
    let changes: [(&str, VaultChange); 3] = [
        ("keep deleted items longer", settings(vault(), |vault| vault.soft_delete.retention_days = 180)),
        ("immutability", settings(vault(), |vault| vault.immutability = Immutability::Locked)),
        ("link the same guard again", VaultChange::link(Some(proxy(GUARD)), proxy(GUARD))),
    ];
    for (what, change) in changes {
        assert!(gone.clear(change, &[], &[]).is_ok(), "{what}");
    }
}
