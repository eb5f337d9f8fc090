//! Who can change a vault and overrides its guard all the time: the report, and the warning when MUA is enabled.

use std::collections::BTreeSet;

use arm::{ObjectId, ResourceId, TenantId};
use directory::Group;
use jiff::SignedDuration;
use rbac::{Assignment, PrincipalKind, Window, role_ids};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::estate::{OTHER_SUB, group, guard_path, vault_body, vault_path};
use crate::harness::{
    ALICE, ALICE_GUEST, AUTOMATION, AUTOMATION_GUEST, BACKUP_SUB, BOB, CONTOSO, Caller, FABSEC, Harness, SAM,
    SECURITY_SUB, SUE,
};
use crate::mua::{PLACES, link, proxy};
use crate::pim;

const INNER: ObjectId = ObjectId(Uuid::from_u128(0x9001));
const OUTER: ObjectId = ObjectId(Uuid::from_u128(0x9002));

fn report(of: &str) -> String {
    format!("{of}/separationOfDuties")
}

/// What is said of whom: the names, in the order of the report.
fn names(answer: &Value) -> Vec<&str> {
    answer["value"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect()
}

/// The roles by which a finding's person overrides the guard, each with what it does and where it is assigned.
fn overrides(finding: &Value) -> Vec<(String, String, String)> {
    let rights = finding["resourceGuardRights"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    rights
        .iter()
        .map(|right| {
            let ways: Vec<&str> =
                right["overrides"].as_array().unwrap().iter().map(|way| way.as_str().unwrap()).collect();
            (text(&right["roleDefinitionName"]), ways.join(" "), text(&right["scope"]))
        })
        .collect()
}

fn add_group(server: &Harness, tenant: TenantId, id: ObjectId, members: &[ObjectId]) {
    let group = Group {
        id,
        tenant,
        name: format!("group {id}"),
        mail_nickname: "group".into(),
        description: None,
        members: members.iter().copied().collect(),
    };
    server.seed(|tx| tx.put(&group));
}

/// A server whose vault `v` is linked to a guard in the other tenant, with nobody on both sides.
async fn apart() -> (Harness, String, String) {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    (server, vault, place.guard())
}

/// Somebody who sees both sides, asking about a vault.
fn auditor(server: &Harness) -> Caller<'_> {
    may_audit(server);
    server.as_(AUTOMATION).with(AUTOMATION_GUEST)
}

/// The same one, asking about a guard.
fn guard_auditor(server: &Harness) -> Caller<'_> {
    may_audit(server);
    server.as_(AUTOMATION_GUEST).with(AUTOMATION)
}

fn may_audit(server: &Harness) {
    server.grant(AUTOMATION, role_ids::READER, &format!("/subscriptions/{BACKUP_SUB}"));
    server.grant(AUTOMATION_GUEST, role_ids::READER, &format!("/subscriptions/{SECURITY_SUB}"));
}

#[tokio::test]
async fn nobody_is_found_where_the_duties_are_apart() {
    let (server, vault, guard) = apart().await;
    assert_eq!(server.as_(ALICE).get(&report(&vault)).await.expect(200), json!({"value": []}));
    assert_eq!(server.as_(SAM).get(&report(&guard)).await.expect(200), json!({"value": []}));
    let again = PLACES[2].admin(&server).put(&proxy(&vault), link(&guard)).await.expect(200);
    assert!(again["properties"].get("separationOfDuties").is_none(), "{again}");
    assert!(server.ledger().iter().all(|entry| !entry.facts.contains_key("separationOfDuties")));
}

