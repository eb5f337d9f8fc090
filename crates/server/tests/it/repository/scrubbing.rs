//! Everything that is stored is verified, and what is damaged is told, and never handed out.

use std::fs;

use jiff::SignedDuration;
use mua::alert::AlertRule;
use store::{Object, ObjectType};
use vault::damage::Scrub;

use super::world::{ITEM, World, hash, vault_id};
use crate::harness::ALICE;

fn scrub(world: &World, bytes: u64) {
    server::scrub::scrub(world.server.running.app(), bytes).unwrap();
}

fn state(world: &World) -> Scrub {
    world.store().transact(|tx| tx.get(Scrub::KEY)).unwrap().unwrap_or_default()
}

/// Flips a bit of the one file of a folder that holds this object.
fn rot(world: &World, folder: &str, bytes: &[u8]) {
    let file = world.files(folder).into_iter().find(|file| file.ends_with(hash(bytes))).unwrap();
    let mut rotten = bytes.to_vec();
    *rotten.last_mut().unwrap() ^= 1;
    fs::write(file, rotten).unwrap();
}

#[tokio::test]
async fn damage_is_found_told_and_not_handed_out_until_it_is_sent_again() {
    let world = World::in_a_group().await;
    world.post("/config", b"config").await;
    let pack = world.store_as("data", b"a pack").await;
    let other = world.store_as("data", b"another").await;
    let index = world.store_as("index", b"an index").await;
    // A deleted one counts, too: points need it.
    let hidden = world.store_as("data", b"hidden").await;
    world.delete(&hidden).await;
    scrub(&world, 1 << 20);
    let last = state(&world).last.unwrap();
    assert_eq!((last.objects, last.damaged, last.bytes), (5, 0, 33));
    scrub(&world, 1 << 20);
    assert_eq!(state(&world).last.unwrap().started, last.started, "not before its time");

    rot(&world, "data", b"a pack");
    rot(&world, "index", b"an index");
    fs::remove_file(world.files("data").into_iter().find(|file| file.ends_with(hash(b"hidden"))).unwrap())
        .unwrap();
    world.server.advance(SignedDuration::from_hours(30 * 24));
    scrub(&world, 1 << 20);
    assert_eq!((state(&world).last.unwrap().damaged, world.alerts(AlertRule::DataDamaged)), (3, 1));
    // A pack is as good as missing; of anything else clients are told that they may not have it.
    for method in ["GET", "HEAD"] {
        assert_eq!(world.send(world.request(method, &pack)).await.status, 404);
        assert_eq!(world.send(world.request(method, &index)).await.status, 403);
    }
    let told = world.get(&pack).await.text();
    assert!(told.contains("is damaged") && told.contains("sent again"), "{told}");
    assert_eq!(world.names("data").await, [hash(b"another")]);
    assert_eq!(world.get(&other).await.bytes, b"another");
    let shown = format!("{}/repositoryIntegrity", vault_id());
    let shown = world.server.as_(ALICE).get(&shown).await.expect(200);
    assert_eq!(shown["properties"]["damagedObjects"].as_array().unwrap().len(), 3, "{shown}");
    assert_eq!(shown["properties"]["lastPass"]["objectsVerified"], 5);
    assert!(world.metrics().await.contains("countersign_damaged_objects 3"));

    // Sent again, also after it was deleted, it is whole.
    assert_eq!(world.post(&pack, b"a pack").await.status, 200);
    assert_eq!(world.get(&pack).await.bytes, b"a pack");
    assert_eq!(world.post(&hidden, b"hidden").await.status, 200);
    assert_eq!(world.get(&hidden).await.bytes, b"hidden");
    // Or found whole by the next pass.
    let file = world.files("index").remove(0);
    fs::write(file, b"an index").unwrap();
    world.server.advance(SignedDuration::from_hours(30 * 24));
    scrub(&world, 1 << 20);
    assert_eq!(world.get(&index).await.bytes, b"an index");
    assert!(world.metrics().await.contains("countersign_damaged_objects 0"));
    assert_eq!(world.alerts(AlertRule::DataDamaged), 1);
}

#[tokio::test]
async fn a_pass_reads_no_faster_than_it_may_and_goes_on_after_a_restart() {
    let world = World::new().await;
    for pack in 0..10_u8 {
        world.store_as("data", &[pack; 100]).await;
    }
    scrub(&world, 250);
    let objects = |world: &World| state(world).current.map(|(pass, _)| pass.objects);
    assert_eq!(objects(&world), Some(3), "the third one was begun");
    scrub(&world, 50);
    assert_eq!(objects(&world), Some(3), "which is made up for");
    let world = World { server: world.server.restart().await };
    scrub(&world, 100);
    assert_eq!(objects(&world), Some(4));
    scrub(&world, 10_000);
    assert_eq!((objects(&world), state(&world).last.unwrap().objects), (None, 10));
}

