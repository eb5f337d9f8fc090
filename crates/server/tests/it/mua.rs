//! Multi-user authorization on a vault (contract 3.6, 4.8, 8): linking, and every critical step that is a change of the
//! vault itself, with the guard in the same subscription, in another one, and in another tenant.

use arm::{ObjectId, SubscriptionId};
use ledger::Verdict;
use mua::ResourceGuard;
use rbac::role_ids;
use resources::Registration;
use serde_json::{Value, json};
use store::Document;
use vault::{GuardProxy, Vault};

use crate::estate::{OTHER_SUB, group, guard_path, vault_body, vault_path};
use crate::harness::{ALICE, ALICE_GUEST, AUTOMATION, BACKUP_SUB, BOB, Caller, Harness, SAM, SECURITY_SUB};
use crate::rehearsals::consider;

/// Where the guard is, who administers the backups, and under which object id the guard's tenant knows them.
pub struct Place {
    pub name: &'static str,
    pub guards: SubscriptionId,
    pub owner: ObjectId,
    pub admin: ObjectId,
    pub holder: ObjectId,
}

pub const PLACES: [Place; 3] = [
    Place { name: "the same subscription", guards: BACKUP_SUB, owner: ALICE, admin: BOB, holder: BOB },
    Place { name: "another subscription", guards: OTHER_SUB, owner: AUTOMATION, admin: ALICE, holder: ALICE },
    Place { name: "another tenant", guards: SECURITY_SUB, owner: SAM, admin: ALICE, holder: ALICE_GUEST },
];

impl Place {
    /// A server with a guard in this place, its owner and its reader.
    pub async fn server(&self) -> Harness {
        let server = Harness::with_groups().await;
        self.prepare(&server).await;
        server
    }

    /// Makes the guard and those who know of it.
    pub async fn prepare(&self, server: &Harness) {
        server.grant(BOB, role_ids::CONTRIBUTOR, &group(BACKUP_SUB, "backup"));
        server.grant(AUTOMATION, role_ids::OWNER, &format!("/subscriptions/{OTHER_SUB}"));
        let guard = json!({"location": "westeurope", "properties": {"description": "Ask the security team"}});
        server.as_(self.owner).put(&self.guard(), guard).await.expect(200);
        server.grant(self.holder, role_ids::READER, &self.guard());
    }

    pub fn guard(&self) -> String {
        guard_path(self.guards, "guard1")
    }

    /// The backup admin, with a token of the guard's tenant if that is another one.
    pub fn admin<'a>(&self, server: &'a Harness) -> Caller<'a> {
        let admin = server.as_(self.admin);
        match self.holder == self.admin {
            true => admin,
            false => admin.with(self.holder),
        }
    }

    /// Lets the backup admin act on the guard; answers with what to revoke.
    pub fn consent(&self, server: &Harness) -> String {
        server.grant(self.holder, role_ids::BACKUP_MUA_OPERATOR, &self.guard())
    }

    /// A vault with settings to lose, linked to the guard.
    pub async fn guarded_vault(&self, server: &Harness, name: &str) -> String {
        let path = vault_path(name);
        let admin = self.admin(server);
        admin.put(&path, vault_body()).await.expect(201);
        admin.put(&proxy(&path), link(&self.guard())).await.expect(200);
        path
    }

    pub fn request(&self, kind: &str) -> String {
        format!("{}/{kind}/default", self.guard())
    }
}

pub fn proxy(vault: &str) -> String {
    format!("{vault}/backupResourceGuardProxies/VaultProxy")
}

pub fn link(guard: &str) -> Value {
    json!({"properties": {"resourceGuardResourceId": guard}})
}

/// A critical step by a request with a body: where it goes, and what it is called on the guard.
struct Step {
    name: &'static str,
    method: &'static str,
    below: &'static str,
    properties: &'static str,
    operation: &'static str,
    kind: &'static str,
}

const SOFT_DELETE: (&str, &str) =
    ("Microsoft.RecoveryServices/vaults/backupconfig/write", "disableSoftDeleteRequests");
const IMMUTABILITY: (&str, &str) =
    ("Microsoft.RecoveryServices/vaults/write#reduceImmutabilityState", "reduceImmutabilityStateRequests");
