//! The pages that people see. Each is a struct with what it shows and a template that says how.

use arm::Error;
use askama::Template;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use directory::oauth::{AZURE_CLI, RedirectUri};
use uuid::Uuid;

use super::answer;
use super::fault::Fault;
use super::qr::Picture;
use super::visit::Visit;
use crate::app::App;

/// User name and password.
#[derive(Template)]
#[template(path = "login/sign_in.html")]
pub struct SignInPage<'a> {
    /// The secret of the attempt.
    pub transaction: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// The client that asks.
    pub client: &'a str,
    /// The organisation that was asked for.
    pub tenant: Option<&'a str>,
    /// The user name to begin with.
    pub username: &'a str,
    /// What went wrong with the form before.
    pub problem: Option<&'a str>,
}

/// The one-time password.
#[derive(Template)]
#[template(path = "login/second_factor.html")]
pub struct SecondFactorPage<'a> {
    /// The secret of the attempt.
    pub transaction: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// Who is signing in.
    pub username: &'a str,
    /// What went wrong with the form before.
    pub problem: Option<&'a str>,
}

/// A secret for an authenticator, and the proof that it has it.
#[derive(Template)]
#[template(path = "login/enrol.html")]
pub struct EnrolPage<'a> {
    /// The secret of the attempt.
    pub transaction: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// Whose authenticator it is.
    pub username: &'a str,
    /// The authenticator's secret in base32, in groups.
    pub secret: &'a str,
    /// The same as an address.
    pub uri: &'a str,
    /// The same as a QR code.
    pub picture: Picture,
    /// Whether a temporary access pass is needed.
    pub wants_pass: bool,
    /// Whether it takes the place of another one.
    pub replaces: bool,
    /// What went wrong with the form before.
    pub problem: Option<&'a str>,
}

/// The recovery codes, once.
#[derive(Template)]
#[template(path = "login/recovery_codes.html")]
pub struct RecoveryCodesPage<'a> {
    /// The secret of the attempt.
    pub transaction: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// The codes.
    pub codes: &'a [String],
}

/// The security of one's own account.
#[derive(Template)]
#[template(path = "login/account.html")]
pub struct AccountPage<'a> {
    /// The secret of the attempt.
    pub transaction: &'a str,
    /// Where the form goes.
    pub action: &'a str,
    /// Whose account it is.
    pub username: &'a str,
    /// Whether there is a second factor.
    pub enrolled: bool,
    /// Since when, if that is known.
    pub since: Option<&'a str>,
    /// How many recovery codes are left.
    pub codes_left: usize,
}

/// The code that a device shows.
#[derive(Template)]
#[template(path = "login/user_code.html")]
pub struct UserCodePage<'a> {
    /// The secret of the attempt.
    pub transaction: &'a str,
    /// What was typed before.
    pub typed: &'a str,
    /// What went wrong with the form before.
    pub problem: Option<&'a str>,
}

/// Whether to sign in the client that shows the code.
#[derive(Template)]
#[template(path = "login/consent.html")]
pub struct ConsentPage<'a> {
    /// The secret of the attempt.
    pub transaction: &'a str,
    /// The client that asks.
    pub client: &'a str,
    /// The organisation that was asked for.
    pub tenant: Option<&'a str>,
    /// The code.
    pub user_code: &'a str,
}

/// The form that brings the code to the client, by itself where scripts run.
#[derive(Template)]
#[template(path = "login/form_post.html")]
pub struct FormPostPage<'a> {
    /// Where the form goes.
    pub redirect: &'a str,
    /// The client that waits.
    pub client: &'a str,
    /// Whether it brings a code, and not an error.
    pub signed_in: bool,
    /// What the form holds.
    pub fields: &'a [(&'static str, String)],
}

/// The end of a way.
#[derive(Template)]
#[template(path = "login/message.html")]
pub struct MessagePage<'a> {
    /// What happened.
    pub title: &'a str,
    /// What it means.
    pub text: &'a str,
}

