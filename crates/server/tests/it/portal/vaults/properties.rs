//! The settings of a vault: what makes it weaker is shown first and needs consent; what cannot be undone needs its name.

use serde_json::{Value, json};

use super::{ALICE, BOB, page, send};
use crate::fixture::{Fixture, at, guard_id};
use crate::harness::{ALICE_GUEST, BOB as BOB_ID};
use crate::portal::browser::{Browser, Shown};

async fn form(browser: &Browser<'_>) -> Shown {
    browser.get(&page("properties")).await.expect(200)
}

async fn security(fixture: &Fixture) -> Value {
    fixture.item("").await["properties"]["securitySettings"].clone()
}

#[tokio::test]
async fn what_is_stronger_is_done_at_once() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = form(&browser).await;
    let done =
        send(&browser, &shown, &[("do", "soft-delete"), ("state", "on"), ("days", "60")]).await.expect(200);
    assert!(done.has("What is deleted is kept for 60 days."), "{}", done.answer.text);
    let done = send(&browser, &shown, &[("do", "immutability"), ("state", "on")]).await.expect(200);
    assert!(done.has("Immutability is on."), "{}", done.answer.text);
    let settings = security(&fixture).await;
    assert_eq!(settings["softDeleteSettings"]["softDeleteRetentionPeriodInDays"], 60);
    assert_eq!(settings["immutabilitySettings"]["state"], "Unlocked");
}

#[tokio::test]
async fn what_is_weaker_is_shown_and_waits_for_consent() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = form(&browser).await;
    let asked =
        send(&browser, &shown, &[("do", "soft-delete"), ("state", "off"), ("days", "14")]).await.expect(200);
    assert!(asked.has("What becomes weaker") && asked.has("<strong>g1</strong>"), "{}", asked.answer.text);
    asked.snapshot("vaults-confirm");
    assert!(fixture.refusals().is_empty());
    let waits = browser.submit(&asked, &[("sure", "yes")]).await.expect(200);
    assert!(waits.at.starts_with("/portal/attempts/"), "{}", waits.at);
    assert_eq!(security(&fixture).await["softDeleteSettings"]["softDeleteState"], "Enabled");
    fixture.consent();
    let ready = browser.get(&waits.at).await.expect(200);
    let done = browser.submit(&ready, &[("do", "go-on")]).await.expect(200);
    assert!(done.has("Soft delete is off."), "{}", done.answer.text);
    assert_eq!(security(&fixture).await["softDeleteSettings"]["softDeleteState"], "Disabled");
}

#[tokio::test]
async fn what_cannot_be_undone_needs_the_vaults_name() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = form(&browser).await;
    for what in ["lock", "soft-delete-always"] {
        for name in ["", "V1", "v2"] {
            let refused = send(&browser, &shown, &[("do", what), ("name", name)]).await.expect(400);
            assert!(refused.has("because this cannot be undone"), "{what} {name}: {}", refused.answer.text);
        }
    }
    assert_eq!(security(&fixture).await["immutabilitySettings"]["state"], "Disabled");
    for (what, said) in
        [("lock", "Immutability is locked for good."), ("soft-delete-always", "Soft delete is on for good.")]
    {
        let done = send(&browser, &shown, &[("do", what), ("name", "v1")]).await.expect(200);
        assert!(done.has(said), "{}", done.answer.text);
    }
    let settings = security(&fixture).await;
    assert_eq!(settings["immutabilitySettings"]["state"], "Locked");
    assert_eq!(settings["softDeleteSettings"]["softDeleteState"], "AlwaysON");
    // From there no form leads back.
    let shown = form(&browser).await;
    assert!(
        shown.has("Locked for good") && !shown.has("name=\"do\" value=\"lock\""),
        "{}",
        shown.answer.text
    );
    for fields in [[("do", "immutability"), ("state", "off")], [("do", "soft-delete"), ("state", "off")]] {
        let refused = send(&browser, &shown, &fields).await.expect(400);
        assert!(refused.has("role=\"alert\""), "{}", refused.answer.text);
    }
}

#[tokio::test]
async fn a_guard_is_chosen_across_directories_and_unlinked_with_consent() {
    let fixture = Fixture::start().await;
    // There is a guard that Alice may read as a guest.
    fixture.link_guard();
    fixture.server.seed(|tx| {
        let proxy: vault::GuardProxy = tx
            .resource(&crate::fixture::vault_id("v1").child("backupResourceGuardProxies/VaultProxy")?)?
            .unwrap();
        crate::fixture::apply(tx, vault::VaultChange::unlink(proxy))
    });
    let browser = Browser::of(&fixture.server, ALICE).await;
    let guard = guard_id().to_string();
    assert!(!form(&browser).await.has(&guard));
    let refused =
        send(&browser, &form(&browser).await, &[("do", "link"), ("guard-id", &guard)]).await.expect(403);
    assert!(refused.has("Reader") && refused.has(&format!("value=\"{guard}\"")), "{}", refused.answer.text);
    fixture.grant(ALICE_GUEST, rbac::role_ids::READER, &guard_id());
    let shown = form(&browser).await;
    assert!(shown.has("g1 (Fabrikam Security)"), "{}", shown.answer.text);
    let linked = send(&browser, &shown, &[("do", "link"), ("guard", &guard)]).await.expect(200);
    assert!(linked.has("Multi-user authorization is on") && linked.has("/portal/guards/overview/"));
    let asked = browser.submit(&linked, &[("do", "unlink")]).await.expect(200);
    assert!(asked.has("What becomes weaker"), "{}", asked.answer.text);
    let waits = browser.submit(&asked, &[("sure", "yes")]).await.expect(200);
    assert!(waits.at.starts_with("/portal/attempts/"), "{}", waits.at);
    assert!(form(&browser).await.has("value=\"unlink\""));
}

