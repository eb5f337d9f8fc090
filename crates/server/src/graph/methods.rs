//! How people prove who they are: what there is of it, without any of it. Graph's names, and no secret but a temporary
//! access pass, once, in the answer to whoever makes it.
//!
//! People see their own, administrators everybody's. An administrator resets somebody else's second factor and gives
//! somebody else a pass, never one of the same human's accounts: a stolen token is not to get rid of the factor that it
//! was stolen without.

use arm::{Error, Result};
use directory::{AccessPass, User, reset};
use rbac::PrincipalKind;
use serde_json::{Value, json};

use super::ask::{Ask, bad, not_found};
use super::query;
use crate::arm::reply::Reply;

/// The id that Graph gives to everybody's password.
const PASSWORD: &str = "28c10230-6103-485e-b985-444c60001490";
/// How long a temporary access pass may count, in minutes, and how long it does when nothing is said, as in Graph.
const PASS_MINUTES: (std::ops::RangeInclusive<i64>, i64) = (10..=43_200, 60);

/// Graph's words for the collections.
const METHODS: &str = "methods";
const SOFTWARE: &str = "softwareOathMethods";
const PASSES: &str = "temporaryAccessPassMethods";

/// Answers a call below `authentication` of a user; `None` when the path is none.
///
/// # Errors
/// `Authorization_RequestDenied` for whoever may not, `Request_ResourceNotFound` for a method that is not there.
pub fn answer(ask: &mut Ask<'_>, user: &str, rest: &[&str]) -> Result<Option<Reply>> {
    let (collection, id) = match rest {
        [collection] => (*collection, None),
        [collection, id] => (*collection, Some(*id)),
        _ => return Ok(None),
    };
    let known = [METHODS, SOFTWARE, PASSES].into_iter().find(|name| name.eq_ignore_ascii_case(collection));
    let Some(collection) = known else {
        return Ok(None);
    };
    let user = stored(ask, user)?;
    let reply = match (ask.request.method.as_str(), collection, id) {
        ("GET", collection, id) => read(ask, &user, collection, id)?,
        ("DELETE", SOFTWARE, Some(id)) => reset_factor(ask, &user, id)?,
        ("POST", PASSES, None) => give_pass(ask, &user)?,
        ("DELETE", PASSES, Some(id)) => withdraw_pass(ask, &user, id)?,
        _ => return Ok(None),
    };
    Ok(Some(reply))
}

fn stored(ask: &mut Ask<'_>, id: &str) -> Result<User> {
    let object = ask.of_kind(PrincipalKind::User, id)?.object;
    ask.tx.get(&object.to_string())?.ok_or_else(|| not_found(id))
}

fn read(ask: &Ask<'_>, user: &User, collection: &str, id: Option<&str>) -> Result<Reply> {
    if ask.request.who.object != user.id {
        ask.demand_administrator()?;
    }
    let all = match collection {
        SOFTWARE => software(user),
        PASSES => passes(ask, user),
        _ => [password(user), software(user), passes(ask, user)].concat(),
    };
    let context = format!("users('{}')/authentication/{collection}", user.id);
    let Some(id) = id else {
        return query::list(ask.request, &context, all);
    };
    let found =
        all.into_iter().find(|method| method["id"].as_str().is_some_and(|own| own.eq_ignore_ascii_case(id)));
    Ok(Reply::ok(query::one(ask.request, &context, found.ok_or_else(|| not_found(id))?)))
}

fn password(user: &User) -> Vec<Value> {
    let shown = json!({
        "@odata.type": "#microsoft.graph.passwordAuthenticationMethod",
        "id": PASSWORD,
        "password": null,
        "createdDateTime": null,
    });
    user.password.iter().map(|_| shown.clone()).collect()
}

fn software(user: &User) -> Vec<Value> {
    let shown = user.totp.as_ref().map(|totp| {
        json!({
            "@odata.type": "#microsoft.graph.softwareOathAuthenticationMethod",
            "id": totp.id,
            "secretKey": null,
            "createdDateTime": totp.enrolled.map(arm::timestamp),
        })
    });
    Vec::from_iter(shown)
}

