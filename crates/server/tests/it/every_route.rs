//! Bad input on every route of the control plane: an ARM error each time, never a server's failure, nothing changed.

use jiff::SignedDuration;
use server::arm::route::{Method, Needs, Route};
use server::arm::routes::ROUTES;

use crate::harness::{ALICE, Answer, BACKUP_SUB, BOB, Harness, SAM};

/// A path that the route's pattern matches, in a subscription and a group that exist.
fn path(route: &Route) -> String {
    let scope = format!("/subscriptions/{BACKUP_SUB}/resourceGroups/rg");
    let pattern = route.pattern.replace("{scope}", &scope);
    let segments = pattern.split('/').map(|segment| match segment {
        "{subscription}" => BACKUP_SUB.to_string(),
        "{group}" => "rg".into(),
        "{name}" | "{stage}" => "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f".into(),
        segment if segment.starts_with('{') => "x".into(),
        segment => segment.to_string(),
    });
    segments.collect::<Vec<_>>().join("/")
}

fn routes() -> impl Iterator<Item = &'static Route> {
    ROUTES.iter().copied().flatten()
}

async fn server() -> Harness {
    let server = Harness::start().await;
    let group = format!("/subscriptions/{BACKUP_SUB}/resourceGroups/rg");
    server.as_(ALICE).put(&group, serde_json::json!({"location": "westeurope"})).await.expect(201);
    server
}

async fn send(server: &Harness, route: &Route, token: Option<&str>, query: &str, body: &str) -> Answer {
    let request = server.request(route.method.as_str(), &format!("{}{query}", path(route)));
    let request = match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    };
    let request = request.header("content-type", "application/json").body(body.to_string());
    server.send(request).await
}

/// Asserts an ARM error: a status in the four hundreds, a code and a message.
#[track_caller]
fn assert_refused(answer: &Answer, route: &Route, what: &str) {
    let name = format!("{} {} with {what}", route.method.as_str(), route.pattern);
    assert!((400..500).contains(&answer.status), "{name}: {} {}", answer.status, answer.text);
    assert!(!code_of(answer).is_empty(), "{name}");
    // An answer to HEAD has no body by its nature.
    if route.method != Method::Head {
        assert!(!answer.code().is_empty() && !answer.message().is_empty(), "{name}: {}", answer.text);
    }
}

/// ARM's error code, which a header repeats.
fn code_of(answer: &Answer) -> &str {
    answer.header("x-ms-error-code")
}

const VERSION: &str = "?api-version=2026-08-01";

#[tokio::test]
async fn whoever_is_not_signed_in_for_this_tenant_gets_nowhere() {
    let server = server().await;
    let before = server.ledger().len();
    let expired = server.token(ALICE);
    server.advance(SignedDuration::from_hours(1));
    let foreign = server.token(SAM);
    let other_audience = server.token_for(ALICE, "https://localhost:1", &["pwd"]);
    let (_, signature) = expired.rsplit_once('.').unwrap();
    let unsigned = expired.replace(signature, "");
    for route in routes() {
        for (token, code) in [
            (None, "AuthenticationFailed"),
            (Some("garbage"), "InvalidAuthenticationToken"),
            (Some(unsigned.as_str()), "InvalidAuthenticationToken"),
            (Some(expired.as_str()), "ExpiredAuthenticationToken"),
            (Some(other_audience.as_str()), "InvalidAuthenticationToken"),
        ] {
            let answer = send(&server, route, token, VERSION, "{}").await;
            assert_eq!((answer.status, code_of(&answer)), (401, code), "{} {code}", route.pattern);
            assert!(answer.header("www-authenticate").starts_with("Bearer "));
        }
        if path(route).starts_with("/subscriptions/") {
            let answer = send(&server, route, Some(&foreign), VERSION, "{}").await;
            let code = "InvalidAuthenticationTokenTenant";
            assert_eq!((answer.status, code_of(&answer)), (401, code), "{}", route.pattern);
        }
    }
    assert_eq!(server.ledger().len(), before);
}

#[tokio::test]
async fn whoever_lacks_the_right_is_told_which_and_where() {
    let server = server().await;
    let before = server.ledger().len();
    let bob = server.token(BOB);
    for route in routes() {
        let Needs::Action(action) = route.needs else { continue };
        let answer = send(&server, route, Some(&bob), VERSION, "{}").await;
        assert_eq!((answer.status, code_of(&answer)), (403, "AuthorizationFailed"), "{}", route.pattern);
        if route.method != Method::Head {
            assert!(answer.message().contains(action), "{}: {}", route.pattern, answer.message());
            assert!(answer.message().contains("/subscriptions/"), "{}", answer.message());
        }
    }
    assert_eq!(server.ledger().len(), before);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let server = server().await;
    let before = server.ledger().len();
    let alice = server.token(ALICE);
    let deep = format!("{}1{}", "[".repeat(500), "]".repeat(500));
    let long = format!("{{\"x\": \"{}\"}}", "y".repeat(5 * 1024 * 1024));
    for route in routes() {
        for (what, query, body) in [
            ("no api-version", "", "{}"),
            ("an api-version that is none", "?api-version=latest", "{}"),
            ("half a JSON object", VERSION, "{"),
            ("JSON that is too deep", VERSION, deep.as_str()),
            ("text that is not UTF-8", "?api-version=2026-08-01&x=%ff", "{}"),
            ("a body that is too long", VERSION, long.as_str()),
        ] {
            assert_refused(&send(&server, route, Some(&alice), query, body).await, route, what);
        }
        if matches!(route.method.as_str(), "PUT" | "PATCH") {
            for body in ["", "null", "[1]", "\"x\"", "5", "{\"properties\": 5}", "{\"properties\": [1]}"] {
                assert_refused(&send(&server, route, Some(&alice), VERSION, body).await, route, body);
            }
        }
    }
    assert_eq!(server.ledger().len(), before);
}
