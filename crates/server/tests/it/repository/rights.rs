//! How far each right of a credential goes, request by request.

use directory::SecretDigest;
use vault::{RepositoryCredential, RepositoryRight, VaultChange};

use super::world::{Got, ITEM, SECRET, VAULT, World, hash, item_id, place};

/// A client with a credential of its own.
struct Holder<'a> {
    world: &'a World,
    right: RepositoryRight,
}

impl<'a> Holder<'a> {
    fn of(world: &'a World, right: RepositoryRight) -> Self {
        let credential = RepositoryCredential {
            item: item_id(ITEM),
            previous: None,
            repository: ITEM.into(),
            right,
            user_name: right.as_str().to_ascii_lowercase(),
            secret_hash: SecretDigest::of(SECRET).to_hex(),
            created: world.server.now(),
            created_by: "test".into(),
        };
        world.apply(|_| Ok(VaultChange::credential(credential.clone())));
        Self { world, right }
    }

    async fn send_to(&self, item: &str, method: &str, place: &str, bytes: &[u8]) -> Got {
        let user = self.right.as_str().to_ascii_lowercase();
        let path = format!("/repositories/{VAULT}/{item}{place}");
        let request = self.world.server.request(method, &path).basic_auth(user, Some(SECRET));
        self.world.send(if method == "POST" { request.body(bytes.to_vec()) } else { request }).await
    }

    async fn send(&self, method: &str, place: &str, bytes: &[u8]) -> Got {
        self.send_to(ITEM, method, place, bytes).await
    }

    async fn post(&self, folder: &str, bytes: &[u8]) -> Got {
        self.send("POST", &place(folder, bytes), bytes).await
    }
}

const FOLDERS: [&str; 5] = ["keys", "index", "snapshots", "data", "locks"];

/// A repository with one object of each type, by somebody who may do everything.
async fn filled() -> World {
    let world = World::new().await;
    for folder in FOLDERS {
        world.store_as(folder, folder.as_bytes()).await;
    }
    assert_eq!(world.post("/config", b"config").await.status, 200);
    world
}

#[tokio::test]
async fn each_right_and_each_request() {
    use RepositoryRight::{Append, Full, Prune, Read};
    // One status for each folder, in their order, and for the config.
    for (right, method, statuses) in [
        (Append, "GET/", [200, 200, 200, 403, 200, 200]),
        (Append, "HEAD", [200, 200, 403, 403, 200, 200]),
        (Append, "GET", [200, 200, 403, 403, 200, 200]),
        (Append, "POST", [403, 200, 200, 200, 200, 403]),
        (Append, "DELETE", [403, 403, 403, 403, 403, 403]),
        (Read, "GET/", [200, 200, 200, 200, 200, 200]),
        (Read, "HEAD", [200, 200, 200, 200, 200, 200]),
        (Read, "GET", [200, 200, 200, 200, 200, 200]),
        (Read, "POST", [403, 403, 403, 403, 200, 403]),
        (Read, "DELETE", [403, 403, 403, 403, 403, 403]),
        (Prune, "GET/", [200, 200, 200, 200, 200, 200]),
        (Prune, "HEAD", [200, 200, 200, 200, 200, 200]),
        (Prune, "GET", [200, 200, 200, 200, 200, 200]),
        (Prune, "POST", [403, 200, 200, 200, 200, 403]),
        (Prune, "DELETE", [403, 200, 200, 200, 200, 403]),
        (Full, "GET/", [200, 200, 200, 200, 200, 200]),
        (Full, "HEAD", [200, 200, 200, 200, 200, 200]),
        (Full, "GET", [200, 200, 200, 200, 200, 200]),
        (Full, "POST", [200, 200, 200, 200, 200, 403]),
        // The config wants a security PIN besides.
        (Full, "DELETE", [200, 200, 200, 200, 200, 403]),
    ] {
        let world = filled().await;
        let holder = Holder::of(&world, right);
        for (folder, wanted) in FOLDERS.into_iter().chain(["config"]).zip(statuses) {
            let new = format!("new in {folder}");
            let (at, bytes) = match (method, folder) {
                ("GET/", "config") => continue,
                ("GET/", _) => (format!("/{folder}/"), ""),
                ("POST", "config") => ("/config".into(), "another"),
                (_, "config") => ("/config".into(), ""),
                ("POST", _) => (place(folder, new.as_bytes()), new.as_str()),
                _ => (place(folder, folder.as_bytes()), ""),
            };
            let got = holder.send(method.trim_end_matches('/'), &at, bytes.as_bytes()).await;
            assert_eq!(got.status, wanted, "{right:?} {method} {folder}: {}", got.text());
            let says = got.status == 403 && method != "HEAD" && folder != "config";
            if says {
                let text = got.text();
                assert!(text.contains(right.as_str()) && text.contains("Full"), "{text}");
                assert!(text.contains("/repositoryCredentials") && text.lines().count() == 1, "{text}");
            }
        }
    }
}

