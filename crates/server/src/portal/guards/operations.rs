//! Which operations a guard protects, and changing that.
//!
//! What is left out from then on needs nobody's consent, in all vaults that are linked. So the page says which vaults these
//! are, and asks once more. Protecting more is done at once.

use arm::{Error, Result};
use askama::Template;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::response::Response;
use mua::CriticalOperation;
use serde_json::json;

use super::linked::{self, Linked};
use super::table::{self, Kind, Line};
use super::{Guard, frame_of, read_guard};
use crate::arm::route::Method;
use crate::login::Form;
use crate::portal::posted::Posted;
use crate::portal::shell::{Frame, status_of};
use crate::portal::viewer::Viewer;

#[derive(Template)]
#[template(path = "portal/guards/operations.html")]
struct OperationsPage {
    frame: Frame,
    kinds: Vec<Kind>,
    linked: Vec<Linked>,
    /// What was left out when the form was made: it counts only while that holds.
    was: String,
    problem: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/guards/exempt.html")]
struct ExemptPage {
    frame: Frame,
    guard: Guard,
    weaker: Vec<Line>,
    stronger: Vec<Line>,
    /// What the form that is sent on holds.
    kept: Vec<Line>,
    linked: Vec<Linked>,
    was: String,
}

/// `GET /portal/guards/operations/{id}`
pub async fn show(viewer: Viewer, Path(id): Path<String>) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        let kinds = table::of_guard(&guard);
        page(&viewer, &guard, kinds, None).await
    };
    viewer.answer(page.await)
}

/// `POST /portal/guards/operations/{id}`
pub async fn change(Path(id): Path<String>, Posted { viewer, form }: Posted) -> Response {
    let page = async {
        let guard = read_guard(&viewer, &id).await?;
        if form.get("was").unwrap_or_default() != was(&guard) {
            let why = "Somebody has changed what is protected since this page was made. Look at it again.";
            let error = Error::conflict("GuardChanged", why);
            let kinds = table::of_guard(&guard);
            return page(&viewer, &guard, kinds, Some(error)).await;
        }
        let weaker = lines(|one| guard.protects(one) && !table::ticked(&form)(one));
        if !weaker.is_empty() && form.get("do") != Some("exempt") {
            return ask_again(&viewer, guard, &form, weaker).await;
        }
        let exclusions = table::exclusions(table::ticked(&form));
        let body = json!({"properties": {"vaultCriticalOperationExclusionList": exclusions}});
        match viewer.arm(Method::Patch, &guard.id, &[], body).await {
            Ok(_) => Ok(viewer.done(&guard.page("operations"), "What the guard protects was saved.")),
            Err(error) => {
                let kinds = table::kinds(table::ticked(&form));
                page(&viewer, &guard, kinds, Some(error)).await
            }
        }
    };
    viewer.answer(page.await)
}

fn lines(counts: impl Fn(CriticalOperation) -> bool) -> Vec<Line> {
    let all = CriticalOperation::ALL.iter().copied().filter(|operation| counts(*operation));
    all.map(|operation| Line { operation, protected: true }).collect()
}

/// What a guard leaves out, as a form carries it.
fn was(guard: &Guard) -> String {
    guard.properties.vault_critical_operation_exclusion_list.join(",")
}

async fn ask_again(viewer: &Viewer, guard: Guard, form: &Form, weaker: Vec<Line>) -> Result<Response> {
    let ticked = table::ticked(form);
    let mut frame = frame_of(viewer, &guard, "guards/operations");
    frame.title = format!("Protect fewer operations with {}", guard.name);
    let page = ExemptPage {
        frame,
        weaker,
        stronger: lines(|one| !guard.protects(one) && ticked(one)),
        kept: lines(|one| !one.is_mandatory() && ticked(one)),
        linked: linked::read(viewer, &guard.id).await?,
        was: was(&guard),
        guard,
    };
    Ok(viewer.page(&page))
}

async fn page(viewer: &Viewer, guard: &Guard, kinds: Vec<Kind>, error: Option<Error>) -> Result<Response> {
    let status = error.as_ref().map_or(StatusCode::OK, |error| status_of(error.kind));
    let page = OperationsPage {
        frame: frame_of(viewer, guard, "guards/operations"),
        kinds,
        linked: linked::read(viewer, &guard.id).await?,
        was: was(guard),
        problem: error.map(|error| error.message),
    };
    Ok(viewer.page_with(status, &page))
}

impl Line {
    /// Of which kind of vault it is.
    fn vaults(&self) -> &'static str {
        match self.operation.vault_kind() {
            vault::VaultKind::RecoveryServices => "Recovery Services vaults",
            vault::VaultKind::Backup => "Backup vaults",
        }
    }
}
