//! Reading JSON that a client sent: `null` is absence, unknown fields are ignored, a wrong type is an error that names
//! the field.

use std::str::FromStr;

use arm::{Error, Result};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::refusal::content;

/// One JSON object of a request, and where in the request it stands.
pub(crate) struct Reader<'a> {
    object: &'a Map<String, Value>,
    path: String,
}

impl<'a> Reader<'a> {
    /// The body itself.
    pub(crate) fn root(body: &'a Value) -> Result<Self> {
        let object = body.as_object().ok_or_else(|| content("", "the request body must be a JSON object"))?;
        Ok(Self { object, path: String::new() })
    }

    /// The body's `properties`.
    pub(crate) fn properties(body: &'a Value) -> Result<Self> {
        Self::root(body)?
            .object("properties")?
            .ok_or_else(|| content("properties", "the request body must have an object `properties`"))
    }

    /// The full name of a field, for errors.
    pub(crate) fn field(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_string(),
            path => format!("{path}.{key}"),
        }
    }

    /// An error about a field.
    pub(crate) fn wrong(&self, key: &str, expected: &str) -> Error {
        let field = self.field(key);
        let message = format!("`{field}` must be {expected}");
        content(&field, message)
    }

    fn value(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    pub(crate) fn object(&self, key: &str) -> Result<Option<Self>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let object = value.as_object().ok_or_else(|| self.wrong(key, "an object"))?;
        Ok(Some(Self { object, path: self.field(key) }))
    }

    pub(crate) fn text(&self, key: &str) -> Result<Option<&'a str>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(key, "a string")),
        }
    }

    /// A text that says something; the empty one counts as absent.
    pub(crate) fn filled(&self, key: &str) -> Result<Option<&'a str>> {
        Ok(self.text(key)?.map(str::trim).filter(|text| !text.is_empty()))
    }

    /// `true` or `false`, which some scripts send as strings and Azure takes.
    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Bool(flag)) => Ok(Some(*flag)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
            Some(Value::String(text)) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// A whole number between two others, both included.
    pub(crate) fn number(&self, key: &str, least: u8, most: u8) -> Result<Option<u8>> {
        let Some(value) = self.value(key) else {
            return Ok(None);
        };
        let number = value.as_u64().and_then(|number| u8::try_from(number).ok());
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(self.wrong(key, &format!("a whole number from {least} to {most}"))),
        }
    }

    pub(crate) fn list(&self, key: &str) -> Result<Option<&'a [Value]>> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::Array(list)) => Ok(Some(list)),
            Some(_) => Err(self.wrong(key, "a list")),
        }
    }

    /// A list of objects.
    pub(crate) fn objects(&self, key: &str) -> Result<Option<Vec<Self>>> {
        let Some(list) = self.list(key)? else {
            return Ok(None);
        };
        let object = |(at, value): (usize, &'a Value)| match value.as_object() {
            Some(object) => Ok(Self { object, path: format!("{}[{at}]", self.field(key)) }),
            None => Err(self.wrong(key, "a list of objects")),
        };
        list.iter().enumerate().map(object).collect::<Result<_>>().map(Some)
    }

    /// A list of texts.
    pub(crate) fn texts(&self, key: &str) -> Result<Option<Vec<&'a str>>> {
        let Some(list) = self.list(key)? else {
            return Ok(None);
        };
        let text = |value: &'a Value| value.as_str().ok_or_else(|| self.wrong(key, "a list of strings"));
        list.iter().map(text).collect::<Result<_>>().map(Some)
    }

    /// One of the API's words, in any case.
    pub(crate) fn word<T: Copy>(&self, key: &str, words: &[(&str, T)]) -> Result<Option<T>> {
        let Some(text) = self.filled(key)? else {
            return Ok(None);
        };
        match words.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)) {
            Some((_, value)) => Ok(Some(*value)),
            None => {
                let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                Err(self.wrong(key, &format!("one of {}", known.join(", "))))
            }
        }
    }

    /// A GUID-shaped id.
    pub(crate) fn id<T: FromStr>(&self, key: &str) -> Result<Option<T>> {
        let Some(text) = self.filled(key)? else {
            return Ok(None);
        };
        text.parse().map(Some).map_err(|_| self.wrong(key, "a GUID"))
    }

    /// A GUID, or a resource id whose last segment is one.
    pub(crate) fn last_id<T: FromStr>(&self, key: &str) -> Result<Option<T>> {
        let Some(text) = self.filled(key)? else {
            return Ok(None);
        };
        let last = text.rsplit('/').next().unwrap_or_default();
        let id = last.parse().map_err(|_| self.wrong(key, "a GUID or a resource id that ends in one"))?;
        Ok(Some(id))
    }

    /// An instant, with any offset; one without an offset is in UTC, as .NET services read it.
    pub(crate) fn instant(&self, key: &str) -> Result<Option<Timestamp>> {
        let Some(text) = self.filled(key)? else {
            return Ok(None);
        };
        let plain = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
        match text.parse().ok().or_else(|| Some(plain()?.timestamp())) {
            Some(at) => Ok(Some(at)),
            None => Err(self.wrong(key, "a date and time such as 2026-02-01T09:30:00Z")),
        }
    }
}
