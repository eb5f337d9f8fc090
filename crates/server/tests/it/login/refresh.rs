//! Refresh tokens: how az stays signed in, in every tenant.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::harness::{ALICE, ALICE_GUEST, FABSEC};

#[tokio::test]
async fn one_token_serves_all_tenants_at_the_same_time() {
    let server = Harness::start().await;
    let body = alice(&server).await;
    let token = body["refresh_token"].as_str().unwrap();
    let (home, guest) = (contoso(), tenant(FABSEC));
    let (a, b, c, d) = tokio::join!(
        refresh(&server, &home, token),
        refresh(&server, &guest, token),
        refresh(&server, "organizations", token),
        refresh(&server, &guest, token),
    );
    let expected = [(a, ALICE), (b, ALICE_GUEST), (c, ALICE), (d, ALICE_GUEST)];
    let first = claims(&body["access_token"]);
    for (answer, object) in expected {
        let body = answer.expect(200);
        let access = claims(&body["access_token"]);
        assert_eq!(access["oid"], object.to_string());
        assert_eq!(body["refresh_token"], token, "it does not rotate");
        assert_eq!(access["auth_time"], first["auth_time"], "refreshing is not signing in");
        assert_eq!(access["sid"], first["sid"]);
        assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
    }
}

#[tokio::test]
async fn it_lives_for_90_days_without_use_and_longer_with() {
    let server = Harness::start().await;
    let (used, unused) = (alice(&server).await, alice(&server).await);
    let text = |body: &Value| body["refresh_token"].as_str().unwrap().to_string();
    let day = SignedDuration::from_hours(24);
    server.advance(day * 60);
    assert_eq!(refresh(&server, &contoso(), &text(&used)).await.status, 200);
    server.advance(day * 30);
    assert_eq!(refresh(&server, &contoso(), &text(&used)).await.status, 200);
    let answer = refresh(&server, &contoso(), &text(&unused)).await;
    assert_eq!((answer.status, aadsts(&answer)), (400, 70008));
}

#[tokio::test]
async fn it_belongs_to_its_client_and_person() {
    let server = Harness::start().await;
    let body = alice(&server).await;
    let token_text = body["refresh_token"].as_str().unwrap();
    let other = [
        ("client_id", "00000000-0000-4000-8000-000000000000"),
        ("grant_type", "refresh_token"),
        ("refresh_token", token_text),
    ];
    let answer = token(&server, &contoso(), &other).await;
    assert_eq!(answer.body["error"], "unauthorized_client");
    let unknown = refresh(&server, "99999999-0000-4000-8000-000000000000", token_text).await;
    assert_eq!(unknown.body["error"], json!("invalid_tenant"));
}
