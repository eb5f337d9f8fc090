//! Domains and user principal names.

use std::fmt;

use arm::Error;
use serde::{Deserialize, Serialize};

/// The longest user principal name accepted, in bytes. It leaves room for a guest's long form.
const MAX_UPN_BYTES: usize = 256;
/// The longest domain name (RFC 1035, section 2.3.4), in bytes.
const MAX_DOMAIN_BYTES: usize = 253;
/// What marks the user principal name of a guest.
const GUEST_MARK: &str = "#ext#";

/// A tenant's domain name, in ASCII lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// Reads a domain name: labels of letters, digits and hyphens.
    ///
    /// # Errors
    /// `Request_BadRequest` when it is anything else.
    pub fn parse(text: &str) -> arm::Result<Self> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        if text.len() > MAX_DOMAIN_BYTES || !text.split('.').all(label) {
            return Err(invalid(format!("'{}' is not a domain name", shown(text))));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0
    }
}

impl TryFrom<String> for Domain {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.message)
    }
}

/// A user principal name such as `alice@contoso.example`: what a person types to sign in.
///
/// It keeps the case it was given and compares without regard to it. It is ASCII, so that two names that look
/// the same are the same.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Upn {
    text: String,
    folded: String,
}

impl Upn {
    /// Reads a name of the form `local@domain`.
    ///
    /// # Errors
    /// `Request_BadRequest` when it is too long or holds anything that Entra does not allow in one either.
    pub fn parse(text: &str) -> arm::Result<Self> {
        let fits = |local: &str, domain: &str| {
            !local.is_empty()
                && local.chars().all(|c| c.is_ascii_alphanumeric() || "'.-_!#^~+".contains(c))
                && Domain::parse(domain).is_ok()
        };
        let parts = text.split_once('@');
        if text.len() > MAX_UPN_BYTES || !parts.is_some_and(|(local, domain)| fits(local, domain)) {
            let message = format!("'{}' is not a user principal name like name@domain", shown(text));
            return Err(invalid(message));
        }
        Ok(Self { text: text.to_string(), folded: text.to_ascii_lowercase() })
    }

    /// The name under which a tenant with the given domain knows a guest:
    /// `alice_contoso.example#EXT#@fabsec.example` (azure-clients 4). Two people never get the same one,
    /// because a domain has no underscore.
    ///
    /// # Errors
    /// `Request_BadRequest` when the result is too long.
    pub fn of_guest(home: &Upn, host: &Domain) -> arm::Result<Self> {
        Self::parse(&format!("{}#EXT#@{host}", home.text.replace('@', "_")))
    }

    /// Whether this is the name of a guest.
    pub fn is_guest_form(&self) -> bool {
        self.folded.contains(GUEST_MARK)
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form in which names are compared and stored as keys: ASCII lower case.
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// The part behind the `@`, in lower case.
    pub fn domain(&self) -> &str {
        self.folded.split_once('@').map_or("", |(_, domain)| domain)
    }
}

impl PartialEq for Upn {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Upn {}

impl fmt::Display for Upn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Upn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upn({})", self.text)
    }
}

impl From<Upn> for String {
    fn from(upn: Upn) -> Self {
        upn.text
    }
}

impl TryFrom<String> for Upn {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.message)
    }
}

fn invalid(message: String) -> Error {
    Error::invalid("Request_BadRequest", message)
}

/// What of a refused text goes into a message: enough to recognise it, and nothing that breaks a line.
fn shown(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_compare_without_case_and_keep_it() {
        let upn = Upn::parse("Alice@Contoso.Example").unwrap();
        assert_eq!(upn, Upn::parse("alice@contoso.example").unwrap());
        assert_eq!(upn.as_str(), "Alice@Contoso.Example");
        assert_eq!(upn.domain(), "contoso.example");
    }

    #[test]
    fn odd_names_are_refused() {
        let long = format!("{}@contoso.example", "a".repeat(300));
        let bad = [
            "",
            "alice",
            "@contoso.example",
            "alice@",
            "a@b@c",
            "a b@c.d",
            "аlice@contoso.example",
            "a@-b",
            "a@b..c",
            &long,
        ];
        for text in bad {
            assert!(Upn::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_guest_gets_the_ext_form() {
        let home = Upn::parse("alice@contoso.example").unwrap();
        let guest = Upn::of_guest(&home, &Domain::parse("FabSec.example").unwrap()).unwrap();
        assert_eq!(guest.as_str(), "alice_contoso.example#EXT#@fabsec.example");
        assert!(guest.is_guest_form() && !home.is_guest_form());
    }
}
