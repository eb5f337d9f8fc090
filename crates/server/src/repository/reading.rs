//! `GET` and `HEAD {type}/{name}`: an object goes out, or a part of it.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use arm::{Error, Result};
use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::throttle::Pace;
use futures_util::stream::try_unfold;
use hyper::body::{Frame, SizeHint};
use jiff::Timestamp;
use ledger::{Digester, Verdict};
use prometheus_client::metrics::counter::Counter;
use store::{Checksum, Object, ObjectType, Transaction};

use super::Visit;
use super::admission::{Admitted, admit};
use super::arrival;
use super::range::Wanted;
use super::refusal::Refusal;
use super::rights::Act;
use super::saving::is_old_lock;
use super::view;
use crate::app::App;
use crate::arm::door;
use crate::scrub;

/// Bytes that are read at a time.
const PIECE: u64 = 256 << 10;

/// Hands an object out.
///
/// # Errors
/// 404 for one that is not there, 416 for a range past its end, 500 for one whose bytes are damaged, 503
/// while the storage does not answer.
pub async fn read(
    visit: &Visit,
    object_type: ObjectType,
    name: &str,
    head: bool,
    range: Option<&HeaderValue>,
) -> Result<Response, Refusal> {
    let (asking, name, range) = (visit.clone(), name.to_string(), range.cloned());
    let opening = move |app: &App| Ok(open(app, &asking, object_type, &name, head, range.as_ref()));
    let Opened { part, pieces } = visit.app.blocking(opening).await??;
    let body = pieces.map_or_else(Body::empty, |pieces| send(visit, object_type, pieces, part.length));
    Ok(part.response(body))
}

/// How much of an object is answered.
pub struct Part {
    status: StatusCode,
    first: u64,
    length: u64,
    size: u64,
}

impl Part {
    /// What a `Range` header wants of an object of this size in bytes.
    ///
    /// # Errors
    /// 416 for a range past its end.
    pub fn of(range: Option<&HeaderValue>, size: u64) -> Result<Self, Refusal> {
        let (status, first, length) = match Wanted::of(range.and_then(|range| range.to_str().ok()), size) {
            Wanted::Whole => (StatusCode::OK, 0, size),
            Wanted::Part { first, length } => (StatusCode::PARTIAL_CONTENT, first, length),
            Wanted::Nothing => {
                let text = format!("the object has {size} bytes, and the range lies outside");
                let refusal = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, text);
                return Err(refusal.with(CONTENT_RANGE, &format!("bytes */{size}")));
            }
        };
        Ok(Self { status, first, length, size })
    }

    /// The part of these bytes, which are all of the object.
    pub fn of_bytes(&self, bytes: &Bytes) -> Bytes {
        let length = usize::try_from(self.length).unwrap_or(usize::MAX);
        let first = usize::try_from(self.first).unwrap_or(usize::MAX);
        bytes.iter().copied().skip(first).take(length).collect()
    }

    /// The answer with this body, which is that part or, for `HEAD`, nothing.
    pub fn response(&self, body: Body) -> Response {
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_LENGTH, HeaderValue::from(self.length));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        if self.status == StatusCode::PARTIAL_CONTENT {
            let last = self.first + self.length - 1;
            let part = format!("bytes {}-{last}/{}", self.first, self.size);
            if let Ok(part) = HeaderValue::from_str(&part) {
                headers.insert(CONTENT_RANGE, part);
            }
        }
        response
    }
}

/// The part of an object that is wanted, and its bytes; none for `HEAD`.
struct Opened {
    part: Part,
    pieces: Option<Pieces>,
}

