//! Schedule requests: making somebody eligible, activating, giving back, taking away.

use arm::{Error, Filter, ObjectId, RequestId, ResourceId, Result, RoleId};
use pim::{
    ActivationRequest, Change, Deactivation, DirectAssignment, Eligibility, ExtensionRequest, Family,
    Listing, People, PrincipalKind, RequestRecord, RequestType, RolePolicy, ScheduleRequestBody, Settled,
    Standing, Status,
};
use resources::{Effect, Lock};
use serde_json::Value;
use store::{Document, pim_key, schedule_requests};

use super::people::Directory;
use super::policies::{checked_scope, checked_scope_or_root, policy_of, policy_over, role_at};
use super::{ASSIGN, READ, assign, extensions, notify};
use crate::arm::approvers;
use crate::arm::call::Call;
use crate::arm::dispatch::check_place;
use crate::arm::reply::Reply;

/// A request on its way to its rule.
pub(super) struct Ask {
    pub(super) family: Family,
    pub(super) name: RequestId,
    pub(super) scope: ResourceId,
    pub(super) body: ScheduleRequestBody,
    pub(super) policy: RolePolicy,
    pub(super) people: Directory,
    principal_kind: PrincipalKind,
}

impl Ask {
    fn read(call: &mut Call<'_>, family: Family) -> Result<Self> {
        let name = call.guid("name")?;
        let scope = checked_scope(call)?;
        let body = ScheduleRequestBody::parse(&call.request.body)?;
        if body.request_type.is_admins() {
            call.demand(ASSIGN, &scope)?;
        }
        if !body.request_type.takes_away() {
            check_place(call, &scope)?;
        }
        if role_at(call, &scope, body.role)?.is_none() {
            return Err(Error::invalid(
                "RoleDefinitionDoesNotExist",
                format!("the role definition '{}' does not exist at '{scope}'", body.role),
            ));
        }
        let people = Directory::of(call)?;
        let principal_kind = people
            .known()
            .kind_at(body.principal, &scope)
            .ok_or_else(|| subject_not_found(body.principal))?;
        let policy = policy_of(call, &scope, body.role)?;
        Ok(Self { family, name, scope, body, policy, people, principal_kind })
    }

    fn is_for_more_time(&self) -> bool {
        matches!(self.body.request_type, RequestType::SelfExtend | RequestType::SelfRenew)
    }

    /// Keeps what is left of the request if a lock keeps the scope from being changed: the answer, then. What takes
    /// something away goes on.
    pub(super) fn kept_as_failed(&self, call: &mut Call<'_>) -> Result<Option<Reply>> {
        let Some(failed) = self.failed(call)? else { return Ok(None) };
        call.tx.put(&failed)?;
        Ok(Some(Reply::created(failed.to_json(&self.people, call.now))))
    }

    fn failed(&self, call: &mut Call<'_>) -> Result<Option<RequestRecord>> {
        if self.body.request_type.takes_away() || check_locks(call, &self.scope)?.is_ok() {
            return Ok(None);
        }
        call.fact("status", Status::FailedAsResourceIsLocked.as_str());
        let (kind, cx) = (self.principal_kind, self.people.context());
        Ok(Some(RequestRecord::of_locked(self.family, self.name, &self.body, &self.scope, kind, &cx)))
    }

    /// The answer to a dry run that would have led to this.
    fn tried(&self, call: &mut Call<'_>, json: Value) -> Result<Reply> {
        let failed = self.failed(call)?.map(|failed| failed.to_json(&self.people, call.now));
        Ok(Reply::ok(failed.unwrap_or(json)))
    }
}

/// Whether the locks at a scope and above let it be written to: the refusal, if they do not.
pub(super) fn check_locks(call: &mut Call<'_>, scope: &ResourceId) -> Result<Result<()>> {
    let Some(subscription) = scope.subscription_id() else { return Ok(Ok(())) };
    let locks: Vec<Lock> = call.tx.below(&ResourceId::subscription(subscription))?;
    Ok(resources::check_locks(scope, Effect::Write, &locks))
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
    let ask = Ask::read(call, Family::Eligibility)?;
    check_new(call, ask.name)?;
    note(call, &ask.body);
    if ask.is_for_more_time() {
        return extensions::put(call, &ask);
    }
    let settled = settle_eligibility(call, &ask)?;
    if let Some(failed) = ask.kept_as_failed(call)? {
        return Ok(failed);
    }
    call.tx.put(&settled.record)?;
    let mut found = Vec::new();
    match &settled.change {
        Change::Put(eligibility) => {
            call.tx.put(eligibility)?;
            follow(call, &ask, eligibility.grant().name, Some(eligibility))?;
            found = approvers::after_grant(call, &ask.policy, eligibility)?;
        }
        Change::Remove(eligibility) => {
            call.tx.delete::<Eligibility>(&eligibility.key());
            follow(call, &ask, eligibility.grant().name, None)?;
        }
        Change::Revoke(activation) => assign::store_activation(call, activation)?,
    }
    extensions::store_answer(call, settled.answered.as_ref())?;
    notify::settled(call, &settled)?;
    let json = settled.record.to_json(&ask.people, call.now);
    match found.as_slice() {
        [] => Ok(Reply::created(json)),
        found => Ok(Reply::created(approvers::show_with(call, json, &ask.policy, found)?)),
    }
}

