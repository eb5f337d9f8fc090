//! Subscriptions, tenants, resource groups, providers, the list of resources, and locks.

use std::collections::BTreeMap;

use arm::{Region, ResourceId};
use mua::{Presented, ResourceGuard, VaultKind};
use serde_json::{Value, json};
use vault::{Feature, FreeSettings, Immutability, SoftDelete, Stamp, Vault, VaultChange};

use crate::harness::{
    ALICE, ALICE_GUEST, AUTOMATION, BACKUP_SUB, BOB, CONTOSO, FABSEC, Harness, SAM, SECURITY_SUB, SUE,
};

fn sub() -> String {
    format!("/subscriptions/{BACKUP_SUB}")
}

fn names(list: &Value) -> Vec<&str> {
    let values = list["value"].as_array().unwrap();
    values.iter().map(|one| one["name"].as_str().unwrap()).collect()
}

fn stamp(server: &Harness) -> Stamp {
    Stamp { by: "alice@contoso.example".into(), kind: "User".into(), at: server.now() }
}

/// Puts a guard into the store, as its own routes would.
fn plant_guard(server: &Harness, id: &str) {
    let guard = ResourceGuard {
        id: ResourceId::parse(id).unwrap(),
        location: Region::parse("westeurope").unwrap(),
        tags: BTreeMap::from([("team".into(), "security".into())]),
        description: None,
        exempt: Default::default(),
        exempt_names: Default::default(),
        created: stamp(server),
        modified: stamp(server),
    };
    plant(server, |tx| tx.put(&guard));
}

/// Puts a vault into the store, as its own routes would.
fn plant_vault(server: &Harness, id: &str) {
    let vault = Vault {
        id: ResourceId::parse(id).unwrap(),
        short: "abcdefgh".into(),
        location: Region::parse("eastus").unwrap(),
        soft_delete: SoftDelete::default(),
        enhanced_security: Feature::Enabled,
        immutability: Immutability::Disabled,
        encryption: None,
        free: FreeSettings::default(),
        created: stamp(server),
        modified: stamp(server),
    };
    let nobody = Presented { callers: &[], requests: &[], unlocks: &[] };
    plant(server, |tx| {
        let change = VaultChange::vault(None, vault.clone())?;
        let never = |_: &mua::GuardQuestion| unreachable!("no guard is linked");
        let clearance = mua::clear(change, VaultKind::RecoveryServices, None, &nobody, &never, server.now());
        tx.apply(clearance?.unwrap())
    });
}

fn plant(server: &Harness, write: impl Fn(&mut store::Transaction) -> arm::Result<()>) {
    let write = |tx: &mut store::Transaction| {
        let entry = tx.ledger(0, 1)?.remove(0);
        tx.record(entry);
        write(tx)
    };
    server.running.app().store.transact(write).unwrap();
}

#[tokio::test]
async fn a_person_finds_their_tenants_and_subscriptions() {
    let server = Harness::start().await;
    let tenants = server.as_(ALICE).get("/tenants").await.expect(200);
    let category = |id: arm::TenantId| {
        let mut all = tenants["value"].as_array().unwrap().iter();
        all.find(|tenant| tenant["tenantId"] == id.to_string()).map(|tenant| tenant["tenantCategory"].clone())
    };
    assert_eq!(category(CONTOSO), Some("Home".into()));
    assert_eq!(category(FABSEC), Some("ProjectedBy".into()));
    let of_bob = server.as_(BOB).get("/tenants").await.expect(200);
    assert_eq!(of_bob["value"].as_array().unwrap().len(), 1);
    assert_eq!(of_bob["value"][0]["defaultDomain"], "contoso.example");

    let subscriptions = server.as_(ALICE).get("/subscriptions").await.expect(200);
    assert_eq!(subscriptions["value"][0]["subscriptionId"], BACKUP_SUB.to_string());
    assert_eq!(subscriptions["value"][0]["state"], "Enabled");
    assert_eq!(subscriptions["value"].as_array().unwrap().len(), 1);
    // A guest without a role sees none of the tenant's subscriptions.
    let of_guest = server.as_(ALICE_GUEST).get("/subscriptions").await.expect(200);
    assert_eq!(of_guest, json!({"value": []}));

    let one = server.as_(ALICE).get(&sub()).await.expect(200);
    assert_eq!(one["displayName"], "Backup production");
    let refused = server.as_(BOB).get(&sub()).await;
    assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    let foreign = server.as_(ALICE_GUEST).get(&sub()).await;
    assert_eq!((foreign.status, foreign.code()), (401, "InvalidAuthenticationTokenTenant"));
    let unknown = server.as_(ALICE).get("/subscriptions/00000000-0000-0000-0000-00000000ffff").await;
    assert_eq!((unknown.status, unknown.code()), (404, "SubscriptionNotFound"));

    let locations = server.as_(ALICE).get(&format!("{}/locations", sub())).await.expect(200);
    assert!(names(&locations).contains(&"westeurope"));
}

