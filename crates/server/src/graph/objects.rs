//! Calls that are the same for every kind of object: finding, reading, and which groups it is in.

use std::collections::BTreeSet;

use arm::{Fields, ObjectId, Result};
use rbac::PrincipalKind;
use serde_json::{Value, json};

use super::ask::{Ask, bad};
use super::{query, shape};
use crate::arm::reply::Reply;

/// How many ids one call may name, as Graph limits it.
const MAX_IDS: usize = 1000;

/// Graph's name for the collection of a kind.
fn collection(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "users",
        PrincipalKind::Group => "groups",
        PrincipalKind::ServicePrincipal => "servicePrincipals",
    }
}

/// All objects of a kind.
pub fn list(ask: &Ask<'_>, kind: PrincipalKind) -> Result<Reply> {
    let all = ask.all(kind);
    let objects = all.into_iter().map(|found| shape::object(&ask.access, found));
    query::list(ask.request, collection(kind), objects.collect())
}

/// One object of a kind.
pub fn get(ask: &Ask<'_>, kind: PrincipalKind, id: &str) -> Result<Reply> {
    let found = ask.of_kind(kind, id)?;
    Ok(Reply::ok(entity(ask, kind, shape::object(&ask.access, found))))
}

/// An object as the whole answer.
pub fn entity(ask: &Ask<'_>, kind: PrincipalKind, object: Value) -> Value {
    query::one(ask.request, collection(kind), object)
}

/// One object of whatever kind.
pub fn get_any(ask: &Ask<'_>, id: &str) -> Result<Reply> {
    let found = shape::typed(&ask.access, ask.object(id)?);
    Ok(Reply::ok(query::one(ask.request, "directoryObjects", found)))
}

/// Those of the named objects that the tenant has: az names the holders of role assignments with it.
pub fn get_by_ids(ask: &Ask<'_>) -> Result<Reply> {
    let body = ask.body()?;
    let types = body.texts("types")?;
    let wanted = |kind: PrincipalKind| {
        types.is_empty() || types.iter().any(|name| name.eq_ignore_ascii_case(shape::word(kind)))
    };
    let ids = object_ids(&body, "ids")?;
    let found = ids
        .into_iter()
        .filter_map(|id| ask.object(&id.to_string()).ok())
        .filter(|object| wanted(object.kind))
        .map(|object| shape::typed(&ask.access, object));
    query::list(ask.request, "directoryObjects", found.collect())
}

/// The groups that an object is in, directly or through other groups. All groups here are security groups.
pub fn member_groups(ask: &Ask<'_>, object: ObjectId) -> Reply {
    ids(ask, ask.access.groups_of(object))
}

/// Which of the named groups an object is in.
pub fn check_member_groups(ask: &Ask<'_>, object: ObjectId) -> Result<Reply> {
    let asked = object_ids(&ask.body()?, "groupIds")?;
    let within = ask.access.groups_of(object);
    Ok(ids(ask, asked.intersection(&within).copied()))
}

fn ids(ask: &Ask<'_>, ids: impl IntoIterator<Item = ObjectId>) -> Reply {
    let value: Vec<ObjectId> = ids.into_iter().collect();
    Reply::ok(json!({
        "@odata.context": format!("{}/$metadata#Collection(Edm.String)", ask.request.base),
        "value": value,
    }))
}

fn object_ids(body: &Fields<'_>, name: &str) -> Result<BTreeSet<ObjectId>> {
    let texts = body.texts(name)?;
    if texts.len() > MAX_IDS {
        return Err(bad(format!("'{name}' names more than {MAX_IDS} objects")));
    }
    let parse = |text: &str| {
        text.parse().map_err(|_| bad(format!("'{name}' holds something that is not an object id")))
    };
    texts.into_iter().map(parse).collect()
}
