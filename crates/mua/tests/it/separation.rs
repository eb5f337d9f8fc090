//! The report on separation of duties against its definition, person by person and assignment by assignment.

use std::collections::BTreeSet;

use arm::{ObjectId, ResourceId, TenantId};
use directory::Person;
use jiff::Timestamp;
use mua::{CriticalOperation, Side, conflicts, holders, overriding_actions};
use proptest::prelude::*;
use rbac::{Action, Assignment, Index, PrincipalKind, RoleDefinition, Window, builtin_roles, role_ids};
use uuid::Uuid;

const HERE: &str = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/rg/providers/";
const ROLES: [arm::RoleId; 5] = [
    role_ids::READER,
    role_ids::OWNER,
    role_ids::BACKUP_CONTRIBUTOR,
    role_ids::BACKUP_MUA_OPERATOR,
    role_ids::BACKUP_MUA_ADMIN,
];
const PEOPLE: u128 = 4;
const GROUPS: std::ops::Range<u128> = 10..14;
/// Added to an object id for the account of the same person, or the group, in the guard's tenant.
const GUEST: u128 = 100;

fn object(number: u128) -> ObjectId {
    ObjectId(Uuid::from_u128(number))
}

fn id(text: &str) -> ResourceId {
    ResourceId::parse(text).unwrap()
}

fn vault() -> ResourceId {
    id(&format!("{HERE}Microsoft.RecoveryServices/vaults/v"))
}

fn guard() -> ResourceId {
    id(&format!("{HERE}Microsoft.DataProtection/resourceGuards/g"))
}

/// The last person's accounts cannot act.
fn person(account: ObjectId) -> Option<Person> {
    let number = account.0.as_u128() % GUEST;
    let human = |object| Person::Human { tenant: TenantId(Uuid::nil()), object };
    (number < PEOPLE - 1).then(|| human(object(number)))
}

/// A role, who holds it, at which scope, in which tenant, and whether its time is over.
type Given = (usize, u128, usize, bool, bool);

fn scopes() -> [ResourceId; 6] {
    let group = vault().resource_group().unwrap();
    let item = vault().child("backupFabrics/Azure/protectionContainers/c/protectedItems/i").unwrap();
    [ResourceId::root(), group.parent().unwrap(), group, vault(), guard(), item]
}

fn principal() -> impl Strategy<Value = u128> {
    prop_oneof![0..PEOPLE, GROUPS]
}

fn assignment(number: usize, (role, holder, scope, abroad, over): Given) -> Assignment {
    let scope = scopes()[scope].clone();
    let name = Uuid::from_u128(number as u128);
    let id = scope.child(&format!("providers/Microsoft.Authorization/roleAssignments/{name}"));
    let holder = object(holder + if abroad { GUEST } else { 0 });
    let id = match scope.is_root() {
        true => {
            ResourceId::parse(&format!("/providers/Microsoft.Authorization/roleAssignments/{name}")).unwrap()
        }
        false => id.unwrap(),
    };
    let mut assignment = Assignment::new(id, scope, ROLES[role], holder, PrincipalKind::User);
    assignment.window = over.then_some(Window { start: time(0), end: Some(time(5)) });
    assignment
}

