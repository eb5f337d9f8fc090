//! Refusals in the form that MSAL reads (RFC 6749, section 5.2, with Entra's additions).

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ClaimsRequest;
use crate::Upn;

/// Why no token is given. Clients branch on `error` and on the number; people read the description.
///
/// The status is 401 for `invalid_client` and 400 for all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OAuthError {
    /// The OAuth error word.
    pub error: &'static str,
    /// Entra's number for it: the digits behind `AADSTS`.
    pub code: u32,
    /// A sentence for people, without the number.
    pub description: String,
    /// The claims challenge that a sign-in has to answer, as JSON in a text. MSAL hands it to the client.
    pub claims: Option<String>,
}

impl OAuthError {
    fn new(error: &'static str, code: u32, description: impl Into<String>) -> Self {
        Self { error, code, description: description.into(), claims: None }
    }

    fn grant(code: u32, description: impl Into<String>) -> Self {
        Self::new("invalid_grant", code, description)
    }

    /// The user name is unknown, or the password or code is wrong; it does not say which.
    pub fn invalid_credentials() -> Self {
        Self::grant(50126, "Error validating credentials due to invalid username or password.")
    }

    /// Too many failed sign-ins for the account or from the address.
    pub fn locked() -> Self {
        Self::grant(
            50053,
            "There were too many failed sign-ins with this account or from this address. \
             Wait a few minutes, then try again.",
        )
    }

    /// The account is switched off.
    pub fn account_disabled() -> Self {
        Self::grant(50057, "The user account is disabled.")
    }

    /// A second factor is enrolled and did not come, e.g. because the password grant has no place for it.
    pub fn mfa_required() -> Self {
        Self::grant(
            50076,
            "You must use multi-factor authentication. \
             Sign in with a browser or a device code instead of a password.",
        )
    }

    /// The client wants no page, and there is no session that would do without one.
    pub fn login_required() -> Self {
        Self::new("login_required", 50058, "A silent sign-in request was sent but no user is signed in.")
    }

    /// The token is to name an authentication context that the sign-in does not satisfy. `enrolled` says whether the
    /// person has a second factor to show; `page` is where they get one.
    pub fn step_up(claims: &ClaimsRequest, enrolled: bool, page: &str) -> Self {
        let (code, description) = if enrolled {
            let text = "You must use multi-factor authentication, or sign in anew, to go on. \
                        Sign in again with a browser or a device code.";
            (50076, text.to_string())
        } else {
            let text = format!(
                "You must enroll in multi-factor authentication to go on. \
                 Set up an authenticator at {page}, then sign in again with a browser or a device code."
            );
            (50079, text)
        };
        let claims = Some(claims.challenge().to_string());
        Self { claims, ..Self::new("interaction_required", code, description) }
    }

    /// The tenant has no authentication context of this name.
    pub fn unknown_context(claims: &ClaimsRequest) -> Self {
        let names: Vec<&str> = claims.contexts.iter().map(String::as_str).collect();
        let what = format!("this directory has no authentication context '{}'", names.join("' or '"));
        Self::malformed(&what)
    }

    /// The tenant does not know the person, neither as a member nor as a guest.
    pub fn not_in_tenant(upn: &Upn) -> Self {
        Self::grant(
            50020,
            format!(
                "User account '{upn}' does not exist in this tenant. \
                 Ask its administrator for an invitation as a guest."
            ),
        )
    }

    /// The sign-in no longer counts: sessions were ended, the password changed or the account is gone.
    pub fn session_revoked() -> Self {
        Self::grant(50173, "The provided grant has been revoked and a fresh sign-in is needed.")
    }

    /// No tenant has this id or domain.
    pub fn unknown_tenant(tenant: &str) -> Self {
        Self::new("invalid_tenant", 90002, format!("Tenant '{}' not found.", shown(tenant)))
    }

    /// No application has this id, or not in this tenant.
    pub fn unknown_application(client: &str) -> Self {
        let description =
            format!("Application with identifier '{}' was not found in the directory.", shown(client));
        Self::new("unauthorized_client", 700_016, description)
    }

