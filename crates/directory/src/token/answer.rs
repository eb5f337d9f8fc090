//! The answer of the token endpoint, field by field as MSAL needs it (azure-clients 3.2).

use std::collections::BTreeSet;

use arm::{ObjectId, TenantId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::access::IdentityType;
use super::{ACCESS_SECONDS, AccessClaims, SigningKey, issue, issuer};
use crate::base64url;
use crate::oauth::Scope;
use crate::{Admitted, ServicePrincipal};

/// A successful token answer (RFC 6749, section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TokenAnswer {
    /// `Bearer`.
    pub token_type: &'static str,
    /// What was granted. MSAL keeps it as the key of its cache, so it repeats what was asked for, word by
    /// word.
    pub scope: String,
    /// The life of the access token, in seconds.
    pub expires_in: i64,
    /// The same: there is no extended life.
    pub ext_expires_in: i64,
    /// The access token.
    pub access_token: String,
    /// For users who asked for `offline_access`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// For users who asked for `openid`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
    /// For users: their home ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_info: Option<String>,
}

/// What a user's tokens are made of, beside the person.
#[derive(Clone, Copy, Debug)]
pub struct UserRequest<'a> {
    /// The origin that the client used, without a slash at the end.
    pub origin: &'a str,
    /// The client.
    pub client: Uuid,
    /// What was asked for.
    pub scope: &'a Scope,
    /// The audience of the access token: the scope's, or the server's default when the scope names none.
    /// Check first that it is one of this server's, else refuse with AADSTS500011.
    pub audience: &'a str,
    /// The family of tokens.
    pub family: Uuid,
    /// From the authorization request.
    pub nonce: Option<&'a str>,
    /// The refresh token, a new one or the one that was used.
    pub refresh_token: Option<&'a str>,
    /// What the client can do: see [`crate::oauth::ClaimsRequest`].
    pub capabilities: &'a [String],
    /// The authentication contexts that the sign-in satisfies: see [`crate::SignInPolicy::met_by`].
    pub contexts: &'a BTreeSet<String>,
}

/// The claims of an ID token that MSAL reads.
#[derive(Serialize)]
struct IdClaims<'a> {
    iss: String,
    aud: Uuid,
    tid: TenantId,
    oid: ObjectId,
    sub: ObjectId,
    preferred_username: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<&'a str>,
    auth_time: i64,
    iat: i64,
    nbf: i64,
    exp: i64,
    sid: Uuid,
    uti: String,
    ver: &'static str,
}

/// Makes the tokens of an admitted user; 16 fresh random bytes name them.
///
/// # Errors
/// An internal error when signing fails.
pub fn user_tokens(
    key: &SigningKey,
    user: &Admitted<'_>,
    request: &UserRequest<'_>,
    now: Timestamp,
    random: [u8; 16],
) -> arm::Result<TokenAnswer> {
    let (home_tenant, home_object) = user.home_ids();
    let access_token = issue(key, &user_claims(user, request, now, random))?;
    let id_token =
        request.scope.openid.then(|| key.sign("JWT", &id_claims(user, request, now, random))).transpose()?;
    Ok(TokenAnswer {
        refresh_token: request.refresh_token.filter(|_| request.scope.offline_access).map(String::from),
        id_token,
        client_info: Some(client_info(home_tenant, home_object)),
        ..bearer(access_token, request.scope)
    })
}

/// Makes the token of an application that signed in with its secret.
///
/// # Errors
/// An internal error when signing fails.
pub fn application_tokens(
    key: &SigningKey,
    origin: &str,
    application: &ServicePrincipal,
    (scope, audience): (&Scope, &str),
    now: Timestamp,
    random: [u8; 16],
) -> arm::Result<TokenAnswer> {
    let now = now.as_second();
    let claims = AccessClaims {
        iss: issuer(origin, application.tenant),
        aud: audience.into(),
        tid: application.tenant,
        oid: application.id,
        sub: application.id,
        appid: application.app_id,
        idtyp: IdentityType::App,
        upn: None,
        unique_name: None,
        name: Some(application.name.clone()),
        amr: Vec::new(),
        acrs: Vec::new(),
        auth_time: None,
        iat: now,
        nbf: now,
        exp: now.saturating_add(ACCESS_SECONDS),
        uti: base64url::encode(&random),
        sid: None,
        ver: "1.0".into(),
        person: application.person(),
        xms_cc: Vec::new(),
    };
    Ok(bearer(issue(key, &claims)?, scope))
}

/// MSAL's `client_info`: the person's ids *at home*, also for a guest. MSAL makes the account's id of them,
/// so that the tokens of several tenants belong to one account.
pub fn client_info(home_tenant: TenantId, home_object: ObjectId) -> String {
    base64url::encode(json!({"uid": home_object, "utid": home_tenant}).to_string().as_bytes())
}

fn bearer(access_token: String, scope: &Scope) -> TokenAnswer {
    TokenAnswer {
        token_type: "Bearer",
        scope: scope.to_string(),
        expires_in: ACCESS_SECONDS,
        ext_expires_in: ACCESS_SECONDS,
        access_token,
        refresh_token: None,
        id_token: None,
        client_info: None,
    }
}

