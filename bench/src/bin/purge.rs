//! The decision what of a large repository may be purged: how long it takes, and what memory.
//!
//! ```sh
//! cargo run --release --bin purge                       # 1,000,000 objects, 10,000 recovery points: a minute to build
//! cargo run --release --bin purge -- --objects 1e5
//! ```
//!
//! Most objects are deleted, all recovery points are kept, and nearly all that is deleted is needed by some of them: the
//! decision has to look at each object, and finds little. It is the one that a server makes, out of a SQLite file.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use arm::{Region, ResourceId};
use bench::stats::median;
use clap::Parser;
use jiff::{SignedDuration, Timestamp};
use ledger::{Actor, ActorKind, Entry, Verdict};
use mua::{GuardAnswer, Presented, VaultKind};
use server::freeing::Freeable;
use store::{Object, ObjectType, Store, Transaction};
use vault::{
    Edit, Feature, FreeSettings, Immutability, ProtectedItem, Protection, RecoveryPoint, SoftDelete, Stamp,
    Vault, VaultChange,
};

/// How long the decision may take.
const LIMIT: Duration = Duration::from_secs(2);
const ITEM: &str = "iiiiiiiiiiiiiiii";
/// What one commit writes at a time.
const AT_ONCE: usize = 5000;

#[derive(Parser)]
struct Arguments {
    /// Objects in the repository.
    #[arg(long, default_value_t = 1e6)]
    objects: f64,
    /// Recovery points.
    #[arg(long, default_value_t = 1e4)]
    points: f64,
    #[arg(long, default_value_t = 5)]
    rounds: usize,
}

fn start() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 55)
}

fn vault_id() -> Result<ResourceId> {
    let id = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg/providers/\
              Microsoft.RecoveryServices/vaults/v";
    ResourceId::parse(id).map_err(|error| anyhow::anyhow!("{error:?}"))
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let (objects, points) = (arguments.objects as usize, arguments.points as usize);
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path()).context("the store")?;
    let begun = Instant::now();
    let now = build(&store, objects, points)?;
    println!("{objects} objects and {points} recovery points, built in {:.1?}", begun.elapsed());
    let item = item(vault_id()?)?;
    let mut times = Vec::new();
    let mut found = (0, 0);
    for _ in 0..arguments.rounds {
        let begun = Instant::now();
        found = ok(store.transact(|tx| decide(tx, &item, now)))?;
        times.push(begun.elapsed().as_secs_f64());
    }
    let time = Duration::from_secs_f64(median(times));
    println!(
        "the decision: {time:.2?} (median of {}); {} of {} deleted objects may go",
        arguments.rounds, found.1, found.0
    );
    println!("peak memory: {} MB", peak_memory()?);
    if time > LIMIT {
        bail!("the limit is {LIMIT:?}");
    }
    Ok(())
}

/// How many deleted objects there are, and how many of them may be purged.
fn decide(tx: &mut Transaction, item: &ProtectedItem, now: Timestamp) -> arm::Result<(u64, u64)> {
    let freeable = Freeable::read(tx, &item.id)?.map_err(arm::Error::internal)?;
    let needs = freeable.needs(tx, now)?;
    let (mut deleted, mut unneeded) = (0, 0);
    tx.each_deleted(&item.short, 0, &mut |object| {
        deleted += 1;
        unneeded += u64::from(needs.may_purge(object.kind(), &object.lifetime, now));
        ControlFlow::Continue(())
    })?;
    Ok((deleted, unneeded))
}

