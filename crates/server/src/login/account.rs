//! The page where people see to the security of their own account.
//!
//! It needs no session: whoever opens it signs in, with the second factor if there is one. What follows counts for the ten
//! minutes that every page does, and belongs to the secret of the page.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use directory::oauth::ClaimsRequest;
use directory::page::{Attempt, End, Present, Purpose};
use directory::{RecoveryCode, remove, renew_recovery_codes};
use jiff::Timestamp;
use store::Transaction;
use uuid::Uuid;

use super::desk::keep;
use super::enrol;
use super::fault::{Outcome, blocking, decide};
use super::form::Form;
use super::pages::{AccountPage, MessagePage, Needs, page, problem};
use super::people::account_of;
use super::record::{Event, record};
use super::steps::{proceed, show, sign_in_page};
use super::visit::Visit;
use crate::app::App;

/// The path of the page.
pub const PAGE: &str = "/account/security";

/// What the page tells of a second factor.
struct Factor {
    since: Option<Timestamp>,
    codes_left: usize,
}

/// `GET /account/security`
pub async fn ask(State(app): State<App>, visit: Visit) -> Response {
    let purpose = Purpose {
        client: Uuid::nil(),
        tenant: None,
        action: PAGE.into(),
        claims: ClaimsRequest::default(),
        end: End::Account,
    };
    sign_in_page(&app, &visit, &purpose, "", None).await
}

/// `POST /account/security`: the forms of all pages on this way.
pub async fn post(State(app): State<App>, visit: Visit, form: Form) -> Response {
    proceed(app, visit, form).await
}

/// What there is, and what can be done about it.
pub async fn overview(app: &App, visit: &Visit, present: Present) -> Response {
    match overview_of(app, visit, &present).await {
        Ok(response) => response,
        Err(fault) => problem(app, visit, &fault),
    }
}

async fn overview_of(app: &App, visit: &Visit, present: &Present) -> Outcome<Response> {
    let sign_in = present.sign_in.clone();
    let read = blocking(app, move |app| {
        decide(app, |tx, _| {
            let totp = account_of(tx, &sign_in)?.totp;
            Ok(totp.map(|totp| Factor { since: totp.enrolled, codes_left: totp.recovery.len() }))
        })
    });
    let factor = read.await?;
    let secret = keep(app, visit, Attempt::Present(Box::new(present.clone()))).await?;
    let since = factor.as_ref().and_then(|factor| factor.since);
    let since = since.map(|at| at.strftime("%-d %B %Y, %H:%M UTC").to_string());
    let template = AccountPage {
        transaction: secret.expose(),
        action: PAGE,
        username: &present.username,
        enrolled: factor.is_some(),
        since: since.as_deref(),
        codes_left: factor.map_or(0, |factor| factor.codes_left),
    };
    Ok(show(app, visit, &present.purpose, &template, None))
}

/// Somebody pressed a button of the overview, or goes on behind the recovery codes.
pub async fn act(app: App, visit: Visit, present: Present, form: Form) -> Response {
    match form.get("decision") {
        Some("enrol") => enrol::offer(&app, &visit, present).await,
        Some("renew") => {
            let outcome = blocking(&app, {
                let (visit, present) = (visit.clone(), present.clone());
                move |app| decide(app, |tx, now| renew(app, tx, &visit, &present, now))
            });
            match outcome.await {
                Ok(codes) => enrol::codes_page(&app, &visit, present, &codes).await,
                Err(fault) => problem(&app, &visit, &fault),
            }
        }
        Some("remove") => {
            let outcome = blocking(&app, {
                let visit = visit.clone();
                move |app| decide(app, |tx, now| take_away(tx, &visit, &present, now))
            });
            match outcome.await {
                Ok(()) => removed(&visit),
                Err(fault) => problem(&app, &visit, &fault),
            }
        }
        _ => overview(&app, &visit, present).await,
    }
}

fn renew(
    app: &App,
    tx: &mut Transaction,
    visit: &Visit,
    present: &Present,
    now: Timestamp,
) -> Outcome<Vec<RecoveryCode>> {
    let user = account_of(tx, &present.sign_in)?;
    let (after, codes) = renew_recovery_codes(&user, &present.sign_in, app.edge.bytes())?;
    tx.put(&after)?;
    let event = Event {
        operation: "directory.secondFactor.renewRecoveryCodes",
        reason: "new recovery codes were made; the old ones are void",
        facts: &[],
    };
    record(tx, visit, &user, &present.sign_in, &event, now);
    Ok(codes)
}

fn take_away(tx: &mut Transaction, visit: &Visit, present: &Present, now: Timestamp) -> Outcome<()> {
    let user = account_of(tx, &present.sign_in)?;
    if user.totp.is_none() {
        return Ok(());
    }
    tx.put(&remove(&user, &present.sign_in, now)?)?;
    let event = Event {
        operation: "directory.secondFactor.remove",
        reason: "the second factor was removed by its owner; all sign-ins before have ended",
        facts: &[],
    };
    record(tx, visit, &user, &present.sign_in, &event, now);
    Ok(())
}

fn removed(visit: &Visit) -> Response {
    let template = MessagePage {
        title: "The authenticator was removed",
        text: "Your account has no second factor any more. You were signed out everywhere: programs ask you to sign in \
               again.",
    };
    page(visit, StatusCode::OK, &template, Needs::default())
}
