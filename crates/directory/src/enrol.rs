//! Enrolling a second factor, and everything else that changes one.
//!
//! Whoever changes a factor ends all sign-ins before: with a new one, because those were made without it, and perhaps
//! by somebody who had the password alone; without the old one, because what they claim can no longer be shown.

use arm::ObjectId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::context::{Enrolment, SignInPolicy};
use crate::later::later;
use crate::oauth::OAuthError;
use crate::recovery::{RECOVERY_RANDOM, RecoveryCode};
use crate::totp::{self, Totp, TotpSecret, UsedCode};
use crate::{Method, SecretDigest, SignIn, User};

/// What somebody shows who enrols a second factor.
#[derive(Clone, Copy, Debug)]
pub struct NewFactor<'a> {
    /// The id that the factor gets.
    pub id: Uuid,
    /// The secret that was offered.
    pub secret: &'a TotpSecret,
    /// The code that the authenticator made of it.
    pub code: &'a str,
    /// The temporary access pass, if one was typed.
    pub pass: Option<&'a str>,
    /// What the recovery codes are made of.
    pub random: [u8; RECOVERY_RANDOM],
}

/// A factor that was enrolled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// The user's document to write.
    pub user: User,
    /// The recovery codes, to be shown once.
    pub codes: Vec<RecoveryCode>,
    /// The sign-in with the new factor. It alone counts of all that there were.
    pub sign_in: SignIn,
    /// The code that proved the factor, to be stored: it was used.
    pub used: UsedCode,
}

/// Enrols a second factor for somebody who has signed in, or replaces the one there is.
///
/// # Errors
/// AADSTS50173 when there is a factor that the sign-in did not show: it was enrolled meanwhile. AADSTS50126 for a wrong
/// code, or a wrong temporary access pass where the tenant demands one: count it as a failure.
pub fn enrol(
    user: &User,
    sign_in: &SignIn,
    policy: &SignInPolicy,
    new: &NewFactor<'_>,
    now: Timestamp,
) -> Result<Enrolled, OAuthError> {
    may_change(user, sign_in)?;
    if needs_pass(user, policy) {
        let pass = user.access_pass.as_ref();
        let shown = new.pass.and_then(RecoveryCode::parse);
        let right = pass.zip(shown).is_some_and(|(pass, shown)| pass.counts(now) && shown.is(&pass.digest));
        if !right {
            return Err(OAuthError::invalid_credentials());
        }
    }
    let step = totp::verify(new.secret, new.code, now, None).ok_or_else(OAuthError::invalid_credentials)?;
    let codes = RecoveryCode::all_from_random(new.random);
    let totp = Totp {
        id: new.id,
        secret: new.secret.clone(),
        last_step: Some(step),
        enrolled: Some(now),
        recovery: codes.iter().map(RecoveryCode::digest).collect(),
    };
    let after = User { totp: Some(totp), access_pass: None, sessions_valid_from: Some(now), ..user.clone() };
    let methods = vec![Method::Pwd, Method::Otp, Method::Mfa];
    let sign_in = SignIn { person: user.person(), methods, at: now };
    Ok(Enrolled { user: after, codes, sign_in, used: UsedCode { user: user.id, step } })
}

/// Whether the user's next factor takes a temporary access pass: the tenant demands it, and there is no factor yet that
/// could be shown instead.
pub fn needs_pass(user: &User, policy: &SignInPolicy) -> bool {
    user.totp.is_none() && policy.enrolment == Enrolment::AccessPass
}

/// Takes the second factor away from its owner, who showed it; the document to write.
///
/// # Errors
/// AADSTS50173 when the sign-in did not show it.
pub fn remove(user: &User, sign_in: &SignIn, now: Timestamp) -> Result<User, OAuthError> {
    may_change(user, sign_in)?;
    Ok(reset(user, now))
}

/// Takes the second factor away, as an administrator does for somebody who has lost it; the document to write.
#[must_use]
pub fn reset(user: &User, now: Timestamp) -> User {
    User { totp: None, sessions_valid_from: Some(now), ..user.clone() }
}

/// Makes new recovery codes for somebody who showed their factor: the document to write, and the codes to show once. The
/// old ones are void.
///
/// # Errors
/// AADSTS50173 when there is no factor, or the sign-in did not show it.
pub fn renew_recovery_codes(
    user: &User,
    sign_in: &SignIn,
    random: [u8; RECOVERY_RANDOM],
) -> Result<(User, Vec<RecoveryCode>), OAuthError> {
    may_change(user, sign_in)?;
    let totp = user.totp.clone().ok_or_else(OAuthError::session_revoked)?;
    let codes = RecoveryCode::all_from_random(random);
    let totp = Totp { recovery: codes.iter().map(RecoveryCode::digest).collect(), ..totp };
    Ok((User { totp: Some(totp), ..user.clone() }, codes))
}

/// A factor is changed by whoever has shown it.
///
/// # Errors
/// AADSTS50173 when there is one that the sign-in did not show.
pub fn may_change(user: &User, sign_in: &SignIn) -> Result<(), OAuthError> {
    let shown = user.totp.is_none() || sign_in.shows_mfa();
    if shown && user.person() == sign_in.person { Ok(()) } else { Err(OAuthError::session_revoked()) }
}

/// A temporary access pass: an administrator gives it to a person, who enrols a second factor with it, once. It is good
/// for nothing else, so that an administrator who keeps it cannot sign in with it: that takes the password as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessPass {
    /// Its id in Graph.
    pub id: Uuid,
    /// What is kept of the pass.
    pub digest: SecretDigest,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it is void.
    pub expires: Timestamp,
    /// The administrator who made it, as their tenant knows them.
    pub by: ObjectId,
}

