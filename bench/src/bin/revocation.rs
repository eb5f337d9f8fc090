//! Revocation: from the answer of the call that revokes a role on, nobody is allowed by it; and what the revoking commit
//! costs against a bare durable commit of the same rows.
//!
//! `revocation [ROUNDS] [ASSIGNMENTS]`

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow, ensure};
use arm::{ObjectId, ResourceId};
use bench::http::client::{Connection, Request};
use bench::http::estate::{self, BACKUP, BACKUP_SUB, Estate, VISITOR, explain};
use bench::report::Report;
use bench::stats::median;
use jiff::Timestamp;
use rbac::{Assignment, role_ids};
use rusqlite::params;
use serde_json::json;
use store::Store;
use uuid::Uuid;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As a multiple of the bare commit.
const TIMES_BARE: f64 = 1.1;

const ACTION: &str = "Microsoft.RecoveryServices/Vaults/read";

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().as_deref().unwrap_or("200").parse()?;
    let assignments: usize = arguments.next().as_deref().unwrap_or("100000").parse()?;
    let mut report = Report::new("revocation", "Revocation");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(through_the_front_door(&mut report, rounds.min(50), assignments))?;
    cost(&mut report, rounds, assignments)?;
    report.finish()
}

/// What the second thread sees.
#[derive(Default)]
struct Watch {
    checks: AtomicU64,
    /// When the last check began that was allowed.
    allowed: Mutex<Option<Instant>>,
    stop: AtomicBool,
}

async fn through_the_front_door(
    report: &mut Report,
    rounds: usize,
    assignments: usize,
) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let estate = Estate::start(folder.path(), 1, assignments).await?;
    let scope = estate::vault_id(0).map_err(explain)?;
    let path =
        format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::from_u128(0xdead));
    let headers = vec![
        ("content-type".to_string(), "application/json".to_string()),
        ("authorization".into(), format!("Bearer {}", estate.token(BACKUP).await?)),
    ];
    let reader = format!(
        "/subscriptions/{BACKUP_SUB}/providers/Microsoft.Authorization/roleDefinitions/{}",
        role_ids::READER
    );
    let body = json!({ "properties": {
        "roleDefinitionId": reader, "principalId": VISITOR.0, "principalType": "ServicePrincipal",
    }});
    let path = format!("{path}?api-version=2022-04-01");
    let request = |method: &str, body: String| Request {
        method: method.into(),
        path: path.clone(),
        headers: headers.clone(),
        body,
    };
    let (give, take) = (request("PUT", body.to_string()), request("DELETE", String::new()));
    let mut connection = Connection::open(estate.address, &estate.ca).await?;

    let watch = Arc::new(Watch::default());
    let store = estate.running.app().store.clone();
    let watching = std::thread::spawn({
        let (watch, scope) = (Arc::clone(&watch), scope.clone());
        move || check_in_a_loop(&store, &watch, &scope)
    });
    let mut late = 0;
    let mut slack = Vec::new();
    for _ in 0..rounds {
        connection.ask(&connection.bytes(&give)).await?;
        let given = Instant::now();
        wait_until(|| last_allowed(&watch).is_some_and(|at| at > given)).await?;
        connection.ask(&connection.bytes(&take)).await?;
        let answered = Instant::now();
        let seen = watch.checks.load(Ordering::SeqCst);
        wait_until(|| watch.checks.load(Ordering::SeqCst) >= seen + 100).await?;
        let last = last_allowed(&watch).context("nothing was ever allowed")?;
        late += usize::from(last >= answered);
        slack.push(answered.saturating_duration_since(last).as_secs_f64() * 1e6);
    }
    watch.stop.store(true, Ordering::SeqCst);
    watching.join().map_err(|_| anyhow!("the second thread panicked"))??;
    report.say(&format!(
        "{rounds} times a role was given and revoked over HTTPS, among {assignments} others, while a second thread asked in a \
         loop ({} checks). The last check that was allowed began {:.0} µs before the answer to the revoking call (median).",
        watch.checks.load(Ordering::SeqCst),
        median(slack)
    ));
    report.limit("checks that began after the answer and were allowed, none", late as f64, late == 0);
    Ok(())
}

