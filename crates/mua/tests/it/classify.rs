//! What is critical, and what is not.

use mua::{CriticalOperation, classify};
use proptest::prelude::*;
use serde_json::{Value, json};
use vault::policy::mab_daily;
use vault::{
    BackupPolicy, Edit, Feature, FreeSettings, Freeze, Immutability, ProtectedItem, Protection,
    RepositoryCredential, RepositoryQuota, RepositoryRight, SoftDelete, Vault, VaultChange,
};

use crate::world::*;

fn operations(change: &VaultChange) -> Vec<CriticalOperation> {
    classify(change).into_iter().map(|finding| finding.operation).collect()
}

fn change_of(
    before: Option<ProtectedItem>,
    after: Option<ProtectedItem>,
    policies: (Option<BackupPolicy>, Option<BackupPolicy>),
) -> VaultChange {
    let edit = match (before, after) {
        (Some(before), Some(after)) => Edit::replace(before, after),
        (Some(before), None) => Edit::delete(before),
        (None, Some(after)) => Edit::create(after),
        (None, None) => panic!("nothing to nothing"),
    };
    VaultChange::item(&vault(), edit, policies.0, policies.1).unwrap()
}

#[test]
fn each_critical_step_is_its_operation_and_no_other() {
    for step in CRITICAL {
        assert_eq!(operations(&(step.change)()), [step.operation], "{}", step.name);
    }
}

#[test]
fn every_operation_on_vaults_has_a_step() {
    let stepped: Vec<CriticalOperation> = CRITICAL.iter().map(|step| step.operation).collect();
    for operation in CriticalOperation::ALL {
        let ours = operation.vault_kind() == mua::VaultKind::RecoveryServices;
        if ours {
            assert!(stepped.contains(operation), "{operation:?}");
        }
    }
}

#[test]
fn freezing_is_free_and_thawing_is_not_however_it_is_done() {
    let item = item(None, Protection::Protected);
    let freeze = VaultChange::freeze(item.clone(), Freeze { at: now(), why: vec!["test".into()] });
    assert_eq!(operations(&freeze), []);
    let vault::ChangeKind::Item(change) = freeze.kind() else { panic!("an item") };
    let frozen = change.edit().after().unwrap().clone();
    let thaws = [CriticalOperation::ModifyProtection];
    assert_eq!(operations(&VaultChange::thaw(frozen.clone()).unwrap()), thaws);
    assert_eq!(operations(&change_of(Some(frozen.clone()), Some(item), (None, None))), thaws);
    let renamed = ProtectedItem { friendly_name: "another".into(), ..frozen.clone() };
    assert_eq!(operations(&change_of(Some(frozen), Some(renamed), (None, None))), []);
}

fn credential() -> RepositoryCredential {
    RepositoryCredential {
        item: item(None, Protection::Stopped).id,
        previous: None,
        repository: "item".into(),
        right: RepositoryRight::default(),
        user_name: "c".into(),
        secret_hash: "00".into(),
        created: now(),
        created_by: "alice".into(),
    }
}

fn quota(limit: u64) -> RepositoryQuota {
    RepositoryQuota { limit, scope: item(None, Protection::Protected).id }
}

