//! Every way in which a vault may change, as a value with before and after.
//!
//! The constructors are the only way to build one, and they refuse what no consent opens (DESIGN section 3, contract
//! 8.1 step 3). Absence never weakens: a caller builds `after` from `before` and the fields a request names.

use arm::{Error, ResourceId, Result};
use jiff::Timestamp;
use ledger::Digest;
use serde::Serialize;

use crate::keeping::{Kept, later};
use crate::policy::{Verdict, compare};
use crate::{
    BackupPolicy, Container, Deletion, Feature, Freeze, GuardProxy, Immutability, ProtectedItem, Protection,
    RecoveryPoint, RepositoryCredential, RepositoryQuota, Restore, SecurityPin, SoftDelete, Vault, VaultKind,
};

/// What becomes of one document: created, replaced or deleted. Never nothing to nothing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Edit<T> {
    after: Option<T>,
    before: Option<T>,
}

impl<T> Edit<T> {
    /// Something that was not there.
    pub fn create(after: T) -> Self {
        Self { before: None, after: Some(after) }
    }

    /// Something that was there, and is different afterwards.
    pub fn replace(before: T, after: T) -> Self {
        Self { before: Some(before), after: Some(after) }
    }

    /// Created or replaced, whichever fits.
    pub fn put(before: Option<T>, after: T) -> Self {
        Self { before, after: Some(after) }
    }

    /// Something that is gone afterwards.
    pub fn delete(before: T) -> Self {
        Self { before: Some(before), after: None }
    }

    /// The state before.
    pub fn before(&self) -> Option<&T> {
        self.before.as_ref()
    }

    /// The state after.
    pub fn after(&self) -> Option<&T> {
        self.after.as_ref()
    }
}

/// A change of a protected item, with the policies it moves between.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ItemChange {
    edit: Edit<ProtectedItem>,
    policy_after: Option<BackupPolicy>,
    policy_before: Option<BackupPolicy>,
}

impl ItemChange {
    /// The item before and after.
    pub fn edit(&self) -> &Edit<ProtectedItem> {
        &self.edit
    }

    /// Whether the item gets a policy that keeps less or backs up less often than the one it has.
    ///
    /// A first policy, and one given to an item that had none, is never weaker (contract 7.3 rule 3). Losing the
    /// policy, or one that cannot be found, while backups go on is.
    pub fn weaker_policy(&self) -> Option<String> {
        let (Some(before), Some(after)) = (self.edit.before(), self.edit.after()) else {
            return None;
        };
        if before.policy == after.policy || before.policy.is_none() {
            return None;
        }
        // Undeleting keeps what was about to be lost, whatever the policy is afterwards.
        if before.deletion.is_some() && after.deletion.is_none() {
            return None;
        }
        // Without a policy, what a stopped item has is kept for ever: nobody needs a policy to be told that.
        if after.policy.is_none() && after.protection == Protection::Stopped {
            return None;
        }
        match (&self.policy_before, &self.policy_after) {
            (Some(old), Some(new)) => weaker(old, new),
            (None, Some(_)) => Some(
                "the item's present policy cannot be read, so nothing shows that the new one is as strong"
                    .into(),
            ),
            (_, None) => Some("the item would no longer have a policy".into()),
        }
    }
}

/// The end of an empty vault, with everything that ends with it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VaultRemoval {
    policies: Vec<Edit<BackupPolicy>>,
    proxy: Option<Edit<GuardProxy>>,
    vault: Edit<Vault>,
}

impl VaultRemoval {
    /// The vault.
    pub fn vault(&self) -> &Edit<Vault> {
        &self.vault
    }

    /// Its policies, which no item uses any more.
    pub fn policies(&self) -> &[Edit<BackupPolicy>] {
        &self.policies
    }

    /// Its link to a guard, if it has one.
    pub fn proxy(&self) -> Option<&Edit<GuardProxy>> {
        self.proxy.as_ref()
    }
}