    /// The application's secret is wrong.
    pub fn invalid_secret(client: &str) -> Self {
        let description = format!("Invalid client secret provided for app '{}'.", shown(client));
        Self::new("invalid_client", 7_000_215, description)
    }

    /// The application sent no secret.
    pub fn missing_secret() -> Self {
        Self::new("invalid_client", 7_000_218, "The request body must contain the parameter 'client_secret'.")
    }

    /// A parameter is missing.
    pub fn missing_parameter(name: &str) -> Self {
        let description = format!("The request must contain the parameter '{}'.", shown(name));
        Self::new("invalid_request", 900_144, description)
    }

    /// The request is malformed; `what` is for people.
    pub fn malformed(what: &str) -> Self {
        Self::new("invalid_request", 9_002_313, format!("Invalid request: {what}."))
    }

    /// The grant type is not one of ours.
    pub fn unsupported_grant(grant: &str) -> Self {
        let description = format!("The grant type '{}' is not supported.", shown(grant));
        Self::new("unsupported_grant_type", 70003, description)
    }

    /// The scope does not name one resource as `<audience>/.default`.
    pub fn invalid_scope(scope: &str) -> Self {
        let description = format!(
            "The scope '{}' is not valid: one resource is named as <audience>/.default.",
            shown(scope)
        );
        Self::new("invalid_scope", 70011, description)
    }

    /// The scope names a resource that this server does not have.
    pub fn unknown_resource(audience: &str) -> Self {
        let description = format!("The resource '{}' was not found in the tenant.", shown(audience));
        Self::new("invalid_resource", 500_011, description)
    }

    /// The redirect address is not one of the client's.
    pub fn redirect_mismatch(uri: &str) -> Self {
        let description = format!("The redirect URI '{}' is not registered for the application.", shown(uri));
        Self::new("invalid_request", 50011, description)
    }

    /// A public client came without a PKCE challenge of the method S256.
    pub fn challenge_required() -> Self {
        Self::new(
            "invalid_request",
            9_002_325,
            "A code_challenge with code_challenge_method=S256 is required.",
        )
    }

    /// The code, device code or refresh token is unknown, or belongs to another client, tenant or redirect
    /// address.
    pub fn invalid_grant() -> Self {
        Self::grant(70000, "The provided grant is invalid or malformed.")
    }

    /// The authorization code or refresh token has expired.
    pub fn grant_expired() -> Self {
        Self::grant(70008, "The provided authorization code or refresh token has expired. Sign in again.")
    }

    /// The code was redeemed before.
    pub fn already_redeemed() -> Self {
        Self::grant(54005, "The code was already redeemed. Sign in again.")
    }

    /// The verifier does not belong to the challenge.
    pub fn verifier_mismatch() -> Self {
        Self::grant(
            501_481,
            "The code_verifier does not match the code_challenge supplied in the authorization request.",
        )
    }

    /// The person has not decided yet: poll on.
    pub fn authorization_pending() -> Self {
        Self::new(
            "authorization_pending",
            70016,
            "The user has not finished signing in yet. Continue polling.",
        )
    }

    /// The client polls too fast (RFC 8628, section 3.5). Entra has no number for it and uses that of
    /// pending.
    pub fn slow_down() -> Self {
        Self::new("slow_down", 70016, "The client polls faster than the interval allows. Slow down.")
    }

    /// The device code was not used in time.
    pub fn device_code_expired() -> Self {
        Self::new("expired_token", 70019, "The device code has expired. Start the sign-in again.")
    }

    /// The user code on the sign-in page is wrong, used or expired.
    pub fn bad_user_code() -> Self {
        Self::grant(70018, "That code is not valid. Check it, or start again where you got it.")
    }

    /// The person refused on the sign-in page (Entra's word for RFC 8628's `access_denied`).
    pub fn declined() -> Self {
        Self::new("authorization_declined", 65004, "The user declined the sign-in.")
    }

    /// The instance that a client asks about is not this server.
    pub fn invalid_instance() -> Self {
        Self::new(
            "invalid_instance",
            50049,
            "Unknown or invalid instance: this server signs in to itself alone.",
        )
    }

