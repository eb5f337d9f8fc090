//! How a guard looks in answers (contract 2.2).

use mua::{CriticalOperation, ResourceGuard};
use serde_json::{Value, json};

use crate::arm::tracked;

/// A guard.
pub fn guard(guard: &ResourceGuard) -> Value {
    let operation = |operation: CriticalOperation| {
        json!({
            "vaultCriticalOperation": operation.name(),
            "requestResourceType": operation.request_resource_type(),
        })
    };
    json!({
        "id": guard.id,
        "name": guard.id.name(),
        "type": "Microsoft.DataProtection/resourceGuards",
        "location": guard.location,
        "tags": guard.tags,
        "eTag": null,
        "properties": {
            "provisioningState": "Succeeded",
            "allowAutoApprovals": true,
            "description": guard.description,
            "resourceGuardOperations": guard.protected().map(operation).collect::<Vec<_>>(),
            "vaultCriticalOperationExclusionList": guard.exclusions(),
        },
        "systemData": tracked::system_data(&guard.created, &guard.modified),
    })
}
