//! Resource Guards, and access control on every scope.

mod access;
mod creating;

use std::collections::BTreeMap;

use serde_json::json;

use super::browser::{Browser, Shown};
use crate::harness::{ALICE_GUEST, SAM};
use crate::pim::world::*;

pub const SAM_NAME: &str = "sam@fabsec.example";
pub const SUE_NAME: &str = "sue@fabsec.example";
pub const ALICE_NAME: &str = "alice@contoso.example";
pub const BOB_NAME: &str = "bob@contoso.example";

/// The pages about a guard.
const PAGES: [&str; 8] =
    ["overview", "operations", "properties", "vaults", "separation", "approvers", "activity", "delete"];

pub fn page_of(name: &str) -> String {
    format!("/portal/guards/{name}{}", guard())
}

/// What a form of the page holds that nobody has touched, by the beginnings of the fields' names.
pub fn fields(page: &Shown, begins: &[&str]) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for input in page.answer.text.split("<input ").skip(1) {
        let input = input.split('>').next().unwrap();
        let part = |name: &str| input.split(&format!("{name}=\"")).nth(1)?.split('"').next();
        let Some(name) = part("name").filter(|name| begins.iter().any(|begin| name.starts_with(begin)))
        else {
            continue;
        };
        if !input.contains("checkbox") || input.contains(" checked") {
            found.insert(name.to_string(), part("value").unwrap_or_default().to_string());
        }
    }
    found
}

async fn exclusions(world: &World) -> Vec<String> {
    let guard = world.server.as_(SAM).get(&guard()).await.expect(200);
    let names = guard["properties"]["vaultCriticalOperationExclusionList"].as_array().unwrap();
    names.iter().map(|name| name.as_str().unwrap().to_string()).collect()
}

#[tokio::test]
async fn the_pages_of_a_guard_as_html() {
    let world = World::eligible().await;
    let asked = world.ask(&lasting("PT1H")).await.expect(201);
    world.decide(SAM, &asked, 0, "Approve").await.expect(200);
    let sam = Browser::of(&world.server, SAM_NAME).await;
    sam.get("/portal/guards").await.expect(200).snapshot("guards-list");
    for name in PAGES.iter().filter(|name| **name != "activity") {
        sam.get(&page_of(name)).await.expect(200).snapshot(&format!("guards-{name}"));
    }
    // The ledger has random ids, in links too.
    let page = sam.get(&page_of("activity")).await.expect(200);
    assert!(page.has("/portal/ledger/story/") && page.has(">Done</span>"), "{}", page.answer.text);
    let refused = sam.get(&format!("{}?status=Failed", page_of("activity"))).await.expect(200);
    assert!(!refused.has(">Done</span>"), "{}", refused.answer.text);
}

#[tokio::test]
async fn who_may_not_read_a_guard_sees_nothing_of_it() {
    let world = World::eligible().await;
    for who in [BOB_NAME, SUE_NAME] {
        let browser = Browser::of(&world.server, who).await;
        let page = browser.get("/portal/guards").await.expect(200);
        assert!(page.has("There is no Resource Guard that you may read"), "{}", page.answer.text);
        for name in PAGES {
            let page = browser.get(&page_of(name)).await;
            assert!([401, 403, 404].contains(&page.answer.status), "{who} {name}: {}", page.answer.status);
            for told in ["Ask the security team", "Sam Security", "Alice Backup", "westeurope", ">v1<"] {
                assert!(!page.has(told), "{who} {name} is told {told}: {}", page.answer.text);
            }
        }
    }
    // Who may read it and nothing above sees it with all its pages, and changes nothing.
    let alice = Browser::of(&world.server, ALICE_NAME).await;
    assert!(alice.get("/portal/guards").await.expect(200).has(">guard1</a>"));
    for name in PAGES {
        alice.get(&page_of(name)).await.expect(200);
    }
}

#[tokio::test]
async fn an_address_that_names_no_guard_leads_nowhere() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    for path in [subscription(), format!("{}x", guard()), format!("{}/linkedVaults", guard()), "/x".into()] {
        let page = sam.get(&format!("/portal/guards/overview{path}")).await;
        assert!([403, 404].contains(&page.answer.status), "{path}: {}", page.answer.status);
    }
}

