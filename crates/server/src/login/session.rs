//! The session that a sign-in at the portal begins. What is done with it is the portal's.

use arm::TenantId;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::oauth::ClaimsRequest;
use directory::page::{End, Purpose};
use directory::session::{SESSION_SECONDS, Session};
use directory::{Secret, SecretDigest, SignIn};
use jiff::Timestamp;
use store::Transaction;
use uuid::Uuid;

use super::steps::sign_in_page;
use super::tokens::revoke;
use super::visit::Visit;
use crate::app::App;

/// The name of the cookie. Browsers let nobody but this host set one of such a name, and only over TLS (RFC 6265bis,
/// section 4.1.3.2).
const COOKIE: &str = "__Host-countersign";
/// Where the forms of the sign-in pages go on their way to the portal.
pub const ACTION: &str = "/portal/sign-in";

/// Shows the first page of a sign-in that ends in the portal.
pub async fn ask(
    app: &App,
    visit: &Visit,
    tenant: Option<(TenantId, String)>,
    claims: ClaimsRequest,
    username: &str,
    back: String,
) -> Response {
    let purpose =
        Purpose { client: Uuid::nil(), tenant, action: ACTION.into(), claims, end: End::Portal(back) };
    sign_in_page(app, visit, &purpose, username, None).await
}

/// Begins a session, with a secret that nobody knew before: a cookie that somebody planted is worth nothing.
pub fn begin(
    app: &App,
    tx: &mut Transaction,
    directory: TenantId,
    sign_in: SignIn,
    family: Uuid,
    now: Timestamp,
) -> arm::Result<Secret> {
    let secret = Secret::from_random(app.edge.bytes());
    tx.put(&Session { digest: secret.digest(), sign_in, family, directory, seen: now })?;
    Ok(secret)
}

/// Ends a session, with all that descends from its sign-in.
///
/// # Errors
/// When the store fails.
pub fn end(tx: &mut Transaction, session: &Session, now: Timestamp) -> arm::Result<()> {
    tx.delete::<Session>(&session.digest.to_string());
    revoke(tx, session.family, now)
}

/// Gives the browser the secret and sends it on.
///
/// `Lax`, so that the link in a mail finds the session: it goes along with a GET that somebody clicked elsewhere, which
/// changes nothing here, and never with a form.
pub fn hand_over(secret: &Secret, back: &str) -> Response {
    let cookie = format!(
        "{COOKIE}={}; Path=/; Max-Age={SESSION_SECONDS}; Secure; HttpOnly; SameSite=Lax",
        secret.expose()
    );
    (StatusCode::SEE_OTHER, [(LOCATION, back), (SET_COOKIE, cookie.as_str())]).into_response()
}

/// Takes the cookie away.
pub fn forget() -> (axum::http::HeaderName, String) {
    (SET_COOKIE, format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax"))
}

/// The digest of the secret that a request brings.
pub fn digest(headers: &HeaderMap) -> Option<SecretDigest> {
    cookie(headers, COOKIE).map(SecretDigest::of)
}

/// A cookie of ours. The first one counts.
pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let all = headers.get_all(axum::http::header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(found, _)| *found == name).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_are_read_as_browsers_send_them() {
        let mut headers = HeaderMap::new();
        headers.append("cookie", "a=1; __Host-countersign=x=y".parse().unwrap());
        headers.append("cookie", "__Host-countersign=second".parse().unwrap());
        assert_eq!(cookie(&headers, COOKIE), Some("x=y"));
        assert_eq!(cookie(&headers, "a"), Some("1"));
        assert_eq!(cookie(&headers, "b"), None);
    }
}
