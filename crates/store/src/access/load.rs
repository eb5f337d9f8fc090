//! Reading everything that decisions about access read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;

use directory::{AccountLink, Group, Links, ServicePrincipal, Subscription, Tenant, User};
use rbac::{Assignment, Index, RoleDefinition};

use super::activations::Activations;
use super::assignments::Assignments;
use super::documents::each;
use super::{Access, Principal};
use crate::document::Document;
use crate::engine::Snapshot;
use crate::error::StoreError;

/// How many role assignments are handed on at once.
const BUNDLE: usize = 2048;

/// How many bundles may wait.
const WAITING: usize = 8;

impl Access {
    /// Reads it all.
    pub(super) fn load(snapshot: &dyn Snapshot, revision: i64) -> Result<Self, StoreError> {
        let mut access = Self {
            revision,
            indexes: HashMap::new(),
            principals: HashMap::new(),
            groups: HashMap::new(),
            links: Links::default(),
            tenants: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            activations: Activations::default(),
            strays: HashSet::new(),
        };
        each(snapshot, |tenant: Tenant| {
            // One index per tenant: object ids, groups and custom roles belong to one.
            let index = Index::compile(rbac::builtin_roles().iter().cloned(), [], []);
            access.indexes.insert(tenant.id, index);
            access.tenants.insert(tenant.id, tenant);
        })?;
        each(snapshot, |subscription: Subscription| {
            access.subscriptions.insert(subscription.id, subscription);
        })?;
        each(snapshot, |role: RoleDefinition| access.put_role(role.id, Some(&role)))?;
        each(snapshot, |user: User| access.put_principal(user.id, Some(Principal::from(&user))))?;
        each(snapshot, |application: ServicePrincipal| {
            access.put_principal(application.id, Some(Principal::from(&application)));
        })?;
        let mut links = Vec::new();
        each(snapshot, |link: AccountLink| links.push(link))?;
        access.links = Links::new(links);
        access.load_groups(snapshot)?;
        access.load_assignments(snapshot)?;
        // Behind the memberships: an activation through a group ends when its holder leaves the group.
        access.settle(snapshot, false)?;
        Ok(access)
    }

    /// All groups come before anybody's memberships, so that those are found out once.
    fn load_groups(&mut self, snapshot: &dyn Snapshot) -> Result<(), StoreError> {
        each(snapshot, |group: Group| {
            self.put_principal(group.id, Some(Principal::from(&group)));
            self.groups.insert(group.id, Arc::new(group));
        })?;
        for (tenant, index) in &mut self.indexes {
            let groups = self.groups.values().filter(|group| group.tenant == *tenant);
            index
                .add_members(groups.flat_map(|group| group.members.iter().map(|member| (group.id, *member))));
        }
        Ok(())
    }

    /// One thread reads from the database, another compiles.
    fn load_assignments(&mut self, snapshot: &dyn Snapshot) -> Result<(), StoreError> {
        let (out, bundles) = sync_channel(WAITING);
        thread::scope(|scope| {
            let compiler = thread::Builder::new()
                .name("store-access".into())
                .spawn_scoped(scope, move || bundles.iter().for_each(|bundle| self.put_assignments(&bundle)))
                .map_err(|error| StoreError::Engine(format!("a thread cannot be started: {error}")))?;
            let read = read_assignments(snapshot, &out);
            drop(out);
            compiler.join().map_err(|_| StoreError::Engine("compiling access panicked".into()))?;
            read
        })
    }
}

/// Reads all role assignments and hands them on.
fn read_assignments(snapshot: &dyn Snapshot, out: &SyncSender<Assignments>) -> Result<(), StoreError> {
    let send = |bundle| out.send(bundle).map_err(|_| StoreError::Closed);
    let mut bundle = Assignments::with_room(BUNDLE);
    snapshot.each(Assignment::KIND, &mut |key, body| {
        bundle.read(key, body)?;
        if bundle.len() < BUNDLE {
            Ok(())
        } else {
            send(std::mem::replace(&mut bundle, Assignments::with_room(BUNDLE)))
        }
    })?;
    send(bundle)
}
