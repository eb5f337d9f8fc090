//! One request for approval, at the address that mails name: everything that an approver must know, and the decision.

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::consent::{Named, ScheduleInfo, TicketInfo};
use super::super::moment::Moment;
use super::super::posted::Posted;
use super::super::shell::{Frame, status_of};
use super::super::viewer::{Account, Viewer};
use super::super::words::count;
use super::{APPROVALS, length};
use crate::arm::route::Method;
use crate::portal::ask::{authorization, of};

/// How young a second factor is worth a warning.
const YOUNG: SignedDuration = SignedDuration::from_hours(7 * 24);

/// An approval, as its approvers see it.
#[derive(Clone, Debug, Deserialize)]
pub struct Approval {
    /// The request's GUID.
    pub name: String,
    /// What it is.
    pub properties: ApprovalProperties,
}

/// What an approval says.
#[derive(Clone, Debug, Deserialize)]
pub struct ApprovalProperties {
    /// The stages, as Azure has them.
    pub stages: Vec<Stage>,
    /// What its approvers need to know.
    pub request: Brief,
}

/// A stage.
#[derive(Clone, Debug, Deserialize)]
pub struct Stage {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it stands.
    pub properties: StageProperties,
}

/// How a stage stands.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageProperties {
    /// Whether it waits for the viewer.
    pub assigned_to_me: bool,
}

/// What approvers need to know of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Brief {
    /// How it stands.
    pub status: String,
    /// Who asks.
    pub requestor: Requestor,
    /// Where they are at home.
    pub home_tenant: Option<Home>,
    /// The user name that they sign in with there.
    pub home_account: Option<String>,
    /// How they had signed in.
    pub signed_in: SignedIn,
    /// Where.
    pub scope: Named,
    /// For what.
    pub role_definition: Named,
    /// The group through which they may ask.
    pub eligible_through: Option<Named>,
    /// Why.
    #[serde(default)]
    pub justification: String,
    /// For which ticket.
    pub ticket_info: TicketInfo,
    /// For how long.
    pub schedule_info: ScheduleInfo,
    /// From when it would hold if it were agreed now, or does.
    pub start_date_time: Option<Timestamp>,
    /// Until when.
    pub end_date_time: Option<Timestamp>,
    /// When it was asked.
    pub created_on: Option<Timestamp>,
    /// From when on silence is a denial.
    pub decide_before: Option<Timestamp>,
    /// What it would open.
    #[serde(default)]
    pub resource_guards: Vec<Guard>,
    /// How many people it takes, and who has decided.
    #[serde(default)]
    pub stages: Vec<Detail>,
}

/// Who asks.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Requestor {
    /// Their name.
    pub display_name: String,
    /// Their user name in the guard's directory.
    #[serde(default)]
    pub email: String,
}

/// Where somebody is at home.
#[derive(Clone, Debug, Deserialize)]
pub struct Home {
    /// The directory's name.
    pub name: String,
}

/// How somebody had signed in when they asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignedIn {
    /// With what: `pwd`, `otp`, `mfa`, …
    pub amr: Vec<String>,
    /// When.
    pub auth_time: Option<Timestamp>,
    /// Since when they have had their second factor.
    pub factor_enrolled: Option<Timestamp>,
}

/// A guard that the role opens.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Guard {
    /// Its name.
    pub name: String,
    /// What it would consent to.
    pub critical_operations: Vec<Operation>,
    /// On which vaults.
    pub linked_vaults: Vec<LinkedVault>,
}

/// A critical operation.
#[derive(Clone, Debug, Deserialize)]
pub struct Operation {
    /// Its name, which begins with the kind of vault.
    pub name: String,
    /// What it is called.
    pub title: String,
}

/// A vault that is linked to a guard.
#[derive(Clone, Debug, Deserialize)]
pub struct LinkedVault {
    /// Its id.
    pub id: String,
    /// Its kind.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// How many people a stage takes, and who has decided in it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Detail {
    /// The stage's name.
    pub name: String,
    /// How many have to agree; unknown when the stage is gone.
    pub required_approvals: Option<usize>,
    /// Whether they have to say why.
    pub is_approver_justification_required: bool,
    /// Who has decided.
    pub reviews: Vec<Review>,
}

/// A decision.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Review {
    /// `Approve` or `Deny`.
    pub review_result: String,
    /// Why.
    pub justification: String,
    /// Who.
    pub reviewed_by: Reviewer,
    /// When.
    pub reviewed_date_time: Option<Timestamp>,
}

/// Who decided.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Reviewer {
    /// Their name.
    pub principal_name: String,
}

