//! Role definitions and role assignments: what they let through, and what they refuse to become.

use arm::ObjectId;
use directory::{Subscription, SubscriptionState};
use jiff::SignedDuration;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{
    ALICE, ALICE_GUEST, AUTOMATION, BACKUP_SUB, BOB, CONTOSO, Harness, SAM, SECURITY_SUB, SUE,
};

const OWNER: &str = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";
const CONTRIBUTOR: &str = "b24988ac-6180-42a0-ab88-20f7382dd24c";
const ACCESS_ADMIN: &str = "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9";

fn sub() -> String {
    format!("/subscriptions/{BACKUP_SUB}")
}

fn assignment(scope: &str, name: u128) -> String {
    let name = Uuid::from_u128(name);
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}")
}

fn definition(scope: &str, name: u128) -> String {
    let name = Uuid::from_u128(name);
    format!("{scope}/providers/Microsoft.Authorization/roleDefinitions/{name}")
}

fn body(role: &str, who: ObjectId) -> Value {
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
    json!({"properties": {"roleDefinitionId": role, "principalId": who.to_string()}})
}

fn custom(name: &str, actions: &[&str], scopes: &[&str]) -> Value {
    json!({"properties": {
        "roleName": name,
        "type": "CustomRole",
        "description": "",
        "assignableScopes": scopes,
        "permissions": [{"actions": actions, "notActions": []}],
    }})
}

fn principals(list: &Value) -> Vec<&str> {
    let values = list["value"].as_array().unwrap();
    let mut found: Vec<&str> =
        values.iter().map(|one| one["properties"]["principalId"].as_str().unwrap()).collect();
    found.sort_unstable();
    found
}

async fn group(server: &Harness, name: &str) -> String {
    let id = format!("{}/resourceGroups/{name}", sub());
    server.as_(ALICE).put(&id, json!({"location": "eastus"})).await.expect(201);
    id
}

/// Writes behind the front door, with the ledger entry that the store insists on.
fn plant(server: &Harness, write: impl Fn(&mut store::Transaction) -> arm::Result<()>) {
    let write = |tx: &mut store::Transaction| {
        let entry = tx.ledger(0, 1)?.remove(0);
        tx.record(entry);
        write(tx)
    };
    server.running.app().store.transact(write).unwrap();
}

#[tokio::test]
async fn a_role_works_with_the_next_request_and_ends_with_the_next() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let rg = group(&server, "rg").await;
    assert_eq!(server.as_(BOB).get(&rg).await.status, 403);
    let path = assignment(&rg, 1);
    let mut asked = body(READER, BOB);
    asked["properties"]["principalType"] = "User".into();
    asked["properties"]["description"] = "on call".into();
    let made = alice.put(&path, asked.clone()).await.expect(201);
    assert_eq!(made["properties"]["scope"], rg);
    assert_eq!(made["properties"]["principalType"], "User");
    let role = format!("{}/providers/Microsoft.Authorization/roleDefinitions/{READER}", sub());
    assert_eq!(made["properties"]["roleDefinitionId"], role);
    assert_eq!(made["properties"]["createdBy"], ALICE.to_string());
    server.as_(BOB).get(&rg).await.expect(200);
    assert_eq!(server.as_(BOB).patch(&rg, json!({})).await.status, 403);

    // Again is the same; another description is an update; anything else is not.
    alice.put(&path, asked.clone()).await.expect(200);
    asked["properties"]["description"] = "on duty".into();
    let updated = alice.put(&path, asked).await.expect(200);
    assert_eq!(updated["properties"]["description"], "on duty");
    let kept = alice.put(&path, body(READER, BOB)).await.expect(200);
    assert_eq!(kept["properties"]["description"], "on duty");
    for other in [body(OWNER, BOB), body(READER, AUTOMATION)] {
        let refused = alice.put(&path, other).await;
        assert_eq!((refused.status, refused.code()), (409, "RoleAssignmentUpdateNotPermitted"));
    }

    alice.delete(&path).await.expect(200);
    assert_eq!(server.as_(BOB).get(&rg).await.status, 403);
    assert_eq!(alice.delete(&path).await.status, 204);
    assert_eq!(alice.get(&path).await.status, 404);
}

