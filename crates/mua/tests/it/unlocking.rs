//! `unlockDelete` and the deletion behind it (contract 3.6).

use arm::ResourceId;
use jiff::{SignedDuration, Timestamp};
use mua::{Caller, CriticalOperation, Missing, Refusal, Unlock};
use vault::{Protection, VaultChange};

use crate::world::*;

const DELETE: CriticalOperation = CriticalOperation::DeleteProtection;

fn target() -> ResourceId {
    item(None, Protection::Protected).id
}

fn deletion() -> VaultChange {
    delete_item(item(None, Protection::Protected))
}

fn unlocked() -> Unlock {
    World::new([ALICE_GUEST]).unlock(&[request(DELETE)], Some(&target())).unwrap().unwrap()
}

fn alice() -> Vec<Caller> {
    // Her DELETE comes without the token of the guard's tenant, as some clients send it.
    vec![caller(ALICE)]
}

fn delete(world: &World, by: &[Caller], unlock: &Unlock, at: Timestamp) -> Result<(), Refusal> {
    world
        .clear_as(by, deletion(), &[], std::slice::from_ref(unlock), at)
        .map(|clearance| assert_eq!(clearance.consumes(), [unlock.key()]))
}

#[test]
fn what_can_be_unlocked() {
    let (item, proxy) = (target(), proxy(GUARD).id);
    let elsewhere =
        id("/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/w/x/y");
    let remove = CriticalOperation::RemoveMua;
    let table: [(&str, Vec<CriticalOperation>, Option<&ResourceId>, bool); 11] = [
        ("an item", vec![DELETE], Some(&item), true),
        ("MUA, as az does", vec![remove], None, true),
        ("MUA, as PowerShell does", vec![remove], Some(&proxy), true),
        ("anything", vec![DELETE], None, false),
        ("an item of another vault", vec![DELETE], Some(&elsewhere), false),
        ("the vault", vec![DELETE], Some(&id(VAULT)), false),
        ("MUA, but naming an item", vec![remove], Some(&item), false),
        ("nothing", vec![], Some(&item), false),
        ("two operations", vec![DELETE, remove], Some(&item), false),
        ("the same one twice", vec![DELETE, DELETE], Some(&item), false),
        ("what is no deletion", vec![CriticalOperation::DisableSoftDelete], Some(&item), false),
    ];
    for (what, operations, target, sensible) in table {
        let requests: Vec<ResourceId> = operations.into_iter().map(request).collect();
        let outcome = World::new([ALICE_GUEST]).unlock(&requests, target);
        match outcome {
            Ok(unlock) => {
                let unlock = unlock.unwrap();
                assert!(sensible, "{what}");
                assert_eq!(&unlock.target, target.unwrap_or(&proxy), "{what}");
                assert_eq!(unlock.expires, now() + SignedDuration::from_mins(30));
                assert_eq!((unlock.caller, unlock.holder), (caller(ALICE), caller(ALICE_GUEST)));
            }
            Err(error) => {
                assert!(!sensible, "{what}: {}", error.message);
                assert_eq!(error.code, "UserErrorInvalidUnlockRequest", "{what}");
            }
        }
    }
    let foreign = below(OTHER_GUARD, "deleteProtectedItemRequests/default");
    let error = World::new([ALICE_GUEST]).unlock(&[foreign], Some(&item)).unwrap_err();
    assert_eq!(error.code, "UserErrorInvalidResourceGuardOperationRequest");
}

#[test]
fn unlocking_needs_consent() {
    let refused = |world: World| {
        let refusal = world.unlock(&[request(DELETE)], Some(&target())).unwrap().unwrap_err();
        refusal.missing
    };
    assert!(matches!(refused(World::new([])), Missing::Right { .. }));
    assert!(matches!(refused(World::new([MALLORY])), Missing::Right { .. }));
    let gone = World { guard: None, ..World::new([ALICE_GUEST]) };
    assert!(matches!(refused(gone), Missing::Guard { .. }));
}

#[test]
fn an_unlock_is_for_its_caller_its_resource_its_operation_and_its_guard() {
    let world = World::new([ALICE_GUEST, MALLORY]);
    let good = unlocked();
    assert!(delete(&world, &alice(), &good, now()).is_ok());
    let mut other_tenant = caller(ALICE);
    other_tenant.tenant = caller(ALICE_GUEST).tenant;
    for (what, by) in [
        ("another person", caller(MALLORY)),
        ("the same person as a guest", caller(ALICE_GUEST)),
        ("the same object id of another tenant", other_tenant),
    ] {
        let refusal = delete(&world, &[by], &good, now()).unwrap_err();
        assert_eq!(refusal.missing, Missing::Unlock, "{what}");
    }
    type Spoil = fn(&mut Unlock);
    let spoilt: [(&str, Spoil); 3] = [
        ("another resource", |unlock| unlock.target = proxy(GUARD).id),
        ("another operation", |unlock| unlock.operation = CriticalOperation::RemoveMua),
        ("another guard", |unlock| unlock.guard = id(OTHER_GUARD)),
    ];
    for (what, spoil) in spoilt {
        let mut unlock = unlocked();
        spoil(&mut unlock);
        let refusal = delete(&world, &alice(), &unlock, now()).unwrap_err();
        assert_eq!(refusal.missing, Missing::Unlock, "{what}");
    }
}

#[test]
fn an_unlock_ends_at_its_thirtieth_minute() {
    let world = World::new([ALICE_GUEST]);
    let half_an_hour = now() + SignedDuration::from_mins(30);
    let before = half_an_hour - SignedDuration::from_micros(1);
    assert!(delete(&world, &alice(), &unlocked(), before).is_ok());
    let refusal = delete(&world, &alice(), &unlocked(), half_an_hour).unwrap_err();
    assert_eq!(refusal.missing, Missing::Unlock);
}

#[test]
fn an_unlock_does_not_outlive_the_consent_it_came_from() {
    // The right has ended, and that somebody else has it now changes nothing.
    for operators in [vec![], vec![MALLORY], vec![ALICE]] {
        let refusal = delete(&World::new(operators), &alice(), &unlocked(), now()).unwrap_err();
        assert!(matches!(refusal.missing, Missing::Right { .. }));
    }
    let gone = World { guard: None, ..World::new([ALICE_GUEST]) };
    let refusal = delete(&gone, &alice(), &unlocked(), now()).unwrap_err();
    assert!(matches!(refusal.missing, Missing::Guard { .. }));
}

#[test]
fn what_was_unlocked_while_exempt_is_refused_once_it_is_protected_again() {
    let exempt = World { guard: Some(guard([DELETE])), ..World::new([]) };
    let unlock = exempt.unlock(&[request(DELETE)], Some(&target())).unwrap().unwrap();
    assert_eq!(unlock.holder, caller(ALICE));
    // While it is exempt nobody asks for the unlock, so it is not used up either.
    let clearance = exempt.clear(deletion(), &[], std::slice::from_ref(&unlock)).unwrap();
    assert!(clearance.permits().is_empty() && clearance.consumes().is_empty());
    assert!(delete(&World::new([]), &alice(), &unlock, now()).is_err());
}

#[test]
fn a_guard_request_does_not_stand_in_for_the_unlock() {
    let refusal = World::new([ALICE_GUEST]).clear(deletion(), &[request(DELETE)], &[]).unwrap_err();
    assert_eq!(refusal.missing, Missing::Unlock);
}
