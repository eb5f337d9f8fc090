//! The ledger, as far as the API shows it to whoever looks: what was done and refused, newest first.
//!
//! The ledger of a subscription, or of one thing in it, is ARM's activity log; that of a directory is Graph's audit log. A
//! page shows one of these places; a story ([`story`]) is told from all of them.

pub mod entry;
mod place;
mod story;
pub mod words;

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::Router;
use axum::extract::Query;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;

use self::entry::Entry;
use self::place::{Found, Place, Search};
use super::link;
use super::shell::{Frame, Link, Section, status_of};
use super::viewer::Viewer;
use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new().route(LEDGER, get(show)).route("/portal/ledger/story/{correlation}", get(story::show))
}

const LEDGER: &str = "/portal/ledger";

/// What the page is asked for, in its address.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Which ledger: a subscription's id or a directory's.
    #[serde(rename = "in")]
    place: String,
    /// The id of a resource that entries are about or lie below.
    resource: String,
    /// When at the earliest, in UTC.
    from: String,
    /// When at the latest, in UTC.
    to: String,
    /// The user name of who did it.
    who: String,
    /// The operation's name.
    operation: String,
    /// `done` or `refused`.
    verdict: String,
    /// What is in the text.
    q: String,
    /// Before which entry the page begins.
    before: String,
}

#[derive(Template)]
#[template(path = "portal/ledger/list.html")]
struct LedgerPage {
    frame: Frame,
    asked: Asked,
    places: Vec<Place>,
    here: String,
    found: Found,
    /// What may be read where all of the place may not.
    narrower: Vec<Link>,
    next: Option<String>,
    problem: Option<String>,
}

/// `GET /portal/ledger`
pub async fn show(viewer: Viewer, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, asked).await)
}

async fn page(viewer: &Viewer, asked: Asked) -> Result<Response> {
    let places = viewer.ledgers().await?;
    let place = asked.choose(viewer, &places);
    let here = place.as_ref().map(|place| place.id.clone()).unwrap_or_default();
    let found = match (&place, asked.search()) {
        (Some(place), Ok(search)) => viewer.ledger_of(place, &search).await,
        (None, Ok(_)) => Ok(Found::default()),
        (_, Err(error)) => Err(error),
    };
    let (found, error) = match found {
        Ok(found) => (found, None),
        Err(error) if error.kind == ErrorKind::Unauthenticated => return Err(error),
        Err(error) => (Found::default(), Some(error)),
    };
    let narrower = match (&error, &place) {
        (Some(error), Some(place)) if error.kind == ErrorKind::Forbidden => viewer.narrower(place).await?,
        _ => Vec::new(),
    };
    // Whoever comes by the menu has asked for nothing that could be refused: the page says what they may choose.
    let error = error.filter(|_| narrower.is_empty() || !asked.place.is_empty() || asked.is_narrow());
    let page = LedgerPage {
        frame: viewer.frame(Section::Ledger, "Ledger").subtitle("What was done and refused, newest first"),
        places,
        here,
        next: found.next.as_ref().map(|before| asked.address_before(before)),
        found,
        narrower,
        problem: error.as_ref().map(|error| error.message.clone()),
        asked,
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

impl Asked {
    /// The place that is asked for; without one, the first in the directory that is looked at.
    fn choose(&self, viewer: &Viewer, places: &[Place]) -> Option<Place> {
        let resource = arm::ResourceId::parse(self.resource.trim()).ok();
        let of_resource = resource.and_then(|id| id.subscription_id()).map(|id| id.to_string());
        let asked = of_resource.as_deref().unwrap_or(&self.place);
        let named = places.iter().find(|place| place.id == asked);
        let here = viewer.account().map(|account| account.tenant);
        let usual = || places.iter().find(|place| Some(place.tenant) == here).or_else(|| places.first());
        named.or_else(|| usual().filter(|_| asked.is_empty())).cloned()
    }

    fn search(&self) -> Result<Search> {
        Ok(Search {
            resource: Some(self.resource.trim()).filter(|id| !id.is_empty()).map(String::from),
            from: time(&self.from)?,
            to: time(&self.to)?,
            who: self.who.trim().into(),
            operation: self.operation.trim().into(),
            verdict: self.verdict.clone(),
            correlation: String::new(),
            text: self.q.trim().to_lowercase(),
            before: Some(self.before.clone()).filter(|before| !before.is_empty()),
        })
    }

    fn address_before(&self, before: &str) -> String {
        let fields = [
            ("in", &self.place),
            ("resource", &self.resource),
            ("from", &self.from),
            ("to", &self.to),
            ("who", &self.who),
            ("operation", &self.operation),
            ("verdict", &self.verdict),
            ("q", &self.q),
        ];
        let given = fields.into_iter().filter(|(_, value)| !value.is_empty());
        let address =
            given.fold(LEDGER.to_string(), |address, (name, value)| link::with(&address, name, value));
        link::with(&address, "before", before)
    }

    /// Whether anything but the place is asked for.
    fn is_narrow(&self) -> bool {
        let fields =
            [&self.resource, &self.from, &self.to, &self.who, &self.operation, &self.verdict, &self.q];
        fields.iter().any(|field| !field.is_empty())
    }
}

/// A time as a form sends it: without a zone, which is UTC here.
fn time(text: &str) -> Result<Option<Timestamp>> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    let civil = || text.parse::<DateTime>().or_else(|_| text.parse::<Date>().map(|day| day.at(0, 0, 0, 0)));
    let at =
        text.parse().ok().or_else(|| civil().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp()));
    let wrong = || Error::invalid("InvalidTime", "Give times as 2026-01-31 or 2026-01-31T14:30, in UTC.");
    at.map(Some).ok_or_else(wrong)
}

impl LedgerPage {
    /// The page of the story that an entry belongs to.
    fn story(&self, entry: &Entry) -> String {
        match self.asked.resource.is_empty() {
            true => entry.story(),
            false => link::with(&entry.story(), "resource", &self.asked.resource),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_forms_are_in_utc() {
        let at = |text: &str| time(text).unwrap().map(|at| at.to_string());
        assert_eq!(at(""), None);
        assert_eq!(at("2026-11-22").unwrap(), "2026-11-22T00:00:00Z");
        assert_eq!(at("2026-11-22T14:05").unwrap(), "2026-11-22T14:05:00Z");
        assert_eq!(at("2026-11-22T14:05:09Z").unwrap(), "2026-11-22T14:05:09Z");
        assert!(time("yesterday").is_err());
    }
}