#[tokio::test]
async fn a_group_lives_and_dies() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let path = format!("{}/resourcegroups/Rg-1", sub());
    assert_eq!(alice.call("HEAD", &path, Value::Null).await.status, 404);
    let missing = alice.get(&path).await;
    assert_eq!((missing.status, missing.code()), (404, "ResourceGroupNotFound"));
    let body = json!({"location": "West Europe", "tags": {"env": "prod"}});
    let created = alice.put(&path, body).await.expect(201);
    assert_eq!(created["id"], format!("{}/resourceGroups/Rg-1", sub()));
    assert_eq!(created["location"], "westeurope");
    assert_eq!(alice.call("HEAD", &path, Value::Null).await.status, 204);

    // The id compares without case and keeps its own; what is left out stays.
    let again =
        format!("{}/resourceGroups/RG-1", sub().to_uppercase().replace("SUBSCRIPTIONS", "subscriptions"));
    let same = alice.put(&again, json!({"location": "westeurope"})).await.expect(200);
    assert_eq!((&same["name"], &same["tags"]["env"]), (&json!("Rg-1"), &json!("prod")));
    let moved = alice.put(&path, json!({"location": "eastus"})).await;
    assert_eq!((moved.status, moved.code()), (409, "InvalidResourceGroupLocation"));
    let tagged = alice.patch(&path, json!({"tags": {"env": "test"}})).await.expect(200);
    assert_eq!(tagged["tags"], json!({"env": "test"}));

    let listed = format!("{}/resourceGroups", sub());
    assert_eq!(names(&alice.get(&listed).await.expect(200)), ["Rg-1"]);
    let by_tag = format!("{listed}?$filter=tagName eq 'ENV' and tagValue eq 'prod'");
    assert!(names(&alice.get(&by_tag).await.expect(200)).is_empty());

    let deleted = alice.delete(&path).await;
    assert_eq!(deleted.status, 202);
    let location = deleted.header("location").to_string();
    assert!(location.starts_with(server.origin()), "{location}");
    assert_eq!(alice.get(&location).await.status, 200);
    assert_eq!(server.as_(SAM).get(&location).await.status, 401);
    assert_eq!(alice.get(&path).await.status, 404);
    assert_eq!(alice.delete(&path).await.status, 404);
    let nothing = format!("{}/operationresults/{}", sub(), uuid::Uuid::nil());
    assert_eq!(alice.get(&nothing).await.status, 404);
}

#[tokio::test]
async fn bad_groups_are_refused() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let long = "x".repeat(91);
    for (name, body, code) in [
        ("ends-with.", json!({"location": "eastus"}), "InvalidParameter"),
        ("no%20blanks", json!({"location": "eastus"}), "InvalidParameter"),
        (long.as_str(), json!({"location": "eastus"}), "InvalidParameter"),
        ("rg", json!({}), "LocationRequired"),
        ("rg", json!({"location": "a/b"}), "InvalidRequestContent"),
        ("rg", json!({"location": 5}), "InvalidRequestContent"),
        ("rg", json!({"location": "eastus", "tags": {"a": 1}}), "InvalidRequestContent"),
        ("rg", json!({"location": "eastus", "tags": {" ": "x"}}), "InvalidTagValue"),
        ("rg", json!([1]), "InvalidRequestContent"),
    ] {
        let answer = alice.put(&format!("{}/resourceGroups/{name}", sub()), body.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, code), "{name} {body}");
    }
    let listed = format!("{}/resourceGroups?$filter=name ne 'x'", sub());
    let answer = alice.get(&listed).await;
    assert_eq!((answer.status, answer.code()), (400, "InvalidFilter"));
    let patched = alice.patch(&format!("{}/resourceGroups/none", sub()), json!({})).await;
    assert_eq!(patched.status, 404);
}

