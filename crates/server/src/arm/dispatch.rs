//! ARM's front door (contract 1.4): authenticate, find the route, tenant, right, registration, group, locks, handler;
//! all of it one decision against one state, with its entry in the ledger.

use std::sync::Arc;

use arm::{Error, ErrorKind, Fields, ResourceId, Result};
use directory::SubscriptionState;
use resources::{Effect, Lock, Registration, ResourceGroup, check_locks};
use store::{Access, Transaction};

use super::call::{Call, Request, SignedIn, authorization_failed};
use super::rehearsal;
use super::reply::Reply;
use super::route::{Method, Needs, Params, Route, access_scope};
use super::routes::TABLE;
use crate::app::App;
use crate::edge::Edge;
use crate::mail::Post;

/// Decides one request.
///
/// # Errors
/// Whatever the request deserves; then nothing was changed.
pub async fn dispatch(app: &App, request: Request) -> Result<Reply> {
    let (route, params) = TABLE.find(request.method, &request.path)?;
    check_api_version(&request)?;
    let (edge, post, head) = (app.edge.clone(), Arc::clone(&app.post), request.method == Method::Head);
    let mut reply = app.decide(move |tx| decide(tx, (&edge, &post), &request, route, &params)).await?;
    if head {
        reply.body = None;
    }
    Ok(reply)
}

fn check_api_version(request: &Request) -> Result<()> {
    match request.query("api-version") {
        Some(version) if arm::plausible_api_version(version) => Ok(()),
        Some(version) => Err(Error::invalid(
            "InvalidApiVersionParameter",
            format!(
                "The api-version '{version}' is invalid: it must be a date such as '2026-08-01', optionally with '-preview'."
            ),
        )),
        None => Err(Error::invalid(
            "MissingApiVersionParameter",
            "The api-version query parameter (?api-version=) is required for all requests.",
        )),
    }
}

/// What creates or changes a resource says how it shall be: nothing at all is no description, and the properties of a
/// resource are an object everywhere.
fn check_body(request: &Request) -> Result<()> {
    if !matches!(request.method, Method::Put | Method::Patch) {
        return Ok(());
    }
    if !request.body.is_object() {
        let message = format!("A {} request needs a JSON object as its body.", request.method.as_str());
        return Err(Error::invalid("InvalidRequestContent", message));
    }
    Fields::of(&request.body)?.object("properties")?;
    Ok(())
}

fn decide(
    tx: &mut Transaction,
    (edge, post): (&Edge, &Post),
    request: &Request,
    route: &Route,
    params: &Params,
) -> Result<Reply> {
    let access = tx.access()?;
    check_callers(tx, &access, request)?;
    let scope = access_scope(&request.path, params);
    check_tenant(&access, request, &scope)?;
    let action = match route.needs {
        Needs::Action(action) => action,
        Needs::SignedIn => "Countersign/signedIn",
    };
    let mut call = Call::new(tx, request, params, edge, post, action);
    if let Needs::Action(action) = route.needs {
        let allowed = access.may(request.signed_in.object, action, &scope, call.now)?;
        let Some(allowed) = allowed else {
            return Err(authorization_failed(&request.signed_in, action, &scope));
        };
        call.because(allowed.why);
        check_writable(&mut call, &scope)?;
        check_registration(&mut call)?;
        check_group(&mut call)?;
        check_scope_locks(&mut call, &scope)?;
    }
    check_body(request)?;
    if rehearsal::is_asked(request, route)? {
        return rehearsal::run(&mut call, route.handler);
    }
    let reply = (route.handler)(&mut call)?;
    if !request.method.is_read() && call.tx.has_audited_writes() {
        let entry = call.entry();
        call.tx.record(entry);
    }
    Ok(reply)
}

