//! An entry of the ledger, as ARM's activity log and Graph's audit log show it.

use arm::{ResourceId, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{LEDGER, words};
use crate::portal::ask::of;
use crate::portal::link;
use crate::portal::moment::Moment;
use crate::portal::words::name_of;

/// An entry.
pub struct Entry {
    /// Its place in the ledger.
    pub sequence: u64,
    /// When it was made.
    pub at: Moment,
    /// What it shares with the other entries of the same request.
    pub correlation: String,
    /// Who did it, or tried to.
    pub who: String,
    /// The person behind the account, the same in all directories.
    pub person: String,
    /// How they had signed in.
    pub methods: Vec<String>,
    /// Where they came from.
    pub address: Option<String>,
    /// What was asked, as the API calls it.
    pub operation: String,
    /// The id of what it was asked for.
    pub target: String,
    /// What people call that, where the answer says it.
    pub target_name: Option<String>,
    /// Whether it was done.
    pub done: bool,
    /// Why, or why not.
    pub reason: String,
    /// The consent that was used.
    pub consent: Vec<Consent>,
    /// The digest of the change.
    pub change: Option<String>,
    /// The entry's own hash.
    pub leaf: String,
    /// What else it says.
    pub facts: Vec<Fact>,
}

/// Something else that an entry says.
pub struct Fact {
    /// What it is about.
    pub name: String,
    /// What it says.
    pub text: String,
    /// The same, if it is a time.
    pub time: Option<Moment>,
    /// The page of what it names.
    pub page: Option<String>,
}

/// What an entry proves, and the consent it rests on.
#[derive(Deserialize)]
struct Proof {
    sequence: u64,
    leaf: String,
    change: Option<String>,
    #[serde(default)]
    person: String,
    #[serde(default)]
    consent: Vec<Consent>,
}

/// A consent that was used.
#[derive(Clone, Deserialize)]
pub struct Consent {
    /// The critical operation that it was for.
    pub operation: String,
    /// The guard request.
    pub request: String,
    /// The Resource Guard.
    pub guard: String,
    /// Who held the right on the guard.
    pub holder: String,
    /// The role assignment that gave it.
    pub assignment: String,
    /// When that ends.
    pub expires: Option<Timestamp>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    correlation_id: String,
    event_timestamp: Timestamp,
    caller: String,
    claims: Claims,
    authorization: Authorization,
    status: Word,
    http_request: HttpRequest,
    #[serde(default)]
    properties: Map<String, Value>,
    ledger: Proof,
}

#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    amr: String,
}

#[derive(Deserialize)]
struct Authorization {
    action: String,
    scope: String,
}