#[tokio::test]
async fn an_assignment_names_what_exists_in_its_own_tenant() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let bad_role = json!({"properties": {"roleDefinitionId": "/x", "principalId": BOB.to_string()}});
    let no_role = json!({"properties": {"principalId": BOB.to_string()}});
    let mut wrong_kind = body(READER, BOB);
    wrong_kind["properties"]["principalType"] = "Group".into();
    let mut no_kind = body(READER, BOB);
    no_kind["properties"]["principalType"] = "Device".into();
    let mut condition = body(READER, BOB);
    condition["properties"]["condition"] = "@Resource[x] stringEquals 'y'".into();
    let nobody = ObjectId(Uuid::from_u128(0xdead));
    for (body, code) in [
        (body(READER, nobody), "PrincipalNotFound"),
        // Known, but to the other tenant.
        (body(READER, SAM), "PrincipalNotFound"),
        (body(READER, ALICE_GUEST), "PrincipalNotFound"),
        (body("00000000-0000-0000-0000-000000000bad", BOB), "RoleDefinitionDoesNotExist"),
        (bad_role, "InvalidRoleDefinitionId"),
        (no_role, "InvalidRequestContent"),
        (wrong_kind, "UnmatchedPrincipalType"),
        (no_kind, "UnmatchedPrincipalType"),
        (condition, "RoleAssignmentConditionNotSupported"),
        (json!({"properties": {"principalId": 7}}), "InvalidRequestContent"),
        (json!([]), "InvalidRequestContent"),
    ] {
        let refused = alice.put(&assignment(&sub(), 1), body.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{body}");
    }
    let unnamed = format!("{}/providers/Microsoft.Authorization/roleAssignments/mine", sub());
    assert_eq!(alice.put(&unnamed, body(READER, BOB)).await.status, 400);
    let nowhere = format!("{}/resourceGroups/none", sub());
    assert_eq!(alice.put(&assignment(&nowhere, 1), body(READER, BOB)).await.code(), "ResourceGroupNotFound");
    for scope in ["", "/providers/Microsoft.Management/managementGroups/m"] {
        let refused = alice.put(&assignment(scope, 1), body(READER, BOB)).await;
        assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"), "{scope}");
    }
    let collection = format!("{}/resourceGroups", sub());
    assert_eq!(alice.put(&assignment(&collection, 1), body(READER, BOB)).await.status, 403);
    assert_eq!(alice.get(&assignment(&sub(), 1)).await.status, 404);
}

#[tokio::test]
async fn one_assignment_of_a_role_to_a_principal_at_a_scope() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let rg = group(&server, "rg").await;
    alice.put(&assignment(&rg, 1), body(READER, BOB)).await.expect(201);
    let twice = alice.put(&assignment(&rg, 2), body(READER, BOB)).await;
    assert_eq!((twice.status, twice.code()), (409, "RoleAssignmentExists"));
    // A name is used once in a tenant.
    let elsewhere = alice.put(&assignment(&sub(), 1), body(READER, BOB)).await;
    assert_eq!((elsewhere.status, elsewhere.code()), (409, "RoleAssignmentUpdateNotPermitted"));
    // The other tenant has names of its own.
    let sam = server.as_(SAM);
    let theirs = assignment(&format!("/subscriptions/{SECURITY_SUB}"), 1);
    sam.put(&theirs, body(READER, SUE)).await.expect(201);
    // At another scope, or with another role, it is another assignment.
    alice.put(&assignment(&sub(), 3), body(READER, BOB)).await.expect(201);
    alice.put(&assignment(&rg, 4), body(CONTRIBUTOR, BOB)).await.expect(201);
}

