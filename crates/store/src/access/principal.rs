//! Who can hold a role: users, groups and applications, as decisions see them.

use arm::{ObjectId, TenantId};
use directory::{Group, Person, ServicePrincipal, User};
use jiff::Timestamp;
use rbac::PrincipalKind;

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
