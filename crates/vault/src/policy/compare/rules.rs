//! Whether a policy of a Backup vault is weaker than another (contract 7.4).
//!
//! Every backup rule must go on, into the same store, at least as often, with its tags on at least the same backups;
//! every tag must keep them at least as long in every store; every copy must still be made, no later.

use super::super::reason::What;
use super::super::rules::{BackupRule, CopyTime, Lifecycle, Lifecycles, Rules, Selection};
use super::schedule;

/// Every way in which `after` is weaker than `before`.
pub(super) fn compare(before: &Rules, after: &Rules) -> Vec<What> {
    let Rules { datasource_types, backups, retentions, rest } = before;
    let mut found = Vec::new();
    if *datasource_types != after.datasource_types {
        let text = |rules: &Rules| rules.datasource_types.iter().cloned().collect::<Vec<_>>().join(", ");
        let (before, after) = (text(before), text(after));
        found.push(What::Kind { aspect: "kind of source", before, after });
    }
    for (name, rule) in backups {
        match after.backups.get(name) {
            None => found.push(What::RuleGone { name: name.clone() }),
            Some(after) => found.extend(of_rule(name, backup_rule(rule, after))),
        }
    }
    for (tag, lifecycles) in retentions {
        match after.retentions.get(tag) {
            None => found.push(What::RuleGone { name: tag.clone() }),
            Some(after) => found.extend(of_rule(tag, retention_rule(lifecycles, after))),
        }
    }
    // Where nothing is tagged, the longest rule keeps everything.
    if !before.tags_anything() && after.tags_anything() {
        found.push(What::KeptDays { what: "what has no tag".into(), gone: None });
    }
    let differences = rest.differences(&after.rest).into_iter();
    found.extend(differences.map(|name| What::NotUnderstood { name: name.to_string() }));
    found
}

fn of_rule(name: &str, found: Vec<What>) -> impl Iterator<Item = What> {
    found.into_iter().map(move |what| What::OfRule { name: name.to_string(), what: Box::new(what) })
}

fn backup_rule(before: &BackupRule, after: &BackupRule) -> Vec<What> {
    let BackupRule { backup_type, store, schedule, tags } = before;
    let mut found = schedule::compare(Some(schedule), Some(&after.schedule));
    for (aspect, before, after) in
        [("backup type", backup_type, &after.backup_type), ("data store", store, &after.store)]
    {
        if before != after {
            found.push(What::Kind { aspect, before: before.clone(), after: after.clone() });
        }
    }
    for (tag, selection) in tags {
        if !after.tags.get(tag).is_some_and(|after| covers(after, selection)) {
            found.push(What::KeptDays { what: format!("the tag '{tag}'"), gone: None });
        }
    }
    found
}

/// Whether a tag is on at least the same backups.
fn covers(after: &Selection, before: &Selection) -> bool {
    match (after, before) {
        (Selection::All, Selection::All | Selection::Some(_)) => true,
        (Selection::Some(_), Selection::All) => false,
        (Selection::Some(after), Selection::Some(before)) => after.is_superset(before),
    }
}

fn retention_rule(before: &Lifecycles, after: &Lifecycles) -> Vec<What> {
    let mut found = Vec::new();
    for (store, lifecycle) in before {
        let Lifecycle { days, copies } = lifecycle;
        let what = format!("retention in '{store}'");
        let Some(after) = after.get(store) else {
            found.push(What::Gone { what, before: *days });
            continue;
        };
        for (to, time) in copies {
            if !after.copies.get(to).is_some_and(|after| no_later(after, time)) {
                found.push(What::Copy { what: format!("what is in '{store}'"), to: to.clone() });
            }
        }
        if after.days < *days {
            found.push(What::Falls { what, before: *days, after: after.days });
        }
    }
    found
}

fn no_later(after: &CopyTime, before: &CopyTime) -> bool {
    *after == CopyTime::AtOnce || after == before
}
