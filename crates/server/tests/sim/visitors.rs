//! Who signs in: people with passwords, an application, and devices.

use std::sync::Arc;

use serde_json::Value;

use crate::board::Board;
use crate::client::{Body, Client, Proof, Sending};
use crate::estate::{self, ARM_PORT, BOB, PASSWORD, SUE};
use crate::history::Answer;

const CLI: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn scope() -> String {
    format!("https://localhost:{ARM_PORT}/.default offline_access")
}

/// An application that uses its tokens at once, and Bob, who stays signed in for a while.
pub async fn sign_ins(client: Client, board: Arc<Board>) -> turmoil::Result {
    board.opening().await;
    let (scope, automation) = (scope(), estate::AUTOMATION.to_string());
    while board.is_open() {
        let application = [
            ("client_id", automation.as_str()),
            ("grant_type", "client_credentials"),
            ("client_secret", PASSWORD),
            ("scope", scope.as_str()),
        ];
        let fresh = token(&client, "contoso.example", &application).await;
        if let Some(fresh) = fresh.as_ref().and_then(|answer| answer.body["access_token"].as_str()) {
            let path = "/subscriptions?api-version=2026-08-01";
            let proof = Proof::Issued(fresh);
            let sending = Sending { method: "GET", path, proof, body: Body::Nothing };
            client.send(client.some_server(), ARM_PORT, sending).await;
        }
        client.pause(50, 400).await;
        let password = [
            ("client_id", CLI),
            ("grant_type", "password"),
            ("username", BOB.name),
            ("password", PASSWORD),
            ("scope", scope.as_str()),
        ];
        let signed_in = token(&client, "organizations", &password).await;
        let refresh = signed_in.and_then(|answer| answer.body["refresh_token"].as_str().map(String::from));
        for _ in 0..client.dice.within(2, 6) {
            let Some(refresh) = &refresh else { break };
            let again = [
                ("client_id", CLI),
                ("grant_type", "refresh_token"),
                ("refresh_token", refresh),
                ("scope", &scope),
            ];
            client.pause(50, 300).await;
            token(&client, "contoso.example", &again).await;
        }
    }
    Ok(())
}

async fn token(client: &Client, tenant: &str, form: &[(&str, &str)]) -> Option<Answer> {
    let path = format!("/{tenant}/oauth2/v2.0/token");
    let sending = Sending { method: "POST", path: &path, proof: Proof::None, body: Body::Form(form) };
    client.send(client.some_server(), ARM_PORT, sending).await
}

/// Devices that show a code, Sue who types it, and two that poll with the same code.
pub async fn devices(client: Client, board: Arc<Board>) -> turmoil::Result {
    board.opening().await;
    while board.is_open() {
        let path = "/organizations/oauth2/v2.0/devicecode";
        let form = [("client_id", CLI), ("scope", &scope())];
        let sending = Sending { method: "POST", path, proof: Proof::None, body: Body::Form(&form) };
        let started = client.send(client.some_server(), ARM_PORT, sending).await;
        let text = |name: &str| started.as_ref()?.body[name].as_str().map(String::from);
        if let (Some(device), Some(user)) = (text("device_code"), text("user_code")) {
            tokio::join!(type_code(&client, &user), poll(&client, &device), poll(&client, &device));
        }
        client.pause(200, 900).await;
    }
    Ok(())
}

async fn poll(client: &Client, device: &str) {
    let form = [("client_id", CLI), ("grant_type", DEVICE_CODE), ("device_code", device)];
    for _ in 0..20 {
        client.pause(30, 70).await;
        let answer = token(client, "organizations", &form).await;
        let waits = ["authorization_pending", "slow_down"];
        if answer.is_some_and(|answer| answer.status != 503 && !waits.contains(&answer.code())) {
            return;
        }
    }
}

/// Goes through the pages, each on any server, as far as they lead.
async fn type_code(client: &Client, user: &str) -> Option<()> {
    let sending = Sending { method: "GET", path: "/device", proof: Proof::None, body: Body::Nothing };
    let page = client.send(client.some_server(), ARM_PORT, sending).await?;
    let page = submit(client, &page, &[("user_code", user)]).await?;
    let page = submit(client, &page, &[("decision", "continue")]).await?;
    submit(client, &page, &[("username", SUE.name), ("password", PASSWORD)]).await?;
    Some(())
}

/// Fills in a page's form; twice at once, sometimes, as impatient people do.
async fn submit(client: &Client, page: &Answer, fields: &[(&str, &str)]) -> Option<Answer> {
    let Value::String(html) = &page.body else { return None };
    let attribute = |tag: &str, name: &str| {
        let tag = html.split('<').find(|part| part.starts_with(tag))?;
        Some(tag.split(&format!("{name}=\"")).nth(1)?.split('"').next()?.replace("&amp;", "&"))
    };
    let path = attribute("form", "action")?;
    let transaction = attribute("input type=\"hidden\" name=\"transaction\"", "value")?;
    let mut form = vec![("transaction", transaction.as_str())];
    form.extend(fields);
    let send = || {
        let sending = Sending { method: "POST", path: &path, proof: Proof::None, body: Body::Page(&form) };
        client.send(client.some_server(), ARM_PORT, sending)
    };
    match client.dice.permille(200) {
        true => {
            let (one, other) = tokio::join!(send(), send());
            one.filter(Answer::succeeded).or(other)
        }
        false => send().await,
    }
}