/// The end of a registered server's protection: its backups go, as a deletion would have it, and the server with them
/// unless some of them can still be undeleted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerRemoval {
    container: Edit<Container>,
    items: Vec<Edit<ProtectedItem>>,
}

impl ServerRemoval {
    /// The server.
    pub fn container(&self) -> &Edit<Container> {
        &self.container
    }

    /// Its items that were in use.
    pub fn items(&self) -> &[Edit<ProtectedItem>] {
        &self.items
    }
}

/// One change of a vault. It can be looked at and not built from outside but through the constructors, so that there is
/// none that they would have refused:
/// ```compile_fail
/// fn forge(vault: vault::Vault) -> vault::VaultChange {
///     vault::VaultChange(vault::ChangeKind::Vault(vault::Edit::delete(vault)))
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct VaultChange(ChangeKind);

/// What a change is about. Matched without a wildcard by whoever decides about it, so that a new kind of change does
/// not compile until somebody has decided.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub enum ChangeKind {
    /// The vault and its settings. Boxed like all that is large.
    Vault(Box<Edit<Vault>>),
    /// The end of an empty vault.
    Removal(Box<VaultRemoval>),
    /// A backup policy.
    Policy(Edit<BackupPolicy>),
    /// A registered source.
    Container(Edit<Container>),
    /// A protected item.
    Item(Box<ItemChange>),
    /// A recovery point.
    RecoveryPoint(Edit<RecoveryPoint>),
    /// A repository credential.
    Credential(Edit<RepositoryCredential>),
    /// The link to the guard.
    Proxy(Edit<GuardProxy>),
    /// The end of a registered server's protection.
    Server(Box<ServerRemoval>),
    /// The end of a deleted item whose time is over.
    Purge(Box<Edit<ProtectedItem>>),
    /// A security PIN: issued, tried or used.
    Pin(Edit<SecurityPin>),
    /// The end of a recovery point whose retention is over.
    Expiry(Box<Edit<RecoveryPoint>>),
    /// A limit on what may be stored.
    Quota(Edit<RepositoryQuota>),
    /// An order to restore a recovery point.
    Restore(Box<Restore>),
}

impl VaultChange {
    /// Creates a vault or changes its settings.
    ///
    /// # Errors
    /// For a retention out of range, another region, and for any step down from a one-way setting.
    pub fn vault(before: Option<Vault>, after: Vault) -> Result<Self> {
        if !SoftDelete::DAYS.contains(&after.soft_delete.retention_days) {
            return Err(Error::invalid(
                "UserErrorInvalidSoftDeleteRetentionPeriod",
                "the soft-delete retention period must be 14 to 180 days",
            ));
        }
        if let Some(before) = &before {
            check_one_way(before, &after)?;
        }
        Ok(Self(ChangeKind::Vault(Box::new(Edit { before, after: Some(after) }))))
    }

    /// Deletes a vault that holds nothing any more, with its policies and its link to a guard.
    ///
    /// # Errors
    /// `ServiceResourceNotEmptyWithBackendMessage` while it holds items (soft-deleted ones too) or containers.
    pub fn delete_vault(
        vault: Vault,
        items: &[ProtectedItem],
        containers: &[Container],
        policies: Vec<BackupPolicy>,
        proxy: Option<GuardProxy>,
    ) -> Result<Self> {
        if items.is_empty() && containers.is_empty() {
            return Ok(Self(ChangeKind::Removal(Box::new(VaultRemoval {
                vault: Edit::delete(vault),
                policies: policies.into_iter().map(Edit::delete).collect(),
                proxy: proxy.map(Edit::delete),
            }))));
        }
        let names: Vec<&str> = items.iter().map(|item| item.friendly_name.as_str()).take(5).collect();
        Err(Error::invalid(
            "ServiceResourceNotEmptyWithBackendMessage",
            format!(
                "the vault '{}' cannot be deleted: it still holds {} protected item(s) [{}] and {} registered \
                 container(s); soft-deleted items count until their retention is over",
                vault.id.name(),
                items.len(),
                names.join(", "),
                containers.len()
            ),
        ))
    }

