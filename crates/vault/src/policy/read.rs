//! Reading the JSON of a policy: numbers in bounds, words from a list, times.
//!
//! Names and words compare without case, null counts as absent, and every error names the member at fault.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use arm::{Error, Fields, Result};
use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, tz::Offset};
use serde_json::{Value, json};

/// No count in a policy is larger, whatever it counts.
pub(super) const COUNTS: RangeInclusive<u32> = 1..=9999;

/// More run times than anybody writes down for one day.
const MAX_TIMES: usize = 100;

/// A moment as policies write it: the day tells in which week a schedule started, the rest is a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// The day.
    pub(super) date: Date,
    /// Seconds since midnight.
    pub(super) second: u32,
}

/// A number within bounds.
pub(super) fn number(fields: &Fields<'_>, name: &str, bounds: RangeInclusive<u32>) -> Result<Option<u32>> {
    let Some(number) = fields.count(name)? else {
        return Ok(None);
    };
    let within = u32::try_from(number).ok().filter(|number| bounds.contains(number));
    let wanted = || format!("a whole number from {} to {}", bounds.start(), bounds.end());
    within.map(Some).ok_or_else(|| fields.wrong(name, &wanted()))
}

/// A number within bounds that must be there.
pub(super) fn required_number(fields: &Fields<'_>, name: &str, bounds: RangeInclusive<u32>) -> Result<u32> {
    number(fields, name, bounds)?.ok_or_else(|| fields.missing(name))
}

/// One word of a list.
pub(super) fn word<T: Copy>(fields: &Fields<'_>, name: &str, list: &[(&str, T)]) -> Result<Option<T>> {
    let Some(text) = fields.text(name)? else {
        return Ok(None);
    };
    meaning(text, list).map(Some).ok_or_else(|| not_in_list(fields, name, list))
}

/// One word of a list that must be there.
pub(super) fn required_word<T: Copy>(fields: &Fields<'_>, name: &str, list: &[(&str, T)]) -> Result<T> {
    word(fields, name, list)?.ok_or_else(|| fields.missing(name))
}

/// Words of a list, at least one.
pub(super) fn required_words<T: Copy + Ord>(
    fields: &Fields<'_>,
    name: &str,
    list: &[(&str, T)],
) -> Result<BTreeSet<T>> {
    let texts = fields.texts(name)?;
    if texts.is_empty() {
        return Err(fields.missing(name));
    }
    let one = |text: &str| meaning(text, list).ok_or_else(|| not_in_list(fields, name, list));
    texts.into_iter().map(one).collect()
}

/// A moment that must be there.
pub(super) fn required_moment(fields: &Fields<'_>, name: &str) -> Result<Moment> {
    let text = fields.text(name)?.ok_or_else(|| fields.missing(name))?;
    moment(text).ok_or_else(|| fields.wrong(name, "a time such as 2026-01-01T02:00:00Z"))
}

/// A list of moments; one that is absent is empty.
pub(super) fn moments(fields: &Fields<'_>, name: &str) -> Result<Vec<Moment>> {
    let texts = fields.texts(name)?;
    if texts.len() > MAX_TIMES {
        return Err(fields.wrong(name, "a list of at most 100 times"));
    }
    let one = |text: &str| {
        moment(text).ok_or_else(|| fields.wrong(name, "a list of times such as 2026-01-01T02:00:00Z"))
    };
    texts.into_iter().map(one).collect()
}

/// A list of times of day, in seconds since midnight; one that is absent is empty.
pub(super) fn times(fields: &Fields<'_>, name: &str) -> Result<BTreeSet<u32>> {
    Ok(moments(fields, name)?.into_iter().map(|moment| moment.second).collect())
}

/// Reads every object of a list. `label` names an element, and is part of its full name.
pub(super) fn each<T>(
    fields: &Fields<'_>,
    name: &str,
    label: impl Fn(usize, &Value) -> String,
    mut read: impl FnMut(&Fields<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let one = |(index, element): (usize, &Value)| {
        let path = format!("{}[{}]", fields.name_of(name), label(index, element));
        let alone = json!({ path.as_str(): element });
        read(&Fields::of(&alone)?.object(&path)?)
    };
    fields.list(name)?.iter().enumerate().map(one).collect()
}

/// A moment, if it is one.
pub(super) fn moment(text: &str) -> Option<Moment> {
    let absolute = text.parse::<Timestamp>().ok().map(|at| Offset::UTC.to_datetime(at));
    let at = absolute.or_else(|| text.parse::<DateTime>().ok())?;
    let minutes =
        u32::try_from(at.hour()).ok()?.saturating_mul(60).saturating_add(u32::try_from(at.minute()).ok()?);
    let second = minutes.saturating_mul(60).saturating_add(u32::try_from(at.second()).ok()?);
    Some(Moment { date: at.date(), second })
}

fn meaning<T: Copy>(text: &str, list: &[(&str, T)]) -> Option<T> {
    list.iter().find(|(word, _)| word.eq_ignore_ascii_case(text)).map(|(_, meaning)| *meaning)
}

fn not_in_list<T>(fields: &Fields<'_>, name: &str, list: &[(&str, T)]) -> Error {
    let words: Vec<&str> = list.iter().map(|(word, _)| *word).collect();
    fields.wrong(name, &format!("one of {}", words.join(", ")))
}
