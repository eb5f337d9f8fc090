//! Who there is, how they prove it, and what they get for the proof: tenants, people, groups, applications,
//! credentials, and the embedded OAuth 2.0 / OpenID Connect issuer that the Azure clients sign in to.
//!
//! What it does: documents that the store keeps ([`Tenant`], [`User`], [`Group`], [`ServicePrincipal`], the
//! grants in [`oauth`], the [`throttle`]), and functions over them. A grant is a small state machine of the
//! form *(request, stored document, now, fresh random bytes) -> (answer, document to write)*.
//!
//! What it does not know: HTTP, the store, roles, the clock, the random generator. Time and random bytes are
//! arguments. Argon2 is slow on purpose, so [`prove`] is apart from the decision that uses its result: the
//! caller runs it on a bounded pool and outside a transaction.
//!
//! Invariants:
//! - A [`Person`] is the same in every tenant, and [`Links::one`] the same for all accounts of a human. "Nobody approves
//!   their own request" is decided on that and on nothing else.
//! - Passwords, client secrets, codes, recovery codes and refresh tokens are kept as hashes alone. Only TOTP seeds and token
//!   signing keys have to be kept as they are. No secret shows in `Debug`.
//! - An unknown user and a wrong password cost the same time and give the same answer.
//! - A user's tokens are only made for an [`Admitted`] person: known and enabled at home and in the tenant,
//!   with a sign-in that has not been voided since.
//! - A second factor is changed by whoever has shown it, or reset by an administrator, and never by a password alone.
//! - Expiry is decided by comparing times when it is asked. The end of a period is outside the period.

mod application;
mod base64url;
mod context;
mod enrol;
mod group;
mod later;
mod link;
pub mod oauth;
pub mod page;
mod password;
mod person;
mod recovery;
mod secret;
pub mod session;
mod sign_in;
mod tenant;
pub mod throttle;
pub mod token;
mod totp;
mod upn;
mod user;

pub use application::{ServicePrincipal, application_sign_in, prove_application};
pub use context::{AuthenticationContext, Enrolment, MFA_CONTEXT, SignInPolicy};
pub use enrol::{
    AccessPass, Enrolled, NewFactor, enrol, may_change, needs_pass, remove, renew_recovery_codes, reset,
};
pub use group::{Group, memberships};
pub use link::{AccountLink, Agreement, Links};
pub use password::{MAX_PASSWORD_BYTES, MIN_PASSWORD_CHARS, PasswordHash, PasswordProof, prove};
pub use person::Person;
pub use recovery::{RECOVERY_CODES, RECOVERY_RANDOM, RecoveryCode};
pub use secret::{Secret, SecretDigest};
pub use sign_in::{Admitted, Method, PasswordSignIn, SignIn, Used, admit, password_sign_in};
pub use tenant::{Authority, Subscription, SubscriptionState, Tenant};
pub use totp::{Totp, TotpSecret, UsedCode, verify as verify_totp};
pub use upn::{Domain, Upn};
pub use user::{Home, User};
