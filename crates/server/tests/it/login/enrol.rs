//! People enrol a second factor, lose it, replace it and get it reset.

use data_encoding::BASE32_NOPAD;
use jiff::SignedDuration;

use super::browser::{VERIFIER, open, redeem};
use super::throttle::join_all;
use super::*;
use crate::harness::ALICE;

const ACCOUNT: &str = "/account/security";

/// An authenticator app.
pub struct Authenticator(Vec<u8>);

impl Authenticator {
    /// Scans a page.
    pub fn scan(page: &Answer) -> Self {
        let uri = page.text.split('"').find(|part| part.starts_with("otpauth://"));
        let uri = uri.unwrap_or_else(|| panic!("no secret in {}", page.text)).replace("&#38;", "&");
        let secret = uri.split(['?', '&']).find_map(|part| part.strip_prefix("secret=")).unwrap();
        Self(BASE32_NOPAD.decode(secret.as_bytes()).unwrap())
    }

    pub fn code(&self, server: &Harness) -> String {
        code_of(server, &self.0)
    }
}

/// Signs in at the page of the account with a password.
pub async fn account(server: &Harness) -> Answer {
    let page = server.anonymous("GET", ACCOUNT).await;
    assert_eq!(page.status, 200, "{}", page.text);
    submit(server, &page, &[("username", ALICE_NAME), ("password", PASSWORD)]).await
}

/// Signs in at the page of the account with a password and a code.
async fn account_with(server: &Harness, code: &str) -> Answer {
    submit(server, &account(server).await, &[("code", code)]).await
}

/// Enrols on the page that offers a secret: the recovery codes, and the page that shows them.
pub async fn prove(server: &Harness, page: &Answer) -> (Authenticator, Vec<String>, Answer) {
    let authenticator = Authenticator::scan(page);
    let shown = submit(server, page, &[("code", &authenticator.code(server))]).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    (authenticator, recovery_codes(&shown), shown)
}

/// The codes on a page.
pub fn recovery_codes(page: &Answer) -> Vec<String> {
    let codes = page.text.split("<li><code>").skip(1);
    codes.map(|rest| rest.split('<').next().unwrap().to_string()).collect()
}

/// Alice enrols at the page of her account.
pub async fn enrolled(server: &Harness) -> (Authenticator, Vec<String>) {
    let page = submit(server, &account(server).await, &[("decision", "enrol")]).await;
    let (authenticator, codes, _) = prove(server, &page).await;
    (authenticator, codes)
}

/// The names of what the ledger has of second factors.
fn events(server: &Harness) -> Vec<String> {
    let entries = server.ledger();
    let names = entries.iter().map(|entry| entry.operation.clone());
    names.filter(|name| name.contains("Factor") || name.contains("recoveryCode")).collect()
}

#[tokio::test]
async fn an_authenticator_is_set_up_and_asked_for_from_then_on() {
    let server = Harness::start().await;
    let before = alice(&server).await;
    server.advance(SignedDuration::from_secs(1));
    let page = account(&server).await;
    assert!(page.text.contains("a password alone"), "{}", page.text);
    let offer = submit(&server, &page, &[("decision", "enrol")]).await;
    assert!(offer.text.contains("<svg class=\"qr\"") && offer.text.contains("otpauth://"), "{}", offer.text);
    assert!(offer.header("content-security-policy").contains("script-src 'none'"));
    assert_eq!((offer.header("set-cookie"), offer.header("cache-control")), ("", "no-store"));

    let again = submit(&server, &offer, &[("code", "000000")]).await;
    assert_eq!(again.status, 400);
    assert_eq!(Authenticator::scan(&again).0, Authenticator::scan(&offer).0, "a slip is no new secret");
    let (authenticator, codes, shown) = prove(&server, &again).await;
    assert_eq!(codes.len(), 10);
    let overview = submit(&server, &shown, &[("decision", "continue")]).await;
    assert!(overview.text.contains("10 recovery codes are") && !overview.text.contains(&codes[0]));

    // Whoever signed in before with the password alone is out.
    let refreshed = refresh(&server, &contoso(), before["refresh_token"].as_str().unwrap()).await;
    assert_eq!(aadsts(&refreshed), 50173);
    assert!(arm_refusal(&server, &before["access_token"]).await.is_some());
    assert_eq!(aadsts(&password(&server, "organizations", ALICE_NAME, PASSWORD).await), 50076);
    // The code that proved it is used up; the next one signs in.
    let used = password_with(&server, "organizations", &[("otp", &authenticator.code(&server))]).await;
    assert_eq!(aadsts(&used), 50126);
    server.advance(SignedDuration::from_secs(30));
    let code = authenticator.code(&server);
    let body = password_with(&server, "organizations", &[("otp", &code)]).await.expect(200);
    assert_eq!(claims(&body["access_token"])["amr"], serde_json::json!(["pwd", "otp", "mfa"]));

    let entries = server.ledger();
    let entry = entries.iter().find(|entry| entry.operation == "directory.secondFactor.enrol").unwrap();
    assert_eq!(entry.actor.name, ALICE_NAME);
    assert_eq!(
        (entry.actor.authentication.join(" "), entry.facts["provedBy"].as_str()),
        ("pwd".into(), "password")
    );
    let written = serde_json::to_string(&entries).unwrap();
    assert!(!written.contains(&codes[0]) && !written.contains(&BASE32_NOPAD.encode(&authenticator.0)));
}

