//! Time: the true one, which only the simulation knows and moves, and what the servers' clocks make of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};
use server::edge::Clock;

/// How far a server's clock may be off, either way.
pub const SKEW: SignedDuration = SignedDuration::from_secs(30);

/// So much faster than the network's does the servers' time run, so that an hour's consent ends within a run.
const PACE: i64 = 200;

/// When every run begins, in seconds.
const BEGIN: i64 = 1_800_000_000;

/// What time it really is.
#[derive(Default)]
pub struct Truth {
    micros: AtomicI64,
    leapt: AtomicI64,
}

impl Truth {
    pub fn now(&self) -> Timestamp {
        let passed = self.micros.load(Ordering::Relaxed) * PACE + self.leapt.load(Ordering::Relaxed);
        Timestamp::from_microsecond(BEGIN * 1_000_000 + passed).unwrap()
    }

    /// So much time has passed on the network since the beginning.
    pub fn set(&self, passed: std::time::Duration) {
        self.micros.store(i64::try_from(passed.as_micros()).unwrap(), Ordering::Relaxed);
    }

    /// Nothing happens anywhere for a while.
    pub fn leap(&self, by: SignedDuration) {
        self.leapt.fetch_add(i64::try_from(by.as_micros()).unwrap(), Ordering::Relaxed);
    }
}

/// The clock of one server: off by a little, and never running back while the server runs.
pub struct SkewedClock {
    truth: Arc<Truth>,
    off: Arc<AtomicI64>,
    last: AtomicI64,
}

impl SkewedClock {
    /// A clock that is off by what `off` says in microseconds, and not before the mark.
    pub fn start(truth: Arc<Truth>, off: Arc<AtomicI64>, mark: Option<Timestamp>) -> Self {
        let last = AtomicI64::new(mark.map_or(0, Timestamp::as_microsecond));
        Self { truth, off, last }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        let shown = self.truth.now().as_microsecond() + self.off.load(Ordering::Relaxed);
        let last = self.last.fetch_max(shown, Ordering::Relaxed);
        Timestamp::from_microsecond(last.max(shown)).unwrap()
    }
}