    /// Creates or replaces a policy.
    ///
    /// # Errors
    /// `BMSUserErrorInvalidPolicyInput` for a policy of the other kind of vault.
    /// `UserErrorOperationDeniedOnImmutableItem` when it would become weaker and the vault is immutable.
    pub fn policy(vault: &Vault, before: Option<BackupPolicy>, after: BackupPolicy) -> Result<Self> {
        let kind = VaultKind::of(&vault.id);
        if after.body.vault_kind() != kind {
            return Err(Error::invalid(
                "BMSUserErrorInvalidPolicyInput",
                format!("the properties of a policy are not those of one of '{}'", kind.resource_type()),
            ));
        }
        if let Some(why) = before.as_ref().and_then(|before| weaker(before, &after)) {
            check_mutable(vault, &format!("the policy '{}' may not become weaker ({why})", after.id.name()))?;
        }
        Ok(Self(ChangeKind::Policy(Edit { before, after: Some(after) })))
    }

    /// Deletes a policy that no item uses.
    ///
    /// # Errors
    /// `BMSUserErrorPolicyInUse`, or of a Backup vault `UserErrorPolicyInUse`, while an item uses it.
    pub fn delete_policy(policy: BackupPolicy, items: &[ProtectedItem]) -> Result<Self> {
        let users: Vec<&ProtectedItem> =
            items.iter().filter(|item| item.policy.as_ref() == Some(&policy.id)).collect();
        match users.first() {
            None => Ok(Self(ChangeKind::Policy(Edit::delete(policy)))),
            Some(first) => Err(Error::invalid(
                match VaultKind::of(&policy.id) {
                    VaultKind::RecoveryServices => "BMSUserErrorPolicyInUse",
                    VaultKind::Backup => "UserErrorPolicyInUse",
                },
                format!(
                    "the policy '{}' is used by {} protected item(s), '{}' among them; stopped and soft-deleted ones \
                     count, because the next policy is compared with the one they had",
                    policy.id.name(),
                    users.len(),
                    first.friendly_name
                ),
            )),
        }
    }

    /// Registers a container or refreshes its registration.
    pub fn container(before: Option<Container>, after: Container) -> Self {
        Self(ChangeKind::Container(Edit { before, after: Some(after) }))
    }

    /// Removes a container that holds no item.
    ///
    /// # Errors
    /// `BMSUserErrorContainerHasDatasources` while it holds items, soft-deleted ones too.
    pub fn delete_container(container: Container, items: &[ProtectedItem]) -> Result<Self> {
        if items.iter().any(|item| item.id.is_within(&container.id)) {
            return Err(Error::invalid(
                "BMSUserErrorContainerHasDatasources",
                format!(
                    "the container '{}' still holds protected items; soft-deleted ones count until their retention \
                     is over",
                    container.id.name()
                ),
            ));
        }
        Ok(Self(ChangeKind::Container(Edit::delete(container))))
    }

    /// Configures protection, changes it, stops it, soft-deletes or undeletes an item.
    ///
    /// # Errors
    /// `UserErrorOperationDeniedOnImmutableItem` when recovery points would be lost early and the vault is immutable.
    pub fn item(
        vault: &Vault,
        edit: Edit<ProtectedItem>,
        policy_before: Option<BackupPolicy>,
        policy_after: Option<BackupPolicy>,
    ) -> Result<Self> {
        let change = ItemChange { edit, policy_before, policy_after };
        let deletes = match (change.edit.before(), change.edit.after()) {
            (Some(before), after) => {
                before.deletion.is_none() && after.is_none_or(|after| after.deletion.is_some())
            }
            (None, _) => false,
        };
        if let (Some(before), None) = (change.edit.before(), change.edit.after()) {
            check_thawed(before)?;
        }
        if deletes {
            check_mutable(vault, "backup data may not be deleted")?;
        }
        if let Some(why) = change.weaker_policy() {
            check_mutable(vault, &format!("the item may not move to a weaker policy ({why})"))?;
        }
        Ok(Self(ChangeKind::Item(Box::new(change))))
    }

