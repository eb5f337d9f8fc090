//! What entries of the ledger are looked for by: whom they concern, and whether they raise an alert. Neither the newest alerts nor
//! what was done to one vault are looked for among all that everybody did.
//!
//! Which entries raise an alert is stored with them, so that nobody pushes an alert out of sight by doing very many other
//! things. Which concern a resource is an index in memory: it covers a stretch of the ledger that ends with its last entry,
//! and grows backwards as far as somebody looks. An entry never changes; should the database come back without the last ones
//! and others take their place, their chain is another one and the stretch is given up.

use std::collections::{BTreeSet, HashMap};

use arm::{ResourceId, Result};
use ledger::Entry;
use parking_lot::Mutex;

use crate::engine::{LedgerRow, Snapshot};
use crate::error::StoreError;

/// Entries read at a time.
const CHUNK: i64 = 500;
/// How many entries one question looks through at the least, and reads at the most: so far back the stretch grows. With the
/// ledger it grows to twice as many, and then loses the older half.
const MOST: u64 = 10_000;

/// What entries of the ledger are looked for by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Mark {
    /// They concern this vault or guard or something below: its folded id.
    About(String),
    /// They raise an alert of this vault or guard: its folded id, or nothing for any.
    Alarm(String),
}

impl Mark {
    /// That of entries which concern a scope. What lies above vaults and guards has none: everything concerns it.
    pub fn about(scope: &ResourceId) -> Option<Self> {
        resource(scope).map(Self::About)
    }

    /// That of entries which raise alerts at a scope, or above it.
    pub fn alarm(scope: &ResourceId) -> Self {
        Self::Alarm(resource(scope).unwrap_or_default())
    }

    /// Whether an entry has it.
    fn is_of(&self, entry: &Entry) -> bool {
        match self {
            Self::About(resource) => resources(entry).contains(resource),
            Self::Alarm(target) => alarms(entry).contains(target),
        }
    }
}

/// Whom an entry's alerts concern, and nothing for any; nobody if it raises none.
pub(crate) fn alarms(entry: &Entry) -> BTreeSet<String> {
    let alerts = mua::alert::alerts(entry);
    let any = (!alerts.is_empty()).then(String::new);
    alerts.iter().filter_map(|alert| resource(&alert.target)).chain(any).collect()
}

/// The vaults and guards that an entry concerns.
fn resources(entry: &Entry) -> BTreeSet<String> {
    let ids = entry.concerns().filter_map(|id| ResourceId::parse(id).ok());
    ids.filter_map(|id| resource(&id)).collect()
}

/// The vault or guard that a scope is or lies in.
fn resource(scope: &ResourceId) -> Option<String> {
    scope.tracked().map(|resource| resource.folded().to_string())
}

/// Entries, newest first, and before which to go on looking if there may be more.
pub(crate) type Found = (Vec<Entry>, Option<u64>);

/// So many entries before one of the ledger or its end.
///
/// # Errors
/// When the store fails.
pub(crate) fn find_any(ledger: &dyn Snapshot, before: Option<u64>, limit: usize) -> Result<Found> {
    let rows = ledger.ledger_back(before.map_or(i64::MAX, position), count(limit))?;
    let next = rows.last().map(sequence).filter(|_| rows.len() == limit);
    Ok((rows.iter().map(LedgerRow::read).collect::<Result<_, _>>()?, next))
}

/// Looks for so many entries that raise an alert of somebody, before one of the ledger or its end. Those from before the
/// database knew of alarms are read, up to [`MOST`].
///
/// # Errors
/// When the store fails.
pub(crate) fn find_alarms(
    ledger: &dyn Snapshot,
    target: &str,
    before: Option<u64>,
    limit: usize,
) -> Result<Found> {
    let before = before.map_or(i64::MAX, position);
    let known = ledger.alarms(target, before, count(limit))?;
    let mut found = known.iter().map(|at| entry(ledger, *at)).collect::<Result<Vec<_>>>()?;
    if found.len() == limit {
        return Ok((found, known.last().copied().map(unsigned)));
    }
    let unknown = ledger.alarms_since()?.min(before);
    if unknown == 0 {
        return Ok((found, None));
    }
    let mark = Mark::Alarm(target.to_string());
    let (mut older, next) = look_through(ledger, &mark, unsigned(unknown), limit - found.len())?;
    found.append(&mut older);
    Ok((found, next))
}

/// The index of what entries concern.
#[derive(Default)]
pub(crate) struct Trail(Mutex<Stretch>);

/// What it covers: the entries from `low` up to before `high`.
#[derive(Default)]
struct Stretch {
    low: u64,
    high: u64,
    /// That of the last entry that is covered, or comes before what is.
    chain: Vec<u8>,
    concerning: HashMap<String, BTreeSet<u64>>,
}

