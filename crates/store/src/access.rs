//! Who is who and who may do what, compiled from the documents that say so, as of one revision.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arm::{ObjectId, RequestId, ResourceId, Result, SubscriptionId, TenantId};
use directory::{Group, Person, ServicePrincipal, Subscription, Tenant, User};
use jiff::Timestamp;
use pim::{ActivationRequest, Eligibility};
use rbac::{Action, Assignment, Index, Origin, PrincipalKind, RoleDefinition};

use crate::document::Document;
use crate::engine::Snapshot;
use crate::error::StoreError;

/// Somebody or something that can hold a role, in one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// The object id.
    pub object: ObjectId,
    /// The tenant that knows it.
    pub tenant: TenantId,
    /// A person, a group or an application.
    pub kind: PrincipalKind,
    /// The person or application behind it; `None` for groups.
    pub person: Option<Person>,
    /// The user principal name, the application's id, or the group's name.
    pub name: String,
    /// What people call it.
    pub display_name: String,
    /// Where to write to, if anywhere.
    pub mail: Option<String>,
    /// Whether it may act. Groups never act.
    pub enabled: bool,
    /// Sign-ins before this instant do not count any more.
    pub sessions_valid_from: Option<Timestamp>,
}

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
pub struct Access {
    revision: i64,
    indexes: HashMap<TenantId, Index>,
    principals: HashMap<ObjectId, Principal>,
    groups: HashMap<ObjectId, Group>,
    tenants: BTreeMap<TenantId, Tenant>,
    subscriptions: BTreeMap<SubscriptionId, Subscription>,
}

impl Access {
    /// Reads it all. Done once per revision.
    pub(crate) fn load(snapshot: &dyn Snapshot, revision: i64) -> Result<Self> {
        let mut access = Self {
            revision,
            indexes: HashMap::new(),
            principals: HashMap::new(),
            groups: HashMap::new(),
            tenants: all::<Tenant>(snapshot)?.into_iter().map(|tenant| (tenant.id, tenant)).collect(),
            subscriptions: all::<Subscription>(snapshot)?.into_iter().map(|sub| (sub.id, sub)).collect(),
        };
        for user in all::<User>(snapshot)? {
            access.add(Principal::from(&user));
        }
        for application in all::<ServicePrincipal>(snapshot)? {
            access.add(Principal::from(&application));
        }
        for group in all::<Group>(snapshot)? {
            access.add(Principal::from(&group));
            access.groups.insert(group.id, group);
        }
        access.compile(all(snapshot)?, all(snapshot)?, &Activations::load(snapshot)?);
        Ok(access)
    }

    fn add(&mut self, principal: Principal) {
        self.principals.insert(principal.object, principal);
    }

