//! Recovery codes: what somebody signs in with who does not have their authenticator at hand.
//!
//! A code is 80 random bits, so a plain SHA-256 keeps it: there is nothing to guess with, and a slow hash would only
//! slow down the server. Each works once, in place of a one-time password, behind the same throttle.

use std::fmt;

use data_encoding::BASE32_NOPAD;

use crate::SecretDigest;

/// How many codes somebody gets.
pub const RECOVERY_CODES: usize = 10;
/// Random bytes in a code: 16 letters of base32.
const CODE_BYTES: usize = 10;
/// Random bytes for all codes.
pub const RECOVERY_RANDOM: usize = RECOVERY_CODES * CODE_BYTES;

/// A recovery code as it is shown, once. A temporary access pass has the same form.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode(String);

impl RecoveryCode {
    /// Makes a code of fresh random bytes.
    pub fn from_random(bytes: [u8; CODE_BYTES]) -> Self {
        Self(BASE32_NOPAD.encode(&bytes))
    }

    /// Makes all codes of somebody.
    pub fn all_from_random(bytes: [u8; RECOVERY_RANDOM]) -> Vec<Self> {
        bytes.as_chunks::<CODE_BYTES>().0.iter().map(|bytes| Self::from_random(*bytes)).collect()
    }

    /// Reads a code as people type it: in either case, with or without hyphens and blanks. No one-time password has its
    /// form.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | ' '))
            .take(17)
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let bytes = BASE32_NOPAD.decode(letters.as_bytes()).ok()?;
        (bytes.len() == CODE_BYTES).then_some(Self(letters))
    }

    /// What is stored in its place.
    pub fn digest(&self) -> SecretDigest {
        SecretDigest::of(&self.0)
    }

    /// Whether it is the one that was stored; compares in constant time.
    pub fn is(&self, stored: &SecretDigest) -> bool {
        stored.matches(&self.0)
    }

    /// What is left of the codes after this one; `None` when it is none of them.
    pub(crate) fn spend(&self, codes: &[SecretDigest]) -> Option<Vec<SecretDigest>> {
        let left: Vec<SecretDigest> = codes.iter().copied().filter(|code| !self.is(code)).collect();
        (left.len() < codes.len()).then_some(left)
    }
}

impl fmt::Display for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, letter) in self.0.chars().enumerate() {
            if at > 0 && at % 4 == 0 {
                f.write_str("-")?;
            }
            write!(f, "{letter}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> Vec<RecoveryCode> {
        RecoveryCode::all_from_random(std::array::from_fn(|at| u8::try_from(at).unwrap()))
    }

    #[test]
    fn a_code_reads_as_people_type_it() {
        let code = &codes()[0];
        assert_eq!(code.to_string(), "AAAQ-EAYE-AUDA-OCAJ");
        for typed in ["AAAQEAYEAUDAOCAJ", " aaaq-eaye-auda-ocaj ", "AAAQ EAYE AUDA OCAJ"] {
            assert_eq!(RecoveryCode::parse(typed).as_ref(), Some(code), "{typed}");
        }
        for other in ["", "287082", "AAAQ-EAYE-AUDA-OCA", "AAAQ-EAYE-AUDA-OCAJ-A", "AAAQ-EAYE-AUDA-OCA1"] {
            assert_eq!(RecoveryCode::parse(other), None, "{other}");
        }
        assert!(!format!("{code:?}").contains("AAAQ"));
    }

    #[test]
    fn each_code_works_once() {
        let codes = codes();
        let mut left: Vec<SecretDigest> = codes.iter().map(RecoveryCode::digest).collect();
        assert_eq!(left.len(), RECOVERY_CODES);
        for (used, code) in codes.iter().enumerate() {
            left = code.spend(&left).unwrap();
            assert_eq!(left.len(), RECOVERY_CODES - used - 1);
            assert_eq!(code.spend(&left), None);
        }
        assert_eq!(RecoveryCode::from_random([9; 10]).spend(&left), None);
    }
}
