//! Short stories about one request for consent: who does what, what they are answered, and how it stands then: the
//! request's status, and whether the vault does what takes consent.

use arm::ObjectId;
use serde_json::{Value, json};

use super::world::*;
use crate::harness::{ALICE, ALICE_GUEST, BOB, SAM, SUE};

/// What somebody does.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Decides in the stage of this place.
    Approve(usize),
    Deny(usize),
    /// Takes the request back.
    Cancel,
    /// Opens the approval by its id.
    Look,
    /// Gives the role back.
    GiveBack,
    /// Ends the activation as an admin.
    Revoke,
    /// Takes the eligibility away.
    Withdraw,
    /// Asks for the same again.
    AskAgain,
    /// So many seconds pass.
    Pass(i64),
    /// The person joins a group, leaves it, is disabled.
    Join(ObjectId),
    Leave(ObjectId),
    Disabled,
}
use Act::*;

/// Who, what, the answer (the status and, of a refusal, the code), the request's status after it, and whether Alice can
/// act on the vault then.
type Step = (ObjectId, Act, &'static str, &'static str, bool);

const ASKED: &str = "PendingApproval";
const NOT_YOURS: &str = "403 InsufficientPermissions";
const SETTLED: &str = "409 RoleAssignmentRequestSettled";
const VOTED: &str = "409 RoleAssignmentRequestAlreadyReviewed";
const RULE: &str = "400 RoleAssignmentRequestPolicyValidationFailed";
/// Nobody in particular.
const TIME: ObjectId = ObjectId(uuid::Uuid::nil());

async fn tell(mode: &str, stages: &[Value], title: &str, steps: &[Step]) {
    let world = World::eligible().await;
    world.approve_in(&json!(mode), stages).await.expect(200);
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    assert_eq!(asked["properties"]["status"], ASKED);
    assert!(!world.acts().await, "asking alone opens nothing");
    for (at, (who, act, answer, status, acts)) in steps.iter().enumerate() {
        let given = perform(&world, &asked, *who, *act).await;
        let place = format!("{title}: step {at}, {act:?}");
        assert_eq!(given, *answer, "{place}");
        assert_eq!(world.status(&asked).await, *status, "{place}");
        assert_eq!(world.acts().await, *acts, "{place}");
    }
}

async fn perform(world: &World, asked: &Value, who: ObjectId, act: Act) -> String {
    let answer = match act {
        Approve(stage) => world.decide(who, asked, stage, "Approve").await,
        Deny(stage) => world.decide(who, asked, stage, "Deny").await,
        Cancel => world.cancel(who, asked).await,
        Look => {
            let approval = asked["properties"]["approvalId"].as_str().unwrap();
            world.server.as_(who).get(approval).await
        }
        GiveBack => world.give_back().await,
        Revoke | Withdraw => {
            let family = if matches!(act, Revoke) { ASSIGNMENT } else { ELIGIBILITY };
            let body = body("AdminRemove", ALICE_GUEST, OPERATOR, &json!({}));
            world.request(who, family, &guard(), fresh(), body).await
        }
        AskAgain => world.ask(&lasting("PT1H")).await,
        Pass(seconds) => {
            world.pass(seconds);
            return String::new();
        }
        Join(group) => {
            world.join(group, who);
            return String::new();
        }
        Leave(group) => {
            world.leave(group, who);
            return String::new();
        }
        Disabled => {
            world.disable(who);
            return String::new();
        }
    };
    format!("{} {}", answer.status, answer.code()).trim_end().to_string()
}

async fn tell_all(mode: &str, stages: &[Value], stories: &[(&str, &[Step])]) {
    for (title, steps) in stories {
        tell(mode, stages, title, steps).await;
    }
}