    /// One index per tenant: object ids, groups and custom roles belong to one.
    fn compile(
        &mut self,
        custom: Vec<RoleDefinition>,
        assignments: Vec<Assignment>,
        activations: &Activations,
    ) {
        for tenant in self.tenants.keys() {
            self.indexes.insert(*tenant, Index::compile(rbac::builtin_roles().iter().cloned(), [], []));
        }
        for role in custom {
            let tenants: BTreeSet<TenantId> =
                role.assignable_scopes.iter().filter_map(|scope| self.tenant_of(scope)).collect();
            for tenant in tenants {
                if let Some(index) = self.indexes.get_mut(&tenant) {
                    index.put_role(role.clone());
                }
            }
        }
        for group in self.groups.values() {
            if let Some(index) = self.indexes.get_mut(&group.tenant) {
                group.members.iter().for_each(|member| index.add_member(group.id, *member));
            }
        }
        for assignment in assignments {
            let tenant = self.principals.get(&assignment.principal).map(|principal| principal.tenant);
            let Some(index) = tenant.and_then(|tenant| self.indexes.get_mut(&tenant)) else { continue };
            // Membership first: an activation through a group ends when its holder leaves the group.
            if activations.support(&assignment, &index.groups_of(assignment.principal)) {
                index.put_assignment(assignment);
            }
        }
    }

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
        let action = Action::parse(action)?;
        let Some(principal) = self.principals.get(&object).filter(|principal| principal.enabled) else {
            return Ok(None);
        };
        // A scope of another tenant is none of this tenant's roles' business, the root ones included.
        if !scope.is_root() && self.tenant_of(scope) != Some(principal.tenant) {
            return Ok(None);
        }
        let Some(index) = self.indexes.get(&principal.tenant) else {
            return Ok(None);
        };
        let decision = index.check(object, &action, scope, now);
        let why = decision.explain();
        Ok(decision.grant().map(|grant| Allowed {
            assignment: grant.assignment(),
            until: grant.expires(),
            why,
        }))
    }

    /// The index of a tenant.
    pub fn index(&self, tenant: TenantId) -> Option<&Index> {
        self.indexes.get(&tenant)
    }

    /// A principal by its object id.
    pub fn principal(&self, object: ObjectId) -> Option<&Principal> {
        self.principals.get(&object)
    }

    /// All principals of a tenant, in no order.
    pub fn principals(&self, tenant: TenantId) -> impl Iterator<Item = &Principal> {
        self.principals.values().filter(move |principal| principal.tenant == tenant)
    }

    /// A group by its object id.
    pub fn group(&self, object: ObjectId) -> Option<&Group> {
        self.groups.get(&object)
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

impl From<&User> for Principal {
    fn from(user: &User) -> Self {
        Self {
            object: user.id,
            tenant: user.tenant,
            kind: PrincipalKind::User,
            person: Some(user.person()),
            name: user.upn.to_string(),
            display_name: user.display_name.clone(),
            mail: user.mail.clone(),
            enabled: user.enabled,
            sessions_valid_from: user.sessions_valid_from,
        }
    }
}

impl From<&ServicePrincipal> for Principal {
    fn from(application: &ServicePrincipal) -> Self {
        Self {
            object: application.id,
            tenant: application.tenant,
            kind: PrincipalKind::ServicePrincipal,
            person: Some(application.person()),
            name: application.app_id.to_string(),
            display_name: application.name.clone(),
            mail: None,
            enabled: true,
            sessions_valid_from: None,
        }
    }
}

impl From<&Group> for Principal {
    fn from(group: &Group) -> Self {
        Self {
            object: group.id,
            tenant: group.tenant,
            kind: PrincipalKind::Group,
            person: None,
            name: group.name.clone(),
            display_name: group.name.clone(),
            mail: None,
            enabled: false,
            sessions_valid_from: None,
        }
    }
}

/// What activated role assignments rest on. An assignment alone is not enough: it must still be what somebody eligible
/// asked for and was granted, and that is looked at whenever it changes, not only when the activation was made.
struct Activations {
    requests: HashMap<RequestId, ActivationRequest>,
    eligibilities: HashMap<RequestId, Eligibility>,
}

impl Activations {
    fn load(snapshot: &dyn Snapshot) -> Result<Self> {
        Ok(Self {
            requests: all::<ActivationRequest>(snapshot)?
                .into_iter()
                .map(|request| (request.name(), request))
                .collect(),
            eligibilities: all::<Eligibility>(snapshot)?
                .into_iter()
                .map(|eligibility| (eligibility.grant().name, eligibility))
                .collect(),
        })
    }

    /// Whether an assignment stands: it was assigned, or it is an agreed activation whose holder is still eligible,
    /// directly or through one of these groups.
    fn support(&self, assignment: &Assignment, groups: &[ObjectId]) -> bool {
        let Origin::Activated { request } = assignment.origin else { return true };
        let Some(request) = self.requests.get(&request) else { return false };
        let Some(eligibility) = self.eligibilities.get(&request.eligibility()) else { return false };
        let grant = eligibility.grant();
        let holds = grant.principal == request.principal() || groups.contains(&grant.principal);
        request.window().is_some()
            && request.principal() == assignment.principal
            && request.role() == assignment.role
            && *request.scope() == assignment.scope
            && grant.role == assignment.role
            && assignment.scope.is_within(&grant.scope)
            && holds
    }
}

fn all<D: Document>(snapshot: &dyn Snapshot) -> Result<Vec<D>> {
    let mut all = Vec::new();
    snapshot.each(D::KIND, &mut |key, body| {
        let broken =
            |error| StoreError::Corrupt(format!("the stored {} `{key}` cannot be read: {error}", D::KIND));
        all.push(serde_json::from_str(body).map_err(broken)?);
        Ok(())
    })?;
    Ok(all)
}
