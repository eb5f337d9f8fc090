//! Every built-in role against every action of the story, as a table to be read. A changed permission is a changed
//! cell in `tests/golden/permission-matrix.txt`, which only `UPDATE_GOLDEN=1` rewrites, and never in CI.

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::path::Path;

    use rbac::{Action, RoleDefinition, builtin_roles};

    /// What some actions share, and the rest of each.
    const STORY: [(&str, &[&str]); 7] = [
        (
            "Microsoft.RecoveryServices/Vaults",
            &[
                "read",
                "write",
                "delete",
                "backupconfig/write",
                "backupPolicies/write",
                "backupPolicies/delete",
                "backupResourceGuardProxies/read",
                "backupResourceGuardProxies/write",
                "backupResourceGuardProxies/delete",
                "backupResourceGuardProxies/unlockDelete/action",
                "backupSecurityPIN/action",
                "registeredIdentities/delete",
            ],
        ),
        (
            "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems",
            &["write", "delete", "backup/action", "recoveryPoints/read", "recoveryPoints/restore/action"],
        ),
        (
            "Microsoft.DataProtection/subscriptions/resourceGroups/providers/resourceGuards",
            &[
                "read",
                "write",
                "delete",
                "deleteProtectedItemRequests/action",
                "updateProtectionPolicyRequests/action",
                "deleteResourceGuardProxyRequests/action",
                "disableSoftDeleteRequests/action",
            ],
        ),
        (
            "Microsoft.Authorization",
            &[
                "roleAssignments/read",
                "roleAssignments/write",
                "roleAssignments/delete",
                "roleManagementPolicies/write",
                "locks/write",
                "locks/delete",
            ],
        ),
        ("Microsoft.Resources/subscriptions/resourceGroups", &["read", "write", "delete"]),
        ("Microsoft.RecoveryServices", &["register/action"]),
        ("Microsoft.DataProtection", &["register/action"]),
    ];
    /// As wide as the longest rest of an action, with its indent and a gap.
    const FIRST_COLUMN: usize = 51;
    /// The lines of a heading: the most words in a role's name.
    const HEADING: usize = 3;

    /// The words of a role's name, of which the last stands on the last line of the heading.
    fn words(role: &RoleDefinition) -> Vec<&str> {
        let words: Vec<&str> = role.role_name.split(' ').collect();
        let blank = HEADING - words.len();
        std::iter::repeat_n("", blank).chain(words).collect()
    }

    fn row(text: &mut String, first: &str, cell: impl Fn(&RoleDefinition) -> String) {
        let mut line = format!("{first:<FIRST_COLUMN$}");
        for role in builtin_roles() {
            let width = words(role).iter().map(|word| word.len()).max().unwrap() + 2;
            let _ = write!(line, "{:<width$}", cell(role));
        }
        let _ = writeln!(text, "{}", line.trim_end());
    }

    fn table() -> String {
        let mut text = String::from(
            "Which built-in role grants which action of the story.\n\
             Written by tests/permission_matrix.rs; UPDATE_GOLDEN=1 rewrites it.\n\n",
        );
        for line in 0..HEADING {
            row(&mut text, "", |role| words(role)[line].to_string());
        }
        for (shared, rests) in STORY {
            let _ = writeln!(text, "\n{shared}/");
            for rest in rests {
                let action = Action::parse(&format!("{shared}/{rest}")).unwrap();
                let cell =
                    |role: &RoleDefinition| if role.grants(&action) { "yes" } else { "no" }.to_string();
                row(&mut text, &format!("  {rest}"), cell);
            }
        }
        text
    }

    #[test]
    fn the_permission_matrix_is_the_golden_one() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/permission-matrix.txt");
        let set = |name: &str, value: &str| std::env::var(name).is_ok_and(|is| is == value);
        if set("UPDATE_GOLDEN", "1") {
            assert!(!set("CI", "true"), "golden files are updated by people, not by CI");
            std::fs::write(&path, table()).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            table(),
            golden,
            "the permission matrix has changed; if it should, run with UPDATE_GOLDEN=1"
        );
    }
}
