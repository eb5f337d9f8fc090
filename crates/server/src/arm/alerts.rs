//! Alerts, as the clients of Azure Monitor read and handle them (`Microsoft.AlertsManagement/alerts`): the ledger's entries
//! that raise one (`mua::alert`), and what people have done with them.
//!
//! An alert is asked for at its vault or guard or anywhere above, by whoever holds the action there. Its id says which
//! entry of the ledger raised it, so that any server finds it again.

mod asked;

use arm::{Error, ResourceId, Result, TenantId, long_timestamp};
use jiff::SignedDuration;
use ledger::Entry;
use mua::alert::{Alert, AlertRule, AlertState, Concerns, Handling, alerts};
use serde_json::{Value, json};
use store::Mark;
use uuid::Uuid;

use self::asked::{Asked, Position};
use super::call::Call;
use super::reply::Reply;
use super::route::{Method, Route, route};

macro_rules! at {
    ($rest:literal) => {
        concat!("{scope}/providers/Microsoft.AlertsManagement/alerts", $rest)
    };
}

const READ: &str = "Microsoft.AlertsManagement/alerts/read";

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(Method::Get, at!(""), READ, list),
    route(Method::Get, at!("/{alert}"), READ, get),
    route(Method::Get, at!("/{alert}/history"), "Microsoft.AlertsManagement/alerts/history/read", history),
    route(
        Method::Post,
        at!("/{alert}/changestate"),
        "Microsoft.AlertsManagement/alerts/changestate/action",
        change_state,
    ),
];

/// How many entries are read at the most for one answer, which then ends with a link to the rest.
const MOST: usize = 10_000;
/// Entries are in the order of their commits, and their times may be a little out of it.
const DISORDER: SignedDuration = SignedDuration::from_mins(5);
/// The longest comment.
const MAX_COMMENTS: usize = 1024;

/// An alert with the entry that raised it, its id, and what was done with it.
struct Raised<'a> {
    entry: &'a Entry,
    alert: Alert,
    id: Uuid,
    handling: Option<Handling>,
}

fn list(call: &mut Call<'_>) -> Result<Reply> {
    let asked = Asked::read(call)?;
    let within = Within::of(call)?;
    let mut position = call.request.query("$skiptoken").map(Position::parse).transpose()?;
    let earliest = asked.span.from.and_then(|from| from.checked_sub(DISORDER).ok());
    let mark = Mark::alarm(&within.scope);
    let (mut value, mut next, mut read) = (Vec::new(), None, 0);
    'all: while read < MOST {
        let (entries, rest) = call.tx.marked(Some(&mark), position.map(Position::before), asked.page)?;
        read += entries.len();
        for entry in &entries {
            if earliest.is_some_and(|earliest| entry.at < earliest) {
                next = None;
                break 'all;
            }
            let done = position.filter(|at| at.sequence == entry.sequence).map_or(0, |at| at.shown);
            for (number, alert) in alerts(entry).into_iter().enumerate().skip(done) {
                if value.len() == asked.page {
                    next = Some(Position { sequence: entry.sequence, shown: number });
                    break 'all;
                }
                let Some(raised) = raise(call, &within, entry, alert)? else { continue };
                if asked.admits(&raised) {
                    value.push(show(&raised, asked.with_context));
                }
            }
        }
        next = rest.map(|sequence| Position { sequence, shown: usize::MAX });
        position = next;
        if entries.len() < asked.page || next.is_none() {
            break;
        }
    }
    let mut body = json!({ "value": value });
    if let (Some(next), Some(body)) = (next, body.as_object_mut()) {
        body.insert("nextLink".into(), call.next_link(&next.to_string()).into());
    }
    Ok(Reply::ok(body))
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    let entry = entry_behind(call)?;
    let raised = find(call, &entry)?;
    Ok(Reply::ok(show(&raised, true)))
}

fn history(call: &mut Call<'_>) -> Result<Reply> {
    let entry = entry_behind(call)?;
    let raised = find(call, &entry)?;
    let modification = |event: &str, old: &str, new: &str, at: jiff::Timestamp, by: &str, said: &str| {
        json!({
            "modificationEvent": event,
            "oldValue": old,
            "newValue": new,
            "modifiedAt": long_timestamp(at),
            "modifiedBy": by,
            "comments": said,
            "description": "",
        })
    };
    let mut modifications =
        vec![modification("AlertCreated", "", AlertState::New.as_str(), entry.at, "System", "")];
    for change in raised.handling.iter().flat_map(|handling| &handling.history) {
        let said = change.comments.as_deref().unwrap_or_default();
        let (from, to) = (change.from.as_str(), change.to.as_str());
        modifications.push(modification("StateChange", from, to, change.at, &change.by, said));
    }
    // Newest first, as Azure answers.
    modifications.reverse();
    Ok(Reply::ok(json!({
        "id": format!("{}/history/default", full_id(&raised)),
        "name": raised.alert.rule.title(),
        "type": "Microsoft.AlertsManagement/alerts/history",
        "properties": {"alertId": raised.id, "modifications": modifications},
    })))
}

