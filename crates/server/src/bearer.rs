//! Bearer tokens of a request: from header text to [`SignedIn`].

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use arm::{Error, ErrorKind};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use directory::token::{
    AccessClaims, Expected, IdentityType, MAX_TOKEN_BYTES, Signed, SigningKey, TokenFault, check_claims,
    verify_signature,
};
use jiff::Timestamp;
use ledger::{ActorKind, Digest};
use parking_lot::Mutex;

use crate::app::App;
use crate::arm::call::SignedIn;
use crate::origin::Origins;

/// How many auxiliary tokens ARM takes (contract 5).
const AUXILIARY_TOKENS: usize = 3;

/// The main token of a request, verified for one of the audiences.
///
/// # Errors
/// 401 with ARM's code.
pub fn main_token(app: &App, headers: &HeaderMap, audiences: &[String]) -> arm::Result<SignedIn> {
    let header = headers.get(AUTHORIZATION).ok_or_else(|| {
        Error::new(
            ErrorKind::Unauthenticated,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is missing.",
        )
    })?;
    let token = header.to_str().ok().and_then(bearer).ok_or_else(|| {
        Error::new(
            ErrorKind::Unauthenticated,
            "AuthenticationFailed",
            "Authentication failed. The 'Authorization' header is provided in an invalid format.",
        )
    })?;
    read(app, token, audiences)
}

/// The tokens of `x-ms-authorization-auxiliary`, each verified like the main one.
///
/// # Errors
/// `InvalidAuxiliaryTokens` for a malformed header, 401 for a token that does not count.
pub fn auxiliary_tokens(app: &App, headers: &HeaderMap, audiences: &[String]) -> arm::Result<Vec<SignedIn>> {
    let invalid = |what: &str| {
        let message = format!("The 'x-ms-authorization-auxiliary' header {what}.");
        Error::new(ErrorKind::Unauthenticated, "InvalidAuxiliaryTokens", message)
    };
    let mut tokens = Vec::new();
    for value in headers.get_all("x-ms-authorization-auxiliary") {
        let value = value.to_str().map_err(|_| invalid("is not text"))?;
        for part in value.split([',', ';']).map(str::trim).filter(|part| !part.is_empty()) {
            let token =
                bearer(part).ok_or_else(|| invalid("must hold 'Bearer' tokens, separated by commas"))?;
            tokens.push(read(app, token, audiences)?);
        }
    }
    if tokens.len() > AUXILIARY_TOKENS {
        return Err(invalid("holds more than three tokens"));
    }
    Ok(tokens)
}

fn bearer(text: &str) -> Option<&str> {
    let (scheme, token) = text.trim().split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

fn read(app: &App, token: &str, audiences: &[String]) -> arm::Result<SignedIn> {
    let expected = Expected { audiences, origins: app.bearers.arm(&app.origins) };
    let bearer = app.bearers.read(&app.keys, token).map_err(|fault| fault.to_error())?;
    check_claims(&bearer.signed.claims, &expected, app.edge.now()).map_err(|fault| fault.to_error())?;
    Ok(bearer.signed_in.clone())
}

/// How many tokens are remembered: as many are forgotten at a time, so there may be twice as many in memory.
const REMEMBERED: usize = 1024;

/// Tokens whose signatures were verified, so that it is not done again for each request. Only what can never change is
/// remembered: that a key signed this text, and what it says. Whether the key is still one of ours, and whether the token
/// counts here and now, is asked each time; and what became of its owner is a matter of the decision.
#[derive(Default)]
pub struct Bearers {
    generations: Mutex<Generations>,
    arm: OnceLock<Vec<String>>,
    graph: OnceLock<Vec<String>>,
}

#[derive(Default)]
struct Generations {
    young: HashMap<Digest, Arc<Bearer>>,
    old: HashMap<Digest, Arc<Bearer>>,
}

struct Bearer {
    signed: Signed,
    signed_in: SignedIn,
}

impl Bearers {
    /// The origins of ARM, which are its audiences and the sign-in's issuers.
    pub fn arm(&self, origins: &Origins) -> &[String] {
        self.arm.get_or_init(|| origins.arm())
    }

    /// The origins of Graph, which are its audiences.
    pub fn graph(&self, origins: &Origins) -> &[String] {
        self.graph.get_or_init(|| origins.graph())
    }

    /// What a token says that one of these keys signed.
    fn read(&self, keys: &[SigningKey], token: &str) -> Result<Arc<Bearer>, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::Invalid);
        }
        let digest = Digest::of(token.as_bytes());
        if let Some(known) = self.generations.lock().find(&digest)
            && keys.iter().any(|key| key.kid() == known.signed.kid)
        {
            return Ok(known);
        }
        let signed = verify_signature(keys, token)?;
        let bearer = Arc::new(Bearer { signed_in: signed_in(&signed.claims), signed });
        self.generations.lock().remember(digest, Arc::clone(&bearer));
        Ok(bearer)
    }
}

