//! Policies: the difference before saving, consent to a weaker one, new ones, deletion.

use serde_json::json;

use super::{ALICE, BOB, below, page, send};
use crate::backup_vaults::{backup_vault, disk_policy};
use crate::fixture::{Fixture, at};
use crate::harness::{BOB as BOB_ID, Harness};
use crate::portal::browser::{Browser, Shown};

const FILES30: &str = "backupPolicies/Files30";

/// The fields of a daily policy that keeps so many days.
fn daily(days: &str) -> Vec<(&str, &str)> {
    vec![
        ("frequency", "daily"),
        ("times", "02:00"),
        ("every", "4"),
        ("window", "12"),
        ("daily.on", "on"),
        ("daily.count", days),
        ("daily.unit", "Days"),
        ("daily.by", "week"),
    ]
}

async fn review(browser: &Browser<'_>, fields: &[(&str, &str)]) -> Shown {
    let form = browser.get(&below("policy", FILES30)).await.expect(200);
    let fields: Vec<(&str, &str)> = fields.iter().copied().chain([("do", "review")]).collect();
    send(browser, &form, &fields).await
}

async fn kept(fixture: &Fixture) -> serde_json::Value {
    let policy = fixture.item(FILES30).await;
    policy["properties"]["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"].clone()
}

#[tokio::test]
async fn a_stronger_policy_is_saved_after_its_difference_was_seen() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    let browser = Browser::of(&fixture.server, ALICE).await;
    let mut fields = daily("60");
    fields.extend([
        ("weekly.on", "on"),
        ("weekly.count", "12"),
        ("weekly.unit", "Weeks"),
        ("weekly.days.Sunday", "on"),
    ]);
    let shown = review(&browser, &fields).await.expect(200);
    assert!(shown.has("Nothing becomes weaker by this"), "{}", shown.answer.text);
    assert!(shown.has("30 days") && shown.has("60 days") && shown.has("Sunday, 12 weeks"));
    shown.snapshot("vaults-difference-stronger");
    assert_eq!(kept(&fixture).await, 30);
    let saved = browser.submit(&shown, &[("do", "save")]).await.expect(200);
    assert_eq!(saved.at, below("policy", FILES30));
    assert!(saved.has("The policy Files30 was saved."), "{}", saved.answer.text);
    assert_eq!(kept(&fixture).await, 60);
}

#[tokio::test]
async fn a_weaker_policy_is_warned_of_and_waits_for_consent() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = review(&browser, &daily("7")).await.expect(200);
    assert!(shown.has("This shortens how long backups are kept"), "{}", shown.answer.text);
    assert!(shown.has("daily retention falls from 30 to 7 days") && shown.has("<strong>g1</strong>"));
    assert!(shown.has("ask sam@fabsec.example"), "{}", shown.answer.text);
    shown.snapshot("vaults-difference-weaker");
    // Looking changes nothing, and is no refusal.
    assert!(fixture.refusals().is_empty());
    let waits = browser.submit(&shown, &[("do", "save")]).await.expect(200);
    assert!(waits.at.starts_with("/portal/attempts/"), "{}", waits.at);
    assert_eq!(kept(&fixture).await, 30);
    fixture.consent();
    let ready = browser.get(&waits.at).await.expect(200);
    let done = browser.submit(&ready, &[("do", "go-on")]).await.expect(200);
    assert!(done.has("The policy Files30 was saved."), "{}", done.answer.text);
    assert_eq!(kept(&fixture).await, 7);
}

#[tokio::test]
async fn without_a_guard_a_weaker_policy_is_warned_of_all_the_same() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = review(&browser, &daily("7")).await.expect(200);
    assert!(shown.has("Nobody else has to consent") && shown.has("Save the weaker policy"));
    browser.submit(&shown, &[("do", "save")]).await.expect(200);
    assert_eq!(kept(&fixture).await, 7);
}

#[tokio::test]
async fn one_goes_back_to_the_form_with_what_was_typed() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = review(&browser, &daily("7")).await.expect(200);
    let form = browser.submit(&shown, &[("do", "edit")]).await.expect(200);
    assert!(form.has("name=\"daily.count\" type=\"number\" min=\"1\" max=\"9999\" inputmode=\"numeric\" class=\"short\" value=\"7\""));
    let same = review(&browser, &daily("30")).await.expect(200);
    assert!(same.has("Nothing would change"), "{}", same.answer.text);
    let bad = review(&browser, &daily("0")).await.expect(400);
    assert!(
        bad.has("a number from 1 to 9999") && bad.has("class=\"short\" value=\"0\""),
        "{}",
        bad.answer.text
    );
}

#[tokio::test]
async fn a_policy_that_changed_meanwhile_is_shown_again() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = review(&browser, &daily("31")).await.expect(200);
    let other = json!({"properties": crate::fixture::files_policy(90)});
    fixture.alice().put(&at(FILES30), other).await.expect(200);
    // What was an improvement when it was looked at would take two months away now.
    let again = browser.submit(&shown, &[("do", "save")]).await.expect(200);
    assert!(again.has("Somebody else changed the policy meanwhile") && again.has("falls from 90 to 31 days"));
    assert_eq!(kept(&fixture).await, 90);
}

