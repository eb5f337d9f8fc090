//! Changing the approval rule, the one rule that decides whether a second person is asked.

use arm::{ObjectId, Result};

use super::{
    ApprovalMode, ApprovalRule, ApprovalStage, Approver, ApproverKind, MAX_APPROVERS, PolicyDocument,
};
use crate::reader::Reader;
use crate::refusal::policy;

/// The longest time-out that may be set, in days.
const MAX_TIMEOUT_DAYS: u8 = 14;
/// The most approvals that may be required.
const MAX_APPROVALS: u8 = 20;
/// The longest description of an approver that is kept, in characters.
const MAX_DESCRIPTION_CHARS: usize = 256;

/// The modes of Azure's API that would mean several stages. We have one, and do not pretend.
#[derive(Clone, Copy)]
enum Mode {
    Known(ApprovalMode),
    Several,
}

/// Takes over what the body mentions.
pub(super) fn patch_approval(rule: &mut ApprovalRule, body: &Reader<'_>) -> Result<()> {
    let modes = [
        ("SingleStage", Mode::Known(ApprovalMode::SingleStage)),
        ("NoApproval", Mode::Known(ApprovalMode::NoApproval)),
        ("Serial", Mode::Several),
        ("Parallel", Mode::Several),
    ];
    let Some(setting) = body.object("setting")? else {
        return Ok(());
    };
    if let Some(required) = setting.flag("isApprovalRequired")? {
        rule.required = required;
    }
    if let Some(required) = setting.flag("isApprovalRequiredForExtension")? {
        rule.required_for_extension = required;
    }
    if let Some(required) = setting.flag("isRequestorJustificationRequired")? {
        rule.requestor_justification = required;
    }
    match setting.word("approvalMode", &modes)? {
        Some(Mode::Known(mode)) => rule.mode = mode,
        Some(Mode::Several) => return Err(one_stage()),
        None => {}
    }
    match setting.objects("approvalStages")?.as_deref() {
        None => {}
        Some([]) => rule.stage.approvers.clear(),
        Some([stage]) => patch_stage(&mut rule.stage, stage)?,
        Some(_) => return Err(one_stage()),
    }
    Ok(())
}

fn one_stage() -> arm::Error {
    policy(
        "approval has one stage here: use approvalMode SingleStage with one entry in approvalStages, and \
         requiredApprovals in it if more than one person must approve",
    )
}

fn patch_stage(stage: &mut ApprovalStage, body: &Reader<'_>) -> Result<()> {
    if let Some(days) = body.number("approvalStageTimeOutInDays", 1, MAX_TIMEOUT_DAYS)? {
        stage.timeout_days = days;
    }
    if let Some(required) = body.flag("isApproverJustificationRequired")? {
        stage.approver_justification = required;
    }
    if let Some(approvals) = body.number("requiredApprovals", 1, MAX_APPROVALS)? {
        stage.approvals = approvals;
    }
    let escalates = body.flag("isEscalationEnabled")? == Some(true);
    if escalates || body.list("escalationApprovers")?.is_some_and(|list| !list.is_empty()) {
        return Err(policy(
            "escalation is not supported: leave isEscalationEnabled false and name everybody who may decide as \
             primaryApprovers",
        ));
    }
    if let Some(list) = body.objects("primaryApprovers")? {
        stage.approvers = approvers(&list)?;
    }
    Ok(())
}

fn approvers(list: &[Reader<'_>]) -> Result<Vec<Approver>> {
    if list.len() > MAX_APPROVERS {
        return Err(policy(format!("at most {MAX_APPROVERS} approvers may be named; use a group")));
    }
    let mut approvers: Vec<Approver> = Vec::new();
    for line in list {
        let approver = read_approver(line)?;
        if !approvers.iter().any(|other| other.id == approver.id) {
            approvers.push(approver);
        }
    }
    Ok(approvers)
}

fn read_approver(body: &Reader<'_>) -> Result<Approver> {
    let kinds = [("User", ApproverKind::User), ("Group", ApproverKind::Group)];
    let kind = body.word("userType", &kinds)?;
    let id: Option<ObjectId> = body.id("id")?;
    if body.flag("isBackup")? == Some(true) {
        return Err(policy(
            "backup approvers are not supported: name everybody who may decide with isBackup false",
        ));
    }
    let description = body.text("description")?.unwrap_or_default();
    Ok(Approver {
        kind: kind.ok_or_else(|| body.wrong("userType", "User or Group"))?,
        id: id.ok_or_else(|| body.wrong("id", "the object id of a user or group"))?,
        description: shown_description(description),
    })
}

/// A label for people; what does not fit on a line is dropped, as it decides nothing.
fn shown_description(text: &str) -> String {
    let plain = text.chars().filter(|c| !c.is_control());
    plain.take(MAX_DESCRIPTION_CHARS).collect()
}

/// Whether the approval rule, once changed, holds together.
pub(super) fn check_approval(document: &PolicyDocument, guards_consent: bool) -> Result<()> {
    let rule = &document.rules.approval;
    if guards_consent && !rule.is_on() {
        return Err(policy(format!(
            "approval cannot be switched off for the role {} at {}: it opens a Resource Guard, and consent always \
             takes a second person. Keep isApprovalRequired true and approvalMode SingleStage; to let somebody else \
             decide, change primaryApprovers.",
            document.role, document.scope,
        )));
    }
    if rule.is_on() && rule.stage.approvers.is_empty() {
        return Err(policy(
            "isApprovalRequired is true and primaryApprovers is empty, so that no activation could ever be \
             approved; name at least one user or group in approvalStages[0].primaryApprovers",
        ));
    }
    Ok(())
}