fn user_claims(
    user: &Admitted<'_>,
    request: &UserRequest<'_>,
    now: Timestamp,
    random: [u8; 16],
) -> AccessClaims {
    let (here, sign_in, now) = (user.here(), user.sign_in(), now.as_second());
    AccessClaims {
        iss: issuer(request.origin, here.tenant),
        aud: request.audience.into(),
        tid: here.tenant,
        oid: here.id,
        sub: here.id,
        appid: request.client,
        idtyp: IdentityType::User,
        upn: Some(here.upn.to_string()),
        unique_name: Some(user.username().to_string()),
        name: Some(here.display_name.clone()),
        amr: sign_in.methods.clone(),
        acrs: request.contexts.iter().cloned().collect(),
        auth_time: Some(sign_in.at.as_second()),
        iat: now,
        nbf: now,
        exp: now.saturating_add(ACCESS_SECONDS),
        uti: base64url::encode(&random),
        sid: Some(request.family),
        ver: "1.0".into(),
        person: sign_in.person,
        xms_cc: request.capabilities.to_vec(),
    }
}

fn id_claims<'a>(
    user: &Admitted<'a>,
    request: &UserRequest<'a>,
    now: Timestamp,
    random: [u8; 16],
) -> IdClaims<'a> {
    let (here, now) = (user.here(), now.as_second());
    IdClaims {
        iss: issuer(request.origin, here.tenant),
        aud: request.client,
        tid: here.tenant,
        oid: here.id,
        sub: here.id,
        preferred_username: user.username().as_str(),
        name: &here.display_name,
        nonce: request.nonce,
        auth_time: user.sign_in().at.as_second(),
        iat: now,
        nbf: now,
        exp: now.saturating_add(ACCESS_SECONDS),
        sid: request.family,
        uti: base64url::encode(&random),
        ver: "2.0",
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use serde_json::Value;

    use super::*;
    use crate::oauth::AZURE_CLI;
    use crate::token::{Expected, StoredSigningKey, verify};
    use crate::user::tests::{alice, alice_at_fabsec};
    use crate::{Method, SignIn, admit};

    const ORIGIN: &str = "https://localhost:8443";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::open(&StoredSigningKey::from_seed([1; 32], at(0))).unwrap()
    }

    fn json(part: &str) -> Value {
        serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
    }

    fn answer_for_guest(scope: &str) -> TokenAnswer {
        let (home, guest) = (alice(), alice_at_fabsec());
        let sign_in = SignIn { person: home.person(), methods: vec![Method::Pwd, Method::Mfa], at: at(900) };
        let admitted = admit(&sign_in, Some(&home), Some(&guest)).unwrap();
        let scope = Scope::parse(scope).unwrap();
        let request = UserRequest {
            origin: ORIGIN,
            client: AZURE_CLI,
            scope: &scope,
            audience: scope.audience.as_deref().unwrap_or(ORIGIN),
            family: Uuid::from_u128(77),
            nonce: Some("nonce"),
            refresh_token: Some("refresh"),
            capabilities: &["CP1".into()],
            contexts: &BTreeSet::from(["c1".into()]),
        };
        user_tokens(&key(), &admitted, &request, at(1000), [4; 16]).unwrap()
    }

    fn claims(answer: &TokenAnswer) -> AccessClaims {
        let ours = [ORIGIN.to_string()];
        verify(&[key()], &answer.access_token, &Expected { audiences: &ours, origins: &ours }, at(1000))
            .unwrap()
    }

    #[test]
    fn a_guest_gets_a_token_of_the_tenant_and_stays_one_account() {
        let (home, guest) = (alice(), alice_at_fabsec());
        let answer = answer_for_guest("https://localhost:8443//.default offline_access openid profile");
        let access = claims(&answer);
        assert_eq!((access.tid, access.oid, access.person), (guest.tenant, guest.id, home.person()));
        assert_eq!((access.auth_time, access.iat, access.sid), (Some(900), 1000, Some(Uuid::from_u128(77))));
        assert_eq!(access.acrs, ["c1"]);
        assert_eq!(access.upn.as_deref(), Some("alice_contoso.example#EXT#@fabsec.example"));
        assert_eq!(access.unique_name.as_deref(), Some("alice@contoso.example"));

        let id_token = answer.id_token.unwrap();
        assert_eq!(id_token.split('.').count(), 3);
        let id = json(id_token.split('.').nth(1).unwrap());
        assert_eq!(id["preferred_username"], "alice@contoso.example");
        assert_eq!(id["aud"], "04b07795-8ddb-461a-bbee-02f9e1bf7b46");
        assert_eq!((&id["oid"], &id["tid"]), (&json!(guest.id), &json!(guest.tenant)));
        assert_eq!((&id["nonce"], &id["iss"]), (&json!("nonce"), &json!(issuer(ORIGIN, guest.tenant))));

        assert_eq!(json(&answer.client_info.unwrap()), json!({"uid": home.id, "utid": home.tenant}));
        assert_eq!(answer.refresh_token.as_deref(), Some("refresh"));
        assert!(answer.scope.starts_with("https://localhost:8443//.default "));
    }

    #[test]
    fn nobody_gets_what_they_did_not_ask_for() {
        let answer = answer_for_guest("https://localhost:8443/.default");
        assert_eq!((answer.id_token, answer.refresh_token), (None, None));
    }

    #[test]
    fn an_application_gets_an_access_token_alone() {
        let application = ServicePrincipal {
            id: ObjectId(Uuid::from_u128(30)),
            tenant: TenantId(Uuid::from_u128(1)),
            app_id: Uuid::from_u128(7),
            name: "automation".into(),
            secrets: Vec::new(),
        };
        let scope = Scope::parse("https://localhost:8443/.default").unwrap();
        let answer =
            application_tokens(&key(), ORIGIN, &application, (&scope, ORIGIN), at(1000), [4; 16]).unwrap();
        let claims = claims(&answer);
        assert_eq!((claims.idtyp, claims.person), (IdentityType::App, application.person()));
        let fields = serde_json::to_value(&answer).unwrap();
        let names: Vec<&str> = fields.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(names, ["access_token", "expires_in", "ext_expires_in", "scope", "token_type"]);
    }
}
