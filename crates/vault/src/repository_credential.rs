//! What backup clients sign in with at a repository: user name, secret, and how far it goes.

use std::collections::BTreeMap;

use arm::ResourceId;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// What a repository credential is good for. Deletes hide and never destroy, whatever the right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RepositoryRight {
    /// Making backups. What was backed up cannot be read with it, and nothing can be removed.
    Append,
    /// Reading and restoring. Nothing can be stored or removed with it.
    Read,
    /// Both, and removing snapshots, packs and indexes, as `forget --prune` does.
    Prune,
    /// All that the repository's address has, keys and (with a security PIN) the config included.
    #[default]
    Full,
}

impl RepositoryRight {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Append, Self::Read, Self::Prune, Self::Full];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Append => "Append",
            Self::Read => "Read",
            Self::Prune => "Prune",
            Self::Full => "Full",
        }
    }

    /// Reads the word, in any case.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.as_str().eq_ignore_ascii_case(text))
    }
}

/// A secret that another one has taken the place of, and that works for a while yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetiringSecret {
    /// From when it does not work any more.
    pub expires: Timestamp,
    /// SHA-256 of the secret, in hex.
    pub secret_hash: String,
}

/// What a backup client signs in with at one item's repository.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RepositoryCredential {
    /// When it was issued.
    pub created: Timestamp,
    /// Who asked for it.
    pub created_by: String,
    /// The item it opens.
    pub item: ResourceId,
    /// The secret before the present one, if it was rotated.
    #[serde(default)]
    pub previous: Option<RetiringSecret>,
    /// The item's short name.
    pub repository: String,
    /// How far it goes. Those from before there were rights go all the way.
    #[serde(default)]
    pub right: RepositoryRight,
    /// SHA-256 of the secret, in hex. The secret itself has 256 bits of randomness and is shown once.
    pub secret_hash: String,
    /// The user name; unique.
    pub user_name: String,
}

impl RepositoryCredential {
    /// The hashes of the secrets that are good at a time: the present one, and perhaps the one before.
    pub fn secret_hashes(&self, at: Timestamp) -> impl Iterator<Item = &str> {
        let previous = self.previous.as_ref().filter(|previous| at < previous.expires);
        std::iter::once(self.secret_hash.as_str())
            .chain(previous.map(|previous| previous.secret_hash.as_str()))
    }

    /// The same with another secret. The present one works until `retires`; one that was retiring already does not any
    /// more.
    pub fn rotated(&self, secret_hash: String, retires: Timestamp) -> Self {
        let previous = RetiringSecret { expires: retires, secret_hash: self.secret_hash.clone() };
        Self { previous: Some(previous), secret_hash, ..self.clone() }
    }
}

/// On which days, in UTC, the secrets of a credential were used last. It is written once a day, and says when nobody uses
/// a secret any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialUse {
    /// By the secret's hash.
    pub days: BTreeMap<String, Date>,
    /// The credential.
    pub user_name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_rotations_the_first_secret_does_not_survive_the_second() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let first = RepositoryCredential {
            created: at(0),
            created_by: "alice".into(),
            item: ResourceId::parse("/subscriptions/0/x/y").unwrap(),
            previous: None,
            repository: "item".into(),
            right: RepositoryRight::Append,
            secret_hash: "1".into(),
            user_name: "user".into(),
        };
        let good = |credential: &RepositoryCredential, second| {
            credential.secret_hashes(at(second)).map(str::to_string).collect::<Vec<_>>()
        };
        assert_eq!(good(&first, 0), ["1"]);
        let second = first.rotated("2".into(), at(10));
        assert_eq!((good(&second, 9), good(&second, 10)), (vec!["2".into(), "1".into()], vec!["2".into()]));
        assert_eq!(good(&second.rotated("3".into(), at(10)), 0), ["3", "2"]);
        assert_eq!(second.rotated("3".into(), at(10)).right, RepositoryRight::Append);
    }

    #[test]
    fn rights_are_read_in_any_case_and_absence_is_all_of_them() {
        for right in RepositoryRight::ALL {
            assert_eq!(RepositoryRight::parse(&right.as_str().to_ascii_lowercase()), Some(right));
        }
        assert_eq!(RepositoryRight::parse("write"), None);
        assert_eq!(RepositoryRight::default(), RepositoryRight::Full);
    }
}
