//! What is watched in a repository, from outside and without its key: what would be destroyed if it went on like this.
//!
//! A deletion is a tombstone and destroys nothing for weeks. So it is enough to look now and then at what happened since the
//! last look ([`Traffic`]): an [`Anomaly`] freezes the item ([`Freeze`]), and a frozen one destroys nothing. A false alarm
//! costs the next `prune`; a missed one costs backups. Where a share of a repository counts, a few objects never do: in a small
//! one everything is a large share.

use std::fmt;

use arm::ResourceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// That nothing of an item is destroyed, and since when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freeze {
    /// Since when.
    pub at: Timestamp,
    /// What was noticed, a sentence each.
    pub why: Vec<String>,
}

/// Some objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flow {
    /// How many.
    pub objects: u64,
    /// Their size in bytes.
    pub bytes: u64,
}

/// What happened to the objects of one type since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    /// Stored, or stored again.
    pub arrived: Flow,
    /// Deleted.
    pub deleted: Flow,
    /// Deleted and not stored again. A client that got no answer deletes what it sent and sends it again.
    pub lost: Flow,
}

/// What happened in a repository since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packs.
    pub data: Moves,
    /// Indexes.
    pub index: Moves,
    /// Keys.
    pub keys: Moves,
    /// Snapshots.
    pub snapshots: Moves,
    /// The place, in the order of the repository's commits, of the last of all that.
    pub last: u64,
}

/// What the repository holds at a look, where the traffic does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Present {
    /// Snapshots that are there.
    pub snapshots: u64,
    /// Whether there is a key that is older than [`KEY_AGE`].
    pub has_old_key: bool,
}

/// The share of what is there, as one in so many, that may go without an index being rewritten.
const UNEXPLAINED_SHARE: u64 = 100;
/// Fewer packs than these are never worth it.
const UNEXPLAINED_PACKS: u64 = 5;
/// The share, in percent, that may go in [`DAY`].
const MASS_PERCENT: u64 = 30;
/// The share, in percent, of the most that was there in [`WEEK`] that must be left.
const SHRUNK_PERCENT: u64 = 50;
/// Fewer objects than these are never a mass.
const MASS_OBJECTS: u64 = 10;
/// Fewer snapshots than these may all go.
const SNAPSHOTS: u64 = 3;
/// So many times as many points as the schedule has runs are a flood, and at least [`FLOOD_POINTS`].
const FLOOD_TIMES: u64 = 20;
/// See [`FLOOD_TIMES`]. `restic copy` and `rewrite` make a point of every snapshot they touch.
const FLOOD_POINTS: u64 = 200;
/// An index that names a pack has at least its name and that of a blob in it, 32 random bytes each, which no compression
/// makes shorter. So an index of some bytes names at most so many packs.
const INDEX_BYTES_PER_PACK: u64 = 64;
/// How old a key must be to be an old one.
pub const KEY_AGE: SignedDuration = DAY;
const HOUR: i64 = 3600;
const DAY: SignedDuration = SignedDuration::from_hours(24);
const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);
/// How long a rewritten index explains that packs go. (rustic deletes a day after.)
const REWRITE_COUNTS: SignedDuration = SignedDuration::from_hours(48);
/// Clients index what they store long before that. Packs that no index followed in time belong to a backup that broke off,
/// and the next `prune` deletes them without touching an index.
const INDEXED_WITHIN: SignedDuration = SignedDuration::from_hours(1);

