//! Removing deleted items whose time is over, with their repositories. No decision waits for it: whether an item is gone
//! is a comparison, made when it is asked.

use std::time::Duration;

use arm::{Error, ResourceId, Result};
use jiff::SignedDuration;
use ledger::{Actor, ActorKind, Entry, Verdict};
use store::Transaction;
use uuid::Uuid;
use vault::{ProtectedItem, Vault, VaultChange, VaultKind};

use crate::app::App;
use crate::arm::door;
use crate::turn::Turn;

/// When it is done, and by whom.
pub static TURN: Turn = Turn {
    every: Duration::from_secs(60),
    lease: "purge-items",
    term: SignedDuration::from_secs(150),
    failed: "deleted items could not be purged",
    work: purge,
};

/// Removes every deleted item whose time is over: each in a commit of its own, after looking at it again.
///
/// # Errors
/// When the store fails, after all that could be removed was.
pub fn purge(app: &App) -> Result<()> {
    let now = app.edge.now();
    let items: Vec<ProtectedItem> = app.store.transact(|tx| tx.all())?;
    let mut outcome = Ok(());
    for item in items.iter().filter(|item| item.is_gone(now)) {
        let correlation = app.edge.uuid();
        let purged = app.store.transact(|tx| purge_one(tx, &item.id, app.edge.now(), correlation));
        outcome = outcome.and(purged);
    }
    outcome
}

fn purge_one(tx: &mut Transaction, id: &ResourceId, now: jiff::Timestamp, correlation: Uuid) -> Result<()> {
    let item: Option<ProtectedItem> = tx.resource(id)?;
    let Some(item) = item.filter(|item| item.is_gone(now)) else {
        return Ok(());
    };
    let vault = id.first(VAULT_SEGMENTS);
    if tx.resource::<Vault>(&vault)?.is_none() {
        return Err(Error::internal(format!("the item '{id}' is in no vault")));
    }
    let name = item.friendly_name.clone();
    let digest = door::change_by_server(tx, &vault, VaultChange::purge(item, now)?, now)?;
    tx.record(Entry {
        sequence: 0,
        at: now,
        correlation,
        actor: Actor {
            person: "server".into(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ActorKind::System,
            name: "countersign".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: operation(VaultKind::of(&vault)).into(),
        target: id.to_string(),
        change: Some(digest),
        verdict: Verdict::Done,
        reason: "the soft-delete period of the item is over".into(),
        consent: Vec::new(),
        facts: [("item".to_string(), name)].into(),
    });
    Ok(())
}

/// `/subscriptions/{}/resourceGroups/{}/providers/{}/vaults/{}`
const VAULT_SEGMENTS: usize = 8;

/// What the ledger calls it.
fn operation(kind: VaultKind) -> &'static str {
    match kind {
        VaultKind::RecoveryServices => {
            "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/purge"
        }
        VaultKind::Backup => "Microsoft.DataProtection/backupVaults/backupInstances/purge",
    }
}
