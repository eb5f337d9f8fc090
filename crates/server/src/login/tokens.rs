//! Making the tokens of a grant.

use arm::{Error, TenantId};
use directory::oauth::{ClaimsRequest, Granted, OAuthError, RefreshToken, RevokedFamily, Scope};
use directory::token::{SigningKey, TokenAnswer, UserRequest, user_tokens};
use directory::{SignIn, admit};
use jiff::Timestamp;
use store::Transaction;
use uuid::Uuid;

use super::account::PAGE;
use super::fault::Outcome;
use super::form::Form;
use super::people::{policy_of, users_of};
use super::visit::Visit;
use crate::app::App;

/// A token request that is read and not decided yet.
pub struct TokenRequest {
    /// Its circumstances.
    pub visit: Visit,
    /// The first segment of the path.
    pub segment: String,
    /// Its parameters.
    pub form: Form,
}

/// A user's grant.
pub struct UserGrant<'a> {
    /// The tenant of the tokens.
    pub tenant: TenantId,
    /// The client that gets them.
    pub client: Uuid,
    /// What they are for.
    pub scope: &'a Scope,
    /// Who signed in, how and when.
    pub sign_in: &'a SignIn,
    /// The family that they belong to.
    pub family: Uuid,
    /// To be repeated in the ID token.
    pub nonce: Option<&'a str>,
    /// The refresh token that was used. Without one, a new one is made if it was asked for.
    pub refresh_token: Option<&'a str>,
}

impl<'a> UserGrant<'a> {
    /// What a redeemed code entitles to.
    pub fn of(granted: &'a Granted) -> Self {
        Self {
            tenant: granted.tenant,
            client: granted.client,
            scope: &granted.scope,
            sign_in: &granted.sign_in,
            family: granted.family,
            nonce: granted.nonce.as_deref(),
            refresh_token: None,
        }
    }
}

/// The audience that a scope names; without one, ARM under the name that the client dialled.
///
/// # Errors
/// AADSTS500011 for an audience that is none of this server's.
pub fn audience(app: &App, visit: &Visit, scope: &Scope) -> Result<String, OAuthError> {
    let Some(audience) = &scope.audience else {
        return Ok(visit.origin.arm.clone());
    };
    let bare = audience.strip_suffix('/').unwrap_or(audience);
    let ours = |origins: Vec<String>| origins.iter().any(|origin| origin == bare);
    if ours(app.origins.arm()) || ours(app.origins.graph()) {
        Ok(audience.clone())
    } else {
        Err(OAuthError::unknown_resource(audience))
    }
}

/// The key that signs tokens now.
pub fn key(app: &App) -> arm::Result<&SigningKey> {
    app.keys.first().ok_or_else(|| Error::internal("there is no key to sign tokens with"))
}

/// Admits the person to the tenant, as both are now, and makes the tokens. They name the authentication contexts of that
/// tenant which the sign-in satisfies now.
///
/// # Errors
/// See [`admit`]; or the scope is for another server; or a claims challenge, when the tokens are to name a context that
/// the sign-in does not satisfy.
pub fn issue(
    app: &App,
    tx: &mut Transaction,
    request: &TokenRequest,
    grant: &UserGrant<'_>,
    now: Timestamp,
) -> Outcome<TokenAnswer> {
    let audience = audience(app, &request.visit, grant.scope)?;
    let (home, here) = users_of(tx, grant.sign_in.person, grant.tenant)?;
    let admitted = admit(grant.sign_in, home.as_ref(), here.as_ref())?;
    let claims = ClaimsRequest::parse(request.form.get("claims"));
    let contexts = policy_of(tx, grant.tenant)?.met_by(grant.sign_in, now);
    if !claims.is_met_by(&contexts) {
        let enrolled = home.as_ref().is_some_and(|home| home.totp.is_some());
        let page = format!("{}{PAGE}", request.visit.origin.arm);
        return Err(OAuthError::step_up(&claims, enrolled, &page).into());
    }
    let refresh_token = match grant.refresh_token {
        Some(used) => Some(used.to_string()),
        None if grant.scope.offline_access => Some(new_refresh_token(app, tx, grant, now)?),
        None => None,
    };
    let wanted = UserRequest {
        origin: &request.visit.origin.arm,
        client: grant.client,
        scope: grant.scope,
        audience: &audience,
        family: grant.family,
        nonce: grant.nonce,
        refresh_token: refresh_token.as_deref(),
        capabilities: &claims.capabilities,
        contexts: &contexts,
    };
    Ok(user_tokens(key(app)?, &admitted, &wanted, now, app.edge.bytes())?)
}

fn new_refresh_token(
    app: &App,
    tx: &mut Transaction,
    grant: &UserGrant<'_>,
    now: Timestamp,
) -> arm::Result<String> {
    let (secret, document) =
        RefreshToken::start(grant.client, grant.family, grant.sign_in.clone(), now, app.edge.bytes());
    tx.put(&document)?;
    Ok(secret.expose().into())
}

/// Ends a family: its refresh tokens, and its access tokens at their next use.
pub fn revoke(tx: &mut Transaction, family: Uuid, now: Timestamp) -> arm::Result<()> {
    let tokens: Vec<RefreshToken> = tx.find(&family.to_string())?;
    for token in &tokens {
        tx.put(&token.revoke(now))?;
    }
    tx.put(&RevokedFamily { family, at: now })
}
