//! What waits for the viewer's decision, in all their directories.

use arm::Result;
use askama::Template;
use axum::response::Response;
use jiff::Timestamp;

use super::super::shell::Frame;
use super::super::viewer::Viewer;
use super::approval::Approval;
use super::{APPROVALS, AS_APPROVER, Held, length};
use crate::portal::ask::authorization;

#[derive(Template)]
#[template(path = "portal/privileged/approvals.html")]
struct ApprovalsPage {
    frame: Frame,
    now: Timestamp,
    activations: Vec<Waiting>,
    more_time: Vec<Held>,
}

/// An activation that waits for the viewer.
pub struct Waiting {
    /// The directory that it is in.
    pub directory: String,
    /// What its approvers need to know.
    pub approval: Approval,
}

impl Viewer {
    /// The activations that wait for the viewer's decision, the most urgent first.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn to_approve(&self) -> Result<Vec<Waiting>> {
        let path = authorization("", "roleAssignmentApprovals");
        let mut waiting = Vec::new();
        for account in self.directories() {
            let found: Vec<Approval> = self.list_in(Some(account.tenant), &path, &AS_APPROVER).await?;
            waiting.extend(
                found.into_iter().map(|approval| Waiting { directory: account.directory.clone(), approval }),
            );
        }
        waiting.sort_by_key(|waiting| waiting.approval.properties.request.decide_before);
        Ok(waiting)
    }

    /// The requests for more time that wait for the viewer's decision.
    ///
    /// # Errors
    /// What ARM answers.
    pub async fn to_extend(&self) -> Result<Vec<Held>> {
        let mut all = self.own("roleEligibilityScheduleRequests", &AS_APPROVER).await?;
        all.extend(self.own("roleAssignmentScheduleRequests", &AS_APPROVER).await?);
        all.retain(|held| held.schedule.properties.status == "PendingAdminDecision");
        all.sort_by_key(|held| held.schedule.properties.created_on);
        Ok(all)
    }
}

/// `GET /portal/privileged/approvals`
pub async fn show(viewer: Viewer) -> Response {
    let page = async {
        let page = ApprovalsPage {
            frame: viewer
                .privileged("Requests for your approval", APPROVALS)
                .subtitle("In all your directories")
                .live(),
            now: viewer.now,
            activations: viewer.to_approve().await?,
            more_time: viewer.to_extend().await?,
        };
        Ok(viewer.page(&page))
    };
    viewer.answer(page.await)
}

impl ApprovalsPage {
    fn length(&self, held: &Held) -> String {
        length::wanted(&held.schedule)
    }
}
