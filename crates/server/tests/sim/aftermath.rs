//! What is in the store when everything is over, against what the ledger and the clients say.

use std::collections::BTreeMap;

use arm::ResourceId;
use directory::User;
use ledger::Entry;
use mua::ResourceGuard;
use rbac::Assignment;
use store::{Object, ObjectType, Store};
use vault::{BackupPolicy, GuardProxy, ProtectedItem, RecoveryPoint, Vault};

use crate::check::Case;
use crate::estate;
use crate::history::Event;
use crate::model::Model;

/// All entries of the ledger.
pub fn ledger(store: &Store) -> Vec<Entry> {
    store.transact(|tx| tx.ledger(0, u32::MAX)).unwrap()
}

/// Every effect that the ledger tells of is there, and no other.
pub fn check_state(case: &mut Case, model: &Model, store: &Store) {
    let id = |path: &str| ResourceId::parse(path).unwrap();
    let mut wrong = Vec::new();
    let mut same = |what: &str, stored: String, told: String| {
        if stored != told {
            wrong.push(format!("in the end {what} is {stored}, and the ledger says {told}"));
        }
    };
    let read = store.transact(|tx| {
        let vault: Vault = tx.resource(&id(&estate::vault()))?.unwrap();
        same("the retention", vault.soft_delete.retention_days.to_string(), model.retention.to_string());
        let proxy: Option<GuardProxy> = tx.resource(&id(&estate::proxy()))?;
        same("the link", proxy.is_some().to_string(), model.linked.to_string());
        let guard: ResourceGuard = tx.resource(&id(&estate::guard()))?.unwrap();
        same("the guard", format!("{:?}", guard.description), format!("{:?}", model.description));
        same("the exemption", (!guard.exempt.is_empty()).to_string(), model.exempt.to_string());
        let policy: BackupPolicy = tx.resource(&id(&estate::policy()))?.unwrap();
        let daily = &policy.body.raw()["retentionPolicy"]["dailySchedule"]["retentionDuration"]["count"];
        same("the policy", daily.to_string(), model.policy.to_string());
        for (name, deleted) in model.items() {
            let item: ProtectedItem = tx.resource(&id(&estate::item(name)))?.unwrap();
            same(&format!("{name}'s deletion"), item.deletion.is_some().to_string(), deleted.to_string());
        }
        let bob: User = tx.get(&estate::BOB.object.to_string())?.unwrap();
        same("Bob's lock", (!bob.enabled).to_string(), model.locked_out.to_string());
        let below: Vec<Assignment> = tx.below(&id(&estate::vault()))?;
        let readers: Vec<String> = below.iter().map(|assignment| assignment.id.name().to_string()).collect();
        let told: Vec<String> = model.readers.iter().map(ToString::to_string).collect();
        same("who may read", readers.join(" "), told.join(" "));
        Ok(())
    });
    read.unwrap();
    case.wrong.extend(wrong);
}

/// What became of one object of a repository, as its clients saw it.
#[derive(Default)]
struct Fate {
    stored: Option<u64>,
    hidden: Vec<Event>,
}

/// Every object whose storing was acknowledged is there with all its bytes, unless somebody hid it.
pub fn check_objects(case: &mut Case, store: &Store) -> u64 {
    let mut fates: BTreeMap<String, Fate> = BTreeMap::new();
    for event in case.events.iter().filter(|event| event.path.starts_with("/repositories/")) {
        let fate = fates.entry(event.path.clone()).or_default();
        match event.method {
            "POST" if event.succeeded() => fate.stored = fate.stored.max(Some(event.sent.order)),
            "DELETE" => fate.hidden.push(event.clone()),
            _ => {}
        }
    }
    let mut kept = 0;
    for (path, fate) in fates {
        let segments: Vec<&str> = path.split('/').collect();
        let (repository, kind, name) = (segments[3], segments[4], segments[5]);
        let object_type = ObjectType::parse(kind).unwrap();
        let found = store.transact(|tx| tx.object(repository, object_type, name)).unwrap();
        if let Some(object) = &found
            && let Err(damage) = bytes(store, repository, object_type, object)
        {
            case.wrong.push(format!("{path} is there, and its bytes are not: {damage}"));
        }
        // Another try of the same may come in after it was hidden.
        let may_be_hidden = fate.hidden.iter().any(Event::may_have_succeeded);
        if fate.stored.is_some() && !may_be_hidden {
            kept += 1;
            if found.is_none() {
                case.wrong.push(format!("{path} was acknowledged, and is gone"));
            }
        }
        if kind == "snapshots" && fate.stored.is_some() {
            check_point(case, store, name);
        }
    }
    kept
}

fn bytes(store: &Store, repository: &str, object_type: ObjectType, object: &Object) -> Result<(), String> {
    let opened = store.blobs().open_object(repository, object_type, &object.content, object.size);
    let mut file = opened.map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut file, &mut bytes).map_err(|error| error.to_string())?;
    match ledger::Digest::of(&bytes).to_string() == object.content {
        true => Ok(()),
        false => Err("they are others".into()),
    }
}

/// A snapshot that arrived is a recovery point, hidden or not, and the ledger says so once.
fn check_point(case: &mut Case, store: &Store, name: &str) {
    let points: Vec<RecoveryPoint> = store.transact(|tx| tx.all()).unwrap();
    let points = points.iter().filter(|point| point.snapshot == name).count();
    let arrived = |entry: &&Entry| {
        entry.operation == "repository.snapshot.arrive" && entry.target.ends_with(&format!("/{name}"))
    };
    let said = case.ledger.iter().filter(arrived).count();
    if (points, said) != (1, 1) {
        case.wrong.push(format!("the snapshot {name} is {points} recovery points and {said} entries"));
    }
}
