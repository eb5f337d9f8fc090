//! Quotas: whether what comes in still fits, for the item and for its vault.

use arm::{Error, ErrorKind, ResourceId, Result};
use store::{Holder, Transaction};
use vault::RepositoryQuota;

use super::admission::Admitted;

/// The quotas that hold for an item: its own and its vault's, with whose bytes they count.
pub struct Quotas(Vec<(RepositoryQuota, Holder)>);

impl Quotas {
    /// Finds them.
    ///
    /// # Errors
    /// When the store fails.
    pub fn of(tx: &mut Transaction, admitted: &Admitted) -> Result<Self> {
        let (item, vault) = (&admitted.item, &admitted.vault.id);
        let found: Vec<RepositoryQuota> = tx.resources(&[&item.id, vault])?;
        let holder = |quota: &RepositoryQuota| match quota.scope == item.id {
            true => Holder::repository(&item.short),
            false => Holder::below(vault),
        };
        Ok(Self(found.into_iter().map(|quota| (quota.clone(), holder(&quota))).collect()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The least room that they leave; `None` without any.
    ///
    /// # Errors
    /// When the store fails.
    pub fn room(self, tx: &mut Transaction) -> Result<Option<Room>> {
        let mut least: Option<Room> = None;
        for (RepositoryQuota { limit, scope }, holder) in self.0 {
            let left = limit.saturating_sub(tx.stored(&holder)?);
            if least.as_ref().is_none_or(|least| left < least.left) {
                least = Some(Room { left, scope, limit });
            }
        }
        Ok(least)
    }

    /// Decides whether so many bytes more fit. The commit holds only if they still do.
    ///
    /// # Errors
    /// 507 when they do not.
    pub fn check(&self, tx: &mut Transaction, bytes: u64) -> Result<()> {
        for (quota, holder) in &self.0 {
            if !tx.has_space(holder, quota.limit, bytes)? {
                return Err(full(&quota.scope, quota.limit));
            }
        }
        Ok(())
    }
}

/// What still fits, and the refusal for what does not.
pub struct Room {
    /// Bytes.
    pub left: u64,
    scope: ResourceId,
    limit: u64,
}

impl Room {
    /// Why nothing more is stored.
    pub fn full(&self) -> Error {
        full(&self.scope, self.limit)
    }
}

fn full(scope: &ResourceId, limit: u64) -> Error {
    let text = format!(
        "this does not fit into the quota of {limit} bytes of '{}', where what was deleted counts as long as it is kept; \
         PUT {scope}/repositoryQuotas/default raises it",
        scope.name()
    );
    Error::new(ErrorKind::Full, "QuotaExceeded", text)
}
