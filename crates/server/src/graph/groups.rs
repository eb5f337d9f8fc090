//! Groups: who is in which.

use std::collections::BTreeSet;

use arm::{Fields, ObjectId, Result};
use directory::Group;
use rbac::PrincipalKind;
use serde_json::Value;
use store::Principal;

use super::ask::{Ask, bad, not_found};
use super::users::display_name;
use super::{objects, query, shape};
use crate::administrators;
use crate::arm::reply::Reply;
use crate::people::Change;

/// The longest mail nickname, in characters, as Graph limits it.
const MAX_NICKNAME_CHARS: usize = 64;
/// The longest description, in characters.
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// The direct members of a group.
pub fn members(ask: &Ask<'_>, id: &str) -> Result<Reply> {
    let group = ask.of_kind(PrincipalKind::Group, id)?.object;
    let members = ask.access.group(group).map(|group| &group.members);
    let shown = members
        .into_iter()
        .flatten()
        .filter_map(|member| ask.access.principal(*member))
        .map(|member| shape::typed(&ask.access, member));
    query::list(ask.request, "directoryObjects", shown.collect())
}

/// Creates a security group; there is no other kind.
pub fn create(ask: &mut Ask<'_>) -> Result<Reply> {
    ask.demand_administrator()?;
    let body = ask.body()?;
    check_kind(&body)?;
    let name = display_name(&body)?.ok_or_else(|| body.missing("displayName"))?;
    let nickname = nickname(&body)?;
    let description = body.text("description")?.filter(|text| !text.is_empty());
    if description.is_some_and(|text| text.chars().count() > MAX_DESCRIPTION_CHARS) {
        return Err(bad(format!("'description' has at most {MAX_DESCRIPTION_CHARS} characters")));
    }
    let mut members = BTreeSet::new();
    for reference in body.texts("members@odata.bind")? {
        members.insert(referenced(ask, reference)?);
    }
    let group = Group {
        id: ObjectId(ask.edge.uuid()),
        tenant: ask.tenant(),
        name,
        mail_nickname: nickname,
        description: description.map(String::from),
        members,
    };
    ask.tx.put(&group)?;
    let mut facts = vec![("displayName", group.name.clone())];
    if !group.members.is_empty() {
        let members: Vec<String> = group.members.iter().map(ObjectId::to_string).collect();
        facts.push(("members", members.join(", ")));
    }
    ask.record("directory.groups.create", group.id, "a group was created", &facts);
    let answer = shape::group(&Principal::from(&group), Some(&group));
    Ok(Reply::created(objects::entity(ask, PrincipalKind::Group, answer)))
}

/// Deletes a group. Role assignments to it stay, grant nothing, and can be deleted.
pub fn delete(ask: &mut Ask<'_>, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let group = stored(ask, id)?;
    administrators::check_remaining(&ask.access, group.tenant, None, |index| {
        group.members.iter().for_each(|member| index.remove_member(group.id, *member));
    })?;
    let weighed = ask.weigh(&members_after(group.id, BTreeSet::new()))?;
    weighed.demand_kept(&format!("Deleting the group '{}'", group.name))?;
    leave_all(ask, group.id)?;
    ask.tx.delete::<Group>(&group.id.to_string());
    let mut facts = vec![("displayName", group.name.clone())];
    facts.extend(weighed.fact());
    ask.record("directory.groups.delete", group.id, "a group was deleted", &facts);
    Ok(Reply::empty(204))
}

/// Puts an object into a group. What the group holds, the object holds with its next request.
pub fn add_member(ask: &mut Ask<'_>, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let body = ask.body()?;
    let mut group = stored(ask, id)?;
    let member = referenced(ask, body.required_text("@odata.id")?)?;
    if member == group.id {
        return Err(bad("A group cannot be a member of itself."));
    }
    if !group.members.insert(member) {
        return Err(bad(
            "One or more added object references already exist for the following modified properties: 'members'.",
        ));
    }
    let weighed = ask.weigh(&members_after(group.id, group.members.clone()))?;
    weighed.demand_kept(&format!("This change of the group '{}'", group.name))?;
    ask.tx.put(&group)?;
    let mut facts = membership_facts(ask, &group, member);
    facts.extend(weighed.fact());
    ask.record("directory.groups.members.add", group.id, "a member was added", &facts);
    Ok(Reply::empty(204))
}

