//! Public clients, and what a client says of itself.

use serde_json::Value;
use uuid::Uuid;

use super::OAuthError;

/// The client id of the az CLI, which azure-identity also uses for people who sign in (azure-clients 3.2).
pub const AZURE_CLI: Uuid = uuid::uuid!("04b07795-8ddb-461a-bbee-02f9e1bf7b46");

/// The longest `claims` parameter read, in bytes.
const MAX_CLAIMS_BYTES: usize = 4096;

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

/// The client capabilities in a `claims` parameter such as `{"access_token":{"xms_cc":{"values":["CP1"]}}}`,
/// to be repeated in the token. Only `CP1` ("can answer a claims challenge") is known; anything unreadable
/// counts as none.
pub fn requested_capabilities(claims: Option<&str>) -> Vec<String> {
    let read = |text: &str| -> Option<Value> {
        let claims: Value = serde_json::from_str(text).ok()?;
        claims.pointer("/access_token/xms_cc/values").cloned()
    };
    let values = claims.filter(|text| text.len() <= MAX_CLAIMS_BYTES).and_then(read).unwrap_or_default();
    let can_answer = values.as_array().is_some_and(|values| values.iter().any(|value| value == "CP1"));
    if can_answer { vec!["CP1".into()] } else { Vec::new() }
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

    #[test]
    fn capabilities_are_read_from_what_az_sends() {
        let sent = r#"{"access_token": {"xms_cc": {"values": ["CP1"]}}}"#;
        assert_eq!(requested_capabilities(Some(sent)), ["CP1"]);
        for none in
            [None, Some(""), Some("{}"), Some("[1]"), Some(r#"{"access_token":{"xms_cc":{"values":["X"]}}}"#)]
        {
            assert!(requested_capabilities(none).is_empty(), "{none:?}");
        }
    }
}
