//! What was answered is there after the end of the process, however it ended.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use jiff::SignedDuration;
use store::{Object, ObjectType, Place, Store, StoreError};
use vault::Edit;

use crate::purging::{hide, purge, purge_all};
use crate::world::{
    Engine, ITEM, SUBSCRIPTION, World, database, edit_item, entry, file, group, item, ledger, now, object,
    operation, save, store, store_with_item, upload, verify,
};

const FOLDER: &str = "STORE_TEST_FOLDER";
const ADDRESS: &str = "STORE_TEST_ADDRESS";
const DATA: ObjectType = ObjectType::Data;

#[test]
fn everything_is_found_again_after_a_clean_end() {
    let (store, folder) = store_with_item();
    save(&store, DATA, b"bytes").unwrap();
    store
        .transact(|tx| {
            tx.record(entry("group"));
            tx.put(&group("rg", "westeurope"))
        })
        .unwrap();
    store.close();
    assert!(store.transact(|tx| tx.put(&operation("late"))).is_err(), "closed is closed");
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(ledger(&store), ["item", "group"]);
    let id = group("rg", "westeurope").id;
    let found: Option<resources::ResourceGroup> = store.transact(|tx| tx.resource(&id)).unwrap();
    assert_eq!(found, Some(group("rg", "westeurope")));
    let bytes = object(b"bytes");
    assert!(store.blobs().open_object(ITEM, DATA, &bytes.content, 5).is_ok());
    // The order goes on where it was.
    save(&store, DATA, b"more").unwrap();
    let (objects, _) = store.transact(|tx| tx.objects(ITEM, DATA, 0, 10)).unwrap();
    let names: Vec<String> = objects.into_iter().map(|object| object.name).collect();
    assert_eq!(names, [object(b"bytes").name, object(b"more").name]);
}

#[test]
fn unfinished_uploads_are_gone_at_the_next_start() {
    let (store, folder) = store_with_item();
    drop(store);
    crash(folder.path(), "crashes::crashes_in_the_middle_of_uploads");
    let uploads = folder.path().join("repositories/.uploads");
    assert_eq!(fs::read_dir(&uploads).unwrap().count(), 2);
    let _store = Store::open(folder.path()).unwrap();
    assert_eq!(fs::read_dir(&uploads).unwrap().count(), 0);
}

/// Not a test of its own: what the test above starts.
#[test]
#[ignore = "started by another test, in a process of its own"]
fn crashes_in_the_middle_of_uploads() {
    let Some(store) = store_to_crash() else {
        return;
    };
    let mut begun = store.blobs().begin(ITEM, DATA, "begun").unwrap();
    begun.write(&[b"half of it"]).unwrap();
    let _finished = upload(&store, DATA, b"finished, not kept");
    std::process::abort();
}

#[test]
fn a_repository_that_was_given_up_before_a_crash_goes_at_the_next_start() {
    let (store, folder) = store_with_item();
    save(&store, DATA, b"bytes").unwrap();
    drop(store);
    crash(folder.path(), "crashes::crashes_while_an_upload_holds_up_a_removal");
    let bytes = folder.path().join("repositories").join(ITEM);
    assert!(bytes.exists());
    let store = Store::open(folder.path()).unwrap();
    store.finish_purges().unwrap();
    assert!(!bytes.exists());
    // It is noted as gone, and not tried again; the name stays taken.
    fs::create_dir(&bytes).unwrap();
    drop(store);
    let store = Store::open(folder.path()).unwrap();
    store.finish_purges().unwrap();
    assert!(bytes.exists());
    let again = Edit::create(item(ITEM));
    assert!(store.transact(|tx| edit_item(tx, again.clone())).is_err());
}

/// Not a test of its own: what the test above starts.
#[test]
#[ignore = "started by another test, in a process of its own"]
fn crashes_while_an_upload_holds_up_a_removal() {
    let Some(store) = store_to_crash() else {
        return;
    };
    let _kept = upload(&store, DATA, b"bytes").keep().unwrap();
    store.transact(|tx| edit_item(tx, Edit::delete(item(ITEM)))).unwrap();
    store.finish_purges().unwrap();
    std::process::abort();
}