    /// Ends the protection of a registered server: what is in use is deleted, as `deletion` says or, without one, for
    /// good. The server itself stays as long as something of it can be undeleted.
    ///
    /// # Errors
    /// `UserErrorOperationDeniedOnImmutableItem` when backups would be deleted and the vault is immutable.
    pub fn unregister(
        vault: &Vault,
        container: Container,
        items: Vec<ProtectedItem>,
        deletion: Option<Deletion>,
    ) -> Result<Self> {
        let (live, deleted): (Vec<_>, Vec<_>) = items.into_iter().partition(|item| item.deletion.is_none());
        if !live.is_empty() {
            check_mutable(vault, "backup data may not be deleted")?;
        }
        if deletion.is_none() {
            live.iter().try_for_each(check_thawed)?;
        }
        let stays = !deleted.is_empty() || (!live.is_empty() && deletion.is_some());
        let end = |item: ProtectedItem| match &deletion {
            None => Edit::delete(item),
            Some(deletion) => {
                let protection = Protection::Stopped;
                let standstill = item.standstill_in(protection, deletion.at, vault.capture_window());
                let deletion = Some(deletion.clone());
                let after = ProtectedItem { protection, standstill, deletion, ..item.clone() };
                Edit::replace(item, after)
            }
        };
        let items = live.into_iter().map(end).collect();
        let container = match stays {
            true => Edit::replace(container.clone(), container),
            false => Edit::delete(container),
        };
        Ok(Self(ChangeKind::Server(Box::new(ServerRemoval { container, items }))))
    }

    /// Freezes an item: nothing of it is destroyed until somebody thaws it.
    pub fn freeze(item: ProtectedItem, freeze: Freeze) -> Self {
        Self::only(item.clone(), ProtectedItem { frozen: Some(freeze), ..item })
    }

    /// Thaws a frozen item.
    ///
    /// # Errors
    /// `UserErrorItemNotFrozen` for one that is not.
    pub fn thaw(item: ProtectedItem) -> Result<Self> {
        if item.frozen.is_none() {
            let text = format!("the item '{}' is not frozen", item.friendly_name);
            return Err(Error::conflict("UserErrorItemNotFrozen", text));
        }
        Ok(Self::only(item.clone(), ProtectedItem { frozen: None, ..item }))
    }

    /// A change of an item that moves it between no policies.
    fn only(before: ProtectedItem, after: ProtectedItem) -> Self {
        let edit = Edit::replace(before, after);
        Self(ChangeKind::Item(Box::new(ItemChange { edit, policy_before: None, policy_after: None })))
    }

    /// Removes a deleted item for good, when its time is over.
    ///
    /// # Errors
    /// `UserErrorItemSoftDeleted` before that, and for an item that was not deleted, whoever asks.
    pub fn purge(item: ProtectedItem, now: Timestamp) -> Result<Self> {
        if item.is_gone(now) {
            return Ok(Self(ChangeKind::Purge(Box::new(Edit::delete(item)))));
        }
        Err(Error::invalid(
            "UserErrorItemSoftDeleted",
            format!("the item '{}' is kept until its soft-delete period is over", item.friendly_name),
        ))
    }

    /// Issues a security PIN, in place of the one before.
    pub fn issue_pin(before: Option<SecurityPin>, pin: SecurityPin) -> Self {
        Self(ChangeKind::Pin(Edit { before, after: Some(pin) }))
    }

    /// Counts a try of a security PIN, before anybody looks whether it is the right one.
    ///
    /// # Errors
    /// `UserErrorSecurityPinInvalid` for a PIN whose time or tries are over.
    pub fn try_pin(pin: SecurityPin, now: Timestamp) -> Result<Self> {
        let left = pin.tries_left.checked_sub(1).filter(|_| pin.is_current(now));
        let tries_left = left.ok_or_else(|| {
            let text = "the security PIN has expired or was wrong too often; ask for another one";
            Error::forbidden("UserErrorSecurityPinInvalid", text)
        })?;
        let after = SecurityPin { tries_left, ..pin.clone() };
        Ok(Self(ChangeKind::Pin(Edit::replace(pin, after))))
    }

