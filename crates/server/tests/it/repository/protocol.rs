//! What clients insist on, request by request.

use super::world::{ITEM, OTHER_ITEM, OTHER_VAULT, SECRET, VAULT, World, hash, place};

#[tokio::test]
async fn a_repository_from_creation_to_its_first_snapshot() {
    let world = World::new().await;
    // The order and the forms in which restic asks.
    assert_eq!(world.head("/config").await.status, 404);
    for base in ["?create=true", "/?create=true"] {
        let created = world.post(base, b"").await;
        assert_eq!((created.status, created.bytes.len()), (200, 0));
    }
    assert_eq!(world.post("/", b"").await.status, 400, "without create=true");
    let key = world.store_as("keys", b"key").await;
    assert_eq!(world.post("/config", b"config").await.status, 200);
    let config = world.head("/config").await;
    assert_eq!((config.status, config.length()), (200, 6));
    let ranged = world.request("GET", "/config").header("Range", "bytes=0-");
    let config = world.send(ranged).await;
    assert_eq!((config.status, config.length(), config.text()), (206, 6, "config".into()));
    assert_eq!(config.header("content-range"), "bytes 0-5/6");
    // Without a range the whole comes as 200: rustic asks so.
    let whole = world.get(&key).await;
    assert_eq!((whole.status, whole.length(), whole.text()), (200, 3, "key".into()));
    for folder in ["data", "index", "snapshots"] {
        let place = world.store_as(folder, folder.as_bytes()).await;
        let head = world.head(&place).await;
        assert_eq!((head.status, head.length()), (200, folder.len() as u64));
        assert_eq!(world.get(&place).await.text(), folder);
    }
}

#[tokio::test]
async fn what_is_there_is_never_changed() {
    let world = World::new().await;
    let pack = world.store_as("data", b"pack").await;
    world.post("/config", b"config").await;
    for (place, bytes, status) in [
        // The same again is fine: an answer may have been lost.
        (pack.as_str(), b"pack".as_slice(), 200),
        ("/config", b"config", 200),
        // Anything else is not.
        (pack.as_str(), b"other", 403),
        ("/config", b"other", 403),
        (place("data", b"new").as_str(), b"wrong", 400),
        (place("data", b"new").as_str(), b"", 400),
        (place("keys", b"new").as_str(), b"wrong", 400),
        (place("locks", b"new").as_str(), b"wrong", 400),
        (place("snapshots", b"new").as_str(), b"wrong", 400),
    ] {
        let got = world.post(place, bytes).await;
        assert_eq!(got.status, status, "{place}: {}", got.text());
    }
    assert_eq!(world.get(&pack).await.text(), "pack");
    assert_eq!(world.get("/config").await.text(), "config");
    assert_eq!(world.get(&place("data", b"new")).await.status, 404);
    assert_eq!((world.files("data").len(), world.files("keys").len()), (1, 0));
    assert_eq!(world.unfinished().await, 0);
    assert_eq!(world.points(), []);
}

#[tokio::test]
async fn deletes_are_idempotent_and_the_config_stays() {
    let world = World::new().await;
    let pack = world.store_as("data", b"pack").await;
    world.post("/config", b"config").await;
    for (target, status) in [
        (pack.as_str(), 200),
        (pack.as_str(), 200),
        (place("index", b"never there").as_str(), 200),
        (place("locks", b"never there").as_str(), 200),
        ("/config", 403),
        ("", 403),
        ("/", 403),
    ] {
        let got = world.delete(target).await;
        assert_eq!(got.status, status, "{target}: {}", got.text());
        assert_eq!(got.text().lines().count(), usize::from(status != 200), "one plain line");
    }
    assert_eq!(world.get(&pack).await.status, 404);
    assert_eq!(world.head(&pack).await.status, 404);
    assert_eq!(world.names("data").await, [""; 0]);
    assert_eq!(world.get("/config").await.text(), "config");
    assert_eq!(world.files("data").len(), 1, "a tombstone keeps the bytes");
}

