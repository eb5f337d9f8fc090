//! An item's recovery points as far as lists and calendars need them, made once and kept until one of them changes: of ten
//! thousand, a page shows those of a month.

use std::collections::BTreeMap;
use std::sync::Arc;

use arm::{Error, ResourceId, Result};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::Offset;
use serde_json::{Value, json};
use vault::keeping::{Kept, Term};
use vault::{ProtectedItem, RecoveryPoint};

use super::place;
use super::points::with_snapshot;
use crate::arm::call::Call;
use crate::arm::filters::Span;
use crate::arm::reply::Reply;

/// A recovery point, without what only its own page shows.
#[derive(Clone, Debug)]
pub struct Listed {
    /// The last part of its id.
    pub name: Arc<str>,
    /// When it arrived, and until when it is kept.
    pub term: Term,
}

impl Listed {
    /// By which recovery points are listed: the newest first.
    pub fn key(&self) -> String {
        format!("{}{}", arm::newest_first(self.term.at), self.name)
    }

    fn id(&self, item: &ProtectedItem) -> Result<ResourceId> {
        item.id.child(&format!("recoveryPoints/{}", self.name))
    }
}

/// All points of an item, the newest first.
struct Calendar(Vec<Listed>);

impl Calendar {
    fn of(call: &mut Call<'_>, item: &ProtectedItem) -> Result<Arc<Self>> {
        let listed = |point: RecoveryPoint| Listed { name: point.id.name().into(), term: (&point).into() };
        call.tx.made_below(&item.id, listed, |mut points| {
            points.sort_by(|one, other| (other.term.at, &one.name).cmp(&(one.term.at, &other.name)));
            Self(points)
        })
    }

    fn kept<'a>(&self, item: &'a ProtectedItem, now: Timestamp) -> Kept<'a> {
        Kept::since(item, self.0.first().map(|newest| newest.term.at), now)
    }

    /// The points from a span of time that are kept. They are in its order, so that those outside of it need not be looked at.
    fn within(&self, span: &Span, kept: &Kept<'_>) -> impl Iterator<Item = &Listed> {
        let first = self.0.partition_point(|point| span.to.is_some_and(|to| point.term.at > to));
        let end = self.0.partition_point(|point| span.from.is_none_or(|from| point.term.at >= from));
        self.0.get(first..end).unwrap_or_default().iter().filter(|point| kept.keeps_for(point.term))
    }
}

/// The recovery points of an item that are kept, from a span of time, the newest first. One whose retention is over is listed
/// no more: what it needs may be gone at any moment.
pub fn kept(call: &mut Call<'_>, item: &ProtectedItem, span: &Span) -> Result<Vec<Listed>> {
    let calendar = Calendar::of(call, item)?;
    Ok(calendar.within(span, &calendar.kept(item, call.settled)).cloned().collect())
}

/// How many points of an item are kept, the oldest and the newest of them.
pub fn extent(call: &mut Call<'_>, item: &ProtectedItem) -> Result<(u64, Option<Listed>, Option<Listed>)> {
    let calendar = Calendar::of(call, item)?;
    let kept = calendar.kept(item, call.settled);
    let all: Vec<&Listed> = calendar.within(&Span::default(), &kept).collect();
    let count = u64::try_from(all.len()).unwrap_or(u64::MAX);
    Ok((count, all.last().copied().cloned(), all.first().copied().cloned()))
}

/// Listed points in full.
pub fn full<'a>(
    call: &mut Call<'_>,
    item: &ProtectedItem,
    points: impl IntoIterator<Item = &'a Listed>,
) -> Result<Vec<RecoveryPoint>> {
    let ids = points.into_iter().map(|point| point.id(item)).collect::<Result<Vec<ResourceId>>>()?;
    call.tx.resources(&ids.iter().collect::<Vec<_>>())
}

