//! How long the server takes for whole pages of the portal, as a browser receives them over TLS: those of an item with very
//! many recovery points and of its vault, and those that look at all vaults. Measured are a vault at rest, and the first
//! look right after another backup arrived.
//!
//! `portal [POINTS] [ROUNDS]`

use std::path::Path;

use anyhow::{Context as _, ensure};
use arm::{ObjectId, ResourceId};
use bench::http::client::{Connection, Request};
use bench::http::estate::{
    BACKUP, BACKUP_SUB, Estate, SECURITY, apply, entry, explain, grant, guard_id, policy_id, vault_id,
};
use bench::report::{Report, duration};
use bench::stats::{nanoseconds, quantile};
use directory::session::Session;
use directory::{Method, Person, SecretDigest, SignIn, Tenant, Upn, User};
use jiff::{SignedDuration, Timestamp};
use rbac::role_ids;
use server::app::App;
use store::Transaction;
use uuid::Uuid;
use vault::{Container, Edit, Job, ProtectedItem, Protection, RecoveryPoint, Vault, VaultChange, vault_of};

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What a page may take, in milliseconds.
const LIMIT: f64 = 10.0;
/// Recovery points that are written at once.
const TOGETHER: usize = 500;
/// Vaults when there are many. Each has so many items, each of which has so many recovery points but for the large one.
const MANY: usize = 100;
const ITEMS: usize = 10;
const FEW: usize = 14;
/// Who looks: the owner of the vaults' subscription, and as a guest a reader of the guard.
const ALICE: ObjectId = ObjectId(Uuid::from_u128(0xa11ce));
const ALICE_THERE: ObjectId = ObjectId(Uuid::from_u128(0xa11cf));
/// What her browser's cookie holds.
const COOKIE: &str = "the-cookie-of-a-session-that-this-benchmark-has-made";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, usual: &str| arguments.get(at).map_or(usual, String::as_str).parse::<usize>();
    let (points, rounds) = (number(0, "10000")?, number(1, "200")?);
    let mut report = Report::new("portal", "Pages of the portal");
    report.say(&format!(
        "Each page is asked for {rounds} times over TLS on a connection that is open, and received whole; then the same right \
         after another backup arrived at the large item."
    ));
    report.say(&format!("One vault with {ITEMS} items, one of them with {points} recovery points:"));
    let late = measure(&mut report, 1, points, rounds, pages).await?;
    for (name, late) in late {
        report.limit(&format!("{name}: 99 of 100 in at most {LIMIT} ms"), late, late <= LIMIT);
    }
    report.say(&format!("{MANY} such vaults:"));
    measure(&mut report, MANY, points, rounds, |_, _| Ok(of_all())).await?;
    report.finish()
}

/// Fills so many vaults, measures pages and tables them. Returns what 99 of 100 requests for each took at the most, in
/// milliseconds.
async fn measure(
    report: &mut Report,
    vaults: usize,
    points: usize,
    rounds: usize,
    pages: impl Fn(&ProtectedItem, Timestamp) -> anyhow::Result<Vec<Page>>,
) -> anyhow::Result<Vec<(&'static str, f64)>> {
    let folder = tempfile::tempdir()?;
    let estate = Estate::start(folder.path(), vaults, 10_000).await?;
    let app = estate.running.app();
    let now = app.edge.now();
    sign_in(app, now)?;
    let large = fill(app, vaults, points, now)?;
    let mut browser = Browser::open(&estate, folder.path()).await?;
    let (mut rows, mut slowest) = (Vec::new(), Vec::new());
    let mut arrivals = 0;
    for (name, address, shows) in &pages(&large, now)? {
        let mut quiet = Vec::new();
        let mut size = 0;
        for _ in 0..rounds {
            let (took, bytes) = browser.look(address, shows).await?;
            quiet.push(took);
            size = bytes;
        }
        let mut disturbed = Vec::new();
        for _ in 0..(rounds / 10).max(1) {
            arrivals += 1;
            arrive(app, &large, &format!("{arrivals:a>64}"), now)?;
            disturbed.push(browser.look(address, shows).await?.0);
        }
        let [middle, late] = [0.5, 0.99].map(|share| quantile(&mut quiet, share));
        rows.push(vec![
            (*name).to_string(),
            duration(middle),
            duration(late),
            duration(quantile(&mut disturbed, 0.5)),
            format!("{:.1} kB", size as f64 / 1e3),
        ]);
        eprintln!("{name}: {}", duration(middle));
        slowest.push((*name, late / 1e6));
    }
    report.table(&["", "median", "99 of 100", "after an arrival, median", "HTML"], &rows);
    Ok(slowest)
}

