//! Reading documents from a snapshot.

use std::borrow::Cow;
use std::collections::HashMap;

use arm::{ObjectId, ResourceId, RoleId};
use rbac::{Assignment, PlainAssignment, Window};
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
    scope: Cow<'a, str>,
    role: RoleId,
    principal: ObjectId,
    window: Option<Window>,
    origin: OriginView,
    /// That there is one is enough.
    condition: Option<IgnoredAny>,
}

/// [`rbac::Origin`], which serde reads in a roundabout way, as an enum with its tag inside.
#[derive(Deserialize)]
struct OriginView {
    kind: OriginKind,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum OriginKind {
    Assigned,
    Activated,
}

/// Role assignments as they were read: what decides, without what they are for and who made them when.
#[derive(Default)]
pub(super) struct Assignments {
    /// Scopes, and where the assignments at each end. Read in the order of their keys, those at one scope mostly come one
    /// after the other.
    scopes: Vec<(ResourceId, usize)>,
    plain: Vec<PlainAssignment>,
    /// Those that were activated, and those whose ids do not follow from their scopes.
    other: Vec<Assignment>,
}

impl Assignments {
    /// Adds one.
    pub(super) fn read(&mut self, key: &str, body: &str) -> Result<(), StoreError> {
        let broken = |error: &dyn std::fmt::Display| broken::<Assignment>(key, error);
        let view: View<'_> = serde_json::from_str(body).map_err(|error| broken(&error))?;
        if self.scopes.last().is_none_or(|(scope, _)| scope.as_str() != view.scope) {
            let scope = ResourceId::parse(&view.scope).map_err(|error| broken(&error.message))?;
            self.scopes.push((scope, self.plain.len()));
        }
        let Some((scope, end)) = self.scopes.last_mut() else { return Ok(()) };
        let name = PlainAssignment::name_in(key, scope);
        match (view.origin.kind, name) {
            (OriginKind::Assigned, Some(name)) => {
                self.plain.push(PlainAssignment {
                    name,
                    role: view.role,
                    principal: view.principal,
                    window: view.window,
                    conditional: view.condition.is_some(),
                });
                *end = self.plain.len();
            }
            (OriginKind::Assigned, None) | (OriginKind::Activated, _) => self.other.push(parse(key, body)?),
        }
        Ok(())
    }

    /// What was read, by scope, but for [the others](Self::other).
    pub(super) fn plain(&self) -> impl Iterator<Item = (&ResourceId, &[PlainAssignment])> {
        let mut start = 0;
        self.scopes.iter().map(move |(scope, end)| {
            let plain = self.plain.get(start..*end).unwrap_or_default();
            start = *end;
            (scope, plain)
        })
    }

    /// Those that were activated, and those whose ids do not follow from their scopes.
    pub(super) fn other(&self) -> &[Assignment] {
        &self.other
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