#[derive(Deserialize)]
struct Word {
    value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpRequest {
    client_ip_address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Audit {
    correlation_id: String,
    result: String,
    result_reason: String,
    activity_display_name: String,
    activity_date_time: Timestamp,
    initiated_by: InitiatedBy,
    #[serde(default)]
    target_resources: Vec<Target>,
    #[serde(default)]
    additional_details: Vec<Detail>,
    ledger: Proof,
}

#[derive(Deserialize)]
struct InitiatedBy {
    user: Option<By>,
    app: Option<By>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct By {
    user_principal_name: Option<String>,
    display_name: Option<String>,
    ip_address: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    id: Option<String>,
    display_name: Option<String>,
    user_principal_name: Option<String>,
}

#[derive(Deserialize)]
struct Detail {
    key: String,
    value: String,
}

/// Properties of an event that are no facts: they are told in other ways.
const TOLD: [&str; 5] =
    ["statusCode", "message", "ledgerSequence", "resourceGuardOperationRequests", "consentHeldBy"];

impl Entry {
    /// One of ARM's.
    ///
    /// # Errors
    /// `Internal` for an unexpected form.
    pub fn of_event(event: Value) -> Result<Self> {
        let event: Event = of(event)?;
        let message = event.properties.get("message").and_then(Value::as_str).unwrap_or_default().to_string();
        let facts = event.properties.iter().filter(|(name, _)| !TOLD.contains(&name.as_str()));
        let facts = facts.map(|(name, value)| fact(name, value.as_str().unwrap_or_default()));
        Ok(Self {
            sequence: event.ledger.sequence,
            at: Moment(event.event_timestamp),
            correlation: event.correlation_id,
            who: event.caller,
            person: event.ledger.person,
            methods: event.claims.amr.split(',').filter(|amr| !amr.is_empty()).map(String::from).collect(),
            address: event.http_request.client_ip_address,
            operation: event.authorization.action,
            target: event.authorization.scope,
            target_name: None,
            done: event.status.value == "Succeeded",
            reason: message,
            consent: event.ledger.consent,
            change: event.ledger.change,
            leaf: event.ledger.leaf,
            facts: facts.collect(),
        })
    }

    /// One of Graph's.
    ///
    /// # Errors
    /// `Internal` for an unexpected form.
    pub fn of_audit(audit: Value) -> Result<Self> {
        let audit: Audit = of(audit)?;
        let by = audit.initiated_by.user.or(audit.initiated_by.app);
        let (who, address) = match by {
            Some(by) => (by.user_principal_name.or(by.display_name).unwrap_or_default(), by.ip_address),
            None => (String::new(), None),
        };
        let target = audit.target_resources.into_iter().next();
        let (target, target_name) = match target {
            Some(target) => {
                (target.id.unwrap_or_default(), target.user_principal_name.or(target.display_name))
            }
            None => (String::new(), None),
        };
        Ok(Self {
            sequence: audit.ledger.sequence,
            at: Moment(audit.activity_date_time),
            correlation: audit.correlation_id,
            who,
            person: audit.ledger.person,
            methods: Vec::new(),
            address,
            operation: audit.activity_display_name,
            target,
            target_name,
            done: audit.result == "success",
            reason: audit.result_reason,
            consent: audit.ledger.consent,
            change: audit.ledger.change,
            leaf: audit.ledger.leaf,
            facts: audit.additional_details.iter().map(|detail| fact(&detail.key, &detail.value)).collect(),
        })
    }

    /// What was asked, in words.
    pub fn what(&self) -> String {
        words::operation(&self.operation)
    }

    /// The page of the story that it belongs to.
    pub fn story(&self) -> String {
        story(&self.correlation, self.at)
    }

    /// What people call what it was asked for: `VaultProxy in v1`.
    pub fn object(&self) -> String {
        match &self.target_name {
            Some(name) => name.clone(),
            None => called(&self.target),
        }
    }

    /// The page of the vault or guard that it was asked for, or that this is in.
    pub fn object_page(&self) -> Option<String> {
        page_of(&self.target)
    }

    /// How they had signed in, in words.
    pub fn signed_in(&self) -> String {
        words::methods(&self.methods)
    }

    /// Whether a text in lower case is anywhere in it.
    pub fn contains(&self, text: &str) -> bool {
        let has = |field: &str| field.to_lowercase().contains(text);
        has(&self.who)
            || has(&self.operation)
            || has(&self.what())
            || has(&self.target)
            || has(&self.object())
            || has(&self.reason)
            || has(&self.correlation)
            || self.facts.iter().any(|fact| has(&fact.text) || has(&fact.name))
    }
}

/// The page of the story of a request, to which something belongs that happened at a time.
pub fn story(correlation: &str, Moment(at): Moment) -> String {
    link::with(&format!("{LEDGER}/story/{correlation}"), "at", &arm::timestamp(at))
}

impl Consent {
    /// What the consent was for, in words.
    pub fn what(&self) -> String {
        words::operation(&self.operation)
    }

    /// What the guard is called.
    pub fn guard_name(&self) -> &str {
        name_of(&self.guard)
    }

    /// The guard's page.
    pub fn guard_page(&self) -> String {
        link::page("guards/overview", &self.guard)
    }

    /// Until when the right held.
    pub fn until(&self) -> Option<Moment> {
        self.expires.map(Moment)
    }
}

/// The vault or guard that an id names something in.
fn tracked(id: &str) -> Option<ResourceId> {
    ResourceId::parse(id).ok()?.tracked()
}

/// What is called how, and in which vault or guard. A call at the end of an id is no name.
fn called(id: &str) -> String {
    let Some(tracked) = tracked(id) else { return name_of(id).to_string() };
    let inner: Vec<&str> = id.trim_matches('/').split('/').skip(tracked.segments().count()).collect();
    let named = inner.len() - inner.len() % 2;
    match named.checked_sub(1).and_then(|last| inner.get(last)) {
        Some(name) => format!("{} in {}", short(name), tracked.name()),
        None => tracked.name().to_string(),
    }
}

/// The beginning of a name that is a hash, as restic shows snapshots; other names as they are.
fn short(name: &str) -> &str {
    let is_hash = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.get(..8).filter(|_| is_hash).unwrap_or(name)
}

/// The page of the vault or guard that an id names, or names something in.
fn page_of(id: &str) -> Option<String> {
    let tracked = tracked(id)?;
    let kind = tracked.resource_type()?;
    let is = |known: &str| kind.eq_ignore_ascii_case(known);
    if is("Microsoft.RecoveryServices/vaults") || is("Microsoft.DataProtection/backupVaults") {
        return Some(link::page("vaults/overview", tracked.as_str()));
    }
    is("Microsoft.DataProtection/resourceGuards").then(|| link::page("guards/overview", tracked.as_str()))
}

fn fact(name: &str, text: &str) -> Fact {
    let page = page_of(text);
    let said = match name {
        mua::alert::CRITICAL_OPERATIONS => {
            text.split(", ").map(words::operation).collect::<Vec<_>>().join(", ")
        }
        _ if page.is_some() => called(text),
        _ => text.to_string(),
    };
    Fact { name: words::fact(name), text: said, time: Moment::parse(text), page }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_entry_is_about_has_a_name_and_a_place() {
        let vault = "/subscriptions/s/resourceGroups/rg/providers/Microsoft.RecoveryServices/vaults/v1";
        let cases = [
            ("/subscriptions/s".to_string(), "s"),
            ("/subscriptions/s/resourceGroups/rg".into(), "rg"),
            (vault.into(), "v1"),
            (format!("{vault}/backupPolicies/p"), "p in v1"),
            (format!("{vault}/backupResourceGuardProxies/VaultProxy/unlockDelete"), "VaultProxy in v1"),
            (format!("{vault}/backupSecurityPIN"), "v1"),
        ];
        for (id, name) in cases {
            assert_eq!(called(&id), name, "{id}");
        }
        assert_eq!(page_of(&format!("{vault}/backupPolicies/p")), Some(link::page("vaults/overview", vault)));
        assert_eq!(page_of("/subscriptions/s/resourceGroups/rg"), None);
        assert_eq!(page_of("no id"), None);
    }
}