/// Takes an object out of a group. What it held through the group is gone with its next request.
pub fn remove_member(ask: &mut Ask<'_>, id: &str, member: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let mut group = stored(ask, id)?;
    let object: ObjectId = member.parse().map_err(|_| not_found(member))?;
    if !group.members.remove(&object) {
        return Err(not_found(member));
    }
    administrators::check_remaining(&ask.access, group.tenant, None, |index| {
        index.remove_member(group.id, object);
    })?;
    let weighed = ask.weigh(&members_after(group.id, group.members.clone()))?;
    let name = ask.access.principal(object).map_or_else(|| object.to_string(), |member| member.name.clone());
    weighed.demand_kept(&format!("Taking '{name}' out of the group '{}'", group.name))?;
    ask.tx.put(&group)?;
    let mut facts = membership_facts(ask, &group, object);
    facts.extend(weighed.fact());
    ask.record("directory.groups.members.remove", group.id, "a member was removed", &facts);
    Ok(Reply::empty(204))
}

fn members_after(group: ObjectId, members: BTreeSet<ObjectId>) -> Change {
    Change { groups: [(group, members)].into(), ..Change::default() }
}

/// Takes an object that is deleted out of every group.
pub fn leave_all(ask: &mut Ask<'_>, object: ObjectId) -> Result<()> {
    let groups: Vec<Group> = ask
        .all(PrincipalKind::Group)
        .into_iter()
        .filter_map(|group| ask.access.group(group.object))
        .filter(|group| group.members.contains(&object))
        .cloned()
        .collect();
    for mut group in groups {
        group.members.remove(&object);
        ask.tx.put(&group)?;
    }
    Ok(())
}

fn stored(ask: &mut Ask<'_>, id: &str) -> Result<Group> {
    let object = ask.of_kind(PrincipalKind::Group, id)?.object;
    ask.tx.get(&object.to_string())?.ok_or_else(|| not_found(id))
}

/// The object behind a reference such as `https://graph/v1.0/directoryObjects/<id>`: it must be of this tenant, so that
/// the address in front makes no difference.
pub fn referenced(ask: &Ask<'_>, reference: &str) -> Result<ObjectId> {
    let mut segments = reference.trim_end_matches('/').rsplit('/');
    let (id, collection) = (segments.next(), segments.next());
    let collections = ["directoryObjects", "users", "groups", "servicePrincipals"];
    let known =
        collection.is_some_and(|name| collections.iter().any(|known| known.eq_ignore_ascii_case(name)));
    match id {
        Some(id) if known => ask.object(id).map(|object| object.object),
        _ => Err(bad("a reference to an object has the form '<graph>/v1.0/directoryObjects/<object id>'")),
    }
}

fn check_kind(body: &Fields<'_>) -> Result<()> {
    let other_kind = body.boolean("mailEnabled")? == Some(true)
        || body.boolean("securityEnabled")? == Some(false)
        || !body.list("groupTypes")?.iter().all(Value::is_null);
    if other_kind {
        return Err(bad(
            "only security groups can be created: 'mailEnabled' is false, 'securityEnabled' is true, 'groupTypes' is empty",
        ));
    }
    Ok(())
}

fn nickname(body: &Fields<'_>) -> Result<String> {
    let nickname = body.required_text("mailNickname")?;
    let allowed = |c: char| c.is_ascii_graphic() && !"@()\\[]\";:<>,".contains(c);
    if nickname.chars().count() > MAX_NICKNAME_CHARS || !nickname.chars().all(allowed) {
        return Err(bad(format!(
            "'mailNickname' has at most {MAX_NICKNAME_CHARS} characters that can stand before the @ of a mail address"
        )));
    }
    Ok(nickname.to_string())
}

fn membership_facts(ask: &Ask<'_>, group: &Group, member: ObjectId) -> Vec<(&'static str, String)> {
    let mut facts = vec![("displayName", group.name.clone()), ("member", member.to_string())];
    if let Some(member) = ask.access.principal(member) {
        facts.push(("memberName", member.name.clone()));
    }
    facts
}
