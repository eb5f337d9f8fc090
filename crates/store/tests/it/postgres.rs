//! What is particular to PostgreSQL: the connection, which may go away, and the schema, which many may make.

use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Barrier;

use arm::ErrorKind;
use postgres::{Client, NoTls};
use store::{Inspector, Object, ObjectType, Place, Store, StoreError, Transaction};
use tempfile::TempDir;

use crate::proxy::{Loss, Proxy};
use crate::world::{
    ITEM, database, edit_item, entry, item, ledger, operation, postgres as new_database, save,
};

/// A store that reaches its database through a proxy; the database; and the store's folder.
fn proxied() -> (Store, Proxy, String, TempDir) {
    let direct = new_database();
    let proxy = Proxy::start(server(&direct));
    let (_, name) = direct.rsplit_once('/').unwrap();
    let address = format!("postgres://countersign@{}/{name}", proxy.address());
    let (store, folder) = open(&address);
    (store, proxy, direct, folder)
}

fn server(address: &str) -> SocketAddr {
    let (_, rest) = address.split_once('@').unwrap();
    let (host, _) = rest.split_once('/').unwrap();
    host.to_socket_addrs().unwrap().next().unwrap()
}

fn try_open(address: &str) -> (Result<Store, StoreError>, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: database(Some(address)), ..Place::folder(folder.path()) };
    (Store::open_at(&place), folder)
}

fn open(address: &str) -> (Store, TempDir) {
    let (store, folder) = try_open(address);
    (store.unwrap(), folder)
}

/// Says so once, and only if it was not said before.
fn say(store: &Store, what: &str) -> arm::Result<()> {
    store.transact(|tx: &mut Transaction| {
        if tx.get::<vault::Operation>(what)?.is_some() {
            return Err(arm::Error::forbidden("Again", "it was said before"));
        }
        tx.record(entry(what));
        tx.put(&operation(what))
    })
}

fn verified(address: &str) -> u64 {
    let inspector = Inspector::open(tempfile::tempdir().unwrap().path(), &database(Some(address))).unwrap();
    inspector.verify_ledger(None).unwrap().unwrap().size
}

#[test]
fn a_commit_whose_answer_is_lost_is_made_exactly_once() {
    let (store, proxy, direct, _folder) = proxied();
    say(&store, "before").unwrap();
    for loss in [Loss::Before, Loss::Answer] {
        for round in 0..5 {
            proxy.lose(loss);
            assert_eq!(say(&store, &format!("{loss:?} {round}")), Ok(()));
        }
    }
    say(&store, "after").unwrap();
    let mut told = ledger(&store);
    assert_eq!((told.len(), verified(&direct)), (12, 12));
    told.sort_unstable();
    told.dedup();
    assert_eq!(told.len(), 12, "each once");
    assert_eq!(store.tally().batches, 12);
}

/// The commit is still on its way when the store asks what became of it.
#[test]
fn a_commit_that_arrives_after_its_connection_is_settled_all_the_same() {
    let (store, proxy, direct, _folder) = proxied();
    say(&store, "before").unwrap();
    proxy.lose(Loss::Late);
    let mut watcher = Client::connect(&direct, NoTls).unwrap();
    std::thread::scope(|scope| {
        let saying = scope.spawn(|| say(&store, "late"));
        proxy.wait_for_held();
        // The question is there, and waits for the transaction that the commit would end.
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                     AND wait_event_type = 'Lock' AND query LIKE 'UPDATE flushes%'";
        while watcher.query_one(waits, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::yield_now();
        }
        proxy.release();
        assert_eq!(saying.join().unwrap(), Ok(()));
    });
    assert_eq!(ledger(&store), ["before", "late"]);
    assert_eq!(verified(&direct), 2);
}

#[test]
fn a_database_that_goes_away_is_waited_for_and_found_again() {
    let (store, proxy, direct, _folder) = proxied();
    say(&store, "before").unwrap();
    proxy.set_down(true);
    let away = say(&store, "away").unwrap_err();
    assert_eq!((away.kind, away.code.as_str()), (ErrorKind::Unavailable, "DatabaseUnavailable"));
    proxy.set_down(false);
    assert_eq!(say(&store, "back"), Ok(()));
    // Gone and back again between two requests, it is not even noticed.
    proxy.set_down(true);
    proxy.set_down(false);
    assert_eq!(say(&store, "again"), Ok(()));
    assert_eq!(ledger(&store), ["before", "back", "again"]);
    assert_eq!(verified(&direct), 3);
}

#[test]
fn an_answer_that_cannot_be_had_is_called_unknown_and_found_out_later() {
    let (store, proxy, _direct, _folder) = proxied();
    say(&store, "before").unwrap();
    // It goes away in the middle of a commit, and stays away.
    proxy.lose(Loss::Late);
    std::thread::scope(|scope| {
        let saying = scope.spawn(|| say(&store, "lost"));
        proxy.wait_for_held();
        proxy.set_down(true);
        let unknown = saying.join().unwrap().unwrap_err();
        assert_eq!(unknown.kind, ErrorKind::Unavailable);
        assert!(unknown.message.contains("not known whether"), "{}", unknown.message);
    });
    proxy.release();
    proxy.set_down(false);
    assert_eq!(say(&store, "after"), Ok(()));
    // Whatever became of it, it is so for good, and state and ledger agree.
    let told = ledger(&store);
    let there = told.contains(&"lost".to_string());
    assert_eq!(say(&store, "lost").is_ok(), !there);
    assert_eq!(ledger(&store).iter().filter(|said| *said == "lost").count(), 1);
}

