//! Who asks, as far as the connection tells.

use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::HeaderMap;
use axum::http::header::{HOST, ORIGIN};
use axum::http::request::Parts;
use axum::response::Response;
use directory::oauth::OAuthError;
use uuid::Uuid;

use super::answer;
use crate::app::App;
use crate::arm::face::origin_of;
use crate::origin::Origin;

/// The circumstances of a request.
#[derive(Clone, Debug)]
pub struct Visit {
    /// The origins under the name that the client dialled.
    pub origin: Origin,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// What ties the request, its log lines and its entries in the ledger together.
    pub correlation: Uuid,
    /// Whether the request comes from one of our own pages, or from no browser at all.
    pub own_page: bool,
}

impl Visit {
    /// The correlation id of a request: the client's, if it sent one.
    pub fn of(app: &App, headers: &HeaderMap) -> Uuid {
        headers
            .get("client-request-id")
            .and_then(|id| id.to_str().ok()?.parse().ok())
            .unwrap_or_else(|| app.edge.uuid())
    }
}

impl FromRequestParts<App> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Response> {
        let correlation = Self::of(app, &parts.headers);
        let origin = origin_of(app, parts).map_err(|error| {
            let error = OAuthError::malformed(&error.message);
            answer::refusal(app, correlation, &error.into())
        })?;
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let dialled = parts.uri.authority().map(|authority| authority.as_str());
        Ok(Self {
            origin,
            address: peer.map(|ConnectInfo(peer)| peer.ip().to_canonical()),
            correlation,
            own_page: is_own_page(&parts.headers, dialled),
        })
    }
}

/// Decides by what browsers say of where a form stood. They cannot be made to lie about it, and every browser sends at
/// least `Origin` with a form from another site; what sends neither is no browser.
fn is_own_page(headers: &HeaderMap, dialled: Option<&str>) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    let host = dialled.or_else(|| text(HOST.as_str())).unwrap_or_default();
    let same_site = match text("sec-fetch-site") {
        // `none`: the person reloaded the page or came by a bookmark.
        Some(site) => matches!(site, "same-origin" | "none"),
        None => true,
    };
    let same_origin = text(ORIGIN.as_str()).is_none_or(|origin| {
        origin.strip_prefix("https://").is_some_and(|name| name.eq_ignore_ascii_case(host))
    });
    same_site && same_origin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_may_post() {
        let cases = [
            (None, None, true),
            (Some("same-origin"), Some("https://localhost:8443"), true),
            (Some("same-origin"), None, true),
            (Some("none"), None, true),
            (None, Some("https://LOCALHOST:8443"), true),
            (Some("cross-site"), Some("https://localhost:8443"), false),
            (Some("same-site"), None, false),
            (None, Some("https://evil.example"), false),
            (None, Some("http://localhost:8443"), false),
            (None, Some("https://localhost:9999"), false),
            (None, Some("null"), false),
        ];
        for (site, origin, own) in cases {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, "localhost:8443".parse().unwrap());
            let sent = [("sec-fetch-site", site), ("origin", origin)];
            for (name, value) in sent.into_iter().filter_map(|(name, value)| Some((name, value?))) {
                headers.insert(name, value.parse().unwrap());
            }
            assert_eq!(is_own_page(&headers, None), own, "{site:?} {origin:?}");
        }
    }
}
