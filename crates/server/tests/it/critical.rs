//! A story for each critical operation of a Recovery Services vault (contract 2.4), told with the guard in the same
//! subscription, in another one and in another tenant: what is free stays free; without consent it is refused and nothing
//! changes; with consent it happens, and the ledger says whose consent it was; what the guard exempts needs none.
//!
//! And a test that every route that changes such a vault is told of in a story, or listed with the reason why nobody
//! needs to consent.

use std::collections::{BTreeMap, BTreeSet};

use arm::ResourceId;
use ledger::Verdict;
use mua::{Consent, CriticalOperation, RestoreWindow, VaultKind};
use serde_json::{Value, json};
use server::arm::route::Route;
use server::arm::routes::{ROUTES, TABLE};
use vault::{
    BackupPolicy, Container, GuardProxy, ProtectedItem, RecoveryPoint, RepositoryQuota, SecurityPin, Vault,
    VaultChange,
};

use crate::estate::{guard_path, vault_path};
use crate::fixture::{FILES, SERVER, apply, files_policy};
use crate::harness::{Answer, Harness};
use crate::mua::{PLACES, Place, link, proxy};

const PROXY: &str = "backupResourceGuardProxies/VaultProxy";
const CONFIG: &str = "backupconfig/vaultconfig";
const OWN_KEY: &str = "backupEncryptionConfigs/backupResourceEncryptionConfig";
const POLICY: &str = "backupPolicies/Files30";
const IDENTITY: &str = "registeredIdentities/srv01";
const PIN: &str = "backupSecurityPIN";
const POINT: &str = "a1";
/// The guard that a vault is moved to.
const OTHER_GUARD: &str = "guard2";

/// A request to a vault.
struct Step {
    method: &'static str,
    below: String,
    /// What goes into `properties`; null for a request without a body.
    properties: Value,
}

fn step(method: &'static str, below: impl Into<String>, properties: Value) -> Step {
    Step { method, below: below.into(), properties }
}

impl Step {
    /// The body, with guard requests where this request takes them (contract 4.5).
    fn body(&self, requests: &[String]) -> Value {
        if self.below == PIN {
            return json!({"resourceGuardOperationRequests": requests});
        }
        if self.properties.is_null() {
            return Value::Null;
        }
        let mut properties = self.properties.clone();
        if !requests.is_empty() {
            properties["resourceGuardOperationRequests"] = json!(requests);
        }
        json!({"location": "westeurope", "properties": properties})
    }
}

/// A critical step, what is harmless beside it, and how it is told.
struct Story {
    name: &'static str,
    operation: CriticalOperation,
    /// Whether the vault is immutable when it begins.
    immutable: bool,
    /// Steps in the same place that need nobody.
    free: Vec<Step>,
    critical: Step,
    /// What `unlockDelete` names, below the vault, for operations that are unlocked.
    unlocks: &'static str,
}

fn file(properties: Value) -> Value {
    let mut properties = properties;
    properties["protectedItemType"] = json!("MabFileFolderProtectedItem");
    properties
}

fn story(name: &'static str, operation: CriticalOperation, critical: Step) -> Story {
    Story { name, operation, immutable: false, free: Vec::new(), critical, unlocks: "" }
}

fn restore_path() -> String {
    format!("{FILES}/recoveryPoints/{POINT}/restore")
}

fn soft_delete(name: &str, value: Value) -> Value {
    json!({"securitySettings": {"softDeleteSettings": {name: value}}})
}

fn stories(vault: &str, place: &Place) -> Vec<Story> {
    let mut stories = stories_of_items(vault);
    stories.extend(stories_of_settings());
    stories.extend(stories_of_links(place));
    stories
}

