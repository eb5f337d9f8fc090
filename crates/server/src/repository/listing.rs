//! `GET {type}/`: the names of all live objects of a type, or of those in a view, oldest first.
//!
//! Oldest first matters for keys: clients try them in this order, and only so many, so that no number of keys added later
//! keeps the right one from being tried.

use std::fmt::Write;
use std::pin::Pin;
use std::task::{Context, Poll};

use arm::Result;
use axum::body::{Body, Bytes};
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use store::{Object, ObjectType};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use vault::damage::Damaged;

use super::Visit;
use super::admission::admit;
use super::refusal::Refusal;
use super::rights::{Act, Reach};
use super::saving::is_old_lock;
use super::view;
use crate::app::App;

/// Objects that are read at a time. A list that is longer is sent in pieces, each read from the state of its moment, so
/// that a slow client holds nothing up.
const PAGE: u32 = 2000;

/// The two forms of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `["name", …]`
    Names,
    /// `[{"name": …, "size": …}, …]`
    Sizes,
}

impl Version {
    const SIZES: &str = "application/vnd.x.restic.rest.v2";

    /// Version 2 for whoever accepts it.
    pub fn of(headers: &HeaderMap) -> Self {
        let accepts = headers
            .get_all(ACCEPT)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .filter_map(|kind| kind.split(';').next())
            .any(|kind| kind.trim().eq_ignore_ascii_case(Self::SIZES));
        if accepts { Self::Sizes } else { Self::Names }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Names => "application/vnd.x.restic.rest.v1",
            Self::Sizes => Self::SIZES,
        }
    }

    /// Adds an object to a list. Names are hexadecimal, so nothing in them needs an escape.
    fn write(self, list: &mut String, object: &Object) {
        let (name, size) = (&object.name, object.size);
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Names => write!(list, "\"{name}\""),
            Self::Sizes => write!(list, "{{\"name\":\"{name}\",\"size\":{size}}}"),
        };
    }
}

/// Lists the live objects of a type.
///
/// # Errors
/// When the client may not, or the store fails.
pub async fn list(visit: &Visit, object_type: ObjectType, version: Version) -> Result<Response, Refusal> {
    let (first, next) = page(visit, object_type, 0).await?;
    let mut text = String::from("[");
    add(&mut text, &first, version, true);
    let body = match next {
        None => {
            text.push(']');
            Body::from(text)
        }
        Some(after) => {
            let (sender, pieces) = channel(2);
            let rest = Rest { visit: visit.clone(), object_type, version, empty: first.is_empty() };
            tokio::spawn(rest.send(text, after, sender));
            Body::new(Pieces(pieces))
        }
    };
    Ok(response(body, version))
}

/// A list of objects that are all at hand.
pub fn whole(objects: &[Object], version: Version) -> Response {
    let mut text = String::from("[");
    add(&mut text, objects, version, true);
    text.push(']');
    response(Body::from(text), version)
}

fn response(body: Body, version: Version) -> Response {
    let mut response = body.into_response();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(version.content_type()));
    response
}

fn add(text: &mut String, objects: &[Object], version: Version, mut first: bool) {
    for object in objects {
        if !first {
            text.push(',');
        }
        first = false;
        version.write(text, object);
    }
}

/// A page of the list, and where the next one begins.
async fn page(visit: &Visit, object_type: ObjectType, after: i64) -> Result<(Vec<Object>, Option<i64>)> {
    let asking = visit.clone();
    visit.app.blocking(move |app| read_page(app, &asking, object_type, after)).await
}

fn read_page(
    app: &App,
    visit: &Visit,
    object_type: ObjectType,
    after: i64,
) -> Result<(Vec<Object>, Option<i64>)> {
    let (mut objects, next) = app.store.transact(|tx| {
        let admitted = admit(tx, &visit.client, &visit.address, Act::List, object_type)?;
        if admitted.reach == Reach::Nothing {
            return Ok((Vec::new(), None));
        }
        let repository = &admitted.item.short;
        let (mut objects, next) = match view::past(tx, visit, &admitted)? {
            Some(past) => tx.objects_at(&past, repository, object_type, after, PAGE),
            None => tx.objects(repository, object_type, after, PAGE),
        }?;
        // A damaged pack is as good as missing, and clients know what to do about that.
        if object_type == ObjectType::Data
            && let Some(damaged) = tx.get::<Damaged>(repository)?
        {
            objects.retain(|object| damaged.of(object_type.as_str(), &object.content).is_none());
        }
        Ok((objects, next))
    })?;
    if object_type == ObjectType::Locks {
        let now = app.edge.now();
        objects.retain(|lock| !is_old_lock(lock, now));
    }
    Ok((objects, next))
}

/// The list from its second page on.
struct Rest {
    visit: Visit,
    object_type: ObjectType,
    version: Version,
    /// Whether no object was written yet.
    empty: bool,
}

impl Rest {
    async fn send(mut self, mut text: String, mut after: i64, pieces: Sender<std::io::Result<Bytes>>) {
        loop {
            // A client that has gone needs no more.
            if pieces.send(Ok(std::mem::take(&mut text).into())).await.is_err() {
                return;
            }
            match page(&self.visit, self.object_type, after).await {
                Ok((objects, next)) => {
                    add(&mut text, &objects, self.version, self.empty);
                    self.empty &= objects.is_empty();
                    match next {
                        Some(next) => after = next,
                        None => break,
                    }
                }
                Err(error) => {
                    // Breaking off is the only way left to say that the list is not whole.
                    let why = error.internal.unwrap_or(error.message);
                    tracing::warn!(%why, "a list broke off");
                    let _ = pieces.send(Err(std::io::Error::other("the list broke off"))).await;
                    return;
                }
            }
        }
        text.push(']');
        let _ = pieces.send(Ok(text.into())).await;
    }
}

/// A body of pieces that another task makes.
pub struct Pieces(pub Receiver<std::io::Result<Bytes>>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }
}
