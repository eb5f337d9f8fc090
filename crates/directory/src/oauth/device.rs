//! The device code grant (RFC 8628): a client shows a short code, and a person types it into a browser
//! elsewhere.
//!
//! A stranger can start one and send the code to somebody. The page that takes the code therefore has to say
//! which client is being signed in, and has to ask.

use std::fmt;

use arm::TenantId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{ClaimsRequest, Granted, OAuthError, Scope};
use crate::later::later;
use crate::{Secret, SecretDigest, SignIn};

/// How long the person has, in seconds.
pub const DEVICE_CODE_SECONDS: i64 = 15 * 60;
/// How often the client may ask, in seconds.
pub const POLL_SECONDS: i64 = 5;
/// How much sooner a poll may come than it should, in milliseconds. Clients wait exactly the interval, and
/// the network is not that exact.
const POLL_TOLERANCE_MILLIS: i64 = 1000;

/// The letters of a user code: no vowels, so no words, and none that looks like another (RFC 8628, section
/// 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// The short code that a person types, such as `BDFK-CWTN`: about 34 bits. It is worth nothing without a
/// sign-in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserCode(String);

impl UserCode {
    /// Makes a code of eight fresh random bytes.
    pub fn from_random(bytes: [u8; 8]) -> Self {
        let mut rest = u64::from_be_bytes(bytes);
        let mut letters = String::new();
        for _ in 0..8 {
            let letter = usize::try_from(rest % 20).ok().and_then(|at| LETTERS.get(at)).copied();
            letters.extend(letter.map(char::from));
            rest /= 20;
        }
        Self(letters)
    }

    /// Reads a code as people type it: in either case, with or without hyphen and blanks.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: String = text
            .chars()
            .filter(|c| !matches!(c, '-' | ' '))
            .take(9)
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let known = letters.bytes().all(|letter| LETTERS.contains(&letter));
        (known && letters.len() == 8).then_some(Self(letters))
    }
}

impl fmt::Display for UserCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.split_at_checked(4) {
            Some((left, right)) => write!(f, "{left}-{right}"),
            None => f.write_str(&self.0),
        }
    }
}

impl From<UserCode> for String {
    fn from(code: UserCode) -> Self {
        code.to_string()
    }
}

impl TryFrom<String> for UserCode {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::parse(&text).ok_or("not a user code")
    }
}

/// A device code, stored under its digest and found by its user code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceCode {
    /// The key of the document.
    pub digest: SecretDigest,
    /// What the person types. Only one live document may have it: draw again when it is taken.
    pub user_code: UserCode,
    /// The client that shows the code.
    pub client: Uuid,
    /// The tenant that was asked for; `None` for the home tenant of whoever signs in.
    pub tenant: Option<TenantId>,
    /// What was asked for. The polls do not repeat it (azure-clients 3.3).
    pub scope: Scope,
    /// What the tokens have to say, as far as the client told at the start.
    #[serde(default)]
    pub claims: ClaimsRequest,
    /// From when on it is void.
    pub expires: Timestamp,
    /// When the client last asked.
    pub last_poll: Option<Timestamp>,
    /// What the person did.
    pub state: DeviceState,
}

/// What became of a device code. It only moves down this list, or from pending to denied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceState {
    /// Nobody has typed the code yet.
    Pending,
    /// Somebody signed in; the client has not asked since.
    Approved(Granted),
    /// Somebody refused.
    Denied,
    /// The client has its tokens.
    Redeemed,
}

/// The answer to the client that starts the grant (RFC 8628, section 3.2).
#[derive(Clone, Debug, Serialize)]
pub struct DeviceAnswer {
    /// What the person types.
    pub user_code: String,
    /// What the client polls with.
    pub device_code: String,
    /// Where the person types it.
    pub verification_uri: String,
    /// Seconds until it is void.
    pub expires_in: i64,
    /// Seconds between polls.
    pub interval: i64,
    /// The sentence that az prints.
    pub message: String,
}