fn stories_of_items(vault: &str) -> Vec<Story> {
    use CriticalOperation as Op;
    let policy = |name: &str| file(json!({"policyId": format!("{vault}/backupPolicies/{name}")}));
    let body = |days: u32| files_policy(days);
    let rename = || step("PUT", FILES, file(json!({"friendlyName": "renamed"})));
    vec![
        Story {
            free: vec![rename()],
            unlocks: FILES,
            ..story("delete-protection", Op::DeleteProtection, step("DELETE", FILES, Value::Null))
        },
        Story {
            free: vec![step("PUT", FILES, policy("Files60"))],
            ..story("modify-protection", Op::ModifyProtection, step("PUT", FILES, policy("Files7")))
        },
        Story {
            free: vec![step("PUT", POLICY, body(40)), step("PUT", "backupPolicies/New", body(1))],
            ..story("modify-policy", Op::ModifyPolicy, step("PUT", POLICY, body(39)))
        },
        Story {
            free: vec![rename()],
            ..story(
                "stop-for-ever",
                Op::StopProtection,
                step("PUT", FILES, file(json!({"policyId": "", "protectionState": "ProtectionStopped"}))),
            )
        },
        Story {
            immutable: true,
            ..story(
                "stop-as-per-policy",
                Op::StopProtection,
                step("PUT", FILES, file(json!({"protectionState": "BackupsSuspended"}))),
            )
        },
        Story {
            free: vec![step("DELETE", format!("{FILES}/repositoryQuotas/default"), Value::Null)],
            ..story(
                "quota",
                Op::StopProtection,
                step("PUT", format!("{FILES}/repositoryQuotas/default"), json!({"limitInBytes": 0})),
            )
        },
        story(
            "quota-of-the-vault",
            Op::StopProtection,
            step("PUT", "repositoryQuotas/default", json!({"limitInBytes": 1_000_000})),
        ),
        story(
            "restore",
            Op::Restore,
            step("POST", restore_path(), json!({"objectType": "IaasVMRestoreRequest"})),
        ),
        Story {
            free: vec![step("PUT", SERVER, json!({}))],
            unlocks: IDENTITY,
            ..story("delete-server", Op::DeleteServer, step("DELETE", IDENTITY, Value::Null))
        },
        Story {
            unlocks: SERVER,
            ..story("delete-server-by-its-id", Op::DeleteServer, step("DELETE", IDENTITY, Value::Null))
        },
    ]
}

fn stories_of_settings() -> Vec<Story> {
    use CriticalOperation as Op;
    let off = || json!({"softDeleteFeatureState": "Disabled"});
    let key = json!({"encryption": {"keyVaultProperties": {"keyUri": "https://keys.example/keys/2"}}});
    let mutable = json!({"securitySettings": {"immutabilitySettings": {"state": "Disabled"}}});
    vec![
        story("pin", Op::SecurityPin, step("POST", PIN, Value::Null)),
        Story {
            free: vec![step("PATCH", CONFIG, json!({"softDeleteRetentionPeriodInDays": 60}))],
            ..story("soft-delete-patch", Op::DisableSoftDelete, step("PATCH", CONFIG, off()))
        },
        story("soft-delete-put", Op::DisableSoftDelete, step("PUT", CONFIG, off())),
        story(
            "hybrid",
            Op::DisableSoftDelete,
            step("PATCH", CONFIG, json!({"enhancedSecurityState": "Disabled"})),
        ),
        Story {
            free: vec![step("PATCH", "", soft_delete("softDeleteRetentionPeriodInDays", json!(90)))],
            ..story(
                "vault-shorter",
                Op::DisableSoftDelete,
                step("PATCH", "", soft_delete("softDeleteRetentionPeriodInDays", json!(14))),
            )
        },
        story(
            "vault-put",
            Op::DisableSoftDelete,
            step("PUT", "", soft_delete("softDeleteState", json!("Disabled"))),
        ),
        Story {
            immutable: true,
            free: vec![step("PATCH", "", json!({"publicNetworkAccess": "Disabled"}))],
            ..story("immutability", Op::ReduceImmutability, step("PATCH", "", mutable))
        },
        story("key", Op::ModifyEncryption, step("PATCH", "", key)),
        story(
            "own-key",
            Op::ModifyEncryption,
            step("PUT", OWN_KEY, json!({"encryptionAtRestType": "MicrosoftManaged"})),
        ),
    ]
}

