//! Request bodies: what real clients send is understood, anything else is refused by name and changes nothing.

use arm::ErrorKind;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::*;
use crate::policy::BACKUP_MUA_OPERATOR;
use crate::{DecisionBody, Expiration, RequestType, RolePolicy, ScheduleRequestBody, Verdict};

#[test]
fn what_powershell_sends_is_understood() {
    let body = json!({"properties": {
        "scheduleInfo": {
            "expiration": {"type": "AfterDuration", "duration": "PT1H"},
            "startDateTime": "2022-02-10T16:20:39.8817269-08:00"},
        "roleDefinitionId": format!("{}/providers/Microsoft.Authorization/roleDefinitions/{READER}",
            SUBSCRIPTION.trim_start_matches('/')),
        "principalId": object(ALICE).to_string().to_uppercase(),
        "requestType": "adminAssign",
        "somethingNew": {"from": "the future"}}});
    let read = ScheduleRequestBody::parse(&body).unwrap();
    assert_eq!((read.principal, read.role), (object(ALICE), reader()));
    assert_eq!(read.request_type, RequestType::AdminAssign);
    assert_eq!(read.schedule.start, Some(at("2022-02-11T00:20:39.8817269Z")));
    assert_eq!((read.justification.as_str(), read.ticket.number), ("", None));
}

#[test]
fn ids_come_whole_or_as_their_last_segment() {
    let whole =
        format!("{}/providers/Microsoft.Authorization/roleEligibilitySchedules/{}", guard(), request(7));
    for linked in [json!(request(7)), json!(whole)] {
        let read = body("SelfActivate", ALICE, json!({"linkedRoleEligibilityScheduleId": linked}));
        assert_eq!(read.linked_eligibility, Some(request(7)));
    }
    let read = body("SelfActivate", ALICE, json!({"linkedRoleEligibilityScheduleId": ""}));
    assert_eq!(read.linked_eligibility, None);
    let read = body("AdminRemove", ALICE, json!({"targetRoleAssignmentScheduleId": request(8)}));
    assert_eq!(read.target, Some(request(8)));
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{BACKUP_MUA_OPERATOR}");
    assert_eq!(body("AdminRemove", ALICE, json!({"roleDefinitionId": role})).role, BACKUP_MUA_OPERATOR);
}

#[test]
fn times_and_expirations_come_in_several_forms() {
    let info = |info: Value| body("SelfActivate", ALICE, json!({"scheduleInfo": info})).schedule;
    let day = at("2026-02-01T09:30:00Z");
    for text in
        ["2026-02-01T09:30:00Z", "2026-02-01T10:30:00+01:00", "2026-02-01T09:30:00", "2026-02-01T09:30"]
    {
        assert_eq!(info(json!({"startDateTime": text})).start, Some(day), "{text}");
        let until =
            info(json!({"expiration": {"type": "AfterDateTime", "endDateTime": text, "duration": null}}));
        assert_eq!(until.expiration, Expiration::AfterDateTime(day));
    }
    assert!(matches!(
        info(json!({"expiration": {"duration": "PT1H"}})).expiration,
        Expiration::AfterDuration(_)
    ));
    for nothing in [
        json!(null),
        json!({}),
        json!({"expiration": null}),
        json!({"expiration": {"type":
        "noExpiration", "duration": "PT1H"}}),
    ] {
        assert_eq!(info(nothing).expiration, Expiration::NoExpiration);
    }
}

/// Each of these bodies is refused with this field as the error's target, and named in its message.
fn refused_by_name(rows: &[(Value, &str)]) {
    for (more, field) in rows {
        let error = ScheduleRequestBody::parse(&raw_body("SelfActivate", ALICE, more.clone())).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Invalid, "{more}");
        assert_eq!(error.target.as_deref(), Some(*field), "{more}");
        assert!(error.message.contains(field.rsplit('.').next().unwrap()), "{more}: {}", error.message);
    }
}

#[test]
fn who_what_and_why_are_refused_by_name() {
    refused_by_name(&[
        (json!({"principalId": null}), "properties.principalId"),
        (json!({"principalId": "alice"}), "properties.principalId"),
        (json!({"principalId": 7}), "properties.principalId"),
        (json!({"roleDefinitionId": ""}), "properties.roleDefinitionId"),
        (json!({"roleDefinitionId": READER}), "properties.roleDefinitionId"),
        (json!({"roleDefinitionId": "/a/../b"}), "properties.roleDefinitionId"),
        (
            json!({"roleDefinitionId": format!("/providers/Microsoft.Authorization/roleAssignments/{READER}")}),
            "properties.roleDefinitionId",
        ),
        (json!({"requestType": "Explode"}), "properties.requestType"),
        (json!({"requestType": null}), "properties.requestType"),
        (json!({"justification": ["x"]}), "properties.justification"),
        (json!({"justification": "x".repeat(1025)}), "properties.justification"),
        (json!({"justification": "two\nlines"}), "properties.justification"),
        (json!({"justification": "abc\u{202e}fed"}), "properties.justification"),
    ]);
    for body in [json!(null), json!("x"), json!({}), json!({"properties": 1})] {
        assert!(ScheduleRequestBody::parse(&body).is_err(), "{body}");
    }
    let longest = body("SelfActivate", ALICE, json!({"justification": "ä".repeat(1024)}));
    assert_eq!(longest.justification.chars().count(), 1024);
}