impl DeviceCode {
    /// Starts the grant: the answer, and the document to store.
    pub fn start(
        client: Uuid,
        tenant: Option<TenantId>,
        (scope, claims): (Scope, ClaimsRequest),
        verification_uri: &str,
        now: Timestamp,
        (random, user_random): ([u8; 32], [u8; 8]),
    ) -> (DeviceAnswer, Self) {
        let (secret, user_code) = (Secret::from_random(random), UserCode::from_random(user_random));
        let answer = DeviceAnswer {
            user_code: user_code.to_string(),
            device_code: secret.expose().into(),
            verification_uri: verification_uri.into(),
            expires_in: DEVICE_CODE_SECONDS,
            interval: POLL_SECONDS,
            message: format!(
                "To sign in, use a web browser to open the page {verification_uri} and enter the code \
                 {user_code} to authenticate."
            ),
        };
        let document = Self {
            digest: secret.digest(),
            user_code,
            client,
            tenant,
            scope,
            claims,
            expires: later(now, DEVICE_CODE_SECONDS),
            last_poll: None,
            state: DeviceState::Pending,
        };
        (answer, document)
    }

    /// Whether the page may ask the person about this code.
    ///
    /// # Errors
    /// AADSTS70018 when it is expired or already decided.
    pub fn check_open(&self, now: Timestamp) -> Result<(), OAuthError> {
        let open = self.state == DeviceState::Pending && now < self.expires;
        if open { Ok(()) } else { Err(OAuthError::bad_user_code()) }
    }

    /// The person signed in and agreed; `tenant` is the one asked for or, without one, their home. Returns
    /// the document to write.
    ///
    /// # Errors
    /// AADSTS70018 when the code is not open any more, AADSTS70000 for another tenant than the one asked for.
    pub fn approve(
        &self,
        tenant: TenantId,
        sign_in: SignIn,
        family: Uuid,
        now: Timestamp,
    ) -> Result<Self, OAuthError> {
        self.check_open(now)?;
        if self.tenant.is_some_and(|asked| asked != tenant) {
            return Err(OAuthError::invalid_grant());
        }
        let granted =
            Granted { tenant, client: self.client, scope: self.scope.clone(), nonce: None, sign_in, family };
        Ok(Self { state: DeviceState::Approved(granted), ..self.clone() })
    }

    /// The person refused. Returns the document to write.
    ///
    /// # Errors
    /// AADSTS70018 when the code is not open any more.
    pub fn deny(&self, now: Timestamp) -> Result<Self, OAuthError> {
        self.check_open(now)?;
        Ok(Self { state: DeviceState::Denied, ..self.clone() })
    }

    /// The client asks. Returns the document to write, if any, beside the answer: a refusal while the person
    /// has not decided notes the time of the poll.
    ///
    /// # Errors
    /// `authorization_pending` or `slow_down` while the person has not decided; AADSTS70019 when the time is
    /// over, AADSTS65004 after a refusal, AADSTS54005 when the tokens were already given, AADSTS70000 for
    /// another client or tenant.
    pub fn poll(
        &self,
        client: Uuid,
        authority: Option<TenantId>,
        now: Timestamp,
    ) -> (Result<Granted, OAuthError>, Option<Self>) {
        if client != self.client || (authority.is_some() && authority != self.tenant) {
            return (Err(OAuthError::invalid_grant()), None);
        }
        match &self.state {
            DeviceState::Redeemed => (Err(OAuthError::already_redeemed()), None),
            _ if now >= self.expires => (Err(OAuthError::device_code_expired()), None),
            DeviceState::Denied => (Err(OAuthError::declined()), None),
            // However fast it polls, a client gets what is ready.
            DeviceState::Approved(granted) => {
                (Ok(granted.clone()), Some(Self { state: DeviceState::Redeemed, ..self.clone() }))
            }
            DeviceState::Pending => {
                let too_fast = self.polls_too_fast(now);
                let error =
                    if too_fast { OAuthError::slow_down() } else { OAuthError::authorization_pending() };
                (Err(error), Some(Self { last_poll: Some(now), ..self.clone() }))
            }
        }
    }