/// What is out of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anomaly {
    /// Packs go while the indexes that name them stay: the next backups would refer to what is not there.
    Unexplained {
        /// The packs.
        packs: Flow,
        /// The bytes that are left.
        left: u64,
    },
    /// Much goes within a day.
    Mass {
        /// What went.
        gone: u64,
        /// The bytes that are left.
        left: u64,
    },
    /// There is much less than there was within a week.
    Shrunk {
        /// The most bytes there were.
        from: u64,
        /// The bytes that are left.
        to: u64,
    },
    /// All snapshots were deleted.
    NoSnapshots {
        /// How many there were.
        were: u64,
    },
    /// Every key that is not new was deleted.
    NoOldKey,
    /// Somebody tried to delete the config without consent.
    Config,
    /// Far more recovery points arrived within a day than the schedule has runs.
    Flood {
        /// How many.
        points: u64,
    },
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unexplained { packs: Flow { objects, bytes }, left } => write!(
                f,
                "{objects} packs of {bytes} bytes were deleted while the indexes that name them stayed, of {left} bytes that \
                 are left: new backups may refer to what is not there; `restic check` tells"
            ),
            Self::Mass { gone, left } => {
                write!(f, "{gone} bytes were deleted within a day, and {left} bytes are left")
            }
            Self::Shrunk { from, to } => {
                write!(f, "the repository fell from {from} to {to} bytes within a week")
            }
            Self::NoSnapshots { were } => write!(f, "all snapshots were deleted; there were {were}"),
            Self::NoOldKey => {
                write!(
                    f,
                    "every key older than a day was deleted: the password was changed, or somebody took the repository over"
                )
            }
            Self::Config => write!(f, "a backup client tried to delete the config without a security PIN"),
            Self::Flood { points } => {
                write!(
                    f,
                    "{points} recovery points arrived within a day, far more than the policy's schedule has runs"
                )
            }
        }
    }
}

/// What happened within an hour in which anything did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Hour {
    /// Hours since 1970.
    hour: i64,
    /// The most bytes that were there.
    most: u64,
    lost_bytes: u64,
    lost_objects: u64,
    points: u64,
    unexplained_bytes: u64,
    unexplained_packs: u64,
}

/// What is known of a repository from earlier looks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// Whether recovery points are to arrive.
    expected: bool,
    /// The last hours of [`WEEK`] in which anything happened, oldest first.
    hours: Vec<Hour>,
    /// The item.
    pub item: ResourceId,
    /// When the last recovery point arrived, or protection began if none has since.
    last_point: Timestamp,
    /// When packs arrived last.
    last_data: Option<Timestamp>,
    /// The bytes that are there.
    live: u64,
    old_key: bool,
    /// The bytes of packs that no index followed in time.
    orphaned: u64,
    /// How many packs the indexes may have named that were deleted, less those that went since.
    rewritten: u64,
    rewritten_at: Option<Timestamp>,
    /// Up to which commit of the repository it was looked.
    pub seen: u64,
    /// Whether it was told that no recovery points arrive.
    silent: bool,
    snapshots: u64,
    /// The bytes of packs that no index followed yet.
    unindexed: u64,
}

/// A change of whether recovery points arrive in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// None has arrived since this instant, which is too long ago.
    Began(Timestamp),
    /// One has arrived again.
    Ended,
}

impl Watch {
    /// The first look: all that there is so far is taken as it is.
    pub fn begin(item: ResourceId, so_far: &Traffic, present: Present, last_point: Timestamp) -> Self {
        let all = [so_far.data, so_far.index, so_far.keys, so_far.snapshots];
        let arrived = all.iter().fold(0_u64, |sum, moves| sum.saturating_add(moves.arrived.bytes));
        let deleted = all.iter().fold(0_u64, |sum, moves| sum.saturating_add(moves.deleted.bytes));
        Self {
            expected: true,
            hours: Vec::new(),
            item,
            last_point,
            last_data: None,
            live: arrived.saturating_sub(deleted),
            old_key: present.has_old_key,
            orphaned: 0,
            rewritten: 0,
            rewritten_at: None,
            seen: so_far.last,
            silent: false,
            snapshots: present.snapshots,
            unindexed: 0,
        }
    }

