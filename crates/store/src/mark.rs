//! The latest instant that the server has seen.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The high-water mark of time. There is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockMark {
    /// The instant.
    pub at: Timestamp,
}

impl ClockMark {
    /// Its key.
    pub const KEY: &'static str = "clock";
}
