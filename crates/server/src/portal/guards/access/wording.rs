//! What actions are called: the patterns of a role as lists that people read.

use rbac::ActionPattern;

use crate::portal::guards::holdings::Role;
use crate::portal::guards::table::sentence;

/// What a role lets its holder do with one sort of thing.
pub struct Chapter {
    /// The sort of thing.
    pub title: &'static str,
    /// What may be done, with the pattern that says so.
    pub lines: Vec<(String, String)>,
}

/// The sorts of things, by the beginning of their actions: the first that fits counts.
const SORTS: [(&str, &str); 9] = [
    ("microsoft.dataprotection/subscriptions/resourcegroups/providers/resourceguards", "Resource Guards"),
    ("microsoft.dataprotection/subscriptions/providers/resourceguards", "Resource Guards"),
    ("microsoft.dataprotection/resourceguards", "Resource Guards"),
    ("microsoft.dataprotection", "Backup vaults"),
    ("microsoft.recoveryservices", "Recovery Services vaults"),
    ("microsoft.authorization", "Access"),
    ("microsoft.insights", "Alerts and the activity log"),
    ("microsoft.alertsmanagement", "Alerts and the activity log"),
    ("microsoft.resources", "Subscriptions and resource groups"),
];
/// Everything else.
const OTHERS: &str = "Other services";
/// What holds for all sorts.
const ALL: &str = "Everything";
/// How many lines a summary has.
const SHORT: usize = 6;

/// Actions by the sort of thing that they are about, in a fixed order.
pub fn chapters<'a>(patterns: impl Iterator<Item = &'a ActionPattern>) -> Vec<Chapter> {
    let mut order: Vec<&'static str> = vec![ALL];
    order.extend(SORTS.iter().map(|(_, title)| *title));
    order.push(OTHERS);
    order.dedup();
    let mut found: Vec<(&'static str, (String, String))> = Vec::new();
    for pattern in patterns {
        found.push((sort_of(pattern.as_str()), (words(pattern.as_str()), pattern.as_str().to_string())));
    }
    let mut chapters: Vec<Chapter> = Vec::new();
    for title in order {
        if chapters.iter().any(|chapter| chapter.title == title) {
            continue;
        }
        let lines: Vec<(String, String)> =
            found.iter().filter(|(of, _)| *of == title).map(|(_, line)| line.clone()).collect();
        if !lines.is_empty() {
            chapters.push(Chapter { title, lines });
        }
    }
    chapters
}

/// The heart of a role: what it lets its holder change or do, a few lines at the most.
pub fn in_short(role: &Role) -> Vec<String> {
    let patterns = role.properties.permissions.iter().flat_map(|one| &one.actions);
    let mut lines = Vec::new();
    for chapter in chapters(patterns) {
        let reads = chapter.lines.iter().all(|(_, pattern)| pattern.ends_with("/read"));
        let what = match (chapter.title, reads) {
            (ALL, true) => "See everything".to_string(),
            (ALL, false) => "Do anything that the role does not leave out".to_string(),
            (title, true) => format!("See: {title}"),
            (title, false) => {
                let lines = chapter.lines.iter().filter(|(_, pattern)| !pattern.ends_with("/read"));
                let words: Vec<String> = lines.take(4).map(|(words, _)| words.to_lowercase()).collect();
                format!("{title}: {}, …", words.join(", "))
            }
        };
        lines.push(what);
    }
    lines.truncate(SHORT);
    lines
}

fn sort_of(pattern: &str) -> &'static str {
    let folded = pattern.to_ascii_lowercase();
    if folded.starts_with('*') {
        return ALL;
    }
    SORTS.iter().find(|(begin, _)| folded.starts_with(begin)).map_or(OTHERS, |(_, title)| title)
}