    /// The next look. `runs`: how many runs a day the policy's schedule has. Returns what is out of the ordinary.
    pub fn look(&mut self, traffic: &Traffic, present: Present, runs: u64, now: Timestamp) -> Vec<Anomaly> {
        let all = [traffic.data, traffic.index, traffic.keys, traffic.snapshots];
        let sum = |of: fn(&Moves) -> u64| all.iter().fold(0_u64, |sum, moves| sum.saturating_add(of(moves)));
        let most = self.live.saturating_add(sum(|moves| moves.arrived.bytes));
        self.live = most.saturating_sub(sum(|moves| moves.deleted.bytes));
        self.note_indexes(traffic, now);
        let unexplained = self.unexplained(traffic.data.lost, traffic.index.lost, now);
        let mut hour = self.take_hour(now);
        hour.most = hour.most.max(most);
        hour.lost_bytes = hour.lost_bytes.saturating_add(sum(|moves| moves.lost.bytes));
        hour.lost_objects = hour.lost_objects.saturating_add(sum(|moves| moves.lost.objects));
        hour.points = hour.points.saturating_add(traffic.snapshots.arrived.objects);
        hour.unexplained_bytes = hour.unexplained_bytes.saturating_add(unexplained.bytes);
        hour.unexplained_packs = hour.unexplained_packs.saturating_add(unexplained.objects);
        self.hours.push(hour);
        let mut found = self.shares(now);
        if present.snapshots == 0 && traffic.snapshots.lost.objects > 0 && self.snapshots >= SNAPSHOTS {
            found.push(Anomaly::NoSnapshots { were: self.snapshots });
        }
        if self.old_key && !present.has_old_key && traffic.keys.lost.objects > 0 {
            found.push(Anomaly::NoOldKey);
        }
        let points = self.within(DAY, now, |hour| hour.points);
        if points > FLOOD_POINTS.max(runs.saturating_mul(FLOOD_TIMES)) {
            found.push(Anomaly::Flood { points });
        }
        (self.snapshots, self.old_key, self.seen) = (present.snapshots, present.has_old_key, traffic.last);
        if traffic.snapshots.arrived.objects > 0 {
            self.last_point = now;
        }
        found
    }

    /// What is out of the ordinary in the size of what went and is left.
    fn shares(&self, now: Timestamp) -> Vec<Anomaly> {
        let (left, mut found) = (self.live, Vec::new());
        let packs = Flow {
            objects: self.within(WEEK, now, |hour| hour.unexplained_packs),
            bytes: self.within(WEEK, now, |hour| hour.unexplained_bytes),
        };
        if packs.objects >= UNEXPLAINED_PACKS && packs.bytes.saturating_mul(UNEXPLAINED_SHARE) > left {
            found.push(Anomaly::Unexplained { packs, left });
        }
        let gone = self.within(DAY, now, |hour| hour.lost_bytes);
        let is_mass = self.within(DAY, now, |hour| hour.lost_objects) >= MASS_OBJECTS;
        if is_mass && percent(gone, left.saturating_add(gone)) > MASS_PERCENT {
            found.push(Anomaly::Mass { gone, left });
        }
        let from = self.hours.iter().map(|hour| hour.most).max().unwrap_or_default();
        let is_mass = self.within(WEEK, now, |hour| hour.lost_objects) >= MASS_OBJECTS;
        if is_mass && percent(left, from) < SHRUNK_PERCENT {
            found.push(Anomaly::Shrunk { from, to: left });
        }
        found
    }

    /// Follows which packs were named by an index in time.
    fn note_indexes(&mut self, traffic: &Traffic, now: Timestamp) {
        let in_time = |at: Timestamp| now.duration_since(at) <= INDEXED_WITHIN;
        if self.unindexed > 0 && !self.last_data.is_some_and(in_time) {
            self.orphaned = self.orphaned.saturating_add(self.unindexed);
            self.unindexed = 0;
        }
        if traffic.data.arrived.objects > 0 {
            self.unindexed = self.unindexed.saturating_add(traffic.data.arrived.bytes);
            self.last_data = Some(now);
        }
        if traffic.index.arrived.objects > 0 {
            self.unindexed = 0;
        }
    }

