//! Who and what there is at the beginning, and the bodies of requests.

use arm::{ObjectId, Region, ResourceId, SubscriptionId, TenantId};
use directory::{
    Domain, PasswordHash, Person, ServicePrincipal, Subscription, SubscriptionState, Tenant, Upn, User,
};
use jiff::Timestamp;
use rbac::{Assignment, PrincipalKind, role_ids};
use resources::{Registration, ResourceGroup};
use serde_json::{Value, json};
use store::Transaction;
use uuid::Uuid;

use crate::client::Account;

pub const ARM_PORT: u16 = 8443;
pub const GRAPH_PORT: u16 = 8444;

const CONTOSO: TenantId = TenantId(Uuid::from_u128(0x1111));
const FABSEC: TenantId = TenantId(Uuid::from_u128(0x2222));
const BACKUP_SUB: SubscriptionId = SubscriptionId(Uuid::from_u128(0xb));
const SECURITY_SUB: SubscriptionId = SubscriptionId(Uuid::from_u128(0x5));

const fn member(object: u128, tenant: TenantId, name: &'static str) -> Account {
    let object = ObjectId(Uuid::from_u128(object));
    Account { object, tenant, name, home: (tenant, object) }
}

/// Alice owns the backup subscription; she is a guest in the security team's tenant.
pub const ALICE: Account = member(0xa11ce, CONTOSO, "alice@contoso.example");
pub const ALICE_GUEST: Account =
    Account { object: ObjectId(Uuid::from_u128(0xa11ce2)), tenant: FABSEC, ..ALICE };
/// Bob sees what somebody lets him see.
pub const BOB: Account = member(0xb0b, CONTOSO, "bob@contoso.example");
/// Sam owns the security subscription; Sue approves, too.
pub const SAM: Account = member(0x5a11, FABSEC, "sam@fabsec.example");
pub const SUE: Account = member(0x50e, FABSEC, "sue@fabsec.example");
/// An application of Contoso.
pub const AUTOMATION: Uuid = Uuid::from_u128(0xa99);
pub const PASSWORD: &str = "Correct-Horse-9";

pub const OPERATOR: &str = "f54b6d04-23c6-443e-b462-9c16ab7b4a52";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

/// The items that there are.
pub const ITEMS: [&str; 3] = ["alpha", "beta", "gamma"];

pub fn vault() -> String {
    format!(
        "/subscriptions/{BACKUP_SUB}/resourceGroups/backup/providers/Microsoft.RecoveryServices/vaults/v1"
    )
}

pub fn at(below: &str) -> String {
    format!("{}/{below}", vault())
}

pub fn container() -> String {
    at("backupFabrics/Azure/protectionContainers/Windows;srv01")
}

pub fn item(name: &str) -> String {
    format!("{}/protectedItems/FileFolder;{name}", container())
}

pub fn proxy() -> String {
    at("backupResourceGuardProxies/VaultProxy")
}

pub fn policy() -> String {
    at("backupPolicies/Files")
}

pub fn config() -> String {
    at("backupconfig/vaultconfig")
}

pub fn guard() -> String {
    let group = format!("/subscriptions/{SECURITY_SUB}/resourceGroups/security");
    format!("{group}/providers/Microsoft.DataProtection/resourceGuards/g1")
}

/// The guard request for an operation's kind.
pub fn request(kind: &str) -> String {
    format!("{}/{kind}/default", guard())
}

pub fn pim(rest: &str) -> String {
    format!("{}/providers/Microsoft.Authorization/{rest}", guard())
}

/// A role assignment below a scope.
pub fn assignment(scope: &str, name: Uuid) -> String {
    format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}")
}

pub fn assignment_body(who: Account, role: &str) -> Value {
    let subscription = if who.tenant == CONTOSO { BACKUP_SUB } else { SECURITY_SUB };
    let role =
        format!("/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}");
    json!({"properties": {"principalId": who.object, "principalType": "User", "roleDefinitionId": role}})
}

pub fn reader(who: Account) -> Value {
    assignment_body(who, READER)
}

pub fn operator_role() -> String {
    format!("/subscriptions/{SECURITY_SUB}/providers/Microsoft.Authorization/roleDefinitions/{OPERATOR}")
}

/// A schedule request about the role that consents.
pub fn schedule(request_type: &str, duration: &str) -> Value {
    let mut body = json!({"properties": {"principalId": ALICE_GUEST.object, "roleDefinitionId": operator_role(),
        "requestType": request_type, "justification": "a ticket"}});
    if !duration.is_empty() {
        body["properties"]["scheduleInfo"] =
            json!({"expiration": {"type": "AfterDuration", "duration": duration}});
    }
    body
}

