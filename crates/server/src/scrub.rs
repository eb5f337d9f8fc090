//! Verifying everything that is stored against the hash of its bytes, over and over, no faster than was allowed.
//!
//! Disks lose bits without a word. Whatever was found damaged is told, and not handed out until its client sends it again or
//! it is found whole. Where a pass is, is written down with what it found, so that a restart does not begin it anew.

use std::collections::BTreeMap;
use std::io::Read;
use std::time::Duration;

use arm::{Error, ErrorKind, Result};
use jiff::{SignedDuration, Timestamp};
use ledger::{Digester, Entry};
use store::{Blobs, Object, ObjectType, StoreError, Transaction};
use tokio::sync::watch;
use uuid::Uuid;
use vault::ProtectedItem;
use vault::damage::{Damage, Damaged, Pass, Place, Scrub};

use crate::app::App;
use crate::own_work::{entry, operation};
use crate::turn::Turn;

/// How often some of it is done.
const EVERY: Duration = Duration::from_secs(10);

/// Who does it.
pub static TURN: Turn = Turn {
    every: EVERY,
    lease: "scrub",
    term: SignedDuration::from_secs(60),
    failed: "what is stored could not be verified",
    work: scrub_for_a_while,
};

/// What is verified, in this order. Locks come and go.
const TYPES: [ObjectType; 5] =
    [ObjectType::Config, ObjectType::Keys, ObjectType::Snapshots, ObjectType::Index, ObjectType::Data];
/// Objects that are looked up at a time.
const PAGE: u32 = 500;
/// Bytes that are read at a time.
const PIECE: usize = 256 << 10;
/// So many damaged objects are named in one entry of the ledger.
const NAMED: usize = 5;

/// How much is read, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// The most bytes a second.
    pub bytes_per_second: u64,
    /// How long after the beginning of a pass the next one begins.
    pub every: SignedDuration,
}

impl Default for Pace {
    /// 10 MiB a second, of which no disk notices much, are 26 TB in a month.
    fn default() -> Self {
        Self { bytes_per_second: 10 << 20, every: SignedDuration::from_hours(30 * 24) }
    }
}

/// Does some of it now and then until the server stops.
pub(crate) async fn keep(app: App, mut stop: watch::Receiver<bool>) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => break,
        }
        let taken = app.blocking(|app| if is_due(app)? { TURN.take(app).map(drop) } else { Ok(()) });
        if let Err(error) = taken.await {
            tracing::warn!(internal = error.internal, "{}; it will be tried again", TURN.failed);
        }
    }
    // A lease that is not given back ends by itself.
    let _ = app.blocking(|app| TURN.leave(app)).await;
}

fn is_due(app: &App) -> Result<bool> {
    let scrub: Option<Scrub> = app.store.transact(|tx| tx.get(Scrub::KEY))?;
    show(app, scrub.as_ref());
    Ok(scrub.unwrap_or_default().is_due(app.scrubbing.every, app.edge.now()))
}

fn scrub_for_a_while(app: &App) -> Result<()> {
    scrub(app, app.scrubbing.bytes_per_second.saturating_mul(EVERY.as_secs()))
}

/// What is wrong with the bytes of an object; `None` when they are what they should be.
///
/// # Errors
/// When the storage cannot be asked at all.
pub fn verify(
    blobs: &Blobs,
    repository: &str,
    object_type: ObjectType,
    object: &Object,
) -> Result<Option<String>, StoreError> {
    let mut bytes = match blobs.open_object(repository, object_type, &object.content, object.size) {
        Ok(bytes) => bytes,
        Err(StoreError::Corrupt(why)) => return Ok(Some(why)),
        Err(StoreError::Io(_, error)) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Some("the bytes are not there".into()));
        }
        Err(StoreError::Io(_, error)) => return Ok(Some(format!("the bytes cannot be read: {error}"))),
        Err(error) => return Err(error),
    };
    let (mut hash, mut piece) = (Digester::default(), vec![0; PIECE]);
    loop {
        match bytes.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => hash.update(piece.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Ok(Some(format!("the bytes cannot be read: {error}"))),
        }
    }
    let found = hash.finish().to_string();
    Ok((found != object.hash()).then(|| format!("the bytes hash to {found}")))
}

