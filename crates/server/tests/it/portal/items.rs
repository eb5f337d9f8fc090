//! What is in a vault: backup items and instances, their repositories and credentials, recovery points, restores.

use jiff::SignedDuration;

use super::browser::{Browser, Shown};
use crate::backup_vaults::backup_vault;
use crate::fixture::{FILES, Fixture, MACHINE, apply, at, vault_id};
use crate::harness::{ALICE, BOB, Harness};
use crate::instances::{arrive, instance_at, protect_disk};
use crate::repository::world::{ITEM, World, item_id};

const ALICE_NAME: &str = "alice@contoso.example";
const BOB_NAME: &str = "bob@contoso.example";

/// The address of a page of the portal about something.
fn page(name: &str, id: &str) -> String {
    format!("/portal/items/{name}{id}")
}

/// The same about something below the vault `v1`.
fn of(name: &str, below: &str) -> String {
    page(name, &at(below))
}

/// A vault with an item of files that has recovery points.
async fn start() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let now = fixture.server.now();
    for (name, days) in [("aaaa1111", 20), ("bbbb2222", 3), ("cccc3333", 3), ("dddd4444", 0)] {
        fixture.arrive(FILES, name, now - SignedDuration::from_hours(24 * days));
    }
    fixture
}

async fn start_instances() -> (Harness, String) {
    let server = Harness::with_groups().await;
    let vault = backup_vault("bv1");
    let body = serde_json::json!({"location": "westeurope", "properties": {
        "storageSettings": [{"datastoreType": "VaultStore", "type": "LocallyRedundant"}]}});
    server.as_(ALICE).put(&vault, body).await.expect(201);
    protect_disk(&server.as_(ALICE), &vault).await;
    arrive(&server, &vault, "eeee5555");
    (server, vault)
}

fn secret_of(page: &Shown) -> String {
    let (_, rest) = page.answer.text.split_once("class=\"secret\" data-copy>").unwrap();
    rest.split('<').next().unwrap().to_string()
}

#[tokio::test]
async fn the_items_of_a_vault_as_html() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let page = browser.get(&of("list", "")).await.expect(200);
    assert!(page.has("data"), "{}", page.answer.text);
    page.snapshot("items-list");
    let none = browser.get(&format!("{}?q=nothing-like-it", of("list", ""))).await.expect(200);
    assert!(none.has("No item fits") && !none.has("items/overview"));
}

#[tokio::test]
async fn an_empty_vault_leads_to_its_first_item_and_on_to_the_commands() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let list = browser.get(&of("list", "")).await.expect(200);
    assert!(list.has("Nothing is backed up to this vault yet"));
    list.snapshot("items-none");
    let form = browser.get(&of("new", "")).await.expect(200);
    form.snapshot("items-new");
    let missing = browser.submit(&form, &[("name", "documents"), ("label", "la bel")]).await.expect(400);
    assert!(missing.has("value=\"documents\"") && missing.has("A label has"), "{}", missing.answer.text);
    let policy = at("backupPolicies/Files30");
    let fields = [("name", "documents"), ("host", "srv 1"), ("policy", policy.as_str()), ("label", "home")];
    let done = browser.submit(&form, &fields).await.expect(200);
    let item = "backupFabrics/Azure/protectionContainers/Windows;srv-1/protectedItems/FileFolder;documents";
    assert_eq!(done.at, format!("{}?label=home", of("connect", item)));
    assert!(done.has("/~home/") && done.has("It is protected."), "{}", done.answer.text);
    let item = fixture.item(item).await;
    assert_eq!(item["properties"]["friendlyName"], "documents");
    assert_eq!(item["properties"]["policyName"], "Files30");

    let form = browser.get(&of("new", "")).await;
    let twice = browser.submit(&form, &fields).await.expect(400);
    assert!(twice.has("is there already") && twice.has("value=\"srv 1\""), "{}", twice.answer.text);
    let machine = at("backupPolicies/DefaultPolicy");
    let done = browser.submit(&form, &[("name", "vm1"), ("policy", machine.as_str())]).await.expect(200);
    assert_eq!(done.at, of("connect", MACHINE));
}

#[tokio::test]
async fn an_item_at_a_glance_as_html() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let page = browser.get(&of("overview", FILES)).await.expect(200);
    assert!(page.has("How far back it goes") && page.has("30 days"));
    page.snapshot("items-overview");
}

