//! Signing in: what was proved, and whether it still counts.

use arm::{ObjectId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::oauth::OAuthError;
use crate::totp::{self, Totp, UsedCode};
use crate::{PasswordHash, PasswordProof, Person, RecoveryCode, Upn, User};

/// How somebody proved who they are: an `amr` value (RFC 8176; `mfa` and `fido` as Entra writes them).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A password.
    Pwd,
    /// A one-time password.
    Otp,
    /// A passkey.
    Fido,
    /// More than one factor.
    Mfa,
}

impl Method {
    /// The word in tokens and in the ledger.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pwd => "pwd",
            Self::Otp => "otp",
            Self::Fido => "fido",
            Self::Mfa => "mfa",
        }
    }
}

/// One act of signing in. It travels from grant to grant and into the tokens unchanged: refreshing is not
/// signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignIn {
    /// Who it was.
    pub person: Person,
    /// What was shown.
    pub methods: Vec<Method>,
    /// When it was.
    pub at: Timestamp,
}

/// A sign-in with a password, and what has to be stored with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordSignIn {
    /// The sign-in.
    pub sign_in: SignIn,
    /// What was used up by it.
    pub used: Option<Used>,
}

/// What works once, and was used: store it with the sign-in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Used {
    /// A one-time password.
    Code(UsedCode),
    /// A recovery code: the user's document without it. It is an event in itself.
    RecoveryCode(Box<User>),
}

impl SignIn {
    /// Whether it included a second factor.
    pub fn shows_mfa(&self) -> bool {
        self.methods.contains(&Method::Mfa)
    }
}

/// Decides a sign-in with a password and, where one is enrolled, a second factor: a one-time password or a recovery
/// code. `user` is the *home* user
/// as stored now; `proof` is what [`crate::prove`] said about its password before.
///
/// # Errors
/// AADSTS50126, in the same words for an unknown user, a wrong password and a wrong code; with the right
/// password also AADSTS50057 for a disabled account and AADSTS50076 when a code is needed and none came.
/// Count 50126 as a failure.
pub fn password_sign_in(
    user: Option<&User>,
    proof: Option<&PasswordProof>,
    code: Option<&str>,
    now: Timestamp,
) -> Result<PasswordSignIn, OAuthError> {
    let proved = |hash: &PasswordHash| proof.is_some_and(|proof| hash.is_proved_by(proof));
    let user = user
        .filter(|user| user.password.as_ref().is_some_and(proved))
        .ok_or_else(OAuthError::invalid_credentials)?;
    if !user.enabled {
        return Err(OAuthError::account_disabled());
    }
    let used = user.totp.as_ref().map(|totp| second_factor(user, totp, code, now)).transpose()?;
    let methods = match used {
        Some(Used::Code(_)) => vec![Method::Pwd, Method::Otp, Method::Mfa],
        // A list of codes is something one has, and no generator of one-time passwords.
        Some(Used::RecoveryCode(_)) => vec![Method::Pwd, Method::Mfa],
        None => vec![Method::Pwd],
    };
    Ok(PasswordSignIn { sign_in: SignIn { person: user.person(), methods, at: now }, used })
}

fn second_factor(user: &User, totp: &Totp, code: Option<&str>, now: Timestamp) -> Result<Used, OAuthError> {
    let code = code.filter(|code| !code.trim().is_empty()).ok_or_else(OAuthError::mfa_required)?;
    if let Some(code) = RecoveryCode::parse(code) {
        let recovery = code.spend(&totp.recovery).ok_or_else(OAuthError::invalid_credentials)?;
        let totp = Some(Totp { recovery, ..totp.clone() });
        return Ok(Used::RecoveryCode(Box::new(User { totp, ..user.clone() })));
    }
    let step = totp::verify(&totp.secret, code, now, totp.last_step);
    let step = step.ok_or_else(OAuthError::invalid_credentials)?;
    Ok(Used::Code(UsedCode { user: user.id, step }))
}

/// A sign-in that counts in a tenant now. Only [`admit`] makes one, and a user's tokens are made from nothing
/// else.
#[derive(Clone, Copy, Debug)]
pub struct Admitted<'a> {
    home: &'a User,
    here: &'a User,
    sign_in: &'a SignIn,
}

