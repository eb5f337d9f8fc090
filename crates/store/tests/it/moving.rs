//! Moving everything to another database and back.

use store::{Database, Inspector, ObjectType, Place, Store, StoreError, migrate};
use tempfile::TempDir;

use crate::world::{ITEM, edit_item, entry, group, item, ledger, object, postgres, save, tenant};

fn open(folder: &TempDir, database: &Database) -> Result<Store, StoreError> {
    Store::open_at(&Place { database: database.clone(), ..Place::folder(folder.path()) })
}

/// A store with something in every table.
fn fill(store: &Store) {
    store.transact(|tx| edit_item(tx, vault::Edit::create(item(ITEM)))).unwrap();
    store
        .transact(|tx| {
            tx.record(entry("tenants"));
            (1..=2500).try_for_each(|id| tx.put(&tenant(id, &format!("t{id}.example"))))
        })
        .unwrap();
    save(store, ObjectType::Data, b"alive").unwrap();
    let dead = save(store, ObjectType::Data, b"dead").unwrap();
    store
        .transact(|tx| {
            tx.tombstone_object(ITEM, ObjectType::Data, &dead.name, crate::world::now(), "test");
            Ok(())
        })
        .unwrap();
}

fn put(store: &Store, name: &str) -> arm::Result<()> {
    store.transact(|tx| {
        tx.record(entry(name));
        tx.put(&group(name, "westeurope"))
    })
}

fn tenants(store: &Store) -> usize {
    store.transact(|tx| Ok(tx.all::<directory::Tenant>()?.len())).unwrap()
}

#[test]
fn everything_moves_to_another_database_and_back() {
    let folder = tempfile::tempdir().unwrap();
    let there: Database = postgres().parse().unwrap();
    let store = open(&folder, &Database::Sqlite).unwrap();
    fill(&store);
    drop(store);

    let mut seen = Vec::new();
    let moved =
        migrate(folder.path(), &Database::Sqlite, &there, &mut |progress| seen.push(progress)).unwrap();
    assert!(seen.iter().any(|progress| progress.table == "documents" && progress.rows == 2501));
    assert_eq!(moved.rows.iter().find(|(table, _)| *table == "objects"), Some(&("objects", 2)));
    assert_eq!(moved.head.size, 2);

    // Nobody starts on the old one by mistake; the new one goes on where it stopped.
    assert!(matches!(open(&folder, &Database::Sqlite).err(), Some(StoreError::Moved)));
    let store = open(&folder, &there).unwrap();
    assert_eq!(tenants(&store), 2500);
    assert_eq!(store.transact(|tx| Ok(tx.access()?.tenants().count())), Ok(2500));
    assert_eq!(store.transact(|tx| tx.object(ITEM, ObjectType::Data, &object(b"dead").name)), Ok(None));
    put(&store, "there").unwrap();
    save(&store, ObjectType::Data, b"more").unwrap();
    drop(store);

    migrate(folder.path(), &there, &Database::Sqlite, &mut |_| {}).unwrap();
    assert!(matches!(open(&folder, &there).err(), Some(StoreError::Moved)));
    let store = open(&folder, &Database::Sqlite).unwrap();
    put(&store, "back").unwrap();
    assert_eq!(ledger(&store), ["item", "tenants", "there", "back"]);
    assert_eq!(crate::world::alive(&store), (2, 9));
    let more = object(b"more");
    assert!(more.checksum.is_some());
    assert_eq!(store.transact(|tx| tx.object(ITEM, ObjectType::Data, &more.name)), Ok(Some(more)));
    let stored = store.transact(|tx| tx.stored(&store::Holder::repository(ITEM)));
    assert_eq!(stored, Ok(13), "the dead one is kept");
    assert!(folder.path().join("countersign.db.moved").exists(), "the first one is kept");
    drop(store);
    let inspector = Inspector::open(folder.path(), &Database::Sqlite).unwrap();
    assert_eq!(inspector.verify_ledger(None).unwrap().unwrap().size, 4);
}

#[test]
fn a_server_that_still_runs_on_the_old_database_changes_and_decides_nothing_more() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let there: Database = postgres().parse().unwrap();
    let running = open(&other, &there).unwrap();
    put(&running, "before").unwrap();
    migrate(folder.path(), &there, &Database::Sqlite, &mut |_| {}).unwrap();
    let refused = put(&running, "after").unwrap_err();
    assert_eq!((refused.kind, refused.code.as_str()), (arm::ErrorKind::Unavailable, "DatabaseMoved"));
    let refused = running.transact(|tx| Ok(tx.access()?.tenants().count())).unwrap_err();
    assert_eq!(refused.code, "DatabaseMoved");
    assert_eq!(ledger(&open(&folder, &Database::Sqlite).unwrap()), ["before"]);
}

#[test]
fn a_move_that_fails_leaves_both_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let there: Database = postgres().parse().unwrap();
    let store = open(&folder, &Database::Sqlite).unwrap();
    fill(&store);
    // In use.
    let refused = migrate(folder.path(), &Database::Sqlite, &there, &mut |_| {}).err();
    assert!(matches!(refused, Some(StoreError::InUse(_))), "{refused:?}");
    drop(store);
    // Not empty.
    let other = tempfile::tempdir().unwrap();
    put(&open(&other, &there).unwrap(), "there").unwrap();
    let refused = migrate(folder.path(), &Database::Sqlite, &there, &mut |_| {}).err();
    assert!(matches!(refused, Some(StoreError::NotEmpty("documents"))), "{refused:?}");
    // Broken.
    let file = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
    file.execute("UPDATE ledger SET leaf = zeroblob(32) WHERE sequence = 1", []).unwrap();
    let empty: Database = postgres().parse().unwrap();
    let refused = migrate(folder.path(), &Database::Sqlite, &empty, &mut |_| {}).err();
    assert!(matches!(refused, Some(StoreError::Corrupt(_))), "{refused:?}");
    let (store, target) = (open(&folder, &Database::Sqlite).unwrap(), open(&other, &empty).unwrap());
    put(&store, "still works").unwrap();
    assert_eq!(tenants(&target), 0);
    assert_eq!(target.transact(|tx| tx.is_pristine()), Ok(true));
}

#[test]
fn there_must_be_something_to_move() {
    let folder = tempfile::tempdir().unwrap();
    let there: Database = postgres().parse().unwrap();
    let refused = migrate(folder.path(), &Database::Sqlite, &there, &mut |_| {}).err();
    assert!(matches!(refused, Some(StoreError::Io(..))), "{refused:?}");
}