#[tokio::test]
async fn recovery_points_lie_on_a_calendar() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let page = browser.get(&of("points", FILES)).await.expect(200);
    assert!(page.has("<th scope=\"col\" abbr=\"Monday\">Mon</th>"));
    let day = (fixture.server.now() - SignedDuration::from_hours(72)).strftime("%Y-%m-%d").to_string();
    let page = browser.get(&format!("{}?day={day}", of("points", FILES))).await.expect(200);
    assert!(page.has("<td data-label=\"Kept by\">daily</td>"), "{}", page.answer.text);
    assert!(page.has(": 2 recovery points</span>"), "{}", page.answer.text);
    assert!(
        page.has("bbbb2222") && page.has("cccc3333") && !page.has("recoveryPoints/aaaa1111"),
        "{}",
        page.answer.text
    );
    let empty = browser.get(&format!("{}?month=2020-01", of("points", FILES))).await.expect(200);
    assert!(empty.has("January 2020") && empty.has("0 recovery points") && empty.has("December 2019"));
    for odd in ["month=x", "day=2026-99-99", "month=99999-01", "after=%00", "day=9999-12-31"] {
        browser.get(&format!("{}?{odd}", of("points", FILES))).await.expect(200);
    }
}

/// A page of a month, and one of a day, of an item with very many recovery points hold those of the day alone.
#[tokio::test]
async fn a_day_with_many_recovery_points_is_shown_in_pages() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let day = fixture.server.now() - SignedDuration::from_hours(48);
    let noon = day.strftime("%Y-%m-%dT12:00:00Z").to_string().parse::<jiff::Timestamp>().unwrap();
    for number in 0..60 {
        fixture.arrive(FILES, &format!("c{number:07}"), noon + SignedDuration::from_secs(number));
    }
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let shown = |page: &Shown| page.answer.text.matches("/recoveryPoints/c0").count();
    let month =
        browser.get(&format!("{}?month={}", of("points", FILES), noon.strftime("%Y-%m"))).await.expect(200);
    assert_eq!(shown(&month), 0, "{}", month.answer.text);
    assert!(month.has(": 60 recovery points</span>"), "{}", month.answer.text);
    let first =
        browser.get(&format!("{}?day={}", of("points", FILES), noon.strftime("%Y-%m-%d"))).await.expect(200);
    assert_eq!(shown(&first), 50);
    let (_, next) = first.answer.text.split_once("class=\"pager\"").unwrap();
    let next = next.split("href=\"").nth(1).unwrap().split('"').next().unwrap().replace("&#38;", "&");
    let second = browser.get(&next.replace("&amp;", "&")).await.expect(200);
    assert_eq!(shown(&second), 10, "{next}");
    assert!(!second.has("class=\"pager\""));
}

#[tokio::test]
async fn what_a_client_removes_is_marked_and_kept() {
    let world = World::in_a_group().await;
    let place = world.store_as("snapshots", b"a snapshot").await;
    let name = place.rsplit('/').next().unwrap();
    let item = item_id(ITEM).to_string();
    let browser = Browser::of(&world.server, ALICE_NAME).await;
    let point = page("point", &format!("{item}/recoveryPoints/{name}"));
    let before = browser.get(&point).await.expect(200);
    assert!(!before.has("A client has deleted this snapshot") && before.has(ITEM), "{}", before.answer.text);
    assert_eq!(world.delete(&place).await.status, 200);
    let after = browser.get(&point).await.expect(200);
    assert!(after.has("A client has deleted this snapshot"), "{}", after.answer.text);
    let day = world.server.now().strftime("%Y-%m-%d").to_string();
    let list = browser.get(&format!("{}?day={day}", page("points", &item))).await.expect(200);
    assert!(list.has("Deleted by the client, still kept"), "{}", list.answer.text);
}

#[tokio::test]
async fn a_recovery_point_says_where_restic_reads_it() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let below = format!("{FILES}/recoveryPoints/bbbb2222");
    let page = browser.get(&of("point", &below)).await.expect(200);
    assert!(page.has("@bbbb2222/ restore bbbb2222"), "{}", page.answer.text);
    page.snapshot("items-point");
    let page = browser.submit(&page, &[("do", "restore")]).await.expect(200);
    assert!(page.has("can be read now"), "{}", page.answer.text);
    browser.get(&of("point", &format!("{FILES}/recoveryPoints/none"))).await.expect(404);
    browser.get(&of("point", FILES)).await.expect(404);
}

