//! Resource Guards and their request objects (contract 2).

mod requests;
mod shape;

use arm::{Error, Fields, ResourceId, Result};
use mua::alert::{EXEMPTED, PROTECTED};
use mua::{CriticalOperation, ResourceGuard};
use store::{Document, Transaction};
use vault::GuardProxy;

use super::call::Call;
use super::reply::Reply;
use super::route::{Method, Route, open_route, route};
use super::{orphans, tags, tracked};

/// Everything that is done to a guard is named like this in roles, and not `Microsoft.DataProtection/resourceGuards/…`.
macro_rules! action {
    ($verb:literal) => {
        concat!("Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/", $verb)
    };
}

macro_rules! guards {
    ($rest:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/resourceGuards",
            $rest
        )
    };
}

/// What lets somebody see a guard, and what linking a vault to it needs.
pub const READ: &str = action!("read");

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/resourceGuards",
        "Microsoft.DataProtection/subscriptions/providers/resourceGuards/read",
        list,
    ),
    // Countersign's own addition: whoever may read one guard of many finds it without knowing where it is.
    open_route(Method::Get, "/providers/Microsoft.DataProtection/resourceGuards", list_readable),
    route(Method::Get, guards!(""), READ, list),
    route(Method::Get, guards!("/{guard}"), READ, get),
    route(Method::Put, guards!("/{guard}"), action!("write"), put),
    route(Method::Patch, guards!("/{guard}"), action!("write"), patch),
    route(Method::Delete, guards!("/{guard}"), action!("delete"), delete),
    route(Method::Get, guards!("/{guard}/linkedVaults"), READ, requests::linked_vaults),
    // Reading a request object proves nothing, so it takes no more than reading the guard (contract 10).
    route(Method::Get, guards!("/{guard}/{kind}"), READ, requests::list),
    route(Method::Get, guards!("/{guard}/{kind}/{request}"), READ, requests::get),
];

/// The longest description: it goes into every refusal.
const MAX_DESCRIPTION: usize = 1024;

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let scope = match call.id().resource_group() {
        Some(group) => group,
        None => ResourceId::subscription(call.subscription()?),
    };
    let guards: Vec<ResourceGuard> = call.tx.below(&scope)?;
    Ok(call.page(guards, |guard| guard.id.folded().to_string(), shape::guard))
}

/// All guards of the tenant that the caller may read.
fn list_readable(call: &mut Call<'_>) -> Result<Reply> {
    let access = call.access()?;
    let (who, now) = (call.who(), call.now);
    let mut readable = Vec::new();
    for subscription in access.subscriptions(who.tenant) {
        for guard in call.tx.below::<ResourceGuard>(&ResourceId::subscription(subscription.id))? {
            if access.may(who.object, READ, &guard.id, now)?.is_some() {
                readable.push(guard);
            }
        }
    }
    Ok(call.page(readable, |guard| guard.id.folded().to_string(), shape::guard))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::ok(shape::guard(&load(call, call.id())?)))
}

fn put(call: &mut Call<'_>) -> Result<Reply> {
    let location = tracked::location(&call.body()?)?;
    let guard = match call.tx.resource::<ResourceGuard>(call.id())? {
        Some(guard) => guard,
        None => {
            check_name(call.id())?;
            ResourceGuard {
                id: call.id().clone(),
                location,
                tags: Default::default(),
                description: None,
                exempt: Default::default(),
                exempt_names: Default::default(),
                created: call.stamp(),
                modified: call.stamp(),
            }
        }
    };
    // 200 also when it is new, as Azure answers.
    change(call, guard)
}

fn patch(call: &mut Call<'_>) -> Result<Reply> {
    let guard = load(call, call.id())?;
    change(call, guard)
}

/// Writes what the request makes of a guard. What the request leaves out stays as it is.
fn change(call: &mut Call<'_>, mut guard: ResourceGuard) -> Result<Reply> {
    let body = call.body()?;
    if let Some(location) = tracked::named_location(&body)? {
        tracked::stays(&guard.id, &guard.location, &location)?;
    }
    if let Some(tags) = tags::read(&body)? {
        guard.tags = tags;
    }
    let properties = body.object("properties")?;
    if let Some(description) = description(&properties)? {
        guard.description = Some(description).filter(|text| !text.is_empty());
    }
    let before = guard.exempt.clone();
    // `[]` clears the list, and saying nothing keeps it.
    if properties.get("vaultCriticalOperationExclusionList").is_some() {
        let names = properties.texts("vaultCriticalOperationExclusionList")?;
        guard.exclude(names)?;
    }
    guard.modified = call.stamp();
    let exempt = guard.exempt.clone();
    call.fact("exempt", guard.exclusions().join(", "));
    for (fact, operations) in
        [(EXEMPTED, exempt.difference(&before)), (PROTECTED, before.difference(&exempt))]
    {
        let names: Vec<String> = operations.copied().map(CriticalOperation::name).collect();
        if !names.is_empty() {
            call.fact(fact, names.join(", "));
        }
    }
    call.tx.put(&guard)?;
    Ok(Reply::ok(shape::guard(&guard)))
}

fn description(properties: &Fields<'_>) -> Result<Option<String>> {
    let text = properties.text("description")?.map(str::trim);
    if text.is_some_and(|text| text.chars().count() > MAX_DESCRIPTION) {
        return Err(properties.wrong("description", "at most 1024 characters long"));
    }
    Ok(text.map(String::from))
}

/// The guards at a scope and below it: those for which a role held there counts.
pub fn within(tx: &mut Transaction, scope: &ResourceId) -> Result<Vec<ResourceGuard>> {
    let here = tx.resource::<ResourceGuard>(scope)?;
    let below: Vec<ResourceGuard> = tx.below(scope)?;
    Ok(here.into_iter().chain(below).collect())
}

/// A guard that vaults are linked to stays: without it, nobody could consent to anything any more, and they would
/// all be shut.
fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let Some(guard) = call.tx.resource::<ResourceGuard>(call.id())? else {
        return Ok(Reply::empty(204));
    };
    let linked: Vec<GuardProxy> = call.tx.find(guard.id.folded())?;
    if !linked.is_empty() {
        return Err(Error::conflict(
            "UserErrorResourceGuardHasLinkedVaults",
            format!(
                "The Resource Guard '{}' protects {} vault(s) and cannot be deleted. 'GET {}/linkedVaults' lists them; \
                 remove multi-user authorization from each of them first.",
                guard.id.name(),
                linked.len(),
                guard.id
            ),
        ));
    }
    call.tx.delete::<ResourceGuard>(&guard.key());
    orphans::remove(call, &guard.id)?;
    Ok(Reply::empty(200))
}

fn load(call: &mut Call<'_>, id: &ResourceId) -> Result<ResourceGuard> {
    call.tx.resource::<ResourceGuard>(id)?.ok_or_else(|| tracked::not_found(id))
}

/// The guard that the path of a request below it names.
fn parent(call: &mut Call<'_>) -> Result<ResourceGuard> {
    let id = call
        .group()?
        .child(&format!("providers/Microsoft.DataProtection/resourceGuards/{}", call.params.get("guard")))?;
    load(call, &id)
}

/// Azure allows up to 260 characters (`ResourceId` sees to that); those that mean something in addresses are left out.
fn check_name(id: &ResourceId) -> Result<()> {
    let name = id.name();
    if name.chars().any(|c| "<>%&*:+\"|;".contains(c)) || name.ends_with('.') {
        return Err(tracked::invalid_name(
            id,
            "it may neither hold any of < > % & * : + \" | ; nor end with a period",
        ));
    }
    Ok(())
}
