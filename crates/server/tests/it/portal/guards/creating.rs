//! Creating a guard.

use arm::SubscriptionId;
use resources::Registration;
use serde_json::json;

use super::{ALICE_NAME, SAM_NAME, SUE_NAME, fields};
use crate::harness::{ALICE, BACKUP_SUB, Harness, SAM, SECURITY_SUB};
use crate::portal::browser::Browser;

const NEW: &str = "/portal/guards/new";

fn at(subscription: SubscriptionId) -> String {
    format!("{NEW}?subscription=%2Fsubscriptions%2F{}", subscription.to_string().replace('-', "%2D"))
}

#[tokio::test]
async fn a_guard_is_created_with_its_group_and_provider() {
    let server = Harness::start().await;
    server.seed(|tx| {
        let registration =
            Registration { subscription: SECURITY_SUB, namespace: "Microsoft.DataProtection".into() };
        tx.delete::<Registration>(&store::Document::key(&registration));
        Ok(())
    });
    let sam = Browser::of(&server, SAM_NAME).await;
    let page = sam.get("/portal/guards").await.expect(200);
    assert!(page.has("There is no Resource Guard that you may read"));
    page.snapshot("guards-none");
    // There is one subscription, so that there is nothing to choose.
    let page = sam.get(NEW).await.expect(200);
    assert!(page.has("not registered in this subscription yet"), "{}", page.answer.text);
    page.snapshot("guards-new");
    let form = |name: &str, group: &str| {
        let mut form = fields(&page, &["csrf", "subscription", "op."]);
        for (field, value) in [
            ("name", name),
            ("new_group", group),
            ("region", "westeurope"),
            ("description", "Call the security desk"),
            ("tags", "team: security"),
        ] {
            form.insert(field.into(), value.into());
        }
        form.remove("op.SecurityPin").unwrap();
        form
    };
    for (name, group, why) in [
        ("", "security", "Give the guard a name"),
        ("guard1", "", "Choose a resource group"),
        ("a/b", "security", "Give the guard a name"),
        ("a<b", "security", "may neither hold any of"),
    ] {
        let refused = sam.post(NEW, form(name, group)).await.expect(400);
        assert!(refused.has(why) && refused.has("Call the security desk"), "{why}: {}", refused.answer.text);
        assert!(
            !fields(&refused, &["op."]).contains_key("op.SecurityPin"),
            "what was left out stays left out"
        );
    }
    let done = sam.post(NEW, form("guard1", "security")).await.expect(200);
    assert!(done.at.starts_with("/portal/guards/overview/subscriptions/"), "{}", done.at);
    assert!(done.has("The Resource Guard guard1 was created"), "{}", done.answer.text);
    let id = done.at.strip_prefix("/portal/guards/overview").unwrap();
    let guard = server.as_(SAM).get(id).await.expect(200);
    assert_eq!(guard["tags"], json!({"team": "security"}));
    assert_eq!(guard["properties"]["description"], "Call the security desk");
    assert_eq!(
        guard["properties"]["vaultCriticalOperationExclusionList"],
        json!(["Microsoft.RecoveryServices/vaults/backupSecurityPIN/action"])
    );
    // A second one of the name would change the first.
    let refused = sam.post(NEW, form("guard1", "security")).await.expect(409);
    assert!(refused.has("There is a Resource Guard guard1"), "{}", refused.answer.text);
}

#[tokio::test]
async fn a_guard_in_the_same_hands_as_the_vaults_is_warned_of() {
    let server = Harness::with_groups().await;
    let vault = crate::estate::vault_path("v1");
    server.as_(ALICE).put(&vault, crate::estate::vault_body()).await.expect(201);
    let alice = Browser::of(&server, ALICE_NAME).await;
    server.grant(
        crate::harness::ALICE_GUEST,
        rbac::role_ids::CONTRIBUTOR,
        &format!("/subscriptions/{SECURITY_SUB}"),
    );
    let page = alice.get(NEW).await.expect(200);
    assert!(page.has("In which subscription?"), "{}", page.answer.text);
    page.snapshot("guards-where");
    let page = alice.get(&at(BACKUP_SUB)).await.expect(200);
    assert!(page.has("You can change vaults of the same directory:</strong> v1"), "{}", page.answer.text);
    let page = alice.get(&at(SECURITY_SUB)).await.expect(200);
    assert!(!page.has("You can change vaults of the same directory"), "{}", page.answer.text);
}

#[tokio::test]
async fn who_may_not_create_anything_is_refused() {
    let server = Harness::with_groups().await;
    server.grant(crate::harness::SUE, rbac::role_ids::READER, &format!("/subscriptions/{SECURITY_SUB}"));
    let sue = Browser::of(&server, SUE_NAME).await;
    let page = sue.get(NEW).await.expect(200);
    let mut form = fields(&page, &["csrf", "subscription", "op."]);
    for (field, value) in [("name", "guard1"), ("group", "security"), ("region", "westeurope")] {
        form.insert(field.into(), value.into());
    }
    let refused = sue.post(NEW, form.clone()).await.expect(403);
    assert!(refused.has("value=\"guard1\"") && refused.has("<option selected>security</option>"));
    // A subscription that she does not see is none.
    form.insert("subscription".into(), format!("/subscriptions/{BACKUP_SUB}"));
    sue.post(NEW, form).await.expect(404);
}
