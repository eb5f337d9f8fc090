//! Tokens for a password or a client secret, and what they are good for.

use jiff::SignedDuration;
use serde_json::json;

use super::*;
use crate::harness::{ALICE, ALICE_GUEST, AUTOMATION, AUTOMATION_APP, AUTOMATION_GUEST, BOB, FABSEC};

/// An answer without what differs from request to request.
fn without_ids(answer: &Answer) -> String {
    let mut text = answer.text.clone();
    for name in ["trace_id", "correlation_id", "timestamp"] {
        text = text.replace(answer.body[name].as_str().unwrap(), name);
    }
    text
}

#[tokio::test]
async fn a_password_signs_in_at_home() {
    let server = Harness::start().await;
    let body = alice(&server).await;
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!((&body["expires_in"], &body["ext_expires_in"]), (&json!(3600), &json!(3600)));
    assert_eq!(body["scope"], format!("{}/.default openid profile offline_access", server.origin()));
    let access = claims(&body["access_token"]);
    assert_eq!(access["tid"], contoso());
    assert_eq!(access["oid"], ALICE.to_string());
    assert_eq!(access["aud"], server.origin());
    assert_eq!((&access["amr"], &access["xms_cc"]), (&json!(["pwd"]), &json!(["CP1"])));
    let id = claims(&body["id_token"]);
    assert_eq!((&id["preferred_username"], &id["aud"]), (&json!(ALICE_NAME), &json!(CLI)));
    assert_eq!(
        decoded(body["client_info"].as_str().unwrap()),
        json!({"uid": ALICE.to_string(), "utid": contoso()})
    );
    assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
    let upper = password(&server, "contoso.example", "ALICE@Contoso.example", PASSWORD).await;
    assert_eq!(claims(&upper.expect(200)["access_token"])["oid"], ALICE.to_string());
}

#[tokio::test]
async fn a_guest_gets_tokens_of_the_tenant_and_stays_the_same_person() {
    let server = Harness::start().await;
    let body = password(&server, &tenant(FABSEC), ALICE_NAME, PASSWORD).await.expect(200);
    let access = claims(&body["access_token"]);
    assert_eq!(access["tid"], tenant(FABSEC));
    assert_eq!(access["oid"], ALICE_GUEST.to_string());
    assert_eq!(access["person"], format!("user:{}/{ALICE}", contoso()));
    assert_eq!(
        decoded(body["client_info"].as_str().unwrap()),
        json!({"uid": ALICE.to_string(), "utid": contoso()}),
        "the home ids: one account for all tenants"
    );
    assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
}

#[tokio::test]
async fn a_tenant_that_does_not_know_somebody_gives_nothing() {
    let server = Harness::start().await;
    let answer = password(&server, &tenant(FABSEC), "bob@contoso.example", PASSWORD).await;
    assert_eq!((answer.status, aadsts(&answer)), (400, 50020));
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let server = Harness::start().await;
    let wrong = password(&server, "organizations", ALICE_NAME, "wrong-password").await;
    assert_eq!((wrong.status, aadsts(&wrong)), (400, 50126));
    assert_eq!(wrong.body["error"], "invalid_grant");
    let others = [
        ("nobody@contoso.example", "wrong-password"),
        ("nobody@nowhere.example", PASSWORD),
        ("not a name", PASSWORD),
        ("alice_contoso.example#EXT#@fabsec.example", PASSWORD),
    ];
    for (name, word) in others {
        let answer = password(&server, "organizations", name, word).await;
        assert_eq!(answer.status, wrong.status);
        assert_eq!(without_ids(&answer), without_ids(&wrong), "{name}");
    }
}