#[tokio::test]
async fn a_code_counts_once_whatever_way_it_takes() {
    let server = Harness::start().await;
    enrol(&server, ALICE);
    let code = authenticator(&server);
    let sign_in = [("username", ALICE_NAME), ("password", PASSWORD)];
    let second = submit(&server, &open(&server, "organizations", &[]).await, &sign_in).await;
    password_with(&server, "organizations", &[("otp", &code)]).await.expect(200);
    let again = submit(&server, &second, &[("code", &code)]).await;
    assert_eq!(again.status, 400, "used with the other grant");
    server.advance(SignedDuration::from_secs(30));
    let next = authenticator(&server);
    assert_eq!(submit(&server, &again, &[("code", &next)]).await.status, 200);
    assert_eq!(aadsts(&password_with(&server, "organizations", &[("otp", &next)]).await), 50126);
}

#[tokio::test]
async fn a_recovery_code_signs_in_once() {
    let server = Harness::start().await;
    let (_, codes) = enrolled(&server).await;
    let sign_in = [("username", ALICE_NAME), ("password", PASSWORD)];
    let page = submit(&server, &open(&server, "organizations", &[]).await, &sign_in).await;
    let typed = codes[4].to_lowercase().replace('-', " ");
    let done = submit(&server, &page, &[("code", &typed)]).await;
    let body = redeem(&server, "organizations", &field(&done, "code"), VERIFIER).await.expect(200);
    assert_eq!(claims(&body["access_token"])["amr"], serde_json::json!(["pwd", "mfa"]));

    let page = submit(&server, &open(&server, "organizations", &[]).await, &sign_in).await;
    assert_eq!(submit(&server, &page, &[("code", &codes[4])]).await.status, 400, "used");
    assert_eq!(aadsts(&password_with(&server, "organizations", &[("otp", &codes[4])]).await), 50126);
    password_with(&server, "organizations", &[("otp", &codes[5])]).await.expect(200);
    let used = server.ledger().into_iter().filter(|entry| entry.operation == "directory.signIn.recoveryCode");
    let left: Vec<String> = used.map(|entry| entry.facts["left"].clone()).collect();
    assert_eq!(left, ["9", "8"]);
}

#[tokio::test]
async fn recovery_codes_cannot_be_guessed() {
    let server = Harness::start().await;
    let (_, codes) = enrolled(&server).await;
    // At the same time, so that none of them has to wait for the count of another.
    let guesses: Vec<String> = ('A'..='X').map(|letter| format!("AAAA-AAAA-AAAA-AAA{letter}")).collect();
    let forms: Vec<[(&str, &str); 1]> = guesses.iter().map(|guess| [("otp", guess.as_str())]).collect();
    let answers = join_all(forms.iter().map(|form| password_with(&server, "organizations", form))).await;
    let looked_at = answers.iter().filter(|answer| aadsts(answer) == 50126).count();
    assert_eq!((looked_at, answers.len()), (10, 24));
    let locked = password_with(&server, "organizations", &[("otp", &codes[0])]).await;
    assert_eq!(aadsts(&locked), 50053, "the right one does not help while the lock holds");
    server.advance(SignedDuration::from_secs(60));
    password_with(&server, "organizations", &[("otp", &codes[0])]).await.expect(200);
}

