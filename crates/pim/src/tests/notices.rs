//! Who is told what: every event against every rule, and what the rules' settings change.

use std::fmt::Write;

use crate::notice::{Addressee, Circle, Event, MAX_NOTICES, Notice, Weight, approver_accounts, notices};
use crate::policy::{NotificationLevel, Occasion, PerRecipient, Recipient, Rules};
use crate::{Family, Person};

use super::world::{ALICE, BOB, SAM, TESS, World, approver, object, stage_patch};

const EVENTS: [Event; 24] = [
    Event::Given(Family::Eligibility),
    Event::Changed(Family::Eligibility),
    Event::Removed(Family::Eligibility),
    Event::RenewalWaiting(Family::Eligibility),
    Event::RenewalDenied(Family::Eligibility),
    Event::RenewalCanceled(Family::Eligibility),
    Event::Ending(Family::Eligibility),
    Event::Ended(Family::Eligibility),
    Event::Given(Family::Assignment),
    Event::Changed(Family::Assignment),
    Event::Removed(Family::Assignment),
    Event::RenewalWaiting(Family::Assignment),
    Event::RenewalDenied(Family::Assignment),
    Event::RenewalCanceled(Family::Assignment),
    Event::Ending(Family::Assignment),
    Event::Ended(Family::Assignment),
    Event::ApprovalWaiting,
    Event::Approved,
    Event::Denied,
    Event::TimedOut,
    Event::Canceled,
    Event::Activated,
    Event::Deactivated,
    Event::Revoked,
];

fn addressee(name: &str) -> Addressee {
    Addressee { name: name.into(), address: Some(format!("{name}@fabsec.example")) }
}

fn circle() -> Circle {
    PerRecipient {
        admin: vec![addressee("ada")],
        requestor: vec![addressee("alice")],
        approver: vec![addressee("sam")],
    }
}

fn rules() -> Rules {
    Rules::azure_defaults(true)
}

fn told(event: Event, rules: &Rules, circle: &Circle) -> Vec<String> {
    notices(event, &rules.notification, circle).iter().map(told_of).collect()
}

fn told_of(notice: &Notice) -> String {
    let mark = if notice.critical { "!" } else { "" };
    format!("{}{mark}", notice.to.name)
}

/// Who is told with rules of each level.
fn table() -> String {
    let mut table = String::new();
    for event in EVENTS {
        write!(table, "{:<28}", event.name()).unwrap();
        for level in [NotificationLevel::All, NotificationLevel::Critical, NotificationLevel::None] {
            let mut rules = rules();
            for occasion in Occasion::ALL {
                for recipient in Recipient::ALL {
                    rules.notification.get_mut(occasion).get_mut(recipient).level = level;
                }
            }
            write!(table, "| {:<16}", told(event, &rules, &circle()).join(" ")).unwrap();
        }
        table = table.trim_end().to_string();
        table.push('\n');
    }
    table
}

