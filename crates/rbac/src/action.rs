//! Actions, which are asked for, and patterns of actions, which roles grant.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};

use arm::{Error, Result};
use serde::{Deserialize, Serialize};

/// The longest action or pattern accepted, in bytes. Azure's longest stay below 200.
pub const MAX_ACTION_BYTES: usize = 512;

/// One action, e.g. `Microsoft.RecoveryServices/Vaults/backupPolicies/write`: a namespace, at least one further
/// name, and a verb, which is `read`, `write`, `delete` or `action`.
///
/// It keeps the case it was given and compares without regard to it: Azure itself writes both `Vaults` and
/// `vaults`. Actions that are known beforehand are written with [`action!`](crate::action!).
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Action {
    text: Cow<'static, str>,
    /// The form in which it is compared: lower case.
    folded: Cow<'static, str>,
}

/// An [`Action`] that is known beforehand. A malformed one does not compile.
///
/// ```
/// const VAULT_READ: rbac::Action = rbac::action!("Microsoft.RecoveryServices/Vaults/read");
/// ```
/// ```compile_fail
/// const VAULT: rbac::Action = rbac::action!("Microsoft.RecoveryServices/Vaults");
/// ```
#[macro_export]
macro_rules! action {
    ($text:literal) => {
        const {
            const FOLDED: [u8; $text.len()] = $crate::Action::fold($text);
            $crate::Action::constant($text, &FOLDED)
        }
    };
}

impl Action {
    /// Reads an action.
    ///
    /// # Errors
    /// `InvalidAction` for a text that has not the form of one.
    pub fn parse(text: &str) -> Result<Self> {
        if is_action(text) {
            Ok(Self { text: text.to_string().into(), folded: text.to_ascii_lowercase().into() })
        } else {
            Err(Error::invalid(
                "InvalidAction",
                format!("'{}' is not an action such as 'Microsoft.Provider/type/read'", shorten(text)),
            ))
        }
    }

    /// What [`action!`](crate::action!) calls while compiling; nothing else should, because it panics.
    #[doc(hidden)]
    pub const fn constant(text: &'static str, folded: &'static [u8]) -> Self {
        assert!(is_action(text), "not an action: Namespace/type/verb");
        let folded = if let Ok(folded) = str::from_utf8(folded) { folded } else { "" };
        assert!(text.eq_ignore_ascii_case(folded), "not the same action");
        Self { text: Cow::Borrowed(text), folded: Cow::Borrowed(folded) }
    }

    /// The other thing that [`action!`](crate::action!) calls while compiling: the text in lower case.
    #[doc(hidden)]
    pub const fn fold<const LENGTH: usize>(text: &'static str) -> [u8; LENGTH] {
        // Of another length than the text it is another text, which `constant` sees.
        let mut folded =
            if let Some(letters) = text.as_bytes().first_chunk::<LENGTH>() { *letters } else { [0; LENGTH] };
        folded.make_ascii_lowercase();
        folded
    }

    /// The action in the case it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form in which it is compared.
    pub(crate) fn folded(&self) -> &str {
        &self.folded
    }
}

/// Whether a text is at least three names behind slashes, the last of them a verb.
const fn is_action(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let mut verb = rest;
    let mut names = 0;
    let mut in_name = false;
    while let [byte, behind @ ..] = rest {
        match *byte {
            b'/' if in_name => {
                names += 1;
                in_name = false;
                verb = behind;
            }
            byte if is_name_byte(byte) => in_name = true,
            _ => return false,
        }
        rest = behind;
    }
    names >= 2 && text.len() <= MAX_ACTION_BYTES && is_verb(verb)
}

const fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

const fn is_verb(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"read")
        || name.eq_ignore_ascii_case(b"write")
        || name.eq_ignore_ascii_case(b"delete")
        || name.eq_ignore_ascii_case(b"action")
}

/// The beginning of a text that a client sent, for an error message.
fn shorten(text: &str) -> String {
    text.chars().take(120).collect()
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Action {}

impl Hash for Action {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Action({})", self.text)
    }
}

impl TryFrom<String> for Action {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.message)
    }
}

impl From<Action> for String {
    fn from(action: Action) -> Self {
        action.text.into_owned()
    }
}

/// A pattern of actions, in which `*` stands for any run of characters, also an empty one and one with slashes.
/// Everything else stands for itself, without regard to case: also the `{operationName}` that Azure's own Backup
/// MUA Admin role holds, and which no action has.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ActionPattern {
    text: String,
    /// What stands between the wildcards, in the form in which actions are compared. One piece: no wildcard.
    pieces: Vec<String>,
}

