//! A client: HTTP over the simulated network, one connection for each request, and a record of what it saw.

use std::sync::Arc;
use std::time::Duration;

use arm::{ObjectId, TenantId};
use axum::body::Bytes;
use directory::Person;
use directory::token::{AccessClaims, IdentityType, SigningKey, issue, issuer};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::dice::Dice;
use crate::estate::{ARM_PORT, GRAPH_PORT};
use crate::history::{Answer, Event, History};

/// How long a client waits for an answer, on the network's clock.
const PATIENCE: Duration = Duration::from_millis(700);

/// Somebody with a token, as one tenant knows them.
#[derive(Clone, Copy)]
pub struct Account {
    pub object: ObjectId,
    pub tenant: TenantId,
    pub name: &'static str,
    /// Where they are at home.
    pub home: (TenantId, ObjectId),
}

/// A client machine.
#[derive(Clone)]
pub struct Client {
    pub name: String,
    pub dice: Dice,
    pub history: Arc<History>,
    pub key: Arc<Vec<SigningKey>>,
    pub servers: usize,
}

/// How a request shows who it is from.
pub enum Proof<'a> {
    Tokens(&'a [Account]),
    Basic(&'a str, &'a str),
    /// A token as a server issued it.
    Issued(&'a str),
    None,
}

impl Proof<'_> {
    fn name(&self) -> String {
        match self {
            Self::Tokens(accounts) => accounts.first().map_or("", |who| who.name).to_string(),
            Self::Basic(user, _) => (*user).to_string(),
            Self::Issued(_) => "somebody with a fresh token".into(),
            Self::None => String::new(),
        }
    }
}

/// What is sent.
pub struct Sending<'a> {
    pub method: &'static str,
    pub path: &'a str,
    pub proof: Proof<'a>,
    pub body: Body<'a>,
}

