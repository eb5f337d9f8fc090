//! Looking now and then at what clients did to the repositories (`vault::watch`): what is out of the ordinary freezes an item
//! and is told, and so is silence.
//!
//! Clients do not wait for it. What they delete in the meantime is hidden and kept, and nothing of it is destroyed within a
//! day.

use std::time::Duration;

use arm::{Error, ResourceId, Result};
use jiff::{SignedDuration, Timestamp};
use ledger::Entry;
use store::{ObjectType, Transaction};
use uuid::Uuid;
use vault::watch::{Anomaly, KEY_AGE, Present, Silence, Watch};
use vault::{Freeze, ProtectedItem, Protection, RecoveryPoint, VaultChange, vault_of};

use crate::app::App;
use crate::arm::door;
use crate::keeping::policy_of;
use crate::own_work::{entry, operation};
use crate::turn::Turn;

/// When it is done, and by whom.
pub static TURN: Turn = Turn {
    every: Duration::from_secs(60),
    lease: "watch-repositories",
    term: SignedDuration::from_secs(150),
    failed: "the repositories could not be watched",
    work: watch,
};

/// More keys are not looked at; a repository cannot have more.
const KEYS: u32 = 100;

/// Looks at every item.
///
/// # Errors
/// When the store fails, after all that could be looked at was.
pub fn watch(app: &App) -> Result<()> {
    let items: Vec<ProtectedItem> = app.store.transact(|tx| tx.all())?;
    let (mut outcome, mut frozen, mut silent) = (Ok(()), 0, 0);
    for item in &items {
        let correlation = app.edge.uuid();
        let looked = app.store.transact(|tx| look(tx, &item.id, app.edge.now(), correlation));
        match looked {
            Ok(found) => {
                frozen += i64::from(found.frozen);
                silent += i64::from(found.silent);
            }
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    app.metrics.keeping.frozen_items.set(frozen);
    app.metrics.keeping.silent_items.set(silent);
    outcome
}

#[derive(Default)]
struct Found {
    frozen: bool,
    silent: bool,
}

fn look(tx: &mut Transaction, id: &ResourceId, now: Timestamp, correlation: Uuid) -> Result<Found> {
    let Some(item) = tx.resource::<ProtectedItem>(id)? else {
        return Ok(Found::default());
    };
    let before: Option<Watch> = tx.resource(id)?;
    let traffic = tx.traffic(&item.short, before.as_ref().map_or(0, |watch| watch.seen))?;
    let Some(before) = before else {
        let points: Vec<RecoveryPoint> = tx.below(id)?;
        let last = points.iter().map(|point| point.at).max().unwrap_or(now);
        let present = present(tx, &item, now)?;
        tx.put(&Watch::begin(id.clone(), &traffic, present, last))?;
        return Ok(Found { frozen: item.frozen.is_some(), silent: false });
    };
    let gap = gap(tx, &item)?;
    let mut watch = before.clone();
    let mut frozen = item.frozen.is_some();
    if traffic.last > watch.seen {
        let present = present(tx, &item, now)?;
        let found = watch.look(&traffic, present, runs(gap), now);
        if !frozen && !found.is_empty() {
            freeze(tx, item.clone(), &found, now, correlation)?;
            frozen = true;
        }
    }
    match watch.silence(gap, now) {
        None => {}
        Some(Silence::Began(last)) => {
            let reason = format!(
                "no recovery point has arrived since {}: more than two periods of the policy's schedule",
                arm::timestamp(last)
            );
            let operation = operation(id, "recoveryPoints/missed");
            tx.record(Entry { correlation, operation, ..entry(&item, now, reason) });
        }
        Some(Silence::Ended) => {
            let operation = operation(id, "recoveryPoints/resumed");
            let reason = "recovery points arrive again".into();
            tx.record(Entry { correlation, operation, ..entry(&item, now, reason) });
        }
    }
    if watch != before {
        tx.put(&watch)?;
    }
    Ok(Found { frozen, silent: watch.is_silent() })
}

/// What the repository holds now.
fn present(tx: &Transaction, item: &ProtectedItem, now: Timestamp) -> Result<Present> {
    let (keys, _) = tx.objects(&item.short, ObjectType::Keys, 0, KEYS)?;
    Ok(Present {
        snapshots: tx.alive(&item.short, ObjectType::Snapshots)?,
        has_old_key: keys.iter().any(|key| now.duration_since(key.at) > KEY_AGE),
    })
}

/// The longest time from one backup to the next by the item's policy, while backups are to run.
///
/// # Errors
/// When the store fails.
pub fn gap(tx: &mut Transaction, item: &ProtectedItem) -> Result<Option<SignedDuration>> {
    if item.protection != Protection::Protected || item.deletion.is_some() {
        return Ok(None);
    }
    Ok(policy_of(tx, item)?.and_then(|policy| policy.body.longest_gap()))
}

/// How many runs a day that makes.
fn runs(gap: Option<SignedDuration>) -> u64 {
    let day = SignedDuration::from_hours(24).as_secs();
    let gap = gap.map_or(day, |gap| gap.as_secs()).max(1);
    day.checked_div(gap).unwrap_or(1).unsigned_abs()
}

/// Freezes an item for what was found.
///
/// # Errors
/// When the store fails; there is nothing that would refuse it.
pub(crate) fn freeze(
    tx: &mut Transaction,
    item: ProtectedItem,
    found: &[Anomaly],
    now: Timestamp,
    correlation: Uuid,
) -> Result<()> {
    let why: Vec<String> = found.iter().map(ToString::to_string).collect();
    let reason = format!(
        "{}. Nothing of it is destroyed, and clients cannot delete, until somebody thaws it (POST {}/thaw)",
        why.join("; "),
        item.id
    );
    let entry = entry(&item, now, reason);
    let (vault, operation) = (vault_of(&item.id), operation(&item.id, "freeze"));
    let change = VaultChange::freeze(item, Freeze { at: now, why });
    let digest = door::change_by_server(tx, &vault, change, now)?;
    tx.record(Entry { correlation, operation, change: Some(digest), ..entry });
    Ok(())
}

/// Why clients cannot delete while an item is frozen, and whom to ask.
pub(crate) fn refuse_delete(item: &ProtectedItem) -> Result<()> {
    match &item.frozen {
        None => Ok(()),
        Some(freeze) => Err(Error::forbidden(
            "ItemFrozen",
            format!(
                "'{}' is frozen since {}, and nothing can be deleted: {}. Backups go on. Whoever looks after its vault thaws \
                 it when all is well: POST {}/thaw",
                item.friendly_name,
                arm::timestamp(freeze.at),
                freeze.why.join("; "),
                item.id
            ),
        )),
    }
}
