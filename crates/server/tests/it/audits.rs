//! The directory's audit log: the ledger, by tenant, for whoever may write the directory.

use arm::ObjectId;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::graph::{assign, graph};
use crate::harness::{ALICE, ALICE_GUEST, Answer, BACKUP_SUB, BOB, Harness, SAM, SUE};

const AUDITS: &str = "/auditLogs/directoryAudits";
const READER: &str = "acdd72a7-3385-48ef-bd42-f606fba81ae7";

async fn get(server: &Harness, who: ObjectId, path: &str) -> Answer {
    graph(server, who, "GET", path, Value::Null).await
}

async fn found(server: &Harness, filter: &str) -> Vec<Value> {
    let list = get(server, ALICE, &format!("{AUDITS}?{filter}")).await.expect(200);
    list["value"].as_array().unwrap().clone()
}

/// Alice makes a group, puts Bob into it a minute later, and gives him a role on the subscription; in the other tenant
/// Sam makes a group, too.
async fn story() -> (Harness, String) {
    let server = Harness::start().await;
    let group =
        json!({"displayName": "Crew", "mailNickname": "g", "mailEnabled": false, "securityEnabled": true});
    let made = graph(&server, ALICE, "POST", "/groups", group.clone()).await.expect(201);
    graph(&server, SAM, "POST", "/groups", group).await.expect(201);
    server.advance(SignedDuration::from_secs(60));
    let id = made["id"].as_str().unwrap().to_string();
    let path = format!("/groups/{id}/members/$ref");
    graph(&server, ALICE, "POST", &path, crate::graph::reference(&server, &BOB.to_string()))
        .await
        .expect(204);
    assign(&server, ALICE, &format!("/subscriptions/{BACKUP_SUB}"), READER, &BOB.to_string()).await;
    (server, id)
}

#[tokio::test]
async fn what_was_done_to_the_directory_is_listed_newest_first() {
    let (server, group) = story().await;
    let all = found(&server, "").await;
    let operations: Vec<&str> = all.iter().map(|one| one["activityDisplayName"].as_str().unwrap()).collect();
    assert_eq!(operations, ["directory.groups.members.add", "directory.groups.create"]);
    let made = &all[1];
    assert_eq!((&made["category"], &made["result"]), (&json!("GroupManagement"), &json!("success")));
    assert_eq!(made["initiatedBy"]["user"]["userPrincipalName"], "alice@contoso.example");
    let target = &made["targetResources"][0];
    assert_eq!((&target["id"], &target["displayName"]), (&json!(group), &json!("Crew")));
    let entry =
        server.ledger().into_iter().find(|entry| entry.operation == "directory.groups.create").unwrap();
    assert_eq!(made["ledger"]["sequence"], entry.sequence);
    assert_eq!(made["ledger"]["leaf"], entry.leaf().to_string());
    assert_eq!(made["resultReason"], entry.reason);
    let one = format!("{AUDITS}/{}", made["id"].as_str().unwrap());
    assert_eq!(get(&server, ALICE, &one).await.expect(200)["targetResources"], made["targetResources"]);
}

