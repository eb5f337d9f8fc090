//! Vaults of both kinds: the list, creating one, overview, policies, properties, jobs, alerts, activity.

mod handling;
mod policies;
mod properties;
mod seen;

use std::collections::BTreeMap;

use serde_json::json;

use super::browser::{Browser, Shown};
use crate::fixture::{Fixture, vault_id};
use crate::harness::{BACKUP_SUB, Harness};

pub const ALICE: &str = "alice@contoso.example";
pub const BOB: &str = "bob@contoso.example";
pub const SAM: &str = "sam@fabsec.example";

/// The address of a page about the vault `v1`.
pub fn page(name: &str) -> String {
    format!("/portal/vaults/{name}{}", vault_id("v1"))
}

/// The address of a page about something in it.
pub fn below(name: &str, below: &str) -> String {
    format!("{}/{below}", page(name))
}

/// What a page's forms hold against forgery.
pub fn csrf(page: &Shown) -> String {
    let token = page.answer.text.split("name=\"csrf\" value=\"").nth(1).unwrap();
    token.split('"').next().unwrap().to_string()
}

/// Sends exactly these fields from a page.
pub async fn send(browser: &Browser<'_>, page: &Shown, fields: &[(&str, &str)]) -> Shown {
    let mut all: BTreeMap<String, String> =
        fields.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())).collect();
    all.insert("csrf".into(), csrf(page));
    browser.post(&page.at, all).await
}

#[tokio::test]
async fn whoever_has_no_vault_is_told_how_to_begin() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/vaults").await.expect(200);
    assert!(page.has("There is no vault that you may see"), "{}", page.answer.text);
    page.snapshot("vaults-none");
    let page = browser.get("/portal/vaults/new").await.expect(200);
    assert!(page.has("A new resource group in Backup production"), "{}", page.answer.text);
    page.snapshot("vaults-new");
}

#[tokio::test]
async fn a_vault_of_either_kind_is_made_with_its_group_and_is_found_again() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let place = format!("/subscriptions/{BACKUP_SUB}");
    let form = browser.get("/portal/vaults/new").await.expect(200);
    let mut fields = vec![
        ("kind", "recovery"),
        ("place", place.as_str()),
        ("group", "team"),
        ("name", "first"),
        ("region", "westeurope"),
        ("redundancy", "LocallyRedundant"),
        ("days", "30"),
    ];
    let made = send(&browser, &form, &fields).await.expect(200);
    assert_eq!(
        made.at,
        format!(
            "/portal/vaults/overview{place}/resourceGroups/team/providers/Microsoft.RecoveryServices/vaults/first"
        )
    );
    assert!(made.has("The vault first was created. The resource group team was created for it."));
    assert!(made.has("What to do first") && made.has("On, 30 days"), "{}", made.answer.text);
    let group = format!("{place}/resourceGroups/team");
    fields[0].1 = "backup";
    fields[1].1 = &group;
    let made = send(&browser, &form, &fields).await.expect(200);
    assert!(made.at.contains("/backupVaults/first"), "{}", made.at);

    let list = browser.get("/portal/vaults").await.expect(200);
    assert!(list.has("2 vaults"), "{}", list.answer.text);
    list.snapshot("vaults-list");
    for (query, found) in [
        ("q=FIRST", 2),
        ("q=team&kind=backup", 1),
        ("kind=recovery", 1),
        ("level=Poor", 2),
        ("level=Good", 0),
        ("q=elsewhere", 0),
    ] {
        let list = browser.get(&format!("/portal/vaults?{query}")).await.expect(200);
        assert_eq!(list.answer.text.matches("/portal/vaults/overview/").count(), found, "{query}");
    }
}

