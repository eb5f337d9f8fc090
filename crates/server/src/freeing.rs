//! Freeing what deleted objects take up, once no recovery point can need them.
//!
//! Each repository goes page by page, each page a commit that asks again which points are kept: what a policy extends
//! meanwhile counts. A point that arrives meanwhile cannot need what is purged, because that was deleted longer ago than the
//! window (see [`vault::purge_rule`]).

use std::time::Duration;

use arm::{Error, ResourceId, Result};
use jiff::{SignedDuration, Timestamp};
use ledger::Entry;
use store::{Arrivals, ObjectType, Purged, Transaction};
use uuid::Uuid;
use vault::keeping::{Kept, needs};
use vault::purge_rule::Needs;
use vault::{ProtectedItem, RecoveryPoint, Vault, VaultChange, vault_of};

use crate::app::App;
use crate::arm::door;
use crate::edge::Edge;
use crate::own_work::{each_item, entry, operation};
use crate::turn::Turn;

/// When it is done, and by whom.
pub static TURN: Turn = Turn {
    every: Duration::from_secs(3600),
    lease: "free-objects",
    term: SignedDuration::from_secs(9000),
    failed: "deleted objects could not be purged",
    work: free,
};

/// The most deleted objects that one commit purges.
const PAGE: u32 = 2000;

/// Purges the deleted objects of all repositories that nobody needs, and removes the recovery points that are over.
///
/// # Errors
/// When the store fails, after all that could be purged was.
pub fn free(app: &App) -> Result<()> {
    each_item(app, free_item)
}

fn free_item(app: &App, item: &ResourceId) -> Result<()> {
    // First what a new policy promises.
    crate::keeping::extend_item(app, item)?;
    let correlation = app.edge.uuid();
    let mut after = Some(0);
    while let Some(from) = after {
        after = app.store.transact(|tx| purge_page(tx, item, from, &app.edge, correlation))?.next;
    }
    Ok(())
}

/// An item of whose repository something may be purged, with its vault and its points.
pub struct Freeable {
    /// The item.
    pub item: ProtectedItem,
    /// Its vault.
    pub vault: Vault,
    /// All its recovery points.
    pub points: Vec<RecoveryPoint>,
}

impl Freeable {
    /// The item with this id, or why nothing of its repository may be purged, as people are told. One that can be undeleted
    /// comes back with everything.
    ///
    /// # Errors
    /// When the store fails, or the item is nowhere.
    pub fn read(tx: &mut Transaction, id: &ResourceId) -> Result<Result<Self, String>> {
        let Some(item) = tx.resource::<ProtectedItem>(id)? else {
            return Ok(Err("it is gone".into()));
        };
        if let Some(deletion) = &item.deletion {
            return Ok(Err(format!(
                "it is deleted, and comes back as it was if it is undeleted by {}",
                deletion.until
            )));
        }
        if let Some(why) = frozen(&item) {
            return Ok(Err(why));
        }
        let vault = tx.resource(&vault_of(id))?;
        let vault = vault.ok_or_else(|| Error::internal(format!("the item '{id}' is in no vault")))?;
        Ok(Ok(Self { points: tx.below(id)?, item, vault }))
    }

    /// Which of its points are kept at a moment.
    pub fn kept(&self, now: Timestamp) -> Kept<'_> {
        Kept::of(&self.item, &self.points, now)
    }

    /// Where in the repository's order its snapshots are. That need not be part of the commit's condition: a row that says so
    /// is needed as long as its point is kept.
    ///
    /// # Errors
    /// When the store fails.
    pub fn arrivals(&self, tx: &Transaction) -> Result<Arrivals> {
        tx.arrivals(&self.item.short, ObjectType::Snapshots)
    }

    /// What these points need.
    pub fn needs(&self, arrivals: &Arrivals, now: Timestamp) -> Needs {
        let place = |point: &RecoveryPoint| arrivals.find(&point.snapshot, point.at);
        needs(&self.kept(now), &self.points, place, self.vault.capture_window())
    }
}

/// Why an item's repository is frozen, so that nothing of it is purged whatever else holds.
fn frozen(item: &ProtectedItem) -> Option<String> {
    let freeze = item.frozen.as_ref()?;
    Some(format!("it is frozen since {}: {}", freeze.at, freeze.why.join("; ")))
}

/// Purges a page of deleted objects. A recovery point that is over goes in the commit in which the last of its snapshot
/// does: nobody could restore it, and the same snapshot, sent again, is a new point. One whose snapshot is still there
/// stays, as its client can still use it.
fn purge_page(
    tx: &mut Transaction,
    id: &ResourceId,
    after: i64,
    edge: &Edge,
    correlation: Uuid,
) -> Result<Purged> {
    let (now, settled) = (edge.now(), edge.settled());
    let Ok(freeable) = Freeable::read(tx, id)? else {
        return Ok(Purged::default());
    };
    let needs = freeable.needs(&freeable.arrivals(tx)?, settled);
    let Freeable { item, vault, points } = &freeable;
    let purged = tx.purge_deleted(&item.short, &needs, settled, after, PAGE)?;
    if purged.objects == 0 {
        return Ok(purged);
    }
    let over = points.iter().filter(|point| purged.snapshots.contains(&point.snapshot));
    let mut ended = 0;
    for point in over {
        door::change_by_server(
            tx,
            &vault.id,
            VaultChange::expire(&freeable.kept(settled), point.clone())?,
            now,
        )?;
        ended += 1;
    }
    let reason = "deleted objects that no retained recovery point needs are gone";
    let mut entry = entry(item, now, reason.into());
    entry.facts.insert("objects".into(), purged.objects.to_string());
    entry.facts.insert("bytes".into(), purged.bytes.to_string());
    entry.facts.insert("recoveryPoints".into(), ended.to_string());
    let change = tx.digest();
    tx.record(Entry { correlation, change, operation: operation(id, "repository/purge"), ..entry });
    Ok(purged)
}
