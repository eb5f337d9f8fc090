//! A guarded, durable write over HTTPS: the whole door, on vaults that are linked to a Resource Guard, against a handler
//! that does nothing, one SQLite transaction per request, and a bare group-committed SQLite insert.
//!
//! `write [SECONDS] [ROUNDS] [ASSIGNMENTS]`; the first is how long each measurement takes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::Context as _;
use bench::http::client::{self, Outcome, Plan, Request};
use bench::http::estate::{self, BACKUP, Estate, SECURITY};
use bench::http::peers::{self, Sizes};
use bench::report::Report;
use bench::stats::median;
use mua::CriticalOperation;
use rusqlite::Connection;
use serde_json::json;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many clients ask at the same time.
const CLIENTS: [usize; 3] = [1, 16, 64];

/// What a guarded write may cost, as a share of the bare group-committed insert.
const SHARE_OF_BARE: f64 = 0.7;
/// What it must do, as a multiple of one transaction per request, with the most clients.
const TIMES_ONE_TRANSACTION: f64 = 2.0;
/// How often the disk may be told to flush for one group of requests.
const FLUSHES_PER_GROUP: f64 = 2.0;

/// Somebody who is asked.
struct Subject {
    name: &'static str,
    address: SocketAddr,
    ca: PathBuf,
    /// By client.
    requests: Vec<Vec<Request>>,
}

const ONE_TRANSACTION: usize = 1;
const BARE: usize = 2;
const SETTINGS: usize = 3;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next();
    if first.as_deref() == Some("load") {
        return client::run_load();
    }
    let seconds: f64 = first.as_deref().unwrap_or("2").parse()?;
    let rounds: usize = arguments.next().as_deref().unwrap_or("5").parse()?;
    let assignments: usize = arguments.next().as_deref().unwrap_or("100000").parse()?;
    let only = arguments.next();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let folder = tempfile::tempdir()?;
    let (estate, subjects) = runtime.block_on(subjects(folder.path(), assignments, only.is_some()))?;

    if let Some(only) = only {
        // For profiling: one of them, alone.
        let subject =
            subjects.iter().find(|subject| subject.name.contains(&only)).context("no such subject")?;
        for clients in CLIENTS {
            println!("{} {clients}: {:?}", subject.name, measure(subject, clients, seconds)?);
        }
        return Ok(());
    }
    let mut measured = Vec::new();
    for clients in CLIENTS {
        let mut outcomes: Vec<Vec<Outcome>> = vec![Vec::new(); subjects.len()];
        for _ in 0..rounds {
            for (subject, outcomes) in subjects.iter().zip(&mut outcomes) {
                outcomes.push(measure(subject, clients, seconds)?);
            }
        }
        measured.push(outcomes);
    }
    let flushes = flushes(&subjects[SETTINGS], &estate);
    report(&subjects, &measured, flushes, (seconds, rounds, assignments))
}

fn measure(subject: &Subject, clients: usize, seconds: f64) -> anyhow::Result<Outcome> {
    let clients = subject.requests[..clients].to_vec();
    client::load(&Plan { address: subject.address, ca: subject.ca.clone(), clients, seconds })
        .with_context(|| subject.name)
}

