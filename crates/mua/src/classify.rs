//! What makes a change critical.
//!
//! Strengthening never is. What cannot be compared counts as weakening. Every match here is total, and every struct
//! whose fields decide is taken apart field by field, so that a new kind of change, or a new field, does not compile
//! until somebody has decided what it means.

use arm::ResourceId;
use vault::{
    ChangeKind, Deletion, Edit, GuardProxy, Instance, ItemChange, ProtectedItem, Protection, RepositoryQuota,
    SecurityPin, ServerRemoval, SoftDelete, Vault, VaultChange, VaultKind,
};

use crate::{CriticalOperation, Weakening};

/// One reason why a change is critical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The operation it amounts to.
    pub operation: CriticalOperation,
    /// What would become weaker, in words.
    pub why: String,
}

/// Everything critical about a change; empty when nothing is. Each operation appears at most once.
pub fn classify(change: &VaultChange) -> Vec<Finding> {
    match change.kind() {
        ChangeKind::Vault(edit) => vault_settings(edit),
        // Only a vault without items can end (the constructor sees to it): there is nothing left to lose.
        ChangeKind::Removal(_) => Vec::new(),
        ChangeKind::Policy(edit) => policy(edit),
        ChangeKind::Item(change) => item(change),
        ChangeKind::Proxy(edit) => proxy(edit),
        // Containers can only be registered, or removed when they hold nothing (the constructor sees to it).
        ChangeKind::Container(_) => Vec::new(),
        // Recovery points only arrive. Their end comes with their retention, never by a request.
        ChangeKind::RecoveryPoint(edit) => match edit.after() {
            Some(_) => Vec::new(),
            None => found(on(change.target(), Weakening::Delete), "a recovery point would be deleted"),
        },
        // A credential opens a repository in which nothing can be destroyed.
        ChangeKind::Credential(_) => Vec::new(),
        ChangeKind::Server(removal) => server(removal),
        // Only what is gone already can be purged (the constructor sees to it).
        ChangeKind::Purge(_) => Vec::new(),
        // Only a point whose retention is over can expire (the constructor sees to it).
        ChangeKind::Expiry(_) => Vec::new(),
        ChangeKind::Pin(edit) => pin(edit),
        ChangeKind::Quota(edit) => quota(edit),
        ChangeKind::Restore(restore) => {
            let why = format!("backup data of '{}' would be read out of the vault", restore.item.name());
            found(Weakening::Restore.on(VaultKind::of(&restore.item)), why)
        }
    }
}

/// What a step down is called on the vault that something lies in.
fn on(id: Option<&ResourceId>, weakening: Weakening) -> CriticalOperation {
    weakening.on(id.map_or(VaultKind::RecoveryServices, VaultKind::of))
}

fn found(operation: CriticalOperation, why: impl Into<String>) -> Vec<Finding> {
    vec![Finding { operation, why: why.into() }]
}

fn vault_settings(edit: &Edit<Vault>) -> Vec<Finding> {
    let Some(before) = edit.before() else {
        return Vec::new();
    };
    let kind = VaultKind::of(&before.id);
    let Some(after) = edit.after() else {
        // The end of an empty vault is a change of its own kind; this is none that anybody has looked into.
        return found(Weakening::Delete.on(kind), "the vault would be deleted with all that it holds");
    };
    let Vault {
        id: _,
        short: _,
        location: _,
        soft_delete: SoftDelete { state, retention_days },
        enhanced_security,
        immutability,
        encryption,
        free: _,
        created: _,
        modified: _,
    } = after;
    let mut weaker = Vec::new();
    if *state < before.soft_delete.state {
        weaker.push(format!(
            "soft delete goes from {} to {}",
            before.soft_delete.state.as_str(),
            state.as_str()
        ));
    }
    if *retention_days < before.soft_delete.retention_days {
        weaker.push(format!(
            "the soft-delete period falls from {} to {} days",
            before.soft_delete.retention_days, retention_days
        ));
    }
    if *enhanced_security < before.enhanced_security {
        weaker.push(format!(
            "the security features go from {} to {}",
            before.enhanced_security.as_str(),
            enhanced_security.as_str()
        ));
    }
    let mut findings = Vec::new();
    if !weaker.is_empty() {
        findings.extend(found(Weakening::SoftDelete.on(kind), weaker.join("; ")));
    }
    if *immutability < before.immutability {
        let why =
            format!("immutability goes from {} to {}", before.immutability.as_str(), immutability.as_str());
        findings.extend(found(Weakening::Immutability.on(kind), why));
    }
    if *encryption != before.encryption {
        findings.extend(found(Weakening::Encryption.on(kind), "the encryption settings change"));
    }
    findings
}