    /// Uses a security PIN up.
    pub fn use_pin(pin: SecurityPin) -> Self {
        Self(ChangeKind::Pin(Edit::delete(pin)))
    }

    /// Orders the restore of a recovery point.
    pub fn restore(item: &ProtectedItem, point: &RecoveryPoint) -> Self {
        Self(ChangeKind::Restore(Box::new(Restore::of(item, point))))
    }

    /// Records a recovery point that arrived.
    pub fn recovery_point(point: RecoveryPoint) -> Self {
        Self(ChangeKind::RecoveryPoint(Edit::create(point)))
    }

    /// Extends the retention of a recovery point. The end of it, `None` for never, is the later one for all times.
    ///
    /// # Errors
    /// `UserErrorRetentionCannotBeShortened` for an end that is not later than the present one.
    pub fn extend_retention(point: RecoveryPoint, until: Option<Timestamp>) -> Result<Self> {
        if until == point.retain_until || later(until, point.retain_until) != until {
            return Err(Error::invalid(
                "UserErrorRetentionCannotBeShortened",
                format!("the recovery point '{}' can only be kept longer", point.id.name()),
            ));
        }
        let after = RecoveryPoint { retain_until: until, ..point.clone() };
        Ok(Self(ChangeKind::RecoveryPoint(Edit::replace(point, after))))
    }

    /// Removes a recovery point that is not kept any more.
    ///
    /// # Errors
    /// `UserErrorRecoveryPointRetained` for one that is, whoever asks.
    pub fn expire(kept: &Kept<'_>, point: RecoveryPoint) -> Result<Self> {
        if kept.keeps(&point) || !kept.is_about(&point) {
            return Err(Error::invalid(
                "UserErrorRecoveryPointRetained",
                format!("the recovery point '{}' is kept until its retention is over", point.id.name()),
            ));
        }
        Ok(Self(ChangeKind::Expiry(Box::new(Edit::delete(point)))))
    }

    /// Issues a repository credential.
    pub fn credential(credential: RepositoryCredential) -> Self {
        Self(ChangeKind::Credential(Edit::create(credential)))
    }

    /// Gives a repository credential another secret. The present one works until `retires`.
    pub fn rotate(credential: RepositoryCredential, secret_hash: String, retires: Timestamp) -> Self {
        let after = credential.rotated(secret_hash, retires);
        Self(ChangeKind::Credential(Edit::replace(credential, after)))
    }

    /// Revokes a repository credential.
    pub fn revoke(credential: RepositoryCredential) -> Self {
        Self(ChangeKind::Credential(Edit::delete(credential)))
    }

    /// Sets a quota, or another one.
    pub fn quota(before: Option<RepositoryQuota>, after: RepositoryQuota) -> Self {
        Self(ChangeKind::Quota(Edit { before, after: Some(after) }))
    }

    /// Removes a quota.
    pub fn remove_quota(quota: RepositoryQuota) -> Self {
        Self(ChangeKind::Quota(Edit::delete(quota)))
    }

    /// Links a guard, or another guard in place of the present one.
    pub fn link(before: Option<GuardProxy>, after: GuardProxy) -> Self {
        Self(ChangeKind::Proxy(Edit { before, after: Some(after) }))
    }

    /// Removes the link to the guard: multi-user authorization is off afterwards.
    pub fn unlink(proxy: GuardProxy) -> Self {
        Self(ChangeKind::Proxy(Edit::delete(proxy)))
    }

    /// What the change is about.
    pub fn kind(&self) -> &ChangeKind {
        &self.0
    }

    /// Takes it apart, for whoever writes it down.
    pub fn into_kind(self) -> ChangeKind {
        self.0
    }

