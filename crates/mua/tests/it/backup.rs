//! Backup vaults: the same steps down have names of their own there (contract 2.5).

use mua::{CriticalOperation, VaultKind, classify};
use serde_json::json;
use vault::policy::PolicyBody;
use vault::{
    BackupPolicy, Edit, Feature, GuardProxy, Immutability, Instance, ProtectedItem, Protection,
    RecoveryPoint, Vault, VaultChange,
};

use crate::world::{self, GUARD, OTHER_GUARD, Step, below, id};

const VAULT: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/microsoft.dataprotection/BACKUPVAULTS/v";

fn vault() -> Vault {
    Vault { id: id(VAULT), immutability: Immutability::Disabled, ..world::vault() }
}

fn policy(name: &str, days: u32) -> BackupPolicy {
    let body = json!({"objectType": "BackupPolicy", "datasourceTypes": ["Microsoft.Compute/disks"], "policyRules": [
        {"objectType": "AzureRetentionRule", "name": "Default", "isDefault": true, "lifecycles": [{
            "sourceDataStore": {"objectType": "DataStoreInfoBase", "dataStoreType": "OperationalStore"},
            "deleteAfter": {"objectType": "AbsoluteDeleteOption", "duration": format!("P{days}D")}}]}]});
    BackupPolicy {
        id: below(VAULT, &format!("backupPolicies/{name}")),
        body: PolicyBody::parse(&body).unwrap(),
    }
}

fn instance(policy: &BackupPolicy) -> ProtectedItem {
    ProtectedItem {
        standstill: None,
        id: below(VAULT, "backupInstances/disk1"),
        item_type: "Microsoft.Compute/disks".into(),
        instance: Some(Instance {
            data_source: json!({"resourceID": "/disks/1"}),
            free: Default::default(),
            parameters: None,
            tags: Default::default(),
        }),
        ..world::item(Some(policy), Protection::Protected)
    }
}

fn settings(with: fn(&mut Vault)) -> VaultChange {
    let from = Vault { immutability: Immutability::Unlocked, ..vault() };
    let mut after = from.clone();
    with(&mut after);
    VaultChange::vault(Some(from), after).unwrap()
}

fn change(with: impl FnOnce(&mut ProtectedItem)) -> VaultChange {
    let long = policy("long", 30);
    let before = instance(&long);
    let mut after = before.clone();
    with(&mut after);
    let short = policy("short", 7);
    let next = if after.policy.as_ref() == Some(&short.id) { short } else { long.clone() };
    VaultChange::item(&vault(), Edit::replace(before, after), Some(long), Some(next)).unwrap()
}

fn proxy(guard: &str) -> GuardProxy {
    let id = below(VAULT, &format!("backupResourceGuardProxies/{}", VaultKind::Backup.proxy_name()));
    GuardProxy { id, ..world::proxy(guard) }
}

const CRITICAL: &[Step] = &[
    Step {
        name: "disable soft delete",
        operation: CriticalOperation::ReduceSoftDelete,
        change: || settings(|vault| vault.soft_delete.state = Feature::Disabled),
    },
    Step {
        name: "shorten the soft-delete period",
        operation: CriticalOperation::ReduceSoftDelete,
        change: || settings(|vault| vault.soft_delete.retention_days = 29),
    },
    Step {
        name: "disable immutability",
        operation: CriticalOperation::ReduceBackupImmutability,
        change: || settings(|vault| vault.immutability = Immutability::Disabled),
    },
    Step {
        name: "change the key",
        operation: CriticalOperation::ModifyBackupEncryption,
        change: || settings(|vault| vault.encryption = None),
    },
    Step {
        name: "weaken a policy",
        operation: CriticalOperation::ModifyInstance,
        change: || VaultChange::policy(&vault(), Some(policy("p", 30)), policy("p", 7)).unwrap(),
    },
    Step {
        name: "move an instance to a weaker policy",
        operation: CriticalOperation::ModifyInstance,
        change: || change(|instance| instance.policy = Some(policy("short", 7).id)),
    },
    Step {
        name: "apply the policy to other parts",
        operation: CriticalOperation::ModifyInstance,
        change: || {
            change(|it| it.instance.as_mut().unwrap().parameters = Some(json!({"containersList": []})))
        },
    },
    Step {
        name: "make it another disk's",
        operation: CriticalOperation::DeleteInstance,
        change: || change(|it| it.instance.as_mut().unwrap().data_source = json!({"resourceID": "/disks/2"})),
    },
    Step {
        name: "stop and keep for ever",
        operation: CriticalOperation::StopInstance,
        change: || change(|instance| instance.protection = Protection::Stopped),
    },
    Step {
        name: "stop and keep as the policy says",
        operation: CriticalOperation::SuspendInstance,
        change: || change(|instance| instance.protection = Protection::Suspended),
    },
    Step {
        name: "delete",
        operation: CriticalOperation::DeleteInstance,
        change: || {
            let before = instance(&policy("p", 30));
            let after = world::deleted(before.clone(), 14);
            VaultChange::item(&vault(), Edit::replace(before, after), None, None).unwrap()
        },
    },
    Step {
        name: "purge",
        operation: CriticalOperation::DeleteInstance,
        change: || {
            let gone = world::deleted(instance(&policy("p", 30)), 14);
            VaultChange::item(&vault(), Edit::delete(gone), None, None).unwrap()
        },
    },
    Step {
        name: "restore",
        operation: CriticalOperation::RestoreInstance,
        change: || {
            let instance = instance(&policy("p", 30));
            let point = RecoveryPoint {
                label: None,
                id: instance.id.child("recoveryPoints/1").unwrap(),
                repository: instance.short.clone(),
                at: world::now(),
                retain_until: None,
                snapshot: "00".into(),
                written_by: "c".into(),
                policy: None,
            };
            VaultChange::restore(&instance, &point)
        },
    },
    Step {
        name: "remove MUA",
        operation: CriticalOperation::RemoveBackupMua,
        change: || VaultChange::unlink(proxy(GUARD)),
    },
    Step {
        name: "link another guard",
        operation: CriticalOperation::RemoveBackupMua,
        change: || VaultChange::link(Some(proxy(GUARD)), proxy(OTHER_GUARD)),
    },
];