const ALICES: &[(&str, &[Step])] = &[
    (
        "Alice decides nothing, under no account",
        &[
            (ALICE_GUEST, Approve(0), NOT_YOURS, ASKED, false),
            (ALICE_GUEST, Look, NOT_YOURS, ASKED, false),
            (ALICE, Approve(0), NOT_YOURS, ASKED, false),
            (ALICE_SECOND, Join(APPROVERS), "", ASKED, false),
            (ALICE_SECOND, Approve(0), NOT_YOURS, ASKED, false),
            (ALICE_SECOND, Look, NOT_YOURS, ASKED, false),
            (ALICE_GUEST, Join(NIGHT), "", ASKED, false),
            (ALICE_GUEST, Deny(0), NOT_YOURS, ASKED, false),
        ],
    ),
    (
        "strangers decide nothing and see nothing",
        &[
            (SUE, Approve(0), NOT_YOURS, ASKED, false),
            (SUE, Look, "404 RoleAssignmentApprovalNotFound", ASKED, false),
            (BOB, Deny(0), NOT_YOURS, ASKED, false),
            (UMA, Look, "200", ASKED, false),
            (UMA, Approve(0), NOT_YOURS, ASKED, false),
        ],
    ),
    (
        "Alice takes it back, and asks again",
        &[
            (ALICE_GUEST, AskAgain, "400 PendingRoleAssignmentRequest", ASKED, false),
            (SUE, Cancel, NOT_YOURS, ASKED, false),
            (ALICE_GUEST, Cancel, "200", "Canceled", false),
            (SAM, Approve(0), SETTLED, "Canceled", false),
            (ALICE_GUEST, AskAgain, "201", "Canceled", false),
        ],
    ),
    ("an admin takes it back", &[(UMA, Cancel, "200", "Canceled", false)]),
];

const DECISIONS: &[(&str, &[Step])] = &[
    (
        "Sam approves; it is decided once and ends by itself",
        &[
            (SAM, Approve(0), "200", "Provisioned", true),
            (TESS, Deny(0), SETTLED, "Provisioned", true),
            (ALICE_GUEST, Cancel, SETTLED, "Provisioned", true),
            (ALICE_GUEST, AskAgain, "400 RoleAssignmentExists", "Provisioned", true),
            (TIME, Pass(3599), "", "Provisioned", true),
            (TIME, Pass(1), "", "Provisioned", false),
            (ALICE_GUEST, AskAgain, "201", "Provisioned", false),
        ],
    ),
    (
        "Tess, two groups deep, denies; that is final",
        &[
            (TESS, Look, "200", ASKED, false),
            (TESS, Deny(0), "200", "Denied", false),
            (SAM, Approve(0), SETTLED, "Denied", false),
        ],
    ),
    (
        "given back early, in the first minutes",
        &[
            (SAM, Approve(0), "200", "Provisioned", true),
            (ALICE_GUEST, GiveBack, "201", "Revoked", false),
            (ALICE_GUEST, GiveBack, "400 RoleAssignmentDoesNotExist", "Revoked", false),
        ],
    ),
    (
        "ended by an admin",
        &[
            (UMA, Revoke, "400 RoleAssignmentDoesNotExist", ASKED, false),
            (SAM, Approve(0), "200", "Provisioned", true),
            (SUE, Revoke, "403 AuthorizationFailed", "Provisioned", true),
            (UMA, Revoke, "201", "Revoked", false),
        ],
    ),
    (
        "the eligibility is taken away while it holds",
        &[(SAM, Approve(0), "200", "Provisioned", true), (SAM, Withdraw, "201", "Revoked", false)],
    ),
    (
        "the eligibility is taken away while it waits",
        &[
            (SAM, Withdraw, "201", ASKED, false),
            (SAM, Approve(0), RULE, ASKED, false),
            (SAM, Deny(0), "200", "Denied", false),
        ],
    ),
    (
        "silence is a denial",
        &[
            (TIME, Pass(86_399), "", ASKED, false),
            (TIME, Pass(1), "", "TimedOut", false),
            (SAM, Approve(0), SETTLED, "TimedOut", false),
            (ALICE_GUEST, Cancel, SETTLED, "TimedOut", false),
            (ALICE_GUEST, AskAgain, "201", "TimedOut", false),
        ],
    ),
    (
        "whoever lost the place does not decide",
        &[
            (TESS, Leave(NIGHT), "", ASKED, false),
            (TESS, Approve(0), NOT_YOURS, ASKED, false),
            (NIGHT, Leave(APPROVERS), "", ASKED, false),
            (THEO, Join(NIGHT), "", ASKED, false),
            (THEO, Deny(0), NOT_YOURS, ASKED, false),
            (THEO, Join(APPROVERS), "", ASKED, false),
            (THEO, Approve(0), "200", "Provisioned", true),
        ],
    ),
];

