//! What people do with alerts.

use super::{ALICE, BOB, below, send};
use crate::fixture::{FILES, Fixture, at};
use crate::harness::BOB as BOB_ID;
use crate::portal::browser::Browser;

async fn refused() -> (Fixture, String) {
    let fixture = Fixture::start().await;
    fixture.protect_files().await;
    fixture.link_guard();
    fixture.alice().delete(&at(FILES)).await;
    let alerts = fixture.alice().get(&at("providers/Microsoft.AlertsManagement/alerts")).await.expect(200);
    let alert = alerts["value"][0]["alertId"].as_str().unwrap();
    let address = below("alert", &format!("providers/Microsoft.AlertsManagement/alerts/{alert}"));
    (fixture, address)
}

#[tokio::test]
async fn an_alert_is_acknowledged_and_closed_with_comments() {
    let (fixture, address) = refused().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = browser.get(&address).await.expect(200);
    for (state, comment) in [("Acknowledged", "I ask Sam"), ("Closed", "It was me")] {
        let shown = send(&browser, &shown, &[("state", state), ("comments", comment)]).await.expect(200);
        assert!(shown.has("The alert was changed.") && shown.has(comment), "{}", shown.answer.text);
        assert!(shown.has(&format!("<dt>State</dt><dd>{state}</dd>")), "{}", shown.answer.text);
    }
    let list = browser.get(&format!("{}?state=New", super::page("alerts"))).await.expect(200);
    assert!(!list.has("Critical Operation Refused"), "{}", list.answer.text);
}

#[tokio::test]
async fn what_is_no_state_is_refused_and_the_comment_kept() {
    let (fixture, address) = refused().await;
    let browser = Browser::of(&fixture.server, ALICE).await;
    let shown = browser.get(&address).await.expect(200);
    let again = send(&browser, &shown, &[("state", "Gone"), ("comments", "kept")]).await.expect(400);
    assert!(again.has("role=\"alert\"") && again.has(">kept</textarea>"), "{}", again.answer.text);
}

#[tokio::test]
async fn a_reader_cannot_close_it() {
    let (fixture, address) = refused().await;
    fixture.server.grant(BOB_ID, rbac::role_ids::READER, &at(""));
    let browser = Browser::of(&fixture.server, BOB).await;
    let shown = browser.get(&address).await.expect(200);
    let again = send(&browser, &shown, &[("state", "Closed")]).await.expect(403);
    assert!(again.has("does not have authorization") && again.has("<dd>New</dd>"), "{}", again.answer.text);
}

#[tokio::test]
async fn a_reader_of_one_vault_sees_that_it_has_a_new_alert() {
    let (fixture, address) = refused().await;
    fixture.server.grant(BOB_ID, rbac::role_ids::READER, &at(""));
    let bob = Browser::of(&fixture.server, BOB).await;
    for page in ["/portal/", "/portal/vaults"] {
        let shown = bob.get(page).await.expect(200);
        assert!(shown.has("Critical Operation Refused"), "{page}: {}", shown.answer.text);
    }
    let alice = Browser::of(&fixture.server, ALICE).await;
    let shown = alice.get(&address).await.expect(200);
    send(&alice, &shown, &[("state", "Acknowledged")]).await.expect(200);
    for page in ["/portal/", "/portal/vaults"] {
        let shown = bob.get(page).await.expect(200);
        assert!(!shown.has("Critical Operation Refused"), "{page}: {}", shown.answer.text);
    }
}
