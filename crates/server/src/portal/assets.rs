//! The style sheet and the script of all pages.

use std::sync::LazyLock;

use axum::response::IntoResponse;

use crate::login::assets::{address, asset};

/// One sheet for all pages: what they share, then what each part adds.
const STYLE: &str = concat!(
    include_str!("../../assets/portal/portal.css"),
    include_str!("../../assets/portal/vaults.css"),
    include_str!("../../assets/portal/items.css"),
    include_str!("../../assets/portal/guards.css"),
    include_str!("../../assets/portal/privileged.css"),
    include_str!("../../assets/portal/directory.css"),
);
const SCRIPT: &str = include_str!("../../assets/portal/portal.js");

static STYLE_ADDRESS: LazyLock<String> = LazyLock::new(|| address("portal.css", STYLE));
static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| address("portal.js", SCRIPT));

/// Where pages find the style sheet.
pub fn style_address() -> &'static str {
    &STYLE_ADDRESS
}

/// Where pages find the script.
pub fn script_address() -> &'static str {
    &SCRIPT_ADDRESS
}

/// `GET /assets/portal.css`
pub async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE)
}

/// `GET /assets/portal.js`
pub async fn script() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}
