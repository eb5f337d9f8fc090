//! The `claims` parameter (OpenID Connect Core, section 5.5), as MSAL sends it: what the client can do, and what the
//! token has to say.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The longest `claims` parameter read, in bytes.
const MAX_BYTES: usize = 4096;
/// The longest id of an authentication context read, in bytes.
const MAX_CONTEXT_BYTES: usize = 16;
/// How many contexts may be named at once.
const MAX_CONTEXTS: usize = 8;

/// A `claims` parameter, taken apart.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimsRequest {
    /// Authentication contexts of which the token has to name one; none when nothing is demanded.
    pub contexts: BTreeSet<String>,
    /// What the client can do, to be repeated in the token. Only `CP1` ("can answer a claims challenge") is known.
    pub capabilities: Vec<String>,
}

impl ClaimsRequest {
    /// Reads the parameter. What cannot be read asks for nothing: the token then says no more than it would anyway.
    pub fn parse(claims: Option<&str>) -> Self {
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        let claims = claims.filter(|text| text.len() <= MAX_BYTES).and_then(read).unwrap_or_default();
        let can = claims.pointer("/access_token/xms_cc/values").and_then(Value::as_array);
        let can_answer = can.is_some_and(|values| values.iter().any(|value| value == "CP1"));
        Self {
            contexts: claims.pointer("/access_token/acrs").map(contexts).unwrap_or_default(),
            capabilities: if can_answer { vec!["CP1".into()] } else { Vec::new() },
        }
    }

    /// Whether a token that names these contexts is what was asked for.
    pub fn is_met_by(&self, contexts: &BTreeSet<String>) -> bool {
        self.contexts.is_empty() || !self.contexts.is_disjoint(contexts)
    }

    /// The demand as a claims challenge, for a client to repeat.
    pub fn challenge(&self) -> Value {
        json!({"access_token": {"acrs": {"essential": true, "values": self.contexts}}})
    }
}

/// What is wished for and not demanded is in the token anyway if it is so.
fn contexts(acrs: &Value) -> BTreeSet<String> {
    if acrs["essential"] != true {
        return BTreeSet::new();
    }
    let many = acrs["values"].as_array().map(Vec::as_slice).unwrap_or_default();
    let all = many.iter().chain([&acrs["value"]]).filter_map(Value::as_str);
    let plain = |id: &&str| {
        (1..=MAX_CONTEXT_BYTES).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric())
    };
    all.filter(plain).take(MAX_CONTEXTS).map(String::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_what_az_sends() {
        let sent = r#"{"access_token": {"xms_cc": {"values": ["CP1"]}}}"#;
        assert_eq!(ClaimsRequest::parse(Some(sent)).capabilities, ["CP1"]);
        for none in
            [None, Some(""), Some("{}"), Some("[1]"), Some(r#"{"access_token":{"xms_cc":{"values":["X"]}}}"#)]
        {
            assert_eq!(ClaimsRequest::parse(none), ClaimsRequest::default(), "{none:?}");
        }
    }

    #[test]
    fn contexts_are_read_if_they_are_demanded() {
        let read = |acrs: &str| {
            let asked = ClaimsRequest::parse(Some(&format!(r#"{{"access_token":{{"acrs":{acrs}}}}}"#)));
            Vec::from_iter(asked.contexts).join(" ")
        };
        assert_eq!(read(r#"{"essential":true,"value":"c1"}"#), "c1");
        assert_eq!(read(r#"{"essential":true,"values":["c2","p1"]}"#), "c2 p1");
        for nothing in
            [r#"{"value":"c1"}"#, r#"{"essential":false,"value":"c1"}"#, "null", "7", r#"{"essential":true}"#]
        {
            assert_eq!(read(nothing), "", "{nothing}");
        }
        assert_eq!(read(r#"{"essential":true,"values":["c1\"<x>", "", 7]}"#), "");
    }

    #[test]
    fn one_of_the_demanded_contexts_is_enough() {
        let asked =
            ClaimsRequest { contexts: BTreeSet::from(["c1".into(), "c2".into()]), ..Default::default() };
        let met = |contexts: &[&str]| asked.is_met_by(&contexts.iter().map(ToString::to_string).collect());
        assert!(met(&["c2", "p1"]) && !met(&["p1"]) && !met(&[]));
        assert!(ClaimsRequest::default().is_met_by(&BTreeSet::new()));
        let again = ClaimsRequest::parse(Some(&asked.challenge().to_string()));
        assert_eq!(again.contexts, asked.contexts, "a challenge asks for the same");
    }
}