#[tokio::test]
async fn a_group_is_not_a_way_around_what_is_in_it() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let group = format!("{}/resourceGroups/rg", sub());
    alice.put(&group, json!({"location": "eastus"})).await.expect(201);
    plant_vault(&server, &format!("{group}/providers/Microsoft.RecoveryServices/vaults/v1"));
    let refused = alice.delete(&group).await;
    assert_eq!((refused.status, refused.code()), (409, "ResourceGroupDeletionBlocked"));
    assert!(refused.message().contains("/vaults/v1"), "{}", refused.message());
    assert_eq!(alice.get(&group).await.status, 200);

    let sam = server.as_(SAM);
    let guarded = format!("/subscriptions/{SECURITY_SUB}/resourceGroups/rg-guard");
    sam.put(&guarded, json!({"location": "westeurope"})).await.expect(201);
    plant_guard(&server, &format!("{guarded}/providers/Microsoft.DataProtection/resourceGuards/g1"));
    let refused = sam.delete(&guarded).await;
    assert_eq!((refused.status, refused.code()), (409, "ResourceGroupDeletionBlocked"));
}

#[tokio::test]
async fn a_new_group_does_not_inherit_the_rights_of_a_deleted_one() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let group = format!("{}/resourceGroups/rg", sub());
    alice.put(&group, json!({"location": "eastus"})).await.expect(201);
    assign(&server, &group, "acdd72a7-3385-48ef-bd42-f606fba81ae7", BOB).await;
    server.as_(BOB).get(&group).await.expect(200);
    assert_eq!(alice.delete(&group).await.status, 202);
    alice.put(&group, json!({"location": "eastus"})).await.expect(201);
    assert_eq!(server.as_(BOB).get(&group).await.status, 403);
}

async fn assign(server: &Harness, scope: &str, role: &str, who: arm::ObjectId) {
    let name = server.running.app().edge.uuid();
    let path = format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{name}");
    let role = format!("/providers/Microsoft.Authorization/roleDefinitions/{role}");
    let body = json!({"properties": {"roleDefinitionId": role, "principalId": who.to_string()}});
    server.as_(ALICE).put(&path, body).await.expect(201);
}

