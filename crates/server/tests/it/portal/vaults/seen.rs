//! What each page shows, and that it shows nobody what they may not read.

use super::{ALICE, BOB, SAM, below, page};
use crate::fixture::{FILES, Fixture, at};
use crate::harness::BOB as BOB_ID;
use crate::portal::browser::Browser;

/// A vault with an item, a guard, jobs and a refusal.
async fn busy() -> Fixture {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.link_guard();
    fixture.alice().delete(&at(FILES)).await;
    fixture
}

/// Every page about the vault, with something that only who may read the vault should see on it.
async fn pages(fixture: &Fixture) -> Vec<(String, &'static str)> {
    let alice = fixture.alice();
    let jobs = alice.get(&at("backupJobs")).await.expect(200);
    let job = format!("backupJobs/{}", jobs["value"][0]["name"].as_str().unwrap());
    let alerts = alice.get(&at("providers/Microsoft.AlertsManagement/alerts")).await.expect(200);
    let alert = format!(
        "providers/Microsoft.AlertsManagement/alerts/{}",
        alerts["value"][0]["alertId"].as_str().unwrap()
    );
    vec![
        (page("overview"), "Configured"),
        (page("policies"), "Files30"),
        (below("policy", "backupPolicies/Files30"), "Show what would change"),
        (page("new-policy"), "Kept for"),
        (page("properties"), "Multi-user authorization"),
        (page("delete"), "This stands in the way"),
        (page("separation"), "Duties are separate"),
        (page("jobs"), "Protection configured"),
        (below("job", &job), "srv01"),
        (page("alerts"), "Critical Operation Refused"),
        (below("alert", &alert), "Critical Operation Refused"),
        (page("activity"), "protectedItems"),
    ]
}

#[tokio::test]
async fn every_page_as_html() {
    let fixture = busy().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    for (address, _) in pages(&fixture).await {
        let shown = browser.get(&address).await.expect(200);
        let name = address.trim_start_matches("/portal/vaults/").split('/').next().unwrap();
        shown.snapshot(&format!("vaults-{name}"));
        let size = shown.answer.text.len();
        assert!(size < 60_000, "{address}: {size} bytes");
    }
}

#[tokio::test]
async fn no_page_shows_what_its_viewer_may_not_read() {
    let fixture = busy().await;
    let pages = pages(&fixture).await;
    for who in [BOB, SAM] {
        let browser = Browser::of(&fixture.server, who).await;
        for (address, _) in &pages {
            let shown = browser.get(address).await;
            assert!([403, 404].contains(&shown.answer.status), "{who} {address}: {}", shown.answer.text);
            for secret in [
                "srv01",
                "westeurope",
                "Files7",
                "sam@fabsec.example, ",
                "Recovery Services vault",
                "Soft delete",
            ] {
                assert!(!shown.has(secret), "{who} {address} shows {secret}");
            }
        }
        let list = browser.get("/portal/vaults").await.expect(200);
        assert!(!list.has("v1"), "{}", list.answer.text);
    }
}

#[tokio::test]
async fn a_reader_of_one_vault_finds_it_and_no_other() {
    let fixture = busy().await;
    fixture.add_vault("v2");
    fixture.server.grant(BOB_ID, rbac::role_ids::READER, &at(""));
    let browser = Browser::of(&fixture.server, BOB).await;
    let list = browser.get("/portal/vaults").await.expect(200);
    assert!(list.has(">v1</a>") && !list.has("v2"), "{}", list.answer.text);
    for (address, _) in pages(&fixture).await {
        let shown = browser.get(&address).await;
        // A page that only leads to a change says at once that it cannot be made.
        assert!([200, 403].contains(&shown.answer.status), "{address}: {}", shown.answer.text);
    }
    let shown = browser.get(&page("overview")).await.expect(200);
    assert!(shown.has("g1") && shown.has("Duties are separate"), "{}", shown.answer.text);
}

#[tokio::test]
async fn an_overview_says_how_well_the_vault_is_protected() {
    let fixture = Fixture::start().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = browser.get(&page("overview")).await.expect(200);
    assert!(shown.has("Poor") && shown.has("One person alone decides"), "{}", shown.answer.text);
    fixture.set_vault(|vault| vault.immutability = vault::Immutability::Locked);
    fixture.link_guard();
    let shown = browser.get(&page("overview")).await.expect(200);
    assert!(shown.has("Excellent") && shown.has("Locked for good"), "{}", shown.answer.text);
    assert!(shown.has("“ask sam@fabsec.example”"), "{}", shown.answer.text);
}

#[tokio::test]
async fn whoever_is_on_both_sides_is_named_with_what_to_do() {
    let fixture = Fixture::start().await;
    fixture.link_guard();
    fixture.consent();
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = browser.get(&page("overview")).await.expect(200);
    assert!(shown.has("1 person can change this vault and act for its guard"), "{}", shown.answer.text);
    let shown = browser.get(&page("separation")).await.expect(200);
    assert!(shown.has("alice@contoso.example") && shown.has("What to do"), "{}", shown.answer.text);
    assert!(
        shown.has("make alice@contoso.example eligible for Backup MUA Operator on g1"),
        "{}",
        shown.answer.text
    );
    shown.snapshot("vaults-separation-found");
}

#[tokio::test]
async fn jobs_and_activity_are_filtered() {
    let fixture = busy().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    for (query, there) in [
        ("operation=ConfigureBackup", true),
        ("operation=Restore", false),
        ("status=Completed&hours=24", true),
        ("status=Failed", false),
        ("operation=x'%20or%20'1", false),
    ] {
        let shown = browser.get(&format!("{}?{query}", page("jobs"))).await.expect(200);
        assert_eq!(shown.has("/portal/vaults/job/"), there, "{query}");
    }
    for (query, refused, done) in [
        ("", true, true),
        ("status=Failed", true, false),
        ("status=Succeeded&hours=24", false, true),
        ("caller=nobody@contoso.example", false, false),
    ] {
        let shown = browser.get(&format!("{}?{query}", page("activity"))).await.expect(200);
        let badges = (shown.has(">Refused</span>"), shown.has("badge ok\">Done"));
        assert_eq!(badges, (refused, done), "{query}");
    }
}
