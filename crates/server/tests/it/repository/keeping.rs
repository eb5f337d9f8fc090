//! Retention that is fixed when a snapshot arrives.

use arm::ResourceId;
use jiff::{SignedDuration, Timestamp};
use store::ObjectType;
use vault::policy::{PolicyBody, mab_daily};
use vault::{BackupPolicy, Edit, ProtectedItem, Protection, VaultChange};

use super::world::{ITEM, World, item_id, vault_id};

fn policy_id(name: &str) -> ResourceId {
    vault_id().child(&format!("backupPolicies/{name}")).unwrap()
}

/// Creates or replaces a policy that keeps every point for so many days.
pub fn set_policy(world: &World, name: &str, days: u32) {
    world.apply(|tx| {
        let before: Option<BackupPolicy> = tx.resource(&policy_id(name))?;
        let after = BackupPolicy { id: policy_id(name), body: PolicyBody::parse(&mab_daily(days))? };
        VaultChange::policy(&tx.resource(&vault_id())?.unwrap(), before, after)
    });
}

/// Gives the item a policy.
pub fn use_policy(world: &World, name: &str) {
    edit(world, &|item| ProtectedItem { policy: Some(policy_id(name)), ..item });
}

fn edit(world: &World, edit: &dyn Fn(ProtectedItem) -> ProtectedItem) {
    world.apply(|tx| {
        let before: ProtectedItem = tx.resource(&item_id(ITEM))?.unwrap();
        let after = edit(before.clone());
        let policy = |tx: &mut store::Transaction, item: &ProtectedItem| match &item.policy {
            Some(policy) => tx.resource::<BackupPolicy>(policy),
            None => Ok(None),
        };
        let (old, new) = (policy(tx, &before)?, policy(tx, &after)?);
        VaultChange::item(&tx.resource(&vault_id())?.unwrap(), Edit::replace(before, after), old, new)
    });
}

fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

fn ends(world: &World) -> Vec<Option<Timestamp>> {
    let arrivals = world.store().transact(|tx| tx.arrivals(ITEM, ObjectType::Snapshots)).unwrap();
    let mut points = world.points();
    points.sort_by_key(|point| arrivals.find(&point.snapshot, point.at).unwrap().sequence);
    points.into_iter().map(|point| point.retain_until).collect()
}

#[tokio::test]
async fn retention_is_fixed_on_arrival_and_a_later_policy_only_extends_it() {
    let world = World::new().await;
    let app = world.server.running.app().clone();
    let start = world.server.now();
    // Without a policy nothing ends.
    world.store_as("snapshots", b"unruled").await;
    set_policy(&world, "p", 10);
    use_policy(&world, "p");
    world.store_as("snapshots", b"one").await;
    world.store_as("data", b"pack").await;
    let two = world.store_as("snapshots", b"two").await;
    let ten = Some(start + days(10));
    assert_eq!(ends(&world), [None, ten, ten]);
    // Hidden and sent again, it is the point it was.
    assert_eq!(world.delete(&two).await.status, 200);
    world.server.advance(days(1));
    world.store_as("snapshots", b"two").await;
    server::keeping::extend(&app).unwrap();
    assert_eq!(ends(&world), [None, ten, ten]);
    // A weaker policy shortens nothing that is there; a stronger one extends it, from the arrival on.
    set_policy(&world, "p", 3);
    server::keeping::extend(&app).unwrap();
    world.store_as("snapshots", b"three").await;
    assert_eq!(ends(&world), [None, ten, ten, Some(start + days(4))]);
    set_policy(&world, "p", 20);
    server::keeping::extend(&app).unwrap();
    let twenty = Some(start + days(20));
    assert_eq!(ends(&world), [None, twenty, twenty, Some(start + days(21))]);
    // What is over is not promised again: what it needs may be gone.
    world.server.advance(days(20));
    set_policy(&world, "p", 100);
    server::keeping::extend(&app).unwrap();
    assert_eq!(ends(&world), [None, twenty, twenty, Some(start + days(101))]);
    // Stopped, nothing ends; which is a state of the item, and leaves the points what they were.
    edit(&world, &|item| ProtectedItem { protection: Protection::Stopped, ..item });
    server::keeping::extend(&app).unwrap();
    edit(&world, &|item| ProtectedItem { protection: Protection::Protected, ..item });
    server::keeping::extend(&app).unwrap();
    assert_eq!(ends(&world), [None, twenty, twenty, Some(start + days(101))]);
}

/// Nothing that is uploaded beside it makes a snapshot's arrival be decided again, and so be refused in the end.
#[tokio::test]
async fn a_flood_of_uploads_holds_up_no_recovery_point() {
    let world = World::new().await;
    set_policy(&world, "p", 30);
    use_policy(&world, "p");
    // The first request of a credential on a day is noted.
    world.names("snapshots").await;
    let before = world.store().retries();
    let mut uploads = tokio::task::JoinSet::new();
    for number in 0..60_u8 {
        let folder = if number % 3 == 0 { "snapshots" } else { "data" };
        let bytes = [number; 100];
        let place = super::world::place(folder, &bytes);
        uploads.spawn(world.request("POST", &place).body(bytes.to_vec()).send());
    }
    for answer in uploads.join_all().await {
        assert_eq!(answer.unwrap().status(), 200);
    }
    assert_eq!((world.points().len(), world.store().retries() - before), (20, 0));
    let arrivals = world.store().transact(|tx| tx.arrivals(ITEM, ObjectType::Snapshots)).unwrap();
    let mut places: Vec<u64> = world
        .points()
        .iter()
        .map(|point| arrivals.find(&point.snapshot, point.at).unwrap().sequence)
        .collect();
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 20, "each has a place of its own in the order");
}

/// A label says which of several sources a point is of; the repository is the same.
#[tokio::test]
async fn labels_tell_apart_the_sources_of_one_repository() {
    let world = World::new().await;
    for (label, bytes) in [("", b"one"), ("/~home", b"two"), ("/~etc", b"six")] {
        let place = format!("{label}{}", super::world::place("snapshots", bytes));
        assert_eq!(world.post(&place, bytes).await.status, 200);
        assert_eq!(world.get(&super::world::place("snapshots", bytes)).await.bytes, bytes);
    }
    let mut labels: Vec<Option<String>> = world.points().into_iter().map(|point| point.label).collect();
    labels.sort();
    assert_eq!(labels, [None, Some("etc".into()), Some("home".into())]);
    assert_eq!(world.names("snapshots").await.len(), 3);
    assert_eq!(world.get("/~work/snapshots/").await.bytes, world.get("/snapshots/").await.bytes);
    assert_eq!(world.get("/~a%20b/snapshots/").await.status, 404);
}
