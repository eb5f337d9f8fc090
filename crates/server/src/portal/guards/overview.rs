//! A guard at a glance: what it protects, who can consent now, what happened.

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use mua::CriticalOperation;
use rbac::Action;
use serde::Deserialize;
use serde_json::Value;

use super::holdings::{self, Holding, How};
use super::linked::{self, Linked};
use super::table::{self, Kind};
use super::{Guard, frame_of, read_guard};
use crate::arm::route::Method;
use crate::portal::alert::{Alert, alerts_at};
use crate::portal::ask::if_shown;
use crate::portal::link;
use crate::portal::posted::Posted;
use crate::portal::shell::Frame;
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// How many alerts the page shows.
const ALERTS: usize = 8;

/// Who can consent, as far as the viewer may know.
struct Consenters {
    holdings: Vec<Holding>,
    hidden: bool,
}

#[derive(Template)]
#[template(path = "portal/guards/overview.html")]
struct OverviewPage {
    frame: Frame,
    guard: Guard,
    subscription: String,
    directory: String,
    kinds: Vec<Kind>,
    linked: Vec<Linked>,
    consenters: Consenters,
    alerts: Vec<Alert>,
    now: jiff::Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Subscription {
    display_name: String,
}

/// `GET /portal/guards/overview/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let path = guard.subscription();
        let known: Option<Subscription> = viewer.read_if_any(&path, &[]).await?;
        let subscription = known.map_or_else(|| name_of(&path).to_string(), |known| known.display_name);
        let page = OverviewPage {
            frame: frame_of(&viewer, &guard, "guards/overview").live(),
            subscription,
            directory: viewer.directory_of(&guard.id).unwrap_or_default().to_string(),
            kinds: table::of_guard(&guard),
            linked: linked::read(&viewer, &guard.id).await?,
            consenters: consenters(&viewer, &guard).await?,
            alerts: open_alerts(&viewer, &guard).await?,
            now: viewer.now,
            guard,
        };
        Ok(viewer.page(&page))
    };
    viewer.answer(page.await)
}

/// `POST /portal/guards/overview/{id}`: handles an alert.
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let state = match form.get("do") {
            Some("close") => "Closed",
            Some("acknowledge") => "Acknowledged",
            _ => return Err(Error::invalid("InvalidForm", "The form does not say what to do.")),
        };
        let alert = form.get("alert").unwrap_or_default().replace('/', "");
        let path = format!("{}/{alert}/changestate", alerts_at(&guard.id));
        viewer.arm(Method::Post, &path, &[("newState", state)], Value::Null).await?;
        let what = format!("The alert is {} now.", state.to_lowercase());
        Ok(viewer.done(&guard.page("overview"), &what))
    };
    viewer.answer(page.await)
}

/// The alerts of the last 30 days that nobody has closed, the newest first; none for whoever may not read them.
async fn open_alerts(viewer: &Viewer, guard: &Guard) -> Result<Vec<Alert>> {
    let part = if_shown(viewer.alerts(&guard.id, &[("pageCount", "100")]).await)?;
    let alerts = part.map(|part| part.entries).unwrap_or_default();
    Ok(alerts.into_iter().filter(|alert| alert.state() != "Closed").take(ALERTS).collect())
}

/// Everybody whose role consents to something that the guard protects, or would once it is active.
async fn consenters(viewer: &Viewer, guard: &Guard) -> Result<Consenters> {
    let held = match holdings::read(viewer, &guard.id).await {
        Err(error) if error.kind == ErrorKind::Forbidden => {
            return Ok(Consenters { holdings: Vec::new(), hidden: true });
        }
        held => held?,
    };
    let protected = CriticalOperation::ALL.iter().filter(|operation| guard.protects(**operation));
    let actions: Vec<Action> =
        protected.map(|operation| Action::parse(&operation.guard_action())).collect::<Result<_>>()?;
    let consents = |holding: &Holding| {
        let name = name_of(&holding.role_id);
        let role = held.roles.iter().find(|role| role.name.eq_ignore_ascii_case(name));
        role.is_some_and(|role| actions.iter().any(|action| role.grants(action)))
    };
    let holdings = held.holdings.iter().filter(|holding| consents(holding)).cloned().collect();
    Ok(Consenters { holdings, hidden: false })
}

impl Consenters {
    fn now(&self) -> Vec<&Holding> {
        self.holdings
            .iter()
            .filter(|holding| matches!(holding.how, How::Activated | How::UntilThen))
            .collect()
    }

    fn always(&self) -> Vec<&Holding> {
        self.holdings.iter().filter(|holding| holding.how == How::Standing).collect()
    }

    fn eligible(&self) -> Vec<&Holding> {
        self.holdings.iter().filter(|holding| matches!(holding.how, How::Eligible | How::Later)).collect()
    }
}

impl OverviewPage {
    /// An alert's name below the guard.
    fn number<'a>(&self, alert: &'a Alert) -> &'a str {
        name_of(&alert.id)
    }

    fn why(&self) -> String {
        link::page("access/why", &self.guard.id)
    }

    fn give(&self) -> String {
        link::with(&link::page("access/add", &self.guard.id), "how", "eligible")
    }

    /// What is left out, in words.
    fn exempt(&self) -> usize {
        self.kinds.iter().flat_map(|kind| &kind.lines).filter(|line| !line.protected).count()
    }
}