/// In the same subscription the owner overrides the guard by inheritance; linking says so, to the client and for ever.
#[tokio::test]
async fn the_owner_of_the_same_subscription_is_found_and_warned_of() {
    let server = PLACES[0].server().await;
    let (vault, guard) = (vault_path("v1"), PLACES[0].guard());
    server.as_(BOB).put(&vault, vault_body()).await.expect(201);
    let linked = server.as_(BOB).put(&proxy(&vault), link(&guard)).await.expect(200);

    let warning = &linked["properties"]["separationOfDuties"];
    assert_eq!(warning["count"], 1);
    assert!(warning["message"].as_str().unwrap().contains("alice@contoso.example"), "{warning}");
    let finding = &warning["findings"][0];
    let subscription = format!("/subscriptions/{BACKUP_SUB}");
    let owner = ("Owner".to_string(), "Consent ChangeGuard GrantAccess".to_string(), subscription.clone());
    assert_eq!(overrides(finding), [owner]);
    assert_eq!(finding["person"], format!("user:{CONTOSO}/{ALICE}"));
    assert_eq!((&finding["vaultId"], &finding["resourceGuardId"]), (&json!(vault), &json!(guard)));
    let right = &finding["vaultRights"][0];
    assert_eq!((right["inherited"].as_bool(), right["groups"].as_array().unwrap().len()), (Some(true), 0));
    let assignment = format!("{subscription}/providers/Microsoft.Authorization/roleAssignments/{ALICE}");
    assert_eq!(right["roleAssignmentId"], assignment);
    let actions = right["actions"].as_array().unwrap();
    for action in ["write", "delete", "backupPolicies/write", "backupResourceGuardProxies/delete"] {
        let action = json!(format!("Microsoft.RecoveryServices/Vaults/{action}"));
        assert!(actions.contains(&action), "{action} in {actions:?}");
    }
    let harmless = json!("Microsoft.RecoveryServices/Vaults/backupResourceGuardProxies/unlockDelete/action");
    assert!(!actions.contains(&harmless));

    let entry = server.ledger().pop().unwrap();
    let said = &entry.facts["separationOfDuties"];
    assert_eq!(said, "1 can change the vault and override its guard: alice@contoso.example");
    for of in [&vault, &guard] {
        let again = server.as_(ALICE).get(&report(of)).await.expect(200);
        assert_eq!(&again["value"][0], finding);
    }
    // It says so again to who asks for it again.
    let again = server.as_(BOB).put(&proxy(&vault), link(&guard)).await.expect(200);
    assert_eq!(again["properties"]["separationOfDuties"], *warning);
}

#[tokio::test]
async fn each_standing_right_on_the_guard_is_found_and_no_other() {
    let (server, vault, guard) = apart().await;
    let group = guard.split_once("/providers").unwrap().0.to_string();
    let subscription = format!("/subscriptions/{SECURITY_SUB}");
    for (role, name, scope, ways) in [
        (role_ids::READER, "Reader", &guard, ""),
        (role_ids::BACKUP_CONTRIBUTOR, "Backup Contributor", &group, ""),
        (role_ids::BACKUP_MUA_OPERATOR, "Backup MUA Operator", &guard, "Consent"),
        (role_ids::BACKUP_MUA_ADMIN, "Backup MUA Admin", &group, "ChangeGuard"),
        (role_ids::CONTRIBUTOR, "Contributor", &subscription, "Consent ChangeGuard"),
        (role_ids::USER_ACCESS_ADMINISTRATOR, "User Access Administrator", &guard, "GrantAccess"),
        // Inherited from the root of the guard's tenant.
        (role_ids::OWNER, "Owner", &"/".to_string(), "Consent ChangeGuard GrantAccess"),
    ] {
        let assignment = server.grant(ALICE_GUEST, role, scope);
        let found = auditor(&server).get(&report(&vault)).await.expect(200);
        if ways.is_empty() {
            assert!(names(&found).is_empty(), "{name}: {found}");
        } else {
            let expected = (name.to_string(), ways.to_string(), scope.clone());
            assert_eq!(names(&found), ["alice@contoso.example"], "{name}");
            assert_eq!(overrides(&found["value"][0]), [expected]);
            // The guest and the account at home are one person.
            let accounts = found["value"][0]["accounts"].as_array().unwrap();
            let of = |id: ObjectId| accounts.iter().any(|account| account["principalId"] == json!(id));
            assert!(accounts.len() == 2 && of(ALICE) && of(ALICE_GUEST), "{accounts:?}");
        }
        server.revoke(&assignment);
    }
    assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty());
    // A right in another subscription of the vault's tenant, or at the root of that tenant, is none on the guard.
    server.grant(ALICE, role_ids::OWNER, "/");
    server.grant(ALICE, role_ids::OWNER, &format!("/subscriptions/{OTHER_SUB}"));
    assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty());
}

