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

/// How far the wall clock may be moved, forward or back, from where it would be by the time that really passed, before it
/// is no longer followed. Wide enough for what a time service corrects, and too narrow to end a retention or to make a
/// consent last.
const SLACK: SignedDuration = SignedDuration::from_mins(5);

/// What time is measured with.
pub trait Timepiece: Send + Sync {
    /// The wall clock, which can be set.
    fn wall(&self) -> Timestamp;

    /// What has really passed since a fixed moment, which cannot.
    fn passed(&self) -> SignedDuration;
}

/// The wall clock as it is, for signatures that others compare with theirs. Nothing of ours goes by it.
#[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
pub fn wall_clock() -> Timestamp {
    Timestamp::now()
}

/// The timepieces of the machine.
pub struct Machine {
    started: std::time::Instant,
}

impl Timepiece for Machine {
    fn wall(&self) -> Timestamp {
        wall_clock()
    }

    fn passed(&self) -> SignedDuration {
        SignedDuration::try_from(self.started.elapsed()).unwrap_or(SignedDuration::MAX)
    }
}

/// A clock, guarded: setting the wall clock neither pushes time nor holds it.
///
/// However far the wall clock is set, forward or back, time goes on with the monotonic clock, and never runs backwards.
/// The slack is granted once per process, not once per reading. A restart begins at the wall clock, but never before
/// the high-water mark that the process before it left.
pub struct GuardedClock<T> {
    timepiece: T,
    start: Timestamp,
    before: SignedDuration,
    last: Mutex<Timestamp>,
}

/// The system's clock, guarded.
pub type SystemClock = GuardedClock<Machine>;

impl SystemClock {
    /// A clock that starts now, and not before the mark.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    pub fn start(high_water: Option<Timestamp>) -> Self {
        Self::on(Machine { started: std::time::Instant::now() }, high_water)
    }
}

impl<T: Timepiece> GuardedClock<T> {
    /// A clock on these timepieces, that starts now, and not before the mark.
    pub fn on(timepiece: T, high_water: Option<Timestamp>) -> Self {
        let wall = timepiece.wall();
        let start = high_water.map_or(wall, |mark| wall.max(mark));
        let before = timepiece.passed();
        Self { timepiece, start, before, last: Mutex::new(start) }
    }
}

impl<T: Timepiece> Clock for GuardedClock<T> {
    fn now(&self) -> Timestamp {
        let passed = self.timepiece.passed().saturating_sub(self.before);
        let mut last = self.last.lock();
        *last = guarded(self.start, passed, self.timepiece.wall(), *last);
        *last
    }
}

/// The guarded time: the wall clock, held within the slack of what the monotonic clock says, and never before the last
/// reading.
fn guarded(start: Timestamp, passed: SignedDuration, wall: Timestamp, last: Timestamp) -> Timestamp {
    let ceiling = start.checked_add(passed.saturating_add(SLACK)).unwrap_or(last);
    let floor = start.checked_add(passed.saturating_sub(SLACK)).unwrap_or(last);
    wall.min(ceiling).max(floor).max(last)
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
    fn a_clock_set_back_does_not_run_back() {
        assert_eq!(guarded(at(0), SignedDuration::from_mins(10), at(-5000), at(9)), at(9));
    }

    #[test]
    fn a_clock_set_back_does_not_hold_time() {
        assert_eq!(guarded(at(0), SignedDuration::from_mins(60), at(-5000), at(9)), at(55));
        assert_eq!(guarded(at(0), SignedDuration::from_mins(61), at(-9000), at(55)), at(56));
        // A time service that moves it back a little is followed.
        assert_eq!(guarded(at(0), SignedDuration::from_mins(60), at(58), at(50)), at(58));
    }

    #[test]
    fn a_clock_set_forward_advances_only_with_real_time() {
        let year = 525_600;
        assert_eq!(guarded(at(0), SignedDuration::from_mins(10), at(year), at(9)), at(15));
        // Again and again: the slack does not add up.
        assert_eq!(guarded(at(0), SignedDuration::from_mins(11), at(2 * year), at(15)), at(16));
    }
}
