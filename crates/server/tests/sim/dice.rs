//! Where everything random of a run comes from: its seed.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use server::edge::Entropy;
use uuid::Uuid;

/// A stream of random numbers. Clones draw from the same stream; [`Dice::fork`] starts another one.
#[derive(Clone)]
pub struct Dice {
    state: Arc<Mutex<u64>>,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { state: Arc::new(Mutex::new(seed)) }
    }

    /// A stream of its own for somebody, so that what one draws does not depend on how often another did.
    pub fn fork(&self, who: &str) -> Self {
        let mixed = who.bytes().fold(self.next(), |state, byte| mix(state ^ u64::from(byte)));
        Self::new(mixed)
    }

    /// SplitMix64.
    pub fn next(&self) -> u64 {
        let mut state = self.state.lock();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(*state)
    }

    /// A number below another.
    pub fn below(&self, end: u64) -> u64 {
        self.next() % end
    }

    pub fn within(&self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// True so often out of a thousand times.
    pub fn permille(&self, times: u64) -> bool {
        self.below(1000) < times
    }

    pub fn millis(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(self.within(from, to))
    }

    pub fn pick<'a, T>(&self, among: &'a [T]) -> Option<&'a T> {
        let index = self.next() as usize;
        (!among.is_empty()).then(|| &among[index % among.len()])
    }

    pub fn uuid(&self) -> Uuid {
        uuid::Builder::from_u128((u128::from(self.next()) << 64) | u128::from(self.next())).into_uuid()
    }
}

impl Entropy for Dice {
    fn fill(&self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }
}

pub fn mix(mut state: u64) -> u64 {
    state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}