impl AccessPass {
    /// Makes a pass that counts for so many minutes: what to tell, and what to store.
    pub fn make(
        id: Uuid,
        by: ObjectId,
        minutes: i64,
        now: Timestamp,
        random: [u8; 10],
    ) -> (RecoveryCode, Self) {
        let pass = RecoveryCode::from_random(random);
        let expires = later(now, minutes.saturating_mul(60));
        let stored = Self { id, digest: pass.digest(), created: now, expires, by };
        (pass, stored)
    }

    /// Whether it counts now.
    pub fn counts(&self, now: Timestamp) -> bool {
        now < self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::tests::alice;

    const CODE: &str = "287082"; // RFC 6238 at second 59

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn secret() -> TotpSecret {
        TotpSecret::from_random(*b"12345678901234567890")
    }

    fn signed_in(methods: &[Method]) -> SignIn {
        SignIn { person: alice().person(), methods: methods.to_vec(), at: at(50) }
    }

    fn attempt(
        user: &User,
        sign_in: &SignIn,
        policy: &SignInPolicy,
        code: &str,
        pass: Option<&str>,
    ) -> Result<Enrolled, u32> {
        let new = NewFactor { id: Uuid::from_u128(3), secret: &secret(), code, pass, random: [4; 100] };
        enrol(user, sign_in, policy, &new, at(59)).map_err(|error| error.code)
    }

    fn plain() -> SignInPolicy {
        SignInPolicy::default_of(alice().tenant)
    }

    #[test]
    fn a_factor_is_proved_before_it_counts() {
        let pwd = signed_in(&[Method::Pwd]);
        assert_eq!(attempt(&alice(), &pwd, &plain(), "000000", None), Err(50126));
        let done = attempt(&alice(), &pwd, &plain(), CODE, None).unwrap();
        let totp = done.user.totp.as_ref().unwrap();
        assert_eq!((totp.enrolled, totp.last_step), (Some(at(59)), Some(1)));
        assert_eq!(done.used, UsedCode { user: alice().id, step: 1 });
        assert_eq!((totp.recovery.len(), done.codes.len()), (10, 10));
        assert!(done.sign_in.shows_mfa());
        assert_eq!(
            done.user.sessions_valid_from,
            Some(done.sign_in.at),
            "what was before is over, this is not"
        );
        let stored = serde_json::to_string(&done.user).unwrap();
        assert!(done.codes.iter().all(|code| !stored.contains(&code.to_string().replace('-', ""))));
    }

    #[test]
    fn who_has_the_password_alone_does_not_replace_a_factor() {
        let enrolled = attempt(&alice(), &signed_in(&[Method::Pwd]), &plain(), CODE, None).unwrap().user;
        let (pwd, mfa) = (signed_in(&[Method::Pwd]), signed_in(&[Method::Pwd, Method::Mfa]));
        assert_eq!(attempt(&enrolled, &pwd, &plain(), CODE, None).map(|_| ()), Err(50173));
        assert_eq!(remove(&enrolled, &pwd, at(60)).unwrap_err().code, 50173);
        assert_eq!(renew_recovery_codes(&enrolled, &pwd, [5; 100]).unwrap_err().code, 50173);
        let stranger = SignIn { person: crate::Person::Application(Uuid::nil()), ..mfa.clone() };
        assert_eq!(remove(&enrolled, &stranger, at(60)).unwrap_err().code, 50173);

        assert!(attempt(&enrolled, &mfa, &plain(), CODE, None).is_ok());
        let (renewed, codes) = renew_recovery_codes(&enrolled, &mfa, [5; 100]).unwrap();
        assert_ne!(renewed.totp.as_ref().unwrap().recovery, enrolled.totp.as_ref().unwrap().recovery);
        assert_eq!(codes.len(), 10);
        let removed = remove(&enrolled, &mfa, at(60)).unwrap();
        assert_eq!((removed.totp, removed.sessions_valid_from), (None, Some(at(60))));
    }

    #[test]
    fn a_tenant_may_want_a_pass_which_works_once_and_for_a_while() {
        let wants = SignInPolicy { enrolment: Enrolment::AccessPass, ..plain() };
        let pwd = signed_in(&[Method::Pwd]);
        assert_eq!(attempt(&alice(), &pwd, &wants, CODE, None).map(|_| ()), Err(50126));
        let make = |minutes| AccessPass::make(Uuid::nil(), alice().id, minutes, at(0), [7; 10]);
        let (pass, stored) = make(1);
        let given = User { access_pass: Some(stored), ..alice() };
        let shown = pass.to_string();
        for wrong in [None, Some(""), Some("BAAA-AAAA-AAAA-AAAA")] {
            assert_eq!(attempt(&given, &pwd, &wants, CODE, wrong).map(|_| ()), Err(50126), "{wrong:?}");
        }
        let done = attempt(&given, &pwd, &wants, CODE, Some(&shown)).unwrap();
        assert_eq!(done.user.access_pass, None);
        let again = User { totp: None, ..done.user };
        assert_eq!(attempt(&again, &pwd, &wants, CODE, Some(&shown)).map(|_| ()), Err(50126), "used");
        let late = User { access_pass: Some(make(0).1), ..alice() };
        assert_eq!(attempt(&late, &pwd, &wants, CODE, Some(&shown)).map(|_| ()), Err(50126), "too late");
    }
}