#[tokio::test]
async fn who_may_only_add_initializes_once_and_sees_no_history() {
    let world = World::new().await;
    let append = Holder::of(&world, RepositoryRight::Append);
    assert_eq!(append.send("POST", "/?create=true", b"").await.status, 200);
    assert_eq!(append.send("HEAD", "/config", b"").await.status, 404);
    assert_eq!(append.post("keys", b"key").await.status, 200);
    assert_eq!(append.send("POST", "/config", b"config").await.status, 200);
    // Answers that were lost.
    assert_eq!(append.send("POST", "/config", b"config").await.status, 200);
    assert_eq!(append.post("keys", b"key").await.status, 200);
    let late = append.post("keys", b"another").await;
    assert_eq!(late.status, 403, "a way in for whoever stole the host");
    assert!(late.text().contains("needs Full"), "{}", late.text());
    assert_eq!(world.files("keys").len(), 1);

    for bytes in [b"one".as_slice(), b"two"] {
        assert_eq!(append.post("snapshots", bytes).await.status, 200);
        // The client tries again, as restic does it: removes, which it may not, and posts.
        assert_eq!(append.send("DELETE", &place("snapshots", bytes), b"").await.status, 403);
        assert_eq!(append.post("snapshots", bytes).await.status, 200);
    }
    assert_eq!(append.send("GET", "/snapshots/", b"").await.text(), "[]");
    assert_eq!(world.names("snapshots").await.len(), 2);
    assert_eq!(world.points().len(), 2);
    let view = format!("{ITEM}@{}", hash(b"one"));
    for place in ["/config", "/keys/", "/snapshots/", "/locks/"] {
        let got = append.send_to(&view, "GET", place, b"").await;
        assert_eq!(got.status, 403, "{place}: {}", got.text());
        assert!(got.text().contains("Read, Prune or Full"), "{}", got.text());
    }
    let read = Holder::of(&world, RepositoryRight::Read);
    assert_eq!(read.send_to(&view, "GET", "/config", b"").await.text(), "config");
    assert_eq!(read.send("POST", "/?create=true", b"").await.status, 403);
}

#[tokio::test]
async fn nobody_takes_the_place_of_a_config_that_is_gone() {
    let world = World::new().await;
    assert_eq!(world.post("/config", b"config").await.status, 200);
    let now = world.server.now();
    let remove = |tx: &mut store::Transaction| {
        tx.tombstone_object(ITEM, store::ObjectType::Config, "config", now, "test");
        Ok(())
    };
    world.store().transact(remove).unwrap();
    for right in [RepositoryRight::Append, RepositoryRight::Prune] {
        let holder = Holder::of(&world, right);
        for (place, bytes) in [("/config", b"mine".as_slice()), (&place("keys", b"mine"), b"mine")] {
            assert_eq!(holder.send("POST", place, bytes).await.status, 403, "{right:?} {place}");
        }
    }
    let full = Holder::of(&world, RepositoryRight::Full);
    assert_eq!(full.send("POST", "/config", b"new").await.status, 200);
}

#[tokio::test]
async fn a_lock_is_removed_by_its_own_credential() {
    let world = World::new().await;
    let holders = RepositoryRight::ALL.map(|right| Holder::of(&world, right));
    for owner in &holders {
        for other in &holders {
            let lock = format!("{:?}{:?}", owner.right, other.right);
            assert_eq!(owner.post("locks", lock.as_bytes()).await.status, 200);
            let may = owner.right == other.right
                || matches!(other.right, RepositoryRight::Prune | RepositoryRight::Full);
            let got = other.send("DELETE", &place("locks", lock.as_bytes()), b"").await;
            assert_eq!(got.status, if may { 200 } else { 403 }, "{lock}: {}", got.text());
            assert_eq!(owner.send("DELETE", &place("locks", lock.as_bytes()), b"").await.status, 200);
        }
    }
    assert_eq!(world.names("locks").await, [""; 0]);
}