#[tokio::test]
async fn only_those_who_may_give_rights_give_them() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let rg = group(&server, "rg").await;
    alice.put(&assignment(&rg, 1), body(CONTRIBUTOR, BOB)).await.expect(201);
    let bob = server.as_(BOB);
    bob.patch(&rg, json!({"tags": {}})).await.expect(200);
    for refused in [
        bob.put(&assignment(&rg, 2), body(OWNER, BOB)).await,
        bob.delete(&assignment(&rg, 1)).await,
        bob.put(&definition(&rg, 3), custom("Mine", &["*"], &[&rg])).await,
    ] {
        assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    }
    // A right to give rights in one group reaches no further.
    alice.put(&assignment(&rg, 4), body(ACCESS_ADMIN, BOB)).await.expect(201);
    bob.put(&assignment(&rg, 5), body(READER, AUTOMATION)).await.expect(201);
    assert_eq!(bob.put(&assignment(&sub(), 6), body(OWNER, BOB)).await.status, 403);
}

#[tokio::test]
async fn nobody_reaches_into_the_other_tenant() {
    let server = Harness::start().await;
    let security = format!("/subscriptions/{SECURITY_SUB}");
    let alice = server.as_(ALICE).with(ALICE_GUEST);
    let wrong = alice.put(&assignment(&security, 1), body(OWNER, ALICE_GUEST)).await;
    assert_eq!((wrong.status, wrong.code()), (401, "InvalidAuthenticationTokenTenant"));
    let guest = server.as_(ALICE_GUEST).put(&assignment(&security, 1), body(OWNER, ALICE_GUEST)).await;
    assert_eq!((guest.status, guest.code()), (403, "AuthorizationFailed"));
    let list = format!("{security}/providers/Microsoft.Authorization/roleAssignments");
    assert_eq!(server.as_(ALICE_GUEST).get(&list).await.status, 403);
    // Through a role of Alice's own that claims to be assignable there.
    let reach = custom("Reach", &["*"], &[&sub(), &security]);
    let refused = server.as_(ALICE).put(&definition(&sub(), 9), reach).await;
    assert_eq!((refused.status, refused.code()), (400, "InvalidRoleDefinitionAssignableScopes"));
}

#[tokio::test]
async fn assignments_are_listed_around_their_scope() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let (rg, other) = (group(&server, "rg").await, group(&server, "other").await);
    let vault = format!("{rg}/providers/Microsoft.RecoveryServices/vaults/v");
    alice.put(&assignment(&vault, 1), body(READER, BOB)).await.expect(201);
    alice.put(&assignment(&rg, 2), body(READER, AUTOMATION)).await.expect(201);
    alice.put(&assignment(&other, 3), body(CONTRIBUTOR, BOB)).await.expect(201);
    let (a, b, x) = (ALICE.to_string(), BOB.to_string(), AUTOMATION.to_string());
    let (a, b, x) = (a.as_str(), b.as_str(), x.as_str());
    let bob_twice = [b, b, x, a];
    let mut everything = bob_twice.to_vec();
    everything.sort_unstable();
    let list = |scope: &str, filter: &str| {
        format!("{scope}/providers/Microsoft.Authorization/roleAssignments{filter}")
    };
    let mut around = vec![a, b, x];
    around.sort_unstable();
    let mut above = vec![a, x];
    above.sort_unstable();
    for (path, wanted) in [
        (list(&sub(), ""), everything),
        (list(&rg, ""), around),
        (list(&rg, "?$filter=atScope()"), above),
        (list(&sub(), &format!("?$filter=principalId eq '{b}'")), vec![b, b]),
        (list(&rg, &format!("?$filter=atScope() and assignedTo('{x}')")), vec![x]),
        (list(&sub(), "?$filter=asTarget()"), vec![a]),
    ] {
        let found = alice.get(&path).await.expect(200);
        assert_eq!(principals(&found), wanted, "{path}");
    }
    for filter in ["?$filter=assignedTo('x')", "?$filter=principalId ne 'x'", "?$filter=scope eq 'x'"] {
        let refused = alice.get(&list(&rg, filter)).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidFilter"), "{filter}");
    }
    let mut link = list(&sub(), "?$top=3");
    let mut seen = 0;
    while !link.is_empty() {
        let page = alice.get(&link).await.expect(200);
        seen += page["value"].as_array().unwrap().len();
        link = page["nextLink"].as_str().unwrap_or_default().to_string();
    }
    assert_eq!(seen, 4);
}

