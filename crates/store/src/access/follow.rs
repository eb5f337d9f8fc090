//! Bringing what is compiled up to date, change by change.
//!
//! A change is told by the key of its document, and taken in by reading what that document is *now*. So it makes no
//! difference how often a document changed in between, nor in which order several did.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::str::FromStr;

use arm::{ObjectId, ResourceId, RoleId, SubscriptionId, TenantId};
use directory::{AccountLink, Group, ServicePrincipal, Subscription, Tenant, User};
use pim::{ActivationRequest, Eligibility};
use rbac::{Assignment, RoleDefinition};

use super::assignments::{Assignments, assigned_principal};
use super::documents::{each, these};
use super::{Access, Principal};
use crate::document::Document;
use crate::engine::Snapshot;
use crate::error::StoreError;

/// The keys of the documents that changed, by their kinds.
struct Changed(BTreeMap<String, BTreeSet<String>>);

impl Changed {
    fn take<D: Document>(&mut self) -> BTreeSet<String> {
        self.0.remove(D::KIND).unwrap_or_default()
    }
}

impl Access {
    /// Takes in what has changed up to a revision, that of the snapshot. Returns false when that is not possible and
    /// everything must be loaded. Then, and after an error, it is something in between, to be thrown away.
    pub(super) fn follow(&mut self, snapshot: &dyn Snapshot, revision: i64) -> Result<bool, StoreError> {
        let Some(changes) = snapshot.access_changes(self.revision)? else { return Ok(false) };
        let mut changed = Changed(BTreeMap::new());
        for change in changes {
            changed.0.entry(change.kind).or_default().insert(change.key);
        }
        if !self.follow_tenants(snapshot, changed.take::<Tenant>())? {
            return Ok(false);
        }
        let subscriptions = changed.take::<Subscription>();
        self.follow_roles(snapshot, subscriptions, changed.take::<RoleDefinition>())?;
        let mut people = changed.take::<User>();
        people.extend(changed.take::<ServicePrincipal>());
        self.follow_links(snapshot, changed.take::<AccountLink>())?;
        let groups = changed.take::<Group>();
        let regrouped = self.follow_groups(snapshot, &groups)?;
        people.extend(groups);
        let arrived = self.follow_principals(snapshot, &people)?;
        self.follow_assignments(snapshot, changed.take::<Assignment>())?;
        self.gather(snapshot, &arrived)?;
        self.activations.unsettle(&changed.take::<ActivationRequest>(), &changed.take::<Eligibility>());
        self.settle(snapshot, regrouped)?;
        self.revision = revision;
        Ok(true)
    }

    /// A tenant that comes or goes concerns everything, and is rare: then everything is loaded.
    fn follow_tenants(
        &mut self,
        snapshot: &dyn Snapshot,
        keys: BTreeSet<String>,
    ) -> Result<bool, StoreError> {
        let mut now = these::<Tenant>(snapshot, keys.iter().cloned())?;
        for key in keys {
            let id: TenantId = id::<Tenant, _>(&key)?;
            match (self.tenants.get_mut(&id), now.remove(&key)) {
                (Some(known), Some(tenant)) => *known = tenant,
                (None, None) => {}
                (Some(_), None) | (None, Some(_)) => return Ok(false),
            }
        }
        Ok(true)
    }

    fn follow_roles(
        &mut self,
        snapshot: &dyn Snapshot,
        subscriptions: BTreeSet<String>,
        roles: BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let mut moved = false;
        let mut now = these::<Subscription>(snapshot, subscriptions.iter().cloned())?;
        for key in subscriptions {
            let id: SubscriptionId = id::<Subscription, _>(&key)?;
            let now = now.remove(&key);
            let tenant = now.as_ref().map(|subscription| subscription.tenant);
            let before = match now {
                Some(subscription) => self.subscriptions.insert(id, subscription),
                None => self.subscriptions.remove(&id),
            };
            moved |= before.map(|subscription| subscription.tenant) != tenant;
        }
        let mut now = these::<RoleDefinition>(snapshot, roles.iter().cloned())?;
        for key in roles {
            let id: RoleId = id::<RoleDefinition, _>(&key)?;
            self.put_role(id, now.remove(&key).as_ref());
        }
        if moved {
            // Any custom role may have become another tenant's.
            each(snapshot, |role: RoleDefinition| self.put_role(role.id, Some(&role)))?;
        }
        Ok(())
    }

