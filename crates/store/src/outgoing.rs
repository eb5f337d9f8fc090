//! The outbox: what is to be sent to people and webhooks, and how far that has come.
//!
//! An [`Outgoing`] is written in the commit of what it tells about, so that neither is there without the other. Its name
//! follows from the event and the recipient: a decision that is made again, or a request that is sent again, does not
//! write it twice. What it says is kept as it was rendered then.
//!
//! ```text
//! Waiting -- claim --> Sending -- accepted --> Sent
//!    ^                  |  |
//!    +-- temporary -----+  +-- permanent, or too long --> GivenUp
//! ```
//!
//! To send something it is first claimed, in a commit of its own: no two servers send it at once, and if the one that
//! does ends before it has noted the outcome, that can be seen. Such a claim counts for [`CLAIM`]; then it is sent
//! again, under the same id, by which the other side can tell that it has it.

use jiff::{SignedDuration, Timestamp};
use ledger::Digest;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How long a claim counts: longer than sending takes, with every time-out on the way.
pub const CLAIM: SignedDuration = SignedDuration::from_mins(10);
/// For how long it is tried.
pub const PATIENCE: SignedDuration = SignedDuration::from_hours(72);
/// How long it is kept after it was sent, or given up.
pub const KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);
/// The wait after the first attempt that failed; each further one doubles it.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(15);
/// The longest wait between two attempts.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);
/// The longest account of what went wrong, in characters.
const MAX_TROUBLE_CHARS: usize = 500;

/// Something to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outgoing {
    /// The event and the recipient; the key of the document.
    pub name: String,
    /// Where it goes.
    pub to: Destination,
    /// What it is about, in one line.
    pub subject: String,
    /// What it says.
    pub content: Content,
    /// When it was written.
    pub created: Timestamp,
    /// How often it was tried.
    pub attempts: u32,
    /// How far it has come.
    pub delivery: Delivery,
    /// What went wrong last.
    pub trouble: Option<String>,
}

/// Where something goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Destination {
    /// To somebody's mailbox.
    Mailbox {
        /// What the person is called.
        name: String,
        /// The mail address.
        address: String,
    },
    /// To the webhook of this name. Its address may be a secret and is in the configuration alone.
    Webhook(String),
}

/// What something says, rendered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// A mail, twice.
    Mail {
        /// As plain text.
        text: String,
        /// As HTML.
        html: String,
    },
    /// The body of a request.
    Json(String),
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Delivery {
    /// It is sent from this instant on.
    Waiting {
        /// The instant.
        from: Timestamp,
    },
    /// A server is sending it; or was, if that is too long ago.
    Sending {
        /// Which.
        by: Uuid,
        /// Since when.
        since: Timestamp,
    },
    /// The other side has accepted it.
    Sent {
        /// When.
        at: Timestamp,
    },
    /// It will not be sent.
    GivenUp {
        /// Since when.
        at: Timestamp,
    },
}

impl Outgoing {
    /// The lookup under which everything is found that has not come to an end.
    pub const OPEN: &'static str = "open";

    /// Something to be sent at once.
    pub fn new(name: String, to: Destination, subject: String, content: Content, created: Timestamp) -> Self {
        let delivery = Delivery::Waiting { from: created };
        Self { name, to, subject, content, created, attempts: 0, delivery, trouble: None }
    }

    /// Something that cannot be sent, so that it is seen.
    #[must_use]
    pub fn hopeless(self, why: &str) -> Self {
        let delivery = Delivery::GivenUp { at: self.created };
        Self { delivery, trouble: Some(why.to_string()), ..self }
    }

    /// Its id for the other side, the same in every attempt: 32 hexadecimal digits that follow from the name.
    pub fn id(&self) -> String {
        Digest::of(self.name.as_bytes()).to_string().chars().take(32).collect()
    }

    /// Whether it has not come to an end.
    pub fn is_open(&self) -> bool {
        matches!(self.delivery, Delivery::Waiting { .. } | Delivery::Sending { .. })
    }

    /// Whether it is too old to be sent.
    pub fn is_stale(&self, now: Timestamp) -> bool {
        now.duration_since(self.created) > PATIENCE
    }

    /// Whether it should be sent now: its time has come, or who was sending it is gone.
    pub fn is_due(&self, now: Timestamp) -> bool {
        match self.delivery {
            Delivery::Waiting { from } => from <= now,
            Delivery::Sending { since, .. } => now.duration_since(since) >= CLAIM,
            Delivery::Sent { .. } | Delivery::GivenUp { .. } => false,
        }
    }

    /// Claimed by a server that is about to send it; `None` when it is not due.
    pub fn claimed(&self, by: Uuid, now: Timestamp) -> Option<Self> {
        if !self.is_due(now) {
            return None;
        }
        let unknown = matches!(self.delivery, Delivery::Sending { .. });
        let trouble = match unknown {
            true => Some(
                "a server ended while it was sending this, so that it is not known whether it arrived; it is sent \
                 again under the same id"
                    .to_string(),
            ),
            false => self.trouble.clone(),
        };
        let delivery = Delivery::Sending { by, since: now };
        Some(Self { attempts: self.attempts.saturating_add(1), delivery, trouble, ..self.clone() })
    }

