//! What was made of many documents, kept in memory with the part of each that it was made of: so that a list of thousands need
//! not be read for the few of it that somebody wants to see, and one that comes does not make all of them be read again.
//!
//! Nothing is followed. Each decision asks for the fingerprint of the range that its own snapshot has, and what is kept
//! counts for exactly that one. The fingerprint is part of the commit's condition, as when the documents were read.

use std::any::{Any, TypeId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::batch::Fingerprint;

/// How many documents all that is kept may be made of. When it is more, everything is made again when it is asked for.
const DOCUMENTS: usize = 100_000;

/// The parts of the documents of a range, by the ends of their keys.
pub(crate) type Parts<P> = BTreeMap<Box<str>, P>;

/// What was made of a range, and of what.
pub(crate) struct Made<P, M> {
    /// What the range was.
    pub(crate) seen: Fingerprint,
    /// What was taken of each document.
    pub(crate) parts: Parts<P>,
    /// What was made of that.
    pub(crate) whole: Arc<M>,
}

/// What is kept.
#[derive(Default)]
pub(crate) struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    /// By what it is and where its range begins.
    made: HashMap<(TypeId, String), Held>,
    documents: usize,
}

struct Held {
    documents: usize,
    made: Arc<dyn Any + Send + Sync>,
}

impl Kept {
    /// What was made last of a range, whatever that was then.
    pub(crate) fn find<P, M>(&self, lower: &str) -> Option<Arc<Made<P, M>>>
    where
        Made<P, M>: Any + Send + Sync,
    {
        let state = self.0.lock();
        let held = state.made.get(&(TypeId::of::<Made<P, M>>(), lower.to_string()))?;
        Arc::clone(&held.made).downcast().ok()
    }

    /// Keeps what was made of a range.
    pub(crate) fn keep<P, M>(&self, lower: String, made: Made<P, M>)
    where
        Made<P, M>: Any + Send + Sync,
    {
        let documents = made.parts.len();
        let mut state = self.0.lock();
        if state.documents + documents > DOCUMENTS {
            *state = State::default();
        }
        if documents > DOCUMENTS {
            return;
        }
        state.documents += documents;
        let held = Held { documents, made: Arc::new(made) };
        let before = state.made.insert((TypeId::of::<Made<P, M>>(), lower), held);
        state.documents -= before.map_or(0, |before| before.documents);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made<M>(documents: usize, whole: M) -> Made<(), M> {
        let parts = (0..documents).map(|number| (number.to_string().into(), ())).collect();
        Made { seen: Fingerprint { count: documents as i64, highest: 7 }, parts, whole: Arc::new(whole) }
    }

    fn whole<M: Send + Sync + 'static>(kept: &Kept, lower: &str) -> Option<Arc<M>> {
        kept.find::<(), M>(lower).map(|made| Arc::clone(&made.whole))
    }

    #[test]
    fn what_is_kept_is_found_by_what_it_is() {
        let kept = Kept::default();
        kept.keep("a/".into(), made(2, 5_u32));
        assert_eq!(whole::<u32>(&kept, "a/").as_deref(), Some(&5));
        assert_eq!(whole::<u64>(&kept, "a/"), None, "another kind of thing");
        assert_eq!(whole::<u32>(&kept, "b/"), None);
        kept.keep("a/".into(), made(3, 6_u32));
        assert_eq!(whole::<u32>(&kept, "a/").as_deref(), Some(&6));
        assert_eq!(kept.0.lock().documents, 3);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let kept = Kept::default();
        kept.keep("a/".into(), made(DOCUMENTS - 1, 1_u32));
        kept.keep("b/".into(), made(2, 2_u32));
        assert_eq!(whole::<u32>(&kept, "a/"), None);
        assert_eq!(whole::<u32>(&kept, "b/").as_deref(), Some(&2));
        kept.keep("c/".into(), made(DOCUMENTS + 1, 3_u32));
        assert_eq!(whole::<u32>(&kept, "c/"), None);
    }
}
