//! Schedule requests: making somebody eligible, activating, giving back, taking away.

use arm::{Error, Filter, ObjectId, RequestId, ResourceId, Result, RoleId};
use pim::{
    ActivationRequest, Change, DirectAssignment, Eligibility, Family, Listing, People, PrincipalKind,
    RequestRecord, RequestType, RolePolicy, ScheduleRequestBody, Status,
};
use serde_json::Value;
use store::{Document, pim_key};

use super::people::Directory;
use super::policies::{checked_scope, policy_of, role_at};
use super::{ASSIGN, READ, assign, notify};
use crate::arm::call::Call;
use crate::arm::reply::Reply;

/// A request on its way to its rule.
struct Ask {
    name: RequestId,
    scope: ResourceId,
    body: ScheduleRequestBody,
    policy: RolePolicy,
    people: Directory,
    principal_kind: PrincipalKind,
}

impl Ask {
    fn read(call: &mut Call<'_>) -> Result<Self> {
        let name = call.guid("name")?;
        let scope = checked_scope(call)?;
        let body = ScheduleRequestBody::parse(&call.request.body)?;
        if body.request_type.is_admins() {
            call.demand(ASSIGN, &scope)?;
        }
        if role_at(call, &scope, body.role)?.is_none() {
            return Err(Error::invalid(
                "RoleDefinitionDoesNotExist",
                format!("the role definition '{}' does not exist at '{scope}'", body.role),
            ));
        }
        let people = Directory::of(call)?;
        let principal_kind =
            people.kind_at(body.principal, &scope).ok_or_else(|| subject_not_found(body.principal))?;
        let policy = policy_of(call, &scope, body.role)?;
        Ok(Self { name, scope, body, policy, people, principal_kind })
    }
}

fn subject_not_found(principal: ObjectId) -> Error {
    Error::invalid(
        "SubjectNotFound",
        format!(
            "the principal '{principal}' is not known in the tenant that owns this scope; a guest has an object id of its own there"
        ),
    )
}

pub(super) fn put_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    call.action = "Microsoft.Authorization/roleEligibilityScheduleRequests/write";
    eligibility(call)
}

fn eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let ask = Ask::read(call)?;
    check_new(call, ask.name)?;
    let existing = at_and_above::<Eligibility>(call, &ask.scope, |eligibility| &eligibility.grant().scope)?;
    let cx = ask.people.context();
    let settled =
        pim::request_eligibility(ask.name, &ask.body, ask.principal_kind, &ask.policy, &existing, &cx)?;
    call.tx.put(&settled.record)?;
    match &settled.change {
        Change::Put(eligibility) => {
            call.tx.put(eligibility)?;
            follow(call, &ask, eligibility.grant().name, Some(eligibility))?;
        }
        Change::Remove(eligibility) => {
            call.tx.delete::<Eligibility>(&eligibility.key());
            follow(call, &ask, eligibility.grant().name, None)?;
        }
        Change::Revoke(activation) => assign::store_activation(call, activation)?,
    }
    notify::settled(call, &settled)?;
    note(call, &ask.body);
    Ok(Reply::created(settled.record.to_json(&ask.people, call.now)))
}

/// Activations end with the eligibility that they rest on.
fn follow(call: &mut Call<'_>, ask: &Ask, eligibility: RequestId, now: Option<&Eligibility>) -> Result<()> {
    let activations: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
    for activation in activations.iter().filter(|activation| activation.eligibility() == eligibility) {
        if let Some(followed) = activation.follow(now, &ask.people.context()) {
            assign::store_activation(call, &followed)?;
        }
    }
    Ok(())
}

pub(super) fn put_assignment(call: &mut Call<'_>) -> Result<Reply> {
    call.action = "Microsoft.Authorization/roleAssignmentScheduleRequests/write";
    let ask = Ask::read(call)?;
    check_new(call, ask.name)?;
    note(call, &ask.body);
    match ask.body.request_type {
        RequestType::SelfActivate => {
            let request = activation(call, &ask)?;
            assign::store_activation(call, &request)?;
            call.fact("status", request.status_at(call.now).as_str());
            Ok(Reply::created(request.to_json(&ask.people, request.status_at(call.now))))
        }
        RequestType::SelfDeactivate => {
            let activations: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
            let ended =
                pim::deactivate(ask.name, &ask.body, &ask.scope, &activations, &ask.people.context())?;
            assign::store_activation(call, &ended.ended)?;
            call.tx.put(&ended.record)?;
            Ok(Reply::created(ended.record.to_json(&ask.people, call.now)))
        }
        _ => admin_assignment(call, &ask),
    }
}

fn activation(call: &mut Call<'_>, ask: &Ask) -> Result<ActivationRequest> {
    let eligibilities =
        at_and_above::<Eligibility>(call, &ask.scope, |eligibility| &eligibility.grant().scope)?;
    let others: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
    pim::activate(ask.name, &ask.body, &ask.policy, &eligibilities, &others, &ask.people.context())
}

