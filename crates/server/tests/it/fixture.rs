//! A vault with policies, seeded through the store's door, and a guard in the other tenant to link it to.

use std::collections::{BTreeMap, BTreeSet};

use arm::{ObjectId, Region, ResourceId, RoleId, SubscriptionId};
use jiff::{SignedDuration, Timestamp};
use mua::{CriticalOperation, GuardAnswer, Presented, ResourceGuard, Unlock, VaultKind};
use rbac::{Assignment, PrincipalKind, role_ids};
use resources::ResourceGroup;
use serde_json::{Value, json};
use store::Transaction;
use vault::policy::PolicyBody;
use vault::{
    BackupPolicy, Feature, FreeSettings, GuardProxy, Immutability, RecoveryPoint, SoftDelete, Stamp, Vault,
    VaultChange,
};

use crate::harness::{ALICE, ALICE_GUEST, Answer, BACKUP_SUB, Caller, Harness, SECURITY_SUB};

pub const FILES: &str =
    "backupFabrics/Azure/protectionContainers/Windows;srv01/protectedItems/FileFolder;data";
pub const SERVER: &str = "backupFabrics/Azure/protectionContainers/Windows;srv01";
pub const MACHINE: &str = "backupFabrics/Azure/protectionContainers/IaasVMContainer;iaasvmcontainerv2;rg;vm1/protectedItems/VM;iaasvmcontainerv2;rg;vm1";

/// A server with the vault `v1` and, without any right of Alice's on it, the guard `g1`.
pub struct Fixture {
    pub server: Harness,
}

impl Fixture {
    pub async fn start() -> Self {
        let fixture = Self { server: Harness::start().await };
        fixture.add_vault("v1");
        fixture
    }

    pub fn add_vault(&self, name: &str) {
        let vault = self.vault_document(name);
        self.server.seed(|tx| {
            tx.put(&ResourceGroup { id: group(BACKUP_SUB), location: westeurope(), tags: BTreeMap::new() })?;
            apply(tx, VaultChange::vault(None, vault.clone())?)?;
            for (name, body) in policies() {
                let policy = BackupPolicy {
                    id: vault.id.child(&format!("backupPolicies/{name}"))?,
                    body: PolicyBody::parse(&body)?,
                };
                apply(tx, VaultChange::policy(&vault, None, policy)?)?;
            }
            Ok(())
        });
    }

    /// Changes the settings of the vault `v1`, as if nobody had to consent.
    pub fn set_vault(&self, change: impl Fn(&mut Vault)) {
        self.server.seed(|tx| {
            let before: Vault = tx.resource(&vault_id("v1"))?.unwrap();
            let mut after = before.clone();
            change(&mut after);
            apply(tx, VaultChange::vault(Some(before), after)?)
        });
    }

    fn vault_document(&self, name: &str) -> Vault {
        let stamp = stamp(self.server.now());
        Vault {
            id: vault_id(name),
            short: format!("short{name}"),
            location: westeurope(),
            soft_delete: SoftDelete { state: Feature::Enabled, retention_days: 14 },
            enhanced_security: Feature::Enabled,
            immutability: Immutability::Disabled,
            encryption: None,
            free: FreeSettings::default(),
            created: stamp.clone(),
            modified: stamp,
        }
    }

    /// Links `v1` to the guard `g1`, which exempts nothing.
    pub fn link_guard(&self) {
        let now = self.server.now();
        self.server.seed(|tx| {
            tx.put(&ResourceGuard {
                id: guard_id(),
                location: westeurope(),
                tags: BTreeMap::new(),
                description: Some("ask sam@fabsec.example".into()),
                exempt: BTreeSet::new(),
                exempt_names: Default::default(),
                created: stamp(now),
                modified: stamp(now),
            })?;
            let proxy = GuardProxy {
                id: vault_id("v1").child("backupResourceGuardProxies/VaultProxy")?,
                guard: guard_id(),
                updated: now,
            };
            apply(tx, VaultChange::link(None, proxy))
        });
    }

    /// What a security admin's approval comes to: Alice may act on the guard now.
    pub fn consent(&self) -> String {
        self.grant(ALICE_GUEST, role_ids::BACKUP_MUA_OPERATOR, &guard_id())
    }

    /// Returns the assignment, for [`Harness::revoke`].
    pub fn grant(&self, who: ObjectId, role: RoleId, scope: &ResourceId) -> String {
        let id =
            scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{}", who.0)).unwrap();
        self.server
            .seed(|tx| tx.put(&Assignment::new(id.clone(), scope.clone(), role, who, PrincipalKind::User)));
        id.folded().to_string()
    }

    /// What `unlockDelete` leaves behind for Alice.
    pub fn unlock(&self, operation: CriticalOperation, below: &str) {
        let access = self.server.running.app().store.transact(|tx| tx.access()).unwrap();
        let person = |who| access.principal(who).unwrap().person.unwrap().to_string();
        let caller = |who: ObjectId| mua::Caller {
            tenant: access.principal(who).unwrap().tenant,
            object: who,
            person: person(who),
        };
        let unlock = Unlock {
            vault: vault_id("v1"),
            operation,
            target: vault_id("v1").child(below).unwrap(),
            caller: caller(ALICE),
            holder: caller(ALICE_GUEST),
            guard: guard_id(),
            expires: self.server.now() + SignedDuration::from_mins(30),
        };
        self.server.seed(|tx| tx.put(&unlock));
    }

