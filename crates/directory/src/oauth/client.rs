//! Public clients.

use uuid::Uuid;

use super::OAuthError;

/// The client id of the az CLI, which azure-identity also uses for people who sign in (azure-clients 3.2).
pub const AZURE_CLI: Uuid = uuid::uuid!("04b07795-8ddb-461a-bbee-02f9e1bf7b46");

/// The public client that a request names.
///
/// # Errors
/// AADSTS900144 without a `client_id`, AADSTS700016 for any id but [`AZURE_CLI`].
pub fn public_client(client_id: Option<&str>) -> Result<Uuid, OAuthError> {
    let text = client_id.ok_or_else(|| OAuthError::missing_parameter("client_id"))?;
    match text.parse() {
        Ok(AZURE_CLI) => Ok(AZURE_CLI),
        _ => Err(OAuthError::unknown_application(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_azure_cli_is_a_public_client() {
        assert_eq!(public_client(Some("04B07795-8DDB-461A-BBEE-02F9E1BF7B46")), Ok(AZURE_CLI));
        assert_eq!(public_client(None).unwrap_err().code, 900_144);
        for other in ["", "1950a258-227b-4e31-a9cf-717495945fc2", "az"] {
            assert_eq!(public_client(Some(other)).unwrap_err().code, 700_016, "{other}");
        }
    }
}
