//! Which values are stored as documents, under which key, and who may write them.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value that is stored as one document.
pub trait Document: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// What sort of document it is; part of its key.
    const KIND: &'static str;
    /// Whether decisions about access read it.
    const ACCESS: bool = false;
    /// Whether a change of it is a decision, which needs an entry in the ledger in the same commit.
    const AUDITED: bool = true;

    /// Its key within the kind: for resources the folded id.
    fn key(&self) -> String;

    /// A second way to find it; need not be unique.
    fn lookup(&self) -> Option<String> {
        None
    }
}

/// A document that may be written directly. What belongs to a vault is not one: it is written by
/// [`Transaction::apply`](crate::Transaction::apply) alone, which wants a clearance. Sealed, so that no other crate can
/// declare a vault's documents free.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a document that may be written directly",
    note = "what belongs to a vault is written by `Transaction::apply`, with a clearance"
)]
pub trait Free: Document + sealed::Sealed {}

pub(crate) mod sealed {
    /// Only this crate says what may be written directly.
    pub trait Sealed {}
}

macro_rules! document {
    ($type:ty, $kind:literal $(, access = $access:literal)? $(, audited = $audited:literal)?, |$this:ident| $key:expr $(, lookup = $lookup:expr)?) => {
        impl Document for $type {
            const KIND: &'static str = $kind;
            $(const ACCESS: bool = $access;)?
            $(const AUDITED: bool = $audited;)?
            fn key(&self) -> String {
                let $this = self;
                $key
            }
            $(fn lookup(&self) -> Option<String> {
                let $this = self;
                $lookup
            })?
        }
    };
}

macro_rules! free {
    ($($type:ty),* $(,)?) => {
        $(impl sealed::Sealed for $type {}
        // So that the compiler does not list what is free, and its words stay the same when something is added.
        #[diagnostic::do_not_recommend]
        impl Free for $type {})*
    };
}

// What belongs to a vault: behind the door.
document!(vault::Vault, "vault", |vault| vault.id.folded().to_string(), lookup = Some(vault.short.clone()));
document!(vault::BackupPolicy, "policy", |policy| policy.id.folded().to_string());
document!(vault::Container, "container", |container| container.id.folded().to_string());
document!(
    vault::ProtectedItem,
    "item",
    |item| item.id.folded().to_string(),
    lookup = Some(item.short.clone())
);
document!(
    vault::RecoveryPoint,
    "recoveryPoint",
    |point| point.id.folded().to_string(),
    lookup = Some(format!("{}/{}", point.repository, point.snapshot))
);
document!(
    vault::RepositoryCredential,
    "credential",
    |credential| credential.user_name.clone(),
    lookup = Some(credential.repository.clone())
);
document!(vault::CredentialUse, "credentialUse", audited = false, |usage| usage.user_name.clone());
document!(
    vault::GuardProxy,
    "proxy",
    |proxy| proxy.id.folded().to_string(),
    lookup = Some(proxy.guard.folded().to_string())
);

document!(vault::RepositoryQuota, "repositoryQuota", |quota| quota.scope.folded().to_string());
document!(vault::SecurityPin, "securityPin", |pin| pin.vault.folded().to_string());
document!(mua::RestoreWindow, "restoreWindow", |window| window.item().folded().to_string());

// Everything else may be written directly, by whoever the decision about access lets.
document!(mua::ResourceGuard, "guard", |guard| guard.id.folded().to_string());
document!(mua::Unlock, "unlock", |unlock| unlock.key());
free!(mua::ResourceGuard, mua::Unlock);