#[derive(Template)]
#[template(path = "portal/privileged/approval.html")]
struct ApprovalPage<'a> {
    frame: Frame,
    now: Timestamp,
    directory: &'a str,
    brief: &'a Brief,
    stages: &'a [Stage],
    /// The stage that waits for the viewer.
    mine: Option<&'a Stage>,
    why: String,
    problem: Option<String>,
    step_up: Option<String>,
}

/// `GET /portal/approvals/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let (account, approval) = find(&viewer, &id).await?;
        Ok(page(&viewer, account, &approval, String::new(), None))
    };
    viewer.answer(page.await)
}

/// `POST` of the same: approves or denies.
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let outcome = async {
        let (account, approval) = find(&viewer, &id).await?;
        let why = form.owned("why").unwrap_or_default();
        let verdict = form.get("do").unwrap_or_default();
        match decide(&viewer, account, &approval, verdict, &why).await {
            Ok(said) => Ok(viewer.done(&format!("/portal/approvals/{}", approval.name), said)),
            Err(error) => {
                // Somebody else may have decided meanwhile: the page shows how it stands now.
                let (account, approval) = find(&viewer, &id).await?;
                Ok(page(&viewer, account, &approval, why, Some(&error)))
            }
        }
    };
    viewer.answer(outcome.await)
}

async fn decide(
    viewer: &Viewer,
    account: &Account,
    approval: &Approval,
    verdict: &str,
    why: &str,
) -> Result<&'static str> {
    let (result, said) = match verdict {
        "approve" => ("Approve", "You approved the request."),
        "deny" => ("Deny", "You denied the request. It is over."),
        _ => return Err(Error::invalid("NoDecision", "Approve, or deny?")),
    };
    let stages = &approval.properties.stages;
    let stage = stages.iter().find(|stage| stage.properties.assigned_to_me).or_else(|| stages.first());
    let stage = stage.ok_or_else(|| Error::not_found("NoStage", "The request needs nobody’s approval."))?;
    let body = json!({"properties": {"reviewResult": result, "justification": why.trim()}});
    viewer.arm_in(Some(account.tenant), Method::Patch, &stage.id, &[], body).await?;
    Ok(said)
}

/// The approval, through that of the viewer's accounts which may see it.
async fn find<'v>(viewer: &'v Viewer, id: &str) -> Result<(&'v Account, Approval)> {
    let none = || {
        Error::not_found(
            "RoleAssignmentApprovalNotFound",
            "There is no such request, or you are not among those who decide on it. The address ends in the request’s id, as in the mail.",
        )
    };
    let id: Uuid = id.parse().map_err(|_| none())?;
    let path = authorization("", &format!("roleAssignmentApprovals/{id}"));
    let mut refused = none();
    for account in viewer.directories() {
        match viewer.arm_in(Some(account.tenant), Method::Get, &path, &[], Value::Null).await {
            Ok(found) => return Ok((account, of(found)?)),
            Err(error) if error.kind == ErrorKind::NotFound => {}
            Err(error) if error.kind == ErrorKind::Forbidden => refused = error,
            Err(error) => return Err(error),
        }
    }
    Err(refused)
}

