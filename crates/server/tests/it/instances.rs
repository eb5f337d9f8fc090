//! Backup instances, without a guard (contract 3.4, 3.5): each has a repository, as protected items have.

use arm::ResourceId;
use jiff::SignedDuration;
use serde_json::{Value, json};
use vault::{ProtectedItem, RecoveryPoint, VaultChange};

use crate::backup_vaults::{DISKS, assert_refused, backup_vault, disk_policy};
use crate::fixture;
use crate::harness::{ALICE, Answer, Caller, Harness};

pub const DISK: &str = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/disks/disk1";

pub fn instance_at(vault: &str) -> String {
    format!("{vault}/backupInstances/disk1-disk1")
}

/// What az sends for a disk, with a policy of the vault.
pub fn disk(vault: &str, policy: &str) -> Value {
    json!({"properties": {"objectType": "BackupInstance", "friendlyName": "disk1",
        "dataSourceInfo": {"objectType": "Datasource", "datasourceType": DISKS, "resourceID": DISK,
            "resourceName": "disk1", "resourceType": DISKS, "resourceLocation": "westeurope", "resourceUri": ""},
        "policyInfo": {"policyId": format!("{vault}/backupPolicies/{policy}"), "policyParameters": {
            "dataStoreParametersList": [{"objectType": "AzureOperationalStoreParameters",
                "dataStoreType": "OperationalStore", "resourceGroupId": "/subscriptions/s/resourceGroups/rg"}]}}}})
}

/// Makes the policies `long` and `short` of a vault, and the instance of a disk with the long one.
pub async fn protect_disk(admin: &Caller<'_>, vault: &str) {
    for (name, days) in [("long", 30), ("short", 7)] {
        admin.put(&format!("{vault}/backupPolicies/{name}"), disk_policy(days)).await.expect(200);
    }
    admin.put(&instance_at(vault), disk(vault, "long")).await.expect(201);
}

/// What a snapshot that arrives leaves behind.
pub fn arrive(server: &Harness, vault: &str, name: &str) {
    let id = ResourceId::parse(&instance_at(vault)).unwrap();
    let at = server.now();
    server.seed(|tx| {
        let instance: ProtectedItem = tx.resource(&id)?.unwrap();
        let point = RecoveryPoint {
            label: None,
            id: instance.id.child(&format!("recoveryPoints/{name}"))?,
            repository: instance.short.clone(),
            at,
            retain_until: Some(at + jiff::SignedDuration::from_hours(24)),
            snapshot: format!("{name:f<64}"),
            written_by: "client".into(),
            policy: instance.policy.clone(),
        };
        fixture::apply(tx, VaultChange::recovery_point(point))
    });
}

/// Follows both styles of a long-running operation to their end; answers with the job's id, if there is one.
pub async fn follow(caller: &Caller<'_>, accepted: Answer, status: u16) -> Option<String> {
    assert_eq!(accepted.status, status, "{}", accepted.text);
    let done = caller.get(accepted.header("azure-asyncoperation")).await.expect(200);
    assert_eq!(done["status"], "Succeeded");
    let result = caller.get(accepted.header("location")).await.expect(200);
    assert_eq!(result["objectType"], "OperationJobExtendedInfo");
    assert_eq!(result["jobId"], done["properties"]["jobId"]);
    result["jobId"].as_str().map(String::from)
}

fn path() -> String {
    backup_vault("v1")
}

fn at(below: &str) -> String {
    format!("{}{below}", instance_at(&path()))
}

async fn start() -> Harness {
    let server = Harness::with_groups().await;
    let alice = server.as_(ALICE);
    alice.put(&path(), json!({"location": "westeurope"})).await.expect(201);
    protect_disk(&alice, &path()).await;
    server
}

async fn state(server: &Harness) -> String {
    let shown = server.as_(ALICE).get(&at("")).await.expect(200);
    let properties = &shown["properties"];
    assert_eq!(properties["currentProtectionState"], properties["protectionStatus"]["status"]);
    properties["currentProtectionState"].as_str().unwrap().to_string()
}

