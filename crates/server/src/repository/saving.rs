//! `POST {type}/{name}`: an object arrives.
//!
//! The bytes stream to a thread that hashes and writes them; nothing holds a whole pack. They become durable, are
//! compared with the name they were promised, get their name on the disk, and only then a commit makes them visible.

use std::time::Duration;

use arm::{Error, ErrorKind, Result};
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hyper::body::Body as _;
use jiff::{SignedDuration, Timestamp};
use store::{Finished, Object, ObjectType, StoreError, Transaction};
use tokio::sync::Semaphore;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use vault::damage::Damaged;

use super::Visit;
use super::admission::{Admitted, admit};
use super::arrival;
use super::refusal::Refusal;
use super::rights::{Act, Reach, reach};
use super::room::{Quotas, Room};
use crate::app::App;
use crate::scrub;

/// How long an upload may go without a byte.
pub const IDLE: Duration = Duration::from_secs(60);
/// Bytes that are hashed and written at a time. They come in as single TLS records, and a thread that is woken for each of
/// these spends more on waking than on hashing.
const PIECE: usize = 256 << 10;
/// Pieces that wait for the disk. A client that is faster waits.
const PIECES: usize = 2;
/// What is read and thrown away of an upload that is refused, so that the client comes to read the refusal.
const DRAINED: u64 = 64 << 20;
/// How long that may take.
const DRAIN_TIME: Duration = Duration::from_secs(20);
/// Live locks of one repository: a thousand commands at a time.
const LOCKS: u32 = 1000;
/// Live keys of one repository: clients try no more than these.
const KEYS: u32 = 20;
/// A lock that old belongs to nobody any more.
const LOCK_DAYS: i64 = 7;

/// Takes an object in.
///
/// # Errors
/// 400 for bytes that are not what the name says, 403 for other bytes under a name that exists, 413 and 507 for too much.
pub async fn save(
    visit: &Visit,
    object_type: ObjectType,
    name: &str,
    body: Body,
) -> Result<Response, Refusal> {
    let largest = limit(object_type);
    if body.size_hint().lower() > largest {
        return Err(too_large(object_type, largest));
    }
    let upload = Upload { visit: visit.clone(), object_type, name: name.to_string() };
    // Asked before the bytes travel, and again in the commit.
    let (first, declared) = (upload.clone(), body.size_hint().lower());
    let asked = visit.app.blocking(move |app| app.store.transact(|tx| first.enter(tx, declared)));
    let (repository, room) = match asked.await {
        Ok(entered) => entered,
        Err(error) => {
            if error.kind != ErrorKind::Unauthenticated {
                drain(body).await;
            }
            return Err(error.into());
        }
    };
    let _turn = visit.gate.turn(&repository).await?;
    let beside = visit.app.works_beside();
    let (sender, pieces) = channel(if beside { PIECES } else { Semaphore::MAX_PERMITS });
    let work = upload.clone();
    let limit = Limit { object_type, room };
    let feeding = feed(body, sender, &limit, IDLE);
    let taking = visit.app.blocking(move |app| work.take_in(app, &repository, pieces));
    let (fed, taken) = match beside {
        true => tokio::join!(feeding, taking),
        false => (feeding.await, taking.await),
    };
    fed?;
    let size = taken?;
    let labels = visit.labels(object_type);
    visit.app.metrics.blob_writes.get_or_create(&labels).inc();
    visit.app.metrics.blob_write_bytes.get_or_create(&labels).inc_by(size);
    Ok(StatusCode::OK.into_response())
}

/// The largest object of a type, in bytes.
fn limit(object_type: ObjectType) -> u64 {
    match object_type {
        ObjectType::Data | ObjectType::Index | ObjectType::Snapshots => 1 << 30,
        ObjectType::Config | ObjectType::Keys => 8 << 20,
        ObjectType::Locks => 64 << 10,
    }
}

