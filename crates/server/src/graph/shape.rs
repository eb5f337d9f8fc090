//! What users, groups and applications look like in answers. Nothing that proves who somebody is can get in here: a
//! [`Principal`] has none of it.

use directory::{Group, Person};
use rbac::PrincipalKind;
use serde_json::{Value, json};
use store::{Access, Principal};

/// An object of the directory.
pub fn object(access: &Access, principal: &Principal) -> Value {
    match principal.kind {
        PrincipalKind::User => user(principal),
        PrincipalKind::Group => group(principal, access.group(principal.object)),
        PrincipalKind::ServicePrincipal => application(principal),
    }
}

/// An object in a list of several kinds: it says what it is.
pub fn typed(access: &Access, principal: &Principal) -> Value {
    let mut json = object(access, principal);
    if let Some(members) = json.as_object_mut() {
        members.insert("@odata.type".into(), format!("#microsoft.graph.{}", word(principal.kind)).into());
    }
    json
}

/// Graph's word for a kind.
pub fn word(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "user",
        PrincipalKind::Group => "group",
        PrincipalKind::ServicePrincipal => "servicePrincipal",
    }
}

/// A user.
pub fn user(user: &Principal) -> Value {
    let guest = matches!(user.person, Some(Person::Human { tenant, .. }) if tenant != user.tenant);
    let nickname = user.name.split('@').next().unwrap_or_default();
    json!({
        "id": user.object,
        "accountEnabled": user.enabled,
        "businessPhones": [],
        "displayName": user.display_name,
        "givenName": null,
        "jobTitle": null,
        "mail": user.mail,
        "mailNickname": nickname,
        "mobilePhone": null,
        "officeLocation": null,
        "preferredLanguage": null,
        "surname": null,
        "userPrincipalName": user.name,
        "userType": if guest { "Guest" } else { "Member" },
    })
}

/// A group; the second is the part of it that holds no role.
pub fn group(group: &Principal, more: Option<&Group>) -> Value {
    json!({
        "id": group.object,
        "description": more.and_then(|group| group.description.as_ref()),
        "displayName": group.display_name,
        "groupTypes": [],
        "mail": null,
        "mailEnabled": false,
        "mailNickname": more.map(|group| &group.mail_nickname),
        "securityEnabled": true,
    })
}

fn application(application: &Principal) -> Value {
    json!({
        "id": application.object,
        "accountEnabled": application.enabled,
        "alternativeNames": [],
        "appDisplayName": application.display_name,
        "appId": application.name,
        "displayName": application.display_name,
        "servicePrincipalNames": [application.name],
        "servicePrincipalType": "Application",
    })
}
