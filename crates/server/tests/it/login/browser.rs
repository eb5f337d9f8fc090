//! Signing in with a browser: the authorization code grant with PKCE.

use jiff::SignedDuration;
use ledger::Digest;

use super::*;
use crate::harness::{ALICE, ALICE_GUEST, FABSEC};

pub const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const REDIRECT: &str = "http://localhost:54321";

/// What az puts into the address of the page; later ones replace earlier ones.
fn authorize(server: &Harness, place: &str, changes: &[(&str, &str)]) -> String {
    let challenge = URL_SAFE_NO_PAD.encode(Digest::of(VERIFIER.as_bytes()).as_bytes());
    let scope = arm_scope(server);
    let mut parameters = vec![
        ("client_id", CLI),
        ("response_type", "code"),
        ("redirect_uri", REDIRECT),
        ("scope", scope.as_str()),
        ("state", "st&te\"<>"),
        ("nonce", "nonce-1"),
        ("code_challenge", challenge.as_str()),
        ("code_challenge_method", "S256"),
        ("response_mode", "form_post"),
        ("prompt", "select_account"),
        ("client_info", "1"),
    ];
    for (name, value) in changes {
        parameters.retain(|(known, _)| known != name);
        if !value.is_empty() {
            parameters.push((name, value));
        }
    }
    let query: Vec<String> = parameters
        .iter()
        .map(|(name, value)| {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("{name}={value}")
        })
        .collect();
    format!("/{place}/oauth2/v2.0/authorize?{}", query.join("&"))
}

pub async fn open(server: &Harness, place: &str, changes: &[(&str, &str)]) -> Answer {
    server.anonymous("GET", &authorize(server, place, changes)).await
}

