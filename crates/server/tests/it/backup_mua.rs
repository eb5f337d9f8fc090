//! Multi-user authorization on a Backup vault (contract 2.5, 3.6, 8): all nine critical operations, with the guard in
//! the same subscription, in another one, and in another tenant.

use std::collections::BTreeSet;

use arm::ResourceId;
use ledger::Verdict;
use mua::{CriticalOperation, RestoreWindow, VaultKind};
use rbac::role_ids;
use serde_json::{Value, json};
use server::arm::route::{Method, Route};
use server::arm::routes::{ROUTES, TABLE};
use vault::{BackupPolicy, GuardProxy, ProtectedItem, RepositoryQuota, Vault};

use crate::backup_vaults::{backup_vault, disk_policy};
use crate::estate::guard_path;
use crate::harness::{Answer, Caller, Harness};
use crate::instances::{arrive, disk, instance_at, protect_disk};
use crate::mua::{PLACES, Place, link};

fn proxy(vault: &str) -> String {
    format!("{vault}/backupResourceGuardProxies/DppResourceGuardProxy")
}

/// A critical step: what is sent, and what may be sent without asking anybody.
struct Step {
    name: &'static str,
    operation: CriticalOperation,
    method: &'static str,
    /// Where, for a vault.
    path: fn(&str) -> String,
    /// The body, without the guard request.
    body: fn(&str) -> Value,
    /// Where in the body the guard request goes.
    requests: &'static str,
    /// Something close to it that takes nothing away, and the status of its answer.
    neighbour: Neighbour,
}

