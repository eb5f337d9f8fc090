//! Deciding on a request: who counts, and what follows from enough of them.

use arm::{RequestId, Result};
use jiff::Timestamp;
use serde_json::Value;

use super::stages::{count, stage_at};
use super::{ActivationRequest, Consent, Progress, Vote};
use crate::checks::latest_end;
use crate::people::Asker;
use crate::policy::Occasion;
use crate::reader::Reader;
use crate::reason::justification;
use crate::refusal::{content, not_found, not_yours, policy_rule, schedule, self_approval, settled, voted};
use crate::{Context, Eligibility, Person, RolePolicy, Status, Window};

/// What an approver says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No, which ends it.
    Deny,
}

/// The body of a decision (contract 6.6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionBody {
    /// What the approver says.
    pub verdict: Verdict,
    /// Why; empty when nothing was said.
    pub justification: String,
}

impl DecisionBody {
    /// Reads a decision, in its flat form or inside of `properties`.
    ///
    /// # Errors
    /// `InvalidRequestContent`, for `NotReviewed` too: it decides nothing.
    pub fn parse(body: &Value) -> Result<Self> {
        let root = Reader::root(body)?;
        let body = root.object("properties")?.unwrap_or(root);
        let words =
            [("Approve", Some(Verdict::Approve)), ("Deny", Some(Verdict::Deny)), ("NotReviewed", None)];
        let Some(Some(verdict)) = body.word("reviewResult", &words)? else {
            let field = body.field("reviewResult");
            return Err(content(&field, format!("`{field}` must be Approve or Deny")));
        };
        Ok(Self { verdict, justification: justification(&body)? })
    }
}

impl ActivationRequest {
    /// The request after the caller's decision in `stage`. `policy` is the one in force now, and `eligibility` the
    /// document as it is now that the request rests on, if it still exists.
    ///
    /// Only humans on the stage's approver list at this moment count, each person once and in one stage, and never the person who asked: not
    /// through another account, a guest or a group, whether the directory knew of that when they asked or learned it
    /// since. A denial in any stage ends the request, and it is agreed once every stage has its number. Approvals of people who have meanwhile lost their place do not count.
    ///
    /// # Errors
    /// - `InsufficientPermissions` (403): the caller is the person who asked, not an approver, or not a human.
    /// - `RoleAssignmentApprovalNotFound` (404): no approval was sought, or it has no such stage.
    /// - `RoleAssignmentRequestSettled` (409): decided, taken back or timed out before.
    /// - `RoleAssignmentRequestAlreadyReviewed` (409): this person approved before, or the stage has its approvals.
    /// - `RoleAssignmentRequestPolicyValidationFailed` (400): a justification is missing; or the requester is not
    ///   eligible any more, so that nobody can approve.
    /// - `InvalidRoleAssignmentRequestSchedule` (400): the requested time is over.
    pub fn decide(
        &self,
        stage: RequestId,
        decision: &DecisionBody,
        policy: &RolePolicy,
        eligibility: Option<&Eligibility>,
        cx: &Context<'_>,
    ) -> Result<Self> {
        if cx.is_voice_of(&self.asker()) {
            return Err(self_approval());
        }
        let no_stage = || not_found(format!("the approval {} has no stage {stage}", self.name));
        let place = self.stage_place(stage, policy).ok_or_else(no_stage)?;
        let person = self.reviewer(place, policy, cx)?;
        let approvals = self.open_approvals(cx.now)?;
        let rule = stage_at(policy, place).ok_or_else(no_stage)?;
        if rule.approver_justification && decision.justification.is_empty() {
            return Err(policy_rule("JustificationRule", "Say in `justification` why you decide so."));
        }
        let vote = Vote {
            by: cx.caller.object,
            person,
            justification: decision.justification.clone(),
            at: cx.now,
            stage: place,
        };
        match decision.verdict {
            Verdict::Deny => Ok(self.with(Progress::Denied {
                denial: vote,
                earlier: approvals.to_vec(),
                stages: count(policy),
            })),
            Verdict::Approve => self.approve(vote, policy, eligibility, cx),
        }
    }

    /// Whether the caller may open the approval by its id: its approvers may, and whoever may read the scope's
    /// requests (`may_read_scope`); the person who asked may not, whatever else they may do.
    ///
    /// # Errors
    /// `InsufficientPermissions` (403) that says self-approval is not allowed; `RoleAssignmentApprovalNotFound`
    /// (404) for strangers, and for a request that needed no approval.
    pub fn may_see(&self, policy: &RolePolicy, may_read_scope: bool, cx: &Context<'_>) -> Result<()> {
        let strangers = || not_found(format!("there is no approval {} that you may see", self.name));
        if !self.has_approval() {
            return Err(strangers());
        }
        if cx.is_voice_of(&self.asker()) {
            return Err(self_approval());
        }
        let listed = self.is_under(policy) && policy.lists_as_approver(cx.caller.object, cx.people);
        match listed || may_read_scope {
            true => Ok(()),
            false => Err(strangers()),
        }
    }

