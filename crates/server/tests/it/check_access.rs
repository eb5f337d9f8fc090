//! "Why can this person do that?": the answers are those that requests get, and say how somebody comes to them.

use arm::ObjectId;
use rbac::role_ids;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::harness::{ALICE, ALICE_GUEST, BACKUP_SUB, BOB, CONTOSO, Harness, SAM, SUE};
use crate::pim::world::*;

const VAULT_READ: &str = "Microsoft.RecoveryServices/Vaults/read";
const GROUP_READ: &str = "Microsoft.Resources/subscriptions/resourceGroups/read";
const GROUP_WRITE: &str = "Microsoft.Resources/subscriptions/resourceGroups/write";
const GROUP_DELETE: &str = "Microsoft.Resources/subscriptions/resourceGroups/delete";
const CONSENT: &str = "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/deleteProtectedItemRequests/action";

fn question(whom: ObjectId, actions: &[&str], resource: &str) -> Value {
    let actions: Vec<Value> = actions.iter().map(|action| json!({"Id": action})).collect();
    json!({"Subject": {"Attributes": {"ObjectId": whom}}, "Actions": actions, "Resource": {"Id": resource}})
}

fn check_path(scope: &str) -> String {
    below(scope, "checkAccess")
}

async fn ask(server: &Harness, who: ObjectId, whom: ObjectId, action: &str, scope: &str) -> Value {
    let answer = server.as_(who).post(&check_path(scope), question(whom, &[action], scope)).await.expect(200);
    answer[0].clone()
}

async fn give(server: &Harness, scope: &str, name: u128, role: arm::RoleId, whom: ObjectId) -> String {
    let path = below(scope, &format!("roleAssignments/{}", Uuid::from_u128(name)));
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let body = json!({"properties": {"roleDefinitionId": role, "principalId": whom}});
    server.as_(ALICE).put(&path, body).await.expect(201);
    path
}

async fn backup_group(server: &Harness) -> String {
    let group = format!("/subscriptions/{BACKUP_SUB}/resourceGroups/rg");
    server.as_(ALICE).put(&group, json!({"location": "westeurope"})).await.expect(201);
    group
}

#[tokio::test]
async fn the_answer_is_the_one_that_requests_get() {
    let server = Harness::start().await;
    let group = backup_group(&server).await;
    let sub = format!("/subscriptions/{BACKUP_SUB}");
    for role in [None, Some(role_ids::READER), Some(role_ids::CONTRIBUTOR), Some(role_ids::OWNER)] {
        if let Some(role) = role {
            give(&server, &group, 7, role, BOB).await;
        }
        for (scope, action, method) in
            [(&group, GROUP_READ, "GET"), (&group, GROUP_WRITE, "PATCH"), (&sub, GROUP_READ, "GET")]
        {
            let told = ask(&server, ALICE, BOB, action, scope).await;
            let path = if scope == &sub { below(&sub, "locks") } else { group.clone() };
            let body = if method == "PATCH" { json!({}) } else { Value::Null };
            let done = server.as_(BOB).call(method, &path, body).await;
            let allowed = told["AccessDecision"] == "Allowed";
            assert_eq!(allowed, done.status == 200, "{role:?} {action} {scope}: {told} {}", done.text);
            assert_eq!(allowed, !told["RoleAssignment"].is_null(), "{told}");
            assert_eq!(allowed, !told["path"].is_null(), "{told}");
            // What Bob is told of himself is the same.
            assert_eq!(ask(&server, BOB, BOB, action, scope).await, told);
        }
        if role.is_some() {
            let path = below(&group, &format!("roleAssignments/{}", Uuid::from_u128(7)));
            server.as_(ALICE).delete(&path).await.expect(200);
        }
    }
}

