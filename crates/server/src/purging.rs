//! Removing deleted items whose time is over, with their repositories, and warning of it two days before. No decision waits
//! for it: whether an item is gone is a comparison, made when it is asked.

use std::time::Duration;

use arm::{Error, ResourceId, Result};
use jiff::SignedDuration;
use ledger::Entry;
use store::Transaction;
use uuid::Uuid;
use vault::{ProtectedItem, PurgeWarning, Vault, VaultChange, vault_of};

use crate::app::App;
use crate::arm::door;
use crate::edge::Edge;
use crate::own_work::{entry, operation};
use crate::turn::Turn;

/// When it is done, and by whom.
pub static TURN: Turn = Turn {
    every: Duration::from_secs(60),
    lease: "purge-items",
    term: SignedDuration::from_secs(150),
    failed: "deleted items could not be purged",
    work: purge,
};

/// Removes every deleted item whose time is over, and warns of those whose time is nearly over: each in a commit of its own,
/// after looking at it again.
///
/// # Errors
/// When the store fails, after all that could be removed was.
pub fn purge(app: &App) -> Result<()> {
    let settled = app.edge.settled();
    let items: Vec<ProtectedItem> = app.store.transact(|tx| tx.all())?;
    let mut outcome = Ok(());
    for item in &items {
        let step = match (item.is_gone(settled), item.upcoming_purge(settled)) {
            (true, _) => purge_one,
            (false, Some(_)) => warn_of_one,
            (false, None) => continue,
        };
        let correlation = app.edge.uuid();
        outcome = outcome.and(app.store.transact(|tx| step(tx, &item.id, &app.edge, correlation)));
    }
    outcome
}

fn warn_of_one(tx: &mut Transaction, id: &ResourceId, edge: &Edge, correlation: Uuid) -> Result<()> {
    let (now, settled) = (edge.now(), edge.settled());
    let item: Option<ProtectedItem> = tx.resource(id)?;
    let Some((item, warning)) =
        item.and_then(|item| item.upcoming_purge(settled).map(|warning| (item, warning)))
    else {
        return Ok(());
    };
    if tx.resource::<PurgeWarning>(id)?.as_ref() == Some(&warning) {
        return Ok(());
    }
    tx.put(&warning)?;
    let reason = format!("it is purged at {}; until then it can be undeleted", warning.until);
    let operation = operation(id, "upcomingPurge");
    tx.record(Entry { correlation, operation, ..entry(&item, now, reason) });
    Ok(())
}

fn purge_one(tx: &mut Transaction, id: &ResourceId, edge: &Edge, correlation: Uuid) -> Result<()> {
    let (now, settled) = (edge.now(), edge.settled());
    let item: Option<ProtectedItem> = tx.resource(id)?;
    let Some(item) = item.filter(|item| item.is_gone(settled)) else {
        return Ok(());
    };
    let vault = vault_of(id);
    if tx.resource::<Vault>(&vault)?.is_none() {
        return Err(Error::internal(format!("the item '{id}' is in no vault")));
    }
    let entry = entry(&item, now, "the soft-delete period of the item is over".into());
    let digest = door::change_by_server(tx, &vault, VaultChange::purge(item, settled)?, now)?;
    tx.delete::<PurgeWarning>(id.folded());
    tx.record(Entry { correlation, operation: operation(id, "purge"), change: Some(digest), ..entry });
    Ok(())
}
