//! Alerts of a vault: what happened that somebody should look at, and what was done with it.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::vault::Vault;
use crate::arm::route::Method;
use crate::portal::alert::{Alert, SEVERITIES};
use crate::portal::ask::if_shown;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

/// Alerts on one page.
const PAGE: &str = "50";

/// What was done with it.
const STATES: [(&str, &str); 3] = [("New", "New"), ("Acknowledged", "Acknowledged"), ("Closed", "Closed")];

#[derive(Deserialize)]
struct History {
    properties: Modifications,
}

#[derive(Deserialize)]
struct Modifications {
    modifications: Vec<Modification>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Modification {
    new_value: String,
    modified_at: String,
    modified_by: String,
    #[serde(default)]
    comments: String,
}

/// What is looked for.
#[derive(Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    severity: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    after: String,
}

#[derive(Template)]
#[template(path = "portal/vaults/alerts.html")]
struct AlertsPage {
    frame: Frame,
    wanted: Wanted,
    alerts: Vec<Alert>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/vaults/alert.html")]
struct AlertPage {
    frame: Frame,
    alert: Alert,
    history: Vec<Modification>,
    typed: Typed,
    problem: Option<String>,
}

#[derive(Default)]
struct Typed {
    state: String,
    comments: String,
}

impl Modification {
    fn at(&self) -> Option<Moment> {
        Moment::parse(&self.modified_at)
    }
}

impl AlertsPage {
    fn severities(&self) -> [(&'static str, &'static str, &'static str); 5] {
        SEVERITIES
    }

    fn states(&self) -> [(&'static str, &'static str); 3] {
        STATES
    }
}

impl AlertPage {
    /// The states that it may be turned to.
    fn choices(&self) -> impl Iterator<Item = (&'static str, &'static str)> + use<> {
        const VERBS: [(&str, &str); 3] = [
            ("Acknowledged", "Acknowledge: I look after it"),
            ("Closed", "Close: it is dealt with"),
            ("New", "Open it again"),
        ];
        let now = self.alert.state().to_string();
        VERBS.into_iter().filter(move |(state, _)| *state != now)
    }

    fn chosen(&self, state: &str) -> bool {
        match self.typed.state.as_str() {
            "" => self.choices().next().is_some_and(|(first, _)| first == state),
            typed => typed == state,
        }
    }
}

/// The newest alerts at a vault, as far as the viewer may read them.
///
/// # Errors
/// What ARM answers.
pub async fn newest(viewer: &Viewer, vault: &str, number: &str) -> Result<Vec<Alert>> {
    let part = viewer.alerts(vault, &[("pageCount", number)]).await;
    Ok(if_shown(part)?.map(|part| part.entries).unwrap_or_default())
}

/// `GET /portal/vaults/alerts/{vault}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(wanted): Query<Wanted>) -> Response {
    viewer.answer(page(&viewer, &id, wanted).await)
}

async fn page(viewer: &Viewer, id: &str, wanted: Wanted) -> Result<Response> {
    let vault = Vault::read(viewer, id).await?;
    let named =
        [("severity", &wanted.severity), ("alertState", &wanted.state), ("$skiptoken", &wanted.after)];
    let mut query = vec![("pageCount", PAGE)];
    query.extend(
        named.into_iter().filter(|(_, value)| !value.is_empty()).map(|(name, value)| (name, value.as_str())),
    );
    let part = viewer.alerts(&vault.id, &query).await?;
    let next = part.next.map(|next| {
        let filters = [("severity", &wanted.severity), ("state", &wanted.state)];
        let href = filters
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .fold(vault.page("alerts"), |href, (name, value)| link::with(&href, name, value));
        link::with(&href, "after", &next)
    });
    Ok(viewer.page(&AlertsPage { frame: vault.tab(viewer, "alerts"), wanted, alerts: part.entries, next }))
}

/// `GET /portal/vaults/alert/{alert}`
pub async fn show_one(viewer: Viewer, Path(id): Path<String>) -> Response {
    viewer.answer(one(&viewer, &id, Typed::default(), None).await)
}

async fn one(viewer: &Viewer, id: &str, typed: Typed, error: Option<&Error>) -> Result<Response> {
    let vault = Vault::read(viewer, &super::vault_of(id)?).await?;
    let alert: Alert = viewer.read(id, &[]).await?;
    let history: Option<History> = viewer.read_if_any(&format!("{}/history", alert.id), &[]).await?;
    let frame = vault.below(viewer, &alert.name).crumb("Alerts", vault.page("alerts"));
    let page = AlertPage {
        frame,
        history: history.map(|history| history.properties.modifications).unwrap_or_default(),
        alert,
        typed,
        problem: error.map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}

/// `POST /portal/vaults/alert/{alert}`: what was done with it.
pub async fn post(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let typed = Typed {
        state: form.owned("state").unwrap_or_default(),
        comments: form.owned("comments").unwrap_or_default(),
    };
    let outcome = match change(&viewer, &id, &typed).await {
        Ok(()) => Ok(viewer.done(&link::page("vaults/alert", &id), "The alert was changed.")),
        Err(error) => one(&viewer, &id, typed, Some(&error)).await,
    };
    viewer.answer(outcome)
}

async fn change(viewer: &Viewer, id: &str, typed: &Typed) -> Result<()> {
    let path = format!("{id}/changestate");
    let body = match typed.comments.trim() {
        "" => Value::Null,
        comments => json!({ "comments": comments }),
    };
    viewer.arm(Method::Post, &path, &[("newState", &typed.state)], body).await.map(drop)
}
