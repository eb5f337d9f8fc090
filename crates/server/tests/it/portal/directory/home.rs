//! The first page: what waits, what is not protected, what happened, how safe vaults are.

use jiff::SignedDuration;
use rbac::role_ids;
use serde_json::json;
use vault::watch::Watch;

use super::{ALICE, BOB, SAM};
use crate::fixture::{FILES, Fixture};
use crate::harness::{self, ALICE_GUEST, BACKUP_SUB, Harness};
use crate::pim;
use crate::portal::browser::Browser;

#[tokio::test]
async fn requests_wait_for_whoever_decides_and_whoever_asked() {
    let server = pim::guarded().await;
    pim::name_approver(&server, pim::sam()).await.expect(200);
    pim::make_eligible(&server, ALICE_GUEST).await.expect(201);
    let request = pim::activate(&server, "PT30M").await.expect(201);
    let alice = Browser::of(&server, ALICE).await;
    let sam = Browser::of(&server, SAM).await;
    let page = sam.get("/portal/").await.expect(200);
    let approval =
        request["properties"]["approvalId"].as_str().unwrap().rsplit('/').next().unwrap().to_string();
    assert!(page.has("Waits for your decision") && page.has("Alice Backup asks for Backup MUA Operator"));
    assert!(
        page.has(&format!("/portal/approvals/{approval}")) && page.has("ticket 1"),
        "{}",
        page.answer.text
    );
    page.snapshot("home_approver");
    let page = alice.get("/portal/").await.expect(200);
    assert!(
        page.has("Waits for approval")
            && page.has("Fabrikam Security")
            && !page.has("Waits for your decision")
    );
    pim::decide(&server, harness::SAM, &request, "Approve").await.expect(200);
    let page = alice.get("/portal/").await.expect(200);
    assert!(page.has(">Active</span>") && page.has("ends <time"), "{}", page.answer.text);
    server.advance(SignedDuration::from_mins(20));
    assert!(alice.get("/portal/").await.has("Active, ends soon"));
    server.advance(SignedDuration::from_mins(11));
    assert!(!alice.get("/portal/").await.has("Active"));
    for nobody in [BOB, "sue@fabsec.example"] {
        let page = Browser::of(&server, nobody).await.get("/portal/").await.expect(200);
        assert!(!page.has("Alice") && !page.has("MUA Operator"), "{nobody}: {}", page.answer.text);
    }
}

#[tokio::test]
async fn what_is_not_protected_is_said_to_whoever_may_read_it() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let alice = Browser::of(&fixture.server, ALICE).await;
    let page = alice.get("/portal/").await.expect(200);
    assert!(page.has("Never backed up") && page.has("1 of 1 backup item"), "{}", page.answer.text);
    assert!(page.has("1 of 1</dd>") && page.has("Security level"));
    page.snapshot("home_estate");
    fixture.arrive(FILES, "p1", fixture.server.now());
    let page = alice.get("/portal/").await.expect(200);
    assert!(!page.has("Not protected") && !page.has("Never backed up"));
    fixture.put_item(FILES, json!({"protectionState": "ProtectionStopped"})).await.expect(202);
    let page = alice.get("/portal/").await.expect(200);
    assert!(page.has(">Stopped</span>") && page.has("New alerts"), "{}", page.answer.text);
    let nobody = Browser::of(&fixture.server, BOB).await.get("/portal/").await.expect(200);
    for name in ["v1", "srv01", "Stopped", "New alerts", "Security level"] {
        assert!(!nobody.has(name), "{name}: {}", nobody.answer.text);
    }
    // A role on the vault alone is enough, and tells of no other.
    fixture.add_vault("v2");
    fixture.server.grant(harness::BOB, role_ids::BACKUP_READER, &crate::fixture::at(""));
    let reader = Browser::of(&fixture.server, BOB).await.get("/portal/").await.expect(200);
    assert!(
        reader.has(">Stopped</span>") && reader.has("1 vault that you may read"),
        "{}",
        reader.answer.text
    );
    assert!(alice.get("/portal/").await.has("2 vaults that you may read"));
}

