//! An activation: somebody asks for a role, somebody else decides, it holds for a while, it ends.
//!
//! ```text
//!                        +-- approve (enough people in every stage) --> Provisioned -- end, revoke --> Revoked
//! activate --approval--> PendingApproval -- deny, in any stage --> Denied
//!    |                   +-- cancel --> Canceled
//!    |                   +-- nobody decides in time: TimedOut, by comparison alone
//!    +----- the policy asks for no approval --> Provisioned
//! ```
//!
//! A request is a value; each step takes one and returns the next. Its fields are private, so that no other crate can
//! make one that was never approved.

mod activate;
mod decide;
mod end;
mod stages;

use arm::{ObjectId, RequestId, ResourceId, RoleId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Authentication, Person, RolePolicy, ScheduleInfo, Status, Ticket, Window};

pub use activate::activate;
pub use decide::{DecisionBody, Verdict};
pub use end::{Deactivation, deactivate};

/// One person's voice on a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vote {
    /// The account that voted.
    pub by: ObjectId,
    /// The person behind it.
    pub person: Person,
    /// Why; empty when nothing was said.
    pub justification: String,
    /// When.
    pub at: Timestamp,
    /// The place of the stage it was given in.
    #[serde(default)]
    pub stage: u8,
}

/// Why a request may have effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Consent {
    /// The policy asked for nobody's consent.
    NotRequired,
    /// Enough people approved.
    Given {
        /// The approval that settled it.
        decisive: Vote,
        /// The approvals before it, also those that did not count any more.
        earlier: Vec<Vote>,
        /// How many stages there were.
        #[serde(default = "one")]
        stages: u8,
    },
}

/// What was stored before there could be several stages had one.
fn one() -> u8 {
    1
}

/// How far a request has come. That it timed out, or that its window is over, is not stored: it is compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Progress {
    /// It waits for a decision until `expires`.
    PendingApproval {
        /// The first instant at which it is too late to decide.
        expires: Timestamp,
        /// The approvals so far; a denial would have ended it.
        approvals: Vec<Vote>,
    },
    /// It holds in its window.
    Provisioned {
        /// When it holds.
        window: Window,
        /// Why it may.
        consent: Consent,
    },
    /// Somebody said no. Nothing follows.
    Denied {
        /// Who said no.
        denial: Vote,
        /// The approvals before it.
        earlier: Vec<Vote>,
        /// How many stages there were.
        #[serde(default = "one")]
        stages: u8,
    },
    /// It was taken back before it was decided. Nothing follows.
    Canceled {
        /// Who took it back.
        by: ObjectId,
        /// When.
        at: Timestamp,
        /// The approvals before that.
        approvals: Vec<Vote>,
    },
    /// It was ended before its window. Nothing follows.
    Revoked {
        /// When it would have held.
        window: Window,
        /// Why it had been allowed.
        consent: Consent,
        /// Who ended it: its holder, or an admin.
        by: ObjectId,
        /// When.
        at: Timestamp,
    },
}

/// A request to activate a role, and all that became of it (`roleAssignmentScheduleRequests`, `SelfActivate`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivationRequest {
    name: RequestId,
    scope: ResourceId,
    /// Missing in requests of the time when it was always `scope`.
    #[serde(default)]
    policy_scope: Option<ResourceId>,
    role: RoleId,
    principal: ObjectId,
    person: Person,
    eligibility: RequestId,
    eligibility_scope: ResourceId,
    through: Option<ObjectId>,
    asked: ScheduleInfo,
    justification: String,
    ticket: Ticket,
    signed_in: Authentication,
    created: Timestamp,
    progress: Progress,
}

impl ActivationRequest {
    /// The request's name, which is also its approval's, its schedule's and its role assignment's.
    pub fn name(&self) -> RequestId {
        self.name
    }

    /// Where the role is asked for.
    pub fn scope(&self) -> &ResourceId {
        &self.scope
    }

    /// The scope whose policy of the role says who decides: where the role is asked for, or a scope above that needs
    /// approval where the one asked for does not.
    pub fn policy_scope(&self) -> &ResourceId {
        self.policy_scope.as_ref().unwrap_or(&self.scope)
    }

    /// The role asked for.
    pub fn role(&self) -> RoleId {
        self.role
    }

    /// Who asks and would hold the role.
    pub fn principal(&self) -> ObjectId {
        self.principal
    }

