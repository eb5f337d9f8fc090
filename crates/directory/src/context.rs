//! What an organisation demands of a sign-in: authentication contexts, and how a second factor is enrolled.

use std::collections::BTreeSet;

use arm::TenantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::SignIn;

/// The context that every tenant has: a second factor. Azure's own challenges name it so.
pub const MFA_CONTEXT: &str = "p1";

/// What a tenant demands, stored once somebody says something else than the default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignInPolicy {
    /// The tenant; the key of the document.
    pub tenant: TenantId,
    /// The contexts that roles and clients may ask for, besides [`MFA_CONTEXT`].
    pub contexts: Vec<AuthenticationContext>,
    /// How the tenant's members enrol a second factor.
    pub enrolment: Enrolment,
}

/// A name for what a sign-in has to show. Every context demands a second factor: one that demanded nothing would
/// protect nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationContext {
    /// `c1` to `c99`.
    pub id: String,
    /// Its name, for people.
    pub name: String,
    /// How long ago the sign-in may be, in seconds; without limit when missing.
    pub max_age: Option<i64>,
}

/// How a second factor is enrolled by somebody who has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Enrolment {
    /// With the password. Whoever has stolen one can enrol an authenticator of their own.
    Password,
    /// With the password and a temporary access pass from an administrator.
    AccessPass,
}

impl AuthenticationContext {
    /// Whether a text can be the id of one.
    pub fn is_id(text: &str) -> bool {
        let number = text.strip_prefix('c').filter(|digits| !digits.starts_with(['0', '+']));
        number.and_then(|digits| digits.parse::<u8>().ok()).is_some_and(|number| (1..=99).contains(&number))
    }
}

impl SignInPolicy {
    /// What holds in a tenant that never said anything: `c1` is a second factor, and the password enrols.
    pub fn default_of(tenant: TenantId) -> Self {
        let second_factor =
            AuthenticationContext { id: "c1".into(), name: "Second factor".into(), max_age: None };
        Self { tenant, contexts: vec![second_factor], enrolment: Enrolment::Password }
    }

    /// Whether the tenant has a context of this id.
    pub fn knows(&self, context: &str) -> bool {
        context == MFA_CONTEXT || self.contexts.iter().any(|known| known.id == context)
    }

    /// The contexts that a sign-in satisfies now.
    pub fn met_by(&self, sign_in: &SignIn, now: Timestamp) -> BTreeSet<String> {
        self.met(sign_in.shows_mfa(), Some(sign_in.at), now)
    }

    /// The contexts that are satisfied now by whoever did or did not show a second factor when they signed in. A token
    /// says what was satisfied when it was made; ask again before believing it, for time has passed since.
    pub fn met(&self, shows_mfa: bool, signed_in: Option<Timestamp>, now: Timestamp) -> BTreeSet<String> {
        if !shows_mfa {
            return BTreeSet::new();
        }
        let recent = |context: &&AuthenticationContext| match (context.max_age, signed_in) {
            (None, _) => true,
            (Some(seconds), Some(at)) => now.duration_since(at).as_secs() <= seconds,
            (Some(_), None) => false,
        };
        let own = self.contexts.iter().filter(recent).map(|context| context.id.clone());
        own.chain([MFA_CONTEXT.to_string()]).collect()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn a_context_is_a_second_factor_and_may_have_an_age() {
        let mut policy = SignInPolicy::default_of(TenantId(Uuid::nil()));
        policy.contexts.push(AuthenticationContext {
            id: "c2".into(),
            name: "Fresh".into(),
            max_age: Some(60),
        });
        let met = |mfa, age: i64| Vec::from_iter(policy.met(mfa, Some(at(1000 - age)), at(1000)));
        assert_eq!(met(false, 0), [""; 0]);
        assert_eq!(met(true, 60), ["c1", "c2", "p1"]);
        assert_eq!(met(true, 61), ["c1", "p1"]);
        assert_eq!(met(true, -5), ["c1", "c2", "p1"], "another server's clock is ahead");
        assert_eq!(Vec::from_iter(policy.met(true, None, at(1000))), ["c1", "p1"]);
        assert!(policy.knows("c1") && policy.knows("c2") && policy.knows("p1") && !policy.knows("c3"));
    }

    #[test]
    fn ids_are_those_of_azure() {
        for good in ["c1", "c25", "c99"] {
            assert!(AuthenticationContext::is_id(good), "{good}");
        }
        for bad in ["", "c", "c0", "c01", "c100", "c+1", "C1", "p1", "c1 "] {
            assert!(!AuthenticationContext::is_id(bad), "{bad}");
        }
    }
}
