//! Every course that a request can take in a small world, breadth first, and what must hold in all of them.
//!
//! The world has two approvers, three accounts of the person who asks, and an application, all of them on the approver
//! list; accounts lose their place, are disabled and turn out to be somebody else's; time passes and one or two
//! approvals are needed. The properties are checked against a witness that remembers, apart from the code under test,
//! what was accepted.

use std::collections::{BTreeSet, HashSet, VecDeque};

use serde_json::json;

use super::world::*;
use crate::{ActivationRequest, RequestType, Status, Verdict, deactivate};

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    Decide(u128, Verdict),
    Cancel(u128),
    Deactivate(u128),
    Revoke,
    Pass(i64),
    LosePlace(u128),
    Disable(u128),
    /// Tess turns out to be the one who asks.
    TessIsAlice,
    /// The eligibility is taken away.
    Ineligible,
}

const VOICES: [u128; 6] = [ALICE, ALICE_ADMIN, ALICE_HOME, SAM, TESS, ROBOT];

fn events() -> Vec<Event> {
    let mut events = vec![
        Event::Cancel(ALICE),
        Event::Cancel(MALLORY),
        Event::Deactivate(ALICE),
        Event::Deactivate(SAM),
        Event::Revoke,
        Event::Pass(1),
        // With these two: the end of a window, the deadline, and the hour before it.
        Event::Pass(23),
        Event::LosePlace(SAM),
        Event::Disable(SAM),
        Event::TessIsAlice,
        Event::Ineligible,
    ];
    for voice in VOICES {
        events.extend([Event::Decide(voice, Verdict::Approve), Event::Decide(voice, Verdict::Deny)]);
    }
    events
}

/// What an onlooker remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Witness {
    /// The persons whose approval was accepted, as they were known then.
    approved_by: BTreeSet<String>,
    /// Whether a denial was accepted.
    denied: bool,
    /// Whether a cancellation or a revocation was accepted.
    ended: bool,
    /// How many decisions settled the request.
    settlements: u8,
}

#[derive(Clone, Debug)]
struct State {
    world: World,
    asked: ActivationRequest,
    witness: Witness,
    hours: i64,
}

impl State {
    /// What distinguishes one state from another.
    fn key(&self) -> String {
        let people = (&self.world.people.persons, &self.world.people.disabled, &self.world.people.groups);
        let asked = serde_json::to_string(&self.asked).unwrap();
        format!("{asked} {people:?} {} {} {:?}", self.world.eligibilities.len(), self.hours, self.witness)
    }

    fn apply(&self, event: Event) -> Self {
        let mut next = self.clone();
        let now = self.world.now;
        match event {
            Event::Decide(who, verdict) => next.decide(who, verdict),
            Event::Cancel(who) => {
                if let Ok(asked) = self.asked.cancel(false, &self.world.cx(&caller(who))) {
                    assert_eq!(who, ALICE, "only Alice cancels");
                    next.asked = asked;
                    next.witness.ended = true;
                }
            }
            Event::Deactivate(who) => next.deactivate(who),
            Event::Revoke => {
                if let Ok(asked) = self.asked.admin_revoke(&self.world.cx(&caller(SAM))) {
                    next.asked = asked;
                    next.witness.ended = true;
                }
            }
            Event::Pass(hours) if self.hours + hours <= 24 && (hours > 1 || self.hours % 23 == 0) => {
                next.world.pass(hours);
                next.hours += hours;
            }
            Event::Pass(_) => {}
            Event::LosePlace(who) => next.world.people.leave(APPROVERS, who),
            Event::Disable(who) => drop(next.world.people.disabled.insert(who)),
            Event::TessIsAlice => drop(next.world.people.persons.insert(TESS, "alice")),
            Event::Ineligible => next.world.eligibilities.clear(),
        }
        if !matches!(event, Event::Pass(_)) {
            assert_eq!(next.world.now, now);
        }
        next
    }

