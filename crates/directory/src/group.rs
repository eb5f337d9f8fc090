//! Groups, which may hold groups.

use std::collections::{BTreeMap, BTreeSet};

use arm::{ObjectId, TenantId};
use serde::{Deserialize, Serialize};

/// A security group of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Its id.
    pub id: ObjectId,
    /// The tenant it belongs to.
    pub tenant: TenantId,
    /// Its name, for people.
    pub name: String,
    /// The name Graph clients insist on when they make a group.
    pub mail_nickname: String,
    /// What it is for.
    pub description: Option<String>,
    /// The direct members: users, service principals and other groups of the same tenant.
    pub members: BTreeSet<ObjectId>,
}

/// All groups that `member` is in, directly or through other groups. Groups that contain each other are no
/// trouble.
///
/// It is asked at decision time and is not in tokens, so that leaving a group works at once (DESIGN 6).
pub fn memberships<'a>(member: ObjectId, groups: impl IntoIterator<Item = &'a Group>) -> BTreeSet<ObjectId> {
    let mut holders: BTreeMap<ObjectId, Vec<ObjectId>> = BTreeMap::new();
    for group in groups {
        for inner in &group.members {
            holders.entry(*inner).or_default().push(group.id);
        }
    }
    let mut found = BTreeSet::new();
    let mut open = vec![member];
    while let Some(inner) = open.pop() {
        for holder in holders.get(&inner).into_iter().flatten() {
            if found.insert(*holder) {
                open.push(*holder);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> ObjectId {
        ObjectId(Uuid::from_u128(n))
    }

    fn group(n: u128, members: &[u128]) -> Group {
        Group {
            id: id(n),
            tenant: TenantId(Uuid::nil()),
            name: format!("group {n}"),
            mail_nickname: format!("group{n}"),
            description: None,
            members: members.iter().copied().map(id).collect(),
        }
    }

    #[test]
    fn membership_is_transitive_and_survives_a_circle() {
        let groups = [group(1, &[100]), group(2, &[1, 3]), group(3, &[2]), group(4, &[200])];
        assert_eq!(memberships(id(100), &groups), BTreeSet::from([id(1), id(2), id(3)]));
        assert_eq!(memberships(id(200), &groups), BTreeSet::from([id(4)]));
        assert!(memberships(id(300), &groups).is_empty());
    }
}
