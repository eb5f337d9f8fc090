//! Between HTTP and decisions: reads a request, asks, and writes the answer with ARM's headers.

use std::net::SocketAddr;

use arm::{Error, ErrorKind, ResourceId, Result};
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::HOST;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use uuid::Uuid;

use super::call::Request;
use super::challenge;
use super::dispatch::dispatch;
use super::reply::Reply;
use super::route::Method;
use crate::app::{App, status};
use crate::bearer;
use crate::http::{self, json_of, query_of};
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
    let reply = outcome.unwrap_or_else(|error| refusal(&app, &parts, &error, origin.ok().as_ref(), &ids));
    app.metrics.request("arm", &method, reply.status);
    respond(reply, &ids, head)
}

async fn answer(app: &App, parts: &Parts, body: Body, origin: &Origin, ids: &Ids) -> Result<Reply> {
    let path = path_of(parts.uri.path())?;
    let query = query_of(parts.uri.query().unwrap_or_default())?;
    if path.as_str().eq_ignore_ascii_case("/metadata/endpoints") {
        return Ok(super::metadata::endpoints(origin, &query));
    }
    let audiences = app.bearers.arm(&app.origins);
    let signed_in = bearer::main_token(app, &parts.headers, audiences)?;
    let auxiliary = bearer::auxiliary_tokens(app, &parts.headers, audiences)?;
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
    dispatch(app, request).await
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

/// The resource that a path names.
fn path_of(raw: &str) -> Result<ResourceId> {
    match raw.contains('%') {
        true => ResourceId::parse(&http::segments_of(raw)?.join("/")),
        false => ResourceId::parse(raw),
    }
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
fn refusal(app: &App, parts: &Parts, error: &Error, origin: Option<&Origin>, ids: &Ids) -> Reply {
    if let Some(internal) = &error.internal {
        tracing::error!(correlation = %ids.correlation, code = %error.code, %internal, "request failed");
    }
    if error.additional_info.iter().any(|(kind, _)| kind == "ResourceGuardOperation") {
        app.metrics.refused_critical_operations.inc();
    }
    if let Some(origin) = origin
        && let Ok(who) = bearer::main_token(app, &parts.headers, app.bearers.arm(&app.origins))
        && let Some(reply) = challenge::reply(error, &who, &origin.arm, app.edge.now())
    {
        return reply;
    }
    let mut reply = Reply { status: status(error.kind), body: Some(error.envelope()), headers: Vec::new() }
        .with_header("x-ms-error-code", error.code.clone());
    if error.kind == ErrorKind::Unauthenticated {
        reply = reply.with_header("www-authenticate", token_wanted(error, origin));
    }
    if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable) {
        reply = reply.with_header("Retry-After", "1");
    }
    reply
}

/// Tells clients where to get the right token (contract 1.3). The target of a wrong-tenant error is the right tenant.
fn token_wanted(error: &Error, origin: Option<&Origin>) -> String {
    let origin = origin.map_or("", |origin| origin.arm.as_str());
    let tenant = error.target.as_deref().unwrap_or("common");
    let message: String =
        error.message.chars().filter(|c| c.is_ascii() && !c.is_control() && *c != '"').collect();
    format!(
        "Bearer authorization_uri=\"{origin}/{tenant}\", error=\"invalid_token\", error_description=\"{message}\""
    )
}

fn respond(reply: Reply, ids: &Ids, head: bool) -> Response<Body> {
    let client = ids.client.iter().map(|client| ("x-ms-client-request-id", client.clone()));
    let own = [
        ("x-ms-request-id", ids.request.to_string()),
        ("x-ms-correlation-request-id", ids.correlation.to_string()),
    ];
    http::json_response(reply, own.into_iter().chain(client), head)
}
