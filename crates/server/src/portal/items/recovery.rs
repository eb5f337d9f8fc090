//! Recovery points as the API shows them, always those of a span of time or a page of them: an item may have very many.

use std::collections::BTreeMap;

use arm::{ResourceId, Result};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::Deserialize;

use super::item::Item;
use crate::portal::ask::Part;
use crate::portal::moment::Moment;
use crate::portal::viewer::Viewer;

/// How many points a page of them shows.
const SHOWN: &str = "50";

/// A recovery point.
#[derive(Clone, Deserialize)]
pub struct Point {
    /// Its id.
    pub id: String,
    /// Its name, which is the snapshot's.
    pub name: String,
    properties: Properties,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Properties {
    recovery_point_time: Timestamp,
    expiry_time: Option<Timestamp>,
    #[serde(default)]
    recovery_point_properties: More,
    #[serde(default)]
    friendly_name: String,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct More {
    expiry_time: Option<Timestamp>,
}

/// The recovery points of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfDay {
    /// How many.
    pub count: u64,
    /// Until when the one is kept that is kept longest; none for one that is kept without end.
    pub until: Option<Moment>,
}

impl Point {
    /// When it arrived.
    pub fn at(&self) -> Moment {
        Moment(self.properties.recovery_point_time)
    }

    /// Until when its retention runs; none without end.
    pub fn until(&self) -> Option<Moment> {
        self.properties.expiry_time.or(self.properties.recovery_point_properties.expiry_time).map(Moment)
    }

    /// The beginning of the snapshot's name, as restic shows it.
    pub fn short(&self) -> &str {
        match self.properties.friendly_name.as_str() {
            "" => &self.name,
            short => short,
        }
    }

    /// The address of its page.
    pub fn page(&self) -> String {
        crate::portal::link::page("items/point", &self.id)
    }

    /// The item that it is of.
    ///
    /// # Errors
    /// For an id that is none of a recovery point.
    pub fn item_of(id: &str) -> Result<String> {
        let id = ResourceId::parse(id)?;
        let is_point = id.type_name().eq_ignore_ascii_case("recoveryPoints");
        let item = id.parent().filter(|_| is_point);
        item.map(|item| item.to_string())
            .ok_or_else(|| arm::Error::not_found("ResourceNotFound", "The address names no recovery point."))
    }
}

/// The day of a time, in UTC: retention goes by such days.
pub fn day_of(at: Timestamp) -> Date {
    Offset::UTC.to_datetime(at).date()
}

/// Where a day begins.
pub fn start_of(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp())
}

impl Viewer {
    /// When the last recovery point of an item arrived.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn newest_point(&self, item: &Item) -> Result<Option<Moment>> {
        let path = format!("{}/recoveryPoints", item.id);
        let part: Part<Point> = self.part(&path, &[("$top", "1")]).await?;
        Ok(part.entries.first().map(Point::at))
    }

    /// A page of the recovery points of some days, the newest first. `after`: what the page before said comes next.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn points_of(
        &self,
        item: &Item,
        days: (Date, Date),
        after: Option<&str>,
    ) -> Result<Part<Point>> {
        let path = format!("{}/recoveryPoints", item.id);
        let filter = between(days);
        let mut query = vec![("$filter", filter.as_str()), ("$top", SHOWN)];
        query.extend(after.map(|after| ("$skiptoken", after)));
        self.part(&path, &query).await
    }

    /// How many recovery points some days have, both ends included; days without any are left out.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn days_of(&self, item: &Item, days: (Date, Date)) -> Result<BTreeMap<Date, OfDay>> {
        let path = format!("{}/recoveryPoints", item.id);
        let points: Vec<Point> = self.list(&path, &[("$filter", &between(days))]).await?;
        let mut found: BTreeMap<Date, OfDay> = BTreeMap::new();
        for point in points {
            let of_day = found.entry(day_of(point.at().0)).or_default();
            let first = of_day.count == 0;
            of_day.count += 1;
            of_day.until = match (of_day.until, point.until()) {
                (until, new) if first || until.is_some() && new.is_none() => new,
                (until, new) => until.max(new).filter(|_| until.is_some()),
            };
        }
        Ok(found)
    }
}

fn between((first, last): (Date, Date)) -> String {
    format!("startDate eq '{first}T00:00:00Z' and endDate eq '{last}T23:59:59.999999999Z'")
}
