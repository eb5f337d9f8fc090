//! An item's recovery points on a calendar.

use std::collections::BTreeMap;

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use jiff::civil::Date;
use serde::Deserialize;

use super::calendar::Month;
use super::item::Item;
use super::recovery::{Arrived, Point, Summary, day_of};
use crate::portal::link;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;

/// What the address asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// A month, `2026-11`.
    month: String,
    /// A day, `2026-11-22`.
    day: String,
    /// Where the next page of the day's list begins.
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/items/points.html")]
struct PointsPage {
    frame: Frame,
    item: Item,
    month: Month,
    weeks: Vec<Vec<Option<Cell>>>,
    months: Vec<InMonth>,
    total: u64,
    summary: Summary,
    before: String,
    after: String,
    today: String,
    day: Option<Date>,
    points: Vec<Point>,
    next: Option<String>,
}

/// A day of the calendar.
struct Cell {
    number: i8,
    words: String,
    href: String,
    count: u64,
    is_today: bool,
    is_chosen: bool,
}

/// A month of the year.
struct InMonth {
    name: String,
    href: String,
    count: u64,
    is_shown: bool,
}

impl Cell {
    /// How full the day is, from 1 to 3: the shade behind it.
    fn level(&self) -> u8 {
        match self.count {
            0 => 0,
            1 => 1,
            2..=5 => 2,
            _ => 3,
        }
    }

    fn label(&self) -> String {
        format!("{}: {}", self.words, points(self.count))
    }
}

impl InMonth {
    fn label(&self) -> String {
        format!("{}: {}", self.name, points(self.count))
    }
}

impl PointsPage {
    fn heading(&self) -> String {
        points(self.total)
    }

    fn day_words(&self) -> String {
        self.day.map(|day| day.strftime("%-d %B %Y").to_string()).unwrap_or_default()
    }

    fn day_page(&self, point: &Arrived) -> String {
        link::with(&self.item.page("items/points"), "day", &day_of(point.at().0).to_string())
    }

    /// What keeps a recovery point for as long as it is kept.
    fn tier(&self, point: &Point) -> Option<&str> {
        self.item.tier_of(point.days()?)
    }
}

/// `GET /portal/items/points/{item}`
pub async fn show(viewer: Viewer, Path(item): Path<String>, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, &item, &asked).await)
}

async fn page(viewer: &Viewer, id: &str, asked: &Asked) -> Result<Response> {
    let item = Item::read(viewer, id).await?;
    let today = day_of(viewer.now);
    let day: Option<Date> = asked.day.parse().ok().filter(|day| Month::holds(*day));
    let newest = item.last.map_or(today, |last| day_of(last.0));
    let month = Month::parse(&asked.month).or(day.map(Month::of)).unwrap_or(Month::of(newest));
    let here = item.page("items/points");
    let summary = viewer.summary_of(&item, month.year()).await?;
    let days = summary.days();
    let (first, last) = month.days();
    let (mut points, mut next) = (Vec::new(), None);
    if let Some(day) = day {
        let part = viewer.points_of(&item, day, asked.after.as_deref()).await?;
        points = part.entries;
        let on = link::with(&here, "day", &day.to_string());
        next = part.next.map(|after| link::with(&on, "after", &after));
    }
    let to = |month: Month| link::with(&here, "month", &month.key());
    let page = PointsPage {
        frame: item.frame(viewer, "items/points"),
        weeks: weeks(month, &days, today, day, &here),
        months: months(month, &days, &here),
        total: days.range(first..=last).map(|(_, count)| count).sum(),
        before: to(month.before()),
        after: to(month.after()),
        today: to(Month::of(today)),
        summary,
        month,
        day,
        points,
        next,
        item,
    };
    Ok(viewer.page(&page))
}

/// The months of the year that the shown one is in.
fn months(shown: Month, days: &BTreeMap<Date, u64>, here: &str) -> Vec<InMonth> {
    let of = |month: Month| {
        let (first, last) = month.days();
        InMonth {
            name: first.strftime("%B").to_string(),
            href: link::with(here, "month", &month.key()),
            count: days.range(first..=last).map(|(_, count)| count).sum(),
            is_shown: month == shown,
        }
    };
    shown.of_its_year().map(of).collect()
}

fn points(count: u64) -> String {
    if count == 1 { "1 recovery point".into() } else { format!("{count} recovery points") }
}

fn weeks(
    month: Month,
    days: &BTreeMap<Date, u64>,
    today: Date,
    chosen: Option<Date>,
    here: &str,
) -> Vec<Vec<Option<Cell>>> {
    let cell = |day: Date| Cell {
        number: day.day(),
        words: day.strftime("%-d %B").to_string(),
        href: link::with(here, "day", &day.to_string()),
        count: days.get(&day).copied().unwrap_or_default(),
        is_today: day == today,
        is_chosen: chosen == Some(day),
    };
    month.weeks().into_iter().map(|week| week.map(|day| day.map(cell)).into()).collect()
}