#[tokio::test]
async fn a_restore_that_a_guard_protects_is_explained() {
    let fixture = start().await;
    fixture.link_guard();
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let below = format!("{FILES}/recoveryPoints/bbbb2222");
    let page = browser.get(&of("point", &below)).await;
    let page = browser.submit(&page, &[("do", "restore")]).await.expect(200);
    assert!(page.at.starts_with("/portal/attempts/"), "{}", page.at);
    assert!(page.has("restore the recovery point bbbb2222 of data"), "{}", page.answer.text);
    fixture.consent();
    let page = browser.get(&page.at).await;
    let page = browser.submit(&page, &[("do", "go-on")]).await.expect(200);
    assert_eq!(page.at, of("point", &below));
}

#[tokio::test]
async fn a_secret_is_shown_once() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let form = browser.get(&of("connect", FILES)).await.expect(200);
    form.snapshot("items-connect");
    let issued = browser.submit(&form, &[("do", "issue"), ("right", "Append")]).await.expect(200);
    assert_eq!(issued.answer.header("cache-control"), "no-store");
    let secret = secret_of(&issued);
    assert!(secret.len() > 30, "{secret}");
    assert!(issued.has(&format!("RESTIC_REST_PASSWORD={secret}")), "{}", issued.answer.text);
    let again = browser.get(&of("connect", FILES)).await;
    assert!(!again.has(&secret) && again.has("RESTIC_REST_PASSWORD=SECRET"));
    assert!(!browser.cookies().values().any(|cookie| cookie.contains(&secret)));

    let listed = fixture.alice().get(&at(&format!("{FILES}/repositoryCredentials"))).await.expect(200);
    let user = listed["value"][0]["userName"].as_str().unwrap().to_string();
    assert_eq!(listed["value"][0]["right"], "Append");
    let wrong = [("do", "rotate"), ("user", user.as_str()), ("overlap", "9999")];
    let refused = browser.submit(&again, &wrong).await.expect(400);
    assert!(refused.has("value=\"9999\"") && refused.has("0 to 720"), "{}", refused.answer.text);
    let rotated =
        browser.submit(&again, &[("do", "rotate"), ("user", &user), ("overlap", "2")]).await.expect(200);
    assert_ne!(secret_of(&rotated), secret);
    assert!(rotated.has("The secret before works on until"));
    let gone = browser.submit(&again, &[("do", "delete"), ("user", &user)]).await.expect(200);
    assert!(gone.has("The credential is deleted") && gone.has("There are none yet."), "{}", gone.answer.text);
}

#[tokio::test]
async fn a_policy_is_compared_before_it_is_changed() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let settings = browser.get(&of("settings", FILES)).await.expect(200);
    settings.snapshot("items-settings");
    let compared = browser.get(&format!("{}?policy=Files7", of("settings", FILES))).await.expect(200);
    assert!(compared.has("Weaker") && compared.has("7 days"), "{}", compared.answer.text);
    fixture.link_guard();
    let wait = browser.submit(&compared, &[("do", "policy"), ("policy", "Files7")]).await.expect(200);
    assert!(wait.at.starts_with("/portal/attempts/"), "{}", wait.at);
    assert_eq!(fixture.item(FILES).await["properties"]["policyName"], "Files30");
    fixture.consent();
    let done = browser.submit(&compared, &[("do", "policy"), ("policy", "Files7")]).await.expect(200);
    assert!(done.has("The policy was changed."), "{}", done.answer.text);
    assert_eq!(fixture.item(FILES).await["properties"]["policyName"], "Files7");
}

#[tokio::test]
async fn protection_is_stopped_and_resumed() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let settings = browser.get(&of("settings", FILES)).await;
    let stopped = browser.submit(&settings, &[("do", "stop"), ("how", "policy")]).await.expect(200);
    assert!(stopped.has("Backups are stopped."));
    assert_eq!(fixture.item(FILES).await["properties"]["protectionState"], "BackupsSuspended");
    let stopped = browser.submit(&stopped, &[("do", "stop"), ("how", "retain")]).await.expect(200);
    assert_eq!(fixture.item(FILES).await["properties"]["protectionState"], "ProtectionStopped");
    assert!(stopped.has("Resume backups"), "{}", stopped.answer.text);
    let chosen = browser.get(&format!("{}?policy=Files30", of("settings", FILES))).await;
    let runs = browser.submit(&chosen, &[("do", "resume"), ("policy", "Files30")]).await.expect(200);
    assert!(runs.has("Backups run again."), "{}", runs.answer.text);
    assert_eq!(fixture.item(FILES).await["properties"]["protectionState"], "Protected");
}