/// A page's name, its address, and what it has to show.
type Page = (&'static str, String, &'static str);

fn pages(item: &ProtectedItem, now: Timestamp) -> anyhow::Result<Vec<Page>> {
    let vault = vault_id(0).map_err(explain)?;
    let guard = guard_id().map_err(explain)?;
    let point = item.id.child(&format!("recoveryPoints/{:064x}", 7)).map_err(explain)?;
    let at = |page: &str, id: &ResourceId| format!("/portal/{page}{}", id.as_str());
    let month = now.strftime("%Y-%m");
    let mut pages = of_all();
    pages.extend([
        ("vault", at("vaults/overview", &vault), "vault0"),
        ("its items", at("items/list", &vault), "files"),
        ("its jobs", at("vaults/jobs", &vault), "Backup"),
        ("its alerts", at("vaults/alerts", &vault), "vault0"),
        ("its activity", at("vaults/activity", &vault), "vault0"),
        ("the large item", at("items/overview", &item.id), "files"),
        ("its calendar", format!("{}?month={month}", at("items/points", &item.id)), "month-hint"),
        ("one recovery point", at("items/point", &point), "files"),
        ("the guard", at("guards/overview", &guard), "guard"),
        ("privileged access", "/portal/privileged".into(), "roles"),
        ("access control", at("access/scope", &vault), "alice"),
        ("people", "/portal/people".into(), "alice"),
        ("the ledger", format!("/portal/ledger?resource={}", vault.as_str().replace('/', "%2F")), "vault0"),
    ]);
    Ok(pages)
}

/// Those that look at all vaults.
fn of_all() -> Vec<Page> {
    vec![("home", "/portal/".into(), "vault"), ("vaults", "/portal/vaults".into(), "vault0")]
}

/// A browser of somebody who has signed in.
struct Browser {
    connection: Connection,
}

impl Browser {
    async fn open(estate: &Estate, folder: &Path) -> anyhow::Result<Self> {
        Ok(Self { connection: Connection::open(estate.address, &folder.join("tls/ca.pem")).await? })
    }

    /// Opens a page; how long it took, in nanoseconds, and its size in bytes.
    async fn look(&mut self, address: &str, shows: &str) -> anyhow::Result<(f64, usize)> {
        let request = Request {
            method: "GET".into(),
            path: address.into(),
            headers: vec![("cookie".into(), format!("__Host-countersign={COOKIE}"))],
            body: String::new(),
        };
        let request = self.connection.bytes(&request);
        let begun = std::time::Instant::now();
        let page = self.connection.ask(&request).await.with_context(|| address.to_string())?;
        let took = nanoseconds(begun.elapsed());
        ensure!(page.contains(shows), "{address} does not show “{shows}”");
        ensure!(page.ends_with("</html>\n") || page.ends_with("</html>"), "{address} is not whole");
        Ok((took, page.len()))
    }
}

/// Makes the one who looks, and her session.
fn sign_in(app: &App, now: Timestamp) -> anyhow::Result<()> {
    let made = |tx: &mut Transaction| {
        let missing = || arm::Error::internal("no directory");
        let here: Tenant = tx.get(&BACKUP.to_string())?.ok_or_else(missing)?;
        let there: Tenant = tx.get(&SECURITY.to_string())?.ok_or_else(missing)?;
        let name = Upn::parse("alice@backup.example")?;
        let alice = User::member(&here, ALICE, name, "alice", now)?;
        let guest = alice.as_guest_of(&there, ALICE_THERE, now)?;
        tx.put(&alice)?;
        tx.put(&guest)?;
        grant(tx, ALICE, role_ids::OWNER, &ResourceId::subscription(BACKUP_SUB), ALICE.0)?;
        grant(tx, ALICE_THERE, role_ids::READER, &guard_id()?, ALICE_THERE.0)?;
        let sign_in = SignIn {
            person: Person::Human { tenant: BACKUP, object: ALICE },
            methods: vec![Method::Pwd],
            at: now,
        };
        tx.put(&Session {
            digest: SecretDigest::of(COOKIE),
            sign_in,
            family: Uuid::from_u128(0xfa),
            directory: BACKUP,
            seen: now,
        })?;
        tx.record(entry(now));
        Ok(())
    };
    app.store.transact(made).map_err(explain)
}

