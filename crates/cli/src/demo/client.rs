//! A client of the server, as anybody could write one: signs in with a password, calls ARM with the token.

use std::path::Path;

use anyhow::{Context, bail};
use reqwest::blocking::Client as Http;
use serde_json::Value;

use super::organisations::Person;

/// The az CLI's public client id; any public client of Entra may use it.
const CLIENT: &str = "04b07795-8ddb-461a-bbee-02f9e1bf7b46";
/// The api-version that the demo speaks.
const VERSION: &str = "2026-08-01";

/// Somebody who is signed in.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    http: Http,
    origin: String,
    token: String,
    auxiliary: Option<String>,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// ARM's error code, if it is a refusal.
    pub(crate) fn code(&self) -> Option<&str> {
        self.body.pointer("/error/code")?.as_str()
    }

    pub(crate) fn message(&self) -> &str {
        self.body.pointer("/error/message").and_then(Value::as_str).unwrap_or_default()
    }

    /// A text in the body.
    pub(crate) fn text(&self, pointer: &str) -> anyhow::Result<String> {
        let found = self.body.pointer(pointer).and_then(Value::as_str);
        found.map(String::from).with_context(|| format!("the answer has no {pointer}: {}", self.body))
    }

    /// The answer, if the request went through.
    pub(crate) fn done(self) -> anyhow::Result<Self> {
        match self.status {
            200..300 => Ok(self),
            status => {
                bail!("it was refused: {status} {} {}", self.code().unwrap_or_default(), self.message())
            }
        }
    }
}

impl Client {
    /// Signs somebody in at a tenant, and at another one besides if there is one.
    pub(crate) fn sign_in(
        origin: &str,
        ca: &Path,
        person: &Person,
        tenant: &str,
        other: Option<&str>,
    ) -> anyhow::Result<Self> {
        let ca = reqwest::Certificate::from_pem(&std::fs::read(ca)?)?;
        let http = Http::builder().tls_certs_only([ca]).build()?;
        let token = password_token(&http, origin, person, tenant)?;
        let auxiliary = other.map(|tenant| password_token(&http, origin, person, tenant)).transpose()?;
        Ok(Self { name: person.name, http, origin: origin.to_string(), token, auxiliary })
    }

    /// The same person, acting in the other tenant.
    pub(crate) fn elsewhere(&self) -> anyhow::Result<Self> {
        let token = self.auxiliary.clone().context("there is no token of another tenant")?;
        Ok(Self {
            name: self.name,
            http: self.http.clone(),
            origin: self.origin.clone(),
            token,
            auxiliary: None,
        })
    }

    /// Calls ARM.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Answer> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let url = format!("{}{path}{separator}api-version={VERSION}", self.origin);
        let mut request = self.http.request(method.parse()?, url).bearer_auth(&self.token);
        if let Some(auxiliary) = &self.auxiliary {
            request = request.header("x-ms-authorization-auxiliary", format!("Bearer {auxiliary}"));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send()?;
        let status = response.status().as_u16();
        let text = response.text()?;
        Ok(Answer { status, body: serde_json::from_str(&text).unwrap_or(Value::Null) })
    }
}

fn password_token(http: &Http, origin: &str, person: &Person, tenant: &str) -> anyhow::Result<String> {
    let scope = format!("{origin}/.default offline_access openid profile");
    let form = [
        ("client_id", CLIENT),
        ("grant_type", "password"),
        ("username", person.upn),
        ("password", &person.password),
        ("scope", &scope),
    ];
    let answer: Value =
        http.post(format!("{origin}/{tenant}/oauth2/v2.0/token")).form(&form).send()?.json()?;
    let token = answer.get("access_token").and_then(Value::as_str);
    token.map(String::from).with_context(|| format!("{} could not sign in: {answer}", person.upn))
}