#[tokio::test]
async fn ranges() {
    let world = World::new().await;
    let pack = world.store_as("data", b"0123456789").await;
    let empty = world.store_as("data", b"").await;
    for (range, status, wanted, part) in [
        ("bytes=0-", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=2-4", 206, "234", "bytes 2-4/10"),
        ("bytes=9-9", 206, "9", "bytes 9-9/10"),
        ("bytes=7-", 206, "789", "bytes 7-9/10"),
        ("bytes=7-1000", 206, "789", "bytes 7-9/10"),
        ("bytes=-4", 206, "6789", "bytes 6-9/10"),
        ("bytes=-40", 206, "0123456789", "bytes 0-9/10"),
        ("bytes=0-1,3-4", 200, "0123456789", ""),
        ("nonsense", 200, "0123456789", ""),
    ] {
        let got = world.send(world.request("GET", &pack).header("Range", range)).await;
        assert_eq!((got.status, got.text().as_str()), (status, wanted), "{range}");
        assert_eq!(got.length(), wanted.len() as u64, "{range}");
        assert_eq!(got.header("content-range"), part, "{range}");
        assert_eq!(got.header("accept-ranges"), "bytes");
    }
    for range in ["bytes=10-", "bytes=10-20", "bytes=5-2", "bytes=-0", "bytes=999999999999999999999-"] {
        let got = world.send(world.request("GET", &pack).header("Range", range)).await;
        assert_eq!((got.status, got.header("content-range")), (416, "bytes */10"), "{range}");
    }
    let all = world.send(world.request("GET", &empty).header("Range", "bytes=0-")).await;
    assert_eq!((all.status, all.length()), (200, 0));
    // A HEAD knows no ranges.
    let head = world.send(world.request("HEAD", &pack).header("Range", "bytes=2-4")).await;
    assert_eq!((head.status, head.length()), (200, 10));
}

#[tokio::test]
async fn a_large_object_comes_back_whole_and_in_parts() {
    let world = World::new().await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let pack = world.store_as("data", &bytes).await;
    assert!(world.get(&pack).await.bytes == bytes);
    let part = world.send(world.request("GET", &pack).header("Range", "bytes=1000000-2999998")).await;
    assert_eq!(part.length(), 1_999_999);
    assert!(part.bytes == bytes[1_000_000..2_999_999]);
}

#[tokio::test]
async fn lists_in_both_versions_oldest_first() {
    let world = World::new().await;
    const V2: &str = "application/vnd.x.restic.rest.v2";
    for folder in ["data", "index", "keys", "locks", "snapshots"] {
        for accept in ["*/*", V2] {
            let got = world.send(world.request("GET", &format!("/{folder}/")).header("Accept", accept)).await;
            assert_eq!((got.status, got.text().as_str(), got.length()), (200, "[]", 2));
        }
    }
    // In an order that is not the one of their names.
    let keys = [b"one".as_slice(), b"three", b"fifth key"];
    for key in keys {
        world.store_as("keys", key).await;
    }
    let names = keys.map(hash);
    assert!(!names.is_sorted());
    for folder in ["/keys", "/keys/"] {
        let got = world.get(folder).await;
        assert_eq!(got.header("content-type"), "application/vnd.x.restic.rest.v1");
        assert_eq!(got.text(), serde_json::to_string(&names).unwrap());
        let got =
            world.send(world.request("GET", folder).header("Accept", format!("text/html, {V2};q=0.9"))).await;
        assert_eq!(got.header("content-type"), V2);
        let listed: serde_json::Value = serde_json::from_slice(&got.bytes).unwrap();
        let sizes: Vec<(&str, u64)> = listed
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["name"].as_str().unwrap(), entry["size"].as_u64().unwrap()))
            .collect();
        let wanted: Vec<(&str, u64)> = names.iter().map(String::as_str).zip([3, 5, 9]).collect();
        assert_eq!(sizes, wanted);
    }
    let head = world.head("/keys/").await;
    assert_eq!((head.status, head.bytes.len()), (200, 0));
}

#[tokio::test]
async fn a_long_list_is_whole() {
    let world = World::new().await;
    let now = world.server.now();
    let names: Vec<String> = (0..5003).map(|n: u32| hash(&n.to_be_bytes())).collect();
    for part in names.chunks(1000) {
        world
            .store()
            .transact(|tx| {
                for name in part {
                    let object = store::Object {
                        name: name.clone(),
                        content: name.clone(),
                        size: 7,
                        at: now,
                        by: "test".into(),
                        checksum: None,
                    };
                    tx.put_object(ITEM, store::ObjectType::Data, &object)?;
                }
                Ok(())
            })
            .unwrap();
    }
    assert!(world.names("data").await == names);
    let request = world.request("GET", "/data/").header("Accept", "application/vnd.x.restic.rest.v2");
    let listed: Vec<serde_json::Value> = serde_json::from_slice(&world.send(request).await.bytes).unwrap();
    assert_eq!(listed.len(), names.len());
    assert_eq!(listed[5002]["name"], names[5002].as_str());
}

