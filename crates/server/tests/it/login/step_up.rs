//! A client asks for more than a sign-in showed, and roles do.

use directory::{AuthenticationContext, SignInPolicy};
use jiff::SignedDuration;
use serde_json::json;

use super::browser::{VERIFIER, open, redeem};
use super::enrol::{enrolled, prove};
use super::*;
use crate::harness::{ALICE, ALICE_GUEST, FABSEC, SAM};
use crate::pim::{guarded, make_eligible, name_approver, new_id, pim, role, sam};

const WANTS_C1: &str =
    r#"{"access_token": {"acrs": {"essential": true, "value": "c1"}, "xms_cc": {"values": ["CP1"]}}}"#;
const WANTS_C2: &str = r#"{"access_token": {"acrs": {"essential": true, "values": ["c2"]}}}"#;

/// The context `c2` at Contoso or Fabrikam: a second factor of the last quarter of an hour.
fn demand_fresh(server: &Harness, tenant: TenantId) {
    server.seed(|tx| {
        let mut policy = SignInPolicy::default_of(tenant);
        policy.contexts.push(AuthenticationContext {
            id: "c2".into(),
            name: "Fresh".into(),
            max_age: Some(900),
        });
        tx.put(&policy)
    });
}

#[tokio::test]
async fn who_has_no_factor_enrols_one_in_the_middle_of_a_sign_in() {
    let server = Harness::start().await;
    let page = open(&server, "organizations", &[("claims", WANTS_C1)]).await;
    let offer = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
    let (_, codes, shown) = prove(&server, &offer).await;
    assert_eq!(codes.len(), 10);
    let done = submit(&server, &shown, &[("decision", "continue")]).await;
    assert_eq!(action(&done), "http://localhost:54321", "{}", done.text);
    let body = redeem(&server, "organizations", &field(&done, "code"), VERIFIER).await.expect(200);
    let access = claims(&body["access_token"]);
    assert_eq!((&access["acrs"], &access["amr"]), (&json!(["c1", "p1"]), &json!(["pwd", "otp", "mfa"])));
    assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
}

#[tokio::test]
async fn a_context_that_the_directory_does_not_know_is_told_on_the_page() {
    let server = Harness::start().await;
    let page = open(&server, "organizations", &[("claims", WANTS_C2)]).await;
    let answer = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text.contains("no authentication context"), "{}", answer.text);
}

#[tokio::test]
async fn a_refresh_does_not_step_up() {
    let server = Harness::start().await;
    let body = alice(&server).await;
    assert_eq!(claims(&body["access_token"])["acrs"], Value::Null);
    let refresh_token = body["refresh_token"].as_str().unwrap();
    let refused = refresh_with(&server, &contoso(), refresh_token, &[("claims", WANTS_C1)]).await;
    assert_eq!((refused.status, aadsts(&refused)), (400, 50079), "{}", refused.text);
    assert_eq!(
        (&refused.body["error"], &refused.body["suberror"]),
        (&json!("interaction_required"), &json!("basic_action"))
    );
    let asked: Value = serde_json::from_str(refused.body["claims"].as_str().unwrap()).unwrap();
    assert_eq!(asked, json!({"access_token": {"acrs": {"essential": true, "values": ["c1"]}}}));
    assert!(refused.text.contains("/account/security"), "{}", refused.text);
    refresh(&server, &contoso(), refresh_token).await.expect(200);
    let refused = password_with(&server, "organizations", &[("claims", WANTS_C1)]).await;
    assert_eq!(aadsts(&refused), 50079);
}

#[tokio::test]
async fn a_context_may_want_a_sign_in_of_the_last_minutes() {
    let server = Harness::start().await;
    demand_fresh(&server, CONTOSO);
    enrol(&server, ALICE);
    let wants = [("claims", WANTS_C2), ("otp", &authenticator(&server))];
    let body = password_with(&server, "organizations", &wants).await.expect(200);
    assert_eq!(claims(&body["access_token"])["acrs"], json!(["c1", "c2", "p1"]));
    let refresh_token = body["refresh_token"].as_str().unwrap();
    server.advance(SignedDuration::from_mins(15));
    refresh_with(&server, &contoso(), refresh_token, &[("claims", WANTS_C2)]).await.expect(200);
    server.advance(SignedDuration::from_secs(1));
    let refused = refresh_with(&server, &contoso(), refresh_token, &[("claims", WANTS_C2)]).await;
    assert_eq!((aadsts(&refused), &refused.body["error"]), (50076, &json!("interaction_required")));
    let body = refresh(&server, &contoso(), refresh_token).await.expect(200);
    assert_eq!(claims(&body["access_token"])["acrs"], json!(["c1", "p1"]));
}