    fn decide(&mut self, who: u128, verdict: Verdict) {
        let before = self.asked.status_at(self.world.now);
        let Ok(asked) = self.world.decide(&self.asked, who, verdict) else {
            return;
        };
        assert_eq!(before, Status::PendingApproval, "what is settled takes no decision");
        let person = *self.world.people.persons.get(&who).unwrap();
        assert_ne!(person, "alice", "the person who asks never counts");
        assert!(!self.world.people.disabled.contains(&who), "only accounts in use count");
        assert!(who != SAM || self.world.people.groups[&APPROVERS].contains(&SAM), "only approvers count");
        match verdict {
            Verdict::Approve => drop(self.witness.approved_by.insert(person.into())),
            Verdict::Deny => self.witness.denied = true,
        }
        if asked.status_at(self.world.now) != Status::PendingApproval {
            self.witness.settlements += 1;
        }
        self.asked = asked;
    }

    fn deactivate(&mut self, who: u128) {
        let body = body(RequestType::SelfDeactivate.as_str(), who, json!({}));
        let holds = self.asked.is_effective(self.world.now);
        let activations = [self.asked.clone()];
        match deactivate(request(43), &body, &guard(), &activations, &self.world.cx(&caller(who))) {
            Ok(done) => {
                assert_eq!(who, ALICE, "only the holder gives back");
                self.asked = done.ended;
                self.witness.ended = true;
            }
            Err(error) => {
                assert!(!(holds && who == ALICE), "giving back is never refused: {}", error.message)
            }
        }
    }

    /// The properties.
    fn check(&self, needed: usize) {
        let now = self.world.now;
        let effective = self.asked.is_effective(now);
        let witness = &self.witness;
        if effective {
            assert!(witness.approved_by.len() >= needed, "effective without enough approvals");
            assert!(!witness.approved_by.contains("alice"), "the person who asks was counted");
            assert!(!witness.denied, "a denial is final");
            assert!(!witness.ended, "what was ended stays ended");
            let window = self.asked.window().unwrap();
            assert!(window.end().is_some_and(|end| now < end), "expired is never effective");
        }
        assert!(witness.settlements <= 1, "a decision is settled once");
        if witness.denied {
            assert_eq!(self.asked.status_at(now), Status::Denied);
        }
        if self.asked.status_at(now) == Status::TimedOut {
            assert!(self.hours >= 24 && witness.settlements == 0);
        }
        assert_eq!(
            self.asked.window().is_some(),
            witness.settlements == 1 && !witness.denied && !witness.ended
        );
    }
}

/// Visits every state; says how many there were and which statuses occurred.
fn explore(needed: u8) -> (usize, BTreeSet<(Status, bool)>) {
    let mut world = World::new();
    for voice in [ALICE, ALICE_ADMIN, ALICE_HOME] {
        world.people.join(APPROVERS, voice);
    }
    world.patch(stage_patch(json!({"requiredApprovals": needed})));
    let asked = world.ask(ALICE).unwrap();
    let start = State { world, asked, witness: Witness::default(), hours: 0 };
    let mut seen = HashSet::from([start.key()]);
    let mut statuses = BTreeSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(state) = queue.pop_front() {
        state.check(usize::from(needed));
        statuses.insert((state.asked.status_at(state.world.now), state.asked.is_effective(state.world.now)));
        for event in events() {
            let next = state.apply(event);
            if seen.insert(next.key()) {
                queue.push_back(next);
            }
        }
    }
    (seen.len(), statuses)
}

/// What can be reached at all, so that the properties do not hold for want of anything happening.
fn expected() -> BTreeSet<(Status, bool)> {
    BTreeSet::from([
        (Status::PendingApproval, false),
        (Status::Provisioned, true),
        (Status::Provisioned, false),
        (Status::Denied, false),
        (Status::Canceled, false),
        (Status::TimedOut, false),
        (Status::Revoked, false),
    ])
}

#[test]
fn every_course_of_a_request_that_needs_one_approval() {
    let (states, statuses) = explore(1);
    assert_eq!(statuses, expected());
    println!("{states} states");
    assert!(states > 1000, "{states} states are too few to mean anything");
}

#[test]
fn every_course_of_a_request_that_needs_two_approvals() {
    let (states, statuses) = explore(2);
    assert_eq!(statuses, expected());
    println!("{states} states");
    assert!(states > 1000, "{states} states are too few to mean anything");
}
