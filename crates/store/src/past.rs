//! What a repository held at a recovery point: the question that views of it ask. And where in its order the point is.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use vault::purge_rule::Instant;

use crate::ObjectType;
use crate::engine::{Birth, Seen};
use crate::error::StoreError;

/// A repository as a recovery point sees it, by the rule of [`vault::purge_rule`]: what was there at its instant, and the
/// keys, indexes and packs that were deleted so shortly before that a backup under way may not have known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Past {
    point: Instant,
    window: SignedDuration,
}

impl Past {
    /// The past at a point, with the window of its vault ([`vault::purge_rule::capture_window`]).
    pub fn new(point: Instant, window: SignedDuration) -> Self {
        Self { point, window }
    }

    /// The rule of [`Instant::sees`] in the numbers of rows. `None` for locks, which no point holds.
    pub(crate) fn seen(&self, object_type: ObjectType) -> Option<Seen> {
        let until = i64::try_from(self.point.sequence).unwrap_or(i64::MAX);
        let opens = self.point.at.checked_sub(self.window).unwrap_or(Timestamp::MIN);
        let deleted_since = match object_type {
            ObjectType::Data | ObjectType::Index | ObjectType::Keys => opens.as_microsecond(),
            ObjectType::Config | ObjectType::Snapshots => i64::MAX,
            ObjectType::Locks => return None,
        };
        Some(Seen { until, deleted_since })
    }
}

/// When objects of one type arrived, each time that they did.
#[derive(Debug, Default)]
pub struct Arrivals(BTreeMap<String, Vec<Instant>>);

impl Arrivals {
    pub(crate) fn of(births: Vec<Birth>) -> Result<Self, StoreError> {
        let mut arrivals: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
        for Birth { name, sequence, at } in births {
            let damaged = |_| StoreError::Corrupt(format!("the row of object `{name}`"));
            let at = Timestamp::from_microsecond(at).map_err(damaged)?;
            arrivals.entry(name).or_default().push(Instant { sequence: sequence.unsigned_abs(), at });
        }
        Ok(Self(arrivals))
    }

    /// How often the object with this name arrived, as far as that is known still.
    pub fn count(&self, name: &str) -> usize {
        self.0.get(name).map_or(0, Vec::len)
    }

    /// The first arrival of the object with this name at this time. Its other arrivals are other instants, with whatever was
    /// stored in between.
    pub fn find(&self, name: &str, at: Timestamp) -> Option<Instant> {
        self.0.get(name)?.iter().copied().find(|arrival| arrival.at == at)
    }
}
