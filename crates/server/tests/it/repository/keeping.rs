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
    let places = world.store().transact(|tx| tx.first_arrivals(ITEM, ObjectType::Snapshots)).unwrap();
    let mut points = world.points();
    points.sort_by_key(|point| places[&point.snapshot].sequence);
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
    // Stopped for ever, what there is has no end, also when protection is resumed.
    edit(&world, &|item| ProtectedItem { protection: Protection::Stopped, ..item });
    server::keeping::extend(&app).unwrap();
    edit(&world, &|item| ProtectedItem { protection: Protection::Protected, ..item });
    server::keeping::extend(&app).unwrap();
    assert_eq!(ends(&world), [None, twenty, twenty, None]);
}
