//! Long-running operations and the jobs that show them.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fixture::{FILES, Fixture, SERVER, at, in_vault};
use crate::harness::{Answer, BOB};

/// The job that an operation names at its first poll, which must be the last.
async fn job_of(fixture: &Fixture, accepted: &Answer) -> String {
    assert_eq!((accepted.status, accepted.text.as_str()), (202, ""));
    assert_eq!(accepted.header("retry-after"), "1");
    let poll = accepted.header("azure-asyncoperation");
    assert!(poll.starts_with(fixture.server.origin()), "{poll}");
    assert!(poll.contains("?api-version=2026-08-01"), "{poll}");
    let status = fixture.alice().get(poll).await.expect(200);
    assert_eq!(status["status"], "Succeeded");
    assert_eq!((&status["id"], &status["startTime"]), (&status["name"], &status["endTime"]));
    assert!(poll.contains(status["name"].as_str().unwrap()), "{poll}");
    assert_eq!(status["properties"]["objectType"], "OperationStatusJobExtendedInfo");
    // az takes the operation's id from the header and asks the vault, wherever the header leads.
    let again =
        fixture.alice().get(&at(&format!("backupOperations/{}", status["name"].as_str().unwrap()))).await;
    assert_eq!(again.expect(200), status);
    status["properties"]["jobId"].as_str().unwrap().to_string()
}

async fn jobs(fixture: &Fixture, query: &str) -> Vec<Value> {
    let list = fixture.alice().get(&at(&format!("backupJobs{query}"))).await.expect(200);
    list["value"].as_array().unwrap().clone()
}

#[tokio::test]
async fn every_step_is_finished_at_the_first_poll_and_leaves_a_job() {
    let fixture = Fixture::start().await;
    fixture.alice().put(&at(SERVER), json!({"properties": {}})).await.expect(200);
    let policy = json!({"policyId": at("backupPolicies/Files30")});
    let stop = json!({"protectionState": "ProtectionStopped"});
    let undelete = json!({"protectionState": "ProtectionStopped", "isRehydrate": true});
    let mut seen = Vec::new();
    for (step, operation) in [
        (Some(&policy), "ConfigureBackup"),
        (Some(&stop), "DisableBackup"),
        (None, "DeleteBackupData"),
        (Some(&undelete), "Undelete"),
    ] {
        fixture.server.advance(SignedDuration::from_secs(60));
        let accepted = match step {
            Some(properties) => fixture.put_item(FILES, properties.clone()).await,
            None => fixture.alice().delete(&at(FILES)).await,
        };
        let result = fixture.alice().get(accepted.header("location")).await;
        match step {
            Some(_) => assert_eq!(result.expect(200)["id"], at(FILES)),
            None => assert_eq!(result.status, 204),
        }
        let name = job_of(&fixture, &accepted).await;
        let job = fixture.alice().get(&at(&format!("backupJobs/{name}"))).await.expect(200);
        for (member, value) in [
            ("jobType", "MabJob"),
            ("operation", operation),
            ("status", "Completed"),
            ("entityFriendlyName", "data"),
            ("containerName", "srv01"),
            ("mabServerName", "srv01"),
            ("backupManagementType", "MAB"),
            ("duration", "PT0S"),
        ] {
            assert_eq!(job["properties"][member], value, "{operation}: {member}");
        }
        seen.insert(0, name);
    }
    let listed: Vec<String> =
        jobs(&fixture, "").await.iter().map(|job| job["name"].as_str().unwrap().to_string()).collect();
    assert_eq!(listed, seen);
}

