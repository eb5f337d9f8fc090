//! Repository credentials: shown once, kept as a digest, revoked at will.

use directory::SecretDigest;
use rbac::role_ids;
use serde_json::{Value, json};

use crate::fixture::{FILES, Fixture, at, vault_id};
use crate::harness::{BOB, PASSWORD};

fn credentials() -> String {
    at(&format!("{FILES}/repositoryCredentials"))
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let fixture = Fixture::start().await;
    let item = fixture.protect_files().await;
    let alice = fixture.alice();
    let issued = alice.post(&credentials(), Value::Null).await.expect(200);
    let (user, secret) = (issued["userName"].as_str().unwrap(), issued["secret"].as_str().unwrap());
    assert_eq!(issued["repositoryUrl"], item["repositoryUrl"]);
    assert_eq!((user.len(), secret.len()), (16, 43));

    let stored: vault::RepositoryCredential =
        fixture.server.running.app().store.transact(|tx| tx.get(user)).unwrap().unwrap();
    let digest = SecretDigest::from_hex(&stored.secret_hash).unwrap();
    assert!(digest.matches(secret) && !digest.matches(PASSWORD));
    assert_eq!(stored.repository, item["repositoryUrl"].as_str().unwrap().rsplit('/').nth(1).unwrap());

    let second = alice.post(&credentials(), json!({})).await.expect(200);
    assert_ne!((&second["userName"], &second["secret"]), (&issued["userName"], &issued["secret"]));
    let list = alice.get(&credentials()).await;
    assert!(!list.text.contains(secret) && !list.text.contains(&stored.secret_hash));
    assert_eq!(list.expect(200)["value"].as_array().unwrap().len(), 2);
    let one = alice.get(&format!("{}/{user}", credentials())).await.expect(200);
    assert_eq!((&one["userName"], &one["createdBy"]), (&json!(user), &json!("alice@contoso.example")));
    for entry in fixture.server.ledger() {
        let text = serde_json::to_string(&entry).unwrap();
        assert!(!text.contains(secret) && !text.contains(&stored.secret_hash));
    }
    let entry = fixture.server.ledger().pop().unwrap();
    assert!(entry.operation.ends_with("/protectedItems/repositoryCredentials/action"));
    assert_eq!(entry.facts["userName"], second["userName"].as_str().unwrap());
}

#[tokio::test]
async fn a_credential_is_revoked_even_on_a_deleted_item() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    for deleted in [false, true] {
        let issued = alice.post(&credentials(), Value::Null).await.expect(200);
        let user = issued["userName"].as_str().unwrap();
        let path = format!("{}/{}", credentials(), user.to_uppercase());
        if deleted {
            alice.delete(&at(FILES)).await.expect(202);
        }
        assert_eq!(alice.delete(&path).await.status, 204);
        assert_eq!(alice.get(&path).await.status, 404);
        assert_eq!(alice.delete(&path).await.status, 204);
    }
}

#[tokio::test]
async fn a_credential_belongs_to_one_item() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let other = FILES.replace("FileFolder;data", "FileFolder;other");
    fixture.put_item(&other, json!({"policyId": at("backupPolicies/Files30")})).await.expect(202);
    let alice = fixture.alice();
    let issued = alice.post(&credentials(), Value::Null).await.expect(200);
    let wrong = format!("{}/repositoryCredentials/{}", at(&other), issued["userName"].as_str().unwrap());
    assert_eq!(alice.get(&wrong).await.status, 404);
    assert_eq!(alice.delete(&wrong).await.status, 204);
    assert_eq!(alice.get(&credentials()).await.expect(200)["value"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_reader_cannot_get_in() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.grant(BOB, role_ids::READER, &vault_id("v1"));
    let bob = fixture.server.as_(BOB);
    bob.get(&credentials()).await.expect(200);
    let refused = bob.post(&credentials(), Value::Null).await;
    assert_eq!((refused.status, refused.code()), (403, "AuthorizationFailed"));
    assert!(refused.message().contains("repositoryCredentials/action"), "{}", refused.message());
    assert_eq!(bob.delete(&format!("{}/x", credentials())).await.status, 403);
    let missing = at(&format!("{}/repositoryCredentials", FILES.replace("data", "none")));
    assert_eq!(fixture.alice().post(&missing, Value::Null).await.code(), "ResourceNotFound");
    assert_eq!(fixture.alice().post(&credentials(), json!("x")).await.status, 400);
}