#[tokio::test]
async fn an_instance_is_validated_configured_shown_and_listed() {
    let server = Harness::with_groups().await;
    let alice = server.as_(ALICE);
    alice.put(&path(), json!({"location": "westeurope"})).await.expect(201);
    alice.put(&format!("{}/backupPolicies/long", path()), disk_policy(30)).await.expect(200);
    let sent = disk(&path(), "long");
    // az writes the id of the source in two ways.
    let mut validated = sent["properties"].clone();
    let source = validated["dataSourceInfo"].as_object_mut().unwrap();
    let id = source.remove("resourceID").unwrap();
    source.insert("resourceId".into(), id);
    let validate = format!("{}/validateForBackup", path());
    let before = server.ledger().len();
    let job = follow(&alice, alice.post(&validate, json!({"backupInstance": validated})).await, 202).await;
    assert_eq!((job, server.ledger().len()), (None, before), "validating changes nothing");
    assert_refused(&alice.get(&at("")).await, 404, "ResourceNotFound");

    let created = alice.put(&at(""), sent.clone()).await;
    let body = created.body.clone();
    follow(&alice, created, 201).await.unwrap();
    let shown = alice.get(&at("")).await.expect(200);
    assert_eq!(shown, body);
    assert_eq!(shown["type"], "Microsoft.DataProtection/backupVaults/backupInstances");
    let properties = &shown["properties"];
    for name in ["friendlyName", "dataSourceInfo", "objectType"] {
        assert_eq!(properties[name], sent["properties"][name], "{name}");
    }
    for name in ["policyId", "policyParameters"] {
        assert_eq!(properties["policyInfo"][name], sent["properties"]["policyInfo"][name], "{name}");
    }
    assert_eq!(properties["provisioningState"], "Succeeded");
    assert_eq!(state(&server).await, "ProtectionConfigured");
    let list = alice.get(&format!("{}/backupInstances", path())).await.expect(200);
    assert_eq!(list["value"], json!([shown]));
    // What az reads, it writes back.
    let again = alice.put(&at(""), shown.clone()).await;
    assert_eq!(again.body, shown);
    follow(&alice, again, 200).await.unwrap();
    let refused = alice.delete(&format!("{}/backupPolicies/long", path())).await;
    assert_refused(&refused, 400, "UserErrorPolicyInUse");
    let refused = alice.delete(&path()).await;
    assert_refused(&refused, 400, "ServiceResourceNotEmptyWithBackendMessage");
}

#[tokio::test]
async fn an_instance_that_makes_no_sense_is_refused_by_both_ways() {
    let server = start().await;
    let alice = server.as_(ALICE);
    let other = backup_vault("v2");
    alice.put(&other, json!({"location": "westeurope"})).await.expect(201);
    alice.put(&format!("{other}/backupPolicies/long"), disk_policy(30)).await.expect(200);
    let with = |pointer: &str, value: Value| {
        let mut body = disk(&path(), "long");
        *body.pointer_mut(pointer).unwrap() = value;
        body
    };
    let fresh = format!("{}/backupInstances/fresh", path());
    for body in [
        with("/properties/dataSourceInfo", json!(null)),
        with("/properties/dataSourceInfo/resourceID", json!(null)),
        with("/properties/dataSourceInfo/datasourceType", json!("")),
        with(
            "/properties/dataSourceInfo/datasourceType",
            json!("Microsoft.Storage/storageAccounts/blobServices"),
        ),
        with("/properties/policyInfo", json!(null)),
        with("/properties/policyInfo/policyId", json!(format!("{}/backupPolicies/none", path()))),
        with("/properties/policyInfo/policyId", json!(format!("{other}/backupPolicies/long"))),
        with("/properties/policyInfo/policyParameters", json!(5)),
        with("/properties/friendlyName", json!("a\u{7}")),
    ] {
        let refused = alice.put(&fresh, body.clone()).await;
        assert_eq!(refused.status, 400, "{body}");
        let validate = json!({"backupInstance": body["properties"]});
        let refused = alice.post(&format!("{}/validateForBackup", path()), validate).await;
        assert_eq!(refused.status, 400, "{body}");
    }
    assert_refused(&alice.get(&fresh).await, 404, "ResourceNotFound");
    // Another source is another instance, and its policy stays one for it.
    let stolen = with("/properties/dataSourceInfo/resourceID", json!(DISK.replace("disk1", "disk2")));
    assert_refused(&alice.put(&at(""), stolen).await, 400, "UserErrorInvalidBackupInstance");
    let mut policy = disk_policy(30);
    policy["properties"]["datasourceTypes"] = json!(["Microsoft.Storage/storageAccounts/blobServices"]);
    let refused = alice.put(&format!("{}/backupPolicies/long", path()), policy).await;
    assert_refused(&refused, 400, "BMSUserErrorInvalidPolicyInput");
}

