//! How the backups of an item stand, in one answer.

use jiff::SignedDuration;
use rbac::role_ids;
use serde_json::{Value, json};

use crate::backup_vaults::backup_vault;
use crate::fixture::{FILES, Fixture, at, vault_id};
use crate::harness::{ALICE, BOB, Harness};
use crate::instances::{arrive, instance_at, protect_disk};

const DAY: SignedDuration = SignedDuration::from_hours(24);

async fn outlook(fixture: &Fixture) -> Value {
    fixture.alice().get(&at(&format!("{FILES}/backupOutlook"))).await.expect(200)["properties"].clone()
}

fn time(at: jiff::Timestamp) -> Value {
    arm::long_timestamp(at).into()
}

#[tokio::test]
async fn an_item_tells_when_its_next_backup_is_expected() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let start = fixture.server.now();
    let told = outlook(&fixture).await;
    assert_eq!(told["lastRecoveryPointTime"], Value::Null);
    assert_eq!((&told["expectedIntervalInSeconds"], &told["isOverdue"]), (&json!(86_400), &json!(false)));
    assert_eq!((&told["recoveryPointCount"], &told["oldestRecoveryPointTime"]), (&json!(0), &Value::Null));
    assert_eq!(told["retention"], json!([{"part": null, "tier": "daily", "days": 30}]));
    assert_eq!((&told["usedInBytes"], &told["limitInBytes"]), (&json!(0), &Value::Null));

    let first = start + SignedDuration::from_hours(1);
    fixture.arrive(FILES, "a", first);
    let told = outlook(&fixture).await;
    assert_eq!(
        (&told["lastRecoveryPointTime"], &told["nextExpectedTime"]),
        (&time(first), &time(first + DAY))
    );
    fixture.server.advance(SignedDuration::from_hours(26));
    let told = outlook(&fixture).await;
    assert_eq!((&told["isOverdue"], &told["isMissed"]), (&json!(true), &json!(false)));
    let second = fixture.server.now();
    fixture.arrive(FILES, "b", second);
    let told = outlook(&fixture).await;
    assert_eq!((&told["isOverdue"], &told["nextExpectedTime"]), (&json!(false), &time(second + DAY)));
    assert_eq!((&told["recoveryPointCount"], &told["oldestRecoveryPointTime"]), (&json!(2), &time(first)));

    // While it is stopped, nothing is expected.
    let stop = json!({"policyId": "", "protectionState": "ProtectionStopped"});
    assert!(fixture.put_item(FILES, stop).await.status < 300);
    fixture.server.advance(DAY * 3);
    let told = outlook(&fixture).await;
    assert_eq!((&told["nextExpectedTime"], &told["isOverdue"]), (&Value::Null, &json!(false)));
}

#[tokio::test]
async fn each_part_is_for_those_who_may_read_it() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let path = at(&format!("{FILES}/backupOutlook"));
    let bob = fixture.server.as_(BOB);
    assert_eq!(bob.get(&path).await.status, 403);
    let role = json!({"properties": {"roleName": "Looks at items", "type": "CustomRole", "description": "",
        "assignableScopes": [format!("/subscriptions/{}", crate::harness::BACKUP_SUB)], "permissions": [{"notActions": [],
            "actions": ["Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/read"]}]}});
    let name = "00000000-0000-0000-0000-0000000000aa";
    let definition = format!(
        "/subscriptions/{}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        crate::harness::BACKUP_SUB
    );
    fixture.alice().put(&definition, role).await.expect(201);
    let looks = fixture.grant(BOB, name.parse().unwrap(), &vault_id("v1"));
    let told = bob.get(&path).await.expect(200)["properties"].clone();
    let members: Vec<&String> = told.as_object().unwrap().keys().collect();
    assert_eq!(
        members,
        ["expectedIntervalInSeconds", "isMissed", "isOverdue", "lastRecoveryPointTime", "nextExpectedTime"]
    );
    fixture.server.revoke(&looks);
    fixture.grant(BOB, role_ids::READER, &vault_id("v1"));
    assert_eq!(bob.get(&path).await.expect(200)["properties"], outlook(&fixture).await);
}

#[tokio::test]
async fn an_instance_has_an_outlook_and_summaries_too() {
    let server = Harness::with_groups().await;
    let alice = server.as_(ALICE);
    let vault = backup_vault("bv");
    alice.put(&vault, json!({"location": "westeurope"})).await.expect(201);
    protect_disk(&alice, &vault).await;
    arrive(&server, &vault, "p1");
    let told = alice.get(&format!("{}/backupOutlook", instance_at(&vault))).await.expect(200);
    assert_eq!(told["type"], "Microsoft.DataProtection/backupVaults/backupInstances/backupOutlook");
    let properties = &told["properties"];
    assert_eq!(properties["recoveryPointCount"], 1);
    assert_eq!(properties["expectedIntervalInSeconds"], 86_400);
    assert_eq!(properties["retention"], json!([{"part": null, "tier": "default", "days": 30}]));
    let summary = alice.get(&format!("{}/recoveryPointSummaries", instance_at(&vault))).await.expect(200);
    assert_eq!(summary["properties"]["totalCount"], 1);
    assert_eq!(summary["properties"]["latest"]["name"], "p1");
}