fn stories_of_links(place: &Place) -> Vec<Story> {
    use CriticalOperation as Op;
    let to = |name: &str| link(&guard_path(place.guards, name))["properties"].clone();
    vec![
        Story {
            free: vec![step("PUT", PROXY, to("guard1"))],
            ..story("remove-mua", Op::RemoveMua, step("DELETE", PROXY, Value::Null))
        },
        Story {
            unlocks: PROXY,
            ..story("another-guard", Op::RemoveMua, step("PUT", PROXY, to(OTHER_GUARD)))
        },
    ]
}

/// Everything that is stored of a vault.
fn state(server: &Harness, vault: &str) -> BTreeMap<&'static str, Value> {
    fn all<D: store::Document>(tx: &mut store::Transaction, vault: &ResourceId) -> arm::Result<Value> {
        Ok(serde_json::to_value((tx.resource::<D>(vault)?, tx.below::<D>(vault)?)).unwrap())
    }
    let vault = ResourceId::parse(vault).unwrap();
    let read = |tx: &mut store::Transaction| {
        Ok(BTreeMap::from([
            ("vault", all::<Vault>(tx, &vault)?),
            ("policies", all::<BackupPolicy>(tx, &vault)?),
            ("containers", all::<Container>(tx, &vault)?),
            ("items", all::<ProtectedItem>(tx, &vault)?),
            ("points", all::<RecoveryPoint>(tx, &vault)?),
            ("proxies", all::<GuardProxy>(tx, &vault)?),
            ("pins", all::<SecurityPin>(tx, &vault)?),
            ("quotas", all::<RepositoryQuota>(tx, &vault)?),
            ("windows", all::<RestoreWindow>(tx, &vault)?),
            ("jobs", all::<vault::Job>(tx, &vault)?),
        ]))
    };
    server.running.app().store.transact(read).unwrap()
}

/// A vault with one of everything, linked to the place's guard.
async fn furnished(server: &Harness, place: &Place, story: &Story, name: &str) -> String {
    let vault = vault_path(name);
    let admin = place.admin(server);
    let immutability = if story.immutable { "Unlocked" } else { "Disabled" };
    let body = json!({"location": "westeurope", "properties": {
        "securitySettings": {
            "softDeleteSettings": {"softDeleteState": "Enabled", "softDeleteRetentionPeriodInDays": 30,
                "enhancedSecurityState": "Enabled"},
            "immutabilitySettings": {"state": immutability},
        },
        "encryption": {"keyVaultProperties": {"keyUri": "https://keys.example/keys/1"}},
    }});
    admin.put(&vault, body).await.expect(201);
    for (name, days) in [("Files30", 30), ("Files7", 7), ("Files60", 60)] {
        let body = json!({"properties": files_policy(days)});
        admin.put(&format!("{vault}/backupPolicies/{name}"), body).await.expect(200);
    }
    admin.put(&format!("{vault}/{SERVER}"), json!({"properties": {}})).await.expect(200);
    let item = file(json!({"policyId": format!("{vault}/{POLICY}")}));
    admin.put(&format!("{vault}/{FILES}"), json!({"properties": item})).await.expect(202);
    let item: ProtectedItem = server.stored(&format!("{vault}/{FILES}")).unwrap();
    let point = RecoveryPoint {
        label: None,
        at: server.now(),
        id: item.id.child(&format!("recoveryPoints/{POINT}")).unwrap(),
        policy: item.policy.clone(),
        repository: item.short.clone(),
        retain_until: None,
        snapshot: "a".repeat(64),
        written_by: "client".into(),
    };
    server.seed(|tx| apply(tx, VaultChange::recovery_point(point.clone())));
    admin.put(&proxy(&vault), link(&place.guard())).await.expect(200);
    vault
}

