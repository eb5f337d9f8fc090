//! From page to page: what a form that came in leads to.

use axum::http::StatusCode;
use axum::http::header::LOCATION;
use axum::response::{IntoResponse, Response};
use directory::oauth::{Authorization, DeviceCode, OAuthError, ResponseMode};
use directory::page::{Attempt, End, Present, Proved, Purpose};
use directory::token::client_info;
use directory::{PasswordProof, Secret, SignIn, admit};
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use store::Transaction;

use super::account;
use super::credentials::{self, Shown};
use super::desk::{keep, proving, take};
use super::device;
use super::enrol;
use super::fault::{Fault, Outcome, blocking, decide};
use super::form::Form;
use super::gate::Gate;
use super::pages::{
    FormPostPage, MessagePage, Needs, SecondFactorPage, SignInPage, client_name, not_counted, page, problem,
    set_wait, status,
};
use super::people::{home_of, policy_of, users_of};
use super::session;
use super::visit::Visit;
use crate::app::App;

/// What a sign-in came to.
enum Done {
    /// The browser brings this to the client.
    Browser { code: Secret, client_info: String },
    /// The device gets its tokens at its next poll.
    Device,
    /// The person stays at the pages of their account.
    Account(SignIn),
    /// The browser gets this secret of a session, and goes on there.
    Portal(Secret),
    /// What it is for wants a second factor, and there is none: first one is enrolled.
    Enrol(SignIn),
}

/// What comes after the password.
enum Step {
    Done(Done),
    SecondFactor(PasswordProof),
}

/// Goes on with the attempt that a form belongs to.
pub async fn proceed(app: App, visit: Visit, form: Form) -> Response {
    if !visit.own_page {
        let text = "This form was sent by another web site. Nothing was done with it.";
        return not_counted(&visit, StatusCode::FORBIDDEN, text);
    }
    match take(&app, form.get("transaction").unwrap_or_default()).await {
        Ok(Some(Attempt::UserCode)) => device::look_up(app, visit, form).await,
        Ok(Some(Attempt::Consent(purpose))) => device::consent(app, visit, purpose, form).await,
        Ok(Some(Attempt::Password(purpose))) => password(app, visit, purpose, form).await,
        Ok(Some(Attempt::SecondFactor(proved))) => second_factor(app, visit, *proved, form).await,
        Ok(Some(Attempt::Enrol(enrolling))) => enrol::prove(app, visit, *enrolling, form).await,
        Ok(Some(Attempt::Present(present))) => go_on(app, visit, *present, form).await,
        Err(fault) => problem(&app, &visit, &fault),
        Ok(None) => {
            let text = "The page was open for too long, or its form was sent before. \
                        Go back to where you were asked to sign in and start again.";
            not_counted(&visit, StatusCode::BAD_REQUEST, text)
        }
    }
}

/// The page that asks for user name and password.
pub async fn sign_in_page(
    app: &App,
    visit: &Visit,
    purpose: &Purpose,
    username: &str,
    fault: Option<&Fault>,
) -> Response {
    let secret = match keep(app, visit, Attempt::Password(purpose.clone())).await {
        Ok(secret) => secret,
        Err(failed) => return problem(app, visit, &failed),
    };
    let words = fault.map(|fault| {
        if fault.is(&OAuthError::invalid_credentials()) {
            "The user name or the password is not right.".into()
        } else {
            fault.error().description
        }
    });
    let template = SignInPage {
        transaction: secret.expose(),
        action: &purpose.action,
        client: client_name(purpose.client),
        tenant: purpose.tenant_name(),
        username,
        problem: words.as_deref(),
    };
    show(app, visit, purpose, &template, fault)
}

async fn second_factor_page(app: &App, visit: &Visit, proved: Proved, fault: Option<&Fault>) -> Response {
    let secret = match keep(app, visit, Attempt::SecondFactor(Box::new(proved.clone()))).await {
        Ok(secret) => secret,
        Err(failed) => return problem(app, visit, &failed),
    };
    let template = SecondFactorPage {
        transaction: secret.expose(),
        action: &proved.purpose.action,
        username: &proved.username,
        problem: fault.map(|_| "That code is not right, or it was used before. Wait for the next one."),
    };
    show(app, visit, &proved.purpose, &template, fault)
}

