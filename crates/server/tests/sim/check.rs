//! What must be true of every run, whatever went wrong in it.

use std::collections::BTreeMap;

use ledger::{Entry, Verdict};
use uuid::Uuid;

use crate::estate;
use crate::history::Event;
use crate::model::Model;
use crate::time::SKEW;

/// The codes by which a critical operation is refused for want of consent.
const CONSENT_MISSING: [&str; 3] = [
    "LinkedAuthorizationFailed",
    "UserErrorDeleteNotUnlocked",
    "UserErrorResourceGuardOperationRequestMissing",
];

/// The ledger and the clients' history side by side.
pub struct Case {
    pub events: Vec<Event>,
    pub ledger: Vec<Entry>,
    by_correlation: BTreeMap<Uuid, usize>,
    pub wrong: Vec<String>,
}

impl Case {
    pub fn new(events: Vec<Event>, ledger: Vec<Entry>) -> Self {
        let ids = events.iter().enumerate().filter_map(|(n, event)| Some((event.correlation?, n)));
        Self { by_correlation: ids.collect(), events, ledger, wrong: Vec::new() }
    }

    fn event_of(&self, entry: &Entry) -> Option<&Event> {
        self.by_correlation.get(&entry.correlation).map(|number| &self.events[*number])
    }

    fn blame(&mut self, event: &Event, what: &str) {
        let (client, method, path, status) = (&event.client, event.method, &event.path, event.status());
        let sent = event.sent;
        self.wrong.push(format!(
            "{client} {method} {path} to server {} (sent {} at {}, {status}): {what}",
            event.server, sent.order, sent.at
        ));
    }

    /// Checks everything that the ledger and the history tell, and returns the state that they amount to.
    pub fn check(&mut self) -> Model {
        self.answers();
        self.order();
        self.clocks();
        let mut model = Model::default();
        for entry in &self.ledger {
            // Graph gives its own ids, which a client that lost the answer does not know.
            let event = self.event_of(entry).filter(|event| !event.path.starts_with("/v1.0/"));
            model.follow(entry, event);
        }
        self.looks(&model);
        self.sign_ins(&mut model);
        self.uploads(&model);
        self.wrong.append(&mut model.wrong);
        model
    }

    /// Every request against its entries: none without an answer's worth, none twice, none for what was refused.
    fn answers(&mut self) {
        let mut done: BTreeMap<Uuid, u32> = BTreeMap::new();
        let mut refused: BTreeMap<Uuid, u32> = BTreeMap::new();
        for entry in &self.ledger {
            let counts = if entry.verdict == Verdict::Done { &mut done } else { &mut refused };
            *counts.entry(entry.correlation).or_default() += 1;
        }
        for event in self.events.clone() {
            if event.status() >= 500 && event.status() != 503 {
                self.blame(&event, "an error of the server's own");
            }
            let Some(id) = event.correlation else { continue };
            let (done, refused) = (done.get(&id).copied(), refused.get(&id).copied());
            if done.is_some_and(|times| times > 1) {
                self.blame(&event, "it was done more than once");
            }
            let Some(answer) = &event.answer else { continue };
            let nothing = ["RetryableError", "ServerBusy"].contains(&answer.code());
            if done.is_some() && (!answer.succeeded() && answer.status != 503 || nothing) {
                self.blame(&event, "it was refused, and yet done");
            }
            let something = answer.succeeded() && answer.status != 204;
            if done.is_none() && something && self.must_be_done(&event) {
                self.blame(&event, "it was acknowledged, and is not in the ledger");
            }
            if CONSENT_MISSING.contains(&answer.code()) && refused != Some(1) {
                self.blame(&event, "it was refused for want of consent, and the ledger does not say so once");
            }
        }
    }

    /// Whether a request that succeeded must have changed something.
    fn must_be_done(&self, event: &Event) -> bool {
        let deletes_or_repeats = match event.method {
            "GET" => return false,
            // What is gone already, or is so already, is fine.
            "DELETE" => true,
            "PUT" | "PATCH" => {
                event.path.starts_with(&estate::proxy())
                    || event.path.starts_with(&estate::config())
                    || event.path.starts_with("/v1.0/")
                    || event.path.contains("/roleAssignments/")
            }
            _ => false,
        };
        let same = |other: &Event| {
            let alike = other.method == event.method
                && other.path == event.path
                && (event.method == "DELETE" || other.body == event.body);
            alike && other.correlation != event.correlation && other.sent.order < event.answered()
        };
        !deletes_or_repeats || !self.events.iter().any(|other| same(other) || self.settles(other, event))
    }

    /// Whether another request may have brought about by itself what this one asks for.
    fn settles(&self, other: &Event, event: &Event) -> bool {
        let days = |event: &Event| event.body["properties"]["softDeleteRetentionPeriodInDays"].clone();
        let earlier = other.sent.order < event.answered() && other.correlation != event.correlation;
        let config = event.path.starts_with(&estate::config()) && other.path.starts_with(&estate::config());
        earlier && config && days(other) == days(event)
    }