    /// What a snapshot that arrives leaves behind.
    pub fn arrive(&self, below: &str, name: &str, at: Timestamp) {
        self.server.seed(|tx| {
            let item = vault_id("v1").child(below)?;
            let point = RecoveryPoint {
                label: None,
                id: item.child(&format!("recoveryPoints/{name}"))?,
                repository: tx.resource::<vault::ProtectedItem>(&item)?.unwrap().short,
                at,
                retain_until: Some(at + SignedDuration::from_hours(720)),
                snapshot: format!("{name:f<64}"),
                written_by: "client".into(),
                policy: None,
            };
            apply(tx, VaultChange::recovery_point(point))
        });
    }

    pub fn alice(&self) -> Caller<'_> {
        self.server.as_(ALICE)
    }

    /// Alice with the token of the guard's tenant besides her own.
    pub fn alice_with_guest_token(&self) -> Caller<'_> {
        self.server.as_(ALICE).with(ALICE_GUEST)
    }

    /// Registers `srv01` and protects its folder with the policy `Files30`.
    pub async fn protect_files(&self) -> Value {
        self.alice().put(&at(SERVER), json!({"properties": {}})).await.expect(200);
        self.put_item(FILES, json!({"policyId": at("backupPolicies/Files30")})).await.expect(202);
        self.item(FILES).await
    }

    /// PUTs an item of files with these properties.
    pub async fn put_item(&self, below: &str, mut properties: Value) -> Answer {
        properties["protectedItemType"] = json!("MabFileFolderProtectedItem");
        self.alice().put(&at(below), json!({"properties": properties})).await
    }

    pub async fn item(&self, below: &str) -> Value {
        self.alice().get(&at(below)).await.expect(200)
    }

    /// The refusals in the ledger: operation and target.
    pub fn refusals(&self) -> Vec<(String, String)> {
        self.server
            .ledger()
            .into_iter()
            .filter(|entry| entry.verdict == ledger::Verdict::Refused)
            .map(|entry| (entry.operation, entry.target))
            .collect()
    }
}

/// The address of something below the vault `v1`.
pub fn at(below: &str) -> String {
    in_vault("v1", below)
}

pub fn in_vault(vault: &str, below: &str) -> String {
    match below {
        "" => vault_id(vault).to_string(),
        below => format!("{}/{below}", vault_id(vault)),
    }
}

/// The guard request that consents to an operation.
pub fn guard_request(operation: CriticalOperation) -> String {
    format!("{}/{}/default", guard_id(), operation.request_kind())
}

pub fn vault_id(name: &str) -> ResourceId {
    group(BACKUP_SUB).child(&format!("providers/Microsoft.RecoveryServices/vaults/{name}")).unwrap()
}

pub fn guard_id() -> ResourceId {
    group(SECURITY_SUB).child("providers/Microsoft.DataProtection/resourceGuards/g1").unwrap()
}

pub fn group(subscription: SubscriptionId) -> ResourceId {
    ResourceId::subscription(subscription).child("resourceGroups/rg").unwrap()
}

/// Files of a server, daily, kept for so many days.
pub fn files_policy(days: u32) -> Value {
    json!({
        "backupManagementType": "MAB",
        "schedulePolicy": {
            "schedulePolicyType": "SimpleSchedulePolicy",
            "scheduleRunFrequency": "Daily",
            "scheduleRunTimes": ["2026-01-01T02:00:00Z"],
            "scheduleWeeklyFrequency": 0,
        },
        "retentionPolicy": {
            "retentionPolicyType": "LongTermRetentionPolicy",
            "dailySchedule": {
                "retentionTimes": ["2026-01-01T02:00:00Z"],
                "retentionDuration": {"count": days, "durationType": "Days"},
            },
        },
    })
}

/// A virtual machine, daily, kept for so many days.
pub fn machine_policy(days: u32) -> Value {
    let mut body = files_policy(days);
    body["backupManagementType"] = json!("AzureIaasVM");
    body["policyType"] = json!("V1");
    body["instantRpRetentionRangeInDays"] = json!(2);
    body["timeZone"] = json!("UTC");
    body
}

fn policies() -> Vec<(&'static str, Value)> {
    vec![("DefaultPolicy", machine_policy(30)), ("Files30", files_policy(30)), ("Files7", files_policy(7))]
}

/// Applies a change to a vault without a guard, which needs no consent.
pub fn apply(tx: &mut Transaction, change: VaultChange) -> arm::Result<()> {
    let presented = Presented { callers: &[], requests: &[], unlocks: &[] };
    let nobody = |_: &mua::GuardQuestion| GuardAnswer::Unavailable { why: "test".into() };
    let clearance =
        mua::clear(change, VaultKind::RecoveryServices, None, &presented, &nobody, Timestamp::UNIX_EPOCH)?
            .unwrap();
    tx.apply(clearance)
}

fn westeurope() -> Region {
    Region::parse("westeurope").unwrap()
}

fn stamp(now: Timestamp) -> Stamp {
    Stamp { by: "test".into(), kind: "User".into(), at: now }
}
