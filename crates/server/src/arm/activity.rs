//! The activity log (contract 9.3): the ledger, as Azure Monitor's clients read it.

pub mod search;

use arm::{ResourceId, Result};
use jiff::SignedDuration;
use ledger::{Consent, Entry, Verdict};
use serde_json::{Map, Value, json};
use store::Mark;
use uuid::Uuid;

use super::call::Call;
use super::filters::{Asked, Span};
use super::reply::Reply;
use super::route::{Method, Route, route};
use super::scope;

/// The routes of this part. Azure's clients ask for a subscription's log; that of something in it is for whoever may read
/// no more.
pub const ROUTES: &[Route] = &[route(
    Method::Get,
    "{scope}/providers/Microsoft.Insights/eventtypes/management/values",
    "Microsoft.Insights/eventtypes/values/Read",
    values,
)];

/// How far back a request looks that does not say.
const DAYS: i64 = 90;
/// Events on one page at the most.
const PAGE: usize = 200;
/// .NET's count of 100 ns from the year 1 to 1970.
const TICKS_TO_1970: i64 = 621_355_968_000_000_000;

fn values(call: &mut Call<'_>) -> Result<Reply> {
    let names = [
        "resourceGroupName",
        "resourceUri",
        "resourceId",
        "resourceProvider",
        "caller",
        "correlationId",
        "operationName",
        "ledgerSequence",
        "status",
        "levels",
        "eventChannels",
    ];
    let asked = Asked::read(call, &names, &["eventTimestamp"])?;
    let mut span = asked.span("eventTimestamp")?;
    let earliest = call.now.checked_sub(SignedDuration::from_hours(24 * DAYS));
    span.from = span.from.or(earliest.ok());
    let scope = call.scope()?;
    scope::check(&scope)?;
    let top = call.request.query("$top").and_then(|top| top.parse().ok());
    let page = top.unwrap_or(PAGE).clamp(1, PAGE);
    let search = Search { resource: asked.resource()?, scope, asked, span, page };
    let (events, next) = search.run(call)?;
    let select = call.request.query("$select").map(str::to_ascii_lowercase);
    let value: Vec<Value> =
        events.iter().map(|(entry, resource)| selected(view(entry, resource), select.as_deref())).collect();
    let mut body = json!({ "value": value });
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert("nextLink".into(), call.next_link(&next.to_string()).into());
    }
    Ok(Reply::ok(body))
}

/// What one request looks for.
struct Search {
    scope: ResourceId,
    resource: Option<ResourceId>,
    asked: Asked,
    span: Span,
    /// How many events one answer has.
    page: usize,
}

impl Search {
    /// The events, newest first, each with the resource under which this scope sees it, and where to go on.
    fn run(&self, call: &Call<'_>) -> Result<search::Found<ResourceId>> {
        if let Some(sequence) = self.asked.equal("ledgerSequence") {
            let entry = search::named(call.tx, sequence)?.filter(|entry| self.span.holds(entry.at));
            let found = entry.and_then(|entry| self.finds(&entry).map(|resource| (entry, resource)));
            return Ok((found.into_iter().collect(), None));
        }
        let before = call.request.query("$skiptoken").map(search::position).transpose()?;
        let mark = Mark::about(&self.scope);
        search::look_back(call.tx, mark.as_ref(), &self.span, before, self.page, |entry| self.finds(entry))
    }

    fn finds(&self, entry: &Entry) -> Option<ResourceId> {
        let resource = self.seen_at(entry)?;
        let group = resource.resource_group_name().unwrap_or_default();
        let fits = self.asked.admits("resourceGroupName", group)
            && self.resource.as_ref().is_none_or(|above| resource.is_within(above))
            && self.asked.admits("resourceProvider", &provider(&resource))
            && self.asked.admits("caller", &entry.actor.name)
            && self.asked.admits("correlationId", &entry.correlation.to_string())
            && self.asked.admits("operationName", &entry.operation)
            && self.asked.admits("status", status(entry.verdict))
            && self.asked.admits("levels", level(entry.verdict));
        fits.then_some(resource)
    }

    /// The resource of this scope that an entry is about: its target, or else the guard that was asked, so that
    /// the guard's owner sees what it was asked for (contract 8.6).
    fn seen_at(&self, entry: &Entry) -> Option<ResourceId> {
        entry.concerns().filter_map(|id| ResourceId::parse(id).ok()).find(|id| id.is_within(&self.scope))
    }
}

impl Asked {
    /// The resource that events must be about, or lie below.
    fn resource(&self) -> Result<Option<ResourceId>> {
        let named = self.equal("resourceUri").or(self.equal("resourceId"));
        named.map(ResourceId::parse).transpose()
    }
}

