//! A vault, a guard, and people who may or may not consent.

use std::collections::BTreeSet;

use arm::{ObjectId, Region, ResourceId, TenantId};
use jiff::{SignedDuration, Timestamp};
use mua::{
    Caller, Clearance, CriticalOperation, GuardAnswer, GuardQuestion, Presented, Refusal, ResourceGuard,
    Right, Unlock, UnlockRequest, VaultKind,
};
use serde_json::{Value, json};
use uuid::Uuid;
use vault::policy::{PolicyBody, mab_daily};
use vault::{
    BackupPolicy, Container, Deletion, Edit, Feature, FreeSettings, GuardProxy, Immutability, ProtectedItem,
    Protection, RecoveryPoint, SecurityPin, SoftDelete, Stamp, Vault, VaultChange,
};

pub const VAULT: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v";
pub const GUARD: &str = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/sec/providers/Microsoft.DataProtection/resourceGuards/g";
pub const OTHER_GUARD: &str = "/subscriptions/22222222-2222-4222-8222-222222222222/resourceGroups/sec/providers/Microsoft.DataProtection/resourceGuards/other";

/// Who may have the right to consent. Alice acts; her guest account is known in the guard's tenant; Mallory is another.
pub const ALICE: u128 = 0xa1;
pub const ALICE_GUEST: u128 = 0xa2;
pub const MALLORY: u128 = 0x3a;

pub fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

pub fn below(parent: &str, rest: &str) -> ResourceId {
    id(parent).child(rest).unwrap()
}

pub fn now() -> Timestamp {
    "2026-02-11T09:00:00Z".parse().unwrap()
}

pub fn caller(object: u128) -> Caller {
    let home = object == ALICE || object == MALLORY;
    Caller {
        tenant: TenantId(Uuid::from_u128(if home { 1 } else { 2 })),
        object: ObjectId(Uuid::from_u128(object)),
        person: if object == MALLORY { "mallory" } else { "alice" }.into(),
    }
}

pub fn stamp() -> Stamp {
    Stamp { by: "alice@contoso.example".into(), kind: "User".into(), at: now() }
}

pub fn vault() -> Vault {
    Vault {
        id: id(VAULT),
        short: "short".into(),
        location: Region::parse("westeurope").unwrap(),
        soft_delete: SoftDelete { state: Feature::Enabled, retention_days: 30 },
        enhanced_security: Feature::Enabled,
        immutability: Immutability::Disabled,
        encryption: Some(json!({"keyVaultProperties": {"keyUri": "https://keys.example/1"}})),
        free: FreeSettings::default(),
        created: stamp(),
        modified: stamp(),
    }
}

pub fn policy(name: &str, body: &Value) -> BackupPolicy {
    BackupPolicy {
        id: below(VAULT, &format!("backupPolicies/{name}")),
        body: PolicyBody::parse(body).unwrap(),
    }
}

pub fn item(policy: Option<&BackupPolicy>, protection: Protection) -> ProtectedItem {
    let name = "backupFabrics/Azure/protectionContainers/Windows;host/protectedItems/FileFolder;data";
    ProtectedItem {
        standstill: None,
        id: below(VAULT, name),
        short: "item".into(),
        item_type: "MabFileFolderProtectedItem".into(),
        friendly_name: "data".into(),
        source: None,
        policy: policy.map(|policy| policy.id.clone()),
        protection,
        deletion: None,
        frozen: None,
        instance: None,
        created: now(),
    }
}

pub fn deleted(mut item: ProtectedItem, days: i64) -> ProtectedItem {
    item.deletion = Some(Deletion {
        at: now(),
        until: now() + SignedDuration::from_hours(24 * days),
        by: "alice".into(),
    });
    item
}

pub fn proxy(guard: &str) -> GuardProxy {
    GuardProxy { id: below(VAULT, "backupResourceGuardProxies/VaultProxy"), guard: id(guard), updated: now() }
}

pub fn guard(exempt: impl IntoIterator<Item = CriticalOperation>) -> ResourceGuard {
    ResourceGuard {
        id: id(GUARD),
        location: Region::parse("westeurope").unwrap(),
        tags: Default::default(),
        description: Some("Ask sam@fabsec.example".into()),
        exempt: exempt.into_iter().collect(),
        exempt_names: Default::default(),
        created: stamp(),
        modified: stamp(),
    }
}