fn admin_assignment(call: &mut Call<'_>, ask: &Ask) -> Result<Reply> {
    let existing: Vec<DirectAssignment> = call.tx.below(&ask.scope)?;
    let activations: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
    let cx = ask.people.context();
    let settled = pim::request_assignment(
        ask.name,
        &ask.body,
        ask.principal_kind,
        &ask.policy,
        &existing,
        &activations,
        &cx,
    )?;
    call.tx.put(&settled.record)?;
    match &settled.change {
        Change::Put(assignment) => assign::store_direct(call, assignment)?,
        Change::Remove(assignment) => assign::remove_direct(call, assignment)?,
        Change::Revoke(activation) => assign::store_activation(call, activation)?,
    }
    notify::settled(call, &settled)?;
    Ok(Reply::created(settled.record.to_json(&ask.people, call.now)))
}

/// A dry run of an admin's request: everything is checked, nothing is kept.
pub(super) fn validate_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let ask = Ask::read(call)?;
    let existing = at_and_above::<Eligibility>(call, &ask.scope, |eligibility| &eligibility.grant().scope)?;
    let cx = ask.people.context();
    let settled =
        pim::request_eligibility(ask.name, &ask.body, ask.principal_kind, &ask.policy, &existing, &cx)?;
    Ok(Reply::ok(settled.record.to_json(&ask.people, call.now)))
}

/// A dry run of an activation: everything is checked, nothing is kept.
pub(super) fn validate_assignment(call: &mut Call<'_>) -> Result<Reply> {
    let ask = Ask::read(call)?;
    if ask.body.request_type == RequestType::SelfActivate {
        let request = activation(call, &ask)?;
        return Ok(Reply::ok(request.to_json(&ask.people, request.status_of_dry_run())));
    }
    let existing: Vec<DirectAssignment> = call.tx.below(&ask.scope)?;
    let activations: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
    let cx = ask.people.context();
    let (kind, policy) = (ask.principal_kind, &ask.policy);
    let settled = pim::request_assignment(ask.name, &ask.body, kind, policy, &existing, &activations, &cx)?;
    Ok(Reply::ok(settled.record.to_json(&ask.people, call.now)))
}

pub(super) fn cancel_assignment(call: &mut Call<'_>) -> Result<Reply> {
    call.action = "Microsoft.Authorization/roleAssignmentScheduleRequests/cancel/action";
    let scope = checked_scope(call)?;
    let request = find_activation(call, &scope)?;
    let may_administer = call.may(ASSIGN, &scope)?;
    let people = Directory::of(call)?;
    let canceled = request.cancel(may_administer, &people.context())?;
    assign::store_activation(call, &canceled)?;
    call.because("the request was taken back");
    Ok(Reply::empty(200))
}

/// Requests of this family are settled when they are made, so that there is never one to cancel.
pub(super) fn cancel_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let scope = checked_scope(call)?;
    call.demand(ASSIGN, &scope)?;
    let record = find_record(call, &scope, Family::Eligibility)?;
    Err(Error::conflict(
        "RoleAssignmentRequestSettled",
        format!("the request '{}' is settled; remove the eligibility with AdminRemove instead", record.name),
    ))
}

pub(super) fn get_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let scope = checked_scope(call)?;
    let record = find_record(call, &scope, Family::Eligibility)?;
    let concerned = [record.principal, record.by.object];
    demand_unless_concerned(call, &scope, &concerned)?;
    Ok(Reply::ok(record.to_json(&Directory::of(call)?, call.now)))
}

pub(super) fn get_assignment(call: &mut Call<'_>) -> Result<Reply> {
    let scope = checked_scope(call)?;
    let name = call.guid("name")?;
    let people = Directory::of(call)?;
    let key = pim_key(&scope, "roleassignmentschedulerequests", &name);
    if let Some(request) = call.tx.get::<ActivationRequest>(&key)? {
        let policy = policy_of(call, &scope, request.role())?;
        if !policy.lists_as_approver(call.who().object, &people) {
            demand_unless_concerned(call, &scope, &[request.principal()])?;
        }
        return Ok(Reply::ok(request.to_json(&people, request.status_at(call.now))));
    }
    let record = find_record(call, &scope, Family::Assignment)?;
    demand_unless_concerned(call, &scope, &[record.principal, record.by.object])?;
    Ok(Reply::ok(record.to_json(&people, call.now)))
}

pub(super) fn list_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let (scope, listing) = listing(call)?;
    let entries = records(call, &scope, &listing, Family::Eligibility)?;
    Ok(page(call, entries))
}

pub(super) fn list_assignment(call: &mut Call<'_>) -> Result<Reply> {
    let (scope, listing) = listing(call)?;
    let people = Directory::of(call)?;
    let (caller, now) = (call.who().object, call.now);
    let groups = |object| people.groups_of(object);
    let mut entries = records(call, &scope, &listing, Family::Assignment)?;
    for request in at_and_above::<ActivationRequest>(call, &scope, |request| request.scope())? {
        let status = request.status_at(now);
        let admitted =
            listing.admits(&request.entry(), &scope, caller, &groups) && listing.admits_status(status);
        if admitted && (!listing.as_approver || awaits(call, &request, &people)?) {
            entries.push((request.key(), request.to_json(&people, status)));
        }
    }
    Ok(page(call, entries))
}