/// Verifies objects until so many bytes were read, beginning a pass if none is under way. Commits once, at the end.
///
/// # Errors
/// When the store fails, or the storage as a whole.
pub fn scrub(app: &App, bytes: u64) -> Result<()> {
    let now = app.edge.now();
    let (scrub, mut items, known) = app.store.transact(|tx| {
        let scrub = tx.get::<Scrub>(Scrub::KEY)?.unwrap_or_default();
        Ok((scrub, tx.all::<ProtectedItem>()?, tx.all::<Damaged>()?))
    })?;
    if !scrub.is_due(app.scrubbing.every, now) {
        return Ok(());
    }
    items.sort_by(|one, other| one.short.cmp(&other.short));
    let mut round = Round::new(scrub, known, bytes, now);
    let read = round.go_on(app, &items);
    let Round { scrub, damaged, whole, .. } = round;
    if !damaged.is_empty() {
        // A folder that is not mounted has nothing in it. That is another trouble, and not one of each object.
        app.store.check_repositories(app.edge.uuid())?;
    }
    let correlation = app.edge.uuid();
    app.store.transact(|tx| {
        for item in &items {
            let short = item.short.as_str();
            let lost = damaged.get(short).map(Vec::as_slice).unwrap_or_default();
            note_damage(tx, item, lost, app.edge.now(), correlation)?;
            for place in whole.get(short).into_iter().flatten() {
                note_whole(tx, short, place, app.edge.now(), correlation)?;
            }
        }
        tx.put(&scrub)
    })?;
    show(app, Some(&scrub));
    read
}

/// Some time of a pass.
struct Round {
    scrub: Scrub,
    left: u64,
    now: Timestamp,
    /// What was known to be damaged before.
    known: Vec<Damaged>,
    /// By repository: the places, and what is wrong.
    damaged: BTreeMap<String, Vec<(String, String)>>,
    /// Places that were whole.
    whole: BTreeMap<String, Vec<String>>,
}

impl Round {
    fn new(mut scrub: Scrub, known: Vec<Damaged>, bytes: u64, now: Timestamp) -> Self {
        let left = bytes.saturating_sub(scrub.ahead);
        scrub.ahead = scrub.ahead.saturating_sub(bytes);
        Self { scrub, left, now, known, damaged: BTreeMap::new(), whole: BTreeMap::new() }
    }

    fn go_on(&mut self, app: &App, items: &[ProtectedItem]) -> Result<()> {
        let began = Pass { bytes: 0, damaged: 0, finished: None, objects: 0, started: self.now };
        let (mut pass, mut place) = self.scrub.current.take().unwrap_or((began, None));
        while self.left > 0 {
            let Some(at) = next_place(place.as_ref(), items) else {
                pass.finished = Some(app.edge.now());
                tracing::info!(
                    objects = pass.objects,
                    bytes = pass.bytes,
                    damaged = pass.damaged,
                    "all that is stored was verified"
                );
                self.scrub.last = Some(pass);
                return Ok(());
            };
            let outcome = self.page(app, &mut pass, at);
            match outcome {
                Ok(behind) => place = Some(behind),
                Err(error) => {
                    self.scrub.current = Some((pass, place));
                    return Err(error);
                }
            }
        }
        self.scrub.current = Some((pass, place));
        Ok(())
    }

