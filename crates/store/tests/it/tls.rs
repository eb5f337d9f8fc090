//! The connection to the database is encrypted, and only with the server that was meant.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use store::{Place, Store, StoreError};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::world::{database, entry, ledger, postgres as new_database};

/// How PostgreSQL's clients ask for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A CA and a database whose certificate it signed, in front of the real one.
struct Secure {
    _runtime: Runtime,
    address: SocketAddr,
    name: String,
    folder: TempDir,
}

impl Secure {
    fn start(certificate_for: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let authority_key = rcgen::KeyPair::generate().unwrap();
        let authority_pem = authority.self_signed(&authority_key).unwrap().pem();
        std::fs::write(folder.path().join("ca.pem"), authority_pem).unwrap();
        let issuer = rcgen::Issuer::new(authority, authority_key);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec![certificate_for.to_string()]).unwrap();
        let certificate = certificate.signed_by(&key, &issuer).unwrap();
        let config =
            ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(
                    vec![certificate.der().clone()],
                    PrivateKeyDer::Pkcs8(key.serialize_der().into()),
                )
                .unwrap();
        let direct = new_database();
        let (server, name) = direct.split_once('@').unwrap().1.split_once('/').unwrap();
        let server: SocketAddr = server.parse().unwrap();
        let runtime = Runtime::new().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        runtime.spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                // A client that does not trust it goes away.
                tokio::spawn(async move { forward(client, server, acceptor).await });
            }
        });
        Self { _runtime: runtime, address, name: name.to_string(), folder }
    }

    fn open(&self, parameters: &str) -> Result<Store, StoreError> {
        let address = format!("postgres://countersign:sesame@{}/{}{parameters}", self.address, self.name);
        let folder = self.folder.path().join("data");
        Store::open_at(&Place { database: database(Some(&address)), ..Place::folder(&folder) })
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

async fn forward(mut client: TcpStream, server: SocketAddr, acceptor: TlsAcceptor) -> std::io::Result<()> {
    let mut request = [0; 8];
    client.read_exact(&mut request).await?;
    assert_eq!(request, SSL_REQUEST, "nothing is said before encryption");
    client.write_all(b"S").await?;
    let mut client = acceptor.accept(client).await?;
    let mut server = TcpStream::connect(server).await?;
    copy_bidirectional(&mut client, &mut server).await.map(drop)
}

#[test]
fn a_certificate_from_a_ca_that_was_named_is_trusted() {
    let secure = Secure::start("127.0.0.1");
    let parameters = format!("?sslmode=require&sslrootcert={}", secure.ca().display());
    let store = secure.open(&parameters).unwrap();
    let said = store.transact(|tx| {
        tx.record(entry("said"));
        Ok(())
    });
    assert_eq!((said, ledger(&store)), (Ok(()), vec!["said".to_string()]));
}

#[test]
fn a_certificate_that_is_not_trusted_is_explained() {
    let secure = Secure::start("127.0.0.1");
    let another = Secure::start("127.0.0.1");
    for parameters in [
        "?sslmode=require".to_string(),
        format!("?sslrootcert={}", another.ca().display()),
        "?sslmode=verify-full&sslrootcert=system".to_string(),
    ] {
        let refused = secure.open(&parameters).err().unwrap().to_string();
        assert!(refused.contains("not trusted") && refused.contains("sslrootcert"), "{refused}");
        assert!(!refused.contains("sesame"), "{refused}");
    }
}

#[test]
fn a_certificate_for_another_host_is_not_trusted() {
    let secure = Secure::start("db.example");
    let refused = secure.open(&format!("?sslrootcert={}", secure.ca().display())).err().unwrap().to_string();
    assert!(refused.contains("for another host"), "{refused}");
}

#[test]
fn a_server_without_tls_is_refused_when_it_is_required() {
    let address = format!("{}?sslmode=require", new_database());
    let folder = tempfile::tempdir().unwrap();
    let place = Place { database: database(Some(&address)), ..Place::folder(folder.path()) };
    let refused = Store::open_at(&place).err().unwrap().to_string();
    assert!(refused.contains("TLS"), "{refused}");
}

#[test]
fn a_file_without_certificates_is_refused() {
    let secure = Secure::start("127.0.0.1");
    let empty = secure.folder.path().join("empty.pem");
    for (wrong, content) in [(&empty, Some("")), (&secure.folder.path().join("missing.pem"), None)] {
        if let Some(content) = content {
            std::fs::write(wrong, content).unwrap();
        }
        let refused = secure.open(&format!("?sslrootcert={}", wrong.display())).err().unwrap().to_string();
        assert!(refused.contains("sslrootcert") && refused.contains("cannot be used"), "{refused}");
    }
}
