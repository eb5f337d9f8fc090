//! "Why can this person do that?" Azure's `checkAccess`, which says by which assignment somebody may do something, and in
//! members of our own how they come to hold it, or how they could.
//!
//! The decision is the one that requests are let in by ([`Access::decide`]); here it is only told.

use arm::{Error, Fields, ObjectId, ResourceId, Result};
use pim::{ActivationRequest, Eligibility, Family, Names};
use rbac::{Action, Assignment, Decision, Grant, Index, Origin, PrincipalKind};
use resources::{Effect, Lock, check_locks};
use serde_json::{Value, json};
use store::{Access, Principal, pim_key, schedule_requests};

use super::definitions::shown_id;
use crate::arm::approvers;
use crate::arm::call::{Call, authorization_failed};
use crate::arm::pim::policies::policy_of;
use crate::arm::reply::Reply;
use crate::arm::scope;
use crate::people::Known;

/// Actions that one request may ask about.
const MOST: usize = 200;

/// Whoever sees what others hold.
const READ: &str = "Microsoft.Authorization/roleAssignments/read";
/// Whoever sees what is locked.
const READ_LOCKS: &str = "Microsoft.Authorization/locks/read";

/// Says of each action whether the subject may do it, and why. Everybody may ask about themselves.
pub fn check(call: &mut Call<'_>) -> Result<Reply> {
    let asked = Asked::read(call)?;
    let own = asked.subject == call.who().object;
    if !own && !call.may(READ, &asked.resource)? {
        return Err(authorization_failed(call.who(), READ, &asked.resource));
    }
    let access = call.access()?;
    let tenant = call.who().tenant;
    let subject = access.principal(asked.subject).filter(|subject| subject.tenant == tenant);
    let subject = subject.ok_or_else(|| {
        let message = format!("Principal {} does not exist in the directory {tenant}.", asked.subject);
        Error::invalid("PrincipalNotFound", message)
    })?;
    let locks = match own || call.may(READ_LOCKS, &asked.resource)? {
        true => locks_around(call, &asked.resource)?,
        false => Vec::new(),
    };
    let mut answers = Vec::with_capacity(asked.actions.len());
    for action in &asked.actions {
        answers.push(answer(call, &access, subject, action, &asked.resource, &locks)?);
    }
    Ok(Reply::ok(answers.into()))
}

/// What a request asks for.
struct Asked {
    subject: ObjectId,
    actions: Vec<Wanted>,
    resource: ResourceId,
}

/// One of the actions. There are no rights to data here but those of repository credentials.
struct Wanted {
    action: String,
    data: bool,
}

impl Asked {
    fn read(call: &Call<'_>) -> Result<Self> {
        let (at, body) = (call.scope()?, call.body()?);
        let attributes = body.object("Subject")?.object("Attributes")?;
        let subject = attributes.required_text("ObjectId")?;
        let subject = subject.parse().map_err(|_| attributes.wrong("ObjectId", "an object id"))?;
        let resource = body.object("Resource")?.id("Id")?.unwrap_or_else(|| at.clone());
        if !resource.is_within(&at) {
            return Err(body.wrong("Resource", "the scope in the path or something in it"));
        }
        // Decisions are made at a scope that assignments may be at, or at the root.
        if !resource.is_root() {
            scope::check(&resource)?;
        }
        let actions: Vec<Wanted> = body.list("Actions")?.iter().map(Wanted::read).collect::<Result<_>>()?;
        if actions.is_empty() || actions.len() > MOST {
            return Err(body.wrong("Actions", &format!("a list of 1 to {MOST} actions")));
        }
        Ok(Self { subject, actions, resource })
    }
}

impl Wanted {
    fn read(json: &Value) -> Result<Self> {
        let fields = Fields::of(json)?;
        let action = fields.required_text("Id")?;
        Action::parse(action)?;
        Ok(Self { action: action.to_string(), data: fields.boolean("IsDataAction")?.unwrap_or(false) })
    }
}

