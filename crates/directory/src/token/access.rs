//! Access tokens: what they say, and whether to believe them.

use arm::{Error, ErrorKind, ObjectId, TenantId};
use jiff::Timestamp;
use jsonwebtoken::{Validation, decode, decode_header};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::SigningKey;
use super::key::ALGORITHM;
use crate::{Method, Person, User};

/// The life of an access token, in seconds. Verification refuses any token made for longer.
pub const ACCESS_SECONDS: i64 = 60 * 60;
/// How far in the future a token may have been made, in seconds (RFC 7519, section 4.1.5: "some small leeway, usually
/// no more than a few minutes, to account for clock skew"). Another server on the same store made it, whose clock is
/// ahead. It lives no longer for that: its end is compared without leeway.
const SKEW_SECONDS: i64 = 60;
/// The longest token looked at, in bytes. Ours have about 1 KiB.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The `typ` of an access token (RFC 9068, section 2.1).
const ACCESS_TYPE: &str = "at+jwt";

/// The claims of an access token, in Entra's names (contract 1.1). Times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessClaims {
    /// Who issued it: see [`issuer`].
    pub iss: String,
    /// What it is for: the audience of the scope, as the client wrote it.
    pub aud: String,
    /// The tenant.
    pub tid: TenantId,
    /// The caller's object id in that tenant.
    pub oid: ObjectId,
    /// The caller, again; equal to `oid`.
    pub sub: ObjectId,
    /// The client that asked for it.
    pub appid: Uuid,
    /// `user` or `app`.
    pub idtyp: IdentityType,
    /// The user's name in that tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upn: Option<String>,
    /// The name that the user signs in with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique_name: Option<String>,
    /// The caller's name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How the user signed in; empty for applications.
    #[serde(default)]
    pub amr: Vec<Method>,
    /// The authentication contexts that the sign-in satisfied when the token was made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub acrs: Vec<String>,
    /// When the user signed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<i64>,
    /// When it was made.
    pub iat: i64,
    /// From when on it counts.
    pub nbf: i64,
    /// From when on it does not.
    pub exp: i64,
    /// Its own id.
    pub uti: String,
    /// The family of tokens that it belongs to; applications have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<Uuid>,
    /// The version of this set of claims.
    pub ver: String,
    /// The caller across tenants: our own claim.
    pub person: Person,
    /// What the client can do, e.g. `CP1`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub xms_cc: Vec<String>,
}

/// The kind of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IdentityType {
    /// A human.
    User,
    /// An application.
    App,
}

/// What a token has to be for.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The audiences that the asking service answers to, without a slash at the end; a token's may have one.
    pub audiences: &'a [String],
    /// The origins under which the sign-in of this server is reached. A token's issuer is one of them plus
    /// its tenant.
    pub origins: &'a [String],
}

/// Why a token is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenFault {
    /// Not a token of this server: malformed, another algorithm, type or key, a wrong signature, or an
    /// over-long life.
    Invalid,
    /// It is too late.
    Expired,
    /// It is too early.
    NotYetValid,
    /// It is for another service.
    WrongAudience,
    /// It names another issuer than its tenant's.
    WrongIssuer,
}

impl TokenFault {
    /// ARM's code for it (contract 1.3).
    pub fn code(self) -> &'static str {
        match self {
            Self::Invalid | Self::NotYetValid | Self::WrongAudience => "InvalidAuthenticationToken",
            Self::Expired => "ExpiredAuthenticationToken",
            Self::WrongIssuer => "InvalidAuthenticationTokenTenant",
        }
    }

    /// The refusal as ARM tells it.
    pub fn to_error(self) -> Error {
        let message = match self {
            Self::Invalid => "The access token is invalid.",
            Self::Expired => "The access token expiry is in the past. Sign in again or refresh it.",
            Self::NotYetValid => "The access token is not valid yet.",
            Self::WrongAudience => "The access token has been obtained for another audience.",
            Self::WrongIssuer => "The access token is from the wrong issuer.",
        };
        Error::new(ErrorKind::Unauthenticated, self.code(), message)
    }
}

/// The issuer of a tenant's tokens, as discovery names it; `origin` has no slash at the end.
pub fn issuer(origin: &str, tenant: TenantId) -> String {
    format!("{origin}/{tenant}/v2.0")
}

/// Makes an access token.
///
/// # Errors
/// An internal error when signing fails.
pub fn issue(key: &SigningKey, claims: &AccessClaims) -> arm::Result<String> {
    key.sign(ACCESS_TYPE, claims)
}

