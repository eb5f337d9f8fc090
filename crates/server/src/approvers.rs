//! What a change of the directory does to those who approve: whoever leaves a group, or turns out to be somebody else, may
//! be the one without whom nothing is approved any more.
//!
//! - A change of who is in a group, the deletion of a group or user, and the linking of accounts are **refused** when a
//!   policy of the tenant would lose its quorum by it: there is time to name somebody else first.
//! - **An account can always be disabled**, also that of the last approver: when it is stolen at night, nothing may stand in
//!   the way. That approvals are out of reach then is in the ledger, and an alert of the guard's owner.
//! - What a tenant does to its own people is not for another tenant to refuse: there it is told in the same way.

use arm::{Error, ErrorKind, ResourceId, Result, TenantId};
use jiff::Timestamp;
use pim::{ApproverFinding, Eligibility, Involved, Names, PolicyDocument, RolePolicy};
use store::{Access, Transaction};

use crate::arm::guards;
use crate::arm::pim::policies::policy_at;
use crate::people::{Change, Known};

/// The fact of a ledger's entry that says what is to be known about approvers after the change.
pub const FINDINGS: &str = "approverFindings";

/// A policy under which something could be approved before the change, and cannot after it.
pub struct Lost {
    /// The policy.
    pub policy: RolePolicy,
    /// What its role is called.
    pub role: String,
    /// Why not, with how many are left and what to do.
    pub why: String,
}

/// What a change does to approvals.
#[derive(Default)]
pub struct Weighed {
    /// The policies of the tenant that lose their quorum.
    own: Vec<Lost>,
    /// Those of other tenants.
    others: Vec<Lost>,
    /// What is to be known that was not so before, in words, about policies of the tenant.
    said: Vec<String>,
}

/// Looks at every policy before and after a change of a tenant's directory.
///
/// # Errors
/// When the store cannot be read.
pub fn weigh(
    tx: &mut Transaction,
    access: &Access,
    tenant: TenantId,
    change: &Change,
    now: Timestamp,
) -> Result<Weighed> {
    let (before, after) = (Known::now(access), Known::after(access, change));
    let mut weighed = Weighed::default();
    // A policy that nobody has changed names no approver, and so has none to lose.
    let mut policies = Vec::new();
    for document in tx.all::<PolicyDocument>()? {
        policies.push(policy_at(tx, &document.scope, document.role)?);
    }
    policies.retain(RolePolicy::needs_approval);
    if policies.is_empty() {
        return Ok(weighed);
    }
    let eligibilities: Vec<Eligibility> = tx.all()?;
    for policy in policies {
        let own = access.tenant_of(policy.scope()) == Some(tenant);
        let askers = policy.askers(&eligibilities, &before, now);
        let still = policy.askers(&eligibilities, &after, now);
        if own {
            let involved = |askers| Involved { askers, ..Involved::default() };
            let known = policy.approver_findings(&before, &involved(askers.clone()));
            let found = policy.approver_findings(&after, &involved(still.clone()));
            let new = found.iter().filter(|finding| !known.contains(finding));
            weighed.said.extend(new.map(|finding| told(&policy, finding, &after)));
        }
        let askers = askers.intersection(&still).copied().collect();
        if let Err(error) = policy.check_kept(&before, &after, &askers) {
            let role = after.role(policy.role()).display_name;
            let lost = Lost { policy, role, why: error.message };
            if own { weighed.own.push(lost) } else { weighed.others.push(lost) }
        }
    }
    Ok(weighed)
}

/// A finding for the ledger.
pub fn told(policy: &RolePolicy, finding: &ApproverFinding, names: &Known<'_>) -> String {
    format!("{} ({}): {}", finding.kind(), policy.id(), finding.message(names))
}

impl Weighed {
    /// Refuses a change that takes the quorum from a policy of the tenant. `doing` begins the sentence.
    ///
    /// # Errors
    /// `ApproversWouldBeUnreachable`.
    pub fn demand_kept(&self, doing: &str) -> Result<()> {
        let Some(lost) = self.own.first() else {
            return Ok(());
        };
        let more = match self.own.len() - 1 {
            0 => String::new(),
            more => format!(" ({more} more role policies would be left without, too.)"),
        };
        Err(unreachable(format!(
            "{doing} would leave too few people who can approve activations of '{}' at '{}'. {}{more} Name another approver first, in the policy or in \
             its group, and then do this again. An account that must be stopped at once can always be disabled: PATCH \
             /users/{{id}} with accountEnabled false; that takes effect with its next request, and is reported to the \
             owner of the Resource Guard.",
            lost.role,
            lost.policy.scope(),
            lost.why
        )))
    }

    /// Refuses it also when a policy of another tenant would lose its quorum, about which nothing is told.
    ///
    /// # Errors
    /// `ApproversWouldBeUnreachable`.
    pub fn demand_kept_everywhere(&self, doing: &str) -> Result<()> {
        self.demand_kept(doing)?;
        if self.others.is_empty() {
            return Ok(());
        }
        Err(unreachable(format!(
            "{doing} would leave a role policy of another tenant with too few people who can approve. Its security admin \
             must name another approver first."
        )))
    }

    /// What the entry about the change says of approvers.
    pub fn fact(&self) -> Option<(&'static str, String)> {
        (!self.said.is_empty()).then(|| (FINDINGS, self.said.join(" ")))
    }

    /// All that lost their quorum, each with the guards whose owners should know, or else the policy's scope.
    pub fn lost(&self, tx: &mut Transaction) -> Result<Vec<(&Lost, ResourceId)>> {
        let mut all = Vec::new();
        for lost in self.own.iter().chain(&self.others) {
            all.extend(concerned(tx, lost.policy.scope())?.into_iter().map(|target| (lost, target)));
        }
        Ok(all)
    }
}

/// The guards at a scope and below it, for which a role held there counts; the scope itself when there is none.
pub fn concerned(tx: &mut Transaction, scope: &ResourceId) -> Result<Vec<ResourceId>> {
    let guards = guards::within(tx, scope)?;
    Ok(match guards.is_empty() {
        true => vec![scope.clone()],
        false => guards.into_iter().map(|guard| guard.id).collect(),
    })
}

fn unreachable(message: String) -> Error {
    Error::new(ErrorKind::PreconditionFailed, "ApproversWouldBeUnreachable", message)
}