document!(
    directory::Tenant,
    "tenant",
    access = true,
    |tenant| tenant.id.to_string(),
    lookup = Some(tenant.domain.as_str().to_ascii_lowercase())
);
document!(directory::SignInPolicy, "signInPolicy", |policy| policy.tenant.to_string());
document!(directory::Subscription, "subscription", access = true, |subscription| subscription.id.to_string());
document!(
    directory::User,
    "user",
    access = true,
    |user| user.id.to_string(),
    lookup = Some(user.upn.as_str().to_ascii_lowercase())
);
document!(directory::Group, "group", access = true, |group| group.id.to_string());
document!(directory::AccountLink, "accountLink", access = true, |link| Self::key_of(link.accounts));
document!(
    directory::ServicePrincipal,
    "servicePrincipal",
    access = true,
    |application| application.id.to_string(),
    lookup = Some(application.app_id.to_string())
);
document!(rbac::RoleDefinition, "roleDefinition", access = true, |role| role.id.to_string());
document!(
    rbac::Assignment,
    "roleAssignment",
    access = true,
    |assignment| assignment.id.folded().to_string(),
    lookup = Some(assignment.id.name().to_ascii_lowercase())
);
document!(resources::ResourceGroup, "resourceGroup", |group| group.id.folded().to_string());
document!(resources::Registration, "registration", |r| format!(
    "{}/{}",
    r.subscription,
    r.namespace.to_ascii_lowercase()
));
document!(resources::Lock, "lock", |lock| lock.id.folded().to_string());
document!(directory::token::StoredSigningKey, "signingKey", audited = false, |key| key.created.to_string());
document!(crate::ClockMark, "clockMark", audited = false, |_mark| Self::KEY.to_string());
document!(vault::Job, "job", audited = false, |job| job.id.folded().to_string());
document!(vault::PurgeWarning, "purgeWarning", audited = false, |warning| warning.item.folded().to_string());
document!(vault::damage::Damaged, "damaged", |damaged| damaged.repository.clone());
document!(vault::damage::Scrub, "scrub", audited = false, |_scrub| Self::KEY.to_string());
document!(vault::watch::Watch, "watch", audited = false, |watch| watch.item.folded().to_string());
document!(vault::Operation, "operation", audited = false, |done| done.id.clone());
free!(
    directory::Tenant,
    directory::SignInPolicy,
    directory::Subscription,
    directory::User,
    directory::Group,
    directory::AccountLink,
    directory::ServicePrincipal,
    directory::token::StoredSigningKey,
    rbac::RoleDefinition,
    rbac::Assignment,
    resources::ResourceGroup,
    resources::Registration,
    resources::Lock,
    crate::ClockMark,
    vault::Job,
    vault::Operation,
    vault::CredentialUse,
    vault::PurgeWarning,
    vault::watch::Watch,
    vault::damage::Damaged,
    vault::damage::Scrub,
);

// Just-in-time access. Schedules and requests lie below their scope, so that a scope's are one range of keys.
document!(pim::PolicyDocument, "rolePolicy", |policy| pim_key(
    &policy.scope,
    "rolemanagementpolicies",
    &policy.role
));
document!(pim::Eligibility, "eligibility", access = true, |eligibility| {
    let grant = eligibility.grant();
    eligibility_key(&grant.scope, grant.name)
});
document!(pim::DirectAssignment, "directAssignment", |assignment| {
    let grant = assignment.grant();
    pim_key(&grant.scope, "roleassignmentschedules", &grant.name)
});
document!(
    pim::ActivationRequest,
    "activation",
    access = true,
    |request| activation_key(request.scope(), request.name()),
    lookup = Some(request.name().to_string())
);
document!(
    pim::RequestRecord,
    "scheduleRequest",
    |record| pim_key(&record.scope, schedule_requests(record.family), &record.name),
    lookup = Some(record.name.to_string())
);
document!(
    pim::ExtensionRequest,
    "extensionRequest",
    |request| pim_key(request.scope(), schedule_requests(request.family()), &request.name()),
    lookup = Some(request.name().to_string())
);
free!(
    pim::PolicyDocument,
    pim::Eligibility,
    pim::DirectAssignment,
    pim::ActivationRequest,
    pim::RequestRecord,
    pim::ExtensionRequest
);

