//! What the tests store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use arm::{Region, ResourceId, TenantId};
use directory::{Domain, Tenant};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Entry, Verdict};
use mua::{Clearance, GuardAnswer, Presented, VaultKind};
use resources::ResourceGroup;
use store::{Finished, Inspector, Object, ObjectType, Store, Transaction};
use uuid::Uuid;
use vault::{
    Edit, Feature, FreeSettings, Immutability, ProtectedItem, Protection, SoftDelete, Stamp, Vault,
    VaultChange,
};

pub const SUBSCRIPTION: &str = "/subscriptions/00000000-0000-0000-0000-00000000000b";
pub const ITEM: &str = "abcdefgh";

pub fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

/// A store in a folder of its own.
pub fn store() -> (Store, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(folder.path()).unwrap(), folder)
}

/// Checks the ledger as an auditor would, from outside.
pub fn verify(folder: &Path) -> Result<ledger::Head, ledger::Break> {
    Inspector::open(folder).unwrap().verify_ledger(None).unwrap()
}

pub fn group(name: &str, region: &str) -> ResourceGroup {
    ResourceGroup {
        id: ResourceId::parse(&format!("{SUBSCRIPTION}/resourceGroups/{name}")).unwrap(),
        location: Region::parse(region).unwrap(),
        tags: BTreeMap::new(),
    }
}

/// A document that decisions about access read, and with a second key: its domain.
pub fn tenant(id: u128, domain: &str) -> Tenant {
    Tenant {
        id: TenantId(Uuid::from_u128(id)),
        name: "test".into(),
        domain: Domain::parse(domain).unwrap(),
        created: now(),
    }
}

/// A document whose change needs no entry in the ledger.
pub fn operation(id: &str) -> vault::Operation {
    vault::Operation { id: id.into(), vault: vault_id(), at: now(), job: None }
}

pub fn entry(operation: &str) -> Entry {
    Entry {
        sequence: 0,
        at: now(),
        correlation: Uuid::nil(),
        actor: Actor {
            person: "test".into(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ActorKind::System,
            name: "test".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: operation.into(),
        target: "/".into(),
        change: None,
        verdict: Verdict::Done,
        reason: "test".into(),
        consent: Vec::new(),
        facts: BTreeMap::new(),
    }
}

/// The operations in the ledger, oldest first.
pub fn ledger(store: &Store) -> Vec<String> {
    let entries = store.transact(|tx| tx.ledger(0, 1_000_000)).unwrap();
    entries.into_iter().map(|entry| entry.operation).collect()
}

pub fn vault_id() -> ResourceId {
    let id = format!("{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v");
    ResourceId::parse(&id).unwrap()
}

pub fn vault() -> Vault {
    let stamp = Stamp { by: "test".into(), kind: "User".into(), at: now() };
    Vault {
        id: vault_id(),
        short: "vault".into(),
        location: Region::parse("westeurope").unwrap(),
        soft_delete: SoftDelete::default(),
        enhanced_security: Feature::Enabled,
        immutability: Immutability::Disabled,
        encryption: None,
        free: FreeSettings::default(),
        created: stamp.clone(),
        modified: stamp,
    }
}

/// An item whose name and short name are the same.
pub fn item(short: &str) -> ProtectedItem {
    named_item(short, short)
}

pub fn named_item(name: &str, short: &str) -> ProtectedItem {
    let below = format!("backupFabrics/Azure/protectionContainers/c/protectedItems/{name}");
    ProtectedItem {
        id: vault_id().child(&below).unwrap(),
        short: short.into(),
        item_type: "MabFileFolderProtectedItem".into(),
        friendly_name: name.into(),
        source: None,
        policy: None,
        protection: Protection::Protected,
        deletion: None,
        created: now(),
    }
}

/// A clearance, as the decision gives it while multi-user authorization is off.
pub fn clear(change: VaultChange) -> Clearance {
    let presented = Presented { callers: &[], requests: &[], unlocks: &[] };
    let unasked = |_: &_| GuardAnswer::Unavailable { why: "test".into() };
    mua::clear(change, VaultKind::RecoveryServices, None, &presented, &unasked, now()).unwrap().unwrap()
}

/// Creates, changes or drops an item, and says so in the ledger.
pub fn edit_item(tx: &mut Transaction, edit: Edit<ProtectedItem>) -> arm::Result<()> {
    tx.record(entry("item"));
    tx.apply(clear(VaultChange::item(&vault(), edit, None, None)?))
}

/// A store with one item.
pub fn store_with_item() -> (Store, tempfile::TempDir) {
    let (store, folder) = store();
    store.transact(|tx| edit_item(tx, Edit::create(item(ITEM)))).unwrap();
    (store, folder)
}

/// Writes bytes up to where they are ready to be kept.
pub fn upload(store: &Store, object_type: ObjectType, bytes: &[u8]) -> Finished {
    let unique = format!("{:?}-{}", std::thread::current().id(), ledger::Digest::of(bytes));
    let mut upload = store.blobs().begin(ITEM, object_type, &unique).unwrap();
    upload.write(bytes).unwrap();
    upload.finish().unwrap()
}

pub fn object(bytes: &[u8]) -> Object {
    let content = ledger::Digest::of(bytes).to_string();
    Object { name: content.clone(), content, size: bytes.len() as u64, at: now(), by: "test".into() }
}

/// Stores bytes as the data plane does, unless they are there.
pub fn save(store: &Store, object_type: ObjectType, bytes: &[u8]) -> arm::Result<Object> {
    let kept = upload(store, object_type, bytes).keep()?;
    let object = object(bytes);
    store.transact(|tx| {
        if tx.object(ITEM, object_type, &object.name)?.is_none() {
            tx.put_object(ITEM, object_type, &object)?;
        }
        Ok(())
    })?;
    drop(kept);
    Ok(object)
}

/// Where the bytes of an object lie.
pub fn file(folder: &tempfile::TempDir, object_type: ObjectType, object: &Object) -> PathBuf {
    folder
        .path()
        .join("repositories")
        .join(ITEM)
        .join(object_type.as_str())
        .join(object.content.get(..2).unwrap())
        .join(&object.content)
}
