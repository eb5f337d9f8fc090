//! What pages of the portal are made from, of an item with very many recovery points: a month of them, how many there are on
//! each day of a year, and the item itself. Measured is the whole decision with its answer, when nothing has changed since the
//! last one, and right after another recovery point arrived.
//!
//! `portal [POINTS] [ROUNDS]`

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use arm::ResourceId;
use bench::http::estate::{BACKUP, Estate, ROBOT, apply, entry, explain, policy_id, vault_id};
use bench::report::{Report, duration};
use bench::stats::{nanoseconds, quantile};
use jiff::{SignedDuration, Timestamp};
use ledger::ActorKind;
use serde_json::Value;
use server::app::App;
use server::arm::call::{Request, SignedIn};
use server::arm::dispatch::dispatch;
use server::arm::route::Method;
use store::Transaction;
use uuid::Uuid;
use vault::{Container, Edit, ProtectedItem, Protection, RecoveryPoint, Vault, VaultChange};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// For a question while nothing changes, in milliseconds.
const LIMIT: f64 = 3.0;
/// Recovery points that are written at once.
const TOGETHER: usize = 500;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: &str| arguments.get(at).map_or(usual, String::as_str).parse::<usize>();
    let (points, rounds) = (number(0, "10000")?, number(1, "200")?);
    let folder = tempfile::tempdir()?;
    let estate = Estate::start(folder.path(), 1, 10_000).await?;
    let app = estate.running.app();
    let now = app.edge.now();
    let item = fill(app, points, now)?;
    let questions = questions(&item.id, now);
    let mut report = Report::new("portal", "What pages are made from");
    report.say(&format!(
        "An item with {points} recovery points in a vault; {rounds} rounds, each a decision with its answer, in the process \
         of the server."
    ));
    let (mut rows, mut slowest) = (Vec::new(), Vec::new());
    for (name, path, query) in &questions {
        let mut quiet = Vec::new();
        for _ in 0..rounds {
            quiet.push(ask(app, path, query, points).await?);
        }
        let mut disturbed = Vec::new();
        for round in 0..(rounds / 10).max(1) {
            arrive(app, &item, &format!("{:x>64}", format!("{name:.3}{round}")), now)?;
            disturbed.push(ask(app, path, query, points).await?);
        }
        let [middle, late] = [0.5, 0.99].map(|share| quantile(&mut quiet, share));
        rows.push(vec![
            (*name).to_string(),
            duration(middle),
            duration(late),
            duration(quantile(&mut disturbed, 0.5)),
        ]);
        slowest.push((*name, late / 1e6));
    }
    report.table(&["", "median", "99 of 100", "after an arrival, median"], &rows);
    for (name, late) in slowest {
        report.limit(&format!("{name}: 99 of 100 in at most {LIMIT} ms"), late, late <= LIMIT);
    }
    report.finish()
}

