//! Backup vaults themselves (contract 3.1, 3.2).

use arm::Result;
use vault::VaultKind;

use super::{operations, settings, shape};
use crate::arm::call::Call;
use crate::arm::reply::Reply;
use crate::arm::route::{Method, Route, route};
use crate::arm::vaults::{Face, delete};

macro_rules! vaults {
    ($rest:literal) => {
        concat!(
            "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults",
            $rest
        )
    };
}

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/backupVaults",
        vault_action!("read"),
        list,
    ),
    route(Method::Get, vaults!(""), vault_action!("read"), list),
    route(Method::Get, vault_path!(""), vault_action!("read"), get),
    route(Method::Put, vault_path!(""), vault_action!("write"), put),
    route(Method::Patch, vault_path!(""), vault_action!("write"), update),
    route(Method::Delete, vault_path!(""), vault_action!("delete"), delete),
    route(
        Method::Post,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/locations/{location}/checkNameAvailability",
        "Microsoft.DataProtection/locations/checkNameAvailability/action",
        check_name_availability,
    ),
    route(
        Method::Get,
        "/subscriptions/{subscription}/providers/Microsoft.DataProtection/locations/{location}/deletedVaults",
        vault_action!("read"),
        deleted_vaults,
    ),
];

const FACE: Face = Face {
    kind: VaultKind::Backup,
    defaults: settings::defaults,
    applied: settings::applied,
    shape: shape::vault,
};

fn list(call: &mut Call<'_>) -> Result<Reply> {
    FACE.list(call)
}

fn get(call: &mut Call<'_>) -> Result<Reply> {
    FACE.get(call)
}

fn put(call: &mut Call<'_>) -> Result<Reply> {
    let Some(vault) = FACE.create(call)? else {
        return FACE.update(call);
    };
    let answer = Reply::created(FACE.show(call, &vault)?);
    operations::with_status(call, &vault, answer)
}

fn update(call: &mut Call<'_>) -> Result<Reply> {
    FACE.update(call)
}

fn check_name_availability(call: &mut Call<'_>) -> Result<Reply> {
    FACE.name_availability(call)
}

/// A vault ends only when it is empty, so that there is nothing of it to keep.
fn deleted_vaults(_call: &mut Call<'_>) -> Result<Reply> {
    Ok(Reply::list(Vec::new()))
}
