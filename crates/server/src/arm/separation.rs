//! Separation of duties, checked rather than hoped for (contract 8.2): everybody who can change a vault and holds, all the
//! time, what overrides its guard. Azure only warns of such people in its documentation.
//!
//! - *Can change a vault*: holds an action that some route needs to write, delete or act below that kind of vault, save
//!   those that [change nothing](HARMLESS); at the vault, above it, or at anything in it. Whoever can give themselves
//!   such a right counts too. Activations count here: they can do it now.
//! - *Overrides the guard*: holds what consents, changes the guard or gives rights on it, at the guard or above it, by an
//!   assignment that is not an activation. One that was given until some day is found until that day.
//! - On both sides, whoever is [eligible and needs nobody to activate](eligible) counts like whoever holds the right.
//! - Only accounts that can act now count. Accounts that are linked are one person.
//!
//! **Who may read it**: whoever may read the guard, or the vault. The assignments of a side are shown to those who may
//! read role assignments there, by any of their tokens; to others a finding names the person and hides the rest.

mod eligible;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use arm::{Error, ObjectId, ResourceId, Result};
use mua::{Conflict, GRANT_ACCESS, Held, Holders, Override, ResourceGuard, Side, VaultKind};
use rbac::{Action, Holding, Index};
use serde_json::{Value, json};
use store::Access;
use vault::{GuardProxy, vault_of};

use super::call::Call;
use super::reply::Reply;
use super::route::{Method, Needs, Route, route};
use super::routes::ROUTES as ALL_ROUTES;
use super::{authorization, guards, tracked};

/// The routes of this part.
pub const ROUTES: &[Route] = &[
    route(
        Method::Get,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/resourceGuards/{guard}/separationOfDuties",
        guards::READ,
        of_guard,
    ),
    route(
        Method::Get,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.RecoveryServices/vaults/{vault}/separationOfDuties",
        "Microsoft.RecoveryServices/Vaults/read",
        of_vault,
    ),
    route(
        Method::Get,
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.DataProtection/backupVaults/{vault}/separationOfDuties",
        "Microsoft.DataProtection/backupVaults/read",
        of_vault,
    ),
];

/// What lets somebody see who holds what.
const READ_ASSIGNMENTS: &str = "Microsoft.Authorization/roleAssignments/read";

/// What is done to vaults without changing anything that a guard protects: backups, checks, and the asking for consent.
/// Everything else that is not a read is a change.
const HARMLESS: [&str; 10] = [
    "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems/backup/action",
    "Microsoft.RecoveryServices/vaults/backupFabrics/refreshContainers/action",
    "Microsoft.RecoveryServices/vaults/backupResourceGuardProxies/unlockDelete/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/findRestorableTimeRanges/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/sync/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/validateForModifyBackup/action",
    "Microsoft.DataProtection/backupVaults/backupInstances/validateRestore/action",
    "Microsoft.DataProtection/backupVaults/backupResourceGuardProxies/unlockDelete/action",
    "Microsoft.DataProtection/backupVaults/validateForBackup/action",
];

/// How many findings an answer about something else shows, and names in the ledger.
const SHOWN: usize = 10;

/// The actions that change a vault of each kind, read off the routes: what is looked for is what is asked for.
static CHANGES: LazyLock<[(VaultKind, Vec<Action>); 2]> =
    LazyLock::new(|| [VaultKind::RecoveryServices, VaultKind::Backup].map(|kind| (kind, changes_of(kind))));

fn changes_of(kind: VaultKind) -> Vec<Action> {
    let below = format!("/providers/{}/{{", kind.resource_type()).to_ascii_lowercase();
    let writes = ALL_ROUTES
        .iter()
        .copied()
        .flatten()
        .filter(|route| !route.method.is_read() && route.pattern.to_ascii_lowercase().contains(&below));
    let needed = writes.filter_map(|route| match route.needs {
        Needs::Action(action) => Some(action),
        Needs::SignedIn => None,
    });
    let harmless = |action: &&str| HARMLESS.iter().any(|harmless| harmless.eq_ignore_ascii_case(action));
    let mut seen = BTreeSet::new();
    let once = |action: &&str| seen.insert(action.to_ascii_lowercase());
    let actions = needed.filter(|action| !harmless(action)).chain(GRANT_ACCESS).filter(once);
    // Every route names an action that is one: `TABLE` is walked over by the tests.
    actions.filter_map(|action| Action::parse(action).ok()).collect()
}