#[tokio::test]
async fn a_right_through_nested_groups_is_found_with_its_path() {
    let (server, _, guard) = apart().await;
    add_group(&server, FABSEC, INNER, &[ALICE_GUEST, SUE]);
    add_group(&server, FABSEC, OUTER, &[INNER, SAM]);
    let assignment = server.grant(OUTER, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let found = guard_auditor(&server).get(&report(&guard)).await.expect(200);
    // Sam and Sue cannot change the vault.
    assert_eq!(names(&found), ["alice@contoso.example"]);
    let right = &found["value"][0]["resourceGuardRights"][0];
    assert_eq!(right["roleAssignmentId"].as_str().unwrap().to_lowercase(), assignment);
    assert_eq!((&right["principalId"], right["inherited"].as_bool()), (&json!(ALICE_GUEST), Some(false)));
    let path: Vec<&Value> = right["groups"].as_array().unwrap().iter().map(|group| &group["id"]).collect();
    assert_eq!(path, [&json!(INNER), &json!(OUTER)]);
    assert_eq!(right["groups"][1]["name"], format!("group {OUTER}"));
    // Whoever leaves the group is free of it at once.
    add_group(&server, FABSEC, INNER, &[SUE]);
    assert!(names(&guard_auditor(&server).get(&report(&guard)).await.expect(200)).is_empty());
}

/// The other side: whoever can change anything in the vault, or give themselves the right to.
#[tokio::test]
async fn a_right_to_one_item_or_to_give_rights_changes_the_vault() {
    let (server, vault, guard) = apart().await;
    server.grant(AUTOMATION_GUEST, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let item = format!("{vault}/backupFabrics/Azure/protectionContainers/c;1/protectedItems/i;1");
    server.grant(SUE, role_ids::READER, &format!("/subscriptions/{SECURITY_SUB}"));
    for (role, scope, found) in [
        (role_ids::READER, &vault, false),
        (role_ids::BACKUP_READER, &vault, false),
        (role_ids::BACKUP_OPERATOR, &item, true),
        (role_ids::BACKUP_CONTRIBUTOR, &vault, true),
        (role_ids::USER_ACCESS_ADMINISTRATOR, &vault, true),
    ] {
        let assignment = server.grant(AUTOMATION, role, scope);
        let answer = server.as_(SUE).get(&report(&guard)).await.expect(200);
        // The same application in two tenants is one.
        assert_eq!(!names(&answer).is_empty(), found, "{role}: {answer}");
        if found {
            assert_eq!(answer["value"][0]["person"], format!("app:{}", crate::harness::AUTOMATION_APP));
        }
        server.revoke(&assignment);
    }
}

#[tokio::test]
async fn an_activation_is_no_standing_right() {
    let server = pim::guarded().await;
    server.add_groups();
    let (vault, guard) = (vault_path("v1"), pim::guard());
    server.grant(ALICE_GUEST, role_ids::READER, &guard);
    let alice = server.as_(ALICE).with(ALICE_GUEST);
    alice.put(&vault, vault_body()).await.expect(201);
    alice.put(&proxy(&vault), link(&guard)).await.expect(200);
    pim::name_approver(&server, pim::sam()).await.expect(200);
    pim::make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = pim::activate(&server, "PT1H").await.expect(201);
    pim::decide(&server, SAM, &asked, "Approve").await.expect(200);
    assert!(pim::may(&server));
    assert!(names(&alice.get(&report(&vault)).await.expect(200)).is_empty());
    // The same right for good is one, also while the activation runs.
    let assignment = server.grant(ALICE_GUEST, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let found = alice.get(&report(&vault)).await.expect(200);
    assert_eq!(names(&found), ["alice@contoso.example"]);
    let rights = found["value"][0]["resourceGuardRights"].as_array().unwrap();
    assert_eq!(rights.len(), 1, "{rights:?}");
    assert_eq!(rights[0]["roleAssignmentId"].as_str().unwrap().to_lowercase(), assignment);
}

#[tokio::test]
async fn a_role_that_was_given_until_some_day_is_found_until_then() {
    let (server, vault, guard) = apart().await;
    let now = server.now();
    let hour = SignedDuration::from_hours(1);
    let scope = ResourceId::parse(&guard).unwrap();
    let id =
        scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{}", Uuid::nil())).unwrap();
    let mut assignment =
        Assignment::new(id, scope, role_ids::BACKUP_MUA_OPERATOR, ALICE_GUEST, PrincipalKind::User);
    assignment.window = Some(Window { start: now + hour, end: Some(now + hour * 2) });
    server.seed(|tx| tx.put(&assignment));
    let mut seen = Vec::new();
    for _ in 0..3 {
        let found = auditor(&server).get(&report(&vault)).await.expect(200);
        seen.push(names(&found).len());
        if let Some(finding) = found["value"].get(0) {
            let end = arm::long_timestamp(now + hour * 2);
            assert_eq!(finding["resourceGuardRights"][0]["endDateTime"], end);
        }
        server.advance(hour);
    }
    assert_eq!(seen, [0, 1, 0]);
}

#[tokio::test]
async fn an_account_that_cannot_act_overrides_nothing() {
    let (server, vault, guard) = apart().await;
    server.grant(ALICE_GUEST, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let enable = |account: ObjectId, enabled: bool| {
        server.seed(|tx| {
            let mut user: directory::User = tx.get(&account.to_string())?.unwrap();
            user.enabled = enabled;
            tx.put(&user)
        });
    };
    for account in [ALICE, ALICE_GUEST] {
        assert_eq!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).len(), 1);
        enable(account, false);
        assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty());
        enable(account, true);
    }
}

/// An exemption takes what consents to it out of what overrides.
#[tokio::test]
async fn consent_to_what_is_exempt_overrides_nothing() {
    let (server, vault, guard) = apart().await;
    let role = rbac::RoleDefinition {
        id: arm::RoleId(Uuid::from_u128(0xd00d)),
        role_name: "Policy approver".into(),
        assignable_scopes: vec![ResourceId::parse(&format!("/subscriptions/{SECURITY_SUB}")).unwrap()],
        permissions: vec![rbac::Permission {
            actions: vec![
                rbac::ActionPattern::parse(&mua::CriticalOperation::ModifyPolicy.guard_action()).unwrap(),
            ],
            ..rbac::Permission::default()
        }],
        ..rbac::builtin_role(role_ids::READER).unwrap().clone()
    };
    server.seed(|tx| tx.put(&role));
    server.grant(ALICE_GUEST, role.id, &guard);
    let read = || auditor(&server);
    assert_eq!(names(&read().get(&report(&vault)).await.expect(200)), ["alice@contoso.example"]);
    let exempt = json!([mua::CriticalOperation::ModifyPolicy.name()]);
    let body = json!({"properties": {"vaultCriticalOperationExclusionList": exempt}});
    server.as_(SAM).patch(&guard, body).await.expect(200);
    assert!(names(&read().get(&report(&vault)).await.expect(200)).is_empty());
}

#[tokio::test]
async fn who_may_not_see_a_side_is_told_who_and_not_why() {
    let (server, vault, guard) = apart().await;
    server.grant(ALICE_GUEST, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let of_vault = server.as_(ALICE).get(&report(&vault)).await.expect(200);
    let of_guard = server.as_(SAM).get(&report(&guard)).await.expect(200);
    for (answer, open, shut, account) in [
        (&of_vault, "vaultRights", "resourceGuardRights", ALICE),
        (&of_guard, "resourceGuardRights", "vaultRights", ALICE_GUEST),
    ] {
        let finding = &answer["value"][0];
        assert_eq!(finding["name"], "alice@contoso.example");
        assert_eq!((finding["hidden"].as_bool(), finding[shut].is_null()), (Some(true), true));
        assert!(!finding[open].as_array().unwrap().is_empty());
        let accounts: Vec<&Value> =
            finding["accounts"].as_array().unwrap().iter().map(|account| &account["principalId"]).collect();
        assert_eq!(accounts, [&json!(account)]);
    }
    assert!(!of_vault.to_string().contains("Backup MUA Operator"));
    assert!(!of_guard.to_string().contains(&format!("roleAssignments/{ALICE}")));
    // With a token for the other side, all is shown.
    let both = server.as_(ALICE).with(ALICE_GUEST).get(&report(&vault)).await.expect(200);
    assert_eq!((both["value"][0]["hidden"].as_bool(), overrides(&both["value"][0]).len()), (Some(false), 1));
    // Without Reader on the side that is asked, nothing.
    for (who, of) in [(SUE, &guard), (AUTOMATION, &vault)] {
        let refused = server.as_(who).get(&report(of)).await;
        assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    }
}

#[tokio::test]
async fn a_guard_tells_of_all_its_vaults_page_by_page() {
    let (server, _, guard) = apart().await;
    PLACES[2].guarded_vault(&server, "v2").await;
    server.grant(ALICE_GUEST, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let mut next = format!("{}?$top=1", report(&guard));
    let mut vaults = BTreeSet::new();
    for page in 0.. {
        let answer = guard_auditor(&server).get(&next).await.expect(200);
        for finding in answer["value"].as_array().unwrap() {
            let person =
                format!("{} {}", finding["vaultId"].as_str().unwrap(), finding["name"].as_str().unwrap());
            assert!(vaults.insert(person));
        }
        match answer["nextLink"].as_str() {
            Some(link) => next = link.to_string(),
            None => {
                assert!(page > 0);
                break;
            }
        }
    }
    let expected = ["v1", "v2"].map(|vault| format!("{} alice@contoso.example", vault_path(vault)));
    assert_eq!(Vec::from_iter(vaults), expected);
}

#[tokio::test]
async fn without_a_guard_there_is_nothing_to_report() {
    let server = Harness::with_groups().await;
    let vault = vault_path("v1");
    server.as_(ALICE).put(&vault, vault_body()).await.expect(201);
    let missing = guard_path(BACKUP_SUB, "none");
    for path in [report(&vault), report(&missing), report(&vault_path("none"))] {
        let answer = server.as_(ALICE).get(&path).await;
        assert_eq!((answer.status, answer.code()), (404, "ResourceNotFound"), "{path}");
    }
    // A guard that is gone may be made again by whoever may make one there.
    server.grant(BOB, role_ids::CONTRIBUTOR, &group(BACKUP_SUB, "backup"));
    let guard = guard_path(BACKUP_SUB, "guard1");
    server.as_(ALICE).put(&guard, json!({"location": "westeurope"})).await.expect(200);
    server.as_(ALICE).put(&proxy(&vault), link(&guard)).await.expect(200);
    server.seed(|tx| {
        tx.delete::<mua::ResourceGuard>(&guard.to_lowercase());
        Ok(())
    });
    assert_eq!(names(&server.as_(ALICE).get(&report(&vault)).await.expect(200)), ["alice@contoso.example"]);
}

fn authorization(scope: &str, rest: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/{rest}")
}

/// Makes somebody eligible for a role at a scope, in the security team's tenant or the backup team's.
async fn eligible(
    server: &Harness,
    admin: ObjectId,
    scope: &str,
    role: arm::RoleId,
    who: ObjectId,
) -> String {
    let path = authorization(scope, &format!("roleEligibilityScheduleRequests/{}", pim::new_id()));
    let subscription = scope.split('/').take(3).collect::<Vec<_>>().join("/");
    let body = json!({"properties": {
        "principalId": who, "requestType": "AdminAssign",
        "roleDefinitionId": authorization(&subscription, &format!("roleDefinitions/{role}")),
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "P30D"}}}});
    let made = server.as_(admin).put(&path, body).await.expect(201);
    made["properties"]["targetRoleEligibilityScheduleId"].as_str().unwrap().to_string()
}

/// Says whether activating a role at a scope takes Sam's approval.
async fn approval(
    server: &Harness,
    admin: ObjectId,
    scope: &str,
    role: arm::RoleId,
    approver: Option<ObjectId>,
) {
    let subscription = scope.split('/').take(3).collect::<Vec<_>>().join("/");
    let role = authorization(&subscription, &format!("roleDefinitions/{role}"));
    let list = authorization(
        scope,
        &format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{role}'"),
    );
    let policy = server.as_(admin).get(&list).await.expect(200);
    let policy = policy["value"][0]["properties"]["policyId"].as_str().unwrap();
    let approvers: Vec<Value> =
        approver.iter().map(|approver| json!({"id": approver, "userType": "User"})).collect();
    let body = json!({"properties": {"rules": [{"id": "Approval_EndUser_Assignment",
        "setting": {"isApprovalRequired": approver.is_some(), "approvalStages": [{"primaryApprovers": approvers}]}}]}});
    server.as_(admin).patch(policy, body).await.expect(200);
}

/// Whoever activates without asking anybody is as good as whoever holds the right.
#[tokio::test]
async fn the_eligible_who_ask_nobody_are_found() {
    let (server, vault, guard) = apart().await;
    let subscription = format!("/subscriptions/{SECURITY_SUB}");
    let role = role_ids::USER_ACCESS_ADMINISTRATOR;
    let schedule = eligible(&server, SAM, &subscription, role, ALICE_GUEST).await;
    // Approval at the guard alone is no help: it is activated above.
    for approved_at_the_guard in [false, true] {
        if approved_at_the_guard {
            approval(&server, SAM, &guard, role, Some(SAM)).await;
        }
        let found = auditor(&server).get(&report(&vault)).await.expect(200);
        assert_eq!(names(&found), ["alice@contoso.example"]);
        let right = &found["value"][0]["resourceGuardRights"][0];
        assert_eq!(right["activation"]["scope"], subscription);
        assert_eq!(right["activation"]["isApprovalRequired"], false);
        assert!(right["activation"]["message"].as_str().unwrap().contains("nobody's approval"));
        assert_eq!((&right["roleAssignmentId"], right["inherited"].as_bool()), (&Value::Null, Some(true)));
        assert!(
            right["roleEligibilityScheduleId"]
                .as_str()
                .unwrap()
                .ends_with(schedule.rsplit('/').next().unwrap())
        );
        let expected =
            ("User Access Administrator".to_string(), "GrantAccess".to_string(), subscription.clone());
        assert_eq!(overrides(&found["value"][0]), [expected]);
        // The warning says so as well.
        let again = PLACES[2].admin(&server).put(&proxy(&vault), link(&guard)).await.expect(200);
        assert_eq!(again["properties"]["separationOfDuties"]["count"], 1, "{again}");
    }
    // Approved by somebody else, it is as it should be, also where the guard's own policy asks nobody; and once more without.
    approval(&server, SAM, &guard, role, None).await;
    approval(&server, SAM, &subscription, role, Some(SAM)).await;
    assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty());
    approval(&server, SAM, &subscription, role, None).await;
    assert_eq!(names(&auditor(&server).get(&report(&vault)).await.expect(200)), ["alice@contoso.example"]);
    server.advance(SignedDuration::from_hours(24 * 30));
    assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty(), "it has ended");
}