fn page(
    viewer: &Viewer,
    account: &Account,
    approval: &Approval,
    why: String,
    error: Option<&Error>,
) -> Response {
    let (brief, stages) = (&approval.properties.request, approval.properties.stages.as_slice());
    let open = brief.status == "PendingApproval";
    let title = match open {
        true => format!("{} asks for {}", brief.requestor.display_name, brief.role_definition.display_name),
        false => format!("{} asked for {}", brief.requestor.display_name, brief.role_definition.display_name),
    };
    let here = format!("/portal/approvals/{}", approval.name);
    let frame = viewer
        .frame(super::Section::Privileged, title)
        .subtitle(format!("on {} in {}", brief.scope.display_name, account.directory))
        .crumb("To approve", APPROVALS);
    let page = ApprovalPage {
        frame: if open { frame.live() } else { frame },
        now: viewer.now,
        directory: &account.directory,
        brief,
        stages,
        mine: stages.iter().find(|stage| open && stage.properties.assigned_to_me),
        why,
        problem: error.map(super::in_words),
        step_up: error.and_then(|error| viewer.step_up(error, &here)),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    viewer.page_with(status, &page)
}

impl Brief {
    /// When it was asked.
    pub fn asked(&self) -> Option<Moment> {
        self.created_on.map(Moment)
    }

    /// From when on silence is a denial.
    pub fn over(&self) -> Option<Moment> {
        self.decide_before.map(Moment)
    }

    /// From when to when it would hold if it were agreed now, or does.
    pub fn window(&self) -> Option<(Moment, Moment)> {
        Some((Moment(self.start_date_time?), Moment(self.end_date_time?)))
    }

    /// For how long it is asked for.
    pub fn length(&self) -> String {
        length::of(Some(&self.schedule_info))
    }

    /// How many critical operations it opens on linked vaults, and on how many; nothing when it opens none.
    pub fn opens(&self) -> Option<String> {
        let opened: Vec<Opened<'_>> = self.resource_guards.iter().flat_map(Guard::opened).collect();
        let linked = opened.iter().filter(|opened| !opened.vaults.is_empty());
        let (operations, vaults) = linked.fold((0, 0), |(operations, vaults), opened| {
            (operations + opened.operations.len(), vaults + opened.vaults.len())
        });
        let words = format!("{} on {}", count(operations, "critical operation"), count(vaults, "vault"));
        (operations > 0).then_some(words)
    }
}

impl SignedIn {
    /// With what, in words.
    fn ways(&self) -> String {
        let word = |method: &String| match method.as_str() {
            "pwd" => Some("password"),
            "otp" => Some("authenticator code"),
            "hwk" | "swk" | "pop" | "fido" => Some("passkey"),
            _ => None,
        };
        let words: Vec<&str> = self.amr.iter().filter_map(word).collect();
        if words.is_empty() { "an unknown way".into() } else { words.join(" and ") }
    }

    fn at(&self) -> Option<Moment> {
        self.auth_time.map(Moment)
    }

    fn enrolled(&self) -> Option<Moment> {
        self.factor_enrolled.map(Moment)
    }

    fn shows_second_factor(&self) -> bool {
        self.amr.iter().any(|method| method == "mfa")
    }
}

/// What a guard would consent to on one kind of vault.
pub struct Opened<'a> {
    kind: &'static str,
    operations: Vec<&'a str>,
    vaults: Vec<&'a LinkedVault>,
}

impl Guard {
    /// By the kind of vault; those with a linked one come first.
    fn opened(&self) -> Vec<Opened<'_>> {
        const KINDS: [(&str, &str); 2] = [
            ("Recovery Services vaults", "microsoft.recoveryservices/"),
            ("Backup vaults", "microsoft.dataprotection/"),
        ];
        let is = |text: &str, prefix: &str| text.to_ascii_lowercase().starts_with(prefix);
        let of_kind = |(kind, prefix): (&'static str, &str)| Opened {
            kind,
            operations: self
                .critical_operations
                .iter()
                .filter(|operation| is(&operation.name, prefix))
                .map(|operation| operation.title.as_str())
                .collect(),
            vaults: self.linked_vaults.iter().filter(|vault| is(&vault.kind, prefix)).collect(),
        };
        let mut opened: Vec<Opened<'_>> = KINDS.into_iter().map(of_kind).collect();
        opened.retain(|opened| !opened.operations.is_empty());
        opened.sort_by_key(|opened| opened.vaults.is_empty());
        opened
    }
}

impl Review {
    fn at(&self) -> Option<Moment> {
        self.reviewed_date_time.map(Moment)
    }
}

impl ApprovalPage<'_> {
    /// What of the sign-in an approver should be careful about.
    fn warnings(&self) -> Vec<String> {
        let signed_in = &self.brief.signed_in;
        let mut warnings = Vec::new();
        if !signed_in.shows_second_factor() {
            warnings.push(
                "They had signed in without a second factor: whoever knows their password may have asked."
                    .into(),
            );
        }
        let asked = self.brief.created_on.unwrap_or(self.now);
        if let Some(enrolled) = signed_in.factor_enrolled.filter(|at| asked.duration_since(*at) < YOUNG) {
            warnings.push(format!(
                "Their second factor was enrolled only {} before they asked. Ask them in person whether that was them.",
                super::super::moment::span(asked.duration_since(enrolled))
            ));
        }
        warnings
    }

    fn detail(&self, stage: &Stage) -> Option<&Detail> {
        self.brief.stages.iter().find(|detail| detail.name == stage.name)
    }

    fn needs_reason(&self) -> bool {
        self.mine
            .and_then(|stage| self.detail(stage))
            .is_some_and(|detail| detail.is_approver_justification_required)
    }

    fn outcome(&self) -> (&'static str, String) {
        super::requests::outcome(&self.brief.status)
    }

    fn is_open(&self) -> bool {
        self.brief.status == "PendingApproval"
    }
}