async fn subjects(
    folder: &std::path::Path,
    assignments: usize,
    one_token: bool,
) -> anyhow::Result<(Estate, Vec<Subject>)> {
    let most = CLIENTS[CLIENTS.len() - 1];
    let estate = Estate::start(&folder.join("data"), most, assignments).await?;
    let (mut settings, mut policies, mut consented) = (Vec::new(), Vec::new(), Vec::new());
    let mut tokens = None;
    for number in 0..most {
        if tokens.is_none() || !one_token {
            tokens = Some((estate.token(BACKUP).await?, estate.token(SECURITY).await?));
        }
        let (main, there) = tokens.as_ref().context("no tokens")?;
        settings.push(vec![put_settings(number, main)?]);
        policies.push(vec![put_policy(number, 30, main, None)?]);
        // Down needs consent, and up again does not.
        let days = [29, 30];
        let changes = days.map(|days| put_policy(number, days, main, Some(there)));
        consented.push(changes.into_iter().collect::<anyhow::Result<_>>()?);
    }
    let sizes = sizes(&estate, folder, &settings[0][0]).await?;
    let edge = server::edge::Edge::new(
        std::sync::Arc::new(server::edge::SystemClock::start(None)),
        std::sync::Arc::new(server::edge::SystemEntropy),
    );
    let tls = server::configure_tls(&folder.join("tls"), None, &edge, &estate.running.app().store)?;
    let others = [
        ("a handler that does nothing", peers::noop()),
        ("one transaction per request", peers::one_transaction(&folder.join("one.db"), sizes)?),
        ("bare group-committed insert", peers::group_commit(&folder.join("bare.db"), sizes)?),
    ];
    let mut subjects = Vec::new();
    for (name, router) in others {
        let address = peers::serve(router, tls.clone()).await?;
        let ca = folder.join("tls/ca.pem");
        subjects.push(Subject { name, address, ca, requests: settings.clone() });
    }
    let ours = |name, requests| Subject { name, address: estate.address, ca: estate.ca.clone(), requests };
    subjects.push(ours("guarded PUT of soft delete", settings));
    subjects.push(ours("guarded PUT of a policy", policies));
    subjects.push(ours("PUT of a policy, every second one with consent", consented));
    Ok((estate, subjects))
}

/// A vault's soft delete is set again to what it is: every write of it goes through the door, and this one needs no consent.
fn put_settings(number: usize, token: &str) -> anyhow::Result<Request> {
    let vault = estate::vault_id(number).map_err(estate::explain)?;
    let properties = json!({ "softDeleteFeatureState": "Enabled" });
    Ok(put(format!("{vault}/backupconfig/vaultconfig"), token, &properties))
}

/// A policy is written again. Kept for longer or as long, it is not critical; kept for less long, it needs consent.
fn put_policy(number: usize, days: u32, token: &str, auxiliary: Option<&str>) -> anyhow::Result<Request> {
    let mut properties = estate::policy_body(days);
    let path = estate::policy_id(number).map_err(estate::explain)?.to_string();
    let Some(auxiliary) = auxiliary else {
        return Ok(put(path, token, &properties));
    };
    let kind = CriticalOperation::ModifyPolicy.request_kind();
    let request = format!("{}/{kind}/default", estate::guard_id().map_err(estate::explain)?);
    properties["resourceGuardOperationRequests"] = json!([request]);
    let mut put = put(path, token, &properties);
    put.headers.push(("x-ms-authorization-auxiliary".into(), format!("Bearer {auxiliary}")));
    Ok(put)
}

fn put(path: String, token: &str, properties: &serde_json::Value) -> Request {
    Request {
        method: "PUT".into(),
        path: format!("{path}?api-version=2026-08-01"),
        headers: vec![
            ("content-type".into(), "application/json".into()),
            ("authorization".into(), format!("Bearer {token}")),
        ],
        body: json!({ "properties": properties }).to_string(),
    }
}

/// How large the rows are that a guarded write leaves behind.
async fn sizes(estate: &Estate, folder: &std::path::Path, request: &Request) -> anyhow::Result<Sizes> {
    let mut connection = client::Connection::open(estate.address, &estate.ca).await?;
    connection.ask(&connection.bytes(request)).await?;
    let database = Connection::open(folder.join("data/countersign.db"))?;
    let one = |query: &str| -> anyhow::Result<usize> {
        Ok(usize::try_from(database.query_row(query, [], |row| row.get::<_, i64>(0))?)?)
    };
    Ok(Sizes {
        document: one("SELECT length(body) FROM documents WHERE kind = 'vault' LIMIT 1")?,
        entry: one("SELECT length(canonical) FROM ledger ORDER BY sequence DESC LIMIT 1")?,
    })
}