#[tokio::test]
async fn only_the_items_own_credential_opens_it() {
    let world = World::new().await;
    let config = format!("{}/config", world.base());
    world.post("/config", b"config").await;
    let mut answers = Vec::new();
    for (user, secret) in [
        (ITEM, "wrong"),
        (ITEM, ""),
        ("nobody", SECRET),
        ("nobody", ""),
        ("", ""),
        (OTHER_ITEM, SECRET),
        (&ITEM.to_uppercase(), SECRET),
    ] {
        for method in ["GET", "HEAD", "POST", "DELETE"] {
            let request = world.server.request(method, &config).basic_auth(user, Some(secret)).body("x");
            let got = world.send(request).await;
            assert_eq!(got.status, 401, "{method} as {user}");
            if method == "GET" {
                answers.push((got.text(), got.header("www-authenticate").to_string()));
            }
        }
    }
    let none = world.send(world.server.request("GET", &config)).await;
    assert_eq!(none.status, 401);
    answers.push((none.text(), none.header("www-authenticate").to_string()));
    for header in ["Basic", "Basic !!!", "Bearer abc", "Basic bm9jb2xvbg=="] {
        let request = world.server.request("GET", &config).header("Authorization", header);
        assert_eq!(world.send(request).await.status, 401, "{header}");
    }
    // Nobody learns which half was wrong, or whether there is such an item.
    let missing = format!("/repositories/{VAULT}/nosuchitem/config");
    let request = world.server.request("GET", &missing).basic_auth(ITEM, Some(SECRET));
    let got = world.send(request).await;
    answers.push((got.text(), got.header("www-authenticate").to_string()));
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].1.starts_with("Basic realm="));
    // The right item under another vault's name is nowhere, whether there is such a vault or not.
    for vault in [OTHER_VAULT, "nosuchvault"] {
        let elsewhere = format!("/repositories/{vault}/{ITEM}/config");
        let request = world.server.request("GET", &elsewhere).basic_auth(ITEM, Some(SECRET));
        assert_eq!(world.send(request).await.status, 404, "{vault}");
    }
}

#[tokio::test]
async fn guessing_is_slowed_down_and_shuts_nobody_out() {
    let world = World::new().await;
    let guess =
        || world.server.request("GET", &format!("{}/config", world.base())).basic_auth(ITEM, Some("guess"));
    for _ in 0..50 {
        assert_eq!(world.send(guess()).await.status, 401);
    }
    let got = world.send(guess()).await;
    assert_eq!(got.status, 429);
    assert!(got.header("retry-after").parse::<u64>().unwrap() <= 61);
    assert_eq!(world.names("keys").await, [""; 0], "the right credential still works");
    world.server.advance(jiff::SignedDuration::from_mins(16));
    assert_eq!(world.send(guess()).await.status, 401);
}

#[tokio::test]
async fn what_is_no_part_of_the_protocol_is_refused() {
    let world = World::new().await;
    let pack = world.store_as("data", b"pack").await;
    let name = pack.strip_prefix("/data/").unwrap();
    for (method, place, status) in [
        ("GET", "", 405),
        ("GET", "/", 405),
        ("PUT", pack.as_str(), 405),
        ("PATCH", "/config", 405),
        ("POST", "/data/", 405),
        ("DELETE", "/keys/", 405),
        ("OPTIONS", "/config", 405),
        ("GET", "/other/", 404),
        ("GET", "/config/", 404),
        ("GET", "/data//", 404),
        ("GET", "//config", 404),
        ("GET", "/data/short", 404),
        ("POST", &format!("/data/{}", name.to_uppercase()), 404),
        ("GET", &format!("/data/{}/", name), 404),
        ("GET", &format!("/da%74a/{name}"), 404),
        ("GET", &format!("/data/x%2F..%2F{name}"), 404),
        ("GET", &format!("/data/{}%00", name.get(..61).unwrap()), 404),
        ("GET", &format!("/{name}"), 404),
    ] {
        let got = world.send(world.request(method, place).body("x")).await;
        assert_eq!(got.status, status, "{method} {place}: {}", got.text());
        assert!(got.header("content-type").starts_with("text/plain"), "{method} {place}");
    }
    for path in ["/repositories", "/repositories/", "/repositories/x", "/repositories/data/i/config"] {
        let got = world.send(world.server.request("GET", path)).await;
        assert_eq!(got.status, 404, "{path}");
    }
}

#[tokio::test]
async fn traffic_is_counted_by_the_names_that_dashboards_know() {
    let world = World::new().await;
    let pack = world.store_as("data", b"12345").await;
    world.get(&pack).await;
    world.delete(&pack).await;
    world.delete(&pack).await;
    let metrics = world.metrics().await;
    let labels = format!("{{user=\"{ITEM}\",repo=\"{VAULT}/{ITEM}\",type=\"data\"}}");
    for (name, value) in
        [("write", 1), ("write_bytes", 5), ("read", 1), ("read_bytes", 5), ("delete", 1), ("delete_bytes", 5)]
    {
        let line = format!("rest_server_blob_{name}_total{labels} {value}\n");
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!(
        metrics.contains("countersign_requests_total{face=\"repository\",method=\"POST\",status=\"200\"} 1")
    );
}