    fn polls_too_fast(&self, now: Timestamp) -> bool {
        let allowed =
            SignedDuration::from_secs(POLL_SECONDS) - SignedDuration::from_millis(POLL_TOLERANCE_MILLIS);
        self.last_poll.is_some_and(|last| now.duration_since(last) < allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::oauth::AZURE_CLI;
    use crate::oauth::tests::{ARM_SCOPE, at, contoso, sign_in};

    const FAMILY: Uuid = Uuid::from_u128(77);

    fn started(tenant: Option<TenantId>) -> DeviceCode {
        let scope = Scope::parse(ARM_SCOPE).unwrap();
        let page = "https://localhost:8443/devicelogin";
        let asked = (scope, ClaimsRequest::default());
        let (answer, code) = DeviceCode::start(AZURE_CLI, tenant, asked, page, at(1000), ([1; 32], [2; 8]));
        assert!(code.digest.matches(&answer.device_code));
        assert_eq!(UserCode::parse(&answer.user_code).as_ref(), Some(&code.user_code));
        assert!(answer.message.contains(&answer.user_code) && answer.message.contains(page));
        code
    }

    fn poll(code: &DeviceCode, now: i64) -> (Result<Granted, u32>, DeviceCode) {
        let (answer, write) = code.poll(AZURE_CLI, None, at(now));
        (answer.map_err(|error| error.code), write.unwrap_or_else(|| code.clone()))
    }

    fn approved() -> DeviceCode {
        started(None).approve(contoso(), sign_in(), FAMILY, at(1010)).unwrap()
    }

    #[test]
    fn pending_then_approved_then_redeemed_once() {
        let code = started(None);
        let (answer, code) = poll(&code, 1005);
        assert_eq!(answer, Err(70016));
        let code = code.approve(contoso(), sign_in(), FAMILY, at(1007)).unwrap();
        let (answer, code) = poll(&code, 1008);
        let granted = answer.unwrap();
        assert_eq!((granted.tenant, granted.family, granted.sign_in), (contoso(), FAMILY, sign_in()));
        assert_eq!(granted.scope, Scope::parse(ARM_SCOPE).unwrap());
        assert_eq!(poll(&code, 1015).0, Err(54005));
        assert_eq!(poll(&code, 9999).0, Err(54005));
    }

    #[test]
    fn a_hasty_client_is_slowed_down_and_still_served() {
        let (_, code) = poll(&started(None), 1001);
        assert_eq!(code.poll(AZURE_CLI, None, at(1002)).0, Err(OAuthError::slow_down()));
        assert_eq!(code.poll(AZURE_CLI, None, at(1005)).0, Err(OAuthError::authorization_pending()));
        let (_, code) = poll(&approved(), 1011);
        assert_eq!(code.state, DeviceState::Redeemed);
    }

    #[test]
    fn the_end_of_its_time_ends_every_state() {
        let end = 1000 + DEVICE_CODE_SECONDS;
        for code in [started(None), approved(), started(None).deny(at(1010)).unwrap()] {
            assert_eq!(poll(&code, end).0, Err(70019));
        }
        assert!(poll(&approved(), end - 1).0.is_ok());
        assert_eq!(started(None).approve(contoso(), sign_in(), FAMILY, at(end)).unwrap_err().code, 70018);
        assert_eq!(started(None).deny(at(end)).unwrap_err().code, 70018);
    }

    #[test]
    fn a_decision_is_final() {
        let denied = started(None).deny(at(1010)).unwrap();
        assert_eq!(poll(&denied, 1011).0, Err(65004));
        for decided in [denied, approved(), poll(&approved(), 1011).1] {
            assert!(decided.approve(contoso(), sign_in(), FAMILY, at(1012)).is_err());
            assert!(decided.deny(at(1012)).is_err());
        }
    }

    #[test]
    fn others_get_nothing_and_change_nothing() {
        let code = approved();
        let fabsec = TenantId(Uuid::from_u128(2));
        for (client, authority) in [(Uuid::nil(), None), (AZURE_CLI, Some(fabsec))] {
            let (answer, write) = code.poll(client, authority, at(1011));
            assert_eq!(answer.unwrap_err().code, 70000);
            assert_eq!(write, None);
        }
        let at_fabsec = started(Some(fabsec));
        assert!(at_fabsec.approve(contoso(), sign_in(), FAMILY, at(1001)).is_err());
        let at_fabsec = at_fabsec.approve(fabsec, sign_in(), FAMILY, at(1001)).unwrap();
        assert!(at_fabsec.poll(AZURE_CLI, Some(fabsec), at(1002)).0.is_ok());
    }

    #[test]
    fn user_codes_read_as_people_type_them() {
        let code = UserCode::from_random(*b"8 bytes!");
        let text = code.to_string();
        assert_eq!(text.len(), 9);
        for typed in [text.to_lowercase(), text.replace('-', ""), format!(" {text} ")] {
            assert_eq!(UserCode::parse(&typed).as_ref(), Some(&code), "{typed}");
        }
        for bad in ["", "BDFK-CWT", "BDFK-CWTNX", "AEIO-UAEI", "BDFK-CWT1"] {
            assert_eq!(UserCode::parse(bad), None, "{bad}");
        }
        assert_eq!(UserCode::from_random([0; 8]).to_string(), "BBBB-BBBB");
        assert_ne!(UserCode::from_random([0xff; 8]), UserCode::from_random([0xfe; 8]));
    }
}
