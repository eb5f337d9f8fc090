//! People, groups, guests, applications and their ways to sign in; the ledger; and the first page.

mod groups;
mod home;
mod ledger;
mod people;
mod rules;

use std::collections::BTreeMap;

use super::browser::{Browser, Shown};

pub const ALICE: &str = "alice@contoso.example";
pub const BOB: &str = "bob@contoso.example";
pub const SAM: &str = "sam@fabsec.example";

/// The token of a page's forms.
pub fn csrf(page: &Shown) -> String {
    page.answer.text.split("name=\"csrf\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_string()
}

/// Sends fields to an address, whatever forms its page shows.
pub async fn force(browser: &Browser<'_>, path: &str, fields: &[(&str, &str)]) -> Shown {
    let token = csrf(&browser.get("/portal/").await);
    let mut all: BTreeMap<String, String> = BTreeMap::from([("csrf".into(), token)]);
    all.extend(fields.iter().map(|(name, value)| ((*name).to_string(), (*value).to_string())));
    browser.post(path, all).await
}

/// Turns to the other directory that knows the viewer.
pub async fn turn(browser: &Browser<'_>, directory: arm::TenantId) {
    let page = browser.get("/portal/").await;
    browser.submit(&page, &[("directory", &directory.to_string())]).await.expect(200);
}
