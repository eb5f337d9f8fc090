//! Proof Key for Code Exchange (RFC 7636), with the method S256 alone.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::OAuthError;
use crate::base64url;

/// A `code_challenge`: the SHA-256 of a verifier that only the client knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Challenge([u8; 32]);

impl Challenge {
    /// Reads the challenge of an authorization request.
    ///
    /// # Errors
    /// AADSTS9002325 when it is missing or malformed or the method is not `S256`. No method means `plain`,
    /// which protects nothing from somebody who sees the request.
    pub fn parse(challenge: Option<&str>, method: Option<&str>) -> Result<Self, OAuthError> {
        let bytes = challenge.filter(|_| method == Some("S256")).and_then(base64url::decode);
        bytes.map(Self).ok_or_else(OAuthError::challenge_required)
    }

    /// Whether a verifier has the form of one (section 4.1) and belongs to this challenge.
    pub fn is_met_by(&self, verifier: &str) -> bool {
        let well_formed = (43..=128).contains(&verifier.len())
            && verifier.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c));
        let digest: [u8; 32] = Sha256::digest(verifier.as_bytes()).into();
        well_formed && bool::from(self.0.ct_eq(&digest))
    }
}

impl From<Challenge> for String {
    fn from(challenge: Challenge) -> Self {
        base64url::encode(&challenge.0)
    }
}

impl TryFrom<String> for Challenge {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        base64url::decode(&text).map(Self).ok_or("not a S256 code challenge")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn the_example_of_rfc_7636() {
        let challenge = Challenge::parse(Some(CHALLENGE), Some("S256")).unwrap();
        assert!(challenge.is_met_by(VERIFIER));
        for wrong in ["", CHALLENGE, "dBjftJeZ4CVP", &format!("{VERIFIER} ")] {
            assert!(!challenge.is_met_by(wrong), "{wrong}");
        }
    }

    #[test]
    fn anything_but_s256_is_refused() {
        let bad = [
            (None, Some("S256")),
            (Some(CHALLENGE), None),
            (Some(CHALLENGE), Some("plain")),
            (Some("abc"), Some("S256")),
        ];
        for (challenge, method) in bad {
            assert_eq!(Challenge::parse(challenge, method).unwrap_err().code, 9_002_325);
        }
    }
}
