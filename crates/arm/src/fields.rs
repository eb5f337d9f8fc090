//! Reading JSON that clients send: names compare without case, null counts as absent, and a wrong type is an error that
//! names the field.

use serde_json::{Map, Value};

use crate::{Error, ResourceId, Result};

/// A JSON object of a request, with the path that leads to it.
#[derive(Clone, Debug)]
pub struct Fields<'a> {
    object: Option<&'a Map<String, Value>>,
    path: String,
}

impl<'a> Fields<'a> {
    /// The members of a request's body. An absent body has none.
    ///
    /// # Errors
    /// `InvalidRequestContent` when the body is JSON, but no object.
    pub fn of(body: &'a Value) -> Result<Self> {
        Self::at(Some(body), String::new())
    }

    fn at(value: Option<&'a Value>, path: String) -> Result<Self> {
        match value {
            None | Some(Value::Null) => Ok(Self { object: None, path }),
            Some(Value::Object(object)) => Ok(Self { object: Some(object), path }),
            Some(_) => Err(wrong(&path, "an object")),
        }
    }

    /// The member with this name, unless it is absent or null.
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        let object = self.object?;
        let exact = object.get(name);
        let found =
            exact.or_else(|| object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v));
        found.filter(|value| !value.is_null())
    }

    /// Whether there is no object here at all.
    pub fn is_absent(&self) -> bool {
        self.object.is_none()
    }

    /// All members.
    pub fn members(&self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        self.object.into_iter().flatten()
    }

    /// The full name of a member, for messages.
    pub fn name_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_string() } else { format!("{}.{name}", self.path) }
    }

    /// A text.
    pub fn text(&self, name: &str) -> Result<Option<&'a str>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(&self.name_of(name), "a string")),
        }
    }

    /// A text that must be there and not be empty.
    pub fn required_text(&self, name: &str) -> Result<&'a str> {
        self.text(name)?.filter(|text| !text.trim().is_empty()).ok_or_else(|| self.missing(name))
    }

    /// True or false.
    pub fn boolean(&self, name: &str) -> Result<Option<bool>> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(_) => Err(wrong(&self.name_of(name), "true or false")),
        }
    }

    /// A whole number, not negative. `14.0` is one, as some clients write it.
    pub fn count(&self, name: &str) -> Result<Option<u64>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let whole = value.as_u64().or_else(|| {
            let number = value.as_f64()?;
            (number.fract() == 0.0 && (0.0..1e15).contains(&number)).then_some(())?;
            format!("{number:.0}").parse().ok()
        });
        whole.map(Some).ok_or_else(|| wrong(&self.name_of(name), "a whole number, not negative"))
    }

    /// An object; one that is absent has no members.
    pub fn object(&self, name: &str) -> Result<Fields<'a>> {
        Self::at(self.get(name), self.name_of(name))
    }

    /// A list; one that is absent is empty.
    pub fn list(&self, name: &str) -> Result<&'a [Value]> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(wrong(&self.name_of(name), "a list")),
        }
    }

    /// A list of texts; one that is absent is empty.
    pub fn texts(&self, name: &str) -> Result<Vec<&'a str>> {
        let text =
            |value: &'a Value| value.as_str().ok_or_else(|| wrong(&self.name_of(name), "a list of strings"));
        self.list(name)?.iter().map(text).collect()
    }

    /// A resource id.
    pub fn id(&self, name: &str) -> Result<Option<ResourceId>> {
        let parse =
            |text: &str| ResourceId::parse(text).map_err(|error| error.with_target(self.name_of(name)));
        self.text(name)?.filter(|text| !text.is_empty()).map(parse).transpose()
    }

    /// A list of resource ids; one that is absent is empty.
    pub fn ids(&self, name: &str) -> Result<Vec<ResourceId>> {
        let parse =
            |text: &str| ResourceId::parse(text).map_err(|error| error.with_target(self.name_of(name)));
        self.texts(name)?.into_iter().map(parse).collect()
    }

    /// The error for a member that must be there.
    pub fn missing(&self, name: &str) -> Error {
        let name = self.name_of(name);
        Error::invalid("InvalidRequestContent", format!("'{name}' is missing")).with_target(name)
    }

    /// The error for a member with a value that makes no sense.
    pub fn wrong(&self, name: &str, wanted: &str) -> Error {
        wrong(&self.name_of(name), wanted)
    }
}

fn wrong(path: &str, wanted: &str) -> Error {
    let name = if path.is_empty() { "the request body" } else { path };
    Error::invalid("InvalidRequestContent", format!("'{name}' must be {wanted}")).with_target(name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_compare_without_case_and_null_is_absent() {
        let body = json!({"Properties": {"resourceID": "/a/b", "x": null, "n": 14.0}});
        let fields = Fields::of(&body).unwrap().object("properties").unwrap();
        assert_eq!(fields.id("resourceId").unwrap().unwrap().as_str(), "/a/b");
        assert_eq!(fields.text("x").unwrap(), None);
        assert_eq!(fields.count("n").unwrap(), Some(14));
    }

    #[test]
    fn a_wrong_type_names_the_field() {
        let body = json!({"properties": {"location": 5, "n": -1, "list": "x"}});
        let fields = Fields::of(&body).unwrap().object("properties").unwrap();
        assert_eq!(fields.text("location").unwrap_err().target.as_deref(), Some("properties.location"));
        assert!(fields.count("n").is_err());
        assert!(fields.list("list").is_err());
        assert!(Fields::of(&json!([1])).is_err());
    }
}
