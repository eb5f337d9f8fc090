//! The vault's side of the door: a change goes in, a [`Clearance`] comes out, or a [`Refusal`].

use std::collections::BTreeMap;

use arm::{Error, ObjectId, ResourceId, Result, TenantId};
use jiff::Timestamp;
use ledger::Digest;
use serde::{Deserialize, Serialize};
use vault::{GuardProxy, VaultChange};

use crate::{
    Consent, CriticalOperation, Finding, GuardAnswer, GuardQuestion, Missing, Protection, Refusal,
    RestoreWindow, Right, Unlock, VaultKind, classify,
};

/// Somebody who acts, as one tenant knows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// The tenant whose token proves it.
    pub tenant: TenantId,
    /// The object id there.
    pub object: ObjectId,
    /// The person behind it, the same in every tenant.
    pub person: String,
}

/// What comes with a request besides the change.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The caller, first under the object id of the vault's tenant, then under those that auxiliary tokens prove.
    pub callers: &'a [Caller],
    /// `resourceGuardOperationRequests`.
    pub requests: &'a [ResourceId],
    /// The unlocks that exist for this caller and this target, good or expired.
    pub unlocks: &'a [Unlock],
}

/// Proof that one critical operation may happen now: this operation, on this resource, as this change, by this caller.
///
/// Not `Clone`, and without a public constructor: only [`clear`] returns one.
#[derive(Debug)]
pub struct Permit {
    operation: CriticalOperation,
    request: ResourceId,
    guard: ResourceId,
    target: ResourceId,
    change: Digest,
    caller: Caller,
    holder: Caller,
    right: Right,
}

impl Permit {
    /// The operation.
    pub fn operation(&self) -> CriticalOperation {
        self.operation
    }
    /// The guard request that was answered.
    pub fn request(&self) -> &ResourceId {
        &self.request
    }
    /// The guard that answered.
    pub fn guard(&self) -> &ResourceId {
        &self.guard
    }
    /// The resource that may change.
    pub fn target(&self) -> &ResourceId {
        &self.target
    }
    /// The change that may happen.
    pub fn change(&self) -> Digest {
        self.change
    }
    /// Who may do it.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }
    /// Who held the right on the guard: the same person, as the guard's tenant knows them.
    pub fn holder(&self) -> &Caller {
        &self.holder
    }
    /// The role assignment that gave it.
    pub fn right(&self) -> &Right {
        &self.right
    }
}

/// A change that may be applied: it needs no consent, or it holds the permits. The change travels inside, so that one
/// cannot be cleared and another applied.
#[derive(Debug)]
pub struct Clearance {
    change: VaultChange,
    permits: Vec<Permit>,
    consumes: Vec<String>,
    opens: Vec<RestoreWindow>,
}

impl Clearance {
    /// The change that was cleared.
    pub fn change(&self) -> &VaultChange {
        &self.change
    }
    /// The permits it holds; none for a change that is not critical.
    pub fn permits(&self) -> &[Permit] {
        &self.permits
    }
    /// The keys of the unlocks it uses up. Whoever applies the change deletes them in the same commit.
    pub fn consumes(&self) -> &[String] {
        &self.consumes
    }
    /// The windows that its permits open. Whoever applies the change writes them in the same commit.
    pub fn opens(&self) -> &[RestoreWindow] {
        &self.opens
    }
    /// Takes the change out, which uses the clearance up.
    pub fn into_change(self) -> VaultChange {
        self.change
    }
}

/// Decides whether a change may happen.
///
/// `proxy` is the vault's link to its guard, `None` while MUA is off. `ask` puts the question to the guard.
///
/// # Errors
/// The outer error is for a request that makes no sense (400); the inner one is a refusal.
pub fn clear(
    change: VaultChange,
    kind: VaultKind,
    proxy: Option<&GuardProxy>,
    presented: &Presented<'_>,
    ask: &dyn Fn(&GuardQuestion) -> GuardAnswer,
    now: Timestamp,
) -> Result<Result<Clearance, Refusal>> {
    let Some(proxy) = proxy else {
        return Ok(Ok(Clearance { change, permits: Vec::new(), consumes: Vec::new(), opens: Vec::new() }));
    };
    check_requests(&proxy.guard, kind, presented.requests)?;
    let Some(target) = change.target().cloned() else {
        return Err(Error::internal("a change of nothing"));
    };
    let Some(caller) = presented.callers.first() else {
        return Err(Error::internal("a change without a caller"));
    };
    let mut digest = None;
    let mut permits = Vec::new();
    let mut consumes = Vec::new();
    for finding in classify(&change) {
        let case = Case { finding: &finding, guard: &proxy.guard, target: &target, caller, now };
        let granted = match case.decide(presented, ask) {
            Ok(granted) => granted,
            Err(refusal) => return Ok(Err(*refusal)),
        };
        let Some(Granted { holder, right, consumes: used }) = granted else {
            continue;
        };
        consumes.extend(used);
        permits.push(Permit {
            operation: finding.operation,
            request: crate::ResourceGuard::default_request(&proxy.guard, finding.operation)?,
            guard: proxy.guard.clone(),
            target: target.clone(),
            change: *digest.get_or_insert_with(|| change.digest()),
            caller: caller.clone(),
            holder,
            right,
        });
    }
    let opens = permits.iter().filter_map(|permit| RestoreWindow::opened_by(permit, now)).collect();
    Ok(Ok(Clearance { change, permits, consumes, opens }))
}

