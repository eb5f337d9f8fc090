//! Signing in and out, and what a session is worth.

use std::collections::BTreeMap;

use directory::session::{IDLE_SECONDS, SEEN_SECONDS, SESSION_SECONDS};
use jiff::SignedDuration;

use super::browser::Browser;
use crate::harness::Harness;

const ALICE: &str = "alice@contoso.example";

#[tokio::test]
async fn who_has_no_session_signs_in_and_comes_back() {
    let server = Harness::start().await;
    let browser = Browser::new(&server);
    let page = browser.get("/portal/ledger?x=1").await.expect(200);
    assert!(page.has("name=\"password\""), "{}", page.answer.text);
    assert_eq!(page.at, "/portal/sign-in?back=%2Fportal%2Fledger%3Fx%3D1");
    let page = browser.submit(&page, &[("username", ALICE), ("password", crate::harness::PASSWORD)]).await;
    assert_eq!(page.at, "/portal/ledger?x=1");
}

#[tokio::test]
async fn the_first_page_as_html() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let page = browser.get("/portal/").await.expect(200);
    let policy = page.answer.header("content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'"),
        "{policy}"
    );
    assert!(!policy.contains("unsafe"), "{policy}");
    page.snapshot("frame");
}

#[tokio::test]
async fn a_sign_in_leads_nowhere_else() {
    let server = Harness::start().await;
    for back in [
        "https://evil.example/",
        "//evil.example",
        "/portal//evil.example",
        "/repositories/x",
        "javascript:x",
    ] {
        let browser = Browser::new(&server);
        let address = format!("/portal/sign-in?back={back}");
        let page = browser.get(&address).await.expect(200);
        let fields = [("username", ALICE), ("password", crate::harness::PASSWORD)];
        assert_eq!(browser.submit(&page, &fields).await.at, "/portal/", "{back}");
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_for_whoever_copied_it() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let thief = Browser::with(&server, browser.cookies());
    assert_eq!(thief.get("/portal/").await.at, "/portal/");
    let page = browser.get("/portal/").await;
    let csrf = page.answer.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let out = browser.post("/portal/sign-out", BTreeMap::from([("csrf".into(), csrf.into())])).await;
    assert_eq!(out.at, "/portal/sign-in");
    assert_eq!(thief.get("/portal/").await.at, "/portal/sign-in");
}

#[tokio::test]
async fn a_new_sign_in_ends_the_session_before() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let thief = Browser::with(&server, browser.cookies());
    let page = browser.get("/portal/sign-in").await;
    browser.submit(&page, &[("username", ALICE), ("password", crate::harness::PASSWORD)]).await.expect(200);
    assert_eq!(browser.get("/portal/").await.at, "/portal/");
    assert_eq!(thief.get("/portal/").await.at, "/portal/sign-in");
}

#[tokio::test]
async fn a_session_ends_when_nobody_uses_it_and_after_a_working_day() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let idle = IDLE_SECONDS + SEEN_SECONDS;
    for _ in 0..(SESSION_SECONDS / (idle - 1)) {
        server.advance(SignedDuration::from_secs(idle - 1));
        assert_eq!(browser.get("/portal/").await.at, "/portal/");
    }
    server.advance(SignedDuration::from_secs(SESSION_SECONDS % (idle - 1)));
    assert_eq!(browser.get("/portal/").await.at, "/portal/sign-in");
    let other = Browser::of(&server, ALICE).await;
    server.advance(SignedDuration::from_secs(idle));
    assert_eq!(other.get("/portal/").await.at, "/portal/sign-in");
}

#[tokio::test]
async fn a_form_of_another_site_or_session_does_not_count() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    let other = Browser::of(&server, ALICE).await;
    let page = other.get("/portal/").await;
    let foreign = page.answer.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    for token in ["", "x", foreign] {
        let sent = browser.post("/portal/sign-out", BTreeMap::from([("csrf".into(), token.into())])).await;
        assert_eq!(sent.answer.status, 403, "{token}");
    }
    let page = browser.get("/portal/").await.expect(200);
    let own = page.answer.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let cookies: Vec<String> =
        browser.cookies().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = server.request("POST", "/portal/sign-out").header("cookie", cookies.join("; "));
    let request = request.header("origin", "https://evil.example").form(&[("csrf", own)]);
    assert_eq!(server.send(request).await.status, 403);
    assert_eq!(browser.get("/portal/").await.at, "/portal/");
}

#[tokio::test]
async fn a_session_is_worth_nothing_once_the_account_is_disabled() {
    let server = Harness::start().await;
    let browser = Browser::of(&server, ALICE).await;
    server.seed(|tx| {
        let user: directory::User = tx.get(&crate::harness::ALICE.to_string())?.unwrap();
        tx.put(&directory::User { enabled: false, ..user })
    });
    assert_eq!(browser.get("/portal/").await.at, "/portal/sign-in");
}