    /// The server is too busy to look at the request.
    pub fn unavailable() -> Self {
        Self::new("temporarily_unavailable", 90033, "A transient error has occurred. Please try again.")
    }

    /// The server failed; the log says how.
    pub fn server_error() -> Self {
        Self::new(
            "server_error",
            50000,
            "The request could not be processed because of an error on the server.",
        )
    }

    /// Whether a throttle counts this refusal: somebody guessed wrong.
    pub fn is_wrong_guess(&self) -> bool {
        matches!(self.code, 50126 | 7_000_215)
    }

    /// The description as clients print it, e.g. `AADSTS50126: …`.
    pub fn text(&self) -> String {
        format!("AADSTS{}: {}", self.code, self.description)
    }

    /// The error document. az prints `error_description` and looks into `error_codes`.
    pub fn json(&self, trace: Uuid, correlation: Uuid, now: Timestamp) -> Value {
        let time = now.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
        let ids = format!("Trace ID: {trace} Correlation ID: {correlation}");
        let mut json = json!({
            "error": self.error,
            "error_description": format!("{} {ids} Timestamp: {time}", self.text()),
            "error_codes": [self.code],
            "timestamp": time,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        if let (Some(claims), Some(members)) = (&self.claims, json.as_object_mut()) {
            members.insert("claims".into(), claims.as_str().into());
            members.insert("suberror".into(), "basic_action".into());
        }
        json
    }
}

/// What of a client's text goes into a message: enough to recognise it, and nothing that breaks a line or a
/// page.
fn shown(text: &str) -> String {
    let plain = |c: &char| !c.is_control() && !matches!(c, '<' | '>' | '\'' | '"');
    text.chars().filter(plain).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_the_shape_that_msal_reads() {
        let now = Timestamp::from_second(1_770_802_200).unwrap();
        let (trace, correlation) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let expected = json!({
            "error": "invalid_grant",
            "error_description": "AADSTS50126: Error validating credentials due to invalid username or \
                password. Trace ID: 00000000-0000-0000-0000-000000000001 \
                Correlation ID: 00000000-0000-0000-0000-000000000002 Timestamp: 2026-02-11 09:30:00Z",
            "error_codes": [50126],
            "timestamp": "2026-02-11 09:30:00Z",
            "trace_id": "00000000-0000-0000-0000-000000000001",
            "correlation_id": "00000000-0000-0000-0000-000000000002",
        });
        assert_eq!(OAuthError::invalid_credentials().json(trace, correlation, now), expected);
    }

    #[test]
    fn a_step_up_tells_the_client_what_to_ask_for() {
        let asked =
            ClaimsRequest::parse(Some(r#"{"access_token":{"acrs":{"essential":true,"value":"c1"}}}"#));
        for (enrolled, code) in [(true, 50076), (false, 50079)] {
            let error = OAuthError::step_up(&asked, enrolled, "https://localhost/account/security");
            let json = error.json(Uuid::nil(), Uuid::nil(), Timestamp::UNIX_EPOCH);
            assert_eq!(
                (&json["error"], &json["error_codes"]),
                (&json!("interaction_required"), &json!([code]))
            );
            let claims = json["claims"].as_str().unwrap();
            assert_eq!(ClaimsRequest::parse(Some(claims)), asked);
            assert!(!error.is_wrong_guess());
        }
    }

    #[test]
    fn wrong_guesses_alone_are_counted() {
        for counted in [OAuthError::invalid_credentials(), OAuthError::invalid_secret("x")] {
            assert!(counted.is_wrong_guess());
        }
        let others = [
            OAuthError::mfa_required(),
            OAuthError::account_disabled(),
            OAuthError::locked(),
            OAuthError::unknown_application("x"),
            OAuthError::bad_user_code(),
        ];
        assert!(others.iter().all(|error| !error.is_wrong_guess()));
    }

    #[test]
    fn what_a_client_sent_is_cut_and_cleaned_in_messages() {
        let error = OAuthError::unknown_tenant(&format!("<script>\r\n{}", "x".repeat(1000)));
        assert!(error.description.len() < 260 && !error.description.contains(['<', '\n']));
    }
}