#[tokio::test]
async fn a_subscription_keeps_an_administrator() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let listed = format!("{}/providers/Microsoft.Authorization/roleAssignments", sub());
    let only = alice.get(&listed).await.expect(200)["value"][0]["id"].as_str().unwrap().to_string();
    let refused = alice.delete(&only).await;
    assert_eq!((refused.status, refused.code()), (412, "CannotDeleteLastRbacAdminAssignment"));
    // A right that ends by itself is no replacement.
    activate(&server, 7).await;
    assert_eq!(alice.delete(&only).await.status, 412);
    alice.put(&assignment(&sub(), 1), body(OWNER, AUTOMATION)).await.expect(201);
    alice.delete(&only).await.expect(200);
    assert_eq!(alice.get(&listed).await.status, 403);
}

/// Bob is made eligible for Owner, and activates it for an hour under this name.
async fn activate(server: &Harness, name: u128) {
    let request = |kind: &str, name: u128| {
        format!(
            "{}/providers/Microsoft.Authorization/{kind}ScheduleRequests/{}",
            sub(),
            Uuid::from_u128(name)
        )
    };
    let body = |kind: &str, duration: &str| {
        let mut body = body(OWNER, BOB);
        body["properties"]["requestType"] = kind.into();
        body["properties"]["justification"] = "on call".into();
        body["properties"]["scheduleInfo"] =
            json!({"expiration": {"type": "AfterDuration", "duration": duration}});
        body
    };
    let eligible = request("roleEligibility", name + 1000);
    server.as_(ALICE).put(&eligible, body("AdminAssign", "P30D")).await.expect(201);
    let active = request("roleAssignment", name);
    server.as_(BOB).put(&active, body("SelfActivate", "PT1H")).await.expect(201);
}

#[tokio::test]
async fn an_activation_is_shown_while_it_holds_and_never_made_permanent() {
    let server = Harness::start().await;
    activate(&server, 7).await;
    let alice = server.as_(ALICE);
    let path = assignment(&sub(), 7);
    alice.get(&path).await.expect(200);
    server.as_(BOB).get(&sub()).await.expect(200);
    // Not by repeating it, and while it runs not beside it.
    assert_eq!(alice.put(&path, body(OWNER, BOB)).await.code(), "RoleAssignmentUpdateNotPermitted");
    assert_eq!(alice.put(&assignment(&sub(), 8), body(OWNER, BOB)).await.code(), "RoleAssignmentExists");
    server.advance(SignedDuration::from_hours(1));
    assert_eq!(alice.get(&path).await.status, 404);
    assert_eq!(server.as_(BOB).get(&sub()).await.status, 403);
    assert_eq!(alice.put(&path, body(OWNER, BOB)).await.code(), "RoleAssignmentUpdateNotPermitted");
    alice.put(&assignment(&sub(), 8), body(OWNER, BOB)).await.expect(201);
}

#[tokio::test]
async fn a_running_activation_can_be_taken_away() {
    let server = Harness::start().await;
    activate(&server, 7).await;
    server.as_(BOB).get(&sub()).await.expect(200);
    server.as_(ALICE).delete(&assignment(&sub(), 7)).await.expect(200);
    assert_eq!(server.as_(BOB).get(&sub()).await.status, 403);
}