/// What went wrong, and what to do.
#[derive(Template)]
#[template(path = "login/problem.html")]
struct ProblemPage<'a> {
    title: &'a str,
    text: &'a str,
    detail: &'a str,
}

/// What a page needs from the browser besides showing it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Needs<'a> {
    /// Where a form of it, or the answer to one, may lead besides here.
    pub redirect: Option<&'a RedirectUri>,
    /// Whether our script runs, and may ask us.
    pub script: bool,
}

/// A page as an answer.
pub fn page(visit: &Visit, status: StatusCode, template: &impl Template, needs: Needs<'_>) -> Response {
    let html = match template.render() {
        Ok(html) => html,
        Err(error) => {
            let fault = Fault::Failed(Error::internal(format!("a page cannot be written: {error}")));
            answer::note(visit.correlation, &fault);
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, html).into_response();
    protect(response.headers_mut(), needs);
    response
}

/// A page that only shows something, as an answer that nobody keeps.
pub fn show(visit: &Visit, status: StatusCode, template: &impl Template) -> Response {
    let mut response = page(visit, status, template, Needs::default());
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The page for what cannot go on.
pub fn problem(app: &App, visit: &Visit, fault: &Fault) -> Response {
    answer::note(visit.correlation, fault);
    let error = fault.error();
    let detail = format!(
        "AADSTS{} · {} · {}",
        error.code,
        visit.correlation,
        app.edge.now().strftime("%Y-%m-%d %H:%M:%SZ")
    );
    let page_of_it =
        ProblemPage { title: "This sign-in cannot go on", text: &error.description, detail: &detail };
    let mut response = page(visit, status(fault), &page_of_it, Needs::default());
    set_wait(&mut response, app, fault);
    response
}

/// The page for a form that does not count.
pub fn not_counted(visit: &Visit, status: StatusCode, text: &str) -> Response {
    let page_of_it =
        ProblemPage { title: "Please start again", text, detail: &visit.correlation.to_string() };
    page(visit, status, &page_of_it, Needs::default())
}

/// The page for what cannot go on, without a sign-in to go on with.
pub(crate) fn problem_page(visit: &Visit, status: StatusCode, title: &str, text: &str) -> Response {
    show(visit, status, &ProblemPage { title, text, detail: &visit.correlation.to_string() })
}

/// The status of a page that tells a fault.
pub fn status(fault: &Fault) -> StatusCode {
    match fault {
        Fault::Locked(_) => StatusCode::TOO_MANY_REQUESTS,
        other => answer::status(other),
    }
}

/// Tells when to come back.
pub fn set_wait(response: &mut Response, app: &App, fault: &Fault) {
    if let Some(seconds) = answer::wait(fault, app.edge.now()) {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// What a client is called.
pub fn client_name(client: Uuid) -> &'static str {
    match client {
        AZURE_CLI => "Azure CLI",
        // The server's own pages.
        _ if client.is_nil() => "Countersign",
        _ => "An unknown application",
    }
}

/// Says what the page may load and where its forms may go; nobody may frame it.
pub(crate) fn protect(headers: &mut HeaderMap, needs: Needs<'_>) {
    let script = if needs.script { "'self'" } else { "'none'" };
    let redirect = needs.redirect.map(form_target).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'; img-src 'self'; script-src {script}; connect-src {script}; \
         form-action 'self'{redirect}; frame-ancestors 'none'; base-uri 'none'"
    );
    let set = [
        (CONTENT_TYPE.as_str(), "text/html; charset=utf-8"),
        ("content-security-policy", &policy),
        // Not `no-referrer`, under which browsers send `Origin: null` with our own forms. To others it sends nothing
        // either.
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("x-frame-options", "DENY"),
    ];
    for (name, value) in set {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
}

/// A source for `form-action`. The policy's grammar has no IPv6 addresses, so those are let through by their scheme.
fn form_target(redirect: &RedirectUri) -> String {
    let origin = redirect.origin();
    if origin.contains('[') { " http:".into() } else { format!(" {origin}") }
}
