//! What people did with their own account, for the ledger.

use directory::{SignIn, User};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Entry, Verdict};
use store::Transaction;

use super::credentials::target;
use super::visit::Visit;

/// Something that happened to an account.
pub struct Event<'a> {
    /// Its name.
    pub operation: &'static str,
    /// What happened, in a sentence.
    pub reason: &'static str,
    /// What else is worth keeping.
    pub facts: &'a [(&'static str, String)],
}

/// Writes down what the owner of an account did with it, and how they had signed in for it.
pub fn record(
    tx: &mut Transaction,
    visit: &Visit,
    user: &User,
    sign_in: &SignIn,
    event: &Event<'_>,
    now: Timestamp,
) {
    let entry = Entry {
        sequence: 0,
        at: now,
        correlation: visit.correlation,
        actor: Actor {
            person: user.person().to_string(),
            object: user.id.0,
            tenant: user.tenant.0,
            kind: ActorKind::User,
            name: user.upn.to_string(),
            authentication: sign_in.methods.iter().map(|method| method.as_str().to_string()).collect(),
            address: visit.address.map(|address| address.to_string()),
        },
        operation: event.operation.into(),
        target: target(user).id,
        change: tx.digest(),
        verdict: Verdict::Done,
        reason: event.reason.into(),
        consent: Vec::new(),
        facts: event.facts.iter().map(|(name, fact)| ((*name).to_string(), fact.clone())).collect(),
    };
    tx.record(entry);
}