/// The change of the vault's settings that `with` makes.
pub fn settings(from: Vault, with: impl FnOnce(&mut Vault)) -> VaultChange {
    let mut after = from.clone();
    with(&mut after);
    VaultChange::vault(Some(from), after).unwrap()
}

/// One step that the backup admin may try, and what it amounts to.
pub struct Step {
    pub name: &'static str,
    pub operation: CriticalOperation,
    pub change: fn() -> VaultChange,
}

/// Every critical operation that is a change of a vault.
pub const CRITICAL: &[Step] = &[
    Step {
        name: "disable soft delete",
        operation: CriticalOperation::DisableSoftDelete,
        change: || settings(vault(), |vault| vault.soft_delete.state = Feature::Disabled),
    },
    Step {
        name: "shorten the soft-delete period",
        operation: CriticalOperation::DisableSoftDelete,
        change: || settings(vault(), |vault| vault.soft_delete.retention_days = 29),
    },
    Step {
        name: "disable the security features",
        operation: CriticalOperation::DisableSoftDelete,
        change: || settings(vault(), |vault| vault.enhanced_security = Feature::Disabled),
    },
    Step {
        name: "disable immutability",
        operation: CriticalOperation::ReduceImmutability,
        change: || {
            let mut from = vault();
            from.immutability = Immutability::Unlocked;
            settings(from, |vault| vault.immutability = Immutability::Disabled)
        },
    },
    Step {
        name: "change the key",
        operation: CriticalOperation::ModifyEncryption,
        change: || settings(vault(), |vault| vault.encryption = None),
    },
    Step {
        name: "weaken a policy",
        operation: CriticalOperation::ModifyPolicy,
        change: || {
            let (long, short) = (policy("p", &mab_daily(30)), policy("p", &mab_daily(7)));
            VaultChange::policy(&vault(), Some(long), short).unwrap()
        },
    },
    Step {
        name: "move an item to a weaker policy",
        operation: CriticalOperation::ModifyProtection,
        change: || {
            let (long, short) = (policy("long", &mab_daily(30)), policy("short", &mab_daily(7)));
            let before = item(Some(&long), Protection::Protected);
            let after = item(Some(&short), Protection::Protected);
            VaultChange::item(&vault(), Edit::replace(before, after), Some(long), Some(short)).unwrap()
        },
    },
    Step {
        name: "stop backups and keep the data",
        operation: CriticalOperation::StopProtection,
        change: || {
            let policy = policy("p", &mab_daily(30));
            let before = item(Some(&policy), Protection::Protected);
            let after = item(None, Protection::Stopped);
            VaultChange::item(&vault(), Edit::replace(before, after), Some(policy), None).unwrap()
        },
    },
    Step {
        name: "delete an item",
        operation: CriticalOperation::DeleteProtection,
        change: || delete_item(item(None, Protection::Protected)),
    },
    Step {
        name: "purge an item",
        operation: CriticalOperation::DeleteProtection,
        change: || {
            let edit = Edit::delete(deleted(item(None, Protection::Stopped), 14));
            VaultChange::item(&vault(), edit, None, None).unwrap()
        },
    },
    Step {
        name: "remove MUA",
        operation: CriticalOperation::RemoveMua,
        change: || VaultChange::unlink(proxy(GUARD)),
    },
    Step {
        name: "link another guard",
        operation: CriticalOperation::RemoveMua,
        change: || VaultChange::link(Some(proxy(GUARD)), proxy(OTHER_GUARD)),
    },
    Step {
        name: "get a security PIN",
        operation: CriticalOperation::SecurityPin,
        change: || VaultChange::issue_pin(None, pin(SecurityPin::TRIES, "hash")),
    },
    Step {
        name: "restore a recovery point",
        operation: CriticalOperation::Restore,
        change: || VaultChange::restore(&item(None, Protection::Protected), &point()),
    },
    Step {
        name: "delete a registered server",
        operation: CriticalOperation::DeleteServer,
        change: || {
            let items = vec![item(None, Protection::Protected)];
            VaultChange::unregister(&vault(), server(), items, None).unwrap()
        },
    },
    Step {
        name: "delete a registered server without items",
        operation: CriticalOperation::DeleteServer,
        change: || VaultChange::unregister(&vault(), server(), Vec::new(), None).unwrap(),
    },
];

