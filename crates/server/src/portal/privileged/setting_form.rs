//! The forms of a role's rules: what they hold, and the rules that follow from it.

use std::collections::BTreeMap;

use arm::{Error, Result};
use serde_json::{Value, json};

use super::length;
use super::names::Known;
use super::rules::Rules;
use crate::login::Form;

/// Lengths that are offered as the longest activation, in minutes.
const LENGTHS: [i64; 8] = [30, 60, 120, 240, 480, 600, 720, 1440];
/// The most stages that there can be.
const MAX_STAGES: usize = 5;

/// What activating takes.
#[derive(Default)]
pub struct Activation {
    /// The longest, in minutes.
    pub longest: String,
    /// `none`, `mfa` or `context`.
    pub sign_in: String,
    /// Which context.
    pub context: String,
    /// Whether to say why.
    pub reason: bool,
    /// Whether to name a ticket.
    pub ticket: bool,
    /// Whether somebody else has to agree.
    pub approval: bool,
    /// In which stages.
    pub stages: Vec<StageForm>,
}

/// One stage.
#[derive(Default)]
pub struct StageForm {
    /// Who decides: ids with `User` or `Group`, in their order.
    pub approvers: Vec<(String, String)>,
    /// Who is to be added.
    pub add: String,
    /// How many have to agree.
    pub needed: String,
    /// Days until silence is a denial.
    pub days: String,
    /// Whether they have to say why.
    pub reason: bool,
}

fn text(form: &Form, name: &str) -> String {
    form.owned(name).unwrap_or_default()
}

impl StageForm {
    fn new() -> Self {
        Self { needed: "1".into(), days: "1".into(), reason: true, ..Self::default() }
    }

    fn typed(form: &Form, at: usize) -> Self {
        let listed = text(form, &format!("stage{at}.listed"));
        let kept = listed
            .split(',')
            .filter_map(|one| one.split_once(':'))
            .filter(|(id, _)| form.get(&format!("stage{at}.keep.{id}")).is_some());
        Self {
            approvers: kept.map(|(id, kind)| (id.to_string(), kind.to_string())).collect(),
            add: text(form, &format!("stage{at}.add")),
            needed: text(form, &format!("stage{at}.needed")),
            days: text(form, &format!("stage{at}.days")),
            reason: form.get(&format!("stage{at}.reason")).is_some(),
        }
    }

    /// All who are on the list, as the form sends it.
    pub fn listed(&self) -> String {
        self.approvers.iter().map(|(id, kind)| format!("{id}:{kind}")).collect::<Vec<_>>().join(",")
    }

    /// Whether there is nothing in it, so that it is to go.
    fn is_empty(&self) -> bool {
        self.approvers.is_empty() && self.add.trim().is_empty()
    }

    fn rule(&self, names: &BTreeMap<String, Known>) -> Result<Value> {
        let number = |text: &str, what: &str| {
            text.trim().parse::<u8>().map_err(|_| {
                Error::invalid("InvalidPolicy", format!("{what} is a number, which “{text}” is not."))
            })
        };
        let approvers = self.approvers.iter().map(|(id, kind)| {
            let name = names.get(id).map(|known| known.display_name.as_str()).unwrap_or_default();
            json!({"id": id, "userType": kind, "description": name, "isBackup": false})
        });
        Ok(json!({
            "primaryApprovers": approvers.collect::<Vec<_>>(),
            "requiredApprovals": number(&self.needed, "How many have to approve")?,
            "approvalStageTimeOutInDays": number(&self.days, "After how many days a request is over")?,
            "isApproverJustificationRequired": self.reason,
        }))
    }
}

impl Activation {
    /// As it is now.
    pub fn of(rules: &Rules) -> Self {
        const RULE: &str = "Enablement_EndUser_Assignment";
        let setting = rules.get("Approval_EndUser_Assignment").and_then(|rule| rule.setting.clone());
        let setting = setting.unwrap_or_default();
        let context = rules.get("AuthenticationContext_EndUser_Assignment");
        let longest = rules.get("Expiration_EndUser_Assignment");
        let longest = longest.and_then(|rule| length::minutes(&rule.maximum_duration)).unwrap_or(480);
        let sign_in = match (rules.context(), rules.asks(RULE, "MultiFactorAuthentication")) {
            (Some(_), _) => "context",
            (None, true) => "mfa",
            (None, false) => "none",
        };
        let stages = setting.approval_stages.iter().map(|stage| StageForm {
            approvers: stage
                .primary_approvers
                .iter()
                .map(|approver| (approver.id.clone(), approver.user_type.clone()))
                .collect(),
            add: String::new(),
            needed: stage.required_approvals.to_string(),
            days: stage.timeout_days.to_string(),
            reason: stage.is_approver_justification_required,
        });
        Self {
            longest: longest.to_string(),
            sign_in: sign_in.into(),
            context: context.map(|rule| rule.claim_value.clone()).unwrap_or_default(),
            reason: rules.asks(RULE, "Justification"),
            ticket: rules.asks(RULE, "Ticketing"),
            approval: rules.approval().is_some(),
            stages: stages.collect(),
        }
    }