#[tokio::test]
async fn an_item_is_deleted_by_its_name_and_comes_back() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let settings = browser.get(&of("settings", FILES)).await;
    let refused = browser.submit(&settings, &[("do", "delete"), ("confirm", "date")]).await.expect(400);
    assert!(refused.has("Nothing was deleted") && refused.has("value=\"date\""), "{}", refused.answer.text);
    let list = browser.submit(&settings, &[("do", "delete"), ("confirm", "data")]).await.expect(200);
    assert_eq!(list.at, of("list", ""));
    assert!(list.has("id=\"deleted\"") && list.has("Undelete"), "{}", list.answer.text);
    let deleted = browser.get(&of("overview", FILES)).await.expect(200);
    assert!(deleted.has("Everything is still there until"), "{}", deleted.answer.text);
    let item = at(FILES);
    let back = browser.submit(&list, &[("do", "undelete"), ("item", item.as_str())]).await.expect(200);
    assert_eq!(back.at, of("settings", FILES));
    assert_eq!(fixture.item(FILES).await["properties"]["protectionState"], "ProtectionStopped");
}

#[tokio::test]
async fn a_guarded_item_is_deleted_with_consent_alone() {
    let fixture = start().await;
    fixture.link_guard();
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let settings = browser.get(&of("settings", FILES)).await;
    assert!(settings.has("The vault is guarded"), "{}", settings.answer.text);
    let wait = browser.submit(&settings, &[("do", "delete"), ("confirm", "data")]).await.expect(200);
    assert!(wait.at.starts_with("/portal/attempts/"), "{}: {}", wait.at, wait.answer.text);
    assert!(wait.has("delete the backups of data"), "{}", wait.answer.text);
    assert_eq!(fixture.item(FILES).await["properties"]["protectionState"], "Protected");
    fixture.consent();
    let wait = browser.get(&wait.at).await;
    let list = browser.submit(&wait, &[("do", "go-on")]).await.expect(200);
    assert_eq!(list.at, of("list", ""), "{}", list.answer.text);
    assert!(list.has("id=\"deleted\""));
}

#[tokio::test]
async fn who_may_only_read_is_refused_and_keeps_what_they_typed() {
    let fixture = start().await;
    fixture.grant(BOB, rbac::role_ids::READER, &vault_id("v1"));
    let browser = Browser::of(&fixture.server, BOB_NAME).await;
    let refused = async |name: &str, below: &str, fields: &[(&str, &str)]| {
        let form = browser.get(&of(name, below)).await.expect(200);
        let again = browser.submit(&form, fields).await.expect(403);
        assert_eq!(again.at, of(name, below), "{}", again.answer.text);
        assert!(again.has("id=\"problem\"") && again.has("bob@contoso.example"), "{}", again.answer.text);
        again
    };
    let policy = at("backupPolicies/Files30");
    let again = refused("new", "", &[("name", "more"), ("policy", &policy)]).await;
    assert!(again.has("value=\"more\"") && again.has(" checked"), "{}", again.answer.text);
    let again = refused("connect", FILES, &[("do", "issue"), ("right", "Prune")]).await;
    assert!(again.has("value=\"Prune\" required checked"), "{}", again.answer.text);
    refused("settings", FILES, &[("do", "stop"), ("how", "retain")]).await;
    let again = refused("settings", FILES, &[("do", "delete"), ("confirm", "data")]).await;
    assert!(again.has("name=\"confirm\" value=\"data\""), "{}", again.answer.text);
    let again = refused("settings", FILES, &[("do", "quota"), ("limit", "7")]).await;
    assert!(again.has("value=\"7\""), "{}", again.answer.text);
    let point = format!("{FILES}/recoveryPoints/bbbb2222");
    refused("point", &point, &[("do", "restore")]).await;
}

#[tokio::test]
async fn a_quota_is_set_and_removed() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let settings = browser.get(&of("settings", FILES)).await;
    let refused = browser.submit(&settings, &[("do", "quota"), ("limit", "0")]).await.expect(400);
    assert!(refused.has("at least 1"), "{}", refused.answer.text);
    let set = browser.submit(&settings, &[("do", "quota"), ("limit", "5")]).await.expect(200);
    assert!(set.has("the limit is 5.0 GiB"), "{}", set.answer.text);
    let gone = browser.submit(&set, &[("do", "no-quota")]).await.expect(200);
    assert!(gone.has("the limit is none"), "{}", gone.answer.text);
}

