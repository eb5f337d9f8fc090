//! Scopes: which resource a token is for, and which OpenID extras are wanted.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::OAuthError;

/// The longest scope parameter accepted, in bytes.
const MAX_BYTES: usize = 1024;
/// What marks "all I may have of this resource".
const DEFAULT: &str = "/.default";

/// A scope parameter, taken apart. Its `Display` is what the token answer says was granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// The resource, exactly as the client wrote it: `https://localhost:8443`, or with a slash at the end
    /// when the client wrote `https://localhost:8443//.default`. `None` when only OpenID words were sent.
    pub audience: Option<String>,
    /// An ID token is wanted.
    pub openid: bool,
    /// Profile claims are wanted.
    pub profile: bool,
    /// A refresh token is wanted.
    pub offline_access: bool,
}

impl Scope {
    /// Reads a scope parameter. Only the suffix `/.default` is cut off, so an audience that ends in a slash
    /// keeps it (azure-clients 1.2).
    ///
    /// # Errors
    /// AADSTS70011 for two resources, or for one that is not named as `<audience>/.default`.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let mut scope = Self::default();
        if text.len() > MAX_BYTES {
            return Err(OAuthError::invalid_scope(text));
        }
        for word in text.split_ascii_whitespace() {
            match word {
                "openid" => scope.openid = true,
                "profile" => scope.profile = true,
                "offline_access" => scope.offline_access = true,
                "email" => {}
                resource => scope.add_resource(resource)?,
            }
        }
        Ok(scope)
    }

    fn add_resource(&mut self, resource: &str) -> Result<(), OAuthError> {
        let audience = resource
            .strip_suffix(DEFAULT)
            .filter(|audience| !audience.is_empty() && audience.chars().all(|c| c.is_ascii_graphic()))
            .ok_or_else(|| OAuthError::invalid_scope(resource))?;
        if self.audience.as_ref().is_some_and(|other| other != audience) {
            return Err(OAuthError::invalid_scope(resource));
        }
        self.audience = Some(audience.into());
        Ok(())
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let resource = self.audience.as_ref().map(|audience| format!("{audience}{DEFAULT}"));
        let extras =
            [(self.openid, "openid"), (self.profile, "profile"), (self.offline_access, "offline_access")];
        let extras = extras.into_iter().filter(|(wanted, _)| *wanted).map(|(_, word)| word.to_string());
        let words: Vec<String> = resource.into_iter().chain(extras).collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audience_is_taken_verbatim() {
        let cases = [
            ("https://localhost:8443/.default offline_access openid profile", Some("https://localhost:8443")),
            ("https://localhost:8443//.default", Some("https://localhost:8443/")),
            ("api://x/.default api://x/.default", Some("api://x")),
            ("openid", None),
            ("", None),
        ];
        for (text, audience) in cases {
            assert_eq!(Scope::parse(text).unwrap().audience.as_deref(), audience, "{text}");
        }
        let az = Scope::parse(cases[0].0).unwrap();
        assert!(az.openid && az.profile && az.offline_access);
    }

    #[test]
    fn what_was_granted_reads_like_what_was_asked() {
        for text in ["https://localhost:8443//.default openid profile offline_access", "openid", ""] {
            let scope = Scope::parse(text).unwrap();
            assert_eq!(scope.to_string(), text);
            assert_eq!(Scope::parse(&scope.to_string()).unwrap(), scope);
        }
    }

    #[test]
    fn other_scopes_are_refused() {
        let long = "x".repeat(2000);
        for bad in ["User.Read", "/.default", "a/.default b/.default", "a/.default/", "é/.default", &long] {
            assert_eq!(Scope::parse(bad).unwrap_err().code, 70011, "{bad}");
        }
    }
}
