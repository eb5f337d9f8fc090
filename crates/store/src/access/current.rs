//! The compiled state that decisions share, and how it keeps up with the database.
//!
//! A decision holds on to the state of exactly the revision that its snapshot has. When the database is ahead, the first
//! to notice takes in the changes, and the others wait for that. There may be a million assignments, so that nothing is
//! copied for it, as a rule: if nobody is reading the published state, it is changed in place; if somebody is, then a
//! second copy is, which lags a little behind, and the two change places. The second copy is made when it is needed for
//! the first time, and given up when it has not been needed for long.

use std::sync::Arc;

use parking_lot::{Mutex, RwLock};

use super::Access;
use crate::engine::Snapshot;
use crate::error::StoreError;

/// How many revisions the second copy may lag behind before it is given up.
const LAG: i64 = 1000;

/// What is compiled.
#[derive(Default)]
pub(crate) struct Current {
    copies: RwLock<Copies>,
    /// Held by whoever takes in changes.
    turn: Mutex<()>,
}

#[derive(Default)]
struct Copies {
    /// What decisions are given.
    published: Option<Arc<Access>>,
    /// What was published before, if it is kept.
    spare: Option<Arc<Access>>,
}

/// What there is for a revision.
enum Found {
    This(Arc<Access>),
    /// Only a later one: the snapshot is of the past.
    Later,
    /// Only an earlier one, or nothing.
    Earlier,
}

impl Current {
    /// The compiled state of a snapshot, whose revision of access is given. `None` when the state has moved on since the
    /// snapshot was taken; what is decided with it could not be committed any more.
    pub(crate) fn at(
        &self,
        snapshot: &dyn Snapshot,
        revision: i64,
    ) -> Result<Option<Arc<Access>>, StoreError> {
        if let Some(known) = self.find(revision).known() {
            return Ok(known);
        }
        let _turn = self.turn.lock();
        // Somebody else may have done it in the meantime.
        if let Some(known) = self.find(revision).known() {
            return Ok(known);
        }
        let access = Arc::new(self.bring_up(snapshot, revision)?);
        self.publish(Arc::clone(&access));
        Ok(Some(access))
    }

    /// The same without waiting for anything.
    ///
    /// # Errors
    /// [`StoreError::NotAtHand`] when changes have to be taken in first; and when the state is ahead of what memory holds of the
    /// database. That is so for the moment between a commit and the writer's next step, which may be long for a writer that
    /// has to wait for a processor: asking memory again at once would give the same answer, and the database knows better.
    pub(crate) fn at_hand(&self, revision: i64) -> Result<Arc<Access>, StoreError> {
        match self.find(revision) {
            Found::This(access) => Ok(access),
            Found::Later | Found::Earlier => Err(StoreError::NotAtHand),
        }
    }

    fn find(&self, revision: i64) -> Found {
        match &self.copies.read().published {
            Some(access) if access.revision() == revision => Found::This(Arc::clone(access)),
            Some(access) if access.revision() > revision => Found::Later,
            Some(_) | None => Found::Earlier,
        }
    }

    fn bring_up(&self, snapshot: &dyn Snapshot, revision: i64) -> Result<Access, StoreError> {
        if let Some(mut access) = self.take()
            && access.follow(snapshot, revision)?
        {
            return Ok(access);
        }
        Access::load(snapshot, revision)
    }

    /// A state that nobody else has. What is taken is thrown away if something goes wrong with it.
    fn take(&self) -> Option<Access> {
        let mut copies = self.copies.write();
        match copies.published.take().map(Arc::try_unwrap) {
            Some(Ok(unread)) => return Some(unread),
            Some(Err(read)) => copies.published = Some(read),
            None => {}
        }
        if let Some(Ok(unread)) = copies.spare.take().map(Arc::try_unwrap) {
            return Some(unread);
        }
        let published = copies.published.clone();
        drop(copies);
        published.map(|published| Access::clone(&published))
    }

    fn publish(&self, access: Arc<Access>) {
        let mut copies = self.copies.write();
        let revision = access.revision();
        let mut old = copies.published.replace(access).or_else(|| copies.spare.take());
        if old.as_ref().is_some_and(|old| old.revision() + LAG >= revision) {
            std::mem::swap(&mut copies.spare, &mut old);
        }
        // To take a large one apart takes a moment.
        drop(copies);
        drop(old);
    }
}

impl Found {
    fn known(self) -> Option<Option<Arc<Access>>> {
        match self {
            Self::This(access) => Some(Some(access)),
            Self::Later => Some(None),
            Self::Earlier => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Memory, Place, Store};

    #[test]
    fn what_is_at_hand_is_of_that_very_revision() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { database: Database::Memory(Memory::default()), ..Place::folder(folder.path()) };
        let store = Store::open_at(&place).unwrap();
        let access = store.transact(|tx| tx.access()).unwrap();
        let (current, revision) = (store.current_access(), access.revision());
        assert!(Arc::ptr_eq(&current.at_hand(revision).unwrap(), &access));
        for other in [revision - 1, revision + 1] {
            assert!(matches!(current.at_hand(other), Err(StoreError::NotAtHand)), "{other}");
        }
    }
}
