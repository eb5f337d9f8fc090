//! A decision allocates nothing, whichever way it goes.

#[cfg(test)]
mod tests {
    use allocation_counter::measure;
    use arm::{ObjectId, ResourceId, RoleId};
    use jiff::Timestamp;
    use rbac::{Action, Assignment, Index, PrincipalKind, Window, action, builtin_roles, role_ids};
    use uuid::Uuid;

    const SUBSCRIPTION: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590";

    fn object(number: u128) -> ObjectId {
        ObjectId(Uuid::from_u128(number))
    }

    fn id(text: &str) -> ResourceId {
        ResourceId::parse(text).unwrap()
    }

    fn assignment(number: u128, scope: &str, role: RoleId, holder: ObjectId) -> Assignment {
        let name =
            format!("{scope}/providers/Microsoft.Authorization/roleAssignments/{}", Uuid::from_u128(number));
        Assignment::new(id(&name), id(scope), role, holder, PrincipalKind::Group)
    }

    /// Person 1 is in group 2, which is in group 3; group 3 reads everything in the subscription, where many others hold
    /// something too, the person keeps one vault's backups for a while, and administers at the root in vain.
    fn index() -> Index {
        let vault = format!("{SUBSCRIPTION}/resourceGroups/r/providers/Microsoft.RecoveryServices/vaults/v");
        let mut keeper = assignment(1, &vault, role_ids::BACKUP_CONTRIBUTOR, object(1));
        keeper.window = Some(Window { start: Timestamp::UNIX_EPOCH, end: Some(Timestamp::MAX) });
        let mut conditional = assignment(2, "/", role_ids::OWNER, object(1));
        conditional.condition = Some("@Resource[x] StringEquals 'y'".into());
        let reader = assignment(3, SUBSCRIPTION, role_ids::READER, object(3));
        let others =
            (100..300).map(|number| assignment(number, SUBSCRIPTION, role_ids::OWNER, object(number)));
        let assignments = others.chain([keeper, conditional, reader]);
        Index::compile(
            builtin_roles().iter().cloned(),
            assignments,
            [(object(3), object(2)), (object(2), object(1))],
        )
    }

    #[test]
    fn a_decision_allocates_nothing() {
        let index = index();
        let read = "Microsoft.RecoveryServices/Vaults/read";
        let item = format!(
            "{SUBSCRIPTION}/resourceGroups/R/providers/Microsoft.RecoveryServices/Vaults/V/backupPolicies/p"
        );
        let deep = format!("{SUBSCRIPTION}{}", "/a/b".repeat(60));
        // The action that no role names without a wildcard is matched against patterns.
        let cases = [
            (1, read, item.as_str(), true),
            (1, "Microsoft.RecoveryServices/Vaults/backupPolicies/write", &item, true),
            (1, "Microsoft.RecoveryServices/Vaults/delete", &item, false),
            (1, "Microsoft.Unheard/of/read", &item, true),
            (1, "Microsoft.Unheard/of/write", &item, false),
            (1, read, "/", false),
            (1, read, &deep, true),
            (9, read, &item, false),
            (1, read, "/subscriptions/other/resourceGroups/r", false),
        ];
        for (principal, action, scope, expected) in cases {
            let (action, scope) = (Action::parse(action).unwrap(), id(scope));
            let mut allowed = None;
            let allocations = measure(|| {
                let decision = index.check(object(principal), &action, &scope, Timestamp::UNIX_EPOCH);
                allowed = Some(decision.is_allowed());
            });
            assert_eq!(allowed, Some(expected), "{action} at {scope}");
            assert_eq!(allocations.count_total, 0, "{action} at {scope}");
        }
    }

    #[test]
    fn what_is_counted_is_what_is_allocated() {
        let index = index();
        let scope = id(SUBSCRIPTION);
        let decision = index.check(object(1), &action!("A.B/c/read"), &scope, Timestamp::UNIX_EPOCH);
        assert!(measure(|| drop(decision.explain())).count_total > 0);
    }
}
