//! Alerts (contract 8.6): what happens raises them, on the vault and on the guard; they are listed, looked at, handled.

use std::collections::BTreeSet;

use jiff::SignedDuration;
use mua::CriticalOperation;
use rbac::role_ids;
use serde_json::{Value, json};

use crate::estate::{guard_path, vault_body, vault_path};
use crate::fixture::{FILES, Fixture, in_vault};
use crate::harness::{ALICE, ALICE_GUEST, AUTOMATION, BACKUP_SUB, BOB, Harness, SAM, SECURITY_SUB, SUE};
use crate::mua::{PLACES, Place, link, proxy};
use crate::pim;
use crate::unlocking::{unlock, unlock_path};

fn alerts_at(scope: &str) -> String {
    format!("{scope}/providers/Microsoft.AlertsManagement/alerts")
}

fn essentials(alert: &Value) -> &Value {
    &alert["properties"]["essentials"]
}

/// Severity and rule of each alert of a list.
fn said(list: &Value) -> Vec<String> {
    let one = |alert: &Value| {
        let text = |name: &str| essentials(alert)[name].as_str().unwrap().to_string();
        format!("{} {}", text("severity"), text("alertRule"))
    };
    list["value"].as_array().unwrap().iter().map(one).collect()
}

/// What both sides see that they have not seen before, oldest first.
struct Watch<'a> {
    server: &'a Harness,
    seen: BTreeSet<String>,
}

impl Watch<'_> {
    async fn news(&mut self, owner: arm::ObjectId, subscription: arm::SubscriptionId) -> Vec<String> {
        let path = format!("{}?pageCount=250", alerts_at(&format!("/subscriptions/{subscription}")));
        let list = self.server.as_(owner).get(&path).await.expect(200);
        assert!(list.get("nextLink").is_none());
        let mut news = Vec::new();
        for (alert, said) in list["value"].as_array().unwrap().iter().zip(said(&list)) {
            if self.seen.insert(alert["id"].as_str().unwrap().to_string()) {
                news.push(said);
            }
        }
        news.reverse();
        news
    }

    #[track_caller]
    fn check(what: &str, vault: &[String], guard: &[String], expected: [&[&str]; 2]) {
        assert_eq!((vault, guard), (&to_vec(expected[0])[..], &to_vec(expected[1])[..]), "{what}");
    }

    /// What has just happened raised these alerts on the vault, and these on the guard.
    async fn saw(&mut self, what: &str, vault: &[&str], guard: &[&str]) {
        let (at_vault, at_guard) = (self.news(ALICE, BACKUP_SUB).await, self.news(SAM, SECURITY_SUB).await);
        Self::check(what, &at_vault, &at_guard, [vault, guard]);
    }
}