fn view(entry: &Entry, resource: &ResourceId) -> Value {
    let at = arm::long_timestamp(entry.at);
    let id = event_id(entry);
    let ticks = entry.at.as_microsecond().saturating_mul(10).saturating_add(TICKS_TO_1970);
    let status = status(entry.verdict);
    json!({
        "id": format!("{resource}/events/{id}/ticks/{ticks}"),
        "eventDataId": id,
        "correlationId": entry.correlation,
        "operationId": entry.correlation,
        "level": level(entry.verdict),
        "channels": "Operation",
        "eventTimestamp": at,
        "submissionTimestamp": at,
        "caller": entry.actor.name,
        "claims": {
            "oid": entry.actor.object,
            "tid": entry.actor.tenant,
            "amr": entry.actor.authentication.join(","),
        },
        "authorization": {"action": entry.operation, "scope": entry.target},
        "eventName": word("EndRequest"),
        "category": word("Administrative"),
        "operationName": word(&entry.operation),
        "status": word(status),
        "subStatus": word(sub_status(entry.verdict)),
        "httpRequest": {"clientIpAddress": entry.actor.address},
        "resourceId": resource,
        "resourceGroupName": resource.resource_group_name().unwrap_or_default(),
        "resourceProviderName": word(&provider(resource)),
        "resourceType": word(&resource.resource_type().unwrap_or_default()),
        "subscriptionId": resource.subscription_id(),
        "tenantId": entry.actor.tenant,
        "properties": properties(entry),
        "ledger": ledger_json(entry),
    })
}

/// What an entry proves, and what consent it rests on: an addition of ours.
pub fn ledger_json(entry: &Entry) -> Value {
    let consent = |consent: &Consent| {
        json!({
            "operation": consent.operation,
            "request": consent.request,
            "guard": consent.guard,
            "holder": consent.holder,
            "assignment": consent.assignment,
            "expires": consent.expires.map(arm::long_timestamp),
        })
    };
    json!({
        "sequence": entry.sequence,
        "leaf": entry.leaf().to_string(),
        "change": entry.change.map(|change| change.to_string()),
        "person": entry.actor.person,
        "consent": entry.consent.iter().map(consent).collect::<Vec<_>>(),
    })
}

/// What else the ledger says, as texts by name.
fn properties(entry: &Entry) -> Map<String, Value> {
    let mut properties: Map<String, Value> =
        entry.facts.iter().map(|(name, fact)| (name.clone(), fact.clone().into())).collect();
    let mut set = |name: &str, text: String| properties.insert(name.into(), text.into());
    set("statusCode", sub_status(entry.verdict).into());
    set("message", entry.reason.clone());
    set("ledgerSequence", entry.sequence.to_string());
    if !entry.consent.is_empty() {
        let requests: Vec<&str> = entry.consent.iter().map(|consent| consent.request.as_str()).collect();
        let holders: Vec<&str> = entry.consent.iter().map(|consent| consent.holder.as_str()).collect();
        set("resourceGuardOperationRequests", requests.join(","));
        set("consentHeldBy", holders.join(","));
    }
    properties
}

/// An id for an entry that is the same whenever it is read.
pub fn event_id(entry: &Entry) -> Uuid {
    let leaf = entry.leaf();
    let head = leaf.as_bytes().first_chunk::<16>().copied();
    uuid::Builder::from_random_bytes(head.unwrap_or_default()).into_uuid()
}

/// Only the members that `$select` names; all without it.
fn selected(event: Value, select: Option<&str>) -> Value {
    match (event, select) {
        (Value::Object(event), Some(select)) => {
            let wanted: Vec<&str> = select.split(',').map(str::trim).collect();
            event
                .into_iter()
                .filter(|(name, _)| wanted.contains(&name.to_ascii_lowercase().as_str()))
                .collect()
        }
        (event, _) => event,
    }
}

fn word(text: &str) -> Value {
    json!({"value": text, "localizedValue": text})
}

/// The namespace of a resource; subscriptions and resource groups are of `Microsoft.Resources`.
fn provider(resource: &ResourceId) -> String {
    let resource_type = resource.resource_type().unwrap_or_default();
    match resource_type.split('/').next() {
        Some(namespace) if !namespace.is_empty() => namespace.to_string(),
        _ => "Microsoft.Resources".to_string(),
    }
}

fn status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "Succeeded",
        Verdict::Refused => "Failed",
    }
}

fn sub_status(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "OK",
        Verdict::Refused => "Forbidden",
    }
}

fn level(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "Informational",
        Verdict::Refused => "Error",
    }
}
