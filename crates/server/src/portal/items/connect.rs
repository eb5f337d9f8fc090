//! How to back up: the commands that point restic at an item, and the credentials that it signs in with.
//!
//! A secret is shown in the answer to the form that made it and nowhere else: no redirect, no cookie, no address holds it.

use arm::{Error, ErrorKind, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use vault::RepositoryRight;

use super::commands::Commands;
use super::item::Item;
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::ask::of;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

/// The longest label.
const LONGEST_LABEL: usize = 64;

/// What the address asks for.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Which of several sources the commands are for.
    label: String,
}

#[derive(Template)]
#[template(path = "portal/items/connect.html")]
struct ConnectPage {
    frame: Frame,
    label: String,
    commands: Commands,
    secret: Option<Issued>,
    /// `None` for who may not see them.
    credentials: Option<Vec<Credential>>,
    right: String,
    overlap: String,
    item: Item,
    problem: Option<String>,
}

/// A fresh secret, as the API hands it out.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Issued {
    user_name: String,
    secret: String,
    right: String,
    previous_secret: Option<Previous>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Previous {
    expires_on: Timestamp,
    last_used_on: Option<String>,
}

/// A credential as it is listed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential {
    user_name: String,
    right: String,
    created_time: Timestamp,
    created_by: String,
    last_used_on: Option<String>,
    previous_secret: Option<Previous>,
}

impl Credential {
    fn created(&self) -> Moment {
        Moment(self.created_time)
    }
}

impl Previous {
    fn ends(&self) -> Moment {
        Moment(self.expires_on)
    }
}

/// The rights with what each is good for.
const RIGHTS: [(RepositoryRight, &str); 4] = [
    (
        RepositoryRight::Append,
        "Makes backups and reads nothing back. For hosts: whoever takes one over gets no backup and can remove none.",
    ),
    (RepositoryRight::Read, "Restores and checks. Stores and removes nothing."),
    (
        RepositoryRight::Prune,
        "Backs up, restores, and removes what has been forgotten. For the machine that runs forget and prune.",
    ),
    (
        RepositoryRight::Full,
        "All of that, and the repository’s keys: for setting up, and for changing the password.",
    ),
];

impl ConnectPage {
    fn rights(&self) -> [(&'static str, &'static str, bool); 4] {
        RIGHTS.map(|(right, words)| (right.as_str(), words, right.as_str() == self.right))
    }
}

/// Whether a text can be a label in a repository's address.
pub fn is_label(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    (1..=LONGEST_LABEL).contains(&text.len()) && text.bytes().all(allowed)
}

/// `GET /portal/items/connect/{item}`
pub async fn show(viewer: Viewer, Path(item): Path<String>, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, &item, &asked.label, None, None).await)
}

/// `POST /portal/items/connect/{item}`: makes a credential, gives one a new secret, or takes one away.
pub async fn act(
    Path(item): Path<String>,
    Query(asked): Query<Asked>,
    Posted { viewer, form }: Posted,
) -> Response {
    let outcome = match form.get("do") {
        Some("delete") => return delete(&viewer, &item, &form).await,
        Some("rotate") => rotate(&viewer, &item, &form).await,
        _ => issue(&viewer, &item, &form).await,
    };
    let shown = match outcome {
        Ok(issued) => page(&viewer, &item, &asked.label, Some(issued), None).await,
        Err(error) => page(&viewer, &item, &asked.label, None, Some((&error, &form))).await,
    };
    viewer.answer(shown)
}

async fn issue(viewer: &Viewer, item: &str, form: &Form) -> Result<Issued> {
    let Some(right) = form.get("right") else {
        return Err(Error::invalid("RightMissing", "Choose what the credential is good for."));
    };
    let path = format!("{}/repositoryCredentials", with_slash(item));
    of(viewer.arm(Method::Post, &path, &[], json!({ "right": right })).await?)
}

async fn rotate(viewer: &Viewer, item: &str, form: &Form) -> Result<Issued> {
    let hours: Option<u32> = form.get("overlap").and_then(|hours| hours.trim().parse().ok());
    let Some(hours) = hours else {
        let why = "For how many hours is the old secret to work on? Give a number; 0 ends it at once.";
        return Err(Error::invalid("OverlapMissing", why));
    };
    let path = format!("{}/rotate", credential(item, form)?);
    of(viewer.arm(Method::Post, &path, &[], json!({ "overlapInHours": hours })).await?)
}

async fn delete(viewer: &Viewer, item: &str, form: &Form) -> Response {
    let outcome = match credential(item, form) {
        Ok(path) => viewer.arm(Method::Delete, &path, &[], Value::Null).await,
        Err(error) => Err(error),
    };
    match outcome {
        Ok(_) => {
            let what = "The credential is deleted. What was backed up with it stays.";
            viewer.done(&link::page("items/connect", item), what)
        }
        Err(error) => viewer.answer(page(viewer, item, "", None, Some((&error, form))).await),
    }
}

/// The id of the credential that a form names.
fn credential(item: &str, form: &Form) -> Result<String> {
    let user = form.get("user").filter(|user| is_label(user));
    let user = user.ok_or_else(|| Error::invalid("UserMissing", "The form names no credential."))?;
    Ok(format!("{}/repositoryCredentials/{user}", with_slash(item)))
}

fn with_slash(id: &str) -> String {
    format!("/{}", id.trim_start_matches('/'))
}

async fn page(
    viewer: &Viewer,
    id: &str,
    label: &str,
    secret: Option<Issued>,
    refused: Option<(&Error, &Form)>,
) -> Result<Response> {
    let item = Item::read(viewer, id).await?;
    let label = if is_label(label) { label } else { "" };
    let path = format!("{}/repositoryCredentials", item.id);
    let credentials = match viewer.list(&path, &[]).await {
        Err(error) if error.kind == ErrorKind::Forbidden => None,
        outcome => Some(outcome?),
    };
    let typed = |name: &str| refused.and_then(|(_, form)| form.owned(name));
    let known = secret.as_ref().map(|issued| (issued.user_name.as_str(), issued.secret.as_str()));
    let page = ConnectPage {
        frame: item.frame(viewer, "items/connect"),
        label: label.into(),
        commands: Commands::of(&item, label, known),
        credentials,
        right: typed("right").unwrap_or_else(|| RepositoryRight::Append.as_str().into()),
        overlap: typed("overlap").unwrap_or_else(|| "24".into()),
        secret,
        item,
        problem: refused.map(|(error, _)| error.message.clone()),
    };
    let status = refused.map_or(StatusCode::OK, |(error, _)| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}