fn to_vec(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

/// The story of a vault and a guard in another tenant, event by event.
#[tokio::test]
async fn each_event_raises_its_alert_on_the_vault_and_on_the_guard() {
    let place = &PLACES[2];
    let server = place.server().await;
    let alice = place.admin(&server);
    let (vault, guard) = (vault_path("v1"), place.guard());
    let mut watch = Watch { server: &server, seen: BTreeSet::new() };

    alice.put(&vault, vault_body()).await.expect(201);
    watch.saw("a vault is made", &[], &[]).await;
    let config = format!("{vault}/backupconfig/vaultconfig");
    let days = |days: u32, requests: &[String]| json!({"properties": {"softDeleteRetentionPeriodInDays": days, "resourceGuardOperationRequests": requests}});
    alice.patch(&config, days(40, &[])).await.expect(200);
    watch.saw("soft delete is longer", &[], &[]).await;
    alice.patch(&config, days(35, &[])).await.expect(200);
    let weaker = "Sev0 Soft Delete Disabled for Vault";
    watch.saw("soft delete is shorter, without a guard", &[weaker], &[]).await;

    alice.put(&proxy(&vault), link(&guard)).await.expect(200);
    watch.saw("linked", &["Sev4 MUA Enabled"], &["Sev4 MUA Enabled"]).await;
    alice.put(&proxy(&vault), link(&guard)).await.expect(200);
    watch.saw("linked as it was", &[], &[]).await;

    assert_eq!(alice.patch(&config, days(30, &[])).await.status, 403);
    let refused = ["Sev1 Critical Operation Refused"];
    watch.saw("refused", &refused, &refused).await;
    let operator = server.grant(ALICE_GUEST, role_ids::BACKUP_MUA_OPERATOR, &guard);
    let requests = [place.request("disableSoftDeleteRequests")];
    alice.patch(&config, days(30, &requests)).await.expect(200);
    watch.saw("with consent", &[weaker], &[weaker]).await;

    let two = json!({"properties": {
        "resourceGuardOperationRequests": [&requests[0], &place.request("reduceImmutabilityStateRequests")],
        "securitySettings": {"softDeleteSettings": {"softDeleteState": "Disabled"},
            "immutabilitySettings": {"state": "Disabled"}}}});
    alice.patch(&vault, two).await.expect(200);
    let both = [weaker, "Sev0 Immutability Disabled for Vault"];
    // Listed newest first, and those of one entry in the order of their rules.
    watch.saw("two at once", &[both[1], both[0]], &[both[1], both[0]]).await;

    alice.post(&unlock_path(&vault), unlock(place)).await.expect(200);
    watch.saw("unlocked", &["Sev2 Deletion Unlocked"], &["Sev2 Deletion Unlocked"]).await;
    alice.delete(&proxy(&vault)).await.expect(200);
    watch.saw("unlinked", &["Sev0 MUA Disabled"], &["Sev0 MUA Disabled"]).await;

    // She overrides the guard still.
    alice.put(&proxy(&vault), link(&guard)).await.expect(200);
    let unbound = ["Sev1 Duties Not Separated", "Sev4 MUA Enabled"];
    watch.saw("linked while not separated", &unbound, &unbound).await;
    server.revoke(&operator);
}

#[tokio::test]
async fn what_happens_to_a_guard_alerts_its_owner() {
    let place = &PLACES[2];
    let server = place.server().await;
    let sam = server.as_(SAM);
    let guard = guard_path(SECURITY_SUB, "guard2");
    let mut watch = Watch { server: &server, seen: BTreeSet::new() };
    let exempting = |names: &[CriticalOperation]| {
        let names: Vec<String> = names.iter().map(|operation| operation.name()).collect();
        json!({"location": "westeurope", "properties": {"vaultCriticalOperationExclusionList": names}})
    };
    let [restore, policy] = [CriticalOperation::Restore, CriticalOperation::ModifyPolicy];
    let (fewer, more) =
        ("Sev1 Resource Guard Protects Fewer Operations", "Sev4 Resource Guard Protects More Operations");
    sam.put(&guard, exempting(&[])).await.expect(200);
    watch.saw("made", &[], &[]).await;
    sam.put(&guard, exempting(&[restore])).await.expect(200);
    watch.saw("exempts one", &[], &[fewer]).await;
    sam.put(&guard, exempting(&[restore])).await.expect(200);
    watch.saw("exempts the same", &[], &[]).await;
    sam.put(&guard, exempting(&[policy])).await.expect(200);
    watch.saw("exempts another", &[], &[more, fewer]).await;
    sam.put(&guard, exempting(&[])).await.expect(200);
    watch.saw("protects all again", &[], &[more]).await;
    sam.patch(&guard, json!({"tags": {"a": "b"}})).await.expect(200);
    watch.saw("has tags", &[], &[]).await;
    sam.delete(&guard).await.expect(200);
    watch.saw("is gone", &[], &["Sev1 Resource Guard Deleted"]).await;
    sam.put(&guard_path(SECURITY_SUB, "guard3"), exempting(&[restore])).await.expect(200);
    watch.saw("made with an exemption", &[], &[fewer]).await;
}

/// Whoever tries to approve their own request is seen, whatever scope the path names.
#[tokio::test]
async fn a_refused_approval_alerts_the_guards_owner() {
    let server = pim::guarded().await;
    pim::name_approver(&server, pim::sam()).await.expect(200);
    pim::make_eligible(&server, ALICE_GUEST).await.expect(201);
    let asked = pim::activate(&server, "PT1H").await.expect(201);
    let stages = format!("{}/stages", asked["properties"]["approvalId"].as_str().unwrap());
    let stages = server.as_(SAM).get(&stages).await.expect(200);
    let stage = stages["value"][0]["id"].as_str().unwrap();
    let (_, own) = stage.split_once("/providers/Microsoft.Authorization/").unwrap();
    let elsewhere = format!("/providers/Microsoft.Authorization/{own}");
    let decision = json!({"properties": {"reviewResult": "Approve", "justification": "ok"}});
    for path in [stage, &elsewhere] {
        let refused = server.as_(ALICE_GUEST).patch(path, decision.clone()).await;
        assert_eq!(refused.status, 403, "{}", refused.text);
    }
    let list = server.as_(SAM).get(&alerts_at(&pim::guard())).await.expect(200);
    assert_eq!(said(&list), ["Sev1 Approval Refused", "Sev1 Approval Refused"]);
}

/// A vault that was refused something: one alert there, one at the guard.
async fn refused_once(place: &Place) -> (Harness, String) {
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    let body = json!({"properties": {"softDeleteFeatureState": "Disabled"}});
    let refused = place.admin(&server).patch(&format!("{vault}/backupconfig/vaultconfig"), body).await;
    assert_eq!(refused.status, 403);
    (server, vault)
}

async fn first(server: &Harness, who: arm::ObjectId, scope: &str) -> Value {
    let list = server.as_(who).get(&alerts_at(scope)).await.expect(200);
    list["value"][0].clone()
}

#[tokio::test]
async fn an_alert_tells_what_happened_as_azure_does() {
    let (server, vault) = refused_once(&PLACES[2]).await;
    let alert = first(&server, ALICE, &vault).await;
    let id = alert["alertId"].as_str().unwrap();
    assert_eq!(alert["id"], format!("{}/{id}", alerts_at(&vault)));
    assert_eq!(alert["type"], "Microsoft.AlertsManagement/alerts");
    assert_eq!(alert["name"], "Critical Operation Refused");
    let now = arm::long_timestamp(server.now());
    let described = essentials(&alert)["description"].as_str().unwrap().to_string();
    assert!(described.contains("alice@contoso.example") && described.contains("soft delete"), "{described}");
    let mut rest = essentials(&alert).clone();
    rest.as_object_mut().unwrap().retain(|name, _| name != "description" && name != "sourceCreatedId");
    assert_eq!(
        rest,
        json!({
            "severity": "Sev1", "signalType": "Log", "alertState": "New", "monitorCondition": "Fired",
            "monitorService": "Azure Backup", "alertRule": "Critical Operation Refused", "targetResource": vault,
            "targetResourceName": "v1", "targetResourceGroup": "backup",
            "targetResourceType": "Microsoft.RecoveryServices/vaults", "startDateTime": now,
            "lastModifiedDateTime": now, "lastModifiedUserName": "System", "actionStatus": {"isSuppressed": false},
        })
    );
    assert!(alert["properties"].get("context").is_none());
    // By itself it comes with what the ledger says, at its vault and at every scope above.
    let entry = server.refusals().pop().unwrap();
    server.grant(ALICE, role_ids::READER, "/");
    let subscription = format!("/subscriptions/{BACKUP_SUB}");
    for scope in [vault.as_str(), subscription.as_str(), ""] {
        let one = server.as_(ALICE).get(&format!("{}/{id}", alerts_at(scope))).await.expect(200);
        let context = &one["properties"]["context"];
        assert_eq!(context["ledgerSequence"], entry.sequence);
        assert_eq!(
            (&context["operation"], &context["verdict"]),
            (&json!(entry.operation), &json!("refused"))
        );
        assert_eq!(essentials(&one), essentials(&alert));
    }
}

/// Deleting and stopping need nobody's consent without a guard, and are told all the same.
#[tokio::test]
async fn what_is_done_to_items_alerts_also_without_a_guard() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let stopped = json!({"protectionState": "ProtectionStopped"});
    fixture.put_item(FILES, stopped).await.expect(202);
    fixture.alice().delete(&in_vault("v1", FILES)).await.expect(202);
    let list = fixture.alice().get(&alerts_at(&in_vault("v1", ""))).await.expect(200);
    assert_eq!(said(&list), ["Sev0 Delete Backup Data", "Sev1 Stop Protection with Retain Data"]);
    // The alert is the vault's, and says which item it was.
    let described = essentials(&list["value"][0])["description"].as_str().unwrap();
    assert!(described.contains("FileFolder;data"), "{described}");
}

