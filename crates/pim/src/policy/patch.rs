//! Changing a policy rule by rule: what a PATCH does not mention stays as it is (contract 6.7).

use std::collections::BTreeSet;

use arm::{Error, ObjectId, Result};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::patch_approval::{check_approval, patch_approval};
use super::{
    AuthenticationContextRule, EnablementRule, ExpirationRule, Modified, NotificationLevel, NotificationRule,
    Occasion, Requirement, RolePolicy, RuleId, Rules,
};
use crate::Length;
use crate::reader::Reader;
use crate::refusal::policy;

/// The shortest maximum that may be set for activations (contract 6.7).
const SHORTEST_ACTIVATION_MAXIMUM: SignedDuration = SignedDuration::from_mins(30);
/// The longest maximum that may be set for activations (contract 6.7).
const LONGEST_ACTIVATION_MAXIMUM: SignedDuration = SignedDuration::from_hours(24);
/// The most additional recipients of one notification.
const MAX_RECIPIENTS: usize = 50;
/// The longest mail address (RFC 5321).
const MAX_ADDRESS_BYTES: usize = 254;
/// The longest claim value.
const MAX_CLAIM_BYTES: usize = 32;

impl RolePolicy {
    /// The policy after a PATCH by `by` at `now`: the mentioned rules change in what they mention, all else stays.
    ///
    /// # Errors
    /// 400 in every case. `InvalidPolicy` for an unknown or repeated rule, a value out of range, or a policy that
    /// would not hold together: approval without an approver, a second factor beside an authentication context, an
    /// approval that guards consent switched off. `InvalidRequestContent` for a wrong type, with the field as target.
    pub fn patch(&self, body: &Value, by: ObjectId, now: Timestamp) -> Result<Self> {
        let properties = Reader::properties(body)?;
        let mut patched = self.clone();
        let mut seen = Vec::new();
        for rule in properties.objects("rules")?.unwrap_or_default() {
            let id = rule_id(&rule)?;
            if seen.contains(&id) {
                return Err(policy(format!("the rule `{id}` is mentioned twice; mention it once")));
            }
            seen.push(id);
            patched.change(id, &rule)?;
        }
        check_end_user_sign_in(patched.rules())?;
        patched.document.modified = Some(Modified { by, at: now });
        Ok(patched)
    }

    fn change(&mut self, id: RuleId, body: &Reader<'_>) -> Result<()> {
        let guards_consent = self.guards_consent;
        let rules = &mut self.document.rules;
        match id {
            RuleId::Expiration(occasion) => {
                patch_expiration(occasion, rules.expiration.get_mut(occasion), body)
            }
            RuleId::Enablement(occasion) => patch_enablement(rules.enablement.get_mut(occasion), body),
            RuleId::Approval => {
                patch_approval(&mut rules.approval, body)?;
                check_approval(&self.document, guards_consent)
            }
            RuleId::AuthenticationContext => {
                patch_authentication_context(&mut rules.authentication_context, body)
            }
            RuleId::Notification(recipient, occasion) => {
                let rule = rules.notification.get_mut(occasion).get_mut(recipient);
                patch_notification(rule, body, recipient.as_str())
            }
        }
    }
}

/// Which rule the object is; its type, if given, must be that rule's.
fn rule_id(rule: &Reader<'_>) -> Result<RuleId> {
    let name = rule.filled("id")?.ok_or_else(|| rule.wrong("id", "the id of one of the policy's rules"))?;
    let id = RuleId::parse(name).ok_or_else(|| {
        let known: Vec<String> = RuleId::all().map(|id| id.to_string()).collect();
        policy(format!("there is no rule `{}`; the rules are {}", shown(name), known.join(", ")))
    })?;
    match rule.filled("ruleType")? {
        Some(kind) if !kind.eq_ignore_ascii_case(id.rule_type()) => {
            Err(rule.wrong("ruleType", &format!("{} for the rule {id}", id.rule_type())))
        }
        _ => Ok(id),
    }
}

/// The start of what a client sent, short enough to quote.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

fn patch_expiration(occasion: Occasion, rule: &mut ExpirationRule, body: &Reader<'_>) -> Result<()> {
    if let Some(required) = body.flag("isExpirationRequired")? {
        rule.required = required;
    }
    if let Some(text) = body.filled("maximumDuration")? {
        let maximum = Length::parse(text);
        rule.maximum = maximum.ok_or_else(|| {
            body.wrong("maximumDuration", "an ISO 8601 duration above zero such as PT8H or P180D")
        })?;
    }
    match occasion {
        Occasion::AdminEligibility | Occasion::AdminAssignment => Ok(()),
        Occasion::EndUserAssignment => check_activation_maximum(rule),
    }
}

