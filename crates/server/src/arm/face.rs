//! Between HTTP and decisions: reads a request, asks, and writes the answer with ARM's headers.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use arm::{Error, ErrorKind, ResourceId, Result};
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response};
use axum::response::IntoResponse;
use percent_encoding::percent_decode_str;
use serde_json::Value;
use uuid::Uuid;

use super::call::Request;
use super::dispatch::dispatch;
use super::reply::Reply;
use super::route::Method;
use crate::app::{App, status};
use crate::bearer;
use crate::origin::Origin;

/// The largest body that ARM takes, in bytes.
const MAX_BODY: usize = 4 * 1024 * 1024;

/// Answers every request that no other face takes.
pub async fn serve(State(app): State<App>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let ids = Ids::of(&app, &parts.headers);
    let method = parts.method.to_string();
    let origin = origin_of(&app, &parts);
    let outcome = match &origin {
        Ok(origin) => answer(&app, &parts, body, origin, &ids).await,
        Err(error) => Err(error.clone()),
    };
    let head = method == "HEAD";
    let reply = outcome.unwrap_or_else(|error| refusal(&app, &error, origin.ok().as_ref(), &ids));
    app.metrics.request("arm", &method, reply.status);
    respond(reply, &ids, head)
}

async fn answer(app: &App, parts: &Parts, body: Body, origin: &Origin, ids: &Ids) -> Result<Reply> {
    let path = path_of(parts.uri.path())?;
    let query = query_of(parts.uri.query().unwrap_or_default())?;
    if path.as_str().eq_ignore_ascii_case("/metadata/endpoints") {
        return Ok(super::metadata::endpoints(origin, &query));
    }
    let audiences = app.origins.arm();
    let signed_in = bearer::main_token(app, &parts.headers, &audiences)?;
    let auxiliary = bearer::auxiliary_tokens(app, &parts.headers, &audiences)?;
    let method = Method::parse(parts.method.as_str()).ok_or_else(|| {
        let message = format!("the method '{}' is not supported", parts.method);
        Error::new(ErrorKind::MethodNotAllowed, "MethodNotAllowed", message)
    })?;
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| {
        let message = format!("the request's body could not be read, or is larger than {MAX_BODY} bytes");
        Error::new(ErrorKind::TooLarge, "RequestContentTooLarge", message)
    })?;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let request = Request {
        method,
        path,
        query,
        body: json_of(&bytes)?,
        origin: origin.arm.clone(),
        graph_origin: origin.graph.clone(),
        correlation: ids.correlation,
        signed_in,
        auxiliary,
        address: peer.map(|ConnectInfo(peer)| peer.ip()),
    };
    app.blocking(move |app| dispatch(&app.store, &app.edge, &request)).await
}

/// The origins under the name that the client dialled.
pub fn origin_of(app: &App, parts: &Parts) -> Result<Origin> {
    let header = parts.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = parts.uri.authority().map(|authority| authority.as_str()).or(header).unwrap_or_default();
    app.origins.of_host(host).ok_or_else(|| {
        Error::invalid(
            "InvalidHostName",
            format!("this server is not known as '{host}'; use its configured name or localhost"),
        )
    })
}

/// Decodes a path segment by segment: an encoded slash is no way to smuggle in another segment.
fn path_of(raw: &str) -> Result<ResourceId> {
    let bad = || {
        Error::invalid("InvalidRequestUri", "the path is not valid percent-encoded UTF-8, or hides a slash")
    };
    let mut path = String::with_capacity(raw.len());
    for segment in raw.split('/') {
        if !well_encoded(segment) {
            return Err(bad());
        }
        let segment = percent_decode_str(segment).decode_utf8().map_err(|_| bad())?;
        if segment.contains('/') {
            return Err(bad());
        }
        path.push('/');
        path.push_str(&segment);
    }
    ResourceId::parse(&path)
}