#[tokio::test]
async fn an_alert_is_the_same_on_every_server() {
    let [a, b] = Harness::two().await;
    a.add_groups();
    PLACES[2].prepare(&a).await;
    let vault = PLACES[2].guarded_vault(&a, "v1").await;
    let there = first(&a, ALICE, &vault).await;
    let path = there["id"].as_str().unwrap();
    b.as_(ALICE).post(&format!("{path}/changestate?newState=Closed"), Value::Null).await.expect(200);
    assert_eq!(essentials(&there)["alertState"], "New");
    let here = a.as_(ALICE).get(path).await.expect(200);
    assert_eq!((&here["id"], &essentials(&here)["alertState"]), (&there["id"], &json!("Closed")));
}

#[tokio::test]
async fn an_alert_is_handled_on_each_side_by_itself() {
    let (server, vault) = refused_once(&PLACES[2]).await;
    let guard = PLACES[2].guard();
    let path = first(&server, ALICE, &vault).await["id"].as_str().unwrap().to_string();
    let ledger = server.ledger().len();
    let state = |to: &str| format!("{path}/changestate?newState={to}");
    let changed =
        server.as_(ALICE).post(&state("acknowledged"), json!({"comments": "looking"})).await.expect(200);
    assert_eq!(essentials(&changed)["alertState"], "Acknowledged");
    server.advance(SignedDuration::from_mins(5));
    let changed = server.as_(BOB).post(&state("Closed"), Value::Null).await.expect(200);
    let now = arm::long_timestamp(server.now());
    assert_eq!(essentials(&changed)["lastModifiedUserName"], "bob@contoso.example");
    assert_eq!(essentials(&changed)["lastModifiedDateTime"], now);
    assert_eq!(essentials(&first(&server, ALICE, &vault).await)["alertState"], "Closed");
    // Whatever the backup admins think of it, the guard's owner has not looked at theirs.
    let theirs = first(&server, SAM, &guard).await;
    assert_eq!(essentials(&theirs)["alertState"], "New");
    assert_ne!(theirs["alertId"], path.rsplit_once('/').unwrap().1);

    let history = server.as_(ALICE).get(&format!("{path}/history")).await.expect(200);
    let steps: Vec<String> = history["properties"]["modifications"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            ["modificationEvent", "oldValue", "newValue", "modifiedBy", "comments"]
                .map(|name| one[name].as_str().unwrap())
                .join("|")
        })
        .collect();
    assert_eq!(
        steps,
        [
            "StateChange|Acknowledged|Closed|bob@contoso.example|",
            "StateChange|New|Acknowledged|alice@contoso.example|looking",
            "AlertCreated||New|System|",
        ]
    );
    // Each change of it is in the ledger, and raises none itself.
    let entries = server.ledger().split_off(ledger);
    let news: Vec<&str> = entries.iter().map(|entry| entry.facts["newState"].as_str()).collect();
    assert_eq!(news, ["Acknowledged", "Closed"]);
    assert!(entries.iter().all(|entry| mua::alert::alerts(entry).is_empty()));
}