fn too_large(object_type: ObjectType, limit: u64) -> Refusal {
    let text = format!("an object in {} may have {limit} bytes", object_type.as_str());
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// The most that an upload may have: what an object of its type may, and what still fits into the quotas.
struct Limit {
    object_type: ObjectType,
    room: Option<Room>,
}

impl Limit {
    fn bytes(&self) -> u64 {
        let room = self.room.as_ref().map_or(u64::MAX, |room| room.left);
        limit(self.object_type).min(room)
    }

    fn exceeded(&self) -> Refusal {
        match &self.room {
            Some(room) if room.left < limit(self.object_type) => room.full().into(),
            Some(_) | None => too_large(self.object_type, limit(self.object_type)),
        }
    }
}

/// A piece of an upload. An upload that just ends, without saying so, broke off.
struct Piece {
    bytes: Vec<Bytes>,
    is_last: bool,
}

/// Hands the body's bytes to the thread that writes them.
async fn feed(mut body: Body, pieces: Sender<Piece>, limit: &Limit, idle: Duration) -> Result<(), Refusal> {
    let mut left = limit.bytes();
    loop {
        let piece = next_piece(&mut body, idle).await?;
        let size: usize = piece.bytes.iter().map(Bytes::len).sum();
        let Some(fits) = left.checked_sub(size as u64) else {
            drop(pieces);
            drain(body).await;
            return Err(limit.exceeded());
        };
        left = fits;
        let is_last = piece.is_last;
        if pieces.send(piece).await.is_err() {
            // The writing has failed, and says why itself.
            drain(body).await;
            return Ok(());
        }
        if is_last {
            return Ok(());
        }
    }
}

/// Gathers bytes until there are enough, or no more.
async fn next_piece(body: &mut Body, idle: Duration) -> Result<Piece, Refusal> {
    let (mut bytes, mut size) = (Vec::new(), 0);
    while size < PIECE {
        match tokio::time::timeout(idle, next_bytes(body)).await {
            Ok(Ok(Some(more))) => {
                size += more.len();
                bytes.push(more);
            }
            Ok(Ok(None)) => return Ok(Piece { bytes, is_last: true }),
            Ok(Err(error)) => {
                let text = format!("the upload broke off, and nothing was stored: {error}");
                return Err(Refusal::new(StatusCode::BAD_REQUEST, text));
            }
            Err(_) => {
                let text = "the upload stood still for too long, and nothing was stored";
                return Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, text));
            }
        }
    }
    Ok(Piece { bytes, is_last: false })
}

