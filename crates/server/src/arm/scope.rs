//! Which scopes an extension resource, a role assignment or a lock, may be set on.

use arm::{Error, ResourceId, Result};

/// Checks that a scope is a subscription, a resource group or a resource, and nothing in between.
///
/// The root and management groups are none of ours: a role up there would reach into every subscription of a tenant,
/// and nobody here owns that. A collection would be a scope that decisions never pass on their way up.
///
/// # Errors
/// `InvalidScope`.
pub fn check(scope: &ResourceId) -> Result<()> {
    let segments: Vec<&str> = scope.segments().collect();
    let is = |segment: &str, word: &str| segment.eq_ignore_ascii_case(word);
    let below = match segments.as_slice() {
        [first, _, rest @ ..] if is(first, "subscriptions") => rest,
        _ => return Err(invalid(scope)),
    };
    let provided = match below {
        [groups, _, rest @ ..] if is(groups, "resourceGroups") => rest,
        rest => rest,
    };
    let fits = match provided {
        [] => true,
        [providers, namespace, pairs @ ..] if is(providers, "providers") => {
            // Locks and role assignments are set on something; nothing is set on them.
            let extension = is(namespace, "Microsoft.Authorization")
                || pairs.iter().step_by(2).any(|kind| is(kind, "providers"));
            !pairs.is_empty() && pairs.len().is_multiple_of(2) && !extension
        }
        _ => false,
    };
    if fits { Ok(()) } else { Err(invalid(scope)) }
}

fn invalid(scope: &ResourceId) -> Error {
    Error::invalid(
        "InvalidScope",
        format!("'{scope}' is no subscription, resource group or resource; name one of these as the scope"),
    )
}

/// Whether one of two scopes lies in the other: what a list at a scope shows when it is not filtered.
pub fn related(a: &ResourceId, b: &ResourceId) -> bool {
    a.is_within(b) || b.is_within(a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_subscriptions_groups_and_resources() {
        let group = "/subscriptions/s/resourcegroups/rg";
        for (scope, fits) in [
            ("/subscriptions/s".to_string(), true),
            (group.to_string(), true),
            (format!("{group}/providers/N/vaults/v"), true),
            (format!("{group}/providers/N/vaults/v/items/i"), true),
            ("/subscriptions/s/providers/N/things/t".to_string(), true),
            ("/".to_string(), false),
            ("/providers/Microsoft.Management/managementGroups/m".to_string(), false),
            ("/subscriptions".to_string(), false),
            ("/subscriptions/s/resourceGroups".to_string(), false),
            ("/subscriptions/s/other/o".to_string(), false),
            ("/subscriptions/s/providers/microsoft.authorization/locks/l".to_string(), false),
            (format!("{group}/providers/N"), false),
            (format!("{group}/providers/N/vaults"), false),
            (format!("{group}/providers/N/vaults/v/providers/M/locks/l"), false),
        ] {
            assert_eq!(check(&ResourceId::parse(&scope).unwrap()).is_ok(), fits, "{scope}");
        }
    }
}
