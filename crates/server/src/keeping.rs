//! Extending the retention of recovery points to what their item's state and policy say now, whichever of them changed.
//!
//! It is done beside what is served and not in the change: a policy may rule ten thousand points. Nothing is lost in
//! between, because a point stays protected for longer after its end than this waits.

use std::time::Duration;

use arm::{ResourceId, Result};
use jiff::{SignedDuration, Timestamp};
use ledger::Entry;
use store::Transaction;
use uuid::Uuid;
use vault::keeping::Kept;
use vault::{BackupPolicy, ProtectedItem, RecoveryPoint, VaultChange, vault_of};

use crate::app::App;
use crate::arm::door;
use crate::edge::Edge;
use crate::own_work::{each_item, entry, operation};
use crate::turn::Turn;

/// When it is done, and by whom.
pub static TURN: Turn = Turn {
    every: Duration::from_secs(300),
    lease: "extend-retention",
    term: SignedDuration::from_secs(750),
    failed: "the retention of recovery points could not be extended",
    work: extend,
};

/// The most points that one commit extends.
const AT_ONCE: usize = 200;

/// Extends every recovery point whose item would now keep it longer.
///
/// # Errors
/// When the store fails, after all that could be extended was.
pub fn extend(app: &App) -> Result<()> {
    each_item(app, extend_item)
}

/// Extends the points of one item.
///
/// # Errors
/// When the store fails.
pub fn extend_item(app: &App, item: &ResourceId) -> Result<()> {
    let correlation = app.edge.uuid();
    // Every commit leaves fewer of them: an end only ever moves up, to where it then is.
    while app.store.transact(|tx| extend_some(tx, item, &app.edge, correlation))? {}
    Ok(())
}

/// The policy that rules an item's points.
///
/// # Errors
/// When the store fails.
pub fn policy_of(tx: &mut Transaction, item: &ProtectedItem) -> Result<Option<BackupPolicy>> {
    match &item.policy {
        Some(policy) => tx.resource(policy),
        None => Ok(None),
    }
}

/// Why a recovery point cannot be read any more, if its retention is over: what it needs may be gone.
///
/// # Errors
/// When the store fails.
pub fn is_over(
    tx: &mut Transaction,
    item: &ProtectedItem,
    point: &RecoveryPoint,
    now: Timestamp,
) -> Result<Option<String>> {
    // All points are read only for the one that they are asked for: whether it is the newest.
    if Kept::of(item, [], now).keeps(point)
        || Kept::of(item, &tx.glance_below::<RecoveryPoint>(&item.id)?, now).keeps(point)
    {
        return Ok(None);
    }
    let end = point.retain_until.map(arm::timestamp).unwrap_or_default();
    Ok(Some(format!(
        "the retention of this recovery point ended at {end}: what it needs may be gone, so that it can be neither viewed \
         nor restored any more"
    )))
}

/// Returns whether there may be more.
fn extend_some(tx: &mut Transaction, id: &ResourceId, edge: &Edge, correlation: Uuid) -> Result<bool> {
    let (now, settled) = (edge.now(), edge.settled());
    let item: Option<ProtectedItem> = tx.resource(id)?;
    // Of a deleted one nothing is promised but that it can be undeleted.
    let Some(item) = item.filter(|item| item.deletion.is_none()) else {
        return Ok(false);
    };
    let policy = policy_of(tx, &item)?;
    let mut points: Vec<RecoveryPoint> = tx.below(id)?;
    let mut longer = Vec::new();
    vault::keeping::extend(policy.as_ref(), &mut points, settled, |before, after| {
        longer.push((before, after.retain_until));
    });
    longer.truncate(AT_ONCE);
    let count = longer.len();
    if count == 0 {
        return Ok(false);
    }
    let vault = vault_of(id);
    for (point, until) in longer {
        door::change_by_server(tx, &vault, VaultChange::extend_retention(point, until)?, now)?;
    }
    let change = tx.digest();
    let reason = format!("{count} recovery point(s) are kept longer, as the item's policy says now");
    let operation = operation(id, "recoveryPoints/extend");
    tx.record(Entry { correlation, operation, change, ..entry(&item, now, reason) });
    Ok(count >= AT_ONCE)
}