fn policy(edit: &Edit<vault::BackupPolicy>) -> Vec<Finding> {
    use vault::policy::{Verdict, compare};
    // A weak policy may be created freely, and an unused one deleted: the gate is where an item moves to it
    // (contract 7.3, the order attack).
    let (Some(before), Some(after)) = (edit.before(), edit.after()) else {
        return Vec::new();
    };
    match compare(&before.body, &after.body) {
        Verdict::NotWeaker => Vec::new(),
        Verdict::Weaker(reasons) => {
            let reasons: Vec<String> = reasons.iter().map(ToString::to_string).collect();
            found(Weakening::ModifyPolicy.on(VaultKind::of(&before.id)), reasons.join("; "))
        }
    }
}

fn item(change: &ItemChange) -> Vec<Finding> {
    let Some(before) = change.edit().before() else {
        return Vec::new();
    };
    let kind = VaultKind::of(&before.id);
    let Some(after) = change.edit().after() else {
        return match before.deletion {
            // Nobody asks for this: a soft-deleted item goes when its time is over.
            Some(_) => found(Weakening::Delete.on(kind), "a soft-deleted item would be purged early"),
            None => found(Weakening::Delete.on(kind), "the item and its backups would be deleted for good"),
        };
    };
    let ProtectedItem {
        id: _,
        instance,
        short,
        item_type,
        friendly_name: _,
        frozen,
        source,
        policy: _,
        protection,
        deletion,
        created: _,
        standstill,
    } = after;
    let mut findings = Vec::new();
    if let Some(why) = shorter_deletion(before.deletion.as_ref(), deletion.as_ref()) {
        findings.extend(found(Weakening::Delete.on(kind), why));
    }
    let (source_changes, parameters_change) = instance_changes(before.instance.as_ref(), instance.as_ref());
    let becomes_another =
        *short != before.short || *item_type != before.item_type || *source != before.source;
    if becomes_another || source_changes {
        let why = "the item would become another item, and its backups would lose their owner";
        findings.extend(found(Weakening::Delete.on(kind), why));
    }
    if *standstill != before.standstill && *protection == before.protection {
        // It goes with the state of protection, and with nothing else.
        let why = "recovery points that are kept while protection is stopped could end earlier";
        findings.extend(found(Weakening::Delete.on(kind), why));
    }
    if let Some(why) = change.weaker_policy() {
        findings.extend(found(Weakening::ModifyItem.on(kind), why));
    }
    if before.frozen.is_some() && frozen.is_none() {
        let why = "the item would be thawed, and what was deleted in its repository be destroyed in time";
        findings.extend(found(Weakening::ModifyItem.on(kind), why));
    }
    if parameters_change {
        // They may say what is left out of backups. Nobody has understood which of two leaves out more.
        let why = "the policy would apply to other parts of what is backed up";
        findings.extend(found(Weakening::ModifyItem.on(kind), why));
    }
    if before.deletion.is_none() && deletion.is_none() {
        findings.extend(protection_changes(before.protection, *protection, kind));
    }
    findings.dedup_by_key(|finding| finding.operation);
    findings
}

