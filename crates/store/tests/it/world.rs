//! What the tests store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use arm::{Region, ResourceId, TenantId};
use directory::{Domain, Tenant};
use jiff::Timestamp;
use ledger::{Actor, ActorKind, Entry, Verdict};
use mua::{Clearance, GuardAnswer, Presented, VaultKind};
use resources::ResourceGroup;
use store::{
    Checksum, Database, Finished, Inspector, Memory, Object, ObjectType, Place, Store, StoreError,
    Transaction,
};
use tempfile::TempDir;
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

/// A kind of database. Every test of what a store promises runs on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Memory,
    Postgres,
}

impl Engine {
    /// A world with nothing in it.
    pub fn world(self) -> World {
        let address = (self == Self::Postgres).then(postgres);
        let database = match self {
            Self::Memory => Database::Memory(Memory::default()),
            Self::Sqlite | Self::Postgres => database(address.as_deref()),
        };
        World { folder: tempfile::tempdir().unwrap(), database, address }
    }

    /// A store on a database of its own.
    pub fn store(self) -> (Store, World) {
        let world = self.world();
        (world.open(), world)
    }

    /// A store with one item.
    pub fn store_with_item(self) -> (Store, World) {
        let (store, world) = self.store();
        store.transact(|tx| edit_item(tx, Edit::create(item(ITEM)))).unwrap();
        (store, world)
    }
}

/// What `--database` means.
pub fn database(address: Option<&str>) -> Database {
    address.map_or(Database::Sqlite, |address| address.parse().unwrap())
}

/// A new database on the server that the tests were given.
pub fn postgres() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let first = std::env::var("COUNTERSIGN_TEST_DATABASE")
        .expect("these tests need PostgreSQL: run them as `scripts/with-postgres cargo test …`");
    let name = format!("test_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let mut server = postgres::Client::connect(&first, postgres::NoTls).unwrap();
    server.batch_execute(&format!("CREATE DATABASE {name} TEMPLATE template0")).unwrap();
    let (server, _) = first.rsplit_once('/').unwrap();
    format!("{server}/{name}")
}

/// Makes each function, which takes an engine, a test on every engine.
macro_rules! on_every_engine {
    ($($test:ident),+ $(,)?) => {
        mod sqlite {
            $(#[test] fn $test() { super::$test(crate::world::Engine::Sqlite) })+
        }
        mod memory {
            $(#[test] fn $test() { super::$test(crate::world::Engine::Memory) })+
        }
        mod postgres {
            $(#[test] fn $test() { super::$test(crate::world::Engine::Postgres) })+
        }
    };
}

/// The same on the engines that several servers can share.
macro_rules! on_servers {
    ($($test:ident),+ $(,)?) => {
        mod memory {
            $(#[test] fn $test() { super::$test(crate::world::Engine::Memory) })+
        }
        mod postgres {
            $(#[test] fn $test() { super::$test(crate::world::Engine::Postgres) })+
        }
    };
}

/// A database, and the folder of its first server.
pub struct World {
    folder: TempDir,
    database: Database,
    address: Option<String>,
}

impl World {
    /// The first server's store.
    pub fn open(&self) -> Store {
        self.try_open().unwrap()
    }

    pub fn try_open(&self) -> Result<Store, StoreError> {
        self.open_in(self.path())
    }

    /// Another server's store on the same database, with a data folder of its own and the same repositories.
    pub fn another(&self) -> (Store, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (self.open_in(folder.path()).unwrap(), folder)
    }

    /// The files of uploads that are not finished, with their sizes.
    pub fn unfinished(&self) -> BTreeMap<PathBuf, u64> {
        let files = std::fs::read_dir(self.path().join("repositories/.uploads")).unwrap();
        files.map(|file| file.unwrap()).map(|file| (file.path(), file.metadata().unwrap().len())).collect()
    }

    /// A store on the same database whose repositories are in its own data folder.
    pub fn open_elsewhere(&self, folder: &Path) -> Store {
        let database = self.database.clone();
        Store::open_at(&Place { database, ..Place::folder(folder) }).unwrap()
    }

    fn open_in(&self, folder: &Path) -> Result<Store, StoreError> {
        Store::open_at(&Place {
            folder: folder.to_path_buf(),
            database: self.database.clone(),
            repositories: Some(self.path().join("repositories")),
            bucket: None,
        })
    }

    /// The address of the database, if it has one.
    pub fn address(&self) -> Option<&str> {
        self.address.as_deref()
    }

    /// The folder of the first server.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Checks the ledger as an auditor would, from outside.
    pub fn verify(&self) -> Result<ledger::Head, ledger::Break> {
        Inspector::open(self.path(), &self.database).unwrap().verify_ledger(None).unwrap()
    }
}

/// A store in a folder of its own.
pub fn store() -> (Store, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (Store::open(folder.path()).unwrap(), folder)
}

/// Checks the ledger in a folder as an auditor would, from outside.
pub fn verify(folder: &Path) -> Result<ledger::Head, ledger::Break> {
    Inspector::open(folder, &Database::Sqlite).unwrap().verify_ledger(None).unwrap()
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
        standstill: None,
        id: vault_id().child(&below).unwrap(),
        short: short.into(),
        item_type: "MabFileFolderProtectedItem".into(),
        friendly_name: name.into(),
        source: None,
        policy: None,
        protection: Protection::Protected,
        deletion: None,
        frozen: None,
        instance: None,
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

/// How many objects of the item are alive, and their size in bytes.
pub fn alive(store: &Store) -> (usize, u64) {
    let types = [
        ObjectType::Config,
        ObjectType::Keys,
        ObjectType::Index,
        ObjectType::Data,
        ObjectType::Snapshots,
        ObjectType::Locks,
    ];
    let alive = |object_type| store.transact(|tx| tx.objects(ITEM, object_type, 0, u32::MAX)).unwrap().0;
    let objects: Vec<Object> = types.into_iter().flat_map(alive).collect();
    (objects.len(), objects.iter().map(|object| object.size).sum())
}

/// Writes bytes up to where they are ready to be kept.
pub fn upload(store: &Store, object_type: ObjectType, bytes: &[u8]) -> Finished {
    let unique = format!("{:?}-{}", std::thread::current().id(), ledger::Digest::of(bytes));
    let mut upload = store.blobs().begin(ITEM, object_type, &unique).unwrap();
    upload.write(&[bytes]).unwrap();
    upload.finish().unwrap()
}

pub fn object(bytes: &[u8]) -> Object {
    let content = ledger::Digest::of(bytes).to_string();
    let (size, checksum) = (bytes.len() as u64, Some(Checksum::of(bytes)));
    Object { name: content.clone(), content, size, at: now(), by: "test".into(), checksum }
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
pub fn file(folder: &Path, object_type: ObjectType, object: &Object) -> PathBuf {
    folder
        .join("repositories")
        .join(ITEM)
        .join(object_type.as_str())
        .join(object.content.get(..2).unwrap())
        .join(&object.content)
}
