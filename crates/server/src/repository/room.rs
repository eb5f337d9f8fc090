//! Quotas: whether what comes in still fits, for the item and for its vault.

use arm::{Error, ErrorKind, ResourceId, Result};
use store::{Holder, Transaction};
use vault::RepositoryQuota;

use super::admission::Admitted;

/// The quotas that hold for an item, with whose bytes they count.
fn quotas(tx: &mut Transaction, admitted: &Admitted) -> Result<Vec<(RepositoryQuota, Holder)>> {
    let (item, vault) = (&admitted.item, &admitted.vault.id);
    let mut found = Vec::new();
    for (scope, holder) in [(&item.id, Holder::repository(&item.short)), (vault, Holder::below(vault))] {
        if let Some(quota) = tx.resource::<RepositoryQuota>(scope)? {
            found.push((quota, holder));
        }
    }
    Ok(found)
}

/// What still fits, and the refusal for what does not.
pub struct Room {
    /// Bytes.
    pub left: u64,
    scope: ResourceId,
    limit: u64,
}

impl Room {
    /// The least room of all quotas that hold; `None` when there is none.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(tx: &mut Transaction, admitted: &Admitted) -> Result<Option<Self>> {
        let mut least: Option<Self> = None;
        for (RepositoryQuota { limit, scope }, holder) in quotas(tx, admitted)? {
            let left = limit.saturating_sub(tx.stored(&holder)?);
            if least.as_ref().is_none_or(|least| left < least.left) {
                least = Some(Self { left, scope, limit });
            }
        }
        Ok(least)
    }

    /// Why nothing more is stored.
    pub fn full(&self) -> Error {
        full(&self.scope, self.limit)
    }
}

/// Whether any quota holds for an item.
///
/// # Errors
/// When the store fails.
pub fn is_limited(tx: &mut Transaction, admitted: &Admitted) -> Result<bool> {
    Ok(!quotas(tx, admitted)?.is_empty())
}

/// Decides whether so many bytes more fit. The commit holds only if they still do.
///
/// # Errors
/// 507 when they do not.
pub fn check(tx: &mut Transaction, admitted: &Admitted, bytes: u64) -> Result<()> {
    for (quota, holder) in quotas(tx, admitted)? {
        if !tx.has_space(&holder, quota.limit, bytes)? {
            return Err(full(&quota.scope, quota.limit));
        }
    }
    Ok(())
}

fn full(scope: &ResourceId, limit: u64) -> Error {
    let text = format!(
        "this does not fit into the quota of {limit} bytes of '{}', where what was deleted counts as long as it is kept; \
         PUT {scope}/repositoryQuotas/default raises it",
        scope.name()
    );
    Error::new(ErrorKind::Full, "QuotaExceeded", text)
}