#[tokio::test]
async fn a_lock_below_does_not_keep_a_right_above() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let rg = group(&server, "rg").await;
    alice.put(&assignment(&sub(), 1), body(READER, BOB)).await.expect(201);
    let lock = format!("{rg}/providers/Microsoft.Authorization/locks/keep");
    alice.put(&lock, json!({"properties": {"level": "CanNotDelete"}})).await.expect(201);
    alice.delete(&assignment(&sub(), 1)).await.expect(200);
    // At a locked scope the lock holds for assignments too, as in Azure.
    alice.put(&assignment(&rg, 2), body(READER, BOB)).await.expect(201);
    assert_eq!(alice.delete(&assignment(&rg, 2)).await.code(), "ScopeLocked");
}

#[tokio::test]
async fn built_in_roles_are_shown_where_they_are_asked_for() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let rg = group(&server, "rg").await;
    let at =
        |scope: &str, rest: &str| format!("{scope}/providers/Microsoft.Authorization/roleDefinitions{rest}");
    let found = alice.get(&at(&rg, "?$filter=roleName eq 'backup mua operator'")).await.expect(200);
    let operator = "f54b6d04-23c6-443e-b462-9c16ab7b4a52";
    assert_eq!(found["value"][0]["id"], at(&sub(), &format!("/{operator}")));
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let all = alice.get(&at(&sub(), "?$filter=type eq 'BuiltInRole'")).await.expect(200);
    assert_eq!(all["value"].as_array().unwrap().len(), 9);
    let none = alice.get(&at(&sub(), "?$filter=type eq 'CustomRole'")).await.expect(200);
    assert_eq!(none["value"], json!([]));
    // At the root they are for everybody.
    let root = server.as_(BOB).get(&at("", &format!("/{READER}"))).await.expect(200);
    assert_eq!(root["id"], at("", &format!("/{READER}")));
    assert_eq!(server.as_(BOB).get(&at(&sub(), "")).await.status, 403);
    for refused in [
        alice.put(&at(&sub(), &format!("/{READER}")), custom("Mine", &["*"], &[&sub()])).await,
        alice.delete(&at(&sub(), &format!("/{READER}"))).await,
        alice.get(&at(&sub(), "/reader")).await,
    ] {
        assert_eq!(refused.status, 400, "{}", refused.text);
    }
}

#[tokio::test]
async fn a_custom_role_lives_and_dies() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let rg = group(&server, "rg").await;
    let path = definition(&sub(), 1);
    let read = "Microsoft.Resources/subscriptions/resourceGroups/read";
    let made = alice.put(&path, custom("Group reader", &[read], &[&sub()])).await.expect(201);
    assert_eq!(made["properties"]["permissions"][0]["actions"], json!([read]));
    let role = Uuid::from_u128(1).to_string();
    alice.put(&assignment(&rg, 1), body(&role, BOB)).await.expect(201);
    server.as_(BOB).get(&rg).await.expect(200);

    // A change of the role works with the next request; what is left out stays.
    let changed = json!({"properties": {"permissions": [{"actions": ["Microsoft.Resources/tags/*"]}]}});
    let after = alice.put(&path, changed).await.expect(201);
    assert_eq!(after["properties"]["roleName"], "Group reader");
    assert_eq!(server.as_(BOB).get(&rg).await.status, 403);

    let assigned = alice.delete(&path).await;
    assert_eq!((assigned.status, assigned.code()), (400, "RoleDefinitionHasAssignments"));
    let other = group(&server, "other").await;
    let stranded = alice.put(&path, json!({"properties": {"assignableScopes": [other]}})).await;
    assert_eq!((stranded.status, stranded.code()), (400, "RoleDefinitionHasAssignments"));
    alice.delete(&assignment(&rg, 1)).await.expect(200);
    alice.delete(&path).await.expect(200);
    assert_eq!(alice.delete(&path).await.status, 204);
    assert_eq!(alice.get(&path).await.status, 404);
    let gone = alice.put(&assignment(&rg, 2), body(&role, BOB)).await;
    assert_eq!((gone.status, gone.code()), (400, "RoleDefinitionDoesNotExist"));
}

