//! Which of several servers does the work that one is enough for.
//!
//! A lease is an arrangement, not a lock: who held it may go on for a moment after it has ended, and two clocks that
//! disagree see its end at different instants. So it is for work that may be done twice.

use arm::Result;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Transaction;

/// Who does a piece of work, and until when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// The work; the key of the document.
    pub name: String,
    /// The server, by an id that each start of one draws.
    pub holder: Uuid,
    /// From this instant on anybody may take it.
    pub until: Timestamp,
}

impl Lease {
    /// The lease of a server that asks for it, to be written: for the first time, or renewed. `None` while another one
    /// holds it. One that ends later than two terms from now was taken by somebody whose clock is wrong, and does not
    /// count: nobody could take it for as long as that clock was ahead.
    pub fn take(
        held: Option<&Self>,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        term: SignedDuration,
    ) -> Option<Self> {
        let after = |terms: i32| {
            term.checked_mul(terms).and_then(|time| now.checked_add(time).ok()).unwrap_or(Timestamp::MAX)
        };
        let holds = |held: &&Self| held.holder != holder && now < held.until && held.until <= after(2);
        match held.filter(holds) {
            Some(_) => None,
            None => Some(Self { name: name.to_string(), holder, until: after(1) }),
        }
    }

    /// Takes or renews a lease in a decision. Returns whether the server holds it once the decision is committed.
    ///
    /// # Errors
    /// When the store fails.
    pub fn hold(
        tx: &mut Transaction,
        name: &str,
        holder: Uuid,
        now: Timestamp,
        term: SignedDuration,
    ) -> Result<bool> {
        let held: Option<Self> = tx.get(name)?;
        let taken = Self::take(held.as_ref(), name, holder, now, term);
        taken.as_ref().map(|lease| tx.put(lease)).transpose()?;
        Ok(taken.is_some())
    }

    /// Gives a lease back, so that others need not wait for its end. One that is held by another stays.
    ///
    /// # Errors
    /// When the store fails.
    pub fn release(tx: &mut Transaction, name: &str, holder: Uuid) -> Result<()> {
        if tx.get::<Self>(name)?.is_some_and(|held| held.holder == holder) {
            tx.delete::<Self>(name);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Store;

    const TERM: SignedDuration = SignedDuration::from_secs(60);
    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn take(held: Option<&Lease>, holder: Uuid, now: i64) -> Option<Lease> {
        Lease::take(held, "work", holder, at(now), TERM)
    }

    #[test]
    fn a_lease_is_taken_renewed_and_lost() {
        let first = take(None, A, 0).unwrap();
        assert_eq!(first, Lease { name: "work".into(), holder: A, until: at(60) });
        assert_eq!(take(Some(&first), B, 59), None, "it is held");
        let renewed = take(Some(&first), A, 30).unwrap();
        assert_eq!(renewed.until, at(90));
        assert_eq!(take(Some(&renewed), B, 89), None);
        let next = take(Some(&renewed), B, 90).unwrap();
        assert_eq!((next.holder, next.until), (B, at(150)));
        assert_eq!(take(Some(&next), A, 91), None, "who comes late has lost it");
        assert!(take(Some(&renewed), A, 1000).is_some(), "nobody else wanted it");
    }

    #[test]
    fn a_clock_that_is_wrong_blocks_nobody_for_ever() {
        let ahead = take(None, A, 365 * 24 * 3600).unwrap();
        assert_eq!(take(Some(&ahead), B, 0).unwrap().holder, B);
        let a_little = take(None, A, 60).unwrap();
        assert_eq!(take(Some(&a_little), B, 0), None);
    }

    #[test]
    fn one_of_many_holds_it_until_it_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path()).unwrap();
        let hold = |holder, now| store.transact(|tx| Lease::hold(tx, "work", holder, at(now), TERM)).unwrap();
        let release = |holder| store.transact(|tx| Lease::release(tx, "work", holder)).unwrap();
        let holders: Vec<bool> = std::thread::scope(|scope| {
            let asked: Vec<_> = (1..=8).map(|n| scope.spawn(move || hold(Uuid::from_u128(n), 0))).collect();
            asked.into_iter().map(|asked| asked.join().unwrap()).collect()
        });
        assert_eq!(holders.iter().filter(|holds| **holds).count(), 1);
        let winner = Uuid::from_u128(1 + holders.iter().position(|holds| *holds).unwrap() as u128);
        let other = Uuid::from_u128(9);
        release(other);
        assert!(!hold(other, 1), "nobody gives back what another holds");
        release(winner);
        assert!(hold(other, 1));
        assert!(!hold(winner, 60));
        assert!(hold(winner, 61), "a holder that died is replaced");
    }
}
