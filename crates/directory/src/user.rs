//! Users: members of a tenant, and guests from another one.

use arm::{Error, ObjectId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{AccessPass, PasswordHash, Person, Tenant, Totp, Upn};

/// A human as one tenant knows it. The document holds credentials: translate it, never serve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The `oid` of the user's tokens in this tenant.
    pub id: ObjectId,
    /// The tenant that knows the user so.
    pub tenant: TenantId,
    /// The name in this tenant. A guest's has the `#EXT#` form.
    pub upn: Upn,
    /// The name for people.
    pub display_name: String,
    /// Where mail goes.
    pub mail: Option<String>,
    /// Whether the user may sign in.
    pub enabled: bool,
    /// For a guest, who it is at home. A home is never itself a guest.
    pub home: Option<Home>,
    /// What the password is checked against. Guests have none: they prove themselves at home.
    pub password: Option<PasswordHash>,
    /// The second factor, once enrolled.
    pub totp: Option<Totp>,
    /// What the first second factor may be enrolled with, where the tenant wants more than the password for it.
    #[serde(default)]
    pub access_pass: Option<AccessPass>,
    /// Sign-ins before this time are void: set it when the password changes or sessions are ended.
    pub sessions_valid_from: Option<Timestamp>,
    /// When the user was made or invited.
    pub created: Timestamp,
}

/// Where a guest comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Home {
    /// The guest's own tenant.
    pub tenant: TenantId,
    /// The guest's object id there.
    pub object: ObjectId,
}

impl User {
    /// A new member of a tenant, enabled and without credentials.
    ///
    /// # Errors
    /// `Request_BadRequest` when the name does not end in the tenant's domain or has the form of a guest's.
    pub fn member(
        tenant: &Tenant,
        id: ObjectId,
        upn: Upn,
        display_name: impl Into<String>,
        created: Timestamp,
    ) -> arm::Result<Self> {
        if upn.is_guest_form() || !tenant.owns(&upn) {
            let message = format!("'{upn}' must end in @{} and must not have a guest's form", tenant.domain);
            return Err(Error::invalid("Request_BadRequest", message));
        }
        Ok(Self {
            id,
            tenant: tenant.id,
            upn,
            display_name: display_name.into(),
            mail: None,
            enabled: true,
            home: None,
            password: None,
            totp: None,
            access_pass: None,
            sessions_valid_from: None,
            created,
        })
    }

    /// This member as a guest of another tenant. A guest cannot be invited on: it would have two homes to
    /// compare.
    ///
    /// # Errors
    /// `Request_BadRequest` when the tenant is the user's own, or the user is a guest.
    pub fn as_guest_of(&self, tenant: &Tenant, id: ObjectId, created: Timestamp) -> arm::Result<Self> {
        if self.tenant == tenant.id || self.is_guest() {
            let message = format!(
                "'{}' cannot be a guest of {}: only a member of another tenant can",
                self.upn, tenant.domain
            );
            return Err(Error::invalid("Request_BadRequest", message));
        }
        Ok(Self {
            id,
            tenant: tenant.id,
            upn: Upn::of_guest(&self.upn, &tenant.domain)?,
            display_name: self.display_name.clone(),
            mail: self.mail.clone().or_else(|| Some(self.upn.to_string())),
            enabled: true,
            home: Some(Home { tenant: self.tenant, object: self.id }),
            password: None,
            totp: None,
            access_pass: None,
            sessions_valid_from: None,
            created,
        })
    }

    /// Whether another tenant holds the user's credentials.
    pub fn is_guest(&self) -> bool {
        self.home.is_some()
    }

    /// Who this is, in whatever tenant.
    pub fn person(&self) -> Person {
        match self.home {
            Some(Home { tenant, object }) => Person::Human { tenant, object },
            None => Person::Human { tenant: self.tenant, object: self.id },
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Domain;

    pub(crate) fn tenant(n: u128, domain: &str) -> Tenant {
        let id = TenantId(Uuid::from_u128(n));
        Tenant {
            id,
            name: domain.into(),
            domain: Domain::parse(domain).unwrap(),
            created: Timestamp::UNIX_EPOCH,
        }
    }

    pub(crate) fn alice() -> User {
        let (tenant, upn) = (tenant(1, "contoso.example"), Upn::parse("alice@contoso.example").unwrap());
        User::member(&tenant, ObjectId(Uuid::from_u128(10)), upn, "Alice Backup", Timestamp::UNIX_EPOCH)
            .unwrap()
    }

    pub(crate) fn alice_at_fabsec() -> User {
        let host = tenant(2, "fabsec.example");
        alice().as_guest_of(&host, ObjectId(Uuid::from_u128(20)), Timestamp::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_guest_is_the_same_person_under_another_object_id() {
        let (member, guest) = (alice(), alice_at_fabsec());
        assert_ne!(member.id, guest.id);
        assert_eq!(member.person(), guest.person());
        assert_eq!(guest.upn.as_str(), "alice_contoso.example#EXT#@fabsec.example");
        assert_eq!(guest.mail.as_deref(), Some("alice@contoso.example"));
    }

    #[test]
    fn people_of_two_tenants_differ_even_under_one_object_id() {
        let fabsec = tenant(2, "fabsec.example");
        let upn = Upn::parse("alice@fabsec.example").unwrap();
        let twin = User::member(&fabsec, alice().id, upn, "Alice", Timestamp::UNIX_EPOCH).unwrap();
        assert_ne!(twin.person(), alice().person());
    }

    #[test]
    fn nobody_is_a_guest_at_home_or_a_member_under_a_foreign_name() {
        let home = tenant(1, "contoso.example");
        let id = ObjectId(Uuid::from_u128(11));
        assert!(alice().as_guest_of(&home, id, Timestamp::UNIX_EPOCH).is_err());
        assert!(
            alice_at_fabsec().as_guest_of(&tenant(3, "third.example"), id, Timestamp::UNIX_EPOCH).is_err()
        );
        for name in ["alice@fabsec.example", "x_y#EXT#@contoso.example"] {
            let upn = Upn::parse(name).unwrap();
            assert!(User::member(&home, id, upn, "x", Timestamp::UNIX_EPOCH).is_err(), "{name}");
        }
    }

    #[test]
    fn a_document_reads_back() {
        let guest = alice_at_fabsec();
        let json = serde_json::to_string(&guest).unwrap();
        assert_eq!(serde_json::from_str::<User>(&json).unwrap(), guest);
    }
}
