//! Who may do what is read from the same state as everything else, while it changes and many ask.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use arm::{ErrorKind, ObjectId, ResourceId, SubscriptionId, TenantId};
use directory::{Subscription, SubscriptionState, Upn, User};
use rbac::{Assignment, PrincipalKind, role_ids};
use store::{Document, Store, Transaction};
use uuid::Uuid;

use crate::world::{Engine, SUBSCRIPTION, entry, now, operation, tenant};

on_every_engine!(a_decision_that_asks_late_is_made_again, rights_and_documents_change_together);

const READ: &str = "Microsoft.RecoveryServices/vaults/read";

pub fn alice() -> User {
    let upn = Upn::parse("alice@a.example").unwrap();
    User::member(&tenant(1, "a.example"), ObjectId(Uuid::from_u128(10)), upn, "Alice", now()).unwrap()
}

/// A role of Alice's on the subscription.
pub fn assignment(name: u128) -> Assignment {
    let scope = ResourceId::parse(SUBSCRIPTION).unwrap();
    let below = format!("providers/Microsoft.Authorization/roleAssignments/{}", Uuid::from_u128(name));
    let id = scope.child(&below).unwrap();
    Assignment::new(id, scope, role_ids::READER, alice().id, PrincipalKind::User)
}

/// A tenant with a subscription, and Alice in it.
pub fn populate(store: &Store) {
    let decide = |tx: &mut Transaction| {
        tx.record(entry("populate"));
        tx.put(&tenant(1, "a.example"))?;
        tx.put(&alice())?;
        tx.put(&Subscription {
            id: SubscriptionId(Uuid::from_u128(0xb)),
            tenant: TenantId(Uuid::from_u128(1)),
            name: "subscription".into(),
            state: SubscriptionState::Enabled,
        })
    };
    store.transact(decide).unwrap();
}

fn may_read(tx: &mut Transaction) -> arm::Result<bool> {
    let scope = ResourceId::parse(SUBSCRIPTION).unwrap();
    Ok(tx.access()?.may(alice().id, READ, &scope, now())?.is_some())
}

fn has_role(tx: &mut Transaction) -> arm::Result<bool> {
    Ok(tx.resource::<Assignment>(&assignment(1).id)?.is_some())
}

pub fn set_role(store: &Store, given: bool) {
    let set = |tx: &mut Transaction| {
        tx.record(entry("role"));
        match given {
            true => tx.put(&assignment(1))?,
            false => tx.delete::<Assignment>(&assignment(1).key()),
        }
        Ok(())
    };
    store.transact(set).unwrap();
}

/// A decision that began before a change, and asks for access only after others have moved on.
fn a_decision_that_asks_late_is_made_again(engine: Engine) {
    let (store, _world) = engine.store();
    populate(&store);
    let mut seen = Vec::new();
    let outcome = store.transact(|tx| {
        let given = has_role(tx)?;
        if seen.is_empty() {
            set_role(&store, true);
            assert!(store.transact(may_read).unwrap());
        }
        // What it does with the error makes no difference.
        let may = may_read(tx).ok();
        seen.push((given, may));
        tx.put(&operation("decided"))
    });
    assert_eq!(outcome, Ok(()));
    assert_eq!(seen, [(false, None), (true, Some(true))]);
    assert_eq!(store.retries(), 1);
}

/// Two threads take the role and give it, two ask, through two servers if there can be two. Nobody ever sees a right
/// without its document, or the other way round, and once it was acknowledged that it is gone, no server knows it.
fn rights_and_documents_change_together(engine: Engine) {
    let (first, world) = engine.store();
    let other = (engine != Engine::Sqlite).then(|| world.another());
    let second = other.as_ref().map_or(&first, |(store, _)| store);
    populate(&first);
    let (barrier, done, allowed) = (Barrier::new(4), AtomicBool::new(false), AtomicUsize::new(0));
    let ask = |store: &Store, late: bool| {
        let decide = |tx: &mut Transaction| {
            let given = late.then(|| has_role(tx)).transpose()?;
            let access = tx.access()?;
            let may = may_read(tx)?;
            let given = given.map_or_else(|| has_role(tx), Ok)?;
            Ok((given, may, access))
        };
        // Given up after many attempts, it may be asked again.
        match store.transact(decide) {
            Ok((given, may, _held)) => {
                assert_eq!(given, may);
                allowed.fetch_add(usize::from(may), Ordering::Relaxed);
            }
            Err(error) => assert_eq!(error.kind, ErrorKind::Unavailable),
        }
    };
    // Held from before a change is asked for until all have seen it.
    let state = parking_lot::Mutex::new(false);
    std::thread::scope(|scope| {
        for (mine, others) in [(&first, second), (second, &first)] {
            let (barrier, done, state, ask) = (&barrier, &done, &state, &ask);
            scope.spawn(move || {
                barrier.wait();
                for round in 0..100 {
                    ask(mine, round % 2 == 0);
                    let mut state = state.lock();
                    *state = !*state;
                    set_role(mine, *state);
                    assert_eq!(others.transact(may_read), Ok(*state));
                    assert_eq!(mine.transact(may_read), Ok(*state));
                }
                done.store(true, Ordering::Relaxed);
            });
            scope.spawn(move || {
                barrier.wait();
                while !done.load(Ordering::Relaxed) {
                    ask(mine, true);
                    ask(mine, false);
                }
            });
        }
    });
    assert!(allowed.into_inner() > 0);
}