fn changes(kind: VaultKind) -> &'static [Action] {
    CHANGES.iter().find(|(one, _)| *one == kind).map(|(_, actions)| actions.as_slice()).unwrap_or_default()
}

/// `GET <guard>/separationOfDuties`: the findings of all vaults that are linked to it.
fn of_guard(call: &mut Call<'_>) -> Result<Reply> {
    let id = call.id().first(8);
    if call.tx.resource::<ResourceGuard>(&id)?.is_none() {
        return Err(tracked::not_found(&id));
    }
    let proxies: Vec<GuardProxy> = call.tx.find(id.folded())?;
    let vaults: Vec<ResourceId> = proxies.iter().filter_map(|proxy| proxy.id.parent()).collect();
    answer(call, &id, vaults)
}

/// `GET <vault>/separationOfDuties`
fn of_vault(call: &mut Call<'_>) -> Result<Reply> {
    let vault = vault_of(call.id());
    let proxies: Vec<GuardProxy> = call.tx.below(&vault)?;
    let Some(proxy) = proxies.into_iter().next() else {
        return Err(Error::not_found(
            "ResourceNotFound",
            format!(
                "The vault '{}' is not there, or multi-user authorization is not enabled on it.",
                vault.name()
            ),
        ));
    };
    answer(call, &proxy.guard, vec![vault])
}

