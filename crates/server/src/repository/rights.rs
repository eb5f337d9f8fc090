//! How far each right of a credential goes: one table.

use store::ObjectType;
use vault::RepositoryRight;

/// What a request does to objects of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// `GET {type}/`
    List,
    /// `GET` and `HEAD {type}/{name}`
    Read,
    /// `POST {type}/{name}`
    Store,
    /// `DELETE {type}/{name}`
    Remove,
}

/// Whether a right is enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// It is.
    All,
    /// For what the same credential stored.
    Own,
    /// As long as the repository never had a config: to initialize it.
    First,
    /// It is, and shows nothing.
    Nothing,
    /// It is not.
    Refused,
}

/// The table.
///
/// Append has what `restic backup` needs: config, keys and index to deduplicate by, and locks. It sees no snapshots; a
/// client that finds none reads all files again instead of comparing them with its last backup, and stores no more for
/// it. Locks are free for all, because every command of restic makes one, those that only read too.
pub fn reach(right: RepositoryRight, act: Act, object_type: ObjectType) -> Reach {
    use Act::{List, Read, Remove, Store};
    use ObjectType::{Config, Data, Index, Keys, Locks, Snapshots};
    use RepositoryRight::{Append, Full, Prune, Read as Reader};
    match (right, act, object_type) {
        (Full, List | Read | Store | Remove, Config | Data | Index | Keys | Locks | Snapshots) => Reach::All,

        (Append | Reader | Prune, List | Read | Store, Locks) => Reach::All,
        (Append | Reader, Remove, Locks) => Reach::Own,
        (Prune, Remove, Locks) => Reach::All,

        (Append | Reader | Prune, List | Read, Config | Keys | Index) => Reach::All,
        (Append, List, Snapshots) => Reach::Nothing,
        (Append, List, Data) => Reach::Refused,
        (Append, Read, Snapshots | Data) => Reach::Refused,
        (Reader | Prune, List | Read, Snapshots | Data) => Reach::All,

        (Append | Prune, Store, Data | Index | Snapshots) => Reach::All,
        (Append | Prune, Store, Config | Keys) => Reach::First,
        (Reader, Store, Config | Data | Index | Keys | Snapshots) => Reach::Refused,

        (Prune, Remove, Data | Index | Snapshots) => Reach::All,
        (Prune, Remove, Config | Keys) => Reach::Refused,
        (Append | Reader, Remove, Config | Data | Index | Keys | Snapshots) => Reach::Refused,
    }
}

/// Whether a right opens the views of recovery points: who may not read history may not read it there.
pub fn opens_views(right: RepositoryRight) -> bool {
    reach(right, Act::Read, ObjectType::Snapshots) == Reach::All
}

/// The rights that are enough, in words: `Read, Prune or Full`.
pub fn enough(is_enough: impl Fn(RepositoryRight) -> bool) -> String {
    let names: Vec<&str> = RepositoryRight::ALL
        .into_iter()
        .filter(|right| is_enough(*right))
        .map(RepositoryRight::as_str)
        .collect();
    match names.as_slice() {
        [] => "a right that no credential has".into(),
        [one] => (*one).into(),
        [firsts @ .., last] => format!("{} or {last}", firsts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TYPES: [ObjectType; 6] = [
        ObjectType::Config,
        ObjectType::Keys,
        ObjectType::Index,
        ObjectType::Snapshots,
        ObjectType::Data,
        ObjectType::Locks,
    ];

    /// One letter for each type, in the order of `TYPES`: all, own, first, nothing, or refused.
    fn row(right: RepositoryRight, act: Act) -> String {
        let letter = |object_type| match reach(right, act, object_type) {
            Reach::All => 'a',
            Reach::Own => 'o',
            Reach::First => 'f',
            Reach::Nothing => 'n',
            Reach::Refused => '-',
        };
        TYPES.into_iter().map(letter).collect()
    }

    #[test]
    fn the_whole_table() {
        use RepositoryRight::{Append, Full, Prune, Read};
        for (right, list, read, store, remove) in [
            //        config, keys, index, snapshots, data, locks
            (Append, "aaan-a", "aaa--a", "ffaaaa", "-----o"),
            (Read, "aaaaaa", "aaaaaa", "-----a", "-----o"),
            (Prune, "aaaaaa", "aaaaaa", "ffaaaa", "--aaaa"),
            (Full, "aaaaaa", "aaaaaa", "aaaaaa", "aaaaaa"),
        ] {
            let acts = [Act::List, Act::Read, Act::Store, Act::Remove];
            assert_eq!(acts.map(|act| row(right, act)), [list, read, store, remove], "{right:?}");
        }
    }

    #[test]
    fn rights_grow() {
        use RepositoryRight::{Append, Full, Prune, Read};
        let order = |reach| match reach {
            Reach::Refused => 0,
            Reach::Nothing | Reach::Own | Reach::First => 1,
            Reach::All => 2,
        };
        for (less, more) in [(Append, Prune), (Read, Prune), (Prune, Full)] {
            for act in [Act::List, Act::Read, Act::Store, Act::Remove] {
                for object_type in TYPES {
                    let [less, more] = [less, more].map(|right| order(reach(right, act, object_type)));
                    assert!(less <= more, "{act:?} {object_type:?}");
                }
            }
        }
    }

    #[test]
    fn who_may_not_read_history_may_not_read_it_in_a_view() {
        let views = RepositoryRight::ALL.map(opens_views);
        assert_eq!(views, [false, true, true, true]);
        assert_eq!(enough(opens_views), "Read, Prune or Full");
        assert_eq!(enough(|right| right == RepositoryRight::Full), "Full");
    }
}
