//! Between HTTP and decisions: reads a request, asks, and writes the answer with Graph's headers and error envelope.

use std::net::SocketAddr;

use arm::{Error, ErrorKind, Result};
use axum::body::{Body, to_bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Response};
use directory::PasswordHash;
use serde_json::json;
use uuid::Uuid;

use super::ask::{Ask, Request, bad};
use super::{routes, users};
use crate::app::{App, status};
use crate::arm::face::origin_of;
use crate::arm::reply::Reply;
use crate::bearer;
use crate::http::{self, json_of, query_of};

/// The largest body taken, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// The longest segment of a path, in bytes.
const MAX_SEGMENT: usize = 512;

/// The ids that tie a request to the log and the ledger.
struct Ids {
    request: Uuid,
    client: Option<String>,
}

impl Ids {
    fn of(app: &App, headers: &HeaderMap) -> Self {
        let client = headers.get("client-request-id").and_then(|value| value.to_str().ok());
        Self { request: app.edge.uuid(), client: client.filter(|id| id.len() <= 128).map(String::from) }
    }
}

/// Answers every request on the Graph port.
pub async fn serve(State(app): State<App>, request: axum::extract::Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let ids = Ids::of(&app, &parts.headers);
    let method = parts.method.to_string();
    let outcome = answer(&app, &parts, body, &ids).await;
    let reply = outcome.unwrap_or_else(|error| refusal(&app, &parts, &error, &ids));
    app.metrics.request("graph", &method, reply.status);
    respond(reply, &ids)
}

async fn answer(app: &App, parts: &Parts, body: Body, ids: &Ids) -> Result<Reply> {
    let origin = origin_of(app, parts)?;
    let who = bearer::main_token(app, &parts.headers, app.bearers.graph(&app.origins))?;
    let (version, path) = path_of(parts.uri.path())?;
    let query = query_of(parts.uri.query().unwrap_or_default())?;
    let bytes = to_bytes(body, MAX_BODY).await.map_err(|_| {
        let message = format!("the request's body could not be read, or is larger than {MAX_BODY} bytes");
        Error::new(ErrorKind::TooLarge, "Request_BadRequest", message)
    })?;
    let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let request = Request {
        method: parts.method.to_string(),
        path,
        query,
        body: json_of(&bytes)?,
        base: format!("{}/{version}", origin.graph),
        correlation: ids.request,
        who,
        address: peer.map(|ConnectInfo(peer)| peer.ip()),
    };
    dispatch(app, request).await
}

/// Decides one request.
///
/// # Errors
/// Whatever the request deserves; then nothing was changed.
pub async fn dispatch(app: &App, request: Request) -> Result<Reply> {
    app.blocking(move |app| decide(app, &request)).await
}

fn decide(app: &App, request: &Request) -> Result<Reply> {
    let password = prepare(app, request)?;
    app.store.transact(|tx| {
        let mut ask = Ask::new(tx, &app.edge, request, password.clone())?;
        routes::answer(&mut ask)
    })
}

/// Does the slow part of creating a user, for those alone who may; whether they may is asked again when it is decided.
fn prepare(app: &App, request: &Request) -> Result<Option<PasswordHash>> {
    if !routes::creates_user(request) {
        return Ok(None);
    }
    app.store.transact(|tx| Ask::new(tx, &app.edge, request, None)?.demand_administrator())?;
    users::hash_password(request, app.edge.bytes()).map(Some)
}

/// The version and the segments behind it. Names of guests hold a `#`, which ARM's paths never do.
fn path_of(raw: &str) -> Result<(&'static str, Vec<String>)> {
    let mut segments = http::segments_of(raw)?;
    if segments.iter().any(|segment| segment.len() > MAX_SEGMENT || segment.chars().any(char::is_control)) {
        return Err(bad("a part of the path is too long or cannot be printed"));
    }
    let version = match segments.first().map(String::as_str) {
        Some("v1.0") => "v1.0",
        Some("beta") => "beta",
        _ => return Err(bad("Invalid version: the path begins with '/v1.0'.")),
    };
    segments.remove(0);
    Ok((version, segments))
}

/// Turns an error into an answer, and logs what only the log may see.
fn refusal(app: &App, parts: &Parts, error: &Error, ids: &Ids) -> Reply {
    if let Some(internal) = &error.internal {
        tracing::error!(request = %ids.request, code = %error.code, %internal, "request failed");
    }
    let body = json!({ "error": {
        "code": code(error),
        "message": error.message,
        "innerError": {
            "date": arm::timestamp(app.edge.now()),
            "request-id": ids.request,
            "client-request-id": ids.client,
        },
    }});
    let mut reply = Reply { status: status(error.kind), body: Some(body), headers: Vec::new() };
    if error.kind == ErrorKind::Unauthenticated {
        let origin = origin_of(app, parts).map(|origin| origin.arm).unwrap_or_default();
        reply = reply.with_header(
            "www-authenticate",
            format!("Bearer authorization_uri=\"{origin}/common\", error=\"invalid_token\""),
        );
    }
    if matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable) {
        reply = reply.with_header("retry-after", "1");
    }
    reply
}

/// Graph's code for an error: what the shared parts call by ARM's names has names of its own here.
fn code(error: &Error) -> &str {
    let graph = error.code.starts_with("Request_") || error.code.starts_with("Authorization_");
    match error.kind {
        _ if graph => &error.code,
        ErrorKind::Unauthenticated => "InvalidAuthenticationToken",
        ErrorKind::Forbidden => "Authorization_RequestDenied",
        ErrorKind::Internal => "InternalServerError",
        ErrorKind::Throttled => "TooManyRequests",
        ErrorKind::Unavailable => "ServiceUnavailable",
        ErrorKind::NotFound | ErrorKind::PreconditionFailed | ErrorKind::Conflict | ErrorKind::Full => {
            &error.code
        }
        ErrorKind::Invalid | ErrorKind::MethodNotAllowed | ErrorKind::TooLarge => "Request_BadRequest",
    }
}

fn respond(reply: Reply, ids: &Ids) -> Response<Body> {
    let client = ids.client.iter().map(|client| ("client-request-id", client.clone()));
    let own = [("request-id", ids.request.to_string())];
    http::json_response(reply, own.into_iter().chain(client), false)
}
