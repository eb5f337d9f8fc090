//! A server with two organisations: vaults of the one, each linked to the Resource Guard of the other, and an application
//! that is known in both.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use arm::{ObjectId, Region, ResourceId, RoleId, SubscriptionId, TenantId};
use directory::{Domain, PasswordHash, ServicePrincipal, Subscription, SubscriptionState, Tenant};
use jiff::Timestamp;
use mua::{GuardAnswer, Presented, ResourceGuard, VaultKind};
use rbac::{Assignment, PrincipalKind, role_ids};
use resources::{Registration, ResourceGroup};
use serde_json::{Value, json};
use server::edge::{Edge, SystemClock, SystemEntropy};
use server::{Config, Running};
use store::{Store, Transaction};
use uuid::Uuid;
use vault::policy::PolicyBody;
use vault::{
    BackupPolicy, Feature, FreeSettings, GuardProxy, Immutability, SoftDelete, Stamp, Vault, VaultChange,
};

use super::client::{Connection, Request};

pub const BACKUP: TenantId = TenantId(Uuid::from_u128(0x1111));
pub const SECURITY: TenantId = TenantId(Uuid::from_u128(0x2222));
pub const BACKUP_SUB: SubscriptionId = SubscriptionId(Uuid::from_u128(0xb));
pub const SECURITY_SUB: SubscriptionId = SubscriptionId(Uuid::from_u128(0x5));
/// The application in the tenant of the vaults, and in that of the guard.
pub const ROBOT: ObjectId = ObjectId(Uuid::from_u128(0xaa));
pub const ROBOT_THERE: ObjectId = ObjectId(Uuid::from_u128(0xab));
/// An application without rights.
pub const VISITOR: ObjectId = ObjectId(Uuid::from_u128(0xac));
const ROBOT_APP: Uuid = Uuid::from_u128(0xa99);
const SECRET: &str = "Correct-Horse-9-Battery";

/// A running server, in this process.
pub struct Estate {
    pub running: Running,
    pub address: SocketAddr,
    pub ca: PathBuf,
}

impl Estate {
    /// Fills an empty folder and serves it.
    pub async fn start(folder: &Path, vaults: usize, assignments: usize) -> anyhow::Result<Self> {
        let edge = Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy));
        let store = Store::open(folder)?;
        let now = edge.now();
        store.transact(|tx| organisations(tx, now)).map_err(explain)?;
        fill_assignments(&store, assignments, now)?;
        store.transact(|tx| estate(tx, vaults, now)).map_err(explain)?;
        let config = Config {
            data: folder.to_path_buf(),
            listen: "127.0.0.1:0".parse()?,
            graph_listen: "127.0.0.1:0".parse()?,
            userrealm_listen: None,
            public_name: None,
            settings: server::settings::Settings::default(),
        };
        let running = server::start(&config, store, edge).await?;
        let address = running.address.strip_prefix("https://").context("no address")?.parse()?;
        Ok(Self { running, address, ca: folder.join("tls/ca.pem") })
    }

    /// A token of the application, by a real sign-in.
    pub async fn token(&self, tenant: TenantId) -> anyhow::Result<String> {
        let mut connection = Connection::open(self.address, &self.ca).await?;
        let scope = format!("https%3A%2F%2F{}%2F.default", self.address.to_string().replace(':', "%3A"));
        let body = format!(
            "grant_type=client_credentials&client_id={ROBOT_APP}&client_secret={SECRET}&scope={scope}"
        );
        let request = Request {
            method: "POST".into(),
            path: format!("/{tenant}/oauth2/v2.0/token"),
            headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
            body,
        };
        let answer: Value = serde_json::from_str(connection.ask(&connection.bytes(&request)).await?)?;
        Ok(answer["access_token"].as_str().context("no token")?.to_string())
    }
}

/// Errors of the store hide from people what only the log may see; a benchmark is the log.
pub fn explain(error: arm::Error) -> anyhow::Error {
    anyhow!("{}: {}", error.message, error.internal.unwrap_or_default())
}

/// Tenants, subscriptions and applications.
pub fn organisations(tx: &mut Transaction, now: Timestamp) -> arm::Result<()> {
    for (id, name) in [(BACKUP, "backup"), (SECURITY, "security")] {
        let domain = Domain::parse(&format!("{name}.example"))?;
        tx.put(&Tenant { id, name: name.into(), domain, created: now })?;
    }
    for (id, tenant) in [(BACKUP_SUB, BACKUP), (SECURITY_SUB, SECURITY)] {
        for namespace in ["Microsoft.RecoveryServices", "Microsoft.DataProtection"] {
            tx.put(&Registration { subscription: id, namespace: namespace.into() })?;
        }
        tx.put(&Subscription { id, tenant, name: tenant.to_string(), state: SubscriptionState::Enabled })?;
    }
    for (id, tenant) in [(ROBOT, BACKUP), (ROBOT_THERE, SECURITY)] {
        let secrets = vec![PasswordHash::new(SECRET, [1; 16])?];
        tx.put(&ServicePrincipal { id, tenant, app_id: ROBOT_APP, name: "robot".into(), secrets })?;
    }
    let app_id = Uuid::from_u128(0xa98);
    tx.put(&ServicePrincipal {
        id: VISITOR,
        tenant: BACKUP,
        app_id,
        name: "visitor".into(),
        secrets: Vec::new(),
    })?;
    grant(tx, ROBOT, role_ids::OWNER, &ResourceId::subscription(BACKUP_SUB), ROBOT.0)?;
    tx.record(entry(now));
    Ok(())
}

