//! The certificate authority that clients trust.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The certificate authority of all servers on one store. There is one, so that clients trust whichever server answers.
/// Whoever reads the key can pass for a server: keep it where only servers read.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateAuthority {
    /// The certificate in PEM.
    pub certificate: String,
    /// Its private key in PEM (PKCS #8).
    pub key: String,
}

impl CertificateAuthority {
    /// Its key among documents.
    pub const KEY: &'static str = "ca";
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CertificateAuthority(…)")
    }
}
