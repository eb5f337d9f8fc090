//! Role assignments that were activated. Such an assignment alone is not enough: it must still be what somebody eligible
//! asked for and was granted, and that is looked at whenever it changes, not only when the activation was made.

use std::collections::{BTreeSet, HashMap};

use arm::{ObjectId, RequestId, ResourceId};
use pim::{ActivationRequest, Eligibility};
use rbac::Assignment;

use super::{Access, documents};
use crate::document::{activation_key, eligibility_key};
use crate::engine::Snapshot;
use crate::error::StoreError;

/// All that were activated, whether they stand or not. They are few beside those that were assigned.
#[derive(Clone, Default)]
pub(super) struct Activations(HashMap<ResourceId, Activation>);

#[derive(Clone)]
struct Activation {
    assignment: Assignment,
    /// The key of the request behind it.
    request: String,
    /// The key of the eligibility that the request rests on, if there is a request.
    eligibility: Option<String>,
    /// The principal or group whose eligibility it is, if request and eligibility agree with the assignment.
    eligible: Option<ObjectId>,
    /// Whether the two were read since they changed.
    settled: bool,
}

impl Activations {
    pub(super) fn put(&mut self, request: RequestId, assignment: Assignment) {
        let request = activation_key(&assignment.scope, request);
        let id = assignment.id.clone();
        let open = Activation { assignment, request, eligibility: None, eligible: None, settled: false };
        self.0.insert(id, open);
    }

    pub(super) fn includes(&self, id: &ResourceId) -> bool {
        self.0.contains_key(id)
    }

    pub(super) fn remove(&mut self, id: &ResourceId) {
        self.0.remove(id);
    }

    /// Notes that requests and eligibilities have changed, or come, or gone.
    pub(super) fn unsettle(&mut self, requests: &BTreeSet<String>, eligibilities: &BTreeSet<String>) {
        if requests.is_empty() && eligibilities.is_empty() {
            return;
        }
        for activation in self.0.values_mut() {
            let rests = activation.eligibility.as_ref().is_some_and(|key| eligibilities.contains(key));
            activation.settled &= !(rests || requests.contains(&activation.request));
        }
    }

    /// Reads what the unsettled ones rest on. Returns which these were.
    fn settle(&mut self, snapshot: &dyn Snapshot) -> Result<Vec<ResourceId>, StoreError> {
        let mut open: Vec<&mut Activation> = self.0.values_mut().filter(|one| !one.settled).collect();
        let keys = open.iter().map(|activation| activation.request.clone());
        let requests = documents::these::<ActivationRequest>(snapshot, keys)?;
        for activation in &mut open {
            let request = requests.get(&activation.request);
            activation.eligibility =
                request.map(|request| eligibility_key(request.eligibility_scope(), request.eligibility()));
        }
        let keys = open.iter().filter_map(|activation| activation.eligibility.clone());
        let eligibilities = documents::these::<Eligibility>(snapshot, keys)?;
        for activation in &mut open {
            let request = requests.get(&activation.request);
            let eligibility = activation.eligibility.as_ref().and_then(|key| eligibilities.get(key));
            activation.eligible = request
                .zip(eligibility)
                .and_then(|(request, eligibility)| basis(&activation.assignment, request, eligibility));
            activation.settled = true;
        }
        Ok(open.into_iter().map(|activation| activation.assignment.id.clone()).collect())
    }
}

/// Whose eligibility an assignment rests on, if it is an agreed activation of it. It stands as long as its holder is
/// that principal, or in that group.
fn basis(
    assignment: &Assignment,
    request: &ActivationRequest,
    eligibility: &Eligibility,
) -> Option<ObjectId> {
    let grant = eligibility.grant();
    let agrees = request.window().is_some()
        && request.principal() == assignment.principal
        && request.role() == assignment.role
        && *request.scope() == assignment.scope
        && grant.name == request.eligibility()
        && grant.role == assignment.role
        && assignment.scope.is_within(&grant.scope);
    agrees.then_some(grant.principal)
}

impl Access {
    /// Decides anew about activated assignments: those that are unsettled, or all after memberships have changed.
    pub(super) fn settle(&mut self, snapshot: &dyn Snapshot, regrouped: bool) -> Result<(), StoreError> {
        let mut ids = self.activations.settle(snapshot)?;
        if regrouped {
            ids = self.activations.0.keys().cloned().collect();
        }
        for id in ids {
            let Some(activation) = self.activations.0.get(&id) else { continue };
            let holder = activation.assignment.principal;
            let home = self.home(holder);
            let Some(index) = home.and_then(|home| self.indexes.get_mut(&home)) else { continue };
            // An activation through a group ends when its holder leaves the group.
            let holds = |eligible| eligible == holder || index.groups_of(holder).contains(&eligible);
            if activation.eligible.is_some_and(holds) {
                index.put_assignment(&activation.assignment);
            } else {
                index.remove_assignment(&id);
            }
        }
        Ok(())
    }
}
