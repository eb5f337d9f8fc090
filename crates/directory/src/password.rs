//! Passwords, and the client secrets of applications: hashed with Argon2id, checked in constant time.
//!
//! Client secrets go the same way because an administrator may choose one in the bootstrap file; nothing says
//! that it is as hard to guess as one that the server makes.

use std::fmt;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use arm::Error;
use serde::{Deserialize, Serialize};

use crate::SecretDigest;

/// The shortest password accepted, in characters (NIST SP 800-63B, 3.1.1.2). No other rule: they make
/// passwords worse.
pub const MIN_PASSWORD_CHARS: usize = 8;
/// The longest password accepted, in bytes. It bounds the work of hashing what a stranger sends.
pub const MAX_PASSWORD_BYTES: usize = 1024;

/// Memory in KiB, passes and lanes: OWASP's first choice for Argon2id. About 20 ms, and 19 MiB that the
/// caller's pool has to bound.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);
/// The hash of a password that nobody has, made with [`COST`]. An unknown user is checked against it.
const DUMMY: &str = "$argon2id$v=19$m=19456,t=2,p=1$Y291bnRlcnNpZ24gZHVtbQ$\
                     AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A salted Argon2id hash in its standard text form (a PHC string), which names its own parameters.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PasswordHash(String);

/// Proof that somebody knew the secret behind one stored hash. Only [`prove`] makes one.
///
/// Argon2 runs outside the transaction; the decision inside it compares the proof with the hash stored
/// *then*, so that a password changed in between no longer counts.
///
/// It can be kept while a second factor is waited for. What is kept is the digest of the hash and not the hash: it
/// names one user's one password, since every hash has a salt of its own, and nobody can guess at passwords with it.
/// Keep it only under the digest of a secret that the person alone has, so that reading it is no way to show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordProof {
    of: SecretDigest,
}

impl PasswordHash {
    /// Hashes a new password with 16 fresh random bytes. Slow on purpose.
    ///
    /// # Errors
    /// `Request_BadRequest` when the password is too short or too long.
    pub fn new(password: &str, salt: [u8; 16]) -> arm::Result<Self> {
        if password.chars().count() < MIN_PASSWORD_CHARS || password.len() > MAX_PASSWORD_BYTES {
            let message = format!(
                "a password has at least {MIN_PASSWORD_CHARS} characters, at most {MAX_PASSWORD_BYTES} bytes"
            );
            return Err(Error::invalid("Request_BadRequest", message));
        }
        let (memory, passes, lanes) = COST;
        let params =
            Params::new(memory, passes, lanes, None).map_err(|why| Error::internal(why.to_string()))?;
        let hash = Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|why| Error::internal(why.to_string()))?;
        Ok(Self(hash.to_string()))
    }

    /// Reads a stored hash.
    ///
    /// # Errors
    /// A sentence without the text when it is not an Argon2id PHC string.
    pub fn parse(text: &str) -> Result<Self, String> {
        let argon2id = |hash: &phc::PasswordHash| hash.algorithm.as_str() == "argon2id";
        match phc::PasswordHash::new(text) {
            Ok(hash) if argon2id(&hash) => Ok(Self(text.to_string())),
            _ => Err("not an argon2id hash in PHC form".into()),
        }
    }

    /// Whether this is the hash that a proof was made for.
    pub fn is_proved_by(&self, proof: &PasswordProof) -> bool {
        self.digest() == proof.of
    }

    fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }

    fn matches(&self, password: &str) -> bool {
        // The final comparison is the crate's own constant-time one.
        password.len() <= MAX_PASSWORD_BYTES
            && Argon2::default().verify_password(password.as_bytes(), self.0.as_str()).is_ok()
    }
}

/// Checks a password against what is stored, or, when nothing is, against a dummy at the same cost: the time
/// taken does not tell whether a user exists. Slow on purpose: run it on a bounded pool and outside a
/// transaction.
pub fn prove(stored: Option<&PasswordHash>, password: &str) -> Option<PasswordProof> {
    let dummy = PasswordHash(DUMMY.into());
    let hash = stored.unwrap_or(&dummy);
    let matched = hash.matches(password);
    (matched && stored.is_some()).then(|| PasswordProof { of: hash.digest() })
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl From<PasswordHash> for String {
    fn from(hash: PasswordHash) -> Self {
        hash.0
    }
}

impl TryFrom<String> for PasswordHash {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_password_is_proof() {
        let hash = PasswordHash::new("correct horse", [1; 16]).unwrap();
        let proof = prove(Some(&hash), "correct horse").unwrap();
        assert!(hash.is_proved_by(&proof));
        assert!(prove(Some(&hash), "correct hors").is_none());
        assert!(prove(None, "correct horse").is_none());
        let changed = PasswordHash::new("correct horse", [2; 16]).unwrap();
        assert!(!changed.is_proved_by(&proof), "a proof holds for one hash");
    }

    #[test]
    fn a_proof_that_was_kept_still_proves_and_holds_nothing_to_guess_with() {
        let hash = PasswordHash::new("correct horse", [1; 16]).unwrap();
        let kept = serde_json::to_string(&prove(Some(&hash), "correct horse").unwrap()).unwrap();
        let again: PasswordProof = serde_json::from_str(&kept).unwrap();
        assert!(hash.is_proved_by(&again));
        let parsed = phc::PasswordHash::new(&hash.0).unwrap();
        assert!(!kept.contains(&parsed.salt.unwrap().to_string()), "{kept}");
        assert!(!kept.contains(&parsed.hash.unwrap().to_string()), "{kept}");
    }

    #[test]
    fn the_dummy_costs_what_a_real_hash_costs() {
        let real = PasswordHash::new("correct horse", [1; 16]).unwrap();
        let (real, dummy) =
            (phc::PasswordHash::new(&real.0).unwrap(), phc::PasswordHash::new(DUMMY).unwrap());
        assert_eq!(real.algorithm, dummy.algorithm);
        assert_eq!(real.version, dummy.version);
        assert_eq!(real.params, dummy.params);
        assert_eq!(real.hash.unwrap().len(), dummy.hash.unwrap().len());
        assert_eq!(real.salt.unwrap().len(), dummy.salt.unwrap().len());
    }

    #[test]
    fn length_is_the_only_rule() {
        for (password, fits) in [("1234567", false), ("12345678", true), ("äöüßäöüß", true)] {
            assert_eq!(PasswordHash::new(password, [0; 16]).is_ok(), fits, "{password}");
        }
        assert!(PasswordHash::new(&"x".repeat(1025), [0; 16]).is_err());
    }

    #[test]
    fn stored_hashes_are_checked_when_read_and_hidden_when_printed() {
        let hash = PasswordHash::new("correct horse", [1; 16]).unwrap();
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<PasswordHash>(&json).unwrap(), hash);
        assert!(serde_json::from_str::<PasswordHash>("\"correct horse\"").is_err());
        assert!(!format!("{hash:?}").contains("argon2"));
    }
}
