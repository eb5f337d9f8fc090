//! The one door: every change of a vault goes through [`change`]. No handler knows about consent.

use arm::{Error, ObjectId, ResourceId, Result};
use jiff::Timestamp;
use ledger::{Consent, Digest, Verdict};
use mua::alert::CRITICAL_OPERATIONS;
use mua::{
    Caller, Clearance, CriticalOperation, GuardAnswer, GuardQuestion, Permit, Presented, Refusal,
    ResourceGuard, RestoreWindow, Right, Standing, Unlock, UnlockRequest, VaultKind,
};
use store::{Access, Transaction};
use uuid::Uuid;
use vault::{GuardProxy, VaultChange};

use super::call::Call;
use super::recovery::containers;

/// Decides a change of a vault and applies it, or refuses it and says so in the ledger. The guard requests come from
/// the `resourceGuardOperationRequests` of the body's `properties`, or of the body itself (contract 4.5).
///
/// # Errors
/// The refusal, or what is wrong with the request.
pub fn change(call: &mut Call<'_>, vault: &ResourceId, change: VaultChange) -> Result<()> {
    let requests = match call.request.method.is_read() || call.request.body.is_null() {
        true => Vec::new(),
        false => {
            let name = "resourceGuardOperationRequests";
            [call.properties()?.ids(name)?, call.body()?.ids(name)?].concat()
        }
    };
    if call.rehearsal.is_some() {
        let standings = examine(call, vault, &change)?;
        call.rehearsal.iter_mut().for_each(|rehearsal| rehearsal.extend(standings.clone()));
    }
    let digest = change.digest();
    let findings = mua::classify(&change);
    match decide(call.tx, vault, change, &call.request.callers(), &requests, call.now)? {
        Ok(clearance) => {
            // Alerts go by this, also when nobody had to consent.
            for finding in findings {
                call.add_fact(CRITICAL_OPERATIONS, finding.operation.name());
                call.add_fact("weakened", finding.why);
            }
            call.cleared(digest, clearance.permits().iter().map(consent));
            call.tx.apply(clearance)
        }
        Err(refusal) => Err(refuse(call, refusal)),
    }
}

/// How the critical operations of a change stand, for whoever considers making it.
fn examine(call: &mut Call<'_>, vault: &ResourceId, change: &VaultChange) -> Result<Vec<Considered>> {
    let proxy: Option<GuardProxy> = call.tx.resource(&proxy_id(vault)?)?;
    let callers = call.request.callers();
    let unlocks = unlocks_for(call.tx, change, &callers)?;
    let presented = Presented { callers: &callers, requests: &[], unlocks: &unlocks };
    let guard_side = GuardSide::load(call.tx, proxy.as_ref().map(|proxy| &proxy.guard), call.now)?;
    let ask = |question: &GuardQuestion| guard_side.answer(question);
    let standings = mua::examine(change, proxy.as_ref(), &presented, &ask, call.now);
    let guard = proxy.map(|proxy| proxy.guard);
    Ok(standings.into_iter().map(|standing| Considered { guard: guard.clone(), standing }).collect())
}

/// A critical operation that somebody considers, and the guard that protects it, if any.
#[derive(Clone, Debug)]
pub struct Considered {
    /// The guard that the vault is linked to.
    pub guard: Option<ResourceId>,
    /// How it stands.
    pub standing: Standing,
}

/// Decides a change that a backup client brings about, and applies it. The client presents no consent, so whatever is
/// critical is refused while MUA is on. Returns the change's digest.
///
/// # Errors
/// The refusal.
pub fn change_by_client(
    tx: &mut Transaction,
    vault: &ResourceId,
    client: &Caller,
    change: VaultChange,
    now: Timestamp,
) -> Result<Digest> {
    let digest = change.digest();
    let clearance = decide(tx, vault, change, std::slice::from_ref(client), &[], now)?;
    tx.apply(clearance.map_err(Refusal::into_error)?)?;
    Ok(digest)
}

/// Decides a change that the server makes by itself, and applies it. Returns the change's digest.
///
/// # Errors
/// The refusal: nobody consents to what the server does by itself.
pub fn change_by_server(
    tx: &mut Transaction,
    vault: &ResourceId,
    change: VaultChange,
    now: Timestamp,
) -> Result<Digest> {
    let tenant = tx.access()?.tenant_of(vault);
    let tenant = tenant.ok_or_else(|| Error::internal("a vault in no known subscription"))?;
    let server = Caller { tenant, object: ObjectId(Uuid::nil()), person: "server".into() };
    change_by_client(tx, vault, &server, change, now)
}

/// Decides whether backup data of an item may be read out of its repository now.
///
/// # Errors
/// The outer error is the store's; the inner one is the refusal.
pub fn check_reading(
    tx: &mut Transaction,
    vault: &ResourceId,
    item: &ResourceId,
    now: Timestamp,
) -> Result<Result<(), Box<Refusal>>> {
    let proxy: Option<GuardProxy> = tx.resource(&proxy_id(vault)?)?;
    let window: Option<RestoreWindow> = tx.resource(item)?;
    let guard_side = GuardSide::load(tx, proxy.as_ref().map(|proxy| &proxy.guard), now)?;
    let ask = |question: &GuardQuestion| guard_side.answer(question);
    Ok(mua::may_read(VaultKind::of(vault), proxy.as_ref(), item, window.as_ref(), &ask, now))
}