#[tokio::test]
async fn a_device_that_asks_for_a_context_gets_its_person_a_factor() {
    let server = Harness::start().await;
    let scope = arm_scope(&server);
    let form = [("client_id", CLI), ("scope", scope.as_str()), ("claims", WANTS_C1)];
    let started = post(&server, "/organizations/oauth2/v2.0/devicecode", &form).await.expect(200);
    let page = server.anonymous("GET", "/device").await;
    let page = submit(&server, &page, &[("user_code", started["user_code"].as_str().unwrap())]).await;
    let page = submit(&server, &page, &[("decision", "continue")]).await;
    let offer = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
    let (_, _, shown) = prove(&server, &offer).await;
    let done = submit(&server, &shown, &[("decision", "continue")]).await;
    assert!(done.text.contains("You are signed in"), "{}", done.text);
    let form = [
        ("client_id", CLI),
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", started["device_code"].as_str().unwrap()),
        ("claims", WANTS_C1),
    ];
    let body = token(&server, "organizations", &form).await.expect(200);
    assert_eq!(claims(&body["access_token"])["acrs"], json!(["c1", "p1"]));
}

/// Sets one rule of the operator's role on the guard.
async fn rule(server: &Harness, rule: Value) -> Answer {
    let filter = format!("roleManagementPolicyAssignments?$filter=roleDefinitionId eq '{}'", role());
    let policy = server.as_(SAM).get(&pim(&filter)).await.expect(200);
    let policy = policy["value"][0]["properties"]["policyId"].as_str().unwrap().to_string();
    server.as_(SAM).patch(&policy, json!({"properties": {"rules": [rule]}})).await
}

fn wants_mfa(requirements: Value) -> Value {
    json!({"id": "Enablement_EndUser_Assignment", "ruleType": "RoleManagementPolicyEnablementRule",
        "enabledRules": requirements})
}

fn wants_context(context: &str) -> Value {
    json!({"id": "AuthenticationContext_EndUser_Assignment",
        "ruleType": "RoleManagementPolicyAuthenticationContextRule",
        "isEnabled": !context.is_empty(), "claimValue": context})
}

/// Alice, a guest of the security team, asks for the role with a token of hers.
async fn activate(server: &Harness, token: &Value) -> Answer {
    let path = pim(&format!("roleAssignmentScheduleRequests/{}?api-version=2020-10-01", new_id()));
    let body = json!({"properties": {"principalId": ALICE_GUEST, "roleDefinitionId": role(),
        "requestType": "SelfActivate", "justification": "ticket 1",
        "scheduleInfo": {"expiration": {"type": "AfterDuration", "duration": "PT1H"}}}});
    server.send(server.request("PUT", &path).bearer_auth(token.as_str().unwrap()).json(&body)).await
}

/// A guard whose operator's role Alice may ask for.
async fn eligible() -> Harness {
    let server = guarded().await;
    name_approver(&server, sam()).await.expect(200);
    make_eligible(&server, ALICE_GUEST).await.expect(201);
    server
}

