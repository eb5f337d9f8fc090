//! The authorization endpoint: where a client sends the browser of somebody who is to sign in.

use axum::extract::{Path, RawQuery, State};
use axum::http::StatusCode;
use axum::response::Response;
use directory::oauth::{AuthorizeRequest, OAuthError};
use directory::page::{End, Purpose};

use super::fault::{Outcome, blocking, decide};
use super::form::Form;
use super::pages::{MessagePage, Needs, page, problem};
use super::people::Place;
use super::steps::{deliver, proceed, sign_in_page};
use super::tokens::audience;
use super::visit::Visit;
use crate::app::App;

/// The longest user name that a client may suggest, in characters.
const MAX_HINT: usize = 256;

/// `GET /{tenant}/oauth2/v2.0/authorize`
///
/// `prompt=login` and any `max_age` hold by themselves: there is no session, so that everybody signs in anew. A client
/// that wants no page (`prompt=none`) is told for the same reason that there has to be one.
pub async fn ask(
    State(app): State<App>,
    Path(segment): Path<String>,
    visit: Visit,
    RawQuery(query): RawQuery,
) -> Response {
    match Form::parse(query.as_deref().unwrap_or_default()) {
        Ok(form) => begin(app, visit, segment, form).await,
        Err(error) => problem(&app, &visit, &error.into()),
    }
}

/// `POST /{tenant}/oauth2/v2.0/authorize`: a form of our pages, or the request itself as a form (OpenID Connect Core,
/// section 3.1.2.1).
pub async fn post(State(app): State<App>, Path(segment): Path<String>, visit: Visit, form: Form) -> Response {
    if form.get("transaction").is_some() {
        proceed(app, visit, form).await
    } else {
        begin(app, visit, segment, form).await
    }
}

async fn begin(app: App, visit: Visit, segment: String, form: Form) -> Response {
    let hint: String = form.get("login_hint").unwrap_or_default().chars().take(MAX_HINT).collect();
    let wants_no_page = form.get("prompt").is_some_and(|prompt| prompt.split(' ').any(|word| word == "none"));
    let purpose = blocking(&app, {
        let visit = visit.clone();
        move |app| read(app, &visit, &segment, &form)
    });
    match purpose.await {
        Ok(Purpose { end: End::Browser(request), .. }) if wants_no_page => {
            let error = OAuthError::login_required();
            let fields = vec![("error", error.error.to_string()), ("error_description", error.text())];
            deliver(&visit, &request, fields)
        }
        Ok(purpose) => sign_in_page(&app, &visit, &purpose, &hint, None).await,
        Err(fault) => problem(&app, &visit, &fault),
    }
}

fn read(app: &App, visit: &Visit, segment: &str, form: &Form) -> Outcome<Purpose> {
    let request = AuthorizeRequest {
        client_id: form.owned("client_id"),
        response_type: form.owned("response_type"),
        response_mode: form.owned("response_mode"),
        redirect_uri: form.owned("redirect_uri"),
        scope: form.owned("scope"),
        state: form.owned("state"),
        nonce: form.owned("nonce"),
        code_challenge: form.owned("code_challenge"),
        code_challenge_method: form.owned("code_challenge_method"),
        claims: form.owned("claims"),
    };
    let request = request.check()?;
    audience(app, visit, &request.scope)?;
    let place = decide(app, |tx, _| Place::find(tx, segment))?;
    Ok(Purpose {
        client: request.client,
        action: format!("/{}/oauth2/v2.0/authorize", place.segment),
        tenant: place.tenant.map(|tenant| (tenant.id, tenant.name)),
        claims: request.claims.clone(),
        end: End::Browser(Box::new(request)),
    })
}

/// `GET /{tenant}/oauth2/v2.0/logout`: there is no session in the browser that could be ended.
pub async fn logout(visit: Visit) -> Response {
    let template = MessagePage {
        title: "You are signed out",
        text: "This server keeps no session in your browser. Programs that you signed in hold tokens of their own: \
               sign out there as well, for example with “az logout”.",
    };
    page(&visit, StatusCode::OK, &template, Needs::default())
}
