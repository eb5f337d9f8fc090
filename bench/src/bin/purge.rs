//! The decision what of a large repository may be purged: how long it takes, and what memory.
//!
//! ```sh
//! cargo run --release --bin purge                       # 1,000,000 objects, 10,000 recovery points: minutes to build
//! cargo run --release --bin purge -- --objects 1e5
//! ```
//!
//! In both cases the decision has to look at each object. In the first one nearly everything is deleted in the end, all
//! recovery points are kept, and need all of it. In the second one a client prunes as it goes, and half of the points are
//! over: nearly half of all objects may go. It is the decision that a server makes, out of a SQLite file. What it takes to
//! purge all of that afterwards, page by page, is shown beside it.

use std::ops::{ControlFlow, Range};
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
/// What one commit of a purge removes, as in the server.
const PAGE: u32 = 2000;
/// After how many more backups a client prunes what came with one.
const LIVES: usize = 100;

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

/// When that many hours are over.
fn hours(number: usize) -> Timestamp {
    start() + SignedDuration::from_hours(number as i64)
}

fn start() -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * 365 * 55)
}

fn vault_id() -> Result<ResourceId> {
    let id = "/subscriptions/00000000-0000-0000-0000-00000000000b/resourceGroups/rg/providers/\
              Microsoft.RecoveryServices/vaults/v";
    ResourceId::parse(id).map_err(|error| anyhow::anyhow!("{error:?}"))
}

/// Which deleted objects there are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// All but the last tenth, deleted in the end; every point is kept.
    AllNeeded,
    /// What is [`LIVES`] points old, deleted then; the older half of the points is over.
    HalfOver,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let all_needed = measure(&arguments, Case::AllNeeded, "all points are kept")?;
    let half_over = measure(&arguments, Case::HalfOver, "half of the points are over")?;
    println!("peak memory: {} MB", peak_memory()?);
    if all_needed.max(half_over) > LIMIT {
        bail!("the limit is {LIMIT:?}");
    }
    Ok(())
}

/// How long the decision takes.
fn measure(arguments: &Arguments, case: Case, told: &str) -> Result<Duration> {
    let (objects, points) = (arguments.objects as usize, arguments.points as usize);
    let folder = tempfile::tempdir()?;
    let store = Store::open(folder.path()).context("the store")?;
    let begun = Instant::now();
    let now = Build { store: &store, written: Vec::new() }.all(objects, points, case)?;
    println!("{objects} objects and {points} recovery points, {told}; built in {:.1?}", begun.elapsed());
    let item = item(vault_id()?)?;
    let mut times = Vec::new();
    let (mut deleted, mut unneeded) = (0, 0);
    for _ in 0..arguments.rounds {
        let begun = Instant::now();
        (deleted, unneeded) = ok(store.transact(|tx| decide(tx, &item, now)))?;
        times.push(begun.elapsed().as_secs_f64());
    }
    let time = Duration::from_secs_f64(median(times));
    println!(
        "the decision: {time:.2?} (median of {}); {unneeded} of {deleted} deleted objects may go",
        arguments.rounds
    );
    if (case == Case::HalfOver) != (unneeded > 0) {
        bail!("that is not the case that was to be measured");
    }
    let begun = Instant::now();
    let purged = purge(&store, &item, now)?;
    println!("purging {purged} objects: {:.1?}", begun.elapsed());
    if purged != unneeded {
        bail!("that is not what was decided");
    }
    Ok(time)
}

/// How many deleted objects there are, and how many of them may be purged.
fn decide(tx: &mut Transaction, item: &ProtectedItem, now: Timestamp) -> arm::Result<(u64, u64)> {
    let freeable = Freeable::read(tx, &item.id)?.map_err(arm::Error::internal)?;
    let needs = freeable.needs(&freeable.arrivals(tx)?, now);
    let (mut deleted, mut unneeded) = (0, 0);
    tx.each_deleted(&item.short, 0, &mut |object| {
        deleted += 1;
        unneeded += u64::from(needs.may_purge(object.kind(), &object.lifetime, now));
        ControlFlow::Continue(())
    })?;
    Ok((deleted, unneeded))
}

