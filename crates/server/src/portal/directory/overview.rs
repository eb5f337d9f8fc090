//! The directory at a glance.

use arm::Result;
use askama::Template;
use axum::response::Response;

use super::rules::{Context, Policy};
use super::{OVERVIEW, tabs};
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/overview.html")]
struct OverviewPage {
    frame: Frame,
    people: usize,
    guests: usize,
    disabled: usize,
    groups: usize,
    applications: usize,
    policy: Policy,
    contexts: Vec<Context>,
    writes: bool,
    me: Me,
}

/// The viewer's own account here.
struct Me {
    name: String,
    username: String,
    id: String,
    directory: String,
    tenant: String,
}

/// `GET /portal/directory`
pub async fn show(viewer: Viewer) -> Response {
    viewer.answer(page(&viewer).await)
}

async fn page(viewer: &Viewer) -> Result<Response> {
    let people = viewer.find_objects("users", &[], "", "").await?;
    let account = viewer.account().ok_or_else(|| arm::Error::internal("a session of nobody"))?;
    let page = OverviewPage {
        frame: viewer
            .frame(Section::Directory, "Directory")
            .subtitle(viewer.directory_name())
            .tabs(tabs(), OVERVIEW),
        people: people.len(),
        guests: people.iter().filter(|person| person.is_guest()).count(),
        disabled: people.iter().filter(|person| !person.account_enabled).count(),
        groups: viewer.find_objects("groups", &[], "", "").await?.len(),
        applications: viewer.find_objects("servicePrincipals", &[], "", "").await?.len(),
        policy: viewer.enrolment_policy().await?,
        contexts: viewer.sign_in_contexts().await?,
        writes: viewer.writes_directory(None).await?,
        me: Me {
            name: account.name.clone(),
            username: account.signed_in.name.clone(),
            id: account.signed_in.object.to_string(),
            directory: account.directory.clone(),
            tenant: account.tenant.to_string(),
        },
    };
    Ok(viewer.page(&page))
}
