//! Looking through the ledger from the newest entry on, for what a list of events shows.

use arm::{Error, Result};
use jiff::{SignedDuration, Timestamp};
use ledger::Entry;
use store::{Mark, Transaction};

use crate::arm::filters::Span;

/// Entries read at a time, and at the most for one answer: a filter that fits little must not hold the store for long,
/// so the answer then ends with a link to the rest.
const CHUNK: usize = 500;
const MOST: usize = 10_000;
/// Entries are in the order of their commits, and their times may be a little out of it.
const DISORDER: SignedDuration = SignedDuration::from_mins(5);

/// What was found, newest first, and before which entry to go on looking.
pub type Found<T> = (Vec<(Entry, T)>, Option<u64>);

/// Looks for entries of a span of time, newest first, before an entry of the ledger: among those with a mark, or all. `finds`
/// says which count, and as what.
///
/// # Errors
/// When the store fails.
pub fn look_back<T>(
    tx: &Transaction,
    mark: Option<&Mark>,
    span: &Span,
    before: Option<u64>,
    page: usize,
    finds: impl Fn(&Entry) -> Option<T>,
) -> Result<Found<T>> {
    let mut before = match (before, span.to) {
        (None, Some(to)) => first_after(tx, to)?,
        (before, _) => before,
    };
    let past = span.from.and_then(|from| from.checked_sub(DISORDER).ok());
    // Those with a mark are worth reading, and of the others few may be.
    let limit = if mark.is_some() { page } else { CHUNK };
    let (mut found, mut read) = (Vec::new(), 0);
    while read < MOST {
        let (entries, next) = tx.marked(mark, before, limit)?;
        let is_enough = entries.len() < limit;
        read += entries.len();
        for entry in entries {
            before = Some(entry.sequence);
            if past.is_some_and(|past| entry.at < past) {
                return Ok((found, None));
            }
            let Some(what) = finds(&entry).filter(|_| span.holds(entry.at)) else {
                continue;
            };
            found.push((entry, what));
            if found.len() == page {
                return Ok((found, before));
            }
        }
        before = next;
        if is_enough || next.is_none() {
            break;
        }
    }
    Ok((found, before))
}

/// The entry before which all lie that were made until a time. An entry made until then has none before it that is later
/// by more than the disorder, so that halving never ends up before it.
fn first_after(tx: &Transaction, at: Timestamp) -> Result<Option<u64>> {
    let Ok(at) = at.checked_add(DISORDER) else { return Ok(None) };
    let newest = tx.ledger_back(None, 1)?;
    let (mut low, mut high) = (0, newest.first().map_or(0, |newest| newest.sequence.saturating_add(1)));
    while low < high {
        let middle = low + (high - low) / 2;
        match tx.ledger(middle, 1)?.first() {
            Some(entry) if entry.at <= at => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(Some(low))
}

/// The one entry with this sequence, given as text.
///
/// # Errors
/// `InvalidFilter` for a text that is no number; when the store fails.
pub fn named(tx: &Transaction, sequence: &str) -> Result<Option<Entry>> {
    let number = sequence
        .parse()
        .map_err(|_| Error::invalid("InvalidFilter", "an entry of the ledger is named by a whole number"))?;
    Ok(tx.ledger(number, 1)?.into_iter().next().filter(|entry| entry.sequence == number))
}

/// Before which entry a page begins.
///
/// # Errors
/// `InvalidRequestUri` for a text that is not one of this server's.
pub fn position(token: &str) -> Result<u64> {
    token.parse().map_err(|_| Error::invalid("InvalidRequestUri", "the $skipToken is not one of this list"))
}