/// The next bytes, at least one; none at the end.
async fn next_bytes(body: &mut Body) -> Result<Option<Bytes>, axum::Error> {
    while let Some(frame) = body.frame().await {
        match frame?.into_data() {
            Ok(bytes) if !bytes.is_empty() => return Ok(Some(bytes)),
            // Trailers, or nothing.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(None)
}

/// Reads on for a while. A connection closed on bytes that nobody reads loses the answer that was sent before.
pub async fn drain(mut body: Body) {
    let reading = async {
        let mut left = DRAINED;
        while let Ok(Some(bytes)) = next_bytes(&mut body).await {
            left = left.saturating_sub(bytes.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // However far it came, the answer follows.
    let _ = tokio::time::timeout(DRAIN_TIME, reading).await;
}

/// One object on its way in.
#[derive(Clone)]
struct Upload {
    visit: Visit,
    object_type: ObjectType,
    name: String,
}

/// What there is to do with bytes that have arrived.
enum Verdict {
    /// They are there already.
    Present(Object),
    /// They are to be made visible, and these old locks to go.
    New { admitted: Box<Admitted>, old_locks: Vec<Object> },
}

impl Upload {
    fn admit(&self, tx: &mut Transaction) -> Result<Admitted> {
        admit(tx, &self.visit.client, &self.visit.address, Act::Store, self.object_type)
    }

    /// Lets an upload begin whose client says how many bytes will come at least. Returns the repository, and the room for
    /// bytes that are new to it.
    fn enter(&self, tx: &mut Transaction, declared: u64) -> Result<(String, Option<Room>)> {
        let admitted = self.admit(tx)?;
        let room = match self.quotas(tx, &admitted)? {
            Some(quotas) => quotas.room(tx)?,
            None => None,
        };
        match room {
            Some(room) if declared > room.left => Err(room.full()),
            room => Ok((admitted.item.short, room)),
        }
    }

    /// The quotas that the bytes count against: those of locks do not, without which nobody could even restore, nor those
    /// that are there already, in use or deleted.
    fn quotas(&self, tx: &mut Transaction, admitted: &Admitted) -> Result<Option<Quotas>> {
        let repository = &admitted.item.short;
        if self.object_type == ObjectType::Locks {
            return Ok(None);
        }
        let quotas = Quotas::of(tx, admitted)?;
        let is_new = match self.object_type {
            _ if quotas.is_empty() => false,
            ObjectType::Config => tx.object(repository, ObjectType::Config, &self.name)?.is_none(),
            other => !tx.object_known(repository, other, &self.name)?,
        };
        Ok(is_new.then_some(quotas))
    }

    /// Refuses a new object to whoever may only initialize, once that is done.
    fn check_first(&self, tx: &mut Transaction, admitted: &Admitted) -> Result<()> {
        let config = ObjectType::Config;
        if admitted.reach != Reach::First
            || !tx.object_known(&admitted.item.short, config, config.as_str())?
        {
            return Ok(());
        }
        let is_enough = |right| reach(right, Act::Store, self.object_type) == Reach::All;
        Err(admitted.refuse(Act::Store, self.object_type, is_enough))
    }

    /// Writes the pieces, checks the whole and makes it visible. Returns its size.
    fn take_in(&self, app: &App, repository: &str, mut pieces: Receiver<Piece>) -> Result<u64> {
        let unique = app.edge.uuid().to_string();
        let mut upload = app.store.blobs().begin(repository, self.object_type, &unique)?;
        loop {
            // Without a last piece the client has gone, or has been told by whoever fed the pieces.
            let broke_off = || Error::invalid("UploadBrokeOff", "the upload broke off");
            let piece = pieces.blocking_recv().ok_or_else(broke_off)?;
            upload.write(&piece.bytes)?;
            if piece.is_last {
                break;
            }
        }
        let finished = upload.finish()?;
        let size = finished.size;
        self.commit(app, finished)?;
        Ok(size)
    }

    fn commit(&self, app: &App, finished: Finished) -> Result<()> {
        let mut object = Object {
            name: self.name.clone(),
            content: finished.hash.clone(),
            size: finished.size,
            at: app.edge.now(),
            by: self.visit.client.user.clone(),
            checksum: Some(finished.checksum),
        };
        let repository = match app.store.transact(|tx| self.decide(tx, &object))? {
            Verdict::New { admitted, .. } => admitted.item.short,
            Verdict::Present(present) => return self.heal(app, finished, &present),
        };
        let kept = finished.keep()?;
        object.content.clone_from(&kept.content);
        let committed = app.store.transact(|tx| self.apply(tx, app, &object));
        drop(kept);
        match committed {
            Ok(Some(old_locks)) => {
                for lock in old_locks {
                    discard(app, &repository, ObjectType::Locks, &lock.content);
                }
                Ok(())
            }
            // Another upload of the same bytes was faster.
            Ok(None) => {
                discard(app, &repository, self.object_type, &object.content);
                Ok(())
            }
            Err(error) => {
                // After a failure of the store nobody knows what of the commit comes back with the next start, or with
                // the database.
                if error.kind != ErrorKind::Internal && error.code != StoreError::OUTCOME_UNKNOWN {
                    discard(app, &repository, self.object_type, &object.content);
                }
                Err(error)
            }
        }
    }

    /// Decides what there is to do with the bytes.
    fn decide(&self, tx: &mut Transaction, object: &Object) -> Result<Verdict> {
        let admitted = self.admit(tx)?;
        let repository = &admitted.item.short;
        let old_locks = match self.object_type {
            ObjectType::Locks => old_locks(tx, repository, object.at)?,
            _ => Vec::new(),
        };
        let present = tx
            .object(repository, self.object_type, &object.name)?
            .filter(|present| !old_locks.contains(present));
        match present {
            Some(present) if present.hash() == object.hash() => return Ok(Verdict::Present(present)),
            Some(_) => return Err(self.other_content()),
            None if self.object_type == ObjectType::Config || object.hash() == object.name => {}
            None => return Err(self.wrong_content(object)),
        }
        self.check_first(tx, &admitted)?;
        let room = match self.object_type {
            ObjectType::Locks => {
                !old_locks.is_empty() || tx.has_room(repository, ObjectType::Locks, LOCKS)?
            }
            ObjectType::Keys => tx.has_room(repository, ObjectType::Keys, KEYS)?,
            ObjectType::Config | ObjectType::Data | ObjectType::Index | ObjectType::Snapshots => true,
        };
        if !room {
            return Err(self.no_room());
        }
        if let Some(quotas) = self.quotas(tx, &admitted)? {
            quotas.check(tx, object.size)?;
        }
        Ok(Verdict::New { admitted: Box::new(admitted), old_locks })
    }

    /// Decides again, and makes the bytes visible with all that follows from it. Returns the old locks that went; nothing
    /// when the object is there already.
    fn apply(&self, tx: &mut Transaction, app: &App, object: &Object) -> Result<Option<Vec<Object>>> {
        let Verdict::New { admitted, old_locks } = self.decide(tx, object)? else {
            return Ok(None);
        };
        let (client, repository) = (&self.visit.client, &admitted.item.short);
        for lock in &old_locks {
            tx.forget_lock(repository, &lock.name);
        }
        match self.object_type {
            ObjectType::Snapshots => {
                let label = self.visit.address.label.clone();
                arrival::snapshot_arrived(tx, &app.edge, &admitted, client, label, object)?;
            }
            ObjectType::Keys => arrival::key_arrived(tx, &admitted, client, object),
            ObjectType::Config | ObjectType::Data | ObjectType::Index | ObjectType::Locks => {}
        }
        tx.put_object(repository, self.object_type, object)?;
        self.note_whole(tx, app, object)?;
        Ok(Some(old_locks))
    }

    /// Bytes that are there already are dropped, unless those on the disk are damaged: then they come in handy.
    fn heal(&self, app: &App, finished: Finished, present: &Object) -> Result<()> {
        let repository = &self.visit.address.item;
        let checked =
            app.store.blobs().check_object(repository, self.object_type, &present.content, present.size);
        let damage = match checked {
            Ok(()) if self.is_known_damaged(app, present)? => "its bytes are not what they were".to_string(),
            Ok(()) => return Ok(()),
            Err(away @ StoreError::Storage(_)) => return Err(away.into()),
            Err(damage) => damage.to_string(),
        };
        tracing::warn!(damage, "an object was damaged and has been sent again; its bytes are put back");
        let kept = finished.keep()?;
        app.store.transact(|tx| {
            let (name, damaged) = (&present.name, &present.content);
            tx.move_content(repository, self.object_type, name, damaged, &kept.content);
            self.note_whole(tx, app, present)
        })
    }

    fn is_known_damaged(&self, app: &App, object: &Object) -> Result<bool> {
        let damaged: Option<Damaged> = app.store.transact(|tx| tx.get(&self.visit.address.item))?;
        Ok(damaged.is_some_and(|known| known.of(self.object_type.as_str(), &object.content).is_some()))
    }

    /// These bytes are on the disk now and were verified on the way.
    fn note_whole(&self, tx: &mut Transaction, app: &App, object: &Object) -> Result<()> {
        let place = Damaged::place(self.object_type.as_str(), &object.content);
        let repository = &self.visit.address.item;
        scrub::note_whole(tx, repository, &place, app.edge.now(), self.visit.client.correlation)
    }

    fn path(&self) -> String {
        match self.object_type {
            ObjectType::Config => self.name.clone(),
            folder => format!("{}/{}", folder.as_str(), self.name),
        }
    }

    fn other_content(&self) -> Error {
        let text = format!("{} exists with other content, and nothing is overwritten", self.path());
        Error::forbidden("ObjectExists", text)
    }

    fn wrong_content(&self, object: &Object) -> Error {
        let text = format!(
            "the {} bytes sent as {} hash to {}; nothing was stored",
            object.size,
            self.path(),
            object.hash()
        );
        Error::invalid("WrongContent", text)
    }

    fn no_room(&self) -> Error {
        let text = match self.object_type {
            ObjectType::Keys => format!("a repository can have {KEYS} keys; remove one first"),
            _ => format!("the repository has {LOCKS} locks; `restic unlock --remove-all` removes them"),
        };
        Error::new(ErrorKind::Full, "RepositoryFull", text)
    }
}

/// Whether a lock is so old that it is taken for gone.
pub fn is_old_lock(lock: &Object, now: Timestamp) -> bool {
    now.duration_since(lock.at) >= SignedDuration::from_hours(24 * LOCK_DAYS)
}

fn old_locks(tx: &mut Transaction, repository: &str, now: Timestamp) -> Result<Vec<Object>> {
    let (mut locks, _) = tx.objects(repository, ObjectType::Locks, 0, LOCKS)?;
    locks.retain(|lock| is_old_lock(lock, now));
    Ok(locks)
}

/// Removes bytes that no row refers to any more. When that fails they merely take up space.
pub fn discard(app: &App, repository: &str, object_type: ObjectType, content: &str) {
    if let Err(error) = app.store.discard(repository, object_type, content) {
        tracing::warn!(%error, "bytes that nothing refers to could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn fed(body: Body, object_type: ObjectType) -> (Result<(), Refusal>, usize, bool) {
        let (sender, mut pieces) = channel(64);
        let limit = Limit { object_type, room: None };
        let fed = feed(body, sender, &limit, Duration::from_millis(50)).await;
        let (mut bytes, mut end) = (0, false);
        while let Ok(piece) = pieces.try_recv() {
            bytes += piece.bytes.iter().map(Bytes::len).sum::<usize>();
            end |= piece.is_last;
        }
        (fed, bytes, end)
    }

    #[tokio::test]
    async fn a_whole_body_ends_with_a_word() {
        let (fed, bytes, end) = fed(Body::from(vec![1; 5000]), ObjectType::Locks).await;
        assert!(fed.is_ok());
        assert_eq!((bytes, end), (5000, true));
    }

    #[tokio::test]
    async fn a_body_that_stands_still_or_is_too_long_ends_without_one() {
        let (_open, receiver) = channel(1);
        let still = Body::new(super::super::listing::Pieces(receiver));
        let (refused, _, end) = fed(still, ObjectType::Data).await;
        assert_eq!((refused.unwrap_err().status, end), (StatusCode::REQUEST_TIMEOUT, false));
        let (refused, _, end) = fed(Body::from(vec![1; (64 << 10) + 1]), ObjectType::Locks).await;
        assert_eq!((refused.unwrap_err().status, end), (StatusCode::PAYLOAD_TOO_LARGE, false));
    }
}
