//! What the organisation demands of sign-ins: authentication contexts, and how a second factor is enrolled.
//!
//! A context's `maximumSignInAge` and the policy's `secondFactorEnrolment` are ours; Azure says the same with
//! conditional access policies, of which there are none here.

use arm::Result;
use directory::{AuthenticationContext, Enrolment, SignInPolicy};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::ask::{Ask, bad, not_found};
use super::{query, users};
use crate::arm::reply::Reply;
use crate::login::policy_of;

/// Graph's name for the collection.
const CONTEXTS: &str = "identity/conditionalAccess/authenticationContextClassReferences";
/// Graph's name for the policy.
const POLICY: &str = "authenticationMethodsPolicy";
/// How old a sign-in may at least and at most have to be, in seconds.
const AGES: std::ops::RangeInclusive<i64> = 60..=86_400;

/// Answers a call below `/identity/conditionalAccess`; `None` when the path is none.
///
/// # Errors
/// `Authorization_RequestDenied` for a write by whoever does not administer the directory.
pub fn contexts(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Option<Reply>> {
    let id = match rest {
        [access, references, id @ ..]
            if access.eq_ignore_ascii_case("conditionalAccess")
                && references.eq_ignore_ascii_case("authenticationContextClassReferences") =>
        {
            id
        }
        _ => return Ok(None),
    };
    let policy = policy_of(ask.tx, ask.tenant())?;
    let reply = match (ask.request.method.as_str(), id) {
        ("GET", []) => query::list(ask.request, CONTEXTS, policy.contexts.iter().map(shown).collect())?,
        ("GET", [id]) => Reply::ok(query::one(ask.request, CONTEXTS, shown(known(&policy, id)?))),
        ("POST", []) => create(ask, policy)?,
        ("PATCH", [id]) => change(ask, policy, id)?,
        ("DELETE", [id]) => delete(ask, policy, id)?,
        _ => return Ok(None),
    };
    Ok(Some(reply))
}

fn shown(context: &AuthenticationContext) -> Value {
    let age = context.max_age.map(|seconds| SignedDuration::from_secs(seconds).to_string());
    json!({
        "id": context.id,
        "displayName": context.name,
        "description": "A second factor was shown at the sign-in.",
        "isAvailable": true,
        "maximumSignInAge": age,
    })
}

fn known<'a>(policy: &'a SignInPolicy, id: &str) -> Result<&'a AuthenticationContext> {
    policy.contexts.iter().find(|context| context.id == id).ok_or_else(|| not_found(id))
}

fn create(ask: &mut Ask<'_>, mut policy: SignInPolicy) -> Result<Reply> {
    ask.demand_administrator()?;
    let body = ask.body()?;
    let id = body.required_text("id")?;
    if !AuthenticationContext::is_id(id) {
        return Err(bad("'id' is c1 to c99"));
    }
    if policy.knows(id) {
        return Err(bad(format!("the authentication context '{id}' already exists")));
    }
    let name = users::display_name(&body)?.ok_or_else(|| body.missing("displayName"))?;
    let context = AuthenticationContext { id: id.into(), name, max_age: age(ask)?.unwrap_or_default() };
    policy.contexts.push(context.clone());
    policy.contexts.sort_by(|a, b| a.id.cmp(&b.id));
    write(ask, &policy, "an authentication context was made", &context)?;
    Ok(Reply::created(query::one(ask.request, CONTEXTS, shown(&context))))
}

fn change(ask: &mut Ask<'_>, mut policy: SignInPolicy, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let body = ask.body()?;
    let before = known(&policy, id)?.clone();
    let after = AuthenticationContext {
        name: users::display_name(&body)?.unwrap_or_else(|| before.name.clone()),
        max_age: age(ask)?.unwrap_or(before.max_age),
        id: before.id.clone(),
    };
    if after != before {
        for context in &mut policy.contexts {
            if context.id == id {
                *context = after.clone();
            }
        }
        write(ask, &policy, "an authentication context was changed", &after)?;
    }
    Ok(Reply::empty(204))
}

