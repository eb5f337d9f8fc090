//! What was made of many documents, kept in memory until one of them changes: so that a list of thousands need not be read for
//! the few of it that somebody wants to see.
//!
//! Nothing is followed. Each decision asks for the fingerprint of the range that its own snapshot has, and what is kept
//! counts for exactly that one. The fingerprint is part of the commit's condition, as when the documents were read.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::batch::Fingerprint;

/// How many documents all that is kept may be made of. When it is more, everything is made again when it is asked for.
const DOCUMENTS: usize = 200_000;

/// What is kept.
#[derive(Default)]
pub(crate) struct Kept(Mutex<State>);

#[derive(Default)]
struct State {
    /// By what it is and where its range begins.
    made: HashMap<(TypeId, String), Made>,
    documents: usize,
}

struct Made {
    seen: Fingerprint,
    documents: usize,
    what: Arc<dyn Any + Send + Sync>,
}

impl Kept {
    /// What was made of a range that had this fingerprint.
    pub(crate) fn find<M: Any + Send + Sync>(&self, lower: &str, seen: Fingerprint) -> Option<Arc<M>> {
        let state = self.0.lock();
        let made = state.made.get(&(TypeId::of::<M>(), lower.to_string()))?;
        if made.seen == seen { Arc::clone(&made.what).downcast().ok() } else { None }
    }

    /// Keeps what was made of so many documents.
    pub(crate) fn keep<M: Any + Send + Sync>(
        &self,
        lower: String,
        seen: Fingerprint,
        documents: usize,
        what: Arc<M>,
    ) {
        let mut state = self.0.lock();
        if state.documents + documents > DOCUMENTS {
            *state = State::default();
        }
        if documents > DOCUMENTS {
            return;
        }
        state.documents += documents;
        let before = state.made.insert((TypeId::of::<M>(), lower), Made { seen, documents, what });
        state.documents -= before.map_or(0, |before| before.documents);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEEN: Fingerprint = Fingerprint { count: 2, highest: 7 };

    #[test]
    fn what_is_kept_counts_for_its_fingerprint_alone() {
        let kept = Kept::default();
        kept.keep("a/".into(), SEEN, 2, Arc::new(5_u32));
        assert_eq!(kept.find::<u32>("a/", SEEN).as_deref(), Some(&5));
        assert_eq!(kept.find::<u64>("a/", SEEN), None, "another kind of thing");
        assert_eq!(kept.find::<u32>("b/", SEEN), None);
        for changed in [Fingerprint { count: 1, ..SEEN }, Fingerprint { highest: 8, ..SEEN }] {
            assert_eq!(kept.find::<u32>("a/", changed), None);
        }
        kept.keep("a/".into(), Fingerprint { highest: 8, ..SEEN }, 3, Arc::new(6_u32));
        assert_eq!(kept.find::<u32>("a/", SEEN), None);
        assert_eq!(kept.0.lock().documents, 3);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let kept = Kept::default();
        kept.keep("a/".into(), SEEN, DOCUMENTS - 1, Arc::new(1_u32));
        kept.keep("b/".into(), SEEN, 2, Arc::new(2_u32));
        assert_eq!(kept.find::<u32>("a/", SEEN), None);
        assert_eq!(kept.find::<u32>("b/", SEEN).as_deref(), Some(&2));
        kept.keep("c/".into(), SEEN, DOCUMENTS + 1, Arc::new(3_u32));
        assert_eq!(kept.find::<u32>("c/", SEEN), None);
    }
}
