//! For how long a recovery point is kept: fixed when it arrives, from the policy in force; extended later, never shortened.
//!
//! What arrives later decides nothing about what is there, and nothing counts points: otherwise whoever holds a backup
//! client's password would push the good points out with empty ones. So "the first of the week" is every point of the
//! calendar day on which the first one of that week arrived, which is known on arrival and never changes. Days are those of
//! UTC: a client's own clock and zone decide nothing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::{BackupPolicy, ProtectedItem, Protection, RecoveryPoint, VaultChange};

/// The calendar days on which recovery points of one group arrived: those by one credential to one item.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group(BTreeSet<Date>);

impl Group {
    /// Of points that arrived at these times.
    pub fn of(arrivals: impl IntoIterator<Item = Timestamp>) -> Self {
        Self(arrivals.into_iter().map(day_of).collect())
    }

    /// One more point arrived.
    pub fn add(&mut self, at: Timestamp) {
        self.0.insert(day_of(at));
    }
}

/// The arrival of a recovery point, as far as its retention depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival<'a> {
    day: Date,
    earlier: &'a Group,
}

/// A period of the calendar whose first backup a policy may keep longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// A day. Every point arrives on the day of the first one of its day.
    Day,
    /// A week, from Sunday on.
    Week,
    /// A month.
    Month,
    /// A year.
    Year,
}

impl<'a> Arrival<'a> {
    /// An arrival at `at`, after the others of its group.
    pub fn new(at: Timestamp, earlier: &'a Group) -> Self {
        Self { day: day_of(at), earlier }
    }

    /// The calendar day, in UTC.
    pub fn day(&self) -> Date {
        self.day
    }

    /// Whether no earlier arrival was on an earlier day of the same period. One that a wrong clock put on a later day
    /// takes nothing away.
    pub fn is_first_of(&self, period: Period) -> bool {
        let start = match period {
            Period::Day => Some(self.day),
            Period::Week => {
                let days = i64::from(self.day.weekday().to_sunday_zero_offset());
                self.day.checked_sub(SignedDuration::from_hours(days.saturating_mul(24))).ok()
            }
            Period::Month => Some(self.day.first_of_month()),
            Period::Year => Some(self.day.first_of_year()),
        };
        // At the beginning of time, where there is no such day, all are the first.
        start.is_none_or(|start| self.earlier.0.range(start..self.day).next().is_none())
    }
}

fn day_of(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

/// Until when a point of an item that arrived at `at` is kept; `None`: without end. So it is kept while the item is stopped
/// with its data retained, without a policy, or with one that cannot be read.
pub fn retain_until(
    item: &ProtectedItem,
    policy: Option<&BackupPolicy>,
    at: Timestamp,
    earlier: &Group,
) -> Option<Timestamp> {
    if item.protection == Protection::Stopped {
        return None;
    }
    let days = policy?.body.kept(&Arrival::new(at, earlier))?;
    at.checked_add(SignedDuration::from_hours(i64::from(days).saturating_mul(24))).ok()
}

/// For how long a point is still treated as kept when its time is over, and may be extended: what changed a moment before
/// comes in time. Expiry is never urgent.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// Whether the point's own time is not over at `now`.
fn still_runs(point: &RecoveryPoint, now: Timestamp) -> bool {
    point.retain_until.is_none_or(|until| now.duration_since(until) < GRACE)
}

/// Whether nothing that a point of this item needs may be purged at `now`. Of one that was stopped with its data retained
/// nothing is, whatever its points say.
pub fn is_protected(item: &ProtectedItem, point: &RecoveryPoint, now: Timestamp) -> bool {
    item.protection == Protection::Stopped || still_runs(point, now)
}

/// What extends the points of an item to what its state and its policy say now, each as if it arrived under them: at most
/// `limit` changes. A point whose time is over is not promised again: what it needs may be gone.
pub fn extensions(
    item: &ProtectedItem,
    policy: Option<&BackupPolicy>,
    mut points: Vec<RecoveryPoint>,
    now: Timestamp,
    limit: usize,
) -> Vec<VaultChange> {
    points.sort_unstable_by_key(|point| point.at);
    let mut groups: BTreeMap<String, Group> = BTreeMap::new();
    let mut changes = Vec::new();
    for point in points {
        let group = groups.entry(point.written_by.clone()).or_default();
        let until = retain_until(item, policy, point.at, group);
        group.add(point.at);
        if !still_runs(&point, now) {
            continue;
        }
        // Refused when it is no later.
        changes.extend(VaultChange::extend_retention(point, until).ok());
        if changes.len() >= limit {
            break;
        }
    }
    changes
}

/// The later of two ends of retention; none is the latest.
pub fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    Some(one?.max(other?))
}