#[tokio::test]
async fn a_security_pin_is_shown_once_also_after_consent() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let pin = browser.submit(&form(&browser).await, &[("do", "pin")]).await.expect(200);
    assert!(pin.has("It is shown this once") && pin.has("Good for one use"), "{}", pin.answer.text);
    assert_eq!(pin.answer.header("cache-control"), "no-store");
    fixture.link_guard();
    let waits = browser.submit(&form(&browser).await, &[("do", "pin")]).await.expect(200);
    assert!(waits.at.starts_with("/portal/attempts/"), "{}", waits.at);
    fixture.consent();
    let ready = browser.get(&waits.at).await.expect(200);
    let pin = browser.submit(&ready, &[("do", "go-on")]).await.expect(200);
    assert!(pin.has("It is shown this once"), "{}", pin.answer.text);
}

#[tokio::test]
async fn redundancy_quota_and_tags() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = form(&browser).await;
    let done = send(&browser, &shown, &[("do", "storage"), ("redundancy", "GeoRedundant")]).await.expect(200);
    assert!(done.has("The redundancy was changed.") && done.has("value=\"GeoRedundant\" selected"));
    let done =
        send(&browser, &shown, &[("do", "tags"), ("tags", "team: backup\nnote: a:b")]).await.expect(200);
    assert!(done.has("team: backup"), "{}", done.answer.text);
    assert_eq!(fixture.item("").await["tags"], json!({"team": "backup", "note": "a:b"}));
    for tags in ["team", "a: 1\nb"] {
        let refused = send(&browser, &shown, &[("do", "tags"), ("tags", tags)]).await.expect(400);
        assert!(refused.has("role=\"alert\"") && refused.has(tags), "{}", refused.answer.text);
    }
    let asked = send(&browser, &shown, &[("do", "quota"), ("limit", "5")]).await.expect(200);
    let done = match asked.has("What becomes weaker") {
        true => browser.submit(&asked, &[("sure", "yes")]).await.expect(200),
        false => asked,
    };
    assert!(done.has("The vault may hold 5 GiB."), "{}", done.answer.text);
    let done = browser.submit(&form(&browser).await, &[("do", "no-quota")]).await.expect(200);
    assert!(done.has("The quota was removed."), "{}", done.answer.text);
    let refused = send(&browser, &shown, &[("do", "quota"), ("limit", "none")]).await.expect(400);
    assert!(refused.has("a whole number of GiB"), "{}", refused.answer.text);
}

#[tokio::test]
async fn a_reader_changes_nothing() {
    let fixture = Fixture::start().await;
    fixture.server.grant(BOB_ID, rbac::role_ids::READER, &at(""));
    let browser = Browser::of(&fixture.server, BOB).await;
    let shown = form(&browser).await;
    for fields in [
        &[("do", "soft-delete"), ("state", "off")][..],
        &[("do", "lock"), ("name", "v1")],
        &[("do", "pin")],
        &[("do", "tags"), ("tags", "a: b")],
        &[("do", "quota"), ("limit", "1")],
    ] {
        let refused = send(&browser, &shown, fields).await.expect(403);
        assert!(refused.has("does not have authorization"), "{fields:?}: {}", refused.answer.text);
    }
}

#[tokio::test]
async fn a_vault_is_deleted_by_name_when_it_is_empty() {
    let fixture = Fixture::start().await;
    fixture.add_vault("v2");
    fixture.protect_files().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = browser.get(&page("delete")).await.expect(200);
    assert!(
        shown.has("This stands in the way") && shown.has("It holds backup items: 1."),
        "{}",
        shown.answer.text
    );
    assert!(!shown.has("name=\"name\""));
    let refused = send(&browser, &shown, &[("name", "v1")]).await;
    assert!(refused.answer.status >= 400, "{}", refused.answer.text);
    let address = page("delete").replace("/v1", "/v2");
    let shown = browser.get(&address).await.expect(200);
    let refused = browser.submit(&shown, &[("name", "v1")]).await.expect(400);
    assert!(refused.has("Type the name of the vault, v2"), "{}", refused.answer.text);
    let gone = browser.submit(&shown, &[("name", "v2")]).await.expect(200);
    assert_eq!(gone.at, "/portal/vaults");
    assert!(gone.has("The vault v2 was deleted."), "{}", gone.answer.text);
}
