//! For how long a recovery point is kept: fixed when it arrives, from the policy in force; extended later, never shortened.
//!
//! What arrives later decides nothing about what is there, and nothing counts points: otherwise whoever holds a backup
//! client's password would push the good points out with empty ones. So "the first of the week" is every point of the
//! calendar day on which the first one of that week arrived, which is known on arrival and never changes. Days are those of
//! UTC: a client's own clock and zone decide nothing. Where a policy names days in a zone of its own, the days that it may be
//! somewhere on earth count alike.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::purge_rule::{Instant, Needs};
use crate::{BackupPolicy, ProtectedItem, Protection, RecoveryPoint};

/// The calendar days on which recovery points of one group arrived: those by one credential, under one label, to one item.
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
    at: Timestamp,
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
        Self { at, earlier }
    }

    /// The calendar day, in UTC.
    pub fn day(&self) -> Date {
        day_of(self.at)
    }

    /// The days that it may be somewhere on earth: two.
    pub fn days_anywhere(&self) -> [Date; 2] {
        [WESTERNMOST, EASTERNMOST].map(|offset| offset.to_datetime(self.at).date())
    }

    /// Whether no earlier arrival was on an earlier day of the same period. One that a wrong clock put on a later day
    /// takes nothing away.
    pub fn is_first_of(&self, period: Period) -> bool {
        let day = self.day();
        let start = match period {
            Period::Day => Some(day),
            Period::Week => {
                let days = i64::from(day.weekday().to_sunday_zero_offset());
                day.checked_sub(SignedDuration::from_hours(days.saturating_mul(24))).ok()
            }
            Period::Month => Some(day.first_of_month()),
            Period::Year => Some(day.first_of_year()),
        };
        // At the beginning of time, where there is no such day, all are the first.
        start.is_none_or(|start| self.earlier.0.range(start..day).next().is_none())
    }
}

/// The clocks that are furthest behind and ahead of UTC.
const WESTERNMOST: Offset = Offset::constant(-12);
const EASTERNMOST: Offset = Offset::constant(14);

fn day_of(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// Until when a point that arrives at `at` is kept; `None`: without end. So it is kept without a policy, or with one that
/// cannot be read.
pub fn retain_until(policy: Option<&BackupPolicy>, at: Timestamp, earlier: &Group) -> Option<Timestamp> {
    let days = policy?.body.kept(&Arrival::new(at, earlier))?;
    at.checked_add(SignedDuration::from_hours(i64::from(days).saturating_mul(24))).ok()
}

/// For how long a point is still treated as kept when its time is over, and may be extended: what changed a moment before
/// comes in time. Expiry is never urgent.
const GRACE: SignedDuration = SignedDuration::from_hours(1);

/// What decides about a recovery point whether it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Term {
    /// When it arrived.
    pub at: Timestamp,
    /// Until when it is kept, whatever becomes of the policy; `None`: without end.
    pub retain_until: Option<Timestamp>,
}

impl From<&RecoveryPoint> for Term {
    fn from(point: &RecoveryPoint) -> Self {
        Self { at: point.at, retain_until: point.retain_until }
    }
}

/// Whether the point's own time is not over at `now`.
fn still_runs(point: Term, now: Timestamp) -> bool {
    point.retain_until.is_none_or(|until| now.duration_since(until) < GRACE)
}

/// Which recovery points of an item are kept at a moment, with everything they need: those whose time is not over, or was
/// not when the item was stopped (see [`crate::Standstill`]) or frozen; and the newest, whatever its time. An item whose backups stopped in
/// silence does not end with nothing.
#[derive(Clone, Copy, Debug)]
pub struct Kept<'a> {
    item: &'a ProtectedItem,
    newest: Option<Timestamp>,
    now: Timestamp,
}