async fn send(server: &Harness, place: &Place, vault: &str, step: &Step, requests: &[String]) -> Answer {
    let path = if step.below.is_empty() { vault.to_string() } else { format!("{vault}/{}", step.below) };
    place.admin(server).call(step.method, &path, step.body(requests)).await
}

async fn unlock(server: &Harness, place: &Place, vault: &str, story: &Story) -> Answer {
    let request = place.request(story.operation.request_kind());
    let mut body = json!({"resourceGuardOperationRequests": [request]});
    if !story.unlocks.is_empty() {
        body["resourceToBeDeleted"] = json!(format!("{vault}/{}", story.unlocks));
    }
    place.admin(server).post(&format!("{}/unlockDelete", proxy(vault)), body).await
}

/// One row: what was asked, what it was answered with.
fn assert_refused(what: &str, place: &Place, answer: &Answer, code: &str) {
    assert_eq!((answer.status, answer.code()), (403, code), "{what}: {}", answer.text);
    for part in [place.guard().as_str(), "Ask the security team"] {
        assert!(answer.message().contains(part), "{what}: {}", answer.text);
    }
}

async fn tell(server: &Harness, place: &Place, name: &str, index: usize) {
    let vault = vault_path(name);
    let story = &stories(&vault, place)[index];
    let what = format!("{} with the guard in {}", story.name, place.name);
    let vault = furnished(server, place, story, name).await;
    for step in &story.free {
        let answer = send(server, place, &vault, step, &[]).await;
        assert!((200..300).contains(&answer.status), "{what}: {} {}", step.below, answer.text);
    }
    let before = state(server, &vault);
    let request = [place.request(story.operation.request_kind())];
    let by_unlock = story.operation.consent() == Consent::ByUnlock;
    let refusals = server.refusals().len();
    if by_unlock {
        for _ in 0..2 {
            let answer = send(server, place, &vault, &story.critical, &[]).await;
            assert_refused(&what, place, &answer, "UserErrorDeleteNotUnlocked");
            let answer = unlock(server, place, &vault, story).await;
            assert_refused(&what, place, &answer, "LinkedAuthorizationFailed");
        }
    } else {
        let missing = "UserErrorResourceGuardOperationRequestMissing";
        let answer = send(server, place, &vault, &story.critical, &[]).await;
        assert_refused(&what, place, &answer, missing);
        let answer = send(server, place, &vault, &story.critical, &request).await;
        assert_refused(&what, place, &answer, "LinkedAuthorizationFailed");
        let consent = place.consent(server);
        let answer = send(server, place, &vault, &story.critical, &[]).await;
        assert_refused(&what, place, &answer, missing);
        server.revoke(&consent);
    }
    let refused = &server.refusals()[refusals..];
    assert_eq!(refused.len(), if by_unlock { 4 } else { 3 }, "{what}");
    assert!(refused.iter().all(|entry| entry.operation == story.operation.name()), "{what}");
    assert_eq!(state(server, &vault), before, "{what}: what is refused changes nothing");

    let consent = place.consent(server);
    if by_unlock {
        unlock(server, place, &vault, story).await.expect(200);
    }
    let answer = send(server, place, &vault, &story.critical, &request).await;
    assert!((200..300).contains(&answer.status), "{what}: {}", answer.text);
    assert_ne!(state(server, &vault), before, "{what}: what is allowed happens");
    let entry = server.ledger().pop().unwrap();
    let used: Vec<_> = entry.consent.iter().map(|used| (used.operation.as_str(), &used.request)).collect();
    assert_eq!(used, [(story.operation.name().as_str(), &request[0])], "{what}");
    assert_eq!(entry.verdict, Verdict::Done, "{what}");
    server.revoke(&consent);
}

