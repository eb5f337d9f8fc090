//! Why a policy is weaker, as a phrase for people.

use std::fmt;

use super::plan::PartName;

/// One way in which a policy is weaker than another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    part: PartName,
    what: What,
}

impl Reason {
    pub(super) fn new(part: PartName, what: What) -> Self {
        Self { part, what }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.part != PartName::Whole {
            write!(f, "{} backups: ", self.part)?;
        }
        self.what.fmt(f)
    }
}

/// What is weaker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// One of the two policies means nothing to this version of the server.
    Unreadable,
    /// Another kind of policy, so that nothing compares.
    Kind { aspect: &'static str, before: String, after: String },
    /// A sub-policy is gone.
    PartGone,
    /// The schedule is gone.
    ScheduleGone,
    /// Another way of scheduling, which does not compare.
    ScheduleKind,
    /// Backups run more rarely. In seconds.
    Gap { before: u64, after: u64 },
    /// Backups no longer run on these days.
    RunDays { gone: String },
    /// Backups run in other weeks.
    RunWeeks,
    /// Fewer backups on a day.
    RunsADay { before: usize, after: usize },
    /// Something is kept for fewer days.
    Falls { what: String, before: u32, after: u32 },
    /// Something is no longer kept.
    Gone { what: String, before: u32 },
    /// Another way of keeping, which does not compare.
    RetentionKind { what: String },
    /// Something is kept of fewer days. Which, if it can be said in short.
    KeptDays { what: String, gone: Option<String> },
    /// Of each day, fewer backups are kept.
    KeptADay { what: String, before: usize, after: usize },
    /// Of each day, other backups are kept.
    KeptTimes { what: String },
    /// A rule is gone, or has become one of another kind.
    RuleGone { name: String },
    /// Something about the rule with this name.
    OfRule { name: String, what: Box<What> },
    /// A copy to another store is no longer made, or made later.
    Copy { what: String, to: String },
    /// A member that is not understood differs.
    NotUnderstood { name: String },
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("one of the two policies cannot be read"),
            Self::Kind { aspect, before, after } => {
                write!(f, "the {aspect} changes from {before} to {after}")
            }
            Self::PartGone => f.write_str("they would no longer be made"),
            Self::ScheduleGone => f.write_str("backups would no longer be scheduled"),
            Self::ScheduleKind => f.write_str("the kind of schedule changes"),
            Self::Gap { before, after } => {
                f.write_str("the longest gap between backups grows from ")?;
                write_time(f, *before, *after)
            }
            Self::RunDays { gone } => write!(f, "backups would no longer run on {gone}"),
            Self::RunWeeks => f.write_str("backups would run in other weeks"),
            Self::RunsADay { before, after } => write!(f, "backups a day fall from {before} to {after}"),
            Self::Falls { what, before, after } => write!(f, "{what} falls from {before} to {after} days"),
            Self::Gone { what, before } => write!(f, "{what} of {before} days is gone"),
            Self::RetentionKind { what } => write!(f, "the kind of {what} changes"),
            Self::KeptDays { what, gone: Some(gone) } => write!(f, "{what} no longer keeps {gone}"),
            Self::KeptDays { what, gone: None } => write!(f, "{what} no longer keeps all the days it kept"),
            Self::KeptADay { what, before, after } => {
                write!(f, "{what} keeps {after} instead of {before} of a day's backups")
            }
            Self::KeptTimes { what } => write!(f, "{what} keeps backups of other times of day"),
            Self::RuleGone { name } => write!(f, "the rule '{name}' is gone"),
            Self::OfRule { name, what } => write!(f, "rule '{name}': {what}"),
            Self::Copy { what, to } => write!(f, "{what} is no longer copied to '{to}' as it was"),
            Self::NotUnderstood { name } => {
                write!(f, "the policy has a member that is not understood: {name} changed")
            }
        }
    }
}

/// "24 to 168 hours", in the largest unit that fits both.
fn write_time(f: &mut fmt::Formatter<'_>, before: u64, after: u64) -> fmt::Result {
    for (unit, seconds) in [("hours", 3600), ("minutes", 60), ("seconds", 1)] {
        if before.is_multiple_of(seconds) && after.is_multiple_of(seconds) {
            let whole = |time: u64| time.checked_div(seconds).unwrap_or(time);
            return write!(f, "{} to {} {unit}", whole(before), whole(after));
        }
    }
    Ok(())
}
