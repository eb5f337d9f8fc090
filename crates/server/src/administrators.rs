//! Who administers: who may still give rights on a subscription, and who may write a tenant's directory.

use arm::{Error, ErrorKind, ObjectId, ResourceId, Result, TenantId};
use directory::Person;
use jiff::Timestamp;
use rbac::{Index, action};
use store::Access;

use crate::arm::call::SignedIn;

/// The right to give rights: Owner and User Access Administrator hold it.
const GIVE_RIGHTS: &str = "Microsoft.Authorization/roleAssignments/write";

/// Refuses a change after which nobody could give rights on a subscription any more: it could not be undone from
/// inside. Only rights without an end count, and only of accounts that can sign in. `gone` is an account that the change
/// removes or disables, `change` does the rest to the tenant's index.
///
/// # Errors
/// `CannotDeleteLastRbacAdminAssignment`, as Azure calls it.
pub fn check_remaining(
    access: &Access,
    tenant: TenantId,
    gone: Option<ObjectId>,
    change: impl FnOnce(&mut Index),
) -> Result<()> {
    let Some(before) = access.index(tenant) else {
        return Ok(());
    };
    let mut after = before.clone();
    change(&mut after);
    let administered = |index: &Index, scope: &ResourceId, gone: Option<ObjectId>| {
        let give_rights = action!("Microsoft.Authorization/roleAssignments/write");
        // Asked for the end of time, when activations are over.
        let holders = index.principals_allowed(&give_rights, scope, Timestamp::MAX);
        holders.into_iter().any(|holder| {
            let account = access.principal(holder);
            Some(holder) != gone && account.is_some_and(|account| account.enabled && account.tenant == tenant)
        })
    };
    for subscription in access.subscriptions(tenant) {
        let scope = ResourceId::subscription(subscription.id);
        if administered(before, &scope, None) && !administered(&after, &scope, gone) {
            return Err(Error::new(
                ErrorKind::PreconditionFailed,
                "CannotDeleteLastRbacAdminAssignment",
                format!(
                    "Nobody would be left who can give rights on the subscription '{}' ({}). Make somebody else Owner \
                     of it first.",
                    subscription.name, subscription.id
                ),
            ));
        }
    }
    Ok(())
}

/// Whether somebody may write a tenant's directory: create and delete users and groups, and say who is in a group.
///
/// Azure has directory roles for this. Here it follows from the rights on subscriptions: **who may give rights on
/// *every* subscription of the tenant administers its directory, unless they are a guest.** It has to be every one. Who is
/// in a group decides about whatever the group holds, may activate or may approve, anywhere in the tenant; and a new
/// account is a new person, who could approve what the old one asks for. With less, the backup team's owner of one
/// subscription could walk into the security team's groups and consent to their own deletions. Whoever may give rights
/// everywhere could have given themselves the same directly, so that the directory opens nothing further to them.
///
/// A guest's account is in the hands of another organisation's administrators, so that a guest writes nothing, whatever
/// roles they hold. A tenant without subscriptions has nobody who administers it over the network.
///
/// # Errors
/// Never for the action that is asked about.
pub fn may_write_directory(access: &Access, who: &SignedIn, now: Timestamp) -> Result<bool> {
    let Some(account) = access.principal(who.object) else {
        return Ok(false);
    };
    let guest = matches!(account.person, Some(Person::Human { tenant, .. }) if tenant != account.tenant);
    let mut subscriptions = access.subscriptions(account.tenant).peekable();
    if guest || subscriptions.peek().is_none() {
        return Ok(false);
    }
    for subscription in subscriptions {
        let scope = ResourceId::subscription(subscription.id);
        if access.may(who.object, GIVE_RIGHTS, &scope, now)?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}
