//! Two people decide at the same instant: it is settled once, both are told the truth, and the ledger has one decision.

use ledger::Verdict;
use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE_GUEST, SAM};

const ROUNDS: usize = 25;
const DECISION: &str = "Microsoft.Authorization/roleAssignmentApprovals/stages/write";

/// The decisions in the ledger that were carried out, of a request.
fn decisions(world: &World, request: &Value) -> usize {
    let name = request["name"].as_str().unwrap();
    let about = |entry: &&ledger::Entry| {
        entry.operation == DECISION
            && entry.verdict == Verdict::Done
            && entry.facts.get("request").is_some_and(|request| request == name)
    };
    let entries = world.server.running.app().store.transact(|tx| tx.ledger_back(None, 100)).unwrap();
    entries.iter().filter(about).count()
}

/// Leaves nothing in the way of another request.
async fn clear(world: &World) {
    if world.acts().await {
        world.give_back().await.expect(201);
    }
}

async fn world_where(needed: u8) -> World {
    let world = World::eligible().await;
    let both = stage(needed, &[approver("User", SAM), approver("User", TESS)]);
    world.approve_in(&json!("SingleStage"), &[both]).await.expect(200);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_approves_and_one_denies() {
    let world = world_where(1).await;
    let mut approved = 0;
    for round in 0..ROUNDS {
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        let (yes, no) =
            tokio::join!(world.decide(SAM, &asked, 0, "Approve"), world.decide(TESS, &asked, 0, "Deny"));
        let answers = (yes.status, no.status);
        assert!(matches!(answers, (200, 409) | (409, 200)), "round {round}: {answers:?}");
        let (status, acts) = if yes.status == 200 { ("Provisioned", true) } else { ("Denied", false) };
        assert_eq!(world.status(&asked).await, status);
        assert_eq!(world.acts().await, acts);
        assert_eq!(decisions(&world, &asked), 1);
        approved += usize::from(acts);
        clear(&world).await;
    }
    println!("{approved} of {ROUNDS} were approved");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_approve_where_one_is_enough() {
    let world = world_where(1).await;
    for round in 0..ROUNDS {
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        let (one, other) =
            tokio::join!(world.decide(SAM, &asked, 0, "Approve"), world.decide(TESS, &asked, 0, "Approve"));
        let answers = (one.status, other.status);
        assert!(matches!(answers, (200, 409) | (409, 200)), "round {round}: {answers:?}");
        assert_eq!(decisions(&world, &asked), 1);
        assert!(world.acts().await);
        clear(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_approve_where_both_are_needed_and_neither_vote_is_lost() {
    let world = world_where(2).await;
    for round in 0..ROUNDS {
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        let (one, other) =
            tokio::join!(world.decide(SAM, &asked, 0, "Approve"), world.decide(TESS, &asked, 0, "Approve"));
        assert_eq!((one.status, other.status), (200, 200), "round {round}");
        assert_eq!(world.status(&asked).await, "Provisioned");
        assert_eq!(decisions(&world, &asked), 2);
        clear(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_person_twice_at_once_is_one() {
    let world = world_where(2).await;
    for round in 0..ROUNDS {
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        let (one, other) =
            tokio::join!(world.decide(SAM, &asked, 0, "Approve"), world.decide(SAM, &asked, 0, "Approve"));
        let answers = (one.status, other.status);
        assert!(matches!(answers, (200, 409) | (409, 200)), "round {round}: {answers:?}");
        assert_eq!(world.status(&asked).await, "PendingApproval");
        assert!(!world.acts().await);
        world.cancel(ALICE_GUEST, &asked).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn taken_back_while_it_is_approved() {
    let world = world_where(1).await;
    for round in 0..ROUNDS {
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        let (approved, canceled) =
            tokio::join!(world.decide(SAM, &asked, 0, "Approve"), world.cancel(ALICE_GUEST, &asked));
        let answers = (approved.status, canceled.status);
        assert!(matches!(answers, (200, 409) | (409, 200)), "round {round}: {answers:?}");
        assert_eq!(world.acts().await, approved.status == 200);
        clear(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn asked_twice_at_once_is_asked_once() {
    let world = world_where(1).await;
    for round in 0..ROUNDS {
        let hour = lasting("PT1H");
        let (one, other) = tokio::join!(world.ask(&hour), world.ask(&hour));
        let answers = (one.status, other.status);
        assert!(matches!(answers, (201, 400) | (400, 201)), "round {round}: {answers:?}");
        let asked = if one.status == 201 { one } else { other }.expect(201);
        world.cancel(ALICE_GUEST, &asked).await.expect(200);
    }
}
