//! The state of the item decides, at the moment of the commit.

use jiff::SignedDuration;
use vault::{Deletion, ProtectedItem, Protection};

use super::world::{World, fed, place};

fn deleted(world: &World) -> impl Fn(ProtectedItem) -> Option<ProtectedItem> {
    let at = world.server.now();
    move |mut item| {
        item.deletion =
            Some(Deletion { at, until: at + SignedDuration::from_hours(14 * 24), by: "test".into() });
        item.protection = Protection::Stopped;
        Some(item)
    }
}

fn stopped(mut item: ProtectedItem) -> Option<ProtectedItem> {
    item.deletion = None;
    item.protection = Protection::Stopped;
    Some(item)
}

fn resumed(mut item: ProtectedItem) -> Option<ProtectedItem> {
    item.protection = Protection::Protected;
    Some(item)
}

#[tokio::test]
async fn a_deleted_item_looks_empty_until_it_is_undeleted() {
    let world = World::new().await;
    world.post("/config", b"config").await;
    let pack = world.store_as("data", b"pack").await;
    let lock = place("locks", b"lock");
    world.edit_item(deleted(&world));
    for (method, place, status) in [
        ("GET", "/config", 404),
        ("HEAD", "/config", 404),
        ("GET", pack.as_str(), 404),
        ("GET", "/data/", 404),
        ("POST", "?create=true", 403),
        ("POST", pack.as_str(), 403),
        ("POST", lock.as_str(), 403),
        ("DELETE", pack.as_str(), 403),
        ("DELETE", lock.as_str(), 403),
        ("DELETE", "/config", 403),
        ("DELETE", "", 403),
    ] {
        let got = world.send(world.request(method, place).body("pack")).await;
        assert_eq!(got.status, status, "{method} {place}: {}", got.text());
        if method != "HEAD" {
            assert!(got.text().contains("undeleted"), "{}", got.text());
        }
    }
    assert_eq!(world.unfinished().await, 0);
    // Undeleted, it can be read; it takes backups again when protection is resumed.
    world.edit_item(stopped);
    assert_eq!(world.get("/config").await.text(), "config");
    assert_eq!(world.get(&pack).await.text(), "pack");
    assert_eq!(world.post(&lock, b"lock").await.status, 200);
    assert_eq!(world.delete(&lock).await.status, 200);
    for (method, place) in [
        ("POST", place("data", b"x").as_str()),
        ("POST", place("snapshots", b"x").as_str()),
        ("DELETE", pack.as_str()),
    ] {
        let got = world.send(world.request(method, place).body("x")).await;
        assert_eq!(got.status, 403, "{method} {place}: {}", got.text());
        assert!(got.text().contains("resumed"), "{}", got.text());
    }
    world.edit_item(resumed);
    world.store_as("snapshots", b"x").await;
}

#[tokio::test]
async fn an_upload_under_way_does_not_slip_past_a_deletion() {
    let world = World::new().await;
    let place = place("snapshots", b"half and half");
    let (feeder, body) = fed();
    let sending = world.send(world.request("POST", &place).body(body));
    let feeding = async {
        feeder.send(Ok("half".into())).await.unwrap();
        // Wait until the upload has been admitted and is writing.
        let uploads = world.server.folder.path().join("repositories/.uploads");
        while std::fs::read_dir(&uploads).unwrap().count() == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        world.edit_item(deleted(&world));
        feeder.send(Ok(" and half".into())).await.unwrap();
        drop(feeder);
    };
    let (got, ()) = tokio::join!(sending, feeding);
    assert_eq!(got.status, 403, "{}", got.text());
    world.edit_item(stopped);
    assert_eq!(world.get(&place).await.status, 404);
    assert_eq!((world.points().len(), world.files("snapshots").len()), (0, 0));
    assert_eq!((world.ledger().len(), world.unfinished().await), (0, 0));
}

#[tokio::test]
async fn an_item_that_is_gone_takes_its_bytes_along_and_its_name_is_never_used_again() {
    let world = World::new().await;
    world.store_as("data", b"pack").await;
    world.edit_item(|_| None);
    // Its credentials are gone with it, so that nobody is told whether there ever was such an item.
    for (method, status) in [("GET", 401), ("HEAD", 401), ("POST", 401), ("DELETE", 401)] {
        let got = world.send(world.request(method, &place("data", b"pack")).body("pack")).await;
        assert_eq!(got.status, status, "{method}: {}", got.text());
    }
    world.store().finish_purges().unwrap();
    assert_eq!(world.files("data").len(), 0);
    assert!(!world.server.folder.path().join("repositories").join(super::world::ITEM).exists());
}
