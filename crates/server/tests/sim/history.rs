//! What the clients saw: every request, when it was sent, and when it was answered and how.

use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use serde_json::Value;
use uuid::Uuid;

use crate::time::Truth;

/// A moment: in which order with all others, and the true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    pub order: u64,
    pub at: Timestamp,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub when: Moment,
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// The error's code, or nothing.
    pub fn code(&self) -> &str {
        match &self.body["error"] {
            Value::String(code) => code,
            error => error["code"].as_str().unwrap_or_default(),
        }
    }

    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// A request, as its client saw it.
#[derive(Clone, Debug)]
pub struct Event {
    pub client: String,
    /// The account or the credential it was sent with, if any.
    pub who: String,
    pub server: usize,
    pub method: &'static str,
    pub path: String,
    pub body: Value,
    /// What ties it to the ledger, if the server takes it from the client or tells it.
    pub correlation: Option<Uuid>,
    pub sent: Moment,
    /// None when the connection broke or the client gave up.
    pub answer: Option<Answer>,
}

impl Event {
    /// Whether it was answered, and well.
    pub fn succeeded(&self) -> bool {
        self.answer.as_ref().is_some_and(Answer::succeeded)
    }

    /// Whether it may have been carried out.
    pub fn may_have_succeeded(&self) -> bool {
        self.answer.as_ref().is_none_or(|answer| answer.succeeded() || answer.status == 503)
    }

    /// Whether it was answered before another was sent.
    pub fn is_before(&self, other: &Self) -> bool {
        self.answer.as_ref().is_some_and(|answer| answer.when.order < other.sent.order)
    }

    pub fn status(&self) -> u16 {
        self.answer.as_ref().map_or(0, |answer| answer.status)
    }
}

/// Everything that the clients of a run saw.
pub struct History {
    truth: Arc<Truth>,
    events: Mutex<(u64, Vec<Event>)>,
}

impl History {
    pub fn new(truth: Arc<Truth>) -> Self {
        Self { truth, events: Mutex::default() }
    }

    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    fn moment(&self, order: &mut u64) -> Moment {
        *order += 1;
        Moment { order: *order, at: self.truth.now() }
    }

    /// A request is sent. Answers with its number.
    pub fn sent(&self, request: impl FnOnce(Moment) -> Event) -> usize {
        let mut events = self.events.lock();
        let moment = self.moment(&mut events.0);
        events.1.push(request(moment));
        events.1.len() - 1
    }

    /// It is answered.
    pub fn answered(&self, number: usize, status: u16, body: Value, correlation: Option<Uuid>) -> Answer {
        let mut events = self.events.lock();
        let when = self.moment(&mut events.0);
        let answer = Answer { when, status, body };
        let event = &mut events.1[number];
        event.answer = Some(answer.clone());
        event.correlation = event.correlation.or(correlation);
        answer
    }

    pub fn events(&self) -> Vec<Event> {
        self.events.lock().1.clone()
    }
}
