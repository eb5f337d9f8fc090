//! Signing in a device: the code is shown there and typed here.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::harness::{ALICE, ALICE_GUEST, FABSEC};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

pub async fn start(server: &Harness, place: &str) -> Value {
    let scope = arm_scope(server);
    let path = format!("/{place}/oauth2/v2.0/devicecode");
    let form = [("client_id", CLI), ("scope", scope.as_str())];
    post(server, &path, &form).await.expect(200)
}

/// A poll as MSAL sends it: without the scope, and with the code under two names.
pub async fn poll(server: &Harness, place: &str, started: &Value) -> Answer {
    let code = started["device_code"].as_str().unwrap();
    let form = [
        ("client_id", CLI),
        ("grant_type", GRANT),
        ("client_info", "1"),
        ("code", code),
        ("device_code", code),
    ];
    token(server, place, &form).await
}

pub fn error(answer: &Answer) -> &str {
    answer.body["error"].as_str().unwrap_or_default()
}

/// Types the code; the page that asks whether to go on.
pub async fn type_code(server: &Harness, code: &str) -> Answer {
    let page = server.anonymous("GET", "/device").await;
    submit(server, &page, &[("user_code", code)]).await
}

async fn sign_in(server: &Harness, started: &Value) -> Answer {
    let consent = type_code(server, started["user_code"].as_str().unwrap()).await;
    assert!(consent.text.contains("Azure CLI"), "{}", consent.text);
    let page = submit(server, &consent, &[("decision", "continue")]).await;
    submit(server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await
}

#[tokio::test]
async fn a_device_gets_its_tokens_when_somebody_has_signed_in() {
    let server = Harness::start().await;
    let started = start(&server, "organizations").await;
    assert_eq!(started["verification_uri"], format!("{}/device", server.origin()));
    assert_eq!((&started["expires_in"], &started["interval"]), (&json!(900), &json!(5)));
    let waiting = poll(&server, "organizations", &started).await;
    assert_eq!((waiting.status, error(&waiting)), (400, "authorization_pending"));
    let hasty = poll(&server, "organizations", &started).await;
    assert_eq!(error(&hasty), "slow_down");

    let done = sign_in(&server, &started).await;
    assert_eq!(done.status, 200, "{}", done.text);
    assert!(done.text.contains("You are signed in"));

    let body = poll(&server, "organizations", &started).await.expect(200);
    let access = claims(&body["access_token"]);
    assert_eq!((&access["oid"], &access["tid"]), (&json!(ALICE.to_string()), &json!(contoso())));
    assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
    let next = refresh(&server, &tenant(FABSEC), body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(claims(&next.expect(200)["access_token"])["oid"], ALICE_GUEST.to_string());
    let again = poll(&server, "organizations", &started).await;
    assert_eq!((again.status, aadsts(&again)), (400, 54005));
}

#[tokio::test]
async fn a_device_may_ask_for_one_tenant() {
    let server = Harness::start().await;
    let started = start(&server, "fabsec.example").await;
    let consent = type_code(&server, started["user_code"].as_str().unwrap()).await;
    assert!(consent.text.contains("Fabrikam Security"), "{}", consent.text);
    let page = submit(&server, &consent, &[("decision", "continue")]).await;
    let bob = [("username", "bob@contoso.example"), ("password", PASSWORD)];
    let page = submit(&server, &page, &bob).await;
    assert_eq!(page.status, 400);
    assert!(page.text.contains("does not exist in this tenant"), "{}", page.text);
    let done = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
    assert_eq!(done.status, 200);
    let elsewhere = poll(&server, &contoso(), &started).await;
    assert_eq!(aadsts(&elsewhere), 70000);
    let body = poll(&server, &tenant(FABSEC), &started).await.expect(200);
    assert_eq!(claims(&body["access_token"])["oid"], ALICE_GUEST.to_string());
}

#[tokio::test]
async fn a_person_can_refuse_a_device() {
    let server = Harness::start().await;
    for answer in [&[("decision", "cancel")][..], &[]] {
        let started = start(&server, "organizations").await;
        let consent = type_code(&server, started["user_code"].as_str().unwrap()).await;
        let page = submit(&server, &consent, answer).await;
        assert!(page.text.contains("Nobody was signed in"), "{}", page.text);
        let refused = poll(&server, "organizations", &started).await;
        assert_eq!((refused.status, error(&refused)), (400, "authorization_declined"));
        let late = type_code(&server, started["user_code"].as_str().unwrap()).await;
        assert_eq!(late.status, 400, "a decision is final");
    }
}

#[tokio::test]
async fn a_code_that_is_over_signs_nobody_in() {
    let server = Harness::start().await;
    let started = start(&server, "organizations").await;
    server.advance(SignedDuration::from_secs(895));
    let consent = type_code(&server, started["user_code"].as_str().unwrap()).await;
    let page = submit(&server, &consent, &[("decision", "continue")]).await;
    server.advance(SignedDuration::from_secs(5));
    let late = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
    assert_eq!(late.status, 400);
    assert!(late.text.contains("AADSTS70018"), "{}", late.text);
    let expired = poll(&server, "organizations", &started).await;
    assert_eq!((expired.status, error(&expired)), (400, "expired_token"));
}

#[tokio::test]
async fn a_second_factor_works_for_devices_too() {
    let server = Harness::start().await;
    enrol(&server, ALICE);
    let started = start(&server, "organizations").await;
    let page = sign_in(&server, &started).await;
    assert!(page.text.contains("one-time-code"), "{}", page.text);
    let pending = poll(&server, "organizations", &started).await;
    assert_eq!(error(&pending), "authorization_pending", "a password is not enough");
    submit(&server, &page, &[("code", &authenticator(&server))]).await;
    let body = poll(&server, "organizations", &started).await.expect(200);
    assert_eq!(claims(&body["access_token"])["amr"], json!(["pwd", "otp", "mfa"]));
}

#[tokio::test]
async fn codes_are_typed_as_people_type_and_guessed_slowly() {
    let server = Harness::start().await;
    let started = start(&server, "organizations").await;
    let code = started["user_code"].as_str().unwrap().to_string();
    let typed = type_code(&server, &format!(" {}", code.to_lowercase().replace('-', " "))).await;
    assert!(typed.text.contains("Azure CLI"));
    for _ in 0..50 {
        let wrong = type_code(&server, "BBBB-BBBB").await;
        assert_eq!(wrong.status, 400);
        assert_eq!(field(&wrong, "user_code"), "BBBB-BBBB");
    }
    let locked = type_code(&server, &code).await;
    assert_eq!(locked.status, 429);
    server.advance(SignedDuration::from_secs(60));
    assert_eq!(type_code(&server, &code).await.status, 200);
}

#[tokio::test]
async fn one_address_cannot_fill_the_store_with_codes() {
    let server = Harness::start().await;
    for _ in 0..30 {
        start(&server, "organizations").await;
    }
    let path = "/organizations/oauth2/v2.0/devicecode";
    let refused = post(&server, path, &[("client_id", CLI)]).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "60"));
    server.advance(SignedDuration::from_mins(1));
    start(&server, "organizations").await;
}

#[tokio::test]
async fn bad_starts_are_refused() {
    let server = Harness::start().await;
    let cases: [(&str, Fields<'_>, &str); 4] = [
        ("organizations", &[], "invalid_request"),
        ("organizations", &[("client_id", "evil")], "unauthorized_client"),
        (
            "organizations",
            &[("client_id", CLI), ("scope", "https://evil.example/.default")],
            "invalid_resource",
        ),
        ("nobody.example", &[("client_id", CLI)], "invalid_tenant"),
    ];
    for (place, form, expected) in cases {
        let answer = post(&server, &format!("/{place}/oauth2/v2.0/devicecode"), form).await;
        assert_eq!((answer.status, error(&answer)), (400, expected), "{form:?}");
    }
}
