//! The seam between `pim` and the directory: who people are and what things are called, as it is now, or as it would be
//! after a change that is being decided about.

use std::collections::{BTreeMap, BTreeSet};

use arm::{ObjectId, ResourceId, RoleId};
use pim::{Names, People, PrincipalName, RoleName};
use store::Access;

/// A change of a directory, as far as approvals depend on it.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// The members that groups have afterwards; one that is deleted has none.
    pub groups: BTreeMap<ObjectId, BTreeSet<ObjectId>>,
    /// The accounts that cannot act afterwards, and with them all guests made of them.
    pub gone: BTreeSet<ObjectId>,
    /// Two accounts that are one human's afterwards.
    pub linked: Option<[directory::Person; 2]>,
}

/// The directory.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    access: &'a Access,
    change: Option<&'a Change>,
}

impl<'a> Known<'a> {
    /// As it is.
    pub fn now(access: &'a Access) -> Self {
        Self { access, change: None }
    }

    /// As it would be.
    pub fn after(access: &'a Access, change: &'a Change) -> Self {
        Self { access, change: Some(change) }
    }

    /// What sort of principal an object is; `None` for one that the scope's tenant does not know.
    pub fn kind_at(&self, object: ObjectId, scope: &ResourceId) -> Option<pim::PrincipalKind> {
        let principal = self.access.principal(object)?;
        (Some(principal.tenant) == self.access.tenant_of(scope)).then(|| kind(principal.kind))
    }

    fn is_gone(&self, object: ObjectId) -> bool {
        self.change.is_some_and(|change| change.gone.contains(&object))
    }

    /// The members of a group; `None` for what is no group.
    fn members(&self, group: ObjectId) -> Option<&'a BTreeSet<ObjectId>> {
        let changed = self.change.and_then(|change| change.groups.get(&group));
        changed.or_else(|| self.access.group(group).map(|group| &group.members))
    }

    /// The human behind an account: the same for all that are linked, those included that the change links.
    fn human(&self, object: ObjectId) -> Option<directory::Person> {
        let human = self.access.human(object)?;
        let linked = self.change.and_then(|change| change.linked);
        let [one, other] =
            linked.map_or([human; 2], |pair| pair.map(|account| self.access.links().one(account)));
        Some(if human == other { one } else { human })
    }
}

impl People for Known<'_> {
    fn person_of(&self, object: ObjectId) -> Option<pim::Person> {
        self.human(object).filter(directory::Person::is_human).map(|human| pim::Person(human.to_string()))
    }

    /// An account whose home cannot sign in is nobody's: a guest of a disabled account approves nothing.
    fn is_human(&self, object: ObjectId) -> bool {
        let user = self.access.principal(object).filter(|known| known.kind == rbac::PrincipalKind::User);
        let home = match user.and_then(|user| user.person) {
            Some(directory::Person::Human { object, .. }) => object,
            _ => return false,
        };
        self.access.acting(object).is_some() && !self.is_gone(object) && !self.is_gone(home)
    }

    fn groups_of(&self, object: ObjectId) -> BTreeSet<ObjectId> {
        let mut groups = self.access.groups_of(object);
        for changed in self.change.into_iter().flat_map(|change| change.groups.keys()) {
            if self.members_of(*changed).contains(&object) {
                groups.extend(self.access.groups_of(*changed));
                groups.insert(*changed);
            }
        }
        if self.change.is_some() {
            groups.retain(|group| self.members_of(*group).contains(&object));
        }
        groups
    }

    fn members_of(&self, group: ObjectId) -> BTreeSet<ObjectId> {
        let mut seen = BTreeSet::new();
        let mut open = vec![group];
        let mut members = BTreeSet::new();
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            match self.members(next) {
                Some(inner) => open.extend(inner),
                None => {
                    members.insert(next);
                }
            }
        }
        members.remove(&group);
        members
    }
}

/// What the tenant's directory calls a kind, for `pim`.
fn kind(kind: rbac::PrincipalKind) -> pim::PrincipalKind {
    match kind {
        rbac::PrincipalKind::User => pim::PrincipalKind::User,
        rbac::PrincipalKind::Group => pim::PrincipalKind::Group,
        rbac::PrincipalKind::ServicePrincipal => pim::PrincipalKind::ServicePrincipal,
    }
}

impl Names for Known<'_> {
    fn principal(&self, object: ObjectId) -> PrincipalName {
        match self.access.principal(object) {
            Some(principal) => PrincipalName {
                display_name: principal.display_name.clone(),
                user_name: (principal.kind == rbac::PrincipalKind::User).then(|| principal.name.clone()),
                kind: kind(principal.kind),
            },
            None => PrincipalName {
                display_name: object.to_string(),
                user_name: None,
                kind: pim::PrincipalKind::User,
            },
        }
    }

    fn role(&self, role: RoleId) -> RoleName {
        let known =
            self.access.tenants().filter_map(|tenant| self.access.index(tenant.id)?.role(role)).next();
        match known {
            Some(role) => RoleName {
                display_name: role.role_name.clone(),
                built_in: role.kind == rbac::RoleKind::BuiltIn,
            },
            None => RoleName { display_name: role.to_string(), built_in: false },
        }
    }

    fn scope(&self, scope: &ResourceId) -> String {
        let whole_subscription = scope.subscription_id().filter(|id| *scope == ResourceId::subscription(*id));
        match whole_subscription.and_then(|id| self.access.subscription(id)) {
            Some(subscription) => subscription.name.clone(),
            None => scope.name().to_string(),
        }
    }
}
