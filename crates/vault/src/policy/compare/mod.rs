//! Whether a policy is weaker than another (contract 7.3).
//!
//! `compare(a, b)` is not weaker only if every part of `a` has a match in `b` that runs at least as often, on the
//! same days, and keeps the same choices at least as long. What cannot be compared is weaker. Every single rule is an
//! order, and so is all of them together.

mod retention;
mod rules;
mod schedule;

use super::PolicyBody;
use super::body::Meaning;
use super::plan::{Kind, Part, PartName, Plan};
use super::reason::{Reason, What};
use super::rest::Rest;

/// What [`compare`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// At least as strong in every respect.
    NotWeaker,
    /// Weaker in some respect, or not comparable in it. Never empty.
    Weaker(Vec<Reason>),
}

/// Whether `after` is weaker than `before`.
pub fn compare(before: &PolicyBody, after: &PolicyBody) -> Verdict {
    let mut reasons = Vec::new();
    match (before.meaning(), after.meaning()) {
        (Some(Meaning::Plan(before)), Some(Meaning::Plan(after))) => {
            compare_plans(before, after, &mut reasons);
        }
        (Some(Meaning::Rules(before)), Some(Meaning::Rules(after))) => {
            let found = rules::compare(before, after);
            reasons.extend(found.into_iter().map(|what| Reason::new(PartName::Whole, what)));
        }
        (Some(Meaning::Plan(_) | Meaning::Rules(_)) | None, _) if before.raw() == after.raw() => {}
        (Some(Meaning::Plan(_) | Meaning::Rules(_)) | None, _) => {
            reasons.push(Reason::new(PartName::Whole, What::Unreadable))
        }
    }
    if reasons.is_empty() { Verdict::NotWeaker } else { Verdict::Weaker(reasons) }
}

fn compare_plans(before: &Plan, after: &Plan, reasons: &mut Vec<Reason>) {
    // The time zone moves backups, but makes them neither fewer nor rarer (contract 7.3 rule 4).
    let Plan { kind, workload, is_in_utc: _, parts, rest } = before;
    let whole = |what| Reason::new(PartName::Whole, what);
    if kind.as_str() != after.kind.as_str() {
        let (before, after) = (kind.as_str().to_string(), after.kind.as_str().to_string());
        reasons.push(whole(What::Kind { aspect: "backup management type", before, after }));
        return;
    }
    if let (Kind::IaasVm { version: before }, Kind::IaasVm { version: after }) = (*kind, after.kind)
        && after < before
    {
        let (before, after) = (format!("V{before}"), format!("V{after}"));
        reasons.push(whole(What::Kind { aspect: "policy type", before, after }));
    }
    if *workload != after.workload {
        let (before, after) =
            (workload.clone().unwrap_or_default(), after.workload.clone().unwrap_or_default());
        reasons.push(whole(What::Kind { aspect: "workload type", before, after }));
    }
    for (name, part) in parts {
        let found = match after.parts.get(name) {
            Some(after) => compare_parts(part, after),
            None => vec![What::PartGone],
        };
        reasons.extend(found.into_iter().map(|what| Reason::new(*name, what)));
    }
    reasons.extend(not_understood(rest, &after.rest).map(whole));
}

fn compare_parts(before: &Part, after: &Part) -> Vec<What> {
    let Part { schedule, retention, vault_retention, instant_days, rest } = before;
    let mut found = schedule::compare(schedule.as_ref(), after.schedule.as_ref());
    found.extend(retention::compare(
        "retention",
        (retention.as_ref(), schedule.as_ref()),
        (after.retention.as_ref(), after.schedule.as_ref()),
    ));
    found.extend(retention::compare(
        "vault retention",
        (vault_retention.as_ref(), schedule.as_ref()),
        (after.vault_retention.as_ref(), after.schedule.as_ref()),
    ));
    found.extend(instant(*instant_days, after.instant_days));
    found.extend(not_understood(rest, &after.rest));
    found
}

fn not_understood<'a>(before: &'a Rest, after: &'a Rest) -> impl Iterator<Item = What> + use<'a> {
    before.differences(after).into_iter().map(|name| What::NotUnderstood { name: name.to_string() })
}

fn instant(before: Option<u32>, after: Option<u32>) -> Option<What> {
    let what = "instant restore retention".to_string();
    match (before?, after) {
        (before, None) => Some(What::Gone { what, before }),
        (before, Some(after)) if after < before => Some(What::Falls { what, before, after }),
        (_, Some(_)) => None,
    }
}
