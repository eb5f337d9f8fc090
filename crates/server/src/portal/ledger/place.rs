//! The ledgers that somebody may look at, and looking through one.

use arm::{Result, TenantId};
use jiff::Timestamp;
use serde_json::Value;

use super::LEDGER;
use super::entry::Entry;
use crate::portal::ask::{Part, Query, is_hidden};
use crate::portal::link;
use crate::portal::places::{self, Resource};
use crate::portal::shell::Link;
use crate::portal::viewer::Viewer;
use crate::portal::words::name_of;

/// Entries on a page.
const PAGE: usize = 50;
/// How many pages of the API one of ours looks through at the most, for a text that few entries hold.
const LOOKS: usize = 4;

/// A ledger: of a subscription, or of a directory.
#[derive(Clone)]
pub struct Place {
    /// The subscription's or the directory's id.
    pub id: String,
    /// What it is called.
    pub name: String,
    /// The directory's name.
    pub directory: String,
    /// The directory.
    pub tenant: TenantId,
    /// Whether it is that of a subscription.
    pub subscription: bool,
}

/// What is looked for.
#[derive(Clone, Default)]
pub struct Search {
    /// The resource that entries are about.
    pub resource: Option<String>,
    /// When at the earliest.
    pub from: Option<Timestamp>,
    /// When at the latest.
    pub to: Option<Timestamp>,
    /// The user name of who did it; empty for anybody.
    pub who: String,
    /// The operation's name; empty for any.
    pub operation: String,
    /// `done`, `refused` or empty.
    pub verdict: String,
    /// The request that entries belong to; empty for any.
    pub correlation: String,
    /// What is in the text, in lower case; empty for anything.
    pub text: String,
    /// Before which entry to begin.
    pub before: Option<String>,
}

/// What was found.
#[derive(Default)]
pub struct Found {
    /// The entries, newest first.
    pub entries: Vec<Entry>,
    /// Before which entry to go on.
    pub next: Option<String>,
}

impl Viewer {
    /// The ledgers that the viewer may ask for: those of the subscriptions in which they hold a role, and of the
    /// directories that they may write. What of one they may read is said by its answer.
    ///
    /// # Errors
    /// What the API answers.
    pub(super) async fn ledgers(&self) -> Result<Vec<Place>> {
        let subscriptions = places::of_viewer(self).await?;
        let mut places = Vec::new();
        for account in self.directories() {
            let place = |id: String, name: String, subscription: bool| Place {
                id,
                name,
                directory: account.directory.clone(),
                tenant: account.tenant,
                subscription,
            };
            let here = subscriptions.iter().filter(|one| one.tenant == account.tenant);
            places.extend(here.map(|one| place(name_of(&one.id).into(), one.name.clone(), true)));
            if self.writes_directory(Some(account.tenant)).await? {
                places.push(place(account.tenant.to_string(), "People and groups".into(), false));
            }
        }
        Ok(places)
    }

    /// A page of what one ledger holds.
    ///
    /// # Errors
    /// What the API answers: above all that the viewer may not read it.
    pub(super) async fn ledger_of(&self, place: &Place, search: &Search) -> Result<Found> {
        let mut found = Found { entries: Vec::new(), next: search.before.clone() };
        for _ in 0..LOOKS {
            let answer = self.look(place, search, found.next.as_deref()).await?;
            found.next = answer.next;
            let mut rest = answer.entries.into_iter().peekable();
            while let Some(entry) = rest.next() {
                let sequence = entry.sequence;
                if search.admits(place, &entry) {
                    found.entries.push(entry);
                }
                if found.entries.len() == PAGE {
                    // Both lists go on before an entry that is named by its place in the ledger.
                    if rest.peek().is_some() {
                        found.next = Some(sequence.to_string());
                    }
                    return Ok(found);
                }
            }
            if found.next.is_none() {
                break;
            }
        }
        Ok(found)
    }