    /// Of packs that went, those that neither a rewritten index nor a backup that broke off explains.
    fn unexplained(&mut self, lost: Flow, index_lost: Flow, now: Timestamp) -> Flow {
        if self.rewritten_at.is_some_and(|at| now.duration_since(at) > REWRITE_COUNTS) {
            (self.rewritten, self.rewritten_at) = (0, None);
        }
        if index_lost.objects > 0 {
            self.rewritten = self.rewritten.saturating_add(index_lost.bytes / INDEX_BYTES_PER_PACK);
            self.rewritten_at = Some(now);
        }
        let named = lost.objects.min(self.rewritten);
        self.rewritten -= named;
        let mut rest = less(lost, named);
        if rest.bytes <= self.orphaned {
            self.orphaned -= rest.bytes;
            rest = Flow::default();
        }
        rest
    }

    /// Takes this hour out, after those that are too long ago were forgotten; it is put back behind the others.
    fn take_hour(&mut self, now: Timestamp) -> Hour {
        let hour = now.as_second().div_euclid(HOUR);
        self.hours.retain(|known| hour.saturating_sub(known.hour) < WEEK.as_hours());
        match self.hours.pop() {
            Some(last) if last.hour == hour => last,
            last => {
                self.hours.extend(last);
                Hour { hour, ..Hour::default() }
            }
        }
    }

    fn within(&self, time: SignedDuration, now: Timestamp, of: impl Fn(&Hour) -> u64) -> u64 {
        let first = now.as_second().div_euclid(HOUR).saturating_sub(time.as_hours());
        let hours = self.hours.iter().filter(|hour| hour.hour > first);
        hours.fold(0, |sum, hour| sum.saturating_add(of(hour)))
    }

    /// Whether recovery points arrive in time, when that has changed. `gap`: the longest time between two runs of the
    /// schedule; `None` when nothing is to arrive: then time begins anew.
    pub fn silence(&mut self, gap: Option<SignedDuration>, now: Timestamp) -> Option<Silence> {
        let Some(gap) = gap else {
            (self.expected, self.silent) = (false, false);
            return None;
        };
        if !self.expected {
            (self.expected, self.last_point) = (true, now);
        }
        let is_silent = now.duration_since(self.last_point) > gap.saturating_add(gap);
        let change = match (self.silent, is_silent) {
            (false, true) => Some(Silence::Began(self.last_point)),
            (true, false) => Some(Silence::Ended),
            (false, false) | (true, true) => None,
        };
        self.silent = is_silent;
        change
    }

    /// Since when the next recovery point is waited for, as far as was looked; `None` while none is expected.
    pub fn waits_since(&self) -> Option<Timestamp> {
        self.expected.then_some(self.last_point)
    }

    /// Whether it was told that no recovery points arrive.
    pub fn is_silent(&self) -> bool {
        self.silent
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100).checked_div(whole).unwrap_or_default()
}