#[tokio::test]
async fn a_custom_role_stays_within_its_scopes_and_its_tenant() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let (rg, other) = (group(&server, "rg").await, group(&server, "other").await);
    alice.put(&definition(&rg, 1), custom("In one group", &["*/read"], &[&rg])).await.expect(201);
    let role = Uuid::from_u128(1).to_string();
    let outside = alice.put(&assignment(&other, 1), body(&role, BOB)).await;
    assert_eq!((outside.status, outside.code()), (400, "RoleDefinitionDoesNotExist"));
    assert_eq!(alice.get(&definition(&other, 1)).await.status, 404);
    let at = |filter: &str| format!("{}/providers/Microsoft.Authorization/roleDefinitions{filter}", sub());
    let custom_only = "?$filter=type eq 'CustomRole'";
    let here = alice.get(&at(custom_only)).await.expect(200);
    assert_eq!(here["value"], json!([]));
    let below = alice.get(&at(&format!("{custom_only} and atScopeAndBelow()"))).await.expect(200);
    assert_eq!(below["value"].as_array().unwrap().len(), 1);

    let same_name = alice.put(&definition(&sub(), 2), custom("in ONE group", &["*/read"], &[&sub()])).await;
    assert_eq!((same_name.status, same_name.code()), (409, "RoleDefinitionWithSameNameExists"));
    // The other tenant neither sees it, nor overwrites it, nor assigns it; and has names of its own.
    let sam = server.as_(SAM);
    let security = format!("/subscriptions/{SECURITY_SUB}");
    let theirs = definition(&security, 1);
    assert_eq!(sam.get(&theirs).await.status, 404);
    assert_eq!(sam.delete(&theirs).await.status, 204);
    let taken = sam.put(&theirs, custom("Theirs", &["*/read"], &[&security])).await;
    assert_eq!((taken.status, taken.code()), (409, "RoleDefinitionExists"));
    assert_eq!(
        sam.put(&assignment(&security, 5), body(&role, SUE)).await.code(),
        "RoleDefinitionDoesNotExist"
    );
    sam.put(&definition(&security, 3), custom("In one group", &["*/read"], &[&security])).await.expect(201);
    assert_eq!(
        alice.get(&definition(&rg, 1)).await.expect(200)["properties"]["assignableScopes"],
        json!([rg])
    );
}

#[tokio::test]
async fn a_role_is_changed_by_those_who_may_everywhere_it_reaches() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let (rg, other) = (group(&server, "rg").await, group(&server, "other").await);
    alice.put(&definition(&sub(), 1), custom("Wide", &["*/read"], &[&sub()])).await.expect(201);
    alice.put(&assignment(&rg, 1), body(OWNER, BOB)).await.expect(201);
    let bob = server.as_(BOB);
    // Bob owns one group: he neither changes a role that reaches further, nor pulls it into his group to do so.
    for refused in [
        bob.put(&definition(&rg, 1), custom("Wide", &["*"], &[&sub()])).await,
        bob.put(&definition(&rg, 1), custom("Wide", &["*"], &[&rg])).await,
        bob.delete(&definition(&rg, 1)).await,
        bob.put(&definition(&rg, 2), custom("New", &["*"], &[&rg, &other])).await,
    ] {
        assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    }
    bob.put(&definition(&rg, 3), custom("Own", &["*/read"], &[&rg])).await.expect(201);
}

