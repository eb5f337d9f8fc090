//! Restore as a critical operation: when backup data may be read out of a repository.
//!
//! The consent to a restore opens a window, in which the item's repository can be read as long as that consent holds: the
//! guard is asked again about its holder at each read. Backups need no window: a backup client reads config, keys, indexes
//! and snapshots, and what it has in its own cache.

use arm::ResourceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use vault::GuardProxy;

use crate::clear::{description_of, operations_granted};
use crate::{
    Caller, CriticalOperation, GuardAnswer, GuardQuestion, Missing, Permit, Refusal, VaultKind, Weakening,
};

/// How long one consent to a restore lets an item be read at the most, in hours, also where the right on the guard is a
/// standing one. A terabyte at 100 Mbit/s takes 22.
pub const RESTORE_HOURS: i64 = 24;

/// The time in which an item may be read, because its restore was consented to. Only a permit opens one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RestoreWindow {
    /// The item.
    item: ResourceId,
    /// The guard that consented.
    guard: ResourceId,
    /// Who held the right on the guard.
    holder: Caller,
    /// When it was opened.
    opened: Timestamp,
    /// The recovery point that was asked for.
    point: ResourceId,
    /// The first instant at which it is shut.
    until: Timestamp,
}

impl RestoreWindow {
    /// What a permit to restore opens; nothing for another permit.
    pub(crate) fn opened_by(permit: &Permit, now: Timestamp) -> Option<Self> {
        let item = match permit.operation() {
            CriticalOperation::Restore | CriticalOperation::RestoreInstance => permit.target().parent()?,
            _ => return None,
        };
        Some(Self {
            item,
            guard: permit.guard().clone(),
            holder: permit.holder().clone(),
            opened: now,
            point: permit.target().clone(),
            until: restore_until(now),
        })
    }

    /// The item that may be read.
    pub fn item(&self) -> &ResourceId {
        &self.item
    }

    /// Whether it is open for an item of a vault with this link. A link made since is another agreement.
    fn is_open(&self, item: &ResourceId, proxy: &GuardProxy, now: Timestamp) -> bool {
        self.item == *item && self.guard == proxy.guard && proxy.updated <= self.opened && now < self.until
    }
}

/// When a window that is opened now shuts.
pub fn restore_until(now: Timestamp) -> Timestamp {
    now.checked_add(SignedDuration::from_hours(RESTORE_HOURS)).unwrap_or(now)
}

/// Decides whether backup data of an item may be read out of its repository now: MUA is off, the guard exempts
/// restores, or there is an open window and who consented may still do so. A guard that does not answer protects it.
///
/// # Errors
/// The refusal.
pub fn may_read(
    kind: VaultKind,
    proxy: Option<&GuardProxy>,
    item: &ResourceId,
    window: Option<&RestoreWindow>,
    ask: &dyn Fn(&GuardQuestion) -> GuardAnswer,
    now: Timestamp,
) -> Result<(), Box<Refusal>> {
    let Some(proxy) = proxy else {
        return Ok(());
    };
    let operation = Weakening::Restore.on(kind);
    let holders = window.map(|window| window.holder.clone()).into_iter().collect();
    let question = GuardQuestion { guard: proxy.guard.clone(), operations: vec![operation], holders };
    let refuse = |description: Option<String>, missing: Missing| Refusal {
        operation,
        why: format!("backup data of '{}' would be read out of the vault", item.name()),
        guard: proxy.guard.clone(),
        description,
        missing,
    };
    let answer = ask(&question);
    match operations_granted(&question, &answer, &refuse) {
        Ok(granted) if granted.is_empty() => Ok(()),
        Ok(_) if window.is_some_and(|window| window.is_open(item, proxy, now)) => Ok(()),
        Err(refusal) if matches!(refusal.missing, Missing::Guard { .. }) => Err(refusal),
        Ok(_) | Err(_) => Err(Box::new(refuse(description_of(&answer), Missing::Window))),
    }
}
