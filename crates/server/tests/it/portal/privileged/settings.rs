//! Who is eligible, and what a role asks for: the pages of those who administer roles.

use super::*;

/// The rule of the guard's operator role, as the API has it.
async fn rule(world: &World, id: &str) -> Value {
    world.rule(&guard(), OPERATOR, id).await
}

#[tokio::test]
async fn somebody_is_made_eligible_by_name_and_loses_it() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM).await;
    sam.get("/portal/privileged/assignments").await.expect(200).snapshot("privileged_scopes");
    let found = sam.get("/portal/privileged/assignments?q=guard").await.expect(200);
    assert!(found.has(&of_guard("assignments")), "{}", found.answer.text);
    let list = sam.get(&of_guard("assignments")).await.expect(200);
    assert!(list.has("Nobody is eligible here"));
    let page = sam.get(&format!("{}?kind=eligible", of_guard("assign"))).await.expect(200);
    page.snapshot("privileged_assign");
    let operator = OPERATOR.to_string();
    let fields = |who: &'static str, days: &'static str| {
        [
            ("role", operator.clone()),
            ("who", who.into()),
            ("ends", "days".into()),
            ("days", days.into()),
            ("reason", "on call".into()),
        ]
    };
    for (who, days, said) in [
        ("nobody at all", "30", "Nobody in this directory is called “nobody at all”"),
        ("Alice", "30", "may be"),
        ("Operators", "9000", "may not last as long"),
        ("Operators", "soon", "number of days"),
        ("", "30", "Who?"),
    ] {
        let fields = fields(who, days);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let refused = sam.submit(&page, &fields).await.expect(400);
        assert!(refused.has(said) && refused.has("on call"), "{who}: {}", refused.answer.text);
    }
    let fields = fields("operators", "30");
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let list = sam.submit(&page, &fields).await.expect(200);
    assert!(list.has("Operators is eligible"), "{}", list.answer.text);
    list.snapshot("privileged_assignments");
    let alice = Browser::of(&world.server, ALICE).await;
    assert!(alice.get("/portal/privileged").await.has("Through the group Operators"));

    let (_, rest) = list.answer.text.split_once("href=\"/portal/privileged/assignment/").unwrap();
    let one = format!("/portal/privileged/assignment/{}", rest.split('"').next().unwrap());
    let page = sam.get(&one).await.expect(200);
    page.snapshot("privileged_assignment");
    let changed = sam.submit(&page, &[("do", "change"), ("ends", "days"), ("days", "10")]).await.expect(200);
    assert!(changed.has("time was changed"), "{}", changed.answer.text);
    let gone = sam.submit(&sam.get(&one).await, &[("do", "remove")]).await.expect(200);
    assert!(gone.has("does not have it any more") && gone.has("Nobody is eligible here"));
    assert!(!alice.get("/portal/privileged").await.has("Operators"));
}

#[tokio::test]
async fn whoever_may_not_give_is_told() {
    let world = World::eligible().await;
    let alice = Browser::of(&world.server, ALICE).await;
    // She reads the guard, and with it who is eligible; to give is another right.
    let page = alice.get(&of_guard("assign")).await.expect(200);
    let operator = OPERATOR.to_string();
    let fields = [("role", operator.as_str()), ("who", "Operators"), ("ends", "days"), ("days", "30")];
    let refused = alice.submit(&page, &fields).await.expect(403);
    assert!(
        refused.has("roleAssignments/write") && refused.has("value=\"Operators\""),
        "{}",
        refused.answer.text
    );
    let refused = alice.get(&setting("activation")).await.expect(200);
    let refused = alice.submit(&refused, &[("do", "save")]).await.expect(403);
    assert!(refused.has("roleManagementPolicies/write"), "{}", refused.answer.text);
}

#[tokio::test]
async fn what_is_active_is_listed_and_ended() {
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(crate::harness::SAM, &asked, 0, "Approve").await.expect(200);
    let sam = Browser::of(&world.server, SAM).await;
    let eligible = sam.get(&of_guard("assignments")).await.expect(200);
    let (_, rest) = eligible.answer.text.split_once("href=\"/portal/privileged/assignment/").unwrap();
    let one = sam.get(&format!("/portal/privileged/assignment/{}", rest.split('"').next().unwrap())).await;
    assert!(one.has("What is active by it ends at once"), "{}", one.answer.text);
    let active = sam.get(&format!("{}?kind=active", of_guard("assignments"))).await.expect(200);
    active.snapshot("privileged_assignments_active");
    let (_, rest) = active.answer.text.split_once("href=\"/portal/privileged/assignment/").unwrap();
    let one = sam.get(&format!("/portal/privileged/assignment/{}", rest.split('"').next().unwrap())).await;
    assert!(one.has("loses Backup MUA Operator"), "{}", one.answer.text);
    sam.submit(&one, &[("do", "remove"), ("reason", "over")]).await.expect(200);
    assert!(!world.acts().await);
    let filtered = sam.get(&format!("{}?who=nobody", of_guard("assignments"))).await;
    assert!(filtered.expect(400).has("Nobody in this directory is called"));
}

#[tokio::test]
async fn all_rules_are_said_in_words() {
    let world = World::eligible().await;
    let sam = Browser::of(&world.server, SAM).await;
    let list = sam.get(&of_guard("settings")).await.expect(200);
    assert!(list.has("Backup MUA Operator") && list.has("1 approver"), "{}", list.answer.text);
    let page = sam.get(&setting("")).await.expect(200);
    for words in ["8 hours", "the group Approvers", "One of these has", "365 days", "180 days", "All mails"] {
        assert!(page.has(words), "{words}: {}", page.answer.text);
    }
    page.snapshot("privileged_setting");
    sam.get(&setting("activation")).await.expect(200).snapshot("privileged_setting_activation");
    sam.get(&setting("assignment")).await.expect(200).snapshot("privileged_setting_assignment");
    sam.get(&setting("mails")).await.expect(200).snapshot("privileged_setting_mails");
}