const TWO_OF_THREE: &[(&str, &[Step])] = &[
    (
        "two people",
        &[
            (SAM, Approve(0), "200", ASKED, false),
            (SAM, Approve(0), VOTED, ASKED, false),
            (TESS, Approve(0), "200", "Provisioned", true),
        ],
    ),
    (
        "one denial after an approval",
        &[
            (SAM, Approve(0), "200", ASKED, false),
            (TESS, Deny(0), "200", "Denied", false),
            (SAM, Approve(0), SETTLED, "Denied", false),
        ],
    ),
    (
        "the first lost the place, so the second is the first",
        &[
            (TESS, Approve(0), "200", ASKED, false),
            (TESS, Leave(NIGHT), "", ASKED, false),
            (SAM, Approve(0), "200", ASKED, false),
            (THEO, Join(APPROVERS), "", ASKED, false),
            (THEO, Approve(0), "200", "Provisioned", true),
        ],
    ),
    (
        "the first was disabled",
        &[
            (TESS, Approve(0), "200", ASKED, false),
            (TESS, Disabled, "", ASKED, false),
            (SAM, Approve(0), "200", ASKED, false),
        ],
    ),
    (
        "one approval and then silence",
        &[
            (SAM, Approve(0), "200", ASKED, false),
            (TIME, Pass(86_400), "", "TimedOut", false),
            (TESS, Approve(0), SETTLED, "TimedOut", false),
        ],
    ),
];

#[tokio::test]
async fn who_may_not_decide() {
    tell_all("SingleStage", &[stage(1, &[approver("Group", APPROVERS)])], ALICES).await;
}

#[tokio::test]
async fn what_one_decision_does() {
    tell_all("SingleStage", &[stage(1, &[approver("Group", APPROVERS)])], DECISIONS).await;
}

#[tokio::test]
async fn what_takes_two_people() {
    tell_all("SingleStage", &[stage(2, &[approver("Group", APPROVERS)])], TWO_OF_THREE).await;
}

/// Sam and Tess are in the first stage, Tess and Theo in the second.
const TWO_STAGES: &[(&str, &[Step])] = &[
    (
        "one each",
        &[
            (SAM, Approve(1), NOT_YOURS, ASKED, false),
            (SAM, Approve(0), "200", ASKED, false),
            (TESS, Approve(0), VOTED, ASKED, false),
            (SAM, Approve(1), NOT_YOURS, ASKED, false),
            (THEO, Approve(1), "200", "Provisioned", true),
        ],
    ),
    (
        "nobody counts in two stages",
        &[
            (TESS, Approve(0), "200", ASKED, false),
            (TESS, Approve(1), VOTED, ASKED, false),
            (THEO, Approve(1), "200", "Provisioned", true),
        ],
    ),
    (
        "a denial in any stage ends it",
        &[
            (SAM, Approve(0), "200", ASKED, false),
            (THEO, Deny(1), "200", "Denied", false),
            (TESS, Approve(1), SETTLED, "Denied", false),
        ],
    ),
    (
        "a denial in a stage that has its approvals",
        &[(SAM, Approve(0), "200", ASKED, false), (TESS, Deny(0), "200", "Denied", false)],
    ),
    (
        "a stage that lost its approver waits again",
        &[
            (TESS, Approve(1), "200", ASKED, false),
            (TESS, Leave(NIGHT), "", ASKED, false),
            (SAM, Approve(0), "200", ASKED, false),
            (THEO, Approve(1), "200", "Provisioned", true),
        ],
    ),
    (
        "silence in one stage is a denial",
        &[
            (SAM, Approve(0), "200", ASKED, false),
            (TIME, Pass(86_400), "", "TimedOut", false),
            (THEO, Approve(1), SETTLED, "TimedOut", false),
        ],
    ),
];

#[tokio::test]
async fn what_takes_one_each_from_several_groups() {
    let first = stage(1, &[approver("User", SAM), approver("Group", NIGHT)]);
    let second = stage(1, &[approver("Group", NIGHT), approver("User", THEO)]);
    tell_all("Parallel", &[first, second], TWO_STAGES).await;
}