#[tokio::test]
async fn protecting_less_is_asked_twice_and_says_which_vaults() {
    let world = World::eligible().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let page = sam.get(&page_of("operations")).await.expect(200);
    let mut form = fields(&page, &["csrf", "was", "op."]);
    assert_eq!(
        form.keys().filter(|name| name.starts_with("op.")).count(),
        16,
        "the mandatory ones are no fields"
    );
    form.remove("op.SecurityPin").unwrap();
    let again = sam.post(&page_of("operations"), form.clone()).await.expect(200);
    for told in ["This weakens 1 vault", "Get the security PIN", ">v1 <"] {
        assert!(again.has(told), "{told}: {}", again.answer.text);
    }
    again.snapshot("guards-exempt");
    assert_eq!(exclusions(&world).await, [""; 0], "nothing has happened yet");
    let done = sam.submit(&again, &[("do", "exempt")]).await.expect(200);
    assert_eq!(done.at, page_of("operations"));
    assert!(done.has("What the guard protects was saved."));
    assert_eq!(exclusions(&world).await, ["Microsoft.RecoveryServices/vaults/backupSecurityPIN/action"]);
    // Once more from the page of before: it was changed since.
    let stale = sam.post(&page_of("operations"), form).await;
    assert_eq!(stale.answer.status, 409);
    assert!(stale.has("Somebody has changed what is protected"), "{}", stale.answer.text);
    // Protecting more is done at once.
    let page = sam.get(&page_of("operations")).await.expect(200);
    let done = sam.submit(&page, &[("op.SecurityPin", "on"), ("do", "save")]).await.expect(200);
    assert!(done.has("What the guard protects was saved."));
    assert_eq!(exclusions(&world).await, [""; 0]);
    // An alert tells the owner, who closes it.
    let page = sam.get(&page_of("overview")).await.expect(200);
    assert!(page.has("Resource Guard Protects Fewer Operations"), "{}", page.answer.text);
    let mut open = page.answer.text.matches("name=\"alert\"").count();
    let mut page = sam.submit(&page, &[("do", "acknowledge")]).await.expect(200);
    assert!(page.has("The alert is acknowledged now."));
    while open > 0 {
        page = sam.submit(&page, &[("do", "close")]).await.expect(200);
        open -= 1;
    }
    assert!(page.has("None in the last 30 days."), "{}", page.answer.text);
}

#[tokio::test]
async fn who_may_not_change_a_guard_is_refused_and_keeps_what_they_typed() {
    let world = World::eligible().await;
    let alice = Browser::of(&world.server, ALICE_NAME).await;
    let page = alice.get(&page_of("operations")).await.expect(200);
    let mut form = fields(&page, &["csrf", "was", "op."]);
    form.remove("op.Restore").unwrap();
    form.insert("do".into(), "exempt".into());
    let refused = alice.post(&page_of("operations"), form).await.expect(403);
    assert!(refused.has("role=\"alert\""), "{}", refused.answer.text);
    let kept = fields(&refused, &["op."]);
    assert!(!kept.contains_key("op.Restore") && kept.contains_key("op.RestoreInstance"));
    assert_eq!(exclusions(&world).await, [""; 0]);

    let page = alice.get(&page_of("properties")).await.expect(200);
    let typed = [("description", "call <nobody>"), ("tags", "a: b")];
    let refused = alice.submit(&page, &typed).await.expect(403);
    assert!(
        refused.has("call &#60;nobody&#62;") && refused.has(">a: b</textarea>"),
        "{}",
        refused.answer.text
    );

    let page = alice.get(&page_of("overview")).await.expect(200);
    assert!(page.has("Whom to ask"));
    let page = Browser::of(&world.server, SUE_NAME).await.get(&page_of("overview")).await;
    assert_eq!(page.answer.status, 403);
}