/// Undeleting leaves an item stopped; that is a step up from deleted. Both ways of stopping are critical, also one after the
/// other: what was kept for ever would be kept only as the policy says.
fn protection_changes(before: Protection, after: Protection, kind: VaultKind) -> Vec<Finding> {
    match after {
        _ if after == before => Vec::new(),
        Protection::Stopped => found(Weakening::Stop.on(kind), "backups stop, and what exists is kept"),
        Protection::Suspended => {
            let why = "backups stop, and what exists is kept only as the policy says";
            found(Weakening::Suspend.on(kind), why)
        }
        Protection::Protected => Vec::new(),
    }
}

/// Whether an item is deleted, or, being deleted, kept for less long.
fn shorter_deletion(before: Option<&Deletion>, after: Option<&Deletion>) -> Option<String> {
    match (before, after) {
        (None, Some(deletion)) => {
            Some(format!("the item and its backups would be deleted, recoverable until {}", deletion.until))
        }
        (Some(then), Some(now)) if now.until < then.until => {
            Some("a deleted item would be kept for less long".into())
        }
        (Some(_) | None, None) | (Some(_), Some(_)) => None,
    }
}

/// Whether an instance's source changes, and whether what of it is backed up does.
fn instance_changes(before: Option<&Instance>, after: Option<&Instance>) -> (bool, bool) {
    match (before, after) {
        (None, None) => (false, false),
        (Some(_), None) | (None, Some(_)) => (true, true),
        (Some(before), Some(after)) => {
            let Instance { data_source, free: _, parameters, tags: _ } = after;
            (*data_source != before.data_source, *parameters != before.parameters)
        }
    }
}

fn server(removal: &ServerRemoval) -> Vec<Finding> {
    let server =
        removal.container().before().map_or("the server", |container| container.friendly_name.as_str());
    let why = match removal.items().len() {
        0 => format!("the registration of '{server}' would be removed"),
        items => format!("'{server}' would be removed with the backups of {items} protected item(s)"),
    };
    found(CriticalOperation::DeleteServer, why)
}

/// A PIN is power to do what is otherwise refused, so that getting one is critical. Trying one and using one up take
/// something away from it.
fn pin(edit: &Edit<SecurityPin>) -> Vec<Finding> {
    let Some(after) = edit.after() else {
        return Vec::new();
    };
    let is_weaker = |before: &SecurityPin| {
        let SecurityPin { expires, hash, issued, issued_by, token, tries_left, vault } = before;
        *hash == after.hash
            && *issued == after.issued
            && *issued_by == after.issued_by
            && *token == after.token
            && *vault == after.vault
            && after.expires <= *expires
            && after.tries_left < *tries_left
    };
    match edit.before() {
        Some(before) if is_weaker(before) => Vec::new(),
        Some(_) | None => found(
            CriticalOperation::SecurityPin,
            "with a security PIN, a backup host does what the rules of its repository keep shut",
        ),
    }
}

/// Where nothing more fits, backups stop.
fn quota(edit: &Edit<RepositoryQuota>) -> Vec<Finding> {
    let Some(RepositoryQuota { limit, scope }) = edit.after() else {
        return Vec::new();
    };
    let is_tighter = |before: &RepositoryQuota| before.scope != *scope || *limit < before.limit;
    match edit.before().is_none_or(is_tighter) {
        true => {
            let why = format!("backups would stop when '{}' holds {limit} bytes", scope.name());
            found(Weakening::Stop.on(VaultKind::of(scope)), why)
        }
        false => Vec::new(),
    }
}

fn proxy(edit: &Edit<GuardProxy>) -> Vec<Finding> {
    let Some(before) = edit.before() else {
        return Vec::new();
    };
    let operation = Weakening::RemoveMua.on(VaultKind::of(&before.id));
    match edit.after() {
        None => found(operation, "multi-user authorization would be removed from the vault"),
        Some(after) if after.guard != before.guard => {
            let why = format!("the vault would be linked to another guard, '{}'", after.guard);
            found(operation, why)
        }
        Some(_) => Vec::new(),
    }
}