fn answer(call: &mut Call<'_>, guard: &ResourceId, vaults: Vec<ResourceId>) -> Result<Reply> {
    let guard = Overriding::load(call, guard)?;
    let mut reports = Vec::new();
    for vault in vaults {
        reports.push(guard.report(call, vault)?);
    }
    let findings: Vec<(&Report<'_>, &Conflict)> = reports
        .iter()
        .flat_map(|report| report.conflicts.iter().map(move |conflict| (report, conflict)))
        .collect();
    let key = |(report, conflict): &(&Report<'_>, &Conflict)| {
        format!("{}|{}", report.vault.scope.folded(), conflict.person)
    };
    Ok(call.page(findings, key, |(report, conflict)| report.show(conflict)))
}

/// What enabling multi-user authorization says about a vault and a guard.
pub struct Warning {
    /// For the answer.
    pub shown: Value,
    /// For the ledger.
    pub said: String,
}

/// The findings about a vault and the guard it is linked to, if there are any.
pub fn warning(call: &mut Call<'_>, vault: &ResourceId, guard: &ResourceId) -> Result<Option<Warning>> {
    let guard = Overriding::load(call, guard)?;
    let report = guard.report(call, vault.clone())?;
    let count = report.conflicts.len();
    if count == 0 {
        return Ok(None);
    }
    let names: Vec<String> =
        report.conflicts.iter().take(SHOWN).map(|conflict| report.name(conflict)).collect();
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    let said = format!("{count} can change the vault and override its guard: {}{more}", names.join(", "));
    let findings: Vec<Value> =
        report.conflicts.iter().take(SHOWN).map(|conflict| report.show(conflict)).collect();
    let shown = json!({
        "count": count,
        "message": format!(
            "{said}. They need nobody else's consent. 'GET {vault}/separationOfDuties' says by which role \
             assignments and eligibilities; remove those on the side where they do not belong, or make them eligible \
             with approval."
        ),
        "findings": findings,
    });
    Ok(Some(Warning { shown, said }))
}

/// Everybody who can change a vault, by what they hold or may activate alone.
pub fn changers(call: &mut Call<'_>, vault: &ResourceId) -> Result<BTreeSet<directory::Person>> {
    let access = call.access()?;
    let place = Place::look(call, &access, vault, changes(VaultKind::of(vault)), true)?;
    Ok(place.holders(&access).into_keys().collect())
}

/// One side, as it was looked up.
struct Place {
    scope: ResourceId,
    /// What grants something there: role assignments, and eligibilities that are as good as these.
    holdings: Vec<Holding>,
    /// Which of the holdings are eligibilities.
    alone: BTreeSet<ResourceId>,
    /// Whether the caller may see who holds what here.
    open: bool,
}

/// A guard, and who overrides it.
struct Overriding {
    access: Arc<Access>,
    place: Place,
    ways: Vec<(Override, Action)>,
    /// By the kind of vault that is guarded: kinds of requests may be given one by one.
    holders: BTreeMap<VaultKind, Holders>,
}

impl Overriding {
    fn load(call: &mut Call<'_>, id: &ResourceId) -> Result<Self> {
        let access = call.access()?;
        let guard: Option<ResourceGuard> = call.tx.resource(id)?;
        // Without a guard everything is protected, and whoever may create one with its name overrides that.
        let protected = match &guard {
            Some(guard) => guard.protected().collect(),
            None => mua::CriticalOperation::ALL.to_vec(),
        };
        let ways = mua::overriding_actions(protected.iter().copied())?;
        let actions: Vec<Action> = ways.iter().map(|(_, action)| action.clone()).collect();
        let mut place = Place::look(call, &access, id, &actions, false)?;
        place.holdings.retain(|holding| !access.is_activation(&holding.assignment));
        let all = place.holders(&access);
        let mut holders = BTreeMap::new();
        for kind in [VaultKind::RecoveryServices, VaultKind::Backup] {
            let own = protected.iter().copied().filter(|operation| operation.vault_kind() == kind);
            let own: Vec<Action> =
                mua::overriding_actions(own)?.into_iter().map(|(_, action)| action).collect();
            let counts = |at: &usize| ways.get(*at).is_some_and(|(_, action)| own.contains(action));
            let mut found = all.clone();
            // Those who hold nothing but consents for the other kind of vault are no concern of this one.
            found.retain(|_, held| {
                held.retain(|held| {
                    place.holdings.get(held.holding).is_some_and(|one| one.actions.iter().any(counts))
                });
                !held.is_empty()
            });
            holders.insert(kind, found);
        }
        Ok(Self { access, place, ways, holders })
    }

    fn report(&self, call: &mut Call<'_>, vault: ResourceId) -> Result<Report<'_>> {
        let kind = VaultKind::of(&vault);
        let place = Place::look(call, &self.access, &vault, changes(kind), true)?;
        let person = |account| self.access.acting(account);
        let overriding = self.holders.get(&kind).cloned().unwrap_or_default();
        let conflicts = match index_at(&self.access, &vault) {
            Some(index) => {
                let side = Side { index, holdings: &place.holdings, person: &person };
                mua::conflicts(&side, &overriding)
            }
            None => Vec::new(),
        };
        Ok(Report { guard: self, vault: place, kind, conflicts })
    }
}

/// What was found about one vault.
struct Report<'a> {
    guard: &'a Overriding,
    vault: Place,
    kind: VaultKind,
    conflicts: Vec<Conflict>,
}

fn index_at<'a>(access: &'a Access, scope: &ResourceId) -> Option<&'a Index> {
    access.index(access.tenant_of(scope)?)
}

impl Place {
    fn look(
        call: &mut Call<'_>,
        access: &Access,
        scope: &ResourceId,
        actions: &[Action],
        below: bool,
    ) -> Result<Self> {
        let mut holdings = Vec::new();
        let mut alone = BTreeSet::new();
        if let Some(index) = index_at(access, scope) {
            holdings = index.holdings(actions, scope, below, call.now);
            for found in eligible::look(call, index, scope, actions, below)? {
                alone.insert(found.assignment.clone());
                holdings.push(found);
            }
        }
        let mut open = false;
        for caller in call.request.callers() {
            open |= access.may(caller.object, READ_ASSIGNMENTS, scope, call.now)?.is_some();
        }
        Ok(Self { scope: scope.clone(), holdings, alone, open })
    }

    fn holders(&self, access: &Access) -> Holders {
        let person = |account| access.acting(account);
        let side = |index| Side { index, holdings: &self.holdings, person: &person };
        index_at(access, &self.scope).map(|index| mua::holders(&side(index), None)).unwrap_or_default()
    }
}