fn passes(ask: &Ask<'_>, user: &User) -> Vec<Value> {
    let shown = user.access_pass.as_ref().map(|pass| {
        let counts = pass.counts(ask.now);
        json!({
            "@odata.type": "#microsoft.graph.temporaryAccessPassAuthenticationMethod",
            "id": pass.id,
            "temporaryAccessPass": null,
            "createdDateTime": arm::timestamp(pass.created),
            "startDateTime": arm::timestamp(pass.created),
            "lifetimeInMinutes": pass.expires.duration_since(pass.created).as_mins(),
            "isUsableOnce": true,
            "isUsable": counts,
            "methodUsabilityReason": if counts { "EnabledByPolicy" } else { "Expired" },
        })
    });
    Vec::from_iter(shown)
}

fn demand_another(ask: &Ask<'_>, user: &User) -> Result<()> {
    ask.demand_administrator()?;
    // Another account of the same human is no somebody else.
    let links = ask.access.links();
    if ask.access.human(ask.request.who.object) == Some(links.one(user.person())) {
        let message = "This is not done for oneself. Replace or remove your own second factor at /account/security of \
                       the sign-in, or ask another administrator.";
        return Err(Error::forbidden("Authorization_RequestDenied", message));
    }
    if user.is_guest() {
        return Err(bad("a guest proves who they are at home; ask an administrator there"));
    }
    Ok(())
}

fn reset_factor(ask: &mut Ask<'_>, user: &User, id: &str) -> Result<Reply> {
    demand_another(ask, user)?;
    let enrolled = user.totp.as_ref().filter(|totp| totp.id.to_string().eq_ignore_ascii_case(id));
    let enrolled = enrolled.ok_or_else(|| not_found(id))?.enrolled;
    ask.tx.put(&reset(user, ask.now))?;
    let mut facts = vec![("userPrincipalName", user.upn.to_string())];
    facts.extend(enrolled.map(|at| ("enrolled", at.to_string())));
    let reason = "a second factor was reset by an administrator; all sign-ins before have ended";
    ask.record("directory.secondFactor.reset", user.id, reason, &facts);
    Ok(Reply::empty(204))
}

fn give_pass(ask: &mut Ask<'_>, user: &User) -> Result<Reply> {
    demand_another(ask, user)?;
    if user.totp.is_some() {
        return Err(bad("the user has a second factor; reset it first"));
    }
    let body = ask.body()?;
    if body.boolean("isUsableOnce")? == Some(false) {
        return Err(bad("'isUsableOnce' must be true: a pass here works once"));
    }
    let (range, usual) = PASS_MINUTES;
    let minutes = match body.get("lifetimeInMinutes") {
        None | Some(Value::Null) => usual,
        Some(minutes) => minutes.as_i64().filter(|minutes| range.contains(minutes)).ok_or_else(|| {
            bad(format!("'lifetimeInMinutes' is a whole number from {} to {}", range.start(), range.end()))
        })?,
    };
    let (id, by, random) = (ask.edge.uuid(), ask.request.who.object, ask.edge.bytes());
    let (secret, pass) = AccessPass::make(id, by, minutes, ask.now, random);
    let after = User { access_pass: Some(pass), ..user.clone() };
    ask.tx.put(&after)?;
    let expires = after.access_pass.as_ref().map(|pass| pass.expires.to_string()).unwrap_or_default();
    let facts = [("userPrincipalName", user.upn.to_string()), ("expires", expires)];
    let reason = "a temporary access pass was made, to enrol a second factor with";
    ask.record("directory.accessPass.create", user.id, reason, &facts);
    let mut shown = passes(ask, &after).pop().unwrap_or_default();
    if let Some(members) = shown.as_object_mut() {
        members.insert("temporaryAccessPass".into(), secret.to_string().into());
    }
    let context = format!("users('{}')/authentication/{PASSES}", user.id);
    Ok(Reply::created(query::one(ask.request, &context, shown)))
}

fn withdraw_pass(ask: &mut Ask<'_>, user: &User, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let pass = user.access_pass.as_ref().filter(|pass| pass.id.to_string().eq_ignore_ascii_case(id));
    pass.ok_or_else(|| not_found(id))?;
    ask.tx.put(&User { access_pass: None, ..user.clone() })?;
    let facts = [("userPrincipalName", user.upn.to_string())];
    ask.record("directory.accessPass.delete", user.id, "a temporary access pass was withdrawn", &facts);
    Ok(Reply::empty(204))
}