#[tokio::test]
async fn new_recovery_codes_void_the_old_ones() {
    let server = Harness::start().await;
    let (_, codes) = enrolled(&server).await;
    let overview = account_with(&server, &codes[0]).await;
    let shown = submit(&server, &overview, &[("decision", "renew")]).await;
    let fresh = recovery_codes(&shown);
    assert_eq!(fresh.len(), 10);
    assert_eq!(aadsts(&password_with(&server, "organizations", &[("otp", &codes[1])]).await), 50126);
    password_with(&server, "organizations", &[("otp", &fresh[1])]).await.expect(200);
    assert!(events(&server).contains(&"directory.secondFactor.renewRecoveryCodes".into()));
}

#[tokio::test]
async fn a_factor_is_replaced_or_removed_with_the_old_one() {
    let server = Harness::start().await;
    let (old, codes) = enrolled(&server).await;
    server.advance(SignedDuration::from_secs(30));
    let overview = account_with(&server, &old.code(&server)).await;
    let offer = submit(&server, &overview, &[("decision", "enrol")]).await;
    assert!(offer.text.contains("takes the place"), "{}", offer.text);
    let (new, fresh, _) = prove(&server, &offer).await;
    server.advance(SignedDuration::from_secs(30));
    for dead in [old.code(&server), codes[0].clone()] {
        assert_eq!(aadsts(&password_with(&server, "organizations", &[("otp", &dead)]).await), 50126);
    }
    password_with(&server, "organizations", &[("otp", &new.code(&server))]).await.expect(200);

    let overview = account_with(&server, &fresh[0]).await;
    let gone = submit(&server, &overview, &[("decision", "remove")]).await;
    assert!(gone.text.contains("was removed"), "{}", gone.text);
    let body = password(&server, "organizations", ALICE_NAME, PASSWORD).await.expect(200);
    assert_eq!(claims(&body["access_token"])["amr"], serde_json::json!(["pwd"]));
    let names = events(&server);
    assert_eq!(names.iter().filter(|name| name.ends_with(".enrol")).count(), 2);
    assert!(names.contains(&"directory.secondFactor.remove".into()));
}

#[tokio::test]
async fn a_page_opened_with_the_password_alone_does_not_reach_a_factor_enrolled_since() {
    let server = Harness::start().await;
    let (thief, other) = (account(&server).await, account(&server).await);
    let offer = submit(&server, &account(&server).await, &[("decision", "enrol")]).await;
    let (authenticator, _) = enrolled(&server).await;
    for (page, decision) in [(&thief, "remove"), (&other, "enrol")] {
        let refused = submit(&server, page, &[("decision", decision)]).await;
        assert_eq!(refused.status, 400);
        assert!(refused.text.contains("AADSTS50173"), "{}", refused.text);
    }
    let own = Authenticator::scan(&offer).code(&server);
    assert_eq!(submit(&server, &offer, &[("code", &own)]).await.status, 400, "nor does an offer from before");
    server.advance(SignedDuration::from_secs(30));
    password_with(&server, "organizations", &[("otp", &authenticator.code(&server))]).await.expect(200);
}

#[tokio::test]
async fn the_pages_of_an_account_count_for_ten_minutes_and_from_here_alone() {
    let server = Harness::start().await;
    let offer = submit(&server, &account(&server).await, &[("decision", "enrol")]).await;
    let code = Authenticator::scan(&offer).code(&server);
    let transaction = field(&offer, "transaction");
    let form = [("transaction", transaction.as_str()), ("code", code.as_str())];
    let foreign = server.request("POST", ACCOUNT).header("origin", "https://evil.example").form(&form);
    assert_eq!(server.send(foreign).await.status, 403);
    server.advance(SignedDuration::from_mins(10));
    let late = submit(&server, &offer, &[("code", &Authenticator::scan(&offer).code(&server))]).await;
    assert_eq!(late.status, 400);
    password(&server, "organizations", ALICE_NAME, PASSWORD).await.expect(200);
}
