//! Every course that a request can take in a small world, breadth first, and what must hold in all of them.
//!
//! The world has approvers in one or two stages, accounts of the person who asks, and an application, all of them on
//! approver lists; accounts lose their place, are disabled and turn out to be somebody else's; the eligibility is
//! extended, shortened and taken away; time passes. The properties are checked against a witness that remembers, apart
//! from the code under test, what was accepted, and looks people up for itself.

use std::collections::{BTreeSet, HashSet, VecDeque};

use arm::ObjectId;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::world::*;
use crate::{
    ActivationRequest, Change, PrincipalKind, Progress, RequestType, Standing, Status, Verdict, deactivate,
    request_eligibility,
};

/// What can happen.
#[derive(Clone, Copy, Debug)]
enum Event {
    Decide(usize, u128, Verdict),
    Cancel(u128),
    Deactivate(u128),
    Revoke,
    Pass(i64),
    LosePlace(u128, u128),
    Disable(u128),
    /// An account turns out to be this person's.
    Link(u128, &'static str),
    /// The eligibility is taken away.
    Ineligible,
    /// An admin lets it end then.
    Reschedule(&'static str),
}
use Event::*;

/// How many of whom, in each stage; what can happen.
struct Setup {
    stages: &'static [(usize, &'static [(&'static str, u128)])],
    events: &'static [Event],
    voices: &'static [u128],
}

impl Setup {
    fn events(&self) -> Vec<Event> {
        let mut events = self.events.to_vec();
        for place in 0..self.stages.len() {
            for voice in self.voices {
                events
                    .extend([Decide(place, *voice, Verdict::Approve), Decide(place, *voice, Verdict::Deny)]);
            }
        }
        events
    }

    fn patch(&self) -> Value {
        let lists: Vec<(u8, Vec<Value>)> = self
            .stages
            .iter()
            .map(|(needed, list)| {
                let list = list.iter().map(|(kind, id)| approver(kind, *id));
                (u8::try_from(*needed).unwrap(), list.collect())
            })
            .collect();
        match lists.as_slice() {
            [(needed, list)] => stage_patch(json!({"requiredApprovals": needed, "primaryApprovers": list})),
            several => {
                let several: Vec<(u8, &[Value])> =
                    several.iter().map(|(needed, list)| (*needed, list.as_slice())).collect();
                parallel_patch(&several)
            }
        }
    }
}

/// An approval that was accepted: in which stage, by which account, and who that was then.
type Accepted = (usize, u128, &'static str);

/// What an onlooker remembers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
struct Witness {
    approvals: BTreeSet<Accepted>,
    /// When enough people had agreed, if they had.
    agreed: Option<Timestamp>,
    /// Whether a denial was accepted.
    denied: bool,
    /// Whether a cancellation, a revocation, or the end of the eligibility was.
    ended: bool,
    /// How many decisions settled the request.
    settlements: u8,
}

#[derive(Clone)]
struct State {
    world: World,
    asked: ActivationRequest,
    witness: Witness,
    hours: i64,
}

impl State {
    /// What distinguishes one state from another. When somebody voted makes no difference to anything, and no more does
    /// who ended a request.
    fn key(&self) -> String {
        let people = (&self.world.people.persons, &self.world.people.disabled, &self.world.people.groups);
        let status = self.asked.status_at(self.world.now);
        let votes: Vec<(ObjectId, u8)> = match self.asked.progress() {
            Progress::PendingApproval { approvals, .. } => {
                approvals.iter().map(|vote| (vote.by, vote.stage)).collect()
            }
            _ => Vec::new(),
        };
        let asked = (status, self.asked.window(), votes);
        let end = self.world.eligibilities.first().map(|eligibility| eligibility.grant().window);
        format!("{asked:?} {people:?} {end:?} {} {:?}", self.hours, self.witness)
    }

    fn apply(&self, event: Event, setup: &Setup) -> Self {
        let mut next = self.clone();
        match event {
            Decide(place, who, verdict) => next.decide(place, who, verdict, setup),
            Cancel(who) => {
                if let Ok(asked) = self.asked.cancel(false, &self.world.cx(&caller(who))) {
                    assert_eq!(who, ALICE, "only Alice cancels");
                    next.asked = asked;
                    next.witness.ended = true;
                }
            }
            Deactivate(who) => next.deactivate(who),
            Revoke => {
                if let Ok(asked) = self.asked.admin_revoke(&self.world.cx(&caller(SAM))) {
                    next.asked = asked;
                    next.witness.ended = true;
                }
            }
            Pass(hours) if self.hours + hours <= 24 && (hours > 1 || self.hours % 23 == 0) => {
                next.world.pass(hours);
                next.hours += hours;
            }
            Pass(_) => {}
            LosePlace(who, group) => next.world.people.leave(group, who),
            Disable(who) => drop(next.world.people.disabled.insert(who)),
            Link(who, person) => drop(next.world.people.persons.insert(who, person)),
            Ineligible => {
                next.world.eligibilities.clear();
                next.follow();
            }
            Reschedule(length) => next.reschedule(length),
        }
        next
    }

    /// Whether an accepted approval counts, by the directory alone.
    fn counts(&self, (place, who, person): &Accepted, setup: &Setup) -> bool {
        let people = &self.world.people;
        let is_in = |group: u128| {
            let nested = |inner: &u128| people.groups.get(inner).is_some_and(|inner| inner.contains(who));
            people.groups[&group].iter().any(|member| member == who || nested(member))
        };
        let listed = setup.stages[*place].1.iter().any(|(kind, id)| match *kind {
            "User" => id == who,
            _ => is_in(*id),
        });
        listed
            && !people.disabled.contains(who)
            && people.persons.get(who) == Some(person)
            && people.persons.get(&ALICE) != Some(person)
            && *person != "alice"
    }

    /// Whether every stage has as many different people as it needs, nobody in two.
    fn has_quorum(&self, setup: &Setup) -> bool {
        let counted: Vec<&Accepted> =
            self.witness.approvals.iter().filter(|accepted| self.counts(accepted, setup)).collect();
        let people: BTreeSet<&str> = counted.iter().map(|accepted| accepted.2).collect();
        let enough = |(place, (needed, _)): (usize, &(usize, _))| {
            counted.iter().filter(|accepted| accepted.0 == place).count() >= *needed
        };
        people.len() == counted.len() && setup.stages.iter().enumerate().all(enough)
    }

    fn decide(&mut self, place: usize, who: u128, verdict: Verdict, setup: &Setup) {
        let before = self.asked.status_at(self.world.now);
        let Ok(asked) = self.world.decide_in(&self.asked, place, who, verdict) else {
            return;
        };
        assert_eq!(before, Status::PendingApproval, "what is settled takes no decision");
        let person = self.world.people.persons[&who];
        let accepted = (place, who, person);
        assert!(self.counts(&accepted, setup), "{who:x} does not count in stage {place}");
        match verdict {
            Verdict::Approve => {
                let twice = self.witness.approvals.iter().any(|other| other.2 == person);
                assert!(!twice, "{person} was counted twice");
                self.witness.approvals.insert(accepted);
            }
            Verdict::Deny => self.witness.denied = true,
        }
        let settled = asked.status_at(self.world.now) != Status::PendingApproval;
        self.witness.settlements += u8::from(settled);
        if verdict == Verdict::Approve {
            assert_eq!(settled, self.has_quorum(setup), "agreed with the quorum, and not without");
            self.witness.agreed = settled.then_some(self.world.now);
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

    /// An admin extends or shortens the eligibility, and the activation follows it.
    fn reschedule(&mut self, length: &str) {
        let expiration = json!({"expiration": {"type": "AfterDuration", "duration": length}});
        let body = body("AdminExtend", OPERATORS, json!({"scheduleInfo": expiration}));
        let sam = caller(SAM);
        let existing = Standing { schedules: &self.world.eligibilities, ..Standing::default() };
        let cx = self.world.cx(&sam);
        let group = PrincipalKind::Group;
        if let Ok(settled) = request_eligibility(request(44), &body, group, &self.world.policy, existing, &cx)
        {
            let Change::Put(eligibility) = settled.change else { panic!("put") };
            self.world.eligibilities = vec![eligibility];
            self.follow();
        }
    }

    fn follow(&mut self) {
        let sam = caller(SAM);
        if let Some(asked) = self.asked.follow(self.world.eligibilities.first(), &self.world.cx(&sam)) {
            self.asked = asked;
            self.witness.ended |= self.asked.window().is_none();
        }
    }

    /// The properties.
    fn check(&self) {
        let now = self.world.now;
        let effective = self.asked.is_effective(now);
        let witness = &self.witness;
        if effective {
            let agreed = witness.agreed.expect("active without the quorum");
            assert!(witness.approvals.iter().all(|accepted| accepted.2 != "alice"), "the asker was counted");
            assert!(!witness.denied, "a denial is final");
            assert!(!witness.ended, "what was ended stays ended");
            assert!(now < agreed + SignedDuration::from_hours(1), "expired is never effective");
            let eligibility = self.world.eligibilities.first().expect("nobody is eligible");
            let (end, limit) = (self.asked.window().unwrap().end(), eligibility.grant().window.end());
            assert!(end.is_some_and(|end| now < end) && end <= limit, "it outlives its eligibility");
        }
        assert!(witness.settlements <= 1, "a decision is settled once");
        if witness.denied {
            assert_eq!(self.asked.status_at(now), Status::Denied);
        }
        if self.asked.status_at(now) == Status::TimedOut {
            assert!(self.hours >= 24 && witness.settlements == 0);
        }
        let agreed = witness.settlements == 1 && !witness.denied && !witness.ended;
        assert_eq!(self.asked.window().is_some(), agreed);
    }
}

/// Visits every state; says how many there were.
fn explore(setup: &Setup) -> usize {
    let mut world = World::new();
    for voice in [ALICE, ALICE_ADMIN, ALICE_HOME] {
        world.people.join(APPROVERS, voice);
    }
    world.patch(setup.patch());
    let asked = world.ask(ALICE).unwrap();
    let start = State { world, asked, witness: Witness::default(), hours: 0 };
    let events = setup.events();
    let mut seen = HashSet::from([start.key()]);
    let mut statuses = BTreeSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(state) = queue.pop_front() {
        state.check();
        statuses.insert((state.asked.status_at(state.world.now), state.asked.is_effective(state.world.now)));
        for event in &events {
            let next = state.apply(*event, setup);
            if seen.insert(next.key()) {
                queue.push_back(next);
            }
        }
    }
    assert_eq!(statuses, expected());
    println!("{} states", seen.len());
    seen.len()
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

const EVERYBODY: [u128; 6] = [ALICE, ALICE_ADMIN, ALICE_HOME, SAM, TESS, ROBOT];

/// With the two steps in time: the end of a window, the deadline, and the hour before it.
const EVENTS: &[Event] = &[
    Cancel(ALICE),
    Cancel(MALLORY),
    Deactivate(ALICE),
    Deactivate(SAM),
    Revoke,
    Pass(1),
    Pass(23),
    LosePlace(SAM, APPROVERS),
    Disable(SAM),
    Link(TESS, "alice"),
    Link(TESS, "sam"),
    Ineligible,
    Reschedule("PT10M"),
];

#[test]
fn every_course_of_a_request_that_needs_one_approval() {
    let setup = Setup { stages: &[(1, &[("Group", APPROVERS)])], events: EVENTS, voices: &EVERYBODY };
    assert!(explore(&setup) > 1000, "too few states to mean anything");
}

#[test]
fn every_course_of_a_request_that_needs_two_approvals() {
    let setup = Setup { stages: &[(2, &[("Group", APPROVERS)])], events: EVENTS, voices: &EVERYBODY };
    assert!(explore(&setup) > 1000, "too few states to mean anything");
}

#[test]
fn every_course_of_a_request_that_needs_one_each_from_two_groups() {
    // Tess is in both stages; Sam in the first, Mallory in the second.
    let setup = Setup {
        stages: &[
            (1, &[("User", SAM), ("Group", NIGHT_SHIFT), ("User", ALICE_ADMIN)]),
            (1, &[("Group", NIGHT_SHIFT), ("User", MALLORY), ("User", ALICE_ADMIN)]),
        ],
        events: &[
            Cancel(ALICE),
            Deactivate(ALICE),
            Pass(1),
            Pass(23),
            LosePlace(TESS, NIGHT_SHIFT),
            Disable(SAM),
            Link(TESS, "alice"),
            Link(MALLORY, "sam"),
        ],
        voices: &[ALICE_ADMIN, SAM, TESS, MALLORY],
    };
    assert!(explore(&setup) > 1000, "too few states to mean anything");
}

#[test]
fn every_course_of_an_eligibility_under_a_request() {
    let setup = Setup {
        stages: &[(1, &[("User", SAM)])],
        events: &[
            Revoke,
            Pass(1),
            Pass(23),
            Cancel(ALICE),
            LosePlace(ALICE, OPERATORS),
            Ineligible,
            Reschedule("PT10M"),
            Reschedule("P90D"),
        ],
        voices: &[SAM],
    };
    assert!(explore(&setup) > 50, "too few states to mean anything");
}
