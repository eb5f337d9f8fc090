//! Schedules and their instances: what was given, and what of it holds now. Computed from the documents and the time.

use std::collections::BTreeSet;

use arm::{Error, ObjectId, ResourceId, Result};
use pim::{ActivationRequest, DirectAssignment, Eligibility, Entry, Listing, MemberType, People};
use serde_json::Value;
use store::Document;

use super::READ;
use super::people::Directory;
use super::policies::{checked_scope, checked_scope_or_root};
use super::requests::{at_and_above, listing, page};
use crate::arm::call::Call;
use crate::arm::reply::Reply;

/// Whether what is asked for is the schedule or what of it holds now.
#[derive(Clone, Copy)]
enum View {
    Schedule,
    Instance,
}

pub(super) fn eligibility_schedules(call: &mut Call<'_>) -> Result<Reply> {
    list_eligibilities(call, View::Schedule)
}

pub(super) fn eligibility_instances(call: &mut Call<'_>) -> Result<Reply> {
    list_eligibilities(call, View::Instance)
}

pub(super) fn assignment_schedules(call: &mut Call<'_>) -> Result<Reply> {
    list_assignments(call, View::Schedule)
}

pub(super) fn assignment_instances(call: &mut Call<'_>) -> Result<Reply> {
    list_assignments(call, View::Instance)
}

fn list_eligibilities(call: &mut Call<'_>, view: View) -> Result<Reply> {
    let (scope, listing) = listing(call)?;
    let entries = eligibilities(call, &scope, &listing, view)?;
    Ok(page(call, entries))
}

fn list_assignments(call: &mut Call<'_>, view: View) -> Result<Reply> {
    let (scope, listing) = listing(call)?;
    let entries = assignments(call, &scope, &listing, view)?;
    Ok(page(call, entries))
}

fn eligibilities(
    call: &mut Call<'_>,
    scope: &ResourceId,
    listing: &Listing,
    view: View,
) -> Result<Vec<(String, Value)>> {
    let (people, now) = (Directory::of(call)?, call.now);
    let viewer = viewer(listing, call.who().object);
    let all = at_and_above::<Eligibility>(call, scope, |eligibility| &eligibility.grant().scope)?;
    let shown = admitted(call, scope, listing, &people, all, Eligibility::entry, |eligibility| {
        let member = MemberType::of(eligibility.grant(), viewer, scope);
        match view {
            View::Schedule => eligibility.schedule_json(member, &people, now),
            View::Instance => eligibility.instance_json(member, &people, now),
        }
    });
    Ok(shown)
}

fn assignments(
    call: &mut Call<'_>,
    scope: &ResourceId,
    listing: &Listing,
    view: View,
) -> Result<Vec<(String, Value)>> {
    let (people, now) = (Directory::of(call)?, call.now);
    let viewer = viewer(listing, call.who().object);
    let activated = at_and_above::<ActivationRequest>(call, scope, |request| request.scope())?;
    let mut shown =
        admitted(call, scope, listing, &people, activated, ActivationRequest::entry, |request| match view {
            View::Schedule => request.schedule_json(&people, now),
            View::Instance => request.instance_json(&people, now),
        });
    let direct = at_and_above::<DirectAssignment>(call, scope, |direct| &direct.grant().scope)?;
    shown.extend(admitted(call, scope, listing, &people, direct, DirectAssignment::entry, |direct| {
        let member = MemberType::of(direct.grant(), viewer, scope);
        match view {
            View::Schedule => direct.schedule_json(member, &people, now),
            View::Instance => direct.instance_json(member, &people, now),
        }
    }));
    Ok(shown)
}

/// The documents that the listing admits and that show something, with their keys.
fn admitted<D: Document>(
    call: &Call<'_>,
    scope: &ResourceId,
    listing: &Listing,
    people: &Directory,
    all: Vec<D>,
    entry: impl Fn(&D) -> Entry<'_>,
    json: impl Fn(&D) -> Option<Value>,
) -> Vec<(String, Value)> {
    let groups = |object: ObjectId| people.groups_of(object);
    let fits = |document: &D| listing.admits(&entry(document), scope, call.who().object, &groups);
    let shown = |document: D| Some((document.key(), json(&document)?));
    all.into_iter().filter(fits).filter_map(shown).collect()
}

/// Through whose eyes membership is told: the caller's in a list of their own, nobody's in an admin's.
fn viewer(listing: &Listing, caller: ObjectId) -> Option<ObjectId> {
    listing.as_target.then_some(caller)
}

pub(super) fn eligibility_schedule(call: &mut Call<'_>) -> Result<Reply> {
    one(call, eligibilities, View::Schedule)
}

pub(super) fn eligibility_instance(call: &mut Call<'_>) -> Result<Reply> {
    one(call, eligibilities, View::Instance)
}

pub(super) fn assignment_schedule(call: &mut Call<'_>) -> Result<Reply> {
    one(call, assignments, View::Schedule)
}

pub(super) fn assignment_instance(call: &mut Call<'_>) -> Result<Reply> {
    one(call, assignments, View::Instance)
}

type Find = fn(&mut Call<'_>, &ResourceId, &Listing, View) -> Result<Vec<(String, Value)>>;

/// The one with the name in the path, among those that the caller may see: all for a reader, their own for others.
fn one(call: &mut Call<'_>, find: Find, view: View) -> Result<Reply> {
    let scope = checked_scope(call)?;
    let name = call.params.get("name").to_string();
    let listing = Listing { as_target: !call.may(READ, &scope)?, ..Listing::default() };
    let entries = find(call, &scope, &listing, view)?;
    let named = |json: &Value| {
        json.get("name").and_then(Value::as_str).is_some_and(|n| n.eq_ignore_ascii_case(&name))
    };
    match entries.into_iter().map(|(_, json)| json).find(named) {
        Some(json) => Ok(Reply::ok(json)),
        None => Err(Error::not_found(
            "RoleAssignmentScheduleNotFound",
            format!("there is no schedule '{name}' at this scope"),
        )),
    }
}

/// The scopes below this one at which the caller is eligible for some role.
pub(super) fn eligible_children(call: &mut Call<'_>) -> Result<Reply> {
    let scope = checked_scope_or_root(call)?;
    let people = Directory::of(call)?;
    let all = at_and_above::<Eligibility>(call, &scope, |eligibility| &eligibility.grant().scope)?;
    let children: BTreeSet<ResourceId> =
        pim::eligible_child_scopes(&all, &scope, call.who().object, &people, call.now);
    Ok(Reply::list(children.iter().map(|child| pim::child_resource_json(child, &people)).collect()))
}
