//! `POST backupSecurityPIN`: the PIN that a backup host shows for what its repository keeps shut (contract 4.4).

use arm::{Error, Result};
use directory::PasswordHash;
use jiff::Timestamp;
use serde_json::json;
use vault::{SecurityPin, VaultChange};

use super::load;
use crate::arm::call::Call;
use crate::arm::door;
use crate::arm::reply::Reply;

/// Ticks of .NET, which are 100 nanoseconds, from the year 1 to 1970.
const TICKS_TO_1970: i64 = 621_355_968_000_000_000;
const TICKS_PER_MICROSECOND: i64 = 10;
/// How many PINs there are.
const PINS: u64 = 10_u64.pow(SecurityPin::DIGITS as u32);

/// Issues a PIN and shows it, this once: only its hash is kept, by the vault, so that every server on the store knows it.
/// It takes the place of the one before.
pub fn issue(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    let number = u64::from_be_bytes(call.edge.bytes()) % PINS;
    let text = format!("{number:0width$}", width = SecurityPin::DIGITS);
    let hash = PasswordHash::new(&secret(&vault.short, &text), call.edge.bytes())?;
    let pin = SecurityPin {
        expires: SecurityPin::expiry(call.now),
        hash: hash.into(),
        issued: call.now,
        issued_by: call.who().name.clone(),
        token: call.edge.uuid().to_string(),
        tries_left: SecurityPin::TRIES,
        vault: vault.id.clone(),
    };
    let before: Option<SecurityPin> = call.tx.resource(&vault.id)?;
    let answer = json!({
        "token": pin.token,
        "expiryTimeInUtcTicks": ticks(pin.expires)?,
        "securityPIN": text,
    });
    call.fact("securityPin", pin.token.clone());
    door::change(call, &vault.id, VaultChange::issue_pin(before, pin))?;
    Ok(Reply::ok(answer))
}

/// What is hashed for a PIN: the vault's name makes it one that is good for no other vault.
pub fn secret(vault: &str, pin: &str) -> String {
    format!("{pin}@{vault}")
}

fn ticks(at: Timestamp) -> Result<i64> {
    at.as_microsecond()
        .checked_mul(TICKS_PER_MICROSECOND)
        .and_then(|ticks| ticks.checked_add(TICKS_TO_1970))
        .ok_or_else(|| Error::internal("a time without ticks"))
}
