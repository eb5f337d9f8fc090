//! What the server does by itself, which is mostly to one item after the other, and how the ledger tells of it.

use arm::{ResourceId, Result};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Entry, Verdict};
use uuid::Uuid;
use vault::{ProtectedItem, VaultKind};

use crate::app::App;

/// Does something to every item there is.
///
/// # Errors
/// The first one, after it was done to all.
pub fn each_item(app: &App, work: impl Fn(&App, &ResourceId) -> Result<()>) -> Result<()> {
    let items: Vec<ProtectedItem> = app.store.transact(|tx| tx.all())?;
    let mut outcome = Ok(());
    for item in &items {
        outcome = outcome.and(work(app, &item.id));
    }
    outcome
}

/// An entry about an item, which lacks the operation.
pub fn entry(item: &ProtectedItem, now: Timestamp, reason: String) -> Entry {
    let facts = [("item".to_string(), item.friendly_name.clone())].into();
    Entry { facts, ..entry_of(item.id.to_string(), now, reason) }
}

/// An entry about anything, which lacks the operation.
pub fn entry_of(target: String, now: Timestamp, reason: String) -> Entry {
    Entry {
        sequence: 0,
        at: now,
        correlation: Uuid::nil(),
        actor: Actor {
            person: "server".into(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ActorKind::System,
            name: "countersign".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: String::new(),
        target,
        change: None,
        verdict: Verdict::Done,
        reason,
        consent: Vec::new(),
        facts: Default::default(),
    }
}

/// What the ledger calls something that is done to an item.
pub fn operation(item: &ResourceId, verb: &str) -> String {
    let items = match VaultKind::of(item) {
        VaultKind::RecoveryServices => {
            "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems"
        }
        VaultKind::Backup => "Microsoft.DataProtection/backupVaults/backupInstances",
    };
    format!("{items}/{verb}")
}