#[tokio::test]
async fn bad_custom_roles_are_refused() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let with = |name: &str, value: Value| {
        let mut role = custom("Role", &["*/read"], &[&sub()]);
        role["properties"][name] = value;
        role
    };
    let many: Vec<String> = (0..1025).map(|n| format!("A.B/c{n}/read")).collect();
    for (body, code) in [
        (with("roleName", json!("Reader")), "RoleDefinitionWithSameNameExists"),
        (with("roleName", json!("")), "InvalidRoleDefinitionName"),
        (with("type", json!("BuiltInRole")), "InvalidRequestContent"),
        (with("assignableScopes", json!(["/"])), "InvalidRoleDefinitionAssignableScopes"),
        (with("assignableScopes", json!([])), "InvalidRoleDefinitionAssignableScopes"),
        (with("assignableScopes", json!("x")), "InvalidRequestContent"),
        (
            with("assignableScopes", json!(["/providers/Microsoft.Management/managementGroups/m"])),
            "InvalidRoleDefinitionAssignableScopes",
        ),
        (with("permissions", json!([])), "InvalidRoleDefinitionPermissions"),
        (with("permissions", json!([5])), "InvalidRequestContent"),
        (with("permissions", json!([{"actions": ["a b"]}])), "InvalidActionOrNotAction"),
        (with("permissions", json!([{"actions": many}])), "InvalidRequestContent"),
        (
            with("permissions", json!([{"actions": ["*"], "condition": "x"}])),
            "InvalidRoleDefinitionPermissions",
        ),
        (json!({}), "InvalidRequestContent"),
    ] {
        let refused = alice.put(&definition(&sub(), 1), body).await;
        let status = if code == "RoleDefinitionWithSameNameExists" { 409 } else { 400 };
        assert_eq!((refused.status, refused.code()), (status, code), "{}", refused.text);
    }
    assert_eq!(alice.get(&definition(&sub(), 1)).await.status, 404);
}

#[tokio::test]
async fn everybody_may_ask_what_they_may_do() {
    let server = Harness::start().await;
    let at = |rest: &str| format!("{}/providers/Microsoft.Authorization/{rest}", sub());
    let of_alice = server.as_(ALICE).get(&at("permissions")).await.expect(200);
    assert_eq!(of_alice["value"][0]["actions"], json!(["*"]));
    let of_bob = server.as_(BOB).get(&at("permissions")).await.expect(200);
    assert_eq!(of_bob["value"], json!([]));
    for list in ["denyAssignments", "classicAdministrators"] {
        assert_eq!(server.as_(ALICE).get(&at(list)).await.expect(200), json!({"value": []}));
        assert_eq!(server.as_(BOB).get(&at(list)).await.status, 403);
    }
    let all = server.as_(BOB).get("/providers/Microsoft.Authorization/providerOperations").await.expect(200);
    assert!(all.to_string().contains("Microsoft.Authorization/roleAssignments/write"));
    let one = "/providers/Microsoft.Authorization/providerOperations/microsoft.dataprotection";
    let one = server.as_(BOB).get(one).await.expect(200);
    assert!(one.to_string().contains("deleteProtectedItemRequests/action"), "{one}");
    let none = "/providers/Microsoft.Authorization/providerOperations/Microsoft.Compute";
    assert_eq!(server.as_(BOB).get(none).await.status, 404);
}

#[tokio::test]
async fn a_disabled_subscription_gives_no_rights_away() {
    let server = Harness::start().await;
    plant(&server, |tx| {
        tx.put(&Subscription {
            id: BACKUP_SUB,
            tenant: CONTOSO,
            name: "Backup production".into(),
            state: SubscriptionState::Disabled,
        })
    });
    let refused = server.as_(ALICE).put(&assignment(&sub(), 1), body(READER, BOB)).await;
    assert_eq!((refused.status, refused.code()), (409, "ReadOnlyDisabledSubscription"));
    let shown = server.as_(ALICE).get(&sub()).await.expect(200);
    assert_eq!(shown["state"], "Disabled");
}

#[tokio::test]
async fn the_ledger_tells_who_gave_what_to_whom() {
    let server = Harness::start().await;
    server.as_(ALICE).put(&assignment(&sub(), 1), body(READER, BOB)).await.expect(201);
    let store = &server.running.app().store;
    let entries = store.transact(|tx| tx.ledger(0, 100)).unwrap();
    let last = entries.last().unwrap();
    assert_eq!(last.operation, "Microsoft.Authorization/roleAssignments/write");
    assert_eq!(last.actor.name, "alice@contoso.example");
    assert_eq!(last.facts["role"], "Reader");
    assert_eq!(last.facts["principalName"], "bob@contoso.example");
    // Reading it checks it.
    server.ledger();
}
