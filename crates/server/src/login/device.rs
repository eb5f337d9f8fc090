//! The device code grant: the endpoint that starts it, and the page where people type the code.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use directory::SecretDigest;
use directory::Tenant;
use directory::oauth::{ClaimsRequest, DeviceAnswer, DeviceCode, OAuthError, Scope, UserCode, public_client};
use directory::page::{Attempt, End, Purpose};
use jiff::Timestamp;
use store::Transaction;

use super::answer;
use super::credentials;
use super::desk::{keep, pace, starting};
use super::fault::{Fault, Outcome, blocking, decide};
use super::form::Form;
use super::gate::Gate;
use super::pages::{
    ConsentPage, MessagePage, Needs, UserCodePage, client_name, page, problem, set_wait, status,
};
use super::people::Place;
use super::steps::{proceed, sign_in_page};
use super::tokens::audience;
use super::visit::Visit;
use crate::app::App;

/// The path of the page; short, because people type it.
const PAGE: &str = "/device";
/// How often a user code is drawn until one is free. Two draws are next to never needed.
const DRAWS: usize = 8;

/// `POST /{tenant}/oauth2/v2.0/devicecode`
pub async fn start(
    State(app): State<App>,
    Path(segment): Path<String>,
    visit: Visit,
    form: Form,
) -> Response {
    let outcome = starting(&app, {
        let visit = visit.clone();
        move |app| begin(app, &visit, &segment, &form)
    });
    answer::json(&app, &visit, outcome.await)
}

fn begin(app: &App, visit: &Visit, segment: &str, form: &Form) -> Outcome<DeviceAnswer> {
    let client = public_client(form.get("client_id"))?;
    let scope = Scope::parse(form.get("scope").unwrap_or_default())?;
    audience(app, visit, &scope)?;
    let asked = (scope, ClaimsRequest::parse(form.get("claims")));
    let page = format!("{}{PAGE}", visit.origin.arm);
    decide(app, |tx, now| {
        let tenant = Place::find(tx, segment)?.id();
        pace(tx, visit, now)?;
        for _ in 0..DRAWS {
            let random = (app.edge.bytes(), app.edge.bytes());
            let (answer, document) = DeviceCode::start(client, tenant, asked.clone(), &page, now, random);
            if with_user_code(tx, &document.user_code)?.is_empty() {
                tx.put(&document)?;
                return Ok(answer);
            }
        }
        Err(arm::Error::internal("no user code is free").into())
    })
}

/// The codes that nobody has decided about, expired ones among them.
fn with_user_code(tx: &mut Transaction, code: &UserCode) -> arm::Result<Vec<DeviceCode>> {
    tx.find(&code.to_string())
}

/// `GET /device`
pub async fn ask(State(app): State<App>, visit: Visit) -> Response {
    user_code_page(&app, &visit, "", None).await
}

/// `POST /device`: the forms of all pages on this way.
pub async fn post(State(app): State<App>, visit: Visit, form: Form) -> Response {
    proceed(app, visit, form).await
}

async fn user_code_page(app: &App, visit: &Visit, typed: &str, fault: Option<&Fault>) -> Response {
    let secret = match keep(app, visit, Attempt::UserCode).await {
        Ok(secret) => secret,
        Err(failed) => return problem(app, visit, &failed),
    };
    let words = fault.map(|fault| fault.error().description);
    let template = UserCodePage { transaction: secret.expose(), typed, problem: words.as_deref() };
    let mut response = page(visit, fault.map_or(StatusCode::OK, status), &template, Needs::default());
    if let Some(fault) = fault {
        set_wait(&mut response, app, fault);
    }
    response
}

/// A person typed a code.
pub async fn look_up(app: App, visit: Visit, form: Form) -> Response {
    let typed = form.owned("user_code").unwrap_or_default();
    let outcome = blocking(&app, {
        let (visit, typed) = (visit.clone(), typed.clone());
        move |app| {
            let gate = Gate::of_address(&visit);
            decide(app, |tx, now| {
                gate.ask(tx, now)?;
                match find(tx, &typed, now)? {
                    Some(found) => Ok(found),
                    None => {
                        gate.failed(tx, None, now)?;
                        Err(OAuthError::bad_user_code().into())
                    }
                }
            })
        }
    });
    match outcome.await {
        Ok((purpose, user_code)) => consent_page(&app, &visit, &purpose, &user_code).await,
        Err(fault @ Fault::Failed(_)) => problem(&app, &visit, &fault),
        Err(fault) => {
            credentials::note::<()>(&app, &visit, "device", &Err(fault.clone()));
            user_code_page(&app, &visit, &typed, Some(&fault)).await
        }
    }
}

async fn consent_page(app: &App, visit: &Visit, purpose: &Purpose, user_code: &UserCode) -> Response {
    let secret = match keep(app, visit, Attempt::Consent(purpose.clone())).await {
        Ok(secret) => secret,
        Err(failed) => return problem(app, visit, &failed),
    };
    let template = ConsentPage {
        transaction: secret.expose(),
        client: client_name(purpose.client),
        tenant: purpose.tenant_name(),
        user_code: &user_code.to_string(),
    };
    page(visit, StatusCode::OK, &template, Needs::default())
}

/// The open device code that somebody typed, and what a sign-in for it is about.
fn find(tx: &mut Transaction, typed: &str, now: Timestamp) -> arm::Result<Option<(Purpose, UserCode)>> {
    let Some(code) = UserCode::parse(typed) else {
        return Ok(None);
    };
    let open = with_user_code(tx, &code)?.into_iter().find(|document| document.check_open(now).is_ok());
    let Some(open) = open else {
        return Ok(None);
    };
    let tenant = match open.tenant {
        Some(id) => tx.get::<Tenant>(&id.to_string())?.map(|tenant| (id, tenant.name)),
        None => None,
    };
    let purpose = Purpose {
        client: open.client,
        tenant,
        action: PAGE.into(),
        claims: open.claims,
        end: End::Device(open.digest),
    };
    Ok(Some((purpose, code)))
}

/// A person decided whether to go on. Anything but a clear yes is a no.
pub async fn consent(app: App, visit: Visit, purpose: Purpose, form: Form) -> Response {
    if form.get("decision") == Some("continue") {
        return sign_in_page(&app, &visit, &purpose, "", None).await;
    }
    let End::Device(digest) = purpose.end else {
        return user_code_page(&app, &visit, "", None).await;
    };
    match blocking(&app, move |app| deny(app, digest)).await {
        Ok(()) => {
            let template = MessagePage {
                title: "Nobody was signed in",
                text: "The sign-in was cancelled. You can close this page.",
            };
            page(&visit, StatusCode::OK, &template, Needs::default())
        }
        Err(fault) => problem(&app, &visit, &fault),
    }
}

fn deny(app: &App, digest: SecretDigest) -> Outcome<()> {
    decide(app, |tx, now| {
        let stored = tx.get::<DeviceCode>(&digest.to_string())?.ok_or_else(OAuthError::bad_user_code)?;
        tx.put(&stored.deny(now)?)?;
        Ok(())
    })
}