#[tokio::test]
async fn the_eligible_through_groups_and_at_the_vault_are_found() {
    let (server, vault, guard) = apart().await;
    // What opens the guard always takes approval, whatever the role, so that being eligible for it is fine.
    for role in
        [role_ids::BACKUP_MUA_OPERATOR, role_ids::BACKUP_MUA_ADMIN, role_ids::OWNER, role_ids::CONTRIBUTOR]
    {
        eligible(&server, SAM, &guard, role, ALICE_GUEST).await;
    }
    eligible(&server, SAM, &guard, role_ids::READER, ALICE_GUEST).await;
    assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty());
    add_group(&server, FABSEC, INNER, &[ALICE_GUEST, SUE]);
    add_group(&server, FABSEC, OUTER, &[INNER]);
    eligible(&server, SAM, &guard, role_ids::USER_ACCESS_ADMINISTRATOR, OUTER).await;
    let found = guard_auditor(&server).get(&report(&guard)).await.expect(200);
    assert_eq!(names(&found), ["alice@contoso.example"]);
    let right = &found["value"][0]["resourceGuardRights"][0];
    let path: Vec<&Value> = right["groups"].as_array().unwrap().iter().map(|group| &group["id"]).collect();
    assert_eq!((path, right["inherited"].as_bool()), (vec![&json!(INNER), &json!(OUTER)], Some(false)));
    add_group(&server, FABSEC, INNER, &[SUE]);
    assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty());

    // The other way round: Bob overrides the guard for good, and may come to change the vault whenever he likes.
    let bob_guest = ObjectId(Uuid::from_u128(0x9003));
    let now = server.now();
    server.seed(|tx| {
        let bob: directory::User = tx.get(&BOB.to_string())?.unwrap();
        let fabsec: directory::Tenant = tx.get(&FABSEC.to_string())?.unwrap();
        tx.put(&bob.as_guest_of(&fabsec, bob_guest, now)?)
    });
    server.grant(bob_guest, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let of_bob = |found: &Value| names(found).contains(&"bob@contoso.example");
    let backups = vault.split_once("/providers").unwrap().0.to_string();
    let (before, role) =
        (auditor(&server).get(&report(&vault)).await.expect(200), role_ids::BACKUP_CONTRIBUTOR);
    // He is Contributor of the group in this place.
    assert!(of_bob(&before));
    server.seed(|tx| {
        for assignment in tx.all::<Assignment>()?.into_iter().filter(|one| one.principal == BOB) {
            tx.delete::<Assignment>(assignment.id.folded());
        }
        Ok(())
    });
    assert!(!of_bob(&auditor(&server).get(&report(&vault)).await.expect(200)));
    eligible(&server, ALICE, &backups, role, BOB).await;
    let found = auditor(&server).get(&report(&vault)).await.expect(200);
    assert!(of_bob(&found));
    assert_eq!(found["value"][0]["vaultRights"][0]["activation"]["scope"], backups);
}

/// Two accounts that are linked are one person, on whichever side each of them is.
#[tokio::test]
async fn linked_accounts_are_one_person() {
    let (server, vault, guard) = apart().await;
    server.grant(SUE, role_ids::BACKUP_MUA_OPERATOR, &guard);
    assert!(names(&auditor(&server).get(&report(&vault)).await.expect(200)).is_empty());
    let path = format!("/users/{ALICE_GUEST}/linkedAccounts/$ref");
    let body = crate::graph::reference(&server, &SUE.to_string());
    assert_eq!(crate::graph::graph(&server, SAM, "POST", &path, body).await.status, 204);
    let found = auditor(&server).get(&report(&vault)).await.expect(200);
    assert_eq!(found["value"].as_array().unwrap().len(), 1);
    let accounts = found["value"][0]["accounts"].as_array().unwrap();
    let mut ids: Vec<&Value> = accounts.iter().map(|account| &account["principalId"]).collect();
    ids.sort_by_key(|id| id.as_str());
    assert_eq!(ids, [&json!(SUE), &json!(ALICE)]);
}