#[tokio::test]
async fn a_second_factor_has_no_place_in_the_password_grant() {
    let server = Harness::start().await;
    enrol(&server, ALICE);
    let answer = password(&server, "organizations", ALICE_NAME, PASSWORD).await;
    assert_eq!((answer.status, aadsts(&answer)), (400, 50076));
    let wrong = password(&server, "organizations", ALICE_NAME, "wrong-password").await;
    assert_eq!(aadsts(&wrong), 50126, "only who knows the password learns of it");
}

#[tokio::test]
async fn a_disabled_user_gets_nothing_any_more() {
    let server = Harness::start().await;
    let body = alice(&server).await;
    edit_user(&server, ALICE, |user| user.enabled = false);
    let answer = password(&server, "organizations", ALICE_NAME, PASSWORD).await;
    assert_eq!((answer.status, aadsts(&answer)), (400, 50057));
    let wrong = password(&server, "organizations", ALICE_NAME, "wrong-password").await;
    assert_eq!(aadsts(&wrong), 50126);
    for place in [contoso(), tenant(FABSEC)] {
        let answer = refresh(&server, &place, body["refresh_token"].as_str().unwrap()).await;
        assert_eq!(aadsts(&answer), 50057, "{place}");
    }
}

async fn application(server: &Harness, place: &str, id: &str, secret: &str) -> Answer {
    let scope = format!("{}/.default", server.origin());
    let form = [
        ("client_id", id),
        ("grant_type", "client_credentials"),
        ("client_secret", secret),
        ("scope", scope.as_str()),
    ];
    let path = format!("/{place}/oauth2/v2.0/token?client-request-id=ignored");
    post(server, &path, &form).await
}

#[tokio::test]
async fn an_application_signs_in_with_its_secret() {
    let server = Harness::start().await;
    let id = AUTOMATION_APP.to_string();
    for (place, object) in [(contoso(), AUTOMATION), ("fabsec.example".into(), AUTOMATION_GUEST)] {
        let body = application(&server, &place, &id, PASSWORD).await.expect(200);
        let access = claims(&body["access_token"]);
        assert_eq!((&access["oid"], &access["idtyp"]), (&json!(object.to_string()), &json!("app")));
        assert_eq!(access["person"], format!("app:{id}"));
        assert_eq!((body.get("refresh_token"), body.get("id_token")), (None, None));
        assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
    }
    let cases = [
        (contoso(), id.as_str(), "wrong-secret", 401, "invalid_client", 7_000_215),
        (contoso(), CLI, PASSWORD, 400, "unauthorized_client", 700_016),
        (contoso(), "no guid", PASSWORD, 400, "unauthorized_client", 700_016),
        ("organizations".into(), &id, PASSWORD, 400, "invalid_request", 9_002_313),
    ];
    for (place, id, secret, status, error, code) in cases {
        let answer = application(&server, &place, id, secret).await;
        assert_eq!((answer.status, aadsts(&answer)), (status, code), "{place} {id}");
        assert_eq!(answer.body["error"], error);
    }
}

#[tokio::test]
async fn a_token_counts_until_the_second_it_expires() {
    let server = Harness::start().await;
    let body = alice(&server).await;
    let exp = claims(&body["access_token"])["exp"].as_i64().unwrap();
    let last = exp - 1 - server.now().as_second();
    server.advance(SignedDuration::from_secs(last));
    assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
    server.advance(SignedDuration::from_secs(exp - server.now().as_second()));
    assert_eq!(
        arm_refusal(&server, &body["access_token"]).await.as_deref(),
        Some("ExpiredAuthenticationToken")
    );
}

async fn for_scope(server: &Harness, scope: &str) -> Answer {
    let form = [
        ("client_id", CLI),
        ("grant_type", "password"),
        ("username", ALICE_NAME),
        ("password", PASSWORD),
        ("scope", scope),
    ];
    token(server, "organizations", &form).await
}

