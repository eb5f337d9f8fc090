//! Applications: service principals, which sign in with a client secret.

use arm::{ObjectId, TenantId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::oauth::OAuthError;
use crate::{PasswordHash, PasswordProof, Person, prove};

/// An application as one tenant knows it. The document holds credentials: translate it, never serve it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServicePrincipal {
    /// The `oid` of its tokens in this tenant.
    pub id: ObjectId,
    /// The tenant.
    pub tenant: TenantId,
    /// The application (client) id, the same in every tenant.
    pub app_id: Uuid,
    /// Its name, for people.
    pub name: String,
    /// What its client secrets are checked against; more than one while a secret is being replaced.
    pub secrets: Vec<PasswordHash>,
}

impl ServicePrincipal {
    /// Who this is, in whatever tenant.
    pub fn person(&self) -> Person {
        Person::Application(self.app_id)
    }
}

/// Checks a client secret against all that the application has, or against a dummy when it has none or is not
/// known. Slow on purpose, as [`prove`].
pub fn prove_application(application: Option<&ServicePrincipal>, secret: &str) -> Option<PasswordProof> {
    let secrets = application.map(|known| known.secrets.as_slice()).unwrap_or_default();
    if secrets.is_empty() {
        return prove(None, secret);
    }
    secrets.iter().find_map(|stored| prove(Some(stored), secret))
}

/// The client credentials grant (RFC 6749, section 4.4): whether an application, as it is stored now, is the
/// one that the proof was made for. An application id is public, so an unknown one is named as such.
///
/// # Errors
/// AADSTS700016 for an unknown application, AADSTS7000215 for a wrong secret.
pub fn application_sign_in<'a>(
    client: &str,
    application: Option<&'a ServicePrincipal>,
    proof: Option<&PasswordProof>,
) -> Result<&'a ServicePrincipal, OAuthError> {
    let known = application.ok_or_else(|| OAuthError::unknown_application(client))?;
    let proved = |proof: &PasswordProof| known.secrets.iter().any(|stored| stored.is_proved_by(proof));
    if proof.is_some_and(proved) { Ok(known) } else { Err(OAuthError::invalid_secret(client)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn application(tenant: u128, secrets: &[&str]) -> ServicePrincipal {
        ServicePrincipal {
            id: ObjectId(Uuid::from_u128(tenant + 100)),
            tenant: TenantId(Uuid::from_u128(tenant)),
            app_id: Uuid::from_u128(7),
            name: "automation".into(),
            secrets: secrets.iter().map(|secret| PasswordHash::new(secret, [3; 16]).unwrap()).collect(),
        }
    }

    #[test]
    fn an_application_is_one_person_in_two_tenants() {
        assert_eq!(application(1, &[]).person(), application(2, &[]).person());
    }

    #[test]
    fn any_of_its_secrets_signs_it_in() {
        let known = application(1, &["old secret", "new secret"]);
        let story = |known: Option<&ServicePrincipal>, secret: &str| {
            let proof = prove_application(known, secret);
            application_sign_in("7", known, proof.as_ref()).map(|found| found.id).map_err(|error| error.code)
        };
        assert_eq!(story(Some(&known), "old secret"), Ok(known.id));
        assert_eq!(story(Some(&known), "new secret"), Ok(known.id));
        assert_eq!(story(Some(&known), "bad secret"), Err(7_000_215));
        assert_eq!(story(Some(&application(1, &[])), "new secret"), Err(7_000_215));
        assert_eq!(story(None, "new secret"), Err(700_016));
    }

    #[test]
    fn a_secret_removed_meanwhile_no_longer_signs_in() {
        let before = application(1, &["old secret"]);
        let proof = prove_application(Some(&before), "old secret");
        let after = application(1, &["new secret"]);
        assert!(application_sign_in("7", Some(&after), proof.as_ref()).is_err());
    }
}
