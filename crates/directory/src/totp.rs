//! Time-based one-time passwords (RFC 6238): SHA-1, six digits, steps of 30 seconds, as every authenticator
//! app has them.

use std::fmt;

use arm::{Error, ObjectId};
use data_encoding::BASE32_NOPAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::SecretDigest;

/// A code of the step before or after the current one is accepted too: a phone's clock may be off by half a
/// minute.
const WINDOW_STEPS: u16 = 1;
/// Seconds per step.
const STEP_SECONDS: u64 = 30;
/// The shortest and longest secret accepted, in bytes. Widespread authenticators make 10; RFC 4226 recommends
/// 20.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 10..=64;

/// An enrolled second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totp {
    /// What the user's authenticator and the server share.
    pub secret: TotpSecret,
    /// The step of the last code that was accepted. A code works once (RFC 6238, section 5.2).
    pub last_step: Option<u64>,
    /// Its id in Graph.
    #[serde(default)]
    pub id: Uuid,
    /// When it was enrolled. Whoever is asked for consent sees it: a factor that is minutes old may be a thief's.
    #[serde(default)]
    pub enrolled: Option<Timestamp>,
    /// The recovery codes that are left.
    #[serde(default)]
    pub recovery: Vec<SecretDigest>,
}

/// The last one-time password that a user used up, stored apart from the user: signing in changes nothing in the
/// directory, so it makes no entry in the ledger and no decision about access starts again because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsedCode {
    /// The user, at home.
    pub user: ObjectId,
    /// The step of the code.
    pub step: u64,
}

impl Totp {
    /// A factor that is given, not enrolled by its owner, and so without recovery codes.
    pub fn given(id: Uuid, secret: TotpSecret, now: Timestamp) -> Self {
        Self { secret, last_step: None, id, enrolled: Some(now), recovery: Vec::new() }
    }

    /// The factor with what is known of its use: the later of two steps counts.
    #[must_use]
    pub fn after(self, used: Option<&UsedCode>) -> Self {
        Self { last_step: self.last_step.max(used.map(|used| used.step)), ..self }
    }
}

/// The shared secret of an authenticator, written in base32.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TotpSecret(Vec<u8>);

impl TotpSecret {
    /// Makes a secret of 20 fresh random bytes.
    pub fn from_random(bytes: [u8; 20]) -> Self {
        Self(bytes.to_vec())
    }

    /// Reads base32 as people type it: in either case, with blanks, hyphens and padding or without.
    ///
    /// # Errors
    /// `Request_BadRequest` when it is not base32 or is too short or too long. The message does not repeat
    /// it.
    pub fn parse(text: &str) -> arm::Result<Self> {
        let clean: String =
            text.chars().filter(|c| !matches!(c, ' ' | '-' | '=')).map(|c| c.to_ascii_uppercase()).collect();
        match BASE32_NOPAD.decode(clean.as_bytes()) {
            Ok(bytes) if SECRET_BYTES.contains(&bytes.len()) => Ok(Self(bytes)),
            _ => Err(Error::invalid("Request_BadRequest", "a TOTP secret is 10 to 64 bytes in base32")),
        }
    }

    /// The secret in base32, for the user's authenticator.
    pub fn base32(&self) -> String {
        BASE32_NOPAD.encode(&self.0)
    }

    /// The address that an authenticator reads from a QR code (the Key URI format that all of them share).
    pub fn uri(&self, account: &str) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~@".contains(c);
        let account: String = account.chars().filter(|c| plain(*c)).collect();
        format!(
            "otpauth://totp/Countersign:{account}?secret={}&issuer=Countersign&algorithm=SHA1&digits=6&period=30",
            self.base32()
        )
    }

    fn generator(&self) -> totp_rs::Totp {
        // "Noncompliant" lifts the minimum length of the secret, which `parse` decides, and nothing else.
        totp_rs::Builder::new()
            .with_algorithm(totp_rs::Algorithm::SHA1)
            .with_digits(6)
            .with_skew(WINDOW_STEPS)
            .with_step_duration(STEP_SECONDS)
            .with_secret(totp_rs::Secret::new(self.0.clone().into_boxed_slice()))
            .build_noncompliant()
    }
}