#[tokio::test]
async fn a_token_is_for_one_service_of_this_server() {
    let server = Harness::start().await;
    let graph = server.running.graph_address.clone();
    for audience in [graph.clone(), format!("{graph}/")] {
        let body = for_scope(&server, &format!("{audience}/.default")).await.expect(200);
        assert_eq!(claims(&body["access_token"])["aud"], audience);
        assert_eq!(
            arm_refusal(&server, &body["access_token"]).await.as_deref(),
            Some("InvalidAuthenticationToken"),
            "a token for Graph is none for ARM"
        );
        assert_eq!((body.get("refresh_token"), body.get("id_token")), (None, None));
    }
    for scope in ["openid", "", &format!("{}//.default", server.origin())] {
        let body = for_scope(&server, scope).await.expect(200);
        assert_eq!(arm_refusal(&server, &body["access_token"]).await, None, "{scope}");
    }
    let foreign = [
        ("https://management.azure.com/.default".to_string(), 500_011),
        (format!("{}.evil/.default", server.origin()), 500_011),
        (format!("{}///.default", server.origin()), 500_011),
        ("User.Read".into(), 70011),
    ];
    for (scope, code) in foreign {
        let answer = for_scope(&server, &scope).await;
        assert_eq!((answer.status, aadsts(&answer)), (400, code), "{scope}");
    }
}

#[tokio::test]
async fn bad_requests_are_refused_as_oauth_does() {
    let server = Harness::start().await;
    let cases: [(&str, Fields<'_>, &str); 8] = [
        ("organizations", &[], "invalid_request"),
        ("organizations", &[("grant_type", "implicit")], "unsupported_grant_type"),
        ("organizations", &[("grant_type", "password")], "invalid_request"),
        ("organizations", &[("grant_type", "password"), ("client_id", "evil")], "unauthorized_client"),
        (
            "nobody.example",
            &[("grant_type", "password"), ("client_id", CLI), ("username", "x"), ("password", "y")],
            "invalid_tenant",
        ),
        (
            "organizations",
            &[("grant_type", "authorization_code"), ("client_id", CLI), ("code", "unknown")],
            "invalid_grant",
        ),
        (
            "organizations",
            &[("grant_type", "refresh_token"), ("client_id", CLI), ("refresh_token", "unknown")],
            "invalid_grant",
        ),
        (
            "organizations",
            &[
                ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
                ("client_id", CLI),
                ("device_code", "unknown"),
            ],
            "invalid_grant",
        ),
    ];
    for (place, form, error) in cases {
        let answer = token(&server, place, form).await;
        assert_eq!((answer.status, &answer.body["error"]), (400, &json!(error)), "{form:?}");
        assert_eq!(answer.header("cache-control"), "no-store");
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    let server = Harness::start().await;
    let path = "/organizations/oauth2/v2.0/token";
    let bodies = [
        ("application/json", "{}".to_string()),
        ("application/x-www-form-urlencoded", "grant_type=%FF".into()),
        ("application/x-www-form-urlencoded", "grant_type=password&grant_type=password".into()),
        ("application/x-www-form-urlencoded", "a".repeat(100_000)),
    ];
    for (kind, body) in bodies {
        let request = server.request("POST", path).header("content-type", kind).body(body);
        let answer = server.send(request).await;
        assert_eq!((answer.status, &answer.body["error"]), (400, &json!("invalid_request")));
    }
    assert_eq!(server.anonymous("GET", path).await.status, 405);
}

#[tokio::test]
async fn a_password_changed_in_between_ends_old_sessions() {
    let server = Harness::start().await;
    let body = password(&server, "organizations", "bob@contoso.example", PASSWORD).await.expect(200);
    server.advance(SignedDuration::from_secs(10));
    let now = server.now();
    edit_user(&server, BOB, |user| user.sessions_valid_from = Some(now));
    let answer = refresh(&server, &contoso(), body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(aadsts(&answer), 50173);
    let fresh = password(&server, "organizations", "bob@contoso.example", PASSWORD).await;
    assert_eq!(fresh.status, 200);
}
