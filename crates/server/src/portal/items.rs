//! What is in a vault: backup items and instances, their repositories and credentials, recovery points, restores.
//!
//! Items of Recovery Services vaults and instances of Backup vaults look alike to people: [`item::Item`] is both, and knows which
//! request does what to which of the two.

mod calendar;
mod commands;
mod connect;
pub mod item;
mod list;
mod new;
mod overview;
mod point;
mod points;
mod reach;
mod recovery;
mod retention;
mod settings;

use axum::Router;
use axum::routing::get;

use crate::app::App;

/// The routes of this part.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/portal/items/list/{*vault}", get(list::show).post(list::act))
        .route("/portal/items/new/{*vault}", get(new::show).post(new::act))
        .route("/portal/items/overview/{*item}", get(overview::show).post(overview::act))
        .route("/portal/items/connect/{*item}", get(connect::show).post(connect::act))
        .route("/portal/items/points/{*item}", get(points::show))
        .route("/portal/items/point/{*point}", get(point::show).post(point::act))
        .route("/portal/items/settings/{*item}", get(settings::show).post(settings::act))
}
