//! How often strangers may start something that is kept for a while.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};

/// How many device codes one address may start in a minute. Each is a document until it has expired.
const STARTS_PER_MINUTE: u32 = 30;
/// A minute.
const WINDOW: SignedDuration = SignedDuration::from_mins(1);
/// How many addresses are remembered at the most.
const ADDRESSES: usize = 10_000;

/// The starts of the current minute, by address.
#[derive(Default)]
pub struct Pace {
    counts: HashMap<String, (Timestamp, u32)>,
}

impl Pace {
    /// Counts a start, unless there were too many.
    pub fn allows(&mut self, address: &str, now: Timestamp) -> bool {
        let current = |since: &Timestamp| now.duration_since(*since) < WINDOW;
        if self.counts.len() >= ADDRESSES {
            self.counts.retain(|_, (since, _)| current(since));
        }
        if self.counts.len() >= ADDRESSES && !self.counts.contains_key(address) {
            return false;
        }
        let count = self.counts.entry(address.to_string()).or_insert((now, 0));
        if !current(&count.0) {
            *count = (now, 0);
        }
        count.1 = count.1.saturating_add(1);
        count.1 <= STARTS_PER_MINUTE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    #[test]
    fn one_address_does_not_slow_down_another() {
        let mut pace = Pace::default();
        assert!((0..STARTS_PER_MINUTE).all(|_| pace.allows("a", at(0))));
        assert!(!pace.allows("a", at(59)));
        assert!(pace.allows("b", at(59)));
        assert!(pace.allows("a", at(60)), "a new minute");
    }

    #[test]
    fn what_it_remembers_is_bounded() {
        let mut pace = Pace::default();
        for n in 0..ADDRESSES {
            assert!(pace.allows(&n.to_string(), at(0)));
        }
        assert!(!pace.allows("one more", at(0)));
        assert!(pace.allows("0", at(0)), "who is known goes on");
        assert!(pace.allows("one more", at(60)));
    }
}
