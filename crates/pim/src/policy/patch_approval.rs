//! Changing the approval rule, the one rule that decides whether a second person is asked.

use arm::{ObjectId, Result};

use super::{
    ApprovalMode, ApprovalRule, ApprovalStage, Approver, ApproverKind, MAX_APPROVERS, MAX_STAGES,
    PolicyDocument,
};
use crate::reader::Reader;
use crate::refusal::policy;

/// The longest time-out that may be set, in days.
const MAX_TIMEOUT_DAYS: u8 = 14;
/// The most approvals that may be required.
const MAX_APPROVALS: u8 = 20;
/// The longest description of an approver that is kept, in characters.
const MAX_DESCRIPTION_CHARS: usize = 256;

/// The modes of Azure's API, besides which stages they want.
#[derive(Clone, Copy)]
enum Mode {
    SingleStage,
    Parallel,
    NoApproval,
    /// One stage after the other. We have no order among stages, and do not pretend.
    Serial,
}

/// Takes over what the body mentions.
pub(super) fn patch_approval(rule: &mut ApprovalRule, body: &Reader<'_>) -> Result<()> {
    let modes = [
        ("SingleStage", Mode::SingleStage),
        ("Parallel", Mode::Parallel),
        ("NoApproval", Mode::NoApproval),
        ("Serial", Mode::Serial),
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
    let mode = setting.word("approvalMode", &modes)?.unwrap_or(match rule.mode {
        ApprovalMode::SingleStage => Mode::SingleStage,
        ApprovalMode::Parallel(_) => Mode::Parallel,
        ApprovalMode::NoApproval => Mode::NoApproval,
    });
    let stages = setting.objects("approvalStages")?;
    match mode {
        Mode::Serial => Err(policy(
            "approvalMode Serial is not supported: stages have no order here. Use Parallel, where all stages are \
             open at once and each needs its own approvers",
        )),
        Mode::Parallel => patch_several(rule, stages.as_deref()),
        Mode::SingleStage => patch_single(rule, stages.as_deref(), ApprovalMode::SingleStage),
        Mode::NoApproval => patch_single(rule, stages.as_deref(), ApprovalMode::NoApproval),
    }
}

/// Takes over the one stage. Those that the rule had beside it are given up only in so many words.
fn patch_single(rule: &mut ApprovalRule, stages: Option<&[Reader<'_>]>, mode: ApprovalMode) -> Result<()> {
    match stages {
        None if matches!(rule.mode, ApprovalMode::Parallel(_)) => {
            return Err(policy(
                "the rule has several stages; to go back to one, say in approvalStages which approvers it has",
            ));
        }
        None => {}
        Some([]) => rule.first.approvers.clear(),
        Some([stage]) => patch_stage(&mut rule.first, stage)?,
        Some(_) => {
            return Err(policy(
                "several approvalStages need approvalMode Parallel; with SingleStage, requiredApprovals in the one \
                 stage says how many people must approve",
            ));
        }
    }
    rule.mode = mode;
    Ok(())
}

/// Takes over all stages, each where it stands in the list; the list is as long as the body's.
fn patch_several(rule: &mut ApprovalRule, stages: Option<&[Reader<'_>]>) -> Result<()> {
    let mut more = match &rule.mode {
        ApprovalMode::Parallel(more) => more.clone(),
        ApprovalMode::SingleStage | ApprovalMode::NoApproval => Vec::new(),
    };
    match stages {
        None => {}
        Some([]) => return Err(policy("approvalMode Parallel needs at least one entry in approvalStages")),
        Some(list) if list.len() > MAX_STAGES => {
            return Err(policy(format!("at most {MAX_STAGES} approvalStages may be set")));
        }
        Some([first, others @ ..]) => {
            patch_stage(&mut rule.first, first)?;
            more.resize_with(others.len(), ApprovalStage::unnamed);
            for (stage, body) in more.iter_mut().zip(others) {
                patch_stage(stage, body)?;
            }
        }
    }
    rule.mode = ApprovalMode::Parallel(more);
    Ok(())
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
             takes a second person. Keep isApprovalRequired true and approvalMode SingleStage or Parallel; to let \
             somebody else decide, change primaryApprovers.",
            document.role, document.scope,
        )));
    }
    let empty = rule.stages().position(|stage| stage.approvers.is_empty());
    if let Some(at) = empty.filter(|_| rule.is_on()) {
        return Err(policy(format!(
            "isApprovalRequired is true and primaryApprovers is empty, so that no activation could ever be \
             approved; name at least one user or group in approvalStages[{at}].primaryApprovers",
        )));
    }
    Ok(())
}
