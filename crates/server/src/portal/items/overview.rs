//! One item at a glance: how it stands, how far back it goes, and what to do about it.

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::civil::Date;

use super::item::{Item, Quota, State};
use super::reach::Reach;
use super::recovery::{Ending, day_of};
use super::retention::Policy;
use crate::arm::route::Method;
use crate::portal::attempt::Attempt;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

/// How many years back the picture shows each day that has recovery points; further back only the oldest one.
const YEARS: i16 = 4;

#[derive(Template)]
#[template(path = "portal/items/overview.html")]
struct OverviewPage {
    frame: Frame,
    now: jiff::Timestamp,
    policy: Option<Policy>,
    quota: Option<Quota>,
    reach: Reach,
    next_end: Option<Ending>,
    item: Item,
    problem: Option<String>,
}

/// `GET /portal/items/overview/{item}`
pub async fn show(viewer: Viewer, Path(item): Path<String>) -> Response {
    viewer.answer(page(&viewer, &item, None).await)
}

/// `POST /portal/items/overview/{item}`: thaws it.
pub async fn act(Path(item): Path<String>, Posted { viewer, .. }: Posted) -> Response {
    let outcome = async {
        let item = Item::read(&viewer, &item).await?;
        let attempt = Attempt {
            title: format!("thaw the backup item {}", item.name),
            done: "It is thawed. What has ended is purged in time, as before.".into(),
            back: item.page("items/overview"),
            vault: &item.vault,
            method: Method::Post,
            path: format!("{}/thaw", item.id),
            body: serde_json::json!({}),
        };
        viewer.attempt(attempt).await
    };
    match outcome.await {
        Ok(response) => response,
        Err(error) => viewer.answer(page(&viewer, &item, Some(&error)).await),
    }
}

async fn page(viewer: &Viewer, id: &str, error: Option<&Error>) -> Result<Response> {
    let item = Item::read(viewer, id).await?;
    let policy = item.policy(viewer).await?;
    let points = points(viewer, &item).await?;
    let page = OverviewPage {
        frame: item.frame(viewer, "items/overview").live(),
        now: viewer.now,
        quota: item.quota,
        reach: reach(viewer, &item, policy.as_ref(), &points),
        next_end: points.next,
        policy,
        item,
        problem: error.map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

/// Where an item's recovery points lie.
#[derive(Default)]
struct Points {
    /// The days that have any.
    days: Vec<Date>,
    /// The next to end.
    next: Option<Ending>,
}

/// Reads where they lie: day by day as far back as pictures tell days apart, and the oldest. None for who may not know, and
/// of a deleted instance, of which the API says no more.
async fn points(viewer: &Viewer, item: &Item) -> Result<Points> {
    let today = day_of(viewer.now);
    let mut points = Points::default();
    for year in (0..YEARS).map(|back| today.year().saturating_sub(back)) {
        let summary = match viewer.summary_of(item, year).await {
            Err(error) if error.kind == ErrorKind::Forbidden || item.state.is_deleted() => break,
            summary => summary?,
        };
        points.days.extend(summary.days().keys());
        let oldest = summary.earliest.as_ref().map(|oldest| day_of(oldest.at().0));
        points.next = summary.next_expiry;
        match oldest {
            Some(oldest) if oldest.year() < year => points.days.push(oldest),
            _ => break,
        }
    }
    Ok(points)
}

fn reach(viewer: &Viewer, item: &Item, policy: Option<&Policy>, points: &Points) -> Reach {
    let tiers = policy.map(Policy::tiers).unwrap_or_default();
    let today = day_of(viewer.now);
    let age = |day: &Date| u32::try_from(today.duration_since(*day).as_hours() / 24).unwrap_or_default();
    let ages: Vec<u32> = points.days.iter().map(age).collect();
    Reach::of(tiers, &ages, summary(item))
}

fn summary(item: &Item) -> String {
    match (item.points, item.oldest) {
        (Some(0), _) => "None yet".into(),
        (Some(1), Some(oldest)) => format!("1, of {}", oldest.day()),
        (Some(points), Some(oldest)) => format!("{points}, the oldest of {}", oldest.day()),
        _ => String::new(),
    }
}
