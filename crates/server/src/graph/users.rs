//! Users: who there is.

use arm::{Error, Fields, ObjectId, Result};
use directory::{PasswordHash, Tenant, Upn, User};
use rbac::PrincipalKind;
use store::Principal;

use super::ask::{Ask, Request, bad, not_found};
use super::{groups, objects, shape};
use crate::administrators;
use crate::approvers::Weighed;
use crate::arm::reply::Reply;
use crate::people::Change;

/// The longest name for people, in characters.
const MAX_NAME_CHARS: usize = 256;

/// Whoever asks.
pub fn me(ask: &Ask<'_>) -> Result<Reply> {
    let me = shape::object(&ask.access, ask.me()?);
    Ok(Reply::ok(objects::entity(ask, PrincipalKind::User, me)))
}

/// Hashes the password of a user to be created. Slow on purpose, so that it is done outside the decision.
///
/// # Errors
/// `Request_BadRequest` when there is none, or one that is too short or too long.
pub fn hash_password(request: &Request, salt: [u8; 16]) -> Result<PasswordHash> {
    let body = Fields::of(&request.body)?;
    let profile = body.object("passwordProfile")?;
    if profile.boolean("forceChangePasswordNextSignIn")? == Some(true) {
        return Err(bad(
            "'passwordProfile.forceChangePasswordNextSignIn' must be false: a change at the next sign-in cannot be forced here",
        ));
    }
    PasswordHash::new(profile.required_text("password")?, salt)
}

/// Creates a member of the tenant.
pub fn create(ask: &mut Ask<'_>) -> Result<Reply> {
    ask.demand_administrator()?;
    let body = ask.body()?;
    let upn = Upn::parse(body.required_text("userPrincipalName")?)?;
    let name = display_name(&body)?.ok_or_else(|| body.missing("displayName"))?;
    let enabled = body.boolean("accountEnabled")?;
    let id = ObjectId(ask.edge.uuid());
    let mut user = User::member(&tenant(ask)?, id, upn, name, ask.now)?;
    user.enabled = enabled.ok_or_else(|| body.missing("accountEnabled"))?;
    user.mail = mail(&body)?;
    user.password = ask.password.take();
    if namesake(ask, &user)?.is_some() {
        return Err(taken());
    }
    ask.tx.put(&user)?;
    let facts = [("userPrincipalName", user.upn.to_string())];
    ask.record("directory.users.create", user.id, "a user was created", &facts);
    let answer = shape::user(&Principal::from(&user));
    Ok(Reply::created(objects::entity(ask, PrincipalKind::User, answer)))
}

/// Who has the same user name in the same directory.
pub(super) fn namesake(ask: &mut Ask<'_>, user: &User) -> Result<Option<User>> {
    let all: Vec<User> = ask.tx.find(user.upn.folded())?;
    Ok(all.into_iter().find(|other| other.tenant == user.tenant))
}

/// That a user name is somebody else's.
pub(super) fn taken() -> Error {
    bad("Another object with the same value for property userPrincipalName already exists.")
}

/// Enables or disables a user, or renames one. A disabled user is out with the next request, in every tenant that
/// knows the person as a guest as well.
pub fn update(ask: &mut Ask<'_>, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let body = ask.body()?;
    if body.get("passwordProfile").is_some() {
        return Err(bad(
            "a password cannot be set for somebody else here: whoever holds it could act, and consent, as them",
        ));
    }
    let user = stored(ask, id)?;
    let enabled = body.boolean("accountEnabled")?.unwrap_or(user.enabled);
    let after = User {
        enabled,
        display_name: display_name(&body)?.unwrap_or_else(|| user.display_name.clone()),
        mail: mail(&body)?.or_else(|| user.mail.clone()),
        ..user.clone()
    };
    if after == user {
        return Ok(Reply::empty(204));
    }
    if !enabled {
        administrators::check_remaining(&ask.access, user.tenant, Some(user.id), |_| {})?;
    }
    let weighed = if enabled { Weighed::default() } else { ask.weigh(&without(user.id))? };
    ask.tx.put(&after)?;
    let operation = "directory.users.update";
    let mut facts =
        vec![("userPrincipalName", after.upn.to_string()), ("accountEnabled", enabled.to_string())];
    facts.extend(weighed.fact());
    ask.record(operation, user.id, "a user was changed", &facts);
    // Nobody's account is so important that it could not be stopped.
    ask.tell_lost(&weighed, operation)?;
    Ok(Reply::empty(204))
}

/// Deletes a user. Role assignments to a user who is gone stay, grant nothing, and can be deleted.
pub fn delete(ask: &mut Ask<'_>, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let user = stored(ask, id)?;
    administrators::check_remaining(&ask.access, user.tenant, Some(user.id), |_| {})?;
    let weighed = ask.weigh(&without(user.id))?;
    weighed.demand_kept(&format!("Deleting the user '{}'", user.upn))?;
    groups::leave_all(ask, user.id)?;
    ask.tx.delete::<User>(&user.id.to_string());
    let operation = "directory.users.delete";
    let mut facts = vec![("userPrincipalName", user.upn.to_string())];
    facts.extend(weighed.fact());
    ask.record(operation, user.id, "a user was deleted", &facts);
    ask.tell_lost(&weighed, operation)?;
    Ok(Reply::empty(204))
}

fn without(user: ObjectId) -> Change {
    Change { gone: [user].into(), ..Change::default() }
}

fn stored(ask: &mut Ask<'_>, id: &str) -> Result<User> {
    let object = ask.of_kind(PrincipalKind::User, id)?.object;
    ask.tx.get(&object.to_string())?.ok_or_else(|| not_found(id))
}

/// The tenant that is asked.
pub fn tenant(ask: &Ask<'_>) -> Result<Tenant> {
    let tenant = ask.access.tenant(ask.tenant());
    tenant.cloned().ok_or_else(|| Error::internal("a token is of a tenant that does not exist"))
}

/// The body's name for people.
pub fn display_name(body: &Fields<'_>) -> Result<Option<String>> {
    display_name_in(body, "displayName")
}

/// The same under another name.
pub fn display_name_in(body: &Fields<'_>, property: &str) -> Result<Option<String>> {
    let Some(name) = body.text(property)? else {
        return Ok(None);
    };
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(char::is_control) {
        return Err(bad(format!("'{property}' has 1 to {MAX_NAME_CHARS} printable characters")));
    }
    Ok(Some(name.trim().to_string()))
}

fn mail(body: &Fields<'_>) -> Result<Option<String>> {
    let mail = body.text("mail")?;
    mail.map(|mail| Upn::parse(mail).map(|_| mail.to_string()))
        .transpose()
        .map_err(|_| bad("'mail' is not a mail address"))
}