impl<'a> Admitted<'a> {
    /// The user as the tenant of the tokens knows them.
    pub fn here(&self) -> &'a User {
        self.here
    }

    /// The sign-in.
    pub fn sign_in(&self) -> &'a SignIn {
        self.sign_in
    }

    /// The name the person signs in with, in every tenant. It is what MSAL takes for the account's name; were
    /// it the `#EXT#` form in some tenants, az would see two accounts.
    pub fn username(&self) -> &'a Upn {
        &self.home.upn
    }

    /// Tenant and object id at home, which MSAL makes the account's id of.
    pub(crate) fn home_ids(&self) -> (TenantId, ObjectId) {
        (self.home.tenant, self.home.id)
    }
}

/// Decides whether a sign-in counts in a tenant: `home` is the person's own user, `here` the user in the
/// tenant that tokens are asked for (the same document for a member), both as stored now.
///
/// Ask it at every grant, refreshes included; a disabled account, a withdrawn invitation or a changed
/// password then works at the next use of a refresh token.
///
/// # Errors
/// AADSTS50020 when the tenant does not know the person, AADSTS50057 when either user is disabled,
/// AADSTS50173 when the sign-in is older than the sessions that count.
pub fn admit<'a>(
    sign_in: &'a SignIn,
    home: Option<&'a User>,
    here: Option<&'a User>,
) -> Result<Admitted<'a>, OAuthError> {
    let is_the_person = |user: &&User| user.person() == sign_in.person;
    let home = home
        .filter(|home| is_the_person(home) && !home.is_guest())
        .ok_or_else(OAuthError::session_revoked)?;
    let here = here.filter(is_the_person).ok_or_else(|| OAuthError::not_in_tenant(&home.upn))?;
    if !home.enabled || !here.enabled {
        return Err(OAuthError::account_disabled());
    }
    if [home, here].iter().any(|user| user.sessions_valid_from.is_some_and(|from| sign_in.at < from)) {
        return Err(OAuthError::session_revoked());
    }
    Ok(Admitted { home, here, sign_in })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::tests::{alice, alice_at_fabsec};
    use crate::{TotpSecret, prove};

    const PASSWORD: &str = "correct horse";
    const CODE: &str = "287082"; // RFC 6238 at second 59

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn alice_with_password() -> User {
        User { password: Some(PasswordHash::new(PASSWORD, [1; 16]).unwrap()), ..alice() }
    }

    fn alice_with_totp() -> User {
        let secret = TotpSecret::from_random(*b"12345678901234567890");
        User { totp: Some(Totp::given(uuid::Uuid::nil(), secret, at(0))), ..alice_with_password() }
    }

    fn attempt(
        user: Option<&User>,
        password: &str,
        code: Option<&str>,
    ) -> Result<PasswordSignIn, OAuthError> {
        let proof = prove(user.and_then(|user| user.password.as_ref()), password);
        password_sign_in(user, proof.as_ref(), code, at(59))
    }

    #[test]
    fn a_password_signs_in() {
        let done = attempt(Some(&alice_with_password()), PASSWORD, None).unwrap();
        let expected = SignIn { person: alice().person(), methods: vec![Method::Pwd], at: at(59) };
        assert_eq!(done, PasswordSignIn { sign_in: expected, used: None });
    }

    #[test]
    fn every_wrong_half_gets_the_same_answer() {
        let refused = OAuthError::invalid_credentials();
        let (plain, enrolled) = (alice_with_password(), alice_with_totp());
        let disabled = User { enabled: false, ..alice_with_password() };
        assert_eq!(attempt(None, PASSWORD, None), Err(refused.clone()));
        assert_eq!(attempt(Some(&plain), "wrong horse", None), Err(refused.clone()));
        assert_eq!(attempt(Some(&disabled), "wrong horse", None), Err(refused.clone()));
        assert_eq!(attempt(Some(&alice_at_fabsec()), PASSWORD, None), Err(refused.clone()));
        assert_eq!(attempt(Some(&enrolled), PASSWORD, Some("000000")), Err(refused.clone()));
        assert_eq!(attempt(Some(&enrolled), "wrong horse", Some(CODE)), Err(refused));
        assert_eq!(attempt(Some(&disabled), PASSWORD, None), Err(OAuthError::account_disabled()));
    }

    #[test]
    fn a_second_factor_is_asked_for_and_used_up() {
        let user = alice_with_totp();
        for missing in [None, Some(" ")] {
            assert_eq!(attempt(Some(&user), PASSWORD, missing), Err(OAuthError::mfa_required()));
        }
        let done = attempt(Some(&user), PASSWORD, Some(CODE)).unwrap();
        assert_eq!(done.sign_in.methods, [Method::Pwd, Method::Otp, Method::Mfa]);
        let Some(Used::Code(used)) = done.used else { panic!("{:?}", done.used) };
        let after = User { totp: user.totp.clone().map(|totp| totp.after(Some(&used))), ..user };
        assert_eq!(attempt(Some(&after), PASSWORD, Some(CODE)), Err(OAuthError::invalid_credentials()));
    }

    #[test]
    fn a_recovery_code_stands_in_for_the_authenticator_once() {
        let codes = RecoveryCode::all_from_random(std::array::from_fn(|at| u8::try_from(at).unwrap()));
        let mut user = alice_with_totp();
        if let Some(totp) = &mut user.totp {
            totp.recovery = codes.iter().map(RecoveryCode::digest).collect();
        }
        let shown = codes[3].to_string().to_lowercase();
        assert!(attempt(Some(&user), "wrong horse", Some(&shown)).is_err());
        let done = attempt(Some(&user), PASSWORD, Some(&shown)).unwrap();
        assert_eq!(done.sign_in.methods, [Method::Pwd, Method::Mfa]);
        let Some(Used::RecoveryCode(after)) = done.used else { panic!("{:?}", done.used) };
        assert_eq!(after.totp.as_ref().unwrap().recovery.len(), 9);
        assert_eq!(attempt(Some(&after), PASSWORD, Some(&shown)), Err(OAuthError::invalid_credentials()));
        assert!(attempt(Some(&after), PASSWORD, Some(&codes[4].to_string())).is_ok());
        assert!(attempt(Some(&after), PASSWORD, Some(CODE)).is_ok());
    }

    #[test]
    fn a_password_changed_meanwhile_does_not_sign_in() {
        let proof = prove(alice_with_password().password.as_ref(), PASSWORD);
        let changed = User { password: Some(PasswordHash::new("other horse", [2; 16]).unwrap()), ..alice() };
        assert!(password_sign_in(Some(&changed), proof.as_ref(), None, at(59)).is_err());
    }

    #[test]
    fn a_sign_in_counts_where_the_person_is_known_and_enabled() {
        let (home, guest) = (alice(), alice_at_fabsec());
        let sign_in = SignIn { person: home.person(), methods: vec![Method::Pwd], at: at(100) };
        let code = |home: Option<&User>, here: Option<&User>| {
            admit(&sign_in, home, here).err().map(|error| error.code)
        };
        let disabled = |user: &User| User { enabled: false, ..user.clone() };
        let ended = |user: &User, from| User { sessions_valid_from: Some(at(from)), ..user.clone() };
        let stranger = User { id: ObjectId(uuid::Uuid::from_u128(99)), ..home.clone() };

        assert_eq!(code(Some(&home), Some(&home)), None);
        assert_eq!(code(Some(&home), Some(&guest)), None);
        assert_eq!(code(Some(&home), None), Some(50020));
        assert_eq!(code(Some(&home), Some(&stranger)), Some(50020));
        assert_eq!(code(None, Some(&guest)), Some(50173), "deleted at home");
        assert_eq!(code(Some(&guest), Some(&guest)), Some(50173), "a guest is not a home");
        assert_eq!(code(Some(&disabled(&home)), Some(&guest)), Some(50057));
        assert_eq!(code(Some(&home), Some(&disabled(&guest))), Some(50057));
        assert_eq!(code(Some(&ended(&home, 101)), Some(&guest)), Some(50173));
        assert_eq!(code(Some(&home), Some(&ended(&guest, 101))), Some(50173));
        assert_eq!(code(Some(&ended(&home, 100)), Some(&guest)), None);
    }
}