impl Generations {
    fn find(&mut self, digest: &Digest) -> Option<Arc<Bearer>> {
        if let Some(known) = self.young.get(digest) {
            return Some(Arc::clone(known));
        }
        let known = self.old.remove(digest)?;
        self.remember(*digest, Arc::clone(&known));
        Some(known)
    }

    fn remember(&mut self, digest: Digest, bearer: Arc<Bearer>) {
        if self.young.len() >= REMEMBERED {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(digest, bearer);
    }
}

fn signed_in(claims: &AccessClaims) -> SignedIn {
    let kind = match claims.idtyp {
        IdentityType::User => ActorKind::User,
        IdentityType::App => ActorKind::ServicePrincipal,
    };
    let name = claims.upn.clone().or_else(|| claims.unique_name.clone());
    SignedIn {
        tenant: claims.tid,
        object: claims.oid,
        person: claims.person.to_string(),
        kind,
        name: name.unwrap_or_else(|| claims.appid.to_string()),
        amr: claims.amr.iter().map(|method| method.as_str().to_string()).collect(),
        acrs: claims.acrs.clone(),
        answers_challenges: claims.xms_cc.iter().any(|capability| capability.eq_ignore_ascii_case("cp1")),
        auth_time: claims.auth_time.and_then(|at| Timestamp::from_second(at).ok()),
        family: claims.sid,
    }
}

#[cfg(test)]
mod tests {
    use directory::Person;
    use directory::token::{StoredSigningKey, issue};
    use uuid::Uuid;

    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::open(&StoredSigningKey::from_seed([seed; 32], Timestamp::UNIX_EPOCH)).unwrap()
    }

    fn claims(number: u128) -> AccessClaims {
        let id = Uuid::from_u128(number);
        serde_json::from_value(serde_json::json!({
            "iss": "https://localhost/x", "aud": "https://localhost", "tid": id, "oid": id, "sub": id, "appid": id,
            "idtyp": "app", "iat": 0, "nbf": 0, "exp": 3600, "uti": "u", "ver": "1.0",
            "person": Person::Application(id),
        }))
        .unwrap()
    }

    #[test]
    fn a_token_is_believed_as_long_as_its_key_is_ours() {
        let bearers = Bearers::default();
        let token = issue(&key(1), &claims(7)).unwrap();
        let read = |keys: &[SigningKey]| bearers.read(keys, &token).map(|known| known.signed_in.object.0);
        assert_eq!(read(&[key(2), key(1)]), Ok(Uuid::from_u128(7)));
        assert_eq!(read(&[key(1)]), Ok(Uuid::from_u128(7)));
        assert_eq!(read(&[key(2)]), Err(TokenFault::Invalid));
        assert_eq!(read(&[]), Err(TokenFault::Invalid));
    }

    #[test]
    fn what_was_never_signed_is_not_remembered() {
        let bearers = Bearers::default();
        let keys = [key(1)];
        let token = issue(&keys[0], &claims(7)).unwrap();
        assert!(bearers.read(&keys, &token).is_ok());
        let (head, signature) = token.rsplit_once('.').unwrap();
        let other = issue(&keys[0], &claims(8)).unwrap();
        let (other, _) = other.rsplit_once('.').unwrap();
        for forged in [format!("{other}.{signature}"), format!("{head}."), format!("{token}x")] {
            assert!(bearers.read(&keys, &forged).is_err());
            assert!(bearers.read(&keys, &forged).is_err());
        }
    }

    #[test]
    fn only_so_many_are_remembered() {
        let bearers = Bearers::default();
        let keys = [key(1)];
        let token = |number| issue(&keys[0], &claims(number)).unwrap();
        let first = token(0);
        for number in 0..3 * REMEMBERED as u128 {
            assert!(bearers.read(&keys, &token(number)).is_ok());
            // Who keeps asking is not forgotten.
            let digest = Digest::of(first.as_bytes());
            assert!(bearers.generations.lock().find(&digest).is_some());
        }
        let generations = bearers.generations.lock();
        assert!(generations.young.len() <= REMEMBERED && generations.old.len() <= REMEMBERED);
    }
}