/// Method, path for a vault, body for a vault, status of the answer.
type Neighbour = (&'static str, fn(&str) -> String, fn(&str) -> Value, u16);

fn settings(json: &str) -> Value {
    json!({"properties": {"securitySettings": serde_json::from_str::<Value>(json).unwrap()}})
}

fn vault(path: &str) -> String {
    path.to_string()
}

fn nothing(_: &str) -> Value {
    Value::Null
}

fn restore_request(_: &str) -> Value {
    json!({"objectType": "AzureBackupRecoveryPointBasedRestoreRequest", "recoveryPointId": "a1"})
}

fn long_policy(path: &str) -> String {
    format!("{path}/backupPolicies/long")
}

const PROPERTIES: &str = "/properties";
const ROOT: &str = "";

const STEPS: &[Step] = &[
    Step {
        name: "soft-delete-off",
        operation: CriticalOperation::ReduceSoftDelete,
        method: "PATCH",
        path: vault,
        body: |_| settings(r#"{"softDeleteSettings": {"state": "Off"}}"#),
        requests: PROPERTIES,
        neighbour: ("PATCH", vault, |_| settings(r#"{"softDeleteSettings": {"state": "On"}}"#), 200),
    },
    Step {
        name: "soft-delete-shorter",
        operation: CriticalOperation::ReduceSoftDelete,
        method: "PUT",
        path: vault,
        body: |_| {
            let mut body = settings(r#"{"softDeleteSettings": {"retentionDurationInDays": 29.0}}"#);
            body["location"] = json!("westeurope");
            body
        },
        requests: PROPERTIES,
        neighbour: (
            "PATCH",
            vault,
            |_| settings(r#"{"softDeleteSettings": {"retentionDurationInDays": 31.0}}"#),
            200,
        ),
    },
    Step {
        name: "immutability-off",
        operation: CriticalOperation::ReduceBackupImmutability,
        method: "PATCH",
        path: vault,
        body: |_| settings(r#"{"immutabilitySettings": {"state": "Disabled"}}"#),
        requests: PROPERTIES,
        neighbour: ("PATCH", vault, |_| settings(r#"{"immutabilitySettings": {"state": "Unlocked"}}"#), 200),
    },
    Step {
        name: "another-key",
        operation: CriticalOperation::ModifyBackupEncryption,
        method: "PATCH",
        path: vault,
        body: |_| {
            settings(r#"{"encryptionSettings": {"keyVaultProperties": {"keyUri": "https://k.example/2"}}}"#)
        },
        requests: PROPERTIES,
        neighbour: (
            "PATCH",
            vault,
            |_| {
                settings(
                    r#"{"encryptionSettings": {"keyVaultProperties": {"keyUri": "https://k.example/1"}}}"#,
                )
            },
            200,
        ),
    },
    Step {
        name: "stop",
        operation: CriticalOperation::StopInstance,
        method: "POST",
        path: |vault| format!("{}/stopProtection", instance_at(vault)),
        body: nothing,
        requests: ROOT,
        neighbour: ("POST", |vault| format!("{}/resumeProtection", instance_at(vault)), nothing, 200),
    },
    Step {
        name: "quota",
        operation: CriticalOperation::StopInstance,
        method: "PUT",
        path: |vault| format!("{}/repositoryQuotas/default", instance_at(vault)),
        body: |_| json!({"properties": {"limitInBytes": 0}}),
        requests: PROPERTIES,
        neighbour: (
            "DELETE",
            |vault| format!("{}/repositoryQuotas/default", instance_at(vault)),
            nothing,
            204,
        ),
    },
    Step {
        name: "quota-of-the-vault",
        operation: CriticalOperation::StopInstance,
        method: "PUT",
        path: |vault| format!("{vault}/repositoryQuotas/default"),
        body: |_| json!({"properties": {"limitInBytes": 0}}),
        requests: PROPERTIES,
        neighbour: ("DELETE", |vault| format!("{vault}/repositoryQuotas/default"), nothing, 204),
    },
    Step {
        name: "suspend",
        operation: CriticalOperation::SuspendInstance,
        method: "POST",
        path: |vault| format!("{}/suspendBackups", instance_at(vault)),
        body: |_| json!({}),
        requests: ROOT,
        neighbour: ("POST", |vault| format!("{}/resumeBackups", instance_at(vault)), nothing, 200),
    },
    Step {
        name: "weaker-policy",
        operation: CriticalOperation::ModifyInstance,
        method: "PUT",
        path: instance_at,
        body: |vault| disk(vault, "short"),
        requests: PROPERTIES,
        neighbour: ("PUT", instance_at, |vault| disk(vault, "long"), 200),
    },
    Step {
        name: "weakened-policy",
        operation: CriticalOperation::ModifyInstance,
        method: "PUT",
        path: long_policy,
        body: |_| disk_policy(29),
        requests: PROPERTIES,
        neighbour: ("PUT", long_policy, |_| disk_policy(31), 200),
    },
    Step {
        name: "restore",
        operation: CriticalOperation::RestoreInstance,
        method: "POST",
        path: |vault| format!("{}/restore", instance_at(vault)),
        body: restore_request,
        requests: ROOT,
        neighbour: (
            "POST",
            |vault| format!("{}/validateRestore", instance_at(vault)),
            |vault| json!({"restoreRequestObject": restore_request(vault)}),
            202,
        ),
    },
    Step {
        name: "delete-instance",
        operation: CriticalOperation::DeleteInstance,
        method: "DELETE",
        path: instance_at,
        body: nothing,
        requests: ROOT,
        neighbour: (
            "PUT",
            |vault| format!("{vault}/backupInstances/other"),
            |vault| disk(vault, "short"),
            201,
        ),
    },
    Step {
        name: "remove-mua",
        operation: CriticalOperation::RemoveBackupMua,
        method: "DELETE",
        path: proxy,
        body: nothing,
        requests: ROOT,
        neighbour: ("GET", proxy, nothing, 200),
    },
];

#[test]
fn every_operation_of_backup_vaults_has_a_step() {
    for operation in CriticalOperation::ALL {
        let stepped = STEPS.iter().any(|step| step.operation == *operation);
        assert_eq!(stepped, operation.vault_kind() == VaultKind::Backup, "{operation:?}");
    }
}

impl Step {
    fn body(&self, vault: &str, requests: &[String]) -> Value {
        let mut body = (self.body)(vault);
        if !requests.is_empty() {
            if body.is_null() {
                body = json!({});
            }
            let place = body.pointer_mut(self.requests).unwrap();
            place["resourceGuardOperationRequests"] = json!(requests);
        }
        body
    }

    async fn send(&self, admin: &Caller<'_>, vault: &str, requests: &[String]) -> Answer {
        admin.call(self.method, &(self.path)(vault), self.body(vault, requests)).await
    }

    fn by_unlock(&self) -> bool {
        self.operation.consent() == mua::Consent::ByUnlock
    }

    fn unlock_body(&self, place: &Place, vault: &str) -> Value {
        let mut body =
            json!({"resourceGuardOperationRequests": [place.request(self.operation.request_kind())]});
        if self.operation == CriticalOperation::DeleteInstance {
            body["resourceToBeDeleted"] = json!(instance_at(vault));
        }
        body
    }
}

/// A vault with everything that a step could take away, linked to the guard.
async fn guarded(server: &Harness, place: &Place, step: &Step) -> String {
    let vault = backup_vault(step.name);
    let admin = place.admin(server);
    let immutable = step.operation == CriticalOperation::ReduceBackupImmutability;
    let body = json!({"location": "westeurope", "properties": {"securitySettings": {
        "softDeleteSettings": {"state": "On", "retentionDurationInDays": 30.0},
        "immutabilitySettings": {"state": if immutable { "Unlocked" } else { "Disabled" }},
        "encryptionSettings": {"state": "Enabled", "keyVaultProperties": {"keyUri": "https://k.example/1"}}}}});
    admin.put(&vault, body).await.expect(201);
    protect_disk(&admin, &vault).await;
    arrive(server, &vault, "a1");
    admin.put(&proxy(&vault), link(&place.guard())).await.expect(200);
    vault
}

/// Everything of a vault that a step could change.
fn state(server: &Harness, vault: &str) -> String {
    let id = |path: &str| ResourceId::parse(path).unwrap();
    let read = server.running.app().store.transact(|tx| {
        let instance: Option<ProtectedItem> = tx.resource(&id(&instance_at(vault)))?;
        Ok(json!({
            "vault": tx.resource::<Vault>(&id(vault))?,
            "instance": instance,
            "policy": tx.resource::<BackupPolicy>(&id(&long_policy(vault)))?,
            "proxy": tx.resource::<GuardProxy>(&id(&proxy(vault)))?,
            "quotas": (
                tx.resource::<RepositoryQuota>(&id(vault))?,
                tx.resource::<RepositoryQuota>(&id(&instance_at(vault)))?,
            ),
            "window": tx.resource::<RestoreWindow>(&id(&instance_at(vault)))?,
        }))
    });
    read.unwrap().to_string()
}

/// For every place and operation: refused without consent in each way it can be missing, each refusal explained, in the
/// ledger, and no change; then allowed with consent, which the ledger names.
#[tokio::test]
async fn every_operation_is_refused_without_consent_and_allowed_with_it() {
    for place in &PLACES {
        let server = place.server().await;
        for step in STEPS {
            let vault = guarded(&server, place, step).await;
            match step.by_unlock() {
                true => unlock_and_delete(&server, place, step, &vault).await,
                false => attempt(&server, place, step, &vault).await,
            }
        }
        server.ledger();
    }
}

#[track_caller]
fn check_refusal(server: &Harness, place: &Place, step: &Step, answer: &Answer, code: &str, refusals: usize) {
    let what = format!("{} with the guard in {}", step.name, place.name);
    assert_eq!((answer.status, answer.code()), (403, code), "{what}: {}", answer.text);
    for part in [place.guard().as_str(), "Ask the security team"] {
        assert!(answer.message().contains(part), "{what}: {}", answer.text);
    }
    let refusals = &server.refusals()[refusals..];
    let [refusal] = refusals else { panic!("{what}: one refusal, not {refusals:?}") };
    assert_eq!(refusal.operation, step.operation.name(), "{what}");
}

fn check_done(server: &Harness, place: &Place, step: &Step, vault: &str) {
    let entry = server.ledger().pop().unwrap();
    assert_eq!((entry.verdict, entry.target), (Verdict::Done, (step.path)(vault)), "{}", step.name);
    let [used] = entry.consent.as_slice() else { panic!("{}: one consent", step.name) };
    assert_eq!(used.operation, step.operation.name());
    assert_eq!(used.request, place.request(step.operation.request_kind()));
}

async fn attempt(server: &Harness, place: &Place, step: &Step, vault: &str) {
    let admin = place.admin(server);
    let ids = [place.request(step.operation.request_kind())];
    let before = state(server, vault);
    let missing = "UserErrorResourceGuardOperationRequestMissing";
    for (consent, requests, code) in
        [(false, &[][..], missing), (false, &ids[..], "LinkedAuthorizationFailed"), (true, &[][..], missing)]
    {
        let consent = consent.then(|| place.consent(server));
        let refusals = server.refusals().len();
        let refused = step.send(&admin, vault, requests).await;
        check_refusal(server, place, step, &refused, code, refusals);
        assert_eq!(state(server, vault), before, "{}", step.name);
        if let Some(consent) = consent {
            server.revoke(&consent);
        }
    }
    let consent = place.consent(server);
    let done = step.send(&admin, vault, &ids).await;
    assert!(done.status < 300, "{} in {}: {}", step.name, place.name, done.text);
    assert!(!done.text.contains("resourceGuardOperationRequests"), "{}", step.name);
    assert_ne!(state(server, vault), before, "{}", step.name);
    check_done(server, place, step, vault);
    server.revoke(&consent);
}

async fn unlock_and_delete(server: &Harness, place: &Place, step: &Step, vault: &str) {
    let admin = place.admin(server);
    let unlock = format!("{}/unlockDelete", proxy(vault));
    let before = state(server, vault);
    let refusals = server.refusals().len();
    let refused = step.send(&admin, vault, &[]).await;
    check_refusal(server, place, step, &refused, "UserErrorDeleteNotUnlocked", refusals);
    let refused = admin.post(&unlock, step.unlock_body(place, vault)).await;
    check_refusal(server, place, step, &refused, "LinkedAuthorizationFailed", refusals + 1);
    let refused = step.send(&admin, vault, &[]).await;
    check_refusal(server, place, step, &refused, "UserErrorDeleteNotUnlocked", refusals + 2);
    assert_eq!(state(server, vault), before);

    let consent = place.consent(server);
    let unlocked = admin.post(&unlock, step.unlock_body(place, vault)).await.expect(200);
    assert!(unlocked["unlockDeleteExpiryTime"].is_string());
    // Consent that has ended since must not work any more.
    server.revoke(&consent);
    let refusals = server.refusals().len();
    let refused = step.send(&admin, vault, &[]).await;
    check_refusal(server, place, step, &refused, "LinkedAuthorizationFailed", refusals);
    let consent = place.consent(server);
    // The DELETE may come without the token of the guard's tenant.
    let done = step.send(&server.as_(place.admin), vault, &[]).await;
    assert!(matches!(done.status, 200 | 202), "{} in {}: {}", step.name, place.name, done.text);
    assert_ne!(state(server, vault), before);
    check_done(server, place, step, vault);
    server.revoke(&consent);
}

/// What is close to a critical operation and takes nothing away needs nobody; and the operation itself needs nobody from
/// the moment on at which the guard excludes it.
#[tokio::test]
async fn neighbours_are_free_and_what_is_excluded_is_free_at_once() {
    for place in &PLACES {
        let server = place.server().await;
        let (admin, owner) = (place.admin(&server), server.as_(place.owner));
        let exclude = |names: Value| json!({"properties": {"vaultCriticalOperationExclusionList": names}});
        for step in STEPS {
            let what = format!("{} with the guard in {}", step.name, place.name);
            let vault = guarded(&server, place, step).await;
            let (method, path, body, status) = step.neighbour;
            let free = admin.call(method, &path(&vault), body(&vault)).await;
            assert_eq!(free.status, status, "{what}: {}", free.text);

            let excluding = owner.patch(&place.guard(), exclude(json!([step.operation.name()]))).await;
            if step.operation.is_mandatory() {
                assert_eq!(excluding.code(), "BMSUserErrorInvalidCriticalOperationExclusionList", "{what}");
                assert_eq!(step.send(&admin, &vault, &[]).await.status, 403, "{what}");
                continue;
            }
            excluding.expect(200);
            let details = admin.get(&proxy(&vault)).await.expect(200);
            assert!(!details.to_string().contains(step.operation.request_kind()), "{what}");
            let done = step.send(&admin, &vault, &[]).await;
            assert!(done.status < 300, "{what}: {}", done.text);
            owner.patch(&place.guard(), exclude(json!([]))).await.expect(200);
        }
    }
}

#[tokio::test]
async fn the_proxy_lists_what_is_guarded_on_backup_vaults_alone() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = guarded(&server, place, &STEPS[0]).await;
    let admin = place.admin(&server);
    let shown = admin.get(&proxy(&vault)).await.expect(200);
    assert_eq!(shown["type"], "Microsoft.DataProtection/vaults/backupResourceGuardProxies");
    assert_eq!(shown["name"], "DppResourceGuardProxy");
    assert_eq!(shown["properties"]["description"], "Ask the security team");
    let details = shown["properties"]["resourceGuardOperationDetails"].as_array().unwrap();
    assert_eq!(details.len(), 9);
    for operation in CriticalOperation::ALL.iter().filter(|one| one.vault_kind() == VaultKind::Backup) {
        let detail = json!({"vaultCriticalOperation": operation.name(),
            "defaultResourceRequest": place.request(operation.request_kind())});
        assert!(details.contains(&detail), "{detail}");
    }
    let list = admin.get(&format!("{vault}/backupResourceGuardProxies")).await.expect(200);
    assert_eq!(list["value"], json!([shown]));
    let seen = admin.get(&vault).await.expect(200);
    assert_eq!(seen["properties"]["isVaultProtectedByResourceGuard"], true);
    assert_eq!(seen["properties"]["bcdrSecurityLevel"], "Fair");
    // Each kind of vault has its own name for the link, and requests of its own.
    let other = format!("{vault}/backupResourceGuardProxies/VaultProxy");
    assert_eq!(admin.put(&other, link(&place.guard())).await.code(), "InvalidResourceName");
    place.consent(&server);
    let mut body = settings(r#"{"softDeleteSettings": {"state": "Off"}}"#);
    body["properties"]["resourceGuardOperationRequests"] =
        json!([place.request("disableSoftDeleteRequests")]);
    let refused = admin.patch(&vault, body).await;
    assert_eq!(refused.code(), "UserErrorInvalidResourceGuardOperationRequest");
    // The guard knows whom it guards, and cannot be deleted meanwhile.
    let linked = server.as_(place.owner).get(&format!("{}/linkedVaults", place.guard())).await.expect(200);
    assert_eq!(linked["value"][0]["id"], vault);
    let refused = server.as_(place.owner).delete(&place.guard()).await;
    assert_eq!(refused.code(), "UserErrorResourceGuardHasLinkedVaults");
}

#[tokio::test]
async fn an_unlock_is_for_one_instance_of_one_vault_and_works_once() {
    let place = &PLACES[1];
    let server = place.server().await;
    let step = STEPS.iter().find(|step| step.operation == CriticalOperation::DeleteInstance).unwrap();
    let vault = guarded(&server, place, step).await;
    let admin = place.admin(&server);
    place.consent(&server);
    let other = format!("{vault}/backupInstances/other");
    admin.put(&other, disk(&vault, "long")).await.expect(201);
    let unlock = format!("{}/unlockDelete", proxy(&vault));
    let mut nowhere = step.unlock_body(place, &vault);
    nowhere.as_object_mut().unwrap().remove("resourceToBeDeleted");
    assert_eq!(admin.post(&unlock, nowhere).await.status, 400, "an unlock of just anything");
    admin.post(&unlock, step.unlock_body(place, &vault)).await.expect(200);
    assert_eq!(admin.delete(&other).await.code(), "UserErrorDeleteNotUnlocked");
    assert_eq!(step.send(&admin, &vault, &[]).await.status, 202);
    let undelete = format!("{vault}/deletedBackupInstances/disk1-disk1/undelete");
    assert_eq!(admin.post(&undelete, Value::Null).await.status, 202, "undeleting needs nobody");
    assert_eq!(step.send(&admin, &vault, &[]).await.code(), "UserErrorDeleteNotUnlocked");
}

/// A weak policy may be made freely; neither an undeletion nor a stop in between lets an instance get it for nothing.
#[tokio::test]
async fn detours_to_a_weaker_policy_end_at_the_same_gate() {
    let place = &PLACES[2];
    let server = place.server().await;
    let step = STEPS.iter().find(|step| step.operation == CriticalOperation::StopInstance).unwrap();
    let vault = guarded(&server, place, step).await;
    let admin = place.admin(&server);
    let weak = format!("{vault}/backupPolicies/weak");
    admin.put(&weak, disk_policy(1)).await.expect(200);
    let consent = place.consent(&server);
    let ids = [place.request(step.operation.request_kind())];
    step.send(&admin, &vault, &ids).await.expect(202);
    server.revoke(&consent);
    let missing = "UserErrorResourceGuardOperationRequestMissing";
    let moved = admin.put(&instance_at(&vault), disk(&vault, "weak")).await;
    assert_eq!(moved.code(), missing, "while stopped");
    admin.post(&format!("{}/resumeProtection", instance_at(&vault)), Value::Null).await.expect(202);
    let moved = admin.put(&instance_at(&vault), disk(&vault, "weak")).await;
    assert_eq!(moved.code(), missing, "after resuming");
    // What the policy applies to within the source is part of it.
    let mut narrower = disk(&vault, "long");
    narrower["properties"]["policyInfo"]["policyParameters"]["backupDatasourceParametersList"] =
        json!([{"objectType": "BlobBackupDatasourceParameters", "containersList": []}]);
    assert_eq!(admin.put(&instance_at(&vault), narrower).await.code(), missing);
}

/// Routes that change a Backup vault, or look as if they did, and need nobody's consent; with the reason.
const FREE: &[(&str, &str, &str)] = &[
    ("DELETE", "", "only an empty vault can be deleted"),
    ("POST", "{instance}/thaw", "it takes a frozen item: see `thawing.rs`"),
    ("DELETE", "/backupPolicies/p", "only a policy that no instance uses can be deleted"),
    (
        "PUT",
        "/backupResourceGuardProxies/DppResourceGuardProxy",
        "another guard is refused as the removal of this one",
    ),
    ("POST", "/backupResourceGuardProxies/DppResourceGuardProxy/unlockDelete", "it is how consent is given"),
    ("POST", "/validateForBackup", "nothing changes"),
    ("POST", "{instance}/validateForModifyBackup", "nothing changes"),
    ("POST", "{instance}/validateRestore", "nothing changes"),
    ("POST", "{instance}/findRestorableTimeRanges", "nothing changes"),
    ("POST", "{instance}/resumeProtection", "backups run again"),
    ("POST", "{instance}/resumeBackups", "backups run again"),
    ("POST", "{instance}/sync", "nothing changes"),
    ("POST", "/deletedBackupInstances/disk1-disk1/undelete", "what was lost comes back"),
    ("POST", "{instance}/backup", "the client makes backups"),
    ("POST", "{instance}/repositoryCredentials", "it opens a repository in which nothing can be destroyed"),
    ("POST", "{instance}/repositoryCredentials/u/rotate", "it opens no more than before"),
    ("DELETE", "{instance}/repositoryQuotas/default", "nothing is limited any more"),
    ("DELETE", "/repositoryQuotas/default", "nothing is limited any more"),
    ("DELETE", "{instance}/repositoryCredentials/u", "it takes access away"),
];

#[test]
fn every_route_that_changes_a_backup_vault_has_its_step() {
    let vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataProtection/backupVaults/v";
    let pattern = |method: &str, path: &str| {
        let method = Method::parse(method).unwrap();
        let (route, _) = TABLE.find(method, &ResourceId::parse(path).unwrap()).unwrap();
        (route.method.as_str(), route.pattern)
    };
    let told: BTreeSet<_> = STEPS.iter().map(|step| pattern(step.method, &(step.path)(vault))).collect();
    let path = |below: &str| match below.strip_prefix("{instance}") {
        Some(below) => format!("{}{below}", instance_at(vault)),
        None => format!("{vault}{below}"),
    };
    let free: BTreeSet<_> = FREE.iter().map(|(method, below, _)| pattern(method, &path(below))).collect();
    let changes = |route: &&Route| {
        !route.method.is_read() && route.pattern.contains("/Microsoft.DataProtection/backupVaults")
    };
    let routes = ROUTES.iter().flat_map(|routes| routes.iter()).filter(changes);
    let routes: BTreeSet<_> = routes.map(|route| (route.method.as_str(), route.pattern)).collect();
    assert_eq!(told.intersection(&free).collect::<Vec<_>>(), Vec::<&(_, _)>::new(), "free and critical");
    let known: BTreeSet<_> = told.union(&free).copied().collect();
    assert_eq!(routes, known, "each route has a step, or is free for a reason");
}

#[tokio::test]
async fn another_guard_is_the_removal_of_this_one() {
    let place = &PLACES[1];
    let server = place.server().await;
    let vault = guarded(&server, place, &STEPS[0]).await;
    let admin = place.admin(&server);
    let other = guard_path(place.guards, "guard2");
    server.as_(place.owner).put(&other, json!({"location": "westeurope"})).await.expect(200);
    server.grant(place.holder, role_ids::READER, &other);
    // Whoever may consent on the new guard has no say about the old one.
    server.grant(place.holder, role_ids::BACKUP_MUA_OPERATOR, &other);
    let before = state(&server, &vault);
    let refused = admin.put(&proxy(&vault), link(&other)).await;
    assert_eq!((refused.status, refused.code()), (403, "UserErrorDeleteNotUnlocked"));
    assert_eq!(state(&server, &vault), before);
    // The same guard again is nothing.
    admin.put(&proxy(&vault), link(&place.guard())).await.expect(200);
    place.consent(&server);
    let unlock = format!("{}/unlockDelete", proxy(&vault));
    let body = json!({"resourceGuardOperationRequests": [place.request("deleteResourceGuardProxyRequests")]});
    admin.post(&unlock, body).await.expect(200);
    admin.put(&proxy(&vault), link(&other)).await.expect(200);
    assert_ne!(state(&server, &vault), before);
}

/// Reading in bulk by the repository's own credentials is a restore, too: it takes an order that was consented to.
#[tokio::test]
async fn reading_an_instances_repository_takes_consent_and_backups_go_on() {
    let place = &PLACES[2];
    let server = place.server().await;
    let step = STEPS.iter().find(|step| step.operation == CriticalOperation::RestoreInstance).unwrap();
    let vault = guarded(&server, place, step).await;
    let admin = place.admin(&server);
    let credentials = format!("{}/repositoryCredentials", instance_at(&vault));
    let issued = admin.post(&credentials, Value::Null).await.expect(200);
    let (user, secret) = (issued["userName"].as_str().unwrap(), issued["secret"].as_str());
    let send = |method: &str, below: &str, body: Vec<u8>| {
        let url = format!("{}{below}", issued["repositoryUrl"].as_str().unwrap());
        server.send(server.request(method, &url).basic_auth(user, secret).body(body))
    };
    assert_eq!(send("POST", "?create=true", Vec::new()).await.status, 200);
    let pack = b"encrypted data".to_vec();
    let name = format!("data/{}", ledger::Digest::of(&pack));
    assert_eq!(send("POST", &name, pack).await.status, 200, "backups go on");
    let refusals = server.refusals().len();
    assert_eq!(send("GET", &name, Vec::new()).await.status, 403);
    let refused = &server.refusals()[refusals..];
    assert_eq!(refused[0].operation, step.operation.name());

    place.consent(&server);
    let ids = [place.request(step.operation.request_kind())];
    step.send(&admin, &vault, &ids).await.expect(202);
    assert_eq!(send("GET", &name, Vec::new()).await.status, 200);
    server.advance(jiff::SignedDuration::from_hours(mua::RESTORE_HOURS));
    assert_eq!(send("GET", &name, Vec::new()).await.status, 403, "the window has shut");
}
