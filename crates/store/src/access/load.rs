//! Reading everything that decisions about access read.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use directory::{Group, ServicePrincipal, Subscription, Tenant, User};
use rbac::{Assignment, Index, RoleDefinition};

use super::activations::Activations;
use super::documents::{Assignments, each};
use super::{Access, Principal};
use crate::document::Document;
use crate::engine::Snapshot;
use crate::error::StoreError;

/// How many bytes of documents are handed on at once.
const BUNDLE: usize = 256 << 10;

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
        each(snapshot, |group: Group| {
            access.put_principal(group.id, Some(Principal::from(&group)));
            access.put_group(group.id, Some(group));
        })?;
        access.load_assignments(snapshot)?;
        // Behind the memberships: an activation through a group ends when its holder leaves the group.
        access.settle(snapshot, false)?;
        Ok(access)
    }

    /// One thread reads from the database, another compiles.
    fn load_assignments(&mut self, snapshot: &dyn Snapshot) -> Result<(), StoreError> {
        let (out, bundles) = sync_channel(WAITING);
        thread::scope(|scope| {
            let compiler = thread::Builder::new()
                .name("store-access".into())
                .spawn_scoped(scope, move || self.take_assignments(&bundles))
                .map_err(|error| StoreError::Engine(format!("a thread cannot be started: {error}")))?;
            let read = read_assignments(snapshot, &out);
            drop(out);
            let compiled = compiler.join();
            // If the compiler gave up, then the reader only because of that.
            compiled.unwrap_or_else(|_| Err(StoreError::Engine("compiling access panicked".into())))?;
            read
        })
    }

    fn take_assignments(&mut self, bundles: &Receiver<Bundle>) -> Result<(), StoreError> {
        for bundle in bundles {
            match bundle {
                Bundle::Rows(rows) => self.put_assignments(&rows.parse()?),
                Bundle::Parsed(assignments) => self.put_assignments(&assignments),
            }
        }
        Ok(())
    }
}

/// Reads all role assignments and hands them on.
fn read_assignments(snapshot: &dyn Snapshot, out: &SyncSender<Bundle>) -> Result<(), StoreError> {
    let mut rows = Rows::default();
    snapshot.each(Assignment::KIND, &mut |key, body| {
        rows.push(key, body);
        if rows.text.len() < BUNDLE {
            return Ok(());
        }
        send(out, std::mem::take(&mut rows))
    })?;
    send(out, rows)
}

/// Hands rows on. If the compiler is behind, it is spared the reading of these.
fn send(out: &SyncSender<Bundle>, rows: Rows) -> Result<(), StoreError> {
    match out.try_send(Bundle::Rows(rows)) {
        Ok(()) => Ok(()),
        Err(TrySendError::Full(Bundle::Rows(rows))) => {
            out.send(Bundle::Parsed(rows.parse()?)).map_err(|_| StoreError::Closed)
        }
        Err(TrySendError::Full(Bundle::Parsed(_)) | TrySendError::Disconnected(_)) => Err(StoreError::Closed),
    }
}

/// Some role assignments.
enum Bundle {
    Rows(Rows),
    Parsed(Assignments),
}

/// Keys and bodies, one behind the other.
#[derive(Default)]
struct Rows {
    text: String,
    /// Where each key and each body ends.
    ends: Vec<(usize, usize)>,
}

impl Rows {
    fn push(&mut self, key: &str, body: &str) {
        self.text.push_str(key);
        let middle = self.text.len();
        self.text.push_str(body);
        self.ends.push((middle, self.text.len()));
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut start = 0;
        self.ends.iter().filter_map(move |(middle, end)| {
            let row = (self.text.get(start..*middle)?, self.text.get(*middle..*end)?);
            start = *end;
            Some(row)
        })
    }

    fn parse(&self) -> Result<Assignments, StoreError> {
        let mut assignments = Assignments::default();
        self.iter().try_for_each(|(key, body)| assignments.read(key, body))?;
        Ok(assignments)
    }
}
