//! Alerts of a vault: what happened that somebody should look at, and what was done with it.

use std::collections::BTreeMap;

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use super::vault::Vault;
use crate::arm::route::Method;
use crate::portal::ask::if_shown;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;
use crate::portal::words::short_ids;

/// Alerts on one page.
const PAGE: &str = "50";

/// How severe an alert is: Azure's word, what people read, and the kind of badge.
const SEVERITIES: [(&str, &str, &str); 5] = [
    ("Sev0", "Critical", "bad"),
    ("Sev1", "Error", "bad"),
    ("Sev2", "Warning", "warn"),
    ("Sev3", "Informational", "info"),
    ("Sev4", "Verbose", "quiet"),
];
/// What was done with it.
const STATES: [(&str, &str); 3] = [("New", "New"), ("Acknowledged", "Acknowledged"), ("Closed", "Closed")];

/// An alert.
#[derive(Clone, Deserialize)]
pub struct Alert {
    id: String,
    name: String,
    properties: Properties,
}

#[derive(Clone, Deserialize)]
struct Properties {
    essentials: Essentials,
    #[serde(default)]
    context: Option<Context>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Essentials {
    severity: String,
    alert_state: String,
    #[serde(default)]
    description: String,
    start_date_time: String,
    #[serde(default)]
    source_created_id: String,
}

/// What the ledger says.
#[derive(Clone, Deserialize)]
struct Context {
    operation: String,
    resource: String,
    verdict: String,
    reason: String,
    caller: Caller,
    #[serde(default)]
    facts: BTreeMap<String, String>,
}

#[derive(Clone, Deserialize)]
struct Caller {
    name: String,
    address: Option<String>,
}

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

impl Alert {
    /// What happened.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same in a sentence.
    pub fn description(&self) -> String {
        short_ids(&self.properties.essentials.description)
    }

    fn severity_row(&self) -> (&'static str, &'static str, &'static str) {
        let severity = self.properties.essentials.severity.as_str();
        SEVERITIES.into_iter().find(|(name, ..)| *name == severity).unwrap_or(("", "Unknown", "warn"))
    }

    /// How severe it is.
    pub fn severity(&self) -> &'static str {
        self.severity_row().1
    }

    /// The kind of badge for that.
    pub fn badge(&self) -> &'static str {
        self.severity_row().2
    }

    /// What was done with it.
    pub fn state(&self) -> &str {
        &self.properties.essentials.alert_state
    }

    /// When it was raised.
    pub fn raised(&self) -> Option<Moment> {
        Moment::parse(&self.properties.essentials.start_date_time)
    }

    /// Its page.
    pub fn href(&self) -> String {
        link::page("vaults/alert", &self.id)
    }

    /// The story of what raised it.
    fn story(&self) -> String {
        super::activity::story(&self.properties.essentials.source_created_id, self.raised())
    }
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
    fn context(&self) -> Option<&Context> {
        self.alert.properties.context.as_ref()
    }

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
    let path = format!("{vault}/providers/Microsoft.AlertsManagement/alerts");
    let part = viewer.part(&path, &[("pageCount", number)]).await;
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
    let path = format!("{}/providers/Microsoft.AlertsManagement/alerts", vault.id);
    let part = viewer.part::<Alert>(&path, &query).await?;
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
