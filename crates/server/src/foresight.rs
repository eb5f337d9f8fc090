//! What the next purge of deleted objects would do, before it does it: the same decision, of which nothing is written.

mod pins;

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use arm::{ResourceId, Result};
use jiff::Timestamp;
use store::{ClockMark, DeletedObject, ObjectType, Transaction};
use vault::{ProtectedItem, RecoveryPoint, vault_of};

use self::pins::{Pin, Pins};
use crate::freeing::Freeable;

/// Objects and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub objects: u64,
    /// Their size in bytes. Where several lifetimes share bytes, those count once for each.
    pub bytes: u64,
}

impl Tally {
    fn add(&mut self, object: &DeletedObject) {
        self.objects += 1;
        self.bytes += object.size;
    }
}

/// Deleted objects that are kept for a recovery point, and perhaps for others that end earlier.
#[derive(Clone, Debug, PartialEq)]
pub struct Pinned {
    /// The point that needs them for the longest time.
    pub point: RecoveryPoint,
    /// Until when, as far as that is known; `None`: without end.
    pub until: Option<Timestamp>,
    /// What.
    pub tally: Tally,
}

/// What a purge would find of one item.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Findings {
    /// What it would remove.
    pub removed: Tally,
    /// The names of the snapshots whose recovery points it would end.
    pub ending: Vec<String>,
    /// What was deleted so recently that a backup under way may need it.
    pub recent: Tally,
    /// When the first of that may go, if no recovery point needs it.
    pub recent_until: Option<Timestamp>,
    /// What recovery points need, those that need it for the longest time first.
    pub pinned: Vec<Pinned>,
    /// What cannot be told apart, because it is not certain where some recovery point is in the repository's order: everything
    /// is kept for it.
    pub uncertain: Tally,
}

/// One item, and what a purge would find of it, or why it would leave it alone.
#[derive(Clone, Debug, PartialEq)]
pub struct Foresight {
    /// The item's id.
    pub item: ResourceId,
    /// What people call it.
    pub name: String,
    /// What there is to do.
    pub findings: Result<Findings, String>,
}

/// What a purge at `now` would do to every item, or to those of one vault, by its name or its id. A purge goes by the time
/// that servers have seen pass, so that this does.
///
/// # Errors
/// When the store cannot be read.
pub fn look(tx: &mut Transaction, vault: Option<&str>, now: Timestamp) -> Result<Vec<Foresight>> {
    let mark = tx.get::<ClockMark>(ClockMark::KEY)?.unwrap_or_else(|| ClockMark::at(now));
    // What nobody saw pass does not count.
    let settled = now.max(mark.at).checked_sub(mark.lag()).unwrap_or(now);
    let mut items: Vec<ProtectedItem> = tx.all()?;
    if let Some(vault) = vault {
        let is_meant = |id: &ResourceId| {
            id.name().eq_ignore_ascii_case(vault) || id.to_string().eq_ignore_ascii_case(vault)
        };
        items.retain(|item| is_meant(&vault_of(&item.id)));
    }
    items.into_iter().map(|item| look_at(tx, item, settled)).collect()
}

fn look_at(tx: &mut Transaction, item: ProtectedItem, now: Timestamp) -> Result<Foresight> {
    let findings = match Freeable::read(tx, &item.id)? {
        Ok(mut freeable) => {
            let policy = crate::keeping::policy_of(tx, &freeable.item)?;
            vault::keeping::extend(policy.as_ref(), &mut freeable.points, now, |_, _| {});
            Ok(find(tx, &freeable, now)?)
        }
        Err(why) => Err(why),
    };
    Ok(Foresight { item: item.id, name: item.friendly_name, findings })
}

fn find(tx: &Transaction, freeable: &Freeable, now: Timestamp) -> Result<Findings> {
    let arrivals = freeable.arrivals(tx)?;
    let needs = freeable.needs(&arrivals, now);
    let kept = freeable.kept(now);
    let points = freeable.points.iter().filter(|point| kept.keeps(point));
    let pins = points.map(|point| {
        Some(Pin { place: arrivals.find(&point.snapshot, point.at)?, until: kept.until(point), point })
    });
    // Where one of them has no place, everything is kept for it.
    let pins = pins.collect::<Option<Vec<_>>>();
    let pins = Pins::of(pins.unwrap_or_default(), freeable.vault.capture_window());
    let mut findings = Findings::default();
    let mut pinned: BTreeMap<usize, Tally> = BTreeMap::new();
    let mut gone: BTreeMap<String, usize> = BTreeMap::new();
    tx.each_deleted(&freeable.item.short, 0, &mut |object| {
        if needs.may_purge(object.kind(), &object.lifetime, now) {
            findings.removed.add(&object);
            if object.object_type == ObjectType::Snapshots {
                *gone.entry(object.name).or_default() += 1;
            }
        } else if !needs.include(object.kind(), &object.lifetime) {
            findings.recent.add(&object);
            let until = needs.kept_in_any_case(&object.lifetime);
            findings.recent_until =
                findings.recent_until.map_or(until, |first| until.map(|at| first.min(at)));
        } else if let Some(pin) = pins.longest(&object) {
            pinned.entry(pin).or_default().add(&object);
        } else {
            findings.uncertain.add(&object);
        }
        ControlFlow::Continue(())
    })?;
    for point in &freeable.points {
        if gone.get(&point.snapshot).is_some_and(|gone| *gone == arrivals.count(&point.snapshot)) {
            findings.ending.push(point.snapshot.clone());
        }
    }
    let named = |(number, tally)| {
        let Pin { until, point, .. } = pins.get(number)?;
        Some(Pinned { point: (*point).clone(), until: *until, tally })
    };
    findings.pinned = pinned.into_iter().filter_map(named).collect();
    findings.pinned.sort_by_key(|pinned| std::cmp::Reverse((pinned.until.is_none(), pinned.until)));
    Ok(findings)
}
