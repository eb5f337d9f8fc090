//! The seam to `pim`: who people are and what things are called, answered from the directory as it is now.

use std::collections::BTreeSet;
use std::sync::Arc;

use arm::{ObjectId, ResourceId, RoleId, TenantId};
use jiff::Timestamp;
use pim::{Authentication, Caller, Context, Names, People, Person, PrincipalKind, PrincipalName, RoleName};
use store::Access;

use crate::arm::call::{Call, SignedIn};
use crate::people::{Known, kind};

/// The directory, as `pim` asks it.
pub(super) struct Directory {
    access: Arc<Access>,
    caller: Caller,
    now: Timestamp,
}

impl Directory {
    pub(super) fn of(call: &mut Call<'_>) -> arm::Result<Self> {
        Ok(Self { access: call.access()?, caller: caller(call.who()), now: call.now })
    }

    /// What every decision depends on.
    pub(super) fn context(&self) -> Context<'_> {
        Context { caller: &self.caller, people: self, now: self.now }
    }

    /// The tenant that holds the credentials of the person behind an account, and its name.
    pub(super) fn home_of(&self, object: ObjectId) -> Option<(TenantId, String)> {
        match self.access.principal(object)?.person? {
            directory::Person::Human { tenant, .. } => {
                let name = self.access.tenants().find(|known| known.id == tenant)?.name.clone();
                Some((tenant, name))
            }
            directory::Person::Application(_) => None,
        }
    }

    /// What sort of principal an object is; `None` for one that the scope's tenant does not know.
    pub(super) fn kind_at(&self, object: ObjectId, scope: &ResourceId) -> Option<PrincipalKind> {
        let principal = self.access.principal(object)?;
        (Some(principal.tenant) == self.access.tenant_of(scope)).then(|| kind(principal.kind))
    }
}

fn caller(who: &SignedIn) -> Caller {
    let authentication = Authentication {
        methods: who.amr.iter().cloned().collect(),
        contexts: BTreeSet::new(),
        at: who.auth_time,
    };
    Caller { object: who.object, authentication }
}

impl People for Directory {
    fn person_of(&self, object: ObjectId) -> Option<Person> {
        Known::now(&self.access).person_of(object)
    }

    fn is_human(&self, object: ObjectId) -> bool {
        Known::now(&self.access).is_human(object)
    }

    fn groups_of(&self, object: ObjectId) -> BTreeSet<ObjectId> {
        Known::now(&self.access).groups_of(object)
    }

    fn members_of(&self, group: ObjectId) -> BTreeSet<ObjectId> {
        Known::now(&self.access).members_of(group)
    }
}

impl Names for Directory {
    fn principal(&self, object: ObjectId) -> PrincipalName {
        Known::now(&self.access).principal(object)
    }

    fn role(&self, role: RoleId) -> RoleName {
        Known::now(&self.access).role(role)
    }

    fn scope(&self, scope: &ResourceId) -> String {
        Known::now(&self.access).scope(scope)
    }
}