/// Finds an object and reads the first piece of the part that is wanted, of which `HEAD` wants nothing. Damaged ones are
/// never handed out.
fn open(
    app: &App,
    visit: &Visit,
    object_type: ObjectType,
    name: &str,
    head: bool,
    range: Option<&HeaderValue>,
) -> Result<Opened, Refusal> {
    let find = || app.store.transact(|tx| find(tx, app, visit, object_type, name, head)).flatten();
    let object = find()?;
    let part = Part::of(range, object.size)?;
    let (blobs, repository, content) = (app.store.blobs(), &visit.address.item, &object.content);
    let opened = match head {
        true => blobs
            .check_object(repository, object_type, content, object.size)
            .map_err(Error::from)
            .map(|()| None),
        false => {
            let wanted = store::Part { size: part.size, first: part.first, length: part.length };
            let bytes = blobs.open_part(repository, object_type, content, wanted).map_err(Error::from);
            let is_whole = part.first == 0 && part.length == part.size;
            let check = is_whole.then(|| Check::of(visit, object_type, object.clone()));
            bytes.and_then(|bytes| Reading { bytes, left: part.length, check }.begin()).map(Some)
        }
    };
    match opened {
        Ok(pieces) => Ok(Opened { part, pieces }),
        Err(damage) => {
            // A lock may have been released, or an item purged, in between: then it is not there, and that is all. What was
            // found to be damaged just now is refused as such.
            find()?;
            Err(damage.into())
        }
    }
}

fn find(
    tx: &mut Transaction,
    app: &App,
    visit: &Visit,
    object_type: ObjectType,
    name: &str,
    head: bool,
) -> Result<Result<Object>> {
    let admitted = admit(tx, &visit.client, &visit.address, Act::Read, object_type)?;
    let now = app.edge.now();
    if object_type == ObjectType::Data && !head {
        let (vault, item) = (&admitted.vault.id, &admitted.item.id);
        if let Err(refusal) = door::check_reading(tx, vault, item, now)? {
            record(tx, &admitted, visit, &refusal, now)?;
            return Ok(Err(refusal.into_error()));
        }
    }
    let repository = &admitted.item.short;
    let found = match view::past(tx, visit, &admitted)? {
        Some(past) => tx.object_at(&past, repository, object_type, name)?,
        None => tx.object(repository, object_type, name)?,
    };
    let found = found
        .filter(|object| object_type != ObjectType::Locks || !is_old_lock(object, now))
        .ok_or_else(|| {
            let text = format!("there is no such object in {}", object_type.as_str());
            Error::not_found("ObjectNotFound", text)
        });
    if let Ok(object) = &found {
        scrub::refuse_damaged(tx, repository, object_type, object)?;
    }
    Ok(found)
}

/// Says in the ledger that reading was refused: not more often than a client that asks for pack after pack needs to
/// show.
fn record(
    tx: &mut Transaction,
    admitted: &Admitted,
    visit: &Visit,
    refusal: &mua::Refusal,
    now: Timestamp,
) -> Result<()> {
    let key = format!("refused-reading:{}", admitted.item.short);
    let before: Option<Pace> = tx.get(&key)?;
    let Some(pace) = Pace::start(before, &key, now) else {
        return Ok(());
    };
    tx.put(&pace)?;
    let target = admitted.item.id.to_string();
    let mut entry = arrival::entry(&visit.client, now, &refusal.operation.name(), target);
    entry.verdict = Verdict::Refused;
    entry.reason = refusal.reason();
    entry.facts.insert("guard".into(), refusal.guard.to_string());
    tx.record(entry);
    Ok(())
}

fn send(visit: &Visit, object_type: ObjectType, pieces: Pieces, length: u64) -> Body {
    let labels = visit.labels(object_type);
    let metrics = &visit.app.metrics;
    metrics.blob_reads.get_or_create(&labels).inc();
    let sent = metrics.blob_read_bytes.get_or_create(&labels).clone();
    Body::new(Download { pieces: Body::from_stream(try_unfold(pieces, Pieces::next)), left: length, sent })
}

/// Pieces of an object on their way out: one that was read already, if any, and the rest.
struct Pieces {
    ready: Option<Bytes>,
    rest: Reading,
}

