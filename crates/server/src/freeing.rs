//! Freeing what deleted objects take up, once no recovery point can need them.
//!
//! Each repository goes page by page, each page a commit that asks again which points are protected: what a policy extends
//! meanwhile counts. A point that arrives meanwhile cannot need what is purged, because that was deleted longer ago than the
//! window (see [`vault::purge_rule`]).

use std::time::Duration;

use arm::{Error, ResourceId, Result};
use jiff::SignedDuration;
use ledger::Entry;
use store::{ObjectType, Purged, Transaction};
use uuid::Uuid;
use vault::keeping::is_protected;
use vault::purge_rule::Needs;
use vault::{ProtectedItem, RecoveryPoint, Vault, VaultChange};

use crate::app::App;
use crate::arm::door;
use crate::edge::Edge;
use crate::purging::{VAULT_SEGMENTS, entry, operation};
use crate::turn::Turn;

/// When it is done, and by whom.
pub static TURN: Turn = Turn {
    every: Duration::from_secs(3600),
    lease: "free-objects",
    term: SignedDuration::from_secs(9000),
    failed: "deleted objects could not be purged",
    work: free,
};

/// The most deleted objects that one commit looks at.
const PAGE: u32 = 2000;
/// The most recovery points that one commit removes.
const AT_ONCE: usize = 200;

/// Purges the deleted objects of all repositories that nobody needs, and removes the recovery points that are over.
///
/// # Errors
/// When the store fails, after all that could be purged was.
pub fn free(app: &App) -> Result<()> {
    let items: Vec<ProtectedItem> = app.store.transact(|tx| tx.all())?;
    let mut outcome = Ok(());
    for item in &items {
        outcome = outcome.and(free_item(app, &item.id));
    }
    outcome
}

fn free_item(app: &App, item: &ResourceId) -> Result<()> {
    // First what a new policy promises.
    crate::keeping::extend_item(app, item)?;
    let correlation = app.edge.uuid();
    let mut after = Some(0);
    while let Some(from) = after {
        after = app.store.transact(|tx| purge_page(tx, item, from, &app.edge, correlation))?.next;
    }
    while app.store.transact(|tx| expire_some(tx, item, &app.edge, correlation))? {}
    Ok(())
}

/// An item of whose repository something may be purged now, with its vault and its points. Nothing is of one that can be
/// undeleted, because that brings all of it back.
/// Nothing is of a frozen one either.
struct Freeable {
    item: ProtectedItem,
    vault: Vault,
    points: Vec<RecoveryPoint>,
}

impl Freeable {
    fn read(tx: &mut Transaction, id: &ResourceId) -> Result<Option<Self>> {
        let item: Option<ProtectedItem> = tx.resource(id)?;
        let Some(item) = item.filter(|item| item.deletion.is_none() && item.frozen.is_none()) else {
            return Ok(None);
        };
        let vault = tx.resource(&id.first(VAULT_SEGMENTS))?;
        let vault = vault.ok_or_else(|| Error::internal(format!("the item '{id}' is in no vault")))?;
        Ok(Some(Self { points: tx.below(id)?, item, vault }))
    }
}

fn purge_page(
    tx: &mut Transaction,
    id: &ResourceId,
    after: i64,
    edge: &Edge,
    correlation: Uuid,
) -> Result<Purged> {
    let (now, settled) = (edge.now(), edge.settled());
    let Some(Freeable { item, vault, points }) = Freeable::read(tx, id)? else {
        return Ok(Purged::default());
    };
    let protected: Vec<_> = points.iter().filter(|point| is_protected(&item, point, settled)).collect();
    // A point is where its snapshot arrived. One of which that is not certain may need anything.
    let arrivals = tx.first_arrivals(&item.short, ObjectType::Snapshots)?;
    let place = |point: &&RecoveryPoint| {
        arrivals.get(&point.snapshot).copied().filter(|arrival| arrival.at == point.at)
    };
    let Some(instants) = protected.iter().map(place).collect::<Option<Vec<_>>>() else {
        return Ok(Purged::default());
    };
    let needs = Needs::of(instants, vault.capture_window());
    let purged = tx.purge_deleted(&item.short, &needs, settled, after, PAGE)?;
    if purged.objects > 0 {
        let reason = "deleted objects that no retained recovery point needs are gone";
        let mut entry = entry(&item, now, reason.into());
        entry.facts.insert("objects".into(), purged.objects.to_string());
        entry.facts.insert("bytes".into(), purged.bytes.to_string());
        tx.record(Entry { correlation, operation: operation(id, "repository/purge"), ..entry });
    }
    Ok(purged)
}

/// Removes points whose retention is over and whose snapshot is purged: nobody could restore them. One whose snapshot is
/// still there stays, as its client can still use it. Returns whether there may be more.
fn expire_some(tx: &mut Transaction, id: &ResourceId, edge: &Edge, correlation: Uuid) -> Result<bool> {
    let (now, settled) = (edge.now(), edge.settled());
    let Some(Freeable { item, vault, points }) = Freeable::read(tx, id)? else {
        return Ok(false);
    };
    let mut expired = 0;
    for point in points {
        if is_protected(&item, &point, settled)
            || tx.object_known(&item.short, ObjectType::Snapshots, &point.snapshot)?
        {
            continue;
        }
        door::change_by_server(tx, &vault.id, VaultChange::expire(&item, point, settled)?, now)?;
        expired += 1;
        if expired >= AT_ONCE {
            break;
        }
    }
    if expired > 0 {
        let reason =
            format!("{expired} recovery point(s) are gone: their retention is over, and their snapshots");
        let change = tx.digest();
        let operation = operation(id, "recoveryPoints/expire");
        tx.record(Entry { correlation, operation, change, ..entry(&item, now, reason) });
    }
    Ok(expired >= AT_ONCE)
}
