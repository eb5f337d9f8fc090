//! `POST /invitations`: somebody of another directory on this server becomes a guest of this one.
//!
//! The guest is there at once and holds no role. They go on signing in at home; nothing about them changes there.

use arm::{ObjectId, Result};
use directory::Upn;
use serde_json::json;

use super::ask::{Ask, bad};
use super::users;
use crate::arm::reply::Reply;
use crate::login::member;

/// The longest address to go to afterwards, in bytes.
const MAX_ADDRESS: usize = 2048;

/// Makes the guest. For somebody who is one already, it says who that is.
pub fn create(ask: &mut Ask<'_>) -> Result<Reply> {
    ask.demand_administrator()?;
    let body = ask.body()?;
    let address = body.required_text("invitedUserEmailAddress")?.trim();
    let redirect = body.required_text("inviteRedirectUrl")?.to_string();
    if redirect.len() > MAX_ADDRESS || !redirect.starts_with("https://") {
        return Err(bad("'inviteRedirectUrl' is an https address"));
    }
    if body.boolean("sendInvitationMessage")? == Some(true) {
        return Err(bad(
            "'sendInvitationMessage' must be false: tell the guest yourself, they sign in as at home",
        ));
    }
    let name = users::display_name_in(&body, "invitedUserDisplayName")?;
    let upn = Upn::parse(address).map_err(|_| bad("'invitedUserEmailAddress' is not a user name"))?;
    let home = member(ask.tx, &upn)?.ok_or_else(|| {
        bad(format!("'{upn}' is not the user name of anybody in another directory of this server"))
    })?;
    let here = users::tenant(ask)?;
    let mut guest = home.as_guest_of(&here, ObjectId(ask.edge.uuid()), ask.now)?;
    match users::namesake(ask, &guest)? {
        Some(known) if known.home == guest.home => guest = known,
        Some(_) => return Err(users::taken()),
        None => {
            guest.display_name = name.unwrap_or(guest.display_name);
            ask.tx.put(&guest)?;
            let facts = [
                ("userPrincipalName", guest.upn.to_string()),
                ("homeTenantId", home.tenant.to_string()),
                ("homeUserPrincipalName", home.upn.to_string()),
            ];
            ask.record("directory.users.invite", guest.id, "a guest was invited", &facts);
        }
    }
    Ok(Reply::created(json!({
        "@odata.context": format!("{}/$metadata#invitations/$entity", ask.request.base),
        "id": ask.edge.uuid(),
        "invitedUserDisplayName": guest.display_name,
        "invitedUserType": "Guest",
        "invitedUserEmailAddress": address,
        "sendInvitationMessage": false,
        "resetRedemption": false,
        "inviteRedirectUrl": redirect,
        "inviteRedeemUrl": redirect,
        "status": "Completed",
        "invitedUser": {"id": guest.id},
    })))
}