impl Trail {
    /// Looks for so many entries that concern a vault or guard, before one of the ledger or its end. One looks through what is
    /// covered, or reads up to [`MOST`] entries before that.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn find(
        &self,
        ledger: &dyn Snapshot,
        resource: &str,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Found> {
        let Some(newest) = ledger.ledger_back(i64::MAX, 1)?.pop() else { return Ok((Vec::new(), None)) };
        let end = sequence(&newest).saturating_add(1);
        let before = before.map_or(end, |before| before.min(end));
        let mut stretch = self.0.lock();
        stretch.follow(ledger, newest)?;
        // At the end of an empty stretch it begins to grow.
        if before <= stretch.low && before < stretch.high {
            drop(stretch);
            return look_through(ledger, &Mark::About(resource.to_string()), before, limit);
        }
        loop {
            let found: Vec<u64> = stretch.before(resource, before).take(limit).collect();
            let next = match found.last() {
                Some(last) if found.len() == limit => Some(*last),
                _ if stretch.low == 0 => None,
                _ if stretch.len() >= MOST => Some(stretch.low),
                _ => {
                    stretch.grow_back(ledger)?;
                    continue;
                }
            };
            drop(stretch);
            let entries = found.into_iter().map(|at| entry(ledger, position(at)));
            return Ok((entries.collect::<Result<_>>()?, next));
        }
    }
}

/// The same by reading entry after entry.
fn look_through(ledger: &dyn Snapshot, mark: &Mark, before: u64, limit: usize) -> Result<Found> {
    let (mut found, mut at) = (Vec::new(), before);
    while at > 0 && before - at < MOST {
        let rows = ledger.ledger_back(position(at), CHUNK)?;
        if rows.is_empty() {
            return Ok((found, None));
        }
        for row in &rows {
            at = sequence(row);
            found.extend(Some(row.read()?).filter(|entry| mark.is_of(entry)));
            if found.len() == limit {
                return Ok((found, Some(at)));
            }
        }
    }
    Ok((found, Some(at).filter(|at| *at > 0)))
}

impl Stretch {
    fn len(&self) -> u64 {
        self.high - self.low
    }

    /// Grows up to the ledger's end, or begins there anew.
    fn follow(&mut self, ledger: &dyn Snapshot, newest: LedgerRow) -> Result<()> {
        let end = sequence(&newest).saturating_add(1);
        // Somebody else looked at a later state meanwhile.
        if end < self.high {
            return Ok(());
        }
        let is_known = match self.high.checked_sub(1) {
            Some(last) => {
                ledger.ledger(position(last), 1)?.first().is_some_and(|row| row.chain == self.chain)
            }
            None => false,
        };
        if !is_known || end - self.high > MOST {
            *self = Self { low: end, high: end, chain: newest.chain, concerning: HashMap::new() };
            return Ok(());
        }
        while self.high < end {
            let rows = ledger.ledger(position(self.high), CHUNK)?;
            let Some(last) = rows.last() else { break };
            for row in &rows {
                self.take_in(row)?;
            }
            (self.high, self.chain) = (sequence(last).saturating_add(1), last.chain.clone());
        }
        if self.len() > 2 * MOST {
            self.low = self.high - MOST;
            self.concerning.retain(|_, all| {
                *all = all.split_off(&self.low);
                !all.is_empty()
            });
        }
        Ok(())
    }

    fn grow_back(&mut self, ledger: &dyn Snapshot) -> Result<()> {
        let rows = ledger.ledger_back(position(self.low), CHUNK)?;
        for row in &rows {
            self.take_in(row)?;
        }
        self.low = rows.last().map_or(0, sequence);
        Ok(())
    }

    fn take_in(&mut self, row: &LedgerRow) -> Result<()> {
        for resource in resources(&row.read()?) {
            self.concerning.entry(resource).or_default().insert(sequence(row));
        }
        Ok(())
    }

    /// The covered entries that concern a resource before one, newest first.
    fn before(&self, resource: &str, at: u64) -> impl Iterator<Item = u64> {
        self.concerning.get(resource).into_iter().flat_map(move |all| all.range(..at).rev().copied())
    }
}

/// The entry with this sequence.
fn entry(ledger: &dyn Snapshot, sequence: i64) -> Result<Entry> {
    let row = ledger.ledger(sequence, 1)?.pop().filter(|row| row.sequence == sequence);
    let missing = || StoreError::Corrupt(format!("the ledger has no entry {sequence}"));
    Ok(row.ok_or_else(missing)?.read()?)
}

fn sequence(row: &LedgerRow) -> u64 {
    unsigned(row.sequence)
}

fn unsigned(sequence: i64) -> u64 {
    u64::try_from(sequence).unwrap_or_default()
}

fn position(sequence: u64) -> i64 {
    i64::try_from(sequence).unwrap_or(i64::MAX)
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Database, Memory, Place, Store};

    #[test]
    fn a_question_is_read_for_once() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place { database: Database::Memory(Memory::default()), ..Place::folder(folder.path()) };
        let store = Store::open_at(&place).unwrap();
        let covered = || {
            let stretch = store.trail().0.lock();
            (stretch.low, stretch.high)
        };
        let mark = Mark::About("nobody".into());
        let ask = |before| store.transact(|tx| tx.marked(Some(&mark), before, 1)).unwrap();
        let say = |count: usize| {
            let said = |tx: &mut crate::Transaction| {
                (0..count).for_each(|_| tx.record(crate::access::tests::entry()));
                Ok(())
            };
            store.transact(said).unwrap();
        };
        ask(None);
        assert_eq!(covered(), (0, 0));
        say(700);
        ask(Some(300));
        assert_eq!(covered(), (700, 700), "nobody has asked for the last ones");
        ask(None);
        assert_eq!(covered(), (0, 700));
        say(2);
        ask(Some(300));
        assert_eq!(covered(), (0, 702));
    }
}