/// Purges page by page, as the server does.
fn purge(store: &Store, item: &ProtectedItem, now: Timestamp) -> Result<u64> {
    let (mut after, mut purged) = (Some(0), 0);
    while let Some(from) = after {
        let page = ok(store.transact(|tx| {
            let freeable = Freeable::read(tx, &item.id)?.map_err(arm::Error::internal)?;
            let needs = freeable.needs(&freeable.arrivals(tx)?, now);
            tx.record(entry());
            tx.purge_deleted(&item.short, &needs, now, from, PAGE)
        }))?;
        after = page.next;
        purged += page.objects;
    }
    Ok(purged)
}

/// What happens to an object.
enum Step {
    Put(ObjectType, Object),
    Delete(ObjectType, String, Timestamp),
}

/// A repository on its way.
struct Build<'a> {
    store: &'a Store,
    /// What the next commit writes.
    written: Vec<Step>,
}

impl Build<'_> {
    /// Backups every hour: some packs and a snapshot each. Returns when the last deletions are long enough ago.
    fn all(mut self, objects: usize, points: usize, case: Case) -> Result<Timestamp> {
        let vault = vault(vault_id()?)?;
        let item = item(vault_id()?)?;
        apply(self.store, vec![VaultChange::vault(None, vault.clone())])?;
        apply(self.store, vec![VaultChange::item(&vault, Edit::create(item.clone()), None, None)])?;
        let packs = objects.saturating_sub(points);
        let each = packs.div_ceil(points.max(1));
        let of = |point: usize| (point * each).min(packs)..((point + 1) * each).min(packs);
        for point in 0..points {
            let now = hours(point);
            for number in of(point) {
                self.step(Step::Put(ObjectType::Data, object(b'd', number, now)))?;
            }
            self.step(Step::Put(ObjectType::Snapshots, object(b's', point, now)))?;
            if let Some(old) = point.checked_sub(LIVES).filter(|_| case == Case::HalfOver) {
                self.delete(old, of(old), now)?;
            }
        }
        let end = hours(points);
        if case == Case::AllNeeded {
            for point in 0..points - points / 10 {
                self.delete(point, of(point), end)?;
            }
        }
        self.commit()?;
        for some in (0..points).collect::<Vec<_>>().chunks(500) {
            let changes = some.iter().map(|&point| {
                let is_over = case == Case::HalfOver && point < points / 2;
                recovery_point(&item, object(b's', point, hours(point)), is_over)
            });
            apply(self.store, changes.collect())?;
        }
        Ok(end + SignedDuration::from_hours(24 * 30))
    }

    /// A client prunes all that came with a point.
    fn delete(&mut self, point: usize, packs: Range<usize>, at: Timestamp) -> Result<()> {
        for number in packs {
            self.step(Step::Delete(ObjectType::Data, object(b'd', number, at).name, at))?;
        }
        self.step(Step::Delete(ObjectType::Snapshots, object(b's', point, at).name, at))
    }

    fn step(&mut self, step: Step) -> Result<()> {
        self.written.push(step);
        if self.written.len() >= AT_ONCE { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<()> {
        ok(self.store.transact(|tx| {
            self.written.iter().try_for_each(|step| match step {
                Step::Put(object_type, object) => tx.put_object(ITEM, *object_type, object),
                Step::Delete(object_type, name, at) => {
                    tx.tombstone_object(ITEM, *object_type, name, *at, "bench");
                    Ok(())
                }
            })
        }))?;
        self.written.clear();
        Ok(())
    }
}

/// The point of a snapshot: one that is kept for good, or that was over as soon as it was there.
fn recovery_point(item: &ProtectedItem, snapshot: Object, is_over: bool) -> arm::Result<VaultChange> {
    Ok(VaultChange::recovery_point(RecoveryPoint {
        at: snapshot.at,
        id: item.id.child(&format!("recoveryPoints/{}", snapshot.name))?,
        label: None,
        policy: None,
        repository: ITEM.into(),
        retain_until: is_over.then_some(snapshot.at),
        snapshot: snapshot.name,
        written_by: "bench".into(),
    }))
}

fn object(kind: u8, number: usize, at: Timestamp) -> Object {
    let name = format!("{kind:02x}{number:062x}");
    Object { content: name.clone(), name, size: 16 << 20, at, by: "bench".into(), checksum: None }
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
