//! The index against the naive model: after any changes, both give the same answers, and every reason is true.

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arm::{ObjectId, ResourceId, RoleId, SubscriptionId};
    use jiff::Timestamp;
    use proptest::prelude::*;
    use rbac::{
        Action, ActionPattern, Assignment, Decision, Grant, Index, Origin, Permission, PrincipalKind,
        RoleDefinition, RoleKind, Visibility, Window,
    };
    use uuid::Uuid;

    use crate::model::{World, is_above};

    const ACTIONS: [&str; 7] = [
        "A.B/v/read",
        "A.B/v/write",
        "A.B/v/w/delete",
        "A.B/v/w/Run/action",
        "A.B/w/read",
        "A.C/v/read",
        "A.C/r/v/delete",
    ];
    const SUBSCRIPTIONS: [&str; 2] =
        ["11111111-1111-4111-8111-aaaaaaaaaaaa", "22222222-2222-4222-8222-bbbbbbbbbbbb"];
    /// `{1}` and `{2}` stand for the subscriptions.
    const SCOPES: [&str; 14] = [
        "/",
        "/providers/Microsoft.Management/managementGroups/mg",
        "/providers/Microsoft.Management/managementGroups/mg/providers/Microsoft.Authorization/locks/l",
        "/providers/Microsoft.Authorization/roleAssignments/r",
        "/subscriptions/{1}",
        "/subscriptions/{1}/providers/Microsoft.Authorization/roleAssignments/r",
        "/subscriptions/{1}/resourceGroups/rg",
        "/subscriptions/{1}/resourceGroups/rg1",
        "/subscriptions/{1}/resourceGroups/rg/providers/A.B/v/one",
        "/subscriptions/{1}/resourceGroups/rg/providers/A.B/v/one/w/item",
        "/subscriptions/{1}/resourceGroups/rg/providers/A.B/v/one/providers/Microsoft.Authorization/locks/l",
        "/subscriptions/{1}/resourceGroups/rg/providers/A.B/v/onetwo",
        "/subscriptions/{2}",
        "/subscriptions/{2}/resourceGroups/rg/providers/A.B/v/one",
    ];
    /// The first four are people, the others groups; either may be in any group.
    const PRINCIPALS: u128 = 9;
    const PEOPLE: u128 = 4;

    fn object(number: u128) -> ObjectId {
        ObjectId(Uuid::from_u128(number))
    }

    fn role_id(number: u128) -> RoleId {
        RoleId(Uuid::from_u128(100 + number))
    }

    fn time(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// Turns letters into upper case where the mask has a bit.
    fn mangle(text: &str, mask: u32) -> String {
        let upper = |at: usize| mask >> (at % 32) & 1 == 1;
        let mangled = text.chars().enumerate();
        mangled.map(|(at, c)| if upper(at) { c.to_ascii_uppercase() } else { c }).collect()
    }

    fn any_scope() -> impl Strategy<Value = ResourceId> {
        (prop::sample::select(SCOPES.to_vec()), any::<u32>()).prop_map(|(scope, mask)| {
            let scope = scope.replace("{1}", SUBSCRIPTIONS[0]).replace("{2}", SUBSCRIPTIONS[1]);
            ResourceId::parse(&mangle(&scope, mask)).unwrap()
        })
    }

    fn any_action() -> impl Strategy<Value = Action> {
        let action = (prop::sample::select(ACTIONS.to_vec()), any::<u32>());
        action.prop_map(|(action, mask)| Action::parse(&mangle(action, mask)).unwrap())
    }

    /// An action of the story with some of its parts, or of its letters, replaced by `*`.
    fn any_pattern() -> impl Strategy<Value = ActionPattern> {
        let part =
            prop_oneof![3 => Just(None), 2 => Just(Some("*")), 1 => Just(Some("v*")), 1 => Just(Some("*a*"))];
        let parts = prop::collection::vec(part, 5);
        (any_action(), parts, any::<u32>(), 1_usize..6).prop_map(|(action, parts, mask, keep)| {
            let names = action.as_str().split('/').zip(parts).take(keep);
            let names: Vec<&str> = names.map(|(name, part)| part.unwrap_or(name)).collect();
            ActionPattern::parse(&mangle(&names.join("/"), mask)).unwrap()
        })
    }

    prop_compose! {
        fn any_permission()(
            actions in prop::collection::vec(any_pattern(), 0..3),
            not_actions in prop::collection::vec(any_pattern(), 0..2),
            data_actions in prop::collection::vec(any_pattern(), 0..2),
        ) -> Permission {
            Permission { actions, not_actions, data_actions, not_data_actions: Vec::new() }
        }
    }

    prop_compose! {
        fn any_role()(
            number in 0_u128..4,
            permissions in prop::collection::vec(any_permission(), 1..3),
        ) -> RoleDefinition {
            RoleDefinition {
                id: role_id(number),
                role_name: format!("role {number}"),
                description: String::new(),
                kind: RoleKind::Custom,
                assignable_scopes: Vec::new(),
                permissions,
                created_on: None,
                updated_on: None,
                created_by: None,
                updated_by: None,
            }
        }
    }

    fn any_assignment_id() -> impl Strategy<Value = ResourceId> {
        let id =
            |(number, mask): (u8, u32)| ResourceId::parse(&mangle(&format!("/assignments/a{number}"), mask));
        (0_u8..8, any::<u32>()).prop_map(move |parts| id(parts).unwrap())
    }

    prop_compose! {
        fn any_assignment()(
            id in any_assignment_id(),
            scope in any_scope(),
            role in 0_u128..4,
            principal in 0..PRINCIPALS,
            window in prop::option::of((0_i64..6, prop::option::of(0_i64..6))),
            condition in prop::option::weighted(0.1, Just("@Resource[x] StringEquals 'y'".to_string())),
        ) -> Assignment {
            Assignment {
                id,
                scope,
                role: role_id(role),
                principal: object(principal),
                principal_kind: if principal < PEOPLE { PrincipalKind::User } else { PrincipalKind::Group },
                window: window.map(|(start, end)| Window { start: time(start), end: end.map(time) }),
                origin: Origin::Assigned,
                description: None,
                condition,
                condition_version: None,
                created_on: None,
                updated_on: None,
                created_by: None,
                updated_by: None,
            }
        }
    }

    #[derive(Clone, Debug)]
    enum Change {
        PutRole(RoleDefinition),
        RemoveRole(RoleId),
        PutAssignment(Assignment),
        RemoveAssignment(ResourceId),
        AddMember(ObjectId, ObjectId),
        RemoveMember(ObjectId, ObjectId),
    }

    fn any_change() -> impl Strategy<Value = Change> {
        let pair = || {
            (PEOPLE..PRINCIPALS, 0..PRINCIPALS).prop_map(|(group, member)| (object(group), object(member)))
        };
        prop_oneof![
            4 => any_role().prop_map(Change::PutRole),
            1 => (0_u128..4).prop_map(|number| Change::RemoveRole(role_id(number))),
            8 => any_assignment().prop_map(Change::PutAssignment),
            2 => any_assignment_id().prop_map(Change::RemoveAssignment),
            8 => pair().prop_map(|(group, member)| Change::AddMember(group, member)),
            2 => pair().prop_map(|(group, member)| Change::RemoveMember(group, member)),
        ]
    }

    fn change_index(index: &mut Index, change: Change) {
        match change {
            Change::PutRole(role) => index.put_role(role),
            Change::RemoveRole(id) => index.remove_role(id),
            Change::PutAssignment(assignment) => index.put_assignment(assignment),
            Change::RemoveAssignment(id) => index.remove_assignment(&id),
            Change::AddMember(group, member) => index.add_member(group, member),
            Change::RemoveMember(group, member) => index.remove_member(group, member),
        }
    }

    fn change_world(world: &mut World, change: Change) {
        match change {
            Change::PutRole(role) => {
                world.roles.retain(|old| old.id != role.id);
                world.roles.push(role);
            }
            Change::RemoveRole(id) => world.roles.retain(|old| old.id != id),
            Change::PutAssignment(assignment) => {
                world.assignments.retain(|old| old.id != assignment.id);
                world.assignments.push(assignment);
            }
            Change::RemoveAssignment(id) => world.assignments.retain(|old| old.id != id),
            Change::AddMember(group, member) => world.memberships.push((group, member)),
            Change::RemoveMember(group, member) => world.memberships.retain(|pair| *pair != (group, member)),
        }
    }

    fn build(changes: Vec<Change>) -> (Index, World) {
        let (mut index, mut world) = (Index::default(), World::default());
        for change in changes {
            change_index(&mut index, change.clone());
            change_world(&mut world, change);
        }
        (index, world)
    }

    /// Whether everything that a grant says is so.
    fn is_true(
        grant: &Grant,
        world: &World,
        principal: ObjectId,
        action: &Action,
        scope: &ResourceId,
        now: Timestamp,
    ) -> bool {
        let Some(assignment) = world.assignments.iter().find(|known| known.id == grant.assignment) else {
            return false;
        };
        let mut way = vec![principal];
        way.extend(&grant.path);
        let steps = way.windows(2).all(|step| world.memberships.contains(&(step[1], step[0])));
        steps
            && way.last() == Some(&assignment.principal)
            && grant.scope == assignment.scope
            && grant.role == assignment.role
            && grant.role_name == format!("role {}", grant.role.0.as_u128() - 100)
            && grant.expires == assignment.expires()
            && is_above(&grant.scope, scope)
            && world.gives(assignment, now)
            && world.grants(grant.role, action)
    }

    fn sees(world: &World, principal: ObjectId, subscription: SubscriptionId, now: Timestamp) -> bool {
        let id = ResourceId::subscription(subscription);
        world.assignments.iter().any(|assignment| {
            (is_above(&assignment.scope, &id) || is_above(&id, &assignment.scope))
                && world.is_in(principal, assignment.principal)
                && world.gives(assignment, now)
        })
    }

    /// Everyone there could be, and one whom nobody knows.
    fn everyone() -> impl Iterator<Item = ObjectId> {
        (0..=PRINCIPALS).map(object)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]

        #[test]
        fn the_index_decides_as_the_model_does_and_for_a_true_reason(
            changes in prop::collection::vec(any_change(), 0..40),
            action in any_action(),
            scope in any_scope(),
            second in 0_i64..6,
        ) {
            let (index, world) = build(changes);
            let now = time(second);
            let mut allowed = BTreeSet::new();
            for principal in everyone() {
                let decision = index.check(principal, &action, &scope, now);
                prop_assert_eq!(decision.is_allowed(), world.may(principal, &action, &scope, now));
                if let Decision::Allowed(grant) = &decision {
                    allowed.insert(principal);
                    prop_assert!(is_true(grant, &world, principal, &action, &scope, now), "{:?}", grant);
                }
                let permissions = index.effective_permissions(principal, &scope, now);
                let effective = permissions.iter().any(|permission| permission.grants(&action));
                prop_assert_eq!(effective, decision.is_allowed());
            }
            prop_assert_eq!(index.principals_allowed(&action, &scope, now), allowed);
        }

        #[test]
        fn groups_assignments_and_subscriptions_are_those_of_the_model(
            changes in prop::collection::vec(any_change(), 0..40),
            second in 0_i64..6,
        ) {
            let (index, world) = build(changes);
            let now = time(second);
            for principal in everyone() {
                let groups: BTreeSet<ObjectId> = index.groups_of(principal).into_iter().collect();
                let expected = everyone().filter(|group| *group != principal && world.is_in(principal, *group));
                prop_assert_eq!(groups, expected.collect::<BTreeSet<_>>());

                let held: BTreeSet<&ResourceId> = index.assignments_for(principal).map(|held| &held.id).collect();
                let expected = world.assignments.iter().filter(|held| world.is_in(principal, held.principal));
                prop_assert_eq!(held, expected.map(|held| &held.id).collect::<BTreeSet<_>>());

                let visible = index.visible_subscriptions(principal, now);
                for subscription in SUBSCRIPTIONS {
                    let subscription: SubscriptionId = subscription.parse().unwrap();
                    prop_assert_eq!(visible.includes(subscription), sees(&world, principal, subscription, now));
                }
            }
        }

        #[test]
        fn an_index_depends_on_what_is_in_it_and_not_on_how_it_came_there(
            changes in prop::collection::vec(any_change(), 0..40),
            action in any_action(),
            scope in any_scope(),
            second in 0_i64..6,
        ) {
            let (index, mut world) = build(changes);
            world.assignments.reverse();
            world.memberships.reverse();
            let afresh = Index::compile(world.roles, world.assignments, world.memberships);
            for principal in everyone() {
                let ask = |index: &Index| index.check(principal, &action, &scope, time(second));
                prop_assert_eq!(ask(&index), ask(&afresh));
                prop_assert_eq!(index.groups_of(principal), afresh.groups_of(principal));
            }
        }
    }

    fn reader(principal: ObjectId, scope: &str) -> Assignment {
        let scope = ResourceId::parse(scope).unwrap();
        Assignment {
            id: scope.child("providers/Microsoft.Authorization/roleAssignments/r").unwrap(),
            scope,
            role: rbac::role_ids::READER,
            principal,
            principal_kind: PrincipalKind::Group,
            window: Some(Window { start: time(10), end: Some(time(20)) }),
            origin: Origin::Assigned,
            description: None,
            condition: None,
            condition_version: None,
            created_on: None,
            updated_on: None,
            created_by: None,
            updated_by: None,
        }
    }

    #[test]
    fn a_window_holds_from_its_start_until_just_before_its_end() {
        let alice = object(1);
        let roles = rbac::builtin_roles().iter().cloned();
        let index = Index::compile(roles, [reader(alice, "/subscriptions/s")], []);
        let action = rbac::action!("A.B/c/read");
        let scope = ResourceId::parse("/subscriptions/S/resourceGroups/r").unwrap();
        let at = |second| index.check(alice, &action, &scope, time(second)).is_allowed();
        assert_eq!([9, 10, 19, 20].map(at), [false, true, true, false]);
    }

    #[test]
    fn groups_nested_without_end_end() {
        const DEPTH: u128 = 20_000;
        let chain = (0..DEPTH).map(|number| (object(number + 1), object(number)));
        let circle = chain.chain([(object(0), object(DEPTH))]);
        let roles = rbac::builtin_roles().iter().cloned();
        let index = Index::compile(roles, [reader(object(DEPTH), "/")], circle);
        let decision = index.check(object(0), &rbac::action!("A.B/c/read"), &ResourceId::root(), time(10));
        assert_eq!(decision.grant().unwrap().path.len() as u128, DEPTH);
        assert_eq!(index.groups_of(object(7)).len() as u128, DEPTH);
        assert_eq!(index.visible_subscriptions(object(0), time(10)), Visibility::All);
    }

    #[test]
    fn an_assignment_is_stored_as_json_and_read_back() {
        let mut assignment = reader(object(1), "/subscriptions/s");
        assignment.origin = Origin::Activated { request: arm::RequestId(Uuid::from_u128(5)) };
        let json = serde_json::to_value(&assignment).unwrap();
        assert_eq!(json["principalKind"], "Group");
        assert_eq!(json["origin"]["kind"], "activated");
        assert_eq!(serde_json::from_value::<Assignment>(json).unwrap(), assignment);
    }
}