    async fn look(&self, place: &Place, search: &Search, before: Option<&str>) -> Result<Part<Entry>> {
        let filter = search.filter(place);
        let mut query: Vec<(&str, &str)> = Vec::new();
        if !filter.is_empty() {
            query.push(("$filter", filter.as_str()));
        }
        query.extend(before.map(|before| ("$skiptoken", before)));
        // A text is looked for here and not by the API: in many at once, as few hold it.
        let top = if search.text.is_empty() { PAGE.to_string() } else { "200".into() };
        query.push(("$top", &top));
        if place.subscription {
            let scope = search.resource.clone().unwrap_or_else(|| format!("/subscriptions/{}", place.id));
            self.events(&scope, &query).await
        } else {
            let part = self.people::<Value>(Some(place.tenant), "auditLogs/directoryAudits", &query).await?;
            let entries = part.entries.into_iter().map(Entry::of_audit).collect::<Result<_>>()?;
            Ok(Part { entries, next: part.next })
        }
    }

    /// A page of a scope's activity log.
    ///
    /// # Errors
    /// What the API answers.
    pub async fn events(&self, scope: &str, query: Query<'_>) -> Result<Part<Entry>> {
        let scope = scope.trim_end_matches('/');
        let path = format!("{scope}/providers/Microsoft.Insights/eventtypes/management/values");
        let part = self.part::<Value>(&path, query).await?;
        let entries = part.entries.into_iter().map(Entry::of_event).collect::<Result<_>>()?;
        Ok(Part { entries, next: part.next })
    }

    /// The things in a subscription of which the viewer may read the ledger, when they may not read all of it.
    pub(super) async fn narrower(&self, place: &Place) -> Result<Vec<Link>> {
        let resources = places::resources(self, &format!("/subscriptions/{}", place.id)).await?;
        let link = |resource: Resource| Link {
            href: link::with(LEDGER, "resource", &resource.id),
            text: resource.name,
            current: false,
        };
        Ok(resources.into_iter().map(link).collect())
    }

    /// The entries of one request that the viewer may read, wherever they are, oldest first; and whether there are more, of
    /// which the newest of each place are told.
    ///
    /// # Errors
    /// What the API answers, but for what the viewer may not read.
    pub(super) async fn entries_of(&self, search: &Search) -> Result<(Vec<Entry>, bool)> {
        let (mut all, mut cut): (Vec<Entry>, bool) = (Vec::new(), false);
        for place in self.ledgers().await? {
            let whole = Search { resource: None, before: None, ..search.clone() };
            let narrow = search.resource.as_ref().is_some_and(|id| id.contains(&place.id));
            for search in [Some(&whole), narrow.then_some(search)].into_iter().flatten() {
                match self.ledger_of(&place, search).await {
                    Ok(found) => {
                        cut |= found.next.is_some();
                        all.extend(found.entries);
                    }
                    Err(error) if is_hidden(&error) => {}
                    Err(error) => return Err(error),
                }
            }
        }
        all.sort_by_key(|entry| entry.sequence);
        all.dedup_by_key(|entry| entry.sequence);
        Ok((all, cut))
    }
}

impl Search {
    /// What the API can look for by itself.
    fn filter(&self, place: &Place) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let (time, operation) = match place.subscription {
            true => ("eventTimestamp", "operationName"),
            false => ("activityDateTime", "activityDisplayName"),
        };
        let mut clauses = Vec::new();
        clauses.extend(self.from.map(|at| format!("{time} ge '{at}'")));
        clauses.extend(self.to.map(|at| format!("{time} le '{at}'")));
        let mut equal = |name: &str, value: &str| {
            if !value.is_empty() {
                clauses.push(format!("{name} eq {}", quoted(value)));
            }
        };
        equal(operation, &self.operation);
        equal("correlationId", &self.correlation);
        let verdict = self.verdict.as_str();
        if place.subscription {
            equal("caller", &self.who);
            equal(
                "status",
                match verdict {
                    "done" => "Succeeded",
                    "refused" => "Failed",
                    _ => "",
                },
            );
        } else {
            equal(
                "result",
                match verdict {
                    "done" => "success",
                    "refused" => "failure",
                    _ => "",
                },
            );
        }
        clauses.join(" and ")
    }

    /// What is looked for in the answer, because the API cannot.
    fn admits(&self, place: &Place, entry: &Entry) -> bool {
        let who = place.subscription || self.who.is_empty() || entry.who.eq_ignore_ascii_case(&self.who);
        who && (self.text.is_empty() || entry.contains(&self.text))
    }
}