#[test]
fn each_critical_step_is_its_operation_and_no_other() {
    for step in CRITICAL {
        let found: Vec<_> = classify(&(step.change)()).into_iter().map(|finding| finding.operation).collect();
        assert_eq!(found, [step.operation], "{}", step.name);
    }
}

#[test]
fn every_operation_has_a_step() {
    for operation in CriticalOperation::ALL {
        if operation.vault_kind() == VaultKind::Backup {
            assert!(CRITICAL.iter().any(|step| step.operation == *operation), "{operation:?}");
        }
    }
}

#[test]
fn what_does_not_weaken_is_free() {
    let (long, short) = (policy("long", 30), policy("short", 7));
    let resumes = || {
        let before = ProtectedItem { protection: Protection::Stopped, ..instance(&long) };
        let edit = Edit::replace(before, instance(&long));
        VaultChange::item(&vault(), edit, Some(long.clone()), Some(long.clone())).unwrap()
    };
    let undeletes = || {
        let before = world::deleted(instance(&long), 14);
        let after = ProtectedItem { protection: Protection::Stopped, ..instance(&long) };
        VaultChange::item(&vault(), Edit::replace(before, after), None, None).unwrap()
    };
    let strengthens = || {
        let edit = Edit::replace(instance(&short), instance(&long));
        VaultChange::item(&vault(), edit, Some(short.clone()), Some(long.clone())).unwrap()
    };
    let renames = || {
        change(|it| {
            it.friendly_name = "other".into();
            let instance = it.instance.as_mut().unwrap();
            instance.tags.insert("a".into(), "b".into());
            instance.free.insert("validationType".into(), json!("DeepValidation"));
        })
    };
    let removal = || VaultChange::delete_vault(vault(), &[], &[], vec![long.clone()], Some(proxy(GUARD)));
    for (what, free) in [
        (
            "protect",
            VaultChange::item(&vault(), Edit::create(instance(&short)), None, Some(short.clone())).unwrap(),
        ),
        ("resume", resumes()),
        ("undelete", undeletes()),
        ("a stronger policy", strengthens()),
        ("names and tags", renames()),
        ("create a weak policy", VaultChange::policy(&vault(), None, short.clone()).unwrap()),
        (
            "strengthen a policy",
            VaultChange::policy(&vault(), Some(policy("p", 7)), policy("p", 30)).unwrap(),
        ),
        ("link", VaultChange::link(None, proxy(GUARD))),
        ("the end of an empty vault", removal().unwrap()),
        ("always on", settings(|vault| vault.soft_delete.state = Feature::AlwaysOn)),
        ("locked", settings(|vault| vault.immutability = Immutability::Locked)),
    ] {
        assert_eq!(classify(&free), [], "{what}");
    }
}

#[test]
fn a_policy_belongs_to_its_kind_of_vault() {
    let other = world::policy("p", &vault::policy::mab_daily(30));
    let refused = VaultChange::policy(&vault(), None, other).unwrap_err();
    assert_eq!(refused.code, "BMSUserErrorInvalidPolicyInput");
    let refused = VaultChange::policy(&world::vault(), None, policy("p", 30)).unwrap_err();
    assert_eq!(refused.code, "BMSUserErrorInvalidPolicyInput");
}