#[tokio::test]
async fn each_operation_is_refused_without_consent_and_happens_with_it() {
    for place in &PLACES {
        let server = place.server().await;
        server
            .as_(place.owner)
            .put(&guard_path(place.guards, OTHER_GUARD), json!({"location": "westeurope"}))
            .await
            .expect(200);
        server.grant(place.holder, rbac::role_ids::READER, &guard_path(place.guards, OTHER_GUARD));
        for index in 0..stories("", place).len() {
            tell(&server, place, &format!("v{index}"), index).await;
        }
    }
}

#[tokio::test]
async fn what_the_guard_exempts_needs_nobody_and_the_mandatory_cannot_be_exempted() {
    let place = &PLACES[2];
    let server = place.server().await;
    let owner = server.as_(place.owner);
    let exclude = |names: Value| json!({"properties": {"vaultCriticalOperationExclusionList": names}});
    for index in 0..stories("", place).len() {
        let vault = vault_path(&format!("v{index}"));
        let story = &stories(&vault, place)[index];
        let excluded = owner.patch(&place.guard(), exclude(json!([story.operation.name()]))).await;
        if story.operation.is_mandatory() {
            let code = "BMSUserErrorInvalidCriticalOperationExclusionList";
            assert_eq!((excluded.status, excluded.code()), (400, code), "{}", story.name);
            continue;
        }
        excluded.expect(200);
        furnished(&server, place, story, &format!("v{index}")).await;
        let before = state(&server, &vault);
        let answer = send(&server, place, &vault, &story.critical, &[]).await;
        assert!((200..300).contains(&answer.status), "{}: {}", story.name, answer.text);
        assert_ne!(state(&server, &vault), before, "{}", story.name);
        owner.patch(&place.guard(), exclude(json!([]))).await.expect(200);
    }
}

/// What no consent opens: losing recovery points of an immutable vault, and the way back from what is for good.
#[tokio::test]
async fn what_is_for_good_stays_whoever_agrees() {
    for place in &PLACES {
        let server = place.server().await;
        place.consent(&server);
        let (immutable, locked) = (vault_path("v0"), vault_path("v1"));
        for (index, vault) in [&immutable, &locked].into_iter().enumerate() {
            let story = Story {
                immutable: true,
                ..story("", CriticalOperation::Restore, step("GET", "", json!({})))
            };
            assert_eq!(furnished(&server, place, &story, &format!("v{index}")).await, *vault);
        }
        let for_good = json!({"location": "westeurope", "properties": {"securitySettings": {
            "immutabilitySettings": {"state": "Locked"},
            "softDeleteSettings": {"softDeleteState": "AlwaysON", "enhancedSecurityState": "AlwaysON"}}}});
        place.admin(&server).patch(&locked, for_good).await.expect(200);
        let (denied, no_way_back) =
            ("UserErrorOperationDeniedOnImmutableItem", "UserErrorDisableSoftDeleteNotAllowed");
        let unlocked = "UserErrorUnsupportedVaultImmutabilityStateChange";
        for (name, vault, code) in [
            ("delete-protection", &immutable, denied),
            ("modify-protection", &immutable, denied),
            ("modify-policy", &immutable, denied),
            ("delete-server", &immutable, denied),
            ("delete-protection", &locked, denied),
            ("immutability", &locked, unlocked),
            ("soft-delete-patch", &locked, no_way_back),
            ("soft-delete-put", &locked, no_way_back),
            ("hybrid", &locked, no_way_back),
            ("vault-put", &locked, no_way_back),
        ] {
            let stories = stories(vault, place);
            let story = stories.iter().find(|story| story.name == name).unwrap();
            let what = format!("{name} on {vault} with the guard in {}", place.name);
            let critical = match name {
                "modify-policy" => &step("PUT", POLICY, files_policy(7)),
                _ => &story.critical,
            };
            if story.operation.consent() == Consent::ByUnlock {
                unlock(&server, place, vault, story).await.expect(200);
            }
            let before = state(&server, vault);
            let request = [place.request(story.operation.request_kind())];
            let answer = send(&server, place, vault, critical, &request).await;
            assert_eq!((answer.status, answer.code()), (400, code), "{what}: {}", answer.text);
            assert_eq!(state(&server, vault), before, "{what}");
        }
    }
}

