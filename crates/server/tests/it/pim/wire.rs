//! The form in which real clients ask, and in which they are answered: ids with doubled slashes, a role without its
//! leading slash, a start in another time zone; and which properties there are, no more and no fewer.

use std::collections::BTreeSet;

use jiff::tz::Offset;
use serde_json::{Value, json};

use super::world::*;
use crate::harness::{SAM, SECURITY_SUB, SUE};

const BOTH: [(&str, &str); 2] =
    [(ELIGIBILITY, "targetRoleEligibilityScheduleId"), (ASSIGNMENT, "targetRoleAssignmentScheduleId")];

fn keys(value: &Value) -> BTreeSet<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn a_request_as_powershell_makes_it() {
    for (family, target) in BOTH {
        let world = World::start().await;
        let here = Offset::constant(-8).to_datetime(world.server.now());
        let body = json!({"properties": {
            "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"},
                "startDateTime": format!("{here}-08:00")},
            "roleDefinitionId": role_id(READER).trim_start_matches('/'),
            "principalId": SUE,
            "requestType": "AdminAssign",
            "justification": "tests",
        }});
        let name = fresh();
        let path = format!(
            "//subscriptions/{SECURITY_SUB}//providers/Microsoft.Authorization/{family}Requests/{name}?api-version=2020-10-01-preview"
        );
        let made = world.server.as_(SAM).put(&path, body).await.expect(201);
        assert_eq!(keys(&made), BTreeSet::from(["id", "name", "properties", "type"]));
        assert_eq!(made["name"], name.to_string());
        assert_eq!(made["type"], format!("Microsoft.Authorization/{family}Requests"));
        let properties = &made["properties"];
        let expected = BTreeSet::from([
            target,
            "scope",
            "roleDefinitionId",
            "principalId",
            "principalType",
            "requestType",
            "status",
            "scheduleInfo",
            "ticketInfo",
            "requestorId",
            "createdOn",
            "expandedProperties",
            "justification",
        ]);
        assert_eq!(keys(properties), expected);
        assert_eq!(properties["status"], "Provisioned");
        assert_eq!(properties["scope"], subscription());
        assert_eq!(properties["roleDefinitionId"], role_id(READER));
        assert_eq!(properties["ticketInfo"], json!({}));
        assert_eq!(properties["scheduleInfo"]["startDateTime"], arm::long_timestamp(world.server.now()));
        let expanded = &properties["expandedProperties"];
        assert_eq!(
            expanded["scope"],
            json!({"id": subscription(), "displayName": "Security", "type": "subscription"})
        );
        assert_eq!(expanded["roleDefinition"]["type"], "BuiltInRole");
        assert_eq!(keys(&expanded["principal"]), BTreeSet::from(["displayName", "email", "id", "type"]));
        let read = world.server.as_(SAM).get(made["id"].as_str().unwrap()).await.expect(200);
        assert_eq!(read, made);
    }
}

#[tokio::test]
async fn an_activation_names_its_approval_and_its_schedule() {
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    let name = asked["name"].as_str().unwrap();
    let approval = format!("/providers/Microsoft.Authorization/roleAssignmentApprovals/{name}");
    assert_eq!(asked["properties"]["approvalId"], approval);
    assert_eq!(asked["properties"]["targetRoleAssignmentScheduleId"], Value::Null);
    let shown = world.server.as_(SAM).get(&approval).await.expect(200);
    assert_eq!(keys(&shown), BTreeSet::from(["id", "name", "properties", "type"]));
    assert_eq!((&shown["id"], &shown["name"]), (&json!(approval), &json!(name)));
    let [stage] = shown["properties"]["stages"].as_array().unwrap().as_slice() else { panic!("{shown:#}") };
    let expected = BTreeSet::from([
        "displayName",
        "status",
        "assignedToMe",
        "reviewResult",
        "justification",
        "reviewedBy",
        "reviewedDateTime",
    ]);
    assert_eq!(keys(&stage["properties"]), expected);
    // Also below a scope, as the newer routes have it.
    let below_guard = world.server.as_(SAM).get(&format!("{}{approval}", guard())).await.expect(200);
    assert_eq!(below_guard, shown);

    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    let asked = world.server.as_(SAM).get(asked["id"].as_str().unwrap()).await.expect(200);
    let schedule = below(&guard(), &format!("roleAssignmentSchedules/{name}"));
    assert_eq!(asked["properties"]["targetRoleAssignmentScheduleId"], schedule);
    let schedule = world.server.as_(SAM).get(&schedule).await.expect(200);
    assert_eq!(schedule["properties"]["roleAssignmentScheduleRequestId"], asked["id"]);
    let instance = below(&guard(), &format!("roleAssignmentScheduleInstances/{name}"));
    let instance = world.server.as_(SAM).get(&instance).await.expect(200);
    assert_eq!(instance["properties"]["roleAssignmentScheduleId"], schedule["id"]);
    let origin = instance["properties"]["originRoleAssignmentId"].as_str().unwrap();
    let assignment = world.server.as_(SAM).get(origin).await.expect(200);
    assert_eq!(assignment["properties"]["principalId"], asked["properties"]["principalId"]);
    assert_eq!(assignment["properties"]["roleDefinitionId"], role_id(OPERATOR));
}

#[tokio::test]
async fn of_several_schedules_the_one_that_is_named_is_meant() {
    for (family, target) in BOTH {
        let world = World::start().await;
        let now = world.give(family, "AdminAssign", SUE, &lasting("P1D")).await.expect(201);
        let day = jiff::SignedDuration::from_hours(24);
        let next_week = arm::long_timestamp(world.server.now() + day * 7);
        let later = json!({"scheduleInfo": {"startDateTime": next_week,
            "expiration": {"type": "AfterDuration", "duration": "P1D"}}});
        let later = world.give(family, "AdminAssign", SUE, &later).await.expect(201);
        let listed = async || -> BTreeSet<String> {
            let found = world.list(SAM, &guard(), &format!("{family}s")).await;
            found.iter().map(|one| one["name"].as_str().unwrap().to_string()).collect()
        };
        let name = |request: &Value| request["name"].as_str().unwrap().to_string();
        assert_eq!(listed().await, BTreeSet::from([name(&now), name(&later)]));
        assert_eq!(world.list(SAM, &guard(), &format!("{family}Instances")).await.len(), 1);
        let nothing = world.give(family, "AdminRemove", SUE, &json!({target: fresh()})).await;
        assert_eq!(nothing.code(), "RoleAssignmentDoesNotExist");
        let whole_id = below(&guard(), &format!("{family}s/{}", name(&later)));
        world.give(family, "AdminRemove", SUE, &json!({target: whole_id})).await.expect(201);
        assert_eq!(listed().await, BTreeSet::from([name(&now)]));
        world.give(family, "AdminRemove", SUE, &json!({target: name(&now)})).await.expect(201);
        assert!(listed().await.is_empty());
    }
}
