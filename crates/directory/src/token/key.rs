//! Keys that sign tokens.

use std::fmt;

use arm::Error;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::base64url;

/// The one algorithm of all tokens.
pub(crate) const ALGORITHM: Algorithm = Algorithm::EdDSA;

/// What stands before the 32 bytes of an Ed25519 seed in PKCS #8 (RFC 8410, section 7).
const PKCS8_PREFIX: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// A signing key as the store keeps it. Whoever reads it can be anybody: keep it where only the server reads.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredSigningKey {
    /// The Ed25519 seed in base64url.
    seed: String,
    /// When it was made.
    pub created: Timestamp,
}

/// A key that is ready to sign and to verify.
#[derive(Clone)]
pub struct SigningKey {
    kid: String,
    public: String,
    signing: EncodingKey,
    verifying: DecodingKey,
}

impl StoredSigningKey {
    /// A new key of 32 fresh random bytes.
    pub fn from_seed(seed: [u8; 32], created: Timestamp) -> Self {
        Self { seed: base64url::encode(&seed), created }
    }
}

impl SigningKey {
    /// Makes a stored key ready.
    ///
    /// # Errors
    /// An internal error when the stored seed is damaged.
    pub fn open(stored: &StoredSigningKey) -> arm::Result<Self> {
        let damaged = || Error::internal("the stored token signing key is damaged");
        let seed: [u8; 32] = base64url::decode(&stored.seed).ok_or_else(damaged)?;
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| damaged())?;
        let public = base64url::encode(pair.public_key().as_ref());
        let verifying = DecodingKey::from_ed_components(&public).map_err(|_| damaged())?;
        let signing = EncodingKey::from_ed_der(&[PKCS8_PREFIX.as_slice(), &seed].concat());
        Ok(Self { kid: thumbprint(&public), public, signing, verifying })
    }

    /// The key's name in tokens and in the key set: its thumbprint (RFC 7638), so it cannot name another key.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a JSON Web Key (RFC 8037, section 2).
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "OKP", "crv": "Ed25519", "x": self.public,
            "use": "sig", "alg": "EdDSA", "kid": self.kid,
        })
    }

    pub(crate) fn verifying(&self) -> &DecodingKey {
        &self.verifying
    }

    /// Signs claims as a token of the given type.
    pub(crate) fn sign(&self, token_type: &str, claims: &impl Serialize) -> arm::Result<String> {
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(token_type.into());
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.signing)
            .map_err(|why| Error::internal(format!("signing a token failed: {why}")))
    }
}

/// The JSON Web Key Set that the issuer publishes.
pub fn jwks(keys: &[SigningKey]) -> Value {
    json!({"keys": keys.iter().map(SigningKey::jwk).collect::<Vec<_>>()})
}

/// RFC 8037, appendix A.3: the SHA-256 of the required members in order.
fn thumbprint(public: &str) -> String {
    let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{public}"}}"#);
    base64url::encode(&Sha256::digest(members.as_bytes()))
}

impl fmt::Debug for StoredSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredSigningKey(…, created {})", self.created)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, appendix A: a seed, its public key, and the thumbprint.
    #[test]
    fn the_example_of_rfc_8037() {
        let seed = base64url::decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").unwrap();
        let key = SigningKey::open(&StoredSigningKey::from_seed(seed, Timestamp::UNIX_EPOCH)).unwrap();
        assert_eq!(key.kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(key.jwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        assert!(jwks(&[key]).to_string().find("nWGxne").is_none(), "the seed stays inside");
    }

    #[test]
    fn a_stored_key_reads_back_and_a_damaged_one_is_an_error() {
        let stored = StoredSigningKey::from_seed([1; 32], Timestamp::UNIX_EPOCH);
        let json = serde_json::to_string(&stored).unwrap();
        assert_eq!(serde_json::from_str::<StoredSigningKey>(&json).unwrap(), stored);
        assert!(!format!("{stored:?}").contains(&stored.seed));
        let damaged = StoredSigningKey { seed: "x".into(), ..stored };
        assert!(SigningKey::open(&damaged).is_err());
    }
}
