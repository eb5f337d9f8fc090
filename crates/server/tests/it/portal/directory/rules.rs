//! Sign-in rules, and the directory at a glance.

use super::{ALICE, BOB, force};
use crate::harness::Harness;
use crate::portal::browser::Browser;

#[tokio::test]
async fn the_directory_at_a_glance() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/directory").await.expect(200);
    assert!(page.has("You may write this directory."));
    page.snapshot("directory");
    let bob = Browser::of(&server, BOB).await.get("/portal/directory").await.expect(200);
    assert!(bob.has("You may look at this directory.") && !bob.has("Fabrikam"));
}

#[tokio::test]
async fn sign_in_rules_are_changed() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/sign-in-rules").await.expect(200);
    let page =
        browser.submit(&page, &[("do", "enrolment"), ("enrolment", "temporaryAccessPass")]).await.expect(200);
    assert!(page.has("value=\"temporaryAccessPass\" checked"));
    let fields = [("do", "create"), ("id", "c7"), ("name", "Fresh"), ("minutes", "0")];
    let page = browser.submit(&page, &fields).await.expect(400);
    assert!(page.has("PT1M to PT24H") && page.has("value=\"c7\"") && page.has("value=\"Fresh\""));
    let fields = [("do", "create"), ("id", "c7"), ("name", "Fresh"), ("minutes", "10")];
    let page = browser.submit(&page, &fields).await.expect(200);
    assert!(page.has("in a sign-in of the last 10 min"), "{}", page.answer.text);
    page.snapshot("sign_in_rules");
    let fields = [("do", "change"), ("id", "c7"), ("name", "Any age"), ("minutes", "")];
    let page = browser.submit(&page, &fields).await.expect(200);
    assert!(page.has("Any age") && !page.has("in a sign-in of the last"));
    let page = browser.submit(&page, &[("do", "delete"), ("id", "c7")]).await.expect(200);
    assert!(page.has("was deleted") && !page.has("Any age"));
}

#[tokio::test]
async fn whoever_may_not_change_sign_in_rules_is_refused() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, BOB).await;
    let page = browser.get("/portal/sign-in-rules").await.expect(200);
    assert!(page.has("With the password alone.") && !page.has("value=\"enrolment\""));
    let fields = [("do", "enrolment"), ("enrolment", "temporaryAccessPass")];
    let refused = force(&browser, "/portal/sign-in-rules", &fields).await.expect(403);
    assert!(refused.has("Insufficient privileges") && refused.has("With the password alone."));
}
