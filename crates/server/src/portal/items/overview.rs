//! One item at a glance: how it stands, how far back it goes, and what to do about it.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;

use super::item::{Item, Quota, State};
use super::reach::Reach;
use super::retention::{Policy, Tier};
use crate::arm::route::Method;
use crate::portal::attempt::Attempt;
use crate::portal::moment::Moment;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/items/overview.html")]
struct OverviewPage {
    frame: Frame,
    now: jiff::Timestamp,
    policy: Option<Policy>,
    quota: Option<Quota>,
    reach: Reach,
    item: Item,
    problem: Option<String>,
}

impl OverviewPage {
    fn tiers(&self) -> Vec<Tier> {
        self.policy.as_ref().map(Policy::tiers).unwrap_or_default()
    }
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
    let tiers = policy.as_ref().map(Policy::tiers).unwrap_or_default();
    let ages: Vec<u32> = [item.oldest, item.last].into_iter().flatten().map(|at| age(at, viewer)).collect();
    let summary = summary(&item);
    let page = OverviewPage {
        frame: item.frame(viewer, "items/overview").live(),
        now: viewer.now,
        quota: item.quota(viewer).await?,
        reach: Reach::of(tiers, &ages, summary),
        policy,
        item,
        problem: error.map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

/// How many days ago something was.
fn age(at: Moment, viewer: &Viewer) -> u32 {
    u32::try_from(viewer.now.duration_since(at.0).as_hours() / 24).unwrap_or_default()
}

fn summary(item: &Item) -> String {
    match (item.points, item.oldest, item.last) {
        (Some(points), Some(oldest), _) if points > 1 => {
            format!("{points} recovery points, the oldest of {}", oldest.day())
        }
        (_, _, Some(last)) => format!("The last recovery point is of {}", last.day()),
        _ => "No recovery points yet".into(),
    }
}
