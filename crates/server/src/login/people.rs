//! Finding tenants, people and applications.

use arm::{Error, ObjectId, TenantId};
use directory::oauth::{OAuthError, RevokedFamily};
use directory::{Authority, Person, ServicePrincipal, SignIn, SignInPolicy, Tenant, UsedCode, User, admit};
use store::Transaction;
use uuid::Uuid;

use super::fault::Outcome;

/// For whom tokens are asked: the first segment of the path, looked up.
pub struct Place {
    /// The tenant; `None` for the home of whoever signs in.
    pub tenant: Option<Tenant>,
    /// The segment in addresses of this server. A domain has become the tenant's id: clients take the tenant's id from
    /// the path of the token endpoint (azure-clients 3.1).
    pub segment: String,
}

impl Place {
    /// Looks up a segment.
    ///
    /// # Errors
    /// AADSTS90002 when no tenant has this id or domain.
    pub fn find(tx: &mut Transaction, segment: &str) -> Outcome<Self> {
        let tenant = match Authority::parse(segment)? {
            Authority::Anyone => {
                return Ok(Self { tenant: None, segment: segment.to_ascii_lowercase() });
            }
            Authority::Tenant(id) => tx.get::<Tenant>(&id.to_string())?,
            Authority::Domain(domain) => tx.find::<Tenant>(domain.as_str())?.pop(),
        };
        let tenant = tenant.ok_or_else(|| OAuthError::unknown_tenant(segment))?;
        Ok(Self { segment: tenant.id.to_string(), tenant: Some(tenant) })
    }

    /// The tenant's id.
    pub fn id(&self) -> Option<TenantId> {
        self.tenant.as_ref().map(|tenant| tenant.id)
    }
}

/// The member that a typed user name belongs to, with the one-time password last used. Guests prove themselves at home,
/// so they are not found here.
pub fn member_by_name(tx: &mut Transaction, username: &str) -> arm::Result<Option<User>> {
    let Ok(upn) = directory::Upn::parse(username.trim()) else {
        return Ok(None);
    };
    let Some(member) = member(tx, &upn)? else {
        return Ok(None);
    };
    let used = tx.get::<UsedCode>(&member.id.to_string())?;
    Ok(Some(User { totp: member.totp.clone().map(|totp| totp.after(used.as_ref())), ..member }))
}

/// The member whose user name it is.
pub fn member(tx: &mut Transaction, upn: &directory::Upn) -> arm::Result<Option<User>> {
    let found: Vec<User> = tx.find(upn.folded())?;
    Ok(found.into_iter().find(|user| !user.is_guest() && user.upn == *upn))
}

/// A person's user at home, and the one in a tenant (the same for a member).
pub fn users_of(
    tx: &mut Transaction,
    person: Person,
    tenant: TenantId,
) -> arm::Result<(Option<User>, Option<User>)> {
    let Person::Human { tenant: home_tenant, object } = person else {
        return Ok((None, None));
    };
    let home = user(tx, object, home_tenant)?;
    if tenant == home_tenant {
        return Ok((home.clone(), home));
    }
    let guest = tx
        .access()?
        .principals(tenant)
        .find(|principal| principal.person == Some(person))
        .map(|principal| principal.object);
    let here = match guest {
        Some(object) => user(tx, object, tenant)?,
        None => None,
    };
    Ok((home, here))
}

/// A user of a tenant.
///
/// # Errors
/// When the store fails.
pub fn user(tx: &mut Transaction, object: ObjectId, tenant: TenantId) -> arm::Result<Option<User>> {
    let user = tx.get::<User>(&object.to_string())?;
    Ok(user.filter(|user| user.tenant == tenant))
}

/// What a tenant demands of sign-ins.
pub fn policy_of(tx: &mut Transaction, tenant: TenantId) -> arm::Result<SignInPolicy> {
    let stored = tx.get::<SignInPolicy>(&tenant.to_string())?;
    Ok(stored.unwrap_or_else(|| SignInPolicy::default_of(tenant)))
}

/// The account of somebody who signed in and still counts at home.
///
/// # Errors
/// See [`admit`].
pub fn account_of(tx: &mut Transaction, sign_in: &SignIn) -> Outcome<User> {
    let (home, _) = users_of(tx, sign_in.person, home_of(sign_in)?)?;
    admit(sign_in, home.as_ref(), home.as_ref())?;
    Ok(home.ok_or_else(OAuthError::session_revoked)?)
}

/// Where somebody who signed in is at home.
pub fn home_of(sign_in: &SignIn) -> arm::Result<TenantId> {
    match sign_in.person {
        Person::Human { tenant, .. } => Ok(tenant),
        Person::Application(_) => Err(Error::internal("an application came to where people sign in")),
    }
}

/// An application as a tenant knows it.
pub fn application(
    tx: &mut Transaction,
    tenant: TenantId,
    client: &str,
) -> arm::Result<Option<ServicePrincipal>> {
    let Ok(app_id) = client.parse::<Uuid>() else {
        return Ok(None);
    };
    let found: Vec<ServicePrincipal> = tx.find(&app_id.to_string())?;
    Ok(found.into_iter().find(|known| known.tenant == tenant))
}

/// Whether the sign-in that a token descends from was revoked: the question about a token's `sid`.
pub fn is_revoked(tx: &mut Transaction, family: Uuid) -> arm::Result<bool> {
    Ok(tx.get::<RevokedFamily>(&family.to_string())?.is_some())
}