fn answer(
    call: &mut Call<'_>,
    access: &Access,
    subject: &Principal,
    wanted: &Wanted,
    resource: &ResourceId,
    locks: &[Lock],
) -> Result<Value> {
    let decision = match wanted.data || access.acting(subject.object).is_none() {
        true => Decision::Denied,
        false => access.decide(subject.object, &wanted.action, resource, call.now)?,
    };
    let mut answer = json!({
        "ActionId": wanted.action,
        "IsDataAction": wanted.data,
        "AccessDecision": if decision.is_allowed() { "Allowed" } else { "NotAllowed" },
        "RoleAssignment": null,
        "DenyAssignment": null,
        // Nothing is cached: the next decision may be another one.
        "TimeToLiveInMs": 0,
        "reason": reason(access, subject, wanted, &decision),
        "path": null,
        "locks": [],
        "eligibilities": [],
    });
    let more = match decision.grant() {
        Some(grant) => json!({
            "RoleAssignment": assignment_json(access, subject, grant),
            "path": path(call, access, subject, grant)?,
            "locks": locks_on(&wanted.action, resource, locks),
        }),
        None => json!({ "eligibilities": eligibilities(call, access, subject, wanted, resource)? }),
    };
    if let (Some(answer), Value::Object(more)) = (answer.as_object_mut(), more) {
        answer.extend(more);
    }
    Ok(answer)
}

fn reason(access: &Access, subject: &Principal, wanted: &Wanted, decision: &Decision<'_>) -> String {
    if wanted.data {
        return "rights to data are not given by roles here but by repository credentials".into();
    }
    match (subject.kind, access.acting(subject.object)) {
        (PrincipalKind::Group, _) => "a group does nothing itself: ask about who is in it".into(),
        (_, None) => "the account is disabled, here or where it is at home".into(),
        (_, Some(_)) => decision.explain(),
    }
}

/// The assignment as Azure shows it here.
fn assignment_json(access: &Access, subject: &Principal, grant: &Grant<'_>) -> Value {
    let groups = grant.path();
    let holder = groups.last().copied().unwrap_or(subject.object);
    let scope = grant.scope();
    json!({
        "Id": grant.assignment(),
        "RoleDefinitionId": grant.role().map(|role| shown_id(role.id, &scope)),
        "PrincipalId": holder,
        "PrincipalType": access.principal(holder).map(|holder| holder.kind),
        "Scope": scope,
        "Condition": null,
        "ConditionVersion": null,
        "CanDelegate": false,
    })
}

/// How the subject comes to hold the assignment: through which groups, and since what and until when it is there.
fn path(call: &mut Call<'_>, access: &Access, subject: &Principal, grant: &Grant<'_>) -> Result<Value> {
    let assignment: Option<Assignment> = call.tx.resource(&grant.assignment())?;
    let request = assignment.as_ref().and_then(|assignment| match assignment.origin {
        Origin::Assigned => None,
        Origin::Activated { request } => Some((request, assignment.scope.clone())),
    });
    let activation = match request {
        Some((request, scope)) => {
            let key = pim_key(&scope, schedule_requests(Family::Assignment), &request);
            call.tx.get::<ActivationRequest>(&key)?
        }
        None => None,
    };
    let kind = match (&activation, grant.expires()) {
        (Some(_), _) => "Activated",
        (None, Some(_)) => "TimeBound",
        (None, None) => "Permanent",
    };
    let window = assignment.and_then(|assignment| assignment.window);
    Ok(json!({
        "principal": named(access, subject.object),
        "groups": named_all(access, &grant.path()),
        "roleName": grant.role().map(|role| &role.role_name),
        "scope": grant.scope(),
        "scopeName": Known::now(access).scope(&grant.scope()),
        "assignmentType": kind,
        "startDateTime": window.map(|window| arm::long_timestamp(window.start)),
        "endDateTime": grant.expires().map(arm::long_timestamp),
        "activation": activation.map(|activation| activation_json(access, &activation)),
    }))
}

fn activation_json(access: &Access, activation: &ActivationRequest) -> Value {
    let index = access.tenant_of(activation.scope()).and_then(|tenant| access.index(tenant));
    let groups =
        activation.through().zip(index).map(|(group, index)| index.path_to(activation.principal(), group));
    json!({
        "request": below(activation.scope(), "roleAssignmentScheduleRequests", &activation.name().to_string()),
        "eligibility": below(
            activation.eligibility_scope(), "roleEligibilitySchedules", &activation.eligibility().to_string()),
        "requestedOn": arm::long_timestamp(activation.created()),
        "isApproved": activation.has_approval(),
        "groups": named_all(access, &groups.unwrap_or_default()),
    })
}

