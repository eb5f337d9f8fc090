//! Removing deleted items whose time is over, with their repositories. No decision waits for it: whether an item is gone
//! is a comparison, made when it is asked.
//!
//! Of several servers on one store, the one that holds the lease does it. Nothing is lost when two do.

use std::time::Duration;

use arm::{Error, ResourceId, Result};
use jiff::SignedDuration;
use ledger::{Actor, ActorKind, Entry, Verdict};
use store::{Lease, Transaction};
use tokio::sync::watch;
use uuid::Uuid;
use vault::{ProtectedItem, Vault, VaultChange, VaultKind};

use crate::app::App;
use crate::arm::door;

/// How often it is done.
const EVERY: Duration = Duration::from_secs(60);
/// The lease, and how long it lasts: its holder renews it every time, and once may be late.
const LEASE: &str = "purge-items";
const LEASE_TERM: SignedDuration = SignedDuration::from_secs(150);

/// Purges now and then until the server stops.
pub async fn keep(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        if let Err(error) = app.blocking(take_turn).await {
            let internal = error.internal.as_deref().unwrap_or(&error.message);
            tracing::warn!(%internal, "deleted items could not be purged; it will be tried again");
        }
    }
    let leave = |app: &App| app.store.transact(|tx| Lease::release(tx, LEASE, app.server));
    if let Err(error) = app.blocking(leave).await {
        let internal = error.internal.as_deref().unwrap_or(&error.message);
        tracing::warn!(%internal, "a lease could not be given back; it ends by itself");
    }
}

/// Purges, unless it is another server's turn.
fn take_turn(app: &App) -> Result<()> {
    let mine = app.store.transact(|tx| Lease::hold(tx, LEASE, app.server, app.edge.now(), LEASE_TERM))?;
    if mine { purge(app) } else { Ok(()) }
}

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
