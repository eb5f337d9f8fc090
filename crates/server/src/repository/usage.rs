//! When the secrets of credentials were used last, by the day: so that people see when nobody uses one any more.
//!
//! A process writes it down once a day for each secret; in between, it costs a request a look into a table in memory.

use std::collections::HashSet;

use arm::Result;
use directory::SecretDigest;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use parking_lot::Mutex;
use store::Transaction;
use vault::CredentialUse;

use super::Visit;
use super::admission::{Client, authenticate};

/// The secrets, with their user names, that this process wrote down on a day.
#[derive(Default)]
pub struct Uses(Mutex<(Date, HashSet<(String, SecretDigest)>)>);

impl Uses {
    fn has(&self, day: Date, used: &(String, SecretDigest)) -> bool {
        let noted = self.0.lock();
        noted.0 == day && noted.1.contains(used)
    }

    fn add(&self, day: Date, used: (String, SecretDigest)) {
        let mut noted = self.0.lock();
        if noted.0 != day {
            *noted = (day, HashSet::new());
        }
        noted.1.insert(used);
    }
}

/// Notes that a client that was let in used its secret today.
pub async fn note(visit: &Visit) {
    let day = visit.client.day();
    let used = (visit.client.user.clone(), visit.client.secret_digest());
    if visit.uses.has(day, &used) {
        return;
    }
    let client = visit.client.clone();
    match visit.app.blocking(move |app| app.store.transact(|tx| write(tx, &client, day))).await {
        Ok(()) => visit.uses.add(day, used),
        // The next request tries again.
        Err(error) => {
            tracing::debug!(internal = error.internal, "the use of a credential could not be noted")
        }
    }
}

fn write(tx: &mut Transaction, client: &Client, day: Date) -> Result<()> {
    let Some(credential) = authenticate(tx, client)? else {
        return Ok(());
    };
    let mut hashes = credential.secret_hashes(client.at);
    let Some(hash) = hashes.find(|hash| client.shows(hash)).map(str::to_string) else {
        return Ok(());
    };
    let before: Option<CredentialUse> = tx.get(&client.user)?;
    let mut days = before.map(|before| before.days).unwrap_or_default();
    if days.get(&hash).is_some_and(|known| *known >= day) {
        return Ok(());
    }
    days.insert(hash, day);
    // Of secrets that are no more, nobody asks.
    days.retain(|hash, _| credential.secret_hashes(client.at).any(|good| good == hash));
    tx.put(&CredentialUse { days, user_name: client.user.clone() })
}

impl Client {
    /// The day of the request, in UTC.
    fn day(&self) -> Date {
        self.at.to_zoned(TimeZone::UTC).date()
    }
}