impl Pieces {
    /// The next piece, and none at the end. It is read off the threads that serve.
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if let Some(piece) = self.ready.take() {
            return Ok(Some((piece, self)));
        }
        if self.rest.left == 0 {
            return Ok(None);
        }
        let reading = tokio::task::spawn_blocking(move || {
            let piece = self.rest.next()?;
            Ok((!piece.is_empty()).then_some((piece, self)))
        });
        reading.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }
}

/// Bytes of an object that are read piece by piece. Of a whole object the last ones are handed on only when all of them are
/// known to be right.
struct Reading {
    bytes: store::Bytes,
    left: u64,
    check: Option<Check>,
}

impl Reading {
    /// Reads the first piece.
    fn begin(mut self) -> Result<Pieces> {
        let first =
            self.next().map_err(|error| Error::internal(format!("an object cannot be read: {error}")))?;
        Ok(Pieces { ready: (!first.is_empty()).then_some(first), rest: self })
    }

    /// Reads the next piece; an empty one when there are no more bytes.
    fn next(&mut self) -> io::Result<Bytes> {
        let size = self.left.min(PIECE);
        let mut piece = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        self.bytes.by_ref().take(size).read_to_end(&mut piece)?;
        self.left = self.left.saturating_sub(piece.len() as u64);
        if let Some(check) = &mut self.check {
            check.sum.update(&piece);
        }
        match self.left {
            0 if self.check.take().is_some_and(|check| !check.pass()) => {
                Err(io::Error::other("the object is damaged"))
            }
            _ => Ok(Bytes::from(piece)),
        }
    }
}

/// What is computed of all bytes of an object: its checksum if it has one, which costs next to nothing; if not, the hash.
enum Sum {
    Fast(Checksum, u32),
    Slow(Digester),
}

impl Sum {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Fast(sum, _) => sum.update(bytes),
            Self::Slow(sum) => sum.update(bytes),
        }
    }
}

/// What all bytes of an object are compared with while they are read.
struct Check {
    app: App,
    repository: String,
    object_type: ObjectType,
    object: Object,
    sum: Sum,
}

impl Check {
    fn of(visit: &Visit, object_type: ObjectType, object: Object) -> Self {
        let (app, repository) = (visit.app.clone(), visit.address.item.clone());
        let sum = match object.checksum {
            Some(checksum) => Sum::Fast(Checksum::default(), checksum),
            None => Sum::Slow(Digester::default()),
        };
        Self { app, repository, object_type, object, sum }
    }

    /// Whether the bytes are what they should be. If not, they are looked at once more, and told of.
    fn pass(self) -> bool {
        let Self { app, repository, object_type, object, sum } = self;
        let passes = match sum {
            Sum::Fast(sum, checksum) => sum.finish() == checksum,
            Sum::Slow(sum) => sum.finish().to_string() == object.hash(),
        };
        if passes {
            return true;
        }
        let (kind, name) = (object_type.as_str(), &object.name);
        tracing::error!(repository, r#type = kind, name, "an object was damaged when it was read");
        if let Err(error) = scrub::suspect(&app, &repository, object_type, &object) {
            tracing::error!(internal = error.internal, "a damaged object could not be noted");
        }
        false
    }
}

/// The bytes of an object on their way out: exactly as many as were promised, or an error that ends the
/// connection.
struct Download {
    pieces: Body,
    left: u64,
    sent: Counter,
}

impl hyper::body::Body for Download {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.pieces).poll_frame(context);
        match &polled {
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
                self.left = self.left.saturating_sub(length);
                self.sent.inc_by(length);
            }
            Poll::Ready(None) if self.left > 0 => {
                tracing::error!(missing = self.left, "an object became shorter while it was read");
                self.left = 0;
                return Poll::Ready(Some(Err(axum::Error::new("the object became shorter"))));
            }
            Poll::Ready(Some(Err(_)) | None) | Poll::Pending => {}
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