/// Routes that change a vault, or look as if they did, and need nobody's consent; with the reason.
const FREE: &[(&str, &str, &str)] = &[
    ("DELETE", "", "only an empty vault can be deleted"),
    ("DELETE", POLICY, "only a policy that no item uses can be deleted"),
    ("PUT", SERVER, "a server is registered, which weakens nothing"),
    ("DELETE", SERVER, "only an empty container can be deleted"),
    ("POST", "backupFabrics/Azure/refreshContainers", "nothing changes"),
    ("PUT", "backupstorageconfig/vaultstorageconfig", "how often bytes are stored is the operator's"),
    ("PATCH", "backupstorageconfig/vaultstorageconfig", "how often bytes are stored is the operator's"),
    ("PUT", "extendedInformation/vaultExtendedInfo", "what agents note for themselves"),
    ("PATCH", "extendedInformation/vaultExtendedInfo", "what agents note for themselves"),
    ("POST", "backupResourceGuardProxies/VaultProxy/unlockDelete", "it is how consent is given"),
    ("POST", "{item}/thaw", "it takes a frozen item: see `thawing.rs`"),
    ("POST", "{item}/backup", "the client makes backups"),
    ("POST", "{item}/repositoryCredentials", "it opens a repository in which nothing can be destroyed"),
    ("POST", "{item}/repositoryCredentials/u/rotate", "it opens no more than before"),
    ("DELETE", "{item}/repositoryQuotas/default", "nothing is limited any more"),
    ("DELETE", "repositoryQuotas/default", "nothing is limited any more"),
    ("DELETE", "{item}/repositoryCredentials/u", "it takes access away"),
];

#[test]
fn every_route_that_changes_a_vault_has_its_story() {
    let vault = "/subscriptions/s/resourceGroups/g/providers/Microsoft.RecoveryServices/vaults/v";
    let pattern = |method: &str, below: &str| {
        let below = below.replace("{item}", FILES);
        let path = if below.is_empty() { vault.to_string() } else { format!("{vault}/{below}") };
        let method = server::arm::route::Method::parse(method).unwrap();
        let (route, _) = TABLE.find(method, &ResourceId::parse(&path).unwrap()).unwrap();
        (route.method.as_str(), route.pattern)
    };
    let told: BTreeSet<_> = stories(vault, &PLACES[0])
        .iter()
        .map(|story| pattern(story.critical.method, &story.critical.below))
        .collect();
    let free: BTreeSet<_> = FREE.iter().map(|(method, below, _)| pattern(method, below)).collect();
    let changes = |route: &&Route| {
        !route.method.is_read() && route.pattern.contains("/Microsoft.RecoveryServices/vaults")
    };
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .flat_map(|routes| routes.iter())
        .filter(changes)
        .map(|route| (route.method.as_str(), route.pattern))
        .collect();
    assert_eq!(told.intersection(&free).collect::<Vec<_>>(), Vec::<&(_, _)>::new(), "free and critical");
    let known: BTreeSet<_> = told.union(&free).copied().collect();
    assert_eq!(routes, known, "each route is told of in a story, or is free for a reason");

    let operations: BTreeSet<_> = stories(vault, &PLACES[0]).iter().map(|story| story.operation).collect();
    let all = CriticalOperation::ALL.iter().copied();
    let all: BTreeSet<_> = all.filter(|o| o.vault_kind() == VaultKind::RecoveryServices).collect();
    assert_eq!(operations, all, "each critical operation has its story");
}
