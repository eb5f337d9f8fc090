//! The first page: what waits for the viewer, in all their directories; what is not protected; alerts; how safe vaults are.

mod estate;
mod start;
mod waiting;

use arm::Result;
use askama::Template;
use axum::response::Response;

use self::estate::Estate;
use self::start::Step;
use self::waiting::Waiting;
use super::guards;
use super::shell::{Frame, Section};
use super::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/home.html")]
struct HomePage {
    frame: Frame,
    now: jiff::Timestamp,
    waiting: Waiting,
    estate: Estate,
    /// What to do first, for somebody who has nothing yet.
    start: Vec<Step>,
}

/// `GET /portal/`
pub async fn show(viewer: Viewer) -> Response {
    viewer.answer(page(&viewer).await)
}

async fn page(viewer: &Viewer) -> Result<Response> {
    let waiting = viewer.waiting().await?;
    let estate = viewer.estate().await?;
    let start = match estate.vaults.is_empty() && guards::of_viewer(viewer).await?.is_empty() {
        true => viewer.first_steps(&estate).await?,
        false => Vec::new(),
    };
    let frame = viewer.frame(Section::Home, "Home").live();
    Ok(viewer.page(&HomePage { frame, now: viewer.now, waiting, estate, start }))
}

impl HomePage {
    /// Whether nothing asks for the viewer's eye.
    fn is_calm(&self) -> bool {
        self.waiting.is_empty() && self.estate.gaps.is_empty() && self.estate.alerts.total == 0
    }
}
