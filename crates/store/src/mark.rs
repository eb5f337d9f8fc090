//! The latest instant that the server has seen, and how much of time it has surely seen pass.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// The high-water mark of time. There is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMark {
    /// The instant.
    pub at: Timestamp,
    /// The settled time then, by which what is kept is destroyed; `None` in a mark that was written before there was one:
    /// the same instant.
    #[serde(default)]
    pub settled: Option<Timestamp>,
    /// By how many seconds the settled time was behind when people were told of it last.
    #[serde(default)]
    pub told: i64,
}

impl ClockMark {
    /// Its key.
    pub const KEY: &'static str = "clock";

    /// A mark at which all time is settled.
    pub fn at(at: Timestamp) -> Self {
        Self { at, settled: Some(at), told: 0 }
    }

    /// The settled time.
    pub fn settled(&self) -> Timestamp {
        self.settled.unwrap_or(self.at)
    }

    /// By how much the settled time is behind.
    pub fn lag(&self) -> SignedDuration {
        self.at.duration_since(self.settled())
    }
}
