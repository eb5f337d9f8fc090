//! One group: who is in it, and which groups it is in.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use super::find::{Asked, Rows};
use super::{GROUPS, Listed, Typed, is_for_the_form};
use crate::portal::ask::of;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, Section, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/directory/group.html")]
struct GroupPage {
    frame: Frame,
    group: Listed,
    rows: Rows,
    within: Vec<Listed>,
    writes: bool,
    typed: Typed,
    problem: Option<String>,
}

/// `GET /portal/groups/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, &id, asked, Typed::default(), None).await)
}

/// `POST /portal/groups/{id}`
pub async fn act(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let typed = Typed(form);
    let outcome = match change(&viewer, &id, &typed).await {
        Ok((href, what)) => Ok(viewer.done(&href, &what)),
        Err(error) if is_for_the_form(&error) => {
            page(&viewer, &id, Asked::default(), typed, Some(error)).await
        }
        Err(error) => Err(error),
    };
    viewer.answer(outcome)
}

async fn change(viewer: &Viewer, id: &str, typed: &Typed) -> Result<(String, String)> {
    let group = format!("groups/{id}");
    let here = format!("{GROUPS}/{id}");
    match typed.get("do") {
        "add" => {
            let member =
                viewer.object_named(&["users", "groups", "servicePrincipals"], typed.get("member")).await?;
            let reference = json!({"@odata.id": format!("directoryObjects/{}", member.id)});
            viewer.graph(None, "POST", &format!("{group}/members/$ref"), &[], reference).await?;
            Ok((here, format!("{} is in the group now.", member.display_name)))
        }
        "remove" => {
            let path = format!("{group}/members/{}/$ref", typed.get("member"));
            viewer.graph(None, "DELETE", &path, &[], Value::Null).await?;
            Ok((here, "The member was taken out of the group.".into()))
        }
        "delete" => {
            let found: Listed = of(viewer.graph(None, "GET", &group, &[], Value::Null).await?)?;
            if found.display_name.trim() != typed.get("confirm").trim() {
                let message = "Type the group’s name exactly as it is shown to delete it.";
                return Err(Error::invalid("NotConfirmed", message));
            }
            viewer.graph(None, "DELETE", &group, &[], Value::Null).await?;
            Ok((GROUPS.into(), format!("The group {} was deleted.", found.display_name)))
        }
        _ => Err(Error::invalid("NoSuchChange", "The form asks for nothing that can be done here.")),
    }
}

async fn page(
    viewer: &Viewer,
    id: &str,
    asked: Asked,
    typed: Typed,
    error: Option<Error>,
) -> Result<Response> {
    let group: Listed = of(viewer.graph(None, "GET", &format!("groups/{id}"), &[], Value::Null).await?)?;
    let members =
        viewer.find_objects(&format!("groups/{}/members", group.id), &["displayName"], "", "").await?;
    let page = GroupPage {
        frame: viewer
            .frame(Section::Directory, group.display_name.clone())
            .subtitle(format!("Group of {}", viewer.directory_name()))
            .crumb("Groups", GROUPS),
        rows: asked.cut(&format!("{GROUPS}/{}", group.id), members),
        within: viewer.groups_of(&group.id).await?,
        writes: viewer.writes_directory(None).await?,
        problem: error.as_ref().map(|error| error.message.clone()),
        group,
        typed,
    };
    Ok(viewer.page_with(error.map_or(StatusCode::OK, |error| status_of(error.kind)), &page))
}