async fn signed_in_page(server: &Harness, place: &str) -> Answer {
    let page = open(server, place, &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let fields = [("username", ALICE_NAME), ("password", PASSWORD)];
    submit(server, &page, &fields).await
}

pub async fn redeem(server: &Harness, place: &str, code: &str, verifier: &str) -> Answer {
    let scope = arm_scope(server);
    let form = [
        ("client_id", CLI),
        ("grant_type", "authorization_code"),
        ("code", code),
        ("code_verifier", verifier),
        ("redirect_uri", REDIRECT),
        ("scope", scope.as_str()),
        ("client_info", "1"),
    ];
    token(server, place, &form).await
}

#[tokio::test]
async fn a_browser_brings_the_code_by_a_form() {
    let server = Harness::start().await;
    let page = signed_in_page(&server, "organizations").await;
    assert_eq!(page.status, 200, "{}", page.text);
    assert_eq!(action(&page), REDIRECT);
    assert!(page.text.contains(r#"name="state" value="st&#38;te&#34;&#60;&#62;""#), "{}", page.text);
    assert!(page.text.contains("<button"), "it works without script, too");
    let policy = page.header("content-security-policy");
    assert!(policy.contains("form-action 'self' http://localhost:54321;"), "{policy}");
    assert!(policy.contains("script-src 'self'") && policy.contains("frame-ancestors 'none'"));

    let body = redeem(&server, "organizations", &field(&page, "code"), VERIFIER).await.expect(200);
    let access = claims(&body["access_token"]);
    assert_eq!(access["oid"], ALICE.to_string());
    assert_eq!(claims(&body["id_token"])["nonce"], "nonce-1");
    assert_eq!(arm_refusal(&server, &body["access_token"]).await, None);
}

#[tokio::test]
async fn a_browser_brings_the_code_in_the_address() {
    let server = Harness::start().await;
    let page = open(&server, &tenant(FABSEC), &[("response_mode", "query")]).await;
    assert!(page.text.contains("Fabrikam Security"), "{}", page.text);
    assert!(page.header("content-security-policy").contains(REDIRECT));
    let fields = [("username", ALICE_NAME), ("password", PASSWORD)];
    let answer = submit(&server, &page, &fields).await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    let address = answer.header("location").to_string();
    let query = address.strip_prefix("http://localhost:54321?").unwrap();
    let values: Vec<(&str, &str)> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let value = |name: &str| values.iter().find(|(known, _)| *known == name).unwrap().1;
    assert_eq!(value("state"), "st%26te%22%3C%3E");
    let code = value("code").replace("%5F", "_").replace("%2D", "-");
    let body = redeem(&server, &tenant(FABSEC), &code, VERIFIER).await.expect(200);
    assert_eq!(claims(&body["access_token"])["oid"], ALICE_GUEST.to_string());
}

#[tokio::test]
async fn the_request_may_come_as_a_form() {
    let server = Harness::start().await;
    let path = authorize(&server, "organizations", &[]);
    let (path, query) = path.split_once('?').unwrap();
    let request = server
        .request("POST", path)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(query.to_string());
    let page = server.send(request).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("type=\"password\""));
}

#[tokio::test]
async fn a_code_goes_to_the_client_that_asked_and_once() {
    let server = Harness::start().await;
    let page = signed_in_page(&server, "organizations").await;
    let code = field(&page, "code");
    let wrong = redeem(&server, "organizations", &code, &"x".repeat(43)).await;
    assert_eq!((wrong.status, aadsts(&wrong)), (400, 501_481));
    let elsewhere = redeem(&server, &tenant(FABSEC), &code, VERIFIER).await;
    assert_eq!(aadsts(&elsewhere), 70000);

    let body = redeem(&server, "organizations", &code, VERIFIER).await.expect(200);
    let again = redeem(&server, "organizations", &code, VERIFIER).await;
    assert_eq!((again.status, aadsts(&again)), (400, 54005));
    let refreshed = refresh(&server, &contoso(), body["refresh_token"].as_str().unwrap()).await;
    assert_eq!(aadsts(&refreshed), 50173, "a code that came twice has leaked");
    let family = claims(&body["access_token"])["sid"].as_str().unwrap().to_string();
    let revoked: Option<directory::oauth::RevokedFamily> =
        server.running.app().store.transact(|tx| tx.get(&family)).unwrap();
    assert!(revoked.is_some(), "the access tokens end with it");
}

#[tokio::test]
async fn a_code_expires() {
    let server = Harness::start().await;
    let page = signed_in_page(&server, "organizations").await;
    server.advance(SignedDuration::from_mins(10));
    let late = redeem(&server, "organizations", &field(&page, "code"), VERIFIER).await;
    assert_eq!(aadsts(&late), 70008);
}

#[tokio::test]
async fn a_request_at_fault_is_told_on_a_page_and_goes_nowhere() {
    let server = Harness::start().await;
    let cases: [(&str, Fields<'_>, &str); 7] = [
        ("organizations", &[("redirect_uri", "https://evil.example/cb")], "AADSTS50011"),
        ("organizations", &[("redirect_uri", "")], "AADSTS900144"),
        ("organizations", &[("client_id", "evil")], "AADSTS700016"),
        ("organizations", &[("code_challenge", "")], "AADSTS9002325"),
        ("organizations", &[("response_type", "token")], "AADSTS9002313"),
        ("organizations", &[("scope", "https://evil.example/.default")], "AADSTS500011"),
        ("nobody.example", &[], "AADSTS90002"),
    ];
    for (place, changes, code) in cases {
        let page = open(&server, place, changes).await;
        assert_eq!(page.status, 400, "{changes:?}");
        assert!(page.header("content-type").starts_with("text/html"));
        assert!(page.text.contains(code), "{}", page.text);
        assert_eq!(page.header("location"), "");
        assert!(!page.text.contains("<form"), "{}", page.text);
    }
}

/// There is no session in the browser, so that whatever a client says of its age, people sign in anew.
#[tokio::test]
async fn nobody_is_signed_in_without_showing_who_they_are_again() {
    let server = Harness::start().await;
    let before = signed_in_page(&server, "organizations").await;
    redeem(&server, "organizations", &field(&before, "code"), VERIFIER).await.expect(200);
    server.advance(SignedDuration::from_secs(60));
    for more in [("prompt", "login"), ("max_age", "0"), ("max_age", "3600")] {
        let page = open(&server, "organizations", &[more]).await;
        assert!(page.text.contains("type=\"password\""), "{more:?}");
        let done = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
        let body = redeem(&server, "organizations", &field(&done, "code"), VERIFIER).await.expect(200);
        assert_eq!(claims(&body["id_token"])["auth_time"], server.now().as_second(), "{more:?}");
    }
    let silent = open(&server, "organizations", &[("prompt", "none")]).await;
    assert_eq!((action(&silent).as_str(), field(&silent, "error").as_str()), (REDIRECT, "login_required"));
    assert_eq!(field(&silent, "state"), field(&before, "state"));
    let foreign = [("prompt", "none"), ("redirect_uri", "https://evil.example")];
    assert_eq!(open(&server, "organizations", &foreign).await.status, 400, "told on a page, sent nowhere");
}

#[tokio::test]
async fn a_failed_sign_in_keeps_the_name_and_tells_nothing() {
    let server = Harness::start().await;
    let mut texts = Vec::new();
    for name in [ALICE_NAME, "nobodys@contoso.exampl"] {
        let page = open(&server, "organizations", &[]).await;
        let again = submit(&server, &page, &[("username", name), ("password", "wrong-password")]).await;
        assert_eq!(again.status, 400);
        assert_eq!(field(&again, "username"), name);
        assert!(!again.text.contains("wrong-password"));
        let transaction = field(&again, "transaction");
        texts.push(again.text.replace(name, "NAME").replace(&transaction, "SECRET"));
        let fields = [("username", ALICE_NAME), ("password", PASSWORD)];
        let done = submit(&server, &again, &fields).await;
        assert_eq!((done.status, action(&done).as_str()), (200, REDIRECT));
    }
    assert_eq!(texts[0], texts[1]);
    let hostile = open(&server, "organizations", &[("login_hint", "\"><script>x</script>")]).await;
    assert!(!hostile.text.contains("<script>"), "{}", hostile.text);
}

#[tokio::test]
async fn a_locked_account_is_told_on_the_page() {
    let server = Harness::start().await;
    let mut page = open(&server, "organizations", &[]).await;
    for _ in 0..10 {
        page = submit(&server, &page, &[("username", ALICE_NAME), ("password", "wrong-password")]).await;
        assert_eq!(page.status, 400);
    }
    let page = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
    assert_eq!(page.status, 429);
    assert!(!page.header("retry-after").is_empty());
    assert!(page.text.contains("Wait a few minutes"), "{}", page.text);
    server.advance(SignedDuration::from_secs(60));
    let done = submit(&server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await;
    assert_eq!(action(&done), REDIRECT);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_on_its_own_page() {
    let server = Harness::start().await;
    enrol(&server, ALICE);
    let page = signed_in_page(&server, "organizations").await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("one-time-code") && page.text.contains(ALICE_NAME), "{}", page.text);
    assert!(!page.text.contains(PASSWORD), "the password stays on the server");
    let page = submit(&server, &page, &[("code", "000000")]).await;
    assert_eq!(page.status, 400);
    let page = submit(&server, &page, &[("code", "")]).await;
    assert_eq!(page.status, 200, "nothing typed is no guess");
    let code = authenticator(&server);
    let done = submit(&server, &page, &[("code", &code)]).await;
    let body = redeem(&server, "organizations", &field(&done, "code"), VERIFIER).await.expect(200);
    let access = claims(&body["access_token"]);
    assert_eq!(access["amr"], serde_json::json!(["pwd", "otp", "mfa"]));

    let page = signed_in_page(&server, "organizations").await;
    let replayed = submit(&server, &page, &[("code", &code)]).await;
    assert_eq!(replayed.status, 400, "a code works once");
    server.advance(SignedDuration::from_secs(30));
    let done = submit(&server, &replayed, &[("code", &authenticator(&server))]).await;
    assert_eq!(action(&done), REDIRECT);
}

#[tokio::test]
async fn a_second_factor_cannot_be_guessed() {
    let server = Harness::start().await;
    enrol(&server, ALICE);
    let mut page = signed_in_page(&server, "organizations").await;
    for _ in 0..10 {
        page = submit(&server, &page, &[("code", "000000")]).await;
        assert_eq!(page.status, 400);
    }
    let page = submit(&server, &page, &[("code", &authenticator(&server))]).await;
    assert_eq!(page.status, 429, "the right code does not help while the lock holds");
}

#[tokio::test]
async fn a_password_changed_before_the_code_does_not_sign_in() {
    let server = Harness::start().await;
    enrol(&server, ALICE);
    let page = signed_in_page(&server, "organizations").await;
    edit_user(&server, ALICE, |user| {
        user.password = Some(directory::PasswordHash::new("another password", [9; 16]).unwrap());
    });
    let page = submit(&server, &page, &[("code", &authenticator(&server))]).await;
    assert_eq!(page.status, 400);
}

#[tokio::test]
async fn forms_count_once_for_a_while_and_from_our_pages_alone() {
    let server = Harness::start().await;
    let fields = [("username", ALICE_NAME), ("password", PASSWORD)];
    let page = open(&server, "organizations", &[]).await;
    assert_eq!(submit(&server, &page, &fields).await.status, 200);
    let twice = submit(&server, &page, &fields).await;
    assert_eq!(twice.status, 400);
    assert!(!twice.text.contains("name=\"code\""));

    let page = open(&server, "organizations", &[]).await;
    server.advance(SignedDuration::from_mins(10));
    assert_eq!(submit(&server, &page, &fields).await.status, 400);

    let page = open(&server, "organizations", &[]).await;
    let transaction = field(&page, "transaction");
    let form = [("transaction", transaction.as_str()), ("username", ALICE_NAME), ("password", PASSWORD)];
    let foreign = [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
    ];
    for (header, value) in foreign {
        let request = server.request("POST", &action(&page)).header(header, value).form(&form);
        let refused = server.send(request).await;
        assert_eq!(refused.status, 403, "{header}: {value}");
    }
    assert_eq!(submit(&server, &page, &fields).await.status, 200, "what was refused did not use it up");
}

#[tokio::test]
async fn pages_are_protected_and_bring_what_they_need() {
    let server = Harness::start().await;
    let page = open(&server, "organizations", &[]).await;
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    assert!(policy.contains("script-src 'none'") && policy.contains("base-uri 'none'"));
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cache-control"), "no-store");
    assert_eq!(page.header("referrer-policy"), "same-origin");
    assert_eq!(page.header("set-cookie"), "");
    let assets: Vec<String> =
        page.text.split('"').filter(|part| part.starts_with("/assets/")).map(String::from).collect();
    assert!(assets.len() >= 2, "{}", page.text);
    for asset in assets.iter().chain([&"/assets/form-post.js".to_string()]) {
        let answer = server.anonymous("GET", asset).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert!(answer.header("cache-control").contains("immutable"));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let path = format!("/{}/oauth2/v2.0/logout", contoso());
    let logout = server.anonymous("GET", &path).await;
    assert_eq!((logout.status, logout.header("location")), (200, ""));
}
