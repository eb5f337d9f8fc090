//! Groups and applications.

use super::{ALICE, BOB, force};
use crate::harness::{AUTOMATION, Harness};
use crate::portal::browser::{Browser, Shown};

/// Creates a group and answers with its page.
async fn group(browser: &Browser<'_>, name: &str) -> Shown {
    let page = browser.get("/portal/groups/new").await.expect(200);
    let fields = [("name", name), ("description", "Whoever is on call"), ("do", "create")];
    browser.submit(&page, &fields).await.expect(200)
}

#[tokio::test]
async fn a_group_is_created_filled_and_deleted() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let empty = browser.get("/portal/groups").await.expect(200);
    assert!(empty.has("There are no groups"));
    let page = browser.get("/portal/groups/new").await.expect(200);
    page.snapshot("new_group");
    let page =
        browser.submit(&page, &[("name", " "), ("description", "d"), ("do", "create")]).await.expect(400);
    assert!(page.has("displayName"), "{}", page.answer.text);
    let page = group(&browser, "On call").await;
    assert!(page.has("The group On call was created.") && page.has("The group has no members"));
    let page = browser.submit(&page, &[("do", "add"), ("member", "Bobby")]).await.expect(404);
    assert!(page.has("called “Bobby”") && page.has("value=\"Bobby\""));
    let page = browser.submit(&page, &[("do", "add"), ("member", BOB)]).await.expect(200);
    assert!(page.has("Bob is in the group now."));
    let page = browser.submit(&page, &[("do", "add"), ("member", BOB)]).await.expect(400);
    assert!(page.has("already exist"));
    let inner = group(&browser, "Inner").await.at;
    let page = browser.get(&page.at).await;
    let page = browser.submit(&page, &[("do", "add"), ("member", "Inner")]).await.expect(200);
    let page = browser.submit(&page, &[("do", "add"), ("member", "automation")]).await.expect(200);
    let page = browser.get(&page.at).await;
    assert!(page.has("3 direct members") && page.has("Application") && page.has(&inner));
    page.snapshot("group");
    let nested = browser.get(&inner).await.expect(200);
    assert!(nested.has("On call"), "{}", nested.answer.text);
    let page = browser.submit(&page, &[("do", "remove"), ("member", &crate::harness::BOB.to_string())]).await;
    assert!(page.has("taken out of the group") && !page.has(BOB), "{}", page.answer.text);
    let page = browser.submit(&page, &[("do", "delete"), ("confirm", "on call")]).await.expect(400);
    let page = browser.submit(&page, &[("do", "delete"), ("confirm", "On call")]).await.expect(200);
    assert!(page.at == "/portal/groups" && page.has("The group On call was deleted."));
    page.snapshot("groups");
}

#[tokio::test]
async fn a_name_that_two_have_is_asked_about() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    group(&browser, "Twin").await;
    group(&browser, "Twin").await;
    let page = group(&browser, "Outer").await;
    let page = browser.submit(&page, &[("do", "add"), ("member", "Twin")]).await.expect(400);
    assert!(page.has("Several are called “Twin”") && page.has("Give the user name or the id."));
}

#[tokio::test]
async fn whoever_may_not_write_groups_is_refused() {
    let server = Harness::start().await;
    let alice = Browser::of(&server, ALICE).await;
    let at = group(&alice, "On call").await.at;
    let bob = Browser::of(&server, BOB).await;
    let page = bob.get(&at).await.expect(200);
    assert!(!page.has("Add a member") && !page.has("value=\"delete\""));
    assert!(!bob.get("/portal/groups").await.has("Create a group"));
    let refused = force(&bob, &at, &[("do", "add"), ("member", BOB)]).await.expect(403);
    assert!(refused.has("Insufficient privileges") && refused.has("The group has no members"));
    force(&bob, "/portal/groups/new", &[("name", "Mine")]).await.expect(403);
}

#[tokio::test]
async fn a_group_of_another_directory_is_not_there() {
    let server = Harness::start().await;
    let alice = Browser::of(&server, ALICE).await;
    let at = group(&alice, "Secret plans").await.at;
    let sam = Browser::of(&server, super::SAM).await;
    assert!(!sam.get(&at).await.expect(404).has("Secret plans"));
    assert!(!sam.get("/portal/groups").await.has("Secret plans"));
}

#[tokio::test]
async fn applications_are_read() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, BOB).await;
    let page = browser.get("/portal/applications").await.expect(200);
    assert!(page.has("automation"));
    page.snapshot("applications");
    let page = browser.get(&format!("/portal/applications/{AUTOMATION}")).await.expect(200);
    page.snapshot("application");
    let elsewhere = crate::harness::AUTOMATION_GUEST;
    browser.get(&format!("/portal/applications/{elsewhere}")).await.expect(404);
}