    /// The person who asks.
    pub fn person(&self) -> &Person {
        &self.person
    }

    /// The eligibility it rests on.
    pub fn eligibility(&self) -> RequestId {
        self.eligibility
    }

    /// The scope of that eligibility: this request's, or one above.
    pub fn eligibility_scope(&self) -> &ResourceId {
        &self.eligibility_scope
    }

    /// The group through which the principal is eligible, if not directly.
    pub fn through(&self) -> Option<ObjectId> {
        self.through
    }

    /// From when and how long the role is asked for.
    pub fn asked(&self) -> &ScheduleInfo {
        &self.asked
    }

    /// Why; empty when nothing was said.
    pub fn justification(&self) -> &str {
        &self.justification
    }

    /// The ticket, if any.
    pub fn ticket(&self) -> &Ticket {
        &self.ticket
    }

    /// How whoever asks had signed in.
    pub fn signed_in(&self) -> &Authentication {
        &self.signed_in
    }

    /// When it was asked for.
    pub fn created(&self) -> Timestamp {
        self.created
    }

    /// How far it has come.
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// Why it has, or had, effect; none for one that was never agreed.
    pub fn consent(&self) -> Option<&Consent> {
        match &self.progress {
            Progress::Provisioned { consent, .. } | Progress::Revoked { consent, .. } => Some(consent),
            Progress::PendingApproval { .. } | Progress::Denied { .. } | Progress::Canceled { .. } => None,
        }
    }

    /// What became of it, at `now`. A request whose window is over keeps its last status (contract 6.5); whether it
    /// has effect is [`ActivationRequest::is_effective`].
    pub fn status_at(&self, now: Timestamp) -> Status {
        match &self.progress {
            Progress::PendingApproval { expires, .. } if *expires <= now => Status::TimedOut,
            Progress::PendingApproval { .. } => Status::PendingApproval,
            Progress::Provisioned { window, .. } if window.start() > now => Status::Granted,
            Progress::Provisioned { .. } => Status::Provisioned,
            Progress::Denied { .. } => Status::Denied,
            Progress::Canceled { .. } => Status::Canceled,
            Progress::Revoked { .. } => Status::Revoked,
        }
    }

    /// The status that a dry run (`validate`) answers: `Granted` where the request would have effect at once,
    /// `PendingEvaluation` where somebody else would be asked. Scripts go by these two words.
    pub fn status_of_dry_run(&self) -> Status {
        match &self.progress {
            Progress::PendingApproval { .. } => Status::PendingEvaluation,
            _ => Status::Granted,
        }
    }

    /// When it holds: what the caller stores as the role assignment's window, under the request's name. None before
    /// it is agreed and after it is ended; then there must be no role assignment.
    pub fn window(&self) -> Option<Window> {
        match &self.progress {
            Progress::Provisioned { window, .. } => Some(*window),
            Progress::PendingApproval { .. }
            | Progress::Denied { .. }
            | Progress::Canceled { .. }
            | Progress::Revoked { .. } => None,
        }
    }

    /// Whether it gives its holder the role at `now`.
    pub fn is_effective(&self, now: Timestamp) -> bool {
        self.window().is_some_and(|window| window.contains(now))
    }

    /// Whether it waits for a decision, or holds, or will: whether anything is left of it at `now`.
    pub fn is_open_or_effective(&self, now: Timestamp) -> bool {
        match &self.progress {
            Progress::PendingApproval { .. } => self.status_at(now) == Status::PendingApproval,
            Progress::Provisioned { window, .. } => !window.has_ended(now),
            Progress::Denied { .. } | Progress::Canceled { .. } | Progress::Revoked { .. } => false,
        }
    }

    /// Whether somebody else's approval was sought, so that there is an approval of this name.
    pub fn has_approval(&self) -> bool {
        !matches!(
            &self.progress,
            Progress::Provisioned { consent: Consent::NotRequired, .. }
                | Progress::Revoked { consent: Consent::NotRequired, .. }
        )
    }

    /// Whether the policy is the one that this request is decided by.
    fn is_under(&self, policy: &RolePolicy) -> bool {
        policy.scope() == self.policy_scope() && policy.role() == self.role
    }

    fn with(&self, progress: Progress) -> Self {
        Self { progress, ..self.clone() }
    }
}
