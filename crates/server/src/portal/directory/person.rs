//! One person: the account, how they sign in, where they belong, and whose other accounts are theirs.

mod change;
mod shown;

use arm::Result;
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

use self::change::Outcome;
use self::shown::{AccountLink, Methods};
use super::{Listed, PEOPLE, Typed, is_for_the_form};
use crate::portal::ask::of;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/person.html")]
struct PersonPage {
    frame: Frame,
    now: jiff::Timestamp,
    person: Listed,
    /// Whether it is the viewer's own account.
    own: bool,
    writes: bool,
    methods: Option<Methods>,
    groups: Vec<Listed>,
    links: Vec<AccountLink>,
    /// What a change did to those who approve.
    warning: Option<String>,
    /// Whether the account was created just now.
    fresh: bool,
    /// A temporary access pass, once.
    pass: Option<String>,
    sign_in: String,
    typed: Typed,
    problem: Option<String>,
}

/// What the address says besides.
#[derive(Default, Deserialize)]
pub struct Just {
    /// The account was created just now.
    new: Option<String>,
    /// A change was made just now, under this correlation id.
    changed: Option<String>,
}

/// What is to be shown besides the person.
#[derive(Default)]
struct With {
    just: Just,
    typed: Typed,
    pass: Option<String>,
    error: Option<arm::Error>,
}

/// `GET /portal/people/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(just): Query<Just>) -> Response {
    let with = With { just, ..With::default() };
    viewer.answer(page(&viewer, &id, with).await)
}

/// `POST /portal/people/{id}`
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let typed = Typed(form);
    let outcome = match viewer.change_person(&id, &typed).await {
        Ok(Outcome::Done { href, what }) => Ok(viewer.done(&href, &what)),
        Ok(Outcome::Pass(pass)) => page(&viewer, &id, With { pass: Some(pass), ..With::default() }).await,
        Err(error) if is_for_the_form(&error) => {
            page(&viewer, &id, With { typed, error: Some(error), ..With::default() }).await
        }
        Err(error) => Err(error),
    };
    viewer.answer(outcome)
}

async fn page(viewer: &Viewer, id: &str, with: With) -> Result<Response> {
    let person: Listed =
        of(viewer.graph(None, "GET", &format!("users/{id}"), &[], Default::default()).await?)?;
    let own = viewer.account().is_some_and(|account| account.signed_in.object.to_string() == person.id);
    let writes = viewer.writes_directory(None).await?;
    let kind = if person.is_guest() { "Guest" } else { "Member" };
    let frame = viewer
        .frame(Section::Directory, person.display_name.clone())
        .subtitle(format!("{kind} of {}", viewer.directory_name()))
        .crumb("People", PEOPLE);
    let warning = match &with.just.changed {
        Some(correlation) if writes => viewer.approvers_after(correlation).await?,
        _ => None,
    };
    let page = PersonPage {
        frame,
        now: viewer.now,
        own,
        writes,
        methods: viewer.methods_of(&person.id).await?,
        groups: viewer.groups_of(&person.id).await?,
        links: viewer.links_of(&person.id).await?,
        warning,
        fresh: with.just.new.is_some(),
        pass: with.pass,
        sign_in: format!("{}/portal/", viewer.visit.origin.arm),
        typed: with.typed,
        problem: with.error.as_ref().map(|error| error.message.clone()),
        person,
    };
    let status = with.error.map_or(StatusCode::OK, |error| status_of(error.kind));
    Ok(viewer.page_with(status, &page))
}