impl Report<'_> {
    /// What people call somebody: the name they sign in with, or an application's.
    fn name(&self, conflict: &Conflict) -> String {
        let accounts = conflict.vault.iter().chain(&conflict.guard).map(|held| held.account);
        let home = match conflict.person {
            directory::Person::Human { object, .. } => Some(object),
            directory::Person::Application(_) => None,
        };
        let known = home.into_iter().chain(accounts).find_map(|account| self.guard.access.principal(account));
        known.map_or_else(|| conflict.person.to_string(), |principal| principal.name.clone())
    }

    fn show(&self, conflict: &Conflict) -> Value {
        let guard = &self.guard.place;
        let mut accounts = BTreeSet::new();
        for (place, held) in [(&self.vault, &conflict.vault), (guard, &conflict.guard)] {
            accounts.extend(held.iter().filter(|_| place.open).map(|held| held.account));
        }
        let vault_rights = self.vault.open.then(|| {
            let actions = changes(self.kind);
            let right = |held: &Held| self.right(&self.vault, held, |at| Some(actions.get(at)?.as_str()));
            conflict.vault.iter().filter_map(right).collect::<Vec<_>>()
        });
        let guard_rights = guard
            .open
            .then(|| conflict.guard.iter().filter_map(|held| self.override_by(held)).collect::<Vec<_>>());
        json!({
            "person": conflict.person,
            "name": self.name(conflict),
            "accounts": accounts.into_iter().map(|account| self.account(account)).collect::<Vec<_>>(),
            "vaultId": self.vault.scope,
            "resourceGuardId": guard.scope,
            "vaultRights": vault_rights,
            "resourceGuardRights": guard_rights,
            "hidden": !(self.vault.open && guard.open),
        })
    }

    fn account(&self, account: ObjectId) -> Value {
        let principal = self.guard.access.principal(account);
        json!({
            "principalId": account,
            "principalType": principal.map(|principal| principal.kind),
            "principalName": principal.map(|principal| principal.name.as_str()),
            "tenantId": principal.map(|principal| principal.tenant),
        })
    }

    fn override_by(&self, held: &Held) -> Option<Value> {
        let ways = &self.guard.ways;
        let mut right = self.right(&self.guard.place, held, |at| Some(ways.get(at)?.1.as_str()))?;
        let holding = self.guard.place.holdings.get(held.holding)?;
        let kinds: BTreeSet<Override> =
            holding.actions.iter().filter_map(|at| ways.get(*at)).map(|(way, _)| *way).collect();
        let names: Vec<&str> = kinds.into_iter().map(way_name).collect();
        right.as_object_mut()?.insert("overrides".into(), names.into());
        Some(right)
    }

    fn right<'s>(
        &self,
        place: &Place,
        held: &Held,
        action: impl Fn(usize) -> Option<&'s str>,
    ) -> Option<Value> {
        let access = &self.guard.access;
        let holding = place.holdings.get(held.holding)?;
        let groups = index_at(access, &place.scope)?.path_to(held.account, holding.holder);
        let group =
            |id: ObjectId| json!({"id": id, "name": access.group(id).map(|group| group.name.as_str())});
        let alone = place.alone.contains(&holding.assignment);
        let mut right = json!({
            "principalId": held.account,
            "roleAssignmentId": (!alone).then_some(&holding.assignment),
            "scope": holding.scope,
            "inherited": holding.scope != place.scope,
            "roleDefinitionId": authorization::shown_id(holding.role, &holding.scope),
            "roleDefinitionName": holding.role_name,
            "groups": groups.into_iter().map(group).collect::<Vec<_>>(),
            "endDateTime": holding.expires.map(arm::long_timestamp),
            "actions": holding.actions.iter().filter_map(|at| action(*at)).collect::<Vec<_>>(),
        });
        if let Some(right) = right.as_object_mut().filter(|_| alone) {
            right.insert("roleEligibilityScheduleId".into(), json!(holding.assignment));
            right.insert("activation".into(), eligible::show(holding));
        }
        Some(right)
    }
}

fn way_name(way: Override) -> &'static str {
    match way {
        Override::Consent => "Consent",
        Override::ChangeGuard => "ChangeGuard",
        Override::GrantAccess => "GrantAccess",
    }
}