#[tokio::test]
async fn whoever_may_read_one_group_sees_that_one() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    for name in ["rg-a", "rg-b"] {
        let group = format!("{}/resourceGroups/{name}", sub());
        alice.put(&group, json!({"location": "eastus"})).await.expect(201);
        plant_vault(&server, &format!("{group}/providers/Microsoft.RecoveryServices/vaults/v-{name}"));
    }
    let listed = format!("{}/resourceGroups", sub());
    let before = server.as_(BOB).get(&listed).await;
    assert_eq!((before.status, before.code()), (403, "AuthorizationFailed"));
    assign(&server, &format!("{}/resourceGroups/rg-b", sub()), "acdd72a7-3385-48ef-bd42-f606fba81ae7", BOB)
        .await;
    let bob = server.as_(BOB);
    assert_eq!(names(&bob.get(&listed).await.expect(200)), ["rg-b"]);
    let resources = format!("{}/resources", sub());
    assert_eq!(names(&bob.get(&resources).await.expect(200)), ["v-rg-b"]);
    assert_eq!(names(&alice.get(&resources).await.expect(200)), ["v-rg-a", "v-rg-b"]);
    let visible = bob.get("/subscriptions").await.expect(200);
    assert_eq!(visible["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn resources_are_listed_by_type_and_group_page_by_page() {
    let server = Harness::start().await;
    let sam = server.as_(SAM);
    let group = format!("/subscriptions/{SECURITY_SUB}/resourceGroups/rg");
    sam.put(&group, json!({"location": "westeurope"})).await.expect(201);
    for name in ["g1", "g2", "g3"] {
        plant_guard(&server, &format!("{group}/providers/Microsoft.DataProtection/resourceGuards/{name}"));
    }
    let all = format!("/subscriptions/{SECURITY_SUB}/resources");
    let filter =
        "$filter=resourceType eq 'microsoft.dataprotection/RESOURCEGUARDS' and resourceGroup eq 'RG'";
    let found = sam.get(&format!("{all}?{filter}&$expand=createdTime,provisioningState")).await.expect(200);
    assert_eq!(names(&found), ["g1", "g2", "g3"]);
    assert_eq!(found["value"][0]["type"], "Microsoft.DataProtection/resourceGuards");
    assert_eq!(found["value"][0]["tags"], json!({"team": "security"}));
    assert_eq!(found["value"][0]["provisioningState"], "Succeeded");
    assert!(found["value"][0].get("changedTime").is_none());
    let none = sam.get(&format!("{all}?$filter=resourceType eq 'Microsoft.RecoveryServices/vaults'")).await;
    assert!(names(&none.expect(200)).is_empty());

    let first = sam.get(&format!("{group}/resources?$top=2")).await.expect(200);
    assert_eq!(names(&first), ["g1", "g2"]);
    let next = first["nextLink"].as_str().unwrap();
    let second = sam.get(next).await.expect(200);
    assert_eq!(names(&second), ["g3"]);
    assert!(second.get("nextLink").is_none());
    assert_eq!(
        sam.get(&format!("/subscriptions/{SECURITY_SUB}/resourceGroups/no/resources")).await.status,
        404
    );
}

#[tokio::test]
async fn providers_are_registered_and_not_taken_from_under_a_vault() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let provider = |name: &str| format!("{}/providers/{name}", sub());
    let vaults = provider("Microsoft.RecoveryServices");
    let shown = alice.get(&vaults).await.expect(200);
    assert_eq!(shown["registrationState"], "Registered");
    assert!(!shown["resourceTypes"][0]["apiVersions"].as_array().unwrap().is_empty());
    let listed = alice.get(&provider("")).await.expect(200);
    assert_eq!(listed["value"].as_array().unwrap().len(), 4);

    let gone = alice.post(&format!("{vaults}/unregister"), Value::Null).await.expect(200);
    assert_eq!(gone["registrationState"], "NotRegistered");
    assert_eq!(alice.get(&vaults).await.expect(200)["registrationState"], "NotRegistered");
    let back = alice.post(&format!("{vaults}/register"), Value::Null).await.expect(200);
    assert_eq!(back["registrationState"], "Registered");
    alice.post(&format!("{vaults}/register"), Value::Null).await.expect(200);

    let group = format!("{}/resourceGroups/rg", sub());
    alice.put(&group, json!({"location": "eastus"})).await.expect(201);
    plant_vault(&server, &format!("{group}/providers/Microsoft.RecoveryServices/vaults/v1"));
    let refused = alice.post(&format!("{vaults}/unregister"), Value::Null).await;
    assert_eq!((refused.status, refused.code()), (409, "Conflict"));
    // The other provider has nothing there.
    let other = provider("Microsoft.DataProtection");
    alice.post(&format!("{other}/unregister"), Value::Null).await.expect(200);

    let unknown = alice.get(&provider("Microsoft.Compute")).await;
    assert_eq!((unknown.status, unknown.code()), (404, "InvalidResourceNamespace"));
    let fixed = provider("Microsoft.Authorization");
    alice.post(&format!("{fixed}/register"), Value::Null).await.expect(200);
    assert_eq!(alice.post(&format!("{fixed}/unregister"), Value::Null).await.status, 409);
    let refused = server.as_(BOB).post(&format!("{vaults}/register"), Value::Null).await;
    assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
}

#[tokio::test]
async fn a_lock_keeps_a_group_until_it_is_removed() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let group = format!("{}/resourceGroups/rg", sub());
    alice.put(&group, json!({"location": "eastus"})).await.expect(201);
    let lock = format!("{group}/providers/Microsoft.Authorization/locks/keep");
    let body = json!({"properties": {"level": "CanNotDelete", "notes": "ask Sam"}});
    let created = alice.put(&lock, body.clone()).await.expect(201);
    assert_eq!(created["properties"], body["properties"]);
    let refused = alice.delete(&group).await;
    assert_eq!((refused.status, refused.code()), (409, "ScopeLocked"));
    alice.patch(&group, json!({"tags": {"a": "b"}})).await.expect(200);

    // What the request leaves out stays; read-only stops writes as well.
    let stricter = alice.put(&lock, json!({"properties": {"level": "readonly"}})).await.expect(200);
    assert_eq!(stricter["properties"], json!({"level": "ReadOnly", "notes": "ask Sam"}));
    assert_eq!(alice.patch(&group, json!({"tags": {}})).await.code(), "ScopeLocked");

    assert_eq!(alice.delete(&lock).await.status, 200);
    assert_eq!(alice.delete(&lock).await.status, 204);
    assert_eq!(alice.get(&lock).await.status, 404);
    assert_eq!(alice.delete(&group).await.status, 202);
}