#[tokio::test]
async fn what_an_activation_takes_is_changed() {
    let world = World::eligible().await;
    let sam = Browser::of(&world.server, SAM).await;
    let page = sam.get(&setting("activation")).await.expect(200);
    let more = [("do", "add-stage"), ("stage0.add", "Theo"), ("longest", "120"), ("ticket", "yes")];
    let more = sam.submit(&page, &more).await.expect(200);
    assert!(more.has("Stage 2") && more.has("theo (theo@fabsec.example)"), "{}", more.answer.text);
    let saved = [
        ("do", "save"),
        ("longest", "120"),
        ("sign-in", "mfa"),
        ("stage1.add", "uma@fabsec.example"),
        ("stage1.days", "3"),
    ];
    let saved = sam.submit(&more, &saved).await.expect(200);
    assert!(saved.has("The rules were saved") && saved.has("Stage 2"), "{}", saved.answer.text);
    let approval = rule(&world, "Approval_EndUser_Assignment").await;
    let setting = &approval["setting"];
    assert_eq!(setting["approvalMode"], "Parallel");
    let stages = setting["approvalStages"].as_array().unwrap();
    let ids = |at: usize| {
        let listed = stages[at]["primaryApprovers"].as_array().unwrap();
        listed.iter().map(|one| (one["id"].clone(), one["userType"].clone())).collect::<Vec<_>>()
    };
    use crate::pim::world::{THEO, UMA};
    assert_eq!(ids(0), [(json!(APPROVERS), json!("Group")), (json!(THEO), json!("User"))]);
    assert_eq!(ids(1), [(json!(UMA), json!("User"))]);
    assert_eq!(stages[1]["approvalStageTimeOutInDays"], 3);
    assert_eq!(rule(&world, "Expiration_EndUser_Assignment").await["maximumDuration"], "PT120M");
    let enabled = rule(&world, "Enablement_EndUser_Assignment").await["enabledRules"].clone();
    assert_eq!(enabled, json!(["MultiFactorAuthentication", "Justification", "Ticketing"]));
}

#[tokio::test]
async fn a_refused_rule_keeps_what_was_typed() {
    let world = World::eligible().await;
    let sam = Browser::of(&world.server, SAM).await;
    let page = sam.get(&setting("activation")).await.expect(200);
    let typed = [("do", "save"), ("longest", "60"), ("sign-in", "none"), ("stage0.needed", "9")];
    let refused = sam.submit(&page, &typed).await.expect(400);
    assert!(refused.has("name=\"stage0.needed\" type=\"number\" min=\"1\" max=\"20\" inputmode=\"numeric\" class=\"short\" value=\"9\""));
    assert!(refused.has("<option value=\"60\" selected>"), "{}", refused.answer.text);
    let unknown = [("do", "save"), ("longest", "60"), ("sign-in", "none"), ("stage0.add", "Nemo")];
    let unknown = sam.submit(&page, &unknown).await.expect(400);
    assert!(unknown.has("Nobody in this directory is called “Nemo”") && unknown.has("value=\"Nemo\""));
    assert_eq!(rule(&world, "Expiration_EndUser_Assignment").await["maximumDuration"], "PT8H");
    let days = sam.get(&setting("assignment")).await.expect(200);
    let days = sam.submit(&days, &[("do", "save"), ("Eligibility.days", "never")]).await.expect(400);
    assert!(days.has("“never” is not") && days.has("value=\"never\""), "{}", days.answer.text);
}

#[tokio::test]
async fn giving_and_mails_are_changed_and_set_back() {
    let world = World::eligible().await;
    let sam = Browser::of(&world.server, SAM).await;
    let page = sam.get(&setting("assignment")).await.expect(200);
    let fields = [
        ("do", "save"),
        ("Eligibility.permanent", "yes"),
        ("Assignment.days", "7"),
        ("Eligibility.reason", "yes"),
    ];
    let saved = sam.submit(&page, &fields).await.expect(200);
    assert!(saved.has("without an end") && saved.has("after 7 days"), "{}", saved.answer.text);
    assert_eq!(
        rule(&world, "Expiration_Admin_Eligibility").await["maximumDuration"],
        "P365D",
        "it was not touched"
    );
    assert_eq!(rule(&world, "Enablement_Admin_Eligibility").await["enabledRules"], json!(["Justification"]));

    let page = sam.get(&setting("mails")).await.expect(200);
    let fields = [
        ("do", "save"),
        ("Notification_Admin_EndUser_Assignment.level", "Critical"),
        ("Notification_Admin_EndUser_Assignment.more", "soc@fabsec.example, b@fabsec.example"),
    ];
    let saved = sam.submit(&page, &fields).await;
    let saved = saved.expect(200);
    assert!(saved.has("and also to soc@fabsec.example, b@fabsec.example"), "{}", saved.answer.text);
    let bad = [("do", "save"), ("Notification_Admin_EndUser_Assignment.more", "nobody")];
    assert!(sam.submit(&page, &bad).await.expect(400).has("value=\"nobody\""));
    let reset = sam.submit(&sam.get(&setting("")).await, &[("do", "reset")]).await.expect(200);
    assert!(reset.has("defaults again") && reset.has("Nobody is named"), "{}", reset.answer.text);
}
