//! TLS: a certificate authority made at first start, and the server's certificate signed by it.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use jiff::ToSpan;
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

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
    /// rustls refused the key or the certificate.
    #[error("TLS could not be configured: {0}")]
    Config(#[from] rustls::Error),
}

/// How long the CA is good for, in days.
const CA_DAYS: i32 = 3650;
/// How long the server's certificate is good for, in days. It is made anew at every start.
const SERVER_DAYS: i32 = 397;

/// Makes or loads the CA under `folder`, signs a fresh server certificate for the names that clients may dial, and
/// returns the configuration for HTTP/2 and HTTP/1.1.
pub fn configure(
    folder: &Path,
    public_name: Option<&str>,
    edge: &Edge,
) -> Result<Arc<ServerConfig>, TlsError> {
    let ca_key_path = folder.join("ca.key");
    let ca_path = folder.join("ca.pem");
    if !ca_key_path.exists() || !ca_path.exists() {
        make_ca(folder, edge)?;
    }
    let ca_key = KeyPair::from_pem(&read(&ca_key_path)?)?;
    let ca_pem = read(&ca_path)?;
    let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes())
        .map_err(|error| TlsError::Pem(ca_path.display().to_string(), error.to_string()))?;
    let issuer = Issuer::from_ca_cert_der(&ca, &ca_key)?;
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

fn make_ca(folder: &Path, edge: &Edge) -> Result<(), TlsError> {
    fs::create_dir_all(folder).map_err(|error| TlsError::Io(folder.display().to_string(), error))?;
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.distinguished_name = name("Countersign local CA");
    dates(&mut params, edge, CA_DAYS);
    let certificate = params.self_signed(&key)?;
    // The key first: with a certificate alone the CA would look complete and not be.
    write(&folder.join("ca.key"), &key.serialize_pem(), 0o600)?;
    write(&folder.join("ca.pem"), &certificate.pem(), 0o644)
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

fn read(path: &Path) -> Result<String, TlsError> {
    fs::read_to_string(path).map_err(|error| TlsError::Io(path.display().to_string(), error))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), TlsError> {
    let written =
        fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path).and_then(
            |mut file| {
                file.write_all(text.as_bytes())?;
                file.sync_all()
            },
        );
    written.map_err(|error| TlsError::Io(path.display().to_string(), error))
}