impl<'a> Kept<'a> {
    /// At `now`, of an item that has these points.
    pub fn of<'p>(
        item: &'a ProtectedItem,
        points: impl IntoIterator<Item = &'p RecoveryPoint>,
        now: Timestamp,
    ) -> Self {
        Self::since(item, points.into_iter().map(|point| point.at).max(), now)
    }

    /// At `now`, of an item whose newest point arrived at this time.
    pub fn since(item: &'a ProtectedItem, newest: Option<Timestamp>, now: Timestamp) -> Self {
        Self { item, newest, now }
    }

    /// Whether this point of the item is.
    pub fn keeps(&self, point: &RecoveryPoint) -> bool {
        self.keeps_for(point.into())
    }

    /// The same, by what decides.
    pub fn keeps_for(&self, point: Term) -> bool {
        still_runs(point, self.now)
            || self.stands_still(point)
            || self.is_frozen(point)
            || self.newest.is_some_and(|at| at <= point.at)
    }

    /// Until when a point that is kept is, as far as that is known at this moment; `None`: without end.
    pub fn until(&self, point: &RecoveryPoint) -> Option<Timestamp> {
        self.until_for(point.into())
    }

    /// The same, by what decides.
    pub fn until_for(&self, point: Term) -> Option<Timestamp> {
        if self.newest.is_some_and(|at| at <= point.at) || self.is_frozen(point) {
            return None;
        }
        let own = point.retain_until?;
        match self.item.standstill.filter(|_| self.stands_still(point)) {
            Some(still) => Some(own.max(still.until?)),
            None if self.stands_still(point) => None,
            None => Some(own),
        }
    }

    /// Whether the point is this item's.
    pub(crate) fn is_about(&self, point: &RecoveryPoint) -> bool {
        point.id.is_within(&self.item.id)
    }

    /// Whether the point is one that a freeze holds: nothing that it needs has been purged since.
    fn is_frozen(&self, point: Term) -> bool {
        self.item.frozen.as_ref().is_some_and(|freeze| still_runs(point, freeze.at))
    }

    fn stands_still(&self, point: Term) -> bool {
        match self.item.standstill {
            Some(still) => still.until.is_none_or(|until| self.now < until) && still_runs(point, still.since),
            // Of one that was stopped before anybody noted when.
            None => self.item.protection == Protection::Stopped,
        }
    }
}

/// What the points of an item need of its repository at a moment. `places`: where in the order of the repository's commits
/// a point is. Of one for which that is not certain it is not certain what it needs, so that it needs everything.
pub fn needs(
    kept: &Kept<'_>,
    points: &[RecoveryPoint],
    places: impl Fn(&RecoveryPoint) -> Option<Instant>,
    window: SignedDuration,
) -> Needs {
    let kept = points.iter().filter(|point| kept.keeps(point));
    match kept.map(places).collect::<Option<Vec<Instant>>>() {
        Some(instants) => Needs::of(instants, window),
        None => Needs::everything(window),
    }
}

/// Extends the points of an item to what its policy says now, each as if it arrived under it, and hands on what that
/// changes: before and after. A point whose time is over is not promised again: what it needs may be gone.
pub fn extend(
    policy: Option<&BackupPolicy>,
    points: &mut [RecoveryPoint],
    now: Timestamp,
    mut each: impl FnMut(RecoveryPoint, &RecoveryPoint),
) {
    points.sort_unstable_by_key(|point| point.at);
    let mut groups: BTreeMap<(String, Option<String>), Group> = BTreeMap::new();
    for point in points {
        let group = groups.entry((point.written_by.clone(), point.label.clone())).or_default();
        let until = later(point.retain_until, retain_until(policy, point.at, group));
        group.add(point.at);
        if until != point.retain_until && still_runs(Term::from(&*point), now) {
            let after = RecoveryPoint { retain_until: until, ..point.clone() };
            each(std::mem::replace(point, after), point);
        }
    }
}

/// The later of two ends of retention; none is the latest.
pub fn later(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    Some(one?.max(other?))
}