/// `POST …/changestate?newState=…`: state and comments of who did it, for everybody who sees the alert.
fn change_state(call: &mut Call<'_>) -> Result<Reply> {
    let entry = entry_behind(call)?;
    let raised = find(call, &entry)?;
    let state = call.request.query("newState").and_then(AlertState::parse).ok_or_else(|| {
        Error::invalid("BadRequest", "newState must be one of 'New', 'Acknowledged' and 'Closed'")
    })?;
    let comments = comments(call)?;
    let mut handling = raised.handling.clone().unwrap_or_else(|| Handling::new(raised.id));
    call.fact("alert", raised.alert.rule.title());
    call.fact("newState", state.as_str());
    handling.change(state, call.now, call.who().name.clone(), comments);
    call.tx.put(&handling)?;
    Ok(Reply::ok(show(&Raised { handling: Some(handling), ..raised }, true)))
}

fn comments(call: &Call<'_>) -> Result<Option<String>> {
    if call.request.body.is_null() {
        return Ok(None);
    }
    let body = call.body()?;
    let text = body.text("comments")?.map(str::trim).filter(|text| !text.is_empty());
    if text.is_some_and(|text| text.chars().count() > MAX_COMMENTS) {
        return Err(body.wrong("comments", &format!("at most {MAX_COMMENTS} characters long")));
    }
    Ok(text.map(String::from))
}

/// Where alerts are looked for. The root is that of the caller's tenant.
struct Within {
    scope: ResourceId,
    tenant: TenantId,
}

impl Within {
    fn of(call: &Call<'_>) -> Result<Self> {
        Ok(Self { scope: call.scope()?, tenant: call.who().tenant })
    }
}

/// An alert of an entry, if it lies where it is looked for.
fn raise<'a>(
    call: &mut Call<'_>,
    within: &Within,
    entry: &'a Entry,
    alert: Alert,
) -> Result<Option<Raised<'a>>> {
    let here = alert.target.is_within(&within.scope);
    if !here || call.access()?.tenant_of(&alert.target) != Some(within.tenant) {
        return Ok(None);
    }
    let id = id_of(entry.sequence, &alert);
    let handling = call.tx.get::<Handling>(&id.to_string())?;
    Ok(Some(Raised { entry, alert, id, handling }))
}

/// The entry that the path's alert would be of.
fn entry_behind(call: &mut Call<'_>) -> Result<Entry> {
    let id = call.params.get("alert").parse::<Uuid>().map_err(|_| no_alert(call))?;
    let sequence = sequence_of(id);
    let found = call.tx.ledger_back(sequence.checked_add(1), 1)?;
    found.into_iter().find(|entry| entry.sequence == sequence).ok_or_else(|| no_alert(call))
}

fn find<'a>(call: &mut Call<'_>, entry: &'a Entry) -> Result<Raised<'a>> {
    let within = Within::of(call)?;
    for alert in alerts(entry) {
        if let Some(raised) = raise(call, &within, entry, alert)?
            && raised.id.to_string().eq_ignore_ascii_case(call.params.get("alert"))
        {
            return Ok(raised);
        }
    }
    Err(no_alert(call))
}

fn no_alert(call: &Call<'_>) -> Error {
    let name = call.params.get("alert");
    Error::not_found("AlertNotFound", format!("There is no alert '{name}' at this scope."))
}

/// The variant of a GUID, and the version for those that mean something of their own.
const VARIANT: u64 = 1 << 63;
const VERSION: u64 = 8 << 12;

/// An id that follows from what raised the alert: it is the same on every server and whenever it is asked for.
fn id_of(sequence: u64, alert: &Alert) -> Uuid {
    let concerns = match alert.concerns {
        Concerns::Vault => 0,
        Concerns::Guard => 1,
    };
    // An entry concerns one vault, and rarely more than one guard: their names tell them apart.
    let target = ledger::Digest::of(alert.target.folded().as_bytes());
    let [a, b, c, d, ..] = target.as_bytes().map(u64::from);
    let head = u64::from(alert.rule.code()) << 56 | concerns << 48 | a << 40 | b << 32 | c << 24 | d << 16;
    Uuid::from_u64_pair(head | VERSION, VARIANT | sequence)
}