const ENCRYPTION: (&str, &str) =
    ("Microsoft.RecoveryServices/vaults/write#modifyEncryptionSettings", "modifyEncryptionSettings");

const CONFIG: &str = "/backupconfig/vaultconfig";
const OWN_KEY: &str = "/backupEncryptionConfigs/backupResourceEncryptionConfig";

const fn step(
    name: &'static str,
    method: &'static str,
    below: &'static str,
    properties: &'static str,
    (operation, kind): (&'static str, &'static str),
) -> Step {
    Step { name, method, below, properties, operation, kind }
}

#[rustfmt::skip]
const STEPS: [Step; 10] = [
    step("soft-delete-patch", "PATCH", CONFIG, r#"{"softDeleteFeatureState": "Disabled"}"#, SOFT_DELETE),
    step("soft-delete-put", "PUT", CONFIG, r#"{"softDeleteFeatureState": "Disabled"}"#, SOFT_DELETE),
    step("shorter", "PATCH", CONFIG, r#"{"softDeleteRetentionPeriodInDays": 29}"#, SOFT_DELETE),
    step("hybrid", "PATCH", CONFIG, r#"{"enhancedSecurityState": "Disabled"}"#, SOFT_DELETE),
    step("vault-patch", "PATCH", "",
        r#"{"securitySettings": {"softDeleteSettings": {"softDeleteState": "Disabled"}}}"#, SOFT_DELETE),
    step("vault-put", "PUT", "",
        r#"{"securitySettings": {"softDeleteSettings": {"softDeleteState": "Disabled"}}}"#, SOFT_DELETE),
    step("vault-shorter", "PATCH", "",
        r#"{"securitySettings": {"softDeleteSettings": {"softDeleteRetentionPeriodInDays": 14}}}"#, SOFT_DELETE),
    step("immutability", "PATCH", "",
        r#"{"securitySettings": {"immutabilitySettings": {"state": "Disabled"}}}"#, IMMUTABILITY),
    step("key", "PATCH", "",
        r#"{"encryption": {"keyVaultProperties": {"keyUri": "https://keys.example/keys/2"}}}"#, ENCRYPTION),
    step("own-key", "PUT", OWN_KEY, r#"{"encryptionAtRestType": "MicrosoftManaged"}"#, ENCRYPTION),
];

impl Step {
    fn body(&self, requests: &[String]) -> Value {
        let mut properties: Value = serde_json::from_str(self.properties).unwrap();
        if !requests.is_empty() {
            properties["resourceGuardOperationRequests"] = json!(requests);
        }
        json!({"location": "westeurope", "properties": properties})
    }
}

/// For every place and step: refused without the id, refused with the id alone, refused with consent and without the
/// id, allowed with both; each refusal in the ledger, and none of them a change.
#[tokio::test]
async fn every_step_is_refused_without_consent_and_allowed_with_it() {
    for place in &PLACES {
        let server = place.server().await;
        for step in &STEPS {
            attempt(&server, place, step).await;
        }
        server.ledger();
    }
}

async fn attempt(server: &Harness, place: &Place, step: &Step) {
    let what = format!("{} with the guard in {}", step.name, place.name);
    let vault = place.guarded_vault(server, step.name).await;
    let path = format!("{vault}{}", step.below);
    let admin = place.admin(server);
    let ids = [place.request(step.kind)];
    let before: Vault = server.stored(&vault).unwrap();
    let missing = "UserErrorResourceGuardOperationRequestMissing";
    for (consent, requests, code) in
        [(false, &[][..], missing), (false, &ids[..], "LinkedAuthorizationFailed"), (true, &[][..], missing)]
    {
        let consent = consent.then(|| place.consent(server));
        let refusals = server.refusals().len();
        // Whoever only asks is told just that, and leaves nothing behind.
        let told = consider(server, &admin, step.method, &path, step.body(requests)).await;
        assert_eq!((&told["isAllowed"], &told["error"]["code"]), (&json!(false), &json!(code)), "{what}");
        let considered = &told["criticalOperations"][0];
        assert_eq!(considered["vaultCriticalOperation"], step.operation, "{what}: {told}");
        assert_eq!(
            (&considered["isConsentHeld"], &considered["isConsentRequired"]),
            (&json!(consent.is_some()), &json!(true))
        );
        let refused = admin.call(step.method, &path, step.body(requests)).await;
        assert_eq!((refused.status, refused.code()), (403, code), "{what}: {}", refused.text);
        for part in [place.guard().as_str(), "Ask the security team"] {
            assert!(refused.message().contains(part), "{what}: {}", refused.text);
        }
        assert_eq!(server.stored::<Vault>(&vault), Some(before.clone()), "{what}");
        let refusals = &server.refusals()[refusals..];
        let [refusal] = refusals else { panic!("{what}: one refusal, not {refusals:?}") };
        assert_eq!((refusal.operation.as_str(), refusal.target.as_str()), (step.operation, path.as_str()));
        assert_eq!(refusal.facts["guard"], place.guard());
        if let Some(consent) = consent {
            server.revoke(&consent);
        }
    }
    let consent = place.consent(server);
    let told = consider(server, &admin, step.method, &path, step.body(&ids)).await;
    assert_eq!((&told["isAllowed"], &told["isConsentHeld"]), (&json!(true), &json!(true)), "{what}");
    assert_eq!(server.stored::<Vault>(&vault), Some(before.clone()), "{what}");
    let done = admin.call(step.method, &path, step.body(&ids)).await;
    assert_eq!(done.status, 200, "{what}: {}", done.text);
    assert!(!done.text.contains("resourceGuardOperationRequests"), "{what}");
    assert_ne!(server.stored::<Vault>(&vault), Some(before), "{what}");
    let entry = server.ledger().pop().unwrap();
    assert_eq!((entry.verdict, entry.target.as_str()), (Verdict::Done, path.as_str()));
    let [used] = entry.consent.as_slice() else { panic!("{what}: one consent") };
    assert_eq!((used.operation.as_str(), &used.request), (step.operation, &ids[0]));
    assert_eq!(used.assignment.to_lowercase(), consent);
    server.revoke(&consent);
}

#[tokio::test]
async fn what_the_guard_excludes_needs_nobody_at_once() {
    for place in &PLACES {
        let server = place.server().await;
        let (admin, owner) = (place.admin(&server), server.as_(place.owner));
        let exclude = |names: Value| json!({"properties": {"vaultCriticalOperationExclusionList": names}});
        let excludable = STEPS.iter().filter(|step| step.operation != SOFT_DELETE.0);
        for step in excludable {
            let vault = place.guarded_vault(&server, step.name).await;
            let path = format!("{vault}{}", step.below);
            owner.patch(&place.guard(), exclude(json!([step.operation]))).await.expect(200);
            let details = admin.get(&proxy(&vault)).await.expect(200);
            assert!(!details.to_string().contains(step.kind), "{}", step.name);
            admin.call(step.method, &path, step.body(&[])).await.expect(200);

            let again = place.guarded_vault(&server, &format!("{}-2", step.name)).await;
            owner.patch(&place.guard(), exclude(json!([]))).await.expect(200);
            let refused = admin.call(step.method, &format!("{again}{}", step.below), step.body(&[])).await;
            assert_eq!(refused.status, 403, "{}", step.name);
        }
    }
}

#[tokio::test]
async fn strengthening_and_free_settings_need_nobody() {
    for place in &PLACES {
        let server = place.server().await;
        let vault = place.guarded_vault(&server, "v1").await;
        let admin = place.admin(&server);
        for properties in [
            json!({"securitySettings": {"softDeleteSettings": {"softDeleteRetentionPeriodInDays": 60}}}),
            json!({"securitySettings": {"softDeleteSettings": {"softDeleteState": "AlwaysON"}}}),
            json!({"securitySettings": {"immutabilitySettings": {"state": "Locked"}}}),
            json!({"encryption": {"keyVaultProperties": {"keyUri": "https://keys.example/keys/1"}}}),
            json!({"redundancySettings": {"crossRegionRestore": "Enabled"}}),
        ] {
            let body = json!({"tags": {"a": "b"}, "properties": properties});
            admin.patch(&vault, body).await.expect(200);
        }
        let vault = admin.get(&vault).await.expect(200);
        assert_eq!(vault["properties"]["bcdrSecurityLevel"], "Excellent", "{}", place.name);
        assert_eq!(vault["properties"]["secureScore"], "Maximum");
    }
}

#[tokio::test]
async fn one_request_that_is_two_operations_needs_consent_to_both() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    place.consent(&server);
    let (soft, hard) = (place.request(SOFT_DELETE.1), place.request(IMMUTABILITY.1));
    let body = |requests: &[&String]| {
        json!({"properties": {"resourceGuardOperationRequests": requests, "securitySettings": {
            "softDeleteSettings": {"softDeleteState": "Disabled"}, "immutabilitySettings": {"state": "Disabled"}}}})
    };
    let admin = place.admin(&server);
    for half in [&soft, &hard] {
        assert_eq!(admin.patch(&vault, body(&[half])).await.status, 403);
    }
    admin.patch(&vault, body(&[&soft, &hard])).await.expect(200);
    assert_eq!(server.ledger().pop().unwrap().consent.len(), 2);
}

#[tokio::test]
async fn an_ended_consent_ends_at_once() {
    for place in &PLACES {
        let server = place.server().await;
        let vault = place.guarded_vault(&server, "v1").await;
        let config = format!("{vault}/backupconfig/vaultconfig");
        let set = |days: u32| {
            json!({"properties": {"softDeleteRetentionPeriodInDays": days,
                "resourceGuardOperationRequests": [place.request(SOFT_DELETE.1)]}})
        };
        let admin = place.admin(&server);
        let consent = place.consent(&server);
        admin.patch(&config, set(29)).await.expect(200);
        server.revoke(&consent);
        let refused = admin.patch(&config, set(28)).await;
        assert_eq!(refused.code(), "LinkedAuthorizationFailed", "{}", place.name);
        place.consent(&server);
        admin.patch(&config, set(28)).await.expect(200);
    }
}

#[tokio::test]
async fn consent_in_another_tenant_takes_a_token_of_that_tenant() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    place.consent(&server);
    let body = json!({"properties": {"softDeleteFeatureState": "Disabled",
        "resourceGuardOperationRequests": [place.request(SOFT_DELETE.1)]}});
    let config = format!("{vault}/backupconfig/vaultconfig");
    let refused = server.as_(ALICE).patch(&config, body.clone()).await;
    assert_eq!((refused.status, refused.code()), (403, "LinkedAuthorizationFailed"));
    assert!(refused.message().contains("x-ms-authorization-auxiliary"));
    // Somebody else's token is no help, even that of the guard's owner.
    let refused = server.as_(ALICE).with(SAM).patch(&config, body.clone()).await;
    assert_eq!((refused.status, refused.code()), (400, "InvalidAuxiliaryTokens"));
    server.as_(ALICE).with(ALICE_GUEST).patch(&config, body).await.expect(200);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_refused_whatever_they_are_for() {
    let place = &PLACES[1];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    place.consent(&server);
    let other = guard_path(place.guards, "other");
    for request in [
        format!("{other}/disableSoftDeleteRequests/default"),
        place.request("makeCoffeeRequests"),
        place.request("dppReduceSoftDeleteSecurityRequests"),
        format!("{}/disableSoftDeleteRequests/mine", place.guard()),
        place.guard(),
        "../../x".to_string(),
    ] {
        let body = json!({"properties": {"softDeleteRetentionPeriodInDays": 29,
            "resourceGuardOperationRequests": [request]}});
        let refused = place.admin(&server).patch(&format!("{vault}/backupconfig/vaultconfig"), body).await;
        assert_eq!(refused.status, 400, "{request}");
    }
}

#[tokio::test]
async fn linking_takes_the_right_to_see_the_guard_and_reveals_nothing_without_it() {
    for place in &PLACES {
        let server = place.server().await;
        let admin = place.admin(&server);
        let vault = vault_path("v1");
        admin.put(&vault, vault_body()).await.expect(201);
        let hidden = guard_path(place.guards, "hidden");
        server.as_(place.owner).put(&hidden, json!({"location": "westeurope"})).await.expect(200);
        let missing = guard_path(place.guards, "absent");
        let mut answers = Vec::new();
        for guard in [&hidden, &missing] {
            let refused = admin.put(&proxy(&vault), link(guard)).await;
            assert_eq!(
                (refused.status, refused.code()),
                (403, "LinkedAuthorizationFailed"),
                "{}",
                place.name
            );
            let action =
                "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/read";
            assert!(refused.message().contains(action), "{}", refused.text);
            answers.push(refused.text.replace(guard.as_str(), "*"));
        }
        assert_eq!(answers[0], answers[1], "whether there is a guard shows in the answer");
        server.grant(place.holder, role_ids::READER, &missing);
        let refused = admin.put(&proxy(&vault), link(&missing)).await;
        assert_eq!((refused.status, refused.code()), (404, "ResourceNotFound"));
        assert_eq!(server.stored::<GuardProxy>(&proxy(&vault)), None);

        let linked = admin.put(&proxy(&vault), link(&place.guard().to_uppercase())).await.expect(200);
        assert_eq!(linked["properties"]["resourceGuardResourceId"], place.guard());
    }
}

#[tokio::test]
async fn a_link_shows_what_the_guard_protects_on_this_sort_of_vault() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = vault_path("v1");
    let admin = place.admin(&server);
    admin.put(&vault, vault_body()).await.expect(201);
    let proxies = format!("{vault}/backupResourceGuardProxies");
    assert_eq!(admin.get(&proxies).await.expect(200), json!({"value": []}));
    assert_eq!(admin.get(&proxy(&vault)).await.code(), "ResourceNotFound");
    admin.delete(&proxy(&vault)).await.expect(204);

    let put = admin.put(&proxy(&vault), link(&place.guard())).await.expect(200);
    assert_eq!(put["id"], proxy(&vault));
    assert_eq!(put["type"], "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies");
    assert_eq!(put["properties"]["description"], "Ask the security team");
    let details = put["properties"]["resourceGuardOperationDetails"].as_array().unwrap();
    assert_eq!(details.len(), 11);
    let first = json!({
        "vaultCriticalOperation":
            "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/delete",
        "defaultResourceRequest": place.request("deleteProtectedItemRequests")});
    assert_eq!(details[0], first);
    assert!(put["properties"]["lastUpdatedTime"].as_str().unwrap().ends_with("Z"));
    assert_eq!(admin.get(&proxy(&vault)).await.expect(200), put);
    assert_eq!(admin.get(&proxies).await.expect(200), json!({"value": [put]}));
    let shown = admin.get(&vault).await.expect(200);
    assert_eq!(shown["properties"]["securitySettings"]["multiUserAuthorization"], "Enabled");
    assert_eq!(shown["properties"]["bcdrSecurityLevel"], "Fair");
    let list = format!("{}/providers/Microsoft.RecoveryServices/vaults", group(BACKUP_SUB, "backup"));
    let list = admin.get(&list).await.expect(200);
    assert_eq!(list["value"][0], shown);

    let entries = server.ledger().len();
    assert_eq!(admin.put(&proxy(&vault), link(&place.guard())).await.expect(200), put);
    assert_eq!(server.ledger().len(), entries, "the same link again changes nothing");
}

#[tokio::test]
async fn a_link_needs_one_region_and_registered_providers_on_both_sides() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = vault_path("v1");
    let admin = place.admin(&server);
    admin.put(&vault, vault_body()).await.expect(201);
    let far = guard_path(place.guards, "far");
    server.as_(SAM).put(&far, json!({"location": "northeurope"})).await.expect(200);
    server.grant(place.holder, role_ids::READER, &far);
    let refused = admin.put(&proxy(&vault), link(&far)).await;
    assert_eq!((refused.status, refused.code()), (400, "UserErrorResourceGuardRegionMismatch"));

    for (subscription, namespace) in [
        (BACKUP_SUB, "Microsoft.DataProtection"),
        (BACKUP_SUB, "Microsoft.RecoveryServices"),
        (SECURITY_SUB, "Microsoft.RecoveryServices"),
        (SECURITY_SUB, "Microsoft.DataProtection"),
    ] {
        let registration = Registration { subscription, namespace: namespace.into() };
        server.seed(|tx| {
            tx.delete::<Registration>(&registration.key());
            Ok(())
        });
        let refused = admin.put(&proxy(&vault), link(&place.guard())).await;
        assert_eq!((refused.status, refused.code()), (409, "MissingSubscriptionRegistration"));
        assert!(refused.message().contains(&format!("'{namespace}'")), "{}", refused.text);
        server.seed(|tx| tx.put(&registration));
    }
    admin.put(&proxy(&vault), link(&place.guard())).await.expect(200);
}

#[tokio::test]
async fn a_link_that_makes_no_sense_is_a_bad_request() {
    let place = &PLACES[1];
    let server = place.server().await;
    let vault = vault_path("v1");
    let admin = place.admin(&server);
    admin.put(&vault, vault_body()).await.expect(201);
    let below = format!("{}/disableSoftDeleteRequests/default", place.guard());
    let no_subscription = "/resourceGroups/x/providers/Microsoft.DataProtection/resourceGuards/g";
    for guard in ["", "x", "/", vault.as_str(), below.as_str(), no_subscription, "/a/../b"] {
        let refused = admin.put(&proxy(&vault), link(guard)).await;
        assert_eq!(refused.status, 400, "{guard}");
    }
    for body in [
        Value::Null,
        json!({}),
        json!({"properties": {}}),
        json!({"properties": []}),
        json!({"properties": {"resourceGuardResourceId": 5}}),
    ] {
        assert_eq!(admin.put(&proxy(&vault), body).await.status, 400);
    }
    let other = format!("{vault}/backupResourceGuardProxies/MyProxy");
    let refused = admin.put(&other, link(&place.guard())).await;
    assert_eq!((refused.status, refused.code()), (400, "InvalidResourceName"));
    admin.put(&proxy(&vault), link(&place.guard())).await.expect(200);
    assert_eq!(admin.get(&other).await.status, 404);
    admin.delete(&other).await.expect(204);
    assert_eq!(admin.post(&format!("{other}/unlockDelete"), json!({})).await.status, 404);
    assert!(server.stored::<GuardProxy>(&proxy(&vault)).is_some());
}

#[tokio::test]
async fn without_its_guard_a_vault_is_shut() {
    let place = &PLACES[0];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    let exclude = json!({"properties": {"vaultCriticalOperationExclusionList": [IMMUTABILITY.0]}});
    server.as_(place.owner).patch(&place.guard(), exclude).await.expect(200);
    place.consent(&server);
    let guard: ResourceGuard = server.stored(&place.guard()).unwrap();
    server.seed(|tx| {
        tx.delete::<ResourceGuard>(&guard.key());
        Ok(())
    });
    let admin = place.admin(&server);
    let shown = admin.get(&proxy(&vault)).await.expect(200);
    assert_eq!(shown["properties"]["resourceGuardOperationDetails"].as_array().unwrap().len(), 11);
    let description = shown["properties"]["description"].as_str().unwrap();
    assert!(description.contains("does not exist any more"), "{description}");
    for step in &STEPS {
        let body = step.body(&[place.request(step.kind)]);
        let refused = admin.call(step.method, &format!("{vault}{}", step.below), body).await;
        assert_eq!(
            (refused.status, refused.code()),
            (403, "UserErrorResourceGuardUnavailable"),
            "{}",
            step.name
        );
    }
    let unlock =
        json!({"resourceGuardOperationRequests": [place.request("deleteResourceGuardProxyRequests")]});
    let refused = admin.post(&format!("{}/unlockDelete", proxy(&vault)), unlock).await;
    assert_eq!(refused.code(), "UserErrorResourceGuardUnavailable");
    let shown = admin.get(&vault).await.expect(200);
    assert_eq!(shown["properties"]["securitySettings"]["multiUserAuthorization"], "Enabled");
    // The guard comes back, and everything goes on as before.
    server.seed(|tx| tx.put(&guard));
    let step = &STEPS[0];
    let body = step.body(&[place.request(step.kind)]);
    admin.call(step.method, &format!("{vault}{}", step.below), body).await.expect(200);
}

#[tokio::test]
async fn an_empty_vault_ends_together_with_its_link() {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    place.admin(&server).delete(&vault).await.expect(204);
    assert_eq!(server.stored::<GuardProxy>(&proxy(&vault)), None);
    server.ledger();
}