/// Backups every hour: some packs and a snapshot each, of which all but the last tenth are deleted in the end. Returns when
/// they are deleted for long enough.
fn build(store: &Store, objects: usize, points: usize) -> Result<Timestamp> {
    let vault = vault(vault_id()?)?;
    let item = item(vault_id()?)?;
    apply(store, vec![VaultChange::vault(None, vault.clone())])?;
    apply(store, vec![VaultChange::item(&vault, Edit::create(item.clone()), None, None)])?;
    let packs = objects.saturating_sub(points);
    let each = packs.div_ceil(points.max(1));
    let mut arriving = Vec::new();
    for point in 0..points {
        let at = start() + SignedDuration::from_hours(i64::try_from(point)?);
        let mine = (point * each)..((point + 1) * each).min(packs);
        arriving.extend(mine.map(|number| (ObjectType::Data, object(b'd', number, at))));
        arriving.push((ObjectType::Snapshots, object(b's', point, at)));
    }
    for some in arriving.chunks(AT_ONCE) {
        ok(store.transact(|tx| {
            some.iter().try_for_each(|(object_type, object)| tx.put_object(ITEM, *object_type, object))
        }))?;
    }
    let snapshots: Vec<&Object> =
        arriving.iter().filter(|(of, _)| *of == ObjectType::Snapshots).map(|(_, object)| object).collect();
    for some in snapshots.chunks(500) {
        let changes = some.iter().map(|snapshot| {
            let id = item.id.child(&format!("recoveryPoints/{}", snapshot.name));
            id.map(|id| {
                VaultChange::recovery_point(RecoveryPoint {
                    at: snapshot.at,
                    id,
                    label: None,
                    policy: None,
                    repository: ITEM.into(),
                    retain_until: None,
                    snapshot: snapshot.name.clone(),
                    written_by: "bench".into(),
                })
            })
        });
        apply(store, changes.collect())?;
    }
    let end = start() + SignedDuration::from_hours(i64::try_from(points)?);
    let leaving = arriving.len() - arriving.len() / 10;
    for some in arriving[..leaving].chunks(AT_ONCE) {
        ok(store.transact(|tx| {
            for (object_type, object) in some {
                tx.tombstone_object(ITEM, *object_type, &object.name, end, "bench");
            }
            Ok(())
        }))?;
    }
    Ok(end + SignedDuration::from_hours(24 * 30))
}

fn object(kind: u8, number: usize, at: Timestamp) -> Object {
    let name = format!("{kind:02x}{number:062x}");
    Object { content: name.clone(), name, size: 16 << 20, at, by: "bench".into() }
}

fn vault(id: ResourceId) -> Result<Vault> {
    let stamp = Stamp { by: "bench".into(), kind: "User".into(), at: start() };
    Ok(Vault {
        id,
        short: "vvvvvvvvvvvvvvvv".into(),
        location: Region::parse("westeurope").context("a region")?,
        soft_delete: SoftDelete::default(),
        enhanced_security: Feature::Enabled,
        immutability: Immutability::Disabled,
        encryption: None,
        free: FreeSettings::default(),
        created: stamp.clone(),
        modified: stamp,
    })
}

fn item(vault: ResourceId) -> Result<ProtectedItem> {
    let id = vault.child("backupFabrics/Azure/protectionContainers/c/protectedItems/i");
    Ok(ProtectedItem {
        standstill: None,
        id: ok(id)?,
        short: ITEM.into(),
        item_type: "MabFileFolderProtectedItem".into(),
        friendly_name: "bench".into(),
        frozen: None,
        source: None,
        policy: None,
        protection: Protection::Protected,
        deletion: None,
        instance: None,
        created: start(),
    })
}

/// Writes changes that need nobody's consent.
fn apply(store: &Store, changes: Vec<arm::Result<VaultChange>>) -> Result<()> {
    let changes: Vec<VaultChange> = ok(changes.into_iter().collect())?;
    ok(store.transact(|tx| {
        for change in &changes {
            let presented = Presented { callers: &[], requests: &[], unlocks: &[] };
            let unasked = |_: &_| GuardAnswer::Unavailable { why: "bench".into() };
            let kind = VaultKind::RecoveryServices;
            let clearance = mua::clear(change.clone(), kind, None, &presented, &unasked, start())?;
            tx.apply(clearance.map_err(|_| arm::Error::internal("it needs consent"))?)?;
        }
        tx.record(entry());
        Ok(())
    }))
}

fn entry() -> Entry {
    let nil = uuid::Uuid::nil();
    Entry {
        sequence: 0,
        at: start(),
        correlation: nil,
        actor: Actor {
            person: "bench".into(),
            object: nil,
            tenant: nil,
            kind: ActorKind::System,
            name: "bench".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: "bench".into(),
        target: "/".into(),
        change: None,
        verdict: Verdict::Done,
        reason: "bench".into(),
        consent: Vec::new(),
        facts: Default::default(),
    }
}

fn ok<T>(result: arm::Result<T>) -> Result<T> {
    result.map_err(|error| anyhow::anyhow!("{}", error.internal.unwrap_or(error.message)))
}

/// The most memory that this process ever had, in MB.
fn peak_memory() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no VmHWM")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1024)
}