    /// Verifies some objects behind a place, and returns the place behind them.
    fn page(&mut self, app: &App, pass: &mut Pass, at: Place) -> Result<Place> {
        let Some(object_type) = TYPES.into_iter().find(|known| known.as_str() == at.object_type) else {
            return Ok(Place { after: i64::MAX, ..at });
        };
        let repository = at.repository.as_str();
        let objects = app.store.transact(|tx| tx.kept_in_order(repository, object_type, at.after, PAGE))?;
        let full = objects.len() >= PAGE as usize;
        let mut behind = Place { after: i64::MAX, ..at.clone() };
        for (sequence, object) in objects {
            if self.left == 0 {
                return Ok(behind);
            }
            behind.after = sequence;
            let wrong = verify(app.store.blobs(), repository, object_type, &object)?;
            pass.objects += 1;
            pass.bytes = pass.bytes.saturating_add(object.size);
            self.scrub.ahead = self.scrub.ahead.saturating_add(object.size.saturating_sub(self.left));
            self.left = self.left.saturating_sub(object.size.max(1));
            let place = Damaged::place(object_type.as_str(), &object.content);
            match wrong {
                // It may have been purged meanwhile.
                Some(why) if is_kept(app, repository, object_type, &object)? => {
                    pass.damaged += 1;
                    self.damaged.entry(repository.to_string()).or_default().push((place, why));
                }
                Some(_) => {}
                None if !self.was_damaged(repository, &place) => {}
                None => self.whole.entry(repository.to_string()).or_default().push(place),
            }
        }
        if !full {
            behind.after = i64::MAX;
        }
        Ok(behind)
    }

    fn was_damaged(&self, repository: &str, place: &str) -> bool {
        self.known.iter().any(|known| known.repository == repository && known.objects.contains_key(place))
    }
}

fn is_kept(app: &App, repository: &str, object_type: ObjectType, object: &Object) -> Result<bool> {
    app.store.transact(|tx| tx.object_known(repository, object_type, &object.name))
}

/// Where the next objects are: behind a place, or at the beginning.
fn next_place(place: Option<&Place>, items: &[ProtectedItem]) -> Option<Place> {
    let first_of = |repository: &str| Place {
        after: 0,
        object_type: TYPES.first().map(|first| first.as_str()).unwrap_or_default().to_string(),
        repository: repository.to_string(),
    };
    let Some(place) = place else {
        return items.first().map(|item| first_of(&item.short));
    };
    if place.after < i64::MAX && items.iter().any(|item| item.short == place.repository) {
        return Some(place.clone());
    }
    let types = TYPES.iter().map(|known| known.as_str());
    let next_type = types.skip_while(|known| *known != place.object_type).nth(1);
    if let Some(next) = next_type.filter(|_| place.after == i64::MAX) {
        return Some(Place { after: 0, object_type: next.to_string(), ..place.clone() });
    }
    items.iter().find(|item| item.short > place.repository).map(|item| first_of(&item.short))
}

/// Notes damaged objects and tells of those that were not known.
fn note_damage(
    tx: &mut Transaction,
    item: &ProtectedItem,
    found: &[(String, String)],
    now: Timestamp,
    correlation: Uuid,
) -> Result<()> {
    if found.is_empty() {
        return Ok(());
    }
    let mut damaged =
        tx.get::<Damaged>(&item.short)?.unwrap_or_else(|| Damaged::none(item.id.clone(), item.short.clone()));
    let fresh: Vec<_> = found.iter().filter(|(place, _)| !damaged.objects.contains_key(place)).collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let named: Vec<String> =
        fresh.iter().take(NAMED).map(|(place, why)| format!("{place} ({why})")).collect();
    let reason = format!(
        "the bytes of {} object(s) are damaged: {}{}. They are not handed out until a client sends them again",
        fresh.len(),
        named.join(", "),
        if fresh.len() > NAMED { ", …" } else { "" },
    );
    tracing::error!(item = %item.id, "{reason}");
    for (place, why) in fresh {
        damaged.objects.insert(place.clone(), Damage { at: now, why: why.clone() });
    }
    tx.put(&damaged)?;
    let operation = operation(&item.id, "repository/damage");
    tx.record(Entry { correlation, operation, ..entry(item, now, reason) });
    Ok(())
}