    /// The ledger's order is one that the clients can have seen: what was answered before something else was sent
    /// comes before it.
    fn order(&mut self) {
        let mut latest: Option<Event> = None;
        let entries: Vec<Event> =
            self.ledger.iter().filter_map(|entry| self.event_of(entry).cloned()).collect();
        for event in entries {
            if let Some(before) = latest.as_ref().filter(|before| event.is_before(before)) {
                let what = format!("{} {} was sent later and comes before it", before.method, before.path);
                self.blame(&event, &what);
            }
            if latest.as_ref().is_none_or(|latest| latest.sent.order < event.sent.order) {
                latest = Some(event);
            }
        }
    }

    /// No entry is further from the true time than clocks are off.
    fn clocks(&mut self) {
        for entry in self.ledger.clone() {
            let Some(event) = self.event_of(&entry).cloned() else { continue };
            let late = event.answer.as_ref().is_some_and(|answer| entry.at > answer.when.at + SKEW);
            if late || entry.at < event.sent.at - SKEW {
                self.blame(&event, &format!("its entry says {}", entry.at));
            }
        }
    }

    /// The last entry that surely comes before a request, and the first that surely comes after it.
    fn bounds(&self, event: &Event) -> (Option<u64>, Option<u64>) {
        let seen = |entry: &&Entry| self.event_of(entry).is_some_and(|other| other.is_before(event));
        let unseen = |entry: &&Entry| self.event_of(entry).is_some_and(|other| event.is_before(other));
        let from = self.ledger.iter().rev().find(seen).map(|entry| entry.sequence);
        (from, self.ledger.iter().find(unseen).map(|entry| entry.sequence))
    }

    /// Bob sees the vault when he may and not when he may not, and signs in likewise: on every server, at once.
    fn looks(&mut self, model: &Model) {
        for event in self.events.clone().iter().filter(|event| event.answer.is_some()) {
            let looks = event.who == estate::BOB.name && event.method == "GET";
            let form = event.body.to_string();
            let signs_in = form.contains(r#"["grant_type","password"]"#)
                || form.contains(r#"["grant_type","refresh_token"]"#);
            let timeline = match (looks, signs_in) {
                (true, _) => &model.bob,
                (_, true) => &model.enabled,
                _ => continue,
            };
            let (from, to) = self.bounds(event);
            let granted = match event.status() {
                200 => true,
                400 | 401 | 403 => false,
                _ => continue,
            };
            if !timeline.possible(from, to, granted) {
                let what = if granted {
                    "it was allowed after it was revoked"
                } else {
                    "it was refused without reason"
                };
                self.blame(event, what);
            }
        }
    }

    /// A fresh token is good on every server, and a device code is good for one sign-in.
    fn sign_ins(&mut self, model: &mut Model) {
        let mut devices: BTreeMap<String, u32> = BTreeMap::new();
        for event in self.events.clone() {
            if event.path.starts_with("/subscriptions?") && event.status() == 401 {
                self.blame(&event, "a fresh token was refused");
            }
            let code = event.body.as_array().into_iter().flatten().find(|field| field[0] == "device_code");
            let (Some(code), true) = (code, event.succeeded()) else { continue };
            let times = devices.entry(code.to_string()).or_default();
            *times += 1;
            *model.counts.entry("a device signed in").or_default() += 1;
            if *times > 1 {
                self.blame(&event, "a device code was good twice");
            }
        }
    }

    /// Nothing is stored with a credential that was taken away, nor in a repository of an item that is deleted.
    fn uploads(&mut self, model: &Model) {
        let mut items: BTreeMap<String, String> = BTreeMap::new();
        for event in &self.events {
            let url = event.answer.as_ref().and_then(|answer| answer.body["repositoryUrl"].as_str());
            let base = url.and_then(|url| url.split_once("/repositories/"));
            let name = event.path.split("FileFolder;").nth(1).and_then(|rest| rest.split(['/', '?']).next());
            if let (Some((_, base)), Some(name)) = (base, name) {
                items.insert(base.trim_end_matches('/').to_string(), name.to_string());
            }
        }
        for event in self.events.clone().iter().filter(|event| event.succeeded()) {
            let Some(place) = event.path.strip_prefix("/repositories/") else { continue };
            let base = place.split('/').take(2).collect::<Vec<_>>().join("/");
            let (from, to) = self.bounds(event);
            let good = model.credentials.get(&event.who);
            if !good.is_some_and(|good| good.possible(from, to, true)) {
                self.blame(event, "it was stored with a credential that was taken away");
            }
            let present = items.get(&base).and_then(|name| model.present.get(name));
            if !present.is_some_and(|present| present.possible(from, to, true)) {
                self.blame(event, "it was stored while its item was deleted");
            }
        }
    }
}

impl Event {
    /// The order of its answer; the end of everything when there was none.
    fn answered(&self) -> u64 {
        self.answer.as_ref().map_or(u64::MAX, |answer| answer.when.order)
    }
}
