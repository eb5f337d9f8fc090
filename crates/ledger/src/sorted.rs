//! The JSON of a value with the members of its objects in order, so that a hash of it means something.

use std::ops::Range;

use serde::Serialize;

/// The JSON of a value, without white space and with the members of objects in ascending order of their names: what
/// [`serde_json::Value`] writes, without making one.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn sorted_json(value: &impl Serialize) -> serde_json::Result<Vec<u8>> {
    let text = serde_json::to_vec(value)?;
    let mut sorted = Vec::with_capacity(text.len());
    match (Reader { rest: &text }).value(&mut sorted) {
        Some(()) => Ok(sorted),
        None => Ok(serde_json::to_value(value)?.to_string().into_bytes()),
    }
}

/// Reads JSON without white space, as the library writes it. What it leaves to the library, it answers with `None`.
struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Copies a value, with its members in order.
    fn value(&mut self, out: &mut Vec<u8>) -> Option<()> {
        match self.rest.first()? {
            b'{' => self.object(out),
            b'[' => self.array(out),
            b'"' => {
                out.extend_from_slice(self.string()?);
                Some(())
            }
            _ => {
                let end = self.rest.iter().position(|byte| matches!(byte, b',' | b']' | b'}'));
                out.extend_from_slice(self.take(end.unwrap_or(self.rest.len()))?);
                Some(())
            }
        }
    }

    fn array(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.byte(b'[', out)?;
        while *self.rest.first()? != b']' {
            self.value(out)?;
            if *self.rest.first()? == b',' {
                self.byte(b',', out)?;
            }
        }
        self.byte(b']', out)
    }

    fn object(&mut self, out: &mut Vec<u8>) -> Option<()> {
        self.byte(b'{', out)?;
        let start = out.len();
        let mut members: Vec<(&'a [u8], Range<usize>)> = Vec::new();
        let mut in_order = true;
        while *self.rest.first()? != b'}' {
            let from = out.len();
            let name = self.string()?;
            // Escaped, names would be compared otherwise than they read; and of two with one name, which counts?
            if name.contains(&b'\\') {
                return None;
            }
            in_order &= members.last().is_none_or(|(before, _)| unquoted(before) < unquoted(name));
            out.extend_from_slice(name);
            self.byte(b':', out)?;
            self.value(out)?;
            members.push((name, from - start..out.len() - start));
            if *self.rest.first()? == b',' {
                self.byte(b',', out)?;
            }
        }
        if !in_order {
            let written = out.split_off(start);
            members.sort_by(|(one, _), (other, _)| unquoted(one).cmp(unquoted(other)));
            let mut before = None;
            for (name, range) in members {
                if before.replace(name).is_some_and(|before| before == name) {
                    return None;
                }
                if out.len() > start {
                    out.push(b',');
                }
                out.extend_from_slice(written.get(range)?);
            }
        }
        self.byte(b'}', out)
    }

    /// A string with its quotes, as it is written.
    fn string(&mut self) -> Option<&'a [u8]> {
        let mut at = 1;
        loop {
            let next = self.rest.get(at..)?.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
            at += next + 1;
            match self.rest.get(at - 1)? {
                b'"' => return self.take(at),
                _ => at += 1,
            }
        }
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) -> Option<()> {
        self.rest = self.rest.strip_prefix(&[byte])?;
        out.push(byte);
        Some(())
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }
}

/// A name without the quotes around it.
fn unquoted(name: &[u8]) -> &[u8] {
    name.get(1..name.len().saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    /// Members in any order, and names that come twice.
    #[derive(Clone, Debug)]
    enum Unsorted {
        Leaf(Value),
        List(Vec<Unsorted>),
        Members(Vec<(String, Unsorted)>),
    }

    impl Serialize for Unsorted {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Leaf(value) => value.serialize(serializer),
                Self::List(list) => list.serialize(serializer),
                Self::Members(members) => {
                    serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
                }
            }
        }
    }

    fn any_unsorted() -> impl Strategy<Value = Unsorted> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_map(Unsorted::Leaf).prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Unsorted::List),
                prop::collection::vec(("[a-c!\"\\\\é ]{0,3}", inner), 0..6).prop_map(Unsorted::Members),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_is_what_a_value_writes(unsorted in any_unsorted()) {
            let expected = serde_json::to_value(&unsorted).unwrap().to_string();
            prop_assert_eq!(String::from_utf8(sorted_json(&unsorted).unwrap()).unwrap(), expected);
        }
    }

    #[test]
    fn a_name_that_begins_another_comes_first() {
        let unsorted = Unsorted::Members(
            ["ab", "a!", "a", "", "b"].map(|name| (name.to_string(), Unsorted::Leaf(json!(1)))).into(),
        );
        let text = String::from_utf8(sorted_json(&unsorted).unwrap()).unwrap();
        assert_eq!(text, r#"{"":1,"a":1,"a!":1,"ab":1,"b":1}"#);
    }
}
