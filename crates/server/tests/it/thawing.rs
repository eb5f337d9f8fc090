//! Thawing lets destruction go on: it takes consent where a weaker policy does.

use mua::CriticalOperation;
use serde_json::{Value, json};
use vault::{Freeze, ProtectedItem, VaultChange};

use crate::fixture::{FILES, Fixture, apply, at, guard_request};

async fn frozen() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let now = fixture.server.now();
    fixture.server.seed(|tx| {
        let item: ProtectedItem = tx.get(&at(FILES).to_ascii_lowercase())?.unwrap();
        apply(tx, VaultChange::freeze(item, Freeze { at: now, why: vec!["test".into()] }))
    });
    fixture
}

fn is_frozen(fixture: &Fixture) -> bool {
    fixture.server.stored::<ProtectedItem>(&at(FILES)).unwrap().frozen.is_some()
}

#[tokio::test]
async fn thawing_takes_consent() {
    let fixture = frozen().await;
    fixture.link_guard();
    let thaw = at(&format!("{FILES}/thaw"));
    let request = guard_request(CriticalOperation::ModifyProtection);
    let body = json!({"resourceGuardOperationRequests": [request]});
    assert_eq!(fixture.alice().post(&thaw, Value::Null).await.status, 403);
    assert_eq!(fixture.alice_with_guest_token().post(&thaw, body.clone()).await.status, 403, "not granted");
    assert!(is_frozen(&fixture));
    assert_eq!(fixture.refusals().len(), 2);
    fixture.consent();
    fixture.alice_with_guest_token().post(&thaw, body).await.expect(200);
    assert!(!is_frozen(&fixture));
}

#[tokio::test]
async fn nothing_that_is_frozen_is_deleted_for_good() {
    let fixture = frozen().await;
    fixture.set_vault(|vault| vault.soft_delete.state = vault::Feature::Disabled);
    let refused = fixture.alice().delete(&at(FILES)).await;
    assert_eq!(refused.code(), "UserErrorItemFrozen", "{}", refused.text);
    assert!(refused.message().contains("test"), "it says why: {}", refused.text);
    assert!(is_frozen(&fixture));
    fixture.alice().post(&at(&format!("{FILES}/thaw")), Value::Null).await.expect(200);
    fixture.alice().delete(&at(FILES)).await.expect(202);
}
