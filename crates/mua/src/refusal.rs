//! Why a critical change was refused, and what to do about it.

use arm::{Error, ResourceId};

use crate::CriticalOperation;

/// A refused critical operation. It explains itself: which operation, which guard, what is missing, whom to ask.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The operation that needs consent.
    pub operation: CriticalOperation,
    /// What would become weaker.
    pub why: String,
    /// The guard.
    pub guard: ResourceId,
    /// The guard's own words on whom to ask.
    pub description: Option<String>,
    /// What is missing.
    pub missing: Missing,
}

/// What a refused operation lacks.
#[derive(Clone, Debug, PartialEq)]
pub enum Missing {
    /// The request names no guard request for it (contract 8.3).
    Request,
    /// A DELETE came without a valid unlock before it.
    Unlock,
    /// The caller holds no right on the guard now.
    Right {
        /// The action that is missing.
        action: String,
    },
    /// Nobody has consented to a restore of the item, or that consent has ended.
    Window,
    /// The guard did not answer.
    Guard {
        /// Why not.
        why: String,
    },
}

impl Refusal {
    /// The short form for the ledger and the log.
    pub fn reason(&self) -> String {
        let missing = match &self.missing {
            Missing::Request => "no guard request was presented".to_string(),
            Missing::Unlock => "the deletion was not unlocked".to_string(),
            Missing::Window => "no consent to a restore is open".to_string(),
            Missing::Right { action } => format!("the caller lacks '{action}' on the guard"),
            Missing::Guard { why } => format!("the guard did not answer: {why}"),
        };
        format!("{} needs consent ({}): {missing}", self.operation.title(), self.why)
    }

    /// The refusal as an ARM error (contract 8.3).
    pub fn into_error(self) -> Error {
        let Self { operation, why, guard, description, missing } = &self;
        let title = operation.title();
        let request = format!("{guard}/{}/default", operation.request_kind());
        let ask = match description {
            Some(text) => format!(" Whom to ask: {text}"),
            None => " Ask the owner of the Resource Guard for it.".to_string(),
        };
        let protected =
            format!("The operation '{title}' is protected by the Resource Guard '{guard}': {why}.");
        let (code, what) = match missing {
            Missing::Request => (
                "UserErrorResourceGuardOperationRequestMissing",
                format!(
                    "ResourceGuard Operation requestid is either null or empty: add '{request}' to \
                     resourceGuardOperationRequests once you hold Backup MUA Operator on the guard."
                ),
            ),
            Missing::Unlock => (
                "UserErrorDeleteNotUnlocked",
                format!(
                    "Call unlockDelete on the vault's guard proxy with '{request}' first; an unlock is good once, for \
                     its caller, for this resource, for {} minutes.",
                    crate::UNLOCK_MINUTES
                ),
            ),
            Missing::Right { action } => (
                "LinkedAuthorizationFailed",
                format!(
                    "The client has no authorization to perform the linked action '{action}' over the scope '{guard}'. \
                     Activate the role Backup MUA Operator on the guard and retry; if the guard is in another tenant, \
                     send a token of that tenant in x-ms-authorization-auxiliary as well."
                ),
            ),
            Missing::Window => (
                "UserErrorRestoreNotConsented",
                format!(
                    "POST the restore of one of its recovery points with '{request}' first; the repository can then be \
                     read while the role Backup MUA Operator is active, for {} hours at the most. Backups go on \
                     without it.",
                    crate::RESTORE_HOURS
                ),
            ),
            Missing::Guard { why } => (
                "UserErrorResourceGuardUnavailable",
                format!(
                    "The guard cannot give consent ({why}), and without it the operation stays protected."
                ),
            ),
        };
        let info = serde_json::json!({
            "operation": operation.name(),
            "resourceGuardId": guard,
            "resourceGuardOperationRequest": request,
            "missingAction": operation.guard_action(),
            "description": description,
        });
        Error::forbidden(code, format!("{protected} {what}{ask}")).with_info("ResourceGuardOperation", info)
    }
}
