//! Recovery points as the API shows them, always those of a span of time or a page of them: an item may have very many.

use std::collections::BTreeMap;

use arm::{ResourceId, Result};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
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
    /// Where it came from.
    pub snapshot: Snapshot,
    properties: Properties,
}

/// The snapshot that a recovery point keeps.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Snapshot {
    /// Which of several sources it is of.
    pub label: Option<String>,
    /// The user name of the credential that it was written with.
    pub written_by: String,
    /// Whether a client has removed it since. It is kept all the same.
    pub is_removed: bool,
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

/// What there is of an item's recovery points: how many on each day of a year, and of the whole what is next to go.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    days: Vec<OfDay>,
    /// How many there are altogether.
    pub total_count: u64,
    /// The oldest.
    pub earliest: Option<Arrived>,
    /// The next to end.
    pub next_expiry: Option<Ending>,
}

/// The recovery points of a day.
#[derive(Clone, Copy, Deserialize)]
struct OfDay {
    date: Date,
    count: u64,
}

/// A recovery point by its time.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Arrived {
    recovery_point_time: Timestamp,
}

/// A recovery point that ends.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ending {
    /// The name.
    pub name: String,
    expiry_time: Timestamp,
}

#[derive(Deserialize)]
struct SummaryAnswer {
    properties: Summary,
}

impl Summary {
    /// How many recovery points the days of the year have; days without any are left out.
    pub fn days(&self) -> BTreeMap<Date, u64> {
        self.days.iter().map(|of_day| (of_day.date, of_day.count)).collect()
    }
}

impl Arrived {
    /// When it arrived.
    pub fn at(&self) -> Moment {
        Moment(self.recovery_point_time)
    }
}

impl Ending {
    /// Until when it is kept.
    pub fn until(&self) -> Moment {
        Moment(self.expiry_time)
    }

    /// The beginning of its name.
    pub fn short(&self) -> String {
        self.name.chars().take(8).collect()
    }
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

    /// For how many days it was to be kept when it arrived, or was to be since.
    pub fn days(&self) -> Option<i64> {
        let until = self.until()?;
        Some(until.0.duration_since(self.at().0).as_hours() / 24)
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

impl Viewer {
    /// A page of the recovery points of a day, the newest first. `after`: what the page before said comes next.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn points_of(&self, item: &Item, day: Date, after: Option<&str>) -> Result<Part<Point>> {
        let path = format!("{}/recoveryPoints", item.id);
        let filter = of_day(day);
        let mut query = vec![("$filter", filter.as_str()), ("$top", SHOWN)];
        query.extend(after.map(|after| ("$skiptoken", after)));
        self.part(&path, &query).await
    }

    /// What there is of an item's recovery points, with the days of a year.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn summary_of(&self, item: &Item, year: i16) -> Result<Summary> {
        let path = format!("{}/recoveryPointSummaries", item.id);
        let answer: SummaryAnswer = self.read(&path, &[("year", &year.to_string())]).await?;
        Ok(answer.properties)
    }
}

fn of_day(day: Date) -> String {
    format!("startDate eq '{day}T00:00:00Z' and endDate eq '{day}T23:59:59.999999999Z'")
}
