//! A critical operation, tried in the portal: done, or explained until there is consent.
//!
//! Whoever holds consent does not notice: the request goes with it, or after an unlock. Whoever does not is shown what
//! protects the vault, whom to ask and in which directory, asks for the role on the same page, and goes on there once
//! somebody else has approved. What was typed is kept meanwhile, as a [`Draft`].

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use mua::CriticalOperation;
use serde::Deserialize;
use serde_json::{Value, json};
use store::Draft;
use uuid::Uuid;

use super::consent::{Standing, Wish};
use super::link;
use super::posted::Posted;
use super::shell::{Frame, Section, status_of};
use super::vaults::vault::{Protected, Proxy};
use super::viewer::Viewer;
use super::words::name_of;
use crate::arm::route::Method;

/// A change that may be critical.
pub struct Attempt<'a> {
    /// What it does, in words that complete "You were about to …": `delete the backup item db1 for good`.
    pub title: String,
    /// What to say when it is done: `The policy was saved.`
    pub done: String,
    /// The page that it began on, and goes back to when it is done.
    pub back: String,
    /// The vault's id.
    pub vault: &'a str,
    /// The request's method.
    pub method: Method,
    /// The request's path.
    pub path: String,
    /// The request's body, without consent; null for a deletion.
    pub body: Value,
}

/// What a refusal says of the guard.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Refusal {
    operation: String,
    resource_guard_id: String,
    missing_action: String,
    description: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/attempt.html")]
struct AttemptPage<'a> {
    frame: Frame,
    draft: &'a Draft,
    operation: &'a str,
    guard: &'a str,
    guard_name: &'a str,
    description: Option<&'a str>,
    directory: Option<&'a str>,
    standing: Standing,
    now: jiff::Timestamp,
    typed: Typed,
    problem: Option<String>,
    step_up: Option<String>,
}

/// What the form for the activation holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Typed {
    role: String,
    reason: String,
    ticket: String,
    minutes: String,
}

impl Viewer {
    /// Does it; when consent is missing, keeps it and leads to the page that explains.
    ///
    /// # Errors
    /// Any other refusal: show the form again with what was typed.
    pub async fn attempt(&self, attempt: Attempt<'_>) -> Result<Response> {
        let draft = Draft {
            id: self.app.edge.uuid(),
            person: self.person(),
            begun: self.now,
            title: attempt.title,
            done: attempt.done,
            back: attempt.back,
            vault: attempt.vault.into(),
            method: attempt.method.as_str().into(),
            path: attempt.path,
            body: attempt.body,
            refusal: Value::Null,
        };
        match self.carry_out(&draft).await {
            Ok(answer) => Ok(self.finished(&draft, &answer)),
            Err(error) => match refusal_of(&error) {
                Some(refusal) => self.wait_for_consent(draft, refusal).await,
                None => Err(error),
            },
        }
    }

    async fn wait_for_consent(&self, draft: Draft, refusal: Value) -> Result<Response> {
        let draft = Draft { refusal, ..draft };
        let page = page_of(&draft);
        self.app.decide(move |tx| tx.put(&draft)).await?;
        Ok(Redirect::to(&page).into_response())
    }

    /// What is shown when it is done: the page that it began on, or what can be seen this once.
    fn finished(&self, draft: &Draft, answer: &Value) -> Response {
        let once = super::vaults::shown_once(self, &draft.vault, answer);
        once.unwrap_or_else(|| self.done(&draft.back, &draft.done))
    }

    async fn carry_out(&self, draft: &Draft) -> Result<Value> {
        let method = Method::parse(&draft.method).ok_or_else(|| Error::internal("a draft of no method"))?;
        let protected = self.protected_operations(&draft.vault).await?;
        let body = match method {
            Method::Delete => {
                self.unlock(draft, &protected).await?;
                Value::Null
            }
            _ => with_consent(draft.body.clone(), &protected),
        };
        self.arm(method, &draft.path, &[], body).await
    }

