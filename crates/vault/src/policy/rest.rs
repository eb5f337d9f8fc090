//! What in a policy nobody understands.
//!
//! It cannot be judged, so it may not change: a member that means nothing today may shorten a retention tomorrow
//! (contract 7.3 rule 5). The same holds for members that are known but mean nothing where they stand, such as the
//! weekdays of a daily schedule: another reader might follow them.

use std::collections::BTreeMap;

use arm::{Error, Fields, Result};
use serde_json::{Map, Value};

/// The members of a policy that are not understood, by their full name in lower case.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rest(BTreeMap<String, (String, Value)>);

impl Rest {
    /// Keeps all members of an object but the understood ones. What says nothing (null, `{}`, `[]`) is not kept.
    pub(super) fn keep_all_but(&mut self, fields: &Fields<'_>, understood: &[&str]) {
        for (name, value) in fields.members() {
            if !understood.iter().any(|other| name.eq_ignore_ascii_case(other)) {
                self.keep(&fields.name_of(name), value);
            }
        }
    }

    fn keep(&mut self, path: &str, value: &Value) {
        let value = plain(value);
        if !says_nothing(&value) {
            let shown = path.strip_prefix("properties.").unwrap_or(path).to_string();
            self.0.insert(path.to_ascii_lowercase(), (shown, value));
        }
    }

    /// Whether everything was understood.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names of the members that differ, appear or vanish.
    pub(super) fn differences<'a>(&'a self, other: &'a Self) -> Vec<&'a str> {
        let same = |key: &String, value: &Value| other.0.get(key).is_some_and(|(_, is)| is == value);
        let gone_or_changed = self.0.iter().filter(|(key, (_, value))| !same(key, value));
        let new = other.0.iter().filter(|(key, _)| !self.0.contains_key(*key));
        gone_or_changed.chain(new).map(|(_, (shown, _))| shown.as_str()).collect()
    }
}

/// Refuses an object in which two members differ by case only and say different things: each reader might follow
/// another one.
pub(super) fn refuse_ambiguity(value: &Value, path: &str) -> Result<()> {
    match value {
        Value::Object(members) => {
            let mut seen = BTreeMap::new();
            for (name, member) in members {
                let path = format!("{path}.{name}");
                let twin = seen.insert(name.to_ascii_lowercase(), member);
                if twin.is_some_and(|twin| plain(twin) != plain(member)) {
                    let message =
                        format!("'{path}' is there twice, in different spellings, with different values");
                    return Err(Error::invalid("InvalidRequestContent", message).with_target(path));
                }
                refuse_ambiguity(member, &path)?;
            }
            Ok(())
        }
        Value::Array(list) => list
            .iter()
            .enumerate()
            .try_for_each(|(index, element)| refuse_ambiguity(element, &format!("{path}[{index}]"))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// The same value without what says nothing, with names in lower case.
pub(super) fn plain(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let plain_member = |(name, member): (&String, &Value)| (name.to_ascii_lowercase(), plain(member));
            let members: Map<String, Value> =
                members.iter().map(plain_member).filter(|(_, member)| !says_nothing(member)).collect();
            Value::Object(members)
        }
        Value::Array(list) => Value::Array(list.iter().map(plain).collect()),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn says_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(members) => members.is_empty(),
        Value::Array(list) => list.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