    fn follow_links(&mut self, snapshot: &dyn Snapshot, keys: BTreeSet<String>) -> Result<(), StoreError> {
        let mut now = these::<AccountLink>(snapshot, keys.iter().cloned())?;
        for key in keys {
            let link = now.remove(&key);
            self.links.put(&key, link);
        }
        Ok(())
    }

    /// Returns whether memberships changed.
    fn follow_groups(
        &mut self,
        snapshot: &dyn Snapshot,
        keys: &BTreeSet<String>,
    ) -> Result<bool, StoreError> {
        let mut now = these::<Group>(snapshot, keys.iter().cloned())?;
        let mut regrouped = false;
        for key in keys {
            regrouped |= self.put_group(id::<Group, _>(key)?, now.remove(key));
        }
        Ok(regrouped)
    }

    /// Returns who has come, or come to another tenant, and may have assignments that are not where they belong.
    fn follow_principals(
        &mut self,
        snapshot: &dyn Snapshot,
        keys: &BTreeSet<String>,
    ) -> Result<HashSet<ObjectId>, StoreError> {
        let users = these::<User>(snapshot, keys.iter().cloned())?;
        let applications = these::<ServicePrincipal>(snapshot, keys.iter().cloned())?;
        let mut arrived = HashSet::new();
        for key in keys {
            let object: ObjectId = id::<User, _>(key)?;
            let now = self.groups.get(&object).map(|group| Principal::from(&**group));
            let now = now.or_else(|| applications.get(key).map(Principal::from));
            let now = now.or_else(|| users.get(key).map(Principal::from));
            let before = self.home(object);
            self.put_principal(object, now);
            let home = self.home(object);
            if before != home && before.is_some() {
                self.strays.insert(object);
            }
            if home.is_some() && self.strays.remove(&object) {
                arrived.insert(object);
            }
        }
        Ok(arrived)
    }

    fn follow_assignments(
        &mut self,
        snapshot: &dyn Snapshot,
        keys: BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let keys = Vec::from_iter(keys);
        for key in &keys {
            self.remove_assignment(&assignment_id(key)?);
        }
        let mut now = Assignments::default();
        for row in snapshot.documents(Assignment::KIND, &keys)? {
            now.read(row.key(), row.body())?;
        }
        self.put_assignments(&now);
        Ok(())
    }

    /// Looks through all assignments for those of some principals, and puts them where they belong. Who comes is almost
    /// always new, and has none; who comes back under the same id is rare enough.
    fn gather(&mut self, snapshot: &dyn Snapshot, arrived: &HashSet<ObjectId>) -> Result<(), StoreError> {
        if arrived.is_empty() {
            return Ok(());
        }
        let mut theirs = Assignments::default();
        snapshot.each(Assignment::KIND, &mut |key, body| {
            if arrived.contains(&assigned_principal(key, body)?) {
                self.remove_assignment(&assignment_id(key)?);
                theirs.read(key, body)?;
            }
            Ok(())
        })?;
        self.put_assignments(&theirs);
        Ok(())
    }
}

fn assignment_id(key: &str) -> Result<ResourceId, StoreError> {
    ResourceId::parse(key).map_err(|error| StoreError::Corrupt(error.message))
}

/// The id that a key consists of.
fn id<D: Document, I: FromStr>(key: &str) -> Result<I, StoreError> {
    key.parse().map_err(|_| StoreError::Corrupt(format!("`{key}` is no key of a {}", D::KIND)))
}