    /// What the vault's guard protects; nothing while multi-user authorization is off.
    async fn protected_operations(&self, vault: &str) -> Result<Vec<Protected>> {
        let proxy: Option<Proxy> = self.read_if_any(&proxy_of(vault)?, &[]).await?;
        Ok(proxy.map(|proxy| proxy.properties.resource_guard_operation_details).unwrap_or_default())
    }

    /// Deletions of what a guard protects go after an unlock; of a quota, say, they do not.
    async fn unlock(&self, draft: &Draft, protected: &[Protected]) -> Result<()> {
        let target = arm::ResourceId::parse(&draft.path)?;
        let deletion = format!("/{}/delete", target.type_name()).to_ascii_lowercase();
        let unlocks = |operation: CriticalOperation| {
            let name = format!("/{}", operation.name().to_ascii_lowercase());
            operation.consent() == mua::Consent::ByUnlock && name.ends_with(&deletion)
        };
        let request = protected.iter().find(|protected| {
            CriticalOperation::by_name(&protected.vault_critical_operation).is_some_and(unlocks)
        });
        let Some(request) = request else { return Ok(()) };
        let path = format!("{}/unlockDelete", proxy_of(&draft.vault)?);
        let body = json!({
            "resourceGuardOperationRequests": [request.default_resource_request],
            "resourceToBeDeleted": draft.path,
        });
        self.arm(Method::Post, &path, &[], body).await.map(drop)
    }

    async fn draft(&self, id: &str) -> Result<Draft> {
        let none = || Error::not_found("DraftNotFound", "It was done or given up, or it is too old.");
        let id: Uuid = id.parse().map_err(|_| none())?;
        let draft = self.app.decide(move |tx| tx.get::<Draft>(&id.to_string())).await?;
        draft.filter(|draft| draft.person == self.person() && !draft.is_over(self.now)).ok_or_else(none)
    }

    async fn forget(&self, draft: &Draft) -> Result<()> {
        let key = draft.id.to_string();
        self.app
            .decide(move |tx| {
                tx.delete::<Draft>(&key);
                Ok(())
            })
            .await
    }
}

/// Adds the guard requests that may be needed. One that is not needed is harmless, and none gives a right.
fn with_consent(mut body: Value, protected: &[Protected]) -> Value {
    let requests: Vec<&str> =
        protected.iter().map(|protected| protected.default_resource_request.as_str()).collect();
    if requests.is_empty() {
        return body;
    }
    if body.is_null() {
        body = json!({});
    }
    let place = match body.get_mut("properties") {
        Some(properties) => properties.as_object_mut(),
        None => body.as_object_mut(),
    };
    if let Some(place) = place {
        place.insert("resourceGuardOperationRequests".into(), json!(requests));
    }
    body
}

fn proxy_of(vault: &str) -> Result<String> {
    let vault = arm::ResourceId::parse(vault)?;
    Ok(crate::arm::door::proxy_id(&vault)?.to_string())
}

fn refusal_of(error: &Error) -> Option<Value> {
    let refused = error.kind == ErrorKind::Forbidden;
    let info = error.additional_info.iter().find(|(kind, _)| kind == "ResourceGuardOperation");
    info.filter(|_| refused).map(|(_, info)| info.clone())
}

/// `GET /portal/attempts/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(typed): Query<Typed>) -> Response {
    let page = async {
        let draft = viewer.draft(&id).await?;
        explain(&viewer, &draft, typed, None).await
    };
    viewer.answer(page.await)
}