#[tokio::test]
async fn a_provider_that_is_missing_is_registered_on_the_way() {
    let server = Harness::start().await;
    let namespace = format!("{BACKUP_SUB}/microsoft.recoveryservices");
    server.seed(|tx| {
        tx.delete::<resources::Registration>(&namespace);
        Ok(())
    });
    let browser = Browser::of(&server, ALICE).await;
    let form = browser.get("/portal/vaults/new").await.expect(200);
    let place = format!("/subscriptions/{BACKUP_SUB}");
    let fields = [
        ("kind", "recovery"),
        ("place", place.as_str()),
        ("group", "team"),
        ("name", "first"),
        ("region", "westeurope"),
        ("redundancy", "LocallyRedundant"),
        ("days", "14"),
    ];
    let made = send(&browser, &form, &fields).await.expect(200);
    assert!(made.has("registered to use Microsoft.RecoveryServices on the way"), "{}", made.answer.text);
}

#[tokio::test]
async fn a_form_that_is_not_taken_keeps_what_was_typed() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let form = browser.get("/portal/vaults/new").await.expect(200);
    let group = format!("/subscriptions/{BACKUP_SUB}/resourceGroups/rg");
    let good = [
        ("kind", "backup"),
        ("place", group.as_str()),
        ("name", "my-vault"),
        ("region", "northeurope"),
        ("redundancy", "GeoRedundant"),
        ("days", "20"),
    ];
    for (field, value, status, problem) in [
        ("place", "", 400, "Choose where the vault is to be"),
        ("name", "", 400, "Give the vault a name"),
        ("name", "1x", 400, "begin with a letter"),
        ("days", "many", 400, "Give a number from 14 to 180"),
        ("days", "13", 400, "14"),
    ] {
        let mut fields: BTreeMap<&str, &str> = good.into_iter().collect();
        fields.insert(field, value);
        let fields: Vec<(&str, &str)> = fields.into_iter().collect();
        let page = send(&browser, &form, &fields).await.expect(status);
        assert!(page.has(problem), "{field} {value}: {}", page.answer.text);
        for (name, text) in fields.into_iter().filter(|(_, text)| !text.is_empty()) {
            let kept = [
                format!("value=\"{text}\" checked"),
                format!("value=\"{text}\" selected"),
                format!("name=\"{name}\" value=\"{text}\""),
            ];
            let kept = kept.iter().any(|kept| page.has(kept))
                || page.has(&format!("inputmode=\"numeric\" class=\"short\" value=\"{text}\""));
            assert!(kept, "{field}: {name}={text}: {}", page.answer.text);
        }
    }
    // A vault of that name is not touched.
    let fields = [
        ("kind", "recovery"),
        ("place", group.as_str()),
        ("name", "v1"),
        ("region", "westeurope"),
        ("days", "180"),
    ];
    let page = send(&browser, &form, &fields).await.expect(409);
    assert!(page.has("There is a vault named"), "{}", page.answer.text);
    let days = fixture.alice().get(vault_id("v1").as_str()).await.expect(200);
    assert_eq!(
        days["properties"]["securitySettings"]["softDeleteSettings"]["softDeleteRetentionPeriodInDays"],
        json!(14)
    );
}

#[tokio::test]
async fn whoever_may_not_create_is_refused_and_nothing_is_made() {
    let fixture = Fixture::start().await;
    fixture.server.grant(
        crate::harness::BOB,
        rbac::role_ids::READER,
        &format!("/subscriptions/{BACKUP_SUB}"),
    );
    let browser = Browser::of(&fixture.server, BOB).await;
    let form = browser.get("/portal/vaults/new").await.expect(200);
    let place = format!("/subscriptions/{BACKUP_SUB}");
    let fields = [
        ("kind", "recovery"),
        ("place", place.as_str()),
        ("group", "bobs"),
        ("name", "bobs-vault"),
        ("region", "westeurope"),
        ("redundancy", "LocallyRedundant"),
        ("days", "14"),
    ];
    let page = send(&browser, &form, &fields).await.expect(403);
    assert!(
        page.has("does not have authorization") && page.has("value=\"bobs-vault\""),
        "{}",
        page.answer.text
    );
    assert_eq!(fixture.alice().get(&format!("{place}/resourceGroups/bobs")).await.status, 404);
}