#[test]
fn each_level_tells_exactly_these() {
    //                                            All             | Critical        | None
    let expected = "\
eligibility.given           | alice ada       |                 |
eligibility.changed         | alice ada       |                 |
eligibility.removed         | alice ada       |                 |
eligibility.renewal_waiting | sam! alice ada  | sam!            |
eligibility.renewal_denied  | sam alice ada   |                 |
eligibility.renewal_canceled| sam alice ada   |                 |
eligibility.ending          | alice ada       |                 |
eligibility.ended           | alice ada       |                 |
assignment.given            | alice ada       |                 |
assignment.changed          | alice ada       |                 |
assignment.removed          | alice ada       |                 |
assignment.renewal_waiting  | sam! alice ada  | sam!            |
assignment.renewal_denied   | sam alice ada   |                 |
assignment.renewal_canceled | sam alice ada   |                 |
assignment.ending           | alice ada       |                 |
assignment.ended            | alice ada       |                 |
activation.approval_waiting | sam! alice ada  | sam!            |
activation.approved         | sam alice ada   |                 |
activation.denied           | sam alice ada   |                 |
activation.timed_out        | sam alice ada   |                 |
activation.canceled         | sam alice ada   |                 |
activation.activated        | alice ada       |                 |
activation.deactivated      | alice ada       |                 |
activation.revoked          | alice ada       |                 |
";
    let squeezed = |text: &str| {
        let cells =
            |line: &str| line.split('|').map(|cell| cell.trim().to_string()).collect::<Vec<_>>().join("|");
        text.lines().map(cells).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(squeezed(&table()), squeezed(expected), "\n{}", table());
}

#[test]
fn every_rule_decides_about_its_own_recipient_and_occasion_alone() {
    let all: Vec<Vec<String>> = EVENTS.iter().map(|event| told(*event, &rules(), &circle())).collect();
    for occasion in Occasion::ALL {
        for recipient in Recipient::ALL {
            let mut rules = rules();
            rules.notification.get_mut(occasion).get_mut(recipient).level = NotificationLevel::None;
            let name = circle().get(recipient)[0].name.clone();
            for (event, before) in EVENTS.iter().zip(&all) {
                let mut expected = before.clone();
                if event.occasion() == occasion {
                    expected.retain(|told| told.trim_end_matches('!') != name);
                }
                let now = told(*event, &rules, &circle());
                assert_eq!(now, expected, "{event:?} without {recipient:?} on {occasion:?}");
            }
        }
    }
}

#[test]
fn defaults_can_be_left_out_and_addresses_added() {
    let mut rules = rules();
    let rule = rules.notification.get_mut(Occasion::EndUserAssignment).get_mut(Recipient::Approver);
    rule.default_recipients = false;
    rule.recipients = vec!["duty@fabsec.example".into(), "SAM@fabsec.example".into()];
    assert_eq!(
        told(Event::ApprovalWaiting, &rules, &circle()),
        ["duty@fabsec.example!", "SAM@fabsec.example!", "alice", "ada"]
    );
    let rule = rules.notification.get_mut(Occasion::EndUserAssignment).get_mut(Recipient::Approver);
    rule.default_recipients = true;
    assert_eq!(
        told(Event::ApprovalWaiting, &rules, &circle()),
        ["sam!", "duty@fabsec.example!", "alice", "ada"],
        "an address is written to once, however it is spelled"
    );
}

#[test]
fn who_is_several_things_is_told_once_and_as_the_one_who_must_act() {
    let mut circle = circle();
    circle.admin = vec![addressee("sam"), addressee("alice"), addressee("ada")];
    let notices = notices(Event::ApprovalWaiting, &rules().notification, &circle);
    let all: Vec<_> = notices.iter().map(|n| (n.to.name.as_str(), n.recipient, n.critical)).collect();
    let expected = [
        ("sam", Recipient::Approver, true),
        ("alice", Recipient::Requestor, false),
        ("ada", Recipient::Admin, false),
    ];
    assert_eq!(all, expected);
}

#[test]
fn too_many_are_cut_and_who_must_act_is_kept() {
    let mut circle = circle();
    circle.admin = (0..MAX_NOTICES).map(|n| addressee(&format!("a{n}"))).collect();
    let all = told(Event::ApprovalWaiting, &rules(), &circle);
    assert_eq!((all.len(), all[0].as_str()), (MAX_NOTICES, "sam!"));
}

#[test]
fn somebody_without_an_address_is_not_forgotten() {
    let mut circle = circle();
    circle.approver = vec![Addressee { name: "Sue".into(), address: None }];
    let notices = notices(Event::ApprovalWaiting, &rules().notification, &circle);
    assert_eq!(notices[0].to, circle.approver[0]);
}

#[test]
fn nothing_that_calls_for_no_action_is_critical() {
    for event in EVENTS {
        for recipient in Recipient::ALL {
            let waits = matches!(event, Event::ApprovalWaiting | Event::RenewalWaiting(_));
            let critical = event.weight(recipient) == Weight::Critical;
            assert_eq!(critical, waits && recipient == Recipient::Approver, "{event:?} {recipient:?}");
        }
    }
}

#[test]
fn names_of_events_differ() {
    let names: std::collections::BTreeSet<&str> = EVENTS.iter().map(|event| event.name()).collect();
    assert_eq!(names.len(), EVENTS.len());
}

#[test]
fn approvers_are_people_once_each_and_never_who_asks() {
    let mut world = World::new();
    let sam = [object(SAM), object(TESS)];
    assert_eq!(approver_accounts(&world.policy, &world.people, None), sam, "through groups, no robots");
    world.people.join(super::world::APPROVERS, ALICE);
    world.people.join(super::world::APPROVERS, super::world::SAM_TWO);
    let alice = Person("alice".into());
    assert_eq!(approver_accounts(&world.policy, &world.people, Some(&alice)), sam);
    assert_eq!(approver_accounts(&world.policy, &world.people, None).len(), 3);
    world.people.disabled.insert(TESS);
    assert_eq!(approver_accounts(&world.policy, &world.people, Some(&alice)), [object(SAM)]);
    world.patch(stage_patch(serde_json::json!({"primaryApprovers": [approver("User", BOB)]})));
    assert_eq!(approver_accounts(&world.policy, &world.people, Some(&alice)), [object(BOB)]);
}

#[test]
fn what_happened_is_read_off_two_states() {
    let mut world = World::new();
    world.patch(stage_patch(serde_json::json!({
        "primaryApprovers": [approver("User", SAM), approver("User", TESS)], "requiredApprovals": 2,
    })));
    let asked = world.ask(ALICE).unwrap();
    assert_eq!(Event::of_activation(None, &asked), Some(Event::ApprovalWaiting));
    let once = world.decide(&asked, SAM, crate::Verdict::Approve).unwrap();
    assert_eq!(Event::of_activation(Some(&asked), &once), None, "one of two is no news");
    let agreed = world.decide(&once, TESS, crate::Verdict::Approve).unwrap();
    assert_eq!(Event::of_activation(Some(&once), &agreed), Some(Event::Approved));
    let denied = world.decide(&once, TESS, crate::Verdict::Deny).unwrap();
    assert_eq!(Event::of_activation(Some(&once), &denied), Some(Event::Denied));
    let alice = super::world::caller(ALICE);
    let canceled = asked.cancel(false, &world.cx(&alice)).unwrap();
    assert_eq!(Event::of_activation(Some(&asked), &canceled), Some(Event::Canceled));
    world.pass(23);
    assert!(!Event::is_time_out(&asked, world.now));
    world.pass(1);
    assert!(Event::is_time_out(&asked, world.now) && !Event::is_time_out(&agreed, world.now));
}