    /// As it was typed.
    pub fn typed(form: &Form) -> Self {
        let stages = text(form, "stages").parse::<usize>().unwrap_or(1).clamp(1, MAX_STAGES);
        Self {
            longest: text(form, "longest"),
            sign_in: text(form, "sign-in"),
            context: text(form, "context"),
            reason: form.get("reason").is_some(),
            ticket: form.get("ticket").is_some(),
            approval: form.get("approval").is_some(),
            stages: (0..stages).map(|at| StageForm::typed(form, at)).collect(),
        }
    }

    /// Who is to be added, with the place of the stage.
    pub fn added(&self) -> Vec<(usize, String)> {
        let typed = |stage: &StageForm| Some(stage.add.trim().to_string()).filter(|text| !text.is_empty());
        self.stages.iter().enumerate().filter_map(|(at, stage)| Some((at, typed(stage)?))).collect()
    }

    /// Adds somebody to a stage.
    pub fn add(&mut self, stage: usize, known: &Known) {
        let Some(stage) = self.stages.get_mut(stage) else { return };
        let kind = if known.is_group() { "Group" } else { "User" };
        if stage.approvers.iter().all(|(id, _)| *id != known.id) {
            stage.approvers.push((known.id.clone(), kind.into()));
        }
        stage.add.clear();
    }

    /// One stage more.
    pub fn add_stage(&mut self) {
        if self.can_grow() {
            self.stages.push(StageForm::new());
        }
    }

    /// Whether there can be one stage more.
    pub fn can_grow(&self) -> bool {
        self.stages.len() < MAX_STAGES
    }

    /// The lengths to choose from.
    pub fn lengths(&self) -> Vec<(String, String)> {
        let mut lengths: Vec<i64> = LENGTHS.to_vec();
        lengths.extend(self.longest.parse::<i64>().ok().filter(|minutes| *minutes > 0));
        lengths.sort_unstable();
        lengths.dedup();
        lengths.into_iter().map(|length| (length.to_string(), length::of_minutes(length))).collect()
    }

    /// The rules that follow.
    ///
    /// # Errors
    /// `InvalidPolicy` for what is no number; the API says the rest.
    pub fn rules(&self, names: &BTreeMap<String, Known>) -> Result<Value> {
        let longest: u32 = self.longest.parse().map_err(|_| {
            Error::invalid("InvalidPolicy", "How long may an activation last? Choose a length.")
        })?;
        let mut enabled = Vec::new();
        for (wanted, word) in [
            (self.reason, "Justification"),
            (self.ticket, "Ticketing"),
            (self.sign_in == "mfa", "MultiFactorAuthentication"),
        ] {
            if wanted {
                enabled.push(word);
            }
        }
        let mut context = json!({
            "id": "AuthenticationContext_EndUser_Assignment",
            "isEnabled": self.sign_in == "context",
        });
        if let (true, Some(context)) = (self.sign_in == "context", context.as_object_mut()) {
            context.insert("claimValue".into(), self.context.as_str().into());
        }
        Ok(json!([
            {"id": "Expiration_EndUser_Assignment", "maximumDuration": format!("PT{longest}M")},
            {"id": "Enablement_EndUser_Assignment", "enabledRules": enabled},
            context,
            {"id": "Approval_EndUser_Assignment", "setting": self.approval_rule(names)?},
        ]))
    }

    fn approval_rule(&self, names: &BTreeMap<String, Known>) -> Result<Value> {
        if !self.approval {
            return Ok(json!({"isApprovalRequired": false}));
        }
        let mut stages = Vec::new();
        for stage in self.stages.iter().filter(|stage| !stage.is_empty()) {
            stages.push(stage.rule(names)?);
        }
        let mode = if stages.len() > 1 { "Parallel" } else { "SingleStage" };
        Ok(json!({
            "isApprovalRequired": true,
            "isRequestorJustificationRequired": self.reason,
            "approvalMode": mode,
            "approvalStages": stages,
        }))
    }
}

/// What giving a role takes: making somebody eligible, or assigning it.
pub struct Giving {
    /// `Eligibility` or `Assignment`.
    pub level: &'static str,
    /// Whether it may be given without an end.
    pub permanent: bool,
    /// The longest otherwise, in days; the API's own word for what is none.
    pub days: String,
    /// Whether to say why.
    pub reason: bool,
    /// Whether to show a second factor.
    pub mfa: bool,
    /// Whether to name a ticket.
    pub ticket: bool,
}

impl Giving {
    /// As it is now.
    pub fn of(level: &'static str, rules: &Rules) -> Self {
        let expiration = rules.get(&format!("Expiration_Admin_{level}"));
        let enablement = format!("Enablement_Admin_{level}");
        Self {
            level,
            permanent: expiration.is_some_and(|rule| !rule.is_expiration_required),
            days: days(rules, level),
            reason: rules.asks(&enablement, "Justification"),
            mfa: rules.asks(&enablement, "MultiFactorAuthentication"),
            ticket: rules.asks(&enablement, "Ticketing"),
        }
    }

