//! A vault with items and credentials, and a backup client.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll};

use arm::{Region, ResourceId};
use axum::body::Bytes;
use directory::SecretDigest;
use hyper::body::Frame;
use ledger::{Actor, ActorKind, Entry, Verdict};
use mua::alert::AlertRule;
use mua::{GuardAnswer, Presented, VaultKind};
use reqwest::header::{CONTENT_LENGTH, HeaderMap};
use resources::ResourceGroup;
use store::{Store, Transaction};
use uuid::Uuid;
use vault::{
    Edit, Feature, FreeSettings, Immutability, ProtectedItem, Protection, RepositoryCredential,
    RepositoryRight, SoftDelete, Stamp, Vault, VaultChange,
};

use crate::harness::{BACKUP_SUB, Harness};

pub const VAULT: &str = "vvvvvvvvvvvvvvvv";
/// A vault without items.
pub const OTHER_VAULT: &str = "wwwwwwwwwwwwwwww";
pub const ITEM: &str = "iiiiiiiiiiiiiiii";
pub const OTHER_ITEM: &str = "oooooooooooooooo";
pub const SECRET: &str = "a-secret-of-256-bits";

/// A server with a vault of two items, each with a credential whose user name is the item's short name.
pub struct World {
    pub server: Harness,
}

/// An answer whose body may be anything.
#[derive(Debug)]
pub struct Got {
    pub status: u16,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
}

impl Got {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    pub fn length(&self) -> u64 {
        self.header(CONTENT_LENGTH.as_str()).parse().unwrap()
    }
}

impl World {
    pub async fn new() -> Self {
        Self::on(Harness::start().await)
    }

    /// The same with the resource group, as those need it who call ARM.
    pub async fn in_a_group() -> Self {
        let world = Self::new().await;
        let location = Region::parse("westeurope").unwrap();
        let group = ResourceGroup { id: vault_id().first(4), location, tags: BTreeMap::new() };
        world.server.seed(|tx| tx.put(&group));
        world
    }

    /// Makes the vault and its items on a server.
    pub fn on(server: Harness) -> Self {
        let world = Self { server };
        let now = world.server.now();
        for short in [VAULT, OTHER_VAULT] {
            world.apply(|_| VaultChange::vault(None, empty_vault(short, now)));
        }
        for short in [ITEM, OTHER_ITEM] {
            let item = ProtectedItem {
                standstill: None,
                id: item_id(short),
                short: short.into(),
                item_type: "MabFileFolderProtectedItem".into(),
                friendly_name: "C:\\data".into(),
                source: None,
                policy: None,
                protection: Protection::Protected,
                deletion: None,
                frozen: None,
                instance: None,
                created: now,
            };
            world.apply(|tx| VaultChange::item(&vault(tx), Edit::create(item.clone()), None, None));
            let credential = RepositoryCredential {
                item: item_id(short),
                previous: None,
                repository: short.into(),
                right: RepositoryRight::Full,
                user_name: short.into(),
                secret_hash: SecretDigest::of(SECRET).to_hex(),
                created: now,
                created_by: "test".into(),
            };
            world.apply(|_| Ok(VaultChange::credential(credential.clone())));
        }
        world
    }

    pub fn store(&self) -> &Store {
        &self.server.running.app().store
    }

    /// Changes the vault behind the server's back.
    pub fn apply(&self, change: impl Fn(&mut Transaction) -> arm::Result<VaultChange>) {
        let now = self.server.now();
        let clear = |tx: &mut Transaction| {
            let presented = Presented { callers: &[], requests: &[], unlocks: &[] };
            let unasked = |_: &_| GuardAnswer::Unavailable { why: "test".into() };
            let change = change(tx)?;
            let clearance = mua::clear(change, VaultKind::RecoveryServices, None, &presented, &unasked, now)?;
            tx.apply(clearance.unwrap())?;
            tx.record(entry(now));
            Ok(())
        };
        self.store().transact(clear).unwrap();
    }

    /// Changes the item behind the server's back; `None` removes it for good.
    pub fn edit_item(&self, edit: impl Fn(ProtectedItem) -> Option<ProtectedItem>) {
        self.apply(|tx| {
            let before: ProtectedItem = tx.resource(&item_id(ITEM))?.unwrap();
            let edit = match edit(before.clone()) {
                Some(after) => Edit::replace(before, after),
                None => Edit::delete(before),
            };
            VaultChange::item(&vault(tx), edit, None, None)
        });
    }

    /// The item's repository's address, without a slash at the end.
    pub fn base(&self) -> String {
        format!("/repositories/{VAULT}/{ITEM}")
    }