/// Notes that bytes at a place are what they should be. Says so in the ledger if they were damaged.
///
/// # Errors
/// When the store fails.
pub(crate) fn note_whole(
    tx: &mut Transaction,
    repository: &str,
    place: &str,
    now: Timestamp,
    correlation: Uuid,
) -> Result<()> {
    let Some(mut damaged) = tx.get::<Damaged>(repository)? else {
        return Ok(());
    };
    if damaged.objects.remove(place).is_none() {
        return Ok(());
    }
    let items: Vec<ProtectedItem> = tx.find(repository)?;
    match damaged.objects.is_empty() {
        true => tx.delete::<Damaged>(repository),
        false => tx.put(&damaged)?,
    }
    if let Some(item) = items.first() {
        let operation = operation(&item.id, "repository/heal");
        let reason = format!("the bytes of {place} are whole again");
        tx.record(Entry { correlation, operation, ..entry(item, now, reason) });
    }
    Ok(())
}

/// Looks at one object again whose bytes seemed damaged when they were handed out.
pub(crate) fn suspect(app: &App, repository: &str, object_type: ObjectType, object: &Object) -> Result<()> {
    let Some(why) = verify(app.store.blobs(), repository, object_type, object)? else {
        // They hash to what they should: then it is the checksum that was wrong, and would be at each read.
        let name = &object.name;
        tracing::warn!(repository, name, "the bytes of an object are whole, and their checksum is not");
        return app.store.transact(|tx| {
            tx.drop_checksum(repository, object_type, object);
            Ok(())
        });
    };
    let (place, correlation) = (Damaged::place(object_type.as_str(), &object.content), app.edge.uuid());
    app.store.transact(|tx| match tx.find::<ProtectedItem>(repository)?.first() {
        Some(item) => note_damage(tx, item, &[(place.clone(), why.clone())], app.edge.now(), correlation),
        None => Ok(()),
    })
}

/// Refuses what is known to be damaged. A pack is as good as missing, and clients know what to do about that; of anything
/// else they say that they may not have it. Both are answers that they do not ask for again and again.
pub(crate) fn refuse_damaged(
    tx: &mut Transaction,
    repository: &str,
    object_type: ObjectType,
    object: &Object,
) -> Result<()> {
    let damaged: Option<Damaged> = tx.get(repository)?;
    let Some(damage) = damaged.as_ref().and_then(|known| known.of(object_type.as_str(), &object.content))
    else {
        return Ok(());
    };
    let kind = match object_type {
        ObjectType::Data => ErrorKind::NotFound,
        _ => ErrorKind::Forbidden,
    };
    let text = format!(
        "{}/{} is damaged in the storage, as was found on {}: {}. It is not handed out until it is sent again",
        object_type.as_str(),
        object.name,
        arm::timestamp(damage.at),
        damage.why
    );
    Err(Error::new(kind, "ObjectDamaged", text))
}

fn show(app: &App, scrub: Option<&Scrub>) {
    let Some(scrub) = scrub else { return };
    let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let metrics = &app.metrics.keeping;
    if let Some((pass, _)) = &scrub.current {
        metrics.scrubbed_objects.set(number(pass.objects));
        metrics.scrubbed_bytes.set(number(pass.bytes));
    }
    if let Some(last) = &scrub.last {
        metrics.scrub_finished.set(last.finished.map_or(0, Timestamp::as_second));
    }
    let damaged: Result<Vec<Damaged>> = app.store.transact(|tx| tx.all());
    if let Ok(damaged) = damaged {
        let objects: usize = damaged.iter().map(|known| known.objects.len()).sum();
        metrics.damaged_objects.set(i64::try_from(objects).unwrap_or(i64::MAX));
    }
}