/// What the subject may activate that would let them do it, the nearest scope first.
fn eligibilities(
    call: &mut Call<'_>,
    access: &Access,
    subject: &Principal,
    wanted: &Wanted,
    resource: &ResourceId,
) -> Result<Vec<Value>> {
    // Only people activate, and not while they cannot sign in.
    let person = subject.kind == PrincipalKind::User && access.acting(subject.object).is_some();
    let index = access.index(subject.tenant).filter(|_| person && !wanted.data);
    let Some(index) = index else { return Ok(Vec::new()) };
    let action = Action::parse(&wanted.action)?;
    let groups = access.groups_of(subject.object);
    let mut found: Vec<Eligibility> = approvers::eligibilities(call, resource)?;
    found.retain(|eligibility| {
        let grant = eligibility.grant();
        let holds = grant.principal == subject.object || groups.contains(&grant.principal);
        let grants = index.role(grant.role).is_some_and(|role| role.grants(&action));
        holds && grants && resource.is_within(&grant.scope) && eligibility.is_live(call.now)
    });
    found.sort_by_key(|eligibility| std::cmp::Reverse(eligibility.grant().scope.segments().count()));
    found.iter().map(|eligibility| eligibility_json(call, access, index, subject, eligibility)).collect()
}

fn eligibility_json(
    call: &mut Call<'_>,
    access: &Access,
    index: &Index,
    subject: &Principal,
    eligibility: &Eligibility,
) -> Result<Value> {
    let grant = eligibility.grant();
    // Activating further down asks for what this policy asks for, too.
    let policy = policy_of(call, &grant.scope, grant.role)?;
    Ok(json!({
        "id": below(&grant.scope, "roleEligibilitySchedules", &grant.name.to_string()),
        "roleDefinitionId": shown_id(grant.role, &grant.scope),
        "roleName": index.role(grant.role).map(|role| &role.role_name),
        "scope": grant.scope,
        "scopeName": Known::now(access).scope(&grant.scope),
        "groups": named_all(access, &index.path_to(subject.object, grant.principal)),
        "isApprovalRequired": policy.needs_approval(),
        "endDateTime": grant.window.end().map(arm::long_timestamp),
    }))
}

fn below(scope: &ResourceId, kind: &str, name: &str) -> String {
    format!("{scope}/providers/Microsoft.Authorization/{kind}/{name}")
}

fn named(access: &Access, object: ObjectId) -> Value {
    let principal = access.principal(object);
    let user = principal.filter(|principal| principal.kind == PrincipalKind::User);
    json!({
        "id": object,
        "type": principal.map(|principal| principal.kind),
        "displayName": principal.map(|principal| &principal.display_name),
        "userPrincipalName": user.map(|user| &user.name),
    })
}

fn named_all(access: &Access, groups: &[ObjectId]) -> Vec<Value> {
    groups.iter().map(|group| named(access, *group)).collect()
}

fn locks_around(call: &mut Call<'_>, resource: &ResourceId) -> Result<Vec<Lock>> {
    match resource.subscription_id() {
        Some(subscription) => call.tx.below(&ResourceId::subscription(subscription)),
        None => Ok(Vec::new()),
    }
}

/// The locks that stand in the way of an action all the same, as the dispatcher asks them. To manage locks is a matter of
/// rights alone, and a deletion takes everything below with it.
fn locks_on(action: &str, resource: &ResourceId, locks: &[Lock]) -> Vec<Value> {
    let lower = action.to_ascii_lowercase();
    let effect = match lower.rsplit('/').next() {
        _ if lower.starts_with("microsoft.authorization/locks/") => Effect::Read,
        Some("read") => Effect::Read,
        Some("delete") => Effect::Delete,
        _ => Effect::Write,
    };
    let in_the_way = |lock: &&Lock| {
        let inside = effect == Effect::Delete && lock.scope.is_within(resource);
        let at = if inside { &lock.scope } else { resource };
        check_locks(at, effect, [*lock]).is_err()
    };
    let shown = |lock: &Lock| json!({"id": lock.id, "level": lock.level.as_str(), "notes": lock.notes});
    locks.iter().filter(in_the_way).map(shown).collect()
}
