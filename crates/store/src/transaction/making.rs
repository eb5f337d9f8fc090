//! What a decision reads of lists that are too long to be read each time.

use std::sync::Arc;

use arm::{Error, ResourceId, Result};

use super::{Transaction, below};
use crate::batch::{Condition, Row};
use crate::document::Document;
use crate::made::{Made, Parts};

impl Transaction {
    /// What is made of a part of each document of the kind below this resource, in key order. It is kept until one of them
    /// changes, and then only those that did are read again. Writes of this decision are not among them.
    pub fn made_below<D, P, M>(
        &mut self,
        scope: &ResourceId,
        part: impl Fn(D) -> P,
        make: impl FnOnce(Vec<P>) -> M,
    ) -> Result<Arc<M>>
    where
        D: Document,
        P: Clone + Send + Sync + 'static,
        M: Send + Sync + 'static,
    {
        let (made, condition) = self.make_below(scope, part, make)?;
        self.batch.conditions.push(condition);
        Ok(made)
    }

    /// As [`made_below`](Self::made_below), but not part of the commit's condition: for what stays right whatever of it
    /// changes.
    pub fn glance_made_below<D, P, M>(
        &self,
        scope: &ResourceId,
        part: impl Fn(D) -> P,
        make: impl FnOnce(Vec<P>) -> M,
    ) -> Result<Arc<M>>
    where
        D: Document,
        P: Clone + Send + Sync + 'static,
        M: Send + Sync + 'static,
    {
        Ok(self.make_below(scope, part, make)?.0)
    }

    /// What is made of them, and the condition under which it still is.
    fn make_below<D, P, M>(
        &self,
        scope: &ResourceId,
        part: impl Fn(D) -> P,
        make: impl FnOnce(Vec<P>) -> M,
    ) -> Result<(Arc<M>, Condition)>
    where
        D: Document,
        P: Clone + Send + Sync + 'static,
        M: Send + Sync + 'static,
    {
        let (lower, upper) = below(scope);
        let seen = self.snapshot.seen(D::KIND, &lower, &upper)?;
        let condition = Condition::Range { kind: D::KIND, lower: lower.clone(), upper: upper.clone(), seen };
        let before = self.store.as_ref().and_then(|store| store.made().find::<P, M>(&lower));
        if let Some(made) = before.as_ref().filter(|made| made.seen == seen) {
            return Ok((Arc::clone(&made.whole), condition));
        }
        let read = |rows: Vec<Row>, parts: &mut Parts<P>| {
            rows.iter().try_for_each(|row| {
                let end = row.key().strip_prefix(&lower).unwrap_or(row.key());
                parts.insert(end.into(), part(row.read()?));
                Ok::<(), Error>(())
            })
        };
        let mut parts = Parts::new();
        if let Some(made) = before.filter(|made| made.seen.highest < seen.highest) {
            parts = made.parts.clone();
            read(self.snapshot.changed(D::KIND, &lower, &upper, made.seen.highest)?, &mut parts)?;
        }
        // With those that changed since, there are as many as there should be: unless one is gone, these are all.
        if i64::try_from(parts.len()) != Ok(seen.count) {
            parts.clear();
            read(self.snapshot.range(D::KIND, &lower, &upper)?, &mut parts)?;
        }
        let whole = Arc::new(make(parts.values().cloned().collect()));
        if let Some(store) = &self.store {
            store.made().keep(lower, Made { seen, parts, whole: Arc::clone(&whole) });
        }
        Ok((whole, condition))
    }
}
