//! What drives the connections: a thread of its own, on which nothing of the store's own work runs.

use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address::{PostgresUrl, Tls};
use super::fault;
use crate::error::StoreError;

/// What a connection with everything that belongs to it, name look-up and sign-in, may take.
const CONNECT: Duration = Duration::from_secs(15);

/// The thread, and the way to the database.
pub(super) struct Driver {
    // Only `drop` takes it.
    runtime: Option<Runtime>,
    url: PostgresUrl,
    tls: Option<MakeRustlsConnect>,
}

impl Driver {
    pub(super) fn start(url: PostgresUrl) -> Result<Arc<Self>, StoreError> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("store-postgres")
            .enable_all()
            .build()
            .map_err(|error| {
                StoreError::Engine(format!("the database's driver cannot be started: {error}"))
            })?;
        let tls = match &url.tls {
            Tls::Off => None,
            Tls::On(root) => Some(MakeRustlsConnect::new(trust(root.as_deref())?)),
        };
        Ok(Arc::new(Self { runtime: Some(runtime), url, tls }))
    }

    pub(super) fn readers(&self) -> usize {
        self.url.readers
    }

    /// Opens a connection and sets it up.
    pub(super) fn connect(&self, settings: &'static str) -> Result<Client, StoreError> {
        let (config, tls) = (self.url.config.clone(), self.tls.clone());
        let connecting = async move {
            let client = match tls {
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    tokio::spawn(connection);
                    client
                }
                Some(tls) => {
                    let (client, connection) = config.connect(tls).await?;
                    tokio::spawn(connection);
                    client
                }
            };
            client.batch_execute(settings).await?;
            Ok(client)
        };
        let runtime = self.runtime.as_ref().ok_or(StoreError::Closed)?;
        let connecting = runtime.spawn(connecting);
        let connected = self.wait(CONNECT, async { connecting.await.map_err(|_| StoreError::Closed) })?;
        connected.map_err(|error| fault::connecting(&error, &self.url))
    }

    /// Waits for work that the driver's thread does. This thread may be one that runs other tasks, or none.
    pub(super) fn wait<T>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // The timer is the driver's.
        let _entered = self.runtime.as_ref().map(Runtime::enter);
        pollster::block_on(async {
            tokio::time::timeout(patience, work).await.unwrap_or_else(|_| {
                Err(StoreError::Unreachable(format!("no answer for {} seconds", patience.as_secs())))
            })
        })
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        // Perhaps on a thread that may not wait for others.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Whom to believe that the server is the one that was meant.
fn trust(root: Option<&Path>) -> Result<ClientConfig, StoreError> {
    let mut roots = RootCertStore::empty();
    match root {
        Some(file) => {
            let unreadable = |why: String| {
                let file = file.display();
                StoreError::Engine(format!(
                    "the CA certificates in `{file}` (`sslrootcert`) cannot be used: {why}"
                ))
            };
            let certificates =
                CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
                roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
            }
            if roots.is_empty() {
                return Err(unreadable("there are none".into()));
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                let why = "the server's certificate is not trusted, because this machine knows no CA; name a file with one as \
                           `sslrootcert=FILE` in the address of the database";
                return Err(StoreError::Engine(why.into()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Engine(format!("TLS to the database cannot be set up: {error}")))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}
