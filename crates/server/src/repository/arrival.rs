//! What the arrival or the removal of an object means to the vault: a recovery point, a job, an entry in the ledger.

use std::collections::BTreeMap;
use std::sync::Arc;

use arm::{Error, Result};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Digest, Entry, Verdict};
use store::{Object, ObjectType, Transaction};
use uuid::Uuid;
use vault::keeping::{self, Group};
use vault::{Job, RecoveryPoint, VaultChange};

use super::admission::{Admitted, Client};
use crate::arm::door;
use crate::edge::Edge;

/// Makes a recovery point of a snapshot that arrived, if it is the first time that it did. `label`: that of the address.
///
/// # Errors
/// When the store fails; there is nothing that would refuse a recovery point.
pub fn snapshot_arrived(
    tx: &mut Transaction,
    edge: &Edge,
    admitted: &Admitted,
    client: &Client,
    label: Option<String>,
    snapshot: &Object,
) -> Result<()> {
    let (vault, item) = (&admitted.vault, &admitted.item);
    let id = item.id.child(&format!("recoveryPoints/{}", snapshot.name))?;
    // A snapshot that comes back, because its client tried again or somebody replays it, is the point it was. All that is
    // known of it goes with the point.
    if tx.object_known(&item.short, ObjectType::Snapshots, &snapshot.name)?
        || tx.resource::<RecoveryPoint>(&id)?.is_some()
    {
        return Ok(());
    }
    let policy = crate::keeping::policy_of(tx, item)?;
    // Whoever else writes to the repository moves nobody's retention. What arrives beside this one could only take away
    // that it is the first, so that it need not be waited for.
    let whose = |point: RecoveryPoint| (Arc::new((point.written_by, point.label)), point.at);
    let groups = tx.glance_made_below(&item.id, whose, |all| {
        let mut groups: BTreeMap<Arc<(String, Option<String>)>, Group> = BTreeMap::new();
        for (whose, at) in all {
            groups.entry(whose).or_default().add(at);
        }
        groups
    })?;
    let nobodys = Group::default();
    let earlier = groups.get(&(client.user.clone(), label.clone())).unwrap_or(&nobodys);
    let point = RecoveryPoint {
        label,
        retain_until: keeping::retain_until(policy.as_ref(), snapshot.at, earlier),
        id,
        repository: item.short.clone(),
        at: snapshot.at,
        snapshot: snapshot.name.clone(),
        written_by: client.user.clone(),
        policy: item.policy.clone(),
    };
    let tenant = tx
        .access()?
        .tenant_of(&vault.id)
        .ok_or_else(|| Error::internal("a vault in no known subscription"))?;
    let target = point.id.to_string();
    let change = VaultChange::recovery_point(point);
    let digest = door::change_by_client(tx, &vault.id, &client.caller(tenant), change, snapshot.at)?;
    tx.put(&Job::about(item, &vault.id, &edge.uuid().to_string(), "Backup", snapshot.at)?)?;
    let mut entry = entry(client, snapshot.at, "repository.snapshot.arrive", target);
    entry.change = Some(digest);
    entry.reason = "a snapshot arrived and is a recovery point".into();
    tx.record(entry);
    Ok(())
}

/// Says in the ledger that a client hid a snapshot, a key or the config. Packs and indexes come and go with every prune.
pub fn hidden(
    tx: &mut Transaction,
    admitted: &Admitted,
    client: &Client,
    object_type: ObjectType,
    name: &str,
    now: Timestamp,
    change: Option<Digest>,
) {
    let (operation, reason) = match object_type {
        ObjectType::Snapshots => {
            ("repository.snapshot.hide", "a backup client removed a snapshot; its recovery point stays")
        }
        ObjectType::Keys => {
            ("repository.key.hide", "a backup client removed a key of the repository; its bytes stay")
        }
        ObjectType::Config => (
            "repository.config.hide",
            "a backup client removed the config with a security PIN; its bytes stay",
        ),
        ObjectType::Data | ObjectType::Index | ObjectType::Locks => return,
    };
    let mut entry = entry(client, now, operation, admitted.item.id.to_string());
    entry.reason = reason.into();
    entry.change = change;
    entry.facts = BTreeMap::from([("name".to_string(), name.to_string())]);
    tx.record(entry);
}

/// Says in the ledger that a key arrived: whoever knows its password opens the repository.
pub fn key_arrived(tx: &mut Transaction, admitted: &Admitted, client: &Client, key: &Object) {
    let target = admitted.item.id.to_string();
    let mut entry = entry(client, key.at, "repository.key.arrive", target);
    entry.reason = "a backup client added a key to the repository".into();
    entry.facts = BTreeMap::from([("name".to_string(), key.name.clone())]);
    tx.record(entry);
}

/// An entry about what a client did.
pub fn entry(client: &Client, at: Timestamp, operation: &str, target: String) -> Entry {
    Entry {
        sequence: 0,
        at,
        correlation: client.correlation,
        actor: Actor {
            person: client.person(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ActorKind::RepositoryCredential,
            name: client.user.clone(),
            authentication: vec!["pwd".into()],
            address: client.address.map(|address| address.to_string()),
        },
        operation: operation.into(),
        target,
        change: None,
        verdict: Verdict::Done,
        reason: String::new(),
        consent: Vec::new(),
        facts: BTreeMap::new(),
    }
}
