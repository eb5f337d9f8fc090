//! Reading documents from a snapshot.

use std::collections::HashMap;

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
            let document = parse(row.key(), row.body())?;
            Ok((row.key().to_string(), document))
        })
        .collect()
}

/// Reads a document.
pub(super) fn parse<D: Document>(key: &str, body: &str) -> Result<D, StoreError> {
    serde_json::from_str(body).map_err(|error| broken::<D>(key, &error))
}

/// Why a document cannot be read.
pub(super) fn broken<D: Document>(key: &str, error: &dyn std::fmt::Display) -> StoreError {
    StoreError::Corrupt(format!("the stored {} `{key}` cannot be read: {error}", D::KIND))
}
