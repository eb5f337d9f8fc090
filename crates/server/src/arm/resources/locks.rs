//! Management locks (contract 6.8). What they forbid is checked by the dispatcher, for every request.

use arm::{ResourceId, Result};
use resources::{Lock, LockLevel};
use serde_json::{Value, json};

use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::{filters, scope};

/// What reading a lock needs.
pub const READ: &str = "Microsoft.Authorization/locks/read";
/// The longest note, in characters.
const MAX_NOTES_CHARS: usize = 512;

/// The locks that have to do with a scope: set on it, above it or below it; with `atScope()` not those below.
pub fn list(call: &mut Call<'_>) -> Result<Reply> {
    let at = checked_scope(call)?;
    let filter = filters::filter(call, &[], &["atScope"])?;
    let here = filter.call("atScope").is_some();
    let subscription = ResourceId::subscription(call.subscription()?);
    let mut locks: Vec<Lock> = call.tx.below(&subscription)?;
    locks.retain(|lock| at.is_within(&lock.scope) || (!here && lock.scope.is_within(&at)));
    Ok(call.page(locks, |lock| lock.id.folded().to_string(), json))
}

/// One lock.
pub fn get(call: &mut Call<'_>) -> Result<Reply> {
    let (_, id) = target(call)?;
    let lock: Option<Lock> = call.tx.resource(&id)?;
    lock.map(|lock| Reply::ok(json(&lock))).ok_or_else(|| {
        let message = format!("The lock '{}' could not be found.", id.name());
        arm::Error::not_found("LockNotFound", message)
    })
}

/// Sets a lock. What it locks need not exist yet.
pub fn put(call: &mut Call<'_>) -> Result<Reply> {
    let (at, id) = target(call)?;
    let properties = call.properties()?;
    let level = properties.text("level")?.map(|text| {
        LockLevel::parse(text).ok_or_else(|| properties.wrong("level", "'CanNotDelete' or 'ReadOnly'"))
    });
    let level = level.transpose()?;
    let notes = properties.text("notes")?.map(String::from);
    if notes.as_ref().is_some_and(|notes| notes.chars().count() > MAX_NOTES_CHARS) {
        return Err(properties.wrong("notes", &format!("at most {MAX_NOTES_CHARS} characters")));
    }
    let before: Option<Lock> = call.tx.resource(&id)?;
    let created = before.is_none();
    let lock = match before {
        Some(lock) => Lock { level: level.unwrap_or(lock.level), notes: notes.or(lock.notes), ..lock },
        None => Lock { id, scope: at, level: level.ok_or_else(|| properties.missing("level"))?, notes },
    };
    call.fact("level", lock.level.as_str());
    call.tx.put(&lock)?;
    Ok(Reply::put(created, json(&lock)))
}

/// Removes a lock.
pub fn delete(call: &mut Call<'_>) -> Result<Reply> {
    let (_, id) = target(call)?;
    let Some(lock) = call.tx.resource::<Lock>(&id)? else {
        return Ok(Reply::empty(204));
    };
    call.fact("level", lock.level.as_str());
    call.tx.delete::<Lock>(id.folded());
    Ok(Reply::empty(200))
}

fn checked_scope(call: &Call<'_>) -> Result<ResourceId> {
    let at = call.scope()?;
    scope::check(&at)?;
    Ok(at)
}

fn target(call: &Call<'_>) -> Result<(ResourceId, ResourceId)> {
    let at = checked_scope(call)?;
    let name = call.params.get("name");
    let id = at.child(&format!("providers/Microsoft.Authorization/locks/{name}"))?;
    Ok((at, id))
}

fn json(lock: &Lock) -> Value {
    let mut properties = json!({ "level": lock.level.as_str() });
    if let (Some(notes), Some(object)) = (&lock.notes, properties.as_object_mut()) {
        object.insert("notes".into(), notes.clone().into());
    }
    json!({
        "id": lock.id,
        "name": lock.id.name(),
        "type": "Microsoft.Authorization/locks",
        "properties": properties,
    })
}