    /// Whether the request waits for the caller's decision in some stage (`asApprover()`).
    pub fn awaits(&self, policy: &RolePolicy, cx: &Context<'_>) -> bool {
        (0..count(policy)).any(|place| self.awaits_in(place, policy, cx))
    }

    /// Whether it waits for the caller's decision in this stage (`assignedToMe`).
    pub(crate) fn awaits_in(&self, place: u8, policy: &RolePolicy, cx: &Context<'_>) -> bool {
        let Ok(person) = self.reviewer(place, policy, cx) else {
            return false;
        };
        match self.open_approvals(cx.now) {
            Ok(approvals) => {
                approvals.iter().all(|vote| vote.person != person)
                    && !self.is_filled(place, approvals, policy, cx.people)
            }
            Err(_) => false,
        }
    }

    /// The person who reviews in this stage, if the caller may.
    fn reviewer(&self, place: u8, policy: &RolePolicy, cx: &Context<'_>) -> Result<Person> {
        if cx.is_voice_of(&self.asker()) {
            return Err(self_approval());
        }
        let caller = cx.caller.object;
        let listed = stage_at(policy, place).is_some_and(|stage| stage.lists(caller, cx.people));
        if !self.is_under(policy) || !listed {
            return Err(not_yours(
                "You are not an approver of this request, in this stage and at this moment.",
            ));
        }
        cx.human().ok_or_else(|| {
            not_yours("Only people approve: this caller is an application, or an account that is not in use.")
        })
    }

    /// Who asked.
    pub(super) fn asker(&self) -> Asker<'_> {
        Asker { account: self.principal, person: &self.person }
    }

    /// The approvals so far of a request that can still be decided.
    fn open_approvals(&self, now: Timestamp) -> Result<&[Vote]> {
        match &self.progress {
            Progress::PendingApproval { approvals, .. } if self.status_at(now) == Status::PendingApproval => {
                Ok(approvals)
            }
            _ => Err(settled(format!(
                "The request {} is {} already; it cannot be decided any more. It takes a new request.",
                self.name,
                self.status_at(now).as_str()
            ))),
        }
    }

    fn approve(
        &self,
        vote: Vote,
        policy: &RolePolicy,
        eligibility: Option<&Eligibility>,
        cx: &Context<'_>,
    ) -> Result<Self> {
        let earlier = self.open_approvals(cx.now)?.to_vec();
        if earlier.iter().any(|other| other.person == vote.person) {
            return Err(voted("You have approved this request before; it waits for somebody else."));
        }
        if self.is_filled(vote.stage, &earlier, policy, cx.people) {
            return Err(voted(
                "This stage has the approvals it needs; the request waits for the other stages.",
            ));
        }
        let window = self.window_from(policy, eligibility, cx)?;
        let mut votes = earlier.clone();
        votes.push(vote.clone());
        let agreed = self.reached(&votes, policy, cx.people).into_iter().all(|reached| reached);
        match &self.progress {
            Progress::PendingApproval { expires, .. } if !agreed => {
                Ok(self.with(Progress::PendingApproval { expires: *expires, approvals: votes }))
            }
            _ => {
                let consent = Consent::Given { decisive: vote, earlier, stages: count(policy) };
                Ok(self.with(Progress::Provisioned { window, consent }))
            }
        }
    }

    /// When the role would hold if the request were agreed now: what its approvers need to know.
    ///
    /// # Errors
    /// As an approval: the requester is not eligible any more, or the requested time is over.
    pub fn window_if_approved(
        &self,
        policy: &RolePolicy,
        eligibility: Option<&Eligibility>,
        cx: &Context<'_>,
    ) -> Result<Window> {
        self.window_from(policy, eligibility, cx)
    }

    /// The window that an approval gives now: what was asked for, but within the eligibility and the policy as they
    /// are at this moment.
    fn window_from(
        &self,
        policy: &RolePolicy,
        eligibility: Option<&Eligibility>,
        cx: &Context<'_>,
    ) -> Result<Window> {
        let still = |eligibility: &&Eligibility| {
            eligibility.grant().name == self.eligibility
                && eligibility.serves(self.principal, self.role, &self.scope, cx.people, cx.now)
        };
        let in_use = cx.people.is_human(self.principal);
        let Some(eligibility) = eligibility.filter(still).filter(|_| in_use) else {
            return Err(policy_rule(
                "EligibilityRule",
                "Whoever asked is not eligible any more, so the request cannot be approved. Deny it, or leave it \
                 to time out.",
            ));
        };
        let window = self.asked.window(cx.now)?;
        window
            .clipped(latest_end(policy, Occasion::EndUserAssignment, window.start()))
            .and_then(|window| window.clipped(eligibility.grant().window.end()))
            .ok_or_else(|| schedule("nothing is left of the requested time; it takes a new request"))
    }
}
