//! What the ledger's own words mean.

use mua::CriticalOperation;

/// What is done to directories: the ledger's name and how it is said.
const DIRECTORY: [(&str, &str); 20] = [
    ("directory.users.create", "Create a person"),
    ("directory.users.invite", "Invite a guest"),
    ("directory.users.update", "Change a person’s account"),
    ("directory.users.delete", "Delete a person"),
    ("directory.users.linkedAccounts.add", "Link two accounts"),
    ("directory.users.linkedAccounts.remove", "Undo the link of two accounts"),
    ("directory.groups.create", "Create a group"),
    ("directory.groups.delete", "Delete a group"),
    ("directory.groups.members.add", "Put a member into a group"),
    ("directory.groups.members.remove", "Take a member out of a group"),
    ("directory.signInPolicy.update", "Change the sign-in rules"),
    ("directory.secondFactor.enrol", "Set up a second factor"),
    ("directory.secondFactor.remove", "Remove a second factor"),
    ("directory.secondFactor.reset", "Reset somebody’s second factor"),
    ("directory.secondFactor.renewRecoveryCodes", "Make new recovery codes"),
    ("directory.accessPass.create", "Make a temporary access pass"),
    ("directory.accessPass.delete", "Withdraw a temporary access pass"),
    ("directory.signIn.locked", "Lock an account after wrong passwords"),
    ("directory.signIn.recoveryCode", "Sign in with a recovery code"),
    ("countersign.bootstrap", "Set the server up"),
];

/// What is done to vaults and repositories, where its name says it badly: how the name ends, and how it is said.
const ENDS: [(&str, &str); 27] = [
    ("repository.snapshot.arrive", "Receive a recovery point"),
    ("repository.snapshot.hide", "Hide a snapshot that a client removed"),
    ("repository.key.arrive", "Receive a repository key"),
    ("repository.key.hide", "Hide a repository key that a client removed"),
    ("repository.config.hide", "Replace the configuration of a repository"),
    ("repository.pin.try", "Try a security PIN"),
    ("/recoverypoints/missed", "Miss a recovery point"),
    ("/recoverypoints/resumed", "Receive recovery points again"),
    ("/freeze", "Freeze an item"),
    ("/repository/damage", "Find damaged backup data"),
    ("/repository/heal", "Find damaged backup data whole again"),
    ("/backupresourceguardproxies/unlockdelete/action", "Unlock a deletion"),
    ("/backupresourceguardproxies/write", "Link a vault with a Resource Guard"),
    ("/vaults/write", "Create or change a vault"),
    ("/backupvaults/write", "Create or change a vault"),
    ("/resourceguards/write", "Create or change a Resource Guard"),
    ("/backuppolicies/write", "Create or change a backup policy"),
    ("/protecteditems/write", "Protect an item or change its protection"),
    ("/backupinstances/write", "Protect an item or change its protection"),
    ("/repositorycredentials/write", "Make repository credentials"),
    ("/roleassignments/write", "Give a role"),
    ("/roleassignments/delete", "Take a role away"),
    ("/roleassignmentschedulerequests/write", "Ask for a role, give it or take it away"),
    ("/roleeligibilityschedulerequests/write", "Change who is eligible for a role"),
    ("/roleassignmentapprovals/stages/write", "Decide a request"),
    ("/rolemanagementpolicies/write", "Change a role’s settings"),
    ("/resourcegroups/write", "Create or change a resource group"),
];

/// An operation in words: by the table of critical operations, that of the directory, or read off its name.
pub fn operation(name: &str) -> String {
    if let Some(critical) = CriticalOperation::by_name(name) {
        return capitalised(critical.title());
    }
    if let Some((_, words)) = DIRECTORY.iter().find(|(known, _)| *known == name) {
        return (*words).to_string();
    }
    let name = name.split('#').next().unwrap_or(name);
    let folded = name.to_ascii_lowercase();
    if let Some((_, words)) = ENDS.iter().find(|(end, _)| folded.ends_with(end)) {
        return (*words).to_string();
    }
    let parts: Vec<&str> = name.split(['/', '.']).filter(|part| !part.is_empty()).collect();
    let said = match parts.as_slice() {
        [.., object, verb, "action"] => format!("{} {}", spaced(verb), spaced(object)),
        [.., object, "write"] => format!("change {}", spaced(object)),
        [.., object, verb] => format!("{} {}", spaced(verb), spaced(object)),
        _ => spaced(name),
    };
    capitalised(&said)
}

/// A fact's name in words.
pub fn fact(name: &str) -> String {
    capitalised(&spaced(name))
}

/// The ways of signing in that a token names.
pub fn methods(amr: &[String]) -> String {
    let words = amr.iter().map(|method| match method.as_str() {
        "pwd" => "a password",
        "otp" => "an authenticator",
        "mfa" => "a second factor",
        "hwk" | "fido" => "a passkey",
        other => other,
    });
    words.collect::<Vec<_>>().join(", ")
}

/// `backupPolicies` as `backup policies`; capitals that stand together stay.
fn spaced(name: &str) -> String {
    let mut words = String::with_capacity(name.len() + 4);
    let mut letters = name.chars().peekable();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        let alone = !letters.peek().is_some_and(|next| next.is_uppercase());
        if letter.is_uppercase() && before.is_lowercase() {
            words.push(' ');
        }
        if letter.is_uppercase() && alone && !before.is_uppercase() {
            words.extend(letter.to_lowercase());
        } else {
            words.push(letter);
        }
        before = letter;
    }
    words
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_said() {
        let cases = [
            ("Microsoft.RecoveryServices/vaults/backupSecurityPIN/action", "Get the security PIN"),
            (
                "Microsoft.RecoveryServices/Vaults/backupConfig/write",
                "Disable soft delete or security features",
            ),
            ("Microsoft.Authorization/roleAssignments/write", "Give a role"),
            ("Microsoft.Authorization/locks/write", "Change locks"),
            (
                "Microsoft.Authorization/roleAssignmentScheduleRequests/cancel/action",
                "Cancel role assignment schedule requests",
            ),
            ("Microsoft.DataProtection/resourceGuards/delete", "Delete resource guards"),
            ("directory.groups.members.add", "Put a member into a group"),
            ("repository.snapshot.arrive", "Receive a recovery point"),
            ("directory.new.thing", "Thing new"),
            ("", ""),
        ];
        for (name, words) in cases {
            assert_eq!(operation(name), words, "{name}");
        }
    }

    #[test]
    fn names_are_taken_apart() {
        let cases = [
            ("recoverableUntil", "Recoverable until"),
            ("backupSecurityPIN", "Backup security PIN"),
            ("item", "Item"),
        ];
        for (name, words) in cases {
            assert_eq!(fact(name), words);
        }
    }
}
