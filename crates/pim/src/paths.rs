//! The resource ids of `Microsoft.Authorization`, which hang below any scope.

use arm::{RequestId, ResourceId, RoleId};

/// `{scope}/providers/Microsoft.Authorization/{kind}/{name}`.
pub(crate) fn below(scope: &ResourceId, kind: &str, name: &str) -> String {
    let scope = if scope.is_root() { "" } else { scope.as_str() };
    format!("{scope}/providers/Microsoft.Authorization/{kind}/{name}")
}

/// A role definition's id as Azure writes it for a scope: below the scope's subscription, if it lies in one.
pub fn role_definition_id(scope: &ResourceId, role: RoleId) -> String {
    let scope = scope.subscription_id().map_or_else(ResourceId::root, ResourceId::subscription);
    below(&scope, "roleDefinitions", &role.to_string())
}

/// The id of an approval. It has no scope in it, which is why a request's name must be unique in the whole server.
pub fn approval_id(name: RequestId) -> String {
    below(&ResourceId::root(), "roleAssignmentApprovals", &name.to_string())
}

/// The id of an approval's stage.
pub(crate) fn stage_id(approval: RequestId, stage: RequestId) -> String {
    format!("{}/stages/{stage}", approval_id(approval))
}
