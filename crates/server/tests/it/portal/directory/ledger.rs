//! The ledger: searching it, one entry's story, and who gets nothing.

use rbac::role_ids;
use serde_json::json;

use super::{ALICE, BOB, SAM};
use crate::estate::{guard_path, vault_path};
use crate::harness::{self, BACKUP_SUB, CONTOSO, Harness, SECURITY_SUB};
use crate::mua::{PLACES, proxy};
use crate::portal::browser::Browser;

/// A vault whose protection was taken away, with consent from the other directory.
async fn with_consent() -> Harness {
    let place = &PLACES[2];
    let server = place.server().await;
    let vault = place.guarded_vault(&server, "v1").await;
    let refused = place.admin(&server).delete(&proxy(&vault)).await;
    assert_eq!(refused.status, 403, "{}", refused.text);
    place.consent(&server);
    let body = json!({
        "resourceGuardOperationRequests": [place.request("deleteResourceGuardProxyRequests")],
        "resourceToBeDeleted": proxy(&vault),
    });
    place.admin(&server).post(&format!("{}/unlockDelete", proxy(&vault)), body).await.expect(200);
    let deleted = place.admin(&server).delete(&proxy(&vault)).await;
    assert!((200..300).contains(&deleted.status), "{}", deleted.text);
    server
}

/// The address of the first link to a story.
fn story(page: &str) -> String {
    let href = page.split("href=\"/portal/ledger/story/").nth(1).unwrap().split('"').next().unwrap();
    format!("/portal/ledger/story/{}", href.replace("&#38;", "&").replace("&amp;", "&"))
}

#[tokio::test]
async fn the_ledger_is_searched() {
    let server = with_consent().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/ledger").await.expect(200);
    assert!(
        page.has("Remove MUA protection") && page.has("Refused") && page.has("Done"),
        "{}",
        page.answer.text
    );
    page.snapshot("ledger");
    let refused = browser.get("/portal/ledger?verdict=refused").await.expect(200);
    assert!(refused.has(">Refused</span>") && !refused.has(">Done</span>"));
    let mine = browser.get("/portal/ledger?who=alice%40contoso.example&q=mua%20protection").await.expect(200);
    assert!(
        mine.has("Remove MUA protection") && !mine.has("Create or change a vault"),
        "{}",
        mine.answer.text
    );
    assert!(browser.get("/portal/ledger?who=bob%40contoso.example").await.expect(200).has("Nothing fits"));
    assert!(
        browser.get("/portal/ledger?from=2019-01-01&to=2019-02-01").await.expect(200).has("Nothing fits")
    );
    let wrong = browser.get("/portal/ledger?from=yesterday").await.expect(400);
    assert!(wrong.has("Give times as") && wrong.has("value=\"yesterday\""));
    let below = browser.get(&format!("/portal/ledger?resource={}", vault_path("v1"))).await.expect(200);
    assert!(below.has("Remove MUA protection"));
    let elsewhere = browser.get(&format!("/portal/ledger?resource={}", vault_path("v2"))).await.expect(200);
    assert!(elsewhere.has("Nothing fits"));
}

#[tokio::test]
async fn a_story_is_told() {
    let server = with_consent().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/ledger?verdict=done&q=remove%20mua").await.expect(200);
    let told = browser.get(&story(&page.answer.text)).await.expect(200);
    for part in [
        ALICE,
        "127.0.0.1",
        "signed in with a password",
        "Resource Guard",
        "Role assignment",
        "Hash of the entry",
        "countersign ledger verify --data DIR",
        "--expect SIZE:CHAIN",
    ] {
        assert!(told.has(part), "{part}: {}", told.answer.text);
    }
    told.snapshot("ledger_story");
    let whole = story(&page.answer.text).split('?').next().unwrap().to_string();
    assert!(browser.get(&whole).await.expect(200).has("Role assignment"), "without a time as well");
}

