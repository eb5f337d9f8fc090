//! How much a vault holds (contract 4.1).

use arm::Result;
use serde_json::{Value, json};
use store::Holder;
use vault::{Container, RecoveryPoint, RepositoryQuota};

use super::load;
use crate::arm::call::Call;
use crate::arm::recovery::place;
use crate::arm::reply::Reply;

/// `GET usages`. What is stored may have a limit, a quota; nothing else has one.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let vault = load(call)?;
    let items = place::items(call, &vault.id)?;
    let containers: Vec<Container> = call.tx.below(&vault.id)?;
    let mut points: Vec<RecoveryPoint> = call.tx.below(&vault.id)?;
    points.retain(|point| items.iter().any(|item| item.short == point.repository));
    let mut stored =
        usage("StorageUsed", "Stored bytes", "Bytes", json!(call.tx.stored(&Holder::below(&vault.id))?));
    if let (Some(quota), Some(stored)) =
        (call.tx.resource::<RepositoryQuota>(&vault.id)?, stored.as_object_mut())
    {
        stored.insert("limit".into(), quota.limit.into());
    }
    let deleted = items.iter().filter(|item| item.deletion.is_some()).count();
    Ok(Reply::list(vec![
        usage("ProtectedItemCount", "Protected items", "Count", json!(items.len())),
        usage("SoftDeletedItemCount", "Soft-deleted items", "Count", json!(deleted)),
        usage("ProtectedServerCount", "Registered containers", "Count", json!(containers.len())),
        usage("RecoveryPointCount", "Recovery points", "Count", json!(points.len())),
        stored,
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