/// Role assignments of others, so that the decision has something to decide among.
pub fn fill_assignments(store: &Store, count: usize, now: Timestamp) -> anyhow::Result<()> {
    let numbers: Vec<u128> = (0..count as u128).collect();
    for part in numbers.chunks(10_000) {
        let fill = |tx: &mut Transaction| {
            for number in part {
                let scope = group(BACKUP_SUB, &format!("other{}", number % 10_000))?;
                let principal = ObjectId(Uuid::from_u128(0x1_0000_0000 + number % 5_000));
                grant(tx, principal, role_ids::READER, &scope, Uuid::from_u128(0x2_0000_0000 + number))?;
            }
            tx.record(entry(now));
            Ok(())
        };
        store.transact(fill).map_err(explain)?;
    }
    Ok(())
}

fn estate(tx: &mut Transaction, vaults: usize, now: Timestamp) -> arm::Result<()> {
    let groups = [group(BACKUP_SUB, "rg")?, group(SECURITY_SUB, "rg")?];
    for id in groups {
        tx.put(&ResourceGroup { id, location: region()?, tags: BTreeMap::new() })?;
    }
    tx.put(&ResourceGuard {
        id: guard_id()?,
        location: region()?,
        tags: BTreeMap::new(),
        description: Some("ask the security team".into()),
        exempt: BTreeSet::new(),
        exempt_names: Default::default(),
        created: stamp(now),
        modified: stamp(now),
    })?;
    grant(tx, ROBOT_THERE, role_ids::BACKUP_MUA_OPERATOR, &guard_id()?, ROBOT_THERE.0)?;
    for number in 0..vaults {
        let vault = vault(number, now)?;
        apply(tx, VaultChange::vault(None, vault.clone())?)?;
        let policy = BackupPolicy { id: policy_id(number)?, body: PolicyBody::parse(&policy_body(30))? };
        apply(tx, VaultChange::policy(&vault, None, policy)?)?;
        let id = vault.id.child("backupResourceGuardProxies/VaultProxy")?;
        apply(tx, VaultChange::link(None, GuardProxy { id, guard: guard_id()?, updated: now }))?;
    }
    tx.record(entry(now));
    Ok(())
}

fn vault(number: usize, now: Timestamp) -> arm::Result<Vault> {
    Ok(Vault {
        id: vault_id(number)?,
        short: format!("short{number}"),
        location: region()?,
        soft_delete: SoftDelete { state: Feature::Enabled, retention_days: 14 },
        enhanced_security: Feature::Enabled,
        immutability: Immutability::Disabled,
        encryption: None,
        free: FreeSettings::default(),
        created: stamp(now),
        modified: stamp(now),
    })
}

/// Applies a change to a vault as if it were not linked.
pub fn apply(tx: &mut Transaction, change: VaultChange) -> arm::Result<()> {
    let presented = Presented { callers: &[], requests: &[], unlocks: &[] };
    let nobody = |_: &mua::GuardQuestion| GuardAnswer::Unavailable { why: "nobody to ask".into() };
    let cleared =
        mua::clear(change, VaultKind::RecoveryServices, None, &presented, &nobody, Timestamp::UNIX_EPOCH)?;
    tx.apply(cleared.map_err(mua::Refusal::into_error)?)
}

/// Gives a role.
pub fn grant(
    tx: &mut Transaction,
    who: ObjectId,
    role: RoleId,
    scope: &ResourceId,
    name: Uuid,
) -> arm::Result<()> {
    let id = scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{name}"))?;
    tx.put(&Assignment::new(id, scope.clone(), role, who, PrincipalKind::ServicePrincipal))
}

pub fn group(subscription: SubscriptionId, name: &str) -> arm::Result<ResourceId> {
    ResourceId::subscription(subscription).child(&format!("resourceGroups/{name}"))
}

pub fn vault_id(number: usize) -> arm::Result<ResourceId> {
    group(BACKUP_SUB, "rg")?.child(&format!("providers/Microsoft.RecoveryServices/vaults/vault{number}"))
}

pub fn policy_id(number: usize) -> arm::Result<ResourceId> {
    vault_id(number)?.child("backupPolicies/Files")
}

pub fn guard_id() -> arm::Result<ResourceId> {
    group(SECURITY_SUB, "rg")?.child("providers/Microsoft.DataProtection/resourceGuards/guard")
}

/// Files, daily, kept for so many days.
pub fn policy_body(days: u32) -> Value {
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

/// A ledger entry for what was there before.
pub fn entry(now: Timestamp) -> ledger::Entry {
    ledger::Entry {
        sequence: 0,
        at: now,
        correlation: Uuid::nil(),
        actor: ledger::Actor {
            person: "system".into(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ledger::ActorKind::System,
            name: "bench".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: "bench/fill".into(),
        target: "/".into(),
        change: None,
        verdict: ledger::Verdict::Done,
        reason: "filled".into(),
        consent: Vec::new(),
        facts: BTreeMap::new(),
    }
}

fn region() -> arm::Result<Region> {
    Region::parse("westeurope").ok_or_else(|| arm::Error::internal("no region"))
}

fn stamp(now: Timestamp) -> Stamp {
    Stamp { by: "bench".into(), kind: "Application".into(), at: now }
}