#[test]
fn servers_that_start_at_once_on_an_empty_database_all_come_up() {
    let address = new_database();
    let barrier = Barrier::new(6);
    std::thread::scope(|scope| {
        for number in 0..6 {
            let (barrier, address) = (&barrier, &address);
            scope.spawn(move || {
                barrier.wait();
                let (store, _folder) = open(address);
                say(&store, &number.to_string()).unwrap();
            });
        }
    });
    assert_eq!(verified(&address), 6);
    // Each took its row along when it ended.
    let mut client = Client::connect(&address, NoTls).unwrap();
    let rows: i64 = client.query_one("SELECT count(*) FROM flushes", &[]).unwrap().get(0);
    assert_eq!(rows, 0);
}

#[test]
fn migrations_may_run_twice() {
    let address = new_database();
    let (store, _folder) = open(&address);
    say(&store, "before").unwrap();
    drop(store);
    let mut client = Client::connect(&address, NoTls).unwrap();
    client.batch_execute("UPDATE schema_number SET number = 0").unwrap();
    let (store, _folder) = open(&address);
    say(&store, "after").unwrap();
    assert_eq!(ledger(&store), ["before", "after"]);
    let number: i64 = client.query_one("SELECT number FROM schema_number", &[]).unwrap().get(0);
    assert_eq!(number, 6);
}

#[test]
fn what_is_older_than_checksums_has_none() {
    let address = new_database();
    let (store, _folder) = open(&address);
    store.transact(|tx| edit_item(tx, vault::Edit::create(item(ITEM)))).unwrap();
    let old = save(&store, ObjectType::Data, b"bytes").unwrap();
    drop(store);
    let mut client = Client::connect(&address, NoTls).unwrap();
    client
        .batch_execute("ALTER TABLE objects DROP COLUMN checksum; UPDATE schema_number SET number = 4")
        .unwrap();
    let (store, _folder) = open(&address);
    let new = save(&store, ObjectType::Data, b"more").unwrap();
    let found = |object: &Object| store.transact(|tx| tx.object(ITEM, ObjectType::Data, &object.name));
    assert_eq!(found(&old), Ok(Some(Object { checksum: None, ..old })));
    assert!(new.checksum.is_some());
    assert_eq!(found(&new), Ok(Some(new)));
}

#[test]
fn a_newer_schema_is_refused_and_left_alone() {
    let address = new_database();
    let (store, _folder) = open(&address);
    drop(store);
    let mut client = Client::connect(&address, NoTls).unwrap();
    client.batch_execute("UPDATE schema_number SET number = 99").unwrap();
    let (refused, _folder) = try_open(&address);
    assert!(matches!(refused.as_ref().err(), Some(StoreError::NewerSchema { found: 99, known: 6 })));
    let inspected = Inspector::open(tempfile::tempdir().unwrap().path(), &database(Some(&address)));
    assert!(matches!(inspected.err(), Some(StoreError::NewerSchema { found: 99, known: 6 })));
    let number: i64 = client.query_one("SELECT number FROM schema_number", &[]).unwrap().get(0);
    assert_eq!(number, 99);
}

#[test]
fn a_database_that_cannot_be_used_is_refused_in_so_many_words() {
    let address = new_database();
    let latin = format!("{address}_latin");
    let (_, name) = latin.rsplit_once('/').unwrap();
    let make = format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'");
    Client::connect(&address, NoTls).unwrap().batch_execute(&make).unwrap();
    for (wrong, why) in [
        (latin, "ENCODING 'UTF8'"),
        (format!("{address}_missing"), "does not exist"),
        (address.replace("countersign@", "nobody:sesame@"), "nobody"),
        ("postgres://u:sesame@127.0.0.1:1/x".into(), "refused"),
    ] {
        let (refused, _folder) = try_open(&wrong);
        let refused = refused.err().unwrap().to_string();
        assert!(refused.contains(why) && !refused.contains("sesame"), "{refused}");
    }
    // A ledger is not made by looking for one.
    let empty = new_database();
    let inspected = Inspector::open(tempfile::tempdir().unwrap().path(), &database(Some(&empty)));
    assert!(inspected.is_err());
}

#[test]
fn a_server_that_dies_while_all_wait_for_it_is_not_waited_for_for_long() {
    let address = new_database();
    let (store, _folder) = open(&address);
    say(&store, "before").unwrap();
    // It has its turn, and then its connection is closed.
    let mut other = Client::connect(&address, NoTls).unwrap();
    other.batch_execute("BEGIN; UPDATE counters SET value = value + 1 WHERE name = 'flush'").unwrap();
    std::thread::scope(|scope| {
        let saying = scope.spawn(|| say(&store, "waits"));
        let mut watcher = Client::connect(&address, NoTls).unwrap();
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
                     AND wait_event_type = 'Lock' AND query LIKE 'UPDATE counters%'";
        while watcher.query_one(waits, &[]).unwrap().get::<_, i64>(0) == 0 {
            std::thread::yield_now();
        }
        drop(other);
        assert_eq!(saying.join().unwrap(), Ok(()));
    });
    assert_eq!(ledger(&store), ["before", "waits"]);
}