/// The row of a pack, which the store may do something with.
fn with_row(world: &World, bytes: &[u8], change: impl Fn(&mut store::Transaction, Object)) {
    let row = |tx: &mut store::Transaction| {
        let row = tx.object(ITEM, ObjectType::Data, &hash(bytes))?.unwrap();
        change(tx, row);
        Ok(())
    };
    world.store().transact(row).unwrap();
}

/// What arrived before there were checksums has none.
fn forget_checksum(world: &World, bytes: &[u8]) {
    with_row(world, bytes, |tx, row| tx.drop_checksum(ITEM, ObjectType::Data, &row));
    with_row(world, bytes, |_, row| assert_eq!(row.checksum, None));
}

#[tokio::test]
async fn what_rots_is_noticed_while_it_is_read() {
    for has_checksum in [true, false] {
        let world = World::new().await;
        let bytes = vec![7; 1 << 20];
        let pack = world.store_as("data", &bytes).await;
        if !has_checksum {
            forget_checksum(&world, &bytes);
        }
        assert_eq!(world.get(&pack).await.bytes, bytes, "whole, it is handed out");
        rot_is_noticed(&world, &pack, &bytes).await;
    }
}

async fn rot_is_noticed(world: &World, pack: &str, bytes: &[u8]) {
    rot(world, "data", bytes);
    for range in [None, Some("bytes=0-")] {
        let request = range.map_or_else(
            || world.request("GET", pack),
            |range| world.request("GET", pack).header("Range", range),
        );
        match request.send().await {
            Ok(got) if got.status().is_success() => assert!(got.bytes().await.is_err(), "it ends early"),
            Ok(got) => assert_eq!(got.status(), 404, "it is known by now"),
            Err(_) => {}
        }
    }
    for _ in 0..100 {
        if world.alerts(AlertRule::DataDamaged) > 0 {
            break;
        }
        tokio::task::yield_now().await;
        world.names("keys").await;
    }
    assert_eq!(world.alerts(AlertRule::DataDamaged), 1);
    let part = world.send(world.request("GET", pack).header("Range", "bytes=10-20")).await;
    assert_eq!(part.status, 404);
}

#[tokio::test]
async fn of_a_small_object_that_rots_not_a_byte_is_handed_out() {
    for has_checksum in [true, false] {
        let world = World::new().await;
        let pack = world.store_as("data", b"a pack").await;
        if !has_checksum {
            forget_checksum(&world, b"a pack");
        }
        rot(&world, "data", b"a pack");
        let got = world.get(&pack).await;
        assert_eq!(got.status, 404);
        assert!(got.text().contains("is damaged"));
        assert_eq!(world.alerts(AlertRule::DataDamaged), 1);
    }
}

#[tokio::test]
async fn a_checksum_that_rots_costs_one_read() {
    let world = World::new().await;
    let pack = world.store_as("data", b"a pack").await;
    with_row(&world, b"a pack", |tx, row| {
        let wrong = Object { checksum: row.checksum.map(|checksum| checksum ^ 1), ..row };
        tx.tombstone_object(ITEM, ObjectType::Data, &wrong.name, wrong.at, &wrong.by);
        tx.put_object(ITEM, ObjectType::Data, &wrong).unwrap();
    });
    assert_eq!(world.get(&pack).await.status, 500);
    assert_eq!(world.get(&pack).await.bytes, b"a pack");
    assert_eq!(world.alerts(AlertRule::DataDamaged), 0);
    // From now on it is the hash that counts.
    rot(&world, "data", b"a pack");
    assert_eq!(world.get(&pack).await.status, 404);
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_not_the_damage_of_each_object() {
    let world = World::new().await;
    let pack = world.store_as("data", b"a pack").await;
    let folder = world.server.folder.path().join("repositories");
    let away = world.server.folder.path().join("away");
    fs::rename(&folder, &away).unwrap();
    fs::create_dir(&folder).unwrap();
    server::scrub::scrub(world.server.running.app(), 1 << 20).unwrap_err();
    fs::remove_dir_all(&folder).unwrap();
    fs::rename(&away, &folder).unwrap();
    assert_eq!(world.alerts(AlertRule::DataDamaged), 0);
    assert_eq!(world.get(&pack).await.bytes, b"a pack");
    scrub(&world, 1 << 20);
    assert_eq!(state(&world).last.unwrap().damaged, 0);
}
