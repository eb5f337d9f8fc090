//! Who is who and who may do what, compiled from the documents that say so, as of one revision.

mod activations;
mod assignments;
mod current;
mod documents;
mod follow;
mod load;
mod principal;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use arm::{ObjectId, ResourceId, Result, RoleId, SubscriptionId, TenantId};
use directory::{Group, Links, Person, Subscription, Tenant};
use jiff::Timestamp;
use rbac::{Action, Assignment, Decision, Index, Origin, RoleDefinition};

use activations::Activations;
use assignments::Assignments;

pub(crate) use current::Current;
pub use principal::Principal;

/// What allows something: the assignment, and until when.
#[derive(Clone, Debug, PartialEq)]
pub struct Allowed {
    /// The role assignment's id.
    pub assignment: ResourceId,
    /// When it ends, if it does.
    pub until: Option<Timestamp>,
    /// The decision in words, for the ledger.
    pub why: String,
}

/// Everything that decisions about access read, as of one revision of it.
///
/// It is loaded once and then brought up to date change by change (`follow`). Both end in the same functions, which say
/// where a document has its effect; what they do with one document depends on those of the kinds before it: tenants,
/// subscriptions, roles, principals with their memberships, assignments, and last what activated assignments rest on.
///
/// An assignment is in the index of its principal's tenant. That of a principal who is gone stays where it was: it
/// gives nothing to anybody, because whoever is not among the principals may do nothing, and a group that is gone has
/// no members.
#[derive(Clone)]
pub struct Access {
    revision: i64,
    indexes: HashMap<TenantId, Index>,
    principals: HashMap<ObjectId, Arc<Principal>>,
    groups: HashMap<ObjectId, Arc<Group>>,
    links: Links,
    tenants: BTreeMap<TenantId, Tenant>,
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
    activations: Activations,
    /// Principals that are not there, and that may have assignments which no index has, or one of another tenant than
    /// they come back to.
    strays: HashSet<ObjectId>,
}

impl Access {
    /// Which revision this is.
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The tenant that owns a scope: that of its subscription. The root and what is in no known subscription have none.
    pub fn tenant_of(&self, scope: &ResourceId) -> Option<TenantId> {
        self.subscriptions.get(&scope.subscription_id()?).map(|subscription| subscription.tenant)
    }

    /// Whether a principal may do an action at a scope now, and what allows it.
    ///
    /// # Errors
    /// For an action that is none.
    pub fn may(
        &self,
        object: ObjectId,
        action: &str,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Result<Option<Allowed>> {
        let decision = self.decide(object, action, scope, now)?;
        Ok(decision.grant().map(|grant| Allowed {
            assignment: grant.assignment(),
            until: grant.expires(),
            why: decision.explain(),
        }))
    }

    /// The decision that [`Access::may`] tells about, with all that led to it.
    ///
    /// # Errors
    /// For an action that is none.
    pub fn decide<'a>(
        &'a self,
        object: ObjectId,
        action: &str,
        scope: &'a ResourceId,
        now: Timestamp,
    ) -> Result<Decision<'a>> {
        let action = Action::parse(action)?;
        let Some(principal) = self.principals.get(&object).filter(|principal| principal.enabled) else {
            return Ok(Decision::Denied);
        };
        // A scope of another tenant is none of this tenant's roles' business, the root ones included.
        if !scope.is_root() && self.tenant_of(scope) != Some(principal.tenant) {
            return Ok(Decision::Denied);
        }
        let index = self.indexes.get(&principal.tenant);
        Ok(index.map_or(Decision::Denied, |index| index.check(object, &action, scope, now)))
    }

    /// The index of a tenant.
    pub fn index(&self, tenant: TenantId) -> Option<&Index> {
        self.indexes.get(&tenant)
    }

    /// A principal by its object id.
    pub fn principal(&self, object: ObjectId) -> Option<&Principal> {
        self.principals.get(&object).map(Arc::as_ref)
    }

    /// Who is behind an account: the same [`Person`] for all accounts of one human, guests and linked ones. Whoever asks
    /// whether two accounts are two people asks this; a principal's own `person` is the account that it signs in with.
    pub fn human(&self, object: ObjectId) -> Option<Person> {
        self.principal(object)?.person.map(|account| self.links.one(account))
    }

    /// Who is behind an account that can act: it is enabled, here and where it is at home.
    pub fn acting(&self, object: ObjectId) -> Option<Person> {
        let here = self.principal(object).filter(|here| here.enabled)?;
        let account = here.person?;
        let home = match account {
            Person::Human { object, .. } => self.principal(object)?,
            Person::Application(_) => here,
        };
        home.enabled.then(|| self.links.one(account))
    }

    /// Which accounts are linked as one human's.
    pub fn links(&self) -> &Links {
        &self.links
    }

    /// Whether an assignment came about by activating an eligible one, and so ends by itself.
    pub fn is_activation(&self, assignment: &ResourceId) -> bool {
        self.activations.includes(assignment)
    }

    /// All principals of a tenant, in no order.
    pub fn principals(&self, tenant: TenantId) -> impl Iterator<Item = &Principal> {
        self.principals.values().map(Arc::as_ref).filter(move |principal| principal.tenant == tenant)
    }

    /// The accounts with which a person is known, in no order: a member's at home, and guests.
    pub fn accounts(&self, person: Person) -> impl Iterator<Item = &Principal> {
        self.principals.values().map(Arc::as_ref).filter(move |principal| principal.person == Some(person))
    }

    /// A group by its object id.
    pub fn group(&self, object: ObjectId) -> Option<&Group> {
        self.groups.get(&object).map(Arc::as_ref)
    }

    /// The groups that a principal is in, directly or through other groups.
    pub fn groups_of(&self, object: ObjectId) -> BTreeSet<ObjectId> {
        let index = self.principals.get(&object).and_then(|principal| self.indexes.get(&principal.tenant));
        index.map(|index| index.groups_of(object).into_iter().collect()).unwrap_or_default()
    }

    /// A tenant.
    pub fn tenant(&self, id: TenantId) -> Option<&Tenant> {
        self.tenants.get(&id)
    }

    /// All tenants.
    pub fn tenants(&self) -> impl Iterator<Item = &Tenant> {
        self.tenants.values()
    }

    /// A subscription.
    pub fn subscription(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.get(&id)
    }

    /// All subscriptions of a tenant.
    pub fn subscriptions(&self, tenant: TenantId) -> impl Iterator<Item = &Subscription> {
        self.subscriptions.values().filter(move |subscription| subscription.tenant == tenant)
    }
}

