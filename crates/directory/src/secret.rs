//! Secrets that the server makes: too long to guess, so that a plain hash keeps them.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::base64url;

/// A secret as it is handed out, once: 256 random bits as 43 characters that need no escaping anywhere.
///
/// Authorization codes, device codes, refresh tokens, generated client secrets and repository passwords are
/// of this kind.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Makes a secret of 32 fresh random bytes.
    pub fn from_random(bytes: [u8; 32]) -> Self {
        Self(base64url::encode(&bytes))
    }

    /// The text, for the answer to the one who may know it.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored in its place.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The SHA-256 of a [`Secret`]. It may be a key of the store: whoever reads it cannot get back to the secret,
/// and a lookup by it tells a guesser nothing.
///
/// It is for secrets with full entropy only. What people choose goes through [`crate::PasswordHash`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SecretDigest([u8; 32]);

impl SecretDigest {
    /// The digest of a secret as a client sent it.
    pub fn of(secret: &str) -> Self {
        Self(Sha256::digest(secret.as_bytes()).into())
    }

    /// The digest that was stored in lower-case hex, as repository credentials do.
    pub fn from_hex(hex: &str) -> Option<Self> {
        let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).ok()?;
        bytes.try_into().map(Self).ok()
    }

    /// The digest itself.
    pub fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// The digest in lower-case hex.
    pub fn to_hex(self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }

    /// Whether a client sent the secret; compares in constant time.
    pub fn matches(&self, secret: &str) -> bool {
        self.0.ct_eq(&Self::of(secret).0).into()
    }
}

impl fmt::Display for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64url::encode(&self.0))
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretDigest({self})")
    }
}

impl From<SecretDigest> for String {
    fn from(digest: SecretDigest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for SecretDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        base64url::decode(&text).map(Self).ok_or("not a SHA-256 in base64url")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_matches_its_secret_alone() {
        let (secret, other) = (Secret::from_random([7; 32]), Secret::from_random([8; 32]));
        assert_eq!(secret.expose().len(), 43);
        assert!(secret.digest().matches(secret.expose()));
        assert!(!secret.digest().matches(other.expose()));
        assert!(!secret.digest().matches(""));
        assert!(!format!("{secret:?}").contains(secret.expose()));
    }

    #[test]
    fn a_stored_digest_reads_back() {
        let digest = SecretDigest::of("x");
        let json = serde_json::to_string(&digest).unwrap();
        assert_eq!(serde_json::from_str::<SecretDigest>(&json).unwrap(), digest);
        assert!(serde_json::from_str::<SecretDigest>("\"short\"").is_err());
        assert_eq!(SecretDigest::from_hex(&digest.to_hex()), Some(digest));
        assert_eq!(SecretDigest::from_hex("2d71"), None);
    }
}