type Question = (&'static str, ResourceId, BTreeMap<String, String>);

/// What a page asks for.
fn questions(item: &ResourceId, now: Timestamp) -> Vec<Question> {
    let child = |name: &str| item.child(name).unwrap_or_else(|_| item.clone());
    let month = now - SignedDuration::from_hours(24 * 31);
    let version = || BTreeMap::from([("api-version".to_string(), "2026-08-01".to_string())]);
    let mut of_month = version();
    of_month.insert("$filter".into(), format!("startDate eq '{month}' and endDate eq '{now}'"));
    vec![
        ("a month", child("recoveryPoints"), of_month),
        ("the first page of all", child("recoveryPoints"), version()),
        ("a year by days", child("recoveryPointSummaries"), version()),
        ("the item", item.clone(), version()),
    ]
}

/// Asks, and returns how long it took, in nanoseconds.
async fn ask(
    app: &App,
    path: &ResourceId,
    query: &BTreeMap<String, String>,
    points: usize,
) -> anyhow::Result<f64> {
    let request = request(app, path, query)?;
    let begun = std::time::Instant::now();
    let reply = dispatch(app, request).await.map_err(explain)?;
    let took = nanoseconds(begun.elapsed());
    let body = reply.body.context("an answer without a body")?;
    let count = |pointer: &str| body.pointer(pointer).and_then(Value::as_u64);
    let total = count("/properties/totalCount").or(count("/properties/extendedInfo/recoveryPointCount"));
    let listed = body.get("value").and_then(Value::as_array).map(Vec::len);
    ensure!(
        total.is_some_and(|total| total >= points as u64) || listed.is_some_and(|listed| listed > 20),
        "it is not about all points: {body}"
    );
    Ok(took)
}

fn request(app: &App, path: &ResourceId, query: &BTreeMap<String, String>) -> anyhow::Result<Request> {
    let access = app.store.transact(|tx| tx.access()).map_err(explain)?;
    let robot = access.principal(ROBOT).context("no robot")?;
    Ok(Request {
        method: Method::Get,
        path: path.clone(),
        query: query.clone(),
        body: Value::Null,
        origin: "https://localhost".into(),
        graph_origin: "https://localhost".into(),
        correlation: Uuid::nil(),
        signed_in: SignedIn {
            tenant: BACKUP,
            object: ROBOT,
            person: robot.person.context("a robot that is nobody")?.to_string(),
            kind: ActorKind::ServicePrincipal,
            name: robot.name.clone(),
            amr: Vec::new(),
            auth_time: Some(app.edge.now()),
            acrs: Vec::new(),
            answers_challenges: false,
            family: None,
        },
        auxiliary: Vec::new(),
        address: None,
    })
}

/// Makes an item whose recovery points arrived every hour, and are all kept.
fn fill(app: &App, points: usize, now: Timestamp) -> anyhow::Result<ProtectedItem> {
    let vault = vault_id(0).map_err(explain)?;
    let below = |id: &ResourceId, rest: &str| id.child(rest).map_err(explain);
    let container = below(&vault, "backupFabrics/Azure/protectionContainers/host")?;
    let item = ProtectedItem {
        created: now,
        deletion: None,
        friendly_name: "files".into(),
        frozen: None,
        id: below(&container, "protectedItems/files")?,
        instance: None,
        item_type: "MabFileFolderProtectedItem".into(),
        policy: Some(policy_id(0).map_err(explain)?),
        protection: Protection::Protected,
        short: "filesfilesfiles".into(),
        source: None,
        standstill: None,
    };
    let made = |tx: &mut Transaction| {
        let stored: Vault = tx.resource(&vault)?.ok_or_else(|| arm::Error::internal("no vault"))?;
        let container = Container {
            backup_management_type: "MAB".into(),
            container_type: "Windows".into(),
            friendly_name: "host".into(),
            id: container.clone(),
            registered: now,
        };
        apply(tx, VaultChange::container(None, container))?;
        apply(tx, VaultChange::item(&stored, Edit::create(item.clone()), None, None)?)?;
        tx.record(entry(now));
        Ok(())
    };
    app.store.transact(made).map_err(explain)?;
    let numbers: Vec<usize> = (0..points).collect();
    for some in numbers.chunks(TOGETHER) {
        let arrived = |tx: &mut Transaction| {
            for number in some {
                let at = now - SignedDuration::from_hours(*number as i64 + 1);
                apply(tx, VaultChange::recovery_point(point(&item, &format!("{number:064x}"), at)?))?;
            }
            tx.record(entry(now));
            Ok(())
        };
        app.store.transact(arrived).map_err(explain)?;
    }
    Ok(item)
}

fn arrive(app: &App, item: &ProtectedItem, name: &str, at: Timestamp) -> anyhow::Result<()> {
    let arrived = |tx: &mut Transaction| {
        apply(tx, VaultChange::recovery_point(point(item, name, at)?))?;
        tx.record(entry(at));
        Ok(())
    };
    app.store.transact(arrived).map_err(explain)
}

fn point(item: &ProtectedItem, name: &str, at: Timestamp) -> arm::Result<RecoveryPoint> {
    Ok(RecoveryPoint {
        at,
        id: item.id.child(&format!("recoveryPoints/{name}"))?,
        label: None,
        policy: item.policy.clone(),
        repository: item.short.clone(),
        retain_until: Some(at + SignedDuration::from_hours(24 * 3650)),
        snapshot: name.into(),
        written_by: "bench".into(),
    })
}
