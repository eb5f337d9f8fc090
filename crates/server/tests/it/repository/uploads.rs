//! How bytes arrive: in one piece, in chunks, twice at once, or not to the end.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::world::{ITEM, SECRET, World, fed, hash, place};

#[tokio::test]
async fn chunked_and_sized_uploads_are_the_same() {
    let world = World::new().await;
    let bytes = vec![7; 700_000];
    let sized = world.store_as("data", &bytes).await;
    let (feeder, body) = fed();
    let place = place("index", &bytes);
    let sending = world.send(world.request("POST", &place).body(body));
    let feeding = async {
        for piece in bytes.chunks(64 << 10) {
            feeder.send(Ok(piece.to_vec().into())).await.unwrap();
        }
        drop(feeder);
    };
    let (got, ()) = tokio::join!(sending, feeding);
    assert_eq!(got.status, 200, "{}", got.text());
    assert!(world.get(&place).await.bytes == world.get(&sized).await.bytes);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_nothing_and_can_be_repeated() {
    let world = World::new().await;
    let bytes = vec![9; 300_000];
    let place = place("data", &bytes);
    let (feeder, body) = fed();
    let sending = world.request("POST", &place).body(body).send();
    let feeding = async {
        feeder.send(Ok(bytes[..200_000].to_vec().into())).await.unwrap();
        feeder.send(Err(std::io::Error::other("the client dies"))).await.unwrap();
    };
    let (sent, ()) = tokio::join!(sending, feeding);
    assert!(sent.is_err());
    assert_eq!(world.get(&place).await.status, 404);
    assert_eq!((world.unfinished().await, world.files("data").len()), (0, 0));
    assert_eq!(world.post(&place, &bytes).await.status, 200);
}

#[tokio::test]
async fn a_body_shorter_than_its_length_leaves_nothing() {
    let world = World::new().await;
    // All of the object, and then the promise of one byte more: its hash would be right.
    let bytes = vec![3; 100_000];
    let place = place("data", &bytes);
    let credentials = base64(&format!("{ITEM}:{SECRET}"));
    let head = format!(
        "POST {}{place} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {credentials}\r\nContent-Length: 100001\r\n\r\n",
        world.base()
    );
    let mut stream = connect(&world).await;
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    // The server may answer or just hang up.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 200"));
    assert_eq!(world.get(&place).await.status, 404);
    assert_eq!((world.unfinished().await, world.files("data").len()), (0, 0));
}

#[tokio::test]
async fn the_same_snapshot_many_times_at_once_is_one_recovery_point() {
    let world = World::new().await;
    let place = place("snapshots", b"snapshot");
    let (a, b, c, d, e, f) = tokio::join!(
        world.post(&place, b"snapshot"),
        world.post(&place, b"snapshot"),
        world.post(&place, b"snapshot"),
        world.post(&place, b"snapshot"),
        world.post(&place, b"snapshot"),
        world.post(&place, b"snapshot"),
    );
    for got in [a, b, c, d, e, f] {
        assert_eq!(got.status, 200, "{}", got.text());
    }
    assert_eq!(world.names("snapshots").await, [hash(b"snapshot")]);
    assert_eq!(world.points().len(), 1);
    assert_eq!(world.ledger().len(), 1);
    assert_eq!((world.files("snapshots").len(), world.unfinished().await), (1, 0));
}

#[tokio::test]
async fn uploads_and_deletes_of_one_lock_never_leave_a_row_without_bytes() {
    let world = World::new().await;
    let place = place("locks", b"lock");
    for round in 0..20 {
        let (a, b, c, d) = tokio::join!(
            world.post(&place, b"lock"),
            world.delete(&place),
            world.post(&place, b"lock"),
            world.delete(&place),
        );
        for got in [a, b, c, d] {
            assert_eq!(got.status, 200, "{}", got.text());
        }
        let listed = world.names("locks").await.len();
        let got = world.get(&place).await;
        assert_eq!(got.status, if listed == 1 { 200 } else { 404 }, "round {round}: {}", got.text());
    }
    world.delete(&place).await;
    assert_eq!(world.files("locks").len(), 0, "a lock really goes");
}

#[tokio::test]
async fn what_is_too_large_is_refused() {
    let world = World::new().await;
    let lock = vec![1; 64 << 10];
    world.store_as("locks", &lock).await;
    let too_large = vec![1; (64 << 10) + 1];
    let sized = world.post(&place("locks", &too_large), &too_large).await;
    assert_eq!(sized.status, 413, "{}", sized.text());
    let (feeder, body) = fed();
    let place = place("locks", &too_large);
    let sending = world.send(world.request("POST", &place).body(body));
    let feeding = async {
        feeder.send(Ok(too_large.clone().into())).await.unwrap();
        drop(feeder);
    };
    let (chunked, ()) = tokio::join!(sending, feeding);
    assert_eq!(chunked.status, 413, "{}", chunked.text());
    for (folder, length) in [("config", (8_u64 << 20) + 1), ("data/", (1 << 30) + 1)] {
        let name = if folder == "data/" { hash(b"") } else { String::new() };
        let head = format!(
            "POST {}/{folder}{name} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {}\r\nContent-Length: {length}\r\n\r\n",
            world.base(),
            base64(&format!("{ITEM}:{SECRET}"))
        );
        let mut stream = connect(&world).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 413", "{folder}");
    }
    assert_eq!(world.unfinished().await, 0);
}

pub fn base64(text: &str) -> String {
    use base64::Engine;
    base64::prelude::BASE64_STANDARD.encode(text)
}

/// A connection that a test writes to byte by byte.
pub async fn connect(world: &World) -> tokio_rustls::client::TlsStream<tokio::net::TcpStream> {
    use rustls_pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore::empty();
    let ca = world.server.folder.path().join("tls/ca.pem");
    roots.add(rustls_pki_types::CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    let address = world.server.origin().strip_prefix("https://").unwrap();
    let stream = tokio::net::TcpStream::connect(address).await.unwrap();
    tokio_rustls::TlsConnector::from(std::sync::Arc::new(config))
        .connect("localhost".try_into().unwrap(), stream)
        .await
        .unwrap()
}