#[tokio::test]
async fn jobs_are_listed_with_filters_and_in_pages() {
    let fixture = Fixture::start().await;
    let start = fixture.server.now();
    fixture.protect_files().await;
    fixture.server.advance(SignedDuration::from_hours(48));
    fixture.alice().delete(&at(FILES)).await.expect(202);
    let az = |at: jiff::Timestamp| at.strftime("%Y-%m-%d %I:%M:%S %p").to_string();
    let day = SignedDuration::from_hours(24);
    let first_day = format!("startTime eq '{}' and endTime eq '{}'", az(start - day), az(start + day));
    for (filter, operations) in [
        (String::new(), &["DeleteBackupData", "ConfigureBackup"][..]),
        ("operation eq 'DeleteBackupData'".into(), &["DeleteBackupData"]),
        (
            "status eq 'Completed' and backupManagementType eq 'MAB'".into(),
            &["DeleteBackupData", "ConfigureBackup"],
        ),
        ("status eq 'InProgress'".into(), &[]),
        ("backupManagementType eq 'AzureIaasVM'".into(), &[]),
        (first_day, &["ConfigureBackup"]),
    ] {
        let found = jobs(&fixture, &format!("?$filter={filter}")).await;
        let found: Vec<&str> =
            found.iter().map(|job| job["properties"]["operation"].as_str().unwrap()).collect();
        assert_eq!(found, operations, "{filter}");
    }
    for filter in ["startTime eq 'x'", "size eq '1'"] {
        let bad = fixture.alice().get(&at(&format!("backupJobs?$filter={filter}"))).await;
        assert_eq!((bad.status, bad.code()), (400, "InvalidFilter"), "{filter}");
    }
    let first = fixture.alice().get(&at("backupJobs?$top=1")).await.expect(200);
    assert_eq!(first["value"][0]["properties"]["operation"], "DeleteBackupData");
    let second = fixture.alice().get(first["nextLink"].as_str().unwrap()).await.expect(200);
    assert_eq!(second["value"][0]["properties"]["operation"], "ConfigureBackup");
    assert!(second.get("nextLink").is_none());
}

#[tokio::test]
async fn operations_and_jobs_belong_to_their_vault() {
    let fixture = Fixture::start().await;
    fixture.add_vault("v2");
    fixture.protect_files().await;
    let accepted = fixture.alice().delete(&at(FILES)).await;
    let job = job_of(&fixture, &accepted).await;
    let operation = accepted.header("azure-asyncoperation").split('?').next().unwrap();
    let operation = operation.rsplit('/').next().unwrap();
    let alice = fixture.alice();
    for path in [
        in_vault("v2", &format!("backupOperations/{operation}")),
        in_vault("v2", &format!("backupOperationResults/{operation}")),
        in_vault("v2", &format!("backupJobs/{job}")),
        at("backupOperations/00000000-0000-0000-0000-000000000000"),
        at("backupJobs/none"),
    ] {
        let missing = alice.get(&path).await;
        assert_eq!((missing.status, missing.code()), (404, "ResourceNotFound"), "{path}");
    }
    assert_eq!(alice.get(&in_vault("v2", "backupJobs")).await.expect(200)["value"], json!([]));
    for path in [
        format!("backupOperations/{}", operation.to_uppercase()),
        format!("backupPolicies/Files30/operations/{operation}"),
        format!("backupPolicies/Files30/operationResults/{operation}"),
        format!("{FILES}/operationsStatus/{operation}"),
        format!("{FILES}/operationResults/{operation}"),
    ] {
        alice.get(&at(&path)).await.expect(200);
    }
    let results = at(&format!("backupOperationResults/{operation}"));
    assert_eq!(alice.get(&results).await.status, 204);
    assert_eq!(fixture.server.as_(BOB).get(&results).await.status, 403);
    // What was done twice was done once: an operation, and no job.
    let again = alice.delete(&at(FILES)).await;
    let status = alice.get(again.header("azure-asyncoperation")).await.expect(200);
    assert_eq!((&status["status"], status.get("properties")), (&json!("Succeeded"), None));
    assert_eq!(jobs(&fixture, "?$filter=operation eq 'DeleteBackupData'").await.len(), 1);
}

#[tokio::test]
async fn an_address_to_poll_survives_an_odd_name() {
    let fixture = Fixture::start().await;
    fixture.alice().put(&at(SERVER), json!({"properties": {}})).await.expect(200);
    let odd = format!("{SERVER}/protectedItems/FileFolder;größe 100%25 [a]");
    let body = json!({"policyId": at("backupPolicies/Files30")});
    let accepted = fixture.put_item(&odd, body).await;
    job_of(&fixture, &accepted).await;
    let item = fixture.alice().get(accepted.header("location")).await.expect(200);
    assert_eq!(item["name"], "FileFolder;größe 100% [a]");
}
