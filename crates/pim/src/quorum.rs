//! Whether the people who approve are enough, and really others: what a security admin should know about a policy's
//! approvers before somebody asks at night, or before two accounts turn out to be one person.
//!
//! *Deadlock*: too few people could approve, so that nothing is approved any more. *Collusion*: fewer people than it
//! looks like decide, or one on both sides. A deadlock is found by asking [`RolePolicy::check_reach`] again, about the
//! directory as it would be with somebody missing, so that there is one rule about how many it takes.

use std::collections::{BTreeMap, BTreeSet};

use arm::{ObjectId, Result};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::policy::{Approver, ApproverKind};
use crate::view::{Names, expanded_principal};
use crate::{Eligibility, People, Person, PrincipalKind, RolePolicy};

/// The most approvers for which it is looked up whether one absence would block everything.
const MOST_ABSENT: usize = 100;

/// A human, under the accounts that the finding is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// Who it is.
    pub person: Person,
    /// The accounts, as the tenant of the policy's scope knows them.
    pub accounts: BTreeSet<ObjectId>,
}

/// Something about a policy's approvers that somebody should know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ApproverFinding {
    /// Too few people could approve: anybody's request, or that of somebody who is needed as an approver themselves.
    Deadlock {
        /// Whose request; `None` for anybody's.
        requester: Option<Who>,
        /// What [`RolePolicy::check_reach`] says.
        why: String,
    },
    /// Somebody who can change what the role's guards protect may also say who approves.
    ControlledFromTheVault(Who),
    /// It takes several people, and this approver holds all the time what changes the policy or the groups: they can make
    /// it one.
    ControlsTheQuorum(Who),
    /// Just enough people could approve: if this one is away, somebody's request cannot be approved.
    OneAbsenceBlocks(Who),
    /// One person is on the list in several places, and counts once.
    PersonTwice(Who),
    /// A line of the list that nobody stands behind: an empty group, an account that is disabled or gone, an application.
    NobodyBehind(ObjectId),
    /// An approver may ask for the role as well. Their own requests are still others' to approve.
    EligibleApprover(Who),
    /// An account in a group of approvers that is no person's, or not in use: it counts for nothing.
    NotAPerson(ObjectId),
}

/// What is known about people besides the policy, as accounts of its scope's tenant.
#[derive(Clone, Debug, Default)]
pub struct Involved {
    /// Who may ask for the role ([`RolePolicy::askers`]).
    pub askers: BTreeSet<ObjectId>,
    /// Who holds, all the time, what changes the policy or who is in a group.
    pub rulers: BTreeSet<ObjectId>,
    /// Those of them who can change a vault that a guard at the scope or below protects.
    pub vault_rulers: BTreeSet<ObjectId>,
}

impl RolePolicy {
    /// The accounts of people who may ask for the role at the scope, now or once their eligibility begins.
    pub fn askers(
        &self,
        eligibilities: &[Eligibility],
        people: &dyn People,
        now: Timestamp,
    ) -> BTreeSet<ObjectId> {
        let grants = eligibilities.iter().map(Eligibility::grant).filter(|grant| {
            grant.role == self.role() && self.scope().is_within(&grant.scope) && !grant.window.has_ended(now)
        });
        let accounts = grants.flat_map(|grant| match grant.principal_kind {
            PrincipalKind::Group => people.members_of(grant.principal),
            _ => BTreeSet::from([grant.principal]),
        });
        accounts.filter(|account| people.is_human(*account)).collect()
    }

    /// Everything there is to say about the approvers, the gravest first; nothing for a policy that asks nobody.
    pub fn approver_findings(&self, people: &dyn People, involved: &Involved) -> Vec<ApproverFinding> {
        if !self.needs_approval() {
            return Vec::new();
        }
        let lines = self.lines(people);
        let approvers = by_person(lines.iter().flat_map(|line| line.people.iter().copied()), people);
        let askers = by_person(involved.askers.iter().copied(), people);
        let both = |accounts: &BTreeSet<ObjectId>| {
            by_person(accounts.iter().copied(), people)
                .into_iter()
                .filter_map(|(person, accounts)| {
                    let approving = approvers.get(&person)?;
                    Some(Who { person, accounts: accounts.union(approving).copied().collect() })
                })
                .collect::<Vec<_>>()
        };
        let mut found = self.deadlocks(people, &askers, &approvers);
        found.extend(
            by_person(involved.vault_rulers.iter().copied(), people)
                .iter()
                .map(|(person, accounts)| ApproverFinding::ControlledFromTheVault(who(person, accounts))),
        );
        found.extend(twice(&lines, &approvers, people));
        found.extend(nobody(&lines));
        if approvers.keys().all(|one| self.check_reach(&Only { people, one }, None).is_err()) {
            found.extend(both(&involved.rulers).into_iter().map(ApproverFinding::ControlsTheQuorum));
        }
        found.extend(both(&involved.askers).into_iter().map(ApproverFinding::EligibleApprover));
        found.sort();
        found
    }

