//! Separation of duties: who can change a vault and, by a right that they hold all the time, override its guard as well.
//!
//! Such a person needs nobody else's consent, so that multi-user authorization does not bind them. Azure's documentation
//! warns of it (contract 8.2); here it is looked up.
//!
//! People are compared, not accounts: the guard's tenant may know the backup admin as a guest, under another object id.

use std::collections::{BTreeMap, HashMap};

use arm::{ObjectId, Result};
use directory::Person;
use rbac::{Action, Holding, Index};

use crate::CriticalOperation;

/// How a right on a guard overrides it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Override {
    /// It consents to critical operations (contract 2.6).
    Consent,
    /// It changes the guard: what it exempts, or whether there is one.
    ChangeGuard,
    /// It gives rights on the guard, its holder's own included: by assigning roles, by saying what a role grants, or by
    /// saying who approves an activation.
    GrantAccess,
}

/// With one of these, whoever holds them at a scope can give themselves any other right there.
pub const GRANT_ACCESS: [&str; 3] = [
    "Microsoft.Authorization/roleAssignments/write",
    "Microsoft.Authorization/roleDefinitions/write",
    "Microsoft.Authorization/roleManagementPolicies/write",
];

const CHANGE_GUARD: [&str; 2] = [
    "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/write",
    "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards/delete",
];

/// The actions that override a guard which protects these operations.
///
/// # Errors
/// Never for the operations that there are.
pub fn overriding_actions(
    protected: impl IntoIterator<Item = CriticalOperation>,
) -> Result<Vec<(Override, Action)>> {
    let consents = protected.into_iter().map(|operation| (Override::Consent, operation.guard_action()));
    let changes = CHANGE_GUARD.map(|action| (Override::ChangeGuard, action.to_string()));
    let grants = GRANT_ACCESS.map(|action| (Override::GrantAccess, action.to_string()));
    let mut all = Vec::new();
    for (way, action) in consents.chain(changes).chain(grants) {
        let found = (way, Action::parse(&action)?);
        // Kinds of requests are shared by both kinds of vault.
        if !all.contains(&found) {
            all.push(found);
        }
    }
    Ok(all)
}

/// What is assigned on one side: at the vault, or at the guard.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The index of the tenant that the side lies in, for who is in which group.
    pub index: &'a Index,
    /// What grants something there.
    pub holdings: &'a [Holding],
    /// The person behind an object id of that tenant, if it is an account that can act.
    pub person: &'a dyn Fn(ObjectId) -> Option<Person>,
}

/// Something that a person holds: under which account, by which of the side's holdings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    /// The object id in the side's tenant.
    pub account: ObjectId,
    /// The place in [`Side::holdings`].
    pub holding: usize,
}

/// Who holds what on one side, by person. Nobody is in it who holds nothing.
pub type Holders = BTreeMap<Person, Vec<Held>>;

/// Who holds something on a side: all, or those only who are among others. Everybody in a group that holds something is
/// found once, however much the group holds.
pub fn holders(side: &Side<'_>, among: Option<&Holders>) -> Holders {
    let mut members: HashMap<ObjectId, Vec<(Person, ObjectId)>> = HashMap::new();
    let mut all = Holders::new();
    for (holding, held) in side.holdings.iter().enumerate() {
        let members = members.entry(held.holder).or_insert_with(|| {
            let accounts = side.index.members_of(held.holder).into_iter();
            let people = accounts.filter_map(|account| Some(((side.person)(account)?, account)));
            people.filter(|(person, _)| among.is_none_or(|among| among.contains_key(person))).collect()
        });
        for (person, account) in members {
            all.entry(*person).or_default().push(Held { account: *account, holding });
        }
    }
    all.values_mut().for_each(|held| held.sort());
    all
}

/// A person on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Who.
    pub person: Person,
    /// What lets them change the vault.
    pub vault: Vec<Held>,
    /// What lets them override the guard.
    pub guard: Vec<Held>,
}

/// Everybody who can change a vault and is among those who override its guard, in a fixed order.
pub fn conflicts(vault: &Side<'_>, guard: &Holders) -> Vec<Conflict> {
    if guard.is_empty() {
        return Vec::new();
    }
    let both = holders(vault, Some(guard)).into_iter();
    both.map(|(person, vault)| {
        let guard = guard.get(&person).cloned().unwrap_or_default();
        Conflict { person, vault, guard }
    })
    .collect()
}
