//! What objects mean: recovery points, tombstones, locks that go, keys that are few, bytes that are damaged.

use jiff::SignedDuration;
use store::{Object, ObjectType};
use vault::{GuardProxy, Job, VaultChange};

use super::world::{ITEM, World, hash, item_id, place, vault_id};

#[tokio::test]
async fn a_snapshot_that_arrives_is_a_recovery_point_once_and_for_all() {
    let world = World::new().await;
    let first = world.store_as("snapshots", b"first").await;
    let points = world.points();
    assert_eq!(points.len(), 1);
    let point = &points[0];
    assert_eq!(point.id.parent(), Some(item_id(ITEM)));
    assert_eq!((point.id.name(), point.snapshot.as_str()), (hash(b"first").as_str(), point.id.name()));
    assert_eq!((point.repository.as_str(), point.written_by.as_str()), (ITEM, ITEM));
    assert_eq!(point.at, world.server.now());
    world.server.advance(SignedDuration::from_hours(1));
    // Again, hidden, hidden again, revived: it stays the point it was.
    world.store_as("snapshots", b"first").await;
    world.delete(&first).await;
    world.delete(&first).await;
    assert_eq!(world.get(&first).await.status, 404);
    assert_eq!(world.points(), points, "a point outlives its snapshot's removal");
    world.store_as("snapshots", b"first").await;
    assert_eq!(world.get(&first).await.text(), "first");
    assert_eq!(world.points(), points);
    world.store_as("snapshots", b"second").await;
    assert_eq!(world.points().len(), 2);
    let operations: Vec<String> = world.ledger().into_iter().map(|(operation, _)| operation).collect();
    assert_eq!(
        operations,
        ["repository.snapshot.arrive", "repository.snapshot.hide", "repository.snapshot.arrive"]
    );
    // Reading it checks it.
    world.server.ledger();
    let jobs: Vec<Job> = world.store().transact(|tx| tx.below(&vault_id())).unwrap();
    assert_eq!(jobs.len(), 2);
    assert!(jobs.iter().all(|job| job.operation == "Backup" && job.management_type == "MAB"));
}

#[tokio::test]
async fn a_snapshot_whose_point_is_gone_does_not_become_one_again() {
    let world = World::new().await;
    let (name, at) = (hash(b"old"), world.server.now());
    world
        .store()
        .transact(|tx| {
            let (content, by) = (name.clone(), "test".into());
            let snapshot = Object { name: name.clone(), content, size: 3, at, by, checksum: None };
            tx.put_object(ITEM, ObjectType::Snapshots, &snapshot)
        })
        .unwrap();
    world.delete(&place("snapshots", b"old")).await;
    world.store_as("snapshots", b"old").await;
    assert_eq!(world.names("snapshots").await, [name]);
    assert_eq!(world.points(), [], "a replay makes no recovery point");
}

#[tokio::test]
async fn backups_go_on_while_a_guard_protects_the_vault() {
    let world = World::new().await;
    // A guard that cannot even be found: everything critical is refused, and a new backup is not critical.
    world.apply(|tx| {
        let id = vault_id().child("backupResourceGuardProxies/VaultProxy")?;
        let guard = vault_id().child("x/y")?;
        let before = tx.resource(&id)?;
        let updated = world.server.now();
        Ok(VaultChange::link(before, GuardProxy { id, guard, updated }))
    });
    world.store_as("snapshots", b"snapshot").await;
    assert_eq!(world.points().len(), 1);
}

#[tokio::test]
async fn what_a_client_removes_can_come_back_and_keeps_its_bytes() {
    let world = World::new().await;
    for folder in ["data", "index", "keys"] {
        let place = world.store_as(folder, b"bytes").await;
        for _ in 0..3 {
            assert_eq!(world.delete(&place).await.status, 200);
            assert_eq!(world.get(&place).await.status, 404);
            assert_eq!(world.files(folder).len(), 1);
            assert_eq!(world.post(&place, b"bytes").await.status, 200);
            assert_eq!(world.get(&place).await.text(), "bytes");
        }
        assert_eq!(world.names(folder).await, [hash(b"bytes")]);
    }
}

#[tokio::test]
async fn keys_are_few_so_that_clients_try_them_all() {
    let world = World::new().await;
    for n in 0..20 {
        world.store_as("keys", &[n]).await;
    }
    let got = world.post(&place("keys", b"more"), b"more").await;
    assert_eq!(got.status, 507, "{}", got.text());
    assert_eq!(world.files("keys").len(), 20);
    // The same again takes no room, and one removed makes some.
    world.store_as("keys", &[7]).await;
    world.delete(&place("keys", &[0])).await;
    world.store_as("keys", b"more").await;
    assert_eq!(world.names("keys").await.last(), Some(&hash(b"more")));
}

#[tokio::test]
async fn of_many_keys_at_once_no_more_get_in_than_there_is_room_for() {
    let world = World::new().await;
    for n in 0..17 {
        world.store_as("keys", &[n]).await;
    }
    let places: Vec<String> = (100..106_u8).map(|n| place("keys", &[n])).collect();
    let (a, b, c, d, e, f) = tokio::join!(
        world.post(&places[0], &[100]),
        world.post(&places[1], &[101]),
        world.post(&places[2], &[102]),
        world.post(&places[3], &[103]),
        world.post(&places[4], &[104]),
        world.post(&places[5], &[105]),
    );
    let mut statuses = [a, b, c, d, e, f].map(|got| got.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 507, 507, 507]);
    assert_eq!(world.names("keys").await.len(), 20);
    assert_eq!(world.files("keys").len(), 20, "what was refused left no bytes");
}

#[tokio::test]
async fn locks_are_limited_and_old_ones_go_by_themselves() {
    let world = World::new().await;
    let first = world.store_as("locks", b"first").await;
    let now = world.server.now();
    world
        .store()
        .transact(|tx| {
            for n in 1..1000_u32 {
                let name = hash(&n.to_be_bytes());
                let content = name.clone();
                let (size, by) = (4, "test".into());
                let lock = Object { name, content, size, at: now, by, checksum: None };
                tx.put_object(ITEM, ObjectType::Locks, &lock)?;
            }
            Ok(())
        })
        .unwrap();
    let got = world.post(&place("locks", b"more"), b"more").await;
    assert_eq!(got.status, 507, "{}", got.text());
    assert_eq!(world.files("locks").len(), 1);
    world.server.advance(SignedDuration::from_hours(7 * 24));
    // Nobody holds a lock for a week.
    assert_eq!(world.get(&first).await.status, 404);
    assert_eq!(world.names("locks").await, [""; 0]);
    world.store_as("locks", b"more").await;
    assert_eq!(world.names("locks").await, [hash(b"more")]);
    assert_eq!(world.files("locks").len(), 1, "the old one's bytes are gone");
}

#[tokio::test]
async fn damaged_bytes_are_never_handed_out_and_can_be_sent_again() {
    let world = World::new().await;
    let pack = world.store_as("data", b"precious").await;
    let file = world.files("data").remove(0);
    for damage in [Some("preciou"), Some("precious and more"), None] {
        match damage {
            Some(bytes) => std::fs::write(&file, bytes).unwrap(),
            None => std::fs::remove_file(&file).unwrap(),
        }
        for method in ["GET", "HEAD"] {
            let got = world.send(world.request(method, &pack)).await;
            assert_eq!(got.status, 500);
            assert!(!got.text().contains("preciou") && !got.text().contains("repositories"));
        }
        assert_eq!(world.post(&pack, b"precious").await.status, 200);
        assert_eq!(world.get(&pack).await.text(), "precious");
    }
}