/// Whether a request waits for the caller. The policy is looked up only for what waits for anybody at all.
pub(super) fn awaits(call: &mut Call<'_>, request: &ActivationRequest, people: &Directory) -> Result<bool> {
    if request.status_at(call.now) != Status::PendingApproval {
        return Ok(false);
    }
    let policy = policy_of(call, request.scope(), request.role())?;
    Ok(request.awaits(&policy, &people.context()))
}

/// The settled requests of a family that a list shows. None of them waits for anybody.
fn records(
    call: &mut Call<'_>,
    scope: &ResourceId,
    listing: &Listing,
    family: Family,
) -> Result<Vec<(String, Value)>> {
    if listing.as_approver {
        return Ok(Vec::new());
    }
    let people = Directory::of(call)?;
    let (caller, now) = (call.who().object, call.now);
    let groups = |object| people.groups_of(object);
    let fits = |record: &RequestRecord| {
        record.family == family
            && listing.admits(&record.entry(), scope, caller, &groups)
            && listing.admits_status(record.status_at(now))
    };
    let all = at_and_above::<RequestRecord>(call, scope, |record| &record.scope)?;
    Ok(all.iter().filter(|record| fits(record)).map(|r| (r.key(), r.to_json(&people, now))).collect())
}

/// A page of entries with their keys.
pub(super) fn page(call: &Call<'_>, mut entries: Vec<(String, Value)>) -> Reply {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    call.page(entries, |(key, _)| key.clone(), |(_, json)| json.clone())
}

/// What a list shall show. Whoever asks only for their own needs no right; everybody else needs to be a reader.
pub(super) fn listing(call: &mut Call<'_>) -> Result<(ResourceId, Listing)> {
    let scope = checked_scope(call)?;
    let filter = Filter::parse(call.request.query("$filter").unwrap_or_default())?;
    let listing = Listing::parse(&filter)?;
    if !(listing.as_target || listing.as_requestor || listing.as_approver) {
        call.demand(READ, &scope)?;
    }
    Ok((scope, listing))
}

/// Documents at a scope, below it, and above it within its subscription.
pub(super) fn at_and_above<D: Document>(
    call: &mut Call<'_>,
    scope: &ResourceId,
    scope_of: impl Fn(&D) -> &ResourceId,
) -> Result<Vec<D>> {
    let Some(subscription) = scope.subscription_id() else {
        return Ok(Vec::new());
    };
    let all: Vec<D> = call.tx.below(&ResourceId::subscription(subscription))?;
    let related = |document: &D| {
        let other = scope_of(document);
        scope.is_within(other) || other.is_within(scope)
    };
    Ok(all.into_iter().filter(related).collect())
}

fn find_activation(call: &mut Call<'_>, scope: &ResourceId) -> Result<ActivationRequest> {
    let name = call.guid("name")?;
    let key = pim_key(scope, "roleassignmentschedulerequests", &name);
    call.tx.get(&key)?.ok_or_else(|| not_found(name))
}

fn find_record(call: &mut Call<'_>, scope: &ResourceId, family: Family) -> Result<RequestRecord> {
    let name = call.guid("name")?;
    let resource_type = match family {
        Family::Eligibility => "roleeligibilityschedulerequests",
        Family::Assignment => "roleassignmentschedulerequests",
    };
    call.tx.get(&pim_key(scope, resource_type, &name))?.ok_or_else(|| not_found(name))
}

/// A request's name is used once on the whole server: an approval is found by it alone, whatever the scope.
fn check_new(call: &mut Call<'_>, name: RequestId) -> Result<()> {
    let text = name.to_string();
    let unused = call.tx.find::<ActivationRequest>(&text)?.is_empty()
        && call.tx.find::<RequestRecord>(&text)?.is_empty();
    if unused {
        return Ok(());
    }
    Err(Error::conflict(
        "RoleAssignmentRequestExists",
        format!("the name '{name}' was used for another request; choose a fresh GUID for each"),
    ))
}

fn demand_unless_concerned(call: &mut Call<'_>, scope: &ResourceId, concerned: &[ObjectId]) -> Result<()> {
    if concerned.contains(&call.who().object) { Ok(()) } else { call.demand(READ, scope) }
}

fn not_found(name: RequestId) -> Error {
    Error::not_found("RoleAssignmentRequestNotFound", format!("there is no request '{name}' at this scope"))
}

/// What the ledger says of a request.
fn note(call: &mut Call<'_>, body: &ScheduleRequestBody) {
    let role: RoleId = body.role;
    call.fact("role", role.to_string());
    call.fact("principal", body.principal.to_string());
    call.fact("requestType", body.request_type.as_str());
    if !body.justification.is_empty() {
        call.fact("justification", body.justification.clone());
    }
    call.because(format!("{} for the role '{role}'", body.request_type.as_str()));
}