/// An action in words: `Change: backup policies`.
pub fn words(pattern: &str) -> String {
    let mut segments: Vec<&str> = pattern.split('/').collect();
    let last = segments.pop().unwrap_or_default();
    let named = |noun: &&str| if *noun == "*" { "all".to_string() } else { spaced(noun) };
    let mut nouns: Vec<String> = segments.iter().skip(1).filter(|noun| !is_way(noun)).map(named).collect();
    if nouns.is_empty() {
        nouns.extend(segments.iter().skip(1).next_back().map(named));
    }
    // What everything in a vault has in common goes without saying.
    if nouns.len() > 1 && nouns.first().is_some_and(|first| VAULTS.contains(&first.as_str())) {
        nouns.remove(0);
    }
    let (verb, nouns) = match (last.to_ascii_lowercase().as_str(), nouns.as_slice()) {
        ("read", _) => ("see", nouns),
        ("write", _) => ("create and change", nouns),
        ("delete", _) => ("delete", nouns),
        ("*", _) => ("do anything with", nouns),
        ("action", [all]) if all == "all" => return "Carry out every action".into(),
        ("action", [above @ .., act]) => {
            let on = if above.is_empty() { String::new() } else { format!(" ({})", above.join(", ")) };
            return sentence(&format!("{}{on}", act));
        }
        (_, _) => ("do", nouns),
    };
    let everything = nouns.is_empty() || nouns == ["all"];
    match everything {
        true if last == "*" => "Do anything".into(),
        true => sentence(&format!("{verb} everything")),
        false => sentence(&format!("{verb} {}", nouns.join(", "))),
    }
}

/// What vaults are called in actions.
const VAULTS: [&str; 2] = ["vaults", "backup vaults"];

/// Segments that say where things are and not what they are.
fn is_way(noun: &str) -> bool {
    ["providers", "subscriptions", "resourceGroups", "backupFabrics", "protectionContainers"]
        .iter()
        .any(|way| way.eq_ignore_ascii_case(noun))
}

/// `backupResourceGuardProxies` as `backup resource guard proxies`; abbreviations stay.
fn spaced(noun: &str) -> String {
    let mut text = String::new();
    let mut before = None;
    let mut letters = noun.chars().peekable();
    while let Some(letter) = letters.next() {
        let begins = letter.is_uppercase()
            && before.is_some_and(|before: char| before.is_lowercase())
            && letters.peek().is_none_or(|next| next.is_lowercase() || next.is_uppercase());
        if begins {
            text.push(' ');
        }
        let alone =
            letters.peek().is_some_and(|next| next.is_uppercase()) || before.is_some_and(char::is_uppercase);
        match alone {
            true => text.push(letter),
            false => text.extend(letter.to_lowercase()),
        }
        before = Some(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_have_words() {
        for (pattern, said) in [
            ("*", "Do anything"),
            ("*/read", "See everything"),
            ("Microsoft.DataProtection/*/read", "See everything"),
            ("Microsoft.DataProtection/*/action", "Carry out every action"),
            ("Microsoft.RecoveryServices/Vaults/backupPolicies/write", "Create and change backup policies"),
            (
                "Microsoft.RecoveryServices/Vaults/backupFabrics/protectionContainers/protectedItems/delete",
                "Delete protected items",
            ),
            ("Microsoft.RecoveryServices/Vaults/backupSecurityPIN/action", "Backup security PIN"),
            ("Microsoft.RecoveryServices/Vaults/write", "Create and change vaults"),
            ("Microsoft.Resources/subscriptions/resourceGroups/read", "See resource groups"),
            ("Microsoft.Authorization/*", "Do anything"),
        ] {
            assert_eq!(words(pattern), said, "{pattern}");
        }
    }

    #[test]
    fn a_chapter_stands_once() {
        let patterns: Vec<ActionPattern> = rbac::builtin_roles()
            .iter()
            .flat_map(|role| &role.permissions)
            .flat_map(|permission| permission.actions.clone())
            .collect();
        let chapters = chapters(patterns.iter());
        let mut titles: Vec<&str> = chapters.iter().map(|chapter| chapter.title).collect();
        let lines: usize = chapters.iter().map(|chapter| chapter.lines.len()).sum();
        assert_eq!(lines, patterns.len(), "every action is listed");
        titles.sort_unstable();
        titles.dedup();
        assert_eq!(titles.len(), chapters.len());
    }
}
