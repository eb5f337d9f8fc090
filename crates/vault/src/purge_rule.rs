//! The purge rule: which deleted objects of a repository no recovery point can need any more.
//!
//! A recovery point is an instant in the order of a repository's commits. A correct client that reads it back needs nothing
//! but what was there at that instant, and what was deleted shortly before it: a backup goes by an index that it loaded
//! hours ago, so it may rely on a pack that was deleted while it ran. The *window* is how long before; it is the vault's
//! soft-delete period. Everything newer than the point is nobody's need, which is why nothing that an attacker does later
//! can change what a point holds.
//!
//! Order is the sequence of commits alone. Clocks say only how long ago a deletion was.

use jiff::{SignedDuration, Timestamp};

/// What sort of object, as far as the rule tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObjectKind {
    /// `config`: purged with its repository alone.
    Config,
    /// Keys: without one nothing can be read, so they are kept as long as there is any protected point.
    Key,
    /// Snapshots. A point's view holds those that were there at its instant.
    Snapshot,
    /// Packs and indexes.
    Content,
}

/// One lifetime of an object: from the commit that stored it to the commit that deleted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetime {
    /// The sequence number of the commit that stored it.
    pub created: u64,
    /// Its deletion, if it was deleted.
    pub deleted: Option<Deleted>,
}

/// The deletion of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deleted {
    /// The sequence number of the commit that deleted it.
    pub sequence: u64,
    /// When that was.
    pub at: Timestamp,
}

/// A recovery point's place in the order of its repository's commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// The sequence number of the commit that made it: that of its snapshot.
    pub sequence: u64,
    /// When that was.
    pub at: Timestamp,
}

impl Instant {
    /// Whether the point's view holds this lifetime of an object. `window`: how long before the point a deletion may have
    /// been that a backup under way could not know of.
    pub fn sees(&self, kind: ObjectKind, lifetime: &Lifetime, window: SignedDuration) -> bool {
        if lifetime.created > self.sequence {
            return false;
        }
        let Some(deleted) = lifetime.deleted else {
            return true;
        };
        let raced = match kind {
            ObjectKind::Key | ObjectKind::Content => within(deleted.at, self.at, window),
            ObjectKind::Config | ObjectKind::Snapshot => false,
        };
        deleted.sequence > self.sequence || raced
    }
}

/// Whether a deletion at `deleted` was no longer than the window before a point at `point`, or after it.
fn within(deleted: Timestamp, point: Timestamp, window: SignedDuration) -> bool {
    point.duration_since(deleted) <= window
}

/// How much longer than the window a deleted object is kept in any case: a point that arrives while a purge runs cannot
/// want what the purge takes.
const GRACE: SignedDuration = SignedDuration::from_hours(1);
/// The shortest window: no backup that is still running started before. (rustic waits 23 hours before it deletes.)
const SHORTEST_WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// The window of a vault with this soft-delete period; it has one also when soft delete is off.
pub fn capture_window(soft_delete_days: u32) -> SignedDuration {
    SignedDuration::from_hours(i64::from(soft_delete_days).saturating_mul(24)).max(SHORTEST_WINDOW)
}

/// What the protected points of one repository need, so that asking about one of a million objects is a search.
#[derive(Clone, Debug)]
pub struct Needs {
    /// The points in order of sequence; the time is the earliest of the point itself and all behind it. Times go up with
    /// the sequence wherever clocks are right, and the rule does not rely on it.
    points: Vec<Instant>,
    window: SignedDuration,
    everything: bool,
}

impl Needs {
    /// Of points of which one may need anything.
    pub fn everything(window: SignedDuration) -> Self {
        Self { points: Vec::new(), window, everything: true }
    }

    /// Of these protected points: those whose retention runs, or that are held.
    pub fn of(points: impl IntoIterator<Item = Instant>, window: SignedDuration) -> Self {
        let mut points = Vec::from_iter(points);
        points.sort_unstable_by_key(|point| point.sequence);
        let mut earliest = Timestamp::MAX;
        for point in points.iter_mut().rev() {
            earliest = earliest.min(point.at);
            point.at = earliest;
        }
        Self { points, window, everything: false }
    }

    /// Whether any of the points needs this lifetime of an object.
    pub fn include(&self, kind: ObjectKind, lifetime: &Lifetime) -> bool {
        match kind {
            _ if self.everything => return true,
            ObjectKind::Config => return true,
            ObjectKind::Key => return !self.points.is_empty(),
            ObjectKind::Snapshot | ObjectKind::Content => {}
        }
        // Of the points from its creation on, the first one has the lowest sequence and carries the earliest time.
        let first = self.points.partition_point(|point| point.sequence < lifetime.created);
        self.points.get(first).is_some_and(|point| point.sees(kind, lifetime, self.window))
    }

    /// Until when a deleted object is kept even if no point needs it; `None` for one that is not deleted.
    pub fn kept_in_any_case(&self, lifetime: &Lifetime) -> Option<Timestamp> {
        lifetime.deleted?.at.checked_add(self.window.saturating_add(GRACE)).ok()
    }

    /// Whether a deleted object may be removed for good at `now`.
    pub fn may_purge(&self, kind: ObjectKind, lifetime: &Lifetime, now: Timestamp) -> bool {
        let Some(deleted) = lifetime.deleted else {
            return false;
        };
        let is_long_ago = now.duration_since(deleted.at) > self.window.saturating_add(GRACE);
        is_long_ago && !self.include(kind, lifetime)
    }
}