fn check_in_a_loop(store: &Store, watch: &Watch, scope: &ResourceId) -> anyhow::Result<()> {
    while !watch.stop.load(Ordering::SeqCst) {
        let begin = Instant::now();
        let allowed = store
            .transact(|tx| Ok(tx.access()?.may(VISITOR, ACTION, scope, Timestamp::UNIX_EPOCH)?.is_some()))
            .map_err(explain)?;
        if allowed && let Ok(mut last) = watch.allowed.lock() {
            *last = Some(begin);
        }
        watch.checks.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
}

fn last_allowed(watch: &Watch) -> Option<Instant> {
    *watch.allowed.lock().ok()?
}

async fn wait_until(holds: impl Fn() -> bool) -> anyhow::Result<()> {
    let begin = Instant::now();
    while !holds() {
        ensure!(begin.elapsed() < Duration::from_secs(120), "the second thread does not get on");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(())
}

/// The revoking commit, until a decision that denies was made, against a bare commit of the same rows by one writer thread.
fn cost(report: &mut Report, rounds: usize, assignments: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let now = Timestamp::UNIX_EPOCH;
    let store = Store::open(&folder.path().join("data"))?;
    store.transact(|tx| estate::organisations(tx, now)).map_err(explain)?;
    estate::fill_assignments(&store, assignments, now)?;
    let scopes: Vec<ResourceId> = (0..rounds)
        .map(|number| estate::group(BACKUP_SUB, &format!("revoked{number}")))
        .collect::<arm::Result<_>>()
        .map_err(explain)?;
    let name = Uuid::from_u128(0xdead);
    let give = |tx: &mut store::Transaction| {
        for scope in &scopes {
            estate::grant(tx, VISITOR, role_ids::READER, scope, name)?;
        }
        tx.record(estate::entry(now));
        Ok(())
    };
    store.transact(give).map_err(explain)?;
    ensure!(may(&store, VISITOR, &scopes[0])?, "what was given does not count");
    let bare = Bare::start(&folder.path().join("data/countersign.db"), &folder.path().join("bare.db"))?;
    let (mut revoking, mut plain) = (Vec::new(), Vec::new());
    for scope in &scopes {
        let key = scope
            .child(&format!("providers/Microsoft.Authorization/roleAssignments/{name}"))
            .map_err(explain)?
            .folded()
            .to_string();
        let begin = Instant::now();
        bare.delete(&key)?;
        plain.push(begin.elapsed().as_secs_f64() * 1e6);
        let begin = Instant::now();
        let revoke = |tx: &mut store::Transaction| {
            tx.delete::<Assignment>(&key);
            tx.record(estate::entry(now));
            Ok(())
        };
        store.transact(revoke).map_err(explain)?;
        ensure!(!may(&store, VISITOR, scope)?, "a revoked role counts");
        revoking.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    let (revoking, plain) = (median(revoking), median(plain));
    report.say(&format!("{rounds} revocations in a store with {assignments} role assignments, medians."));
    let rows = [
        vec!["a bare durable commit of the same rows".into(), format!("{plain:.0} µs")],
        vec!["revoke, until a decision has denied".into(), format!("{revoking:.0} µs")],
    ];
    report.table(&["", "time"], &rows);
    let times = revoking / plain;
    report.limit(&format!("revoke / bare commit, at most {TIMES_BARE}"), times, times <= TIMES_BARE);
    Ok(())
}

fn may(store: &Store, who: ObjectId, scope: &ResourceId) -> anyhow::Result<bool> {
    let check =
        store.transact(|tx| Ok(tx.access()?.may(who, ACTION, scope, Timestamp::UNIX_EPOCH)?.is_some()));
    check.map_err(explain)
}

/// One thread that writes what it is told into a copy of the database.
struct Bare {
    queue: Sender<(String, Sender<bool>)>,
}

impl Bare {
    fn start(from: &Path, to: &Path) -> anyhow::Result<Self> {
        let source = rusqlite::Connection::open(from)?;
        let to = to.to_str().context("a path that is not text")?;
        source.execute("VACUUM INTO ?1", [to])?;
        let connection = rusqlite::Connection::open(to)?;
        connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
        let (queue, jobs) = channel();
        std::thread::spawn(move || write(&connection, &jobs));
        Ok(Self { queue })
    }

    fn delete(&self, key: &str) -> anyhow::Result<()> {
        let (done, answer) = channel();
        self.queue.send((key.to_string(), done)).map_err(|_| anyhow!("the bare writer ended"))?;
        ensure!(answer.recv()?, "the bare writer failed");
        Ok(())
    }
}

fn write(connection: &rusqlite::Connection, jobs: &Receiver<(String, Sender<bool>)>) {
    for (key, done) in jobs {
        let written = delete(connection, &key);
        if let Err(error) = &written {
            eprintln!("the bare writer failed: {error}");
        }
        let _ = done.send(written.is_ok());
    }
}

/// The rows that the revoking commit writes: the document, both counters, the log of what access reads, the ledger.
fn delete(connection: &rusqlite::Connection, key: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    connection
        .prepare_cached("DELETE FROM documents WHERE kind = 'roleAssignment' AND key = ?1")?
        .execute([key])?;
    for name in ["revision", "access"] {
        connection
            .prepare_cached("UPDATE counters SET value = value + 1 WHERE name = ?1")?
            .execute([name])?;
    }
    connection
        .prepare_cached(
            "INSERT INTO access_log (revision, kind, key)
             SELECT value, 'roleAssignment', ?1 FROM counters WHERE name = 'access'",
        )?
        .execute([key])?;
    connection
        .prepare_cached(
            "INSERT INTO ledger (sequence, canonical, leaf, chain) SELECT max(sequence) + 1, ?1, ?2, ?2 FROM ledger",
        )?
        .execute(params![[b'x'; 400], [1u8; 32]])?;
    connection.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}