    /// As it was typed.
    pub fn typed(level: &'static str, form: &Form) -> Self {
        let has = |name: &str| form.get(&format!("{level}.{name}")).is_some();
        Self {
            level,
            permanent: has("permanent"),
            days: text(form, &format!("{level}.days")),
            reason: has("reason"),
            mfa: has("mfa"),
            ticket: has("ticket"),
        }
    }

    /// What it is about.
    pub fn title(&self) -> &'static str {
        match self.level {
            "Eligibility" => "Making somebody eligible",
            _ => "Assigning the role",
        }
    }

    /// The rules that follow. A length that was not touched stays as it is.
    ///
    /// # Errors
    /// `InvalidPolicy` for what is no number of days.
    pub fn rules(&self, now: &Rules) -> Result<Vec<Value>> {
        let mut expiration = json!({
            "id": format!("Expiration_Admin_{}", self.level),
            "isExpirationRequired": !self.permanent,
        });
        if self.days != days(now, self.level) {
            let days = self.days.trim().parse::<u16>().ok().filter(|days| *days > 0);
            let days = days.ok_or_else(|| {
                let what = format!("The longest time is a number of days, which “{}” is not.", self.days);
                Error::invalid("InvalidPolicy", what)
            })?;
            if let Some(expiration) = expiration.as_object_mut() {
                expiration.insert("maximumDuration".into(), format!("P{days}D").into());
            }
        }
        let mut enabled = Vec::new();
        for (wanted, word) in [
            (self.reason, "Justification"),
            (self.mfa, "MultiFactorAuthentication"),
            (self.ticket, "Ticketing"),
        ] {
            if wanted {
                enabled.push(word);
            }
        }
        let enablement = json!({"id": format!("Enablement_Admin_{}", self.level), "enabledRules": enabled});
        Ok(vec![expiration, enablement])
    }
}

/// The longest time that something may be given, in days; what is none stays as it is.
fn days(rules: &Rules, level: &str) -> String {
    let Some(rule) = rules.get(&format!("Expiration_Admin_{level}")) else { return String::new() };
    match length::minutes(&rule.maximum_duration) {
        Some(minutes) if minutes % 1440 == 0 => (minutes / 1440).to_string(),
        _ => rule.maximum_duration.clone(),
    }
}

/// Who is mailed.
pub struct MailForm {
    /// Every rule of it.
    pub lines: Vec<MailLine>,
}

/// Who is mailed on one occasion.
pub struct MailLine {
    /// The rule's id.
    pub id: String,
    /// What happened.
    pub occasion: &'static str,
    /// Whom the rule is about.
    pub to: &'static str,
    /// `All`, `Critical` or `None`.
    pub level: String,
    /// Whether those are mailed.
    pub default: bool,
    /// Who is mailed besides, with commas between them.
    pub more: String,
}

/// The ids of the rules about mails, with what happened and who is mailed.
pub fn mail_rules() -> impl Iterator<Item = (String, &'static str, &'static str)> {
    let occasions = [
        ("Admin_Eligibility", "Somebody is made eligible"),
        ("Admin_Assignment", "The role is assigned"),
        ("EndUser_Assignment", "Somebody activates"),
    ];
    let recipients =
        [("Admin", "Admins of the role"), ("Requestor", "Whom it is about"), ("Approver", "Approvers")];
    occasions.into_iter().flat_map(move |(occasion, what)| {
        recipients.map(|(recipient, to)| (format!("Notification_{recipient}_{occasion}"), what, to))
    })
}

impl MailForm {
    /// As it is now.
    pub fn of(rules: &Rules) -> Self {
        let line = |(id, occasion, to): (String, &'static str, &'static str)| {
            let rule = rules.get(&id)?;
            let more = rule.notification_recipients.as_deref().unwrap_or_default().join(", ");
            let (level, default) = (rule.notification_level.clone(), rule.is_default_recipients_enabled);
            Some(MailLine { id, occasion, to, level, default, more })
        };
        Self { lines: mail_rules().filter_map(line).collect() }
    }

    /// As it was typed.
    pub fn typed(form: &Form) -> Self {
        let line = |(id, occasion, to): (String, &'static str, &'static str)| MailLine {
            level: text(form, &format!("{id}.level")),
            default: form.get(&format!("{id}.default")).is_some(),
            more: text(form, &format!("{id}.more")),
            id,
            occasion,
            to,
        };
        Self { lines: mail_rules().map(line).collect() }
    }

    /// The rules that follow.
    pub fn rules(&self) -> Value {
        let rule = |line: &MailLine| {
            let more: Vec<&str> =
                line.more.split([',', ';', ' ', '\n']).map(str::trim).filter(|one| !one.is_empty()).collect();
            json!({
                "id": line.id,
                "notificationLevel": line.level,
                "isDefaultRecipientsEnabled": line.default,
                "notificationRecipients": more,
            })
        };
        self.lines.iter().map(rule).collect()
    }
}