#[tokio::test]
async fn a_policy_is_created_and_one_that_is_there_is_not_touched() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let form = browser.get(&page("new-policy")).await.expect(200);
    let mut fields = daily("14");
    fields.extend([("kind", "MAB"), ("name", "two-weeks")]);
    let made = send(&browser, &form, &fields).await.expect(200);
    assert!(made.has("The policy two-weeks was created."), "{}", made.answer.text);
    assert_eq!(fixture.item("backupPolicies/two-weeks").await["properties"]["backupManagementType"], "MAB");
    fields.retain(|(name, _)| *name != "name");
    fields.push(("name", "Files30"));
    let refused = send(&browser, &form, &fields).await.expect(409);
    assert!(refused.has("There is a policy named") && refused.has("value=\"Files30\""));
    assert_eq!(kept(&fixture).await, 30);
}

#[tokio::test]
async fn a_policy_is_deleted_unless_an_item_has_it() {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let used = browser.get(&below("policy", FILES30)).await.expect(200);
    assert!(used.has("It cannot be deleted while a backup item has it"), "{}", used.answer.text);
    let refused = send(&browser, &used, &[("do", "delete")]).await;
    assert!(refused.answer.status >= 400 && refused.has("role=\"alert\""), "{}", refused.answer.text);
    let unused = browser.get(&below("policy", "backupPolicies/Files7")).await.expect(200);
    let gone = browser.submit(&unused, &[("do", "delete")]).await.expect(200);
    assert_eq!(gone.at, page("policies"));
    assert!(gone.has("The policy Files7 was deleted."), "{}", gone.answer.text);
}

#[tokio::test]
async fn a_reader_may_look_and_not_change() {
    let fixture = Fixture::start().await;
    fixture.server.grant(BOB_ID, rbac::role_ids::READER, &at(""));
    let browser = Browser::of(&fixture.server, BOB).await;
    let refused = review(&browser, &daily("60")).await.expect(403);
    assert!(
        refused.has("does not have authorization") && refused.has("value=\"60\""),
        "{}",
        refused.answer.text
    );
}

#[tokio::test]
async fn policies_of_backup_vaults_have_the_same_pages() {
    let server = Harness::with_groups().await;
    let alice = server.as_(crate::harness::ALICE);
    let vault = backup_vault("bv");
    alice.put(&vault, json!({"location": "westeurope"})).await.expect(201);
    let policy = format!("{vault}/backupPolicies/disks");
    alice.put(&policy, disk_policy(30)).await.expect(200);
    let browser = Browser::of(&server, ALICE).await;
    let list = browser.get(&format!("/portal/vaults/policies{vault}")).await.expect(200);
    assert!(list.has("every day at 02:00 UTC") && list.has("all others: 30 days"), "{}", list.answer.text);
    let form = browser.get(&format!("/portal/vaults/policy{policy}")).await.expect(200);
    form.snapshot("vaults-policy-rules");
    let fields = [
        ("do", "review"),
        ("frequency", "daily"),
        ("times", "02:00"),
        ("every", "4"),
        ("window", "12"),
        ("default.on", "on"),
        ("default.count", "14"),
        ("default.unit", "Days"),
        ("weekly.on", "on"),
        ("weekly.count", "8"),
        ("weekly.unit", "Weeks"),
    ];
    let shown = send(&browser, &form, &fields).await.expect(200);
    assert!(shown.has("falls from 30 to 14 days") && shown.has("Kept of the first backup of a week"));
    let saved = browser.submit(&shown, &[("do", "save")]).await.expect(200);
    assert!(saved.has("The policy disks was saved."), "{}", saved.answer.text);
    let form = browser.get(&format!("/portal/vaults/new-policy{vault}")).await.expect(200);
    let mut fields: Vec<(&str, &str)> = fields[1..].to_vec();
    fields.extend([("name", "blobs"), ("kind", "Microsoft.Storage/storageAccounts/blobServices")]);
    let made = send(&browser, &form, &fields).await.expect(200);
    assert!(made.has("The policy blobs was created."), "{}", made.answer.text);
}

#[tokio::test]
async fn a_policy_without_fields_is_changed_as_json() {
    let server = Harness::with_groups().await;
    let alice = server.as_(crate::harness::ALICE);
    let vault = crate::estate::vault_path("v1");
    alice.put(&vault, json!({"location": "westeurope"})).await.expect(201);
    let browser = Browser::of(&server, ALICE).await;
    let address = format!("/portal/vaults/policy{vault}/backupPolicies/HourlyLogBackup");
    let form = browser.get(&address).await.expect(200);
    assert!(form.has("The policy as JSON"), "{}", form.answer.text);
    let bad = send(&browser, &form, &[("do", "review"), ("json", "{")]).await.expect(400);
    assert!(bad.has("This is not JSON"), "{}", bad.answer.text);
    let mut policy =
        alice.get(&format!("{vault}/backupPolicies/HourlyLogBackup")).await.expect(200)["properties"].clone();
    policy["subProtectionPolicy"][1]["retentionPolicy"]["retentionDuration"]["count"] = json!(40);
    let text = policy.to_string();
    let shown = send(&browser, &form, &[("do", "review"), ("json", &text)]).await.expect(200);
    assert!(shown.has("Nothing becomes weaker"), "{}", shown.answer.text);
    browser.submit(&shown, &[("do", "save")]).await.expect(200);
    let saved = alice.get(&format!("{vault}/backupPolicies/HourlyLogBackup")).await.expect(200);
    assert_eq!(
        saved["properties"]["subProtectionPolicy"][1]["retentionPolicy"]["retentionDuration"]["count"],
        json!(40)
    );
}