/// Contract 8.2: who needs what. These need nothing on the guard.
#[test]
fn what_does_not_weaken_is_not_critical() {
    let (p, q) = (policy("p", &mab_daily(30)), policy("q", &mab_daily(7)));
    let on = |policy: &BackupPolicy| item(Some(policy), Protection::Protected);
    let stopped = || item(None, Protection::Stopped);
    let gone = || deleted(on(&p), 14);
    let none = || (None, None);
    let free: Vec<(&str, VaultChange)> = vec![
        ("create a vault", VaultChange::vault(None, vault()).unwrap()),
        (
            "delete an empty vault with its policies and its guard",
            VaultChange::delete_vault(vault(), &[], &[], vec![p.clone()], Some(proxy(GUARD))).unwrap(),
        ),
        ("create a weak policy", VaultChange::policy(&vault(), None, q.clone()).unwrap()),
        ("delete an unused policy", VaultChange::delete_policy(p.clone(), &[]).unwrap()),
        ("write the same policy again", VaultChange::policy(&vault(), Some(p.clone()), p.clone()).unwrap()),
        ("protect", change_of(None, Some(on(&q)), (None, Some(q.clone())))),
        ("give an item its first policy", change_of(Some(stopped()), Some(on(&q)), (None, Some(q.clone())))),
        ("resume", change_of(Some(stopped()), Some(on(&p)), (None, Some(p.clone())))),
        ("undelete", change_of(Some(gone()), Some(stopped()), (Some(p.clone()), None))),
        (
            "undelete with another policy",
            change_of(Some(gone()), Some(on(&q)), (Some(p.clone()), Some(q.clone()))),
        ),
        ("undelete and protect", change_of(Some(gone()), Some(on(&p)), (Some(p.clone()), Some(p.clone())))),
        (
            "keep a deleted item longer",
            change_of(Some(gone()), Some(deleted(on(&p), 15)), (Some(p.clone()), Some(p.clone()))),
        ),
        ("link a guard", VaultChange::link(None, proxy(GUARD))),
        ("a recovery point arrives", VaultChange::recovery_point(point())),
        ("issue a credential", VaultChange::credential(credential())),
        ("give a credential another secret", VaultChange::rotate(credential(), "11".into(), now())),
        ("raise a quota", VaultChange::quota(Some(quota(5)), quota(6))),
        ("set the same quota", VaultChange::quota(Some(quota(5)), quota(5))),
        ("remove a quota", VaultChange::remove_quota(quota(5))),
        ("nothing", change_of(Some(stopped()), Some(stopped()), none())),
    ];
    for (what, change) in free {
        assert_eq!(operations(&change), [], "{what}");
    }
}

#[test]
fn what_weakens_an_item_is_critical_each_in_its_own_way() {
    let p = policy("p", &mab_daily(30));
    let on = |protection| item(Some(&p), protection);
    let bare = |protection| item(None, protection);
    let mut other = on(Protection::Protected);
    other.short = "another".into();
    let all = || (Some(p.clone()), Some(p.clone()));
    let losing = || (Some(p.clone()), None);
    let stop = CriticalOperation::StopProtection;
    let table: Vec<(&str, VaultChange, Vec<CriticalOperation>)> = vec![
        ("set a quota", VaultChange::quota(None, quota(5)), vec![stop]),
        ("lower a quota", VaultChange::quota(Some(quota(5)), quota(4)), vec![stop]),
        (
            "suspend",
            change_of(Some(on(Protection::Protected)), Some(on(Protection::Suspended)), all()),
            vec![stop],
        ),
        (
            "stop what was suspended",
            change_of(Some(on(Protection::Suspended)), Some(bare(Protection::Stopped)), losing()),
            vec![stop],
        ),
        (
            "take the policy away while backups go on",
            change_of(Some(on(Protection::Protected)), Some(bare(Protection::Protected)), losing()),
            vec![CriticalOperation::ModifyProtection],
        ),
        (
            "a policy that cannot be read any more",
            change_of(
                Some(on(Protection::Protected)),
                Some(item(Some(&policy("q", &mab_daily(30))), Protection::Protected)),
                (None, Some(policy("q", &mab_daily(30)))),
            ),
            vec![CriticalOperation::ModifyProtection],
        ),
        (
            "become another item",
            change_of(Some(on(Protection::Protected)), Some(other), all()),
            vec![CriticalOperation::DeleteProtection],
        ),
        (
            "keep a deleted item for less long",
            change_of(
                Some(deleted(on(Protection::Stopped), 14)),
                Some(deleted(on(Protection::Stopped), 13)),
                all(),
            ),
            vec![CriticalOperation::DeleteProtection],
        ),
        (
            "delete for good",
            change_of(Some(on(Protection::Protected)), None, (Some(p.clone()), None)),
            vec![CriticalOperation::DeleteProtection],
        ),
    ];
    for (what, change, expected) in table {
        assert_eq!(operations(&change), expected, "{what}");
    }
}

