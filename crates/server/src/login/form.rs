//! Parameters of a request: of a query, or of a form in its body.

use std::collections::BTreeMap;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use directory::oauth::OAuthError;
use percent_encoding::percent_decode_str;

use super::answer;
use super::visit::Visit;
use crate::app::App;

/// The longest form read, in bytes. What clients send has one or two KiB.
const MAX_FORM_BYTES: usize = 64 * 1024;

/// Parameters by name. One without a value counts as absent (RFC 6749, section 3.1).
#[derive(Clone, Default)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads `application/x-www-form-urlencoded`.
    ///
    /// # Errors
    /// AADSTS9002313 for broken encoding, or for a parameter that comes twice: two readers of such a request may
    /// understand two things.
    pub fn parse(text: &str) -> Result<Self, OAuthError> {
        let decode = |part: &str| {
            percent_decode_str(&part.replace('+', " "))
                .decode_utf8()
                .map(|text| text.into_owned())
                .map_err(|_| OAuthError::malformed("a parameter is not UTF-8 in percent-encoding"))
        };
        let mut parameters = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            if parameters.insert(decode(name)?, decode(value)?).is_some() {
                return Err(OAuthError::malformed("a parameter is there twice"));
            }
        }
        Ok(Self(parameters))
    }

    /// A parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A parameter as an owned text.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(String::from)
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// AADSTS900144.
    pub fn need(&self, name: &str) -> Result<&str, OAuthError> {
        self.get(name).ok_or_else(|| OAuthError::missing_parameter(name))
    }

    async fn read(request: Request) -> Result<Self, OAuthError> {
        let kind = request.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let media_type = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
        if !media_type.is_some_and(|kind| kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
            return Err(OAuthError::malformed("the body must be application/x-www-form-urlencoded"));
        }
        let bytes = to_bytes(request.into_body(), MAX_FORM_BYTES)
            .await
            .map_err(|_| OAuthError::malformed("the body is longer than any form"))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| OAuthError::malformed("the body is not text"))?;
        Self::parse(text)
    }
}

impl FromRequest<App> for Form {
    type Rejection = Response;

    async fn from_request(request: Request, app: &App) -> Result<Self, Response> {
        let visit = Visit::of(app, request.headers());
        Self::read(request).await.map_err(|error| answer::refusal(app, visit, &error.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let form = Form::parse("a=1+2&b=%C3%A4%26&empty=&bare&&c==").unwrap();
        assert_eq!((form.get("a"), form.get("b")), (Some("1 2"), Some("ä&")));
        assert_eq!((form.get("empty"), form.get("bare")), (None, None));
        assert_eq!(form.get("c"), Some("="));
        assert_eq!(form.need("missing").unwrap_err().code, 900_144);
    }

    #[test]
    fn ambiguous_and_broken_forms_are_refused() {
        for bad in ["a=1&a=2", "a=1&%61=2", "a=%FF"] {
            assert!(Form::parse(bad).is_err(), "{bad}");
        }
    }
}
