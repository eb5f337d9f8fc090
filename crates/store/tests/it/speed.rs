//! How long it takes to start with many role assignments, and to revoke one. Measurements, for a release build on a
//! quiet machine: `cargo test --release -p store speed -- --ignored --nocapture --test-threads=1`.

use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use arm::{ObjectId, ResourceId};
use rbac::{Assignment, PrincipalKind, builtin_roles};
use rusqlite::{Connection, params};
use store::{Document, Store, Transaction};
use uuid::Uuid;

use crate::access::{alice, assignment, populate, set_role};
use crate::world::{SUBSCRIPTION, entry, now};

#[expect(clippy::disallowed_methods, reason = "this measures how long something takes")]
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = std::time::Instant::now();
    let result = work();
    (result, start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The time that the work takes when nothing else gets into its way.
fn best(times: Vec<Duration>) -> Duration {
    times.into_iter().min().unwrap()
}

/// A data folder with so many role assignments, written as the server writes them: most of ten thousand users at some
/// resource, a tenth with a window.
fn fill(folder: &Path, count: u128) {
    let store = Store::open(folder).unwrap();
    populate(&store);
    set_role(&store, true);
    let users = 10_000;
    store
        .transact(|tx| {
            tx.record(entry("users"));
            for user in 0..users {
                tx.put(&directory::User { id: ObjectId(Uuid::from_u128(1000 + user)), ..alice() })?;
            }
            Ok(())
        })
        .unwrap();
    store.close();
    // In the order of the keys, which is how the table is arranged.
    let mut documents: Vec<Assignment> = (0..count).map(|n| document(n, users)).collect();
    documents.sort_unstable_by(|one, two| one.id.cmp(&two.id));
    let database = Connection::open(folder.join("countersign.db")).unwrap();
    database.execute_batch("PRAGMA synchronous = OFF; BEGIN").unwrap();
    let sql = "INSERT INTO documents (kind, key, lookup, revision, body) VALUES (?1, ?2, ?3, ?4, ?5)";
    let mut insert = database.prepare(sql).unwrap();
    for made in documents {
        let body = serde_json::to_string(&made).unwrap();
        insert.execute(params!["roleAssignment", made.key(), made.lookup(), 1_i64, body]).unwrap();
    }
    database.execute_batch("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

fn document(n: u128, users: u128) -> Assignment {
    let (group, vault) = (n % 1000, n % 100_000);
    let below =
        format!("resourceGroups/Group-{group}/providers/Microsoft.RecoveryServices/vaults/Vault-{vault}");
    let scope = ResourceId::parse(SUBSCRIPTION).unwrap().child(&below).unwrap();
    let name = Uuid::from_u128(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let id = scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{name}")).unwrap();
    let holder = ObjectId(Uuid::from_u128(1000 + n % users));
    let role = builtin_roles()[usize::try_from(n % 7).unwrap()].id;
    Assignment {
        window: n.is_multiple_of(10).then(|| rbac::Window { start: now(), end: None }),
        created_on: Some(now()),
        updated_on: Some(now()),
        created_by: Some(alice().id),
        updated_by: Some(alice().id),
        ..Assignment::new(id, scope, role, holder, PrincipalKind::User)
    }
}

/// Reads every byte of the table, as plainly as can be.
fn scan(database: &Connection) -> u64 {
    let words = |bytes: &[u8]| {
        let (words, rest) = bytes.as_chunks::<8>();
        let words = words.iter().fold(0, |sum, word| sum ^ u64::from_le_bytes(*word));
        rest.iter().fold(words, |sum, byte| sum ^ u64::from(*byte))
    };
    let mut statement = database.prepare("SELECT key, revision, body FROM documents").unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut sum = 0;
    while let Some(row) = rows.next().unwrap() {
        let text = |column| words(row.get_ref(column).unwrap().as_bytes().unwrap());
        sum ^= text(0) ^ text(2) ^ row.get::<_, i64>(1).unwrap().unsigned_abs();
    }
    sum
}

#[test]
#[ignore = "a measurement, of some minutes in a debug build"]
fn start() {
    let folder = tempfile::tempdir().unwrap();
    fill(folder.path(), 1_000_000);
    let (mut scans, mut loads) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let database = Connection::open(folder.path().join("countersign.db")).unwrap();
        scans.push(timed(|| black_box(scan(&database))).1);
        drop(database);
        let store = Store::open(folder.path()).unwrap();
        let (access, time) = timed(|| store.transact(|tx| tx.access()).unwrap());
        loads.push(time);
        assert_eq!(access.revision(), 3);
        store.close();
    }
    let (scan, load) = (best(scans), best(loads));
    println!("1,000,000 assignments: scan {scan:?}, load {load:?}: {:.2}", load.div_duration_f64(scan));
}

/// The rows that a revocation writes, in one durable commit of their own.
fn bare(database: &mut Connection, key: &str, n: i64) {
    let run = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
        database.prepare_cached(sql).unwrap().execute(values).unwrap();
    };
    run("BEGIN IMMEDIATE", &[]);
    run("DELETE FROM documents WHERE kind = 'roleAssignment' AND key = ?1", &[&key]);
    let counter = "INSERT INTO counters (name, value) VALUES (?1, ?2)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    run(counter, &[&"revision", &n]);
    run(counter, &[&"access", &n]);
    run("INSERT INTO access_log (revision, kind, key) VALUES (?1, 'roleAssignment', ?2)", &[&n, &key]);
    let canonical = [0_u8; 300];
    run(
        "INSERT INTO ledger (sequence, canonical, leaf, chain) VALUES (?1, ?2, ?3, ?3)",
        &[&n, &canonical.as_slice(), &[0_u8; 32].as_slice()],
    );
    run("COMMIT", &[]);
}

#[test]
#[ignore = "a measurement, of some minutes in a debug build"]
fn revocation() {
    let (ours, plain) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fill(ours.path(), 100_000);
    fill(plain.path(), 100_000);
    let store = Store::open(ours.path()).unwrap();
    drop(Store::open(plain.path()).unwrap());
    let mut database = Connection::open(plain.path().join("countersign.db")).unwrap();
    database.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL").unwrap();
    let scope = ResourceId::parse(SUBSCRIPTION).unwrap();
    let may = |tx: &mut Transaction| {
        let access = tx.access()?;
        Ok(access.may(alice().id, "Microsoft.RecoveryServices/vaults/read", &scope, now())?.is_some())
    };
    let (mut bares, mut commits, mut denials, mut again) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let key = assignment(1).key();
    for n in 0..2000 {
        set_role(&store, true);
        assert_eq!(store.transact(may), Ok(true));
        let body = serde_json::to_string(&assignment(1)).unwrap();
        let put = "INSERT INTO documents (kind, key, revision, body) VALUES ('roleAssignment', ?1, 1, ?2)
            ON CONFLICT (kind, key) DO NOTHING";
        database.execute(put, params![key, body]).unwrap();
        bares.push(timed(|| bare(&mut database, &key, 1_000_000 + n)).1);
        commits.push(timed(|| set_role(&store, false)).1);
        let (allowed, time) = timed(|| store.transact(may));
        denials.push(time);
        store.transact(|tx| tx.put(&crate::world::operation("x"))).unwrap();
        again.push(timed(|| store.transact(may)).1);
        assert_eq!(allowed, Ok(false));
    }
    let both = commits.iter().zip(&denials).map(|(commit, denial)| *commit + *denial).collect();
    let [bare, commit, denial, again, both] = [bares, commits, denials, again, both].map(median);
    println!("revocation: bare commit {bare:?}, ours {commit:?}");
    println!("then denied within {denial:?}, and the next time within {again:?}");
    println!("together {both:?}: {:.2}", both.div_duration_f64(bare));
}