#[test]
fn bytes_that_were_purged_before_a_crash_go_at_the_next_start() {
    let (store, folder) = store_with_item();
    let pack = save(&store, DATA, b"bytes").unwrap();
    hide(&store, DATA, &pack, now());
    drop(store);
    crash(folder.path(), "crashes::crashes_between_a_purge_and_the_removal_of_its_bytes");
    assert!(file(folder.path(), DATA, &pack).exists());
    let store = Store::open(folder.path()).unwrap();
    assert!(!store.transact(|tx| tx.object_known(ITEM, DATA, &pack.name)).unwrap());
    store.finish_purges().unwrap();
    assert!(!file(folder.path(), DATA, &pack).exists());
}

/// Not a test of its own: what the test above starts.
#[test]
#[ignore = "started by another test, in a process of its own"]
fn crashes_between_a_purge_and_the_removal_of_its_bytes() {
    let Some(store) = store_to_crash() else {
        return;
    };
    // An upload holds the bytes, so that the purger cannot be faster than the crash.
    let _kept = upload(&store, DATA, b"bytes").keep().unwrap();
    assert_eq!(purge_all(&store, now() + SignedDuration::from_hours(400)).objects, 1);
    std::process::abort();
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let (store, folder) = store_with_item();
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    let refused = Store::open(folder.path()).err();
    assert!(matches!(refused, Some(StoreError::NewerSchema { found: 99, .. })), "{refused:?}");
    let version: u32 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, 99);
}

#[test]
fn migrations_may_run_twice() {
    let (store, folder) = store_with_item();
    save(&store, DATA, b"bytes").unwrap();
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
    database.pragma_update(None, "user_version", 0).unwrap();
    drop(database);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(ledger(&store), ["item"]);
    assert_eq!(crate::world::alive(&store), (1, 5));
    assert_eq!(store.transact(|tx| tx.stored(&store::Holder::repository(ITEM))), Ok(5));
    assert!(save(&store, DATA, b"more").is_ok());
}

#[test]
fn what_is_older_than_checksums_has_none() {
    let (store, folder) = store_with_item();
    let old = save(&store, DATA, b"bytes").unwrap();
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
    database.execute_batch("ALTER TABLE objects DROP COLUMN checksum; PRAGMA user_version = 5").unwrap();
    drop(database);
    let store = Store::open(folder.path()).unwrap();
    let new = save(&store, DATA, b"more").unwrap();
    let found = |object: &Object| store.transact(|tx| tx.object(ITEM, DATA, &object.name)).unwrap().unwrap();
    assert_eq!(found(&old), Object { checksum: None, ..old });
    assert!(new.checksum.is_some());
    assert_eq!(found(&new), new);
}

#[test]
fn alarms_from_before_they_were_noted_are_found_too() {
    let (store, folder) = store();
    let refuse = |store: &Store| {
        let refused = ledger::Entry {
            operation: mua::CriticalOperation::ALL[0].name(),
            verdict: ledger::Verdict::Refused,
            target: format!("{SUBSCRIPTION}/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v"),
            ..entry("refused")
        };
        store
            .transact(|tx| {
                tx.record(refused.clone());
                tx.record(entry("other"));
                Ok(())
            })
            .unwrap();
    };
    (0..3).for_each(|_| refuse(&store));
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
    database
        .execute_batch(
            "DROP TABLE alarms; DELETE FROM counters WHERE name = 'alarms'; PRAGMA user_version = 6",
        )
        .unwrap();
    drop(database);
    let store = Store::open(folder.path()).unwrap();
    refuse(&store);
    let any = store::Mark::alarm(&arm::ResourceId::root());
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let (some, next) = store.transact(|tx| tx.marked(Some(&any), before, 2)).unwrap();
        found.extend(some.iter().map(|entry| entry.sequence));
        before = next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(found, [6, 4, 2, 0]);
    // And once more, as a migration may be.
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
    database.pragma_update(None, "user_version", 6).unwrap();
    drop(database);
    let store = Store::open(folder.path()).unwrap();
    assert_eq!(store.transact(|tx| tx.marked(Some(&any), None, 9)).unwrap().0.len(), 4);
}

