//! Sign-in: the embedded OpenID Connect issuer and its pages (azure-clients 3).
//!
//! What it does: reads forms, runs the state machines of `directory` inside one decision of the store, and writes
//! their answer as JSON for programs or as a page for people.
//!
//! What it does not know: what makes a sign-in count, how a code is redeemed, when a lock begins. That is `directory`'s.
//!
//! Invariants:
//! - Passwords and client secrets are checked on a small pool, outside every transaction, and decided inside one with
//!   the documents read again. Whoever has no place in the pool has not asked the throttle yet, so that attempts made
//!   at the same time do not pass it together.
//! - A refusal commits what it has to: a counted failure, the time of a poll, a revoked family.
//! - An authorization request that is at fault is told to the person on a page and is redirected nowhere.
//! - A form is taken from our own pages alone, once, and only for a few minutes. Any server takes it that shares the
//!   store with the one that showed the page.
//! - A second factor is enrolled, replaced or removed on pages that follow a sign-in of the last ten minutes, which has
//!   shown the factor there was; the secret and the recovery codes are shown there and nowhere else.
//! - No cookie is set: there is no session in the browser that another site could ride on.

mod account;
mod answer;
pub(crate) mod assets;
mod browser;
mod credentials;
mod desk;
mod device;
mod discovery;
mod enrol;
mod fault;
mod form;
mod gate;
mod pages;
mod people;
mod qr;
mod record;
pub(crate) mod session;
mod steps;
mod tidy;
mod token;
mod tokens;
mod visit;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::http::finish;

pub use desk::Desk;
pub(crate) use form::Form;
pub(crate) use pages::{Needs, problem_page, protect};
pub(crate) use people::{Place, member, user};
pub use people::{is_revoked, policy_of};
pub(crate) use steps::proceed;
pub use tidy::{TURN as TIDYING, sweep};
pub use visit::Visit;

/// The routes of this face.
pub fn router(app: &App) -> Router<App> {
    let authorize = get(browser::ask).post(browser::post);
    Router::new()
        .route("/{tenant}/v2.0/.well-known/openid-configuration", get(discovery::openid))
        .route("/{tenant}/.well-known/openid-configuration", get(discovery::openid))
        .route("/{tenant}/discovery/v2.0/keys", get(discovery::keys))
        .route("/{tenant}/discovery/keys", get(discovery::keys))
        .route("/{tenant}/discovery/instance", get(discovery::instance))
        .route("/{tenant}/userrealm/{upn}", get(discovery::userrealm))
        .route("/{tenant}/oauth2/v2.0/token", post(token::serve))
        .route("/{tenant}/oauth2/v2.0/devicecode", post(device::start))
        .route("/{tenant}/oauth2/v2.0/authorize", authorize)
        .route("/{tenant}/oauth2/v2.0/logout", get(browser::logout))
        .route(account::PAGE, get(account::ask).post(account::post))
        .route("/device", get(device::ask).post(device::post))
        .route("/assets/login.css", get(assets::style))
        .route("/assets/form-post.js", get(assets::script))
        .route("/assets/countersign.svg", get(assets::mark))
        .route_layer(from_fn_with_state((app.clone(), "login"), finish))
}

/// The one call that clients make to port 443 of the login host (azure-clients 3.4).
pub fn userrealm_router(app: &App) -> Router<App> {
    Router::new()
        .route("/{tenant}/userrealm/{upn}", get(discovery::userrealm))
        .route_layer(from_fn_with_state((app.clone(), "login"), finish))
}