/// Decides whether a token was made by this server, for the asking service, and counts now. Whether its user
/// still exists and may act is [`check_caller`]'s question, and which tenant it has to be of is the caller's.
///
/// # Errors
/// The first fault in the order: signature, issuer, audience, time. So [`TokenFault::Expired`] means that a
/// fresh token would do.
pub fn verify(
    keys: &[SigningKey],
    token: &str,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<AccessClaims, TokenFault> {
    let Signed { claims, .. } = verify_signature(keys, token)?;
    check_claims(&claims, expected, now)?;
    Ok(claims)
}

/// Decides whether claims that were signed are for the asking service and count now.
///
/// # Errors
/// The first fault in the order: issuer, audience, time.
pub fn check_claims(
    claims: &AccessClaims,
    expected: &Expected<'_>,
    now: Timestamp,
) -> Result<(), TokenFault> {
    if !expected.origins.iter().any(|origin| claims.iss == issuer(origin, claims.tid)) {
        return Err(TokenFault::WrongIssuer);
    }
    let audience = claims.aud.strip_suffix('/').unwrap_or(&claims.aud);
    if !expected.audiences.iter().any(|ours| ours == audience) {
        return Err(TokenFault::WrongAudience);
    }
    let now = now.as_second();
    if claims.exp.checked_sub(claims.iat).is_none_or(|life| life > ACCESS_SECONDS) {
        return Err(TokenFault::Invalid);
    }
    if now < claims.nbf.saturating_sub(SKEW_SECONDS) || now < claims.iat.saturating_sub(SKEW_SECONDS) {
        return Err(TokenFault::NotYetValid);
    }
    if now >= claims.exp {
        return Err(TokenFault::Expired);
    }
    Ok(())
}

/// What a token says, and which key signed it.
#[derive(Clone, Debug)]
pub struct Signed {
    /// What it says. Whether that counts is [`check_claims`]' question.
    pub claims: AccessClaims,
    /// The name of the key.
    pub kid: String,
}

/// Decides whether one of these keys signed a token. The same text and the same key give the same answer at any time.
///
/// # Errors
/// [`TokenFault::Invalid`].
pub fn verify_signature(keys: &[SigningKey], token: &str) -> Result<Signed, TokenFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenFault::Invalid);
    }
    let header = decode_header(token).map_err(|_| TokenFault::Invalid)?;
    let expected =
        header.alg == ALGORITHM && header.typ.as_deref() == Some(ACCESS_TYPE) && header.crit.is_none();
    let key = keys.iter().find(|key| header.kid.as_deref() == Some(key.kid())).filter(|_| expected);
    let key = key.ok_or(TokenFault::Invalid)?;
    let data = decode(token, key.verifying(), &signature_only()).map_err(|_| TokenFault::Invalid)?;
    Ok(Signed { claims: data.claims, kid: key.kid().to_string() })
}

/// The library checks the signature alone: it would read the system's clock, allow a minute's leeway, and
/// accept a list of audiences.
fn signature_only() -> Validation {
    let mut validation = Validation::new(ALGORITHM);
    validation.required_spec_claims.clear();
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    validation
}

/// Decides whether the user of a believed token may still act: `home` is the person's own user and `here` the
/// user with the token's object id, as stored now. It makes a disabled account or an ended session count at
/// once and not only when the token expires. (A revoked family, `sid`, is the store's to look up, and so is
/// whether an application is still there.)
///
/// # Errors
/// `InvalidAuthenticationToken` when either user is gone or disabled, or the sign-in has been voided.
pub fn check_caller(claims: &AccessClaims, home: Option<&User>, here: Option<&User>) -> arm::Result<()> {
    let counts = |user: &User| {
        let voided = |from: Timestamp| claims.auth_time.is_none_or(|at| at < from.as_second());
        user.enabled && user.person() == claims.person && !user.sessions_valid_from.is_some_and(voided)
    };
    let here_counts =
        here.is_some_and(|user| counts(user) && user.id == claims.oid && user.tenant == claims.tid);
    let home_counts = home.is_some_and(|user| counts(user) && !user.is_guest());
    if here_counts && home_counts {
        return Ok(());
    }
    let message = "The account is disabled or its session has ended. Sign in again.";
    Err(Error::new(ErrorKind::Unauthenticated, "InvalidAuthenticationToken", message))
}

