//! Resource providers: which there are, and which a subscription has registered.

use arm::{Error, ResourceId, Result, SubscriptionId};
use resources::Registration;
use serde_json::{Value, json};

use super::subscriptions::demand_visible;
use super::{inventory, regions};
use crate::arm::call::Call;
use crate::arm::reply::Reply;

/// A provider. Clients pick the version for a call from `versions`, so that these must be filled; any other plausible
/// date is taken as well.
struct Provider {
    namespace: &'static str,
    /// Whether a subscription has to register it before the first write.
    needs_registration: bool,
    types: &'static [&'static str],
    versions: &'static [&'static str],
}

const PROVIDERS: &[Provider] = &[
    Provider {
        namespace: "Microsoft.Authorization",
        needs_registration: false,
        types: &[
            "locks",
            "permissions",
            "roleAssignments",
            "roleAssignmentApprovals",
            "roleAssignmentScheduleInstances",
            "roleAssignmentScheduleRequests",
            "roleAssignmentSchedules",
            "roleDefinitions",
            "roleEligibilityScheduleInstances",
            "roleEligibilityScheduleRequests",
            "roleEligibilitySchedules",
            "roleManagementPolicies",
            "roleManagementPolicyAssignments",
        ],
        versions: &["2022-04-01", "2020-10-01", "2016-09-01", "2022-05-01-preview"],
    },
    Provider {
        namespace: "Microsoft.DataProtection",
        needs_registration: true,
        types: &[
            "backupVaults",
            "backupVaults/backupInstances",
            "backupVaults/backupPolicies",
            "backupVaults/backupResourceGuardProxies",
            "resourceGuards",
            "operations",
        ],
        versions: &["2026-03-01", "2025-09-01", "2025-07-01", "2024-04-01", "2023-05-01"],
    },
    Provider {
        namespace: "Microsoft.RecoveryServices",
        needs_registration: true,
        types: &[
            "vaults",
            "vaults/backupFabrics/protectionContainers",
            "vaults/backupFabrics/protectionContainers/protectedItems",
            "vaults/backupPolicies",
            "vaults/backupResourceGuardProxies",
            "operations",
        ],
        versions: &["2026-08-01", "2026-07-01", "2025-08-01", "2025-02-01", "2024-10-01", "2023-06-01"],
    },
    Provider {
        namespace: "Microsoft.Resources",
        needs_registration: false,
        types: &["resourceGroups", "resources", "subscriptions", "tenants"],
        versions: &["2024-11-01", "2022-12-01", "2022-09-01", "2021-04-01"],
    },
];

const READ: &str = "Microsoft.Resources/subscriptions/providers/read";

/// All providers.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let subscription = demand_visible(call, READ)?;
    let mut rows = Vec::new();
    for provider in PROVIDERS {
        rows.push((provider, is_registered(call, subscription, provider)?));
    }
    Ok(call.page(
        rows,
        |(provider, _)| provider.namespace.to_ascii_lowercase(),
        |(provider, registered)| json(subscription, provider, *registered),
    ))
}

/// One provider.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let subscription = demand_visible(call, READ)?;
    let provider = named(call)?;
    let registered = is_registered(call, subscription, provider)?;
    Ok(Reply::ok(json(subscription, provider, registered)))
}

/// Registers a provider. One that is registered stays so.
pub fn register(call: &mut Call<'_>) -> Result<Reply> {
    let subscription = call.subscription()?;
    let provider = named(call)?;
    if !is_registered(call, subscription, provider)? {
        call.tx.put(&Registration { subscription, namespace: provider.namespace.to_string() })?;
    }
    Ok(Reply::ok(json(subscription, provider, true)))
}

/// Takes a registration back, unless resources of the provider are left.
pub fn unregister(call: &mut Call<'_>) -> Result<Reply> {
    let subscription = call.subscription()?;
    let provider = named(call)?;
    let prefix = format!("{}/", provider.namespace);
    let left = inventory::below(call, &ResourceId::subscription(subscription))?;
    let left: Vec<&str> = left
        .iter()
        .filter(|resource| resource.kind.starts_with(&prefix))
        .map(|resource| resource.id.as_str())
        .collect();
    if !left.is_empty() {
        return Err(Error::conflict(
            "Conflict",
            format!(
                "The provider '{}' cannot be unregistered while the subscription has resources of it. Delete these \
                 first: '{}'.",
                provider.namespace,
                left.join("', '")
            ),
        ));
    }
    if is_registered(call, subscription, provider)? {
        let key = key(subscription, provider);
        call.tx.delete::<Registration>(&key);
    }
    Ok(Reply::ok(json(subscription, provider, false)))
}

/// Registering what is always registered: nothing happens, to whoever could do it elsewhere.
pub fn register_fixed(call: &mut Call<'_>) -> Result<Reply> {
    let (subscription, provider) = fixed(call, "register")?;
    Ok(Reply::ok(json(subscription, provider, true)))
}

/// What is always registered stays so.
pub fn unregister_fixed(call: &mut Call<'_>) -> Result<Reply> {
    let (_, provider) = fixed(call, "unregister")?;
    Err(Error::conflict(
        "Conflict",
        format!(
            "The provider '{}' belongs to every subscription and cannot be unregistered.",
            provider.namespace
        ),
    ))
}

fn fixed(call: &mut Call<'_>, verb: &str) -> Result<(SubscriptionId, &'static Provider)> {
    let subscription = demand_visible(call, READ)?;
    let provider = named(call)?;
    let action = format!("{}/{verb}/action", provider.namespace);
    call.demand(&action, &ResourceId::subscription(subscription))?;
    Ok((subscription, provider))
}

/// The provider that the path names.
fn named(call: &Call<'_>) -> Result<&'static Provider> {
    let mut segments = call.id().segments();
    let namespace = segments.nth(3).unwrap_or_default();
    PROVIDERS.iter().find(|provider| provider.namespace.eq_ignore_ascii_case(namespace)).ok_or_else(|| {
        Error::not_found(
            "InvalidResourceNamespace",
            format!("The resource namespace '{namespace}' is invalid: this server has no such provider."),
        )
    })
}

fn is_registered(call: &mut Call<'_>, subscription: SubscriptionId, provider: &Provider) -> Result<bool> {
    if !provider.needs_registration {
        return Ok(true);
    }
    let registration: Option<Registration> = call.tx.get(&key(subscription, provider))?;
    Ok(registration.is_some())
}

fn key(subscription: SubscriptionId, provider: &Provider) -> String {
    format!("{subscription}/{}", provider.namespace.to_ascii_lowercase())
}

fn json(subscription: SubscriptionId, provider: &Provider, registered: bool) -> Value {
    let locations: Vec<&str> =
        if provider.needs_registration { regions::names().collect() } else { Vec::new() };
    let types = provider.types.iter().map(|name| {
        json!({
            "resourceType": name,
            "locations": locations,
            "apiVersions": provider.versions,
            "defaultApiVersion": provider.versions.first(),
            "capabilities": if locations.is_empty() { "None" } else { "SupportsTags, SupportsLocation" },
        })
    });
    json!({
        "id": format!("/subscriptions/{subscription}/providers/{}", provider.namespace),
        "namespace": provider.namespace,
        "registrationState": if registered { "Registered" } else { "NotRegistered" },
        "registrationPolicy": if provider.needs_registration { "RegistrationRequired" } else { "RegistrationFree" },
        "resourceTypes": types.collect::<Vec<_>>(),
    })
}