#[test]
fn a_folder_in_use_is_refused() {
    let (store, folder) = store();
    let second = Store::open(folder.path()).err();
    assert!(matches!(second, Some(StoreError::InUse(_))), "{second:?}");
    drop(store);
    assert!(Store::open(folder.path()).is_ok());
}

#[test]
fn the_folder_is_nobody_elses_business() {
    use std::os::unix::fs::PermissionsExt;
    let (_store, folder) = store();
    let mode = fs::metadata(folder.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0);
}

#[test]
fn a_ledger_that_was_tampered_with_is_found_out() {
    let (store, folder) = store();
    for name in ["one", "two", "three"] {
        store
            .transact(|tx| {
                tx.record(entry(name));
                Ok(())
            })
            .unwrap();
    }
    drop(store);
    let database = rusqlite::Connection::open(folder.path().join("countersign.db")).unwrap();
    let changed =
        "UPDATE ledger SET canonical = CAST(replace(CAST(canonical AS TEXT), 'two', 'owt') AS BLOB)";
    database.execute(changed, []).unwrap();
    drop(database);
    let broken = verify(folder.path()).unwrap_err();
    assert!(format!("{broken:?}").contains('1'), "{broken:?}");
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there() {
    kill_again_and_again(Engine::Sqlite);
}

#[test]
fn what_was_acknowledged_before_a_kill_is_there_on_postgres() {
    kill_again_and_again(Engine::Postgres);
}

#[test]
fn a_kill_in_the_middle_of_a_purge_loses_nothing_that_is_needed() {
    kill_while_it_purges(Engine::Sqlite);
}

#[test]
fn a_kill_in_the_middle_of_a_purge_loses_nothing_that_is_needed_on_postgres() {
    kill_while_it_purges(Engine::Postgres);
}

/// Kills a process again and again while it purges in small pages. In between every row that is left has its bytes; in the
/// end everything is gone that nobody needs, and nothing else.
fn kill_while_it_purges(engine: Engine) {
    let (store, world) = engine.store_with_item();
    let needed: Vec<Object> = (0..20_u8).map(|n| save(&store, DATA, &[1, n]).unwrap()).collect();
    save(&store, ObjectType::Snapshots, b"snapshot").unwrap();
    let unneeded: Vec<Object> = (0..200_u8).map(|n| save(&store, DATA, &[2, n]).unwrap()).collect();
    for object in needed.iter().chain(&unneeded) {
        hide(&store, DATA, object, now());
    }
    drop(store);
    for round in 0..4 {
        let mut child = spawn(world.path(), world.address(), "crashes::purges_until_it_is_killed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut pages = lines.map_while(Result::ok).filter(|line| line.contains("page"));
        assert_eq!(pages.by_ref().take(1 + 2 * round).count(), 1 + 2 * round);
        child.kill().unwrap();
        child.wait().unwrap();
        let store = world.open();
        let known = |object: &Object| {
            let known = store.transact(|tx| tx.object_known(ITEM, DATA, &object.name)).unwrap();
            assert!(!known || file(world.path(), DATA, object).exists(), "a row without bytes");
            known
        };
        assert!(needed.iter().all(known));
        let left = unneeded.iter().filter(|object| known(object)).count();
        assert!(left < 200, "round {round} left {left}");
        assert!(world.verify().is_ok());
    }
    let store = world.open();
    purge_around(&store, 1000);
    store.finish_purges().unwrap();
    assert!(needed.iter().all(|object| file(world.path(), DATA, object).exists()));
    assert!(!unneeded.iter().any(|object| file(world.path(), DATA, object).exists()));
}

/// Purges a page of what the point at the snapshot does not need.
fn purge_around(store: &Store, limit: u32) -> u64 {
    let point = vault::purge_rule::Instant { sequence: 21, at: now() };
    let needs = vault::purge_rule::Needs::of([point], SignedDuration::from_hours(24));
    purge(store, &needs, now() + SignedDuration::from_hours(400), 0, limit).objects
}

/// Not a test of its own: what the test above starts and kills.
#[test]
#[ignore = "started by another test, in a process of its own"]
fn purges_until_it_is_killed() {
    let Some(store) = store_to_crash() else {
        return;
    };
    loop {
        purge_around(&store, 1);
        let mut out = std::io::stdout().lock();
        writeln!(out, "page").unwrap();
        out.flush().unwrap();
    }
}

/// Kills a process in the middle of its writing, again and again, and looks for all that it had been told was written.
fn kill_again_and_again(engine: Engine) {
    let (store, world) = engine.store_with_item();
    drop(store);
    let mut acknowledged = Vec::new();
    for round in 0..4 {
        let mut child = spawn(world.path(), world.address(), "crashes::writes_until_it_is_killed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Kept open: a process that nobody reads from ends by itself.
        let mut acks =
            lines.map_while(Result::ok).filter_map(|line| Some(line.split_once("ack ")?.1.to_string()));
        acknowledged.extend(acks.by_ref().take(5 + 7 * round));
        assert!(matches!(world.try_open().err(), Some(StoreError::InUse(_))));
        child.kill().unwrap();
        child.wait().unwrap();
        check(&world, &acknowledged);
    }
    assert_eq!(acknowledged.len(), 62);
}

fn check(world: &World, acknowledged: &[String]) {
    let store = world.open();
    assert!(world.verify().is_ok());
    let told = ledger(&store);
    let (objects, _) = store.transact(|tx| tx.objects(ITEM, DATA, 0, 100_000)).unwrap();
    for name in acknowledged {
        assert!(told.contains(name), "the entry of {name}");
        let operation = store.transact(|tx| tx.get::<vault::Operation>(name)).unwrap();
        assert!(operation.is_some(), "the document of {name}");
        assert!(objects.iter().any(|object| object.name == *name), "the object {name}");
    }
    // What was not acknowledged is there wholly or not at all.
    for object in &objects {
        let bytes = fs::read(file(world.path(), DATA, object)).unwrap();
        assert_eq!(ledger::Digest::of(&bytes).to_string(), object.content);
        assert!(told.contains(&object.name));
    }
    assert_eq!(world.unfinished(), BTreeMap::new());
}

/// Runs one of the functions here in a process of its own that ends by itself, and not well.
fn crash(folder: &Path, name: &str) {
    let ended = spawn(folder, None, name).wait().unwrap();
    assert_eq!(ended.signal(), Some(6), "it is to abort: {ended}");
}

/// The store that a process opens in order to crash; none when nobody asked for that.
fn store_to_crash() -> Option<Store> {
    let folder = std::env::var_os(FOLDER)?;
    let place = Place {
        database: database(std::env::var(ADDRESS).ok().as_deref()),
        ..Place::folder(Path::new(&folder))
    };
    Some(Store::open_at(&place).unwrap())
}

fn spawn(folder: &Path, address: Option<&str>, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", name, "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .envs(address.map(|address| (ADDRESS, address)))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of its own: what the test above starts and kills.
#[test]
#[ignore = "started by another test, in a process of its own"]
fn writes_until_it_is_killed() {
    let Some(store) = store_to_crash() else {
        return;
    };
    let from = ledger(&store).len();
    for n in from.. {
        let bytes = vec![n as u8; 50_000 + n];
        let mut unfinished = store.blobs().begin(ITEM, DATA, &format!("unfinished-{n}")).unwrap();
        unfinished.write(&[&bytes]).unwrap();
        std::mem::forget(unfinished);
        let kept = upload(&store, DATA, &bytes).keep().unwrap();
        let object = object(&bytes);
        store
            .transact(|tx| {
                tx.record(entry(&object.name));
                tx.put(&operation(&object.name))?;
                tx.put_object(ITEM, DATA, &object)
            })
            .unwrap();
        drop(kept);
        let mut out = std::io::stdout().lock();
        writeln!(out, "ack {}", object.name).unwrap();
        out.flush().unwrap();
    }
}
