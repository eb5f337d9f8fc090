//! Where a browser may be sent with an authorization code: back to the machine it runs on.

use serde::{Deserialize, Serialize};

use super::OAuthError;

/// The longest redirect address accepted, in bytes.
const MAX_BYTES: usize = 512;
/// The names of the loopback interface (RFC 8252, section 7.3).
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// A loopback address such as `http://localhost:54321`, kept exactly as the client wrote it.
///
/// The port is the client's choice, because it listens on whatever port is free. Nothing else is accepted: no
/// other host, no https, no user info, no query and no fragment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Reads the `redirect_uri` of an authorization request of the public client.
    ///
    /// # Errors
    /// AADSTS900144 when it is missing, AADSTS50011 when it is no loopback address.
    pub fn parse(uri: Option<&str>) -> Result<Self, OAuthError> {
        let uri = uri.ok_or_else(|| OAuthError::missing_parameter("redirect_uri"))?;
        let fits = uri.len() <= MAX_BYTES && uri.strip_prefix("http://").is_some_and(is_loopback);
        if fits { Ok(Self(uri.into())) } else { Err(OAuthError::redirect_mismatch(uri)) }
    }

    /// The address as the client wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port, for the page's `form-action` policy.
    pub fn origin(&self) -> &str {
        let path = self.0.match_indices('/').nth(2).map_or(self.0.len(), |(at, _)| at);
        self.0.get(..path).unwrap_or_default()
    }
}

/// Decides the part behind `http://`. It takes the address apart by hand instead of with a URL parser:
/// parsers repair what they read, and a repaired address is not the one that the browser goes to.
fn is_loopback(rest: &str) -> bool {
    let (authority, path) = match rest.split_once('/') {
        Some((authority, path)) => (authority, path),
        None => (rest, ""),
    };
    let port_fits = |port: &str| {
        port.chars().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    let names = |host: &&str| match authority.strip_prefix(*host) {
        Some("") => true,
        Some(behind) => behind.strip_prefix(':').is_some_and(port_fits),
        None => false,
    };
    let plain = |c: char| c.is_ascii_alphanumeric() || "-._~/".contains(c);
    LOOPBACK.iter().any(names) && path.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_of_any_port_are_accepted() {
        let good = [
            ("http://localhost", "http://localhost"),
            ("http://localhost:54321", "http://localhost:54321"),
            ("http://localhost:8400/", "http://localhost:8400"),
            ("http://127.0.0.1:1/callback/x", "http://127.0.0.1:1"),
            ("http://[::1]:65535", "http://[::1]:65535"),
        ];
        for (uri, origin) in good {
            assert_eq!(RedirectUri::parse(Some(uri)).unwrap().origin(), origin);
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long = format!("http://localhost/{}", "a".repeat(600));
        let bad = [
            "",
            "localhost",
            "https://localhost:1",
            "http://localhost.evil.example",
            "http://localhost@evil.example",
            "http://localhost:80@evil.example",
            "http://evil.example/localhost",
            "http://localhost:0",
            "http://localhost:65536",
            "http://localhost:+80",
            "http://localhost:",
            "http://localhost:1?x=1",
            "http://localhost:1#x",
            "http://localhost\\@evil.example",
            "http://127.0.0.2",
            "http://[::1",
            "http://LOCALHOST:1",
            " http://localhost",
            "javascript:alert(1)",
            "http://localhost:1/\r\n",
            &long,
        ];
        for uri in bad {
            assert_eq!(RedirectUri::parse(Some(uri)).unwrap_err().code, 50011, "{uri}");
        }
        assert_eq!(RedirectUri::parse(None).unwrap_err().code, 900_144);
    }
}
