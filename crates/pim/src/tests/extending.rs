//! Requests for more time: every course that one can take, breadth first, and what must hold in all of them.
//!
//! Alice is eligible for two days and asks for nine. Sam and Tess administer roles, and so does Alice's second account.

use std::collections::{BTreeSet, HashSet, VecDeque};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::world::*;
use crate::{
    Change, Eligibility, ExtensionRequest, PrincipalKind, Standing, Status, extend_eligibility,
    request_eligibility,
};

fn lasting(length: &str) -> Value {
    json!({"scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": length}}})
}

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// An admin's request about Alice's eligibility.
    Admin(u128, &'static str),
    /// A cancellation, by an admin or not.
    Cancel(u128, bool),
    Pass(i64),
    /// Tess turns out to be Alice.
    Link,
}

fn events() -> Vec<Event> {
    let mut events = vec![Event::Pass(12), Event::Link];
    for admin in [SAM, TESS, ALICE_ADMIN, ALICE] {
        events.extend(["AdminExtend", "AdminRenew", "AdminRemove"].map(|kind| Event::Admin(admin, kind)));
        events.push(Event::Cancel(admin, true));
    }
    events.extend([Event::Cancel(ALICE, false), Event::Cancel(MALLORY, false)]);
    events
}

#[derive(Clone, Debug)]
struct State {
    world: World,
    eligibility: Option<Eligibility>,
    asked: ExtensionRequest,
    begun: Timestamp,
    /// How often an accepted step settled the request, and whether its person did so by giving.
    settled: u8,
    given_by_alice: bool,
    /// When the eligibility ends, by what admins were answered alone.
    end: Option<Timestamp>,
}

impl State {
    fn start() -> Self {
        let mut world = World::new();
        world.eligibilities.clear();
        let (sam, alice) = (caller(SAM), caller(ALICE));
        let body_of = |kind, length| body(kind, ALICE, lasting(length));
        let (user, none) = (PrincipalKind::User, Standing::default());
        let given = request_eligibility(
            request(1),
            &body_of("AdminAssign", "P2D"),
            user,
            &world.policy,
            none,
            &world.cx(&sam),
        );
        let Change::Put(eligibility) = given.unwrap().change else { panic!("put") };
        let asked = extend_eligibility(
            request(2),
            &body_of("SelfExtend", "P9D"),
            &world.policy,
            std::slice::from_ref(&eligibility),
            &[],
            &world.cx(&alice),
        )
        .unwrap();
        let end = eligibility.grant().window.end();
        let begun = world.now;
        Self { world, eligibility: Some(eligibility), asked, begun, settled: 0, given_by_alice: false, end }
    }

    fn key(&self) -> String {
        let linked = self.world.people.persons.get(&TESS);
        format!("{:?} {:?} {} {linked:?} {}", self.eligibility, self.asked, self.world.now, self.settled)
    }

    fn apply(&self, event: Event) -> Self {
        let mut next = self.clone();
        match event {
            Event::Pass(hours) => {
                if self.world.now.duration_since(self.begun).as_hours() < 60 {
                    next.world.pass(hours);
                }
            }
            Event::Link => drop(next.world.people.persons.insert(TESS, "alice")),
            Event::Cancel(who, administers) => {
                if let Ok(asked) = self.asked.cancel(administers, &self.world.cx(&caller(who))) {
                    assert!(administers || who == ALICE, "a stranger cancelled");
                    next.took(asked, who);
                }
            }
            Event::Admin(who, kind) => next.administer(who, kind),
        }
        next
    }

    fn is_alice(&self, who: u128) -> bool {
        self.world.people.persons.get(&who) == Some(&"alice")
    }

    fn took(&mut self, asked: ExtensionRequest, who: u128) {
        assert_eq!(self.asked.status_at(self.world.now), Status::PendingAdminDecision);
        let status = asked.status_at(self.world.now);
        let own = self.is_alice(who);
        assert_eq!(status == Status::Canceled, own, "her own is taken back, by whatever account");
        self.given_by_alice |= own && status == Status::AdminApproved;
        self.settled += 1;
        self.asked = asked;
    }

    fn administer(&mut self, who: u128, kind: &str) {
        let schedules: Vec<Eligibility> = self.eligibility.iter().cloned().collect();
        let extensions = [self.asked.clone()];
        let existing = Standing { schedules: &schedules, activations: &[], extensions: &extensions };
        let (admin, user) = (caller(who), PrincipalKind::User);
        let cx = self.world.cx(&admin);
        let body = body(kind, ALICE, lasting("P9D"));
        let open = self.asked.is_open(self.world.now);
        let Ok(settled) = request_eligibility(request(3), &body, user, &self.world.policy, existing, &cx)
        else {
            return;
        };
        assert_eq!(settled.answered.is_some(), open, "an open request is always answered");
        assert!(!(open && kind != "AdminRemove" && self.is_alice(who)), "she gave herself more time");
        match settled.change {
            Change::Put(eligibility) => {
                self.end = eligibility.grant().window.end();
                self.eligibility = Some(eligibility);
            }
            Change::Remove(_) | Change::Revoke(_) => (self.end, self.eligibility) = (None, None),
        }
        if let Some(asked) = settled.answered {
            self.took(asked, who);
        }
    }

    /// The properties.
    fn check(&self) {
        let now = self.world.now;
        let status = self.asked.status_at(now);
        assert!(self.settled <= 1, "it is settled once");
        assert!(!self.given_by_alice, "nobody gives themselves more time");
        assert_eq!(self.settled == 1, !matches!(status, Status::PendingAdminDecision | Status::TimedOut));
        if status == Status::TimedOut {
            assert!(now.duration_since(self.begun).as_hours() >= 24);
        }
        let end = self.eligibility.as_ref().and_then(|eligibility| eligibility.grant().window.end());
        assert_eq!(end, self.end, "only an admin's request moves the end");
    }
}

#[test]
fn every_course_of_a_request_for_more_time() {
    let start = State::start();
    let mut seen = HashSet::from([start.key()]);
    let mut statuses = BTreeSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(state) = queue.pop_front() {
        state.check();
        statuses.insert(state.asked.status_at(state.world.now));
        for event in events() {
            let next = state.apply(event);
            if seen.insert(next.key()) {
                queue.push_back(next);
            }
        }
    }
    println!("{} states", seen.len());
    assert!(seen.len() > 300, "{} states are too few to mean anything", seen.len());
    let expected = [
        Status::PendingAdminDecision,
        Status::AdminApproved,
        Status::AdminDenied,
        Status::Canceled,
        Status::TimedOut,
    ];
    assert_eq!(statuses, BTreeSet::from(expected));
}

#[test]
fn a_request_for_more_time_reads_back_and_is_shown() {
    let state = State::start();
    let text = serde_json::to_string(&state.asked).unwrap();
    assert_eq!(serde_json::from_str::<ExtensionRequest>(&text).unwrap(), state.asked);
    let shown = state.asked.to_json(&state.world.people, state.asked.status_at(state.world.now));
    assert_eq!(shown["type"], "Microsoft.Authorization/roleEligibilityScheduleRequests");
    let properties = &shown["properties"];
    assert_eq!(properties["requestType"], "SelfExtend");
    assert_eq!(properties["status"], "PendingAdminDecision");
    let schedule =
        format!("{}/providers/Microsoft.Authorization/roleEligibilitySchedules/{}", guard(), request(1));
    assert_eq!(properties["targetRoleEligibilityScheduleId"], schedule);
}
