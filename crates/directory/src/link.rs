//! Linked accounts: several accounts of one human, such as `alice` and `alice-adm`.
//!
//! A guest is the same [`Person`] as the account at home, because the guest's document says so. Two accounts with
//! credentials of their own are two of them, and nothing shows that one human holds both, until an administrator says
//! so with an [`AccountLink`]. Signing in stays per account; whoever asks *whether two accounts are two people* asks
//! [`Links::one`].
//!
//! Linking only ever takes a voice away, so that one administrator does it, and it counts at once. Undoing it gives one
//! human two voices. Therefore **an administrator of every tenant that knows any of the human's accounts must agree to
//! it, and nobody agrees who is that human**: who has taken over one tenant can make accounts there, but none of them
//! is a guest or an approver elsewhere, and they must not be able to split somebody who is. Nor does deleting an account
//! undo anything: what it linked stays linked through it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use arm::{Error, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Person;

/// That two accounts belong to one human.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountLink {
    /// The accounts, each as it is known at home, in a fixed order.
    pub accounts: [Person; 2],
    /// The tenant whose administrator said so.
    pub tenant: TenantId,
    /// Who said so.
    pub by: Person,
    /// When.
    pub created: Timestamp,
    /// Who has agreed to undo it, by the tenant for which they did.
    pub undoing: BTreeMap<TenantId, Agreement>,
}

/// That an administrator agrees to undo a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agreement {
    /// Who.
    pub by: Person,
    /// When.
    pub at: Timestamp,
}

impl AccountLink {
    /// A new link.
    ///
    /// # Errors
    /// `Request_BadRequest` for an application, or one and the same account.
    pub fn new(
        [one, other]: [Person; 2],
        tenant: TenantId,
        by: Person,
        created: Timestamp,
    ) -> arm::Result<Self> {
        if !(one.is_human() && other.is_human()) {
            return Err(bad("only accounts of people can be linked"));
        }
        if one == other {
            return Err(bad("the two are one account: a guest is linked with its account at home by itself"));
        }
        let accounts = if one < other { [one, other] } else { [other, one] };
        Ok(Self { accounts, tenant, by, created, undoing: BTreeMap::new() })
    }

    /// What the link of two accounts is found by, whatever their order.
    pub fn key_of(accounts: [Person; 2]) -> String {
        let [one, other] = accounts;
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        format!("{first}|{second}")
    }

    /// What the link is found by.
    pub fn key(&self) -> String {
        Self::key_of(self.accounts)
    }

    /// The other one of the two accounts.
    pub fn other(&self, account: Person) -> Option<Person> {
        let [one, other] = self.accounts;
        match account {
            same if same == one => Some(other),
            same if same == other => Some(one),
            _ => None,
        }
    }

    /// The link after an administrator of `tenant` has agreed to undo it; `None` when it is undone, because all of
    /// `concerned` have.
    ///
    /// That the administrator is not the human in question is asked before.
    pub fn agree(
        &self,
        tenant: TenantId,
        agreement: Agreement,
        concerned: &BTreeSet<TenantId>,
    ) -> Option<Self> {
        let mut agreed = self.clone();
        agreed.undoing.insert(tenant, agreement);
        let all = concerned.iter().all(|tenant| agreed.undoing.contains_key(tenant));
        (!all).then_some(agreed)
    }
}

fn bad(message: &str) -> Error {
    Error::invalid("Request_BadRequest", message)
}

/// All links, and what follows from them: links of links are links.
#[derive(Clone, Debug, Default)]
pub struct Links {
    links: BTreeMap<String, AccountLink>,
    /// For each account that is linked, the one that stands for all of its human.
    first: HashMap<Person, Person>,
}

impl Links {
    /// All of them.
    pub fn new(links: impl IntoIterator<Item = AccountLink>) -> Self {
        let links = links.into_iter().map(|link| (link.key(), link)).collect();
        let mut all = Self { links, first: HashMap::new() };
        all.follow();
        all
    }

    /// Puts a link in place of the one of this key, or takes it away.
    pub fn put(&mut self, key: &str, link: Option<AccountLink>) {
        match link {
            Some(link) => self.links.insert(key.to_string(), link),
            None => self.links.remove(key),
        };
        self.follow();
    }

    /// The account that stands for the human behind an account: the same for all that are linked, directly or through
    /// others. Two accounts are one voice exactly if these are the same.
    pub fn one(&self, account: Person) -> Person {
        self.first.get(&account).copied().unwrap_or(account)
    }

    /// All accounts of the human behind an account.
    pub fn accounts(&self, account: Person) -> BTreeSet<Person> {
        let one = self.one(account);
        let linked = self.first.iter().filter(|(_, first)| **first == one).map(|(account, _)| *account);
        linked.chain([account]).collect()
    }

    /// The links between the accounts of the human behind an account.
    pub fn of(&self, account: Person) -> impl Iterator<Item = &AccountLink> {
        let one = self.one(account);
        self.links.values().filter(move |link| self.one(link.accounts[0]) == one)
    }

