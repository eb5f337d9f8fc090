//! What the faces share between HTTP and values: paths, queries, bodies, answers and links to next pages.

use std::collections::BTreeMap;

use arm::{Error, Result};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use axum::middleware::Next;
use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use crate::app::App;
use crate::arm::reply::Reply;

/// What may not stand in a path as it is. Names of items hold `;`, which may, and sometimes blanks, which may not.
pub(crate) const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Decodes a path segment by segment: an encoded slash is no way to smuggle in another segment. Empty segments are left
/// out, because clients write double slashes.
///
/// # Errors
/// `InvalidRequestUri` for what is not percent-encoded UTF-8, or hides a slash.
pub(crate) fn segments_of(raw: &str) -> Result<Vec<String>> {
    let decode = |segment: &str| {
        let decoded = percent_decode_str(segment).decode_utf8().ok().filter(|_| well_encoded(segment));
        decoded.filter(|text| !text.contains('/')).map(|text| text.into_owned()).ok_or_else(|| {
            let message = "the path is not valid percent-encoded UTF-8, or hides a slash";
            Error::invalid("InvalidRequestUri", message)
        })
    };
    raw.split('/').filter(|segment| !segment.is_empty()).map(decode).collect()
}

/// Whether each `%` is followed by two hexadecimal digits. The library would take one that is not for itself.
fn well_encoded(text: &str) -> bool {
    text.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Query parameters by their name in lower case. The first of two with the same name counts.
pub(crate) fn query_of(raw: &str) -> Result<BTreeMap<String, String>> {
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
pub(crate) fn json_of(bytes: &[u8]) -> Result<Value> {
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

/// What every answer of a face with pages has in common; `face` is its name in the metrics.
pub(crate) async fn finish(
    State((app, face)): State<(App, &'static str)>,
    request: Request,
    next: Next,
) -> Response<Body> {
    let method = request.method().to_string();
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    app.metrics.request(face, &method, response.status().as_u16());
    response
}

/// An answer as HTTP, with a face's own headers and those that every JSON answer has. To HEAD it has no body.
pub(crate) fn json_response(
    reply: Reply,
    own: impl IntoIterator<Item = (&'static str, String)>,
    head: bool,
) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let text = reply.body.filter(|_| !head).and_then(|body| serde_json::to_vec(&body).ok());
    let mut response = Response::new(text.map(Body::from).unwrap_or_default());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in own.into_iter().chain(reply.headers) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    response
}

/// The address of the page that follows an entry: the request's own, with another skip token.
pub(crate) fn next_link<'a>(
    base: &str,
    path: impl IntoIterator<Item = &'a str>,
    query: &BTreeMap<String, String>,
    after: &str,
) -> String {
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let path: Vec<String> = path.into_iter().map(encode).collect();
    let mut pairs: Vec<String> = query
        .iter()
        .filter(|(name, _)| *name != "$skiptoken")
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    pairs.push(format!("$skipToken={}", encode(after)));
    format!("{base}/{}?{}", path.join("/"), pairs.join("&"))
}
