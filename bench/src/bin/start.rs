//! Starting with many role assignments in the store: opening it and making the first decision, against one scan of the
//! table and against loading cedar with the same organisation.
//!
//! `start [ASSIGNMENTS] [ROUNDS]`; for profiling, also `start fill|scan|open FOLDER ASSIGNMENTS`

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use arm::{ObjectId, TenantId};
use bench::engines::load_cedar;
use bench::estate::{Estate, now};
use bench::http::estate::{entry, explain};
use bench::report::Report;
use bench::stats::median;
use directory::{Domain, Group, Subscription, SubscriptionState, Tenant, Upn, User};
use rusqlite::{Connection, OpenFlags};
use store::{Store, Transaction};
use uuid::Uuid;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// As a multiple of one scan.
const TIMES_SCAN: f64 = 2.0;
/// How many times faster than cedar.
const TIMES_CEDAR: f64 = 20.0;

const SEED: u64 = 1;
const TENANT: TenantId = TenantId(Uuid::from_u128(0x1111));
/// How many documents are written at once.
const TOGETHER: usize = 10_000;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: &str| arguments.get(at).map_or(usual, String::as_str).parse::<usize>();
    let folder = || arguments.get(1).map(Path::new).context("no folder");
    match arguments.first().map(String::as_str) {
        Some("fill") => fill(folder()?, &Estate::new(number(2, "")?, SEED))?,
        Some("scan") => println!("{}", scan(folder()?)?),
        Some("open") => println!("{}", open(folder()?, &Estate::new(number(2, "")?, SEED))?),
        Some("cedar") => println!("{}", cedar(&Estate::new(number(2, "")?, SEED))),
        _ => compare(number(0, "1000000")?, number(1, "5")?)?,
    }
    Ok(())
}

fn compare(assignments: usize, rounds: usize) -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let estate = Estate::new(assignments, SEED);
    fill(folder.path(), &estate)?;
    let (users, groups) = (estate.users(), estate.principals.len() - estate.users());
    drop(estate);
    let (mut scans, mut opens) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        scans.push(measure("scan", folder.path(), assignments)?);
        opens.push(measure("open", folder.path(), assignments)?);
    }
    // Once: the difference is large, and it takes long.
    let cedar = measure("cedar", folder.path(), assignments)?;
    let ratios = scans.iter().zip(&opens).map(|(scan, open)| open / scan).collect::<Vec<_>>();
    let (scan, open, times) = (median(scans), median(opens), median(ratios));
    let mut report = Report::new("start", "Starting with many role assignments");
    report.say(&format!(
        "{assignments} role assignments, {users} users and {groups} groups in the store; medians of {rounds} interleaved \
         rounds, each in a process of its own, with the file in the page cache."
    ));
    report.table(
        &["", "time"],
        &[
            vec!["one scan of the table".into(), format!("{scan:.2} s")],
            vec!["open the store and make the first decision".into(), format!("{open:.2} s")],
            vec!["load cedar-policy with the same, from memory".into(), format!("{cedar:.1} s")],
        ],
    );
    report.limit(&format!("start / scan, at most {TIMES_SCAN}"), times, times <= TIMES_SCAN);
    let faster = cedar / open;
    report.limit(&format!("cedar / start, at least {TIMES_CEDAR}"), faster, faster >= TIMES_CEDAR);
    report.finish()
}

