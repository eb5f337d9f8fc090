//! Repository credentials: shown once, kept as a digest, revoked at will.

use directory::SecretDigest;
use jiff::SignedDuration;
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
async fn a_credential_has_the_right_that_was_asked_for() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    for (asked, right) in [
        (Value::Null, "Full"),
        (json!({}), "Full"),
        (json!({"right": null}), "Full"),
        (json!({"right": "append"}), "Append"),
        (json!({"Right": "READ"}), "Read"),
        (json!({"right": "Prune"}), "Prune"),
    ] {
        let issued = alice.post(&credentials(), asked).await.expect(200);
        assert_eq!(issued["right"], right);
        let path = format!("{}/{}", credentials(), issued["userName"].as_str().unwrap());
        assert_eq!(alice.get(&path).await.expect(200)["right"], right);
        assert_eq!(fixture.server.ledger().pop().unwrap().facts["right"], right);
    }
    for wrong in [json!("write"), json!(""), json!(7), json!(["Read"])] {
        let refused = alice.post(&credentials(), json!({ "right": wrong })).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidRequestContent"), "{wrong}");
    }
    // One that was issued before there were rights.
    let user = alice.get(&credentials()).await.expect(200)["value"][0]["userName"].clone();
    let stored: vault::RepositoryCredential =
        fixture.server.running.app().store.transact(|tx| tx.get(user.as_str().unwrap())).unwrap().unwrap();
    let mut old = serde_json::to_value(&stored).unwrap();
    for new in ["right", "previous"] {
        old.as_object_mut().unwrap().remove(new).unwrap();
    }
    let old: vault::RepositoryCredential = serde_json::from_value(old).unwrap();
    assert_eq!((old.right, old.previous), (vault::RepositoryRight::Full, None));
}

/// The status of a small read of the repository.
async fn tried(fixture: &Fixture, url: &Value, user: &Value, secret: &Value) -> u16 {
    let [url, user, secret] = [url, user, secret].map(|text| text.as_str().unwrap());
    let request = fixture.server.request("GET", &format!("{url}keys/")).basic_auth(user, Some(secret));
    fixture.server.send(request).await.status
}

#[tokio::test]
async fn a_secret_is_rotated_without_an_end_to_backups() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    let first = alice.post(&credentials(), json!({"right": "Append"})).await.expect(200);
    let (url, user) = (&first["repositoryUrl"], &first["userName"]);
    let path = format!("{}/{}", credentials(), user.as_str().unwrap());
    let rotate = format!("{path}/rotate");
    let works = |secret: Value| {
        let fixture = &fixture;
        async move { tried(fixture, url, user, &secret).await == 200 }
    };
    assert!(works(first["secret"].clone()).await);
    let today = |hours: i64| {
        let at = fixture.server.now() + SignedDuration::from_hours(hours);
        json!(at.to_zoned(jiff::tz::TimeZone::UTC).date().to_string())
    };
    assert_eq!(alice.get(&path).await.expect(200)["lastUsedOn"], today(0));

    let second = alice.post(&rotate, Value::Null).await.expect(200);
    assert_eq!(
        (&second["userName"], &second["repositoryUrl"], &second["right"]),
        (user, url, &json!("Append"))
    );
    assert_ne!(second["secret"], first["secret"]);
    let expires = fixture.server.now() + SignedDuration::from_hours(24);
    assert_eq!(second["previousSecret"]["expiresOn"], arm::timestamp(expires));
    // Nobody has used the new one, and the old one is in use.
    let shown = alice.get(&path).await;
    for secret in [&first["secret"], &second["secret"]] {
        assert!(!shown.text.contains(secret.as_str().unwrap()));
    }
    let shown = shown.expect(200);
    assert_eq!((&shown["lastUsedOn"], &shown["previousSecret"]["lastUsedOn"]), (&Value::Null, &today(0)));
    assert!(works(first["secret"].clone()).await && works(second["secret"].clone()).await);
    fixture.server.advance(SignedDuration::from_hours(23));
    assert!(works(second["secret"].clone()).await && works(first["secret"].clone()).await);
    let listed = alice.get(&credentials()).await.expect(200)["value"][0].clone();
    assert_eq!((&listed["lastUsedOn"], &listed["previousSecret"]["lastUsedOn"]), (&today(0), &today(0)));
    fixture.server.advance(SignedDuration::from_hours(1));
    assert!(works(second["secret"].clone()).await && !works(first["secret"].clone()).await);
    assert_eq!(fixture.alice().get(&path).await.expect(200)["previousSecret"], Value::Null);

    // At once; and of two rotations the first secret does not survive the second.
    let alice = fixture.alice();
    let third = alice.post(&rotate, json!({"overlapInHours": 0})).await.expect(200);
    assert!(works(third["secret"].clone()).await && !works(second["secret"].clone()).await);
    let fourth = alice.post(&rotate, json!({"overlapInHours": 720})).await.expect(200);
    let fifth = alice.post(&rotate, json!({"overlapInHours": 720})).await.expect(200);
    assert!(works(fifth["secret"].clone()).await && works(fourth["secret"].clone()).await);
    assert!(!works(third["secret"].clone()).await);
    for wrong in [json!(721), json!(-1), json!("a day"), json!(1.5)] {
        let refused = alice.post(&rotate, json!({ "overlapInHours": wrong })).await;
        assert_eq!((refused.status, refused.code()), (400, "InvalidRequestContent"), "{wrong}");
    }
    assert!(works(fifth["secret"].clone()).await, "a refused rotation changes nothing");
    alice.delete(&path).await;
    assert!(!works(fifth["secret"].clone()).await && !works(fourth["secret"].clone()).await);
    assert_eq!(alice.post(&rotate, Value::Null).await.code(), "ResourceNotFound");
    let usage: Option<vault::CredentialUse> =
        fixture.server.running.app().store.transact(|tx| tx.get(user.as_str().unwrap())).unwrap();
    assert_eq!(usage, None, "what is known of its use goes with a credential");
}

#[tokio::test]
async fn use_is_written_down_once_a_day() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let issued = fixture.alice().post(&credentials(), Value::Null).await.expect(200);
    let (url, user, secret) = (&issued["repositoryUrl"], &issued["userName"], &issued["secret"]);
    let commits = || fixture.server.running.app().store.tally().batches;
    let uses = || {
        let user = user.as_str().unwrap().to_string();
        let usage = move |tx: &mut store::Transaction| tx.get::<vault::CredentialUse>(&user);
        fixture.server.running.app().store.transact(usage).unwrap()
    };
    let before = commits();
    assert_eq!(tried(&fixture, url, user, secret).await, 200);
    assert_eq!(commits(), before + 1);
    for _ in 0..5 {
        assert_eq!(tried(&fixture, url, user, secret).await, 200);
    }
    assert_eq!(commits(), before + 1, "nothing is written for what is known");
    let first = uses().unwrap();
    fixture.server.advance(SignedDuration::from_hours(24));
    assert_eq!(uses().unwrap(), first);
    assert_eq!(tried(&fixture, url, user, secret).await, 200);
    let second = uses().unwrap();
    assert!(second.days.values().zip(first.days.values()).all(|(now, then)| now > then));
    // A wrong secret is no use.
    fixture.server.advance(SignedDuration::from_hours(24));
    assert_eq!(tried(&fixture, url, user, &json!("wrong")).await, 401);
    assert_eq!(uses().unwrap(), second);
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
