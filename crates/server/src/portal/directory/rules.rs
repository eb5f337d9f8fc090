//! What the directory demands of sign-ins: how a first second factor is set up, and authentication contexts.

use arm::{Error, Result};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use jiff::SignedDuration;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{RULES, Typed, is_for_the_form, tabs};
use crate::portal::ask::of;
use crate::portal::moment;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

const POLICY: &str = "policies/authenticationMethodsPolicy";
const CONTEXTS: &str = "identity/conditionalAccess/authenticationContextClassReferences";

#[derive(Template)]
#[template(path = "portal/directory/rules.html")]
struct RulesPage {
    frame: Frame,
    policy: Policy,
    contexts: Vec<Context>,
    /// The first id that no context has.
    free: Option<String>,
    writes: bool,
    typed: Typed,
    problem: Option<String>,
}

/// How second factors are set up.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Policy {
    second_factor_enrolment: String,
}

/// What a role may ask of a sign-in.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    /// `c1` to `c99`.
    pub id: String,
    /// Its name.
    pub display_name: String,
    maximum_sign_in_age: Option<String>,
}

impl Policy {
    /// Whether an administrator has to give somebody a pass first.
    pub fn wants_pass(&self) -> bool {
        self.second_factor_enrolment == "temporaryAccessPass"
    }
}

impl Context {
    fn age(&self) -> Option<SignedDuration> {
        self.maximum_sign_in_age.as_deref()?.parse().ok()
    }

    /// How old a sign-in may be, in minutes; empty without a limit.
    pub fn minutes(&self) -> String {
        self.age().map(|age| age.as_mins().to_string()).unwrap_or_default()
    }

    /// The same in words.
    pub fn limit(&self) -> Option<String> {
        self.age().map(moment::span)
    }
}

impl Viewer {
    /// How second factors are set up in the directory.
    pub(super) async fn enrolment_policy(&self) -> Result<Policy> {
        of(self.graph(None, "GET", POLICY, &[], Value::Null).await?)
    }

    /// The authentication contexts of the directory.
    pub(super) async fn sign_in_contexts(&self) -> Result<Vec<Context>> {
        Ok(self.people(None, CONTEXTS, &[]).await?.entries)
    }
}

/// `GET /portal/sign-in-rules`
pub async fn show(viewer: Viewer) -> Response {
    viewer.answer(page(&viewer, Typed::default(), None).await)
}

/// `POST /portal/sign-in-rules`
pub async fn act(Posted { viewer, form }: Posted) -> Response {
    let typed = Typed(form);
    let outcome = match change(&viewer, &typed).await {
        Ok(what) => Ok(viewer.done(RULES, what)),
        Err(error) if is_for_the_form(&error) => page(&viewer, typed, Some(error)).await,
        Err(error) => Err(error),
    };
    viewer.answer(outcome)
}

async fn change(viewer: &Viewer, typed: &Typed) -> Result<&'static str> {
    let (method, path, body, what) = match typed.get("do") {
        "enrolment" => {
            let body = json!({"secondFactorEnrolment": typed.get("enrolment")});
            ("PATCH", POLICY.to_string(), body, "It was changed how a second factor is set up.")
        }
        "create" => {
            let body = json!({
                "id": typed.get("id"),
                "displayName": typed.get("name"),
                "maximumSignInAge": age(typed.get("minutes"))?,
            });
            (
                "POST",
                CONTEXTS.to_string(),
                body,
                "The authentication context was created. Role settings can demand it now.",
            )
        }
        "change" => {
            let body = json!({
                "displayName": typed.get("name"),
                "maximumSignInAge": age(typed.get("minutes"))?,
            });
            (
                "PATCH",
                format!("{CONTEXTS}/{}", typed.get("id")),
                body,
                "The authentication context was changed.",
            )
        }
        "delete" => {
            let what = "The authentication context was deleted.";
            ("DELETE", format!("{CONTEXTS}/{}", typed.get("id")), Value::Null, what)
        }
        _ => return Err(Error::invalid("NoSuchChange", "The form asks for nothing that can be done here.")),
    };
    viewer.graph(None, method, &path, &[], body).await?;
    Ok(what)
}

/// A number of minutes as a duration; nothing for no limit.
fn age(minutes: &str) -> Result<Option<String>> {
    if minutes.trim().is_empty() {
        return Ok(None);
    }
    let number = minutes.trim().parse::<u32>();
    let number = number.map_err(|_| {
        Error::invalid(
            "InvalidAge",
            "Give the age of the sign-in as a whole number of minutes, or leave it empty.",
        )
    })?;
    Ok(Some(format!("PT{number}M")))
}

async fn page(viewer: &Viewer, typed: Typed, error: Option<Error>) -> Result<Response> {
    let contexts = viewer.sign_in_contexts().await?;
    let free = (1..=99)
        .map(|number| format!("c{number}"))
        .find(|id| contexts.iter().all(|context| context.id != *id));
    let page = RulesPage {
        frame: viewer
            .frame(Section::Directory, "Sign-in rules")
            .subtitle(viewer.directory_name())
            .tabs(tabs(), RULES),
        policy: viewer.enrolment_policy().await?,
        contexts,
        free,
        writes: viewer.writes_directory(None).await?,
        typed,
        problem: error.as_ref().map(|error| error.message.clone()),
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}
