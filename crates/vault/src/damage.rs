//! What is known of the state of stored bytes: how far they were verified, and which of them are damaged.

use std::collections::BTreeMap;

use arm::ResourceId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Bytes that are not what they should be, or not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damage {
    /// When that was found.
    pub at: Timestamp,
    /// What is wrong.
    pub why: String,
}

/// What of a repository is damaged. It is not handed out until it was sent again or found whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Damaged {
    /// The item.
    pub item: ResourceId,
    /// By their place: `data/{content}`.
    pub objects: BTreeMap<String, Damage>,
    /// The item's short name.
    pub repository: String,
}

impl Damaged {
    /// Nothing of a repository.
    pub fn none(item: ResourceId, repository: String) -> Self {
        Self { item, objects: BTreeMap::new(), repository }
    }

    /// The place of an object of a type.
    pub fn place(object_type: &str, content: &str) -> String {
        format!("{object_type}/{content}")
    }

    /// What is wrong with an object, if anything is known to be.
    pub fn of(&self, object_type: &str, content: &str) -> Option<&Damage> {
        self.objects.get(&Self::place(object_type, content))
    }
}

/// Where a pass over all bytes is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The cursor behind the last object.
    pub after: i64,
    /// The type of object, by its name.
    pub object_type: String,
    /// The repository, by its item's short name. Passes go by the order of these.
    pub repository: String,
}

/// A pass over all bytes, and what it came to so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pass {
    /// Bytes that were read.
    pub bytes: u64,
    /// Objects that were damaged when the pass came to them.
    pub damaged: u64,
    /// When it ended; `None` while it is under way.
    pub finished: Option<Timestamp>,
    /// Objects that were verified.
    pub objects: u64,
    /// When it began.
    pub started: Timestamp,
}

/// How far the bytes of all repositories were verified. There is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scrub {
    /// Bytes that were read beyond what there was time for: they are made up for before the pass goes on.
    pub ahead: u64,
    /// The pass under way, and where it is; `None` in place of the place: at the beginning.
    pub current: Option<(Pass, Option<Place>)>,
    /// The last whole pass.
    pub last: Option<Pass>,
}

impl Scrub {
    /// Its key.
    pub const KEY: &'static str = "scrub";

    /// Whether there is something to do at `now`, when a pass is to begin every so often.
    pub fn is_due(&self, every: SignedDuration, now: Timestamp) -> bool {
        let rested = |pass: &Pass| now.duration_since(pass.started) >= every;
        self.current.is_some() || self.last.as_ref().is_none_or(rested)
    }
}
