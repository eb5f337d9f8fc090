//! The portal: pages for people, at `/portal`.
//!
//! What it does: turns a browser's request into requests to the ARM and Graph faces, made in the name of whoever is
//! signed in, and their answers into pages.
//!
//! What it does not know: who may do what. A page holds what the API answered to its viewer and nothing else, so
//! that it cannot show more than they may read; and a form does what the API lets them do.
//!
//! Invariants:
//! - A session (`directory::session`) says who signed in. Which directories know them, and whether the sign-in still counts,
//!   is asked at each request ([`viewer`]).
//! - A GET changes nothing that the product guards. A form counts when it comes from our own page, in the same session
//!   ([`posted`]).
//! - A critical operation that lacks consent is kept as a draft with what was typed ([`attempt`]); the draft is worth nothing to
//!   anybody but its person, and no more than a new request to them.
//! - Everything works without script. What script adds: the reader's time zone, clocks that run down, pages that follow
//!   what happens, copying.

mod alert;
mod ask;
mod assets;
mod attempt;
mod consent;
mod directory;
mod guards;
mod home;
mod items;
mod ledger;
mod link;
mod moment;
mod places;
mod posted;
mod privileged;
mod session;
mod shell;
mod vaults;
mod viewer;
mod words;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::app::App;
use crate::http::finish;

/// The routes of this face.
pub fn router(app: &App) -> Router<App> {
    Router::new()
        .route("/portal", get(|| async { Redirect::to(link::HOME) }))
        .route(link::HOME, get(home::show))
        .route("/portal/sign-in", get(session::sign_in).post(session::post))
        .route("/portal/sign-out", post(session::sign_out))
        .route("/portal/directory", get(directory::overview).post(session::turn))
        .route("/portal/attempts/{id}", get(attempt::show).post(attempt::act))
        .merge(vaults::routes())
        .merge(items::routes())
        .merge(guards::routes())
        .merge(privileged::routes())
        .merge(directory::routes())
        .merge(ledger::routes())
        .route("/portal/{*rest}", get(shell::no_such_page))
        .route("/assets/portal.css", get(assets::style))
        .route("/assets/portal.js", get(assets::script))
        .route_layer(from_fn_with_state((app.clone(), "portal"), finish))
}