pub fn policy_body(days: u64) -> Value {
    let time = "2026-01-01T02:00:00Z";
    json!({"properties": {"backupManagementType": "MAB",
        "schedulePolicy": {"schedulePolicyType": "SimpleSchedulePolicy", "scheduleRunFrequency": "Daily",
            "scheduleRunTimes": [time], "scheduleWeeklyFrequency": 0},
        "retentionPolicy": {"retentionPolicyType": "LongTermRetentionPolicy", "dailySchedule": {
            "retentionTimes": [time], "retentionDuration": {"count": days, "durationType": "Days"}}}}})
}

pub fn item_body(properties: &Value) -> Value {
    let mut properties = properties.clone();
    properties["protectedItemType"] = json!("MabFileFolderProtectedItem");
    json!({"properties": properties})
}

/// Names both approvers.
pub fn approvers() -> Value {
    let people: Vec<Value> =
        [SAM, SUE].iter().map(|who| json!({"id": who.object, "userType": "User"})).collect();
    json!({"properties": {"rules": [{
        "id": "Approval_EndUser_Assignment", "ruleType": "RoleManagementPolicyApprovalRule",
        "setting": {"isApprovalRequired": true, "approvalMode": "SingleStage",
            "approvalStages": [{"isApproverJustificationRequired": false, "primaryApprovers": people}]}}]}})
}

/// Writes the two organisations.
pub fn seed(tx: &mut Transaction, now: Timestamp) -> arm::Result<()> {
    let tenants = [(CONTOSO, "Contoso", "contoso.example"), (FABSEC, "Fabrikam Security", "fabsec.example")];
    for (id, name, domain) in tenants {
        tx.put(&Tenant { id, name: name.into(), domain: Domain::parse(domain)?, created: now })?;
    }
    for (id, tenant, group) in [(BACKUP_SUB, CONTOSO, "backup"), (SECURITY_SUB, FABSEC, "security")] {
        for namespace in ["Microsoft.RecoveryServices", "Microsoft.DataProtection"] {
            tx.put(&Registration { subscription: id, namespace: namespace.into() })?;
        }
        tx.put(&Subscription { id, tenant, name: group.into(), state: SubscriptionState::Enabled })?;
        let id = ResourceId::subscription(id).child(&format!("resourceGroups/{group}"))?;
        tx.put(&ResourceGroup {
            id,
            location: Region::parse("westeurope").unwrap(),
            tags: Default::default(),
        })?;
    }
    let password = cheap_hash();
    for account in [ALICE, BOB, SAM, SUE] {
        let tenant: Tenant = tx.get(&account.tenant.to_string())?.unwrap();
        let upn = Upn::parse(account.name)?;
        let mut user = User::member(&tenant, account.object, upn, account.name, now)?;
        user.password = Some(password.clone());
        tx.put(&user)?;
        if account.object == ALICE.object {
            let fabsec: Tenant = tx.get(&FABSEC.to_string())?.unwrap();
            tx.put(&user.as_guest_of(&fabsec, ALICE_GUEST.object, now)?)?;
        }
    }
    let id = ObjectId(Uuid::from_u128(0xaa));
    let name = "automation".into();
    tx.put(&ServicePrincipal { id, tenant: CONTOSO, app_id: AUTOMATION, name, secrets: vec![password] })?;
    owner(tx, BACKUP_SUB, ALICE.object)?;
    owner(tx, SECURITY_SUB, SAM.object)?;
    tx.record(entry(now));
    Ok(())
}

/// The hash of everybody's password, at next to no cost: a run signs in often.
fn cheap_hash() -> PasswordHash {
    use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
    let params = Params::new(8, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[7; 16]).unwrap();
    PasswordHash::parse(&hash.to_string()).unwrap()
}

fn owner(tx: &mut Transaction, subscription: SubscriptionId, principal: ObjectId) -> arm::Result<()> {
    let scope = ResourceId::subscription(subscription);
    let id = scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{}", principal.0))?;
    tx.put(&Assignment::new(id, scope, role_ids::OWNER, principal, PrincipalKind::User))
}

fn entry(now: Timestamp) -> ledger::Entry {
    ledger::Entry {
        sequence: 0,
        at: now,
        correlation: Uuid::nil(),
        actor: ledger::Actor {
            person: Person::Application(Uuid::nil()).to_string(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ledger::ActorKind::System,
            name: "simulation".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: "simulation.seed".into(),
        target: "/".into(),
        change: None,
        verdict: ledger::Verdict::Done,
        reason: "seeded".into(),
        consent: Vec::new(),
        facts: Default::default(),
    }
}