impl ActionPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// `InvalidActionOrNotAction` for a text that is empty or too long, has an empty name, or has a character that
    /// no action has.
    pub fn parse(text: &str) -> Result<Self> {
        let allowed = |byte: u8| is_name_byte(byte) || matches!(byte, b'/' | b'*' | b'{' | b'}');
        let names = text.split('/').all(|name| !name.is_empty());
        if text.len() > MAX_ACTION_BYTES || !names || !text.bytes().all(allowed) {
            return Err(Error::invalid(
                "InvalidActionOrNotAction",
                format!(
                    "'{}' is not a pattern of actions such as 'Microsoft.Provider/*/read'",
                    shorten(text)
                ),
            ));
        }
        let pieces = text.to_ascii_lowercase().split('*').map(String::from).collect();
        Ok(Self { text: text.to_string(), pieces })
    }

    /// The pattern as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the pattern holds the action.
    pub fn matches(&self, action: &Action) -> bool {
        self.matches_folded(action.folded())
    }

    /// Takes the first piece off the front, the last off the back, and each one between where it comes first: a
    /// later place could only leave less room for those behind it. So nothing is tried twice, and since `str`
    /// finds a piece in linear time, the whole is linear in the lengths of pattern and action.
    pub(crate) fn matches_folded<'a>(&self, action: &'a str) -> bool {
        let [first, between @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|only| only == action);
        };
        let inner = action.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str()));
        let behind = |rest: &'a str, piece: &String| Some(rest.split_once(piece.as_str())?.1);
        inner.is_some_and(|inner| between.iter().try_fold(inner, behind).is_some())
    }
}

impl PartialEq for ActionPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text.eq_ignore_ascii_case(&other.text)
    }
}

impl Eq for ActionPattern {}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionPattern({})", self.text)
    }
}

impl TryFrom<String> for ActionPattern {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.message)
    }
}

impl From<ActionPattern> for String {
    fn from(pattern: ActionPattern) -> Self {
        pattern.text
    }
}

#[cfg(test)]
mod tests {
    use std::hash::{BuildHasher, RandomState};

    use proptest::prelude::*;

    use super::*;

    const READ: Action = action!("Microsoft.RecoveryServices/Vaults/read");

    fn matches(pattern: &str, action: &str) -> bool {
        ActionPattern::parse(pattern).unwrap().matches(&Action::parse(action).unwrap())
    }

    #[test]
    fn actions_compare_without_case_and_keep_theirs() {
        let other = Action::parse("microsoft.recoveryservices/vaults/READ").unwrap();
        assert_eq!(READ, other);
        let state = RandomState::new();
        assert_eq!(state.hash_one(&READ), state.hash_one(&other));
        assert_eq!(READ.to_string(), "Microsoft.RecoveryServices/Vaults/read");
    }

    #[test]
    fn what_is_no_action_is_refused() {
        let long = format!("a/{}/read", "b".repeat(MAX_ACTION_BYTES));
        for bad in [
            "",
            "read",
            "a/read",
            "/a/b/read",
            "a//read",
            "a/b/read/",
            "a/b/list",
            "a/*/read",
            "a/b c/read",
            "a/é/read",
            "a/{b}/read",
            &long,
        ] {
            let error = Action::parse(bad).unwrap_err();
            assert_eq!(error.code, "InvalidAction", "{bad}");
        }
    }

    #[test]
    fn a_star_stands_for_any_run_also_with_slashes() {
        assert!(matches("*", "A.B/c/read"));
        assert!(matches("*/read", "A.B/c/d/e/read"));
        assert!(matches("a.b/*", "A.B/c/read"));
        assert!(matches("A.B/*/Read", "a.b/c/d/read"));
        assert!(matches("A*B/c/*ead", "A.B/c/read"));
        assert!(matches("A.B/c/read", "a.b/C/READ"));
        assert!(matches("**/c/**", "A.B/c/read"));
        assert!(matches("A.B/c/*read", "A.B/c/read"));
    }

    #[test]
    fn the_pieces_of_a_pattern_neither_overlap_nor_go_missing() {
        assert!(!matches("A.B/c/read*read", "A.B/c/read"));
        assert!(!matches("A.B/*/read", "A.B/read/read/delete"));
        assert!(!matches("*/c/*/c/*", "A.B/c/read"));
        assert!(!matches("A.B/c", "A.B/c/read"));
        assert!(!matches("B/c/read", "A.B/c/read"));
        assert!(!matches("A.B/{any}/read", "A.B/c/read"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        let long = "a".repeat(MAX_ACTION_BYTES + 1);
        for bad in ["", "/", "a//b", "/a/b/read", "a/b/", "a/b?/read", "a/ b/read", "a/\u{e9}/*", &long] {
            let error = ActionPattern::parse(bad).unwrap_err();
            assert_eq!(error.code, "InvalidActionOrNotAction", "{bad}");
        }
    }

    /// The definition of `*`, straight and exponential.
    fn naive(pattern: &[u8], action: &[u8]) -> bool {
        match (pattern, action) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => (0..=action.len()).any(|skip| naive(rest, &action[skip..])),
            ([p, rest @ ..], [a, behind @ ..]) => p.eq_ignore_ascii_case(a) && naive(rest, behind),
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn matching_is_what_the_definition_says(pattern in "[aB*]{1,6}(/[aB*]{1,3}){0,2}(/(read|\\*))?", action in "[Ab]{1,4}(/[Ab]{1,3}){1,2}/(read|READ)") {
            let expected = naive(pattern.as_bytes(), action.as_bytes());
            prop_assert_eq!(matches(&pattern, &action), expected);
        }

        #[test]
        fn json_round_trips(text in "[A-Za-z.]{1,9}(/[A-Za-z*]{1,9}){0,4}") {
            let pattern = ActionPattern::parse(&text).unwrap();
            let json = serde_json::to_string(&pattern).unwrap();
            let read: ActionPattern = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read.as_str(), text);
        }
    }
}