/// A page on the way, with what went wrong before.
pub fn show(
    app: &App,
    visit: &Visit,
    purpose: &Purpose,
    template: &impl askama::Template,
    fault: Option<&Fault>,
) -> Response {
    let needs = Needs { redirect: purpose.redirect(), script: false };
    let mut response = page(visit, fault.map_or(StatusCode::OK, status), template, needs);
    if let Some(fault) = fault {
        set_wait(&mut response, app, fault);
    }
    response
}

async fn password(app: App, visit: Visit, purpose: Purpose, form: Form) -> Response {
    let username = form.owned("username").unwrap_or_default();
    let outcome = proving(&app, {
        let (visit, purpose, username) = (visit.clone(), purpose.clone(), username.clone());
        move |app| {
            let gate = Gate::of_account(&visit, &username);
            let password = form.get("password").unwrap_or_default();
            let proof = credentials::check(app, &gate, &username, password)?;
            let shown = Shown { username: &username, proof: proof.as_ref(), code: None };
            match (sign_in(app, &purpose, &gate, &shown), proof) {
                (Ok(done), _) => Ok(Step::Done(done)),
                (Err(fault), Some(proof)) if fault.is(&OAuthError::mfa_required()) => {
                    Ok(Step::SecondFactor(proof))
                }
                (Err(fault), _) => Err(fault),
            }
        }
    });
    match outcome.await {
        Ok(Step::SecondFactor(proof)) => {
            let proved = Proved { purpose, username: username.trim().into(), proof, at: app.edge.now() };
            second_factor_page(&app, &visit, proved, None).await
        }
        Ok(Step::Done(done)) => end(&app, &visit, &purpose, Ok(done), &username).await,
        Err(fault) => end(&app, &visit, &purpose, Err(fault), &username).await,
    }
}

async fn second_factor(app: App, visit: Visit, proved: Proved, form: Form) -> Response {
    // Nothing typed is no guess.
    let Some(code) = form.owned("code").filter(|code| !code.trim().is_empty()) else {
        return second_factor_page(&app, &visit, proved, None).await;
    };
    let outcome = proving(&app, {
        let (visit, proved) = (visit.clone(), proved.clone());
        move |app| {
            let gate = Gate::of_account(&visit, &proved.username);
            let shown = Shown { username: &proved.username, proof: Some(&proved.proof), code: Some(&code) };
            sign_in(app, &proved.purpose, &gate, &shown)
        }
    });
    match outcome.await {
        Err(fault) if fault.is(&OAuthError::invalid_credentials()) => {
            credentials::note::<Done>(&app, &visit, proved.purpose.way(), &Err(fault.clone()));
            second_factor_page(&app, &visit, proved, Some(&fault)).await
        }
        outcome => end(&app, &visit, &proved.purpose, outcome, &proved.username).await,
    }
}

/// Goes on with what somebody signed in for, who has looked at something in between.
async fn go_on(app: App, visit: Visit, present: Present, form: Form) -> Response {
    if present.purpose.end == End::Account {
        return account::act(app, visit, present, form).await;
    }
    let outcome = blocking(&app, {
        let present = present.clone();
        move |app| decide(app, |tx, now| finish(app, tx, &present.purpose, present.sign_in.clone(), now))
    });
    end(&app, &visit, &present.purpose, outcome.await, &present.username).await
}

fn sign_in(app: &App, purpose: &Purpose, gate: &Gate<'_>, shown: &Shown<'_>) -> Outcome<Done> {
    decide(app, |tx, now| {
        let sign_in = credentials::sign_in(tx, gate, shown, now)?;
        finish(app, tx, purpose, sign_in, now)
    })
}