/// A token may outlive its owner: each is checked against the directory as it is now, at home and where it is for.
fn check_callers(tx: &mut Transaction, access: &Access, request: &Request) -> Result<()> {
    for who in std::iter::once(&request.signed_in).chain(&request.auxiliary) {
        check_subject(tx, access, who)?;
        if who.person != request.signed_in.person {
            return Err(Error::invalid(
                "InvalidAuxiliaryTokens",
                "A token in x-ms-authorization-auxiliary is of another user or application than the main one.",
            ));
        }
    }
    Ok(())
}

/// Refuses a token whose owner is gone, disabled or signed out, at home or in the tenant that it is for, or whose sign-in
/// was revoked.
///
/// # Errors
/// 401 `InvalidAuthenticationToken`.
pub fn check_subject(tx: &mut Transaction, access: &Access, who: &SignedIn) -> Result<()> {
    if still_counts(access, who) && !is_revoked(tx, who)? {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unauthenticated,
        "InvalidAuthenticationToken",
        "The account is disabled or its session has ended. Sign in again.",
    ))
}

/// A sign-in that was revoked takes the tokens that are already out with it.
fn is_revoked(tx: &mut Transaction, who: &SignedIn) -> Result<bool> {
    who.family.map_or(Ok(false), |family| crate::login::is_revoked(tx, family))
}

fn still_counts(access: &Access, who: &SignedIn) -> bool {
    let here = access.principal(who.object).filter(|here| here.tenant == who.tenant);
    let Some(person) = here.and_then(|here| here.person) else {
        return false;
    };
    let home = match person {
        directory::Person::Human { tenant, object } => {
            access.principal(object).filter(|home| home.tenant == tenant)
        }
        directory::Person::Application(_) => here,
    };
    let valid = |account: &store::Principal| {
        // A token tells the time of its sign-in in whole seconds.
        let voided = account
            .sessions_valid_from
            .is_some_and(|from| who.auth_time.is_none_or(|at| at.as_second() < from.as_second()));
        account.enabled && !voided
    };
    person.to_string() == who.person && here.is_some_and(valid) && home.is_some_and(valid)
}

/// The main token must be one of the tenant that owns the subscription (contract 1.3).
fn check_tenant(access: &Access, request: &Request, scope: &ResourceId) -> Result<()> {
    let Some(subscription) = scope.subscription_id() else {
        let malformed =
            scope.segments().next().is_some_and(|first| first.eq_ignore_ascii_case("subscriptions"));
        return if malformed && scope.segments().count() > 1 {
            Err(subscription_not_found(scope))
        } else {
            Ok(())
        };
    };
    let Some(tenant) = access.tenant_of(scope) else {
        return Err(subscription_not_found(scope));
    };
    if tenant == request.signed_in.tenant {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Unauthenticated,
        "InvalidAuthenticationTokenTenant",
        format!(
            "The access token is from the wrong issuer '{}/{}'. It must match the tenant '{}/{tenant}' associated with \
             the subscription '{subscription}'. Please use the authority (URL) '{}/{tenant}' to get the token.",
            request.origin, request.signed_in.tenant, request.origin, request.origin
        ),
    )
    .with_target(tenant.to_string()))
}

fn subscription_not_found(scope: &ResourceId) -> Error {
    let name = scope.segments().nth(1).unwrap_or_default();
    Error::not_found("SubscriptionNotFound", format!("The subscription '{name}' could not be found."))
}

/// What is written has a place that can be written to: for handlers of routes that need no action.
pub(super) fn check_place(call: &mut Call<'_>, scope: &ResourceId) -> Result<()> {
    check_writable(call, scope)?;
    check_group(call)
}

/// A disabled subscription can be read and not written.
fn check_writable(call: &mut Call<'_>, scope: &ResourceId) -> Result<()> {
    let access = call.access()?;
    let state = scope.subscription_id().and_then(|id| access.subscription(id)).map(|sub| sub.state);
    if state == Some(SubscriptionState::Disabled) && !call.request.method.is_read() {
        return Err(Error::conflict(
            "ReadOnlyDisabledSubscription",
            "The subscription is disabled and therefore marked as read only.",
        ));
    }
    Ok(())
}