/// Whether each `%` is followed by two hexadecimal digits. The library would take one that is not for itself.
fn well_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Query parameters by their name in lower case. The first of two with the same name counts.
pub fn query_of(raw: &str) -> Result<BTreeMap<String, String>> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text)
            .decode_utf8()
            .map(|text| text.into_owned())
            .map_err(|_| Error::invalid("InvalidRequestUri", "the query is not valid percent-encoded UTF-8"))
    };
    let mut query = BTreeMap::new();
    for pair in raw.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        query.entry(decode(name)?.to_ascii_lowercase()).or_insert(decode(value)?);
    }
    Ok(query)
}

/// The JSON of a body; null for an empty one.
pub fn json_of(bytes: &[u8]) -> Result<Value> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Null);
    }
    serde_json::from_slice(bytes).map_err(|error| {
        Error::invalid(
            "InvalidRequestContent",
            format!("The request content was invalid and could not be deserialized: '{error}'."),
        )
    })
}

/// The ids that tie a request, its log lines and its ledger entries together.
#[derive(Clone, Debug)]
pub struct Ids {
    correlation: Uuid,
    request: Uuid,
    client: Option<String>,
}

impl Ids {
    /// Takes over the client's correlation id if it has the form of one.
    pub fn of(app: &App, headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let correlation = text("x-ms-correlation-request-id").and_then(|id| id.parse().ok());
        Self {
            correlation: correlation.unwrap_or_else(|| app.edge.uuid()),
            request: app.edge.uuid(),
            client: text("x-ms-client-request-id").filter(|id| id.len() <= 128).map(String::from),
        }
    }
}

/// Turns an error into an answer, logs what only the log may see, and adds the headers that clients act on.
fn refusal(app: &App, error: &Error, origin: Option<&Origin>, ids: &Ids) -> Reply {
    if let Some(internal) = &error.internal {
        tracing::error!(correlation = %ids.correlation, code = %error.code, %internal, "request failed");
    }
    if error.additional_info.iter().any(|(kind, _)| kind == "ResourceGuardOperation") {
        app.metrics.refused_critical_operations.inc();
    }
    let mut reply = Reply { status: status(error.kind), body: Some(error.envelope()), headers: Vec::new() }
        .with_header("x-ms-error-code", error.code.clone());
    if error.kind == ErrorKind::Unauthenticated {
        reply = reply.with_header("www-authenticate", challenge(error, origin));
    }
    if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable) {
        reply = reply.with_header("Retry-After", "1");
    }
    reply
}

/// Tells clients where to get the right token (contract 1.3). The target of a wrong-tenant error is the right tenant.
fn challenge(error: &Error, origin: Option<&Origin>) -> String {
    let origin = origin.map_or("", |origin| origin.arm.as_str());
    let tenant = error.target.as_deref().unwrap_or("common");
    let message: String =
        error.message.chars().filter(|c| c.is_ascii() && !c.is_control() && *c != '"').collect();
    format!(
        "Bearer authorization_uri=\"{origin}/{tenant}\", error=\"invalid_token\", error_description=\"{message}\""
    )
}

fn respond(reply: Reply, ids: &Ids, head: bool) -> Response<Body> {
    let status = axum::http::StatusCode::from_u16(reply.status)
        .unwrap_or(axum::http::StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match reply.body {
        Some(body) if !head => (status, body.to_string()).into_response(),
        _ => status.into_response(),
    };
    let headers = response.headers_mut();
    let mut set = |name: &'static str, value: &str| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    };
    set("content-type", "application/json; charset=utf-8");
    set("x-ms-request-id", &ids.request.to_string());
    set("x-ms-correlation-request-id", &ids.correlation.to_string());
    if let Some(client) = &ids.client {
        set("x-ms-client-request-id", client);
    }
    set("cache-control", "no-store");
    set("x-content-type-options", "nosniff");
    for (name, value) in &reply.headers {
        set(name, value);
    }
    response
}
