//! Adding a period to a time without a panic.

use jiff::{SignedDuration, Timestamp};

/// The time that is `seconds` after `at`, or the last representable one.
pub(crate) fn later(at: Timestamp, seconds: i64) -> Timestamp {
    at.checked_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
