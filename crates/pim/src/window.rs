//! When something holds: windows of time, and what a request asks for.

use arm::{Error, Result};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Length;
use crate::refusal::schedule;

/// From one instant up to, not including, another; without an end it holds until it is ended.
///
/// A window whose end is not after its start holds at no time, so nothing read from a store can widen it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    start: Timestamp,
    end: Option<Timestamp>,
}

impl Window {
    /// A window; `None` when it would hold at no time.
    pub fn new(start: Timestamp, end: Option<Timestamp>) -> Option<Self> {
        end.is_none_or(|end| end > start).then_some(Self { start, end })
    }

    /// The first instant of the window.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// The first instant after the window, if it ends by itself.
    pub fn end(&self) -> Option<Timestamp> {
        self.end
    }

    /// Whether it holds at `now`.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.start <= now && !self.has_ended(now)
    }

    /// Whether it is over at `now`.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.end.is_some_and(|end| end <= now)
    }

    /// Whether there is an instant at which both hold.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        !self.has_ended(other.start) && !other.has_ended(self.start)
    }

    /// The part of the window before `limit`; `None` when nothing is left.
    pub(crate) fn clipped(&self, limit: Option<Timestamp>) -> Option<Self> {
        let end = match (self.end, limit) {
            (Some(end), Some(limit)) => Some(end.min(limit)),
            (end, limit) => end.or(limit),
        };
        Self::new(self.start, end)
    }
}

/// How long something shall last (contract 6.4, `expiration`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expiration {
    /// So long after its start.
    AfterDuration(Length),
    /// Up to an instant.
    AfterDateTime(Timestamp),
    /// Until somebody ends it.
    NoExpiration,
}

/// What a request asks for (contract 6.4, `scheduleInfo`). One that says nothing asks for now and without an end; a
/// rule that wants an end refuses it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleInfo {
    /// When it shall start; now, if it does not say.
    pub start: Option<Timestamp>,
    /// How long it shall last.
    pub expiration: Expiration,
}

impl Default for ScheduleInfo {
    fn default() -> Self {
        Self { start: None, expiration: Expiration::NoExpiration }
    }
}

impl ScheduleInfo {
    /// The window this asks for at `now`. A start that has passed means now, as in Azure: clients send the time of
    /// their own clock.
    ///
    /// # Errors
    /// `InvalidRoleAssignmentRequestSchedule` when nothing is left of it, or it runs off the calendar.
    pub fn window(&self, now: Timestamp) -> Result<Window> {
        let start = self.start.map_or(now, |start| start.max(now));
        let end = match self.expiration {
            Expiration::AfterDuration(length) => Some(length.after(start).ok_or_else(off_the_calendar)?),
            Expiration::AfterDateTime(end) => Some(end),
            Expiration::NoExpiration => None,
        };
        Window::new(start, end).ok_or_else(|| {
            schedule("the requested time is over before it starts; ask for an end that lies in the future")
        })
    }
}

fn off_the_calendar() -> Error {
    schedule("the requested duration ends beyond the year 9999; ask for a shorter one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_window_holds_from_its_start_and_not_at_its_end() {
        let (start, end) = (at("2026-02-01T10:00:00Z"), at("2026-02-01T11:00:00Z"));
        let window = Window::new(start, Some(end)).unwrap();
        assert!(window.contains(start) && !window.contains(end));
        assert!(!window.contains(at("2026-02-01T09:59:59Z")));
        assert!(Window::new(start, None).unwrap().contains(at("2099-01-01T00:00:00Z")));
        assert_eq!(Window::new(end, Some(end)), None);
    }

    #[test]
    fn clipping_only_ever_shortens() {
        let (start, end) = (at("2026-02-01T10:00:00Z"), at("2026-02-01T11:00:00Z"));
        let window = Window::new(start, Some(end)).unwrap();
        assert_eq!(window.clipped(None), Some(window));
        assert_eq!(window.clipped(Some(at("2030-01-01T00:00:00Z"))), Some(window));
        let half = at("2026-02-01T10:30:00Z");
        assert_eq!(window.clipped(Some(half)).unwrap().end(), Some(half));
        assert_eq!(window.clipped(Some(start)), None);
        assert_eq!(Window::new(start, None).unwrap().clipped(Some(half)).unwrap().end(), Some(half));
    }

    #[test]
    fn a_start_in_the_past_means_now() {
        let now = at("2026-02-01T10:00:00Z");
        let asked = ScheduleInfo {
            start: Some(at("2026-02-01T09:00:00Z")),
            expiration: Expiration::AfterDuration(Length::hours(1)),
        };
        let window = asked.window(now).unwrap();
        assert_eq!((window.start(), window.end()), (now, Some(at("2026-02-01T11:00:00Z"))));
        let over = ScheduleInfo { start: None, expiration: Expiration::AfterDateTime(now) };
        assert_eq!(over.window(now).unwrap_err().code, "InvalidRoleAssignmentRequestSchedule");
    }
}