pub enum Body<'a> {
    Nothing,
    Json(&'a Value),
    Form(&'a [(&'a str, &'a str)]),
    /// What a browser sends of a page.
    Page(&'a [(&'a str, &'a str)]),
    Bytes(&'a [u8]),
}

impl Client {
    /// A token as the sign-in would issue it, for so long ago that no server's clock finds it too fresh.
    fn token(&self, who: &Account, port: u16) -> String {
        let now = self.history.truth().now().as_second() - 90;
        let origin = format!("https://localhost:{ARM_PORT}");
        let (tenant, object) = who.home;
        let claims = AccessClaims {
            iss: issuer(&origin, who.tenant),
            aud: format!("https://localhost:{port}"),
            tid: who.tenant,
            oid: who.object,
            sub: who.object,
            appid: Uuid::nil(),
            idtyp: IdentityType::User,
            upn: Some(who.name.into()),
            unique_name: None,
            name: Some(who.name.into()),
            amr: vec![serde_json::from_value(json!("pwd")).unwrap()],
            acrs: Vec::new(),
            auth_time: Some(now),
            iat: now,
            nbf: now,
            exp: now + 3600,
            uti: "simulated".into(),
            sid: None,
            ver: "1.0".into(),
            person: Person::Human { tenant, object },
            xms_cc: Vec::new(),
        };
        issue(&self.key[0], &claims).unwrap()
    }

    /// One of the servers.
    pub fn some_server(&self) -> usize {
        self.dice.below(self.servers as u64) as usize
    }

    /// Calls ARM as somebody, on any server.
    pub async fn arm(
        &self,
        who: &[Account],
        method: &'static str,
        path: &str,
        body: &Value,
    ) -> Option<Answer> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let path =
            format!("{path}{separator}api-version=2026-08-01").replace(' ', "%20").replace('\'', "%27");
        let body = if body.is_null() { Body::Nothing } else { Body::Json(body) };
        let sending = Sending { method, path: &path, proof: Proof::Tokens(who), body };
        self.send(self.some_server(), ARM_PORT, sending).await
    }

    /// Calls Graph as somebody, on any server.
    pub async fn graph(
        &self,
        who: Account,
        method: &'static str,
        path: &str,
        body: &Value,
    ) -> Option<Answer> {
        let sending = Sending { method, path, proof: Proof::Tokens(&[who]), body: Body::Json(body) };
        self.send(self.some_server(), GRAPH_PORT, sending).await
    }

    /// Calls ARM until there is an answer that says more than that it did not work out this time.
    pub async fn insist(&self, who: &[Account], method: &'static str, path: &str, body: &Value) -> Answer {
        loop {
            match self.arm(who, method, path, body).await {
                Some(answer) if answer.status != 503 => return answer,
                _ => self.pause(20, 80).await,
            }
        }
    }

    pub async fn pause(&self, from: u64, to: u64) {
        tokio::time::sleep(self.dice.millis(from, to)).await;
    }

    /// Sends a request and waits for the answer; none when it was lost, or took too long.
    pub async fn send(&self, server: usize, port: u16, sending: Sending<'_>) -> Option<Answer> {
        let correlation = self.dice.uuid();
        let (request, body) = self.request(&sending, port, correlation);
        let told = port == ARM_PORT && matches!(sending.proof, Proof::Tokens(_));
        let number = self.history.sent(|sent| Event {
            client: self.name.clone(),
            who: sending.proof.name(),
            server,
            method: sending.method,
            path: sending.path.to_string(),
            body,
            correlation: told.then_some(correlation),
            sent,
            answer: None,
        });
        let exchange = exchange(server, port, request);
        let (status, headers, bytes) = tokio::time::timeout(PATIENCE, exchange).await.ok()??;
        let own = headers.get("request-id").and_then(|id| id.to_str().ok()?.parse().ok());
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| text());
        Some(self.history.answered(number, status, body, own))
    }

    fn request(&self, sending: &Sending<'_>, port: u16, correlation: Uuid) -> (Request<Full<Bytes>>, Value) {
        let mut request = Request::builder()
            .method(sending.method)
            .uri(sending.path)
            .header("host", format!("localhost:{port}"))
            .header("x-ms-correlation-request-id", correlation.to_string());
        match sending.proof {
            Proof::Tokens(accounts) => {
                let mut tokens = accounts.iter().map(|who| format!("Bearer {}", self.token(who, port)));
                request = request.header("authorization", tokens.next().unwrap_or_default());
                let auxiliary: Vec<String> = tokens.collect();
                if !auxiliary.is_empty() {
                    request = request.header("x-ms-authorization-auxiliary", auxiliary.join(", "));
                }
            }
            Proof::Basic(user, secret) => {
                use base64::Engine;
                let both = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{secret}"));
                request = request.header("authorization", format!("Basic {both}"));
            }
            Proof::Issued(token) => request = request.header("authorization", format!("Bearer {token}")),
            Proof::None => {}
        }
        let (kind, bytes, shown) = match &sending.body {
            Body::Nothing => ("", Vec::new(), Value::Null),
            Body::Json(value) => ("application/json", value.to_string().into_bytes(), (*value).clone()),
            Body::Bytes(bytes) => ("application/octet-stream", bytes.to_vec(), Value::Null),
            Body::Form(fields) | Body::Page(fields) => {
                let encode = |text: &str| {
                    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC)
                        .to_string()
                };
                let pairs: Vec<String> =
                    fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
                ("application/x-www-form-urlencoded", pairs.join("&").into_bytes(), json!(fields))
            }
        };
        if matches!(sending.body, Body::Page(_)) {
            let origin = format!("https://localhost:{port}");
            request = request.header("origin", origin).header("sec-fetch-site", "same-origin");
        }
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        (request.body(Full::new(Bytes::from(bytes))).unwrap(), shown)
    }
}

type Got = (u16, hyper::HeaderMap, Bytes);

async fn exchange(server: usize, port: u16, request: Request<Full<Bytes>>) -> Option<Got> {
    let stream = turmoil::net::TcpStream::connect((format!("server-{server}"), port)).await.ok()?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.ok()?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await.ok()?;
    let (head, body) = response.into_parts();
    let bytes = body.collect().await.ok()?.to_bytes();
    connection.abort();
    Some((head.status.as_u16(), head.headers, bytes))
}
