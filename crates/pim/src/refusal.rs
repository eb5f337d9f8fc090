//! Every way to say no, in one place: Azure's code (contract 6.5), which rule failed, and what to do about it.
//!
//! Where Azure's list has no word for a refusal, the code is ours and says so.

use arm::{Error, ErrorKind, RequestId};
use serde_json::json;

/// A rule of a role's policy that a request breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Broken {
    /// The rule's name in Azure's message.
    pub(crate) rule: &'static str,
    /// What is missing, and what to do.
    pub(crate) why: String,
}

impl Broken {
    pub(crate) fn new(rule: &'static str, why: impl Into<String>) -> Self {
        Self { rule, why: why.into() }
    }
}

/// The name of the authentication context that is a second factor and nothing else: Azure's own challenges name it so.
const MFA_CONTEXT: &str = "p1";

/// `RoleAssignmentRequestPolicyValidationFailed`, which lists every rule that failed and then explains each. When a second
/// factor is all that is missing, it carries the claims challenge with which a client asks for it.
pub(crate) fn policy_rules(broken: &[Broken]) -> Error {
    let error = policy_rules_alone(broken);
    match broken {
        [only] if only.rule == "MfaRule" => with_challenge(error, MFA_CONTEXT),
        _ => error,
    }
}

fn policy_rules_alone(broken: &[Broken]) -> Error {
    let rules: Vec<&str> = broken.iter().map(|broken| broken.rule).collect();
    let why: Vec<&str> = broken.iter().map(|broken| broken.why.as_str()).collect();
    let message = format!("The following policy rules failed: {}. {}", json!(rules), why.join(" "));
    Error::invalid("RoleAssignmentRequestPolicyValidationFailed", message)
}

/// One broken rule.
pub(crate) fn policy_rule(rule: &'static str, why: impl Into<String>) -> Error {
    policy_rules(&[Broken::new(rule, why)])
}

/// A body that is not what the API takes; the target names the field.
pub(crate) fn content(field: &str, message: impl Into<String>) -> Error {
    Error::invalid("InvalidRequestContent", message).with_target(field)
}

/// A schedule that makes no sense.
pub(crate) fn schedule(message: impl Into<String>) -> Error {
    Error::invalid("InvalidRoleAssignmentRequestSchedule", message)
}

/// A change of a role's policy that is not a valid policy (Azure's code; its message says only that).
pub(crate) fn policy(message: impl Into<String>) -> Error {
    Error::invalid("InvalidPolicy", message)
}

/// The caller is known and this is not theirs to do.
pub(crate) fn not_yours(message: impl Into<String>) -> Error {
    Error::forbidden("InsufficientPermissions", message)
}

/// An open request for the same principal, role and scope.
pub(crate) fn pending(request: RequestId) -> Error {
    let message = format!(
        "There is already an existing pending Role assignment request, {request}. Wait for its decision or cancel it."
    );
    Error::invalid("PendingRoleAssignmentRequest", message)
}

/// There already is what the request asks for.
pub(crate) fn exists(message: impl Into<String>) -> Error {
    Error::invalid("RoleAssignmentExists", message)
}

/// There is nothing for the request to end or change.
pub(crate) fn does_not_exist(message: impl Into<String>) -> Error {
    Error::invalid("RoleAssignmentDoesNotExist", message)
}

/// The request was decided, cancelled or timed out before (our code; 409).
pub(crate) fn settled(message: impl Into<String>) -> Error {
    Error::conflict("RoleAssignmentRequestSettled", message)
}

/// A vote that was already given (our code; 409).
pub(crate) fn voted(message: impl Into<String>) -> Error {
    Error::conflict("RoleAssignmentRequestAlreadyReviewed", message)
}

/// The sign-in lacks an authentication context; carries the claims challenge with which a client asks for it.
pub(crate) fn step_up(context: &str) -> Error {
    let message = format!(
        "The following policy rules failed: [\"AcrsRule\"]. The role wants the authentication context `{context}`; \
         sign in again with the claims {} and repeat the request.",
        claims(context)
    );
    with_challenge(Error::invalid("RoleAssignmentRequestAcrsValidationFailed", message), context)
}

fn claims(context: &str) -> serde_json::Value {
    json!({"access_token": {"acrs": {"essential": true, "value": context}}})
}

/// The face that answers turns this into a header, and names the command.
fn with_challenge(error: Error, context: &str) -> Error {
    error.with_info("ClaimsChallenge", json!({"claims": claims(context)}))
}

/// Nobody approves, or even opens, the approval of their own request.
pub(crate) fn self_approval() -> Error {
    not_yours(
        "Self-approval is not allowed: the person who asked neither decides on the request nor opens its approval, \
         through no account, guest or group. Ask one of the role's other approvers.",
    )
}

/// Nobody gives themselves more time once they have asked for it.
pub(crate) fn self_extension() -> Error {
    not_yours(
        "Self-approval is not allowed: the person who asked for more time does not decide on it, through no account. \
         Ask another admin of the role, or cancel the request.",
    )
}

/// An approval, stage or request that is not there, or not for this caller.
pub(crate) fn not_found(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::NotFound, "RoleAssignmentApprovalNotFound", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(error: &Error) -> Vec<&serde_json::Value> {
        error
            .additional_info
            .iter()
            .filter(|(kind, _)| kind == "ClaimsChallenge")
            .map(|(_, info)| info)
            .collect()
    }

    #[test]
    fn a_challenge_is_made_of_what_a_better_sign_in_would_mend() {
        let (mfa, reason) = (Broken::new("MfaRule", "x"), Broken::new("JustificationRule", "y"));
        let wanted =
            |context| json!({"claims": {"access_token": {"acrs": {"essential": true, "value": context}}}});
        assert_eq!(asked(&policy_rules(std::slice::from_ref(&mfa))), [&wanted("p1")]);
        assert_eq!(asked(&step_up("c2")), [&wanted("c2")]);
        // Signing in again would not help yet.
        assert!(asked(&policy_rules(&[mfa, reason.clone()])).is_empty());
        assert!(asked(&policy_rules(&[reason])).is_empty());
    }
}