/// A role that demands the context cannot be activated any more: what nobody knows, nobody satisfies.
fn delete(ask: &mut Ask<'_>, mut policy: SignInPolicy, id: &str) -> Result<Reply> {
    ask.demand_administrator()?;
    let gone = known(&policy, id)?.clone();
    policy.contexts.retain(|context| context.id != id);
    write(ask, &policy, "an authentication context was deleted", &gone)?;
    Ok(Reply::empty(204))
}

/// The age in a body: `None` when nothing is said of it, `Some(None)` when a null says that it is to have no limit.
fn age(ask: &Ask<'_>) -> Result<Option<Option<i64>>> {
    let text = match ask.request.body.get("maximumSignInAge") {
        None => return Ok(None),
        Some(Value::Null) => return Ok(Some(None)),
        Some(_) => ask.body()?.required_text("maximumSignInAge")?,
    };
    let seconds = text.parse::<SignedDuration>().ok().map(|age| age.as_secs());
    let seconds = seconds.filter(|seconds| AGES.contains(seconds));
    let seconds =
        seconds.ok_or_else(|| bad("'maximumSignInAge' is a duration from PT1M to PT24H, or null"))?;
    Ok(Some(Some(seconds)))
}

fn write(
    ask: &mut Ask<'_>,
    policy: &SignInPolicy,
    reason: &str,
    context: &AuthenticationContext,
) -> Result<()> {
    ask.tx.put(policy)?;
    let age = context.max_age.map_or_else(|| "no limit".to_string(), |seconds| format!("{seconds} s"));
    let facts = [("context", context.id.clone()), ("name", context.name.clone()), ("maximumAge", age)];
    ask.record_policy(reason, &facts);
    Ok(())
}

/// Answers a call below `/policies`; `None` when the path is none.
///
/// # Errors
/// `Authorization_RequestDenied` for a write by whoever does not administer the directory.
pub fn policies(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Option<Reply>> {
    match (ask.request.method.as_str(), rest) {
        (method, [name]) if name.eq_ignore_ascii_case(POLICY) => match method {
            "GET" => {
                let policy = policy_of(ask.tx, ask.tenant())?;
                Ok(Some(Reply::ok(query::one(ask.request, POLICY, shown_policy(&policy)))))
            }
            "PATCH" => patch_policy(ask).map(Some),
            _ => Ok(None),
        },
        _ => Ok(None),
    }
}

fn word(enrolment: Enrolment) -> &'static str {
    match enrolment {
        Enrolment::Password => "password",
        Enrolment::AccessPass => "temporaryAccessPass",
    }
}

fn shown_policy(policy: &SignInPolicy) -> Value {
    json!({
        "id": POLICY,
        "displayName": "Authentication Methods Policy",
        "secondFactorEnrolment": word(policy.enrolment),
    })
}

fn patch_policy(ask: &mut Ask<'_>) -> Result<Reply> {
    ask.demand_administrator()?;
    let asked = ask.body()?.required_text("secondFactorEnrolment")?;
    let of_word = |enrolment: &Enrolment| word(*enrolment).eq_ignore_ascii_case(asked);
    let enrolment = [Enrolment::Password, Enrolment::AccessPass].into_iter().find(of_word);
    let enrolment =
        enrolment.ok_or_else(|| bad("'secondFactorEnrolment' is 'password' or 'temporaryAccessPass'"))?;
    let policy = policy_of(ask.tx, ask.tenant())?;
    if policy.enrolment != enrolment {
        ask.tx.put(&SignInPolicy { enrolment, ..policy })?;
        let reason = "it was changed how a first second factor is enrolled";
        ask.record_policy(reason, &[("secondFactorEnrolment", word(enrolment).to_string())]);
    }
    Ok(Reply::empty(204))
}