/// Makes the items and their recovery points, all of which are kept. Those of the large one, which is returned, arrived every
/// hour, those of the others every day.
fn fill(app: &App, vaults: usize, points: usize, now: Timestamp) -> anyhow::Result<ProtectedItem> {
    let mut large = None;
    for number in 0..vaults {
        let made = |tx: &mut Transaction| items(tx, number, now);
        for (nth, item) in app.store.transact(made).map_err(explain)?.into_iter().enumerate() {
            let is_large = (number, nth) == (0, 0);
            let (count, hours) = if is_large { (points, 1) } else { (FEW, 24) };
            let numbers: Vec<usize> = (0..count).collect();
            for some in numbers.chunks(TOGETHER) {
                let arrived = |tx: &mut Transaction| {
                    for number in some {
                        let at = now - SignedDuration::from_hours((*number as i64 + 1) * hours);
                        backup(app, tx, &item, &format!("{number:064x}"), at)?;
                    }
                    Ok(())
                };
                app.store.transact(arrived).map_err(explain)?;
            }
            if is_large {
                large = Some(item);
            }
        }
    }
    large.context("no items")
}

/// Makes the items of a vault.
fn items(tx: &mut Transaction, number: usize, now: Timestamp) -> arm::Result<Vec<ProtectedItem>> {
    let vault = vault_id(number)?;
    let stored: Vault = tx.resource(&vault)?.ok_or_else(|| arm::Error::internal("no vault"))?;
    let id = vault.child("backupFabrics/Azure/protectionContainers/host")?;
    let container = Container {
        backup_management_type: "MAB".into(),
        container_type: "Windows".into(),
        friendly_name: "host".into(),
        id: id.clone(),
        registered: now,
    };
    apply(tx, VaultChange::container(None, container))?;
    let mut items = Vec::new();
    for nth in 0..ITEMS {
        let item = ProtectedItem {
            created: now,
            deletion: None,
            friendly_name: format!("files{nth}"),
            frozen: None,
            id: id.child(&format!("protectedItems/files{nth}"))?,
            instance: None,
            item_type: "MabFileFolderProtectedItem".into(),
            policy: Some(policy_id(number)?),
            protection: Protection::Protected,
            short: format!("v{number}i{nth}"),
            source: None,
            standstill: None,
        };
        apply(tx, VaultChange::item(&stored, Edit::create(item.clone()), None, None)?)?;
        items.push(item);
    }
    tx.record(entry(now));
    Ok(items)
}

fn arrive(app: &App, item: &ProtectedItem, name: &str, at: Timestamp) -> anyhow::Result<()> {
    app.store.transact(|tx| backup(app, tx, item, name, at)).map_err(explain)
}

/// What a backup leaves: a recovery point, a job, and an entry in the ledger.
fn backup(
    app: &App,
    tx: &mut Transaction,
    item: &ProtectedItem,
    name: &str,
    at: Timestamp,
) -> arm::Result<()> {
    let id = item.id.child(&format!("recoveryPoints/{name}"))?;
    let mut entry = entry(at);
    entry.operation = "repository.snapshot.arrive".into();
    entry.target = id.to_string();
    let point = RecoveryPoint {
        at,
        id,
        label: None,
        policy: item.policy.clone(),
        repository: item.short.clone(),
        retain_until: Some(at + SignedDuration::from_hours(24 * 3650)),
        snapshot: name.into(),
        written_by: "bench".into(),
    };
    apply(tx, VaultChange::recovery_point(point))?;
    tx.put(&Job::about(item, &vault_of(&item.id), &app.edge.uuid().to_string(), "Backup", at)?)?;
    tx.record(entry);
    Ok(())
}
