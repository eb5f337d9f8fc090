//! Views of recovery points: what was there stays readable whatever follows, and nothing that follows gets in.

use jiff::SignedDuration;
use serde_json::Value;
use store::{Object, ObjectType};
use vault::{GuardProxy, RecoveryPoint, VaultChange};

use super::world::{Got, ITEM, OTHER_ITEM, SECRET, VAULT, World, hash, item_id, place, vault_id};

const POINT: &[u8] = b"snapshot";
const V2: &str = "application/vnd.x.restic.rest.v2";

/// A client on the view of the point, or of another name for it.
struct View<'a> {
    world: &'a World,
    point: String,
}

impl View<'_> {
    fn request(&self, method: &str, place: &str) -> reqwest::RequestBuilder {
        let path = format!("/repositories/{VAULT}/{ITEM}@{}{place}", self.point);
        self.world.server.request(method, &path).basic_auth(ITEM, Some(SECRET))
    }

    async fn send(&self, method: &str, place: &str) -> Got {
        self.world.send(self.request(method, place)).await
    }

    async fn get(&self, place: &str) -> Got {
        self.send("GET", place).await
    }

    async fn post(&self, place: &str, bytes: &[u8]) -> Got {
        self.world.send(self.request("POST", place).body(bytes.to_vec())).await
    }

    async fn names(&self, folder: &str) -> Vec<String> {
        let got = self.get(&format!("/{folder}/")).await;
        assert_eq!(got.status, 200, "{}", got.text());
        serde_json::from_slice(&got.bytes).unwrap()
    }

    /// Everything in it: each list in both forms, and each object's bytes.
    async fn contents(&self) -> Vec<(String, String)> {
        let mut all = vec![("config".to_string(), self.get("/config").await.text())];
        for folder in ["keys", "index", "data", "snapshots", "locks"] {
            let sizes = self.request("GET", &format!("/{folder}/")).header("accept", V2);
            let sizes = self.world.send(sizes).await;
            assert_eq!((sizes.status, sizes.header("content-type")), (200, V2));
            let sizes: Vec<Value> = serde_json::from_slice(&sizes.bytes).unwrap();
            let names = self.names(folder).await;
            assert_eq!(sizes.len(), names.len());
            for (name, of) in names.iter().zip(sizes) {
                let got = self.get(&format!("/{folder}/{name}")).await;
                assert_eq!((got.status, hash(&got.bytes)), (200, name.clone()));
                assert_eq!(
                    (of["name"].as_str(), of["size"].as_u64()),
                    (Some(name.as_str()), Some(got.length()))
                );
                all.push((format!("/{folder}/{name}"), got.text()));
            }
        }
        all
    }
}

fn view<'a>(world: &'a World, snapshot: &[u8]) -> View<'a> {
    View { world, point: hash(snapshot) }
}

async fn store(world: &World, folder: &str, bytes: &[u8]) -> (String, String) {
    (world.store_as(folder, bytes).await, String::from_utf8(bytes.to_vec()).unwrap())
}

/// A backup, and what its view must hold for good.
async fn back_up(world: &World) -> Vec<(String, String)> {
    assert_eq!(world.post("/config", b"the config").await.status, 200);
    vec![
        ("config".into(), "the config".into()),
        store(world, "keys", b"key").await,
        store(world, "index", b"index").await,
        store(world, "data", b"pack").await,
        store(world, "data", b"another pack").await,
        store(world, "snapshots", POINT).await,
    ]
}

#[tokio::test]
async fn whatever_follows_a_view_stays_what_it_was() {
    let world = World::new().await;
    let wanted = back_up(&world).await;
    let view = view(&world, POINT);
    assert_eq!(view.contents().await, wanted);
    // Everything goes that clients can delete, and garbage of every sort comes.
    world.server.advance(SignedDuration::from_hours(1));
    for (place, _) in wanted.iter().skip(1) {
        assert_eq!(world.delete(place).await.status, 200);
    }
    for folder in ["keys", "index", "data", "snapshots"] {
        store(&world, folder, b"garbage").await;
        assert_eq!(world.names(folder).await, [hash(b"garbage")]);
    }
    // A pack that comes back is no other.
    store(&world, "data", b"pack").await;
    for hours in [0, 24 * 13, 24 * 400] {
        world.server.advance(SignedDuration::from_hours(hours));
        assert_eq!(view.contents().await, wanted);
    }
    assert_eq!(view.get(&place("snapshots", b"garbage")).await.status, 404);
    assert_eq!(view.get(&place("keys", b"garbage")).await.status, 404);
    // The garbage made a point, too; its view holds what was deleted shortly before, but for snapshots.
    let later = View { world: &world, point: hash(b"garbage") };
    assert_eq!(later.names("snapshots").await, [hash(b"garbage")]);
    assert_eq!(later.names("keys").await, [hash(b"key"), hash(b"garbage")]);
}

