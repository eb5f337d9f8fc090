//! The end, at the second: of a request that waits, an activation, an eligibility and a direct assignment; after a
//! restart, and with the wall clock set forward and back.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE_GUEST, SAM};

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Ending {
    Request,
    Activation,
    Eligibility,
    Direct,
}

const ALL: [Ending; 4] = [Ending::Request, Ending::Activation, Ending::Eligibility, Ending::Direct];

/// Something that holds, and the first instant at which it does not any more.
struct Held {
    world: World,
    ending: Ending,
    asked: Value,
    end: Timestamp,
}

impl Held {
    async fn new(ending: Ending) -> Self {
        let world = World::start().await;
        let seconds = match ending {
            Ending::Request => 86_400,
            Ending::Activation => 3600,
            Ending::Eligibility | Ending::Direct => 7200,
        };
        let family = if ending == Ending::Direct { ASSIGNMENT } else { ELIGIBILITY };
        let length = if ending == Ending::Eligibility || ending == Ending::Direct { "PT2H" } else { "P30D" };
        let mut asked = world.give(family, "AdminAssign", ALICE_GUEST, &lasting(length)).await.expect(201);
        if matches!(ending, Ending::Request | Ending::Activation) {
            asked = world.ask(&lasting("PT1H")).await.expect(201);
        }
        if ending == Ending::Activation {
            world.decide(SAM, &asked, 0, "Approve").await.expect(200);
        }
        let end = world.server.now() + SignedDuration::from_secs(seconds);
        Self { world, ending, asked, end }
    }

    /// Whether it holds, by all that the front door says about it.
    async fn holds(&self) -> bool {
        let world = &self.world;
        let listed = async |list: &str| !world.list(SAM, &guard(), list).await.is_empty();
        match self.ending {
            Ending::Request => {
                let waits = listed("roleAssignmentScheduleRequests?$filter=asApprover()").await;
                let status = world.status(&self.asked).await;
                assert_eq!(status, if waits { "PendingApproval" } else { "TimedOut" });
                waits
            }
            Ending::Activation | Ending::Direct => {
                let acts = world.acts().await;
                assert_eq!(listed("roleAssignmentScheduleInstances").await, acts);
                assert_eq!(listed("roleAssignmentSchedules").await, acts);
                acts
            }
            Ending::Eligibility => {
                let path = below(&guard(), &format!("{ASSIGNMENT}Requests/{}/validate", fresh()));
                let ask = body("SelfActivate", ALICE_GUEST, OPERATOR, &lasting("PT1H"));
                let tried = world.server.as_(ALICE_GUEST).post(&path, ask).await;
                assert_eq!(listed("roleEligibilityScheduleInstances").await, tried.status == 200);
                tried.status == 200
            }
        }
    }

    /// Lets time pass to a second before the end, as the server tells the time. Says how much really passed.
    fn until_a_second_before(&self) -> i64 {
        let mut passed = 0;
        loop {
            let left = self.end.duration_since(self.world.server.now()).as_secs() - 1;
            if left <= 0 {
                return passed;
            }
            self.world.pass(left);
            passed += left;
        }
    }

    async fn check_end(&self) {
        assert!(self.holds().await, "{:?} a second before its end", self.ending);
        self.world.pass(1);
        assert_eq!(self.world.server.now(), self.end);
        assert!(!self.holds().await, "{:?} at its end", self.ending);
        if self.ending == Ending::Request {
            let late = self.world.decide(SAM, &self.asked, 0, "Approve").await;
            assert_eq!((late.status, late.code()), (409, "RoleAssignmentRequestSettled"));
        }
    }

    async fn restart(self) -> Self {
        let Self { world, ending, asked, end } = self;
        Self { world: world.restart().await, ending, asked, end }
    }
}

#[tokio::test]
async fn it_holds_a_second_before_its_end_and_not_at_it() {
    for ending in ALL {
        let held = Held::new(ending).await;
        held.until_a_second_before();
        held.check_end().await;
    }
}

#[tokio::test]
async fn also_after_a_restart() {
    for ending in ALL {
        let held = Held::new(ending).await;
        held.until_a_second_before();
        let held = held.restart().await;
        assert_eq!(held.world.server.now(), held.end - SignedDuration::from_secs(1));
        held.check_end().await;
        let held = held.restart().await;
        assert!(!held.holds().await, "{ending:?} after its end");
        held.world.pass(86_400);
        assert!(!held.holds().await);
    }
}

#[tokio::test]
async fn setting_the_clock_forward_ends_nothing() {
    for ending in ALL {
        let held = Held::new(ending).await;
        let before = held.world.server.now();
        held.world.server.set_wall(SignedDuration::from_hours(24 * 365));
        let moved = held.world.server.now().duration_since(before);
        assert_eq!(moved, SignedDuration::from_mins(5), "as far as a time service may correct");
        assert!(held.holds().await, "{ending:?}");
        held.until_a_second_before();
        held.check_end().await;
    }
}

#[tokio::test]
async fn setting_the_clock_back_keeps_nothing_alive() {
    for ending in ALL {
        let held = Held::new(ending).await;
        let begun = held.world.server.now();
        held.world.server.set_wall(SignedDuration::from_hours(-24 * 365));
        assert_eq!(held.world.server.now(), begun);
        let lifetime = held.end.duration_since(begun).as_secs();
        let passed = held.until_a_second_before();
        assert!(passed < lifetime + 300, "{ending:?} lasted {passed} s");
        held.check_end().await;
    }
}

#[tokio::test]
async fn what_has_ended_is_not_revived_by_the_clock_and_a_restart() {
    for ending in ALL {
        let held = Held::new(ending).await;
        held.until_a_second_before();
        held.check_end().await;
        held.world.server.set_wall(SignedDuration::from_hours(-48));
        assert!(!held.holds().await, "{ending:?}");
        let held = held.restart().await;
        assert!(held.world.server.now() >= held.end, "time begins where it had been");
        assert!(!held.holds().await, "{ending:?}");
    }
}

#[tokio::test]
async fn the_time_for_a_decision_is_the_policys() {
    for days in [1, 3, 14] {
        let world = World::eligible().await;
        let mut slow = stage(1, &[approver("User", SAM)]);
        slow["approvalStageTimeOutInDays"] = json!(days);
        world.approve_in(&json!("SingleStage"), &[slow]).await.expect(200);
        let asked = world.ask(&lasting("PT1H")).await.expect(201);
        let other = world.ask(&lasting("PT1H")).await;
        assert_eq!(other.code(), "PendingRoleAssignmentRequest");
        world.pass(days * 86_400 - 1);
        assert_eq!(world.status(&asked).await, "PendingApproval");
        world.pass(1);
        assert_eq!(world.status(&asked).await, "TimedOut", "{days} days");
        assert_eq!(world.decide(SAM, &asked, 0, "Approve").await.status, 409);
        assert!(!world.acts().await);
    }
}

#[tokio::test]
async fn of_several_stages_the_shortest_time_counts() {
    let world = World::eligible().await;
    let mut stages = [stage(1, &[approver("User", SAM)]), stage(1, &[approver("User", THEO)])];
    stages[0]["approvalStageTimeOutInDays"] = json!(5);
    stages[1]["approvalStageTimeOutInDays"] = json!(2);
    world.approve_in(&json!("Parallel"), &stages).await.expect(200);
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.pass(2 * 86_400 - 1);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    world.pass(1);
    assert_eq!(world.decide(THEO, &asked, 1, "Approve").await.status, 409);
    assert_eq!(world.status(&asked).await, "TimedOut");
}