#[tokio::test]
async fn alerts_are_for_those_who_hold_azures_actions() {
    let (server, vault) = refused_once(&PLACES[2]).await;
    let (guard, subscription) = (PLACES[2].guard(), format!("/subscriptions/{BACKUP_SUB}"));
    let alert = first(&server, ALICE, &vault).await;
    let path = alert["id"].as_str().unwrap().to_string();
    let close = format!("{path}/changestate?newState=Closed");
    server.grant(AUTOMATION, role_ids::READER, &vault);
    server.as_(AUTOMATION).get(&path).await.expect(200);
    server.as_(AUTOMATION).get(&alerts_at(&vault)).await.expect(200);
    for (method, path, action) in [
        ("POST", &close, "Microsoft.AlertsManagement/alerts/changestate/action"),
        ("GET", &alerts_at(&subscription), "Microsoft.AlertsManagement/alerts/read"),
    ] {
        let refused = server.as_(AUTOMATION).call(method, path, Value::Null).await;
        assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
        assert!(refused.message().contains(action), "{}", refused.text);
    }
    for (who, path, action) in [
        (SUE, alerts_at(&guard), "alerts/read"),
        (
            SUE,
            format!("{}/{}/history", alerts_at(&guard), alert["alertId"].as_str().unwrap()),
            "alerts/history/read",
        ),
    ] {
        let refused = server.as_(who).get(&path).await;
        assert!(refused.status == 403 && refused.message().contains(action), "{}", refused.text);
    }
    // An alert of another scope is not found, also not by somebody who may read alerts at this one.
    let id = alert["alertId"].as_str().unwrap();
    server.as_(ALICE).put(&vault_path("v2"), vault_body()).await.expect(201);
    for path in [
        format!("{}/{id}", alerts_at(&vault_path("v2"))),
        format!("{}/{}", alerts_at(&vault), uuid::Uuid::nil()),
        format!("{}/{}", alerts_at(&vault), uuid::Uuid::max()),
        format!("{}/nonsense", alerts_at(&vault)),
    ] {
        let missing = server.as_(ALICE).get(&path).await;
        assert_eq!((missing.status, missing.code()), (404, "AlertNotFound"), "{path}");
    }
    // The root is that of one's own tenant.
    server.grant(SAM, role_ids::READER, "/");
    let of_root = server.as_(SAM).get(&alerts_at("")).await.expect(200);
    let targets: BTreeSet<&str> = of_root["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| essentials(one)["targetResource"].as_str().unwrap())
        .collect();
    assert_eq!(targets, BTreeSet::from([guard.as_str()]));
    let foreign = server.as_(SAM).get(&format!("{}/{id}", alerts_at(""))).await;
    assert_eq!(foreign.code(), "AlertNotFound");
}

#[tokio::test]
async fn a_list_is_filtered_as_azures_is() {
    let (server, vault) = refused_once(&PLACES[2]).await;
    let path = first(&server, ALICE, &vault).await["id"].as_str().unwrap().to_string();
    server.as_(ALICE).post(&format!("{path}/changestate?newState=Closed"), Value::Null).await.expect(200);
    let scope = alerts_at(&format!("/subscriptions/{BACKUP_SUB}"));
    let (enabled, refused) = ("Sev4 MUA Enabled", "Sev1 Critical Operation Refused");
    let from = server.now() - SignedDuration::from_mins(1);
    let to = server.now() + SignedDuration::from_mins(1);
    let span = |from, to| format!("customTimeRange={from}/{to}");
    for (query, expected) in [
        ("".to_string(), &[refused, enabled][..]),
        ("severity=sev1".into(), &[refused]),
        ("alertState=New".into(), &[enabled]),
        ("alertState=closed".into(), &[refused]),
        ("alertRule=MUA Enabled".into(), &[enabled]),
        (format!("targetResource={vault}"), &[refused, enabled]),
        (format!("targetResource={}", vault_path("v2")), &[]),
        ("targetResourceGroup=BACKUP".into(), &[refused, enabled]),
        ("targetResourceGroup=other".into(), &[]),
        ("targetResourceType=microsoft.recoveryservices/vaults".into(), &[refused, enabled]),
        ("monitorService=Azure Backup&monitorCondition=Fired".into(), &[refused, enabled]),
        ("monitorCondition=Resolved".into(), &[]),
        ("smartGroupId=1".into(), &[]),
        ("timeRange=1h&sortBy=startDateTime&sortOrder=desc".into(), &[refused, enabled]),
        (span(from, to), &[refused, enabled]),
        (span(to, to), &[]),
    ] {
        let list = server.as_(ALICE).get(&format!("{scope}?{query}")).await.expect(200);
        assert_eq!(said(&list), expected, "{query}");
    }
    for query in [
        "timeRange=2d",
        "customTimeRange=yesterday",
        "alertState=Done",
        "pageCount=0",
        "pageCount=251",
        "sortBy=severity",
        "sortOrder=asc",
        "includeContext=maybe",
        "targetResource=a/../b",
        "$skipToken=x",
    ] {
        let answer = server.as_(ALICE).get(&format!("{scope}?{query}")).await;
        assert_eq!(answer.status, 400, "{query}: {}", answer.text);
    }
    let change = |query: &str| format!("{path}/changestate{query}");
    let long = "x".repeat(1025);
    for (path, body) in [
        (change(""), Value::Null),
        (change("?newState=Done"), Value::Null),
        (change("?newState=New"), json!({"comments": 5})),
        (change("?newState=New"), json!({"comments": long})),
        (change("?newState=New"), json!(["x"])),
    ] {
        assert_eq!(server.as_(ALICE).post(&path, body).await.status, 400, "{path}");
    }
    let with = server.as_(ALICE).get(&format!("{scope}?includeContext=true")).await.expect(200);
    assert!(with["value"][0]["properties"]["context"]["reason"].is_string());
    server.advance(SignedDuration::from_hours(24 * 31));
    assert!(said(&server.as_(ALICE).get(&scope).await.expect(200)).is_empty());
}

#[tokio::test]
async fn a_long_list_comes_page_by_page_each_alert_once() {
    let place = &PLACES[0];
    let (server, vault) = refused_once(place).await;
    let body = json!({"properties": {"softDeleteFeatureState": "Disabled"}});
    for _ in 0..4 {
        let config = format!("{vault}/backupconfig/vaultconfig");
        assert_eq!(place.admin(&server).patch(&config, body.clone()).await.status, 403);
    }
    // Vault and guard are in one subscription: two alerts for each of five refusals, four for linking.
    let all = alerts_at(&format!("/subscriptions/{BACKUP_SUB}"));
    let whole = server.as_(ALICE).get(&all).await.expect(200);
    let ids = |list: &Value| -> Vec<String> {
        list["value"]
            .as_array()
            .unwrap()
            .iter()
            .map(|alert| alert["id"].as_str().unwrap().to_string())
            .collect()
    };
    assert_eq!(ids(&whole).len(), 14);
    for count in [1, 3, 13, 14] {
        let mut next = Some(format!("{all}?pageCount={count}"));
        let mut found = Vec::new();
        while let Some(page) = next {
            let list = server.as_(ALICE).get(&page).await.expect(200);
            assert!(ids(&list).len() <= count);
            found.extend(ids(&list));
            next = list["nextLink"].as_str().map(String::from);
        }
        assert_eq!(found, ids(&whole), "{count}");
    }
}
