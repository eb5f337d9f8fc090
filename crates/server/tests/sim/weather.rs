//! What goes wrong between the servers and their database.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use store::simulation::{Fate, Hand};

use crate::dice::Dice;
use crate::steps::{Told, at_work, die, wait};

/// The trouble between one server and the database.
pub struct Weather {
    dice: Dice,
    sky: Arc<Sky>,
    away: Arc<AtomicBool>,
}

/// What the troubles of all servers have in common.
#[derive(Default)]
pub struct Sky {
    /// Whether there is any.
    pub rough: AtomicBool,
    /// Whether the engine is a broken one, which commits whatever has changed since.
    pub unchecked: bool,
    /// How often commits were made, held to be in conflict, refused, made unheard, and cut off by a crash.
    pub commits: [AtomicU64; 5],
}

impl Weather {
    pub fn new(dice: Dice, sky: Arc<Sky>, away: Arc<AtomicBool>) -> Self {
        Self { dice, sky, away }
    }

    fn count(&self, index: usize) {
        self.sky.commits[index].fetch_add(1, Ordering::Relaxed);
    }

    fn roll(&self) -> Fate {
        let unreachable = self.away.load(Ordering::Relaxed);
        match self.dice.below(1000) {
            _ if unreachable => Fate::Unreachable,
            _ if !self.sky.rough.load(Ordering::Relaxed) => Fate::Made,
            0..30 => Fate::Conflict,
            30..40 => Fate::Unreachable,
            40..60 => Fate::Unheard,
            _ => Fate::Made,
        }
    }
}

impl Hand for Weather {
    fn lets_look(&self) -> bool {
        !(at_work() && self.away.load(Ordering::Relaxed))
    }

    fn fate(&self) -> Fate {
        if !at_work() {
            return Fate::Made;
        }
        // Usually short; now and then so long that much else happens.
        let long = self.dice.permille(100);
        let told = wait(self.dice.millis(0, if long { 120 } else { 12 }));
        if told == Told::Die && self.dice.permille(500) {
            self.count(4);
            die();
        }
        let fate = self.roll();
        let index = match fate {
            Fate::Made | Fate::Unchecked => 0,
            Fate::Conflict => 1,
            Fate::Unreachable => 2,
            Fate::Unheard => 3,
        };
        self.count(index);
        match (told, fate) {
            (Told::Die, Fate::Conflict | Fate::Unreachable) => die(),
            (_, Fate::Made) if self.sky.unchecked => Fate::Unchecked,
            _ => fate,
        }
    }

    fn made(&self) {
        if at_work() && wait(self.dice.millis(0, 8)) == Told::Die {
            self.count(4);
            die();
        }
    }
}
