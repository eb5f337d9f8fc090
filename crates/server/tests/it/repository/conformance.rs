//! What restic's own tests of its REST back end, and the peers' deviations from it, say about every answer: one row each, over
//! HTTP/1.1 and over HTTP/2.

use reqwest::Version;

use super::world::{Got, ITEM, SECRET, World, fed, hash, place};
use crate::login::throttle::join_all;

/// A body.
enum Bytes {
    None,
    Sized(&'static str),
    Chunked(&'static str),
}

use Bytes::{Chunked, None as NoBody, Sized};

/// A request, and what is to be answered.
struct Row {
    what: &'static str,
    method: &'static str,
    /// `{pack}` and the like stand for the place of these bytes.
    place: &'static str,
    range: &'static str,
    bytes: Bytes,
    status: u16,
    /// What the answer's body is, where that is said.
    body: Option<&'static str>,
}

const fn row(
    what: &'static str,
    method: &'static str,
    place: &'static str,
    bytes: Bytes,
    status: u16,
) -> Row {
    Row { what, method, place, range: "", bytes, status, body: None }
}

const fn get(
    what: &'static str,
    place: &'static str,
    range: &'static str,
    status: u16,
    body: &'static str,
) -> Row {
    Row { what, method: "GET", place, range, bytes: NoBody, status, body: Some(body) }
}

/// In this order, on one repository.
const ROWS: &[Row] = &[
    row("no config yet", "HEAD", "/config", NoBody, 404),
    row("no config yet, by GET", "GET", "/config", NoBody, 404),
    row("create", "POST", "/?create=true", NoBody, 200),
    row("create again", "POST", "/?create=true", NoBody, 200),
    row("create without a slash", "POST", "?create=true", NoBody, 200),
    get("an empty list is a list", "/data/", "", 200, "[]"),
    get("an empty list without a slash", "/keys", "", 200, "[]"),
    row("a key, sized", "POST", "/keys/{pack}", Sized("pack"), 200),
    row("config", "POST", "/config", Sized("config"), 200),
    row("config again", "POST", "/config", Sized("config"), 200),
    row("another config", "POST", "/config", Sized("other"), 403),
    row("another config in chunks", "POST", "/config", Chunked("other"), 403),
    get("all of config", "/config", "", 200, "config"),
    get("config by the range that restic sends", "/config", "bytes=0-", 206, "config"),
    row("a pack that is missing", "GET", "/data/{pack}", NoBody, 404),
    row("a pack that is missing, by HEAD", "HEAD", "/data/{pack}", NoBody, 404),
    row("wrong bytes", "POST", "/data/{pack}", Sized("wrong"), 400),
    row("wrong bytes in chunks", "POST", "/data/{pack}", Chunked("wrong"), 400),
    row("no bytes", "POST", "/data/{pack}", NoBody, 400),
    row("nothing of it was stored", "GET", "/data/{pack}", NoBody, 404),
    row("a pack, sized", "POST", "/data/{pack}", Sized("pack"), 200),
    row("the same again", "POST", "/data/{pack}", Sized("pack"), 200),
    row("the same again, in chunks", "POST", "/data/{pack}", Chunked("pack"), 200),
    row("other bytes under its name", "POST", "/data/{pack}", Sized("other"), 403),
    row("a pack in chunks, as rustic sends it", "POST", "/data/{other}", Chunked("other"), 200),
    row("an index", "POST", "/index/{index}", Sized("index"), 200),
    row("a snapshot", "POST", "/snapshots/{pack}", Sized("pack"), 200),
    row("a lock", "POST", "/locks/{pack}", Sized("pack"), 200),
    row("an empty object", "POST", "/data/{}", Sized(""), 200),
    get("all of an empty object", "/data/{}", "bytes=0-", 200, ""),
    row("its size", "HEAD", "/data/{pack}", NoBody, 200),
    get("all of it", "/data/{pack}", "", 200, "pack"),
    get("from the start", "/data/{pack}", "bytes=0-", 206, "pack"),
    get("a part", "/data/{pack}", "bytes=1-2", 206, "ac"),
    get("the end", "/data/{pack}", "bytes=2-", 206, "ck"),
    get("one byte", "/data/{pack}", "bytes=3-3", 206, "k"),
    get("partly past the end", "/data/{pack}", "bytes=2-100", 206, "ck"),
    row("past the end", "GET /past", "/data/{pack}", NoBody, 416),
    get("several ranges are ignored", "/data/{pack}", "bytes=0-0,2-2", 200, "pack"),
    get("a key", "/keys/{pack}", "bytes=0-", 206, "pack"),
    row("the repository stays", "DELETE", "/", NoBody, 403),
    row("a pack goes", "DELETE", "/data/{pack}", NoBody, 200),
    row("a pack that is gone goes again", "DELETE", "/data/{pack}", NoBody, 200),
    row("a pack that never was goes", "DELETE", "/data/{never}", NoBody, 200),
    row("it is gone", "GET", "/data/{pack}", NoBody, 404),
    row("it comes back", "POST", "/data/{pack}", Sized("pack"), 200),
    get("with its bytes", "/data/{pack}", "", 200, "pack"),
    row("a key goes", "DELETE", "/keys/{pack}", NoBody, 200),
    row("an index goes", "DELETE", "/index/{index}", NoBody, 200),
    row("a snapshot goes", "DELETE", "/snapshots/{pack}", NoBody, 200),
    row("a lock goes", "DELETE", "/locks/{pack}", NoBody, 200),
    get("and nothing is listed", "/snapshots/", "", 200, "[]"),
    row("a folder that there is not", "GET", "/nonsense/", NoBody, 404),
    row("a name that is none", "GET", "/data/nonsense", NoBody, 404),
    row("a name that is none, stored", "POST", "/data/nonsense", Sized("x"), 404),
    row("a folder is not stored", "POST", "/data/", Sized("x"), 405),
    row("a folder is not removed", "DELETE", "/data/", NoBody, 405),
    row("a method of nobody's", "PATCH", "/config", Sized("x"), 405),
    row("a repository is not read", "GET", "/", NoBody, 405),
    // The last one, because it freezes the item.
    row("the config stays", "DELETE", "/config", NoBody, 403),
];

fn client(world: &World, version: Version) -> reqwest::Client {
    let ca = std::fs::read(world.server.folder.path().join("tls/ca.pem")).unwrap();
    let builder = reqwest::Client::builder().tls_certs_only([reqwest::Certificate::from_pem(&ca).unwrap()]);
    match version {
        Version::HTTP_2 => builder,
        _ => builder.http1_only(),
    }
    .build()
    .unwrap()
}

/// Fills in the name that bytes have.
fn named(place: &str) -> String {
    match (place.split_once('{'), place.split_once('}')) {
        (Some((before, _)), Some((upto, after))) => {
            let bytes = upto.rsplit('{').next().unwrap();
            format!("{before}{}{after}", hash(bytes.as_bytes()))
        }
        _ => place.to_string(),
    }
}

#[tokio::test]
async fn every_answer_is_what_clients_need() {
    for version in [Version::HTTP_11, Version::HTTP_2] {
        let world = World::new().await;
        let client = client(&world, version);
        for row in ROWS {
            let (method, range) = match row.method.split_once(' ') {
                Some((method, _)) => (method, "bytes=4-"),
                None => (row.method, row.range),
            };
            let url = format!("{}{}{}", world.server.origin(), world.base(), named(row.place));
            let mut request = client.request(method.parse().unwrap(), url).basic_auth(ITEM, Some(SECRET));
            if !range.is_empty() {
                request = request.header("Range", range);
            }
            request = match row.bytes {
                NoBody => request,
                Sized(bytes) => request.body(bytes),
                Chunked(bytes) => {
                    let (feeder, body) = fed();
                    for piece in bytes.as_bytes().chunks(2) {
                        feeder.send(Ok(piece.to_vec().into())).await.unwrap();
                    }
                    request.body(body)
                }
            };
            let response = request.send().await.unwrap();
            assert_eq!(response.version(), version, "{}", row.what);
            let got = Got {
                status: response.status().as_u16(),
                headers: response.headers().clone(),
                bytes: response.bytes().await.unwrap().to_vec(),
            };
            check(row, &got);
        }
    }
}

/// The row; and what holds for all answers.
fn check(row: &Row, got: &Got) {
    let what = row.what;
    assert_eq!(got.status, row.status, "{what}: {}", got.text());
    assert!(got.status < 500, "{what}: never for a mistake of the client's");
    if let Some(body) = row.body {
        assert_eq!(got.text(), body, "{what}");
    }
    match (row.method, got.status) {
        ("HEAD", 200) => assert_eq!(got.length(), 4, "{what}"),
        ("GET" | "HEAD", 200 | 206) => {
            assert_eq!(got.length(), got.bytes.len() as u64, "{what}: what was asked for, and its length");
            assert_eq!(got.header("content-encoding"), "", "{what}");
        }
        ("HEAD", _) => assert_eq!(got.bytes.len(), 0, "{what}"),
        ("POST" | "DELETE", 200) => assert_eq!(got.bytes.len(), 0, "{what}"),
        (_, 416) => assert_eq!(got.header("content-range"), "bytes */4", "{what}"),
        (_, 405) => assert!(!got.header("allow").is_empty(), "{what}"),
        _ => assert_eq!(got.text().lines().count(), 1, "{what}: one line for people"),
    }
}

#[tokio::test]
async fn without_credentials_every_request_is_asked_for_them() {
    let world = World::new().await;
    let pack = world.store_as("data", b"pack").await;
    for (method, place) in [
        ("GET", "/config"),
        ("HEAD", "/config"),
        ("POST", "/config"),
        ("DELETE", "/config"),
        ("GET", "/data/"),
        ("GET", &pack),
        ("POST", &pack),
        ("DELETE", &pack),
        ("POST", "/?create=true"),
        ("DELETE", "/"),
    ] {
        let path = format!("{}{place}", world.base());
        let got = world.send(world.server.request(method, &path)).await;
        assert_eq!(got.status, 401, "{method} {place}");
        assert!(got.header("www-authenticate").starts_with("Basic"), "{method} {place}");
        assert_eq!(got.header("authorization"), "", "nothing of the request is echoed");
    }
    assert_eq!(world.get(&pack).await.text(), "pack");
}

#[tokio::test]
async fn both_forms_of_a_list() {
    let world = World::new().await;
    let names: Vec<String> = ["c", "a", "b"].iter().map(|bytes| hash(bytes.as_bytes())).collect();
    for bytes in ["c", "a", "b"] {
        world.store_as("keys", bytes.as_bytes()).await;
    }
    // Oldest first: of many keys, clients try only the first ones.
    assert_eq!(world.names("keys").await, names);
    let v2 = "application/vnd.x.restic.rest.v2";
    let got = world.send(world.request("GET", "/keys/").header("Accept", v2)).await;
    let wanted: Vec<_> = names.iter().map(|name| serde_json::json!({"name": name, "size": 1})).collect();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&got.bytes).unwrap(), serde_json::json!(wanted));
    assert_eq!(got.header("content-type"), v2);
    let none = world.send(world.request("GET", "/locks/").header("Accept", v2)).await;
    assert_eq!((none.status, none.text().as_str()), (200, "[]"));
    assert_eq!(place("keys", b"a"), format!("/keys/{}", names[1]));
}

/// Many packs at once over one connection, as a backup sends them, and read back in parts: more than the server takes in at
/// a time, whose bytes must not stand in the way of those that it does.
#[tokio::test]
async fn many_packs_at_once_over_one_connection_of_http_2() {
    let world = World::new().await;
    let client = client(&world, Version::HTTP_2);
    let request = |method: &str, place: &str| {
        let url = format!("{}{}{place}", world.server.origin(), world.base());
        client.request(method.parse().unwrap(), url).basic_auth(ITEM, Some(SECRET))
    };
    let packs: Vec<Vec<u8>> = (0..40_u8).map(|n| vec![n; 1_500_000]).collect();
    let sent = packs.iter().map(|pack| request("POST", &place("data", pack)).body(pack.clone()).send());
    for answer in join_all(sent).await {
        let answer = answer.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (200, Version::HTTP_2));
    }
    let read = packs.iter().map(async |pack: &Vec<u8>| {
        let part = request("GET", &place("data", pack)).header("Range", "bytes=400000-1399999");
        let answer = part.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), answer.version()), (206, Version::HTTP_2));
        assert!(answer.bytes().await.unwrap() == pack[400_000..1_400_000]);
    });
    join_all(read).await;
}
