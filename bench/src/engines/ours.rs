//! The index of this repository.

use arm::{ObjectId, ResourceId};
use jiff::Timestamp;
use rbac::{Action, Index};

use super::Engine;
use crate::estate::{Estate, Question, now};
use crate::stats::timed;

/// The index of an estate, and how long it took to load in nanoseconds: from documents, the making of which does not count.
pub fn load(estate: &Estate) -> (Index, f64) {
    let member = |(group, member): &(usize, usize)| (estate.principals[*group], estate.principals[*member]);
    let memberships: Vec<(ObjectId, ObjectId)> = estate.memberships.iter().map(member).collect();
    let (mut time, mut index) = timed(|| {
        let mut index = Index::compile(estate.roles.iter().cloned(), [], memberships.iter().copied());
        estate.actions.iter().for_each(|action| index.know_action(action));
        index
    });
    let mut documents = estate.assignments();
    loop {
        let some: Vec<_> = documents.by_ref().take(10_000).collect();
        if some.is_empty() {
            time += timed(|| index.shrink_to_fit()).0;
            return (index, time);
        }
        time += timed(|| some.iter().for_each(|assignment| index.put_assignment(assignment))).0;
    }
}

struct Prepared<'a> {
    estate: &'a Estate,
    index: &'a Index,
    now: Timestamp,
}

/// Asked as the server asks: principal, action and scope are parsed.
pub fn prepared<'a>(estate: &'a Estate, index: &'a Index) -> Box<dyn Engine + 'a> {
    Box::new(Prepared { estate, index, now: now() })
}

impl Engine for Prepared<'_> {
    fn answer(&mut self, question: &Question) -> (f64, bool) {
        // The scope is parsed again, as a server has just done that: its text is at hand, where that of the estate is not.
        let scope = ResourceId::parse(self.estate.scopes[question.scope].as_str()).expect("an id");
        let (principal, action) =
            (self.estate.principals[question.principal], &self.estate.actions[question.action]);
        timed(|| self.index.check(principal, action, &scope, self.now).is_allowed())
    }
}

/// Asked with three texts.
pub struct Raw<'a> {
    /// What the questions are about.
    pub estate: &'a Estate,
    /// The index of that.
    pub index: &'a Index,
}

impl Engine for Raw<'_> {
    fn answer(&mut self, question: &Question) -> (f64, bool) {
        let scope = self.estate.scopes[question.scope].as_str().to_string();
        let principal = self.estate.principals[question.principal].to_string();
        let action = self.estate.actions[question.action].as_str().to_string();
        timed(|| {
            let scope = ResourceId::parse(&scope).expect("an id");
            let principal: ObjectId = principal.parse().expect("a GUID");
            let action = Action::parse(&action).expect("an action");
            self.index.check(principal, &action, &scope, now()).is_allowed()
        })
    }
}