/// Gathers what the decision needs (the link to the guard, this caller's unlocks, the guard's side) and asks for it.
fn decide(
    tx: &mut Transaction,
    vault: &ResourceId,
    change: VaultChange,
    callers: &[Caller],
    requests: &[ResourceId],
    now: Timestamp,
) -> Result<Result<Clearance, Refusal>> {
    let proxy: Option<GuardProxy> = tx.resource(&proxy_id(vault)?)?;
    let unlocks = unlocks_for(tx, &change, callers)?;
    let presented = Presented { callers, requests, unlocks: &unlocks };
    let guard_side = GuardSide::load(tx, proxy.as_ref().map(|proxy| &proxy.guard), now)?;
    let ask = |question: &GuardQuestion| guard_side.answer(question);
    mua::clear(change, VaultKind::of(vault), proxy.as_ref(), &presented, &ask, now)
}

/// Decides an `unlockDelete` and remembers it, or refuses it and says so in the ledger.
///
/// # Errors
/// `ResourceNotFound` while MUA is off; the refusal; or what is wrong with the request.
pub fn unlock(call: &mut Call<'_>, vault: &ResourceId) -> Result<Unlock> {
    let proxy_id = proxy_id(vault)?;
    let Some(proxy) = call.tx.resource::<GuardProxy>(&proxy_id)? else {
        return Err(Error::not_found(
            "ResourceNotFound",
            format!(
                "multi-user authorization is not enabled on the vault '{}'; nothing needs unlocking",
                vault.name()
            ),
        ));
    };
    let body = call.body()?;
    let requests = body.ids("resourceGuardOperationRequests")?;
    let target = body.id("resourceToBeDeleted")?;
    let target = target.map(|target| containers::meant_by(vault, target)).transpose()?;
    let callers = call.request.callers();
    let request = UnlockRequest {
        vault,
        kind: VaultKind::of(vault),
        proxy: &proxy.id,
        guard: &proxy.guard,
        requests: &requests,
        target: target.as_ref(),
        callers: &callers,
    };
    let guard_side = GuardSide::load(call.tx, Some(&proxy.guard), call.now)?;
    match mua::unlock(&request, &|question| guard_side.answer(question), call.now)? {
        Ok(unlock) => {
            call.tx.put(&unlock)?;
            call.because(format!("'{}' was unlocked until {}", unlock.operation.title(), unlock.expires));
            call.fact("unlocked", unlock.target.to_string());
            call.fact("guard", unlock.guard.to_string());
            Ok(unlock)
        }
        Err(refusal) => Err(refuse(call, refusal)),
    }
}

/// `<vault>/backupResourceGuardProxies/{name}`; the name depends on the kind of vault alone.
pub fn proxy_id(vault: &ResourceId) -> Result<ResourceId> {
    vault.child(&format!("backupResourceGuardProxies/{}", VaultKind::of(vault).proxy_name()))
}

fn refuse(call: &mut Call<'_>, refusal: Refusal) -> Error {
    let mut entry = call.entry_of(Verdict::Refused, refusal.reason());
    entry.operation = refusal.operation.name();
    entry.facts.insert("guard".into(), refusal.guard.to_string());
    call.tx.record_refusal(entry);
    refusal.into_error()
}

fn unlocks_for(tx: &mut Transaction, change: &VaultChange, callers: &[Caller]) -> Result<Vec<Unlock>> {
    let (Some(target), Some(caller)) = (change.target(), callers.first()) else {
        return Ok(Vec::new());
    };
    let mut unlocks = Vec::new();
    for finding in mua::classify(change) {
        let key = Unlock::key_of(finding.operation, target, caller);
        unlocks.extend(tx.get::<Unlock>(&key)?);
    }
    Ok(unlocks)
}

fn consent(permit: &Permit) -> Consent {
    Consent {
        operation: permit.operation().name(),
        request: permit.request().to_string(),
        guard: permit.guard().to_string(),
        holder: permit.holder().person.clone(),
        assignment: permit.right().assignment.to_string(),
        expires: permit.right().until,
    }
}

/// The guard's side of the seam: what is read on behalf of a guard, to answer one question with a value.
pub struct GuardSide {
    guard: Option<ResourceGuard>,
    access: std::sync::Arc<Access>,
    now: Timestamp,
}

impl GuardSide {
    /// Reads what is needed to answer for a guard.
    pub fn load(tx: &mut Transaction, guard: Option<&ResourceId>, now: Timestamp) -> Result<Self> {
        let guard = match guard {
            Some(id) => tx.resource(id)?,
            None => None,
        };
        Ok(Self { guard, access: tx.access()?, now })
    }

    /// Answers.
    pub fn answer(&self, question: &GuardQuestion) -> GuardAnswer {
        mua::answer(self.guard.as_ref(), question, |holder, action| {
            let grant = self.access.may(holder.object, action, &question.guard, self.now).ok()??;
            Some(Right { assignment: grant.assignment, until: grant.until })
        })
    }
}

/// The guard's protected operations as a proxy shows them: read from the guard each time, so that an exemption holds
/// for all linked vaults at once (contract 3.6).
pub fn protected_operations(guard: &ResourceGuard, kind: VaultKind) -> Vec<CriticalOperation> {
    guard.protected().filter(|operation| operation.vault_kind() == kind).collect()
}
