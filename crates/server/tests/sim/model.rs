//! What the ledger says, carried out again by a model that knows nothing of the product's code: every entry must be
//! allowed where it stands, and what it says must follow from what came before.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use ledger::{Entry, Verdict};
use serde_json::Value;
use uuid::Uuid;

use crate::estate::{self, ITEMS, OPERATOR};
use crate::history::Event;

/// A right on the guard.
struct Right {
    start: Timestamp,
    end: Option<Timestamp>,
    alive: bool,
    /// Whether it rests on an eligibility.
    activated: bool,
}

/// A fact that the ledger switches on and off.
#[derive(Default)]
pub struct Timeline(Vec<(u64, bool)>);

impl Timeline {
    fn set(&mut self, at: u64, value: bool) {
        self.0.push((at, value));
    }

    /// Whether it had this value at some time from right after the entry `from` until right before the entry `to`.
    pub fn possible(&self, from: Option<u64>, to: Option<u64>, value: bool) -> bool {
        let begun = |at: &u64| from.is_none_or(|from| *at <= from);
        let first = self.0.iter().rev().find(|(at, _)| from.is_some() && begun(at)).is_some_and(|(_, v)| *v);
        let later = self.0.iter().filter(|(at, _)| !begun(at) || from.is_none());
        let mut later = later.filter(|(at, _)| to.is_none_or(|to| *at < to));
        first == value || later.any(|(_, v)| *v == value)
    }
}

/// What the ledger amounts to.
#[derive(Default)]
pub struct Model {
    pub linked: bool,
    pub exempt: bool,
    pub description: Option<String>,
    pub retention: u64,
    pub policy: u64,
    pub deleted: BTreeMap<String, bool>,
    unlocks: BTreeMap<String, Timestamp>,
    asked: BTreeMap<Uuid, SignedDuration>,
    settled: BTreeSet<String>,
    rights: BTreeMap<Uuid, Right>,
    pub readers: BTreeSet<Uuid>,
    pub locked_out: bool,
    /// Whether Bob may see the vault.
    pub bob: Timeline,
    /// Whether Bob may sign in.
    pub enabled: Timeline,
    /// Which credentials are good, by their user names.
    pub credentials: BTreeMap<String, Timeline>,
    /// Which items are not deleted.
    pub present: BTreeMap<String, Timeline>,
    pub counts: BTreeMap<&'static str, u64>,
    pub wrong: Vec<String>,
}

impl Model {
    /// Carries out one entry that says that something was done.
    pub fn follow(&mut self, entry: &Entry, event: Option<&Event>) {
        if entry.verdict != Verdict::Done {
            return;
        }
        match event {
            Some(event) => self.request(entry, event),
            None => self.other(entry),
        }
        let may = !self.readers.is_empty() && !self.locked_out;
        self.bob.set(entry.sequence, may);
        self.enabled.set(entry.sequence, !self.locked_out);
    }

    fn blame(&mut self, entry: &Entry, what: &str) {
        self.wrong.push(format!(
            "entry {} at {}, {} of {}: {what}",
            entry.sequence, entry.at, entry.operation, entry.target
        ));
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }

    fn other(&mut self, entry: &Entry) {
        match entry.operation.as_str() {
            "directory.users.update" => {
                self.locked_out = entry.facts.get("accountEnabled").is_some_and(|enabled| enabled == "false");
                self.count("a person was disabled or enabled");
            }
            operation if operation.starts_with("repository.") => self.count("a repository said something"),
            "simulation.seed" | "directory.signIn.locked" => {}
            _ => self.blame(entry, "nobody asked for it"),
        }
    }

