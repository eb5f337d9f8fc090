//! Canonical JSON: one sequence of bytes for one value, so that a hash of it means something.
//!
//! The rules are those of RFC 8785, cut down to what is used here:
//!
//! - UTF-8, without white space between tokens and without a newline at the end;
//! - the members of an object in ascending order of their names, compared code point by code point (RFC 8785
//!   compares UTF-16 units; the two differ only for names beyond the basic plane, which ours never are but a
//!   fact's name may be);
//! - in strings, `"` and `\` behind a backslash; the control characters below U+0020 as `\b`, `\t`, `\n`,
//!   `\f`, `\r` or else `\u00xx` with lower-case digits; everything else as itself. No normalisation: two
//!   texts that merely look alike stay two;
//! - numbers are integers in decimal digits, with `-` before a negative one, no other sign and no leading zero;
//! - no `null`: what is absent is left out. An empty list or object is not absent, and is written.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

/// A value that has a canonical form. There is no variant for what has none.
pub(crate) enum Node<'a> {
    Text(Cow<'a, str>),
    Integer(i128),
    Truth(bool),
    List(Vec<Node<'a>>),
    /// `BTreeMap` sorts text by its UTF-8 bytes, which is the order of code points.
    Object(BTreeMap<&'a str, Node<'a>>),
}

/// A JSON value that has no canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncanonical {
    /// Leave the member out instead.
    #[error("a null has no canonical form")]
    Null,
    /// A fraction, an exponent, or an integer beyond 64 bits.
    #[error("a number that is not a 64-bit integer has no canonical form")]
    NotAnInteger,
}

/// The canonical form of a JSON value, e.g. of a change whose [digest](crate::Digest::of) goes into an entry.
///
/// # Errors
/// [`Uncanonical`] for a value that holds a null, or a number that is not an integer.
pub fn canonical_json(value: &Value) -> Result<Vec<u8>, Uncanonical> {
    node(value).map(|node| node.to_bytes())
}

fn node(value: &Value) -> Result<Node<'_>, Uncanonical> {
    Ok(match value {
        Value::Null => return Err(Uncanonical::Null),
        Value::Bool(truth) => Node::Truth(*truth),
        Value::Number(number) => Node::Integer(number.as_i128().ok_or(Uncanonical::NotAnInteger)?),
        Value::String(text) => Node::Text(text.into()),
        Value::Array(items) => Node::List(items.iter().map(node).collect::<Result<_, _>>()?),
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| Ok((name.as_str(), node(value)?)));
            Node::Object(members.collect::<Result<_, _>>()?)
        }
    })
}

impl Node<'_> {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut out = String::new();
        self.write(&mut out);
        out.into_bytes()
    }

    fn write(&self, out: &mut String) {
        match self {
            Self::Text(text) => write_text(text, out),
            Self::Integer(number) => out.push_str(&number.to_string()),
            Self::Truth(truth) => out.push_str(if *truth { "true" } else { "false" }),
            Self::List(items) => {
                out.push('[');
                for (at, item) in items.iter().enumerate() {
                    write_comma(at, out);
                    item.write(out);
                }
                out.push(']');
            }
            Self::Object(members) => {
                out.push('{');
                for (at, (name, value)) in members.iter().enumerate() {
                    write_comma(at, out);
                    write_text(name, out);
                    out.push(':');
                    value.write(out);
                }
                out.push('}');
            }
        }
    }
}

fn write_comma(at: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c < ' ' => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn canonical(value: &Value) -> String {
        String::from_utf8(canonical_json(value).unwrap()).unwrap()
    }

    #[test]
    fn members_are_sorted_and_strings_minimally_escaped() {
        let value =
            json!({"b": [1, -2, true], "a": {"z": "", "é": {}, "B": []}, "": "\"\\/\u{0}\u{1f}\u{7f}\n€"});
        let expected = "{\"\":\"\\\"\\\\/\\u0000\\u001f\u{7f}\\n€\",\"a\":{\"B\":[],\"z\":\"\",\"é\":{}},\"b\":[1,-2,true]}";
        assert_eq!(canonical(&value), expected);
    }

    #[test]
    fn names_are_ordered_by_code_point() {
        // U+FF5E sorts before U+1F600 here; by UTF-16 units it would be the other way round.
        assert_eq!(canonical(&json!({"😀": 1, "～": 2})), "{\"～\":2,\"😀\":1}");
    }

    #[test]
    fn what_has_no_canonical_form_is_refused() {
        assert_eq!(canonical_json(&json!({"a": [null]})), Err(Uncanonical::Null));
        assert_eq!(canonical_json(&json!([1.0])), Err(Uncanonical::NotAnInteger));
        assert_eq!(canonical(&json!([u64::MAX, i64::MIN])), format!("[{},{}]", u64::MAX, i64::MIN));
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::hash_map(any::<String>(), inner, 0..6)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_json_of_the_same_value_and_stable(value in any_value()) {
            let bytes = canonical_json(&value).unwrap();
            let read: Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(&read, &value);
            prop_assert_eq!(canonical_json(&read).unwrap(), bytes);
        }
    }
}
