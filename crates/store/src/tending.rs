//! The daily walk through a bucket: locks are made longer, and what nothing refers to is removed.
//!
//! What nothing refers to is what a server stored that died before it committed the row, what was locked when its row
//! went, and what somebody else left: other versions, delete markers. It is removed after [`ORPHAN`], when no upload can
//! still be about to refer to it. Where a database was restored from a backup, rows are missing whose bytes are there
//! and may be needed: such a server is to be started with the sweep off.

use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::blobs::{Bucket, Found};
use crate::{Store, StoreError};

/// How often it is done. A bit less than a day, so that it does not move on with every delay.
const EVERY: SignedDuration = SignedDuration::from_hours(23);
/// After how many failures in a row a walk is given up.
const FAILURES: u64 = 20;
/// How long bytes stay that no row refers to.
const ORPHAN: SignedDuration = SignedDuration::from_hours(7 * 24);

/// When the walk was done last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tending {
    /// When the last one began, or the one that is under way.
    pub began: Option<Timestamp>,
    /// When the last one began that came to its end.
    pub done: Option<Timestamp>,
}

impl Tending {
    /// Its key.
    pub const KEY: &'static str = "bucket";
}

/// What a walk came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tended {
    /// Objects that rows refer to.
    pub referred_to: u64,
    /// Of these, those whose lock was made longer.
    pub locked: u64,
    /// Objects that no row refers to and that were removed.
    pub removed: u64,
    /// Those that are too young for that, or still locked.
    pub left: u64,
    /// Objects that are nothing of ours. They are left alone.
    pub foreign: u64,
    /// Those whose lock could not be made longer. They do not keep the others from it: somebody may have seen to it.
    pub failed: u64,
}

impl Store {
    /// Walks through the bucket, if the repositories are in one and it is time. It takes long and can be stopped. Two
    /// servers that do it at once do no harm.
    ///
    /// # Errors
    /// When the bucket or the database fails. What was done until then is done.
    pub fn tend_bucket(&self, sweep: bool, stop: &AtomicBool) -> Result<Option<Tended>, StoreError> {
        let Some(bucket) = self.blobs().in_bucket() else { return Ok(None) };
        let now = bucket.now();
        let Some(before) = self.begin_tending(now)? else { return Ok(None) };
        let walk =
            Walk { store: self, bucket, last: before.done, now, sweep, lock_days: bucket.lock_days()? };
        let walked = walk.run(stop);
        let after = match &walked {
            Ok(Some(Tended { failed: 0, .. })) => Tending { began: Some(now), done: Some(now) },
            // What was locked already is locked once more by the next one.
            Ok(Some(_)) => Tending { began: Some(now), done: before.done },
            Ok(None) | Err(_) => before,
        };
        self.put_tending(&after)?;
        walked
    }

    /// Notes that a walk begins. `None` when it is not time yet.
    fn begin_tending(&self, now: Timestamp) -> Result<Option<Tending>, StoreError> {
        let begun = self.transact(|tx| {
            let before: Tending = tx.get(Tending::KEY)?.unwrap_or_default();
            // One that lies ahead was noted by a clock that was wrong.
            if before.began.is_some_and(|began| began <= now && now.duration_since(began) < EVERY) {
                return Ok(None);
            }
            tx.put(&Tending { began: Some(now), done: before.done })?;
            Ok(Some(before))
        });
        begun.map_err(failed)
    }

    fn put_tending(&self, tending: &Tending) -> Result<(), StoreError> {
        self.transact(|tx| tx.put(tending)).map_err(failed)
    }
}

fn failed(error: arm::Error) -> StoreError {
    StoreError::Engine(error.internal.unwrap_or(error.message))
}

/// One walk.
struct Walk<'a> {
    store: &'a Store,
    bucket: &'a Bucket,
    last: Option<Timestamp>,
    now: Timestamp,
    sweep: bool,
    lock_days: Option<u16>,
}

impl Walk<'_> {
    /// Returns nothing when it was stopped.
    fn run(&self, stop: &AtomicBool) -> Result<Option<Tended>, StoreError> {
        let (mut tended, mut stopped, mut in_a_row) = (Tended::default(), false, 0);
        self.bucket.walk("", &mut |found| {
            stopped = stop.load(Ordering::Relaxed);
            if stopped {
                return Ok(false);
            }
            match self.tend(found, &mut tended) {
                Ok(()) => in_a_row = 0,
                Err(error @ StoreError::Storage(_)) if in_a_row < FAILURES => {
                    tracing::warn!(%error, "an object in the bucket could not be tended");
                    (in_a_row, tended.failed) = (in_a_row + 1, tended.failed + 1);
                }
                Err(error) => return Err(error),
            }
            Ok(true)
        })?;
        Ok((!stopped).then_some(tended))
    }

    fn tend(&self, found: &Found, tended: &mut Tended) -> Result<(), StoreError> {
        let referred_to = match self.bucket.understand(found) {
            Some((repository, object_type, content)) => {
                let snapshot = self.store.shared.engine.snapshot()?;
                snapshot.refers_to(repository, object_type.as_str(), &content)?
            }
            None if self.bucket.is_id(found) => true,
            None if self.bucket.is_probe(found) => false,
            None => {
                tended.foreign += 1;
                return Ok(());
            }
        };
        let old = self.now.duration_since(found.last_modified) >= ORPHAN;
        if referred_to {
            tended.referred_to += 1;
            if self.lock_days.is_some_and(|days| is_due(found.last_modified, days, self.last, self.now)) {
                match self.bucket.lock_again(found)? {
                    true => tended.locked += 1,
                    false => tended.failed += 1,
                }
            }
        } else if self.sweep && old && self.bucket.remove_found(found)? {
            tended.removed += 1;
        } else {
            tended.left += 1;
        }
        Ok(())
    }
}

/// Whether a lock is to be made longer: each time that half of the days have passed since the object came. It was done in
/// the last walk that came to its end, or else is done now.
fn is_due(since: Timestamp, days: u16, last: Option<Timestamp>, now: Timestamp) -> bool {
    let half = i64::from(days) * 24 * 60 * 60 / 2;
    let halves = |at: Timestamp| at.duration_since(since).as_secs().max(0) / half.max(1);
    halves(now) > last.map_or(0, halves)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_made_longer_before_it_ends_however_the_walks_fall() {
        let start = Timestamp::UNIX_EPOCH;
        let at = |hours: i64| start + SignedDuration::from_hours(hours);
        for (days, gap) in [(2, 12), (3, 24), (14, 24), (14, 100), (30, 24), (365, 30)] {
            let (mut last, mut until) = (None, i64::from(days) * 24);
            for walk in 1..500 {
                let now = walk * gap;
                assert!(now < until, "locked for {days} days, looked at every {gap} hours");
                if is_due(start, days, last, at(now)) {
                    until = now + i64::from(days) * 24;
                }
                last = Some(at(now));
            }
        }
    }

    #[test]
    fn a_lock_is_left_as_it_is_most_days() {
        let at = |day: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_hours(24 * day);
        let due = |day: &i64| is_due(at(0), 30, Some(at(day - 1)), at(*day));
        assert_eq!((1..=60).filter(due).collect::<Vec<_>>(), [15, 30, 45, 60]);
        assert!(is_due(at(0), 30, None, at(15)) && !is_due(at(0), 30, None, at(14)));
    }
}