    fn request(&mut self, entry: &Entry, event: &Event) {
        let path = event.path.split('?').next().unwrap_or_default().to_string();
        let properties = &event.body["properties"];
        let below = |prefix: &str| path.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('/'));
        let items = format!("{}/protectedItems", estate::container());
        if path == estate::vault() {
            let settings = &properties["securitySettings"]["softDeleteSettings"];
            self.retention = settings["softDeleteRetentionPeriodInDays"].as_u64().unwrap();
        } else if path == estate::config() {
            self.change_retention(entry, properties);
        } else if path == estate::policy() {
            self.change_policy(entry, properties);
        } else if path == estate::proxy() {
            self.link(entry, event);
        } else if path.ends_with("/unlockDelete") {
            self.unlock(entry, &event.body);
        } else if path == estate::guard() {
            self.change_guard(properties);
        } else if let Some(rest) = below(&items) {
            self.item(entry, event, rest);
        } else if let Some(rest) = below(estate::pim("").trim_end_matches('/')) {
            self.consent(entry, event, rest);
        } else if let Some(rest) = path.strip_prefix("/providers/Microsoft.Authorization/") {
            self.consent(entry, event, rest);
        } else if path.contains("/roleAssignments/") {
            let name: Uuid = path.rsplit('/').next().unwrap().parse().unwrap();
            match event.method {
                "PUT" => self.readers.insert(name),
                _ => self.readers.remove(&name),
            };
        }
    }

    fn change_retention(&mut self, entry: &Entry, properties: &Value) {
        let days = properties["softDeleteRetentionPeriodInDays"].as_u64().unwrap();
        if self.linked && days < self.retention {
            self.demand(entry);
            self.count("a critical change of settings");
        }
        self.retention = days;
    }

    fn change_policy(&mut self, entry: &Entry, properties: &Value) {
        let daily = &properties["retentionPolicy"]["dailySchedule"]["retentionDuration"];
        let days = daily["count"].as_u64().unwrap();
        if self.linked && !self.exempt && days < self.policy {
            self.demand(entry);
            self.count("a critical change of a policy");
        }
        self.policy = days;
    }

    fn link(&mut self, entry: &Entry, event: &Event) {
        if event.method == "DELETE" && !self.linked {
            self.blame(entry, "it was not linked");
        }
        if event.method == "DELETE" && self.linked {
            self.demand(entry);
            self.use_unlock(entry, &estate::proxy());
            self.count("multi-user authorization was removed");
        }
        self.linked = event.method == "PUT";
    }

    fn change_guard(&mut self, properties: &Value) {
        if let Some(list) = properties["vaultCriticalOperationExclusionList"].as_array() {
            self.exempt = !list.is_empty();
        }
        if let Some(description) = properties["description"].as_str() {
            self.description = Some(description.into());
        }
    }

    fn item(&mut self, entry: &Entry, event: &Event, rest: &str) {
        let (name, below) = rest.split_once('/').unwrap_or((rest, ""));
        let name = name.trim_start_matches("FileFolder;").to_string();
        if let Some(below) = below.strip_prefix("repositoryCredentials") {
            let user = entry.facts.get("userName").cloned().unwrap_or_default();
            self.credentials.entry(user).or_default().set(entry.sequence, event.method == "POST");
            let _ = below;
            return;
        }
        let deleted = self.deleted.get(&name).copied().unwrap_or(false);
        let after = match event.method {
            "DELETE" => {
                if deleted {
                    self.blame(entry, "it was deleted before");
                }
                if self.linked && !deleted {
                    self.demand(entry);
                    self.use_unlock(entry, &estate::item(&name));
                    self.count("a critical deletion");
                }
                true
            }
            _ => deleted && event.body["properties"]["isRehydrate"] != true,
        };
        self.present.entry(name.clone()).or_default().set(entry.sequence, !after);
        self.deleted.insert(name, after);
    }

    fn unlock(&mut self, entry: &Entry, body: &Value) {
        if !self.rights.values().any(|right| right.holds(entry.at)) {
            self.blame(entry, "an unlock without a right on the guard");
        }
        let target = body["resourceToBeDeleted"].as_str().map_or_else(estate::proxy, String::from);
        self.unlocks.insert(target, entry.at + SignedDuration::from_mins(30));
        self.count("an unlock");
    }

    fn use_unlock(&mut self, entry: &Entry, target: &str) {
        match self.unlocks.remove(target) {
            None => self.blame(entry, "a deletion without an unlock, or with one that was used before"),
            Some(until) if until <= entry.at => {
                self.blame(entry, "a deletion with an unlock that had expired")
            }
            Some(_) => {}
        }
    }

    /// A critical operation: it names its consent, which holds at that instant.
    fn demand(&mut self, entry: &Entry) {
        let [consent] = entry.consent.as_slice() else {
            self.blame(entry, "a critical operation with no consent");
            return;
        };
        let name: Option<Uuid> = consent.assignment.rsplit('/').next().and_then(|name| name.parse().ok());
        let right = name.and_then(|name| self.rights.get(&name));
        if !right.is_some_and(|right| right.holds(entry.at)) {
            self.blame(entry, &format!("its consent {name:?} does not hold"));
        }
    }

    fn consent(&mut self, entry: &Entry, event: &Event, rest: &str) {
        let properties = &event.body["properties"];
        let name = rest.split('/').nth(1).and_then(|name| name.parse::<Uuid>().ok());
        let target =
            properties["targetRoleAssignmentScheduleId"].as_str().and_then(|id| id.parse::<Uuid>().ok());
        let kind = properties["requestType"].as_str().unwrap_or_default();
        match (rest.split('/').next().unwrap_or_default(), kind) {
            ("roleAssignmentScheduleRequests", "SelfActivate") => {
                let length = properties["scheduleInfo"]["expiration"]["duration"].as_str().unwrap();
                let length: SignedDuration = length.parse().unwrap();
                self.asked.insert(name.unwrap(), length);
                self.count("an activation was asked for");
            }
            ("roleAssignmentScheduleRequests", _) => {
                self.end(target.unwrap());
                self.count("an activation was ended");
            }
            ("roleEligibilityScheduleRequests", "AdminRemove") => {
                self.rights
                    .values_mut()
                    .filter(|right| right.activated)
                    .for_each(|right| right.alive = false);
                self.count("an eligibility was removed");
            }
            ("roleAssignmentApprovals", _) => self.settle(entry, name.unwrap()),
            ("roleAssignments", _) if event.method == "DELETE" => self.end(name.unwrap()),
            ("roleAssignments", _) => {
                let role = properties["roleDefinitionId"].as_str().unwrap_or_default();
                if role.ends_with(OPERATOR) {
                    let right = Right { start: entry.at, end: None, alive: true, activated: false };
                    self.rights.insert(name.unwrap(), right);
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, name: Uuid) {
        if let Some(right) = self.rights.get_mut(&name) {
            right.alive = false;
        }
    }

    fn settle(&mut self, entry: &Entry, name: Uuid) {
        if !self.settled.insert(name.to_string()) {
            self.blame(entry, "a request was decided twice");
        }
        let status = entry.facts.get("status").map(String::as_str).unwrap_or_default();
        match (status, self.asked.get(&name)) {
            ("Provisioned", Some(length)) => {
                let end = Some(entry.at + *length);
                self.rights.insert(name, Right { start: entry.at, end, alive: true, activated: true });
                self.count("an approval");
            }
            ("Denied", Some(_)) => self.count("a denial"),
            (_, None) => self.blame(entry, "a decision about what nobody asked for"),
            _ => self.blame(entry, "a decision that settled nothing"),
        }
    }

    /// The items that must be in the end, with whether they are deleted.
    pub fn items(&self) -> impl Iterator<Item = (&'static str, bool)> {
        ITEMS.iter().map(|name| (*name, self.deleted.get(*name).copied().unwrap_or(false)))
    }
}

impl Right {
    fn holds(&self, at: Timestamp) -> bool {
        // Who gave it may have had another clock than who looks: what is checked is that it had not ended.
        let begun = self.start <= at + crate::time::SKEW * 2;
        self.alive && begun && self.end.is_none_or(|end| at < end)
    }
}