    /// Finds out anew who stands for whom. There are few links, and they change rarely.
    fn follow(&mut self) {
        let mut first: HashMap<Person, Person> = HashMap::new();
        for link in self.links.values() {
            let [one, other] = link.accounts.map(|account| first.get(&account).copied().unwrap_or(account));
            let (stays, goes) = if one < other { (one, other) } else { (other, one) };
            first.values_mut().filter(|stands| **stands == goes).for_each(|stands| *stands = stays);
            for account in link.accounts {
                first.insert(account, stays);
            }
        }
        self.first = first;
    }
}

#[cfg(test)]
mod tests {
    use arm::ObjectId;
    use uuid::Uuid;

    use super::*;

    fn account(n: u128) -> Person {
        Person::Human { tenant: tenant(n % 2), object: ObjectId(Uuid::from_u128(n)) }
    }

    fn tenant(n: u128) -> TenantId {
        TenantId(Uuid::from_u128(n))
    }

    fn link(one: u128, other: u128) -> AccountLink {
        AccountLink::new([account(one), account(other)], tenant(0), account(99), Timestamp::UNIX_EPOCH)
            .unwrap()
    }

    /// Every set of links between five accounts: `one` says the same as walking from account to account does.
    #[test]
    fn links_of_links_are_links_in_whatever_order_and_circle() {
        let pairs: Vec<(u128, u128)> =
            (0..5).flat_map(|one| (one + 1..5).map(move |other| (one, other))).collect();
        for set in 0..1_u32 << pairs.len() {
            let chosen: Vec<_> =
                (0..pairs.len()).filter(|at| set & (1 << at) > 0).map(|at| pairs[at]).collect();
            let links = Links::new(chosen.iter().map(|(one, other)| link(*one, *other)));
            for start in 0..5 {
                let mut reached = BTreeSet::from([start]);
                while chosen.iter().any(|(one, other)| {
                    (reached.contains(one) && reached.insert(*other))
                        || (reached.contains(other) && reached.insert(*one))
                }) {}
                let expected: BTreeSet<Person> = reached.iter().copied().map(account).collect();
                assert_eq!(links.accounts(account(start)), expected, "{chosen:?}");
                for other in 0..5 {
                    let same = links.one(account(start)) == links.one(account(other));
                    assert_eq!(same, reached.contains(&other), "{chosen:?}");
                }
            }
        }
    }

    #[test]
    fn a_link_that_comes_and_goes_leaves_the_others() {
        let mut links = Links::new([link(1, 2), link(2, 3)]);
        assert_eq!(links.of(account(1)).count(), 2);
        links.put(&link(2, 1).key(), None);
        assert_ne!(links.one(account(1)), links.one(account(3)));
        assert_eq!(links.accounts(account(3)), BTreeSet::from([account(2), account(3)]));
        links.put(&link(1, 3).key(), Some(link(3, 1)));
        assert_eq!(links.one(account(1)), links.one(account(2)));
        assert_eq!(links.one(account(7)), account(7));
    }

    #[test]
    fn only_accounts_of_people_are_linked_and_not_with_themselves() {
        let by = account(9);
        let linked = |accounts| AccountLink::new(accounts, tenant(0), by, Timestamp::UNIX_EPOCH);
        assert!(linked([account(1), account(1)]).is_err());
        assert!(linked([account(1), Person::Application(Uuid::from_u128(1))]).is_err());
        let turned = linked([account(1), account(2)]).unwrap();
        assert_eq!(linked([account(2), account(1)]).unwrap(), turned);
        assert_eq!(turned.key(), AccountLink::key_of([account(2), account(1)]));
        assert_eq!(link(1, 2).other(account(1)), Some(account(2)));
        assert_eq!(link(1, 2).other(account(3)), None);
    }

    #[test]
    fn every_tenant_that_knows_the_human_agrees_before_a_link_is_undone() {
        let concerned = BTreeSet::from([tenant(0), tenant(1)]);
        let agreement = Agreement { by: account(9), at: Timestamp::UNIX_EPOCH };
        let half = link(1, 2).agree(tenant(0), agreement, &concerned).unwrap();
        assert!(half.agree(tenant(0), agreement, &concerned).is_some(), "twice is not two");
        assert!(half.agree(tenant(7), agreement, &concerned).is_some(), "a stranger is none of them");
        assert!(half.agree(tenant(1), agreement, &concerned).is_none());
    }

    #[test]
    fn a_document_reads_back() {
        let agreement = Agreement { by: account(9), at: Timestamp::UNIX_EPOCH };
        let link = link(1, 2).agree(tenant(0), agreement, &BTreeSet::from([tenant(1)])).unwrap();
        let json = serde_json::to_string(&link).unwrap();
        assert_eq!(serde_json::from_str::<AccountLink>(&json).unwrap(), link);
    }
}