#[test]
fn tickets_times_and_schedules_are_refused_by_name() {
    let expiration = |value: Value| json!({"scheduleInfo": {"expiration": value}});
    refused_by_name(&[
        (json!({"ticketInfo": "T1"}), "properties.ticketInfo"),
        (json!({"ticketInfo": {"ticketNumber": 1}}), "properties.ticketInfo.ticketNumber"),
        (json!({"ticketInfo": {"ticketSystem": "y".repeat(257)}}), "properties.ticketInfo.ticketSystem"),
        (json!({"scheduleInfo": []}), "properties.scheduleInfo"),
        (json!({"scheduleInfo": {"startDateTime": "tomorrow"}}), "properties.scheduleInfo.startDateTime"),
        (expiration(json!("PT1H")), "properties.scheduleInfo.expiration"),
        (expiration(json!({"type": "Sometime"})), "properties.scheduleInfo.expiration.type"),
        (expiration(json!({"type": "AfterDuration"})), "properties.scheduleInfo.expiration.duration"),
        (expiration(json!({"duration": "-PT1H"})), "properties.scheduleInfo.expiration.duration"),
        (expiration(json!({"type": "AfterDateTime"})), "properties.scheduleInfo.expiration.endDateTime"),
        (json!({"linkedRoleEligibilityScheduleId": "x"}), "properties.linkedRoleEligibilityScheduleId"),
        (json!({"targetRoleAssignmentScheduleId": 1}), "properties.targetRoleAssignmentScheduleId"),
        (json!({"condition": "@Resource[x] StringEquals 'y'"}), "properties.condition"),
    ]);
}

#[test]
fn a_decision_is_flat_or_inside_of_properties() {
    let approve = DecisionBody { verdict: Verdict::Approve, justification: "checked ticket".into() };
    let flat = json!({"reviewResult": "Approve", "justification": "checked ticket"});
    assert_eq!(DecisionBody::parse(&json!({"properties": flat})), Ok(approve.clone()));
    assert_eq!(DecisionBody::parse(&flat), Ok(approve));
    assert_eq!(DecisionBody::parse(&json!({"reviewResult": "deny"})).unwrap().verdict, Verdict::Deny);
    for bad in [
        json!(null),
        json!({}),
        json!({"properties": {}}),
        json!({"reviewResult": "NotReviewed"}),
        json!({"reviewResult": true}),
        json!({"reviewResult": "Approve", "justification": "a\u{0}b"}),
        json!({"reviewResult": "Approve", "properties": {}}),
    ] {
        assert!(DecisionBody::parse(&bad).is_err(), "{bad}");
    }
}

/// Any JSON at all.
fn anything() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,12}".prop_map(Value::from),
        Just(json!("PT1H")),
        Just(json!("P99999Y")),
        Just(json!("9999-12-31T23:59:59Z")),
        Just(json!("AfterDuration")),
        Just(json!(READER)),
    ];
    leaf.prop_recursive(3, 24, 6, |inner| {
        let key =
            prop_oneof!["[a-z]{1,4}", Just("id".to_string()), Just("type".into()), Just("duration".into())];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Whatever stands in a field, the answer is a request or a 400.
    #[test]
    fn no_field_breaks_the_reading(field in 0usize..10, value in anything()) {
        let fields = ["principalId", "roleDefinitionId", "requestType", "justification", "ticketInfo", "scheduleInfo",
            "linkedRoleEligibilityScheduleId", "condition", "targetRoleAssignmentScheduleId", "expiration"];
        let more = match fields[field] {
            "expiration" => json!({"scheduleInfo": {"expiration": value}}),
            name => json!({name: value}),
        };
        match ScheduleRequestBody::parse(&raw_body("SelfActivate", ALICE, more)) {
            Ok(body) => {
                let world = World::new();
                let _ = world.ask_with(&caller(ALICE), &body);
            }
            Err(error) => prop_assert_eq!(error.kind, ErrorKind::Invalid),
        }
    }

    /// Whatever a patch says, the answer is a policy that holds together or a 400, and consent keeps its approval.
    #[test]
    fn no_patch_breaks_a_policy(rule in 0usize..17, key in 0usize..6, value in anything()) {
        let id = crate::policy::RuleId::all().nth(rule).unwrap().to_string();
        let keys = ["setting", "maximumDuration", "enabledRules", "isEnabled", "notificationRecipients", "ruleType"];
        let mut body = json!({"id": id});
        body[keys[key]] = value;
        let policy = RolePolicy::default_for(BACKUP_MUA_OPERATOR, guard(), true);
        match policy.patch(&rule_patch(body), object(SAM), at(START)) {
            Ok(patched) => prop_assert!(patched.needs_approval() && patched.rules().approval.is_on()),
            Err(error) => prop_assert_eq!(error.kind, ErrorKind::Invalid),
        }
    }
}
