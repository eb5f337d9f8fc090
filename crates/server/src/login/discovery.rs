//! What clients read before they sign in. None of it is secret, and none of it tells who exists.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use directory::Authority;
use directory::oauth::OAuthError;
use directory::token::jwks;
use serde_json::{Value, json};

use super::answer;
use super::fault::{blocking, decide};
use super::form::Form;
use super::people::Place;
use super::visit::Visit;
use crate::app::App;
use crate::origin::Origin;

/// `GET /{tenant}/v2.0/.well-known/openid-configuration`
pub async fn openid(State(app): State<App>, Path(segment): Path<String>, visit: Visit) -> Response {
    let place = blocking(&app, move |app| decide(app, |tx, _| Place::find(tx, &segment)));
    let outcome = place.await.map(|place| configuration(&visit.origin, &place));
    answer::json(&app, &visit, outcome)
}

/// OpenID Connect Discovery 1.0, section 3. The issuer of `organizations` and `common` holds a placeholder, as Entra's
/// does: who signs in decides the tenant.
fn configuration(origin: &Origin, place: &Place) -> Value {
    let base = format!("{}/{}", origin.arm, place.segment);
    let issuer = match place.id() {
        Some(tenant) => directory::token::issuer(&origin.arm, tenant),
        None => format!("{}/{{tenantid}}/v2.0", origin.arm),
    };
    let host = host(origin);
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "end_session_endpoint": format!("{base}/oauth2/v2.0/logout"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "grant_types_supported": [
            "authorization_code",
            "client_credentials",
            "password",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "none"],
        "id_token_signing_alg_values_supported": ["EdDSA"],
        "subject_types_supported": ["public"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "name", "preferred_username", "tid", "oid",
            "sid", "ver",
        ],
        "claims_parameter_supported": true,
        "request_uri_parameter_supported": false,
        "cloud_instance_name": host,
        "msgraph_host": origin.graph.trim_start_matches("https://"),
    })
}

/// `GET /{tenant}/discovery/v2.0/keys`: one set of keys signs for all tenants.
pub async fn keys(State(app): State<App>) -> Response {
    answer::document(StatusCode::OK, &jwks(&app.keys))
}

/// `GET /common/discovery/instance`: clients that check who they sign in to ask their own server, and learn that it
/// stands for itself alone.
pub async fn instance(State(app): State<App>, visit: Visit, RawQuery(query): RawQuery) -> Response {
    let asked = Form::parse(query.as_deref().unwrap_or_default());
    let outcome = asked
        .ok()
        .and_then(|form| form.owned("authorization_endpoint"))
        .and_then(|endpoint| tenant_of(&app, &endpoint).map(String::from))
        .map(|segment| instances(&visit.origin, &segment))
        .ok_or_else(|| OAuthError::invalid_instance().into());
    answer::json(&app, &visit, outcome)
}

/// The tenant in an authorization endpoint of this server.
fn tenant_of<'a>(app: &App, endpoint: &'a str) -> Option<&'a str> {
    let origins = app.origins.arm();
    let path = origins.iter().find_map(|origin| endpoint.strip_prefix(origin.as_str())?.strip_prefix('/'))?;
    let segment = path.split('/').next()?;
    Authority::parse(segment).ok().map(|_| segment)
}

fn instances(origin: &Origin, segment: &str) -> Value {
    let host = host(origin);
    json!({
        "tenant_discovery_endpoint": format!("{}/{segment}/v2.0/.well-known/openid-configuration", origin.arm),
        "api-version": "1.1",
        "metadata": [{ "preferred_network": host, "preferred_cache": host, "aliases": [host] }],
    })
}

/// `GET /common/userrealm/{upn}`: all people sign in here, known or not (azure-clients 3.4).
pub async fn userrealm(Path((_, upn)): Path<(String, String)>, visit: Visit) -> Response {
    let domain = upn.rsplit_once('@').map_or("", |(_, domain)| domain);
    let realm = json!({
        "ver": "1.0",
        "account_type": "Managed",
        "domain_name": domain,
        "cloud_instance_name": host(&visit.origin),
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    });
    answer::document(StatusCode::OK, &realm)
}

/// The name and port of the sign-in.
fn host(origin: &Origin) -> &str {
    origin.arm.trim_start_matches("https://")
}