#[tokio::test]
async fn a_frozen_item_says_why_and_is_thawed() {
    let fixture = start().await;
    fixture.server.seed(|tx| {
        let id = vault_id("v1").child(FILES)?;
        let before: vault::ProtectedItem = tx.resource(&id)?.unwrap();
        let freeze =
            vault::Freeze { at: before.created, why: vec!["half of it was deleted in an hour".into()] };
        apply(tx, vault::VaultChange::freeze(before, freeze))
    });
    let browser = Browser::of(&fixture.server, ALICE_NAME).await;
    let page = browser.get(&of("overview", FILES)).await.expect(200);
    assert!(page.has("half of it was deleted in an hour"), "{}", page.answer.text);
    let page = browser.submit(&page, &[("do", "thaw")]).await.expect(200);
    assert!(page.has("It is thawed.") && !page.has("Frozen since"), "{}", page.answer.text);
}

#[tokio::test]
async fn instances_of_backup_vaults_look_alike() {
    let (server, vault) = start_instances().await;
    let browser = Browser::of(&server, ALICE_NAME).await;
    let item = instance_at(&vault);
    let list = browser.get(&page("list", &vault)).await.expect(200);
    assert!(list.has("disk1") && list.has("long"), "{}", list.answer.text);
    let overview = browser.get(&page("overview", &item)).await.expect(200);
    assert!(overview.has("30 days") && overview.has("disk1"), "{}", overview.answer.text);
    assert!(browser.get(&page("points", &item)).await.expect(200).has("1 recovery point"));
    let point = browser.get(&page("point", &format!("{item}/recoveryPoints/eeee5555"))).await.expect(200);
    let restored = browser.submit(&point, &[("do", "restore")]).await.expect(200);
    assert!(restored.has("can be read now"), "{}", restored.answer.text);

    let compared = browser.get(&format!("{}?policy=short", page("settings", &item))).await.expect(200);
    assert!(compared.has("Weaker"), "{}", compared.answer.text);
    let done = browser.submit(&compared, &[("do", "policy"), ("policy", "short")]).await.expect(200);
    assert!(done.has("The policy was changed."), "{}", done.answer.text);
    let stopped = browser.submit(&done, &[("do", "stop"), ("how", "retain")]).await.expect(200);
    assert!(stopped.has("Resume backups"), "{}", stopped.answer.text);
    let chosen = browser.get(&format!("{}?policy=long", page("settings", &item))).await;
    let runs = browser.submit(&chosen, &[("do", "resume"), ("policy", "long")]).await.expect(200);
    assert!(runs.has("Backups run again."), "{}", runs.answer.text);
    let list = browser.submit(&runs, &[("do", "delete"), ("confirm", "disk1")]).await.expect(200);
    assert!(list.has("id=\"deleted\""), "{}", list.answer.text);
    let deleted = browser.get(&page("settings", &item)).await.expect(200);
    let back = browser.submit(&deleted, &[("do", "undelete")]).await.expect(200);
    assert!(back.has("Undeleted."), "{}", back.answer.text);
}

#[tokio::test]
async fn an_instance_is_made_from_a_name() {
    let (server, vault) = start_instances().await;
    let browser = Browser::of(&server, ALICE_NAME).await;
    let form = browser.get(&page("new", &vault)).await.expect(200);
    let policy = format!("{vault}/backupPolicies/long");
    let done = browser.submit(&form, &[("name", "disk 2"), ("policy", &policy)]).await.expect(200);
    assert_eq!(done.at, page("connect", &format!("{vault}/backupInstances/disk-2")));
}

#[tokio::test]
async fn who_may_not_read_a_vault_sees_nothing_of_it() {
    let fixture = start().await;
    let browser = Browser::of(&fixture.server, BOB_NAME).await;
    let point = format!("{FILES}/recoveryPoints/bbbb2222");
    for (name, below) in [
        ("list", ""),
        ("new", ""),
        ("overview", FILES),
        ("connect", FILES),
        ("points", FILES),
        ("point", point.as_str()),
        ("settings", FILES),
    ] {
        let page = browser.get(&of(name, below)).await;
        assert_eq!(page.answer.status, 403, "{name}");
        for secret in ["Files30", "Files7", "shortv1", "aaaa1111"] {
            assert!(!page.has(secret), "{name}: {secret}");
        }
    }
}
