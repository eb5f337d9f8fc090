//! Reading documents from a snapshot.

use std::borrow::Cow;
use std::collections::HashMap;

use arm::{ObjectId, RequestId, ResourceId, RoleId};
use rbac::{Assignment, Origin, PrincipalKind, Window};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::document::Document;
use crate::engine::Snapshot;
use crate::error::StoreError;

/// Hands on all documents of a kind, in the order of their keys.
pub(super) fn each<D: Document>(snapshot: &dyn Snapshot, mut take: impl FnMut(D)) -> Result<(), StoreError> {
    snapshot.each(D::KIND, &mut |key, body| {
        take(parse(key, body)?);
        Ok(())
    })
}

/// Those of these documents that exist, by their keys.
pub(super) fn these<D: Document>(
    snapshot: &dyn Snapshot,
    keys: impl IntoIterator<Item = String>,
) -> Result<HashMap<String, D>, StoreError> {
    let keys: Vec<String> = keys.into_iter().collect();
    let rows = snapshot.documents(D::KIND, &keys)?;
    rows.into_iter()
        .map(|row| {
            let document = parse(&row.key, &row.body)?;
            Ok((row.key, document))
        })
        .collect()
}

fn parse<D: Document>(key: &str, body: &str) -> Result<D, StoreError> {
    serde_json::from_str(body).map_err(|error| broken::<D>(key, &error))
}

fn broken<D: Document>(key: &str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("the stored {} `{key}` cannot be read: {error}", D::KIND))
}

/// What a decision reads of a role assignment. There may be a million of them, so that nothing else is read, and what
/// is read is borrowed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    scope: Cow<'a, str>,
    role: RoleId,
    principal: ObjectId,
    principal_kind: PrincipalKind,
    window: Option<Window>,
    origin: OriginView,
    condition: Option<IgnoredAny>,
}

/// [`Origin`], which serde reads in a roundabout way, as an enum with its tag inside.
#[derive(Deserialize)]
struct OriginView {
    kind: OriginKind,
    request: Option<RequestId>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum OriginKind {
    Assigned,
    Activated,
}

/// Reads what decisions need of role assignments. What they are for, and who made them when, is left out.
#[derive(Default)]
pub(super) struct Assignments {
    /// The one before. Read in the order of their keys, those of a scope come one after the other.
    last: Option<Assignment>,
}

impl Assignments {
    pub(super) fn read(&mut self, key: &str, body: &str) -> Result<&Assignment, StoreError> {
        let broken = |error: &dyn std::fmt::Display| broken::<Assignment>(key, error);
        let resource = |text: &str| ResourceId::parse(text).map_err(|error| broken(&error.message));
        let view: View<'_> = serde_json::from_str(body).map_err(|error| broken(&error))?;
        let origin = match (view.origin.kind, view.origin.request) {
            (OriginKind::Assigned, _) => Origin::Assigned,
            (OriginKind::Activated, Some(request)) => Origin::Activated { request },
            (OriginKind::Activated, None) => return Err(broken(&"it names no request")),
        };
        let id = resource(&view.id)?;
        let scope = match self.last.take() {
            Some(last) if last.scope.as_str() == view.scope => last.scope,
            Some(_) | None => resource(&view.scope)?,
        };
        let made = Assignment::new(id, scope, view.role, view.principal, view.principal_kind);
        // That there is a condition is enough.
        let condition = view.condition.map(|_| String::new());
        Ok(self.last.insert(Assignment { window: view.window, origin, condition, ..made }))
    }
}

/// The principal of a role assignment.
pub(super) fn assigned_principal(key: &str, body: &str) -> Result<ObjectId, StoreError> {
    #[derive(Deserialize)]
    struct Only {
        principal: ObjectId,
    }
    let only: Only = serde_json::from_str(body).map_err(|error| broken::<Assignment>(key, &error))?;
    Ok(only.principal)
}
