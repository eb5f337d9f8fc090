//! The edge of the pure world: where time and randomness come in.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use uuid::Uuid;

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now. Never less than it said before.
    fn now(&self) -> Timestamp;
}

/// Gives random bytes fit for keys.
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    fn fill(&self, buffer: &mut [u8]);
}

/// Time and randomness for one server. Cloning is cheap.
#[derive(Clone)]
pub struct Edge {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Edge {
    /// An edge of the given parts.
    pub fn new(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { clock, entropy }
    }

    /// Now, in whole microseconds: what is stored reads back equal.
    pub fn now(&self) -> Timestamp {
        let now = self.clock.now();
        Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
    }

    /// Fresh random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.entropy.fill(&mut bytes);
        bytes
    }

    /// A fresh random id.
    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_random_bytes(self.bytes()).into_uuid()
    }

    /// A fresh short name: sixteen characters of base 32, lower case, no look-alikes with upper case.
    pub fn short_name(&self) -> String {
        const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let digit = |byte: u8| DIGITS.get(usize::from(byte & 31)).copied().map(char::from);
        self.bytes::<16>().into_iter().filter_map(digit).collect()
    }
}

/// The operating system's randomness. Without it there is nothing safe to do, so the process ends.
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where randomness enters")]
    fn fill(&self, buffer: &mut [u8]) {
        if let Err(error) = getrandom::fill(buffer) {
            tracing::error!(%error, "the operating system gives no random bytes");
            std::process::abort();
        }
    }
}

/// How far the clock may be moved forward between two readings of it, beyond the time that really passed, before it is
/// no longer followed. Wide enough for what a time service corrects, and too narrow to end a retention.
const FORWARD_SLACK: SignedDuration = SignedDuration::from_mins(5);

/// The system's clock, guarded: setting it does not push time.
///
/// Set back, it stands still until the wall clock catches up. Set forward, it advances with the monotonic clock, and the
/// slack is granted once per process, not once per reading. A restart begins at the wall clock, but never before the
/// high-water mark that the process before it left.
pub struct SystemClock {
    start: Timestamp,
    started: std::time::Instant,
    last: Mutex<Timestamp>,
}

impl SystemClock {
    /// A clock that starts now, and not before the mark.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    pub fn start(high_water: Option<Timestamp>) -> Self {
        let wall = Timestamp::now();
        let start = high_water.map_or(wall, |mark| wall.max(mark));
        Self { start, started: std::time::Instant::now(), last: Mutex::new(start) }
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    fn now(&self) -> Timestamp {
        let passed = SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX);
        let mut last = self.last.lock();
        *last = guarded(self.start, passed, Timestamp::now(), *last);
        *last
    }
}

/// The guarded time: the wall clock, held between the last reading and what the monotonic clock allows.
fn guarded(start: Timestamp, passed: SignedDuration, wall: Timestamp, last: Timestamp) -> Timestamp {
    let ceiling = start.checked_add(passed.saturating_add(FORWARD_SLACK)).unwrap_or(last);
    wall.min(ceiling).max(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    #[test]
    fn time_follows_the_wall_clock_when_nobody_touches_it() {
        assert_eq!(guarded(at(0), SignedDuration::from_mins(10), at(10), at(9)), at(10));
    }

    #[test]
    fn a_clock_set_back_stands_still() {
        assert_eq!(guarded(at(0), SignedDuration::from_mins(10), at(-5000), at(9)), at(9));
    }

    #[test]
    fn a_clock_set_forward_advances_only_with_real_time() {
        let year = 525_600;
        assert_eq!(guarded(at(0), SignedDuration::from_mins(10), at(year), at(9)), at(15));
        // Again and again: the slack does not add up.
        assert_eq!(guarded(at(0), SignedDuration::from_mins(11), at(2 * year), at(15)), at(16));
    }
}