fn check_activation_maximum(rule: &ExpirationRule) -> Result<()> {
    if !rule.required {
        return Err(policy(
            "an activation always ends by itself; leave `isExpirationRequired` of Expiration_EndUser_Assignment true",
        ));
    }
    let fits = |length| (SHORTEST_ACTIVATION_MAXIMUM..=LONGEST_ACTIVATION_MAXIMUM).contains(&length);
    match rule.maximum.fixed().is_some_and(fits) {
        true => Ok(()),
        false => Err(policy(format!(
            "the longest activation may be set between PT30M and PT24H, not {}",
            rule.maximum
        ))),
    }
}

fn patch_enablement(rule: &mut EnablementRule, body: &Reader<'_>) -> Result<()> {
    const ALL: [Requirement; 3] =
        [Requirement::MultiFactorAuthentication, Requirement::Justification, Requirement::Ticketing];
    let Some(words) = body.texts("enabledRules")? else {
        return Ok(());
    };
    let known = |word: &str| ALL.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(word));
    let enabled: Option<BTreeSet<Requirement>> = words.into_iter().map(known).collect();
    rule.enabled = enabled.ok_or_else(|| {
        body.wrong("enabledRules", "a list of MultiFactorAuthentication, Justification, Ticketing")
    })?;
    Ok(())
}

fn patch_authentication_context(rule: &mut AuthenticationContextRule, body: &Reader<'_>) -> Result<()> {
    if let Some(enabled) = body.flag("isEnabled")? {
        rule.enabled = enabled;
    }
    if let Some(claim) = body.text("claimValue")? {
        rule.claim = claim.trim().to_string();
    }
    let plain = rule.claim.chars().all(|c| c.is_ascii_alphanumeric()) && rule.claim.len() <= MAX_CLAIM_BYTES;
    match plain && !(rule.enabled && rule.claim.is_empty()) {
        true => Ok(()),
        false => Err(body.wrong("claimValue", "the id of an authentication context such as c1")),
    }
}

/// Azure holds the two ways to ask for a stronger sign-in to be exclusive.
fn check_end_user_sign_in(rules: &Rules) -> Result<()> {
    let enabled = &rules.enablement.end_user_assignment.enabled;
    let mfa = enabled.contains(&Requirement::MultiFactorAuthentication);
    match mfa && rules.authentication_context.enabled {
        true => Err(policy(
            "an activation asks for MultiFactorAuthentication or for an authentication context, not for both; \
             switch one of Enablement_EndUser_Assignment and AuthenticationContext_EndUser_Assignment off",
        )),
        false => Ok(()),
    }
}

fn patch_notification(rule: &mut NotificationRule, body: &Reader<'_>, recipient: &str) -> Result<()> {
    let levels = [
        ("All", NotificationLevel::All),
        ("Critical", NotificationLevel::Critical),
        ("None", NotificationLevel::None),
    ];
    body.word("notificationType", &[("Email", ())])?;
    body.word("recipientType", &[(recipient, ())])?;
    if let Some(level) = body.word("notificationLevel", &levels)? {
        rule.level = level;
    }
    if let Some(enabled) = body.flag("isDefaultRecipientsEnabled")? {
        rule.default_recipients = enabled;
    }
    if let Some(recipients) = body.texts("notificationRecipients")? {
        rule.recipients = addresses(body, &recipients)?;
    }
    Ok(())
}

fn addresses(body: &Reader<'_>, recipients: &[&str]) -> Result<Vec<String>> {
    let wrong = |expected: String| -> Error { body.wrong("notificationRecipients", &expected) };
    if recipients.len() > MAX_RECIPIENTS {
        return Err(wrong(format!("at most {MAX_RECIPIENTS} mail addresses")));
    }
    match recipients.iter().find(|address| !is_address(address)) {
        Some(bad) => Err(wrong(format!("a list of mail addresses, which `{}` is not", shown(bad)))),
        None => Ok(recipients.iter().map(ToString::to_string).collect()),
    }
}

/// Plausibly a mail address, and certainly no second header line.
fn is_address(text: &str) -> bool {
    let plain =
        text.chars().all(|c| !c.is_control() && !c.is_whitespace() && !matches!(c, '<' | '>' | ',' | ';'));
    let halves = text.split_once('@');
    plain
        && text.len() <= MAX_ADDRESS_BYTES
        && halves
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}