/// How one critical operation of a change stands at a moment: what is shown to whoever considers it. It permits nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// The operation, and what would become weaker.
    pub finding: Finding,
    /// The guard's own words on whom to ask.
    pub description: Option<String>,
    /// Whether the operation needs consent, and whether the callers have it.
    pub consent: ConsentState,
    /// Whether an unlock for it is there, for an operation whose consent comes by one.
    pub unlocked: bool,
}

/// Whether somebody has consent to an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum ConsentState {
    /// Nobody has to consent: there is no guard, or it excludes the operation.
    NotNeeded,
    /// One of the callers holds the right on the guard, by this assignment.
    Yes(Right),
    /// None of them does, or the guard does not answer.
    No(Missing),
}

/// How each critical operation of a change stands, whatever requests come with it. It is classified as [`clear`] does it, and the
/// guard is asked the same.
pub fn examine(
    change: &VaultChange,
    proxy: Option<&GuardProxy>,
    presented: &Presented<'_>,
    ask: &dyn Fn(&GuardQuestion) -> GuardAnswer,
    now: Timestamp,
) -> Vec<Standing> {
    let standing = |finding: Finding| {
        let Some(proxy) = proxy else {
            return Standing {
                finding,
                description: None,
                consent: ConsentState::NotNeeded,
                unlocked: false,
            };
        };
        let operation = finding.operation;
        let unlocks = presented.unlocks.iter().filter(|unlock| unlock.guard == proxy.guard);
        let unlocked = change.target().zip(presented.callers.first()).is_some_and(|(target, caller)| {
            unlocks.into_iter().any(|unlock| unlock.fits(operation, target, caller, now))
        });
        let holders = presented.callers.to_vec();
        let question = GuardQuestion { guard: proxy.guard.clone(), operations: vec![operation], holders };
        let answer = ask(&question);
        let description = description_of(&answer);
        let refuse = |description, missing| Refusal {
            operation,
            why: finding.why.clone(),
            guard: proxy.guard.clone(),
            description,
            missing,
        };
        let consent = match operations_granted(&question, &answer, &refuse) {
            Ok(mut granted) => match granted.remove(&operation) {
                Some((_, right)) => ConsentState::Yes(right),
                None => ConsentState::NotNeeded,
            },
            Err(refusal) => ConsentState::No(refusal.missing),
        };
        Standing { finding, description, consent, unlocked }
    };
    classify(change).into_iter().map(standing).collect()
}

/// One critical operation of a change, on its way to a permit.
struct Case<'a> {
    finding: &'a Finding,
    guard: &'a ResourceId,
    target: &'a ResourceId,
    caller: &'a Caller,
    now: Timestamp,
}

/// Consent that was found: by whom, by which right, and the unlock it uses up.
struct Granted {
    holder: Caller,
    right: Right,
    consumes: Option<String>,
}