fn settle_eligibility(call: &mut Call<'_>, ask: &Ask) -> Result<Settled<Eligibility>> {
    let schedules = at_and_above::<Eligibility>(call, &ask.scope, |eligibility| &eligibility.grant().scope)?;
    let extensions: Vec<ExtensionRequest> = call.tx.below(&ask.scope)?;
    let existing = Standing { schedules: &schedules, activations: &[], extensions: &extensions };
    let (kind, cx) = (ask.principal_kind, ask.people.context());
    pim::request_eligibility(ask.name, &ask.body, kind, &ask.policy, existing, &cx)
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
    let ask = Ask::read(call, Family::Assignment)?;
    check_new(call, ask.name)?;
    note(call, &ask.body);
    match ask.body.request_type {
        RequestType::SelfActivate => {
            let request = activation(call, &ask)?;
            if let Some(failed) = ask.kept_as_failed(call)? {
                return Ok(failed);
            }
            assign::store_activation(call, &request)?;
            call.fact("status", request.status_at(call.now).as_str());
            Ok(Reply::created(request.to_json(&ask.people, request.status_at(call.now))))
        }
        RequestType::SelfDeactivate => {
            let ended = deactivation(call, &ask)?;
            assign::store_activation(call, &ended.ended)?;
            call.tx.put(&ended.record)?;
            Ok(Reply::created(ended.record.to_json(&ask.people, call.now)))
        }
        _ if ask.is_for_more_time() => extensions::put(call, &ask),
        _ => admin_assignment(call, &ask),
    }
}

fn activation(call: &mut Call<'_>, ask: &Ask) -> Result<ActivationRequest> {
    let eligibilities =
        at_and_above::<Eligibility>(call, &ask.scope, |eligibility| &eligibility.grant().scope)?;
    let others: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
    let mut policies = vec![ask.policy.clone()];
    for above in ask.scope.lineage().skip(1).take_while(|above| above.subscription_id().is_some()) {
        policies.push(policy_of(call, &above, ask.body.role)?);
    }
    pim::activate(ask.name, &ask.body, &policies, &eligibilities, &others, &ask.people.context())
}

fn deactivation(call: &mut Call<'_>, ask: &Ask) -> Result<Deactivation> {
    let activations: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
    pim::deactivate(ask.name, &ask.body, &ask.scope, &activations, &ask.people.context())
}

fn admin_assignment(call: &mut Call<'_>, ask: &Ask) -> Result<Reply> {
    let settled = settle_assignment(call, ask)?;
    if let Some(failed) = ask.kept_as_failed(call)? {
        return Ok(failed);
    }
    call.tx.put(&settled.record)?;
    match &settled.change {
        Change::Put(assignment) => assign::store_direct(call, assignment)?,
        Change::Remove(assignment) => assign::remove_direct(call, assignment)?,
        Change::Revoke(activation) => assign::store_activation(call, activation)?,
    }
    extensions::store_answer(call, settled.answered.as_ref())?;
    notify::settled(call, &settled)?;
    Ok(Reply::created(settled.record.to_json(&ask.people, call.now)))
}

fn settle_assignment(call: &mut Call<'_>, ask: &Ask) -> Result<Settled<DirectAssignment>> {
    let schedules: Vec<DirectAssignment> = call.tx.below(&ask.scope)?;
    let activations: Vec<ActivationRequest> = call.tx.below(&ask.scope)?;
    let extensions: Vec<ExtensionRequest> = call.tx.below(&ask.scope)?;
    let existing = Standing { schedules: &schedules, activations: &activations, extensions: &extensions };
    let (kind, cx) = (ask.principal_kind, ask.people.context());
    pim::request_assignment(ask.name, &ask.body, kind, &ask.policy, existing, &cx)
}

/// A dry run: everything is checked, nothing is kept.
pub(super) fn validate_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let ask = Ask::read(call, Family::Eligibility)?;
    let json = match ask.is_for_more_time() {
        true => extensions::dry_run(call, &ask)?,
        false => settle_eligibility(call, &ask)?.record.to_json(&ask.people, call.now),
    };
    ask.tried(call, json)
}

