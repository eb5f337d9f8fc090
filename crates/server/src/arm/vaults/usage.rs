//! How much a vault holds (contract 4.1).

use arm::Result;
use serde_json::{Value, json};
use vault::{Container, RecoveryPoint};

use super::load;
use crate::arm::call::Call;
use crate::arm::recovery::place;
use crate::arm::reply::Reply;

/// `GET usages`. There are no limits, so none are named.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    let items = place::items(call, &vault.id)?;
    let containers: Vec<Container> = call.tx.below(&vault.id)?;
    let mut points: Vec<RecoveryPoint> = call.tx.below(&vault.id)?;
    points.retain(|point| items.iter().any(|item| item.short == point.repository));
    let mut bytes = 0_u64;
    for item in &items {
        bytes = bytes.saturating_add(call.tx.usage(&item.short)?.1);
    }
    let deleted = items.iter().filter(|item| item.deletion.is_some()).count();
    Ok(Reply::list(vec![
        usage("ProtectedItemCount", "Protected items", "Count", json!(items.len())),
        usage("SoftDeletedItemCount", "Soft-deleted items", "Count", json!(deleted)),
        usage("ProtectedServerCount", "Registered containers", "Count", json!(containers.len())),
        usage("RecoveryPointCount", "Recovery points", "Count", json!(points.len())),
        usage("StorageUsed", "Stored bytes", "Bytes", json!(bytes)),
    ]))
}

/// `GET replicationUsages`: no vault of this server replicates machines.
pub fn replication(call: &mut Call<'_>) -> Result<Reply> {
    load(call)?;
    Ok(Reply::list(Vec::new()))
}

fn usage(name: &str, localized: &str, unit: &str, value: Value) -> Value {
    json!({
        "name": { "value": name, "localizedValue": localized },
        "unit": unit,
        "currentValue": value,
    })
}
