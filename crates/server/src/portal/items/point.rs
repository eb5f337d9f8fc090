//! One recovery point: what keeps it, where restic reads it, and restoring it.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use vault::VaultKind;

use super::item::Item;
use super::recovery::Point;
use crate::arm::route::Method;
use crate::portal::attempt::Attempt;
use crate::portal::link;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/items/point.html")]
struct PointPage {
    frame: Frame,
    now: jiff::Timestamp,
    item: Item,
    point: Point,
    view: String,
    problem: Option<String>,
}

/// `GET /portal/items/point/{point}`
pub async fn show(viewer: Viewer, Path(point): Path<String>) -> Response {
    viewer.answer(page(&viewer, &point, None).await)
}

/// `POST /portal/items/point/{point}`: restores it, which opens its address for reading.
pub async fn act(Path(point): Path<String>, Posted { viewer, .. }: Posted) -> Response {
    match restore(&viewer, &point).await {
        Ok(response) => response,
        Err(error) => viewer.answer(page(&viewer, &point, Some(&error)).await),
    }
}

async fn restore(viewer: &Viewer, id: &str) -> Result<Response> {
    let item = Item::read(viewer, &Point::item_of(id)?).await?;
    let point: Point = viewer.read(id, &[]).await?;
    let (path, body) = match item.kind {
        VaultKind::RecoveryServices => {
            (format!("{}/restore", point.id), json!({"properties": {"objectType": "IaasVMRestoreRequest"}}))
        }
        VaultKind::Backup => (
            format!("{}/restore", item.id),
            json!({"objectType": "AzureBackupRecoveryPointBasedRestoreRequest", "recoveryPointId": point.name}),
        ),
    };
    let attempt = Attempt {
        title: format!("restore the recovery point {} of {}", point.short(), item.name),
        done: "The recovery point can be read now, at the address below. Run the command on the machine that is to have the files."
            .into(),
        back: point.page(),
        vault: &item.vault,
        method: Method::Post,
        path,
        body,
    };
    viewer.attempt(attempt).await
}

async fn page(viewer: &Viewer, id: &str, error: Option<&Error>) -> Result<Response> {
    let item = Item::read(viewer, &Point::item_of(id)?).await?;
    let point: Point = viewer.read(id, &[]).await?;
    let mut frame = item
        .frame(viewer, "items/points")
        .crumb(item.name.as_str(), item.page("items/overview"))
        .crumb("Recovery points", item.page("items/points"));
    frame.title = format!("Recovery point {}", point.short());
    frame.subtitle = format!("Of {}", item.name);
    let page = PointPage {
        frame,
        now: viewer.now,
        view: item.view_of(&point.name),
        item,
        point,
        problem: error.map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

impl PointPage {
    /// What keeps it for as long as it is kept.
    fn tier(&self) -> Option<&str> {
        self.item.tier_of(self.point.days()?)
    }

    fn day_page(&self) -> String {
        let day = super::recovery::day_of(self.point.at().0);
        link::with(&self.item.page("items/points"), "day", &day.to_string())
    }
}