/// The namespace of a resource must be registered before the first write (contract 1.3).
fn check_registration(call: &mut Call<'_>) -> Result<()> {
    let Some(subscription) = call.id().subscription_id() else {
        return Ok(());
    };
    if call.request.method.is_read() || call.id().resource_group_name().is_none() {
        return Ok(());
    }
    let namespace = call.id().namespace().unwrap_or_default();
    let needs = ["Microsoft.RecoveryServices", "Microsoft.DataProtection"];
    let Some(namespace) = needs.into_iter().find(|name| name.eq_ignore_ascii_case(namespace)) else {
        return Ok(());
    };
    let key = format!("{subscription}/{}", namespace.to_ascii_lowercase());
    if call.tx.get::<Registration>(&key)?.is_some() {
        return Ok(());
    }
    Err(Error::conflict(
        "MissingSubscriptionRegistration",
        format!(
            "The subscription is not registered to use namespace '{namespace}'. See https://aka.ms/rps-not-found for how to register subscriptions."
        ),
    ))
}

/// The resource group that a resource lies in must exist.
fn check_group(call: &mut Call<'_>) -> Result<()> {
    let Some(group) = call.id().resource_group() else {
        return Ok(());
    };
    // The group's own routes say for themselves what is there.
    if call.id() == &group || call.tx.resource::<ResourceGroup>(&group)?.is_some() {
        return Ok(());
    }
    Err(Error::not_found(
        "ResourceGroupNotFound",
        format!("Resource group '{}' could not be found.", group.name()),
    ))
}

/// Locks hold for what is written or deleted; managing locks themselves is a matter of rights alone.
pub(super) fn check_scope_locks(call: &mut Call<'_>, scope: &ResourceId) -> Result<()> {
    let manages_locks = call.id().is_of_type("Microsoft.Authorization/locks");
    let effect = match call.request.method {
        Method::Get | Method::Head => Effect::Read,
        Method::Put | Method::Patch | Method::Post => Effect::Write,
        Method::Delete => Effect::Delete,
    };
    if effect == Effect::Read || manages_locks {
        return Ok(());
    }
    let Some(subscription) = scope.subscription_id() else {
        return Ok(());
    };
    let root = ResourceId::subscription(subscription);
    let locks: Vec<Lock> = call.tx.below(&root)?;
    check_locks(scope, effect, &locks)?;
    // A deletion takes everything below with it, so that a lock down there holds as well. Below what is deleted, that
    // is: a role assignment on a subscription has nothing below it.
    let below = locks.iter().filter(|lock| effect == Effect::Delete && lock.scope.is_within(call.id()));
    for lock in below {
        check_locks(&lock.scope, effect, [lock])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use arm::{ObjectId, TenantId};
    use directory::oauth::RevokedFamily;
    use jiff::Timestamp;
    use ledger::ActorKind;
    use store::Store;
    use uuid::Uuid;

    use super::*;

    fn signed_in(family: Option<u128>) -> SignedIn {
        SignedIn {
            tenant: TenantId(Uuid::nil()),
            object: ObjectId(Uuid::nil()),
            person: "app:x".into(),
            kind: ActorKind::User,
            name: "x".into(),
            amr: Vec::new(),
            auth_time: None,
            acrs: Vec::new(),
            answers_challenges: false,
            family: family.map(Uuid::from_u128),
        }
    }

    #[test]
    fn tokens_of_a_revoked_sign_in_do_not_count() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let revoked = RevokedFamily { family: Uuid::from_u128(1), at: Timestamp::UNIX_EPOCH };
        store.transact(|tx| tx.put(&revoked)).unwrap();
        let revoked = |family| store.transact(|tx| is_revoked(tx, &signed_in(family))).unwrap();
        assert!(!revoked(None) && !revoked(Some(2)));
        assert!(revoked(Some(1)));
    }
}