/// The refusal of a token of another tenant than the one that a subscription trusts. The edge adds the header
/// `WWW-Authenticate` that names the right one (contract 1.3).
pub fn wrong_tenant(token: &AccessClaims, required: TenantId) -> Error {
    let message = format!(
        "The access token is from the wrong issuer '{}'. It must match the tenant '{required}' associated \
         with this subscription. Please use the authority of that tenant to get the token.",
        token.iss
    );
    Error::new(ErrorKind::Unauthenticated, "InvalidAuthenticationTokenTenant", message)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::base64url;
    use crate::token::StoredSigningKey;
    use crate::user::tests::{alice, alice_at_fabsec};

    const ORIGIN: &str = "https://localhost:8443";
    const NOW: i64 = 1_770_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn key(n: u8) -> SigningKey {
        SigningKey::open(&StoredSigningKey::from_seed([n; 32], at(0))).unwrap()
    }

    fn claims() -> AccessClaims {
        let user = alice();
        AccessClaims {
            iss: issuer(ORIGIN, user.tenant),
            aud: ORIGIN.into(),
            tid: user.tenant,
            oid: user.id,
            sub: user.id,
            appid: crate::oauth::AZURE_CLI,
            idtyp: IdentityType::User,
            upn: Some(user.upn.to_string()),
            unique_name: Some(user.upn.to_string()),
            name: Some(user.display_name.clone()),
            amr: vec![Method::Pwd],
            acrs: vec!["c1".into()],
            auth_time: Some(NOW - 10),
            iat: NOW,
            nbf: NOW,
            exp: NOW + ACCESS_SECONDS,
            uti: "uti".into(),
            sid: Some(Uuid::from_u128(77)),
            ver: "1.0".into(),
            person: user.person(),
            xms_cc: vec!["CP1".into()],
        }
    }

    fn check(token: &str, seconds: i64) -> Result<AccessClaims, TokenFault> {
        let ours = [ORIGIN.to_string(), "https://127.0.0.1:8443".to_string()];
        verify(&[key(1), key(2)], token, &Expected { audiences: &ours, origins: &ours }, at(seconds))
    }

    fn with(change: impl FnOnce(&mut AccessClaims)) -> String {
        let mut claims = claims();
        change(&mut claims);
        issue(&key(1), &claims).unwrap()
    }

    #[test]
    fn a_token_says_what_was_put_into_it() {
        assert_eq!(check(&with(|_| {}), NOW), Ok(claims()));
        assert_eq!(
            check(&issue(&key(2), &claims()).unwrap(), NOW),
            Ok(claims()),
            "the key is picked by its name"
        );
        assert_eq!(with(|_| {}), with(|_| {}), "signing needs no randomness");
        assert!(check(&with(|c| c.aud.push('/')), NOW).is_ok(), "one slash at the end is no difference");
    }

    #[test]
    fn each_fault_has_its_name() {
        let end = NOW + ACCESS_SECONDS;
        let cases = [
            ("the last second", with(|_| {}), end - 1, None),
            ("exactly at exp", with(|_| {}), end, Some(TokenFault::Expired)),
            ("long after", with(|_| {}), end * 2, Some(TokenFault::Expired)),
            ("from a server whose clock is ahead", with(|_| {}), NOW - SKEW_SECONDS, None),
            ("before nbf", with(|_| {}), NOW - SKEW_SECONDS - 1, Some(TokenFault::NotYetValid)),
            (
                "made in the future",
                with(|c| c.iat = NOW + SKEW_SECONDS + 1),
                NOW,
                Some(TokenFault::NotYetValid),
            ),
            (
                "another service",
                with(|c| c.aud = "https://localhost:8444".into()),
                NOW,
                Some(TokenFault::WrongAudience),
            ),
            (
                "a longer name",
                with(|c| c.aud = format!("{ORIGIN}.evil")),
                NOW,
                Some(TokenFault::WrongAudience),
            ),
            ("two slashes", with(|c| c.aud.push_str("//")), NOW, Some(TokenFault::WrongAudience)),
            (
                "another origin",
                with(|c| c.iss = issuer("https://evil", c.tid)),
                NOW,
                Some(TokenFault::WrongIssuer),
            ),
            ("another tenant", with(|c| c.tid = TenantId(Uuid::nil())), NOW, Some(TokenFault::WrongIssuer)),
            ("expired, and for another", with(|c| c.aud = "x".into()), end, Some(TokenFault::WrongAudience)),
            ("made for a year", with(|c| c.exp += 1), NOW, Some(TokenFault::Invalid)),
            ("absurd times", with(|c| (c.iat, c.exp) = (i64::MIN, i64::MAX)), NOW, Some(TokenFault::Invalid)),
        ];
        for (what, token, now, fault) in cases {
            assert_eq!(check(&token, now).err(), fault, "{what}");
        }
        assert_eq!(
            check(&issue(&key(3), &claims()).unwrap(), NOW),
            Err(TokenFault::Invalid),
            "an unknown key"
        );
    }

    /// A token with a header of the attacker's choice, signed by whoever.
    fn forged(header: Value, signature: &str) -> String {
        let part = |value: &Value| base64url::encode(value.to_string().as_bytes());
        format!("{}.{}.{signature}", part(&header), part(&serde_json::to_value(claims()).unwrap()))
    }

    #[test]
    fn forgeries_are_refused() {
        let good = with(|_| {});
        let parts: Vec<&str> = good.split('.').collect();
        let kid = key(1).kid().to_string();
        let other = with(|c| c.oid = ObjectId(Uuid::nil()));
        let other_payload = other.split('.').nth(1).unwrap();
        let hs256 = {
            let header = json!({"typ": "at+jwt", "alg": "HS256", "kid": kid});
            let public =
                jsonwebtoken::EncodingKey::from_secret(key(1).jwk()["x"].as_str().unwrap().as_bytes());
            jsonwebtoken::encode(&serde_json::from_value(header).unwrap(), &claims(), &public).unwrap()
        };
        let forgeries = [
            String::new(),
            "a.b.c".into(),
            format!("{}.{}", parts[0], parts[1]),
            format!("{good}.x"),
            format!("{good} "),
            format!("{}.{other_payload}.{}", parts[0], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            forged(json!({"typ": "at+jwt", "alg": "none", "kid": kid}), ""),
            forged(json!({"typ": "at+jwt", "alg": "EdDSA", "kid": kid}), ""),
            forged(json!({"typ": "at+jwt", "alg": "EdDSA"}), parts[2]),
            hs256,
            "x".repeat(MAX_TOKEN_BYTES + 1),
        ];
        for token in forgeries {
            assert_eq!(check(&token, NOW), Err(TokenFault::Invalid), "{token:.80}");
        }
    }

    #[test]
    fn a_well_signed_token_of_another_kind_is_refused() {
        let id_token = key(1).sign("JWT", &claims()).unwrap();
        assert_eq!(check(&id_token, NOW), Err(TokenFault::Invalid));
        let without_person = {
            let mut value = serde_json::to_value(claims()).unwrap();
            value.as_object_mut().unwrap().remove("person");
            key(1).sign("at+jwt", &value).unwrap()
        };
        assert_eq!(check(&without_person, NOW), Err(TokenFault::Invalid));
        let another_kid = {
            let mut header = jsonwebtoken::Header::new(ALGORITHM);
            header.typ = Some("at+jwt".into());
            header.kid = Some(key(2).kid().into());
            let pkcs8 = [
                [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20].as_slice(),
                &[1; 32],
            ];
            let signing = jsonwebtoken::EncodingKey::from_ed_der(&pkcs8.concat());
            jsonwebtoken::encode(&header, &claims(), &signing).unwrap()
        };
        assert_eq!(check(&another_kid, NOW), Err(TokenFault::Invalid));
    }

    #[test]
    fn faults_speak_arms_language() {
        let error = TokenFault::Expired.to_error();
        assert_eq!(
            (error.kind, error.code.as_str()),
            (ErrorKind::Unauthenticated, "ExpiredAuthenticationToken")
        );
        assert_eq!(wrong_tenant(&claims(), claims().tid).code, "InvalidAuthenticationTokenTenant");
    }

    #[test]
    fn a_user_switched_off_is_refused_at_once() {
        let (home, guest) = (alice(), alice_at_fabsec());
        let here = AccessClaims { tid: guest.tenant, oid: guest.id, ..claims() };
        let off = |user: &User| User { enabled: false, ..user.clone() };
        let ended = |user: &User, from| User { sessions_valid_from: Some(at(from)), ..user.clone() };
        assert!(check_caller(&claims(), Some(&home), Some(&home)).is_ok());
        assert!(check_caller(&here, Some(&home), Some(&guest)).is_ok());
        assert!(check_caller(&here, Some(&ended(&home, NOW - 10)), Some(&guest)).is_ok());
        let refused = [
            (here.clone(), None, Some(guest.clone())),
            (here.clone(), Some(home.clone()), None),
            (here.clone(), Some(home.clone()), Some(home.clone())),
            (here.clone(), Some(guest.clone()), Some(guest.clone())),
            (here.clone(), Some(off(&home)), Some(guest.clone())),
            (here.clone(), Some(home.clone()), Some(off(&guest))),
            (here.clone(), Some(ended(&home, NOW - 9)), Some(guest.clone())),
            (AccessClaims { auth_time: None, ..here }, Some(ended(&home, 0)), Some(guest)),
        ];
        for (case, (claims, home, here)) in refused.into_iter().enumerate() {
            assert!(check_caller(&claims, home.as_ref(), here.as_ref()).is_err(), "case {case}");
        }
    }
}