/// Fills a store with an organisation, and lets its write-ahead log be folded into the database.
fn fill(folder: &Path, estate: &Estate) -> anyhow::Result<()> {
    let store = Store::open(folder)?;
    let domain = Domain::parse("backup.example").map_err(explain)?;
    let tenant = Tenant { id: TENANT, name: "backup".into(), domain, created: now() };
    let first = |tx: &mut Transaction| {
        tx.put(&tenant)?;
        for scope in estate.subscriptions() {
            let id = scope.subscription_id().ok_or_else(|| arm::Error::internal("no subscription"))?;
            tx.put(&Subscription {
                id,
                tenant: TENANT,
                name: id.to_string(),
                state: SubscriptionState::Enabled,
            })?;
        }
        for role in estate.roles.iter().filter(|role| rbac::builtin_role(role.id).is_none()) {
            tx.put(&rbac::RoleDefinition {
                assignable_scopes: estate.subscriptions().to_vec(),
                ..role.clone()
            })?;
        }
        tx.record(entry(now()));
        Ok(())
    };
    store.transact(first).map_err(explain)?;
    let (users, groups) = estate.principals.split_at(estate.users());
    let user = |(number, id): (usize, &ObjectId)| {
        let upn = Upn::parse(&format!("user{number}@backup.example"))?;
        User::member(&tenant, *id, upn, format!("User {number}"), now())
    };
    write(&store, users.iter().enumerate().map(user), |tx, user| tx.put(user))?;
    let mut members = vec![BTreeSet::new(); groups.len()];
    for (group, member) in &estate.memberships {
        members[*group - users.len()].insert(estate.principals[*member]);
    }
    let group = |(number, (id, members)): (usize, (&ObjectId, BTreeSet<ObjectId>))| Group {
        id: *id,
        tenant: TENANT,
        name: format!("Group {number}"),
        mail_nickname: format!("group{number}"),
        description: None,
        members,
    };
    let groups = groups.iter().zip(members).enumerate().map(group).map(Ok);
    write(&store, groups, |tx, group| tx.put(group))?;
    write(&store, estate.assignments().map(Ok), |tx, assignment| tx.put(assignment))?;
    store.close();
    Ok(())
}

fn write<D>(
    store: &Store,
    mut documents: impl Iterator<Item = arm::Result<D>>,
    put: impl Fn(&mut Transaction, &D) -> arm::Result<()>,
) -> anyhow::Result<()> {
    loop {
        let some = documents.by_ref().take(TOGETHER).collect::<arm::Result<Vec<D>>>().map_err(explain)?;
        if some.is_empty() {
            return Ok(());
        }
        let fill = |tx: &mut Transaction| {
            some.iter().try_for_each(|document| put(tx, document))?;
            tx.record(entry(now()));
            Ok(())
        };
        store.transact(fill).map_err(explain)?;
    }
}

/// Seconds, measured in a process of its own.
fn measure(what: &str, folder: &Path, assignments: usize) -> anyhow::Result<f64> {
    let output =
        Command::new(std::env::current_exe()?).arg(what).arg(folder).arg(assignments.to_string()).output()?;
    let why = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{what} ended with {}: {why}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}

/// Reads every byte of every document's row once.
fn scan(folder: &Path) -> anyhow::Result<f64> {
    let begin = Instant::now();
    let database =
        Connection::open_with_flags(folder.join("countersign.db"), OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let mut statement = database.prepare("SELECT key, revision, body FROM documents")?;
    let mut rows = statement.query([])?;
    let mut sum = 0u64;
    while let Some(row) = rows.next()? {
        let bytes = row.get_ref(0)?.as_str()?.bytes().chain(row.get_ref(2)?.as_str()?.bytes());
        sum = sum
            .wrapping_add(bytes.map(u64::from).sum::<u64>())
            .wrapping_add(row.get_ref(1)?.as_i64()? as u64);
    }
    ensure!(std::hint::black_box(sum) > 0, "nothing was read");
    Ok(begin.elapsed().as_secs_f64())
}

/// From nothing to the first answer, which is yes: it is about what a user was given.
fn open(folder: &Path, estate: &Estate) -> anyhow::Result<f64> {
    let granted = estate.granted();
    let mut given = estate.live().filter(|live| live.principal < estate.users());
    let asked =
        given.find_map(|live| Some((live, *granted[live.role].first()?))).context("nobody may anything")?;
    let (given, action) = asked;
    let (user, scope, action) =
        (estate.principals[given.principal], &estate.scopes[given.scope], estate.actions[action].as_str());
    let begin = Instant::now();
    let store = Store::open(folder)?;
    let allowed = store.transact(|tx| tx.access()?.may(user, action, scope, now()));
    let seconds = begin.elapsed().as_secs_f64();
    allowed.map_err(explain)?.context("what was given is refused")?;
    Ok(seconds)
}

/// Loads cedar, which is handed an organisation that is in memory already.
fn cedar(estate: &Estate) -> f64 {
    let begin = Instant::now();
    let engines = load_cedar(estate);
    let seconds = begin.elapsed().as_secs_f64();
    drop(engines);
    seconds
}
