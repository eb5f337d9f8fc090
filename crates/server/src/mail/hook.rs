//! One request to a webhook, signed as the Standard Webhooks specification says.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::Url;
use reqwest::blocking::Client;
use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;

use super::worker::Outcome;
use crate::settings::{Webhook, is_loopback};

/// How long the other side may take in all.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Posts a body. The other side has it when it answers with a 2xx; `410 Gone` says that it wants no more of them.
/// Redirects are not followed: they would lead somewhere that nobody configured.
pub(super) fn post(webhook: &Webhook, id: &str, body: &str, now: Timestamp) -> Outcome {
    let url = webhook.url.expose();
    let here = Url::parse(url).ok().is_some_and(|url| url.host_str().is_some_and(is_loopback));
    let client = Client::builder().redirect(Policy::none()).timeout(TIMEOUT);
    let client = if here { client.no_proxy() } else { client };
    let client = match client.build() {
        Ok(client) => client,
        Err(error) => return Outcome::Later(format!("no request can be made: {}", error.without_url())),
    };
    let mut request = client
        .post(url)
        .header(CONTENT_TYPE, "application/json")
        .header("webhook-id", id)
        .header("webhook-timestamp", now.as_second().to_string());
    if let Some(key) = &webhook.key {
        request = request.header("webhook-signature", key.sign(id, now.as_second(), body));
    }
    match request.body(body.to_string()).send() {
        Ok(answer) if answer.status().is_success() => Outcome::Sent,
        Ok(answer) if answer.status() == StatusCode::GONE => {
            Outcome::Refused("the webhook answered 410 Gone".into())
        }
        Ok(answer) => Outcome::Later(format!("the webhook answered {}", answer.status())),
        // The address may be a secret.
        Err(error) => Outcome::Later(reason(&error.without_url())),
    }
}

/// An error with what caused it.
fn reason(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
