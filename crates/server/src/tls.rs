//! TLS: a certificate authority made at first start, and the server's certificate signed by it.
//!
//! The authority is in the store, so that all servers on one store have the same and clients trust whichever answers. The
//! files in the data folder are copies, written anew when they differ, for people to hand to clients. A server's own
//! certificate is its own, and is made at every start.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use jiff::ToSpan;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use store::{CertificateAuthority, Store};

use crate::edge::Edge;

/// A failure to set up TLS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file could not be read or written.
    #[error("`{0}`: {1}")]
    Io(String, #[source] std::io::Error),
    /// A certificate could not be made.
    #[error("the certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A stored key or certificate could not be read.
    #[error("`{0}` holds no usable key or certificate: {1}")]
    Pem(String, String),
    /// The store could not be asked for the CA.
    #[error("the certificate authority could not be read from the store, or written there: {0}")]
    Store(String),
    /// rustls refused the key or the certificate.
    #[error("TLS could not be configured: {0}")]
    Config(#[from] rustls::Error),
}

/// The files of the CA: its certificate, for clients, and its key.
const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
/// How long the CA is good for, in days.
const CA_DAYS: i32 = 3650;
/// How long the server's certificate is good for, in days. It is made anew at every start.
const SERVER_DAYS: i32 = 397;

/// Finds or makes the CA, signs a fresh server certificate for the names that clients may dial, and returns the
/// configuration for HTTP/2 and HTTP/1.1. The CA is copied to `folder`.
pub fn configure(
    folder: &Path,
    public_name: Option<&str>,
    edge: &Edge,
    store: &Store,
) -> Result<Arc<ServerConfig>, TlsError> {
    let authority = authority(folder, edge, store)?;
    let (ca, issuer) = open(&authority, "the store's certificate authority")?;
    let key = KeyPair::generate()?;
    let certificate = server_params(public_name, edge)?.signed_by(&key, &issuer)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|error| TlsError::Pem("the server's key".into(), error.to_string()))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone(), ca], key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// The CA of all servers on the store. At the first start it is made, or taken over from the folder, where versions
/// before this one kept it. Of several first starts at once one wins, and the others take its CA.
fn authority(folder: &Path, edge: &Edge, store: &Store) -> Result<CertificateAuthority, TlsError> {
    let stored = |first: Option<&CertificateAuthority>| {
        let found = store.transact(|tx| {
            let found = tx.get::<CertificateAuthority>(CertificateAuthority::KEY)?;
            if let (None, Some(first)) = (&found, first) {
                tx.put(first)?;
                return Ok(Some(first.clone()));
            }
            Ok(found)
        });
        found.map_err(|error| TlsError::Store(error.internal.unwrap_or(error.message)))
    };
    let copy = copy_in(folder)?;
    let authority = match stored(None)? {
        Some(authority) => authority,
        None => {
            let first = copy.clone().map_or_else(|| make_ca(edge), Ok)?;
            // What is of no use must not become everybody's.
            open(&first, &folder.display().to_string())?;
            stored(Some(&first))?.unwrap_or(first)
        }
    };
    if copy.as_ref() != Some(&authority) {
        if copy.is_some() {
            tracing::warn!(
                folder = %folder.display(),
                "the certificate authority in this folder is not the one of the store, which counts; the files are \
                 replaced, and clients that trust the old one have to be given the new ca.pem"
            );
        }
        write_copy(folder, &authority)?;
    }
    Ok(authority)
}

/// The CA's certificate, and what signs with its key.
fn open(
    authority: &CertificateAuthority,
    place: &str,
) -> Result<(CertificateDer<'static>, Issuer<'static, KeyPair>), TlsError> {
    let key = KeyPair::from_pem(&authority.key)?;
    let certificate = CertificateDer::from_pem_slice(authority.certificate.as_bytes())
        .map_err(|error| TlsError::Pem(place.to_string(), error.to_string()))?;
    let public = key.subject_public_key_info();
    if !certificate.windows(public.len()).any(|part| part == public) {
        return Err(TlsError::Pem(place.to_string(), "the key is not that of the certificate".into()));
    }
    let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
    Ok((certificate, issuer))
}

fn make_ca(edge: &Edge) -> Result<CertificateAuthority, TlsError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = name("Countersign local CA");
    dates(&mut params, edge, CA_DAYS);
    let certificate = params.self_signed(&key)?.pem();
    Ok(CertificateAuthority { certificate, key: key.serialize_pem() })
}

/// The CA in a folder, if both files are there.
fn copy_in(folder: &Path) -> Result<Option<CertificateAuthority>, TlsError> {
    let files = (read(&folder.join(CERTIFICATE))?, read(&folder.join(KEY))?);
    Ok(match files {
        (Some(certificate), Some(key)) => Some(CertificateAuthority { certificate, key }),
        _ => None,
    })
}