fn features() -> impl Strategy<Value = Feature> {
    prop::sample::select(vec![Feature::Disabled, Feature::Enabled, Feature::AlwaysOn])
}

fn vaults() -> impl Strategy<Value = Vault> {
    let immutability =
        prop::sample::select(vec![Immutability::Disabled, Immutability::Unlocked, Immutability::Locked]);
    let key = |uri: &str| Some(json!({"keyVaultProperties": {"keyUri": uri}}));
    let encryption = prop::sample::select(vec![None::<Value>, key("https://k/1"), key("https://k/2")]);
    let parts = (features(), SoftDelete::DAYS, features(), immutability, encryption, ".{0,8}");
    parts.prop_map(|(state, retention_days, enhanced, immutability, encryption, tag)| Vault {
        soft_delete: SoftDelete { state, retention_days },
        enhanced_security: enhanced,
        immutability,
        encryption,
        free: FreeSettings { tags: [("tag".to_string(), tag)].into(), ..FreeSettings::default() },
        ..vault()
    })
}

/// Each security field of a vault: its operation, and whether it falls between two states. For encryption, any
/// difference counts.
fn falls(before: &Vault, after: &Vault) -> Vec<CriticalOperation> {
    let soft_delete = after.soft_delete.state < before.soft_delete.state
        || after.soft_delete.retention_days < before.soft_delete.retention_days
        || after.enhanced_security < before.enhanced_security;
    let checks = [
        (CriticalOperation::DisableSoftDelete, soft_delete),
        (CriticalOperation::ReduceImmutability, after.immutability < before.immutability),
        (CriticalOperation::ModifyEncryption, after.encryption != before.encryption),
    ];
    checks.into_iter().filter(|(_, falls)| *falls).map(|(operation, _)| operation).collect()
}

proptest! {
    #[test]
    fn whatever_falls_is_classified_and_nothing_else(before in vaults(), after in vaults()) {
        let expected = falls(&before, &after);
        match VaultChange::vault(Some(before), after) {
            Ok(change) => prop_assert_eq!(operations(&change), expected),
            // A step down from a one-way setting does not even become a change.
            Err(_) => prop_assert!(!expected.is_empty()),
        }
    }

    #[test]
    fn strengthening_is_never_classified(a in vaults(), b in vaults()) {
        let mut after = b.clone();
        after.soft_delete.state = a.soft_delete.state.max(b.soft_delete.state);
        after.soft_delete.retention_days = a.soft_delete.retention_days.max(b.soft_delete.retention_days);
        after.enhanced_security = a.enhanced_security.max(b.enhanced_security);
        after.immutability = a.immutability.max(b.immutability);
        after.encryption = a.encryption.clone();
        let change = VaultChange::vault(Some(a), after).unwrap();
        prop_assert_eq!(operations(&change), []);
    }

    #[test]
    fn whatever_takes_an_item_a_step_down_is_classified(
        from in 0..3_usize, to in 0..3_usize, was_deleted: bool, is_deleted: bool,
    ) {
        let levels = [Protection::Stopped, Protection::Suspended, Protection::Protected];
        let make = |level: usize, gone: bool| {
            let item = item(None, levels[level]);
            if gone { deleted(item, 14) } else { item }
        };
        let change = change_of(Some(make(from, was_deleted)), Some(make(to, is_deleted)), (None, None));
        let found = operations(&change);
        prop_assert_eq!(
            found.contains(&CriticalOperation::DeleteProtection),
            !was_deleted && is_deleted
        );
        prop_assert_eq!(
            found.contains(&CriticalOperation::StopProtection),
            // Both ways of stopping, also one after the other; going on is free.
            to != from && levels[to] != Protection::Protected && !was_deleted && !is_deleted
        );
    }
}