fn sequence_of(id: Uuid) -> u64 {
    let (_, tail) = id.as_u64_pair();
    tail & !(0b11 << 62)
}

fn full_id(raised: &Raised<'_>) -> String {
    format!("{}/providers/Microsoft.AlertsManagement/alerts/{}", raised.alert.target, raised.id)
}

impl Raised<'_> {
    fn state(&self) -> AlertState {
        self.handling.as_ref().map(|handling| handling.state).unwrap_or_default()
    }
}

/// One sentence for people.
fn description(raised: &Raised<'_>) -> String {
    let Raised { entry, alert, .. } = raised;
    let said = |name: &str| entry.facts.get(name).map(String::as_str).unwrap_or_default();
    let what = match alert.rule {
        AlertRule::CriticalOperationRefused
        | AlertRule::ApprovalRefused
        | AlertRule::PurgeComplete
        | AlertRule::UpcomingPurge
        | AlertRule::SecurityPinWrong
        | AlertRule::RepositoryConfigRemoved
        | AlertRule::ApproversUnreachable
        | AlertRule::ItemFrozen
        | AlertRule::RecoveryPointsMissed
        | AlertRule::DataDamaged
        | AlertRule::ClockInDoubt
        | AlertRule::ClockAccepted => entry.reason.as_str(),
        AlertRule::DutiesNotSeparated => said(mua::alert::SEPARATION_OF_DUTIES),
        AlertRule::OperationsExempted => said(mua::alert::EXEMPTED),
        AlertRule::OperationsProtected => said(mua::alert::PROTECTED),
        AlertRule::DeletionUnlocked => said("unlocked"),
        AlertRule::MuaEnabled => said("guard"),
        AlertRule::GuardDeleted => entry.target.as_str(),
        AlertRule::DeleteBackupData
        | AlertRule::SoftDeleteDisabled
        | AlertRule::WeakerPolicy
        | AlertRule::WeakerProtection
        | AlertRule::MuaDisabled
        | AlertRule::ImmutabilityDisabled
        | AlertRule::ProtectionStopped
        | AlertRule::EncryptionModified
        | AlertRule::SecurityPinIssued
        | AlertRule::DataRestored => said("weakened"),
    };
    format!("{} by '{}' at '{}': {what}", alert.rule.title(), entry.actor.name, entry.target)
}

fn show(raised: &Raised<'_>, with_context: bool) -> Value {
    let Raised { entry, alert, id, handling } = raised;
    let last = handling.as_ref().and_then(|handling| handling.history.last());
    let mut properties = json!({
        "essentials": {
            "severity": alert.rule.severity().as_str(),
            "signalType": "Log",
            "alertState": raised.state().as_str(),
            "monitorCondition": "Fired",
            "monitorService": asked::MONITOR_SERVICE,
            "alertRule": alert.rule.title(),
            "description": description(raised),
            "targetResource": alert.target,
            "targetResourceName": alert.target.name(),
            "targetResourceGroup": alert.target.resource_group_name(),
            "targetResourceType": alert.target.resource_type(),
            "sourceCreatedId": entry.correlation,
            "startDateTime": long_timestamp(entry.at),
            "lastModifiedDateTime": long_timestamp(last.map_or(entry.at, |last| last.at)),
            "lastModifiedUserName": last.map_or("System", |last| last.by.as_str()),
            "actionStatus": {"isSuppressed": false},
        },
    });
    if let Some(properties) = properties.as_object_mut().filter(|_| with_context) {
        properties.insert("context".into(), context(raised));
    }
    json!({
        "id": full_id(raised),
        "name": alert.rule.title(),
        "alertId": id,
        "type": "Microsoft.AlertsManagement/alerts",
        "properties": properties,
    })
}

/// What the ledger says.
fn context(raised: &Raised<'_>) -> Value {
    let entry = raised.entry;
    json!({
        "operation": entry.operation,
        "resource": entry.target,
        "verdict": entry.verdict,
        "reason": entry.reason,
        "caller": {
            "name": entry.actor.name,
            "person": entry.actor.person,
            "objectId": entry.actor.object,
            "tenantId": entry.actor.tenant,
            "address": entry.actor.address,
        },
        "consent": entry.consent,
        "facts": entry.facts,
        "correlationId": entry.correlation,
        "ledgerSequence": entry.sequence,
    })
}