fn write_copy(folder: &Path, authority: &CertificateAuthority) -> Result<(), TlsError> {
    fs::create_dir_all(folder).map_err(|error| TlsError::Io(folder.display().to_string(), error))?;
    write(&folder.join(KEY), &authority.key, 0o600)?;
    write(&folder.join(CERTIFICATE), &authority.certificate, 0o644)
}

fn server_params(public_name: Option<&str>, edge: &Edge) -> Result<CertificateParams, TlsError> {
    let mut names = vec!["localhost".to_string(), "127.0.0.1".into(), "::1".into()];
    names.extend(public_name.map(String::from));
    let mut params = CertificateParams::default();
    for name in names {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.try_into()?),
        });
    }
    params.distinguished_name = name("Countersign");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    dates(&mut params, edge, SERVER_DAYS);
    Ok(params)
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// Valid from yesterday, so that a client whose clock is a little behind can connect.
fn dates(params: &mut CertificateParams, edge: &Edge, days: i32) {
    let today = edge.now().to_zoned(jiff::tz::TimeZone::UTC);
    let day = |offset: i32| {
        let date = today.saturating_add(offset.days()).date();
        rcgen::date_time_ymd(
            i32::from(date.year()),
            u8::try_from(date.month()).unwrap_or(1),
            u8::try_from(date.day()).unwrap_or(1),
        )
    };
    params.not_before = day(-1);
    params.not_after = day(days);
    params.serial_number = Some(SerialNumber::from_slice(&edge.bytes::<16>()));
}

fn read(path: &Path) -> Result<Option<String>, TlsError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TlsError::Io(path.display().to_string(), error)),
    }
}

/// Writes a file wholly or not at all.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let fresh = path.with_added_extension("new");
    let written = || {
        // One that a crash left may have another mode.
        match fs::remove_file(&fresh) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&fresh)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&fresh, path)
    };
    written().map_err(|error| TlsError::Io(path.display().to_string(), error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edge::{SystemClock, SystemEntropy};

    fn edge() -> Edge {
        Edge::new(Arc::new(SystemClock::start(None)), Arc::new(SystemEntropy))
    }

    fn store() -> (Store, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        (Store::open(&folder.path().join("data")).unwrap(), folder)
    }

    #[test]
    fn servers_that_start_at_once_have_one_authority() {
        let (store, folder) = store();
        let barrier = std::sync::Barrier::new(4);
        let found: Vec<CertificateAuthority> = std::thread::scope(|scope| {
            let (store, barrier, folder) = (&store, &barrier, folder.path());
            let start = |n: usize| {
                move || {
                    barrier.wait();
                    authority(&folder.join(n.to_string()), &edge(), store).unwrap()
                }
            };
            let starts: Vec<_> = (0..4).map(|n| scope.spawn(start(n))).collect();
            starts.into_iter().map(|start| start.join().unwrap()).collect()
        });
        for (n, authority) in found.iter().enumerate() {
            assert_eq!(authority, &found[0]);
            assert_eq!(copy_in(&folder.path().join(n.to_string())).unwrap().as_ref(), Some(authority));
        }
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(folder.path().join("0/ca.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn the_authority_of_an_earlier_version_goes_on() {
        let (store, folder) = store();
        let earlier = make_ca(&edge()).unwrap();
        write_copy(&folder.path().join("tls"), &earlier).unwrap();
        assert_eq!(authority(&folder.path().join("tls"), &edge(), &store).unwrap(), earlier);
        let other = folder.path().join("other");
        assert_eq!(authority(&other, &edge(), &store).unwrap(), earlier);
        assert_eq!(copy_in(&other).unwrap(), Some(earlier));
    }

    #[test]
    fn the_stores_authority_counts_whatever_the_files_say() {
        let (store, folder) = store();
        let tls = folder.path().join("tls");
        let first = authority(&tls, &edge(), &store).unwrap();
        write_copy(&tls, &make_ca(&edge()).unwrap()).unwrap();
        assert_eq!(authority(&tls, &edge(), &store).unwrap(), first);
        assert_eq!(copy_in(&tls).unwrap().as_ref(), Some(&first));
        fs::write(tls.join(CERTIFICATE), "damaged").unwrap();
        fs::remove_file(tls.join(KEY)).unwrap();
        assert_eq!(authority(&tls, &edge(), &store).unwrap(), first);
        assert_eq!(copy_in(&tls).unwrap(), Some(first));
    }

    #[test]
    fn files_that_are_no_authority_do_not_become_one() {
        let (store, folder) = store();
        for certificate in ["x".to_string(), make_ca(&edge()).unwrap().certificate] {
            let broken = CertificateAuthority { certificate, ..make_ca(&edge()).unwrap() };
            write_copy(folder.path(), &broken).unwrap();
            assert!(authority(folder.path(), &edge(), &store).is_err());
            let stored = store.transact(|tx| tx.get::<CertificateAuthority>(CertificateAuthority::KEY));
            assert_eq!(stored.unwrap(), None);
        }
    }
}