#[tokio::test]
async fn a_frozen_item_comes_first() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.server.seed(|tx| {
        let id = crate::fixture::vault_id("v1").child(FILES)?;
        let item: vault::ProtectedItem = tx.resource(&id)?.unwrap();
        let freeze =
            vault::Freeze { at: jiff::Timestamp::UNIX_EPOCH, why: vec!["most of it was deleted".into()] };
        tx.delete::<Watch>(id.folded());
        crate::fixture::apply(tx, vault::VaultChange::freeze(item, freeze))
    });
    let page = Browser::of(&fixture.server, ALICE).await.get("/portal/").await.expect(200);
    assert!(page.has(">Frozen</span>"), "{}", page.answer.text);
}

#[tokio::test]
async fn drafts_that_wait_for_consent_are_their_persons_alone() {
    let server = Harness::start().await;
    let now = server.now();
    let person = |who: arm::ObjectId| {
        let access = server.running.app().store.transact(|tx| tx.access()).unwrap();
        access.principal(who).unwrap().person.unwrap().to_string()
    };
    let draft = store::Draft {
        id: pim::new_id(),
        person: person(harness::ALICE),
        begun: now,
        title: "delete the backup item db1 for good".into(),
        done: "Done.".into(),
        back: "/portal/".into(),
        vault: crate::fixture::at(""),
        method: "DELETE".into(),
        path: crate::fixture::at(FILES),
        body: serde_json::Value::Null,
        refusal: serde_json::Value::Null,
    };
    server.seed(|tx| tx.put(&draft));
    let alice = Browser::of(&server, ALICE).await;
    let page = alice.get("/portal/").await.expect(200);
    assert!(page.has("You were about to delete the backup item db1 for good"), "{}", page.answer.text);
    assert!(page.has(&format!("/portal/attempts/{}", draft.id)));
    assert!(!Browser::of(&server, SAM).await.get("/portal/").await.has("db1"));
    server.advance(SignedDuration::from_hours(14 * 24));
    assert!(!Browser::of(&server, ALICE).await.get("/portal/").await.has("db1"), "two weeks later");
}

#[tokio::test]
async fn the_first_steps_depend_on_what_one_may_do() {
    let server = Harness::start().await;
    let steps = |text: &str| {
        [
            "Set up an authenticator",
            "Create a vault",
            "Create a Resource Guard",
            "Make people eligible",
            "Look what you may activate",
        ]
        .map(|step| text.contains(step))
    };
    let alice = Browser::of(&server, ALICE).await.get("/portal/").await;
    assert_eq!(steps(&alice.answer.text), [true, true, true, true, false]);
    let bob = Browser::of(&server, BOB).await;
    assert_eq!(steps(&bob.get("/portal/").await.answer.text), [true, false, false, false, true]);
    let scope = format!("/subscriptions/{BACKUP_SUB}");
    server.grant(harness::BOB, role_ids::BACKUP_CONTRIBUTOR, &scope);
    assert_eq!(steps(&bob.get("/portal/").await.answer.text), [true, true, false, false, false]);
}

#[tokio::test]
async fn a_hundred_vaults_with_a_thousand_items_fit_on_the_page() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    for number in 0..99 {
        fixture.add_vault(&format!("more{number:02}"));
    }
    fixture.server.seed(|tx| {
        let item: vault::ProtectedItem = tx.resource(&crate::fixture::vault_id("v1").child(FILES)?)?.unwrap();
        for number in 0..99 {
            let vault: vault::Vault =
                tx.resource(&crate::fixture::vault_id(&format!("more{number:02}")))?.unwrap();
            let policy: Option<vault::BackupPolicy> =
                tx.resource(&vault.id.child("backupPolicies/Files30")?)?;
            for place in 0..10 {
                let item = vault::ProtectedItem {
                    id: vault.id.child(&FILES.replace("data", &format!("data{place}")))?,
                    short: format!("s{number}x{place}"),
                    policy: policy.as_ref().map(|policy| policy.id.clone()),
                    ..item.clone()
                };
                let change =
                    vault::VaultChange::item(&vault, vault::Edit::put(None, item), None, policy.clone())?;
                crate::fixture::apply(tx, change)?;
            }
        }
        Ok(())
    });
    let page = Browser::of(&fixture.server, ALICE).await.get("/portal/").await.expect(200);
    assert!(
        page.has("991 of 991 backup items")
            && page.has("And 983 more")
            && page.has("100 vaults that you may read")
    );
    assert!(page.answer.text.len() < 30_000, "{}", page.answer.text.len());
}