/// A dry run: everything is checked, nothing is kept.
pub(super) fn validate_assignment(call: &mut Call<'_>) -> Result<Reply> {
    let ask = Ask::read(call, Family::Assignment)?;
    let json = match ask.body.request_type {
        RequestType::SelfActivate => {
            let request = activation(call, &ask)?;
            request.to_json(&ask.people, request.status_of_dry_run())
        }
        RequestType::SelfDeactivate => deactivation(call, &ask)?.record.to_json(&ask.people, call.now),
        _ if ask.is_for_more_time() => extensions::dry_run(call, &ask)?,
        _ => settle_assignment(call, &ask)?.record.to_json(&ask.people, call.now),
    };
    ask.tried(call, json)
}

pub(super) fn cancel_assignment(call: &mut Call<'_>) -> Result<Reply> {
    call.action = "Microsoft.Authorization/roleAssignmentScheduleRequests/cancel/action";
    let scope = checked_scope(call)?;
    let may_administer = call.may(ASSIGN, &scope)?;
    let name = call.guid("name")?;
    let key = pim_key(&scope, schedule_requests(Family::Assignment), &name);
    let Some(request) = call.tx.get::<ActivationRequest>(&key)? else {
        return cancel_other(call, &scope, Family::Assignment);
    };
    let people = Directory::of(call)?;
    let canceled = request.cancel(may_administer, &people.context())?;
    assign::store_activation(call, &canceled)?;
    call.because("the request was taken back");
    Ok(Reply::empty(200))
}

pub(super) fn cancel_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    call.action = "Microsoft.Authorization/roleEligibilityScheduleRequests/cancel/action";
    let scope = checked_scope(call)?;
    cancel_other(call, &scope, Family::Eligibility)
}

/// Besides activations, only requests for more time wait; all others are settled when they are made.
fn cancel_other(call: &mut Call<'_>, scope: &ResourceId, family: Family) -> Result<Reply> {
    if let Some(request) = extensions::find(call, scope, family)? {
        return extensions::cancel(call, &request);
    }
    call.demand(ASSIGN, scope)?;
    let record = find_record(call, scope, family)?;
    Err(Error::conflict(
        "RoleAssignmentRequestSettled",
        format!("the request '{}' is settled; take away what it gave with AdminRemove instead", record.name),
    ))
}

pub(super) fn get_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let scope = checked_scope(call)?;
    if let Some(request) = extensions::find(call, &scope, Family::Eligibility)? {
        return extensions::get(call, &request);
    }
    let record = find_record(call, &scope, Family::Eligibility)?;
    let concerned = [record.principal, record.by.object];
    demand_unless_concerned(call, &scope, &concerned)?;
    Ok(Reply::ok(record.to_json(&Directory::of(call)?, call.now)))
}

pub(super) fn get_assignment(call: &mut Call<'_>) -> Result<Reply> {
    let scope = checked_scope(call)?;
    let name = call.guid("name")?;
    let people = Directory::of(call)?;
    let key = pim_key(&scope, schedule_requests(Family::Assignment), &name);
    if let Some(request) = call.tx.get::<ActivationRequest>(&key)? {
        let policy = policy_over(call.tx, &request)?;
        if !policy.lists_as_approver(call.who().object, &people) {
            demand_unless_concerned(call, &scope, &[request.principal()])?;
        }
        return Ok(Reply::ok(request.to_json(&people, request.status_at(call.now))));
    }
    if let Some(request) = extensions::find(call, &scope, Family::Assignment)? {
        return extensions::get(call, &request);
    }
    let record = find_record(call, &scope, Family::Assignment)?;
    demand_unless_concerned(call, &scope, &[record.principal, record.by.object])?;
    Ok(Reply::ok(record.to_json(&people, call.now)))
}

pub(super) fn list_eligibility(call: &mut Call<'_>) -> Result<Reply> {
    let (scope, listing) = listing(call)?;
    let people = Directory::of(call)?;
    let mut entries = records(call, &scope, &listing, Family::Eligibility, &people)?;
    entries.extend(extensions::listed(call, &scope, &listing, Family::Eligibility, &people)?);
    Ok(page(call, entries))
}

pub(super) fn list_assignment(call: &mut Call<'_>) -> Result<Reply> {
    let (scope, listing) = listing(call)?;
    let people = Directory::of(call)?;
    let (caller, now) = (call.who().object, call.now);
    let groups = |object| people.groups_of(object);
    let mut entries = records(call, &scope, &listing, Family::Assignment, &people)?;
    entries.extend(extensions::listed(call, &scope, &listing, Family::Assignment, &people)?);
    for request in at_and_above::<ActivationRequest>(call, &scope, |request| request.scope())? {
        let status = request.status_at(now);
        let admitted =
            listing.admits(&request.entry(), &scope, caller, &groups) && listing.admits_status(status);
        if admitted && (!listing.as_approver || awaits(call, &request, &people)?.is_some()) {
            entries.push((request.key(), request.to_json(&people, status)));
        }
    }
    Ok(page(call, entries))
}

