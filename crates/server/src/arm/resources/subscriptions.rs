//! Tenants and subscriptions, as the caller sees them: the calls with which every client begins.

use arm::{ResourceId, Result, SubscriptionId};
use directory::{Person, Subscription, SubscriptionState, Tenant};
use serde_json::{Value, json};

use super::regions;
use crate::arm::call::{Call, authorization_failed};
use crate::arm::reply::Reply;

const READ: &str = "Microsoft.Resources/subscriptions/read";

/// Every tenant that knows the person who asks, under whatever object id, and lets them in.
pub fn tenants(call: &mut Call<'_>) -> Result<Reply> {
    let access = call.access()?;
    let who = call.who();
    let Some(person) = access.principal(who.object).and_then(|here| here.person) else {
        return Ok(Reply::list(Vec::new()));
    };
    // An application has no home of its own: it is at home where it signed in.
    let home = match person {
        Person::Human { tenant, .. } => tenant,
        Person::Application(_) => who.tenant,
    };
    let known = |tenant: &&Tenant| {
        access.principals(tenant.id).any(|principal| principal.enabled && principal.person == Some(person))
    };
    let tenants: Vec<Tenant> = access.tenants().filter(known).cloned().collect();
    Ok(call.page(tenants, |tenant| tenant.id.to_string(), |tenant| tenant_json(tenant, tenant.id == home)))
}

fn tenant_json(tenant: &Tenant, home: bool) -> Value {
    json!({
        "id": format!("/tenants/{}", tenant.id),
        "tenantId": tenant.id,
        "countryCode": "",
        "displayName": tenant.name,
        "defaultDomain": tenant.domain,
        "domains": [tenant.domain],
        "tenantCategory": if home { "Home" } else { "ProjectedBy" },
        "tenantType": "AAD",
    })
}

/// The subscriptions of the token's tenant in which the caller holds any role.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let access = call.access()?;
    let who = call.who();
    let now = call.now;
    let visible = access.index(who.tenant).map(|index| index.visible_subscriptions(who.object, now));
    let seen = |subscription: &&Subscription| {
        visible.as_ref().is_some_and(|visible| visible.includes(subscription.id))
    };
    let subscriptions: Vec<Subscription> = access.subscriptions(who.tenant).filter(seen).cloned().collect();
    Ok(call.page(subscriptions, |subscription| subscription.id.to_string(), json))
}

/// One subscription.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let id = demand_visible(call, READ)?;
    let access = call.access()?;
    let subscription = access.subscription(id);
    subscription
        .map(|subscription| Reply::ok(json(subscription)))
        .ok_or_else(|| arm::Error::internal("a visible subscription does not exist"))
}

/// The regions that resources can be in.
pub fn locations(call: &mut Call<'_>) -> Result<Reply> {
    let id = demand_visible(call, "Microsoft.Resources/subscriptions/locations/read")?;
    Ok(Reply::list(regions::list(id)))
}

/// Refuses a caller who holds no role at, above or below the subscription that the path lies in.
///
/// # Errors
/// `AuthorizationFailed`, naming the action that would have allowed it.
pub fn demand_visible(call: &mut Call<'_>, action: &str) -> Result<SubscriptionId> {
    let id = call.subscription()?;
    let access = call.access()?;
    let who = call.who();
    let visible = access.index(who.tenant).map(|index| index.visible_subscriptions(who.object, call.now));
    if visible.is_some_and(|visible| visible.includes(id)) {
        Ok(id)
    } else {
        let scope = ResourceId::subscription(id);
        Err(authorization_failed(who, action, &scope))
    }
}

fn json(subscription: &Subscription) -> Value {
    let state = match subscription.state {
        SubscriptionState::Enabled => "Enabled",
        SubscriptionState::Disabled => "Disabled",
    };
    json!({
        "id": format!("/subscriptions/{}", subscription.id),
        "subscriptionId": subscription.id,
        "tenantId": subscription.tenant,
        "displayName": subscription.name,
        "state": state,
        "authorizationSource": "RoleBased",
        "managedByTenants": [],
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01",
            "quotaId": "PayAsYouGo_2014-09-01",
            "spendingLimit": "Off",
        },
    })
}
