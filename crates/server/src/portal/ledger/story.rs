//! One request's whole story: every entry that it caused, with all that they say.

use arm::{Error, Result};
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::LEDGER;
use super::entry::Entry;
use super::place::Search;
use crate::portal::shell::{Frame, Section};
use crate::portal::viewer::Viewer;

/// How far from the time that a link names entries are looked for: they are all made while a request is answered.
const NEAR: SignedDuration = SignedDuration::from_mins(10);

/// What the address says besides.
#[derive(Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// About when it was. The search is quick with it, and looks through the last 90 days without.
    at: Option<String>,
    /// A resource whose ledger the viewer may read, when they may not read that of its subscription.
    resource: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/ledger/story.html")]
struct StoryPage {
    frame: Frame,
    entries: Vec<Entry>,
    /// Whether there are more, which are left out.
    cut: bool,
    correlation: String,
    /// What persons are called, as far as their directory lets the viewer in.
    names: BTreeMap<String, String>,
}

/// `GET /portal/ledger/story/{correlation}`
pub async fn show(viewer: Viewer, Path(correlation): Path<String>, Query(asked): Query<Asked>) -> Response {
    viewer.answer(page(&viewer, correlation, asked).await)
}

async fn page(viewer: &Viewer, correlation: String, asked: Asked) -> Result<Response> {
    let none =
        || Error::not_found("StoryNotFound", "The ledger holds nothing of this request that you may read.");
    let correlation = correlation.parse::<uuid::Uuid>().map_err(|_| none())?.to_string();
    let at: Option<Timestamp> = asked.at.and_then(|at| at.parse().ok());
    let search = Search {
        correlation: correlation.clone(),
        from: at.and_then(|at| at.checked_sub(NEAR).ok()),
        to: at.and_then(|at| at.checked_add(NEAR).ok()),
        resource: asked.resource.filter(|resource| !resource.is_empty()),
        ..Search::default()
    };
    let (entries, cut) = viewer.entries_of(&search).await?;
    let first = entries.first().ok_or_else(none)?;
    let frame = viewer
        .frame(Section::Ledger, first.what())
        .subtitle(match entries.len() {
            1 => "One entry of the ledger".into(),
            number => format!("{number} entries of the ledger, as they were made"),
        })
        .crumb("Ledger", LEDGER);
    let names = viewer
        .names_of_persons(
            entries.iter().flat_map(|entry| &entry.consent).map(|consent| consent.holder.as_str()),
        )
        .await?;
    Ok(viewer.page(&StoryPage { frame, entries, cut, correlation, names }))
}

impl Viewer {
    /// What persons are called: `user:<directory>/<object>` names the account at home.
    async fn names_of_persons(
        &self,
        persons: impl Iterator<Item = &str>,
    ) -> Result<BTreeMap<String, String>> {
        let mut names = BTreeMap::new();
        for person in persons {
            let Some((tenant, object)) = person.strip_prefix("user:").and_then(|rest| rest.split_once('/'))
            else {
                continue;
            };
            let known = tenant.parse().ok().and_then(|tenant| self.account_in(tenant));
            let Some(account) = known.filter(|_| !names.contains_key(person)) else { continue };
            let path = format!("users/{object}");
            let Ok(user) = self.graph(Some(account.tenant), "GET", &path, &[], Value::Null).await else {
                continue;
            };
            if let Some(name) = user.get("userPrincipalName").and_then(Value::as_str) {
                names.insert(person.to_string(), name.to_string());
            }
        }
        Ok(names)
    }
}

impl StoryPage {
    /// What a person is called, or the id.
    fn name<'a>(&'a self, person: &'a str) -> &'a str {
        self.names.get(person).map_or(person, String::as_str)
    }

    /// The entry from which the ledger is printed.
    fn first(&self) -> u64 {
        self.entries.first().map_or(0, |entry| entry.sequence)
    }
}
