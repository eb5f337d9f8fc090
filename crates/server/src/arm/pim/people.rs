//! The seam to `pim`: who people are and what things are called, answered from the directory as it is now.

use std::collections::BTreeSet;
use std::sync::Arc;

use arm::{ObjectId, ResourceId, RoleId, TenantId};
use directory::User;
use jiff::Timestamp;
use pim::{Authentication, Caller, Context, Names, People, Person, PrincipalName, RoleName};
use store::{Access, Principal, Transaction};
use uuid::Uuid;

use crate::arm::call::Call;
use crate::login::policy_of;
use crate::people::Known;

/// The directory, as `pim` asks it.
pub(super) struct Directory {
    access: Arc<Access>,
    caller: Caller,
    now: Timestamp,
}

impl Directory {
    pub(super) fn of(call: &mut Call<'_>) -> arm::Result<Self> {
        Ok(Self { access: call.access()?, caller: caller(call)?, now: call.now })
    }

    /// The directory, for what does not depend on who asks.
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

    /// Who people are and what things are called, whoever asks.
    pub(super) fn known(&self) -> Known<'_> {
        Known::now(&self.access)
    }
}

/// Who asks, and how they signed in: what the token says, because this server signed it, as far as it holds now. A context
/// that wants a sign-in of the last minutes is not satisfied for as long as the token lives; and what a context demands
/// may have changed since the token was made.
fn caller(call: &mut Call<'_>) -> arm::Result<Caller> {
    let who = call.who();
    let policy = policy_of(call.tx, who.tenant)?;
    let holding = policy.met(who.amr.iter().any(|method| method == "mfa"), who.auth_time, call.now);
    let authentication = Authentication {
        methods: who.amr.iter().cloned().collect(),
        contexts: who.acrs.iter().filter(|named| holding.contains(*named)).cloned().collect(),
        at: who.auth_time,
        factor_enrolled: factor_enrolled(call, &who.person)?,
    };
    Ok(Caller { object: who.object, authentication })
}

/// When the person enrolled the second factor that they have now, at home.
fn factor_enrolled(call: &mut Call<'_>, person: &str) -> arm::Result<Option<Timestamp>> {
    let Ok(directory::Person::Human { object, .. }) = person.parse() else {
        return Ok(None);
    };
    let home = call.tx.get::<User>(&object.to_string())?;
    Ok(home.and_then(|home| home.totp?.enrolled))
}

impl People for Directory {
    fn person_of(&self, object: ObjectId) -> Option<Person> {
        self.known().person_of(object)
    }

    fn is_human(&self, object: ObjectId) -> bool {
        self.known().is_human(object)
    }

    fn groups_of(&self, object: ObjectId) -> BTreeSet<ObjectId> {
        self.known().groups_of(object)
    }

    fn members_of(&self, group: ObjectId) -> BTreeSet<ObjectId> {
        self.known().members_of(group)
    }
}

impl Names for Directory {
    fn principal(&self, object: ObjectId) -> PrincipalName {
        self.known().principal(object)
    }

    fn role(&self, role: RoleId) -> RoleName {
        self.known().role(role)
    }

    fn scope(&self, scope: &ResourceId) -> String {
        self.known().scope(scope)
    }
}
