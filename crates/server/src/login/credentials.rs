//! Signing in with a password and, where one is enrolled, a one-time password.

use directory::oauth::OAuthError;
use directory::{PasswordProof, SignIn, Used, User, password_sign_in, prove};
use jiff::Timestamp;
use store::Transaction;

use super::fault::{Fault, Outcome, decide};
use super::gate::{Gate, Target};
use super::people::member_by_name;
use super::record::{Event, record};
use super::visit::Visit;
use crate::app::App;

/// What somebody shows.
pub struct Shown<'a> {
    /// The user name as it was typed.
    pub username: &'a str,
    /// The proof of the password, if it was right when it was checked.
    pub proof: Option<&'a PasswordProof>,
    /// The one-time password, or a recovery code.
    pub code: Option<&'a str>,
}

/// Checks a password. Slow on purpose: call it from [`super::desk::proving`] alone.
///
/// # Errors
/// While a lock holds; the password is not looked at then.
pub fn check(app: &App, gate: &Gate<'_>, username: &str, password: &str) -> Outcome<Option<PasswordProof>> {
    let stored = decide(app, |tx, now| {
        gate.ask(tx, now)?;
        Ok(member_by_name(tx, username)?.and_then(|member| member.password))
    })?;
    Ok(prove(stored.as_ref(), password))
}

/// Decides a sign-in with the documents as stored now, and counts a wrong guess.
///
/// # Errors
/// See [`password_sign_in`], and while a lock holds.
pub fn sign_in(tx: &mut Transaction, gate: &Gate<'_>, shown: &Shown<'_>, now: Timestamp) -> Outcome<SignIn> {
    gate.ask(tx, now)?;
    let member = member_by_name(tx, shown.username)?;
    match password_sign_in(member.as_ref(), shown.proof, shown.code, now) {
        Ok(done) => {
            match &done.used {
                Some(Used::Code(used)) => tx.put(used)?,
                Some(Used::RecoveryCode(user)) => {
                    tx.put(user.as_ref())?;
                    let left = user.totp.as_ref().map_or(0, |totp| totp.recovery.len());
                    let event = Event {
                        operation: "directory.signIn.recoveryCode",
                        reason: "a recovery code was used in place of a one-time password",
                        facts: &[("left", left.to_string())],
                    };
                    record(tx, gate.visit(), user, &done.sign_in, &event, now);
                }
                None => {}
            }
            gate.passed(tx)?;
            Ok(done.sign_in)
        }
        Err(error) => {
            if error.is_wrong_guess() {
                gate.failed(tx, member.as_ref().map(target).as_ref(), now)?;
            }
            Err(error.into())
        }
    }
}

/// The account in the ledger.
pub fn target(user: &User) -> Target {
    Target { id: format!("/tenants/{}/users/{}", user.tenant, user.id), name: user.upn.to_string() }
}

/// Writes to the log how an attempt to sign in ended, and counts the ones that failed. `what` names the way.
pub fn note<T>(app: &App, visit: &Visit, what: &str, outcome: &Outcome<T>) {
    let address = visit.address.map(|address| address.to_string());
    let (address, correlation) = (address.unwrap_or_default(), visit.correlation);
    match outcome {
        Ok(_) => tracing::info!(%correlation, what, address, "signed in"),
        Err(Fault::Refused(error)) if error.is_wrong_guess() || *error == OAuthError::bad_user_code() => {
            app.metrics.failed_sign_ins.inc();
            tracing::warn!(%correlation, what, address, code = error.code, "sign-in failed");
        }
        Err(Fault::Locked(until)) => {
            app.metrics.failed_sign_ins.inc();
            tracing::warn!(%correlation, what, address, %until, "sign-in refused while a lock holds");
        }
        // Steps on the way, such as a poll that comes too early.
        Err(Fault::Refused(error)) => {
            tracing::debug!(%correlation, what, address, code = error.code, "sign-in refused");
        }
        // Told where they are answered.
        Err(Fault::Hasty | Fault::Failed(_)) => {}
    }
}
