//! Which recovery point needs a deleted object for the longest time, so that asking about one of a million is a search.

use jiff::{SignedDuration, Timestamp};
use store::DeletedObject;
use vault::RecoveryPoint;
use vault::purge_rule::{Instant, ObjectKind};

/// A kept recovery point, where it is in the repository's order, and until when it is kept; `None`: without end.
pub struct Pin<'a> {
    pub place: Instant,
    pub until: Option<Timestamp>,
    pub point: &'a RecoveryPoint,
}

/// Kept points in the order of the repository.
pub struct Pins<'a> {
    pins: Vec<Pin<'a>>,
    window: SignedDuration,
    /// At `[n][i]` which of the `2^n` points from the `i`th on ends last.
    last: Vec<Vec<usize>>,
}

impl<'a> Pins<'a> {
    /// Of these points; `window` is how long before a point a deletion may have been that it sees still.
    pub fn of(mut pins: Vec<Pin<'a>>, window: SignedDuration) -> Self {
        pins.sort_unstable_by_key(|pin| pin.place.sequence);
        let mut found = Self { last: vec![(0..pins.len()).collect()], pins, window };
        let mut width = 1;
        while let Some(row) = found.last.last().filter(|row| row.len() > width) {
            let wider = row.iter().zip(row.iter().skip(width)).map(|(one, other)| found.later(*one, *other));
            let wider = wider.collect();
            found.last.push(wider);
            width *= 2;
        }
        found
    }

    /// The one that needs this object and ends last.
    pub fn longest(&self, object: &DeletedObject) -> Option<usize> {
        let (kind, lifetime) = (object.kind(), &object.lifetime);
        if kind == ObjectKind::Key {
            return self.last_to_end(0, self.pins.len());
        }
        let from = self.pins.partition_point(|pin| pin.place.sequence < lifetime.created);
        let behind = self.pins.get(from..).unwrap_or_default();
        let seeing = behind.partition_point(|pin| pin.place.sees(kind, lifetime, self.window));
        self.last_to_end(from, from + seeing)
    }

    /// The pin with this number.
    pub fn get(&self, number: usize) -> Option<&Pin<'a>> {
        self.pins.get(number)
    }

    fn last_to_end(&self, from: usize, to: usize) -> Option<usize> {
        let power = to.checked_sub(from)?.checked_ilog2()?;
        let row = self.last.get(power as usize)?;
        let (one, other) = (row.get(from)?, row.get(to - (1 << power))?);
        Some(self.later(*one, *other))
    }

    fn later(&self, one: usize, other: usize) -> usize {
        let end = |number: usize| self.pins.get(number).map(|pin| (pin.until.is_none(), pin.until));
        if end(other) > end(one) { other } else { one }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_to_end_of_any_range_is_found() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let point = RecoveryPoint {
            at: at(0),
            id: arm::ResourceId::parse("/subscriptions/00000000-0000-0000-0000-00000000000b").unwrap(),
            label: None,
            policy: None,
            repository: "i".into(),
            retain_until: None,
            snapshot: "s".into(),
            written_by: "c".into(),
        };
        let ends = [5, 3, 9, 1, 7, 7, 2, 8, 0, 6, 4];
        for length in 0..=ends.len() {
            let pins = ends.iter().take(length).enumerate().map(|(number, end)| Pin {
                place: Instant { sequence: number as u64, at: at(0) },
                until: (*end != 9).then(|| at(*end)),
                point: &point,
            });
            let pins = Pins::of(pins.collect(), SignedDuration::ZERO);
            for from in 0..=length {
                for to in from..=length {
                    let found = pins.last_to_end(from, to).map(|number| ends[number]);
                    assert_eq!(found, ends[from..to].iter().copied().max(), "{from}..{to}");
                }
            }
        }
    }
}