#[tokio::test]
async fn protection_stops_in_two_ways_and_is_resumed() {
    let server = start().await;
    let alice = server.as_(ALICE);
    for (action, after) in [
        ("stopProtection", "ProtectionStopped"),
        ("resumeProtection", "ProtectionConfigured"),
        ("suspendBackups", "BackupsSuspended"),
        ("resumeBackups", "ProtectionConfigured"),
    ] {
        follow(&alice, alice.post(&at(&format!("/{action}")), Value::Null).await, 202).await.unwrap();
        assert_eq!(state(&server).await, after, "{action}");
        // Once more is nothing.
        assert_eq!(alice.post(&at(&format!("/{action}")), json!({})).await.status, 200, "{action}");
    }
    let before = state(&server).await;
    let synced = alice.post(&at("/sync"), json!({"syncType": "Default"})).await;
    assert_eq!(follow(&alice, synced, 202).await, None, "there is no job");
    assert_eq!(state(&server).await, before);
    // Another policy does not resume what was stopped.
    alice.post(&at("/stopProtection"), Value::Null).await.expect(202);
    alice.put(&at(""), disk(&path(), "short")).await.expect(200);
    assert_eq!(state(&server).await, "ProtectionStopped");
    let jobs = alice.get(&format!("{}/backupJobs", path())).await.expect(200);
    let mut operations: Vec<&str> = jobs["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["properties"]["operation"].as_str().unwrap())
        .collect();
    operations.sort_unstable();
    assert_eq!(
        operations,
        [
            "ConfigureProtection",
            "ResumeProtection",
            "ResumeProtection",
            "StopProtection",
            "StopProtection",
            "SuspendBackups",
            "UpdateProtection"
        ]
    );
    let job = &jobs["value"][0];
    assert_eq!(alice.get(job["id"].as_str().unwrap()).await.expect(200), *job);
    assert_eq!(job["properties"]["backupInstanceId"], at(""));
    assert_eq!(job["properties"]["dataSourceId"], DISK);
    assert_eq!(job["properties"]["status"], "Completed");
}

#[tokio::test]
async fn what_is_deleted_is_kept_and_comes_back_stopped() {
    let server = start().await;
    let alice = server.as_(ALICE);
    arrive(&server, &path(), "a1");
    let deleted_at = server.now();
    follow(&alice, alice.delete(&at("")).await, 202).await.unwrap();
    assert_refused(&alice.get(&at("")).await, 404, "ResourceNotFound");
    let none = alice.get(&format!("{}/backupInstances", path())).await.expect(200);
    assert_eq!(none["value"], json!([]));
    let trash = format!("{}/deletedBackupInstances", path());
    let kept = alice.get(&format!("{trash}/disk1-disk1")).await.expect(200);
    assert_eq!(kept["type"], "Microsoft.DataProtection/backupVaults/deletedBackupInstances");
    assert_eq!(kept["properties"]["objectType"], "DeletedBackupInstance");
    assert_eq!(kept["properties"]["currentProtectionState"], "SoftDeleted");
    let until = deleted_at + SignedDuration::from_hours(24 * 14);
    let info = &kept["properties"]["deletionInfo"];
    assert_eq!(info["deletionTime"], arm::long_timestamp(deleted_at));
    assert_eq!(info["scheduledPurgeTime"], arm::long_timestamp(until));
    assert_eq!(alice.get(&trash).await.expect(200)["value"], json!([kept]));
    // It can only be undeleted, and deleting it again neither hurries nor delays anything.
    assert_refused(&alice.put(&at(""), disk(&path(), "long")).await, 400, "UserErrorItemSoftDeleted");
    for action in ["resumeProtection", "repositoryCredentials", "restore", "backup"] {
        let refused = alice.post(&at(&format!("/{action}")), json!({})).await;
        assert_refused(&refused, 400, "UserErrorItemSoftDeleted");
    }
    assert_eq!(alice.delete(&at("")).await.status, 204);
    assert_refused(&alice.delete(&path()).await, 400, "ServiceResourceNotEmptyWithBackendMessage");
    assert_eq!(alice.get(&trash).await.expect(200)["value"], json!([kept]));

    let undelete = format!("{trash}/disk1-disk1/undelete");
    follow(&alice, alice.post(&undelete, Value::Null).await, 202).await.unwrap();
    assert_eq!(state(&server).await, "ProtectionStopped");
    assert_eq!(alice.get(&trash).await.expect(200)["value"], json!([]));
    let points = alice.get(&at("/recoveryPoints")).await.expect(200);
    assert_eq!(points["value"].as_array().unwrap().len(), 1);
    let again = alice.post(&undelete, Value::Null).await;
    assert_refused(&again, 404, "UserErrorGenericResourceNotFound");
    let refused = alice.get(&format!("{trash}/disk1-disk1")).await;
    assert_refused(&refused, 404, "UserErrorGenericResourceNotFound");
}

#[tokio::test]
async fn without_soft_delete_an_instance_is_gone_with_its_repository() {
    let server = start().await;
    let alice = server.as_(ALICE);
    let issued = alice.post(&at("/repositoryCredentials"), Value::Null).await.expect(200);
    let off = json!({"properties": {"securitySettings": {"softDeleteSettings": {"state": "Off"}}}});
    alice.patch(&path(), off).await.expect(200);
    follow(&alice, alice.delete(&at("")).await, 202).await.unwrap();
    let trash = alice.get(&format!("{}/deletedBackupInstances", path())).await.expect(200);
    assert_eq!(trash["value"], json!([]));
    let user = issued["userName"].as_str().unwrap();
    let url = format!("{}config", issued["repositoryUrl"].as_str().unwrap());
    let request = server.request("GET", &url).basic_auth(user, issued["secret"].as_str());
    assert_eq!(server.send(request).await.status, 401);
    assert_eq!(alice.delete(&path()).await.status, 204);
}

#[tokio::test]
async fn an_immutable_vault_loses_nothing_whoever_asks() {
    let server = start().await;
    let alice = server.as_(ALICE);
    let on = json!({"properties": {"securitySettings": {"immutabilitySettings": {"state": "Unlocked"}}}});
    alice.patch(&path(), on).await.expect(200);
    let denied = "UserErrorOperationDeniedOnImmutableItem";
    assert_refused(&alice.delete(&at("")).await, 400, denied);
    assert_refused(&alice.put(&at(""), disk(&path(), "short")).await, 400, denied);
    let weaker = alice.put(&format!("{}/backupPolicies/long", path()), disk_policy(29)).await;
    assert_refused(&weaker, 400, denied);
    alice.put(&format!("{}/backupPolicies/long", path()), disk_policy(31)).await.expect(200);
}

#[tokio::test]
async fn a_backup_client_writes_to_an_instances_repository() {
    let server = start().await;
    let alice = server.as_(ALICE);
    let shown = alice.get(&at("")).await.expect(200);
    let issued = alice.post(&at("/repositoryCredentials"), Value::Null).await.expect(200);
    assert_eq!(issued["repositoryUrl"], shown["repositoryUrl"]);
    let refused = alice.post(&at("/backup"), json!({})).await;
    assert_refused(&refused, 400, "UserErrorBackupRunsOnClient");
    assert!(refused.message().contains(issued["repositoryUrl"].as_str().unwrap()));
    let (user, secret) = (issued["userName"].as_str().unwrap(), issued["secret"].as_str());
    let send = |method: &str, below: &str, body: Vec<u8>| {
        let url = format!("{}{below}", issued["repositoryUrl"].as_str().unwrap());
        server.send(server.request(method, &url).basic_auth(user, secret).body(body))
    };
    assert_eq!(send("POST", "?create=true", Vec::new()).await.status, 200);
    let bytes = b"a snapshot, encrypted".to_vec();
    let name = ledger::Digest::of(&bytes).to_string();
    assert_eq!(send("POST", &format!("snapshots/{name}"), bytes).await.status, 200);
    let points = alice.get(&at("/recoveryPoints?$filter=")).await.expect(200);
    let [point] = points["value"].as_array().unwrap().as_slice() else { panic!("one point: {points}") };
    assert_eq!(point["name"], name);
    assert_eq!(point["properties"]["objectType"], "AzureBackupDiscreteRecoveryPoint");
    assert_eq!(point["properties"]["recoveryPointTime"], arm::long_timestamp(server.now()));
    assert_eq!(point["properties"]["policyName"], "long");
    let one = alice.get(&at(&format!("/recoveryPoints/{name}"))).await.expect(200);
    assert_eq!(&one, point);
    let jobs = alice.get(&format!("{}/backupJobs?$filter=operation eq 'Backup'", path())).await.expect(200);
    assert_eq!(jobs["value"][0]["properties"]["backupInstanceId"], at(""));
    // Stopped protection stores nothing, and what is there can be read.
    alice.post(&at("/stopProtection"), Value::Null).await.expect(202);
    let bytes = b"another".to_vec();
    let other = ledger::Digest::of(&bytes).to_string();
    assert_eq!(send("POST", &format!("snapshots/{other}"), bytes).await.status, 403);
    assert_eq!(send("GET", &format!("snapshots/{name}"), Vec::new()).await.status, 200);
    // Credentials are listed without their secrets, and can be revoked.
    let listed = alice.get(&at("/repositoryCredentials")).await.expect(200);
    assert_eq!(listed["value"][0]["userName"], user);
    assert!(listed["value"][0].get("secret").is_none());
    assert_eq!(alice.delete(&at(&format!("/repositoryCredentials/{user}"))).await.status, 204);
    assert_eq!(send("GET", &format!("snapshots/{name}"), Vec::new()).await.status, 401);
}

fn restore_of(point: &str) -> Value {
    json!({"objectType": "AzureBackupRecoveryPointBasedRestoreRequest", "recoveryPointId": point,
        "sourceDataStoreType": "VaultStore", "restoreTargetInfo": {"objectType": "RestoreTargetInfo",
            "recoveryOption": "FailIfExists", "restoreLocation": "westeurope"}})
}

#[tokio::test]
async fn a_restore_finds_its_point_and_says_where_it_is() {
    let server = start().await;
    let alice = server.as_(ALICE);
    let first = server.now();
    arrive(&server, &path(), "a1");
    server.advance(SignedDuration::from_mins(10));
    arrive(&server, &path(), "a2");
    let by_time = |at: jiff::Timestamp| json!({"objectType": "AzureBackupRecoveryTimeBasedRestoreRequest", "recoveryPointTime": at.to_string()});
    let shown = alice.get(&at("")).await.expect(200);
    let full = at("/recoveryPoints/a1");
    for (request, point) in [
        (restore_of("a1"), "a1"),
        (restore_of(&full), "a1"),
        (by_time(first), "a1"),
        (by_time(first + SignedDuration::from_mins(9)), "a1"),
        (by_time(server.now()), "a2"),
    ] {
        let before = server.ledger().len();
        let validated = alice.post(&at("/validateRestore"), json!({"restoreRequestObject": request})).await;
        assert_eq!(follow(&alice, validated, 202).await, None);
        assert_eq!(server.ledger().len(), before);
        let job = follow(&alice, alice.post(&at("/restore"), request).await, 202).await.unwrap();
        let job = alice.get(&format!("{}/backupJobs/{job}", path())).await.expect(200);
        assert_eq!(job["properties"]["operation"], "Restore");
        let details = &job["properties"]["extendedInfo"]["additionalDetails"];
        assert_eq!(details["Snapshot"], format!("{point:f<64}"));
        let repository = shown["repositoryUrl"].as_str().unwrap().trim_end_matches('/');
        assert_eq!(details["Repository"], format!("{repository}@{point:f<64}/"));
        assert_eq!(server.ledger().len(), before + 1, "a restore is in the ledger, guarded or not");
    }
    for request in [
        restore_of("a3"),
        restore_of(""),
        by_time(first - SignedDuration::from_mins(1)),
        json!({"objectType": "AzureBackupRecoveryTimeBasedRestoreRequest", "recoveryPointTime": "then"}),
        json!({"objectType": "Other", "recoveryPointId": "a1"}),
        json!({"recoveryPointId": "a1"}),
    ] {
        assert_eq!(alice.post(&at("/restore"), request.clone()).await.status, 400, "{request}");
        let validate = json!({"restoreRequestObject": request});
        assert_eq!(alice.post(&at("/validateRestore"), validate).await.status, 400, "{request}");
    }
    let asked = json!({"sourceDataStoreType": "VaultStore", "startTime": first.to_string(),
        "endTime": (first + SignedDuration::from_mins(1)).to_string()});
    let ranges = alice.post(&at("/findRestorableTimeRanges"), asked).await.expect(200);
    let at = arm::timestamp(first);
    let expected = json!([{"objectType": "RestorableTimeRange", "startTime": at, "endTime": at}]);
    assert_eq!(ranges["properties"]["restorableTimeRanges"], expected);
}

#[tokio::test]
async fn a_deleted_instance_whose_time_is_over_is_gone_and_leaves_room() {
    let server = start().await;
    let alice = server.as_(ALICE);
    arrive(&server, &path(), "a1");
    let before = alice.get(&at("")).await.expect(200);
    alice.delete(&at("")).await.expect(202);
    server.advance(SignedDuration::from_hours(24 * 14));
    let trash = format!("{}/deletedBackupInstances", path());
    assert_eq!(alice.get(&trash).await.expect(200)["value"], json!([]));
    let late = alice.post(&format!("{trash}/disk1-disk1/undelete"), Value::Null).await;
    assert_refused(&late, 404, "UserErrorGenericResourceNotFound");
    // The same name again is another instance, with another repository.
    let again = alice.put(&at(""), disk(&path(), "long")).await.expect(201);
    assert_ne!(again["repositoryUrl"], before["repositoryUrl"]);
    assert_eq!(alice.get(&at("/recoveryPoints")).await.expect(200)["value"], json!([]));
    // By itself it goes as well, and the ledger says so.
    alice.delete(&at("")).await.expect(202);
    server.advance(SignedDuration::from_hours(24 * 14));
    server::purging::purge(server.running.app()).unwrap();
    let entry = server.ledger().pop().unwrap();
    assert_eq!(entry.operation, "Microsoft.DataProtection/backupVaults/backupInstances/purge");
    assert_eq!(entry.target, at(""));
    assert!(server.stored::<ProtectedItem>(&at("")).is_none());
    assert_eq!(alice.delete(&path()).await.status, 204);
}