/// `POST /portal/attempts/{id}`: asks for consent, takes that back, goes on, or gives up.
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let draft = viewer.draft(&id).await?;
        let here = page_of(&draft);
        match form.get("do") {
            Some("ask") => {
                let typed = Typed {
                    role: form.owned("role").unwrap_or_default(),
                    reason: form.owned("reason").unwrap_or_default(),
                    ticket: form.owned("ticket").unwrap_or_default(),
                    minutes: form.owned("minutes").unwrap_or_default(),
                };
                ask(&viewer, &draft, typed).await
            }
            Some("take-back") => {
                viewer.take_back(form.get("request").unwrap_or_default()).await?;
                Ok(viewer.done(&here, "The request was taken back."))
            }
            Some("give-up") => {
                viewer.forget(&draft).await?;
                Ok(viewer.done(&draft.back, "Given up. Nothing was changed."))
            }
            _ => go_on(&viewer, draft).await,
        }
    };
    viewer.answer(page.await)
}

fn page_of(draft: &Draft) -> String {
    format!("/portal/attempts/{}", draft.id)
}

async fn go_on(viewer: &Viewer, draft: Draft) -> Result<Response> {
    match viewer.carry_out(&draft).await {
        Ok(answer) => {
            viewer.forget(&draft).await?;
            Ok(viewer.finished(&draft, &answer))
        }
        Err(error) => {
            let refusal = refusal_of(&error).unwrap_or_else(|| draft.refusal.clone());
            explain(viewer, &Draft { refusal, ..draft }, Typed::default(), Some(&error)).await
        }
    }
}

async fn ask(viewer: &Viewer, draft: &Draft, typed: Typed) -> Result<Response> {
    let refusal: Refusal = super::ask::of(draft.refusal.clone())?;
    let Ok(minutes) = typed.minutes.trim().parse::<u32>() else {
        let error = Error::invalid("InvalidDuration", "For how long? Give a number of minutes.");
        return explain(viewer, draft, typed, Some(&error)).await;
    };
    let wish = Wish {
        scope: &refusal.resource_guard_id,
        role: &typed.role,
        reason: &typed.reason,
        ticket: &typed.ticket,
        ticket_system: "",
        minutes,
        start: None,
    };
    match viewer.activate(&wish).await {
        Ok(request) => {
            let what = match request.properties.status.as_str() {
                "PendingApproval" => {
                    "Your request waits for approval. This page goes on by itself once it is approved."
                }
                _ => "The role is active. You can go on.",
            };
            Ok(viewer.done(&page_of(draft), what))
        }
        Err(error) => explain(viewer, draft, typed, Some(&error)).await,
    }
}

async fn explain(viewer: &Viewer, draft: &Draft, typed: Typed, error: Option<&Error>) -> Result<Response> {
    let refusal: Refusal = super::ask::of(draft.refusal.clone())?;
    let guard = refusal.resource_guard_id.as_str();
    let standing = viewer.standing(&refusal.missing_action, guard).await?;
    let operation =
        CriticalOperation::by_name(&refusal.operation).map_or(refusal.operation.as_str(), |o| o.title());
    let here = typed.kept(&page_of(draft));
    let page = AttemptPage {
        frame: viewer.frame(Section::Vaults, "This needs somebody else’s consent").live(),
        draft,
        operation,
        guard,
        guard_name: name_of(guard),
        description: refusal.description.as_deref(),
        directory: viewer.directory_of(guard),
        standing,
        now: viewer.now,
        typed,
        problem: error.map(|error| error.message.clone()),
        step_up: error.and_then(|error| viewer.step_up(error, &here)),
    };
    let status = error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}

impl Typed {
    /// The page with all that is typed.
    fn kept(&self, here: &str) -> String {
        let Self { role, reason, ticket, minutes } = self;
        let fields = [("role", role), ("reason", reason), ("ticket", ticket), ("minutes", minutes)];
        link::with_typed(here, &fields.map(|(name, value)| (name, value.as_str())))
    }
}

impl AttemptPage<'_> {
    fn vault_name(&self) -> &str {
        name_of(&self.draft.vault)
    }

    fn guard_page(&self) -> String {
        link::page("guards/overview", self.guard)
    }
}
