//! Quotas, as clients meet them: what does not fit is refused before it is stored, and never gets in by a race.

use arm::ResourceId;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use vault::{RepositoryQuota, VaultChange};

use super::uploads::{base64, connect};
use super::world::{ITEM, OTHER_ITEM, SECRET, VAULT, World, fed, hash, item_id, place, vault_id};

fn limit(world: &World, scope: ResourceId, limit: u64) {
    let after = RepositoryQuota { limit, scope };
    world.apply(|tx| Ok(VaultChange::quota(tx.resource(&after.scope)?, after.clone())));
}

#[tokio::test]
async fn what_does_not_fit_is_refused_and_leaves_nothing() {
    let world = World::new().await;
    limit(&world, item_id(ITEM), 1000);
    let first = world.store_as("data", &[1; 600]).await;
    let got = world.post(&place("data", &[2; 401]), &[2; 401]).await;
    assert_eq!(got.status, 507, "{}", got.text());
    assert!(got.text().contains("quota of 1000 bytes") && got.text().contains("repositoryQuotas/default"));
    let second = world.store_as("index", &[2; 400]).await;
    // It is full to the last byte.
    for folder in ["data", "index", "snapshots", "keys"] {
        let got = world.post(&place(folder, b"x"), b"x").await;
        assert_eq!(got.status, 507, "{folder}: {}", got.text());
    }
    assert_eq!(world.post("/config", b"x").await.status, 507);
    assert_eq!((world.files("data").len(), world.files("keys").len(), world.unfinished().await), (1, 0, 0));
    assert_eq!(world.points(), []);
    // What is there may be sent again, and come back; what was deleted takes its room.
    for (place, bytes) in [(&first, [1_u8; 600].as_slice()), (&second, &[2; 400])] {
        assert_eq!(world.post(place, bytes).await.status, 200);
        assert_eq!(world.delete(place).await.status, 200);
        assert_eq!(world.post(&super::world::place("data", b"y"), b"y").await.status, 507);
        assert_eq!(world.post(place, bytes).await.status, 200);
    }
    // Other mistakes are what they are, and without locks nobody could read.
    assert_eq!(world.post(&first, b"other").await.status, 403);
    let lock = world.store_as("locks", b"lock").await;
    assert_eq!(world.delete(&lock).await.status, 200);
    assert_eq!(world.get(&first).await.status, 200);
    limit(&world, item_id(ITEM), 1001);
    world.store_as("data", b"x").await;
}

#[tokio::test]
async fn a_length_that_does_not_fit_is_refused_before_a_byte_is_read() {
    let world = World::new().await;
    limit(&world, item_id(ITEM), 1000);
    let head = format!(
        "POST {}{} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {}\r\nContent-Length: 1001\r\n\r\n",
        world.base(),
        place("data", &[1; 1001]),
        base64(&format!("{ITEM}:{SECRET}"))
    );
    let mut stream = connect(&world).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    // The server reads the body before it answers, so that the client comes to read the answer.
    stream.write_all(&[1; 1001]).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 507");
    assert_eq!((world.unfinished().await, world.files("data").len()), (0, 0));
}

#[tokio::test]
async fn chunks_that_do_not_fit_are_refused_while_they_come() {
    let world = World::new().await;
    limit(&world, item_id(ITEM), 100_000);
    let bytes = vec![7; 3_000_000];
    for (length, status) in [(100_001, 507), (3_000_000, 507), (100_000, 200), (1, 507)] {
        let (feeder, body) = fed();
        let bytes = &bytes[..length];
        let target = place("data", bytes);
        let sending = world.send(world.request("POST", &target).body(body));
        let feeding = async {
            for piece in bytes.chunks(30_000) {
                feeder.send(Ok(piece.to_vec().into())).await.unwrap();
            }
            drop(feeder);
        };
        let (got, ()) = tokio::join!(sending, feeding);
        assert_eq!(got.status, status, "{length}: {}", got.text());
        assert_eq!(world.unfinished().await, 0);
    }
    assert_eq!(world.names("data").await, [hash(&bytes[..100_000])]);
}

#[tokio::test]
async fn of_many_at_once_no_more_get_in_than_fit() {
    let world = World::new().await;
    limit(&world, item_id(ITEM), 350);
    let bodies: Vec<[u8; 100]> = (0..6).map(|n| [n; 100]).collect();
    let places: Vec<String> = bodies.iter().map(|bytes| place("data", bytes)).collect();
    let send = |n: usize| world.post(&places[n], &bodies[n]);
    let (a, b, c, d, e, f) = tokio::join!(send(0), send(1), send(2), send(3), send(4), send(5));
    let mut statuses = [a, b, c, d, e, f].map(|got| got.status);
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 507, 507, 507]);
    assert_eq!((world.names("data").await.len(), world.files("data").len()), (3, 3));
}

#[tokio::test]
async fn the_quota_of_a_vault_is_for_all_its_items_together() {
    let world = World::new().await;
    limit(&world, vault_id(), 1000);
    let post_other = async |bytes: &[u8]| {
        let path = format!("/repositories/{VAULT}/{OTHER_ITEM}{}", place("data", bytes));
        let request = world.server.request("POST", &path).basic_auth(OTHER_ITEM, Some(SECRET));
        world.send(request.body(bytes.to_vec())).await
    };
    world.store_as("data", &[1; 600]).await;
    let got = post_other(&[1; 401]).await;
    assert_eq!(got.status, 507, "{}", got.text());
    assert!(got.text().contains(&format!("{}/repositoryQuotas/default", vault_id())), "{}", got.text());
    assert_eq!(post_other(&[1; 400]).await.status, 200);
    assert_eq!(world.post(&place("data", b"x"), b"x").await.status, 507);
    // The tighter one counts; and what is over it already stays.
    limit(&world, vault_id(), 10_000);
    limit(&world, item_id(ITEM), 10);
    assert_eq!(world.post(&place("data", b"x"), b"x").await.status, 507);
    assert_eq!(post_other(b"x").await.status, 200);
    assert_eq!(world.get(&place("data", &[1; 600])).await.status, 200);
    // An item that is gone takes its bytes and its quota with it.
    world.edit_item(|_| None);
    let quota = world.store().transact(|tx| tx.resource::<RepositoryQuota>(&item_id(ITEM))).unwrap();
    assert_eq!(quota, None);
    let stored = world.store().transact(|tx| tx.stored(&store::Holder::below(&vault_id()))).unwrap();
    assert_eq!(stored, 401);
}