/// What is left of some objects without so many of them, which were as large as the others.
fn less(flow: Flow, objects: u64) -> Flow {
    let left = flow.objects.saturating_sub(objects);
    let bytes = u128::from(flow.bytes).saturating_mul(u128::from(left)) / u128::from(flow.objects.max(1));
    Flow { objects: left, bytes: u64::try_from(bytes).unwrap_or(flow.bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const PRESENT: Present = Present { snapshots: 10, has_old_key: true };

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hour * HOUR).unwrap()
    }

    fn flow(objects: u64, each: u64) -> Flow {
        Flow { objects, bytes: objects * each }
    }

    fn stored(objects: u64, each: u64) -> Moves {
        Moves { arrived: flow(objects, each), ..Moves::default() }
    }

    fn deleted(objects: u64, each: u64) -> Moves {
        Moves { deleted: flow(objects, each), lost: flow(objects, each), ..Moves::default() }
    }

    /// A repository with this many packs of 16 MiB, for a long time.
    fn watch(packs: u64) -> Watch {
        let item = ResourceId::parse("/subscriptions/s/x").unwrap();
        let so_far = Traffic { data: stored(packs, 16 * MIB), ..Traffic::default() };
        Watch::begin(item, &so_far, PRESENT, at(0))
    }

    fn look(watch: &mut Watch, traffic: Traffic, hour: i64) -> Vec<Anomaly> {
        watch.look(&traffic, PRESENT, 1, at(hour))
    }

    #[test]
    fn packs_that_go_alone_freeze_and_a_prune_does_not() {
        // A client that prunes: new packs and indexes, old indexes, old packs, and that in one look or in several.
        let mut pruned = watch(1000);
        let index = Moves { lost: flow(4, 8000), deleted: flow(4, 8000), arrived: flow(4, 7000) };
        assert_eq!(
            look(&mut pruned, Traffic { index, data: stored(20, 16 * MIB), ..Traffic::default() }, 1),
            []
        );
        for hour in 2..10 {
            let data = deleted(25, 16 * MIB);
            assert_eq!(look(&mut pruned, Traffic { data, ..Traffic::default() }, hour), [], "{hour}");
        }
        // The same without the indexes.
        let mut robbed = watch(1000);
        let data = deleted(11, 16 * MIB);
        let [Anomaly::Unexplained { packs, .. }] =
            look(&mut robbed, Traffic { data, ..Traffic::default() }, 1)[..]
        else {
            panic!("it is noticed");
        };
        assert_eq!(packs, flow(11, 16 * MIB));
        // Little by little it adds up.
        let mut slowly = watch(1000);
        let nights = (1..6).map(|day| {
            look(&mut slowly, Traffic { data: deleted(3, 16 * MIB), ..Traffic::default() }, day * 24)
        });
        assert_eq!(nights.filter(|found| !found.is_empty()).count(), 2);
        // An index explains no more packs than it can name, and not for ever.
        let mut posed = watch(1000);
        let index = deleted(1, 640);
        assert_eq!(
            look(&mut posed, Traffic { index, data: deleted(10, 16 * MIB), ..Traffic::default() }, 1),
            []
        );
        assert_eq!(
            look(&mut posed, Traffic { data: deleted(11, 16 * MIB), ..Traffic::default() }, 2).len(),
            1
        );
        let mut late = watch(1000);
        look(&mut late, Traffic { index: deleted(9, 8000), ..Traffic::default() }, 1);
        assert_eq!(
            look(&mut late, Traffic { data: deleted(11, 16 * MIB), ..Traffic::default() }, 50).len(),
            1
        );
    }

    #[test]
    fn what_a_broken_backup_left_may_go_without_an_index() {
        let mut watch = watch(1000);
        look(&mut watch, Traffic { data: stored(30, 16 * MIB), ..Traffic::default() }, 1);
        // The next night's backup.
        let next = Traffic { data: stored(2, 16 * MIB), index: stored(1, 9000), ..Traffic::default() };
        look(&mut watch, next, 25);
        let prune = Traffic { data: deleted(30, 16 * MIB), ..Traffic::default() };
        assert_eq!(look(&mut watch, prune, 26), []);
        assert_eq!(look(&mut watch, prune, 27).len(), 1, "once");
    }

    #[test]
    fn a_retry_is_no_loss() {
        let mut watch = watch(20);
        let again = Moves { arrived: flow(20, 16 * MIB), deleted: flow(20, 16 * MIB), lost: Flow::default() };
        assert_eq!(look(&mut watch, Traffic { data: again, ..Traffic::default() }, 1), []);
        assert_eq!(watch.live, 20 * 16 * MIB);
    }

    #[test]
    fn much_at_once_freezes_and_a_small_repository_does_not() {
        let index = deleted(4, 80_000);
        let large = |packs| Traffic { index, data: deleted(packs, 16 * MIB), ..Traffic::default() };
        assert_eq!(look(&mut watch(1000), large(300), 1), []);
        assert!(matches!(look(&mut watch(1000), large(320), 1)[..], [Anomaly::Mass { .. }]));
        let found = look(&mut watch(1000), large(600), 1);
        assert!(matches!(found[..], [Anomaly::Mass { .. }, Anomaly::Shrunk { .. }]), "{found:?}");
        // In two halves on two days, each no mass.
        let mut halved = watch(1000);
        for (day, packs) in [(1, 290), (3, 200)] {
            assert_eq!(look(&mut halved, large(packs), day * 24), []);
        }
        let [Anomaly::Shrunk { from, .. }] = look(&mut halved, large(120), 5 * 24)[..] else {
            panic!("it shrank");
        };
        assert_eq!(from, 1000 * 16 * MIB);
        // Three packs, all of them.
        assert_eq!(look(&mut watch(3), Traffic { data: deleted(3, 16 * MIB), ..Traffic::default() }, 1), []);
    }

    #[test]
    fn snapshots_and_keys_do_not_all_go() {
        let forget = Traffic { snapshots: deleted(10, 300), ..Traffic::default() };
        let none = Present { snapshots: 0, ..PRESENT };
        assert_eq!(watch(20).look(&forget, none, 1, at(1)), [Anomaly::NoSnapshots { were: 10 }]);
        assert_eq!(watch(20).look(&Traffic { snapshots: deleted(9, 300), ..forget }, PRESENT, 1, at(1)), []);
        let mut small = watch(20);
        small.snapshots = 2;
        assert_eq!(small.look(&Traffic { snapshots: deleted(2, 300), ..forget }, none, 1, at(1)), []);
        let rotated =
            Traffic { keys: Moves { arrived: flow(1, 400), ..deleted(1, 400) }, ..Traffic::default() };
        let new_key = Present { has_old_key: false, ..PRESENT };
        assert_eq!(watch(20).look(&rotated, new_key, 1, at(1)), [Anomaly::NoOldKey]);
        assert_eq!(watch(20).look(&rotated, PRESENT, 1, at(1)), []);
    }

    #[test]
    fn a_flood_is_far_more_than_the_schedule_has() {
        let copied = |points| Traffic { snapshots: stored(points, 300), ..Traffic::default() };
        assert_eq!(look(&mut watch(20), copied(200), 1), []);
        assert_eq!(look(&mut watch(20), copied(201), 1), [Anomaly::Flood { points: 201 }]);
        // Every hour.
        assert_eq!(watch(20).look(&copied(480), PRESENT, 24, at(1)), []);
        assert_eq!(watch(20).look(&copied(481), PRESENT, 24, at(1)).len(), 1);
    }

    #[test]
    fn silence_is_told_once_and_ends_with_the_next_point() {
        let mut watch = watch(20);
        let day = Some(DAY);
        assert_eq!(watch.silence(day, at(48)), None);
        assert_eq!(watch.silence(day, at(49)), Some(Silence::Began(at(0))));
        assert_eq!(watch.silence(day, at(60)), None);
        look(&mut watch, Traffic { snapshots: stored(1, 300), ..Traffic::default() }, 61);
        assert_eq!(watch.silence(day, at(61)), Some(Silence::Ended));
        assert_eq!(watch.silence(day, at(62)), None);
        // Nothing is to arrive while protection is stopped.
        assert_eq!(watch.silence(None, at(500)), None);
        assert_eq!(watch.silence(day, at(501)), None);
        assert_eq!(watch.silence(day, at(550)), Some(Silence::Began(at(501))));
    }
}
