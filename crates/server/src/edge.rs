//! The edge of the pure world: where time and randomness come in.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use store::ClockMark;
use uuid::Uuid;

/// Says what time it is.
pub trait Clock: Send + Sync {
    /// Now. Never less than it said before.
    fn now(&self) -> Timestamp;

    /// The time by which what is kept is destroyed: only what has surely passed counts. A clock that nobody can set has
    /// no other time than now.
    fn settled(&self) -> Timestamp {
        self.now()
    }

    /// Brings the settled time forward to an instant that somebody vouches for, if it is not there yet.
    fn settle(&self, _at: Timestamp) {}

    /// How far the wall clock is ahead of now, or behind it.
    fn off(&self) -> SignedDuration {
        SignedDuration::ZERO
    }
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

    /// The time by which what is kept is destroyed ([`Clock::settled`]). Retention, purges, and whether a deleted item is
    /// gone go by it; what opens something for a while, as a consent does, goes by [`now`](Self::now) and ends early at worst.
    pub fn settled(&self) -> Timestamp {
        let settled = self.clock.settled();
        Timestamp::from_microsecond(settled.as_microsecond()).unwrap_or(settled)
    }

    /// See [`Clock::settle`].
    pub fn settle(&self, at: Timestamp) {
        self.clock.settle(at);
    }

    /// See [`Clock::off`].
    pub fn clock_off(&self) -> SignedDuration {
        self.clock.off()
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
///
/// How long the server was down cannot be known: a weekend looks like a clock that was set forward by two days. So the
/// settled time goes on where the process before left it, and counts what the monotonic clock counts. It lags behind by all
/// the time that nobody saw pass, until somebody vouches for the clock. Whoever sets the clock and starts the server again
/// destroys nothing earlier by it.
pub struct GuardedClock<T> {
    timepiece: T,
    start: Timestamp,
    before: SignedDuration,
    last: Mutex<Timestamp>,
    /// The settled time when the process started, as far as is known now.
    settled: Mutex<Timestamp>,
}

/// The system's clock, guarded.
pub type SystemClock = GuardedClock<Machine>;

impl SystemClock {
    /// A clock that starts now, and not before the mark.
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    pub fn start(mark: Option<&ClockMark>) -> Self {
        Self::on(Machine { started: std::time::Instant::now() }, mark)
    }
}

impl<T: Timepiece> GuardedClock<T> {
    /// A clock on these timepieces, that starts now, and not before the mark.
    pub fn on(timepiece: T, mark: Option<&ClockMark>) -> Self {
        let wall = timepiece.wall();
        let start = mark.map_or(wall, |mark| wall.max(mark.at));
        let settled = mark.and_then(|mark| mark.settled).unwrap_or(start);
        let before = timepiece.passed();
        Self { timepiece, start, before, last: Mutex::new(start), settled: Mutex::new(settled) }
    }

    fn passed(&self) -> SignedDuration {
        self.timepiece.passed().saturating_sub(self.before)
    }
}

impl<T: Timepiece> Clock for GuardedClock<T> {
    fn now(&self) -> Timestamp {
        let passed = self.passed();
        let mut last = self.last.lock();
        *last = guarded(self.start, passed, self.timepiece.wall(), *last);
        *last
    }

    fn settled(&self) -> Timestamp {
        let now = self.now();
        let start = *self.settled.lock();
        start.checked_add(self.passed()).unwrap_or(start).min(now)
    }

    fn settle(&self, at: Timestamp) {
        let vouched = at.checked_sub(self.passed()).unwrap_or(at);
        let mut settled = self.settled.lock();
        *settled = vouched.max(*settled);
    }

    fn off(&self) -> SignedDuration {
        self.timepiece.wall().duration_since(self.now())
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
