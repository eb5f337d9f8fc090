//! The files of the pages: one style sheet, one small script, one picture.

use std::sync::LazyLock;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use ledger::Digest;

const STYLE: &str = include_str!("../../assets/login/login.css");
const SCRIPT: &str = include_str!("../../assets/login/form-post.js");
const MARK: &str = include_str!("../../assets/login/countersign.svg");

/// For ever: the addresses change with the content.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

static STYLE_ADDRESS: LazyLock<String> = LazyLock::new(|| address("login.css", STYLE));
static SCRIPT_ADDRESS: LazyLock<String> = LazyLock::new(|| address("form-post.js", SCRIPT));
static MARK_ADDRESS: LazyLock<String> = LazyLock::new(|| address("countersign.svg", MARK));

pub(crate) fn address(name: &str, content: &str) -> String {
    let digest: String = Digest::of(content.as_bytes()).to_string().chars().take(16).collect();
    format!("/assets/{name}?v={digest}")
}

/// Where pages find the style sheet.
pub fn style_address() -> &'static str {
    &STYLE_ADDRESS
}

/// Where pages find the script.
pub fn script_address() -> &'static str {
    &SCRIPT_ADDRESS
}

/// Where pages find the picture.
pub fn mark_address() -> &'static str {
    &MARK_ADDRESS
}

/// `GET /assets/login.css`
pub async fn style() -> impl IntoResponse {
    asset("text/css; charset=utf-8", STYLE)
}

/// `GET /assets/form-post.js`
pub async fn script() -> impl IntoResponse {
    asset("text/javascript; charset=utf-8", SCRIPT)
}

/// `GET /assets/countersign.svg`
pub async fn mark() -> impl IntoResponse {
    asset("image/svg+xml", MARK)
}

pub(crate) fn asset(kind: &'static str, content: &'static str) -> impl IntoResponse {
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, FOR_EVER)], content)
}
