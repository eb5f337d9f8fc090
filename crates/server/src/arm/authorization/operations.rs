//! The operations that a role can grant, read off the routes and the table of critical operations: what is listed is
//! what is asked for.

use std::collections::{BTreeMap, BTreeSet};

use arm::{Error, Result};
use mua::CriticalOperation;
use serde_json::{Value, json};

use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::route::Needs;
use crate::arm::routes::ROUTES;

/// All namespaces.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let namespaces: Vec<_> = by_namespace().into_iter().collect();
    Ok(call.page(namespaces, |(namespace, _)| namespace.clone(), json))
}

/// One namespace.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let asked = call.params.get("namespace");
    by_namespace()
        .into_iter()
        .find(|(namespace, _)| namespace.eq_ignore_ascii_case(asked))
        .map(|found| Reply::ok(json(&found)))
        .ok_or_else(|| {
            let message = format!("The provider namespace '{asked}' could not be found.");
            Error::not_found("ProviderNotFound", message)
        })
}

/// Actions by namespace and resource type. Spellings that differ in case alone are one.
type Types = BTreeMap<String, BTreeSet<String>>;

fn by_namespace() -> BTreeMap<String, Types> {
    let routed = ROUTES.iter().copied().flatten().filter_map(|route| match route.needs {
        Needs::Action(action) => Some(action.to_string()),
        Needs::SignedIn => None,
    });
    let consents = CriticalOperation::ALL.iter().map(|operation| operation.guard_action());
    let mut seen = BTreeSet::new();
    let mut namespaces: BTreeMap<String, Types> = BTreeMap::new();
    for action in routed.chain(consents) {
        let Some((namespace, rest)) = action.split_once('/') else {
            continue;
        };
        if seen.insert(action.to_ascii_lowercase()) {
            let resource_type = rest.rsplit_once('/').map_or("", |(resource_type, _)| resource_type);
            let types = namespaces.entry(namespace.to_string()).or_default();
            types.entry(resource_type.to_string()).or_default().insert(action.clone());
        }
    }
    namespaces
}

fn json((namespace, types): &(String, Types)) -> Value {
    let operations = |actions: &BTreeSet<String>| -> Vec<Value> {
        let one = |action: &String| json!({ "name": action, "displayName": action, "isDataAction": false });
        actions.iter().map(one).collect()
    };
    let types: Vec<Value> = types
        .iter()
        .map(
            |(name, actions)| json!({ "name": name, "displayName": name, "operations": operations(actions) }),
        )
        .collect();
    json!({
        "id": format!("/providers/Microsoft.Authorization/providerOperations/{namespace}"),
        "name": namespace,
        "type": "Microsoft.Authorization/providerOperations",
        "displayName": namespace,
        "operations": [],
        "resourceTypes": types,
    })
}