/// Checks a code. The answer is the step to store as the new `last_step`; `None` is a refusal: a wrong code,
/// or one of a step not later than the last accepted one.
pub fn verify(secret: &TotpSecret, code: &str, now: Timestamp, last_step: Option<u64>) -> Option<u64> {
    let seconds = u64::try_from(now.as_second()).ok()?;
    let step = secret.generator().check(code.trim(), seconds)?;
    last_step.is_none_or(|last| step > last).then_some(step)
}

impl fmt::Debug for TotpSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TotpSecret(…)")
    }
}

impl From<TotpSecret> for String {
    fn from(secret: TotpSecret) -> Self {
        secret.base32()
    }
}

impl TryFrom<String> for TotpSecret {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn rfc() -> TotpSecret {
        TotpSecret::from_random(*b"12345678901234567890")
    }

    /// RFC 6238, appendix B, SHA-1. The RFC shows eight digits; these are the last six of them.
    #[test]
    fn the_vectors_of_rfc_6238() {
        let vectors = [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ];
        for (seconds, code) in vectors {
            assert_eq!(verify(&rfc(), code, at(seconds), None), Some(seconds as u64 / 30), "{seconds}");
        }
    }

    #[test]
    fn a_code_works_once_and_only_near_its_time() {
        let code = "287082"; // of step 1: seconds 30 to 59
        for (seconds, fits) in [(0, true), (30, true), (59, true), (89, true), (90, false), (1_000, false)] {
            assert_eq!(verify(&rfc(), code, at(seconds), None).is_some(), fits, "{seconds}");
        }
        assert_eq!(verify(&rfc(), code, at(59), Some(0)), Some(1));
        for last in [1, 2] {
            assert_eq!(verify(&rfc(), code, at(59), Some(last)), None, "replayed after step {last}");
        }
    }

    #[test]
    fn the_later_use_counts() {
        let user = ObjectId(uuid::Uuid::nil());
        let totp = |last_step| Totp { last_step, ..Totp::given(Uuid::nil(), rfc(), at(0)) };
        let after = |last_step, used: Option<u64>| {
            totp(last_step).after(used.map(|step| UsedCode { user, step }).as_ref()).last_step
        };
        assert_eq!(after(None, None), None);
        assert_eq!(after(None, Some(5)), Some(5));
        assert_eq!(after(Some(7), Some(5)), Some(7));
        assert_eq!(after(Some(7), None), Some(7));
    }

    #[test]
    fn an_authenticator_reads_the_address() {
        assert_eq!(
            rfc().uri("alice@contoso.example"),
            "otpauth://totp/Countersign:alice@contoso.example?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
             &issuer=Countersign&algorithm=SHA1&digits=6&period=30"
        );
        assert!(rfc().uri("a&b?c").starts_with("otpauth://totp/Countersign:abc?secret="));
    }

    #[test]
    fn a_factor_from_before_there_were_recovery_codes_reads() {
        let old = r#"{"secret": "JBSWY3DPEHPK3PXP", "last_step": 7}"#;
        let totp: Totp = serde_json::from_str(old).unwrap();
        assert_eq!((totp.last_step, totp.enrolled, totp.recovery.len()), (Some(7), None, 0));
    }

    #[test]
    fn malformed_codes_are_refused() {
        for code in ["", "28708", "2870820", "+87082", "abcdef", "２８７０８２"] {
            assert_eq!(verify(&rfc(), code, at(59), None), None, "{code}");
        }
        assert_eq!(verify(&rfc(), "287082", at(-5), None), None);
    }

    #[test]
    fn secrets_read_as_people_type_them() {
        let secret = TotpSecret::parse("jbsw y3dp-ehpk 3pxp").unwrap();
        assert_eq!(secret.base32(), "JBSWY3DPEHPK3PXP");
        let json = serde_json::to_string(&secret).unwrap();
        assert_eq!(serde_json::from_str::<TotpSecret>(&json).unwrap(), secret);
        for bad in ["", "JBSWY3DP", "not base32!", "01890189018901890189"] {
            assert!(TotpSecret::parse(bad).is_err(), "{bad}");
        }
    }
}