#[tokio::test]
async fn filters_and_pages_narrow_the_list() {
    let (server, _) = story().await;
    let half_ago = server.now() - SignedDuration::from_secs(30);
    let correlation = found(&server, "").await[0]["correlationId"].as_str().unwrap().to_string();
    for (filter, count) in [
        (format!("activityDateTime ge {half_ago}"), 1),
        (format!("activityDateTime le {half_ago}"), 1),
        (format!("activityDateTime ge {half_ago} and activityDateTime le {half_ago}"), 0),
        ("activityDisplayName eq 'directory.groups.create'".into(), 1),
        ("category eq 'GroupManagement'".into(), 2),
        ("category eq 'UserManagement'".into(), 0),
        ("result eq 'failure'".into(), 0),
        (format!("correlationId eq '{correlation}'"), 1),
    ] {
        assert_eq!(found(&server, &format!("$filter={filter}")).await.len(), count, "{filter}");
    }
    let first =
        get(&server, ALICE, &format!("{AUDITS}?$top=1&$select=activityDisplayName")).await.expect(200);
    assert_eq!(first["value"].as_array().unwrap().len(), 1);
    assert!(first["value"][0].get("category").is_none());
    let next = get(&server, ALICE, first["@odata.nextLink"].as_str().unwrap()).await.expect(200);
    assert_eq!(next["value"][0]["activityDisplayName"], "directory.groups.create");
    for bad in [
        "$filter=weather eq 'rain'",
        "$filter=activityDateTime ge soon",
        "$filter=category ne 'Policy'",
        "$skiptoken=x",
        "$top=0",
    ] {
        let refused = get(&server, ALICE, &format!("{AUDITS}?{bad}")).await;
        assert_eq!(refused.status, 400, "{bad}: {}", refused.text);
    }
}

#[tokio::test]
async fn only_who_may_write_the_directory_reads_its_audits() {
    let (server, _) = story().await;
    let all = found(&server, "").await;
    let one = format!("{AUDITS}/{}", all[0]["id"].as_str().unwrap());
    for who in [BOB, SUE, ALICE_GUEST] {
        for path in [AUDITS, &one] {
            let refused = get(&server, who, path).await;
            assert_eq!(
                (refused.status, refused.code()),
                (403, "Authorization_RequestDenied"),
                "{who} {path}"
            );
        }
    }
    // The other tenant's administrator reads the other tenant's, and nobody an entry of a subscription.
    let theirs = get(&server, SAM, AUDITS).await.expect(200);
    assert_eq!(theirs["value"].as_array().unwrap().len(), 1);
    assert_eq!(get(&server, SAM, &one).await.status, 404);
    let ledger = server.ledger();
    let of_subscription = ledger.iter().find(|entry| entry.operation.contains("roleAssignments")).unwrap();
    let path = format!(
        "/subscriptions/{BACKUP_SUB}/providers/Microsoft.Insights/eventtypes/management/values?$filter=ledgerSequence eq '{}'",
        of_subscription.sequence
    );
    let event = server.as_(ALICE).get(&path).await.expect(200)["value"][0].clone();
    let id = format!("Directory_{}_{}", event["eventDataId"].as_str().unwrap(), of_subscription.sequence);
    for (id, status) in [(id.as_str(), 404), ("x", 404), ("x_y", 400), ("x_99999", 404)] {
        assert_eq!(get(&server, ALICE, &format!("{AUDITS}/{id}")).await.status, status, "{id}");
    }
    for (method, path) in
        [("POST", AUDITS), ("DELETE", &one), ("GET", "/auditLogs"), ("GET", "/auditLogs/signIns")]
    {
        assert_eq!(graph(&server, ALICE, method, path, Value::Null).await.status, 404, "{method} {path}");
    }
}

#[tokio::test]
async fn a_locked_account_is_in_its_own_tenants_audits() {
    let server = Harness::start().await;
    let form = format!(
        "grant_type=password&client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&username=bob%40contoso.example&password=wrong\
         &scope={}%2F.default",
        server.origin().replace(':', "%3A").replace('/', "%2F")
    );
    for _ in 0..20 {
        let path = format!("/{}/oauth2/v2.0/token", crate::harness::CONTOSO);
        let request =
            server.request("POST", &path).header("content-type", "application/x-www-form-urlencoded");
        server.send(request.body(form.clone())).await;
    }
    let all = found(&server, "$filter=result eq 'failure'").await;
    assert!(!all.is_empty());
    assert_eq!(all[0]["activityDisplayName"], "directory.signIn.locked");
    assert_eq!(all[0]["targetResources"][0]["userPrincipalName"], "bob@contoso.example");
    let theirs = get(&server, SAM, AUDITS).await.expect(200);
    assert_eq!(theirs["value"], json!([]));
}