/// A page of the points of an item.
pub fn page(
    call: &mut Call<'_>,
    item: &ProtectedItem,
    span: &Span,
    view: impl Fn(&RecoveryPoint, &ProtectedItem) -> Value,
) -> Result<Reply> {
    let calendar = Calendar::of(call, item)?;
    let kept = calendar.kept(item, call.settled);
    let page = call.cut(calendar.within(span, &kept).collect(), |point| point.key());
    let points = full(call, item, page.value)?;
    let shown = points.iter().map(|point| with_snapshot(call, point, view(point, item)));
    let shown = shown.collect::<Result<Vec<Value>>>()?;
    Ok(call.page_of(shown, page.next))
}

/// `GET recoveryPointSummaries` of an item: how many points there are on each day of a year, and what of the whole is next to
/// go and why it is kept. Days are those of UTC.
pub fn of_item(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::item(call)?;
    summary(call, &item)
}

/// The same of an instance that is in use.
pub fn of_instance(call: &mut Call<'_>) -> Result<Reply> {
    let (_, item) = place::live_item(call)?;
    summary(call, &item)
}

fn summary(call: &mut Call<'_>, item: &ProtectedItem) -> Result<Reply> {
    let year = year(call)?;
    let calendar = Calendar::of(call, item)?;
    let kept = calendar.kept(item, call.settled);
    let mut summary = Summary::default();
    for point in calendar.within(&Span::default(), &kept) {
        summary.add(point, kept.until_for(point.term));
    }
    let id = call.id().clone();
    let listed = |point: &Listed| json!({"name": &*point.name, "recoveryPointTime": arm::long_timestamp(point.term.at)});
    let days = summary.days.range(date(year, 1, 1)..=date(year, 12, 31));
    Ok(Reply::ok(json!({
        "id": id,
        "name": id.name(),
        "type": id.resource_type(),
        "properties": {
            "year": year,
            "days": days.map(|(day, count)| json!({"date": day, "count": count})).collect::<Vec<_>>(),
            "totalCount": summary.count,
            "earliest": summary.earliest.map(listed),
            "latest": summary.latest.map(listed),
            "nextExpiry": summary.next.map(|(until, point)| {
                json!({"name": &*point.name, "expiryTime": arm::long_timestamp(until)})
            }),
            // Without an end: without a policy, the newest, and what time stands still for.
            "withoutExpiryCount": summary.endless,
            "retention": summary.by_days.iter()
                .map(|(days, count)| json!({"days": days, "count": count})).collect::<Vec<_>>(),
        },
    })))
}

/// The year that is asked for; this one, unless the request says.
fn year(call: &Call<'_>) -> Result<i16> {
    match call.request.query("year") {
        None => Ok(day_of(call.now).year()),
        Some(text) => text
            .parse()
            .ok()
            .filter(|year| (1..=9999).contains(year))
            .ok_or_else(|| Error::invalid("InvalidQueryParameterValue", "'year' is a year, such as 2026")),
    }
}

fn day_of(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

#[derive(Default)]
struct Summary<'a> {
    count: u64,
    days: BTreeMap<Date, u64>,
    earliest: Option<&'a Listed>,
    latest: Option<&'a Listed>,
    next: Option<(Timestamp, &'a Listed)>,
    endless: u64,
    /// By for how many days they were to be kept when they arrived, or were to be since.
    by_days: BTreeMap<i64, u64>,
}

impl<'a> Summary<'a> {
    /// Takes in a point that is kept until then. They come the newest first.
    fn add(&mut self, point: &'a Listed, until: Option<Timestamp>) {
        self.count += 1;
        *self.days.entry(day_of(point.term.at)).or_default() += 1;
        self.latest.get_or_insert(point);
        self.earliest = Some(point);
        match until {
            None => self.endless += 1,
            Some(until) if self.next.as_ref().is_none_or(|(next, _)| until <= *next) => {
                self.next = Some((until, point));
            }
            Some(_) => {}
        }
        if let Some(own) = point.term.retain_until {
            *self.by_days.entry(own.duration_since(point.term.at).as_hours() / 24).or_default() += 1;
        }
    }
}