    /// Whether this server has claimed it and nobody else has since.
    pub fn is_claimed_by(&self, server: Uuid) -> bool {
        matches!(self.delivery, Delivery::Sending { by, .. } if by == server)
    }

    /// Accepted by the other side.
    #[must_use]
    pub fn sent(&self, now: Timestamp) -> Self {
        Self { delivery: Delivery::Sent { at: now }, ..self.clone() }
    }

    /// Not accepted, this time. It is tried again, later each time, until there has been no success for too long.
    /// `dice` moves the instant, so that what failed together does not come back together.
    #[must_use]
    pub fn failed(&self, why: &str, now: Timestamp, dice: u8) -> Self {
        let wait = wait_after(self.attempts, dice);
        let next = now.checked_add(wait).unwrap_or(Timestamp::MAX);
        let trouble = Some(why.chars().take(MAX_TROUBLE_CHARS).collect());
        let delivery = match next.duration_since(self.created) > PATIENCE {
            true => Delivery::GivenUp { at: now },
            false => Delivery::Waiting { from: next },
        };
        Self { delivery, trouble, ..self.clone() }
    }

    /// Refused for good.
    #[must_use]
    pub fn refused(&self, why: &str, now: Timestamp) -> Self {
        let trouble = Some(why.chars().take(MAX_TROUBLE_CHARS).collect());
        Self { delivery: Delivery::GivenUp { at: now }, trouble, ..self.clone() }
    }

    /// Whether it need not be kept any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        match self.delivery {
            Delivery::Sent { at } | Delivery::GivenUp { at } => now.duration_since(at) >= KEPT,
            Delivery::Waiting { .. } | Delivery::Sending { .. } => false,
        }
    }
}

/// How long is waited after so many attempts: doubled each time, and up to a quarter more.
fn wait_after(attempts: u32, dice: u8) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(16);
    let wait = FIRST_WAIT.checked_mul(1 << doublings).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    let more = wait.as_millis() * i128::from(dice) / (4 * 255);
    wait + SignedDuration::from_millis(i64::try_from(more).unwrap_or_default())
}

/// How far some work has come that goes over what happened, so that it does everything once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bookmark {
    /// The work; the key of the document.
    pub work: String,
    /// Where it goes on: what that means is the work's business.
    pub position: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn fresh() -> Outgoing {
        let to = Destination::Mailbox { name: "Sam".into(), address: "sam@fabsec.example".into() };
        let content = Content::Mail { text: "t".into(), html: "h".into() };
        Outgoing::new("r/activation.denied/sam@fabsec.example".into(), to, "s".into(), content, at(0))
    }

    #[test]
    fn one_server_sends_it_and_notes_that() {
        let claimed = fresh().claimed(A, at(1)).unwrap();
        assert_eq!(claimed.claimed(B, at(2)), None, "one at a time");
        assert_eq!((claimed.attempts, claimed.is_claimed_by(A), claimed.is_claimed_by(B)), (1, true, false));
        let sent = claimed.sent(at(3));
        assert!(!sent.is_open() && !sent.is_due(at(1_000_000)));
        assert!(!sent.is_over(at(3 + 30 * 86400 - 1)) && sent.is_over(at(3 + 30 * 86400)));
        assert_eq!(fresh().id(), sent.id());
    }

    #[test]
    fn a_claim_whose_server_is_gone_ends_and_says_so() {
        let claimed = fresh().claimed(A, at(0)).unwrap();
        assert_eq!(claimed.claimed(B, at(599)), None);
        let again = claimed.claimed(B, at(600)).unwrap();
        assert!(again.is_claimed_by(B) && again.attempts == 2);
        assert!(again.trouble.unwrap().contains("not known whether it arrived"));
    }

    #[test]
    fn it_is_tried_later_and_later_and_then_given_up() {
        let (mut mail, mut now, mut waits) = (fresh(), at(0), Vec::new());
        while mail.is_open() {
            mail = mail.claimed(A, now).unwrap().failed("451 later", now, 0);
            if let Delivery::Waiting { from } = mail.delivery {
                assert!(!mail.is_due(from - SignedDuration::from_secs(1)));
                waits.push(from.duration_since(now).as_secs());
                now = from;
            }
        }
        assert_eq!(waits[..9], [15, 30, 60, 120, 240, 480, 960, 1920, 3600]);
        assert!(waits[9..].iter().all(|wait| *wait == 3600));
        let tried = now.duration_since(at(0));
        assert!(tried <= PATIENCE && tried > PATIENCE - SignedDuration::from_hours(2), "{tried}");
        assert_eq!(mail.delivery, Delivery::GivenUp { at: now });
        assert_eq!(mail.trouble.as_deref(), Some("451 later"));
    }

    #[test]
    fn a_wait_is_longer_by_chance_and_never_by_more_than_a_quarter() {
        assert_eq!(wait_after(1, 0), SignedDuration::from_secs(15));
        assert_eq!(wait_after(1, 255), SignedDuration::from_millis(18_750));
        assert_eq!(wait_after(u32::MAX, 255), SignedDuration::from_mins(75));
    }

    #[test]
    fn what_is_refused_is_not_tried_again() {
        let refused = fresh().claimed(A, at(0)).unwrap().refused(&"x".repeat(9999), at(1));
        assert!(!refused.is_open());
        assert_eq!(refused.trouble.unwrap().chars().count(), MAX_TROUBLE_CHARS);
    }
}
