//! Signing in and out, and turning to another directory.

use arm::Error;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use directory::oauth::ClaimsRequest;
use directory::session::Session;
use serde::Deserialize;

use super::link;
use super::posted::Posted;
use crate::app::App;
use crate::login::session as sign_in_session;
use crate::login::{Form, Place, Visit, problem_page, proceed};

/// What a link to the sign-in says.
#[derive(Default, Deserialize)]
pub struct Wanted {
    /// The page to go on with.
    back: Option<String>,
    /// The directory to look at: its id or domain.
    directory: Option<String>,
    /// The authentication context that is wanted, such as `c1`: who has signed in with less, signs in again.
    context: Option<String>,
    /// The user name to begin with.
    username: Option<String>,
}

/// `GET /portal/sign-in`
pub async fn sign_in(State(app): State<App>, visit: Visit, Query(wanted): Query<Wanted>) -> Response {
    let back = wanted.back.filter(|back| link::is_ours(back)).unwrap_or_else(|| link::HOME.into());
    let segment = wanted.directory;
    let place = match segment {
        Some(segment) => {
            app.blocking(move |app| app.store.transact(|tx| Ok(Place::find(tx, &segment).ok()))).await
        }
        None => Ok(None),
    };
    let tenant = match place {
        Ok(place) => place.and_then(|place| place.tenant).map(|tenant| (tenant.id, tenant.name)),
        Err(error) => return failed(&visit, &error),
    };
    let claims = ClaimsRequest { contexts: wanted.context.into_iter().collect(), ..ClaimsRequest::default() };
    let username = wanted.username.unwrap_or_default();
    sign_in_session::ask(&app, &visit, tenant, claims, &username, back).await
}

/// `POST /portal/sign-in`: the forms of the pages on this way. A session that was there before ends with the new one.
pub async fn post(State(app): State<App>, visit: Visit, headers: HeaderMap, form: Form) -> Response {
    let response = proceed(app.clone(), visit, form).await;
    let old = sign_in_session::digest(&headers);
    if let Some(old) = old.filter(|_| response.headers().contains_key("set-cookie")) {
        let edge = app.edge.clone();
        let ended = app.decide(move |tx| match tx.get::<Session>(&old.to_string())? {
            Some(session) => sign_in_session::end(tx, &session, edge.now()),
            None => Ok(()),
        });
        if let Err(error) = ended.await {
            tracing::warn!(code = %error.code, "a session that was replaced could not be ended");
        }
    }
    response
}

/// `POST /portal/sign-out`
pub async fn sign_out(Posted { viewer, .. }: Posted) -> Response {
    let (edge, session) = (viewer.app.edge.clone(), viewer.session.clone());
    let ended = viewer.app.decide(move |tx| sign_in_session::end(tx, &session, edge.now()));
    if let Err(error) = ended.await {
        return viewer.refuse(&error);
    }
    ([sign_in_session::forget()], Redirect::to(sign_in_session::ACTION)).into_response()
}

/// `POST /portal/directory`: looks at another directory from now on.
pub async fn turn(Posted { viewer, form }: Posted) -> Response {
    let tenant = form.get("directory").and_then(|id| id.parse().ok()).and_then(|id| viewer.account_in(id));
    let Some(account) = tenant else {
        let text = "The directory does not know you. Ask one of its administrators for an invitation.";
        return viewer.problem(StatusCode::FORBIDDEN, "You are not known there", text);
    };
    let turned = viewer.session.turned_to(account.tenant);
    match viewer.app.decide(move |tx| tx.put(&turned)).await {
        Ok(()) => Redirect::to(link::HOME).into_response(),
        Err(error) => viewer.refuse(&error),
    }
}

/// The answer to a form of a session that is over.
pub fn ended(visit: &Visit) -> Response {
    let text = "Your session has ended, so nothing was done. Sign in in another tab, then go back in this one and send the form again.";
    problem_page(visit, StatusCode::UNAUTHORIZED, "Your session has ended", text)
}

/// The answer when it cannot be found out who asks.
pub fn failed(visit: &Visit, error: &Error) -> Response {
    let internal = error.internal.as_deref().unwrap_or(&error.message);
    tracing::error!(correlation = %visit.correlation, code = %error.code, %internal, "a session could not be read");
    problem_page(
        visit,
        StatusCode::SERVICE_UNAVAILABLE,
        "The server cannot answer just now",
        "Try again in a moment.",
    )
}