    /// The resource that changes.
    pub fn target(&self) -> Option<&ResourceId> {
        fn either<'a, T>(edit: &'a Edit<T>, id: impl Fn(&'a T) -> &'a ResourceId) -> Option<&'a ResourceId> {
            edit.after().or(edit.before()).map(id)
        }
        match &self.0 {
            ChangeKind::Vault(edit) => either(edit, |vault| &vault.id),
            ChangeKind::Removal(removal) => either(removal.vault(), |vault| &vault.id),
            ChangeKind::Policy(edit) => either(edit, |policy| &policy.id),
            ChangeKind::Container(edit) => either(edit, |container| &container.id),
            ChangeKind::Item(change) => either(change.edit(), |item| &item.id),
            ChangeKind::RecoveryPoint(edit) => either(edit, |point| &point.id),
            ChangeKind::Credential(edit) => either(edit, |credential| &credential.item),
            ChangeKind::Proxy(edit) => either(edit, |proxy| &proxy.id),
            ChangeKind::Server(removal) => either(removal.container(), |container| &container.id),
            ChangeKind::Purge(edit) => either(edit, |item| &item.id),
            ChangeKind::Expiry(edit) => either(edit, |point| &point.id),
            ChangeKind::Pin(edit) => either(edit, |pin| &pin.vault),
            ChangeKind::Quota(edit) => either(edit, |quota| &quota.scope),
            ChangeKind::Restore(restore) => Some(&restore.point),
        }
    }

    /// SHA-256 of the change in canonical form: the same change always has the same digest.
    ///
    /// That is JSON without white space and with the members of all objects in the order of their names. The fields of
    /// everything that a change is made of stand in that order, so that it is what is written anyway.
    pub fn digest(&self) -> Digest {
        // Large enough for most. What cannot be written, as no change is, has the digest of nothing.
        let mut text = Vec::with_capacity(4096);
        let written = serde_json::to_writer(&mut text, self);
        Digest::of(if written.is_ok() { &text } else { b"null" })
    }
}

fn weaker(before: &BackupPolicy, after: &BackupPolicy) -> Option<String> {
    match compare(&before.body, &after.body) {
        Verdict::NotWeaker => None,
        Verdict::Weaker(reasons) => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            Some(reasons.join("; "))
        }
    }
}

fn check_one_way(before: &Vault, after: &Vault) -> Result<()> {
    if before.location != after.location {
        return Err(Error::conflict(
            "InvalidResourceLocation",
            format!("the vault is in '{}' and cannot be moved to '{}'", before.location, after.location),
        ));
    }
    let features = [
        ("soft delete", before.soft_delete.state, after.soft_delete.state),
        ("the security features", before.enhanced_security, after.enhanced_security),
    ];
    for (name, from, to) in features {
        if from == Feature::AlwaysOn && to != Feature::AlwaysOn {
            return Err(Error::invalid(
                "UserErrorDisableSoftDeleteNotAllowed",
                format!("{name} of this vault is always on; it cannot be switched off, whoever agrees"),
            ));
        }
    }
    if before.immutability == Immutability::Locked && after.immutability != Immutability::Locked {
        return Err(Error::invalid(
            "UserErrorUnsupportedVaultImmutabilityStateChange",
            "immutability of this vault is locked; it cannot be unlocked or disabled, whoever agrees",
        ));
    }
    Ok(())
}

/// Refuses to destroy what is frozen, whoever consents.
fn check_thawed(item: &ProtectedItem) -> Result<()> {
    match &item.frozen {
        None => Ok(()),
        Some(freeze) => Err(Error::invalid(
            "UserErrorItemFrozen",
            format!(
                "the item '{}' is frozen and cannot be deleted for good until it is thawed: {}",
                item.friendly_name,
                freeze.why.join("; ")
            ),
        )),
    }
}

fn check_mutable(vault: &Vault, what: &str) -> Result<()> {
    if vault.immutability == Immutability::Disabled {
        return Ok(());
    }
    Err(Error::invalid(
        "UserErrorOperationDeniedOnImmutableItem",
        format!("the vault '{}' is immutable: {what}", vault.id.name()),
    ))
}
