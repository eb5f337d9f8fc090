//! The gate before everything that can be guessed: who failed too often waits.

use std::collections::BTreeMap;

use directory::throttle::{
    self, Counter, FAILURES_PER_ACCOUNT, FAILURES_PER_ADDRESS, SignInThrottle, account_key,
};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Entry, Verdict};
use store::Transaction;
use uuid::Uuid;

use super::fault::{Fault, Outcome};
use super::visit::Visit;

/// The counters that an attempt passes.
pub struct Gate<'a> {
    visit: &'a Visit,
    account: Option<String>,
}

/// An account that exists, for the ledger. What was typed for one that does not is written down nowhere.
pub struct Target {
    /// Its resource, `/tenants/{id}/users/{id}` or `…/servicePrincipals/{id}`.
    pub id: String,
    /// Its name, for people.
    pub name: String,
}

impl<'a> Gate<'a> {
    /// The gate for an account, by the name that was sent.
    pub fn of_account(visit: &'a Visit, name: &str) -> Self {
        Self { visit, account: Some(account_key(name)) }
    }

    /// The gate for something that belongs to no account.
    pub fn of_address(visit: &'a Visit) -> Self {
        Self { visit, account: None }
    }

    /// The circumstances of the attempt.
    pub fn visit(&self) -> &'a Visit {
        self.visit
    }

    /// Lets an attempt pass, or not. Ask it before something is checked and again with the decision: in between,
    /// others may have failed.
    ///
    /// # Errors
    /// [`Fault::Locked`] while a lock holds.
    pub fn ask(&self, tx: &mut Transaction, now: Timestamp) -> Outcome<()> {
        for key in self.account.iter().chain([&address_key(self.visit)]) {
            let counter = tx.get::<Counter>(key)?;
            let until = counter.and_then(|counter| counter.throttle.locked_until(now));
            if let Some(until) = until {
                return Err(Fault::Locked(until));
            }
        }
        Ok(())
    }

    /// Counts a failure with both counters. A lock that begins with it is told in the ledger: of an account that
    /// exists, and of an address.
    pub fn failed(&self, tx: &mut Transaction, target: Option<&Target>, now: Timestamp) -> arm::Result<()> {
        if let Some(key) = &self.account
            && let Some(until) = count(tx, key, FAILURES_PER_ACCOUNT, now)?
            && let Some(target) = target
        {
            tx.record(self.entry(target, FAILURES_PER_ACCOUNT, until, now));
        }
        let key = address_key(self.visit);
        if let Some(until) = count(tx, &key, FAILURES_PER_ADDRESS, now)? {
            let target = Target { id: "/".into(), name: key };
            tx.record(self.entry(&target, FAILURES_PER_ADDRESS, until, now));
        }
        Ok(())
    }

    /// Forgets the failures of the account. Those of the address stay, or somebody with one account of their own
    /// could guess for ever.
    pub fn passed(&self, tx: &mut Transaction) -> arm::Result<()> {
        if let Some(key) = &self.account
            && tx.get::<Counter>(key)?.is_some()
        {
            tx.delete::<Counter>(key);
        }
        Ok(())
    }

    fn entry(&self, target: &Target, failures: usize, until: Timestamp, now: Timestamp) -> Entry {
        let facts = [
            ("locked", target.name.clone()),
            ("failures", failures.to_string()),
            ("until", until.to_string()),
        ];
        let facts: BTreeMap<String, String> =
            facts.into_iter().map(|(name, fact)| (name.to_string(), fact)).collect();
        Entry {
            sequence: 0,
            at: now,
            correlation: self.visit.correlation,
            actor: Actor {
                person: "unknown".into(),
                object: Uuid::nil(),
                tenant: Uuid::nil(),
                kind: ActorKind::User,
                name: "somebody who is not signed in".into(),
                authentication: Vec::new(),
                address: self.visit.address.map(|address| address.to_string()),
            },
            operation: "directory.signIn.locked".into(),
            target: target.id.clone(),
            change: None,
            verdict: Verdict::Refused,
            reason: format!("{} failed to sign in {failures} times and is locked until {until}", target.name),
            consent: Vec::new(),
            facts,
        }
    }
}

/// The counter of the address that a request came from.
pub fn address_key(visit: &Visit) -> String {
    visit.address.map_or_else(|| "address:unknown".into(), throttle::address_key)
}

/// Counts a failure; answers with the end of the lock, if one begins.
fn count(tx: &mut Transaction, key: &str, limit: usize, now: Timestamp) -> arm::Result<Option<Timestamp>> {
    let before = tx.get::<Counter>(key)?;
    let throttle: SignInThrottle = before.map(|counter| counter.throttle).unwrap_or_default();
    let after = throttle.failed(limit, now);
    let until = after.locked_until(now);
    tx.put(&Counter { key: key.to_string(), throttle: after })?;
    Ok(until)
}