pub fn pin(tries_left: u8, hash: &str) -> SecurityPin {
    SecurityPin {
        expires: SecurityPin::expiry(now()),
        hash: hash.into(),
        issued: now(),
        issued_by: "alice".into(),
        token: "t".into(),
        tries_left,
        vault: id(VAULT),
    }
}

pub fn point() -> RecoveryPoint {
    let item = item(None, Protection::Protected);
    RecoveryPoint {
        label: None,
        at: now(),
        id: item.id.child("recoveryPoints/a1").unwrap(),
        policy: None,
        repository: item.short,
        retain_until: None,
        snapshot: "a1".into(),
        written_by: "client".into(),
    }
}

pub fn server() -> Container {
    Container {
        backup_management_type: "MAB".into(),
        container_type: "Windows".into(),
        friendly_name: "host".into(),
        id: below(VAULT, "backupFabrics/Azure/protectionContainers/Windows;host"),
        registered: now(),
    }
}

pub fn delete_item(item: ProtectedItem) -> VaultChange {
    VaultChange::item(&vault(), Edit::replace(item.clone(), deleted(item, 14)), None, None).unwrap()
}

/// The guard's side, and who may consent there now.
pub struct World {
    pub guard: Option<ResourceGuard>,
    pub operators: BTreeSet<u128>,
}

impl World {
    pub fn new(operators: impl IntoIterator<Item = u128>) -> Self {
        Self { guard: Some(guard([])), operators: operators.into_iter().collect() }
    }

    pub fn answer(&self, question: &GuardQuestion) -> GuardAnswer {
        mua::answer(self.guard.as_ref(), question, |holder, action| {
            assert!(action.ends_with("/action"), "{action}");
            let holds = self.operators.contains(&holder.object.0.as_u128());
            holds.then(|| right(holder))
        })
    }

    /// Decides a change of the guarded vault by Alice, who has a token of each tenant.
    pub fn clear(
        &self,
        change: VaultChange,
        requests: &[ResourceId],
        unlocks: &[Unlock],
    ) -> Result<Clearance, Refusal> {
        self.clear_as(&[caller(ALICE), caller(ALICE_GUEST)], change, requests, unlocks, now())
    }

    pub fn clear_as(
        &self,
        callers: &[Caller],
        change: VaultChange,
        requests: &[ResourceId],
        unlocks: &[Unlock],
        at: Timestamp,
    ) -> Result<Clearance, Refusal> {
        let presented = Presented { callers, requests, unlocks };
        let ask = |question: &GuardQuestion| self.answer(question);
        let link = proxy(GUARD);
        mua::clear(change, VaultKind::RecoveryServices, Some(&link), &presented, &ask, at).unwrap()
    }

    pub fn unlock(
        &self,
        requests: &[ResourceId],
        target: Option<&ResourceId>,
    ) -> arm::Result<Result<Unlock, Refusal>> {
        self.unlock_as(&[caller(ALICE), caller(ALICE_GUEST)], requests, target)
    }

    pub fn unlock_as(
        &self,
        callers: &[Caller],
        requests: &[ResourceId],
        target: Option<&ResourceId>,
    ) -> arm::Result<Result<Unlock, Refusal>> {
        let request = UnlockRequest {
            vault: &id(VAULT),
            kind: VaultKind::RecoveryServices,
            proxy: &proxy(GUARD).id,
            guard: &id(GUARD),
            requests,
            target,
            callers,
        };
        mua::unlock(&request, &|question| self.answer(question), now())
    }
}

pub fn right(holder: &Caller) -> Right {
    let assignment = format!("providers/Microsoft.Authorization/roleAssignments/{}", holder.object);
    Right { assignment: below(GUARD, &assignment), until: Some(now() + SignedDuration::from_hours(1)) }
}

/// `<guard>/<kind>/default`
pub fn request(operation: CriticalOperation) -> ResourceId {
    ResourceGuard::default_request(&id(GUARD), operation).unwrap()
}