#[tokio::test]
async fn objects_are_read_as_in_the_head() {
    let world = World::new().await;
    back_up(&world).await;
    let view = view(&world, POINT);
    let pack = place("data", b"another pack");
    world.delete(&pack).await;
    let head = view.send("HEAD", &pack).await;
    assert_eq!((head.status, head.length(), head.bytes.len()), (200, 12, 0));
    for (range, status, text) in
        [("bytes=8-", 206, "pack"), ("bytes=0-6", 206, "another"), ("bytes=99-", 416, "")]
    {
        let got = world.send(view.request("GET", &pack).header("range", range)).await;
        assert_eq!(got.status, status, "{range}");
        assert!(status == 416 || got.text() == text, "{range}: {}", got.text());
    }
    assert_eq!(view.send("HEAD", "/config").await.length(), 10);
    assert_eq!(view.get(&place("data", b"none")).await.status, 404);
}

#[tokio::test]
async fn a_view_takes_nothing_but_locks() {
    let world = World::new().await;
    let wanted = back_up(&world).await;
    let view = view(&world, POINT);
    let entries = world.ledger();
    for folder in ["keys", "index", "data", "snapshots"] {
        let got = view.post(&place(folder, b"new"), b"new").await;
        assert_eq!(got.status, 403);
        assert!(got.text().contains("view of a recovery point") && got.text().lines().count() == 1);
    }
    for (method, place) in [
        ("POST", "/config"),
        ("DELETE", "/config"),
        ("POST", "/?create=true"),
        ("DELETE", "/"),
        ("DELETE", &wanted[3].0),
        ("DELETE", &wanted[5].0),
    ] {
        assert_eq!(view.send(method, place).await.status, 403, "{method} {place}");
    }
    assert_eq!(view.send("PUT", &wanted[3].0).await.status, 405);
    assert_eq!(view.contents().await, wanted);
    assert_eq!(world.ledger(), entries);
    assert_eq!(world.files("data").len(), 2);
}