/// How often the kernel was told to flush, and for how many groups of requests, under full load. `None` where the
/// kernel's calls cannot be traced.
fn flushes(subject: &Subject, estate: &Estate) -> Option<(f64, f64)> {
    let pid = std::process::id().to_string();
    let mut tracer = Command::new("strace")
        .args(["-f", "-qq", "-e", "trace=fsync,fdatasync,sync_file_range", "-o", "/dev/stdout", "-p", &pid])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let output = tracer.stdout.take()?;
    let counter = std::thread::spawn(move || {
        use std::io::BufRead as _;
        let lines = std::io::BufReader::new(output).lines().map_while(Result::ok);
        lines.filter(|line| line.contains("sync") && !line.contains("resumed")).count()
    });
    std::thread::sleep(std::time::Duration::from_millis(500));
    let before = estate.running.app().store.tally().flushes;
    let outcome = measure(subject, subject.requests.len(), 1.0);
    let groups = estate.running.app().store.tally().flushes - before;
    let ended = Command::new("kill").arg("-INT").arg(tracer.id().to_string()).status();
    ended.ok()?;
    tracer.wait().ok()?;
    let flushes = counter.join().ok()?;
    outcome.ok()?;
    (flushes > 0 && groups > 0).then_some((flushes as f64, groups as f64))
}

fn report(
    subjects: &[Subject],
    measured: &[Vec<Vec<Outcome>>],
    flushes: Option<(f64, f64)>,
    (seconds, rounds, assignments): (f64, usize, usize),
) -> anyhow::Result<()> {
    let mut report = Report::new("write", "A guarded, durable write over HTTPS");
    report.say(&format!(
        "Requests per second (median latency, processor time of the server per request), medians of {rounds} interleaved rounds of {seconds} s; the clients in a \
         process of their own on the same machine; {assignments} role assignments."
    ));
    let rate = |outcomes: &[Outcome]| median(outcomes.iter().map(|outcome| outcome.per_second));
    let p50 = |outcomes: &[Outcome]| median(outcomes.iter().map(|outcome| outcome.p50));
    let cpu = |outcomes: &[Outcome]| median(outcomes.iter().map(|outcome| outcome.cpu));
    let mut heads = vec!["clients".to_string()];
    heads.extend(subjects.iter().map(|subject| subject.name.to_string()));
    heads.extend(["of bare".into(), "of one transaction".into()]);
    let mut rows = Vec::new();
    for (clients, outcomes) in CLIENTS.iter().zip(measured) {
        let rates: Vec<f64> = outcomes.iter().map(|outcomes| rate(outcomes)).collect();
        let mut row = vec![clients.to_string()];
        for (rate, outcomes) in rates.iter().zip(outcomes) {
            row.push(format!("{rate:.0} ({:.0} µs, {:.0} µs)", p50(outcomes), cpu(outcomes)));
        }
        let ours = &rates[SETTINGS..];
        let of = |below: f64| {
            ours.iter().map(|rate| format!("{:.2}", rate / below)).collect::<Vec<_>>().join(", ")
        };
        row.push(of(rates[BARE]));
        row.push(of(rates[ONE_TRANSACTION]));
        rows.push(row);
    }
    report.table(&heads, &rows);
    // Rounds are compared with themselves: what the machine did besides was the same for all.
    let ratio = |outcomes: &[Vec<Outcome>], below: usize| {
        let pairs = outcomes[SETTINGS].iter().zip(&outcomes[below]);
        median(pairs.map(|(ours, theirs)| ours.per_second / theirs.per_second))
    };
    for (clients, outcomes) in CLIENTS.iter().zip(measured) {
        let share = ratio(outcomes, BARE);
        let text = format!("{clients} clients, guarded PUT / bare insert, at least {SHARE_OF_BARE}");
        report.limit(&text, share, share >= SHARE_OF_BARE);
    }
    if let Some(outcomes) = measured.last() {
        let times = ratio(outcomes, ONE_TRANSACTION);
        let text = format!(
            "{} clients, guarded PUT / one transaction per request, at least {TIMES_ONE_TRANSACTION}",
            CLIENTS[CLIENTS.len() - 1]
        );
        report.limit(&text, times, times >= TIMES_ONE_TRANSACTION);
    }
    match flushes {
        Some((flushes, groups)) => {
            let each = flushes / groups;
            let text =
                format!("flushes per group commit, at most {FLUSHES_PER_GROUP} ({flushes} in {groups})");
            report.limit(&text, each, each <= FLUSHES_PER_GROUP);
        }
        None => report.say("The kernel's calls could not be traced here, so flushes were not counted."),
    }
    report.finish()
}