#[tokio::test]
async fn a_guard_says_whom_to_ask() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let page = sam.get(&page_of("properties")).await.expect(200);
    let refused = sam.submit(&page, &[("description", "Call Sam"), ("tags", "no value")]).await.expect(400);
    assert!(refused.has("The tag “no value” has no value") && refused.has(">Call Sam</textarea>"));
    let done =
        sam.submit(&refused, &[("description", "Call Sam"), ("tags", "team: security")]).await.expect(200);
    assert_eq!(done.at, page_of("overview"));
    assert!(done.has("Call Sam") && done.has("<dt>team</dt><dd>security</dd>"), "{}", done.answer.text);
    let guard = world.server.as_(SAM).get(&guard()).await.expect(200);
    assert_eq!(guard["tags"], json!({"team": "security"}));
}

#[tokio::test]
async fn a_guard_is_deleted_once_no_vault_is_linked() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let page = sam.get(&page_of("delete")).await.expect(200);
    assert!(page.has("v1, Recovery Services vault in backup") && !page.has("name=\"name\""));
    let mut form = fields(&page, &["csrf"]);
    form.insert("name".into(), "guard1".into());
    let refused = sam.post(&page_of("delete"), form).await.expect(409);
    assert!(refused.has("cannot be deleted"), "{}", refused.answer.text);

    let other = guard().replace("guard1", "guard2");
    let body = json!({"location": "westeurope", "properties": {}});
    world.server.as_(SAM).put(&other, body).await.expect(200);
    let page = sam.get(&format!("/portal/guards/delete{other}")).await.expect(200);
    let refused = sam.submit(&page, &[("name", "guard1")]).await.expect(400);
    assert!(refused.has("value=\"guard1\"") && refused.has("aria-invalid"), "{}", refused.answer.text);
    let done = sam.submit(&refused, &[("name", "Guard2")]).await.expect(200);
    assert!(done.at == "/portal/guards" && done.has("The Resource Guard guard2 was deleted."));
    assert_eq!(world.server.as_(SAM).get(&other).await.status, 404);
}

#[tokio::test]
async fn whoever_is_on_both_sides_is_named_with_what_to_take_away() {
    let world = World::start().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let page = sam.get(&page_of("separation")).await.expect(200);
    assert!(page.has("Nobody is on both sides"), "{}", page.answer.text);
    world.server.grant(ALICE_GUEST, rbac::role_ids::CONTRIBUTOR, &guard());
    let page = sam.get(&page_of("separation")).await.expect(200);
    for told in ["1 person does", ALICE_NAME, "Contributor", "You may not read who holds roles on the vault."]
    {
        assert!(page.has(told), "{told}: {}", page.answer.text);
    }
    page.snapshot("guards-separation-found");
    // Alice reads both sides: hers says by which role.
    let alice = Browser::of(&world.server, ALICE_NAME).await;
    let page = alice.get(&page_of("separation")).await.expect(200);
    assert!(page.has("Owner</strong> at Subscription"), "{}", page.answer.text);
    // The link leads to taking it away.
    let page = sam.get(&page_of("separation")).await.expect(200);
    let link =
        page.answer.text.split("href=\"/portal/access/remove").nth(1).unwrap().split('"').next().unwrap();
    let page = sam.get(&format!("/portal/access/remove{link}")).await.expect(200);
    assert!(page.has("Take a role from Alice Backup"), "{}", page.answer.text);
    sam.submit(&page, &[("do", "remove")]).await.expect(200);
    assert!(sam.get(&page_of("separation")).await.expect(200).has("Nobody is on both sides"));
}

#[tokio::test]
async fn too_few_approvers_are_told_of() {
    let world = World::eligible().await;
    let sam = Browser::of(&world.server, SAM_NAME).await;
    let page = sam.get(&page_of("approvers")).await.expect(200);
    assert!(page.has("Approvers") && page.has("One of these must approve"), "{}", page.answer.text);
    world.approved_in(&json!("SingleStage"), &[stage(1, &[approver("User", SAM)])]);
    world.disable(SAM);
    let uma = Browser::of(&world.server, "uma@fabsec.example").await;
    let page = uma.get(&page_of("approvers")).await.expect(200);
    assert!(page.has(">Serious</span>"), "{}", page.answer.text);
}