#[tokio::test]
async fn an_assignment_is_told_with_the_groups_that_lead_to_it() {
    let server = Harness::start().await;
    let group = backup_group(&server).await;
    let [crew, operators] = [0x6001, 0x6002].map(|id| ObjectId(Uuid::from_u128(id)));
    server.seed(|tx| {
        for (id, name, member) in [(crew, "Day crew", BOB), (operators, "Operators", crew)] {
            tx.put(&directory::Group {
                id,
                tenant: CONTOSO,
                name: name.into(),
                mail_nickname: "g".into(),
                description: None,
                members: [member].into(),
            })?;
        }
        Ok(())
    });
    let assignment = give(&server, &group, 1, role_ids::READER, operators).await;
    let vault = format!("{group}/providers/Microsoft.RecoveryServices/vaults/v");
    let told = ask(&server, ALICE, BOB, VAULT_READ, &vault).await;
    assert_eq!(told["ActionId"], VAULT_READ);
    let shown = &told["RoleAssignment"];
    assert_eq!((&shown["Id"], &shown["Scope"]), (&json!(assignment), &json!(group)));
    assert_eq!((&shown["PrincipalId"], &shown["PrincipalType"]), (&json!(operators), &json!("Group")));
    let role = format!("/subscriptions/{BACKUP_SUB}/providers/Microsoft.Authorization/roleDefinitions/");
    assert_eq!(shown["RoleDefinitionId"], format!("{role}{}", role_ids::READER));
    let path = &told["path"];
    assert_eq!((&path["roleName"], &path["scope"]), (&json!("Reader"), &json!(group)));
    assert_eq!((&path["assignmentType"], &path["endDateTime"]), (&json!("Permanent"), &Value::Null));
    assert_eq!(path["principal"]["userPrincipalName"], "bob@contoso.example");
    let groups: Vec<(&Value, &Value)> = path["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (&group["id"], &group["displayName"]))
        .collect();
    assert_eq!(
        groups,
        [(&json!(crew), &json!("Day crew")), (&json!(operators), &json!("Operators"))],
        "from the nearest up"
    );
    assert!(told["reason"].as_str().unwrap().contains("Reader"), "{told}");
    // A group itself does nothing.
    let told = ask(&server, ALICE, operators, VAULT_READ, &vault).await;
    assert_eq!(told["AccessDecision"], "NotAllowed");
    assert!(told["reason"].as_str().unwrap().contains("group"), "{told}");
}

#[tokio::test]
async fn locks_that_stand_in_the_way_are_named() {
    let server = Harness::start().await;
    let group = backup_group(&server).await;
    let lock = |level: &str| json!({"properties": {"level": level, "notes": "quarter's end"}});
    let path = below(&group, "locks/l");
    server.as_(ALICE).put(&path, lock("CanNotDelete")).await.expect(201);
    for (level, write, delete) in [("CanNotDelete", 0, 1), ("ReadOnly", 1, 1)] {
        server.as_(ALICE).put(&path, lock(level)).await;
        let sub = format!("/subscriptions/{BACKUP_SUB}");
        for (scope, action, count) in [
            (&group, GROUP_READ, 0),
            (&group, GROUP_WRITE, write),
            (&group, GROUP_DELETE, delete),
            // A deletion takes what is below along, a write does not.
            (&sub, GROUP_DELETE, delete),
            (&sub, GROUP_WRITE, 0),
            (&group, "Microsoft.Authorization/locks/delete", 0),
        ] {
            let told = ask(&server, ALICE, ALICE, action, scope).await;
            assert_eq!(told["AccessDecision"], "Allowed");
            let locks = told["locks"].as_array().unwrap();
            assert_eq!(locks.len(), count, "{level} {scope} {action}: {told}");
            if let [named] = locks.as_slice() {
                assert_eq!((&named["id"], &named["level"]), (&json!(path), &json!(level)));
            }
        }
    }
    // Asking is reading: the lock does not keep anybody from it.
    let told = ask(&server, BOB, BOB, GROUP_DELETE, &group).await;
    assert_eq!(told["locks"], json!([]), "who may not do it anyway is told of no lock");
}

#[tokio::test]
async fn an_activation_is_told_from_being_eligible_to_its_end() {
    let world = World::start().await;
    world.give(ELIGIBILITY, "AdminAssign", OPERATORS, &lasting("P30D")).await.expect(201);
    let server = &world.server;
    let told = ask(server, SAM, ALICE_GUEST, CONSENT, &guard()).await;
    assert_eq!((&told["AccessDecision"], &told["RoleAssignment"]), (&json!("NotAllowed"), &Value::Null));
    let [eligible] = told["eligibilities"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!((&eligible["scope"], &eligible["isApprovalRequired"]), (&json!(guard()), &json!(true)));
    assert_eq!(eligible["roleName"], "Backup MUA Operator");
    let names = |groups: &Value| -> Vec<String> {
        let groups = groups.as_array().unwrap();
        groups.iter().map(|group| group["displayName"].as_str().unwrap().to_string()).collect()
    };
    assert_eq!(names(&eligible["groups"]), ["Day crew", "Operators"]);
    // Nothing of what she is eligible for reads the vault of somebody else, and another person is eligible for nothing.
    assert_eq!(ask(server, SAM, ALICE_GUEST, VAULT_READ, &guard()).await["eligibilities"], json!([]));
    assert_eq!(ask(server, SAM, SUE, CONSENT, &guard()).await["eligibilities"], json!([]));

    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    let told = ask(server, ALICE_GUEST, ALICE_GUEST, CONSENT, &guard()).await;
    assert_eq!(told["AccessDecision"], "Allowed");
    assert_eq!(told["eligibilities"], json!([]));
    let path = &told["path"];
    assert_eq!((&path["assignmentType"], &path["groups"]), (&json!("Activated"), &json!([])));
    assert!(path["endDateTime"].is_string() && path["startDateTime"].is_string(), "{path}");
    let activation = &path["activation"];
    assert_eq!((&activation["request"], &activation["isApproved"]), (&asked["id"], &json!(true)));
    assert_eq!(activation["eligibility"], eligible["id"]);
    assert_eq!(names(&activation["groups"]), ["Day crew", "Operators"]);
    server.as_(SAM).get(activation["eligibility"].as_str().unwrap()).await.expect(200);

    world.pass(3601);
    assert_eq!(ask(server, SAM, ALICE_GUEST, CONSENT, &guard()).await["AccessDecision"], "NotAllowed");
}

#[tokio::test]
async fn of_others_only_those_are_told_who_see_assignments() {
    let world = World::eligible().await;
    let server = &world.server;
    for (who, whom, status, code) in [
        (SAM, SUE, 200, ""),
        (SUE, SUE, 200, ""),
        (SUE, SAM, 403, "AuthorizationFailed"),
        // Of nobody and of strangers, whoever may not ask is told the same.
        (SUE, ALICE, 403, "AuthorizationFailed"),
        (SAM, ALICE, 400, "PrincipalNotFound"),
        // The tenant of the scope is another one.
        (ALICE, ALICE, 401, "InvalidAuthenticationTokenTenant"),
    ] {
        let body = question(whom, &[CONSENT], &guard());
        let answer = server.as_(who).post(&check_path(&guard()), body).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{who} {whom}: {}", answer.text);
    }
    world.disable(SUE);
    let told = ask(server, SAM, SUE, CONSENT, &guard()).await;
    assert!(told["reason"].as_str().unwrap().contains("disabled"), "{told}");
    // A guest who is disabled at home can do nothing here either, whatever is assigned or could be activated.
    world.disable(ALICE);
    let told = ask(server, SAM, ALICE_GUEST, CONSENT, &guard()).await;
    assert_eq!((&told["AccessDecision"], &told["eligibilities"]), (&json!("NotAllowed"), &json!([])));
}

#[tokio::test]
async fn several_actions_are_answered_in_their_order_and_nonsense_is_refused() {
    let server = Harness::start().await;
    let group = backup_group(&server).await;
    let before = server.ledger().len();
    let alice = server.as_(ALICE);
    let path = check_path(&group);
    let actions = [GROUP_WRITE, "A.B/c/read", GROUP_READ];
    let told = alice.post(&path, question(ALICE, &actions, &group)).await.expect(200);
    let ids: Vec<&str> =
        told.as_array().unwrap().iter().map(|one| one["ActionId"].as_str().unwrap()).collect();
    assert_eq!(ids, actions);
    let mut data = question(ALICE, &[GROUP_READ], &group);
    data["Actions"][0]["IsDataAction"] = true.into();
    assert_eq!(alice.post(&path, data).await.expect(200)[0]["AccessDecision"], "NotAllowed");

    let many = vec![GROUP_READ; 201];
    let elsewhere = format!("/subscriptions/{BACKUP_SUB}/resourceGroups/other");
    for body in [
        Value::Null,
        json!({"Subject": {"Attributes": {"ObjectId": "x"}}}),
        question(ALICE, &[], &group),
        question(ALICE, &many, &group),
        question(ALICE, &["*"], &group),
        question(ALICE, &[GROUP_READ], &elsewhere),
        question(ALICE, &[GROUP_READ], &format!("{group}/providers/N/vaults")),
        question(ALICE, &[GROUP_READ], "/"),
    ] {
        assert_eq!(alice.post(&path, body.clone()).await.status, 400, "{body}");
    }
    assert_eq!(server.ledger().len(), before, "a question is no event");
}