    /// A request with the item's credential.
    pub fn request(&self, method: &str, place: &str) -> reqwest::RequestBuilder {
        self.server.request(method, &format!("{}{place}", self.base())).basic_auth(ITEM, Some(SECRET))
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> Got {
        let response = request.send().await.unwrap();
        Got {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            bytes: response.bytes().await.unwrap().to_vec(),
        }
    }

    pub async fn get(&self, place: &str) -> Got {
        self.send(self.request("GET", place)).await
    }

    pub async fn head(&self, place: &str) -> Got {
        self.send(self.request("HEAD", place)).await
    }

    pub async fn delete(&self, place: &str) -> Got {
        self.send(self.request("DELETE", place)).await
    }

    pub async fn post(&self, place: &str, bytes: &[u8]) -> Got {
        self.send(self.request("POST", place).body(bytes.to_vec())).await
    }

    /// Stores bytes under their hash and returns the place.
    pub async fn store_as(&self, folder: &str, bytes: &[u8]) -> String {
        let place = place(folder, bytes);
        let got = self.post(&place, bytes).await;
        assert_eq!(got.status, 200, "{}", got.text());
        place
    }

    /// The names that a list shows.
    pub async fn names(&self, folder: &str) -> Vec<String> {
        let got = self.get(&format!("/{folder}/")).await;
        assert_eq!(got.status, 200, "{}", got.text());
        serde_json::from_slice(&got.bytes).unwrap()
    }

    /// The files that an item's repository has on the disk, of one type.
    pub fn files(&self, folder: &str) -> Vec<std::path::PathBuf> {
        let mut found = Vec::new();
        let path = self.server.folder.path().join("repositories").join(ITEM).join(folder);
        for sub in std::fs::read_dir(path).into_iter().flatten().flatten() {
            let files = std::fs::read_dir(sub.path()).unwrap().flatten();
            found.extend(files.map(|file| file.path()));
        }
        found
    }

    /// How many temporary files there are. The last one may be removed a moment after its request ended.
    pub async fn unfinished(&self) -> usize {
        let folder = self.server.folder.path().join("repositories/.uploads");
        let count = || std::fs::read_dir(&folder).unwrap().count();
        for _ in 0..100 {
            if count() == 0 {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        count()
    }

    /// The ledger's entries about repositories, as pairs of operation and target.
    pub fn ledger(&self) -> Vec<(String, String)> {
        let entries = self.store().transact(|tx| tx.ledger(0, 10_000)).unwrap();
        entries
            .into_iter()
            .filter(|entry| entry.actor.kind == ActorKind::RepositoryCredential)
            .map(|entry| (entry.operation, entry.target))
            .collect()
    }

    pub fn points(&self) -> Vec<vault::RecoveryPoint> {
        self.store().transact(|tx| tx.below(&item_id(ITEM))).unwrap()
    }

    /// How many alerts of a rule the vault has.
    pub fn alerts(&self, rule: AlertRule) -> usize {
        let entries = self.store().transact(|tx| tx.ledger(0, 10_000)).unwrap();
        let all = entries.iter().flat_map(mua::alert::alerts);
        all.filter(|alert| alert.rule == rule && alert.target == vault_id()).count()
    }

    pub async fn metrics(&self) -> String {
        self.server.anonymous("GET", "/metrics").await.text
    }
}

/// SHA-256 in hex.
pub fn hash(bytes: &[u8]) -> String {
    ledger::Digest::of(bytes).to_string()
}

/// The place of bytes under their hash.
pub fn place(folder: &str, bytes: &[u8]) -> String {
    format!("/{folder}/{}", hash(bytes))
}

/// A body that a test feeds piece by piece, without a length: it travels in chunks.
pub struct Fed(pub tokio::sync::mpsc::Receiver<std::io::Result<Bytes>>);

impl hyper::body::Body for Fed {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|bytes| bytes.map(Frame::data)))
    }
}

/// A body and its feeder.
pub fn fed() -> (tokio::sync::mpsc::Sender<std::io::Result<Bytes>>, reqwest::Body) {
    let (sender, receiver) = tokio::sync::mpsc::channel(16);
    (sender, reqwest::Body::wrap(Fed(receiver)))
}

/// The vault that holds the items.
pub fn vault_id() -> ResourceId {
    vault_named(VAULT)
}

fn vault_named(short: &str) -> ResourceId {
    let provider = "Microsoft.RecoveryServices";
    let id = format!("/subscriptions/{BACKUP_SUB}/resourceGroups/rg/providers/{provider}/vaults/{short}");
    ResourceId::parse(&id).unwrap()
}

fn empty_vault(short: &str, at: jiff::Timestamp) -> Vault {
    let stamp = Stamp { by: "test".into(), kind: "User".into(), at };
    Vault {
        id: vault_named(short),
        short: short.into(),
        location: Region::parse("westeurope").unwrap(),
        soft_delete: SoftDelete::default(),
        enhanced_security: Feature::Enabled,
        immutability: Immutability::Disabled,
        encryption: None,
        free: FreeSettings::default(),
        created: stamp.clone(),
        modified: stamp,
    }
}

pub fn item_id(short: &str) -> ResourceId {
    vault_id()
        .child(&format!("backupFabrics/Azure/protectionContainers/Windows;host/protectedItems/{short}"))
        .unwrap()
}

fn vault(tx: &mut Transaction) -> Vault {
    tx.resource(&vault_id()).unwrap().unwrap()
}

fn entry(at: jiff::Timestamp) -> Entry {
    Entry {
        sequence: 0,
        at,
        correlation: Uuid::nil(),
        actor: Actor {
            person: "test".into(),
            object: Uuid::nil(),
            tenant: Uuid::nil(),
            kind: ActorKind::System,
            name: "test".into(),
            authentication: Vec::new(),
            address: None,
        },
        operation: "test".into(),
        target: "/".into(),
        change: None,
        verdict: Verdict::Done,
        reason: "test".into(),
        consent: Vec::new(),
        facts: BTreeMap::new(),
    }
}