/// The type of a family's requests, as it stands in their keys.
pub fn schedule_requests(family: pim::Family) -> &'static str {
    match family {
        pim::Family::Eligibility => "roleeligibilityschedulerequests",
        pim::Family::Assignment => "roleassignmentschedulerequests",
    }
}

/// The key of an eligibility of this name at a scope.
pub(crate) fn eligibility_key(scope: &arm::ResourceId, name: arm::RequestId) -> String {
    pim_key(scope, "roleeligibilityschedules", &name)
}

/// The key of an activation request of this name at a scope.
pub(crate) fn activation_key(scope: &arm::ResourceId, name: arm::RequestId) -> String {
    pim_key(scope, "roleassignmentschedulerequests", &name)
}

/// The key of an extension resource of a scope.
pub fn pim_key(scope: &arm::ResourceId, resource_type: &str, name: &impl std::fmt::Display) -> String {
    format!(
        "{}/providers/microsoft.authorization/{resource_type}/{name}",
        scope.folded().trim_end_matches('/')
    )
}

// Sign-in. None of it is a decision about what the server guards, so none of it is audited.
document!(directory::oauth::AuthorizationCode, "authorizationCode", audited = false, |code| code
    .digest
    .to_string());
document!(
    directory::oauth::DeviceCode,
    "deviceCode",
    audited = false,
    |code| code.digest.to_string(),
    // Found by what people type as long as nobody has decided.
    lookup = (code.state == directory::oauth::DeviceState::Pending).then(|| code.user_code.to_string())
);
document!(
    directory::oauth::RefreshToken,
    "refreshToken",
    audited = false,
    |token| token.digest.to_string(),
    lookup = Some(token.family.to_string())
);
document!(directory::oauth::RevokedFamily, "revokedFamily", audited = false, |revoked| revoked
    .family
    .to_string());
document!(directory::throttle::Counter, "signInThrottle", audited = false, |counter| counter.key.clone());
document!(directory::UsedCode, "usedCode", audited = false, |used| used.user.to_string());
free!(
    directory::oauth::AuthorizationCode,
    directory::oauth::DeviceCode,
    directory::oauth::RefreshToken,
    directory::oauth::RevokedFamily,
    directory::throttle::Counter,
    directory::UsedCode,
);

// What several servers on one store share, and who does the work that one is enough for.
document!(
    directory::page::OpenPage,
    "openPage",
    audited = false,
    |page| Self::key_of(page.place),
    lookup = Some(page.digest.to_string())
);
document!(
    directory::session::Session,
    "portalSession",
    audited = false,
    |session| session.digest.to_string(),
    lookup = Some(session.family.to_string())
);
free!(directory::session::Session);
document!(
    crate::Draft,
    "portalDraft",
    audited = false,
    |draft| draft.id.to_string(),
    lookup = Some(draft.person.clone())
);
free!(crate::Draft);
document!(directory::throttle::Pace, "pace", audited = false, |pace| pace.key.clone());
document!(crate::CertificateAuthority, "certificateAuthority", audited = false, |_ca| Self::KEY.to_string());
document!(crate::Lease, "lease", audited = false, |lease| lease.name.clone());
free!(directory::page::OpenPage, directory::throttle::Pace, crate::CertificateAuthority, crate::Lease);
document!(crate::Belonging, "belonging", audited = false, |_belonging| Self::KEY.to_string());
free!(crate::Belonging);
document!(crate::Tending, "tending", audited = false, |_tending| Self::KEY.to_string());
free!(crate::Tending);

// What people did with alerts. The alerts themselves are read off the ledger.
document!(mua::alert::Handling, "alert", |handling| handling.alert.to_string());
free!(mua::alert::Handling);

// The outbox. What is sent is told by the entry of what it tells about.
document!(
    crate::Outgoing,
    "outgoing",
    audited = false,
    |outgoing| outgoing.name.clone(),
    lookup = outgoing.is_open().then(|| Self::OPEN.to_string())
);
document!(crate::Bookmark, "bookmark", audited = false, |bookmark| bookmark.work.clone());
free!(crate::Outgoing, crate::Bookmark);