impl Case<'_> {
    /// `None` when the guard exempts the operation.
    fn decide(
        &self,
        presented: &Presented<'_>,
        ask: &dyn Fn(&GuardQuestion) -> GuardAnswer,
    ) -> Result<Option<Granted>, Box<Refusal>> {
        let operation = self.finding.operation;
        let unlock = presented.unlocks.iter().find(|unlock| {
            unlock.guard == *self.guard && unlock.fits(operation, self.target, self.caller, self.now)
        });
        // Deletions are asked again about the holder who unlocked them: their DELETE may come without the token of
        // the guard's tenant, and consent that has ended since must not work any more.
        let holders = match (operation.consent(), unlock) {
            (Consent::ByUnlock, Some(unlock)) => vec![unlock.holder.clone()],
            (Consent::ByUnlock, None) | (Consent::InRequest, _) => presented.callers.to_vec(),
        };
        let question = GuardQuestion { guard: self.guard.clone(), operations: vec![operation], holders };
        let answer = ask(&question);
        let refuse = |description, missing| self.refuse(description, missing);
        let unavailable = matches!(answer, GuardAnswer::Unavailable { .. });
        if !unavailable && !is_exempt(&answer, operation) {
            let missing = match operation.consent() {
                Consent::InRequest if !names(presented.requests, self.guard, operation) => {
                    Some(Missing::Request)
                }
                Consent::ByUnlock if unlock.is_none() => Some(Missing::Unlock),
                Consent::InRequest | Consent::ByUnlock => None,
            };
            if let Some(missing) = missing {
                return Err(Box::new(self.refuse(description_of(&answer), missing)));
            }
        }
        let mut granted = operations_granted(&question, &answer, &refuse)?;
        let consumes = unlock.filter(|_| operation.consent() == Consent::ByUnlock).map(Unlock::key);
        Ok(granted.remove(&operation).map(|(holder, right)| Granted { holder, right, consumes }))
    }

    fn refuse(&self, description: Option<String>, missing: Missing) -> Refusal {
        Refusal {
            operation: self.finding.operation,
            why: self.finding.why.clone(),
            guard: self.guard.clone(),
            description,
            missing,
        }
    }
}

fn is_exempt(answer: &GuardAnswer, operation: CriticalOperation) -> bool {
    match answer {
        GuardAnswer::Known { protection, .. } => protection.get(&operation) == Some(&Protection::Exempt),
        GuardAnswer::Unavailable { .. } => false,
    }
}

pub(crate) fn description_of(answer: &GuardAnswer) -> Option<String> {
    match answer {
        GuardAnswer::Known { description, .. } => description.clone(),
        GuardAnswer::Unavailable { .. } => None,
    }
}

fn names(requests: &[ResourceId], guard: &ResourceId, operation: CriticalOperation) -> bool {
    crate::ResourceGuard::default_request(guard, operation).is_ok_and(|wanted| requests.contains(&wanted))
}

/// Checks an answer against the question and takes out what it grants. Exempt operations are left out.
///
/// An answer about another guard, without a word on an operation, or granting to somebody who was not asked about,
/// grants nothing.
pub(crate) fn operations_granted(
    question: &GuardQuestion,
    answer: &GuardAnswer,
    refuse: &dyn Fn(Option<String>, Missing) -> Refusal,
) -> Result<BTreeMap<CriticalOperation, (Caller, Right)>, Box<Refusal>> {
    let (guard, description, protection) = match answer {
        GuardAnswer::Unavailable { why } => {
            return Err(Box::new(refuse(None, Missing::Guard { why: why.clone() })));
        }
        GuardAnswer::Known { guard, description, protection } => (guard, description, protection),
    };
    if *guard != question.guard {
        let why = "the answer came from another guard".to_string();
        return Err(Box::new(refuse(None, Missing::Guard { why })));
    }
    let mut granted = BTreeMap::new();
    for operation in &question.operations {
        match protection.get(operation) {
            Some(Protection::Exempt) if !operation.is_mandatory() => {}
            Some(Protection::Granted { holder, right }) if question.holders.contains(holder) => {
                granted.insert(*operation, (holder.clone(), right.clone()));
            }
            Some(Protection::Denied { .. } | Protection::Granted { .. } | Protection::Exempt) | None => {
                let action = operation.guard_action();
                return Err(Box::new(refuse(description.clone(), Missing::Right { action })));
            }
        }
    }
    Ok(granted)
}

/// Refuses guard requests that make no sense for this vault: of another guard, of an unknown kind, or with a name
/// other than `default` (contract 8.1 step 6). A request that is merely not needed is harmless.
pub(crate) fn check_requests(guard: &ResourceId, kind: VaultKind, requests: &[ResourceId]) -> Result<()> {
    for request in requests {
        let of_guard = request.parent().as_ref() == Some(guard);
        let known = CriticalOperation::by_request(kind, request.type_name()).is_some();
        if !of_guard || !known || !request.name().eq_ignore_ascii_case("default") {
            return Err(Error::invalid(
                "UserErrorInvalidResourceGuardOperationRequest",
                format!("'{request}' is not a request of the Resource Guard '{guard}' that this vault is linked to"),
            )
            .with_target("resourceGuardOperationRequests"));
        }
    }
    Ok(())
}