/// The policy that a request is decided by, if it waits for the caller. It is looked up only for what waits for anybody
/// at all.
pub(super) fn awaits(
    call: &mut Call<'_>,
    request: &ActivationRequest,
    people: &Directory,
) -> Result<Option<RolePolicy>> {
    if request.status_at(call.now) != Status::PendingApproval {
        return Ok(None);
    }
    let policy = policy_over(call.tx, request)?;
    Ok(request.awaits(&policy, &people.context()).then_some(policy))
}

/// The settled requests of a family that a list shows. None of them waits for anybody.
fn records(
    call: &mut Call<'_>,
    scope: &ResourceId,
    listing: &Listing,
    family: Family,
    people: &Directory,
) -> Result<Vec<(String, Value)>> {
    if listing.as_approver {
        return Ok(Vec::new());
    }
    let (caller, now) = (call.who().object, call.now);
    let groups = |object| people.groups_of(object);
    let fits = |record: &RequestRecord| {
        record.family == family
            && listing.admits(&record.entry(), scope, caller, &groups)
            && listing.admits_status(record.status_at(now))
    };
    let all = at_and_above::<RequestRecord>(call, scope, |record| &record.scope)?;
    Ok(all.iter().filter(|record| fits(record)).map(|r| (r.key(), r.to_json(people, now))).collect())
}

/// A page of entries with their keys.
pub(super) fn page(call: &Call<'_>, mut entries: Vec<(String, Value)>) -> Reply {
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    call.page(entries, |(key, _)| key.clone(), |(_, json)| json.clone())
}

/// What a list shall show. Whoever asks only for their own needs no right, and may ask for all of the directory at its
/// root, as with Azure: whoever is eligible somewhere may see no subscription. Everybody else needs to be a reader.
pub(super) fn listing(call: &mut Call<'_>) -> Result<(ResourceId, Listing)> {
    let filter = Filter::parse(call.request.query("$filter").unwrap_or_default())?;
    let listing = Listing::parse(&filter)?;
    if listing.as_target || listing.as_requestor || listing.as_approver {
        return Ok((checked_scope_or_root(call)?, listing));
    }
    let scope = checked_scope(call)?;
    call.demand(READ, &scope)?;
    Ok((scope, listing))
}

/// The eligibility that an activation rests on, as it is now.
pub(super) fn eligibility_behind(
    call: &mut Call<'_>,
    request: &ActivationRequest,
) -> Result<Option<Eligibility>> {
    let key = pim_key(request.eligibility_scope(), "roleeligibilityschedules", &request.eligibility());
    call.tx.get(&key)
}

/// Documents at a scope, below it, and above it within its subscription. Those of the root are those of all subscriptions of
/// the caller's directory.
pub(super) fn at_and_above<D: Document>(
    call: &mut Call<'_>,
    scope: &ResourceId,
    scope_of: impl Fn(&D) -> &ResourceId,
) -> Result<Vec<D>> {
    if scope.is_root() {
        let (access, tenant) = (call.access()?, call.who().tenant);
        let mut all = Vec::new();
        for subscription in access.subscriptions(tenant) {
            all.extend(call.tx.below::<D>(&ResourceId::subscription(subscription.id))?);
        }
        return Ok(all);
    }
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

fn find_record(call: &mut Call<'_>, scope: &ResourceId, family: Family) -> Result<RequestRecord> {
    let name = call.guid("name")?;
    call.tx.get(&pim_key(scope, schedule_requests(family), &name))?.ok_or_else(|| not_found(name))
}

/// A request's name is used once on the whole server: an approval is found by it alone, whatever the scope.
fn check_new(call: &mut Call<'_>, name: RequestId) -> Result<()> {
    let text = name.to_string();
    let unused = call.tx.find::<ActivationRequest>(&text)?.is_empty()
        && call.tx.find::<RequestRecord>(&text)?.is_empty()
        && call.tx.find::<ExtensionRequest>(&text)?.is_empty();
    if unused {
        return Ok(());
    }
    Err(Error::conflict(
        "RoleAssignmentRequestExists",
        format!("the name '{name}' was used for another request; choose a fresh GUID for each"),
    ))
}

pub(super) fn demand_unless_concerned(
    call: &mut Call<'_>,
    scope: &ResourceId,
    concerned: &[ObjectId],
) -> Result<()> {
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