#[tokio::test]
async fn a_long_ledger_has_pages() {
    let server = Harness::with_groups().await;
    for _ in 0..60 {
        let body = json!({"location": "westeurope", "tags": {"n": server.running.app().edge.uuid()}});
        let path = crate::estate::group(BACKUP_SUB, "backup");
        server.as_(harness::ALICE).put(&path, body).await.expect(200);
    }
    let browser = Browser::of(&server, ALICE).await;
    let first = browser.get("/portal/ledger").await.expect(200);
    let rows = |text: &str| text.matches("/portal/ledger/story/").count();
    assert_eq!(rows(&first.answer.text), 50);
    let next = first.answer.text.split("rel=\"next\"").next().unwrap().rsplit("href=\"").next().unwrap();
    let next = next.split('"').next().unwrap().replace("&#38;", "&");
    let second = browser.get(&next).await.expect(200);
    assert_eq!(rows(&second.answer.text), 10, "{}", second.answer.text);
    assert!(first.answer.text.len() < 60_000, "{}", first.answer.text.len());
}

#[tokio::test]
async fn the_directory_has_a_ledger_for_whoever_writes_it() {
    let server = Harness::start().await;
    let alice = Browser::of(&server, ALICE).await;
    let page = alice.get(&format!("/portal/people/{}", harness::BOB)).await;
    alice.submit(&page, &[("do", "rename"), ("name", "Robert"), ("mail", "")]).await.expect(200);
    let page = alice.get(&format!("/portal/ledger?in={CONTOSO}")).await.expect(200);
    assert!(page.has("Change a person’s account") && page.has(BOB), "{}", page.answer.text);
    let told = alice.get(&story(&page.answer.text)).await.expect(200);
    assert!(told.has("a user was changed") && told.has("User principal name"));
    let bob = Browser::of(&server, BOB).await;
    let nothing = bob.get(&format!("/portal/ledger?in={CONTOSO}")).await.expect(200);
    assert!(nothing.has("There is nothing here that you may read") && !nothing.has("Change a person"));
    bob.get(&story(&page.answer.text)).await.expect(404);
}

#[tokio::test]
async fn whoever_may_not_read_it_gets_nothing() {
    let server = with_consent().await;
    let alice = Browser::of(&server, ALICE).await;
    let page = alice.get("/portal/ledger").await.expect(200);
    let story = story(&page.answer.text);
    let outsider = Browser::of(&server, "sue@fabsec.example").await;
    for path in [
        "/portal/ledger".to_string(),
        format!("/portal/ledger?in={BACKUP_SUB}"),
        format!("/portal/ledger?in={SECURITY_SUB}"),
        format!("/portal/ledger?resource={}", vault_path("v1")),
        format!("/portal/ledger?in={CONTOSO}"),
    ] {
        let page = outsider.get(&path).await;
        for name in ["Remove MUA", ALICE, "v1<", "guard1"] {
            assert!(!page.has(name), "{name} on {path}: {}", page.answer.text);
        }
    }
    let page = outsider.get(&story).await.expect(404);
    assert!(page.has("nothing of this request that you may read") && !page.has(ALICE));
}

#[tokio::test]
async fn whoever_reads_one_thing_is_led_to_its_ledger() {
    let server = with_consent().await;
    // The guard's reader in the security team's subscription, of which Alice may not read the whole.
    server.grant(harness::SUE, role_ids::READER, &guard_path(SECURITY_SUB, "guard1"));
    let sue = Browser::of(&server, "sue@fabsec.example").await;
    let page = sue.get("/portal/ledger").await.expect(200);
    assert!(
        !page.has("role=\"alert\"") && page.has("the ledger of these:") && page.has("guard1"),
        "{}",
        page.answer.text
    );
    let page =
        sue.get(&format!("/portal/ledger?resource={}", guard_path(SECURITY_SUB, "guard1"))).await.expect(200);
    let told = sue.get(&story(&page.answer.text)).await.expect(200);
    assert!(told.has(ALICE) || told.has(SAM), "{}", told.answer.text);
}