/// Where a document has its effect.
impl Access {
    /// The tenant whose index an assignment to this principal belongs to.
    fn home(&self, principal: ObjectId) -> Option<TenantId> {
        let tenant = self.principals.get(&principal)?.tenant;
        self.indexes.contains_key(&tenant).then_some(tenant)
    }

    /// A custom role is known in each tenant with a subscription that it can be assigned in, or a part of one.
    fn put_role(&mut self, id: RoleId, role: Option<&RoleDefinition>) {
        let scopes = role.into_iter().flat_map(|role| &role.assignable_scopes);
        let tenants: BTreeSet<TenantId> = scopes.filter_map(|scope| self.tenant_of(scope)).collect();
        for (tenant, index) in &mut self.indexes {
            let custom = role.filter(|_| tenants.contains(tenant));
            match custom.or_else(|| rbac::builtin_role(id)) {
                Some(role) => index.put_role(role.clone()),
                None => index.remove_role(id),
            }
        }
    }

    fn put_principal(&mut self, object: ObjectId, principal: Option<Principal>) {
        match principal {
            Some(principal) => self.principals.insert(object, Arc::new(principal)),
            None => self.principals.remove(&object),
        };
    }

    /// Puts a group in place of what it was. Returns whether anybody's memberships changed.
    fn put_group(&mut self, id: ObjectId, group: Option<Group>) -> bool {
        let group = group.map(Arc::new);
        let before = match &group {
            Some(group) => self.groups.insert(id, Arc::clone(group)),
            None => self.groups.remove(&id),
        };
        let lost = members_missing(before.as_deref(), group.as_deref());
        let won = members_missing(group.as_deref(), before.as_deref());
        for (tenant, member) in &lost {
            self.indexes.entry(*tenant).and_modify(|index| index.remove_member(id, *member));
        }
        for (tenant, member) in &won {
            self.indexes.entry(*tenant).and_modify(|index| index.add_member(id, *member));
        }
        !(lost.is_empty() && won.is_empty())
    }

    /// Puts assignments into their indexes. Those that were activated wait until it is known whether they stand.
    fn put_assignments(&mut self, assignments: &Assignments) {
        for (scope, mut plain) in assignments.plain() {
            while let Some(first) = plain.first() {
                let home = self.home(first.principal);
                let same = plain.iter().take_while(|one| self.home(one.principal) == home).count();
                let (these, rest) = plain.split_at(same);
                match home.and_then(|home| self.indexes.get_mut(&home)) {
                    Some(index) => index.put_plain(scope, these.iter().copied()),
                    None => self.strays.extend(these.iter().map(|one| one.principal)),
                }
                plain = rest;
            }
        }
        assignments.other().iter().for_each(|assignment| self.put_assignment(assignment));
    }

    fn put_assignment(&mut self, assignment: &Assignment) {
        let Some(home) = self.home(assignment.principal) else {
            self.strays.insert(assignment.principal);
            return;
        };
        match assignment.origin {
            Origin::Assigned => {
                self.indexes.entry(home).and_modify(|index| index.put_assignment(assignment));
            }
            Origin::Activated { request } => self.activations.put(request, assignment.clone()),
        }
    }

    fn remove_assignment(&mut self, id: &ResourceId) {
        self.indexes.values_mut().for_each(|index| index.remove_assignment(id));
        self.activations.remove(id);
    }
}

/// The members that only the first of two states of a group has, with the tenant in which it has them.
fn members_missing(of: Option<&Group>, in_: Option<&Group>) -> Vec<(TenantId, ObjectId)> {
    let Some(of) = of else { return Vec::new() };
    let same = in_.filter(|other| other.tenant == of.tenant);
    let missing = |member: &&ObjectId| same.is_none_or(|other| !other.members.contains(member));
    of.members.iter().filter(missing).map(|member| (of.tenant, *member)).collect()
}