    /// Whether everybody whose request could be approved `before` a change of the directory still finds approvers
    /// `after` it, as far as they may still ask. `askers` are the accounts that may ask before and after.
    ///
    /// # Errors
    /// What [`RolePolicy::check_reach`] says about the first who finds too few.
    pub fn check_kept(
        &self,
        before: &dyn People,
        after: &dyn People,
        askers: &BTreeSet<ObjectId>,
    ) -> Result<()> {
        let (now, then) = (self.approvers(before), self.approvers(after));
        let pairs = askers.iter().map(|asker| (before.person_of(*asker), after.person_of(*asker)));
        // Whoever is no approver is answered like nobody in particular.
        let concerned: BTreeSet<_> = pairs
            .filter(|(one, other)| {
                one.as_ref().is_some_and(|one| now.contains(one))
                    || other.as_ref().is_some_and(|other| then.contains(other))
            })
            .collect();
        for (one, other) in std::iter::once((None, None)).chain(concerned) {
            if self.check_reach(before, one.as_ref()).is_ok() {
                self.check_reach(after, other.as_ref())?;
            }
        }
        Ok(())
    }

    fn deadlocks(
        &self,
        people: &dyn People,
        askers: &BTreeMap<Person, BTreeSet<ObjectId>>,
        approvers: &BTreeMap<Person, BTreeSet<ObjectId>>,
    ) -> Vec<ApproverFinding> {
        if let Err(error) = self.check_reach(people, None) {
            return vec![ApproverFinding::Deadlock { requester: None, why: error.message }];
        }
        let mut found = Vec::new();
        let mut served: Vec<Option<&Person>> = vec![None];
        for (person, accounts) in askers.iter().filter(|(person, _)| approvers.contains_key(*person)) {
            match self.check_reach(people, Some(person)) {
                Ok(()) => served.push(Some(person)),
                Err(error) => found.push(ApproverFinding::Deadlock {
                    requester: Some(who(person, accounts)),
                    why: error.message,
                }),
            }
        }
        if approvers.len() <= MOST_ABSENT {
            let blocks = |absent: &Person| {
                let rest = Without { people, absent };
                let others = served.iter().filter(|asker| **asker != Some(absent));
                others.into_iter().any(|asker| self.check_reach(&rest, *asker).is_err())
            };
            let absent = approvers.iter().filter(|(person, _)| blocks(person));
            found.extend(
                absent.map(|(person, accounts)| ApproverFinding::OneAbsenceBlocks(who(person, accounts))),
            );
        }
        found
    }

    /// The lines of the approver list, and who stands behind each.
    fn lines(&self, people: &dyn People) -> Vec<Line> {
        let line = |approver: &Approver| {
            let accounts = match approver.kind {
                ApproverKind::User => BTreeSet::from([approver.id]),
                ApproverKind::Group => people.members_of(approver.id),
            };
            let human =
                |account: &ObjectId| people.is_human(*account) && people.person_of(*account).is_some();
            let (humans, others) = accounts.into_iter().partition(human);
            Line { listed: approver.id, people: humans, others }
        };
        self.rules().approval.stages().flat_map(|stage| &stage.approvers).map(line).collect()
    }
}

/// A line of the approver list.
struct Line {
    listed: ObjectId,
    people: BTreeSet<ObjectId>,
    others: BTreeSet<ObjectId>,
}

fn who(person: &Person, accounts: &BTreeSet<ObjectId>) -> Who {
    Who { person: person.clone(), accounts: accounts.clone() }
}

fn by_person(
    accounts: impl IntoIterator<Item = ObjectId>,
    people: &dyn People,
) -> BTreeMap<Person, BTreeSet<ObjectId>> {
    let mut all: BTreeMap<Person, BTreeSet<ObjectId>> = BTreeMap::new();
    for account in accounts {
        if let Some(person) = people.person_of(account) {
            all.entry(person).or_default().insert(account);
        }
    }
    all
}

/// Those whom several lines lead to, or several accounts.
fn twice(
    lines: &[Line],
    approvers: &BTreeMap<Person, BTreeSet<ObjectId>>,
    people: &dyn People,
) -> Vec<ApproverFinding> {
    let leads = |line: &&Line, person: &Person| {
        line.people.iter().any(|account| people.person_of(*account).as_ref() == Some(person))
    };
    let several = |(person, accounts): &(&Person, &BTreeSet<ObjectId>)| {
        accounts.len() > 1 || lines.iter().filter(|line| leads(line, person)).count() > 1
    };
    let found = approvers.iter().filter(several);
    found.map(|(person, accounts)| ApproverFinding::PersonTwice(who(person, accounts))).collect()
}

fn nobody(lines: &[Line]) -> BTreeSet<ApproverFinding> {
    let mut found = BTreeSet::new();
    for line in lines {
        if line.people.is_empty() {
            found.insert(ApproverFinding::NobodyBehind(line.listed));
        }
        let others = line.others.iter().filter(|account| **account != line.listed);
        found.extend(others.map(|account| ApproverFinding::NotAPerson(*account)));
    }
    found
}

