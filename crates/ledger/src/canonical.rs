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

use std::fmt::{self, Write as _};

use serde_json::Value;

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
    let mut out = String::new();
    write_value(value, &mut out)?;
    Ok(out.into_bytes())
}

fn write_value(value: &Value, out: &mut String) -> Result<(), Uncanonical> {
    match value {
        Value::Null => return Err(Uncanonical::Null),
        Value::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Value::Number(number) => {
            let number = number.as_i128().ok_or(Uncanonical::NotAnInteger)?;
            out.push_str(&number.to_string());
        }
        Value::String(text) => write_text(text, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                write_comma(at, out);
                write_value(item, out)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut members: Vec<(&String, &Value)> = members.iter().collect();
            // Text is ordered by its UTF-8 bytes, which is the order of code points.
            members.sort_by_key(|(name, _)| *name);
            out.push('{');
            for (at, (name, value)) in members.into_iter().enumerate() {
                write_comma(at, out);
                write_text(name, out);
                out.push(':');
                write_value(value, out)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// An object being written. Whoever writes it gives the members in their order.
pub(crate) struct Object<'a> {
    out: &'a mut String,
    last: Option<&'static str>,
}

impl<'a> Object<'a> {
    /// Writes an object.
    pub(crate) fn write(out: &'a mut String, members: impl FnOnce(&mut Object<'_>)) {
        out.push('{');
        members(&mut Object { out, last: None });
        out.push('}');
    }

    /// Begins a member, whose value is to follow.
    fn name(&mut self, name: &'static str) {
        debug_assert!(self.last.is_none_or(|last| last < name), "`{name}` is out of order");
        write_comma(usize::from(self.last.is_some()), self.out);
        self.last = Some(name);
        write_text(name, self.out);
        self.out.push(':');
    }

    pub(crate) fn text(&mut self, name: &'static str, text: &str) {
        self.name(name);
        write_text(text, self.out);
    }

    /// Something that is written as a text which needs no escapes, such as a UUID or a time.
    pub(crate) fn plain(&mut self, name: &'static str, value: impl fmt::Display) {
        self.name(name);
        // Writing into a string cannot fail.
        let _ = write!(self.out, "\"{value}\"");
    }

    pub(crate) fn integer(&mut self, name: &'static str, number: u64) {
        self.name(name);
        let _ = write!(self.out, "{number}");
    }

    pub(crate) fn list<T>(
        &mut self,
        name: &'static str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(T, &mut String),
    ) {
        self.name(name);
        self.out.push('[');
        for (at, item) in items.into_iter().enumerate() {
            write_comma(at, self.out);
            write(item, self.out);
        }
        self.out.push(']');
    }

    /// An object whose members' names are not known beforehand, in their order.
    pub(crate) fn texts<'t>(
        &mut self,
        name: &'static str,
        members: impl IntoIterator<Item = (&'t String, &'t String)>,
    ) {
        self.name(name);
        self.out.push('{');
        for (at, (name, value)) in members.into_iter().enumerate() {
            write_comma(at, self.out);
            write_text(name, self.out);
            self.out.push(':');
            write_text(value, self.out);
        }
        self.out.push('}');
    }

    pub(crate) fn object(&mut self, name: &'static str, members: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        Object::write(self.out, members);
    }
}

fn write_comma(at: usize, out: &mut String) {
    if at > 0 {
        out.push(',');
    }
}

pub(crate) fn write_text(text: &str, out: &mut String) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.bytes().position(|byte| byte < b' ' || byte == b'"' || byte == b'\\') {
        let Some((plain, escaped)) = rest.split_at_checked(at) else { break };
        out.push_str(plain);
        let mut escaped = escaped.chars();
        match escaped.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\u{8}') => out.push_str("\\b"),
            Some('\t') => out.push_str("\\t"),
            Some('\n') => out.push_str("\\n"),
            Some('\u{c}') => out.push_str("\\f"),
            Some('\r') => out.push_str("\\r"),
            other => {
                let _ = other.map(|c| write!(out, "\\u{:04x}", u32::from(c)));
            }
        }
        rest = escaped.as_str();
    }
    out.push_str(rest);
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