#[tokio::test]
async fn locks_are_listed_around_their_scope() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let group = format!("{}/resourceGroups/rg", sub());
    alice.put(&group, json!({"location": "eastus"})).await.expect(201);
    // As az writes it: lower case, and a slash too many.
    let vault = format!("{}/resourcegroups/rg/providers/Microsoft.RecoveryServices//vaults/v", sub());
    let at = |scope: &str| format!("{scope}/providers/Microsoft.Authorization/locks");
    for (scope, name) in [(sub(), "l-sub"), (group.clone(), "l-group"), (vault.clone(), "l-vault")] {
        let body = json!({"properties": {"level": "CanNotDelete"}});
        alice.put(&format!("{}/{name}", at(&scope)), body).await.expect(201);
    }
    let all = alice.get(&at(&sub())).await.expect(200);
    assert_eq!(all["value"].as_array().unwrap().len(), 3);
    let filtered = alice.get(&format!("{}?$filter=atScope()", at(&group))).await.expect(200);
    let mut filtered = names(&filtered);
    filtered.sort_unstable();
    assert_eq!(filtered, ["l-group", "l-sub"]);
    let echoed = alice.get(&format!("{}/l-vault", at(&vault))).await.expect(200);
    let id = echoed["id"].as_str().unwrap();
    alice.get(id).await.expect(200);
    let other = alice.get(&format!("{}?$filter=level eq 'ReadOnly'", at(&group))).await;
    assert_eq!((other.status, other.code()), (400, "InvalidFilter"));
}

#[tokio::test]
async fn bad_locks_are_refused() {
    let server = Harness::start().await;
    let alice = server.as_(ALICE);
    let lock = format!("{}/providers/Microsoft.Authorization/locks/l", sub());
    for body in [
        json!({}),
        json!({"properties": {"level": "NotSpecified"}}),
        json!({"properties": {"level": 5}}),
        json!({"properties": {"level": "ReadOnly", "notes": "x".repeat(513)}}),
        json!({"properties": "ReadOnly"}),
    ] {
        let answer = alice.put(&lock, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, "InvalidRequestContent"), "{body}");
    }
    let nested = format!("{lock}/providers/Microsoft.Authorization/locks/l");
    let answer = alice.put(&nested, json!({"properties": {"level": "ReadOnly"}})).await;
    assert_eq!((answer.status, answer.code()), (400, "InvalidScope"));
    let answer = server.as_(BOB).put(&lock, json!({"properties": {"level": "ReadOnly"}})).await;
    assert_eq!((answer.status, answer.code()), (403, "AuthorizationFailed"));
    let at_root = "/providers/Microsoft.Authorization/locks/l";
    let answer = alice.put(at_root, json!({"properties": {"level": "ReadOnly"}})).await;
    assert_eq!((answer.status, answer.code()), (403, "AuthorizationFailed"));
    let foreign = format!("/subscriptions/{SECURITY_SUB}/providers/Microsoft.Authorization/locks/l");
    let answer = alice.put(&foreign, json!({"properties": {"level": "ReadOnly"}})).await;
    assert_eq!((answer.status, answer.code()), (401, "InvalidAuthenticationTokenTenant"));
}

#[tokio::test]
async fn applications_and_unprivileged_people_change_nothing() {
    let server = Harness::start().await;
    let group = format!("{}/resourceGroups/rg", sub());
    for who in [BOB, AUTOMATION] {
        let refused = server.as_(who).put(&group, json!({"location": "eastus"})).await;
        assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
        assert!(
            refused.message().contains("Microsoft.Resources/subscriptions/resourceGroups/write"),
            "{}",
            refused.message()
        );
    }
    let of_sue = server.as_(SUE).get("/subscriptions").await.expect(200);
    assert_eq!(of_sue["value"], json!([]));
}