/// The directory with somebody missing.
struct Without<'a> {
    people: &'a dyn People,
    absent: &'a Person,
}

/// The directory with nobody but somebody.
struct Only<'a> {
    people: &'a dyn People,
    one: &'a Person,
}

macro_rules! narrowed {
    ($type:ident, |$this:ident, $person:ident| $stays:expr) => {
        impl People for $type<'_> {
            fn person_of(&self, object: ObjectId) -> Option<Person> {
                self.people.person_of(object)
            }

            fn is_human(&self, object: ObjectId) -> bool {
                let ($this, $person) = (self, self.people.person_of(object));
                self.people.is_human(object) && $stays
            }

            fn groups_of(&self, object: ObjectId) -> BTreeSet<ObjectId> {
                self.people.groups_of(object)
            }

            fn members_of(&self, group: ObjectId) -> BTreeSet<ObjectId> {
                self.people.members_of(group)
            }
        }
    };
}

narrowed!(Without, |this, person| person.as_ref() != Some(this.absent));
narrowed!(Only, |this, person| person.as_ref() == Some(this.one));

impl ApproverFinding {
    /// What the API calls it.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Deadlock { .. } => "Deadlock",
            Self::OneAbsenceBlocks(_) => "OneAbsenceBlocks",
            Self::PersonTwice(_) => "PersonTwice",
            Self::EligibleApprover(_) => "EligibleApprover",
            Self::NobodyBehind(_) => "NobodyBehind",
            Self::NotAPerson(_) => "NotAPerson",
            Self::ControlsTheQuorum(_) => "ControlsTheQuorum",
            Self::ControlledFromTheVault(_) => "ControlledFromTheVault",
        }
    }

    /// `Error`: consent cannot be had, or is in one hand. `Warning`: it soon may be. `Information` is the rest.
    pub fn severity(&self) -> &'static str {
        match self {
            Self::Deadlock { .. } | Self::ControlledFromTheVault(_) => "Error",
            Self::OneAbsenceBlocks(_)
            | Self::PersonTwice(_)
            | Self::NobodyBehind(_)
            | Self::ControlsTheQuorum(_) => "Warning",
            Self::EligibleApprover(_) | Self::NotAPerson(_) => "Information",
        }
    }

    /// The accounts it is about.
    pub fn accounts(&self) -> BTreeSet<ObjectId> {
        match self {
            Self::Deadlock { requester, .. } => {
                requester.as_ref().map(|who| who.accounts.clone()).unwrap_or_default()
            }
            Self::NobodyBehind(object) | Self::NotAPerson(object) => BTreeSet::from([*object]),
            Self::OneAbsenceBlocks(who)
            | Self::PersonTwice(who)
            | Self::EligibleApprover(who)
            | Self::ControlsTheQuorum(who)
            | Self::ControlledFromTheVault(who) => who.accounts.clone(),
        }
    }

    /// In words, with the names, and with what to do.
    pub fn message(&self, names: &dyn Names) -> String {
        let accounts: Vec<String> = self
            .accounts()
            .into_iter()
            .map(|account| names.principal(account))
            .map(|name| name.user_name.unwrap_or(name.display_name))
            .collect();
        let name = accounts.join(" and ");
        match self {
            Self::Deadlock { requester: None, why } => why.clone(),
            Self::Deadlock { requester: Some(_), why } => {
                format!("A request of {name}, who may ask, could not be approved. {why}")
            }
            Self::OneAbsenceBlocks(_) => {
                format!("Without {name} nobody's request could be approved any more: name one approver more.")
            }
            Self::PersonTwice(who) if who.accounts.len() > 1 => {
                format!("{name} are one person, who counts once.")
            }
            Self::PersonTwice(_) => format!("{name} is on the list in several places, and counts once."),
            Self::EligibleApprover(_) => format!(
                "Approves, and may ask as well: {name}. For their own requests they do not count, but two of this kind can \
                 do each other the favour."
            ),
            Self::NobodyBehind(_) => format!(
                "Nobody stands behind {name}: it is an empty group, an account that is disabled or gone, or an \
                 application. Only people approve."
            ),
            Self::NotAPerson(_) => {
                format!(
                    "{name} is among the approvers and counts for nothing: only people whose account is in use do."
                )
            }
            Self::ControlsTheQuorum(_) => format!(
                "It takes several approvers, and one of them may change by a standing right who approves and how many it \
                 takes: {name}. Let approvers hold no such right, or only by an activation that somebody else approves."
            ),
            Self::ControlledFromTheVault(_) => format!(
                "{name} can change a vault that is protected here, and by a standing right says who approves. Take away \
                 one of the two."
            ),
        }
    }

    /// As the API shows it.
    pub fn to_json(&self, policy: &RolePolicy, names: &dyn Names) -> Value {
        let accounts: Vec<Value> =
            self.accounts().into_iter().map(|account| expanded_principal(names, account)).collect();
        json!({
            "kind": self.kind(),
            "severity": self.severity(),
            "message": self.message(names),
            "policyId": policy.id(),
            "principals": accounts,
        })
    }
}
