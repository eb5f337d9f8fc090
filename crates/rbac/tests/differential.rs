//! The index against the naive model: after any change, both give the same answers, for the same reasons.
//!
//! An ordinary run tries thousands of cases; `COUNTERSIGN_CASES` asks for another number, as `make nightly` does.

#[cfg(test)]
mod model;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use arm::{ObjectId, ResourceId, RoleId, SubscriptionId};
    use jiff::Timestamp;
    use proptest::prelude::*;
    use rbac::{
        Action, ActionPattern, Assignment, Decision, Index, Origin, Permission, PlainAssignment,
        PrincipalKind, RoleDefinition, RoleKind, Visibility, Window,
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

    /// The id of an assignment at a scope: as the server makes it, or one of another form.
    fn assignment_id(scope: &ResourceId, number: u32, form: u8, mask: u32) -> ResourceId {
        let guid = Uuid::from_u128(u128::from(number) << 96);
        let text = match form {
            0 => format!("/assignments/a{number}"),
            1 => format!("/subscriptions/{number}/providers/Microsoft.Authorization/roleAssignments/{guid}"),
            2 => format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", guid.simple()),
            _ => format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{guid}"),
        };
        ResourceId::parse(&mangle(&text, mask)).unwrap()
    }

    prop_compose! {
        fn any_assignment()(
            (number, form, mask) in (0_u32..40, 0_u8..9, any::<u32>()),
            scope in any_scope(),
            role in 0_u128..4,
            principal in 0..PRINCIPALS,
            window in prop::option::weighted(0.3, (0_i64..6, prop::option::of(0_i64..6))),
            condition in prop::option::weighted(0.1, Just("@Resource[x] StringEquals 'y'".to_string())),
        ) -> Assignment {
            Assignment {
                id: assignment_id(&scope, number, form, mask),
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
        KnowAction(Action),
        PutAssignment(Assignment),
        /// One that is there, its id in any letter case.
        RemoveAssignment(prop::sample::Index, u32),
        RemoveUnknownAssignment(ResourceId),
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
            1 => any_action().prop_map(Change::KnowAction),
            10 => any_assignment().prop_map(Change::PutAssignment),
            3 => any::<(prop::sample::Index, u32)>().prop_map(|(at, mask)| Change::RemoveAssignment(at, mask)),
            1 => any_assignment().prop_map(|assignment| Change::RemoveUnknownAssignment(assignment.id)),
            8 => pair().prop_map(|(group, member)| Change::AddMember(group, member)),
            3 => pair().prop_map(|(group, member)| Change::RemoveMember(group, member)),
        ]
    }

    /// Few changes, of which a failure is easily read, or as many as fill a scope.
    fn any_changes() -> impl Strategy<Value = Vec<Change>> {
        prop_oneof![
            4 => prop::collection::vec(any_change(), 0..40),
            1 => prop::collection::vec(any_change(), 80..160),
            1 => prop::collection::vec(crowding_change(), 20..80),
        ]
    }

    /// Changes of one scope, so that it has many assignments, and then few.
    fn crowding_change() -> impl Strategy<Value = Change> {
        let put = any_assignment().prop_map(|mut assignment| {
            assignment.scope = ResourceId::parse(&SCOPES[4].replace("{1}", SUBSCRIPTIONS[0])).unwrap();
            assignment
        });
        let put = (put, 0_u32..40).prop_map(|(mut assignment, number)| {
            assignment.id = assignment_id(&assignment.scope, number, 9, number);
            Change::PutAssignment(assignment)
        });
        prop_oneof![6 => put, 4 => any_change()]
    }

    /// Keys of the index's hash: one like any other, one that spreads badly, and one with which everything collides.
    fn any_key() -> impl Strategy<Value = [u64; 2]> {
        prop_oneof![any::<[u64; 2]>(), Just([1, 1 << 62]), Just([0, 0])]
    }

    fn change_both(index: &mut Index, world: &mut World, change: Change) {
        match change {
            Change::PutRole(role) => {
                world.roles.retain(|old| old.id != role.id);
                world.roles.push(role.clone());
                index.put_role(role);
            }
            Change::RemoveRole(id) => {
                world.roles.retain(|old| old.id != id);
                index.remove_role(id);
            }
            Change::KnowAction(action) => index.know_action(&action),
            Change::PutAssignment(assignment) => {
                world.assignments.retain(|old| old.id != assignment.id);
                world.assignments.push(assignment.clone());
                // Half of those that can be put in the quicker way are.
                let plain = PlainAssignment::name_in(assignment.id.folded(), &assignment.scope)
                    .filter(|name| name.as_bytes()[3] & 1 == 0)
                    .map(|name| PlainAssignment {
                        name,
                        role: assignment.role,
                        principal: assignment.principal,
                        window: assignment.window,
                        conditional: assignment.condition.is_some(),
                    });
                match plain {
                    Some(plain) => index.put_plain(&assignment.scope, [plain]),
                    None => index.put_assignment(assignment),
                }
            }
            Change::RemoveAssignment(at, mask) => {
                if !world.assignments.is_empty() {
                    let gone = world.assignments.remove(at.index(world.assignments.len()));
                    index.remove_assignment(&ResourceId::parse(&mangle(gone.id.as_str(), mask)).unwrap());
                }
            }
            Change::RemoveUnknownAssignment(id) => {
                world.assignments.retain(|old| old.id != id);
                index.remove_assignment(&id);
            }
            Change::AddMember(group, member) => {
                world.memberships.push((group, member));
                index.add_member(group, member);
            }
            Change::RemoveMember(group, member) => {
                world.memberships.retain(|pair| *pair != (group, member));
                index.remove_member(group, member);
            }
        }
    }

    fn build(key: [u64; 2], changes: Vec<Change>) -> (Index, World) {
        let (mut index, mut world) = (Index::with_key(key), World::default());
        changes.into_iter().for_each(|change| change_both(&mut index, &mut world, change));
        (index, world)
    }

    /// All that a decision says.
    type Said = Option<(ResourceId, ResourceId, RoleId, Vec<ObjectId>, Option<Timestamp>)>;

    fn said(decision: &Decision<'_>) -> Said {
        let grant = decision.grant()?;
        let role = grant.role().expect("the role of a grant is defined").id;
        Some((grant.assignment(), grant.scope(), role, grant.path(), grant.expires()))
    }

    /// Asks both, and compares what they say. Of the groups on the way the model knows how many there are.
    fn ask_both(
        index: &Index,
        world: &World,
        principal: ObjectId,
        action: &Action,
        scope: &ResourceId,
        now: Timestamp,
    ) -> Result<bool, TestCaseError> {
        let decision = index.check(principal, action, scope, now);
        let expected = world.reason(principal, action, scope, now);
        prop_assert_eq!(decision.is_allowed(), world.may(principal, action, scope, now));
        prop_assert_eq!(decision.is_allowed(), expected.is_some());
        if let (Some((id, at, role, path, expires)), Some((assignment, groups))) = (said(&decision), expected)
        {
            prop_assert_eq!(&id, &assignment.id);
            prop_assert_eq!(&at, &assignment.scope);
            prop_assert_eq!(role, assignment.role);
            prop_assert_eq!(expires, assignment.expires());
            prop_assert_eq!(path.len(), groups);
            // The path: from the principal through one group into the next, up to the holder.
            let way: Vec<ObjectId> = std::iter::once(principal).chain(path).collect();
            prop_assert!(way.windows(2).all(|step| world.memberships.contains(&(step[1], step[0]))));
            prop_assert_eq!(way.last(), Some(&assignment.principal));
        }
        Ok(decision.is_allowed())
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

    fn cases(ordinary: u32) -> ProptestConfig {
        let asked = std::env::var("COUNTERSIGN_CASES").ok();
        let cases = asked.map_or(ordinary, |number| number.parse().expect("COUNTERSIGN_CASES is a number"));
        ProptestConfig::with_cases(cases)
    }

    proptest! {
        #![proptest_config(cases(1024))]

        #[test]
        fn each_change_takes_effect_on_the_next_question(
            key in any_key(),
            changes in any_changes(),
            questions in prop::collection::vec((0..=PRINCIPALS, any_action(), any_scope(), 0_i64..6), 1..8),
        ) {
            let (mut index, mut world) = (Index::with_key(key), World::default());
            for (change, (principal, action, scope, second)) in changes.into_iter().zip(questions.iter().cycle()) {
                change_both(&mut index, &mut world, change);
                ask_both(&index, &world, object(*principal), action, scope, time(*second))?;
            }
            for (principal, action, scope, second) in &questions {
                ask_both(&index, &world, object(*principal), action, scope, time(*second))?;
            }
        }
    }

    proptest! {
        #![proptest_config(cases(256))]

        #[test]
        fn the_index_decides_as_the_model_does_and_for_the_same_reason(
            key in any_key(),
            changes in any_changes(),
            action in any_action(),
            scope in any_scope(),
            second in 0_i64..6,
        ) {
            let (index, world) = build(key, changes);
            let now = time(second);
            let mut allowed = BTreeSet::new();
            for principal in everyone() {
                let may = ask_both(&index, &world, principal, &action, &scope, now)?;
                allowed.extend(may.then_some(principal));
                let permissions = index.effective_permissions(principal, &scope, now);
                prop_assert_eq!(permissions.iter().any(|permission| permission.grants(&action)), may);
            }
            prop_assert_eq!(index.principals_allowed(&action, &scope, now), allowed);
        }

        #[test]
        fn groups_twins_and_subscriptions_are_those_of_the_model(
            key in any_key(),
            changes in any_changes(),
            scope in any_scope(),
            second in 0_i64..6,
        ) {
            let (index, world) = build(key, changes);
            let now = time(second);
            for principal in everyone() {
                let groups = index.groups_of(principal);
                let distinct: BTreeSet<ObjectId> = groups.iter().copied().collect();
                prop_assert_eq!(groups.len(), distinct.len());
                let expected = everyone().filter(|group| *group != principal && world.is_in(principal, *group));
                prop_assert_eq!(distinct, expected.collect::<BTreeSet<_>>());

                for role in (0..4).map(role_id) {
                    let twin = index.twin(principal, role, &scope, now);
                    prop_assert_eq!(twin.as_ref(), world.twin(principal, role, &scope, now));
                }

                let visible = index.visible_subscriptions(principal, now);
                for subscription in SUBSCRIPTIONS {
                    let subscription: SubscriptionId = subscription.parse().unwrap();
                    prop_assert_eq!(visible.includes(subscription), sees(&world, principal, subscription, now));
                }
            }
        }

        #[test]
        fn an_index_depends_on_what_is_in_it_and_not_on_how_it_came_there(
            key in any_key(),
            changes in any_changes(),
            action in any_action(),
            scope in any_scope(),
            second in 0_i64..6,
        ) {
            let (index, mut world) = build(key, changes);
            world.assignments.reverse();
            world.memberships.reverse();
            let afresh = Index::compile(world.roles, world.assignments, world.memberships);
            for principal in everyone() {
                let ask = |index: &Index| said(&index.check(principal, &action, &scope, time(second)));
                prop_assert_eq!(ask(&index), ask(&afresh));
                prop_assert_eq!(ask(&index), ask(&index.clone()));
                prop_assert_eq!(index.groups_of(principal), afresh.groups_of(principal));
                let permissions = |index: &Index| index.effective_permissions(principal, &scope, time(second));
                prop_assert_eq!(permissions(&index), permissions(&afresh));
            }
        }

        /// Who holds something by one of the assignments listed is exactly who may do it, and the list is complete.
        #[test]
        fn all_that_grants_something_is_listed(
            key in any_key(),
            changes in any_changes(),
            actions in prop::collection::vec(any_action(), 0..4),
            scope in any_scope(),
            below in any::<bool>(),
            second in 0_i64..6,
        ) {
            let (index, world) = build(key, changes);
            let now = time(second);
            let holdings = index.holdings(&actions, &scope, below, now);
            let listed: Vec<_> = holdings
                .iter()
                .map(|held| {
                    let text = |id: &ResourceId| id.as_str().to_lowercase();
                    (text(&held.assignment), text(&held.scope), held.role, held.holder, held.expires, held.actions.clone())
                })
                .collect();
            let granted = |role| {
                let places = actions.iter().enumerate().filter(|(_, action)| world.grants(role, action));
                places.map(|(at, _)| at).collect::<Vec<_>>()
            };
            let near = |at: &ResourceId| is_above(at, &scope) || below && is_above(&scope, at);
            let mut expected: Vec<_> = world
                .assignments
                .iter()
                .filter(|one| near(&one.scope) && world.gives(one, now) && !granted(one.role).is_empty())
                .map(|one| {
                    let text = |id: &ResourceId| id.as_str().to_lowercase();
                    (text(&one.id), text(&one.scope), one.role, one.principal, one.expires(), granted(one.role))
                })
                .collect();
            expected.sort();
            prop_assert_eq!(listed, expected);
            for principal in everyone() {
                let held = |at: usize| {
                    holdings.iter().any(|held| held.actions.contains(&at) && index.members_of(held.holder).contains(&principal))
                };
                for (at, action) in actions.iter().enumerate().filter(|_| !below) {
                    prop_assert_eq!(held(at), index.check(principal, action, &scope, now).is_allowed());
                }
                for holding in &holdings {
                    let is_in = index.members_of(holding.holder).contains(&principal);
                    prop_assert_eq!(is_in, world.is_in(principal, holding.holder));
                    let path = index.path_to(principal, holding.holder);
                    prop_assert!(!is_in || path.last().is_none_or(|last| *last == holding.holder));
                    prop_assert!(!is_in || path.is_empty() == (principal == holding.holder));
                }
            }
        }

        #[test]
        fn what_is_removed_leaves_nothing_behind(key in any_key(), changes in any_changes(), action in any_action()) {
            let (mut index, world) = build(key, changes);
            for assignment in &world.assignments {
                index.remove_assignment(&assignment.id);
            }
            for (group, member) in &world.memberships {
                index.remove_member(*group, *member);
            }
            prop_assert!(index.holds_nothing());
            for scope in SCOPES.map(|scope| ResourceId::parse(scope).unwrap()) {
                prop_assert!(index.principals_allowed(&action, &scope, time(1)).is_empty());
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
    fn an_id_has_one_assignment_in_whichever_way_it_was_put() {
        let subscription = ResourceId::parse(&format!("/subscriptions/{}", SUBSCRIPTIONS[0])).unwrap();
        let plain = PlainAssignment {
            name: Uuid::from_u128(5),
            role: role_id(0),
            principal: object(1),
            window: None,
            conditional: false,
        };
        let id = assignment_id(&subscription, 0, 3, 0);
        let id = ResourceId::parse(&id.as_str().replace(&Uuid::nil().to_string(), &plain.name.to_string()));
        let id = id.unwrap();
        // One that claims to be at the root under an id that lies at the subscription.
        let odd = Assignment::new(id.clone(), ResourceId::root(), role_id(0), object(0), PrincipalKind::User);
        let mut index = Index::new();
        index.put_assignment(&odd);
        index.put_plain(&subscription, [plain, plain]);
        index.remove_assignment(&id);
        assert!(index.holds_nothing());
        index.put_plain(&subscription, [plain]);
        index.put_assignment(&odd);
        index.remove_assignment(&id);
        assert!(index.holds_nothing());
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
        let root = ResourceId::root();
        let decision = index.check(object(0), &rbac::action!("A.B/c/read"), &root, time(10));
        assert_eq!(decision.grant().unwrap().path().len() as u128, DEPTH);
        assert_eq!(index.groups_of(object(7)).len() as u128, DEPTH);
        assert_eq!(index.visible_subscriptions(object(0), time(10)), Visibility::All);
    }

    #[test]
    fn a_chain_of_groups_grows_and_breaks_link_by_link() {
        const DEPTH: u128 = 300;
        let (action, root) = (rbac::action!("A.B/c/read"), ResourceId::root());
        let roles = rbac::builtin_roles().iter().cloned();
        let mut index = Index::compile(roles, [reader(object(DEPTH), "/")], []);
        for number in (0..DEPTH).rev() {
            index.add_member(object(number + 1), object(number));
        }
        let holds =
            |index: &Index, number| index.check(object(number), &action, &root, time(10)).is_allowed();
        assert!((0..=DEPTH).all(|number| holds(&index, number)));
        assert_eq!(index.groups_of(object(0)).len() as u128, DEPTH);
        index.remove_member(object(101), object(100));
        assert_eq!(index.groups_of(object(0)).len(), 100);
        assert!((0..=DEPTH).all(|number| holds(&index, number) == (number > 100)));
        index.add_member(object(101), object(100));
        assert!((0..=DEPTH).all(|number| holds(&index, number)));
        assert_eq!(index.principals_allowed(&action, &root, time(10)).len() as u128, DEPTH + 1);
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
