//! Tenants, their subscriptions, and how a sign-in address names a tenant.

use arm::{SubscriptionId, TenantId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::oauth::OAuthError;
use crate::{Domain, Upn};

/// A directory: a set of people, groups and applications with its own token issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// The `tid` of its tokens.
    pub id: TenantId,
    /// The organisation's name, for people.
    pub name: String,
    /// Where its user principal names end.
    pub domain: Domain,
    /// When it was made.
    pub created: Timestamp,
}

/// What resource groups and vaults live in. It trusts exactly one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The tenant whose tokens it accepts.
    pub tenant: TenantId,
    /// Its name, for people.
    pub name: String,
    /// Whether it can be changed.
    pub state: SubscriptionState,
}

/// The state of a subscription, as ARM spells it (contract 9.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SubscriptionState {
    /// Reads and writes.
    Enabled,
    /// Reads only.
    Disabled,
}

/// The first path segment of a sign-in address: for whom tokens are asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authority {
    /// `organizations` or `common`: the home tenant of whoever signs in.
    Anyone,
    /// A tenant by id.
    Tenant(TenantId),
    /// A tenant by domain name. Discovery must answer with addresses that hold the id (azure-clients 3.1).
    Domain(Domain),
}

impl Authority {
    /// Reads the segment.
    ///
    /// # Errors
    /// AADSTS90002 for a text that can name no tenant.
    pub fn parse(segment: &str) -> Result<Self, OAuthError> {
        if ["organizations", "common"].iter().any(|word| segment.eq_ignore_ascii_case(word)) {
            return Ok(Self::Anyone);
        }
        if let Ok(tenant) = segment.parse() {
            return Ok(Self::Tenant(tenant));
        }
        match Domain::parse(segment) {
            // A bare word such as `consumers` is no tenant's domain.
            Ok(domain) if domain.as_str().contains('.') => Ok(Self::Domain(domain)),
            _ => Err(OAuthError::unknown_tenant(segment)),
        }
    }
}

impl Tenant {
    /// Whether a name belongs to this tenant's own people.
    pub fn owns(&self, upn: &Upn) -> bool {
        upn.domain() == self.domain.as_str()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_anyone_an_id_or_a_domain() {
        let id = "11111111-1111-4111-8111-111111111111";
        assert_eq!(Authority::parse("Organizations"), Ok(Authority::Anyone));
        assert_eq!(Authority::parse("common"), Ok(Authority::Anyone));
        assert_eq!(Authority::parse(id), Ok(Authority::Tenant(id.parse().unwrap())));
        let domain = Domain::parse("fabsec.example").unwrap();
        assert_eq!(Authority::parse("FABSEC.example"), Ok(Authority::Domain(domain)));
        for bad in ["", "consumers", "../x", "a b.c"] {
            assert_eq!(Authority::parse(bad).unwrap_err().code, 90002, "{bad}");
        }
    }
}