/// Alice's token as a guest, of a client that can or cannot answer a challenge.
async fn guest_token(server: &Harness, code: Option<&str>, capable: bool) -> Value {
    let mut more = Vec::from_iter(code.map(|code| ("otp", code)));
    if capable {
        more.push(("claims", r#"{"access_token": {"xms_cc": {"values": ["CP1"]}}}"#));
    }
    password_with(server, &tenant(FABSEC), &more).await.expect(200)["access_token"].clone()
}

/// What the header of a challenge asks for.
fn challenged(answer: &Answer) -> Value {
    let header = answer.header("www-authenticate");
    assert!(header.contains("error=\"insufficient_claims\""), "{header}");
    let claims = header.split("claims=\"").nth(1).unwrap().trim_end_matches('"');
    assert!(answer.message().contains(&format!("--claims-challenge {claims}")), "{}", answer.message());
    serde_json::from_slice(&base64::engine::general_purpose::STANDARD.decode(claims).unwrap()).unwrap()
}

#[tokio::test]
async fn a_role_that_wants_a_second_factor_gets_one_proved_at_home() {
    let server = eligible().await;
    let wants = wants_mfa(json!(["MultiFactorAuthentication", "Justification"]));
    rule(&server, wants).await.expect(200);
    let refused = activate(&server, &guest_token(&server, None, false).await).await;
    assert_eq!((refused.status, refused.code()), (400, "RoleAssignmentRequestPolicyValidationFailed"));
    assert!(refused.message().contains("[\"MfaRule\"]"), "{}", refused.message());
    assert_eq!(challenged(&refused)["access_token"]["acrs"]["value"], "p1");
    let capable = activate(&server, &guest_token(&server, None, true).await).await;
    assert_eq!((capable.status, capable.code()), (401, "RoleAssignmentRequestPolicyValidationFailed"));

    let (before, plain) = (guest_token(&server, None, true).await, guest_token(&server, None, false).await);
    server.advance(SignedDuration::from_secs(1));
    let (authenticator, _) = enrolled(&server).await;
    // What was signed in before has ended, and a client that keeps its token is asked to get another one.
    let over = activate(&server, &before).await;
    assert_eq!((over.status, over.code()), (401, "InvalidAuthenticationToken"));
    assert!(over.header("www-authenticate").contains("insufficient_claims"), "{:?}", over.headers);
    let over = activate(&server, &plain).await;
    assert_eq!((over.status, over.code()), (401, "InvalidAuthenticationToken"));
    assert!(over.header("www-authenticate").contains("invalid_token"), "{:?}", over.headers);
    server.advance(SignedDuration::from_secs(30));
    let token = guest_token(&server, Some(&authenticator.code(&server)), true).await;
    let asked = activate(&server, &token).await.expect(201);
    assert_eq!(asked["properties"]["status"], "PendingApproval");
    let approval = asked["properties"]["approvalId"].as_str().unwrap();
    let seen = server.as_(SAM).get(approval).await.expect(200);
    let signed_in = &seen["properties"]["request"]["signedIn"];
    assert!(signed_in["amr"].as_array().unwrap().contains(&json!("mfa")), "{signed_in}");
    assert!(signed_in["factorEnrolled"].is_string(), "the approver sees how old the factor is: {signed_in}");
}

#[tokio::test]
async fn a_role_may_want_a_context_which_is_asked_again_when_the_token_is_used() {
    let server = eligible().await;
    demand_fresh(&server, FABSEC);
    rule(&server, wants_context("c2")).await.expect(200);
    let refused = activate(&server, &guest_token(&server, None, false).await).await;
    assert_eq!((refused.status, refused.code()), (400, "RoleAssignmentRequestAcrsValidationFailed"));
    assert_eq!(challenged(&refused), json!({"access_token": {"acrs": {"essential": true, "value": "c2"}}}));
    assert_eq!(activate(&server, &guest_token(&server, None, true).await).await.status, 401);

    enrol(&server, ALICE);
    let token = guest_token(&server, Some(&authenticator(&server)), true).await;
    assert_eq!(claims(&token)["acrs"], json!(["c1", "c2", "p1"]));
    server.advance(SignedDuration::from_secs(901));
    let stale = activate(&server, &token).await;
    assert_eq!((stale.status, stale.code()), (401, "RoleAssignmentRequestAcrsValidationFailed"));
    let token = guest_token(&server, Some(&authenticator(&server)), true).await;
    activate(&server, &token).await.expect(201);
}

#[tokio::test]
async fn a_role_wants_a_second_factor_or_a_context_and_not_both() {
    let server = eligible().await;
    rule(&server, wants_context("c1")).await.expect(200);
    let both = rule(&server, wants_mfa(json!(["MultiFactorAuthentication"]))).await;
    assert_eq!(both.status, 400, "{}", both.text);
    rule(&server, wants_context("")).await.expect(200);
    rule(&server, wants_mfa(json!(["MultiFactorAuthentication"]))).await.expect(200);
    assert_eq!(rule(&server, wants_context("c1")).await.status, 400);
}
