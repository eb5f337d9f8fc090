//! What waits for somebody: decisions of theirs, requests of theirs, roles that run out, changes that wait for consent.

use arm::Result;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use store::Draft;

use crate::portal::ask::authorization;
use crate::portal::consent::{Named, Schedule};
use crate::portal::moment::Moment;
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// What is one's own is asked for in a whole directory at once.
/// How long before its end an activation is about to end.
const SOON: SignedDuration = SignedDuration::from_mins(15);

/// What waits.
pub struct Waiting {
    /// Requests that the viewer is to decide, the one that ends first at the top.
    pub approvals: Vec<Approval>,
    /// The viewer's own requests that nobody has decided yet.
    pub requests: Vec<Mine>,
    /// The viewer's activated roles, the one that ends first at the top.
    pub active: Vec<Mine>,
    /// Changes that wait for consent, the newest first.
    pub drafts: Vec<Draft>,
}

/// A request that waits for the viewer's decision.
pub struct Approval {
    /// Its name.
    pub name: String,
    /// The directory that it is in.
    pub directory: String,
    /// What it is about.
    pub request: Brief,
}

/// What an approver is told first.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// Who asks.
    pub requestor: Named,
    /// For which role.
    pub role_definition: Named,
    /// Where.
    pub scope: Named,
    /// Why.
    #[serde(default)]
    pub justification: String,
    decide_before: Option<Timestamp>,
}

/// A role or request of the viewer's own.
pub struct Mine {
    /// The directory that it is in.
    pub directory: String,
    /// The role or request.
    pub schedule: Schedule,
}

#[derive(Deserialize)]
struct ApprovalJson {
    name: String,
    properties: ApprovalProperties,
}

#[derive(Deserialize)]
struct ApprovalProperties {
    request: Brief,
}

impl Waiting {
    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.approvals.is_empty()
            && self.requests.is_empty()
            && self.active.is_empty()
            && self.drafts.is_empty()
    }
}

impl Brief {
    /// Until when it can be decided.
    pub fn until(&self) -> Option<Moment> {
        self.decide_before.map(Moment)
    }
}

impl Mine {
    /// Whether it ends within minutes.
    pub fn ends_soon(&self, now: &Timestamp) -> bool {
        self.schedule.properties.end_date_time.is_some_and(|end| end.duration_since(*now) < SOON)
    }
}

impl Viewer {
    /// What waits for the viewer, in all directories.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn waiting(&self) -> Result<Waiting> {
        let (mut approvals, mut requests, mut active) = (Vec::new(), Vec::new(), Vec::new());
        for account in self.directories() {
            let here = Some(account.tenant);
            let all: Vec<ApprovalJson> =
                self.list_in(here, &authorization("", "roleAssignmentApprovals"), &[]).await?;
            approvals.extend(all.into_iter().map(|approval| Approval {
                name: approval.name,
                directory: account.directory.clone(),
                request: approval.properties.request,
            }));
            let mine = |schedule| Mine { directory: account.directory.clone(), schedule };
            let waiting = [("$filter", "asTarget() and status eq 'PendingApproval'")];
            let path = authorization("", "roleAssignmentScheduleRequests");
            requests.extend(self.list_in::<Schedule>(here, &path, &waiting).await?.into_iter().map(mine));
            let path = authorization("", "roleAssignmentScheduleInstances");
            let held: Vec<Schedule> = self.list_in(here, &path, &[("$filter", "asTarget()")]).await?;
            let activated = held.into_iter().filter(|role| role.properties.assignment_type == "Activated");
            active.extend(activated.map(mine));
        }
        approvals.sort_by_key(|approval| approval.request.decide_before);
        requests.sort_by_key(|request| request.schedule.properties.created_on);
        active.sort_by_key(|role| role.schedule.properties.end_date_time);
        Ok(Waiting { approvals, requests, active, drafts: self.drafts().await? })
    }

    /// The viewer's own changes that wait for consent.
    async fn drafts(&self) -> Result<Vec<Draft>> {
        let person = self.person();
        let mut drafts = self.app.decide(move |tx| tx.find::<Draft>(&person)).await?;
        drafts.retain(|draft| !draft.is_over(self.now));
        drafts.sort_by_key(|draft| std::cmp::Reverse(draft.begun));
        Ok(drafts)
    }
}

/// The vault of a draft.
pub fn vault_of(draft: &Draft) -> &str {
    name_of(&draft.vault)
}
