//! `unlockDelete`: consent for the HTTP DELETE that follows (contract 3.6).

use arm::{Error, ResourceId, Result};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::clear::{check_requests, operations_granted};
use crate::{Caller, Consent, CriticalOperation, GuardAnswer, GuardQuestion, Missing, Refusal, VaultKind};

/// How long an unlock lasts. Azure's number.
pub const UNLOCK_MINUTES: i64 = 30;

/// A deletion that may happen once: by this caller, of this resource, until then.
///
/// It records who held the right on the guard. The DELETE asks the guard about that holder again, so an unlock does not
/// outlive the consent it came from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Unlock {
    /// The vault.
    pub vault: ResourceId,
    /// What may happen.
    pub operation: CriticalOperation,
    /// To which resource.
    pub target: ResourceId,
    /// Who may do it, under the object id of the vault's tenant.
    pub caller: Caller,
    /// The same person as the guard's tenant knows them.
    pub holder: Caller,
    /// The guard that was asked.
    pub guard: ResourceId,
    /// The first instant at which it is no longer good.
    pub expires: Timestamp,
}

impl Unlock {
    /// What identifies it: one unlock per caller, operation and resource.
    pub fn key(&self) -> String {
        Self::key_of(self.operation, &self.target, &self.caller)
    }

    /// The key of the unlock that a deletion by this caller would need.
    pub fn key_of(operation: CriticalOperation, target: &ResourceId, caller: &Caller) -> String {
        format!("{}|{}|{}", target.folded(), operation.request_kind(), caller.object)
    }

    /// Whether this unlock is for that deletion, now.
    pub(crate) fn fits(
        &self,
        operation: CriticalOperation,
        target: &ResourceId,
        by: &Caller,
        now: Timestamp,
    ) -> bool {
        self.operation == operation
            && self.target == *target
            && self.caller.object == by.object
            && self.caller.tenant == by.tenant
            && now < self.expires
    }
}

/// The body of an `unlockDelete` request, with where it was sent.
#[derive(Clone, Debug)]
pub struct UnlockRequest<'a> {
    /// The vault.
    pub vault: &'a ResourceId,
    /// Its kind.
    pub kind: VaultKind,
    /// The vault's proxy.
    pub proxy: &'a ResourceId,
    /// The guard it is linked to.
    pub guard: &'a ResourceId,
    /// `resourceGuardOperationRequests`.
    pub requests: &'a [ResourceId],
    /// `resourceToBeDeleted`.
    pub target: Option<&'a ResourceId>,
    /// The caller, first under the object id of the vault's tenant.
    pub callers: &'a [Caller],
}

/// Decides an `unlockDelete`.
///
/// # Errors
/// The first is for a request that makes no sense (400); the second is a refusal.
pub fn unlock(
    request: &UnlockRequest<'_>,
    ask: &dyn Fn(&GuardQuestion) -> GuardAnswer,
    now: Timestamp,
) -> Result<Result<Unlock, Refusal>> {
    check_requests(request.guard, request.kind, request.requests)?;
    let operation = requested_operation(request)?;
    let target = target_of(request, operation)?;
    let Some(caller) = request.callers.first() else {
        return Err(Error::internal("an unlock without a caller"));
    };
    let question = GuardQuestion {
        guard: request.guard.clone(),
        operations: vec![operation],
        holders: request.callers.to_vec(),
    };
    let refuse = |description: Option<String>, missing: Missing| Refusal {
        operation,
        why: format!("'{}' would be deleted", target.name()),
        guard: request.guard.clone(),
        description,
        missing,
    };
    let granted = match operations_granted(&question, &ask(&question), &refuse) {
        Ok(granted) => granted,
        Err(refusal) => return Ok(Err(*refusal)),
    };
    // An exempt operation needs no consent; the unlock is given all the same, and nobody will ask for it.
    let holder = granted.get(&operation).map_or_else(|| caller.clone(), |(holder, _)| holder.clone());
    Ok(Ok(Unlock {
        vault: request.vault.clone(),
        operation,
        target: target.clone(),
        caller: caller.clone(),
        holder,
        guard: request.guard.clone(),
        expires: now
            .checked_add(SignedDuration::from_mins(UNLOCK_MINUTES))
            .map_err(|error| Error::internal(error.to_string()))?,
    }))
}

fn requested_operation(request: &UnlockRequest<'_>) -> Result<CriticalOperation> {
    let operations: Vec<CriticalOperation> = request
        .requests
        .iter()
        .filter_map(|id| CriticalOperation::by_request(request.kind, id.type_name()))
        .collect();
    let [operation] = operations.as_slice() else {
        return Err(Error::invalid(
            "UserErrorInvalidUnlockRequest",
            "resourceGuardOperationRequests must name exactly one guard request: that of the operation to unlock",
        ));
    };
    if operation.consent() != Consent::ByUnlock {
        return Err(Error::invalid(
            "UserErrorInvalidUnlockRequest",
            format!(
                "'{}' is not a deletion: send its guard request in the resourceGuardOperationRequests of the request \
                 itself",
                operation.title()
            ),
        ));
    }
    Ok(*operation)
}

/// The resource to be deleted. Removing MUA may leave it out (az does) or name the proxy (PowerShell does); for
/// everything else it is needed, or the unlock would be for anything.
fn target_of<'a>(request: &UnlockRequest<'a>, operation: CriticalOperation) -> Result<&'a ResourceId> {
    let removes_mua = matches!(operation, CriticalOperation::RemoveMua | CriticalOperation::RemoveBackupMua);
    match request.target {
        None if removes_mua => Ok(request.proxy),
        Some(target) if removes_mua && target == request.proxy => Ok(target),
        Some(target) if !removes_mua && target.is_within(request.vault) && target != request.vault => {
            Ok(target)
        }
        Some(target) => Err(Error::invalid(
            "UserErrorInvalidUnlockRequest",
            format!("'{target}' is not a resource of this vault that '{}' deletes", operation.title()),
        )),
        None => Err(Error::invalid(
            "UserErrorInvalidUnlockRequest",
            "resourceToBeDeleted is missing: an unlock is for one resource",
        )),
    }
}
