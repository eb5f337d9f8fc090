//! Quotas, as people set them.

use serde_json::{Value, json};
use vault::RepositoryQuota;

use crate::fixture::{FILES, Fixture, at};

const QUOTA: &str = "repositoryQuotas/default";

fn limit(bytes: impl Into<Value>) -> Value {
    json!({"properties": {"limitInBytes": bytes.into()}})
}

#[tokio::test]
async fn a_quota_is_set_shown_and_removed() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = fixture.alice();
    let issued = alice.post(&at(&format!("{FILES}/repositoryCredentials")), Value::Null).await.expect(200);
    let [url, user, secret] =
        ["repositoryUrl", "userName", "secret"].map(|name| issued[name].as_str().unwrap().to_string());
    let config = fixture.server.request("POST", &format!("{url}config")).basic_auth(&user, Some(&secret));
    assert_eq!(fixture.server.send(config.body("config")).await.status, 200);
    for scope in [at(FILES), at("")] {
        let scope = scope.trim_end_matches('/');
        let path = format!("{scope}/{QUOTA}");
        let none = alice.get(&path).await.expect(200);
        assert_eq!(none["properties"], json!({"limitInBytes": null, "usedInBytes": 6}));
        let set = alice.put(&path, limit(5_000_000_000_u64)).await.expect(200);
        assert_eq!(set["properties"], json!({"limitInBytes": 5_000_000_000_u64, "usedInBytes": 6}));
        assert_eq!((set["id"].as_str(), set["name"].as_str()), (Some(path.as_str()), Some("default")));
        assert_eq!(alice.get(&path).await.expect(200), set);
        let entry = fixture.server.ledger().pop().unwrap();
        assert!(entry.operation.ends_with("repositoryQuotas/write"), "{}", entry.operation);
        assert_eq!(entry.facts["limitInBytes"], "5000000000");
        for wrong in [limit("x"), limit(-1), limit(1.5), json!({}), json!({"properties": {}})] {
            let refused = alice.put(&path, wrong.clone()).await;
            assert_eq!((refused.status, refused.code()), (400, "InvalidRequestContent"), "{wrong}");
        }
        let usages = alice.get(&at("usages")).await.expect(200);
        let all = usages["value"].as_array().unwrap();
        let stored = all.iter().find(|usage| usage["name"]["value"] == "StorageUsed").unwrap();
        let limited = (scope == at("").trim_end_matches('/')).then_some(5_000_000_000_u64);
        assert_eq!((stored["currentValue"].as_u64(), stored["limit"].as_u64()), (Some(6), limited));
        assert_eq!(alice.delete(&path).await.status, 204);
        assert_eq!(alice.delete(&path).await.status, 204);
        assert_eq!(fixture.server.stored::<RepositoryQuota>(scope), None);
        assert_eq!(alice.get(&path).await.expect(200), none);
    }
    let missing = format!("{}/{QUOTA}", at(&FILES.replace("data", "none")));
    assert_eq!(alice.put(&missing, limit(1)).await.code(), "ResourceNotFound");
}
