//! The seam to `pim`: who people are and what things are called, answered from the directory as it is now.

use std::collections::BTreeSet;
use std::sync::Arc;

use arm::{ObjectId, ResourceId, RoleId, TenantId};
use jiff::Timestamp;
use pim::{Authentication, Caller, Context, Names, People, Person, PrincipalKind, PrincipalName, RoleName};
use store::{Access, Principal, Transaction};
use uuid::Uuid;

use crate::arm::call::{Call, SignedIn};

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

    /// The directory as it is when nobody asks.
    pub(super) fn of_server(tx: &mut Transaction, now: Timestamp) -> arm::Result<Self> {
        let nobody = Caller { object: ObjectId(Uuid::nil()), authentication: Authentication::default() };
        Ok(Self { access: tx.access()?, caller: nobody, now })
    }

    /// Who is who and who may do what.
    pub(super) fn access(&self) -> &Access {
        &self.access
    }

    /// Where mail to somebody goes: the account's `mail`, or else its user name, which has the form of an address and
    /// mostly is one. That of a guest is none: it is at home where they are.
    pub(super) fn address_of(&self, object: ObjectId) -> Option<String> {
        let (here, home) = (self.access.principal(object)?, self.account_at_home(object));
        here.mail.clone().or_else(|| home.and_then(|home| home.mail.clone().or(Some(home.name.clone()))))
    }

    /// Somebody's name and the user name they sign in with, which is the one that others know: a guest's is that at home.
    pub(super) fn known_as(&self, object: ObjectId) -> (String, Option<String>) {
        let named = self.principal(object);
        let user_name = self.account_at_home(object).map(|home| home.name.clone());
        (named.display_name, user_name.or(named.user_name))
    }

    /// A person's account where they are at home.
    fn account_at_home(&self, object: ObjectId) -> Option<&Principal> {
        match self.access.principal(object)?.person? {
            directory::Person::Human { object, .. } => self.access.principal(object),
            directory::Person::Application(_) => None,
        }
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

fn kind(kind: rbac::PrincipalKind) -> PrincipalKind {
    match kind {
        rbac::PrincipalKind::User => PrincipalKind::User,
        rbac::PrincipalKind::Group => PrincipalKind::Group,
        rbac::PrincipalKind::ServicePrincipal => PrincipalKind::ServicePrincipal,
    }
}

impl People for Directory {
    fn person_of(&self, object: ObjectId) -> Option<Person> {
        let principal = self.access.principal(object)?;
        let person = principal.person.filter(directory::Person::is_human)?;
        Some(Person(person.to_string()))
    }

    fn is_human(&self, object: ObjectId) -> bool {
        self.access.principal(object).is_some_and(|p| p.kind == rbac::PrincipalKind::User && p.enabled)
    }

    fn groups_of(&self, object: ObjectId) -> BTreeSet<ObjectId> {
        self.access.groups_of(object)
    }

    fn members_of(&self, group: ObjectId) -> BTreeSet<ObjectId> {
        let mut seen = BTreeSet::new();
        let mut open = vec![group];
        let mut members = BTreeSet::new();
        while let Some(next) = open.pop() {
            if !seen.insert(next) {
                continue;
            }
            match self.access.group(next) {
                Some(group) => open.extend(group.members.iter().copied()),
                None => {
                    members.insert(next);
                }
            }
        }
        members.remove(&group);
        members
    }
}

impl Names for Directory {
    fn principal(&self, object: ObjectId) -> PrincipalName {
        match self.access.principal(object) {
            Some(principal) => PrincipalName {
                display_name: principal.display_name.clone(),
                user_name: (principal.kind == rbac::PrincipalKind::User).then(|| principal.name.clone()),
                kind: kind(principal.kind),
            },
            None => {
                PrincipalName { display_name: object.to_string(), user_name: None, kind: PrincipalKind::User }
            }
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