#[tokio::test]
async fn locks_of_a_view_are_in_memory_and_its_own() {
    let world = World::new().await;
    back_up(&world).await;
    store(&world, "snapshots", b"second").await;
    let (first, second) = (view(&world, POINT), view(&world, b"second"));
    store(&world, "locks", b"of the head").await;
    let lock = place("locks", b"lock");
    assert_eq!(first.post(&lock, b"other bytes").await.status, 400);
    assert_eq!(first.post(&lock, &[1; 5000]).await.status, 413);
    for _ in 0..2 {
        assert_eq!(first.post(&lock, b"lock").await.status, 200);
    }
    assert_eq!(first.names("locks").await, [hash(b"lock")]);
    assert_eq!(first.get(&lock).await.text(), "lock");
    assert_eq!(first.send("HEAD", &lock).await.length(), 4);
    let part = world.send(first.request("GET", &lock).header("range", "bytes=1-2")).await;
    assert_eq!((part.status, part.text(), part.header("content-range")), (206, "oc".into(), "bytes 1-2/4"));
    // It is in no other view, not in the head, and not on the disk.
    assert_eq!(second.names("locks").await, Vec::<String>::new());
    assert_eq!(second.get(&lock).await.status, 404);
    assert_eq!(world.names("locks").await, [hash(b"of the head")]);
    assert_eq!(world.files("locks").len(), 1);
    assert_eq!(first.get(&place("locks", b"of the head")).await.status, 404);
    // It goes when its client ends, and by itself.
    for _ in 0..2 {
        assert_eq!(first.send("DELETE", &lock).await.status, 200);
    }
    assert_eq!(first.get(&lock).await.status, 404);
    first.post(&lock, b"lock").await;
    world.server.advance(SignedDuration::from_hours(2));
    assert_eq!(first.names("locks").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_point_is_named_whole_or_by_its_beginning() {
    let world = World::new().await;
    let wanted = back_up(&world).await;
    let short = View { world: &world, point: hash(POINT).get(..8).unwrap().into() };
    assert_eq!(short.contents().await, wanted);
    assert_eq!(short.post(&place("locks", b"lock"), b"lock").await.status, 200);
    assert_eq!(view(&world, POINT).names("locks").await, [hash(b"lock")], "it is the same view");
    for point in [hash(b"none"), "01234567".into(), "0123456".into(), String::new(), "x".repeat(64)] {
        let none = View { world: &world, point };
        for (method, place) in
            [("HEAD", "/config"), ("GET", "/data/"), ("GET", "/locks/"), ("POST", "/config")]
        {
            assert_eq!(none.send(method, place).await.status, 404, "{method} {}{place}", none.point);
        }
        let lock = none.post(&place("locks", b"lock"), b"lock").await;
        assert_eq!(lock.status, 404);
    }
}

#[tokio::test]
async fn a_point_that_is_not_certain_is_not_shown() {
    let world = World::new().await;
    back_up(&world).await;
    // Two points that begin alike, and of neither is there a snapshot; and one whose snapshot came at another time.
    let names = ["a", "b"].map(|end| format!("01234567{}", end.repeat(56)));
    let [one, other] = &names;
    let later = world.store_as("data", b"later").await.rsplit_once('/').unwrap().1.to_string();
    for name in [one, other, &later] {
        world.apply(|_| {
            Ok(VaultChange::recovery_point(RecoveryPoint {
                label: None,
                id: item_id(ITEM).child(&format!("recoveryPoints/{name}"))?,
                repository: ITEM.into(),
                at: world.server.now(),
                snapshot: name.clone(),
                written_by: ITEM.into(),
                policy: None,
                retain_until: None,
            }))
        });
    }
    world.server.advance(SignedDuration::from_hours(1));
    world
        .store()
        .transact(|tx| {
            let (name, content) = (later.clone(), later.clone());
            let snapshot =
                Object { name, content, size: 5, at: world.server.now(), by: "test".into(), checksum: None };
            tx.put_object(ITEM, ObjectType::Snapshots, &snapshot)
        })
        .unwrap();
    for (point, why) in [
        ("01234567".to_string(), "several recovery points"),
        (one.clone(), "not kept any more"),
        ("01234567b".to_string(), "not kept any more"),
        (later.clone(), "not kept any more"),
    ] {
        let got = View { world: &world, point }.get("/keys/").await;
        assert_eq!(got.status, 404);
        assert!(got.text().contains(why), "{}", got.text());
    }
}

#[tokio::test]
async fn a_view_opens_to_whoever_may_read_the_item() {
    let world = World::new().await;
    back_up(&world).await;
    let view = view(&world, POINT);
    let path = |place: &str| format!("/repositories/{VAULT}/{ITEM}@{}{place}", view.point);
    for (user, secret) in [(ITEM, "guessed"), (OTHER_ITEM, SECRET)] {
        for (method, place) in
            [("GET", "/config"), ("GET", "/locks/"), ("POST", "/config"), ("GET", "/data/")]
        {
            let request = world.server.request(method, &path(place)).basic_auth(user, Some(secret));
            assert_eq!(world.send(request).await.status, 401, "{user} {method} {place}");
        }
    }
    // The points of one item are none of another's.
    let other = format!("/repositories/{VAULT}/{OTHER_ITEM}@{}/config", view.point);
    let request = world.server.request("GET", &other).basic_auth(OTHER_ITEM, Some(SECRET));
    assert_eq!(world.send(request).await.status, 404);
    // Where a guard protects restores, packs take its consent here, too.
    world.apply(|tx| {
        let id = vault_id().child("backupResourceGuardProxies/VaultProxy")?;
        let guard = vault_id().child("x/y")?;
        let before = tx.resource(&id)?;
        Ok(VaultChange::link(before, GuardProxy { id, guard, updated: world.server.now() }))
    });
    let pack = place("data", b"pack");
    assert_eq!(view.get(&pack).await.status, 403);
    assert_eq!(view.send("HEAD", &pack).await.status, 200);
    assert_eq!(view.get(&place("index", b"index")).await.status, 200);
}
