//! `auditLogs/directoryAudits`: what was done to the tenant's people, groups, sign-in methods and links, and who was locked
//! out. It is the ledger, read for whoever may write the directory.

use arm::Result;
use ledger::{ActorKind, Entry, Verdict};
use rbac::PrincipalKind;
use serde_json::{Value, json};

use super::ask::{Ask, bad, not_found};
use super::query;
use crate::arm::activity::{event_id, ledger_json, search};
use crate::arm::filters::Asked;
use crate::arm::reply::Reply;

/// What `$filter` may compare for equality.
const NAMES: [&str; 4] = ["activityDisplayName", "category", "correlationId", "result"];

/// Answers what is below `auditLogs`; `None` for a path that is none.
///
/// # Errors
/// `Authorization_RequestDenied` for whoever may not write the directory; what is wrong with the request.
pub fn answer(ask: &mut Ask<'_>, rest: &[&str]) -> Result<Option<Reply>> {
    let is = |name: &str| name.eq_ignore_ascii_case("directoryAudits");
    match (ask.request.method.as_str(), rest) {
        ("GET", [audits]) if is(audits) => {
            ask.demand_administrator()?;
            list(ask).map(Some)
        }
        ("GET", [audits, id]) if is(audits) => {
            ask.demand_administrator()?;
            get(ask, id).map(Some)
        }
        _ => Ok(None),
    }
}

fn list(ask: &Ask<'_>) -> Result<Reply> {
    let parameter = |name: &str| ask.request.query.get(name).map(String::as_str);
    let asked = Asked::parse(parameter("$filter").unwrap_or_default(), &NAMES, &["activityDateTime"])?;
    let span = asked.span("activityDateTime")?;
    let before = parameter("$skiptoken").map(search::position).transpose()?;
    let fits = |entry: &Entry| {
        let view = Seen::of(ask, entry)?;
        let fits = asked.admits("activityDisplayName", &entry.operation)
            && asked.admits("category", view.category())
            && asked.admits("correlationId", &entry.correlation.to_string())
            && asked.admits("result", result(entry.verdict));
        fits.then(|| view.json(ask, entry))
    };
    let (found, next) = search::look_back(ask.tx, None, &span, before, query::top(ask.request)?, fits)?;
    let value: Vec<Value> = found.into_iter().map(|(_, shown)| query::select(ask.request, shown)).collect();
    Ok(query::page(ask.request, "auditLogs/directoryAudits", value, next.map(|next| next.to_string())))
}

/// One audit. Its id ends with the sequence of the ledger's entry.
fn get(ask: &Ask<'_>, id: &str) -> Result<Reply> {
    let (_, sequence) = id.rsplit_once('_').ok_or_else(|| not_found(id))?;
    let entry = search::named(ask.tx, sequence).map_err(|_| bad("the id is not one of an audit"))?;
    let entry = entry.filter(|entry| id_of(entry).eq_ignore_ascii_case(id)).ok_or_else(|| not_found(id))?;
    let shown = Seen::of(ask, &entry).ok_or_else(|| not_found(id))?.json(ask, &entry);
    Ok(Reply::ok(query::one(ask.request, "auditLogs/directoryAudits", shown)))
}

fn id_of(entry: &Entry) -> String {
    format!("Directory_{}_{}", event_id(entry), entry.sequence)
}

fn result(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Done => "success",
        Verdict::Refused => "failure",
    }
}

/// What of the tenant an entry is about.
struct Seen<'e> {
    /// The last part of the target: an object's id, or what there is one of.
    object: &'e str,
    kind: Option<PrincipalKind>,
}

impl<'e> Seen<'e> {
    /// Nothing of a subscription is, and nothing of another tenant.
    fn of(ask: &Ask<'_>, entry: &'e Entry) -> Option<Self> {
        let below = entry.target.strip_prefix(&format!("/tenants/{}/", ask.tenant()))?;
        let object = below.rsplit('/').next()?;
        let principal = object.parse().ok().and_then(|id| ask.access.principal(id));
        Some(Self { object, kind: principal.map(|principal| principal.kind).or(told(entry)) })
    }

    fn category(&self) -> &'static str {
        match self.kind {
            Some(PrincipalKind::User) => "UserManagement",
            Some(PrincipalKind::Group) => "GroupManagement",
            Some(PrincipalKind::ServicePrincipal) => "ApplicationManagement",
            None => "Policy",
        }
    }

    fn json(&self, ask: &Ask<'_>, entry: &Entry) -> Value {
        let known = self.object.parse().ok().and_then(|id| ask.access.principal(id));
        let user = known.filter(|known| known.kind == PrincipalKind::User);
        let actor = &entry.actor;
        let by = json!({
            "id": actor.object,
            "displayName": ask.access.principal(arm::ObjectId(actor.object)).map(|by| &by.display_name),
            "userPrincipalName": actor.name,
            "ipAddress": actor.address,
        });
        let is_user = actor.kind == ActorKind::User;
        let details = entry.facts.iter().map(|(key, value)| json!({"key": key, "value": value}));
        json!({
            "id": id_of(entry),
            "category": self.category(),
            "correlationId": entry.correlation,
            "result": result(entry.verdict),
            "resultReason": entry.reason,
            "activityDisplayName": entry.operation,
            "activityDateTime": arm::long_timestamp(entry.at),
            "loggedByService": "Core Directory",
            "initiatedBy": {
                "user": is_user.then(|| by.clone()),
                "app": (!is_user).then(|| json!({"servicePrincipalId": actor.object, "displayName": actor.name})),
            },
            "targetResources": [{
                "id": self.object,
                "type": self.kind.map_or("Policy".into(), |kind| format!("{kind:?}")),
                "displayName": known.map(|known| &known.display_name),
                "userPrincipalName": user.map(|user| &user.name),
                "modifiedProperties": [],
            }],
            "additionalDetails": details.collect::<Vec<_>>(),
            "ledger": ledger_json(entry),
        })
    }
}

/// What an object was that is gone, as the operation says.
fn told(entry: &Entry) -> Option<PrincipalKind> {
    let mut parts = entry.operation.split('.').skip(1);
    match parts.next()? {
        "users" | "signIn" | "secondFactor" | "accessPass" => Some(PrincipalKind::User),
        "groups" => Some(PrincipalKind::Group),
        _ => None,
    }
}
