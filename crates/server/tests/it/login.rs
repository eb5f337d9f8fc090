//! Signing in, through HTTPS, as clients and browsers do.

pub mod browser;
pub mod device;
mod discovery;
pub mod enrol;
mod grants;
mod refresh;
mod step_up;
pub mod throttle;

use arm::{ObjectId, TenantId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use directory::{Totp, TotpSecret, User};
use serde_json::Value;

use crate::harness::{Answer, CONTOSO, Harness, PASSWORD};

pub const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
pub const ALICE_NAME: &str = "alice@contoso.example";
const TOTP_SEED: [u8; 20] = *b"12345678901234567890";

/// A form.
pub type Fields<'a> = &'a [(&'a str, &'a str)];

/// What az asks for.
pub fn arm_scope(server: &Harness) -> String {
    format!("{}/.default offline_access openid profile", server.origin())
}

pub async fn post(server: &Harness, path: &str, form: &[(&str, &str)]) -> Answer {
    server.send(server.request("POST", path).form(form)).await
}

/// Asks the token endpoint of a tenant.
pub async fn token(server: &Harness, tenant: &str, form: &[(&str, &str)]) -> Answer {
    post(server, &format!("/{tenant}/oauth2/v2.0/token"), form).await
}

/// The password grant as MSAL sends it.
pub async fn password(server: &Harness, tenant: &str, username: &str, password: &str) -> Answer {
    let scope = arm_scope(server);
    let form = [
        ("client_id", CLI),
        ("grant_type", "password"),
        ("client_info", "1"),
        ("claims", r#"{"access_token": {"xms_cc": {"values": ["CP1"]}}}"#),
        ("username", username),
        ("password", password),
        ("scope", &scope),
    ];
    token(server, tenant, &form).await
}

/// The password grant with more: a code, or claims.
pub async fn password_with(server: &Harness, tenant: &str, more: Fields<'_>) -> Answer {
    let scope = arm_scope(server);
    let mut form = vec![
        ("client_id", CLI),
        ("grant_type", "password"),
        ("username", ALICE_NAME),
        ("password", PASSWORD),
        ("scope", &scope),
    ];
    form.extend(more);
    token(server, tenant, &form).await
}

/// The refresh grant as MSAL sends it.
pub async fn refresh(server: &Harness, tenant: &str, refresh_token: &str) -> Answer {
    refresh_with(server, tenant, refresh_token, &[]).await
}

/// The refresh grant with claims.
pub async fn refresh_with(server: &Harness, tenant: &str, refresh_token: &str, more: Fields<'_>) -> Answer {
    let scope = arm_scope(server);
    let mut form = vec![
        ("client_id", CLI),
        ("grant_type", "refresh_token"),
        ("client_info", "1"),
        ("refresh_token", refresh_token),
        ("scope", &scope),
    ];
    form.extend(more);
    token(server, tenant, &form).await
}

/// Alice's tokens at home.
pub async fn alice(server: &Harness) -> Value {
    password(server, "organizations", ALICE_NAME, PASSWORD).await.expect(200)
}

/// What a token says.
pub fn claims(token: &Value) -> Value {
    let payload = token.as_str().unwrap().split('.').nth(1).unwrap().to_string();
    decoded(&payload)
}

/// JSON in base64url.
pub fn decoded(text: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// Entra's number of a refusal.
pub fn aadsts(answer: &Answer) -> u64 {
    answer.body["error_codes"][0].as_u64().unwrap_or_default()
}

/// What ARM thinks of a token: nothing, or the code of its refusal.
pub async fn arm_refusal(server: &Harness, access_token: &Value) -> Option<String> {
    let request = server
        .request("GET", "/subscriptions?api-version=2022-12-01")
        .bearer_auth(access_token.as_str().unwrap());
    let answer = server.send(request).await;
    (answer.status == 401).then(|| answer.code().to_string())
}

/// Changes a user behind the server's back.
pub fn edit_user(server: &Harness, id: ObjectId, change: impl Fn(&mut User)) {
    let edited = server.running.app().store.transact(|tx| {
        let mut user: User = tx.get(&id.to_string())?.unwrap();
        change(&mut user);
        tx.put(&user)?;
        tx.record(crate::harness::entry(server.now(), "test.editUser"));
        Ok(())
    });
    edited.unwrap();
}

/// Gives a user a second factor.
pub fn enrol(server: &Harness, id: ObjectId) {
    edit_user(server, id, |user| {
        let secret = TotpSecret::from_random(TOTP_SEED);
        user.totp = Some(Totp::given(uuid::Uuid::from_u128(70), secret, user.created));
    });
}

/// What the authenticator shows now.
pub fn authenticator(server: &Harness) -> String {
    code_of(server, &TOTP_SEED)
}

/// What an authenticator with this secret shows now.
pub fn code_of(server: &Harness, secret: &[u8]) -> String {
    let seconds = u64::try_from(server.now().as_second()).unwrap();
    totp_rs::Builder::new()
        .with_algorithm(totp_rs::Algorithm::SHA1)
        .with_secret(totp_rs::Secret::new(secret.into()))
        .build_noncompliant()
        .generate(seconds)
        .to_string()
}

pub fn contoso() -> String {
    tenant(CONTOSO)
}

pub fn tenant(id: TenantId) -> String {
    id.to_string()
}

/// The value of a field in a page's form.
pub fn field(page: &Answer, name: &str) -> String {
    let tag = page
        .text
        .split('<')
        .find(|tag| tag.starts_with("input") && tag.contains(&format!("name=\"{name}\"")))
        .unwrap_or_else(|| panic!("no field {name} in {}", page.text));
    attribute(tag, "value")
}

/// Where a page's form goes.
pub fn action(page: &Answer) -> String {
    let tag = page
        .text
        .split('<')
        .find(|tag| tag.starts_with("form"))
        .unwrap_or_else(|| panic!("no form in {}", page.text));
    attribute(tag, "action")
}

fn attribute(tag: &str, name: &str) -> String {
    let start = tag.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    let value = &tag[start..];
    value[..value.find('"').unwrap()].replace("&amp;", "&")
}

/// Fills in a page's form as a browser does.
pub async fn submit(server: &Harness, page: &Answer, fields: &[(&str, &str)]) -> Answer {
    let transaction = field(page, "transaction");
    let mut form = vec![("transaction", transaction.as_str())];
    form.extend(fields);
    let request = server
        .request("POST", &action(page))
        .header("origin", server.origin())
        .header("sec-fetch-site", "same-origin")
        .form(&form);
    server.send(request).await
}
