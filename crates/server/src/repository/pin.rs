//! The security PIN as a backup host shows it: in the header `Countersign-Security-Pin`, or, because no client can send
//! that, behind a `+` at the end of the user name.
//!
//! A PIN is tried in three steps. A try is counted and committed before anybody looks at the PIN, so that many requests
//! at once have no more tries than one after the other; the slow hash is computed outside of any decision; and what the
//! PIN is for happens in the commit that uses it up, if it is still the same PIN.

use arm::{Error, ResourceId, Result};
use axum::http::HeaderMap;
use directory::{PasswordHash, PasswordProof, prove};
use ledger::Verdict;
use store::Transaction;
use vault::{SecurityPin, VaultChange};

use super::admission::{Admitted, Client};
use super::arrival;
use crate::app::App;
use crate::arm::{door, vaults};

/// The header.
const HEADER: &str = "countersign-security-pin";

/// Splits what was sent as user name into the name and a PIN. Names have no `+`.
pub fn split(user: String, headers: &HeaderMap) -> (String, Option<String>) {
    let header = headers.get(HEADER).and_then(|value| value.to_str().ok()).map(str::to_string);
    match user.split_once('+') {
        Some((name, pin)) => (name.to_string(), header.or(Some(pin.to_string()))),
        None => (user, header),
    }
}

/// A PIN that was right.
pub struct Shown {
    proof: PasswordProof,
}

/// Counts a try of the vault's PIN. Returns its hash, to be compared with what was shown.
///
/// # Errors
/// 403 when none was shown, or when the vault has none that is good.
pub fn count_try(
    tx: &mut Transaction,
    admitted: &Admitted,
    client: &Client,
    now: jiff::Timestamp,
) -> Result<String> {
    let vault = &admitted.vault.id;
    if !client.pin.as_deref().is_some_and(SecurityPin::is_well_formed) {
        return Err(needed(vault));
    }
    let pin: SecurityPin = tx.resource(vault)?.ok_or_else(|| wrong(vault))?;
    let hash = pin.hash.clone();
    let (token, change) = (pin.token.clone(), VaultChange::try_pin(pin, now)?);
    let caller = caller(tx, vault, client)?;
    let digest = door::change_by_client(tx, vault, &caller, change, now)?;
    let mut entry = arrival::entry(client, now, "repository.pin.try", admitted.item.id.to_string());
    entry.change = Some(digest);
    entry.reason = "a backup client showed a security PIN".into();
    entry.facts.insert("securityPin".into(), token);
    tx.record(entry);
    Ok(hash)
}

/// Looks whether the PIN that was shown is the one behind a hash. Slow on purpose.
///
/// # Errors
/// 403 when it is not; the ledger says so.
pub fn check(app: &App, admitted: &Admitted, client: &Client, hash: &str) -> Result<Shown> {
    let stored = PasswordHash::parse(hash).map_err(Error::internal)?;
    let shown = vaults::pin_secret(&admitted.vault.short, client.pin.as_deref().unwrap_or_default());
    if let Some(proof) = prove(Some(&stored), &shown) {
        return Ok(Shown { proof });
    }
    let target = admitted.item.id.to_string();
    app.store.transact(|tx| {
        let mut entry = arrival::entry(client, app.edge.now(), "repository.pin.try", target.clone());
        entry.verdict = Verdict::Refused;
        entry.reason = "the security PIN was wrong".into();
        tx.record(entry);
        Ok(())
    })?;
    Err(wrong(&admitted.vault.id))
}

/// Uses the PIN up, in the decision that does what it is for.
///
/// # Errors
/// 403 when it was used or replaced meanwhile, or its time is over.
pub fn spend(
    tx: &mut Transaction,
    admitted: &Admitted,
    client: &Client,
    shown: Option<&Shown>,
    now: jiff::Timestamp,
) -> Result<ledger::Digest> {
    let vault = &admitted.vault.id;
    let pin: SecurityPin = tx.resource(vault)?.ok_or_else(|| wrong(vault))?;
    let proves = |hash: &PasswordHash| shown.is_some_and(|shown| hash.is_proved_by(&shown.proof));
    let same = PasswordHash::parse(&pin.hash).is_ok_and(|hash| proves(&hash));
    if !same || !pin.is_current(now) {
        return Err(wrong(vault));
    }
    let caller = caller(tx, vault, client)?;
    door::change_by_client(tx, vault, &caller, VaultChange::use_pin(pin), now)
}

fn caller(tx: &mut Transaction, vault: &ResourceId, client: &Client) -> Result<mua::Caller> {
    let tenant = tx.access()?.tenant_of(vault);
    Ok(client.caller(tenant.ok_or_else(|| Error::internal("a vault in no known subscription"))?))
}

fn needed(vault: &ResourceId) -> Error {
    let text = format!(
        "this needs a security PIN: POST {vault}/backupSecurityPIN, and within {} minutes send its {} digits in the header \
         '{HEADER}', or behind the user name and a '+'",
        SecurityPin::MINUTES,
        SecurityPin::DIGITS
    );
    Error::forbidden("UserErrorSecurityPinMissing", text)
}

fn wrong(vault: &ResourceId) -> Error {
    let text = format!(
        "the security PIN is wrong, expired or used; POST {vault}/backupSecurityPIN gives another one"
    );
    Error::forbidden("UserErrorSecurityPinInvalid", text)
}