fn time(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Whether an account is a principal or in it, by walking up all ways there are.
fn is_in(account: ObjectId, holder: ObjectId, memberships: &[(ObjectId, ObjectId)]) -> bool {
    let mut known = BTreeSet::from([account]);
    for _ in memberships {
        let further =
            memberships.iter().filter(|(_, member)| known.contains(member)).map(|(group, _)| *group);
        let further: Vec<_> = further.collect();
        known.extend(further);
    }
    known.contains(&holder)
}

fn grants(role: &RoleDefinition, actions: &[Action]) -> bool {
    actions.iter().any(|action| role.grants(action))
}

/// Everything of one side that counts: person, account, assignment.
fn naive(
    given: &[Assignment],
    memberships: &[(ObjectId, ObjectId)],
    abroad: bool,
    near: impl Fn(&ResourceId) -> bool,
    actions: &[Action],
    now: Timestamp,
) -> BTreeSet<(Person, ObjectId, ResourceId)> {
    let mut found = BTreeSet::new();
    for number in 0..PEOPLE {
        let account = object(number + if abroad { GUEST } else { 0 });
        for one in given {
            let role = builtin_roles().iter().find(|role| role.id == one.role).unwrap();
            let holds = near(&one.scope) && one.is_live(now) && grants(role, actions);
            if let Some(person) =
                person(account).filter(|_| holds && is_in(account, one.principal, memberships))
            {
                found.insert((person, account, one.id.clone()));
            }
        }
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn the_report_is_everybody_on_both_sides_and_nobody_else(
        given in prop::collection::vec((0..ROLES.len(), principal(), 0..6_usize, any::<bool>(), any::<bool>()), 0..10),
        members in prop::collection::vec((GROUPS, principal(), any::<bool>()), 0..10),
        other_tenant in any::<bool>(),
        second in 0..8_i64,
    ) {
        let now = time(second);
        let given: Vec<_> = given.into_iter().enumerate().map(|(at, given)| assignment(at, given)).collect();
        let memberships: Vec<_> = members
            .into_iter()
            .map(|(group, member, abroad)| {
                let shift = if abroad { GUEST } else { 0 };
                (object(group + shift), object(member + shift))
            })
            .collect();
        let abroad = |one: &&Assignment| one.principal.0.as_u128() >= GUEST;
        let index = |of: bool| Index::compile(
            builtin_roles().iter().cloned(),
            given.iter().filter(|one| abroad(one) == of).cloned(),
            memberships.iter().copied(),
        );
        let (home, away) = (index(false), index(other_tenant));

        let changes = [Action::parse("Microsoft.RecoveryServices/vaults/backupPolicies/write").unwrap()];
        let overrides: Vec<Action> =
            overriding_actions([CriticalOperation::ModifyPolicy]).unwrap().into_iter().map(|(_, action)| action).collect();
        let (v, g) = (vault(), guard());
        let vault_holdings = home.holdings(&changes, &v, true, now);
        let guard_holdings = away.holdings(&overrides, &g, false, now);
        let vault_side = Side { index: &home, holdings: &vault_holdings, person: &person };
        let guard_side = Side { index: &away, holdings: &guard_holdings, person: &person };
        let found = conflicts(&vault_side, &holders(&guard_side, None));

        let of = |side: bool| given.iter().filter(|one| abroad(one) == side).cloned().collect::<Vec<_>>();
        let changing = naive(&of(false), &memberships, false, |at| v.is_within(at) || at.is_within(&v), &changes, now);
        let overriding = naive(&of(other_tenant), &memberships, other_tenant, |at| g.is_within(at), &overrides, now);
        let both = |person: &Person| {
            let holds = |side: &BTreeSet<(Person, ObjectId, ResourceId)>| side.iter().any(|(who, _, _)| who == person);
            holds(&changing) && holds(&overriding)
        };
        let listed = |side: usize| -> BTreeSet<(Person, ObjectId, ResourceId)> {
            let parts = found.iter().flat_map(|one| {
                let (held, holdings) = if side == 0 { (&one.vault, &vault_holdings) } else { (&one.guard, &guard_holdings) };
                held.iter().map(|held| (one.person, held.account, holdings[held.holding].assignment.clone()))
            });
            parts.collect()
        };
        let expected = |all: &BTreeSet<(Person, ObjectId, ResourceId)>| -> BTreeSet<_> {
            all.iter().filter(|(who, _, _)| both(who)).cloned().collect()
        };
        prop_assert_eq!(listed(0), expected(&changing));
        prop_assert_eq!(listed(1), expected(&overriding));
        prop_assert_eq!(found.len(), listed(0).iter().map(|(who, _, _)| who).collect::<BTreeSet<_>>().len());
    }
}

#[test]
fn a_role_overrides_by_consenting_changing_or_granting_and_reading_is_none_of_it() {
    let actions = overriding_actions(CriticalOperation::ALL.iter().copied()).unwrap();
    let ways = |role| -> BTreeSet<String> {
        let role = builtin_roles().iter().find(|one| one.id == role).unwrap();
        let held = actions.iter().filter(|(_, action)| role.grants(action));
        held.map(|(way, _)| format!("{way:?}")).collect()
    };
    let set = |names: &[&str]| names.iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    for (role, expected) in [
        (role_ids::READER, &[][..]),
        (role_ids::BACKUP_CONTRIBUTOR, &[]),
        (role_ids::BACKUP_OPERATOR, &[]),
        (role_ids::BACKUP_MUA_OPERATOR, &["Consent"]),
        (role_ids::BACKUP_MUA_ADMIN, &["ChangeGuard"]),
        (role_ids::USER_ACCESS_ADMINISTRATOR, &["GrantAccess"]),
        (role_ids::CONTRIBUTOR, &["ChangeGuard", "Consent"]),
        (role_ids::OWNER, &["ChangeGuard", "Consent", "GrantAccess"]),
    ] {
        assert_eq!(ways(role), set(expected), "{role}");
    }
}