/// Writes down what the sign-in was for, if the person is known where it counts.
fn finish(
    app: &App,
    tx: &mut Transaction,
    purpose: &Purpose,
    sign_in: SignIn,
    now: Timestamp,
) -> Outcome<Done> {
    let home_tenant = home_of(&sign_in)?;
    let tenant = purpose.tenant.as_ref().map_or(home_tenant, |(tenant, _)| *tenant);
    let (home, here) = users_of(tx, sign_in.person, tenant)?;
    admit(&sign_in, home.as_ref(), here.as_ref())?;
    let (policy, claims) = (policy_of(tx, tenant)?, &purpose.claims);
    if !claims.is_met_by(&policy.met_by(&sign_in, now)) {
        if !claims.contexts.iter().any(|context| policy.knows(context)) {
            return Err(OAuthError::unknown_context(claims).into());
        }
        if !sign_in.shows_mfa() {
            return Ok(Done::Enrol(sign_in));
        }
        return Err(OAuthError::step_up(claims, true, account::PAGE).into());
    }
    let family = app.edge.uuid();
    match &purpose.end {
        End::Account => Ok(Done::Account(sign_in)),
        End::Portal(_) => Ok(Done::Portal(session::begin(app, tx, tenant, sign_in, family, now)?)),
        End::Browser(request) => {
            let (code, document) = request.approve(tenant, sign_in, family, now, app.edge.bytes());
            tx.put(&document)?;
            Ok(Done::Browser {
                code,
                client_info: home.map(|home| client_info(home.tenant, home.id)).unwrap_or_default(),
            })
        }
        End::Device(digest) => {
            let stored = tx.get::<DeviceCode>(&digest.to_string())?.ok_or_else(OAuthError::bad_user_code)?;
            tx.put(&stored.approve(tenant, sign_in, family, now)?)?;
            Ok(Done::Device)
        }
    }
}

/// The last page of a sign-in, or the first one again with what went wrong.
async fn end(
    app: &App,
    visit: &Visit,
    purpose: &Purpose,
    outcome: Outcome<Done>,
    username: &str,
) -> Response {
    credentials::note(app, visit, purpose.way(), &outcome);
    match (outcome, &purpose.end) {
        (Ok(Done::Browser { code, client_info }), End::Browser(request)) => {
            hand_over(visit, request, &code, client_info)
        }
        (Ok(Done::Portal(secret)), End::Portal(back)) => session::hand_over(&secret, back),
        (Ok(Done::Account(sign_in)), _) => {
            let (purpose, username) = (purpose.clone(), username.trim().into());
            account::overview(app, visit, Present { purpose, username, sign_in }).await
        }
        (Ok(Done::Enrol(sign_in)), _) => {
            let (purpose, username) = (purpose.clone(), username.trim().into());
            enrol::offer(app, visit, Present { purpose, username, sign_in }).await
        }
        (Ok(_), _) => {
            let template = MessagePage {
                title: "You are signed in",
                text: &format!("{} goes on by itself. You can close this page.", client_name(purpose.client)),
            };
            page(visit, StatusCode::OK, &template, Needs::default())
        }
        (Err(fault @ (Fault::Failed(_) | Fault::Hasty)), _) => problem(app, visit, &fault),
        (Err(fault), _) if fault.is(&OAuthError::bad_user_code()) => problem(app, visit, &fault),
        (Err(fault), _) => sign_in_page(app, visit, purpose, username, Some(&fault)).await,
    }
}

/// Sends the browser to the client with the code.
fn hand_over(visit: &Visit, request: &Authorization, code: &Secret, client_info: String) -> Response {
    deliver(visit, request, vec![("code", code.expose().to_string()), ("client_info", client_info)])
}

/// Sends the browser to the client with an answer.
pub fn deliver(visit: &Visit, request: &Authorization, mut fields: Vec<(&'static str, String)>) -> Response {
    fields.extend(request.state.clone().map(|state| ("state", state)));
    match request.mode {
        ResponseMode::FormPost => {
            let template = FormPostPage {
                redirect: request.redirect.as_str(),
                client: client_name(request.client),
                signed_in: fields.iter().any(|(name, _)| *name == "code"),
                fields: &fields,
            };
            let needs = Needs { redirect: Some(&request.redirect), script: true };
            page(visit, StatusCode::OK, &template, needs)
        }
        ResponseMode::Query => {
            let query: Vec<String> = fields
                .iter()
                .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
                .collect();
            let address = format!("{}?{}", request.redirect.as_str(), query.join("&"));
            (StatusCode::SEE_OTHER, [(LOCATION, address)]).into_response()
        }
    }
}
